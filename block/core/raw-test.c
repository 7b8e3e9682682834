/* SPDX-License-Identifier: Apache-2.0 */
/* raw over a file, and over nothing: opening, requests, sizes, copies. */
#include "block/core/driver.h"
#include "tests/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct RawTest {
    BlockGraph *g;
    int fd[2]; /* memory files */
    char path[2][64];
} RawTest;

static void with_graph(void (*fn)(void *))
{
    GError *err = NULL;
    IoLoop *l = ioloop_new("t", IO_ENGINE_AUTO, &err);
    RawTest t = { 0 };

    t.g = block_graph_new(l);
    for (int i = 0; i < 2; i++) {
        t.fd[i] = memfd_create("raw", MFD_CLOEXEC);
        snprintf(t.path[i], sizeof(t.path[i]), "/proc/self/fd/%d", t.fd[i]);
        EXPECT(!ftruncate(t.fd[i], 1 << 20));
    }
    ioloop_run(l, fn, &t);
    block_graph_free(t.g);
    ioloop_free(l);
    close(t.fd[0]);
    close(t.fd[1]);
}

static BlockNode *open_text(RawTest *t, const char *text, unsigned flags, GError **err)
{
    Options o;
    BlockNode *n;

    if (!options_parse(&o, text, NULL, err)) {
        return NULL;
    }
    n = block_node_open(t->g, &o, flags, err);
    options_deinit(&o);
    return n;
}

static void reads_and_writes(void *arg)
{
    RawTest *t = arg;
    GError *err = NULL;
    BlockNode *n = block_node_open_name(t->g, t->path[0], NULL, BLOCK_OPEN_WRITE, &err);
    uint8_t buf[8192], back[8192];
    struct iovec iov[3] = { { back, 100 }, { back + 100, 0 }, { back + 100, 8092 } };

    EXPECT(n && !err);
    EXPECT_STR(block_node_format(n), "raw");
    EXPECT(block_node_flags(n) & BLOCK_OPEN_PROBED);
    EXPECT_EQ(block_node_size(n), 1 << 20);
    memset(buf, 0x5a, sizeof(buf));
    EXPECT_EQ(block_node_write(n, 1000, buf, sizeof(buf), 0), 0);
    EXPECT_EQ(block_node_readv(n, 1000, iov, 3, 0), 0);
    EXPECT(!memcmp(buf, back, sizeof(buf)));
    EXPECT_EQ(block_node_read(n, 990, back, 20), 0);
    EXPECT(!memcmp(back, "\0\0\0\0\0\0\0\0\0\0ZZZZZZZZZZ", 20));
    EXPECT_EQ(block_node_read(n, (1 << 20) - 10, back, 11), (uint64_t)-EIO);
    EXPECT_EQ(block_node_write(n, (1 << 20) - 10, back, 11, 0), (uint64_t)-EIO);
    EXPECT_EQ(block_node_write(n, 1000, buf, 100, BLOCK_REQ_FUA), 0);
    EXPECT_EQ(block_node_flush(n), 0);
    EXPECT_EQ(block_node_write_zeroes(n, 1100, 300, 0), 0);
    EXPECT_EQ(block_node_read(n, 1099, back, 302), 0);
    EXPECT(back[0] == 0x5a && !back[1] && !back[300] && back[301] == 0x5a);
    block_node_unref(n);
    n = block_node_open_name(t->g, t->path[0], "raw", 0, &err);
    EXPECT(n != NULL);
    EXPECT_EQ(block_node_write(n, 0, buf, 512, 0), (uint64_t)-EROFS);
    block_node_unref(n);
}

TEST(blockraw, reads_and_writes)
{
    with_graph(reads_and_writes);
}

static void part_of_a_file(void *arg)
{
    RawTest *t = arg;
    GError *err = NULL;
    g_autofree char *text = g_strdup_printf(
        "driver=raw,offset=64k,size=128k,node-name=p,file.driver=file,file.filename=%s",
        t->path[0]);
    BlockNode *n = open_text(t, text, BLOCK_OPEN_WRITE, &err);
    BlockStatus s;
    char c;

    EXPECT(n && !err);
    EXPECT(block_graph_find(t->g, "p") == n);
    EXPECT_EQ(block_node_size(n), 128 << 10);
    EXPECT_EQ(block_node_write(n, 5, "x", 1, 0), 0);
    EXPECT(pread(t->fd[0], &c, 1, (64 << 10) + 5) == 1 && c == 'x');
    EXPECT_EQ(block_node_write(n, 128 << 10, "x", 1, 0), (uint64_t)-EIO);
    EXPECT_EQ(block_node_status(n, 0, UINT64_MAX, &s), 0);
    EXPECT_EQ(s.offset, 64 << 10);
    EXPECT(s.file == block_node_child(n, "file"));
    EXPECT(!block_node_resize(n, 4096, true, BLOCK_PREALLOC_OFF, &err) && err);
    g_clear_error(&err);
    block_node_unref(n);
    EXPECT(!block_graph_find(t->g, "p"));
}

TEST(blockraw, part_of_a_file)
{
    with_graph(part_of_a_file);
}

static void opens_json(void *arg)
{
    RawTest *t = arg;
    GError *err = NULL;
    g_autofree char *name = g_strdup_printf("json:{\"driver\":\"raw\",\"size\":4096,\"file\":{"
                                            "\"driver\":\"file\",\"filename\":\"%s\"}}",
                                            t->path[0]);
    BlockNode *n = block_node_open_name(t->g, name, NULL, 0, &err);

    EXPECT(n && block_node_size(n) == 4096);
    block_node_unref(n);
    EXPECT(!block_node_open_name(t->g, "json:{\"driver\":\"raw\",\"x\":1}", NULL, 0, &err));
    EXPECT_STR(err->message, "a file is missing: file.filename=, or file=NODE-NAME");
    g_clear_error(&err);
}

TEST(blockraw, opens_json)
{
    with_graph(opens_json);
}

static void says_what_is_wrong(void *arg)
{
    static const struct {
        const char *text, *error;
    } bad[] = {
        { "filename=/nonexistent/x", "/nonexistent/x: cannot open it for reading: No such file or "
                                     "directory" },
        { "driver=rwa,filename=/x", "driver 'rwa' is not known, did you mean raw?" },
        { "driver=raw", "a file is missing: file.filename=, or file=NODE-NAME" },
        { "driver=raw,file=nobody", "file=nobody: there is no node of this name" },
        { "driver=null-co,sise=3",
          "driver=null-co: 'sise' is not a known option here, did you mean size?" },
        { "driver=null-co,node-name=1x",
          "node-name=1x is no name for a node: a letter, then letters, digits and -._, at most 31 "
          "in all" },
        { "driver=raw,file.driver=null-co,file.size=1M,size=2M",
          "#block001: size=2097152 from offset=0 on is beyond its end at 1048576" },
        { "filename=nosuch:x",
          "nosuch:x: 'nosuch' is not a protocol that is known (a path with a colon: ./nosuch:x)" },
        { "driver=null-co,detect-zeroes=unmap",
          "setting detect-zeroes to unmap is not allowed without setting discard operation to "
          "unmap" },
        { "driver=file,filename=/", "/: it is a directory" },
    };
    RawTest *t = arg;

    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        GError *err = NULL;

        EXPECT(!open_text(t, bad[i].text, 0, &err));
        EXPECT(err != NULL);
        if (strstr(bad[i].error, "#block")) {
            EXPECT(err && !strcmp(strchr(err->message, ':'), strchr(bad[i].error, ':')));
        } else {
            EXPECT_STR(err ? err->message : NULL, bad[i].error);
        }
        g_clear_error(&err);
        EXPECT(!block_graph_next(t->g, NULL));
    }
}

TEST(blockraw, says_what_is_wrong)
{
    with_graph(says_what_is_wrong);
}

static void a_guessed_raw_stays_raw(void *arg)
{
    RawTest *t = arg;
    GError *err = NULL;
    BlockNode *n = block_node_open_name(t->g, t->path[0], NULL, BLOCK_OPEN_WRITE, &err);
    bool known = block_driver_find("qcow2") != NULL;
    uint8_t sector[512] = "QFI\xfb\0\0\0\3";

    EXPECT_EQ(block_node_write(n, 0, sector, 512, 0), (uint64_t)(known ? -EPERM : 0));
    block_node_unref(n);
}

TEST(blockraw, a_guessed_raw_stays_raw)
{
    with_graph(a_guessed_raw_stays_raw);
}

static void resizes_and_copies(void *arg)
{
    RawTest *t = arg;
    GError *err = NULL;
    BlockNode *a = block_node_open_name(t->g, t->path[0], "raw", BLOCK_OPEN_WRITE, &err);
    BlockNode *b = block_node_open_name(t->g, t->path[1], "raw", BLOCK_OPEN_WRITE, &err);
    g_autofree uint8_t *x = g_malloc(300000), *y = g_malloc(300000);

    for (int i = 0; i < 300000; i++) {
        x[i] = (uint8_t)(i * 7 + i / 256);
    }
    EXPECT_EQ(block_node_write(a, 123, x, 300000, 0), 0);
    EXPECT_EQ(block_node_copy(a, 123, b, 4567, 300000, 0), 0);
    EXPECT_EQ(block_node_read(b, 4567, y, 300000), 0);
    EXPECT(!memcmp(x, y, 300000));
    EXPECT(block_node_resize(b, 8 << 20, true, BLOCK_PREALLOC_OFF, &err));
    EXPECT_EQ(block_node_size(b), 8 << 20);
    EXPECT_EQ(block_node_write(b, (8 << 20) - 1, x, 1, 0), 0);
    EXPECT(block_node_resize(b, 10000, true, BLOCK_PREALLOC_OFF, &err));
    EXPECT_EQ(block_node_read(b, 9999, y, 2), (uint64_t)-EIO);
    EXPECT_EQ(block_node_copy(a, 0, b, 9999, 2, 0), (uint64_t)-EIO);
    EXPECT(block_node_allocated(b) > 0);
    block_node_unref(a);
    block_node_unref(b);
}

TEST(blockraw, resizes_and_copies)
{
    with_graph(resizes_and_copies);
}

/* Devices and tools see whole sectors; what the file lacks of the last one reads as zeros. */
static void has_whole_sectors(void *arg)
{
    RawTest *t = arg;
    GError *err = NULL;
    uint8_t buf[1024];
    BlockStatus s;
    BlockNode *n;

    EXPECT_EQ(ftruncate(t->fd[0], 1000), 0);
    EXPECT_EQ(pwrite(t->fd[0], "end", 3, 997), 3);
    n = block_node_open_name(t->g, t->path[0], "raw", BLOCK_OPEN_WRITE, &err);
    EXPECT(n && block_node_size(n) == 1024);
    memset(buf, 1, sizeof(buf));
    EXPECT_EQ(block_node_read(n, 0, buf, 1024), 0);
    EXPECT(!memcmp(buf + 997, "end\0", 4) && !buf[1023]);
    EXPECT_EQ(block_node_read(n, 1001, buf, 24), (uint64_t)-EIO);
    EXPECT_EQ(block_node_status(n, 1000, UINT64_MAX, &s), 0);
    EXPECT(s.bits & BLOCK_STATUS_ZERO && s.len == 24 && s.offset == 1000);
    EXPECT_EQ(block_node_write_zeroes(n, 999, 25, 0), 0);
    EXPECT_EQ(block_node_discard(n, 1000, 24), 0);
    EXPECT_EQ(block_node_read(n, 512, buf, 512), 0);
    EXPECT(buf[486] == 'n' && !buf[487]);
    memset(buf, 7, sizeof(buf));
    EXPECT_EQ(block_node_write(n, 512, buf, 512, 0), 0);
    EXPECT_EQ(lseek(t->fd[0], 0, SEEK_END), 1024);
    block_node_unref(n);
}

TEST(blockraw, has_whole_sectors)
{
    with_graph(has_whole_sectors);
}

static void creates_images(void *arg)
{
    RawTest *t = arg;
    GError *err = NULL;
    Options o;

    EXPECT(options_parse(&o, "preallocation=full", NULL, &err));
    EXPECT(block_image_create(t->g, block_driver_find("raw"), t->path[1], 100000, &o, 0, &err));
    options_deinit(&o);
    EXPECT_EQ(lseek(t->fd[1], 0, SEEK_END), 100352); /* whole sectors */
    EXPECT(options_parse(&o, "nonsense=1", NULL, &err));
    EXPECT(!block_image_create(t->g, block_driver_find("raw"), t->path[1], 1, &o, 0, &err));
    EXPECT_STR(err->message, "format raw: 'nonsense' is not a known option here, valid: size, "
                             "nocow, preallocation, extent_size_hint");
    g_clear_error(&err);
    options_deinit(&o);
    EXPECT(!block_image_create(t->g, block_driver_find("raw"), "/nonexistent/x", 1, &(Options){ 0 },
                               0, &err));
    EXPECT_STR(err->message, "/nonexistent/x: cannot create it: No such file or directory");
    g_clear_error(&err);
}

TEST(blockraw, creates_images)
{
    with_graph(creates_images);
}

static void drain_one(void *arg)
{
    BlockNode *n = ((void **)arg)[0];
    unsigned *ended = ((void **)arg)[1];
    char c;

    EXPECT_EQ(block_node_read(n, 0, &c, 1), 0);
    ++*ended;
}

static void drains(void *arg)
{
    RawTest *t = arg;
    GError *err = NULL;
    BlockNode *n = open_text(t, "driver=raw,file.driver=null-co,file.latency-ns=2000000", 0, &err);
    BlockNode *file = block_node_child(n, "file");
    unsigned ended = 0;
    void *args[2] = { n, &ended };

    for (int i = 0; i < 10; i++) {
        fiber_start(drain_one, args);
    }
    EXPECT_EQ(ended, 0);
    block_node_drain(file); /* waits for what is under way above too */
    io_pause();             /* the last one has left the node, not yet its fiber */
    EXPECT_EQ(ended, 10);
    fiber_start(drain_one, args);
    io_sleep_ns(5000000);
    EXPECT_EQ(ended, 10);
    drain_one(args); /* in the drained section */
    EXPECT_EQ(ended, 11);
    block_node_undrain(file);
    io_sleep_ns(5000000);
    EXPECT_EQ(ended, 12);
    block_node_unref(n);
}

TEST(blockraw, drains)
{
    with_graph(drains);
}

/* auto-read-only: a node of its own is open for reading until somebody writes through it. */
static void waits_for_writers(void *arg)
{
    RawTest *t = arg;
    GError *err = NULL;
    g_autofree char *own =
        g_strdup_printf("driver=file,node-name=f,filename=%s,auto-read-only=on", t->path[0]);
    g_autofree char *other = g_strdup_printf("driver=file,filename=%s,read-only=on", t->path[0]);
    BlockNode *f = open_text(t, own, BLOCK_OPEN_WRITE | BLOCK_OPEN_DISCARD, &err), *reader, *raw;
    uint8_t buf[512] = { 1 };

    EXPECT(f && !block_node_is_read_only(f));
    reader = open_text(t, other, 0, &err);
    EXPECT(reader && !err);
    EXPECT_EQ(block_node_write(f, 0, buf, sizeof(buf), 0), (uint64_t)-EACCES); /* its lock */
    EXPECT_EQ(block_node_discard(f, 0, 4096), (uint64_t)-EACCES);
    raw = open_text(t, "driver=raw,node-name=r,file=f", BLOCK_OPEN_WRITE, &err);
    EXPECT(!raw && err && strstr(err->message, "Failed to get \"write\" lock"));
    g_clear_error(&err);
    block_node_unref(reader);
    EXPECT_EQ(block_node_write(f, 0, buf, sizeof(buf), 0), 0);
    reader = open_text(t, other, 0, &err);
    EXPECT(!reader && err);
    g_clear_error(&err);
    raw = open_text(t, "driver=raw,node-name=r,file=f", BLOCK_OPEN_WRITE, &err);
    EXPECT(raw && !err);
    EXPECT(block_node_reopen(raw, NULL, 0, &err)); /* its last writer */
    reader = open_text(t, other, 0, &err);
    EXPECT(reader && !err);
    EXPECT(!block_node_reopen(raw, NULL, BLOCK_OPEN_WRITE, &err));
    g_clear_error(&err);
    block_node_unref(reader);
    EXPECT(block_node_reopen(raw, NULL, BLOCK_OPEN_WRITE, &err));
    EXPECT_EQ(block_node_write(raw, 512, buf, sizeof(buf), 0), 0);
    EXPECT_EQ(block_node_read(raw, 0, buf, sizeof(buf)), 0);
    EXPECT_EQ(buf[0], 1);
    block_node_unref(raw);
    block_node_unref(f);
}

TEST(blockraw, waits_for_writers)
{
    with_graph(waits_for_writers);
}

/* Locks of a description that no process has: it is on its way through a socket. */
static bool send_away(int fd, int socket)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    char byte = 0;
    struct iovec iov = { &byte, 1 };
    struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };

    m.msg_control = control.room;
    m.msg_controllen = sizeof(control.room);
    control.head.cmsg_level = SOL_SOCKET;
    control.head.cmsg_type = SCM_RIGHTS;
    control.head.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&control.head), &fd, sizeof(int));
    return sendmsg(socket, &m, 0) == 1;
}

static void close_later(void *arg)
{
    int *sockets = arg;

    io_sleep_ns(30000000);
    close(sockets[0]);
    close(sockets[1]);
    sockets[0] = -1;
}

static void waits_for_the_dead(void *arg)
{
    RawTest *t = arg;
    GError *err = NULL;
    int fd = open(t->path[0], O_RDWR | O_CLOEXEC), sockets[2];
    struct flock l = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 201, .l_len = 1 };
    BlockNode *n;

    EXPECT(fd >= 0 && !fcntl(fd, F_OFD_SETLK, &l)); /* bears no other writer */
    EXPECT(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets));
    EXPECT(send_away(fd, sockets[0]));
    close(fd);
    fiber_start(close_later, sockets);
    n = block_node_open_name(t->g, t->path[0], "raw", BLOCK_OPEN_WRITE, &err);
    EXPECT(n && !err && sockets[0] < 0);
    block_node_unref(n);
}

TEST(blockraw, waits_for_the_dead)
{
    with_graph(waits_for_the_dead);
}

/* A name that is JSON, and options beside it, which are the stronger. */
static void names_by_json(void *arg)
{
    RawTest *t = arg;
    GError *err = NULL;
    g_autofree char *file =
        g_strdup_printf("json:{\"driver\":\"file\",\"filename\":\"%s\"}", t->path[0]);
    g_autofree char *part = g_strdup_printf("json:{\"driver\":\"raw\",\"offset\":512,\"size\":1024,"
                                            "\"file\":{\"driver\":\"file\",\"filename\":\"%s\"}}",
                                            t->path[0]);
    BlockNode *n = block_node_open_name(t->g, file, "raw", 0, &err);

    EXPECT(n && !err);
    EXPECT_STR(block_node_format(n), "raw"); /* over the file that it describes */
    EXPECT_STR(block_node_format(block_node_child(n, "file")), "file");
    block_node_unref(n);
    n = block_node_open_name(t->g, part, NULL, 0, &err);
    EXPECT(n && !err);
    EXPECT_EQ(block_node_size(n), 1024);
    block_node_unref(n);
    n = block_node_open_name(t->g, part, "qcow2", 0, &err);
    EXPECT(!n && err);
    g_clear_error(&err);
    n = block_node_open_name(t->g, "json:{\"driver\":\"raw\",", NULL, 0, &err);
    EXPECT(!n && strstr(err->message, "JSON"));
    g_clear_error(&err);
}

static void describe_expect(RawTest *t, const char *text, const char *want)
{
    g_autofree char *options = g_strdup_printf(text, t->path[0]);
    g_autofree char *name = g_strdup_printf(want, t->path[0]);
    g_autofree char *got = NULL;
    GError *err = NULL;
    BlockNode *n;
    Options o;

    EXPECT(options_parse(&o, options, NULL, &err));
    n = block_node_open(t->g, &o, 0, &err);
    EXPECT(n && !err);
    got = block_node_image_name(n);
    EXPECT_STR(got, name);
    options_deinit(&o);
    block_node_unref(n);
}

/* As QEMU's tools write it. */
static void image_names(void *arg)
{
    static const char *const names[][2] = {
        { "driver=raw,file.filename=%s", "%s" },
        { "driver=raw,offset=512,size=1024,file.filename=%s",
          "json:{\"offset\": \"512\", \"driver\": \"raw\", \"size\": \"1024\", \"file\": "
          "{\"driver\": \"file\", \"filename\": \"%s\"}}" },
        { "driver=raw,file.driver=preallocate,file.file.filename=%s",
          "json:{\"driver\": \"raw\", \"file\": {\"driver\": \"preallocate\", \"file\": "
          "{\"driver\": \"file\", \"filename\": \"%s\"}}}" },
        { "driver=raw,file.driver=raw,file.file.filename=%s",
          "json:{\"driver\": \"raw\", \"file\": {\"driver\": \"raw\", \"file\": "
          "{\"driver\": \"file\", \"filename\": \"%s\"}}}" },
        { "driver=raw,file.driver=blkdebug,file.image.filename=%s", "blkdebug::%s" },
        { "driver=blkdebug,align=4096,image.driver=file,image.filename=%s",
          "json:{\"image\": {\"driver\": \"file\", \"filename\": \"%s\"}, \"driver\": "
          "\"blkdebug\", \"align\": \"4096\"}" },
        { "driver=null-co", "null-co://" },
        { "driver=null-co,size=1M,read-zeroes=on",
          "json:{\"read-zeroes\": \"on\", \"driver\": \"null-co\", \"size\": \"1M\"}" },
        { "driver=raw,file.driver=null-co,file.size=1M",
          "json:{\"driver\": \"raw\", \"file\": {\"driver\": \"null-co\", \"size\": \"1M\"}}" },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        describe_expect(arg, names[i][0], names[i][1]);
    }
}

TEST(blockraw, image_names)
{
    with_graph(image_names);
}

TEST(blockraw, names_by_json)
{
    with_graph(names_by_json);
}
