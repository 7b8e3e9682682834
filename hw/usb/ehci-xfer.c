/* SPDX-License-Identifier: Apache-2.0 */
/* The schedules: EHCI "3 Data Structures", "4.10 Managing Control/Bulk/Interrupt Transfers". */
#include "hw/usb/ehci.h"

#include "util/bytes.h"

enum {
    LINK_T = 1, /* nothing follows */
    LINK_QH = 1,
    LINK_MASK = 31,
    QH_BYTES = 48,
    QTD_BYTES = 32,
    PAGES = 5,
    PAGE = 4096,
    QHS_MAX = 1024, /* of a list, in a round */
    QTDS_MAX = 256, /* of a queue, in a round */
    /* words of a queue head; from QH_NEXT a copy of its element */
    QH_LINK = 0,
    QH_CHARS = 1,
    QH_CAPS = 2,
    QH_CURRENT = 3,
    QH_NEXT = 4,
    QH_WORDS = 12,
    QTD_NEXT = 0,
    QTD_ALT = 1,
    QTD_TOKEN = 2,
    QTD_PAGES = 3,
    QTD_WORDS = 8,
    /* "3.5.3 qTD Token" */
    TOKEN_XACT = 1 << 3,
    TOKEN_BABBLE = 1 << 4,
    TOKEN_BUFFER = 1 << 5,
    TOKEN_HALTED = 1 << 6,
    TOKEN_ACTIVE = 1 << 7,
    TOKEN_PID_SHIFT = 8,
    TOKEN_CERR_SHIFT = 10,
    TOKEN_CERR = 3 << TOKEN_CERR_SHIFT,
    TOKEN_PAGE_SHIFT = 12,
    TOKEN_IOC = 1 << 15,
    TOKEN_BYTES_SHIFT = 16,
    TOKEN_BYTES = 0x7fff,
    PID_OUT = 0,
    PID_IN = 1,
    PID_SETUP = 2,
};
#define TOKEN_TOGGLE (1u << 31)

typedef struct EhciQueue {
    uint32_t addr;
    uint32_t w[QH_WORDS];
} EhciQueue;

/* An element of a queue that a device works on. */
struct EhciXfer {
    Ehci *s;
    EhciQueue q;
    UsbPacket packet;
    uint32_t seen; /* the round that met it last */
};

typedef enum EhciStep { STEP_AGAIN, STEP_NEXT } EhciStep;

static bool ehci_words(Ehci *s, bool write, uint32_t addr, uint32_t *w, unsigned n)
{
    uint8_t b[QH_BYTES];

    if (write) {
        for (unsigned i = 0; i < n; i++) {
            put_le32(b + 4 * i, w[i]);
        }
        return device_dma_write(&s->pci.dev, addr, b, 4 * n) == MEM_OK;
    }
    if (device_dma_read(&s->pci.dev, addr, b, 4 * n) != MEM_OK) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        w[i] = get_le32(b + 4 * i);
    }
    return true;
}

/* ---- Queues ---- */

static uint32_t *queue_token(EhciQueue *q)
{
    return &q->w[QH_NEXT + QTD_TOKEN];
}

static uint32_t token_bytes(uint32_t token)
{
    return token >> TOKEN_BYTES_SHIFT & TOKEN_BYTES;
}

static unsigned queue_device(const EhciQueue *q)
{
    return q->w[QH_CHARS] & 127;
}

static unsigned queue_endpoint(const EhciQueue *q)
{
    return q->w[QH_CHARS] >> 8 & 15;
}

/* The bytes of the element, at most as many as its pages hold: to the guest or from it. */
static bool queue_copy(Ehci *s, EhciQueue *q, bool to_guest, uint8_t *buf, uint32_t len)
{
    const uint32_t *pages = &q->w[QH_NEXT + QTD_PAGES];
    uint32_t off = pages[0] & (PAGE - 1), page = *queue_token(q) >> TOKEN_PAGE_SHIFT & 7;

    while (len) {
        uint32_t n = MIN(len, PAGE - off);
        uint64_t addr;

        if (page >= PAGES) {
            return false;
        }
        addr = (pages[page] & ~(uint32_t)(PAGE - 1)) | off;
        if ((to_guest ? device_dma_write(&s->pci.dev, addr, buf, n)
                      : device_dma_read(&s->pci.dev, addr, buf, n)) != MEM_OK) {
            return false;
        }
        buf += n;
        len -= n;
        off = 0;
        page++;
    }
    return true;
}

/* "4.10.3": the state of the element goes to the queue head and to the element itself. */
static void queue_store(Ehci *s, EhciQueue *q)
{
    uint32_t qtd = q->w[QH_CURRENT] & ~(uint32_t)LINK_MASK;

    if (!ehci_words(s, true, q->addr + 4 * QH_NEXT, &q->w[QH_NEXT], QTD_WORDS) ||
        !ehci_words(s, true, qtd + 4 * QTD_TOKEN, queue_token(q), 2)) {
        ehci_die(s, q->addr);
    }
}

/* The element has moved @actual bytes, or failed. */
static void queue_end(Ehci *s, EhciQueue *q, UsbStatus status, uint32_t actual)
{
    uint32_t *token = queue_token(q), bytes = token_bytes(*token), events = 0;
    uint32_t max = q->w[QH_CHARS] >> 16 & 0x7ff, *page = &q->w[QH_NEXT + QTD_PAGES];
    bool in = (*token >> TOKEN_PID_SHIFT & 3) == PID_IN;
    uint32_t packets = max ? (actual + max - 1) / max : 1;

    *token &= ~(uint32_t)TOKEN_ACTIVE;
    switch (status) {
    case USB_OK:
        actual = MIN(actual, bytes);
        *token ^= MAX(packets, 1u) & 1 ? TOKEN_TOGGLE : 0;
        *token = (*token & ~((uint32_t)TOKEN_BYTES << TOKEN_BYTES_SHIFT)) |
                 (bytes - actual) << TOKEN_BYTES_SHIFT;
        /* Where it would go on: page and offset. */
        actual += *page & (PAGE - 1);
        *page = (*page & ~(uint32_t)(PAGE - 1)) | (actual & (PAGE - 1));
        *token = (*token & ~(7u << TOKEN_PAGE_SHIFT)) |
                 (((*token >> TOKEN_PAGE_SHIFT & 7) + actual / PAGE) & 7) << TOKEN_PAGE_SHIFT;
        events = *token & TOKEN_IOC || (in && token_bytes(*token)) ? EHCI_INT : 0;
        break;
    case USB_STALL:
        *token |= TOKEN_HALTED;
        events = EHCI_ERRINT;
        break;
    case USB_BABBLE:
        *token |= TOKEN_HALTED | TOKEN_BABBLE;
        events = EHCI_ERRINT;
        break;
    default:
        *token = (*token & ~(uint32_t)TOKEN_CERR) | TOKEN_HALTED | TOKEN_XACT;
        events = EHCI_ERRINT;
        break;
    }
    events |= events & EHCI_ERRINT && *token & TOKEN_IOC ? EHCI_INT : 0;
    queue_store(s, q);
    s->busy = true;
    if (events) {
        ehci_events(s, events);
    }
}

/* ---- Devices ---- */

static UsbDevice *ehci_device(Ehci *s, unsigned address)
{
    for (unsigned i = 0; i < s->bus.ports->len; i++) {
        UsbDevice *u = ((UsbPort *)g_ptr_array_index(s->bus.ports, i))->dev;

        if (u && u->address == address && ehci_reaches(s, u)) {
            return u;
        }
    }
    return NULL;
}

static void xfer_free(EhciXfer *x)
{
    if (x->packet.pid != USB_PID_SETUP) {
        g_free(x->packet.buf); /* that of a control transfer is kept for its stages */
    }
    g_free(x);
}

static UsbControl *control_of(Ehci *s, const EhciQueue *q)
{
    return &s->control[queue_device(q)];
}

/* A stage whose turn it is: data that came with the answer, or its end. */
static void control_stage(Ehci *s, EhciQueue *q, UsbControl *c)
{
    uint32_t bytes = token_bytes(*queue_token(q));
    bool in = (*queue_token(q) >> TOKEN_PID_SHIFT & 3) == PID_IN;
    const uint8_t *from;

    if (usb_control_stage(c, in) == USB_STAGE_END) {
        usb_control_forget(c);
        queue_end(s, q, USB_OK, 0);
        return;
    }
    from = usb_control_give(c, &bytes);
    if (!queue_copy(s, q, true, (uint8_t *)from, bytes)) {
        *queue_token(q) |= TOKEN_BUFFER;
        queue_end(s, q, USB_ERROR, 0);
        return;
    }
    queue_end(s, q, USB_OK, bytes);
}

static void control_answered(Ehci *s, EhciQueue *q, UsbStatus status, uint32_t actual)
{
    UsbControl *c = control_of(s, q);

    if (status != USB_OK) {
        usb_control_forget(c);
        queue_end(s, q, status, 0);
        return;
    }
    usb_control_answered(c, actual);
    control_stage(s, q, c);
}

static void xfer_ended(EhciXfer *x, UsbStatus status)
{
    Ehci *s = x->s;
    uint32_t actual = x->packet.actual;

    if (x->packet.pid == USB_PID_SETUP) {
        control_answered(s, &x->q, status, actual);
    } else {
        if (status == USB_OK && x->packet.pid == USB_PID_IN &&
            !queue_copy(s, &x->q, true, x->packet.buf, actual)) {
            *queue_token(&x->q) |= TOKEN_BUFFER;
            status = USB_ERROR;
        }
        queue_end(s, &x->q, status, x->packet.pid == USB_PID_OUT ? x->packet.len : actual);
    }
    xfer_free(x);
}

/* From the device, under the lock. */
static void xfer_done(UsbPacket *p)
{
    EhciXfer *x = p->opaque;
    Ehci *s = x->s;

    g_ptr_array_remove_fast(s->xfers, x);
    xfer_ended(x, p->status);
    if (!s->in_round && !s->bus.draining && ehci_runs(s)) {
        timer_arm_in(&s->tick, 0);
    }
}

static EhciStep xfer_submit(EhciXfer *x)
{
    UsbStatus status;

    x->packet.done = xfer_done;
    x->packet.opaque = x;
    status = usb_submit(&x->packet);
    if (status == USB_ASYNC) {
        x->seen = x->s->round;
        g_ptr_array_add(x->s->xfers, x);
        return STEP_NEXT;
    }
    if (status == USB_NAK) {
        xfer_free(x);
        return STEP_NEXT;
    }
    xfer_ended(x, status);
    return STEP_AGAIN;
}

/* ---- Elements ---- */

static void queue_fail(Ehci *s, EhciQueue *q, bool buffer)
{
    *queue_token(q) |= buffer ? TOKEN_BUFFER : 0;
    queue_end(s, q, USB_ERROR, 0);
}

/* The setup stage: nothing is asked before the data are there. */
static EhciStep control_setup(Ehci *s, EhciQueue *q)
{
    uint8_t setup[USB_SETUP_BYTES];

    if (token_bytes(*queue_token(q)) != USB_SETUP_BYTES ||
        !queue_copy(s, q, false, setup, USB_SETUP_BYTES)) {
        usb_control_forget(control_of(s, q));
        queue_fail(s, q, true);
        return STEP_AGAIN;
    }
    usb_control_begin(control_of(s, q), setup);
    queue_end(s, q, USB_OK, USB_SETUP_BYTES);
    return STEP_AGAIN;
}

static void control_take(Ehci *s, EhciQueue *q, UsbControl *c)
{
    uint32_t bytes = token_bytes(*queue_token(q));
    uint8_t *to = usb_control_take(c, bytes);

    if (!to || !queue_copy(s, q, false, to, bytes)) {
        queue_fail(s, q, true);
        return;
    }
    queue_end(s, q, USB_OK, bytes);
}

/* Data or status. The device is asked with the first one that goes its answer's way. */
static EhciStep control_run(Ehci *s, EhciQueue *q, UsbDevice *u)
{
    UsbControl *c = control_of(s, q);
    EhciXfer *x;

    switch (usb_control_stage(c, (*queue_token(q) >> TOKEN_PID_SHIFT & 3) == PID_IN)) {
    case USB_STAGE_BAD:
        queue_fail(s, q, false);
        return STEP_AGAIN;
    case USB_STAGE_TAKE:
        control_take(s, q, c);
        return STEP_AGAIN;
    case USB_STAGE_ASK:
        break;
    default:
        control_stage(s, q, c);
        return STEP_AGAIN;
    }
    x = g_new0(EhciXfer, 1);
    *x = (EhciXfer){ .s = s, .q = *q, .packet = usb_control_packet(c, u) };
    return xfer_submit(x);
}

static bool control_is_busy(const Ehci *s, const EhciQueue *q)
{
    for (unsigned i = 0; i < s->xfers->len; i++) {
        const EhciXfer *x = g_ptr_array_index(s->xfers, i);

        if (x->packet.pid == USB_PID_SETUP && queue_device(&x->q) == queue_device(q)) {
            return true;
        }
    }
    return false;
}

static EhciStep queue_execute(Ehci *s, EhciQueue *q)
{
    unsigned pid = *queue_token(q) >> TOKEN_PID_SHIFT & 3;
    UsbDevice *u = ehci_device(s, queue_device(q));
    uint32_t bytes = token_bytes(*queue_token(q));
    EhciXfer *x;

    if (!u || pid > PID_SETUP) {
        queue_fail(s, q, false);
        return STEP_AGAIN;
    }
    if (pid == PID_SETUP || !queue_endpoint(q)) {
        if (control_is_busy(s, q)) {
            return STEP_NEXT; /* of another queue head */
        }
        return pid == PID_SETUP ? control_setup(s, q) : control_run(s, q, u);
    }
    x = g_new0(EhciXfer, 1);
    *x = (EhciXfer){ .s = s, .q = *q };
    x->packet = (UsbPacket){ .dev = u,
                             .pid = pid == PID_IN ? USB_PID_IN : USB_PID_OUT,
                             .ep = (uint8_t)queue_endpoint(q),
                             .buf = g_malloc0(bytes + 1),
                             .len = bytes };
    if (pid == PID_OUT && !queue_copy(s, q, false, x->packet.buf, bytes)) {
        queue_fail(s, q, true);
        xfer_free(x);
        return STEP_AGAIN;
    }
    return xfer_submit(x);
}

/* "4.10.2 Advance Queue": the next element becomes the queue head's; false: there is none. */
static bool queue_advance(Ehci *s, EhciQueue *q)
{
    uint32_t next = q->w[QH_NEXT + QTD_NEXT], alt = q->w[QH_NEXT + QTD_ALT], e[QTD_WORDS];

    if (token_bytes(*queue_token(q)) && !(alt & LINK_T)) {
        next = alt;
    }
    if (next & LINK_T) {
        return false;
    }
    next &= ~(uint32_t)LINK_MASK;
    if (!ehci_words(s, false, next, e, QTD_WORDS)) {
        ehci_die(s, next);
        return false;
    }
    if (!(e[QTD_TOKEN] & TOKEN_ACTIVE)) {
        return false;
    }
    if (!(q->w[QH_CHARS] & 1 << 14)) { /* DTC: the toggle is the queue head's */
        e[QTD_TOKEN] = (e[QTD_TOKEN] & ~TOKEN_TOGGLE) | (*queue_token(q) & TOKEN_TOGGLE);
    }
    q->w[QH_CURRENT] = next;
    memcpy(&q->w[QH_NEXT], e, sizeof(e));
    if (!ehci_words(s, true, q->addr + 4 * QH_CURRENT, &q->w[QH_CURRENT], QTD_WORDS + 1)) {
        ehci_die(s, q->addr);
        return false;
    }
    return true;
}

static EhciXfer *queue_under_way(Ehci *s, const EhciQueue *q)
{
    for (unsigned i = 0; i < s->xfers->len; i++) {
        EhciXfer *x = g_ptr_array_index(s->xfers, i);

        if (x->q.addr == q->addr) {
            return x;
        }
    }
    return NULL;
}

static void queue_run(Ehci *s, EhciQueue *q)
{
    EhciXfer *x = queue_under_way(s, q);

    if (x) {
        x->seen = s->round;
        return;
    }
    for (unsigned n = 0; n < QTDS_MAX && ehci_runs(s); n++) {
        if (*queue_token(q) & TOKEN_HALTED ||
            (!(*queue_token(q) & TOKEN_ACTIVE) && !queue_advance(s, q)) ||
            queue_execute(s, q) == STEP_NEXT || !ehci_words(s, false, q->addr, q->w, QH_WORDS)) {
            return;
        }
    }
    s->busy = true;
}

/* ---- Schedules ---- */

/* The queue head at @link, and what comes after it. */
static uint32_t ehci_visit(Ehci *s, uint32_t link)
{
    EhciQueue q = { .addr = link & ~(uint32_t)LINK_MASK };

    if (!ehci_words(s, false, q.addr, q.w, QH_WORDS)) {
        ehci_die(s, q.addr);
        return LINK_T;
    }
    link = q.w[QH_LINK];
    queue_run(s, &q);
    return link;
}

static void ehci_async_list(Ehci *s)
{
    uint32_t link = s->async | LINK_QH << 1;

    for (unsigned n = 0; n < QHS_MAX && s->usbsts & EHCI_ASS && ehci_runs(s); n++) {
        link = ehci_visit(s, link);
        if (link & LINK_T || (link >> 1 & 3) != LINK_QH ||
            (link & ~(uint32_t)LINK_MASK) == s->async) {
            return;
        }
    }
}

/* Isochronous elements ("3.3", "3.4") are passed over: no device here has such endpoints. */
static void ehci_frame(Ehci *s, uint32_t frame)
{
    uint32_t mask = 0x3ffu >> MIN(s->usbcmd >> EHCI_FLS_SHIFT & 3, 2u), link;

    if (!ehci_words(s, false, s->periodic + 4 * (frame & mask), &link, 1)) {
        ehci_die(s, s->periodic);
        return;
    }
    for (unsigned n = 0; n < QHS_MAX && !(link & LINK_T) && ehci_runs(s); n++) {
        uint32_t at = link & ~(uint32_t)LINK_MASK;

        if ((link >> 1 & 3) == LINK_QH) {
            link = ehci_visit(s, link);
        } else if (!ehci_words(s, false, at, &link, 1)) {
            ehci_die(s, at);
        }
    }
}

void ehci_run(Ehci *s, unsigned frames)
{
    s->in_round = true;
    s->round++;
    for (unsigned i = frames; i-- > 0 && s->usbsts & EHCI_PSS && ehci_runs(s);) {
        ehci_frame(s, s->frindex / 8 - i);
    }
    ehci_async_list(s);
    s->in_round = false;
}

void ehci_advance(Ehci *s)
{
    uint32_t periodic = s->usbsts & EHCI_PSS;

    ehci_run(s, 0);
    for (unsigned i = s->xfers->len; i-- > 0;) {
        EhciXfer *x = g_ptr_array_index(s->xfers, i);

        /* Queues of the other schedule have a mask of microframes. */
        if (x->seen != s->round && !(periodic && x->q.w[QH_CAPS] & 0xff)) {
            g_ptr_array_remove_index_fast(s->xfers, i);
            usb_cancel(&x->packet);
            xfer_free(x);
        }
    }
}

void ehci_forget(Ehci *s)
{
    while (s->xfers->len) {
        EhciXfer *x = g_ptr_array_remove_index_fast(s->xfers, s->xfers->len - 1);

        usb_cancel(&x->packet);
        xfer_free(x);
    }
    for (unsigned i = 0; i < USB_ADDRESSES; i++) {
        usb_control_forget(&s->control[i]);
    }
}

void ehci_gone(Ehci *s, UsbDevice *u)
{
    for (unsigned i = s->xfers->len; i-- > 0;) {
        EhciXfer *x = g_ptr_array_index(s->xfers, i);

        if (x->packet.dev == u) {
            g_ptr_array_remove_index_fast(s->xfers, i);
            usb_cancel(&x->packet);
            xfer_ended(x, USB_ERROR);
        }
    }
}
