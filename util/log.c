/* SPDX-License-Identifier: Apache-2.0 */
#include "util/log.h"
#include "util/suggest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

typedef struct TracePattern {
    char *glob;
    bool on;
} TracePattern;

struct LogSink {
    uint32_t items; /* first: log_on reads it; atomic */
    Mutex lock;
    FILE *file;       /* guarded by lock */
    GArray *patterns; /* of TracePattern; guarded by lock */
    bool time;        /* before messages; set before threads are made, as are all below */
    char *guest;
    GArray *ranges; /* of LogRange; empty: all addresses */
};

typedef struct LogRange {
    uint64_t first, last;
} LogRange;

static const struct {
    uint32_t item;
    const char *name, *doc;
} log_items[] = {
    { LOG_IN_ASM, "in_asm", "guest code of each translated block" },
    { LOG_OUT_ASM, "out_asm", "host code of each translated block" },
    { LOG_OP, "op", "intermediate operations of each block" },
    { LOG_OP_OPT, "op_opt", "intermediate operations after optimisation" },
    { LOG_INT, "int", "interrupts and exceptions" },
    { LOG_EXEC, "exec", "the address of each block before it is executed" },
    { LOG_CPU, "cpu", "CPU registers before each block" },
    { LOG_MMU, "mmu", "MMU actions" },
    { LOG_PCALL, "pcall", "protected mode calls and returns (x86)" },
    { LOG_CPU_RESET, "cpu_reset", "CPU state before resets" },
    { LOG_UNIMP, "unimp", "what the guest uses and is not modelled" },
    { LOG_GUEST_ERROR, "guest_errors", "what the guest does wrong with devices" },
    { LOG_PAGE, "page", "changes of the memory map" },
    { LOG_NOCHAIN, "nochain", "do not chain blocks (complete exec and cpu logs)" },
    { LOG_FPU, "fpu", "floating point registers in the cpu log" },
};

LogSink *log_sink_new(void)
{
    LogSink *log = g_new0(LogSink, 1);

    mutex_init(&log->lock);
    log->file = stderr;
    log->patterns = g_array_new(FALSE, FALSE, sizeof(TracePattern));
    log->ranges = g_array_new(FALSE, FALSE, sizeof(LogRange));
    return log;
}

void log_sink_free(LogSink *log)
{
    if (log->file != stderr) {
        fclose(log->file);
    }
    for (unsigned i = 0; i < log->patterns->len; i++) {
        g_free(g_array_index(log->patterns, TracePattern, i).glob);
    }
    g_array_free(log->patterns, TRUE);
    g_array_free(log->ranges, TRUE);
    g_free(log->guest);
    mutex_deinit(&log->lock);
    g_free(log);
}

bool log_open(LogSink *log, const char *path, GError **err)
{
    FILE *f = stderr, *old;

    if (path && strcmp(path, "-")) {
        f = fopen(path, "we");
        if (!f) {
            return error_set(err, "cannot write the log file '%s': %s", path, strerror(errno));
        }
        setvbuf(f, NULL, _IOLBF, 0);
    }
    mutex_lock(&log->lock);
    old = log->file;
    log->file = f;
    mutex_unlock(&log->lock);
    if (old != stderr) {
        fclose(old);
    }
    return true;
}

char *log_items_help(void)
{
    GString *s = g_string_new("Log items (comma separated):\n");

    for (unsigned i = 0; i < G_N_ELEMENTS(log_items); i++) {
        g_string_append_printf(s, "%-14s %s\n", log_items[i].name, log_items[i].doc);
    }
    g_string_append(s, "trace:PATTERN  trace events whose name matches, e.g. trace:pl011*\n");
    g_string_append(s, "all, none\n");
    return g_string_free(s, FALSE);
}

static bool log_item_bit(const char *word, uint32_t *bits, GError **err)
{
    const char *names[G_N_ELEMENTS(log_items)];
    g_autofree char *near = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(log_items); i++) {
        names[i] = log_items[i].name;
        if (!strcmp(word, names[i])) {
            *bits |= log_items[i].item;
            return true;
        }
    }
    near = suggest_text(word, names, G_N_ELEMENTS(log_items));
    return error_set(err, "no log item '%s'%s (-d help lists them)", word, near);
}

bool log_set_items(LogSink *log, const char *text, GError **err)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);
    uint32_t bits = 0;

    for (char **w = words; *w; w++) {
        if (!strcmp(*w, "all")) {
            bits |= LOG_TRACE - 1;
        } else if (!strcmp(*w, "none")) {
            bits = 0;
        } else if (g_str_has_prefix(*w, "trace:")) {
            log_trace_pattern(log, *w + 6);
        } else if (**w && !log_item_bit(*w, &bits, err)) {
            return false;
        }
    }
    bits |= __atomic_load_n(&log->items, __ATOMIC_RELAXED) & LOG_TRACE;
    __atomic_store_n(&log->items, bits, __ATOMIC_RELAXED);
    return true;
}

static bool log_range(const char *word, LogRange *r, GError **err)
{
    char *end;
    uint64_t a = g_ascii_strtoull(word, &end, 0), b = 0;
    char kind = g_ascii_isdigit(*word) ? *end : 0;
    const char *second = kind == '.' ? end + 2 : end + 1;

    if ((kind == '.' && end[1] == '.') || kind == '+' || kind == '-') {
        b = g_ascii_isdigit(*second) ? g_ascii_strtoull(second, &end, 0) : 0;
        if (!g_ascii_isdigit(*second) || *end || (kind != '.' && !b)) {
            kind = 0;
        }
    } else {
        kind = 0;
    }
    if (!kind) {
        return error_set(err, "'%s' is no range; valid: FIRST..LAST, START+SIZE, END-SIZE", word);
    }
    *r = kind == '.'   ? (LogRange){ a, b }
         : kind == '+' ? (LogRange){ a, a + b - 1 }
                       : (LogRange){ a - (b - 1), a };
    return r->first <= r->last || error_set(err, "'%s' ends before it begins", word);
}

bool log_set_ranges(LogSink *log, const char *text, GError **err)
{
    g_auto(GStrv) words = g_strsplit(text, ",", -1);

    g_array_set_size(log->ranges, 0);
    for (char **w = words; *w; w++) {
        LogRange r;

        if (!log_range(*w, &r, err)) {
            return false;
        }
        g_array_append_val(log->ranges, r);
    }
    return true;
}

bool log_in_ranges(const LogSink *log, uint64_t addr)
{
    for (unsigned i = 0; i < log->ranges->len; i++) {
        const LogRange *r = &g_array_index(log->ranges, LogRange, i);

        if (addr >= r->first && addr <= r->last) {
            return true;
        }
    }
    return !log->ranges->len;
}

void log_set_heading(LogSink *log, bool time, const char *guest)
{
    log->time = time;
    g_free(log->guest);
    log->guest = g_strdup(guest);
}

char *log_heading(bool time, const char *guest)
{
    g_autoptr(GDateTime) now = time ? g_date_time_new_now_utc() : NULL;
    g_autofree char *date = now ? g_date_time_format(now, "%Y-%m-%dT%H:%M:%S.%fZ ") : NULL;

    return g_strconcat(date ? date : "", guest ? guest : "", guest ? " " : "", NULL);
}

void log_trace_pattern(LogSink *log, const char *pattern)
{
    TracePattern p = { .on = *pattern != '-' };

    p.glob = g_strdup(pattern + !p.on);
    mutex_lock(&log->lock);
    g_array_append_val(log->patterns, p);
    mutex_unlock(&log->lock);
    if (p.on) {
        __atomic_fetch_or(&log->items, LOG_TRACE, __ATOMIC_RELAXED);
    }
}

bool log_trace_wanted(LogSink *log, const char *who, const char *name)
{
    g_autofree char *full = who ? g_strdup_printf("%s.%s", who, name) : NULL;
    bool on = false;

    mutex_lock(&log->lock);
    for (unsigned i = 0; i < log->patterns->len; i++) {
        const TracePattern *p = &g_array_index(log->patterns, TracePattern, i);

        if (g_pattern_match_simple(p->glob, name) ||
            (full && g_pattern_match_simple(p->glob, full))) {
            on = p->on;
        }
    }
    mutex_unlock(&log->lock);
    return on;
}

static void log_write(LogSink *log, bool to_stderr, const char *text)
{
    mutex_lock(&log->lock);
    fputs(text, log->file);
    if (to_stderr && log->file != stderr) {
        fputs(text, stderr);
    }
    mutex_unlock(&log->lock);
}

void log_item(LogSink *log, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    log_write(log, false, text);
}

void log_trace(LogSink *log, const char *who, const char *name, const char *fmt, ...)
{
    g_autofree char *text = NULL, *line = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    line = g_strdup_printf("%s%s%s %s\n", who ? who : "", who ? " " : "", name, text);
    log_write(log, false, line);
}

void log_vmessage(LogSink *log, LogLevel level, const char *who, const char *fmt, va_list ap)
{
    static const char *const levels[] = { "error: ", "warning: ", "" };
    g_autofree char *text = g_strdup_vprintf(fmt, ap);
    g_autofree char *heading = log_heading(log->time, log->guest);
    g_autofree char *line = g_strdup_printf("%stinamou: %s%s%s%s\n", heading, levels[level],
                                            who ? who : "", who ? ": " : "", text);

    log_write(log, true, line);
}

void log_message(LogSink *log, LogLevel level, const char *who, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_vmessage(log, level, who, fmt, ap);
    va_end(ap);
}
