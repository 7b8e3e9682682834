/* SPDX-License-Identifier: Apache-2.0 */
/* What an NBD client asks of its export: a fiber for each request, replies as they are ready. */
#include "block/export/nbd-priv.h"

#include "util/bits.h"
#include "util/bytes.h"

#include <errno.h>
#include <string.h>

typedef struct NbdRequest {
    NbdClient *c;
    uint16_t flags, command;
    uint64_t handle, off;
    uint32_t len;
    uint32_t held; /* bytes taken of the client's room */
    uint8_t *data;
} NbdRequest;

static uint32_t nbd_error_of(int ret)
{
    switch (ret) {
    case 0:
        return 0;
    case -EPERM:
    case -EROFS:
    case -EACCES:
        return NBD_EPERM;
    case -ENOMEM:
        return NBD_ENOMEM;
    case -EINVAL:
        return NBD_EINVAL;
    case -ENOSPC:
    case -EFBIG:
    case -EDQUOT:
        return NBD_ENOSPC;
    case -ENOTSUP:
        return NBD_ENOTSUP;
    case -EOVERFLOW:
        return NBD_EOVERFLOW;
    case -ESHUTDOWN:
        return NBD_ESHUTDOWN;
    default:
        return NBD_EIO;
    }
}

/* ---- Replies; the client's send lock is held ---- */

static int nbd_simple(const NbdRequest *r, int result, const void *data, uint32_t len)
{
    uint8_t head[16];
    struct iovec iov[2] = { { head, sizeof(head) }, { (void *)data, len } };

    put_be32(head, NBD_SIMPLE_MAGIC);
    put_be32(head + 4, nbd_error_of(result));
    put_be64(head + 8, r->handle);
    return stream_writev(r->c->stream, iov, 2);
}

static int nbd_chunk(const NbdRequest *r, uint16_t flags, uint16_t type, const void *a,
                     uint32_t a_len, const void *b, uint32_t b_len)
{
    uint8_t head[20];
    struct iovec iov[3] = { { head, sizeof(head) }, { (void *)a, a_len }, { (void *)b, b_len } };

    put_be32(head, NBD_STRUCTURED_MAGIC);
    put_be16(head + 4, flags);
    put_be16(head + 6, type);
    put_be64(head + 8, r->handle);
    put_be32(head + 16, a_len + b_len);
    return stream_writev(r->c->stream, iov, 3);
}

static int nbd_chunk_error(const NbdRequest *r, int result)
{
    const char *text = g_strerror(-result);
    uint8_t data[6];
    size_t len = strlen(text);

    put_be32(data, nbd_error_of(result));
    put_be16(data + 4, (uint16_t)len);
    return nbd_chunk(r, NBD_REPLY_DONE, NBD_CHUNK_ERROR, data, 6, text, (uint32_t)len);
}

static int nbd_result(const NbdRequest *r, int result)
{
    int ret;

    fiber_lock(&r->c->send);
    if (!r->c->structured) {
        ret = nbd_simple(r, result, NULL, 0);
    } else if (result) {
        ret = nbd_chunk_error(r, result);
    } else {
        ret = nbd_chunk(r, NBD_REPLY_DONE, NBD_CHUNK_NONE, NULL, 0, NULL, 0);
    }
    fiber_unlock(&r->c->send);
    return ret;
}

/* ---- Reading ---- */

/* Where @off begins a run of zeros that need no reading (*@zero) or of data: its length. */
static uint64_t nbd_run(const NbdRequest *r, uint64_t off, uint64_t len, bool *zero)
{
    BlockStatus st;

    if (block_node_status_above(nbd_export_node(r->c->export), NULL, off, len, &st) || !st.len) {
        *zero = false;
        return len;
    }
    *zero = st.bits & BLOCK_STATUS_ZERO;
    return min_u64(st.len, len);
}

static int nbd_data_chunk(const NbdRequest *r, uint16_t done, uint64_t off, const void *data,
                          uint32_t len)
{
    uint8_t head[12];
    int ret;

    put_be64(head, off);
    fiber_lock(&r->c->send);
    if (data) {
        ret = nbd_chunk(r, done, NBD_CHUNK_DATA, head, 8, data, len);
    } else {
        put_be32(head + 8, len);
        ret = nbd_chunk(r, done, NBD_CHUNK_HOLE, head, 12, NULL, 0);
    }
    fiber_unlock(&r->c->send);
    return ret;
}

/* Data and holes as they lie, a chunk each. */
static int nbd_read_chunks(NbdRequest *r)
{
    BlockNode *n = nbd_export_node(r->c->export);
    uint64_t at = 0;
    int ret = 0;

    while (at < r->len && !ret) {
        bool zero, next;
        uint64_t run = nbd_run(r, r->off + at, r->len - at, &zero);

        while (at + run < r->len) { /* neighbours of the same kind go together */
            uint64_t more = nbd_run(r, r->off + at + run, r->len - at - run, &next);

            if (next != zero) {
                break;
            }
            run += more;
        }
        if (!zero) {
            int failed = block_node_read(n, r->off + at, r->data, run);

            if (failed) {
                return nbd_result(r, failed);
            }
        }
        ret = nbd_data_chunk(r, at + run == r->len ? NBD_REPLY_DONE : 0, r->off + at,
                             zero ? NULL : r->data, (uint32_t)run);
        at += run;
    }
    return ret;
}

static int nbd_read(NbdRequest *r)
{
    int ret;

    if (r->c->structured && !(r->flags & NBD_CMD_FLAG_DF) && r->len) {
        return nbd_read_chunks(r);
    }
    ret = block_node_read(nbd_export_node(r->c->export), r->off, r->data, r->len);
    if (ret || !r->len) {
        return nbd_result(r, ret);
    }
    if (r->c->structured) {
        return nbd_data_chunk(r, NBD_REPLY_DONE, r->off, r->data, r->len);
    }
    fiber_lock(&r->c->send);
    ret = nbd_simple(r, 0, r->data, r->len);
    fiber_unlock(&r->c->send);
    return ret;
}

/* ---- Status ---- */

typedef struct NbdExtents {
    uint8_t data[4 + 8 * NBD_EXTENTS_MAX];
    unsigned n, max;
    uint32_t last_len, last_state;
} NbdExtents;

/* False: no room for it. */
static bool nbd_extent_add(NbdExtents *x, uint64_t len, uint32_t state)
{
    uint64_t sum;

    if (x->n && x->last_state == state) {
        sum = x->last_len + len;
        x->last_len = (uint32_t)min_u64(sum, UINT32_MAX - 65535);
        put_be32(x->data + 4 + 8 * (x->n - 1), x->last_len);
        return x->last_len == sum;
    }
    if (x->n == x->max) {
        return false;
    }
    x->last_len = (uint32_t)len;
    x->last_state = state;
    put_be32(x->data + 4 + 8 * x->n, (uint32_t)len);
    put_be32(x->data + 4 + 8 * x->n + 4, state);
    x->n++;
    return true;
}

static int nbd_status_of_map(const NbdRequest *r, NbdContextKind kind, NbdExtents *x)
{
    uint64_t at = r->off, end = r->off + r->len;

    while (at < end) {
        BlockStatus st;
        uint32_t state;
        int ret = block_node_status_above(nbd_export_node(r->c->export), NULL, at, end - at, &st);

        if (ret) {
            return ret;
        }
        if (kind == NBD_DEPTH) {
            state = st.bits & BLOCK_STATUS_ALLOCATED ? st.depth + 1 : 0;
        } else {
            state = (st.bits & BLOCK_STATUS_DATA ? 0 : NBD_STATE_HOLE) |
                    (st.bits & BLOCK_STATUS_ZERO ? NBD_STATE_ZERO : 0);
        }
        if (!nbd_extent_add(x, st.len, state)) {
            break;
        }
        at += st.len;
    }
    return 0;
}

static void nbd_status_of_bitmap(const NbdRequest *r, BlockBitmap *b, NbdExtents *x)
{
    const DirtyBits *bits = block_bitmap_bits(b);
    uint64_t at = r->off, end = r->off + r->len;

    while (at < end) {
        uint64_t start, len;

        if (!dirty_bits_next(bits, at, end, UINT64_MAX, &start, &len)) {
            start = end;
            len = 0;
        }
        if ((start > at && !nbd_extent_add(x, start - at, 0)) ||
            (len && !nbd_extent_add(x, len, NBD_STATE_DIRTY))) {
            return;
        }
        at = start + len;
    }
}

static int nbd_status(NbdRequest *r)
{
    NbdClient *c = r->c;
    NbdExport *e = c->export;
    g_autofree NbdExtents *x = g_new(NbdExtents, 1);
    uint64_t left = c->contexts & ((e->n_contexts == 64 ? 0 : 1ull << e->n_contexts) - 1);

    if (!left || !r->len) {
        return nbd_result(r, -EINVAL);
    }
    while (left) {
        unsigned k = (unsigned)__builtin_ctzll(left);
        int ret = 0;

        left &= left - 1;
        x->n = 0;
        x->max = r->flags & NBD_CMD_FLAG_REQ_ONE ? 1 : NBD_EXTENTS_MAX;
        put_be32(x->data, k);
        if (e->contexts[k].kind == NBD_BITMAP) {
            nbd_status_of_bitmap(r, e->contexts[k].bitmap, x);
        } else {
            ret = nbd_status_of_map(r, e->contexts[k].kind, x);
        }
        if (ret) {
            return nbd_result(r, ret);
        }
        fiber_lock(&c->send);
        ret = nbd_chunk(r, left ? 0 : NBD_REPLY_DONE, NBD_CHUNK_STATUS, x->data, 4 + 8 * x->n, NULL,
                        0);
        fiber_unlock(&c->send);
        if (ret) {
            return ret;
        }
    }
    return 0;
}

/* ---- Requests ---- */

static int nbd_cache(const NbdRequest *r)
{
    uint64_t at = 0;
    g_autofree uint8_t *buf = g_malloc(1 << 20);
    int ret = 0;

    while (at < r->len && !ret) {
        uint64_t n = min_u64(r->len - at, 1 << 20);

        ret = block_node_read(nbd_export_node(r->c->export), r->off + at, buf, n);
        at += n;
    }
    return ret;
}

static int nbd_do(NbdRequest *r)
{
    BlockNode *n = nbd_export_node(r->c->export);
    bool through = r->flags & NBD_CMD_FLAG_FUA || r->c->export->writethrough;
    unsigned fua = through ? BLOCK_REQ_FUA : 0;

    switch (r->command) {
    case NBD_CMD_READ:
        return nbd_read(r);
    case NBD_CMD_BLOCK_STATUS:
        return nbd_status(r);
    case NBD_CMD_WRITE:
        return nbd_result(r, block_node_write(n, r->off, r->data, r->len, fua));
    case NBD_CMD_WRITE_ZEROES:
        if (!(r->flags & NBD_CMD_FLAG_NO_HOLE)) {
            fua |= BLOCK_REQ_UNMAP;
        }
        if (r->flags & NBD_CMD_FLAG_FAST_ZERO) {
            fua |= BLOCK_REQ_NO_FALLBACK;
        }
        return nbd_result(r, block_node_write_zeroes(n, r->off, r->len, fua));
    case NBD_CMD_TRIM: {
        int ret = block_node_discard(n, r->off, r->len);

        return nbd_result(r, !ret && fua ? block_node_flush(n) : ret);
    }
    case NBD_CMD_FLUSH:
        return nbd_result(r, block_node_flush(n));
    default:
        return nbd_result(r, nbd_cache(r));
    }
}

static void nbd_request_run(void *arg)
{
    NbdRequest *r = arg;
    NbdClient *c = r->c;

    if (nbd_do(r)) {
        stream_shutdown(c->stream); /* half a reply may have been sent */
    }
    c->n_requests--;
    c->bytes -= r->held;
    g_free(r->data);
    g_free(r);
    fiber_queue_wake_all(&c->room);
}

/* What is wrong with the request, before anything is done. */
static int nbd_check(const NbdRequest *r)
{
    uint64_t size = block_node_size(r->c->export->hold.node);
    bool writes = r->command == NBD_CMD_WRITE || r->command == NBD_CMD_TRIM ||
                  r->command == NBD_CMD_WRITE_ZEROES;
    uint16_t known = NBD_CMD_FLAG_FUA;

    switch (r->command) {
    case NBD_CMD_READ:
        known |= NBD_CMD_FLAG_DF;
        break;
    case NBD_CMD_WRITE_ZEROES:
        known |= NBD_CMD_FLAG_NO_HOLE | NBD_CMD_FLAG_FAST_ZERO;
        break;
    case NBD_CMD_BLOCK_STATUS:
        known |= NBD_CMD_FLAG_REQ_ONE;
        break;
    case NBD_CMD_WRITE:
    case NBD_CMD_TRIM:
    case NBD_CMD_FLUSH:
    case NBD_CMD_CACHE:
        break;
    default:
        return -EINVAL;
    }
    if (r->flags & ~known) {
        return -EINVAL;
    }
    if (r->command == NBD_CMD_FLUSH) {
        return 0;
    }
    if (writes && !r->c->export->writable) {
        return -EPERM;
    }
    if (r->off > size || r->len > size - r->off) {
        return writes && r->command == NBD_CMD_WRITE ? -ENOSPC : -EINVAL;
    }
    return (r->command == NBD_CMD_READ || r->command == NBD_CMD_WRITE) && r->len > NBD_PAYLOAD_MAX
               ? -EINVAL
               : 0;
}

/* Read one request and begin it: 0; else the connection ends. */
static int nbd_next(NbdClient *c)
{
    uint8_t head[NBD_REQUEST_LEN];
    NbdRequest ask = { .c = c }, *r;
    int ret = stream_read(c->stream, head, sizeof(head)), bad;

    if (ret) {
        return ret;
    }
    ask.flags = get_be16(head + 4);
    ask.command = get_be16(head + 6);
    ask.handle = get_be64(head + 8);
    ask.off = get_be64(head + 16);
    ask.len = get_be32(head + 24);
    if (get_be32(head) != NBD_REQUEST_MAGIC || ask.command == NBD_CMD_DISC) {
        return -ECONNRESET;
    }
    if (ask.command == NBD_CMD_WRITE && ask.len > NBD_PAYLOAD_MAX) {
        return -EPROTO; /* its data cannot be told from requests by any limit of ours */
    }
    bad = nbd_check(&ask);
    if (bad) {
        ret = ask.command == NBD_CMD_WRITE ? stream_skip(c->stream, ask.len) : 0;
        return ret ? ret : nbd_result(&ask, bad);
    }
    ask.held = ask.command == NBD_CMD_READ || ask.command == NBD_CMD_WRITE ? ask.len : 0;
    while (c->n_requests >= NBD_CLIENT_REQUESTS ||
           (c->n_requests && c->bytes + ask.held > NBD_CLIENT_BYTES)) {
        fiber_queue_wait(&c->room);
    }
    r = g_memdup2(&ask, sizeof(ask));
    r->data = r->held ? g_try_malloc(r->held) : NULL;
    if (r->held && !r->data) {
        ret = nbd_result(r, -ENOMEM);
        g_free(r);
        return ret ? ret : ask.command == NBD_CMD_WRITE ? stream_skip(c->stream, ask.len) : 0;
    }
    ret = r->command == NBD_CMD_WRITE ? stream_read(c->stream, r->data, r->len) : 0;
    if (ret) {
        g_free(r->data);
        g_free(r);
        return ret;
    }
    c->n_requests++;
    c->bytes += r->held;
    fiber_start(nbd_request_run, r);
    return 0;
}

void nbd_transmit(NbdClient *c)
{
    while (!nbd_next(c) && !c->server->stopping) {
    }
    stream_shutdown(c->stream);
    while (c->n_requests) {
        fiber_queue_wait(&c->room);
    }
}
