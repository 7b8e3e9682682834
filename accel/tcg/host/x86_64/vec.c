/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector operations. What has a short sequence is inline, chosen by the table below and by what
 * the host CPU offers; the rest calls the reference function through the vCPU's scratch vectors.
 */
#include "accel/tcg/host.h"
#include "accel/tcg/host/x86_64/vec-priv.h"
#include "accel/tcg/host/x86_64/x64-fp.h"
#include "accel/tcg/ir/ir-ref.h"

#include <string.h>

/* ---- through the reference functions ---- */

uint64_t x64_ref_call(Cpu *cpu, uint64_t op, uint64_t desc)
{
    TcgCpu *tc = tcg_cpu(cpu);
    IrFpState *st = (IrFpState *)((char *)cpu + cpu->target->fp_offset);

    ir_ref_fn[op](&tc->scratch[4], tc->scratch, (IrDesc)desc, st);
    return 0;
}

static void x64_vec_ref(X64Emit *e, unsigned id, const IrInsn *insn)
{
    X64Call c = { .fn = (const void *)(uintptr_t)x64_ref_call, .n_args = 2 };

    for (unsigned n = 0; n < 4 && insn->arg[n]; n++) {
        x64_to_scratch(e, insn->arg[n], n);
    }
    c.arg[0].is_imm = c.arg[1].is_imm = true;
    c.arg[0].imm = insn->op;
    c.arg[1].imm = insn->imm;
    x64_emit_call(e, &c);
    x64_kill_args(e);
    x64_v2m(&e->a, XO_MOVDQU_LD, x64_xdef(e, id), x64_env(e->lay->scratch + 4 * 16));
}

/* ---- constants ---- */

static unsigned x64_pool_index(X64Emit *e, uint64_t lo, uint64_t hi)
{
    IrV128 c = { .u64 = { lo, hi } };

    for (unsigned n = 0; n < e->pool->len; n++) {
        if (!memcmp(&g_array_index(e->pool, IrV128, n), &c, sizeof(c))) {
            return n;
        }
    }
    g_array_append_val(e->pool, c);
    return e->pool->len - 1;
}

/* The instruction just emitted ends with a displacement to the constant, then @tail bytes. */
static void x64_pool_ref(X64Emit *e, uint64_t lo, uint64_t hi, unsigned tail)
{
    X64PoolRef ref = { .at = x64_pos(&e->a) - 4 - tail,
                       .tail = (uint8_t)tail,
                       .index = (uint16_t)x64_pool_index(e, lo, hi) };

    g_array_append_val(e->pool_refs, ref);
}

void x64_pool_emit(X64Emit *e)
{
    uint32_t start;

    if (!e->pool->len) {
        return;
    }
    x64_room(&e->a);
    while ((uintptr_t)e->a.p % 16) {
        x64_byte(&e->a, 0xcc);
    }
    start = x64_pos(&e->a);
    for (unsigned n = 0; n < e->pool->len; n++) {
        const IrV128 *c = &g_array_index(e->pool, IrV128, n);

        x64_room(&e->a);
        x64_u64(&e->a, c->u64[0]);
        x64_u64(&e->a, c->u64[1]);
    }
    for (unsigned n = 0; n < e->pool_refs->len && !e->a.overflow; n++) {
        const X64PoolRef *ref = &g_array_index(e->pool_refs, X64PoolRef, n);
        uint32_t distance = start + ref->index * 16u - (ref->at + 4 + ref->tail);

        memcpy(e->a.start + ref->at, &distance, 4);
    }
}

void xv_const(X64Emit *e, unsigned d, uint64_t lo, uint64_t hi)
{
    if (!lo && !hi) {
        x64_v3(&e->a, XO_PXOR, d, d, d);
    } else if (lo == UINT64_MAX && hi == UINT64_MAX) {
        x64_v3(&e->a, XO_PCMPEQD, d, d, d);
    } else {
        x64_v2m(&e->a, XO_MOVDQA_LD, d, x64_rip());
        x64_pool_ref(e, lo, hi, 0);
    }
}

void xv_with(X64Vec *v, X64Op op, unsigned d, unsigned a, uint64_t lo, uint64_t hi)
{
    x64_v3_aligned(v->a, op, d, a, x64_rip());
    x64_pool_ref(v->e, lo, hi, 0);
}

void xv_with_imm(X64Vec *v, X64Op op, unsigned d, unsigned a, uint64_t lo, uint64_t hi, uint8_t imm)
{
    x64_v3_aligned(v->a, op, d, a, x64_rip());
    x64_byte(v->a, imm);
    x64_pool_ref(v->e, lo, hi, 1);
}

/* ---- pieces ---- */

void xv_shift(X64Vec *v, unsigned esize, unsigned group, unsigned d, unsigned a, unsigned n)
{
    static const X64Op op[4] = { 0, XO_PSHIFTW_I, XO_PSHIFTD_I, XO_PSHIFTQ_I };

    x64_vshift(v->a, op[esize], group, d, a, (uint8_t)n);
}

void xv_wide_bytes(X64Vec *v, unsigned d, unsigned a, bool odd, bool is_signed)
{
    if (odd) {
        xv_shift(v, 1, is_signed ? XV_ARITH : XV_RIGHT, d, a, 8);
    } else if (is_signed) {
        xv_shift(v, 1, XV_LEFT, d, a, 8);
        xv_shift(v, 1, XV_ARITH, d, d, 8);
    } else {
        xv_with2(v, XO_PAND, d, a, xv_lanes(1, 0xff));
    }
}

void xv_bytes(X64Vec *v, bool left, unsigned d, unsigned a, unsigned bytes)
{
    x64_vshift(v->a, XO_PSHIFTQ_I, left ? 7 : 3, d, a, (uint8_t)bytes);
}

void xv_not(X64Vec *v, unsigned d, unsigned a, unsigned tmp)
{
    if (v->f->avx512) {
        xv3i(v, XV_PTERNLOGD, d, a, a, 0x55);
    } else {
        xv_ones(v, tmp);
        xv3(v, XO_PXOR, d, a, tmp);
    }
}

void xv_blend(X64Vec *v, unsigned d, unsigned yes, unsigned mask)
{
    if (v->a->avx) {
        x64_vex_rri(v->a, 0x4c | X_0F3A | X_66, d, d, yes, (uint8_t)(mask << 4)); /* vpblendvb */
    } else {
        xv_mov(v, 0, mask);
        x64_rr(v->a, XO_PBLENDVB, d, yes);
    }
}

void xv_trim(X64Vec *v, unsigned r, unsigned esize)
{
    if (v->width == IR_W128) {
        return;
    }
    if (v->width == IR_W64 || esize == 3) {
        xv2(v, XO_MOVQ_LD, r, r);
    } else {
        xv_with(v, XO_PAND, r, r, (1ull << (8 << esize)) - 1, 0);
    }
}

/* A short jump ahead; the byte to give its distance to. */
static uint8_t *xv_skip(X64Asm *a, X64Cc cc)
{
    x64_op0(a, 0x70 | cc);
    x64_byte(a, 0);
    return a->overflow ? NULL : a->p - 1;
}

static void xv_skip_to(X64Asm *a, uint8_t *from)
{
    if (!a->overflow) {
        *from = (uint8_t)(a->p - from - 1);
    }
}

void xv_saturated(X64Vec *v, unsigned r, unsigned esize)
{
    int32_t at = v->e->lay->fp + (int32_t)offsetof(IrFpState, saturated);
    uint8_t *set, *none;

    /* Both branches go the same way almost always: the flag is sticky, and rarely set at first. */
    x64_rbp(v->a, 0x80, 7, at); /* cmp byte, 0 */
    x64_byte(v->a, 0);
    set = xv_skip(v->a, CC_NE);
    xv_trim(v, r, esize);
    xv2(v, XO_PTEST, r, r);
    none = xv_skip(v->a, CC_E);
    x64_rbp(v->a, 0xc6, 0, at); /* mov byte, 1 */
    x64_byte(v->a, 1);
    xv_skip_to(v->a, set);
    xv_skip_to(v->a, none);
}

/* ---- between vectors and integers ---- */

void x64_op_VCONST(X64Emit *e, unsigned id, const IrInsn *insn)
{
    const IrV128 *v = &e->ir->vconst[insn->imm];

    xv_const(e, x64_xdef(e, id), v->u64[0], v->u64[1]);
}

void x64_op_VPACK(X64Emit *e, unsigned id, const IrInsn *insn)
{
    unsigned lo = x64_reg(e, insn->arg[0], RCX), hi = x64_reg(e, insn->arg[1], RDX);
    unsigned d = x64_xdef(e, id);

    x64_v2(&e->a, XO_MOVD_LD | X_W, d, lo);
    x64_vins(&e->a, XO_PINSRD | X_W, d, d, hi, 1);
}

void x64_op_VFROM(X64Emit *e, unsigned id, const IrInsn *insn)
{
    bool w = x64_wide(x64_insn(e, insn->arg[0]));
    unsigned a;

    if (x64_fp_from(e, id, insn)) {
        return;
    }
    a = x64_reg(e, insn->arg[0], RCX);
    x64_v2(&e->a, XO_MOVD_LD | X_W_IF(w), x64_xdef(e, id), a);
}

/* Every lane of @d := lane 0 of it. Uses xmm1. */
static void x64_vsplat(X64Emit *e, unsigned esize, unsigned d)
{
    switch (esize) {
    case 0:
        if (e->feat->avx2) {
            x64_v2(&e->a, XV_PBROADCASTB, d, d);
        } else {
            x64_v3(&e->a, XO_PXOR, 1, 1, 1);
            x64_v3(&e->a, XO_PSHUFB, d, d, 1);
        }
        break;
    case 1:
        if (e->feat->avx2) {
            x64_v2(&e->a, XV_PBROADCASTW, d, d);
        } else {
            x64_v2i(&e->a, XO_PSHUFLW, d, d, 0);
            x64_v3(&e->a, XO_PUNPCKLQDQ, d, d, d);
        }
        break;
    default:
        x64_v2i(&e->a, XO_PSHUFD, d, d, esize == 2 ? 0 : 0x44);
        break;
    }
}

void x64_op_VDUP(X64Emit *e, unsigned id, const IrInsn *insn)
{
    static const X64Op from_gpr[4] = { XV_PBROADCASTB_R, XV_PBROADCASTW_R, XV_PBROADCASTD_R,
                                       XV_PBROADCASTD_R | X_W };
    unsigned esize = ir_desc_esize(insn->imm);
    IrWidth width = ir_desc_width(insn->imm);
    bool w = x64_wide(x64_insn(e, insn->arg[0]));
    unsigned a = x64_reg(e, insn->arg[0], RCX), d = x64_xdef(e, id);

    if (width == IR_W128 && e->feat->avx512) {
        x64_evex_rr(&e->a, from_gpr[esize], d, 0, a);
        return;
    }
    if (width == IR_SCALAR && esize < 2) {
        x64_rr(&e->a, esize ? XO_MOVZX16 : XO_MOVZX8, RAX, a);
        a = RAX;
    }
    x64_v2(&e->a, XO_MOVD_LD | X_W_IF(w && (width != IR_SCALAR || esize == 3)), d, a);
    if (width != IR_SCALAR && !(width == IR_W64 && esize == 3)) {
        x64_vsplat(e, esize, d);
    }
    if (width == IR_W64) {
        x64_v2(&e->a, XO_MOVQ_LD, d, d);
    }
}

static const X64Op x64_pinsr[4] = { XO_PINSRB, XO_PINSRW, XO_PINSRD, XO_PINSRD | X_W };

/* eax/rax := lane of @s. */
static void x64_vlane_get(X64Emit *e, unsigned esize, unsigned lane, unsigned s, unsigned r)
{
    static const X64Op op[4] = { XO_PEXTRB, XO_PEXTRW, XO_PEXTRD, XO_PEXTRD | X_W };

    if (lane == 0 && esize >= 2) {
        x64_v2(&e->a, XO_MOVD_ST | X_W_IF(esize == 3), s, r);
    } else {
        x64_v2i(&e->a, op[esize], s, r, (uint8_t)lane);
    }
}

void x64_op_VINSERT(X64Emit *e, unsigned id, const IrInsn *insn)
{
    unsigned esize = ir_desc_esize(insn->imm), lane = ir_desc_immediate(insn->imm);
    unsigned v = x64_xreg(e, insn->arg[0], 1), r = x64_reg(e, insn->arg[1], RCX);

    x64_kill_args(e);
    x64_vins(&e->a, x64_pinsr[esize], x64_xdef(e, id), v, r, (uint8_t)lane);
}

void x64_op_VEXTRACT(X64Emit *e, unsigned id, const IrInsn *insn)
{
    unsigned esize = ir_desc_esize(insn->imm), lane = ir_desc_immediate(insn->imm);
    unsigned v = x64_xreg(e, insn->arg[0], 1);
    bool w = x64_wide(insn);

    x64_kill_args(e);

    unsigned d = x64_def(e, id);

    x64_vlane_get(e, esize, lane, v, d);
    if (insn->sub && esize < 2) {
        x64_rr(&e->a, (esize ? XO_MOVSX16 : XO_MOVSX8) | X_W_IF(w), d, d);
    } else if (insn->sub && esize == 2 && w) {
        x64_rr(&e->a, XO_MOVSXD, d, d);
    } else if (esize == 3 && !w) {
        x64_mov_rr(&e->a, false, d, d);
    }
}

/* ---- the table ---- */

typedef struct X64VecRow {
    X64VecFn *fn;
    uint8_t temps;
    bool eflags;  /* destroys EFLAGS, uses rax */
    bool zeros;   /* lanes that are zero in every operand are zero in the result */
    uint8_t fold; /* bit n: lane size for which the last operand may be memory; 16: a and b may
                     be exchanged */
} X64VecRow;

enum { FOLD_SWAP = 16, FOLD_ALL = 15 | FOLD_SWAP, FOLD_32 = 7 | FOLD_SWAP };

static const X64VecRow x64_vec_rows[IR_N_OPS] = {
    [IR_VLOW] = { x64_vec_low, 0, .zeros = true },
    [IR_VAND] = { x64_vec_logic, 0, .zeros = true, .fold = FOLD_ALL },
    [IR_VOR] = { x64_vec_logic, 0, .zeros = true, .fold = FOLD_ALL },
    [IR_VXOR] = { x64_vec_logic, 0, .zeros = true, .fold = FOLD_ALL },
    [IR_VANDC] = { x64_vec_logic, 0, .zeros = true },
    [IR_VORC] = { x64_vec_logic, 1 },
    [IR_VNOT] = { x64_vec_not, 1 },
    [IR_VBSL] = { x64_vec_bsl, 0, .zeros = true },
    [IR_VADD] = { x64_vec_arith, 0, .zeros = true, .fold = FOLD_ALL },
    [IR_VSUB] = { x64_vec_arith, 0, .zeros = true, .fold = 15 },
    [IR_VMUL] = { x64_vec_mul, 2, .zeros = true, .fold = 6 | FOLD_SWAP },
    [IR_VNEG] = { x64_vec_neg, 0, .zeros = true },
    [IR_VABS] = { x64_vec_abs, 1, .zeros = true },
    [IR_VUMIN] = { x64_vec_minmax, 2, .zeros = true, .fold = FOLD_32 },
    [IR_VUMAX] = { x64_vec_minmax, 2, .zeros = true, .fold = FOLD_32 },
    [IR_VSMIN] = { x64_vec_minmax, 2, .zeros = true, .fold = FOLD_32 },
    [IR_VSMAX] = { x64_vec_minmax, 2, .zeros = true, .fold = FOLD_32 },
    [IR_VCMP] = { x64_vec_cmp, 2 },
    [IR_VABD] = { x64_vec_abd, 3, .zeros = true },
    [IR_VHADD] = { x64_vec_hadd, 2 },
    [IR_VHSUB] = { x64_vec_hsub, 2 },
    [IR_VCNT] = { x64_vec_cnt, 2, .zeros = true },
    [IR_VRBIT] = { x64_vec_rbit, 2, .zeros = true },
    [IR_VURECPE] = { x64_vec_estimate, 3 },
    [IR_VURSQRTE] = { x64_vec_estimate, 3 },
    [IR_VCLZ] = { x64_vec_clz, 3 },
    [IR_VCLS] = { x64_vec_cls, 4 },
    [IR_VFABS] = { x64_vec_fsign, 0, .zeros = true },
    [IR_VFNEG] = { x64_vec_fsign, 0 },
    [IR_VMULL] = { x64_vec_mull, 2 },
    [IR_VPMUL] = { x64_vec_pmul, 3, .zeros = true },
    [IR_VPMULL] = { x64_vec_pmull, 3 },
    [IR_VDOT] = { x64_vec_dot, 2 },
    [IR_VMMLA] = { x64_vec_mmla, 4 },
    [IR_VSHLI] = { x64_vec_shift_imm, 1, .zeros = true },
    [IR_VSHRI] = { x64_vec_shift_imm, 1, .zeros = true },
    [IR_VSARI] = { x64_vec_shift_imm, 1, .zeros = true },
    [IR_VRSHRI] = { x64_vec_rshri, 2, .zeros = true },
    [IR_VRORI] = { x64_vec_rori, 2, .zeros = true },
    [IR_VSHLV] = { x64_vec_shlv, 4, .zeros = true },
    [IR_VQSHLV] = { x64_vec_qshlv, 7, .eflags = true, .zeros = true },
    [IR_VWIDEN] = { x64_vec_widen, 0, .fold = 15 },
    [IR_VNARROW] = { x64_vec_narrow, 0 },
    [IR_VQADD] = { x64_vec_qadd, 4, .eflags = true, .zeros = true },
    [IR_VQSUB] = { x64_vec_qsub, 3, .eflags = true, .zeros = true },
    [IR_VQABS] = { x64_vec_qabs, 2, .eflags = true, .zeros = true },
    [IR_VQDMULH] = { x64_vec_qdmulh, 2, .eflags = true, .zeros = true },
    [IR_VQRDMLAH] = { x64_vec_qrdmlah, 6, .eflags = true, .zeros = true },
    [IR_VQDMULL] = { x64_vec_qdmull, 2, .eflags = true },
    [IR_VQNARROW] = { x64_vec_qnarrow, 3, .eflags = true },
    [IR_VADDV] = { x64_vec_addv, 1 },
    [IR_VMINMAXV] = { x64_vec_minmaxv, 1 },
    [IR_VZIP] = { x64_vec_zip, 0 },
    [IR_VUZP] = { x64_vec_uzp, 1 },
    [IR_VTRN] = { x64_vec_trn, 1, .zeros = true },
    [IR_VREV] = { x64_vec_rev, 0, .zeros = true },
    [IR_VEXT] = { x64_vec_ext, 0 },
    [IR_VDUPLANE] = { x64_vec_duplane, 1, .fold = 15 },
    [IR_VINSLANE] = { x64_vec_inslane, 1 },
    [IR_VTBL] = { x64_vec_tbl, 1 },
    [IR_VTBX] = { x64_vec_tbx, 2 },
    [IR_VAESE] = { x64_vec_aes, 1 },
    [IR_VAESD] = { x64_vec_aes, 1 },
    [IR_VAESMC] = { x64_vec_aes, 1 },
    [IR_VAESIMC] = { x64_vec_aes, 1 },
    [IR_VSHA1] = { x64_vec_sha1, 1 },
    [IR_VSHA1SU1] = { x64_vec_sha1su1, 2 },
    [IR_VSHA256H] = { x64_vec_sha256h, 2 },
    [IR_VSHA256SU0] = { x64_vec_sha256su0, 0 },
    [IR_VSHA256SU1] = { x64_vec_sha256su1, 1 },
    [IR_VSHA512H] = { x64_vec_sha512h, 4 },
    [IR_VSHA512SU0] = { x64_vec_sha512su0, 2 },
    [IR_VSHA512SU1] = { x64_vec_sha512su1, 1 },
};

static void x64_vec_init(X64Vec *v, X64Emit *e, const IrInsn *insn)
{
    *v = (X64Vec){
        .e = e,
        .a = &e->a,
        .f = e->feat,
        .insn = insn,
        .desc = insn->imm,
        .op = insn->op,
        .esize = ir_desc_esize(insn->imm),
        .variant = ir_desc_variant(insn->imm),
        .imm = ir_desc_immediate(insn->imm),
        .width = ir_desc_width(insn->imm),
    };
}

/* Whether there is a sequence: tried with made-up registers, the code put aside. */
bool x64_vec_is_inline(X64Emit *e, const IrInsn *insn)
{
    X64VecFn *fn = x64_vec_rows[insn->op].fn;
    X64Asm keep = e->a;
    guint n_pool = e->pool->len, n_refs = e->pool_refs->len;
    uint8_t aside[2 * X64_MARGIN];
    X64Vec v;
    bool ok;

    x64_vec_init(&v, e, insn);
    v.d = 4;
    for (unsigned n = 0; n < 4; n++) {
        v.x[n] = 5 + n;
    }
    for (unsigned n = 0; n < G_N_ELEMENTS(v.t); n++) {
        v.t[n] = 9 + n;
    }
    e->a = x64_asm(aside, sizeof(aside), keep.avx);
    ok = fn && fn(&v);
    e->a = keep;
    g_array_set_size(e->pool, n_pool);
    g_array_set_size(e->pool_refs, n_refs);
    return ok;
}

unsigned x64_vec_demand(const IrInsn *insn)
{
    return x64_vec_rows[insn->op].zeros && ir_desc_width(insn->imm) == IR_W64 ? 8 : 16;
}

/* Whether the operands have nothing beyond 64 bits. */
static bool x64_args_low(const X64Emit *e, const IrInsn *insn)
{
    for (unsigned n = 0; n < 4 && insn->arg[n]; n++) {
        if (x64_fp_width(e, insn->arg[n]) > 8) {
            return false;
        }
    }
    return true;
}

/* A value in memory that is not needed after this operation. */
static bool x64_vec_is_memory(const X64Vec *v, unsigned n, X64Mem *m)
{
    X64Emit *e = v->e;
    unsigned id = v->insn->arg[n];
    X64Opd o;

    if (x64_is_const(e, id) || e->val[id].reg != X64_NO_REG || e->val[id].last > e->i ||
        e->val[id].demand < 16) {
        return false;
    }
    o = x64_where(e, id);
    *m = o.m;
    return o.kind == OPD_MEM;
}

/* Registers for the operands; one of two may stay in memory. */
static void x64_vec_args(X64Vec *v, const X64VecRow *row)
{
    const IrInsn *insn = v->insn;
    unsigned memory = 4;

    if (v->a->avx && (row->fold >> v->esize & 1) && insn->arg[0] != insn->arg[1]) {
        if (!insn->arg[1]) {
            if (x64_vec_is_memory(v, 0, &v->m)) {
                v->x[0] = XV_MEM;
                return;
            }
        } else if (x64_vec_is_memory(v, 1, &v->m)) {
            memory = 1;
        } else if ((row->fold & FOLD_SWAP) && x64_vec_is_memory(v, 0, &v->m)) {
            memory = 0;
        }
    }
    for (unsigned n = 0; n < 4 && insn->arg[n]; n++) {
        if (n != memory) {
            v->x[n] = x64_xreg(v->e, insn->arg[n], n + 1);
            v->e->xlocked |= 1u << v->x[n];
        }
    }
    if (memory == 0) {
        v->x[0] = v->x[1];
    }
    if (memory < 2) {
        v->x[1] = XV_MEM;
    }
}

void x64_vector(X64Emit *e, unsigned id, const IrInsn *insn)
{
    const X64VecRow *row = &x64_vec_rows[insn->op];
    X64Vec v;
    bool ok;

    if (x64_vec_fuse(e, id, insn)) {
        return;
    }
    if (x64_fp_emit(e, id, insn)) {
        return;
    }
    if (!x64_vec_is_inline(e, insn)) {
        x64_vec_ref(e, id, insn);
        return;
    }
    if (row->eflags) {
        x64_flags_save(e);
    }
    x64_vec_init(&v, e, insn);
    x64_vec_args(&v, row);
    for (unsigned n = 0; n < row->temps; n++) {
        v.t[n] = x64_xtmp(e);
    }
    v.d = x64_xdef(e, id); /* differs from the operands */
    ok = row->fn(&v);
    g_assert(ok);
    if (!v.clean && !(v.width == IR_W64 && row->zeros && x64_args_low(e, insn))) {
        xv_trim(&v, v.d, v.esize);
    }
}
