/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exact counts of what runs (`-accel tcg,count=on`). The code of a block is cut into straight
 * pieces: one a guest instruction, one an exit out of line, one a slow path. Each begins by adding
 * what it holds to counters beside the Cpu, with MOV and LEA, so that flags stay; rax is a scratch
 * register of every operation and free between them. The counting code itself is not counted, and
 * without the option none is made.
 */
#include "accel/tcg/host/x86_64/x64-priv.h"

#include <string.h>

/* counter += an immediate that x64_count_close writes; its offset in the code. */
static uint32_t x64_count_add(X64Asm *a, int32_t disp, uint32_t value)
{
    uint32_t at;

    x64_rbp(a, XO_MOV_R_RM | X_W, RAX, disp);
    x64_byte(a, 0x48); /* lea rax, [rax + disp32] */
    x64_byte(a, 0x8d);
    x64_byte(a, 0x80);
    at = x64_pos(a);
    x64_u32(a, value);
    x64_rbp(a, XO_MOV_RM_R | X_W, RAX, disp);
    return at;
}

void x64_count_close(X64Emit *e)
{
    uint32_t n = e->a.n_insns - e->count_from;

    if (e->count_at && !e->a.overflow) {
        memcpy(e->a.start + e->count_at, &n, sizeof(n));
    }
    e->count_at = 0;
}

void x64_count_piece(X64Emit *e, X64CountKind kind)
{
    uint32_t n = e->a.n_insns;

    x64_count_close(e);
    if (kind == X64_COUNT_GUEST) {
        x64_count_add(&e->a, e->lay->count_guest, 1);
    }
    e->count_at =
        x64_count_add(&e->a, kind == X64_COUNT_STUB ? e->lay->count_stub : e->lay->count_host, 0);
    e->a.n_insns = n;
    e->count_from = n;
}

void x64_count_access_made(X64Emit *e, bool write)
{
    uint32_t n = e->a.n_insns;

    x64_count_add(&e->a, write ? e->lay->count_write : e->lay->count_read, 1);
    e->a.n_insns = n;
}

void x64_count_cycles(X64Asm *a, const X64Layout *lay, bool end)
{
    X64Mem keep_ax = x64_env(lay->host_data), keep_dx = x64_env(lay->host_data + 8);
    X64Mem began = x64_env(lay->host_data + 16);

    if (!lay->count_on) {
        return;
    }
    x64_rm(a, XO_MOV_RM_R | X_W, RAX, keep_ax);
    x64_rm(a, XO_MOV_RM_R | X_W, RDX, keep_dx);
    x64_op0(a, 0x0f); /* rdtsc */
    x64_byte(a, 0x31);
    x64_shift_ri(a, SH_SHL, true, RDX, 32);
    x64_alu_rr(a, ALU_OR, true, RAX, RDX);
    /* Only the end touches the sum, so that others can read it at any time. */
    if (end) {
        x64_alu_rm(a, ALU_SUB, true, RAX, began);
        x64_alu_mr(a, ALU_ADD, true, x64_env(lay->count_cycles), RAX);
    } else {
        x64_rm(a, XO_MOV_RM_R | X_W, RAX, began);
    }
    x64_rm(a, XO_MOV_R_RM | X_W, RAX, keep_ax);
    x64_rm(a, XO_MOV_R_RM | X_W, RDX, keep_dx);
}

void x64_count_event_seen(X64Emit *e, const char *group, const char *name)
{
    uint32_t n = e->a.n_insns;

    x64_mov_imm(&e->a, RAX, (uintptr_t)tcg_counter(e->counters, group, name));
    x64_rm(&e->a, 0xff | X_W | X_LOCK, 0, x64_mem(RAX, 0)); /* inc */
    e->a.n_insns = n;
}
