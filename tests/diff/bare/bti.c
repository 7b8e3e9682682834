/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guarded pages: which indirect branches may come to which instruction.
 * Spec: Arm ARM DDI 0487, D8.4.3.1 (GP), C6.2 (BTI), pseudocode BranchTargetCheck.
 */
#include "print.h"

/* Branches of each kind: x0 is where to, and what is there returns to the caller. */
__asm__(".arch armv8.5-a\n"
        "by_br_x0: bti c\n br x0\n"
        "by_br_x17: bti c\n mov x17, x0\n br x17\n"
        "by_blr: bti c\n mov x9, x30\n blr x0\n mov x30, x9\n ret\n"
        "by_ret: bti c\n ret x0\n"
        /* Where they lead; an instruction that faults is skipped. */
        "to_nop: nop\n bti jc\n ret\n"
        "to_bti: bti\n bti jc\n ret\n"
        "to_bti_c: bti c\n bti jc\n ret\n"
        "to_bti_j: bti j\n bti jc\n ret\n"
        "to_bti_jc: bti jc\n bti jc\n ret\n"
        "to_paciasp: paciasp\n bti jc\n ret\n"
        "to_pacibsp: pacibsp\n bti jc\n ret\n"
        "to_brk: brk #7\n bti jc\n ret\n"
        "to_load: ldr x1, [sp]\n bti jc\n ret\n"
        "to_udf: .inst 0\n bti jc\n ret\n");

typedef void By(const char *to);

extern const char by_br_x0[], by_br_x17[], by_blr[], by_ret[];
extern const char to_nop[], to_bti[], to_bti_c[], to_bti_j[], to_bti_jc[], to_paciasp[],
    to_pacibsp[], to_brk[], to_load[], to_udf[];

enum { GUARDED = 0x40000000 }; /* distance of the alias */

static void set_tables(void)
{
    uint64_t *t = (uint64_t *)0x44000000;

    for (int i = 0; i < 512; i++) {
        t[i] = 0;
    }
    t[0] = 1 | 1 << 10 | 1 << 2;                           /* devices */
    t[1] = 0x40000000 | 1 | 1 << 10 | 3 << 8;              /* memory */
    t[2] = 0x40000000 | 1 | 1 << 10 | 3 << 8 | 1ull << 50; /* the same, guarded */
    SET(mair_el1, 0x00ff);
    SET(tcr_el1, 25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 2ull << 32);
    SET(ttbr0_el1, 0x44000000);
    __asm__ volatile("tlbi vmalle1\n\tdsb sy\n\tisb");
}

static void all(const char *how, const char *by)
{
    static const char *const to[] = { to_nop,     to_bti,     to_bti_c, to_bti_j, to_bti_jc,
                                      to_paciasp, to_pacibsp, to_brk,   to_load,  to_udf };
    static const char *const name[] = { "nop",     "bti",     "bti c", "bti j", "bti jc",
                                        "paciasp", "pacibsp", "brk",   "ldr",   "udf" };

    for (int i = 0; i < 10; i++) {
        for (int from = 0; from < 2; from++) {
            for (int in = 0; in < 2; in++) {
                uint64_t before = fault.count;

                for (int again = 0; again < 3; again++) {
                    ((By *)(by + from * (uint64_t)GUARDED))(to[i] + in * (uint64_t)GUARDED);
                }
                text(how);
                text(from ? " from guarded" : " from plain");
                text(in ? " to guarded " : " to plain ");
                text(name[i]);
                hex(fault.count - before);
                if (fault.count != before) {
                    hex(fault.esr);
                    hex(fault.elr);
                }
                text("\r\n");
            }
        }
    }
}

static void every(void)
{
    all("br x0", by_br_x0);
    all("br x17", by_br_x17);
    all("blr", by_blr);
    all("ret", by_ret);
}

void test_main(void)
{
    uint64_t sctlr;

    set_tables();
    __asm__ volatile("mrs %0, sctlr_el1" : "=r"(sctlr));
    SET(sctlr_el1, sctlr | 1);
    text("BT clear\r\n");
    every();
    SET(sctlr_el1, sctlr | 1 | 1ull << 36);
    text("BT set\r\n");
    every();
    SET(sctlr_el1, sctlr);
}
