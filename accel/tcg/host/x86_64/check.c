/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of pages whose stores nobody watches: on every entry the guest's bytes are compared with
 * those that the block was made of. Nothing of the guest has been touched by then, so a block that
 * is stale leaves as for a poll; the run loop looks at the bytes itself.
 */
#include "accel/tcg/host.h"
#include "accel/tcg/host/x86_64/x64-priv.h"

#include <string.h>

enum { CHECK_SUM = 1, CHECK_NOW = 2 }; /* xmm: differences so far, and of the present bytes */

typedef struct X64Check {
    X64Emit *e;
    X64Stub *stub;
    bool any; /* CHECK_SUM holds something */
} X64Check;

/* 16 bytes at rax + @at and rcx + @from. */
static void x64_check_16(X64Check *c, int32_t at, int32_t from)
{
    X64Asm *a = &c->e->a;
    unsigned d = c->any ? CHECK_NOW : CHECK_SUM;

    x64_v2m(a, XO_MOVDQU_LD, d, x64_mem(RAX, at));
    x64_v3m(a, XO_PXOR, d, d, x64_mem(RCX, from));
    if (c->any) {
        x64_v3(a, XO_POR, CHECK_SUM, CHECK_SUM, CHECK_NOW);
    }
    c->any = true;
}

/* A general register's worth of 8, 4 or 1 bytes. */
static void x64_check_word(X64Check *c, unsigned bytes, int32_t at, int32_t from)
{
    X64Asm *a = &c->e->a;

    if (bytes == 1) {
        x64_rm(a, XO_MOVZX8, RDX, x64_mem(RAX, at));
        x64_rm(a, 0x3a | X_BYTE, RDX, x64_mem(RCX, from)); /* cmp */
    } else {
        x64_rm(a, XO_MOV_R_RM | X_W_IF(bytes == 8), RDX, x64_mem(RAX, at));
        x64_alu_rm(a, ALU_CMP, bytes == 8, RDX, x64_mem(RCX, from));
    }
    x64_jcc(a, CC_NE, &c->stub->entry);
}

/* In the largest unit that fits; the last one overlaps the one before. */
static void x64_check_run(X64Check *c, const TcgRun *r)
{
    unsigned unit = r->len >= 16 ? 16 : r->len >= 8 ? 8 : r->len >= 4 ? 4 : 1;

    for (unsigned n = 0; n < r->len; n += unit) {
        unsigned at = MIN(n, r->len - unit);

        if (unit == 16) {
            x64_check_16(c, (int32_t)(r->from + at), (int32_t)(r->at + at));
        } else {
            x64_check_word(c, unit, (int32_t)(r->from + at), (int32_t)(r->at + at));
        }
    }
}

void x64_source_check(X64Emit *e)
{
    const TcgBlock *b = e->block;
    X64Check c = { .e = e };
    int32_t distance;

    if (!b || !b->n_runs) {
        return;
    }
    x64_count_open(e, X64_COUNT_LINE);
    x64_count_event(e, "cache", "content checks");
    c.stub = x64_stub_add(e, STUB_STALE);
    x64_mov_imm(&e->a, RAX, (uintptr_t)(b->ram->host + b->page_off));
    x64_rm(&e->a, XO_LEA | X_W, RCX, x64_rip());
    distance = (int32_t)(b->source - e->a.p);
    if (!e->a.overflow) {
        memcpy(e->a.p - 4, &distance, 4);
    }
    for (uint32_t i = 0; i < b->n_runs; i++) {
        x64_check_run(&c, &b->runs[i]);
    }
    if (c.any) {
        x64_v2(&e->a, XO_PTEST, CHECK_SUM, CHECK_SUM);
        x64_jcc(&e->a, CC_NE, &c.stub->entry);
    }
}

void x64_stale_stub(X64Emit *e, X64Stub *s)
{
    x64_bind(&e->a, &s->entry);
    x64_mov_imm(&e->a, RCX, e->ir->guest[0].delta);
    x64_thunk_jmp(e, e->thunk->exit_request);
}
