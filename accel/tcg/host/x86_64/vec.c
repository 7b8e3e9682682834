/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector operations. What has a short sequence is inline; the rest calls the reference function
 * through the vCPU's scratch vectors.
 */
#include "accel/tcg/host.h"
#include "accel/tcg/host/x86_64/x64-fp.h"
#include "accel/tcg/host/x86_64/x64-priv.h"
#include "accel/tcg/ir/ir-ref.h"

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

/* ---- pieces ---- */

/* Load a constant; uses rax. */
static void x64_vconst(X64Emit *e, unsigned d, uint64_t lo, uint64_t hi)
{
    if (!lo && !hi) {
        x64_v3(&e->a, XO_PXOR, d, d, d);
    } else if (lo == UINT64_MAX && hi == UINT64_MAX) {
        x64_v3(&e->a, XO_PCMPEQD, d, d, d);
    } else {
        x64_mov_imm(&e->a, RAX, lo);
        x64_v2(&e->a, XO_MOVD_LD | X_W, d, RAX);
        if (hi == lo) {
            x64_v3(&e->a, XO_PUNPCKLQDQ, d, d, d);
        } else if (hi) {
            x64_mov_imm(&e->a, RAX, hi);
            x64_vins(&e->a, XO_PINSRD | X_W, d, d, RAX, 1);
        }
    }
}

/* Zero the lanes beyond the width. Uses rax. */
static void x64_vmask(X64Emit *e, unsigned d, IrDesc desc)
{
    unsigned esize = ir_desc_esize(desc);

    if (ir_desc_width(desc) == IR_W128) {
        return;
    }
    if (ir_desc_width(desc) == IR_W64 || esize == 3) {
        x64_v2(&e->a, XO_MOVQ_LD, d, d);
        return;
    }
    x64_v2(&e->a, XO_MOVD_ST, d, RAX);
    if (esize < 2) {
        x64_rr(&e->a, esize ? XO_MOVZX16 : XO_MOVZX8, RAX, RAX);
    }
    x64_v2(&e->a, XO_MOVD_LD, d, RAX);
}

/* Every lane of @d := lane 0 of @s. Uses xmm1 for bytes. */
static void x64_vsplat(X64Emit *e, unsigned esize, unsigned d, unsigned s)
{
    switch (esize) {
    case 0:
        x64_v3(&e->a, XO_PXOR, 1, 1, 1);
        x64_v3(&e->a, XO_PSHUFB, d, s, 1);
        break;
    case 1:
        x64_v2i(&e->a, XO_PSHUFLW, d, s, 0);
        x64_v3(&e->a, XO_PUNPCKLQDQ, d, d, d);
        break;
    case 2:
        x64_v2i(&e->a, XO_PSHUFD, d, s, 0);
        break;
    default:
        x64_v2i(&e->a, XO_PSHUFD, d, s, 0x44);
        break;
    }
}

/* ---- between vectors and integers ---- */

void x64_op_VCONST(X64Emit *e, unsigned id, const IrInsn *insn)
{
    const IrV128 *v = &e->ir->vconst[insn->imm];

    x64_vconst(e, x64_xdef(e, id), v->u64[0], v->u64[1]);
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

void x64_op_VDUP(X64Emit *e, unsigned id, const IrInsn *insn)
{
    unsigned esize = ir_desc_esize(insn->imm);
    bool w = x64_wide(x64_insn(e, insn->arg[0]));
    unsigned a = x64_reg(e, insn->arg[0], RCX), d = x64_xdef(e, id);

    x64_v2(&e->a, XO_MOVD_LD | X_W_IF(w), d, a);
    if (ir_desc_width(insn->imm) != IR_SCALAR) {
        x64_vsplat(e, esize, d, d);
    }
    x64_vmask(e, d, insn->imm);
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

/* ---- lanes ---- */

/* One instruction on both operands, by lane size; 0: none. */
static X64Op x64_simple(unsigned op, unsigned esize)
{
    static const X64Op add[4] = { XO_PADDB, XO_PADDW, XO_PADDD, XO_PADDQ };
    static const X64Op sub[4] = { XO_PSUBB, XO_PSUBW, XO_PSUBD, XO_PSUBQ };
    static const X64Op mul[4] = { 0, XO_PMULLW, XO_PMULLD, 0 };
    static const X64Op umin[4] = { XO_PMINUB, XO_PMINUW, XO_PMINUD, 0 };
    static const X64Op umax[4] = { XO_PMAXUB, XO_PMAXUW, XO_PMAXUD, 0 };
    static const X64Op smin[4] = { XO_PMINSB, XO_PMINSW, XO_PMINSD, 0 };
    static const X64Op smax[4] = { XO_PMAXSB, XO_PMAXSW, XO_PMAXSD, 0 };

    switch (op) {
    case IR_VAND:
        return XO_PAND;
    case IR_VOR:
        return XO_POR;
    case IR_VXOR:
        return XO_PXOR;
    case IR_VADD:
        return add[esize];
    case IR_VSUB:
        return sub[esize];
    case IR_VMUL:
        return mul[esize];
    case IR_VUMIN:
        return umin[esize];
    case IR_VUMAX:
        return umax[esize];
    case IR_VSMIN:
        return smin[esize];
    case IR_VSMAX:
        return smax[esize];
    default:
        return 0;
    }
}

/* Compare lanes: @d may not be a or b; uses xmm3. False: not inline. */
static bool x64_vcmp(X64Emit *e, IrDesc desc, unsigned d, unsigned a, unsigned b)
{
    static const X64Op eq[4] = { XO_PCMPEQB, XO_PCMPEQW, XO_PCMPEQD, XO_PCMPEQQ };
    static const X64Op gt[4] = { XO_PCMPGTB, XO_PCMPGTW, XO_PCMPGTD, XO_PCMPGTQ };
    static const X64Op umin[4] = { XO_PMINUB, XO_PMINUW, XO_PMINUD, 0 };
    static const X64Op umax[4] = { XO_PMAXUB, XO_PMAXUW, XO_PMAXUD, 0 };
    unsigned esize = ir_desc_esize(desc);
    IrCmp cmp = (IrCmp)ir_desc_variant(desc);
    bool invert = false;

    switch (cmp) {
    case IR_NE:
        invert = true; /* fall through */
    case IR_EQ:
        x64_v3(&e->a, eq[esize], d, a, b);
        break;
    case IR_LES:
        invert = true; /* fall through */
    case IR_GTS:
        x64_v3(&e->a, gt[esize], d, a, b);
        break;
    case IR_GES:
        invert = true; /* fall through */
    case IR_LTS:
        x64_v3(&e->a, gt[esize], d, b, a);
        break;
    default: /* unsigned: a >= b where max(a, b) = a */
        if (esize == 3) {
            return false;
        }
        invert = cmp == IR_LTU || cmp == IR_GTU;
        x64_v3(&e->a, cmp == IR_GEU || cmp == IR_LTU ? umax[esize] : umin[esize], d, a, b);
        x64_v3(&e->a, eq[esize], d, d, a);
        break;
    }
    if (invert) {
        x64_v3(&e->a, XO_PCMPEQD, 3, 3, 3);
        x64_v3(&e->a, XO_PXOR, d, d, 3);
    }
    return true;
}

static const X64Op x64_pshift[4] = { 0, XO_PSHIFTW_I, XO_PSHIFTD_I, XO_PSHIFTQ_I };

/* Shift lanes by the immediate; uses xmm3 and rax. */
static bool x64_vshift_imm(X64Emit *e, unsigned op, IrDesc desc, unsigned d, unsigned a)
{
    unsigned esize = ir_desc_esize(desc), n = ir_desc_immediate(desc);
    unsigned group = op == IR_VSHLI ? 6 : op == IR_VSHRI ? 2 : 4;
    uint64_t mask;

    if (op == IR_VSARI && (esize == 3 || esize == 0)) {
        return false;
    }
    if (esize) {
        x64_vshift(&e->a, x64_pshift[esize], group, d, a, (uint8_t)n);
        return true;
    }
    mask = (op == IR_VSHLI ? 0xffu << n : n >= 8 ? 0 : 0xffu >> n) & 0xff;
    x64_vconst(e, 3, mask * 0x0101010101010101, mask * 0x0101010101010101);
    x64_vshift(&e->a, XO_PSHIFTW_I, group, d, a, (uint8_t)n);
    x64_v3(&e->a, XO_PAND, d, d, 3);
    return true;
}

static bool x64_vwiden(X64Emit *e, IrDesc desc, unsigned d, unsigned a)
{
    static const X64Op zx[4] = { 0, XO_PMOVZXBW, XO_PMOVZXWD, XO_PMOVZXDQ };
    static const X64Op sx[4] = { 0, XO_PMOVSXBW, XO_PMOVSXWD, XO_PMOVSXDQ };
    unsigned esize = ir_desc_esize(desc), variant = ir_desc_variant(desc);

    if (!esize) {
        return false;
    }
    if (variant & 2) {
        /* the high half of what the result's width needs */
        if (ir_desc_width(desc) != IR_W128) {
            return false;
        }
        x64_v2i(&e->a, XO_PSHUFD, d, a, 0xee);
        a = d;
    }
    x64_v2(&e->a, variant & 1 ? sx[esize] : zx[esize], d, a);
    return true;
}

static bool x64_vnarrow(X64Emit *e, IrDesc desc, unsigned d, unsigned a)
{
    switch (ir_desc_esize(desc)) {
    case 0:
        x64_vconst(e, 3, 0x0e0c0a0806040200, 0x8080808080808080);
        x64_v3(&e->a, XO_PSHUFB, d, a, 3);
        return true;
    case 1:
        x64_vconst(e, 3, 0x0d0c090805040100, 0x8080808080808080);
        x64_v3(&e->a, XO_PSHUFB, d, a, 3);
        return true;
    case 2:
        x64_v2i(&e->a, XO_PSHUFD, d, a, 0x08);
        return true;
    default:
        return false;
    }
}

static bool x64_vzip(X64Emit *e, IrDesc desc, unsigned d, unsigned a, unsigned b)
{
    static const X64Op lo[4] = { XO_PUNPCKLBW, XO_PUNPCKLWD, XO_PUNPCKLDQ, XO_PUNPCKLQDQ };
    static const X64Op hi[4] = { XO_PUNPCKHBW, XO_PUNPCKHWD, XO_PUNPCKHDQ, XO_PUNPCKHQDQ };
    unsigned esize = ir_desc_esize(desc), variant = ir_desc_variant(desc);

    if (ir_desc_width(desc) == IR_W128) {
        x64_v3(&e->a, variant ? hi[esize] : lo[esize], d, a, b);
        return true;
    }
    if (esize == 3) {
        return false;
    }
    x64_v3(&e->a, lo[esize], d, a, b);
    if (variant) {
        x64_v2i(&e->a, XO_PSHUFD, d, d, 0xee);
    }
    return true;
}

/* Even or odd lanes of @a, then of @b; uses xmm3 and rax. */
static bool x64_vuzp(X64Emit *e, IrDesc desc, unsigned d, unsigned a, unsigned b)
{
    static const uint64_t pick[2][2] = { { 0x0e0c0a0806040200, 0x0f0d0b0907050301 },
                                         { 0x0d0c090805040100, 0x0f0e0b0a07060302 } };
    unsigned esize = ir_desc_esize(desc), odd = ir_desc_variant(desc) & 1;

    if (ir_desc_width(desc) == IR_SCALAR || (esize == 3 && ir_desc_width(desc) != IR_W128)) {
        return false;
    }
    if (esize == 3) {
        x64_v3(&e->a, odd ? XO_PUNPCKHQDQ : XO_PUNPCKLQDQ, d, a, b);
    } else if (ir_desc_width(desc) == IR_W64) {
        x64_v3(&e->a, XO_PUNPCKLQDQ, d, a, b);
        if (esize == 2) {
            x64_v2i(&e->a, XO_PSHUFD, d, d, odd ? 0x0d : 0x08);
        } else {
            x64_vconst(e, 3, pick[esize][odd], pick[esize][odd]);
            x64_v3(&e->a, XO_PSHUFB, d, d, 3);
        }
    } else if (esize == 2) {
        x64_v3i(&e->a, XO_SHUFPS, d, a, b, odd ? 0xdd : 0x88);
    } else {
        x64_vconst(e, 3, pick[esize][odd], pick[esize][odd]);
        x64_v3(&e->a, XO_PSHUFB, d, a, 3);
        x64_v3(&e->a, XO_PSHUFB, 3, b, 3);
        x64_v3(&e->a, XO_PUNPCKLQDQ, d, d, 3);
    }
    return true;
}

static bool x64_vtrn(X64Emit *e, IrDesc desc, unsigned d, unsigned a, unsigned b)
{
    if (ir_desc_width(desc) != IR_W128 || ir_desc_esize(desc) != 3) {
        return false;
    }
    x64_v3(&e->a, ir_desc_variant(desc) ? XO_PUNPCKHQDQ : XO_PUNPCKLQDQ, d, a, b);
    return true;
}

static bool x64_vext(X64Emit *e, IrDesc desc, unsigned d, unsigned a, unsigned b)
{
    uint8_t n = (uint8_t)ir_desc_immediate(desc);

    if (ir_desc_width(desc) == IR_W128) {
        x64_v3i(&e->a, XO_PALIGNR, d, b, a, n);
    } else {
        x64_v3(&e->a, XO_PUNPCKLQDQ, d, a, b);
        x64_vshift(&e->a, XO_PSHIFTQ_I, 3, d, d, n);
    }
    return true;
}

static bool x64_vrev(X64Emit *e, IrDesc desc, unsigned d, unsigned a)
{
    unsigned group = 1u << ir_desc_variant(desc), lane = 1u << ir_desc_esize(desc);
    IrV128 m;

    for (unsigned n = 0; n < 16; n++) {
        unsigned in = n & (group - 1);

        m.u8[n] =
            (uint8_t)((n & ~(group - 1)) | (group - lane - (in & ~(lane - 1))) | (in & (lane - 1)));
    }
    x64_vconst(e, 3, m.u64[0], m.u64[1]);
    x64_v3(&e->a, XO_PSHUFB, d, a, 3);
    return true;
}

static bool x64_vduplane(X64Emit *e, IrDesc desc, unsigned d, unsigned a)
{
    unsigned esize = ir_desc_esize(desc), lane = ir_desc_immediate(desc);

    if (esize == 3) {
        x64_v2i(&e->a, XO_PSHUFD, d, a, lane ? 0xee : 0x44);
    } else if (esize == 2) {
        x64_v2i(&e->a, XO_PSHUFD, d, a, (uint8_t)(lane * 0x55));
    } else {
        x64_vshift(&e->a, XO_PSHIFTQ_I, 3, d, a, (uint8_t)(lane << esize));
        x64_vsplat(e, esize, d, d);
    }
    return true;
}

static bool x64_vinslane(X64Emit *e, IrDesc desc, unsigned d, unsigned a, unsigned b)
{
    unsigned esize = ir_desc_esize(desc), imm = ir_desc_immediate(desc);

    x64_vlane_get(e, esize, imm >> 8, b, RAX);
    x64_vins(&e->a, x64_pinsr[esize], d, a, RAX, imm & 15);
    return true;
}

static bool x64_vtbl(X64Emit *e, unsigned d, unsigned a, unsigned b)
{
    /* index + 112 with saturation has bit 7 set from 16 on */
    x64_vconst(e, 3, 0x7070707070707070, 0x7070707070707070);
    x64_v3(&e->a, 0xdc | X_0F | X_66, 3, 3, b); /* paddusb */
    x64_v3(&e->a, XO_PSHUFB, d, a, 3);
    return true;
}

static bool x64_vsign(X64Emit *e, IrDesc desc, unsigned d, unsigned a, bool neg)
{
    static const uint64_t sign[4] = { 0, 0x8000800080008000, 0x8000000080000000,
                                      0x8000000000000000 };
    uint64_t m = sign[ir_desc_esize(desc)];

    x64_vconst(e, 3, neg ? m : ~m, neg ? m : ~m);
    x64_v3(&e->a, neg ? XO_PXOR : XO_PAND, d, a, 3);
    return true;
}

static bool x64_vaes(X64Emit *e, unsigned op, unsigned d, unsigned a)
{
    if (!e->feat->aes) {
        return false;
    }
    x64_v3(&e->a, XO_PXOR, 3, 3, 3);
    switch (op) {
    case IR_VAESE:
        x64_v3(&e->a, XO_AESENCLAST, d, a, 3);
        break;
    case IR_VAESD:
        x64_v3(&e->a, XO_AESDECLAST, d, a, 3);
        break;
    case IR_VAESMC:
        x64_v3(&e->a, XO_AESDECLAST, d, a, 3);
        x64_v3(&e->a, XO_AESENC, d, d, 3);
        break;
    default:
        x64_v2(&e->a, XO_AESIMC, d, a);
        break;
    }
    return true;
}

static bool x64_vone(X64Emit *e, const IrInsn *insn, unsigned d, unsigned a)
{
    static const X64Op abs[4] = { XO_PABSB, XO_PABSW, XO_PABSD, 0 };
    IrDesc desc = insn->imm;
    unsigned esize = ir_desc_esize(desc);

    switch (insn->op) {
    case IR_VLOW:
        x64_vmov(&e->a, d, a);
        return true;
    case IR_VNOT:
        x64_v3(&e->a, XO_PCMPEQD, 3, 3, 3);
        x64_v3(&e->a, XO_PXOR, d, a, 3);
        return true;
    case IR_VNEG:
        x64_v3(&e->a, XO_PXOR, 3, 3, 3);
        x64_v3(&e->a, x64_simple(IR_VSUB, esize), d, 3, a);
        return true;
    case IR_VABS:
        if (!abs[esize]) {
            return false;
        }
        x64_v2(&e->a, abs[esize], d, a);
        return true;
    case IR_VSHLI:
    case IR_VSHRI:
    case IR_VSARI:
        return x64_vshift_imm(e, insn->op, desc, d, a);
    case IR_VWIDEN:
        return x64_vwiden(e, desc, d, a);
    case IR_VNARROW:
        return x64_vnarrow(e, desc, d, a);
    case IR_VREV:
        return x64_vrev(e, desc, d, a);
    case IR_VDUPLANE:
        return x64_vduplane(e, desc, d, a);
    case IR_VFABS:
    case IR_VFNEG:
        return x64_vsign(e, desc, d, a, insn->op == IR_VFNEG);
    case IR_VAESE:
    case IR_VAESD:
    case IR_VAESMC:
    case IR_VAESIMC:
        return x64_vaes(e, insn->op, d, a);
    default:
        return false;
    }
}

static bool x64_vtwo(X64Emit *e, const IrInsn *insn, unsigned d, unsigned a, unsigned b)
{
    IrDesc desc = insn->imm;
    X64Op op = x64_simple(insn->op, ir_desc_esize(desc));

    if (op) {
        x64_v3(&e->a, op, d, a, b);
        return true;
    }
    switch (insn->op) {
    case IR_VANDC:
        x64_v3(&e->a, XO_PANDN, d, b, a);
        return true;
    case IR_VORC:
        x64_v3(&e->a, XO_PCMPEQD, 3, 3, 3);
        x64_v3(&e->a, XO_PXOR, 3, 3, b);
        x64_v3(&e->a, XO_POR, d, a, 3);
        return true;
    case IR_VCMP:
        return x64_vcmp(e, desc, d, a, b);
    case IR_VZIP:
        return x64_vzip(e, desc, d, a, b);
    case IR_VUZP:
        return x64_vuzp(e, desc, d, a, b);
    case IR_VTRN:
        return x64_vtrn(e, desc, d, a, b);
    case IR_VEXT:
        return x64_vext(e, desc, d, a, b);
    case IR_VINSLANE:
        return x64_vinslane(e, desc, d, a, b);
    case IR_VTBL:
        return x64_vtbl(e, d, a, b);
    case IR_VPMULL:
        if (!e->feat->pclmul || ir_desc_esize(desc) != 3) {
            return false;
        }
        x64_v3i(&e->a, XO_PCLMULQDQ, d, a, b, ir_desc_variant(desc) & 2 ? 0x11 : 0);
        return true;
    default:
        return false;
    }
}

/* Whether there is a sequence: tried with made-up registers on an assembler without room. */
static bool x64_vector_inline(X64Emit *e, const IrInsn *insn)
{
    X64Asm keep = e->a;
    bool ok;

    e->a.end = e->a.p;
    ok = insn->op == IR_VBSL ||
         (insn->arg[1] ? !insn->arg[2] && x64_vtwo(e, insn, 4, 5, 6) : x64_vone(e, insn, 4, 5));
    e->a = keep;
    return ok;
}

void x64_vector(X64Emit *e, unsigned id, const IrInsn *insn)
{
    unsigned n = 0, x[4], d;
    bool ok = false;

    if (x64_fp_emit(e, id, insn)) {
        return;
    }
    while (n < 4 && insn->arg[n]) {
        n++;
    }
    if (!x64_vector_inline(e, insn)) {
        x64_vec_ref(e, id, insn);
        return;
    }
    for (unsigned k = 0; k < n; k++) {
        x[k] = x64_xreg(e, insn->arg[k], k + 1);
    }
    d = x64_xdef(e, id); /* differs from the operands */
    if (n == 1) {
        ok = x64_vone(e, insn, d, x[0]);
    } else if (n == 2) {
        ok = x64_vtwo(e, insn, d, x[0], x[1]);
    } else if (insn->op == IR_VBSL) {
        x64_v3(&e->a, XO_PXOR, d, x[1], x[2]);
        x64_v3(&e->a, XO_PAND, d, d, x[0]);
        x64_v3(&e->a, XO_PXOR, d, d, x[2]);
        ok = true;
    }
    g_assert(ok);
    x64_vmask(e, d, insn->imm);
}
