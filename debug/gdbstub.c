/* SPDX-License-Identifier: Apache-2.0 */
#include "debug/gdbstub.h"

#include "accel/accel.h"
#include "core/target.h"
#include "debug/gdb-priv.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { GDB_MEMORY_MAX = GDB_PACKET_MAX / 2 - 32, GDB_REG_MAX = 64 };

enum { GDB_STEP_ENABLE = 1, GDB_STEP_NO_IRQ = 2 };

struct GdbServer {
    Machine *m;
    Chardev *chardev;
    GdbParser parser;
    GdbMonitorFn *monitor;
    void *opaque;
    char *sent; /* the last packet, in case it is asked for again */
    size_t sent_len;
    GString *reply;
    Cpu *g_cpu, *c_cpu; /* chosen by Hg and Hc */
    Cpu *stop_cpu;      /* of the last stop */
    bool no_ack, no_ack_soon, multiprocess, swbreak;
    bool resumed;        /* a stop reply is owed */
    unsigned listed;     /* qsThreadInfo */
    unsigned step_flags; /* GDB_STEP_* */
};

/* ---- Sending ---- */

static void gdb_send_packet(GdbServer *s, const char *data, size_t len)
{
    g_free(s->sent);
    s->sent = gdb_frame(data, len, &s->sent_len);
    chardev_write(s->chardev, s->sent, s->sent_len);
}

static void gdb_reply(GdbServer *s, const char *text)
{
    g_string_assign(s->reply, text);
}

static void gdb_append_thread(const GdbServer *s, GString *out, const Cpu *cpu)
{
    g_string_append_printf(out, s->multiprocess ? "p1.%x" : "%x", cpu->index + 1);
}

/* ---- Stops ---- */

static void gdb_stop_reply(GdbServer *s, Cpu *cpu, GString *out)
{
    static const char *const kinds[] = { "", "rwatch", "watch", "awatch" };

    g_string_append(out, "T05thread:");
    gdb_append_thread(s, out, cpu);
    g_string_append_c(out, ';');
    if (cpu->debug_reason == DEBUG_BREAKPOINT && s->swbreak) {
        g_string_append(out, "swbreak:;");
    } else if (cpu->debug_reason == DEBUG_WATCHPOINT) {
        for (unsigned i = 0; i < cpu->watchpoints->len; i++) {
            const Watchpoint *w = &g_array_index(cpu->watchpoints, Watchpoint, i);

            if (cpu->debug_addr - w->addr < w->len) {
                g_string_append_printf(out, "%s:%" PRIx64 ";", kinds[w->flags & 3],
                                       cpu->debug_addr);
                break;
            }
        }
    }
}

static void gdb_tell_stop(GdbServer *s, Cpu *cpu)
{
    g_autoptr(GString) out = NULL;

    for (unsigned i = 0; i < machine_n_cpus(s->m); i++) {
        Cpu *c = machine_cpu(s->m, i);

        if (c->single_step) {
            c->single_step = false;
            cpu_request(c, REQ_DEBUG);
        }
    }
    if (!s->resumed) {
        return;
    }
    s->resumed = false;
    s->stop_cpu = s->g_cpu = s->c_cpu = cpu ? cpu : machine_cpu(s->m, 0);
    out = g_string_new("");
    gdb_stop_reply(s, s->stop_cpu, out);
    gdb_send_packet(s, out->str, out->len);
}

static void gdb_machine_event(void *opaque, const MachineEvent *e)
{
    GdbServer *s = opaque;

    if (e->kind == EVENT_DEBUG) {
        gdb_tell_stop(s, e->cpu);
    } else if (e->kind == EVENT_STOP && e->state != RUN_DEBUG) {
        gdb_tell_stop(s, NULL); /* a stop of RUN_DEBUG is followed by EVENT_DEBUG */
    } else if (e->kind == EVENT_SHUTDOWN && s->resumed) {
        s->resumed = false;
        gdb_send_packet(s, "W00", 3);
    }
}

static void gdb_resume(GdbServer *s)
{
    g_autoptr(GError) err = NULL;

    for (unsigned i = 0; i < machine_n_cpus(s->m); i++) {
        machine_cpu(s->m, i)->debug_reason = DEBUG_NONE;
    }
    s->resumed = true;
    if (!machine_resume(s->m, &err)) {
        s->resumed = false;
        gdb_reply(s, "E01");
    }
}

static void gdb_step(GdbServer *s, Cpu *cpu)
{
    cpu->single_step = true;
    cpu->step_no_irq = (s->step_flags & GDB_STEP_NO_IRQ) != 0;
    cpu_request(cpu, REQ_DEBUG);
}

/* ---- Registers and memory ---- */

typedef struct GdbRegWork {
    GString *out;
    unsigned first, n;
    const char *hex; /* set: values to write */
    bool ok;
} GdbRegWork;

/* Registers go in the guest's byte order; CpuReg has the host's. */
static void gdb_reg_order(const Target *t, const CpuReg *r, uint8_t *bytes)
{
    unsigned n = r->bits / 8u;

    for (unsigned i = 0; t->big_endian && i < n / 2; i++) {
        uint8_t b = bytes[i];

        bytes[i] = bytes[n - 1 - i];
        bytes[n - 1 - i] = b;
    }
}

static void gdb_regs_get(Cpu *cpu, void *arg)
{
    GdbRegWork *w = arg;

    for (unsigned i = w->first; i < w->first + w->n && i < cpu->target->n_regs; i++) {
        const CpuReg *r = &cpu->target->regs[i];
        uint8_t bytes[GDB_REG_MAX] = { 0 };

        r->get(cpu, r->index, bytes);
        gdb_reg_order(cpu->target, r, bytes);
        gdb_append_hex(w->out, bytes, r->bits / 8);
    }
}

static void gdb_regs_set(Cpu *cpu, void *arg)
{
    GdbRegWork *w = arg;

    for (unsigned i = w->first; i < w->first + w->n && i < cpu->target->n_regs; i++) {
        const CpuReg *r = &cpu->target->regs[i];
        uint8_t bytes[GDB_REG_MAX] = { 0 };

        if (gdb_read_hex(w->hex, bytes, r->bits / 8) != r->bits / 8u) {
            return; /* xxxx: not known to the debugger, or the end */
        }
        w->hex += r->bits / 4;
        gdb_reg_order(cpu->target, r, bytes);
        if (r->set) {
            r->set(cpu, r->index, bytes);
        }
        w->ok = true;
    }
}

/* The registers of g and G: those of the first feature. */
static unsigned gdb_core_regs(const Target *t)
{
    unsigned n = 0;

    while (n < t->n_regs && !strcmp(t->regs[n].group, t->regs[0].group)) {
        n++;
    }
    return n;
}

static void gdb_cmd_read_regs(GdbServer *s, const char *p)
{
    GdbRegWork w = { .out = s->reply, .n = gdb_core_regs(s->g_cpu->target) };

    cpu_run_on_wait(s->g_cpu, gdb_regs_get, &w);
}

static void gdb_cmd_write_regs(GdbServer *s, const char *p)
{
    GdbRegWork w = { .hex = p, .n = gdb_core_regs(s->g_cpu->target) };

    cpu_run_on_wait(s->g_cpu, gdb_regs_set, &w);
    gdb_reply(s, w.ok ? "OK" : "E22");
}

static void gdb_cmd_read_reg(GdbServer *s, const char *p)
{
    GdbRegWork w = { .out = s->reply, .first = (unsigned)strtoul(p, NULL, 16), .n = 1 };

    cpu_run_on_wait(s->g_cpu, gdb_regs_get, &w);
    if (!s->reply->len) {
        gdb_reply(s, "E14");
    }
}

static void gdb_cmd_write_reg(GdbServer *s, const char *p)
{
    char *end;
    GdbRegWork w = { .first = (unsigned)strtoul(p, &end, 16), .n = 1 };

    if (*end == '=') {
        w.hex = end + 1;
        cpu_run_on_wait(s->g_cpu, gdb_regs_set, &w);
    }
    gdb_reply(s, w.ok ? "OK" : "E14");
}

/* "ADDR,LEN" and what follows it. */
static bool gdb_range(const char *p, uint64_t *addr, uint64_t *len, const char **rest)
{
    char *end;

    *addr = g_ascii_strtoull(p, &end, 16);
    if (end == p || *end != ',') {
        return false;
    }
    p = end + 1;
    *len = g_ascii_strtoull(p, &end, 16);
    *rest = end;
    return end != p;
}

static void gdb_cmd_read_memory(GdbServer *s, const char *p)
{
    uint8_t buf[GDB_MEMORY_MAX];
    uint64_t addr, len;

    if (!gdb_range(p, &addr, &len, &p)) {
        gdb_reply(s, "E22");
        return;
    }
    len = MIN(len, sizeof(buf));
    if (cpu_debug_rw(s->g_cpu, addr, buf, len, false)) {
        gdb_append_hex(s->reply, buf, len);
    } else {
        gdb_reply(s, "E14");
    }
}

static void gdb_cmd_write_memory(GdbServer *s, const char *p)
{
    uint8_t buf[GDB_MEMORY_MAX];
    uint64_t addr, len;

    if (!gdb_range(p, &addr, &len, &p) || *p != ':' || len > sizeof(buf) ||
        gdb_read_hex(p + 1, buf, len) != len) {
        gdb_reply(s, "E22");
        return;
    }
    gdb_reply(s, cpu_debug_rw(s->g_cpu, addr, buf, len, true) ? "OK" : "E14");
}

/* Binary: the parser has undone the escapes. */
static void gdb_cmd_write_binary(GdbServer *s, const char *p)
{
    const char *end = s->parser.data->str + s->parser.data->len;
    uint64_t addr, len;

    if (!gdb_range(p, &addr, &len, &p) || *p != ':' || (uint64_t)(end - (p + 1)) < len) {
        gdb_reply(s, "E22");
        return;
    }
    gdb_reply(s, !len || cpu_debug_rw(s->g_cpu, addr, (void *)(p + 1), len, true) ? "OK" : "E14");
}

/* ---- Breakpoints ---- */

static bool gdb_breakpoint(Cpu *cpu, bool insert, uint64_t addr)
{
    if (insert) {
        cpu_breakpoint_add(cpu, addr);
        return true;
    }
    return cpu_breakpoint_remove(cpu, addr);
}

/* "2" writes, "3" reads, "4" both. */
static bool gdb_watchpoint(Cpu *cpu, bool insert, uint64_t addr, uint64_t len, char type)
{
    static const unsigned flags[] = { WATCH_WRITE, WATCH_READ, WATCH_READ | WATCH_WRITE };

    if (insert) {
        cpu_watchpoint_add(cpu, addr, len, flags[type - '2']);
        return true;
    }
    return cpu_watchpoint_remove(cpu, addr, len, flags[type - '2']);
}

static bool gdb_has_watchpoints(const GdbServer *s)
{
    const Cpu *cpu = machine_cpu(s->m, 0);

    return cpu->accel && cpu->accel->watchpoints;
}

static void gdb_cmd_breakpoint(GdbServer *s, const char *p)
{
    bool insert = p[-1] == 'Z', ok = true;
    char type = *p;
    uint64_t addr, len;

    /* Where the accelerator does not stop at watchpoints, the debugger steps and compares. */
    if (type < '0' || type > (gdb_has_watchpoints(s) ? '4' : '1')) {
        return; /* an empty answer: not supported */
    }
    if (p[1] != ',' || !gdb_range(p + 2, &addr, &len, &p)) {
        gdb_reply(s, "E22");
        return;
    }
    for (unsigned i = 0; i < machine_n_cpus(s->m); i++) {
        Cpu *cpu = machine_cpu(s->m, i);

        ok = (type > '1' ? gdb_watchpoint(cpu, insert, addr, len, type)
                         : gdb_breakpoint(cpu, insert, addr)) &&
             ok;
    }
    gdb_reply(s, ok ? "OK" : "E22");
}

static void gdb_forget_breakpoints(GdbServer *s)
{
    for (unsigned i = 0; i < machine_n_cpus(s->m); i++) {
        Cpu *cpu = machine_cpu(s->m, i);

        while (cpu->watchpoints->len) {
            Watchpoint w = g_array_index(cpu->watchpoints, Watchpoint, 0);

            cpu_watchpoint_remove(cpu, w.addr, w.len, w.flags);
        }
        for (unsigned k = cpu->breakpoints->len; k-- > 0;) {
            Breakpoint b = g_array_index(cpu->breakpoints, Breakpoint, k);

            if (!b.for_guest) {
                cpu_breakpoint_remove(cpu, b.addr);
            }
        }
        cpu->single_step = false;
    }
}

/* ---- Threads and running ---- */

/* "p1.2", "2", "p1.-1", "-1", "0": NULL for any and all. */
static bool gdb_thread(GdbServer *s, const char **p, Cpu **cpu)
{
    const char *t = *p;
    char *end;
    long n;

    *cpu = NULL;
    if (*t == 'p') {
        t++;
        n = strtol(t, &end, 16);
        if (end == t || n > 1) {
            return false;
        }
        if (*end != '.') {
            *p = end;
            return true;
        }
        t = end + 1;
    }
    n = strtol(t, &end, 16);
    if (end == t) {
        return false;
    }
    *p = end;
    if (n > 0) {
        *cpu = (unsigned long)n <= machine_n_cpus(s->m) ? machine_cpu(s->m, (unsigned)n - 1) : NULL;
        return *cpu != NULL;
    }
    return true;
}

static void gdb_cmd_set_thread(GdbServer *s, const char *p)
{
    char what = *p ? *p++ : 0;
    Cpu *cpu;

    if ((what != 'g' && what != 'c') || !gdb_thread(s, &p, &cpu)) {
        gdb_reply(s, "E22");
        return;
    }
    if (cpu && what == 'g') {
        s->g_cpu = cpu;
    } else if (cpu) {
        s->c_cpu = cpu;
    }
    gdb_reply(s, "OK");
}

static void gdb_cmd_thread_alive(GdbServer *s, const char *p)
{
    Cpu *cpu;

    gdb_reply(s, gdb_thread(s, &p, &cpu) && cpu ? "OK" : "E22");
}

typedef struct GdbPcWork {
    uint64_t pc;
} GdbPcWork;

static void gdb_set_pc(Cpu *cpu, void *arg)
{
    cpu->target_ops->set_pc(cpu, ((GdbPcWork *)arg)->pc);
}

/* "c [ADDR]" and "s [ADDR]". */
static void gdb_cmd_continue(GdbServer *s, const char *p)
{
    bool step = p[-1] == 's';

    if (*p && s->c_cpu->target_ops && s->c_cpu->target_ops->set_pc) {
        GdbPcWork w = { g_ascii_strtoull(p, NULL, 16) };

        cpu_run_on_wait(s->c_cpu, gdb_set_pc, &w);
    }
    if (step) {
        gdb_step(s, s->c_cpu);
    }
    gdb_resume(s);
}

/* "Csig", "Ssig": the signal means nothing here. */
static void gdb_cmd_signal(GdbServer *s, const char *p)
{
    if (p[-1] == 'S') {
        gdb_step(s, s->c_cpu);
    }
    gdb_resume(s);
}

/* ";s:p1.1;c": the first action that names a thread (or none) is that thread's. */
static void gdb_vcont(GdbServer *s, const char *p)
{
    uint64_t done = 0;
    bool valid = *p == ';';

    while (valid && *p == ';') {
        char action = *++p;
        Cpu *cpu = NULL;

        valid = action && strchr("cCsS", action);
        p += valid;
        while (valid && g_ascii_isxdigit(*p)) {
            p++;
        }
        if (valid && *p == ':') {
            p++;
            valid = gdb_thread(s, &p, &cpu);
        }
        for (unsigned i = 0; valid && i < machine_n_cpus(s->m) && i < 64; i++) {
            Cpu *c = machine_cpu(s->m, i);

            if ((!cpu || cpu == c) && !(done >> i & 1)) {
                done |= 1ull << i;
                if (action == 's' || action == 'S') {
                    gdb_step(s, c);
                }
            }
        }
    }
    if (valid) {
        gdb_resume(s);
    } else {
        gdb_reply(s, "E22");
    }
}

static void gdb_cmd_v(GdbServer *s, const char *p)
{
    if (!strcmp(p, "Cont?")) {
        gdb_reply(s, "vCont;c;C;s;S");
    } else if (g_str_has_prefix(p, "Cont")) {
        gdb_vcont(s, p + 4);
    } else if (g_str_has_prefix(p, "Kill")) {
        gdb_reply(s, "OK");
        machine_shutdown_request(s->m, CAUSE_HOST_QMP_QUIT);
    }
}

static void gdb_cmd_why(GdbServer *s, const char *p)
{
    gdb_stop_reply(s, s->g_cpu, s->reply);
}

static void gdb_cmd_detach(GdbServer *s, const char *p)
{
    g_autoptr(GError) err = NULL;

    gdb_forget_breakpoints(s);
    gdb_reply(s, machine_resume(s->m, &err) ? "OK" : "E01");
}

static void gdb_cmd_kill(GdbServer *s, const char *p)
{
    machine_shutdown_request(s->m, CAUSE_HOST_QMP_QUIT);
}

/* ---- Queries ---- */

static void gdb_query_supported(GdbServer *s, const char *p)
{
    s->multiprocess = strstr(p, "multiprocess+") != NULL;
    s->swbreak = strstr(p, "swbreak+") != NULL;
    g_string_append_printf(s->reply,
                           "PacketSize=%x;qXfer:features:read+;vContSupported+;"
                           "QStartNoAckMode+;swbreak+;multiprocess+",
                           GDB_PACKET_MAX - 16);
}

static void gdb_query_features(GdbServer *s, const char *p)
{
    g_autofree char *annex = g_strndup(p, strcspn(p, ":"));
    g_autofree char *xml = gdb_target_xml(s->g_cpu->target, annex);
    uint64_t off, len, total = xml ? strlen(xml) : 0;

    p += strlen(annex);
    if (!xml) {
        gdb_reply(s, "E00");
    } else if (*p != ':' || !gdb_range(p + 1, &off, &len, &p)) {
        gdb_reply(s, "E22");
    } else if (off >= total) {
        gdb_reply(s, "l");
    } else {
        len = MIN(MIN(len, (uint64_t)GDB_MEMORY_MAX), total - off);
        g_string_append_c(s->reply, off + len < total ? 'm' : 'l');
        gdb_append_binary(s->reply, xml + off, len);
    }
}

static void gdb_query_threads(GdbServer *s, const char *p)
{
    if (p[-11] == 'f') { /* "fThreadInfo": from the first; "sThreadInfo": the next */
        s->listed = 0;
    }
    if (s->listed >= machine_n_cpus(s->m)) {
        gdb_reply(s, "l");
        return;
    }
    for (unsigned i = 0; i < 64 && s->listed < machine_n_cpus(s->m); i++) {
        g_string_append_c(s->reply, i ? ',' : 'm');
        gdb_append_thread(s, s->reply, machine_cpu(s->m, s->listed++));
    }
}

static void gdb_query_current(GdbServer *s, const char *p)
{
    g_string_append(s->reply, "QC");
    gdb_append_thread(s, s->reply, s->g_cpu);
}

static void gdb_query_attached(GdbServer *s, const char *p)
{
    gdb_reply(s, "1");
}

static void gdb_query_extra(GdbServer *s, const char *p)
{
    g_autofree char *text = NULL;
    Cpu *cpu;

    if (!gdb_thread(s, &p, &cpu) || !cpu) {
        gdb_reply(s, "E22");
        return;
    }
    text = g_strdup_printf("CPU#%d [%s]", cpu->index,
                           cpu_run_state(cpu) == CPU_HALTED ? "halted" : "running");
    gdb_append_hex(s->reply, text, strlen(text));
}

static void gdb_query_command(GdbServer *s, const char *p)
{
    uint8_t line[GDB_MEMORY_MAX + 1];
    g_autofree char *text = NULL;
    size_t n = gdb_read_hex(p, line, sizeof(line) - 1), len;

    line[n] = 0;
    text = s->monitor ? s->monitor(s->opaque, (char *)line, s->g_cpu->index) : NULL;
    if (!text) {
        return;
    }
    len = strlen(text);
    for (size_t i = 0; i < len; i += GDB_MEMORY_MAX / 2) {
        g_autoptr(GString) out = g_string_new("O");

        gdb_append_hex(out, text + i, MIN(len - i, (size_t)GDB_MEMORY_MAX / 2));
        gdb_send_packet(s, out->str, out->len);
    }
    gdb_reply(s, "OK");
}

/* How steps go, as debuggers of QEMU ask and tell it ("maintenance packet Qqemu.sstep=1"). */
static void gdb_query_step_bits(GdbServer *s, const char *p)
{
    g_string_append_printf(s->reply, "ENABLE=%x,NOIRQ=%x", GDB_STEP_ENABLE, GDB_STEP_NO_IRQ);
}

static void gdb_query_step(GdbServer *s, const char *p)
{
    g_string_append_printf(s->reply, "0x%x", s->step_flags);
}

static void gdb_set_step(GdbServer *s, const char *p)
{
    char *end;
    unsigned long v = strtoul(p, &end, 16);

    if (end == p || *end || v & ~(unsigned long)(GDB_STEP_ENABLE | GDB_STEP_NO_IRQ)) {
        gdb_reply(s, "E22");
        return;
    }
    s->step_flags = (unsigned)v;
    gdb_reply(s, "OK");
}

static void gdb_set_no_ack(GdbServer *s, const char *p)
{
    s->no_ack_soon = true; /* this answer is still acknowledged */
    gdb_reply(s, "OK");
}

static const struct {
    const char *prefix;
    void (*fn)(GdbServer *s, const char *rest);
} gdb_commands[] = {
    { "g", gdb_cmd_read_regs },
    { "G", gdb_cmd_write_regs },
    { "p", gdb_cmd_read_reg },
    { "P", gdb_cmd_write_reg },
    { "m", gdb_cmd_read_memory },
    { "M", gdb_cmd_write_memory },
    { "X", gdb_cmd_write_binary },
    { "Z", gdb_cmd_breakpoint },
    { "z", gdb_cmd_breakpoint },
    { "H", gdb_cmd_set_thread },
    { "T", gdb_cmd_thread_alive },
    { "c", gdb_cmd_continue },
    { "s", gdb_cmd_continue },
    { "C", gdb_cmd_signal },
    { "S", gdb_cmd_signal },
    { "v", gdb_cmd_v },
    { "?", gdb_cmd_why },
    { "D", gdb_cmd_detach },
    { "k", gdb_cmd_kill },
    { "qSupported", gdb_query_supported },
    { "qXfer:features:read:", gdb_query_features },
    { "qfThreadInfo", gdb_query_threads },
    { "qsThreadInfo", gdb_query_threads },
    { "qThreadExtraInfo,", gdb_query_extra },
    { "qC", gdb_query_current },
    { "qAttached", gdb_query_attached },
    { "qRcmd,", gdb_query_command },
    { "QStartNoAckMode", gdb_set_no_ack },
    { "qqemu.sstepbits", gdb_query_step_bits },
    { "qqemu.sstep", gdb_query_step },
    { "Qqemu.sstep=", gdb_set_step },
};

static bool gdb_is_resume(const char *p)
{
    return strchr("csCSk", *p) || g_str_has_prefix(p, "vCont;");
}

static void gdb_packet(GdbServer *s)
{
    const char *p = s->parser.data->str;

    g_string_truncate(s->reply, 0);
    if (s->resumed) {
        return; /* nothing but the interrupt means anything now */
    }
    for (size_t i = 0; i < G_N_ELEMENTS(gdb_commands); i++) {
        if (g_str_has_prefix(p, gdb_commands[i].prefix)) {
            gdb_commands[i].fn(s, p + strlen(gdb_commands[i].prefix));
            break;
        }
    }
    /* A resumed machine answers when it stops; it may have done so already. */
    if (!gdb_is_resume(p) || s->reply->len) {
        gdb_send_packet(s, s->reply->str, s->reply->len);
    }
    s->no_ack |= s->no_ack_soon;
}

static void gdb_read(void *opaque, const uint8_t *buf, unsigned len)
{
    GdbServer *s = opaque;

    for (unsigned i = 0; i < len; i++) {
        switch (gdb_parser_byte(&s->parser, buf[i])) {
        case GDB_INPUT_PACKET:
            if (!s->no_ack) {
                chardev_write(s->chardev, "+", 1);
            }
            gdb_packet(s);
            break;
        case GDB_INPUT_BAD_SUM:
            if (!s->no_ack) {
                chardev_write(s->chardev, "-", 1);
            }
            break;
        case GDB_INPUT_NACK:
            if (s->sent) {
                chardev_write(s->chardev, s->sent, s->sent_len);
            }
            break;
        case GDB_INPUT_BREAK:
            if (machine_is_running(s->m)) {
                machine_pause(s->m, RUN_PAUSED);
            } else {
                gdb_tell_stop(s, NULL);
            }
            break;
        default:
            break;
        }
    }
}

static void gdb_event(void *opaque, CharEvent event)
{
    GdbServer *s = opaque;

    if (event == CHAR_OPENED) {
        s->no_ack = s->no_ack_soon = s->multiprocess = s->swbreak = s->resumed = false;
        s->parser.state = GDB_IDLE;
        s->g_cpu = s->c_cpu = machine_cpu(s->m, 0);
        if (machine_is_running(s->m)) {
            machine_pause(s->m, RUN_PAUSED);
        }
    } else if (event == CHAR_CLOSED) {
        s->resumed = false;
        gdb_forget_breakpoints(s);
    }
}

static const CharHandlers gdb_handlers = { NULL, gdb_read, gdb_event };

GdbServer *gdb_server_new(Machine *m, Chardev *c, GdbMonitorFn *monitor, void *opaque, GError **err)
{
    GdbServer *s;

    if (!machine_n_cpus(m) || !machine_cpu(m, 0)->target || !machine_cpu(m, 0)->target->n_regs) {
        error_set(err, "a debugger needs a CPU with a table of registers");
        return NULL;
    }
    s = g_new0(GdbServer, 1);
    s->m = m;
    s->chardev = c;
    s->monitor = monitor;
    s->opaque = opaque;
    s->reply = g_string_new("");
    s->step_flags = GDB_STEP_ENABLE | GDB_STEP_NO_IRQ;
    s->g_cpu = s->c_cpu = machine_cpu(m, 0);
    gdb_parser_init(&s->parser);
    if (!chardev_attach(c, &gdb_handlers, s, err)) {
        gdb_parser_deinit(&s->parser);
        g_string_free(s->reply, TRUE);
        g_free(s);
        return NULL;
    }
    machine_listen(m, gdb_machine_event, s);
    return s;
}

void gdb_server_free(GdbServer *s)
{
    machine_unlisten(s->m, gdb_machine_event, s);
    chardev_detach(s->chardev, s);
    gdb_parser_deinit(&s->parser);
    g_string_free(s->reply, TRUE);
    g_free(s->sent);
    g_free(s);
}
