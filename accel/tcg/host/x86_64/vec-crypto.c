/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Vector operations: AES and SHA by the host's instructions.
 * Spec: Intel SDM vol. 2 (AESENC..., SHA1RNDS4, SHA256RNDS2...); FIPS 197, FIPS 180-4.
 */
#include "accel/tcg/host/x86_64/vec-priv.h"

bool x64_vec_aes(X64Vec *v)
{
    unsigned d = v->d, a = v->x[0], zero = v->t[0];

    if (!v->f->aes) {
        return false;
    }
    v->clean = true;
    if (v->op == IR_VAESIMC) {
        xv2(v, XO_AESIMC, d, a);
        return true;
    }
    xv_zero(v, zero); /* the round key */
    switch (v->op) {
    case IR_VAESE:
        xv3(v, XO_AESENCLAST, d, a, zero);
        break;
    case IR_VAESD:
        xv3(v, XO_AESDECLAST, d, a, zero);
        break;
    default: /* MixColumns alone: a round after its other steps were undone */
        xv3(v, XO_AESDECLAST, d, a, zero);
        xv3(v, XO_AESENC, d, d, zero);
        break;
    }
    return true;
}

/* ---- SHA-1 ---- */

/*
 * SHA1RNDS4 has the words in the opposite order, E with the first word of the schedule, and adds
 * the round constant, which the guest has added already.
 */
bool x64_vec_sha1(X64Vec *v)
{
    static const uint32_t constant[3] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc };
    unsigned d = v->d, t = v->t[0];

    if (!v->f->sha) {
        return false;
    }
    xv2i(v, XO_PSHUFD, t, v->x[2], 0x1b);
    xv_with2(v, XO_PSUBD, t, t, xv_lanes(2, constant[v->variant]));
    xv_bytes(v, true, d, v->x[1], 12);
    xv3(v, XO_PADDD, t, t, d);
    xv2i(v, XO_PSHUFD, d, v->x[0], 0x1b);
    x64_rri(v->a, XV_SHA1RNDS4, d, t, (uint8_t)v->variant);
    xv2i(v, XO_PSHUFD, d, d, 0x1b);
    return true;
}

/* Lanes rotated left by 1. */
static void x64_vec_rol1(X64Vec *v, unsigned d, unsigned t)
{
    xv_shift(v, 2, XV_RIGHT, t, d, 31);
    xv3(v, XO_PADDD, d, d, d);
    xv3(v, XO_POR, d, d, t);
}

bool x64_vec_sha1su1(X64Vec *v)
{
    unsigned d = v->d, t = v->t[0], u = v->t[1];

    xv_bytes(v, false, d, v->x[1], 4);
    xv3(v, XO_PXOR, d, d, v->x[0]);
    x64_vec_rol1(v, d, t);
    xv_bytes(v, true, u, d, 12); /* word 0 goes into word 3 */
    x64_vec_rol1(v, u, t);
    xv3(v, XO_PXOR, d, d, u);
    return true;
}

/* ---- SHA-256 ---- */

/* SHA256RNDS2 does two rounds on words (F E B A) and (H G D C), lane 0 first, of xmm0. */
static void x64_vec_sha256_rounds(X64Vec *v, unsigned abcd, unsigned efgh)
{
    unsigned t = v->t[0], u = v->t[1];

    xv3i(v, XO_SHUFPS, t, efgh, abcd, 0x11);
    xv3i(v, XO_SHUFPS, u, efgh, abcd, 0xbb);
    xv_mov(v, 0, v->x[2]);
    x64_rr(v->a, XV_SHA256RNDS2, u, t);
    xv2i(v, XO_PSHUFD, 0, v->x[2], 0xee);
    x64_rr(v->a, XV_SHA256RNDS2, t, u);
}

bool x64_vec_sha256h(X64Vec *v)
{
    bool second = v->variant & 1;

    if (!v->f->sha) {
        return false;
    }
    x64_vec_sha256_rounds(v, v->x[second], v->x[!second]);
    xv3i(v, XO_SHUFPS, v->d, v->t[0], v->t[1], second ? 0x11 : 0xbb);
    return true;
}

bool x64_vec_sha256su0(X64Vec *v)
{
    if (!v->f->sha) {
        return false;
    }
    xv_mov(v, v->d, v->x[0]);
    x64_rr(v->a, XV_SHA256MSG1, v->d, v->x[1]);
    return true;
}

bool x64_vec_sha256su1(X64Vec *v)
{
    if (!v->f->sha) {
        return false;
    }
    xv3i(v, XO_PALIGNR, v->d, v->x[2], v->x[1], 4);
    xv3(v, XO_PADDD, v->d, v->d, v->x[0]);
    x64_rr(v->a, XV_SHA256MSG2, v->d, v->x[2]);
    return true;
}

/* ---- SHA-512 ---- */

/* 64-bit lanes rotated right. Uses xmm0. */
static void x64_vec_ror64(X64Vec *v, unsigned d, unsigned a, unsigned n)
{
    if (v->f->avx512) {
        x64_vshift(v->a, XV_PRORD_I | X_W, 0, d, a, (uint8_t)n);
        return;
    }
    xv_shift(v, 3, XV_RIGHT, 0, a, n);
    xv_shift(v, 3, XV_LEFT, d, a, 64 - n);
    xv3(v, XO_POR, d, d, 0);
}

/* The three rotations of @a that make a sigma; a third of 64 and more shifts by 64 less. */
static void x64_vec_sigma(X64Vec *v, unsigned d, unsigned a, const uint8_t n[3], unsigned t)
{
    x64_vec_ror64(v, d, a, n[0]);
    x64_vec_ror64(v, t, a, n[1]);
    xv3(v, XO_PXOR, d, d, t);
    if (n[2] < 64) {
        x64_vec_ror64(v, t, a, n[2]);
    } else {
        xv_shift(v, 3, XV_RIGHT, t, a, n[2] - 64);
    }
    xv3(v, XO_PXOR, d, d, t);
}

/* Two rounds, one after the other, in lane 0: the half that has choose, then the one of majority.
 */
static void x64_vec_sha512h1(X64Vec *v)
{
    static const uint8_t sigma[3] = { 14, 18, 41 };
    unsigned d = v->d, w = v->x[0], x = v->x[1], y = v->x[2];
    unsigned y1 = v->t[0], hi = v->t[1], t = v->t[2], u = v->t[3];

    xv2i(v, XO_PSHUFD, y1, y, 0xee);
    x64_vec_sigma(v, hi, y1, sigma, t);
    xv2i(v, XO_PSHUFD, t, x, 0xee);
    xv3(v, XO_PXOR, u, x, t);
    xv3(v, XO_PAND, u, u, y1);
    xv3(v, XO_PXOR, u, u, t);
    xv3(v, XO_PADDQ, hi, hi, u);
    xv2i(v, XO_PSHUFD, t, w, 0xee);
    xv3(v, XO_PADDQ, hi, hi, t);
    xv3(v, XO_PADDQ, t, hi, y);
    xv3(v, XO_PXOR, y1, y1, x);
    xv3(v, XO_PAND, y1, y1, t);
    xv3(v, XO_PXOR, y1, y1, x);
    x64_vec_sigma(v, d, t, sigma, u);
    xv3(v, XO_PADDQ, d, d, y1);
    xv3(v, XO_PADDQ, d, d, w);
    xv3(v, XO_PUNPCKLQDQ, d, d, hi);
}

static void x64_vec_sha512h2(X64Vec *v)
{
    static const uint8_t sigma[3] = { 28, 34, 39 };
    unsigned d = v->d, w = v->x[0], x = v->x[1], y = v->x[2];
    unsigned either = v->t[0], hi = v->t[1], t = v->t[2], both = v->t[3];

    xv2i(v, XO_PSHUFD, t, y, 0xee);
    xv3(v, XO_PXOR, either, y, t);
    xv3(v, XO_PAND, both, y, t);
    x64_vec_sigma(v, hi, y, sigma, t);
    xv3(v, XO_PAND, t, either, x);
    xv3(v, XO_PXOR, t, t, both);
    xv3(v, XO_PADDQ, hi, hi, t);
    xv2i(v, XO_PSHUFD, t, w, 0xee);
    xv3(v, XO_PADDQ, hi, hi, t);
    xv3(v, XO_PAND, either, either, hi);
    xv3(v, XO_PXOR, either, either, both);
    x64_vec_sigma(v, d, hi, sigma, t);
    xv3(v, XO_PADDQ, d, d, either);
    xv3(v, XO_PADDQ, d, d, w);
    xv3(v, XO_PUNPCKLQDQ, d, d, hi);
}

bool x64_vec_sha512h(X64Vec *v)
{
    if (v->variant & 1) {
        x64_vec_sha512h2(v);
    } else {
        x64_vec_sha512h1(v);
    }
    return true;
}

bool x64_vec_sha512su0(X64Vec *v)
{
    static const uint8_t sigma[3] = { 1, 8, 64 + 7 };

    xv3i(v, XO_PALIGNR, v->t[0], v->x[1], v->x[0], 8);
    x64_vec_sigma(v, v->d, v->t[0], sigma, v->t[1]);
    xv3(v, XO_PADDQ, v->d, v->d, v->x[0]);
    return true;
}

bool x64_vec_sha512su1(X64Vec *v)
{
    static const uint8_t sigma[3] = { 19, 61, 64 + 6 };

    x64_vec_sigma(v, v->d, v->x[1], sigma, v->t[0]);
    xv3(v, XO_PADDQ, v->d, v->d, v->x[0]);
    xv3(v, XO_PADDQ, v->d, v->d, v->x[2]);
    return true;
}

/* ---- pairs ---- */

enum { FUSE_AHEAD = 24 };

/* A substitution whose only use is the mixing of columns: one round without a key. */
static bool x64_vec_fuse_aes(X64Emit *e, unsigned id, const IrInsn *insn)
{
    IrOpcode mix = insn->op == IR_VAESE ? IR_VAESMC : IR_VAESIMC;
    unsigned a, zero, d, end = MIN(id + FUSE_AHEAD, e->ir->n);

    if (!e->feat->aes || !x64_uses_are(e, id, 1)) {
        return false;
    }
    for (unsigned n = id + 1; n < end; n++) {
        if (x64_insn(e, n)->op == mix && x64_insn(e, n)->arg[0] == id) {
            a = x64_xreg(e, insn->arg[0], 1);
            e->xlocked |= 1u << a;
            zero = x64_xtmp(e);
            d = x64_xdef(e, n);
            x64_v3(&e->a, XO_PXOR, zero, zero, zero);
            x64_v3(&e->a, insn->op == IR_VAESE ? XO_AESENC : XV_AESDEC, d, a, zero);
            x64_done(e, n);
            return true;
        }
    }
    return false;
}

/* The two halves of four rounds of SHA-256. */
static bool x64_vec_fuse_sha256(X64Emit *e, unsigned id, const IrInsn *insn)
{
    bool second = ir_desc_variant(insn->imm) & 1;
    X64Vec v = { .e = e, .a = &e->a, .f = e->feat, .insn = insn };
    unsigned end = MIN(id + FUSE_AHEAD, e->ir->n), n = id + 1;

    if (!e->feat->sha) {
        return false;
    }
    for (; n < end; n++) {
        const IrInsn *o = x64_insn(e, n);

        if (o->op == IR_VSHA256H && !e->done[n] && (ir_desc_variant(o->imm) & 1) != second &&
            o->arg[0] == insn->arg[1] && o->arg[1] == insn->arg[0] && o->arg[2] == insn->arg[2]) {
            break;
        }
    }
    if (n == end) {
        return false;
    }
    for (unsigned k = 0; k < 3; k++) {
        v.x[k] = x64_xreg(e, insn->arg[k], k + 1);
        e->xlocked |= 1u << v.x[k];
    }
    v.t[0] = x64_xtmp(e);
    v.t[1] = x64_xtmp(e);
    x64_vec_sha256_rounds(&v, v.x[second], v.x[!second]);
    x64_v3i(&e->a, XO_SHUFPS, x64_xdef(e, second ? n : id), v.t[0], v.t[1], 0xbb);
    x64_v3i(&e->a, XO_SHUFPS, x64_xdef(e, second ? id : n), v.t[0], v.t[1], 0x11);
    x64_done(e, n);
    return true;
}

bool x64_vec_fuse(X64Emit *e, unsigned id, const IrInsn *insn)
{
    switch (insn->op) {
    case IR_VAESE:
    case IR_VAESD:
        return x64_vec_fuse_aes(e, id, insn);
    case IR_VSHA256H:
        return x64_vec_fuse_sha256(e, id, insn);
    default:
        return false;
    }
}
