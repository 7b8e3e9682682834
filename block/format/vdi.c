/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VDI, VirtualBox's disk image: a header, a map of 32-bit block numbers, blocks in any order.
 *
 * Little-endian. The map says for each block of the disk which block of the data area holds it,
 * or that none does. The header's count of blocks is where other writers put the next block, so it
 * is stable before the map points beyond it. Images with snapshots (a parent or link UUID) are
 * several files and are refused.
 */
#include "block/core/driver.h"
#include "block/format/inplace.h"
#include "block/format/metawb.h"
#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>

enum {
    VDI_HEADER_LEN = 512,
    VDI_TEXT = 0,
    VDI_SIGNATURE = 0x40,
    VDI_VERSION = 0x44,
    VDI_HEADER_SIZE = 0x48,
    VDI_TYPE = 0x4c,
    VDI_MAP_OFF = 0x154,
    VDI_DATA_OFF = 0x158,
    VDI_SECTOR_SIZE = 0x168,
    VDI_DISK_SIZE = 0x170,
    VDI_BLOCK_SIZE = 0x178,
    VDI_BLOCK_EXTRA = 0x17c,
    VDI_BLOCKS = 0x180,
    VDI_ALLOCATED = 0x184,
    VDI_UUID_IMAGE = 0x188,
    VDI_UUID_LAST_SNAP = 0x198,
    VDI_UUID_LINK = 0x1a8,
    VDI_UUID_PARENT = 0x1b8,

    VDI_TYPE_DYNAMIC = 1,
    VDI_TYPE_STATIC = 2,
    VDI_DEFAULT_BLOCK = 1 << 20,
    VDI_BLOCK_MIN = 4096,
    VDI_BLOCK_MAX = 256 << 20,
    VDI_BLOCKS_MAX = 1 << 28, /* 1 GiB of map; 256 TiB of disk in blocks of 1 MiB */
};

#define VDI_MAGIC       0xbeda107fu
#define VDI_VERSION_1_1 0x00010001u
#define VDI_UNALLOCATED 0xffffffffu
#define VDI_DISCARDED   0xfffffffeu

typedef struct Vdi {
    uint8_t header[VDI_HEADER_LEN]; /* as in the file, with the count of blocks as it will be */
    uint32_t *map;                  /* little-endian, as in the file */
    uint32_t n_blocks, block_size;
    uint32_t n_map; /* entries in memory: up to the end of the map's last sector */
    uint64_t map_off, data_off;
    uint32_t linked_end; /* all blocks that the map names are below it */
    uint8_t *used;       /* a bit for each block of the data area below n_blocks; writers only */
    uint32_t first_free; /* no free block lies below it */
    MetaWb wb;
} Vdi;

static uint32_t vdi_entry(const Vdi *s, uint32_t i)
{
    return le32toh(s->map[i]);
}

static bool vdi_is_allocated(uint32_t entry)
{
    return entry < VDI_DISCARDED;
}

static int vdi_probe(const uint8_t *buf, size_t len, const char *filename)
{
    return len >= VDI_HEADER_LEN && get_le32(buf + VDI_SIGNATURE) == VDI_MAGIC ? 100 : 0;
}

static bool vdi_uuid_is_null(const uint8_t *uuid)
{
    static const uint8_t null[16];

    return memcmp(uuid, null, 16) == 0;
}

static bool vdi_check_header(BlockNode *n, const uint8_t *h, GError **err)
{
    uint32_t block = get_le32(h + VDI_BLOCK_SIZE), blocks = get_le32(h + VDI_BLOCKS);
    uint64_t size = get_le64(h + VDI_DISK_SIZE);

    if (get_le32(h + VDI_SIGNATURE) != VDI_MAGIC) {
        return block_error(err, n, "not a VDI image: signature 0x%08" PRIx32 ", it should be 0x%x",
                           get_le32(h + VDI_SIGNATURE), VDI_MAGIC);
    }
    if (get_le32(h + VDI_VERSION) != VDI_VERSION_1_1) {
        return block_error(err, n, "VDI version %u.%u is not supported, only 1.1 is",
                           get_le16(h + VDI_VERSION + 2), get_le16(h + VDI_VERSION));
    }
    uint32_t type = get_le32(h + VDI_TYPE);
    if (type != VDI_TYPE_DYNAMIC && type != VDI_TYPE_STATIC) {
        return block_error(err, n,
                           "VDI image type %" PRIu32 " is not supported, 1 (dynamic) and "
                           "2 (static) are",
                           type);
    }
    if (get_le32(h + VDI_MAP_OFF) % 512 || get_le32(h + VDI_MAP_OFF) < VDI_HEADER_LEN) {
        return block_error(err, n,
                           "VDI block map offset 0x%" PRIx32 " is not on a sector behind "
                           "the header",
                           get_le32(h + VDI_MAP_OFF));
    }
    if (get_le32(h + VDI_DATA_OFF) % 512) {
        return block_error(err, n, "VDI data offset 0x%" PRIx32 " is not a multiple of 512",
                           get_le32(h + VDI_DATA_OFF));
    }
    if (get_le32(h + VDI_SECTOR_SIZE) != 512) {
        return block_error(err, n, "VDI sector size %" PRIu32 " is not 512",
                           get_le32(h + VDI_SECTOR_SIZE));
    }
    if (block < VDI_BLOCK_MIN || block > VDI_BLOCK_MAX || (block & (block - 1))) {
        return block_error(err, n, "VDI block size %" PRIu32 " is not a power of two from %d to %d",
                           block, VDI_BLOCK_MIN, VDI_BLOCK_MAX);
    }
    if (get_le32(h + VDI_BLOCK_EXTRA)) {
        return block_error(err, n, "VDI block extra size %" PRIu32 " is not supported, only 0 is",
                           get_le32(h + VDI_BLOCK_EXTRA));
    }
    if (blocks > VDI_BLOCKS_MAX) {
        return block_error(err, n, "VDI block count %" PRIu32 " is above the limit of %d", blocks,
                           VDI_BLOCKS_MAX);
    }
    if (size > (uint64_t)blocks * block) {
        return block_error(err, n,
                           "VDI disk size %" PRIu64 " is more than %" PRIu32 " blocks of %" PRIu32
                           " bytes hold",
                           size, blocks, block);
    }
    if (!vdi_uuid_is_null(h + VDI_UUID_LINK) || !vdi_uuid_is_null(h + VDI_UUID_PARENT)) {
        return block_error(err, n,
                           "VDI image with a %s UUID (a part of a chain of snapshots) is "
                           "not supported: merge it in VirtualBox first",
                           vdi_uuid_is_null(h + VDI_UUID_LINK) ? "parent" : "link");
    }
    uint64_t map_end = get_le32(h + VDI_MAP_OFF) + 4ull * blocks;
    if (get_le32(h + VDI_DATA_OFF) < map_end) {
        return block_error(err, n,
                           "VDI data offset 0x%" PRIx32 " lies in the block map, which "
                           "ends at 0x%" PRIx64,
                           get_le32(h + VDI_DATA_OFF), map_end);
    }
    return true;
}

/* Which blocks are taken; every entry within the data area, none named twice. */
static bool vdi_scan(BlockNode *n, Vdi *s, GError **err)
{
    bool writes = block_node_flags(n) & BLOCK_OPEN_WRITE;
    bool check = block_node_flags(n) & BLOCK_OPEN_CHECK;

    s->used = block_try_array(n, s->n_blocks / 8 + 1, 1);
    if (!s->used) {
        return block_error(err, n, "no memory for the use of %" PRIu32 " blocks", s->n_blocks);
    }
    for (uint32_t i = 0; i < s->n_blocks; i++) {
        uint32_t e = vdi_entry(s, i);

        if (!vdi_is_allocated(e)) {
            continue;
        }
        if (e >= s->n_blocks) {
            if (check) {
                continue;
            }
            return block_error(err, n,
                               "VDI block map entry %" PRIu32 " is %" PRIu32
                               ", it should be below %" PRIu32,
                               i, e, s->n_blocks);
        }
        if (s->used[e / 8] & 1 << e % 8 && writes && !check) {
            return block_error(err, n,
                               "VDI block map entry %" PRIu32 " names block %" PRIu32
                               " a second time: writing would damage both",
                               i, e);
        }
        s->used[e / 8] |= 1 << e % 8;
        s->linked_end = MAX(s->linked_end, e + 1);
    }
    return true;
}

static bool vdi_open(BlockNode *n, Options *o, GError **err)
{
    Vdi *s = block_priv(n);

    if (!block_read_all(n, 0, s->header, sizeof(s->header), err) ||
        !vdi_check_header(n, s->header, err)) {
        return false;
    }
    s->n_blocks = get_le32(s->header + VDI_BLOCKS);
    s->block_size = get_le32(s->header + VDI_BLOCK_SIZE);
    s->map_off = get_le32(s->header + VDI_MAP_OFF);
    s->data_off = get_le32(s->header + VDI_DATA_OFF);
    s->map = block_try_array(n, s->n_blocks + 1ull, 4);
    if (!s->map) {
        return block_error(err, n, "no memory for a map of %" PRIu32 " blocks", s->n_blocks);
    }
    if (s->n_blocks && !block_read_all(n, s->map_off, s->map, s->n_blocks * 4ull, err)) {
        return false;
    }
    if (!vdi_scan(n, s, err)) {
        return false;
    }
    block_set_unit(n, s->block_size);
    block_set_zero_limits(n, 512, 0);
    /* VirtualBox makes disks whose size is no multiple of a sector. */
    return block_set_size(n, (get_le64(s->header + VDI_DISK_SIZE) + 511) / 512 * 512, err);
}

static void vdi_close(BlockNode *n)
{
    Vdi *s = block_priv(n);

    /* Also where flushes do nothing (cache=unsafe). */
    (void)!metawb_flush(&s->wb);
    metawb_deinit(&s->wb);
}

static int vdi_map(BlockNode *n, uint64_t off, uint64_t len, Extent *out)
{
    const Vdi *s = block_priv(n);
    uint32_t i = off / s->block_size, in = off % s->block_size;
    uint32_t e = i < s->n_blocks ? vdi_entry(s, i) : VDI_UNALLOCATED;

    out->len = MIN(len, s->block_size - in);
    if (e == VDI_DISCARDED) {
        out->kind = EXTENT_ZERO;
        return 0;
    }
    if (e == VDI_UNALLOCATED) {
        out->kind = EXTENT_HOLE;
        return 0;
    }
    if (e >= s->n_blocks) {
        return -EIO; /* opened for check */
    }
    out->kind = EXTENT_DATA;
    out->holes = get_le32(s->header + VDI_TYPE) == VDI_TYPE_STATIC ? EXTENT_HOLLOW : EXTENT_DENSE;
    out->off = s->data_off + (uint64_t)e * s->block_size + in;
    /* Blocks are mostly in order: one answer for many. */
    while (out->len < len && i + 1 < s->n_blocks && vdi_entry(s, i + 1) == e + 1 &&
           e + 1 < s->n_blocks) {
        out->len = MIN(len, out->len + s->block_size);
        i++;
        e++;
    }
    return 0;
}

static void *vdi_token(uint32_t block)
{
    return (void *)((uintptr_t)block + 1);
}

static uint32_t vdi_token_block(const void *token)
{
    return (uintptr_t)token - 1;
}

static int vdi_alloc(BlockNode *n, BlockAlloc *a)
{
    Vdi *s = block_priv(n);
    uint32_t i = a->off / s->block_size, in = a->off % s->block_size;
    uint32_t e = vdi_entry(s, i), block;

    a->len = MIN(a->len, s->block_size - in);
    if (vdi_is_allocated(e)) {
        a->child_off = s->data_off + (uint64_t)e * s->block_size + in;
        return 0;
    }
    fiber_lock(&s->wb.grow);
    for (block = s->first_free; block < s->n_blocks && s->used[block / 8] & 1 << block % 8;) {
        block++;
    }
    if (block >= s->n_blocks) {
        fiber_unlock(&s->wb.grow);
        return -EIO; /* the map is full of blocks: it was damaged */
    }
    s->used[block / 8] |= 1 << block % 8;
    s->first_free = block + 1;
    uint64_t at = s->data_off + (uint64_t)block * s->block_size;
    if (!metawb_grow(&s->wb, block_file(n), at, s->block_size)) {
        a->head = in;
        a->tail = s->block_size - in - a->len;
    }
    fiber_unlock(&s->wb.grow);
    a->child_off = at + in;
    a->token = vdi_token(block);
    return 0;
}

static void vdi_abort(BlockNode *n, BlockAlloc *a)
{
    Vdi *s = block_priv(n);
    uint32_t block = vdi_token_block(a->token);

    s->used[block / 8] &= ~(1 << block % 8);
    s->first_free = MIN(s->first_free, block);
}

static int vdi_link(BlockNode *n, BlockAlloc *a)
{
    Vdi *s = block_priv(n);
    uint32_t i = a->off / s->block_size, block = vdi_token_block(a->token);

    s->map[i] = htole32(block);
    s->linked_end = MAX(s->linked_end, block + 1);
    if (get_le32(s->header + VDI_ALLOCATED) != s->linked_end) {
        put_le32(s->header + VDI_ALLOCATED, s->linked_end);
        metawb_put(&s->wb, META_FIRST, block_file(n), 0, s->header, sizeof(s->header));
    }
    metawb_put_piece(&s->wb, META_POINTER, block_file(n), s->map_off, s->map, s->n_blocks * 4ull,
                     i * 4ull);
    return metawb_is_full(&s->wb) ? metawb_flush(&s->wb) : 0;
}

static int vdi_flush(BlockNode *n)
{
    Vdi *s = block_priv(n);

    return metawb_flush(&s->wb);
}

static bool vdi_check(BlockNode *n, BlockCheck *c, unsigned fix, GError **err)
{
    Vdi *s = block_priv(n);
    uint32_t allocated = 0;
    g_autofree uint8_t *seen = g_try_malloc0(s->n_blocks / 8 + 1);

    if (fix) {
        return block_error(err, n, "VDI images are checked, not repaired: convert it to a new one");
    }
    if (!seen) {
        return block_error(err, n, "no memory to check %" PRIu32 " blocks", s->n_blocks);
    }
    for (uint32_t i = 0; i < s->n_blocks; i++) {
        uint32_t e = vdi_entry(s, i);

        if (!vdi_is_allocated(e)) {
            continue;
        }
        if (e >= s->n_blocks) {
            block_check_say(c, "ERROR: block index %" PRIu32 " out of range, is %" PRIu32, i, e);
            c->corruptions++;
            continue;
        }
        allocated++;
        if (seen[e / 8] & 1 << e % 8) {
            block_check_say(c, "ERROR: block index %" PRIu32 " also used by %" PRIu32, e, e);
            c->corruptions++;
        }
        seen[e / 8] |= 1 << e % 8;
    }
    uint32_t counted = get_le32(s->header + VDI_ALLOCATED);
    if (allocated != counted) {
        block_check_say(c, "ERROR: allocated blocks mismatch, is %" PRIu32 ", should be %" PRIu32,
                        allocated, counted);
        c->corruptions++;
    }
    return true;
}

static void vdi_make_uuid(uint8_t *uuid)
{
    for (unsigned i = 0; i < 16; i++) {
        uuid[i] = g_random_int();
    }
    uuid[7] = (uuid[7] & 0x0f) | 0x40; /* random, version 4, in the little-endian form */
    uuid[8] = (uuid[8] & 0x3f) | 0x80;
}

static bool vdi_create(BlockGraph *g, const char *filename, BlockNode *file, uint64_t size,
                       Options *o, GError **err)
{
    uint8_t h[VDI_HEADER_LEN] = "<<< Tinamou VM Virtual Disk Image >>>\n";
    bool is_static;

    if (!options_get_bool(o, "static", false, &is_static, err)) {
        return false;
    }
    if (size > (uint64_t)VDI_BLOCKS_MAX * VDI_DEFAULT_BLOCK) {
        return block_error(
            err, file, "a VDI image holds at most %" PRIu64 " bytes, %" PRIu64 " were asked for",
            (uint64_t)VDI_BLOCKS_MAX * VDI_DEFAULT_BLOCK, size);
    }
    uint32_t blocks = (size + VDI_DEFAULT_BLOCK - 1) / VDI_DEFAULT_BLOCK;
    uint64_t map_len = (blocks * 4ull + 511) / 512 * 512;
    put_le32(h + VDI_SIGNATURE, VDI_MAGIC);
    put_le32(h + VDI_VERSION, VDI_VERSION_1_1);
    put_le32(h + VDI_HEADER_SIZE, 0x180);
    put_le32(h + VDI_TYPE, is_static ? VDI_TYPE_STATIC : VDI_TYPE_DYNAMIC);
    put_le32(h + VDI_MAP_OFF, VDI_HEADER_LEN);
    put_le32(h + VDI_DATA_OFF, VDI_HEADER_LEN + map_len);
    put_le32(h + VDI_SECTOR_SIZE, 512);
    put_le64(h + VDI_DISK_SIZE, size);
    put_le32(h + VDI_BLOCK_SIZE, VDI_DEFAULT_BLOCK);
    put_le32(h + VDI_BLOCKS, blocks);
    put_le32(h + VDI_ALLOCATED, is_static ? blocks : 0);
    vdi_make_uuid(h + VDI_UUID_IMAGE);
    vdi_make_uuid(h + VDI_UUID_LAST_SNAP);

    g_autofree uint32_t *map = g_try_malloc(map_len ? map_len : 1);
    if (!map) {
        return block_error(err, file, "no memory for a map of %" PRIu32 " blocks", blocks);
    }
    memset(map, 0xff, map_len);
    for (uint32_t i = 0; i < blocks && is_static; i++) {
        map[i] = htole32(i);
    }
    memset((uint8_t *)map + blocks * 4ull, 0, map_len - blocks * 4ull);
    int ret = block_node_write(file, 0, h, sizeof(h), 0);
    if (ret == 0 && map_len) {
        ret = block_node_write(file, VDI_HEADER_LEN, map, map_len, 0);
    }
    if (ret < 0) {
        return block_error(err, file, "cannot write the header: %s", g_strerror(-ret));
    }
    return !is_static ||
           block_node_resize(file, VDI_HEADER_LEN + map_len + (uint64_t)blocks * VDI_DEFAULT_BLOCK,
                             false, BLOCK_PREALLOC_OFF, err);
}

static const BlockOption vdi_create_options[] = {
    { "size", BLOCK_OPT_SIZE, "Virtual disk size" },
    { "static", BLOCK_OPT_BOOL, "VDI static (pre-allocated) image", "off" },
    { NULL },
};

const BlockDriver block_vdi_driver = {
    .name = "vdi",
    .zero_holes = true,
    .doc = "VirtualBox's disk image",
    .kind = BLOCK_FORMAT,
    .size = sizeof(Vdi),
    .create_options = vdi_create_options,
    .probe = vdi_probe,
    .open = vdi_open,
    .close = vdi_close,
    .create = vdi_create,
    .map = vdi_map,
    .alloc = vdi_alloc,
    .link = vdi_link,
    .abort = vdi_abort,
    .zero = inplace_zero,
    .discard = inplace_discard,
    .flush = vdi_flush,
    .check = vdi_check,
};
