/* SPDX-License-Identifier: Apache-2.0 */
/* Guest memory: saved to files, shown, disassembled; and `print`. */
#include "monitor/commands.h"

#include "core/memory/memory.h"
#include "core/target.h"
#include "debug/disas.h"
#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { DUMP_MAX = 1 << 20, SAVE_CHUNK = 4096 };

/* @cpu NULL: physical. */
static bool memory_read(Machine *m, Cpu *cpu, uint64_t addr, void *buf, size_t len)
{
    MemAttrs debug = { .debug = 1 };

    if (cpu) {
        return cpu_debug_rw(cpu, addr, buf, len, false);
    }
    return aspace_read(machine_memory(m), addr, buf, len, debug) == MEM_OK;
}

static bool memory_save(Machine *m, Cpu *cpu, uint64_t addr, uint64_t size, const char *path,
                        GError **err)
{
    uint8_t buf[SAVE_CHUNK];
    FILE *f = fopen(path, "wb");
    bool ok = true;

    if (!f) {
        return error_set(err, "Could not open '%s': %s", path, g_strerror(errno));
    }
    while (ok && size) {
        size_t n = MIN(size, SAVE_CHUNK - addr % SAVE_CHUNK);

        if (!memory_read(m, cpu, addr, buf, n)) {
            ok = error_set(err, "Invalid addr 0x%016" PRIx64 "/size %" PRIu64 " specified", addr,
                           size);
        } else if (fwrite(buf, 1, n, f) != n) {
            ok = error_set(err, "Could not write '%s': %s", path, g_strerror(errno));
        }
        addr += n;
        size -= n;
    }
    if (fclose(f) && ok) {
        ok = error_set(err, "Could not write '%s': %s", path, g_strerror(errno));
    }
    return ok;
}

bool cmd_memsave(MonCall *c, GError **err)
{
    int64_t n = c->args[3].present ? c->args[3].num : 0;

    if (n < 0 || n >= machine_n_cpus(c->m)) {
        return error_set(err, "Parameter 'cpu-index' expects a CPU number");
    }
    return memory_save(c->m, machine_cpu(c->m, (unsigned)n), (uint64_t)c->args[0].num,
                       (uint64_t)c->args[1].num, c->args[2].str, err);
}

bool cmd_pmemsave(MonCall *c, GError **err)
{
    return memory_save(c->m, NULL, (uint64_t)c->args[0].num, (uint64_t)c->args[1].num,
                       c->args[2].str, err);
}

static bool hmp_save_memory(MonCall *c, Cpu *cpu, GError **err)
{
    g_autofree char *path = NULL;
    int64_t addr, size;

    if (!mon_expr_parse(c, &c->line, &addr, err) || !mon_expr_parse(c, &c->line, &size, err)) {
        return false;
    }
    path = mon_call_word(c);
    if (!path) {
        return error_set(err, "a file name is missing");
    }
    return memory_save(c->m, cpu, (uint64_t)addr, (uint64_t)size, path, err);
}

bool hmp_memsave(MonCall *c, GError **err)
{
    return hmp_save_memory(c, mon_call_cpu(c), err);
}

bool hmp_pmemsave(MonCall *c, GError **err)
{
    return hmp_save_memory(c, NULL, err);
}

/* "/4xw": count, format and size, in any order of letters; defaults stay where none is given. */
typedef struct DumpFormat {
    unsigned count;
    char format; /* x d u o c i */
    unsigned size;
} DumpFormat;

static bool dump_format(MonCall *c, DumpFormat *f, GError **err)
{
    const char *p = c->line;
    uint64_t count = 0;

    if (*p != '/') {
        return true;
    }
    for (p++; g_ascii_isdigit(*p); p++) {
        count = MIN(count * 10 + (unsigned)(*p - '0'), DUMP_MAX);
        f->count = (unsigned)count;
    }
    for (; *p && !g_ascii_isspace(*p); p++) {
        switch (*p) {
        case 'x':
        case 'd':
        case 'u':
        case 'o':
        case 'c':
        case 'i':
            f->format = *p;
            break;
        case 'b':
            f->size = 1;
            break;
        case 'h':
            f->size = 2;
            break;
        case 'w':
            f->size = 4;
            break;
        case 'g':
        case 'L':
            f->size = 8;
            break;
        default:
            return error_set(err, "invalid char in format: '%c'", *p);
        }
    }
    while (g_ascii_isspace(*p)) {
        p++;
    }
    c->line = p;
    return true;
}

static void dump_value(GString *s, uint64_t v, unsigned size, char format)
{
    static const uint8_t octal_digits[] = { 0, 3, 6, 0, 11, 0, 0, 0, 22 };
    static const uint8_t decimal_digits[] = { 0, 4, 6, 0, 11, 0, 0, 0, 20 };
    unsigned shift = 64 - 8 * size;

    switch (format) {
    case 'o':
        g_string_append_printf(s, " 0%0*" PRIo64, octal_digits[size], v);
        break;
    case 'u':
        g_string_append_printf(s, " %*" PRIu64, decimal_digits[size] - 1, v);
        break;
    case 'd':
        g_string_append_printf(s, " %*" PRId64, decimal_digits[size],
                               (int64_t)(v << shift) >> shift);
        break;
    case 'c':
        if (v >= ' ' && v < 0x7f && v != '\'' && v != '\\') {
            g_string_append_printf(s, " '%c'", (char)v);
        } else {
            g_string_append_printf(s, " '\\x%02x'", (unsigned)(uint8_t)v);
        }
        break;
    default:
        g_string_append_printf(s, " 0x%0*" PRIx64, (int)size * 2, v);
    }
}

static bool dump_instructions(MonCall *c, Cpu *cpu, uint64_t addr, unsigned count, GError **err)
{
    Cpu *mode_of = cpu ? cpu : mon_call_cpu(c);

    if (!mode_of) {
        return error_set(err, "there is no CPU");
    }
    if (!disas_is_available()) {
        return error_set(err, "there is no disassembler: this was built without capstone");
    }
    for (unsigned i = 0; i < count; i++) {
        uint8_t bytes[16] = { 0 };
        size_t len = sizeof(bytes);

        while (len && !memory_read(c->m, cpu, addr, bytes, len)) {
            len /= 2;
        }
        if (!len) {
            g_string_append_printf(c->text, "0x%08" PRIx64 ": Cannot access memory\n", addr);
            break;
        }
        addr += disas_one(mode_of, addr, bytes, len, c->text);
    }
    return true;
}

static bool dump_memory(MonCall *c, Cpu *cpu, GError **err)
{
    DumpFormat f = { 1, 'x', 4 };
    unsigned per_line;
    int64_t value;
    uint64_t addr;

    if (!dump_format(c, &f, err) || !mon_expr_parse(c, &c->line, &value, err)) {
        return false;
    }
    addr = (uint64_t)value;
    if (f.format == 'i') {
        return dump_instructions(c, cpu, addr, f.count, err);
    }
    f.size = f.format == 'c' ? 1 : f.size;
    per_line = f.size == 1 ? 8 : 16 / f.size;
    for (unsigned i = 0; i < f.count; i++, addr += f.size) {
        uint8_t bytes[8] = { 0 };

        if (i % per_line == 0) {
            g_string_append_printf(c->text, "%s%016" PRIx64 ":", i ? "\n" : "", addr);
        }
        if (!memory_read(c->m, cpu, addr, bytes, f.size)) {
            g_string_append(c->text, " Cannot access memory");
            break;
        }
        dump_value(c->text, get_le64(bytes), f.size, f.format);
    }
    g_string_append_c(c->text, '\n');
    return true;
}

bool hmp_x(MonCall *c, GError **err)
{
    Cpu *cpu = mon_call_cpu(c);

    return cpu ? dump_memory(c, cpu, err) : error_set(err, "No CPU");
}

bool hmp_xp(MonCall *c, GError **err)
{
    return dump_memory(c, NULL, err);
}

bool hmp_print(MonCall *c, GError **err)
{
    DumpFormat f = { 1, 'x', 8 };
    int64_t v;

    if (!dump_format(c, &f, err) || !mon_expr_parse(c, &c->line, &v, err)) {
        return false;
    }
    if (*c->line) {
        return error_set(err, "extraneous characters at the end of line");
    }
    switch (f.format) {
    case 'o':
        g_string_append_printf(c->text, "%#" PRIo64 "\n", v);
        break;
    case 'u':
        g_string_append_printf(c->text, "%" PRIu64 "\n", v);
        break;
    case 'd':
    case 'i':
        g_string_append_printf(c->text, "%" PRId64 "\n", v);
        break;
    case 'c':
        dump_value(c->text, (uint64_t)v & 0xff, 1, 'c');
        g_string_append_c(c->text, '\n');
        break;
    default:
        g_string_append_printf(c->text, "%#" PRIx64 "\n", v);
    }
    return true;
}
