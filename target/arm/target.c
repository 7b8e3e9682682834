/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Target of AArch64: mode word, registers as debuggers see them, dump.
 */
#include "target/arm/cpu.h"

#include "target/arm/a64.h"
#include "target/arm/exception.h"
#include "target/arm/mmu.h"
#include "target/arm/sysreg.h"
#include "target/arm/translate.h"

#include <inttypes.h>

#define SCTLR_BIT(c, el, n) ((c)->sys.sctlr[el] >> (n)&1)

/* ---- the mode word ---- */

static uint64_t target_mode_el0(const ArmCpu *c)
{
    uint64_t mw = 0;

    mw |= SCTLR_BIT(c, 1, 26) ? ARM_MW_UCI : 0;
    mw |= SCTLR_BIT(c, 1, 15) ? ARM_MW_UCT : 0;
    mw |= SCTLR_BIT(c, 1, 14) ? ARM_MW_DZE : 0;
    mw |= c->sys.cntkctl[0] & 2 ? ARM_MW_VCT : 0;
    return mw;
}

/* Tags of instruction addresses: TBI0 and TBI1 where TBID does not take them away. */
static uint64_t target_mode_tbi(const ArmCpu *c)
{
    uint64_t tbi;

    if (c->el > 1) {
        return (arm_tbi(c, 0, true) ? 3ull : 0) << ARM_MW_TBI_SHIFT;
    }
    tbi = c->sys.tcr[1] >> 37 & 3;
    if (arm_has(c, ARM_FEAT_PAUTH)) {
        tbi &= ~(c->sys.tcr[1] >> 51);
    }
    return tbi << ARM_MW_TBI_SHIFT;
}

/* CPACR_EL1.FPEN: 0 and 2 trap EL0 and EL1, 1 traps EL0. */
static bool target_fp_traps(const ArmCpu *c)
{
    unsigned fpen = c->sys.cpacr[0] >> 20 & 3;

    return c->el < 2 && fpen != 3 && (c->el == 0 || fpen != 1);
}

/*
 * Flushed results are not inexact for the guest but are for hosts: code can be inline once nobody
 * sees that. What clears FPSR.IXC ends a block (sysreg-trans.c).
 */
static uint64_t target_fp_mode(const FpEnv *e)
{
    if (e->flush_inputs16 || e->alt_half || (e->flush_inputs && !(e->flags & FP_INEXACT))) {
        return ARM_MW_FP_EXACT;
    }
    return e->flush_inputs ? ARM_MW_FP_FLUSH : 0;
}

static uint64_t target_mode_word(const Cpu *cpu)
{
    const ArmCpu *c = (const ArmCpu *)cpu;
    unsigned sel = c->el ? c->el : 1; /* whose SCTLR */
    uint64_t mw = arm_mmu_mode(c) | (uint64_t)c->el << ARM_MW_EL_SHIFT;

    mw |= (uint64_t)arm_mmu_unpriv_mode(c) << ARM_MW_UNPRIV_SHIFT;
    if (target_fp_traps(c)) {
        mw |= ARM_MW_FP_TRAP | 1u << ARM_MW_FP_TRAP_EL_SHIFT;
    }
    if (arm_has(c, ARM_FEAT_PAUTH)) {
        uint64_t on = SCTLR_BIT(c, sel, 31) | SCTLR_BIT(c, sel, 30) << 1 |
                      SCTLR_BIT(c, sel, 27) << 2 | SCTLR_BIT(c, sel, 13) << 3;

        mw |= on << ARM_MW_PAUTH_SHIFT;
    }
    mw |= arm_has(c, ARM_FEAT_BTI) && SCTLR_BIT(c, sel, c->el ? 36 : 35) ? ARM_MW_BT : 0;
    mw |= SCTLR_BIT(c, sel, 1) ? ARM_MW_ALIGN : 0;
    mw |= SCTLR_BIT(c, sel, c->el ? 3 : 4) ? ARM_MW_SP_ALIGN : 0;
    mw |= SCTLR_BIT(c, sel, c->el ? 25 : 24) ? ARM_MW_BE : 0;
    mw |= SCTLR_BIT(c, sel, 0) ? 0 : ARM_MW_MMU_OFF;
    mw |= arm_has(c, ARM_FEAT_LSE2) && SCTLR_BIT(c, sel, 6) ? ARM_MW_NAA : 0;
    mw |= target_mode_tbi(c);
    mw |= c->el == 0 ? target_mode_el0(c) : 0;
    mw |= cpu->single_step ? ARM_MW_STEP : 0;
    mw |= c->il ? ARM_MW_IL : 0;
    mw |= target_fp_mode(&c->fp.env);
    return mw | (c->sp_sel ? 0 : ARM_MW_SP0);
}

/* Arm ARM DDI 0487, D8.9.1 (and J1, AArch64.BranchAddr): address tags are not part of the PC. */
static GuestVirt target_jump_pc(Cpu *cpu, GuestVirt addr)
{
    const ArmCpu *c = (const ArmCpu *)cpu;
    uint64_t tbi = target_mode_tbi(c) >> ARM_MW_TBI_SHIFT;

    if (!(tbi >> (addr >> 55 & 1) & 1)) {
        return addr;
    }
    return c->el < 2 ? (uint64_t)((int64_t)(addr << 8) >> 8) : addr << 8 >> 8;
}

static unsigned target_fetch_mode(const Cpu *cpu)
{
    const ArmCpu *c = (const ArmCpu *)cpu;

    /* PAN has no say in fetches: one mode less to fill. */
    return c->el == 1 ? ARM_MODE_E10_1 : arm_mmu_mode(c);
}

static void target_restore(Cpu *cpu, uint32_t restart)
{
    /* A64 has no state that depends on position. */
}

/* ---- registers for debuggers ---- */

static void target_get_x(Cpu *cpu, unsigned i, void *out)
{
    memcpy(out, &arm_cpu(cpu)->x[i], 8);
}

static void target_set_x(Cpu *cpu, unsigned i, const void *in)
{
    memcpy(&arm_cpu(cpu)->x[i], in, 8);
}

static void target_get_sp(Cpu *cpu, unsigned i, void *out)
{
    memcpy(out, &arm_cpu(cpu)->sp, 8);
}

static void target_set_sp(Cpu *cpu, unsigned i, const void *in)
{
    memcpy(&arm_cpu(cpu)->sp, in, 8);
}

static void target_get_pc_reg(Cpu *cpu, unsigned i, void *out)
{
    memcpy(out, &arm_cpu(cpu)->pc, 8);
}

static void target_set_pc_reg(Cpu *cpu, unsigned i, const void *in)
{
    memcpy(&arm_cpu(cpu)->pc, in, 8);
}

static void target_get_cpsr(Cpu *cpu, unsigned i, void *out)
{
    uint32_t v = arm_pstate(arm_cpu(cpu));

    memcpy(out, &v, 4);
}

/* Debuggers may not leave AArch64 or reach a level that is not there. */
static void target_set_cpsr(Cpu *cpu, unsigned i, const void *in)
{
    ArmCpu *c = arm_cpu(cpu);
    uint32_t v;

    memcpy(&v, in, 4);
    if (v & SPSR_AARCH32 || (v >> SPSR_EL_SHIFT & 3) > c->el) {
        v = (v & ~0x1fu) | (arm_pstate(c) & 0x1f);
    }
    arm_set_pstate(c, v);
}

static void target_get_v(Cpu *cpu, unsigned i, void *out)
{
    memcpy(out, &arm_cpu(cpu)->v[i], 16);
}

static void target_set_v(Cpu *cpu, unsigned i, const void *in)
{
    memcpy(&arm_cpu(cpu)->v[i], in, 16);
}

static void target_get_fp_control(Cpu *cpu, unsigned i, void *out)
{
    ArmCpu *c = arm_cpu(cpu);
    uint32_t v = (uint32_t)(i ? c->fpcr : arm_fpsr_read(c));

    memcpy(out, &v, 4);
}

static void target_set_fp_control(Cpu *cpu, unsigned i, const void *in)
{
    uint32_t v;

    memcpy(&v, in, 4);
    if (i) {
        arm_fpcr_write(arm_cpu(cpu), v);
    } else {
        arm_fpsr_write(arm_cpu(cpu), v);
    }
}

#define CORE "org.gnu.gdb.aarch64.core"
#define FPU  "org.gnu.gdb.aarch64.fpu"
#define X(n)                                                   \
    {                                                          \
        "x" #n, 64, CORE, "int", target_get_x, target_set_x, n \
    }
#define V(n)                                                        \
    {                                                               \
        "v" #n, 128, FPU, "aarch64v", target_get_v, target_set_v, n \
    }

static const CpuReg target_regs[] = {
    X(0),
    X(1),
    X(2),
    X(3),
    X(4),
    X(5),
    X(6),
    X(7),
    X(8),
    X(9),
    X(10),
    X(11),
    X(12),
    X(13),
    X(14),
    X(15),
    X(16),
    X(17),
    X(18),
    X(19),
    X(20),
    X(21),
    X(22),
    X(23),
    X(24),
    X(25),
    X(26),
    X(27),
    X(28),
    X(29),
    X(30),
    { "sp", 64, CORE, "data_ptr", target_get_sp, target_set_sp, 0 },
    { "pc", 64, CORE, "code_ptr", target_get_pc_reg, target_set_pc_reg, 0 },
    { "cpsr", 32, CORE, "int", target_get_cpsr, target_set_cpsr, 0 },
    V(0),
    V(1),
    V(2),
    V(3),
    V(4),
    V(5),
    V(6),
    V(7),
    V(8),
    V(9),
    V(10),
    V(11),
    V(12),
    V(13),
    V(14),
    V(15),
    V(16),
    V(17),
    V(18),
    V(19),
    V(20),
    V(21),
    V(22),
    V(23),
    V(24),
    V(25),
    V(26),
    V(27),
    V(28),
    V(29),
    V(30),
    V(31),
    { "fpsr", 32, FPU, "int", target_get_fp_control, target_set_fp_control, 0 },
    { "fpcr", 32, FPU, "int", target_get_fp_control, target_set_fp_control, 1 },
};

/* ---- text ---- */

static void target_dump(Cpu *cpu, GString *out)
{
    ArmCpu *c = arm_cpu(cpu);
    uint32_t p = arm_pstate(c);

    g_string_append_printf(out, " PC=%016" PRIx64 " ", c->pc);
    for (unsigned i = 0; i < 31; i++) {
        g_string_append_printf(out, "X%02u=%016" PRIx64 "%s", i, c->x[i], i % 3 == 1 ? "\n" : " ");
    }
    g_string_append_printf(out, " SP=%016" PRIx64 "\nPSTATE=%08x %c%c%c%c EL%u%c DAIF=%x\n", c->sp,
                           p, p >> 31 & 1 ? 'N' : '-', p >> 30 & 1 ? 'Z' : '-',
                           p >> 29 & 1 ? 'C' : '-', p >> 28 & 1 ? 'V' : '-', c->el,
                           c->sp_sel ? 'h' : 't', c->daif);
    for (unsigned i = 0; i < 32; i++) {
        g_string_append_printf(out, "Q%02u=%016" PRIx64 ":%016" PRIx64 "%s", i, c->v[i].u64[1],
                               c->v[i].u64[0], i % 2 ? "\n" : " ");
    }
    g_string_append_printf(out, "FPCR=%08x FPSR=%08x\n", (uint32_t)c->fpcr,
                           (uint32_t)arm_fpsr_read(c));
}

static DisasIsa target_disas_isa(const Cpu *cpu)
{
    return DISAS_A64;
}

static const uint32_t target_pinned[] = {
    offsetof(ArmCpu, x[0]),  offsetof(ArmCpu, x[1]),  offsetof(ArmCpu, x[2]),
    offsetof(ArmCpu, x[3]),  offsetof(ArmCpu, sp),    offsetof(ArmCpu, x[4]),
    offsetof(ArmCpu, x[19]), offsetof(ArmCpu, x[20]), offsetof(ArmCpu, x[5]),
    offsetof(ArmCpu, x[29]), offsetof(ArmCpu, x[8]),  offsetof(ArmCpu, x[21]),
    offsetof(ArmCpu, x[30]),
};

const Target target_aarch64 = {
    .name = "aarch64",
    .pc_offset = offsetof(ArmCpu, pc),
    .flags_offset = offsetof(ArmCpu, flags),
    .fp_offset = offsetof(ArmCpu, fp),
    .hot_offset = offsetof(ArmCpu, x),
    .pinned = target_pinned,
    .n_pinned = G_N_ELEMENTS(target_pinned),
    .n_mmu_modes = ARM_N_MODES,
    .mode_word = target_mode_word,
    .fetch_mode = target_fetch_mode,
    .translate = arm_a64_translate,
    .tlb_fill = arm_tlb_fill,
    .unaligned = arm_unaligned,
    .bus_error = arm_bus_error,
    .jump_pc = target_jump_pc,
    .restore = target_restore,
    .llsc_loaded = a64_llsc_loaded,
    .exception_enter = arm_exception_enter,
    .interrupt_enter = arm_interrupt_enter,
    .has_work = arm_has_work,
    .debug_translate = arm_debug_translate,
    .regs = target_regs,
    .n_regs = G_N_ELEMENTS(target_regs),
    .disas_isa = target_disas_isa,
    .dump = target_dump,
#ifdef HOST_RUNS_ARM
    .kvm = &kvm_target_arm,
#endif
};
