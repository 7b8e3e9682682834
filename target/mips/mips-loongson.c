/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loongson's extensions EXT and EXT2. Spec: Loongson 3A1000 Processor User Manual, volume 2.
 *
 * What the manuals leave open (a quotient by zero) is what programs have seen of emulators: 0.
 */
#include "target/mips/translate.h"

#include "accel/tcg/tcg.h"
#include "target/mips/helper.h"
#include "target/mips/mips-decode.h"
#include "target/mips/model.h"

/* ---- integers ---- */

#define WORD(name, op)                                                                     \
    bool mips_##name(Trans *t, const ArgsR3 *a)                                            \
    {                                                                                      \
        mips_set_r32(t, a->rd, ir_op2(t->ir, op, mips_r32(t, a->rs), mips_r32(t, a->rt))); \
        return true;                                                                       \
    }
#define DOUBLE(name, op)                                                             \
    bool mips_##name(Trans *t, const ArgsR3 *a)                                      \
    {                                                                                \
        if (!mips_is_64(t)) {                                                        \
            return false;                                                            \
        }                                                                            \
        mips_set_r(t, a->rd, ir_op2(t->ir, op, mips_r(t, a->rs), mips_r(t, a->rt))); \
        return true;                                                                 \
    }

WORD(gsmult, IR_MUL)
WORD(gsmultu, IR_MUL)
WORD(gsdiv, IR_DIVS)
WORD(gsdivu, IR_DIVU)
DOUBLE(gsdmult, IR_MUL)
DOUBLE(gsdmultu, IR_MUL)
DOUBLE(gsddiv, IR_DIVS)
DOUBLE(gsddivu, IR_DIVU)

/* A remainder by zero is 0, too. */
static IrVal gs_remainder(Trans *t, IrOpcode op, IrVal x, IrVal y)
{
    IrVal zero = ir_type(t->ir, y) == IR_I64 ? ir_i64(t->ir, 0) : ir_i32(t->ir, 0);
    IrVal none = ir_setcond(t->ir, IR_I32, IR_EQ, y, zero);

    return ir_select(t->ir, none, zero, ir_op2(t->ir, op, x, y));
}

bool mips_gsmod(Trans *t, const ArgsR3 *a)
{
    mips_set_r32(t, a->rd, gs_remainder(t, IR_REMS, mips_r32(t, a->rs), mips_r32(t, a->rt)));
    return true;
}

bool mips_gsmodu(Trans *t, const ArgsR3 *a)
{
    mips_set_r32(t, a->rd, gs_remainder(t, IR_REMU, mips_r32(t, a->rs), mips_r32(t, a->rt)));
    return true;
}

bool mips_gsdmod(Trans *t, const ArgsR3 *a)
{
    if (!mips_is_64(t)) {
        return false;
    }
    mips_set_r(t, a->rd, gs_remainder(t, IR_REMS, mips_r(t, a->rs), mips_r(t, a->rt)));
    return true;
}

bool mips_gsdmodu(Trans *t, const ArgsR3 *a)
{
    if (!mips_is_64(t)) {
        return false;
    }
    mips_set_r(t, a->rd, gs_remainder(t, IR_REMU, mips_r(t, a->rs), mips_r(t, a->rt)));
    return true;
}

bool mips_ctz(Trans *t, const ArgsRds *a)
{
    mips_set_r32(t, a->rd, ir_op1(t->ir, IR_CTZ, mips_r32(t, a->rs)));
    return true;
}

bool mips_cto(Trans *t, const ArgsRds *a)
{
    mips_set_r32(t, a->rd, ir_op1(t->ir, IR_CTZ, ir_not(t->ir, mips_r32(t, a->rs))));
    return true;
}

bool mips_dctz(Trans *t, const ArgsRds *a)
{
    mips_set_r(t, a->rd, ir_op1(t->ir, IR_CTZ, mips_r(t, a->rs)));
    return mips_is_64(t);
}

bool mips_dcto(Trans *t, const ArgsRds *a)
{
    mips_set_r(t, a->rd, ir_op1(t->ir, IR_CTZ, ir_not(t->ir, mips_r(t, a->rs))));
    return mips_is_64(t);
}

/* ---- bounds ---- */

static uint64_t gs_trap(Cpu *cpu)
{
    return mips_helper_raise(cpu, EXC_TR, 0);
}

/* rs is to be at or below rt, above rt: else a trap. */
bool mips_gsle(Trans *t, const ArgsTrap *a)
{
    static const IrHelper h = { "trap", (void (*)(void))gs_trap, IR_VOID, 0, IR_HELPER_RAISES };

    ir_raise_if(t->ir, IR_GTU, mips_r(t, a->rs), mips_r(t, a->rt), &h);
    return true;
}

bool mips_gsgt(Trans *t, const ArgsTrap *a)
{
    static const IrHelper h = { "trap", (void (*)(void))gs_trap, IR_VOID, 0, IR_HELPER_RAISES };

    ir_raise_if(t->ir, IR_LEU, mips_r(t, a->rs), mips_r(t, a->rt), &h);
    return true;
}

enum { BOUND_ABOVE = 1, BOUND_STORE = 2 };

/* An address error at @addr where it is not where @how wants it. */
static uint64_t gs_check(Cpu *cpu, uint64_t addr, uint64_t bound, uint64_t how)
{
    bool good = how & BOUND_ABOVE ? addr > bound : addr <= bound;

    if (!good) {
        mips_cpu(cpu)->exc = (MipsException){ .code = how & BOUND_STORE ? EXC_ADES : EXC_ADEL,
                                              .has_va = true,
                                              .va = addr };
        cpu->raised = true;
    }
    return 0;
}

static IrVal gs_bounded(Trans *t, unsigned base, unsigned bound, unsigned how)
{
    static const IrHelper h = { "bound", (void (*)(void))gs_check, IR_VOID, 3, IR_HELPER_RAISES };

    ir_call(t->ir, &h, mips_r(t, base), mips_r(t, bound), ir_i64(t->ir, how), IR_NONE);
    return mips_addr(t, base, 0);
}

/* ---- memory ---- */

static bool gs_is_fr(const Trans *t)
{
    return t->mode_word & MIPS_MW_FR;
}

/* As mips-fp.c has the registers. */
static uint32_t gs_f(const Trans *t, unsigned reg, unsigned size)
{
    uint32_t high = 0;

    if (!gs_is_fr(t) && reg & 1) {
        high = size == 3 ? 0 : 4;
        reg &= ~1u;
    }
    return (uint32_t)(offsetof(MipsCpu, f) + reg * sizeof(IrV128)) + high;
}

/* With FR 0 an odd register names no double: reserved. */
static bool gs_f_bad(const Trans *t, unsigned reg, unsigned size)
{
    return size == 3 && reg & 1 && !gs_is_fr(t);
}

/* A load to register 0 is a prefetch, which never faults. */
static bool gs_load(Trans *t, unsigned rt, unsigned size, IrVal addr)
{
    if (!rt) {
        return true;
    }
    if (size == 3) {
        mips_set_r(t, rt, ir_ld(t->ir, IR_I64, mips_memop(t, 3, 0), addr));
    } else {
        mips_set_r32(t, rt, ir_ld(t->ir, IR_I32, mips_memop(t, size, IR_MO_SIGN), addr));
    }
    return true;
}

static bool gs_store(Trans *t, unsigned rt, unsigned size, IrVal addr)
{
    ir_st(t->ir, mips_memop(t, size, 0), addr, size == 3 ? mips_r(t, rt) : mips_r32(t, rt));
    return true;
}

static bool gs_fload(Trans *t, unsigned ft, unsigned size, IrVal addr)
{
    ir_set(t->ir, gs_f(t, ft, size), size,
           ir_ld(t->ir, size == 3 ? IR_I64 : IR_I32, mips_memop(t, size, 0), addr));
    return true;
}

static bool gs_fstore(Trans *t, unsigned ft, unsigned size, IrVal addr)
{
    ir_st(t->ir, mips_memop(t, size, 0), addr,
          ir_get(t->ir, size == 3 ? IR_I64 : IR_I32, gs_f(t, ft, size), size));
    return true;
}

/* Both accesses come before a register is written. */
bool mips_gslq(Trans *t, const ArgsGsq *a)
{
    IrVal addr = mips_addr(t, a->base, a->offset);
    IrVal low = ir_ld(t->ir, IR_I64, mips_memop(t, 3, 0), addr);
    IrVal high = ir_ld(t->ir, IR_I64, mips_memop(t, 3, 0), mips_addr(t, a->base, a->offset + 8));

    mips_set_r(t, a->rt, low);
    mips_set_r(t, a->rd, high);
    return true;
}

bool mips_gssq(Trans *t, const ArgsGsq *a)
{
    return gs_store(t, a->rt, 3, mips_addr(t, a->base, a->offset)) &&
           gs_store(t, a->rd, 3, mips_addr(t, a->base, a->offset + 8));
}

bool mips_gslqc1(Trans *t, const ArgsGsqf *a)
{
    IrVal low, high;

    if (!mips_check_cp1(t)) {
        return true;
    }
    if (gs_f_bad(t, a->ft | a->fd, 3)) {
        return false;
    }
    low = ir_ld(t->ir, IR_I64, mips_memop(t, 3, 0), mips_addr(t, a->base, a->offset));
    high = ir_ld(t->ir, IR_I64, mips_memop(t, 3, 0), mips_addr(t, a->base, a->offset + 8));
    ir_set(t->ir, gs_f(t, a->ft, 3), 3, low);
    ir_set(t->ir, gs_f(t, a->fd, 3), 3, high);
    return true;
}

bool mips_gssqc1(Trans *t, const ArgsGsqf *a)
{
    if (!mips_check_cp1(t)) {
        return true;
    }
    return !gs_f_bad(t, a->ft | a->fd, 3) &&
           gs_fstore(t, a->ft, 3, mips_addr(t, a->base, a->offset)) &&
           gs_fstore(t, a->fd, 3, mips_addr(t, a->base, a->offset + 8));
}

static IrVal gs_indexed(Trans *t, unsigned base, unsigned index, int64_t offset)
{
    IrVal sum = ir_add(t->ir, mips_r(t, base), mips_r(t, index));

    return mips_addr_of(t, ir_addi(t->ir, sum, offset));
}

#define INDEXED(name, do_it, size)                                                 \
    bool mips_##name(Trans *t, const ArgsGsx *a)                                   \
    {                                                                              \
        return do_it(t, a->rt, size, gs_indexed(t, a->base, a->index, a->offset)); \
    }
#define INDEXED_F(name, do_it, size)                                               \
    bool mips_##name(Trans *t, const ArgsGsxf *a)                                  \
    {                                                                              \
        if (!mips_check_cp1(t)) {                                                  \
            return true;                                                           \
        }                                                                          \
        return !gs_f_bad(t, a->ft, size) &&                                        \
               do_it(t, a->ft, size, gs_indexed(t, a->base, a->index, a->offset)); \
    }
#define BOUNDED(name, do_it, size, how)                                      \
    bool mips_##name(Trans *t, const ArgsGsb *a)                             \
    {                                                                        \
        return do_it(t, a->rt, size, gs_bounded(t, a->base, a->bound, how)); \
    }
#define BOUNDED_F(name, do_it, size, how)                                    \
    bool mips_##name(Trans *t, const ArgsGsbf *a)                            \
    {                                                                        \
        if (!mips_check_cp1(t)) {                                            \
            return true;                                                     \
        }                                                                    \
        return !gs_f_bad(t, a->ft, size) &&                                  \
               do_it(t, a->ft, size, gs_bounded(t, a->base, a->bound, how)); \
    }

INDEXED(gslbx, gs_load, 0)
INDEXED(gslhx, gs_load, 1)
INDEXED(gslwx, gs_load, 2)
INDEXED(gsldx, gs_load, 3)
INDEXED(gssbx, gs_store, 0)
INDEXED(gsshx, gs_store, 1)
INDEXED(gsswx, gs_store, 2)
INDEXED(gssdx, gs_store, 3)
INDEXED_F(gslwxc1, gs_fload, 2)
INDEXED_F(gsldxc1, gs_fload, 3)
INDEXED_F(gsswxc1, gs_fstore, 2)
INDEXED_F(gssdxc1, gs_fstore, 3)
BOUNDED(gslble, gs_load, 0, 0)
BOUNDED(gslhle, gs_load, 1, 0)
BOUNDED(gslwle, gs_load, 2, 0)
BOUNDED(gsldle, gs_load, 3, 0)
BOUNDED(gslbgt, gs_load, 0, BOUND_ABOVE)
BOUNDED(gslhgt, gs_load, 1, BOUND_ABOVE)
BOUNDED(gslwgt, gs_load, 2, BOUND_ABOVE)
BOUNDED(gsldgt, gs_load, 3, BOUND_ABOVE)
BOUNDED(gssble, gs_store, 0, BOUND_STORE)
BOUNDED(gsshle, gs_store, 1, BOUND_STORE)
BOUNDED(gsswle, gs_store, 2, BOUND_STORE)
BOUNDED(gssdle, gs_store, 3, BOUND_STORE)
BOUNDED(gssbgt, gs_store, 0, BOUND_STORE | BOUND_ABOVE)
BOUNDED(gsshgt, gs_store, 1, BOUND_STORE | BOUND_ABOVE)
BOUNDED(gsswgt, gs_store, 2, BOUND_STORE | BOUND_ABOVE)
BOUNDED(gssdgt, gs_store, 3, BOUND_STORE | BOUND_ABOVE)
BOUNDED_F(gslwlec1, gs_fload, 2, 0)
BOUNDED_F(gsldlec1, gs_fload, 3, 0)
BOUNDED_F(gslwgtc1, gs_fload, 2, BOUND_ABOVE)
BOUNDED_F(gsldgtc1, gs_fload, 3, BOUND_ABOVE)
BOUNDED_F(gsswlec1, gs_fstore, 2, BOUND_STORE)
BOUNDED_F(gssdlec1, gs_fstore, 3, BOUND_STORE)
BOUNDED_F(gsswgtc1, gs_fstore, 2, BOUND_STORE | BOUND_ABOVE)
BOUNDED_F(gssdgtc1, gs_fstore, 3, BOUND_STORE | BOUND_ABOVE)

/* ---- parts of words ---- */

static IrVal gs_how(Trans *t, uint64_t how)
{
    return ir_i64(t->ir, how | (t->mode_word & MIPS_MW_BE ? MIPS_PART_BE : 0) |
                             t->mode << MIPS_PART_MODE_SHIFT);
}

static bool gs_load_part(Trans *t, const ArgsGspart *a, uint64_t how)
{
    unsigned size = how & MIPS_PART_64 ? 3 : 2;
    IrVal old, v;

    if (!mips_check_cp1(t)) {
        return true;
    }
    if (gs_f_bad(t, a->ft, size)) {
        return false;
    }
    old = ir_get(t->ir, size == 3 ? IR_I64 : IR_I32, gs_f(t, a->ft, size), size);
    v = mips_load_part(t, mips_addr(t, a->base, a->offset), old, how);
    ir_set(t->ir, gs_f(t, a->ft, size), size, v);
    return true;
}

static bool gs_store_part(Trans *t, const ArgsGspart *a, uint64_t how)
{
    static const IrHelper h = { "store_part", (void (*)(void))mips_helper_store_part, IR_VOID, 3,
                                IR_HELPER_RAISES };
    unsigned size = how & MIPS_PART_64 ? 3 : 2;
    IrVal v;

    if (!mips_check_cp1(t)) {
        return true;
    }
    if (gs_f_bad(t, a->ft, size)) {
        return false;
    }
    v = ir_get(t->ir, size == 3 ? IR_I64 : IR_I32, gs_f(t, a->ft, size), size);
    ir_call(t->ir, &h, mips_addr(t, a->base, a->offset), size == 3 ? v : ir_zext64(t->ir, v),
            gs_how(t, how), IR_NONE);
    return true;
}

#define PART(name, do_it, how)                      \
    bool mips_##name(Trans *t, const ArgsGspart *a) \
    {                                               \
        return do_it(t, a, how);                    \
    }

PART(gslwlc1, gs_load_part, 0)
PART(gslwrc1, gs_load_part, MIPS_PART_RIGHT)
PART(gsldlc1, gs_load_part, MIPS_PART_64)
PART(gsldrc1, gs_load_part, MIPS_PART_64 | MIPS_PART_RIGHT)
PART(gsswlc1, gs_store_part, 0)
PART(gsswrc1, gs_store_part, MIPS_PART_RIGHT)
PART(gssdlc1, gs_store_part, MIPS_PART_64)
PART(gssdrc1, gs_store_part, MIPS_PART_64 | MIPS_PART_RIGHT)

/* ---- what the CPU has ---- */

/* CPUCFG's words 1 and 2, as Linux' mach-loongson64/loongson_regs.h has them. */
enum {
    CFG1_FP = 1 << 0,
    CFG1_MMI = 1 << 4,
    CFG1_MSA = 1 << 5,
    CFG2_EXT = 1 << 0,
    CFG2_EXT2 = 1 << 1,
    CFG2_CSR = 1 << 27,
};

static uint64_t gs_flag(const MipsCpu *c, MipsFeature f, uint64_t bits)
{
    return mips_cpu_has(c, f) ? bits : 0;
}

static uint64_t gs_config(Cpu *cpu, uint64_t n)
{
    const MipsCpu *c = mips_cpu(cpu);

    switch (n) {
    case 0:
        return (uint64_t)(int32_t)c->model->prid;
    case 1:
        return gs_flag(c, MIPS_FEAT_FPU, CFG1_FP) | gs_flag(c, MIPS_FEAT_MMI, CFG1_MMI) |
               gs_flag(c, MIPS_FEAT_MSA, CFG1_MSA);
    case 2:
        return gs_flag(c, MIPS_FEAT_LEXT, CFG2_EXT) | gs_flag(c, MIPS_FEAT_LEXT2, CFG2_EXT2) |
               gs_flag(c, MIPS_FEAT_LCSR, CFG2_CSR);
    default:
        return 0;
    }
}

bool mips_cpucfg(Trans *t, const ArgsGscfg *a)
{
    static const IrHelper h = { "cpucfg", (void (*)(void))gs_config, IR_I64, 1, IR_HELPER_READS };

    mips_set_r(t, a->rd, ir_call(t->ir, &h, mips_r(t, a->rs), IR_NONE, IR_NONE, IR_NONE));
    return true;
}
