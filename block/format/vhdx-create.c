/* SPDX-License-Identifier: Apache-2.0 */
/* New VHDX images: headers, region tables, an empty log, the BAT, metadata; blocks if fixed. */
#include "block/format/vhdx.h"
#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>

typedef struct VhdxCreate {
    uint64_t size, block_size, log_len, bat_len;
    uint64_t bat_off, metadata_off, data_off;
    bool fixed, zero_state;
} VhdxCreate;

static uint64_t vhdx_mib(uint64_t v)
{
    return (v + VHDX_MIB - 1) / VHDX_MIB * VHDX_MIB;
}

static bool vhdx_create_read(VhdxCreate *c, Options *o, GError **err)
{
    const char *sub = options_get(o, "subformat");

    if (sub && strcmp(sub, "dynamic") && strcmp(sub, "fixed")) {
        return error_set(err, "Parameter 'subformat' does not accept value '%s'", sub);
    }
    c->fixed = sub && !strcmp(sub, "fixed");
    if (!options_get_size(o, "block_size", 0, &c->block_size, err) ||
        !options_get_size(o, "log_size", VHDX_MIB, &c->log_len, err) ||
        !options_get_bool(o, "block_state_zero", true, &c->zero_state, err)) {
        return false;
    }
    if (c->size > VHDX_SIZE_MAX) {
        return error_set(err, "Image size too large; max of 64TB");
    }
    if (c->block_size == 0) {
        c->block_size = c->size > 32ull << 40    ? 64 * VHDX_MIB
                        : c->size > 100ull << 30 ? 32 * VHDX_MIB
                        : c->size > 1ull << 30   ? 16 * VHDX_MIB
                                                 : 8 * VHDX_MIB;
    }
    c->block_size = CLAMP(c->block_size, VHDX_BLOCK_MIN, VHDX_BLOCK_MAX);
    if (c->block_size & (c->block_size - 1)) {
        return error_set(err, "Block size must be a power of two");
    }
    c->log_len = MAX(c->log_len, VHDX_MIB);
    if (c->log_len % VHDX_MIB || c->log_len > VHDX_LOG_MAX) {
        return error_set(err, "Log size must be a multiple of 1 MB, up to %d MB",
                         VHDX_LOG_MAX / VHDX_MIB);
    }
    return true;
}

static int vhdx_create_headers(const VhdxCreate *c, BlockNode *file)
{
    static const char creator[] = "Tinamou";
    uint8_t h[VHDX_HEADER_LEN] = "vhdxfile";
    int ret;

    for (unsigned i = 0; i < G_N_ELEMENTS(creator); i++) {
        put_le16(h + 8 + i * 2, creator[i]);
    }
    ret = block_node_write(file, 0, h, 520, 0);
    memset(h, 0, sizeof(h));
    memcpy(h, "head", 4);
    vhdx_make_guid(h + VHDX_H_FILE_GUID);
    vhdx_make_guid(h + VHDX_H_DATA_GUID);
    put_le16(h + VHDX_H_VERSION, 1);
    put_le32(h + VHDX_H_LOG_LEN, c->log_len);
    put_le64(h + VHDX_H_LOG_OFF, VHDX_MIB);
    for (unsigned i = 0; i < 2 && ret == 0; i++) {
        put_le64(h + VHDX_H_SEQUENCE, i + 1);
        put_le32(h + VHDX_H_CHECKSUM, vhdx_checksum(h, sizeof(h), VHDX_H_CHECKSUM));
        ret = block_node_write(file, i ? VHDX_HEADER_2 : VHDX_HEADER_1, h, sizeof(h), 0);
    }
    return ret;
}

static int vhdx_create_regions(const VhdxCreate *c, BlockNode *file)
{
    g_autofree uint8_t *t = g_malloc0(VHDX_TABLE_LEN);
    uint8_t *e = t + 16;

    memcpy(t, "regi", 4);
    put_le32(t + 8, 2);
    memcpy(e, vhdx_guid_bat, 16);
    put_le64(e + 16, c->bat_off);
    put_le32(e + 24, c->bat_len);
    put_le32(e + 28, 1);
    e += VHDX_ENTRY_LEN;
    memcpy(e, vhdx_guid_metadata, 16);
    put_le64(e + 16, c->metadata_off);
    put_le32(e + 24, VHDX_MIB);
    put_le32(e + 28, 1);
    put_le32(t + 4, vhdx_checksum(t, VHDX_TABLE_LEN, 4));
    int ret = block_node_write(file, VHDX_REGION_1, t, VHDX_TABLE_LEN, 0);
    return ret < 0 ? ret : block_node_write(file, VHDX_REGION_2, t, VHDX_TABLE_LEN, 0);
}

static uint8_t *vhdx_create_item(uint8_t *entry, const uint8_t *guid, uint32_t *at, uint32_t len,
                                 uint32_t flags)
{
    memcpy(entry, guid, 16);
    put_le32(entry + 16, *at);
    put_le32(entry + 20, len);
    put_le32(entry + 24, flags);
    *at += len;
    return entry + VHDX_ENTRY_LEN;
}

static int vhdx_create_metadata(const VhdxCreate *c, BlockNode *file)
{
    enum { REQUIRED = 4, OF_DISK = 2 };
    g_autofree uint8_t *t = g_malloc0(VHDX_TABLE_LEN + 64);
    uint8_t *e = t + 32, *v = t + VHDX_TABLE_LEN;
    uint32_t at = VHDX_TABLE_LEN;

    memcpy(t, "metadata", 8);
    put_le16(t + 10, 5);
    e = vhdx_create_item(e, vhdx_guid_file_parameters, &at, 8, REQUIRED);
    e = vhdx_create_item(e, vhdx_guid_size, &at, 8, REQUIRED | OF_DISK);
    e = vhdx_create_item(e, vhdx_guid_disk_id, &at, 16, REQUIRED | OF_DISK);
    e = vhdx_create_item(e, vhdx_guid_logical_sector, &at, 4, REQUIRED | OF_DISK);
    vhdx_create_item(e, vhdx_guid_physical_sector, &at, 4, REQUIRED | OF_DISK);
    put_le32(v, c->block_size);
    put_le32(v + 4, c->fixed ? 1 : 0); /* leave blocks allocated */
    put_le64(v + 8, c->size);
    vhdx_make_guid(v + 16);
    put_le32(v + 32, 512);
    put_le32(v + 36, 512);
    return block_node_write(file, c->metadata_off, t, VHDX_TABLE_LEN + 64, 0);
}

/* A MiB at a time: the table of 64 TiB has 512 MiB of them. */
static int vhdx_create_bat(const VhdxCreate *c, BlockNode *file)
{
    uint64_t blocks = (c->size + c->block_size - 1) / c->block_size;
    uint64_t ratio = VHDX_CHUNK_SECTORS * 512 / c->block_size, at = c->data_off;
    uint64_t n = blocks ? blocks + (blocks - 1) / ratio : 0, in_chunk = 0;
    g_autofree uint8_t *buf = g_malloc(VHDX_MIB);
    int ret = 0;

    if (!c->fixed && !c->zero_state) {
        return 0; /* not present is 0 */
    }
    for (uint64_t done = 0; done < n && ret == 0;) {
        uint64_t part = MIN(n - done, VHDX_MIB / 8);

        memset(buf, 0, VHDX_MIB);
        for (uint64_t i = 0; i < part; i++) {
            bool is_bitmap = in_chunk == ratio;

            in_chunk = is_bitmap ? 0 : in_chunk + 1;
            if (is_bitmap) {
                continue;
            }
            put_le64(buf + i * 8, c->fixed ? at | VHDX_BLOCK_PRESENT : VHDX_BLOCK_ZERO);
            at += c->block_size;
        }
        ret = block_node_write(file, c->bat_off + done * 8, buf, part * 8, 0);
        done += part;
    }
    return ret;
}

bool vhdx_create(BlockGraph *g, const char *filename, BlockNode *file, uint64_t size, Options *o,
                 GError **err)
{
    VhdxCreate c = { .size = (size + 511) / 512 * 512 };

    if (!vhdx_create_read(&c, o, err)) {
        return false;
    }
    uint64_t blocks = (c.size + c.block_size - 1) / c.block_size;
    uint64_t ratio = VHDX_CHUNK_SECTORS * 512 / c.block_size;
    uint64_t n_bat = blocks ? blocks + (blocks - 1) / ratio : 1;
    c.bat_len = vhdx_mib(n_bat * 8);
    c.bat_off = VHDX_MIB + c.log_len;
    c.metadata_off = c.bat_off + c.bat_len;
    c.data_off = c.metadata_off + VHDX_MIB;
    uint64_t end = c.data_off + (c.fixed ? blocks * c.block_size : 0);
    if (!block_node_resize(file, end, false, BLOCK_PREALLOC_OFF, err)) {
        return false;
    }
    int ret = vhdx_create_headers(&c, file);
    ret = ret < 0 ? ret : vhdx_create_regions(&c, file);
    ret = ret < 0 ? ret : vhdx_create_metadata(&c, file);
    ret = ret < 0 ? ret : vhdx_create_bat(&c, file);
    return ret == 0 || block_error(err, file, "cannot write the image: %s", g_strerror(-ret));
}
