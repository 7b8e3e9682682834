/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of bytes and operations a second, for a node or, by throttle-group=NAME, for all members
 * of a group together.
 */
#include "block/core/driver.h"
#include "block/core/throttle.h"

#include <errno.h>

typedef struct Throttle {
    ThrottleGroup *group;
} Throttle;

/* Whoever drains does not wait for limits. */
static bool throttle_hurry(void *n)
{
    return block_is_draining(n);
}

static void throttle_wait_turn(BlockNode *n, bool write, uint64_t bytes)
{
    Throttle *t = block_priv(n);

    throttle_enter(block_node_graph(n), t->group, write, bytes, throttle_hurry, n);
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
    throttle_wait_turn(n, false, throttle_len(iov, n_iov));
    return block_node_readv(block_file(n), off, iov, n_iov, flags);
}

static int throttle_writev(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                           unsigned flags)
{
    throttle_wait_turn(n, true, throttle_len(iov, n_iov));
    return block_node_writev(block_file(n), off, iov, n_iov, flags);
}

static int throttle_zero(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    throttle_wait_turn(n, true, len);
    return block_node_write_zeroes(block_file(n), off, len, flags);
}

static int throttle_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    throttle_wait_turn(n, true, len);
    return block_node_discard(block_file(n), off, len);
}

/* ---- Opening ---- */

static void throttle_close(BlockNode *n)
{
    throttle_leave(block_node_graph(n), ((Throttle *)block_priv(n))->group);
}

static bool throttle_open(BlockNode *n, Options *o, GError **err)
{
    Throttle *s = block_priv(n);
    const char *name = options_get(o, "throttle-group");
    ThrottleGroup *there = name ? throttle_find(block_node_graph(n), name) : NULL;
    ThrottleConfig c;

    if (there) {
        c = *throttle_config(there);
    } else {
        throttle_config_init(&c);
    }
    if (!throttle_config_parse(&c, o, "limits.", err) || !throttle_config_check(&c, err)) {
        return false;
    }
    if (name && !there) {
        return error_set(err, "Throttle group '%s' does not exist", name);
    }
    s->group = throttle_join(block_node_graph(n), name);
    return throttle_set(s->group, &c, err);
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
    .stays = true,
    .size = sizeof(Throttle),
    .options = throttle_options,
    .open = throttle_open,
    .close = throttle_close,
    .readv = throttle_readv,
    .writev = throttle_writev,
    .zero = throttle_zero,
    .discard = throttle_discard,
};
