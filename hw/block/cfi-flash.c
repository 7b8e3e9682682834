/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NOR flash with the Intel command set: a 32-bit bank of two 16-bit chips side by side, or one chip
 * of 8 bits (width=1) as PCs have it.
 * Spec: Common Flash Interface, JESD68.01; Intel StrataFlash J3 datasheet (commands, status).
 *
 * Content lies in a RamBlock, part of the machine's state. Operations end at once, so the status
 * always reads as ready. With a drive, what changes is written there behind the guest's back, a
 * run of pages at a time, and all of it before the machine stops or ends.
 */
#include "hw/block/cfi-flash.h"

#include "block/block.h"
#include "core/machine.h"
#include "util/bytes.h"

#include <errno.h>

enum {
    BLOCK_BYTES = 256 << 10, /* of the bank by default: 128 KiB a chip */
    BUFFER_WORDS = 1024,     /* of the bank's width each */
    QUERY_LEN = 0x36,
    STATUS_READY = 0x80,
    STATUS_ERASE_ERROR = 0x20,
    STATUS_PROGRAM_ERROR = 0x10,
    SAVE_PAGE = 4096,
    SAVE_RUN = 64, /* pages that one write takes at most */
    FLASH_MAX = 256 << 20,
};

enum { READ_ARRAY, READ_STATUS, READ_ID, READ_QUERY, READ_MODES };
enum { OP_NONE, OP_PROGRAM, OP_ERASE, OP_LOCK, OP_COUNT, OP_FILL, OP_CONFIRM, OPS };

typedef struct CfiFlash {
    Device dev;
    char *name;
    uint64_t size;
    uint32_t width;       /* property: bytes of the bank, 4 or 1 */
    bool big_endian;      /* property: the CPU's, whose words the bank takes as they are */
    uint64_t block_bytes; /* property: what an erase takes */
    BlockBackend *drive;  /* NULL: the content is kept nowhere */
    RamBlock *ram;
    uint64_t unsaved[FLASH_MAX / SAVE_PAGE / 64]; /* a bit each page */
    uint8_t *saving;                              /* the copy that is being written */
    bool save_failed;
    uint8_t mode, op, status;
    uint32_t n_left, n_filled; /* words of the write buffer */
    uint32_t buffer[BUFFER_WORDS];
    uint32_t buffer_at[BUFFER_WORDS]; /* where each goes, in words */
} CfiFlash;

/* ---- the drive ---- */

static void cfi_saved(void *opaque, int result);

/* Write the next pages that have changed. Context: the device's lock, nothing is being written. */
static void cfi_save_some(CfiFlash *s)
{
    uint64_t n_pages = s->size / SAVE_PAGE, first, n = 0;
    struct iovec iov;

    for (first = 0; first < n_pages && !(s->unsaved[first / 64] >> first % 64 & 1); first++) {
        if (!s->unsaved[first / 64]) {
            first |= 63; /* none of these */
        }
    }
    for (; n < SAVE_RUN && first + n < n_pages; n++) {
        uint64_t *word = &s->unsaved[(first + n) / 64], bit = 1ull << (first + n) % 64;

        if (!(*word & bit)) {
            break;
        }
        *word &= ~bit;
    }
    if (n) {
        s->saving = g_memdup2(s->ram->host + first * SAVE_PAGE, n * SAVE_PAGE);
        iov = (struct iovec){ s->saving, n * SAVE_PAGE };
        block_write(s->drive, first * SAVE_PAGE, &iov, 1, cfi_saved, s);
    }
}

static void cfi_saved(void *opaque, int result)
{
    CfiFlash *s = opaque;

    device_enter(&s->dev);
    g_clear_pointer(&s->saving, g_free);
    if (result && !s->save_failed) {
        s->save_failed = true;
        log_message(machine_log(s->dev.machine), LOG_LEVEL_WARN, "flash",
                    "%s: what the guest has written could not be saved: %s", block_path(s->drive),
                    g_strerror(-result));
    }
    cfi_save_some(s);
    device_leave(&s->dev);
}

/* The bytes have changed. */
static void cfi_changed(CfiFlash *s, uint64_t off, uint64_t len)
{
    ram_wrote(s->ram, off, len);
    if (!s->drive || block_is_read_only(s->drive)) {
        return;
    }
    for (uint64_t page = off / SAVE_PAGE; page <= (off + len - 1) / SAVE_PAGE; page++) {
        s->unsaved[page / 64] |= 1ull << page % 64;
    }
    if (!s->saving) {
        cfi_save_some(s);
    }
}

/* Until all is in the drive. Context: the main loop's thread, no lock. */
static void cfi_save_all(CfiFlash *s)
{
    while (s->drive && block_in_flight(s->drive)) {
        block_drain(s->drive); /* each end begins the next */
    }
}

static void cfi_machine_event(void *opaque, const MachineEvent *event)
{
    if (event->kind == EVENT_STOP) {
        cfi_save_all(opaque);
    }
}

/* ---- the chips ---- */

void cfi_flash_load(Device *dev, const void *data, uint64_t len)
{
    CfiFlash *s = device_as(dev, CfiFlash);

    CHECK(len <= s->size);
    ram_fill(s->ram, 0xff);
    memcpy(s->ram->host, data, len);
    ram_wrote(s->ram, 0, s->size);
}

const void *cfi_flash_content(Device *dev)
{
    return device_as(dev, CfiFlash)->ram->host;
}

/* The same byte from both chips, in the low half of each one's 16 bits; or from the one. */
static uint32_t cfi_both(const CfiFlash *s, uint32_t v)
{
    return s->width == 1 ? v * 0x01010101 : v | v << 16;
}

/* One chip's query table by word address. */
static uint8_t cfi_query(const CfiFlash *s, unsigned i)
{
    static const uint8_t table[QUERY_LEN] = {
        [0x10] = 'Q', 'R', 'Y', 1,   0,   0x31, 0, [0x1b] = 0x45, 0x55, 0, 0, /* supply */
        [0x1f] = 7,   7,   10,  0,   4,   4,    4, /* typical times, and how much longer at most, as
                                                      powers */
        [0x28] = 1,   0,   11,  0,   1,            /* x16; buffer of 2^11 bytes; one erase region */
        [0x31] = 'P', 'R', 'I', '1', '0',
    };

    uint64_t chips = s->width == 1 ? 1 : 2, blocks = s->size / s->block_bytes - 1;

    switch (i) {
    case 0x27: /* log2 of a chip's size, or of what it is a part of */
        return (uint8_t)(64 - __builtin_clzll(s->size / chips - 1));
    case 0x28:
        return s->width == 1 ? 0 : table[i]; /* x8 */
    case 0x2a:
        return s->width == 1 ? 10 : table[i];
    case 0x2d:
        return (uint8_t)blocks;
    case 0x2e:
        return (uint8_t)(blocks >> 8);
    case 0x2f: /* 256 bytes each */
        return (uint8_t)(s->block_bytes / chips >> 8);
    case 0x30:
        return (uint8_t)(s->block_bytes / chips >> 16);
    default:
        return i < QUERY_LEN ? table[i] : 0;
    }
}

static MemResult cfi_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    CfiFlash *s = device_as(dev, CfiFlash);
    uint32_t word;

    switch (s->mode) {
    case READ_STATUS:
        word = cfi_both(s, s->status | STATUS_READY);
        break;
    case READ_ID: /* Intel, 28F256J3; blocks are not locked */
        word = off / s->width % 0x10000;
        word = cfi_both(s, word == 0 ? 0x89 : word == 1 ? 0x1d : 0);
        break;
    case READ_QUERY:
        word = cfi_both(s, cfi_query(s, (unsigned)(off / s->width)));
        break;
    default:
        *val = get_le(s->ram->host + off, size);
        return MEM_OK;
    }
    word = s->big_endian ? GUINT32_SWAP_LE_BE(word) : word;
    *val = word >> (off % 4 * 8);
    return MEM_OK;
}

/* Programming only clears bits. @at in words of the bank. */
static void cfi_program(CfiFlash *s, uint32_t at, uint32_t val)
{
    uint64_t off = (uint64_t)at * s->width;
    uint8_t *p = s->ram->host + off;

    val = s->big_endian ? GUINT32_SWAP_LE_BE(val) : val;
    put_le(p, s->width, get_le(p, s->width) & val);
    cfi_changed(s, off, s->width);
}

static void cfi_erase(CfiFlash *s, uint64_t off)
{
    off = bits_align_down(off, s->block_bytes);
    memset(s->ram->host + off, 0xff, s->block_bytes);
    cfi_changed(s, off, s->block_bytes);
}

static void cfi_command(CfiFlash *s, uint8_t cmd)
{
    static const struct {
        uint8_t cmd, mode, op;
    } commands[] = {
        { 0xff, READ_ARRAY, OP_NONE },     { 0x00, READ_ARRAY, OP_NONE },
        { 0xf0, READ_ARRAY, OP_NONE },     { 0x70, READ_STATUS, OP_NONE },
        { 0x90, READ_ID, OP_NONE },        { 0x98, READ_QUERY, OP_NONE },
        { 0x10, READ_STATUS, OP_PROGRAM }, { 0x40, READ_STATUS, OP_PROGRAM },
        { 0x20, READ_STATUS, OP_ERASE },   { 0x60, READ_STATUS, OP_LOCK },
        { 0xe8, READ_STATUS, OP_COUNT },   { 0x50, READ_ARRAY, OP_NONE },
    };

    if (cmd == 0x50) {
        s->status = 0;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(commands); i++) {
        if (commands[i].cmd == cmd) {
            s->mode = commands[i].mode;
            s->op = commands[i].op;
            return;
        }
    }
    guest_error(&s->dev, "unknown command 0x%02x", cmd);
    s->mode = READ_ARRAY;
}

static void cfi_step(CfiFlash *s, uint64_t off, uint32_t val)
{
    unsigned op = s->op;

    s->op = OP_NONE;
    switch (op) {
    case OP_PROGRAM:
        cfi_program(s, (uint32_t)(off / s->width), val);
        break;
    case OP_ERASE:
        if ((val & 0xff) == 0xd0) {
            cfi_erase(s, off);
        } else {
            s->status |= STATUS_ERASE_ERROR | STATUS_PROGRAM_ERROR;
        }
        break;
    case OP_COUNT:
        s->n_left = (val & (s->width == 1 ? 0xff : 0xffff)) + 1;
        s->n_filled = 0;
        s->op = s->n_left <= BUFFER_WORDS ? OP_FILL : OP_NONE;
        break;
    case OP_FILL:
        s->buffer[s->n_filled] = val;
        s->buffer_at[s->n_filled++] = (uint32_t)(off / s->width);
        s->op = --s->n_left && s->n_filled < BUFFER_WORDS ? OP_FILL : OP_CONFIRM;
        break;
    case OP_CONFIRM:
        if ((val & 0xff) != 0xd0) {
            s->status |= STATUS_PROGRAM_ERROR;
            break;
        }
        for (unsigned i = 0; i < s->n_filled; i++) {
            cfi_program(s, s->buffer_at[i], s->buffer[i]);
        }
        break;
    default: /* OP_LOCK: blocks are never locked */
        break;
    }
}

static void cfi_remap(CfiFlash *s)
{
    region_set_romd(device_region(&s->dev, 0), s->ram, 0, s->mode == READ_ARRAY);
}

static MemResult cfi_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    CfiFlash *s = device_as(dev, CfiFlash);
    uint8_t mode = s->mode;
    /* the bank's word; of one chip alone the other one's bits are ones, so that they stay */
    uint32_t word = ~(uint32_t)((bits_mask(size * 8) & ~val) << (off % 4 * 8));

    word = s->big_endian ? GUINT32_SWAP_LE_BE(word) : word;
    if (s->op == OP_NONE) {
        cfi_command(s, (uint8_t)(s->big_endian && size > 1 ? val >> (size - 1) * 8 : val));
    } else if (s->width == 1) {
        for (unsigned op = s->op, i = 0; i < size && (i == 0 || op == OP_PROGRAM || s->op); i++) {
            s->op = op == OP_PROGRAM ? OP_PROGRAM : s->op; /* all that the access brings */
            cfi_step(s, off + i, (uint8_t)(val >> 8 * i));
        }
    } else {
        cfi_step(s, off, word);
    }
    if (s->mode != mode) {
        cfi_remap(s);
    }
    return MEM_OK;
}

static bool cfi_start(Device *dev, GError **err)
{
    CfiFlash *s = device_as(dev, CfiFlash);

    if (s->width == 1 && s->big_endian) {
        return error_set(err, "cfi.pflash01: big_endian is of a bank of 4 bytes (width=4)");
    }
    if (s->width != 1 && s->width != 4) {
        return error_set(err, "cfi.pflash01: width=%u: 1 (a chip of 8 bits) or 4 (two of 16)",
                         s->width);
    }
    if (!bits_is_pow2(s->block_bytes) || s->block_bytes < SAVE_PAGE || !s->size ||
        s->size % s->block_bytes) {
        return error_set(err, "cfi.pflash01: sector-length must be a power of two from 4 KiB, and "
                              "size a multiple of it");
    }
    if (s->width == 4 && !bits_is_pow2(s->size)) {
        return error_set(err, "cfi.pflash01: size must be a power of two from 256 KiB");
    }
    if (s->drive && !block_is_read_only(s->drive) && block_size(s->drive) != s->size) {
        return error_set(err,
                         "%s: has %" G_GUINT64_FORMAT " bytes and the flash bank %" G_GUINT64_FORMAT
                         ", so not all that the guest writes could be saved; make it that size "
                         "(truncate -s %" G_GUINT64_FORMAT "M), or give readonly=on",
                         block_path(s->drive), block_size(s->drive), s->size, s->size >> 20);
    }
    if (s->drive && !block_claim(s->drive, dev, err)) {
        return false;
    }
    s->ram = ram_new(dev->machine, s->name, s->size, RAM_ROM, err);
    if (!s->ram) {
        return false;
    }
    ram_fill(s->ram, 0xff);
    device_set_region_size(dev, 0, s->size);
    if (s->drive) {
        machine_listen(dev->machine, cfi_machine_event, s);
    }
    return true;
}

static void cfi_stop(Device *dev)
{
    CfiFlash *s = device_as(dev, CfiFlash);

    if (s->drive) {
        machine_unlisten(dev->machine, cfi_machine_event, s);
        cfi_save_all(s);
        block_release(s->drive, dev);
    }
}

static void cfi_reset(Device *dev, ResetType type)
{
    cfi_remap(device_as(dev, CfiFlash));
}

static bool cfi_loaded(Device *dev, GError **err)
{
    CfiFlash *s = device_as(dev, CfiFlash);

    for (unsigned i = 0; i < BUFFER_WORDS; i++) {
        if (s->buffer_at[i] >= s->size / s->width) {
            return error_set(err, "buffer_at[%u] lies outside of the flash", i);
        }
    }
    cfi_remap(s);
    cfi_changed(s, 0, s->size); /* the drive may hold something else */
    return true;
}

static const Field cfi_fields[] = {
    PROP_STR(CfiFlash, name, "flash", .doc = "of its memory, unique in the machine"),
    PROP_SIZE(CfiFlash, size, 64 << 20, .doc = "bytes of the bank", .max = FLASH_MAX),
    PROP_U32(CfiFlash, width, 4, .doc = "bytes of the bank: 4, or 1"),
    PROP_BOOL(CfiFlash, big_endian, false, .doc = "the CPU's words are the bank's"),
    { "sector-length", FIELD_PROP, TYPE_SIZE, FIELD_AT(CfiFlash, block_bytes, 8),
      .def = BLOCK_BYTES, .doc = "bytes that an erase takes" },
    PROP_BACKEND(CfiFlash, drive, "drive", .doc = "where the content is kept"),
    SCRATCH(CfiFlash, ram),
    SCRATCH(CfiFlash, unsaved),
    SCRATCH(CfiFlash, saving),
    SCRATCH(CfiFlash, save_failed),
    STATE_U8(CfiFlash, mode, .max = READ_MODES - 1),
    STATE_U8(CfiFlash, op, .max = OPS - 1),
    STATE_U8(CfiFlash, status),
    STATE_U32(CfiFlash, n_left, .max = BUFFER_WORDS),
    STATE_U32(CfiFlash, n_filled, .max = BUFFER_WORDS),
    STATE_ARRAY(CfiFlash, buffer),
    STATE_ARRAY(CfiFlash, buffer_at),
};

static const RegionType cfi_regions[] = {
    { .name = "flash", .read = cfi_read, .write = cfi_write, .access_max = 4 },
};

const DeviceType device_cfi_pflash01 = {
    .name = "cfi.pflash01",
    .doc = "NOR flash with the Intel command set",
    .size = sizeof(CfiFlash),
    .regions = cfi_regions,
    .n_regions = ARRAY_SIZE(cfi_regions),
    .fields = TABLE(cfi_fields),
    .start = cfi_start,
    .stop = cfi_stop,
    .reset = cfi_reset,
    .loaded = cfi_loaded,
};
