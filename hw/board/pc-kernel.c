/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spec: Linux Documentation/x86/boot.rst (32-bit and 64-bit boot protocols) and zero-page.rst; for
 * Multiboot and PVH see x86-elf.c; the ROMs are rom/kernel.S and rom/reset.S.
 */
#include "hw/board/pc-kernel.h"

#include "hw/misc/fw_cfg.h"
#include "util/bits.h"
#include "util/bytes.h"

#include <string.h>

enum {
    ROM_BLOCK = 0x40, /* of kernel.S: its parts */
    ROM_PROTECTED = ROM_BLOCK,
    ROM_N_OPS = ROM_BLOCK + 1,
    ROM_SEGMENT = ROM_BLOCK + 2,
    ROM_STACK = ROM_BLOCK + 4,
    ROM_MAP_SEG = ROM_BLOCK + 6,
    ROM_MAP_AT = ROM_BLOCK + 8,
    ROM_MAP_MAX = ROM_BLOCK + 10,
    ROM_MAP_SIZE = ROM_BLOCK + 12,
    ROM_COUNT_AT = ROM_BLOCK + 14,
    ROM_COUNT_UNIT = ROM_BLOCK + 16,
    ROM_EAX = ROM_BLOCK + 20,
    ROM_EBX = ROM_BLOCK + 24,
    ROM_ENTRY = ROM_BLOCK + 28,
    ROM_OPS = 0x60,
    ROM_OP_BYTES = 16,
    ROM_PNP = 0x20,
    ROM_PNP_SUM = ROM_PNP + 9,
    ROM_SIZE = 1024,
    DMA_READ_SELECTED = 1 << 1 | 1 << 3,

    RESET_WIDE = 0, /* of reset.S */
    RESET_EAX = 4,
    RESET_EBX = 8,
    RESET_ESI = 12,
    RESET_TABLES = 16,
    RESET_ENTRY = 20,
    RESET_SIZE = 4096,

    ZERO_PAGE = 0x7000,
    PAGE_TABLES = 0x9000,
    TABLE = 4096,
    PAGE_PRESENT_WRITE = 3,
    PAGE_2M = 1 << 7,
    MAX_E820 = 128,
    ZERO_RSDP = 0x70,
    ZERO_E820_N = 0x1e8,
    ZERO_HEADER = 0x1f1,
    ZERO_HEADER_END = 0x290,
    ZERO_E820 = 0x2d0,
    XLF_KERNEL_64 = 1 << 0,
};

static const uint8_t kernel_rom[ROM_SIZE] = {
#include "hw/board/rom/kernel.inc"
};

static const uint8_t reset_rom[RESET_SIZE] = {
#include "hw/board/rom/reset.inc"
};

/* ---- Through firmware ---- */

static void rom_op(uint8_t *rom, uint16_t key, uint32_t len, uint32_t to)
{
    uint8_t *op = rom + ROM_OPS + rom[ROM_N_OPS] * ROM_OP_BYTES;

    if (len) {
        put_be32(op, (uint32_t)key << 16 | DMA_READ_SELECTED);
        put_be32(op + 4, len);
        put_be64(op + 8, to);
        rom[ROM_N_OPS]++;
    }
}

static uint8_t rom_sum(const uint8_t *bytes, unsigned n)
{
    uint8_t sum = 0;

    for (unsigned i = 0; i < n; i++) {
        sum += bytes[i];
    }
    return (uint8_t)-sum;
}

static void rom_fill(uint8_t *rom, const X86Kernel *k)
{
    rom[2] = ROM_SIZE / 512;
    rom_op(rom, FW_CFG_SETUP_DATA, k->info->len, k->info_at);
    rom_op(rom, FW_CFG_KERNEL_DATA, (uint32_t)g_bytes_get_size(k->image), k->load);
    rom_op(rom, FW_CFG_INITRD_DATA, k->modules->len, k->modules_at);
    if (k->kind == X86_LINUX) {
        rom_op(rom, FW_CFG_CMDLINE_DATA, (uint32_t)strlen(k->cmdline) + 1, k->cmdline_at);
        put_le16(rom + ROM_SEGMENT, (uint16_t)(k->info_at >> 4));
        put_le16(rom + ROM_STACK, (uint16_t)(k->cmdline_at - k->info_at - 16));
    } else {
        rom[ROM_PROTECTED] = 1;
        put_le16(rom + ROM_MAP_SEG, (uint16_t)(k->info_at >> 4));
        put_le16(rom + ROM_MAP_AT, X86_MAP_OFF);
        put_le16(rom + ROM_MAP_MAX, X86_MAP_MAX);
        put_le16(rom + ROM_MAP_SIZE, k->kind == X86_MULTIBOOT ? 4 : 0);
        put_le16(rom + ROM_COUNT_AT, (uint16_t)k->count_at);
        put_le16(rom + ROM_COUNT_UNIT, (uint16_t)k->count_unit);
        put_le32(rom + ROM_EAX, MULTIBOOT_MAGIC);
        put_le32(rom + ROM_EBX, k->info_at);
        put_le32(rom + ROM_ENTRY, k->entry);
    }
    rom[ROM_PNP_SUM] = rom_sum(rom + ROM_PNP, 32);
    rom[ROM_SIZE - 1] = rom_sum(rom, ROM_SIZE);
}

static void fw_part(Device *fw_cfg, uint16_t addr_key, uint16_t size_key, uint16_t data_key,
                    uint32_t at, const void *data, size_t len)
{
    fw_cfg_set_le(fw_cfg, addr_key, 4, at);
    fw_cfg_set_le(fw_cfg, size_key, 4, len);
    fw_cfg_set(fw_cfg, data_key, len ? data : "", len);
}

bool pc_kernel_fw(const BoardConfig *cfg, uint64_t below_4g, Device *fw_cfg, BootOrderExtra *first,
                  GError **err)
{
    static const char *const names[] = { [X86_LINUX] = "/rom@genroms/linuxboot_dma.bin",
                                         [X86_MULTIBOOT] = "/rom@genroms/multiboot_dma.bin",
                                         [X86_PVH] = "/rom@genroms/pvh.bin" };
    uint64_t top = below_4g - min_u64(below_4g, X86_FIRMWARE_TOP);
    uint8_t rom[ROM_SIZE];
    X86Kernel k;
    bool ok;

    if (!x86_kernel_load(&k, cfg, top, err)) {
        return false;
    }
    memcpy(rom, kernel_rom, sizeof(rom));
    rom_fill(rom, &k);
    fw_part(fw_cfg, FW_CFG_SETUP_ADDR, FW_CFG_SETUP_SIZE, FW_CFG_SETUP_DATA, k.info_at,
            k.info->data, k.info->len);
    fw_part(fw_cfg, FW_CFG_KERNEL_ADDR, FW_CFG_KERNEL_SIZE, FW_CFG_KERNEL_DATA, k.load,
            g_bytes_get_data(k.image, NULL), g_bytes_get_size(k.image));
    fw_cfg_set_le(fw_cfg, FW_CFG_KERNEL_ENTRY, 4, k.entry);
    fw_part(fw_cfg, FW_CFG_INITRD_ADDR, FW_CFG_INITRD_SIZE, FW_CFG_INITRD_DATA, k.modules_at,
            k.modules->data, k.modules->len);
    if (k.cmdline) {
        fw_part(fw_cfg, FW_CFG_CMDLINE_ADDR, FW_CFG_CMDLINE_SIZE, FW_CFG_CMDLINE_DATA, k.cmdline_at,
                k.cmdline, strlen(k.cmdline) + 1);
    }
    *first = (BootOrderExtra){ 0, names[k.kind] };
    ok = fw_cfg_add_file(fw_cfg, names[k.kind] + strlen("/rom@"), rom, sizeof(rom), err);
    x86_kernel_free(&k);
    return ok;
}

/* ---- From the reset vector ---- */

/* The first 4 GiB as they are, in pages of 2 MiB. */
static bool direct_page_tables(Machine *m, GError **err)
{
    g_autofree uint8_t *t = g_malloc0(6 * TABLE);

    put_le64(t, (PAGE_TABLES + TABLE) | PAGE_PRESENT_WRITE);
    for (unsigned i = 0; i < 4; i++) {
        put_le64(t + TABLE + 8 * i, (PAGE_TABLES + (2 + i) * TABLE) | PAGE_PRESENT_WRITE);
    }
    for (uint64_t i = 0; i < 4 * 512; i++) {
        put_le64(t + 2 * TABLE + 8 * i, i << 21 | PAGE_2M | PAGE_PRESENT_WRITE);
    }
    return rom_add(m, machine_memory(m), PAGE_TABLES, t, 6 * TABLE, "page tables", err);
}

static bool direct_linux(Machine *m, X86Kernel *k, const PcMapEntry *map, unsigned n_map,
                         uint64_t rsdp, uint8_t *rom, GError **err)
{
    bool wide = k->xloadflags & XLF_KERNEL_64;
    uint8_t zero[TABLE] = { 0 };
    unsigned end = 0x202 + k->info->data[0x201];

    if (k->version < 0x203 || k->load != X86_HIGH) {
        return error_set(err,
                         "-kernel: boot protocol %u.%02u: without firmware 2.03 (Linux 2.4.18) or "
                         "later is needed",
                         k->version >> 8, k->version & 0xff);
    }
    memcpy(zero + ZERO_HEADER, k->info->data + ZERO_HEADER,
           MIN(end, MIN(k->info->len, ZERO_HEADER_END)) - ZERO_HEADER);
    put_le64(zero + ZERO_RSDP, rsdp);
    for (unsigned i = 0; i < n_map && i < MAX_E820; i++) {
        uint8_t *e = zero + ZERO_E820 + 20 * i;

        put_le64(e, map[i].start);
        put_le64(e + 8, map[i].len);
        put_le32(e + 16, map[i].type);
        zero[ZERO_E820_N]++;
    }
    put_le32(rom + RESET_WIDE, wide);
    put_le32(rom + RESET_ESI, ZERO_PAGE);
    put_le32(rom + RESET_TABLES, PAGE_TABLES);
    put_le32(rom + RESET_ENTRY, k->load + (wide ? 0x200 : 0));
    return rom_add(m, machine_memory(m), ZERO_PAGE, zero, sizeof(zero), "boot parameters", err) &&
           rom_add(m, machine_memory(m), k->cmdline_at, k->cmdline, strlen(k->cmdline) + 1,
                   "command line", err) &&
           (!wide || direct_page_tables(m, err));
}

static bool direct_info(Machine *m, X86Kernel *k, const PcMapEntry *map, unsigned n_map,
                        uint64_t rsdp, uint8_t *rom, GError **err)
{
    bool multiboot = k->kind == X86_MULTIBOOT;

    for (unsigned i = 0; i < n_map && i < X86_MAP_MAX; i++) {
        uint8_t *e = k->info->data + X86_MAP_OFF + i * X86_MAP_ENTRY + (multiboot ? 4 : 0);

        if (multiboot) {
            put_le32(e - 4, 20);
        }
        put_le64(e, map[i].start);
        put_le64(e + 8, map[i].len);
        put_le32(e + 16, map[i].type);
    }
    put_le32(k->info->data + k->count_at, MIN(n_map, X86_MAP_MAX) * k->count_unit);
    if (!multiboot) {
        put_le64(k->info->data + 32, rsdp);
    }
    put_le32(rom + RESET_EAX, MULTIBOOT_MAGIC);
    put_le32(rom + RESET_EBX, k->info_at);
    put_le32(rom + RESET_ENTRY, k->entry);
    return rom_add(m, machine_memory(m), k->info_at, k->info->data, k->info->len, "kernel's facts",
                   err);
}

bool pc_kernel_direct(Machine *m, const BoardConfig *cfg, uint64_t below_4g, const PcMapEntry *map,
                      unsigned n_map, uint64_t rsdp, uint8_t rom[4096], GError **err)
{
    X86Kernel k;
    gsize len;
    const uint8_t *data;
    bool ok;

    if (!x86_kernel_load(&k, cfg, below_4g, err)) {
        return false;
    }
    memcpy(rom, reset_rom, RESET_SIZE);
    data = g_bytes_get_data(k.image, &len);
    ok = rom_add_bytes(m, machine_memory(m), k.load, k.image, data, len, "kernel", err) &&
         (!k.modules->len || rom_add(m, machine_memory(m), k.modules_at, k.modules->data,
                                     k.modules->len, "initrd", err)) &&
         (k.kind == X86_LINUX ? direct_linux(m, &k, map, n_map, rsdp, rom, err)
                              : direct_info(m, &k, map, n_map, rsdp, rom, err));
    x86_kernel_free(&k);
    return ok;
}
