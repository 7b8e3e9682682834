/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load for disks and networks, run in a guest (static, without a library of its own):
 *   io-load disk FILE read|write rand|seq BYTES DEPTH SECONDS    -> requests a second, MiB/s
 *   io-load net send|receive ADDRESS PORT SECONDS                -> MiB/s
 * Disks as fio's engine libaio does by default: O_DIRECT, a request submitted for each that ends.
 */
#define _GNU_SOURCE /* O_DIRECT */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { DEPTH_MAX = 256, NET_CHUNK = 128 * 1024 };

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int fail(const char *what)
{
    printf("failed: %s: %s\n", what, strerror(errno));
    return 1;
}

static void report(uint64_t n, uint64_t bytes, double took)
{
    printf("result: %.0f %.2f\n", (double)n / took, (double)bytes / took / (1024 * 1024));
}

typedef struct Load {
    aio_context_t ctx;
    int fd;
    int write, random;
    uint64_t bytes, blocks, at, seed;
} Load;

static int submit(Load *l, struct iocb *cb)
{
    struct iocb *list[1] = { cb };

    l->seed = l->seed * 6364136223846793005ull + 1442695040888963407ull;
    l->at = (l->random ? l->seed >> 20 : l->at + 1) % l->blocks;
    cb->aio_offset = (int64_t)(l->at * l->bytes);
    return syscall(SYS_io_submit, l->ctx, 1L, list) == 1 ? 0 : -1;
}

static int disk(char **argv)
{
    static struct iocb cb[DEPTH_MAX];
    static struct io_event done[DEPTH_MAX];
    Load l = { .write = !strcmp(argv[1], "write"), .random = !strcmp(argv[2], "rand"), .seed = 42 };
    unsigned depth = (unsigned)atoi(argv[4]);
    double length = atof(argv[5]), begin, now;
    uint64_t size = 0, n = 0;
    void *buf;

    l.bytes = strtoull(argv[3], NULL, 0);
    l.fd = open(argv[0], O_RDWR | O_DIRECT);
    if (l.fd < 0) {
        return fail(argv[0]);
    }
    size = (uint64_t)lseek(l.fd, 0, SEEK_END);
    l.blocks = size / l.bytes;
    if (!l.blocks || depth > DEPTH_MAX || posix_memalign(&buf, 4096, l.bytes * depth) ||
        syscall(SYS_io_setup, DEPTH_MAX, &l.ctx)) {
        return fail("setup");
    }
    memset(buf, 0xa5, l.bytes * depth);
    for (unsigned i = 0; i < depth; i++) {
        cb[i].aio_fildes = (uint32_t)l.fd;
        cb[i].aio_lio_opcode = l.write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD;
        cb[i].aio_buf = (uint64_t)((char *)buf + i * l.bytes);
        cb[i].aio_nbytes = l.bytes;
    }
    begin = seconds();
    for (unsigned i = 0; i < depth; i++) {
        if (submit(&l, &cb[i])) {
            return fail("submit");
        }
    }
    do {
        long got = syscall(SYS_io_getevents, l.ctx, 1L, (long)depth, done, NULL);

        for (long i = 0; i < got; i++) {
            if (done[i].res != (int64_t)l.bytes) {
                errno = (int)-done[i].res;
                return fail("request");
            }
            if (submit(&l, (struct iocb *)(uintptr_t)done[i].obj)) {
                return fail("submit");
            }
        }
        n += got > 0 ? (uint64_t)got : 0;
        now = seconds();
    } while (now - begin < length);
    report(n, n * l.bytes, now - begin);
    return 0;
}

static int net(char **argv)
{
    static char buf[NET_CHUNK];
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[2])) };
    int fd = socket(AF_INET, SOCK_STREAM, 0), out = !strcmp(argv[0], "send");
    double length = atof(argv[3]), begin, now;
    uint64_t n = 0, bytes = 0;

    inet_pton(AF_INET, argv[1], &to.sin_addr);
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) || write(fd, out ? "w" : "r", 1) != 1) {
        return fail(argv[1]);
    }
    begin = seconds();
    do {
        ssize_t got = out ? write(fd, buf, sizeof(buf)) : read(fd, buf, sizeof(buf));

        if (got <= 0) {
            return fail("stream");
        }
        n++;
        bytes += (uint64_t)got;
        now = seconds();
    } while (now - begin < length);
    report(n, bytes, now - begin);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 8 && !strcmp(argv[1], "disk")) {
        return disk(argv + 2);
    }
    if (argc == 6 && !strcmp(argv[1], "net")) {
        return net(argv + 2);
    }
    puts("failed: io-load disk FILE read|write rand|seq BYTES DEPTH SECONDS\n"
         "        io-load net send|receive ADDRESS PORT SECONDS");
    return 1;
}
