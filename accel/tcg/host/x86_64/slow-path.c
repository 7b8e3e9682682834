/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slow paths of memory operations. They are many and rarely run, so what stands in a block is
 * short: a call of a thunk, the jump back, and a record of what to do. The thunk saves the
 * registers, x64_slow_run() reads the record, takes operands from the saved registers and puts the
 * results there.
 */
#include "accel/tcg/host/x86_64/slow-path.h"

#include "accel/tcg/host.h"
#include "accel/tcg/tcg-cpu.h"
#include "util/error.h"

#include <string.h>

/*
 * The record: 4 bytes IrMemOp; 2 the instruction's distance from the start of the page, with
 * SLOW_RESTART; 1 X64StubKind with SLOW_DISP, SLOW_WIDE and SLOW_VEC; 1 address and first result, 4
 * bits each. Then, each where it is needed: 4 bytes restart word; 4 what to add to the address; 1
 * second result; 1 IrRmw, or log2 of the bytes; the operands, each a register's number or one of
 * the following with 4 or 8 bytes.
 */
enum {
    SLOW_RESTART = 1 << 15,
    SLOW_DISP = 1 << 5,
    SLOW_WIDE = 1 << 6,
    SLOW_VEC = 1 << 7,
    SLOW_KIND = SLOW_DISP - 1,
    SLOW_OPD_ENV = 16, /* displacement from rbp */
    SLOW_OPD_FRAME,    /* from rsp */
    SLOW_OPD_IMM32,
    SLOW_OPD_IMM64,
    SLOW_JUMP_BYTES = 5, /* between the call and the record */
};

static const char *const slow_name[] = {
    [STUB_LD] = "slow LD",       [STUB_LDP] = "slow LDP", [STUB_ST] = "slow ST",
    [STUB_STP] = "slow STP",     [STUB_RMW] = "slow RMW", [STUB_CAS] = "slow CAS",
    [STUB_LL] = "slow LL",       [STUB_SC] = "slow SC",   [STUB_ZERO] = "slow ZERO",
    [STUB_CLOCK] = "slow CLOCK",
};

static unsigned slow_operands(X64StubKind kind)
{
    switch (kind) {
    case STUB_LD:
    case STUB_LDP:
    case STUB_LL:
    case STUB_ZERO:
    case STUB_CLOCK:
        return 0;
    case STUB_STP:
    case STUB_CAS:
        return 2;
    default:
        return 1;
    }
}

/* ---- the record is written ---- */

static void slow_put_operand(X64Asm *a, X64Opd o)
{
    if (o.kind == OPD_REG) {
        x64_byte(a, o.reg);
    } else if (o.kind == OPD_MEM) {
        x64_byte(a, o.m.base == RSP ? SLOW_OPD_FRAME : SLOW_OPD_ENV);
        x64_u32(a, (uint32_t)o.m.disp);
    } else if (o.imm == (int32_t)o.imm) {
        x64_byte(a, SLOW_OPD_IMM32);
        x64_u32(a, (uint32_t)o.imm);
    } else {
        x64_byte(a, SLOW_OPD_IMM64);
        x64_u64(a, (uint64_t)o.imm);
    }
}

static void slow_put(X64Asm *a, const X64Stub *s, const IrGuestInsn *guest)
{
    unsigned delta = guest->delta | (guest->restart ? SLOW_RESTART : 0);
    unsigned wide = s->type == IR_I64 ? SLOW_WIDE : 0, vec = s->type == IR_V128 ? SLOW_VEC : 0;
    unsigned what = s->kind | wide | vec | (s->disp ? SLOW_DISP : 0);
    unsigned regs = s->addr | (s->dst[0] & 15u) << 4;

    x64_room(a);
    x64_u64(a, s->memop | (uint64_t)delta << 32 | (uint64_t)what << 48 | (uint64_t)regs << 56);
    if (guest->restart) {
        x64_u32(a, guest->restart);
    }
    if (s->disp) {
        x64_u32(a, (uint32_t)s->disp);
    }
    if (s->kind == STUB_LDP) {
        x64_byte(a, s->dst[1]);
    } else if (s->kind == STUB_RMW || s->kind == STUB_ZERO) {
        x64_byte(a, s->sub);
    }
    for (unsigned n = 0; n < slow_operands(s->kind); n++) {
        slow_put_operand(a, s->val[n]);
    }
}

/* call @thunk; jmp @back */
static inline void slow_call(X64Emit *e, uint32_t thunk, int32_t back)
{
    uint8_t *p = x64_open(&e->a, 2);
    int64_t at = p - e->a.start;

    p = x64_put(p, 0xe8 | (uint64_t)(uint32_t)(thunk - e->base - at - 5) << 8, 5);
    e->a.p = x64_put(p, 0xe9 | (uint64_t)(uint32_t)(back - at - 10) << 8, SLOW_JUMP_BYTES);
}

void x64_mem_stub(X64Emit *e, X64Stub *s)
{
    bool xmm = s->type == IR_V128 || s->xmm_live;

    x64_bind(&e->a, &s->entry);
    x64_count_open(e, X64_COUNT_STUB);
    x64_span_stub(e, s);
    x64_count_event(e, "calls", slow_name[s->kind]);
    x64_icount_call(e, s->guest);
    slow_call(e, xmm ? e->thunk->slow_xmm : e->thunk->slow, s->back.pos);
    x64_mark(e, TCG_MARK_DATA, s->guest);
    slow_put(&e->a, s, &e->ir->guest[s->guest]);
}

/* ---- and read ---- */

typedef struct SlowRun {
    Cpu *cpu;
    uint8_t *frame;     /* rsp in the block */
    const uint8_t *env; /* rbp */
    const uint8_t *p;   /* the record, as far as it is read */
    uint32_t memop;
    uint64_t va;
    bool wide, vec;
} SlowRun;

static uint8_t slow_u8(SlowRun *r)
{
    return *r->p++;
}

static uint32_t slow_u32(SlowRun *r)
{
    uint32_t v;

    memcpy(&v, r->p, sizeof(v));
    r->p += sizeof(v);
    return v;
}

static uint64_t *slow_reg(const SlowRun *r, unsigned n)
{
    return (uint64_t *)(void *)(r->frame + X64_FRAME_REGS) + (n & 15);
}

static IrV128 *slow_xmm(const SlowRun *r, unsigned n)
{
    CHECK(n >= 4 && n < 16);
    return (IrV128 *)(void *)(r->frame + X64_FRAME_XSAVE) + (n - 4);
}

/* Where the operand lies, if it is no constant. */
static const void *slow_place(SlowRun *r, unsigned kind)
{
    switch (kind) {
    case SLOW_OPD_ENV:
        return r->env + (int32_t)slow_u32(r);
    case SLOW_OPD_FRAME:
        return r->frame + (int32_t)slow_u32(r);
    default:
        return r->vec ? (void *)slow_xmm(r, kind) : slow_reg(r, kind);
    }
}

static uint64_t slow_operand(SlowRun *r)
{
    unsigned kind = slow_u8(r);
    uint64_t v;

    if (kind == SLOW_OPD_IMM32) {
        v = (uint64_t)(int64_t)(int32_t)slow_u32(r);
    } else if (kind == SLOW_OPD_IMM64) {
        v = slow_u32(r);
        v |= (uint64_t)slow_u32(r) << 32;
    } else {
        const void *at = slow_place(r, kind);

        v = r->wide ? *(const uint64_t *)at : *(const uint32_t *)at;
    }
    return r->wide ? v : (uint32_t)v;
}

static void slow_vector(SlowRun *r, IrV128 *out)
{
    memcpy(out, slow_place(r, slow_u8(r)), sizeof(*out));
}

static void slow_store(SlowRun *r, bool pair)
{
    IrV128 v[2];
    uint64_t x, y;

    if (r->vec) {
        slow_vector(r, &v[0]);
        if (pair) {
            slow_vector(r, &v[1]);
            tcg_stpv_slow(r->cpu, r->va, r->memop, &v[0], &v[1]);
        } else {
            tcg_stv_slow(r->cpu, r->va, r->memop, &v[0]);
        }
        return;
    }
    x = slow_operand(r);
    if (pair) {
        y = slow_operand(r);
        tcg_stp_slow(r->cpu, r->va, r->memop, x, y);
    } else {
        tcg_st_slow(r->cpu, r->va, r->memop, x);
    }
}

static void slow_result(const SlowRun *r, unsigned reg, uint64_t v)
{
    *slow_reg(r, reg) = r->wide ? v : (uint32_t)v;
}

static void slow_load(SlowRun *r, unsigned dst)
{
    if (r->vec) {
        tcg_ldv_slow(r->cpu, r->va, r->memop, slow_xmm(r, dst));
    } else {
        slow_result(r, dst, tcg_ld_slow(r->cpu, r->va, r->memop));
    }
}

static void slow_load_pair(SlowRun *r, unsigned dst)
{
    unsigned second = slow_u8(r);

    if (r->vec) {
        IrV128 v[2];

        tcg_ldpv_slow(r->cpu, r->va, r->memop, v);
        *slow_xmm(r, dst) = v[0];
        *slow_xmm(r, second) = v[1];
    } else {
        uint64_t v[2];

        tcg_ldp_slow(r->cpu, r->va, r->memop, v);
        slow_result(r, dst, v[0]);
        slow_result(r, second, v[1]);
    }
}

/* The same of 16 bytes; what a store-exclusive gives is no vector. */
static void slow_exchange_vec(SlowRun *r, X64StubKind kind, unsigned dst)
{
    IrV128 v[2];

    slow_vector(r, &v[0]);
    if (kind == STUB_SC) {
        slow_result(r, dst, tcg_scv_slow(r->cpu, r->va, r->memop, &v[0]));
    } else {
        slow_vector(r, &v[1]);
        tcg_casv_slow(r->cpu, r->va, r->memop, &v[0], &v[1]);
        *slow_xmm(r, dst) = v[0];
    }
}

static void slow_load_exclusive(SlowRun *r, unsigned dst)
{
    if (r->vec) {
        tcg_llv_slow(r->cpu, r->va, r->memop, slow_xmm(r, dst));
    } else {
        slow_result(r, dst, tcg_ll_slow(r->cpu, r->va, r->memop));
    }
}

/* Those with a value to store and a result. */
static void slow_exchange(SlowRun *r, X64StubKind kind, unsigned dst)
{
    unsigned op = kind == STUB_RMW ? slow_u8(r) : 0;
    uint64_t x = slow_operand(r), y;

    switch (kind) {
    case STUB_RMW:
        x = tcg_rmw_slow(r->cpu, r->va, r->memop, op, x);
        break;
    case STUB_SC:
        x = tcg_sc_slow(r->cpu, r->va, r->memop, x);
        break;
    default:
        y = slow_operand(r);
        x = tcg_cas_slow(r->cpu, r->va, r->memop, x, y);
        break;
    }
    slow_result(r, dst, x);
}

bool x64_slow_run(Cpu *cpu, const uint8_t *back, uint8_t *frame, const uint8_t *env)
{
    SlowRun r = { .cpu = cpu, .frame = frame, .env = env, .p = back + SLOW_JUMP_BYTES };
    unsigned delta, what, regs;
    uint32_t restart;

    r.memop = slow_u32(&r);
    delta = slow_u8(&r);
    delta |= (unsigned)slow_u8(&r) << 8;
    what = slow_u8(&r);
    regs = slow_u8(&r);
    restart = delta & SLOW_RESTART ? slow_u32(&r) : 0;
    r.wide = what & SLOW_WIDE;
    r.vec = what & SLOW_VEC;
    r.va = *slow_reg(&r, regs);
    if (what & SLOW_DISP) {
        r.va += (uint64_t)(int64_t)(int32_t)slow_u32(&r);
    }
    switch (what & SLOW_KIND) {
    case STUB_LD:
        slow_load(&r, regs >> 4);
        break;
    case STUB_LDP:
        slow_load_pair(&r, regs >> 4);
        break;
    case STUB_ST:
    case STUB_STP:
        slow_store(&r, (what & SLOW_KIND) == STUB_STP);
        break;
    case STUB_ZERO:
        tcg_zero_slow(cpu, r.va, r.memop, slow_u8(&r));
        break;
    case STUB_CLOCK:
        slow_result(&r, regs >> 4, (uint64_t)machine_now_ns(cpu->dev.machine));
        break;
    case STUB_LL:
        slow_load_exclusive(&r, regs >> 4);
        break;
    default:
        (r.vec ? slow_exchange_vec : slow_exchange)(&r, (X64StubKind)(what & SLOW_KIND), regs >> 4);
        break;
    }
    if (!cpu->raised) {
        return false;
    }
    tcg_cpu(cpu)->leave_restart = restart;
    *tcg_pc(cpu) = tcg_cpu(cpu)->pc_page + (delta & ~(unsigned)SLOW_RESTART);
    return true;
}
