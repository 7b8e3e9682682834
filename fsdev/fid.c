/* SPDX-License-Identifier: Apache-2.0 */
/* The files of a session, by the numbers that its driver chose. */
#include "fsdev/9p-priv.h"

#include "util/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <unistd.h>

static void *fid_key(uint32_t id)
{
    return GUINT_TO_POINTER(id);
}

Fid *fid_get(FsSession *s, uint32_t id)
{
    Fid *f;

    mutex_lock(&s->lock);
    f = g_hash_table_lookup(s->fids, fid_key(id));
    if (f) {
        g_atomic_int_inc(&f->refs);
    }
    mutex_unlock(&s->lock);
    return f;
}

void fid_unref(Fid *f)
{
    if (!f || !g_atomic_int_dec_and_test(&f->refs)) {
        return;
    }
    if (f->dir) {
        closedir(f->dir);
    } else if (f->fd >= 0) {
        close(f->fd);
    }
    mutex_deinit(&f->lock);
    g_free(f->path);
    g_free(f->xattr);
    g_free(f->buf);
    g_free(f);
}

int fid_add(FsSession *s, uint32_t id, const char *path, uint32_t uid, bool replace)
{
    Fid *f, *old;

    mutex_lock(&s->lock);
    old = g_hash_table_lookup(s->fids, fid_key(id));
    if ((old && !replace) || g_hash_table_size(s->fids) >= P9_FIDS_MAX) {
        mutex_unlock(&s->lock);
        return old && !replace ? -EBADF : -ENFILE;
    }
    f = g_new0(Fid, 1);
    f->refs = 1;
    f->id = id;
    f->fd = -1;
    f->uid = uid;
    f->path = g_strdup(path);
    mutex_init(&f->lock);
    g_hash_table_replace(s->fids, fid_key(id), f);
    mutex_unlock(&s->lock);
    fid_unref(old);
    return 0;
}

int fid_fd(Fid *f)
{
    int fd;

    mutex_lock(&f->lock);
    fd = f->fd;
    mutex_unlock(&f->lock);
    return fd;
}

Fid *fid_take(FsSession *s, uint32_t id)
{
    Fid *f;

    mutex_lock(&s->lock);
    f = g_hash_table_lookup(s->fids, fid_key(id));
    if (f) {
        g_hash_table_remove(s->fids, fid_key(id));
    }
    mutex_unlock(&s->lock);
    return f;
}

void fid_forget_all(FsSession *s)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    GHashTableIter at;
    void *f;

    mutex_lock(&s->lock);
    g_hash_table_iter_init(&at, s->fids);
    while (g_hash_table_iter_next(&at, NULL, &f)) {
        g_ptr_array_add(all, f);
    }
    g_hash_table_remove_all(s->fids);
    mutex_unlock(&s->lock);
    for (unsigned i = 0; i < all->len; i++) {
        fid_unref(all->pdata[i]);
    }
}

void fid_moved(FsSession *s, const char *from, const char *to)
{
    size_t len = strlen(from);
    GHashTableIter at;
    void *p;

    mutex_lock(&s->lock);
    g_hash_table_iter_init(&at, s->fids);
    while (g_hash_table_iter_next(&at, NULL, &p)) {
        Fid *f = p;

        if (!strncmp(f->path, from, len) && (!f->path[len] || f->path[len] == '/')) {
            char *path = g_strconcat(to, f->path + len, NULL);

            g_free(f->path);
            f->path = path;
        }
    }
    mutex_unlock(&s->lock);
}

/* ---- In a saved state ---- */

static void save_int(GByteArray *a, unsigned size, uint64_t v)
{
    uint8_t b[8];

    put_le64(b, v);
    g_byte_array_append(a, b, size);
}

static void save_bytes(GByteArray *a, const void *p, size_t len)
{
    save_int(a, 4, len);
    if (len) {
        g_byte_array_append(a, p, (guint)len);
    }
}

GBytes *fs_session_save(FsSession *s)
{
    GByteArray *a = g_byte_array_new();
    GHashTableIter at;
    void *p;

    mutex_lock(&s->lock);
    save_int(a, 1, s->talks);
    save_int(a, 4, s->msize);
    g_hash_table_iter_init(&at, s->fids);
    while (g_hash_table_iter_next(&at, NULL, &p)) {
        const Fid *f = p;

        save_int(a, 4, f->id);
        save_int(a, 4, f->uid);
        save_int(a, 1, f->kind);
        save_int(a, 4, (uint32_t)f->flags);
        save_int(a, 4, (uint32_t)f->xattr_flags);
        save_bytes(a, f->path, strlen(f->path));
        save_bytes(a, f->xattr, f->xattr ? strlen(f->xattr) : 0);
        save_int(a, 8, f->len);
        save_bytes(a, f->buf, f->size);
    }
    mutex_unlock(&s->lock);
    return g_byte_array_free_to_bytes(a);
}

typedef struct FidReader {
    const uint8_t *p;
    size_t left;
    bool bad;
} FidReader;

static uint64_t load_int(FidReader *r, unsigned size)
{
    uint64_t v = 0;

    if (r->left < size) {
        r->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < size; i++) {
        v |= (uint64_t)r->p[i] << (8 * i);
    }
    r->p += size;
    r->left -= size;
    return v;
}

static const uint8_t *load_bytes(FidReader *r, uint32_t *len)
{
    const uint8_t *p;

    *len = (uint32_t)load_int(r, 4);
    if (r->left < *len) {
        r->bad = true;
        *len = 0;
    }
    p = r->p;
    r->p += *len;
    r->left -= *len;
    return p;
}

/* Every name of a path is one that a guest may say. */
static bool load_path_is_fine(const FsDev *f, const char *path)
{
    g_auto(GStrv) names = g_strsplit(path, "/", -1);

    for (unsigned i = 0; names[i]; i++) {
        if (!fs_name_is_fine(f, names[i], strlen(names[i]))) {
            return false;
        }
    }
    return true;
}

/* What is not there any more answers its reads and writes with an error. */
static void load_open(FsSession *s, Fid *f)
{
    if (f->kind == FID_FILE) {
        f->fd = fs_open(s->f, f->path, f->flags & ~(O_CREAT | O_EXCL | O_TRUNC));
    } else if (f->kind == FID_DIR) {
        f->fd = fs_open(s->f, f->path, O_RDONLY | O_DIRECTORY);
        f->dir = f->fd >= 0 ? fdopendir(f->fd) : NULL;
    }
}

static bool load_fid(FsSession *s, FidReader *r)
{
    uint32_t id = (uint32_t)load_int(r, 4), uid = (uint32_t)load_int(r, 4), len;
    FidKind kind = (FidKind)load_int(r, 1);
    int flags = (int)load_int(r, 4), xattr_flags = (int)load_int(r, 4);
    const uint8_t *p = load_bytes(r, &len);
    g_autofree char *path = g_strndup((const char *)p, len);
    Fid *f;

    if (r->bad || kind > FID_XATTR_WRITE || (len && !load_path_is_fine(s->f, path)) ||
        fid_add(s, id, path, uid, false)) {
        return false;
    }
    f = fid_get(s, id);
    f->kind = kind;
    f->flags = flags;
    f->xattr_flags = xattr_flags;
    p = load_bytes(r, &len);
    f->xattr = g_strndup((const char *)p, len);
    f->len = load_int(r, 8);
    p = load_bytes(r, &len);
    f->size = len;
    f->buf = g_memdup2(p, len);
    load_open(s, f);
    fid_unref(f);
    return !r->bad && f->len <= f->size;
}

bool fs_session_load(FsSession *s, const uint8_t *data, size_t len, GError **err)
{
    FidReader r = { data, len, false };
    bool ok = true;

    fs_session_reset(s);
    if (!len) {
        return true;
    }
    __atomic_store_n(&s->talks, load_int(&r, 1) != 0, __ATOMIC_RELEASE);
    s->msize = (uint32_t)load_int(&r, 4);
    ok = s->msize >= FS_MSIZE_MIN && s->msize <= FS_MSIZE_MAX;
    while (ok && r.left) {
        ok = load_fid(s, &r);
    }
    if (!ok || r.bad) {
        fs_session_reset(s);
        return error_set(err, "the files of 9p do not hold together");
    }
    return true;
}
