/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PSTATE fields and floating-point control as registers; MSR (immediate).
 * Spec: Arm ARM DDI 0487, C5.2 (special-purpose registers), C6.2 MSR (immediate).
 */
#include "target/arm/sysreg.h"

#include "target/arm/exception.h"

enum {
    FPCR_FZ16 = 1 << 19,
    FPCR_RMODE_SHIFT = 22,
    FPCR_FZ = 1 << 24,
    FPCR_DN = 1 << 25,
    FPCR_AHP = 1 << 26,
    FPSR_QC = 1 << 27,
    FPSR_FLAGS = 0x9f,
};

/* ---- floating point ---- */

void arm_fpcr_write(ArmCpu *c, uint64_t val)
{
    FpEnv *e = &c->fp.env;
    uint32_t mask = 3u << FPCR_RMODE_SHIFT | FPCR_FZ | FPCR_DN | FPCR_AHP;

    if (arm_has(c, ARM_FEAT_FP16)) {
        mask |= FPCR_FZ16;
    }
    val &= mask;
    c->fpcr = val;
    e->round = val >> FPCR_RMODE_SHIFT & 3; /* FpRound has this order */
    e->flush_inputs = e->flush_outputs = (val & FPCR_FZ) != 0;
    e->flush_inputs16 = e->flush_outputs16 = (val & FPCR_FZ16) != 0;
    e->default_nan = (val & FPCR_DN) != 0;
    e->alt_half = (val & FPCR_AHP) != 0;
}

uint64_t arm_fpsr_read(const ArmCpu *c)
{
    return (c->fp.env.flags & FPSR_FLAGS) | (c->fp.saturated ? FPSR_QC : 0);
}

void arm_fpsr_write(ArmCpu *c, uint64_t val)
{
    c->fp.env.flags = val & FPSR_FLAGS;
    c->fp.saturated = (val & FPSR_QC) != 0;
}

static void sysreg_fpcr_write(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    arm_fpcr_write(c, val);
}

static uint64_t sysreg_fpsr_read(ArmCpu *c, const ArmSysReg *r)
{
    return arm_fpsr_read(c);
}

static void sysreg_fpsr_write(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    arm_fpsr_write(c, val);
}

/* ---- PSTATE ---- */

static uint64_t sysreg_nzcv_read(ArmCpu *c, const ArmSysReg *r)
{
    return ir_flags_unpack(c->flags);
}

static void sysreg_nzcv_write(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    c->flags = ir_flags_pack((uint32_t)val);
}

static uint64_t sysreg_daif_read(ArmCpu *c, const ArmSysReg *r)
{
    return (uint64_t)c->daif << SPSR_DAIF_SHIFT;
}

static void sysreg_daif_write(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    c->daif = val >> SPSR_DAIF_SHIFT & 15;
}

static uint64_t sysreg_currentel_read(ArmCpu *c, const ArmSysReg *r)
{
    return (uint64_t)c->el << 2;
}

static uint64_t sysreg_spsel_read(ArmCpu *c, const ArmSysReg *r)
{
    return c->sp_sel;
}

static void sysreg_spsel_write(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    arm_set_el(c, c->el, val & 1);
}

/* SP_EL0 is no register while it is SP. */
static uint64_t sysreg_sp_el0_read(ArmCpu *c, const ArmSysReg *r)
{
    if (!c->sp_sel) {
        arm_raise(c, arm_syndrome(ARM_EC_UNKNOWN, 0));
    }
    return c->sp_el[0];
}

static void sysreg_sp_el0_write(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    if (!c->sp_sel) {
        arm_raise(c, arm_syndrome(ARM_EC_UNKNOWN, 0));
        return;
    }
    c->sp_el[0] = val;
}

static uint8_t *sysreg_pstate_field(ArmCpu *c, const ArmSysReg *r, unsigned *shift)
{
    switch (r->id) {
    case SYSID(3, 0, 4, 2, 3):
        *shift = 22;
        return &c->pan;
    case SYSID(3, 0, 4, 2, 4):
        *shift = 23;
        return &c->uao;
    case SYSID(3, 3, 4, 2, 5):
        *shift = 24;
        return &c->dit;
    default:
        *shift = 12;
        return &c->ssbs;
    }
}

static uint64_t sysreg_bit_read(ArmCpu *c, const ArmSysReg *r)
{
    unsigned shift;
    const uint8_t *f = sysreg_pstate_field(c, r, &shift);

    return (uint64_t)*f << shift;
}

static void sysreg_bit_write(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    unsigned shift;
    uint8_t *f = sysreg_pstate_field(c, r, &shift);

    *f = val >> shift & 1;
}

/* ---- MSR (immediate): op0 = 0, CRn = 4; the value is the immediate, the row has CRm = 0 ---- */

static void sysreg_imm_spsel(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    arm_set_el(c, c->el, val & 1);
}

static void sysreg_imm_daifset(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    c->daif |= val & 15;
}

static void sysreg_imm_daifclr(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    c->daif &= ~val & 15;
}

static void sysreg_imm_pan(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    c->pan = val & 1;
}

static void sysreg_imm_uao(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    c->uao = val & 1;
}

static void sysreg_imm_dit(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    c->dit = val & 1;
}

static void sysreg_imm_ssbs(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    c->ssbs = val & 1;
}

const ArmSysReg arm_sys_pstate[] = {
    { "NZCV", SYSID(3, 3, 4, 2, 0), SYS_RW(0), .read = sysreg_nzcv_read, .write = sysreg_nzcv_write,
      .flags = SYS_HIDDEN },
    { "DAIF", SYSID(3, 3, 4, 2, 1), SYS_RW(0), .read = sysreg_daif_read, .write = sysreg_daif_write,
      .trap = SYS_TRAP_UMA, .flags = SYS_LEAVES | SYS_HIDDEN },
    { "FPCR", SYSID(3, 3, 4, 4, 0), SYS_RW(0), SYS_IN(fpcr, 3), .write = sysreg_fpcr_write,
      .trap = SYS_TRAP_FP, .flags = SYS_LEAVES | SYS_HIDDEN },
    { "FPSR", SYSID(3, 3, 4, 4, 1), SYS_RW(0), .read = sysreg_fpsr_read, .write = sysreg_fpsr_write,
      .trap = SYS_TRAP_FP, .flags = SYS_HIDDEN },
    { "CurrentEL", SYSID(3, 0, 4, 2, 2), SYS_RO(1), .read = sysreg_currentel_read,
      .flags = SYS_HIDDEN },
    { "SPSel", SYSID(3, 0, 4, 2, 0), SYS_RW(1), .read = sysreg_spsel_read,
      .write = sysreg_spsel_write, .flags = SYS_LEAVES | SYS_HIDDEN },
    { "SP_EL0", SYSID(3, 0, 4, 1, 0), SYS_RW(1), .read = sysreg_sp_el0_read,
      .write = sysreg_sp_el0_write, .flags = SYS_RAISES | SYS_HIDDEN },
    { "PAN", SYSID(3, 0, 4, 2, 3), SYS_RW(1), .read = sysreg_bit_read, .write = sysreg_bit_write,
      .flags = SYS_LEAVES | SYS_HIDDEN, SYS_NEEDS(PAN) },
    { "UAO", SYSID(3, 0, 4, 2, 4), SYS_RW(1), .read = sysreg_bit_read, .write = sysreg_bit_write,
      .flags = SYS_LEAVES | SYS_HIDDEN, SYS_NEEDS(UAO) },
    { "DIT", SYSID(3, 3, 4, 2, 5), SYS_RW(0), .read = sysreg_bit_read, .write = sysreg_bit_write,
      .flags = SYS_HIDDEN, SYS_NEEDS(DIT) },
    { "SSBS", SYSID(3, 3, 4, 2, 6), SYS_RW(0), .read = sysreg_bit_read, .write = sysreg_bit_write,
      .flags = SYS_HIDDEN, SYS_NEEDS(SSBS) },
    { "UAO (imm)", SYSID(0, 0, 4, 0, 3), SYS_WO(1), .write = sysreg_imm_uao,
      .flags = SYS_LEAVES | SYS_HIDDEN, SYS_NEEDS(UAO) },
    { "PAN (imm)", SYSID(0, 0, 4, 0, 4), SYS_WO(1), .write = sysreg_imm_pan,
      .flags = SYS_LEAVES | SYS_HIDDEN, SYS_NEEDS(PAN) },
    { "SPSel (imm)", SYSID(0, 0, 4, 0, 5), SYS_WO(1), .write = sysreg_imm_spsel,
      .flags = SYS_LEAVES | SYS_HIDDEN },
    { "SSBS (imm)", SYSID(0, 3, 4, 0, 1), SYS_WO(0), .write = sysreg_imm_ssbs, .flags = SYS_HIDDEN,
      SYS_NEEDS(SSBS) },
    { "DIT (imm)", SYSID(0, 3, 4, 0, 2), SYS_WO(0), .write = sysreg_imm_dit, .flags = SYS_HIDDEN,
      SYS_NEEDS(DIT) },
    { "DAIFSet", SYSID(0, 3, 4, 0, 6), SYS_WO(0), .write = sysreg_imm_daifset, .trap = SYS_TRAP_UMA,
      .flags = SYS_LEAVES | SYS_HIDDEN },
    { "DAIFClr", SYSID(0, 3, 4, 0, 7), SYS_WO(0), .write = sysreg_imm_daifclr, .trap = SYS_TRAP_UMA,
      .flags = SYS_LEAVES | SYS_HIDDEN },
    { 0 },
};
