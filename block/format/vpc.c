/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VHD, the disk image of Virtual PC: fixed (bytes and a footer) and dynamic (a table of blocks).
 * Spec: Microsoft, "Virtual Hard Disk Image Format Specification" 1.0.
 *
 * Big-endian. A dynamic image has a copy of the footer at its begin, so that the one at the end,
 * which moves with every new block, may be lost. Each block starts with a bitmap of its sectors;
 * other writers of dynamic images set it whole and do not read it, and so does this one.
 * Differencing images (type 4) are refused.
 */
#include "block/core/driver.h"
#include "block/format/inplace.h"
#include "block/format/metawb.h"
#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

enum {
    VPC_FOOTER_LEN = 512,
    VPC_F_FEATURES = 8,
    VPC_F_VERSION = 12,
    VPC_F_DATA_OFF = 16,
    VPC_F_TIME = 24,
    VPC_F_CREATOR = 28,
    VPC_F_CREATOR_VERSION = 32,
    VPC_F_CREATOR_OS = 36,
    VPC_F_ORIGINAL_SIZE = 40,
    VPC_F_CURRENT_SIZE = 48,
    VPC_F_CYLINDERS = 56,
    VPC_F_HEADS = 58,
    VPC_F_SECTORS = 59,
    VPC_F_TYPE = 60,
    VPC_F_CHECKSUM = 64,
    VPC_F_UUID = 68,

    VPC_DYN_LEN = 1024,
    VPC_D_DATA_OFF = 8,
    VPC_D_TABLE_OFF = 16,
    VPC_D_VERSION = 24,
    VPC_D_ENTRIES = 28,
    VPC_D_BLOCK_SIZE = 32,
    VPC_D_CHECKSUM = 36,

    VPC_FIXED = 2,
    VPC_DYNAMIC = 3,
    VPC_DIFFERENCING = 4,
    VPC_DEFAULT_BLOCK = 2 << 20,
    VPC_BLOCK_MAX = 256 << 20,
    VPC_EPOCH = 946684800, /* 2000-01-01 */
};

/* The largest geometry: images that have exactly it are larger, and the size counts. */
#define VPC_CHS_MAX     (65535ull * 16 * 255)
#define VPC_SECTORS_MAX 0xff000000ull /* 2040 GiB */
#define VPC_UNUSED      0xffffffffu

typedef struct Vpc {
    uint8_t footer[VPC_FOOTER_LEN];
    bool dynamic;
    uint32_t *bat; /* big-endian, as in the file */
    uint32_t n_blocks, block_size, bitmap_len;
    uint64_t bat_off, dyn_off;
    uint64_t end;       /* of all blocks: where the footer lies and the next block comes */
    uint64_t footer_at; /* where it was written last */
    FiberMutex flushing;
    MetaWb wb;
} Vpc;

static uint32_t vpc_checksum(const uint8_t *p, size_t len, size_t field)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < len; i++) {
        if (i < field || i >= field + 4) {
            sum += p[i];
        }
    }
    return ~sum;
}

static int vpc_probe(const uint8_t *buf, size_t len, const char *filename)
{
    return len >= 8 && !memcmp(buf, "conectix", 8) ? 100 : 0;
}

static bool vpc_footer_is_good(const uint8_t *f)
{
    return !memcmp(f, "conectix", 8) &&
           get_be32(f + VPC_F_CHECKSUM) == vpc_checksum(f, VPC_FOOTER_LEN, VPC_F_CHECKSUM);
}

/* The copy at the begin (dynamic images), else the one at the end. */
static bool vpc_read_footer(BlockNode *n, Vpc *s, GError **err)
{
    uint64_t size = block_node_size(block_file(n));
    uint8_t head[VPC_FOOTER_LEN];

    if (size < VPC_FOOTER_LEN) {
        return block_error(err, n, "not a VHD image: %" PRIu64 " bytes are less than its footer",
                           size);
    }
    if (!block_read_all(n, 0, head, sizeof(head), err)) {
        return false;
    }
    if (vpc_footer_is_good(head)) {
        memcpy(s->footer, head, sizeof(head));
        return true;
    }
    /* Its place is the last 512 bytes; files of other sizes end in whole sectors before it. */
    if (!block_read_all(n, size - VPC_FOOTER_LEN, s->footer, VPC_FOOTER_LEN, err)) {
        return false;
    }
    if (vpc_footer_is_good(s->footer)) {
        s->footer_at = size - VPC_FOOTER_LEN;
        return true;
    }
    const uint8_t *f = memcmp(s->footer, "conectix", 8) ? head : s->footer;
    if (memcmp(f, "conectix", 8)) {
        return block_error(err, n,
                           "not a VHD image: no footer with the cookie 'conectix' at its "
                           "begin or end");
    }
    return block_error(
        err, n, "VHD footer checksum 0x%08" PRIx32 " is wrong, it should be 0x%08" PRIx32,
        get_be32(f + VPC_F_CHECKSUM), vpc_checksum(f, VPC_FOOTER_LEN, VPC_F_CHECKSUM));
}

/* These write the size that they mean; Virtual PC and its like mean the geometry. */
static bool vpc_creator_means_size(const uint8_t *creator)
{
    static const char *const names[] = { "win ", "qem2", "d2v ", "tap", "CTXS", "wa" };

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        char padded[5] = "";

        strcpy(padded, names[i]);
        if (!memcmp(creator, padded, 4)) {
            return true;
        }
    }
    return false;
}

static bool vpc_size_of(BlockNode *n, const Vpc *s, Options *o, uint64_t *size, GError **err)
{
    const uint8_t *f = s->footer;
    uint64_t chs = (uint64_t)get_be16(f + VPC_F_CYLINDERS) * f[VPC_F_HEADS] * f[VPC_F_SECTORS];
    uint64_t current = get_be64(f + VPC_F_CURRENT_SIZE) / 512;
    const char *how = options_get(o, "force_size_calc");
    bool use_size = vpc_creator_means_size(f + VPC_F_CREATOR);

    if (how && !strcmp(how, "current_size")) {
        use_size = true;
    } else if (how && !strcmp(how, "chs")) {
        use_size = false;
    } else if (how && strcmp(how, "auto")) {
        return error_set(err, "force_size_calc=%s: it is auto, current_size or chs", how);
    }
    uint64_t sectors = use_size || chs == VPC_CHS_MAX ? current : chs;
    if (sectors > VPC_SECTORS_MAX) {
        return block_error(err, n,
                           "VHD size of %" PRIu64 " sectors is above the format's limit "
                           "of %llu",
                           sectors, VPC_SECTORS_MAX);
    }
    *size = sectors * 512;
    return true;
}

static bool vpc_read_dyn(BlockNode *n, Vpc *s, uint64_t size, GError **err)
{
    uint8_t d[VPC_DYN_LEN];

    s->dyn_off = get_be64(s->footer + VPC_F_DATA_OFF);
    if (s->dyn_off > block_node_size(block_file(n)) || s->dyn_off % 512) {
        return block_error(err, n, "VHD data offset 0x%" PRIx64 " is no sector of the file",
                           s->dyn_off);
    }
    if (!block_read_all(n, s->dyn_off, d, sizeof(d), err)) {
        return false;
    }
    if (memcmp(d, "cxsparse", 8)) {
        return block_error(err, n, "VHD dynamic header has not the cookie 'cxsparse'");
    }
    if (get_be32(d + VPC_D_CHECKSUM) != vpc_checksum(d, sizeof(d), VPC_D_CHECKSUM)) {
        return block_error(
            err, n,
            "VHD dynamic header checksum 0x%08" PRIx32 " is wrong, it should be 0x%08" PRIx32,
            get_be32(d + VPC_D_CHECKSUM), vpc_checksum(d, sizeof(d), VPC_D_CHECKSUM));
    }
    s->block_size = get_be32(d + VPC_D_BLOCK_SIZE);
    if (s->block_size < 512 || s->block_size & (s->block_size - 1) ||
        s->block_size > VPC_BLOCK_MAX) {
        return block_error(err, n,
                           "VHD block size %" PRIu32 " is not a power of two from 512 to "
                           "%d",
                           s->block_size, VPC_BLOCK_MAX);
    }
    s->bitmap_len = (s->block_size / 512 / 8 + 511) / 512 * 512;
    uint64_t blocks = (size + s->block_size - 1) / s->block_size;
    if (blocks > get_be32(d + VPC_D_ENTRIES)) {
        return block_error(err, n,
                           "VHD table of %" PRIu32 " entries is too small for %" PRIu64 " blocks",
                           get_be32(d + VPC_D_ENTRIES), blocks);
    }
    s->n_blocks = blocks;
    s->bat_off = get_be64(d + VPC_D_TABLE_OFF);
    if (s->bat_off % 512 || s->bat_off < VPC_FOOTER_LEN || s->bat_off > INT64_MAX / 2 ||
        (s->bat_off < s->dyn_off + VPC_DYN_LEN && s->dyn_off < s->bat_off + blocks * 4)) {
        return block_error(err, n, "VHD table offset 0x%" PRIx64 " is not on a sector of its own",
                           s->bat_off);
    }
    s->bat = block_try_array(n, blocks + 1, 4);
    if (!s->bat) {
        return block_error(err, n, "no memory for a table of %" PRIu64 " blocks", blocks);
    }
    return !blocks || block_read_all(n, s->bat_off, s->bat, blocks * 4, err);
}

static int vpc_compare(const void *a, const void *b)
{
    uint32_t x = be32toh(*(const uint32_t *)a), y = be32toh(*(const uint32_t *)b);

    return x < y ? -1 : x > y;
}

/* No block lies in the metadata; before writing, also: no two overlap. */
static bool vpc_check_bat(BlockNode *n, Vpc *s, GError **err)
{
    uint64_t bat_end = s->bat_off + ((s->n_blocks * 4ull + 511) & ~511ull);
    uint64_t len = (uint64_t)s->bitmap_len + s->block_size;

    s->end = MAX(bat_end, s->dyn_off + VPC_DYN_LEN);
    for (uint32_t i = 0; i < s->n_blocks; i++) {
        uint64_t at = be32toh(s->bat[i]) * 512ull;

        if (s->bat[i] == VPC_UNUSED) {
            continue;
        }
        if (at < VPC_FOOTER_LEN || (at < bat_end && at + len > s->bat_off) ||
            (at < s->dyn_off + VPC_DYN_LEN && at + len > s->dyn_off)) {
            return block_error(err, n,
                               "VHD table entry %" PRIu32 " (sector %" PRIu32
                               ") points into the image's metadata",
                               i, be32toh(s->bat[i]));
        }
        s->end = MAX(s->end, at + len);
    }
    if (!(block_node_flags(n) & BLOCK_OPEN_WRITE)) {
        return true;
    }
    g_autofree uint32_t *sorted = g_try_malloc(s->n_blocks * 4ull + 4);
    if (!sorted) {
        return block_error(err, n, "no memory to check %" PRIu32 " blocks", s->n_blocks);
    }
    memcpy(sorted, s->bat, s->n_blocks * 4ull);
    qsort(sorted, s->n_blocks, 4, vpc_compare);
    for (uint32_t i = 1; i < s->n_blocks && sorted[i] != VPC_UNUSED; i++) {
        if (be32toh(sorted[i]) * 512ull < be32toh(sorted[i - 1]) * 512ull + len) {
            return block_error(err, n,
                               "VHD blocks at sectors %" PRIu32 " and %" PRIu32
                               " overlap: writing would damage both",
                               be32toh(sorted[i - 1]), be32toh(sorted[i]));
        }
    }
    return true;
}

static bool vpc_open(BlockNode *n, Options *o, GError **err)
{
    Vpc *s = block_priv(n);
    uint64_t size = 0;

    if (!vpc_read_footer(n, s, err)) {
        return false;
    }
    uint32_t type = get_be32(s->footer + VPC_F_TYPE);
    if (type != VPC_FIXED && type != VPC_DYNAMIC) {
        return block_error(err, n,
                           "VHD disk type %" PRIu32 "%s is not supported, 2 (fixed) and 3 "
                           "(dynamic) are",
                           type, type == VPC_DIFFERENCING ? " (differencing)" : "");
    }
    if (get_be32(s->footer + VPC_F_VERSION) >> 16 != 1) {
        return block_error(err, n, "VHD version 0x%08" PRIx32 " is not supported, 0x00010000 is",
                           get_be32(s->footer + VPC_F_VERSION));
    }
    if (!vpc_size_of(n, s, o, &size, err)) {
        return false;
    }
    if (type == VPC_FIXED) {
        uint64_t file = block_node_size(block_file(n));

        if (size > file - VPC_FOOTER_LEN) {
            return block_error(err, n,
                               "VHD size %" PRIu64 " is more than the file's %" PRIu64
                               " bytes before the footer",
                               size, file - VPC_FOOTER_LEN);
        }
        return block_set_size(n, size, err);
    }
    s->dynamic = true;
    if (!vpc_read_dyn(n, s, size, err) || !vpc_check_bat(n, s, err)) {
        return false;
    }
    block_set_unit(n, s->block_size);
    block_set_zero_limits(n, 512, 0);
    return block_set_size(n, size, err);
}

static int vpc_map(BlockNode *n, uint64_t off, uint64_t len, Extent *out)
{
    const Vpc *s = block_priv(n);

    out->kind = EXTENT_DATA;
    out->off = off;
    out->len = len;
    if (!s->dynamic) {
        out->holes = EXTENT_HOLLOW;
        return 0;
    }
    uint32_t i = off / s->block_size, in = off % s->block_size;
    out->len = MIN(len, s->block_size - in);
    if (s->bat[i] == VPC_UNUSED) {
        out->kind = EXTENT_HOLE;
        return 0;
    }
    out->off = be32toh(s->bat[i]) * 512ull + s->bitmap_len + in;
    return 0;
}

static int vpc_alloc(BlockNode *n, BlockAlloc *a)
{
    Vpc *s = block_priv(n);

    a->child_off = a->off;
    if (!s->dynamic) {
        return 0;
    }
    uint32_t i = a->off / s->block_size, in = a->off % s->block_size;
    a->len = MIN(a->len, s->block_size - in);
    if (s->bat[i] != VPC_UNUSED) {
        a->child_off = be32toh(s->bat[i]) * 512ull + s->bitmap_len + in;
        return 0;
    }
    fiber_lock(&s->wb.grow);
    uint64_t at = s->end, data = at + s->bitmap_len;
    if (at / 512 >= VPC_UNUSED) {
        fiber_unlock(&s->wb.grow);
        return -ENOSPC;
    }
    s->end = data + s->block_size;
    /* The old footer lies in the bitmap's place: behind it the file ends. */
    if (!metawb_grow(&s->wb, block_file(n), data, (uint64_t)s->block_size + VPC_FOOTER_LEN)) {
        a->head = in;
        a->tail = s->block_size - in - a->len;
    }
    fiber_unlock(&s->wb.grow);
    a->child_off = data + in;
    a->token = (void *)(uintptr_t)(at / 512);
    return 0;
}

static void vpc_abort(BlockNode *n, BlockAlloc *a)
{
    Vpc *s = block_priv(n);
    uint64_t at = (uintptr_t)a->token * 512ull;

    if (at + s->bitmap_len + s->block_size == s->end) {
        s->end = at;
    }
}

static int vpc_flush(BlockNode *n)
{
    Vpc *s = block_priv(n);
    int ret = 0;

    if (!s->dynamic) {
        return 0;
    }
    /* One at a time: the bitmap of a block must come after a footer that lay in its place. */
    fiber_lock(&s->flushing);
    uint64_t at = s->end;
    if (s->wb.n_pending && at != s->footer_at) {
        ret = block_node_write(block_file(n), at, s->footer, sizeof(s->footer), 0);
        s->footer_at = ret == 0 ? at : 0;
    }
    if (ret == 0) {
        ret = metawb_flush(&s->wb);
    }
    fiber_unlock(&s->flushing);
    return ret;
}

static int vpc_link(BlockNode *n, BlockAlloc *a)
{
    Vpc *s = block_priv(n);
    uint32_t i = a->off / s->block_size, sector = (uintptr_t)a->token;
    uint8_t ones[META_PIECE_MAX];

    memset(ones, 0xff, sizeof(ones));
    for (uint32_t done = 0; done < s->bitmap_len; done += sizeof(ones)) {
        metawb_put(&s->wb, META_FIRST, block_file(n), sector * 512ull + done, ones,
                   MIN(sizeof(ones), s->bitmap_len - done));
    }
    s->bat[i] = htobe32(sector);
    metawb_put_piece(&s->wb, META_POINTER, block_file(n), s->bat_off, s->bat, s->n_blocks * 4ull,
                     i * 4ull);
    return metawb_is_full(&s->wb) ? vpc_flush(n) : 0;
}

static void vpc_close(BlockNode *n)
{
    Vpc *s = block_priv(n);

    /* Also where flushes do nothing (cache=unsafe). */
    (void)!vpc_flush(n);
    metawb_deinit(&s->wb);
}

typedef struct VpcGeometry {
    uint16_t cylinders;
    uint8_t heads, sectors;
} VpcGeometry;

/* Spec: appendix, "CHS calculation". */
static VpcGeometry vpc_geometry(uint64_t total)
{
    uint64_t sectors, heads, tracks;

    total = MIN(total, VPC_CHS_MAX);
    if (total >= 65535ull * 16 * 63) {
        sectors = 255;
        heads = 16;
        tracks = total / sectors;
    } else {
        sectors = 17;
        tracks = total / sectors;
        heads = MAX((tracks + 1023) / 1024, 4);
        if (tracks >= heads * 1024 || heads > 16) {
            sectors = 31;
            heads = 16;
            tracks = total / sectors;
        }
        if (tracks >= heads * 1024) {
            sectors = 63;
            heads = 16;
            tracks = total / sectors;
        }
    }
    return (VpcGeometry){ tracks / heads, heads, sectors };
}

static void vpc_make_footer(uint8_t *f, uint64_t sectors, VpcGeometry chs, uint32_t type,
                            bool force_size)
{
    memset(f, 0, VPC_FOOTER_LEN);
    memcpy(f, "conectix", 8);
    put_be32(f + VPC_F_FEATURES, 2); /* reserved, always set */
    put_be32(f + VPC_F_VERSION, 0x00010000);
    put_be64(f + VPC_F_DATA_OFF, type == VPC_DYNAMIC ? VPC_FOOTER_LEN : UINT64_MAX);
    put_be32(f + VPC_F_TIME, g_get_real_time() / G_USEC_PER_SEC - VPC_EPOCH);
    /* Other tools choose between geometry and size by these names. */
    memcpy(f + VPC_F_CREATOR, force_size ? "qem2" : "qemu", 4);
    put_be32(f + VPC_F_CREATOR_VERSION, 0x00050003);
    memcpy(f + VPC_F_CREATOR_OS, "Wi2k", 4);
    put_be64(f + VPC_F_ORIGINAL_SIZE, sectors * 512);
    put_be64(f + VPC_F_CURRENT_SIZE, sectors * 512);
    put_be16(f + VPC_F_CYLINDERS, chs.cylinders);
    f[VPC_F_HEADS] = chs.heads;
    f[VPC_F_SECTORS] = chs.sectors;
    put_be32(f + VPC_F_TYPE, type);
    for (unsigned i = 0; i < 16; i++) {
        f[VPC_F_UUID + i] = g_random_int();
    }
    f[VPC_F_UUID + 6] = (f[VPC_F_UUID + 6] & 0x0f) | 0x40;
    f[VPC_F_UUID + 8] = (f[VPC_F_UUID + 8] & 0x3f) | 0x80;
    put_be32(f + VPC_F_CHECKSUM, vpc_checksum(f, VPC_FOOTER_LEN, VPC_F_CHECKSUM));
}

/* Footer copy, header, table without blocks, footer. */
static int vpc_write_dynamic(BlockNode *file, const uint8_t *footer, uint64_t sectors)
{
    uint64_t blocks = (sectors * 512 + VPC_DEFAULT_BLOCK - 1) / VPC_DEFAULT_BLOCK;
    uint64_t bat_off = VPC_FOOTER_LEN + VPC_DYN_LEN, bat_len = (blocks * 4 + 511) / 512 * 512;
    uint64_t len = bat_off + bat_len + VPC_FOOTER_LEN;
    g_autofree uint8_t *p = g_malloc(len); /* 4 MiB for the largest image */
    uint8_t *d = p + VPC_FOOTER_LEN;

    memset(p, 0, len);
    memcpy(p, footer, VPC_FOOTER_LEN);
    memcpy(d, "cxsparse", 8);
    put_be64(d + VPC_D_DATA_OFF, UINT64_MAX);
    put_be64(d + VPC_D_TABLE_OFF, bat_off);
    put_be32(d + VPC_D_VERSION, 0x00010000);
    put_be32(d + VPC_D_ENTRIES, blocks);
    put_be32(d + VPC_D_BLOCK_SIZE, VPC_DEFAULT_BLOCK);
    put_be32(d + VPC_D_CHECKSUM, vpc_checksum(d, VPC_DYN_LEN, VPC_D_CHECKSUM));
    memset(p + bat_off, 0xff, bat_len);
    memcpy(p + bat_off + bat_len, footer, VPC_FOOTER_LEN);
    return block_node_write(file, 0, p, len, 0);
}

static bool vpc_create(BlockGraph *g, const char *filename, BlockNode *file, uint64_t size,
                       Options *o, GError **err)
{
    const char *sub = options_get(o, "subformat");
    uint64_t sectors = size / 512 + (size % 512 != 0);
    uint32_t type = VPC_DYNAMIC;
    uint8_t footer[VPC_FOOTER_LEN];
    bool force_size;

    if (sub && !strcmp(sub, "fixed")) {
        type = VPC_FIXED;
    } else if (sub && strcmp(sub, "dynamic")) {
        return error_set(err, "Parameter 'subformat' does not accept value '%s'", sub);
    }
    if (!options_get_bool(o, "force_size", false, &force_size, err)) {
        return false;
    }
    /* The smallest geometry that holds what was asked for, where there is one. */
    VpcGeometry chs = { 65535, 16, 255 };
    if (!force_size) {
        uint64_t want = MIN(sectors, VPC_CHS_MAX);

        for (uint64_t t = want;; t++) {
            chs = vpc_geometry(t);
            if ((uint64_t)chs.cylinders * chs.heads * chs.sectors >= want) {
                break;
            }
        }
        uint64_t exact = (uint64_t)chs.cylinders * chs.heads * chs.sectors;
        sectors = exact == VPC_CHS_MAX ? MAX(sectors, exact) : exact;
    }
    if (sectors > VPC_SECTORS_MAX) {
        return error_set(err, "The image size is too large for file format 'vpc' (2040 GiB at "
                              "most)");
    }
    vpc_make_footer(footer, sectors, chs, type, force_size);
    if (type == VPC_FIXED &&
        !block_node_resize(file, sectors * 512 + VPC_FOOTER_LEN, false, BLOCK_PREALLOC_OFF, err)) {
        return false;
    }
    int ret = type == VPC_FIXED ? block_node_write(file, sectors * 512, footer, sizeof(footer), 0)
                                : vpc_write_dynamic(file, footer, sectors);
    return ret == 0 || block_error(err, file, "cannot write the header: %s", g_strerror(-ret));
}

static const BlockOption vpc_options[] = {
    { "force_size_calc", BLOCK_OPT_STR,
      "Force disk size calculation to use either CHS geometry, or use the disk current_size "
      "specified in the VHD footer. {chs, current_size, auto}" },
    { NULL },
};

static const BlockOption vpc_create_options[] = {
    { "size", BLOCK_OPT_SIZE, "Virtual disk size" },
    { "subformat", BLOCK_OPT_STR,
      "Type of virtual hard disk format. Supported formats are {dynamic (default) | fixed} " },
    { "force_size", BLOCK_OPT_BOOL,
      "Force disk size calculation to use the actual size specified, rather than using the nearest "
      "CHS-based calculation" },
    { NULL },
};

const BlockDriver block_vpc_driver = {
    .name = "vpc",
    .zero_holes = true,
    .doc = "Virtual PC's disk image (VHD)",
    .kind = BLOCK_FORMAT,
    .size = sizeof(Vpc),
    .options = vpc_options,
    .create_options = vpc_create_options,
    .probe = vpc_probe,
    .open = vpc_open,
    .close = vpc_close,
    .create = vpc_create,
    .map = vpc_map,
    .alloc = vpc_alloc,
    .link = vpc_link,
    .abort = vpc_abort,
    .zero = inplace_zero,
    .discard = inplace_discard,
    .flush = vpc_flush,
};
