/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System registers and instructions at EL1 and EL0: what each access gives, or how it traps.
 * Spec: Arm ARM DDI 0487, C5, D1.3, D19.
 */
#include "print.h"

static uint64_t buffer[64] __attribute__((aligned(512)));

/* Run one instruction with x0 = a buffer: the exception it takes, or that it takes none. */
#define RUN(insn)                                                                   \
    do {                                                                            \
        uint64_t before = fault.count;                                              \
        register uint64_t x0 __asm__("x0") = (uint64_t)buffer;                      \
        __asm__ volatile(".arch armv8.5-a\n\t" insn : "+r"(x0) : : "memory", "cc"); \
        text(insn);                                                                 \
        if (fault.count != before) {                                                \
            text(": esr");                                                          \
            hex(fault.esr);                                                         \
            if (fault.esr >> 26 == 0x24 || fault.esr >> 26 == 0x25) {               \
                hex(fault.far);                                                     \
            }                                                                       \
        }                                                                           \
        text("\r\n");                                                               \
    } while (0)

/* The same, with the value that is read. */
#define SHOW(reg)                                                      \
    do {                                                               \
        uint64_t before = fault.count, v = 0;                          \
        __asm__ volatile(".arch armv8.5-a\n\tmrs %0, " reg : "=r"(v)); \
        text(reg);                                                     \
        if (fault.count != before) {                                   \
            text(": esr");                                             \
            hex(fault.esr);                                            \
        } else {                                                       \
            hex(v);                                                    \
        }                                                              \
        text("\r\n");                                                  \
    } while (0)

#define WRITE(reg, val)                                                                         \
    do {                                                                                        \
        uint64_t before = fault.count;                                                          \
        __asm__ volatile(".arch armv8.5-a\n\tmsr " reg ", %0\n\tisb" : : "r"((uint64_t)(val))); \
        if (fault.count != before) {                                                            \
            text("write " reg ": esr");                                                         \
            hex(fault.esr);                                                                     \
            text("\r\n");                                                                       \
        }                                                                                       \
    } while (0)

#define STORAGE(reg) STORAGE_OF(reg, 0x123456789abcdef0ull)
#define STORAGE_OF(reg, val) \
    do {                     \
        WRITE(reg, val);     \
        SHOW(reg);           \
        WRITE(reg, 0);       \
        SHOW(reg);           \
    } while (0)

/* Both implementations name the fields of MSR (immediate) in their own order when it traps at
 * EL0; so only EL1 runs it. */
static void immediates(void)
{
    RUN("msr daifclr, #0");
    RUN("msr daifset, #15");
    RUN("msr pan, #1");
    RUN("mrs x0, pan");
    RUN("msr pan, #0");
    RUN("msr dit, #1");
    RUN("msr dit, #0");
    RUN("msr ssbs, #1");
}

static void accesses(void)
{
    RUN("mrs x0, sctlr_el1");
    RUN("mrs x0, midr_el1");
    RUN("mrs x0, id_aa64isar0_el1");
    RUN("mrs x0, S3_0_C0_C7_7");
    RUN("mrs x0, clidr_el1");
    RUN("mrs x0, aidr_el1");
    RUN("mrs x0, ctr_el0");
    RUN("mrs x0, dczid_el0");
    RUN("mrs x0, cntvct_el0");
    RUN("mrs x0, cntpct_el0");
    RUN("mrs x0, cntfrq_el0");
    RUN("mrs x0, cntv_ctl_el0");
    RUN("mrs x0, cntp_cval_el0");
    RUN("msr cntv_ctl_el0, xzr");
    RUN("msr cntfrq_el0, xzr");
    RUN("mrs x0, tpidr_el0");
    RUN("mrs x0, tpidrro_el0");
    RUN("msr tpidrro_el0, xzr");
    RUN("mrs x0, tpidr_el1");
    RUN("mrs x0, daif");
    RUN("msr daif, x0");
    RUN("mrs x0, nzcv");
    RUN("mrs x0, fpcr");
    RUN("mrs x0, fpsr");
    RUN("mrs x0, currentel");
    RUN("mrs x0, spsel");
    RUN("mrs x0, pan");
    RUN("mrs x0, dit");
    RUN("mrs x0, ssbs");
    RUN("mrs x0, apiakeylo_el1");
    RUN("mrs x0, mdscr_el1");
    RUN("mrs x0, oslsr_el1");
    RUN("mrs x0, mdccsr_el0");
    RUN("mrs x0, sctlr_el2");
    RUN("mrs x0, vbar_el2");
    RUN("mrs x0, scr_el3");
    RUN("mrs x0, S3_0_C15_C15_7");
    RUN("msr sctlr_el2, xzr");
    RUN("msr midr_el1, xzr");
    RUN("msr ctr_el0, xzr");
}

static void operations(void)
{
    RUN("dc cvac, x0");
    RUN("dc cvau, x0");
    RUN("dc civac, x0");
    RUN("dc cvap, x0");
    RUN("dc cvadp, x0");
    RUN("ic ivau, x0");
    RUN("dc isw, xzr");
    RUN("dc csw, xzr");
    RUN("ic iallu");
    RUN("ic ialluis");
    RUN("tlbi vmalle1");
    RUN("tlbi vmalle1is");
    RUN("tlbi vae1is, xzr");
    RUN("tlbi aside1, xzr");
    RUN("tlbi vaale1os, xzr");
    RUN("tlbi rvae1is, xzr");
    RUN("tlbi alle2");
    RUN("at s1e1r, x0");
    RUN("at s1e0w, x0");
    RUN("at s1e1rp, x0");
    RUN("at s12e1r, x0");
    RUN("cfp rctx, x0");
    RUN("hint #34");
    RUN("svc #0x1234");
    RUN("hlt #1");
    RUN("brk #0x4321");
    RUN("smc #1");
    RUN(".inst 0");
    RUN(".inst 0xd503229f");
    RUN("wfe");
}

/* What EL0 may be let do; the rest of operations() contains SVC, which would end the call. */
static void el0_accesses(void)
{
    accesses();
    RUN("dc cvac, x0");
    RUN("dc cvau, x0");
    RUN("dc civac, x0");
    RUN("dc cvap, x0");
    RUN("dc cvadp, x0");
    RUN("dc ivac, x0");
    RUN("ic ivau, x0");
    RUN("ic iallu");
    RUN("tlbi vmalle1");
    RUN("at s1e1r, x0");
    RUN("hvc #0");
    RUN("smc #0");
    RUN("eret");
    RUN("wfe");
    RUN("brk #1");
}

void test_main(void)
{
    uint64_t sctlr;

    __asm__ volatile("mrs %0, sctlr_el1" : "=r"(sctlr));
    text("EL1\r\n");
    immediates();
    accesses();
    operations();
    text("EL0, nothing allowed\r\n");
    SET(cntkctl_el1, 0);
    SET(sctlr_el1, sctlr & ~(1ull << 9 | 1 << 14 | 1 << 15 | 1 << 16 | 1 << 18 | 1 << 26));
    el0_call(el0_accesses);
    text("EL0, all allowed\r\n");
    SET(cntkctl_el1, 0x303);
    SET(sctlr_el1, sctlr | 1ull << 9 | 1 << 14 | 1 << 15 | 1 << 16 | 1 << 18 | 1 << 26);
    el0_call(el0_accesses);
    text("EL0, FP traps\r\n");
    SET(cpacr_el1, 1 << 20);
    RUN("mrs x0, fpcr");
    SET(cpacr_el1, 0);
    RUN("mrs x0, fpcr");
    RUN("fmov d0, xzr");
    SET(cpacr_el1, 3 << 20);
    text("storage\r\n");
    STORAGE("ttbr1_el1");
    STORAGE("mair_el1");
    STORAGE("amair_el1");
    STORAGE_OF("contextidr_el1", 0x9abcdef0);
    STORAGE("tpidr_el0");
    STORAGE("tpidrro_el0");
    STORAGE("tpidr_el1");
    STORAGE("far_el1");
    STORAGE_OF("esr_el1", 0x02123456);
    STORAGE("par_el1");
    STORAGE("sp_el0");
    STORAGE("elr_el1");
    STORAGE_OF("spsr_el1", 0x300003c5);
    STORAGE_OF("fpcr", 0x07000000);
    STORAGE_OF("fpsr", 0x0800009f);
    STORAGE_OF("cpacr_el1", 3 << 20);
    STORAGE("csselr_el1");
    STORAGE_OF("cntkctl_el1", 0x203);
    STORAGE("cntv_cval_el0");
    STORAGE("cntp_cval_el0");
    STORAGE("mdscr_el1");
    STORAGE("dbgbvr0_el1");
    STORAGE("apiakeylo_el1");
    STORAGE("apgakeyhi_el1");
}
