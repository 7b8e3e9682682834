/* SPDX-License-Identifier: Apache-2.0 */
/* Between vec.c, which chooses registers, and vec-*.c, which write the sequences. */
#ifndef ACCEL_TCG_HOST_X86_64_VEC_PRIV_H
#define ACCEL_TCG_HOST_X86_64_VEC_PRIV_H

#include "accel/tcg/host/x86_64/x64-priv.h"

/* Vector instructions beyond those of asm.h. */
enum {
    XV_PADDSB = 0xec | X_0F | X_66,
    XV_PADDSW = 0xed | X_0F | X_66,
    XV_PADDUSB = 0xdc | X_0F | X_66,
    XV_PADDUSW = 0xdd | X_0F | X_66,
    XV_PSUBSB = 0xe8 | X_0F | X_66,
    XV_PSUBSW = 0xe9 | X_0F | X_66,
    XV_PSUBUSB = 0xd8 | X_0F | X_66,
    XV_PSUBUSW = 0xd9 | X_0F | X_66,
    XV_PMULHW = 0xe5 | X_0F | X_66,
    XV_PMULHUW = 0xe4 | X_0F | X_66,
    XV_PMULHRSW = 0x0b | X_0F38 | X_66,
    XV_PMADDWD = 0xf5 | X_0F | X_66,
    XV_PSADBW = 0xf6 | X_0F | X_66,
    XV_PHMINPOSUW = 0x41 | X_0F38 | X_66,
    XV_PACKSSWB = 0x63 | X_0F | X_66,
    XV_PACKSSDW = 0x6b | X_0F | X_66,
    XV_PACKUSWB = 0x67 | X_0F | X_66,
    XV_PACKUSDW = 0x2b | X_0F38 | X_66,
    XV_INSERTPS = 0x21 | X_0F3A | X_66,
    XV_SHUFPD = 0xc6 | X_0F | X_66,
    XV_AESDEC = 0xde | X_0F38 | X_66,
    /* SHA: never VEX */
    XV_SHA1RNDS4 = 0xcc | X_0F3A,
    XV_SHA256RNDS2 = 0xcb | X_0F38,
    XV_SHA256MSG1 = 0xcc | X_0F38,
    XV_SHA256MSG2 = 0xcd | X_0F38,
    XV_PMOVSXBQ = 0x22 | X_0F38 | X_66,
    /* AVX2 */
    XV_PBROADCASTB = 0x78 | X_0F38 | X_66,
    XV_PBROADCASTW = 0x79 | X_0F38 | X_66,
    XV_PBROADCASTD = 0x58 | X_0F38 | X_66,
    XV_PBROADCASTQ = 0x59 | X_0F38 | X_66,
    XV_PSLLVD = 0x47 | X_0F38 | X_66,
    XV_PSRLVD = 0x45 | X_0F38 | X_66,
    XV_PGATHERDD = 0x90 | X_0F38 | X_66,
    XV_PGATHERQQ = 0x91 | X_0F38 | X_66 | X_W,
    XV_PSRAVD = 0x46 | X_0F38 | X_66,
    /* AVX-512 */
    XV_PTERNLOGD = 0x25 | X_0F3A | X_66 | X_EVEX,
    XV_PMULLQ = 0x40 | X_0F38 | X_66 | X_W | X_EVEX,
    XV_PABSQ = 0x1f | X_0F38 | X_66 | X_W | X_EVEX,
    XV_PMINSQ = 0x39 | X_0F38 | X_66 | X_W | X_EVEX,
    XV_PMINUQ = 0x3b | X_0F38 | X_66 | X_W | X_EVEX,
    XV_PMAXSQ = 0x3d | X_0F38 | X_66 | X_W | X_EVEX,
    XV_PMAXUQ = 0x3f | X_0F38 | X_66 | X_W | X_EVEX,
    XV_PSRAQ_I = 0x72 | X_0F | X_66 | X_W | X_EVEX, /* group 4 */
    XV_PRORD_I = 0x72 | X_0F | X_66 | X_EVEX,       /* group 0; X_W: 64 bits */
    XV_PSLLVW = 0x12 | X_0F38 | X_66 | X_W | X_EVEX,
    XV_PSRLVW = 0x10 | X_0F38 | X_66 | X_W | X_EVEX,
    XV_PSRAVW = 0x11 | X_0F38 | X_66 | X_W | X_EVEX,
    XV_PLZCNTD = 0x44 | X_0F38 | X_66 | X_EVEX,
    XV_PMOVSQD = 0x25 | X_0F38 | X_F3 | X_EVEX, /* r/m is the destination */
    XV_PMOVUSQD = 0x15 | X_0F38 | X_F3 | X_EVEX,
    XV_PBROADCASTB_R = 0x7a | X_0F38 | X_66 | X_EVEX, /* from a general register */
    XV_PBROADCASTW_R = 0x7b | X_0F38 | X_66 | X_EVEX,
    XV_PBROADCASTD_R = 0x7c | X_0F38 | X_66 | X_EVEX, /* X_W: 64 bits */
    /* with a CPUID bit of their own */
    XV_PDPBUSD = 0x50 | X_0F38 | X_66 | X_EVEX,
    XV_PDPWSSD = 0x52 | X_0F38 | X_66 | X_EVEX,
    XV_PMADDUBSW = 0x04 | X_0F38 | X_66,
    XV_PSIGNB = 0x08 | X_0F38 | X_66,
    XV_POPCNTB = 0x54 | X_0F38 | X_66 | X_EVEX,
    XV_GF2P8AFFINEQB = 0xce | X_0F3A | X_66, /* VEX: X_W */
    XV_PERMB = 0x8d | X_0F38 | X_66 | X_EVEX,
};

/* An operation while it is emitted. All registers of it differ but for equal operands. */
typedef struct X64Vec {
    X64Emit *e;
    X64Asm *a;
    const X64Features *f;
    const IrInsn *insn;
    IrDesc desc;
    unsigned op, esize, variant, imm;
    IrWidth width;
    unsigned d, x[4], t[7]; /* result, operands, temporaries */
    X64Mem m;               /* where operand XV_MEM is */
    bool clean;             /* set: what lies beyond the width is zero already */
} X64Vec;

/* Instead of x[1]'s register, for rows that give it to one instruction as the last operand. */
enum { XV_MEM = 32 };

/* Emit the sequence; false: there is none (on this tier, for this desc). */
typedef bool X64VecFn(X64Vec *v);

/* vec-int.c */
X64VecFn x64_vec_logic, x64_vec_not, x64_vec_bsl, x64_vec_arith, x64_vec_mul, x64_vec_neg,
    x64_vec_abs, x64_vec_minmax, x64_vec_cmp, x64_vec_abd, x64_vec_hadd, x64_vec_hsub, x64_vec_cnt,
    x64_vec_rbit, x64_vec_estimate, x64_vec_clz, x64_vec_cls, x64_vec_fsign;
/* vec-sat.c */
X64VecFn x64_vec_qadd, x64_vec_qsub, x64_vec_qabs, x64_vec_qdmulh, x64_vec_qdmull, x64_vec_qnarrow,
    x64_vec_qrdmlah;
/* vec-mul.c */
X64VecFn x64_vec_mull, x64_vec_dot, x64_vec_mmla, x64_vec_pmul, x64_vec_pmull;
/* vec-shift.c */
X64VecFn x64_vec_shift_imm, x64_vec_rshri, x64_vec_rori, x64_vec_shlv, x64_vec_qshlv, x64_vec_widen,
    x64_vec_narrow;
/* vec-perm.c */
X64VecFn x64_vec_low, x64_vec_addv, x64_vec_minmaxv, x64_vec_zip, x64_vec_uzp, x64_vec_trn,
    x64_vec_rev, x64_vec_ext, x64_vec_duplane, x64_vec_inslane, x64_vec_tbl, x64_vec_tbx;
/* vec-crypto.c */
X64VecFn x64_vec_aes, x64_vec_sha1, x64_vec_sha1su1, x64_vec_sha256h, x64_vec_sha256su0,
    x64_vec_sha256su1, x64_vec_sha512h, x64_vec_sha512su0, x64_vec_sha512su1;

/* Emit @insn together with a later operation that it makes one instruction with (done[]). */
bool x64_vec_fuse(X64Emit *e, unsigned id, const IrInsn *insn);

/* ---- pieces (vec.c) ---- */

bool x64_vec_is_inline(X64Emit *e, const IrInsn *insn);

/* The 64 bits whose lanes of 8 << @esize bits are @x. */
static inline uint64_t xv_lanes(unsigned esize, uint64_t x)
{
    static const uint64_t one[4] = { 0x0101010101010101, 0x0001000100010001, 0x0000000100000001,
                                     1 };

    return (esize == 3 ? x : x & ((1ull << (8 << esize)) - 1)) * one[esize];
}

/* The top bit of each lane. */
static inline uint64_t xv_signs(unsigned esize)
{
    return xv_lanes(esize, 1ull << ((8 << esize) - 1));
}

static inline void xv3(X64Vec *v, X64Op op, unsigned d, unsigned a, unsigned b)
{
    if (b == XV_MEM) {
        x64_v3m(v->a, op, d, a, v->m);
    } else {
        x64_v3(v->a, op, d, a, b);
    }
}

static inline void xv3i(X64Vec *v, X64Op op, unsigned d, unsigned a, unsigned b, unsigned imm)
{
    x64_v3i(v->a, op, d, a, b, (uint8_t)imm);
}

static inline void xv2(X64Vec *v, X64Op op, unsigned d, unsigned a)
{
    x64_v2(v->a, op, d, a);
}

static inline void xv2i(X64Vec *v, X64Op op, unsigned d, unsigned a, unsigned imm)
{
    x64_v2i(v->a, op, d, a, (uint8_t)imm);
}

static inline void xv_mov(X64Vec *v, unsigned d, unsigned a)
{
    x64_vmov(v->a, d, a);
}

static inline void xv_zero(X64Vec *v, unsigned d)
{
    x64_v3(v->a, XO_PXOR, d, d, d);
}

static inline void xv_ones(X64Vec *v, unsigned d)
{
    x64_v3(v->a, XO_PCMPEQD, d, d, d);
}

/* @d := the constant. */
void xv_const(X64Emit *e, unsigned d, uint64_t lo, uint64_t hi);
/* @d := @op of @a and the constant, which lies in the block's pool. */
void xv_with(X64Vec *v, X64Op op, unsigned d, unsigned a, uint64_t lo, uint64_t hi);
/* The same with an immediate behind. */
void xv_with_imm(X64Vec *v, X64Op op, unsigned d, unsigned a, uint64_t lo, uint64_t hi,
                 uint8_t imm);
/* The same, both halves of the constant alike. */
static inline void xv_with2(X64Vec *v, X64Op op, unsigned d, unsigned a, uint64_t half)
{
    xv_with(v, op, d, a, half, half);
}

/* Shift whole lanes of 16, 32 or 64 bits; group 2: right, 4: arithmetic, 6: left. */
void xv_shift(X64Vec *v, unsigned esize, unsigned group, unsigned d, unsigned a, unsigned n);
/* The even or odd bytes of @a as lanes of 16 bits. */
void xv_wide_bytes(X64Vec *v, unsigned d, unsigned a, bool odd, bool is_signed);
enum { XV_RIGHT = 2, XV_ARITH = 4, XV_LEFT = 6 };
/* Shift the whole register by bytes. */
void xv_bytes(X64Vec *v, bool left, unsigned d, unsigned a, unsigned bytes);
/* @d := ~@a; @d != @a unless the tier has a form for it (then false is returned). */
void xv_not(X64Vec *v, unsigned d, unsigned a, unsigned tmp);
/* @d := bit 7 of each byte of @mask ? @yes : @d. Uses xmm0 on SSE. */
void xv_blend(X64Vec *v, unsigned d, unsigned yes, unsigned mask);
/* The part of @r that belongs to the width remains; lanes of @esize. */
void xv_trim(X64Vec *v, unsigned r, unsigned esize);
/* Lanes of the width in @r that are not zero were clipped: set IrFpState.saturated. The last of a
 * sequence, as it jumps; destroys @r and EFLAGS (the row says so). */
void xv_saturated(X64Vec *v, unsigned r, unsigned esize);

/* Shared sequences. @d and the temporaries differ from the operands. */
X64Op xv_add_op(unsigned esize);
X64Op xv_sub_op(unsigned esize);
X64Op xv_eq_op(unsigned esize);
X64Op xv_gt_op(unsigned esize);
/* Minimum or maximum of any lane size; 64 bits without AVX-512 need two temporaries. */
void xv_minmax(X64Vec *v, bool is_signed, bool max, unsigned esize, unsigned d, unsigned a,
               unsigned b, unsigned t0, unsigned t1);
/* @d := lanes of @a that are negative ? all ones : 0. */
void xv_signmask(X64Vec *v, unsigned esize, unsigned d, unsigned a);
/* Shift lanes of the operation's size by a constant; @d differs from @a. */
void xv_lane_shift(X64Vec *v, unsigned group, unsigned d, unsigned a, unsigned n);
/*
 * Shift by whole lanes of @esize, 16 bits or more, counts unsigned: too great a one gives 0, or the
 * sign. Signed to the right of 64 bits without AVX-512 uses xmm0 and the result's register.
 */
void xv_by_lane(X64Vec *v, unsigned esize, unsigned group, unsigned d, unsigned a, unsigned n);
/*
 * VSHLV of lanes of 16 bits and more, counts being whole signed lanes in @c. A count of the wrong
 * sign is a great unsigned one, so that shifting by it gives 0, but for arithmetic shifts. @d may
 * be
 * @a; uses t[2], t[3].
 */
void xv_shlv_lanes(X64Vec *v, unsigned esize, unsigned d, unsigned a, unsigned c);
/* @d := the signed low byte of each lane of @b. */
void xv_counts(X64Vec *v, unsigned esize, unsigned d, unsigned b);
/* Product of narrow lanes into wide ones of @esize. */
bool xv_mull(X64Vec *v, unsigned esize, bool is_signed, bool high, unsigned d, unsigned a,
             unsigned b, unsigned t);

#endif
