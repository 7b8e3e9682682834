/* SPDX-License-Identifier: Apache-2.0 */
/* The code that all blocks share: entry, exits, calls into C. */
#include "accel/tcg/host.h"
#include "accel/tcg/host/x86_64/slow-path.h"
#include "accel/tcg/host/x86_64/x64-fp.h"
#include "accel/tcg/host/x86_64/x64-priv.h"

static const uint8_t x64_saved[6] = { RBX, RBP, R12, R13, R14, R15 };

static void x64_pins_spill(X64Asm *a, const X64Layout *lay)
{
    for (unsigned n = 0; n < lay->n_pins; n++) {
        x64_rbp(a, XO_MOV_RM_R | X_W, x64_pin_reg[n], lay->pin[n]);
    }
}

static void x64_pins_load(X64Asm *a, const X64Layout *lay)
{
    for (unsigned n = 0; n < lay->n_pins; n++) {
        x64_rbp(a, XO_MOV_R_RM | X_W, x64_pin_reg[n], lay->pin[n]);
    }
}

static void x64_ret(X64Asm *a)
{
    x64_byte(a, 0xc3);
}

/*
 * MXCSR while generated code runs is the guest's: its rounding, everything masked, no sticky bit
 * that was folded into IrFpState. @frame: where the block's frame is, from rsp. Both use r10, r11.
 */
static void x64_mxcsr_guest(X64Asm *a, const X64Layout *lay)
{
    x64_rbp(a, XO_MOVZX8, R10, lay->fp + (int32_t)offsetof(IrFpState, env.round));
    x64_rm(a, XO_MXCSR, 2,
           x64_mem_index(RBP, R10, 2, lay->consts + (int32_t)offsetof(X64FpConst, mxcsr)));
}

/* Invalid and denormal are not taken from the host (fp-emit.c); the others lie alike. */
static void x64_mxcsr_host(X64Asm *a, const X64Layout *lay, int32_t frame)
{
    X64Mem now = x64_mem(RSP, frame + X64_FRAME_MXCSR + 4);

    x64_rm(a, XO_MXCSR, 3, now);
    x64_rm(a, XO_MXCSR, 2, x64_mem(RSP, frame + X64_FRAME_MXCSR));
    x64_rm(a, XO_MOV_R_RM, R10, now);
    x64_shift_ri(a, SH_SHR, false, R10, 1);
    x64_alu_ri(a, ALU_AND, false, R10, FP_DIVZERO | FP_OVERFLOW | FP_UNDERFLOW | FP_INEXACT);
    x64_rbp(a, 0x08 | X_BYTE, R10, lay->fp + (int32_t)offsetof(IrFpState, env.flags));
}

static void x64_thunk_enter(X64Asm *a, const X64Layout *lay)
{
    for (unsigned n = 0; n < 6; n++) {
        x64_push(a, x64_saved[n]);
    }
    x64_alu_ri(a, ALU_SUB, true, RSP, X64_FRAME_BYTES);
    x64_rm(a, XO_LEA | X_W, RBP, x64_mem(RDI, -lay->cpu));
    x64_mov_rr(a, true, RAX, RSI);
    x64_rm(a, XO_MXCSR, 3, x64_mem(RSP, X64_FRAME_MXCSR));
    x64_mxcsr_guest(a, lay);
    x64_pins_load(a, lay);
    x64_rr(a, 0xff, 4, RAX);
}

/* eax: the reason. */
static void x64_thunk_leave(X64Asm *a, const X64Layout *lay)
{
    x64_mxcsr_host(a, lay, 0);
    x64_alu_ri(a, ALU_ADD, true, RSP, X64_FRAME_BYTES);
    for (unsigned n = 6; n-- > 0;) {
        x64_pop(a, x64_saved[n]);
    }
    x64_ret(a);
}

/* rcx: a delta; the pc becomes rcx + the page, or rax when @at. */
static void x64_thunk_exit(X64Asm *a, const X64Layout *lay, bool at, TcgLeave reason,
                           X64Label *leave)
{
    if (!at) {
        x64_rr(a, XO_MOVSXD, RCX, RCX);
        x64_alu_rm(a, ALU_ADD, true, RCX, x64_env(lay->pc_page));
    }
    x64_rbp(a, XO_MOV_RM_R | X_W, at ? RAX : RCX, lay->pc);
    x64_pins_spill(a, lay);
    x64_mov_imm(a, RAX, reason);
    x64_jmp(a, leave);
}

static void x64_thunk_call_c(X64Asm *a, const X64Layout *lay, bool full, X64Label *raised)
{
    if (full) {
        x64_mxcsr_host(a, lay, 8);
    }
    x64_alu_ri(a, ALU_SUB, true, RSP, 8);
    x64_count_cycles(a, lay, false);
    x64_rr(a, 0xff, 2, RAX); /* call rax */
    x64_count_cycles(a, lay, true);
    x64_alu_ri(a, ALU_ADD, true, RSP, 8);
    if (full) {
        x64_mxcsr_guest(a, lay);
    }
    if (raised) {
        x64_rbp(a, 0x80, 7, lay->raised); /* cmp byte, 0 */
        x64_byte(a, 0);
        x64_jcc(a, CC_NE, raised);
    }
    x64_pins_load(a, lay);
    x64_ret(a);
}

static void x64_thunk_keep(X64Asm *a, const X64Layout *lay)
{
    x64_push(a, RDI);
    x64_push(a, RSI);
    x64_rbp(a, XO_LEA | X_W, RDI, lay->cpu);
    x64_mov_rr(a, true, RSI, RAX);
    x64_rr(a, 0xff, 2, RCX); /* call rcx */
    x64_pop(a, RSI);
    x64_pop(a, RDI);
    x64_ret(a);
}

static void x64_thunk_regs(X64Asm *a, bool store, bool xmm, int32_t frame)
{
    for (unsigned r = RAX; r <= R15; r++) {
        if (r != RSP && r != RBP) {
            x64_rm(a, (store ? XO_MOV_RM_R : XO_MOV_R_RM) | X_W, r,
                   x64_mem(RSP, frame + X64_FRAME_REGS + (int32_t)r * 8));
        }
    }
    for (unsigned r = 4; xmm && r < 16; r++) {
        x64_rm(a, store ? XO_MOVDQU_ST : XO_MOVDQU_LD, r,
               x64_mem(RSP, frame + X64_FRAME_XSAVE + (int32_t)(r - 4) * 16));
    }
}

static void x64_thunk_slow(X64Asm *a, const X64Layout *lay, bool xmm, X64Label *raised)
{
    x64_thunk_regs(a, true, xmm, 8);
    x64_pins_spill(a, lay);
    x64_rbp(a, XO_LEA | X_W, RDI, lay->cpu);
    x64_rm(a, XO_MOV_R_RM | X_W, RSI, x64_mem(RSP, 0));
    x64_rm(a, XO_LEA | X_W, RDX, x64_mem(RSP, 8));
    x64_mov_rr(a, true, RCX, RBP);
    x64_mov_imm(a, RAX, (uintptr_t)x64_slow_run);
    x64_alu_ri(a, ALU_SUB, true, RSP, 8);
    x64_count_cycles(a, lay, false);
    x64_rr(a, 0xff, 2, RAX); /* call rax */
    x64_count_cycles(a, lay, true);
    x64_alu_ri(a, ALU_ADD, true, RSP, 8);
    x64_test_ri(a, RAX, 0xff);
    x64_jcc(a, CC_NE, raised);
    x64_thunk_regs(a, false, xmm, 8);
    x64_ret(a);
}

static uint32_t x64_thunk_begin(X64Asm *a)
{
    while (x64_pos(a) % 16) {
        x64_byte(a, 0xcc);
    }
    return x64_pos(a);
}

static void x64_thunks_exits(X64Asm *a, X64Thunks *t, const X64Layout *lay, X64Label *leave,
                             X64Label *go_on)
{
    t->exit_link = x64_thunk_begin(a);
    x64_pop(a, RAX);
    x64_rm(a, XO_MOVSXD, RCX, x64_mem(RAX, 0));
    x64_alu_rr(a, ALU_ADD, true, RAX, RCX);
    x64_mov_imm(a, RCX, (uint64_t)lay->to_rw);
    x64_alu_rr(a, ALU_ADD, true, RAX, RCX);
    x64_rm(a, XO_MOV_R_RM, RCX, x64_mem(RAX, offsetof(TcgExit, delta)));
    x64_rbp(a, XO_MOV_RM_R | X_W, RAX, lay->leave_exit);
    x64_thunk_exit(a, lay, false, TCG_LEAVE_LINK, leave);
    t->exit_request = x64_thunk_begin(a);
    x64_thunk_exit(a, lay, false, TCG_LEAVE_REQUEST, leave);
    t->exit_request_at = x64_thunk_begin(a);
    x64_thunk_exit(a, lay, true, TCG_LEAVE_REQUEST, leave);
    t->exit_next_at = x64_thunk_begin(a);
    x64_thunk_exit(a, lay, true, TCG_LEAVE_NEXT, go_on);
    t->exit_next = x64_thunk_begin(a);
    x64_thunk_exit(a, lay, false, TCG_LEAVE_NEXT, go_on);
    t->exit_loop = x64_thunk_begin(a);
    x64_thunk_exit(a, lay, false, TCG_LEAVE_LOOP, go_on);
    t->exit_loop_at = x64_thunk_begin(a);
    x64_thunk_exit(a, lay, true, TCG_LEAVE_LOOP, go_on);
}

/* eax: why the block ended; the pc and the pins are in the Cpu. */
static void x64_thunk_go_on(X64Asm *a, const X64Layout *lay, X64Label *leave)
{
    X64Label found = X64_LABEL;

    x64_rbp(a, XO_LEA | X_W, RDI, lay->cpu);
    x64_mov_rr(a, false, RSI, RAX);
    x64_mov_imm(a, RAX, (uintptr_t)tcg_go_on);
    x64_rr(a, 0xff, 2, RAX);         /* call rax */
    x64_rr(a, 0x85 | X_W, RAX, RAX); /* test */
    x64_jcc(a, CC_NE, &found);
    x64_rbp(a, XO_MOVZX8, RAX, lay->leave_as);
    x64_jmp(a, leave);
    x64_bind(a, &found);
    x64_pins_load(a, lay);
    x64_rr(a, 0xff, 4, RAX); /* jmp rax */
}

/* What stands in tables of entries where no block begins: pc_page is that of the table. */
static void x64_thunks_none(X64Asm *a, X64Thunks *t)
{
    t->none = x64_thunk_begin(a);
    for (unsigned i = 0; i < TCG_ENTRIES; i++) {
        x64_mov_imm(a, RCX, i << TCG_ENTRY_SHIFT);
        x64_jmp_to(a, t->exit_next);
    }
}

static void x64_thunks_span(X64Asm *a, X64Thunks *t, const X64Layout *lay)
{
    for (unsigned m = 0; m < X64_MODES; m++) {
        for (unsigned n = 0; n < X64_LENGTHS; n++) {
            x64_thunk_begin(a);
            t->tlb_read[m][n] = x64_span_thunk(a, lay, m, false, n);
            x64_thunk_begin(a);
            t->tlb_write[m][n] = x64_span_thunk(a, lay, m, true, n);
        }
    }
}

size_t x64_thunks_emit(X64Thunks *t, const X64Layout *lay, uint8_t *buf, size_t room)
{
    X64Asm a = x64_asm(buf, room, false);
    X64Label leave = X64_LABEL, raised = X64_LABEL, slow_raised = X64_LABEL, go_on = X64_LABEL;

    t->enter = x64_thunk_begin(&a);
    x64_thunk_enter(&a, lay);
    t->spill = x64_thunk_begin(&a);
    x64_pins_spill(&a, lay);
    x64_ret(&a);
    t->call = x64_thunk_begin(&a);
    x64_thunk_call_c(&a, lay, false, NULL);
    t->call_raises = x64_thunk_begin(&a);
    x64_thunk_call_c(&a, lay, false, &raised);
    t->full = x64_thunk_begin(&a);
    x64_thunk_call_c(&a, lay, true, NULL);
    t->full_raises = x64_thunk_begin(&a);
    x64_thunk_call_c(&a, lay, true, &raised);
    t->keep = x64_thunk_begin(&a);
    x64_thunk_keep(&a, lay);
    t->slow = x64_thunk_begin(&a);
    x64_thunk_slow(&a, lay, false, &slow_raised);
    t->slow_xmm = x64_thunk_begin(&a);
    x64_thunk_slow(&a, lay, true, &slow_raised);
    x64_bind(&a, &slow_raised); /* pins and pc are in the Cpu */
    x64_pop(&a, RAX);
    x64_mov_imm(&a, RAX, TCG_LEAVE_RAISED);
    x64_jmp(&a, &go_on);
    x64_thunks_exits(&a, t, lay, &leave, &go_on);
    t->raise_here = x64_thunk_begin(&a);
    x64_pins_spill(&a, lay);
    x64_bind(&a, &raised); /* pins are in the Cpu */
    x64_pop(&a, RAX);
    t->exit_raised = x64_pos(&a);
    /* two NOPs of 7 bytes with a displacement from the 4th on */
    x64_rm(&a, XO_MOV_R_RM, RCX, x64_mem(RAX, 3));
    x64_rm(&a, XO_MOV_R_RM, RDX, x64_mem(RAX, 10));
    x64_rbp(&a, XO_MOV_RM_R, RDX, lay->leave_restart);
    x64_alu_rm(&a, ALU_ADD, true, RCX, x64_env(lay->pc_page));
    x64_rbp(&a, XO_MOV_RM_R | X_W, RCX, lay->pc);
    x64_mov_imm(&a, RAX, TCG_LEAVE_RAISED);
    x64_bind(&a, &go_on);
    x64_thunk_go_on(&a, lay, &leave);
    x64_bind(&a, &leave);
    x64_thunk_leave(&a, lay);
    x64_thunks_none(&a, t);
    x64_thunks_span(&a, t, lay);
    t->end = x64_thunk_begin(&a);
    return a.overflow ? 0 : t->end;
}
