/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What translating costs: `translate-bench FILE OFFSET BYTES [ROUNDS]` takes that part of a file (a
 * kernel image, a program) for A64 code and translates it block by block, as often as asked, with
 * nothing run. Prints cycles of the host's clock for a guest instruction by phase, of each page the
 * least of the rounds (the host may do something else meanwhile) and without what the readings of
 * the clock take, and a checksum of the code made:
 * addresses of C functions apart, it is the same whenever the code is.
 */
#include "accel/tcg/host.h"
#include "tests/arm-cpu.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { CACHE_BYTES = 256 << 20, PAGE = 4096 };

typedef struct Sum {
    uint64_t lift, emit, guest, blocks, bytes;
} Sum;

/* Addresses of ours differ from run to run: mov r, imm64 counts without such a constant. */
static uint64_t hash_code(uint64_t h, uint8_t *p, size_t n)
{
    for (size_t i = 0; i + 10 <= n; i++) {
        uint64_t v;

        memcpy(&v, p + i + 2, sizeof(v));
        if ((p[i] & 0xfe) == 0x48 && (p[i + 1] & 0xf8) == 0xb8 && v >> 44 && !(v >> 47)) {
            memset(p + i + 2, 0, sizeof(v));
        }
    }
    for (size_t i = 0; i < n; i++) {
        h = (h ^ p[i]) * 0x100000001b3;
    }
    return h;
}

/* What it takes to read the clock, which is done twice a block. */
static uint64_t clock_cost(const TcgHost *host)
{
    enum { READINGS = 64 };
    uint64_t least = UINT64_MAX;

    for (unsigned round = 0; round < 100; round++) {
        uint64_t start = host->cycles(), end = start;

        for (unsigned n = 0; n < READINGS; n++) {
            end = host->cycles();
        }
        least = MIN(least, (end - start) / READINGS);
    }
    return least;
}

/* @sum: of each page; @hash: NULL: not wanted. */
static void one_round(ArmCpu *c, TcgCache *cache, IrBlock *ir, const uint8_t *code, size_t bytes,
                      uint64_t *hash, Sum *sum)
{
    const TcgHost *host = cache->host;
    uint64_t mode = c->cpu.target->mode_word(&c->cpu), start = host->cycles();
    TcgChunk chunk = { .cache = cache };
    TcgBlock b;

    memset(sum, 0, (bytes + PAGE - 1) / PAGE * sizeof(*sum));
    chunk.code_start = chunk.code = cache->rw + PAGE;
    chunk.code_end = cache->rw + cache->size;
    for (size_t at = 0; at + 4 <= bytes;) {
        const uint8_t *page = code + at / PAGE * PAGE;
        Sum *s = &sum[at / PAGE];
        uint64_t mid, end;

        if (!*(const uint32_t *)(const void *)(code + at)) {
            at += 4; /* padding */
            continue;
        }
        ir_begin(ir, at % PAGE);
        ir->exact_flags = false;
        c->cpu.target->translate(&c->cpu, ir, at, page, mode, 0, IR_MAX_GUEST_INSNS);
        mid = host->cycles();
        b = (TcgBlock){ .target = c->cpu.target, .n_guest = (uint16_t)ir->n_guest };
        if (!host->emit(cache, &chunk, ir, &b)) {
            fprintf(stderr, "the code does not fit\n");
            exit(1);
        }
        end = host->cycles();
        s->emit += end - mid;
        s->lift += mid - start;
        start = end;
        s->guest += ir->n_guest;
        s->blocks++;
        s->bytes += b.host_size;
        if (hash) {
            *hash = hash_code(*hash, chunk.code - b.host_size, b.host_size);
        }
        at = at / PAGE * PAGE + ir->guest[ir->n_guest - 1].delta + 4;
    }
}

static void run(ArmCpu *c, TcgCache *cache, const uint8_t *code, size_t bytes, unsigned rounds)
{
    IrBlock *ir = ir_block_new();
    size_t n_pages = (bytes + PAGE - 1) / PAGE;
    g_autofree Sum *sum = g_new0(Sum, n_pages), *least = g_new0(Sum, n_pages);
    uint64_t hash = 0xcbf29ce484222325, clock = clock_cost(cache->host);
    Sum best = { 0 };

    one_round(c, cache, ir, code, bytes, &hash, least);
    printf("code %016llx\n", (unsigned long long)hash);
    for (unsigned n = 0; n < rounds; n++) {
        one_round(c, cache, ir, code, bytes, NULL, sum);
        for (size_t p = 0; p < n_pages; p++) {
            if (sum[p].lift + sum[p].emit < least[p].lift + least[p].emit) {
                least[p] = sum[p];
            }
        }
    }
    for (size_t p = 0; p < n_pages; p++) {
        best.lift += least[p].lift - MIN(least[p].lift, clock * least[p].blocks);
        best.emit += least[p].emit - MIN(least[p].emit, clock * least[p].blocks);
        best.guest += least[p].guest;
        best.blocks += least[p].blocks;
        best.bytes += least[p].bytes;
    }
    printf("blocks %llu, guest instructions %llu, host bytes a guest %.2f\n",
           (unsigned long long)best.blocks, (unsigned long long)best.guest,
           (double)best.bytes / (double)best.guest);
    printf("cycles a guest instruction: decode and build %.1f, emit %.1f, both %.1f\n",
           (double)best.lift / (double)best.guest, (double)best.emit / (double)best.guest,
           (double)(best.lift + best.emit) / (double)best.guest);
    ir_block_free(ir);
}

void test_fail(const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
}

int main(int argc, char **argv)
{
    TcgCache cache = { .size = CACHE_BYTES, .host = &tcg_host_x86_64 };
    g_autofree char *file = NULL;
    size_t length, offset, bytes;
    g_autoptr(GError) err = NULL;
    ArmCpu *c;

    if (argc < 4 || !g_file_get_contents(argv[1], &file, &length, &err)) {
        fprintf(stderr, "translate-bench FILE OFFSET BYTES [ROUNDS] %s\n", err ? err->message : "");
        return 1;
    }
    offset = strtoull(argv[2], NULL, 0);
    bytes = strtoull(argv[3], NULL, 0);
    if (offset % PAGE || offset > length || bytes > length - offset) {
        fprintf(stderr, "no such part\n");
        return 1;
    }
    c = test_cpu_new("max");
    if (!c) {
        return 1;
    }
    cache.rw = cache.rx =
        mmap(NULL, CACHE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (cache.rw == MAP_FAILED || !cache.host->init(&cache, c->cpu.target, &err)) {
        fprintf(stderr, "%s\n", err ? err->message : "no memory");
        return 1;
    }
    c->sys.sctlr[1] |= 1u << 0 | 1u << 3 | 1u << 31; /* MMU, SP alignment, keys */
    c->sys.cpacr[0] = 3u << 20;
    run(c, &cache, (const uint8_t *)file + offset, bytes, argc > 4 ? (unsigned)atoi(argv[4]) : 5);
    return 0;
}
