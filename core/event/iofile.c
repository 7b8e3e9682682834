/* SPDX-License-Identifier: Apache-2.0 */
/* Files in fibers: by io_uring, else on the pool of threads. */
#include "core/event/ioloop-priv.h"
#include "util/bits.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    IO_BATCH = IOV_MAX < 1024 ? IOV_MAX : 1024,
    IO_NOWAIT_MAX = 256 << 10, /* larger reads of the page cache go to a thread all the same */
    IO_LOCAL_IOV = 16,
};

/* Reads and writes of the page cache that are done at once. */
enum {
    IO_ONCE_MAX = 64 << 10,     /* on a loop that others wait for: a machine's */
    IO_ONCE_MAX_TOOL = 8 << 20, /* where the loop's thread is the program */
    IO_HELP_MIN = 128 << 10,    /* the copy takes longer than waking a helper */
    IO_HELP_WRITES = 16,        /* so many after a read have helpers */
    IO_ONCE_SKIPS = 64,         /* at most so many reads after a miss do not try */
    IO_ONCE_SUBMIT = 64 << 10,  /* what takes so long lets the kernel begin others first */
    IO_ONCE_ROUND = 64,         /* then somebody else has a turn */
    IO_ONCE_ROUND_BYTES = 4 << 20,
    IO_ONCE_SLOW_NS = 500000, /* and what the copy may take at 1 GiB/s: it has waited */
    IO_ONCE_PENALTY = 8,      /* times as long until the next one */
};

typedef struct IoTransfer {
    int fd;
    const struct iovec *iov;
    unsigned n;
    uint64_t off;
    bool write, fua;
    int result;
} IoTransfer;

/* The ranges of an iovec from a byte on, in batches. */
typedef struct IoCursor {
    const struct iovec *iov;
    unsigned n;
    size_t skip; /* in iov[0] */
} IoCursor;

static void iofile_advance(IoCursor *c, size_t n)
{
    while (c->n && n >= c->iov->iov_len - c->skip) {
        n -= c->iov->iov_len - c->skip;
        c->skip = 0;
        c->iov++;
        c->n--;
    }
    c->skip += n;
}

/* One call; the whole rest where the first range is untouched, else the first range alone. */
static ssize_t iofile_call(const IoTransfer *t, const IoCursor *c, uint64_t off, int flags)
{
    struct iovec first;
    const struct iovec *iov = c->iov;
    int n = (int)min_u64(c->n, IO_BATCH);

    if (c->skip) {
        first.iov_base = (char *)iov->iov_base + c->skip;
        first.iov_len = iov->iov_len - c->skip;
        iov = &first;
        n = 1;
    }
    if (t->write) {
        return flags ? pwritev2(t->fd, iov, n, (off_t)off, flags)
                     : pwritev(t->fd, iov, n, (off_t)off);
    }
    return flags ? preadv2(t->fd, iov, n, (off_t)off, flags) : preadv(t->fd, iov, n, (off_t)off);
}

static void iofile_zero_rest(IoCursor *c)
{
    for (; c->n; c->n--, c->iov++, c->skip = 0) {
        memset((char *)c->iov->iov_base + c->skip, 0, c->iov->iov_len - c->skip);
    }
}

/* Blocks, on a thread of the pool. */
static void iofile_transfer(void *arg)
{
    IoTransfer *t = arg;
    IoCursor c = { t->iov, t->n, 0 };
    uint64_t off = t->off;
    int flags = t->write && t->fua ? RWF_DSYNC : 0;

    iofile_advance(&c, 0);
    while (c.n) {
        ssize_t got = iofile_call(t, &c, off, flags);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0 && flags && errno == EOPNOTSUPP) {
            flags = 0; /* fdatasync at the end instead */
            continue;
        }
        if (got < 0 && errno == EINVAL && !t->write && off != t->off) {
            got = 0; /* O_DIRECT from a file's odd end on */
        }
        if (got < 0 || (got == 0 && t->write)) {
            t->result = got ? -errno : -ENOSPC;
            return;
        }
        if (got == 0) {
            iofile_zero_rest(&c);
            break;
        }
        off += (uint64_t)got;
        iofile_advance(&c, (size_t)got);
    }
    if (t->write && t->fua && !flags && fdatasync(t->fd)) {
        t->result = -errno;
    }
}

static size_t iofile_len(const IoTransfer *t)
{
    size_t len = 0;

    for (unsigned i = 0; i < t->n; i++) {
        len += t->iov[i].iov_len;
    }
    return len;
}

/* What the page cache has needs no thread. True where it is done. */
static bool iofile_read_now(const IoTransfer *t)
{
    size_t len = iofile_len(t);
    IoCursor c = { t->iov, t->n, 0 };
    ssize_t got;

    if (len > IO_NOWAIT_MAX || t->n > IO_BATCH) {
        return false;
    }
    got = iofile_call(t, &c, t->off, RWF_NOWAIT);
    return got >= 0 && (size_t)got == len;
}

/* Somebody else has a turn now and then. */
static void iofile_was_at_once(IoLoop *l, size_t len)
{
    l->at_once_bytes += len;
    if (++l->at_once_n >= IO_ONCE_ROUND || l->at_once_bytes >= IO_ONCE_ROUND_BYTES) {
        l->at_once_n = 0;
        l->at_once_bytes = 0;
        l->paused++;
        io_pause();
        l->paused--;
    }
}

/* Do other fibers wait for reads or writes? */
static bool iofile_has_others(const IoLoop *l)
{
    return l->writing || l->reading || l->paused || (l->uring && iouring_is_busy(l->uring));
}

/* On any thread: -EAGAIN where the page cache has not all of it. */
static void iofile_read_cached(void *arg)
{
    IoTransfer *t = arg;
    IoCursor c = { t->iov, t->n, 0 };
    ssize_t got = iofile_call(t, &c, t->off, RWF_NOWAIT);

    t->result = got >= 0 && (size_t)got == iofile_len(t) ? 0 : -EAGAIN;
}

static void iofile_help(IoLoop *l, FiberFn *fn, IoTransfer *t, unsigned *count)
{
    (*count)++;
    iopool_run_in(l, &l->helpers, fn, t);
    (*count)--;
}

/*
 * Where the loop's thread is the program, large reads of what the page cache has are the helpers'
 * when several are under way, and done at once while those write. Small ones are done at once if
 * nothing else is under way; else the ring takes many in one call. After misses, which are the
 * ring's, it is tried less and less.
 */
static bool iofile_read_here(IoLoop *l, const IoTransfer *transfer)
{
    IoTransfer t = *transfer;
    size_t len = iofile_len(&t);
    bool others = iofile_has_others(l), large = len >= IO_HELP_MIN;

    if (l->has_thread || !len || len > IO_ONCE_MAX_TOOL || t.n > IO_BATCH || (others && !large)) {
        return false;
    }
    if (l->read_skips) {
        l->read_skips--;
        return false;
    }
    if (others && l->has_helpers && !l->writing) {
        iofile_help(l, iofile_read_cached, &t, &l->reading);
    } else {
        iofile_read_cached(&t);
        iofile_was_at_once(l, len);
    }
    if (!t.result) {
        l->read_misses = 0;
        return true;
    }
    l->read_misses = (unsigned)min_u64(l->read_misses + 1, IO_ONCE_SKIPS);
    l->read_skips = l->read_misses;
    return false;
}

bool io_engine_is_there(IoEngine engine)
{
    return engine != IO_ENGINE_URING || ioloop_self()->uring;
}

int io_read_by(IoEngine engine, int fd, const struct iovec *iov, unsigned n, uint64_t off,
               bool cached)
{
    IoLoop *l = ioloop_self();
    IoTransfer t = { .fd = fd, .iov = iov, .n = n, .off = off };

    l->read_lately = IO_HELP_WRITES;
    if (l->uring && engine != IO_ENGINE_THREADS) {
        if (cached && engine != IO_ENGINE_URING && iofile_read_here(l, &t)) {
            return 0;
        }
        return iouring_rw(l, fd, iov, n, off, false, false);
    }
    if (!iofile_read_now(&t)) {
        iopool_run(l, iofile_transfer, &t);
    }
    return t.result;
}

int io_read(int fd, const struct iovec *iov, unsigned n, uint64_t off)
{
    return io_read_by(IO_ENGINE_AUTO, fd, iov, n, off, false);
}

/*
 * True where all has been written. So at most a ninth of the thread's time goes into waiting for a
 * disk that is slower than what is written to it.
 */
static bool iofile_write_now(IoLoop *l, const IoTransfer *t)
{
    size_t len = iofile_len(t), max = l->has_thread ? IO_ONCE_MAX : IO_ONCE_MAX_TOOL;
    IoCursor c = { t->iov, t->n, 0 };
    uint64_t begin, took;
    ssize_t got;

    if (!len || len > max || t->n > IO_BATCH) {
        return false;
    }
    begin = ioloop_now_ns();
    if (begin < l->at_once_ns) {
        return false;
    }
    if (len >= IO_ONCE_SUBMIT && l->uring && iouring_is_waiting(l->uring)) {
        iouring_submit(l->uring);
    }
    got = iofile_call(t, &c, t->off, 0);
    took = ioloop_now_ns() - begin;
    if (took > IO_ONCE_SLOW_NS + len) {
        l->at_once_ns = begin + took + took * IO_ONCE_PENALTY;
    }
    iofile_was_at_once(l, len);
    return got >= 0 && (size_t)got == len;
}

/*
 * Large writes of a program that has others under way are the helpers', while this thread reads. A
 * file takes one at a time (its lock); with two of them the next is ready. Writes alone would only
 * wait for each other.
 */
static bool iofile_write_helped(IoLoop *l, IoTransfer *t)
{
    if (l->has_thread || !l->has_helpers || !l->read_lately || !iofile_has_others(l) ||
        iofile_len(t) < IO_HELP_MIN) {
        return false;
    }
    l->read_lately--;
    iofile_help(l, iofile_transfer, t, &l->writing);
    return true;
}

int io_write_by(IoEngine engine, int fd, const struct iovec *iov, unsigned n, uint64_t off,
                bool fua, bool cached)
{
    IoLoop *l = ioloop_self();
    IoTransfer t = { .fd = fd, .iov = iov, .n = n, .off = off, .write = true, .fua = fua };

    if (cached && !fua && engine != IO_ENGINE_URING) {
        if (iofile_write_helped(l, &t)) {
            return t.result;
        }
        if (iofile_write_now(l, &t)) {
            return 0;
        }
    }
    if (l->uring && engine != IO_ENGINE_THREADS) {
        return iouring_rw(l, fd, iov, n, off, true, fua);
    }
    iopool_run(l, iofile_transfer, &t);
    return t.result;
}

int io_write(int fd, const struct iovec *iov, unsigned n, uint64_t off, bool fua)
{
    return io_write_by(IO_ENGINE_AUTO, fd, iov, n, off, fua, false);
}

typedef struct IoCall {
    int fd, mode, result;
    uint64_t off, len;
} IoCall;

static void iofile_sync(void *arg)
{
    IoCall *c = arg;

    c->result = fdatasync(c->fd) ? -errno : 0;
}

int io_fdatasync_by(IoEngine engine, int fd)
{
    IoLoop *l = ioloop_self();
    IoCall c = { .fd = fd };

    if (l->uring && engine != IO_ENGINE_THREADS) {
        return iouring_fdatasync(l, fd);
    }
    iopool_run(l, iofile_sync, &c);
    return c.result;
}

int io_fdatasync(int fd)
{
    return io_fdatasync_by(IO_ENGINE_AUTO, fd);
}

static void iofile_fallocate(void *arg)
{
    IoCall *c = arg;
    int ret;

    do {
        ret = fallocate(c->fd, c->mode, (off_t)c->off, (off_t)c->len);
    } while (ret && errno == EINTR);
    c->result = ret ? -errno : 0;
}

int io_fallocate(int fd, int mode, uint64_t off, uint64_t len)
{
    IoCall c = { .fd = fd, .mode = mode, .off = off, .len = len };

    iopool_run(ioloop_self(), iofile_fallocate, &c);
    return c.result;
}
