/* SPDX-License-Identifier: Apache-2.0 */
#include "accel/tcg/host/x86_64/asm.h"

#include <string.h>

/*
 * The pieces of an instruction are written at @p without branches: each is stored, and the pointer
 * goes on by its length, which may be none.
 */

/* ---- ModRM ---- */

static inline uint8_t *x64_put32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, 4);
    return p + 4;
}

/* A base that needs no SIB byte, and no index. */
static inline uint8_t *x64_modrm_base(uint8_t *p, unsigned reg, X64Mem m)
{
    unsigned is_byte = m.disp == (int8_t)m.disp;
    unsigned mod = is_byte ? m.disp != 0 || (m.base & 7) == 5 : 2;

    *p = (uint8_t)(mod << 6 | (reg & 7) << 3 | (m.base & 7));
    x64_put32(p + 1, (uint32_t)m.disp);
    return p + 1 + (is_byte ? mod : 4);
}

static uint8_t *x64_modrm_sib(uint8_t *p, unsigned reg, X64Mem m)
{
    unsigned base = m.base & 7, r = (reg & 7) << 3;

    if (m.base == X64_RIP) {
        *p++ = (uint8_t)(r | 5);
        return x64_put32(p, 0);
    }

    unsigned is_byte = m.disp == (int8_t)m.disp;
    unsigned mod = is_byte ? m.disp != 0 || base == 5 : 2;
    unsigned index = m.index != X64_NO_REG ? m.index & 7 : 4;

    *p++ = (uint8_t)(mod << 6 | r | 4);
    *p++ = (uint8_t)((unsigned)m.scale << 6 | index << 3 | base);
    x64_put32(p, (uint32_t)m.disp);
    return p + (is_byte ? mod : 4);
}

static inline uint8_t *x64_modrm_mem(uint8_t *p, unsigned reg, X64Mem m)
{
    if (m.index == X64_NO_REG && (m.base & 7) != 4 && m.base <= R15) {
        return x64_modrm_base(p, reg, m);
    }
    return x64_modrm_sib(p, reg, m);
}

static inline uint8_t *x64_modrm_reg(uint8_t *p, unsigned reg, unsigned rm)
{
    *p = (uint8_t)(0xc0 | (reg & 7) << 3 | (rm & 7));
    return p + 1;
}

/* ---- legacy ---- */

static inline uint8_t *x64_head(X64Asm *a, X64Op op, unsigned reg, unsigned index, unsigned base,
                                bool need_rex)
{
    static const uint8_t pp[4] = { 0, 0x66, 0xf3, 0xf2 }, map[4] = { 0, 0, 0x38, 0x3a };
    unsigned rex = (op & X_W ? 8 : 0) | (reg & 8) >> 1 | (index & 8) >> 2 | (base & 8) >> 3;
    uint8_t *p;

    x64_begin(a);
    p = a->p;
    if (!(op & (X_PP | X_LOCK | X_MAP)) && !need_rex) { /* most are */
        *p = (uint8_t)(0x40 | rex);
        p += rex != 0;
        *p = (uint8_t)op;
        return p + 1;
    }
    *p = pp[(op & X_PP) / X_66];
    p += (op & X_PP) != 0;
    *p = 0xf0;
    p += (op & X_LOCK) != 0;
    *p = (uint8_t)(0x40 | rex);
    p += (rex | need_rex) != 0;
    *p = 0x0f;
    p += (op & X_MAP) != 0;
    *p = map[(op & X_MAP) / X_0F];
    p += (op & X_MAP) > X_0F;
    *p = (uint8_t)op;
    return p + 1;
}

static inline bool x64_byte_rex(unsigned r)
{
    return r - RSP <= RDI - RSP;
}

void x64_rr_any(X64Asm *a, X64Op op, unsigned reg, unsigned rm)
{
    bool need_rex = op & X_BYTE && (x64_byte_rex(reg) || x64_byte_rex(rm));

    a->p = x64_modrm_reg(x64_head(a, op, reg, 0, rm, need_rex), reg, rm);
}

void x64_rr(X64Asm *a, X64Op op, unsigned reg, unsigned rm)
{
    if (op & ASM_SELDOM) {
        x64_rr_any(a, op, reg, rm);
        return;
    }
    a->p = x64_put_rr(x64_open(a, 1), op & 0xff, 1, x64_rex_w(op), reg, rm);
}

void x64_rm_any(X64Asm *a, X64Op op, unsigned reg, X64Mem m)
{
    uint8_t *p =
        x64_head(a, op, reg, (unsigned)m.index, (unsigned)m.base, op & X_BYTE && x64_byte_rex(reg));

    a->p = x64_modrm_mem(p, reg, m);
}

/* With a SIB byte. */
static __attribute__((noinline)) void x64_rm_sib(X64Asm *a, X64Op op, unsigned reg, X64Mem m)
{
    unsigned base = m.base, index = m.index == X64_NO_REG ? RSP : m.index;
    unsigned rex = 0x40 | x64_rex_w(op) | (reg & 8) >> 1 | (index & 8) >> 2 | base >> 3;
    unsigned is_byte = m.disp == (int8_t)m.disp;
    unsigned some = (m.disp != 0) | ((base & 7) == 5), mod = is_byte ? some : 2;
    unsigned head = (op & 0xff) | 4 << 8 | (reg & 7) << 11 | (base & 7) << 16;
    uint8_t *p = x64_open(a, 1);

    *p = (uint8_t)rex;
    p += rex != 0x40;
    head |= mod << 14 | (index & 7) << 19 | (unsigned)m.scale << 22;
    a->p = x64_put(p, head | (uint64_t)(uint32_t)m.disp << 24, 3 + (mod << (mod >> 1)));
}

/* Without one. */
static __attribute__((noinline)) void x64_rm_base(X64Asm *a, X64Op op, unsigned reg, X64Mem m)
{
    unsigned base = m.base, is_byte = m.disp == (int8_t)m.disp;
    unsigned rex = 0x40 | x64_rex_w(op) | (reg & 8) >> 1 | base >> 3;
    unsigned head = (op & 0xff) | (base & 7) << 8 | (reg & 7) << 11;
    unsigned some = (m.disp != 0) | ((base & 7) == 5), mod = is_byte ? some : 2;
    uint8_t *p = x64_open(a, 1);

    *p = (uint8_t)rex;
    p += rex != 0x40;
    a->p = x64_put(p, head | mod << 14 | (uint64_t)(uint32_t)m.disp << 16, 2 + (mod << (mod >> 1)));
}

void x64_rm(X64Asm *a, X64Op op, unsigned reg, X64Mem m)
{
    if (__builtin_expect((op & ASM_SELDOM) != 0 || m.base > R15, 0)) {
        x64_rm_any(a, op, reg, m);
    } else if (m.index == X64_NO_REG && (m.base & 7) != RSP) {
        x64_rm_base(a, op, reg, m);
    } else {
        x64_rm_sib(a, op, reg, m);
    }
}

void x64_rri(X64Asm *a, X64Op op, unsigned reg, unsigned rm, uint8_t imm)
{
    x64_rr(a, op, reg, rm);
    x64_byte(a, imm);
}

void x64_rmi(X64Asm *a, X64Op op, unsigned reg, X64Mem m, uint8_t imm)
{
    x64_rm(a, op, reg, m);
    x64_byte(a, imm);
}

/* ---- VEX ---- */

/* Prefix and opcode. */
static inline uint8_t *x64_vex(X64Asm *a, X64Op op, unsigned reg, unsigned vvvv, unsigned index,
                               unsigned base)
{
    unsigned map = (op & X_MAP) / X_0F, pp = (op & X_PP) / X_66, w = op & X_W ? 0x80 : 0;
    unsigned r = ~reg << 4 & 0x80, x = ~index << 3 & 0x40, b = ~base << 2 & 0x20;
    unsigned tail = (~vvvv & 15) << 3 | (op & X_L256 ? 4 : 0) | pp, opcode = op & 0xff;
    uint8_t *p = x64_open(a, 1);

    if (map == 1 && x && b && !w) {
        return x64_put(p, 0xc5 | (r | tail) << 8 | opcode << 16, 3);
    }
    return x64_put(p, 0xc4 | (r | x | b | map) << 8 | (w | tail) << 16 | opcode << 24, 4);
}

void x64_vex_rr(X64Asm *a, X64Op op, unsigned reg, unsigned vvvv, unsigned rm)
{
    uint8_t *p = x64_vex(a, op, reg, vvvv, 0, rm);

    a->p = x64_put(p, 0xc0 | (reg & 7) << 3 | (rm & 7), 1);
}

void x64_vex_rm(X64Asm *a, X64Op op, unsigned reg, unsigned vvvv, X64Mem m)
{
    a->p = x64_modrm_mem(x64_vex(a, op, reg, vvvv, (unsigned)m.index, (unsigned)m.base), reg, m);
}

void x64_vex_rri(X64Asm *a, X64Op op, unsigned reg, unsigned vvvv, unsigned rm, uint8_t imm)
{
    x64_vex_rr(a, op, reg, vvvv, rm);
    x64_byte(a, imm);
}

void x64_vex_rmi(X64Asm *a, X64Op op, unsigned reg, unsigned vvvv, X64Mem m, uint8_t imm)
{
    x64_vex_rm(a, op, reg, vvvv, m);
    x64_byte(a, imm);
}

/* ---- EVEX (SDM vol. 2A, 2.7) ---- */

static void x64_evex(X64Asm *a, X64Op op, unsigned reg, unsigned vvvv, unsigned x, unsigned b)
{
    unsigned map = (op & X_MAP) / X_0F, pp = (op & X_PP) / X_66;

    x64_begin(a);
    x64_byte(a, 0x62);
    x64_byte(a,
             (reg & 8 ? 0 : 0x80) | (x ? 0 : 0x40) | (b ? 0 : 0x20) | (reg & 16 ? 0 : 0x10) | map);
    x64_byte(a, (op & X_W ? 0x80 : 0) | (~vvvv & 15) << 3 | 4 | pp);
    x64_byte(a, (op & X_Z ? 0x80 : 0) | (vvvv & 16 ? 0 : 8) | (op & X_K1 ? 1 : 0));
    x64_byte(a, op & 0xff);
}

void x64_evex_rr(X64Asm *a, X64Op op, unsigned reg, unsigned vvvv, unsigned rm)
{
    x64_evex(a, op, reg, vvvv, rm & 16, rm & 8);
    a->p = x64_modrm_reg(a->p, reg, rm);
}

/* An 8-bit displacement would count in units of the operand: only the 32-bit form is used. */
void x64_evex_rm(X64Asm *a, X64Op op, unsigned reg, unsigned vvvv, X64Mem m)
{
    unsigned index = m.index == X64_NO_REG ? 4 : (unsigned)m.index;

    x64_evex(a, op, reg, vvvv, index & 8, m.base & 8);
    if (m.base == X64_RIP) {
        a->p = x64_modrm_mem(a->p, reg, m);
        return;
    }
    x64_byte(a, 0x80 | (reg & 7) << 3 | 4);
    x64_byte(a, (unsigned)m.scale << 6 | (index & 7) << 3 | (m.base & 7));
    x64_u32(a, (uint32_t)m.disp);
}

/* ---- integers ---- */

void x64_mov_imm(X64Asm *a, unsigned reg, uint64_t imm)
{
    if (imm == (uint32_t)imm) {
        uint8_t *p = x64_put(x64_open(a, 1), 0x41, reg >> 3);

        a->p = x64_put(p, 0xb8 | (reg & 7) | imm << 8, 5);
    } else if (imm == (uint64_t)(int32_t)imm) {
        x64_rr(a, 0xc7 | X_W, 0, reg);
        x64_u32(a, (uint32_t)imm);
    } else {
        x64_op0(a, 0x48 | reg >> 3);
        x64_byte(a, 0xb8 | (reg & 7));
        x64_u64(a, imm);
    }
}

void x64_mov_rr(X64Asm *a, bool w, unsigned d, unsigned s)
{
    x64_rr(a, XO_MOV_R_RM | X_W_IF(w), d, s);
}

void x64_alu_rr(X64Asm *a, X64Alu op, bool w, unsigned d, unsigned s)
{
    x64_rr(a, (op * 8 + 3) | X_W_IF(w), d, s);
}

/* The operands of integer operations are in guest state, or in the frame. */
static inline void x64_rm_env(X64Asm *a, X64Op op, unsigned reg, X64Mem m)
{
    if (m.base == RBP && m.index == X64_NO_REG) {
        x64_rbp(a, op, reg, m.disp);
    } else {
        x64_rm(a, op, reg, m);
    }
}

void x64_alu_rm(X64Asm *a, X64Alu op, bool w, unsigned d, X64Mem m)
{
    x64_rm_env(a, (op * 8 + 3) | X_W_IF(w), d, m);
}

void x64_alu_mr(X64Asm *a, X64Alu op, bool w, X64Mem m, unsigned s)
{
    x64_rm(a, (op * 8 + 1) | X_W_IF(w), s, m);
}

static void x64_imm8_32(X64Asm *a, int32_t imm)
{
    a->p = x64_put(a->p, (uint32_t)imm, imm == (int8_t)imm ? 1 : 4);
}

void x64_alu_ri(X64Asm *a, X64Alu op, bool w, unsigned d, int32_t imm)
{
    x64_rr(a, (imm == (int8_t)imm ? 0x83 : 0x81) | X_W_IF(w), op, d);
    x64_imm8_32(a, imm);
}

void x64_alu_mi(X64Asm *a, X64Alu op, bool w, X64Mem m, int32_t imm)
{
    x64_rm_env(a, (imm == (int8_t)imm ? 0x83 : 0x81) | X_W_IF(w), op, m);
    x64_imm8_32(a, imm);
}

void x64_mov_mi(X64Asm *a, bool w, X64Mem m, int32_t imm)
{
    x64_rm_env(a, 0xc7 | X_W_IF(w), 0, m);
    x64_u32(a, (uint32_t)imm);
}

void x64_shift_ri(X64Asm *a, X64Shift op, bool w, unsigned d, unsigned count)
{
    if (count == 1) {
        x64_rr(a, 0xd1 | X_W_IF(w), op, d);
    } else {
        x64_rri(a, 0xc1 | X_W_IF(w), op, d, (uint8_t)count);
    }
}

void x64_shift_cl(X64Asm *a, X64Shift op, bool w, unsigned d)
{
    x64_rr(a, 0xd3 | X_W_IF(w), op, d);
}

void x64_test_ri(X64Asm *a, unsigned d, uint32_t imm)
{
    if (imm < 256) {
        a->p = x64_modrm_reg(x64_head(a, 0xf6, 0, 0, d, x64_byte_rex(d)), 0, d);
        x64_byte(a, imm);
    } else {
        x64_rr(a, 0xf7, 0, d);
        x64_u32(a, imm);
    }
}

void x64_bt_ri(X64Asm *a, bool w, unsigned d, unsigned bit)
{
    x64_rri(a, 0xba | X_0F | X_W_IF(w), 4, d, (uint8_t)bit);
}

void x64_imul_rri(X64Asm *a, bool w, unsigned d, unsigned s, int32_t imm)
{
    x64_rr(a, (imm == (int8_t)imm ? 0x6b : 0x69) | X_W_IF(w), d, s);
    x64_imm8_32(a, imm);
}

void x64_setcc(X64Asm *a, X64Cc cc, unsigned d)
{
    a->p = x64_modrm_reg(x64_head(a, (0x90 + cc) | X_0F, 0, 0, d, x64_byte_rex(d)), 0, d);
}

void x64_bswap(X64Asm *a, bool w, unsigned d)
{
    a->p = x64_head(a, (0xc8 | (d & 7)) | X_0F | X_W_IF(w), 0, 0, d, false);
}

void x64_push(X64Asm *a, unsigned r)
{
    a->p = x64_head(a, 0x50 | (r & 7), 0, 0, r, false);
}

void x64_pop(X64Asm *a, unsigned r)
{
    a->p = x64_head(a, 0x58 | (r & 7), 0, 0, r, false);
}

/* ---- vectors ---- */

void x64_vmov(X64Asm *a, unsigned d, unsigned s)
{
    if (d != s) {
        x64_v2(a, XO_MOVDQA_LD, d, s);
    }
}

/* Prepare @d = @s1 for a two-operand form whose other source is @s2; the register to use for it. */
static unsigned x64_sse_dest(X64Asm *a, unsigned d, unsigned s1, unsigned s2)
{
    if (d == s2 && d != s1) {
        x64_vmov(a, 0, s2);
        s2 = 0;
    }
    x64_vmov(a, d, s1);
    return s2;
}

void x64_v3(X64Asm *a, X64Op op, unsigned d, unsigned s1, unsigned s2)
{
    if (op & X_EVEX) {
        x64_evex_rr(a, op, d, s1, s2);
    } else if (a->avx) {
        x64_vex_rr(a, op, d, s1, s2);
    } else {
        s2 = x64_sse_dest(a, d, s1, s2);
        x64_rr(a, op, d, s2);
    }
}

void x64_v3m(X64Asm *a, X64Op op, unsigned d, unsigned s1, X64Mem m)
{
    if (a->avx) {
        x64_vex_rm(a, op, d, s1, m);
    } else {
        x64_v2m(a, XO_MOVDQU_LD, 0, m); /* SSE memory operands must be aligned */
        s1 = s1 == 0 ? d : s1;
        x64_vmov(a, d, s1);
        x64_rr(a, op, d, 0);
    }
}

void x64_v3_aligned(X64Asm *a, X64Op op, unsigned d, unsigned s1, X64Mem m)
{
    if (op & X_EVEX) {
        x64_evex_rm(a, op, d, s1, m);
    } else if (a->avx) {
        x64_vex_rm(a, op, d, s1, m);
    } else {
        x64_vmov(a, d, s1);
        x64_rm(a, op, d, m);
    }
}

void x64_v3i(X64Asm *a, X64Op op, unsigned d, unsigned s1, unsigned s2, uint8_t imm)
{
    x64_v3(a, op, d, s1, s2);
    x64_byte(a, imm);
}

void x64_v2(X64Asm *a, X64Op op, unsigned d, unsigned s)
{
    if (op & X_EVEX) {
        x64_evex_rr(a, op, d, 0, s);
    } else if (a->avx) {
        x64_vex_rr(a, op, d, 0, s);
    } else {
        x64_rr(a, op, d, s);
    }
}

void x64_v2m(X64Asm *a, X64Op op, unsigned d, X64Mem m)
{
    if (op & X_EVEX) {
        x64_evex_rm(a, op, d, 0, m);
    } else if (a->avx) {
        x64_vex_rm(a, op, d, 0, m);
    } else {
        x64_rm(a, op, d, m);
    }
}

void x64_v2i(X64Asm *a, X64Op op, unsigned d, unsigned s, uint8_t imm)
{
    x64_v2(a, op, d, s);
    x64_byte(a, imm);
}

void x64_vshift(X64Asm *a, X64Op op, unsigned group, unsigned d, unsigned s, uint8_t imm)
{
    if (op & X_EVEX) {
        x64_evex_rr(a, op, group, d, s);
        x64_byte(a, imm);
    } else if (a->avx) {
        x64_vex_rri(a, op, group, d, s, imm);
    } else {
        x64_vmov(a, d, s);
        x64_rri(a, op, group, d, imm);
    }
}

void x64_vins(X64Asm *a, X64Op op, unsigned d, unsigned s1, unsigned gpr, uint8_t imm)
{
    if (a->avx) {
        x64_vex_rri(a, op, d, s1, gpr, imm);
    } else {
        x64_vmov(a, d, s1);
        x64_rri(a, op, d, gpr, imm);
    }
}

/* ---- jumps ---- */

uint8_t *x64_put_label(X64Asm *a, uint8_t *p, X64Label *l)
{
    int32_t at = (int32_t)(p - a->start);

    if (l->pos >= 0) {
        return x64_put(p, (uint32_t)(l->pos - at - 4), 4);
    }
    p = x64_put(p, (uint32_t)l->link, 4);
    l->link = at;
    return p;
}

void x64_bind(X64Asm *a, X64Label *l)
{
    l->pos = (int32_t)x64_pos(a);
    for (int32_t at = l->link; at >= 0 && !a->overflow;) {
        int32_t next, rel = l->pos - at - 4;

        memcpy(&next, a->start + at, 4);
        memcpy(a->start + at, &rel, 4);
        at = next;
    }
    l->link = -1;
}

void x64_jmp(X64Asm *a, X64Label *l)
{
    a->p = x64_put_label(a, x64_put(x64_open(a, 1), 0xe9, 1), l);
}

void x64_jcc(X64Asm *a, X64Cc cc, X64Label *l)
{
    a->p = x64_put_label(a, x64_put(x64_open(a, 1), 0x800f | cc << 8, 2), l);
}

void x64_call(X64Asm *a, X64Label *l)
{
    a->p = x64_put_label(a, x64_put(x64_open(a, 1), 0xe8, 1), l);
}

/* An opcode of @n bytes and the distance to @pos. */
static inline void x64_to(X64Asm *a, unsigned op, unsigned n, int64_t pos)
{
    uint8_t *p = x64_put(x64_open(a, 1), op, n);

    a->p = x64_put(p, (uint32_t)(pos - (p - a->start) - 4), 4);
}

void x64_jmp_to(X64Asm *a, int64_t pos)
{
    x64_to(a, 0xe9, 1, pos);
}

void x64_jcc_to(X64Asm *a, X64Cc cc, int64_t pos)
{
    x64_to(a, 0x800f | (unsigned)cc << 8, 2, pos);
}

void x64_call_to(X64Asm *a, int64_t pos)
{
    x64_to(a, 0xe8, 1, pos);
}

void x64_align_patch(X64Asm *a, unsigned ahead)
{
    x64_room(a);
    while (((uintptr_t)a->p + ahead) % 8 > 4) {
        x64_byte(a, 0x90);
    }
}
