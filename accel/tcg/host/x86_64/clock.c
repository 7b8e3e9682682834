/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Machine time read without a call, by the host's time stamp counter (core/clock.h, ClockLine).
 * Spec: Intel SDM vol. 2, RDTSC: behind LFENCE it is not read before what stands in front.
 */
#include "core/clock.h"

#include "accel/tcg/host/x86_64/x64-priv.h"

#include <stddef.h>

static void clock_rdtsc(X64Asm *a)
{
    static const uint8_t code[] = { 0x0f, 0xae, 0xe8 /* lfence */, 0x0f, 0x31 /* rdtsc */ };

    for (unsigned n = 0; n < sizeof(code); n++) {
        x64_byte(a, code[n]);
    }
    x64_shift_ri(a, SH_SHL, true, RDX, 32);
    x64_alu_rr(a, ALU_OR, true, RAX, RDX);
    a->n_insns += 2;
}

/* eax to edx are scratch; @seq a register that stays. */
static void clock_line_read(X64Emit *e, unsigned seq, X64Label *slow)
{
    X64Asm *a = &e->a;

    x64_rm(a, XO_MOV_R_RM | X_W, RCX, x64_env(e->lay->clock_line));
    x64_rm(a, XO_MOV_R_RM, seq, x64_mem(RCX, offsetof(ClockLine, seq)));
    clock_rdtsc(a);
    x64_alu_rm(a, ALU_SUB, true, RAX, x64_mem(RCX, offsetof(ClockLine, base)));
    x64_alu_rm(a, ALU_CMP, true, RAX, x64_mem(RCX, offsetof(ClockLine, limit)));
    x64_jcc(a, CC_AE, slow);
    x64_rm(a, XO_IMUL | X_W, RAX, x64_mem(RCX, offsetof(ClockLine, mult)));
    x64_shift_ri(a, SH_SHR, true, RAX, 32);
    x64_alu_rm(a, ALU_ADD, true, RAX, x64_mem(RCX, offsetof(ClockLine, base_ns)));
    x64_test_ri(a, seq, 1);
    x64_jcc(a, CC_NE, slow);
    x64_alu_rm(a, ALU_CMP, false, seq, x64_mem(RCX, offsetof(ClockLine, seq)));
    x64_jcc(a, CC_NE, slow);
    x64_mov_rr(a, true, seq, RAX);
}

void x64_op_CLOCK(X64Emit *e, unsigned id, const IrInsn *insn)
{
    unsigned dst;
    X64Stub *s;

    x64_flags_save(e);
    dst = x64_def(e, id);
    s = x64_stub_add(e, STUB_CLOCK);
    s->type = IR_I64;
    s->addr = RAX; /* of no meaning */
    s->dst[0] = dst;
    s->xmm_live = x64_xmm_live(e);
    if (e->lay->clock_line) {
        clock_line_read(e, dst, &s->entry);
    } else {
        x64_jmp(&e->a, &s->entry);
    }
    x64_bind(&e->a, &s->back);
}
