/* SPDX-License-Identifier: Apache-2.0 */
/* Messages on open files: contents, folders, locks, attributes as files. */
#include "fsdev/9p-priv.h"

#include "util/bits.h"
#include "util/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* ---- Opening ---- */

/* "9P2000.L": the numbers are those of Linux on most machines. */
static int file_flags(uint32_t flags)
{
    static const struct {
        uint32_t theirs;
        int ours;
    } map[] = {
        { 0200, O_EXCL },
        { 01000, O_TRUNC },
        { 02000, O_APPEND },
        { 010000, O_DSYNC },
        { 0200000, O_DIRECTORY },
        { 04010000, O_SYNC },
        { 01000000, 0 /* noatime */ },
    };
    int out = (flags & 3) == 3 ? O_RDWR : (int)(flags & 3);

    for (size_t i = 0; i < G_N_ELEMENTS(map); i++) {
        out |= (flags & map[i].theirs) == map[i].theirs ? map[i].ours : 0;
    }
    return out;
}

static int file_put_open(P9Request *r, const struct stat *st)
{
    int ret = p9_put_qid(r, st);

    p9_put(r, 4, 0); /* iounit: as much as the message size allows */
    return ret;
}

/* With the file's lock. */
static int file_open(P9Request *r, FsSession *s, Fid *f, int flags)
{
    struct stat st;
    int ret = fs_stat(s->f, f->path, &st), fd;

    if (ret) {
        return ret;
    }
    if (f->kind != FID_NONE) {
        return -EINVAL;
    }
    if (S_ISDIR(st.st_mode)) {
        flags = O_RDONLY | O_DIRECTORY;
    } else if (!S_ISREG(st.st_mode)) {
        return -ENXIO; /* of what stands for a device the guest's kernel takes care */
    } else if (s->f->readonly && ((flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC)) {
        return -EROFS;
    }
    fd = fs_open(s->f, f->path, flags & ~O_EXCL);
    if (fd < 0) {
        return fd;
    }
    f->fd = fd;
    f->flags = flags;
    if (S_ISDIR(st.st_mode)) {
        f->dir = fdopendir(fd);
        if (!f->dir) {
            close(fd);
            f->fd = -1;
            return -ENOMEM;
        }
    }
    f->kind = f->dir ? FID_DIR : FID_FILE;
    return file_put_open(r, &st);
}

int p9_lopen(P9Request *r, FsSession *s)
{
    Fid *f = fid_get(s, (uint32_t)p9_get(r, 4));
    uint32_t flags = (uint32_t)p9_get(r, 4);
    int ret = f ? -EPROTO : -EBADF;

    if (f && !r->bad) {
        g_rw_lock_reader_lock(&s->names);
        mutex_lock(&f->lock);
        ret = file_open(r, s, f, file_flags(flags));
        mutex_unlock(&f->lock);
        g_rw_lock_reader_unlock(&s->names);
    }
    fid_unref(f);
    return ret;
}

static int file_create(P9Request *r, FsSession *s, Fid *f, const char *name, int flags,
                       const FsOwner *o)
{
    g_autofree char *path = fs_join(f->path, name);
    struct stat st;
    int fd, ret;

    if (f->kind != FID_NONE) {
        return -EINVAL;
    }
    fd = fs_create(s->f, f->path, name, flags, o);
    if (fd < 0) {
        return fd;
    }
    ret = fs_stat(s->f, path, &st);
    if (ret) {
        close(fd);
        return ret;
    }
    f->fd = fd;
    f->flags = flags;
    f->kind = FID_FILE;
    g_free(f->path);
    f->path = g_steal_pointer(&path);
    return file_put_open(r, &st);
}

/* The number is the new file's afterwards: its path changes. */
int p9_lcreate(P9Request *r, FsSession *s)
{
    Fid *f = fid_get(s, (uint32_t)p9_get(r, 4));
    g_autofree char *name = p9_get_str(r);
    uint32_t flags = (uint32_t)p9_get(r, 4), mode = (uint32_t)p9_get(r, 4);
    uint32_t gid = (uint32_t)p9_get(r, 4);
    int ret = f ? -EPROTO : -EBADF;

    if (f && !r->bad) {
        FsOwner o = { .uid = f->uid, .gid = gid, .mode = (mode & 07777) | S_IFREG };

        g_rw_lock_writer_lock(&s->names);
        mutex_lock(&f->lock);
        ret = fs_name_is_fine(s->f, name, strlen(name))
                  ? file_create(r, s, f, name, file_flags(flags), &o)
                  : -EINVAL;
        mutex_unlock(&f->lock);
        g_rw_lock_writer_unlock(&s->names);
    }
    fid_unref(f);
    return ret;
}

/* ---- Reading and writing ---- */

/* Buffers of @n bytes at @off of a message's memory. */
static unsigned file_iov(const struct iovec *iov, unsigned n_iov, uint64_t off, uint64_t n,
                         struct iovec *to)
{
    unsigned k = 0;

    for (unsigned i = 0; i < n_iov && n; i++) {
        uint64_t len = iov[i].iov_len, part;

        if (off >= len) {
            off -= len;
            continue;
        }
        part = min_u64(len - off, n);
        to[k++] = (struct iovec){ (uint8_t *)iov[i].iov_base + off, part };
        off = 0;
        n -= part;
    }
    return k;
}

/* As far as one call goes: @n is at most what IOV_MAX buffers hold. */
static ssize_t file_move(int fd, struct iovec *iov, unsigned n, uint64_t at, bool write)
{
    enum { IOV_AT_ONCE = 1024 };
    ssize_t all = 0;

    if (at > INT64_MAX) {
        return -EINVAL;
    }
    while (n) {
        unsigned k = MIN(n, IOV_AT_ONCE);
        ssize_t part = write ? pwritev(fd, iov, (int)k, (off_t)(at + (uint64_t)all))
                             : preadv(fd, iov, (int)k, (off_t)(at + (uint64_t)all));
        ssize_t want = 0;

        if (part < 0) {
            return all ? all : -errno;
        }
        for (unsigned i = 0; i < k; i++) {
            want += (ssize_t)iov[i].iov_len;
        }
        all += part;
        if (part < want) {
            break;
        }
        iov += k;
        n -= k;
    }
    return all;
}

int p9_read(P9Request *r, FsSession *s)
{
    Fid *f = fid_get(s, (uint32_t)p9_get(r, 4));
    uint64_t off = p9_get(r, 8), count = p9_get(r, 4), room;
    g_autofree struct iovec *iov = g_new(struct iovec, r->n_in);
    ssize_t n = f ? -EPROTO : -EBADF;

    room = min_u64(r->in_bytes, __atomic_load_n(&s->msize, __ATOMIC_RELAXED)) - P9_READ_HEAD;
    if (f && !r->bad) {
        mutex_lock(&f->lock);
        if (f->kind == FID_XATTR_READ) {
            n = off >= f->size ? 0 : (ssize_t)min_u64(min_u64(count, room), f->size - off);
            n = (ssize_t)min_u64((uint64_t)n, P9_XATTR_MAX);
            p9_put(r, 4, (uint64_t)n);
            p9_put_bytes(r, f->buf + (n ? off : 0), (uint32_t)n);
            n = 0;
        } else if (f->kind == FID_FILE && f->fd >= 0) {
            int fd = f->fd;

            mutex_unlock(&f->lock); /* it stays open as long as @f is counted */
            n = file_move(fd, iov,
                          file_iov(r->in, r->n_in, P9_READ_HEAD, min_u64(count, room), iov), off,
                          false);
            p9_put(r, 4, n < 0 ? 0 : (uint64_t)n);
            mutex_lock(&f->lock);
        } else {
            n = f->kind == FID_DIR ? -EISDIR : -EBADF;
        }
        mutex_unlock(&f->lock);
    }
    fid_unref(f);
    return (int)n;
}

static ssize_t file_write_xattr(Fid *f, const struct iovec *iov, unsigned n, uint64_t off,
                                uint64_t count)
{
    if (off > f->size || count > f->size - off) {
        return -ENOSPC;
    }
    for (unsigned i = 0; i < n; i++) {
        memcpy(f->buf + off, iov[i].iov_base, iov[i].iov_len);
        off += iov[i].iov_len;
    }
    f->len = max_u64(f->len, off);
    return (ssize_t)count;
}

int p9_write(P9Request *r, FsSession *s)
{
    Fid *f = fid_get(s, (uint32_t)p9_get(r, 4));
    uint64_t off = p9_get(r, 8), count = p9_get(r, 4);
    g_autofree struct iovec *iov = g_new(struct iovec, r->n_out);
    ssize_t n = f ? -EPROTO : -EBADF;

    if (f && !r->bad && count <= r->out_bytes - P9_WRITE_HEAD) {
        unsigned k = file_iov(r->out, r->n_out, P9_WRITE_HEAD, count, iov);

        mutex_lock(&f->lock);
        if (f->kind == FID_XATTR_WRITE) {
            n = file_write_xattr(f, iov, k, off, count);
        } else if (f->kind == FID_FILE && f->fd >= 0) {
            int fd = f->fd;

            mutex_unlock(&f->lock);
            n = file_move(fd, iov, k, off, true);
            mutex_lock(&f->lock);
        } else {
            n = -EBADF;
        }
        mutex_unlock(&f->lock);
    }
    fid_unref(f);
    if (n < 0) {
        return (int)n;
    }
    p9_put(r, 4, (uint64_t)n);
    return 0;
}

/* ---- Folders ---- */

/* Under a mapped model a file may stand for anything. */
static uint8_t file_entry_type(const FsSession *s, const struct dirent *e)
{
    return fs_is_mapped(s->f) && e->d_type != DT_DIR ? DT_UNKNOWN : e->d_type;
}

static bool file_is_hidden(const FsSession *s, const char *name)
{
    return s->f->model == FS_MAPPED_FILE &&
           (!strcmp(name, META_FOLDER) || !strcmp(name, META_ROOT));
}

static int file_put_entry(P9Request *r, FsSession *s, Fid *f, const struct stat *folder,
                          const struct dirent *e, uint32_t end)
{
    struct stat st = *folder;
    uint32_t need = 13 + 8 + 1 + 2 + (uint32_t)strlen(e->d_name);

    if (r->n + need > end) {
        return -ENOSPC;
    }
    st.st_ino = e->d_ino;
    st.st_mode = e->d_type == DT_DIR ? S_IFDIR : e->d_type == DT_LNK ? S_IFLNK : S_IFREG;
    if (e->d_type == DT_DIR && strcmp(e->d_name, "..") &&
        fstatat(f->fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW)) {
        st = *folder; /* gone meanwhile */
    }
    if (!strcmp(e->d_name, "..")) {
        st = *folder; /* of what is above the driver need not know */
    }
    if (p9_put_qid(r, &st)) {
        return 0; /* another device, which is not to be seen */
    }
    p9_put(r, 8, (uint64_t)e->d_off);
    p9_put(r, 1, file_entry_type(s, e));
    p9_put_str(r, e->d_name);
    return 0;
}

static int file_readdir(P9Request *r, FsSession *s, Fid *f, uint64_t off, uint32_t end)
{
    uint32_t start = r->n + 4;
    struct stat folder;
    struct dirent *e;

    if (f->kind != FID_DIR || !f->dir || fstat(f->fd, &folder)) {
        return -EBADF;
    }
    if (off) {
        seekdir(f->dir, (long)off);
    } else {
        rewinddir(f->dir);
    }
    p9_put(r, 4, 0);
    while ((e = readdir(f->dir)) != NULL) {
        if (!file_is_hidden(s, e->d_name) && file_put_entry(r, s, f, &folder, e, end)) {
            break;
        }
    }
    put_le32(r->ans + start - 4, r->n - start);
    return e && r->n == start ? -EINVAL : 0; /* not even one has room */
}

int p9_readdir(P9Request *r, FsSession *s)
{
    Fid *f = fid_get(s, (uint32_t)p9_get(r, 4));
    uint64_t off = p9_get(r, 8), count = p9_get(r, 4);
    int ret = f ? -EPROTO : -EBADF;

    if (f && !r->bad && r->max >= P9_READ_HEAD) {
        mutex_lock(&f->lock);
        ret = file_readdir(r, s, f, off,
                           P9_READ_HEAD + (uint32_t)min_u64(count, r->max - P9_READ_HEAD));
        mutex_unlock(&f->lock);
    }
    fid_unref(f);
    return ret;
}

/* ---- fsync and locks ---- */

int p9_fsync(P9Request *r, FsSession *s)
{
    Fid *f = fid_get(s, (uint32_t)p9_get(r, 4));
    int ret = f ? -EPROTO : -EBADF;
    bool data = p9_get(r, 4) != 0;

    if (f && !r->bad) {
        int fd = fid_fd(f);

        ret = fd < 0 ? -EBADF : (data ? fdatasync(fd) : fsync(fd)) ? -errno : 0;
    }
    fid_unref(f);
    return ret;
}

static bool file_lock(uint8_t type, uint64_t start, uint64_t len, struct flock *l)
{
    static const short types[] = { F_RDLCK, F_WRLCK, F_UNLCK };

    if (type > 2 || start > INT64_MAX || len > INT64_MAX) {
        return false;
    }
    *l = (struct flock){
        .l_type = types[type], .l_whence = SEEK_SET, .l_start = (off_t)start, .l_len = (off_t)len
    };
    return true;
}

/* Locks are the open file's, so two numbers of the driver exclude each other, and so do other
 * programs of the host. It never waits: the driver asks again. */
int p9_lock(P9Request *r, FsSession *s)
{
    enum { LOCK_SUCCESS, LOCK_BLOCKED, LOCK_ERROR };
    Fid *f = fid_get(s, (uint32_t)p9_get(r, 4));
    uint8_t type = (uint8_t)p9_get(r, 1);
    uint64_t start, len;
    struct flock l;
    int ret = f ? -EPROTO : -EBADF, fd = f ? fid_fd(f) : -1;

    p9_get(r, 4); /* flags: whether the driver will wait */
    start = p9_get(r, 8);
    len = p9_get(r, 8);
    if (f && !r->bad && fd >= 0 && file_lock(type, start, len, &l)) {
        ret = 0;
        if (fcntl(fd, F_OFD_SETLK, &l)) {
            /* A lock for writing of a file that is open for reading: flock() has such. */
            p9_put(r, 1,
                   errno == EAGAIN || errno == EACCES ? LOCK_BLOCKED
                   : errno == EBADF                   ? LOCK_SUCCESS
                                                      : LOCK_ERROR);
        } else {
            p9_put(r, 1, LOCK_SUCCESS);
        }
    } else if (f && !r->bad) {
        ret = fd < 0 ? -EBADF : -EINVAL;
    }
    fid_unref(f);
    return ret;
}

int p9_getlock(P9Request *r, FsSession *s)
{
    Fid *f = fid_get(s, (uint32_t)p9_get(r, 4));
    uint8_t type = (uint8_t)p9_get(r, 1);
    uint64_t start = p9_get(r, 8), len = p9_get(r, 8), proc = p9_get(r, 4);
    g_autofree char *client = p9_get_str(r);
    struct flock l;
    int ret = f ? -EPROTO : -EBADF, fd = f ? fid_fd(f) : -1;

    if (f && !r->bad) {
        ret = fd < 0 ? -EBADF : -EINVAL;
    }
    if (f && !r->bad && fd >= 0 && file_lock(type, start, len, &l)) {
        if (l.l_type != F_UNLCK && fcntl(fd, F_OFD_GETLK, &l)) {
            l.l_type = F_UNLCK;
        }
        p9_put(r, 1, l.l_type == F_RDLCK ? 0 : l.l_type == F_WRLCK ? 1 : 2);
        p9_put(r, 8, (uint64_t)l.l_start);
        p9_put(r, 8, (uint64_t)l.l_len);
        p9_put(r, 4, proc);
        p9_put_str(r, client);
        ret = 0;
    }
    fid_unref(f);
    return ret;
}

/* ---- Extended attributes ---- */

static int file_load_xattr(FsSession *s, Fid *to, const char *path, const char *name)
{
    uint8_t *buf = g_malloc(P9_XATTR_MAX);
    ssize_t n = *name ? fs_getxattr(s->f, path, name, buf, P9_XATTR_MAX)
                      : fs_listxattr(s->f, path, buf, P9_XATTR_MAX);

    if (n < 0) {
        g_free(buf);
        return (int)n;
    }
    to->kind = FID_XATTR_READ;
    to->buf = g_realloc(buf, (size_t)n + 1);
    to->size = to->len = (uint64_t)n;
    return 0;
}

int p9_xattrwalk(P9Request *r, FsSession *s)
{
    Fid *f = fid_get(s, (uint32_t)p9_get(r, 4)), *to;
    uint32_t id = (uint32_t)p9_get(r, 4);
    g_autofree char *name = p9_get_str(r);
    int ret = f ? -EPROTO : -EBADF;

    if (f && !r->bad) {
        g_rw_lock_reader_lock(&s->names);
        ret = fid_add(s, id, f->path, f->uid, false);
        to = ret ? NULL : fid_get(s, id);
        if (to) {
            mutex_lock(&to->lock);
            ret = file_load_xattr(s, to, f->path, name);
            p9_put(r, 8, to->size);
            mutex_unlock(&to->lock);
        }
        if (to && ret) {
            fid_unref(fid_take(s, id));
        }
        fid_unref(to);
        g_rw_lock_reader_unlock(&s->names);
    }
    fid_unref(f);
    return ret;
}

/* What is written to it until it is let go is the value. */
int p9_xattrcreate(P9Request *r, FsSession *s)
{
    Fid *f = fid_get(s, (uint32_t)p9_get(r, 4));
    g_autofree char *name = p9_get_str(r);
    uint64_t size = p9_get(r, 8);
    uint32_t flags = (uint32_t)p9_get(r, 4);
    int ret = f ? -EPROTO : -EBADF;

    if (f && !r->bad) {
        mutex_lock(&f->lock);
        ret = size > P9_XATTR_MAX ? -ENOSPC : f->kind != FID_NONE || flags > 2 ? -EINVAL : 0;
        if (!ret) {
            f->kind = FID_XATTR_WRITE;
            f->xattr = g_steal_pointer(&name);
            f->buf = g_malloc0(size + 1);
            f->size = size;
            f->xattr_flags = (int)flags;
        }
        mutex_unlock(&f->lock);
    }
    fid_unref(f);
    return ret;
}
