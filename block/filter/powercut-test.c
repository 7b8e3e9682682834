/* SPDX-License-Identifier: Apache-2.0 */
#include "block/core/driver.h"
#include "tests/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct CutTest {
    BlockGraph *g;
    char path[64];
    int fd;
    unsigned kept, lost, torn;
} CutTest;

static BlockNode *cut_node(CutTest *t, unsigned at, unsigned seed)
{
    GError *err = NULL;
    g_autofree char *text = g_strdup_printf("driver=x-powercut,at=%u,seed=%u,torn=on,"
                                            "file.driver=file,file.filename=%s",
                                            at, seed, t->path);
    Options o;
    BlockNode *n;

    EXPECT(options_parse(&o, text, NULL, &err));
    n = block_node_open(t->g, &o, BLOCK_OPEN_WRITE, &err);
    EXPECT(n != NULL);
    options_deinit(&o);
    return n;
}

static void cuts(void *arg)
{
    CutTest *t = arg;
    uint8_t buf[2048], sector[512];

    for (unsigned seed = 0; seed < 40; seed++) {
        BlockNode *n;
        uint8_t c;

        EXPECT(!ftruncate(t->fd, 0) && !ftruncate(t->fd, 4096));
        n = cut_node(t, 4, seed);
        memset(buf, 1, sizeof(buf));
        EXPECT_EQ(block_node_write(n, 0, buf, 512, 0), 0); /* flushed: stays */
        EXPECT_EQ(block_node_flush(n), 0);
        EXPECT_EQ(block_node_write(n, 512, buf, 512, 0), 0);
        EXPECT_EQ(pread(t->fd, sector, 512, 512), 512);
        EXPECT_EQ(sector[0], 0); /* not yet there, but read back */
        EXPECT_EQ(block_node_read(n, 512, &c, 1), 0);
        EXPECT_EQ(c, 1);
        EXPECT_EQ(block_node_write_zeroes(n, 0, 0, 0), 0);
        EXPECT_EQ(block_node_write_zeroes(n, 0, 256, 0), 0);
        EXPECT_EQ(block_node_write(n, 2048, buf, 2048, 0), (uint64_t)-EIO);
        EXPECT_EQ(block_node_read(n, 0, &c, 1), (uint64_t)-EIO);
        EXPECT_EQ(block_node_flush(n), (uint64_t)-EIO);
        block_node_unref(n);
        EXPECT_EQ(pread(t->fd, sector, 512, 0), 512);
        EXPECT(sector[511] == 1);
        EXPECT_EQ(pread(t->fd, sector, 512, 512), 512);
        t->kept += sector[0] == 1;
        t->lost += sector[0] == 0;
        EXPECT_EQ(pread(t->fd, buf, 2048, 2048), 2048);
        t->torn += buf[0] && !buf[2047];
    }
    EXPECT(t->kept && t->lost && t->torn);
}

static void without_a_cut(void *arg)
{
    CutTest *t = arg;
    BlockNode *n = cut_node(t, 0, 0);
    GVariant *v;
    uint64_t changes = 0;
    char c;

    EXPECT_EQ(block_node_write(n, 10000, "x", 1, 0), 0); /* it grows, as its file does */
    EXPECT_EQ(block_node_size(n), 10001);
    v = g_variant_ref_sink(block_node_specific(n));
    EXPECT(g_variant_lookup(v, "changes", "t", &changes));
    EXPECT_EQ(changes, 1);
    g_variant_unref(v);
    block_node_unref(n);
    EXPECT(pread(t->fd, &c, 1, 10000) == 1 && c == 'x');
}

static void cut_test(void (*fn)(void *))
{
    GError *err = NULL;
    IoLoop *l = ioloop_new("t", IO_ENGINE_AUTO, &err);
    CutTest t = { .g = block_graph_new(l), .fd = memfd_create("cut", MFD_CLOEXEC) };

    snprintf(t.path, sizeof(t.path), "/proc/self/fd/%d", t.fd);
    ioloop_run(l, fn, &t);
    block_graph_free(t.g);
    ioloop_free(l);
    close(t.fd);
}

TEST(powercut, keeps_what_was_flushed)
{
    cut_test(cuts);
}

TEST(powercut, without_a_cut_all_arrives)
{
    cut_test(without_a_cut);
}
