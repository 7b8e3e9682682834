/* SPDX-License-Identifier: Apache-2.0 */
/* Registers, ports, life: xHCI "5 Register Interface", "4.19 Root Hub Ports". */
#include "hw/usb/xhci.h"

#include "util/bytes.h"

enum {
    BAR_SIZE = 0x4000,
    OPERATIONAL = 0x40,
    EXTENDED = 0x20,
    RUNTIME = 0x1000,
    DOORBELLS = 0x2000,
    MSIX_TABLE = 0x3000,
    MSIX_PBA = 0x3800,
    /* "5.4.8 Port Status and Control Register" */
    PORT_CCS = 1 << 0,
    PORT_PED = 1 << 1,
    PORT_PR = 1 << 4,
    PORT_PLS_SHIFT = 5,
    PORT_PLS = 15 << PORT_PLS_SHIFT,
    PORT_PP = 1 << 9,
    PORT_SPEED_SHIFT = 10,
    PORT_SPEED = 15 << PORT_SPEED_SHIFT,
    PORT_PIC = 3 << 14,
    PORT_LWS = 1 << 16,
    PORT_CSC = 1 << 17,
    PORT_PEC = 1 << 18,
    PORT_WRC = 1 << 19,
    PORT_PRC = 1 << 21,
    PORT_PLC = 1 << 22,
    PORT_CHANGES = 0x7f << 17,
    PORT_WAKES = 7 << 25,
    PLS_U0 = 0,
    PLS_U3 = 3,
    PLS_DISABLED = 4,
    PLS_RX_DETECT = 5,
    PLS_POLLING = 7,
    PLS_RESUME = 15,
    MFINDEX_BITS = 14,
    CRCR_CS = 2,
    CRCR_CA = 4,
    CRCR_CRR = 8,
    ERDP_EHB = 8,
};
#define PORT_WPR (1u << 31)

/* ---- Ports ---- */

static unsigned xhci_n_ports(const Xhci *s)
{
    return s->p2 + s->p3;
}

static void port_notify(Xhci *s, unsigned n, uint32_t changes)
{
    XhciPort *p = &s->port[n];
    bool before = p->portsc & PORT_CHANGES;

    p->portsc |= changes;
    s->usbsts |= USBSTS_PCD;
    if (!before && xhci_runs(s)) {
        xhci_event(s, 0, (uint64_t)(n + 1) << 24, (uint32_t)CC_SUCCESS << 24,
                   (uint32_t)TRB_PORT_EVENT << 10, false);
    }
}

static void port_set_link(XhciPort *p, unsigned pls)
{
    p->portsc = (p->portsc & ~(uint32_t)PORT_PLS) | pls << PORT_PLS_SHIFT;
}

/* The device on port @n of ours, by connector and speed; NULL. */
static UsbDevice *port_device(Xhci *s, unsigned n)
{
    UsbDevice *u = usb_bus_at(&s->bus, n < s->p2 ? n + 1 : n - s->p2 + 1, 0);

    return u && xhci_port_of(s, u) == n + 1 ? u : NULL;
}

/* "7.2.2.1.1 Default Speed ID Mapping" */
static unsigned port_speed_id(unsigned speed)
{
    static const uint8_t ids[USB_SPEEDS] = {
        [USB_FULL] = 1, [USB_LOW] = 2, [USB_HIGH] = 3, [USB_SUPER] = 4
    };

    return ids[speed];
}

/* What is plugged in, with power on and nothing else done. */
static void port_update(Xhci *s, unsigned n)
{
    XhciPort *p = &s->port[n];
    const UsbDevice *u = p->portsc & PORT_PP ? port_device(s, n) : NULL;

    p->portsc &= ~(uint32_t)(PORT_CCS | PORT_PED | PORT_PLS | PORT_SPEED | PORT_PR);
    port_set_link(p, PLS_RX_DETECT);
    if (u) {
        p->portsc |= PORT_CCS | port_speed_id(u->speed) << PORT_SPEED_SHIFT;
        if (n >= s->p2) {
            p->portsc |= PORT_PED; /* SuperSpeed links train by themselves */
            port_set_link(p, PLS_U0);
        } else {
            port_set_link(p, PLS_POLLING);
        }
    }
}

static void port_reset(Xhci *s, unsigned n, bool warm)
{
    XhciPort *p = &s->port[n];
    UsbDevice *u = port_device(s, n);

    if (!u) {
        return;
    }
    usb_reset(u);
    p->portsc |= PORT_PED;
    port_set_link(p, PLS_U0);
    port_notify(s, n, warm ? PORT_PRC | PORT_WRC : PORT_PRC);
}

/* "4.19.1 Root Hub Port State Machines": only what a device that always answers can show. */
static void port_write_link(Xhci *s, unsigned n, unsigned pls)
{
    XhciPort *p = &s->port[n];
    unsigned old = (p->portsc & PORT_PLS) >> PORT_PLS_SHIFT;

    if (!(p->portsc & PORT_PED)) {
        if (n >= s->p2 && pls == PLS_RX_DETECT && old == PLS_DISABLED) {
            port_update(s, n);
        }
        return;
    }
    switch (pls) {
    case PLS_U0:
        port_set_link(p, PLS_U0);
        if (old == PLS_U3 || old == PLS_RESUME) {
            port_notify(s, n, PORT_PLC);
        }
        break;
    case PLS_U3:
        port_set_link(p, PLS_U3);
        break;
    case PLS_RESUME:
        if (old == PLS_U3 && n < s->p2) {
            port_set_link(p, PLS_RESUME);
        }
        break;
    case PLS_DISABLED:
        if (n >= s->p2) {
            p->portsc &= ~(uint32_t)PORT_PED;
            port_set_link(p, PLS_DISABLED);
        }
        break;
    default:
        break;
    }
}

static void xhci_portsc_write(Device *dev, unsigned n, uint64_t val)
{
    Xhci *s = xhci_of(dev);
    XhciPort *p = &s->port[n];
    uint32_t v = (uint32_t)val;

    if (n >= xhci_n_ports(s)) {
        return;
    }
    p->portsc &= ~(v & PORT_CHANGES);
    p->portsc = (p->portsc & ~(uint32_t)(PORT_PIC | PORT_WAKES)) | (v & (PORT_PIC | PORT_WAKES));
    if ((v ^ p->portsc) & PORT_PP) {
        p->portsc ^= PORT_PP;
        port_update(s, n);
        return;
    }
    if (v & PORT_WPR && n >= s->p2) {
        port_reset(s, n, true);
    } else if (v & PORT_PR) {
        port_reset(s, n, false);
    } else if (v & PORT_PED && p->portsc & PORT_PED) {
        p->portsc &= ~(uint32_t)PORT_PED; /* written as 1 it goes */
        port_set_link(p, n < s->p2 ? PLS_POLLING : PLS_DISABLED);
    } else if (v & PORT_LWS) {
        port_write_link(s, n, (v & PORT_PLS) >> PORT_PLS_SHIFT);
    }
}

static uint64_t xhci_portsc_read(Device *dev, unsigned n)
{
    Xhci *s = xhci_of(dev);

    return n < xhci_n_ports(s) ? s->port[n].portsc : 0;
}

static void xhci_bus_changed(UsbBus *b, UsbPort *port)
{
    Xhci *s = xhci_of(b->owner);

    for (unsigned n = 0; n < xhci_n_ports(s); n++) {
        uint32_t old = s->port[n].portsc;

        if ((n < s->p2 ? n : n - s->p2) + 1 != port->number) {
            continue;
        }
        port_update(s, n);
        if ((old ^ s->port[n].portsc) & PORT_CCS) {
            port_notify(s, n, PORT_CSC);
        } else {
            s->port[n].portsc = old;
        }
    }
}

static void xhci_bus_gone(UsbBus *b, UsbDevice *u)
{
    Xhci *s = xhci_of(b->owner);

    for (unsigned slot = 1; slot <= s->n_slots; slot++) {
        if (s->slot[slot - 1].dev == u) {
            for (unsigned ep = 1; ep <= XHCI_EPS; ep++) {
                xhci_fail(s, slot, ep);
            }
            s->slot[slot - 1].dev = NULL;
        }
    }
}

static void xhci_bus_wakeup(UsbBus *b, UsbDevice *u, uint8_t address)
{
    Xhci *s = xhci_of(b->owner);

    for (unsigned slot = 1; slot <= s->n_slots; slot++) {
        if (s->slot[slot - 1].dev == u) {
            xhci_kick(s, slot, 2u * (address & 15) + (address & USB_DIR_IN ? 1 : 0));
        }
    }
}

static const UsbBusOps xhci_bus_ops = {
    .attach = xhci_bus_changed,
    .detach = xhci_bus_changed,
    .gone = xhci_bus_gone,
    .wakeup = xhci_bus_wakeup,
};

/* ---- Reset ---- */

static void xhci_forget(Xhci *s)
{
    for (unsigned slot = 1; slot <= XHCI_SLOTS; slot++) {
        xhci_disable_slot(s, slot);
    }
}

/* Registers and state, as after power on. */
static void xhci_clear(Xhci *s)
{
    xhci_forget(s);
    s->usbcmd = s->dnctrl = s->config = 0;
    s->usbsts = USBSTS_HCH;
    s->crcr_low = s->crcr_high = s->dcbaap_low = s->dcbaap_high = 0;
    s->cmd_dequeue = 0;
    s->cmd_cycle = s->cmd_running = s->starved = 0;
    timer_cancel(&s->wrap);
    timer_cancel(&s->again);
    for (unsigned n = 0; n < XHCI_INTRS; n++) {
        s->intr[n] = (XhciIntr){ .imod = 4000 };
        xhci_intr_restart(&s->intr[n]);
    }
    for (unsigned n = 0; n < XHCI_PORTS; n++) {
        s->port[n] = (XhciPort){ .portsc = n < xhci_n_ports(s) ? PORT_PP : 0 };
        if (n < xhci_n_ports(s)) {
            port_update(s, n);
            s->port[n].portsc |= s->port[n].portsc & PORT_CCS ? PORT_CSC : 0;
        }
    }
    pci_set_intx(&s->pci, false);
}

/* ---- Registers ---- */

static uint64_t xhci_cap_read(Device *dev, unsigned n)
{
    const Xhci *s = xhci_of(dev);
    const uint32_t caps[] = {
        OPERATIONAL | 0x0100u << 16,                          /* CAPLENGTH, HCIVERSION */
        s->n_slots | s->n_intrs << 8 | xhci_n_ports(s) << 24, /* HCSPARAMS1 */
        0x0f | 4 << 4,                                        /* HCSPARAMS2: 16 segments */
        0,                                                    /* HCSPARAMS3 */
        1 | EXTENDED / 4 << 16,                               /* HCCPARAMS1: 64-bit addresses */
        DOORBELLS,
        RUNTIME,
        0, /* HCCPARAMS2 */
    };

    return caps[n];
}

/* "7.2 xHCI Supported Protocol Capability", for USB 2.0 and 3.0 */
static uint64_t xhci_ext_read(Device *dev, unsigned n)
{
    const Xhci *s = xhci_of(dev);
    bool second = n >= 4, three = second || !s->p2;
    unsigned count = three ? s->p3 : s->p2, first = three ? s->p2 + 1 : 1;

    if (second && (!s->p2 || !s->p3)) {
        return 0;
    }
    switch (n % 4) {
    case 0:
        return 2 | (!second && s->p2 && s->p3 ? 4 << 8 : 0) | (three ? 3u : 2u) << 24;
    case 1:
        return get_le32("USB ");
    case 2:
        return first | count << 8;
    default:
        return 0;
    }
}

static uint64_t xhci_mfindex(Device *dev)
{
    const Xhci *s = xhci_of(dev);
    uint64_t now = (uint64_t)machine_now_ns(dev->machine);

    return xhci_runs(s) ? (now - s->mf_start_ns) / XHCI_MICROFRAME_NS & ((1 << MFINDEX_BITS) - 1)
                        : 0;
}

static void xhci_arm_wrap(Xhci *s)
{
    if (s->usbcmd & USBCMD_EWE && xhci_runs(s)) {
        int64_t period = (int64_t)XHCI_MICROFRAME_NS << MFINDEX_BITS;
        int64_t ran = machine_now_ns(s->pci.dev.machine) - (int64_t)s->mf_start_ns;

        timer_arm_in(&s->wrap, period - ran % period);
    } else {
        timer_cancel(&s->wrap);
    }
}

static void xhci_wrapped(Device *dev)
{
    Xhci *s = xhci_of(dev);

    xhci_event(s, 0, 0, (uint32_t)CC_SUCCESS << 24, (uint32_t)TRB_WRAP_EVENT << 10, false);
    xhci_arm_wrap(s);
}

static void xhci_begin(Xhci *s)
{
    s->usbsts &= ~(uint32_t)USBSTS_HCH;
    s->mf_start_ns = (uint64_t)machine_now_ns(s->pci.dev.machine);
    for (unsigned n = 0; n < xhci_n_ports(s); n++) {
        uint32_t changes = s->port[n].portsc & PORT_CHANGES;

        if (changes) {
            s->port[n].portsc &= ~(uint32_t)PORT_CHANGES;
            port_notify(s, n, changes);
        }
    }
    xhci_kick_all(s);
}

static void xhci_usbcmd_wrote(Device *dev, uint64_t old)
{
    Xhci *s = xhci_of(dev);
    uint32_t val = s->usbcmd;

    if (val & USBCMD_HCRST) {
        for (unsigned n = 0; n < xhci_n_ports(s); n++) {
            UsbDevice *u = port_device(s, n);

            if (u) {
                usb_reset(u);
            }
        }
        xhci_clear(s);
        return;
    }
    if (val & ~old & USBCMD_RS) {
        xhci_begin(s);
    } else if (old & ~val & USBCMD_RS) {
        s->usbsts |= USBSTS_HCH;
        s->cmd_running = 0;
    }
    xhci_arm_wrap(s);
    for (unsigned n = 0; n < s->n_intrs; n++) {
        xhci_intr_update(s, n);
    }
}

static uint64_t xhci_crcr_read(Device *dev)
{
    return xhci_of(dev)->cmd_running ? CRCR_CRR : 0; /* the rest reads as 0 */
}

static uint64_t xhci_zero(Device *dev)
{
    return 0;
}

static void xhci_crcr_wrote(Device *dev, uint64_t old)
{
    Xhci *s = xhci_of(dev);

    if (s->cmd_running && s->crcr_low & (CRCR_CS | CRCR_CA)) {
        s->cmd_running = 0;
        xhci_event(s, 0, s->cmd_dequeue, (uint32_t)CC_COMMAND_STOPPED << 24,
                   (uint32_t)TRB_COMMAND_EVENT << 10, false);
    } else if (!s->cmd_running) {
        s->cmd_dequeue = (s->crcr_low & ~63u) | (uint64_t)s->crcr_high << 32;
        s->cmd_cycle = s->crcr_low & 1;
    }
    s->crcr_low &= ~(uint32_t)(CRCR_CS | CRCR_CA);
}

static void xhci_iman_wrote(Device *dev, unsigned n, uint64_t old)
{
    xhci_intr_update(xhci_of(dev), n);
}

static void xhci_erst_wrote(Device *dev, unsigned n, uint64_t old)
{
    xhci_intr_restart(&xhci_of(dev)->intr[n]);
}

/* "5.5.2.3.3 Event Ring Dequeue Pointer Register": there may be room again, and more to tell. */
static void xhci_erdp_write(Device *dev, unsigned n, uint64_t val)
{
    Xhci *s = xhci_of(dev);
    XhciIntr *i = &s->intr[n];
    uint32_t busy = i->erdp_low & ERDP_EHB & ~(uint32_t)val;
    uint64_t erdp;

    i->erdp_low = ((uint32_t)val & ~(uint32_t)ERDP_EHB) | busy;
    erdp = (i->erdp_low & ~15u) | (uint64_t)i->erdp_high << 32;
    if (!busy && i->n_segs) {
        i->ipe |= erdp != i->seg_base[i->seg] + (uint64_t)i->pos * XHCI_TRB;
        xhci_intr_update(s, n);
    }
    if (s->starved && xhci_runs(s)) {
        s->starved = 0;
        timer_arm_in(&s->again, 0);
    }
}

static void xhci_doorbell(Device *dev, unsigned n, uint64_t val)
{
    Xhci *s = xhci_of(dev);
    unsigned target = val & 0xff;

    if (!xhci_runs(s)) {
        return;
    }
    if (!n) {
        s->cmd_running = 1;
        xhci_run_commands(s);
    } else if (n <= s->n_slots && s->slot[n - 1].enabled && target && target <= XHCI_EPS) {
        XhciEp *e = xhci_ep(s, n, target);

        if (e->state == EP_STOPPED) {
            e->state = EP_RUNNING;
            xhci_ep_store(s, n, target);
        }
        xhci_kick(s, n, target);
    } else {
        guest_error(dev, "doorbell %u of target %u", n, target);
    }
}

/* What could not go on, can. */
static void xhci_go_on(Device *dev)
{
    Xhci *s = xhci_of(dev);

    if (xhci_runs(s)) {
        xhci_run_commands(s);
        xhci_kick_all(s);
    }
}

static const Reg xhci_regs[] = {
    { 0x00, "CAP", .count = 8, .read_n = xhci_cap_read },
    { EXTENDED, "EXTENDED", .count = 8, .read_n = xhci_ext_read },
    { 0x40, "USBCMD", AT(Xhci, usbcmd), .rw = 0x00000c0f, .wrote = xhci_usbcmd_wrote },
    { 0x44, "USBSTS", AT(Xhci, usbsts), .w1c = 0x41c, .no_reset = true },
    { 0x48, "PAGESIZE", .reset = 1 },
    { 0x54, "DNCTRL", AT(Xhci, dnctrl), .rw = 0xffff },
    { 0x58, "CRCR", AT(Xhci, crcr_low), .rw = ~0x38u, .read = xhci_crcr_read,
      .wrote = xhci_crcr_wrote },
    { 0x5c, "CRCR_HI", AT(Xhci, crcr_high), .rw = ~0u, .read = xhci_zero,
      .wrote = xhci_crcr_wrote },
    { 0x70, "DCBAAP", AT(Xhci, dcbaap_low), .rw = ~63u },
    { 0x74, "DCBAAP_HI", AT(Xhci, dcbaap_high), .rw = ~0u },
    { 0x78, "CONFIG", AT(Xhci, config), .rw = 0x3ff },
    { 0x440, "PORTSC", AT_BANK(Xhci, port, portsc), .count = XHCI_PORTS, .stride = 16,
      .read_n = xhci_portsc_read, .write_n = xhci_portsc_write, .no_reset = true },
    { 0x444, "PORTPMSC", AT_BANK(Xhci, port, portpmsc), .count = XHCI_PORTS, .stride = 16,
      .rw = 0x1ffff },
    { 0x448, "PORTLI", .count = XHCI_PORTS, .stride = 16, .silent_write = true },
    { 0x44c, "PORTHLPMC", AT_BANK(Xhci, port, porthlpmc), .count = XHCI_PORTS, .stride = 16,
      .rw = 0x3fff },
    { RUNTIME, "MFINDEX", .read = xhci_mfindex },
    { 0x1020, "IMAN", AT_BANK(Xhci, intr, iman), .count = XHCI_INTRS, .stride = 32, .rw = 2,
      .w1c = 1, .wrote_n = xhci_iman_wrote },
    { 0x1024, "IMOD", AT_BANK(Xhci, intr, imod), .count = XHCI_INTRS, .stride = 32, .rw = ~0u,
      .no_reset = true },
    { 0x1028, "ERSTSZ", AT_BANK(Xhci, intr, erstsz), .count = XHCI_INTRS, .stride = 32,
      .rw = 0xffff, .wrote_n = xhci_erst_wrote },
    { 0x1030, "ERSTBA", AT_BANK(Xhci, intr, erstba), .count = XHCI_INTRS, .stride = 32,
      .rw = ~63ull, .wrote_n = xhci_erst_wrote },
    { 0x1038, "ERDP", AT_BANK(Xhci, intr, erdp_low), .count = XHCI_INTRS, .stride = 32,
      .write_n = xhci_erdp_write },
    { 0x103c, "ERDP_HI", AT_BANK(Xhci, intr, erdp_high), .count = XHCI_INTRS, .stride = 32,
      .rw = ~0u },
    { DOORBELLS, "DOORBELL", .count = XHCI_SLOTS + 1, .write_n = xhci_doorbell },
};

static const RegionType xhci_regions[] = {
    { .name = "xhci",
      .regs = TABLE(xhci_regs),
      .read = pci_msix_read,
      .write = pci_msix_write,
      .access_max = 8 },
};

/* ---- Life ---- */

/* The machine goes on: what waited while it was saved. */
static void xhci_machine_event(void *opaque, const MachineEvent *e)
{
    Xhci *s = opaque;

    if (e->kind == EVENT_RESUME) {
        device_enter(&s->pci.dev);
        xhci_go_on(&s->pci.dev);
        device_leave(&s->pci.dev);
    }
}

static void xhci_add_ports(Xhci *s)
{
    for (unsigned n = 1; n <= MAX(s->p2, s->p3); n++) {
        unsigned speeds = n <= s->p2 ? USB_MASK_LOW | USB_MASK_FULL | USB_MASK_HIGH : 0;

        usb_bus_add_port(&s->bus, NULL, n, speeds | (n <= s->p3 ? USB_MASK_SUPER : 0));
    }
}

static bool xhci_start(Device *dev, GError **err)
{
    Xhci *s = xhci_of(dev);
    PciDevice *p = &s->pci;

    if (!xhci_n_ports(s) || s->p2 > XHCI_PORTS_EACH || s->p3 > XHCI_PORTS_EACH || !s->n_slots ||
        s->n_slots > XHCI_SLOTS || !s->n_intrs || s->n_intrs > XHCI_INTRS) {
        return error_set(err,
                         "p2 and p3 must be 0 to %d and not both 0, slots 1 to %d, intrs 1 "
                         "to %d",
                         XHCI_PORTS_EACH, XHCI_SLOTS, XHCI_INTRS);
    }
    if (!usb_bus_init(&s->bus, dev, &xhci_bus_ops, err)) {
        return false;
    }
    if (!pci_plug(p, err)) {
        usb_bus_deinit(&s->bus);
        return false;
    }
    xhci_add_ports(s);
    pci_set8(p, PCI_CACHE_LINE_SIZE, 0x10);
    pci_set8(p, 0x60, 0x30); /* SBRN: USB 3.0 */
    pci_add_bar_region(p, 0, PCI_BASE_ADDRESS_SPACE_MEMORY | PCI_BASE_ADDRESS_MEM_TYPE_64, 0,
                       BAR_SIZE);
    pcie_add_cap(p, PCI_EXP_TYPE_ENDPOINT, 0);
    if (s->with_msi) {
        pci_add_msi(p, s->n_intrs >= 16 ? 16 : 1, false);
    }
    if (s->with_msix) {
        pci_add_msix(p, s->n_intrs, 0, MSIX_TABLE, MSIX_PBA);
    }
    machine_listen(dev->machine, xhci_machine_event, s);
    return true;
}

static void xhci_stop(Device *dev)
{
    Xhci *s = xhci_of(dev);

    xhci_forget(s);
    machine_unlisten(dev->machine, xhci_machine_event, s);
    usb_bus_deinit(&s->bus);
}

static void xhci_reset_enter(Device *dev, ResetType type)
{
    xhci_forget(xhci_of(dev));
}

static void xhci_reset(Device *dev, ResetType type)
{
    xhci_clear(xhci_of(dev));
}

static void xhci_saving(Device *dev)
{
    Xhci *s = xhci_of(dev);

    usb_drain(&s->bus);
    pci_settle(&s->pci);
}

static bool xhci_loaded(Device *dev, GError **err)
{
    Xhci *s = xhci_of(dev);

    s->usbsts |= s->usbcmd & USBCMD_RS ? 0 : USBSTS_HCH;
    for (unsigned n = 0; n < XHCI_SLOTS; n++) {
        XhciSlot *l = &s->slot[n];
        UsbDevice *u;

        l->dev = NULL;
        if (!l->enabled || !l->state) {
            continue;
        }
        if (n >= s->n_slots || !l->port || l->port > xhci_n_ports(s)) {
            return error_set(err, "%s: slot %u has port %u, which is not there", device_path(dev),
                             n + 1, l->port);
        }
        u = usb_bus_at(&s->bus, l->port > s->p2 ? l->port - s->p2 : l->port, l->route);
        l->dev = u && xhci_port_of(s, u) == l->port ? u : NULL;
    }
    return true;
}

static const Field xhci_fields[] = {
    PROP_U32(Xhci, p2, 4, .doc = "ports for USB 2 and older devices: 0 to 15"),
    PROP_U32(Xhci, p3, 4, .doc = "ports for SuperSpeed devices: 0 to 15"),
    { "slots", FIELD_PROP, TYPE_U32, FIELD_AT(Xhci, n_slots, 4), .def = XHCI_SLOTS,
      .doc = "devices at once: 1 to 64" },
    { "intrs", FIELD_PROP, TYPE_U32, FIELD_AT(Xhci, n_intrs, 4), .def = XHCI_INTRS,
      .doc = "interrupters: 1 to 16" },
    { "msi", FIELD_PROP, TYPE_BOOL, FIELD_AT(Xhci, with_msi, 1), .def = 0,
      .doc = "message interrupts" },
    { "msix", FIELD_PROP, TYPE_BOOL, FIELD_AT(Xhci, with_msix, 1), .def = 1,
      .doc = "message interrupts, one an interrupter" },
    STATE_U64(Xhci, cmd_dequeue, .no_reset = true),
    STATE_U8(Xhci, cmd_cycle, .max = 1, .no_reset = true),
    STATE_U8(Xhci, cmd_running, .max = 1, .no_reset = true),
    STATE_U64(Xhci, mf_start_ns, .no_reset = true),
    STATE_U8(Xhci, starved, .max = 1, .no_reset = true),
    STATE_BANK(Xhci, intr, seg, .max = XHCI_SEGMENTS - 1, .no_reset = true),
    STATE_BANK(Xhci, intr, pos, .max = 4095, .no_reset = true),
    STATE_BANK(Xhci, intr, cycle, .max = 1, .no_reset = true),
    STATE_BANK(Xhci, intr, ipe, .max = 1, .no_reset = true),
    STATE_BANK(Xhci, slot, enabled, .max = 1, .no_reset = true),
    STATE_BANK(Xhci, slot, state, .max = SLOT_CONFIGURED, .no_reset = true),
    STATE_BANK(Xhci, slot, port, .no_reset = true),
    STATE_BANK(Xhci, slot, intr, .no_reset = true),
    STATE_BANK(Xhci, slot, route, .no_reset = true),
    STATE_BANK(Xhci, slot, ctx, .no_reset = true),
    STATE_BANK(Xhci, ep, state, .max = EP_ERROR, .no_reset = true),
    STATE_BANK(Xhci, ep, type, .max = 7, .no_reset = true),
    STATE_BANK(Xhci, ep, cycle, .max = 1, .no_reset = true),
    STATE_BANK(Xhci, ep, max_packet, .no_reset = true),
    STATE_BANK(Xhci, ep, dequeue, .no_reset = true),
    STATE_TIMER(Xhci, wrap, xhci_wrapped),
    STATE_TIMER(Xhci, again, xhci_go_on),
    SCRATCH(Xhci, bus),
    SCRATCH(Xhci, pending_slots),
    SCRATCH(Xhci, in_kick),
};

static const PciType xhci_type = {
    .vendor = PCI_VENDOR_REDHAT,
    .device = 0x000d,
    .revision = 1,
    .class_code = 0x0c0330,
    .intx = 1,
};

static const PciType xhci_nec_type = {
    .vendor = 0x1033,
    .device = 0x0194,
    .revision = 3,
    .class_code = 0x0c0330,
    .intx = 1,
};

#define XHCI_LIFE                                                                                 \
    .base = &device_pci, .size = sizeof(Xhci), .regions = xhci_regions,                           \
    .n_regions = ARRAY_SIZE(xhci_regions), .fields = TABLE(xhci_fields), .user_creatable = true,  \
    .start = xhci_start, .stop = xhci_stop, .reset_enter = xhci_reset_enter, .reset = xhci_reset, \
    .saving = xhci_saving, .loaded = xhci_loaded

const DeviceType device_qemu_xhci = {
    .name = "qemu-xhci",
    .doc = "USB controller (xHCI)",
    .extra = &xhci_type,
    XHCI_LIFE,
};

const DeviceType device_nec_usb_xhci = {
    .name = "nec-usb-xhci",
    .doc = "USB controller (NEC's xHCI)",
    .extra = &xhci_nec_type,
    XHCI_LIFE,
};
