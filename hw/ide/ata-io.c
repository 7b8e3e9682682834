/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disks: sectors between the image and the adapter, by PIO and by DMA, queued or not.
 * Spec: ATA8-ACS, "4.16 Native command queuing", "7.10 DATA SET MANAGEMENT", "11" (protocols).
 */
#include "hw/ide/ide-priv.h"

#include "util/bytes.h"

#include <errno.h>

/* ---- Requests ---- */

IdeRequest *ide_request_new(IdeUnit *u, int tag)
{
    IdeRequest *r = g_new0(IdeRequest, 1);

    r->u = u;
    r->bus = u->bus;
    r->tag = tag;
    r->next = u->requests;
    if (r->next) {
        r->next->prev = r;
    }
    u->requests = r;
    return r;
}

static void request_unlink(IdeRequest *r)
{
    if (r->next) {
        r->next->prev = r->prev;
    }
    *(r->prev ? &r->prev->next : &r->u->requests) = r->next;
    r->next = r->prev = NULL;
}

void ide_request_free(IdeRequest *r)
{
    if (!r->cancelled) {
        request_unlink(r);
    }
    g_free(r->buf);
    g_free(r);
}

void ide_request_forget(IdeRequest *r)
{
    request_unlink(r);
    r->cancelled = true;
}

bool ide_request_resume(IdeRequest *r)
{
    IdeBus *b = r->bus;

    ide_enter(b);
    if (r->cancelled) {
        ide_request_free(r);
        ide_leave(b);
        return false;
    }
    if (b->holding) {
        if (r->tag != IDE_NO_TAG) {
            b->ops->queue_held(b, r->u, (unsigned)r->tag);
        } else {
            r->u->held = 1;
        }
        ide_request_free(r);
        ide_leave(b);
        return false;
    }
    return true;
}

/* Its disk, whose lock is held then; NULL: it has no more to do. */
static IdeDisk *ata_resume(IdeRequest *r)
{
    return ide_request_resume(r) ? ata_of(r->u) : NULL;
}

static uint8_t ata_error(int result, bool write)
{
    switch (result) {
    case -EINVAL:
        return IDE_IDNF;
    case -ENOMEM:
    case -EROFS:
        return IDE_ABRT;
    default:
        return write ? IDE_ABRT : IDE_UNC;
    }
}

/* The registers tell where it went wrong. */
static void ata_put_lba(IdeUnit *u, uint64_t lba)
{
    IdeTask *t = &u->task;

    t->lba_low[0] = (uint8_t)lba;
    t->lba_mid[0] = (uint8_t)(lba >> 8);
    t->lba_high[0] = (uint8_t)(lba >> 16);
    t->lba_low[1] = (uint8_t)(lba >> 24);
    t->lba_mid[1] = (uint8_t)(lba >> 32);
    t->lba_high[1] = (uint8_t)(lba >> 40);
}

/* The end of a request that had the command: by what the disk says. */
static void ata_end(IdeRequest *r, int result, bool write)
{
    IdeUnit *u = r->u;

    ide_request_free(r);
    if (result) {
        ata_put_lba(u, u->lba);
        ide_end_error(u, ata_error(result, write));
    } else {
        ide_end(u);
    }
}

static void ata_ended(void *opaque, int result)
{
    IdeRequest *r = opaque;
    IdeBus *b = r->bus;

    if (ide_request_resume(r)) {
        ata_end(r, result, true);
        ide_leave(b);
    }
}

void ata_flush(IdeDisk *s)
{
    s->u.step = IDE_FLUSH;
    block_flush(s->disk, ata_ended, ide_request_new(&s->u, IDE_NO_TAG));
}

/* ---- PIO ---- */

/* The next block of those that are here. */
static void ata_give(IdeDisk *s)
{
    IdeUnit *u = &s->u;
    uint32_t n = MIN(u->left, ata_command_block(s));

    u->lba += n;
    u->left -= n;
    ide_pio(u, u->data_end, u->data_end + n * ata_block(s), false);
}

static void ata_read_done(void *opaque, int result)
{
    IdeRequest *r = opaque;
    IdeBus *b = r->bus;
    IdeDisk *s = ata_resume(r);

    if (!s) {
        return;
    }
    if (result) {
        ata_end(r, result, false);
    } else {
        memcpy(s->u.data, r->buf, s->u.data_have);
        ide_request_free(r);
        ata_give(s);
    }
    ide_leave(b);
}

/* As much as there is room for is read at once: a multiple of a block. */
void ata_read_pio(IdeDisk *s)
{
    IdeUnit *u = &s->u;
    uint32_t most = IDE_DATA_MAX / ata_block(s) / ata_command_block(s) * ata_command_block(s);
    uint32_t len = MIN(u->left, most) * ata_block(s);
    IdeRequest *r = ide_request_new(u, IDE_NO_TAG);

    u->step = IDE_READ;
    u->data_have = len;
    u->data_at = u->data_end = 0;
    r->buf = g_malloc(len);
    block_read(s->disk, u->lba * ata_block(s), &(struct iovec){ r->buf, len }, 1, ata_read_done, r);
}

static void ata_take(IdeDisk *s, bool first)
{
    uint32_t len = MIN(s->u.left, ata_command_block(s)) * ata_block(s);

    ide_data(&s->u, len);
    ide_pio(&s->u, 0, len, first);
}

static void ata_write_done(void *opaque, int result)
{
    IdeRequest *r = opaque;
    IdeBus *b = r->bus;
    IdeDisk *s = ata_resume(r);

    if (!s) {
        return;
    }
    if (result) {
        ata_end(r, result, true);
    } else {
        uint32_t n = s->u.data_have / ata_block(s);

        ide_request_free(r);
        s->u.lba += n;
        s->u.left -= n;
        if (s->u.left) {
            ata_take(s, false);
        } else if (!s->write_cache || ata_command_forces(s->u.task.command)) {
            ata_flush(s);
        } else {
            ide_end(&s->u);
        }
    }
    ide_leave(b);
}

static void ata_write_block(IdeDisk *s)
{
    IdeUnit *u = &s->u;
    IdeRequest *r = ide_request_new(u, IDE_NO_TAG);

    r->buf = g_memdup2(u->data, u->data_have);
    block_write(s->disk, u->lba * ata_block(s), &(struct iovec){ r->buf, u->data_have }, 1,
                ata_write_done, r);
}

void ata_write_pio(IdeDisk *s)
{
    s->u.step = IDE_WRITE;
    ata_take(s, true);
}

/* ---- VERIFY: all is read, a piece after the other ---- */

static void ata_verify_done(void *opaque, int result)
{
    IdeRequest *r = opaque;
    IdeBus *b = r->bus;
    IdeDisk *s = ata_resume(r);

    if (!s) {
        return;
    }
    if (!result) {
        s->u.lba += r->piece;
        s->u.left -= r->piece;
    }
    if (result || !s->u.left) {
        ata_end(r, result, false);
    } else {
        ide_request_free(r);
        ata_verify(s);
    }
    ide_leave(b);
}

void ata_verify(IdeDisk *s)
{
    IdeRequest *r = ide_request_new(&s->u, IDE_NO_TAG);
    uint64_t len;

    s->u.step = IDE_VERIFY;
    r->piece = MIN(s->u.left, IDE_PIECE / ata_block(s));
    len = (uint64_t)r->piece * ata_block(s);
    r->buf = g_malloc(len);
    block_read(s->disk, s->u.lba * ata_block(s), &(struct iovec){ r->buf, len }, 1, ata_verify_done,
               r);
}

/* ---- DMA ---- */

static void ata_piece(IdeRequest *r);

static void ata_dma_end(IdeRequest *r, int result)
{
    IdeUnit *u = r->u;
    IdeDisk *s = ata_of(u);
    int tag = r->tag;
    uint8_t error = result ? ata_error(result, r->write) : 0;
    uint8_t status = IDE_DRDY | IDE_DSC | (result ? IDE_ERR : 0);

    if (tag == IDE_NO_TAG) {
        u->lba = r->lba;
        ata_end(r, result, r->write);
        return;
    }
    if (result) {
        s->failed_tag = (uint8_t)tag;
        s->failed_status = status;
        s->failed_error = error;
        s->failed_lba = r->lba;
    }
    ide_request_free(r);
    u->bus->ops->queue_ended(u->bus, u, (unsigned)tag, status, error);
}

/* Memory has no more room, or no more data. */
static void ata_dma_short(IdeRequest *r)
{
    IdeUnit *u = r->u;

    if (r->tag != IDE_NO_TAG) {
        ata_dma_end(r, -EIO);
        return;
    }
    ide_request_free(r);
    ide_end_short(u);
}

static void ata_piece_done(void *opaque, int result)
{
    IdeRequest *r = opaque;
    IdeBus *b = r->bus;
    IdeDisk *s = ata_resume(r);

    if (!s) {
        return;
    }
    if (result) {
        ata_dma_end(r, result);
    } else if (r->flushing) {
        ata_dma_end(r, 0);
    } else if (!r->write && !b->ops->dma(b, r->u, r, r->buf, r->piece * ata_block(s), true)) {
        ata_dma_short(r);
    } else {
        r->lba += r->piece;
        r->left -= r->piece;
        if (r->left) {
            ata_piece(r);
        } else if (r->write && (r->fua || !s->write_cache)) {
            r->flushing = true;
            block_flush(s->disk, ata_piece_done, r);
        } else {
            ata_dma_end(r, 0);
        }
    }
    ide_leave(b);
}

static void ata_piece(IdeRequest *r)
{
    IdeDisk *s = ata_of(r->u);
    uint32_t most = IDE_PIECE / ata_block(s);
    struct iovec iov;

    r->piece = MIN(r->left, most);
    iov = (struct iovec){ r->buf, (size_t)r->piece * ata_block(s) };
    if (!r->write) {
        block_read(s->disk, r->lba * ata_block(s), &iov, 1, ata_piece_done, r);
    } else if (r->bus->ops->dma(r->bus, r->u, r, r->buf, (uint32_t)iov.iov_len, false)) {
        block_write(s->disk, r->lba * ata_block(s), &iov, 1, ata_piece_done, r);
    } else {
        ata_dma_short(r);
    }
}

static void ata_dma_begin(IdeDisk *s, int tag, uint64_t lba, uint32_t left, bool write, bool fua)
{
    IdeRequest *r = ide_request_new(&s->u, tag);

    r->lba = lba;
    r->left = left;
    r->write = write;
    r->fua = fua;
    r->buf = g_malloc((size_t)MIN(left, IDE_PIECE / ata_block(s)) * ata_block(s));
    ata_piece(r);
}

static void ata_dma_now(IdeDisk *s)
{
    uint8_t command = s->u.task.command;

    ata_dma_begin(s, IDE_NO_TAG, s->u.lba, s->u.left, ata_command_writes(command),
                  ata_command_forces(command));
}

void ata_dma(IdeDisk *s)
{
    IdeUnit *u = &s->u;

    u->step = IDE_DMA;
    u->task.status = IDE_DRDY | IDE_DSC | IDE_DRQ;
    if (u->bus->ops->dma_start(u->bus, u)) {
        ata_dma_now(s);
    }
}

bool ide_queue(IdeUnit *u, unsigned tag, uint64_t lba, uint32_t sectors, bool write, bool fua)
{
    IdeDisk *s = ata_of(u);

    if (ide_type(u)->packet || lba > s->sectors || sectors > s->sectors - lba ||
        (write && block_is_read_only(s->disk))) {
        if (!ide_type(u)->packet) {
            s->failed_tag = (uint8_t)tag;
            s->failed_status = IDE_DRDY | IDE_DSC | IDE_ERR;
            s->failed_error = write && block_is_read_only(s->disk) ? IDE_ABRT : IDE_IDNF;
            s->failed_lba = lba;
        }
        return false;
    }
    ata_dma_begin(s, (int)tag, lba, sectors, write, fua);
    return true;
}

/* ---- Answers by DMA, DATA SET MANAGEMENT ---- */

static void ata_answer_dma_now(IdeDisk *s)
{
    IdeUnit *u = &s->u;

    if (u->bus->ops->dma(u->bus, u, NULL, u->data, u->data_have, true)) {
        ide_end(u);
    } else {
        ide_end_short(u);
    }
}

void ata_answer_dma(IdeDisk *s)
{
    IdeUnit *u = &s->u;

    u->step = IDE_ANSWER_DMA;
    u->task.status = IDE_DRDY | IDE_DSC | IDE_DRQ;
    if (u->bus->ops->dma_start(u->bus, u)) {
        ata_answer_dma_now(s);
    }
}

/* Ranges of 8 bytes: 48 bits of address, 16 of length; u->left is the next one's place. */
static void ata_trim_next(void *opaque, int result)
{
    IdeRequest *r = opaque;
    IdeBus *b = r->bus;
    IdeDisk *s;
    bool more = false;

    if (!ide_request_resume(r)) {
        return;
    }
    s = ata_of(r->u);
    while (!result && !more && s->u.left < s->u.data_have) {
        uint64_t range = get_le64(s->u.data + s->u.left), lba = range & bits_mask(48);
        uint64_t n = range >> 48;

        s->u.left += 8;
        s->u.lba = lba;
        if (n && (lba > s->sectors || n > s->sectors - lba)) {
            result = -EINVAL;
        } else if (n) {
            more = true;
            block_discard(s->disk, lba * ata_block(s), n * ata_block(s), ata_trim_next, r);
        }
    }
    if (!more) {
        ata_end(r, result, true);
    }
    ide_leave(b);
}

static void ata_trim_now(IdeDisk *s)
{
    IdeUnit *u = &s->u;

    if (!u->bus->ops->dma(u->bus, u, NULL, u->data, u->data_have, false)) {
        ide_end_short(u);
        return;
    }
    u->left = 0;
    /* A flush of nothing brings it to the loop, where the ranges begin. */
    block_discard(s->disk, 0, 0, ata_trim_next, ide_request_new(u, IDE_NO_TAG));
}

void ata_trim(IdeDisk *s)
{
    IdeUnit *u = &s->u;

    u->step = IDE_TRIM;
    u->task.status = IDE_DRDY | IDE_DSC | IDE_DRQ;
    if (u->bus->ops->dma_start(u->bus, u)) {
        ata_trim_now(s);
    }
}

/* ---- The adapter is done, or ready ---- */

void ata_go_on(IdeUnit *u)
{
    IdeDisk *s = ata_of(u);

    switch (u->step) {
    case IDE_READ:
        if (!u->left) {
            u->step = IDE_IDLE;
            u->task.status = IDE_DRDY | IDE_DSC;
        } else if (u->data_end < u->data_have) {
            ata_give(s);
        } else {
            ata_read_pio(s);
        }
        break;
    case IDE_WRITE:
        ata_write_block(s);
        break;
    case IDE_DMA:
        ata_dma_now(s);
        break;
    case IDE_TRIM:
        ata_trim_now(s);
        break;
    case IDE_ANSWER_DMA:
        ata_answer_dma_now(s);
        break;
    default:
        break;
    }
}

/* Blocks of parallel ATA's PIO go on where they were; all else begins from its task file. */
void ata_again(IdeUnit *u)
{
    switch (u->bus->ops->queue_ended ? IDE_IDLE : u->step) {
    case IDE_READ:
        ata_read_pio(ata_of(u));
        break;
    case IDE_WRITE:
        ata_write_block(ata_of(u));
        break;
    default:
        u->bus->ops->rewind(u->bus, u);
        ide_command(u);
        break;
    }
}
