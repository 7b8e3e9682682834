/* SPDX-License-Identifier: Apache-2.0 */
/* Operations without effects, as ops.def defines them. */
#include "accel/tcg/host/interp/interp-priv.h"

#include "accel/tcg/ir/ir-ref.h"
#include "util/error.h"

#include <string.h>

bool interp_cond(unsigned cond, uint32_t nzcv)
{
    bool n = nzcv >> 31, z = nzcv >> 30 & 1, c = nzcv >> 29 & 1, v = nzcv >> 28 & 1, r;

    switch (cond >> 1) {
    case 0:
        r = z;
        break;
    case 1:
        r = c;
        break;
    case 2:
        r = n;
        break;
    case 3:
        r = v;
        break;
    case 4:
        r = c && !z;
        break;
    case 5:
        r = n == v;
        break;
    case 6:
        r = n == v && !z;
        break;
    default:
        return true;
    }
    return r != (cond & 1);
}

bool interp_compare(unsigned cmp, IrType type, uint64_t a, uint64_t b)
{
    bool narrow = type == IR_I32;

    return ir_ref_compare((IrCmp)cmp, narrow ? (uint64_t)(int32_t)a : a,
                          narrow ? (uint64_t)(int32_t)b : b);
}

/* N, Z, C, V of a + b + carry in @w bits. */
static uint32_t pure_add_flags(uint64_t a, uint64_t b, unsigned carry, unsigned w)
{
    uint64_t mask = w == 32 ? UINT32_MAX : UINT64_MAX, top = 1ull << (w - 1), r;
    bool c;

    a &= mask;
    b &= mask;
    r = (a + b + carry) & mask;
    c = carry ? r <= a : r < a;
    return (uint32_t)(r & top ? 1u << 31 : 0) | (r == 0) << 30 | (uint32_t)c << 29 |
           (uint32_t)((~(a ^ b) & (a ^ r) & top) != 0) << 28;
}

static uint32_t pure_crc(uint32_t acc, uint64_t data, unsigned log2_bytes, uint32_t poly)
{
    for (unsigned i = 0; i < 1u << log2_bytes; i++) {
        acc ^= (uint8_t)(data >> i * 8);
        for (unsigned k = 0; k < 8; k++) {
            acc = acc & 1 ? acc >> 1 ^ poly : acc >> 1;
        }
    }
    return acc;
}

static uint64_t pure_rbit(uint64_t v)
{
    v = (v >> 1 & 0x5555555555555555) | (v & 0x5555555555555555) << 1;
    v = (v >> 2 & 0x3333333333333333) | (v & 0x3333333333333333) << 2;
    v = (v >> 4 & 0x0f0f0f0f0f0f0f0f) | (v & 0x0f0f0f0f0f0f0f0f) << 4;
    return __builtin_bswap64(v);
}

static uint64_t pure_mask(unsigned bits)
{
    return bits >= 64 ? UINT64_MAX : (1ull << bits) - 1;
}

static uint64_t pure_sext(uint64_t v, unsigned bits)
{
    return (uint64_t)((int64_t)(v << (64 - bits)) >> (64 - bits));
}

/* Operations of two integers, and shifts. */
static uint64_t pure_two(unsigned op, unsigned w, uint64_t a, uint64_t b)
{
    int64_t sa = (int64_t)pure_sext(a, w), sb = (int64_t)pure_sext(b, w);
    unsigned n = b & (w - 1);
    uint64_t q;

    switch (op) {
    case IR_ADD:
        return a + b;
    case IR_SUB:
        return a - b;
    case IR_MUL:
        return a * b;
    case IR_MULHU:
        return (uint64_t)((unsigned __int128)a * b >> w);
    case IR_MULHS:
        return (uint64_t)((__int128)sa * sb >> w);
    case IR_DIVU:
        return b ? a / b : 0;
    case IR_REMU:
        return b ? a % b : a;
    case IR_DIVS:
    case IR_REMS:
        q = !b ? 0 : sb == -1 ? 0 - a : (uint64_t)(sa / sb);
        return op == IR_DIVS ? q : a - b * q;
    case IR_AND:
        return a & b;
    case IR_OR:
        return a | b;
    case IR_XOR:
        return a ^ b;
    case IR_ANDC:
        return a & ~b;
    case IR_ORC:
        return a | ~b;
    case IR_EQV:
        return a ^ ~b;
    case IR_SHL:
        return a << n;
    case IR_SHR:
        return a >> n;
    case IR_SAR:
        return (uint64_t)(sa >> n);
    default: /* IR_ROR */
        return n ? a >> n | a << (w - n) : a;
    }
}

static uint64_t pure_bswap16(uint64_t a)
{
    return (a >> 8 & 0x00ff00ff00ff00ff) | (a & 0x00ff00ff00ff00ff) << 8;
}

static uint64_t pure_one(const IrInsn *i, unsigned w, uint64_t a)
{
    unsigned pos = i->imm & 0xff, len = i->imm >> 8;

    switch (i->op) {
    case IR_NOT:
        return ~a;
    case IR_NEG:
        return 0 - a;
    case IR_CLZ:
        return a ? (unsigned)__builtin_clzll(a) - (64 - w) : w;
    case IR_CTZ:
        return a ? (unsigned)__builtin_ctzll(a) : w;
    case IR_CLS:
        a = pure_sext(a, w);
        a ^= (uint64_t)((int64_t)a >> 63);
        return a ? (unsigned)__builtin_clzll(a) - (64 - w) - 1 : w - 1;
    case IR_POPCNT:
        return (unsigned)__builtin_popcountll(a);
    case IR_BSWAP:
        return __builtin_bswap64(a) >> (64 - w);
    case IR_BSWAP16:
        return pure_bswap16(a);
    case IR_BSWAP32:
        a = __builtin_bswap64(a);
        return w == 32 ? a >> 32 : a >> 32 | a << 32;
    case IR_RBIT:
        return pure_rbit(a) >> (64 - w);
    case IR_ZEXT:
        return a & pure_mask(i->imm);
    case IR_SEXT:
        return pure_sext(a, i->imm);
    case IR_SEXT64:
        return (uint64_t)(int64_t)(int32_t)a;
    case IR_EXTRACT:
        return a >> pos & pure_mask(len);
    case IR_SEXTRACT:
        return pure_sext(a >> pos, len);
    default: /* IR_TRUNC, IR_ZEXT64 */
        return a;
    }
}

static uint64_t pure_flags(const IrInsn *i, const IrInsn *insn, const IrV128 *val)
{
    uint64_t a = val[i->arg[0]].u64[0], b = val[i->arg[1]].u64[0], c = val[i->arg[2]].u64[0];
    unsigned w = insn[i->arg[0]].type == IR_I32 ? 32 : 64;
    uint32_t mask = i->imm << 28;

    switch (i->op) {
    case IR_FLAGS_ADD:
        return pure_add_flags(a, b, 0, w);
    case IR_FLAGS_SUB:
        return pure_add_flags(a, ~b, 1, w);
    case IR_FLAGS_ADC:
        return pure_add_flags(a, b, c & 1, w);
    case IR_FLAGS_SBC:
        return pure_add_flags(a, ~b, c & 1, w);
    case IR_FLAGS_LOGIC:
        return (uint32_t)(a >> (w - 1) & 1) << 31 | (uint32_t)(a == 0) << 30;
    case IR_FLAGS_MAKE:
        return a & 0xf0000000;
    case IR_FLAGS_CONST:
        return mask;
    case IR_FLAGS_MERGE:
        return (a & ~mask) | (b & mask);
    case IR_FLAGS_CARRY:
        return a >> 29 & 1;
    case IR_FLAGS_COND:
        return interp_cond(i->sub, (uint32_t)a);
    default: /* IR_FLAGS_BITS */
        return a;
    }
}

static void pure_to_vector(const IrInsn *i, const IrV128 *val, IrV128 *d)
{
    const IrV128 *a = &val[i->arg[0]];
    unsigned esize = ir_desc_esize(i->imm), bytes = 1u << esize;
    unsigned lane = ir_desc_immediate(i->imm) & ((16 >> esize) - 1);
    uint64_t b = val[i->arg[1]].u64[0];

    switch (i->op) {
    case IR_VPACK:
        *d = (IrV128){ .u64 = { a->u64[0], b } };
        break;
    case IR_VFROM:
        *d = (IrV128){ .u64 = { a->u64[0], 0 } };
        break;
    case IR_VDUP:
        *d = (IrV128){ 0 };
        for (unsigned k = 0; k < ir_desc_lanes(i->imm); k++) {
            memcpy(&d->u8[k * bytes], a, bytes);
        }
        break;
    default: /* IR_VINSERT */
        *d = *a;
        memcpy(&d->u8[lane * bytes], &b, bytes);
        break;
    }
}

static uint64_t pure_vextract(const IrInsn *i, const IrV128 *a)
{
    unsigned esize = ir_desc_esize(i->imm), bytes = 1u << esize;
    unsigned lane = ir_desc_immediate(i->imm) & ((16 >> esize) - 1);
    uint64_t v = 0;

    memcpy(&v, &a->u8[lane * bytes], bytes);
    return i->sub ? pure_sext(v, bytes * 8) : v;
}

void interp_pure(const IrInsn *i, const IrInsn *insn, const IrV128 *val, IrV128 *d)
{
    uint64_t a = val[i->arg[0]].u64[0], b = val[i->arg[1]].u64[0], r;
    unsigned w = i->type == IR_I32 ? 32 : 64, pos = i->imm & 0xff, len = i->imm >> 8;

    switch (i->op) {
    case IR_ADD ... IR_ROR:
        r = i->op == IR_NOT || i->op == IR_NEG ? pure_one(i, w, a) : pure_two(i->op, w, a, b);
        break;
    case IR_EXTR:
        r = i->imm ? b >> i->imm | a << (w - i->imm) : b;
        break;
    case IR_CLZ ... IR_SEXTRACT:
        r = pure_one(i, w, a);
        break;
    case IR_DEPOSIT:
        r = (a & ~(pure_mask(len) << pos)) | (b & pure_mask(len)) << pos;
        break;
    case IR_SETCOND:
        r = interp_compare(i->sub, (IrType)insn[i->arg[0]].type, a, b);
        break;
    case IR_CRC32:
        r = pure_crc((uint32_t)a, b, i->sub, 0xedb88320);
        break;
    case IR_CRC32C:
        r = pure_crc((uint32_t)a, b, i->sub, 0x82f63b78);
        break;
    case IR_FLAGS_ADD ... IR_FLAGS_BITS:
        r = pure_flags(i, insn, val);
        break;
    case IR_VEXTRACT:
        r = pure_vextract(i, &val[i->arg[0]]);
        break;
    default:
        pure_to_vector(i, val, d);
        return;
    }
    d->u64[0] = i->type == IR_I32 ? (uint32_t)r : r;
}
