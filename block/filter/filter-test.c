/* SPDX-License-Identifier: Apache-2.0 */
/* Limits, copies on read and injected errors. */
#include "block/core/driver.h"
#include "tests/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

typedef struct FilterTest {
    BlockGraph *g;
    char path[2][64];
} FilterTest;

static BlockNode *filter_open(FilterTest *t, const char *text, GError **err)
{
    BlockNode *n;
    Options o;

    EXPECT(options_parse(&o, text, NULL, err));
    n = block_node_open(t->g, &o, BLOCK_OPEN_WRITE, err);
    options_deinit(&o);
    return n;
}

static void filter_test(void (*fn)(void *))
{
    GError *err = NULL;
    IoLoop *l = ioloop_new("t", IO_ENGINE_AUTO, &err);
    FilterTest t = { .g = block_graph_new(l) };
    int fd[2];

    for (int i = 0; i < 2; i++) {
        fd[i] = memfd_create("filter", MFD_CLOEXEC);
        snprintf(t.path[i], sizeof(t.path[i]), "/proc/self/fd/%d", fd[i]);
    }
    ioloop_run(l, fn, &t);
    block_graph_free(t.g);
    ioloop_free(l);
    close(fd[0]);
    close(fd[1]);
}

static unsigned filter_now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (unsigned)(ts.tv_sec * 1000 + ts.tv_nsec / 1000000);
}

static void limits(void *arg)
{
    FilterTest *t = arg;
    GError *err = NULL;
    BlockNode *n = filter_open(t,
                               "driver=throttle,throttle-group=g,limits.iops-total=1000,"
                               "file.driver=null-co",
                               &err);
    BlockNode *m = filter_open(t, "driver=throttle,throttle-group=g,file.driver=null-co", &err);
    unsigned begin = filter_now_ms();
    char c;

    EXPECT(n && m);
    for (int i = 0; i < 75; i++) { /* both: 100 are free, then one a millisecond */
        EXPECT_EQ(block_node_read(n, 0, &c, 1), 0);
        EXPECT_EQ(block_node_read(m, 0, &c, 1), 0);
    }
    EXPECT(filter_now_ms() - begin >= 40);
    block_node_unref(n);
    block_node_unref(m);
    EXPECT(!filter_open(t,
                        "driver=throttle,limits.bps-total=5,limits.bps-read=1,"
                        "file.driver=null-co",
                        &err));
    EXPECT_STR(err->message, "limits.bps-total excludes limits of reads and writes apart");
    g_clear_error(&err);
}

TEST(filter, throttle_limits_a_group)
{
    filter_test(limits);
}

static void rules(void *arg)
{
    FilterTest *t = arg;
    GError *err = NULL;
    BlockNode *n =
        filter_open(t,
                    "driver=blkdebug,inject-error.0.event=write_aio,inject-error.0.sector=4,"
                    "inject-error.0.errno=28,inject-error.0.once=on,"
                    "inject-error.1.event=flush_to_disk,inject-error.1.state=2,"
                    "set-state.0.event=read_aio,set-state.0.state=1,set-state.0.new_state=2,"
                    "file.driver=null-co",
                    &err);
    char buf[512] = { 0 };

    EXPECT(n != NULL);
    EXPECT_EQ(block_node_write(n, 0, buf, 512, 0), 0);
    EXPECT_EQ(block_node_write(n, 2048, buf, 512, 0), (uint64_t)-ENOSPC);
    EXPECT_EQ(block_node_write(n, 2048, buf, 512, 0), 0);
    EXPECT_EQ(block_node_flush(n), 0);
    EXPECT_EQ(block_node_read(n, 0, buf, 512), 0);
    EXPECT_EQ(block_node_write(n, 0, buf, 512, 0), 0);
    EXPECT_EQ(block_node_flush(n), (uint64_t)-EIO);
    block_node_unref(n);
    EXPECT(
        !filter_open(t, "driver=blkdebug,inject-error.0.event=nonsense,file.driver=null-co", &err));
    EXPECT(err && strstr(err->message, "inject-error.0: event=nonsense is not known"));
    g_clear_error(&err);
}

TEST(filter, blkdebug_follows_rules)
{
    filter_test(rules);
}

static void copies(void *arg)
{
    FilterTest *t = arg;
    const BlockDriver *qcow2 = block_driver_find("qcow2");
    GError *err = NULL;
    Options none = { 0 };
    g_autofree char *text = g_strdup_printf(
        "driver=copy-on-read,file.driver=qcow2,file.file.driver=file,file.file.filename=%s,"
        "file.backing.driver=raw,file.backing.file.driver=file,file.backing.file.filename=%s",
        t->path[0], t->path[1]);
    BlockNode *n, *raw;
    BlockStatus s;
    char buf[600], back[600];

    EXPECT(block_image_create(t->g, block_driver_find("raw"), t->path[1], 1 << 20, &none, 0, &err));
    raw = block_node_open_name(t->g, t->path[1], "raw", BLOCK_OPEN_WRITE, &err);
    memset(buf, 7, sizeof(buf));
    EXPECT_EQ(block_node_write(raw, 300000, buf, 600, 0), 0);
    block_node_unref(raw);
    EXPECT(block_image_create(t->g, qcow2, t->path[0], 1 << 20, &none, 0, &err));
    n = filter_open(t, text, &err);
    EXPECT(n != NULL);
    EXPECT_EQ(block_node_status(n, 262144, 65536, &s), 0);
    EXPECT(!(s.bits & BLOCK_STATUS_ALLOCATED));
    EXPECT_EQ(block_node_read(n, 300000, back, 600), 0);
    EXPECT(!memcmp(buf, back, 600));
    EXPECT_EQ(block_node_status(n, 262144, 65536, &s), 0);
    EXPECT(s.bits & BLOCK_STATUS_ALLOCATED && s.len == 65536);
    EXPECT(block_node_set_backing(block_node_child(n, "file"), NULL, &err));
    EXPECT_EQ(block_node_read(n, 300000, back, 600), 0);
    EXPECT(!memcmp(buf, back, 600));
    block_node_unref(n);
}

TEST(filter, copy_on_read_keeps_what_it_reads)
{
    if (!block_driver_find("qcow2")) {
        test_skip("no qcow2");
        return;
    }
    filter_test(copies);
}
