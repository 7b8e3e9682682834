/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usb-uas: SCSI units behind four bulk pipes, many commands at once. A high-speed device: the
 * pipes carry no streams, and READY information units say which command's data come next.
 * Spec: "USB Attached SCSI" (UAS) r04 and its USB transport by the USB-IF, called UAS here.
 */
#include "hw/scsi/scsi.h"
#include "hw/usb/usb.h"
#include "util/bytes.h"

enum {
    PIPE_COMMAND = 1,
    PIPE_STATUS = 2,
    PIPE_DATA_IN = 3,
    PIPE_DATA_OUT = 4,
    USB_DT_PIPE_USAGE = 0x24,
    /* "6.2 Information units" */
    IU_COMMAND = 1,
    IU_SENSE = 3,
    IU_RESPONSE = 4,
    IU_TASK = 5,
    IU_READ_READY = 6,
    IU_WRITE_READY = 7,
    IU_COMMAND_SIZE = 32,
    IU_TASK_SIZE = 16,
    IU_READY_SIZE = 4,
    IU_RESPONSE_SIZE = 8,
    IU_SENSE_HEAD = 16,
    IU_CDB = 16,
    CDB_MAX = 16,
    /* "6.2.5 RESPONSE IU" and "6.2.6 TASK MANAGEMENT IU" */
    RC_COMPLETE = 0,
    RC_INVALID_IU = 2,
    RC_NOT_SUPPORTED = 4,
    RC_INCORRECT_LUN = 9,
    RC_OVERLAPPED_TAG = 10,
    TASK_ABORT = 1,
    TASK_ABORT_SET = 2,
    TASK_RESET_LUN = 8,
    TASK_RESET_NEXUS = 0x10,
    LUN_MAX = 255,
    COMMANDS_MAX = 64,
    DATA_MAX = 16 << 20,
    ALL_DATA_MAX = 32 << 20,
    SAVED_HEAD = 32 + SCSI_SENSE_SIZE,
    SAVED_MAX = ALL_DATA_MAX + COMMANDS_MAX * SAVED_HEAD,
};

/* What becomes of a command, in this order; some states are left out. */
typedef enum UasPhase {
    UAS_WANTS_DATA, /* the host is to be told to send it */
    UAS_TAKES_DATA, /* it does */
    UAS_RUNS,       /* in the unit */
    UAS_HAS_DATA,   /* the host is to be told to fetch it */
    UAS_GIVES_DATA, /* it does */
    UAS_ENDS,       /* the host is to be told how it ended */
    UAS_PHASES,
} UasPhase;

typedef struct UasCommand {
    uint16_t tag;
    uint8_t phase, status, lun, cdb_len, is_response; /* is_response: `status` is a response's */
    bool held; /* UAS_RUNS: by an error of the disk's it waits for the machine to go on */
    uint8_t cdb[CDB_MAX];
    uint32_t len, at; /* of buf; moved through the pipe */
    uint32_t sense_len;
    uint8_t sense[SCSI_SENSE_SIZE];
    uint8_t *buf;
    ScsiRequest *req;
} UasCommand;

typedef struct UsbUas {
    UsbDevice usb;
    ScsiBus bus;
    bool made;          /* the bus is there */
    GQueue *commands;   /* of UasCommand, in the order in which they came */
    uint32_t all_bytes; /* of their buffers */
    uint8_t *saved;     /* the commands, while the machine is saved and loaded */
    uint32_t saved_len;
} UsbUas;

static UsbUas *uas_of(UsbDevice *u)
{
    return device_as(&u->dev, UsbUas);
}

/* ---- Commands ---- */

static void uas_free(UsbUas *s, UasCommand *c)
{
    s->all_bytes -= c->buf ? c->len : 0;
    g_free(c->buf);
    g_free(c);
}

static void uas_remove(UsbUas *s, UasCommand *c)
{
    g_queue_remove(s->commands, c);
    uas_free(s, c);
}

static UasCommand *uas_find(UsbUas *s, uint16_t tag)
{
    for (GList *l = s->commands->head; l; l = l->next) {
        if (((UasCommand *)l->data)->tag == tag) {
            return l->data;
        }
    }
    return NULL;
}

/* The first that is in @phase; NULL: none. */
static UasCommand *uas_first(UsbUas *s, UasPhase phase)
{
    for (GList *l = s->commands->head; l; l = l->next) {
        if (((UasCommand *)l->data)->phase == phase) {
            return l->data;
        }
    }
    return NULL;
}

static void uas_wake_status(UsbUas *s)
{
    usb_wakeup(&s->usb, USB_DIR_IN | PIPE_STATUS);
}

static void uas_end(UsbUas *s, UasCommand *c, uint8_t status, bool is_response)
{
    c->status = status;
    c->is_response = is_response;
    c->phase = UAS_ENDS;
    uas_wake_status(s);
}

static void uas_complete(ScsiRequest *r)
{
    UsbUas *s = device_as(r->bus->dev, UsbUas);
    UasCommand *c = r->opaque;

    if (c) {
        c->req = NULL;
        c->status = r->status;
        c->sense_len = (uint32_t)MIN(r->sense_len, SCSI_SENSE_SIZE);
        memcpy(c->sense, r->sense, c->sense_len);
        c->at = 0;
        if (r->direction == SCSI_DATA_IN && r->in_bytes && r->done) {
            s->all_bytes -= c->len - (uint32_t)MIN(r->done, c->len);
            c->len = (uint32_t)MIN(r->done, c->len);
            c->phase = UAS_HAS_DATA;
        } else {
            c->phase = UAS_ENDS;
        }
        uas_wake_status(s);
    }
    scsi_request_unref(r);
}

static void uas_hold(ScsiRequest *r)
{
    UasCommand *c = r->opaque;

    if (c) {
        c->req = NULL;
        c->held = true;
    }
    scsi_request_unref(r);
}

static void uas_cancelled(ScsiRequest *r)
{
    UasCommand *c = r->opaque;

    if (c) {
        c->req = NULL;
    }
    scsi_request_unref(r);
}

static void uas_enter(ScsiBus *bus) NO_LOCK_ANALYSIS
{
    /* On no bus there is nobody else. */
    if (!usb_enter(&device_as(bus->dev, UsbUas)->usb)) {
        return;
    }
}

static void uas_leave(ScsiBus *bus) NO_LOCK_ANALYSIS
{
    UsbUas *s = device_as(bus->dev, UsbUas);

    if (s->usb.port) {
        usb_leave(&s->usb);
    }
}

static void uas_submit(UsbUas *s, UasCommand *c)
{
    struct iovec iov = { c->buf, c->len };
    ScsiRequest *r = scsi_request_new(&s->bus, 0, 0, c->lun, c->tag, c->cdb, c->cdb_len, c);
    bool out = r && r->direction == SCSI_DATA_OUT;

    if (!r) {
        uas_end(s, c, RC_INCORRECT_LUN, true);
        return;
    }
    c->phase = UAS_RUNS;
    c->req = r;
    scsi_request_data(r, &iov, out && c->len ? 1 : 0, &iov, !out && c->len ? 1 : 0);
    scsi_request_submit(r);
}

static UasCommand *uas_first_held(UsbUas *s)
{
    for (GList *l = s->commands->head; l; l = l->next) {
        if (((UasCommand *)l->data)->held) {
            return l->data;
        }
    }
    return NULL;
}

/* In their order; the list changes when one ends at once and the host hears of it. */
static void uas_resumed(ScsiBus *bus)
{
    UsbUas *s = device_as(bus->dev, UsbUas);
    UasCommand *c;

    while ((c = uas_first_held(s)) != NULL) {
        c->held = false;
        uas_submit(s, c);
    }
}

static const ScsiBusOps uas_ops = {
    .complete = uas_complete,
    .cancelled = uas_cancelled,
    .hold = uas_hold,
    .resumed = uas_resumed,
    .enter = uas_enter,
    .leave = uas_leave,
};

/* What a command will move, as the unit understands it. */
static void uas_begin(UsbUas *s, UasCommand *c)
{
    ScsiRequest *r = scsi_request_new(&s->bus, 0, 0, c->lun, c->tag, c->cdb, c->cdb_len, NULL);
    ScsiDirection way = r ? r->direction : SCSI_DATA_NONE;
    uint64_t want = r && way != SCSI_DATA_NONE ? r->xfer : 0;

    if (r) {
        scsi_request_unref(r);
    }
    if (want > DATA_MAX || s->all_bytes + want > ALL_DATA_MAX) {
        uas_end(s, c, SCSI_TASK_SET_FULL, false);
        return;
    }
    if (want) {
        c->len = (uint32_t)want;
        c->buf = g_malloc0(want);
        s->all_bytes += c->len;
    }
    if (way == SCSI_DATA_OUT && want) {
        c->phase = UAS_WANTS_DATA;
        uas_wake_status(s);
    } else {
        uas_submit(s, c);
    }
}

static UasCommand *uas_new(UsbUas *s, const uint8_t *iu)
{
    UasCommand *c = g_new0(UasCommand, 1);

    c->tag = get_be16(iu + 2);
    g_queue_push_tail(s->commands, c);
    return c;
}

/* ---- Tasks ---- */

static bool uas_wait_for(UsbUas *s, UasCommand *c)
{
    ScsiRequest *r = c->req;

    if (r) {
        scsi_request_cancel(r); /* the command may be gone from the list after it */
    }
    return g_queue_find(s->commands, c) != NULL;
}

static void uas_abort(UsbUas *s, int lun)
{
    for (GList *l = s->commands->head; l;) {
        UasCommand *c = l->data;

        l = l->next;
        if (!c->is_response && (lun < 0 || c->lun == lun)) {
            if (uas_wait_for(s, c)) {
                uas_remove(s, c);
            }
            l = s->commands->head; /* others may have gone meanwhile */
        }
    }
}

static void uas_task(UsbUas *s, const uint8_t *iu, size_t len)
{
    unsigned function = iu[4], managed = get_be16(iu + 6), lun = iu[9];
    UasCommand *target = len < IU_TASK_SIZE ? NULL : uas_find(s, (uint16_t)managed), *answer;
    ScsiDevice *d = len < IU_TASK_SIZE ? NULL : scsi_find(&s->bus, 0, 0, lun);
    uint8_t code = RC_COMPLETE;

    if (len < IU_TASK_SIZE) {
        code = RC_INVALID_IU;
    } else if (!d) {
        code = RC_INCORRECT_LUN;
    } else if (function == TASK_ABORT) {
        if (target && !target->is_response && uas_wait_for(s, target)) {
            uas_remove(s, target);
        }
    } else if (function == TASK_ABORT_SET || function == TASK_RESET_LUN) {
        uas_abort(s, (int)lun);
        if (function == TASK_RESET_LUN) {
            scsi_reset_unit(d);
        }
    } else if (function == TASK_RESET_NEXUS) {
        uas_abort(s, -1);
    } else {
        code = RC_NOT_SUPPORTED;
    }
    answer = uas_new(s, iu);
    uas_end(s, answer, code, true);
}

/* ---- Pipes ---- */

static UsbStatus uas_command(UsbUas *s, UsbPacket *p)
{
    const uint8_t *b = p->buf;
    UasCommand *c;
    uint8_t wrong = 0;

    if (p->len < IU_READY_SIZE || g_queue_get_length(s->commands) >= 2 * COMMANDS_MAX) {
        return USB_STALL;
    }
    p->actual = p->len;
    if (b[0] == IU_TASK) {
        uint8_t iu[IU_TASK_SIZE] = { 0 };

        memcpy(iu, b, MIN(p->len, sizeof(iu)));
        uas_task(s, iu, p->len);
        return USB_OK;
    }
    if (uas_find(s, get_be16(b + 2))) {
        wrong = RC_OVERLAPPED_TAG;
    } else if (b[0] != IU_COMMAND || p->len < IU_COMMAND_SIZE || b[6] >> 2) {
        wrong = RC_INVALID_IU; /* longer CDBs: no unit has such commands */
    } else if (b[8] || !scsi_has_target(&s->bus, 0, 0)) {
        wrong = RC_INCORRECT_LUN;
    }
    c = uas_new(s, b);
    if (wrong) {
        uas_end(s, c, wrong, true);
        return USB_OK;
    }
    c->lun = b[9];
    c->cdb_len = CDB_MAX;
    memcpy(c->cdb, b + IU_CDB, CDB_MAX);
    if (g_queue_get_length(s->commands) > COMMANDS_MAX) {
        uas_end(s, c, SCSI_TASK_SET_FULL, false);
    } else {
        uas_begin(s, c);
    }
    return USB_OK;
}

/* READY: one command's data at a time go through each pipe. */
static UsbStatus uas_ready(UsbPacket *p, UasCommand *c, uint8_t iu, UasPhase next)
{
    uint8_t b[IU_READY_SIZE] = { iu };

    put_be16(b + 2, c->tag);
    c->phase = (uint8_t)next;
    return usb_answer(p, b, sizeof(b));
}

static UsbStatus uas_ended(UsbUas *s, UsbPacket *p, UasCommand *c)
{
    uint8_t b[IU_SENSE_HEAD + SCSI_SENSE_SIZE] = { c->is_response ? IU_RESPONSE : IU_SENSE };
    size_t len = c->is_response ? IU_RESPONSE_SIZE : IU_SENSE_HEAD + c->sense_len;

    put_be16(b + 2, c->tag);
    if (c->is_response) {
        b[7] = c->status;
    } else {
        b[6] = c->status;
        put_be16(b + 14, (uint16_t)c->sense_len);
        memcpy(b + IU_SENSE_HEAD, c->sense, c->sense_len);
    }
    uas_remove(s, c);
    return usb_answer(p, b, len);
}

static UsbStatus uas_status(UsbUas *s, UsbPacket *p)
{
    UasCommand *c = uas_first(s, UAS_ENDS);

    if (p->len < IU_READY_SIZE) {
        return USB_BABBLE;
    }
    if (c) {
        return uas_ended(s, p, c);
    }
    c = uas_first(s, UAS_HAS_DATA);
    if (c && !uas_first(s, UAS_GIVES_DATA)) {
        return uas_ready(p, c, IU_READ_READY, UAS_GIVES_DATA);
    }
    c = uas_first(s, UAS_WANTS_DATA);
    if (c && !uas_first(s, UAS_TAKES_DATA)) {
        return uas_ready(p, c, IU_WRITE_READY, UAS_TAKES_DATA);
    }
    return USB_NAK;
}

/* A short packet ends the data, or all of it. */
static UsbStatus uas_data_in(UsbUas *s, UsbPacket *p)
{
    UasCommand *c = uas_first(s, UAS_GIVES_DATA);
    uint32_t n;

    if (!c) {
        return USB_NAK;
    }
    n = MIN(p->len, c->len - c->at);
    memcpy(p->buf, c->buf + c->at, n);
    p->actual = n;
    c->at += n;
    if (c->at == c->len || n < p->len) {
        c->phase = UAS_ENDS;
        uas_wake_status(s);
    }
    return USB_OK;
}

static UsbStatus uas_data_out(UsbUas *s, UsbPacket *p)
{
    UasCommand *c = uas_first(s, UAS_TAKES_DATA);
    uint32_t n;

    if (!c) {
        return USB_NAK;
    }
    n = MIN(p->len, c->len - c->at);
    memcpy(c->buf + c->at, p->buf, n);
    p->actual = p->len;
    c->at += n;
    if (c->at == c->len) {
        uas_submit(s, c);
        uas_wake_status(s);
    }
    return USB_OK;
}

static UsbStatus uas_data(UsbDevice *u, UsbPacket *p)
{
    UsbUas *s = uas_of(u);

    switch (p->ep) {
    case PIPE_COMMAND:
        return uas_command(s, p);
    case PIPE_STATUS: {
        UsbStatus status = uas_status(s, p);

        if (status == USB_OK) { /* what the host was told to do may be waiting there */
            usb_wakeup(u, USB_DIR_IN | PIPE_DATA_IN);
            usb_wakeup(u, PIPE_DATA_OUT);
        }
        return status;
    }
    case PIPE_DATA_IN:
        return uas_data_in(s, p);
    case PIPE_DATA_OUT:
        return uas_data_out(s, p);
    default:
        return USB_STALL;
    }
}

/* ---- Life ---- */

static void uas_reset(UsbDevice *u)
{
    UsbUas *s = uas_of(u);

    if (s->made) {
        scsi_abort_bus(&s->bus);
    }
    while (s->commands && g_queue_get_length(s->commands)) {
        UasCommand *c = g_queue_peek_head(s->commands);

        if (c->req) {
            c->req->opaque = NULL; /* it ends for nobody */
        }
        uas_remove(s, c);
    }
}

static void uas_drain(UsbDevice *u)
{
    UsbUas *s = uas_of(u);

    scsi_bus_drain(&s->bus);
    scsi_bus_hold(&s->bus);
}

static void uas_drop_saved(UsbUas *s)
{
    g_clear_pointer(&s->saved, g_free);
    s->saved_len = 0;
}

static void uas_saving(Device *dev)
{
    UsbUas *s = device_as(dev, UsbUas);
    GByteArray *out = g_byte_array_new();

    for (GList *l = s->commands->head; l; l = l->next) {
        const UasCommand *c = l->data;
        uint8_t h[SAVED_HEAD] = { 0 };

        if (c->phase == UAS_RUNS && !c->held) {
            continue; /* its unit is gone: the host will give it up */
        }
        put_le16(h, c->tag);
        h[2] = c->phase;
        h[3] = c->status;
        h[4] = c->lun;
        h[5] = c->is_response;
        h[6] = c->cdb_len;
        h[7] = (uint8_t)c->sense_len;
        memcpy(h + 8, c->cdb, CDB_MAX);
        put_le32(h + 24, c->buf ? c->len : 0);
        put_le32(h + 28, c->at);
        memcpy(h + 32, c->sense, SCSI_SENSE_SIZE);
        g_byte_array_append(out, h, sizeof(h));
        if (c->buf) {
            g_byte_array_append(out, c->buf, c->len);
        }
    }
    uas_drop_saved(s);
    s->saved_len = out->len;
    s->saved = g_byte_array_free(out, out->len == 0);
}

static bool uas_load_one(UsbUas *s, const uint8_t *h, size_t left, size_t *used)
{
    UasCommand *c;
    uint32_t len = left < SAVED_HEAD ? 0 : get_le32(h + 24);

    if (left < SAVED_HEAD || len > left - SAVED_HEAD || len > ALL_DATA_MAX - s->all_bytes ||
        h[2] >= UAS_PHASES || h[6] > CDB_MAX || h[7] > SCSI_SENSE_SIZE || get_le32(h + 28) > len ||
        g_queue_get_length(s->commands) >= 2 * COMMANDS_MAX) {
        return false;
    }
    c = g_new0(UasCommand, 1);
    *c = (UasCommand){ .tag = get_le16(h),
                       .phase = h[2],
                       .held = h[2] == UAS_RUNS,
                       .status = h[3],
                       .lun = h[4],
                       .is_response = h[5],
                       .cdb_len = h[6],
                       .sense_len = h[7],
                       .len = len,
                       .at = get_le32(h + 28) };
    memcpy(c->cdb, h + 8, CDB_MAX);
    memcpy(c->sense, h + 32, SCSI_SENSE_SIZE);
    c->buf = len ? g_memdup2(h + SAVED_HEAD, len) : NULL;
    s->all_bytes += len;
    g_queue_push_tail(s->commands, c);
    *used = SAVED_HEAD + len;
    return true;
}

static bool uas_loaded(Device *dev, GError **err)
{
    UsbUas *s = device_as(dev, UsbUas);
    bool ok = true;

    uas_reset(&s->usb);
    for (size_t at = 0, used = 0; ok && at < s->saved_len; at += used) {
        ok = uas_load_one(s, s->saved + at, s->saved_len - at, &used);
    }
    uas_drop_saved(s);
    return ok || error_set(err, "%s: its commands do not hold together", device_path(dev));
}

static bool uas_start(Device *dev, GError **err)
{
    UsbUas *s = device_as(dev, UsbUas);
    ScsiBusInfo info = { .max_lun = LUN_MAX, .autosense = true };

    s->commands = g_queue_new();
    if (usb_plug(&s->usb, err)) {
        s->made = scsi_bus_init(&s->bus, dev, dev->id, &uas_ops, &info, err);
        if (s->made) {
            return true;
        }
        usb_unplug(&s->usb);
    }
    g_clear_pointer(&s->commands, g_queue_free);
    return false;
}

static void uas_stop(Device *dev)
{
    UsbUas *s = device_as(dev, UsbUas);

    scsi_bus_deinit(&s->bus);
    s->made = false;
    uas_reset(&s->usb);
    g_clear_pointer(&s->commands, g_queue_free);
    uas_drop_saved(s);
}

static const Field uas_fields[] = {
    SCRATCH(UsbUas, bus),
    SCRATCH(UsbUas, made),
    SCRATCH(UsbUas, commands),
    SCRATCH(UsbUas, all_bytes),
    STATE_BYTES(UsbUas, saved, saved_len, SAVED_MAX),
};

/* UAS "5.3.3.5 Pipe Usage descriptor" */
static const uint8_t uas_usage[][4] = {
    { 4, USB_DT_PIPE_USAGE, PIPE_COMMAND },
    { 4, USB_DT_PIPE_USAGE, PIPE_STATUS },
    { 4, USB_DT_PIPE_USAGE, PIPE_DATA_IN },
    { 4, USB_DT_PIPE_USAGE, PIPE_DATA_OUT },
};

#define UAS_PIPE(address_, n_)                                                            \
    {                                                                                     \
        .address = (address_), .attr = USB_ATTR_BULK, .max_packet = { [USB_HIGH] = 512 }, \
        .extra = uas_usage[(n_)-1], .extra_len = sizeof(uas_usage[0])                     \
    }

static const UsbEndpointDesc uas_endpoints[] = {
    UAS_PIPE(PIPE_COMMAND, PIPE_COMMAND),
    UAS_PIPE(USB_DIR_IN | PIPE_STATUS, PIPE_STATUS),
    UAS_PIPE(USB_DIR_IN | PIPE_DATA_IN, PIPE_DATA_IN),
    UAS_PIPE(PIPE_DATA_OUT, PIPE_DATA_OUT),
};

static const UsbInterfaceDesc uas_interface = {
    .class_code = 8,
    .subclass = 6,
    .protocol = 0x62,
    .endpoints = uas_endpoints,
    .n_endpoints = ARRAY_SIZE(uas_endpoints),
};

static const char *const uas_strings[] = { "QEMU", "USB Attached SCSI HBA", "27842" };

static const UsbDesc uas_desc = {
    .vendor = 0x46f4,
    .product = 0x0003,
    .manufacturer_str = 1,
    .product_str = 2,
    .serial_str = 3,
    .strings = uas_strings,
    .n_strings = ARRAY_SIZE(uas_strings),
    .max_packet0 = { [USB_HIGH] = 64 },
    .config_attr = USB_CONFIG_SELF,
    .interfaces = &uas_interface,
    .n_interfaces = 1,
};

static const UsbType uas_type = {
    .desc = &uas_desc,
    .data = uas_data,
    .reset = uas_reset,
    .drain = uas_drain,
};

const DeviceType device_usb_uas = {
    .name = "usb-uas",
    .doc = "USB attached SCSI: a bus for scsi-hd and scsi-cd with many commands at once",
    .base = &device_usb,
    .size = sizeof(UsbUas),
    .fields = TABLE(uas_fields),
    .user_creatable = true,
    .start = uas_start,
    .stop = uas_stop,
    .saving = uas_saving,
    .loaded = uas_loaded,
    .extra = &uas_type,
};
