/* SPDX-License-Identifier: Apache-2.0 */
/*
 * blkdebug: errors by rule, and breakpoints. inject-error.N.* say which requests fail from an event
 * on, set-state.N.* change a number that rules may ask for. Events are what a format above tells
 * before it does it, and what the requests themselves are.
 * Spec: QEMU's docs/devel/testing/blkdebug.rst.
 */
#include "block/filter/blkdebug.h"
#include "util/bits.h"

#include <errno.h>
#include <string.h>

static bool debug_open(BlockNode *n, Options *o, GError **err)
{
    Blkdebug *s = block_priv(n);

    s->state = 1;
    if (!debug_parse(n, o, err)) {
        return false;
    }
    block_set_grows(n);
    return true;
}

/* ---- Breakpoints ---- */

static void debug_let_go(BlockNode *n, DebugBreak *b)
{
    block_say(n, BLOCK_EVENT_DEBUG, "blkdebug: Resuming request '%s'", b->tag);
    b->held = false;
    fiber_queue_wake(&b->queue); /* it frees itself */
}

static void debug_unlink(Blkdebug *s, DebugBreak *b)
{
    DebugBreak **p = &s->breaks;

    while (*p != b) {
        p = &(*p)->next;
    }
    *p = b->next;
}

static void debug_hold(BlockNode *n, BlockDebugEvent e)
{
    Blkdebug *s = block_priv(n);
    DebugBreak *b = s->breaks;

    while (b) {
        if (b->held || b->event != e) {
            b = b->next;
            continue;
        }
        b->held = true;
        block_say(n, BLOCK_EVENT_DEBUG, "blkdebug: Suspended request '%s'", b->tag);
        while (b->held) {
            fiber_queue_wait(&b->queue);
        }
        debug_unlink(s, b);
        g_free(b->tag);
        g_free(b);
        b = s->breaks;
    }
}

static int debug_set_break(BlockNode *n, const char *event, const char *tag)
{
    Blkdebug *s = block_priv(n);
    BlockDebugEvent e;
    DebugBreak *b;

    if (!debug_event_find(event, &e)) {
        return -ENOENT;
    }
    b = g_new(DebugBreak, 1);
    *b = (DebugBreak){ .next = s->breaks, .event = e, .tag = g_strdup(tag) };
    s->breaks = b;
    return 0;
}

static DebugBreak *debug_find_break(Blkdebug *s, const char *tag, bool held)
{
    DebugBreak *b = s->breaks;

    while (b && (b->held != held || strcmp(b->tag, tag))) {
        b = b->next;
    }
    return b;
}

static int debug_resume(BlockNode *n, const char *tag)
{
    DebugBreak *b = debug_find_break(block_priv(n), tag, true);

    if (!b) {
        return -ENOENT;
    }
    debug_let_go(n, b);
    return 0;
}

static int debug_remove_break(BlockNode *n, const char *tag)
{
    Blkdebug *s = block_priv(n);
    int ret = -ENOENT;
    DebugBreak *b;

    while ((b = debug_find_break(s, tag, false))) {
        debug_unlink(s, b);
        g_free(b->tag);
        g_free(b);
        ret = 0;
    }
    while ((b = debug_find_break(s, tag, true))) {
        debug_let_go(n, b);
    }
    return ret;
}

static bool debug_is_suspended(BlockNode *n, const char *tag)
{
    return debug_find_break(block_priv(n), tag, true) != NULL;
}

static void debug_close(BlockNode *n)
{
    Blkdebug *s = block_priv(n);

    while (s->breaks) { /* nothing is under way: none holds a request */
        DebugBreak *b = s->breaks;

        s->breaks = b->next;
        g_free(b->tag);
        g_free(b);
    }
}

/* ---- Rules ---- */

/* What an event arms stays so until another event arms something. */
static void debug_raise(BlockNode *n, BlockDebugEvent e)
{
    Blkdebug *s = block_priv(n);
    uint64_t state = s->state, next = state;
    bool first = true;

    for (unsigned i = 0; i < s->n; i++) {
        DebugRule *r = &s->rules[i];

        if (r->gone || r->event != e || (r->state && r->state != state)) {
            continue;
        }
        if (r->sets) {
            next = r->new_state;
            continue;
        }
        for (unsigned k = 0; first && k < s->n; k++) {
            s->rules[k].armed = false;
        }
        first = false;
        r->armed = true;
    }
    s->state = next;
    if (s->breaks) {
        debug_hold(n, e);
    }
}

static void debug_event(BlockNode *n, BlockDebugEvent e)
{
    Blkdebug *s = block_priv(n);

    s->format = true;
    if (e != BLOCK_DEBUG_NONE) {
        debug_raise(n, e);
    }
}

static bool debug_covers(const DebugRule *r, uint64_t off, uint64_t len)
{
    uint64_t byte = (uint64_t)r->sector * 512;

    return r->sector < 0 || (off <= byte && byte < off + len);
}

/* What the rules make of a request: 0 or -errno. @alone: the event that it is with no format above.
 */
static int debug_request(BlockNode *n, DebugIo io, BlockDebugEvent always, BlockDebugEvent alone,
                         uint64_t off, uint64_t len)
{
    Blkdebug *s = block_priv(n);

    if (always != BLOCK_DEBUG_NONE) {
        debug_raise(n, always);
    }
    if (!s->format && alone != BLOCK_DEBUG_NONE) {
        debug_raise(n, alone);
    }
    for (unsigned i = 0; i < s->n; i++) {
        DebugRule *r = &s->rules[i];
        bool on = r->event == BLOCK_DEBUG_NONE ? !r->state || r->state == s->state : r->armed;

        if (on && !r->gone && !r->sets && (r->io & 1u << io) && debug_covers(r, off, len)) {
            r->gone = r->once;
            return -r->error;
        }
    }
    return 0;
}

/* ---- Requests ---- */

static int debug_move(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                      unsigned flags, bool write)
{
    return write ? block_node_writev(block_file(n), off, iov, n_iov, flags)
                 : block_node_readv(block_file(n), off, iov, n_iov, flags);
}

/* In parts of at most max-transfer, as a disk that takes no more. */
static int debug_split(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                       unsigned flags, bool write)
{
    const Blkdebug *s = block_priv(n);
    int ret = 0;

    for (unsigned i = 0; i < n_iov && !ret; i++) {
        for (uint64_t done = 0, part; done < iov[i].iov_len && !ret; done += part, off += part) {
            struct iovec one = { (uint8_t *)iov[i].iov_base + done, 0 };

            part = one.iov_len = min_u64(iov[i].iov_len - done, s->max_transfer);
            ret = debug_move(n, off, &one, 1, flags, write);
        }
    }
    return ret;
}

static int debug_transfer(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                          unsigned flags, bool write)
{
    const Blkdebug *s = block_priv(n);
    bool fua = flags & BLOCK_REQ_FUA;
    uint64_t len = 0;
    int ret;

    flags &= ~(unsigned)BLOCK_REQ_FUA;
    for (unsigned i = 0; i < n_iov; i++) {
        len += iov[i].iov_len;
    }
    ret = debug_request(n, write ? DEBUG_WRITE : DEBUG_READ,
                        write ? BLOCK_DEBUG_PWRITEV : BLOCK_DEBUG_NONE,
                        write ? BLOCK_DEBUG_WRITE_AIO : BLOCK_DEBUG_READ_AIO, off, len);
    if (ret) {
        return ret;
    }
    ret = s->max_transfer && len > s->max_transfer ? debug_split(n, off, iov, n_iov, flags, write)
                                                   : debug_move(n, off, iov, n_iov, flags, write);
    if (write) {
        debug_raise(n, BLOCK_DEBUG_PWRITEV_DONE);
    }
    if (!ret && fua) { /* so that rules on flushes see it */
        ret = debug_request(n, DEBUG_FLUSH, BLOCK_DEBUG_NONE, BLOCK_DEBUG_FLUSH_TO_DISK, 0, 0);
        ret = ret ? ret : block_node_flush(block_file(n));
    }
    return ret;
}

static int debug_readv(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                       unsigned flags)
{
    return debug_transfer(n, off, iov, n_iov, flags, false);
}

static int debug_writev(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                        unsigned flags)
{
    return debug_transfer(n, off, iov, n_iov, flags, true);
}

static int debug_zero(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    int ret = debug_request(n, DEBUG_ZEROES, BLOCK_DEBUG_PWRITEV_ZERO, BLOCK_DEBUG_NONE, off, len);

    return ret ? ret : block_node_write_zeroes(block_file(n), off, len, flags);
}

static int debug_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    int ret = debug_request(n, DEBUG_DISCARD, BLOCK_DEBUG_NONE, BLOCK_DEBUG_NONE, off, len);

    return ret ? ret : block_node_discard(block_file(n), off, len);
}

static int debug_flush(BlockNode *n)
{
    return debug_request(n, DEBUG_FLUSH, BLOCK_DEBUG_NONE, BLOCK_DEBUG_FLUSH_TO_DISK, 0, 0);
}

static const BlockOption debug_options[] = {
    { "config", BLOCK_OPT_STR, "a file of rules: sections [inject-error] and [set-state]" },
    { "inject-error", BLOCK_OPT_STR,
      "inject-error.N.{event,iotype,state,errno,sector,once,immediately}: requests that fail" },
    { "set-state", BLOCK_OPT_STR, "set-state.N.{event,state,new_state}: when the state changes" },
    { "align", BLOCK_OPT_SIZE, "alignment that requests need" },
    { "max-transfer", BLOCK_OPT_SIZE, "most bytes of a request" },
    { "opt-write-zero", BLOCK_OPT_SIZE, "alignment of zeroing" },
    { "max-write-zero", BLOCK_OPT_SIZE, "most bytes that are zeroed at once" },
    { "opt-discard", BLOCK_OPT_SIZE, "alignment of discards" },
    { "max-discard", BLOCK_OPT_SIZE, "most bytes that are discarded at once" },
    { "image", BLOCK_OPT_STR, "the node below: file= by another name" },
    { NULL },
};

static const BlockDebugOps debug_ops = {
    .event = debug_event,
    .set_break = debug_set_break,
    .remove_break = debug_remove_break,
    .resume = debug_resume,
    .is_suspended = debug_is_suspended,
};

static const char *const debug_prefixes[] = { "blkdebug", NULL };

const BlockDriver block_blkdebug_driver = {
    .name = "blkdebug",
    .doc = "errors by rule, and breakpoints",
    .kind = BLOCK_FILTER,
    .stays = true,
    .size = sizeof(Blkdebug),
    .options = debug_options,
    .prefixes = debug_prefixes,
    .file_alias = "image",
    .name_option = "config",
    .debug = &debug_ops,
    .open = debug_open,
    .close = debug_close,
    .readv = debug_readv,
    .writev = debug_writev,
    .zero = debug_zero,
    .discard = debug_discard,
    .flush = debug_flush,
};
