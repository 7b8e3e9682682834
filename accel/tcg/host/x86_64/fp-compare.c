/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floating-point compare to flags. UCOMIS leaves less in CF and equal in ZF, which flags.c reads
 * as they are (X64_FLAGS_FCMP); unordered operands go out of line, where the reference function
 * raises what is due, and come back with EFLAGS that make the conditions in use come out right.
 */
#include "accel/tcg/host/x86_64/x64-fp.h"

#include "accel/tcg/host.h"

static uint64_t fp_compare_call(Cpu *cpu, uint64_t esize, uint64_t signalling)
{
    TcgCpu *tc = tcg_cpu(cpu);
    IrFpState *st = (IrFpState *)((char *)cpu + cpu->target->fp_offset);

    return ir_ref_fcmp(&tc->scratch[0], &tc->scratch[1], (unsigned)esize, signalling, st);
}

void x64_op_FLAGS_FCMP(X64Emit *e, unsigned id, const IrInsn *insn)
{
    if ((insn->sub >= 2 || (insn->sub == 1 && e->feat->f16c)) && !x64_fp_calls(e)) {
        unsigned x[2];
        X64Stub *s;

        x64_flags_save(e);
        x[0] = x64_xreg(e, insn->arg[0], 1);
        x[1] = x64_xreg(e, insn->arg[1], 2);
        s = x64_fp_slow(e, insn, 0, x, 2);
        s->type = IR_FLAGS;
        s->addr = insn->sub;
        if (insn->sub == 1) { /* as singles */
            x64_v2(&e->a, XO_CVTPH2PS, 3, x[0]);
            x64_v2(&e->a, XO_CVTPH2PS, 0, x[1]);
            x[0] = 3;
            x[1] = 0;
        } else {
            x64_fp_check_inputs(e, s, insn->sub, true, x, 2);
        }
        x64_v2(&e->a, XO_UCOMIS | (insn->sub == 3 ? X_66 : 0), x[0], x[1]);
        x64_jcc(&e->a, CC_P, &s->entry);
        x64_bind(&e->a, &s->back);
        x64_flags_now(e, id, X64_FLAGS_FCMP);
        e->fcmp_stub = e->n_stubs - 1;
        return;
    }

    X64Call c = { .fn = (const void *)(uintptr_t)fp_compare_call, .n_args = 2 };

    x64_to_scratch(e, insn->arg[0], 0);
    x64_to_scratch(e, insn->arg[1], 1);
    c.arg[0].is_imm = c.arg[1].is_imm = true;
    c.arg[0].imm = insn->sub;
    c.arg[1].imm = insn->imm;
    x64_emit_call(e, &c);
    x64_flags_def_nzcv(e, id);
}

void x64_fp_compare_stub(X64Emit *e, X64Stub *s)
{
    x64_mov_imm(&e->a, RSI, s->addr);
    x64_mov_imm(&e->a, RDX, s->memop);
    x64_count_event(e, "slow FP", ir_op_info[s->op].name);
    x64_call_fn(e, (const void *)(uintptr_t)fp_compare_call, false, false, s->guest, NULL);
}

/* eax: NZCV in bits 3..0. Uses rcx. */
void x64_fp_unordered(X64Emit *e, const X64Stub *s)
{
    X64Label unordered = X64_LABEL, end = X64_LABEL;

    if (e->ir->fp_flush) { /* subnormal operands come here too */
        x64_alu_ri(&e->a, ALU_CMP, false, RAX, 3);
        x64_jcc(&e->a, CC_E, &unordered);
        x64_mov_rr(&e->a, false, RCX, RAX);
        x64_alu_ri(&e->a, ALU_AND, false, RCX, 4); /* Z to bit 6 of AH, N to bit 0 */
        x64_shift_ri(&e->a, SH_SHL, false, RCX, 12);
        x64_alu_ri(&e->a, ALU_AND, false, RAX, 8);
        x64_shift_ri(&e->a, SH_SHL, false, RAX, 5);
        x64_alu_rr(&e->a, ALU_OR, false, RAX, RCX);
        x64_jmp(&e->a, &end);
        x64_bind(&e->a, &unordered);
    }
    x64_op0(&e->a, 0xb4); /* mov ah, imm8 */
    x64_byte(&e->a, s->unordered ? s->unordered : X64_UNORDERED_GT);
    x64_bind(&e->a, &end);
    x64_op0(&e->a, 0x9e); /* sahf */
}
