/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usb-storage: a SCSI disk behind bulk endpoints; usb-bot: the same for units of -device scsi-*.
 * Spec: "USB Mass Storage Class, Bulk-Only Transport" 1.0, called BOT here.
 */
#include "hw/scsi/scsi.h"
#include "hw/usb/usb.h"
#include "util/bytes.h"

enum {
    CBW_SIZE = 31,
    CSW_SIZE = 13,
    CBW_CDB = 15,
    CDB_MAX = 16,
    LUN_MAX = 15,
    DATA_MAX = 16 << 20,
    BOT_IN = 1,
    BOT_OUT = 2,
    BOT_RESET = 0xff,
    BOT_GET_MAX_LUN = 0xfe,
    CSW_PASSED = 0,
    CSW_FAILED = 1,
    CSW_PHASE = 2,
};

#define CBW_SIGNATURE 0x43425355
#define CSW_SIGNATURE 0x53425355

typedef enum BotPhase { BOT_COMMAND, BOT_DATA_OUT, BOT_DATA_IN, BOT_STATUS } BotPhase;

typedef struct UsbStorage {
    UsbDevice usb;
    ScsiBus bus;
    bool made; /* the bus is there */
    /* state; between packets alone when a request is not under way */
    uint8_t phase, status, stuck, lun, cdb_len;
    uint8_t held; /* the command waits, by an error of the disk's, for the machine to go on */
    uint8_t cdb[CDB_MAX];
    uint32_t tag, length, moved, residue; /* bytes: of the data phase, moved of them, not valid */
    uint8_t *buf;
    uint32_t buf_len;  /* what the CDB asks for; of data in what the unit has given */
    ScsiRequest *req;  /* under way */
    UsbPacket *packet; /* waits for it */
} UsbStorage;

static UsbStorage *bot_of(UsbDevice *u)
{
    return device_as(&u->dev, UsbStorage);
}

static UsbStorage *bot_of_bus(ScsiBus *bus)
{
    return device_as(bus->dev, UsbStorage);
}

/* ---- Commands ---- */

static void bot_drop_buffer(UsbStorage *s)
{
    g_clear_pointer(&s->buf, g_free);
    s->buf_len = 0;
}

static UsbStatus bot_in(UsbStorage *s, UsbPacket *p);

/* The unit is done: a packet that has waited for it goes on. */
static void bot_go_on(UsbStorage *s)
{
    UsbPacket *p = s->packet;

    s->packet = NULL;
    if (p) {
        usb_complete(p, bot_in(s, p));
    }
}

static void bot_complete(ScsiRequest *r)
{
    UsbStorage *s = bot_of_bus(r->bus);

    if (r != s->req) {
        scsi_request_unref(r);
        return;
    }
    s->req = NULL;
    s->status = r->status == SCSI_GOOD ? CSW_PASSED : CSW_FAILED;
    s->residue = s->length - (uint32_t)MIN(r->done, s->length);
    if (s->phase == BOT_DATA_IN) {
        s->buf_len = (uint32_t)MIN(r->done, s->buf_len);
    }
    scsi_request_unref(r);
    bot_go_on(s);
}

/* The command's bytes and data are state already. */
static void bot_hold(ScsiRequest *r)
{
    UsbStorage *s = bot_of_bus(r->bus);

    if (r == s->req) {
        s->req = NULL;
        s->held = 1;
    }
    scsi_request_unref(r);
}

static void bot_cancelled(ScsiRequest *r)
{
    UsbStorage *s = bot_of_bus(r->bus);

    s->req = r == s->req ? NULL : s->req;
    scsi_request_unref(r);
}

static void bot_enter(ScsiBus *bus) NO_LOCK_ANALYSIS
{
    /* On no bus there is nobody else. */
    if (!usb_enter(&bot_of_bus(bus)->usb)) {
        return;
    }
}

static void bot_leave(ScsiBus *bus) NO_LOCK_ANALYSIS
{
    UsbStorage *s = bot_of_bus(bus);

    if (s->usb.port) {
        usb_leave(&s->usb);
    }
}

/* All that the command needs is in s->buf, or room for what it gives. */
static void bot_submit(UsbStorage *s)
{
    struct iovec iov = { s->buf, s->buf_len };
    ScsiRequest *r = scsi_request_new(&s->bus, 0, 0, s->lun, s->tag, s->cdb, s->cdb_len, s);
    bool in = s->phase == BOT_DATA_IN;

    if (!r) {
        s->status = CSW_FAILED;
        s->residue = s->length;
        s->buf_len = 0;
        return;
    }
    scsi_request_data(r, &iov, in || !s->buf_len ? 0 : 1, &iov, in && s->buf_len ? 1 : 0);
    s->req = r;
    scsi_request_submit(r);
}

static void bot_resumed(ScsiBus *bus)
{
    UsbStorage *s = bot_of_bus(bus);

    if (s->held) {
        s->held = 0;
        bot_submit(s);
        if (!s->req) {
            bot_go_on(s);
        }
    }
}

static const ScsiBusOps bot_ops = {
    .complete = bot_complete,
    .cancelled = bot_cancelled,
    .hold = bot_hold,
    .resumed = bot_resumed,
    .enter = bot_enter,
    .leave = bot_leave,
};

/* What a command will move, as the unit understands it; BOT "6.7 The Thirteen Cases". */
static void bot_begin(UsbStorage *s, bool in)
{
    ScsiRequest *r = scsi_request_new(&s->bus, 0, 0, s->lun, s->tag, s->cdb, s->cdb_len, s);
    ScsiDirection way = r ? r->direction : SCSI_DATA_NONE;
    uint64_t want = r && way != SCSI_DATA_NONE ? r->xfer : 0;

    if (r) {
        scsi_request_unref(r);
    }
    s->phase = !s->length ? BOT_STATUS : in ? BOT_DATA_IN : BOT_DATA_OUT;
    s->moved = 0;
    s->residue = s->length;
    s->status = CSW_PASSED;
    if (want > DATA_MAX || (want > s->length) || (want && (way == SCSI_DATA_IN) != in)) {
        s->status =
            CSW_PHASE; /* the host expects less than, or other than, what the unit will do */
        return;
    }
    s->buf_len = (uint32_t)want;
    s->buf = g_malloc0(want + 1);
    if (s->phase != BOT_DATA_OUT || !want) {
        bot_submit(s);
    }
}

/* BOT "5.1 Command Block Wrapper" */
static UsbStatus bot_command(UsbStorage *s, UsbPacket *p)
{
    const uint8_t *b = p->buf;

    if (p->len != CBW_SIZE || get_le32(b) != CBW_SIGNATURE || b[13] > LUN_MAX || !b[14] ||
        b[14] > CDB_MAX) {
        s->stuck = 1;
        return USB_STALL;
    }
    bot_drop_buffer(s);
    s->tag = get_le32(b + 4);
    s->length = get_le32(b + 8);
    s->lun = b[13];
    s->cdb_len = b[14];
    memcpy(s->cdb, b + CBW_CDB, CDB_MAX);
    p->actual = p->len;
    bot_begin(s, b[12] & USB_DIR_IN);
    return USB_OK;
}

static UsbStatus bot_out(UsbStorage *s, UsbPacket *p)
{
    uint32_t n = MIN(p->len, s->length - s->moved), room;

    if (s->phase == BOT_COMMAND) {
        return bot_command(s, p);
    }
    if (s->phase != BOT_DATA_OUT || p->len > n) {
        s->stuck = 1;
        return USB_STALL;
    }
    room = s->buf && s->moved < s->buf_len ? s->buf_len - s->moved : 0;
    memcpy(room ? s->buf + s->moved : p->buf, p->buf, MIN(room, n));
    p->actual = n;
    s->moved += n;
    if (s->moved == s->length) {
        s->phase = BOT_STATUS;
        if (s->buf_len && s->status == CSW_PASSED) {
            bot_submit(s);
        }
    }
    return USB_OK;
}

/* BOT "5.2 Command Status Wrapper" */
static UsbStatus bot_status(UsbStorage *s, UsbPacket *p)
{
    uint8_t b[CSW_SIZE];

    if (p->len < CSW_SIZE) {
        return USB_BABBLE;
    }
    put_le32(b, CSW_SIGNATURE);
    put_le32(b + 4, s->tag);
    put_le32(b + 8, s->residue);
    b[12] = s->status;
    s->phase = BOT_COMMAND;
    bot_drop_buffer(s);
    return usb_answer(p, b, sizeof(b));
}

/* Less than was asked for ends the phase. */
static UsbStatus bot_in(UsbStorage *s, UsbPacket *p)
{
    uint32_t n;

    if (s->phase == BOT_COMMAND || s->phase == BOT_DATA_OUT) {
        s->stuck = 1;
        return USB_STALL;
    }
    if (s->req || s->held) {
        s->packet = p;
        return USB_ASYNC;
    }
    if (s->phase == BOT_STATUS) {
        return bot_status(s, p);
    }
    n = s->moved < s->buf_len ? MIN(p->len, s->buf_len - s->moved) : 0;
    if (n) {
        memcpy(p->buf, s->buf + s->moved, n);
    }
    p->actual = n;
    s->moved += n;
    if (n < p->len || s->moved >= s->length) {
        s->phase = BOT_STATUS;
    }
    return USB_OK;
}

static UsbStatus bot_data(UsbDevice *u, UsbPacket *p)
{
    UsbStorage *s = bot_of(u);

    if (s->stuck || s->packet) {
        return USB_STALL;
    }
    if (p->pid == USB_PID_OUT && p->ep == BOT_OUT) {
        return bot_out(s, p);
    }
    return p->pid == USB_PID_IN && p->ep == BOT_IN ? bot_in(s, p) : USB_STALL;
}

static void bot_cancel(UsbDevice *u, UsbPacket *p)
{
    UsbStorage *s = bot_of(u);

    s->packet = s->packet == p ? NULL : s->packet;
}

/* BOT "3.1 Bulk-Only Mass Storage Reset" */
static void bot_reset(UsbDevice *u)
{
    UsbStorage *s = bot_of(u);

    if (s->made && s->req) {
        scsi_abort_bus(&s->bus);
    }
    s->phase = BOT_COMMAND;
    s->stuck = s->status = s->held = 0;
    s->length = s->moved = s->residue = 0;
    bot_drop_buffer(s);
}

static UsbStatus bot_control(UsbDevice *u, UsbPacket *p)
{
    UsbStorage *s = bot_of(u);
    uint8_t last = 0;

    switch (usb_request(p)) {
    case (USB_TYPE_CLASS | USB_TO_INTERFACE) << 8 | BOT_RESET:
        bot_reset(u);
        return USB_OK;
    case (USB_DIR_IN | USB_TYPE_CLASS | USB_TO_INTERFACE) << 8 | BOT_GET_MAX_LUN:
        for (uint8_t lun = 1; lun <= LUN_MAX; lun++) {
            last = scsi_find(&s->bus, 0, 0, lun) ? lun : last;
        }
        return usb_answer(p, &last, 1);
    default:
        return USB_STALL;
    }
}

/* ---- Life ---- */

static void bot_drain(UsbDevice *u)
{
    UsbStorage *s = bot_of(u);

    scsi_bus_drain(&s->bus);
    scsi_bus_hold(&s->bus);
}

static bool bot_make_unit(UsbStorage *s, GError **err)
{
    Device *unit = s->usb.dev.type->inner ? s->usb.dev.first_child : NULL;
    ScsiDevice *d = unit ? device_as(unit, ScsiDevice) : NULL;

    if (!d) {
        return true;
    }
    d->bus = &s->bus;
    d->scsi_id = d->lun = 0;
    return device_realize(unit, err);
}

static bool bot_start(Device *dev, GError **err)
{
    UsbStorage *s = device_as(dev, UsbStorage);
    ScsiBusInfo info = { .max_lun = LUN_MAX, .private = dev->type->inner != NULL };

    if (!usb_plug(&s->usb, err)) {
        return false;
    }
    s->made = scsi_bus_init(&s->bus, dev, dev->id, &bot_ops, &info, err);
    if (s->made && bot_make_unit(s, err)) {
        return true;
    }
    if (s->made) {
        scsi_bus_deinit(&s->bus);
        s->made = false;
    }
    usb_unplug(&s->usb);
    return false;
}

static void bot_stop(Device *dev)
{
    UsbStorage *s = device_as(dev, UsbStorage);

    scsi_bus_deinit(&s->bus);
    s->made = false;
}

static bool bot_loaded(Device *dev, GError **err)
{
    UsbStorage *s = device_as(dev, UsbStorage);

    if (s->cdb_len > CDB_MAX || s->moved > s->length || (s->held && s->phase == BOT_COMMAND)) {
        return error_set(err, "%s: its command does not hold together", device_path(dev));
    }
    return true;
}

static const Field bot_fields[] = {
    SCRATCH(UsbStorage, bus),
    SCRATCH(UsbStorage, made),
    STATE_U8(UsbStorage, phase, .max = BOT_STATUS),
    STATE_U8(UsbStorage, status, .max = CSW_PHASE),
    STATE_U8(UsbStorage, stuck, .max = 1),
    STATE_U8(UsbStorage, held, .max = 1),
    { "command-lun", FIELD_STATE, TYPE_U8, FIELD_AT(UsbStorage, lun, 1), .max = LUN_MAX },
    STATE_U8(UsbStorage, cdb_len, .max = CDB_MAX),
    STATE_ARRAY(UsbStorage, cdb),
    STATE_U32(UsbStorage, tag),
    STATE_U32(UsbStorage, length),
    STATE_U32(UsbStorage, moved),
    STATE_U32(UsbStorage, residue),
    STATE_BYTES(UsbStorage, buf, buf_len, DATA_MAX),
    SCRATCH(UsbStorage, req),
    SCRATCH(UsbStorage, packet),
};

static const UsbEndpointDesc bot_endpoints[] = {
    { USB_DIR_IN | BOT_IN, USB_ATTR_BULK, { 0, 64, 512, 1024 }, { 0 }, 15 },
    { BOT_OUT, USB_ATTR_BULK, { 0, 64, 512, 1024 }, { 0 }, 15 },
};

static const UsbInterfaceDesc bot_interface = {
    .class_code = 8,
    .subclass = 6,
    .protocol = 0x50,
    .endpoints = bot_endpoints,
    .n_endpoints = 2,
};

static const char *const bot_strings[] = { "QEMU", "QEMU USB HARDDRIVE", "1" };

static const UsbDesc bot_desc = {
    .vendor = 0x46f4,
    .product = 0x0001,
    .manufacturer_str = 1,
    .product_str = 2,
    .serial_str = 3,
    .strings = bot_strings,
    .n_strings = ARRAY_SIZE(bot_strings),
    .max_packet0 = { [USB_FULL] = 8, [USB_HIGH] = 64, [USB_SUPER] = 9 },
    .config_attr = USB_CONFIG_SELF,
    .interfaces = &bot_interface,
    .n_interfaces = 1,
};

static const UsbType bot_type = {
    .desc = &bot_desc,
    .control = bot_control,
    .data = bot_data,
    .cancel = bot_cancel,
    .reset = bot_reset,
    .drain = bot_drain,
};

const DeviceType device_usb_storage = {
    .name = "usb-storage",
    .doc = "USB disk",
    .base = &device_usb,
    .size = sizeof(UsbStorage),
    .fields = TABLE(bot_fields),
    .user_creatable = true,
    .inner = &device_scsi_hd,
    .start = bot_start,
    .stop = bot_stop,
    .loaded = bot_loaded,
    .extra = &bot_type,
};

const DeviceType device_usb_bot = {
    .name = "usb-bot",
    .doc = "USB storage with a SCSI bus for scsi-hd and scsi-cd",
    .base = &device_usb,
    .size = sizeof(UsbStorage),
    .fields = TABLE(bot_fields),
    .user_creatable = true,
    .start = bot_start,
    .stop = bot_stop,
    .loaded = bot_loaded,
    .extra = &bot_type,
};
