/* SPDX-License-Identifier: Apache-2.0 */
#include "util/fdsets.h"
#include "tests/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void count(void *arg, int64_t set, int fd, const char *opaque)
{
    unsigned *n = arg;

    *n += 1 + (opaque ? 100 : 0);
}

TEST(fdsets, sets)
{
    FdSets *f = fdsets_new();
    GError *err = NULL;
    int rw = memfd_create("set", MFD_CLOEXEC), ro, copy;
    char path[64];
    unsigned n = 0;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", rw);
    ro = open(path, O_RDONLY | O_CLOEXEC);
    EXPECT_EQ(fdsets_add(f, 1, ro, NULL, &err), 1);
    EXPECT_EQ(fdsets_add(f, -1, dup(rw), NULL, &err), 0);
    EXPECT_EQ(fdsets_add(f, -1, dup(rw), NULL, &err), 2);
    EXPECT_EQ(fdsets_open(f, "/dev/fdset/1", O_RDWR), -EACCES);
    EXPECT_EQ(fdsets_add(f, 1, rw, "text", &err), 1);
    copy = fdsets_open(f, "/dev/fdset/1", O_RDWR | O_APPEND);
    EXPECT(copy >= 0 && copy != rw);
    EXPECT((fcntl(copy, F_GETFL) & O_APPEND) && (fcntl(copy, F_GETFD) & FD_CLOEXEC));
    EXPECT_EQ(fdsets_open(f, "/dev/fdset/7", O_RDWR), -ENOENT);
    EXPECT_EQ(fdsets_open(f, "/dev/fdset/x", O_RDWR), -ENOENT);
    EXPECT_EQ(fdsets_open(f, "/dev/fdset/", O_RDWR), -ENOENT);
    fdsets_each(f, count, &n);
    EXPECT_EQ(n, 104);
    EXPECT(!fdsets_remove(f, 1, 12345, &err));
    EXPECT_STR(err->message, "File descriptor named 'fdset-id:1, fd:12345' not found");
    g_clear_error(&err);
    EXPECT(fdsets_remove(f, 1, ro, &err));
    EXPECT_EQ(fdsets_open(f, "/dev/fdset/1", O_RDONLY), -EACCES);
    EXPECT(fdsets_remove(f, 1, -1, &err));
    EXPECT(!fdsets_remove(f, 1, -1, &err));
    g_clear_error(&err);
    EXPECT_EQ(write(copy, "still open", 10), 10);
    EXPECT_EQ(fdsets_add(f, 3, 54321, NULL, &err), -1);
    g_clear_error(&err);
    close(copy);
    fdsets_unref(f);
}

TEST(fdsets, names)
{
    FdSets *f = fdsets_new();
    int a = memfd_create("a", MFD_CLOEXEC), b = memfd_create("b", MFD_CLOEXEC);

    EXPECT_EQ(fdsets_take(f, "a"), -1);
    fdsets_name(f, "a", a);
    fdsets_name(f, "a", b); /* the first one is closed */
    EXPECT(fcntl(a, F_GETFD) < 0 && errno == EBADF);
    EXPECT_EQ(fdsets_take(f, "a"), b);
    EXPECT_EQ(fdsets_take(f, "a"), -1);
    fdsets_name(f, "b", b);
    fdsets_unref(f);
    EXPECT(fcntl(b, F_GETFD) < 0);
}

TEST(fdsets, numbers_and_names)
{
    FdSets *f = fdsets_new();
    GError *err = NULL;
    int fd = memfd_create("named", MFD_CLOEXEC);
    char number[16];

    snprintf(number, sizeof(number), "%d", fd);
    EXPECT_EQ(fdsets_take_text(f, "fd=", number, &err), fd);
    EXPECT_EQ(fdsets_take_text(f, "fd=", "net0", &err), -1);
    EXPECT(err && strstr(err->message, "fd=net0 is neither"));
    g_clear_error(&err);
    fdsets_name(f, "net0", fd);
    EXPECT_EQ(fdsets_take_text(f, "fd=", "net0", &err), fd);
    EXPECT_EQ(fdsets_take_text(NULL, "fd=", "net0", &err), -1); /* used up */
    g_clear_error(&err);
    EXPECT_EQ(fdsets_take_text(f, "fd=", "1x", &err), -1);
    EXPECT(err && strstr(err->message, "fd=1x: is no open"));
    g_clear_error(&err);
    close(fd);
    EXPECT_EQ(fdsets_take_text(f, "fd=", number, &err), -1);
    EXPECT(err && strstr(err->message, "is no open file descriptor"));
    g_clear_error(&err);
    fdsets_unref(f);
}
