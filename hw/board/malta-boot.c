/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What malta's CPU begins with: firmware of -bios, or a few instructions that call the kernel as
 * the monitor YAMON does: a0 argc, a1 argv, a2 environment (pairs of strings), a3 bytes of memory.
 * Spec: YAMON User's Manual (MD00008), "Starting applications"; System V ABI, MIPS supplement.
 */
#include "hw/board/malta-priv.h"

#include "hw/block/cfi-flash.h"
#include "hw/board/elf.h"
#include "hw/board/flash.h"
#include "hw/board/loader.h"
#include "util/bits.h"
#include "util/bytes.h"

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

/* An address that is no sign-extended word needs Status.KX and more instructions. */
static uint8_t *stub_load_entry(const MaltaBoard *b, uint8_t *p, uint64_t entry)
{
    if (!b->cfg->wide || entry == (uint64_t)(int32_t)entry) {
        return stub_load(b, p, REG_T9, (uint32_t)entry);
    }
    boot_put(b, p, 0x40196000);      /* MFC0 t9, Status */
    boot_put(b, p + 4, 0x373900e0);  /* ORI t9, UX | SX | KX */
    boot_put(b, p + 8, 0x40996000);  /* MTC0 t9, Status */
    boot_put(b, p + 12, 0x000000c0); /* EHB */
    p = stub_load(b, p + 16, REG_T9, (uint32_t)(entry >> 32));
    boot_put(b, p, 0x0019cc38);                                        /* DSLL t9, 16 */
    boot_put(b, p + 4, 0x37390000 | (uint32_t)(entry >> 16 & 0xffff)); /* ORI t9 */
    boot_put(b, p + 8, 0x0019cc38);
    boot_put(b, p + 12, 0x37390000 | (uint32_t)(entry & 0xffff));
    return p + 16;
}

static void boot_stub(MaltaBoard *b, uint64_t entry, unsigned argc, unsigned env_slot)
{
    uint8_t *rom = b->rom->host, *p = rom + STUB_AT;

    boot_put(b, rom, 0x10000000 | (STUB_AT / 4 - 1)); /* B */
    boot_put(b, rom + MALTA_REVISION_AT, MALTA_REVISION);
    p = stub_load(b, p, REG_A0, argc);
    p = stub_load(b, p, REG_SP, KSEG0 + ENV_SP);
    p = stub_load(b, p, REG_A1, KSEG0 + ENV_AT);
    p = stub_load(b, p, REG_A2, KSEG0 + ENV_AT + 4 * env_slot);
    p = stub_load(b, p, REG_A3, (uint32_t)min_u64(b->ram_bytes, MALTA_RAM_LOW));
    p = stub_load_entry(b, p, entry);
    boot_put(b, p, REG_T9 << 21 | 9); /* JALR $0: release 6 has no other */
    boot_put(b, p + 4, 0);
}

/* ---- The kernel ---- */

typedef struct MaltaKernel {
    MaltaBoard *board;
    uint64_t entry;
    uint64_t end; /* physical */
} MaltaKernel;

/* A segment's address is one of kseg0, kseg1, xkphys or none of these. */
static bool kernel_place(void *opaque, ElfSegment *s)
{
    MaltaKernel *k = opaque;
    uint64_t room = min_u64(k->board->ram_bytes, MALTA_RAM_LOW);

    s->paddr &= s->paddr >> 62 == 2 ? 0x07ffffffffffffffull : 0x1fffffff;
    if (s->paddr > room || s->memsz > room - s->paddr) {
        return false;
    }
    k->end = max_u64(k->end, s->paddr + s->memsz);
    return true;
}

/* An ELF of 32 bits or, where the CPU has them, 64. */
static bool kernel_load(MaltaBoard *b, MaltaKernel *k, GError **err)
{
    const char *path = b->cfg->kernel;
    g_autoptr(GBytes) file = loader_read("-kernel", path, LOADER_MAX_BYTES, err);
    ElfFile e;

    if (!file || !elf_open(&e, file, "-kernel", path, err)) {
        return false;
    }
    if (e.machine != EM_MIPS || e.big != b->cfg->other_order || (e.wide && !b->cfg->wide)) {
        g_autofree char *what = file_describe(e.data, e.len);

        return error_set(err,
                         "-kernel %s: is %s, %s-bit, %s-endian; this CPU takes a %s %s-endian "
                         "one for MIPS",
                         path, what, e.wide ? "64" : "32", e.big ? "big" : "little",
                         b->cfg->wide ? "32- or 64-bit" : "32-bit",
                         b->cfg->other_order ? "big" : "little");
    }
    *k = (MaltaKernel){ .board = b, .entry = e.wide ? e.entry : (uint64_t)(int32_t)e.entry };
    return elf_load(&e, b->machine, "kernel", kernel_place, k, err);
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
    MaltaKernel k;
    unsigned env_slot;

    e->board = b;
    if (!kernel_load(b, &k, err) || (b->cfg->initrd && !boot_initrd(b, &k, &at, &len, err))) {
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
    device_set_bool(b->flash, "big_endian", b->cfg->other_order);
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
    if (b->cfg->dtb) {
        return error_set(err, "-dtb: malta has none; its kernels know the board");
    }
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
