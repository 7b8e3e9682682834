/* SPDX-License-Identifier: Apache-2.0 */
/* `tinamou img bench`: how long many requests take. */
#include "cli/img/img-priv.h"
#include "util/size.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { BENCH_FLUSH = IMG_OPT_OWN, BENCH_NO_DRAIN, BENCH_PATTERN };
enum { BENCH_DEPTH_MAX = 65536, BENCH_STACKS = 1 << 16 };

typedef struct Bench {
    BlockNode *node;
    bool write, no_drain, draining;
    uint64_t count, depth, size, step, flush_every, at;
    uint64_t sent, in_flight;
    uint8_t *buf; /* reads: a piece for each of depth; writes all have the same bytes */
    unsigned next_piece;
    FiberQueue idle;
    int error;
} Bench;

static void bench_done(Bench *b, int ret)
{
    b->in_flight--;
    if (ret < 0 && !b->error) {
        b->error = ret;
    }
    if (!b->in_flight && b->draining) {
        fiber_queue_wake_all(&b->idle);
    }
}

static void bench_flush_fiber(void *opaque)
{
    Bench *b = opaque;

    bench_done(b, block_node_flush(b->node));
}

/* Every so many requests: a flush, before which nothing else is under way (or with --no-drain). */
static void bench_flush(Bench *b)
{
    if (b->no_drain) {
        b->in_flight++;
        fiber_start(bench_flush_fiber, b);
        return;
    }
    b->in_flight--; /* the asking one */
    b->draining = true;
    while (b->in_flight) {
        fiber_queue_wait(&b->idle);
    }
    b->in_flight++;
    if (!b->error) {
        b->error = block_node_flush(b->node);
    }
    b->draining = false;
    fiber_queue_wake_all(&b->idle);
}

static bool bench_take(Bench *b, uint64_t *off)
{
    while (b->draining) {
        fiber_queue_wait(&b->idle);
    }
    if (b->sent >= b->count || b->error) {
        return false;
    }
    b->sent++;
    *off = b->at;
    b->at += b->step;
    if (b->at >= block_node_size(b->node)) {
        b->at %= MAX(block_node_size(b->node), 1);
    }
    b->in_flight++;
    return true;
}

static void bench_fiber(void *opaque)
{
    Bench *b = opaque;
    uint8_t *piece = b->write ? b->buf : b->buf + b->next_piece++ * b->size;
    uint64_t off;

    while (bench_take(b, &off)) {
        int ret = b->write ? block_node_write(b->node, off, piece, b->size, 0)
                           : block_node_read(b->node, off, piece, b->size);

        if (b->write && b->flush_every && b->sent % b->flush_every == 0 && !ret && !b->draining) {
            bench_flush(b);
        }
        bench_done(b, ret);
    }
}

/* ---- Arguments ---- */

static bool bench_number(ImgTool *t, const ImgArgs *a, int key, const char *what, uint64_t max,
                         uint64_t *value)
{
    const char *text = img_arg(a, key);
    g_autoptr(GError) err = NULL;

    if (text && !size_parse(text, 1, value, &err)) {
        img_fail(t, "Invalid %s specified", what);
        return false;
    }
    if (*value > max) {
        img_fail(t, "Invalid %s specified: the limit is %" PRIu64, what, max);
        return false;
    }
    return true;
}

static bool bench_args(ImgTool *t, const ImgArgs *a, Bench *b, int *pattern)
{
    uint64_t byte = 0;

    b->count = 75000;
    b->depth = 64;
    b->size = 4096;
    b->write = img_has(a, 'w');
    b->no_drain = img_has(a, BENCH_NO_DRAIN);
    if (!bench_number(t, a, 'c', "request count", INT32_MAX, &b->count) ||
        !bench_number(t, a, 'd', "queue depth", BENCH_DEPTH_MAX, &b->depth) ||
        !bench_number(t, a, 'o', "offset", INT64_MAX, &b->at) ||
        !bench_number(t, a, 's', "buffer size", INT32_MAX, &b->size) ||
        !bench_number(t, a, BENCH_PATTERN, "pattern byte", 0xff, &byte) ||
        !bench_number(t, a, BENCH_FLUSH, "flush interval", INT32_MAX, &b->flush_every)) {
        return false;
    }
    b->step = b->size;
    if (!bench_number(t, a, 'S', "step size", INT32_MAX, &b->step)) {
        return false;
    }
    b->step = b->step ? b->step : b->size;
    *pattern = (int)byte;
    if (!b->depth) {
        img_fail(t, "Invalid queue depth specified: at least 1");
    } else if (!b->write && b->flush_every) {
        img_fail(t, "--flush-interval is only available in write tests");
    } else if (b->flush_every && b->flush_every < b->depth) {
        img_fail(t, "Flush interval can't be smaller than depth");
    } else if (a->n_words != 1) {
        img_usage(t, "Expecting one image file name");
    } else {
        return true;
    }
    return false;
}

static int bench_node(ImgTool *t, Bench *b, int pattern)
{
    uint64_t pieces = b->write ? 1 : b->depth;
    int64_t begin;

    if (posix_memalign((void **)&b->buf, 4096, MAX(pieces * b->size, 4096))) {
        return img_fail(t, "no memory for %" PRIu64 " buffers of %" PRIu64 " bytes", pieces,
                        b->size);
    }
    memset(b->buf, pattern, pieces * b->size);
    printf("Sending %" PRIu64 " %s requests, %" PRIu64 " bytes each, %" PRIu64
           " in parallel (starting at offset %" PRIu64 ", step size %" PRIu64 ")\n",
           b->count, b->write ? "write" : "read", b->size, b->depth, b->at, b->step);
    if (b->flush_every) {
        printf("Sending flush every %" PRIu64 " %srequests\n", b->flush_every,
               b->no_drain ? "" : "");
    }
    fflush(stdout);
    begin = g_get_monotonic_time();
    img_fibers((unsigned)MIN(b->depth, MAX(b->count, 1)), bench_fiber, b);
    b->draining = true;
    while (b->in_flight) {
        fiber_queue_wait(&b->idle);
    }
    free(b->buf);
    if (b->error) {
        return img_fail(t, "Failed request: %s", g_strerror(-b->error));
    }
    printf("Run completed in %3.3f seconds.\n",
           (double)(g_get_monotonic_time() - begin) / G_USEC_PER_SEC);
    return 0;
}

static int bench_run(ImgTool *t, const ImgArgs *a)
{
    ImgOpen open = img_open_args(a, 0);
    const char *aio = img_arg(a, 'i'), *cache = img_arg(a, 't');
    Bench b = { 0 };
    int pattern, ret = 1;

    open.flags |= img_has(a, 'n') ? BLOCK_OPEN_DIRECT : 0;
    if (cache && !block_cache_flags(cache, &open.flags)) {
        return img_fail(t, "Invalid cache mode");
    }
    if (aio && !block_aio_flags(aio, &open.flags)) {
        return img_fail(t, "Invalid aio option: %s", aio);
    }
    if (!bench_args(t, a, &b, &pattern)) {
        return 1;
    }
    open.flags |= b.write ? BLOCK_OPEN_WRITE : 0;
    b.node = img_open(t, a->words[0], &open);
    if (!b.node) {
        return 1;
    }
    ret = bench_node(t, &b, pattern);
    block_node_unref(b.node);
    return ret;
}

static const ImgOption bench_options[] = {
    { 'c', NULL, "count", "how many requests (75000)" },
    { 'd', NULL, "depth", "how many at once (64)" },
    IMG_FORMAT,
    { BENCH_FLUSH, "flush-interval", "flush_interval", "a flush after so many writes" },
    { 'i', NULL, "aio", "threads, native (with -n) or io_uring" },
    { 'n', NULL, NULL, "bypass the host's cache" },
    { BENCH_NO_DRAIN, "no-drain", NULL, "flush while other requests are under way" },
    { 'o', NULL, "offset", "where the first request goes" },
    { BENCH_PATTERN, "pattern", "pattern", "the byte that is written (0)" },
    IMG_QUIET,
    { 's', NULL, "buffer_size", "bytes of a request (4096)" },
    { 'S', NULL, "step_size", "from one request to the next (the buffer size)" },
    IMG_CACHE,
    { 'w', NULL, NULL, "write instead of reading" },
    IMG_SHARE,
    IMG_OBJECT,
    IMG_IMAGE_OPTS,
    { 0 },
};

const ImgCommand img_bench = {
    .name = "bench",
    .words = "filename",
    .doc = "time many requests on an image",
    .options = bench_options,
    .run = bench_run,
};
