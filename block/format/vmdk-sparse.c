/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sparse extents of a VMDK: a header, a directory of grain tables, tables, grains; often a second
 * directory with tables of the same content.
 */
#include "block/format/vmdk.h"
#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>

/* Reading of an extent's own file, in words that name it. */
static bool vmdk_sparse_read(BlockNode *n, VmdkExtent *e, uint64_t off, void *buf, uint64_t len,
                             const char *what, GError **err)
{
    uint64_t size = block_node_size(e->child);

    if (off > size || len > size - off) {
        return block_error(err, n,
                           "VMDK %s at 0x%" PRIx64 ", %" PRIu64 " bytes, reaches beyond "
                           "the end of %s (%" PRIu64 " bytes)",
                           what, off, len, block_node_filename(e->child), size);
    }
    int ret = block_node_read(e->child, off, buf, len);
    return ret == 0 || block_error(err, n, "cannot read the VMDK %s: %s", what, g_strerror(-ret));
}

/* Spec: "Stream-Optimized Compressed Sparse Extents": the directory's place is known at the end:
 * marker of the footer, footer, marker of the end. */
static bool vmdk_sparse_footer(BlockNode *n, VmdkExtent *e, uint8_t *h, GError **err)
{
    uint8_t tail[3 * 512];
    uint64_t size = block_node_size(e->child);

    if (size < 4 * 512) {
        return block_error(err, n,
                           "VMDK gdOffset says that a footer follows, but the file has "
                           "only %" PRIu64 " bytes",
                           size);
    }
    if (!vmdk_sparse_read(n, e, size - sizeof(tail), tail, sizeof(tail), "footer", err)) {
        return false;
    }
    const uint8_t *eos = tail + 1024;
    if (get_le64(tail) != 1 || get_le32(tail + 8) || get_le32(tail + 12) != VMDK_MARKER_FOOTER ||
        memcmp(tail + 512, "KDMV", 4) || get_le64(eos) || get_le32(eos + 8) || get_le32(eos + 12)) {
        return block_error(err, n,
                           "VMDK footer is not well-formed: the file was cut off, or not "
                           "written to its end");
    }
    memcpy(h, tail + 512, VMDK_HEADER_LEN);
    if (e->writable && block_node_flags(n) & BLOCK_OPEN_WRITE) {
        return block_error(err, n,
                           "a stream-optimized VMDK that ends in a footer can only be read: "
                           "convert it to a new one");
    }
    return true;
}

static bool vmdk_sparse_check(BlockNode *n, VmdkExtent *e, const uint8_t *h, GError **err)
{
    uint32_t version = get_le32(h + VMDK_VERSION), flags = get_le32(h + VMDK_FLAGS);
    uint64_t grain = get_le64(h + VMDK_GRAIN), capacity = get_le64(h + VMDK_CAPACITY);

    if (memcmp(h, "KDMV", 4)) {
        return block_error(err, n,
                           "%s is no sparse extent: magic 0x%08" PRIx32 ", it should be 0x564d444b",
                           block_node_filename(e->child), get_le32(h));
    }
    if (version < 1 || version > 3) {
        return block_error(err, n, "VMDK version %" PRIu32 " is not supported, 1 to 3 are",
                           version);
    }
    if (flags & VMDK_F_NEWLINES && memcmp(h + VMDK_NEWLINES, "\n \r\n", 4)) {
        return block_error(err, n,
                           "VMDK newline characters were changed: the file was transferred "
                           "as text");
    }
    if (version == 3 && !(flags & VMDK_F_COMPRESSED) && e->writable &&
        block_node_flags(n) & BLOCK_OPEN_WRITE) {
        return block_error(err, n, "VMDK version 3 can only be read");
    }
    if (grain < 8 || grain > VMDK_GRAIN_MAX / 512 || grain & (grain - 1)) {
        return block_error(err, n,
                           "VMDK grain size of %" PRIu64 " sectors is not a power of two "
                           "from 8 to %d",
                           grain, VMDK_GRAIN_MAX / 512);
    }
    e->n_gte = get_le32(h + VMDK_N_GTE);
    if (e->n_gte == 0 || e->n_gte > VMDK_DEFAULT_GTES) {
        return block_error(err, n, "VMDK grain tables of %" PRIu32 " entries are not from 1 to %d",
                           e->n_gte, VMDK_DEFAULT_GTES);
    }
    if (capacity > INT64_MAX / 512) {
        return block_error(err, n, "VMDK capacity of %" PRIu64 " sectors is above any disk's",
                           capacity);
    }
    e->grain = grain * 512;
    e->compressed = flags & VMDK_F_COMPRESSED;
    e->markers = flags & VMDK_F_MARKERS;
    e->zeroed = version >= 2 && flags & VMDK_F_ZEROED;
    if (e->compressed && get_le16(h + VMDK_COMPRESS) != 1) {
        return block_error(err, n, "VMDK compression %u is not supported, 1 (deflate) is",
                           get_le16(h + VMDK_COMPRESS));
    }
    uint64_t per_gt = grain * e->n_gte, n_gd = (capacity + per_gt - 1) / per_gt;
    uint64_t rgd = flags & VMDK_F_RGD ? get_le64(h + VMDK_RGD_OFF) : 0;
    uint64_t gd = get_le64(h + VMDK_GD_OFF);
    if (n_gd > (1u << 27)) {
        return block_error(err, n,
                           "VMDK capacity of %" PRIu64 " sectors needs %" PRIu64
                           " grain tables, the limit is %u",
                           capacity, n_gd, 1u << 27);
    }
    if (gd == 0 || gd > INT64_MAX / 512 || rgd > INT64_MAX / 512) {
        return block_error(err, n,
                           "VMDK grain directory offset of %" PRIu64 " sectors is outside "
                           "of the file",
                           gd == 0 || gd > INT64_MAX / 512 ? gd : rgd);
    }
    e->n_gd = n_gd;
    e->gd_off = gd * 512;
    e->rgd_off = rgd * 512;
    e->end = e->begin + capacity * 512;
    return true;
}

bool vmdk_open_sparse(BlockNode *n, VmdkExtent *e, uint8_t *h, GError **err)
{
    uint64_t size = block_node_size(e->child);

    if (!vmdk_sparse_read(n, e, 0, h, VMDK_HEADER_LEN, "header", err)) {
        return false;
    }
    if (!memcmp(h, "KDMV", 4) && get_le64(h + VMDK_GD_OFF) == VMDK_GD_AT_END &&
        !vmdk_sparse_footer(n, e, h, err)) {
        return false;
    }
    if (!vmdk_sparse_check(n, e, h, err)) {
        return false;
    }
    e->sparse = true;
    e->gd = block_try_array(n, e->n_gd + 1ull, 4);
    e->gt = block_try_array(n, e->n_gd + 1ull, sizeof(*e->gt));
    e->rgd = e->rgd_off ? block_try_array(n, e->n_gd + 1ull, 4) : NULL;
    if (!e->gd || !e->gt || (e->rgd_off && !e->rgd)) {
        return block_error(err, n, "no memory for a directory of %" PRIu32 " grain tables",
                           e->n_gd);
    }
    if (!vmdk_sparse_read(n, e, e->gd_off, e->gd, e->n_gd * 4ull, "grain directory", err) ||
        (e->rgd && !vmdk_sparse_read(n, e, e->rgd_off, e->rgd, e->n_gd * 4ull,
                                     "redundant grain directory", err))) {
        return false;
    }
    e->next = MAX(get_le64(h + VMDK_OVERHEAD), 1);
    e->next = MAX(e->next > INT64_MAX / 1024 ? 0 : e->next * 512, (size + 511) / 512 * 512);
    return true;
}

/* The table of @off into memory; NULL in *table where there is none. */
static int vmdk_table(BlockNode *n, VmdkExtent *e, uint64_t off, uint32_t **table)
{
    uint64_t i = off / e->grain / e->n_gte, len = e->n_gte * 4ull;
    uint64_t at = le32toh(e->gd[i]) * 512ull, size = block_node_size(e->child);

    *table = e->gt[i];
    if (*table || at == 0) {
        return 0;
    }
    if (at > size || len > size - at) {
        block_corrupt(n, false, at, len,
                      "VMDK grain directory entry %" PRIu64 " gives a table at "
                      "0x%" PRIx64 ", beyond the end of the file",
                      i, at);
        return -EIO;
    }
    uint32_t *t = block_try_array(n, e->n_gte, 4);
    if (!t) {
        return -ENOMEM;
    }
    int ret = block_node_read(e->child, at, t, len);
    if (ret < 0 || e->gt[i]) { /* another fiber was faster */
        block_free_array(n, t);
    } else {
        e->gt[i] = t;
    }
    *table = e->gt[i];
    return ret;
}

int vmdk_grain(BlockNode *n, VmdkExtent *e, uint64_t off, uint32_t *entry)
{
    uint32_t *table;
    int ret = vmdk_table(n, e, off, &table);

    *entry = ret == 0 && table ? le32toh(table[off / e->grain % e->n_gte]) : 0;
    return ret;
}

/* Room of zeros for a new table; its offset. */
static int vmdk_table_room(BlockNode *n, VmdkExtent *e, uint64_t *at)
{
    Vmdk *s = block_priv(n);
    uint64_t len = (e->n_gte * 4ull + 511) / 512 * 512;

    fiber_lock(&s->wb.grow);
    *at = e->next;
    bool fits = (*at + len) / 512 <= UINT32_MAX;
    e->next += fits ? len : 0;
    bool zeros = fits && metawb_grow(&s->wb, e->child, *at, len);
    fiber_unlock(&s->wb.grow);
    if (!fits) {
        return -ENOSPC;
    }
    int ret = zeros ? 0 : block_node_write_zeroes(e->child, *at, len, 0);
    return ret < 0 || zeros ? ret : block_node_flush(e->child);
}

/* Tables for the directory's entry @i, empty. Readers of either see a hole until grains come. */
static int vmdk_new_table(BlockNode *n, VmdkExtent *e, uint64_t i)
{
    Vmdk *s = block_priv(n);
    uint64_t at, redundant = 0;
    int ret = vmdk_table_room(n, e, &at);

    if (ret == 0 && e->rgd) {
        ret = vmdk_table_room(n, e, &redundant);
    }
    uint32_t *t = ret == 0 ? block_try_array(n, e->n_gte, 4) : NULL;
    if (!t) {
        return ret < 0 ? ret : -ENOMEM;
    }
    if (e->gt[i]) { /* another fiber was faster; the room is lost */
        block_free_array(n, t);
        return 0;
    }
    e->gt[i] = t;
    e->gd[i] = htole32(at / 512);
    metawb_put_piece(&s->wb, META_POINTER, e->child, e->gd_off, e->gd, e->n_gd * 4ull, i * 4);
    if (e->rgd) {
        e->rgd[i] = htole32(redundant / 512);
        metawb_put_piece(&s->wb, META_POINTER, e->child, e->rgd_off, e->rgd, e->n_gd * 4ull, i * 4);
    }
    return 0;
}

int vmdk_set_grain(BlockNode *n, VmdkExtent *e, uint64_t off, uint32_t sector)
{
    Vmdk *s = block_priv(n);
    uint64_t i = off / e->grain / e->n_gte, j = off / e->grain % e->n_gte, len = e->n_gte * 4ull;
    uint32_t *table;
    int ret = vmdk_table(n, e, off, &table);

    if (ret == 0 && !table) {
        ret = vmdk_new_table(n, e, i);
        table = e->gt[i];
    }
    if (ret < 0) {
        return ret;
    }
    table[j] = htole32(sector);
    metawb_put_piece(&s->wb, META_POINTER, e->child, le32toh(e->gd[i]) * 512ull, table, len, j * 4);
    uint64_t redundant = e->rgd ? le32toh(e->rgd[i]) * 512ull : 0;
    if (redundant && redundant < block_node_size(e->child)) {
        metawb_put_piece(&s->wb, META_POINTER, e->child, redundant, table, len, j * 4);
    }
    return metawb_is_full(&s->wb) ? metawb_flush(&s->wb) : 0;
}
