/* SPDX-License-Identifier: Apache-2.0 */
/* Messages on names: connecting, walking, attributes, making, moving and removing. */
#include "fsdev/9p-priv.h"

#include "util/bits.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

/* ---- Connecting ---- */

int p9_version(P9Request *r, FsSession *s)
{
    uint32_t msize = (uint32_t)p9_get(r, 4);
    g_autofree char *version = p9_get_str(r);
    bool ours = version && !strcmp(version, "9P2000.L");

    if (r->bad || msize < FS_MSIZE_MIN) {
        return -EMSGSIZE;
    }
    msize = MIN(msize, FS_MSIZE_MAX);
    fid_forget_all(s);
    __atomic_store_n(&s->msize, msize, __ATOMIC_RELAXED);
    __atomic_store_n(&s->talks, ours, __ATOMIC_RELEASE);
    p9_put(r, 4, msize);
    p9_put_str(r, ours ? version : "unknown");
    return 0;
}

int p9_attach(P9Request *r, FsSession *s)
{
    uint32_t id = (uint32_t)p9_get(r, 4), uid;
    g_autofree char *user = NULL, *tree = NULL;
    struct stat st;
    int ret;

    p9_get(r, 4); /* there is no authentication */
    user = p9_get_str(r);
    tree = p9_get_str(r);
    uid = (uint32_t)p9_get(r, 4);
    if (r->bad) {
        return -EPROTO;
    }
    ret = fs_stat(s->f, "", &st);
    ret = ret ? ret : fid_add(s, id, "", uid, false);
    return ret ? ret : p9_put_qid(r, &st);
}

/* ---- Walking ---- */

/* One name on from @path. */
static int walk_step(P9Request *r, FsSession *s, char **path, const char *name)
{
    struct stat st;
    char *next, *slash;
    int ret;

    if (!strcmp(name, "..")) {
        slash = strrchr(*path, '/');
        next = g_strndup(*path, slash ? (size_t)(slash - *path) : 0);
    } else if (!strcmp(name, ".") || !fs_name_is_fine(s->f, name, strlen(name)) ||
               strlen(*path) + strlen(name) >= P9_PATH_MAX) {
        return -ENOENT;
    } else {
        next = fs_join(*path, name);
    }
    g_free(*path);
    *path = next;
    ret = fs_stat(s->f, next, &st);
    return ret ? ret : p9_put_qid(r, &st);
}

static int walk_names(P9Request *r, FsSession *s, Fid *f, uint32_t to, unsigned n)
{
    g_autofree char *path = g_strdup(f->path);
    uint32_t count_at = r->n;
    unsigned done = 0;
    int ret = 0;

    p9_put(r, 2, 0);
    for (; done < n; done++) {
        g_autofree char *name = p9_get_str(r);
        uint32_t before = r->n;

        if (r->bad) {
            return -EPROTO;
        }
        ret = walk_step(r, s, &path, name);
        if (ret) {
            r->n = before;
            break;
        }
    }
    if (ret && !done) {
        return ret;
    }
    r->ans[count_at] = (uint8_t)done;
    return done == n ? fid_add(s, to, path, f->uid, to == f->id) : 0;
}

int p9_walk(P9Request *r, FsSession *s)
{
    Fid *f = fid_get(s, (uint32_t)p9_get(r, 4));
    uint32_t to = (uint32_t)p9_get(r, 4);
    unsigned n = (unsigned)p9_get(r, 2);
    int ret = f ? -EPROTO : -EBADF;

    if (f && !r->bad && n <= P9_WALK_MAX) {
        g_rw_lock_reader_lock(&s->names);
        ret = walk_names(r, s, f, to, n);
        g_rw_lock_reader_unlock(&s->names);
    }
    fid_unref(f);
    return ret;
}

/* ---- Letting go ---- */

/* The value of an attribute is whole now. */
static int clunk_xattr(FsSession *s, Fid *f)
{
    int ret;

    g_rw_lock_reader_lock(&s->names);
    mutex_lock(&f->lock);
    if (f->kind != FID_XATTR_WRITE) {
        ret = 0;
    } else if (!f->size && f->xattr_flags == XATTR_REPLACE) { /* as Linux removes one */
        ret = fs_removexattr(s->f, f->path, f->xattr);
    } else if (f->len != f->size) {
        ret = -EIO;
    } else {
        ret = fs_setxattr(s->f, f->path, f->xattr, f->buf, f->size, f->xattr_flags);
    }
    mutex_unlock(&f->lock);
    g_rw_lock_reader_unlock(&s->names);
    return ret;
}

int p9_clunk(P9Request *r, FsSession *s)
{
    Fid *f = fid_take(s, (uint32_t)p9_get(r, 4));
    int ret = f ? clunk_xattr(s, f) : -EBADF;

    fid_unref(f);
    return ret;
}

static int name_unlink(FsSession *s, const char *path, bool folder)
{
    return *path ? fs_unlink(s->f, path, folder) : -EBUSY;
}

int p9_remove(P9Request *r, FsSession *s)
{
    Fid *f = fid_take(s, (uint32_t)p9_get(r, 4));
    struct stat st;
    int ret = -EBADF;

    if (f) {
        g_rw_lock_writer_lock(&s->names);
        ret = fs_stat(s->f, f->path, &st);
        ret = ret ? ret : name_unlink(s, f->path, S_ISDIR(st.st_mode));
        g_rw_lock_writer_unlock(&s->names);
    }
    fid_unref(f);
    return ret;
}

/* ---- Attributes ---- */

int p9_statfs(P9Request *r, FsSession *s)
{
    enum { MAGIC = 0x01021997, NAME_LENGTH = 255 };
    Fid *f = fid_get(s, (uint32_t)p9_get(r, 4));
    struct statvfs v;
    int ret = f ? fs_statvfs(s->f, &v) : -EBADF;

    fid_unref(f);
    if (ret) {
        return ret;
    }
    p9_put(r, 4, MAGIC);
    p9_put(r, 4, v.f_frsize);
    p9_put(r, 8, v.f_blocks);
    p9_put(r, 8, v.f_bfree);
    p9_put(r, 8, v.f_bavail);
    p9_put(r, 8, v.f_files);
    p9_put(r, 8, v.f_ffree);
    p9_put(r, 8, v.f_fsid);
    p9_put(r, 4, NAME_LENGTH);
    return 0;
}

/* With `names`, for reading. An open file that was removed is still there. */
static int name_stat(FsSession *s, Fid *f, struct stat *st)
{
    int ret = fs_stat(s->f, f->path, st);

    if (ret == -ENOENT) {
        mutex_lock(&f->lock);
        ret = f->fd >= 0 && !fstat(f->fd, st) ? 0 : ret;
        mutex_unlock(&f->lock);
    }
    return ret;
}

int p9_getattr(P9Request *r, FsSession *s)
{
    enum { BASIC = 0x7ff };
    Fid *f = fid_get(s, (uint32_t)p9_get(r, 4));
    struct stat st;
    int ret = f ? -EPROTO : -EBADF;

    p9_get(r, 8); /* what is asked for: all is given */
    if (f && !r->bad) {
        g_rw_lock_reader_lock(&s->names);
        ret = name_stat(s, f, &st);
        g_rw_lock_reader_unlock(&s->names);
    }
    fid_unref(f);
    if (ret) {
        return ret;
    }
    p9_put(r, 8, BASIC);
    ret = p9_put_qid(r, &st);
    p9_put(r, 4, st.st_mode);
    p9_put(r, 4, st.st_uid);
    p9_put(r, 4, st.st_gid);
    p9_put(r, 8, st.st_nlink);
    p9_put(r, 8, st.st_rdev);
    p9_put(r, 8, (uint64_t)st.st_size);
    p9_put(r, 8, (uint64_t)st.st_blksize);
    p9_put(r, 8, (uint64_t)st.st_blocks);
    p9_put(r, 8, (uint64_t)st.st_atim.tv_sec);
    p9_put(r, 8, (uint64_t)st.st_atim.tv_nsec);
    p9_put(r, 8, (uint64_t)st.st_mtim.tv_sec);
    p9_put(r, 8, (uint64_t)st.st_mtim.tv_nsec);
    p9_put(r, 8, (uint64_t)st.st_ctim.tv_sec);
    p9_put(r, 8, (uint64_t)st.st_ctim.tv_nsec);
    for (unsigned i = 0; i < 4; i++) {
        p9_put(r, 8, 0); /* birth, generation, version: none */
    }
    return ret;
}

enum {
    ATTR_MODE = 1,
    ATTR_UID = 2,
    ATTR_GID = 4,
    ATTR_SIZE = 8,
    ATTR_ATIME = 0x10,
    ATTR_MTIME = 0x20,
    ATTR_ATIME_SET = 0x80,
    ATTR_MTIME_SET = 0x100,
};

typedef struct NewAttr {
    uint32_t valid;
    FsOwner owner;
    uint64_t size;
    struct timespec times[2];
} NewAttr;

static void attr_time(struct timespec *t, uint32_t valid, uint32_t change, uint32_t set)
{
    if (!(valid & change)) {
        t->tv_nsec = UTIME_OMIT;
    } else if (!(valid & set)) {
        t->tv_nsec = UTIME_NOW;
    } else if (t->tv_nsec >= 1000000000 || t->tv_nsec < 0) {
        t->tv_nsec = 0;
    }
}

static int attr_apply(FsSession *s, Fid *f, NewAttr *a)
{
    unsigned what = (a->valid & ATTR_MODE ? FS_SET_MODE : 0) |
                    (a->valid & ATTR_UID ? FS_SET_UID : 0) | (a->valid & ATTR_GID ? FS_SET_GID : 0);
    int ret = 0;

    if (what) {
        ret = fs_set_owner(s->f, f->path, what, &a->owner);
    }
    if (!ret && a->valid & ATTR_SIZE) {
        ret = fs_truncate(s->f, f->path, a->size);
    }
    attr_time(&a->times[0], a->valid, ATTR_ATIME, ATTR_ATIME_SET);
    attr_time(&a->times[1], a->valid, ATTR_MTIME, ATTR_MTIME_SET);
    if (!ret && a->valid & (ATTR_ATIME | ATTR_MTIME)) {
        ret = fs_set_times(s->f, f->path, a->times);
    }
    return ret;
}

int p9_setattr(P9Request *r, FsSession *s)
{
    Fid *f = fid_get(s, (uint32_t)p9_get(r, 4));
    NewAttr a = { .valid = (uint32_t)p9_get(r, 4) };
    int ret = f ? -EPROTO : -EBADF;

    a.owner.mode = (uint32_t)p9_get(r, 4) & 07777;
    a.owner.uid = (uint32_t)p9_get(r, 4);
    a.owner.gid = (uint32_t)p9_get(r, 4);
    a.size = p9_get(r, 8);
    for (unsigned i = 0; i < 2; i++) {
        a.times[i].tv_sec = (time_t)p9_get(r, 8);
        a.times[i].tv_nsec = (long)p9_get(r, 8);
    }
    if (f && !r->bad) {
        g_rw_lock_reader_lock(&s->names);
        ret = attr_apply(s, f, &a);
        g_rw_lock_reader_unlock(&s->names);
    }
    fid_unref(f);
    return ret;
}

int p9_readlink(P9Request *r, FsSession *s)
{
    Fid *f = fid_get(s, (uint32_t)p9_get(r, 4));
    char buf[P9_PATH_MAX];
    ssize_t n = -EBADF;

    if (f) {
        g_rw_lock_reader_lock(&s->names);
        n = fs_readlink(s->f, f->path, buf, sizeof(buf) - 1);
        g_rw_lock_reader_unlock(&s->names);
    }
    fid_unref(f);
    if (n < 0) {
        return (int)n;
    }
    buf[n] = 0;
    p9_put_str(r, buf);
    return 0;
}

/* ---- Making ---- */

/* The new entry as it is now. */
static int made_qid(P9Request *r, FsSession *s, Fid *f, const char *name)
{
    g_autofree char *path = fs_join(f->path, name);
    struct stat st;
    int ret = fs_stat(s->f, path, &st);

    return ret ? ret : p9_put_qid(r, &st);
}

static int name_make(P9Request *r, FsSession *s, Fid *f, const char *name, const char *target,
                     const FsOwner *o)
{
    int ret;

    if (!fs_name_is_fine(s->f, name, strlen(name))) {
        return -EINVAL;
    }
    if (S_ISDIR(o->mode)) {
        ret = fs_mkdir(s->f, f->path, name, o);
    } else if (S_ISLNK(o->mode)) {
        ret = strlen(target) < P9_PATH_MAX ? fs_symlink(s->f, f->path, name, target, o)
                                           : -ENAMETOOLONG;
    } else {
        ret = fs_mknod(s->f, f->path, name, o);
    }
    return ret ? ret : made_qid(r, s, f, name);
}

int p9_mkdir(P9Request *r, FsSession *s)
{
    Fid *f = fid_get(s, (uint32_t)p9_get(r, 4));
    g_autofree char *name = p9_get_str(r);
    FsOwner o = { .mode = ((uint32_t)p9_get(r, 4) & 07777) | S_IFDIR };
    int ret = f ? -EPROTO : -EBADF;

    o.gid = (uint32_t)p9_get(r, 4);
    if (f && !r->bad) {
        o.uid = f->uid;
        g_rw_lock_reader_lock(&s->names);
        ret = name_make(r, s, f, name, NULL, &o);
        g_rw_lock_reader_unlock(&s->names);
    }
    fid_unref(f);
    return ret;
}

int p9_symlink(P9Request *r, FsSession *s)
{
    Fid *f = fid_get(s, (uint32_t)p9_get(r, 4));
    g_autofree char *name = p9_get_str(r), *target = p9_get_str(r);
    FsOwner o = { .mode = S_IFLNK | 0777, .gid = (uint32_t)p9_get(r, 4) };
    int ret = f ? -EPROTO : -EBADF;

    if (f && !r->bad) {
        o.uid = f->uid;
        g_rw_lock_reader_lock(&s->names);
        ret = name_make(r, s, f, name, target, &o);
        g_rw_lock_reader_unlock(&s->names);
    }
    fid_unref(f);
    return ret;
}

int p9_mknod(P9Request *r, FsSession *s)
{
    Fid *f = fid_get(s, (uint32_t)p9_get(r, 4));
    g_autofree char *name = p9_get_str(r);
    FsOwner o = { .mode = (uint32_t)p9_get(r, 4) & (S_IFMT | 07777) };
    uint32_t major_number = (uint32_t)p9_get(r, 4), minor_number = (uint32_t)p9_get(r, 4);
    int ret = f ? -EPROTO : -EBADF;

    o.gid = (uint32_t)p9_get(r, 4);
    o.rdev = makedev(major_number, minor_number);
    if (f && !r->bad) {
        o.uid = f->uid;
        o.mode |= o.mode & S_IFMT ? 0 : S_IFREG;
        g_rw_lock_reader_lock(&s->names);
        ret = S_ISDIR(o.mode) || S_ISLNK(o.mode) ? -EINVAL : name_make(r, s, f, name, NULL, &o);
        g_rw_lock_reader_unlock(&s->names);
    }
    fid_unref(f);
    return ret;
}

int p9_link(P9Request *r, FsSession *s)
{
    Fid *dir = fid_get(s, (uint32_t)p9_get(r, 4)), *f = fid_get(s, (uint32_t)p9_get(r, 4));
    g_autofree char *name = p9_get_str(r);
    int ret = dir && f ? -EPROTO : -EBADF;

    if (dir && f && !r->bad) {
        g_rw_lock_reader_lock(&s->names);
        ret = fs_name_is_fine(s->f, name, strlen(name)) && *f->path
                  ? fs_link(s->f, f->path, dir->path, name)
                  : -EINVAL;
        g_rw_lock_reader_unlock(&s->names);
    }
    fid_unref(dir);
    fid_unref(f);
    return ret;
}

/* ---- Moving and removing ---- */

/* `names` held for writing: files that the driver has move along. */
static int name_move(FsSession *s, const char *from, Fid *dir, const char *name)
{
    g_autofree char *to = fs_join(dir->path, name), *old = g_strdup(from);
    int ret;

    if (!*from) {
        return -EBUSY;
    }
    ret = fs_rename(s->f, old, to);
    if (!ret) {
        fid_moved(s, old, to);
    }
    return ret;
}

int p9_rename(P9Request *r, FsSession *s)
{
    Fid *f = fid_get(s, (uint32_t)p9_get(r, 4)), *dir = fid_get(s, (uint32_t)p9_get(r, 4));
    g_autofree char *name = p9_get_str(r);
    int ret = dir && f ? -EPROTO : -EBADF;

    if (dir && f && !r->bad) {
        g_rw_lock_writer_lock(&s->names);
        ret =
            fs_name_is_fine(s->f, name, strlen(name)) ? name_move(s, f->path, dir, name) : -EINVAL;
        g_rw_lock_writer_unlock(&s->names);
    }
    fid_unref(dir);
    fid_unref(f);
    return ret;
}

int p9_renameat(P9Request *r, FsSession *s)
{
    Fid *from = fid_get(s, (uint32_t)p9_get(r, 4)), *to;
    g_autofree char *old = p9_get_str(r), *name = NULL;
    int ret;

    to = fid_get(s, (uint32_t)p9_get(r, 4));
    name = p9_get_str(r);
    ret = from && to ? -EPROTO : -EBADF;
    if (from && to && !r->bad) {
        g_rw_lock_writer_lock(&s->names);
        ret = -EINVAL;
        if (fs_name_is_fine(s->f, old, strlen(old)) && fs_name_is_fine(s->f, name, strlen(name))) {
            g_autofree char *path = fs_join(from->path, old);

            ret = name_move(s, path, to, name);
        }
        g_rw_lock_writer_unlock(&s->names);
    }
    fid_unref(from);
    fid_unref(to);
    return ret;
}

int p9_unlinkat(P9Request *r, FsSession *s)
{
    enum { REMOVE_DIR = 0x200 };
    Fid *f = fid_get(s, (uint32_t)p9_get(r, 4));
    g_autofree char *name = p9_get_str(r);
    uint32_t flags = (uint32_t)p9_get(r, 4);
    int ret = f ? -EPROTO : -EBADF;

    if (f && !r->bad) {
        g_rw_lock_reader_lock(&s->names);
        ret = -EINVAL;
        if (fs_name_is_fine(s->f, name, strlen(name)) && !(flags & ~(uint32_t)REMOVE_DIR)) {
            g_autofree char *path = fs_join(f->path, name);

            ret = name_unlink(s, path, flags & REMOVE_DIR);
        }
        g_rw_lock_reader_unlock(&s->names);
    }
    fid_unref(f);
    return ret;
}
