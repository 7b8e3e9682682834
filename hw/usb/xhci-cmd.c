/* SPDX-License-Identifier: Apache-2.0 */
/* The command ring: xHCI "4.6 Command Interface", "6.2 Context Structures". */
#include "hw/usb/xhci.h"

#include "util/bytes.h"

enum {
    COMMANDS_AT_ONCE = 256,
    CTX_EPS_MAX = XHCI_EPS + 1, /* with the slot's */
    NEC_VERSION = 0x3091,
};

typedef struct Ctx {
    uint32_t dw[XHCI_CTX / 4];
} Ctx;

static bool ctx_read(Xhci *s, uint64_t addr, Ctx *c)
{
    if (device_dma_read(&s->pci.dev, addr, c->dw, sizeof(c->dw)) != MEM_OK) {
        return false;
    }
    for (unsigned i = 0; i < ARRAY_SIZE(c->dw); i++) {
        c->dw[i] = le32toh(c->dw[i]);
    }
    return true;
}

static bool ctx_write(Xhci *s, uint64_t addr, const Ctx *c)
{
    uint8_t b[XHCI_CTX];

    for (unsigned i = 0; i < ARRAY_SIZE(c->dw); i++) {
        put_le32(b + 4 * i, c->dw[i]);
    }
    return device_dma_write(&s->pci.dev, addr, b, sizeof(b)) == MEM_OK;
}

/* ---- Slots and endpoints ---- */

unsigned xhci_port_of(Xhci *s, const UsbDevice *u)
{
    while (u->port->hub) {
        u = u->port->hub;
    }
    return u->port->number + (u->speed == USB_SUPER ? s->p2 : 0);
}

static void ep_disable(Xhci *s, unsigned slot, unsigned ep)
{
    xhci_cancel(s, slot, ep, 0);
    *xhci_ep(s, slot, ep) = (XhciEp){ 0 };
}

void xhci_disable_slot(Xhci *s, unsigned slot)
{
    for (unsigned ep = 1; ep <= XHCI_EPS; ep++) {
        ep_disable(s, slot, ep);
    }
    s->slot[slot - 1] = (XhciSlot){ 0 };
}

/* From the input context's form to ours and the output's. */
static void ep_enable(Xhci *s, unsigned slot, unsigned ep, Ctx *c)
{
    XhciEp *e = xhci_ep(s, slot, ep);

    ep_disable(s, slot, ep);
    e->state = EP_RUNNING;
    e->type = c->dw[1] >> 3 & 7;
    e->max_packet = (uint16_t)(c->dw[1] >> 16);
    e->dequeue = (c->dw[2] & ~15u) | (uint64_t)c->dw[3] << 32;
    e->cycle = c->dw[2] & 1;
    c->dw[0] = (c->dw[0] & ~7u) | EP_RUNNING;
}

void xhci_ep_store(Xhci *s, unsigned slot, unsigned ep)
{
    const XhciEp *e = xhci_ep(s, slot, ep);
    uint64_t addr = s->slot[slot - 1].ctx + ep * XHCI_CTX;
    Ctx c;

    if (!ctx_read(s, addr, &c)) {
        return;
    }
    c.dw[0] = (c.dw[0] & ~7u) | e->state;
    c.dw[2] = (uint32_t)e->dequeue | e->cycle;
    c.dw[3] = (uint32_t)(e->dequeue >> 32);
    if (!ctx_write(s, addr, &c)) {
        xhci_die(s, "device context cannot be written", addr);
    }
}

static void slot_set_state(Xhci *s, unsigned slot, Ctx *c, unsigned state, unsigned address)
{
    s->slot[slot - 1].state = (uint8_t)state;
    c->dw[3] = state << 27 | address;
}

static unsigned cmd_enable_slot(Xhci *s, unsigned *slot)
{
    for (unsigned n = 1; n <= s->n_slots && n <= (s->config & 0xff); n++) {
        if (!s->slot[n - 1].enabled) {
            s->slot[n - 1] = (XhciSlot){ .enabled = 1 };
            *slot = n;
            return CC_SUCCESS;
        }
    }
    return CC_NO_SLOTS;
}

/* "4.6.5 Address Device" */
static unsigned cmd_address_device(Xhci *s, unsigned slot, const XhciTrb *t)
{
    uint64_t in = t->param & ~15ull,
             dcbaa = (s->dcbaap_low & ~63u) | (uint64_t)s->dcbaap_high << 32;
    XhciSlot *l = &s->slot[slot - 1];
    Ctx control, sc, ec;
    uint64_t out = 0;
    UsbDevice *u;
    unsigned port;

    if (!ctx_read(s, in, &control) || !ctx_read(s, in + XHCI_CTX, &sc) ||
        !ctx_read(s, in + 2 * XHCI_CTX, &ec) ||
        device_dma_load(&s->pci.dev, dcbaa + 8 * slot, 8, &out) != MEM_OK) {
        return CC_PARAMETER;
    }
    port = sc.dw[1] >> 16 & 0xff;
    if ((control.dw[1] & 3) != 3 || !port || port > s->p2 + s->p3) {
        return CC_PARAMETER;
    }
    if (l->state >= SLOT_ADDRESSED || (l->state == SLOT_DEFAULT && t->control & TRB_BSR)) {
        return CC_CONTEXT_STATE;
    }
    l->ctx = out & ~63ull;
    l->port = (uint8_t)port;
    l->route = sc.dw[0] & 0xfffff;
    l->intr = (uint16_t)(sc.dw[2] >> 22);
    u = usb_bus_at(&s->bus, port > s->p2 ? port - s->p2 : port, l->route);
    if (!u || xhci_port_of(s, u) != port) {
        return CC_TRANSACTION_ERROR;
    }
    for (unsigned n = 0; n < s->n_slots; n++) {
        if (n != slot - 1 && s->slot[n].dev == u) {
            return CC_TRB_ERROR; /* it has a slot already */
        }
    }
    l->dev = u;
    if (t->control & TRB_BSR) {
        slot_set_state(s, slot, &sc, SLOT_DEFAULT, 0);
    } else {
        u->address = (uint8_t)slot;
        slot_set_state(s, slot, &sc, SLOT_ADDRESSED, slot);
    }
    ep_enable(s, slot, 1, &ec);
    return ctx_write(s, l->ctx, &sc) && ctx_write(s, l->ctx + XHCI_CTX, &ec) ? CC_SUCCESS
                                                                             : CC_PARAMETER;
}

/* "4.6.6 Configure Endpoint" */
static unsigned cmd_configure(Xhci *s, unsigned slot, const XhciTrb *t)
{
    XhciSlot *l = &s->slot[slot - 1];
    uint64_t in = t->param & ~15ull;
    bool all = t->control & TRB_BSR;
    Ctx control = { { ~0u } }, sc, new_sc;
    uint32_t drop, add;

    if (l->state < SLOT_ADDRESSED) {
        return CC_CONTEXT_STATE;
    }
    if ((!all && (!ctx_read(s, in, &control) || !ctx_read(s, in + XHCI_CTX, &new_sc))) ||
        !ctx_read(s, l->ctx, &sc)) {
        return CC_PARAMETER;
    }
    add = all ? 0 : control.dw[1];
    drop = control.dw[0];
    for (unsigned ep = 2; ep <= XHCI_EPS; ep++) {
        Ctx ec = { { 0 } };

        if (add >> ep & 1) {
            if (!ctx_read(s, in + (ep + 1) * XHCI_CTX, &ec)) {
                return CC_PARAMETER;
            }
            ep_enable(s, slot, ep, &ec);
        } else if (drop >> ep & 1) {
            ep_disable(s, slot, ep);
        } else {
            continue;
        }
        if (!ctx_write(s, l->ctx + ep * XHCI_CTX, &ec)) {
            return CC_PARAMETER;
        }
    }
    slot_set_state(s, slot, &sc, all ? SLOT_ADDRESSED : SLOT_CONFIGURED, sc.dw[3] & 0xff);
    /* Context entries; of a hub also that it is one, and its ports. */
    sc.dw[0] = all ? (sc.dw[0] & 0x07ffffff) | 1u << 27
                   : (sc.dw[0] & 0x00ffffff) | (new_sc.dw[0] & 0xff000000);
    sc.dw[1] = all ? sc.dw[1] : (sc.dw[1] & 0x00ffffff) | (new_sc.dw[1] & 0xff000000);
    return ctx_write(s, l->ctx, &sc) ? CC_SUCCESS : CC_PARAMETER;
}

/* "4.6.7 Evaluate Context" */
static unsigned cmd_evaluate(Xhci *s, unsigned slot, const XhciTrb *t)
{
    XhciSlot *l = &s->slot[slot - 1];
    uint64_t in = t->param & ~15ull;
    Ctx control, from, to;

    if (l->state < SLOT_DEFAULT) {
        return CC_CONTEXT_STATE;
    }
    if (!ctx_read(s, in, &control)) {
        return CC_PARAMETER;
    }
    if (control.dw[1] & 1) {
        if (!ctx_read(s, in + XHCI_CTX, &from) || !ctx_read(s, l->ctx, &to)) {
            return CC_PARAMETER;
        }
        to.dw[1] = (to.dw[1] & 0xffff0000) | (from.dw[1] & 0xffff); /* exit latency */
        to.dw[2] = (to.dw[2] & 0x003fffff) | (from.dw[2] & 0xffc00000);
        l->intr = (uint16_t)(to.dw[2] >> 22);
        if (!ctx_write(s, l->ctx, &to)) {
            return CC_PARAMETER;
        }
    }
    if (control.dw[1] & 2) {
        if (!ctx_read(s, in + 2 * XHCI_CTX, &from) || !ctx_read(s, l->ctx + XHCI_CTX, &to)) {
            return CC_PARAMETER;
        }
        to.dw[1] = (to.dw[1] & 0xffff) | (from.dw[1] & 0xffff0000); /* largest packet */
        xhci_ep(s, slot, 1)->max_packet = (uint16_t)(to.dw[1] >> 16);
        if (!ctx_write(s, l->ctx + XHCI_CTX, &to)) {
            return CC_PARAMETER;
        }
    }
    return CC_SUCCESS;
}

/* "4.6.11 Reset Device" */
static unsigned cmd_reset_device(Xhci *s, unsigned slot)
{
    XhciSlot *l = &s->slot[slot - 1];
    Ctx sc;

    if (l->state < SLOT_ADDRESSED) {
        return CC_CONTEXT_STATE;
    }
    for (unsigned ep = 2; ep <= XHCI_EPS; ep++) {
        if (xhci_ep(s, slot, ep)->state != EP_DISABLED) {
            ep_disable(s, slot, ep);
            xhci_ep_store(s, slot, ep);
        }
    }
    if (!ctx_read(s, l->ctx, &sc)) {
        return CC_PARAMETER;
    }
    slot_set_state(s, slot, &sc, SLOT_DEFAULT, 0);
    sc.dw[0] = (sc.dw[0] & 0x07ffffff) | 1u << 27;
    if (l->dev) {
        l->dev->address = 0;
    }
    return ctx_write(s, l->ctx, &sc) ? CC_SUCCESS : CC_PARAMETER;
}

/* ---- Endpoints ---- */

/* "4.6.8 Reset Endpoint", "4.6.9 Stop Endpoint", "4.6.10 Set TR Dequeue Pointer" */
static unsigned cmd_endpoint(Xhci *s, unsigned slot, const XhciTrb *t)
{
    unsigned ep = t->control >> 16 & 31;
    XhciEp *e = ep ? xhci_ep(s, slot, ep) : NULL;

    if (!e) {
        return CC_TRB_ERROR;
    }
    if (e->state == EP_DISABLED) {
        return CC_EP_DISABLED;
    }
    switch (trb_type(t->control)) {
    case TRB_RESET_EP:
        if (e->state != EP_HALTED) {
            return CC_CONTEXT_STATE;
        }
        e->state = EP_STOPPED;
        break;
    case TRB_STOP_EP:
        if (e->state != EP_RUNNING) {
            return CC_CONTEXT_STATE;
        }
        xhci_cancel(s, slot, ep, CC_STOPPED);
        e->state = EP_STOPPED;
        break;
    default:
        if (e->state != EP_STOPPED && e->state != EP_ERROR) {
            return CC_CONTEXT_STATE;
        }
        e->dequeue = t->param & ~15ull;
        e->cycle = t->param & 1;
        e->state = EP_STOPPED;
        break;
    }
    xhci_ep_store(s, slot, ep);
    return CC_SUCCESS;
}

/* "4.6.15 Get Port Bandwidth": none is taken ever. */
static unsigned cmd_port_bandwidth(Xhci *s, const XhciTrb *t)
{
    uint8_t b[1 + XHCI_PORTS];
    unsigned n = s->p2 + s->p3;

    memset(b, 80, sizeof(b)); /* per cent */
    b[0] = 0;
    return device_dma_write(&s->pci.dev, t->param & ~15ull, b, 1 + n) == MEM_OK ? CC_SUCCESS
                                                                                : CC_PARAMETER;
}

static unsigned cmd_of_slot(Xhci *s, unsigned slot, const XhciTrb *t)
{
    if (!slot || slot > s->n_slots || !s->slot[slot - 1].enabled) {
        return CC_SLOT_DISABLED;
    }
    switch (trb_type(t->control)) {
    case TRB_DISABLE_SLOT:
        xhci_disable_slot(s, slot);
        return CC_SUCCESS;
    case TRB_ADDRESS_DEVICE:
        return cmd_address_device(s, slot, t);
    case TRB_CONFIGURE_EP:
        return cmd_configure(s, slot, t);
    case TRB_EVALUATE:
        return cmd_evaluate(s, slot, t);
    case TRB_RESET_DEVICE:
        return cmd_reset_device(s, slot);
    default:
        return cmd_endpoint(s, slot, t);
    }
}

static void xhci_command(Xhci *s, const XhciTrb *t)
{
    unsigned slot = t->control >> 24, code, type = TRB_COMMAND_EVENT;
    uint32_t param = 0;

    switch (trb_type(t->control)) {
    case TRB_NOOP_COMMAND:
    case TRB_SET_LATENCY:
        code = CC_SUCCESS;
        break;
    case TRB_ENABLE_SLOT:
        code = cmd_enable_slot(s, &slot);
        break;
    case TRB_DISABLE_SLOT ... TRB_RESET_DEVICE:
        code = cmd_of_slot(s, slot, t);
        break;
    case TRB_PORT_BANDWIDTH:
        code = cmd_port_bandwidth(s, t);
        break;
    case TRB_NEC_FIRMWARE:
        code = pci_get16(&s->pci, PCI_VENDOR_ID) == 0x1033 ? CC_SUCCESS : CC_TRB_ERROR;
        type = code == CC_SUCCESS ? TRB_NEC_EVENT : TRB_COMMAND_EVENT;
        param = code == CC_SUCCESS ? NEC_VERSION : 0;
        break;
    default:
        guest_error(&s->pci.dev, "command %u is unknown", trb_type(t->control));
        code = CC_TRB_ERROR;
        break;
    }
    xhci_event(s, 0, t->addr, code << 24 | param, type << 10 | slot << 24, false);
}

void xhci_run_commands(Xhci *s)
{
    XhciTrb t;

    for (unsigned n = 0; xhci_runs(s) && s->cmd_running && xhci_event_room(s, 0); n++) {
        if (n == COMMANDS_AT_ONCE) {
            timer_arm_in(&s->again, XHCI_MICROFRAME_NS);
            return;
        }
        if (!xhci_read_trb(s, s->cmd_dequeue, &t)) {
            xhci_die(s, "command ring cannot be read", s->cmd_dequeue);
            return;
        }
        if ((t.control & TRB_CYCLE) != s->cmd_cycle) {
            return;
        }
        if (trb_type(t.control) == TRB_LINK) {
            s->cmd_dequeue = t.param & ~15ull;
            s->cmd_cycle ^= t.control & TRB_TOGGLE ? 1 : 0;
            continue;
        }
        s->cmd_dequeue += XHCI_TRB;
        xhci_command(s, &t);
    }
}
