/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump-guest-memory: RAM by physical addresses and each CPU's registers as an ELF core file, for
 * crash, gdb and readelf. The machine stands still meanwhile.
 * Spec: System V ABI, ELF; the kernel's elf_prstatus (linux/elfcore.h), as x86-64 and AArch64 have
 * it.
 */
#include "monitor/dump.h"

#include "core/cpu.h"
#include "core/memory/memory.h"
#include "core/target.h"
#include "core/event/loop.h"
#include "util/bytes.h"
#include "util/fdsets.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum {
    DUMP_NAME = 8,        /* "CORE", padded */
    DUMP_STATUS_PID = 32, /* of elf_prstatus */
    DUMP_STATUS_REGS = 112,
    DUMP_REGS = 34, /* at most */
    DUMP_TAIL = 8,  /* pr_fpvalid */
    DUMP_MAX_SEGMENTS = 65534 - 1,
    DUMP_CHUNK = 1 << 20,
};

/* Registers in the order of user_regs_struct; NULL: zero. */
static const char *const dump_x86[] = {
    "r15",    "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9",
    "r8",     "rax", "rcx", "rdx", "rsi", "rdi", NULL,  "rip", "cs",
    "eflags", "rsp", "ss",  NULL,  NULL,  "ds",  "es",  "fs",  "gs",
};

static const char *const dump_arm[] = {
    "x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",  "x9",   "x10", "x11",
    "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21",  "x22", "x23",
    "x24", "x25", "x26", "x27", "x28", "x29", "x30", "sp",  "pc",  "cpsr",
};

static const DumpArch dump_archs[] = {
    { "x86_64", EM_X86_64, dump_x86, G_N_ELEMENTS(dump_x86) },
    { "aarch64", EM_AARCH64, dump_arm, G_N_ELEMENTS(dump_arm) },
};

/* ---- What is written ---- */

static void dump_range(const FlatRange *f, void *arg)
{
    Dump *d = arg;
    uint64_t from = MAX(f->start, d->begin), last = MIN(f->start + (f->len - 1), d->end);
    DumpSegment s = { from, last - from + 1 };
    DumpSegment *before =
        d->segments->len ? &g_array_index(d->segments, DumpSegment, d->segments->len - 1) : NULL;

    if (f->kind == FLAT_MMIO || from > last) {
        return;
    }
    if (before && before->start + before->len == s.start) {
        before->len += s.len;
    } else {
        g_array_append_val(d->segments, s);
    }
}

static uint64_t dump_reg(Cpu *cpu, const char *name)
{
    const Target *t = cpu->target;
    uint8_t v[16] = { 0 };

    for (unsigned i = 0; name && i < t->n_regs; i++) {
        if (!strcmp(t->regs[i].name, name) && t->regs[i].bits <= 64) {
            t->regs[i].get(cpu, t->regs[i].index, v);
            return get_le64(v);
        }
    }
    return 0;
}

static size_t dump_note_bytes(const DumpArch *a)
{
    return sizeof(Elf64_Nhdr) + DUMP_NAME + DUMP_STATUS_REGS + 8 * a->n_regs + DUMP_TAIL;
}

static void dump_note(const Dump *d, Cpu *cpu, GByteArray *out)
{
    size_t n = dump_note_bytes(d->arch), body = sizeof(Elf64_Nhdr) + DUMP_NAME;
    g_autofree uint8_t *b = g_malloc0(n);

    put_le32(b, 5);
    put_le32(b + 4, (uint32_t)(n - body));
    put_le32(b + 8, NT_PRSTATUS);
    memcpy(b + sizeof(Elf64_Nhdr), "CORE", 4);
    put_le32(b + body + DUMP_STATUS_PID, (uint32_t)cpu->index + 1);
    for (unsigned i = 0; i < d->arch->n_regs; i++) {
        put_le64(b + body + DUMP_STATUS_REGS + 8 * i, dump_reg(cpu, d->arch->regs[i]));
    }
    g_byte_array_append(out, b, (guint)n);
}

void dump_notes(const Dump *d, GByteArray *out)
{
    for (unsigned i = 0; i < machine_n_cpus(d->m); i++) {
        dump_note(d, machine_cpu(d->m, i), out);
    }
}

static void dump_phdr(GByteArray *out, uint32_t type, uint64_t off, uint64_t at, uint64_t len)
{
    uint8_t p[sizeof(Elf64_Phdr)] = { 0 };

    put_le32(p, type);
    put_le64(p + offsetof(Elf64_Phdr, p_offset), off);
    put_le64(p + offsetof(Elf64_Phdr, p_paddr), at);
    put_le64(p + offsetof(Elf64_Phdr, p_filesz), len);
    put_le64(p + offsetof(Elf64_Phdr, p_memsz), len);
    g_byte_array_append(out, p, sizeof(p));
}

static GByteArray *dump_headers(const Dump *d)
{
    GByteArray *out = g_byte_array_new();
    unsigned n = d->segments->len + 1;
    uint8_t e[sizeof(Elf64_Ehdr)] = { ELFMAG0,    ELFMAG1,     ELFMAG2,   ELFMAG3,
                                      ELFCLASS64, ELFDATA2LSB, EV_CURRENT };
    uint64_t notes = sizeof(e) + n * sizeof(Elf64_Phdr), off;

    put_le16(e + offsetof(Elf64_Ehdr, e_type), ET_CORE);
    put_le16(e + offsetof(Elf64_Ehdr, e_machine), d->arch->machine);
    put_le32(e + offsetof(Elf64_Ehdr, e_version), EV_CURRENT);
    put_le64(e + offsetof(Elf64_Ehdr, e_phoff), sizeof(e));
    put_le16(e + offsetof(Elf64_Ehdr, e_ehsize), sizeof(e));
    put_le16(e + offsetof(Elf64_Ehdr, e_phentsize), sizeof(Elf64_Phdr));
    put_le16(e + offsetof(Elf64_Ehdr, e_phnum), (uint16_t)n);
    g_byte_array_append(out, e, sizeof(e));
    off = notes + machine_n_cpus(d->m) * dump_note_bytes(d->arch);
    dump_phdr(out, PT_NOTE, notes, 0, off - notes);
    for (unsigned i = 0; i < d->segments->len; i++) {
        const DumpSegment *s = &g_array_index(d->segments, DumpSegment, i);

        dump_phdr(out, PT_LOAD, off, s->start, s->len);
        off += s->len;
    }
    dump_notes(d, out);
    return out;
}

/* ---- Writing ---- */

bool dump_write(Dump *d, const uint8_t *p, size_t len, GError **err)
{
    while (len) {
        ssize_t n = write(d->fd, p, len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return error_set(err, "dump: failed to save memory: %s", g_strerror(n ? errno : EIO));
        }
        p += n;
        len -= (size_t)n;
    }
    return true;
}

static bool dump_all(Dump *d, MonHost *h, GError **err)
{
    g_autoptr(GByteArray) head = dump_headers(d);
    g_autofree uint8_t *chunk = g_malloc(DUMP_CHUNK);

    if (!dump_write(d, head->data, head->len, err)) {
        return false;
    }
    for (unsigned i = 0; i < d->segments->len; i++) {
        const DumpSegment *s = &g_array_index(d->segments, DumpSegment, i);

        for (uint64_t done = 0; done < s->len;) {
            uint64_t n = MIN(s->len - done, DUMP_CHUNK);

            (void)aspace_read(machine_memory(d->m), s->start + done, chunk, n,
                              (MemAttrs){ .debug = 1 });
            if (!dump_write(d, chunk, n, err)) {
                return false;
            }
            done += n;
            h->dump_bytes += n;
        }
    }
    return true;
}

/* A descriptor of "file:PATH" or "fd:NAME"; -1 with *err. */
static int dump_open(MonCall *c, const char *protocol, GError **err)
{
    const char *path = g_str_has_prefix(protocol, "file:") ? protocol + 5 : NULL;
    int fd;

    if (g_str_has_prefix(protocol, "fd:")) {
        fd = fdsets_take(machine_fdsets(c->m), protocol + 3);
        if (fd < 0) {
            error_set(err, "File descriptor named '%s' has not been found", protocol + 3);
        }
        return fd;
    }
    if (!path || !*path) {
        error_set(err, "Parameter 'protocol' expects file:PATH or fd:NAME");
        return -1;
    }
    fd =
        fdsets_open_any(machine_fdsets(c->m), path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        error_set(err, "Could not open '%s': %s", path, g_strerror(-fd));
        return -1;
    }
    return fd;
}

static bool dump_arch(MonCall *c, Dump *d, GError **err)
{
    for (size_t i = 0; i < G_N_ELEMENTS(dump_archs); i++) {
        if (!strcmp(dump_archs[i].name, c->host->config.arch)) {
            d->arch = &dump_archs[i];
        }
    }
    return d->arch ||
           error_set(err, "dump-guest-memory is there for x86_64 and aarch64, not for %s",
                     c->host->config.arch);
}

static void dump_tell(MonHost *h, const char *error)
{
    g_autofree char *why = error ? g_strescape(error, NULL) : NULL;
    g_autofree char *data =
        g_strdup_printf("{\"result\": {\"total\": %" PRIu64
                        ", \"status\": \"%s\", \"completed\": %" PRIu64 "}%s%s%s}",
                        h->dump_total, error ? "failed" : "completed", h->dump_bytes,
                        why ? ", \"error\": \"" : "", why ? why : "", why ? "\"" : "");

    mon_emit(h, "DUMP_COMPLETED", data);
}

static bool dump_run(MonCall *c, const char *protocol, bool detach, Dump *d, GError **err)
{
    bool was_running = machine_is_running(c->m), ok;

    if (!dump_arch(c, d, err)) {
        return false;
    }
    d->fd = dump_open(c, protocol, err);
    if (d->fd < 0) {
        return false;
    }
    if (was_running) {
        machine_pause(c->m, RUN_PAUSED);
    }
    d->segments = g_array_new(FALSE, FALSE, sizeof(DumpSegment));
    aspace_each(machine_memory(c->m), dump_range, d);
    c->host->dump_bytes = c->host->dump_total = 0;
    for (unsigned i = 0; i < d->segments->len; i++) {
        c->host->dump_total += g_array_index(d->segments, DumpSegment, i).len;
    }
    ok = (d->segments->len && d->segments->len < DUMP_MAX_SEGMENTS) ||
         error_set(err, "dump: there is no memory in the range, or too many pieces of it");
    ok = ok && (d->kdump ? dump_kdump : dump_all)(d, c->host, err);
    ok = !close(d->fd) && ok;
    if (!ok && !*err) {
        error_set(err, "dump: failed to save memory: %s", g_strerror(errno));
    }
    c->host->dump_status = ok ? MIGRATE_COMPLETED : MIGRATE_FAILED;
    g_array_free(d->segments, TRUE);
    if (detach) {
        dump_tell(c->host, ok ? NULL : (*err)->message);
    }
    return (!was_running || machine_resume(c->m, ok ? err : NULL)) && ok;
}

bool cmd_dump(MonCall *c, GError **err)
{
    Dump d = { .m = c->m, .end = UINT64_MAX };
    bool ranged = c->args[3].present || c->args[4].present;

    if (c->args[0].flag) {
        return error_set(err, "'paging': addresses are physical alone here; say false");
    }
    d.kdump = c->args[5].present && !strcmp(c->args[5].str, "kdump-zlib");
    if (c->args[5].present && !d.kdump && strcmp(c->args[5].str, "elf")) {
        return error_set(err, "unsupported dump format '%s': there are elf and kdump-zlib",
                         c->args[5].str);
    }
    if (d.kdump && ranged) {
        return error_set(err, "the format of kdump holds all memory: without begin and length");
    }
    if (ranged && !(c->args[3].present && c->args[4].present)) {
        return error_set(err, "Parameter '%s' is missing", c->args[3].present ? "length" : "begin");
    }
    if (ranged && (c->args[3].num < 0 || c->args[4].num <= 0)) {
        return error_set(err, "'begin' and 'length' are of physical addresses, not negative");
    }
    if (ranged) {
        d.begin = (uint64_t)c->args[3].num;
        d.end = d.begin + ((uint64_t)c->args[4].num - 1);
    }
    return dump_run(c, c->args[1].str, c->args[2].present && c->args[2].flag, &d, err);
}

/* dump-guest-memory [-p] [-d] [-z|-l|-s] FILE [BEGIN LENGTH] */
bool hmp_dump(MonCall *c, GError **err)
{
    Dump d = { .m = c->m, .end = UINT64_MAX };
    bool paging = mon_call_flag(c, 'p'), detach = mon_call_flag(c, 'd');
    bool other = mon_call_flag(c, 'l') || mon_call_flag(c, 's');
    g_autofree char *file = mon_call_word(c), *begin = mon_call_word(c);
    g_autofree char *length = mon_call_word(c), *protocol = NULL;

    if (paging) {
        return error_set(err, "-p: addresses are physical alone here");
    }
    d.kdump = mon_call_flag(c, 'z');
    if (other) {
        return error_set(err, "lzo (-l) and snappy (-s) are not there: -z is zlib");
    }
    if (d.kdump && begin) {
        return error_set(err, "-z holds all memory: without a range");
    }
    if (!file) {
        return error_set(err, "a file is missing: dump-guest-memory FILE");
    }
    if (!begin != !length) {
        return error_set(err, "a range is BEGIN LENGTH");
    }
    if (begin) {
        uint64_t n = g_ascii_strtoull(length, NULL, 0);

        if (!n) {
            return error_set(err, "'%s': a length in bytes is more than 0", length);
        }
        d.begin = g_ascii_strtoull(begin, NULL, 0);
        d.end = d.begin + (n - 1);
    }
    protocol = g_strconcat("file:", file, NULL);
    return dump_run(c, protocol, detach, &d, err);
}

static const char *dump_status(const MonHost *h)
{
    return h->dump_status == MIGRATE_COMPLETED ? "completed"
           : h->dump_status == MIGRATE_FAILED  ? "failed"
                                               : "none";
}

bool cmd_query_dump(MonCall *c, GError **err)
{
    json_out_begin(c->out, NULL, '{');
    json_out_uint(c->out, "total", c->host->dump_total);
    json_out_str(c->out, "status", dump_status(c->host));
    json_out_uint(c->out, "completed", c->host->dump_bytes);
    json_out_end(c->out, '}');
    return true;
}

bool hmp_info_dump(MonCall *c, GError **err)
{
    g_string_append_printf(c->text, "Status: %s\n", dump_status(c->host));
    return true;
}

bool cmd_query_dump_capability(MonCall *c, GError **err)
{
    json_out_begin(c->out, NULL, '{');
    json_out_begin(c->out, "formats", '[');
    json_out_str(c->out, NULL, "elf");
    json_out_str(c->out, NULL, "kdump-zlib");
    json_out_end(c->out, ']');
    json_out_end(c->out, '}');
    return true;
}
