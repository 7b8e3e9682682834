/* SPDX-License-Identifier: Apache-2.0 */
/* Another size, room in advance, other names in the header. */
#include "block/format/qcow2.h"

#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* ---- Room in advance ---- */

/* Entries from @index of the piece on, of guest clusters from @off to @end. *top: the end of the
 * furthest host cluster. FIBER */
static int qcow2_prealloc_run(Qcow2 *s, uint64_t off, uint64_t end, uint64_t *done, uint64_t *top)
{
    bool subs = qcow2_has_subclusters(s), keep = subs && s->x.backing_name;
    uint64_t host = off & ~(s->cluster - 1), n = 1, got = 1, size = block_node_size(s->data);
    unsigned i, per = s->l2.slice_size / s->l2_entry;
    Qcow2Slice *e;
    int ret = qcow2_l2_for_write(s, off, &e, &i);

    *done = s->cluster;
    if (ret) {
        return ret;
    }
    if (get_be64(e->buf + (size_t)i * s->l2_entry)) {
        return 0; /* whatever it is, it stays */
    }
    while (i + n < per && off + (n << s->h.cluster_bits) < end &&
           !get_be64(e->buf + (size_t)(i + n) * s->l2_entry)) {
        n++;
    }
    if (s->external) {
        got = n;
    } else {
        ret = qcow2_alloc_clusters(s, n, &host, &got);
        /* Room that was used before must not show what it held. */
        if (ret == 0 && host < size) {
            ret = qcow2_pzero(s, host, MIN(got << s->h.cluster_bits, size - host));
        }
        ret = ret ? ret : qcow2_l2_for_write(s, off, &e, &i);
    }
    for (uint64_t k = 0; ret == 0 && k < got; k++) {
        qcow2_l2_put(s, e, i + k, (host + (k << s->h.cluster_bits)) | QCOW2_COPIED,
                     subs && !keep ? 0xffffffffu : 0);
    }
    s->unstable = true;
    *done = got << s->h.cluster_bits;
    *top = MAX(*top, host + *done);
    return ret;
}

int qcow2_preallocate(Qcow2 *s, uint64_t off, uint64_t len, BlockPrealloc how)
{
    uint64_t end = off + len, done, top = 0;
    g_autoptr(GError) err = NULL;
    int ret = 0;

    fiber_lock(&s->lock);
    for (; off < end && ret == 0; off += done) {
        ret = qcow2_prealloc_run(s, off, end, &done, &top);
    }
    fiber_unlock(&s->lock);
    if (ret || top <= block_node_size(s->data)) {
        return ret;
    }
    if (s->external) {
        top = MIN(top, s->h.size);
    }
    if (how == BLOCK_PREALLOC_METADATA) {
        how = BLOCK_PREALLOC_OFF;
    }
    if (top > block_node_size(s->data) && !block_node_resize(s->data, top, false, how, &err)) {
        return -ENOSPC;
    }
    return 0;
}

/* ---- Size ---- */

static bool qcow2_shrink(Qcow2 *s, uint64_t size, GError **err)
{
    uint64_t keep = qcow2_round_up(size, s->cluster), old = qcow2_round_up(s->h.size, s->cluster);
    int ret = 0;

    fiber_lock(&s->lock);
    if (keep < old) {
        ret = qcow2_unmap(s, keep, old - keep);
    }
    fiber_unlock(&s->lock);
    ret = ret ? ret : qcow2_flush_all(s);
    if (ret) {
        return block_error(err, s->node, "cannot free what lies beyond %" PRIu64 ": %s", size,
                           strerror(-ret));
    }
    return true;
}

/* What becomes part of the disk reads as zeros: the rest of the last cluster, what a longer
 * backing image has there, and what a snapshot's machine state left. FIBER */
static int qcow2_grow_zeroes(Qcow2 *s, uint64_t old, uint64_t size)
{
    uint64_t edge = MIN(qcow2_round_up(old, s->cluster), size);
    BlockNode *backing = block_node_backing(s->node);
    int ret = 0;

    if (edge > old) {
        ret = block_node_write_zeroes(s->node, old, edge - old, 0);
    }
    if (ret == 0 && backing && block_node_size(backing) > edge && size > edge) {
        ret = block_node_write_zeroes(s->node, edge, MIN(size, block_node_size(backing)) - edge,
                                      BLOCK_REQ_UNMAP);
    }
    return ret;
}

/* A data file that is an image of its own: what is left in it behind the end reads as zeros. */
static bool qcow2_grow_raw(Qcow2 *s, uint64_t old, uint64_t size, GError **err)
{
    uint64_t there = block_node_size(s->data);
    int ret = there > old ? block_node_write_zeroes(s->data, old, MIN(there, size) - old, 0) : 0;

    if (ret) {
        return block_error(err, s->data, "cannot write zeros: %s", strerror(-ret));
    }
    return there >= size || block_node_resize(s->data, size, false, BLOCK_PREALLOC_OFF, err);
}

static bool qcow2_grow(Qcow2 *s, uint64_t size, BlockPrealloc prealloc, GError **err)
{
    uint64_t old = s->h.size, edge = qcow2_round_up(old, s->cluster);
    uint64_t entries = qcow2_l1_entries(s, size);
    int ret = 0;

    if (entries > QCOW2_L1_MAX / 8) {
        return block_error(err, s->node,
                           "%" PRIu64 " bytes need an L1 table of %" PRIu64
                           " entries; at most %d can be",
                           size, entries, QCOW2_L1_MAX / 8);
    }
    fiber_lock(&s->lock);
    if (size > edge) {
        ret = qcow2_unmap(s, edge, size - edge);
    }
    if (ret == 0) {
        ret = qcow2_grow_l1(s, entries);
    }
    fiber_unlock(&s->lock);
    if (ret == 0 && !block_set_size(s->node, size, err)) {
        return false;
    }
    if (ret == 0) {
        ret = qcow2_grow_zeroes(s, old, size);
    }
    if (ret == 0 && s->external && s->h.autoclear & QCOW2_AUTOCLEAR_RAW &&
        !qcow2_grow_raw(s, old, size, err)) {
        return false;
    }
    if (ret == 0 && s->h.autoclear & QCOW2_AUTOCLEAR_RAW && !prealloc) {
        prealloc = BLOCK_PREALLOC_METADATA;
    }
    if (ret == 0 && prealloc) {
        s->h.size = size;
        ret = qcow2_preallocate(s, edge, size - MIN(edge, size), prealloc);
        s->h.size = old;
    }
    ret = ret ? ret : qcow2_flush_all(s);
    if (ret) {
        g_autoptr(GError) ignored = NULL;

        (void)!block_set_size(s->node, old, &ignored);
        return block_error(err, s->node, "cannot make room for %" PRIu64 " bytes: %s", size,
                           strerror(-ret));
    }
    return true;
}

bool qcow2_resize(BlockNode *n, uint64_t size, bool exact, BlockPrealloc prealloc, GError **err)
{
    Qcow2 *s = block_priv(n);
    uint64_t old = s->h.size;
    int ret;

    if (size % 512) {
        if (exact && size % 512) {
            return block_error(err, n, "the size is %" PRIu64 "; it must be a multiple of 512",
                               size);
        }
        size = qcow2_round_up(size, 512);
    }
    if (s->snapshots_n && s->h.version < 3) {
        return block_error(err, n, "an image of compat 0.10 that has snapshots cannot be resized");
    }
    if (size < old ? !qcow2_shrink(s, size, err)
                   : size > old && !qcow2_grow(s, size, prealloc, err)) {
        return false;
    }
    s->h.size = size;
    ret = qcow2_header_write_fixed(s);
    ret = ret ? ret : qcow2_barrier(s);
    if (ret) {
        s->h.size = old;
        return block_error(err, n, "cannot write the header: %s", strerror(-ret));
    }
    if (s->external && s->h.autoclear & QCOW2_AUTOCLEAR_RAW && block_node_size(s->data) > size) {
        g_autoptr(GError) ignored = NULL; /* a device stays as large as it is */

        (void)!block_node_resize(s->data, size, true, BLOCK_PREALLOC_OFF, &ignored);
    }
    return block_set_size(n, size, err);
}

/* ---- Names ---- */

bool qcow2_set_backing_name(BlockNode *n, const char *filename, const char *format, GError **err)
{
    Qcow2 *s = block_priv(n);
    char *old_name = s->x.backing_name, *old_fmt = s->x.backing_fmt;
    int ret;

    if (filename && s->h.autoclear & QCOW2_AUTOCLEAR_RAW) {
        return block_error(err, n, "an image with data_file_raw cannot have a backing file");
    }
    if (filename && strlen(filename) > QCOW2_NAME_MAX) {
        return block_error(err, n, "the backing file's name has %zu bytes; at most %d can be",
                           strlen(filename), QCOW2_NAME_MAX);
    }
    s->x.backing_name = g_strdup(filename && *filename ? filename : NULL);
    s->x.backing_fmt = g_strdup(format && *format ? format : NULL);
    ret = qcow2_flush_all(s);
    ret = ret ? ret : qcow2_header_update(s);
    ret = ret ? ret : qcow2_barrier(s);
    if (ret) {
        g_free(s->x.backing_name);
        g_free(s->x.backing_fmt);
        s->x.backing_name = old_name;
        s->x.backing_fmt = old_fmt;
        return block_error(err, n, "cannot write the header: %s",
                           ret == -ENOSPC ? "the name does not fit the first cluster"
                                          : strerror(-ret));
    }
    g_free(old_name);
    g_free(old_fmt);
    block_set_backing_name(n, s->x.backing_name, s->x.backing_fmt);
    return true;
}
