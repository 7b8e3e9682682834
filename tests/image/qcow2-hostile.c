/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damaged qcow2 images: qcow2-hostile FILE COPY FIRST-SEED COUNT
 *
 * Each round copies FILE, puts other values into fields of its header and entries of its tables,
 * and opens, reads, checks, repairs and writes the copy. Anything but a crash or a hang will do.
 */
#include "block/core/driver.h"
#include "util/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Hostile {
    BlockGraph *g;
    const char *copy;
    uint8_t *good;
    size_t len;
    uint32_t seed, count;
    GRand *rand;
    unsigned opened, refused;
} Hostile;

static uint32_t below(Hostile *h, uint32_t n)
{
    return n ? g_rand_int(h->rand) % n : 0;
}

/* Values at which sums overflow and tables end, and some that fit. */
static uint64_t value(Hostile *h, uint64_t old)
{
    switch (below(h, 10)) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return 1ull << below(h, 64);
    case 3:
        return old + 1;
    case 4:
        return old ^ 1ull << below(h, 64);
    case 5:
        return (1ull << 63) | (uint64_t)below(h, 64) << 16;
    case 6:
        return (uint64_t)below(h, h->len >> 9) << 9;
    case 7:
        return UINT64_MAX << below(h, 64);
    case 8:
        return old + 512;
    default:
        return ((uint64_t)g_rand_int(h->rand) << 32) | g_rand_int(h->rand);
    }
}

static void damage(Hostile *h, uint8_t *buf)
{
    static const uint8_t fields[][2] = {
        { 4, 4 },  { 8, 8 },  { 16, 4 },  { 20, 4 },  { 24, 8 },  { 32, 4 },  { 36, 4 },
        { 40, 8 }, { 48, 8 }, { 56, 4 },  { 60, 4 },  { 64, 8 },  { 72, 8 },  { 80, 8 },
        { 88, 8 }, { 96, 4 }, { 100, 4 }, { 104, 1 }, { 112, 4 }, { 116, 4 },
    };
    unsigned kind = below(h, 8);

    if (kind < 2) {
        const uint8_t *f = fields[below(h, G_N_ELEMENTS(fields))];
        uint64_t v = value(h, f[1] == 8 ? get_be64(buf + f[0]) : get_be32(buf + f[0]));

        for (unsigned i = 0; i < f[1]; i++) {
            buf[f[0] + i] = v >> (8 * (f[1] - 1 - i));
        }
        return;
    }
    /* Anywhere that is not zeros: tables, more than data. */
    for (unsigned tries = 0; tries < 200; tries++) {
        size_t at = (size_t)below(h, h->len / 8) * 8;

        if (kind == 2) {
            at %= 1024;
        }
        if (get_be64(buf + at) || tries > 190) {
            put_be64(buf + at, value(h, get_be64(buf + at)));
            return;
        }
    }
}

static void work(Hostile *h, unsigned flags)
{
    g_autoptr(GError) err = NULL;
    BlockNode *n = block_node_open_name(h->g, h->copy, "qcow2", flags, &err);
    BlockCheck c = { 0 };
    g_autofree uint8_t *buf = NULL;
    uint64_t size;

    if (!n) {
        h->refused++;
        return;
    }
    h->opened++;
    if (flags & BLOCK_OPEN_CHECK) {
        (void)!block_node_check(n, &c, flags & BLOCK_OPEN_WRITE ? 3 : 0, &err);
        block_node_unref(n);
        return;
    }
    buf = g_malloc0(1 << 20);
    size = block_node_size(n);
    for (uint64_t at = 0; at < MIN(size, 8 << 20); at += 1 << 20) {
        (void)block_node_read(n, at, buf, MIN(1 << 20, size - at));
    }
    if (flags & BLOCK_OPEN_WRITE && size > 65536) {
        uint64_t off = below(h, MIN(size, 8 << 20) - 65536);

        (void)block_node_write(n, off, buf, 65536, 0);
        (void)block_node_write_zeroes(n, 0, MIN(size, 1 << 20), BLOCK_REQ_UNMAP);
        (void)block_node_discard(n, MIN(size, 1 << 20), MIN(size, 2 << 20) - MIN(size, 1 << 20));
        (void)block_node_write(n, 0, buf, MIN(size, 262144) & ~65535ull, BLOCK_REQ_COMPRESSED);
        (void)block_node_flush(n);
        (void)!block_snapshot_apply(n, "1", &err);
        g_clear_error(&err);
        (void)!block_snapshot_delete(n, "1", &err);
        g_clear_error(&err);
        (void)!block_node_resize(n, 9 << 20, true, BLOCK_PREALLOC_OFF, &err);
    }
    GVariant *told = g_variant_ref_sink(block_node_specific(n));
    g_variant_unref(told);
    block_node_unref(n);
}

static void run(void *arg)
{
    Hostile *h = arg;
    static const unsigned ways[] = {
        0,
        BLOCK_OPEN_WRITE | BLOCK_OPEN_DISCARD,
        BLOCK_OPEN_CHECK,
        BLOCK_OPEN_CHECK | BLOCK_OPEN_WRITE,
        BLOCK_OPEN_WRITE | BLOCK_OPEN_DISCARD,
    };

    for (uint32_t i = 0; i < h->count; i++, h->seed++) {
        g_autofree uint8_t *buf = g_memdup2(h->good, h->len);
        size_t len = h->len;

        h->rand = g_rand_new_with_seed(h->seed);
        for (unsigned k = 1 + below(h, 3); k; k--) {
            damage(h, buf);
        }
        if (below(h, 16) == 0) {
            len = below(h, len);
        }
        for (unsigned w = 0; w < G_N_ELEMENTS(ways); w++) {
            /* The fourth repairs, the fifth goes on with what it left. */
            if (w != 4 && !g_file_set_contents(h->copy, (char *)buf, len, NULL)) {
                abort();
            }
            work(h, ways[w] | BLOCK_OPEN_NO_BACKING);
        }
        g_rand_free(h->rand);
    }
}

static void drop_log(const char *domain, GLogLevelFlags level, const char *text, void *arg)
{
}

int main(int argc, char **argv)
{
    g_autoptr(GError) err = NULL;
    Hostile h = { 0 };
    IoLoop *l = ioloop_new("hostile", IO_ENGINE_THREADS, &err);

    if (argc != 5 || !l || !g_file_get_contents(argv[1], (char **)&h.good, &h.len, &err)) {
        fprintf(stderr, "usage: qcow2-hostile FILE COPY FIRST-SEED COUNT\n");
        return 2;
    }
    g_log_set_default_handler(drop_log, NULL);
    h.copy = argv[2];
    h.seed = strtoul(argv[3], NULL, 0);
    h.count = strtoul(argv[4], NULL, 0);
    h.g = block_graph_new(l);
    ioloop_run(l, run, &h);
    printf("%u opened, %u refused\n", h.opened, h.refused);
    block_graph_free(h.g);
    ioloop_free(l);
    g_free(h.good);
    return 0;
}
