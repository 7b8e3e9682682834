/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parallels' expandable disk image: a header, a table (BAT) and clusters.
 * Spec: "Parallels Expandable Image File Format" (docs/interop/parallels of QEMU).
 *
 * Little-endian. Entries of the table count sectors in images with the magic WithoutFreeSpace and
 * clusters in those with WithouFreSpacExt. While it is open for writing and was written, the header
 * says so; it is closed as software without the format's extension does, which makes other
 * software ignore dirty bitmaps that writing has made stale.
 */
#include "block/core/driver.h"
#include "block/format/inplace.h"
#include "block/format/metawb.h"
#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>

enum {
    PARALLELS_HEADER_LEN = 64,
    PARALLELS_VERSION = 16,
    PARALLELS_HEADS = 20,
    PARALLELS_CYLINDERS = 24,
    PARALLELS_TRACKS = 28, /* cluster size in sectors */
    PARALLELS_ENTRIES = 32,
    PARALLELS_SECTORS = 36,
    PARALLELS_IN_USE = 44,
    PARALLELS_DATA_OFF = 48, /* sectors */
    PARALLELS_EXT_OFF = 56,

    PARALLELS_USED = 0x746f6e59,
    PARALLELS_DEFAULT_CLUSTER = 1 << 20,
    PARALLELS_CLUSTER_MAX = 1 << 30,
    PARALLELS_ENTRIES_MAX = 1 << 28, /* 1 GiB of table */
};

typedef struct Parallels {
    uint8_t *meta; /* the header and, after it, the table, as in the file */
    uint64_t meta_len;
    uint32_t n_entries, cluster;
    uint32_t multiplier; /* sectors that an entry counts in */
    uint64_t data_off;   /* bytes */
    uint64_t end;        /* where the next cluster comes */
    bool in_use;         /* the file's header says so, or will before its first new pointer */
    MetaWb wb;
} Parallels;

static uint64_t parallels_entry_off(const Parallels *s, uint32_t i)
{
    return (uint64_t)get_le32(s->meta + PARALLELS_HEADER_LEN + i * 4ull) * s->multiplier * 512;
}

static int parallels_probe(const uint8_t *buf, size_t len, const char *filename)
{
    return len >= PARALLELS_HEADER_LEN &&
                   (!memcmp(buf, "WithoutFreeSpace", 16) || !memcmp(buf, "WithouFreSpacExt", 16)) &&
                   get_le32(buf + PARALLELS_VERSION) == 2
               ? 100
               : 0;
}

static bool parallels_check_header(BlockNode *n, Parallels *s, const uint8_t *h, uint64_t *sectors,
                                   GError **err)
{
    bool ext = !memcmp(h, "WithouFreSpacExt", 16);

    if (!ext && memcmp(h, "WithoutFreeSpace", 16)) {
        return block_error(err, n,
                           "not a Parallels image: the magic is neither WithoutFreeSpace "
                           "nor WithouFreSpacExt");
    }
    if (get_le32(h + PARALLELS_VERSION) != 2) {
        return block_error(err, n, "Parallels version %" PRIu32 " is not supported, 2 is",
                           get_le32(h + PARALLELS_VERSION));
    }
    uint32_t tracks = get_le32(h + PARALLELS_TRACKS);
    if (tracks == 0 || tracks > PARALLELS_CLUSTER_MAX / 512) {
        return block_error(err, n,
                           "Parallels cluster size of %" PRIu32 " sectors is not from 1 to "
                           "%d",
                           tracks, PARALLELS_CLUSTER_MAX / 512);
    }
    s->cluster = tracks * 512;
    s->multiplier = ext ? tracks : 1;
    s->n_entries = get_le32(h + PARALLELS_ENTRIES);
    if (s->n_entries > PARALLELS_ENTRIES_MAX) {
        return block_error(err, n,
                           "Parallels table of %" PRIu32 " entries is above the limit of "
                           "%d",
                           s->n_entries, PARALLELS_ENTRIES_MAX);
    }
    *sectors = get_le64(h + PARALLELS_SECTORS);
    if (!ext) {
        *sectors &= UINT32_MAX;
    }
    if (*sectors > (uint64_t)s->n_entries * tracks) {
        return block_error(err, n,
                           "Parallels size of %" PRIu64 " sectors is more than %" PRIu32
                           " clusters of %" PRIu32 " sectors hold",
                           *sectors, s->n_entries, tracks);
    }
    s->meta_len = PARALLELS_HEADER_LEN + s->n_entries * 4ull;
    s->data_off = get_le32(h + PARALLELS_DATA_OFF) * 512ull;
    if (s->data_off == 0) {
        s->data_off = (s->meta_len + 511) / 512 * 512;
        if (ext) {
            s->data_off = (s->data_off + s->cluster - 1) / s->cluster * s->cluster;
        }
    }
    if (s->data_off < s->meta_len || (ext && s->data_off % s->cluster)) {
        return block_error(err, n, "Parallels data offset of %" PRIu32 " sectors is %s",
                           get_le32(h + PARALLELS_DATA_OFF),
                           s->data_off < s->meta_len ? "inside of the table"
                                                     : "no multiple of the cluster size");
    }
    return true;
}

/* Entries lie in the data area and the file; before writing, also: no two overlap. */
static bool parallels_check_table(BlockNode *n, Parallels *s, GError **err)
{
    bool writes = block_node_flags(n) & BLOCK_OPEN_WRITE;
    uint64_t size = block_node_size(block_file(n));
    uint64_t slots = (size + s->cluster - 1) / s->cluster + 1;
    g_autofree uint8_t *seen = writes ? g_try_malloc0(slots / 8 + 1) : NULL;

    if (writes && !seen) {
        return block_error(err, n, "no memory to check the use of %" PRIu64 " clusters", slots);
    }
    s->end = s->data_off;
    for (uint32_t i = 0; i < s->n_entries; i++) {
        uint64_t at = parallels_entry_off(s, i);

        if (at == 0) {
            continue;
        }
        if (at < s->data_off || (at - s->data_off) % s->cluster || at >= size) {
            return block_error(err, n,
                               "Parallels table entry %" PRIu32 " gives offset 0x%" PRIx64
                               ", which is no cluster between 0x%" PRIx64 " and the file's end",
                               i, at, s->data_off);
        }
        uint64_t slot = (at - s->data_off) / s->cluster;
        if (writes && seen[slot / 8] & 1 << slot % 8) {
            return block_error(err, n,
                               "Parallels table entry %" PRIu32 " names the cluster at 0x%" PRIx64
                               " a second time: writing would damage both",
                               i, at);
        }
        if (writes) {
            seen[slot / 8] |= 1 << slot % 8;
        }
        s->end = MAX(s->end, at + s->cluster);
    }
    return true;
}

static bool parallels_open(BlockNode *n, Options *o, GError **err)
{
    Parallels *s = block_priv(n);
    uint8_t h[PARALLELS_HEADER_LEN];
    uint64_t sectors = 0;

    if (!block_read_all(n, 0, h, sizeof(h), err) ||
        !parallels_check_header(n, s, h, &sectors, err)) {
        return false;
    }
    s->meta = block_try_array(n, s->meta_len, 1);
    if (!s->meta) {
        return block_error(err, n, "no memory for a table of %" PRIu32 " entries", s->n_entries);
    }
    if (!block_read_all(n, 0, s->meta, s->meta_len, err)) {
        return false;
    }
    s->in_use = get_le32(s->meta + PARALLELS_IN_USE) == PARALLELS_USED;
    block_set_dirty(n, s->in_use);
    if (!(block_node_flags(n) & BLOCK_OPEN_CHECK) && !parallels_check_table(n, s, err)) {
        return false;
    }
    bool pow2 = !(s->cluster & (s->cluster - 1));
    if (block_node_flags(n) & BLOCK_OPEN_WRITE && !(block_node_flags(n) & BLOCK_OPEN_CHECK)) {
        if (!pow2) {
            return block_error(err, n,
                               "Parallels images with clusters of %" PRIu32 " bytes (no "
                               "power of two) can only be read: convert it to a new one",
                               s->cluster);
        }
        /* Extensions have clusters that no entry names: stay clear of them. */
        if (get_le64(s->meta + PARALLELS_EXT_OFF)) {
            uint64_t len = block_node_size(block_file(n)) - s->data_off;

            s->end = MAX(s->end, s->data_off + (len + s->cluster - 1) / s->cluster * s->cluster);
        }
    }
    block_set_unit(n, pow2 ? s->cluster : 512);
    block_set_zero_limits(n, 512, 0);
    return block_set_size(n, sectors * 512, err);
}

static int parallels_map(BlockNode *n, uint64_t off, uint64_t len, Extent *out)
{
    const Parallels *s = block_priv(n);
    uint32_t i = off / s->cluster, in = off % s->cluster;
    uint64_t at = parallels_entry_off(s, i);

    out->len = MIN(len, s->cluster - in);
    if (at == 0) {
        out->kind = EXTENT_HOLE;
        return 0;
    }
    if (at < s->data_off || at >= block_node_size(block_file(n))) {
        return -EIO; /* opened for check */
    }
    out->kind = EXTENT_DATA;
    out->off = at + in;
    while (out->len < len && parallels_entry_off(s, ++i) == (at += s->cluster)) {
        out->len = MIN(len, out->len + s->cluster);
    }
    return 0;
}

static int parallels_alloc(BlockNode *n, BlockAlloc *a)
{
    Parallels *s = block_priv(n);
    uint32_t i = a->off / s->cluster, in = a->off % s->cluster;
    uint64_t at = parallels_entry_off(s, i);

    a->len = MIN(a->len, s->cluster - in);
    if (at) {
        a->child_off = at + in;
        return 0;
    }
    fiber_lock(&s->wb.grow);
    at = s->end;
    if (at / 512 / s->multiplier > UINT32_MAX) {
        fiber_unlock(&s->wb.grow);
        return -ENOSPC;
    }
    s->end = at + s->cluster;
    if (!metawb_grow(&s->wb, block_file(n), at, s->cluster)) {
        a->head = in;
        a->tail = s->cluster - in - a->len;
    }
    fiber_unlock(&s->wb.grow);
    a->child_off = at + in;
    a->token = (void *)(uintptr_t)(at / 512 / s->multiplier);
    return 0;
}

static void parallels_abort(BlockNode *n, BlockAlloc *a)
{
    Parallels *s = block_priv(n);
    uint64_t at = (uintptr_t)a->token * 512ull * s->multiplier;

    if (at + s->cluster == s->end) {
        s->end = at;
    }
}

static int parallels_link(BlockNode *n, BlockAlloc *a)
{
    Parallels *s = block_priv(n);
    uint64_t at = PARALLELS_HEADER_LEN + a->off / s->cluster * 4;

    if (!s->in_use) {
        /* The header shares its first sector with entries; here it has the old ones alone. */
        put_le32(s->meta + PARALLELS_IN_USE, PARALLELS_USED);
        metawb_put(&s->wb, META_FIRST, block_file(n), PARALLELS_IN_USE, s->meta + PARALLELS_IN_USE,
                   4);
        s->in_use = true;
    }
    put_le32(s->meta + at, (uintptr_t)a->token);
    metawb_put_piece(&s->wb, META_POINTER, block_file(n), 0, s->meta, s->meta_len, at);
    return metawb_is_full(&s->wb) ? metawb_flush(&s->wb) : 0;
}

static int parallels_flush(BlockNode *n)
{
    Parallels *s = block_priv(n);

    return metawb_flush(&s->wb);
}

static void parallels_close(BlockNode *n)
{
    Parallels *s = block_priv(n);
    uint8_t zero[4] = { 0 };

    if (s->in_use && block_node_flags(n) & BLOCK_OPEN_WRITE && metawb_flush(&s->wb) == 0 &&
        block_node_flush(block_file(n)) == 0) {
        /* Nothing is lost if this fails: the image is checked when it is opened next. */
        (void)!block_node_write(block_file(n), PARALLELS_IN_USE, zero, 4, 0);
    }
    metawb_deinit(&s->wb);
}

/* Entries that name no cluster of the file; with @fix they become holes. */
static int parallels_check_entries(BlockNode *n, Parallels *s, BlockCheck *c, bool fix)
{
    uint64_t size = block_node_size(block_file(n)), last = 0;
    int ret = 0;

    s->end = s->data_off;
    for (uint32_t i = 0; i < s->n_entries && ret == 0; i++) {
        uint64_t at = parallels_entry_off(s, i);

        if (at == 0) {
            last = 0;
            continue;
        }
        if (at < s->data_off || (at - s->data_off) % s->cluster || at >= size) {
            block_check_say(c, "%s cluster %" PRIu32 " is outside image",
                            fix ? "Repairing" : "ERROR", i);
            if (fix) {
                uint8_t *entry = s->meta + PARALLELS_HEADER_LEN + i * 4ull;

                put_le32(entry, 0);
                ret = block_node_write(block_file(n), entry - s->meta, entry, 4, 0);
                c->corruptions_fixed += ret == 0;
                continue;
            }
            c->corruptions++;
            last = 0;
        } else {
            s->end = MAX(s->end, at + s->cluster);
        }
        c->allocated++;
        c->fragmented += last && at != last + s->cluster;
        last = at;
    }
    c->image_end = s->end;
    c->clusters = s->n_entries;
    return ret;
}

static bool parallels_check(BlockNode *n, BlockCheck *c, unsigned fix, GError **err)
{
    Parallels *s = block_priv(n);
    int ret = 0;

    if (s->in_use) {
        block_check_say(c, "%s image was not closed correctly",
                        fix & BLOCK_FIX_ERRORS ? "Repairing" : "ERROR");
        c->corruptions += !(fix & BLOCK_FIX_ERRORS);
        c->corruptions_fixed += !!(fix & BLOCK_FIX_ERRORS);
        s->in_use = s->in_use && !(fix & BLOCK_FIX_ERRORS);
        if (!s->in_use) {
            put_le32(s->meta + PARALLELS_IN_USE, 0);
            ret =
                block_node_write(block_file(n), PARALLELS_IN_USE, s->meta + PARALLELS_IN_USE, 4, 0);
        }
    }
    if (ret == 0) {
        ret = parallels_check_entries(n, s, c, fix & BLOCK_FIX_ERRORS);
    }
    if (ret < 0) {
        return block_error(err, n, "cannot write the repaired table: %s", g_strerror(-ret));
    }
    uint64_t size = block_node_size(block_file(n));
    if (size > s->end && !get_le64(s->meta + PARALLELS_EXT_OFF)) {
        uint64_t leaks = (size - s->end + s->cluster - 1) / s->cluster;

        block_check_say(c, "%s space leaked at the end of the image %" PRIu64,
                        fix & BLOCK_FIX_LEAKS ? "Repairing" : "ERROR", size - s->end);
        if (!(fix & BLOCK_FIX_LEAKS)) {
            c->leaks += leaks;
            return true;
        }
        if (!block_node_resize(block_file(n), s->end, true, BLOCK_PREALLOC_OFF, err)) {
            return false;
        }
        c->leaks_fixed += leaks;
    }
    return true;
}

static bool parallels_create(BlockGraph *g, const char *filename, BlockNode *file, uint64_t size,
                             Options *o, GError **err)
{
    uint64_t cluster;

    if (!options_get_size(o, "cluster_size", PARALLELS_DEFAULT_CLUSTER, &cluster, err)) {
        return false;
    }
    if (cluster < 512 || cluster > PARALLELS_CLUSTER_MAX || cluster % 512) {
        return error_set(err, "cluster_size=%" PRIu64 ": it is a multiple of 512 up to %d", cluster,
                         PARALLELS_CLUSTER_MAX);
    }
    uint64_t sectors = size / 512 + (size % 512 != 0), tracks = cluster / 512;
    uint64_t entries = (sectors + tracks - 1) / tracks;
    if (entries > PARALLELS_ENTRIES_MAX) {
        return error_set(err,
                         "%s: %" PRIu64 " clusters are above the limit of %d: choose a larger "
                         "cluster_size",
                         filename, entries, PARALLELS_ENTRIES_MAX);
    }
    uint64_t data_off = (PARALLELS_HEADER_LEN + entries * 4 + cluster - 1) / cluster * cluster;
    uint8_t h[512] = "WithouFreSpacExt";
    put_le32(h + PARALLELS_VERSION, 2);
    put_le32(h + PARALLELS_HEADS, 16);
    put_le32(h + PARALLELS_CYLINDERS, MIN(sectors / 16 / 32, UINT32_MAX));
    put_le32(h + PARALLELS_TRACKS, tracks);
    put_le32(h + PARALLELS_ENTRIES, entries);
    put_le64(h + PARALLELS_SECTORS, sectors);
    put_le32(h + PARALLELS_DATA_OFF, data_off / 512);
    int ret = block_node_write(file, 0, h, sizeof(h), 0);
    if (ret == 0 && data_off > 512) {
        ret = block_node_write_zeroes(file, 512, data_off - 512, 0);
    }
    return ret == 0 || block_error(err, file, "cannot write the header: %s", g_strerror(-ret));
}

static const BlockOption parallels_create_options[] = {
    { "size", BLOCK_OPT_SIZE, "Virtual disk size" },
    { "cluster_size", BLOCK_OPT_SIZE, "Parallels image cluster size", "1048576" },
    { NULL },
};

const BlockDriver block_parallels_driver = {
    .name = "parallels",
    .doc = "Parallels' expandable disk image",
    .kind = BLOCK_FORMAT,
    .size = sizeof(Parallels),
    .create_options = parallels_create_options,
    .probe = parallels_probe,
    .open = parallels_open,
    .close = parallels_close,
    .create = parallels_create,
    .map = parallels_map,
    .alloc = parallels_alloc,
    .link = parallels_link,
    .abort = parallels_abort,
    .zero = inplace_zero,
    .discard = inplace_discard,
    .flush = parallels_flush,
    .check = parallels_check,
};
