/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What debugger and monitor need to know of x86 CPUs: registers in GDB's order, text, paging.
 */
#include "target/i386/cpu.h"

#include "core/memory/memory.h"

#include <inttypes.h>
#include <string.h>

/* ---- Paging (volume 3, chapter 4) ---- */

enum {
    PTE_P = 1 << 0,
    PTE_PS = 1 << 7,
};

static bool walk_load(Cpu *cpu, GuestPhys at, unsigned size, uint64_t *out)
{
    return aspace_load(cpu->as, at, size, out, (MemAttrs){ .debug = 1 }) == MEM_OK;
}

#define PTE_ADDR 0x000ffffffffff000ull

/* Tables of 512 entries, @levels of them, or with PAE the four pointers first. */
static bool walk_long(Cpu *cpu, uint64_t table, unsigned levels, bool pae, uint64_t va,
                      GuestPhys *out)
{
    for (unsigned level = levels; level; level--) {
        unsigned shift = 12 + 9 * (level - 1);
        uint64_t e, mask;
        unsigned index = va >> shift & (pae && level == 3 ? 3 : 511);

        if (!walk_load(cpu, (table & PTE_ADDR) + 8 * index, 8, &e) || !(e & PTE_P)) {
            return false;
        }
        mask = (1ull << shift) - 1;
        if (level == 1 || (e & PTE_PS && level <= 3 && !(pae && level == 3))) {
            *out = (e & PTE_ADDR & ~mask) | (va & mask);
            return true;
        }
        table = e;
    }
    return false;
}

static bool walk_legacy(Cpu *cpu, const X86Cpu *c, uint32_t va, GuestPhys *out)
{
    uint64_t e;

    if (!walk_load(cpu, (c->cr3 & 0xfffff000) + 4 * (va >> 22), 4, &e) || !(e & PTE_P)) {
        return false;
    }
    if (e & PTE_PS && c->cr4 & X86_CR4_PSE) {
        *out = (e & 0xffc00000) | (e >> 13 & 0xff) << 32 | (va & 0x3fffff);
        return true;
    }
    if (!walk_load(cpu, (e & 0xfffff000) + 4 * (va >> 12 & 1023), 4, &e) || !(e & PTE_P)) {
        return false;
    }
    *out = (e & 0xfffff000) | (va & 0xfff);
    return true;
}

bool x86_debug_translate(Cpu *cpu, GuestVirt va, GuestPhys *out)
{
    const X86Cpu *c = x86_cpu(cpu);

    if (!(c->cr0 >> 31)) {
        *out = (uint32_t)va;
        return true;
    }
    if (c->efer & X86_EFER_LMA) {
        return walk_long(cpu, c->cr3, c->cr4 & X86_CR4_LA57 ? 5 : 4, false, va, out);
    }
    if (c->cr4 & X86_CR4_PAE) {
        return walk_long(cpu, c->cr3 & 0xffffffe0, 3, true, (uint32_t)va, out);
    }
    return walk_legacy(cpu, c, (uint32_t)va, out);
}

/* ---- Registers ---- */

/* GDB's order differs from the encodings'. */
static const uint8_t target_gdb_reg[16] = { 0, 3, 1, 2, 6, 7, 5, 4, 8, 9, 10, 11, 12, 13, 14, 15 };

static void target_get_gpr(Cpu *cpu, unsigned n, void *out)
{
    memcpy(out, &x86_cpu(cpu)->regs[target_gdb_reg[n]], 8);
}

static void target_set_gpr(Cpu *cpu, unsigned n, const void *in)
{
    memcpy(&x86_cpu(cpu)->regs[target_gdb_reg[n]], in, 8);
}

static void target_get_rip(Cpu *cpu, unsigned n, void *out)
{
    uint64_t pc = cpu->target_ops->get_pc(cpu);

    memcpy(out, &pc, 8);
}

static void target_set_rip(Cpu *cpu, unsigned n, const void *in)
{
    uint64_t pc;

    memcpy(&pc, in, 8);
    cpu->target_ops->set_pc(cpu, pc);
}

static void target_get_flags(Cpu *cpu, unsigned n, void *out)
{
    memcpy(out, &x86_cpu(cpu)->rflags, 4);
}

static void target_set_flags(Cpu *cpu, unsigned n, const void *in)
{
    uint32_t v;

    memcpy(&v, in, 4);
    x86_cpu(cpu)->rflags = v | X86_RFLAGS_1;
}

static const uint8_t target_gdb_seg[X86_N_SEGS] = {
    X86_CS, X86_SS, X86_DS, X86_ES, X86_FS, X86_GS
};

static void target_get_seg(Cpu *cpu, unsigned n, void *out)
{
    memcpy(out, &x86_cpu(cpu)->seg[target_gdb_seg[n]].selector, 4);
}

/* Only where it is a real-mode segment does a selector say all. */
static void target_set_seg(Cpu *cpu, unsigned n, const void *in)
{
    X86Segment *s = &x86_cpu(cpu)->seg[target_gdb_seg[n]];
    uint32_t v;

    memcpy(&v, in, 4);
    if (!(x86_cpu(cpu)->cr0 & X86_CR0_PE)) {
        s->base = (v & 0xffff) << 4;
    }
    s->selector = v & 0xffff;
}

#define CORE "org.gnu.gdb.i386.core"
#define R(name, n)                                                 \
    {                                                              \
        name, 64, CORE, "int64", target_get_gpr, target_set_gpr, n \
    }
#define S(name, n)                                                 \
    {                                                              \
        name, 32, CORE, "int32", target_get_seg, target_set_seg, n \
    }

static void target_get_x87(Cpu *cpu, unsigned n, void *out)
{
    memcpy(out, (const uint8_t *)x86_cpu(cpu)->xsave_area + 32 + 16 * n, 10);
}

static void target_set_x87(Cpu *cpu, unsigned n, const void *in)
{
    memcpy((uint8_t *)x86_cpu(cpu)->xsave_area + 32 + 16 * n, in, 10);
}

/* Control, status, tag word, then instruction and operand pointers, opcode (volume 1, 10.5.1.1) */
static void target_get_x87_control(Cpu *cpu, unsigned n, void *out)
{
    static const uint8_t at[8] = { 0, 2, 4, 12, 8, 20, 16, 6 };
    static const uint8_t bytes[8] = { 2, 2, 1, 2, 4, 2, 4, 2 };
    uint32_t v = 0;

    memcpy(&v, (const uint8_t *)x86_cpu(cpu)->xsave_area + at[n], bytes[n]);
    memcpy(out, &v, 4);
}

static void target_set_x87_control(Cpu *cpu, unsigned n, const void *in)
{
    static const uint8_t at[8] = { 0, 2, 4, 12, 8, 20, 16, 6 };
    static const uint8_t bytes[8] = { 2, 2, 1, 2, 4, 2, 4, 2 };

    memcpy((uint8_t *)x86_cpu(cpu)->xsave_area + at[n], in, bytes[n]);
}

#define ST(n)                                                            \
    {                                                                    \
        "st" #n, 80, CORE, "i387_ext", target_get_x87, target_set_x87, n \
    }
#define FC(name, n)                                                              \
    {                                                                            \
        name, 32, CORE, "int", target_get_x87_control, target_set_x87_control, n \
    }

static const CpuReg target_regs[] = {
    R("rax", 0),
    R("rbx", 1),
    R("rcx", 2),
    R("rdx", 3),
    R("rsi", 4),
    R("rdi", 5),
    R("rbp", 6),
    R("rsp", 7),
    R("r8", 8),
    R("r9", 9),
    R("r10", 10),
    R("r11", 11),
    R("r12", 12),
    R("r13", 13),
    R("r14", 14),
    R("r15", 15),
    { "rip", 64, CORE, "code_ptr", target_get_rip, target_set_rip, 0 },
    { "eflags", 32, CORE, "int32", target_get_flags, target_set_flags, 0 },
    S("cs", 0),
    S("ss", 1),
    S("ds", 2),
    S("es", 3),
    S("fs", 4),
    S("gs", 5),
    ST(0),
    ST(1),
    ST(2),
    ST(3),
    ST(4),
    ST(5),
    ST(6),
    ST(7),
    FC("fctrl", 0),
    FC("fstat", 1),
    FC("ftag", 2),
    FC("fiseg", 3),
    FC("fioff", 4),
    FC("foseg", 5),
    FC("fooff", 6),
    FC("fop", 7),
};

/* ---- Text ---- */

static void dump_segment(GString *out, const char *name, const X86Segment *s)
{
    g_string_append_printf(out, "%-3s =%04x %016" PRIx64 " %08x %05x\n", name, s->selector, s->base,
                           s->limit, s->attr);
}

static void target_dump(Cpu *cpu, GString *out)
{
    static const char *const names[16] = { "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI",
                                           "R8",  "R9",  "R10", "R11", "R12", "R13", "R14", "R15" };
    static const char *const segs[X86_N_SEGS] = { "ES", "CS", "SS", "DS", "FS", "GS" };
    const X86Cpu *c = x86_cpu(cpu);

    for (unsigned i = 0; i < 16; i++) {
        g_string_append_printf(out, "%-3s=%016" PRIx64 "%s", names[i], c->regs[i],
                               i % 4 == 3 ? "\n" : " ");
    }
    g_string_append_printf(out, "RIP=%016" PRIx64 " RFL=%08" PRIx64 " %u-bit code, CPL=%u%s\n",
                           c->rip, c->rflags, x86_code_bits(c), c->seg[X86_CS].selector & 3,
                           cpu->halted || c->mp_state == X86_MP_HALTED ? ", halted" : "");
    for (unsigned i = 0; i < X86_N_SEGS; i++) {
        dump_segment(out, segs[i], &c->seg[i]);
    }
    dump_segment(out, "LDT", &c->ldt);
    dump_segment(out, "TR", &c->tr);
    g_string_append_printf(out, "GDT=     %016" PRIx64 " %08x\nIDT=     %016" PRIx64 " %08x\n",
                           c->gdt_base, c->gdt_limit, c->idt_base, c->idt_limit);
    g_string_append_printf(out,
                           "CR0=%08" PRIx64 " CR2=%016" PRIx64 " CR3=%016" PRIx64 " CR4=%08" PRIx64
                           "\nEFER=%016" PRIx64 "\n",
                           c->cr0, c->cr2, c->cr3, c->cr4, c->efer);
}

static DisasIsa target_disas_isa(const Cpu *cpu)
{
    switch (x86_code_bits((const X86Cpu *)cpu)) {
    case 64:
        return DISAS_X86_64;
    case 32:
        return DISAS_X86_32;
    default:
        return DISAS_X86_16;
    }
}

const Target target_x86_64 = {
    .name = "x86_64",
    .gdb_arch = "i386:x86-64",
    .pc_offset = offsetof(X86Cpu, rip),
    .debug_translate = x86_debug_translate,
    .regs = target_regs,
    .n_regs = G_N_ELEMENTS(target_regs),
    .disas_isa = target_disas_isa,
    .dump = target_dump,
#ifdef HOST_RUNS_X86
    .kvm = &kvm_target_x86,
#endif
};
