/* SPDX-License-Identifier: Apache-2.0 */
/* Exception entry and return, interrupts, WAIT. Spec: Vol. III, chapter 6. */
#include "target/mips/exception.h"

#include "accel/tcg/tcg.h"
#include "target/mips/cp0.h"
#include "target/mips/helper.h"
#include "target/mips/model.h"
#include "target/mips/tlb.h"

enum {
    VECTOR_REFILL = 0x000,
    VECTOR_XREFILL = 0x080,
    VECTOR_GENERAL = 0x180,
    VECTOR_INTERRUPT = 0x200,
    INTCTL_VS_SHIFT = 5,
};

#define BOOT_VECTORS 0xbfc00200u

/* An address of the compatibility space as this CPU keeps it. */
static uint64_t exception_address(const MipsCpu *c, uint32_t va)
{
    return mips_cpu_has(c, MIPS_FEAT_M64) ? (uint64_t)(int32_t)va : va;
}

void mips_restore(Cpu *cpu, uint32_t restart)
{
    MipsCpu *c = mips_cpu(cpu);

    c->exc.in_slot = (uint8_t)restart;
    if (restart) {
        c->pc -= restart; /* bytes of the branch */
    }
}

uint64_t mips_jump_pc(Cpu *cpu, uint64_t addr)
{
    MipsCpu *c = mips_cpu(cpu);

    if (!mips_cpu_has(c, MIPS_FEAT_ISA16)) {
        return addr;
    }
    c->isa16 ^= addr & 1;
    return addr & ~1ull;
}

/* Vol. III, 6.2.3: the 64-bit segments have a refill vector of their own. */
static uint64_t exception_refill_vector(const MipsCpu *c, uint64_t va)
{
    static const uint32_t enable[4] = { STATUS_UX, STATUS_SX, STATUS_KX, STATUS_KX };
    uint32_t bit = enable[va >> 62];

    if (va >> 29 == 0xffffffffc0000000ull >> 29) { /* sseg, ksseg */
        bit = STATUS_SX;
    }
    if (mips_cpu_has(c, MIPS_FEAT_M64) && c->cp0[CP0_STATUS] & bit) {
        return VECTOR_XREFILL;
    }
    return VECTOR_REFILL;
}

static uint32_t exception_spacing(const MipsCpu *c)
{
    return c->cp0[CP0_INTCTL] >> INTCTL_VS_SHIFT & 0x1f;
}

/* Vol. III, 6.1.1.3: the six lines are the number of an external controller's request. */
static bool exception_is_external(const MipsCpu *c)
{
    return c->cp0[CP0_CONFIG3] & CONFIG3_VEIC && c->cp0[CP0_CAUSE] & CAUSE_IV &&
           exception_spacing(c) && !(c->cp0[CP0_STATUS] & STATUS_BEV);
}

/* Interrupts that are taken where Status lets them be, as bits; external: the request's level. */
static uint32_t exception_pending(const MipsCpu *c)
{
    uint32_t ip = mips_cause_ip(c), status = (uint32_t)c->cp0[CP0_STATUS];

    if (exception_is_external(c)) {
        return ip >> 2 > (status >> STATUS_IPL_SHIFT & 0x3f) ? ip >> 2 : 0;
    }
    return ip & status >> STATUS_IM_SHIFT & 0xff;
}

/* Vectored interrupts (Vol. III, 6.1.1.2): the highest pending one has its own vector. */
static uint64_t exception_interrupt_vector(const MipsCpu *c)
{
    uint32_t vs = exception_spacing(c), pending = exception_pending(c);

    if (!(c->cp0[CP0_CAUSE] & CAUSE_IV)) {
        return VECTOR_GENERAL;
    }
    if (!vs || c->cp0[CP0_STATUS] & STATUS_BEV || !pending) {
        return VECTOR_INTERRUPT;
    }
    if (!exception_is_external(c)) {
        pending = (uint32_t)(31 - __builtin_clz(pending));
    }
    return VECTOR_INTERRUPT + (uint64_t)pending * (vs << 5);
}

static void exception_set_va(MipsCpu *c, const MipsException *e)
{
    uint64_t va = e->va;

    if (!mips_cpu_has(c, MIPS_FEAT_M64)) {
        va = (uint32_t)va;
    }
    c->cp0[CP0_BADVADDR] = va;
    if (e->is_tlb) {
        uint64_t asid = c->cp0[CP0_ENTRYHI] & 0xff;
        unsigned vpn2_bits = c->model->seg_bits - 13u;

        c->cp0[CP0_CONTEXT] = (c->cp0[CP0_CONTEXT] & ~0x7fffffull) | (va >> 13 & 0x7ffff) << 4;
        c->cp0[CP0_ENTRYHI] = (va & c->vpn2_mask) | asid;
        if (mips_cpu_has(c, MIPS_FEAT_M64)) { /* PTEBase, R, BadVPN2: Vol. III, 9.22 */
            c->cp0[CP0_XCONTEXT] = (c->cp0[CP0_XCONTEXT] & ~0ull << (vpn2_bits + 6)) |
                                   (va >> 62) << (vpn2_bits + 4) |
                                   (va >> 13 & ((1ull << vpn2_bits) - 1)) << 4;
        }
    }
}

/* Config3.ISA 1 and 3: microMIPS out of reset, and in exceptions that the boot code takes. */
static uint32_t exception_isa(const MipsCpu *c)
{
    uint64_t config3 = c->cp0[CP0_CONFIG3];

    if (!mips_cpu_has(c, MIPS_FEAT_MICROMIPS)) {
        return 0;
    }
    return c->cp0[CP0_STATUS] & STATUS_BEV ? config3 >> CONFIG3_ISA_SHIFT & 1
                                           : (config3 & CONFIG3_ISA_ON_EXC) != 0;
}

static uint64_t exception_word(MipsCpu *c, uint64_t pc)
{
    TlbResult r = { 0 };
    uint64_t v = 0;

    if (!mips_tlb_fill(&c->cpu, pc, ACCESS_FETCH, mips_mmu_mode(c), 0, true, &r) ||
        !tcg_phys_read(&c->cpu, r.phys & ~3ull, false, 4, &v)) {
        return 0;
    }
    return exception_address(c, c->big_endian ? GUINT32_FROM_BE((uint32_t)v)
                                              : GUINT32_FROM_LE((uint32_t)v));
}

/*
 * Vol. III, BadInstr and BadInstrP: the instruction, where the exception is of it and not of its
 * fetch, and the branch before its delay slot.
 */
static void exception_note_insn(MipsCpu *c, const MipsException *e)
{
    uint64_t pc = c->pc + e->in_slot, branch = pc - (e->in_slot ? e->in_slot : c->in_slot);

    if (e->code == EXC_INT || e->code == EXC_WATCH || e->code == EXC_MCHECK || e->code == EXC_IBE ||
        e->code == EXC_DBE || e->code == EXC_TLBXI || (e->has_va && e->va == pc)) {
        return;
    }
    c->cp0[CP0_BADINSTR] = exception_word(c, pc);
    if (branch != pc) {
        c->cp0[CP0_BADINSTRP] = exception_word(c, branch);
    }
}

static void exception_take(MipsCpu *c, const MipsException *e)
{
    uint64_t status = c->cp0[CP0_STATUS], vector = VECTOR_GENERAL;
    uint64_t cause = c->cp0[CP0_CAUSE] & ~(uint64_t)(0x7c | 3u << CAUSE_CE_SHIFT);
    bool in_slot = e->in_slot || c->in_slot;

    if (e->has_va) {
        exception_set_va(c, e);
    }
    if (mips_cpu_has(c, MIPS_FEAT_BADI)) {
        exception_note_insn(c, e);
    }
    if (!(status & STATUS_EXL)) {
        c->cp0[CP0_EPC] = mips_resume_pc(c) - c->in_slot;
        cause = in_slot ? cause | CAUSE_BD : cause & ~(uint64_t)CAUSE_BD;
        if (e->refill) {
            vector = exception_refill_vector(c, e->va);
        } else if (e->code == EXC_INT) {
            vector = exception_interrupt_vector(c);
        }
    }
    cause |= (uint64_t)e->code << 2 | (uint64_t)e->ce << CAUSE_CE_SHIFT;
    c->cp0[CP0_CAUSE] = cause;
    c->cp0[CP0_STATUS] = status | STATUS_EXL;
    c->in_slot = c->half = c->forbidden = 0;
    c->isa16 = exception_isa(c);
    if (status & STATUS_BEV) {
        c->pc = exception_address(c, BOOT_VECTORS + (uint32_t)vector);
    } else {
        uint32_t base =
            mips_cpu_has(c, MIPS_FEAT_R2) ? (uint32_t)c->cp0[CP0_EBASE] & 0xfffff000u : 0x80000000u;

        c->pc = exception_address(c, base + (uint32_t)vector);
    }
}

void mips_exception_enter(Cpu *cpu)
{
    MipsCpu *c = mips_cpu(cpu);

    exception_take(c, &c->exc);
    c->exc.in_slot = 0;
}

bool mips_interrupt_enter(Cpu *cpu)
{
    MipsCpu *c = mips_cpu(cpu);
    MipsException e = { .code = EXC_INT };

    if (c->cp0[CP0_STATUS] & (STATUS_EXL | STATUS_ERL)) {
        return false;
    }
    if (!(c->cp0[CP0_STATUS] & STATUS_IE) || !exception_pending(c)) {
        /* After interrupts comes a Watch exception that was put off: Vol. III, table 6.3. */
        if (!(cpu_lines(cpu) >> MIPS_LINE_WATCH & 1)) {
            return false;
        }
        e.code = EXC_WATCH;
        if (!mips_cpu_has(c, MIPS_FEAT_R1)) {
            cpu_set_line(cpu, MIPS_LINE_WATCH, false);
        }
    }
    exception_take(c, &e);
    return true;
}

bool mips_has_work(const Cpu *cpu)
{
    return exception_pending((const MipsCpu *)cpu) != 0;
}

/* ERET does the same, and ends LL (mips-sys.c). */
uint64_t mips_helper_eretnc(Cpu *cpu)
{
    MipsCpu *c = mips_cpu(cpu);
    uint64_t status = c->cp0[CP0_STATUS], to = c->cp0[CP0_EPC];

    if (status & STATUS_ERL) {
        c->cp0[CP0_STATUS] = status & ~(uint64_t)STATUS_ERL;
        to = c->cp0[CP0_ERROREPC];
    } else {
        c->cp0[CP0_STATUS] = status & ~(uint64_t)STATUS_EXL;
    }
    c->half = 0;
    if (mips_cpu_has(c, MIPS_FEAT_ISA16)) {
        c->isa16 = to & 1;
        to &= ~1ull;
    }
    return to;
}

uint64_t mips_helper_wait(Cpu *cpu)
{
    if (!mips_has_work(cpu)) {
        tcg_halt(cpu);
    }
    return 0;
}
