/* SPDX-License-Identifier: Apache-2.0 */
/* copy-before-write with snapshot-access, and preallocate. */
#include "block/core/driver.h"
#include "block/proto/memory.h"
#include "tests/unit.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DISK = 1 << 20, STEP = 64 << 10 };

static BlockNode *moment_open(BlockGraph *g, const char *text, GError **err)
{
    BlockNode *n;
    Options o;

    EXPECT(options_parse(&o, text, NULL, err));
    n = block_node_open(g, &o, BLOCK_OPEN_WRITE, err);
    options_deinit(&o);
    return n;
}

static void moment_run(void (*fn)(void *))
{
    GError *err = NULL;
    IoLoop *l = ioloop_new("t", IO_ENGINE_AUTO, &err);
    BlockGraph *g = block_graph_new(l);

    ioloop_run(l, fn, g);
    block_graph_free(g);
    ioloop_free(l);
}

static BlockNode *moment_file(BlockGraph *g, const char *name)
{
    GError *err = NULL;
    g_autofree char *text =
        g_strdup_printf("driver=x-memory,node-name=%s,filename=x-memory:%s", name, name);
    BlockNode *n;

    block_memory_new(g, name, 4 * DISK);
    n = moment_open(g, text, &err);
    EXPECT(n && block_node_resize(n, DISK, true, BLOCK_PREALLOC_OFF, &err));
    return n;
}

static uint8_t moment_byte(BlockNode *n, uint64_t off)
{
    uint8_t b = 0;

    EXPECT_EQ(block_node_read(n, off, &b, 1), 0);
    return b;
}

static void keeps(void *arg)
{
    BlockGraph *g = arg;
    GError *err = NULL;
    BlockNode *disk = moment_file(g, "disk"), *to = moment_file(g, "to"), *f, *s;
    uint8_t buf[512];

    memset(buf, 1, sizeof(buf));
    EXPECT_EQ(block_node_write(disk, 100, buf, sizeof(buf), 0), 0);
    EXPECT(!moment_open(g, "driver=snapshot-access,file=disk", &err));
    EXPECT(strstr(err->message, "copy-before-write"));
    g_clear_error(&err);
    f = moment_open(g, "driver=copy-before-write,node-name=f,file=disk,target=to", &err);
    s = moment_open(g, "driver=snapshot-access,file=f,discard=unmap", &err);
    EXPECT(f && s);
    memset(buf, 2, sizeof(buf));
    EXPECT_EQ(block_node_write(f, 300, buf, sizeof(buf), 0), 0);
    EXPECT_EQ(block_node_write(f, DISK - 512, buf, sizeof(buf), 0), 0);
    EXPECT_EQ(moment_byte(f, 300), 2);
    EXPECT_EQ(moment_byte(s, 300), 1);
    EXPECT_EQ(moment_byte(s, DISK - 1), 0);
    EXPECT_EQ(moment_byte(to, 300), 1);
    EXPECT_EQ(block_node_write_zeroes(f, 0, STEP, 0), 0);
    EXPECT_EQ(moment_byte(s, 101), 1);
    EXPECT(block_node_write(s, 0, buf, sizeof(buf), 0) < 0);
    EXPECT_EQ(block_node_discard(s, 0, STEP), 0); /* the reader has it */
    EXPECT_EQ(block_node_read(s, 0, buf, 1), -EACCES);
    EXPECT_EQ(moment_byte(s, STEP), 0);
    block_node_unref(s);
    block_node_unref(f);
    block_node_unref(to);
    block_node_unref(disk);
}

TEST(moment, copy_before_write_keeps_it)
{
    moment_run(keeps);
}

/* @policy is what happens to a write whose copy takes too long. */
static void late(BlockGraph *g, const char *policy, bool fails)
{
    g_autofree char *text =
        g_strdup_printf("driver=copy-before-write,node-name=f,file=disk,target.driver=blkdebug,"
                        "target.node-name=slow,target.image=to,cbw-timeout=1,on-cbw-error=%s",
                        policy);
    GError *err = NULL;
    BlockNode *disk = moment_file(g, "disk"), *to = moment_file(g, "to"), *slow, *f, *s;
    uint8_t buf[512];

    memset(buf, 1, sizeof(buf));
    EXPECT_EQ(block_node_write(disk, 0, buf, sizeof(buf), 0), 0);
    f = moment_open(g, text, &err);
    s = moment_open(g, "driver=snapshot-access,file=f", &err);
    slow = block_graph_find(g, "slow");
    EXPECT(f && s && slow);
    memset(buf, 2, sizeof(buf));
    EXPECT_EQ(block_node_write(f, STEP, buf, sizeof(buf), 0), 0); /* in time */
    EXPECT_EQ(block_debug_break(slow, "pwritev", "A"), 0);
    EXPECT_EQ(block_node_write(f, 0, buf, sizeof(buf), 0), fails ? -ETIMEDOUT : 0);
    EXPECT_EQ(moment_byte(f, 0), fails ? 1 : 2);
    EXPECT_EQ(block_debug_resume(slow, "A"), 0);
    if (fails) { /* what was begun has been done since */
        EXPECT_EQ(moment_byte(s, 0), 1);
        EXPECT_EQ(block_node_write(f, 0, buf, sizeof(buf), 0), 0);
        EXPECT_EQ(moment_byte(s, 0), 1);
        EXPECT_EQ(block_debug_break(slow, "pwritev", "B"), 0);
        EXPECT_EQ(block_node_write(f, 2 * STEP, buf, sizeof(buf), 0), -ETIMEDOUT);
        EXPECT_EQ(block_debug_resume(slow, "B"), 0);
    } else {
        EXPECT_EQ(block_node_read(s, 0, buf, 1), -EACCES);
        EXPECT_EQ(block_node_read(s, STEP, buf, 1), -EACCES);
    }
    block_node_unref(s);
    block_node_unref(f);
    block_node_unref(to);
    block_node_unref(disk);
}

static void late_write_fails(void *arg)
{
    late(arg, "break-guest-write", true);
}

static void late_moment_goes(void *arg)
{
    late(arg, "break-snapshot", false);
}

TEST(moment, late_copy_fails_the_write)
{
    moment_run(late_write_fails);
}

TEST(moment, late_copy_ends_the_moment)
{
    moment_run(late_moment_goes);
}

static void ahead(void *arg)
{
    BlockGraph *g = arg;
    GError *err = NULL;
    int fd = memfd_create("ahead", MFD_CLOEXEC);
    g_autofree char *text = g_strdup_printf("driver=preallocate,prealloc-size=1M,prealloc-align=1M,"
                                            "file.driver=file,file.filename=/proc/self/fd/%d",
                                            fd);
    BlockNode *n = moment_open(g, text, &err);
    char buf[512] = { 1 };
    struct stat st;

    EXPECT(n != NULL);
    EXPECT_EQ(block_node_write(n, 0, buf, sizeof(buf), 0), 0);
    EXPECT_EQ(block_node_size(n), 512);
    EXPECT(!fstat(fd, &st) && st.st_size == 2 << 20);
    EXPECT_EQ(block_node_write(n, 1000, buf, sizeof(buf), 0), 0);
    block_node_unref(n);
    EXPECT(!fstat(fd, &st) && st.st_size == 1512);
    close(fd);
    n = moment_open(g, "driver=preallocate,prealloc-align=3,file.driver=null-co", &err);
    EXPECT(!n && strstr(err->message, "prealloc-align=3"));
    g_clear_error(&err);
}

TEST(moment, preallocate_stays_ahead)
{
    moment_run(ahead);
}
