/* SPDX-License-Identifier: Apache-2.0 */
#include "block/block.h"
#include "block/core/node.h"
#include "core/event/ioloop.h"
#include "core/event/loop.h"
#include "core/machine.h"
#include "tests/unit.h"
#include "util/lock.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What a device is to its disk: a lock, under which completions run. */
typedef struct Disk {
    BlockBackend *b;
    IoThread *t;
    Mutex lock;
    unsigned ended, failed, elsewhere; /* under the lock */
    uint8_t buf[64][512];
} Disk;

static bool disk_enter(void *opaque) NO_LOCK_ANALYSIS
{
    return mutex_try_lock(&((Disk *)opaque)->lock);
}

static void disk_leave(void *opaque) NO_LOCK_ANALYSIS
{
    mutex_unlock(&((Disk *)opaque)->lock);
}

static const BlockMonitor disk_monitor = { disk_enter, disk_leave };

static void disk_ended(void *opaque, int result) NO_LOCK_ANALYSIS
{
    Disk *d = opaque;
    bool entered = d->t && ioloop_self() == block_iothread_loop(d->t);

    if (!entered) {
        mutex_lock(&d->lock);
    }
    d->ended++;
    d->failed += result != 0;
    d->elsewhere += entered;
    if (!entered) {
        mutex_unlock(&d->lock);
    }
}

static IoThread *thread_new(Machine *m, const char *text)
{
    g_autoptr(GError) err = NULL;
    Options o = { 0 };
    IoThread *t;

    EXPECT(options_parse(&o, text, "qom-type", &err));
    t = block_iothread_new(m, &o, &err);
    EXPECT(t != NULL);
    options_deinit(&o);
    return t;
}

static void disk_open(Disk *d, Machine *m, const char *id)
{
    g_autoptr(GError) err = NULL;
    int fd = memfd_create(id, MFD_CLOEXEC);
    g_autofree char *text = g_strdup_printf("iothread,id=t-%s,poll-max-ns=50000", id);

    EXPECT(fd >= 0 && ftruncate(fd, 1 << 20) == 0);
    for (unsigned i = 0; i < 64; i++) {
        memset(d->buf[i], (int)(i + 1), 512);
    }
    d->b = block_open_fd(m, id, fd, 0, &err);
    EXPECT(d->b && block_claim(d->b, d, &err));
    mutex_init(&d->lock);
    d->t = thread_new(m, text);
    block_set_iothread(d->b, d->t, &disk_monitor, d);
}

static void disk_close(Disk *d)
{
    block_set_iothread(d->b, NULL, NULL, NULL);
    block_drain(d->b);
    block_release(d->b, d);
    block_close(d->b);
    mutex_deinit(&d->lock);
}

static unsigned disk_count(Disk *d)
{
    unsigned n;

    mutex_lock(&d->lock);
    n = d->ended;
    mutex_unlock(&d->lock);
    return n;
}

/* The main loop does nothing meanwhile. */
static void disk_wait(Disk *d, unsigned n)
{
    for (unsigned i = 0; disk_count(d) < n && i < 5000; i++) {
        g_usleep(1000);
    }
    EXPECT_EQ(disk_count(d), n);
}

/* What is written stays as it is: requests of an earlier call may still read it. */
static void disk_write(Disk *d, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        block_write(d->b, i % 64 * 512, &(struct iovec){ d->buf[i % 64], 512 }, 1, disk_ended, d);
    }
}

static void nothing(void *arg)
{
}

TEST(iothread, completes_without_the_main_loop)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    Disk d = { 0 };

    disk_open(&d, m, "d0");
    for (unsigned i = 0; !block_is_away(d.b) && i < 5000; i++) {
        g_usleep(1000);
    }
    EXPECT(block_is_away(d.b));
    disk_write(&d, 64);
    disk_wait(&d, 64);
    EXPECT_EQ(d.elsewhere, 64);
    EXPECT_EQ(d.failed, 0);
    EXPECT_EQ(block_stats(d.b)->of[BLOCK_STAT_WRITE].requests, 64);
    EXPECT(block_iothread_info(d.t).tid > 0);
    EXPECT_EQ(block_iothread_info(d.t).poll_max_ns, 50000);
    EXPECT(!block_iothread_free(m, d.t, &err));
    EXPECT(strstr(err->message, "in use"));
    disk_close(&d);
    machine_free(m);
}

TEST(iothread, comes_home_for_commands)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    BlockGraph *g;
    Disk d[2] = { 0 };
    unsigned n = 0;

    disk_open(&d[0], m, "d0");
    disk_open(&d[1], m, "d1");
    g = block_machine_graph(m, &err);
    for (unsigned i = 0; i < 200; i++) {
        disk_write(&d[0], 16);
        disk_write(&d[1], 16);
        n += 16;
        block_graph_gather(g);
        EXPECT(!block_is_away(d[0].b) && !block_is_away(d[1].b));
        block_graph_run(g, nothing, NULL);
        EXPECT(!block_is_away(d[0].b));
        if (i % 3 == 0) {
            disk_write(&d[0], 1); /* requests go on at home */
            disk_write(&d[1], 1);
            n++;
        }
        block_graph_scatter(g);
        if (i % 7 == 0) {
            block_drain(d[1].b);
            EXPECT_EQ(block_in_flight(d[1].b), 0);
        }
    }
    disk_wait(&d[0], n);
    disk_wait(&d[1], n);
    EXPECT_EQ(d[0].failed + d[1].failed, 0);
    disk_close(&d[0]);
    disk_close(&d[1]);
    machine_free(m);
}

/* What fails is the main loop's to decide of, and a drain in the device's lock ends all. */
TEST(iothread, drains_within_the_lock)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    Disk d = { 0 };

    disk_open(&d, m, "d0");
    for (unsigned i = 0; i < 100; i++) {
        disk_write(&d, 32);
        mutex_lock(&d.lock);
        block_wait(d.b);
        mutex_unlock(&d.lock);
        block_drain(d.b);
        EXPECT_EQ(block_in_flight(d.b), 0);
        EXPECT_EQ(disk_count(&d), (i + 1) * 32);
    }
    disk_close(&d);
    machine_free(m);
}

TEST(iothread, has_limits)
{
    static const char *const wrong[] = { "iothread,id=x,thread-pool-max=0",
                                         "iothread,id=x,thread-pool-max=65",
                                         "iothread,id=x,thread-pool-min=5,thread-pool-max=4" };
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    Options o = { 0 };
    Disk d = { 0 };
    IoThread *t;

    for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) why = NULL;

        EXPECT(options_parse(&o, wrong[i], "qom-type", &err));
        EXPECT(!block_iothread_new(m, &o, &why));
        EXPECT(why && strstr(why->message, "thread-pool-max="));
        options_deinit(&o);
    }
    t = thread_new(m, "iothread,id=t,aio-max-batch=3,thread-pool-min=2,thread-pool-max=4");
    EXPECT_EQ(ioloop_pool_size(block_iothread_loop(t)), 2);
    EXPECT_EQ(block_iothread_info(t).batch, 3);
    disk_open(&d, m, "d0");
    d.t = t;
    block_set_iothread(d.b, t, &disk_monitor, &d);
    disk_write(&d, 64);
    block_drain(d.b);
    EXPECT_EQ(d.ended, 64);
    EXPECT_EQ(d.failed, 0);
    disk_close(&d);
    EXPECT(options_parse(&o, "main-loop,id=m,aio-max-batch=1,thread-pool-max=1", "qom-type", &err));
    EXPECT(block_main_loop_set(m, &o, &err));
    options_deinit(&o);
    machine_free(m);
}
