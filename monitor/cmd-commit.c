/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of people about disks: `commit`, `info iothreads`; query-iothreads. */
#include "monitor/block-call.h"

#include <errno.h>
#include <string.h>

enum { COMMIT_PIECE = 1 << 20 };

/* What @n holds of its own goes into @below. Both are drained. FIBER */
static int commit_copy(BlockNode *n, BlockNode *below)
{
    g_autofree uint8_t *buf = g_try_malloc(COMMIT_PIECE);
    uint64_t size = block_node_size(n);
    BlockStatus st;
    int ret = buf ? 0 : -ENOMEM;

    for (uint64_t off = 0; !ret && off < size; off += st.len) {
        ret = block_node_status(n, off, MIN(size - off, COMMIT_PIECE), &st);
        if (ret || !(st.bits & BLOCK_STATUS_ALLOCATED)) {
            continue;
        }
        if (st.bits & BLOCK_STATUS_ZERO) {
            ret = block_node_write_zeroes(below, off, st.len, BLOCK_REQ_UNMAP);
        } else {
            ret = block_node_read(n, off, buf, st.len);
            ret = ret ? ret : block_node_write(below, off, buf, st.len, 0);
        }
    }
    return ret ? ret : block_node_flush(below);
}

/* Then it is empty; a cut before that leaves it all in @n. FIBER */
static bool commit_drained(BlockNode *n, BlockNode *below, GError **err)
{
    int ret;

    if (block_node_size(n) > block_node_size(below) &&
        !block_node_resize(below, block_node_size(n), true, BLOCK_PREALLOC_OFF, err)) {
        return false;
    }
    ret = commit_copy(n, below);
    return ret ? error_set(err, "%s", g_strerror(-ret)) : block_node_make_empty(n, err);
}

static bool commit_node(BlockNode *n, GError **err)
{
    BlockNode *below = block_node_backing(n);
    unsigned flags = block_node_flags(below);
    g_autoptr(GError) ignored = NULL;
    Options none = { 0 };
    bool ok;

    if (block_node_is_read_only(n)) {
        return error_set(err, "%s", g_strerror(EACCES));
    }
    if (!(flags & BLOCK_OPEN_WRITE) &&
        !block_node_reopen(below, &none, flags | BLOCK_OPEN_WRITE, err)) {
        return false;
    }
    block_node_drain(n);
    ok = commit_drained(n, below, err);
    block_node_undrain(n);
    if (!(flags & BLOCK_OPEN_WRITE)) {
        (void)!block_node_reopen(below, &none, flags, &ignored);
    }
    return ok;
}

static bool commit_device(BlkCall *b, const char *id, bool all, GError **err)
{
    BlockBackend *drive = blk_drive(b, id);
    BlockNode *n = drive ? block_node_skip_filters(block_backend_node(drive)) : NULL;

    b->c->plain_error = true;
    if (!n) {
        return error_set(err, "Device '%s' not found", id);
    }
    if (!block_node_backing(n)) {
        return all || error_set(err, "'commit' error for '%s': %s", id, g_strerror(ENOTSUP));
    }
    if (!commit_node(n, err)) {
        g_prefix_error(err, "'commit' error for '%s': ", id);
        return false;
    }
    return true;
}

static bool commit_fiber(BlkCall *b, GError **err)
{
    g_autofree char *id = mon_call_word(b->c);
    const char **ids;
    bool ok = true;

    if (!id) {
        return error_set(err, "commit: the name of a device is missing, or all");
    }
    if (strcmp(id, "all")) {
        return commit_device(b, id, false, err);
    }
    ids = machine_backend_ids(b->c->m, "drive");
    for (const char **one = ids; ok && *one; one++) {
        ok = commit_device(b, *one, true, err);
    }
    g_free(ids);
    return ok;
}

BLK_COMMAND(hmp_commit, commit_fiber)

/* ---- Threads of disks ---- */

static bool iothreads_json(BlkCall *b, GError **err)
{
    g_autofree const char **ids = machine_backend_ids(b->c->m, "iothread");

    json_out_begin(b->c->out, NULL, '[');
    for (const char **id = ids; *id; id++) {
        BlockIothreadInfo i = block_iothread_info(machine_find_backend(b->c->m, "iothread", *id));

        json_out_begin(b->c->out, NULL, '{');
        json_out_uint(b->c->out, "poll-shrink", i.poll_shrink);
        json_out_int(b->c->out, "thread-id", i.tid);
        json_out_uint(b->c->out, "aio-max-batch", i.batch);
        json_out_uint(b->c->out, "poll-grow", i.poll_grow);
        json_out_uint(b->c->out, "poll-max-ns", i.poll_max_ns);
        json_out_str(b->c->out, "id", i.id);
        json_out_end(b->c->out, '}');
    }
    json_out_end(b->c->out, ']');
    return true;
}

static bool iothreads_text(BlkCall *b, GError **err)
{
    g_autofree const char **ids = machine_backend_ids(b->c->m, "iothread");

    for (const char **id = ids; *id; id++) {
        BlockIothreadInfo i = block_iothread_info(machine_find_backend(b->c->m, "iothread", *id));

        g_string_append_printf(b->c->text,
                               "%s:\n  thread_id=%d\n  poll-max-ns=%" PRIu64
                               "\n  poll-grow=%" PRIu64 "\n  poll-shrink=%" PRIu64
                               "\n  aio-max-batch=%" PRIu64 "\n",
                               i.id, i.tid, i.poll_max_ns, i.poll_grow, i.poll_shrink, i.batch);
    }
    return true;
}

BLK_COMMAND(cmd_query_iothreads, iothreads_json)
BLK_COMMAND(hmp_iothreads, iothreads_text)
