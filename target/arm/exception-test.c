/* SPDX-License-Identifier: Apache-2.0 */
/* Exception entry and return by the architecture's pseudocode, interrupts, system registers. */
#include "target/arm/exception.h"

#include "core/state/state.h"
#include "target/arm/helper.h"
#include "target/arm/sysreg.h"
#include "tests/arm-cpu.h"

static void take(ArmCpu *c, uint32_t syndrome, bool next)
{
    arm_raise(c, syndrome);
    c->exc.next_insn = next;
    arm_exception_enter(&c->cpu);
    c->cpu.raised = false;
}

TEST(arm_exception, svc_from_el0_and_back)
{
    ArmCpu *c = test_cpu_new("cortex-a57");

    c->sys.vbar[1] = 0x80000;
    c->sp = 0x1000;                /* SP_EL1 */
    arm_set_pstate(c, 0x60000000); /* EL0t, Z C */
    c->sp = 0x2000;
    c->pc = 0x400;
    take(c, 0x56000000, true);
    EXPECT_EQ(c->pc, 0x80400);
    EXPECT_EQ(c->sp, 0x1000);
    EXPECT_EQ(c->sp_el[0], 0x2000);
    EXPECT_EQ(c->elr_el[1], 0x404);
    EXPECT_EQ(c->spsr_el[1], 0x60000000);
    EXPECT_EQ(c->sys.esr[1], 0x56000000);
    EXPECT_EQ(arm_pstate(c), 0x600003c5);
    EXPECT_EQ(arm_helper_eret(&c->cpu, c->elr_el[1]), 0x404);
    EXPECT_EQ(arm_pstate(c), 0x60000000);
    EXPECT_EQ(c->sp, 0x2000);
    test_cpu_free(c);
}

TEST(arm_exception, vectors)
{
    ArmCpu *c = test_cpu_new("cortex-a57");

    c->sys.vbar[1] = 0x80000;
    take(c, 0, false);
    EXPECT_EQ(c->pc, 0x80200);
    arm_set_el(c, 1, 0);
    take(c, 0, false);
    EXPECT_EQ(c->pc, 0x80000);
    arm_set_pstate(c, 0x5); /* EL1h, nothing masked */
    EXPECT(!arm_interrupt_enter(&c->cpu));
    c->cpu.irq_lines = 1 << ARM_LINE_IRQ;
    EXPECT(arm_has_work(&c->cpu));
    c->daif = ARM_MASK_I;
    EXPECT(!arm_interrupt_enter(&c->cpu));
    c->daif = 0;
    EXPECT(arm_interrupt_enter(&c->cpu));
    EXPECT_EQ(c->pc, 0x80280);
    EXPECT_EQ(c->daif, 15);
    arm_set_pstate(c, 0);
    c->cpu.irq_lines = 3;
    EXPECT(arm_interrupt_enter(&c->cpu)); /* FIQ first */
    EXPECT_EQ(c->pc, 0x80500);
    test_cpu_free(c);
}

TEST(arm_exception, pan_and_ssbs)
{
    ArmCpu *c = test_cpu_new("max");

    c->sys.sctlr[1] &= ~(1ull << 23); /* SPAN clear: entry sets PAN */
    c->sys.sctlr[1] |= 1ull << 44;    /* DSSBS */
    take(c, 0, false);
    EXPECT_EQ(c->pan, 1);
    EXPECT_EQ(c->ssbs, 1);
    c->sys.sctlr[1] |= 1ull << 23;
    c->pan = 0;
    take(c, 0, false);
    EXPECT_EQ(c->pan, 0);
    test_cpu_free(c);
}

TEST(arm_exception, illegal_return)
{
    static const uint32_t bad[] = { 0x1, 0x10, 0x9, 0xd, 0x7 };
    ArmCpu *c = test_cpu_new("cortex-a57");

    for (unsigned i = 0; i < 5; i++) {
        arm_set_pstate(c, 0x3c5);
        c->spsr_el[1] = bad[i] | 0x80000000;
        EXPECT_EQ(arm_helper_eret(&c->cpu, 0x1234), 0x1234);
        EXPECT_EQ(c->il, 1);
        EXPECT_EQ(c->el, 1);
        EXPECT_EQ(c->sp_sel, 1);
        EXPECT_EQ(arm_pstate(c), 0x80100005);
    }
    test_cpu_free(c);
}

TEST(arm_sysreg, rows)
{
    ArmCpu *c = test_cpu_new("cortex-a57"), *max = test_cpu_new("max");
    unsigned n = 0;

    for (const ArmSysReg *const *t = arm_sys_tables; *t; t++) {
        for (const ArmSysReg *r = *t; r->name; r++, n++) {
            const ArmSysReg *found = arm_sys_find(max, r->id);

            EXPECT(!found || found == r); /* no number twice */
            EXPECT(!r->at || r->size == 3);
        }
    }
    EXPECT(n > 150);
    EXPECT(!arm_sys_find(c, SYSID(3, 0, 2, 1, 0))); /* APIAKeyLo without the feature */
    EXPECT(arm_sys_find(max, SYSID(3, 0, 2, 1, 0)));
    EXPECT(!arm_sys_find(c, SYSID(3, 4, 1, 0, 0))); /* SCTLR_EL2 without EL2 */
    EXPECT(arm_sys_find(c, SYSID(3, 0, 0, 7, 7)));  /* reserved ID registers read as zero */
    EXPECT(!arm_sys_find(c, SYSID(3, 0, 15, 15, 7)));
    EXPECT_EQ(arm_sys_read(c, arm_sys_find(c, SYSID(3, 0, 0, 0, 0))), 0x411fd070);
    EXPECT_EQ(arm_sys_find(c, SYSID(3, 0, 0, 0, 0))->write_el, SYS_NEVER);
    EXPECT_EQ(arm_sys_find(c, SYSID(3, 3, 13, 0, 3))->write_el, 1); /* TPIDRRO_EL0 */
    test_cpu_free(c);
    test_cpu_free(max);
}

TEST(arm_sysreg, control_bits)
{
    ArmCpu *c = test_cpu_new("cortex-a57");
    const ArmSysReg *sctlr = arm_sys_find(c, SYSID(3, 0, 1, 0, 0));
    const ArmSysReg *fpcr = arm_sys_find(c, SYSID(3, 3, 4, 4, 0));

    EXPECT_EQ(arm_sys_read(c, sctlr), 0x30d00800);
    arm_sys_write(c, sctlr, UINT64_MAX);
    EXPECT_EQ(arm_sys_read(c, sctlr), 0x37ddda1f);
    arm_sys_write(c, fpcr, UINT64_MAX);
    EXPECT_EQ(arm_sys_read(c, fpcr), 0x07c00000);
    EXPECT_EQ(c->fp.env.round, FP_RTZ);
    arm_sys_write(c, arm_sys_find(c, SYSID(3, 3, 4, 4, 1)), UINT64_MAX);
    EXPECT_EQ(arm_sys_read(c, arm_sys_find(c, SYSID(3, 3, 4, 4, 1))), 0x0800009f);
    EXPECT(arm_sys_traps(c, SYS_TRAP_VCT));
    arm_sys_write(c, arm_sys_find(c, SYSID(3, 0, 14, 1, 0)), 2);
    EXPECT(!arm_sys_traps(c, SYS_TRAP_VCT));
    EXPECT(arm_sys_traps(c, SYS_TRAP_PCT));
    test_cpu_free(c);
}

TEST(arm_cpu, names_and_properties)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);

    EXPECT(!arm_cpu_new(m, "cortex-a75", 0, &err));
    EXPECT(err && strstr(err->message, "cortex-a57"));
    g_clear_error(&err);
    EXPECT(!arm_cpu_new(m, "cortex-a57,pauht=on", 0, &err));
    EXPECT(err && strstr(err->message, "pauth"));
    machine_free(m);
}

TEST(arm_timer, fires_at_its_value)
{
    ArmCpu *c = test_cpu_new("cortex-a57");
    const ArmSysReg *ctl = arm_sys_find(c, SYSID(3, 3, 14, 3, 1));
    const ArmSysReg *tval = arm_sys_find(c, SYSID(3, 3, 14, 3, 0));
    Machine *m = c->cpu.dev.machine;

    clock_set_mode(m, CLOCK_MODE_VIRTUAL);
    arm_sys_write(c, tval, 1000);
    arm_sys_write(c, ctl, 1);
    clock_advance_ns(m, 1000 * 16 - 1);
    EXPECT(!irq_is_high(&c->timer_irq[ARM_TIMER_VIRT]));
    EXPECT_EQ(arm_sys_read(c, ctl), 1);
    clock_advance_ns(m, 1);
    EXPECT(irq_is_high(&c->timer_irq[ARM_TIMER_VIRT]));
    EXPECT_EQ(arm_sys_read(c, ctl), 5);
    arm_sys_write(c, ctl, 3);
    EXPECT(!irq_is_high(&c->timer_irq[ARM_TIMER_VIRT]));
    EXPECT(!irq_is_high(&c->timer_irq[ARM_TIMER_PHYS]));
    test_cpu_free(c);
}

/* Everything a guest can see of a CPU survives saving and loading. */
TEST(arm_cpu, state_is_saved)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    ArmCpu *a = test_cpu_new("max"), *b = test_cpu_new("max");
    g_autofree char *before = NULL, *after = NULL;
    Machine *m = a->cpu.dev.machine;

    clock_set_mode(m, CLOCK_MODE_VIRTUAL);
    clock_set_mode(b->cpu.dev.machine, CLOCK_MODE_VIRTUAL);
    for (unsigned i = 0; i < 31; i++) {
        a->x[i] = i * 0x0101010101010101ull + 1;
    }
    for (unsigned i = 0; i < 32; i++) {
        a->v[i].u64[0] = i + 100;
        a->v[i].u64[1] = i + 200;
    }
    a->sp = 0x1230;
    a->sp_el[0] = 0x4560;
    a->pc = 0x7890;
    arm_set_pstate(a, 0x60c003c5);
    arm_fpcr_write(a, 3 << 22 | 1 << 25);
    arm_fpsr_write(a, 1 << 27 | 0x1f);
    for (unsigned i = 0; i < sizeof(a->sys) / 8; i++) {
        ((uint64_t *)&a->sys)[i] = i * 3 + 7;
    }
    a->sys.cnt_ctl[ARM_TIMER_PHYS] = 1;
    a->sys.cnt_cval[ARM_TIMER_PHYS] = 1ull << 40;
    for (unsigned n = 0; n < ARM_N_TIMERS; n++) {
        arm_timer_update(a, n);
    }
    device_settle(&a->cpu.dev);
    if (!machine_save_bytes(m, bytes, &err) ||
        !machine_load_bytes(b->cpu.dev.machine, bytes->data, bytes->len, &err)) {
        test_fail(__FILE__, __LINE__, "%s", err->message);
    }
    EXPECT(!memcmp(a->x, b->x, sizeof(a->x)) && !memcmp(a->v, b->v, sizeof(a->v)));
    EXPECT(!memcmp(&a->sys, &b->sys, sizeof(a->sys)));
    EXPECT_EQ(arm_pstate(b), 0x60c003c5);
    EXPECT_EQ(b->sp, a->sp);
    EXPECT_EQ(b->sp_el[0], 0x4560);
    EXPECT_EQ(b->pc, 0x7890);
    EXPECT_EQ(b->fp.env.round, FP_RTZ);
    EXPECT_EQ(b->fp.env.default_nan, true);
    EXPECT_EQ(arm_fpsr_read(b), 0x0800001f);
    EXPECT(timer_is_armed(&b->timer[ARM_TIMER_PHYS]));
    before = machine_state_text(m);
    after = machine_state_text(b->cpu.dev.machine);
    EXPECT_STR(before, after);
    test_cpu_free(a);
    test_cpu_free(b);
}
