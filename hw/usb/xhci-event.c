/* SPDX-License-Identifier: Apache-2.0 */
/* Event rings: xHCI "4.9.4 Event Ring Management"; interrupters: "4.17". */
#include "hw/usb/xhci.h"

#include "util/bytes.h"

#include <inttypes.h>

enum {
    IMAN_IP = 1,
    IMAN_IE = 2,
    ERDP_EHB = 8,
    SEGMENT_MIN = 16,
    SEGMENT_MAX = 4096,
    ROOM = 8,
};

void xhci_die(Xhci *s, const char *why, uint64_t addr)
{
    guest_error(&s->pci.dev, "%s (0x%" PRIx64 "): the controller stops", why, addr);
    s->usbsts |= USBSTS_HCE | USBSTS_HCH;
}

bool xhci_read_trb(Xhci *s, uint64_t addr, XhciTrb *t)
{
    uint8_t b[XHCI_TRB];

    if (device_dma_read(&s->pci.dev, addr, b, sizeof(b)) != MEM_OK) {
        return false;
    }
    *t = (XhciTrb){ addr, get_le64(b), get_le32(b + 8), get_le32(b + 12) };
    return true;
}

void xhci_intr_restart(XhciIntr *i)
{
    i->n_segs = 0;
    i->seg = i->pos = 0;
    i->cycle = 1;
}

/* "6.5 Event Ring Segment Table" */
static bool xhci_load_segments(Xhci *s, XhciIntr *i)
{
    unsigned n = MIN(i->erstsz & 0xffff, XHCI_SEGMENTS);

    if (i->n_segs) {
        return true;
    }
    for (unsigned k = 0; k < n; k++) {
        uint8_t b[XHCI_TRB];

        if (device_dma_read(&s->pci.dev, (i->erstba & ~63ull) + k * XHCI_TRB, b, sizeof(b)) !=
            MEM_OK) {
            xhci_die(s, "event ring segment table cannot be read", i->erstba);
            return false;
        }
        i->seg_base[k] = get_le64(b) & ~63ull;
        i->seg_size[k] = get_le16(b + 8);
        if (i->seg_size[k] < SEGMENT_MIN || i->seg_size[k] > SEGMENT_MAX) {
            xhci_die(s, "event ring segment has a bad size", i->seg_size[k]);
            return false;
        }
    }
    /* A table that was loaded with the machine may have shrunk in memory since. */
    if (n && (i->seg >= n || i->pos >= i->seg_size[i->seg])) {
        xhci_intr_restart(i);
    }
    i->n_segs = (uint8_t)n;
    return n != 0;
}

static uint64_t xhci_event_addr(const XhciIntr *i, unsigned seg, unsigned pos)
{
    return i->seg_base[seg] + (uint64_t)pos * XHCI_TRB;
}

/* Whether the driver's place is at most @steps ahead of ours; steps 1: the ring is full. */
static bool xhci_event_near(const XhciIntr *i, unsigned steps)
{
    uint64_t erdp = (i->erdp_low & ~15u) | (uint64_t)i->erdp_high << 32;
    unsigned seg = i->seg, pos = i->pos;

    for (unsigned k = 0; k < steps; k++) {
        if (++pos >= i->seg_size[seg]) {
            pos = 0;
            seg = (seg + 1) % i->n_segs;
        }
        if (xhci_event_addr(i, seg, pos) == erdp) {
            return true;
        }
    }
    return false;
}

bool xhci_event_room(Xhci *s, unsigned n)
{
    XhciIntr *i = &s->intr[n < s->n_intrs ? n : 0];

    if (xhci_load_segments(s, i) && !xhci_event_near(i, ROOM)) {
        return true;
    }
    s->starved = 1;
    return false;
}

/* "4.17.2 Interrupt Moderation" without the counter, "4.17.5 Interrupt Blocking" */
void xhci_intr_update(Xhci *s, unsigned n)
{
    XhciIntr *i = &s->intr[n];
    bool level;

    if (i->ipe && !(i->erdp_low & ERDP_EHB)) {
        i->ipe = 0;
        i->erdp_low |= ERDP_EHB;
        i->iman |= IMAN_IP;
        s->usbsts |= USBSTS_EINT;
    }
    level = i->iman & IMAN_IP && i->iman & IMAN_IE && s->usbcmd & USBCMD_INTE;
    if (level && (pci_msix_is_on(&s->pci) || pci_msi_is_on(&s->pci))) {
        i->iman &= ~(uint32_t)IMAN_IP; /* a message clears it */
        pci_msg_notify(&s->pci, n);
        level = false;
    }
    if (!n) {
        pci_set_intx(&s->pci, level);
    }
}

void xhci_event(Xhci *s, unsigned n, uint64_t param, uint32_t status, uint32_t control, bool block)
{
    XhciIntr *i = &s->intr[n < s->n_intrs ? n : 0];
    uint64_t addr;
    uint8_t b[12];

    if (!xhci_load_segments(s, i)) {
        return;
    }
    if (xhci_event_near(i, 1)) {
        guest_error(&s->pci.dev, "event ring %u is full", n);
        return;
    }
    addr = xhci_event_addr(i, i->seg, i->pos);
    put_le64(b, param);
    put_le32(b + 8, status);
    /* The cycle bit tells the driver that an event is whole: it goes last. */
    if (device_dma_write(&s->pci.dev, addr, b, sizeof(b)) != MEM_OK ||
        device_dma_store(&s->pci.dev, addr + 12, 4, control | i->cycle) != MEM_OK) {
        xhci_die(s, "event ring cannot be written", addr);
        return;
    }
    if (++i->pos >= i->seg_size[i->seg]) {
        i->pos = 0;
        if (++i->seg >= i->n_segs) {
            i->seg = 0;
            i->cycle ^= 1;
        }
    }
    i->ipe |= !block;
    xhci_intr_update(s, (unsigned)(i - s->intr));
}
