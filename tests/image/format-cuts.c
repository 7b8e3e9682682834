/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power cuts of images other than qcow2:
 *
 *   format-cuts FORMAT DIRECTORY FIRST-SEED COUNT
 *
 * As qcow2-cuts.c: an image in memory, work over x-powercut, which fails at a change chosen by
 * chance. After it the image opens for writing (which replays a log), a check finds no corruption,
 * and each sector holds what was flushed last or something written to it since; so also after more
 * writes. With QEMU_CHECK=N in the environment, every N-th image is written to DIRECTORY for
 * `qemu-img check`, where it knows the format.
 */
#include "block/core/driver.h"
#include "block/proto/memory.h"
#include "tests/image/cut-model.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECTOR = CUT_SECTOR, MAX_SECTORS = 32768, SESSIONS = 3 };

#define IMAGE "x-memory:cuts"

/* What an image of a format may be like. */
typedef struct Format {
    const char *name;
    const char *create[5]; /* one is chosen */
    const char *packs;     /* an option of creation with which it keeps compressed data */
    bool qemu_checks;
} Format;

static const Format formats[] = {
    { "vdi", { "", "static=on" }, NULL, true },
    { "vpc", { "force_size=on", "force_size=on", "subformat=fixed,force_size=on" }, NULL, false },
    { "vmdk", { "", "zeroed_grain=on", "subformat=streamOptimized" }, "streamOptimized", true },
    { "vhdx",
      { "block_size=1M", "block_size=2M,block_state_zero=off", "", "subformat=fixed" },
      NULL,
      true },
    { "parallels", { "", "cluster_size=64k" }, NULL, true },
};

typedef struct Cuts {
    CutCase base;
    const Format *f;
    char *path; /* for qemu-img */
    unsigned qemu_every;
    BlockGraph *g;
    BlockNode *n;
    uint64_t tag, sectors;
    CutSector s[MAX_SECTORS];
    bool ahead; /* see look_at_line */
    uint64_t total_cuts, total_qemu;
    unsigned count, bad;
} Cuts;

static uint32_t below(Cuts *c, uint32_t n)
{
    return cut_below(c->base.rand, n);
}

/* ---- Work ---- */

static void work_write(Cuts *c, unsigned flags)
{
    uint64_t unit = MAX(block_node_cluster_size(c->n) / SECTOR, 1);
    uint64_t off = below(c, c->sectors), n = 1 + below(c, below(c, 4) ? 40 : 600);
    g_autofree uint8_t *buf = NULL;

    if (flags & BLOCK_REQ_COMPRESSED) {
        off = off / unit * unit;
        n = unit;
    }
    n = MIN(n, c->sectors - off);
    buf = cut_bytes(c->tag + 1, n);
    for (uint64_t i = 0; i < n; i++) {
        cut_set(&c->s[off + i], ++c->tag);
    }
    c->base.cut = block_node_write(c->n, off * SECTOR, buf, n * SECTOR, flags) != 0;
}

static void work_zero(Cuts *c)
{
    uint64_t off = below(c, c->sectors), n = 1 + below(c, 4000);

    n = MIN(n, c->sectors - off);
    for (uint64_t i = 0; i < n; i++) {
        cut_set(&c->s[off + i], 0);
    }
    c->base.cut = block_node_write_zeroes(c->n, off * SECTOR, n * SECTOR,
                                          below(c, 2) ? BLOCK_REQ_UNMAP : 0) != 0;
}

static void work_discard(Cuts *c)
{
    uint64_t off = below(c, c->sectors), n = 1 + below(c, 4000);
    g_autofree uint8_t *buf = NULL;
    int ret;

    n = MIN(n, c->sectors - off);
    buf = g_malloc(n * SECTOR);
    ret = block_node_discard(c->n, off * SECTOR, n * SECTOR);
    c->base.cut = ret || block_node_read(c->n, off * SECTOR, buf, n * SECTOR);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t tag = 0; /* after a cut some may be gone */

        if (!c->base.cut) {
            cut_tag(buf + i * SECTOR, &tag);
        }
        if (tag != c->s[off + i].now) {
            cut_set(&c->s[off + i], tag);
        }
    }
}

/* Requests of several fibers. */
static void work_many(Cuts *c)
{
    CutMany m = {
        .n = c->n, .rand = c->base.rand, .s = c->s, .sectors = c->sectors, .tag = c->tag
    };

    cut_many(&m);
    c->tag = m.tag;
    c->base.cut = m.cut;
}

static void work_one(Cuts *c)
{
    bool packs = c->f->packs && strstr(c->base.create, c->f->packs);
    unsigned what = below(c, 34);

    if (what < 14) {
        work_write(c, 0);
    } else if (what < 18) {
        work_write(c, packs ? BLOCK_REQ_COMPRESSED : 0);
    } else if (what < 21) {
        work_zero(c);
    } else if (what < 24) {
        work_discard(c);
    } else if (what >= 30) {
        work_many(c);
    } else {
        c->base.cut = block_node_flush(c->n) != 0;
        if (!c->base.cut) {
            cut_flushed(c->s, MAX_SECTORS);
        }
    }
}

/* ---- After ---- */

static BlockNode *open_node(Cuts *c, const char *file, unsigned flags, GError **err)
{
    g_autofree char *text = g_strdup_printf("driver=%s,%s", c->f->name, file);
    Options o;
    BlockNode *n;

    if (!options_parse(&o, text, NULL, err)) {
        return NULL;
    }
    n = block_node_open(c->g, &o, flags, err);
    options_deinit(&o);
    return n;
}

static void look_at_content(Cuts *c, const char *when)
{
    uint64_t size = block_node_size(c->n) / SECTOR, i, tag;
    g_autofree uint8_t *buf = g_malloc(MAX_SECTORS * SECTOR);

    if (size != c->sectors) {
        cut_fail(&c->base, "the size is %" PRIu64 " sectors, not %" PRIu64, size, c->sectors);
        return;
    }
    if (block_node_read(c->n, 0, buf, size * SECTOR)) {
        cut_fail(&c->base, "it cannot be read %s", when);
        return;
    }
    i = cut_compare(c->s, buf, size);
    if (i < size) {
        cut_tag(buf + i * SECTOR, &tag);
        cut_fail(&c->base, "%s sector %" PRIu64 " holds %" PRIu64 ", not %" PRIu64 " or %u others",
                 when, i, tag, c->s[i].now, c->s[i].may ? c->s[i].may->len : 0);
    }
    for (i = 0; i < size; i++) { /* what was seen once stays */
        cut_tag(buf + i * SECTOR, &c->s[i].now);
    }
    cut_flushed(c->s, MAX_SECTORS);
}

/* The header of a vdi counts blocks that the table does not have yet: they are lost space. */
static void look_at_line(void *opaque, const char *line)
{
    Cuts *c = opaque;
    unsigned counted, header;

    if (sscanf(line, "ERROR: allocated blocks mismatch, is %u, should be %u", &counted, &header) ==
        2) {
        c->ahead = counted < header;
    }
}

static void look_check(Cuts *c, const char *when, unsigned fix)
{
    g_autoptr(GError) err = NULL;
    BlockCheck bc = { .say = look_at_line, .opaque = c };

    if (!c->f->qemu_checks || c->base.failed) {
        return; /* vpc: there is nothing that could be compared */
    }
    c->ahead = false;
    if (!block_node_check(c->n, &bc, fix, &err)) {
        cut_fail(&c->base, "check %s: %s", when, err->message);
    } else if (bc.corruptions - c->ahead || bc.errors) {
        cut_fail(&c->base, "%" PRIu64 " corruptions, %" PRIu64 " errors %s", bc.corruptions,
                 bc.errors, when);
    }
}

/* The image as it is now, for another implementation. */
static void look_with_qemu(Cuts *c)
{
    BlockMemory *m = block_memory_find(c->g, "cuts");
    uint64_t size = block_memory_size(m);
    g_autofree uint8_t *buf = g_malloc(size + 1);
    const char *argv[] = { "qemu-img", c->f->qemu_checks ? "check" : "info",
                           "-f",       c->f->name,
                           c->path,    NULL };
    g_autofree char *out = NULL;
    int status = 0;

    block_memory_read(m, 0, buf, size);
    unlink(c->path);
    if (!g_file_set_contents_full(c->path, (char *)buf, (gssize)size, G_FILE_SET_CONTENTS_NONE,
                                  0644, NULL) ||
        !g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL,
                      NULL, NULL, &out, NULL, &status, NULL)) {
        cut_fail(&c->base, "qemu-img cannot be run");
        return;
    }
    c->total_qemu++;
    if (c->ahead && strstr(out, "1 errors were found")) {
        return;
    }
    if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 3)) {
        cut_fail(&c->base, "qemu-img %s: status %d: %.300s", argv[1], status >> 8, out);
    }
}

static void look(Cuts *c)
{
    g_autoptr(GError) err = NULL;

    for (unsigned i = 0; i < 2 && !c->base.failed; i++) {
        c->n = open_node(c, "file.driver=x-memory,file.filename=" IMAGE,
                         BLOCK_OPEN_WRITE | BLOCK_OPEN_DISCARD, &err);
        if (!c->n) {
            cut_fail(&c->base, "it does not open: %s", err->message);
            return;
        }
        /* parallels has a mark of an image in use, which a repair takes away */
        look_check(c, i ? "after more writes" : "after the cut",
                   !i && !strcmp(c->f->name, "parallels") ? BLOCK_FIX_ERRORS | BLOCK_FIX_LEAKS : 0);
        look_at_content(c, i ? "after more writes" : "after the cut");
        c->base.cut = false;
        for (unsigned k = 0; k < 8 && !i && !c->base.cut && !c->base.failed; k++) {
            k < 6 ? work_write(c, 0) : work_zero(c);
        }
        if (c->base.cut) {
            cut_fail(&c->base, "a write after the cut fails");
        }
        block_node_unref(c->n);
        cut_flushed(c->s, MAX_SECTORS);
        if (!c->base.failed && c->qemu_every && c->base.seed % c->qemu_every == 0) {
            look_with_qemu(c);
        }
    }
}

/* ---- A round ---- */

static bool power_is_off(BlockNode *file)
{
    g_autoptr(GVariant) v = g_variant_ref_sink(block_node_specific(file));
    gboolean off = FALSE;

    (void)!g_variant_lookup(v, "off", "b", &off);
    return off;
}

/* False: the power failed, or something else did. */
static bool session(Cuts *c, bool last)
{
    unsigned at = last ? 1 + below(c, below(c, 2) ? 20 : 150) : 0;
    g_autofree char *file = g_strdup_printf(
        "discard=unmap,file.driver=x-powercut,file.at=%u,file.seed=%u,"
        "file.torn=%s,file.pause=on,file.file.driver=x-memory,file.file.filename=" IMAGE,
        at, c->base.seed, below(c, 2) ? "on" : "off");
    g_autoptr(GError) err = NULL;
    BlockNode *below_it;
    bool off;

    c->n = open_node(c, file, BLOCK_OPEN_WRITE | BLOCK_OPEN_DISCARD, &err);
    if (!c->n) {
        c->total_cuts++; /* while it was opened */
        if (!last || !strstr(err->message, "Input/output error")) {
            cut_fail(&c->base, "%s", err->message);
        }
        return false;
    }
    for (unsigned i = 0, n = 1 + below(c, last ? 120 : 30); i < n && !c->base.cut; i++) {
        work_one(c);
    }
    below_it = block_node_ref(block_file(c->n));
    block_node_unref(c->n);
    off = power_is_off(below_it);
    block_node_unref(below_it);
    c->total_cuts += off;
    if (!off && c->base.cut) {
        cut_fail(&c->base, "a request fails, but the power is on");
    }
    if (!off) {
        cut_flushed(c->s, MAX_SECTORS);
    }
    return !off && !c->base.failed;
}

static bool round_make(Cuts *c, GError **err)
{
    uint64_t most =
        strstr(c->base.create, "fixed") || strstr(c->base.create, "static") ? 4096 : MAX_SECTORS;
    Options o;
    bool ok;

    c->sectors = 2048 + below(c, most - 2048);
    if (!strcmp(c->f->name, "vmdk") || !strcmp(c->f->name, "parallels")) {
        c->sectors = c->sectors / 128 * 128; /* whole grains */
    }
    if (!options_parse(&o, c->base.create, NULL, err)) {
        return false;
    }
    ok = block_image_create(c->g, block_driver_find(c->f->name), IMAGE, c->sectors * SECTOR, &o, 0,
                            err);
    options_deinit(&o);
    return ok;
}

static void cuts_round(Cuts *c)
{
    g_autoptr(GError) err = NULL;
    unsigned sessions, choices = 0;

    for (unsigned i = 0; i < MAX_SECTORS; i++) {
        c->s[i].now = 0;
    }
    cut_flushed(c->s, MAX_SECTORS);
    c->base.rand = g_rand_new_with_seed(c->base.seed);
    c->base.cut = c->base.failed = false;
    c->tag = 0;
    while (choices < G_N_ELEMENTS(c->f->create) && c->f->create[choices]) {
        choices++;
    }
    c->base.open = c->f->name;
    c->base.create = c->f->create[below(c, choices)];
    if (!round_make(c, &err)) {
        cut_fail(&c->base, "%s", err->message);
    }
    sessions = 1 + below(c, SESSIONS);
    for (unsigned i = 1; i <= sessions && !c->base.failed && session(c, i == sessions); i++) {
    }
    if (!c->base.failed) {
        look(c);
    }
    g_rand_free(c->base.rand);
}

static void run(void *arg)
{
    Cuts *c = arg;

    for (unsigned i = 0; i < c->count && c->bad < 5; i++) {
        cuts_round(c);
        c->bad += c->base.failed;
        c->base.seed++;
    }
}

static void drop_warnings(const char *domain, GLogLevelFlags level, const char *text, void *arg)
{
}

int main(int argc, char **argv)
{
    g_autoptr(GError) err = NULL;
    const char *every = getenv("QEMU_CHECK");
    g_autofree Cuts *c = g_new0(Cuts, 1);
    IoLoop *l = ioloop_new("cuts", IO_ENGINE_THREADS, &err);

    for (unsigned i = 0; argc == 5 && i < G_N_ELEMENTS(formats); i++) {
        if (!strcmp(argv[1], formats[i].name)) {
            c->f = &formats[i];
        }
    }
    if (!c->f || !l) {
        fprintf(stderr, "usage: format-cuts vdi|vpc|vmdk|vhdx|parallels DIRECTORY SEED COUNT\n");
        return 2;
    }
    g_log_set_default_handler(drop_warnings, NULL);
    c->path = g_strdup_printf("%s/cuts-%d.%s", argv[2], (int)getpid(), c->f->name);
    c->base.seed = strtoul(argv[3], NULL, 0);
    c->count = strtoul(argv[4], NULL, 0);
    c->qemu_every = every ? (unsigned)atoi(every) : 0;
    c->g = block_graph_new(l);
    ioloop_run(l, run, c);
    printf("%s: %" PRIu64 " cuts, %" PRIu64 " looked at by qemu-img, %u failed\n", c->f->name,
           c->total_cuts, c->total_qemu, c->bad);
    block_graph_free(c->g);
    ioloop_free(l);
    unlink(c->path);
    g_free(c->path);
    return c->bad != 0;
}
