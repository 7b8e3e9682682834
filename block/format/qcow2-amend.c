/* SPDX-License-Identifier: Apache-2.0 */
/* Options of an image that exists: compat, counts' width, names, size. */
#include "block/format/qcow2-check.h"

#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

static bool qcow2_amend_failed(Qcow2 *s, const char *what, int ret, GError **err)
{
    return ret == 0 ||
           block_error(err, s->node, "cannot change %s: %s", what,
                       ret == -ERANGE ? "a count is too large for the new width" : strerror(-ret));
}

/* ---- Width of the counts ---- */

static bool qcow2_amend_width(Qcow2 *s, uint64_t bits, GError **err)
{
    Qcow2Refs r = { 0 };
    int ret = 0;

    if (!bits || bits > 64 || bits & (bits - 1)) {
        return block_error(err, s->node,
                           "refcount_bits is %" PRIu64 "; it must be a power of two "
                           "up to 64",
                           bits);
    }
    if (bits == 1u << s->h.refcount_order) {
        return true;
    }
    if (s->h.version < 3) {
        return block_error(err, s->node, "refcount_bits other than 16 need compat=1.1");
    }
    ret = qcow2_flush_everything(s);
    r.n = qcow2_clusters(s, block_node_size(block_file(s->node))) + 1;
    r.refs = block_try_array(s->node, r.n, sizeof(*r.refs));
    ret = ret ? ret : r.refs ? 0 : -ENOMEM;
    for (uint64_t i = 0; ret == 0 && i < r.n; i++) {
        uint64_t v;

        ret = qcow2_refcount_get(s, i, &v);
        if (ret == 0 && v > UINT32_MAX) {
            ret = -ERANGE;
        } else if (ret == 0) {
            r.refs[i] = v;
        }
    }
    ret = ret ? ret : qcow2_refs_write(s, &r, __builtin_ctzll(bits));
    block_free_array(s->node, r.refs);
    return qcow2_amend_failed(s, "refcount_bits", ret, err);
}

/* ---- Compatibility level ---- */

/* Version 2 has no zero flag: clusters that have it become holes, or bytes. FIBER */
static int qcow2_expand_zeroes(Qcow2 *s)
{
    bool backing = s->x.backing_name;
    uint64_t end = (uint64_t)s->l1_n * (s->cluster << s->l2_bits);
    int ret = 0;

    for (uint64_t off = 0; ret == 0 && off < end; off += s->cluster) {
        uint64_t l1i = off >> (s->h.cluster_bits + s->l2_bits), entry, bitmap, host, got;
        Qcow2Slice *e;
        unsigned i;

        if (!(s->l1[l1i] & QCOW2_OFF_MASK)) {
            off = ((l1i + 1) << (s->h.cluster_bits + s->l2_bits)) - s->cluster;
            continue;
        }
        ret = qcow2_entry_get(s, off, &entry, &bitmap);
        if (ret || entry & QCOW2_PACKED || !(entry & QCOW2_ZERO)) {
            continue;
        }
        host = entry & QCOW2_OFF_MASK;
        if (backing && !(host && entry & QCOW2_COPIED)) {
            ret = qcow2_alloc_clusters(s, 1, &host, &got);
        } else if (!backing) {
            host = 0;
        }
        if (ret == 0 && host) {
            ret = qcow2_pzero(s, host, s->cluster);
        }
        ret = ret ? ret : qcow2_l2_for_write(s, off, &e, &i);
        if (ret == 0) {
            qcow2_l2_put(s, e, i, host ? host | QCOW2_COPIED : 0, 0);
            s->unstable = true;
            if (host != (entry & QCOW2_OFF_MASK)) {
                qcow2_free_entry(s, entry, QCOW2_FREE_OTHER);
            }
        }
    }
    return ret;
}

static bool qcow2_downgrade(Qcow2 *s, GError **err)
{
    Qcow2Header old = s->h;
    int ret;

    if (s->h.incompat & ~(uint64_t)QCOW2_INCOMPAT_DIRTY || s->x.has_bitmaps) {
        return block_error(err, s->node, "compat=0.10 has no %s",
                           s->x.has_bitmaps
                               ? "bitmaps"
                               : "such features as this image uses "
                                 "(external data file, compression type, extended L2 entries)");
    }
    if (s->h.refcount_order != 4) {
        return block_error(err, s->node, "compat=0.10 requires refcount_bits=16");
    }
    if (s->snapshots_n) {
        return block_error(err, s->node, "an image with snapshots cannot become compat=0.10");
    }
    s->lazy = false;
    fiber_lock(&s->lock);
    ret = qcow2_expand_zeroes(s);
    fiber_unlock(&s->lock);
    ret = ret ? ret : qcow2_flush_all(s);
    if (ret == 0) {
        s->h.version = 2;
        s->h.incompat = s->h.compat = s->h.autoclear = 0;
        ret = qcow2_header_update(s);
        ret = ret ? ret : qcow2_barrier(s);
        s->dirty_on_disk = false;
        if (ret) {
            s->h = old;
        }
    }
    return qcow2_amend_failed(s, "compat", ret, err);
}

static bool qcow2_upgrade(Qcow2 *s, GError **err)
{
    Qcow2Header old = s->h;
    int ret = qcow2_flush_all(s);

    s->h.version = 3;
    ret = ret ? ret : qcow2_header_update(s);
    ret = ret ? ret : qcow2_barrier(s);
    if (ret) {
        s->h = old;
    }
    return qcow2_amend_failed(s, "compat", ret, err);
}

/* ---- All ---- */

const BlockOption qcow2_amend_options[] = {
    { "encrypt.keyslot", BLOCK_OPT_NUMBER, "Select a single keyslot to modify explicitly" },
    { "encrypt.new-secret", BLOCK_OPT_STR,
      "New secret to set in the matching keyslots. Empty string to erase" },
    { "encrypt.old-secret", BLOCK_OPT_STR, "Select all keyslots that match this password" },
    { "encrypt.state", BLOCK_OPT_STR, "Select new state of affected keyslots (active/inactive)" },
    { NULL },
};

static bool qcow2_amend_keys(Qcow2 *s, Options *o, bool force, GError **err)
{
    static const char *const keys[] = { "encrypt.keyslot", "encrypt.new-secret",
                                        "encrypt.old-secret", "encrypt.state",
                                        "encrypt.iter-time" };

    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (options_get(o, keys[i])) {
            return qcow2_crypto_amend(s, o, force, err);
        }
    }
    return true;
}

static bool qcow2_amend_lazy(Qcow2 *s, bool lazy, GError **err)
{
    int ret = 0;

    if (lazy && s->h.version < 3) {
        return block_error(err, s->node, "lazy_refcounts needs compat=1.1");
    }
    if (!lazy) {
        ret = qcow2_flush_everything(s);
        s->h.incompat &= ~(uint64_t)QCOW2_INCOMPAT_DIRTY;
        s->dirty_on_disk = false;
    }
    s->h.compat =
        lazy ? s->h.compat | QCOW2_COMPAT_LAZY : s->h.compat & ~(uint64_t)QCOW2_COMPAT_LAZY;
    if (ret == 0 && s->h.version >= 3) {
        ret = qcow2_header_write_fixed(s);
        ret = ret ? ret : qcow2_barrier(s);
    }
    s->lazy = lazy;
    return qcow2_amend_failed(s, "lazy_refcounts", ret, err);
}

static bool qcow2_amend_raw(Qcow2 *s, bool raw, GError **err)
{
    bool was = s->h.autoclear & QCOW2_AUTOCLEAR_RAW;
    int ret;

    if (raw && !was) {
        return block_error(err, s->node, "data_file_raw cannot be set on existing images");
    }
    if (raw == was) {
        return true;
    }
    s->h.autoclear &= ~(uint64_t)QCOW2_AUTOCLEAR_RAW;
    ret = qcow2_header_write_fixed(s);
    return qcow2_amend_failed(s, "data_file_raw", ret ? ret : qcow2_barrier(s), err);
}

static bool qcow2_amend_data_file(Qcow2 *s, const char *name, GError **err)
{
    int ret;

    if (!s->external) {
        return block_error(err, s->node,
                           "data_file can only be set for images that use an "
                           "external data file");
    }
    g_free(s->x.data_file);
    s->x.data_file = g_strdup(*name ? name : NULL);
    ret = qcow2_header_update(s);
    return qcow2_amend_failed(s, "data_file", ret ? ret : qcow2_barrier(s), err);
}

/* The level asked for; 0: none, or an error. */
static unsigned qcow2_amend_compat(Qcow2 *s, Options *o, GError **err)
{
    const char *compat = options_get(o, "compat");

    if (!compat) {
        return s->h.version;
    }
    if (!strcmp(compat, "0.10") || !strcmp(compat, "v2")) {
        return 2;
    }
    if (!strcmp(compat, "1.1") || !strcmp(compat, "v3")) {
        return 3;
    }
    block_error(err, s->node, "compat=%s is not known; valid: 0.10 (v2), 1.1 (v3)", compat);
    return 0;
}

bool qcow2_amend(BlockNode *n, Options *o, bool force, BlockCheck *progress, GError **err)
{
    Qcow2 *s = block_priv(n);
    const char *backing = options_get(o, "backing_file"), *fmt = options_get(o, "backing_fmt");
    const char *data_file = options_get(o, "data_file");
    unsigned version = qcow2_amend_compat(s, o, err);
    bool lazy, raw, has_lazy = options_get(o, "lazy_refcounts");
    bool has_raw = options_get(o, "data_file_raw");
    uint64_t bits, size;

    if (!version ||
        !options_get_bool(o, "lazy_refcounts", s->h.compat & QCOW2_COMPAT_LAZY, &lazy, err) ||
        !options_get_bool(o, "data_file_raw", s->h.autoclear & QCOW2_AUTOCLEAR_RAW, &raw, err) ||
        !options_get_number(o, "refcount_bits", 1u << s->h.refcount_order, &bits, err) ||
        !options_get_size(o, "size", s->h.size, &size, err)) {
        return false;
    }
    if (!qcow2_amend_keys(s, o, force, err)) {
        return false;
    }
    if (version > s->h.version && !qcow2_upgrade(s, err)) {
        return false;
    }
    if (!qcow2_amend_width(s, bits, err) || (has_raw && !qcow2_amend_raw(s, raw, err)) ||
        (data_file && !qcow2_amend_data_file(s, data_file, err)) ||
        (has_lazy && !qcow2_amend_lazy(s, lazy, err))) {
        return false;
    }
    if ((backing || fmt) && !qcow2_set_backing_name(n, backing ? backing : s->x.backing_name,
                                                    fmt ? fmt : s->x.backing_fmt, err)) {
        return false;
    }
    if (size != s->h.size && !qcow2_resize(n, size, false, BLOCK_PREALLOC_OFF, err)) {
        return false;
    }
    return version >= s->h.version || qcow2_downgrade(s, err);
}
