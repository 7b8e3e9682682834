/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random work on an image, and the same on a raw file that says what it should hold.
 *
 *     qcow2-stress IMAGE MODEL SEED OPERATIONS [WORD...]
 *     qcow2-stress create IMAGE SIZE OPTIONS
 *     qcow2-stress check IMAGE none|leaks|all
 *
 * Words: packed, snapshots (which go at the end unless: keep), resize, flush (often). Options of
 * opening are words with "=". Fails when a read differs. The model has the image's size after.
 */
#include "block/core/driver.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORKERS = 6, CHUNK = 24 << 10, BIG = 3 << 20 };

typedef struct Stress {
    const char *image, *model_path;
    int ops;
    bool packed, snapshots, resize, flush, keep, failed;
    char *options;
    BlockGraph *g;
    BlockNode *n;
    uint8_t *model;
    uint64_t size;
    GRand *rand;
    unsigned running;
    FiberQueue ended;
    struct {
        char *id;
        uint8_t *bytes;
        uint64_t size;
    } snap[4];
} Stress;

static void fail(Stress *s, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

static void fail(Stress *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    s->failed = true;
}

static uint64_t below(Stress *s, uint64_t n)
{
    return n ? (((uint64_t)g_rand_int(s->rand) << 32) | g_rand_int(s->rand)) % n : 0;
}

/* What can be compressed, and tells where it was written. */
static void fill(Stress *s, uint8_t *buf, uint64_t len)
{
    uint32_t v = g_rand_int(s->rand);
    bool noise = g_rand_int(s->rand) % 8 == 0;

    for (uint64_t i = 0; i < len; i++) {
        buf[i] = noise ? (v = v * 1664525 + 1013904223) >> 24 : (v >> (i / 64 % 4 * 8)) + i / 512;
    }
}

static void check_read(Stress *s, uint64_t off, uint64_t len)
{
    g_autofree uint8_t *buf = g_malloc(len + 1);
    int ret = block_node_read(s->n, off, buf, len);

    if (ret) {
        fail(s, "read %#" PRIx64 "+%#" PRIx64 ": %s", off, len, strerror(-ret));
        return;
    }
    for (uint64_t i = 0; i < len; i++) {
        if (buf[i] != s->model[off + i]) {
            fail(s, "byte %#" PRIx64 " is %02x, not %02x", off + i, buf[i], s->model[off + i]);
            return;
        }
    }
}

/* After a discard bytes are the old ones, or zeros. */
static void take_discarded(Stress *s, uint64_t off, uint64_t len)
{
    g_autofree uint8_t *buf = g_malloc(len + 1);

    if (block_node_read(s->n, off, buf, len)) {
        fail(s, "read after discard at %#" PRIx64, off);
        return;
    }
    for (uint64_t i = 0; i < len; i++) {
        if (buf[i] && buf[i] != s->model[off + i]) {
            fail(s, "byte %#" PRIx64 " is %02x after a discard, was %02x", off + i, buf[i],
                 s->model[off + i]);
            return;
        }
        s->model[off + i] = buf[i];
    }
}

/* One operation on a range that is ours alone. */
static void operate(Stress *s, uint64_t off, uint64_t len)
{
    unsigned what = g_rand_int(s->rand) % 16;
    int ret;

    if (!len) {
        return;
    }
    if (what < 8) {
        g_autofree uint8_t *buf = g_malloc(len);

        fill(s, buf, len);
        ret = block_node_write(s->n, off, buf, len, what == 0 ? BLOCK_REQ_FUA : 0);
        memcpy(s->model + off, buf, len);
    } else if (what < 10) {
        ret = block_node_write_zeroes(s->n, off, len, what == 9 ? BLOCK_REQ_UNMAP : 0);
        memset(s->model + off, 0, len);
    } else if (what == 10) {
        ret = block_node_discard(s->n, off, len);
        take_discarded(s, off, len);
    } else {
        check_read(s, off, len);
        ret = what == 11 && s->flush ? block_node_flush(s->n) : 0;
    }
    if (ret) {
        fail(s, "operation %u at %#" PRIx64 "+%#" PRIx64 ": %s", what, off, len, strerror(-ret));
    }
}

typedef struct Worker {
    Stress *s;
    unsigned index;
} Worker;

/* Chunks go round by worker: several share each cluster. */
static void work(void *arg)
{
    Worker *w = arg;
    Stress *s = w->s;

    for (int i = 0; i < 20 && !s->failed; i++) {
        uint64_t chunks = s->size / CHUNK / WORKERS;
        uint64_t off = (below(s, MIN(chunks, 40)) * WORKERS + w->index) * CHUNK;
        uint64_t skip = below(s, CHUNK), len = 1 + below(s, CHUNK - skip);

        if (below(s, 2)) {
            skip &= ~511ull;
            len = MAX(512, len & ~511ull);
        }
        if (off + skip + len <= s->size) {
            operate(s, off + skip, len);
        }
    }
    s->running--;
    fiber_queue_wake_all(&s->ended);
}

static void together(Stress *s)
{
    Worker w[WORKERS];

    for (unsigned i = 0; i < WORKERS; i++) {
        w[i] = (Worker){ s, i };
        s->running++;
        fiber_start(work, &w[i]);
    }
    while (s->running) {
        fiber_queue_wait(&s->ended);
    }
}

static void packed(Stress *s)
{
    uint64_t unit = block_node_cluster_size(s->n), off = below(s, s->size) & ~(unit - 1);
    uint64_t want = unit * (1 + below(s, 4)), len = MIN(want, s->size - off);
    g_autofree uint8_t *buf = g_malloc(len);
    int ret;

    fill(s, buf, len);
    ret = block_node_write(s->n, off, buf, len, BLOCK_REQ_COMPRESSED);
    memcpy(s->model + off, buf, len);
    if (ret) {
        fail(s, "compressed write at %#" PRIx64 ": %s", off, strerror(-ret));
    }
}

static void snapshot(Stress *s, GError **err)
{
    unsigned i = below(s, G_N_ELEMENTS(s->snap));

    if (!s->snap[i].id) {
        BlockSnapshot sn = { .name = (char *)"s", .icount = UINT64_MAX };

        if (block_snapshot_create(s->n, &sn, err)) {
            s->snap[i].id = sn.id;
            s->snap[i].bytes = g_memdup2(s->model, s->size);
            s->snap[i].size = s->size;
        }
    } else if (below(s, 2)) {
        if (block_snapshot_apply(s->n, s->snap[i].id, err)) {
            s->size = s->snap[i].size;
            s->model = g_realloc(s->model, s->size);
            memcpy(s->model, s->snap[i].bytes, s->size);
        }
    } else if (block_snapshot_delete(s->n, s->snap[i].id, err)) {
        g_clear_pointer(&s->snap[i].id, g_free);
        g_clear_pointer(&s->snap[i].bytes, g_free);
    }
}

static void resize(Stress *s, GError **err)
{
    uint64_t size = MAX(1 << 20, (s->size / 2 + below(s, s->size)) & ~511ull);

    size = MIN(size, 48 << 20);
    if (block_node_resize(s->n, size, true, BLOCK_PREALLOC_OFF, err)) {
        s->model = g_realloc(s->model, size);
        memset(s->model + MIN(size, s->size), 0, size - MIN(size, s->size));
        s->size = size;
    }
}

static void stress_all(Stress *s, GError **err)
{
    for (int i = 0; i < s->ops && !s->failed && !*err; i++) {
        unsigned what = below(s, 10);

        if (what < 3) {
            together(s);
        } else if (what < 5) {
            uint64_t off = below(s, s->size);

            operate(s, off, 1 + below(s, MIN(s->size - off, BIG)));
        } else if (what == 5 && s->packed) {
            packed(s);
        } else if (what == 6 && s->snapshots) {
            snapshot(s, err);
        } else if (what == 7 && s->resize) {
            resize(s, err);
        } else if (what == 8) {
            int ret = block_node_flush(s->n);

            if (ret) {
                fail(s, "flush: %s", strerror(-ret));
            }
        } else if (what == 9 && below(s, 8) == 0) {
            check_read(s, 0, s->size);
        }
    }
    if (!s->failed && !*err) {
        check_read(s, 0, s->size);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(s->snap) && !*err && !s->keep; i++) {
        if (s->snap[i].id && !block_snapshot_delete(s->n, s->snap[i].id, err)) {
            return;
        }
    }
}

static void run(void *arg)
{
    Stress *s = arg;
    GError *err = NULL;
    Options o;
    size_t len;

    if (!options_parse(&o, s->options, NULL, &err) ||
        !(s->n = block_node_open(s->g, &o, BLOCK_OPEN_WRITE | BLOCK_OPEN_DISCARD, &err))) {
        fail(s, "%s", err->message);
        return;
    }
    s->size = block_node_size(s->n);
    if (!g_file_get_contents(s->model_path, (char **)&s->model, &len, NULL) || len != s->size) {
        fail(s, "%s: it must have the image's size of %" PRIu64, s->model_path, s->size);
        return;
    }
    stress_all(s, &err);
    if (err) {
        fail(s, "%s", err->message);
    }
    block_node_unref(s->n);
    if (!g_file_set_contents(s->model_path, (char *)s->model, s->size, NULL)) {
        fail(s, "cannot write %s", s->model_path);
    }
}

typedef struct Tool {
    BlockGraph *g;
    char **argv;
    bool ok;
} Tool;

static void tool_create(void *arg)
{
    Tool *t = arg;
    GError *err = NULL;
    Options o;

    t->ok = options_parse(&o, t->argv[4], NULL, &err) &&
            block_image_create(t->g, block_driver_find("qcow2"), t->argv[2],
                               strtoull(t->argv[3], NULL, 0), &o, 0, &err);
    if (!t->ok) {
        fprintf(stderr, "%s\n", err->message);
    }
}

static void tool_say(void *opaque, const char *line)
{
    fprintf(stderr, "%s\n", line);
}

static void tool_check(void *arg)
{
    Tool *t = arg;
    GError *err = NULL;
    BlockCheck c = { .say = tool_say };
    unsigned fix = !strcmp(t->argv[3], "all")     ? BLOCK_FIX_LEAKS | BLOCK_FIX_ERRORS
                   : !strcmp(t->argv[3], "leaks") ? BLOCK_FIX_LEAKS
                                                  : 0;
    BlockNode *n = block_node_open_name(
        t->g, t->argv[2], "qcow2",
        BLOCK_OPEN_CHECK | BLOCK_OPEN_NO_BACKING | (fix ? BLOCK_OPEN_WRITE : 0), &err);

    if (!n || !block_node_check(n, &c, fix, &err)) {
        fprintf(stderr, "%s\n", err->message);
        return;
    }
    printf("corruptions %" PRIu64 " leaks %" PRIu64 " errors %" PRIu64 " fixed %" PRIu64 " %" PRIu64
           "\nend %" PRIu64 " clusters %" PRIu64 " allocated %" PRIu64 " fragmented %" PRIu64
           " compressed %" PRIu64 "\n",
           c.corruptions, c.leaks, c.errors, c.corruptions_fixed, c.leaks_fixed, c.image_end,
           c.clusters, c.allocated, c.fragmented, c.compressed);
    block_node_unref(n);
    t->ok = !c.corruptions && !c.errors;
}

static int tool(BlockGraph *g, IoLoop *l, int argc, char **argv)
{
    Tool t = { g, argv, false };

    ioloop_run(l, argc == 5 ? tool_create : tool_check, &t);
    return !t.ok;
}

int main(int argc, char **argv)
{
    GError *err = NULL;
    Stress s = { 0 };
    GString *options = g_string_new(NULL);

    bool is_tool = argc >= 4 && (!strcmp(argv[1], "create") || !strcmp(argv[1], "check"));

    if (argc < 5 && !is_tool) {
        fprintf(stderr, "usage: qcow2-stress IMAGE MODEL SEED OPERATIONS [WORD...]\n");
        return 2;
    }
    IoLoop *l = ioloop_new("stress", IO_ENGINE_AUTO, &err);
    if (!l) {
        fprintf(stderr, "%s\n", err->message);
        return 1;
    }
    s.g = block_graph_new(l);
    if (is_tool) {
        int ret = tool(s.g, l, argc, argv);

        block_graph_free(s.g);
        ioloop_free(l);
        return ret;
    }
    s.image = argv[1];
    s.model_path = argv[2];
    s.rand = g_rand_new_with_seed(strtoul(argv[3], NULL, 0));
    s.ops = atoi(argv[4]);
    g_string_printf(options, "filename=%s", s.image);
    for (int i = 5; i < argc; i++) {
        s.packed |= !strcmp(argv[i], "packed");
        s.snapshots |= !strcmp(argv[i], "snapshots");
        s.resize |= !strcmp(argv[i], "resize");
        s.flush |= !strcmp(argv[i], "flush");
        s.keep |= !strcmp(argv[i], "keep");
        if (strchr(argv[i], '=')) {
            g_string_append_printf(options, ",%s", argv[i]);
        }
    }
    s.options = options->str;
    ioloop_run(l, run, &s);
    block_graph_free(s.g);
    ioloop_free(l);
    return s.failed;
}
