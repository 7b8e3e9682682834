/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VHDX, Hyper-V's virtual disk: fixed and dynamic. Differencing disks are refused.
 * Spec: [MS-VHDX], Virtual Hard Disk v2 File Format. Little-endian.
 *
 * Two headers take turns; two copies of a table of regions; a log for changes of metadata; the
 * block allocation table (BAT), in which after every chunk of blocks comes the entry of a bitmap
 * that only differencing disks use; metadata items; blocks, on multiples of 1 MiB.
 */
#include "block/format/vhdx.h"
#include "block/format/inplace.h"
#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>

const uint8_t vhdx_guid_bat[16] = { 0x66, 0x77, 0xc2, 0x2d, 0x23, 0xf6, 0x00, 0x42,
                                    0x9d, 0x64, 0x11, 0x5e, 0x9b, 0xfd, 0x4a, 0x08 };
const uint8_t vhdx_guid_metadata[16] = { 0x06, 0xa2, 0x7c, 0x8b, 0x90, 0x47, 0x9a, 0x4b,
                                         0xb8, 0xfe, 0x57, 0x5f, 0x05, 0x0f, 0x88, 0x6e };
const uint8_t vhdx_guid_file_parameters[16] = { 0x37, 0x67, 0xa1, 0xca, 0x36, 0xfa, 0x43, 0x4d,
                                                0xb3, 0xb6, 0x33, 0xf0, 0xaa, 0x44, 0xe7, 0x6b };
const uint8_t vhdx_guid_size[16] = { 0x24, 0x42, 0xa5, 0x2f, 0x1b, 0xcd, 0x76, 0x48,
                                     0xb2, 0x11, 0x5d, 0xbe, 0xd8, 0x3b, 0xf4, 0xb8 };
const uint8_t vhdx_guid_disk_id[16] = { 0xab, 0x12, 0xca, 0xbe, 0xe6, 0xb2, 0x23, 0x45,
                                        0x93, 0xef, 0xc3, 0x09, 0xe0, 0x00, 0xc7, 0x46 };
const uint8_t vhdx_guid_logical_sector[16] = { 0x1d, 0xbf, 0x41, 0x81, 0x6f, 0xa9, 0x09, 0x47,
                                               0xba, 0x47, 0xf2, 0x33, 0xa8, 0xfa, 0xab, 0x5f };
const uint8_t vhdx_guid_physical_sector[16] = { 0xc7, 0x48, 0xa3, 0xcd, 0x5d, 0x44, 0x71, 0x44,
                                                0x9c, 0xc9, 0xe9, 0x88, 0x52, 0x51, 0xc5, 0x56 };
const uint8_t vhdx_guid_parent[16] = { 0x2d, 0x5f, 0xd3, 0xa8, 0x0b, 0xb3, 0x4d, 0x45,
                                       0xab, 0xf7, 0xd3, 0xd8, 0x48, 0x34, 0xab, 0x0c };

void vhdx_make_guid(uint8_t *guid)
{
    for (unsigned i = 0; i < 16; i++) {
        guid[i] = g_random_int();
    }
    guid[7] = (guid[7] & 0x0f) | 0x40; /* random, version 4, in the little-endian form */
    guid[8] = (guid[8] & 0x3f) | 0x80;
}

static int vhdx_probe(const uint8_t *buf, size_t len, const char *filename)
{
    return len >= 8 && !memcmp(buf, "vhdxfile", 8) ? 100 : 0;
}

/* ---- Headers ---- */

static bool vhdx_header_is_good(const uint8_t *h)
{
    return !memcmp(h, "head", 4) && get_le16(h + VHDX_H_VERSION) == 1 &&
           get_le32(h + VHDX_H_CHECKSUM) == vhdx_checksum(h, VHDX_HEADER_LEN, VHDX_H_CHECKSUM);
}

/* Spec: 2.2.2: the good one with the higher sequence number is current. */
static bool vhdx_read_header(BlockNode *n, GError **err)
{
    Vhdx *s = block_priv(n);
    uint8_t magic[8], other[VHDX_HEADER_LEN];

    if (!block_read_all(n, 0, magic, 8, err)) {
        return false;
    }
    if (memcmp(magic, "vhdxfile", 8)) {
        return block_error(err, n, "not a VHDX image: it does not begin with 'vhdxfile'");
    }
    if (!block_read_all(n, VHDX_HEADER_1, s->header, VHDX_HEADER_LEN, err) ||
        !block_read_all(n, VHDX_HEADER_2, other, VHDX_HEADER_LEN, err)) {
        return false;
    }
    bool one = vhdx_header_is_good(s->header), two = vhdx_header_is_good(other);
    s->header_at = VHDX_HEADER_1;
    if (!one && !two) {
        return block_error(err, n,
                           "VHDX headers are both damaged: neither has the signature "
                           "'head', version 1 and a right checksum");
    }
    if (two &&
        (!one || get_le64(other + VHDX_H_SEQUENCE) > get_le64(s->header + VHDX_H_SEQUENCE))) {
        memcpy(s->header, other, sizeof(other));
        s->header_at = VHDX_HEADER_2;
    }
    if (get_le16(s->header + VHDX_H_LOG_VERSION)) {
        return block_error(err, n, "VHDX log version %u is not supported, 0 is",
                           get_le16(s->header + VHDX_H_LOG_VERSION));
    }
    s->log_region =
        (VhdxRegion){ get_le64(s->header + VHDX_H_LOG_OFF), get_le32(s->header + VHDX_H_LOG_LEN) };
    if (s->log_region.off % VHDX_MIB || s->log_region.off < VHDX_MIB ||
        s->log_region.off > VHDX_SIZE_MAX || s->log_region.len % VHDX_MIB ||
        s->log_region.len == 0 || s->log_region.len > VHDX_LOG_MAX) {
        return block_error(err, n,
                           "VHDX log of %" PRIu32 " bytes at 0x%" PRIx64 ": both are "
                           "multiples of 1 MiB, and the length is at most %d",
                           s->log_region.len, s->log_region.off, VHDX_LOG_MAX);
    }
    return true;
}

int vhdx_write_header(BlockNode *n)
{
    Vhdx *s = block_priv(n);
    unsigned at = s->header_at == VHDX_HEADER_1 ? VHDX_HEADER_2 : VHDX_HEADER_1;

    put_le64(s->header + VHDX_H_SEQUENCE, get_le64(s->header + VHDX_H_SEQUENCE) + 1);
    put_le32(s->header + VHDX_H_CHECKSUM,
             vhdx_checksum(s->header, VHDX_HEADER_LEN, VHDX_H_CHECKSUM));
    int ret = block_node_flush(block_file(n));
    ret = ret < 0 ? ret : block_node_write(block_file(n), at, s->header, VHDX_HEADER_LEN, 0);
    ret = ret < 0 ? ret : block_node_flush(block_file(n));
    s->header_at = ret == 0 ? at : s->header_at;
    return ret;
}

/* ---- Regions ---- */

static bool vhdx_overlap(VhdxRegion a, VhdxRegion b)
{
    return a.off < b.off + b.len && b.off < a.off + a.len;
}

static bool vhdx_parse_regions(BlockNode *n, const uint8_t *t, GError **err)
{
    Vhdx *s = block_priv(n);
    uint32_t count = get_le32(t + 8);
    g_autofree VhdxRegion *all = g_new0(VhdxRegion, VHDX_TABLE_ENTRIES);

    if (count > VHDX_TABLE_ENTRIES) {
        return block_error(err, n, "VHDX region table has %" PRIu32 " entries, the most are %d",
                           count, VHDX_TABLE_ENTRIES);
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *e = t + 16 + i * VHDX_ENTRY_LEN;

        all[i] = (VhdxRegion){ get_le64(e + 16), get_le32(e + 24) };
        if (all[i].off % VHDX_MIB || all[i].off < VHDX_MIB || all[i].off > VHDX_SIZE_MAX ||
            all[i].len % VHDX_MIB || all[i].len == 0) {
            return block_error(err, n,
                               "VHDX region %" PRIu32 " of %" PRIu32 " bytes at 0x%" PRIx64
                               ": both are multiples of 1 MiB, behind the headers",
                               i, all[i].len, all[i].off);
        }
        for (uint32_t k = 0; k < i; k++) {
            if (vhdx_overlap(all[i], all[k])) {
                return block_error(err, n, "VHDX regions %" PRIu32 " and %" PRIu32 " overlap", k,
                                   i);
            }
        }
        if (vhdx_overlap(all[i], s->log_region)) {
            return block_error(err, n, "VHDX region %" PRIu32 " overlaps the log", i);
        }
        VhdxRegion *known = !memcmp(e, vhdx_guid_bat, 16)        ? &s->bat_region
                            : !memcmp(e, vhdx_guid_metadata, 16) ? &s->metadata_region
                                                                 : NULL;
        if (known && known->len) {
            return block_error(err, n, "VHDX region %" PRIu32 " stands twice", i);
        }
        if (known) {
            *known = all[i];
        } else if (get_le32(e + 28) & 1) {
            return block_error(err, n, "VHDX region %" PRIu32 " is required and not known", i);
        }
    }
    return (s->bat_region.len && s->metadata_region.len) ||
           block_error(err, n, "VHDX region table without a %s",
                       s->bat_region.len ? "metadata region" : "block allocation table");
}

static bool vhdx_read_regions(BlockNode *n, GError **err)
{
    g_autofree uint8_t *t = g_malloc(VHDX_TABLE_LEN);
    const uint64_t at[] = { VHDX_REGION_1, VHDX_REGION_2 };

    for (unsigned i = 0; i < 2; i++) {
        if (!block_read_all(n, at[i], t, VHDX_TABLE_LEN, err)) {
            return false;
        }
        if (!memcmp(t, "regi", 4) && get_le32(t + 4) == vhdx_checksum(t, VHDX_TABLE_LEN, 4)) {
            return vhdx_parse_regions(n, t, err);
        }
    }
    return block_error(err, n,
                       "VHDX region tables are both damaged: neither has the signature "
                       "'regi' and a right checksum");
}

/* ---- Metadata ---- */

typedef struct VhdxItem {
    const uint8_t *guid;
    const char *name;
    uint32_t len;
    uint8_t bytes[16];
    bool found;
} VhdxItem;

enum { ITEM_PARAMETERS, ITEM_SIZE, ITEM_DISK_ID, ITEM_LOGICAL, ITEM_PHYSICAL, N_ITEMS };

static bool vhdx_read_items(BlockNode *n, VhdxItem *items, GError **err)
{
    Vhdx *s = block_priv(n);
    VhdxRegion region = s->metadata_region;
    g_autofree uint8_t *t = g_malloc(VHDX_TABLE_LEN);

    if (!block_read_all(n, region.off, t, VHDX_TABLE_LEN, err)) {
        return false;
    }
    uint32_t count = get_le16(t + 10);
    if (memcmp(t, "metadata", 8) || count > VHDX_TABLE_ENTRIES) {
        return block_error(err, n,
                           "VHDX metadata table has not the signature 'metadata' and at "
                           "most %d entries",
                           VHDX_TABLE_ENTRIES);
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *e = t + 32 + i * VHDX_ENTRY_LEN;
        uint32_t off = get_le32(e + 16), len = get_le32(e + 20), flags = get_le32(e + 24);
        VhdxItem *item = NULL;

        for (unsigned k = 0; k < N_ITEMS && !(flags & 1); k++) {
            item = !memcmp(e, items[k].guid, 16) ? &items[k] : item;
        }
        if (!item && (flags & 4) && memcmp(e, vhdx_guid_parent, 16)) {
            return block_error(err, n, "VHDX metadata item %" PRIu32 " is required and not known",
                               i);
        }
        if (!item) {
            continue;
        }
        if (item->found || len != item->len || off < VHDX_TABLE_LEN || off > region.len ||
            len > region.len - off) {
            return block_error(err, n,
                               "VHDX %s of %" PRIu32 " bytes at 0x%" PRIx32 ": it should "
                               "be there once, with %" PRIu32 " bytes, inside of the region",
                               item->name, len, off, item->len);
        }
        if (!block_read_all(n, region.off + off, item->bytes, len, err)) {
            return false;
        }
        item->found = true;
    }
    for (unsigned k = 0; k < N_ITEMS; k++) {
        if (!items[k].found && k != ITEM_DISK_ID) {
            return block_error(err, n, "VHDX metadata without %s", items[k].name);
        }
    }
    return true;
}

static bool vhdx_read_metadata(BlockNode *n, GError **err)
{
    Vhdx *s = block_priv(n);
    VhdxItem items[N_ITEMS] = {
        [ITEM_PARAMETERS] = { vhdx_guid_file_parameters, "file parameters", 8 },
        [ITEM_SIZE] = { vhdx_guid_size, "virtual disk size", 8 },
        [ITEM_DISK_ID] = { vhdx_guid_disk_id, "virtual disk ID", 16 },
        [ITEM_LOGICAL] = { vhdx_guid_logical_sector, "logical sector size", 4 },
        [ITEM_PHYSICAL] = { vhdx_guid_physical_sector, "physical sector size", 4 },
    };

    if (!vhdx_read_items(n, items, err)) {
        return false;
    }
    s->block_size = get_le32(items[ITEM_PARAMETERS].bytes);
    s->size = get_le64(items[ITEM_SIZE].bytes);
    s->logical_sector = get_le32(items[ITEM_LOGICAL].bytes);
    uint32_t flags = get_le32(items[ITEM_PARAMETERS].bytes + 4);
    if (s->block_size < VHDX_BLOCK_MIN || s->block_size > VHDX_BLOCK_MAX ||
        s->block_size & (s->block_size - 1)) {
        return block_error(err, n,
                           "VHDX block size %" PRIu32 " is not a power of two from %d to "
                           "%d",
                           s->block_size, VHDX_BLOCK_MIN, VHDX_BLOCK_MAX);
    }
    if (flags & 2) {
        return block_error(err, n, "VHDX differencing disks (with a parent) are not supported");
    }
    if (s->logical_sector != 512 && s->logical_sector != 4096) {
        return block_error(err, n, "VHDX logical sector size %" PRIu32 " is neither 512 nor 4096",
                           s->logical_sector);
    }
    if (s->size > VHDX_SIZE_MAX || s->size % s->logical_sector) {
        return block_error(err, n,
                           "VHDX virtual disk size %" PRIu64 " is not a multiple of %" PRIu32
                           " up to 64 TiB",
                           s->size, s->logical_sector);
    }
    return true;
}

/* ---- The table of blocks ---- */

static uint64_t vhdx_bat_index(const Vhdx *s, uint64_t block)
{
    return block + block / s->chunk_ratio;
}

static uint64_t vhdx_entry(const Vhdx *s, uint64_t off)
{
    return le64toh(s->bat[vhdx_bat_index(s, off / s->block_size)]);
}

/* Blocks lie in the file, outside of everything else, and none overlaps another. */
static bool vhdx_check_block(BlockNode *n, uint64_t i, uint64_t at, uint8_t *seen, uint64_t slots,
                             GError **err)
{
    Vhdx *s = block_priv(n);
    VhdxRegion block = { at, s->block_size };

    if (at < VHDX_MIB || at >= block_node_size(block_file(n)) ||
        vhdx_overlap(block, s->log_region) || vhdx_overlap(block, s->bat_region) ||
        vhdx_overlap(block, s->metadata_region)) {
        return block_error(err, n,
                           "VHDX BAT entry %" PRIu64 " offset 0x%" PRIx64 " is beyond the "
                           "end of the file or in its metadata",
                           i, at);
    }
    for (uint64_t k = at / VHDX_MIB; seen && k < (at + s->block_size) / VHDX_MIB && k < slots;
         k++) {
        if (seen[k / 8] & 1 << k % 8) {
            return block_error(err, n,
                               "VHDX BAT entry %" PRIu64 " offset 0x%" PRIx64
                               " overlaps another block: writing would damage both",
                               i, at);
        }
        seen[k / 8] |= 1 << k % 8;
    }
    return true;
}

static bool vhdx_read_bat(BlockNode *n, GError **err)
{
    Vhdx *s = block_priv(n);
    uint64_t blocks = (s->size + s->block_size - 1) / s->block_size;
    uint64_t slots = block_node_size(block_file(n)) / VHDX_MIB + 1;
    bool writes = block_node_flags(n) & BLOCK_OPEN_WRITE;

    s->chunk_ratio = VHDX_CHUNK_SECTORS * s->logical_sector / s->block_size;
    s->n_bat = blocks ? blocks + (blocks - 1) / s->chunk_ratio : 0;
    if (s->n_bat * 8 > s->bat_region.len) {
        return block_error(err, n,
                           "VHDX BAT needs %" PRIu64 " entries, its region of %" PRIu32
                           " bytes is too small",
                           s->n_bat, s->bat_region.len);
    }
    uint64_t len = (s->n_bat * 8 + VHDX_LOG_SECTOR - 1) / VHDX_LOG_SECTOR * VHDX_LOG_SECTOR;
    s->bat = block_try_array(n, len + VHDX_LOG_SECTOR, 1);
    s->dirty = block_try_array(n, len / VHDX_LOG_SECTOR / 64 + 1, 8);
    g_autofree uint8_t *seen = writes ? g_try_malloc0(slots / 8 + 1) : NULL;
    if (!s->bat || !s->dirty || (writes && !seen)) {
        return block_error(err, n, "no memory for a BAT of %" PRIu64 " entries", s->n_bat);
    }
    if (len && !block_read_all(n, s->bat_region.off, s->bat, len, err)) {
        return false;
    }
    for (uint64_t i = 0; i < blocks; i++) {
        uint64_t entry = le64toh(s->bat[vhdx_bat_index(s, i)]);
        unsigned state = entry & VHDX_BLOCK_STATE;

        if (state == VHDX_BLOCK_PRESENT) {
            if (!vhdx_check_block(n, vhdx_bat_index(s, i), entry & VHDX_OFFSET_MASK, seen, slots,
                                  err)) {
                return false;
            }
        } else if (state > VHDX_BLOCK_UNMAPPED) {
            return block_error(err, n,
                               "VHDX BAT entry %" PRIu64 " has state %u, which a disk "
                               "without parent has not",
                               vhdx_bat_index(s, i), state);
        }
    }
    return true;
}

static bool vhdx_open(BlockNode *n, Options *o, GError **err)
{
    Vhdx *s = block_priv(n);

    if (!vhdx_read_header(n, err) || !vhdx_read_regions(n, err) || !vhdx_log_replay(n, err) ||
        !vhdx_read_metadata(n, err) || !vhdx_read_bat(n, err)) {
        return false;
    }
    uint64_t end = MAX(s->log_region.off + s->log_region.len,
                       MAX(s->bat_region.off + s->bat_region.len,
                           s->metadata_region.off + s->metadata_region.len));
    end = MAX(end, block_node_size(block_file(n)));
    s->next = (end + VHDX_MIB - 1) / VHDX_MIB * VHDX_MIB;
    block_set_unit(n, s->block_size);
    block_set_zero_limits(n, 512, 0);
    return block_set_size(n, s->size, err);
}

static int vhdx_map(BlockNode *n, uint64_t off, uint64_t len, Extent *out)
{
    const Vhdx *s = block_priv(n);
    uint64_t entry = vhdx_entry(s, off), in = off & (s->block_size - 1);

    out->len = MIN(len, s->block_size - in);
    switch (entry & VHDX_BLOCK_STATE) {
    case VHDX_BLOCK_PRESENT:
        break;
    case VHDX_BLOCK_NOT_PRESENT:
        out->kind = EXTENT_HOLE;
        return 0;
    default:
        out->kind = EXTENT_ZERO;
        return 0;
    }
    out->kind = EXTENT_DATA;
    out->off = (entry & VHDX_OFFSET_MASK) + in;
    while (out->len < len) {
        uint64_t next = vhdx_entry(s, off + out->len);

        if (next != entry + s->block_size) {
            break;
        }
        out->len = MIN(len, out->len + s->block_size);
        entry = next;
    }
    return 0;
}

static int vhdx_alloc(BlockNode *n, BlockAlloc *a)
{
    Vhdx *s = block_priv(n);
    uint64_t entry = vhdx_entry(s, a->off), in = a->off & (s->block_size - 1);

    int ret = s->in_session ? 0 : vhdx_log_open(n);

    if (ret < 0) {
        return ret;
    }
    a->len = MIN(a->len, s->block_size - in);
    if ((entry & VHDX_BLOCK_STATE) == VHDX_BLOCK_PRESENT) {
        a->child_off = (entry & VHDX_OFFSET_MASK) + in;
        return 0;
    }
    fiber_lock(&s->wb.grow);
    uint64_t at = s->next;
    s->next = at + s->block_size;
    if (!metawb_grow(&s->wb, block_file(n), at, s->block_size)) {
        a->head = in;
        a->tail = s->block_size - in - a->len;
    }
    fiber_unlock(&s->wb.grow);
    a->child_off = at + in;
    a->token = (void *)(uintptr_t)at;
    return 0;
}

static void vhdx_abort(BlockNode *n, BlockAlloc *a)
{
    Vhdx *s = block_priv(n);

    if ((uintptr_t)a->token + s->block_size == s->next) {
        s->next -= s->block_size;
    }
}

static int vhdx_link(BlockNode *n, BlockAlloc *a)
{
    Vhdx *s = block_priv(n);
    uint64_t i = vhdx_bat_index(s, a->off / s->block_size), sector = i * 8 / VHDX_LOG_SECTOR;

    s->bat[i] = htole64((uintptr_t)a->token | VHDX_BLOCK_PRESENT);
    s->n_dirty += !(s->dirty[sector / 64] >> sector % 64 & 1);
    s->dirty[sector / 64] |= 1ul << sector % 64;
    return 0;
}

static void vhdx_close(BlockNode *n)
{
    Vhdx *s = block_priv(n);

    /* On failure the log stays and is replayed. */
    if (vhdx_log_write(n) == 0 && s->n_dirty == 0) {
        (void)!vhdx_log_close(n);
    }
}

static bool vhdx_check(BlockNode *n, BlockCheck *c, unsigned fix, GError **err)
{
    Vhdx *s = block_priv(n);

    /* Opening has checked the table and replayed the log. */
    if (s->replayed) {
        c->corruptions_fixed++;
    }
    return true;
}

static const BlockOption vhdx_create_options[] = {
    { "size", BLOCK_OPT_SIZE, "Virtual disk size; max of 64TB." },
    { "log_size", BLOCK_OPT_SIZE, "Log size; min 1MB.", "1048576" },
    { "block_size", BLOCK_OPT_SIZE,
      "Block Size; min 1MB, max 256MB. 0 means auto-calculate based on image size.", "0" },
    { "subformat", BLOCK_OPT_STR,
      "VHDX format type, can be either 'dynamic' or 'fixed'. Default is 'dynamic'." },
    { "block_state_zero", BLOCK_OPT_BOOL,
      "Force use of payload blocks of type 'ZERO'. Non-standard, but default.  Do not set to 'off' "
      "when using 'qemu-img convert' with subformat=dynamic." },
    { NULL },
};

const BlockDriver block_vhdx_driver = {
    .name = "vhdx",
    .doc = "Hyper-V's virtual disk",
    .kind = BLOCK_FORMAT,
    .size = sizeof(Vhdx),
    .create_options = vhdx_create_options,
    .probe = vhdx_probe,
    .open = vhdx_open,
    .close = vhdx_close,
    .create = vhdx_create,
    .map = vhdx_map,
    .alloc = vhdx_alloc,
    .link = vhdx_link,
    .abort = vhdx_abort,
    .zero = inplace_zero,
    .discard = inplace_discard,
    .flush = vhdx_log_write,
    .check = vhdx_check,
};
