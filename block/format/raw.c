/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes as they are, or a part of them (offset=, size=). */
#include "block/core/driver.h"
#include "util/bits.h"

#include <errno.h>
#include <string.h>

enum { RAW_SECTOR = 512 };

typedef struct Raw {
    uint64_t offset, size; /* the part */
    bool part, sized;      /* offset= or size= was given; size= was given */
} Raw;

/* Whole sectors, as devices see them; what the file lacks of the last reads as zeros. */
static bool raw_parse(BlockNode *n, Raw *r, Options *o, GError **err)
{
    uint64_t below = bits_align_up(block_node_size(block_file(n)), RAW_SECTOR);

    if (!options_get_size(o, "offset", 0, &r->offset, err) ||
        !options_get_size(o, "size", UINT64_MAX, &r->size, err)) {
        return false;
    }
    r->sized = options_get(o, "size") != NULL;
    r->part = r->sized || r->offset;
    if (r->offset > below) {
        return block_error(err, n, "offset=%" PRIu64 " is beyond its end at %" PRIu64, r->offset,
                           below);
    }
    if (r->sized && r->size > below - r->offset) {
        return block_error(err, n,
                           "size=%" PRIu64 " from offset=%" PRIu64 " on is beyond its end "
                           "at %" PRIu64,
                           r->size, r->offset, below);
    }
    if (!r->sized) {
        r->size = below - r->offset;
    }
    return true;
}

static bool raw_open(BlockNode *n, Options *o, GError **err)
{
    Raw *r = block_priv(n);

    block_set_zero_limits(n, 1, 0);
    return raw_parse(n, r, o, err) && block_set_size(n, r->size, err);
}

static bool raw_reopen_prepare(BlockNode *n, Options *o, unsigned flags, GError **err)
{
    Raw *r = block_priv(n);
    Raw new = { 0 };

    if (!raw_parse(n, &new, o, err)) {
        return false;
    }
    if (new.size != block_node_size(n) && (block_node_is_held(n) || block_node_parent(n, NULL))) {
        return block_error(err, n, "it is in use: its size of %" PRIu64 " bytes stays",
                           block_node_size(n));
    }
    if (!block_set_size(n, new.size, err)) {
        return false;
    }
    *r = new;
    return true;
}

static int raw_probe(const uint8_t *buf, size_t len, const char *filename)
{
    return 1; /* everything is raw to some degree */
}

/* How much of that the file has: its last sector may not be whole. */
static uint64_t raw_there(BlockNode *n, uint64_t off, uint64_t len)
{
    const Raw *r = block_priv(n);
    uint64_t below = block_node_size(block_file(n)), at = r->offset + off;

    return at < below ? min_u64(len, below - at) : 0;
}

static int raw_readv(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                     unsigned flags)
{
    const Raw *r = block_priv(n);

    block_debug_event(block_file(n), BLOCK_DEBUG_READ_AIO);
    return block_read_padded(block_file(n), r->offset + off, iov, n_iov,
                             flags & ~(unsigned)BLOCK_REQ_SERIALISE);
}

static int raw_check_magic(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov)
{
    uint8_t first[512];
    size_t have = 0;

    for (unsigned i = 0; i < n_iov && have < sizeof(first); i++) {
        size_t here = min_u64(iov[i].iov_len, sizeof(first) - have);

        __builtin_memcpy(first + have, iov[i].iov_base, here);
        have += here;
    }
    if (have < sizeof(first)) {
        return 0;
    }
    for (const BlockDriver *const *d = block_drivers; *d; d++) {
        if ((*d)->probe && (*d)->probe != raw_probe &&
            (*d)->probe(first, sizeof(first), block_node_filename(n)) > 1) {
            block_say(n, BLOCK_EVENT_WARNING,
                      "%s: it is raw by guess alone, so the header of format %s is not written "
                      "to it: name its format to allow this",
                      block_node_filename(n), (*d)->name);
            return -EPERM;
        }
    }
    return 0;
}

static int raw_writev(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                      unsigned flags)
{
    const Raw *r = block_priv(n);

    if (!off && (block_node_flags(n) & BLOCK_OPEN_PROBED)) {
        int ret = raw_check_magic(n, off, iov, n_iov);

        if (ret) {
            return ret;
        }
    }
    if (flags & BLOCK_REQ_COMPRESSED) {
        return -ENOTSUP;
    }
    block_debug_event(block_file(n), BLOCK_DEBUG_WRITE_AIO);
    return block_node_writev(block_file(n), r->offset + off, iov, n_iov,
                             flags & ~(unsigned)BLOCK_REQ_SERIALISE);
}

static int raw_zero(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    const Raw *r = block_priv(n);

    len = raw_there(n, off, len);
    return len ? block_node_write_zeroes(block_file(n), r->offset + off, len,
                                         flags & ~(unsigned)BLOCK_REQ_SERIALISE)
               : 0;
}

static int raw_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    const Raw *r = block_priv(n);

    len = raw_there(n, off, len);
    return len ? block_node_discard(block_file(n), r->offset + off, len) : 0;
}

static int raw_status(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out)
{
    const Raw *r = block_priv(n);
    uint64_t there = raw_there(n, off, len);

    if (there) {
        return block_node_status(block_file(n), r->offset + off, there, out);
    }
    *out = (BlockStatus){ .bits = BLOCK_STATUS_ZERO | BLOCK_STATUS_ALLOCATED | BLOCK_STATUS_OFFSET,
                          .len = len,
                          .file = block_file(n),
                          .offset = r->offset + off };
    return 0;
}

static int raw_copy_from(BlockNode *to, uint64_t to_off, BlockNode *from, uint64_t from_off,
                         uint64_t len)
{
    const Raw *r = block_priv(to);

    if (raw_there(to, to_off, len) < len) {
        return -ENOTSUP;
    }
    return block_node_copy(from, from_off, block_file(to), r->offset + to_off, len, 0);
}

static bool raw_resize(BlockNode *n, uint64_t size, bool exact, BlockPrealloc prealloc,
                       GError **err)
{
    Raw *r = block_priv(n);

    if (r->sized) {
        return block_error(err, n, "it has a fixed size: size= was given");
    }
    if (size > BLOCK_SIZE_MAX - r->offset) {
        return block_error(err, n, "a size of %" PRIu64 " bytes is too large", size);
    }
    if (!block_node_resize(block_file(n), r->offset + size, exact, prealloc, err)) {
        return false;
    }
    r->size = size;
    return true;
}

static bool raw_create(BlockGraph *g, const char *filename, BlockNode *file, uint64_t size,
                       Options *o, GError **err)
{
    BlockPrealloc how;

    return block_prealloc_option(o, &how, err) &&
           block_node_resize(file, bits_align_up(size, RAW_SECTOR), true, how, err);
}

static bool raw_measure(Options *create, BlockNode *from, uint64_t size, BlockMeasure *out,
                        GError **err)
{
    uint64_t given;

    if (!options_get_size(create, "size", size, &given, err)) {
        return false;
    }
    out->required = out->fully_allocated = (size + 511) & ~511ull;
    return true;
}

static const BlockOption raw_options[] = {
    { "offset", BLOCK_OPT_SIZE, "where the disk begins in the file", "0" },
    { "size", BLOCK_OPT_SIZE, "how many bytes of the file it has" },
    { NULL },
};

static const BlockOption raw_create_options[] = {
    { "size", BLOCK_OPT_SIZE, "Virtual disk size" },
    { NULL },
};

const BlockDriver block_raw_driver = {
    .name = "raw",
    .doc = "the bytes of a file as they are",
    .kind = BLOCK_FORMAT,
    .size = sizeof(Raw),
    .options = raw_options,
    .create_options = raw_create_options,
    .grows = true,
    .probe = raw_probe,
    .open = raw_open,
    .reopen_prepare = raw_reopen_prepare,
    .create = raw_create,
    .measure = raw_measure,
    .readv = raw_readv,
    .writev = raw_writev,
    .status = raw_status,
    .copy_from = raw_copy_from,
    .zero = raw_zero,
    .discard = raw_discard,
    .resize = raw_resize,
};
