/* SPDX-License-Identifier: Apache-2.0 */
/* Mapping formats: reads, copies on write, overlaps and failures against a model of bytes. */
#include "block/core/toy-test.h"
#include "tests/unit.h"

#include <errno.h>
#include <string.h>

static int toymem_pass(BlockNode *n)
{
    ToyMemory *m = block_priv(n);

    m->requests++;
    while (g_rand_double(m->rand) < m->yield) {
        io_pause();
    }
    return g_rand_double(m->rand) < m->fail ? -EIO : 0;
}

static int toymem_readv(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                        unsigned flags)
{
    ToyMemory *m = block_priv(n);
    int ret = toymem_pass(n);

    if (!ret) {
        iov_from(iov, n_iov, 0, m->bytes + off, iov_length(iov, n_iov));
    }
    return ret;
}

static int toymem_writev(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                         unsigned flags)
{
    ToyMemory *m = block_priv(n);
    uint64_t done = 0;
    int ret = toymem_pass(n);

    for (unsigned i = 0; !ret && i < n_iov; i++) { /* in parts, as disks do */
        memcpy(m->bytes + off + done, iov[i].iov_base, iov[i].iov_len);
        done += iov[i].iov_len;
        if (i % 2) {
            toymem_pass(n);
        }
    }
    return ret;
}

static void toymem_close(BlockNode *n)
{
    g_rand_free(((ToyMemory *)block_priv(n))->rand);
}

static const BlockDriver toymem_driver = {
    .name = "toymem",
    .kind = BLOCK_PROTOCOL,
    .size = sizeof(ToyMemory),
    .grows = true,
    .close = toymem_close,
    .readv = toymem_readv,
    .writev = toymem_writev,
};

static int toy_map(BlockNode *n, uint64_t off, uint64_t len, Extent *out)
{
    Toy *s = block_priv(n);
    unsigned u = (unsigned)(off / TOY_UNIT);
    uint64_t in = off % TOY_UNIT;

    if (g_random_int_range(0, 8) == 0) {
        io_pause(); /* a table that is not in its cache */
    }
    out->len = MIN(len, TOY_UNIT - in);
    out->kind = (ExtentKind)s->kind[u];
    if (s->kind[u] >= TOY_DATA) {
        out->off = (uint64_t)s->at[u] * TOY_UNIT + (s->kind[u] == TOY_DATA ? in : 0);
        out->packed_len = TOY_UNIT;
    }
    return 0;
}

static uint32_t toy_take(Toy *s)
{
    for (uint32_t i = 0; i < TOY_UNITS * 4; i++) {
        if (!s->used[i]) {
            s->used[i] = true;
            return i;
        }
    }
    CHECK(!"no room");
    return 0;
}

static int toy_alloc(BlockNode *n, BlockAlloc *a)
{
    Toy *s = block_priv(n);
    unsigned u = (unsigned)(a->off / TOY_UNIT);
    uint64_t in = a->off % TOY_UNIT;

    CHECK(!s->busy[u]);
    s->busy[u] = true;
    fiber_lock(&s->lock);
    io_pause();
    fiber_unlock(&s->lock);
    CHECK(s->busy[u]);
    a->len = MIN(a->len, TOY_UNIT - in);
    if (s->kind[u] == TOY_DATA && !s->shared[u]) {
        a->child_off = (uint64_t)s->at[u] * TOY_UNIT + in;
        s->busy[u] = false;
        s->in_place++;
        return 0;
    }
    a->token = GUINT_TO_POINTER(toy_take(s) + 1);
    a->child_off = (uint64_t)(GPOINTER_TO_UINT(a->token) - 1) * TOY_UNIT + in;
    a->head = (uint32_t)in;
    a->tail = (uint32_t)(TOY_UNIT - in - a->len);
    a->replaces = s->kind[u] >= TOY_DATA;
    return 0;
}

static void toy_set(Toy *s, unsigned u, ToyKind kind)
{
    if (s->kind[u] >= TOY_DATA) {
        CHECK(s->used[s->at[u]]);
        s->used[s->at[u]] = false;
    }
    s->kind[u] = kind;
    s->shared[u] = false;
}

static int toy_link(BlockNode *n, BlockAlloc *a)
{
    Toy *s = block_priv(n);
    unsigned u = (unsigned)(a->off / TOY_UNIT);

    toy_set(s, u, TOY_DATA);
    s->at[u] = GPOINTER_TO_UINT(a->token) - 1;
    s->busy[u] = false;
    s->copies++;
    return 0;
}

static void toy_abort(BlockNode *n, BlockAlloc *a)
{
    Toy *s = block_priv(n);

    s->used[GPOINTER_TO_UINT(a->token) - 1] = false;
    s->busy[a->off / TOY_UNIT] = false;
    s->aborted++;
}

static int toy_unpack(BlockNode *n, uint64_t off, const Extent *x, void *buf)
{
    int ret = block_node_read(block_file(n), x->off, buf, TOY_UNIT);

    for (int i = 0; i < TOY_UNIT; i++) {
        ((uint8_t *)buf)[i] ^= 0xff;
    }
    return ret;
}

static int toy_write_packed(BlockNode *n, uint64_t off, const void *buf, uint64_t len)
{
    Toy *s = block_priv(n);
    unsigned u = (unsigned)(off / TOY_UNIT);
    uint8_t packed[TOY_UNIT];
    uint32_t at = toy_take(s);
    int ret;

    memset(packed, 0xff, sizeof(packed));
    for (uint64_t i = 0; i < len; i++) {
        packed[i] = ((const uint8_t *)buf)[i] ^ 0xff;
    }
    ret = block_node_write(block_file(n), (uint64_t)at * TOY_UNIT, packed, TOY_UNIT, 0);
    if (ret) {
        s->used[at] = false;
        return ret;
    }
    toy_set(s, u, TOY_PACKED);
    s->at[u] = at;
    return 0;
}

static int toy_zero(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    Toy *s = block_priv(n);

    CHECK(off % TOY_UNIT == 0 && (len % TOY_UNIT == 0 || off + len == TOY_SIZE));
    for (unsigned u = (unsigned)(off / TOY_UNIT); u * (uint64_t)TOY_UNIT < off + len; u++) {
        CHECK(!s->busy[u]);
        toy_set(s, u, TOY_ZERO);
        io_pause();
        CHECK(s->kind[u] == TOY_ZERO);
    }
    return 0;
}

static int toy_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    return toy_zero(n, off, len, 0);
}

static const BlockDriver toy_driver = {
    .name = "toy",
    .kind = BLOCK_FORMAT,
    .size = sizeof(Toy),
    .backing = true,
    .map = toy_map,
    .alloc = toy_alloc,
    .link = toy_link,
    .abort = toy_abort,
    .unpack = toy_unpack,
    .write_packed = toy_write_packed,
    .zero = toy_zero,
    .discard = toy_discard,
};

BlockNode *toy_new(BlockGraph *g, BlockNode *take_backing, uint32_t seed)
{
    unsigned flags = BLOCK_OPEN_WRITE | BLOCK_OPEN_DISCARD;
    BlockNode *m = block_node_new(g, &toymem_driver, NULL, flags, NULL);
    BlockNode *n = block_node_new(g, &toy_driver, NULL, flags, NULL);
    ToyMemory *mem = block_priv(m);

    mem->rand = g_rand_new_with_seed(seed);
    mem->yield = 0.5;
    m->size = sizeof(mem->bytes);
    m->opened = n->opened = true;
    memset(mem->bytes, 0xee, sizeof(mem->bytes)); /* what was never written is seen */
    n->size = TOY_SIZE;
    block_set_unit(n, TOY_UNIT);
    block_node_attach(n, "file", m);
    if (take_backing) {
        block_node_attach(n, "backing", take_backing);
    }
    return n;
}

Toy *toy_of(BlockNode *n)
{
    return block_priv(n);
}

ToyMemory *toy_memory(BlockNode *n)
{
    return block_priv(n->file);
}

/* ---- Many fibers, each with its own pieces of the disk ---- */

typedef struct Stress {
    BlockNode *n;
    uint8_t *model;
    uint8_t owner[TOY_SIZE];
    unsigned running, errors, failures;
    uint32_t seed;
    bool fails;
    FiberQueue all;
} Stress;

typedef struct Worker {
    Stress *s;
    uint8_t id;
} Worker;

enum { WORKERS = 24, ROUNDS = 60 };

/* A range of one owner, at most @max long. */
static void worker_range(Worker *w, GRand *r, uint64_t *off, uint64_t *len)
{
    uint64_t end;

    do {
        *off = (uint64_t)g_rand_int_range(r, 0, TOY_SIZE);
    } while (w->s->owner[*off] != w->id);
    for (end = *off; end < TOY_SIZE && w->s->owner[end] == w->id; end++) {
    }
    *len = 1 + (uint64_t)g_rand_int_range(r, 0, (int)(end - *off));
}

static void worker_write(Worker *w, GRand *r, uint64_t off, uint64_t len)
{
    Stress *s = w->s;
    g_autofree uint8_t *buf = g_malloc(len);
    uint64_t cut = len > 2 ? len / 3 : 0;
    struct iovec iov[3] = { { buf, cut }, { buf + cut, cut }, { buf + 2 * cut, len - 2 * cut } };
    int ret;

    memset(buf, g_rand_int_range(r, 1, 255), len);
    buf[len / 2] = (uint8_t)off;
    do { /* what failed may have written some: again, until it is as it should be */
        ret = block_node_writev(s->n, off, iov, 3, g_rand_int_range(r, 0, 9) ? 0 : BLOCK_REQ_FUA);
        s->failures += ret != 0;
    } while (ret && s->fails);
    s->errors += ret != 0;
    memcpy(s->model + off, buf, len);
}

static void worker_zero(Worker *w, GRand *r, uint64_t off, uint64_t len)
{
    Stress *s = w->s;
    int ret;

    if (g_rand_boolean(r)) {
        do {
            ret = block_node_write_zeroes(s->n, off, len, BLOCK_REQ_UNMAP);
        } while (ret && s->fails);
        memset(s->model + off, 0, len);
    } else {
        uint64_t a = (off + TOY_UNIT - 1) / TOY_UNIT * TOY_UNIT;
        uint64_t b = off + len == TOY_SIZE ? TOY_SIZE : (off + len) / TOY_UNIT * TOY_UNIT;

        ret = block_node_discard(s->n, off, len);
        memset(s->model + a, 0, a < b ? b - a : 0);
    }
    s->errors += ret != 0;
}

static void worker_pack(Worker *w, uint64_t off, uint64_t len)
{
    Stress *s = w->s;
    uint64_t a = (off + TOY_UNIT - 1) / TOY_UNIT * TOY_UNIT;
    uint64_t b = (off + len) / TOY_UNIT * TOY_UNIT;
    int ret = 0;

    if (a < b) {
        memset(s->model + a, (int)(off & 0x7f), b - a);
        do {
            ret = block_node_write(s->n, a, s->model + a, b - a, BLOCK_REQ_COMPRESSED);
        } while (ret && s->fails);
    }
    s->errors += ret != 0;
}

static void worker_read(Worker *w, uint64_t off, uint64_t len)
{
    Stress *s = w->s;
    g_autofree uint8_t *buf = g_malloc(len);
    int ret;

    do {
        ret = block_node_read(s->n, off, buf, len);
    } while (ret && s->fails);
    s->errors += ret != 0 || memcmp(buf, s->model + off, len);
}

static void worker_run(void *arg)
{
    Worker *w = arg;
    Stress *s = w->s;
    GRand *r = g_rand_new_with_seed(s->seed + w->id);

    for (int i = 0; i < ROUNDS && !s->errors; i++) {
        uint64_t off, len;
        int what = g_rand_int_range(r, 0, 10);

        worker_range(w, r, &off, &len);
        if (what < 4) {
            worker_write(w, r, off, len);
        } else if (what < 5) {
            worker_zero(w, r, off, len);
        } else if (what < 6) {
            worker_pack(w, off, len);
        } else if (what < 7) {
            s->errors += block_node_flush(s->n) != 0;
        } else {
            worker_read(w, off, len);
        }
    }
    g_rand_free(r);
    g_free(w);
    if (!--s->running) {
        fiber_queue_wake_all(&s->all);
    }
}

static void stress_owners(Stress *s, GRand *r)
{
    for (uint64_t off = 0; off < TOY_SIZE;) {
        uint64_t len = (uint64_t)g_rand_int_range(r, 1, g_rand_boolean(r) ? 1000 : 20000);
        uint8_t id = (uint8_t)g_rand_int_range(r, 0, WORKERS);

        len = MIN(len, TOY_SIZE - off);
        memset(s->owner + off, id, len);
        off += len;
    }
    for (uint8_t id = 0; id < WORKERS; id++) {
        s->owner[id * 4099] = id; /* each has something */
    }
}

static void stress(void *arg)
{
    Stress *s = arg;
    GRand *r = g_rand_new_with_seed(s->seed);

    stress_owners(s, r);
    s->running = WORKERS;
    for (uint8_t id = 0; id < WORKERS; id++) {
        Worker *w = g_new(Worker, 1);

        *w = (Worker){ s, id };
        fiber_start(worker_run, w);
    }
    if (s->running) {
        fiber_queue_wait(&s->all);
    }
    g_rand_free(r);
}

typedef struct EngineTest {
    BlockGraph *g;
    bool backing, fails, sectors;
    uint32_t seed;
} EngineTest;

static void engine_stress(void *arg)
{
    EngineTest *t = arg;
    g_autofree Stress *s = g_new0(Stress, 1);
    BlockNode *base = NULL;
    unsigned used = 0, mapped = 0;
    Toy *toy;

    s->model = g_malloc0(TOY_SIZE);
    if (t->backing) {
        base = toy_new(t->g, NULL, 1);
        base->size = TOY_SIZE / 2 + 77; /* shorter than what lies on it */
        for (uint64_t i = 0; i < base->size; i++) {
            s->model[i] = (uint8_t)(i * 31 + i / 1000);
        }
        EXPECT_EQ(block_node_write(base, 0, s->model, base->size, 0), 0);
    }
    s->n = toy_new(t->g, base, t->seed);
    if (t->sectors) { /* as encrypted images: bytes are written by reading what is beside them */
        block_set_align(s->n, 512);
    }
    s->seed = t->seed;
    s->fails = t->fails;
    toy_memory(s->n)->fail = t->fails ? 0.1 : 0;
    stress(s);
    toy_memory(s->n)->fail = 0;
    EXPECT_EQ(s->errors, 0);
    for (uint64_t off = 0; off < TOY_SIZE; off += 50000) {
        Worker w = { s, 0 };

        worker_read(&w, off, MIN(50000, TOY_SIZE - off));
    }
    EXPECT_EQ(s->errors, 0);
    toy = toy_of(s->n);
    EXPECT(toy->copies > 50 && toy->in_place > 50);
    EXPECT_EQ(toy->aborted > 0, t->fails);
    for (int i = 0; i < TOY_UNITS * 4; i++) {
        used += toy->used[i];
        mapped += i < TOY_UNITS && toy->kind[i] >= TOY_DATA;
    }
    EXPECT_EQ(used, mapped);
    EXPECT(!s->n->tracks && !s->n->n_strict && !s->n->in_flight);
    block_node_unref(s->n);
    g_free(s->model);
}

static void engine_test(bool backing, bool fails, bool sectors, unsigned rounds)
{
    GError *err = NULL;
    IoLoop *l = ioloop_new("t", IO_ENGINE_THREADS, &err);

    for (unsigned i = 0; i < rounds; i++) {
        EngineTest t = { block_graph_new(l), backing, fails, sectors, i * 1000 };

        ioloop_run(l, engine_stress, &t);
        block_graph_free(t.g);
    }
    ioloop_free(l);
}

TEST(engine, many_fibers_write_and_read)
{
    engine_test(false, false, false, 2);
}

TEST(engine, with_a_backing_image)
{
    engine_test(true, false, false, 2);
}

TEST(engine, with_errors_below)
{
    engine_test(true, true, false, 2);
}

TEST(engine, with_sectors)
{
    engine_test(false, false, true, 2);
    engine_test(true, false, true, 2);
}
