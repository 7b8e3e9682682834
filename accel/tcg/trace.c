/* SPDX-License-Identifier: Apache-2.0 */
/* What the translator writes for `-d`. */
#include "accel/tcg/tcg-priv.h"

#include "core/cpu.h"

#include <inttypes.h>

/* ---- new blocks ---- */

/* What -d says of a block that was translated. */
typedef struct TraceBlock {
    Cpu *cpu;
    const TcgBlock *b;
    const IrBlock *ir;
    GuestVirt page;
    const uint8_t *bytes; /* of the page */
    GString *out;
} TraceBlock;

static void trace_guest_insn(const TraceBlock *t, uint32_t i)
{
    MachineDisasFn *disas = machine_disas(t->cpu->dev.machine);
    const IrGuestInsn *g = &t->ir->guest[i];
    unsigned len = MIN(g->len, GUEST_PAGE_SIZE - g->delta);

    if (disas) {
        disas(t->cpu, t->page + g->delta, t->bytes + g->delta, len, t->out);
        return;
    }
    g_string_append_printf(t->out, "0x%016" PRIx64 ": ", t->page + g->delta);
    for (unsigned k = 0; k < len; k++) {
        g_string_append_printf(t->out, " %02x", t->bytes[g->delta + k]);
    }
    g_string_append_c(t->out, '\n');
}

/* Bytes of host code, for objdump. */
static void trace_host_bytes(const TraceBlock *t, uint32_t from, uint32_t to)
{
    const uint8_t *code = t->b->host_entry;

    for (uint32_t i = from; i < to; i++) {
        if ((i - from) % 16 == 0) {
            g_string_append_printf(t->out, "%s%p: ", i > from ? "\n" : "",
                                   (const void *)(code + i));
        }
        g_string_append_printf(t->out, " %02x", code[i]);
    }
    g_string_append(t->out, to > from ? "\n" : "");
}

static void trace_host(const TraceBlock *t, uint32_t from, uint32_t to, bool is_data)
{
    Machine *m = t->cpu->dev.machine;
    MachineHostDisasFn *disas = machine_host_disas(m);
    const TcgHost *host = tcg_cpu(t->cpu)->tcg->host;
    const uint8_t *code = t->b->host_entry;

    if (!disas || is_data) {
        trace_host_bytes(t, from, to);
        return;
    }
    while (from < to) {
        from += (uint32_t)disas(host->elf_machine, (uintptr_t)(code + from), code + from, to - from,
                                t->out);
    }
}

static uint32_t trace_mark_end(const TcgBlock *b, uint32_t k)
{
    return k + 1 < b->n_marks ? b->marks[k + 1].offset : b->host_size;
}

/* Host code of guest instruction @i; its parts out of line too. */
static void trace_host_insn(const TraceBlock *t, uint32_t i, bool stubs)
{
    for (uint32_t k = 0; k < t->b->n_marks; k++) {
        const TcgHostMark *m = &t->b->marks[k];
        uint32_t end = trace_mark_end(t->b, k);

        if (m->guest != i || m->kind != (stubs ? TCG_MARK_STUB : TCG_MARK_LINE)) {
            continue;
        }
        if (stubs && end > m->offset) {
            g_string_append(t->out, "  -- out of line:\n");
        }
        trace_host(t, m->offset, end, false);
    }
}

/* Code before the first instruction, and what lies behind the last. */
static void trace_host_rest(const TraceBlock *t, bool behind)
{
    const TcgBlock *b = t->b;
    uint32_t k = 0;

    if (!behind) {
        trace_host(t, 0, b->n_marks ? b->marks[0].offset : b->host_size, !b->n_marks);
        return;
    }
    for (; k < b->n_marks; k++) {
        if (b->marks[k].kind >= TCG_MARK_TAIL && trace_mark_end(b, k) > b->marks[k].offset) {
            g_string_append(t->out, b->marks[k].kind == TCG_MARK_TAIL ? "  -- exits not linked:\n"
                                                                      : "  -- data:\n");
            trace_host(t, b->marks[k].offset, trace_mark_end(b, k),
                       b->marks[k].kind == TCG_MARK_DATA);
        }
    }
}

static void trace_host_all(const TraceBlock *t)
{
    trace_host_rest(t, false);
    for (uint32_t i = 0; i < t->ir->n_guest && t->b->n_marks; i++) {
        g_string_append_printf(t->out, "  -- guest addr 0x%016" PRIx64 "\n",
                               t->page + t->ir->guest[i].delta);
        trace_host_insn(t, i, false);
        trace_host_insn(t, i, true);
    }
    trace_host_rest(t, true);
}

/* Each guest instruction, then its IR, then its host code. */
static void trace_side_by_side(const TraceBlock *t, bool ops, bool host)
{
    if (host && t->b->host_size) {
        trace_host_rest(t, false);
    }
    for (uint32_t i = 0; i < t->ir->n_guest; i++) {
        uint32_t end = i + 1 < t->ir->n_guest ? t->ir->guest[i + 1].ir + 1u : t->ir->n;

        trace_guest_insn(t, i);
        if (ops) {
            ir_print_range(t->ir, t->ir->guest[i].ir + 1u, end, t->out);
        }
        if (host) {
            trace_host_insn(t, i, false);
            trace_host_insn(t, i, true);
        }
    }
    if (host && t->b->host_size) {
        trace_host_rest(t, true);
    }
}

bool tcg_trace_wants_marks(Cpu *cpu)
{
    return log_on(machine_log(cpu->dev.machine), LOG_OUT_ASM);
}

void tcg_trace_block(Cpu *cpu, const TcgBlock *b, GuestVirt pc, const uint8_t *page)
{
    LogSink *log = machine_log(cpu->dev.machine);
    bool in = log_on(log, LOG_IN_ASM), ops = log_on(log, LOG_OP | LOG_OP_OPT);
    bool host = log_on(log, LOG_OUT_ASM);
    g_autoptr(GString) s = NULL;
    TraceBlock t;

    if ((!in && !ops && !host) || !log_in_ranges(log, pc)) {
        return;
    }
    s = g_string_new("");
    t = (TraceBlock){ .cpu = cpu,
                      .b = b,
                      .ir = tcg_cpu(cpu)->ir,
                      .page = pc & ~(uint64_t)(GUEST_PAGE_SIZE - 1),
                      .bytes = page,
                      .out = s };
    if (in && (ops || host)) {
        g_string_append_printf(s, "----------------\nIN: [%u guest instructions, size=%u]\n",
                               b->n_guest, b->host_size);
        trace_side_by_side(&t, ops, host);
    } else if (in) {
        g_string_append(s, "----------------\nIN:\n");
        for (uint32_t i = 0; i < t.ir->n_guest; i++) {
            trace_guest_insn(&t, i);
        }
    } else {
        g_string_append(s, ops ? "OP:\n" : "");
        if (ops) {
            ir_print(t.ir, s);
        }
        if (host) {
            g_string_append_printf(s, "%sOUT: [size=%u]\n", ops ? "\n" : "", b->host_size);
            trace_host_all(&t);
        }
    }
    log_item(log, "%s\n", s->str);
}

/* ---- execution ---- */

bool tcg_trace_each_block(Cpu *cpu)
{
    return log_on(machine_log(cpu->dev.machine), LOG_EXEC | LOG_CPU | LOG_NOCHAIN);
}

void tcg_trace_enter(Cpu *cpu, const TcgBlock *b, GuestVirt pc)
{
    LogSink *log = machine_log(cpu->dev.machine);

    if (!log_in_ranges(log, pc)) {
        return;
    }
    if (log_on(log, LOG_EXEC)) {
        log_item(log, "Trace %d: 0x%016" PRIx64 " [%016" PRIx64 "]\n", cpu->index, pc,
                 b->mode_word & ~(TCG_MODE_DEBUG | TCG_MODE_TRACE));
    }
    if (log_on(log, LOG_CPU)) {
        g_autoptr(GString) s = g_string_new(NULL);

        cpu->target->dump(cpu, s);
        log_item(log, "%s", s->str);
    }
}

void tcg_trace_exception(Cpu *cpu, const char *what, GuestVirt from)
{
    LogSink *log = machine_log(cpu->dev.machine);

    if (log_on(log, LOG_INT)) {
        log_item(log, "Taking %s on CPU %d: from 0x%" PRIx64 " to 0x%" PRIx64 "\n", what,
                 cpu->index, from, *tcg_pc(cpu));
    }
}
