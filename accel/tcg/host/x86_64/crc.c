/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32 and CRC-32C.
 * Spec: Intel SDM vol. 2 (CRC32 is the reflected 1EDC6F41, PCLMULQDQ); the division by a
 * polynomial P through its inverse modulo x^64: q = x * P^-1 makes q * P equal x in the low 64
 * bits, so that the bits above are what remains.
 */
#include "accel/tcg/host/x86_64/vec-priv.h"

static void x64_crc_result(X64Emit *e, unsigned id)
{
    x64_kill_args(e);
    x64_mov_rr(&e->a, false, x64_def(e, id), RAX);
}

/* Hosts without PCLMULQDQ: four bits at a time. */
static uint64_t x64_crc32(void *cpu, uint64_t acc, uint64_t data, uint64_t log2_bytes)
{
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    uint32_t crc = (uint32_t)acc;

    for (unsigned n = 0; n < 8u << log2_bytes; n += 4) {
        crc = crc >> 4 ^ table[(crc ^ data >> n) & 15];
    }
    return crc;
}

static void x64_crc32_call(X64Emit *e, const IrInsn *insn)
{
    X64Call c = { .fn = (const void *)(uintptr_t)x64_crc32, .n_args = 3 };

    c.arg[0].id = insn->arg[0];
    c.arg[1].id = insn->arg[1];
    c.arg[2].is_imm = true;
    c.arg[2].imm = insn->sub;
    x64_emit_call(e, &c);
}

void x64_op_CRC32(X64Emit *e, unsigned id, const IrInsn *insn)
{
    const uint64_t poly = 0x1db710641, inverse = 0xb4e5b025f7011641;
    X64Vec v = { .e = e, .a = &e->a };
    unsigned bits = 8u << insn->sub, data;

    if (!e->feat->pclmul) {
        x64_crc32_call(e, insn);
        x64_crc_result(e, id);
        return;
    }
    x64_flags_save(e);
    data = x64_reg(e, insn->arg[1], RCX);
    x64_load(e, insn->arg[0], RAX);
    if (bits < 32) {
        x64_mov_rr(&e->a, false, RDX, RAX);
    } else if (bits == 64) {
        x64_mov_rr(&e->a, false, RAX, RAX);
    }
    x64_alu_rr(&e->a, ALU_XOR, bits == 64, RAX, data);
    if (bits < 64) {
        x64_shift_ri(&e->a, SH_SHL, true, RAX, 64 - bits);
    }
    x64_v2(&e->a, XO_MOVD_LD | X_W, 1, RAX);
    xv_with_imm(&v, XO_PCLMULQDQ, 1, 1, inverse, poly, 0x00);
    xv_with_imm(&v, XO_PCLMULQDQ, 1, 1, inverse, poly, 0x10);
    x64_v2i(&e->a, XO_PEXTRD, 1, RAX, 2);
    if (bits < 32) {
        x64_shift_ri(&e->a, SH_SHR, false, RDX, bits);
        x64_alu_rr(&e->a, ALU_XOR, false, RAX, RDX);
    }
    x64_crc_result(e, id);
}

void x64_op_CRC32C(X64Emit *e, unsigned id, const IrInsn *insn)
{
    unsigned b = x64_reg(e, insn->arg[1], RCX);

    x64_load(e, insn->arg[0], RAX);
    if (insn->sub == 1) {
        x64_byte(&e->a, 0x66); /* before F2 */
    }
    x64_rr(&e->a, insn->sub == 0 ? XO_CRC32_8 : XO_CRC32 | X_W_IF(insn->sub == 3), RAX, b);
    x64_crc_result(e, id);
}
