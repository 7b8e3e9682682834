/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floating-point operations inline: arithmetic, minimum and maximum, comparisons of lanes.
 * Specs: Intel SDM vol. 1, ch. 11.5 (SSE exceptions), vol. 2; Arm ARM DDI 0487, A1.5
 * (floating-point support) and the shared pseudocode.
 */
#include "accel/tcg/host/x86_64/x64-fp.h"

#include "accel/tcg/host.h"

enum { MXCSR_DEFAULT = 0x1f80, MXCSR_RC_SHIFT = 13, MXCSR_FLUSH = 0x8040 /* FTZ, DAZ */ };

void x64_fp_const_init(X64FpConst *c)
{
    static const uint8_t rc[8] = { [FP_RNE] = 0, [FP_RUP] = 2, [FP_RDN] = 1, [FP_RTZ] = 3 };

    for (unsigned n = 0; n < 4; n++) {
        c->abs32[n] = INT32_MAX;
        c->min32[n] = 0x00800000;
        c->sign32[n] = c->int_min[n] = 0x80000000;
        c->half32[n] = 0x3f000000;
        c->one32[n] = 0x3f800000;
        c->pos_max[n] = 0x4effffff;
        c->abs64[n / 2] = INT64_MAX;
        c->min64[n / 2] = 0x0010000000000000;
        c->sign64[n / 2] = 0x8000000000000000;
        c->half64[n / 2] = 0x3fe0000000000000;
        c->one64[n / 2] = 0x3ff0000000000000;
    }
    for (unsigned n = 0; n < 72; n++) { /* ZF is bit 6, PF 2, CF 0 of AH */
        unsigned nzcv = n & 4 ? 3 : n & 0x40 ? 6 : n & 1 ? 8 : 2;

        c->flags[n] = (uint16_t)ir_flags_pack(nzcv << 28);
    }
    c->odd_mxcsr[0] = MXCSR_DEFAULT | MXCSR_FLUSH | 1u << MXCSR_RC_SHIFT;
    c->odd_mxcsr[1] = MXCSR_DEFAULT | MXCSR_FLUSH | 2u << MXCSR_RC_SHIFT;
    for (unsigned n = 0; n < 8; n++) {
        c->mxcsr[n] = MXCSR_DEFAULT | (uint32_t)rc[n] << MXCSR_RC_SHIFT;
    }
}

uint32_t x64_fp_suspend(void)
{
    uint32_t mxcsr, plain = MXCSR_DEFAULT;

    __asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
    __asm__ volatile("ldmxcsr %0" : : "m"(plain));
    return mxcsr;
}

void x64_fp_resume(uint32_t mxcsr)
{
    __asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
}

/* ---- what is known of values ---- */

static bool fp_is_lanewise(unsigned op)
{
    return op >= IR_VFADD && op <= IR_VFRSQRTS;
}

static unsigned fp_desc_bytes(IrDesc d)
{
    return ir_desc_width(d) == IR_SCALAR ? 1u << ir_desc_esize(d)
                                         : (ir_desc_width(d) == IR_W64 ? 8 : 16);
}

unsigned x64_fp_demand(const IrInsn *insn, unsigned n)
{
    IrDesc d = insn->imm;
    unsigned variant = ir_desc_variant(d);

    if (fp_is_lanewise(insn->op)) {
        return fp_desc_bytes(d);
    }
    switch (insn->op) {
    case IR_FLAGS_FCMP:
        return 1u << insn->sub;
    case IR_VFRINT:
    case IR_VFRINTSIZED:
    case IR_VFABS:
    case IR_VFNEG:
    case IR_VLOW:
        return fp_desc_bytes(d);
    case IR_VFTOI:
        return fp_desc_bytes(d);
    case IR_VFCVT:
        return ir_desc_width(d) == IR_SCALAR && !(variant & 4) ? 1u << (variant & 3) : 16;
    case IR_ST:
        return n == 1 ? ir_memop_bytes(d) : 16;
    case IR_STP:
        return n ? ir_memop_bytes(d) : 16;
    default:
        return x64_vec_demand(insn);
    }
}

unsigned x64_fp_width(const X64Emit *e, unsigned id)
{
    const IrInsn *insn = x64_insn(e, id);
    const IrV128 *v;

    switch (insn->op) {
    case IR_GET: /* x64_load takes no more than is looked at */
        return insn->sub < 4 ? 1u << insn->sub : e->val[id].demand;
    case IR_LD:
    case IR_LDP:
        return ir_memop_bytes(insn->imm);
    case IR_SECOND:
        return ir_memop_bytes(x64_insn(e, insn->arg[0])->imm);
    case IR_VFROM:
        return x64_wide(x64_insn(e, insn->arg[0])) ? 8 : 4;
    case IR_VCONST:
        v = &e->ir->vconst[insn->imm];
        return v->u64[1] ? 16 : v->u64[0] >> 32 ? 8 : 4;
    case IR_VFTOI:
        return ir_desc_width(insn->imm) == IR_SCALAR ? 1u << (ir_desc_variant(insn->imm) >> 1 & 3)
                                                     : fp_desc_bytes(insn->imm);
    case IR_VDUP:
        return fp_desc_bytes(insn->imm);
    default:
        return ir_op_info[insn->op].is_vector ? fp_desc_bytes(insn->imm) : 16;
    }
}

/* ---- pieces ---- */

X64Op x64_fp_op(X64Op op, unsigned esize, bool scalar)
{
    if (esize == 3) {
        return op | (scalar ? X_F2 : X_66);
    }
    return op | (scalar ? X_F3 : 0);
}

void x64_fp_low(X64Emit *e, unsigned bytes, unsigned d, unsigned s)
{
    if (bytes == 8) {
        x64_v2(&e->a, XO_MOVQ_LD, d, s);
    } else {
        x64_v3i(&e->a, XO_INSERTPS, d, s, s, 0x0e);
    }
}

void x64_fp_opm(X64Emit *e, X64Op op, unsigned d, unsigned s, X64Mem m)
{
    if (e->a.avx) {
        x64_vex_rm(&e->a, op, d, s, m);
    } else {
        x64_vmov(&e->a, d, s);
        x64_rm(&e->a, op, d, m);
    }
}

X64Stub *x64_fp_slow(X64Emit *e, const IrInsn *insn, unsigned d, const unsigned *x, unsigned n)
{
    X64Stub *s = x64_stub_add(e, STUB_FP);

    s->type = IR_V128;
    s->op = (uint8_t)insn->op;
    s->sub = (uint8_t)n;
    s->memop = insn->imm;
    s->dst[0] = (uint8_t)d;
    for (unsigned k = 0; k < n; k++) {
        s->val[k] = (X64Opd){ .kind = OPD_REG, .reg = (uint8_t)x[k] };
    }
    s->xmm_live = (uint16_t)(x64_xmm_live(e) & ~(1u << d));
    return s;
}

void x64_fp_check_mask(X64Emit *e, X64Stub *s, unsigned x)
{
    x64_v2(&e->a, XO_MOVMSKPS, RAX, x);
    x64_rr(&e->a, XO_TEST, RAX, RAX);
    x64_jcc(&e->a, CC_NE, &s->entry);
}

enum {
    FP_CMP_EQ,
    FP_CMP_LT,
    FP_CMP_LE,
    FP_CMP_UNORD,
    FP_CMP_NEQ, /* or unordered */
    FP_CMP_EQ_UQ = 8,
    FP_CMP_NGT_UQ = 26,
};

static X64Mem fp_const_min(const X64Emit *e, unsigned esize)
{
    return x64_fp_const(e, esize == 3 ? offsetof(X64FpConst, min64) : offsetof(X64FpConst, min32));
}

static X64Mem fp_const_abs(const X64Emit *e, unsigned esize)
{
    return x64_fp_const(e, esize == 3 ? offsetof(X64FpConst, abs64) : offsetof(X64FpConst, abs32));
}

void x64_fp_check_inputs(X64Emit *e, X64Stub *s, unsigned esize, bool scalar, const unsigned *x,
                         unsigned n)
{
    X64Op cmp = x64_fp_op(XO_CMPPS, esize, false);
    X64Op ucomis = XO_UCOMIS | (esize == 3 ? X_66 : 0);

    for (unsigned k = 0; k < n && e->ir->fp_flush; k++) {
        X64Label normal = X64_LABEL;

        x64_fp_opm(e, XO_ANDPS, 0, x[k], fp_const_abs(e, esize));
        if (scalar) {
            x64_v2m(&e->a, ucomis, 0, fp_const_min(e, esize));
            x64_jcc(&e->a, CC_AE, &normal);
            x64_v3(&e->a, XO_XORPS, 3, 3, 3);
            x64_v2(&e->a, ucomis, 0, 3);
            x64_jcc(&e->a, CC_NE, &s->entry); /* neither zero nor a NaN */
            x64_bind(&e->a, &normal);
        } else {
            x64_v3(&e->a, XO_XORPS, 3, 3, 3);
            x64_v3i(&e->a, cmp, 3, 3, 0, FP_CMP_LT);
            x64_vex_rmi(&e->a, cmp, 0, 0, fp_const_min(e, esize), FP_CMP_LT);
            x64_v3(&e->a, XO_ANDPS, 0, 0, 3);
            x64_fp_check_mask(e, s, 0);
        }
    }
}

/* The same of a result: a NaN, or not zero and up to the least normal number. */
static void fp_check_flushed(X64Emit *e, X64Stub *s, IrDesc desc, unsigned x)
{
    unsigned esize = ir_desc_esize(desc);
    X64Op cmp = x64_fp_op(XO_CMPPS, esize, false);
    X64Op ucomis = XO_UCOMIS | (esize == 3 ? X_66 : 0);
    X64Label normal = X64_LABEL;

    x64_fp_opm(e, XO_ANDPS, 0, x, fp_const_abs(e, esize));
    if (ir_desc_width(desc) == IR_SCALAR) {
        x64_v2m(&e->a, ucomis, 0, fp_const_min(e, esize));
        x64_jcc(&e->a, CC_A, &normal);
        x64_v3(&e->a, XO_XORPS, 3, 3, 3);
        x64_v2(&e->a, ucomis, 0, 3);
        x64_jcc(&e->a, CC_P, &s->entry);
        x64_jcc(&e->a, CC_NE, &s->entry);
        x64_bind(&e->a, &normal);
    } else {
        x64_v3(&e->a, XO_XORPS, 3, 3, 3);
        x64_v3i(&e->a, cmp, 3, 3, 0, FP_CMP_NEQ);
        x64_vex_rmi(&e->a, cmp, 0, 0, fp_const_min(e, esize), FP_CMP_NGT_UQ);
        x64_v3(&e->a, XO_ANDPS, 0, 0, 3);
        x64_fp_check_mask(e, s, 0);
    }
}

void x64_fp_check_nan(X64Emit *e, X64Stub *s, IrDesc desc, unsigned x, unsigned y)
{
    unsigned esize = ir_desc_esize(desc);

    if (ir_desc_width(desc) == IR_SCALAR) {
        x64_v2(&e->a, XO_UCOMIS | (esize == 3 ? X_66 : 0), x, y);
        x64_jcc(&e->a, CC_P, &s->entry);
    } else {
        x64_v3i(&e->a, x64_fp_op(XO_CMPPS, esize, false), 0, x, y, FP_CMP_UNORD);
        x64_fp_check_mask(e, s, 0);
    }
}

void x64_fp_check_tiny(X64Emit *e, X64Stub *s, IrDesc desc, unsigned x)
{
    bool dbl = ir_desc_esize(desc) == 3;
    X64Mem min = fp_const_min(e, dbl ? 3 : 2);
    X64Op cmp = x64_fp_op(XO_CMPPS, dbl ? 3 : 2, false);

    if (e->ir->fp_flush) {
        fp_check_flushed(e, s, desc, x);
        return;
    }
    x64_fp_opm(e, XO_ANDPS, 0, x, fp_const_abs(e, dbl ? 3 : 2));
    if (ir_desc_width(desc) == IR_SCALAR) { /* ZF: equal or unordered */
        x64_v2m(&e->a, XO_UCOMIS | (dbl ? X_66 : 0), 0, min);
        x64_jcc(&e->a, CC_E, &s->entry);
        return;
    }
    if (e->a.avx) {
        x64_vex_rmi(&e->a, cmp, 0, 0, min, FP_CMP_EQ_UQ);
    } else {
        x64_rmi(&e->a, cmp, 0, min, FP_CMP_EQ);
        x64_v3i(&e->a, cmp, 3, x, x, FP_CMP_UNORD);
        x64_v3(&e->a, XO_ORPS, 0, 0, 3);
    }
    x64_fp_check_mask(e, s, 0);
}

/* ---- out of line ---- */

static void fp_stub_xmm(X64Emit *e, uint16_t live, bool save)
{
    for (unsigned r = 4; r < 16; r++) {
        if (live >> r & 1) {
            x64_v2m(&e->a, save ? XO_MOVDQU_ST : XO_MOVDQU_LD, r,
                    x64_mem(RSP, X64_FRAME_XSAVE + (int32_t)(r - 4) * 16));
        }
    }
}

void x64_fp_stub(X64Emit *e, X64Stub *s)
{
    X64Mem result = x64_env(e->lay->scratch + 4 * 16);

    x64_bind(&e->a, &s->entry);
    x64_count_open(e, X64_COUNT_STUB);
    fp_stub_xmm(e, s->xmm_live, true);
    for (unsigned n = 0; n < s->sub; n++) {
        x64_v2m(&e->a, XO_MOVDQU_ST, s->val[n].reg, x64_env(e->lay->scratch + (int32_t)n * 16));
    }
    x64_thunk_call(e, e->thunk->spill);
    if (s->type == IR_FLAGS) {
        x64_fp_compare_stub(e, s);
        fp_stub_xmm(e, s->xmm_live, false);
        x64_fp_unordered(e, s);
        x64_jmp(&e->a, &s->back);
        return;
    }
    x64_mov_imm(&e->a, RSI, s->op);
    x64_mov_imm(&e->a, RDX, s->memop);
    x64_count_event(e, "slow FP", ir_op_info[s->op].name);
    x64_call_fn(e,
                e->counters ? (const void *)(uintptr_t)x64_ref_call_counted
                            : (const void *)(uintptr_t)x64_ref_call,
                false, false, s->guest, NULL);
    if (s->type == IR_V128) {
        x64_v2m(&e->a, XO_MOVDQU_LD, s->dst[0], result);
    } else {
        x64_rm(&e->a, XO_MOV_R_RM | X_W_IF(s->type == IR_I64), s->dst[0], result);
    }
    fp_stub_xmm(e, s->xmm_live, false);
    x64_jmp(&e->a, &s->back);
}

/* ---- arithmetic ---- */

unsigned x64_fp_operand(X64Emit *e, const IrInsn *insn, unsigned k, bool dup)
{
    unsigned id = insn->arg[k], x = x64_xreg(e, id, k + 1);

    if (ir_desc_width(insn->imm) != IR_W64) {
        return x;
    }
    if (dup) {
        x64_v2(&e->a, XO_MOVDDUP, k + 1, x);
        return k + 1;
    }
    if (x64_fp_width(e, id) > 8) {
        x64_fp_low(e, 8, k + 1, x);
        return k + 1;
    }
    return x;
}

static bool fp_is_narrow(const X64Emit *e, const IrInsn *insn, unsigned k)
{
    return x64_fp_width(e, insn->arg[k]) <= fp_desc_bytes(insn->imm);
}

static X64Op fp_arith_op(unsigned op)
{
    switch (op) {
    case IR_VFADD:
        return XO_ADDPS;
    case IR_VFSUB:
        return XO_SUBPS;
    case IR_VFMUL:
    case IR_VFMULX: /* of infinity and zero: NaN for the host, so out of line */
        return XO_MULPS;
    case IR_VFDIV:
        return XO_DIVPS;
    case IR_VFSQRT:
        return XO_SQRTPS;
    case IR_VFMIN:
    case IR_VFMINNM:
        return XO_MINPS;
    case IR_VFMAX:
    case IR_VFMAXNM:
        return XO_MAXPS;
    default:
        return 0;
    }
}

/* a + b, a - b, a * b, a / b. The sum or difference of two numbers is exact where it is tiny. */
static void fp_arith(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrDesc desc = insn->imm;
    bool scalar = ir_desc_width(desc) == IR_SCALAR, div = insn->op == IR_VFDIV;
    bool swap = scalar && !fp_is_narrow(e, insn, 0) && fp_is_narrow(e, insn, 1) &&
                insn->op != IR_VFSUB && !div;
    unsigned x[2] = { x64_fp_operand(e, insn, 0, div), x64_fp_operand(e, insn, 1, div) };
    unsigned d = x64_xdef(e, id);
    X64Op op = x64_fp_op(fp_arith_op(insn->op), ir_desc_esize(desc), scalar);
    X64Stub *s = x64_fp_slow(e, insn, d, x, 2);

    x64_fp_check_inputs(e, s, ir_desc_esize(desc), scalar, x, 2);
    x64_v3(&e->a, op, d, x[swap], x[!swap]);
    if (!e->ir->fp_flush && (insn->op == IR_VFADD || insn->op == IR_VFSUB)) {
        x64_fp_check_nan(e, s, desc, d, d);
    } else {
        x64_fp_check_tiny(e, s, desc, d);
    }
    if (scalar ? !swap && !fp_is_narrow(e, insn, 0)
               : ir_desc_width(desc) == IR_W64 && (div || insn->op == IR_VFSUB)) {
        x64_fp_low(e, fp_desc_bytes(desc), d, d); /* 0 - 0 is -0 when rounding down */
    }
    x64_bind(&e->a, &s->back);
}

static void fp_sqrt(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrDesc desc = insn->imm;
    bool scalar = ir_desc_width(desc) == IR_SCALAR;
    unsigned a = x64_fp_operand(e, insn, 0, false), d = x64_xdef(e, id);
    X64Op op = x64_fp_op(XO_SQRTPS, ir_desc_esize(desc), scalar);
    X64Stub *s = x64_fp_slow(e, insn, d, &a, 1);

    x64_fp_check_inputs(e, s, ir_desc_esize(desc), scalar, &a, 1);
    if (scalar) {
        x64_v3(&e->a, XO_XORPS, d, d, d);
        x64_v3(&e->a, op, d, d, a);
    } else {
        x64_v2(&e->a, op, d, a);
    }
    x64_fp_check_nan(e, s, desc, d, d);
    x64_bind(&e->a, &s->back);
}

/*
 * The host gives the second operand when both are zero; with both orders and OR or AND, the
 * minimum is the negative zero and the maximum the positive one.
 */
static void fp_minmax(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrDesc desc = insn->imm;
    bool scalar = ir_desc_width(desc) == IR_SCALAR;
    X64Op op = x64_fp_op(fp_arith_op(insn->op), ir_desc_esize(desc), scalar);
    bool min = insn->op == IR_VFMIN || insn->op == IR_VFMINNM;
    unsigned x[2] = { x64_fp_operand(e, insn, 0, false), x64_fp_operand(e, insn, 1, false) };
    unsigned d = x64_xdef(e, id);
    X64Stub *s = x64_fp_slow(e, insn, d, x, 2);

    x64_fp_check_inputs(e, s, ir_desc_esize(desc), scalar, x, 2);
    x64_fp_check_nan(e, s, desc, x[0], x[1]);
    x64_v3(&e->a, op, 3, x[0], x[1]);
    x64_v3(&e->a, op, d, x[1], x[0]);
    x64_v3(&e->a, min ? XO_ORPS : XO_ANDPS, d, d, 3);
    if (scalar && !(fp_is_narrow(e, insn, 0) && fp_is_narrow(e, insn, 1))) {
        x64_fp_low(e, fp_desc_bytes(desc), d, d);
    }
    x64_bind(&e->a, &s->back);
}

/* a + b * c; the variant's bits are the opcode's. */
static void fp_fma(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrDesc desc = insn->imm;
    bool scalar = ir_desc_width(desc) == IR_SCALAR, dbl = ir_desc_esize(desc) == 3;
    unsigned variant = ir_desc_variant(desc), x[3];
    X64Op op = XO_FMA231 + scalar + (variant & 2 ? 2 : 0) + (variant & 1 ? 4 : 0);

    for (unsigned k = 0; k < 3; k++) {
        x[k] = x64_fp_operand(e, insn, k, false);
    }
    if (e->ir->fp_flush && x[2] == 3) { /* which the checks use */
        e->xlocked |= 1u << x[0] | 1u << x[1] | 1u << 3;
        x[2] = x64_xtmp(e);
        x64_vmov(&e->a, x[2], 3);
    }

    unsigned d = x64_xdef(e, id);
    X64Stub *s = x64_fp_slow(e, insn, d, x, 3);

    x64_fp_check_inputs(e, s, ir_desc_esize(desc), scalar, x, 3);
    if (scalar && !fp_is_narrow(e, insn, 0)) {
        x64_fp_low(e, dbl ? 8 : 4, d, x[0]);
    } else {
        x64_vmov(&e->a, d, x[0]);
    }
    x64_vex_rr(&e->a, op | X_W_IF(dbl), d, x[1], x[2]);
    x64_fp_check_tiny(e, s, desc, d);
    if (ir_desc_width(desc) == IR_W64) {
        x64_fp_low(e, 8, d, d); /* sums of zeros of both signs */
    }
    x64_bind(&e->a, &s->back);
}

static void fp_compare(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrDesc desc = insn->imm;
    bool scalar = ir_desc_width(desc) == IR_SCALAR;
    X64Op op = x64_fp_op(XO_CMPPS, ir_desc_esize(desc), scalar);
    unsigned variant = ir_desc_variant(desc);
    unsigned x[2] = { x64_fp_operand(e, insn, 0, false), x64_fp_operand(e, insn, 1, false) };
    unsigned d = x64_xdef(e, id);
    X64Stub *s = x64_fp_slow(e, insn, d, x, 2);

    x64_fp_check_inputs(e, s, ir_desc_esize(desc), scalar, x, 2);
    x64_fp_check_nan(e, s, desc, x[0], x[1]);
    if (variant == 0) {
        x64_v3i(&e->a, op, d, x[0], x[1], FP_CMP_EQ);
    } else { /* a >= b is b <= a */
        x64_v3i(&e->a, op, d, x[1], x[0], variant == 1 ? FP_CMP_LE : FP_CMP_LT);
    }
    if (ir_desc_width(desc) != IR_W128) {
        x64_fp_low(e, fp_desc_bytes(desc), d, d);
    }
    x64_bind(&e->a, &s->back);
}

/* Copies of scalars. */
static void fp_vlow(X64Emit *e, unsigned id, const IrInsn *insn)
{
    unsigned bytes = fp_desc_bytes(insn->imm), a = x64_xreg(e, insn->arg[0], 1);

    if (x64_fp_width(e, insn->arg[0]) <= bytes) {
        x64_vmov(&e->a, x64_xdef(e, id), a);
    } else {
        x64_fp_low(e, bytes, x64_xdef(e, id), a);
    }
}

bool x64_fp_emit(X64Emit *e, unsigned id, const IrInsn *insn)
{
    if (insn->op == IR_VLOW && (fp_desc_bytes(insn->imm) & 12)) {
        fp_vlow(e, id, insn);
        return true;
    }
    if (!ir_op_info[insn->op].is_vector) {
        return false;
    }
    if (insn->op == IR_VBFDOT || insn->op == IR_VBFMMLA) { /* whatever the modes */
        return x64_fp_bfdot(e, id, insn);
    }
    if (x64_fp_calls(e)) {
        return false;
    }
    if (x64_fp_mixed(e, id, insn)) {
        return true;
    }
    if (ir_desc_esize(insn->imm) < 2 && insn->op != IR_VFCVT) {
        return ir_desc_esize(insn->imm) == 1 &&
               (x64_fp_half(e, id, insn) || x64_fp_half_integer(e, id, insn) ||
                x64_fp_estimate(e, id, insn));
    }
    if (ir_desc_esize(insn->imm) == 3 && ir_desc_width(insn->imm) == IR_W64) {
        return false;
    }
    switch (insn->op) {
    case IR_VFMA:
        if (!e->feat->fma) {
            return false;
        }
        x64_flags_save(e);
        fp_fma(e, id, insn);
        return true;
    case IR_VFADD:
    case IR_VFSUB:
    case IR_VFMUL:
    case IR_VFMULX:
    case IR_VFDIV:
        x64_flags_save(e);
        fp_arith(e, id, insn);
        return true;
    case IR_VFSQRT:
        x64_flags_save(e);
        fp_sqrt(e, id, insn);
        return true;
    case IR_VFMIN:
    case IR_VFMAX:
    case IR_VFMINNM:
    case IR_VFMAXNM:
        x64_flags_save(e);
        fp_minmax(e, id, insn);
        return true;
    case IR_VFCMP:
        x64_flags_save(e);
        fp_compare(e, id, insn);
        return true;
    default:
        return x64_fp_estimate(e, id, insn) || x64_fp_convert(e, id, insn);
    }
}
