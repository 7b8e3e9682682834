/* SPDX-License-Identifier: Apache-2.0 */
#include "block/block.h"
#include "core/event/loop.h"
#include "util/bits.h"
#include "util/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

typedef enum BlockOp { OP_READ, OP_WRITE, OP_FLUSH, OP_DISCARD, OP_ZEROES } BlockOp;

typedef struct BlockRequest {
    BlockBackend *b;
    struct BlockRequest *next; /* of BlockBackend.ended */
    BlockOp op;
    uint64_t offset, len;
    struct iovec *iov;
    unsigned n_iov;
    BlockDoneFn *done;
    void *opaque;
    int result;
} BlockRequest;

struct BlockBackend {
    Machine *machine;
    char *id, *path;
    int fd;
    unsigned flags;
    uint64_t size;
    const void *owner; /* LOOP_THREAD */
    Mutex lock;
    Cond idle;
    unsigned working GUARDED_BY(lock);   /* requests on workers */
    unsigned in_flight GUARDED_BY(lock); /* those whose completion has not run */
    unsigned refs GUARDED_BY(lock);      /* the owner's, and one a job on the pool or loop */
    BlockRequest *ended GUARDED_BY(lock);
    BlockRequest **ended_tail GUARDED_BY(lock);
};

/* ---- Work, on the pool ---- */

/* Leave out the first @n bytes of @iov. */
static void block_iov_skip(struct iovec **iov, unsigned *n_iov, size_t n)
{
    while (*n_iov && n >= (*iov)->iov_len) {
        n -= (*iov)->iov_len;
        (*iov)++;
        (*n_iov)--;
    }
    if (*n_iov) {
        (*iov)->iov_base = (char *)(*iov)->iov_base + n;
        (*iov)->iov_len -= n;
    }
}

static int block_transfer(BlockRequest *r)
{
    struct iovec *iov = r->iov;
    unsigned n = r->n_iov;
    off_t at = (off_t)r->offset;

    block_iov_skip(&iov, &n, 0);
    while (n) {
        int batch = (int)min_u64(n, 512);
        ssize_t got =
            r->op == OP_READ ? preadv(r->b->fd, iov, batch, at) : pwritev(r->b->fd, iov, batch, at);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return -errno;
        }
        if (got == 0 && r->op == OP_WRITE) {
            return -ENOSPC;
        }
        if (got == 0) { /* the end of the file: the rest is zeros */
            memset(iov->iov_base, 0, iov->iov_len);
            got = (ssize_t)iov->iov_len;
        }
        at += got;
        block_iov_skip(&iov, &n, (size_t)got);
    }
    return 0;
}

static int block_write_zero_bytes(BlockRequest *r)
{
    static const uint8_t zeros[64 << 10];
    uint64_t at = r->offset, left = r->len;

    while (left) {
        ssize_t n = pwrite(r->b->fd, zeros, min_u64(left, sizeof(zeros)), (off_t)at);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n ? -errno : -ENOSPC;
        }
        at += (uint64_t)n;
        left -= (uint64_t)n;
    }
    return 0;
}

static int block_punch(BlockRequest *r)
{
    int ret;

    if (!r->len) {
        return 0;
    }
    do {
        ret = fallocate(r->b->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)r->offset,
                        (off_t)r->len);
    } while (ret < 0 && errno == EINTR);
    if (ret == 0) {
        return 0;
    }
    if (errno != EOPNOTSUPP && errno != ENOSYS && errno != ENODEV && errno != EINVAL) {
        return -errno;
    }
    return r->op == OP_ZEROES ? block_write_zero_bytes(r) : 0;
}

static int block_flush_now(const BlockBackend *b)
{
    if (b->flags & (BLOCK_UNSAFE | BLOCK_READ_ONLY)) {
        return 0;
    }
    return fdatasync(b->fd) < 0 && errno != EINVAL && errno != EROFS ? -errno : 0;
}

static void block_work(void *arg)
{
    BlockRequest *r = arg;
    BlockBackend *b = r->b;

    if (!r->result) {
        switch (r->op) {
        case OP_READ:
        case OP_WRITE:
            r->result = block_transfer(r);
            break;
        case OP_FLUSH:
            r->result = block_flush_now(b);
            break;
        case OP_DISCARD:
        case OP_ZEROES:
            r->result = block_punch(r);
            break;
        }
    }
    mutex_lock(&b->lock);
    r->next = NULL;
    *b->ended_tail = r;
    b->ended_tail = &r->next;
    b->working--;
    cond_broadcast(&b->idle);
    mutex_unlock(&b->lock);
}

/* ---- Completion, on the loop ---- */

static void block_complete_all(BlockBackend *b)
{
    mutex_lock(&b->lock);
    while (b->ended) {
        BlockRequest *r = b->ended;

        b->ended = r->next;
        if (!b->ended) {
            b->ended_tail = &b->ended;
        }
        b->in_flight--;
        mutex_unlock(&b->lock);
        r->done(r->opaque, r->result);
        g_free(r->iov);
        g_free(r);
        mutex_lock(&b->lock);
    }
    mutex_unlock(&b->lock);
}

static void block_unref(BlockBackend *b)
{
    bool last;

    mutex_lock(&b->lock);
    last = --b->refs == 0;
    mutex_unlock(&b->lock);
    if (!last) {
        return;
    }
    if (b->fd >= 0) {
        close(b->fd);
    }
    mutex_deinit(&b->lock);
    cond_deinit(&b->idle);
    g_free(b->id);
    g_free(b->path);
    g_free(b);
}

/* A job of the pool: the request itself may have ended, and be gone, in a drain. */
typedef struct BlockJob {
    BlockBackend *b;
    BlockRequest *r;
} BlockJob;

static void block_job_work(void *arg)
{
    BlockJob *job = arg;

    block_work(job->r);
}

static void block_job_done(void *arg)
{
    BlockJob *job = arg;

    block_complete_all(job->b);
    block_unref(job->b);
    g_free(job);
}

/* ---- Requests ---- */

static void block_submit(BlockBackend *b, BlockRequest req, const struct iovec *iov, unsigned n)
{
    BlockJob *job = g_new(BlockJob, 1);
    BlockRequest *r = g_new(BlockRequest, 1);

    *r = req;
    r->b = b;
    *job = (BlockJob){ b, r };
    if (n) {
        r->iov = g_memdup2(iov, n * sizeof(*iov));
        r->n_iov = n;
    }
    for (unsigned i = 0; i < n; i++) {
        /* The lengths of a guest: the sum may not wrap. */
        if (__builtin_add_overflow(r->len, iov[i].iov_len, &r->len)) {
            r->result = -EINVAL;
        }
    }
    if (r->op != OP_FLUSH && (r->offset > b->size || r->len > b->size - r->offset)) {
        r->result = -EINVAL;
    }
    if (r->op != OP_FLUSH && r->op != OP_READ && (b->flags & BLOCK_READ_ONLY)) {
        r->result = -EROFS;
    }
    mutex_lock(&b->lock);
    b->working++;
    b->in_flight++;
    b->refs++;
    mutex_unlock(&b->lock);
    loop_work(b->machine, block_job_work, block_job_done, job);
}

void block_read(BlockBackend *b, uint64_t offset, const struct iovec *iov, unsigned n,
                BlockDoneFn *done, void *opaque)
{
    BlockRequest r = { .op = OP_READ, .offset = offset, .done = done, .opaque = opaque };

    block_submit(b, r, iov, n);
}

void block_write(BlockBackend *b, uint64_t offset, const struct iovec *iov, unsigned n,
                 BlockDoneFn *done, void *opaque)
{
    BlockRequest r = { .op = OP_WRITE, .offset = offset, .done = done, .opaque = opaque };

    block_submit(b, r, iov, n);
}

void block_flush(BlockBackend *b, BlockDoneFn *done, void *opaque)
{
    block_submit(b, (BlockRequest){ .op = OP_FLUSH, .done = done, .opaque = opaque }, NULL, 0);
}

void block_discard(BlockBackend *b, uint64_t offset, uint64_t len, BlockDoneFn *done, void *opaque)
{
    BlockRequest r = { .op = OP_DISCARD, .offset = offset, .len = len };

    r.done = done;
    r.opaque = opaque;
    block_submit(b, r, NULL, 0);
}

void block_write_zeroes(BlockBackend *b, uint64_t offset, uint64_t len, BlockDoneFn *done,
                        void *opaque)
{
    BlockRequest r = { .op = OP_ZEROES, .offset = offset, .len = len };

    r.done = done;
    r.opaque = opaque;
    block_submit(b, r, NULL, 0);
}

void block_wait(BlockBackend *b)
{
    mutex_lock(&b->lock);
    while (b->working) {
        cond_wait(&b->idle, &b->lock);
    }
    mutex_unlock(&b->lock);
}

void block_drain(BlockBackend *b)
{
    do {
        block_wait(b);
        block_complete_all(b);
    } while (block_in_flight(b));
}

unsigned block_in_flight(BlockBackend *b)
{
    unsigned n;

    mutex_lock(&b->lock);
    n = b->in_flight;
    mutex_unlock(&b->lock);
    return n;
}

/* ---- Opening ---- */

static bool block_measure(BlockBackend *b, GError **err)
{
    struct stat st;
    off_t end;

    if (fstat(b->fd, &st) < 0) {
        return error_set(err, "drive '%s': %s: %s", b->id, b->path, g_strerror(errno));
    }
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
        return error_set(err, "drive '%s': %s is neither a file nor a block device", b->id,
                         b->path);
    }
    end = lseek(b->fd, 0, SEEK_END);
    if (end < 0) {
        return error_set(err, "drive '%s': %s: %s", b->id, b->path, g_strerror(errno));
    }
    b->size = bits_align_up((uint64_t)end, BLOCK_SECTOR);
    return true;
}

static BlockBackend *block_new(Machine *m, const char *id, const char *path, int fd, unsigned flags,
                               GError **err)
{
    BlockBackend *b = g_new0(BlockBackend, 1);

    b->machine = m;
    b->id = g_strdup(id);
    b->path = g_strdup(path);
    b->fd = fd;
    b->flags = flags;
    b->refs = 1;
    b->ended_tail = &b->ended;
    mutex_init(&b->lock);
    cond_init(&b->idle);
    if (!block_measure(b, err)) {
        block_unref(b);
        return NULL;
    }
    return b;
}

BlockBackend *block_open_fd(Machine *m, const char *id, int take_fd, unsigned flags, GError **err)
{
    return block_new(m, id, "(descriptor)", take_fd, flags, err);
}

BlockBackend *block_open(Machine *m, const char *id, const char *path, unsigned flags, GError **err)
{
    bool ro = flags & BLOCK_READ_ONLY;
    int fd = open(path, (ro ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        bool hint = !ro && (errno == EACCES || errno == EROFS || errno == EPERM);

        error_set(err, "drive '%s': cannot open %s for %s: %s%s", id, path,
                  ro ? "reading" : "reading and writing", g_strerror(errno),
                  hint ? " (readonly=on opens it for reading alone)" : "");
        return NULL;
    }
    return block_new(m, id, path, fd, flags, err);
}

void block_close(BlockBackend *b)
{
    block_drain(b);
    close(b->fd);
    b->fd = -1;
    block_unref(b);
}

const char *block_id(const BlockBackend *b)
{
    return b->id;
}

const char *block_path(const BlockBackend *b)
{
    return b->path;
}

uint64_t block_size(const BlockBackend *b)
{
    return b->size;
}

bool block_is_read_only(const BlockBackend *b)
{
    return b->flags & BLOCK_READ_ONLY;
}

bool block_claim(BlockBackend *b, const void *owner, GError **err)
{
    if (b->owner && b->owner != owner) {
        return error_set(err, "drive '%s' is in use by another device", b->id);
    }
    b->owner = owner;
    return true;
}

void block_release(BlockBackend *b, const void *owner)
{
    if (b->owner == owner) {
        b->owner = NULL;
    }
}
