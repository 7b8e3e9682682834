/* SPDX-License-Identifier: Apache-2.0 */
/* In place of iouring.c where liburing is absent. */
#include "core/event/ioloop-priv.h"

#include <errno.h>

IoUring *iouring_new(IoLoop *l)
{
    return NULL;
}

void iouring_free(IoUring *u)
{
}

void iouring_submit(IoUring *u)
{
}

bool iouring_is_waiting(IoUring *u)
{
    return false;
}

bool iouring_is_busy(IoUring *u)
{
    return false;
}

bool iouring_is_ready(IoUring *u)
{
    return false;
}

void iouring_poll(IoLoop *l, uint64_t timeout_ns)
{
    ioloop_poll(l, timeout_ns);
}

int iouring_rw(IoLoop *l, int fd, const struct iovec *iov, unsigned n, uint64_t off, bool write,
               bool fua)
{
    return -ENOSYS;
}

int iouring_fdatasync(IoLoop *l, int fd)
{
    return -ENOSYS;
}

int iouring_wait_fd(IoLoop *l, int fd, unsigned events, uint64_t timeout_ns)
{
    return -ENOSYS;
}
