/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FPCR and FPSR across everything that leaves translated code or calls out of it: devices,
 * exceptions, loops, system registers. Each flag is raised before the event, and after it an
 * inexact quotient shows the rounding mode.
 * Spec: Arm ARM DDI 0487, C5.2.8 (FPCR), C5.2.10 (FPSR).
 */
#include "print.h"

typedef struct Out {
    uint64_t fpsr, quotient, fpcr, last;
} Out;

#define EVENT(name, code)                                                                  \
    static void name(Out *o, uint64_t fpcr, uint64_t fpsr, const uint64_t *in)             \
    {                                                                                      \
        __asm__ volatile("msr fpcr, %1\n msr fpsr, %2\n"                                   \
                         "ldp d0, d1, [%3]\n ldp d4, d5, [%3, #16]\n"                      \
                         "fdiv d2, d0, d1\n fmul d3, d0, d1\n mov x10, #0x09000000\n" code \
                         "\n mrs x9, fpsr\n fdiv d6, d4, d5\n mrs x11, fpcr\n"             \
                         "mrs x12, fpsr\n msr fpcr, xzr\n"                                 \
                         "str x9, [%0]\n str d6, [%0, #8]\n str x11, [%0, #16]\n"          \
                         "str x12, [%0, #24]\n"                                            \
                         :                                                                 \
                         : "r"(o), "r"(fpcr), "r"(fpsr), "r"(in)                           \
                         : "x9", "x10", "x11", "x12", "memory", "cc");                     \
    }

EVENT(ev_none, "")
EVENT(ev_device_read, "ldr w9, [x10, #0x18]")
EVENT(ev_device_write, "str wzr, [x10, #0x44]")
EVENT(ev_undefined, ".inst 0")
EVENT(ev_svc, "svc #1")
EVENT(ev_loop, "mov x9, #3000\n 1: fadd d7, d4, d5\n subs x9, x9, #1\n b.ne 1b")
EVENT(ev_counter, "mrs x9, cntvct_el0")
EVENT(ev_tlbi, "tlbi vmalle1\n dsb sy\n isb")
EVENT(ev_clear, "msr fpsr, xzr")
EVENT(ev_fpsr_write, "mrs x9, fpsr\n orr x9, x9, #1\n msr fpsr, x9")
EVENT(ev_rounding, "mrs x9, fpcr\n eor x9, x9, #0xc00000\n msr fpcr, x9")
EVENT(ev_flush, "mov x9, #0x1000000\n msr fpcr, x9\n fmul d7, d4, d0\n msr fpcr, %1")
EVENT(ev_wfe, "sev\n wfe")
EVENT(ev_branch, "adr x9, 1f\n br x9\n 1: nop")

static const struct {
    const char *name;
    void (*run)(Out *o, uint64_t fpcr, uint64_t fpsr, const uint64_t *in);
} events[] = {
    { "none", ev_none },
    { "device read", ev_device_read },
    { "device write", ev_device_write },
    { "undefined", ev_undefined },
    { "svc", ev_svc },
    { "loop", ev_loop },
    { "counter", ev_counter },
    { "tlbi", ev_tlbi },
    { "clear", ev_clear },
    { "fpsr write", ev_fpsr_write },
    { "rounding", ev_rounding },
    { "flush", ev_flush },
    { "wfe", ev_wfe },
    { "branch", ev_branch },
};

/* a, b: a / b and a * b raise the flags; then a quotient that is exact or not. */
static const uint64_t inputs[][4] = {
    { 0x3ff0000000000000, 0x3ff0000000000000, 0x4010000000000000, 0x4000000000000000 }, /* none */
    { 0x3ff0000000000000, 0x3ff0000000000000, 0x3ff0000000000000, 0x4008000000000000 },
    { 0x3ff0000000000000, 0x4008000000000000, 0x4010000000000000, 0x4000000000000000 }, /* IXC */
    { 0x3ff0000000000000, 0x0000000000000000, 0x3ff0000000000000, 0x4008000000000000 }, /* DZC */
    { 0x0000000000000000, 0x0000000000000000, 0x4010000000000000, 0x4000000000000000 }, /* IOC */
    { 0x7fe0000000000001, 0x7fe0000000000003, 0x4010000000000000, 0x4000000000000000 }, /* OFC */
    { 0x0010000000000001, 0x3fe0000000000001, 0xbff0000000000000, 0x4008000000000000 }, /* UFC */
    { 0x0000000000000001, 0x3ff8000000000000, 0xbff0000000000000, 0x4008000000000000 },
    { 0x7ff0000000000001, 0x3ff8000000000000, 0xbff0000000000000, 0x4008000000000000 },
};

void test_main(void)
{
    for (unsigned e = 0; e < sizeof(events) / sizeof(events[0]); e++) {
        text(events[e].name);
        text("\r\n");
        for (unsigned n = 0; n < sizeof(inputs) / sizeof(inputs[0]) * 16; n++) {
            uint64_t fpcr = (uint64_t)(n & 3) << 22 | (uint64_t)(n >> 2 & 1) << 25 |
                            (uint64_t)(n >> 3 & 1) << 24;
            Out o = { 0 };

            /* three times: the second and third by linked blocks */
            for (unsigned again = 0; again < 3; again++) {
                events[e].run(&o, fpcr, n & 2 ? 0x08000010 : 0, inputs[n / 16]);
            }
            hex(o.fpsr);
            hex(o.quotient);
            hex(o.fpcr);
            hex(o.last);
            text("\r\n");
        }
    }
}
