/* SPDX-License-Identifier: Apache-2.0 */
#include "accel/tcg/host/x86_64/asm.h"
#include "tests/unit.h"

#include <glib.h>
#include <string.h>

/* Bytes in hexadecimal of one instruction, as the GNU assembler encodes it. */
static void expect_bytes(X64Asm *a, const char *text, const char *hex)
{
    GString *got = g_string_new("");

    for (uint8_t *p = a->start; p < a->p; p++) {
        g_string_append_printf(got, "%02x", *p);
    }
    if (strcmp(got->str, hex)) {
        test_fail(__FILE__, __LINE__, "%s: %s, expected %s", text, got->str, hex);
    }
    g_string_free(got, true);
    a->p = a->start;
}

TEST(x64_asm, integers)
{
    uint8_t buf[X64_MARGIN + 32];
    X64Asm asm_ = x64_asm(buf, sizeof(buf), false), *a = &asm_;

    x64_mov_imm(a, RAX, 0x12345678);
    expect_bytes(a, "mov eax, 0x12345678", "b878563412");
    x64_mov_imm(a, R9, UINT64_MAX);
    expect_bytes(a, "mov r9, -1", "49c7c1ffffffff");
    x64_mov_imm(a, R12, 0x123456789abcdef0);
    expect_bytes(a, "movabs r12, 0x123456789abcdef0", "49bcf0debc9a78563412");
    x64_mov_rr(a, true, R8, RSI);
    expect_bytes(a, "mov r8, rsi", "4c8bc6");
    x64_alu_rr(a, ALU_XOR, false, RCX, R15);
    expect_bytes(a, "xor ecx, r15d", "4133cf");
    x64_alu_ri(a, ALU_CMP, true, RCX, 4088);
    expect_bytes(a, "cmp rcx, 4088", "4881f9f80f0000");
    x64_alu_ri(a, ALU_ADD, false, RBX, -1);
    expect_bytes(a, "add ebx, -1", "83c3ff");
    x64_alu_rm(a, ALU_ADD, true, RCX, x64_mem_index(RBP, RAX, 0, -0x12340));
    expect_bytes(a, "add rcx, [rbp+rax*1-0x12340]", "48038c05c0dcfeff");
    x64_alu_mi(a, ALU_CMP, false, x64_mem(RBP, -8), 0);
    expect_bytes(a, "cmp dword ptr [rbp-8], 0", "837df800");
    x64_rm(a, XO_MOV_R_RM | X_W, R13, x64_mem(R13, 0));
    expect_bytes(a, "mov r13, [r13+0]", "4d8b6d00");
    x64_rm(a, XO_MOV_R_RM, RDX, x64_mem(RSP, 16));
    expect_bytes(a, "mov edx, [rsp+16]", "8b542410");
    x64_rm(a, XO_MOV_R_RM | X_W, RDX, x64_mem(R12, 0));
    expect_bytes(a, "mov rdx, [r12]", "498b1424");
    x64_rm(a, XO_MOV8_RM_R, RSI, x64_mem(RCX, 0));
    expect_bytes(a, "mov [rcx], sil", "408831");
    x64_rm(a, XO_MOV16_RM_R, R10, x64_mem(RCX, 1));
    expect_bytes(a, "mov [rcx+1], r10w", "6644895101");
    x64_rm(a, XO_LEA | X_W, R11, x64_mem_index(RDI, R14, 3, 100));
    expect_bytes(a, "lea r11, [rdi+r14*8+100]", "4e8d5cf764");
    x64_rr(a, XO_MOVZX8, R8, RDI);
    expect_bytes(a, "movzx r8d, dil", "440fb6c7");
    x64_rr(a, XO_MOVSX16 | X_W, RAX, R9);
    expect_bytes(a, "movsx rax, r9w", "490fbfc1");
    x64_rr(a, XO_MOVSXD, RAX, RCX);
    expect_bytes(a, "movsxd rax, ecx", "4863c1");
    x64_shift_ri(a, SH_SAR, true, R10, 63);
    expect_bytes(a, "sar r10, 63", "49c1fa3f");
    x64_shift_ri(a, SH_SHL, false, RDX, 1);
    expect_bytes(a, "shl edx, 1", "d1e2");
    x64_shift_cl(a, SH_ROR, false, RAX);
    expect_bytes(a, "ror eax, cl", "d3c8");
    x64_test_ri(a, RDI, 0x80);
    expect_bytes(a, "test dil, 0x80", "40f6c780");
    x64_test_ri(a, RCX, 0x8000);
    expect_bytes(a, "test ecx, 0x8000", "f7c100800000");
    x64_bt_ri(a, true, R9, 40);
    expect_bytes(a, "bt r9, 40", "490fbae128");
    x64_imul_rri(a, true, RBX, RSI, 1000);
    expect_bytes(a, "imul rbx, rsi, 1000", "4869dee8030000");
    x64_setcc(a, CC_AE, RSI);
    expect_bytes(a, "setae sil", "400f93c6");
    x64_bswap(a, true, R14);
    expect_bytes(a, "bswap r14", "490fce");
    x64_push(a, R15);
    expect_bytes(a, "push r15", "4157");
    x64_pop(a, RBP);
    expect_bytes(a, "pop rbp", "5d");
    x64_rr(a, (XO_CMOV + CC_L) | X_W, R8, RBX);
    expect_bytes(a, "cmovl r8, rbx", "4c0f4cc3");
    x64_rm(a, XO_CMPXCHG | X_LOCK | X_W, RDX, x64_mem(RCX, 0));
    expect_bytes(a, "lock cmpxchg [rcx], rdx", "f0480fb111");
    x64_rm(a, XO_XADD | X_LOCK | X_66, RAX, x64_mem(RCX, 0));
    expect_bytes(a, "lock xadd [rcx], ax", "66f00fc101");
    x64_rm(a, XO_XCHG8, RAX, x64_mem(RCX, 0));
    expect_bytes(a, "xchg [rcx], al", "8601");
    x64_rr(a, XO_CRC32_8, RAX, RSI);
    expect_bytes(a, "crc32 eax, sil", "f2400f38f0c6");
    x64_rri(a, XO_SHRD_I | X_W, RCX, RAX, 5);
    expect_bytes(a, "shrd rax, rcx, 5", "480facc805");
    x64_rr(a, XO_LZCNT | X_W, RAX, R11);
    expect_bytes(a, "lzcnt rax, r11", "f3490fbdc3");
    x64_rm(a, XO_MOVBE_R_M | X_W, R9, x64_mem(RCX, 0));
    expect_bytes(a, "movbe r9, [rcx]", "4c0f38f009");
}

TEST(x64_asm, vex)
{
    uint8_t buf[X64_MARGIN + 32];
    X64Asm asm_ = x64_asm(buf, sizeof(buf), true), *a = &asm_;

    x64_vex_rri(a, XO_RORX | X_W, RAX, 0, R12, 8);
    expect_bytes(a, "rorx rax, r12, 8", "c4c3fbf0c408");
    x64_vex_rr(a, XO_SHLX | X_W, RBX, RCX, R9);
    expect_bytes(a, "shlx rbx, r9, rcx", "c4c2f1f7d9");
    x64_vex_rr(a, XO_ANDN, R8, RDI, RSI);
    expect_bytes(a, "andn r8d, edi, esi", "c46240f2c6");
    x64_v3(a, XO_PADDD, 4, 5, 12);
    expect_bytes(a, "vpaddd xmm4, xmm5, xmm12", "c4c151fee4");
    x64_v3(a, XO_PCMPGTQ, 9, 8, 3);
    expect_bytes(a, "vpcmpgtq xmm9, xmm8, xmm3", "c4623937cb");
    x64_v3i(a, XO_PALIGNR, 1, 2, 3, 7);
    expect_bytes(a, "vpalignr xmm1, xmm2, xmm3, 7", "c4e3690fcb07");
    x64_v2m(a, XO_MOVDQU_LD, 10, x64_mem(RBP, 0x100));
    expect_bytes(a, "vmovdqu xmm10, [rbp+0x100]", "c57a6f9500010000");
    x64_v2m(a, XO_MOVQ_ST, 4, x64_mem_index(RCX, R8, 2, 8));
    expect_bytes(a, "vmovq [rcx+r8*4+8], xmm4", "c4a179d6648108");
    x64_v2(a, XO_MOVD_LD | X_W, 6, R9);
    expect_bytes(a, "vmovq xmm6, r9", "c4c1f96ef1");
    x64_v2(a, XO_MOVD_ST, 6, RAX);
    expect_bytes(a, "vmovd eax, xmm6", "c5f97ef0");
    x64_vshift(a, XO_PSHIFTD_I, 4, 7, 8, 3);
    expect_bytes(a, "vpsrad xmm7, xmm8, 3", "c4c14172e003");
    x64_vins(a, XO_PINSRD | X_W, 7, 8, R10, 1);
    expect_bytes(a, "vpinsrq xmm7, xmm8, r10, 1", "c4c3b922fa01");
    x64_v2i(a, XO_PEXTRB, 8, RAX, 3);
    expect_bytes(a, "vpextrb eax, xmm8, 3", "c4637914c003");
}

TEST(x64_asm, sse)
{
    uint8_t buf[X64_MARGIN + 32];
    X64Asm asm_ = x64_asm(buf, sizeof(buf), false), *a = &asm_;

    x64_rr(a, XO_PSHUFB, 9, 10);
    expect_bytes(a, "pshufb xmm9, xmm10", "66450f3800ca");
    x64_rri(a, XO_PSHUFD, 1, 12, 0x44);
    expect_bytes(a, "pshufd xmm1, xmm12, 0x44", "66410f70cc44");
    x64_rr(a, XO_MULPS | X_F2, 3, 11);
    expect_bytes(a, "mulsd xmm3, xmm11", "f2410f59db");
}

TEST(x64_asm, labels_and_overflow)
{
    uint8_t buf[16 + X64_MARGIN];
    X64Asm a = x64_asm(buf, sizeof(buf), false);
    X64Label l = X64_LABEL;

    x64_jmp(&a, &l);
    x64_jcc(&a, CC_E, &l);
    x64_bind(&a, &l);
    EXPECT_EQ(buf[1], 6);
    EXPECT_EQ(buf[7], 0);
    EXPECT(!a.overflow);
    for (unsigned n = 0; n < 100; n++) {
        x64_mov_imm(&a, R12, UINT64_MAX - 1 - (1ull << 40));
        x64_u32(&a, 0);
        EXPECT(a.p <= buf + sizeof(buf));
    }
    EXPECT(a.overflow);
}