/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The generic timer: counters of 62.5 MHz and their timers, on the machine's clock.
 * Spec: Arm ARM DDI 0487, D12 (AArch64 view), D19.12 (registers).
 *
 * Under the device's lock: the registers' values are the vCPU's, the output pins follow from them
 * and the clock in settle.
 */
#include "target/arm/sysreg.h"

enum { TIMER_TICK_NS = 1 << ARM_TIMER_TICK_BITS, CTL_ENABLE = 1, CTL_IMASK = 2, CTL_ISTATUS = 4 };

#define TIMER_TICKS_MAX (INT64_MAX / TIMER_TICK_NS)

static uint64_t timer_now(const ArmCpu *c)
{
    return (uint64_t)machine_now_ns(c->cpu.dev.machine) / TIMER_TICK_NS;
}

static uint64_t timer_count(const ArmCpu *c, unsigned n)
{
    return timer_now(c) - (n == ARM_TIMER_VIRT ? c->sys.cntvoff[0] : 0);
}

/* The condition is "count - compare value is not negative", in 64 bits. */
static bool timer_met(const ArmCpu *c, unsigned n)
{
    return timer_count(c, n) >= c->sys.cnt_cval[n];
}

void arm_timer_settle(ArmCpu *c)
{
    for (unsigned n = 0; n < ARM_N_TIMERS; n++) {
        bool on = (c->sys.cnt_ctl[n] & (CTL_ENABLE | CTL_IMASK)) == CTL_ENABLE;

        irq_set(&c->timer_irq[n], on && timer_met(c, n));
    }
}

/* Arm or cancel so that settle runs when the level changes next. */
static void timer_rearm(ArmCpu *c, unsigned n)
{
    if (!(c->sys.cnt_ctl[n] & CTL_ENABLE) || timer_met(c, n)) {
        timer_cancel(&c->timer[n]);
        return;
    }

    uint64_t left = c->sys.cnt_cval[n] - timer_count(c, n), at = timer_now(c);

    if (left >= TIMER_TICKS_MAX - at) {
        timer_cancel(&c->timer[n]); /* beyond the clock's end */
    } else {
        timer_arm_at_ns(&c->timer[n], (int64_t)(at + left) * TIMER_TICK_NS);
    }
}

void arm_timer_fired(Device *dev, unsigned n)
{
    timer_rearm(device_as(dev, ArmCpu), n);
}

void arm_timer_update(ArmCpu *c, unsigned n)
{
    timer_rearm(c, n);
}

static unsigned timer_index(const ArmSysReg *r)
{
    switch (r->id >> 11 & 7) {
    case 3: /* _EL0: CRm 2 physical, 3 virtual */
        return (r->id >> 3 & 15) == 2 ? ARM_TIMER_PHYS : ARM_TIMER_VIRT;
    case 4:
        return ARM_TIMER_HYP;
    default:
        return ARM_TIMER_SEC;
    }
}

static uint64_t sysreg_cntvct_read(ArmCpu *c, const ArmSysReg *r)
{
    return timer_count(c, ARM_TIMER_VIRT);
}

static uint64_t sysreg_cntpct_read(ArmCpu *c, const ArmSysReg *r)
{
    return timer_count(c, ARM_TIMER_PHYS);
}

static uint64_t sysreg_cnt_ctl_read(ArmCpu *c, const ArmSysReg *r)
{
    unsigned n = timer_index(r);
    uint64_t ctl = c->sys.cnt_ctl[n];

    return ctl | (ctl & CTL_ENABLE && timer_met(c, n) ? CTL_ISTATUS : 0);
}

static void timer_write(ArmCpu *c, unsigned n, uint64_t *reg, uint64_t val)
{
    device_enter(&c->cpu.dev);
    *reg = val;
    timer_rearm(c, n);
    device_leave(&c->cpu.dev);
}

static void sysreg_cnt_ctl_write(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    unsigned n = timer_index(r);

    timer_write(c, n, &c->sys.cnt_ctl[n], val & (CTL_ENABLE | CTL_IMASK));
}

static uint64_t sysreg_cnt_cval_read(ArmCpu *c, const ArmSysReg *r)
{
    return c->sys.cnt_cval[timer_index(r)];
}

static void sysreg_cnt_cval_write(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    unsigned n = timer_index(r);

    timer_write(c, n, &c->sys.cnt_cval[n], val);
}

static uint64_t sysreg_cnt_tval_read(ArmCpu *c, const ArmSysReg *r)
{
    unsigned n = timer_index(r);

    return (uint32_t)(c->sys.cnt_cval[n] - timer_count(c, n));
}

static void sysreg_cnt_tval_write(ArmCpu *c, const ArmSysReg *r, uint64_t val)
{
    unsigned n = timer_index(r);

    timer_write(c, n, &c->sys.cnt_cval[n], timer_count(c, n) + (uint64_t)(int32_t)val);
}

#define TIMER(name, op1, crm, el, trap_, ...)                                            \
    { "CNT" name "_TVAL_EL" #el,                                                         \
      SYSID(3, op1, 14, crm, 0),                                                         \
      SYS_RW(el),                                                                        \
      .trap = trap_,                                                                     \
      .read = sysreg_cnt_tval_read,                                                      \
      .write = sysreg_cnt_tval_write,                                                    \
      .flags = SYS_HIDDEN | SYS_LEAVES,                                                  \
      __VA_ARGS__ },                                                                     \
        { "CNT" name "_CTL_EL" #el,                                                      \
          SYSID(3, op1, 14, crm, 1),                                                     \
          SYS_RW(el),                                                                    \
          .trap = trap_,                                                                 \
          .read = sysreg_cnt_ctl_read,                                                   \
          .write = sysreg_cnt_ctl_write,                                                 \
          .flags = SYS_LEAVES,                                                           \
          __VA_ARGS__ },                                                                 \
    {                                                                                    \
        "CNT" name "_CVAL_EL" #el, SYSID(3, op1, 14, crm, 2), SYS_RW(el),                \
            .trap = trap_, .read = sysreg_cnt_cval_read, .write = sysreg_cnt_cval_write, \
            .flags = SYS_LEAVES, __VA_ARGS__                                             \
    }

const ArmSysReg arm_sys_timer[] = {
    { "CNTFRQ_EL0", SYSID(3, 3, 14, 0, 0), .read_el = 0, .write_el = 1,
      /* of the highest level there is */ SYS_AT(cntfrq[0]), .trap = SYS_TRAP_FRQ },
    { "CNTPCT_EL0", SYSID(3, 3, 14, 0, 1), SYS_RO(0), .read = sysreg_cntpct_read,
      .trap = SYS_TRAP_PCT, .flags = SYS_HIDDEN },
    { "CNTVCT_EL0", SYSID(3, 3, 14, 0, 2), SYS_RO(0), .read = sysreg_cntvct_read,
      .trap = SYS_TRAP_VCT, .flags = SYS_HIDDEN },
    { "CNTKCTL_EL1", SYSID(3, 0, 14, 1, 0), SYS_RW(1), SYS_AT(cntkctl[0]), .mask = 0x203ff,
      .flags = SYS_LEAVES },
    TIMER("P", 3, 2, 0, SYS_TRAP_PT, 0),
    TIMER("V", 3, 3, 0, SYS_TRAP_VT, 0),
    TIMER("HP", 4, 2, 2, SYS_TRAP_NONE, SYS_NEEDS(EL2)),
    { "CNTVOFF_EL2", SYSID(3, 4, 14, 0, 3), SYS_RW(2), SYS_AT(cntvoff[0]), SYS_NEEDS(EL2) },
    { "CNTHCTL_EL2", SYSID(3, 4, 14, 1, 0), SYS_RW(2), SYS_AT(cnthctl[0]), SYS_NEEDS(EL2) },
    { 0 },
};
