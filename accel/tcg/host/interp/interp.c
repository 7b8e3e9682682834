/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reference back end: interprets the operations of a block as ops.def defines them. Integers
 * of type I32 are kept zero-extended; flag bundles as N, Z, C, V in bits 31..28.
 */
#include "accel/tcg/host.h"

#include "accel/tcg/host/interp/interp-priv.h"
#include "accel/tcg/ir/ir-ref.h"
#include "util/error.h"

#include <string.h>

typedef struct InterpBlock {
    TcgBlock *block;
    const IrHelper **helper;
    IrV128 *vconst;
    uint16_t *set; /* IrBlock.set */
    uint32_t n, n_insns;
    IrInsn insn[]; /* n operations, then the constants */
} InterpBlock;

static bool interp_init(TcgCache *cache, const Target *target, GError **err)
{
    return true;
}

static void interp_free(TcgCache *cache)
{
}

static bool interp_is_direct(unsigned op)
{
    return op == IR_EXIT || op == IR_EXIT_IF || op == IR_EXIT_CMP || op == IR_EXIT_FLAGS ||
           op == IR_EXIT_BIT;
}

/* The operations, and the constants right behind them. */
static void interp_insns(InterpBlock *b, const IrBlock *ir)
{
    unsigned down = ir->consts - ir->n;

    memcpy(b->insn, ir->insn, ir->n * sizeof(IrInsn));
    memcpy(&b->insn[ir->n], &ir->insn[ir->consts], (b->n_insns - ir->n) * sizeof(IrInsn));
    for (uint32_t k = 1; k < ir->n; k++) {
        for (unsigned a = 0; a < 4; a++) {
            b->insn[k].arg[a] -= b->insn[k].arg[a] >= ir->consts ? down : 0;
        }
    }
}

/* arg[3] of a direct exit is its number in the block. */
static bool interp_emit(TcgCache *cache, TcgChunk *chunk, IrBlock *ir, TcgBlock *block)
{
    ir_finish(ir);

    uint32_t n = 0, exits = 0, n_insns = ir->n + IR_MAX_INSNS - ir->consts;
    InterpBlock *b = tcg_chunk_alloc(chunk, sizeof(*b) + n_insns * sizeof(IrInsn));

    b->block = block;
    b->helper = tcg_chunk_alloc(chunk, (ir->n_helpers + 1) * sizeof(b->helper[0]));
    b->vconst = tcg_chunk_alloc(chunk, (ir->n_vconsts + 1) * sizeof(IrV128));
    memcpy(b->helper, ir->helper, ir->n_helpers * sizeof(b->helper[0]));
    memcpy(b->vconst, ir->vconst, ir->n_vconsts * sizeof(IrV128));
    b->n = ir->n;
    b->n_insns = n_insns;
    b->set = tcg_chunk_alloc(chunk, ir->n * sizeof(b->set[0]));
    memcpy(b->set, ir->set, ir->n * sizeof(b->set[0]));
    interp_insns(b, ir);
    for (uint32_t k = 1; k < ir->n; k++) {
        n += interp_is_direct(ir->insn[k].op);
    }
    block->exits = tcg_chunk_alloc(chunk, (n + 1) * sizeof(TcgExit));
    block->n_exits = n;
    for (uint32_t k = 1; k < ir->n; k++) {
        if (interp_is_direct(b->insn[k].op)) {
            block->exits[exits].owner = block;
            block->exits[exits].delta = (int32_t)b->insn[k].imm;
            b->insn[k].arg[3] = (uint16_t)exits++;
        }
    }
    block->host_entry = b;
    block->host_size = n_insns * sizeof(IrInsn);
    return true;
}

static void interp_link(TcgCache *cache, TcgExit *exit, TcgBlock *to)
{
    /* Readers take the entry from patch. */
    __atomic_store_n(&exit->patch, (uint8_t *)to->host_entry, __ATOMIC_RELEASE);
}

static void interp_unlink(TcgCache *cache, TcgExit *exit)
{
    __atomic_store_n(&exit->patch, NULL, __ATOMIC_RELEASE);
}

/* ---- leaving ---- */

typedef struct InterpRun {
    Cpu *cpu;
    TcgCpu *tc;
    InterpBlock *b;
    uint32_t insn; /* index of the guest instruction in the block */
    TcgLeave leave;
} InterpRun;

static bool interp_poll(InterpRun *r)
{
    return --r->cpu->poll_counter < 0 || cpu_requests(r->cpu) != 0;
}

static InterpBlock *interp_leave(InterpRun *r, TcgLeave why, uint64_t pc)
{
    r->leave = why;
    *tcg_pc(r->cpu) = pc;
    return NULL;
}

/* Go on at @pc by the view. */
static InterpBlock *interp_jump(InterpRun *r, uint64_t pc, bool poll)
{
    const TcgCodeFast *f = &r->tc->fast[pc >> GUEST_PAGE_BITS & (TCG_FAST_SIZE - 1)];
    unsigned delta = pc & (GUEST_PAGE_SIZE - 1);
    InterpBlock *to = NULL;

    if (poll && interp_poll(r)) {
        return interp_leave(r, TCG_LEAVE_REQUEST, pc);
    }
    r->tc->pc_page = pc - delta;
    if (f->page == pc - delta && !(delta & ((1u << TCG_ENTRY_SHIFT) - 1))) {
        to = __atomic_load_n(tcg_fast_entry(f, pc), __ATOMIC_ACQUIRE);
    }
    return to ? to : interp_leave(r, TCG_LEAVE_NEXT, pc);
}

static InterpBlock *interp_direct(InterpRun *r, const IrInsn *i)
{
    int32_t delta = (int32_t)i->imm;
    uint64_t pc = r->tc->pc_page + (uint64_t)(int64_t)delta;
    bool back = delta <= (int32_t)r->b->block->guest[r->insn].delta;
    TcgExit *exit = &r->b->block->exits[i->arg[3]];
    InterpBlock *to;

    if (r->tc->icount) {
        r->cpu->icount_left += (int32_t)(r->b->block->n_guest - 1 - r->insn);
    }
    if (delta < 0 || delta >= (int32_t)GUEST_PAGE_SIZE) {
        return interp_jump(r, pc, back);
    }
    if (back && interp_poll(r)) {
        return interp_leave(r, TCG_LEAVE_REQUEST, pc);
    }
    to = (InterpBlock *)__atomic_load_n(&exit->patch, __ATOMIC_ACQUIRE);
    if (to) {
        return to;
    }
    r->tc->leave_exit = exit;
    return interp_leave(r, TCG_LEAVE_LINK, pc);
}

static InterpBlock *interp_raised(InterpRun *r)
{
    const IrGuestInsn *g = &r->b->block->guest[r->insn];

    r->tc->leave_restart = g->restart;
    return interp_leave(r, TCG_LEAVE_RAISED, r->tc->pc_page + g->delta);
}

/* ---- memory ---- */

/* Host address of a direct access of @bytes, or NULL for the slow path. */
static void *interp_direct_host(TcgCpu *tc, uint64_t va, IrMemOp mo, unsigned bytes, bool write)
{
    unsigned mode = ir_memop_mode(mo);
    const TcgTlbEntry *e = write ? tc->write[mode] : tc->read[mode];

    e = (const TcgTlbEntry *)((const char *)e + (va >> 8 & tc->tlb_mask[mode]));
    if ((va ^ e->tag) > GUEST_PAGE_SIZE - bytes || (mo & (IR_MO_BE | IR_MO_ATOMIC)) ||
        ((mo & IR_MO_ALIGN) && (va & (bytes - 1)))) {
        return NULL;
    }
    return tcg_tlb_host(e, va);
}

static uint64_t interp_extend(uint64_t v, IrMemOp mo, IrType type)
{
    unsigned shift = 64 - 8 * ir_memop_bytes(mo);

    v = mo & IR_MO_SIGN ? (uint64_t)((int64_t)(v << shift) >> shift) : v << shift >> shift;
    return type == IR_I32 ? (uint32_t)v : v;
}

static void interp_load(InterpRun *r, const IrInsn *i, uint64_t va, IrV128 *out)
{
    unsigned bytes = ir_memop_bytes(i->imm);
    const void *host = interp_direct_host(r->tc, va, i->imm, bytes, false);

    if (i->type == IR_V128) {
        if (host) {
            memset(out, 0, sizeof(*out));
            tcg_copy(out, host, bytes);
        } else {
            tcg_ldv_slow(r->cpu, va, i->imm, out);
        }
        return;
    }
    if (host) {
        uint64_t v = 0;

        tcg_copy(&v, host, bytes);
        if (i->imm & (IR_MO_ACQ | IR_MO_ACQPC)) {
            __atomic_thread_fence(__ATOMIC_ACQUIRE);
        }
        out->u64[0] = interp_extend(v, i->imm, i->type);
    } else {
        uint64_t v = tcg_ld_slow(r->cpu, va, i->imm);

        out->u64[0] = i->type == IR_I32 ? (uint32_t)v : v;
    }
}

static void interp_store(InterpRun *r, const IrInsn *i, IrType type, uint64_t va, const IrV128 *v)
{
    unsigned bytes = ir_memop_bytes(i->imm);
    void *host = interp_direct_host(r->tc, va, i->imm, bytes, true);

    if (host) {
        tcg_copy(host, v, bytes);
        if (i->imm & IR_MO_REL) {
            __atomic_thread_fence(__ATOMIC_SEQ_CST);
        }
    } else if (type == IR_V128) {
        tcg_stv_slow(r->cpu, va, i->imm, v);
    } else {
        tcg_st_slow(r->cpu, va, i->imm, v->u64[0]);
    }
}

static void interp_ldp(InterpRun *r, const IrInsn *i, uint64_t va, IrV128 out[2])
{
    if (i->type == IR_V128) {
        tcg_ldpv_slow(r->cpu, va, i->imm, out);
    } else {
        uint64_t v[2] = { 0, 0 };

        tcg_ldp_slow(r->cpu, va, i->imm, v);
        out[0].u64[0] = i->type == IR_I32 ? (uint32_t)v[0] : v[0];
        out[1].u64[0] = i->type == IR_I32 ? (uint32_t)v[1] : v[1];
    }
}

/* Atomics and the exclusive monitor: always by the slow path. */
static void interp_atomic(InterpRun *r, const IrInsn *i, const IrInsn *insn, IrV128 *val, IrV128 *d)
{
    uint64_t va = val[i->arg[0]].u64[0];
    const IrV128 *a = &val[i->arg[1]], *b = &val[i->arg[2]];
    bool is_v = i->op == IR_SC ? insn[i->arg[1]].type == IR_V128 : i->type == IR_V128;

    switch (i->op) {
    case IR_ATOMIC_RMW:
        d->u64[0] = tcg_rmw_slow(r->cpu, va, i->imm, i->sub, a->u64[0]);
        break;
    case IR_ATOMIC_CAS:
        if (is_v) {
            *d = *a;
            tcg_casv_slow(r->cpu, va, i->imm, d, b);
        } else {
            d->u64[0] = tcg_cas_slow(r->cpu, va, i->imm, a->u64[0], b->u64[0]);
        }
        break;
    case IR_LL:
        if (is_v) {
            tcg_llv_slow(r->cpu, va, i->imm, d);
        } else {
            d->u64[0] = tcg_ll_slow(r->cpu, va, i->imm);
        }
        break;
    case IR_SC:
        d->u64[0] =
            is_v ? tcg_scv_slow(r->cpu, va, i->imm, a) : tcg_sc_slow(r->cpu, va, i->imm, a->u64[0]);
        break;
    default:
        tcg_zero_slow(r->cpu, va, i->imm, i->sub);
        break;
    }
    if (i->type == IR_I32) {
        d->u64[0] = d->u32[0];
    }
}

/* ---- state ---- */

static void interp_get(Cpu *cpu, const IrInsn *i, IrV128 *d)
{
    const char *at = (const char *)cpu + i->imm;

    memset(d, 0, sizeof(*d));
    if (i->sub == 2) {
        d->u32[0] =
            __atomic_load_n((const uint32_t *)(const void *)at, __ATOMIC_RELAXED); /* lines */
    } else {
        memcpy(d, at, (size_t)1 << i->sub);
    }
    if (i->type == IR_I32) {
        d->u64[0] = d->u32[0];
    }
}

static uint64_t interp_call(InterpRun *r, const IrInsn *i, const IrV128 *val)
{
    typedef uint64_t Fn(Cpu *, uint64_t, uint64_t, uint64_t, uint64_t);
    const IrHelper *h = r->b->helper[i->imm];

    return ((Fn *)h->fn)(r->cpu, val[i->arg[0]].u64[0], val[i->arg[1]].u64[0],
                         val[i->arg[2]].u64[0], val[i->arg[3]].u64[0]);
}

static void interp_vector(InterpRun *r, const IrInsn *i, const IrV128 *val, IrV128 *d)
{
    IrV128 arg[4];

    for (unsigned k = 0; k < 4 && i->arg[k]; k++) {
        arg[k] = val[i->arg[k]];
    }
    ir_ref_fn[i->op](d, arg, i->imm, (IrFpState *)((char *)r->cpu + r->cpu->target->fp_offset));
}

/* One block; the next, or NULL when r->leave says why. */
static InterpBlock *interp_block(InterpRun *r, IrV128 *val)
{
    const IrInsn *insn = r->b->insn;
    uint32_t *flags = (uint32_t *)((char *)r->cpu + r->cpu->target->flags_offset);

    if (r->b->block->n_runs && !tcg_block_holds(r->b->block)) {
        return interp_leave(r, TCG_LEAVE_REQUEST, r->tc->pc_page + r->b->block->start_delta);
    }
    if (r->tc->icount) {
        int32_t n = r->b->block->n_guest;

        if (r->cpu->icount_left < n) {
            return interp_leave(r, TCG_LEAVE_REQUEST, r->tc->pc_page + r->b->block->start_delta);
        }
        r->cpu->icount_left -= n;
        r->cpu->icount_rest = n - 1;
    }
    val[0] = (IrV128){ 0 };
    for (uint32_t k = r->b->n; k < r->b->n_insns; k++) {
        val[k].u64[0] = ir_const_value(&insn[k]);
    }
    r->insn = 0;
    for (uint32_t k = 1, seen = 0;; k++) {
        const IrInsn *i = &insn[k];
        IrV128 *d = &val[k];
        uint64_t a = val[i->arg[0]].u64[0];

        for (; seen < r->b->block->n_guest && r->b->block->guest[seen].ir < k; seen++) {
            r->insn = seen;
            r->tc->count[TCG_COUNT_GUEST]++;
            r->cpu->icount_rest = r->b->block->n_guest - seen - 1;
        }
        switch (i->op) {
        case IR_NOP:
        case IR_SECOND:
            break;
        case IR_LINKED: /* what stands before does no harm to a chained entry */
            if (i->imm) {
                memset((char *)r->cpu + i->imm, 0, 4);
            }
            break;
        case IR_VCONST:
            *d = r->b->vconst[i->imm];
            break;
        case IR_GET:
            interp_get(r->cpu, i, d);
            break;
        case IR_SET:
            memcpy((char *)r->cpu + i->imm, &val[i->arg[0]], (size_t)1 << i->sub);
            break;
        case IR_GET_FLAGS:
            d->u64[0] = ir_flags_unpack(*flags);
            break;
        case IR_SET_FLAGS:
            *flags = ir_flags_pack((uint32_t)a);
            break;
        case IR_PC:
            d->u64[0] = r->tc->pc_page + (uint64_t)(int64_t)(int32_t)i->imm;
            break;
        case IR_FLAGS_FCMP:
            d->u64[0] =
                (uint64_t)ir_ref_fcmp(&val[i->arg[0]], &val[i->arg[1]], i->sub, i->imm & 1,
                                      (IrFpState *)((char *)r->cpu + r->cpu->target->fp_offset))
                << 28;
            break;
        case IR_SELECT:
            *d = val[i->arg[a ? 1 : 2]];
            break;
        case IR_SELECT_FLAGS:
            *d = val[i->arg[interp_cond(i->sub, (uint32_t)a) ? 1 : 2]];
            break;
        case IR_FLAGS_SELECT:
            d->u64[0] = val[i->arg[interp_cond(i->sub, (uint32_t)a) ? 1 : 2]].u64[0];
            break;
        case IR_LD:
            interp_load(r, i, a + (uint64_t)ir_access_disp(i), d);
            goto check;
        case IR_ST:
            interp_store(r, i, insn[i->arg[1]].type, a + (uint64_t)ir_access_disp(i),
                         &val[i->arg[1]]);
            goto check;
        case IR_LDP:
            interp_ldp(r, i, a + (uint64_t)ir_access_disp(i), d); /* d[1] is SECOND's */
            goto check;
        case IR_STP:
            a += (uint64_t)ir_access_disp(i);
            if (insn[i->arg[1]].type == IR_V128) {
                tcg_stpv_slow(r->cpu, a, i->imm, &val[i->arg[1]], &val[i->arg[2]]);
            } else {
                tcg_stp_slow(r->cpu, a, i->imm, val[i->arg[1]].u64[0], val[i->arg[2]].u64[0]);
            }
            goto check;
        case IR_ATOMIC_RMW:
        case IR_ATOMIC_CAS:
        case IR_LL:
        case IR_SC:
        case IR_ZERO_BLOCK:
            interp_atomic(r, i, insn, val, d);
            goto check;
        case IR_CLREX:
            r->tc->excl_size = 0;
            break;
        case IR_FENCE:
            __atomic_thread_fence(__ATOMIC_SEQ_CST);
            break;
        case IR_CLOCK:
            d->u64[0] = (uint64_t)machine_now_ns(r->cpu->dev.machine);
            break;
        case IR_CALL:
            d->u64[0] = interp_call(r, i, val);
            if (i->type == IR_I32) {
                d->u64[0] = d->u32[0];
            }
            goto check;
        case IR_RAISE_IF:
            if (interp_compare(i->sub, (IrType)insn[i->arg[0]].type, a, val[i->arg[1]].u64[0])) {
                interp_call(r, &(IrInsn){ .imm = i->imm }, val);
                return interp_raised(r);
            }
            break;
        case IR_EXIT:
            return interp_direct(r, i);
        case IR_EXIT_IF:
            if (a) {
                return interp_direct(r, i);
            }
            break;
        case IR_EXIT_CMP:
            if (interp_compare(i->sub & 15, (IrType)insn[i->arg[0]].type, a,
                               val[i->arg[1]].u64[0])) {
                return interp_direct(r, i);
            }
            break;
        case IR_EXIT_FLAGS:
            if (interp_cond(i->sub & 15, (uint32_t)a)) {
                return interp_direct(r, i);
            }
            break;
        case IR_EXIT_BIT:
            if ((a >> (i->sub & 63) & 1) == (i->sub >> 6 & 1)) {
                return interp_direct(r, i);
            }
            break;
        case IR_EXIT_INDIRECT:
            return interp_jump(r, a, true);
        case IR_EXIT_LOOP:
            return interp_leave(r, TCG_LEAVE_LOOP,
                                r->tc->pc_page + (uint64_t)(int64_t)(int32_t)i->imm);
        case IR_EXIT_LOOP_AT:
            return interp_leave(r, TCG_LEAVE_LOOP, a);
        case IR_EXIT_RAISED:
            return interp_raised(r);
        default:
            if (ir_op_info[i->op].is_vector) {
                interp_vector(r, i, val, d);
            } else {
                interp_pure(i, insn, val, d);
            }
            break;
        check:
            if (__builtin_expect(r->cpu->raised, 0)) {
                return interp_raised(r);
            }
            break;
        }
        if (r->b->set[k]) {
            memcpy((char *)r->cpu + r->b->set[k] * 8, d, 8);
        }
    }
}

static TcgLeave interp_enter(Cpu *cpu, void *host_entry)
{
    InterpRun r = { .cpu = cpu, .tc = tcg_cpu(cpu), .b = host_entry };
    IrV128 val[IR_MAX_INSNS]; /* 128 KiB of the vCPU thread's stack */

    while (r.b) {
        r.b = interp_block(&r, val);
    }
    return r.leave;
}

static uint64_t interp_cycles(void)
{
    return (uint64_t)g_get_monotonic_time() * 1000;
}

const TcgHost tcg_host_interp = {
    .cycles = interp_cycles,
    .name = "interp",
    .doc = "interprets the intermediate code: slow, the reference for the others",
    .init = interp_init,
    .free = interp_free,
    .needs_guest = true,
    .emit = interp_emit,
    .enter = interp_enter,
    .link = interp_link,
    .unlink = interp_unlink,
};
