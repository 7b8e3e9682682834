/* SPDX-License-Identifier: Apache-2.0 */
/* What the translator writes for `-d`. */
#include "accel/tcg/tcg-priv.h"

#include "core/cpu.h"

#include <inttypes.h>

static void trace_in_asm(Cpu *cpu, const IrBlock *ir, GuestVirt pc, const uint8_t *page)
{
    LogSink *log = machine_log(cpu->dev.machine);
    MachineDisasFn *disas = machine_disas(cpu->dev.machine);
    GuestVirt base = pc & ~(uint64_t)(GUEST_PAGE_SIZE - 1);
    g_autoptr(GString) s = g_string_new("----------------\nIN:\n");

    for (uint32_t i = 0; i < ir->n_guest; i++) {
        unsigned delta = ir->guest[i].delta;
        unsigned len = MIN(ir->insn[ir->guest[i].ir].sub, GUEST_PAGE_SIZE - delta);

        if (disas) {
            disas(cpu, base + delta, page + delta, len, s);
            continue;
        }
        g_string_append_printf(s, "0x%016" PRIx64 ": ", base + delta);
        for (unsigned k = 0; k < len; k++) {
            g_string_append_printf(s, " %02x", page[delta + k]);
        }
        g_string_append_c(s, '\n');
    }
    log_item(log, "%s\n", s->str);
}

/* Code that the host has no disassembler for: its bytes, for objdump. */
static void trace_host_bytes(const Tcg *t, const TcgBlock *b, GString *out)
{
    const uint8_t *code = b->host_entry;

    for (uint32_t i = 0; t->cache.rx && i < b->host_size; i++) {
        if (i % 16 == 0) {
            g_string_append_printf(out, "%s%p: ", i ? "\n" : "", (const void *)(code + i));
        }
        g_string_append_printf(out, " %02x", code[i]);
    }
}

void tcg_trace_block(Cpu *cpu, const TcgBlock *b, GuestVirt pc, const uint8_t *page)
{
    LogSink *log = machine_log(cpu->dev.machine);
    TcgCpu *tc = tcg_cpu(cpu);

    if (log_on(log, LOG_IN_ASM)) {
        trace_in_asm(cpu, tc->ir, pc, page);
    }
    if (log_on(log, LOG_OP | LOG_OP_OPT)) {
        g_autoptr(GString) s = g_string_new(NULL);

        ir_print(tc->ir, s);
        log_item(log, "OP:\n%s\n", s->str);
    }
    if (log_on(log, LOG_OUT_ASM)) {
        g_autoptr(GString) s = g_string_new(NULL);

        if (tc->tcg->host->disas) {
            tc->tcg->host->disas(&tc->tcg->cache, b, s);
        } else {
            trace_host_bytes(tc->tcg, b, s);
        }
        log_item(log, "OUT: [size=%u]\n%s\n", b->host_size, s->str);
    }
}

bool tcg_trace_each_block(Cpu *cpu)
{
    return log_on(machine_log(cpu->dev.machine), LOG_EXEC | LOG_CPU | LOG_NOCHAIN);
}

void tcg_trace_enter(Cpu *cpu, const TcgBlock *b, GuestVirt pc)
{
    LogSink *log = machine_log(cpu->dev.machine);

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
