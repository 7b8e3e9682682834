/* SPDX-License-Identifier: Apache-2.0 */
/* The builder's fields, extensions, selections, flags and vector operations. */
#include "accel/tcg/ir/ir-priv.h"

#include "util/error.h"

static unsigned ir_width(const IrBlock *ir, IrVal v)
{
    return ir_type(ir, v) == IR_I32 ? 32 : 64;
}

static uint64_t ir_low_mask(unsigned bits)
{
    return bits >= 64 ? UINT64_MAX : (1ull << bits) - 1;
}

IrVal ir_zext(IrBlock *ir, IrVal a, unsigned bits)
{
    const IrInsn *i = &ir->insn[a.id];
    IrType t = ir_type(ir, a);
    uint64_t c;

    if (bits >= ir_width(ir, a)) {
        return a;
    }
    if (ir_is_const(ir, a, &c)) {
        return ir_const(ir, t, c & ir_low_mask(bits));
    }
    if ((i->op == IR_ZEXT && i->imm <= bits) || (i->op == IR_ZEXT64 && bits >= 32) ||
        (i->op == IR_EXTRACT && i->imm >> 8 <= bits)) {
        return a;
    }
    return ir_emit1(ir, IR_ZEXT, t, 0, bits, a);
}

IrVal ir_sext(IrBlock *ir, IrVal a, unsigned bits)
{
    IrType t = ir_type(ir, a);
    uint64_t c;

    if (bits >= ir_width(ir, a)) {
        return a;
    }
    if (ir_is_const(ir, a, &c)) {
        c = (uint64_t)((int64_t)(c << (64 - bits)) >> (64 - bits));
        return ir_const(ir, t, t == IR_I32 ? (uint32_t)c : c);
    }
    return ir_emit1(ir, IR_SEXT, t, 0, bits, a);
}

IrVal ir_trunc(IrBlock *ir, IrVal a)
{
    const IrInsn *i = &ir->insn[a.id];

    if (ir_type(ir, a) == IR_I32) {
        return a;
    }
    if (i->op == IR_ZEXT64 || i->op == IR_SEXT64) {
        return (IrVal){ i->arg[0] };
    }
    return ir_op1(ir, IR_TRUNC, a);
}

IrVal ir_zext64(IrBlock *ir, IrVal a)
{
    return ir_type(ir, a) == IR_I64 ? a : ir_op1(ir, IR_ZEXT64, a);
}

/* Bit 31 of an I32 is 0, whatever the operands are. */
static bool ir_never_negative(const IrBlock *ir, IrVal a)
{
    const IrInsn *i = &ir->insn[a.id];
    uint64_t c;

    switch (i->op) {
    case IR_SHR:
        return ir_is_const(ir, (IrVal){ i->arg[1] }, &c) && (c & 31);
    case IR_AND:
        return ir_is_const(ir, (IrVal){ i->arg[1] }, &c) && !(c >> 31 & 1);
    case IR_ZEXT:
    case IR_EXTRACT:
    case IR_SETCOND:
        return true;
    default:
        return false;
    }
}

/* What is never negative is extended at no cost. */
IrVal ir_sext64(IrBlock *ir, IrVal a)
{
    if (ir_type(ir, a) == IR_I64) {
        return a;
    }
    return ir_op1(ir, ir_never_negative(ir, a) ? IR_ZEXT64 : IR_SEXT64, a);
}

IrVal ir_extract(IrBlock *ir, IrVal a, unsigned pos, unsigned len)
{
    IrType t = ir_type(ir, a);
    unsigned w = ir_width(ir, a);
    uint64_t c;

    CHECK(len && pos + len <= w);
    if (pos == 0) {
        return ir_zext(ir, a, len);
    }
    if (ir_is_const(ir, a, &c)) {
        return ir_const(ir, t, c >> pos & ir_low_mask(len));
    }
    if (pos + len == w) {
        return ir_shri(ir, a, pos);
    }
    return ir_emit1(ir, IR_EXTRACT, t, 0, pos | len << 8, a);
}

IrVal ir_sextract(IrBlock *ir, IrVal a, unsigned pos, unsigned len)
{
    CHECK(len && pos + len <= ir_width(ir, a));
    if (pos == 0) {
        return ir_sext(ir, a, len);
    }
    if (pos + len == ir_width(ir, a)) {
        return ir_sari(ir, a, pos);
    }
    return ir_emit1(ir, IR_SEXTRACT, ir_type(ir, a), 0, pos | len << 8, a);
}

IrVal ir_deposit(IrBlock *ir, IrVal a, IrVal b, unsigned pos, unsigned len)
{
    unsigned w = ir_width(ir, a);
    IrType t = ir_type(ir, a);
    uint64_t ca, cb, m;

    CHECK(len && pos + len <= w && ir_type(ir, b) == t);
    if (len == w) {
        return b;
    }
    m = ir_low_mask(len);
    if (ir_is_const(ir, a, &ca)) {
        if (ir_is_const(ir, b, &cb)) {
            return ir_const(ir, t, (ca & ~(m << pos)) | (cb & m) << pos);
        }
        if (ca == 0) {
            return pos + len == w ? ir_shli(ir, b, pos) : ir_shli(ir, ir_zext(ir, b, len), pos);
        }
    }
    return ir_emit2(ir, IR_DEPOSIT, t, 0, pos | len << 8, a, b);
}

IrVal ir_extr(IrBlock *ir, IrVal hi, IrVal lo, unsigned count)
{
    if (count == 0) {
        return lo;
    }
    if (hi.id == lo.id) {
        return ir_rori(ir, lo, count);
    }
    return ir_emit2(ir, IR_EXTR, ir_type(ir, lo), 0, count, hi, lo);
}

IrVal ir_setcond(IrBlock *ir, IrType type, IrCmp cmp, IrVal a, IrVal b)
{
    return ir_emit2(ir, IR_SETCOND, type, cmp, 0, a, b);
}

IrVal ir_select(IrBlock *ir, IrVal c, IrVal a, IrVal b)
{
    uint64_t k;

    if (ir_is_const(ir, c, &k)) {
        return k ? a : b;
    }
    return ir_emit3(ir, IR_SELECT, ir_type(ir, a), 0, 0, c, a, b);
}

IrVal ir_select_flags(IrBlock *ir, IrVal f, IrCond cond, IrVal a, IrVal b)
{
    if (cond >= IR_COND_AL) {
        return a;
    }
    return ir_emit3(ir, IR_SELECT_FLAGS, ir_type(ir, a), cond, 0, f, a, b);
}

IrVal ir_crc32(IrBlock *ir, bool castagnoli, unsigned size, IrVal acc, IrVal data)
{
    return ir_emit2(ir, castagnoli ? IR_CRC32C : IR_CRC32, IR_I32, size, 0, acc, data);
}

/* ---- flags ---- */

IrVal ir_flags_fcmp(IrBlock *ir, unsigned esize, bool signalling, IrVal a, IrVal b)
{
    return ir_emit2(ir, IR_FLAGS_FCMP, IR_FLAGS, esize, signalling, a, b);
}

IrVal ir_flags_const(IrBlock *ir, unsigned nzcv)
{
    return ir_emit(ir, IR_FLAGS_CONST, IR_FLAGS, 0, nzcv & 15);
}

IrVal ir_flags_merge(IrBlock *ir, IrVal old_flags, IrVal new_flags, unsigned mask)
{
    if ((mask & 15) == 15) {
        return new_flags;
    }
    return ir_emit_args(ir, IR_FLAGS_MERGE, IR_FLAGS, 0, mask & 15,
                        (IrVal[]){ old_flags, new_flags }, 2);
}

IrVal ir_flags_select(IrBlock *ir, IrVal f, IrCond cond, IrVal a, IrVal b)
{
    if (cond >= IR_COND_AL) {
        return a;
    }
    return ir_emit3(ir, IR_FLAGS_SELECT, IR_FLAGS, cond, 0, f, a, b);
}

IrVal ir_flags_cond(IrBlock *ir, IrVal f, IrCond cond)
{
    if (cond >= IR_COND_AL) {
        return ir_i32(ir, 1);
    }
    return ir_emit1(ir, IR_FLAGS_COND, IR_I32, cond, 0, f);
}

/* ---- vectors ---- */

static IrVal ir_vector(IrBlock *ir, IrOpcode op, IrDesc desc, const IrVal *arg, unsigned n)
{
    DCHECK(ir_op_info[op].is_vector && strlen(ir_op_info[op].args) == n);
    return ir_emit_args(ir, op, IR_V128, 0, desc, arg, n);
}

static unsigned ir_desc_bytes(IrDesc d)
{
    return ir_desc_width(d) == IR_SCALAR ? 1u << ir_desc_esize(d)
                                         : (ir_desc_width(d) == IR_W64 ? 8 : 16);
}

/* Bytes from the lowest of a V128 beyond which all are known to be zero. */
static unsigned ir_low_bytes(const IrBlock *ir, IrVal v)
{
    const IrInsn *i = &ir->insn[v.id];

    switch (i->op) {
    case IR_LD:
    case IR_LDP:
        return ir_memop_bytes(i->imm);
    case IR_SECOND:
        return ir_memop_bytes(ir->insn[i->arg[0]].imm);
    case IR_VCONST:
        return ir->vconst[i->imm].u64[1] ? 16 : ir->vconst[i->imm].u64[0] >> 32 ? 8 : 4;
    case IR_VFROM:
        return ir->insn[i->arg[0]].type == IR_I64 ? 8 : 4;
    case IR_VFTOI: /* the result's lanes are of another size */
        return 16;
    default:
        return ir_op_info[i->op].is_vector ? ir_desc_bytes(i->imm) : 16;
    }
}

IrVal ir_v1(IrBlock *ir, IrOpcode op, IrDesc desc, IrVal a)
{
    if (op == IR_VLOW && ir_low_bytes(ir, a) <= ir_desc_bytes(desc)) {
        return a;
    }
    return ir_vector(ir, op, desc, &a, 1);
}

IrVal ir_v2(IrBlock *ir, IrOpcode op, IrDesc desc, IrVal a, IrVal b)
{
    return ir_vector(ir, op, desc, (IrVal[]){ a, b }, 2);
}

IrVal ir_v3(IrBlock *ir, IrOpcode op, IrDesc desc, IrVal a, IrVal b, IrVal c)
{
    return ir_vector(ir, op, desc, (IrVal[]){ a, b, c }, 3);
}

IrVal ir_v4(IrBlock *ir, IrOpcode op, IrDesc desc, IrVal a, IrVal b, IrVal c, IrVal d)
{
    return ir_vector(ir, op, desc, (IrVal[]){ a, b, c, d }, 4);
}

IrVal ir_vpack(IrBlock *ir, IrVal lo, IrVal hi)
{
    return ir_emit2(ir, IR_VPACK, IR_V128, 0, 0, lo, hi);
}

IrVal ir_vfrom(IrBlock *ir, IrVal a)
{
    return ir_emit1(ir, IR_VFROM, IR_V128, 0, 0, a);
}

IrVal ir_vdup(IrBlock *ir, unsigned esize, IrWidth width, IrVal a)
{
    return ir_emit1(ir, IR_VDUP, IR_V128, 0, ir_desc(esize, width), a);
}

IrVal ir_vinsert(IrBlock *ir, unsigned esize, unsigned lane, IrVal v, IrVal a)
{
    return ir_emit2(ir, IR_VINSERT, IR_V128, 0, ir_desc_imm(esize, IR_W128, lane), v, a);
}

IrVal ir_vextract(IrBlock *ir, IrType type, unsigned esize, unsigned lane, bool sign, IrVal v)
{
    return ir_emit1(ir, IR_VEXTRACT, type, sign, ir_desc_imm(esize, IR_W128, lane), v);
}
