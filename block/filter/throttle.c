/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of bytes and operations a second, for a node or, by throttle-group=NAME, for all nodes of
 * a group together. Leaky buckets: each leaks at the limit's rate; a request waits until its bucket
 * is below its brim. Without a burst the brim is a tenth of a second; with one (-max) it is what
 * the burst allows for -max-length seconds, filled no faster than the burst's own rate.
 */
#include "block/core/driver.h"
#include "util/bits.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>

enum {
    LIMIT_BPS_TOTAL,
    LIMIT_BPS_READ,
    LIMIT_BPS_WRITE,
    LIMIT_IOPS_TOTAL,
    LIMIT_IOPS_READ,
    LIMIT_IOPS_WRITE,
    LIMITS
};

static const char *const throttle_names[LIMITS] = { "bps-total",  "bps-read",  "bps-write",
                                                    "iops-total", "iops-read", "iops-write" };

typedef struct Bucket {
    double rate, max; /* units a second; 0: none */
    double length;    /* seconds of a burst */
    double level;     /* what has come and not leaked yet */
    double burst;     /* the same, leaking at .max */
} Bucket;

typedef struct ThrottleGroup {
    unsigned refs;
    char *name; /* NULL: of one node */
    Bucket buckets[LIMITS];
    uint64_t iops_size; /* a request counts once for each of so many bytes; 0: once */
    uint64_t then_ns;
    FiberMutex turn[2]; /* reads, writes: in order */
} ThrottleGroup;

typedef struct Throttle {
    ThrottleGroup *group;
} Throttle;

static uint64_t throttle_now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* ---- Buckets ---- */

static void throttle_leak(ThrottleGroup *g)
{
    uint64_t now = throttle_now_ns();
    double seconds = (double)(now - g->then_ns) / 1e9;

    g->then_ns = now;
    for (int i = 0; i < LIMITS; i++) {
        Bucket *b = &g->buckets[i];

        b->level = fmax(0, b->level - b->rate * seconds);
        b->burst = fmax(0, b->burst - b->max * seconds);
    }
}

/* Seconds until one more request may go. */
static double throttle_bucket_wait(const Bucket *b)
{
    double brim, wait = 0;

    if (!b->rate) {
        return 0;
    }
    brim = b->max ? b->max * b->length : b->rate / 10;
    if (b->level > brim) {
        wait = (b->level - brim) / b->rate;
    }
    if (b->max && b->length > 1 && b->burst > b->max / 10) {
        wait = fmax(wait, (b->burst - b->max / 10) / b->max);
    }
    return wait;
}

static bool throttle_counts(int limit, bool write)
{
    int kind = limit % 3; /* total, read, write */

    return kind == 0 || (kind == 2) == write;
}

static double throttle_wait(ThrottleGroup *g, bool write)
{
    double wait = 0;

    throttle_leak(g);
    for (int i = 0; i < LIMITS; i++) {
        if (throttle_counts(i, write)) {
            wait = fmax(wait, throttle_bucket_wait(&g->buckets[i]));
        }
    }
    return wait;
}

static void throttle_account(ThrottleGroup *g, bool write, uint64_t bytes)
{
    double ops = g->iops_size && bytes > g->iops_size ? (double)bytes / (double)g->iops_size : 1;

    for (int i = 0; i < LIMITS; i++) {
        Bucket *b = &g->buckets[i];
        double units = i < LIMIT_IOPS_TOTAL ? (double)bytes : ops;

        if (throttle_counts(i, write) && b->rate) {
            b->level += units;
            b->burst += b->max ? units : 0;
        }
    }
}

/* Until the request may go, in order of coming. Whoever drains does not wait for limits. */
static void throttle_enter(BlockNode *n, bool write, uint64_t bytes)
{
    ThrottleGroup *g = ((Throttle *)block_priv(n))->group;

    fiber_lock(&g->turn[write]);
    while (!block_is_draining(n)) {
        double wait = throttle_wait(g, write);

        if (wait <= 0) {
            break;
        }
        io_sleep_ns((uint64_t)(fmin(wait, 0.05) * 1e9) + 1);
    }
    throttle_account(g, write, bytes);
    fiber_unlock(&g->turn[write]);
}

/* ---- Requests ---- */

static uint64_t throttle_len(const struct iovec *iov, unsigned n_iov)
{
    uint64_t len = 0;

    for (unsigned i = 0; i < n_iov; i++) {
        len += iov[i].iov_len;
    }
    return len;
}

static int throttle_readv(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                          unsigned flags)
{
    throttle_enter(n, false, throttle_len(iov, n_iov));
    return block_node_readv(block_file(n), off, iov, n_iov, flags);
}

static int throttle_writev(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                           unsigned flags)
{
    throttle_enter(n, true, throttle_len(iov, n_iov));
    return block_node_writev(block_file(n), off, iov, n_iov, flags);
}

static int throttle_zero(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    throttle_enter(n, true, len);
    return block_node_write_zeroes(block_file(n), off, len, flags);
}

static int throttle_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    throttle_enter(n, true, len);
    return block_node_discard(block_file(n), off, len);
}

/* ---- Opening ---- */

static bool throttle_number(Options *o, const char *name, const char *suffix, uint64_t def,
                            double *out, GError **err)
{
    g_autofree char *key = g_strdup_printf("limits.%s%s", name, suffix);
    uint64_t value;

    if (!options_get_size(o, key, def, &value, err)) {
        return false;
    }
    if (value > 1000000000000000ull) {
        return error_set(err, "%s=%" PRIu64 " is beyond 1000000000000000", key, value);
    }
    *out = (double)value;
    return true;
}

static bool throttle_limit(Options *o, int i, Bucket *b, GError **err)
{
    const char *name = throttle_names[i];

    if (!throttle_number(o, name, "", (uint64_t)b->rate, &b->rate, err) ||
        !throttle_number(o, name, "-max", (uint64_t)b->max, &b->max, err) ||
        !throttle_number(o, name, "-max-length", b->length ? (uint64_t)b->length : 1, &b->length,
                         err)) {
        return false;
    }
    if (b->max && (!b->rate || b->max < b->rate)) {
        return error_set(err, "limits.%s-max: a burst is above limits.%s, which must be given",
                         name, name);
    }
    return b->length >= 1 || error_set(err, "limits.%s-max-length=0: at least 1 second", name);
}

static bool throttle_limits(Options *o, ThrottleGroup *g, GError **err)
{
    ThrottleGroup new = *g;

    for (int i = 0; i < LIMITS; i++) {
        if (!throttle_limit(o, i, &new.buckets[i], err)) {
            return false;
        }
    }
    for (int i = 0; i < LIMITS; i += 3) {
        if (new.buckets[i].rate && (new.buckets[i + 1].rate || new.buckets[i + 2].rate)) {
            return error_set(err, "limits.%s excludes limits of reads and writes apart",
                             throttle_names[i]);
        }
    }
    if (!options_get_size(o, "limits.iops-size", new.iops_size, &new.iops_size, err)) {
        return false;
    }
    *g = new;
    return true;
}

static ThrottleGroup *throttle_find(BlockNode *n, const char *name)
{
    for (BlockNode *o = block_graph_next(block_node_graph(n), NULL); o;
         o = block_graph_next(block_node_graph(n), o)) {
        Throttle *t = block_priv(o);

        if (o != n && block_node_driver(o) == block_node_driver(n) && t->group && name &&
            !g_strcmp0(t->group->name, name)) {
            t->group->refs++;
            return t->group;
        }
    }
    return NULL;
}

static void throttle_close(BlockNode *n)
{
    ThrottleGroup *g = ((Throttle *)block_priv(n))->group;

    if (!--g->refs) {
        g_free(g->name);
        g_free(g);
    }
}

static bool throttle_open(BlockNode *n, Options *o, GError **err)
{
    Throttle *s = block_priv(n);
    const char *name = options_get(o, "throttle-group");

    s->group = throttle_find(n, name);
    if (!s->group) {
        s->group = g_new0(ThrottleGroup, 1);
        s->group->refs = 1;
        s->group->name = g_strdup(name);
        s->group->then_ns = throttle_now_ns();
    }
    if (!throttle_limits(o, s->group, err)) {
        throttle_close(n);
        return false;
    }
    return true;
}

#define THROTTLE_ROWS(name, doc)                                                       \
    { "limits." name, BLOCK_OPT_SIZE, doc },                                           \
        { "limits." name "-max", BLOCK_OPT_SIZE, doc ", in bursts" },                  \
    {                                                                                  \
        "limits." name "-max-length", BLOCK_OPT_NUMBER, "seconds of such a burst", "1" \
    }

static const BlockOption throttle_options[] = {
    { "throttle-group", BLOCK_OPT_STR, "nodes of the same group share its limits" },
    THROTTLE_ROWS("bps-total", "bytes a second"),
    THROTTLE_ROWS("bps-read", "bytes read a second"),
    THROTTLE_ROWS("bps-write", "bytes written a second"),
    THROTTLE_ROWS("iops-total", "requests a second"),
    THROTTLE_ROWS("iops-read", "reads a second"),
    THROTTLE_ROWS("iops-write", "writes a second"),
    { "limits.iops-size", BLOCK_OPT_SIZE, "larger requests count more than once" },
    { NULL },
};

const BlockDriver block_throttle_driver = {
    .name = "throttle",
    .doc = "limits of bytes and requests a second",
    .kind = BLOCK_FILTER,
    .size = sizeof(Throttle),
    .options = throttle_options,
    .open = throttle_open,
    .close = throttle_close,
    .readv = throttle_readv,
    .writev = throttle_writev,
    .zero = throttle_zero,
    .discard = throttle_discard,
};
