/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Section "Snapshots". What takes many steps sets the dirty bit first (version 3), since between
 * the steps counts and COPIED flags do not agree: a cut in the middle is repaired when the image is
 * opened for writing. In every version no cut loses data: counts go up before a table is pointed
 * to, and down after.
 */
#include "block/format/qcow2.h"

#include "block/core/bitmap.h"
#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { SNAPSHOT_FIXED = 40, SNAPSHOT_EXTRA = 24 };

/* ---- The table ---- */

static void qcow2_snapshot_deinit(Qcow2Snapshot *sn)
{
    g_free(sn->id);
    g_free(sn->name);
    g_free(sn->extra);
}

void qcow2_snapshots_free(Qcow2 *s)
{
    for (unsigned i = 0; i < s->snapshots_n; i++) {
        qcow2_snapshot_deinit(&s->snapshots[i]);
    }
    g_clear_pointer(&s->snapshots, g_free);
    s->snapshots_n = 0;
}

/* One entry; *at moves on. FIBER */
static bool qcow2_snapshot_load(Qcow2 *s, unsigned i, uint64_t *at, GError **err)
{
    uint8_t p[SNAPSHOT_FIXED];
    Qcow2Snapshot *sn = &s->snapshots[i];
    uint32_t extra, id, name;
    uint64_t off = s->h.snapshots_off + *at;
    g_autofree uint8_t *rest = NULL;

    if (!block_read_all(s->node, off, p, sizeof(p), err)) {
        return false;
    }
    sn->l1_off = get_be64(p);
    sn->l1_n = get_be32(p + 8);
    id = get_be16(p + 12);
    name = get_be16(p + 14);
    sn->date_sec = get_be32(p + 16);
    sn->date_nsec = get_be32(p + 20);
    sn->vm_clock_ns = get_be64(p + 24);
    sn->vm_state_size = get_be32(p + 32);
    extra = get_be32(p + 36);
    sn->disk_size = s->h.size;
    sn->icount = UINT64_MAX;
    if (extra > QCOW2_EXTRA_MAX) {
        return block_error(err, s->node,
                           "snapshot %u has %" PRIu32 " bytes of extra data; at most "
                           "%d can be",
                           i, extra, QCOW2_EXTRA_MAX);
    }
    if (sn->l1_n > QCOW2_L1_MAX / 8 || sn->l1_off & (s->cluster - 1) ||
        sn->l1_off >= QCOW2_HOST_MAX) {
        return block_error(err, s->node,
                           "snapshot %u: its L1 table is said to have %" PRIu32
                           " entries at %#" PRIx64,
                           i, sn->l1_n, sn->l1_off);
    }
    rest = g_malloc0((size_t)extra + id + name + 1);
    if (!block_read_all(s->node, off + sizeof(p), rest, (uint64_t)extra + id + name, err)) {
        return false;
    }
    if (extra >= 8) {
        sn->vm_state_size = get_be64(rest);
    }
    if (extra >= 16) {
        sn->disk_size = get_be64(rest + 8);
    }
    if (extra >= SNAPSHOT_EXTRA) {
        sn->icount = get_be64(rest + 16);
        sn->extra_len = extra - SNAPSHOT_EXTRA;
        sn->extra = g_memdup2(rest + SNAPSHOT_EXTRA, sn->extra_len);
    }
    sn->id = g_strndup((char *)rest + extra, id);
    sn->name = g_strndup((char *)rest + extra + id, name);
    *at += qcow2_round_up((uint64_t)sizeof(p) + extra + id + name, 8);
    return *at <= QCOW2_SNAPSHOT_TABLE_MAX ||
           block_error(err, s->node, "the snapshot table is larger than %d bytes",
                       QCOW2_SNAPSHOT_TABLE_MAX);
}

bool qcow2_snapshots_load(Qcow2 *s, GError **err)
{
    uint64_t at = 0;

    s->snapshots = g_new0(Qcow2Snapshot, s->h.snapshots_n + 1);
    for (unsigned i = 0; i < s->h.snapshots_n; i++) {
        s->snapshots_n = i + 1;
        if (!qcow2_snapshot_load(s, i, &at, err)) {
            return false;
        }
    }
    s->snapshots_len = at;
    return true;
}

static void qcow2_snapshot_put(GByteArray *out, const Qcow2Snapshot *sn)
{
    uint8_t p[SNAPSHOT_FIXED + SNAPSHOT_EXTRA] = { 0 };
    static const uint8_t zeros[8];
    size_t id = strlen(sn->id), name = strlen(sn->name);

    put_be64(p, sn->l1_off);
    put_be32(p + 8, sn->l1_n);
    put_be16(p + 12, id);
    put_be16(p + 14, name);
    put_be32(p + 16, sn->date_sec);
    put_be32(p + 20, sn->date_nsec);
    put_be64(p + 24, sn->vm_clock_ns);
    put_be32(p + 32, sn->vm_state_size > UINT32_MAX ? 0 : sn->vm_state_size);
    put_be32(p + 36, SNAPSHOT_EXTRA + sn->extra_len);
    put_be64(p + 40, sn->vm_state_size);
    put_be64(p + 48, sn->disk_size);
    put_be64(p + 56, sn->icount);
    g_byte_array_append(out, p, sizeof(p));
    g_byte_array_append(out, sn->extra ? sn->extra : zeros, sn->extra_len);
    g_byte_array_append(out, (const uint8_t *)sn->id, id);
    g_byte_array_append(out, (const uint8_t *)sn->name, name);
    g_byte_array_append(out, zeros, -out->len & 7);
}

int qcow2_snapshots_put(Qcow2 *s, uint64_t *off, uint64_t *len)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    int ret;

    *off = 0;
    for (unsigned i = 0; i < s->snapshots_n; i++) {
        qcow2_snapshot_put(out, &s->snapshots[i]);
    }
    *len = out->len;
    if (out->len > QCOW2_SNAPSHOT_TABLE_MAX) {
        return -EFBIG;
    }
    if (!out->len) {
        return 0;
    }
    ret = qcow2_alloc_table(s, out->len, off);
    return ret ? ret : qcow2_pwrite(s, *off, out->data, out->len);
}

/* A new table of s->snapshots, and the header that points to it; then the old one is free. FIBER */
static int qcow2_snapshots_write(Qcow2 *s)
{
    uint64_t old_off = s->h.snapshots_off, old_len = s->snapshots_len, off, len;
    uint32_t old_n = s->h.snapshots_n;
    int ret = qcow2_snapshots_put(s, &off, &len);

    ret = ret ? ret : qcow2_flush_meta(s);
    ret = ret ? ret : qcow2_barrier(s);
    if (ret) {
        return ret;
    }
    s->h.snapshots_off = off;
    s->h.snapshots_n = s->snapshots_n;
    ret = qcow2_header_write_fixed(s);
    if (ret) {
        s->h.snapshots_off = old_off;
        s->h.snapshots_n = old_n;
        return ret;
    }
    s->snapshots_len = len;
    ret = qcow2_barrier(s);
    if (ret == 0 && old_n) {
        qcow2_free_now(s, old_off, old_len);
    }
    return ret;
}

static int qcow2_snapshot_find(const Qcow2 *s, const char *id_or_name)
{
    for (unsigned i = 0; i < s->snapshots_n; i++) {
        if (!strcmp(s->snapshots[i].id, id_or_name)) {
            return i;
        }
    }
    for (unsigned i = 0; i < s->snapshots_n; i++) {
        if (!strcmp(s->snapshots[i].name, id_or_name)) {
            return i;
        }
    }
    return -1;
}

/* ---- Counts of all that a table leads to ---- */

typedef enum Qcow2Visit { VISIT_RAISE, VISIT_FREE, VISIT_COPIED } Qcow2Visit;

static int qcow2_visit_entry(Qcow2 *s, Qcow2Slice *e, unsigned i, Qcow2Visit how)
{
    uint64_t entry = get_be64(e->buf + (size_t)i * s->l2_entry), off, len;
    int ret = 0;

    if (how == VISIT_FREE) {
        qcow2_free_entry(s, entry, QCOW2_FREE_SNAPSHOT);
    } else if (entry & QCOW2_PACKED) {
        qcow2_packed_range(s, entry, &off, &len);
        off &= ~(s->cluster - 1);
        len += (entry & s->packed_mask) - off;
        ret = how == VISIT_RAISE ? qcow2_refcount_raise(s, off, len) : 0;
    } else if (entry & QCOW2_OFF_MASK) {
        off = entry & QCOW2_OFF_MASK;
        if (off & (s->cluster - 1)) {
            return -EIO;
        }
        ret = how == VISIT_RAISE ? qcow2_refcount_raise(s, off, s->cluster) : 0;
    }
    return ret;
}

/* The COPIED flag of one entry by its count; the piece is asked for again since that waits. */
static int qcow2_visit_copied(Qcow2 *s, uint64_t at, unsigned i)
{
    Qcow2Slice *e;
    uint64_t entry, count, right;
    int ret = qcow2_cache_get(s, &s->l2, at, &e);

    if (ret) {
        return ret;
    }
    entry = get_be64(e->buf + (size_t)i * s->l2_entry);
    if (entry & QCOW2_PACKED || !(entry & QCOW2_OFF_MASK)) {
        return 0;
    }
    ret = qcow2_refcount_get(s, (entry & QCOW2_OFF_MASK) >> s->h.cluster_bits, &count);
    right = count == 1 ? entry | QCOW2_COPIED : entry & ~QCOW2_COPIED;
    if (ret || right == entry) {
        return ret;
    }
    ret = qcow2_cache_get(s, &s->l2, at, &e);
    if (ret == 0) {
        put_be64(qcow2_modify(&s->l2, e) + (size_t)i * s->l2_entry, right);
    }
    return ret;
}

static int qcow2_visit_table(Qcow2 *s, uint64_t table, Qcow2Visit how)
{
    unsigned per = s->l2.slice_size / s->l2_entry;
    int ret = table & (s->cluster - 1) ? -EIO : 0;

    for (uint64_t at = table; ret == 0 && at < table + s->cluster; at += s->l2.slice_size) {
        Qcow2Slice *e;

        for (unsigned i = 0; ret == 0 && i < per; i++) {
            if (how == VISIT_COPIED) {
                ret = qcow2_visit_copied(s, at, i);
                continue;
            }
            ret = qcow2_cache_get(s, &s->l2, at, &e);
            ret = ret ? ret : qcow2_visit_entry(s, e, i, how);
        }
    }
    return ret;
}

/* All tables of an L1 table in host order, and what they lead to. FIBER */
static int qcow2_visit(Qcow2 *s, const uint64_t *l1, uint32_t n, Qcow2Visit how)
{
    int ret = 0;

    for (uint32_t i = 0; ret == 0 && i < n; i++) {
        uint64_t table = l1[i] & QCOW2_OFF_MASK, count;

        if (!table) {
            continue;
        }
        ret = qcow2_visit_table(s, table, how);
        if (ret == 0 && how == VISIT_RAISE) {
            ret = qcow2_refcount_raise(s, table, s->cluster);
        } else if (ret == 0 && how == VISIT_FREE) {
            qcow2_free(s, table, s->cluster, QCOW2_FREE_SNAPSHOT);
        } else if (ret == 0) {
            ret = qcow2_refcount_get(s, table >> s->h.cluster_bits, &count);
            uint64_t right = count == 1 ? table | QCOW2_COPIED : table;
            if (ret == 0 && right != s->l1[i]) {
                s->l1[i] = right;
                s->l1_dirty[i / 64] = 1;
                s->l1_any_dirty = true;
            }
        }
    }
    return ret;
}

/* ---- Steps ---- */

static int qcow2_mark_dirty(Qcow2 *s, bool dirty)
{
    int ret;

    if (s->h.version < 3 || (s->lazy && !dirty)) {
        return 0; /* lazy: until it is closed */
    }
    s->h.incompat = dirty ? s->h.incompat | QCOW2_INCOMPAT_DIRTY
                          : s->h.incompat & ~(uint64_t)QCOW2_INCOMPAT_DIRTY;
    ret = qcow2_header_write_fixed(s);
    ret = ret ? ret : qcow2_barrier(s);
    if (ret == 0) {
        s->dirty_on_disk = dirty;
    }
    return ret;
}

/* After a failure: what is counted too often is put right. */
static void qcow2_snapshot_undo(Qcow2 *s)
{
    BlockCheck c = { 0 };
    g_autoptr(GError) err = NULL;

    (void)!qcow2_check(s->node, &c, BLOCK_FIX_LEAKS | BLOCK_FIX_ERRORS, &err);
}

static bool qcow2_snapshot_begin(Qcow2 *s, GError **err)
{
    int ret;

    if (s->external) {
        return block_error(err, s->node,
                           "an image with an external data file has no internal "
                           "snapshots");
    }
    ret = qcow2_flush_everything(s);
    ret = ret ? ret : qcow2_mark_dirty(s, true);
    return ret == 0 || block_error(err, s->node, "cannot write the tables: %s", strerror(-ret));
}

/* Waits for nothing that would be lost; clears the dirty bit. */
static int qcow2_snapshot_end(Qcow2 *s, int ret)
{
    ret = ret ? ret : qcow2_visit(s, s->l1, s->l1_n, VISIT_COPIED);
    ret = ret ? ret : qcow2_flush_everything(s);
    return ret ? ret : qcow2_mark_dirty(s, false);
}

/* ---- Create ---- */

/* The tables that lead to the machine's state are the snapshot's: what follows copies them. */
static void qcow2_vmstate_share(Qcow2 *s)
{
    uint64_t first = qcow2_vmstate_base(s->node) >> (s->h.cluster_bits + s->l2_bits);

    for (uint64_t i = first; i < s->l1_n; i++) {
        if (s->l1[i] & QCOW2_COPIED) {
            s->l1[i] &= ~QCOW2_COPIED;
            s->l1_dirty[i / 64] = 1;
            s->l1_any_dirty = true;
        }
    }
}

/* The lock is held. FIBER */
static int qcow2_vmstate_unmap(Qcow2 *s)
{
    uint64_t base = qcow2_vmstate_base(s->node);
    uint64_t end = (uint64_t)s->l1_n * (s->cluster << s->l2_bits);

    return base && base < end ? qcow2_unmap(s, base, end - base) : 0;
}

static char *qcow2_snapshot_new_id(const Qcow2 *s)
{
    uint64_t max = 0;

    for (unsigned i = 0; i < s->snapshots_n; i++) {
        max = MAX(max, strtoull(s->snapshots[i].id, NULL, 10));
    }
    return g_strdup_printf("%" PRIu64, max + 1);
}

/* FIBER */
static int qcow2_snapshot_take(Qcow2 *s, Qcow2Snapshot *sn)
{
    g_autofree uint8_t *buf = g_try_malloc0(s->l1_n * 8ull + 1);
    int ret = buf ? qcow2_alloc_table(s, MAX(s->l1_n * 8ull, 1), &sn->l1_off) : -ENOMEM;

    sn->l1_n = s->l1_n;
    if (s->h.version >= 3) {
        ret = ret ? ret : qcow2_visit(s, s->l1, s->l1_n, VISIT_RAISE);
    }
    for (uint32_t i = 0; ret == 0 && i < s->l1_n; i++) {
        put_be64(buf + i * 8ull, s->l1[i] & ~QCOW2_COPIED);
    }
    ret = ret || !s->l1_n ? ret : qcow2_pwrite(s, sn->l1_off, buf, s->l1_n * 8ull);
    s->snapshots = g_renew(Qcow2Snapshot, s->snapshots, s->snapshots_n + 1);
    s->snapshots[s->snapshots_n] = *sn;
    if (ret == 0) {
        s->snapshots_n++;
        ret = s->h.version < 3 ? qcow2_old_switch(s, s->l1, s->l1_n, s->h.size)
                               : qcow2_snapshots_write(s);
        s->snapshots_n -= ret != 0 && s->h.snapshots_n < s->snapshots_n;
    }
    return ret;
}

bool qcow2_snapshot_create(BlockNode *n, BlockSnapshot *snap, GError **err)
{
    Qcow2 *s = block_priv(n);
    Qcow2Snapshot sn = { .date_sec = snap->date_sec,
                         .date_nsec = snap->date_nsec,
                         .vm_clock_ns = snap->vm_clock_ns,
                         .vm_state_size = snap->vm_state_size,
                         .disk_size = s->h.size,
                         .icount = snap->icount };
    unsigned before = s->snapshots_n;
    int ret;

    if (s->snapshots_n >= QCOW2_SNAPSHOTS_MAX) {
        return block_error(err, n, "it has %d snapshots: no more can be", QCOW2_SNAPSHOTS_MAX);
    }
    if ((snap->name && strlen(snap->name) > UINT16_MAX) || (snap->id && strlen(snap->id) > 255)) {
        return block_error(err, n, "the snapshot's name is too long");
    }
    if (snap->id && *snap->id && qcow2_snapshot_find(s, snap->id) >= 0) {
        return block_error(err, n, "there is a snapshot with the id '%s' already", snap->id);
    }
    fiber_lock(&s->lock);
    bool ok = qcow2_snapshot_begin(s, err);
    if (ok) {
        sn.id = snap->id && *snap->id ? g_strdup(snap->id) : qcow2_snapshot_new_id(s);
        sn.name = g_strdup(snap->name ? snap->name : "");
        ret = qcow2_snapshot_take(s, &sn);
        if (ret == 0) {
            if (s->h.version >= 3) { /* else they are copies, of which nobody else knows */
                qcow2_vmstate_share(s);
            }
            ret = qcow2_vmstate_unmap(s);
        }
        ret = ret ? ret : qcow2_flush_everything(s);
        ret = qcow2_snapshot_end(s, ret);
        if (ret && s->snapshots_n == before) {
            qcow2_snapshot_deinit(&sn);
            qcow2_snapshot_undo(s);
        }
        ok = ret == 0 ||
             block_error(err, n, "cannot make the snapshot: %s",
                         ret == -EINVAL ? "the width of the counts (refcount_bits) does not allow "
                                          "one more"
                                        : strerror(-ret));
    }
    fiber_unlock(&s->lock);
    if (ok && (!snap->id || !*snap->id)) {
        g_free(snap->id);
        snap->id = g_strdup(sn.id);
    }
    return ok;
}

/* ---- Delete ---- */

/* A snapshot's L1 table, host order. FIBER */
static int qcow2_snapshot_l1(Qcow2 *s, const Qcow2Snapshot *sn, uint64_t **l1)
{
    int ret;

    *l1 = g_try_new0(uint64_t, (uint64_t)sn->l1_n + 1);
    ret = *l1 ? qcow2_pread(s, sn->l1_off, *l1, sn->l1_n * 8ull) : -ENOMEM;
    for (uint32_t i = 0; ret == 0 && i < sn->l1_n; i++) {
        (*l1)[i] = be64toh((*l1)[i]) & QCOW2_OFF_MASK;
    }
    return ret;
}

bool qcow2_snapshot_delete(BlockNode *n, const char *id_or_name, GError **err)
{
    Qcow2 *s = block_priv(n);
    int i = qcow2_snapshot_find(s, id_or_name), ret;
    g_autofree uint64_t *l1 = NULL;
    Qcow2Snapshot sn;
    bool ok;

    if (i < 0) {
        return block_error(err, n, "there is no snapshot '%s'", id_or_name);
    }
    sn = s->snapshots[i];
    fiber_lock(&s->lock);
    ok = qcow2_snapshot_begin(s, err);
    if (ok) {
        ret = qcow2_snapshot_l1(s, &sn, &l1);
        if (ret == 0) {
            memmove(s->snapshots + i, s->snapshots + i + 1, (s->snapshots_n - i - 1) * sizeof(sn));
            s->snapshots_n--;
            ret = s->h.version < 3 ? qcow2_old_switch(s, s->l1, s->l1_n, s->h.size)
                                   : qcow2_snapshots_write(s);
            if (ret && s->h.snapshots_n > s->snapshots_n) {
                memmove(s->snapshots + i + 1, s->snapshots + i, (s->snapshots_n - i) * sizeof(sn));
                s->snapshots[i] = sn;
                s->snapshots_n++;
            } else {
                qcow2_snapshot_deinit(&sn);
            }
        }
        if (ret == 0 && s->h.version >= 3) {
            ret = qcow2_visit(s, l1, sn.l1_n, VISIT_FREE);
            qcow2_free(s, sn.l1_off, MAX(sn.l1_n * 8ull, 1), QCOW2_FREE_SNAPSHOT);
            ret = ret ? ret : qcow2_flush_everything(s);
        }
        ret = qcow2_snapshot_end(s, ret);
        ok = ret == 0 || block_error(err, n, "cannot delete the snapshot: %s", strerror(-ret));
    }
    fiber_unlock(&s->lock);
    return ok;
}

/* ---- Apply ---- */

/* The header points to a copy of the snapshot's table. FIBER */
static int qcow2_snapshot_switch(Qcow2 *s, const Qcow2Snapshot *sn, uint64_t *l1)
{
    uint64_t off, size = s->h.size, old_off = s->h.l1_off;
    uint32_t old_n = s->l1_n, n = MAX(sn->l1_n, 1);
    g_autofree uint8_t *buf = g_try_malloc0(n * 8ull);
    g_autofree uint64_t *old = NULL;
    uint8_t *dirty = g_malloc0(n / 64 + 1);
    int ret = buf ? qcow2_alloc_table(s, n * 8ull, &off) : -ENOMEM;

    ret = ret ? ret : qcow2_visit(s, l1, sn->l1_n, VISIT_RAISE);
    for (uint32_t i = 0; ret == 0 && i < sn->l1_n; i++) {
        put_be64(buf + i * 8ull, l1[i]);
    }
    ret = ret ? ret : qcow2_pwrite(s, off, buf, n * 8ull);
    ret = ret ? ret : qcow2_flush_everything(s);
    if (ret == 0) {
        s->h.l1_off = off;
        s->h.l1_n = sn->l1_n;
        s->h.size = sn->disk_size;
        ret = qcow2_header_write_fixed(s);
    }
    if (ret) {
        s->h.l1_off = old_off;
        s->h.l1_n = old_n;
        s->h.size = size;
        g_free(dirty);
        return ret;
    }
    ret = qcow2_barrier(s);
    old = s->l1;
    s->l1 = g_memdup2(l1, (sn->l1_n + 1) * sizeof(*l1));
    s->l1_n = sn->l1_n;
    g_free(s->l1_dirty);
    s->l1_dirty = dirty;
    s->l1_any_dirty = false;
    for (uint32_t i = 0; i < s->l1_n; i++) {
        if (s->l1[i]) {
            qcow2_set_add(&s->meta, s->l1[i] >> s->h.cluster_bits);
        }
    }
    ret = ret ? ret : qcow2_visit(s, old, old_n, VISIT_FREE);
    if (ret == 0 && old_n) {
        qcow2_free(s, old_off, old_n * 8ull, QCOW2_FREE_SNAPSHOT);
    }
    return ret ? ret : qcow2_flush_everything(s);
}

bool qcow2_snapshot_apply(BlockNode *n, const char *id_or_name, GError **err)
{
    Qcow2 *s = block_priv(n);
    int i = qcow2_snapshot_find(s, id_or_name), ret;
    g_autofree uint64_t *l1 = NULL;
    const Qcow2Snapshot *sn;
    bool ok;

    if (i < 0) {
        return block_error(err, n, "there is no snapshot '%s'", id_or_name);
    }
    sn = &s->snapshots[i];
    if (sn->disk_size > BLOCK_SIZE_MAX || qcow2_l1_entries(s, sn->disk_size) > sn->l1_n) {
        return block_error(err, n,
                           "snapshot '%s': its L1 table of %" PRIu32 " entries is too small "
                           "for its size of %" PRIu64 " bytes",
                           id_or_name, sn->l1_n, sn->disk_size);
    }
    fiber_lock(&s->lock);
    ok = qcow2_snapshot_begin(s, err);
    if (ok) {
        ret = qcow2_snapshot_l1(s, sn, &l1);
        if (ret == 0 && s->h.version < 3) {
            ret = qcow2_old_switch(s, l1, sn->l1_n, sn->disk_size);
        } else if (ret == 0) {
            ret = qcow2_snapshot_switch(s, sn, l1);
        }
        ret = ret ? ret : qcow2_vmstate_unmap(s); /* the snapshot keeps it */
        ret = qcow2_snapshot_end(s, ret);
        if (ret) {
            qcow2_snapshot_undo(s);
        }
        if (ret == 0 && block_bitmaps_resize(n, s->h.size)) {
            block_bitmaps_dirty(n, 0, s->h.size);
        }
        ok = ret == 0 ? block_set_size(n, s->h.size, err)
                      : block_error(err, n, "cannot go to the snapshot: %s", strerror(-ret));
    }
    fiber_unlock(&s->lock);
    return ok;
}

/* ---- Looking ---- */

bool qcow2_snapshot_view(BlockNode *n, const char *id_or_name, GError **err)
{
    Qcow2 *s = block_priv(n);
    int i = qcow2_snapshot_find(s, id_or_name), ret;
    const Qcow2Snapshot *sn = i < 0 ? NULL : &s->snapshots[i];
    uint64_t *l1 = NULL;

    if (!sn) {
        return block_error(err, n, "there is no snapshot '%s'", id_or_name);
    }
    if (sn->disk_size > BLOCK_SIZE_MAX || qcow2_l1_entries(s, sn->disk_size) > sn->l1_n) {
        return block_error(err, n,
                           "snapshot '%s': its L1 table of %" PRIu32 " entries is too "
                           "small for its size of %" PRIu64 " bytes",
                           id_or_name, sn->l1_n, sn->disk_size);
    }
    ret = qcow2_snapshot_l1(s, sn, &l1);
    for (uint32_t k = 0; !ret && k < sn->l1_n; k++) {
        ret = l1[k] & (s->cluster - 1) ? -EINVAL : 0;
    }
    if (ret) {
        g_free(l1);
        return block_error(err, n, "snapshot '%s': cannot read its L1 table: %s", id_or_name,
                           strerror(-ret));
    }
    g_free(s->l1);
    s->l1 = l1;
    s->l1_n = sn->l1_n;
    s->h.size = sn->disk_size;
    return block_set_size(n, sn->disk_size, err);
}

bool qcow2_make_empty(BlockNode *n, GError **err)
{
    Qcow2 *s = block_priv(n);
    int ret;

    fiber_lock(&s->lock);
    ret = qcow2_unmap(s, 0, qcow2_round_up(s->h.size, s->cluster));
    ret = ret ? ret : qcow2_flush_everything(s);
    fiber_unlock(&s->lock);
    return !ret || block_error(err, n, "cannot free its clusters: %s", strerror(-ret));
}

/* ---- The machine's state ---- */

/* All tables are written before, and nothing is until the disk's own table is back: no flush can
 * write the wrong one. */
bool qcow2_snapshot_peek(BlockNode *n, const char *id, GError **err)
{
    Qcow2 *s = block_priv(n);
    const Qcow2Snapshot *sn;
    uint64_t *l1 = NULL;
    int i, ret;

    if (!id) {
        CHECK(s->peek_l1);
        g_free(s->l1);
        s->l1 = g_steal_pointer(&s->peek_l1);
        s->l1_n = s->peek_l1_n;
        s->h.size = s->peek_size;
        return true;
    }
    i = qcow2_snapshot_find(s, id);
    if (i < 0) {
        return block_error(err, n, "there is no snapshot '%s'", id);
    }
    ret = s->writable ? qcow2_flush_everything(s) : 0;
    sn = &s->snapshots[i];
    ret = ret ? ret : qcow2_snapshot_l1(s, sn, &l1);
    if (ret || s->l1_any_dirty || sn->disk_size > BLOCK_SIZE_MAX ||
        qcow2_l1_entries(s, sn->disk_size) > sn->l1_n) {
        g_free(l1);
        return block_error(err, n,
                           "snapshot '%s': cannot read its L1 table of %" PRIu32 " entries: %s", id,
                           sn->l1_n, ret ? strerror(-ret) : "too small for the disk's size");
    }
    s->peek_l1 = s->l1;
    s->peek_l1_n = s->l1_n;
    s->peek_size = s->h.size;
    s->l1 = l1;
    s->l1_n = sn->l1_n;
    s->h.size = sn->disk_size;
    return true;
}

int qcow2_vmstate_discard(BlockNode *n)
{
    Qcow2 *s = block_priv(n);
    int ret;

    fiber_lock(&s->lock);
    ret = qcow2_vmstate_unmap(s);
    fiber_unlock(&s->lock);
    return ret;
}

char *qcow2_snapshot_why_not(BlockNode *n)
{
    Qcow2 *s = block_priv(n);

    return s->external ? g_strdup("an image with an external data file has no internal snapshots")
                       : NULL;
}

/* ---- Telling ---- */

bool qcow2_snapshot_list(BlockNode *n, BlockSnapshot **list, unsigned *count, GError **err)
{
    Qcow2 *s = block_priv(n);

    *count = s->snapshots_n;
    *list = g_new0(BlockSnapshot, s->snapshots_n + 1);
    for (unsigned i = 0; i < s->snapshots_n; i++) {
        const Qcow2Snapshot *sn = &s->snapshots[i];

        (*list)[i] =
            (BlockSnapshot){ g_strdup(sn->id), g_strdup(sn->name), sn->vm_state_size, sn->disk_size,
                             sn->date_sec,     sn->date_nsec,      sn->vm_clock_ns,   sn->icount };
    }
    return true;
}

uint64_t qcow2_vmstate_base(BlockNode *n)
{
    Qcow2 *s = block_priv(n);

    return s->external ? 0 : qcow2_l1_entries(s, s->h.size) << (s->h.cluster_bits + s->l2_bits);
}
