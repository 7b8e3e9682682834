/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Power cuts of qcow2 images:
 *
 *   qcow2-cuts DIRECTORY FIRST-SEED COUNT [CREATE-OPTIONS [OPEN-OPTIONS]]
 *
 * Each round makes an image in memory, works on it over x-powercut, which fails at a change chosen
 * by chance, and looks at what is left: the image opens, a check finds no corruption (after the
 * repair that a dirty image gets), and each sector holds what was flushed last, or something
 * written to it since. Options "any" are chosen by the seed. With QEMU_CHECK=N in the environment,
 * every N-th image is written to DIRECTORY, and `qemu-img check` must find no corruption either.
 */
#include "block/core/bitmap.h"
#include "block/core/driver.h"
#include "block/core/secret.h"
#include "block/proto/memory.h"
#include "tests/image/cut-model.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECTOR = CUT_SECTOR, MAX_SECTORS = 16384, SNAPSHOTS = 3, SESSIONS = 3 };

#define IMAGE "x-memory:cuts"

/* Cuts are counted by what the options of creation have. */
static const char *const kinds[] = {
    "compat=0.10",      "lazy_refcounts=on",  "extended_l2=on",         "data_file=",
    "data_file_raw=on", "encrypt.format=aes", "encrypt.format=luks",    "compression_type=zstd",
    "refcount_bits=1",  "refcount_bits=2",    "refcount_bits=4",        "refcount_bits=8",
    "refcount_bits=32", "refcount_bits=64",   "preallocation=metadata", "cluster_size=512",
    "cluster_size=1k",  "cluster_size=4k",    "cluster_size=16k",       "cluster_size=32k",
    "cluster_size=64k",
};

typedef struct Saved {
    char *id;
    uint64_t *tags;
    uint64_t sectors;
    bool sure; /* it exists, or may */
} Saved;

typedef struct Cuts {
    CutCase base;
    const char *dir;
    bool any, say;
    unsigned qemu_every;
    char *path; /* for qemu-img */
    BlockGraph *g;
    BlockNode *n;
    uint64_t tag, changes, sectors;
    uint64_t other_size; /* sectors a cut may leave instead */
    CutSector s[MAX_SECTORS];
    Saved saved[SNAPSHOTS];
    uint64_t by_kind[G_N_ELEMENTS(kinds)];
    uint64_t total_cuts, total_dirty, total_bitmaps, total_qemu;
} Cuts;

static uint32_t below(Cuts *c, uint32_t n)
{
    return cut_below(c->base.rand, n);
}

/* ---- Work ---- */

static void work_write(Cuts *c, unsigned flags)
{
    uint64_t unit = block_node_cluster_size(c->n) / SECTOR;
    uint64_t off = below(c, c->sectors), n = 1 + below(c, below(c, 4) ? 40 : 600);
    g_autofree uint8_t *buf = NULL;
    int ret;

    if (flags & BLOCK_REQ_COMPRESSED) {
        off = off / unit * unit;
        n = unit * (1 + below(c, 2));
    }
    n = MIN(n, c->sectors - off);
    buf = cut_bytes(c->tag + 1, n);
    for (uint64_t i = 0; i < n; i++) {
        cut_set(&c->s[off + i], ++c->tag);
    }
    ret = block_node_write(c->n, off * SECTOR, buf, n * SECTOR, flags);
    c->base.cut = ret != 0;
}

static void work_zero(Cuts *c, bool discard)
{
    uint64_t off = below(c, c->sectors), n = 1 + below(c, 800);
    g_autofree uint8_t *buf = NULL;
    int ret;

    n = MIN(n, c->sectors - off);
    if (!discard) {
        for (uint64_t i = 0; i < n; i++) {
            cut_set(&c->s[off + i], 0);
        }
        ret = block_node_write_zeroes(c->n, off * SECTOR, n * SECTOR,
                                      below(c, 2) ? BLOCK_REQ_UNMAP : 0);
        c->base.cut = ret != 0;
        return;
    }
    ret = block_node_discard(c->n, off * SECTOR, n * SECTOR);
    buf = g_malloc(n * SECTOR);
    if (ret || block_node_read(c->n, off * SECTOR, buf, n * SECTOR)) {
        c->base.cut = true;
        for (uint64_t i = 0; i < n; i++) {
            cut_set(&c->s[off + i], 0); /* some may be gone */
        }
        return;
    }
    for (uint64_t i = 0; i < n; i++) {
        uint64_t tag;

        cut_tag(buf + i * SECTOR, &tag);
        if (tag != c->s[off + i].now) {
            cut_set(&c->s[off + i], tag);
        }
    }
}

static void work_flush(Cuts *c)
{
    c->base.cut = block_node_flush(c->n) != 0;
    if (!c->base.cut) {
        cut_flushed(c->s, MAX_SECTORS);
    }
}

/* Many packed clusters in one of the file: its count may not go up for a snapshot. */
static bool is_width(const GError *err)
{
    return err && (strstr(err->message, "the width of the counts") ||
                   strstr(err->message, strerror(EINVAL)));
}

static void work_snapshot(Cuts *c, GError **err)
{
    /* Going to one takes one count more for a while. */
    Saved *sv = &c->saved[strstr(c->base.create, "refcount_bits=2") ? 0 : below(c, SNAPSHOTS)];

    if (!sv->id) {
        BlockSnapshot sn = { .name = (char *)"n", .icount = UINT64_MAX };

        if (below(c, 3) == 0) { /* a machine's state, which is the snapshot's alone */
            uint64_t len = 1 + below(c, 100000);
            g_autofree uint8_t *state = g_malloc0(len);

            sn.vm_state_size = len;
            c->base.cut = block_vmstate_write(c->n, 0, state, len) != 0;
            if (c->base.cut) {
                return;
            }
        }
        sv->tags = g_new(uint64_t, c->sectors);
        sv->sectors = c->sectors;
        for (uint64_t i = 0; i < c->sectors; i++) {
            sv->tags[i] = c->s[i].now;
        }
        if (!block_snapshot_create(c->n, &sn, err)) {
            g_clear_pointer(&sv->tags, g_free); /* whether it is there is not known */
            if (is_width(*err)) {
                g_clear_error(err);
            }
            return;
        }
        sv->id = sn.id;
        sv->sure = true;
        cut_flushed(c->s, MAX_SECTORS);
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
            cut_set(&c->s[i], i < sv->sectors ? sv->tags[i] : 0);
        }
        ok = block_snapshot_apply(c->n, sv->id, err);
        if (ok) {
            c->sectors = sv->sectors;
            c->other_size = 0;
            cut_flushed(c->s, MAX_SECTORS);
        } else if (is_width(*err)) {
            for (uint64_t i = 0; i < MAX_SECTORS; i++) {
                c->s[i].now = g_array_index(c->s[i].may, uint64_t, c->s[i].may->len - 1);
            }
            c->other_size = 0;
        }
    }
    if (is_width(*err)) {
        g_clear_error(err);
    }
}

static void work_resize(Cuts *c, GError **err)
{
    uint64_t n = 512 + below(c, MAX_SECTORS - 512);

    if (n == c->sectors) { /* nothing happens, nor is anything flushed */
        n--;
    }
    c->other_size = n;
    for (uint64_t i = MIN(n, c->sectors); i < MAX_SECTORS; i++) {
        cut_set(&c->s[i], 0);
    }
    if (block_node_resize(c->n, n * SECTOR, true, BLOCK_PREALLOC_OFF, err)) {
        c->sectors = n;
        c->other_size = 0;
        for (uint64_t i = n; i < MAX_SECTORS; i++) {
            c->s[i].now = 0;
        }
        cut_flushed(c->s, MAX_SECTORS);
    }
}

/* Something was written already: a new bitmap does not know of it. */
static bool has_data(const Cuts *c)
{
    return c->tag != 0;
}

static bool can_snapshot(const Cuts *c)
{
    return !strstr(c->base.create, "data_file") &&
           !g_str_has_suffix(c->base.create, "refcount_bits=1") &&
           !strstr(c->base.create, "refcount_bits=1,");
}

/* Version 2 does not know their size. */
static bool has_snapshots(const Cuts *c)
{
    for (unsigned i = 0; i < SNAPSHOTS; i++) {
        if (c->saved[i].id) {
            return true;
        }
    }
    return false;
}

/* Another one comes or goes; it is stored when the image is closed. */
static void work_bitmap(Cuts *c, GError **err)
{
    BlockBitmap *b = block_bitmap_find(c->n, "more");

    if (b && !(block_bitmap_flags(b) & BLOCK_BITMAP_BUSY)) {
        block_bitmap_remove(b);
    } else if (!b) {
        b = block_bitmap_new(c->n, "more", 512u << below(c, 8), err);
        if (b) {
            block_bitmap_set_flag(b, BLOCK_BITMAP_PERSISTENT, true);
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
    unsigned what = below(c, 44);
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
    } else if (what < 38 && can_snapshot(c)) {
        work_snapshot(c, &err);
    } else if (what == 38 && (!strstr(c->base.create, "0.10") || !has_snapshots(c))) {
        work_resize(c, &err);
    } else if (what == 39 && !strstr(c->base.create, "0.10")) {
        work_bitmap(c, &err);
    } else if (what >= 40) {
        work_many(c);
    }
    if (c->say && (c->base.cut || err)) {
        printf("op %u: %s\n", what, err ? err->message : "no");
    }
    c->base.cut |= err != NULL;
}

/* ---- After ---- */

static void look_at_content(Cuts *c, BlockNode *n)
{
    uint64_t size = block_node_size(n) / SECTOR, count = MIN(size, c->sectors);
    g_autofree uint8_t *buf = g_malloc(size * SECTOR + 1);
    int ret = block_node_read(n, 0, buf, size * SECTOR);

    if (size != c->sectors && size != c->other_size) {
        cut_fail(&c->base, "the size is %" PRIu64 " sectors, not %" PRIu64, size, c->sectors);
    }
    if (ret) {
        cut_fail(&c->base, "read: %s", strerror(-ret));
        return;
    }
    uint64_t i = cut_compare(c->s, buf, count), tag;

    if (i < count) {
        cut_tag(buf + i * SECTOR, &tag);
        cut_fail(&c->base, "sector %" PRIu64 " holds %" PRIu64 ", not %" PRIu64 " or %u others", i,
                 tag, c->s[i].now, c->s[i].may ? c->s[i].may->len : 0);
    }
}

static void look_at_snapshots(Cuts *c, BlockNode *n)
{
    for (unsigned i = 0; i < SNAPSHOTS && !c->base.failed; i++) {
        Saved *sv = &c->saved[i];
        g_autofree uint8_t *buf = NULL;
        g_autoptr(GError) err = NULL;

        if (!sv->id || !sv->tags) {
            continue;
        }
        if (!block_snapshot_apply(n, sv->id, &err)) {
            if (sv->sure && !is_width(err)) {
                cut_fail(&c->base, "snapshot %s: %s", sv->id, err->message);
            }
            continue;
        }
        buf = g_malloc(sv->sectors * SECTOR);
        if (block_node_read(n, 0, buf, sv->sectors * SECTOR)) {
            cut_fail(&c->base, "snapshot %s cannot be read", sv->id);
            return;
        }
        for (uint64_t k = 0; k < sv->sectors; k++) {
            uint64_t tag;

            if (!cut_tag(buf + k * SECTOR, &tag) || tag != sv->tags[k]) {
                cut_fail(&c->base,
                         "snapshot %s: sector %" PRIu64 " holds %" PRIu64 ", not %" PRIu64, sv->id,
                         k, tag, sv->tags[k]);
                return;
            }
        }
    }
}

static void say(void *opaque, const char *line)
{
    unsigned *left = opaque;

    if (*left) {
        printf("    %s\n", line);
        --*left;
    }
}

/* For reading, or for writing without a cut. */
static char *open_text(const Cuts *c, const char *file)
{
    bool luks = strstr(c->base.create, "encrypt.format=luks");
    const char *key = luks                                           ? ",encrypt.key-secret=s"
                      : strstr(c->base.create, "encrypt.format=aes") ? ",encrypt.format=aes,"
                                                                       "encrypt.key-secret=s"
                                                                     : "";

    return g_strdup_printf("driver=qcow2%s%s%s,%s", key, *c->base.open ? "," : "", c->base.open,
                           file);
}

static BlockNode *open_node(Cuts *c, const char *file, unsigned flags, GError **err)
{
    g_autofree char *text = open_text(c, file);
    Options o;
    BlockNode *n;

    if (!options_parse(&o, text, NULL, err)) {
        return NULL;
    }
    n = block_node_open(c->g, &o, flags, err);
    options_deinit(&o);
    return n;
}

static BlockNode *reopen(Cuts *c, unsigned flags)
{
    g_autoptr(GError) err = NULL;
    BlockNode *n = open_node(c, "file.driver=x-memory,file.filename=" IMAGE, flags, &err);

    if (!n) {
        cut_fail(&c->base, "it does not open: %s", err->message);
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
            cut_fail(&c->base, "the bitmap does not have sector %" PRIu64, i);
            return;
        }
    }
}

static void look_check(Cuts *c, BlockNode *n, const char *when)
{
    g_autoptr(GError) err = NULL;
    BlockCheck bc = { 0 };
    unsigned lines = 8;

    if (!block_node_check(n, &bc, 0, &err)) {
        cut_fail(&c->base, "check %s: %s", when, err->message);
    } else if (bc.corruptions || bc.errors) {
        cut_fail(&c->base, "%" PRIu64 " corruptions, %" PRIu64 " errors %s", bc.corruptions,
                 bc.errors, when);
        bc = (BlockCheck){ .say = say, .opaque = &lines };
        (void)!block_node_check(n, &bc, 0, &err);
    }
}

/* The image as it is now, for another implementation. */
static void look_with_qemu(Cuts *c, const char *when)
{
    BlockMemory *m = block_memory_find(c->g, "cuts");
    uint64_t size = block_memory_size(m);
    g_autofree uint8_t *buf = g_malloc(size + 1);
    g_autofree char *data = strstr(c->base.create, "data_file")
                                ? g_strdup_printf("data-file.driver=null-co,")
                                : g_strdup("");
    g_autofree char *file = g_strdup_printf("%sfile.filename=%s", data, c->path);
    const char *open = c->base.open;
    g_autofree char *opts = (c->base.open = "", open_text(c, file));
    const char *argv[] = { "qemu-img", "check",        "--object", "secret,id=s,data=secret",
                           "-U",       "--image-opts", opts,       NULL };
    g_autofree char *out = NULL;
    int status = 0;

    c->base.open = open;
    block_memory_read(m, 0, buf, size);
    if (!g_file_set_contents_full(c->path, (char *)buf, (gssize)size, G_FILE_SET_CONTENTS_NONE,
                                  0644, NULL) ||
        !g_spawn_sync(NULL, (char **)argv, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_STDERR_TO_DEV_NULL,
                      NULL, NULL, &out, NULL, &status, NULL)) {
        cut_fail(&c->base, "qemu-img cannot be run");
        return;
    }
    c->total_qemu++;
    if (!WIFEXITED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 3)) {
        cut_fail(&c->base, "qemu-img check %s: status %d: %.300s", when, status >> 8, out);
    }
}

/* Writes go on after the cut: what a snapshot holds must not change by them. */
static void look_at_writes(Cuts *c, BlockNode *n)
{
    c->n = n;
    c->sectors = block_node_size(n) / SECTOR;
    c->other_size = c->sectors;
    for (unsigned i = 0; i < 6; i++) {
        c->base.cut = false;
        if (i < 4) {
            work_write(c, 0);
        } else {
            work_zero(c, i == 5);
        }
        if (c->base.cut) {
            cut_fail(&c->base, "a write after the cut fails");
            return;
        }
    }
}

static void look(Cuts *c)
{
    BlockNode *n = reopen(c, 0);
    bool dirty, qemu = c->qemu_every && c->base.seed % c->qemu_every == 0;

    if (!n) {
        return;
    }
    dirty = block_node_is_dirty(n);
    c->total_dirty += dirty;
    if (!dirty) {
        look_check(c, n, "as it was left");
    }
    look_at_content(c, n);
    look_at_bitmap(c, n);
    block_node_unref(n);
    if (!dirty && qemu && !c->base.failed) {
        look_with_qemu(c, "as it was left");
    }
    n = c->base.failed ? NULL : reopen(c, BLOCK_OPEN_WRITE | BLOCK_OPEN_DISCARD);
    if (!n) {
        return;
    }
    if (dirty) {
        look_check(c, n, "after its repair");
        if (qemu && !c->base.failed) {
            look_with_qemu(c, "after its repair");
        }
    }
    look_at_content(c, n);
    if (!c->base.failed) {
        look_at_writes(c, n);
        look_at_content(c, n);
        look_at_snapshots(c, n);
    }
    if (!c->base.failed) {
        look_check(c, n, "after going to snapshots");
    }
    block_node_unref(n);
}

/* ---- A round ---- */

static void pick(Cuts *c, GString *o, const char *key, const char *values)
{
    g_auto(GStrv) list = g_strsplit(values, " ", -1);
    const char *value = list[below(c, g_strv_length(list))];

    if (*value != '-') {
        g_string_append_printf(o, "%s%s=%s", o->len ? "," : "", key, value);
    }
}

/* What an image may be like. */
static void choose(Cuts *c)
{
    g_autoptr(GString) o = g_string_new(""), open = g_string_new("");
    bool old = below(c, 6) == 0, data = !old && below(c, 10) == 0;
    bool ext = !old && below(c, 5) == 0;

    pick(c, o, "cluster_size", ext ? "16k 32k 64k" : "512 512 1k 4k 4k 64k");
    if (old) {
        g_string_append(o, ",compat=0.10");
    } else {
        pick(c, o, "lazy_refcounts", "on off off");
        pick(c, o, "refcount_bits", "- - - 1 2 4 8 32 64");
    }
    if (ext) {
        g_string_append(o, ",extended_l2=on");
    }
    if (data) {
        g_string_append(o, ",data_file=x-memory:ext");
        pick(c, o, "data_file_raw", "- - on");
    } else if (below(c, 12) == 0) {
        g_string_append(o, below(c, 2) ? ",encrypt.format=aes,encrypt.key-secret=s"
                                       : ",encrypt.format=luks,encrypt.key-secret=s,"
                                         "encrypt.iter-time=1");
    } else if (!old) {
        pick(c, o, "compression_type", "- zlib zstd");
    }
    if (!strstr(o->str, "encrypt")) { /* zeros that nobody has written decrypt to noise */
        pick(c, o, "preallocation", "- - - - metadata");
    }
    pick(c, open, "l2-cache-entry-size", "- - 512");
    g_free((char *)c->base.create);
    g_free((char *)c->base.open);
    c->base.create = g_strdup(o->str);
    c->base.open = g_strdup(open->str);
}

static void round_begin(Cuts *c)
{
    for (unsigned i = 0; i < MAX_SECTORS; i++) {
        c->s[i].now = 0;
    }
    cut_flushed(c->s, MAX_SECTORS);
    for (unsigned i = 0; i < SNAPSHOTS; i++) {
        g_clear_pointer(&c->saved[i].id, g_free);
        g_clear_pointer(&c->saved[i].tags, g_free);
    }
    c->base.rand = g_rand_new_with_seed(c->base.seed);
    c->base.cut = c->base.failed = false;
    c->tag = 0;
    c->n = NULL;
    c->other_size = 0;
    c->sectors = 1024 + below(c, 3072);
    block_memory_new(c->g, "ext", BLOCK_MEMORY_MAX);
    if (c->any) {
        choose(c);
    }
}

static bool round_make(Cuts *c, GError **err)
{
    Options o;
    bool ok;

    if (!options_parse(&o, c->base.create, NULL, err)) {
        return false;
    }
    ok = block_image_create(c->g, block_driver_find("qcow2"), IMAGE, c->sectors * SECTOR, &o, 0,
                            err);
    options_deinit(&o);
    return ok;
}

/* Opens it, with a cut after @at changes; 0: none. */
static bool session_open(Cuts *c, unsigned at, GError **err)
{
    g_autofree char *file = g_strdup_printf(
        "discard=unmap,file.driver=x-powercut,file.at=%u,file.seed=%u,"
        "file.torn=%s,file.pause=on,file.file.driver=x-memory,file.file.filename=" IMAGE,
        at, c->base.seed, below(c, 2) ? "on" : "off");

    c->n = open_node(c, file, BLOCK_OPEN_WRITE | BLOCK_OPEN_DISCARD, err);
    return c->n != NULL;
}

static bool power_is_off(BlockNode *file)
{
    g_autoptr(GVariant) v = g_variant_ref_sink(block_node_specific(file));
    gboolean off = FALSE;

    (void)!g_variant_lookup(v, "off", "b", &off);
    return off;
}

static void count_cut(Cuts *c)
{
    c->total_cuts++;
    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        c->by_kind[i] += strstr(c->base.create, kinds[i]) != NULL;
    }
}

/* False: the power failed, or something else did. */
static bool session(Cuts *c, bool last)
{
    unsigned at = last ? 1 + below(c, below(c, 2) ? 40 : 400) : 0;
    g_autoptr(GError) err = NULL;

    if (!session_open(c, at, &err)) {
        count_cut(c); /* while it was opened */
        if (!last || !strstr(err->message, "Input/output error")) {
            cut_fail(&c->base, "%s", err->message);
        }
        return false;
    }
    if (!strstr(c->base.create, "0.10") && below(c, 2) && !block_bitmap_find(c->n, "all")) {
        BlockBitmap *b = has_data(c) ? NULL : block_bitmap_new(c->n, "all", 4096, &err);

        if (b) {
            block_bitmap_set_flag(b, BLOCK_BITMAP_PERSISTENT, true);
        }
    }
    for (unsigned i = 0, n = 1 + below(c, last ? 120 : 30); i < n && !c->base.cut; i++) {
        work_one(c);
    }
    BlockNode *file = block_node_ref(block_file(c->n));
    block_node_unref(c->n);
    bool off = power_is_off(file);
    block_node_unref(file);
    if (off) {
        count_cut(c);
    }
    if (!last && c->base.cut) {
        cut_fail(&c->base, "a request fails, but the power is on");
    }
    if (!off) {
        cut_flushed(c->s, MAX_SECTORS);
    }
    return !c->base.cut && !c->base.failed;
}

static void cuts_round(Cuts *c)
{
    g_autoptr(GError) err = NULL;
    unsigned sessions;

    round_begin(c);
    sessions = 1 + below(c, SESSIONS);
    if (!round_make(c, &err)) {
        cut_fail(&c->base, "%s", err->message);
    }
    for (unsigned i = 1; i <= sessions && !c->base.failed && session(c, i == sessions); i++) {
    }
    if (!c->base.failed) {
        look(c);
    }
    g_rand_free(c->base.rand);
}

typedef struct Run {
    Cuts *c;
    unsigned count, bad;
} Run;

static void run(void *arg)
{
    Run *r = arg;
    g_autoptr(GError) err = NULL;
    Options o;

    if (!options_parse(&o, "id=s,data=secret", NULL, &err) ||
        !block_secret_add(r->c->g, &o, &err)) {
        cut_fail(&r->c->base, "%s", err->message);
        return;
    }
    options_deinit(&o);
    for (unsigned i = 0; i < r->count && r->bad < 5; i++) {
        cuts_round(r->c);
        r->bad += r->c->base.failed;
        r->c->base.seed++;
    }
}

static void drop_warnings(const char *domain, GLogLevelFlags level, const char *text, void *arg)
{
}

int main(int argc, char **argv)
{
    g_autoptr(GError) err = NULL;
    const char *every = getenv("QEMU_CHECK");
    Cuts *c = g_new0(Cuts, 1);
    Run r = { c, 0, 0 };
    IoLoop *l = ioloop_new("cuts", IO_ENGINE_THREADS, &err);

    if (argc < 4 || !l) {
        fprintf(stderr, "usage: qcow2-cuts DIRECTORY FIRST-SEED COUNT [CREATE [OPEN]]\n");
        return 2;
    }
    g_log_set_default_handler(drop_warnings, NULL);
    c->path = g_strdup_printf("%s/cuts-%d.qcow2", argv[1], (int)getpid());
    c->base.seed = strtoul(argv[2], NULL, 0);
    r.count = strtoul(argv[3], NULL, 0);
    c->base.create = g_strdup(argc > 4 ? argv[4] : "");
    c->base.open = g_strdup(argc > 5 ? argv[5] : "");
    c->any = !strcmp(c->base.create, "any");
    c->say = getenv("CUTS_SAY");
    c->qemu_every = every ? (unsigned)atoi(every) : 0;
    c->g = block_graph_new(l);
    ioloop_run(l, run, &r);
    printf("%" PRIu64 " cuts, %" PRIu64 " left dirty, %" PRIu64 " with a bitmap, %" PRIu64
           " checked by qemu-img, %u failed\n",
           c->total_cuts, c->total_dirty, c->total_bitmaps, c->total_qemu, r.bad);
    for (unsigned i = 0; c->any && i < G_N_ELEMENTS(kinds); i++) {
        printf("%s %" PRIu64 "%s", kinds[i], c->by_kind[i],
               i + 1 < G_N_ELEMENTS(kinds) ? ", " : "\n");
    }
    block_graph_free(c->g);
    ioloop_free(l);
    unlink(c->path);
    return r.bad != 0;
}
