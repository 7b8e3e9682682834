/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encoder of x86-64 instructions. An operation is an X64Op (opcode, map, prefix, W); the emit
 * functions add REX or VEX, ModRM, SIB and displacement.
 * Spec: Intel SDM vol. 2, ch. 2 (instruction format), ch. 3 to 6 (opcodes).
 */
#ifndef ACCEL_TCG_HOST_X86_64_ASM_H
#define ACCEL_TCG_HOST_X86_64_ASM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum X64Reg {
    RAX,
    RCX,
    RDX,
    RBX,
    RSP,
    RBP,
    RSI,
    RDI,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15,
    X64_NO_REG = 16,
} X64Reg;

/* Condition codes, as the hardware numbers them; xor 1 inverts. */
typedef enum X64Cc {
    CC_O,
    CC_NO,
    CC_B,
    CC_AE,
    CC_E,
    CC_NE,
    CC_BE,
    CC_A,
    CC_S,
    CC_NS,
    CC_P,
    CC_NP,
    CC_L,
    CC_GE,
    CC_LE,
    CC_G,
} X64Cc;

typedef uint32_t X64Op;

/* Parts of an X64Op: opcode in bits 7..0. */
enum {
    X_0F = 1 << 8,
    X_0F38 = 2 << 8,
    X_0F3A = 3 << 8,
    X_MAP = 3 << 8,
    X_66 = 1 << 10,
    X_F3 = 2 << 10,
    X_F2 = 3 << 10,
    X_PP = 3 << 10,
    X_W = 1 << 12,    /* REX.W or VEX.W */
    X_BYTE = 1 << 13, /* byte registers: REX wanted for sil, dil, ... in either operand */
    X_LOCK = 1 << 14,
    X_L256 = 1 << 15, /* VEX.L */
    X_EVEX = 1 << 16, /* x64_v*: the EVEX form, of 128 bits */
    X_K1 = 1 << 17,   /* EVEX: only the lanes of mask k1 are written */
    X_Z = 1 << 18,    /* EVEX: with X_K1, the other lanes become zero */
};

/* Base of an X64Mem relative to the end of the instruction: the displacement is filled in later. */
enum { X64_RIP = 0x25 };

#define X_W_IF(w) ((w) ? X_W : 0)

typedef struct X64Mem {
    uint8_t base;  /* register */
    uint8_t index; /* register or X64_NO_REG */
    uint8_t scale; /* log2 */
    int32_t disp;
} X64Mem;

static inline X64Mem x64_mem(X64Reg base, int32_t disp)
{
    return (X64Mem){ (uint8_t)base, X64_NO_REG, 0, disp };
}

static inline X64Mem x64_mem_index(X64Reg base, X64Reg index, unsigned scale, int32_t disp)
{
    return (X64Mem){ (uint8_t)base, (uint8_t)index, (uint8_t)scale, disp };
}

static inline X64Mem x64_rip(void)
{
    return (X64Mem){ X64_RIP, X64_NO_REG, 0, 0 };
}

/* ALU operations by their number in group 1; reg, r/m form is op * 8 + 3. */
typedef enum X64Alu {
    ALU_ADD,
    ALU_OR,
    ALU_ADC,
    ALU_SBB,
    ALU_AND,
    ALU_SUB,
    ALU_XOR,
    ALU_CMP
} X64Alu;
/* Shifts by their number in group 2. */
typedef enum X64Shift { SH_ROL, SH_ROR, SH_SHL = 4, SH_SHR, SH_SAR = 7 } X64Shift;

enum {
    XO_MOV_R_RM = 0x8b,
    XO_MOV_RM_R = 0x89,
    XO_MOV8_RM_R = 0x88 | X_BYTE,
    XO_MOV16_RM_R = 0x89 | X_66,
    XO_LEA = 0x8d,
    XO_TEST = 0x85,
    XO_XCHG = 0x87,
    XO_MOVZX8 = 0xb6 | X_0F | X_BYTE,
    XO_MOVZX16 = 0xb7 | X_0F,
    XO_MOVSX8 = 0xbe | X_0F | X_BYTE,
    XO_MOVSX16 = 0xbf | X_0F,
    XO_MOVSXD = 0x63 | X_W,
    XO_IMUL = 0xaf | X_0F,
    XO_CMOV = 0x40 | X_0F,
    XO_BSR = 0xbd | X_0F,
    XO_BSF = 0xbc | X_0F,
    XO_LZCNT = 0xbd | X_0F | X_F3,
    XO_TZCNT = 0xbc | X_0F | X_F3,
    XO_POPCNT = 0xb8 | X_0F | X_F3,
    XO_CMPXCHG = 0xb1 | X_0F,
    XO_CMPXCHG16 = 0xc7 | X_0F | X_W, /* group: 1 */
    XO_CMPXCHG8 = 0xb0 | X_0F | X_BYTE,
    XO_XADD = 0xc1 | X_0F,
    XO_XADD8 = 0xc0 | X_0F | X_BYTE,
    XO_XCHG8 = 0x86 | X_BYTE,
    XO_MOVBE_R_M = 0xf0 | X_0F38,
    XO_MOVBE_M_R = 0xf1 | X_0F38,
    XO_SHLD_I = 0xa4 | X_0F,
    XO_SHRD_I = 0xac | X_0F,
    XO_CRC32_8 = 0xf0 | X_0F38 | X_F2 | X_BYTE,
    XO_CRC32 = 0xf1 | X_0F38 | X_F2,
    /* VEX only */
    XO_RORX = 0xf0 | X_0F3A | X_F2,
    XO_SHLX = 0xf7 | X_0F38 | X_66,
    XO_SHRX = 0xf7 | X_0F38 | X_F2,
    XO_SARX = 0xf7 | X_0F38 | X_F3,
    XO_ANDN = 0xf2 | X_0F38,
    /* vectors */
    XO_MOVDQU_LD = 0x6f | X_0F | X_F3,
    XO_MOVDQU_ST = 0x7f | X_0F | X_F3,
    XO_MOVDQA_LD = 0x6f | X_0F | X_66,
    XO_MOVDQA_ST = 0x7f | X_0F | X_66,
    XO_MOVD_LD = 0x6e | X_0F | X_66,
    XO_MOVD_ST = 0x7e | X_0F | X_66, /* X_W: movq */
    XO_MOVQ_LD = 0x7e | X_0F | X_F3,
    XO_MOVQ_ST = 0xd6 | X_0F | X_66,
    XO_PAND = 0xdb | X_0F | X_66,
    XO_PANDN = 0xdf | X_0F | X_66,
    XO_POR = 0xeb | X_0F | X_66,
    XO_PXOR = 0xef | X_0F | X_66,
    XO_PADDB = 0xfc | X_0F | X_66,
    XO_PADDW = 0xfd | X_0F | X_66,
    XO_PADDD = 0xfe | X_0F | X_66,
    XO_PADDQ = 0xd4 | X_0F | X_66,
    XO_PSUBB = 0xf8 | X_0F | X_66,
    XO_PSUBW = 0xf9 | X_0F | X_66,
    XO_PSUBD = 0xfa | X_0F | X_66,
    XO_PSUBQ = 0xfb | X_0F | X_66,
    XO_PCMPEQB = 0x74 | X_0F | X_66,
    XO_PCMPEQW = 0x75 | X_0F | X_66,
    XO_PCMPEQD = 0x76 | X_0F | X_66,
    XO_PCMPEQQ = 0x29 | X_0F38 | X_66,
    XO_PCMPGTB = 0x64 | X_0F | X_66,
    XO_PCMPGTW = 0x65 | X_0F | X_66,
    XO_PCMPGTD = 0x66 | X_0F | X_66,
    XO_PCMPGTQ = 0x37 | X_0F38 | X_66,
    XO_PMINUB = 0xda | X_0F | X_66,
    XO_PMAXUB = 0xde | X_0F | X_66,
    XO_PMINUW = 0x3a | X_0F38 | X_66,
    XO_PMAXUW = 0x3e | X_0F38 | X_66,
    XO_PMINUD = 0x3b | X_0F38 | X_66,
    XO_PMAXUD = 0x3f | X_0F38 | X_66,
    XO_PMINSB = 0x38 | X_0F38 | X_66,
    XO_PMAXSB = 0x3c | X_0F38 | X_66,
    XO_PMINSW = 0xea | X_0F | X_66,
    XO_PMAXSW = 0xee | X_0F | X_66,
    XO_PMINSD = 0x39 | X_0F38 | X_66,
    XO_PMAXSD = 0x3d | X_0F38 | X_66,
    XO_PMULLW = 0xd5 | X_0F | X_66,
    XO_PMULLD = 0x40 | X_0F38 | X_66,
    XO_PMULUDQ = 0xf4 | X_0F | X_66,
    XO_PMULDQ = 0x28 | X_0F38 | X_66,
    XO_PABSB = 0x1c | X_0F38 | X_66,
    XO_PABSW = 0x1d | X_0F38 | X_66,
    XO_PABSD = 0x1e | X_0F38 | X_66,
    XO_PAVGB = 0xe0 | X_0F | X_66,
    XO_PAVGW = 0xe3 | X_0F | X_66,
    XO_PSHUFB = 0x00 | X_0F38 | X_66,
    XO_PSHUFD = 0x70 | X_0F | X_66,
    XO_PSHUFLW = 0x70 | X_0F | X_F2,
    XO_PSHUFHW = 0x70 | X_0F | X_F3,
    XO_PALIGNR = 0x0f | X_0F3A | X_66,
    XO_PUNPCKLBW = 0x60 | X_0F | X_66,
    XO_PUNPCKLWD = 0x61 | X_0F | X_66,
    XO_PUNPCKLDQ = 0x62 | X_0F | X_66,
    XO_PUNPCKLQDQ = 0x6c | X_0F | X_66,
    XO_PUNPCKHBW = 0x68 | X_0F | X_66,
    XO_PUNPCKHWD = 0x69 | X_0F | X_66,
    XO_PUNPCKHDQ = 0x6a | X_0F | X_66,
    XO_PUNPCKHQDQ = 0x6d | X_0F | X_66,
    XO_PMOVZXBW = 0x30 | X_0F38 | X_66,
    XO_PMOVZXWD = 0x33 | X_0F38 | X_66,
    XO_PMOVZXDQ = 0x35 | X_0F38 | X_66,
    XO_PMOVSXBW = 0x20 | X_0F38 | X_66,
    XO_PMOVSXWD = 0x23 | X_0F38 | X_66,
    XO_PMOVSXDQ = 0x25 | X_0F38 | X_66,
    XO_PINSRB = 0x20 | X_0F3A | X_66,
    XO_PINSRW = 0xc4 | X_0F | X_66,
    XO_PINSRD = 0x22 | X_0F3A | X_66, /* X_W: pinsrq */
    XO_PEXTRB = 0x14 | X_0F3A | X_66,
    XO_PEXTRW = 0x15 | X_0F3A | X_66,
    XO_PEXTRD = 0x16 | X_0F3A | X_66, /* X_W: pextrq; r/m is the destination */
    XO_PSHIFTW_I = 0x71 | X_0F | X_66,
    XO_PSHIFTD_I = 0x72 | X_0F | X_66,
    XO_PSHIFTQ_I = 0x73 | X_0F | X_66, /* group: 2 right, 4 arithmetic, 6 left; Q 3, 7: bytes */
    XO_PTEST = 0x17 | X_0F38 | X_66,
    XO_SHUFPS = 0xc6 | X_0F,
    XO_PBLENDVB = 0x10 | X_0F38 | X_66,
    XO_PBLENDW = 0x0e | X_0F3A | X_66,
    XO_AESENCLAST = 0xdd | X_0F38 | X_66,
    XO_AESDECLAST = 0xdf | X_0F38 | X_66,
    XO_AESIMC = 0xdb | X_0F38 | X_66,
    XO_AESENC = 0xdc | X_0F38 | X_66,
    XO_PCLMULQDQ = 0x44 | X_0F3A | X_66,
    XO_ADDPS = 0x58 | X_0F,
    XO_MULPS = 0x59 | X_0F,
    XO_SUBPS = 0x5c | X_0F,
    XO_DIVPS = 0x5e | X_0F,
    XO_SQRTPS = 0x51 | X_0F,
    /* floating point; packed single without a prefix: see x64_fp_op() */
    XO_UCOMIS = 0x2e | X_0F,
    XO_COMIS = 0x2f | X_0F,
    XO_MINPS = 0x5d | X_0F,
    XO_MAXPS = 0x5f | X_0F,
    XO_CMPPS = 0xc2 | X_0F,
    XO_ANDPS = 0x54 | X_0F,
    XO_ORPS = 0x56 | X_0F,
    XO_XORPS = 0x57 | X_0F,
    XO_CVTFP = 0x5a | X_0F, /* F3: ss2sd, F2: sd2ss, none: ps2pd, 66: pd2ps */
    XO_CVTSI2F = 0x2a | X_0F,
    XO_CVTTF2SI = 0x2c | X_0F,
    XO_CVTF2SI = 0x2d | X_0F,
    XO_CVTDQ2PS = 0x5b | X_0F,
    XO_CVTPS2DQ = 0x5b | X_0F | X_66,
    XO_CVTTPS2DQ = 0x5b | X_0F | X_F3,
    XO_ROUND = 0x08 | X_0F3A | X_66, /* + 0 ps, 1 pd, 2 ss, 3 sd */
    XO_MOVDDUP = 0x12 | X_0F | X_F2,
    XO_INSERTPS = 0x21 | X_0F3A | X_66,
    XO_MOVMSKPS = 0x50 | X_0F,        /* the destination is a general register */
    XO_FMA231 = 0xb8 | X_0F38 | X_66, /* + 1 scalar, + 2 -c, + 4 -(a * b); X_W: double */
    XO_CVTPH2PS = 0x13 | X_0F38 | X_66,
    XO_CVTPS2PH = 0x1d | X_0F3A | X_66, /* r/m is the destination */
    XO_MXCSR = 0xae | X_0F,             /* group: 2 load, 3 store */
};

/*
 * Where code is written, X64_MARGIN bytes at least. Each instruction looks once whether there is
 * room; when it runs out `overflow` is set and what follows is written over the code, from the
 * start on.
 */
enum { X64_MARGIN = 128 }; /* an instruction, and bytes or words that are put behind it */

typedef struct X64Asm {
    uint8_t *start, *p, *limit; /* up to `limit` X64_MARGIN bytes are left */
    bool overflow;
    bool avx;         /* x64_v* may use VEX */
    uint32_t n_insns; /* instructions written (padding is none) */
} X64Asm;

static inline X64Asm x64_asm(uint8_t *buf, size_t room, bool avx)
{
    return (X64Asm){ .start = buf, .p = buf, .limit = buf + room - X64_MARGIN, .avx = avx };
}

/* A place to jump to: offset from `start` once bound; before that a list of jumps to it. */
typedef struct X64Label {
    int32_t pos;  /* -1: not bound */
    int32_t link; /* offset of the newest rel32 that waits; -1: none */
} X64Label;

#define X64_LABEL ((X64Label){ -1, -1 })

static inline uint32_t x64_pos(const X64Asm *a)
{
    return (uint32_t)(a->p - a->start);
}

/* Look for room for what is no instruction. */
static inline void x64_room(X64Asm *a)
{
    if (__builtin_expect(a->p > a->limit, 0)) {
        a->overflow = true;
        a->p = a->start;
    }
}

/* More bytes of an instruction, or data for which x64_room() was called. */
static inline void x64_byte(X64Asm *a, unsigned b)
{
    *a->p++ = (uint8_t)b;
}

static inline void x64_u32(X64Asm *a, uint32_t v)
{
    __builtin_memcpy(a->p, &v, 4);
    a->p += 4;
}

static inline void x64_u64(X64Asm *a, uint64_t v)
{
    __builtin_memcpy(a->p, &v, 8);
    a->p += 8;
}

/* An instruction begins. */
static inline void x64_begin(X64Asm *a)
{
    a->n_insns++;
    x64_room(a);
}

/* An instruction of this byte and those given to x64_byte: counts it. */
static inline void x64_op0(X64Asm *a, unsigned b)
{
    x64_begin(a);
    x64_byte(a, b);
}

/*
 * Pieces of instructions at @p, for sequences that are written at once. Each is stored, longer than
 * it is, without branches, and the pointer behind it given back: 8 bytes beyond may be touched.
 */
static inline uint8_t *x64_put(uint8_t *p, uint64_t bytes, unsigned n)
{
    __builtin_memcpy(p, &bytes, 8);
    return p + n;
}

/* An opcode of @n bytes that needs no prefix but REX, whose W @rex_w is (or 0), and its operands;
 * no X64_RIP. Without branches: half of the displacements are short, and nobody can tell which. */
enum { X64_REX_W = 8 };

static inline unsigned x64_rex_w(X64Op op)
{
    return op / (X_W / X64_REX_W) & X64_REX_W;
}

static inline uint8_t *x64_put_rm(uint8_t *p, unsigned op, unsigned n, unsigned rex_w, unsigned reg,
                                  X64Mem m)
{
    unsigned base = m.base, index = m.index, low = base & 7;
    unsigned rex = 0x40 | rex_w | (reg & 8) >> 1 | (index & 8) >> 2 | base >> 3;
    unsigned is_byte = m.disp == (int8_t)m.disp, some = (m.disp != 0) | (low == 5);
    unsigned mod = is_byte ? some : 2, has_sib = (index != X64_NO_REG) | (low == 4);
    unsigned rm = low ^ ((low ^ 4) & (0 - has_sib)), modrm = mod << 6 | (reg & 7) << 3 | rm;
    /* "no index" is 4 */
    unsigned sib = (unsigned)m.scale << 6 | ((index & 7) | (index >> 2 & 4)) << 3 | low;

    *p = (uint8_t)rex;
    p += rex != 0x40;
    p = x64_put(p, op | modrm << 8 * n | (uint64_t)sib << (8 * n + 8), n + 1 + has_sib);
    return x64_put(p, (uint32_t)m.disp, mod << (mod >> 1));
}

/* The same of [rcx + @index + @disp], which most accesses of the guest are. */
static inline uint8_t *x64_put_host(uint8_t *p, unsigned op, unsigned n, unsigned rex_w,
                                    unsigned reg, X64Mem m)
{
    unsigned rex = 0x40 | rex_w | (reg & 8) >> 1 | (m.index & 8u) >> 2;
    unsigned is_byte = m.disp == (int8_t)m.disp, mod = is_byte ? m.disp != 0 : 2;
    unsigned modrm = mod << 6 | (reg & 7) << 3 | 4, sib = (m.index & 7u) << 3 | RCX;

    *p = (uint8_t)rex;
    p += rex != 0x40;
    p = x64_put(p, op | modrm << 8 * n | (uint64_t)sib << (8 * n + 8), n + 2);
    return x64_put(p, (uint32_t)m.disp, mod << (mod >> 1));
}

static inline uint8_t *x64_put_rr(uint8_t *p, unsigned op, unsigned n, unsigned rex_w, unsigned reg,
                                  unsigned rm)
{
    unsigned rex = 0x40 | rex_w | (reg & 8) >> 1 | (rm & 8) >> 3;

    *p = (uint8_t)rex;
    p += rex != 0x40;
    return x64_put(p, op | (0xc0 | (reg & 7) << 3 | (rm & 7)) << 8 * n, n + 1);
}

/* rorx @d, @s, @count */
static inline uint8_t *x64_put_rorx(uint8_t *p, bool w, unsigned d, unsigned s, unsigned count)
{
    unsigned r = ~d << 4 & 0x80, b = ~s << 2 & 0x20, modrm = 0xc0 | (d & 7) << 3 | (s & 7);

    return x64_put(p,
                   0xc4 | (r | 0x43 | b) << 8 | (w ? 0xfb : 0x7b) << 16 | (uint64_t)0xf0 << 24 |
                       (uint64_t)modrm << 32 | (uint64_t)count << 40,
                   6);
}

/* @n instructions begin, of X64_MARGIN bytes at most together: where. */
static inline uint8_t *x64_open(X64Asm *a, unsigned n)
{
    a->n_insns += n;
    x64_room(a);
    return a->p;
}

/* The same of instructions that have other prefixes, maps or byte registers, or X64_RIP. */
void x64_rr_any(X64Asm *a, X64Op op, unsigned reg, unsigned rm);
void x64_rm_any(X64Asm *a, X64Op op, unsigned reg, X64Mem m);
/* What most instructions have not. */
enum { ASM_SELDOM = X_PP | X_LOCK | X_MAP | X_BYTE };

/* x64_rm() with the operand at @disp from rbp, of which there are most. */
static inline void x64_rbp(X64Asm *a, X64Op op, unsigned reg, int32_t disp)
{
    unsigned rex = 0x40 | x64_rex_w(op) | (reg & 8) >> 1, is_byte = disp == (int8_t)disp;
    unsigned modrm = (0x85 ^ ((0 - is_byte) & 0xc0)) | (reg & 7) << 3;
    uint8_t *p;

    if (op & ASM_SELDOM) {
        x64_rm_any(a, op, reg, x64_mem(RBP, disp));
        return;
    }
    p = x64_open(a, 1);
    *p = (uint8_t)rex;
    p += rex != 0x40;
    a->p = x64_put(p, (op & 0xff) | modrm << 8 | (uint64_t)(uint32_t)disp << 16, 6 - is_byte * 3);
}

/* Legacy encodings: @reg in ModRM.reg (or the group's number), @rm a register or memory. */
void x64_rr(X64Asm *a, X64Op op, unsigned reg, unsigned rm);
void x64_rm(X64Asm *a, X64Op op, unsigned reg, X64Mem m);
void x64_rri(X64Asm *a, X64Op op, unsigned reg, unsigned rm, uint8_t imm);
void x64_rmi(X64Asm *a, X64Op op, unsigned reg, X64Mem m, uint8_t imm);
/* VEX: @vvvv is the first source (0 when the instruction has none). */
void x64_vex_rr(X64Asm *a, X64Op op, unsigned reg, unsigned vvvv, unsigned rm);
void x64_vex_rm(X64Asm *a, X64Op op, unsigned reg, unsigned vvvv, X64Mem m);
void x64_vex_rri(X64Asm *a, X64Op op, unsigned reg, unsigned vvvv, unsigned rm, uint8_t imm);
void x64_vex_rmi(X64Asm *a, X64Op op, unsigned reg, unsigned vvvv, X64Mem m, uint8_t imm);

/* EVEX of 128 bits; registers up to 31 (k0-7 where the instruction says so). */
void x64_evex_rr(X64Asm *a, X64Op op, unsigned reg, unsigned vvvv, unsigned rm);
void x64_evex_rm(X64Asm *a, X64Op op, unsigned reg, unsigned vvvv, X64Mem m);

/* mov reg, imm in the shortest form that leaves EFLAGS alone. */
void x64_mov_imm(X64Asm *a, unsigned reg, uint64_t imm);
void x64_mov_rr(X64Asm *a, bool w, unsigned d, unsigned s);
void x64_alu_rr(X64Asm *a, X64Alu op, bool w, unsigned d, unsigned s);
void x64_alu_rm(X64Asm *a, X64Alu op, bool w, unsigned d, X64Mem m);
void x64_alu_mr(X64Asm *a, X64Alu op, bool w, X64Mem m, unsigned s);
void x64_alu_ri(X64Asm *a, X64Alu op, bool w, unsigned d, int32_t imm);
void x64_alu_mi(X64Asm *a, X64Alu op, bool w, X64Mem m, int32_t imm);
void x64_mov_mi(X64Asm *a, bool w, X64Mem m, int32_t imm);
void x64_shift_ri(X64Asm *a, X64Shift op, bool w, unsigned d, unsigned count);
void x64_shift_cl(X64Asm *a, X64Shift op, bool w, unsigned d);
void x64_test_ri(X64Asm *a, unsigned d, uint32_t imm); /* 8- or 32-bit form */
void x64_bt_ri(X64Asm *a, bool w, unsigned d, unsigned bit);
void x64_imul_rri(X64Asm *a, bool w, unsigned d, unsigned s, int32_t imm);
void x64_setcc(X64Asm *a, X64Cc cc, unsigned d);
void x64_bswap(X64Asm *a, bool w, unsigned d);
void x64_push(X64Asm *a, unsigned r);
void x64_pop(X64Asm *a, unsigned r);

/* Vectors: VEX where a->avx, else SSE with a copy of the first source to @d. @d may equal any
 * source; xmm0 is used where SSE needs a place (so no source may be xmm0 unless it is @d). */
void x64_v3(X64Asm *a, X64Op op, unsigned d, unsigned s1, unsigned s2);
void x64_v3m(X64Asm *a, X64Op op, unsigned d, unsigned s1, X64Mem m);
void x64_v3i(X64Asm *a, X64Op op, unsigned d, unsigned s1, unsigned s2, uint8_t imm);
/* The second source is @m, 16-byte aligned. */
void x64_v3_aligned(X64Asm *a, X64Op op, unsigned d, unsigned s1, X64Mem m);
/* One source, or a move; for stores @d is what is stored. */
void x64_v2(X64Asm *a, X64Op op, unsigned d, unsigned s);
void x64_v2m(X64Asm *a, X64Op op, unsigned d, X64Mem m);
void x64_v2i(X64Asm *a, X64Op op, unsigned d, unsigned s, uint8_t imm);
/* Shift by an immediate: @group as at XO_PSHIFTW_I. */
void x64_vshift(X64Asm *a, X64Op op, unsigned group, unsigned d, unsigned s, uint8_t imm);
/* Insert an integer register's low lane. */
void x64_vins(X64Asm *a, X64Op op, unsigned d, unsigned s1, unsigned gpr, uint8_t imm);
void x64_vmov(X64Asm *a, unsigned d, unsigned s);

void x64_bind(X64Asm *a, X64Label *l);
/* @p: rel32 to the label; behind it. */
uint8_t *x64_put_label(X64Asm *a, uint8_t *p, X64Label *l);
void x64_jmp(X64Asm *a, X64Label *l);
void x64_jcc(X64Asm *a, X64Cc cc, X64Label *l);
void x64_call(X64Asm *a, X64Label *l);
/* The same to a known offset from a->start (it may lie outside of the buffer). */
void x64_jmp_to(X64Asm *a, int64_t pos);
void x64_jcc_to(X64Asm *a, X64Cc cc, int64_t pos);
void x64_call_to(X64Asm *a, int64_t pos);
/* Pad so that the 4 bytes that begin @ahead bytes from here lie in one 8-byte granule. */
void x64_align_patch(X64Asm *a, unsigned ahead);

#endif
