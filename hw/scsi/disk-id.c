/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a disk says of itself: INQUIRY with its pages of vital product data, and mode pages.
 * Spec: SPC-4, "6.6 INQUIRY", "7.8"; SBC-3, "6.4 Mode parameters", "6.6 Vital product data".
 */
#include "hw/scsi/disk.h"

#include "util/bytes.h"

/* ---- INQUIRY ---- */

/* A text of fixed length, blanks behind. */
static void id_text(uint8_t *to, const char *text, size_t n)
{
    size_t len = strlen(text);

    memset(to, ' ', n);
    memcpy(to, text, len < n ? len : n);
}

static unsigned id_designator(uint8_t *p, unsigned code_set, unsigned type, const void *data,
                              unsigned len)
{
    p[0] = (uint8_t)code_set;
    p[1] = (uint8_t)type;
    p[2] = 0;
    p[3] = (uint8_t)len;
    memcpy(p + 4, data, len);
    return 4 + len;
}

/* The lengths of texts were looked at when the device was made. */
static unsigned id_page_devices(const ScsiDisk *s, uint8_t *p)
{
    enum { BINARY = 1, ASCII, VENDOR = 0, NAA = 3, PORT = 0x60, PORT_NAA = 0x63, PORT_INDEX };
    const char *text = s->device_id ? s->device_id
                       : s->serial  ? s->serial
                       : s->drive   ? block_id(s->drive)
                                    : "";
    uint8_t buf[8];
    unsigned n = 0;

    if (*text) {
        n += id_designator(p, ASCII, VENDOR, text, (unsigned)MIN(strlen(text), SD_TEXT - 4));
    }
    if (s->wwn) {
        put_be64(buf, s->wwn);
        n += id_designator(p + n, BINARY, NAA, buf, 8);
    }
    if (s->port_wwn) {
        put_be64(buf, s->port_wwn);
        n += id_designator(p + n, PORT | BINARY, 0x80 | 0x10 | NAA, buf, 8);
    }
    if (s->port_index) {
        put_be32(buf, s->port_index);
        n += id_designator(p + n, PORT | BINARY, 0x80 | 0x10 | 4, buf, 4);
    }
    return n;
}

static uint32_t id_blocks(const ScsiDisk *s, uint64_t bytes)
{
    return (uint32_t)min_u64(bytes / sd_block(s), UINT32_MAX);
}

static unsigned id_page_limits(const ScsiDisk *s, uint8_t *p)
{
    uint32_t unmap = id_blocks(s, s->max_unmap_size);

    p[0] = 1; /* WSNZ */
    put_be16(p + 2, (uint16_t)MIN(id_blocks(s, s->min_io_size), UINT16_MAX));
    put_be32(p + 4, id_blocks(s, s->max_io_size));
    put_be32(p + 8, id_blocks(s, s->opt_io_size));
    put_be64(p + 32, unmap); /* of WRITE SAME */
    if (s->discard_granularity) {
        put_be32(p + 16, unmap);
        put_be32(p + 20, SD_UNMAP_DESCRIPTORS);
        put_be32(p + 24, MAX(id_blocks(s, s->discard_granularity), 1));
        put_be32(p + 28, 0x80000000); /* aligned from the first block on */
    }
    return 60;
}

static unsigned id_page_list(const ScsiDisk *s, uint8_t *p)
{
    unsigned n = 0;

    p[n++] = 0x00;
    if (s->serial) {
        p[n++] = 0x80;
    }
    p[n++] = 0x83;
    if (!sd_is_cd(s)) {
        p[n++] = 0xb0;
        p[n++] = 0xb1;
        p[n++] = 0xb2;
    }
    return n;
}

static bool id_has_page(const ScsiDisk *s, uint8_t page)
{
    uint8_t list[8];

    return memchr(list, page, id_page_list(s, list)) != NULL;
}

static unsigned id_page(const ScsiDisk *s, uint8_t page, uint8_t *p)
{
    switch (page) {
    case 0x00:
        return id_page_list(s, p);
    case 0x80:
        memcpy(p, s->serial, strlen(s->serial));
        return (unsigned)strlen(s->serial);
    case 0x83:
        return id_page_devices(s, p);
    case 0xb0:
        return id_page_limits(s, p);
    case 0xb1:
        put_be16(p, s->rotation_rate);
        return 60;
    default: /* 0xb2: UNMAP, WRITE SAME of 16 and 10 bytes */
        p[1] = s->discard_granularity ? 0xe0 : 0;
        p[2] = s->discard_granularity ? 2 : 0; /* thin */
        return 4;
    }
}

static void id_standard(const ScsiDisk *s, uint8_t *p)
{
    const char *product = s->product ? s->product : sd_is_cd(s) ? "QEMU CD-ROM" : "QEMU HARDDISK";

    p[1] = sd_is_removable(s) ? 0x80 : 0;
    p[2] = (uint8_t)s->scsi_version;
    p[3] = 0x12; /* HISUP, format 2 */
    p[4] = 36 - 5;
    p[7] = 0x02; /* CMDQUE */
    id_text(p + 8, s->vendor ? s->vendor : "QEMU", 8);
    id_text(p + 16, product, 16);
    id_text(p + 32, s->ver ? s->ver : "2.5+", 4);
}

void sd_inquiry(ScsiRequest *r, ScsiDisk *s)
{
    uint8_t buf[SD_DATA_MAX] = { 0 };
    uint8_t page = r->cdb[2];
    unsigned n = 36;

    if (r->cdb[1] & 2 || (!(r->cdb[1] & 1) && page) || (r->cdb[1] & 1 && !id_has_page(s, page))) {
        scsi_end_sense(r, SENSE_INVALID_FIELD);
        return;
    }
    buf[0] = scsi_type(&s->s)->peripheral;
    if (r->cdb[1] & 1) {
        buf[1] = page;
        n = id_page(s, page, buf + 4);
        put_be16(buf + 2, (uint16_t)n);
        n += 4;
    } else {
        id_standard(s, buf);
    }
    scsi_end_data(r, buf, n);
}

/* ---- Mode pages ---- */

enum { PAGE_ERRORS = 0x01, PAGE_GEOMETRY = 0x04, PAGE_CACHING = 0x08, PAGE_CONTROL = 0x0a };
enum { PAGE_AUDIO = 0x0e, PAGE_CAPABILITIES = 0x2a, PAGE_ALL = 0x3f };
enum { CONTROL_CURRENT, CONTROL_CHANGEABLE, CONTROL_DEFAULT, CONTROL_SAVED };
enum { CACHING_WCE = 4 };

static const uint8_t mode_pages[] = { PAGE_ERRORS,  PAGE_GEOMETRY, PAGE_CACHING,
                                      PAGE_CONTROL, PAGE_AUDIO,    PAGE_CAPABILITIES };

/* MMC-6 (of earlier issues), "MM Capabilities and Mechanical Status". */
static unsigned mode_capabilities(const ScsiDisk *s, uint8_t *p)
{
    p[0] = 0x3b; /* reads CD-R, CD-RW, DVD-ROM, DVD-R, DVD-RAM */
    p[2] = 0x7f; /* audio, composite, digital ports, mode 2 forms 1 and 2, sessions */
    p[3] = 0xff; /* CD-DA, accurate, R-W, C2, ISRC, UPC, bar code */
    p[4] = (uint8_t)(0x2d | (s->tray_locked ? 2 : 0)); /* a tray that is ejected and locked */
    put_be16(p + 6, 50 * 176);
    put_be16(p + 8, 2);
    put_be16(p + 10, 2048);
    put_be16(p + 12, 16 * 176);
    put_be16(p + 16, 16 * 176);
    put_be16(p + 18, 16 * 176);
    return 20;
}

static unsigned mode_geometry(const ScsiDisk *s, uint8_t *p)
{
    uint64_t cylinders = min_u64(s->blocks / (16 * 63), 0xffffff);

    put_be32(p, (uint32_t)cylinders << 8 | 16);
    put_be16(p + 18, s->rotation_rate > 1 ? s->rotation_rate : 5400);
    return 22;
}

/* What is behind the two bytes of head; 0: there is no such page. */
static unsigned mode_page(const ScsiDisk *s, uint8_t page, unsigned control, uint8_t *p)
{
    bool fixed = control != CONTROL_CHANGEABLE, cd = sd_is_cd(s);

    switch (page) {
    case PAGE_ERRORS:
        p[0] = !fixed ? 0 : cd ? 0x00 : 0x80; /* AWRE */
        p[1] = fixed && cd ? 0x20 : 0;        /* retries */
        return cd ? 10 : 10;
    case PAGE_GEOMETRY:
        return cd ? 0 : fixed ? mode_geometry(s, p) : 22;
    case PAGE_CACHING:
        p[0] = !fixed || (control == CONTROL_DEFAULT ? s->write_cache_on : s->write_cache)
                   ? CACHING_WCE
                   : 0;
        return cd ? 0 : 18;
    case PAGE_CONTROL:
        p[1] = fixed ? 0x10 : 0; /* commands are reordered */
        return cd ? 0 : 10;
    case PAGE_AUDIO:
        return cd ? 14 : 0;
    case PAGE_CAPABILITIES:
        return !cd ? 0 : fixed ? mode_capabilities(s, p) : 20;
    default:
        return 0;
    }
}

static unsigned mode_add(const ScsiDisk *s, uint8_t page, unsigned control, uint8_t *p)
{
    unsigned n = mode_page(s, page, control, p + 2);

    if (!n) {
        return 0;
    }
    p[0] = page;
    p[1] = (uint8_t)n;
    return n + 2;
}

/* The descriptor of blocks: of 8 bytes, or (LLBAA) of 16. */
static unsigned mode_descriptor(const ScsiDisk *s, bool is_long, uint8_t *p)
{
    if (is_long) {
        put_be64(p, s->blocks);
        put_be32(p + 12, sd_block(s));
        return 16;
    }
    put_be32(p, (uint32_t)min_u64(s->blocks, UINT32_MAX));
    put_be32(p + 4, sd_block(s));
    return 8;
}

void sd_mode_sense(ScsiRequest *r, ScsiDisk *s)
{
    bool ten = r->cdb[0] == SCSI_MODE_SENSE_10, cd = sd_is_cd(s);
    uint8_t page = r->cdb[2] & 0x3f, control = r->cdb[2] >> 6, buf[SD_DATA_MAX] = { 0 };
    unsigned head = ten ? 8 : 4, n = head, pages = 0;
    uint8_t flags = cd ? 0 : (uint8_t)((s->read_only ? 0x80 : 0) | (s->dpofua ? 0x10 : 0));

    if (control == CONTROL_SAVED) {
        scsi_end_sense(r, SENSE_SAVING_UNSUPPORTED);
        return;
    }
    if (r->cdb[3] && r->cdb[3] != 0xff) { /* there are no subpages */
        scsi_end_sense(r, SENSE_INVALID_FIELD);
        return;
    }
    if (!(r->cdb[1] & 8) && !cd) {
        n += mode_descriptor(s, ten && r->cdb[1] & 0x10, buf + n);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(mode_pages); i++) {
        if (page == PAGE_ALL || page == mode_pages[i]) {
            unsigned len = mode_add(s, mode_pages[i], control, buf + n);

            n += len;
            pages += len > 0;
        }
    }
    if (!pages) {
        scsi_end_sense(r, SENSE_INVALID_FIELD);
        return;
    }
    if (ten) {
        unsigned block = cd || r->cdb[1] & 8 ? 0 : r->cdb[1] & 0x10 ? 16 : 8;

        put_be16(buf, (uint16_t)(n - 2));
        buf[3] = flags;
        buf[4] = block == 16;
        put_be16(buf + 6, (uint16_t)block);
    } else {
        buf[0] = (uint8_t)(n - 1);
        buf[2] = flags;
        buf[3] = cd || r->cdb[1] & 8 ? 0 : 8;
    }
    scsi_end_data(r, buf, n);
}

/* A page as it is to be: only what is changeable may be another. */
static ScsiSense mode_take_page(ScsiDisk *s, const uint8_t *p, unsigned len, bool apply)
{
    uint8_t now[64] = { 0 }, mask[64] = { 0 };
    unsigned n = mode_page(s, p[0] & 0x3f, CONTROL_CURRENT, now);

    if (p[0] & 0x40 || !n) {
        return SENSE_INVALID_PARAMETER;
    }
    if (p[1] != n || n + 2 > len) {
        return SENSE_PARAMETER_LENGTH;
    }
    mode_page(s, p[0] & 0x3f, CONTROL_CHANGEABLE, mask);
    for (unsigned i = 0; i < n; i++) {
        if ((p[2 + i] ^ now[i]) & ~mask[i]) {
            return SENSE_INVALID_PARAMETER;
        }
    }
    if (apply && (p[0] & 0x3f) == PAGE_CACHING) {
        s->write_cache = (p[2] & CACHING_WCE) != 0;
    }
    return SENSE_NONE;
}

/* Looked at as a whole before anything changes. */
static ScsiSense mode_take(ScsiDisk *s, const uint8_t *p, unsigned len, bool apply)
{
    while (len) {
        ScsiSense sense = len < 2 ? SENSE_PARAMETER_LENGTH : mode_take_page(s, p, len, apply);

        if (sense) {
            return sense;
        }
        len -= p[1] + 2u;
        p += p[1] + 2u;
    }
    return SENSE_NONE;
}

static void mode_selected(void *opaque, int result)
{
    ScsiRequest *r = opaque;
    ScsiBus *bus = r->bus;

    if (scsi_resume(r)) {
        scsi_end(r, SCSI_GOOD);
        scsi_leave(bus);
    }
}

void sd_mode_select(ScsiRequest *r, ScsiDisk *s)
{
    bool ten = r->cdb[0] == SCSI_MODE_SELECT_10, cached = s->write_cache;
    uint8_t buf[SD_DATA_MAX];
    unsigned len = (unsigned)scsi_data_out(r, buf, min_u64(r->xfer, sizeof(buf)));
    unsigned head = ten ? 8 : 4, block;
    ScsiSense sense;

    if (!r->xfer) {
        scsi_end(r, SCSI_GOOD);
        return;
    }
    if ((r->cdb[1] & 0x11) != 0x10) { /* pages by the standard, not to be saved */
        scsi_end_sense(r, SENSE_INVALID_FIELD);
        return;
    }
    block = len < head ? 0 : ten ? get_be16(buf + 6) : buf[3];
    if (len < head || block > len - head || r->xfer > sizeof(buf)) {
        scsi_end_sense(r, SENSE_PARAMETER_LENGTH);
        return;
    }
    /* Blocks keep their size. */
    if (block && (block != 8 || (ten && buf[4] & 1) ||
                  (get_be32(buf + head + 4) & 0xffffff) != sd_block(s))) {
        scsi_end_sense(r, SENSE_INVALID_PARAMETER);
        return;
    }
    head += block;
    sense = mode_take(s, buf + head, len - head, false);
    if (sense) {
        scsi_end_sense(r, sense);
        return;
    }
    mode_take(s, buf + head, len - head, true);
    r->done = len;
    if (cached && !s->write_cache && !sd_medium(s)) {
        block_flush(s->disk, mode_selected, r);
        return;
    }
    scsi_end(r, SCSI_GOOD);
}
