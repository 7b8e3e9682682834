/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "block/format/vhdx.h"
#include "util/bytes.h"

#include <string.h>

enum { LUKS_COUNT_MAX = 100000 };

/* ---- VHDX: CRC-32C of headers, region tables and log entries ([MS-VHDX] 2.2, 2.3) ---- */

static void fix_vhdx_sum(BlockMemory *m, uint64_t off, size_t len)
{
    g_autofree uint8_t *p = g_malloc(len);

    block_memory_read(m, off, p, len);
    put_le32(p + 4, vhdx_checksum(p, len, 4));
    (void)block_memory_write(m, off + 4, p + 4, 4);
}

static void fix_vhdx(BlockMemory *m)
{
    uint8_t h[VHDX_HEADER_LEN];

    for (unsigned i = 0; i < 2; i++) {
        uint64_t log, len, size = block_memory_size(m);

        fix_vhdx_sum(m, VHDX_REGION_1 + i * 65536, VHDX_TABLE_LEN);
        fix_vhdx_sum(m, VHDX_HEADER_1 + i * 65536, VHDX_HEADER_LEN);
        block_memory_read(m, VHDX_HEADER_1 + i * 65536, h, sizeof(h));
        log = get_le64(h + VHDX_H_LOG_OFF);
        len = get_le32(h + VHDX_H_LOG_LEN);
        for (uint64_t at = 0; log < size && at < MIN(len, 64 << 10); at += VHDX_LOG_SECTOR) {
            uint8_t e[16];
            uint32_t bytes;

            block_memory_read(m, log + at, e, sizeof(e));
            bytes = get_le32(e + 8);
            if (!memcmp(e, "loge", 4) && bytes >= 64 && bytes <= (256 << 10)) {
                fix_vhdx_sum(m, log + at, bytes);
            }
        }
    }
}

/* ---- VHD: ones' complement of the sum of bytes ---- */

static void fix_vpc_sum(BlockMemory *m, uint64_t off, size_t len, size_t field)
{
    uint8_t p[1024];
    uint32_t sum = 0;

    block_memory_read(m, off, p, len);
    for (size_t i = 0; i < len; i++) {
        sum += i >= field && i < field + 4 ? 0 : p[i];
    }
    put_be32(p + field, ~sum);
    (void)block_memory_write(m, off + field, p + field, 4);
}

static void fix_vpc(BlockMemory *m)
{
    uint64_t size = block_memory_size(m), dyn;
    uint8_t f[512];

    block_memory_read(m, 0, f, sizeof(f));
    if (!memcmp(f, "conectix", 8)) {
        fix_vpc_sum(m, 0, 512, 64);
    }
    dyn = get_be64(f + 16);
    if (dyn < size) {
        fix_vpc_sum(m, dyn, 1024, 36);
    }
    if (size >= 512) {
        block_memory_read(m, size - 512, f, sizeof(f));
        if (!memcmp(f, "conectix", 8)) {
            fix_vpc_sum(m, size - 512, 512, 64);
        }
    }
}

/* ---- LUKS: iterations of PBKDF2 ---- */

static void fix_count(BlockMemory *m, uint64_t off)
{
    uint8_t n[4];

    block_memory_read(m, off, n, 4);
    if (get_be32(n) > LUKS_COUNT_MAX) {
        put_be32(n, get_be32(n) % LUKS_COUNT_MAX);
        (void)block_memory_write(m, off, n, 4);
    }
}

/* LUKS On-Disk Format 1.2.3, figures 1 and 2: all counts are big-endian. */
static void fix_luks(BlockMemory *m)
{
    uint64_t end = MIN(block_memory_size(m), 2 << 20);
    uint8_t magic[6];

    for (uint64_t off = 0; off < end; off += 512) {
        block_memory_read(m, off, magic, sizeof(magic));
        if (memcmp(magic, "LUKS\xba\xbe", 6)) {
            continue;
        }
        fix_count(m, off + 164);
        for (unsigned i = 0; i < 8; i++) {
            fix_count(m, off + 208 + i * 48 + 4);
        }
    }
}

void fuzz_fix_image(BlockMemory *m, const char *format)
{
    if (!strcmp(format, "vhdx")) {
        fix_vhdx(m);
    } else if (!strcmp(format, "vpc")) {
        fix_vpc(m);
    } else {
        fix_luks(m);
    }
}
