/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names for generated code, for perf: the map that `perf report` reads (-perfmap) and a jitdump
 * with the code itself (-jitdump), for `perf record -k 1`, `perf inject -j` and `perf annotate`.
 * Spec: Linux, tools/perf/Documentation/jit-interface.txt and jitdump-specification.txt.
 */
#include "accel/tcg/tcg-priv.h"

#include "core/cpu.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { JIT_MAGIC = 0x4a695444, JIT_VERSION = 1, JIT_CODE_LOAD = 0, JIT_CODE_DEBUG_INFO = 2 };

struct TcgPerf {
    GMutex lock;
    FILE *map, *dump;
    void *marker; /* a mapping of the dump, by which perf finds it */
    size_t marker_bytes;
    uint64_t n_blocks;
};

typedef struct JitHeader {
    uint32_t magic, version, total_size, elf_mach, pad, pid;
    uint64_t timestamp, flags;
} JitHeader;

typedef struct JitPrefix {
    uint32_t id, total_size;
    uint64_t timestamp;
} JitPrefix;

typedef struct JitLoad {
    JitPrefix prefix;
    uint32_t pid, tid;
    uint64_t vma, code_addr, code_size, code_index;
} JitLoad;

typedef struct JitDebug {
    JitPrefix prefix;
    uint64_t code_addr, n_entries;
} JitDebug;

typedef struct JitLine {
    uint64_t code_addr;
    int32_t line, discriminator;
} JitLine;

static uint64_t perf_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static FILE *perf_create(const char *path, GError **err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

    if (!f) {
        error_set(err, "cannot write %s: %s", path, g_strerror(errno));
    }
    return f;
}

static bool perf_dump_begin(Tcg *t, TcgPerf *p, GError **err)
{
    JitHeader h = { .magic = JIT_MAGIC,
                    .version = JIT_VERSION,
                    .total_size = sizeof(h),
                    .elf_mach = t->host->elf_machine,
                    .pid = (uint32_t)getpid(),
                    .timestamp = perf_now() };
    g_autofree char *path = g_strdup_printf("jit-%d.dump", (int)getpid());

    p->dump = perf_create(path, err);
    if (!p->dump) {
        return false;
    }
    fwrite(&h, sizeof(h), 1, p->dump);
    fflush(p->dump);
    p->marker_bytes = (size_t)sysconf(_SC_PAGESIZE);
    p->marker = mmap(NULL, p->marker_bytes, PROT_READ | PROT_EXEC, MAP_PRIVATE, fileno(p->dump), 0);
    if (p->marker == MAP_FAILED) {
        p->marker = NULL;
        return error_set(err, "cannot map %s: %s", path, g_strerror(errno));
    }
    return true;
}

bool tcg_perf_open(Tcg *t, bool map, bool dump, GError **err)
{
    TcgPerf *p;

    if (!map && !dump) {
        return true;
    }
    if (!t->host->needs_code) {
        return error_set(err, "-perfmap and -jitdump are for back ends that make machine code");
    }
    p = t->perf = g_new0(TcgPerf, 1);
    g_mutex_init(&p->lock);
    if (map) {
        g_autofree char *path = g_strdup_printf("/tmp/perf-%d.map", (int)getpid());

        p->map = perf_create(path, err);
        if (!p->map) {
            return false;
        }
        setvbuf(p->map, NULL, _IOLBF, 0);
    }
    return !dump || perf_dump_begin(t, p, err);
}

void tcg_perf_close(Tcg *t)
{
    TcgPerf *p = t->perf;

    if (!p) {
        return;
    }
    if (p->map) {
        fclose(p->map);
    }
    if (p->dump) {
        fclose(p->dump);
    }
    if (p->marker) {
        munmap(p->marker, p->marker_bytes);
    }
    g_mutex_clear(&p->lock);
    g_free(p);
    t->perf = NULL;
}

/* Lines of the block: the file is the guest's page, the line an instruction's place in it. */
static void perf_dump_lines(TcgPerf *p, const TcgBlock *b, uint64_t page)
{
    g_autofree char *file = g_strdup_printf("guest-%" PRIx64, page);
    size_t bytes = strlen(file) + 1;
    JitDebug d = { .prefix = { JIT_CODE_DEBUG_INFO,
                               (uint32_t)(sizeof(d) + b->n_marks * (sizeof(JitLine) + bytes)),
                               perf_now() },
                   .code_addr = (uintptr_t)b->host_entry,
                   .n_entries = b->n_marks };

    fwrite(&d, sizeof(d), 1, p->dump);
    for (uint32_t i = 0; i < b->n_marks; i++) {
        const TcgHostMark *m = &b->marks[i];
        JitLine line = { (uintptr_t)b->host_entry + m->offset, b->guest[m->guest].delta, 0 };

        fwrite(&line, sizeof(line), 1, p->dump);
        fwrite(file, bytes, 1, p->dump);
    }
}

static void perf_dump_code(TcgPerf *p, const char *name, const void *code, size_t bytes)
{
    JitLoad l = { .prefix = { JIT_CODE_LOAD, (uint32_t)(sizeof(l) + strlen(name) + 1 + bytes),
                              perf_now() },
                  .pid = (uint32_t)getpid(),
                  .tid = (uint32_t)gettid(),
                  .vma = (uintptr_t)code,
                  .code_addr = (uintptr_t)code,
                  .code_size = bytes,
                  .code_index = p->n_blocks };

    fwrite(&l, sizeof(l), 1, p->dump);
    fwrite(name, strlen(name) + 1, 1, p->dump);
    fwrite(code, bytes, 1, p->dump);
}

static void perf_code(TcgPerf *p, const char *name, const void *code, size_t bytes)
{
    if (p->map) {
        fprintf(p->map, "%" PRIxPTR " %zx %s\n", (uintptr_t)code, bytes, name);
    }
    if (p->dump) {
        perf_dump_code(p, name, code, bytes);
    }
    p->n_blocks++;
}

void tcg_perf_block(Tcg *t, const TcgBlock *b, GuestVirt pc)
{
    TcgPerf *p = t->perf;
    g_autofree char *name = g_strdup_printf("guest-%" PRIx64 "+%u", pc, b->n_guest);

    g_mutex_lock(&p->lock);
    if (!p->n_blocks) {
        perf_code(p, "tinamou-thunks", t->cache.rx, t->cache.n_prologue);
    }
    if (p->dump && b->n_marks) {
        perf_dump_lines(p, b, pc & ~(uint64_t)(GUEST_PAGE_SIZE - 1));
    }
    perf_code(p, name, b->host_entry, b->host_size);
    if (p->dump) {
        fflush(p->dump);
    }
    g_mutex_unlock(&p->lock);
}
