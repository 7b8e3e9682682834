/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loops that wait for another thread to store: blocks that lead back to their own start, load and
 * compare, and write nothing that the next turn reads. They pause, so that a thread on the same
 * core runs faster meanwhile, and now and then give the host's processor away: who is waited for
 * may be without one.
 */
#include "accel/tcg/host.h"
#include "accel/tcg/host/x86_64/x64-priv.h"
#include "accel/tcg/tcg.h"

enum { SPIN_INSNS = 96, SPIN_PLACES = 16 };

typedef struct SpinPlaces {
    unsigned n;
    uint32_t at[SPIN_PLACES]; /* in units of 8 bytes */
} SpinPlaces;

static bool spin_has(const SpinPlaces *p, uint32_t at)
{
    for (unsigned k = 0; k < p->n; k++) {
        if (p->at[k] == at) {
            return true;
        }
    }
    return false;
}

/* A place of state (offset / 8) is read, or written; false: too many, or what was read before is
 * written. */
static bool spin_note(SpinPlaces *read, SpinPlaces *written, uint32_t at, bool is_set)
{
    SpinPlaces *mine = is_set ? written : read;

    if (is_set ? spin_has(read, at) : spin_has(written, at)) {
        /* A GET of what the block has set itself does no harm, but there is none: it is forwarded.
         */
        return false;
    }
    if (!spin_has(mine, at)) {
        if (mine->n == SPIN_PLACES) {
            return false;
        }
        mine->at[mine->n++] = at;
    }
    return true;
}

bool x64_is_spin(const X64Emit *e, unsigned end)
{
    SpinPlaces read = { 0 }, written = { 0 };
    bool loads = false, reads_flags = false, sets_flags = false;

    if (end > SPIN_INSNS) {
        return false;
    }
    for (unsigned i = 1; i < end; i++) {
        const IrInsn *insn = x64_insn(e, i);
        uint16_t effects = ir_op_info[insn->op].effects;

        switch (insn->op) {
        case IR_GET:
        case IR_SET:
            if (!spin_note(&read, &written, insn->imm / 8, insn->op == IR_SET)) {
                return false;
            }
            break;
        case IR_GET_FLAGS:
            reads_flags = true;
            break;
        case IR_SET_FLAGS:
            sets_flags = true;
            break;
        case IR_LD:
        case IR_LDP:
        case IR_LL:
            loads = true;
            break;
        case IR_FENCE:
        case IR_RAISE_IF:
        case IR_LINKED:
            break;
        default:
            if (effects & (IR_EFF_MEM_WR | IR_EFF_STATE_WR | IR_EFF_CALLS)) {
                return false;
            }
            break;
        }
        if (e->ir->set[i] && !spin_note(&read, &written, e->ir->set[i], true)) {
            return false;
        }
    }
    return loads && !(reads_flags && sets_flags);
}

void x64_spin(X64Emit *e)
{
    X64Stub *s = x64_stub_add(e, STUB_SPIN);

    x64_op0(&e->a, 0xf3); /* pause */
    x64_byte(&e->a, 0x90);
    x64_alu_mi(&e->a, ALU_SUB, false, x64_env(e->lay->spins), 1);
    x64_jcc(&e->a, CC_S, &s->entry);
    x64_bind(&e->a, &s->back);
}

void x64_spin_stub(X64Emit *e, X64Stub *s)
{
    x64_bind(&e->a, &s->entry);
    x64_count_open(e, X64_COUNT_STUB);
    x64_thunk_call(e, e->thunk->spill);
    x64_call_fn(e, (const void *)(uintptr_t)tcg_spins, false, false, s->guest, "spins");
    x64_jmp(&e->a, &s->back);
}
