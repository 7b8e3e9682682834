/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of `migrate fd:` to a pipe or a socket: whoever reads it may take its time. The state
 * is written to a file without a name first, as quickly as to any; a thread sends that, and
 * monitors are answered meanwhile.
 */
#include "monitor/migrate-send.h"

#include "core/event/loop.h"
#include "util/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SEND_PIECE = 64 << 10, SEND_LOOK_MS = 50 };

struct MigrateSend {
    Machine *m;
    pthread_t thread;
    int from, to;
    uint64_t total, sent; /* sent: atomic */
    bool cancelled;       /* atomic */
    int error;            /* the thread's, while it runs */
    MigrateSendFn *done;
    void *opaque;
};

int migrate_spool(GError **err)
{
    int fd = open(g_get_tmp_dir(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    if (fd < 0) { /* a file system that cannot */
        fd = memfd_create("state", MFD_CLOEXEC);
    }
    if (fd < 0) {
        error_set(err, "a file in %s for the machine's state: %s", g_get_tmp_dir(),
                  g_strerror(errno));
    }
    return fd;
}

/* Waits for room, looking now and then whether it is still wanted. -errno */
static int send_piece(MigrateSend *s, const uint8_t *buf, size_t len)
{
    while (len) {
        struct pollfd p = { .fd = s->to, .events = POLLOUT };
        ssize_t n;

        if (__atomic_load_n(&s->cancelled, __ATOMIC_ACQUIRE)) {
            return -ECANCELED;
        }
        if (poll(&p, 1, SEND_LOOK_MS) == 0) {
            continue;
        }
        n = send(s->to, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == ENOTSOCK) {
            n = write(s->to, buf, len);
        }
        if (n < 0 && errno != EINTR && errno != EAGAIN) {
            return -errno;
        }
        if (n > 0) {
            buf += n;
            len -= (size_t)n;
            __atomic_add_fetch(&s->sent, (uint64_t)n, __ATOMIC_RELAXED);
        }
    }
    return 0;
}

/* On the loop. */
static void send_ended(void *arg)
{
    MigrateSend *s = arg;

    s->done(s->opaque, s->error);
}

static void *send_thread(void *arg)
{
    MigrateSend *s = arg;
    uint8_t *buf = g_malloc(SEND_PIECE);
    int ret = 0;

    for (uint64_t off = 0; off < s->total && !ret;) {
        ssize_t n = pread(s->from, buf, SEND_PIECE, (off_t)off);

        if (n <= 0) {
            ret = n ? -errno : -EIO;
        } else {
            ret = send_piece(s, buf, (size_t)n);
            off += (uint64_t)n;
        }
    }
    g_free(buf);
    s->error = ret;
    loop_post(s->m, send_ended, s);
    return NULL;
}

MigrateSend *migrate_send_start(Machine *m, int take_spool, int take_to, MigrateSendFn *done,
                                void *opaque, GError **err)
{
    off_t total = lseek(take_spool, 0, SEEK_END);
    MigrateSend *s = g_new0(MigrateSend, 1);
    int ret;

    *s = (MigrateSend){ .m = m,
                        .from = take_spool,
                        .to = take_to,
                        .total = total > 0 ? (uint64_t)total : 0,
                        .done = done,
                        .opaque = opaque };
    fcntl(take_to, F_SETFL, fcntl(take_to, F_GETFL) | O_NONBLOCK);
    ret = pthread_create(&s->thread, NULL, send_thread, s);
    if (ret) {
        error_set(err, "a thread that sends the machine's state: %s", g_strerror(ret));
        close(take_spool);
        close(take_to);
        g_free(s);
        return NULL;
    }
    return s;
}

void migrate_send_cancel(MigrateSend *s)
{
    __atomic_store_n(&s->cancelled, true, __ATOMIC_RELEASE);
}

void migrate_send_progress(const MigrateSend *s, uint64_t *sent, uint64_t *total)
{
    *sent = __atomic_load_n(&s->sent, __ATOMIC_RELAXED);
    *total = s->total;
}

void migrate_send_free(MigrateSend *s)
{
    if (!s) {
        return;
    }
    migrate_send_cancel(s);
    pthread_join(s->thread, NULL);
    loop_unpost(s->m, send_ended, s);
    close(s->from);
    close(s->to);
    g_free(s);
}
