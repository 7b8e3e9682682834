/* SPDX-License-Identifier: Apache-2.0 */
/* The NBD client against servers that break the protocol's rules, each in one way, and servers that
 * leave. */
#include "block/proto/nbd-priv.h"
#include "tests/unit.h"
#include "util/bits.h"
#include "util/bytes.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEST_SIZE = 1 << 20, TEST_AT = 4096, TEST_LEN = 8192, TEST_CHUNKS = 6 };

/* What is sent in answer to a request: chunks of structured replies unless it says other. */
typedef struct Chunk {
    uint16_t type;
    uint64_t off;  /* of data and holes, as sent */
    uint32_t len;  /* bytes of data, or the size that a hole names */
    uint32_t wire; /* the length in the header, where it is another; 0: none */
    bool more;     /* not the last one of the reply */
    bool cut;      /* the connection ends within it */
    bool simple, bad_magic, bad_cookie;
} Chunk;

typedef struct Script {
    const char *name;
    Chunk chunks[TEST_CHUNKS];
    unsigned n;
    int result;  /* of the read */
    bool usable; /* the connection is in use after it */
} Script;

typedef struct Peer {
    BlockStream *s;
    const Script *script;
    unsigned requests, connections;
    unsigned dies_at;  /* the request in which it leaves; 0: none */
    unsigned dies_for; /* connections that end so */
    uint8_t status[64];
    unsigned status_len;
    int listener;
    bool ended;
    FiberQueue gone;
} Peer;

/* ---- A server ---- */

static int peer_option(Peer *p, uint32_t option, uint32_t type, const void *data, uint32_t len)
{
    uint8_t head[20];

    put_be64(head, NBD_REPLY_MAGIC);
    put_be32(head + 8, option);
    put_be32(head + 12, type);
    put_be32(head + 16, len);
    return stream_writev(p->s, (struct iovec[]){ { head, 20 }, { (void *)data, len } }, 2);
}

static int peer_answer_option(Peer *p, uint32_t option)
{
    uint8_t data[4 + 15];
    int ret = 0;

    if (option == NBD_OPT_SET_META_CONTEXT) {
        put_be32(data, 7);
        memcpy(data + 4, "base:allocation", 15);
        ret = peer_option(p, option, NBD_REP_META_CONTEXT, data, sizeof(data));
    } else if (option == NBD_OPT_GO) {
        put_be16(data, NBD_INFO_EXPORT);
        put_be64(data + 2, TEST_SIZE);
        put_be16(data + 10, NBD_HAS_FLAGS | NBD_SEND_FLUSH);
        ret = peer_option(p, option, NBD_REP_INFO, data, 12);
    }
    return ret ? ret : peer_option(p, option, NBD_REP_ACK, NULL, 0);
}

static int peer_handshake(Peer *p)
{
    uint8_t head[18];
    int ret;

    put_be64(head, NBD_MAGIC);
    put_be64(head + 8, NBD_OPTION_MAGIC);
    put_be16(head + 16, NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES);
    ret = stream_write(p->s, head, 18);
    ret = ret ? ret : stream_read(p->s, head, 4);
    while (!ret && !(ret = stream_read(p->s, head, 16))) {
        ret = stream_skip(p->s, get_be32(head + 12));
        ret = ret ? ret : peer_answer_option(p, get_be32(head + 8));
        if (get_be32(head + 8) == NBD_OPT_GO) {
            break;
        }
    }
    return ret;
}

static int peer_send(Peer *p, const Chunk *c, uint64_t cookie)
{
    uint8_t head[20], data[12];
    uint32_t body = c->type == NBD_CHUNK_HOLE    ? 12
                    : c->type == NBD_CHUNK_DATA  ? 8
                    : c->type == NBD_CHUNK_NONE  ? 0
                    : c->type == NBD_CHUNK_ERROR ? 6
                                                 : 12;
    uint32_t bytes = c->type == NBD_CHUNK_DATA || c->simple ? c->len : 0;
    g_autofree uint8_t *payload = g_malloc(TEST_SIZE);
    struct iovec iov[3] = { { head, c->simple ? 16 : 20 },
                            { data, c->simple ? 0 : body },
                            { payload, c->cut ? bytes / 2 : bytes } };

    for (unsigned i = 0; i < bytes; i++) {
        payload[i] = (uint8_t)((c->off + i) / 512);
    }
    put_be32(head, c->bad_magic ? 0x12345678 : c->simple ? NBD_SIMPLE_MAGIC : NBD_STRUCTURED_MAGIC);
    put_be64(head + 8, c->bad_cookie ? cookie + NBD_SLOTS : cookie);
    if (c->simple) {
        put_be32(head + 4, 0);
    } else {
        put_be16(head + 4, c->more ? 0 : NBD_REPLY_DONE);
        put_be16(head + 6, c->type);
        put_be32(head + 16, c->wire ? c->wire : body + bytes);
    }
    memset(data, 0, sizeof(data));
    if (c->type == NBD_CHUNK_ERROR) {
        put_be32(data, NBD_ENOSPC);
    } else {
        put_be64(data, c->off);
        put_be32(data + 8, c->len);
    }
    return stream_writev(p->s, iov, 3);
}

/* A whole answer, as it should be. */
static int peer_good(Peer *p, const uint8_t *request)
{
    uint16_t command = get_be16(request + 6);
    const Chunk data = { .type = NBD_CHUNK_DATA,
                         .off = get_be64(request + 16),
                         .len = get_be32(request + 24) };
    const Chunk none = { .type = NBD_CHUNK_NONE };

    return peer_send(p, command == NBD_CMD_READ ? &data : &none, get_be64(request + 8));
}

static int peer_status(Peer *p, uint64_t cookie)
{
    uint8_t head[20];

    put_be32(head, NBD_STRUCTURED_MAGIC);
    put_be16(head + 4, NBD_REPLY_DONE);
    put_be16(head + 6, NBD_CHUNK_STATUS);
    put_be64(head + 8, cookie);
    put_be32(head + 16, p->status_len);
    return stream_writev(p->s, (struct iovec[]){ { head, 20 }, { p->status, p->status_len } }, 2);
}

static int peer_request(Peer *p)
{
    uint8_t request[NBD_REQUEST_LEN];
    int ret = stream_read(p->s, request, sizeof(request));
    uint16_t command = ret ? 0 : get_be16(request + 6);
    bool dies = ++p->requests == p->dies_at && p->dies_for;

    if (ret || command == NBD_CMD_DISC) {
        return ret ? ret : -ESHUTDOWN;
    }
    if (command == NBD_CMD_WRITE) {
        ret = stream_skip(p->s, get_be32(request + 24) / (dies ? 2 : 1));
    }
    if (dies) {
        p->dies_for--;
        p->requests--;
        return -ESHUTDOWN;
    }
    if (!ret && command == NBD_CMD_BLOCK_STATUS) {
        return peer_status(p, get_be64(request + 8));
    }
    if (p->requests > 1 || !p->script) {
        return ret ? ret : peer_good(p, request);
    }
    for (unsigned i = 0; !ret && i < p->script->n; i++) {
        const Chunk *c = &p->script->chunks[i];

        ret = peer_send(p, c, get_be64(request + 8));
        ret = !ret && c->cut ? -ESHUTDOWN : ret;
    }
    return ret;
}

static void peer_run(void *arg)
{
    Peer *p = arg;
    int error;

    if (p->listener >= 0) {
        p->s = stream_accept(p->listener, NULL, &error);
    }
    while (p->s) {
        p->connections++;
        if (!peer_handshake(p)) {
            while (!peer_request(p)) {
            }
        }
        stream_shutdown(p->s);
        stream_free(p->s);
        p->s = p->listener >= 0 ? stream_accept(p->listener, NULL, &error) : NULL;
    }
    p->ended = true;
    fiber_queue_wake_all(&p->gone);
}

/* ---- A client ---- */

typedef struct Test {
    BlockGraph *g;
    Peer peer;
    BlockNode *n;
    void (*run)(struct Test *t);
    const char *more; /* options of the client */
} Test;

static void test_in_fiber(void *arg)
{
    Test *t = arg;
    g_autofree char *dir = NULL, *path = NULL, *text = NULL;
    g_autoptr(GError) err = NULL;
    Options o = { 0 };
    int pair[2];

    if (t->more) {
        dir = g_dir_make_tmp("nbd-XXXXXX", &err);
        path = g_build_filename(dir, "s", NULL);
        text = g_strdup_printf("driver=nbd,server.type=unix,server.path=%s,%s", path, t->more);
        t->peer.listener =
            stream_listen(&(SocketName){ .type = SOCKET_UNIX, .path = path, .fd = -1 }, 5, &err);
        EXPECT(t->peer.listener >= 0);
    } else {
        EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        t->peer.s = stream_new(pair[1]);
        t->peer.listener = -1;
        text = g_strdup_printf("driver=nbd,server.type=fd,server.str=%d", pair[0]);
    }
    ioloop_post(block_graph_loop(t->g), peer_run, &t->peer);
    EXPECT(options_parse(&o, text, NULL, &err));
    t->n = block_node_open(t->g, &o, BLOCK_OPEN_WRITE | BLOCK_OPEN_DISCARD, &err);
    options_deinit(&o);
    if (t->n) {
        t->run(t);
        block_node_unref(t->n);
    } else {
        test_fail(__FILE__, __LINE__, "not opened: %s", err->message);
    }
    if (t->peer.listener >= 0) {
        shutdown(t->peer.listener, SHUT_RDWR);
    }
    while (!t->peer.ended) {
        fiber_queue_wait(&t->peer.gone);
    }
    if (t->peer.listener >= 0) {
        close(t->peer.listener);
        unlink(path);
        rmdir(dir);
    }
}

static void test_run(Test *t)
{
    g_autoptr(GError) err = NULL;
    IoLoop *l = ioloop_new("t", IO_ENGINE_AUTO, &err);

    EXPECT(l != NULL);
    t->g = block_graph_new(l);
    ioloop_run(l, test_in_fiber, t);
    block_graph_free(t->g);
    ioloop_free(l);
}

/* ---- Replies ---- */

#define AT   TEST_AT
#define HALF (TEST_LEN / 2)
#define DATA .type = NBD_CHUNK_DATA

static const Script test_scripts[] = {
    { "one chunk", { { DATA, .off = AT, .len = TEST_LEN } }, 1, 0, true },
    { "out of order",
      { { DATA, .off = AT + 6144, .len = 2048, .more = true },
        { DATA, .off = AT + 2048, .len = 2048, .more = true },
        { DATA, .off = AT, .len = 2048, .more = true },
        { .type = NBD_CHUNK_HOLE, .off = AT + HALF, .len = 2048, .more = true },
        { .type = NBD_CHUNK_NONE } },
      5,
      0,
      true },
    { "an error", { { .type = NBD_CHUNK_ERROR } }, 1, -ENOSPC, true },
    { "data, then an error",
      { { DATA, .off = AT, .len = HALF, .more = true }, { .type = NBD_CHUNK_ERROR } },
      2,
      -ENOSPC,
      true },
    { "nothing", { { .type = NBD_CHUNK_NONE } }, 1, -EIO, true },
    { "half of it", { { DATA, .off = AT, .len = HALF } }, 1, -EIO, true },
    { "twice the same half",
      { { DATA, .off = AT, .len = HALF, .more = true }, { DATA, .off = AT, .len = HALF } },
      2,
      -EIO,
      false },
    { "twice the other half",
      { { DATA, .off = AT + HALF, .len = HALF, .more = true },
        { DATA, .off = AT + HALF, .len = HALF } },
      2,
      -EIO,
      false },
    { "halves that overlap",
      { { DATA, .off = AT + 3000, .len = 5192, .more = true }, { DATA, .off = AT, .len = 3001 } },
      2,
      -EIO,
      false },
    { "a hole above data",
      { { DATA, .off = AT + HALF, .len = HALF, .more = true },
        { .type = NBD_CHUNK_HOLE, .off = AT + 1, .len = HALF } },
      2,
      -EIO,
      false },
    { "below the range", { { DATA, .off = AT - 1, .len = TEST_LEN } }, 1, -EIO, false },
    { "beyond the range", { { DATA, .off = AT + 1, .len = TEST_LEN } }, 1, -EIO, false },
    { "far beyond", { { DATA, .off = UINT64_MAX - 4095, .len = 8192 } }, 1, -EIO, false },
    { "too much", { { DATA, .off = AT, .len = TEST_LEN + 1 } }, 1, -EIO, false },
    { "a hole that is too long",
      { { .type = NBD_CHUNK_HOLE, .off = AT, .len = TEST_LEN + 1 } },
      1,
      -EIO,
      false },
    { "the longest hole",
      { { .type = NBD_CHUNK_HOLE, .off = AT, .len = UINT32_MAX } },
      1,
      -EIO,
      false },
    { "an empty hole", { { .type = NBD_CHUNK_HOLE, .off = AT, .more = true } }, 1, -EIO, false },
    { "data without data", { { DATA, .off = AT } }, 1, -EIO, false },
    { "the longest chunk", { { DATA, .off = AT, .wire = UINT32_MAX } }, 1, -EIO, false },
    { "a hole of another length",
      { { .type = NBD_CHUNK_HOLE, .off = AT, .len = TEST_LEN, .wire = 13 } },
      1,
      -EIO,
      false },
    { "bytes in a chunk that has none", { { .type = NBD_CHUNK_NONE, .wire = 1 } }, 1, -EIO, false },
    { "an error in five bytes", { { .type = NBD_CHUNK_ERROR, .wire = 5 } }, 1, -EIO, false },
    { "a chunk of no kind", { { .type = 3 } }, 1, -EIO, false },
    { "an extent for data", { { .type = NBD_CHUNK_STATUS } }, 1, -EIO, false },
    { "for nobody", { { DATA, .off = AT, .len = TEST_LEN, .bad_cookie = true } }, 1, -EIO, false },
    { "no magic", { { DATA, .off = AT, .len = TEST_LEN, .bad_magic = true } }, 1, -EIO, false },
    { "a simple reply", { { .simple = true, .off = AT, .len = TEST_LEN } }, 1, -EIO, false },
    { "twice",
      { { DATA, .off = AT, .len = TEST_LEN }, { DATA, .off = AT, .len = TEST_LEN } },
      2,
      0,
      false },
    { "the end within data",
      { { DATA, .off = AT, .len = TEST_LEN, .cut = true } },
      1,
      -EIO,
      false },
};

static void test_script(Test *t)
{
    const Script *k = t->peer.script;
    g_autofree uint8_t *buf = g_malloc(TEST_LEN + 128);
    uint8_t again[512];
    int ret;

    memset(buf, 0xa5, TEST_LEN + 128);
    ret = block_node_read(t->n, TEST_AT, buf + 64, TEST_LEN);
    if (ret != k->result) {
        test_fail(__FILE__, __LINE__, "%s: %d", k->name, ret);
    }
    for (unsigned i = 0; i < 64; i++) {
        EXPECT(buf[i] == 0xa5 && buf[64 + TEST_LEN + i] == 0xa5);
    }
    for (unsigned i = 0; !ret && i < TEST_LEN; i++) {
        if (buf[64 + i] != ((TEST_AT + i) / 512) && buf[64 + i]) {
            test_fail(__FILE__, __LINE__, "%s: byte %u", k->name, i);
            break;
        }
    }
    io_sleep_ns(1000000); /* what follows the reply comes in */
    ret = block_node_read(t->n, 512 * 100, again, 512);
    if (k->usable ? ret || again[0] != 100 : ret != -EIO) {
        test_fail(__FILE__, __LINE__, "%s: a read after it: %d", k->name, ret);
    }
}

TEST(nbd_client, replies_that_break_the_rules)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(test_scripts); i++) {
        Test t = { .run = test_script, .peer.script = &test_scripts[i] };

        test_run(&t);
    }
}

/* ---- Block status ---- */

static void test_status(Test *t)
{
    static const struct {
        uint32_t context, len, flags;
        unsigned bytes;
        uint64_t want;
        bool hole;
        int ret;
    } rows[] = {
        { 7, 4096, NBD_STATE_HOLE | NBD_STATE_ZERO, 12, 4096, true, 0 },
        { 7, UINT32_MAX, NBD_STATE_HOLE | NBD_STATE_ZERO, 12, 65536, true, 0 }, /* beyond it */
        { 8, 4096, NBD_STATE_HOLE | NBD_STATE_ZERO, 12, 65536, false, 0 }, /* another context */
        { 7, 0, NBD_STATE_HOLE, 12, 0, false, -EIO },
        { 7, 4096, NBD_STATE_HOLE, 11, 0, false, -EIO },
        { 7, 4096, NBD_STATE_HOLE, 13, 0, false, -EIO },
        { 7, 4096, NBD_STATE_HOLE, 4, 0, false, -EIO },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        BlockStatus st = { 0 };
        int ret;

        put_be32(t->peer.status, rows[i].context);
        put_be32(t->peer.status + 4, rows[i].len);
        put_be32(t->peer.status + 8, rows[i].flags);
        t->peer.status_len = rows[i].bytes;
        ret = block_node_status(t->n, 0, 65536, &st);
        EXPECT_EQ(ret, rows[i].ret);
        if (!ret) {
            EXPECT_EQ(st.len, rows[i].want);
            EXPECT_EQ(!(st.bits & BLOCK_STATUS_DATA), rows[i].hole);
        }
    }
}

TEST(nbd_client, extents_that_break_the_rules)
{
    Test t = { .run = test_status, .more = "reconnect-delay=5" };

    t.peer.status_len = 0;
    test_run(&t);
}

/* ---- Servers that leave ---- */

typedef struct Writer {
    Test *t;
    uint8_t *buf;
    unsigned at;
    int result;
    unsigned *left;
    FiberQueue *ended;
} Writer;

static void writer_run(void *arg)
{
    Writer *w = arg;

    w->result = block_node_write(w->t->n, w->at, w->buf, 65536, 0);
    --*w->left;
    fiber_queue_wake_all(w->ended);
}

/* The results of @n writes at once are all @want. */
static void test_writes(Test *t, unsigned n, int want)
{
    g_autofree uint8_t *buf = g_malloc0(65536);
    g_autofree Writer *w = g_new0(Writer, n);
    FiberQueue ended = { 0 };
    unsigned left = n;

    for (unsigned i = 0; i < n; i++) {
        w[i] = (Writer){ t, buf, i * 65536, 1, &left, &ended };
        fiber_start(writer_run, &w[i]);
    }
    while (left) {
        fiber_queue_wait(&ended);
    }
    for (unsigned i = 0; i < n; i++) {
        EXPECT_EQ(w[i].result, want);
    }
}

static void leave_for_good(Test *t)
{
    uint8_t b[512];

    EXPECT_EQ(block_node_read(t->n, 1024, b, 512), 0);
    EXPECT_EQ(b[0], 2);
    test_writes(t, 8, -EIO);
    EXPECT_EQ(block_node_read(t->n, 1024, b, 512), -EIO);
    EXPECT_EQ(block_node_flush(t->n), -EIO);
}

TEST(nbd_client, a_server_dies_in_a_write)
{
    Test t = { .run = leave_for_good, .peer = { .dies_at = 2, .dies_for = 1 } };

    test_run(&t);
    EXPECT_EQ(t.peer.connections, 1);
}

static void leave_and_return(Test *t)
{
    uint8_t b[512];

    EXPECT_EQ(block_node_read(t->n, 1024, b, 512), 0);
    test_writes(t, 8, 0);
    EXPECT_EQ(block_node_read(t->n, 2048, b, 512), 0);
    EXPECT_EQ(b[0], 4);
}

TEST(nbd_client, writes_wait_for_a_new_connection)
{
    Test t = { .run = leave_and_return,
               .more = "reconnect-delay=60",
               .peer = { .dies_at = 2, .dies_for = 3 } };

    test_run(&t);
    EXPECT_EQ(t.peer.connections, 4);
}

static void leave_each_time(Test *t)
{
    test_writes(t, 1, -EIO);
    EXPECT_EQ(t->peer.connections, 16);
    t->peer.dies_for = 0;
}

TEST(nbd_client, a_request_that_the_server_dies_of_ends)
{
    Test t = { .run = leave_each_time,
               .more = "reconnect-delay=60",
               .peer = { .dies_at = 1, .dies_for = 1000 } };

    test_run(&t);
}

/* Without a delay requests fail while there is no connection, and only then. */
static void leave_without_delay(Test *t)
{
    uint8_t b[512];
    int ret = -EIO;

    EXPECT_EQ(block_node_read(t->n, 1024, b, 512), 0);
    test_writes(t, 8, -EIO);
    for (unsigned i = 0; ret && i < 1000; i++) {
        io_sleep_ns(1000000);
        ret = block_node_read(t->n, 1024, b, 512);
    }
    EXPECT_EQ(ret, 0);
    test_writes(t, 8, 0);
}

TEST(nbd_client, without_a_delay_later_requests_work_again)
{
    Test t = { .run = leave_without_delay,
               .more = "reconnect-delay=0",
               .peer = { .dies_at = 2, .dies_for = 1 } };

    test_run(&t);
    EXPECT_EQ(t.peer.connections, 2);
}
