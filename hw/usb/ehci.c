/* SPDX-License-Identifier: Apache-2.0 */
/* Registers, ports, life: EHCI "2 Register Interface", "4.2 Port Routing and Control". */
#include "hw/usb/ehci.h"

enum {
    BAR_SIZE = 0x1000,
    OPERATIONAL = 0x20,
    PORTSC = OPERATIONAL + 0x44,
    INTD = 4,
    FRAMES_AT_ONCE = 64, /* a timer that is late */
    FRINDEX_MASK = 0x3fff,
    CMD_WRITABLE = 0x00ff007f,
    CMD_RESET = 0x00080000, /* an interrupt a millisecond at most: taken as "at once" */
    CONFIG_SBRN = 0x60,
    CONFIG_FLADJ = 0x61,
    /* "2.3.9 PORTSC" */
    PORT_CCS = 1 << 0,
    PORT_CSC = 1 << 1,
    PORT_PE = 1 << 2,
    PORT_PEC = 1 << 3,
    PORT_OCC = 1 << 5,
    PORT_FPR = 1 << 6,
    PORT_SUSPEND = 1 << 7,
    PORT_PR = 1 << 8,
    PORT_LINE_J = 2 << 10,
    PORT_LINE = 3 << 10,
    PORT_PP = 1 << 12,
    PORT_WAKES = 7 << 20,
    PORT_CHANGES = PORT_CSC | PORT_PEC | PORT_OCC,
};

/* ---- Interrupts ---- */

static void ehci_update_irq(Ehci *s)
{
    pci_set_intx(&s->pci, s->usbsts & s->usbintr & EHCI_EVENTS);
}

void ehci_events(Ehci *s, uint32_t events)
{
    s->usbsts |= events;
    ehci_update_irq(s);
}

void ehci_die(Ehci *s, uint64_t addr)
{
    guest_error(&s->pci.dev, "a schedule at 0x%llx cannot be reached", (unsigned long long)addr);
    s->usbcmd &= ~(uint32_t)EHCI_RS;
    s->usbsts = (s->usbsts & ~(uint32_t)(EHCI_PSS | EHCI_ASS)) | EHCI_HALTED;
    timer_cancel(&s->tick);
    ehci_events(s, EHCI_HSE);
}

/* ---- Ports ---- */

static void port_update(Ehci *s, unsigned n)
{
    const UsbDevice *u = usb_bus_at(&s->bus, n + 1, 0);
    uint32_t old = s->portsc[n];

    s->portsc[n] = (old & (PORT_WAKES | PORT_CHANGES)) | PORT_PP;
    if (u) {
        s->portsc[n] |= PORT_CCS | PORT_LINE_J;
    }
    if ((old ^ s->portsc[n]) & PORT_CCS) {
        s->portsc[n] |= PORT_CSC;
        ehci_events(s, EHCI_PCD);
    }
}

static void ehci_portsc_write(Device *dev, unsigned n, uint64_t val)
{
    Ehci *s = ehci_of(dev);
    UsbDevice *u = usb_bus_at(&s->bus, n + 1, 0);
    uint32_t *p = &s->portsc[n], v = (uint32_t)val, old = *p;

    *p &= ~(v & PORT_CHANGES);
    *p = (*p & ~(uint32_t)PORT_WAKES) | (v & PORT_WAKES);
    if (v & PORT_PR) {
        *p = (*p & ~(uint32_t)(PORT_PE | PORT_SUSPEND | PORT_FPR)) | PORT_PR;
    } else if (old & PORT_PR) {
        *p &= ~(uint32_t)PORT_PR;
        if (u) { /* what can be plugged in here is of high speed */
            usb_reset(u);
            *p = (*p & ~(uint32_t)PORT_LINE) | PORT_PE;
        }
    } else if (old & PORT_PE) {
        if (!(v & PORT_PE)) {
            *p = (*p & ~(uint32_t)(PORT_PE | PORT_SUSPEND | PORT_FPR)) | PORT_LINE_J;
        } else if (v & PORT_FPR && old & PORT_SUSPEND) {
            *p |= PORT_FPR;
        } else if (old & PORT_FPR && !(v & PORT_FPR)) {
            *p &= ~(uint32_t)(PORT_FPR | PORT_SUSPEND);
        } else {
            *p |= v & PORT_SUSPEND;
        }
    }
}

bool ehci_reaches(const Ehci *s, const UsbDevice *u)
{
    const UsbPort *p = u->port;

    while (p && p->hub) {
        p = p->hub->port;
    }
    return p && p->number <= EHCI_PORTS &&
           (s->portsc[p->number - 1] & (PORT_PE | PORT_SUSPEND)) == PORT_PE;
}

static void ehci_bus_changed(UsbBus *b, UsbPort *port)
{
    port_update(ehci_of(b->owner), port->number - 1u);
}

static void ehci_bus_gone(UsbBus *b, UsbDevice *u)
{
    ehci_gone(ehci_of(b->owner), u);
}

static void ehci_bus_wakeup(UsbBus *b, UsbDevice *u, uint8_t address)
{
    Ehci *s = ehci_of(b->owner);

    s->busy = true; /* the next round is soon */
}

static const UsbBusOps ehci_bus_ops = {
    .attach = ehci_bus_changed,
    .detach = ehci_bus_changed,
    .gone = ehci_bus_gone,
    .wakeup = ehci_bus_wakeup,
};

/* ---- Time ---- */

static uint64_t ehci_now(const Ehci *s)
{
    return (uint64_t)machine_now_ns(s->pci.dev.machine);
}

uint32_t ehci_frindex(const Ehci *s)
{
    uint64_t passed = ehci_runs(s) ? (ehci_now(s) - s->counted_ns) / EHCI_MICROFRAME_NS : 0;

    return (uint32_t)(s->frindex + passed) & FRINDEX_MASK;
}

/* "2.3.2": the list of 1024, 512 or 256 frames has come to its end. */
static unsigned ehci_count(Ehci *s)
{
    uint64_t passed = (ehci_now(s) - s->counted_ns) / EHCI_MICROFRAME_NS;
    unsigned bits = 13 - MIN(s->usbcmd >> EHCI_FLS_SHIFT & 3, 2u);
    unsigned frames = (unsigned)MIN((s->frindex % 8 + passed) / 8, FRAMES_AT_ONCE);
    uint32_t next = (uint32_t)((s->frindex + passed) & FRINDEX_MASK);

    s->counted_ns += passed * EHCI_MICROFRAME_NS;
    if (passed && (passed >> bits || (s->frindex ^ next) >> bits & 1)) {
        ehci_events(s, EHCI_FLR);
    }
    s->frindex = next;
    return frames;
}

static void ehci_arm(Ehci *s)
{
    if (ehci_runs(s) && s->usbsts & (EHCI_PSS | EHCI_ASS)) {
        timer_arm_in(&s->tick, s->busy ? EHCI_MICROFRAME_NS : EHCI_FRAME_NS);
    } else {
        timer_cancel(&s->tick);
    }
}

static void ehci_tick(Device *dev)
{
    Ehci *s = ehci_of(dev);

    if (ehci_runs(s)) {
        s->busy = false;
        ehci_run(s, ehci_count(s));
        ehci_arm(s);
    }
}

/* ---- Registers ---- */

static void ehci_clear(Ehci *s)
{
    ehci_forget(s);
    timer_cancel(&s->tick);
    s->usbcmd = CMD_RESET;
    s->usbsts = EHCI_HALTED;
    s->usbintr = s->frindex = s->periodic = s->async = s->configured = 0;
    s->busy = false;
    for (unsigned n = 0; n < EHCI_PORTS; n++) {
        s->portsc[n] = 0;
        port_update(s, n);
    }
    ehci_update_irq(s);
}

static void ehci_usbcmd_wrote(Device *dev, uint64_t old)
{
    Ehci *s = ehci_of(dev);
    uint32_t was = s->usbsts;

    if (s->usbcmd & EHCI_HCRESET) {
        for (unsigned n = 0; n < EHCI_PORTS; n++) {
            UsbDevice *u = usb_bus_at(&s->bus, n + 1, 0);

            if (u) {
                usb_reset(u);
            }
        }
        ehci_clear(s);
        return;
    }
    s->usbsts &= ~(uint32_t)(EHCI_HALTED | EHCI_PSS | EHCI_ASS);
    if (s->usbcmd & EHCI_RS) {
        s->usbsts |= s->usbcmd & EHCI_PSE ? EHCI_PSS : 0;
        s->usbsts |= s->usbcmd & EHCI_ASE ? EHCI_ASS : 0;
        if (was & EHCI_HALTED) {
            s->counted_ns = ehci_now(s);
        }
    } else {
        s->frindex = was & EHCI_HALTED ? s->frindex : ehci_frindex(s);
        s->usbsts |= EHCI_HALTED;
    }
    if (was & ~s->usbsts & (EHCI_ASS | EHCI_PSS)) {
        ehci_forget(s);
    }
    if (s->usbcmd & EHCI_IAAD) { /* "4.8.2 Removing Queue Heads from Asynchronous Schedule" */
        s->usbcmd &= ~(uint32_t)EHCI_IAAD;
        if (s->usbsts & EHCI_ASS) {
            ehci_advance(s);
            ehci_events(s, EHCI_IAA);
        }
    }
    s->busy = true;
    ehci_arm(s);
}

static void ehci_status_wrote(Device *dev, uint64_t old)
{
    ehci_update_irq(ehci_of(dev));
}

static uint64_t ehci_frindex_read(Device *dev)
{
    return ehci_frindex(ehci_of(dev));
}

static void ehci_frindex_write(Device *dev, uint64_t val)
{
    Ehci *s = ehci_of(dev);

    if (!ehci_runs(s)) { /* "2.3.4": undefined while it runs */
        s->frindex = (uint32_t)val & FRINDEX_MASK;
    }
}

static const Reg ehci_regs[] = {
    { 0x00, "CAPLENGTH", .reset = OPERATIONAL | 0x0100u << 16 }, /* HCIVERSION 1.0 */
    { 0x04, "HCSPARAMS", .reset = EHCI_PORTS },                  /* ports have power always */
    { 0x08, "HCCPARAMS", .reset = 1 << 1 },                      /* frame list's size is chosen */
    { OPERATIONAL + 0x00, "USBCMD", AT(Ehci, usbcmd), .rw = CMD_WRITABLE, .reset = CMD_RESET,
      .wrote = ehci_usbcmd_wrote },
    { OPERATIONAL + 0x04, "USBSTS", AT(Ehci, usbsts), .w1c = EHCI_EVENTS, .no_reset = true,
      .wrote = ehci_status_wrote },
    { OPERATIONAL + 0x08, "USBINTR", AT(Ehci, usbintr), .rw = EHCI_EVENTS,
      .wrote = ehci_status_wrote },
    { OPERATIONAL + 0x0c, "FRINDEX", AT(Ehci, frindex), .read = ehci_frindex_read,
      .write = ehci_frindex_write },
    { OPERATIONAL + 0x10, "CTRLDSSEGMENT", .silent_write = true },
    { OPERATIONAL + 0x14, "PERIODICLISTBASE", AT(Ehci, periodic), .rw = ~0xfffu },
    { OPERATIONAL + 0x18, "ASYNCLISTADDR", AT(Ehci, async), .rw = ~0x1fu },
    { OPERATIONAL + 0x40, "CONFIGFLAG", AT(Ehci, configured), .rw = 1 },
    { PORTSC, "PORTSC", AT(Ehci, portsc), .count = EHCI_PORTS, .write_n = ehci_portsc_write,
      .no_reset = true },
};

static const RegionType ehci_regions[] = { { .name = "ehci", .regs = TABLE(ehci_regs) } };

/* ---- Life ---- */

static bool ehci_start(Device *dev, GError **err)
{
    Ehci *s = ehci_of(dev);
    PciDevice *p = &s->pci;

    if (!usb_bus_init(&s->bus, dev, &ehci_bus_ops, err)) {
        return false;
    }
    if (!pci_plug(p, err)) {
        usb_bus_deinit(&s->bus);
        return false;
    }
    s->xfers = g_ptr_array_new();
    for (unsigned n = 1; n <= EHCI_PORTS; n++) {
        usb_bus_add_port(&s->bus, NULL, n, USB_MASK_HIGH);
    }
    pci_set8(p, CONFIG_SBRN, 0x20);  /* USB 2.0 */
    pci_set8(p, CONFIG_FLADJ, 0x20); /* frames of 60000 high-speed bit times */
    pci_writable(p, CONFIG_FLADJ, 1, 0x3f);
    pci_add_bar_region(p, 0, PCI_BASE_ADDRESS_SPACE_MEMORY, 0, BAR_SIZE);
    return true;
}

static void ehci_drop_saved(Ehci *s)
{
    g_clear_pointer(&s->saved, g_free);
    s->saved_len = 0;
}

static void ehci_stop(Device *dev)
{
    Ehci *s = ehci_of(dev);

    ehci_drop_saved(s);
    if (s->xfers) {
        ehci_forget(s);
        g_ptr_array_free(s->xfers, TRUE);
        s->xfers = NULL;
    }
    usb_bus_deinit(&s->bus);
}

static void ehci_reset_enter(Device *dev, ResetType type)
{
    ehci_forget(ehci_of(dev));
}

static void ehci_reset(Device *dev, ResetType type)
{
    ehci_clear(ehci_of(dev));
}

static void ehci_saving(Device *dev)
{
    Ehci *s = ehci_of(dev);

    usb_drain(&s->bus);
    usb_control_save(s->control, &s->saved, &s->saved_len);
    pci_settle(&s->pci);
}

static bool ehci_loaded(Device *dev, GError **err)
{
    Ehci *s = ehci_of(dev);
    bool ok;

    ehci_forget(s);
    s->usbsts |= s->usbcmd & EHCI_RS ? 0 : EHCI_HALTED;
    ok = usb_control_load(s->control, s->saved, s->saved_len);
    ehci_drop_saved(s);
    return ok || error_set(err, "%s: its control transfers do not hold together", device_path(dev));
}

static const Field ehci_fields[] = {
    STATE_U64(Ehci, counted_ns, .no_reset = true),
    STATE_TIMER(Ehci, tick, ehci_tick),
    SCRATCH(Ehci, bus),
    SCRATCH(Ehci, xfers),
    SCRATCH(Ehci, control),
    STATE_BYTES(Ehci, saved, saved_len, USB_CONTROL_SAVED_MAX),
    SCRATCH(Ehci, busy),
    SCRATCH(Ehci, in_round),
    SCRATCH(Ehci, round),
};

#define EHCI_LIFE                                                                                 \
    .base = &device_pci, .size = sizeof(Ehci), .regions = ehci_regions,                           \
    .n_regions = ARRAY_SIZE(ehci_regions), .fields = TABLE(ehci_fields), .user_creatable = true,  \
    .start = ehci_start, .stop = ehci_stop, .reset_enter = ehci_reset_enter, .reset = ehci_reset, \
    .saving = ehci_saving, .loaded = ehci_loaded

static const PciType ehci_type = {
    .vendor = PCI_VENDOR_INTEL,
    .device = 0x24cd, /* of the 82801DB (ICH4) */
    .revision = 0x10,
    .class_code = 0x0c0320,
    .intx = INTD,
};

const DeviceType device_usb_ehci = {
    .name = "usb-ehci",
    .doc = "USB controller (EHCI): devices of high speed",
    .extra = &ehci_type,
    EHCI_LIFE,
};
