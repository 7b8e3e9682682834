/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A64 data processing on general registers.
 * Spec: Arm ARM DDI 0487, C6.2 (instructions), J1.1.3 (DecodeBitMasks, ExtendReg, ShiftReg).
 */
#include "target/arm/a64.h"

#include "target/arm/a64-decode.h"

bool trans_adr(Trans *t, const ArgsAdr *a)
{
    arm_set_r(t, a->rd, arm_pc(t, a->imm));
    return true;
}

bool trans_adrp(Trans *t, const ArgsAdr *a)
{
    arm_set_r(t, a->rd, ir_addi(t->ir, ir_pc(t->ir, 0), (int64_t)a->imm * 4096));
    return true;
}

/* ---- immediates ---- */

/* rd := rn +- b; of the forms without flags rd 31 is SP, of those with flags it is discarded. */
static void a64_int_add(Trans *t, unsigned rd, IrVal n, IrVal b, bool sub, bool flags, bool to_sp)
{
    if (flags) {
        ir_set_flags(t->ir, ir_op2(t->ir, sub ? IR_FLAGS_SUB : IR_FLAGS_ADD, n, b));
        if (rd == 31) {
            return;
        }
    }

    IrVal v = sub ? ir_sub(t->ir, n, b) : ir_add(t->ir, n, b);

    if (to_sp) {
        arm_set_r_sp(t, rd, v);
    } else {
        arm_set_r(t, rd, v);
    }
}

static bool a64_int_add_i(Trans *t, const ArgsAddsubI *a, bool sub, bool flags)
{
    a64_int_add(t, a->rd, arm_r_sp(t, a->sf, a->rn), ir_const(t->ir, a64_type(a->sf), a->imm), sub,
                flags, !flags);
    return true;
}

bool trans_add_i(Trans *t, const ArgsAddsubI *a)
{
    return a64_int_add_i(t, a, false, false);
}

bool trans_adds_i(Trans *t, const ArgsAddsubI *a)
{
    return a64_int_add_i(t, a, false, true);
}

bool trans_sub_i(Trans *t, const ArgsAddsubI *a)
{
    return a64_int_add_i(t, a, true, false);
}

bool trans_subs_i(Trans *t, const ArgsAddsubI *a)
{
    return a64_int_add_i(t, a, true, true);
}

uint64_t a64_bitmask(unsigned n, unsigned immr, unsigned imms)
{
    unsigned len = 31 - __builtin_clz((n << 6 | (~imms & 63)) | 1);
    unsigned size = 1u << len;
    unsigned ones = (imms & (size - 1)) + 1;
    unsigned rotate = immr & (size - 1);
    uint64_t all = size == 64 ? UINT64_MAX : (1ull << size) - 1;
    uint64_t bits = ones == 64 ? UINT64_MAX : (1ull << ones) - 1;

    if (rotate) {
        bits = (bits >> rotate | bits << (size - rotate)) & all;
    }
    for (; size < 64; size *= 2) {
        bits |= bits << size;
    }
    return bits;
}

static bool a64_int_logic_i(Trans *t, const ArgsLogicI *a, IrOpcode op)
{
    IrType type = a64_type(a->sf);
    IrVal imm = ir_const(t->ir, type, a64_bitmask(a->n, a->immr, a->imms) & a64_ones(a->sf));

    arm_set_r_sp(t, a->rd, ir_op2(t->ir, op, arm_r(t, a->sf, a->rn), imm));
    return true;
}

bool trans_and_i(Trans *t, const ArgsLogicI *a)
{
    return a64_int_logic_i(t, a, IR_AND);
}

bool trans_orr_i(Trans *t, const ArgsLogicI *a)
{
    return a64_int_logic_i(t, a, IR_OR);
}

bool trans_eor_i(Trans *t, const ArgsLogicI *a)
{
    return a64_int_logic_i(t, a, IR_XOR);
}

bool trans_ands_i(Trans *t, const ArgsLogicI *a)
{
    uint64_t imm = a64_bitmask(a->n, a->immr, a->imms) & a64_ones(a->sf);
    IrVal v = ir_andi(t->ir, arm_r(t, a->sf, a->rn), imm);

    ir_set_flags(t->ir, ir_op1(t->ir, IR_FLAGS_LOGIC, v));
    arm_set_r(t, a->rd, v);
    return true;
}

bool trans_movn(Trans *t, const ArgsMovw *a)
{
    arm_set_r(t, a->rd, ir_i64(t->ir, ~((uint64_t)a->imm << (a->hw * 16)) & a64_ones(a->sf)));
    return true;
}

bool trans_movz(Trans *t, const ArgsMovw *a)
{
    arm_set_r(t, a->rd, ir_i64(t->ir, (uint64_t)a->imm << (a->hw * 16)));
    return true;
}

bool trans_movk(Trans *t, const ArgsMovw *a)
{
    IrVal imm = ir_const(t->ir, a64_type(a->sf), a->imm);

    arm_set_r(t, a->rd, ir_deposit(t->ir, arm_r(t, a->sf, a->rd), imm, a->hw * 16, 16));
    return true;
}

bool trans_sbfm(Trans *t, const ArgsBitfield *a)
{
    IrVal v = arm_r(t, a->sf, a->rn);

    if (a->imms >= a->immr) {
        v = ir_sextract(t->ir, v, a->immr, a->imms - a->immr + 1);
    } else {
        v = ir_shli(t->ir, ir_sext(t->ir, v, a->imms + 1), a64_bits(a->sf) - a->immr);
    }
    arm_set_r(t, a->rd, v);
    return true;
}

bool trans_ubfm(Trans *t, const ArgsBitfield *a)
{
    IrVal v = arm_r(t, a->sf, a->rn);
    unsigned bits = a64_bits(a->sf);

    if (a->imms >= a->immr) {
        v = a->imms == bits - 1 ? ir_shri(t->ir, v, a->immr)
                                : ir_extract(t->ir, v, a->immr, a->imms - a->immr + 1);
    } else if (a->imms + 1 + bits - a->immr >= bits) {
        v = ir_shli(t->ir, v, bits - a->immr);
    } else {
        v = ir_shli(t->ir, ir_zext(t->ir, v, a->imms + 1), bits - a->immr);
    }
    arm_set_r(t, a->rd, v);
    return true;
}

bool trans_bfm(Trans *t, const ArgsBitfield *a)
{
    IrVal n = arm_r(t, a->sf, a->rn), d = arm_r(t, a->sf, a->rd);

    if (a->imms >= a->immr) {
        d = ir_deposit(t->ir, d, ir_shri(t->ir, n, a->immr), 0, a->imms - a->immr + 1);
    } else {
        d = ir_deposit(t->ir, d, n, a64_bits(a->sf) - a->immr, a->imms + 1);
    }
    arm_set_r(t, a->rd, d);
    return true;
}

bool trans_extr(Trans *t, const ArgsExtr *a)
{
    IrVal n = arm_r(t, a->sf, a->rn), m = arm_r(t, a->sf, a->rm);

    if (a->rn == a->rm) {
        arm_set_r(t, a->rd, ir_rori(t->ir, n, a->lsb));
    } else {
        arm_set_r(t, a->rd, ir_extr(t->ir, n, m, a->lsb));
    }
    return true;
}

/* ---- shifted and extended registers ---- */

static IrVal a64_int_shifted(Trans *t, const ArgsRrrShift *a)
{
    IrVal m = arm_r(t, a->sf, a->rm);

    switch (a->amount ? a->shift : 0) {
    case 0:
        return a->amount ? ir_shli(t->ir, m, a->amount) : m;
    case 1:
        return ir_shri(t->ir, m, a->amount);
    case 2:
        return ir_sari(t->ir, m, a->amount);
    default:
        return ir_rori(t->ir, m, a->amount);
    }
}

static bool a64_int_logic_r(Trans *t, const ArgsRrrShift *a, IrOpcode op, bool flags)
{
    IrVal n = arm_r(t, a->sf, a->rn), m = a64_int_shifted(t, a);
    IrVal v;

    if (a->rn == 31 && op == IR_OR) {
        v = m; /* MOV */
    } else if (a->rn == 31 && op == IR_ORC) {
        v = ir_not(t->ir, m); /* MVN */
    } else {
        v = ir_op2(t->ir, op, n, m);
    }
    if (flags) {
        ir_set_flags(t->ir, ir_op1(t->ir, IR_FLAGS_LOGIC, v));
    }
    arm_set_r(t, a->rd, v);
    return true;
}

bool trans_and_r(Trans *t, const ArgsRrrShift *a)
{
    return a64_int_logic_r(t, a, IR_AND, false);
}

bool trans_bic_r(Trans *t, const ArgsRrrShift *a)
{
    return a64_int_logic_r(t, a, IR_ANDC, false);
}

bool trans_orr_r(Trans *t, const ArgsRrrShift *a)
{
    return a64_int_logic_r(t, a, IR_OR, false);
}

bool trans_orn_r(Trans *t, const ArgsRrrShift *a)
{
    return a64_int_logic_r(t, a, IR_ORC, false);
}

bool trans_eor_r(Trans *t, const ArgsRrrShift *a)
{
    return a64_int_logic_r(t, a, IR_XOR, false);
}

bool trans_eon_r(Trans *t, const ArgsRrrShift *a)
{
    return a64_int_logic_r(t, a, IR_EQV, false);
}

bool trans_ands_r(Trans *t, const ArgsRrrShift *a)
{
    return a64_int_logic_r(t, a, IR_AND, true);
}

bool trans_bics_r(Trans *t, const ArgsRrrShift *a)
{
    return a64_int_logic_r(t, a, IR_ANDC, true);
}

static bool a64_int_add_r(Trans *t, const ArgsRrrShift *a, bool sub, bool flags)
{
    a64_int_add(t, a->rd, arm_r(t, a->sf, a->rn), a64_int_shifted(t, a), sub, flags, false);
    return true;
}

bool trans_add_r(Trans *t, const ArgsRrrShift *a)
{
    return a64_int_add_r(t, a, false, false);
}

bool trans_adds_r(Trans *t, const ArgsRrrShift *a)
{
    return a64_int_add_r(t, a, false, true);
}

bool trans_sub_r(Trans *t, const ArgsRrrShift *a)
{
    return a64_int_add_r(t, a, true, false);
}

bool trans_subs_r(Trans *t, const ArgsRrrShift *a)
{
    return a64_int_add_r(t, a, true, true);
}

IrVal a64_extended(Trans *t, bool sf, unsigned rm, unsigned option, unsigned shift)
{
    IrVal m = arm_r(t, sf, rm);
    unsigned bits = 8u << (option & 3);

    if (bits < a64_bits(sf)) {
        m = option & 4 ? ir_sext(t->ir, m, bits) : ir_zext(t->ir, m, bits);
    }
    return shift ? ir_shli(t->ir, m, shift) : m;
}

static bool a64_int_add_x(Trans *t, const ArgsRrrExt *a, bool sub, bool flags)
{
    a64_int_add(t, a->rd, arm_r_sp(t, a->sf, a->rn),
                a64_extended(t, a->sf, a->rm, a->option, a->amount), sub, flags, !flags);
    return true;
}

bool trans_add_x(Trans *t, const ArgsRrrExt *a)
{
    return a64_int_add_x(t, a, false, false);
}

bool trans_adds_x(Trans *t, const ArgsRrrExt *a)
{
    return a64_int_add_x(t, a, false, true);
}

bool trans_sub_x(Trans *t, const ArgsRrrExt *a)
{
    return a64_int_add_x(t, a, true, false);
}

bool trans_subs_x(Trans *t, const ArgsRrrExt *a)
{
    return a64_int_add_x(t, a, true, true);
}

/* ---- carry and flags ---- */

static bool a64_int_adc(Trans *t, const ArgsRrr *a, bool sub, bool flags)
{
    IrVal n = arm_r(t, a->sf, a->rn), m = arm_r(t, a->sf, a->rm);
    IrVal carry = ir_op1(t->ir, IR_FLAGS_CARRY, ir_get_flags(t->ir));
    IrVal wide = a->sf ? ir_zext64(t->ir, carry) : carry;
    IrVal v = ir_add(t->ir, ir_add(t->ir, n, sub ? ir_not(t->ir, m) : m), wide);

    if (flags) {
        ir_set_flags(t->ir, ir_op3(t->ir, sub ? IR_FLAGS_SBC : IR_FLAGS_ADC, n, m, carry));
    }
    arm_set_r(t, a->rd, v);
    return true;
}

bool trans_adc(Trans *t, const ArgsRrr *a)
{
    return a64_int_adc(t, a, false, false);
}

bool trans_adcs(Trans *t, const ArgsRrr *a)
{
    return a64_int_adc(t, a, false, true);
}

bool trans_sbc(Trans *t, const ArgsRrr *a)
{
    return a64_int_adc(t, a, true, false);
}

bool trans_sbcs(Trans *t, const ArgsRrr *a)
{
    return a64_int_adc(t, a, true, true);
}

bool trans_rmif(Trans *t, const ArgsRmif *a)
{
    IrVal v = ir_trunc(t->ir, ir_rori(t->ir, arm_x(t, a->rn), a->amount));
    IrVal f = ir_op1(t->ir, IR_FLAGS_MAKE, ir_shli(t->ir, v, 28));

    ir_set_flags(t->ir, ir_flags_merge(t->ir, ir_get_flags(t->ir), f, a->mask));
    return true;
}

bool trans_setf(Trans *t, const ArgsSetf *a)
{
    IrVal v = arm_w(t, a->rn);
    IrVal top = ir_xor(t->ir, ir_shri(t->ir, v, a->bits), ir_shri(t->ir, v, a->bits - 1));
    IrVal nz = ir_op1(t->ir, IR_FLAGS_LOGIC, ir_shli(t->ir, v, 32 - a->bits));
    IrVal overflow = ir_shli(t->ir, ir_andi(t->ir, top, 1), 28);
    IrVal f = ir_flags_merge(t->ir, ir_get_flags(t->ir), nz, 0xc);

    f = ir_flags_merge(t->ir, f, ir_op1(t->ir, IR_FLAGS_MAKE, overflow), 1);
    ir_set_flags(t->ir, f);
    return true;
}

bool trans_cfinv(Trans *t, const ArgsNone *a)
{
    IrVal bits = ir_op1(t->ir, IR_FLAGS_BITS, ir_get_flags(t->ir));

    bits = ir_xor(t->ir, bits, ir_i32(t->ir, 1u << 29));
    ir_set_flags(t->ir, ir_op1(t->ir, IR_FLAGS_MAKE, bits));
    return true;
}

/* From the flags of an FP comparison in the other form to Arm's. */
bool trans_xaflag(Trans *t, const ArgsNone *a)
{
    IrVal old = ir_get_flags(t->ir);
    IrVal c = ir_flags_cond(t->ir, old, IR_COND_CS), z = ir_flags_cond(t->ir, old, IR_COND_EQ);
    IrVal one = ir_i32(t->ir, 1);
    IrVal not_c = ir_xor(t->ir, c, one), not_z = ir_xor(t->ir, z, one);
    IrVal bits = ir_shli(t->ir, ir_and(t->ir, not_c, not_z), 31);

    bits = ir_or(t->ir, bits, ir_shli(t->ir, ir_and(t->ir, z, c), 30));
    bits = ir_or(t->ir, bits, ir_shli(t->ir, ir_or(t->ir, c, z), 29));
    bits = ir_or(t->ir, bits, ir_shli(t->ir, ir_and(t->ir, not_c, z), 28));
    ir_set_flags(t->ir, ir_op1(t->ir, IR_FLAGS_MAKE, bits));
    return true;
}

bool trans_axflag(Trans *t, const ArgsNone *a)
{
    IrVal old = ir_get_flags(t->ir);
    IrVal c = ir_flags_cond(t->ir, old, IR_COND_CS), z = ir_flags_cond(t->ir, old, IR_COND_EQ);
    IrVal v = ir_flags_cond(t->ir, old, IR_COND_VS);
    IrVal bits = ir_shli(t->ir, ir_or(t->ir, z, v), 30);

    bits = ir_or(t->ir, bits, ir_shli(t->ir, ir_andc(t->ir, c, v), 29));
    ir_set_flags(t->ir, ir_op1(t->ir, IR_FLAGS_MAKE, bits));
    return true;
}

/* ---- conditional compare and select ---- */

static bool a64_int_ccmp(Trans *t, IrVal n, IrVal m, bool sub, unsigned cond, unsigned nzcv)
{
    IrVal f = ir_op2(t->ir, sub ? IR_FLAGS_SUB : IR_FLAGS_ADD, n, m);

    if (cond < IR_COND_AL) {
        f = ir_flags_select(t->ir, ir_get_flags(t->ir), (IrCond)cond, f,
                            ir_flags_const(t->ir, nzcv));
    }
    ir_set_flags(t->ir, f);
    return true;
}

bool trans_ccmn_r(Trans *t, const ArgsCcmpR *a)
{
    return a64_int_ccmp(t, arm_r(t, a->sf, a->rn), arm_r(t, a->sf, a->rm), false, a->cond, a->nzcv);
}

bool trans_ccmp_r(Trans *t, const ArgsCcmpR *a)
{
    return a64_int_ccmp(t, arm_r(t, a->sf, a->rn), arm_r(t, a->sf, a->rm), true, a->cond, a->nzcv);
}

bool trans_ccmn_i(Trans *t, const ArgsCcmpI *a)
{
    return a64_int_ccmp(t, arm_r(t, a->sf, a->rn), ir_const(t->ir, a64_type(a->sf), a->imm), false,
                        a->cond, a->nzcv);
}

bool trans_ccmp_i(Trans *t, const ArgsCcmpI *a)
{
    return a64_int_ccmp(t, arm_r(t, a->sf, a->rn), ir_const(t->ir, a64_type(a->sf), a->imm), true,
                        a->cond, a->nzcv);
}

static bool a64_int_csel(Trans *t, const ArgsCsel *a, IrVal otherwise)
{
    IrVal n = arm_r(t, a->sf, a->rn);

    if (a->cond < IR_COND_AL) {
        n = ir_select_flags(t->ir, ir_get_flags(t->ir), (IrCond)a->cond, n, otherwise);
    }
    arm_set_r(t, a->rd, n);
    return true;
}

bool trans_csel(Trans *t, const ArgsCsel *a)
{
    return a64_int_csel(t, a, arm_r(t, a->sf, a->rm));
}

bool trans_csinc(Trans *t, const ArgsCsel *a)
{
    if (a->rn == 31 && a->rm == 31 && a->cond < IR_COND_AL) { /* CSET */
        arm_set_r(t, a->rd, ir_flags_cond(t->ir, ir_get_flags(t->ir), (IrCond)(a->cond ^ 1)));
        return true;
    }
    return a64_int_csel(t, a, ir_addi(t->ir, arm_r(t, a->sf, a->rm), 1));
}

bool trans_csinv(Trans *t, const ArgsCsel *a)
{
    return a64_int_csel(t, a, ir_not(t->ir, arm_r(t, a->sf, a->rm)));
}

bool trans_csneg(Trans *t, const ArgsCsel *a)
{
    return a64_int_csel(t, a, ir_neg(t->ir, arm_r(t, a->sf, a->rm)));
}

/* ---- one, two and three sources ---- */

static bool a64_int_rrr(Trans *t, const ArgsRrr *a, IrOpcode op)
{
    arm_set_r(t, a->rd, ir_op2(t->ir, op, arm_r(t, a->sf, a->rn), arm_r(t, a->sf, a->rm)));
    return true;
}

bool trans_udiv(Trans *t, const ArgsRrr *a)
{
    return a64_int_rrr(t, a, IR_DIVU);
}

bool trans_sdiv(Trans *t, const ArgsRrr *a)
{
    return a64_int_rrr(t, a, IR_DIVS);
}

bool trans_lslv(Trans *t, const ArgsRrr *a)
{
    return a64_int_rrr(t, a, IR_SHL);
}

bool trans_lsrv(Trans *t, const ArgsRrr *a)
{
    return a64_int_rrr(t, a, IR_SHR);
}

bool trans_asrv(Trans *t, const ArgsRrr *a)
{
    return a64_int_rrr(t, a, IR_SAR);
}

bool trans_rorv(Trans *t, const ArgsRrr *a)
{
    return a64_int_rrr(t, a, IR_ROR);
}

bool trans_smulh(Trans *t, const ArgsRrr *a)
{
    return a64_int_rrr(t, a, IR_MULHS);
}

bool trans_umulh(Trans *t, const ArgsRrr *a)
{
    return a64_int_rrr(t, a, IR_MULHU);
}

static bool a64_int_crc(Trans *t, const ArgsCrc *a, bool castagnoli)
{
    arm_set_r(t, a->rd, ir_crc32(t->ir, castagnoli, a->size, arm_w(t, a->rn), arm_x(t, a->rm)));
    return true;
}

bool trans_crc32(Trans *t, const ArgsCrc *a)
{
    return a64_int_crc(t, a, false);
}

bool trans_crc32c(Trans *t, const ArgsCrc *a)
{
    return a64_int_crc(t, a, true);
}

static bool a64_int_rr(Trans *t, const ArgsRr *a, IrOpcode op)
{
    arm_set_r(t, a->rd, ir_op1(t->ir, op, arm_r(t, a->sf, a->rn)));
    return true;
}

bool trans_rbit(Trans *t, const ArgsRr *a)
{
    return a64_int_rr(t, a, IR_RBIT);
}

bool trans_rev16(Trans *t, const ArgsRr *a)
{
    return a64_int_rr(t, a, IR_BSWAP16);
}

bool trans_rev32(Trans *t, const ArgsRr *a)
{
    return a64_int_rr(t, a, IR_BSWAP32);
}

bool trans_rev(Trans *t, const ArgsRr *a)
{
    return a64_int_rr(t, a, IR_BSWAP);
}

bool trans_clz(Trans *t, const ArgsRr *a)
{
    return a64_int_rr(t, a, IR_CLZ);
}

bool trans_cls(Trans *t, const ArgsRr *a)
{
    return a64_int_rr(t, a, IR_CLS);
}

static bool a64_int_mul_add(Trans *t, const ArgsRrrr *a, IrVal n, IrVal m, bool sub)
{
    IrVal product = ir_mul(t->ir, n, m);

    if (a->ra == 31) {
        arm_set_r(t, a->rd, sub ? ir_neg(t->ir, product) : product);
        return true;
    }

    IrVal acc = arm_r(t, a->sf, a->ra);

    arm_set_r(t, a->rd, sub ? ir_sub(t->ir, acc, product) : ir_add(t->ir, acc, product));
    return true;
}

bool trans_madd(Trans *t, const ArgsRrrr *a)
{
    return a64_int_mul_add(t, a, arm_r(t, a->sf, a->rn), arm_r(t, a->sf, a->rm), false);
}

bool trans_msub(Trans *t, const ArgsRrrr *a)
{
    return a64_int_mul_add(t, a, arm_r(t, a->sf, a->rn), arm_r(t, a->sf, a->rm), true);
}

static bool a64_int_mul_long(Trans *t, const ArgsRrrr *a, bool sign, bool sub)
{
    IrVal n = arm_x(t, a->rn), m = arm_x(t, a->rm);

    n = sign ? ir_sext(t->ir, n, 32) : ir_zext(t->ir, n, 32);
    m = sign ? ir_sext(t->ir, m, 32) : ir_zext(t->ir, m, 32);
    return a64_int_mul_add(t, a, n, m, sub);
}

bool trans_smaddl(Trans *t, const ArgsRrrr *a)
{
    return a64_int_mul_long(t, a, true, false);
}

bool trans_smsubl(Trans *t, const ArgsRrrr *a)
{
    return a64_int_mul_long(t, a, true, true);
}

bool trans_umaddl(Trans *t, const ArgsRrrr *a)
{
    return a64_int_mul_long(t, a, false, false);
}

bool trans_umsubl(Trans *t, const ArgsRrrr *a)
{
    return a64_int_mul_long(t, a, false, true);
}
