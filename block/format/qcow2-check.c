/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does every count say how often its cluster is pointed to? Walks all tables, compares, and
 * repairs: counts where they exist, all of them anew where blocks of counts are missing.
 * The lines are those that people and scripts know from qemu-img check.
 */
#include "block/format/qcow2.h"
#include "block/format/qcow2-check.h"

#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef struct Qcow2Check {
    Qcow2 *s;
    BlockCheck *c;
    unsigned fix;
    Qcow2Refs r;
    uint64_t file_clusters;
    bool rebuild;     /* blocks of counts are missing */
    uint64_t next;    /* where the next data cluster would lie without fragments */
    uint32_t *disk;   /* counts as they stand, for r.n clusters */
    bool copied_pass; /* COPIED flags are looked at, not references */
    bool copied_fix;
    uint64_t done, todo; /* tables, for progress */
} Qcow2Check;

static void qcow2_progress(Qcow2Check *k)
{
    if (k->c->progress && k->todo) {
        k->c->progress(k->c->opaque, MIN(1.0, (double)k->done / k->todo));
    }
}

/* ---- References ---- */

/* The clusters of [@off, @off + @len) are pointed to once more. */
static void qcow2_ref(Qcow2Check *k, uint64_t off, uint64_t len)
{
    unsigned bits = k->s->h.cluster_bits;
    uint64_t first = off >> bits, last;

    if (!len) {
        return;
    }
    last = (off + len - 1) >> bits;
    if (last >= k->file_clusters || off + len < off) {
        block_check_say(k->c,
                        "ERROR: counting reference for region exceeding the end of the file by one "
                        "cluster or more: offset 0x%" PRIx64 " size 0x%" PRIx64,
                        off, len);
        k->c->corruptions++;
        return;
    }
    for (uint64_t i = first; i <= last && i < k->r.n; i++) {
        if (k->r.refs[i] == UINT32_MAX) {
            k->c->corruptions++;
            return;
        }
        k->r.refs[i]++;
    }
}

static void qcow2_check_data(Qcow2Check *k, uint64_t entry, bool active)
{
    Qcow2 *s = k->s;
    uint64_t off = entry & QCOW2_OFF_MASK;

    if (active) {
        k->c->allocated++;
        if (k->next && off != k->next) {
            k->c->fragmented++;
        }
        k->next = off + s->cluster;
    }
    if (!s->external) {
        qcow2_ref(k, off, s->cluster);
    }
    if (off & (s->cluster - 1)) {
        block_check_say(k->c,
                        "ERROR offset=%" PRIx64 ": Data cluster is not properly aligned; L2 entry "
                        "corrupted.",
                        off);
        k->c->corruptions++;
    }
}

static void qcow2_check_entry(Qcow2Check *k, uint64_t entry, uint64_t bitmap, bool active)
{
    Qcow2 *s = k->s;
    uint64_t off, len, reserved = QCOW2_L2_RESERVED;

    if (entry & QCOW2_PACKED) {
        if (entry & QCOW2_COPIED) {
            block_check_say(k->c,
                            "ERROR: coffset=0x%" PRIx64 ": copied flag must never be set for "
                            "compressed clusters",
                            entry & s->packed_mask);
            k->c->corruptions++;
        }
        if (s->external) {
            block_check_say(k->c, "ERROR compressed cluster %" PRIx64 " with data file", entry);
            k->c->corruptions++;
            return;
        }
        qcow2_packed_range(s, entry, &off, &len);
        qcow2_ref(k, off, len);
        if (active) {
            k->c->allocated++;
            k->c->compressed++;
            k->c->fragmented++; /* by their nature */
        }
        return;
    }
    if (s->h.version < 3 || qcow2_has_subclusters(s)) {
        reserved |= QCOW2_ZERO;
    }
    if (entry & reserved) {
        block_check_say(k->c, "ERROR found l2 entry with reserved bits set: %" PRIx64, entry);
        k->c->corruptions++;
    }
    if (qcow2_has_subclusters(s) && bitmap >> 32 & bitmap) {
        block_check_say(k->c,
                        "ERROR: L2 entry %" PRIx64 ": bitmap %" PRIx64 " says of subclusters that "
                        "they are both allocated and zero",
                        entry, bitmap);
        k->c->corruptions++;
    }
    if (entry & QCOW2_OFF_MASK || (s->external && entry & QCOW2_COPIED)) {
        qcow2_check_data(k, entry, active);
    }
}

/* FIBER */
static int qcow2_check_l2(Qcow2Check *k, uint64_t off, uint8_t *buf, bool active)
{
    Qcow2 *s = k->s;
    unsigned n = 1u << s->l2_bits;
    int ret = qcow2_pread(s, off, buf, s->cluster);

    k->next = 0; /* between tables there are tables */

    if (ret) {
        block_check_say(k->c, "ERROR: I/O error in check_refcounts_l2");
        k->c->errors++;
        return ret;
    }
    for (unsigned i = 0; i < n; i++) {
        const uint8_t *p = buf + (size_t)i * s->l2_entry;
        uint64_t entry = get_be64(p);

        if (entry || s->l2_entry == 16) {
            qcow2_check_entry(k, entry, s->l2_entry == 16 ? get_be64(p + 8) : 0, active);
        }
    }
    return 0;
}

/* A table of @n entries in host order at @off, and all it leads to. FIBER */
static int qcow2_check_l1(Qcow2Check *k, uint64_t off, const uint64_t *l1, uint32_t n, bool active)
{
    Qcow2 *s = k->s;
    g_autofree uint8_t *buf = g_try_malloc(s->cluster);

    if (!buf) {
        return -ENOMEM;
    }
    qcow2_ref(k, off, n * 8ull);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t l2 = l1[i] & QCOW2_OFF_MASK;

        if (!l1[i]) {
            continue;
        }
        if (l1[i] & QCOW2_L1_RESERVED) {
            block_check_say(k->c, "ERROR found L1 entry with reserved bits set: %" PRIx64, l1[i]);
            k->c->corruptions++;
        }
        if (!l2) {
            continue;
        }
        qcow2_ref(k, l2, s->cluster);
        if (l2 & (s->cluster - 1)) {
            block_check_say(k->c,
                            "ERROR l2_offset=%" PRIx64 ": Table is not cluster aligned; L1 entry "
                            "corrupted",
                            l2);
            k->c->corruptions++;
        }
        int ret = qcow2_check_l2(k, l2, buf, active);
        if (ret) {
            return ret;
        }
        k->done++;
        qcow2_progress(k);
    }
    return 0;
}

/* FIBER */
static int qcow2_check_snapshot(Qcow2Check *k, const Qcow2Snapshot *sn)
{
    g_autofree uint64_t *l1 = NULL;
    int ret;

    if (sn->l1_off & (k->s->cluster - 1) || sn->l1_n > QCOW2_L1_MAX / 8) {
        block_check_say(k->c,
                        "ERROR snapshot %s (%s) l1_offset=%#" PRIx64 ": L1 table is not cluster "
                        "aligned; snapshot table entry corrupted",
                        sn->id, sn->name, sn->l1_off);
        k->c->corruptions++;
        return 0;
    }
    l1 = g_try_new(uint64_t, (uint64_t)sn->l1_n + 1);
    ret = l1 ? qcow2_pread(k->s, sn->l1_off, l1, sn->l1_n * 8ull) : -ENOMEM;
    for (uint32_t i = 0; ret == 0 && i < sn->l1_n; i++) {
        l1[i] = be64toh(l1[i]);
    }
    return ret ? ret : qcow2_check_l1(k, sn->l1_off, l1, sn->l1_n, false);
}

/* Section "Bitmaps": directory, tables, data. FIBER */
static int qcow2_check_bitmaps(Qcow2Check *k)
{
    Qcow2 *s = k->s;

    if (!s->x.has_bitmaps) {
        return 0;
    }
    qcow2_ref(k, s->x.bitmap_dir_off, s->x.bitmap_dir_len);
    for (unsigned b = 0; b < s->bitmaps_n; b++) {
        const Qcow2Bitmap *bm = &s->bitmaps[b];
        g_autofree uint64_t *table = g_try_new(uint64_t, (uint64_t)bm->table_n + 1);
        int ret = table ? qcow2_pread(s, bm->table_off, table, bm->table_n * 8ull) : -ENOMEM;

        if (ret) {
            return ret;
        }
        qcow2_ref(k, bm->table_off, bm->table_n * 8ull);
        for (uint32_t i = 0; i < bm->table_n; i++) {
            uint64_t off = be64toh(table[i]) & QCOW2_OFF_MASK;

            if (off & (s->cluster - 1)) {
                block_check_say(k->c,
                                "ERROR bitmap '%s': table entry %" PRIu32 " is not cluster aligned",
                                bm->name, i);
                k->c->corruptions++;
            } else if (off) {
                qcow2_ref(k, off, s->cluster);
            }
        }
    }
    return 0;
}

/* The refcount table and its blocks. */
static void qcow2_check_blocks(Qcow2Check *k)
{
    Qcow2 *s = k->s;

    qcow2_ref(k, s->h.rt_off, s->rt_n * 8ull);
    for (uint32_t i = 0; i < s->rt_n; i++) {
        uint64_t off = s->rt[i] & ~QCOW2_RT_RESERVED;

        if (s->rt[i] & QCOW2_RT_RESERVED) {
            block_check_say(k->c, "ERROR refcount table entry %" PRIu32 " has reserved bits set",
                            i);
            k->c->corruptions++;
            k->rebuild = true;
        } else if (off & (s->cluster - 1)) {
            block_check_say(k->c,
                            "ERROR refcount block %" PRIu32
                            " is not cluster aligned; refcount table "
                            "entry corrupted",
                            i);
            k->c->corruptions++;
            k->rebuild = true;
        } else if (off >> s->h.cluster_bits >= k->file_clusters) {
            block_check_say(k->c, "ERROR refcount block %" PRIu32 " is outside image", i);
            k->c->corruptions++;
            k->rebuild = true;
        } else if (off) {
            qcow2_ref(k, off, s->cluster);
            if (k->r.refs[off >> s->h.cluster_bits] != 1) {
                block_check_say(k->c, "ERROR refcount block %" PRIu32 " refcount=%" PRIu32, i,
                                k->r.refs[off >> s->h.cluster_bits]);
                k->c->corruptions++;
                k->rebuild = true;
            }
        }
    }
}

/* FIBER */
static int qcow2_check_refs(Qcow2Check *k)
{
    Qcow2 *s = k->s;
    int ret;

    qcow2_ref(k, 0, s->cluster);
    ret = qcow2_check_l1(k, s->h.l1_off, s->l1, s->l1_n, true);
    for (unsigned i = 0; ret == 0 && i < s->snapshots_n; i++) {
        ret = qcow2_check_snapshot(k, &s->snapshots[i]);
    }
    if (s->h.snapshots_n) {
        qcow2_ref(k, s->h.snapshots_off, s->snapshots_len);
    }
    if (s->x.has_crypto) {
        qcow2_ref(k, s->x.crypto_off, s->x.crypto_len);
    }
    ret = ret ? ret : qcow2_check_bitmaps(k);
    if (ret == 0) {
        qcow2_check_blocks(k);
    }
    return ret;
}

int qcow2_refs_count(Qcow2 *s, Qcow2Refs *r)
{
    BlockCheck c = { 0 };
    Qcow2Check k = { .s = s, .c = &c };
    int ret;

    k.file_clusters = qcow2_clusters(s, block_node_size(block_file(s->node)));
    k.r.n = k.file_clusters + 1;
    k.r.refs = block_try_array(s->node, k.r.n, sizeof(*k.r.refs));
    ret = k.r.refs ? qcow2_check_refs(&k) : -ENOMEM;
    *r = k.r;
    return ret ? ret : c.corruptions || c.errors ? -EIO : 0;
}

/* ---- Counts ---- */

/* Counts as the file says, for all clusters. FIBER */
static int qcow2_check_load(Qcow2Check *k)
{
    Qcow2 *s = k->s;
    uint64_t per = 1ull << s->rb_bits;
    g_autofree uint8_t *buf = g_try_malloc(s->cluster);

    k->disk = block_try_array(s->node, k->r.n, sizeof(*k->disk));
    if (!k->disk || !buf) {
        return -ENOMEM;
    }
    for (uint64_t i = 0; i < s->rt_n && i << s->rb_bits < k->r.n; i++) {
        uint64_t off = s->rt[i] & ~QCOW2_RT_RESERVED, base = i << s->rb_bits;

        if (!off || off & (s->cluster - 1) || off >> s->h.cluster_bits >= k->file_clusters) {
            continue;
        }
        int ret = qcow2_pread(s, off, buf, s->cluster);
        if (ret) {
            block_check_say(k->c, "Can't get refcount for cluster %" PRIu64 ": %s", base,
                            strerror(-ret));
            k->c->errors++;
            k->rebuild = true;
            continue;
        }
        for (uint64_t j = 0; j < per && base + j < k->r.n; j++) {
            k->disk[base + j] = MIN(qcow2_refcount_read(buf, j, s->h.refcount_order), UINT32_MAX);
        }
    }
    return 0;
}

/* @fix: what may be repaired in this pass. FIBER */
static int qcow2_check_compare(Qcow2Check *k, unsigned fix)
{
    Qcow2 *s = k->s;
    uint64_t end = 0;
    int ret = 0;

    for (uint64_t i = 0; i < k->r.n && ret == 0; i++) {
        uint32_t count = k->disk[i], refs = k->r.refs[i];
        bool leak = count > refs;

        if (count || refs) {
            end = i + 1;
        }
        if (count == refs) {
            continue;
        }
        k->rebuild |= !count;
        if (fix & (leak ? BLOCK_FIX_LEAKS : BLOCK_FIX_ERRORS)) {
            block_check_say(k->c,
                            "Repairing cluster %" PRIu64 " refcount=%" PRIu32 " reference=%" PRIu32,
                            i, count, refs);
            ret = qcow2_refcount_set(s, i, refs);
            if (ret == 0) {
                k->disk[i] = refs;
                *(leak ? &k->c->leaks_fixed : &k->c->corruptions_fixed) += 1;
                continue;
            }
        } else {
            block_check_say(k->c, "%s cluster %" PRIu64 " refcount=%" PRIu32 " reference=%" PRIu32,
                            leak ? "Leaked" : "ERROR", i, count, refs);
        }
        *(leak ? &k->c->leaks : &k->c->corruptions) += 1;
    }
    if (fix && ret == 0) {
        while (end && !k->disk[end - 1]) {
            end--;
        }
    }
    k->c->image_end = end << s->h.cluster_bits;
    return ret;
}

/* ---- COPIED flags ---- */

static uint32_t qcow2_check_count(const Qcow2Check *k, uint64_t off)
{
    uint64_t i = off >> k->s->h.cluster_bits;

    return i < k->r.n ? k->disk[i] : 0;
}

/* Of the file, which the first pass has told. */
static bool qcow2_is_outside(const Qcow2Check *k, uint64_t off)
{
    return off >> k->s->h.cluster_bits >= k->r.n;
}

/* A flag that does not tell the truth; true: it is to be put right. */
static bool qcow2_copied_wrong(Qcow2Check *k, const char *what)
{
    block_check_say(k->c, "%s OFLAG_COPIED %s", k->copied_fix ? "Repairing" : "ERROR", what);
    *(k->copied_fix ? &k->c->corruptions_fixed : &k->c->corruptions) += 1;
    return k->copied_fix;
}

/* FIBER */
static int qcow2_copied_l2(Qcow2Check *k, uint64_t off, uint8_t *buf)
{
    Qcow2 *s = k->s;
    bool changed = false;
    int ret = qcow2_pread(s, off, buf, s->cluster);

    for (unsigned i = 0; ret == 0 && i < 1u << s->l2_bits; i++) {
        uint8_t *p = buf + (size_t)i * s->l2_entry;
        uint64_t entry = get_be64(p), data = entry & QCOW2_OFF_MASK;
        char what[96];
        uint32_t count;

        if (entry & QCOW2_PACKED || !data || data & (s->cluster - 1) ||
            (!s->external && qcow2_is_outside(k, data))) {
            continue;
        }
        count = s->external ? 1 : qcow2_check_count(k, data);
        if ((count == 1) == (entry >> 63)) {
            continue;
        }
        snprintf(what, sizeof(what), "data cluster: l2_entry=%" PRIx64 " refcount=%" PRIu32, entry,
                 count);
        if (qcow2_copied_wrong(k, what)) {
            put_be64(p, count == 1 ? entry | QCOW2_COPIED : entry & ~QCOW2_COPIED);
            changed = true;
        }
    }
    if (changed && ret == 0) {
        qcow2_cache_drop(s, &s->l2, off, s->cluster);
        ret = qcow2_pwrite(s, off, buf, s->cluster);
    }
    return ret;
}

/* Of the active tables. FIBER */
static int qcow2_check_copied(Qcow2Check *k)
{
    Qcow2 *s = k->s;
    g_autofree uint8_t *buf = g_try_malloc(s->cluster);
    int ret = buf ? 0 : -ENOMEM;

    for (uint32_t i = 0; ret == 0 && i < s->l1_n; i++) {
        uint64_t off = s->l1[i] & QCOW2_OFF_MASK;
        uint32_t count = qcow2_check_count(k, off);
        char what[96];

        if (!off || off & (s->cluster - 1) || qcow2_is_outside(k, off)) {
            continue;
        }
        if ((count == 1) != (s->l1[i] >> 63)) {
            snprintf(what, sizeof(what),
                     "L2 cluster: l1_index=%" PRIu32 " l1_entry=%" PRIx64 " refcount=%" PRIu32, i,
                     s->l1[i], count);
            if (qcow2_copied_wrong(k, what)) {
                s->l1[i] ^= QCOW2_COPIED;
                s->l1_dirty[i / 64] = 1;
                s->l1_any_dirty = true;
            }
        }
        ret = qcow2_copied_l2(k, off, buf);
    }
    return ret;
}

/* ---- All of it ---- */

/* Repairs, compares again. FIBER */
static int qcow2_check_repair(Qcow2Check *k)
{
    bool all = k->fix & BLOCK_FIX_ERRORS;
    int ret;

    if (k->rebuild && all) {
        uint64_t fixed = k->c->corruptions, leaks = k->c->leaks;

        block_check_say(k->c, "Rebuilding refcount structure");
        ret = qcow2_refs_write(k->s, &k->r, k->s->h.refcount_order);
        if (ret) {
            return ret;
        }
        k->c->corruptions_fixed += fixed;
        k->c->leaks_fixed += leaks;
        k->c->corruptions = k->c->leaks = 0;
        k->c->image_end = k->r.n << k->s->h.cluster_bits;
        block_free_array(k->s->node, k->disk);
        k->disk = NULL;
        k->file_clusters = MAX(k->file_clusters, k->r.n);
        return qcow2_check_load(k);
    }
    if (k->rebuild) {
        block_check_say(k->c, "ERROR need to rebuild refcount structures");
        return -EIO;
    }
    /* What pass one counted is counted again. */
    k->c->leaks = 0;
    uint64_t others = k->c->corruptions;
    for (uint64_t i = 0; i < k->r.n; i++) {
        others -= k->disk[i] < k->r.refs[i];
    }
    k->c->corruptions = others;
    return qcow2_check_compare(k, k->fix);
}

/* All is well: the header says so. FIBER */
static int qcow2_check_finish(Qcow2Check *k)
{
    Qcow2 *s = k->s;
    int ret = qcow2_flush_everything(s);

    if (ret == 0 && !k->c->corruptions && !k->c->errors &&
        s->h.incompat & (QCOW2_INCOMPAT_DIRTY | QCOW2_INCOMPAT_CORRUPT)) {
        s->h.incompat &= ~(uint64_t)(QCOW2_INCOMPAT_DIRTY | QCOW2_INCOMPAT_CORRUPT);
        ret = qcow2_header_write_fixed(s);
        ret = ret ? ret : qcow2_barrier(s);
        s->dirty_on_disk = false;
        block_set_dirty(s->node, false);
    }
    return ret;
}

static int qcow2_check_run(Qcow2Check *k)
{
    Qcow2 *s = k->s;
    uint64_t leaks_and_errors;
    int ret = qcow2_check_refs(k);

    ret = ret ? ret : qcow2_check_load(k);
    ret = ret ? ret : qcow2_check_compare(k, 0);
    leaks_and_errors = k->c->leaks + k->c->corruptions;
    if (ret == 0 && k->fix && (k->rebuild || leaks_and_errors)) {
        ret = qcow2_check_repair(k);
    }
    /* With other errors left, flags are put right only when that was asked for. */
    k->copied_fix = k->fix & BLOCK_FIX_ERRORS || (k->fix && !k->c->corruptions);
    ret = ret ? ret : qcow2_check_copied(k);
    if (ret == 0 && k->fix) {
        ret = qcow2_check_finish(k);
    }
    k->c->clusters = qcow2_clusters(s, s->h.size);
    return ret;
}

bool qcow2_check(BlockNode *n, BlockCheck *c, unsigned fix, GError **err)
{
    Qcow2 *s = block_priv(n);
    Qcow2Check k = { .s = s, .c = c, .fix = fix };
    uint64_t size = block_node_size(block_file(n));
    int ret;

    if (fix && !s->writable) {
        return block_error(err, n, "it is open for reading alone, and cannot be repaired");
    }
    ret = qcow2_flush_everything(s);
    k.file_clusters = qcow2_clusters(s, size);
    k.r.n = MAX(k.file_clusters, 1);
    k.r.refs = block_try_array(n, k.r.n, sizeof(*k.r.refs));
    if (!k.r.refs) {
        return block_error(err, n, "its %" PRIu64 " clusters are too many to check in memory",
                           k.file_clusters);
    }
    for (uint32_t i = 0; i < s->l1_n; i++) {
        k.todo += (s->l1[i] & QCOW2_OFF_MASK) != 0;
    }
    k.todo *= 1 + s->snapshots_n;
    ret = ret ? ret : qcow2_check_run(&k);
    block_free_array(n, k.r.refs);
    block_free_array(n, k.disk);
    return ret == 0 || block_error(err, n, "%s", strerror(-ret));
}
