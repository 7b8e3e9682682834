/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks: the commands that move data, and the table of all of them.
 * Spec: SBC-3, "5 Commands for direct access block devices"; SPC-4, "6".
 */
#include "hw/scsi/disk.h"

#include "util/bytes.h"

#include <errno.h>

enum { RW_PROTECT = 0xe0, RW_FUA = 8, VERIFY_BYTCHK = 6, WRITE_SAME_ANCHOR = 0x10, NDOB = 1 };

/* ---- Ends ---- */

static ScsiSense sd_error_sense(int error)
{
    switch (error) {
    case -ENOMEDIUM:
        return SENSE_NO_MEDIUM;
    case -ENOSPC:
        return SENSE_SPACE_EXHAUSTED;
    case -EROFS:
        return SENSE_WRITE_PROTECTED;
    case -EINVAL:
        return SENSE_LBA_RANGE;
    case -ENOMEM:
        return SENSE_TARGET_FAILURE;
    default:
        return SENSE_IO_ERROR;
    }
}

/* @moved: its data went all the way. */
static void sd_end(ScsiRequest *r, int result, bool moved)
{
    ScsiBus *bus = r->bus;

    if (!scsi_resume(r)) {
        return;
    }
    if (result) {
        scsi_end_sense(r, sd_error_sense(result));
    } else {
        r->done = moved ? r->offset : r->done;
        scsi_end(r, SCSI_GOOD);
    }
    scsi_leave(bus);
}

static void sd_done(void *opaque, int result)
{
    sd_end(opaque, result, false);
}

static void sd_moved(void *opaque, int result)
{
    sd_end(opaque, result, true);
}

/* The data is written; it must be on the medium as well. */
static void sd_written(void *opaque, int result)
{
    ScsiRequest *r = opaque;
    ScsiBus *bus = r->bus;

    if (!scsi_resume(r)) {
        return;
    }
    if (result) {
        scsi_end_sense(r, sd_error_sense(result));
    } else {
        block_flush(disk_of(r->dev)->disk, sd_moved, r);
    }
    scsi_leave(bus);
}

/* ---- Reading and writing ---- */

static bool sd_in_range(const ScsiDisk *s, uint64_t lba, uint64_t blocks)
{
    return lba <= s->blocks && blocks <= s->blocks - lba;
}

/* Keep the first @bytes of @n buffers; how many these are. */
static unsigned sd_trim(struct iovec *iov, unsigned n, uint64_t bytes)
{
    unsigned i = 0;

    for (; i < n && bytes; i++) {
        iov[i].iov_len = min_u64(iov[i].iov_len, bytes);
        bytes -= iov[i].iov_len;
    }
    return i;
}

void sd_read_blocks(ScsiRequest *r, ScsiDisk *s, uint64_t lba, uint64_t blocks)
{
    if (!sd_in_range(s, lba, blocks)) {
        scsi_end_sense(r, SENSE_LBA_RANGE);
        return;
    }
    r->offset = min_u64(blocks * sd_block(s), r->in_bytes);
    if (!r->offset) {
        scsi_end(r, SCSI_GOOD);
        return;
    }
    r->n_in = sd_trim(r->in, r->n_in, r->offset);
    block_read(s->disk, lba * sd_block(s), r->in, r->n_in, sd_moved, r);
}

static void sd_read(ScsiRequest *r, ScsiDisk *s)
{
    if (r->cdb[0] != SCSI_READ_6 && r->cdb[1] & RW_PROTECT) {
        scsi_end_sense(r, SENSE_INVALID_FIELD);
        return;
    }
    sd_read_blocks(r, s, scsi_cdb_lba(r->cdb), scsi_cdb_blocks(r->cdb));
}

static void sd_write(ScsiRequest *r, ScsiDisk *s)
{
    uint64_t lba = scsi_cdb_lba(r->cdb), blocks = scsi_cdb_blocks(r->cdb);
    bool through = !s->write_cache;

    if (r->cdb[0] != SCSI_WRITE_6) {
        bool verify = (r->cdb[0] & 0x1f) == (SCSI_WRITE_VERIFY_10 & 0x1f);

        if (r->cdb[1] & RW_PROTECT) {
            scsi_end_sense(r, SENSE_INVALID_FIELD);
            return;
        }
        through |= verify || r->cdb[1] & RW_FUA;
    }
    if (!sd_in_range(s, lba, blocks)) {
        scsi_end_sense(r, SENSE_LBA_RANGE);
        return;
    }
    r->offset = blocks * sd_block(s);
    if (r->out_bytes < r->offset) {
        scsi_end_sense(r, SENSE_DATA_PHASE);
        return;
    }
    if (!blocks) {
        scsi_end(r, SCSI_GOOD);
        return;
    }
    r->n_out = sd_trim(r->out, r->n_out, r->offset);
    block_write(s->disk, lba * sd_block(s), r->out, r->n_out, through ? sd_written : sd_moved, r);
}

/* ---- VERIFY ---- */

static void sd_verified(void *opaque, int result)
{
    ScsiRequest *r = opaque;
    ScsiBus *bus = r->bus;
    const uint8_t *medium = r->data;
    uint64_t at = 0;
    bool same = true;

    if (!scsi_resume(r)) {
        return;
    }
    for (unsigned i = 0; !result && i < r->n_out && at < r->offset; i++) {
        uint64_t n = min_u64(r->out[i].iov_len, r->offset - at);

        same &= !memcmp(medium + at, r->out[i].iov_base, n);
        at += n;
    }
    if (result) {
        scsi_end_sense(r, sd_error_sense(result));
    } else if (!same) {
        scsi_end_sense(r, SENSE_MISCOMPARE);
    } else {
        r->done = r->offset;
        scsi_end(r, SCSI_GOOD);
    }
    scsi_leave(bus);
}

static void sd_verify(ScsiRequest *r, ScsiDisk *s)
{
    uint64_t lba = scsi_cdb_lba(r->cdb), blocks = scsi_cdb_count(r->cdb);

    if (r->cdb[1] & RW_PROTECT || (r->cdb[1] & VERIFY_BYTCHK) > 2) {
        scsi_end_sense(r, SENSE_INVALID_FIELD);
        return;
    }
    if (!sd_in_range(s, lba, blocks)) {
        scsi_end_sense(r, SENSE_LBA_RANGE);
        return;
    }
    if (!(r->cdb[1] & VERIFY_BYTCHK) || !blocks) {
        scsi_end(r, SCSI_GOOD); /* what can be read is told when it is */
        return;
    }
    r->offset = blocks * sd_block(s);
    if (r->offset > SD_VERIFY_BYTES) {
        scsi_end_sense(r, SENSE_INVALID_FIELD);
        return;
    }
    if (r->out_bytes < r->offset) {
        scsi_end_sense(r, SENSE_DATA_PHASE);
        return;
    }
    g_free(r->data);
    r->data = g_malloc(r->offset);
    block_read(s->disk, lba * sd_block(s), &(struct iovec){ r->data, r->offset }, 1, sd_verified,
               r);
}

static void sd_sync(ScsiRequest *r, ScsiDisk *s)
{
    block_flush(s->disk, sd_done, r);
}

/* ---- WRITE SAME ("5.42 and on") and UNMAP ("5.29") ---- */

typedef struct SdSame {
    uint64_t at, left, chunk; /* bytes */
    uint8_t buf[];
} SdSame;

static void sd_same_next(void *opaque, int result);

static void sd_same_step(ScsiRequest *r, ScsiDisk *s)
{
    SdSame *w = r->data;
    uint64_t n = min_u64(w->left, w->chunk), at = w->at;

    w->at += n;
    w->left -= n;
    block_write(s->disk, at, &(struct iovec){ w->buf, n }, 1,
                w->left          ? sd_same_next
                : s->write_cache ? sd_done
                                 : sd_written,
                r);
}

static void sd_same_next(void *opaque, int result)
{
    ScsiRequest *r = opaque;
    ScsiBus *bus = r->bus;

    if (!scsi_resume(r)) {
        return;
    }
    if (result) {
        scsi_end_sense(r, sd_error_sense(result));
    } else {
        sd_same_step(r, disk_of(r->dev));
    }
    scsi_leave(bus);
}

static bool sd_is_zero(const uint8_t *p, size_t n)
{
    return !*p && !memcmp(p, p + 1, n - 1);
}

static uint64_t sd_unmap_blocks(const ScsiDisk *s)
{
    return min_u64(s->max_unmap_size / sd_block(s), UINT32_MAX);
}

static void sd_write_same(ScsiRequest *r, ScsiDisk *s)
{
    uint64_t lba = scsi_cdb_lba(r->cdb), blocks = scsi_cdb_count(r->cdb);
    uint32_t size = sd_block(s);
    bool no_data = r->cdb[0] == SCSI_WRITE_SAME_16 && r->cdb[1] & NDOB;
    SdSame *w;
    uint64_t chunk;

    /* Block limits say that 0, "to the end", is not taken. */
    if (r->cdb[1] & (RW_PROTECT | WRITE_SAME_ANCHOR) || !blocks || blocks > sd_unmap_blocks(s)) {
        scsi_end_sense(r, SENSE_INVALID_FIELD);
        return;
    }
    if (!sd_in_range(s, lba, blocks)) {
        scsi_end_sense(r, SENSE_LBA_RANGE);
        return;
    }
    chunk = min_u64(blocks * size, SD_WRITE_SAME_BYTES / size * size);
    w = g_malloc(sizeof(*w) + chunk);
    g_free(r->data);
    r->data = w;
    *w = (SdSame){ .at = lba * size, .left = blocks * size, .chunk = chunk };
    memset(w->buf, 0, size);
    if (!no_data && scsi_data_out(r, w->buf, size) < size) {
        scsi_end_sense(r, SENSE_DATA_PHASE);
        return;
    }
    r->offset = no_data ? 0 : size; /* of data, when all is done */
    if (sd_is_zero(w->buf, size)) {
        block_write_zeroes(s->disk, w->at, w->left, s->write_cache ? sd_moved : sd_written, r);
        return;
    }
    for (uint64_t i = size; i < chunk; i += size) {
        memcpy(w->buf + i, w->buf, size);
    }
    r->done = size;
    sd_same_step(r, s);
}

typedef struct SdUnmap {
    unsigned n, next;
    struct {
        uint64_t at, len; /* bytes */
    } range[];
} SdUnmap;

static void sd_unmap_next(void *opaque, int result)
{
    ScsiRequest *r = opaque;
    ScsiDisk *s = disk_of(r->dev);
    ScsiBus *bus = r->bus;
    SdUnmap *u = r->data;

    if (!scsi_resume(r)) {
        return;
    }
    if (result) {
        scsi_end_sense(r, sd_error_sense(result));
    } else if (u->next == u->n) {
        r->done = r->xfer;
        scsi_end(r, SCSI_GOOD);
    } else {
        unsigned i = u->next++;

        block_discard(s->disk, u->range[i].at, u->range[i].len, sd_unmap_next, r);
    }
    scsi_leave(bus);
}

static void sd_unmap(ScsiRequest *r, ScsiDisk *s)
{
    uint8_t list[8 + 16 * SD_UNMAP_DESCRIPTORS];
    uint64_t len = scsi_data_out(r, list, min_u64(sizeof(list), r->xfer)), total = 0;
    uint32_t size = sd_block(s);
    SdUnmap *u;
    unsigned n;

    if (r->cdb[1] & 1 || !s->discard_granularity) {
        scsi_end_sense(r, SENSE_INVALID_FIELD);
        return;
    }
    if (!r->xfer) {
        scsi_end(r, SCSI_GOOD);
        return;
    }
    n = len < 8 ? 0 : get_be16(list + 2) / 16;
    if (len < 8 || n > (len - 8) / 16 || get_be16(list) < get_be16(list + 2) + 6u) {
        scsi_end_sense(r, len < 8 || r->xfer <= sizeof(list) ? SENSE_PARAMETER_LENGTH
                                                             : SENSE_INVALID_PARAMETER);
        return;
    }
    u = g_malloc(sizeof(*u) + n * sizeof(u->range[0]));
    g_free(r->data);
    r->data = u;
    u->n = u->next = 0;
    for (unsigned i = 0; i < n; i++) {
        uint64_t lba = get_be64(list + 8 + 16 * i), blocks = get_be32(list + 16 + 16 * i);

        total += blocks;
        if (!sd_in_range(s, lba, blocks) || total > sd_unmap_blocks(s)) {
            scsi_end_sense(r,
                           total > sd_unmap_blocks(s) ? SENSE_INVALID_PARAMETER : SENSE_LBA_RANGE);
            return;
        }
        if (blocks) {
            u->range[u->n].at = lba * size;
            u->range[u->n++].len = blocks * size;
        }
    }
    if (!u->n) {
        r->done = r->xfer;
        scsi_end(r, SCSI_GOOD);
        return;
    }
    u->next = 1;
    block_discard(s->disk, u->range[0].at, u->range[0].len, sd_unmap_next, r);
}

/* ---- Capacity ---- */

static void sd_read_capacity_10(ScsiRequest *r, ScsiDisk *s)
{
    uint8_t buf[8];

    if (!(r->cdb[8] & 1) && get_be32(r->cdb + 2)) {
        scsi_end_sense(r, SENSE_INVALID_FIELD);
        return;
    }
    put_be32(buf, (uint32_t)min_u64(s->blocks - 1, UINT32_MAX)); /* there is one at least */
    put_be32(buf + 4, sd_block(s));
    scsi_end_data(r, buf, sizeof(buf));
}

static void sd_service_action(ScsiRequest *r, ScsiDisk *s)
{
    uint8_t buf[32] = { 0 };

    if ((r->cdb[1] & 0x1f) != 0x10) {
        scsi_end_sense(r, SENSE_INVALID_FIELD);
        return;
    }
    put_be64(buf, s->blocks - 1);
    put_be32(buf + 8, sd_block(s));
    buf[13] = (uint8_t)__builtin_ctz(MAX(s->physical_block_size / sd_block(s), 1));
    buf[14] = s->discard_granularity ? 0x80 : 0; /* LBPME */
    scsi_end_data(r, buf, sizeof(buf));
}

/* ---- The rest ---- */

static void sd_good(ScsiRequest *r, ScsiDisk *s)
{
    scsi_end(r, SCSI_GOOD);
}

static void sd_start_stop(ScsiRequest *r, ScsiDisk *s)
{
    bool load_eject = r->cdb[4] & 2, start = r->cdb[4] & 1;

    if (!(r->cdb[4] & 0xf0) && load_eject && sd_is_removable(s)) { /* else: power conditions */
        if (!start && !s->tray_open && s->tray_locked) {
            scsi_end_sense(r, s->has_blocks ? SENSE_REMOVAL_PREVENTED : SENSE_NOT_READY);
            return;
        }
        sd_move_tray(s, !start);
    }
    scsi_end(r, SCSI_GOOD);
}

static void sd_prevent_allow(ScsiRequest *r, ScsiDisk *s)
{
    s->tray_locked = sd_is_removable(s) && r->cdb[4] & 1;
    sd_publish(s);
    scsi_end(r, SCSI_GOOD);
}

/* ---- The table ---- */

enum { HD = 1, CD = 2, MEDIUM = 4, WRITES = 8 };

static const struct {
    uint8_t opcode;
    uint8_t flags;
    SdCommandFn *fn;
} sd_commands[] = {
    { SCSI_TEST_UNIT_READY, HD | CD | MEDIUM, sd_good },
    { SCSI_REZERO_UNIT, HD | CD | MEDIUM, sd_good },
    { SCSI_READ_6, HD | CD | MEDIUM, sd_read },
    { SCSI_WRITE_6, HD | MEDIUM | WRITES, sd_write },
    { SCSI_SEEK_6, HD | CD | MEDIUM, sd_good },
    { SCSI_INQUIRY, HD | CD, sd_inquiry },
    { SCSI_MODE_SELECT_6, HD | CD, sd_mode_select },
    { SCSI_RESERVE_6, HD | CD, sd_good },
    { SCSI_RELEASE_6, HD | CD, sd_good },
    { SCSI_MODE_SENSE_6, HD | CD, sd_mode_sense },
    { SCSI_START_STOP, HD | CD, sd_start_stop },
    { SCSI_SEND_DIAGNOSTIC, HD | CD, sd_good },
    { SCSI_PREVENT_ALLOW, HD | CD, sd_prevent_allow },
    { SCSI_READ_CAPACITY_10, HD | CD | MEDIUM, sd_read_capacity_10 },
    { SCSI_READ_10, HD | CD | MEDIUM, sd_read },
    { SCSI_WRITE_10, HD | MEDIUM | WRITES, sd_write },
    { SCSI_SEEK_10, HD | CD | MEDIUM, sd_good },
    { SCSI_WRITE_VERIFY_10, HD | MEDIUM | WRITES, sd_write },
    { SCSI_VERIFY_10, HD | CD | MEDIUM, sd_verify },
    { SCSI_PRE_FETCH_10, HD | MEDIUM, sd_good },
    { SCSI_SYNC_CACHE_10, HD | CD | MEDIUM, sd_sync },
    { SCSI_WRITE_SAME_10, HD | MEDIUM | WRITES, sd_write_same },
    { SCSI_UNMAP, HD | MEDIUM | WRITES, sd_unmap },
    { SCSI_READ_TOC, CD | MEDIUM, sd_read_toc },
    { SCSI_GET_CONFIGURATION, CD, sd_get_configuration },
    { SCSI_GET_EVENT_STATUS, CD, sd_get_event },
    { SCSI_READ_DISC_INFO, CD | MEDIUM, sd_disc_info },
    { SCSI_READ_TRACK_INFO, CD | MEDIUM, sd_track_info },
    { SCSI_MODE_SELECT_10, HD | CD, sd_mode_select },
    { SCSI_RESERVE_10, HD | CD, sd_good },
    { SCSI_RELEASE_10, HD | CD, sd_good },
    { SCSI_MODE_SENSE_10, HD | CD, sd_mode_sense },
    { SCSI_READ_16, HD | CD | MEDIUM, sd_read },
    { SCSI_WRITE_16, HD | MEDIUM | WRITES, sd_write },
    { SCSI_WRITE_VERIFY_16, HD | MEDIUM | WRITES, sd_write },
    { SCSI_VERIFY_16, HD | CD | MEDIUM, sd_verify },
    { SCSI_PRE_FETCH_16, HD | MEDIUM, sd_good },
    { SCSI_SYNC_CACHE_16, HD | CD | MEDIUM, sd_sync },
    { SCSI_WRITE_SAME_16, HD | MEDIUM | WRITES, sd_write_same },
    { SCSI_SERVICE_ACTION_IN_16, HD | CD | MEDIUM, sd_service_action },
    { SCSI_READ_12, HD | CD | MEDIUM, sd_read },
    { SCSI_WRITE_12, HD | MEDIUM | WRITES, sd_write },
    { SCSI_READ_DISC_STRUCTURE, CD | MEDIUM, sd_disc_structure },
    { SCSI_WRITE_VERIFY_12, HD | MEDIUM | WRITES, sd_write },
    { SCSI_VERIFY_12, HD | CD | MEDIUM, sd_verify },
    { SCSI_SET_CD_SPEED, CD, sd_set_speed },
    { SCSI_MECHANISM_STATUS, CD, sd_mechanism_status },
    { SCSI_READ_CD, CD | MEDIUM, sd_read_cd },
};

void sd_start(ScsiRequest *r)
{
    ScsiDisk *s = disk_of(r->dev);
    unsigned kind = sd_is_cd(s) ? CD : HD;
    ScsiSense sense = sd_medium(s);

    for (size_t i = 0; i < G_N_ELEMENTS(sd_commands); i++) {
        unsigned flags = sd_commands[i].flags;

        if (sd_commands[i].opcode != r->cdb[0] || !(flags & kind)) {
            continue;
        }
        if (flags & MEDIUM && sense) {
            scsi_end_sense(r, sense);
        } else if (flags & WRITES && s->read_only) {
            scsi_end_sense(r, SENSE_WRITE_PROTECTED);
        } else {
            sd_commands[i].fn(r, s);
        }
        return;
    }
    scsi_end_sense(r, SENSE_INVALID_OPCODE);
}
