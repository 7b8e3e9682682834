/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "util/bytes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint8_t fuzz_u8(FuzzIn *in)
{
    if (!in->len) {
        return 0;
    }
    in->len--;
    return *in->p++;
}

uint16_t fuzz_u16(FuzzIn *in)
{
    uint16_t low = fuzz_u8(in);

    return low | (uint16_t)(fuzz_u8(in) << 8);
}

uint32_t fuzz_u32(FuzzIn *in)
{
    uint32_t low = fuzz_u16(in);

    return low | (uint32_t)fuzz_u16(in) << 16;
}

const uint8_t *fuzz_bytes(FuzzIn *in, size_t want, size_t *got)
{
    const uint8_t *p = in->p;

    *got = MIN(want, in->len);
    in->p += *got;
    in->len -= *got;
    return p;
}

/* Warnings about what is wrong with an input are no findings; but g_critical is. */
static void fuzz_log(const char *domain, GLogLevelFlags level, const char *text, void *arg)
{
    if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL)) {
        static const char what[] = "fuzz: critical: ";

        (void)!write(2, what, sizeof(what) - 1);
        (void)!write(2, text, strlen(text));
        abort();
    }
}

IoLoop *fuzz_loop(void)
{
    static IoLoop *loop;

    if (!loop) {
        g_log_set_default_handler(fuzz_log, NULL);
        loop = ioloop_new("fuzz", IO_ENGINE_THREADS, NULL);
    }
    return loop;
}

typedef struct FuzzRun {
    FuzzFn *fn;
    BlockGraph *g;
    FuzzIn in;
} FuzzRun;

static void fuzz_run(void *arg)
{
    FuzzRun *r = arg;

    r->fn(r->g, &r->in);
}

void fuzz_in_graph(FuzzFn *fn, const uint8_t *data, size_t size)
{
    FuzzRun r = { fn, block_graph_new(fuzz_loop()), { data, size } };

    ioloop_run(fuzz_loop(), fuzz_run, &r);
    block_graph_free(r.g);
}

BlockNode *fuzz_open(BlockGraph *g, const char *options, unsigned flags)
{
    g_autoptr(GError) err = NULL;
    Options o;
    BlockNode *n;

    if (!options_parse(&o, options, NULL, &err)) {
        return NULL;
    }
    n = block_node_open(g, &o, flags, &err);
    options_deinit(&o);
    if (getenv("FUZZ_SAY")) {
        dprintf(2, "open %s: %s\n", options, n ? "ok" : err->message);
    }
    return n;
}
