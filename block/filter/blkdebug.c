/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blkdebug: errors by rule. inject-error.N.* say which requests fail, set-state.N.* change a number
 * that rules may ask for. Options as QEMU's; of its events those that a node below a format can
 * see by itself.
 */
#include "block/core/driver.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

enum { DEBUG_RULES = 64 };

typedef enum DebugIo { DEBUG_READ, DEBUG_WRITE, DEBUG_ZEROES, DEBUG_DISCARD, DEBUG_FLUSH } DebugIo;

static const char *const debug_io_names[] = { "read", "write", "write-zeroes", "discard", "flush" };

static const struct {
    const char *name;
    unsigned io; /* bits of DebugIo that it is */
} debug_events[] = {
    { "none", 0 },
    { "read_aio", 1 << DEBUG_READ },
    { "preadv", 1 << DEBUG_READ },
    { "write_aio", 1 << DEBUG_WRITE },
    { "pwritev", 1 << DEBUG_WRITE },
    { "pwritev_zero", 1 << DEBUG_ZEROES },
    { "flush_to_os", 1 << DEBUG_FLUSH },
    { "flush_to_disk", 1 << DEBUG_FLUSH },
};

typedef struct DebugRule {
    bool sets;      /* set-state, else inject-error */
    unsigned event; /* bits of DebugIo; 0 with .any: each request */
    bool any;       /* event=none: by .io alone */
    unsigned io;    /* bits: the requests that fail */
    uint64_t state, new_state;
    int error;
    int64_t sector; /* -1: any */
    bool once, gone;
} DebugRule;

typedef struct Blkdebug {
    DebugRule rules[DEBUG_RULES];
    unsigned n;
    uint64_t state;
} Blkdebug;

static bool debug_event(const char *text, DebugRule *r, GError **err)
{
    for (size_t i = 0; i < G_N_ELEMENTS(debug_events); i++) {
        if (!strcmp(debug_events[i].name, text)) {
            r->event = debug_events[i].io;
            r->any = !r->event;
            return true;
        }
    }
    return error_set(err,
                     "event=%s is not known here; valid: none, read_aio, preadv, write_aio, "
                     "pwritev, pwritev_zero, flush_to_os, flush_to_disk",
                     text);
}

static bool debug_iotype(const char *text, DebugRule *r, GError **err)
{
    for (unsigned i = 0; text && i < G_N_ELEMENTS(debug_io_names); i++) {
        if (!strcmp(debug_io_names[i], text)) {
            r->io = 1u << i;
            return true;
        }
    }
    r->io = UINT_MAX;
    return !text || error_set(err,
                              "iotype=%s is not known; valid: read, write, write-zeroes, "
                              "discard, flush",
                              text);
}

static const char *debug_get(Options *o, const char *kind, unsigned i, const char *key)
{
    g_autofree char *name = g_strdup_printf("%s.%u.%s", kind, i, key);

    return options_get(o, name);
}

static bool debug_number(const char *text, const char *key, uint64_t def, uint64_t *out,
                         GError **err)
{
    char *end;

    *out = def;
    if (text) {
        *out = g_ascii_strtoull(text, &end, 10);
        if (*end || end == text || *out > INT32_MAX) {
            return error_set(err, "%s=%s is no number", key, text);
        }
    }
    return true;
}

/* Rule @i of @kind; *@found. */
static bool debug_rule(Options *o, const char *kind, unsigned i, DebugRule *r, bool *found,
                       GError **err)
{
    const char *event = debug_get(o, kind, i, "event");
    const char *once = debug_get(o, kind, i, "once");
    const char *sector = debug_get(o, kind, i, "sector");
    uint64_t error, number;

    *found = event != NULL;
    *r = (DebugRule){ .sets = !strcmp(kind, "set-state"), .sector = -1 };
    if (!event) {
        return true;
    }
    debug_get(o, kind, i, "immediately"); /* nothing is slower without it */
    r->once = once && !strcmp(once, "on");
    if (!debug_event(event, r, err) || !debug_iotype(debug_get(o, kind, i, "iotype"), r, err) ||
        !debug_number(debug_get(o, kind, i, "state"), "state", 0, &r->state, err) ||
        !debug_number(debug_get(o, kind, i, "new_state"), "new_state", 0, &r->new_state, err) ||
        !debug_number(debug_get(o, kind, i, "errno"), "errno", EIO, &error, err) ||
        !debug_number(sector && *sector != '-' ? sector : NULL, "sector", 0, &number, err)) {
        return false;
    }
    r->error = (int)error;
    r->sector = sector && *sector != '-' ? (int64_t)number : -1;
    return true;
}

static bool debug_open(BlockNode *n, Options *o, GError **err)
{
    static const char *const kinds[] = { "inject-error", "set-state" };
    Blkdebug *s = block_priv(n);

    s->state = 1;
    for (unsigned k = 0; k < G_N_ELEMENTS(kinds); k++) {
        bool found = true;

        for (unsigned i = 0; found && s->n < DEBUG_RULES; i++) {
            if (!debug_rule(o, kinds[k], i, &s->rules[s->n], &found, err)) {
                g_prefix_error(err, "%s.%u: ", kinds[k], i);
                return false;
            }
            s->n += found;
        }
    }
    block_set_grows(n);
    return true;
}

static bool debug_covers(const DebugRule *r, uint64_t off, uint64_t len)
{
    uint64_t byte = (uint64_t)r->sector * 512;

    return r->sector < 0 || (off <= byte && byte < off + len);
}

/* What the rules make of a request: 0 or -errno. */
static int debug_request(BlockNode *n, DebugIo io, uint64_t off, uint64_t len)
{
    Blkdebug *s = block_priv(n);
    uint64_t state = s->state, next = state;
    int error = 0;

    for (unsigned i = 0; i < s->n; i++) {
        DebugRule *r = &s->rules[i];

        if (r->gone || (r->state && r->state != state) || !(r->any || (r->event & 1u << io))) {
            continue;
        }
        if (r->sets) {
            next = r->new_state;
        } else if (!error && (r->io & 1u << io) && debug_covers(r, off, len)) {
            error = r->error;
            r->gone = r->once;
        }
    }
    s->state = next;
    return -error;
}

static uint64_t debug_len(const struct iovec *iov, unsigned n_iov)
{
    uint64_t len = 0;

    for (unsigned i = 0; i < n_iov; i++) {
        len += iov[i].iov_len;
    }
    return len;
}

static int debug_readv(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                       unsigned flags)
{
    int ret = debug_request(n, DEBUG_READ, off, debug_len(iov, n_iov));

    return ret ? ret : block_node_readv(block_file(n), off, iov, n_iov, flags);
}

static int debug_writev(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                        unsigned flags)
{
    int ret = debug_request(n, DEBUG_WRITE, off, debug_len(iov, n_iov));

    return ret ? ret : block_node_writev(block_file(n), off, iov, n_iov, flags);
}

static int debug_zero(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    int ret = debug_request(n, DEBUG_ZEROES, off, len);

    return ret ? ret : block_node_write_zeroes(block_file(n), off, len, flags);
}

static int debug_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    int ret = debug_request(n, DEBUG_DISCARD, off, len);

    return ret ? ret : block_node_discard(block_file(n), off, len);
}

static int debug_flush(BlockNode *n)
{
    return debug_request(n, DEBUG_FLUSH, 0, 0);
}

static const BlockOption debug_options[] = {
    { "inject-error", BLOCK_OPT_STR,
      "inject-error.N.{event,iotype,state,errno,sector,once,immediately}: requests that fail" },
    { "set-state", BLOCK_OPT_STR, "set-state.N.{event,state,new_state}: when the state changes" },
    { NULL },
};

const BlockDriver block_blkdebug_driver = {
    .name = "blkdebug",
    .doc = "errors by rule",
    .kind = BLOCK_FILTER,
    .size = sizeof(Blkdebug),
    .options = debug_options,
    .open = debug_open,
    .readv = debug_readv,
    .writev = debug_writev,
    .zero = debug_zero,
    .discard = debug_discard,
    .flush = debug_flush,
};
