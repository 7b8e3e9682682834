/* SPDX-License-Identifier: Apache-2.0 */
#include "block/proto/file-lock.h"
#include "tests/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    READER = FILE_LOCK_READ,
    WRITER = FILE_LOCK_READ | FILE_LOCK_WRITE,
    ALONE = FILE_LOCK_WRITE | FILE_LOCK_RESIZE
};

TEST(file_lock, readers_share_and_writers_do_not)
{
    int fd = memfd_create("lock", MFD_CLOEXEC), a, b;
    char path[64];
    GError *err = NULL;

    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    a = open(path, O_RDWR | O_CLOEXEC);
    b = open(path, O_RDWR | O_CLOEXEC);
    EXPECT(file_lock(a, "x", READER, ALONE, false, &err));
    EXPECT(file_lock(b, "x", READER, ALONE, false, &err));
    file_unlock(b);
    EXPECT(!file_lock(b, "x", WRITER, ALONE, false, &err));
    EXPECT_STR(err->message,
               "x: Failed to get \"write\" lock: this process, by another node uses the image");
    g_clear_error(&err);
    file_unlock(a);
    EXPECT(file_lock(b, "x", WRITER, ALONE, false, &err));
    EXPECT(!file_lock(a, "x", READER, ALONE, false, &err));
    EXPECT(err && strstr(err->message, "shared \"write\" lock"));
    g_clear_error(&err);
    EXPECT(file_lock(a, "x", READER, 0, false, &err)); /* force-share */
    close(a);
    close(b);
    close(fd);
}
