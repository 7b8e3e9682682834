/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exception entry and return, interrupts, waiting.
 * Spec: Arm ARM DDI 0487, D1.3 (exceptions), D1.4 (PSTATE), D1.6 (WFE, WFI), J1
 * (AArch64.TakeException, ELFromSPSR, SetPSTATEFromPSR).
 */
#include "target/arm/exception.h"

#include "accel/tcg/tcg.h"
#include "core/icount.h"
#include "target/arm/cpu.h"
#include "target/arm/helper.h"

#include <sched.h>

enum {
    EXCEPTION_FROM_SP0 = 0,
    EXCEPTION_FROM_SPX = 0x200,
    EXCEPTION_FROM_LOWER = 0x400,
    EXCEPTION_VECTOR = 0x80,
};

#define SCTLR_SPAN  (1ull << 23)
#define SCTLR_DSSBS (1ull << 44)
#define SCTLR_NTWI  (1ull << 16)
#define SCTLR_NTWE  (1ull << 18)

uint32_t arm_pstate(const ArmCpu *c)
{
    uint32_t v = ir_flags_unpack(c->flags);

    v |= (uint32_t)c->el << SPSR_EL_SHIFT | (c->sp_sel ? SPSR_SP : 0);
    v |= (uint32_t)c->daif << SPSR_DAIF_SHIFT | (c->btype & 3) << SPSR_BTYPE_SHIFT;
    v |= (c->ssbs ? SPSR_SSBS : 0) | (c->il ? SPSR_IL : 0) | (c->ss ? SPSR_SS : 0);
    v |= (c->pan ? SPSR_PAN : 0) | (c->uao ? SPSR_UAO : 0) | (c->dit ? SPSR_DIT : 0);
    return v | (c->tco ? SPSR_TCO : 0);
}

void arm_set_el(ArmCpu *c, unsigned el, unsigned sp_sel)
{
    c->sp_el[arm_sp_index(c)] = c->sp;
    c->el = el & 3;
    c->sp_sel = sp_sel & 1;
    c->sp = c->sp_el[arm_sp_index(c)];
}

/* All but EL and SPSel. */
static void exception_set_flags(ArmCpu *c, uint32_t spsr)
{
    c->flags = ir_flags_pack(spsr);
    c->daif = spsr >> SPSR_DAIF_SHIFT & 15;
    c->btype = arm_has(c, ARM_FEAT_BTI) ? spsr >> SPSR_BTYPE_SHIFT & 3 : 0;
    c->ssbs = arm_has(c, ARM_FEAT_SSBS) && spsr & SPSR_SSBS;
    c->il = (spsr & SPSR_IL) != 0;
    c->ss = 0;
    c->pan = arm_has(c, ARM_FEAT_PAN) && spsr & SPSR_PAN;
    c->uao = arm_has(c, ARM_FEAT_UAO) && spsr & SPSR_UAO;
    c->dit = arm_has(c, ARM_FEAT_DIT) && spsr & SPSR_DIT;
    c->tco = 0;
}

void arm_set_pstate(ArmCpu *c, uint32_t spsr)
{
    exception_set_flags(c, spsr);
    arm_set_el(c, spsr >> SPSR_EL_SHIFT & 3, spsr & SPSR_SP);
}

/* ---- recording ---- */

void arm_raise_far(ArmCpu *c, uint32_t syndrome, uint64_t far, unsigned target_el)
{
    c->exc = (ArmException){
        .kind = ARM_EXC_SYNC,
        .syndrome = syndrome,
        .far = far,
        .has_far = true,
        .target_el = target_el,
    };
    c->cpu.raised = true;
}

void arm_raise(ArmCpu *c, uint32_t syndrome)
{
    arm_raise_far(c, syndrome, 0, c->el ? c->el : 1);
    c->exc.has_far = false;
}

/* ---- entry ---- */

static void exception_take(ArmCpu *c, const ArmException *e, uint64_t return_address)
{
    unsigned el = e->target_el > c->el ? e->target_el : c->el;
    uint64_t vector = EXCEPTION_FROM_LOWER;

    if (el == 0) {
        el = 1;
    }
    if (el == c->el) {
        vector = c->sp_sel ? EXCEPTION_FROM_SPX : EXCEPTION_FROM_SP0;
    }
    c->spsr_el[el] = arm_pstate(c);
    c->elr_el[el] = return_address;
    if (e->kind == ARM_EXC_SYNC || e->kind == ARM_EXC_SERROR) {
        c->sys.esr[el] = e->syndrome;
    }
    if (e->has_far) {
        c->sys.far[el] = e->far;
    }
    arm_set_el(c, el, 1);
    c->daif = 15;
    c->il = 0;
    c->ss = 0;
    c->btype = 0;
    c->uao = 0;
    c->tco = 0;
    if (arm_has(c, ARM_FEAT_PAN) && el == 1 && !(c->sys.sctlr[1] & SCTLR_SPAN)) {
        c->pan = 1;
    }
    if (arm_has(c, ARM_FEAT_SSBS)) {
        c->ssbs = (c->sys.sctlr[el] & SCTLR_DSSBS) != 0;
    }
    c->pc = (c->sys.vbar[el] & ~0x7ffull) + vector + e->kind * EXCEPTION_VECTOR;
}

void arm_exception_enter(Cpu *cpu)
{
    ArmCpu *c = arm_cpu(cpu);

    exception_take(c, &c->exc, c->pc + (c->exc.next_insn ? 4 : 0));
}

/* A line is taken at EL1; FIQ is the more urgent one. */
bool arm_interrupt_enter(Cpu *cpu)
{
    ArmCpu *c = arm_cpu(cpu);
    uint32_t lines = cpu_lines(cpu);
    ArmException e = { .target_el = 1 };

    if (lines >> ARM_LINE_FIQ & 1 && !(c->daif & ARM_MASK_F)) {
        e.kind = ARM_EXC_FIQ;
    } else if (lines >> ARM_LINE_IRQ & 1 && !(c->daif & ARM_MASK_I)) {
        e.kind = ARM_EXC_IRQ;
    } else {
        return false;
    }
    c->waiting = ARM_WAIT_NONE;
    exception_take(c, &e, c->pc);
    return true;
}

bool arm_has_work(const Cpu *cpu)
{
    return (cpu_lines(cpu) & (1u << ARM_LINE_IRQ | 1u << ARM_LINE_FIQ)) != 0;
}

/* ---- return ---- */

static bool exception_return_is_legal(const ArmCpu *c, uint32_t spsr)
{
    unsigned el = spsr >> SPSR_EL_SHIFT & 3;

    if (spsr & (SPSR_AARCH32 | 2) || el > c->el || (el == 0 && spsr & SPSR_SP)) {
        return false;
    }
    return !(el == 2 && !arm_has(c, ARM_FEAT_EL2));
}

uint64_t arm_helper_eret(Cpu *cpu, uint64_t elr)
{
    ArmCpu *c = arm_cpu(cpu);
    uint32_t spsr = (uint32_t)c->spsr_el[c->el];
    bool legal = exception_return_is_legal(c, spsr);

    tcg_clrex(cpu);
    c->event = 1;
    if (legal) {
        arm_set_pstate(c, spsr);
    } else {
        unsigned pan = c->pan, uao = c->uao, ssbs = c->ssbs, dit = c->dit, btype = c->btype;

        exception_set_flags(c, spsr);
        c->pan = pan & 1;
        c->uao = uao & 1;
        c->ssbs = ssbs & 1;
        c->dit = dit & 1;
        c->btype = btype;
        c->il = 1;
    }
    return elr;
}

/* ---- calls, waiting, events ---- */

uint64_t arm_helper_hvc(Cpu *cpu, uint64_t imm)
{
    ArmCpu *c = arm_cpu(cpu);

    if (c->psci_conduit == ARM_CONDUIT_HVC) {
        arm_psci_call(c);
    } else {
        arm_raise(c, arm_syndrome(ARM_EC_UNKNOWN, 0));
    }
    return 0;
}

uint64_t arm_helper_smc(Cpu *cpu, uint64_t imm)
{
    ArmCpu *c = arm_cpu(cpu);

    if (c->psci_conduit == ARM_CONDUIT_SMC) {
        arm_psci_call(c);
    } else {
        arm_raise(c, arm_syndrome(ARM_EC_UNKNOWN, 0));
    }
    return 0;
}

/* COND = 14, CV = 1; TI: 0 WFI, 1 WFE. */
static bool exception_wait_traps(ArmCpu *c, uint64_t enable, unsigned ti)
{
    if (c->el == 0 && !(c->sys.sctlr[1] & enable)) {
        arm_raise(c, arm_syndrome(ARM_EC_WFX, 1u << 24 | 0xeu << 20 | ti));
        return true;
    }
    return false;
}

uint64_t arm_helper_wfi(Cpu *cpu)
{
    ArmCpu *c = arm_cpu(cpu);

    if (!arm_has_work(cpu) && !exception_wait_traps(c, SCTLR_NTWI, 0)) {
        c->waiting = ARM_WAIT_WFI;
        tcg_halt(cpu);
    }
    return 0;
}

/*
 * WFE never sleeps: an exclusive monitor that another CPU opens is an event, and nobody watches
 * it. The block is left, so requests are seen, and the host may run who is waited for.
 */
uint64_t arm_helper_wfe(Cpu *cpu)
{
    ArmCpu *c = arm_cpu(cpu);

    if (__atomic_exchange_n(&c->event, 0, __ATOMIC_ACQ_REL)) {
        return 0;
    }
    if (!exception_wait_traps(c, SCTLR_NTWE, 1)) {
        icount_end_turn(cpu);
        sched_yield();
    }
    return 0;
}

/* A loop that waits may wait for a vCPU whose thread the host has put aside: make room now and
 * then. */
uint64_t arm_helper_yield(Cpu *cpu)
{
    icount_end_turn(cpu);
    if (++arm_cpu(cpu)->spins % 64 == 0) {
        sched_yield();
    }
    return 0;
}

uint64_t arm_helper_sev(Cpu *cpu)
{
    Machine *m = cpu->dev.machine;

    for (unsigned i = 0; i < machine_n_cpus(m); i++) {
        __atomic_store_n(&arm_cpu(machine_cpu(m, i))->event, 1, __ATOMIC_RELEASE);
    }
    return 0;
}

uint64_t arm_helper_dsb(Cpu *cpu)
{
    tcg_tlb_sync(cpu);
    return 0;
}
