/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power cuts of qcow2 images: qcow2-cuts DIRECTORY FIRST-SEED COUNT [CREATE-OPTIONS [OPEN-OPTIONS]]
 *
 * Each round makes an image, works on it over x-powercut, which fails at a change chosen by chance,
 * and looks at what is left: the image opens, a check finds no corruption (after the repair that a
 * dirty image gets), and each sector holds what was flushed last, or something written to it since.
 */
#include "block/core/bitmap.h"
#include "block/core/driver.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { SECTOR = 512, MAX_SECTORS = 16384, SNAPSHOTS = 3 };

/* A sector's tag is its first 8 bytes, repeated; 0 is zeros. */
typedef struct Sector {
    uint64_t now;
    GArray *may; /* of uint64_t: what a cut may leave besides .now */
} Sector;

typedef struct Saved {
    char *id;
    uint64_t *tags;
    uint64_t sectors;
    bool sure; /* it exists, or may */
} Saved;

typedef struct Cuts {
    const char *dir, *create, *open;
    char *path;
    BlockGraph *g;
    BlockNode *n;
    GRand *rand;
    uint32_t seed;
    uint64_t tag, changes, sectors;
    uint64_t other_size; /* sectors a cut may leave instead */
    Sector s[MAX_SECTORS];
    Saved saved[SNAPSHOTS];
    bool cut, failed, in_snapshot;
    uint64_t total_cuts, total_dirty, total_bitmaps;
} Cuts;

static void fail(Cuts *c, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

static void fail(Cuts *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    printf("FAILED seed %u: ", c->seed);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    c->failed = true;
}

static uint32_t below(Cuts *c, uint32_t n)
{
    return n ? g_rand_int(c->rand) % n : 0;
}

/* ---- The model ---- */

static void model_set(Sector *s, uint64_t tag)
{
    if (!s->may) {
        s->may = g_array_new(FALSE, FALSE, sizeof(uint64_t));
    }
    g_array_append_val(s->may, s->now);
    s->now = tag;
}

static void model_flushed(Cuts *c)
{
    for (unsigned i = 0; i < MAX_SECTORS; i++) {
        if (c->s[i].may) {
            g_array_set_size(c->s[i].may, 0);
        }
    }
}

static bool model_allows(const Sector *s, uint64_t tag)
{
    if (s->now == tag) {
        return true;
    }
    for (unsigned i = 0; s->may && i < s->may->len; i++) {
        if (g_array_index(s->may, uint64_t, i) == tag) {
            return true;
        }
    }
    return false;
}

/* The tag that a sector's bytes show; false: it is torn. */
static bool sector_tag(const uint8_t *p, uint64_t *tag)
{
    memcpy(tag, p, 8);
    return !memcmp(p, p + 8, SECTOR - 8);
}

/* ---- Work ---- */

static void work_write(Cuts *c, unsigned flags)
{
    uint64_t unit = block_node_cluster_size(c->n) / SECTOR;
    uint64_t off = below(c, c->sectors), n = 1 + below(c, below(c, 4) ? 40 : 600);
    g_autofree uint64_t *buf = NULL;
    int ret;

    if (flags & BLOCK_REQ_COMPRESSED) {
        off = off / unit * unit;
        n = unit * (1 + below(c, 2));
    }
    n = MIN(n, c->sectors - off);
    buf = g_new(uint64_t, n * 64);
    for (uint64_t i = 0; i < n; i++) {
        uint64_t tag = ++c->tag;

        for (unsigned k = 0; k < 64; k++) {
            buf[i * 64 + k] = tag;
        }
        model_set(&c->s[off + i], tag);
    }
    ret = block_node_write(c->n, off * SECTOR, buf, n * SECTOR, flags);
    c->cut = ret != 0;
}

static void work_zero(Cuts *c, bool discard)
{
    uint64_t off = below(c, c->sectors), n = 1 + below(c, 800);
    g_autofree uint8_t *buf = NULL;
    int ret;

    n = MIN(n, c->sectors - off);
    if (!discard) {
        for (uint64_t i = 0; i < n; i++) {
            model_set(&c->s[off + i], 0);
        }
        ret = block_node_write_zeroes(c->n, off * SECTOR, n * SECTOR,
                                      below(c, 2) ? BLOCK_REQ_UNMAP : 0);
        c->cut = ret != 0;
        return;
    }
    ret = block_node_discard(c->n, off * SECTOR, n * SECTOR);
    buf = g_malloc(n * SECTOR);
    if (ret || block_node_read(c->n, off * SECTOR, buf, n * SECTOR)) {
        c->cut = true;
        for (uint64_t i = 0; i < n; i++) {
            model_set(&c->s[off + i], 0); /* some may be gone */
        }
        return;
    }
    for (uint64_t i = 0; i < n; i++) {
        uint64_t tag;

        sector_tag(buf + i * SECTOR, &tag);
        if (tag != c->s[off + i].now) {
            model_set(&c->s[off + i], tag);
        }
    }
}

static void work_flush(Cuts *c)
{
    c->cut = block_node_flush(c->n) != 0;
    if (!c->cut) {
        model_flushed(c);
    }
}

static void work_snapshot(Cuts *c, GError **err)
{
    Saved *sv = &c->saved[below(c, SNAPSHOTS)];

    if (!sv->id) {
        BlockSnapshot sn = { .name = (char *)"n", .icount = UINT64_MAX };

        sv->tags = g_new(uint64_t, c->sectors);
        sv->sectors = c->sectors;
        for (uint64_t i = 0; i < c->sectors; i++) {
            sv->tags[i] = c->s[i].now;
        }
        if (!block_snapshot_create(c->n, &sn, err)) {
            g_clear_pointer(&sv->tags, g_free); /* whether it is there is not known */
            return;
        }
        sv->id = sn.id;
        sv->sure = true;
        model_flushed(c);
    } else if (below(c, 2)) {
        sv->sure = false;
        if (block_snapshot_delete(c->n, sv->id, err)) {
            g_clear_pointer(&sv->id, g_free);
            g_clear_pointer(&sv->tags, g_free);
        }
    } else {
        bool ok;

        c->other_size = sv->sectors;
        for (uint64_t i = 0; i < MAX_SECTORS; i++) {
            model_set(&c->s[i], i < sv->sectors ? sv->tags[i] : 0);
        }
        ok = block_snapshot_apply(c->n, sv->id, err);
        if (ok) {
            c->sectors = sv->sectors;
            c->other_size = 0;
            model_flushed(c);
        }
    }
}

static void work_resize(Cuts *c, GError **err)
{
    uint64_t n = 512 + below(c, MAX_SECTORS - 512);

    c->other_size = n;
    for (uint64_t i = MIN(n, c->sectors); i < MAX_SECTORS; i++) {
        model_set(&c->s[i], 0);
    }
    if (block_node_resize(c->n, n * SECTOR, true, BLOCK_PREALLOC_OFF, err)) {
        c->sectors = n;
        c->other_size = 0;
        for (uint64_t i = n; i < MAX_SECTORS; i++) {
            c->s[i].now = 0;
        }
        model_flushed(c);
    }
}

static void work_one(Cuts *c)
{
    unsigned what = below(c, 40);
    g_autoptr(GError) err = NULL;

    if (what < 16) {
        work_write(c, 0);
    } else if (what < 20) {
        work_write(c, BLOCK_REQ_COMPRESSED);
    } else if (what < 24) {
        work_zero(c, false);
    } else if (what < 28) {
        work_zero(c, true);
    } else if (what < 35) {
        work_flush(c);
    } else if (what < 38 && !strstr(c->create, "data_file") && !strstr(c->create, "bits=1")) {
        work_snapshot(c, &err);
        c->in_snapshot = err != NULL;
    } else if (what == 38 && !strstr(c->create, "0.10")) {
        work_resize(c, &err);
    }
    c->cut |= err != NULL;
}

/* ---- After ---- */

static void look_at_content(Cuts *c, BlockNode *n)
{
    uint64_t size = block_node_size(n) / SECTOR, count = MIN(size, c->sectors);
    g_autofree uint8_t *buf = g_malloc(size * SECTOR + 1);
    int ret = block_node_read(n, 0, buf, size * SECTOR);

    if (size != c->sectors && size != c->other_size) {
        fail(c, "the size is %" PRIu64 " sectors, not %" PRIu64, size, c->sectors);
    }
    if (ret) {
        fail(c, "read: %s", strerror(-ret));
        return;
    }
    for (uint64_t i = 0; i < count; i++) {
        uint64_t tag;

        if (!sector_tag(buf + i * SECTOR, &tag) || !model_allows(&c->s[i], tag)) {
            fail(c, "sector %" PRIu64 " holds %" PRIu64 ", not %" PRIu64 " or %u others", i, tag,
                 c->s[i].now, c->s[i].may ? c->s[i].may->len : 0);
            return;
        }
    }
}

static void look_at_snapshots(Cuts *c, BlockNode *n)
{
    for (unsigned i = 0; i < SNAPSHOTS && !c->failed; i++) {
        Saved *sv = &c->saved[i];
        g_autofree uint8_t *buf = NULL;
        g_autoptr(GError) err = NULL;

        if (!sv->id || !sv->tags) {
            continue;
        }
        if (!block_snapshot_apply(n, sv->id, &err)) {
            if (sv->sure) {
                fail(c, "snapshot %s: %s", sv->id, err->message);
            }
            continue;
        }
        buf = g_malloc(sv->sectors * SECTOR);
        if (block_node_read(n, 0, buf, sv->sectors * SECTOR)) {
            fail(c, "snapshot %s cannot be read", sv->id);
            return;
        }
        for (uint64_t k = 0; k < sv->sectors; k++) {
            uint64_t tag;

            if (!sector_tag(buf + k * SECTOR, &tag) || tag != sv->tags[k]) {
                fail(c, "snapshot %s: sector %" PRIu64 " holds %" PRIu64 ", not %" PRIu64, sv->id,
                     k, tag, sv->tags[k]);
                return;
            }
        }
    }
}

static void say(void *opaque, const char *line)
{
    printf("    %s\n", line);
}

static BlockNode *reopen(Cuts *c, unsigned flags)
{
    g_autoptr(GError) err = NULL;
    BlockNode *n = block_node_open_name(c->g, c->path, "qcow2", flags, &err);

    if (!n) {
        fail(c, "it does not open: %s", err->message);
    }
    return n;
}

/* A bitmap that says it is right covers all that was written. */
static void look_at_bitmap(Cuts *c, BlockNode *n)
{
    BlockBitmap *b = block_bitmap_find(n, "all");

    if (!b || block_bitmap_flags(b) & BLOCK_BITMAP_INCONSISTENT) {
        return;
    }
    c->total_bitmaps++;
    for (uint64_t i = 0; i < block_node_size(n) / SECTOR && i < c->sectors; i++) {
        if (c->s[i].now && !dirty_bits_get(block_bitmap_bits(b), i * SECTOR)) {
            fail(c, "the bitmap does not have sector %" PRIu64, i);
            return;
        }
    }
}

static void look_check(Cuts *c, BlockNode *n, const char *when)
{
    g_autoptr(GError) err = NULL;
    BlockCheck bc = { 0 };

    if (!block_node_check(n, &bc, 0, &err)) {
        fail(c, "check %s: %s", when, err->message);
    } else if (bc.corruptions || bc.errors) {
        fail(c, "%" PRIu64 " corruptions, %" PRIu64 " errors %s", bc.corruptions, bc.errors, when);
        bc = (BlockCheck){ .say = say };
        (void)!block_node_check(n, &bc, 0, &err);
    }
}

static void look(Cuts *c)
{
    BlockNode *n = reopen(c, 0);
    bool dirty;

    if (!n) {
        return;
    }
    dirty = block_node_is_dirty(n);
    c->total_dirty += dirty;
    /* Version 2 has no dirty bit: flags may not agree with counts in the middle of a snapshot. */
    if (!dirty && !(strstr(c->create, "0.10") && c->in_snapshot)) {
        look_check(c, n, "as it was left");
    }
    look_at_content(c, n);
    look_at_bitmap(c, n);
    block_node_unref(n);
    n = c->failed ? NULL : reopen(c, BLOCK_OPEN_WRITE);
    if (!n) {
        return;
    }
    if (strstr(c->create, "0.10")) {
        BlockCheck bc = { 0 };
        g_autoptr(GError) err = NULL;

        (void)!block_node_check(n, &bc, BLOCK_FIX_LEAKS | BLOCK_FIX_ERRORS, &err);
    }
    if (dirty) {
        look_check(c, n, "after its repair");
    }
    look_at_content(c, n);
    look_at_snapshots(c, n);
    if (!c->failed) {
        look_check(c, n, "after going to snapshots");
    }
    block_node_unref(n);
}

/* ---- A round ---- */

static void round_begin(Cuts *c)
{
    for (unsigned i = 0; i < MAX_SECTORS; i++) {
        c->s[i].now = 0;
    }
    model_flushed(c);
    for (unsigned i = 0; i < SNAPSHOTS; i++) {
        g_clear_pointer(&c->saved[i].id, g_free);
        g_clear_pointer(&c->saved[i].tags, g_free);
    }
    c->rand = g_rand_new_with_seed(c->seed);
    c->cut = c->failed = c->in_snapshot = false;
    c->tag = 0;
    c->n = NULL;
    c->other_size = 0;
    c->sectors = 1024 + below(c, 3072);
}

/* With a bitmap from the beginning. */
static void round_bitmap(Cuts *c, GError **err)
{
    BlockNode *n = block_node_open_name(c->g, c->path, "qcow2", BLOCK_OPEN_WRITE, err);
    BlockBitmap *b = n ? block_bitmap_new(n, "all", 4096, err) : NULL;

    if (b) {
        block_bitmap_set_flag(b, BLOCK_BITMAP_PERSISTENT, true);
    }
    if (n) {
        block_node_unref(n);
    }
}

static bool round_make(Cuts *c, GError **err)
{
    g_autofree char *text = NULL;
    Options o;
    bool ok;

    if (!options_parse(&o, c->create, NULL, err)) {
        return false;
    }
    ok = block_image_create(c->g, block_driver_find("qcow2"), c->path, c->sectors * SECTOR, &o, 0,
                            err);
    options_deinit(&o);
    if (ok && !strstr(c->create, "0.10") && below(c, 2)) {
        round_bitmap(c, err);
    }
    if (!ok || *err) {
        return false;
    }
    text = g_strdup_printf("driver=qcow2,discard=unmap,file.driver=x-powercut,file.at=%u,"
                           "file.seed=%u,file.torn=%s,file.file.driver=file,"
                           "file.file.filename=%s%s%s",
                           1 + below(c, below(c, 2) ? 40 : 400), c->seed,
                           below(c, 2) ? "on" : "off", c->path, *c->open ? "," : "", c->open);
    if (!options_parse(&o, text, NULL, err)) {
        return false;
    }
    c->n = block_node_open(c->g, &o, BLOCK_OPEN_WRITE | BLOCK_OPEN_DISCARD, err);
    options_deinit(&o);
    return c->n;
}

static void cuts_round(Cuts *c)
{
    g_autoptr(GError) err = NULL;

    round_begin(c);
    if (!round_make(c, &err) && !strstr(err->message, "Input/output error")) {
        fail(c, "%s", err->message);
    } else if (!c->n) {
        c->total_cuts++; /* while it was opened */
        look(c);
    } else {
        for (unsigned i = 0, n = 1 + below(c, 120); i < n && !c->cut; i++) {
            work_one(c);
        }
        c->total_cuts += c->cut;
        block_node_unref(c->n);
        look(c);
    }
    g_rand_free(c->rand);
}

typedef struct Run {
    Cuts *c;
    unsigned count, bad;
} Run;

static void run(void *arg)
{
    Run *r = arg;

    for (unsigned i = 0; i < r->count && r->bad < 5; i++) {
        cuts_round(r->c);
        r->bad += r->c->failed;
        r->c->seed++;
    }
}

static void drop_warnings(const char *domain, GLogLevelFlags level, const char *text, void *arg)
{
}

int main(int argc, char **argv)
{
    g_autoptr(GError) err = NULL;
    Cuts *c = g_new0(Cuts, 1);
    Run r = { c, 0, 0 };
    IoLoop *l = ioloop_new("cuts", IO_ENGINE_AUTO, &err);

    if (argc < 4 || !l) {
        fprintf(stderr, "usage: qcow2-cuts DIRECTORY FIRST-SEED COUNT [CREATE [OPEN]]\n");
        return 2;
    }
    g_log_set_default_handler(drop_warnings, NULL);
    c->path = g_strdup_printf("%s/cuts.qcow2", argv[1]);
    c->seed = strtoul(argv[2], NULL, 0);
    r.count = strtoul(argv[3], NULL, 0);
    c->create = argc > 4 ? argv[4] : "";
    c->open = argc > 5 ? argv[5] : "";
    c->g = block_graph_new(l);
    ioloop_run(l, run, &r);
    printf("%" PRIu64 " cuts, %" PRIu64 " left dirty, %" PRIu64 " with a bitmap, %u failed\n",
           c->total_cuts, c->total_dirty, c->total_bitmaps, r.bad);
    block_graph_free(c->g);
    ioloop_free(l);
    return r.bad != 0;
}
