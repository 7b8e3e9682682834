/* SPDX-License-Identifier: Apache-2.0 */
/* Limits, copies on read and injected errors. */
#include "block/core/driver.h"
#include "block/core/throttle.h"
#include "tests/unit.h"
#include "util/bytes.h"

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
    Options o = { 0 };
    BlockNode *n, *m;
    unsigned begin;
    char c;

    EXPECT(!filter_open(t, "driver=throttle,throttle-group=g,file.driver=null-co", &err));
    EXPECT_STR(err->message, "Throttle group 'g' does not exist");
    g_clear_error(&err);
    EXPECT(options_parse(&o, "qom-type=throttle-group,id=g,x-iops-total=1000", NULL, &err) &&
           throttle_object_add(t->g, &o, &err));
    options_deinit(&o);
    n = filter_open(t, "driver=throttle,throttle-group=g,file.driver=null-co", &err);
    m = filter_open(t, "driver=throttle,throttle-group=g,file.driver=null-co", &err);
    begin = filter_now_ms();
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
    EXPECT_STR(err->message, "bps/iops/max total values and read/write values cannot be used at "
                             "the same time");
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
    g_autofree char *bounded = g_strdup_printf("%s,file.node-name=top,bottom=top", text);
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
    block_node_unref(n);
    EXPECT(block_image_create(t->g, qcow2, t->path[0], 1 << 20, &none, 0, &err));
    n = filter_open(t, bounded, &err); /* nothing from below bottom= is copied */
    EXPECT(n != NULL);
    EXPECT_EQ(block_node_read(n, 300000, back, 600), 0);
    EXPECT(!memcmp(buf, back, 600));
    EXPECT_EQ(block_node_status(n, 262144, 65536, &s), 0);
    EXPECT(!(s.bits & BLOCK_STATUS_ALLOCATED));
    block_node_unref(n);
    n = filter_open(t, text, &err);
    EXPECT_EQ(block_node_read(n, 300000, back, 600), 0);
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

static uint64_t log_field(const char *log, size_t entry_at, unsigned field)
{
    return get_le64(log + entry_at + field * 8);
}

/* Plays the log on an empty disk of @size bytes; the count of entries. */
static unsigned log_replay(BlockNode *log, char *disk, size_t size)
{
    g_autofree char *all = g_malloc0(block_node_size(log));
    uint64_t sector, at, end = block_node_size(log);

    EXPECT_EQ(block_node_read(log, 0, all, end), 0);
    EXPECT_EQ(get_le64(all), 0x6a736677736872);
    EXPECT_EQ(get_le64(all + 8), 1);
    sector = get_le32(all + 24);
    at = sector;
    for (uint64_t i = 0; i < get_le64(all + 16); i++) {
        uint64_t off = log_field(all, at, 0) * sector, len = log_field(all, at, 1) * sector;
        uint64_t flags = log_field(all, at, 2);

        at += sector;
        if (!(flags & 4)) {
            EXPECT(off + len <= size && at + len <= end);
            memcpy(disk + off, all + at, len);
            at += len;
        }
    }
    EXPECT_EQ(at, end);
    return (unsigned)get_le64(all + 16);
}

static void logged(void *arg)
{
    FilterTest *t = arg;
    GError *err = NULL;
    Options none = { 0 };
    g_autofree char *options = g_strdup_printf("driver=blklogwrites,log-sector-size=4096,"
                                               "file.driver=raw,file.file.filename=%s,"
                                               "log.filename=%s",
                                               t->path[0], t->path[1]);
    g_autofree char *disk = g_malloc0(64 << 10), *back = g_malloc(64 << 10);
    BlockNode *n, *log;
    unsigned before;

    EXPECT(
        block_image_create(t->g, block_driver_find("raw"), t->path[0], 64 << 10, &none, 0, &err));
    for (int round = 0; round < 2; round++) {
        g_autofree char *text = g_strdup_printf("%s%s", options, round ? ",log-append=on" : "");
        char *append = round ? strstr(text, "log-sector-size=4096,") : NULL;

        if (append) { /* the old log says it */
            memmove(append, append + 21, strlen(append + 21) + 1);
        }
        n = filter_open(t, text, &err);
        EXPECT(n != NULL);
        EXPECT_EQ(block_node_write(n, 5000u + round, "some words", 10, 0), 0);
        EXPECT_EQ(block_node_write_zeroes(n, 5001, 3, BLOCK_REQ_FUA), 0);
        EXPECT_EQ(block_node_write(n, 8192, back, 4096, BLOCK_REQ_FUA), 0);
        EXPECT_EQ(block_node_flush(n), 0);
        EXPECT_EQ(block_node_read(n, 0, back, 64 << 10), 0);
        block_node_unref(n);
        log = block_node_open_name(t->g, t->path[1], "raw", 0, &err);
        before = log_replay(log, disk, 64 << 10);
        EXPECT(before >= 4u * (round + 1));
        EXPECT(!memcmp(disk, back, 64 << 10));
        block_node_unref(log);
    }
    n = filter_open(
        t, "driver=blklogwrites,log-sector-size=100,file.driver=null-co,log.driver=null-co", &err);
    EXPECT(!n && strstr(err->message, "Invalid log sector size 100"));
    g_clear_error(&err);
}

TEST(filter, blklogwrites_replays)
{
    filter_test(logged);
}

/* A log of another hand: lengths that lie are errors. */
static void hostile_log(void *arg)
{
    FilterTest *t = arg;
    GError *err = NULL;
    uint8_t log[1024] = { 0 };
    BlockNode *raw;
    g_autofree char *text = g_strdup_printf(
        "driver=blklogwrites,log-append=on,file.driver=null-co,log.filename=%s", t->path[1]);

    for (int i = 0; i < 5; i++) {
        static const char *const says[] = { "superblock magic", "version 7", "log sector size 0",
                                            "beyond the log's end", "flags 0x40" };

        put_le64(log, i < 1 ? 5 : 0x6a736677736872);
        put_le64(log + 8, i < 2 ? 7 : 1);
        put_le64(log + 16, 1);
        put_le32(log + 24, i < 3 ? 0 : 512);
        put_le64(log + 512 + 8, UINT64_MAX / 256);
        put_le64(log + 512 + 16, i < 4 ? 0 : 64);
        raw = block_node_open_name(t->g, t->path[1], "raw", BLOCK_OPEN_WRITE, &err);
        EXPECT(raw && block_node_resize(raw, 1024, true, BLOCK_PREALLOC_OFF, &err));
        EXPECT_EQ(block_node_write(raw, 0, log, 1024, 0), 0);
        block_node_unref(raw);
        EXPECT(!filter_open(t, text, &err));
        EXPECT(err && strstr(err->message, says[i]));
        g_clear_error(&err);
    }
}

TEST(filter, blklogwrites_checks_an_old_log)
{
    filter_test(hostile_log);
}

static void verified(void *arg)
{
    FilterTest *t = arg;
    GError *err = NULL;
    Options none = { 0 };
    g_autofree char *text =
        g_strdup_printf("driver=blkverify,raw.filename=%s,test.driver=raw,test.file.filename=%s",
                        t->path[0], t->path[1]);
    BlockNode *n, *raw;
    char buf[100];

    for (int i = 0; i < 2; i++) {
        EXPECT(block_image_create(t->g, block_driver_find("raw"), t->path[i], 64 << 10, &none, 0,
                                  &err));
    }
    n = filter_open(t, text, &err);
    EXPECT(n != NULL);
    EXPECT_EQ(block_node_write(n, 1000, "abc", 3, 0), 0);
    EXPECT_EQ(block_node_write_zeroes(n, 2000, 9000, 0), 0);
    EXPECT_EQ(block_node_discard(n, 4096, 8192), 0);
    EXPECT_EQ(block_node_read(n, 950, buf, 100), 0);
    block_node_unref(n);
    raw = block_node_open_name(t->g, t->path[0], "raw", BLOCK_OPEN_WRITE, &err);
    EXPECT_EQ(block_node_write(raw, 1001, "B", 1, 0), 0);
    block_node_unref(raw);
    n = filter_open(t, text, &err);
    EXPECT_EQ(block_node_read(n, 950, buf, 51), 0);
    EXPECT_EQ(block_node_read(n, 950, buf, 52), (uint64_t)-EIO);
    block_node_unref(n);
}

TEST(filter, blkverify_finds_what_differs)
{
    filter_test(verified);
}

typedef struct PackedWrite {
    BlockNode *n;
    uint8_t *model;
    uint32_t seed;
    unsigned *left;
} PackedWrite;

static void packed_writer(void *arg)
{
    PackedWrite *w = arg;
    GRand *r = g_rand_new_with_seed(w->seed);
    uint8_t buf[3000];

    for (int i = 0; i < 30; i++) { /* each writer has every fourth block of 1000 bytes */
        uint64_t off = (g_rand_int(r) % 60 * 4 + w->seed) * 1000;
        uint32_t len = 1 + g_rand_int(r) % 1000;

        memset(buf, (int)(g_rand_int(r) & 0xff), len);
        memcpy(w->model + off, buf, len);
        EXPECT_EQ(block_node_write(w->n, off, buf, len, 0), 0);
    }
    g_rand_free(r);
    --*w->left;
}

static void packed(void *arg)
{
    FilterTest *t = arg;
    const BlockDriver *qcow2 = block_driver_find("qcow2");
    GError *err = NULL;
    Options none = { 0 };
    g_autofree uint8_t *model = g_malloc0(250000), *back = g_malloc(250000);
    g_autofree char *text =
        g_strdup_printf("driver=compress,file.driver=qcow2,file.file.filename=%s", t->path[0]);
    PackedWrite w[4];
    unsigned left = 4;
    BlockStatus s;
    BlockNode *n;

    EXPECT(block_image_create(t->g, qcow2, t->path[0], 250000, &none, 0, &err));
    n = filter_open(t, text, &err);
    EXPECT(n != NULL);
    for (unsigned i = 0; i < 4; i++) {
        w[i] = (PackedWrite){ n, model, i, &left };
        fiber_start(packed_writer, &w[i]);
    }
    while (left) {
        io_sleep_ns(100000);
    }
    EXPECT_EQ(block_node_read(n, 0, back, 250000), 0);
    EXPECT(!memcmp(model, back, 250000));
    EXPECT_EQ(block_node_status(n, 0, 250000, &s), 0);
    EXPECT(s.bits & BLOCK_STATUS_COMPRESSED);
    block_node_unref(n);
    EXPECT(!filter_open(t, "driver=compress,file.driver=null-co", &err));
    EXPECT(strstr(err->message, "Compression is not supported for underlying format: null-co"));
    g_clear_error(&err);
}

TEST(filter, compress_packs_parts_of_clusters)
{
    if (!block_driver_find("qcow2")) {
        test_skip("no qcow2");
        return;
    }
    filter_test(packed);
}
