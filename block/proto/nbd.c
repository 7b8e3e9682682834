/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk on an NBD server. Requests of many fibers share a connection; one fiber reads what comes
 * back and hands it to whom it belongs. A lost connection is made again while reconnect-delay
 * lasts. Spec: the NBD protocol, doc/proto.md of the NetworkBlockDevice project.
 */
#include "block/proto/nbd-priv.h"

#include "util/bits.h"
#include "util/bytes.h"

#include <errno.h>
#include <string.h>

/* Between attempts to connect: while requests wait for it, and later. */
#define NBD_RETRY_NS 200000000ull
#define NBD_LATER_NS 1000000000ull

enum {
    NBD_HANDSHAKE_S = 30, /* a server that says nothing for so long is none */
    NBD_TRIES_MAX = 16,   /* of a request: it may be what the server dies of */
};

/* ---- The connection ---- */

static bool nbd_same(const NbdInfo *now, const NbdInfo *was)
{
    return now->size == was->size && now->min_block <= was->min_block &&
           now->max_block >= was->max_block && now->flags == was->flags;
}

static bool nbd_connect(BlockNode *n, bool first, int64_t until_us, GError **err)
{
    Nbd *s = block_priv(n);
    const StreamLimit limit = { .until_us = until_us, .stop = &s->closing };
    BlockStream *stream = stream_connect(&s->where, &limit, err);
    NbdInfo info;

    if (!stream) {
        return false;
    }
    stream_set_limit(stream, &limit);
    if (!nbd_client_start(stream, s->creds, s->host, s->export_name,
                          s->context ? s->context : "base:allocation", &info, err)) {
        stream_free(stream);
        return false;
    }
    if (!first && !nbd_same(&info, &s->info)) {
        nbd_info_deinit(&info);
        stream_free(stream);
        return error_set(err, "the export has changed while the connection was lost");
    }
    stream_set_limit(stream, NULL);
    nbd_info_deinit(&s->info);
    s->info = info;
    s->stream = stream;
    return true;
}

static void nbd_reader(void *arg);

static void nbd_start_reader(BlockNode *n)
{
    Nbd *s = block_priv(n);

    s->reading = true;
    ioloop_post(block_graph_loop(block_node_graph(n)), nbd_reader, n);
}

/* Between two attempts. */
static void nbd_rest(Nbd *s)
{
    int64_t left = s->wait_until_us - g_get_monotonic_time();

    if (left > 0) {
        io_sleep_ns(min_u64((uint64_t)left * 1000, NBD_RETRY_NS));
        return;
    }
    for (unsigned i = 0; i < NBD_LATER_NS / NBD_RETRY_NS && !s->closing; i++) {
        io_sleep_ns(NBD_RETRY_NS);
    }
}

/* From the loss of a connection until there is a new one; whoever waits looks again after each
 * attempt. */
static void nbd_reconnect(void *arg)
{
    BlockNode *n = arg;
    Nbd *s = block_priv(n);

    while (!s->closing && !s->stream) {
        g_autoptr(GError) ignored = NULL;
        int64_t now = g_get_monotonic_time(), until = s->wait_until_us;

        if (now >= until) {
            fiber_queue_wake_all(&s->connected);
            until = now + NBD_HANDSHAKE_S * G_USEC_PER_SEC;
        }
        if (nbd_connect(n, false, until, &ignored)) {
            nbd_start_reader(n);
            break;
        }
        nbd_rest(s);
    }
    s->connecting = false;
    fiber_queue_wake_all(&s->connected);
}

/* Ends with the connection; whoever waits for a reply gets -ENOTCONN, and asks again or gives up.
 */
static void nbd_reader(void *arg)
{
    BlockNode *n = arg;
    Nbd *s = block_priv(n);

    while (!nbd_reply(s)) {
    }
    stream_shutdown(s->stream); /* whoever sends now fails, and lets go of the lock */
    fiber_lock(&s->send);
    stream_free(s->stream);
    s->stream = NULL;
    fiber_unlock(&s->send);
    s->wait_until_us = g_get_monotonic_time() + s->reconnect_us;
    s->connecting = !s->closing && s->where.type != SOCKET_FD;
    for (unsigned i = 0; i < NBD_SLOTS; i++) {
        NbdSlot *slot = &s->slots[i];

        if (slot->used && !slot->done) {
            slot->result = -ENOTCONN;
            slot->done = true;
            if (slot->fiber) {
                fiber_resume(slot->fiber);
            }
        }
    }
    if (s->connecting) {
        ioloop_post(block_graph_loop(block_node_graph(n)), nbd_reconnect, n);
    }
    s->reading = false;
    fiber_queue_wake_all(&s->ended);
}

/* The first connection: once, or until open-timeout has passed. */
static bool nbd_connect_first(BlockNode *n, GError **err)
{
    Nbd *s = block_priv(n);
    int64_t begin = g_get_monotonic_time();
    int64_t until = begin + (s->open_us ? s->open_us : NBD_HANDSHAKE_S * G_USEC_PER_SEC);

    for (;;) {
        g_autoptr(GError) why = NULL;
        int64_t left;

        if (nbd_connect(n, true, until, &why)) {
            nbd_start_reader(n);
            return true;
        }
        left = until - g_get_monotonic_time();
        if (!s->open_us || left <= 0 || s->where.type == SOCKET_FD) {
            g_propagate_error(err, g_steal_pointer(&why));
            return false;
        }
        io_sleep_ns(min_u64((uint64_t)left * 1000, NBD_RETRY_NS));
    }
}

/* reconnect-delay is the time from the loss on for which requests wait. */
static bool nbd_connected(Nbd *s)
{
    while (!s->stream && s->connecting && !s->closing &&
           g_get_monotonic_time() < s->wait_until_us) {
        fiber_queue_wait(&s->connected);
    }
    return s->stream && !s->closing;
}

/* ---- Requests ---- */

static NbdSlot *nbd_slot_get(Nbd *s)
{
    for (;;) {
        for (unsigned i = 0; i < NBD_SLOTS; i++) {
            if (!s->slots[i].used) {
                s->slots[i] = (NbdSlot){ .used = true };
                s->slots[i].cookie = ++s->sent * NBD_SLOTS + i;
                return &s->slots[i];
            }
        }
        fiber_queue_wait(&s->free_slot);
    }
}

static void nbd_slot_put(Nbd *s, NbdSlot *slot)
{
    slot->used = false;
    if (slot->others) {
        g_array_unref(slot->others);
        slot->others = NULL;
    }
    fiber_queue_wake(&s->free_slot);
}

static int nbd_send_request(Nbd *s, const NbdSlot *slot, uint16_t flags)
{
    uint8_t head[NBD_REQUEST_LEN];
    int ret;

    put_be32(head, NBD_REQUEST_MAGIC);
    put_be16(head + 4, flags);
    put_be16(head + 6, slot->command);
    put_be64(head + 8, slot->cookie);
    put_be64(head + 16, slot->off);
    put_be32(head + 24, (uint32_t)slot->len);
    fiber_lock(&s->send);
    if (!s->stream || slot->done) { /* lost while it waited for its turn */
        ret = -ENOTCONN;
    } else {
        ret = stream_write(s->stream, head, sizeof(head));
        if (!ret && slot->command == NBD_CMD_WRITE) {
            ret = stream_writev(s->stream, slot->iov, slot->n_iov);
        }
        if (ret) {
            stream_shutdown(s->stream); /* half a request was sent: the reader ends it all */
        }
    }
    fiber_unlock(&s->send);
    return ret;
}

/* @ask: command, range and buffers; what a block status found comes back in it. */
static int nbd_request(BlockNode *n, NbdSlot *ask, uint16_t flags)
{
    Nbd *s = block_priv(n);
    unsigned tries = 0;
    int ret;

    do {
        NbdSlot *slot;

        if (!nbd_connected(s)) {
            return -EIO;
        }
        slot = nbd_slot_get(s);
        slot->command = ask->command;
        slot->off = ask->off;
        slot->len = ask->len;
        slot->iov = ask->iov;
        slot->n_iov = ask->n_iov;
        ret = nbd_send_request(s, slot, flags);
        if (!slot->done && s->reading) {
            slot->fiber = fiber_self();
            fiber_yield();
        }
        ret = slot->done ? slot->result : ret ? ret : -ENOTCONN;
        ask->state = slot->state;
        ask->state_len = slot->state_len;
        nbd_slot_put(s, slot);
    } while (ret == -ENOTCONN && s->reconnect_us && ++tries < NBD_TRIES_MAX && !s->closing);
    return ret == -ENOTCONN ? -EIO : ret;
}

/* The bytes [@skip, @skip + @len) of @iov; freed by the caller. */
static struct iovec *nbd_part(const struct iovec *iov, unsigned n, uint64_t skip, uint64_t len,
                              unsigned *n_out)
{
    struct iovec *out = g_new(struct iovec, n);

    *n_out = 0;
    for (unsigned i = 0; i < n && len; i++) {
        uint64_t bytes = iov[i].iov_len;

        if (skip >= bytes) {
            skip -= bytes;
            continue;
        }
        bytes = min_u64(bytes - skip, len);
        out[(*n_out)++] = (struct iovec){ (char *)iov[i].iov_base + skip, bytes };
        skip = 0;
        len -= bytes;
    }
    return out;
}

static uint64_t nbd_max_payload(const Nbd *s)
{
    uint64_t max = min_u64(s->info.max_block, NBD_PAYLOAD_MAX);

    return max - max % s->info.min_block;
}

static int nbd_move(BlockNode *n, uint16_t command, uint64_t off, const struct iovec *iov,
                    unsigned n_iov, uint16_t flags)
{
    Nbd *s = block_priv(n);
    uint64_t len = 0, at = 0;
    int ret = 0;

    for (unsigned i = 0; i < n_iov; i++) {
        len += iov[i].iov_len;
    }
    while (at < len && !ret) {
        uint64_t part = min_u64(len - at, nbd_max_payload(s));
        NbdSlot ask = { .command = command, .off = off + at, .len = part };
        g_autofree struct iovec *own = NULL;

        ask.iov = iov;
        ask.n_iov = n_iov;
        if (part != len) {
            own = nbd_part(iov, n_iov, at, part, &ask.n_iov);
            ask.iov = own;
        }
        ret = nbd_request(n, &ask, flags);
        at += part;
    }
    return ret;
}

static int nbd_readv(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                     unsigned flags)
{
    return nbd_move(n, NBD_CMD_READ, off, iov, n_iov, 0);
}

static int nbd_flush(BlockNode *n)
{
    Nbd *s = block_priv(n);
    NbdSlot ask = { .command = NBD_CMD_FLUSH };

    return s->info.flags & NBD_SEND_FLUSH ? nbd_request(n, &ask, 0) : 0;
}

/* After what cannot carry FUA on this server. */
static int nbd_fua(BlockNode *n, unsigned flags, int ret)
{
    Nbd *s = block_priv(n);

    return ret || !(flags & BLOCK_REQ_FUA) || s->info.flags & NBD_SEND_FUA ? ret : nbd_flush(n);
}

static uint16_t nbd_flags(const Nbd *s, unsigned flags)
{
    return flags & BLOCK_REQ_FUA && s->info.flags & NBD_SEND_FUA ? NBD_CMD_FLAG_FUA : 0;
}

static int nbd_writev(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                      unsigned flags)
{
    Nbd *s = block_priv(n);
    int ret = nbd_move(n, NBD_CMD_WRITE, off, iov, n_iov, nbd_flags(s, flags));

    return nbd_fua(n, flags, ret);
}

/* Commands without data: their length is a 32-bit number. */
static int nbd_range(BlockNode *n, uint16_t command, uint64_t off, uint64_t len, uint16_t flags)
{
    Nbd *s = block_priv(n);
    uint64_t max = (1ull << 31) - (1ull << 31) % s->info.min_block;
    int ret = 0;

    while (len && !ret) {
        NbdSlot ask = { .command = command, .off = off, .len = min_u64(len, max) };

        ret = nbd_request(n, &ask, flags);
        off += ask.len;
        len -= ask.len;
    }
    return ret;
}

static int nbd_zero(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    Nbd *s = block_priv(n);
    uint16_t wire = nbd_flags(s, flags);

    if (!(s->info.flags & NBD_SEND_WRITE_ZEROES)) {
        return -ENOTSUP;
    }
    if (!(flags & BLOCK_REQ_UNMAP)) {
        wire |= NBD_CMD_FLAG_NO_HOLE;
    }
    if (flags & BLOCK_REQ_NO_FALLBACK) {
        if (!(s->info.flags & NBD_SEND_FAST_ZERO)) {
            return -ENOTSUP;
        }
        wire |= NBD_CMD_FLAG_FAST_ZERO;
    }
    return nbd_fua(n, flags, nbd_range(n, NBD_CMD_WRITE_ZEROES, off, len, wire));
}

static int nbd_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    Nbd *s = block_priv(n);

    return s->info.flags & NBD_SEND_TRIM ? nbd_range(n, NBD_CMD_TRIM, off, len, 0) : -ENOTSUP;
}

static int nbd_status(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out)
{
    Nbd *s = block_priv(n);
    uint64_t before = off % s->info.min_block, most = (1ull << 31) - s->info.min_block;
    NbdSlot ask = { .command = NBD_CMD_BLOCK_STATUS, .off = off - before };
    int ret;

    *out = (BlockStatus){ .bits = BLOCK_STATUS_DATA | BLOCK_STATUS_ALLOCATED | BLOCK_STATUS_OFFSET,
                          .len = len,
                          .file = n,
                          .offset = off };
    if (!s->info.has_context) {
        return 0;
    }
    ask.len = bits_align_up(before + min_u64(len, most), s->info.min_block);
    ret = nbd_request(n, &ask, NBD_CMD_FLAG_REQ_ONE);
    if (ret || ask.state_len <= before) {
        return ret == -EIO ? ret : 0; /* a server that will not tell: it is all data */
    }
    out->len = min_u64(ask.state_len - before, len);
    if (s->context) { /* a dirty bitmap, as qemu-img map shows one */
        out->bits &= ask.state & NBD_STATE_DIRTY ? ~(unsigned)BLOCK_STATUS_DATA : ~0u;
        return 0;
    }
    if (ask.state & NBD_STATE_HOLE) {
        out->bits &= ~(unsigned)BLOCK_STATUS_DATA;
    }
    if (ask.state & NBD_STATE_ZERO) {
        out->bits |= BLOCK_STATUS_ZERO;
    }
    return 0;
}

/* ---- Opening ---- */

static void nbd_forget(Nbd *s)
{
    socket_name_deinit(&s->where);
    nbd_info_deinit(&s->info);
    tls_creds_unref(s->creds);
    g_free(s->export_name);
    g_free(s->context);
    g_free(s->host);
}

static void nbd_disconnect(Nbd *s)
{
    uint8_t head[NBD_REQUEST_LEN] = { 0 };

    s->closing = true;
    while (s->connecting) {
        fiber_queue_wait(&s->connected);
    }
    if (s->stream) {
        put_be32(head, NBD_REQUEST_MAGIC);
        put_be16(head + 6, NBD_CMD_DISC);
        s->bye.until_us = g_get_monotonic_time() + G_USEC_PER_SEC; /* it may not read any more */
        stream_set_limit(s->stream, &s->bye);
        fiber_lock(&s->send);
        if (s->stream) {
            (void)stream_write(s->stream, head, sizeof(head));
            stream_shutdown(s->stream);
        }
        fiber_unlock(&s->send);
    }
    while (s->reading) {
        fiber_queue_wait(&s->ended);
    }
}

static bool nbd_accept(BlockNode *n, GError **err)
{
    Nbd *s = block_priv(n);

    if (s->context && !s->info.has_context) {
        return error_set(err, "the NBD server's export '%s' has no context '%s'", s->export_name,
                         s->context);
    }
    if (block_node_flags(n) & BLOCK_OPEN_WRITE && s->info.flags & NBD_READ_ONLY) {
        if (block_auto_read_only(n)) {
            block_set_read_only(n);
        } else {
            return error_set(err,
                             "the NBD server's export '%s' is read-only: open it with read-only=on",
                             s->export_name);
        }
    }
    block_set_align(n, s->info.min_block);
    block_set_zero_limits(n, s->info.min_block, 0);
    return block_set_size(n, s->info.size, err);
}

static bool nbd_open(BlockNode *n, Options *o, GError **err)
{
    Nbd *s = block_priv(n);

    if (!nbd_parse(n, o, err) || !nbd_connect_first(n, err)) {
        nbd_forget(s);
        return false;
    }
    if (!nbd_accept(n, err)) {
        nbd_disconnect(s);
        nbd_forget(s);
        return false;
    }
    return true;
}

static void nbd_close(BlockNode *n)
{
    Nbd *s = block_priv(n);

    nbd_disconnect(s);
    nbd_forget(s);
}

static const BlockOption nbd_options[] = {
    { "server", BLOCK_OPT_STR, "where it listens: server.type=inet, unix or fd", NULL, false },
    { "host", BLOCK_OPT_STR, "the server's host", NULL, false },
    { "port", BLOCK_OPT_STR, "the server's port", "10809", false },
    { "path", BLOCK_OPT_STR, "the socket of a local server", NULL, false },
    { "export", BLOCK_OPT_STR, "name of the export; none: the default one", NULL, false },
    { "tls-creds", BLOCK_OPT_STR, "id of TLS credentials", NULL, false },
    { "tls-hostname", BLOCK_OPT_STR, "name in the server's certificate", NULL, false },
    { "x-dirty-bitmap", BLOCK_OPT_STR, "a meta context that map shows", NULL, false },
    { "reconnect-delay", BLOCK_OPT_NUMBER, "seconds to try again for, when a connection is lost",
      "0", false },
    { "open-timeout", BLOCK_OPT_NUMBER, "seconds to try for at first", "0", false },
    { 0 },
};

static const char *const nbd_prefixes[] = { "nbd",      "nbd+tcp",   "nbd+unix", "nbds",
                                            "nbds+tcp", "nbds+unix", NULL };

const BlockDriver block_nbd_driver = {
    .name = "nbd",
    .doc = "a disk on an NBD server",
    .kind = BLOCK_PROTOCOL,
    .stays = true,
    .size = sizeof(Nbd),
    .options = nbd_options,
    .prefixes = nbd_prefixes,
    .no_file = true,
    .open = nbd_open,
    .close = nbd_close,
    .readv = nbd_readv,
    .writev = nbd_writev,
    .zero = nbd_zero,
    .discard = nbd_discard,
    .flush = nbd_flush,
    .status = nbd_status,
};
