/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an NBD server answers: simple replies and chunks of structured ones, each checked against
 * the request that it names.
 */
#include "block/proto/nbd-priv.h"

#include "util/bits.h"
#include "util/bytes.h"

#include <errno.h>
#include <string.h>

enum { NBD_PARTS_MAX = 8192 }; /* of a read, out of order and with gaps between them */

static int nbd_errno(uint32_t e)
{
    switch (e) {
    case 0:
        return 0;
    case NBD_EPERM:
        return -EPERM;
    case NBD_ENOMEM:
        return -ENOMEM;
    case NBD_EINVAL:
        return -EINVAL;
    case NBD_ENOSPC:
        return -ENOSPC;
    case NBD_ENOTSUP:
        return -ENOTSUP;
    default:
        return -EIO;
    }
}

static NbdSlot *nbd_slot_of(Nbd *s, uint64_t cookie)
{
    NbdSlot *slot = &s->slots[cookie % NBD_SLOTS];

    return slot->used && !slot->done && slot->cookie == cookie ? slot : NULL;
}

/* The piece of the read's buffers at @skip: no longer than @len. */
static struct iovec nbd_piece(const NbdSlot *slot, uint64_t skip, uint64_t len)
{
    unsigned i = 0;

    while (i < slot->n_iov && skip >= slot->iov[i].iov_len) {
        skip -= slot->iov[i++].iov_len;
    }
    if (i == slot->n_iov) {
        return (struct iovec){ NULL, 0 };
    }
    return (struct iovec){ (char *)slot->iov[i].iov_base + skip,
                           min_u64(slot->iov[i].iov_len - skip, len) };
}

/* Bytes of the stream, or zeros, into [@skip, @skip + @len) of the read's buffers. */
static int nbd_fill(Nbd *s, const NbdSlot *slot, uint64_t skip, uint64_t len, bool zeros)
{
    while (len) {
        struct iovec piece = nbd_piece(slot, skip, len);
        int ret = 0;

        if (!piece.iov_len) {
            return -EPROTO;
        }
        if (zeros) {
            memset(piece.iov_base, 0, piece.iov_len);
        } else {
            ret = stream_read(s->stream, piece.iov_base, piece.iov_len);
        }
        if (ret) {
            return ret;
        }
        skip += piece.iov_len;
        len -= piece.iov_len;
    }
    return 0;
}

/* A range of a read that the server names: within what was asked for. */
static bool nbd_within(const NbdSlot *slot, uint64_t off, uint64_t len)
{
    return slot->command == NBD_CMD_READ && off >= slot->off && len && len <= slot->len &&
           off - slot->off <= slot->len - len;
}

static int nbd_chunk_status(Nbd *s, NbdSlot *slot, uint32_t len)
{
    uint8_t data[12];
    int ret;

    if (slot->command != NBD_CMD_BLOCK_STATUS || len < 12 || (len - 4) % 8) {
        return -EPROTO;
    }
    ret = stream_read(s->stream, data, sizeof(data));
    if (!ret) {
        ret = stream_skip(s->stream, len - sizeof(data));
    }
    if (ret || get_be32(data) != s->info.context) {
        return ret;
    }
    /* The last extent may reach further than what was asked for. */
    slot->state_len = min_u64(get_be32(data + 4), slot->len);
    slot->state = get_be32(data + 8);
    return slot->state_len ? 0 : -EPROTO;
}

static int nbd_chunk_error(Nbd *s, NbdSlot *slot, uint32_t len)
{
    uint8_t data[6];
    int ret;

    if (len < sizeof(data)) {
        return -EPROTO;
    }
    ret = stream_read(s->stream, data, sizeof(data));
    if (ret) {
        return ret;
    }
    if (!slot->result) {
        slot->result = get_be32(data) ? nbd_errno(get_be32(data)) : -EIO;
    }
    return stream_skip(s->stream, len - sizeof(data));
}

/* Notes [@from, @from + @n) as come. False: parts of it have come before ("the server MUST NOT send
 * chunks that overlap"), which would hide that others never do; or there are too many parts. */
static bool nbd_cover(NbdSlot *slot, uint64_t from, uint64_t n)
{
    const NbdRange r = { from, from + n };
    unsigned lo = 0, hi = slot->others ? slot->others->len : 0;
    NbdRange *list;

    if (from < slot->prefix) {
        return false;
    }
    if (!hi && from == slot->prefix) {
        slot->prefix = r.to;
        return true;
    }
    slot->others = slot->others ? slot->others : g_array_new(FALSE, FALSE, sizeof(NbdRange));
    list = (NbdRange *)slot->others->data;
    while (lo < hi) { /* the first that ends beyond our start */
        unsigned mid = lo + (hi - lo) / 2;

        if (list[mid].to <= from) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    if (lo < slot->others->len && list[lo].from < r.to) {
        return false;
    }
    if (lo && list[lo - 1].to == from) {
        list[lo - 1].to = r.to;
    } else if (lo < slot->others->len && list[lo].from == r.to) {
        list[lo].from = from;
    } else if (slot->others->len == NBD_PARTS_MAX) {
        return false;
    } else {
        g_array_insert_val(slot->others, lo, r);
    }
    return true;
}

static int nbd_chunk_data(Nbd *s, NbdSlot *slot, uint32_t len, bool hole)
{
    uint8_t data[12];
    uint64_t off, n;
    int ret;

    if (hole ? len != 12 : len <= 8) {
        return -EPROTO;
    }
    ret = stream_read(s->stream, data, hole ? 12 : 8);
    if (ret) {
        return ret;
    }
    off = get_be64(data);
    n = hole ? get_be32(data + 8) : len - 8;
    if (!nbd_within(slot, off, n)) {
        return -EPROTO;
    }
    if (!nbd_cover(slot, off - slot->off, n)) {
        return -EPROTO;
    }
    slot->got += n;
    return nbd_fill(s, slot, off - slot->off, n, hole);
}

static int nbd_chunk(Nbd *s, NbdSlot *slot, uint16_t type, uint32_t len)
{
    switch (type) {
    case NBD_CHUNK_NONE:
        return len ? -EPROTO : 0;
    case NBD_CHUNK_DATA:
    case NBD_CHUNK_HOLE:
        return nbd_chunk_data(s, slot, len, type == NBD_CHUNK_HOLE);
    case NBD_CHUNK_STATUS:
        return nbd_chunk_status(s, slot, len);
    default:
        return type >> 15 ? nbd_chunk_error(s, slot, len) : -EPROTO;
    }
}

static void nbd_finish(NbdSlot *slot)
{
    if (!slot->result && slot->command == NBD_CMD_READ && slot->got != slot->len) {
        slot->result = -EIO; /* some are missing */
    }
    slot->done = true;
    if (slot->fiber) {
        fiber_resume(slot->fiber);
    }
}

int nbd_reply(Nbd *s)
{
    uint8_t head[20];
    NbdSlot *slot;
    int ret = stream_read(s->stream, head, 16);

    if (ret) {
        return ret;
    }
    slot = nbd_slot_of(s, get_be64(head + 8));
    if (!slot) {
        return -EPROTO;
    }
    if (get_be32(head) == NBD_SIMPLE_MAGIC) {
        slot->result = nbd_errno(get_be32(head + 4));
        if (!slot->result && slot->command == NBD_CMD_READ) {
            if (s->info.structured) { /* the specification forbids it */
                return -EPROTO;
            }
            slot->got = slot->len;
            ret = nbd_fill(s, slot, 0, slot->len, false);
        }
        if (!ret) {
            nbd_finish(slot);
        }
        return ret;
    }
    if (get_be32(head) != NBD_STRUCTURED_MAGIC || !s->info.structured) {
        return -EPROTO;
    }
    ret = stream_read(s->stream, head + 16, 4);
    if (!ret) {
        ret = nbd_chunk(s, slot, get_be16(head + 6), get_be32(head + 16));
    }
    if (!ret && get_be16(head + 4) & NBD_REPLY_DONE) {
        nbd_finish(slot);
    }
    return ret;
}
