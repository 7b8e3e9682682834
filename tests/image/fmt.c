/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formats over the nodes' API, for scripts that hold them against another implementation:
 *
 *   fmt create FORMAT FILE SIZE [OPTIONS]      a new image
 *   fmt copy FORMAT FROM FORMAT TO [packed]    all bytes of one image into another
 *   fmt random FORMAT FILE RAW SEED N [zero]   N random writes to both, flushes between
 *   fmt same FORMAT FILE FORMAT FILE           compare
 *   fmt check FORMAT FILE [fix]                findings
 *   fmt open FORMAT FILE                       open, read all, forget the bytes; errors are fine
 *
 * FILE may be options ("driver=luks,file.filename=x,key-secret=s"); $SECRET is the secret "s".
 */
#include "block/core/driver.h"
#include "block/core/secret.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STEP = 1 << 20 };

typedef struct Fmt {
    int argc;
    char **argv;
    BlockGraph *g;
    GError *err;
    int ret;
} Fmt;

static BlockNode *fmt_open(Fmt *f, const char *format, const char *name, unsigned flags)
{
    Options o;

    if (!strchr(name, '=')) {
        return block_node_open_name(f->g, name, format, flags, &f->err);
    }
    if (!options_parse(&o, name, NULL, &f->err)) {
        return NULL;
    }
    BlockNode *n = block_node_open(f->g, &o, flags, &f->err);
    options_deinit(&o);
    return n;
}

static bool fmt_fail(Fmt *f, const char *what, int ret)
{
    if (ret < 0 && !f->err) {
        error_set(&f->err, "%s: %s", what, g_strerror(-ret));
    }
    return false;
}

static bool fmt_create(Fmt *f)
{
    g_autofree char *text = g_strconcat("size=", f->argv[4], f->argc > 5 ? "," : "",
                                        f->argc > 5 ? f->argv[5] : "", NULL);
    uint64_t size;
    Options o;

    if (!options_parse(&o, text, NULL, &f->err) ||
        !options_get_size(&o, "size", 0, &size, &f->err)) {
        return false;
    }
    return block_image_create(f->g, block_driver_find(f->argv[2]), f->argv[3], size, &o, 0,
                              &f->err);
}

static bool fmt_copy(Fmt *f)
{
    bool packed = f->argc > 6;
    BlockNode *a = fmt_open(f, f->argv[2], f->argv[3], 0);
    BlockNode *b = a ? fmt_open(f, f->argv[4], f->argv[5], BLOCK_OPEN_WRITE) : NULL;
    g_autofree uint8_t *buf = g_malloc(STEP);
    uint64_t size = b ? MIN(block_node_size(a), block_node_size(b)) : 0;
    int ret = 0;

    for (uint64_t off = 0, len; off < size && ret == 0; off += len) {
        len = MIN(STEP, size - off);
        ret = block_node_read(a, off, buf, len);
        bool zero = ret == 0 && !block_node_is_encrypted(b) && buf[0] == 0 &&
                    !memcmp(buf, buf + 1, len - 1);
        if (ret == 0 && !zero) {
            ret = block_node_write(b, off, buf, len, packed ? BLOCK_REQ_COMPRESSED : 0);
        }
    }
    ret = b && ret == 0 ? block_node_flush(b) : ret;
    if (a) {
        block_node_unref(a);
    }
    if (b) {
        block_node_unref(b);
    }
    return ret == 0 && b ? true : fmt_fail(f, "copy", ret);
}

static bool fmt_random(Fmt *f)
{
    BlockNode *a = fmt_open(f, f->argv[2], f->argv[3], BLOCK_OPEN_WRITE);
    BlockNode *b = a ? fmt_open(f, "raw", f->argv[4], BLOCK_OPEN_WRITE) : NULL;
    g_autoptr(GRand) r = g_rand_new_with_seed(atoi(f->argv[5]));
    g_autofree uint8_t *buf = g_malloc(STEP);
    uint64_t sectors = b ? MIN(block_node_size(a), block_node_size(b)) / 512 : 0;
    int ret = 0, n = atoi(f->argv[6]);

    for (int i = 0; i < n && sectors && ret == 0; i++) {
        uint64_t len = (1 + g_rand_int_range(r, 0, i % 4 ? 64 : STEP / 512)) * 512ull;
        uint64_t off = (g_rand_double(r) * sectors);
        bool zero = f->argc > 7 && i % 3 == 0;

        off *= 512;
        len = MIN(len, sectors * 512 - off);
        memset(buf, g_rand_int(r), len);
        memcpy(buf, &i, sizeof(i));
        ret = zero ? block_node_write_zeroes(a, off, len, i % 2 ? BLOCK_REQ_UNMAP : 0)
                   : block_node_write(a, off, buf, len, 0);
        ret = ret    ? ret
              : zero ? block_node_write_zeroes(b, off, len, 0)
                     : block_node_write(b, off, buf, len, 0);
        ret = ret || i % 50 ? ret : block_node_flush(a);
    }
    if (a) {
        block_node_unref(a);
    }
    if (b) {
        block_node_unref(b);
    }
    return ret == 0 && b ? true : fmt_fail(f, "write", ret);
}

static bool fmt_same(Fmt *f)
{
    BlockNode *a = fmt_open(f, f->argv[2], f->argv[3], 0);
    BlockNode *b = a ? fmt_open(f, f->argv[4], f->argv[5], 0) : NULL;
    g_autofree uint8_t *x = g_malloc(STEP), *y = g_malloc(STEP);
    int ret = 0;

    if (!b) {
        return false;
    }
    uint64_t one = block_node_size(a), two = block_node_size(b);
    for (uint64_t off = 0, len; off < MIN(one, two) && ret == 0; off += len) {
        len = MIN(STEP, MIN(one, two) - off);
        ret = block_node_read(a, off, x, len);
        ret = ret ? ret : block_node_read(b, off, y, len);
        for (uint64_t i = 0; i < len && ret == 0; i++) {
            if (x[i] != y[i]) {
                return error_set(&f->err, "different at %" PRIu64, off + i);
            }
        }
    }
    block_node_unref(a);
    block_node_unref(b);
    return ret == 0 ? true : fmt_fail(f, "read", ret);
}

static void fmt_say(void *opaque, const char *line)
{
    puts(line);
}

static bool fmt_check(Fmt *f)
{
    bool fix = f->argc > 4;
    BlockNode *n =
        fmt_open(f, f->argv[2], f->argv[3], BLOCK_OPEN_CHECK | (fix ? BLOCK_OPEN_WRITE : 0));
    BlockCheck c = { .say = fmt_say };

    if (!n || !block_node_check(n, &c, fix ? BLOCK_FIX_LEAKS | BLOCK_FIX_ERRORS : 0, &f->err)) {
        return false;
    }
    printf("corruptions %" PRIu64 " leaks %" PRIu64 " fixed %" PRIu64 " %" PRIu64 "\n",
           c.corruptions, c.leaks, c.corruptions_fixed, c.leaks_fixed);
    block_node_unref(n);
    return true;
}

static bool fmt_read_all(Fmt *f)
{
    BlockNode *n = fmt_open(f, f->argv[2], f->argv[3], 0);
    g_autofree uint8_t *buf = g_malloc(STEP);

    if (!n) {
        return false;
    }
    /* A damaged header may claim a disk of exabytes: its first part will do. */
    for (uint64_t off = 0, len; off < MIN(block_node_size(n), 64ull << 20); off += len) {
        len = MIN(STEP, block_node_size(n) - off);
        (void)!block_node_read(n, off, buf, len);
    }
    GVariant *v = block_node_specific(n);
    if (v) {
        g_autofree char *text = g_variant_print(v, FALSE);

        puts(text);
        g_variant_unref(g_variant_ref_sink(v));
    }
    printf("size %" PRIu64 " cluster %" PRIu64 "\n", block_node_size(n),
           block_node_cluster_size(n));
    block_node_unref(n);
    return true;
}

static void fmt_run(void *opaque)
{
    static const struct {
        const char *name;
        int argc;
        bool (*fn)(Fmt *f);
    } commands[] = {
        { "create", 5, fmt_create }, { "copy", 6, fmt_copy },   { "random", 7, fmt_random },
        { "same", 6, fmt_same },     { "check", 4, fmt_check }, { "open", 4, fmt_read_all },
    };
    Fmt *f = opaque;
    const char *secret = getenv("SECRET");
    g_autofree char *text = g_strconcat("id=s,data=", secret, NULL);
    Options o;

    f->ret = 2;
    if (secret &&
        (!options_parse(&o, text, NULL, &f->err) || !block_secret_add(f->g, &o, &f->err))) {
        return;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (f->argc >= commands[i].argc && !strcmp(f->argv[1], commands[i].name)) {
            f->ret = commands[i].fn(f) ? 0 : 1;
        }
    }
}

int main(int argc, char **argv)
{
    Fmt f = { argc, argv };
    IoLoop *loop = ioloop_new("fmt", IO_ENGINE_AUTO, &f.err);

    if (loop) {
        f.g = block_graph_new(loop);
        ioloop_run(loop, fmt_run, &f);
        block_graph_free(f.g);
        ioloop_free(loop);
    }
    if (f.err) {
        fprintf(stderr, "fmt: %s\n", f.err->message);
    }
    return f.ret;
}
