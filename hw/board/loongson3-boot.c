/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the CPUs of loongson3-virt begin with: firmware of -bios, or a ROM that calls the kernel as
 * Loongson's firmware does: a0 argc, a1 argv (pointers of 32 bits), a2 the boot parameters. The
 * other CPUs wait until a mailbox of theirs says where to go. Spec: Loongson 3 firmware interface
 * (LEFI), as arch/mips/include/asm/mach-loongson64/boot_param.h of Linux lays it out; MIPS64
 * instruction set (MD00087).
 */
#include "hw/board/loongson3-priv.h"

#include "hw/board/elf.h"
#include "hw/board/loader.h"
#include "util/bytes.h"

#include <string.h>

/* Places in the ROM. */
enum {
    ROM_RESET_SYSTEM = 0x200,
    ROM_POWEROFF = 0x240,
    ROM_PARAMS = 0x1000,
    ROM_ARGV = 0x10000,
    ROM_ARGV_BYTES = 0x10000,
    ARGV_STRINGS = 16,
};

/* struct boot_params: places of its members, and of the tables from its loongson_params on. */
enum {
    BP_SMBIOS_VERS = 0x18,
    BP_PARAMS = 0x28, /* seven offsets: memory, cpu, system, irq, interface, special, devices */
    BP_RESET_COLD = 0x70,
    BP_RESET_WARM = 0x78,
    BP_SHUTDOWN = 0x88,
    LP_CPU = 0x100,
    LP_IRQ = 0x180,
    LP_INTERFACE = 0x200,
    LP_MEMORY = 0x280,
    LP_SYSTEM = 0x1000,
    LP_SPECIAL = 0x4000,
    LP_DEVICES = 0x7000,
    MAP_AT = 10, /* of the memory map's entries */
    MAP_STEP = 24,
    MEM_LOW = 1, /* SYSTEM_RAM_LOW, SYSTEM_RAM_HIGH */
    MEM_HIGH = 2,
    CPU_LOONGSON_3A = 0x300,
    UART_IO_MEM = 2,
    UART_CLOCK = 25000000,
    DMA_BITS = 64,
    INITRD_AT = 64 << 20,
    INITRD_ALIGN = 64 << 10,
};

#define ROM_VA 0xffffffffbfc00000ull
#define KSEG0  0xffffffff80000000ull
#define XKPHYS 0x9800000000000000ull /* cached */

/* ---- Code ---- */

enum {
    REG_V0 = 2,
    REG_A0 = 4,
    REG_A1 = 5,
    REG_A2 = 6,
    REG_A3 = 7,
    REG_T0 = 8,
    REG_T1 = 9,
    REG_T2 = 10,
    REG_T3 = 11,
    REG_T9 = 25,
    REG_GP = 28,
    REG_SP = 29,
    C0_COUNT = 9 << 11,
    C0_COMPARE = 11 << 11,
    C0_STATUS = 12 << 11,
    C0_CAUSE = 13 << 11,
    C0_EBASE = 15 << 11 | 1,
    OP_NOP = 0,
    OP_WAIT = 0x42000020,
    /* BEV, KX, SX, UX: addresses of 64 bits; the timer wakes, and interrupts nothing */
    STUB_STATUS = 0x004080e0,
    STUB_TICKS = LOONGSON3_COUNT_HZ / 500, /* how often a mailbox is looked at */
};

typedef struct Code {
    uint8_t *p;
} Code;

static void code_put(Code *c, uint32_t word)
{
    put_le32(c->p, word);
    c->p += 4;
}

static void code_lui(Code *c, unsigned rt, uint32_t imm)
{
    code_put(c, 0x3c000000 | rt << 16 | (imm & 0xffff));
}

static void code_ori(Code *c, unsigned rt, uint32_t imm)
{
    code_put(c, 0x34000000 | rt << 21 | rt << 16 | (imm & 0xffff));
}

/* DSLL32 @rt, @rt, @by: @by + 32 places. */
static void code_dsll32(Code *c, unsigned rt, unsigned by)
{
    code_put(c, rt << 16 | rt << 11 | by << 6 | 0x3c);
}

static void code_load32(Code *c, unsigned rt, uint32_t v)
{
    code_lui(c, rt, v >> 16);
    code_ori(c, rt, v);
}

static void code_load64(Code *c, unsigned rt, uint64_t v)
{
    code_load32(c, rt, (uint32_t)(v >> 32));
    code_put(c, rt << 16 | rt << 11 | 16 << 6 | 0x38); /* DSLL 16 */
    code_ori(c, rt, (uint32_t)v >> 16);
    code_put(c, rt << 16 | rt << 11 | 16 << 6 | 0x38);
    code_ori(c, rt, (uint32_t)v);
}

static void code_mfc0(Code *c, unsigned rt, unsigned reg)
{
    code_put(c, 0x40000000 | rt << 16 | reg);
}

static void code_mtc0(Code *c, unsigned rt, unsigned reg)
{
    code_put(c, 0x40800000 | rt << 16 | reg);
}

/* @rd = @rs | @rt */
static void code_or(Code *c, unsigned rd, unsigned rs, unsigned rt)
{
    code_put(c, rs << 21 | rt << 16 | rd << 11 | 0x25);
}

static void code_ld(Code *c, unsigned rt, unsigned base, unsigned off)
{
    code_put(c, 0xdc000000 | base << 21 | rt << 16 | off);
}

/* BEQ or BNE (@op 4, 5) of @rs and zero to @to, and an empty delay slot. */
static void code_branch(Code *c, unsigned op, unsigned rs, const uint8_t *to)
{
    code_put(c, op << 26 | rs << 21 | ((uint32_t)((to - c->p - 4) / 4) & 0xffff));
    code_put(c, OP_NOP);
}

static void code_jump(Code *c, unsigned rs)
{
    code_put(c, rs << 21 | 8);
    code_put(c, OP_NOP);
}

static void code_for_ever(Code *c)
{
    const uint8_t *here = c->p;

    code_put(c, OP_WAIT);
    code_branch(c, 4, 0, here);
}

/* Wait for the first mailbox of this core (its number in t0) to say where to go. */
static void code_wait_mailbox(Code *c)
{
    uint8_t *loop, *go;
    Code branch;

    code_load64(c, REG_T1, 0x9000000000000000ull | LOONGSON3_IPI);
    code_put(c, 0x30000003 | REG_T0 << 21 | REG_T2 << 16); /* ANDI t2, t0, 3 */
    code_put(c, REG_T2 << 16 | REG_T2 << 11 | 8 << 6);     /* SLL t2, 8 */
    code_or(c, REG_T1, REG_T1, REG_T2);
    code_put(c, REG_T0 << 16 | REG_T2 << 11 | 2 << 6 | 2); /* SRL t2, t0, 2 */
    code_dsll32(c, REG_T2, LOONGSON3_NODE_SHIFT - 32);
    code_or(c, REG_T1, REG_T1, REG_T2);
    loop = c->p;
    code_ld(c, REG_V0, REG_T1, 0x20);
    branch = *c;
    c->p += 8;
    code_mfc0(c, REG_T2, C0_COUNT);
    code_load32(c, REG_T3, STUB_TICKS);
    code_put(c, REG_T2 << 21 | REG_T3 << 16 | REG_T2 << 11 | 0x21); /* ADDU t2, t2, t3 */
    code_mtc0(c, REG_T2, C0_COMPARE);
    /* Where Count has passed it meanwhile, it does not wake: no WAIT. */
    code_mfc0(c, REG_T3, C0_COUNT);
    code_put(c, REG_T3 << 21 | REG_T2 << 16 | REG_T3 << 11 | 0x23); /* SUBU t3, t3, t2 */
    code_put(c, 1u << 26 | REG_T3 << 21 | 1 << 16 |                 /* BGEZ t3 */
                    ((uint32_t)((loop - c->p - 4) / 4) & 0xffff));
    code_put(c, OP_NOP);
    code_put(c, OP_WAIT);
    code_branch(c, 4, 0, loop);
    go = c->p;
    code_branch(&branch, 5, REG_V0, go);
    code_ld(c, REG_SP, REG_T1, 0x28);
    code_ld(c, REG_GP, REG_T1, 0x30);
    code_ld(c, REG_A1, REG_T1, 0x38);
    code_jump(c, REG_V0);
}

/* What the boot parameters name as the ways to reset and to switch off. */
static void code_power(uint8_t *at, unsigned value)
{
    Code c = { at };

    code_load64(&c, REG_T0, 0x9000000000000000ull | LOONGSON3_PM);
    code_put(&c, 0x34000000 | REG_T1 << 16 | value);               /* ORI t1, zero */
    code_put(&c, 0xa0000000 | REG_T0 << 21 | REG_T1 << 16 | 0x10); /* SB t1, 16(t0) */
    code_for_ever(&c);
}

static void boot_code(Loongson3Board *b, uint64_t entry)
{
    uint8_t *rom = b->rom->host;
    Code c = { rom }, branch;

    code_mfc0(&c, REG_T0, C0_EBASE);
    code_put(&c, 0x300003ff | REG_T0 << 21 | REG_T0 << 16); /* ANDI t0, t0, 3ffh: the core */
    code_load32(&c, REG_T1, STUB_STATUS);
    code_mtc0(&c, REG_T1, C0_STATUS);
    code_mtc0(&c, 0, C0_CAUSE);
    branch = c;
    c.p += 8;
    code_wait_mailbox(&c);
    code_branch(&branch, 4, REG_T0, c.p);
    code_load32(&c, REG_A0, 2);
    code_load32(&c, REG_A1, (uint32_t)ROM_VA + ROM_ARGV);
    code_load32(&c, REG_A2, (uint32_t)ROM_VA + ROM_PARAMS);
    code_load32(&c, REG_A3, 0);
    code_load64(&c, REG_T9, entry);
    code_jump(&c, REG_T9);
    code_power(rom + ROM_RESET_SYSTEM, 0x00);
    code_power(rom + ROM_POWEROFF, 0xff);
}

/* ---- The boot parameters ---- */

static void params_memory(const Loongson3Board *b, uint8_t *p)
{
    uint8_t *map = p + MAP_AT;
    bool more = b->ram_bytes > LOONGSON3_LOW_RAM;

    put_le32(p + 2, 1 + more);
    put_le32(p + 6, 300000000); /* Hz */
    put_le32(map + 4, MEM_LOW);
    put_le32(map + 16, LOONGSON3_LOW_USED >> 20);
    if (more) {
        map += MAP_STEP;
        put_le32(map + 4, MEM_HIGH);
        put_le64(map + 8, LOONGSON3_RAM + LOONGSON3_LOW_RAM);
        put_le32(map + 16, (uint32_t)((b->ram_bytes - LOONGSON3_LOW_RAM) >> 20));
    }
}

static void params_cpu(const Loongson3Board *b, uint8_t *p)
{
    bool first = strstr(machine_cpu(b->machine, 0)->dev.type->name, "3A1000") != NULL;

    put_le32(p + 2, first ? 0x6305 : 0x14c000);
    put_le32(p + 6, CPU_LOONGSON_3A);
    put_le32(p + 10, (b->n_cpus + LOONGSON3_CORES - 1) / LOONGSON3_CORES);
    put_le32(p + 18, 2 * LOONGSON3_COUNT_HZ);
    put_le32(p + 22, b->n_cpus);
}

static void params_system(const Loongson3Board *b, uint8_t *p)
{
    put_le32(p + 2, b->n_cpus > LOONGSON3_CORES); /* several nodes */
    put_le32(p + 6, 1);                           /* channels of memory */
    put_le32(p + 10, 1);                          /* UARTs */
    put_le32(p + 14, UART_IO_MEM);
    put_le32(p + 18, UART_CLOCK);
    put_le32(p + 22, 2); /* interrupt */
    put_le64(p + 26, LOONGSON3_UART);
}

static void params_irq(uint8_t *p)
{
    put_le16(p + 2, 80);        /* bytes */
    put_le32(p + 16, 1);        /* PIC_type */
    put_le64(p + 20, 1u << 24); /* HT interrupts */
    put_le64(p + 28, 0xd17b);
    put_le64(p + 40, LOONGSON3_PCI_MEM);
    put_le64(p + 48, (uint64_t)LOONGSON3_PCI_MEM + LOONGSON3_PCI_MEM_BYTES - 1);
    put_le64(p + 56, LOONGSON3_PIO);
    put_le64(p + 72, LOONGSON3_ECAM);
    put_le16(p + 80, DMA_BITS);
}

static void boot_params(Loongson3Board *b)
{
    static const uint16_t tables[] = { LP_MEMORY,    LP_CPU,     LP_SYSTEM, LP_IRQ,
                                       LP_INTERFACE, LP_SPECIAL, LP_DEVICES };
    uint8_t *bp = (uint8_t *)b->rom->host + ROM_PARAMS, *lp = bp + BP_PARAMS;

    put_le16(bp + BP_SMBIOS_VERS, 1);
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++) {
        put_le64(lp + 8 * i, tables[i]);
    }
    put_le64(bp + BP_RESET_COLD, ROM_VA + ROM_RESET_SYSTEM);
    put_le64(bp + BP_RESET_WARM, ROM_VA + ROM_RESET_SYSTEM);
    put_le64(bp + BP_SHUTDOWN, ROM_VA + ROM_POWEROFF);
    params_memory(b, lp + LP_MEMORY);
    params_cpu(b, lp + LP_CPU);
    params_system(b, lp + LP_SYSTEM);
    params_irq(lp + LP_IRQ);
    put_le16(lp + LP_INTERFACE, 1);
    put_le16(lp + LP_INTERFACE + 2, 69);
    strcpy((char *)lp + LP_INTERFACE + 5, "Tinamou loongson3-virt");
    put_le16(lp + LP_SPECIAL, 1);
    strcpy((char *)lp + LP_SPECIAL + 2, "none");
    strcpy((char *)lp + LP_DEVICES, "Loongson-3 virtual board");
}

/* ---- The kernel ---- */

typedef struct Loongson3Kernel {
    const Loongson3Board *board;
    uint64_t entry;
    uint64_t end; /* physical, of what lies in the low RAM */
} Loongson3Kernel;

/* Of an address that kernels are linked to. */
static uint64_t kernel_physical(uint64_t va)
{
    if (va >= KSEG0) {
        return va & 0x1fffffff;
    }
    return va >> 62 == 2 ? va & bits_mask(48) : va;
}

static bool kernel_fits(const Loongson3Board *b, uint64_t pa, uint64_t len)
{
    uint64_t base = pa >= LOONGSON3_RAM ? LOONGSON3_RAM : 0;
    uint64_t room = base ? b->ram_bytes : LOONGSON3_LOW_RAM;

    return pa - base <= room && len <= room - (pa - base);
}

static bool kernel_place(void *opaque, ElfSegment *s)
{
    Loongson3Kernel *k = opaque;

    s->paddr = kernel_physical(s->paddr);
    if (!kernel_fits(k->board, s->paddr, s->memsz)) {
        return false;
    }
    if (s->paddr < LOONGSON3_LOW_RAM) {
        k->end = max_u64(k->end, s->paddr + s->memsz);
    }
    return true;
}

static bool kernel_load(Loongson3Board *b, Loongson3Kernel *k, GError **err)
{
    const char *path = b->cfg->kernel;
    g_autoptr(GBytes) file = loader_read("-kernel", path, LOADER_MAX_BYTES, err);
    ElfFile e;

    if (!file || !elf_open(&e, file, "-kernel", path, err)) {
        return false;
    }
    if (!e.wide || e.big || e.machine != EM_MIPS) {
        g_autofree char *what = file_describe(e.data, e.len);

        return error_set(err,
                         "-kernel %s: is %s, %s-bit, %s-endian; loongson3-virt takes a 64-bit "
                         "little-endian one for MIPS (vmlinux, vmlinuz)",
                         path, what, e.wide ? "64" : "32", e.big ? "big" : "little");
    }
    *k = (Loongson3Kernel){ .board = b, .entry = e.entry };
    return elf_load(&e, b->machine, "kernel", kernel_place, k, err);
}

/* Behind the kernel, or at the end of the RAM where it is too large for that. */
static bool kernel_initrd(Loongson3Board *b, const Loongson3Kernel *k, GString *args, GError **err)
{
    g_autoptr(GBytes) file = loader_read("-initrd", b->cfg->initrd, LOADER_MAX_BYTES, err);
    uint64_t at = bits_align_up(max_u64(k->end, INITRD_AT), INITRD_ALIGN), va;
    const uint8_t *data;
    gsize size;

    if (!file) {
        return false;
    }
    data = g_bytes_get_data(file, &size);
    va = KSEG0 + at;
    if (at > LOONGSON3_LOW_USED || size > LOONGSON3_LOW_USED - at) {
        if (size > b->ram_bytes - LOONGSON3_LOW_RAM) {
            return error_set(err,
                             "-initrd %s: %zu bytes do not fit behind the kernel; give more than "
                             "%" G_GUINT64_FORMAT " MiB with -m",
                             b->cfg->initrd, size, b->ram_bytes >> 20);
        }
        at = (LOONGSON3_RAM + b->ram_bytes - size) & ~(uint64_t)(INITRD_ALIGN - 1);
        va = XKPHYS + at;
    }
    if (size) {
        g_string_append_printf(args, "rd_start=0x%" G_GINT64_MODIFIER "x rd_size=%zu ", va, size);
    }
    return !size || rom_add_bytes(b->machine, machine_memory(b->machine), at, file, data, size,
                                  "initrd", err);
}

static bool boot_kernel(Loongson3Board *b, GError **err)
{
    g_autoptr(GString) args = g_string_new("");
    uint8_t *argv = (uint8_t *)b->rom->host + ROM_ARGV;
    Loongson3Kernel k;

    if (!kernel_load(b, &k, err) || (b->cfg->initrd && !kernel_initrd(b, &k, args, err))) {
        return false;
    }
    g_string_append(args, b->cfg->append ? b->cfg->append : "");
    if (args->len >= ROM_ARGV_BYTES - ARGV_STRINGS) {
        return error_set(err, "-append: the kernel's command line has more than %d bytes",
                         ROM_ARGV_BYTES - ARGV_STRINGS - 1);
    }
    put_le32(argv, (uint32_t)ROM_VA + ROM_ARGV + ARGV_STRINGS - 1); /* no name: an empty string */
    put_le32(argv + 4, (uint32_t)ROM_VA + ROM_ARGV + ARGV_STRINGS);
    memcpy(argv + ARGV_STRINGS, args->str, args->len);
    boot_params(b);
    boot_code(b, k.entry);
    return true;
}

bool loongson3_boot(Loongson3Board *b, GError **err)
{
    const BoardConfig *cfg = b->cfg;
    g_autoptr(GBytes) file = NULL;

    if (cfg->dtb) {
        return error_set(err, "-dtb: loongson3-virt has none; its kernels have their own");
    }
    if (cfg->kernel && cfg->bios) {
        return error_set(err,
                         "-bios %s: with -kernel, loongson3-virt starts the kernel itself; give "
                         "one of the two",
                         cfg->bios);
    }
    if (cfg->kernel) {
        return boot_kernel(b, err);
    }
    if (!cfg->bios) {
        return error_set(err,
                         "there is nothing to start: give loongson3-virt a -kernel or a -bios");
    }
    file = loader_read("-bios", cfg->bios, LOONGSON3_ROM_BYTES, err);
    if (!file) {
        return false;
    }
    memcpy(b->rom->host, g_bytes_get_data(file, NULL), g_bytes_get_size(file));
    return true;
}
