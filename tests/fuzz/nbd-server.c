/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The NBD server and a hostile client: records of a kind and their fields, which come with the
 * magics and lengths that the protocol wants, or raw bytes.
 */
#include "tests/fuzz/peer.h"

#include "block/export/nbd-priv.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { PAYLOAD_MAX = 70000 };

static void client_option(FuzzPeer *p, FuzzIn *in, bool named)
{
    uint8_t option = fuzz_u8(in);
    size_t len;
    const uint8_t *data = fuzz_bytes(in, fuzz_u8(in), &len);

    fuzz_peer_be(p, NBD_OPTION_MAGIC, 8);
    fuzz_peer_be(p, option, 4);
    if (!named) {
        fuzz_peer_be(p, len, 4);
        fuzz_peer_bytes(p, data, len);
    } else if (option == NBD_OPT_GO || option == NBD_OPT_INFO) { /* the default export */
        fuzz_peer_be(p, 6 + len / 2 * 2, 4);
        fuzz_peer_be(p, 0, 4);
        fuzz_peer_be(p, len / 2, 2);
        fuzz_peer_bytes(p, data, len / 2 * 2);
    } else { /* its meta contexts */
        fuzz_peer_be(p, 8 + (len ? 4 + len : 0), 4);
        fuzz_peer_be(p, 0, 4);
        fuzz_peer_be(p, len ? 1 : 0, 4);
        if (len) {
            fuzz_peer_be(p, len, 4);
        }
        fuzz_peer_bytes(p, data, len);
    }
}

static void client_request(FuzzPeer *p, FuzzIn *in)
{
    uint8_t flags = fuzz_u8(in), command = fuzz_u8(in), shift = fuzz_u8(in);
    uint64_t off = (uint64_t)fuzz_u16(in) << (shift & 63);
    uint32_t len = (uint32_t)fuzz_u16(in) << (shift >> 6) * 4;

    fuzz_peer_be(p, NBD_REQUEST_MAGIC, 4);
    fuzz_peer_be(p, flags, 2);
    fuzz_peer_be(p, command, 2);
    fuzz_peer_be(p, p->says->len, 8);
    fuzz_peer_be(p, off, 8);
    fuzz_peer_be(p, len, 4);
    if (command == NBD_CMD_WRITE) {
        g_autofree uint8_t *data = g_malloc0(PAYLOAD_MAX);

        fuzz_peer_bytes(p, data, MIN(len, PAYLOAD_MAX));
    }
}

static void client_says(FuzzPeer *p, FuzzIn *in)
{
    if (fuzz_u8(in) & 1) {
        fuzz_peer_be(p, fuzz_u8(in), 4);
    } else {
        fuzz_peer_be(p, NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES, 4);
    }
    for (unsigned i = 0; in->len && i < 64; i++) {
        uint8_t kind = fuzz_u8(in) % 5;
        size_t len;

        if (kind == 0) {
            const uint8_t *raw = fuzz_bytes(in, fuzz_u8(in), &len);

            fuzz_peer_bytes(p, raw, len);
        } else if (kind < 3) {
            client_option(p, in, kind == 2);
        } else {
            client_request(p, in);
        }
    }
}

typedef struct Session {
    NbdClient *c;
    bool ended;
    FiberQueue wait;
} Session;

static void session_run(void *arg)
{
    Session *s = arg;

    if (!nbd_negotiate(s->c)) {
        s->c->transmission = true;
        nbd_transmit(s->c);
    }
    s->ended = true;
    fiber_queue_wake_all(&s->wait);
}

/* @listener: the server does not shut it by itself, as it was lent. */
static NbdServer *server_new(BlockGraph *g, int *listener)
{
    SocketName where = { .type = SOCKET_FD };
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    g_autoptr(GError) err = NULL;
    NbdServer *s;
    int ret;

    where.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ret = bind(where.fd, (struct sockaddr *)&a, sizeof(a.sun_family)); /* a name of no file */
    ret = ret ? ret : listen(where.fd, 1);
    g_assert(!ret);
    *listener = where.fd;
    s = nbd_server_new(g, &where, NULL, 0, &err);
    g_assert(s);
    return s;
}

static void server_input(BlockGraph *g, FuzzIn *in)
{
    static const char *const bitmaps[] = { "b", NULL };
    g_autoptr(GError) err = NULL;
    int listener;
    NbdServer *s = server_new(g, &listener);
    FuzzPeer *p = fuzz_peer_new();
    NbdClient c = { .server = s, .refs = 1, .stream = stream_new(p->theirs) };
    Session run = { &c };
    NbdExportOptions o = { .name = "", .description = "d", .writable = true, .multi = true };
    BlockNode *n;
    BlockBitmap *b;

    block_memory_set_size(block_memory_new(g, "img", 4 << 20), (1 << 20) + 512);
    n = fuzz_open(g, "driver=raw,file.driver=x-memory,file.filename=img", BLOCK_OPEN_WRITE);
    b = block_bitmap_new(n, "b", 4096, &err);
    block_bitmap_set_flag(b, BLOCK_BITMAP_ENABLED, false);
    o.node = n;
    o.allocation_depth = true;
    o.bitmaps = bitmaps;
    bool added = nbd_server_add(s, &o, &err);
    g_assert(added);
    client_says(p, in);
    fuzz_peer_start(p);
    ioloop_post(fuzz_loop(), session_run, &run);
    while (!run.ended) {
        fiber_queue_wait(&run.wait);
    }
    stream_shutdown(c.stream);
    stream_free(c.stream);
    if (c.export) {
        c.export->n_clients--;
    }
    fuzz_peer_free(p);
    shutdown(listener, SHUT_RDWR); /* else its end takes a tenth of a second */
    nbd_server_free(s);
    block_node_unref(n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_in_graph(server_input, data, size);
    return 0;
}
