/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The alignment of O_DIRECT: 512 on most disks, 4096 on some, and on files of file systems with
 * larger blocks. Spec: statx(2), STATX_DIOALIGN (Linux 6.1); open(2), O_DIRECT.
 */
#include "block/proto/file-direct.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DIRECT_MAX = 4096,
    DIRECT_MIN = 512,
    STATX_DIO_MASK = 0x2000, /* headers before Linux 6.1 have no name for it */
    STATX_DIO_MEMORY = 0x98, /* where the two numbers lie in struct statx */
    STATX_DIO_RANGE = 0x9c,
};

static uint32_t direct_u32(const void *p, size_t at)
{
    uint32_t v;

    memcpy(&v, (const uint8_t *)p + at, sizeof(v));
    return v;
}

static bool direct_is_right(uint32_t align)
{
    return align && align <= DIRECT_MAX && !(align & (align - 1));
}

static bool direct_ask_file(int fd, FileAlign *out)
{
    struct statx st;

    memset(&st, 0, sizeof(st));
    if (sizeof(st) < STATX_DIO_RANGE + sizeof(uint32_t) ||
        statx(fd, "", AT_EMPTY_PATH, STATX_DIO_MASK, &st) || !(st.stx_mask & STATX_DIO_MASK)) {
        return false;
    }
    out->memory = direct_u32(&st, STATX_DIO_MEMORY);
    out->range = direct_u32(&st, STATX_DIO_RANGE);
    return direct_is_right(out->memory) && direct_is_right(out->range);
}

static bool direct_ask_device(int fd, FileAlign *out)
{
    int size = 0;

    if (ioctl(fd, BLKSSZGET, &size) || size < DIRECT_MIN || !direct_is_right((uint32_t)size)) {
        return false;
    }
    out->memory = out->range = (uint32_t)size;
    return true;
}

/* A hole, or a place behind the end, would bear any alignment. */
static bool direct_has_data(int fd)
{
    return lseek(fd, 0, SEEK_DATA) == 0 && lseek(fd, 0, SEEK_HOLE) >= DIRECT_MAX;
}

static bool direct_try(int fd, FileAlign *out)
{
    uint8_t *buf;
    bool found = false;

    if (!direct_has_data(fd) || posix_memalign((void **)&buf, DIRECT_MAX, 2 * DIRECT_MAX)) {
        return false;
    }
    for (uint32_t a = DIRECT_MIN; a <= DIRECT_MAX && !found; a *= 2) {
        found = pread(fd, buf, a, 0) == (ssize_t)a;
        out->range = a;
    }
    for (uint32_t a = DIRECT_MIN; a <= DIRECT_MAX && found; a *= 2) {
        out->memory = a;
        if (a == DIRECT_MAX || pread(fd, buf + a, DIRECT_MAX, 0) == DIRECT_MAX) {
            break;
        }
    }
    free(buf);
    return found;
}

FileAlign file_direct_align(int fd)
{
    FileAlign a = { DIRECT_MAX, DIRECT_MAX };

    if (!direct_ask_device(fd, &a) && !direct_ask_file(fd, &a) && !direct_try(fd, &a)) {
        return (FileAlign){ DIRECT_MAX, DIRECT_MAX };
    }
    a.memory = a.memory < DIRECT_MIN ? DIRECT_MIN : a.memory;
    a.range = a.range < DIRECT_MIN ? DIRECT_MIN : a.range;
    return a;
}
