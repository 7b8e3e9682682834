/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What malta's CPU begins with: firmware of -bios, or a few instructions that call the kernel as
 * the monitor YAMON does: a0 argc, a1 argv, a2 environment (pairs of strings), a3 bytes of memory.
 * Spec: YAMON User's Manual (MD00008), "Starting applications"; System V ABI, MIPS supplement.
 */
#include "hw/board/malta-priv.h"

#include "hw/block/cfi-flash.h"
#include "hw/board/flash.h"
#include "hw/board/loader.h"
#include "util/bits.h"
#include "util/bytes.h"

#include <elf.h>
#include <string.h>

enum {
    ENV_AT = 0x2000, /* physical: pointers, then strings */
    ENV_BYTES = 0x2000,
    ENV_SLOTS = 32,
    ENV_SP = 0x1ff0,
    INITRD_ALIGN = 64 << 10,
    REG_A0 = 4,
    REG_A1 = 5,
    REG_A2 = 6,
    REG_A3 = 7,
    REG_T9 = 25,
    REG_SP = 29,
    STUB_AT = 0x80, /* behind the board's revision */
};

#define KSEG0 0x80000000u

/* ---- The environment ---- */

/* A word as the CPU reads it. */
static void boot_put(const MaltaBoard *b, uint8_t *p, uint32_t v)
{
    put_le32(p, b->cfg->other_order ? GUINT32_SWAP_LE_BE(v) : v);
}

typedef struct Env {
    const MaltaBoard *board;
    uint8_t bytes[ENV_BYTES];
    unsigned n;  /* slots in use */
    size_t used; /* bytes of strings behind the slots */
    bool full;
} Env;

static void env_add(Env *e, const char *text)
{
    size_t len = text ? strlen(text) + 1 : 0, at = ENV_SLOTS * 4 + e->used;

    if (e->n >= ENV_SLOTS || at + len > ENV_BYTES) {
        e->full = true;
        return;
    }
    boot_put(e->board, e->bytes + 4 * e->n++, text ? KSEG0 + ENV_AT + (uint32_t)at : 0);
    if (text) {
        memcpy(e->bytes + at, text, len);
    }
    e->used += len;
}

static void env_add_number(Env *e, const char *name, uint64_t value)
{
    g_autofree char *text = g_strdup_printf("%" G_GUINT64_FORMAT, value);

    env_add(e, name);
    env_add(e, text);
}

/* ---- The stub ---- */

static uint8_t *stub_load(const MaltaBoard *b, uint8_t *p, unsigned reg, uint32_t v)
{
    boot_put(b, p, 0x3c000000 | reg << 16 | v >> 16);                      /* LUI */
    boot_put(b, p + 4, 0x34000000 | reg << 21 | reg << 16 | (v & 0xffff)); /* ORI */
    return p + 8;
}

static void boot_stub(MaltaBoard *b, uint32_t entry, unsigned argc, unsigned env_slot)
{
    uint8_t *rom = b->rom->host, *p = rom + STUB_AT;

    boot_put(b, rom, 0x10000000 | (STUB_AT / 4 - 1)); /* B */
    boot_put(b, rom + MALTA_REVISION_AT, MALTA_REVISION);
    p = stub_load(b, p, REG_A0, argc);
    p = stub_load(b, p, REG_SP, KSEG0 + ENV_SP);
    p = stub_load(b, p, REG_A1, KSEG0 + ENV_AT);
    p = stub_load(b, p, REG_A2, KSEG0 + ENV_AT + 4 * env_slot);
    p = stub_load(b, p, REG_A3, (uint32_t)min_u64(b->ram_bytes, MALTA_RAM_LOW));
    p = stub_load(b, p, REG_T9, entry);
    boot_put(b, p, REG_T9 << 21 | 8); /* JR */
    boot_put(b, p + 4, 0);
}

/* ---- The kernel ---- */

typedef struct MaltaKernel {
    uint32_t entry;
    uint64_t end; /* physical */
} MaltaKernel;

static bool boot_segment(MaltaBoard *b, GBytes *file, const Elf32_Phdr *ph, MaltaKernel *k,
                         GError **err)
{
    const char *path = b->cfg->kernel;
    gsize len;
    const uint8_t *data = g_bytes_get_data(file, &len);
    uint64_t pa = ph->p_paddr & 0x1fffffff;

    if (ph->p_offset > len || ph->p_filesz > len - ph->p_offset) {
        return error_set(err, "-kernel %s: a segment of %u bytes at %u lies beyond the file's %zu",
                         path, ph->p_filesz, ph->p_offset, len);
    }
    if (ph->p_memsz < ph->p_filesz || pa + ph->p_memsz > min_u64(b->ram_bytes, MALTA_RAM_LOW)) {
        return error_set(err,
                         "-kernel %s: a segment of %u bytes at 0x%x does not fit into RAM; give "
                         "more with -m",
                         path, ph->p_memsz, ph->p_paddr);
    }
    k->end = max_u64(k->end, pa + ph->p_memsz);
    return !ph->p_filesz || rom_add_bytes(b->machine, machine_memory(b->machine), pa, file,
                                          data + ph->p_offset, ph->p_filesz, "kernel", err);
}

static uint32_t boot_u32(const MaltaBoard *b, uint32_t v)
{
    return b->cfg->other_order ? GUINT32_FROM_BE(v) : GUINT32_FROM_LE(v);
}

static uint16_t boot_u16(const MaltaBoard *b, uint16_t v)
{
    return b->cfg->other_order ? GUINT16_FROM_BE(v) : GUINT16_FROM_LE(v);
}

static Elf32_Phdr boot_header(const MaltaBoard *b, const uint8_t *data)
{
    Elf32_Phdr ph;

    memcpy(&ph, data, sizeof(ph));
    return (Elf32_Phdr){ .p_type = boot_u32(b, ph.p_type),
                         .p_offset = boot_u32(b, ph.p_offset),
                         .p_paddr = boot_u32(b, ph.p_paddr),
                         .p_filesz = boot_u32(b, ph.p_filesz),
                         .p_memsz = boot_u32(b, ph.p_memsz) };
}

static bool boot_elf(MaltaBoard *b, MaltaKernel *k, GError **err)
{
    const char *path = b->cfg->kernel;
    g_autoptr(GBytes) file = loader_read("-kernel", path, LOADER_MAX_BYTES, err);
    gsize len;
    const uint8_t *data;
    Elf32_Ehdr h;

    if (!file) {
        return false;
    }
    data = g_bytes_get_data(file, &len);
    if (len < sizeof(h) || memcmp(data, ELFMAG, SELFMAG)) {
        g_autofree char *what = file_describe(data, len);

        return error_set(err, "-kernel %s: is %s; malta takes an ELF (vmlinux)", path, what);
    }
    memcpy(&h, data, sizeof(h));
    if (h.e_ident[EI_CLASS] != ELFCLASS32 ||
        h.e_ident[EI_DATA] != (b->cfg->other_order ? ELFDATA2MSB : ELFDATA2LSB) ||
        boot_u16(b, h.e_machine) != EM_MIPS) {
        g_autofree char *what = file_describe(data, len);

        return error_set(err, "-kernel %s: is %s; this CPU takes a 32-bit %s-endian one for MIPS",
                         path, what, b->cfg->other_order ? "big" : "little");
    }
    for (unsigned i = 0; i < boot_u16(b, h.e_phnum); i++) {
        uint64_t at = (uint64_t)boot_u32(b, h.e_phoff) + (uint64_t)i * boot_u16(b, h.e_phentsize);
        Elf32_Phdr ph;

        if (boot_u16(b, h.e_phentsize) < sizeof(ph) || at > len || sizeof(ph) > len - at) {
            return error_set(err, "-kernel %s: program header %u lies beyond the file", path, i);
        }
        ph = boot_header(b, data + at);
        if (ph.p_type == PT_LOAD && !boot_segment(b, file, &ph, k, err)) {
            return false;
        }
    }
    k->entry = boot_u32(b, h.e_entry);
    return true;
}

/* Behind the kernel and its allocations: at the end of the RAM at 0. */
static bool boot_initrd(MaltaBoard *b, const MaltaKernel *k, uint64_t *at, uint64_t *len,
                        GError **err)
{
    uint64_t top = min_u64(b->ram_bytes, MALTA_RAM_LOW);
    g_autoptr(GBytes) file = loader_read("-initrd", b->cfg->initrd, LOADER_MAX_BYTES, err);
    const uint8_t *data;
    gsize size;

    if (!file) {
        return false;
    }
    data = g_bytes_get_data(file, &size);
    *len = size;
    if (size > top || (*at = (top - size) & ~(uint64_t)(INITRD_ALIGN - 1)) < k->end) {
        return error_set(err,
                         "-initrd %s: %zu bytes do not fit behind the kernel; give more than "
                         "%" G_GUINT64_FORMAT " MiB with -m",
                         b->cfg->initrd, size, b->ram_bytes >> 20);
    }
    return !size || rom_add_bytes(b->machine, machine_memory(b->machine), *at, file, data, size,
                                  "initrd", err);
}

static bool boot_kernel(MaltaBoard *b, GError **err)
{
    g_autofree Env *e = g_new0(Env, 1);
    g_autoptr(GString) line = g_string_new("");
    uint64_t at = 0, len = 0;
    MaltaKernel k = { 0 };
    unsigned env_slot;

    e->board = b;
    if (!boot_elf(b, &k, err) || (b->cfg->initrd && !boot_initrd(b, &k, &at, &len, err))) {
        return false;
    }
    if (len) {
        g_string_append_printf(line, "rd_start=0x%x rd_size=%u ", (unsigned)(KSEG0 + at),
                               (unsigned)len);
    }
    g_string_append(line, b->cfg->append ? b->cfg->append : "");
    env_add(e, b->cfg->kernel);
    env_add(e, line->str);
    env_add(e, NULL);
    env_slot = e->n;
    env_add_number(e, "memsize", min_u64(b->ram_bytes, MALTA_RAM_LOW));
    env_add_number(e, "ememsize", b->ram_bytes);
    env_add(e, "modetty0");
    env_add(e, "38400n8r");
    env_add(e, NULL);
    if (e->full) {
        return error_set(err,
                         "-append: the kernel's command line is longer than malta has room "
                         "for (%d bytes)",
                         ENV_BYTES - ENV_SLOTS * 4 - 256);
    }
    boot_stub(b, k.entry, 2, env_slot);
    return rom_add(b->machine, machine_memory(b->machine), ENV_AT, e->bytes, sizeof(e->bytes),
                   "environment", err);
}

static bool flash_load(MaltaBoard *b, GError **err)
{
    g_autoptr(GBytes) file = loader_read("-bios", b->cfg->bios, MALTA_FLASH_BYTES, err);
    gsize len;
    const void *data;

    if (!file) {
        return false;
    }
    data = g_bytes_get_data(file, &len);
    cfi_flash_load(b->flash, data, len);
    return true;
}

bool malta_make_flash(MaltaBoard *b, GError **err)
{
    g_autofree char *id = board_flash_drive(&b->plug, 0, err);

    if (!id && err && *err) {
        return false;
    }
    b->flash = device_new(b->machine, "cfi.pflash01", &b->dev, "flash", err);
    if (!b->flash) {
        return false;
    }
    device_set_str(b->flash, "name", "mips_malta.flash");
    device_set_u64(b->flash, "size", MALTA_FLASH_BYTES);
    device_set_u64(b->flash, "sector-length", MALTA_FLASH_SECTOR);
    if ((id && !device_set_prop(b->flash, "drive", id, err)) || !device_realize(b->flash, err)) {
        return false;
    }
    device_map(b->flash, 0, machine_memory_root(b->machine), MALTA_FLASH);
    b->has_firmware = id || b->cfg->bios;
    return (!id || board_flash_fill(b->flash, id, MALTA_FLASH_BYTES, err)) &&
           (!b->cfg->bios || flash_load(b, err));
}

/* What the flash begins with is at the reset vector, too, but for a word that tells of the board.
 */
static void boot_firmware(MaltaBoard *b)
{
    memcpy(b->rom->host, cfi_flash_content(b->flash), MALTA_BOOT_BYTES);
    boot_put(b, (uint8_t *)b->rom->host + MALTA_REVISION_AT, MALTA_REVISION);
}

bool malta_boot(MaltaBoard *b, GError **err)
{
    if (b->has_firmware && !b->cfg->kernel) {
        boot_firmware(b);
        return true;
    }
    if (!b->cfg->kernel) {
        return error_set(err, "there is nothing to start: give malta a -kernel, a -bios or a "
                              "-drive if=pflash");
    }
    return boot_kernel(b, err);
}
