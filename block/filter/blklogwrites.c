/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes go to the file, and then as a log into another, in the format of Linux's dm-log-writes, so
 * that its tools (replay-log of xfstests, ...) play a disk again up to any point.
 *
 * Spec: Linux, Documentation/admin-guide/device-mapper/log-writes.rst. Sector 0: magic, version,
 * count of entries, size of a sector (little-endian). Then each entry: a sector with the disk's
 * sector, the count of sectors, flags and the length of a mark's text; then the data, but of
 * discards. An entry is there when what it tells of has ended: a flush's entry comes after all that
 * the flush covers, and nothing that came later.
 */
#include "block/core/driver.h"
#include "util/bits.h"
#include "util/bytes.h"

#include <errno.h>
#include <string.h>

enum {
    LOG_VERSION = 1,
    LOG_FLUSH = 1 << 0,
    LOG_FUA = 1 << 1,
    LOG_DISCARD = 1 << 2,
    LOG_MARK = 1 << 3,
    LOG_FLAGS = LOG_FLUSH | LOG_FUA | LOG_DISCARD | LOG_MARK,
    LOG_SECTOR_MIN = 512,
    LOG_SECTOR_MAX = 64 << 10,
    LOG_EVERY = 4096, /* entries, of log-super-update-interval */
};
#define LOG_MAGIC 0x6a736677736872ull

typedef struct LogWrites {
    BlockNode *log;
    uint32_t sector;
    uint64_t end;     /* of the log, bytes */
    uint64_t entries; /* whole ones */
    uint64_t every, since_super;
    FiberMutex turn;
    uint8_t *head; /* a sector; of who has the turn */
} LogWrites;

static int log_super(LogWrites *s)
{
    memset(s->head, 0, s->sector);
    put_le64(s->head, LOG_MAGIC);
    put_le64(s->head + 8, LOG_VERSION);
    put_le64(s->head + 16, s->entries);
    put_le32(s->head + 24, s->sector);
    s->since_super = 0;
    return block_node_write(s->log, 0, s->head, s->sector, 0);
}

/* @iov NULL: the data are zeros. In turn. */
static int log_append(LogWrites *s, uint64_t off, uint64_t len, unsigned flags,
                      const struct iovec *iov, unsigned n_iov)
{
    uint64_t data = flags & (LOG_DISCARD | LOG_FLUSH) ? 0 : bits_align_up(len, s->sector);
    int ret;

    memset(s->head, 0, s->sector);
    put_le64(s->head, off / s->sector);
    put_le64(s->head + 8, bits_align_up(len, s->sector) / s->sector);
    put_le64(s->head + 16, flags);
    ret = block_node_write(s->log, s->end, s->head, s->sector, 0);
    if (!ret && data && iov) {
        ret = block_node_writev(s->log, s->end + s->sector, iov, n_iov, 0);
    } else if (!ret && data) {
        ret = block_node_write_zeroes(s->log, s->end + s->sector, data, 0);
    }
    if (ret) {
        return ret; /* the next one takes its place */
    }
    s->end += s->sector + data;
    s->entries++;
    return ++s->since_super >= s->every ? log_super(s) : 0;
}

static int log_entry(BlockNode *n, uint64_t off, uint64_t len, unsigned flags,
                     const struct iovec *iov, unsigned n_iov)
{
    LogWrites *s = block_priv(n);
    int ret;

    fiber_lock(&s->turn);
    ret = log_append(s, off, len, flags, iov, n_iov);
    fiber_unlock(&s->turn);
    return ret;
}

/* ---- Requests ---- */

static int log_writev(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                      unsigned flags)
{
    uint64_t len = 0;
    int ret = block_node_writev(block_file(n), off, iov, n_iov, flags);

    for (unsigned i = 0; i < n_iov; i++) {
        len += iov[i].iov_len;
    }
    return ret ? ret : log_entry(n, off, len, flags & BLOCK_REQ_FUA ? LOG_FUA : 0, iov, n_iov);
}

static int log_zero(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    int ret = block_node_write_zeroes(block_file(n), off, len, flags);

    return ret ? ret : log_entry(n, off, len, flags & BLOCK_REQ_FUA ? LOG_FUA : 0, NULL, 0);
}

static int log_discard(BlockNode *n, uint64_t off, uint64_t len)
{
    int ret = block_node_discard(block_file(n), off, len);

    return ret ? ret : log_entry(n, off, len, LOG_DISCARD, NULL, 0);
}

static int log_flush(BlockNode *n)
{
    LogWrites *s = block_priv(n);
    int ret;

    fiber_lock(&s->turn);
    ret = block_node_flush(block_file(n));
    ret = ret ? ret : log_append(s, 0, 0, LOG_FLUSH, NULL, 0);
    ret = ret ? ret : log_super(s);
    fiber_unlock(&s->turn);
    return ret; /* the log itself is flushed after, as a child */
}

/* ---- Opening ---- */

/* Where the entries of an old log end. Every length is checked against the log's own. */
static bool log_find_end(BlockNode *n, GError **err)
{
    LogWrites *s = block_priv(n);
    uint64_t size = block_node_size(s->log), count = s->entries;

    for (uint64_t i = 0; i < count; i++) {
        uint64_t sectors, flags, len, room = size - s->end;
        uint8_t head[32];

        if (s->end > size || room < s->sector) {
            return block_error(err, n, "log: entry %" PRIu64 " of %" PRIu64 " lies beyond its end",
                               i, count);
        }
        if (block_node_read(s->log, s->end, head, sizeof(head))) {
            return block_error(err, n, "log: entry %" PRIu64 " cannot be read", i);
        }
        sectors = get_le64(head + 8);
        flags = get_le64(head + 16);
        len = flags & LOG_MARK ? get_le64(head + 24) : 0;
        if (flags & ~(uint64_t)LOG_FLAGS) {
            return block_error(err, n, "log: entry %" PRIu64 " has flags %#" PRIx64, i, flags);
        }
        room -= s->sector;
        if (flags & LOG_DISCARD) {
            sectors = 0;
        }
        if (len > room || sectors > (room - len) / s->sector) {
            return block_error(
                err, n, "log: entry %" PRIu64 " has %" PRIu64 " sectors, beyond the log's end", i,
                sectors);
        }
        s->end += s->sector + sectors * s->sector + bits_align_up(len, s->sector);
    }
    return true;
}

static bool log_read_super(BlockNode *n, GError **err)
{
    LogWrites *s = block_priv(n);
    uint8_t super[28];
    int ret = block_node_size(s->log) < sizeof(super)
                  ? -EINVAL
                  : block_node_read(s->log, 0, super, sizeof(super));

    if (ret) {
        return block_error(err, n, "log-append: the log has no superblock: %s", g_strerror(-ret));
    }
    if (get_le64(super) != LOG_MAGIC) {
        return block_error(err, n, "Invalid log superblock magic %#" PRIx64, get_le64(super));
    }
    if (get_le64(super + 8) != LOG_VERSION) {
        return block_error(err, n, "Unsupported log version %" PRIu64 ": 1 is known",
                           get_le64(super + 8));
    }
    s->entries = get_le64(super + 16);
    s->sector = get_le32(super + 24);
    return true;
}

static bool log_check_sector(BlockNode *n, uint64_t sector, GError **err)
{
    return (sector >= LOG_SECTOR_MIN && sector <= LOG_SECTOR_MAX && bits_is_pow2(sector)) ||
           block_error(err, n,
                       "Invalid log sector size %" PRIu64 ": a power of two from %d to %d is "
                       "needed",
                       sector, LOG_SECTOR_MIN, LOG_SECTOR_MAX);
}

static bool log_options(BlockNode *n, Options *o, bool *append, GError **err)
{
    LogWrites *s = block_priv(n);
    bool given = options_get(o, "log-sector-size");
    uint64_t sector;

    if (!options_get_bool(o, "log-append", false, append, err) ||
        !options_get_size(o, "log-sector-size", LOG_SECTOR_MIN, &sector, err) ||
        !options_get_number(o, "log-super-update-interval", LOG_EVERY, &s->every, err)) {
        return false;
    }
    if (*append && given) {
        return block_error(err, n, "log-append and log-sector-size are mutually exclusive");
    }
    if (!s->every) {
        return block_error(err, n, "Invalid log superblock update interval 0: at least 1");
    }
    if (!log_check_sector(n, sector, err)) {
        return false;
    }
    s->sector = (uint32_t)sector;
    return true;
}

static bool log_open(BlockNode *n, Options *o, GError **err)
{
    LogWrites *s = block_priv(n);
    bool append;
    int ret = 0;

    if (!log_options(n, o, &append, err)) {
        return false;
    }
    s->log = block_open_child(n, "log", o, NULL, NULL, err);
    if (!s->log) {
        return false;
    }
    if (append && block_node_size(s->log) &&
        (!log_read_super(n, err) || !log_check_sector(n, s->sector, err))) {
        return false;
    }
    s->end = s->sector;
    s->head = block_try_array(n, s->sector, 1);
    if (!s->head) {
        return block_error(err, n, "no memory for a sector of the log");
    }
    if (append && s->entries && !log_find_end(n, err)) {
        return false;
    }
    if (block_node_flags(n) & BLOCK_OPEN_WRITE) {
        ret = log_super(s);
    }
    if (ret) {
        return block_error(err, n, "log: its superblock cannot be written: %s", g_strerror(-ret));
    }
    block_set_align(n, s->sector);
    block_set_grows(n);
    return true;
}

static void log_close(BlockNode *n)
{
    LogWrites *s = block_priv(n);

    if (block_node_flags(n) & BLOCK_OPEN_WRITE) {
        log_super(s);
    }
}

static const BlockOption log_options_table[] = {
    { "log", BLOCK_OPT_STR, "the file or node of the log (log.filename=...)" },
    { "log-sector-size", BLOCK_OPT_SIZE, "of the log's sectors, bytes", "512" },
    { "log-append", BLOCK_OPT_BOOL, "go on where an old log ends", "off" },
    { "log-super-update-interval", BLOCK_OPT_NUMBER, "entries between writes of the superblock",
      "4096" },
    { NULL },
};

const BlockDriver block_blklogwrites_driver = {
    .name = "blklogwrites",
    .doc = "logs what is written, as dm-log-writes",
    .kind = BLOCK_FILTER,
    .stays = true,
    .size = sizeof(LogWrites),
    .options = log_options_table,
    .open = log_open,
    .close = log_close,
    .writev = log_writev,
    .zero = log_zero,
    .discard = log_discard,
    .flush = log_flush,
};
