/* SPDX-License-Identifier: Apache-2.0 */
#include "block/proto/file-direct.h"
#include "tests/unit.h"

#include <fcntl.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What it says is enough for reads and writes; -1 where the file system has no O_DIRECT. */
static int direct_works(const char *folder, uint64_t size)
{
    g_autofree char *path = g_build_filename(folder, "tinamou-direct-XXXXXX", NULL);
    int fd = mkstemp(path), direct, ret = -1;
    uint8_t *buf = NULL;
    FileAlign a;

    if (fd < 0) {
        return -1;
    }
    EXPECT(!ftruncate(fd, (off_t)size));
    for (uint64_t at = 0; at < size && at < 65536; at += 8) {
        EXPECT_EQ(pwrite(fd, "tinamou!", 8, (off_t)at), 8);
    }
    direct = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
    if (direct >= 0) {
        a = file_direct_align(direct);
        EXPECT(a.range >= 512 && a.range <= 4096 && !(a.range & (a.range - 1)));
        EXPECT(a.memory >= 512 && a.memory <= 4096 && !(a.memory & (a.memory - 1)));
        EXPECT(!posix_memalign((void **)&buf, 8192, 8192));
        memset(buf, 7, 8192);
        EXPECT_EQ(pwrite(direct, buf + a.memory, a.range, a.range), a.range);
        EXPECT_EQ(pread(direct, buf, a.range, a.range), a.range);
        EXPECT(buf[0] == 7 && buf[a.range - 1] == 7);
        free(buf);
        close(direct);
        ret = 0;
    }
    close(fd);
    unlink(path);
    return ret;
}

TEST(file_direct, align)
{
    (void)direct_works(g_get_tmp_dir(), 1 << 20);
    (void)direct_works(g_get_tmp_dir(), 0); /* nothing to try it on */
    (void)direct_works("/var/tmp", 1 << 20);
    (void)direct_works("/dev/shm", 1 << 20); /* a tmpfs: old ones have no O_DIRECT */
}

TEST(file_direct, not_a_file)
{
    FileAlign a = file_direct_align(-1);

    EXPECT(a.memory == 4096 && a.range == 4096);
}
