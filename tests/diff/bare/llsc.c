/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sequences of a load-exclusive, an operation and a store-exclusive as compilers and kernels write
 * them: registers, flags and memory afterwards; the monitor; faults of the load and of the store;
 * branches to the middle. Prints what it sees, to be compared with another implementation.
 * Spec: Arm ARM DDI 0487, B2.9 (exclusives), C6.2.
 */
#include <stdint.h>

#include "print.h"

enum { REGS = 8 };

static struct {
    uint64_t x[REGS], nzcv;
} state;

static _Alignas(4096) uint64_t memory[512];

#define RO_ALIAS 0x40000000ull /* added to an address of RAM */

/* void NAME(void): run @code with x0 to x7 and the flags of `state`. It may use x9 to x15. */
#define SEQ(name, code)                                                                         \
    static __attribute__((noinline)) void name(void)                                            \
    {                                                                                           \
        __asm__ volatile(                                                                       \
            "mov x16, %0\n\tldr x9, [x16, #64]\n\tmsr nzcv, x9\n\t"                             \
            "ldp x0, x1, [x16]\n\tldp x2, x3, [x16, #16]\n\t"                                   \
            "ldp x4, x5, [x16, #32]\n\tldp x6, x7, [x16, #48]\n\t"                              \
            "b 7f\n7:\n" code "\n\t"                                                            \
            "mrs x9, nzcv\n\tstr x9, [x16, #64]\n\tstp x0, x1, [x16]\n\t"                       \
            "stp x2, x3, [x16, #16]\n\tstp x4, x5, [x16, #32]\n\tstp x6, x7, [x16, #48]"        \
            :                                                                                   \
            : "r"(&state)                                                                       \
            : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x9", "x10", "x11", "x12", "x13", \
              "x14", "x15", "x16", "memory", "cc");                                             \
    }

/* x7: the address; x0: what is loaded; x1: operand; x2: status. */
#define RMW(name, size, r, op) \
    SEQ(name,                  \
        "1: ldxr" size " " r "0, [x7]\n\t" op "\n\tstxr" size " w2, " r "3, [x7]\n\tcbnz w2, 1b")
#define RMW_AL(name, size, r, op)                                               \
    SEQ(name, "1: ldaxr" size " " r "0, [x7]\n\t" op "\n\tstlxr" size " w2, " r \
              "3, [x7]\n\tcbnz w2, 1b\n\tdmb ish")

RMW(add_w, "", "w", "add w3, w0, w1")
RMW(add_x, "", "x", "add x3, x0, x1")
RMW(add_x_other, "", "x", "add x3, x1, x0")
RMW(add_x_self, "", "x", "add x3, x0, x0")
RMW(add_x_lsl, "", "x", "add x3, x0, x1, lsl #5")
RMW(add_x_lsl_loaded, "", "x", "add x3, x1, x0, lsl #5")
RMW(add_x_lsr, "", "x", "add x3, x0, x1, lsr #5")
RMW(add_w_asr, "", "w", "add w3, w0, w1, asr #31")
RMW(add_x_imm, "", "x", "add x3, x0, #4095")
RMW(add_x_imm12, "", "x", "add x3, x0, #4095, lsl #12")
RMW(add_x_sxtw, "", "x", "add x3, x0, w1, sxtw #2")
RMW(add_w_uxtb, "", "w", "add w3, w0, w1, uxtb")
RMW(adds_x, "", "x", "adds x3, x0, x1")
RMW(sub_w, "", "w", "sub w3, w0, w1")
RMW(sub_w_other, "", "w", "sub w3, w1, w0")
RMW(subs_x, "", "x", "subs x3, x0, #1")
RMW(sub_w_lsl, "", "w", "sub w3, w0, w1, lsl #3")
RMW(and_x, "", "x", "and x3, x0, x1")
RMW(and_w_imm, "", "w", "and w3, w0, #0xff00ff")
RMW(ands_x_imm, "", "x", "ands x3, x0, #0xfffffffffffffffe")
RMW(bic_x, "", "x", "bic x3, x0, x1")
RMW(bic_x_other, "", "x", "bic x3, x1, x0")
RMW(bics_w, "", "w", "bics w3, w0, w1")
RMW(orr_x, "", "x", "orr x3, x0, x1")
RMW(orr_w_imm, "", "w", "orr w3, w0, #0x80000000")
RMW(orn_x, "", "x", "orn x3, x0, x1")
RMW(eor_w_ror, "", "w", "eor w3, w0, w1, ror #7")
RMW(eon_x, "", "x", "eon x3, x0, x1")
RMW(orr_x_zero, "", "x", "orr x3, x0, xzr")
RMW_AL(add_w_al, "", "w", "add w3, w0, w1")
RMW(add_b, "b", "w", "add w3, w0, w1")
RMW(sub_h, "h", "w", "sub w3, w0, w1")
RMW(orr_b, "b", "w", "orr w3, w0, w1")
RMW(bic_h, "h", "w", "bic w3, w0, w1")
RMW(eor_b_x, "b", "w", "eor x3, x0, x1")
RMW(mul_x, "", "x", "mul x3, x0, x1") /* no operation of ours */
RMW(two_x, "", "x", "add x3, x0, x1\n\teor x3, x3, x1")
RMW(base_moves, "", "x", "add x7, x7, #0\n\tadd x3, x0, x1")
RMW(operand_moves, "", "x", "add x3, x0, x1\n\tmov x1, x3")
SEQ(in_place, "1: ldxr x0, [x7]\n\tadd x0, x0, x1\n\tstxr w2, x0, [x7]\n\tcbnz w2, 1b")
SEQ(in_operand, "1: ldxr x0, [x7]\n\tadd x1, x0, x1\n\tstxr w2, x1, [x7]\n\tcbnz w2, 1b")
SEQ(status_is_loaded, "1: ldxr x0, [x7]\n\tadd x1, x0, x1\n\tstxr w0, x1, [x7]\n\tcbnz w0, 1b")
SEQ(swap_x, "1: ldxr x0, [x7]\n\tstxr w2, x1, [x7]\n\tcbnz w2, 1b")
SEQ(swap_h, "1: ldaxrh w0, [x7]\n\tstlxrh w2, w1, [x7]\n\tcbnz w2, 1b")
SEQ(swap_same, "1: ldxr x0, [x7]\n\tstxr w2, x0, [x7]\n\tcbnz w2, 1b")
SEQ(swap_address, "1: ldxr x0, [x7]\n\tstxr w2, x7, [x7]\n\tcbnz w2, 1b")
SEQ(swap_zero, "1: ldxr w0, [x7]\n\tstxr w2, wzr, [x7]\n\tcbnz w2, 1b")
SEQ(other_place, "add x6, x7, #8\n\tldxr x0, [x7]\n\tadd x3, x0, x1\n\tstxr w2, x3, [x6]")
SEQ(weak, "ldxr x0, [x7]\n\tadd x3, x0, x1\n\tstxr w2, x3, [x7]\n\tcmp w2, #0\n\tcset w4, eq")
SEQ(on_sp, "mov x10, sp\n\tmov sp, x7\n\t1: ldxr x0, [sp]\n\tadd x3, x0, x1\n\t"
           "stxr w2, x3, [sp]\n\tcbnz w2, 1b\n\tmov sp, x10")

/* x5: what is expected; x3: what is stored. */
#define CAS(name, size, r, cmp, out)                                                           \
    SEQ(name, "1: ldaxr" size " " r "0, [x7]\n\t" cmp "\n\t" out " 2f\n\tstlxr" size " w2, " r \
              "3, [x7]\n\tcbnz w2, 1b\n2:")
/* The same, and then a store by the monitor as it was left. */
#define CAS_THEN(name, cmp, out)                                                                \
    SEQ(name, "1: ldxr x0, [x7]\n\t" cmp "\n\t" out " 2f\n\tstxr w2, x3, [x7]\n\tcbnz w2, 1b\n" \
              "2: add x4, x0, #77\n\tstxr w6, x4, [x7]")

CAS(cas_w, "", "w", "cmp w0, w5", "b.ne")
CAS(cas_x, "", "x", "cmp x0, x5", "b.ne")
CAS(cas_x_imm, "", "x", "cmp x0, #17", "b.ne")
CAS(cas_w_x, "", "w", "cmp x0, x5", "b.ne")
CAS(cas_x_w, "", "x", "cmp w0, w5", "b.ne")
CAS(cas_b, "b", "w", "cmp w0, w5", "b.ne")
CAS(cas_b_ext, "b", "w", "cmp w0, w5, uxtb", "b.ne")
CAS(cas_h_ext, "h", "w", "cmp w0, w5, uxth", "b.ne")
CAS(cas_b_imm, "b", "w", "cmp w0, #17", "b.ne")
CAS(cas_b_imm_large, "b", "w", "cmp w0, #273", "b.ne")
CAS(cas_eor_w, "", "w", "eor w6, w0, w5", "cbnz w6,")
CAS(cas_eor_x, "", "x", "eor x6, x0, x5", "cbnz x6,")
CAS(cas_eor_x_w, "", "x", "eor x6, x0, x5", "cbnz w6,")
CAS(cas_eor_in_place, "", "x", "eor x5, x5, x0", "cbnz x5,")
CAS(cas_free_w, "", "w", "", "cbnz w0,")
CAS(cas_free_x, "", "x", "", "cbnz x0,")
CAS(cas_free_b, "b", "w", "", "cbnz w0,")
CAS(cas_eq, "", "x", "cmp x0, x5", "b.eq")
CAS(cas_lt, "", "x", "cmp x0, x5", "b.lt")
CAS(cas_subs, "", "x", "subs x6, x0, x5", "b.ne")
CAS_THEN(then_cmp, "cmp x0, x5", "b.ne")
CAS_THEN(then_eor, "eor x6, x0, x5", "cbnz x6,")
SEQ(dec_if_positive, "1: ldxr x0, [x7]\n\tsubs x0, x0, #1\n\tb.lt 2f\n\tstlxr w2, x0, [x7]\n\t"
                     "cbnz w2, 1b\n\tdmb ish\n2:")
/* An older monitor is gone after a pair elsewhere. */
SEQ(nested, "add x6, x7, #16\n\tldxr x4, [x6]\n1: ldxr x0, [x7]\n\tadd x3, x0, x1\n\t"
            "stxr w2, x3, [x7]\n\tcbnz w2, 1b\n\tstxr w5, x3, [x6]")
/* From the load of one pair to the middle of another. */
SEQ(middle, "ldxr x0, [x7]\n\tb 2f\n1: ldxr x0, [x7]\n2: add x3, x0, x1\n\tstxr w2, x3, [x7]\n\t"
            "cbnz w2, 1b")
SEQ(middle_store, "ldxr x0, [x7]\n\tadd x3, x0, #5\n\tb 3f\n1: ldxr x0, [x7]\n\tadd x3, x0, x1\n"
                  "3: stxr w2, x3, [x7]\n\tcbnz w2, 1b")

/* ---- pairs; x0, x4: loaded; x1, x5: expected; x2: status; x3, x6: stored ---- */

#define PAIR(name, r, cmp, out)                                                                \
    SEQ(name, "1: ldaxp " r "0, " r "4, [x7]\n\t" cmp "\n\t" out " 2f\n\tstlxp w2, " r "3, " r \
              "6, [x7]\n\tcbnz w2, 1b\n2:")

#define CCMP(r) "cmp " r "0, " r "1\n\tccmp " r "4, " r "5, #0, eq"
#define EORS(r) \
    "eor " r "9, " r "0, " r "1\n\teor " r "10, " r "4, " r "5\n\torr " r "9, " r "9, " r "10"
PAIR(pair_w, "w", CCMP("w"), "b.ne")
PAIR(pair_x, "x", CCMP("x"), "b.ne")
PAIR(pair_w_eor, "w", EORS("w"), "cbnz w9,")
PAIR(pair_x_eor, "x", EORS("x"), "cbnz x9,")
SEQ(pair_swap, "1: ldxp x0, x4, [x7]\n\tstxp w2, x3, x6, [x7]\n\tcbnz w2, 1b")
SEQ(pair_swap_w, "1: ldxp w0, w4, [x7]\n\tstxp w2, w3, w6, [x7]\n\tcbnz w2, 1b")
SEQ(pair_add, "1: ldxp x0, x4, [x7]\n\tadds x3, x0, x1\n\tadc x6, x4, x5\n\t"
              "stxp w2, x3, x6, [x7]\n\tcbnz w2, 1b")
SEQ(pair_read, "1: ldxp x0, x4, [x7]\n\tstxp w2, x0, x4, [x7]\n\tcbnz w2, 1b")

typedef struct Row {
    const char *name;
    void (*run)(void);
} Row;

#define ROW(name)   \
    {               \
#name, name \
    }

static const Row rows[] = {
    ROW(add_w),
    ROW(add_x),
    ROW(add_x_other),
    ROW(add_x_self),
    ROW(add_x_lsl),
    ROW(add_x_lsl_loaded),
    ROW(add_x_lsr),
    ROW(add_w_asr),
    ROW(add_x_imm),
    ROW(add_x_imm12),
    ROW(add_x_sxtw),
    ROW(add_w_uxtb),
    ROW(adds_x),
    ROW(sub_w),
    ROW(sub_w_other),
    ROW(subs_x),
    ROW(sub_w_lsl),
    ROW(and_x),
    ROW(and_w_imm),
    ROW(ands_x_imm),
    ROW(bic_x),
    ROW(bic_x_other),
    ROW(bics_w),
    ROW(orr_x),
    ROW(orr_w_imm),
    ROW(orn_x),
    ROW(eor_w_ror),
    ROW(eon_x),
    ROW(orr_x_zero),
    ROW(add_w_al),
    ROW(add_b),
    ROW(sub_h),
    ROW(orr_b),
    ROW(bic_h),
    ROW(eor_b_x),
    ROW(mul_x),
    ROW(two_x),
    ROW(base_moves),
    ROW(operand_moves),
    ROW(in_place),
    ROW(in_operand),
    ROW(status_is_loaded),
    ROW(swap_x),
    ROW(swap_h),
    ROW(swap_same),
    ROW(swap_address),
    ROW(swap_zero),
    ROW(other_place),
    ROW(weak),
    ROW(on_sp),
    ROW(cas_w),
    ROW(cas_x),
    ROW(cas_x_imm),
    ROW(cas_w_x),
    ROW(cas_x_w),
    ROW(cas_b),
    ROW(cas_b_ext),
    ROW(cas_h_ext),
    ROW(cas_b_imm),
    ROW(cas_b_imm_large),
    ROW(cas_eor_w),
    ROW(cas_eor_x),
    ROW(cas_eor_x_w),
    ROW(cas_eor_in_place),
    ROW(cas_free_w),
    ROW(cas_free_x),
    ROW(cas_free_b),
    ROW(cas_eq),
    ROW(cas_lt),
    ROW(cas_subs),
    ROW(then_cmp),
    ROW(then_eor),
    ROW(dec_if_positive),
    ROW(nested),
    ROW(middle),
    ROW(middle_store),
    ROW(pair_w),
    ROW(pair_x),
    ROW(pair_w_eor),
    ROW(pair_x_eor),
    ROW(pair_swap),
    ROW(pair_swap_w),
    ROW(pair_add),
    ROW(pair_read),
};

static void show(const char *name)
{
    text(name);
    for (int i = 0; i < REGS; i++) {
        hex(state.x[i]);
    }
    hex(state.nzcv);
    hex(memory[0]);
    hex(memory[1]);
    hex(memory[2]);
    text("\n");
}

/* In place of a value: one that is expected (1), or nearly (2). */
static const struct {
    uint64_t mem, mem2, operand, expected, expected2;
} values[] = {
    { 5, 7, 3, 5, 7 },
    { 17, 0, 0x8000000000000001, 17, 0 },
    { 0, 0, UINT64_MAX, 0, 0 },
    { 0xfffffffffffffff0, 9, 0x123456789abcdef0, 0xfffffffffffffff0, 8 },
    { 0x0123456789abcdef, 0xfedcba9876543210, 0xff00ff00ff, 0x1123456789abcdef, 0x10 },
    { 0x8000000080000011, 1, 1, 0x111, 1 },
    { 0x7fffffffffffffff, 0x11, 0x7fffffff, 0x7fffffff00000011, 0x11 },
};

static void seed(unsigned k, const void *at)
{
    memory[0] = values[k].mem;
    memory[1] = values[k].mem2;
    memory[2] = 0x5555;
    for (unsigned i = 0; i < REGS; i++) {
        state.x[i] = 0x1111111111111111 * i;
    }
    state.x[1] = values[k].operand;
    state.x[3] = values[k].operand * 3;
    state.x[5] = values[k].expected;
    state.x[7] = (uint64_t)at;
    state.nzcv = (uint64_t)(k * 5 & 15) << 28;
}

/* A pair expects other registers. */
static void run_row(const Row *r, unsigned k, const void *at)
{
    seed(k, at);
    if (r->name[0] == 'p') {
        state.x[1] = values[k].expected;
        state.x[5] = values[k].expected2;
    }
    r->run();
    show(r->name);
}

static void show_fault(uint64_t before)
{
    hex(fault.count - before);
    hex(fault.esr);
    hex(fault.far);
    hex(fault.elr ? *(uint32_t *)fault.elr : 0);
    text("\n");
}

/* Sequences that end: what faults is skipped. */
static void faults(const char *what, uint64_t at)
{
    static const Row once[] = { ROW(weak), ROW(other_place) };

    for (unsigned i = 0; i < sizeof(once) / sizeof(once[0]); i++) {
        uint64_t before = fault.count;

        text(what);
        text(" ");
        run_row(&once[i], 0, (void *)at);
        show_fault(before);
    }
}

SEQ(cas_once, "ldxr x0, [x7]\n\tcmp x0, x5\n\tb.ne 2f\n\tstxr w2, x3, [x7]\n2:")
SEQ(pair_once, "ldxp x0, x4, [x7]\n\tcmp x0, x1\n\tccmp x4, x5, #0, eq\n\tb.ne 2f\n\t"
               "stxp w2, x3, x6, [x7]\n2:")

static void cas_faults(uint64_t at)
{
    static const Row once[] = { ROW(cas_once), ROW(pair_once) };

    for (unsigned i = 0; i < 2; i++) {
        for (unsigned k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
            uint64_t before = fault.count;

            run_row(&once[i], k, (void *)at);
            show_fault(before);
        }
    }
}

static _Alignas(4096) uint64_t table[512];

/* 1 GiB each: devices, RAM, RAM to read only, nothing. */
static void mmu_on(void)
{
    enum { BLOCK = 1, AF = 1 << 10, INNER = 3 << 8, RO = 1 << 7, DEVICE = 1 << 2 };

    table[0] = BLOCK | AF | DEVICE;
    table[1] = 0x40000000 | BLOCK | AF | INNER;
    table[2] = 0x40000000 | BLOCK | AF | INNER | RO;
    __asm__ volatile("msr mair_el1, %0\n\tmsr tcr_el1, %1\n\tmsr ttbr0_el1, %2\n\tisb\n\t"
                     "tlbi vmalle1\n\tdsb ish\n\tmrs x9, sctlr_el1\n\torr x9, x9, #1\n\t"
                     "msr sctlr_el1, x9\n\tisb"
                     :
                     : "r"(0xffull), "r"(25ull | 1 << 8 | 1 << 10 | 3 << 12 | 2ull << 32),
                       "r"(table)
                     : "x9", "memory");
}

void test_main(void);

void test_main(void)
{
    mmu_on();
    for (unsigned k = 0; k < sizeof(values) / sizeof(values[0]); k++) {
        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            run_row(&rows[i], k, memory);
        }
    }
    faults("plain", (uint64_t)memory);
    faults("read-only", (uint64_t)memory + RO_ALIAS);
    faults("nothing", 0xc0001000);
    faults("unaligned", (uint64_t)memory + 4);
    cas_faults((uint64_t)memory + RO_ALIAS);
    text("end\n");
}
