/* SPDX-License-Identifier: Apache-2.0 */
#include "core/event/ioloop.h"
#include "tests/unit.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct Many {
    int fd;
    unsigned ended, bad;
    FiberQueue all;
} Many;

typedef struct One {
    Many *m;
    unsigned i;
} One;

static void one_block(void *arg)
{
    One o = *(One *)arg;
    uint8_t buf[4096];
    struct iovec iov[2] = { { buf, 1000 }, { buf + 1000, sizeof(buf) - 1000 } };

    g_free(arg);
    memset(buf, (int)o.i, sizeof(buf));
    o.m->bad += io_write(o.m->fd, iov, 2, o.i * 4096ull, o.i % 16 == 0) != 0;
    memset(buf, 0xee, sizeof(buf));
    o.m->bad += io_read(o.m->fd, iov, 2, o.i * 4096ull) != 0;
    o.m->bad += buf[0] != (uint8_t)o.i || buf[999] != (uint8_t)o.i || buf[4095] != (uint8_t)o.i;
    if (++o.m->ended == 200) {
        fiber_queue_wake_all(&o.m->all);
    }
}

static void many_blocks(void *arg)
{
    Many *m = arg;
    char past[8] = "xxxxxxx";
    struct iovec iov = { past, 8 };

    for (unsigned i = 0; i < 200; i++) {
        One *o = g_new(One, 1);

        *o = (One){ m, i };
        fiber_start(one_block, o);
    }
    if (m->ended < 200) {
        fiber_queue_wait(&m->all);
    }
    EXPECT_EQ(io_fdatasync(m->fd), 0);
    EXPECT_EQ(io_read(m->fd, &iov, 1, 200 * 4096 - 4), 0);
    EXPECT(!memcmp(past, "\307\307\307\307\0\0\0", 8)); /* beyond the end: zeros */
    EXPECT_EQ(io_read(-1, &iov, 1, 0), (uint64_t)-EBADF);
    EXPECT_EQ(io_write(-1, &iov, 1, 0, false), (uint64_t)-EBADF);
}

static void io_many(IoEngine engine, bool thread)
{
    GError *err = NULL;
    IoLoop *l = thread ? ioloop_new_thread("t", engine, &err) : ioloop_new("t", engine, &err);
    Many m = { .fd = memfd_create("io", MFD_CLOEXEC) };

    if (!l) {
        test_skip(err->message);
        g_error_free(err);
    } else {
        ioloop_run(l, many_blocks, &m);
        EXPECT_EQ(m.ended, 200);
        EXPECT_EQ(m.bad, 0);
        ioloop_free(l);
    }
    close(m.fd);
}

/* ---- Large pieces of the page cache: the helpers' ---- */

enum { LARGE = 256 << 10, LARGE_FIBERS = 8, LARGE_ROUNDS = 12 };

static bool large_is(const uint8_t *buf, uint8_t v, size_t len)
{
    return buf[0] == v && !memcmp(buf, buf + 1, len - 1);
}

static void large_fiber(void *arg)
{
    One o = *(One *)arg;
    uint8_t *buf = g_malloc(LARGE);
    struct iovec iov[2] = { { buf, 1000 }, { buf + 1000, LARGE - 1000 } };

    g_free(arg);
    for (unsigned i = 0; i < LARGE_ROUNDS; i++) {
        uint64_t off = ((uint64_t)i * LARGE_FIBERS + o.i) * LARGE;
        uint8_t v = (uint8_t)(i * LARGE_FIBERS + o.i + 1);

        memset(buf, v, LARGE);
        o.m->bad += io_write_by(IO_ENGINE_AUTO, o.m->fd, iov, 2, off, false, true) != 0;
        memset(buf, 0xee, LARGE);
        o.m->bad += io_read_by(IO_ENGINE_AUTO, o.m->fd, iov, 2, off, true) != 0;
        o.m->bad += !large_is(buf, v, LARGE);
    }
    /* Then all of them only read, the last one beyond the end. */
    for (unsigned i = 0; i < LARGE_ROUNDS; i++) {
        uint64_t at = (uint64_t)i * LARGE_FIBERS + o.i;
        uint8_t v = (uint8_t)(at + 1);
        bool last = at == LARGE_FIBERS * LARGE_ROUNDS - 1;

        o.m->bad += io_read_by(IO_ENGINE_AUTO, o.m->fd, iov, 2, at * LARGE + LARGE / 2, true) != 0;
        o.m->bad += !large_is(buf, v, LARGE / 2);
        /* The other half may be being written just now, if it is no file's end. */
        o.m->bad += last && !large_is(buf + LARGE / 2, 0, LARGE / 2);
    }
    o.m->bad += io_read_by(IO_ENGINE_AUTO, -1, iov, 2, 0, true) != -EBADF;
    o.m->bad += io_write_by(IO_ENGINE_AUTO, -1, iov, 2, 0, false, true) != -EBADF;
    g_free(buf);
    if (++o.m->ended == LARGE_FIBERS) {
        fiber_queue_wake_all(&o.m->all);
    }
}

static void large_all(void *arg)
{
    Many *m = arg;

    for (unsigned i = 0; i < LARGE_FIBERS; i++) {
        One *o = g_new(One, 1);

        *o = (One){ m, i };
        fiber_start(large_fiber, o);
    }
    if (m->ended < LARGE_FIBERS) {
        fiber_queue_wait(&m->all);
    }
}

static void large_by(IoEngine engine, bool thread)
{
    GError *err = NULL;
    IoLoop *l = thread ? ioloop_new_thread("t", engine, &err) : ioloop_new("t", engine, &err);
    Many m = { .fd = memfd_create("io", MFD_CLOEXEC) };

    if (!l) {
        test_skip(err->message);
        g_error_free(err);
    } else {
        ioloop_run(l, large_all, &m);
        EXPECT_EQ(m.ended, LARGE_FIBERS);
        EXPECT_EQ(m.bad, 0);
        ioloop_free(l);
    }
    close(m.fd);
}

TEST(ioloop, large_pieces)
{
    large_by(IO_ENGINE_AUTO, false);
    large_by(IO_ENGINE_AUTO, true);
    large_by(IO_ENGINE_THREADS, false);
}

TEST(ioloop, files_by_threads)
{
    io_many(IO_ENGINE_THREADS, false);
    io_many(IO_ENGINE_THREADS, true);
}

TEST(ioloop, files_by_uring)
{
    io_many(IO_ENGINE_URING, false);
}

TEST(ioloop, files_by_uring_on_a_thread)
{
    io_many(IO_ENGINE_URING, true);
}

typedef struct Sleep {
    unsigned *order, n, ms;
    gint64 from_us; /* one for all: the host may stop between the starts of two */
} Sleep;

static void sleeper(void *arg)
{
    Sleep *s = arg;

    gint64 left_us = s->from_us + s->ms * 1000 - g_get_monotonic_time();

    io_sleep_ns(left_us > 0 ? (uint64_t)left_us * 1000 : 0);
    *s->order = *s->order * 10 + s->n;
}

static void pipe_and_time(void *arg)
{
    int p[2];
    unsigned order = 0;
    Sleep s[4] = { { &order, 1, 40 }, { &order, 2, 10 }, { &order, 3, 30 }, { &order, 4, 20 } };

    EXPECT(!pipe(p));
    EXPECT_EQ(io_wait_fd(p[0], POLLIN, 1000000), 0);
    EXPECT(io_wait_fd(p[1], POLLOUT, 0) & POLLOUT);
    EXPECT_EQ(write(p[1], "x", 1), 1);
    EXPECT(io_wait_fd(p[0], POLLIN, 1000000000) & POLLIN);
    close(p[0]);
    close(p[1]);
    for (int i = 0; i < 4; i++) {
        s[i].from_us = s[0].from_us ? s[0].from_us : g_get_monotonic_time();
        fiber_start(sleeper, &s[i]);
    }
    for (int i = 0; i < 200 && order < 1000; i++) {
        io_sleep_ns(10000000);
    }
    EXPECT_EQ(order, 2431);
    io_pause();
}

TEST(ioloop, descriptors_and_timers)
{
    static const IoEngine engines[] = { IO_ENGINE_THREADS, IO_ENGINE_AUTO };

    for (int i = 0; i < 2; i++) {
        GError *err = NULL;
        IoLoop *l = ioloop_new("t", engines[i], &err);

        ioloop_run(l, pipe_and_time, NULL);
        ioloop_free(l);
    }
}

static void work(void *arg)
{
    __atomic_fetch_add((unsigned *)arg, 1, __ATOMIC_RELAXED);
}

static void posted(void *arg)
{
    io_work(work, arg);
    EXPECT(ioloop_self() != NULL);
}

static void nothing(void *arg)
{
}

TEST(ioloop, posts_from_another_thread)
{
    GError *err = NULL;
    IoLoop *l = ioloop_new_thread("t", IO_ENGINE_AUTO, &err);
    unsigned n = 0;

    for (int i = 0; i < 1000; i++) {
        ioloop_post(l, posted, &n);
    }
    while (__atomic_load_n(&n, __ATOMIC_RELAXED) < 1000) {
        ioloop_run(l, nothing, NULL);
    }
    /* All have ended once a fiber that comes after has slept: the last may still be returning. */
    ioloop_run(l, posted, &n);
    EXPECT_EQ(n, 1001);
    EXPECT(!ioloop_self());
    ioloop_free(l);
}
