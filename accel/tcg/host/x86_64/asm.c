/* SPDX-License-Identifier: Apache-2.0 */
#include "accel/tcg/host/x86_64/asm.h"

#include <string.h>

void x64_byte(X64Asm *a, unsigned b)
{
    if (a->p < a->end) {
        *a->p++ = (uint8_t)b;
    } else {
        a->overflow = true;
    }
}

void x64_op0(X64Asm *a, unsigned b)
{
    a->n_insns++;
    x64_byte(a, b);
}

void x64_u32(X64Asm *a, uint32_t v)
{
    if (a->end - a->p < 4) {
        a->overflow = true;
        return;
    }
    memcpy(a->p, &v, 4);
    a->p += 4;
}

void x64_u64(X64Asm *a, uint64_t v)
{
    x64_u32(a, (uint32_t)v);
    x64_u32(a, (uint32_t)(v >> 32));
}

/* ---- ModRM ---- */

static void x64_modrm_mem(X64Asm *a, unsigned reg, X64Mem m)
{
    unsigned base = m.base & 7, r = (reg & 7) << 3;

    if (m.base == X64_RIP) {
        x64_byte(a, r | 5);
        x64_u32(a, 0);
        return;
    }

    bool sib = m.index != X64_NO_REG || base == 4;
    unsigned mod = m.disp == 0 && base != 5 ? 0 : m.disp == (int8_t)m.disp ? 1 : 2;

    x64_byte(a, mod << 6 | r | (sib ? 4 : base));
    if (sib) {
        unsigned index = m.index == X64_NO_REG ? 4 : m.index & 7;

        x64_byte(a, (unsigned)m.scale << 6 | index << 3 | base);
    }
    if (mod == 1) {
        x64_byte(a, (uint8_t)m.disp);
    } else if (mod == 2) {
        x64_u32(a, (uint32_t)m.disp);
    }
}

static void x64_modrm_reg(X64Asm *a, unsigned reg, unsigned rm)
{
    x64_byte(a, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

/* ---- legacy ---- */

static void x64_head(X64Asm *a, X64Op op, unsigned reg, unsigned index, unsigned base,
                     bool need_rex)
{
    static const uint8_t pp[4] = { 0, 0x66, 0xf3, 0xf2 };
    unsigned rex =
        (op & X_W ? 8 : 0) | (reg & 8 ? 4 : 0) | (index & 8 ? 2 : 0) | (base & 8 ? 1 : 0);

    a->n_insns++;
    if (op & X_PP) {
        x64_byte(a, pp[(op & X_PP) / X_66]);
    }
    if (op & X_LOCK) {
        x64_byte(a, 0xf0);
    }
    if (rex || need_rex) {
        x64_byte(a, 0x40 | rex);
    }
    if (op & X_MAP) {
        x64_byte(a, 0x0f);
        if ((op & X_MAP) == X_0F38) {
            x64_byte(a, 0x38);
        } else if ((op & X_MAP) == X_0F3A) {
            x64_byte(a, 0x3a);
        }
    }
    x64_byte(a, op & 0xff);
}

static bool x64_byte_rex(unsigned r)
{
    return r >= RSP && r <= RDI;
}

void x64_rr(X64Asm *a, X64Op op, unsigned reg, unsigned rm)
{
    x64_head(a, op, reg, 0, rm, op & X_BYTE && (x64_byte_rex(reg) || x64_byte_rex(rm)));
    x64_modrm_reg(a, reg, rm);
}

void x64_rm(X64Asm *a, X64Op op, unsigned reg, X64Mem m)
{
    x64_head(a, op, reg, m.index == X64_NO_REG ? 0 : (unsigned)m.index, (unsigned)m.base,
             op & X_BYTE && x64_byte_rex(reg));
    x64_modrm_mem(a, reg, m);
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

static void x64_vex(X64Asm *a, X64Op op, unsigned reg, unsigned vvvv, unsigned index, unsigned base)
{
    unsigned map = (op & X_MAP) / X_0F, pp = (op & X_PP) / X_66;
    unsigned r = reg & 8 ? 0 : 0x80, x = index & 8 ? 0 : 0x40, b = base & 8 ? 0 : 0x20;
    unsigned tail = (~vvvv & 15) << 3 | (op & X_L256 ? 4 : 0) | pp;

    a->n_insns++;
    if (map == 1 && x && b && !(op & X_W)) {
        x64_byte(a, 0xc5);
        x64_byte(a, r | tail);
    } else {
        x64_byte(a, 0xc4);
        x64_byte(a, r | x | b | map);
        x64_byte(a, (op & X_W ? 0x80 : 0) | tail);
    }
    x64_byte(a, op & 0xff);
}

void x64_vex_rr(X64Asm *a, X64Op op, unsigned reg, unsigned vvvv, unsigned rm)
{
    x64_vex(a, op, reg, vvvv, 0, rm);
    x64_modrm_reg(a, reg, rm);
}

void x64_vex_rm(X64Asm *a, X64Op op, unsigned reg, unsigned vvvv, X64Mem m)
{
    x64_vex(a, op, reg, vvvv, m.index == X64_NO_REG ? 0 : (unsigned)m.index, (unsigned)m.base);
    x64_modrm_mem(a, reg, m);
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

    a->n_insns++;
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
    x64_modrm_reg(a, reg, rm);
}

/* An 8-bit displacement would count in units of the operand: only the 32-bit form is used. */
void x64_evex_rm(X64Asm *a, X64Op op, unsigned reg, unsigned vvvv, X64Mem m)
{
    unsigned index = m.index == X64_NO_REG ? 4 : (unsigned)m.index;

    x64_evex(a, op, reg, vvvv, index & 8, m.base & 8);
    if (m.base == X64_RIP) {
        x64_modrm_mem(a, reg, m);
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
        a->n_insns++;
        if (reg & 8) {
            x64_byte(a, 0x41);
        }
        x64_byte(a, 0xb8 | (reg & 7));
        x64_u32(a, (uint32_t)imm);
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

void x64_alu_rm(X64Asm *a, X64Alu op, bool w, unsigned d, X64Mem m)
{
    x64_rm(a, (op * 8 + 3) | X_W_IF(w), d, m);
}

void x64_alu_mr(X64Asm *a, X64Alu op, bool w, X64Mem m, unsigned s)
{
    x64_rm(a, (op * 8 + 1) | X_W_IF(w), s, m);
}

static void x64_imm8_32(X64Asm *a, int32_t imm)
{
    if (imm == (int8_t)imm) {
        x64_byte(a, (uint8_t)imm);
    } else {
        x64_u32(a, (uint32_t)imm);
    }
}

void x64_alu_ri(X64Asm *a, X64Alu op, bool w, unsigned d, int32_t imm)
{
    x64_rr(a, (imm == (int8_t)imm ? 0x83 : 0x81) | X_W_IF(w), op, d);
    x64_imm8_32(a, imm);
}

void x64_alu_mi(X64Asm *a, X64Alu op, bool w, X64Mem m, int32_t imm)
{
    x64_rm(a, (imm == (int8_t)imm ? 0x83 : 0x81) | X_W_IF(w), op, m);
    x64_imm8_32(a, imm);
}

void x64_mov_mi(X64Asm *a, bool w, X64Mem m, int32_t imm)
{
    x64_rm(a, 0xc7 | X_W_IF(w), 0, m);
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
        x64_head(a, 0xf6, 0, 0, d, x64_byte_rex(d));
        x64_modrm_reg(a, 0, d);
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
    x64_head(a, (0x90 + cc) | X_0F, 0, 0, d, x64_byte_rex(d));
    x64_modrm_reg(a, 0, d);
}

void x64_bswap(X64Asm *a, bool w, unsigned d)
{
    x64_head(a, (0xc8 | (d & 7)) | X_0F | X_W_IF(w), 0, 0, d, false);
}

void x64_push(X64Asm *a, unsigned r)
{
    x64_head(a, 0x50 | (r & 7), 0, 0, r, false);
}

void x64_pop(X64Asm *a, unsigned r)
{
    x64_head(a, 0x58 | (r & 7), 0, 0, r, false);
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

static void x64_label_ref(X64Asm *a, X64Label *l)
{
    uint32_t at = x64_pos(a);

    if (l->pos >= 0) {
        x64_u32(a, (uint32_t)(l->pos - (int32_t)at - 4));
    } else {
        x64_u32(a, (uint32_t)l->link);
        l->link = (int32_t)at;
    }
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
    x64_op0(a, 0xe9);
    x64_label_ref(a, l);
}

void x64_jcc(X64Asm *a, X64Cc cc, X64Label *l)
{
    x64_op0(a, 0x0f);
    x64_byte(a, 0x80 | cc);
    x64_label_ref(a, l);
}

void x64_call(X64Asm *a, X64Label *l)
{
    x64_op0(a, 0xe8);
    x64_label_ref(a, l);
}

static void x64_rel(X64Asm *a, int64_t pos)
{
    x64_u32(a, (uint32_t)(pos - (int64_t)x64_pos(a) - 4));
}

void x64_jmp_to(X64Asm *a, int64_t pos)
{
    x64_op0(a, 0xe9);
    x64_rel(a, pos);
}

void x64_jcc_to(X64Asm *a, X64Cc cc, int64_t pos)
{
    x64_op0(a, 0x0f);
    x64_byte(a, 0x80 | cc);
    x64_rel(a, pos);
}

void x64_call_to(X64Asm *a, int64_t pos)
{
    x64_op0(a, 0xe8);
    x64_rel(a, pos);
}

void x64_align_patch(X64Asm *a, unsigned ahead)
{
    while (((uintptr_t)a->p + ahead) % 8 > 4 && !a->overflow) {
        x64_byte(a, 0x90);
    }
}
