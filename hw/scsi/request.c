/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests from their making to their end, and the commands that a target answers for all of its
 * units.
 * Spec: SAM-5, "5"; SPC-4, "4.5 Sense data", "6.33 REPORT LUNS", "6.39 REQUEST SENSE".
 */
#include "hw/scsi/scsi-priv.h"

#include "util/bytes.h"

/* ---- Making ---- */

ScsiRequest *scsi_request_new(ScsiBus *bus, unsigned channel, unsigned target, unsigned lun,
                              uint64_t tag, const uint8_t *cdb, unsigned cdb_len, void *opaque)
{
    ScsiDevice *d = scsi_find(bus, channel, target, lun);
    ScsiRequest *r;

    for (unsigned i = 0; !d && i < bus->units->len; i++) {
        ScsiDevice *other = g_ptr_array_index(bus->units, i);

        d = other->channel == channel && other->scsi_id == target ? other : NULL;
    }
    if (!d) {
        return NULL;
    }
    r = g_new0(ScsiRequest, 1);
    r->bus = bus;
    r->dev = d;
    r->lun = lun;
    r->tag = tag;
    r->opaque = opaque;
    r->refs = 1;
    r->cdb_len = (unsigned)min_u64(cdb_len, SCSI_CDB_MAX);
    memcpy(r->cdb, cdb, r->cdb_len);
    scsi_cdb_data(d, r->cdb, &r->direction, &r->xfer);
    return r;
}

static struct iovec *request_iov(const struct iovec *iov, unsigned n, uint64_t *bytes)
{
    *bytes = 0;
    for (unsigned i = 0; i < n; i++) {
        *bytes += iov[i].iov_len;
    }
    return n ? g_memdup2(iov, n * sizeof(*iov)) : NULL;
}

void scsi_request_data(ScsiRequest *r, const struct iovec *out, unsigned n_out,
                       const struct iovec *in, unsigned n_in)
{
    r->out = request_iov(out, n_out, &r->out_bytes);
    r->n_out = n_out;
    r->in = request_iov(in, n_in, &r->in_bytes);
    r->n_in = n_in;
}

void scsi_request_unref(ScsiRequest *r)
{
    if (!--r->refs) {
        g_free(r->out);
        g_free(r->in);
        g_free(r->data);
        g_free(r);
    }
}

/* ---- Ending ---- */

static void request_unlink(ScsiRequest *r)
{
    if (r->next) {
        r->next->prev = r->prev;
    }
    *(r->prev ? &r->prev->next : &r->dev->requests) = r->next;
    r->next = r->prev = NULL;
    r->active = false;
}

void scsi_end(ScsiRequest *r, uint8_t status)
{
    r->status = status;
    if (r->active) {
        request_unlink(r);
    }
    if (!r->cancelled) {
        if (r->sense_len && !r->bus->info.autosense) {
            memcpy(r->dev->held_sense, r->sense, SCSI_SENSE_SIZE);
            r->dev->held_sense_len = SCSI_SENSE_SIZE;
        }
        r->bus->ops->complete(r);
    }
    scsi_request_unref(r);
}

/* SPC-4, table 53. */
void scsi_make_sense(uint8_t *buf, ScsiSense sense)
{
    memset(buf, 0, SCSI_SENSE_SIZE);
    buf[0] = 0x70;
    buf[2] = (uint8_t)(sense >> 16);
    buf[7] = SCSI_SENSE_SIZE - 8;
    buf[12] = (uint8_t)(sense >> 8);
    buf[13] = (uint8_t)sense;
}

void scsi_end_sense(ScsiRequest *r, ScsiSense sense)
{
    scsi_make_sense(r->sense, sense);
    r->sense_len = SCSI_SENSE_SIZE;
    scsi_end(r, SCSI_CHECK_CONDITION);
}

void scsi_end_data(ScsiRequest *r, const void *buf, uint64_t len)
{
    const uint8_t *p = buf;

    len = min_u64(min_u64(len, r->xfer), r->in_bytes);
    for (unsigned i = 0; i < r->n_in && r->done < len; i++) {
        uint64_t n = min_u64(len - r->done, r->in[i].iov_len);

        memcpy(r->in[i].iov_base, p + r->done, n);
        r->done += n;
    }
    scsi_end(r, SCSI_GOOD);
}

uint64_t scsi_data_out(const ScsiRequest *r, void *buf, uint64_t len)
{
    uint64_t at = 0;

    for (unsigned i = 0; i < r->n_out && at < len; i++) {
        uint64_t n = min_u64(len - at, r->out[i].iov_len);

        memcpy((uint8_t *)buf + at, r->out[i].iov_base, n);
        at += n;
    }
    return at;
}

bool scsi_resume(ScsiRequest *r)
{
    ScsiBus *bus = r->bus;

    scsi_enter(bus);
    if (r->cancelled) {
        scsi_end(r, SCSI_GOOD);
        scsi_leave(bus);
        return false;
    }
    if (bus->holding) {
        request_unlink(r);
        bus->ops->hold(r);
        scsi_request_unref(r);
        scsi_leave(bus);
        return false;
    }
    return true;
}

/* ---- Cancelling ---- */

ScsiRequest *scsi_find_tag(ScsiDevice *d, uint64_t tag)
{
    ScsiRequest *r = d->requests;

    while (r && r->tag != tag) {
        r = r->next;
    }
    return r;
}

/* The unit's reference stays until its disk is done with it. */
static void request_forget(ScsiRequest *r)
{
    r->cancelled = true;
    request_unlink(r);
}

void scsi_request_cancel(ScsiRequest *r)
{
    BlockBackend *disk = scsi_type(r->dev)->disk(r->dev);

    if (!r->active) {
        return;
    }
    request_forget(r);
    if (disk) {
        block_wait(disk);
    }
    r->bus->ops->cancelled(r);
}

void scsi_abort_all(ScsiDevice *d)
{
    BlockBackend *disk = scsi_type(d)->disk(d);
    g_autoptr(GPtrArray) all = g_ptr_array_new();

    while (d->requests) {
        g_ptr_array_add(all, d->requests);
        request_forget(d->requests);
    }
    if (disk && all->len) {
        block_wait(disk);
    }
    for (unsigned i = 0; i < all->len; i++) {
        d->bus->ops->cancelled(g_ptr_array_index(all, i));
    }
}

/* ---- What the target answers ---- */

static const uint32_t request_attention[SCSI_UAS] = {
    [SCSI_UA_POWER_ON] = 0x62900, [SCSI_UA_BUS_RESET] = 0x62902, [SCSI_UA_DEVICE_RESET] = 0x62903,
    [SCSI_UA_MEDIUM] = 0x62800,   [SCSI_UA_EJECT] = 0x65a01,     [SCSI_UA_MODE] = 0x62a01,
    [SCSI_UA_CAPACITY] = 0x62a09, [SCSI_UA_LUNS] = 0x63f0e,
};

/* The first that waits, which is told now. */
static ScsiSense request_take_attention(ScsiDevice *d)
{
    unsigned ua;

    if (!d->attention) {
        return SENSE_NONE;
    }
    ua = (unsigned)__builtin_ctz(d->attention);
    d->attention &= d->attention - 1;
    return request_attention[ua % SCSI_UAS];
}

static void request_report_luns(ScsiRequest *r)
{
    const GPtrArray *units = r->bus->units;
    uint32_t alloc = get_be32(r->cdb + 6), n = 0;
    g_autofree uint8_t *list = NULL;

    /* SPC-4, "6.33": 2 is all, 0 those by the usual addresses, 1 the well known ones. */
    if (r->cdb[2] > 2 || alloc < 16) {
        scsi_end_sense(r, SENSE_INVALID_FIELD);
        return;
    }
    list = g_malloc0(16 + 8 * (size_t)units->len);
    for (unsigned pass = 0; pass < 2 && r->cdb[2] != 1; pass++) {
        for (unsigned i = 0; i < units->len; i++) {
            const ScsiDevice *d = g_ptr_array_index(units, i);

            if (d->channel == r->dev->channel && d->scsi_id == r->dev->scsi_id &&
                (d->lun == 0) == (pass == 0)) {
                uint8_t *at = list + 8 + 8 * (size_t)n++;

                put_be16(at, (uint16_t)(d->lun < 256 ? d->lun : d->lun | 0x4000));
            }
        }
        if (!pass && !n) {
            n = 1; /* unit 0 answers, if only that it is not there */
        }
    }
    put_be32(list, n * 8);
    r->dev->attention &= ~(1u << SCSI_UA_LUNS);
    scsi_end_data(r, list, 8 + 8 * (uint64_t)n);
}

static void request_sense(ScsiRequest *r, bool here)
{
    ScsiDevice *d = r->dev;
    uint8_t sense[SCSI_SENSE_SIZE];

    if (r->cdb[1] & 1) { /* descriptor format */
        scsi_end_sense(r, SENSE_INVALID_FIELD);
        return;
    }
    if (!here) {
        scsi_make_sense(sense, SENSE_NO_SUCH_LUN);
    } else if (d->held_sense_len) {
        memcpy(sense, d->held_sense, sizeof(sense));
    } else {
        scsi_make_sense(sense, request_take_attention(d));
    }
    d->held_sense_len = 0;
    scsi_end_data(r, sense, sizeof(sense));
}

/* A unit that is not there, of a target that is. */
static void request_no_unit(ScsiRequest *r)
{
    uint8_t id[36] = { [0] = SCSI_NO_UNIT, [2] = 5, [3] = 0x12, [4] = sizeof(id) - 5 };

    if (r->cdb[0] == SCSI_INQUIRY) {
        if (r->cdb[1] & 1 || r->cdb[2]) {
            scsi_end_sense(r, SENSE_INVALID_FIELD);
            return;
        }
        memcpy(id + 8, "QEMU    QEMU TARGET     2.5+", 28);
        scsi_end_data(r, id, sizeof(id));
        return;
    }
    scsi_end_sense(r, SENSE_NO_SUCH_LUN);
}

/* SAM-5, "5.14": these are done all the same. */
static bool request_minds_attention(uint8_t opcode)
{
    return opcode != SCSI_INQUIRY && opcode != SCSI_REPORT_LUNS && opcode != SCSI_REQUEST_SENSE &&
           opcode != SCSI_GET_EVENT_STATUS && opcode != SCSI_GET_CONFIGURATION;
}

void scsi_request_submit(ScsiRequest *r)
{
    ScsiDevice *d = r->dev;
    bool here = d->lun == r->lun;

    r->refs++;
    r->active = true;
    r->next = d->requests;
    if (r->next) {
        r->next->prev = r;
    }
    d->requests = r;
    if (r->cdb[0] == SCSI_REPORT_LUNS) {
        request_report_luns(r);
    } else if (r->cdb[0] == SCSI_REQUEST_SENSE) {
        request_sense(r, here);
    } else if (!here) {
        request_no_unit(r);
    } else if (d->attention && request_minds_attention(r->cdb[0])) {
        scsi_end_sense(r, request_take_attention(d));
    } else {
        if (r->cdb[0] != SCSI_INQUIRY) {
            d->held_sense_len = 0;
        }
        scsi_type(d)->start(r);
    }
}
