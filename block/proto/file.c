/* SPDX-License-Identifier: Apache-2.0 */
/* Files and block devices of the host. */
#include "block/core/driver.h"
#include "block/proto/file-direct.h"
#include "block/proto/file-lock.h"
#include "util/bits.h"
#include "util/fdsets.h"
#include "util/json.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

typedef enum FileLocking { LOCKING_AUTO, LOCKING_ON, LOCKING_OFF } FileLocking;

typedef struct File {
    int fd;
    int new_fd; /* while it is reopened; -1 */
    FileLocking locking;
    IoEngine engine;
    FileAlign align, new_align; /* of buffers and ranges: above 1 for O_DIRECT */
    bool no_punch, no_zero, no_holes, no_copy;
    uint64_t discards, discards_failed, discarded; /* requests; bytes */
    bool failed;     /* a flush has failed: what it was for may be gone, so every later one fails */
    bool waits;      /* auto-read-only: open for reading until somebody writes */
    FiberMutex turn; /* of changing it */
} File;

static const char *file_path(const char *filename)
{
    static const char *const prefixes[] = { "file:", "host_device:" };

    for (size_t i = 0; i < G_N_ELEMENTS(prefixes); i++) {
        if (g_str_has_prefix(filename, prefixes[i])) {
            return filename + strlen(prefixes[i]);
        }
    }
    return filename;
}

/* ---- Calls that block, on a thread ---- */

typedef struct FileCall {
    FdSets *sets; /* NULL: none */
    const char *path;
    int fd, other, flags, result;
    uint64_t off, other_off, len;
    struct stat st;
} FileCall;

static void file_do_open(void *arg)
{
    FileCall *c = arg;

    c->fd = fdsets_open_any(c->sets, c->path, c->flags | O_NONBLOCK, 0666);
    c->result = c->fd < 0 ? c->fd : 0;
    if (!c->result && fstat(c->fd, &c->st)) {
        c->result = -errno;
        close(c->fd);
    } else if (!c->result) {
        /* It was for opening what is no file (a FIFO would wait); io_uring minds it later. */
        fcntl(c->fd, F_SETFL, fcntl(c->fd, F_GETFL) & ~O_NONBLOCK);
    }
}

static void file_do_truncate(void *arg)
{
    FileCall *c = arg;

    c->result = ftruncate(c->fd, (off_t)c->len) ? -errno : 0;
}

static void file_do_copy(void *arg)
{
    FileCall *c = arg;

    while (c->len && !c->result) {
        off_t from = (off_t)c->other_off, to = (off_t)c->off;
        ssize_t n = copy_file_range(c->other, &from, c->fd, &to, (size_t)c->len, 0);

        if (n > 0) {
            c->off += (uint64_t)n;
            c->other_off += (uint64_t)n;
            c->len -= (uint64_t)n;
        } else if (n == 0 || errno != EINTR) {
            c->result =
                n && errno != EXDEV && errno != EINVAL && errno != EOPNOTSUPP && errno != ENOSYS
                    ? -errno
                    : -ENOTSUP;
        }
    }
}

static int file_truncate(int fd, uint64_t size)
{
    FileCall c = { .fd = fd, .len = size };

    io_work(file_do_truncate, &c);
    return c.result;
}

/* ---- Opening ---- */

static bool file_open_error(BlockNode *n, int error, bool write, GError **err)
{
    bool hint = write && (error == EACCES || error == EROFS || error == EPERM);

    return block_error(err, n, "cannot open it for %s: %s%s",
                       write ? "reading and writing" : "reading", g_strerror(error),
                       hint ? " (read-only=on opens it for reading alone)" : "");
}

/* The size of a file, or of a device; -errno. */
static int64_t file_size(int fd)
{
    off_t end = lseek(fd, 0, SEEK_END);

    return end < 0 ? -errno : end;
}

static bool file_check_kind(BlockNode *n, const FileCall *c, GError **err)
{
    bool device = block_node_driver(n)->host_block;

    if (device && !S_ISBLK(c->st.st_mode)) {
        return block_error(err, n, "it is no block device (driver=file is for files)");
    }
    if (!device && S_ISDIR(c->st.st_mode)) {
        return block_error(err, n, "it is a directory");
    }
    if (!device && !S_ISREG(c->st.st_mode)) {
        return block_error(err, n, "it is no regular file%s",
                           S_ISBLK(c->st.st_mode) ? " (driver=host_device is for devices)" : "");
    }
    return true;
}

typedef struct FileProbe {
    int fd;
    FileAlign align;
} FileProbe;

static void file_do_probe(void *arg)
{
    FileProbe *p = arg;

    p->align = file_direct_align(p->fd);
}

/* O_DIRECT wants the device's blocks, and aligned memory. */
static FileAlign file_find_alignment(int fd, unsigned flags)
{
    FileProbe p = { fd, { 1, 1 } };

    if (flags & BLOCK_OPEN_DIRECT) {
        io_work(file_do_probe, &p);
    }
    return p.align;
}

static void file_set_alignment(BlockNode *n, File *f, FileAlign a)
{
    f->align = a;
    block_set_align(n, a.range);
    block_set_zero_limits(n, block_node_driver(n)->host_block ? MAX(512, a.range) : a.range, 0);
}

/* aio=: of this node's options, else of the flags. */
static bool file_engine(BlockNode *n, Options *o, File *f, GError **err)
{
    unsigned flags = block_node_flags(n) &
                     (BLOCK_OPEN_AIO_THREADS | BLOCK_OPEN_AIO_NATIVE | BLOCK_OPEN_AIO_URING);
    const char *text = options_get(o, "aio");

    if (text && !block_aio_flags(text, &flags)) {
        return error_set(err, "aio=%s is not known; valid: threads, native, io_uring", text);
    }
    if (flags & BLOCK_OPEN_AIO_NATIVE && !(block_node_flags(n) & BLOCK_OPEN_DIRECT)) {
        return error_set(err, "aio=native was specified, but it requires cache.direct=on, which "
                              "was not specified.");
    }
    f->engine = flags & BLOCK_OPEN_AIO_THREADS ? IO_ENGINE_THREADS
                : flags & BLOCK_OPEN_AIO_URING ? IO_ENGINE_URING
                                               : IO_ENGINE_AUTO;
    if (!io_engine_is_there(f->engine)) {
        return error_set(err, "aio=io_uring: this host has none, or forbids it here; valid: "
                              "threads, native");
    }
    return true;
}

/* What QEMU has beside, and what of it means nothing here. */
static bool file_other_options(Options *o, GError **err)
{
    const char *manager = options_get(o, "pr-manager");
    uint64_t batch;
    bool drop;

    if (manager) {
        return error_set(err,
                         "pr-manager=%s: persistent reservations of SCSI disks are not "
                         "supported; leave it out",
                         manager);
    }
    return options_get_number(o, "aio-max-batch", 0, &batch, err) &&
           options_get_bool(o, "drop-cache", true, &drop, err);
}

/* What a killed process has left is gone soon. */
static bool file_lock_soon(int fd, const char *path, unsigned held, unsigned unshared,
                           bool may_lack, GError **err)
{
    enum { TRIES = 20, PAUSE_NS = 50000000 };

    for (unsigned i = 0;; i++) {
        GError *why = NULL;

        if (file_lock(fd, path, held, unshared, may_lack, &why)) {
            return true;
        }
        if (why->code != FILE_LOCK_UNSEEN || i == TRIES) {
            g_propagate_error(err, why);
            return false;
        }
        g_error_free(why);
        io_sleep_ns(PAUSE_NS);
    }
}

static bool file_take_locks(int fd, const char *path, FileLocking locking, unsigned flags,
                            GError **err)
{
    unsigned held = FILE_LOCK_READ, unshared = FILE_LOCK_WRITE | FILE_LOCK_RESIZE;

    if (locking == LOCKING_OFF || (flags & BLOCK_OPEN_LOCK_OFF)) {
        return true;
    }
    held |= flags & BLOCK_OPEN_WRITE ? FILE_LOCK_WRITE | FILE_LOCK_RESIZE : 0;
    unshared = flags & BLOCK_OPEN_SHARE ? 0 : unshared;
    return file_lock_soon(fd, path, held, unshared, locking == LOCKING_AUTO, err);
}

static bool file_locking(Options *o, FileLocking *out, GError **err)
{
    static const char *const names[] = { "auto", "on", "off" };
    const char *text = options_get(o, "locking");

    *out = LOCKING_AUTO;
    for (unsigned i = 0; text && i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(text, names[i])) {
            *out = (FileLocking)i;
            return true;
        }
    }
    return !text || error_set(err, "locking=%s is not known; valid: auto, on, off", text);
}

static int file_open_flags(unsigned flags)
{
    return (flags & BLOCK_OPEN_WRITE ? O_RDWR : O_RDONLY) |
           (flags & BLOCK_OPEN_DIRECT ? O_DIRECT : 0);
}

static FdSets *file_sets(BlockNode *n)
{
    return block_graph_fdsets(block_node_graph(n));
}

/* Could it be written? The descriptor for that comes when somebody does. */
static void file_do_access(void *arg)
{
    FileCall *c = arg;
    int fd;

    if (c->sets && fdsets_is_path(c->path)) {
        fd = fdsets_open(c->sets, c->path, O_RDWR);
        c->result = fd < 0 ? fd : 0;
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    c->result = faccessat(AT_FDCWD, c->path, W_OK, AT_EACCESS) ? -errno : 0;
}

static bool file_is_denied(int result)
{
    return result == -EACCES || result == -EROFS || result == -EPERM;
}

/* The flags that the descriptor is to have. */
static unsigned file_first_flags(BlockNode *n, File *f, const char *path)
{
    unsigned flags = block_node_flags(n);
    FileCall c = { .path = path, .sets = file_sets(n) };

    if (!(flags & BLOCK_OPEN_WRITE) || (flags & BLOCK_OPEN_INTERNAL) || !block_auto_read_only(n)) {
        return flags;
    }
    io_work(file_do_access, &c);
    if (file_is_denied(c.result)) {
        block_set_read_only(n);
    }
    f->waits = !c.result;
    return flags & ~(unsigned)BLOCK_OPEN_WRITE;
}

static bool file_open(BlockNode *n, Options *o, GError **err)
{
    File *f = block_priv(n);
    unsigned flags;
    const char *name = options_get(o, "filename");
    FileCall c = { .sets = file_sets(n) };
    int64_t size;

    f->fd = f->new_fd = -1;
    if (!name || !*file_path(name)) {
        return error_set(err, "driver=%s: filename= is missing", block_node_format(n));
    }
    block_set_filename(n, file_path(name));
    if (!file_locking(o, &f->locking, err) || !file_engine(n, o, f, err) ||
        !file_other_options(o, err)) {
        return false;
    }
    c.path = file_path(name);
    flags = file_first_flags(n, f, c.path);
    c.flags = file_open_flags(flags);
    io_work(file_do_open, &c);
    if (file_is_denied(c.result) && (flags & BLOCK_OPEN_WRITE) && block_auto_read_only(n)) {
        block_set_read_only(n);
        flags = block_node_flags(n);
        c.flags &= ~O_ACCMODE;
        c.result = 0;
        io_work(file_do_open, &c);
    }
    if (c.result) {
        if (c.result == -EINVAL && (flags & BLOCK_OPEN_DIRECT)) {
            return block_error(err, n, "its file system has no O_DIRECT (cache.direct=off)");
        }
        return file_open_error(n, -c.result, flags & BLOCK_OPEN_WRITE, err);
    }
    f->fd = c.fd;
    size = file_size(f->fd);
    if (!file_check_kind(n, &c, err) || !file_take_locks(f->fd, c.path, f->locking, flags, err) ||
        (size < 0 && !block_error(err, n, "its size: %s", g_strerror((int)-size))) ||
        !block_set_size(n, (uint64_t)size, err)) {
        close(f->fd);
        return false;
    }
    file_set_alignment(n, f, file_find_alignment(f->fd, flags));
    return true;
}

static void file_close(BlockNode *n)
{
    File *f = block_priv(n);

    if (fdsets_is_path(block_node_filename(n))) {
        file_unlock(f->fd); /* the set's descriptor would keep the locks */
    }
    close(f->fd);
}

/* ---- Reopening ---- */

static bool file_is_same(BlockNode *n, const FileCall *c, GError **err)
{
    File *f = block_priv(n);
    struct stat st;

    return (!fstat(f->fd, &st) && st.st_dev == c->st.st_dev && st.st_ino == c->st.st_ino) ||
           block_error(err, n, "another file has its name now");
}

/* The locks of @new_fd instead of the old ones, which would be in the way; or the old ones. */
static bool file_move_locks(BlockNode *n, int new_fd, unsigned old, unsigned flags, GError **err)
{
    File *f = block_priv(n);
    const char *path = block_node_filename(n);
    GError *lost = NULL;

    file_unlock(f->fd);
    if (file_take_locks(new_fd, path, f->locking, flags, err)) {
        return true;
    }
    if (!file_take_locks(f->fd, path, f->locking, old, &lost)) {
        g_error_free(lost);
    }
    return false;
}

/* Under requests: the descriptor keeps its number. */
static bool file_switch(BlockNode *n, bool write, GError **err)
{
    File *f = block_priv(n);
    unsigned rw = block_node_flags(n) | BLOCK_OPEN_WRITE, ro = rw ^ BLOCK_OPEN_WRITE;
    FileCall c = { .path = block_node_filename(n),
                   .flags = file_open_flags(write ? rw : ro),
                   .sets = file_sets(n) };
    bool ok;

    io_work(file_do_open, &c);
    if (c.result) {
        return file_open_error(n, -c.result, write, err);
    }
    ok =
        file_is_same(n, &c, err) && file_move_locks(n, c.fd, write ? ro : rw, write ? rw : ro, err);
    if (ok) {
        CHECK(dup3(c.fd, f->fd, O_CLOEXEC) == f->fd);
        f->waits = !write;
    }
    close(c.fd);
    return ok;
}

static bool file_auto_write(BlockNode *n, bool write, GError **err)
{
    File *f = block_priv(n);
    bool ok = true;

    if (block_node_is_read_only(n) || !block_auto_read_only(n)) {
        return true;
    }
    fiber_lock(&f->turn);
    if (f->waits == write) {
        ok = file_switch(n, write, err);
    }
    fiber_unlock(&f->turn);
    return ok;
}

/* Before a change of the file. */
static int file_may_write(BlockNode *n)
{
    File *f = block_priv(n);
    g_autoptr(GError) err = NULL;

    if (!f->waits || file_auto_write(n, true, &err)) {
        return 0;
    }
    block_say(n, BLOCK_EVENT_WARNING, "%s", err->message);
    return -EACCES;
}

/* By the name: the new descriptor has the new mode. The old one's locks would be in the way. */
static bool file_reopen_prepare(BlockNode *n, Options *o, unsigned flags, GError **err)
{
    File *f = block_priv(n);
    unsigned old = block_node_flags(n);
    FileCall c = { .path = block_node_filename(n), .sets = file_sets(n) };

    if (f->waits) { /* and goes on so */
        old &= ~(unsigned)BLOCK_OPEN_WRITE;
        flags &= ~(unsigned)BLOCK_OPEN_WRITE;
    }
    if (file_open_flags(flags) == file_open_flags(old) && !((flags ^ old) & BLOCK_OPEN_SHARE)) {
        return true;
    }
    c.flags = file_open_flags(flags);
    io_work(file_do_open, &c);
    if (c.result) {
        return file_open_error(n, -c.result, flags & BLOCK_OPEN_WRITE, err);
    }
    if (!file_is_same(n, &c, err) || !file_move_locks(n, c.fd, old, flags, err)) {
        close(c.fd);
        return false;
    }
    f->new_fd = c.fd;
    f->new_align = file_find_alignment(c.fd, flags);
    return true;
}

static void file_reopen_commit(BlockNode *n)
{
    File *f = block_priv(n);

    if (f->new_fd >= 0) {
        close(f->fd);
        f->fd = f->new_fd;
        f->new_fd = -1;
        file_set_alignment(n, f, f->new_align);
    }
}

static void file_reopen_abort(BlockNode *n)
{
    File *f = block_priv(n);
    GError *lost = NULL;

    if (f->new_fd >= 0) {
        close(f->new_fd);
        f->new_fd = -1;
        if (!file_take_locks(f->fd, block_node_filename(n), f->locking,
                             block_node_flags(n) & (f->waits ? ~(unsigned)BLOCK_OPEN_WRITE : ~0U),
                             &lost)) {
            g_error_free(lost);
        }
    }
}

/* ---- Requests ---- */

static bool file_aligned(const File *f, const struct iovec *iov, unsigned n_iov)
{
    if (f->align.memory > 1) {
        for (unsigned i = 0; i < n_iov; i++) {
            if ((uintptr_t)iov[i].iov_base & (f->align.memory - 1) ||
                iov[i].iov_len & (f->align.range - 1)) {
                return false;
            }
        }
    }
    return true;
}

/* Through one aligned buffer. */
static int file_bounce(const File *f, uint64_t off, const struct iovec *iov, unsigned n_iov,
                       bool write, bool fua)
{
    struct iovec one = { 0 };
    uint8_t *at;
    int ret;

    for (unsigned i = 0; i < n_iov; i++) {
        one.iov_len += iov[i].iov_len;
    }
    if (posix_memalign(&one.iov_base, f->align.memory, one.iov_len)) {
        return -ENOMEM;
    }
    at = one.iov_base;
    for (unsigned i = 0; write && i < n_iov; at += iov[i++].iov_len) {
        memcpy(at, iov[i].iov_base, iov[i].iov_len);
    }
    ret = write ? io_write_by(f->engine, f->fd, &one, 1, off, fua, false)
                : io_read_by(f->engine, f->fd, &one, 1, off, false);
    for (unsigned i = 0; !write && !ret && i < n_iov; at += iov[i++].iov_len) {
        memcpy(iov[i].iov_base, at, iov[i].iov_len);
    }
    free(one.iov_base);
    return ret;
}

static int file_readv(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                      unsigned flags)
{
    File *f = block_priv(n);

    if (!file_aligned(f, iov, n_iov)) {
        return file_bounce(f, off, iov, n_iov, false, false);
    }
    return io_read_by(f->engine, f->fd, iov, n_iov, off,
                      !(block_node_flags(n) & BLOCK_OPEN_DIRECT));
}

static int file_writev(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                       unsigned flags)
{
    File *f = block_priv(n);
    int ret = file_may_write(n);

    if (ret) {
        return ret;
    }
    if (!file_aligned(f, iov, n_iov)) {
        return file_bounce(f, off, iov, n_iov, true, flags & BLOCK_REQ_FUA);
    }
    return io_write_by(f->engine, f->fd, iov, n_iov, off, flags & BLOCK_REQ_FUA,
                       !(block_node_flags(n) & BLOCK_OPEN_DIRECT));
}

static int file_flush(BlockNode *n)
{
    File *f = block_priv(n);
    int ret;

    if (f->failed) {
        return -EIO;
    }
    ret = io_fdatasync_by(f->engine, f->fd);
    f->failed = ret && ret != -EINTR;
    return ret;
}

static bool file_unsupported(int ret)
{
    return ret == -EOPNOTSUPP || ret == -ENOSYS || ret == -ENOTTY || ret == -ENODEV ||
           ret == -EINVAL;
}

static int file_punch(File *f, uint64_t off, uint64_t len)
{
    int ret;

    if (f->no_punch) {
        return -ENOTSUP;
    }
    ret = io_fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off, len);
    if (file_unsupported(ret)) {
        f->no_punch = ret != -EINVAL;
        return -ENOTSUP;
    }
    return ret;
}

static int file_zero(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    File *f = block_priv(n);
    uint64_t size = block_node_size(n);
    int ret = file_may_write(n);

    if (ret) {
        return ret;
    }
    ret = -ENOTSUP;
    if (off + len > size && !block_node_driver(n)->host_block) {
        ret = file_truncate(f->fd, off + len);
        if (ret || off >= size) {
            return ret;
        }
        len = size - off;
    }
    if (flags & BLOCK_REQ_UNMAP) {
        ret = file_punch(f, off, len);
    }
    if (ret == -ENOTSUP && !f->no_zero) {
        ret = io_fallocate(f->fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, off, len);
        if (file_unsupported(ret)) {
            f->no_zero = ret != -EINVAL;
            ret = -ENOTSUP;
        }
    }
    return ret;
}

static int file_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    File *f = block_priv(n);
    int ret = file_may_write(n);

    ret = ret ? ret : file_punch(f, off, len);
    if (ret) {
        f->discards_failed++;
    } else {
        f->discards++;
        f->discarded += len;
    }
    return ret;
}

static GVariant *file_stats(BlockNode *n)
{
    const File *f = block_priv(n);
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE("a{sv}"));
    json_add(&b, "discard-nb-ok", g_variant_new_uint64(f->discards));
    json_add(&b, "discard-nb-failed", g_variant_new_uint64(f->discards_failed));
    json_add(&b, "discard-bytes-ok", g_variant_new_uint64(f->discarded));
    return g_variant_builder_end(&b);
}

static int file_status(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out)
{
    File *f = block_priv(n);
    off_t data, hole;

    *out = (BlockStatus){ .bits = BLOCK_STATUS_DATA | BLOCK_STATUS_ALLOCATED | BLOCK_STATUS_OFFSET,
                          .len = len,
                          .file = n,
                          .offset = off };
    if (f->no_holes) {
        return 0;
    }
    data = lseek(f->fd, (off_t)off, SEEK_DATA);
    if (data < 0 && errno != ENXIO) {
        f->no_holes = errno == EINVAL;
        return 0;
    }
    if (data < 0 || (uint64_t)data > off) { /* ENXIO: a hole up to the end */
        out->bits ^= BLOCK_STATUS_DATA | BLOCK_STATUS_ZERO;
        out->len = data < 0 ? len : min_u64(len, (uint64_t)data - off);
        return 0;
    }
    hole = lseek(f->fd, (off_t)off, SEEK_HOLE);
    if (hole > (off_t)off) {
        out->len = min_u64(len, (uint64_t)hole - off);
    }
    return 0;
}

static int file_copy_from(BlockNode *to, uint64_t to_off, BlockNode *from, uint64_t from_off,
                          uint64_t len)
{
    File *f = block_priv(to);
    FileCall c = { .fd = f->fd, .off = to_off };
    BlockStatus s;
    int ret;

    if (f->no_copy || f->align.memory > 1) {
        return -ENOTSUP;
    }
    ret = file_may_write(to);
    if (ret) {
        return ret;
    }
    ret = block_node_status(from, from_off, len, &s);
    if (ret || s.len != len || !(s.bits & BLOCK_STATUS_DATA) || !(s.bits & BLOCK_STATUS_OFFSET) ||
        block_node_driver(s.file)->copy_from != file_copy_from) {
        return ret ? ret : -ENOTSUP;
    }
    c.other = ((File *)block_priv(s.file))->fd;
    c.other_off = s.offset;
    c.len = len;
    io_work(file_do_copy, &c);
    f->no_copy = c.result == -ENOTSUP;
    return c.result;
}

static int64_t file_allocated(BlockNode *n)
{
    File *f = block_priv(n);
    struct stat st;

    return fstat(f->fd, &st) ? -errno : (int64_t)st.st_blocks * 512;
}

/* ---- Sizes ---- */

static int file_write_zero_bytes(int fd, uint64_t off, uint64_t end)
{
    static const uint8_t zeros[64 << 10];
    int ret = 0;

    for (; off < end && !ret; off += sizeof(zeros)) {
        struct iovec v = { (void *)zeros, min_u64(sizeof(zeros), end - off) };

        ret = io_write(fd, &v, 1, off, false);
    }
    return ret ? ret : io_fdatasync(fd);
}

/* From @old to @size. */
static bool file_set_size(int fd, const char *path, uint64_t old, uint64_t size, BlockPrealloc how,
                          GError **err)
{
    int ret = 0;

    if (how == BLOCK_PREALLOC_METADATA) {
        return error_set(err,
                         "%s: preallocation=metadata is of formats; valid for a file: off, "
                         "falloc, full",
                         path);
    }
    if (how != BLOCK_PREALLOC_OFF && size < old) {
        return error_set(err, "%s: preallocation is for a file that grows", path);
    }
    if (how == BLOCK_PREALLOC_FALLOC && size > old) {
        ret = io_fallocate(fd, 0, old, size - old);
        ret = ret ? ret : file_truncate(fd, size);
    } else {
        ret = file_truncate(fd, size);
    }
    if (!ret && how == BLOCK_PREALLOC_FULL) {
        ret = file_write_zero_bytes(fd, old, size);
    }
    if (ret) {
        int ignored = file_truncate(fd, old);

        (void)ignored;
        return error_set(err, "%s: a size of %" PRIu64 " bytes: %s", path, size, g_strerror(-ret));
    }
    return true;
}

static bool file_resize(BlockNode *n, uint64_t size, bool exact, BlockPrealloc how, GError **err)
{
    File *f = block_priv(n);

    if (f->waits && !file_auto_write(n, true, err)) {
        return false;
    }
    if (block_node_driver(n)->host_block) {
        int64_t real = file_size(f->fd);

        if (real >= 0 && (exact ? size != (uint64_t)real : size > (uint64_t)real)) {
            return block_error(err, n, "a device of %" PRId64 " bytes cannot have %" PRIu64, real,
                               size);
        }
        return true;
    }
    return file_set_size(f->fd, block_node_filename(n), block_node_size(n), size, how, err);
}

static bool file_create(BlockGraph *g, const char *filename, BlockNode *file, uint64_t size,
                        Options *o, GError **err)
{
    FileCall c = { .path = file_path(filename), .flags = O_RDWR | O_CREAT };
    BlockPrealloc how = BLOCK_PREALLOC_OFF;
    bool nocow, ok;
    int attr;

    if (!options_get_bool(o, "nocow", false, &nocow, err) ||
        (!file && size && !block_prealloc_option(o, &how, err))) {
        return false;
    }
    options_get(o, "extent_size_hint");
    io_work(file_do_open, &c);
    if (c.result) {
        return error_set(err, "%s: cannot create it: %s", c.path, g_strerror(-c.result));
    }
    /* Whoever has it open would lose it. */
    ok = file_lock(c.fd, c.path, FILE_LOCK_WRITE | FILE_LOCK_RESIZE, FILE_LOCK_RESIZE, true, err) &&
         (S_ISBLK(c.st.st_mode) || file_set_size(c.fd, c.path, 0, 0, BLOCK_PREALLOC_OFF, err));
    if (ok && nocow && !ioctl(c.fd, FS_IOC_GETFLAGS, &attr)) {
        attr |= FS_NOCOW_FL;
        ioctl(c.fd, FS_IOC_SETFLAGS, &attr); /* where the file system has none, it needs none */
    }
    ok = ok && (S_ISBLK(c.st.st_mode) || file_set_size(c.fd, c.path, 0, size, how, err));
    close(c.fd);
    return ok;
}

/* Makes no file where the device is not there. */
static bool file_create_on_device(BlockGraph *g, const char *filename, BlockNode *file,
                                  uint64_t size, Options *o, GError **err)
{
    if (access(file_path(filename), F_OK)) {
        return error_set(err, "%s: there is no such device: %s", filename, g_strerror(errno));
    }
    return file_create(g, filename, file, size, o, err);
}

static const BlockOption file_options[] = {
    { "filename", BLOCK_OPT_STR, "path of the file" },
    { "aio", BLOCK_OPT_STR, "threads, io_uring, or native (O_DIRECT; io_uring where it is there)",
      "io_uring, else threads" },
    { "aio-max-batch", BLOCK_OPT_NUMBER, "taken for scripts: a round's requests go together" },
    { "drop-cache", BLOCK_OPT_BOOL, "taken for scripts: nothing is kept across a migration" },
    { "pr-manager", BLOCK_OPT_STR, "persistent reservations: not supported" },
    { "locking", BLOCK_OPT_STR, "on, off or auto: lock the image against other processes", "auto" },
    { NULL },
};

static const BlockOption file_create_options[] = {
    { "size", BLOCK_OPT_SIZE, "Virtual disk size" },
    { "nocow", BLOCK_OPT_BOOL, "Turn off copy-on-write (valid only on btrfs)" },
    { "preallocation", BLOCK_OPT_STR, "Preallocation mode (allowed values: off, falloc, full)" },
    { "extent_size_hint", BLOCK_OPT_SIZE, "Extent size hint for the image file, 0 to disable" },
    { NULL },
};

static const char *const file_prefixes[] = { "file", NULL };
static const char *const device_prefixes[] = { "host_device", NULL };

const BlockDriver block_file_driver = {
    .name = "file",
    .doc = "a file of the host",
    .kind = BLOCK_PROTOCOL,
    .size = sizeof(File),
    .options = file_options,
    .create_options = file_create_options,
    .prefixes = file_prefixes,
    .grows = true,
    .open = file_open,
    .close = file_close,
    .reopen_prepare = file_reopen_prepare,
    .reopen_commit = file_reopen_commit,
    .reopen_abort = file_reopen_abort,
    .auto_write = file_auto_write,
    .create = file_create,
    .readv = file_readv,
    .writev = file_writev,
    .status = file_status,
    .copy_from = file_copy_from,
    .zero = file_zero,
    .discard = file_discard,
    .flush = file_flush,
    .resize = file_resize,
    .allocated = file_allocated,
    .stats = file_stats,
};

const BlockDriver block_host_device_driver = {
    .name = "host_device",
    .doc = "a block device of the host",
    .kind = BLOCK_PROTOCOL,
    .size = sizeof(File),
    .options = file_options,
    .create_options = file_create_options,
    .prefixes = device_prefixes,
    .host_block = true,
    .open = file_open,
    .close = file_close,
    .reopen_prepare = file_reopen_prepare,
    .reopen_commit = file_reopen_commit,
    .reopen_abort = file_reopen_abort,
    .auto_write = file_auto_write,
    .create = file_create_on_device,
    .readv = file_readv,
    .writev = file_writev,
    .zero = file_zero,
    .discard = file_discard,
    .flush = file_flush,
    .resize = file_resize,
    .allocated = file_allocated,
    .stats = file_stats,
};
