/* SPDX-License-Identifier: Apache-2.0 */
/* Transfer rings: xHCI "4.9.2 Transfer Ring Management", "4.10 TRB", "4.11.2 Transfer TRBs". */
#include "hw/usb/xhci.h"

#include "util/bytes.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    TD_TRBS_MAX = 4096,
    TD_LINKS_MAX = 256,
    TD_BYTES_MAX = 16 << 20,
    TDS_AT_ONCE = 512, /* of an endpoint, before others and the rest of the machine */
};

/* A transfer descriptor, as it was fetched. */
struct XhciXfer {
    Xhci *s;
    unsigned slot, ep;
    UsbPacket packet;
    GArray *trbs; /* of XhciTrb, without links */
    uint64_t next;
    uint8_t next_cycle;
    bool in;
};

typedef enum TdResult { TD_NONE, TD_WHOLE, TD_BAD } TdResult;

static XhciTrb *xfer_trb(const XhciXfer *x, unsigned i)
{
    return &g_array_index(x->trbs, XhciTrb, i);
}

static uint32_t trb_length(const XhciTrb *t)
{
    return t->status & 0x1ffff;
}

static bool trb_has_data(const XhciTrb *t)
{
    unsigned type = trb_type(t->control);

    return type == TRB_NORMAL || type == TRB_DATA || type == TRB_ISOCH;
}

static void xfer_free(XhciXfer *x)
{
    free(x->packet.buf);
    g_array_free(x->trbs, TRUE);
    g_free(x);
}

/* ---- Fetching ---- */

/* Does the descriptor end with @t? Of a control endpoint it is the whole transfer. */
static bool td_ends(const XhciXfer *x, const XhciEp *e, const XhciTrb *t)
{
    if (t->control & TRB_CHAIN) {
        return false;
    }
    if (e->type == EP_CONTROL && trb_type(xfer_trb(x, 0)->control) == TRB_SETUP) {
        return trb_type(t->control) == TRB_STATUS ||
               (trb_type(t->control) == TRB_EVENT_DATA && x->trbs->len > 1 &&
                trb_type(xfer_trb(x, x->trbs->len - 2)->control) == TRB_STATUS);
    }
    return true;
}

static TdResult td_fetch(XhciXfer *x, const XhciEp *e)
{
    uint64_t addr = e->dequeue;
    uint8_t cycle = e->cycle;
    unsigned links = 0;

    for (;;) {
        XhciTrb t;

        if (!xhci_read_trb(x->s, addr, &t)) {
            return TD_BAD;
        }
        if ((t.control & TRB_CYCLE) != cycle) {
            return TD_NONE;
        }
        if (trb_type(t.control) == TRB_LINK) {
            if (++links > TD_LINKS_MAX) {
                return TD_BAD;
            }
            addr = t.param & ~15ull;
            cycle ^= t.control & TRB_TOGGLE ? 1 : 0;
            continue;
        }
        addr += XHCI_TRB;
        g_array_append_val(x->trbs, t);
        if (td_ends(x, e, &t)) {
            x->next = addr;
            x->next_cycle = cycle;
            return TD_WHOLE;
        }
        if (x->trbs->len == TD_TRBS_MAX) {
            return TD_BAD;
        }
    }
}

/* Copy between the packet's buffer and the guest's: @len bytes. */
static bool xfer_copy(XhciXfer *x, bool to_guest, uint32_t len)
{
    Device *dev = &x->s->pci.dev;
    uint32_t at = 0;

    for (unsigned i = 0; i < x->trbs->len && at < len; i++) {
        const XhciTrb *t = xfer_trb(x, i);
        uint32_t n = MIN(trb_length(t), len - at);
        uint8_t *buf = x->packet.buf + at;

        if (!trb_has_data(t) || !n) {
            continue;
        }
        if (t->control & TRB_IMMEDIATE) {
            uint8_t b[8];

            if (to_guest || n > sizeof(b)) {
                return false;
            }
            put_le64(b, t->param);
            memcpy(buf, b, n);
        } else if ((to_guest ? device_dma_write(dev, t->param, buf, n)
                             : device_dma_read(dev, t->param, buf, n)) != MEM_OK) {
            return false;
        }
        at += n;
    }
    return true;
}

/* What the TRBs ask for, as a packet; a completion code, 0: all is well. */
static unsigned xfer_prepare(XhciXfer *x, const XhciEp *e)
{
    UsbPacket *p = &x->packet;
    const XhciTrb *first = xfer_trb(x, 0);
    uint64_t len = 0;

    for (unsigned i = 0; i < x->trbs->len; i++) {
        len += trb_has_data(xfer_trb(x, i)) ? trb_length(xfer_trb(x, i)) : 0;
    }
    if (len > TD_BYTES_MAX) {
        return CC_TRB_ERROR;
    }
    if (e->type == EP_CONTROL) {
        if (trb_type(first->control) != TRB_SETUP || !(first->control & TRB_IMMEDIATE)) {
            return CC_TRB_ERROR;
        }
        put_le64(p->setup, first->param);
        p->pid = USB_PID_SETUP;
        x->in = p->setup[0] & USB_DIR_IN;
        len = MIN(len, usb_length(p));
    } else {
        x->in = e->type > EP_CONTROL;
        p->pid = x->in ? USB_PID_IN : USB_PID_OUT;
    }
    p->ep = (uint8_t)(x->ep / 2);
    p->len = (uint32_t)len;
    p->buf = calloc(1, len + 1);
    if (!p->buf) {
        return CC_RESOURCE;
    }
    return x->in || xfer_copy(x, false, p->len) ? 0 : CC_BUFFER_ERROR;
}

/* ---- Ending ---- */

static void xfer_event(const XhciXfer *x, const XhciTrb *t, uint64_t param, unsigned code,
                       uint32_t len, uint32_t flags)
{
    xhci_event(x->s, t->status >> 22, param, code << 24 | (len & 0xffffff),
               (uint32_t)TRB_TRANSFER_EVENT << 10 | x->ep << 16 | x->slot << 24 | flags,
               t->control & TRB_BLOCK_EVENT);
}

/* The TRB that an error belongs to: the one where the data end, of a control transfer's data or
 * status stage; and how much of it was not moved. */
static const XhciTrb *xfer_error_trb(const XhciXfer *x, uint32_t actual, uint32_t *left)
{
    const XhciTrb *at = xfer_trb(x, x->trbs->len - 1);

    *left = 0;
    for (unsigned i = 0; i < x->trbs->len; i++) {
        const XhciTrb *t = xfer_trb(x, i);

        if (!trb_has_data(t)) {
            continue;
        }
        at = t;
        *left = trb_length(t);
        if (actual < trb_length(t)) {
            *left -= actual;
            break;
        }
        actual -= trb_length(t);
    }
    return at;
}

static void xfer_halt(XhciXfer *x, unsigned code, unsigned state)
{
    XhciEp *e = xhci_ep(x->s, x->slot, x->ep);
    uint32_t left;
    const XhciTrb *t = xfer_error_trb(x, x->packet.actual, &left);

    e->state = (uint8_t)state;
    xhci_ep_store(x->s, x->slot, x->ep);
    xfer_event(x, t, t->addr, code, left, 0);
}

/* Events of a transfer that has moved packet.actual bytes. "4.10.1.1 Short Transfers" */
static void xfer_events(const XhciXfer *x)
{
    uint32_t left = x->packet.actual, sum = 0;
    bool is_short = false;

    for (unsigned i = 0; i < x->trbs->len; i++) {
        const XhciTrb *t = xfer_trb(x, i);
        uint32_t n = MIN(left, trb_length(t));

        if (trb_type(t->control) == TRB_EVENT_DATA) {
            if (t->control & TRB_IOC) {
                xfer_event(x, t, t->param, is_short ? CC_SHORT_PACKET : CC_SUCCESS, sum, TRB_ISP);
            }
            sum = 0;
            continue;
        }
        if (!trb_has_data(t)) {
            if (t->control & TRB_IOC) {
                xfer_event(x, t, t->addr, CC_SUCCESS, 0, 0);
            }
            continue;
        }
        left -= n;
        sum += n;
        if (is_short) {
            continue;
        }
        is_short = n < trb_length(t);
        if (t->control & TRB_IOC || (is_short && t->control & TRB_ISP)) {
            xfer_event(x, t, t->addr, is_short ? CC_SHORT_PACKET : CC_SUCCESS, trb_length(t) - n,
                       0);
        } else if (is_short && i + 1 < x->trbs->len && !(t->control & TRB_ISP)) {
            /* Nobody asked to hear of it here: the last TRB tells. */
            const XhciTrb *last = xfer_trb(x, x->trbs->len - 1);

            if (trb_has_data(last) && last->control & TRB_IOC) {
                xfer_event(x, last, last->addr, CC_SHORT_PACKET, trb_length(last), 0);
            }
        }
    }
}

/* The packet has ended with @status; frees @x. */
static void xfer_end(XhciXfer *x, UsbStatus status)
{
    Xhci *s = x->s;
    XhciEp *e = xhci_ep(s, x->slot, x->ep);

    switch (status) {
    case USB_OK:
        if (x->in && !xfer_copy(x, true, x->packet.actual)) {
            xfer_halt(x, CC_BUFFER_ERROR, EP_HALTED);
            break;
        }
        if (!x->in) {
            x->packet.actual = x->packet.len;
        }
        e->dequeue = x->next;
        e->cycle = x->next_cycle;
        xfer_events(x);
        break;
    case USB_STALL:
        xfer_halt(x, CC_STALL, EP_HALTED);
        break;
    case USB_BABBLE:
        xfer_halt(x, CC_BABBLE, EP_HALTED);
        break;
    default:
        xfer_halt(x, CC_TRANSACTION_ERROR, EP_HALTED);
        break;
    }
    xfer_free(x);
}

/* From the device, under the lock. */
static void xfer_done(UsbPacket *p)
{
    XhciXfer *x = p->opaque;
    Xhci *s = x->s;
    unsigned slot = x->slot, ep = x->ep;

    xhci_ep(s, slot, ep)->xfer = NULL;
    xfer_end(x, p->status);
    xhci_kick(s, slot, ep);
}

static XhciXfer *xhci_take(Xhci *s, unsigned slot, unsigned ep)
{
    XhciXfer *x = xhci_ep(s, slot, ep)->xfer;

    if (x) {
        usb_cancel(&x->packet);
        xhci_ep(s, slot, ep)->xfer = NULL;
    }
    return x;
}

bool xhci_cancel(Xhci *s, unsigned slot, unsigned ep, unsigned code)
{
    XhciXfer *x = xhci_take(s, slot, ep);
    const XhciTrb *t;
    uint32_t left;

    if (!x) {
        return false;
    }
    if (code) {
        t = xfer_error_trb(x, 0, &left);
        xfer_event(x, t, t->addr, code, left, 0);
    }
    xfer_free(x);
    return true;
}

void xhci_fail(Xhci *s, unsigned slot, unsigned ep)
{
    XhciXfer *x = xhci_take(s, slot, ep);

    if (x) {
        xfer_end(x, USB_ERROR);
    }
}

/* ---- Running ---- */

/* A descriptor of no operation: one TRB. */
static bool xfer_is_noop(const XhciXfer *x)
{
    unsigned type = trb_type(xfer_trb(x, 0)->control);

    return x->trbs->len == 1 && (type == TRB_NOOP || type == TRB_EVENT_DATA);
}

/* The next descriptor of the ring; false: there is none, or it cannot go on now. */
static bool xhci_run_one(Xhci *s, unsigned slot, unsigned ep)
{
    XhciEp *e = xhci_ep(s, slot, ep);
    XhciXfer *x = g_new0(XhciXfer, 1);
    unsigned code;
    TdResult td;
    UsbStatus status;

    *x = (XhciXfer){ .s = s, .slot = slot, .ep = ep };
    x->trbs = g_array_new(FALSE, FALSE, sizeof(XhciTrb));
    td = td_fetch(x, e);
    if (td == TD_NONE || !x->trbs->len) {
        if (td != TD_NONE) {
            xhci_die(s, "transfer ring makes no sense", e->dequeue);
        }
        xfer_free(x);
        return false;
    }
    if (td == TD_WHOLE && xfer_is_noop(x)) {
        xfer_end(x, USB_OK);
        return true;
    }
    code = td == TD_WHOLE ? xfer_prepare(x, e) : CC_TRB_ERROR;
    if (code) {
        xfer_halt(x, code, code == CC_TRB_ERROR ? EP_ERROR : EP_HALTED);
        xfer_free(x);
        return false;
    }
    x->packet.dev = s->slot[slot - 1].dev;
    x->packet.done = xfer_done;
    x->packet.opaque = x;
    status = usb_submit(&x->packet);
    if (status == USB_ASYNC) {
        e->xfer = x;
        return false;
    }
    if (status == USB_NAK) {
        xfer_free(x); /* the device wakes it up */
        return false;
    }
    xfer_end(x, status);
    return true;
}

static void xhci_run_ep(Xhci *s, unsigned slot, unsigned ep)
{
    XhciEp *e = xhci_ep(s, slot, ep);

    for (unsigned n = 0;
         xhci_runs(s) && s->slot[slot - 1].enabled && e->state == EP_RUNNING && !e->xfer &&
         !s->bus.draining && xhci_event_room(s, 0) && xhci_event_room(s, s->slot[slot - 1].intr);
         n++) {
        if (n == TDS_AT_ONCE) {
            timer_arm_in(&s->again, XHCI_MICROFRAME_NS);
            return;
        }
        if (!xhci_run_one(s, slot, ep)) {
            return;
        }
    }
}

/* What a device does for one endpoint may wake another: not from within. */
void xhci_kick(Xhci *s, unsigned slot, unsigned ep)
{
    s->slot[slot - 1].pending |= 1u << ep;
    s->pending_slots |= BIT(slot - 1);
    if (s->in_kick) {
        return;
    }
    s->in_kick = true;
    while (s->pending_slots) {
        unsigned n = (unsigned)__builtin_ctzll(s->pending_slots);
        XhciSlot *l = &s->slot[n];

        s->pending_slots &= ~BIT(n);
        while (l->pending) {
            unsigned i = (unsigned)__builtin_ctz(l->pending);

            l->pending &= ~(1u << i);
            xhci_run_ep(s, n + 1, i);
        }
    }
    s->in_kick = false;
}

void xhci_kick_all(Xhci *s)
{
    for (unsigned slot = 1; slot <= s->n_slots; slot++) {
        for (unsigned ep = 1; ep <= XHCI_EPS && s->slot[slot - 1].enabled; ep++) {
            if (xhci_ep(s, slot, ep)->state == EP_RUNNING) {
                xhci_kick(s, slot, ep);
            }
        }
    }
}
