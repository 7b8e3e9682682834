/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loongson's multimedia instructions (MMI): coprocessor 2's operations on floating-point registers.
 * Spec: Loongson 3A1000 Processor User Manual, volume 2. They need both coprocessors: without
 * Status.CU2 Linux gets the exception of coprocessor 2, and turns both on.
 */
#include "target/mips/translate.h"

#include "accel/tcg/tcg.h"
#include "target/mips/fp.h"
#include "target/mips/helper.h"
#include "target/mips/mips-decode.h"

/* Lanes: bytes, halfwords, words, a double word. */
enum { B, H, W, D };

enum { MMI_COUNT = 0x7f };

/* False: there is nothing more to translate, *ok what the translator returns. With registers of 32
 * bits an odd one names no double word: reserved. */
static bool mmi_check(Trans *t, unsigned regs, bool *ok)
{
    *ok = true;
    if (!(t->mode_word & MIPS_MW_CP2)) {
        mips_trans_raise(t, EXC_CPU, 2);
        return false;
    }
    if (!mips_check_cp1(t)) {
        return false;
    }
    *ok = t->mode_word & MIPS_MW_FR || !(regs & 1);
    return *ok;
}

#define MMI_BEGIN(regs)               \
    bool mmi_ok;                      \
                                      \
    if (!mmi_check(t, regs, &mmi_ok)) \
        return mmi_ok;
#define MMI_BEGIN3 MMI_BEGIN(a->fd | a->fs | a->ft)

static uint32_t mmi_at(unsigned reg)
{
    return offsetof(MipsCpu, f) + reg * (uint32_t)sizeof(IrV128);
}

static IrVal mmi_v(Trans *t, unsigned reg)
{
    return ir_get(t->ir, IR_V128, mmi_at(reg), 3);
}

static IrVal mmi_d(Trans *t, unsigned reg)
{
    return ir_get(t->ir, IR_I64, mmi_at(reg), 3);
}

static IrVal mmi_w(Trans *t, unsigned reg)
{
    return ir_get(t->ir, IR_I32, mmi_at(reg), 2);
}

/* The low 64 bits of a vector, or an I64. */
static void mmi_set(Trans *t, unsigned reg, IrVal v)
{
    ir_set(t->ir, mmi_at(reg), 3, v);
}

static IrDesc mmi_desc(unsigned esize, unsigned variant)
{
    return ir_desc_with_variant(ir_desc(esize, IR_W64), variant);
}

/* ---- operations of the intermediate representation ---- */

/* fd = fs op ft */
#define OP3(name, op, esize, variant)                                                          \
    bool mips_mmi_##name(Trans *t, const ArgsMmi3 *a)                                          \
    {                                                                                          \
        MMI_BEGIN3                                                                             \
        mmi_set(t, a->fd,                                                                      \
                ir_v2(t->ir, op, mmi_desc(esize, variant), mmi_v(t, a->fs), mmi_v(t, a->ft))); \
        return true;                                                                           \
    }

OP3(paddb, IR_VADD, B, 0)
OP3(paddh, IR_VADD, H, 0)
OP3(paddw, IR_VADD, W, 0)
OP3(paddd, IR_VADD, D, 0)
OP3(paddsb, IR_VQADD, B, 1)
OP3(paddsh, IR_VQADD, H, 1)
OP3(paddusb, IR_VQADD, B, 0)
OP3(paddush, IR_VQADD, H, 0)
OP3(psubb, IR_VSUB, B, 0)
OP3(psubh, IR_VSUB, H, 0)
OP3(psubw, IR_VSUB, W, 0)
OP3(psubd, IR_VSUB, D, 0)
OP3(psubsb, IR_VQSUB, B, 1)
OP3(psubsh, IR_VQSUB, H, 1)
OP3(psubusb, IR_VQSUB, B, 0)
OP3(psubush, IR_VQSUB, H, 0)
OP3(pavgb, IR_VHADD, B, 2)
OP3(pavgh, IR_VHADD, H, 2)
OP3(pcmpeqb, IR_VCMP, B, IR_EQ)
OP3(pcmpeqh, IR_VCMP, H, IR_EQ)
OP3(pcmpeqw, IR_VCMP, W, IR_EQ)
OP3(pcmpgtb, IR_VCMP, B, IR_GTS)
OP3(pcmpgth, IR_VCMP, H, IR_GTS)
OP3(pcmpgtw, IR_VCMP, W, IR_GTS)
OP3(pmaxsh, IR_VSMAX, H, 0)
OP3(pmaxub, IR_VUMAX, B, 0)
OP3(pminsh, IR_VSMIN, H, 0)
OP3(pminub, IR_VUMIN, B, 0)
OP3(pmullh, IR_VMUL, H, 0)
OP3(pasubub, IR_VABD, B, 0)
OP3(punpcklbh, IR_VZIP, B, 0)
OP3(punpcklhw, IR_VZIP, H, 0)
OP3(punpcklwd, IR_VZIP, W, 0)
OP3(punpckhbh, IR_VZIP, B, 1)
OP3(punpckhhw, IR_VZIP, H, 1)
OP3(punpckhwd, IR_VZIP, W, 1)

/* ---- products ---- */

static IrVal mmi_products(Trans *t, const ArgsMmi3 *a, unsigned variant)
{
    IrDesc d = ir_desc_with_variant(ir_desc(W, IR_W128), variant);

    return ir_v2(t->ir, IR_VMULL, d, mmi_v(t, a->fs), mmi_v(t, a->ft));
}

/* Upper halves of the products of halfwords. */
static bool mmi_high(Trans *t, const ArgsMmi3 *a, unsigned variant)
{
    MMI_BEGIN3
    IrVal p = mmi_products(t, a, variant);

    p = ir_v1(t->ir, IR_VSHRI, ir_desc_imm(W, IR_W128, 16), p);
    mmi_set(t, a->fd, ir_v1(t->ir, IR_VNARROW, mmi_desc(H, 0), p));
    return true;
}

bool mips_mmi_pmulhh(Trans *t, const ArgsMmi3 *a)
{
    return mmi_high(t, a, 1);
}

bool mips_mmi_pmulhuh(Trans *t, const ArgsMmi3 *a)
{
    return mmi_high(t, a, 0);
}

/* Sums of two neighbouring products each. */
bool mips_mmi_pmaddhw(Trans *t, const ArgsMmi3 *a)
{
    MMI_BEGIN3
    IrVal p = mmi_products(t, a, 1);
    IrVal even = ir_v2(t->ir, IR_VUZP, ir_desc(W, IR_W128), p, p);
    IrVal odd = ir_v2(t->ir, IR_VUZP, ir_desc_with_variant(ir_desc(W, IR_W128), 1), p, p);

    mmi_set(t, a->fd, ir_v2(t->ir, IR_VADD, mmi_desc(W, 0), even, odd));
    return true;
}

/* Of the low words, without sign. */
bool mips_mmi_pmuluw(Trans *t, const ArgsMmi3 *a)
{
    MMI_BEGIN3
    mmi_set(t, a->fd,
            ir_mul(t->ir, ir_zext64(t->ir, mmi_w(t, a->fs)), ir_zext64(t->ir, mmi_w(t, a->ft))));
    return true;
}

/* ---- lanes ---- */

/* Lanes of fs, then of ft, narrowed to @esize by VQNARROW's @variant. */
static bool mmi_pack(Trans *t, const ArgsMmi3 *a, unsigned esize, unsigned variant)
{
    MMI_BEGIN3
    IrVal both = ir_vpack(t->ir, mmi_d(t, a->fs), mmi_d(t, a->ft));

    mmi_set(t, a->fd, ir_v1(t->ir, IR_VQNARROW, mmi_desc(esize, variant), both));
    return true;
}

bool mips_mmi_packsshb(Trans *t, const ArgsMmi3 *a)
{
    return mmi_pack(t, a, B, 1);
}

bool mips_mmi_packsswh(Trans *t, const ArgsMmi3 *a)
{
    return mmi_pack(t, a, H, 1);
}

bool mips_mmi_packushb(Trans *t, const ArgsMmi3 *a)
{
    return mmi_pack(t, a, B, 2);
}

/*
 * Lanes of fs by two bits of ft each. The product brings bits 2i and 2i + 1 to 16i and 16i + 1; a
 * lane's two bytes are those of twice that number and the next one.
 */
bool mips_mmi_pshufh(Trans *t, const ArgsMmi3 *a)
{
    MMI_BEGIN3
    IrVal n = ir_andi(t->ir, mmi_d(t, a->ft), 0xff);

    n = ir_mul(t->ir, n, ir_i64(t->ir, 1 | 1 << 14 | 1 << 28 | 1ull << 42));
    n = ir_andi(t->ir, n, 0x0003000300030003);
    n = ir_mul(t->ir, n, ir_i64(t->ir, 0x0202));
    n = ir_addi(t->ir, n, 0x0100010001000100);
    mmi_set(t, a->fd,
            ir_v2(t->ir, IR_VTBL, ir_desc(B, IR_W64), mmi_v(t, a->fs), ir_vfrom(t->ir, n)));
    return true;
}

bool mips_mmi_pextrh(Trans *t, const ArgsMmi3 *a)
{
    MMI_BEGIN3
    IrVal count = ir_shli(t->ir, ir_andi(t->ir, mmi_d(t, a->ft), 3), 4);

    mmi_set(t, a->fd, ir_andi(t->ir, ir_op2(t->ir, IR_SHR, mmi_d(t, a->fs), count), 0xffff));
    return true;
}

static bool mmi_insert(Trans *t, const ArgsMmi3 *a, unsigned lane)
{
    MMI_BEGIN3
    mmi_set(t, a->fd, ir_deposit(t->ir, mmi_d(t, a->fs), mmi_d(t, a->ft), 16 * lane, 16));
    return true;
}

#define INSERT(lane)                                         \
    bool mips_mmi_pinsrh_##lane(Trans *t, const ArgsMmi3 *a) \
    {                                                        \
        return mmi_insert(t, a, lane);                       \
    }

INSERT(0)
INSERT(1)
INSERT(2)
INSERT(3)

/* The sum of the bytes. */
bool mips_mmi_biadd(Trans *t, const ArgsMmi2 *a)
{
    MMI_BEGIN(a->fd | a->fs)
    IrVal wide = ir_v1(t->ir, IR_VWIDEN, ir_desc(H, IR_W128), mmi_v(t, a->fs));

    mmi_set(t, a->fd, ir_v1(t->ir, IR_VADDV, ir_desc(H, IR_W128), wide));
    return true;
}

/* The bytes' sign bits: a product brings those at 8i to 56 + i. */
bool mips_mmi_pmovmskb(Trans *t, const ArgsMmi2 *a)
{
    MMI_BEGIN(a->fd | a->fs)
    IrVal v = ir_andi(t->ir, ir_shri(t->ir, mmi_d(t, a->fs), 7), 0x0101010101010101);

    v = ir_mul(t->ir, v, ir_i64(t->ir, 0x0102040810204080));
    mmi_set(t, a->fd, ir_shri(t->ir, v, 56));
    return true;
}

/* ---- shifts ---- */

/* Left, or right by VSHLV's @variant; counts beyond the lane shift all bits out. */
static bool mmi_shift(Trans *t, const ArgsMmi3 *a, unsigned esize, bool right, unsigned variant)
{
    MMI_BEGIN3
    IrVal n = ir_andi(t->ir, mmi_w(t, a->ft), MMI_COUNT);

    n = ir_vdup(t->ir, esize, IR_W64, right ? ir_neg(t->ir, n) : n);
    mmi_set(t, a->fd, ir_v2(t->ir, IR_VSHLV, mmi_desc(esize, variant), mmi_v(t, a->fs), n));
    return true;
}

#define SHIFT(name, esize, right, variant)             \
    bool mips_mmi_##name(Trans *t, const ArgsMmi3 *a)  \
    {                                                  \
        return mmi_shift(t, a, esize, right, variant); \
    }

SHIFT(psllh, H, false, 0)
SHIFT(psllw, W, false, 0)
SHIFT(psrlh, H, true, 0)
SHIFT(psrlw, W, true, 0)
SHIFT(psrah, H, true, 1)
SHIFT(psraw, W, true, 1)

/* ---- integers ---- */

/* Counts are modulo the word or the double word. */
static bool mmi_shift_w(Trans *t, const ArgsMmi3 *a, IrOpcode op)
{
    MMI_BEGIN3
    mmi_set(t, a->fd, ir_sext64(t->ir, ir_op2(t->ir, op, mmi_w(t, a->fs), mmi_w(t, a->ft))));
    return true;
}

static bool mmi_shift_d(Trans *t, const ArgsMmi3 *a, IrOpcode op)
{
    MMI_BEGIN3
    mmi_set(t, a->fd, ir_op2(t->ir, op, mmi_d(t, a->fs), mmi_d(t, a->ft)));
    return true;
}

/* What becomes of no sign-extended word the manual leaves open: all 64 bits are shifted. */
bool mips_mmi_sra(Trans *t, const ArgsMmi3 *a)
{
    MMI_BEGIN3
    IrVal n = ir_andi(t->ir, mmi_d(t, a->ft), 31);

    mmi_set(t, a->fd, ir_sext(t->ir, ir_op2(t->ir, IR_SAR, mmi_d(t, a->fs), n), 32));
    return true;
}

#define SHIFT_INT(name, how, op)                      \
    bool mips_mmi_##name(Trans *t, const ArgsMmi3 *a) \
    {                                                 \
        return how(t, a, op);                         \
    }

SHIFT_INT(sll, mmi_shift_w, IR_SHL)
SHIFT_INT(srl, mmi_shift_w, IR_SHR)
SHIFT_INT(dsll, mmi_shift_d, IR_SHL)
SHIFT_INT(dsrl, mmi_shift_d, IR_SHR)
SHIFT_INT(dsra, mmi_shift_d, IR_SAR)

#define WORD(name, op)                                                                            \
    bool mips_mmi_##name(Trans *t, const ArgsMmi3 *a)                                             \
    {                                                                                             \
        MMI_BEGIN3                                                                                \
        mmi_set(t, a->fd, ir_sext64(t->ir, ir_op2(t->ir, op, mmi_w(t, a->fs), mmi_w(t, a->ft)))); \
        return true;                                                                              \
    }
#define DOUBLE(name, op)                                                        \
    bool mips_mmi_##name(Trans *t, const ArgsMmi3 *a)                           \
    {                                                                           \
        MMI_BEGIN3                                                              \
        mmi_set(t, a->fd, ir_op2(t->ir, op, mmi_d(t, a->fs), mmi_d(t, a->ft))); \
        return true;                                                            \
    }

WORD(addu, IR_ADD)
WORD(subu, IR_SUB)
DOUBLE(and, IR_AND)
DOUBLE(or, IR_OR)
DOUBLE(xor, IR_XOR)

bool mips_mmi_nor(Trans *t, const ArgsMmi3 *a)
{
    MMI_BEGIN3
    mmi_set(t, a->fd, ir_not(t->ir, ir_or(t->ir, mmi_d(t, a->fs), mmi_d(t, a->ft))));
    return true;
}

bool mips_mmi_pandn(Trans *t, const ArgsMmi3 *a)
{
    MMI_BEGIN3
    mmi_set(t, a->fd, ir_andc(t->ir, mmi_d(t, a->ft), mmi_d(t, a->fs)));
    return true;
}

static uint64_t mmi_overflow(Cpu *cpu)
{
    return mips_helper_raise(cpu, EXC_OV, 0);
}

static const IrHelper mmi_raise_overflow = { "overflow", (void (*)(void))mmi_overflow, IR_VOID, 0,
                                             IR_HELPER_RAISES };

static bool mmi_trapping_w(Trans *t, const ArgsMmi3 *a, IrOpcode op)
{
    MMI_BEGIN3
    IrVal wide =
        ir_op2(t->ir, op, ir_sext64(t->ir, mmi_w(t, a->fs)), ir_sext64(t->ir, mmi_w(t, a->ft)));
    IrVal v = ir_sext64(t->ir, ir_trunc(t->ir, wide));

    ir_raise_if(t->ir, IR_NE, wide, v, &mmi_raise_overflow);
    mmi_set(t, a->fd, v);
    return true;
}

/* (a ^ v) & (b ^ v) of a sum, (a ^ b) & (a ^ v) of a difference, has the sign bit. */
static bool mmi_trapping_d(Trans *t, const ArgsMmi3 *a, IrOpcode op)
{
    MMI_BEGIN3
    IrVal x = mmi_d(t, a->fs), y = mmi_d(t, a->ft);
    IrVal v = ir_op2(t->ir, op, x, y);
    IrVal changed = ir_and(t->ir, ir_xor(t->ir, x, v),
                           op == IR_ADD ? ir_xor(t->ir, y, v) : ir_xor(t->ir, x, y));

    ir_raise_if(t->ir, IR_LTS, changed, ir_i64(t->ir, 0), &mmi_raise_overflow);
    mmi_set(t, a->fd, v);
    return true;
}

bool mips_mmi_add(Trans *t, const ArgsMmi3 *a)
{
    return mmi_trapping_w(t, a, IR_ADD);
}

bool mips_mmi_sub(Trans *t, const ArgsMmi3 *a)
{
    return mmi_trapping_w(t, a, IR_SUB);
}

bool mips_mmi_dadd(Trans *t, const ArgsMmi3 *a)
{
    return mmi_trapping_d(t, a, IR_ADD);
}

bool mips_mmi_dsub(Trans *t, const ArgsMmi3 *a)
{
    return mmi_trapping_d(t, a, IR_SUB);
}

/* Condition 0 := fs cmp ft. */
static bool mmi_compare(Trans *t, const ArgsMmic *a, IrCmp cmp)
{
    MMI_BEGIN(a->fs | a->ft)
    uint32_t fcr31 = offsetof(MipsCpu, fcr31);
    IrVal c = ir_setcond(t->ir, IR_I32, cmp, mmi_d(t, a->fs), mmi_d(t, a->ft));

    ir_set(t->ir, fcr31, 2,
           ir_deposit(t->ir, ir_get(t->ir, IR_I32, fcr31, 2), c, mips_fcc_bit(0), 1));
    return true;
}

#define COMPARE(name, cmp)                            \
    bool mips_mmi_##name(Trans *t, const ArgsMmic *a) \
    {                                                 \
        return mmi_compare(t, a, cmp);                \
    }

COMPARE(sequ, IR_EQ)
COMPARE(sltu, IR_LTU)
COMPARE(sleu, IR_LEU)
COMPARE(seq, IR_EQ)
COMPARE(slt, IR_LTS)
COMPARE(sle, IR_LES)
