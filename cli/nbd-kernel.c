/* SPDX-License-Identifier: Apache-2.0 */
/* By the driver's ioctls (include/uapi/linux/nbd.h of Linux): it takes a socket that has been
 * through the handshake already. */
#include "cli/nbd-kernel.h"

#include "core/event/ioloop.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/fs.h>
#include <linux/nbd.h>

enum { NBD_SECTOR = 512 };

struct NbdKernel {
    char *dev;
    int fd, socket;
    bool running;
    FiberQueue ended;
};

static int kernel_open(const char *dev, GError **err)
{
    int fd = open(dev, O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        const char *hint = errno == ENOENT || errno == ENXIO || errno == ENODEV
                               ? "; is the kernel's driver there? `modprobe nbd` loads it"
                               : "";

        error_set(err, "Failed to open %s: %s%s", dev, g_strerror(errno), hint);
    }
    return fd;
}

bool nbd_kernel_disconnect(const char *dev, GError **err)
{
    int fd = kernel_open(dev, err);
    bool ok;

    if (fd < 0) {
        return false;
    }
    ok = ioctl(fd, NBD_CLEAR_QUE) >= 0 && ioctl(fd, NBD_DISCONNECT) >= 0 &&
         ioctl(fd, NBD_CLEAR_SOCK) >= 0;
    if (!ok) {
        error_set(err, "%s: cannot disconnect it: %s", dev, g_strerror(errno));
    }
    close(fd);
    return ok;
}

/* On a thread: the device works while this call lasts. */
static void kernel_do_it(void *arg)
{
    NbdKernel *k = arg;
    int ret;

    do {
        ret = ioctl(k->fd, NBD_DO_IT);
    } while (ret < 0 && errno == EINTR);
    ioctl(k->fd, NBD_CLEAR_QUE);
    ioctl(k->fd, NBD_CLEAR_SOCK);
}

static void kernel_run(void *arg)
{
    NbdKernel *k = arg;

    io_work(kernel_do_it, k);
    close(k->socket); /* the server's end sees that it has left */
    k->socket = -1;
    k->running = false;
    fiber_queue_wake_all(&k->ended);
}

/* Partitions are looked for when a device with a size is opened. */
static void kernel_look(void *arg)
{
    const NbdKernel *k = arg;
    int fd;

    for (unsigned i = 0; i < 50; i++) {
        uint64_t size = 0;

        fd = open(k->dev, O_RDONLY | O_CLOEXEC);
        if (fd >= 0) {
            bool there = ioctl(fd, BLKGETSIZE64, &size) < 0 || size;

            close(fd);
            if (there) {
                return;
            }
        }
        usleep(20000);
    }
}

static bool kernel_set_up(NbdKernel *k, uint64_t size, uint16_t flags, GError **err)
{
    const int read_only = !!(flags & NBD_FLAG_READ_ONLY);
    const struct {
        unsigned long request, arg;
        const char *what;
    } calls[] = {
        { NBD_SET_BLKSIZE, NBD_SECTOR, "set its block size" },
        { NBD_SET_SIZE_BLOCKS, size / NBD_SECTOR, "set its size" },
        { NBD_SET_FLAGS, flags, "set its flags" },
    };

    if (ioctl(k->fd, NBD_SET_SOCK, (unsigned long)k->socket) < 0) {
        return error_set(err, "%s: %s", k->dev,
                         errno == EBUSY ? "the device is in use already" : g_strerror(errno));
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(calls); i++) {
        if (ioctl(k->fd, calls[i].request, calls[i].arg) < 0) {
            error_set(err, "%s: cannot %s: %s", k->dev, calls[i].what, g_strerror(errno));
            ioctl(k->fd, NBD_CLEAR_SOCK);
            return false;
        }
    }
    if (ioctl(k->fd, BLKROSET, &read_only) < 0 && read_only) {
        error_set(err, "%s: cannot make it read-only: %s", k->dev, g_strerror(errno));
        ioctl(k->fd, NBD_CLEAR_SOCK);
        return false;
    }
    return true;
}

NbdKernel *nbd_kernel_connect(NbdServer *s, const char *dev, const char *name, GError **err)
{
    int pair[2], fd = kernel_open(dev, err);
    NbdKernel *k;
    uint64_t size;
    uint16_t flags;

    if (fd < 0) {
        return NULL;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        error_set(err, "%s: no pair of sockets: %s", dev, g_strerror(errno));
        close(fd);
        return NULL;
    }
    k = g_new0(NbdKernel, 1);
    *k = (NbdKernel){ .dev = g_strdup(dev), .fd = fd, .socket = pair[0] };
    if (!nbd_server_attach(s, pair[1], name, &size, &flags, err) ||
        !kernel_set_up(k, size, flags, err)) {
        nbd_kernel_free(k);
        return NULL;
    }
    k->running = true;
    fiber_start(kernel_run, k);
    io_work(kernel_look, k);
    return k;
}

void nbd_kernel_free(NbdKernel *k)
{
    if (!k) {
        return;
    }
    if (k->running) {
        ioctl(k->fd, NBD_DISCONNECT);
    }
    while (k->running) {
        fiber_queue_wait(&k->ended);
    }
    if (k->socket >= 0) {
        close(k->socket);
    }
    close(k->fd);
    g_free(k->dev);
    g_free(k);
}
