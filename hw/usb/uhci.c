/* SPDX-License-Identifier: Apache-2.0 */
/* Registers, ports, life: UHCI "2 Registers". */
#include "hw/usb/uhci.h"

enum {
    BAR = 4,
    BAR_SIZE = 0x20,
    INTD = 4,
    FRAMES_AT_ONCE = 8, /* a timer that is late */
    FRNUM_MASK = 0x7ff,
    CMD_WRITABLE = 0xff,
    SOFMOD_RESET = 0x40,
    CONFIG_SBRN = 0x60,
    CONFIG_LEGSUP = 0xc0, /* 82371 datasheets, "USB Legacy Keyboard/Mouse" */
    /* "2.1.7 PORTSC" */
    PORT_CCS = 1 << 0,
    PORT_CSC = 1 << 1,
    PORT_PE = 1 << 2,
    PORT_PEC = 1 << 3,
    PORT_D_PLUS = 1 << 4,
    PORT_D_MINUS = 1 << 5,
    PORT_RD = 1 << 6,
    PORT_ONE = 1 << 7,
    PORT_LOW_SPEED = 1 << 8,
    PORT_PR = 1 << 9,
    PORT_SUSPEND = 1 << 12,
    PORT_CHANGES = PORT_CSC | PORT_PEC,
    PORT_WRITABLE = PORT_PE | PORT_RD | PORT_PR | PORT_SUSPEND,
    /* "2.1.3 USBINTR" */
    INTR_ERROR = 1 << 0,
    INTR_RESUME = 1 << 1,
    INTR_IOC = 1 << 2,
    INTR_SHORT = 1 << 3,
};

/* ---- Interrupts ---- */

static void uhci_update_irq(Uhci *s)
{
    unsigned sts = s->usbsts, on = s->usbintr;
    bool level = sts & (UHCI_HSE | UHCI_HCPE);

    level |= sts & UHCI_INT && ((on & INTR_IOC && s->int_by & UHCI_BY_IOC) ||
                                (on & INTR_SHORT && s->int_by & UHCI_BY_SHORT));
    level |= sts & UHCI_ERRINT && on & INTR_ERROR;
    level |= sts & UHCI_RD && on & INTR_RESUME;
    pci_set_intx(&s->pci, level);
}

void uhci_events(Uhci *s, unsigned events, unsigned by)
{
    s->usbsts |= (uint16_t)events;
    s->int_by |= (uint8_t)by;
    uhci_update_irq(s);
}

void uhci_die(Uhci *s, unsigned event, uint64_t addr)
{
    guest_error(&s->pci.dev, "the schedule's element at 0x%llx %s", (unsigned long long)addr,
                event == UHCI_HSE ? "cannot be reached" : "has a PID or length that there is not");
    s->usbcmd &= (uint16_t)~UHCI_RS;
    s->usbsts |= UHCI_HALTED;
    timer_cancel(&s->tick);
    uhci_events(s, event, 0);
}

/* ---- Ports ---- */

static void port_update(Uhci *s, unsigned n)
{
    const UsbDevice *u = usb_bus_at(&s->bus, n + 1, 0);
    uint16_t old = s->portsc[n], p = (old & (PORT_CHANGES | PORT_SUSPEND)) | PORT_ONE;

    if (u) {
        p |= PORT_CCS | (u->speed == USB_LOW ? PORT_LOW_SPEED | PORT_D_MINUS : PORT_D_PLUS);
    }
    if ((old ^ p) & PORT_CCS) {
        p |= PORT_CSC;
        if (old & PORT_PE) {
            p |= PORT_PEC;
        }
        if (s->usbcmd & UHCI_EGSM) {
            uhci_events(s, UHCI_RD, 0);
        }
    }
    s->portsc[n] = p;
}

static void uhci_portsc_write(Device *dev, unsigned n, uint64_t val)
{
    Uhci *s = uhci_of(dev);
    UsbDevice *u = usb_bus_at(&s->bus, n + 1, 0);
    uint16_t *p = &s->portsc[n], v = (uint16_t)val, old = *p;

    *p &= (uint16_t) ~(v & PORT_CHANGES);
    *p = (uint16_t)((*p & ~PORT_WRITABLE) | (v & PORT_WRITABLE));
    if (v & PORT_PR) {
        *p &= (uint16_t) ~(PORT_PE | PORT_SUSPEND);
        if (u && !(old & PORT_PR)) {
            usb_reset(u);
        }
    }
    if (!(*p & PORT_CCS)) {
        *p &= (uint16_t)~PORT_PE;
    }
}

bool uhci_reaches(const Uhci *s, const UsbDevice *u)
{
    const UsbPort *p = u->port;

    while (p && p->hub) {
        p = p->hub->port;
    }
    return p && p->number <= UHCI_PORTS &&
           (s->portsc[p->number - 1] & (PORT_PE | PORT_SUSPEND | PORT_PR)) == PORT_PE;
}

static void uhci_bus_changed(UsbBus *b, UsbPort *port)
{
    port_update(uhci_of(b->owner), port->number - 1u);
}

static void uhci_bus_gone(UsbBus *b, UsbDevice *u)
{
    uhci_gone(uhci_of(b->owner), u);
}

/* Endpoints are asked each frame; a suspended bus is woken. */
static void uhci_bus_wakeup(UsbBus *b, UsbDevice *u, uint8_t address)
{
    Uhci *s = uhci_of(b->owner);
    const UsbPort *p = u->port;

    while (p && p->hub) {
        p = p->hub->port;
    }
    if (!p || !u->remote_wake) {
        return;
    }
    if (s->usbcmd & UHCI_EGSM || s->portsc[p->number - 1] & PORT_SUSPEND) {
        s->portsc[p->number - 1] |= s->portsc[p->number - 1] & PORT_SUSPEND ? PORT_RD : 0;
        uhci_events(s, UHCI_RD, 0);
    }
}

static const UsbBusOps uhci_bus_ops = {
    .attach = uhci_bus_changed,
    .detach = uhci_bus_changed,
    .gone = uhci_bus_gone,
    .wakeup = uhci_bus_wakeup,
};

/* ---- Time ---- */

static uint64_t uhci_now(const Uhci *s)
{
    return (uint64_t)machine_now_ns(s->pci.dev.machine);
}

static uint64_t uhci_passed(const Uhci *s)
{
    return uhci_runs(s) ? (uhci_now(s) - s->counted_ns) / UHCI_FRAME_NS : 0;
}

static void uhci_tick(Device *dev)
{
    Uhci *s = uhci_of(dev);
    uint64_t passed = uhci_passed(s);
    unsigned n = (unsigned)MIN(passed, FRAMES_AT_ONCE);

    if (!uhci_runs(s)) {
        return;
    }
    s->counted_ns += passed * UHCI_FRAME_NS;
    s->frnum = (uint16_t)((s->frnum + passed - n) & FRNUM_MASK);
    do { /* a turn between two frames is for what has just ended */
        if (n) {
            s->frnum = (s->frnum + 1) & FRNUM_MASK;
        }
        uhci_run(s);
    } while (n && --n && uhci_runs(s));
    if (uhci_runs(s)) {
        timer_arm_in(&s->tick, UHCI_FRAME_NS);
    }
}

/* ---- Registers ---- */

static void uhci_clear(Uhci *s)
{
    uhci_forget(s);
    timer_cancel(&s->tick);
    s->usbcmd = s->usbintr = s->frnum = 0;
    s->usbsts = UHCI_HALTED;
    s->int_by = 0;
    s->flbase = 0;
    s->sofmod = SOFMOD_RESET;
    for (unsigned n = 0; n < UHCI_PORTS; n++) {
        s->portsc[n] = 0;
        port_update(s, n);
    }
    uhci_update_irq(s);
}

static void uhci_reset_bus(Uhci *s)
{
    for (unsigned n = 0; n < UHCI_PORTS; n++) {
        UsbDevice *u = usb_bus_at(&s->bus, n + 1, 0);

        s->portsc[n] &= (uint16_t)~PORT_PE;
        if (u) {
            usb_reset(u);
        }
    }
}

static void uhci_usbcmd_wrote(Device *dev, uint64_t old)
{
    Uhci *s = uhci_of(dev);

    if (s->usbcmd & UHCI_GRESET && !(old & UHCI_GRESET)) {
        uint16_t cmd = s->usbcmd;

        uhci_reset_bus(s);
        uhci_clear(s);
        s->usbcmd = cmd & (uint16_t) ~(UHCI_RS | UHCI_HCRESET); /* until software ends it */
        return;
    }
    if (s->usbcmd & UHCI_HCRESET) {
        uhci_reset_bus(s);
        uhci_clear(s);
        return;
    }
    if (uhci_runs(s) && !(old & UHCI_RS)) {
        s->usbsts &= (uint16_t)~UHCI_HALTED;
        s->counted_ns = uhci_now(s);
        timer_arm_in(&s->tick, UHCI_FRAME_NS);
    } else if (!uhci_runs(s) && old & UHCI_RS) {
        s->frnum =
            (uint16_t)((s->frnum + (uhci_now(s) - s->counted_ns) / UHCI_FRAME_NS) & FRNUM_MASK);
        s->usbsts |= UHCI_HALTED;
        timer_cancel(&s->tick);
        uhci_forget(s);
    }
}

static void uhci_status_wrote(Device *dev, uint64_t old)
{
    Uhci *s = uhci_of(dev);

    if (!(s->usbsts & UHCI_INT)) {
        s->int_by = 0;
    }
    uhci_update_irq(s);
}

static uint64_t uhci_frnum_read(Device *dev)
{
    const Uhci *s = uhci_of(dev);

    return (s->frnum + uhci_passed(s)) & FRNUM_MASK;
}

static void uhci_frnum_write(Device *dev, uint64_t val)
{
    Uhci *s = uhci_of(dev);

    if (!uhci_runs(s)) { /* "2.1.4": not to be written while it runs */
        s->frnum = (uint16_t)val & FRNUM_MASK;
    }
}

static const Reg uhci_regs[] = {
    { 0x00, "USBCMD", AT(Uhci, usbcmd), .rw = CMD_WRITABLE, .wrote = uhci_usbcmd_wrote },
    { 0x02, "USBSTS", AT(Uhci, usbsts), .w1c = UHCI_EVENTS, .no_reset = true,
      .wrote = uhci_status_wrote },
    { 0x04, "USBINTR", AT(Uhci, usbintr), .rw = 0xf, .wrote = uhci_status_wrote },
    { 0x06, "FRNUM", AT(Uhci, frnum), .read = uhci_frnum_read, .write = uhci_frnum_write },
    { 0x08, "FLBASEADD", AT(Uhci, flbase), .rw = ~0xfffu },
    { 0x0c, "SOFMOD", AT(Uhci, sofmod), .rw = 0x7f, .reset = SOFMOD_RESET },
    { 0x10, "PORTSC", AT(Uhci, portsc), .count = UHCI_PORTS, .write_n = uhci_portsc_write,
      .no_reset = true },
};

static const RegionType uhci_regions[] = {
    { .name = "uhci", .size = BAR_SIZE, .regs = TABLE(uhci_regs) },
};

/* ---- Life ---- */

static bool uhci_start(Device *dev, GError **err)
{
    Uhci *s = uhci_of(dev);
    PciDevice *p = &s->pci;

    if (!usb_bus_init(&s->bus, dev, &uhci_bus_ops, err)) {
        return false;
    }
    if (!pci_plug(p, err)) {
        usb_bus_deinit(&s->bus);
        return false;
    }
    s->xfers = g_ptr_array_new();
    for (unsigned n = 1; n <= UHCI_PORTS; n++) {
        usb_bus_add_port(&s->bus, NULL, n, USB_MASK_LOW | USB_MASK_FULL);
    }
    pci_set8(p, CONFIG_SBRN, 0x10); /* USB 1.0 */
    pci_set8(p, CONFIG_LEGSUP + 1, 0x20);
    pci_writable(p, CONFIG_LEGSUP, 2, 0x20ff);
    pci_add_bar_region(p, BAR, PCI_BASE_ADDRESS_SPACE_IO, 0, BAR_SIZE);
    return true;
}

static void uhci_drop_saved(Uhci *s)
{
    g_clear_pointer(&s->saved, g_free);
    s->saved_len = 0;
}

static void uhci_stop(Device *dev)
{
    Uhci *s = uhci_of(dev);

    uhci_drop_saved(s);
    if (s->xfers) {
        uhci_forget(s);
        g_ptr_array_free(s->xfers, TRUE);
        s->xfers = NULL;
    }
    usb_bus_deinit(&s->bus);
}

static void uhci_reset_enter(Device *dev, ResetType type)
{
    uhci_forget(uhci_of(dev));
}

static void uhci_reset(Device *dev, ResetType type)
{
    uhci_clear(uhci_of(dev));
}

/* What devices have ended is written to its elements; nothing new is begun. */
static void uhci_saving(Device *dev)
{
    Uhci *s = uhci_of(dev);

    usb_drain(&s->bus);
    s->drained = true;
    if (uhci_runs(s) && s->xfers->len) {
        uhci_run(s);
    }
    s->drained = false;
    usb_control_save(s->control, &s->saved, &s->saved_len);
    pci_settle(&s->pci);
}

static bool uhci_loaded(Device *dev, GError **err)
{
    Uhci *s = uhci_of(dev);
    bool ok;

    uhci_forget(s);
    ok = usb_control_load(s->control, s->saved, s->saved_len);
    uhci_drop_saved(s);
    return ok || error_set(err, "%s: its control transfers do not hold together", device_path(dev));
}

static const Field uhci_fields[] = {
    STATE_U8(Uhci, int_by, .max = UHCI_BY_IOC | UHCI_BY_SHORT),
    STATE_U64(Uhci, counted_ns, .no_reset = true),
    STATE_TIMER(Uhci, tick, uhci_tick),
    SCRATCH(Uhci, bus),
    SCRATCH(Uhci, xfers),
    SCRATCH(Uhci, control),
    STATE_BYTES(Uhci, saved, saved_len, USB_CONTROL_SAVED_MAX),
    SCRATCH(Uhci, in_round),
    SCRATCH(Uhci, drained),
    SCRATCH(Uhci, round),
};

#define UHCI_TYPE(ident, name_, doc_, id, rev, pin)                              \
    static const PciType ident##_pci = { .vendor = PCI_VENDOR_INTEL,             \
                                         .device = (id),                         \
                                         .revision = (rev),                      \
                                         .class_code = 0x0c0300,                 \
                                         .intx = (pin) };                        \
    const DeviceType ident = {                                                   \
        .name = name_,                                                           \
        .doc = "USB controller (" doc_ ", UHCI): devices of low and full speed", \
        .base = &device_pci,                                                     \
        .size = sizeof(Uhci),                                                    \
        .regions = uhci_regions,                                                 \
        .n_regions = ARRAY_SIZE(uhci_regions),                                   \
        .fields = TABLE(uhci_fields),                                            \
        .user_creatable = true,                                                  \
        .start = uhci_start,                                                     \
        .stop = uhci_stop,                                                       \
        .reset_enter = uhci_reset_enter,                                         \
        .reset = uhci_reset,                                                     \
        .saving = uhci_saving,                                                   \
        .loaded = uhci_loaded,                                                   \
        .extra = &ident##_pci,                                                   \
    }

UHCI_TYPE(device_piix3_uhci, "piix3-usb-uhci", "PIIX3", 0x7020, 1, INTD);
UHCI_TYPE(device_piix4_uhci, "piix4-usb-uhci", "PIIX4", 0x7112, 1, INTD);
UHCI_TYPE(device_ich9_uhci1, "ich9-usb-uhci1", "ICH9", 0x2934, 3, 1);
UHCI_TYPE(device_ich9_uhci2, "ich9-usb-uhci2", "ICH9", 0x2935, 3, 2);
UHCI_TYPE(device_ich9_uhci3, "ich9-usb-uhci3", "ICH9", 0x2936, 3, 3);
UHCI_TYPE(device_ich9_uhci4, "ich9-usb-uhci4", "ICH9", 0x2937, 3, 1);
UHCI_TYPE(device_ich9_uhci5, "ich9-usb-uhci5", "ICH9", 0x2938, 3, 2);
UHCI_TYPE(device_ich9_uhci6, "ich9-usb-uhci6", "ICH9", 0x2939, 3, 3);
