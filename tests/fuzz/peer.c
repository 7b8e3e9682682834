/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

FuzzPeer *fuzz_peer_new(void)
{
    FuzzPeer *p = g_new0(FuzzPeer, 1);
    int pair[2];
    int ret = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair);

    g_assert(!ret);
    p->ours = pair[0];
    p->theirs = pair[1];
    p->says = g_byte_array_new();
    return p;
}

void fuzz_peer_be(FuzzPeer *p, uint64_t value, unsigned bytes)
{
    for (unsigned i = bytes; i; i--) {
        uint8_t b = (uint8_t)(value >> (8 * (i - 1)));

        g_byte_array_append(p->says, &b, 1);
    }
}

void fuzz_peer_bytes(FuzzPeer *p, const void *bytes, size_t len)
{
    g_byte_array_append(p->says, bytes, (guint)len);
}

static void peer_run(void *arg)
{
    FuzzPeer *p = arg;
    uint8_t buf[4096];
    size_t said = 0;
    bool heard_all = false, shut = false;

    while (!heard_all || !shut) {
        ssize_t n;

        if (said < p->says->len) {
            n = send(p->ours, p->says->data + said, p->says->len - said, MSG_NOSIGNAL);
            said = n > 0 ? said + (size_t)n : n < 0 && errno != EAGAIN ? p->says->len : said;
        }
        if (said == p->says->len && !shut) {
            shutdown(p->ours, SHUT_WR);
            shut = true;
        }
        do {
            n = recv(p->ours, buf, sizeof(buf), 0);
        } while (n > 0);
        heard_all = n == 0 || errno != EAGAIN;
        if (!heard_all) {
            io_wait_fd(p->ours, (unsigned)(POLLIN | (shut ? 0 : POLLOUT)), 0);
        }
    }
    p->ended = true;
    fiber_queue_wake_all(&p->wait);
}

void fuzz_peer_start(FuzzPeer *p)
{
    ioloop_post(fuzz_loop(), peer_run, p);
}

void fuzz_peer_free(FuzzPeer *p)
{
    while (!p->ended) {
        fiber_queue_wait(&p->wait);
    }
    close(p->ours);
    g_byte_array_unref(p->says);
    g_free(p);
}
