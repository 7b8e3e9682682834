/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CD and DVD drives: what a disc of one track says of itself, and the tray.
 * Spec: MMC-6, "6"; the table of contents also "4.2.3".
 */
#include "hw/scsi/disk.h"

#include "util/bytes.h"

enum {
    LEAD_OUT = 0xaa,
    TRACK_DATA = 0x14, /* ADR 1, a data track */
    PROFILE_CD = 0x0008,
    PROFILE_DVD = 0x0010,
    CD_BLOCKS_MAX = 80 * 60 * 75, /* more is a DVD */
    EVENT_MEDIA = 4,
    EVENT_EJECT_REQUEST = 1,
    EVENT_NEW_MEDIA = 2,
    EVENT_REMOVED = 3,
};

static bool cd_is_dvd(const ScsiDisk *s)
{
    return s->blocks > CD_BLOCKS_MAX;
}

/* ---- READ TOC/PMA/ATIP ("6.25") ---- */

static void toc_address(uint8_t *p, uint64_t lba, bool msf)
{
    uint64_t frame = lba + 150;

    if (!msf) {
        put_be32(p, (uint32_t)lba);
        return;
    }
    p[0] = 0;
    p[1] = (uint8_t)MIN(frame / 75 / 60, 0xff);
    p[2] = (uint8_t)(frame / 75 % 60);
    p[3] = (uint8_t)(frame % 75);
}

static unsigned toc_track(uint8_t *p, uint8_t number, uint64_t lba, bool msf)
{
    p[1] = TRACK_DATA;
    p[2] = number;
    toc_address(p + 4, lba, msf);
    return 8;
}

static unsigned toc_format_0(const ScsiDisk *s, uint8_t from, bool msf, uint8_t *p)
{
    unsigned n = 4;

    p[2] = p[3] = 1; /* first and last track */
    if (from <= 1) {
        n += toc_track(p + n, 1, 0, msf);
    }
    return n + toc_track(p + n, LEAD_OUT, s->blocks, msf);
}

static unsigned toc_session(uint8_t *p)
{
    p[2] = p[3] = 1;
    return 4 + toc_track(p + 4, 1, 0, false);
}

/* The raw table of contents: points A0 (first track), A1 (last), A2 (lead-out), and track 1. */
static unsigned toc_raw(const ScsiDisk *s, uint8_t *p)
{
    static const uint8_t points[] = { 0xa0, 0xa1, 0xa2, 1 };
    unsigned n = 4;

    p[2] = p[3] = 1;
    for (unsigned i = 0; i < 4; i++, n += 11) {
        p[n] = 1;
        p[n + 1] = TRACK_DATA;
        p[n + 3] = points[i];
        if (i < 2) {
            p[n + 8] = 1;
        } else {
            toc_address(p + n + 7, i == 2 ? s->blocks : 0, true);
        }
    }
    return n;
}

void sd_read_toc(ScsiRequest *r, ScsiDisk *s)
{
    bool msf = r->cdb[1] & 2;
    uint8_t format = r->cdb[2] & 0xf, from = r->cdb[6], buf[64] = { 0 };
    unsigned n;

    format = format ? format : r->cdb[9] >> 6; /* where it was before MMC */
    if (format > 2 || (!format && from > 1 && from != LEAD_OUT)) {
        scsi_end_sense(r, SENSE_INVALID_FIELD);
        return;
    }
    n = format == 0   ? toc_format_0(s, from, msf, buf)
        : format == 1 ? toc_session(buf)
                      : toc_raw(s, buf);
    put_be16(buf, (uint16_t)(n - 2));
    scsi_end_data(r, buf, n);
}

/* ---- GET CONFIGURATION ("6.6") ---- */

static unsigned feature(uint8_t *p, unsigned code, unsigned flags, unsigned len)
{
    put_be16(p, (uint16_t)code);
    p[2] = (uint8_t)flags;
    p[3] = (uint8_t)len;
    return 4 + len;
}

/* Feature @code; 0: there is none. Flags: 1 current, 2 persistent; the version from bit 2. */
static unsigned cd_feature(const ScsiDisk *s, unsigned code, unsigned profile, uint8_t *p)
{
    bool here = profile != 0;

    switch (code) {
    case 0x0000: /* the profiles, the best one first */
        put_be16(p + 4, PROFILE_DVD);
        p[6] = profile == PROFILE_DVD;
        put_be16(p + 8, PROFILE_CD);
        p[10] = profile == PROFILE_CD;
        return feature(p, code, 3, 8);
    case 0x0001: /* core: behind SCSI, with events of devices that are busy */
        put_be32(p + 4, 1);
        p[8] = 1;
        return feature(p, code, 2 << 2 | 3, 8);
    case 0x0003: /* a tray that is locked, ejected and loaded */
        p[4] = 1 << 5 | 1 << 4 | 1 << 3 | 1;
        return feature(p, code, 2 << 2 | 3, 4);
    case 0x0010: /* random reading */
        put_be32(p + 4, sd_block(s));
        put_be16(p + 8, 16);
        return feature(p, code, here, 8);
    case 0x001e: /* CD read */
        return feature(p, code, 2 << 2 | (profile == PROFILE_CD), 4);
    case 0x001f: /* DVD read */
        return feature(p, code, 1 << 2 | (profile == PROFILE_DVD), 4);
    default:
        return 0;
    }
}

void sd_get_configuration(ScsiRequest *r, ScsiDisk *s)
{
    static const uint16_t features[] = { 0x0000, 0x0001, 0x0003, 0x0010, 0x001e, 0x001f };
    uint8_t buf[256] = { 0 };
    unsigned type = r->cdb[1] & 3, from = get_be16(r->cdb + 2), n = 8;
    unsigned profile = sd_medium(s) ? 0 : cd_is_dvd(s) ? PROFILE_DVD : PROFILE_CD;

    if (type == 3) {
        scsi_end_sense(r, SENSE_INVALID_FIELD);
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(features); i++) {
        unsigned len;

        if (type == 2 ? features[i] != from : features[i] < from) {
            continue;
        }
        len = cd_feature(s, features[i], profile, buf + n);
        if (type == 1 && !(buf[n + 2] & 1)) {
            memset(buf + n, 0, len);
            continue;
        }
        n += len;
    }
    put_be32(buf, n - 4);
    put_be16(buf + 6, (uint16_t)profile);
    scsi_end_data(r, buf, n);
}

/* ---- Events ("6.7") ---- */

void sd_get_event(ScsiRequest *r, ScsiDisk *s)
{
    uint8_t buf[8] = { 0 };
    bool here = !sd_medium(s);
    unsigned n = 4;

    if (!(r->cdb[1] & 1)) { /* there is only asking for it */
        scsi_end_sense(r, SENSE_INVALID_FIELD);
        return;
    }
    buf[3] = 1 << EVENT_MEDIA;
    if (r->cdb[4] & 1 << EVENT_MEDIA) {
        buf[2] = EVENT_MEDIA;
        buf[4] = s->eject_request ? EVENT_EJECT_REQUEST : s->media_event;
        buf[5] = (uint8_t)(here << 1 | (s->tray_open != 0));
        if (s->eject_request) {
            s->eject_request = 0;
        } else {
            s->media_event = 0;
        }
        n = 8;
    } else {
        buf[2] = 0x80; /* no such event */
    }
    put_be16(buf, (uint16_t)(n - 2));
    scsi_end_data(r, buf, n);
}

/* ---- The rest ---- */

/* "6.20": a finalized disc of one session. */
void sd_disc_info(ScsiRequest *r, ScsiDisk *s)
{
    uint8_t buf[34] = { 0 };

    if (r->cdb[1] & 7) {
        scsi_end_sense(r, SENSE_INVALID_FIELD);
        return;
    }
    put_be16(buf, sizeof(buf) - 2);
    buf[2] = 0x0e;             /* complete, and so is its last session */
    buf[3] = buf[4] = 1;       /* first track; sessions */
    buf[5] = buf[6] = 1;       /* first and last track of the last session */
    buf[7] = 0x20;             /* for unrestricted use */
    buf[8] = 0;                /* CD-ROM */
    memset(buf + 16, 0xff, 8); /* lead-in and lead-out are not there to write */
    scsi_end_data(r, buf, sizeof(buf));
}

/* "6.26": track 1 is all there is. */
void sd_track_info(ScsiRequest *r, ScsiDisk *s)
{
    uint8_t type = r->cdb[1] & 3, buf[36] = { 0 };
    uint32_t which = get_be32(r->cdb + 2);

    if (type == 3 || (type == 0 && which >= s->blocks) || (type && which != 1)) {
        scsi_end_sense(r, SENSE_INVALID_FIELD);
        return;
    }
    put_be16(buf, sizeof(buf) - 2);
    buf[2] = buf[3] = 1; /* track, session */
    buf[5] = 4;          /* data, uninterrupted */
    buf[6] = 1;          /* mode 1 */
    put_be32(buf + 24, (uint32_t)s->blocks);
    scsi_end_data(r, buf, sizeof(buf));
}

void sd_mechanism_status(ScsiRequest *r, ScsiDisk *s)
{
    uint8_t buf[8] = { 0 };

    buf[1] = s->tray_open ? 0x10 : 0; /* door open */
    buf[5] = 1;                       /* one slot, of which no table is given */
    scsi_end_data(r, buf, sizeof(buf));
}

/* "6.22", of DVDs: 0 physical format, 1 copyright, 4 manufacturer, 0xff the list of these. */
void sd_disc_structure(ScsiRequest *r, ScsiDisk *s)
{
    uint8_t buf[2052] = { 0 };
    unsigned n = 4;
    uint32_t last = (uint32_t)s->blocks - 1;

    if (r->cdb[1] & 0xf || r->cdb[6] || !cd_is_dvd(s)) {
        scsi_end_sense(r, cd_is_dvd(s) ? SENSE_INVALID_FIELD : SENSE_WRONG_MEDIUM);
        return;
    }
    switch (r->cdb[7]) {
    case 0x00:
        buf[4] = 1;    /* DVD-ROM, version 1 */
        buf[5] = 0x0f; /* 120 mm, no maximum rate */
        buf[6] = 1;    /* one layer, embossed */
        put_be32(buf + 8, 0x30000);
        put_be32(buf + 12, 0x30000 + last);
        put_be32(buf + 16, 0x30000 + last);
        n += 2048;
        break;
    case 0x01:
        n += 4; /* no protection, all regions */
        break;
    case 0x04:
        n += 2048;
        break;
    case 0xff:
        for (unsigned i = 0; i < 3; i++, n += 4) {
            static const uint16_t lengths[][2] = { { 0, 2052 }, { 1, 8 }, { 4, 2052 } };

            buf[n] = (uint8_t)lengths[i][0];
            buf[n + 1] = 0x40; /* readable */
            put_be16(buf + n + 2, lengths[i][1]);
        }
        break;
    default:
        scsi_end_sense(r, SENSE_INVALID_FIELD);
        return;
    }
    put_be16(buf, (uint16_t)(n - 2));
    scsi_end_data(r, buf, n);
}

/* "6.19": the user data of data sectors alone. */
void sd_read_cd(ScsiRequest *r, ScsiDisk *s)
{
    uint32_t blocks = get_be32(r->cdb + 5) & 0xffffff;

    if (!blocks || !(r->cdb[9] & 0xf8)) {
        scsi_end(r, SCSI_GOOD);
    } else if ((r->cdb[9] & 0xf8) != 0x10 || r->cdb[10] & 7) {
        scsi_end_sense(r, SENSE_WRONG_MEDIUM);
    } else {
        sd_read_blocks(r, s, get_be32(r->cdb + 2), blocks);
    }
}

void sd_set_speed(ScsiRequest *r, ScsiDisk *s)
{
    scsi_end(r, SCSI_GOOD);
}
