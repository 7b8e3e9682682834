/* SPDX-License-Identifier: Apache-2.0 */
/* Jobs on toy images while a guest writes: what ends where, and that nothing is lost. */
#include "block/core/toy-test.h"
#include "block/job/jobs.h"
#include "tests/unit.h"

#include <errno.h>
#include <string.h>

typedef struct Guest {
    BlockHolder disk;
    uint8_t model[TOY_SIZE];
    bool stop;
    unsigned running, errors;
    uint32_t seed;
    FiberQueue ended;
} Guest;

/* One region a fiber, so that the model needs no order. */
typedef struct GuestFiber {
    Guest *g;
    unsigned region;
} GuestFiber;

enum { REGIONS = 8, REGION = TOY_SIZE / REGIONS };

static void guest_write(Guest *g, GRand *r, uint64_t start)
{
    uint64_t off = start + (uint64_t)g_rand_int_range(r, 0, REGION - 1);
    uint64_t len = (uint64_t)g_rand_int_range(r, 1, 9000);
    g_autofree uint8_t *buf = NULL;
    BlockNode *n;
    int ret;

    len = MIN(len, start + REGION - off);
    buf = g_malloc(len);
    memset(buf, g_rand_int_range(r, 0, 4) * 7, len);
    n = block_holder_node(&g->disk);
    ret = buf[0] ? block_node_write(n, off, buf, len, 0) : block_node_write_zeroes(n, off, len, 0);
    g->errors += ret != 0;
    memcpy(g->model + off, buf, len);
}

static void guest_run(void *arg)
{
    GuestFiber *f = arg;
    GRand *r = g_rand_new_with_seed(f->g->seed + f->region);

    while (!f->g->stop) {
        guest_write(f->g, r, f->region * (uint64_t)REGION);
        io_pause();
    }
    g_rand_free(r);
    f->g->running--;
    fiber_queue_wake_all(&f->g->ended);
    g_free(f);
}

static void guest_start(Guest *g, BlockNode *n, uint32_t seed)
{
    g->seed = seed;
    block_hold(&g->disk, n);
    EXPECT_EQ(block_node_write(n, 0, g->model, TOY_SIZE, 0), 0);
    for (unsigned i = 0; i < REGIONS; i++) {
        GuestFiber *f = g_new(GuestFiber, 1);

        *f = (GuestFiber){ g, i };
        g->running++;
        fiber_start(guest_run, f);
    }
}

static void guest_stop(Guest *g)
{
    g->stop = true;
    while (g->running) {
        fiber_queue_wait(&g->ended);
    }
    EXPECT_EQ(g->errors, 0);
}

static bool same(BlockNode *n, const uint8_t *model)
{
    g_autofree uint8_t *buf = g_malloc(TOY_SIZE);

    return !block_node_read(n, 0, buf, TOY_SIZE) && !memcmp(buf, model, TOY_SIZE);
}

static void pauses(unsigned n)
{
    while (n--) {
        io_pause();
    }
}

typedef struct JobTest {
    BlockGraph *g;
    uint32_t seed;
} JobTest;

static void backup_is_of_one_moment(void *arg)
{
    JobTest *t = arg;
    g_autoptr(GError) err = NULL;
    g_autofree Guest *guest = g_new0(Guest, 1);
    g_autofree uint8_t *then = NULL;
    BlockNode *disk = toy_new(t->g, toy_new(t->g, NULL, 3), t->seed);
    BlockNode *copy = toy_new(t->g, NULL, t->seed + 1);
    JobOptions o = { .id = "b", .node = disk };
    BackupOptions bo = { .target = copy, .sync = SYNC_FULL };
    BlockJob *j;

    memset(guest->model, 0x55, TOY_SIZE);
    guest_start(guest, disk, t->seed);
    pauses(20);
    block_node_drain(disk);
    then = g_malloc(TOY_SIZE);
    EXPECT_EQ(block_node_read(disk, 0, then, TOY_SIZE), 0);
    j = job_backup_new(t->g, &o, &bo, &err);
    EXPECT(j != NULL);
    block_node_undrain(disk);
    block_job_start(j);
    EXPECT_EQ(block_job_wait(j, NULL), 0);
    EXPECT(!block_job_find(block_jobs(t->g), "b"));
    pauses(10);
    guest_stop(guest);
    EXPECT(same(copy, then));
    EXPECT(same(disk, guest->model));
    EXPECT(memcmp(then, guest->model, TOY_SIZE) != 0);
    block_let_go(&guest->disk);
    block_node_unref(disk);
    block_node_unref(copy);
}

static void job_until(BlockJobs *js, const char *id, JobStatus s)
{
    BlockJob *j;

    while ((j = block_job_find(js, id)) && block_job_info(j).status != s) {
        io_sleep_ns(1000000);
    }
    EXPECT(j != NULL);
}

static void job_gone(BlockJobs *js, const char *id)
{
    while (block_job_find(js, id)) {
        io_sleep_ns(1000000);
    }
}

static void mirror_takes_the_place(void *arg)
{
    JobTest *t = arg;
    g_autoptr(GError) err = NULL;
    g_autofree Guest *guest = g_new0(Guest, 1);
    BlockNode *disk = toy_new(t->g, NULL, t->seed), *copy = toy_new(t->g, NULL, t->seed + 1);
    JobOptions o = { .id = "m", .node = disk };
    MirrorOptions mo = { .target = copy, .sync = SYNC_FULL, .granularity = 512 };
    BlockJob *j;

    memset(guest->model, 0x77, TOY_SIZE);
    guest_start(guest, disk, t->seed);
    mo.write_blocking = t->seed & 1;
    j = job_mirror_new(t->g, &o, &mo, &err);
    EXPECT(j != NULL);
    block_job_start(j);
    pauses(200);
    guest_stop(guest); /* so that it comes to an end: background mirrors may chase for ever */
    guest->stop = false;
    job_until(block_jobs(t->g), "m", JOB_READY);
    for (unsigned i = 0; i < REGIONS; i++) {
        GuestFiber *f = g_new(GuestFiber, 1);

        *f = (GuestFiber){ guest, i };
        guest->running++;
        fiber_start(guest_run, f);
    }
    pauses(20);
    EXPECT(block_job_complete(j, &err));
    job_gone(block_jobs(t->g), "m");
    pauses(50);
    guest_stop(guest);
    EXPECT(guest->disk.node == copy);
    EXPECT(same(copy, guest->model));
    block_let_go(&guest->disk);
    block_node_unref(disk);
    block_node_unref(copy);
}

static void commit_of_the_active_image(void *arg)
{
    JobTest *t = arg;
    g_autoptr(GError) err = NULL;
    g_autofree Guest *guest = g_new0(Guest, 1);
    BlockNode *base = toy_new(t->g, NULL, t->seed), *disk;
    JobOptions o = { .id = "c" };
    BlockJob *j;

    base->size = TOY_SIZE;
    disk = toy_new(t->g, block_node_ref(base), t->seed + 1);
    o.node = disk;
    guest_start(guest, disk, t->seed);
    pauses(30);
    j = job_commit_new(t->g, &o, disk, disk, base, NULL, &err);
    EXPECT(j != NULL);
    block_job_start(j);
    pauses(50);
    guest_stop(guest);
    job_until(block_jobs(t->g), "c", JOB_READY);
    EXPECT(block_job_complete(j, &err));
    job_gone(block_jobs(t->g), "c");
    EXPECT(guest->disk.node == base);
    EXPECT(same(base, guest->model));
    block_let_go(&guest->disk);
    block_node_unref(disk);
    block_node_unref(base);
}

static void verbs_and_transactions(void *arg)
{
    JobTest *t = arg;
    g_autoptr(GError) err = NULL;
    BlockNode *disk = toy_new(t->g, NULL, 1), *a = toy_new(t->g, NULL, 2);
    BlockNode *b = toy_new(t->g, NULL, 3);
    JobOptions o = { .id = "1bad",
                     .node = disk,
                     .flags = JOB_MANUAL_FINALIZE | JOB_MANUAL_DISMISS };
    BackupOptions bo = { .target = a, .sync = SYNC_FULL };
    JobTxn *txn = block_txn_new();
    BlockJobs *js = block_jobs(t->g);
    BlockJob *one, *two;

    EXPECT_EQ(block_node_write(disk, 0, "x", 1, 0), 0);
    EXPECT(!job_backup_new(t->g, &o, &bo, &err));
    g_clear_error(&err);
    o.id = "one";
    one = job_backup_new(t->g, &o, &bo, &err);
    EXPECT(!job_backup_new(t->g, &o, &bo, &err)); /* the id is in use */
    g_clear_error(&err);
    o.id = "two";
    bo.target = b;
    two = job_backup_new(t->g, &o, &bo, &err);
    block_txn_add(txn, one);
    block_txn_add(txn, two);
    block_txn_unref(txn);
    EXPECT(block_job_pause(two, &err));
    block_job_start(one);
    block_job_start(two);
    job_until(js, "one", JOB_WAITING);
    EXPECT_EQ(block_job_info(two).status, JOB_PAUSED);
    EXPECT(!block_job_finalize(one, &err));
    EXPECT(strstr(err->message, "Job 'one' in state 'waiting' cannot accept command verb"));
    g_clear_error(&err);
    EXPECT(block_job_resume(two, &err));
    job_until(js, "two", JOB_PENDING);
    EXPECT(block_job_finalize(two, &err));
    EXPECT_EQ(block_job_info(one).status, JOB_CONCLUDED);
    EXPECT(block_job_dismiss(one, &err) && block_job_dismiss(two, &err));
    EXPECT(!block_job_next(js, NULL));
    /* One fails, both fail. */
    txn = block_txn_new();
    o.id = "one";
    bo.target = a;
    one = job_backup_new(t->g, &o, &bo, &err);
    o.id = "two";
    bo.target = b;
    two = job_backup_new(t->g, &o, &bo, &err);
    block_txn_add(txn, one);
    block_txn_add(txn, two);
    block_txn_unref(txn);
    toy_memory(a)->fail = 1;
    EXPECT(block_job_pause(two, &err));
    block_job_start(one);
    block_job_start(two);
    job_until(js, "one", JOB_CONCLUDED);
    job_until(js, "two", JOB_CONCLUDED);
    EXPECT(block_job_info(one).error != NULL);
    EXPECT(block_job_dismiss(one, &err) && block_job_dismiss(two, &err));
    toy_memory(a)->fail = 0;
    block_node_unref(disk);
    block_node_unref(a);
    block_node_unref(b);
}

/* In every status: paused, waiting for another of its transaction, pending, concluded, not begun.
 */
static void jobs_end_whatever_they_do(void *arg)
{
    static const char *const ids[] = { "paused", "waits", "slow", "pending", "concluded", "new" };
    JobTest *t = arg;
    g_autoptr(GError) err = NULL;
    BlockNode *disk = toy_new(t->g, NULL, t->seed), *copies[G_N_ELEMENTS(ids)];
    BlockJobs *js = block_jobs(t->g);
    JobTxn *txn = block_txn_new();

    for (unsigned i = 0; i < G_N_ELEMENTS(ids); i++) {
        JobOptions o = { .id = ids[i], .node = disk };
        BackupOptions bo = { .target = copies[i] = toy_new(t->g, NULL, i), .sync = SYNC_FULL };
        BlockJob *j;

        o.flags = i == 3 ? JOB_MANUAL_FINALIZE : i == 4 ? JOB_MANUAL_DISMISS : 0;
        j = job_backup_new(t->g, &o, &bo, &err);
        EXPECT(j != NULL);
        if (i == 1 || i == 2) {
            block_txn_add(txn, j);
        }
        EXPECT((i && i != 2) || block_job_pause(j, &err));
    }
    block_txn_unref(txn);
    for (unsigned i = 0; i < 5; i++) {
        block_job_start(block_job_find(js, ids[i]));
    }
    job_until(js, "waits", JOB_WAITING);
    job_until(js, "pending", JOB_PENDING);
    job_until(js, "concluded", JOB_CONCLUDED);
    job_until(js, "paused", JOB_PAUSED);
    block_jobs_end(js);
    EXPECT(!block_job_next(js, NULL));
    EXPECT(block_node_is_alone(disk));
    block_node_unref(disk);
    for (unsigned i = 0; i < G_N_ELEMENTS(ids); i++) {
        block_node_unref(copies[i]);
    }
}

static void job_test(FiberFn *fn, unsigned rounds)
{
    GError *err = NULL;
    IoLoop *l = ioloop_new("t", IO_ENGINE_THREADS, &err);

    for (unsigned i = 0; i < rounds; i++) {
        JobTest t = { block_graph_new(l), i * 1000 + i };

        ioloop_run(l, fn, &t);
        block_graph_free(t.g);
    }
    ioloop_free(l);
}

TEST(job, a_backup_is_of_one_moment)
{
    job_test(backup_is_of_one_moment, 4);
}

TEST(job, a_mirror_takes_the_place)
{
    job_test(mirror_takes_the_place, 4);
}

TEST(job, a_commit_of_the_active_image)
{
    job_test(commit_of_the_active_image, 3);
}

TEST(job, all_end_whatever_they_do)
{
    job_test(jobs_end_whatever_they_do, 3);
}

TEST(job, verbs_and_transactions)
{
    job_test(verbs_and_transactions, 1);
}
