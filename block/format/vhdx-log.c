/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of a VHDX: changes of metadata as entries in a ring, each with a checksum.
 * Spec: [MS-VHDX] 2.3.
 */
#include "block/format/vhdx.h"
#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>

enum {
    LOG_CHECKSUM = 4,
    LOG_LEN = 8,
    LOG_TAIL = 12,
    LOG_SEQUENCE = 16,
    LOG_N_DESC = 24,
    LOG_GUID = 32,
    LOG_FLUSHED = 48,
    LOG_LAST = 56,

    LOG_DESC_TRAILING = 4,
    LOG_DESC_LEADING = 8, /* of a zero descriptor: its length */
    LOG_DESC_OFF = 16,
    LOG_DESC_SEQUENCE = 24,

    LOG_BATCH = 64, /* sectors of the table in one entry */
};

/* CRC-32C (RFC 3720), four bits at a time. */
uint32_t vhdx_crc32c(uint32_t crc, const void *buf, size_t len)
{
    static const uint32_t table[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    const uint8_t *p = buf;

    crc = ~crc;
    for (size_t i = 0; i < len; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

uint32_t vhdx_checksum(const uint8_t *p, size_t len, size_t field)
{
    uint32_t crc = vhdx_crc32c(0, p, field);

    crc = vhdx_crc32c(crc, (const uint8_t[4]){ 0 }, 4);
    return vhdx_crc32c(crc, p + field + 4, len - field - 4);
}

/* ---- Replay ---- */

typedef struct VhdxLog {
    BlockNode *n;
    uint8_t *bytes;
    uint32_t len;
    const uint8_t *guid;
    uint8_t *scratch; /* an entry in one piece */
} VhdxLog;

/* An entry may go around the ring's end. */
static void vhdx_log_copy(const VhdxLog *log, uint32_t at, uint8_t *to, uint32_t len)
{
    uint32_t first = MIN(len, log->len - at);

    memcpy(to, log->bytes + at, first);
    memcpy(to + first, log->bytes, len - first);
}

static uint32_t vhdx_log_desc_sectors(uint64_t n_desc)
{
    return (VHDX_LOG_HEADER + n_desc * VHDX_LOG_DESC + VHDX_LOG_SECTOR - 1) / VHDX_LOG_SECTOR;
}

/* Descriptors and data sectors: numbers, counts, signatures, and ranges that exist. */
static bool vhdx_log_check_descs(const uint8_t *e, uint32_t len)
{
    uint64_t sequence = get_le64(e + LOG_SEQUENCE), n = get_le32(e + LOG_N_DESC);
    uint32_t data = vhdx_log_desc_sectors(n);

    for (uint64_t i = 0; i < n; i++) {
        const uint8_t *d = e + VHDX_LOG_HEADER + i * VHDX_LOG_DESC;
        uint64_t off = get_le64(d + LOG_DESC_OFF);

        if (get_le64(d + LOG_DESC_SEQUENCE) != sequence || off % VHDX_LOG_SECTOR ||
            off > VHDX_SIZE_MAX * 2) {
            return false;
        }
        if (!memcmp(d, "zero", 4)) {
            uint64_t zero_len = get_le64(d + LOG_DESC_LEADING);

            if (zero_len % VHDX_LOG_SECTOR || zero_len > VHDX_SIZE_MAX) {
                return false;
            }
            continue;
        }
        const uint8_t *sector = e + (uint64_t)data * VHDX_LOG_SECTOR;
        if (memcmp(d, "desc", 4) || (data + 1ull) * VHDX_LOG_SECTOR > len ||
            memcmp(sector, "data", 4) || get_le32(sector + 4) != sequence >> 32 ||
            get_le32(sector + 4092) != (uint32_t)sequence) {
            return false;
        }
        data++;
    }
    return (uint64_t)data * VHDX_LOG_SECTOR <= len;
}

/* The whole entry at @at into log->scratch, if it is valid; its length, else 0. */
static uint32_t vhdx_log_entry(const VhdxLog *log, uint32_t at)
{
    const uint8_t *h = log->bytes + at;
    uint32_t len = get_le32(h + LOG_LEN);

    if (memcmp(h, "loge", 4) || len == 0 || len % VHDX_LOG_SECTOR || len > log->len ||
        get_le64(h + LOG_SEQUENCE) == 0 || memcmp(h + LOG_GUID, log->guid, 16) ||
        get_le32(h + LOG_TAIL) % VHDX_LOG_SECTOR || get_le32(h + LOG_TAIL) >= log->len ||
        get_le32(h + LOG_N_DESC) > (len - VHDX_LOG_HEADER) / VHDX_LOG_DESC) {
        return 0;
    }
    vhdx_log_copy(log, at, log->scratch, len);
    if (get_le32(h + LOG_CHECKSUM) != vhdx_checksum(log->scratch, len, LOG_CHECKSUM) ||
        !vhdx_log_check_descs(log->scratch, len)) {
        return 0;
    }
    return len;
}

typedef struct VhdxRun {
    uint32_t tail, head; /* of the first and the last entry; head's tail is where to begin */
    uint64_t head_sequence;
    uint32_t replay_from;
    bool valid;
} VhdxRun;

/* Spec: 2.3.3: the run from @at on, as long as sequence numbers follow each other. */
static uint32_t vhdx_log_run(const VhdxLog *log, uint32_t at, VhdxRun *run)
{
    uint64_t expected = 0, used = 0;
    uint32_t tail = at, len;
    bool has_tail = false;

    *run = (VhdxRun){ .tail = at };
    while (used < log->len && (len = vhdx_log_entry(log, at))) {
        uint64_t sequence = get_le64(log->scratch + LOG_SEQUENCE);

        if ((expected && sequence != expected) || used + len > log->len) {
            break;
        }
        expected = sequence + 1;
        run->head = at;
        run->head_sequence = sequence;
        run->replay_from = get_le32(log->scratch + LOG_TAIL);
        used += len;
        at = (at + len) % log->len;
    }
    /* The last entry's tail is one of the run's. */
    for (uint64_t done = 0; done < used && !has_tail;) {
        has_tail = tail == run->replay_from;
        done += get_le32(log->bytes + tail + LOG_LEN);
        tail = (tail + get_le32(log->bytes + tail + LOG_LEN)) % log->len;
    }
    run->valid = has_tail;
    return used;
}

static bool vhdx_log_find(const VhdxLog *log, VhdxRun *best)
{
    *best = (VhdxRun){ 0 };
    for (uint32_t at = 0; at < log->len;) {
        VhdxRun run;
        uint32_t used = vhdx_log_run(log, at, &run);

        if (run.valid && run.head_sequence > best->head_sequence) {
            *best = run;
        }
        /* A run that begins within another has the same end and no other tail. */
        at += used ? used : VHDX_LOG_SECTOR;
    }
    return best->valid;
}

static int vhdx_log_apply(const VhdxLog *log, const uint8_t *e)
{
    BlockNode *file = block_file(log->n);
    uint64_t n = get_le32(e + LOG_N_DESC), data = vhdx_log_desc_sectors(n);
    int ret = 0;

    for (uint64_t i = 0; i < n && ret == 0; i++) {
        const uint8_t *d = e + VHDX_LOG_HEADER + i * VHDX_LOG_DESC;
        uint64_t off = get_le64(d + LOG_DESC_OFF);

        if (!memcmp(d, "zero", 4)) {
            ret = block_node_write_zeroes(file, off, get_le64(d + LOG_DESC_LEADING), 0);
            continue;
        }
        uint8_t sector[VHDX_LOG_SECTOR];
        memcpy(sector, d + LOG_DESC_LEADING, 8);
        memcpy(sector + 8, e + data * VHDX_LOG_SECTOR + 8, VHDX_LOG_DATA);
        memcpy(sector + 8 + VHDX_LOG_DATA, d + LOG_DESC_TRAILING, 4);
        ret = block_node_write(file, off, sector, sizeof(sector), 0);
        data++;
    }
    return ret;
}

static bool vhdx_log_apply_run(VhdxLog *log, const VhdxRun *run, GError **err)
{
    BlockNode *file = block_file(log->n);
    uint32_t at = run->replay_from;
    uint64_t last = 0;
    int ret = 0;

    vhdx_log_entry(log, run->head);
    uint64_t flushed = get_le64(log->scratch + LOG_FLUSHED), size = block_node_size(file);
    if (flushed > size) {
        return block_error(err, log->n,
                           "VHDX log says that the file had %" PRIu64 " bytes, it has "
                           "%" PRIu64 ": it was cut off",
                           flushed, size);
    }
    for (bool done = false; !done && ret == 0;) {
        uint32_t len = vhdx_log_entry(log, at);

        if (len == 0) {
            return block_error(err, log->n, "VHDX log entry at 0x%" PRIx32 " is not valid", at);
        }
        done = at == run->head;
        last = MAX(last, get_le64(log->scratch + LOG_LAST));
        ret = vhdx_log_apply(log, log->scratch);
        at = (at + len) % log->len;
    }
    if (ret < 0) {
        return block_error(err, log->n, "cannot replay the VHDX log: %s", g_strerror(-ret));
    }
    if (last > block_node_size(file) && last < VHDX_SIZE_MAX * 2 &&
        !block_node_resize(file, last, false, BLOCK_PREALLOC_OFF, err)) {
        return false;
    }
    ret = block_node_flush(file);
    return ret == 0 || block_error(err, log->n, "cannot flush: %s", g_strerror(-ret));
}

bool vhdx_log_replay(BlockNode *n, GError **err)
{
    static const uint8_t none[16];
    Vhdx *s = block_priv(n);
    VhdxLog log = { .n = n, .len = s->log_region.len, .guid = s->header + VHDX_H_LOG_GUID };
    VhdxRun run;

    if (!memcmp(log.guid, none, 16)) {
        return true;
    }
    g_autofree uint8_t *bytes = g_try_malloc(log.len), *scratch = g_try_malloc(log.len);
    if (!bytes || !scratch) {
        return block_error(err, n, "no memory for a log of %" PRIu32 " bytes", log.len);
    }
    log.bytes = bytes;
    log.scratch = scratch;
    if (!block_read_all(n, s->log_region.off, bytes, log.len, err)) {
        return false;
    }
    bool dirty = vhdx_log_find(&log, &run);
    if (!(block_node_flags(n) & BLOCK_OPEN_WRITE)) {
        if (!dirty) {
            return true;
        }
        return block_error(err, n,
                           "VHDX image is opened read-only, but contains a log that needs "
                           "to be replayed: open it for writing once, or run 'tinamou img check "
                           "-r all %s'",
                           block_node_filename(block_file(n)));
    }
    if (dirty && !vhdx_log_apply_run(&log, &run, err)) {
        return false;
    }
    s->replayed = dirty;
    memset(s->header + VHDX_H_LOG_GUID, 0, 16);
    int ret = vhdx_write_header(n);
    return ret == 0 || block_error(err, n, "cannot write the header: %s", g_strerror(-ret));
}

/* ---- Writing ---- */

static int vhdx_log_begin(BlockNode *n)
{
    Vhdx *s = block_priv(n);

    vhdx_make_guid(s->header + VHDX_H_FILE_GUID);
    vhdx_make_guid(s->header + VHDX_H_DATA_GUID);
    vhdx_make_guid(s->header + VHDX_H_LOG_GUID);
    int ret = vhdx_write_header(n);
    s->in_session = ret == 0;
    s->log_sequence = 1;
    s->log_at = 0;
    return ret;
}

/* One entry with @n_desc sectors of the table, which lie in @copy; the log is stable after. */
static int vhdx_log_entry_write(BlockNode *n, const uint64_t *sectors, unsigned n_desc,
                                const uint8_t *copy)
{
    Vhdx *s = block_priv(n);
    uint32_t head = vhdx_log_desc_sectors(n_desc), len = (head + n_desc) * VHDX_LOG_SECTOR;
    uint64_t sequence = s->log_sequence++, size = block_node_size(block_file(n));
    g_autofree uint8_t *e = g_malloc0(len);

    /* Entries that are in their place need no room: start over at the ring's end. */
    if (s->log_at + len > s->log_region.len) {
        s->log_at = 0;
    }
    memcpy(e, "loge", 4);
    put_le32(e + LOG_LEN, len);
    put_le32(e + LOG_TAIL, s->log_at);
    put_le64(e + LOG_SEQUENCE, sequence);
    put_le32(e + LOG_N_DESC, n_desc);
    memcpy(e + LOG_GUID, s->header + VHDX_H_LOG_GUID, 16);
    put_le64(e + LOG_FLUSHED, size / VHDX_MIB * VHDX_MIB);
    put_le64(e + LOG_LAST, (size + VHDX_MIB - 1) / VHDX_MIB * VHDX_MIB);
    for (unsigned i = 0; i < n_desc; i++) {
        uint8_t *d = e + VHDX_LOG_HEADER + i * VHDX_LOG_DESC;
        uint8_t *data = e + (head + i) * VHDX_LOG_SECTOR;
        const uint8_t *from = copy + i * VHDX_LOG_SECTOR;

        memcpy(d, "desc", 4);
        memcpy(d + LOG_DESC_LEADING, from, 8);
        memcpy(d + LOG_DESC_TRAILING, from + 8 + VHDX_LOG_DATA, 4);
        put_le64(d + LOG_DESC_OFF, s->bat_region.off + sectors[i] * VHDX_LOG_SECTOR);
        put_le64(d + LOG_DESC_SEQUENCE, sequence);
        memcpy(data, "data", 4);
        put_le32(data + 4, sequence >> 32);
        memcpy(data + 8, from + 8, VHDX_LOG_DATA);
        put_le32(data + 4092, sequence);
    }
    put_le32(e + LOG_CHECKSUM, vhdx_checksum(e, len, LOG_CHECKSUM));
    int ret = block_node_write(block_file(n), s->log_region.off + s->log_at, e, len, 0);
    s->log_at += len;
    return ret < 0 ? ret : block_node_flush(block_file(n));
}

static bool vhdx_is_dirty(const Vhdx *s, uint64_t i)
{
    return s->dirty[i / 64] >> i % 64 & 1;
}

int vhdx_log_open(BlockNode *n)
{
    Vhdx *s = block_priv(n);

    fiber_lock(&s->flushing);
    int ret = s->in_session ? 0 : vhdx_log_begin(n);
    fiber_unlock(&s->flushing);
    return ret;
}

int vhdx_log_write(BlockNode *n)
{
    Vhdx *s = block_priv(n);
    uint64_t n_sectors = (s->n_bat * 8 + VHDX_LOG_SECTOR - 1) / VHDX_LOG_SECTOR, at = 0;
    g_autofree uint8_t *copy = NULL;
    int ret = 0;

    fiber_lock(&s->flushing);
    if (s->n_dirty && !s->in_session) {
        ret = vhdx_log_begin(n);
    }
    copy = s->n_dirty ? g_malloc(LOG_BATCH * VHDX_LOG_SECTOR) : NULL;
    while (ret == 0 && s->n_dirty && at < n_sectors) {
        uint64_t sectors[LOG_BATCH];
        unsigned k = 0;

        for (; at < n_sectors && k < LOG_BATCH; at++) {
            if (!s->dirty[at / 64]) {
                at |= 63; /* none of these 64 */
            } else if (vhdx_is_dirty(s, at)) {
                s->dirty[at / 64] &= ~(1ul << at % 64);
                s->n_dirty--;
                memcpy(copy + k * VHDX_LOG_SECTOR, (uint8_t *)s->bat + at * VHDX_LOG_SECTOR,
                       VHDX_LOG_SECTOR);
                sectors[k++] = at;
            }
        }
        if (k == 0) {
            break;
        }
        /* The data of what is copied is written: stable before the log tells of it. */
        ret = block_node_flush(block_file(n));
        ret = ret < 0 ? ret : vhdx_log_entry_write(n, sectors, k, copy);
        for (unsigned i = 0; i < k && ret == 0; i++) {
            ret = block_node_write(block_file(n), s->bat_region.off + sectors[i] * VHDX_LOG_SECTOR,
                                   copy + i * VHDX_LOG_SECTOR, VHDX_LOG_SECTOR, 0);
        }
        /* Before the log's place is written again. */
        ret = ret < 0 ? ret : block_node_flush(block_file(n));
        for (unsigned i = 0; i < k && ret < 0; i++) {
            s->n_dirty += !vhdx_is_dirty(s, sectors[i]);
            s->dirty[sectors[i] / 64] |= 1ul << sectors[i] % 64;
        }
    }
    fiber_unlock(&s->flushing);
    return ret;
}

int vhdx_log_close(BlockNode *n)
{
    Vhdx *s = block_priv(n);

    if (!s->in_session) {
        return 0;
    }
    s->in_session = false;
    memset(s->header + VHDX_H_LOG_GUID, 0, 16);
    return vhdx_write_header(n);
}
