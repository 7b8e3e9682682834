/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schedule: UHCI "3 Data Structures".
 *
 * A queue goes on while its elements end well, whatever Vf says: its bus is faster than a real one.
 * Data toggles are written by the driver alone and not looked at: nothing is lost on this bus.
 */
#include "hw/usb/uhci.h"

#include "util/bytes.h"

enum {
    LINK_T = 1 << 0, /* nothing follows */
    LINK_Q = 1 << 1, /* a queue head */
    LINK_MASK = ~15,
    TD_WORDS = 4,
    QH_WORDS = 2,
    LINKS_MAX = 4096, /* that are followed in a frame */
    TDS_MAX = 512,    /* that are done in a frame */
    FORGET_ROUNDS = 8,
    /* "3.2.2 TD Control and Status" */
    TD_ACTLEN = 0x7ff,
    TD_TIMEOUT = 1 << 18,
    TD_NAK = 1 << 19,
    TD_BABBLE = 1 << 20,
    TD_BUFFER = 1 << 21,
    TD_STALLED = 1 << 22,
    TD_ACTIVE = 1 << 23,
    TD_IOC = 1 << 24,
    TD_SPD = 1 << 29,
    TD_ERRORS = TD_TIMEOUT | TD_NAK | TD_BABBLE | TD_BUFFER | TD_STALLED,
    LEN_MAX = 1280, /* "3.2.3 TD Token": what is longer is an error of consistency */
};

typedef struct UhciTd {
    uint32_t addr;
    uint32_t link, status, token, buffer;
    bool in_queue;
} UhciTd;

/* An element that a device works on. */
struct UhciXfer {
    Uhci *s;
    UhciTd td;
    UsbPacket packet;
    bool ended;
    uint32_t seen; /* the round that met it last */
};

/* An element: is done, waits, or stops its queue. */
typedef enum UhciStep { STEP_DONE, STEP_WAIT, STEP_STOP } UhciStep;

static bool uhci_words(Uhci *s, uint32_t addr, uint32_t *w, unsigned n)
{
    uint8_t b[4 * TD_WORDS];

    if (device_dma_read(&s->pci.dev, addr, b, 4 * n) != MEM_OK) {
        uhci_die(s, UHCI_HSE, addr);
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        w[i] = get_le32(b + 4 * i);
    }
    return true;
}

static void uhci_store(Uhci *s, uint32_t addr, uint32_t v)
{
    uint8_t b[4];

    put_le32(b, v);
    if (device_dma_write(&s->pci.dev, addr, b, 4) != MEM_OK) {
        uhci_die(s, UHCI_HSE, addr);
    }
}

/* ---- Elements ---- */

static unsigned td_pid(const UhciTd *td)
{
    return td->token & 0xff;
}

static unsigned td_device(const UhciTd *td)
{
    return td->token >> 8 & 127;
}

static unsigned td_endpoint(const UhciTd *td)
{
    return td->token >> 15 & 15;
}

static uint32_t td_bytes(const UhciTd *td)
{
    return ((td->token >> 21) + 1) & 0x7ff;
}

static bool td_copy(Uhci *s, const UhciTd *td, bool to_guest, uint8_t *buf, uint32_t n)
{
    return !n || (to_guest ? device_dma_write(&s->pci.dev, td->buffer, buf, n)
                           : device_dma_read(&s->pci.dev, td->buffer, buf, n)) == MEM_OK;
}

/* The element has moved @actual bytes, or failed, or there was nothing for it. */
static UhciStep td_end(Uhci *s, UhciTd *td, UsbStatus status, uint32_t actual)
{
    uint32_t st = td->status & ~(uint32_t)TD_ERRORS;
    bool is_short = td_pid(td) == USB_PID_IN && actual < td_bytes(td);

    if (status == USB_NAK) {
        if (!(td->status & TD_NAK)) {
            uhci_store(s, td->addr + 4, td->status | TD_NAK);
        }
        return STEP_WAIT;
    }
    if (status != USB_OK) {
        actual = 0;
    }
    st = (st & ~(uint32_t)(TD_ACTLEN | TD_ACTIVE)) | ((actual - 1) & TD_ACTLEN);
    st |= status == USB_OK       ? 0
          : status == USB_STALL  ? TD_STALLED
          : status == USB_BABBLE ? TD_STALLED | TD_BABBLE
                                 : TD_STALLED | TD_TIMEOUT;
    td->status = st | (td->status & TD_BUFFER);
    uhci_store(s, td->addr + 4, td->status);
    if (st & TD_IOC) {
        uhci_events(s, UHCI_INT, UHCI_BY_IOC);
    }
    if (status != USB_OK) {
        uhci_events(s, UHCI_ERRINT, 0);
        return STEP_STOP;
    }
    if (is_short && td->in_queue && st & TD_SPD) {
        uhci_events(s, UHCI_INT, UHCI_BY_SHORT);
        return STEP_STOP;
    }
    return STEP_DONE;
}

static UhciStep td_fail(Uhci *s, UhciTd *td, bool buffer)
{
    td->status |= buffer ? TD_BUFFER : 0;
    return td_end(s, td, USB_ERROR, 0);
}

/* ---- Devices ---- */

static UsbDevice *uhci_device(Uhci *s, unsigned address)
{
    for (unsigned i = 0; i < s->bus.ports->len; i++) {
        UsbDevice *u = ((UsbPort *)g_ptr_array_index(s->bus.ports, i))->dev;

        if (u && u->address == address && uhci_reaches(s, u)) {
            return u;
        }
    }
    return NULL;
}

static void xfer_free(UhciXfer *x)
{
    if (x->packet.pid != USB_PID_SETUP) {
        g_free(x->packet.buf); /* that of a control transfer is kept for its stages */
    }
    g_free(x);
}

static void xfer_cancel(UhciXfer *x)
{
    g_ptr_array_remove_fast(x->s->xfers, x);
    if (!x->ended) {
        usb_cancel(&x->packet);
    }
    xfer_free(x);
}

/* Data of the device's answer, or the status stage. */
static UhciStep control_go_on(Uhci *s, UhciTd *td, UsbControl *c)
{
    uint32_t n = td_bytes(td);
    const uint8_t *from;

    if (usb_control_stage(c, td_pid(td) == USB_PID_IN) == USB_STAGE_END) {
        usb_control_forget(c);
        return td_end(s, td, USB_OK, 0);
    }
    from = usb_control_give(c, &n);
    return td_copy(s, td, true, (uint8_t *)from, n) ? td_end(s, td, USB_OK, n)
                                                    : td_fail(s, td, true);
}

static UhciStep control_answered(Uhci *s, UhciTd *td, const UsbPacket *p)
{
    UsbControl *c = &s->control[td_device(td)];

    if (p->status != USB_OK) {
        usb_control_forget(c);
        return td_end(s, td, p->status, 0);
    }
    usb_control_answered(c, p->actual);
    return control_go_on(s, td, c);
}

/* The device is through with it. */
static UhciStep xfer_ended(UhciXfer *x)
{
    UsbPacket *p = &x->packet;
    Uhci *s = x->s;
    UhciTd td = x->td;
    UhciStep step;

    if (p->pid == USB_PID_SETUP) {
        step = control_answered(s, &td, p);
    } else if (p->status == USB_OK && p->pid == USB_PID_IN &&
               !td_copy(s, &td, true, p->buf, p->actual)) {
        step = td_fail(s, &td, true);
    } else {
        step = td_end(s, &td, p->status, p->pid == USB_PID_OUT ? p->len : p->actual);
    }
    xfer_free(x);
    return step;
}

/* From the device, under the lock: the element is written when its turn comes, soon. */
static void xfer_done(UsbPacket *p)
{
    UhciXfer *x = p->opaque;
    Uhci *s = x->s;

    x->ended = true;
    if (!s->in_round && !s->bus.draining && uhci_runs(s)) {
        timer_arm_in(&s->tick, 0);
    }
}

static UhciStep xfer_submit(Uhci *s, const UhciTd *td, const UsbPacket *packet)
{
    UhciXfer *x = g_new0(UhciXfer, 1);

    *x = (UhciXfer){ .s = s, .td = *td, .packet = *packet, .seen = s->round };
    x->packet.done = xfer_done;
    x->packet.opaque = x;
    x->packet.status = usb_submit(&x->packet);
    if (x->packet.status == USB_ASYNC) {
        g_ptr_array_add(s->xfers, x);
        return STEP_WAIT;
    }
    return xfer_ended(x);
}

/* ---- Work on an element ---- */

static UhciStep td_control(Uhci *s, UhciTd *td, UsbDevice *u)
{
    UsbControl *c = &s->control[td_device(td)];
    uint32_t n = td_bytes(td);
    uint8_t setup[USB_SETUP_BYTES], *to;
    UsbPacket p;

    if (td_pid(td) == USB_PID_SETUP) {
        usb_control_forget(c);
        if (n != USB_SETUP_BYTES || !td_copy(s, td, false, setup, n)) {
            return td_fail(s, td, true);
        }
        usb_control_begin(c, setup);
        return td_end(s, td, USB_OK, n);
    }
    switch (usb_control_stage(c, td_pid(td) == USB_PID_IN)) {
    case USB_STAGE_BAD:
        return td_fail(s, td, false);
    case USB_STAGE_TAKE:
        to = usb_control_take(c, n);
        return to && td_copy(s, td, false, to, n) ? td_end(s, td, USB_OK, n) : td_fail(s, td, true);
    case USB_STAGE_ASK:
        p = usb_control_packet(c, u);
        return xfer_submit(s, td, &p);
    default:
        return control_go_on(s, td, c);
    }
}

/* The default pipe of a device has one transfer at a time. */
static bool control_is_busy(const Uhci *s, const UhciTd *td)
{
    for (unsigned i = 0; i < s->xfers->len; i++) {
        const UhciXfer *x = g_ptr_array_index(s->xfers, i);

        if (x->packet.pid == USB_PID_SETUP && td_device(&x->td) == td_device(td)) {
            return true;
        }
    }
    return false;
}

static UhciStep td_begin(Uhci *s, UhciTd *td)
{
    UsbDevice *u = uhci_device(s, td_device(td));
    uint32_t n = td_bytes(td);
    UsbPacket p;

    if (n > LEN_MAX ||
        (td_pid(td) != USB_PID_IN && td_pid(td) != USB_PID_OUT && td_pid(td) != USB_PID_SETUP)) {
        uhci_die(s, UHCI_HCPE, td->addr);
        return STEP_STOP;
    }
    if (!u) {
        return td_fail(s, td, false);
    }
    if (!td_endpoint(td)) {
        return control_is_busy(s, td) ? STEP_WAIT : td_control(s, td, u);
    }
    p = (UsbPacket){ .dev = u,
                     .pid = (uint8_t)td_pid(td),
                     .ep = (uint8_t)td_endpoint(td),
                     .buf = g_malloc0(n + 1),
                     .len = n };
    if (p.pid == USB_PID_SETUP || (p.pid == USB_PID_OUT && !td_copy(s, td, false, p.buf, n))) {
        g_free(p.buf);
        return td_fail(s, td, true);
    }
    return xfer_submit(s, td, &p);
}

static UhciXfer *td_under_way(Uhci *s, const UhciTd *td)
{
    for (unsigned i = 0; i < s->xfers->len; i++) {
        UhciXfer *x = g_ptr_array_index(s->xfers, i);

        if (x->td.addr == td->addr) {
            return x;
        }
    }
    return NULL;
}

static UhciStep td_run(Uhci *s, UhciTd *td)
{
    UhciXfer *x = td_under_way(s, td);

    if (!(td->status & TD_ACTIVE)) {
        return STEP_WAIT;
    }
    if (x && (x->td.token != td->token || x->td.buffer != td->buffer)) {
        xfer_cancel(x); /* another one in its place */
        x = NULL;
    }
    if (x) {
        x->seen = s->round;
        if (!x->ended) {
            return STEP_WAIT;
        }
        g_ptr_array_remove_fast(s->xfers, x);
        x->td = *td;
        return xfer_ended(x);
    }
    return s->drained ? STEP_WAIT : td_begin(s, td);
}

static bool td_read(Uhci *s, uint32_t link, bool in_queue, UhciTd *td)
{
    uint32_t w[TD_WORDS];

    *td = (UhciTd){ .addr = link & (uint32_t)LINK_MASK, .in_queue = in_queue };
    if (!uhci_words(s, td->addr, w, TD_WORDS)) {
        return false;
    }
    td->link = w[0];
    td->status = w[1];
    td->token = w[2];
    td->buffer = w[3];
    return true;
}

/* ---- Lists ---- */

/* "3.4.2": the elements of a queue, until one is not done. Whether any was. */
static bool queue_run(Uhci *s, uint32_t addr, uint32_t element, unsigned *left)
{
    bool any = false;
    UhciTd td;

    while (!(element & (LINK_T | LINK_Q)) && *left && uhci_runs(s)) {
        if (!td_read(s, element, true, &td) || td_run(s, &td) != STEP_DONE) {
            break;
        }
        element = td.link;
        uhci_store(s, addr + 4, element);
        --*left;
        any = true;
    }
    return any;
}

/* One frame's list. A driver that wants the rest of a frame for its queues links the last to the
 * first of them: round after round, until none has anything to do. */
static bool uhci_frame(Uhci *s)
{
    uint32_t link, w[QH_WORDS], idle = LINK_T;
    unsigned left = TDS_MAX, n;
    UhciTd td;

    if (!uhci_words(s, s->flbase + 4 * (s->frnum % UHCI_FRAMES), &link, 1)) {
        return false;
    }
    for (n = 0; !(link & LINK_T) && n < LINKS_MAX && left && uhci_runs(s); n++) {
        uint32_t addr = link & (uint32_t)LINK_MASK;

        if (!(link & LINK_Q)) {
            if (!td_read(s, link, false, &td)) {
                return false;
            }
            left -= td_run(s, &td) == STEP_DONE;
            link = td.link;
            continue;
        }
        if (addr == idle || !uhci_words(s, addr, w, QH_WORDS)) {
            break;
        }
        if (queue_run(s, addr, w[1], &left)) {
            idle = LINK_T;
        } else if (idle == LINK_T) {
            idle = addr;
        }
        link = w[0];
    }
    return left && n < LINKS_MAX;
}

void uhci_run(Uhci *s)
{
    s->in_round = true;
    if (uhci_frame(s) && uhci_runs(s)) { /* to its end: what is not in it any more is forgotten */
        for (unsigned i = s->xfers->len; i-- > 0;) {
            UhciXfer *x = g_ptr_array_index(s->xfers, i);

            if (s->round - x->seen > FORGET_ROUNDS) {
                xfer_cancel(x);
            }
        }
        s->round++;
    }
    s->in_round = false;
}

void uhci_forget(Uhci *s)
{
    while (s->xfers->len) {
        xfer_cancel(g_ptr_array_index(s->xfers, s->xfers->len - 1));
    }
    for (unsigned i = 0; i < USB_ADDRESSES; i++) {
        usb_control_forget(&s->control[i]);
    }
}

void uhci_gone(Uhci *s, UsbDevice *u)
{
    for (unsigned i = s->xfers->len; i-- > 0;) {
        UhciXfer *x = g_ptr_array_index(s->xfers, i);

        if (x->packet.dev == u) {
            if (!x->ended) {
                usb_cancel(&x->packet);
            }
            x->ended = true;
            x->packet.status = USB_ERROR;
            x->packet.dev = NULL;
        }
    }
}
