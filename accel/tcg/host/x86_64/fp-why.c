/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why floating-point operations leave generated code, for `-accel tcg,count=on`: looked at in C,
 * when one has left. A reason counts once an operation, the first of this order that holds.
 */
#include "accel/tcg/counters.h"
#include "accel/tcg/host.h"
#include "accel/tcg/host/x86_64/x64-fp.h"
#include "accel/tcg/tcg-priv.h"

/* Kinds of numbers, by bits: those of all lanes are or-ed. */
enum { WHY_NAN = 1, WHY_INF = 2, WHY_SUBNORMAL = 4, WHY_LEAST = 8 };

static unsigned why_kind(unsigned esize, uint64_t v)
{
    static const uint8_t frac_bits[4] = { 0, 10, 23, 52 };
    unsigned n = frac_bits[esize], bits = 8u << esize;
    uint64_t abs = v & (UINT64_MAX >> (65 - bits)), inf = (UINT64_MAX >> (65 - bits)) >> n << n;

    return abs > inf                 ? WHY_NAN
           : abs == inf              ? WHY_INF
           : abs && !(abs >> n)      ? WHY_SUBNORMAL
           : abs == (uint64_t)1 << n ? WHY_LEAST
                                     : 0;
}

static unsigned why_kinds(const IrV128 *v, unsigned esize, unsigned lanes)
{
    unsigned kinds = 0;

    for (unsigned i = 0; esize && i < lanes && i < 16u >> esize; i++) {
        kinds |= why_kind(esize, esize == 1   ? v->u16[i & 7]
                                 : esize == 2 ? v->u32[i & 3]
                                              : v->u64[i & 1]);
    }
    return kinds;
}

/* Lane size of the operands. */
static unsigned why_operands(unsigned op, IrDesc desc)
{
    switch (op) {
    case IR_VFCVT:
        return ir_desc_variant(desc) & 3;
    case IR_VFMLAL:
    case IR_VITOF:
        return 0;
    case IR_VFJCVTZS:
        return 3;
    case IR_VBFCVT:
        return 2;
    default:
        return ir_desc_esize(desc);
    }
}

uint64_t x64_ref_call_counted(Cpu *cpu, uint64_t op, uint64_t desc)
{
    TcgCpu *tc = tcg_cpu(cpu);
    const IrFpState *st = (const IrFpState *)((char *)cpu + cpu->target->fp_offset);
    unsigned in = why_operands((unsigned)op, (IrDesc)desc), lanes = ir_desc_lanes((IrDesc)desc);
    bool to_int = op == IR_VFTOI || op == IR_VFJCVTZS || op == IR_VFCMP;
    unsigned from = 0, to;
    const char *why;

    for (const char *p = ir_op_info[op].args; *p; p++) {
        from |= why_kinds(&tc->scratch[p - ir_op_info[op].args], in, lanes);
    }
    x64_ref_call(cpu, op, desc);
    to = to_int ? 0 : why_kinds(&tc->scratch[4], ir_desc_esize((IrDesc)desc), lanes);
    why = from & WHY_NAN                                              ? "operand NaN"
          : to & WHY_NAN                                              ? "result NaN"
          : from & WHY_SUBNORMAL && st->env.flush_inputs              ? "operand flushed"
          : from & WHY_INF                                            ? "operand infinite"
          : to & (WHY_LEAST | WHY_SUBNORMAL) || st->env.flush_outputs ? "result tiny"
          : from & WHY_SUBNORMAL                                      ? "operand subnormal"
          : op == IR_VFTOI || op == IR_VITOF                          ? "range of integers"
                                                                      : "other";
    __atomic_fetch_add(tcg_counter(tc->tcg->cache.counters, "slow FP why", why), 1,
                       __ATOMIC_RELAXED);
    return 0;
}
