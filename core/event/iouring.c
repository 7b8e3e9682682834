/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine of io_uring: one ring a loop, submitted once a round. Waiting for the ring is the
 * loop's wait for everything: the event descriptor is polled through it.
 * Spec: io_uring(7), io_uring_enter(2).
 */
#include "core/event/ioloop-priv.h"
#include "util/bits.h"

#include <errno.h>
#include <liburing.h>
#include <limits.h>
#include <poll.h>
#include <string.h>

enum {
    URING_ENTRIES = 256,
    URING_BATCH = 1024,
    URING_LARGE = 128 << 10, /* the copy of so much takes longer than waking a worker */
    URING_ASYNC = 4,         /* of these at a worker at most: the kernel begins one, seldom more */
};

/* On the stack of the fiber that waits; its address is the completion's user data. */
typedef struct UringOp {
    Fiber *fiber;
    int result;
} UringOp;

struct IoUring {
    struct io_uring ring;
    unsigned transfers; /* reads and writes under way */
    unsigned async;     /* of them, what workers have been given */
    bool event_armed;   /* a poll of the event descriptor is in the ring */
};

IoUring *iouring_new(IoLoop *l)
{
    IoUring *u = g_new0(IoUring, 1);
    struct io_uring_params p = { .flags = IORING_SETUP_CLAMP };
    unsigned need = IORING_FEAT_NODROP | IORING_FEAT_RW_CUR_POS | IORING_FEAT_EXT_ARG;

    /* A container's filter answers EPERM, an old kernel ENOSYS; both have threads instead. */
    if (io_uring_queue_init_params(URING_ENTRIES, &u->ring, &p)) {
        g_free(u);
        return NULL;
    }
    if ((p.features & need) != need) {
        iouring_free(u);
        return NULL;
    }
    return u;
}

void iouring_free(IoUring *u)
{
    io_uring_queue_exit(&u->ring);
    g_free(u);
}

static struct io_uring_sqe *iouring_sqe(IoUring *u)
{
    struct io_uring_sqe *s = io_uring_get_sqe(&u->ring);

    while (!s) { /* full: the kernel takes all of them */
        io_uring_submit(&u->ring);
        s = io_uring_get_sqe(&u->ring);
    }
    return s;
}

static int iouring_wait(struct io_uring_sqe *s)
{
    UringOp op = { .fiber = fiber_self() };

    io_uring_sqe_set_data(s, &op);
    fiber_yield();
    return op.result;
}

/* ---- Rounds ---- */

/* The event descriptor itself is the mark of its poll. */
static void iouring_watch_event(IoLoop *l)
{
    struct io_uring_sqe *s;

    if (!l->uring->event_armed) {
        s = iouring_sqe(l->uring);
        io_uring_prep_poll_add(s, l->event_fd, POLLIN);
        io_uring_sqe_set_data(s, &l->event_fd);
        l->uring->event_armed = true;
    }
}

static void iouring_complete(IoLoop *l, void *data, int result)
{
    UringOp *op = data;

    if (data == &l->event_fd) {
        l->uring->event_armed = false;
        ioloop_event_fd_clear(l);
    } else if (op) { /* NULL: of a cancellation */
        op->result = result;
        fiber_resume(op->fiber);
    }
}

void iouring_submit(IoUring *u)
{
    io_uring_submit(&u->ring);
}

bool iouring_is_waiting(IoUring *u)
{
    return io_uring_sq_ready(&u->ring);
}

bool iouring_is_busy(IoUring *u)
{
    return u->transfers;
}

bool iouring_is_ready(IoUring *u)
{
    return io_uring_cq_ready(&u->ring);
}

void iouring_poll(IoLoop *l, uint64_t timeout_ns)
{
    IoUring *u = l->uring;
    struct io_uring_cqe *cqe;
    struct __kernel_timespec ts = { (int64_t)(timeout_ns / 1000000000),
                                    (long long)(timeout_ns % 1000000000) };

    iouring_watch_event(l);
    if (timeout_ns && !io_uring_cq_ready(&u->ring)) {
        io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, timeout_ns == UINT64_MAX ? NULL : &ts,
                                         NULL);
    } else {
        io_uring_submit(&u->ring);
    }
    /* What the woken fibers submit goes to the kernel together, in the next round. */
    for (unsigned n = io_uring_cq_ready(&u->ring); n; n--) {
        void *data;
        int result;

        if (io_uring_peek_cqe(&u->ring, &cqe)) {
            break;
        }
        data = io_uring_cqe_get_data(cqe);
        result = cqe->res;
        io_uring_cqe_seen(&u->ring, cqe);
        iouring_complete(l, data, result);
    }
}

/* ---- Operations ---- */

static bool iouring_is_large(const struct iovec *iov, unsigned n)
{
    size_t len = 0;

    for (unsigned i = 0; i < n && len < URING_LARGE; i++) {
        len += iov[i].iov_len;
    }
    return len >= URING_LARGE;
}

/*
 * One piece; -EAGAIN and the like are for the caller. The kernel copies from the page cache inside
 * the call that submits: with several large reads under way a worker of its does some of them
 * (IOSQE_ASYNC) while this thread does the others; a single one is done sooner in place. Writes
 * wait for each other in a file's own lock (ext4): workers made them slower.
 */
static int iouring_one(IoLoop *l, int fd, const struct iovec *iov, unsigned n, uint64_t off,
                       bool write, int flags)
{
    IoUring *u = l->uring;
    uint64_t batch = __atomic_load_n(&l->batch, __ATOMIC_RELAXED);
    struct io_uring_sqe *s;
    bool async = u->transfers && !write && u->async < URING_ASYNC && iouring_is_large(iov, n);
    int ret;

    if (batch && io_uring_sq_ready(&u->ring) >= batch) {
        io_uring_submit(&u->ring);
    }
    s = iouring_sqe(u);
    if (n == 1 && iov->iov_len <= INT_MAX) {
        if (write) {
            io_uring_prep_write(s, fd, iov->iov_base, (unsigned)iov->iov_len, off);
        } else {
            io_uring_prep_read(s, fd, iov->iov_base, (unsigned)iov->iov_len, off);
        }
    } else if (write) {
        io_uring_prep_writev(s, fd, iov, n, off);
    } else {
        io_uring_prep_readv(s, fd, iov, n, off);
    }
    s->rw_flags = flags;
    if (async) {
        s->flags |= IOSQE_ASYNC;
    }
    u->transfers++;
    u->async += async;
    ret = iouring_wait(s);
    u->transfers--;
    u->async -= async;
    return ret;
}

/* The rest of a transfer that came short: byte by byte of its place, as pread would. */
static unsigned iouring_skip(const struct iovec **iov, unsigned n, size_t *skip, size_t done)
{
    while (n && done >= (*iov)->iov_len - *skip) {
        done -= (*iov)->iov_len - *skip;
        *skip = 0;
        (*iov)++;
        n--;
    }
    *skip += done;
    return n;
}

int iouring_rw(IoLoop *l, int fd, const struct iovec *iov, unsigned n, uint64_t off, bool write,
               bool fua)
{
    int flags = write && fua ? RWF_DSYNC : 0;
    uint64_t start = off;
    size_t skip = 0;

    n = iouring_skip(&iov, n, &skip, 0);
    while (n) {
        struct iovec first = { (char *)iov->iov_base + skip, iov->iov_len - skip };
        int got =
            skip ? iouring_one(l, fd, &first, 1, off, write, flags)
                 : iouring_one(l, fd, iov, (unsigned)min_u64(n, URING_BATCH), off, write, flags);

        if (got == -EINTR || got == -EAGAIN) {
            continue;
        }
        if (got == -EOPNOTSUPP && flags) {
            flags = 0; /* fdatasync at the end instead */
            continue;
        }
        if (got == -EINVAL && !write && off != start) {
            got = 0; /* O_DIRECT from a file's odd end on */
        }
        if (got < 0 || (got == 0 && write)) {
            return got ? got : -ENOSPC;
        }
        if (got == 0) { /* a file's end: the rest is zeros */
            for (; n; n--, iov++, skip = 0) {
                memset((char *)iov->iov_base + skip, 0, iov->iov_len - skip);
            }
            break;
        }
        off += (uint64_t)got;
        n = iouring_skip(&iov, n, &skip, (size_t)got);
    }
    return write && fua && !flags ? iouring_fdatasync(l, fd) : 0;
}

int iouring_fdatasync(IoLoop *l, int fd)
{
    struct io_uring_sqe *s = iouring_sqe(l->uring);

    io_uring_prep_fsync(s, fd, IORING_FSYNC_DATASYNC);
    return iouring_wait(s);
}

int iouring_wait_fd(IoLoop *l, int fd, unsigned events, uint64_t timeout_ns)
{
    struct __kernel_timespec ts = { (int64_t)(timeout_ns / 1000000000),
                                    (long long)(timeout_ns % 1000000000) };
    struct io_uring_sqe *s;
    int ret;

    /* A link must not be cut by a submission in between. */
    if (timeout_ns && io_uring_sq_space_left(&l->uring->ring) < 2) {
        io_uring_submit(&l->uring->ring);
    }
    s = iouring_sqe(l->uring);
    io_uring_prep_poll_add(s, fd, events);
    if (timeout_ns) {
        struct io_uring_sqe *t;
        UringOp op = { .fiber = fiber_self() };

        s->flags |= IOSQE_IO_LINK;
        io_uring_sqe_set_data(s, &op);
        t = iouring_sqe(l->uring);
        io_uring_prep_link_timeout(t, &ts, 0);
        io_uring_sqe_set_data(t, NULL);
        /* The kernel reads the time when it is told: before this stack may be gone. */
        io_uring_submit(&l->uring->ring);
        fiber_yield();
        ret = op.result;
    } else {
        ret = iouring_wait(s);
    }
    return ret == -ECANCELED || ret == -EINTR ? 0 : ret;
}
