/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel's NBD device for hosts that have none, preloaded: /dev/nbd0 is an open file whose ioctls
 * are noted in $FAKE_NBD_LOG. NBD_DO_IT writes and reads a sector by the protocol, then waits for
 * NBD_DISCONNECT, or ends by itself with $FAKE_NBD_ONCE.
 */
#undef _FILE_OFFSET_BITS /* open and open64 are two functions here */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <endian.h>
#include <linux/fs.h>
#include <linux/nbd.h>

static int fake_socket = -1;
static volatile int fake_over;
static unsigned long fake_blocks;

static void fake_note(const char *what, unsigned long arg)
{
    FILE *f = fopen(getenv("FAKE_NBD_LOG"), "a");

    fprintf(f, "%s %lu\n", what, arg);
    fclose(f);
}

static int fake_open(const char *path)
{
    return strcmp(path, "/dev/nbd0") ? -1 : memfd_create("fake-nbd", 0);
}

int open(const char *path, int flags, ...)
{
    int (*real)(const char *, int, ...) = (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
    int fd = fake_open(path);
    va_list ap;
    int mode;

    va_start(ap, flags);
    mode = va_arg(ap, int);
    va_end(ap);
    return fd >= 0 ? fd : real(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list ap;
    int mode;

    va_start(ap, flags);
    mode = va_arg(ap, int);
    va_end(ap);
    return open(path, flags | O_LARGEFILE, mode);
}

static int fake_ask(uint32_t type, uint64_t from, char *data)
{
    struct nbd_request q = { .magic = htonl(NBD_REQUEST_MAGIC),
                             .type = htonl(type),
                             .from = htobe64(from),
                             .len = htonl(512) };
    struct nbd_reply r;

    if (write(fake_socket, &q, sizeof(q)) != sizeof(q) ||
        (type == NBD_CMD_WRITE && write(fake_socket, data, 512) != 512) ||
        read(fake_socket, &r, 16) != 16 || r.magic != htonl(NBD_REPLY_MAGIC)) {
        return -1;
    }
    if (type == NBD_CMD_READ && !r.error) {
        for (int at = 0, n; at < 512; at += n) {
            if ((n = (int)read(fake_socket, data + at, 512 - (size_t)at)) <= 0) {
                return -1;
            }
        }
    }
    return (int)ntohl(r.error);
}

static int fake_do_it(void)
{
    char data[512], back[512];

    memset(data, 0x5a, sizeof(data));
    fake_note("write", (unsigned long)fake_ask(NBD_CMD_WRITE, 1024, data));
    fake_note("read", (unsigned long)fake_ask(NBD_CMD_READ, 1024, back));
    fake_note("same", !memcmp(data, back, 512));
    while (!fake_over && !getenv("FAKE_NBD_ONCE")) {
        usleep(10000);
    }
    return 0;
}

int ioctl(int fd, unsigned long request, ...)
{
    int (*real)(int, unsigned long, ...) =
        (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
    unsigned long arg;
    va_list ap;

    va_start(ap, request);
    arg = va_arg(ap, unsigned long);
    va_end(ap);
    switch (request) {
    case NBD_SET_SOCK:
        fake_socket = dup((int)arg);
        fake_note("set-sock", 0);
        return 0;
    case NBD_SET_SIZE_BLOCKS:
        fake_blocks = arg;
        fake_note("size", arg);
        return 0;
    case NBD_SET_BLKSIZE:
        fake_note("block", arg);
        return 0;
    case NBD_SET_FLAGS:
        fake_note("read-only", !!(arg & NBD_FLAG_READ_ONLY));
        return 0;
    case NBD_DO_IT:
        return fake_do_it();
    case NBD_DISCONNECT:
        fake_note("disconnect", 0);
        fake_over = 1;
        return 0;
    case NBD_CLEAR_QUE:
        return 0;
    case NBD_CLEAR_SOCK:
        fake_note("clear-sock", 0);
        if (fake_socket >= 0) {
            close(fake_socket);
        }
        fake_socket = -1;
        return 0;
    case BLKROSET:
        return 0;
    case BLKGETSIZE64:
        *(uint64_t *)arg = fake_blocks * 512;
        return 0;
    default:
        return real(fd, request, arg);
    }
}
