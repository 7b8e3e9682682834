/* SPDX-License-Identifier: Apache-2.0 */
#include "block/block.h"
#include "block/core/node.h"
#include "core/event/loop.h"
#include "core/machine.h"
#include "tests/unit.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct Ended {
    unsigned n;
    int result;
} Ended;

static void file_ended(void *opaque, int result)
{
    Ended *e = opaque;

    e->n++;
    e->result = result;
}

static int file_wait(Machine *m, Ended *e)
{
    while (!e->n) {
        loop_iterate(m, true);
    }
    e->n = 0;
    return e->result;
}

static BlockBackend *file_open(Machine *m, unsigned size, unsigned flags)
{
    g_autoptr(GError) err = NULL;
    int fd = memfd_create("disk", MFD_CLOEXEC);
    BlockBackend *b;

    EXPECT(fd >= 0 && ftruncate(fd, size) == 0);
    b = block_open_fd(m, "d0", fd, flags, &err);
    EXPECT(b != NULL);
    return b;
}

TEST(block_file, write_then_read)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    BlockBackend *b = file_open(m, 8192 - 100, 0);
    uint8_t out[1024], in[1024];
    struct iovec w[] = { { out, 100 }, { out + 100, 0 }, { out + 100, 924 } };
    struct iovec r[] = { { in, 1000 }, { in + 1000, 24 } };
    Ended e = { 0 };

    EXPECT_EQ(block_size(b), 8192);
    for (unsigned i = 0; i < sizeof(out); i++) {
        out[i] = (uint8_t)(i * 7 + 1);
    }
    block_write(b, 512, w, 3, file_ended, &e);
    EXPECT_EQ(file_wait(m, &e), 0);
    block_read(b, 512, r, 2, file_ended, &e);
    EXPECT_EQ(file_wait(m, &e), 0);
    EXPECT(!memcmp(in, out, sizeof(in)));
    /* The rest of the last sector reads as zeros. */
    memset(in, 0xff, sizeof(in));
    block_read(b, 8192 - 1024, r, 2, file_ended, &e);
    EXPECT_EQ(file_wait(m, &e), 0);
    EXPECT(in[0] == 0 && in[1023] == 0);
    block_write_zeroes(b, 512, 512, file_ended, &e);
    EXPECT_EQ(file_wait(m, &e), 0);
    block_read(b, 512, r, 2, file_ended, &e);
    EXPECT_EQ(file_wait(m, &e), 0);
    EXPECT(in[0] == 0 && in[511] == 0 && in[512] == out[512]);
    block_flush(b, file_ended, &e);
    EXPECT_EQ(file_wait(m, &e), 0);
    block_close(b);
    machine_free(m);
}

TEST(block_file, refuses_what_is_outside)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    BlockBackend *b = file_open(m, 4096, BLOCK_READ_ONLY);
    uint8_t buf[1024] = { 0 };
    struct iovec v[] = { { buf, 512 }, { buf, 512 } };
    struct iovec huge[] = { { buf, 512 }, { buf, SIZE_MAX - 100 } };
    Ended e = { 0 };

    block_read(b, 3584, v, 2, file_ended, &e);
    EXPECT_EQ(file_wait(m, &e), -EINVAL);
    block_read(b, UINT64_MAX - 511, v, 1, file_ended, &e);
    EXPECT_EQ(file_wait(m, &e), -EINVAL);
    block_read(b, 0, huge, 2, file_ended, &e);
    EXPECT_EQ(file_wait(m, &e), -EINVAL);
    block_write(b, 0, v, 1, file_ended, &e);
    EXPECT_EQ(file_wait(m, &e), -EROFS);
    block_discard(b, 0, 512, file_ended, &e);
    EXPECT_EQ(file_wait(m, &e), -EROFS);
    block_close(b);
    machine_free(m);
}

TEST(block_file, drain_ends_requests)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    BlockBackend *b = file_open(m, 1 << 20, 0);
    uint8_t buf[512] = { 1 };
    struct iovec v = { buf, 512 };
    Ended e = { 0 };

    for (unsigned i = 0; i < 20; i++) {
        block_write(b, i * 512, &v, 1, file_ended, &e);
    }
    block_drain(b);
    EXPECT_EQ(e.n, 20);
    EXPECT_EQ(block_in_flight(b), 0);
    block_write(b, 0, &v, 1, file_ended, &e);
    block_close(b);
    EXPECT_EQ(e.n, 21);
    machine_free(m);
}

TEST(block_file, says_what_is_wrong)
{
    g_autoptr(GError) err = NULL;
    g_autoptr(GError) err2 = NULL;
    Machine *m = machine_new(&err);

    EXPECT(!block_open(m, "d0", "/nonexistent/disk.img", 0, &err));
    EXPECT(err && strstr(err->message, "/nonexistent/disk.img"));
    EXPECT(!block_open(m, "d0", "/dev/null", 0, &err2));
    EXPECT(err2 && strstr(err2->message, "no regular file"));
    machine_free(m);
}

typedef struct Failure {
    unsigned n;
    int error;
    BlockErrorAction action;
} Failure;

static void file_failed(void *opaque, BlockBackend *b, bool write, int error,
                        BlockErrorAction action)
{
    Failure *f = opaque;

    EXPECT(write);
    *f = (Failure){ f->n + 1, error, action };
}

/* werror=enospc: the request is held where there is no space, until it is tried again. */
TEST(block_file, errors_hold_requests)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    uint8_t buf[512] = { 1 };
    struct iovec v = { buf, 512 };
    Ended e = { 0 };
    Failure f = { 0 };
    BlockBackend *b;
    Options o;

    EXPECT(options_parse(&o,
                         "driver=blkdebug,inject-error.0.event=write_aio,inject-error.0.errno=28,"
                         "inject-error.0.once=on,inject-error.1.event=write_aio,"
                         "inject-error.1.sector=9,file.driver=null-co",
                         NULL, &err));
    b = block_open_options(m, "d0", &o, 1, &err);
    EXPECT(b && !block_is_read_only(b));
    options_deinit(&o);
    block_on_error(b, BLOCK_ERROR_REPORT, BLOCK_ERROR_ENOSPC, file_failed, &f);
    block_write(b, 0, &v, 1, file_ended, &e);
    while (!f.n) {
        loop_iterate(m, true);
    }
    EXPECT(f.error == ENOSPC && f.action == BLOCK_ERROR_STOP);
    EXPECT_EQ(block_held(b), 1);
    EXPECT_EQ(block_in_flight(b), 0);
    EXPECT_EQ(e.n, 0);
    block_retry(b);
    EXPECT_EQ(file_wait(m, &e), 0);
    block_write(b, 9 * 512, &v, 1, file_ended, &e);
    EXPECT_EQ(file_wait(m, &e), -EIO);
    EXPECT(f.n == 2 && f.action == BLOCK_ERROR_REPORT);
    block_close(b);
    machine_free(m);
}

/* 60 reads, 10 of which the first tenth of a second brings along; who drains does not wait. */
TEST(block_file, limits_of_a_disk)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    Options o = { 0 };
    struct iovec v = { (char[512]){ 0 }, 512 };
    Ended e = { 0 };
    BlockBackend *b;
    int64_t begin;

    options_add(&o, "driver", "null-co");
    options_add(&o, "throttling.iops-total", "100");
    b = block_open_options(m, "d0", &o, BLOCK_OPEN_WRITE, &err);
    EXPECT(b != NULL);
    begin = g_get_monotonic_time();
    for (unsigned i = 0; i < 16; i++) {
        block_read(b, 0, &v, 1, file_ended, &e);
        EXPECT_EQ(file_wait(m, &e), 0);
    }
    EXPECT(g_get_monotonic_time() - begin >= 40000); /* six of ten milliseconds, less some */
    for (unsigned i = 0; i < 1000; i++) {
        block_write(b, 0, &v, 1, file_ended, &e);
    }
    begin = g_get_monotonic_time();
    block_drain(b);
    EXPECT_EQ(e.n, 1000);
    EXPECT(g_get_monotonic_time() - begin < 5000000);
    block_close(b);
    options_deinit(&o);
    options_add(&o, "driver", "null-co");
    options_add(&o, "throttling.iops-total-max", "100");
    EXPECT(!block_open_options(m, "d0", &o, BLOCK_OPEN_WRITE, &err));
    EXPECT(err && strstr(err->message, "require corresponding bps/iops values"));
    options_deinit(&o);
    machine_free(m);
}

/* As loading a state does with all drives. */
TEST(block_file, empty_drive_has_no_size)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    BlockBackend *b = block_open_empty(m, "cd0", &err);

    EXPECT(b != NULL);
    block_size_changed(b);
    EXPECT_EQ(block_size(b), 0);
    block_close(b);
    machine_free(m);
}
