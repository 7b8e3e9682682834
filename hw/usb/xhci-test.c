/* SPDX-License-Identifier: Apache-2.0 */
/* A driver of xHCI, small: rings, slots, a keyboard; and one that means harm. */
#include "hw/usb/xhci.h"

#include "core/input.h"
#include "hw/pci/bench.h"
#include "tests/unit.h"
#include "util/bytes.h"

#include <linux/input-event-codes.h>

extern const DeviceType device_usb_kbd, device_usb_hub, device_qemu_xhci;

enum {
    RAM = BENCH_RAM_BASE,
    DCBAA = RAM,
    COMMANDS = RAM + 0x1000,
    EVENTS = RAM + 0x2000,
    ERST = RAM + 0x3000,
    INPUT_CTX = RAM + 0x4000,
    OUT_CTX = RAM + 0x5000,
    EP0_RING = RAM + 0x6000,
    IN_RING = RAM + 0x7000,
    DATA = RAM + 0x8000,
    N_EVENTS = 64,
    OP = 0x40,
    INTR = 0x1020,
};

typedef struct Xt {
    Bench *b;
    unsigned n_commands, n_ep0, n_in, n_events;
    uint32_t event[4]; /* the last one */
} Xt;

static void xt_host(Device *dev, void *arg)
{
    g_autoptr(GError) err = NULL;
    Device *x;

    pci_bench_host(dev, NULL);
    x = device_new_type(dev->machine, &device_qemu_xhci, NULL, "xhci", &err);
    CHECK(x && device_realize(x, &err));
}

static void xt_poke(Xt *t, GuestPhys at, unsigned size, uint64_t val)
{
    aspace_store(machine_memory(bench_machine(t->b)), at, size, val, (MemAttrs){ 0 });
}

static uint64_t xt_peek(Xt *t, GuestPhys at, unsigned size)
{
    uint64_t val = 0;

    aspace_load(machine_memory(bench_machine(t->b)), at, size, &val, (MemAttrs){ 0 });
    return val;
}

static void xt_reg(Xt *t, unsigned off, unsigned size, uint64_t val)
{
    pci_bench_write(t->b, 0, off, size, val);
}

static uint32_t xt_get(Xt *t, unsigned off)
{
    return (uint32_t)pci_bench_read(t->b, 0, off, 4);
}

static void xt_trb(Xt *t, GuestPhys at, uint64_t param, uint32_t status, uint32_t control)
{
    xt_poke(t, at, 8, param);
    xt_poke(t, at + 8, 4, status);
    xt_poke(t, at + 12, 4, control | TRB_CYCLE);
}

/* The next event into t->event; false: there is none. */
static bool xt_event(Xt *t)
{
    GuestPhys at = EVENTS + t->n_events % N_EVENTS * XHCI_TRB;

    for (unsigned i = 0; i < 4; i++) {
        t->event[i] = (uint32_t)xt_peek(t, at + 4 * i, 4);
    }
    if ((t->event[3] & 1) != (t->n_events / N_EVENTS % 2 ? 0u : 1u)) {
        return false;
    }
    t->n_events++;
    xt_reg(t, INTR + 0x18, 8, (EVENTS + t->n_events % N_EVENTS * XHCI_TRB) | 8);
    return true;
}

static unsigned xt_code(const Xt *t)
{
    return t->event[2] >> 24;
}

static unsigned xt_type(const Xt *t)
{
    return t->event[3] >> 10 & 63;
}

static void xt_begin_at(Xt *t, const DeviceType *type, const char *props)
{
    *t = (Xt){ .b = bench_device_setup(type, props, xt_host, NULL) };
    pci_bench_enable(t->b);
    xt_poke(t, ERST, 8, EVENTS);
    xt_poke(t, ERST + 8, 8, N_EVENTS);
    xt_reg(t, OP + 0x38, 4, 8);
    xt_reg(t, OP + 0x30, 8, DCBAA);
    xt_reg(t, OP + 0x18, 8, COMMANDS | 1);
    xt_reg(t, INTR + 8, 4, 1);
    xt_reg(t, INTR + 0x18, 8, EVENTS);
    xt_reg(t, INTR + 0x10, 8, ERST);
    xt_reg(t, INTR, 4, 2);
    xt_reg(t, OP, 4, 5);
}

static unsigned xt_command(Xt *t, uint64_t param, uint32_t control)
{
    xt_trb(t, COMMANDS + XHCI_TRB * t->n_commands++, param, 0, control);
    xt_reg(t, 0x2000, 4, 0);
    while (xt_event(t)) {
        if (xt_type(t) == TRB_COMMAND_EVENT) {
            return xt_code(t);
        }
    }
    return 0;
}

/* A control transfer on slot 1; its code. */
static unsigned xt_control(Xt *t, unsigned type, unsigned request, unsigned value, unsigned index,
                           unsigned len)
{
    uint64_t setup =
        type | request << 8 | (uint64_t)value << 16 | (uint64_t)index << 32 | (uint64_t)len << 48;
    GuestPhys at = EP0_RING + XHCI_TRB * t->n_ep0;

    xt_trb(t, at, setup, 8, TRB_SETUP << 10 | TRB_IMMEDIATE);
    if (len) {
        xt_trb(t, at += XHCI_TRB, DATA, len, TRB_DATA << 10 | (type & 0x80 ? 1 << 16 : 0));
    }
    xt_trb(t, at + XHCI_TRB, 0, 0, TRB_STATUS << 10 | TRB_IOC);
    t->n_ep0 += len ? 3 : 2;
    xt_reg(t, 0x2004, 4, 1);
    return xt_event(t) && xt_type(t) == TRB_TRANSFER_EVENT ? xt_code(t) : 0;
}

/* Slot 1 for the device at port 1, with endpoint 1 IN running. */
static void xt_address(Xt *t)
{
    xt_reg(t, 0x440, 4, 0x210);
    EXPECT(xt_get(t, 0x440) & 2);
    EXPECT_EQ(xt_command(t, 0, TRB_ENABLE_SLOT << 10), CC_SUCCESS);
    EXPECT_EQ(t->event[3] >> 24, 1);
    xt_poke(t, DCBAA + 8, 8, OUT_CTX);
    xt_poke(t, INPUT_CTX + 4, 4, 3);
    xt_poke(t, INPUT_CTX + 32, 4, 1u << 27 | 3 << 20);
    xt_poke(t, INPUT_CTX + 36, 4, 1 << 16);
    xt_poke(t, INPUT_CTX + 64 + 4, 4, 64u << 16 | EP_CONTROL << 3);
    xt_poke(t, INPUT_CTX + 64 + 8, 8, EP0_RING | 1);
    EXPECT_EQ(xt_command(t, INPUT_CTX, TRB_ADDRESS_DEVICE << 10 | 1 << 24), CC_SUCCESS);
    EXPECT_EQ(xt_peek(t, OUT_CTX + 12, 4), SLOT_ADDRESSED << 27 | 1);
    xt_poke(t, INPUT_CTX + 4, 4, 1 | 1 << 3);
    xt_poke(t, INPUT_CTX + 32, 4, 3u << 27 | 3 << 20);
    xt_poke(t, INPUT_CTX + 128 + 4, 4, 8u << 16 | 7 << 3);
    xt_poke(t, INPUT_CTX + 128 + 8, 8, IN_RING | 1);
    EXPECT_EQ(xt_command(t, INPUT_CTX, TRB_CONFIGURE_EP << 10 | 1 << 24), CC_SUCCESS);
    EXPECT_EQ(xt_control(t, 0, USB_REQ_SET_CONFIGURATION, 1, 0, 0), CC_SUCCESS);
}

static void xt_key(Xt *t, unsigned key, bool down)
{
    InputEvent e = { INPUT_KEY, (uint16_t)key, down, 0 };

    EXPECT(input_send(bench_machine(t->b), &e));
    bench_run_loop(t->b);
}

TEST(xhci, enumerates_a_keyboard)
{
    Xt t;

    xt_begin_at(&t, &device_usb_kbd, "port=1,serial=42");
    EXPECT_EQ(pci_bench_config(t.b, PCI_VENDOR_ID, 4), 0x000d1b36);
    EXPECT_EQ(xt_get(&t, 0), 0x01000040);
    EXPECT_EQ(xt_get(&t, 4), 64 | 16 << 8 | 8u << 24);
    EXPECT(xt_event(&t)); /* something is plugged in */
    EXPECT_EQ(xt_type(&t), TRB_PORT_EVENT);
    EXPECT_EQ(t.event[0], 1u << 24);
    xt_address(&t);
    EXPECT_EQ(xt_control(&t, 0x80, USB_REQ_GET_DESCRIPTOR, USB_DT_DEVICE << 8, 0, 64), CC_SUCCESS);
    EXPECT_EQ(xt_peek(&t, DATA, 1), 18);
    EXPECT_EQ(xt_peek(&t, DATA + 8, 4), 0x00010627);
    EXPECT_EQ(xt_control(&t, 0x80, USB_REQ_GET_DESCRIPTOR, USB_DT_STRING << 8 | 3, 0, 255),
              CC_SUCCESS);
    EXPECT_EQ(xt_peek(&t, DATA + 2, 1), '4');
    EXPECT_EQ(xt_control(&t, 0x81, USB_REQ_GET_DESCRIPTOR, USB_DT_HID_REPORT << 8, 0, 255),
              CC_SUCCESS);
    EXPECT_EQ(xt_peek(&t, DATA, 4), 0x06090105);
    bench_end(t.b);
}

TEST(xhci, keys_arrive_when_they_are_pressed)
{
    Xt t;

    xt_begin_at(&t, &device_usb_kbd, "port=1");
    EXPECT(xt_event(&t));
    xt_address(&t);
    for (unsigned i = 0; i < 2; i++) {
        xt_trb(&t, IN_RING + XHCI_TRB * i, DATA + 0x100 * i, 8, TRB_NORMAL << 10 | TRB_IOC);
    }
    xt_reg(&t, 0x2004, 4, 3);
    EXPECT(!xt_event(&t));
    xt_key(&t, KEY_LEFTSHIFT, true);
    EXPECT(xt_event(&t));
    EXPECT_EQ(xt_code(&t), CC_SUCCESS);
    EXPECT_EQ(t.event[3] >> 16 & 31, 3);
    EXPECT_EQ(xt_peek(&t, DATA, 8), 2);
    xt_key(&t, KEY_A, true);
    EXPECT(xt_event(&t));
    EXPECT_EQ(xt_peek(&t, DATA + 0x100, 8), 0x00040002);
    EXPECT(!xt_event(&t));
    xt_key(&t, KEY_A, false); /* nobody asks now: kept */
    xt_trb(&t, IN_RING + XHCI_TRB * 2, DATA, 64, TRB_NORMAL << 10 | TRB_ISP);
    xt_reg(&t, 0x2004, 4, 3);
    EXPECT(xt_event(&t));
    EXPECT_EQ(xt_code(&t), CC_SHORT_PACKET);
    EXPECT_EQ(t.event[2] & 0xffffff, 64 - 8);
    EXPECT_EQ(xt_peek(&t, DATA, 8), 2);
    bench_end(t.b);
}

TEST(xhci, halts_and_goes_on)
{
    Xt t;

    xt_begin_at(&t, &device_usb_kbd, "port=1");
    EXPECT(xt_event(&t));
    xt_address(&t);
    EXPECT_EQ(xt_control(&t, 0x80, USB_REQ_GET_DESCRIPTOR, 0x7700, 0, 8), CC_STALL);
    EXPECT_EQ(xt_peek(&t, OUT_CTX + 32, 4) & 7, EP_HALTED);
    EXPECT_EQ(xt_command(&t, 0, TRB_STOP_EP << 10 | 1 << 16 | 1 << 24), CC_CONTEXT_STATE);
    EXPECT_EQ(xt_command(&t, 0, TRB_RESET_EP << 10 | 1 << 16 | 1 << 24), CC_SUCCESS);
    EXPECT_EQ(xt_command(&t, (EP0_RING + XHCI_TRB * t.n_ep0) | 1,
                         TRB_SET_DEQUEUE << 10 | 1 << 16 | 1 << 24),
              CC_SUCCESS);
    EXPECT_EQ(xt_control(&t, 0x80, USB_REQ_GET_CONFIGURATION, 0, 0, 1), CC_SUCCESS);
    EXPECT_EQ(xt_peek(&t, DATA, 1), 1);
    EXPECT_EQ(xt_command(&t, 0, TRB_DISABLE_SLOT << 10 | 1 << 24), CC_SUCCESS);
    EXPECT_EQ(xt_command(&t, 0, TRB_DISABLE_SLOT << 10 | 1 << 24), CC_SLOT_DISABLED);
    EXPECT_EQ(xt_command(&t, 0, 63 << 10), CC_TRB_ERROR);
    bench_end(t.b);
}

TEST(xhci, hub_tells_of_its_ports)
{
    Xt t;

    xt_begin_at(&t, &device_usb_hub, "port=1,ports=4");
    EXPECT(xt_event(&t));
    xt_address(&t);
    EXPECT_EQ(xt_control(&t, 0xa0, USB_REQ_GET_DESCRIPTOR, USB_DT_HUB << 8, 0, 64), CC_SUCCESS);
    EXPECT_EQ(xt_peek(&t, DATA + 2, 1), 4);
    EXPECT_EQ(xt_control(&t, 0xa3, USB_REQ_GET_STATUS, 0, 4, 4), CC_SUCCESS);
    EXPECT_EQ(xt_peek(&t, DATA, 4), 0x100);
    EXPECT_EQ(xt_control(&t, 0xa3, USB_REQ_GET_STATUS, 0, 5, 4), CC_STALL);
    bench_end(t.b);
}

static Device *xt_plug(Xt *t, const DeviceType *type, const char *id, const char *props)
{
    g_autoptr(GError) err = NULL;
    Device *d = device_new_type(bench_machine(t->b), type, NULL, id, &err);

    EXPECT(d && device_set_props(d, props, &err) && device_realize(d, &err));
    bench_run_loop(t->b);
    return d;
}

TEST(xhci, devices_come_and_go)
{
    g_autoptr(GError) err = NULL;
    Device *hub, *kbd;
    Machine *m;
    Xt t;

    xt_begin_at(&t, &device_usb_kbd, "port=1");
    EXPECT(xt_event(&t));
    bench_no_reload(t.b);
    m = bench_machine(t.b);
    hub = xt_plug(&t, &device_usb_hub, "hub", "port=2");
    EXPECT(xt_event(&t));
    EXPECT_EQ(xt_type(&t), TRB_PORT_EVENT);
    EXPECT_EQ(t.event[0], 2u << 24);
    EXPECT_EQ(xt_get(&t, 0x450) & 0x20001, 0x20001); /* connected, and that has changed */
    kbd = xt_plug(&t, &device_usb_kbd, "late", "port=2.1");
    EXPECT(!xt_event(&t)); /* the hub tells of it */
    EXPECT(kbd->on == hub);
    xt_reg(&t, 0x450, 4, 0x20200);
    EXPECT(device_unplug(hub, &err));
    bench_run_loop(t.b);
    EXPECT(!device_find(m, "hub") && !device_find(m, "late"));
    EXPECT(xt_event(&t));
    EXPECT_EQ(t.event[0], 2u << 24);
    EXPECT_EQ(xt_get(&t, 0x450) & 0x20001, 0x20000);
    /* One that is in use, with a transfer under way. */
    xt_address(&t);
    xt_trb(&t, IN_RING, DATA, 8, TRB_NORMAL << 10 | TRB_IOC);
    xt_reg(&t, 0x2004, 4, 3);
    xt_reg(&t, 0x440, 4, 0xfe0200); /* what has changed is known */
    EXPECT(device_unplug(device_find(m, "dut"), &err));
    bench_run_loop(t.b);
    EXPECT(xt_event(&t));
    EXPECT_EQ(xt_type(&t), TRB_PORT_EVENT);
    EXPECT_EQ(xt_get(&t, 0x440) & 1, 0);
    EXPECT_EQ(xt_control(&t, 0x80, USB_REQ_GET_CONFIGURATION, 0, 0, 1), CC_TRANSACTION_ERROR);
    bench_end(t.b);
}

/* Rings that run in circles, lie outside of memory, or never end. */
TEST(xhci, survives_a_hostile_driver)
{
    Xt t;

    xt_begin_at(&t, &device_usb_kbd, "port=1");
    EXPECT(xt_event(&t));
    xt_address(&t);
    /* A link to itself. */
    xt_trb(&t, IN_RING, IN_RING, 0, TRB_LINK << 10);
    xt_reg(&t, 0x2004, 4, 3);
    EXPECT(xt_get(&t, OP + 4) & USBSTS_HCE);
    xt_reg(&t, OP, 4, USBCMD_HCRST);
    EXPECT_EQ(xt_get(&t, OP + 4), USBSTS_HCH);
    bench_end(t.b);

    xt_begin_at(&t, &device_usb_kbd, "port=1");
    EXPECT(xt_event(&t));
    xt_address(&t);
    /* Descriptors of no operation in a circle: some at once, then others' turn. */
    xt_trb(&t, IN_RING, 0, 0, TRB_NOOP << 10);
    xt_trb(&t, IN_RING + XHCI_TRB, IN_RING, 0, TRB_LINK << 10);
    bench_no_reload(t.b);
    aspace_store(machine_memory(bench_machine(t.b)), pci_bench_bar(t.b, 0) + 0x2004, 4, 3,
                 (MemAttrs){ 0 });
    for (unsigned i = 0; i < 10; i++) {
        clock_advance_ns(bench_machine(t.b), 1);
    }
    EXPECT(!(xt_get(&t, OP + 4) & USBSTS_HCE));
    xt_reg(&t, OP, 4, 0);
    bench_end(t.b);

    xt_begin_at(&t, &device_usb_kbd, "port=1");
    EXPECT(xt_event(&t));
    xt_address(&t);
    /* One that is chained without end, and data where there is no memory. */
    for (unsigned i = 0; i < 8; i++) {
        xt_trb(&t, IN_RING + XHCI_TRB * i, 0xf00000000ull, 0x10000, TRB_NORMAL << 10 | TRB_CHAIN);
    }
    xt_trb(&t, IN_RING + XHCI_TRB * 8, IN_RING, 0, TRB_LINK << 10);
    xt_reg(&t, 0x2004, 4, 3);
    EXPECT(xt_event(&t) || xt_get(&t, OP + 4) & USBSTS_HCE);
    xt_reg(&t, OP, 4, USBCMD_HCRST);
    xt_reg(&t, OP + 0x18, 8, ~0ull);
    xt_reg(&t, INTR + 8, 4, 16);
    xt_reg(&t, INTR + 0x10, 8, 0xfffffffffff0);
    xt_reg(&t, OP, 4, 5);
    xt_reg(&t, 0x2000, 4, 0);
    EXPECT(xt_get(&t, OP + 4) & USBSTS_HCE);
    bench_end(t.b);
}
