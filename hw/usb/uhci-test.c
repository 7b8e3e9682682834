/* SPDX-License-Identifier: Apache-2.0 */
/* A driver of UHCI, small: a list of frames, a queue, a keyboard; and one that means harm. */
#include "hw/usb/uhci.h"

#include "core/input.h"
#include "hw/pci/bench.h"
#include "tests/unit.h"

#include <linux/input-event-codes.h>

extern const DeviceType device_usb_kbd, device_piix3_uhci;

enum {
    RAM = BENCH_RAM_BASE,
    FRAMES = RAM,
    QUEUE = RAM + 0x1000,
    TDS = RAM + 0x2000,
    KEY_TD = TDS + 0x800,
    SETUP = RAM + 0x3000,
    DATA = RAM + 0x3ff8,
    REPORT = RAM + 0x6000,
    USBCMD = 0,
    USBSTS = 2,
    USBINTR = 4,
    FRNUM = 6,
    FLBASE = 8,
    PORT1 = 0x10,
    ACTIVE = 1 << 23,
    STALLED = 1 << 22,
    NAK = 1 << 19,
    IOC = 1 << 24,
    SPD = 1 << 29,
    NO_BYTES = 0x7ff,
};

typedef struct Ut {
    Bench *b;
} Ut;

static void ut_host(Device *dev, void *arg)
{
    g_autoptr(GError) err = NULL;
    Device *x;

    pci_bench_host(dev, NULL);
    x = device_new_type(dev->machine, &device_piix3_uhci, NULL, "uhci", &err);
    CHECK(x && device_realize(x, &err));
}

static void ut_poke(Ut *t, GuestPhys at, uint32_t val)
{
    aspace_store(machine_memory(bench_machine(t->b)), at, 4, val, (MemAttrs){ 0 });
}

static uint32_t ut_peek(Ut *t, GuestPhys at)
{
    uint64_t val = 0;

    aspace_load(machine_memory(bench_machine(t->b)), at, 4, &val, (MemAttrs){ 0 });
    return (uint32_t)val;
}

static void ut_reg(Ut *t, unsigned off, unsigned size, uint32_t val)
{
    pci_bench_write(t->b, 4, off, size, val);
}

static uint32_t ut_get(Ut *t, unsigned off)
{
    return (uint32_t)pci_bench_read(t->b, 4, off, 2);
}

static void ut_td(Ut *t, GuestPhys at, uint32_t link, uint32_t status, unsigned pid, unsigned ep,
                  unsigned bytes, GuestPhys buf)
{
    ut_poke(t, at, link);
    ut_poke(t, at + 4, status | ACTIVE | 3 << 27);
    ut_poke(t, at + 8, pid | ep << 15 | ((bytes - 1) & NO_BYTES) << 21);
    ut_poke(t, at + 12, (uint32_t)buf);
}

/* The port's reset, and the list: an empty queue in each frame, linked to itself. */
static void ut_begin(Ut *t)
{
    *t = (Ut){ .b = bench_device_setup(&device_usb_kbd, "port=1,serial=42", ut_host, NULL) };
    pci_bench_enable(t->b);
    EXPECT_EQ(pci_bench_config(t->b, PCI_VENDOR_ID, 4), 0x70208086);
    EXPECT_EQ(ut_get(t, USBSTS), UHCI_HALTED);
    EXPECT_EQ(ut_get(t, PORT1), 0x93); /* full speed; plugged in, and it was not */
    ut_reg(t, PORT1, 2, 0x202);
    EXPECT_EQ(ut_get(t, PORT1), 0x291);
    ut_reg(t, PORT1, 2, 0);
    ut_reg(t, PORT1, 2, 4);
    EXPECT_EQ(ut_get(t, PORT1), 0x95);
    for (unsigned i = 0; i < 1024; i++) {
        ut_poke(t, FRAMES + 4 * i, QUEUE | 2);
    }
    ut_poke(t, QUEUE, QUEUE | 2);
    ut_poke(t, QUEUE + 4, 1);
    ut_reg(t, FLBASE, 4, FRAMES);
    ut_reg(t, USBINTR, 2, 0xf);
    ut_reg(t, USBCMD, 2, UHCI_RS);
    EXPECT_EQ(ut_get(t, USBSTS), 0);
}

/* A control transfer in packets of 8 bytes: the status of its last stage, 0: it does not end. */
static uint32_t ut_control(Ut *t, unsigned type, unsigned request, unsigned value, unsigned len)
{
    unsigned in = type & 0x80 ? USB_PID_IN : USB_PID_OUT, n = 0;
    GuestPhys at = TDS;

    ut_poke(t, SETUP, type | request << 8 | value << 16);
    ut_poke(t, SETUP + 4, len << 16);
    ut_td(t, at, (uint32_t)at + 16, 0, USB_PID_SETUP, 0, 8, SETUP);
    for (; n < len; n += 8) {
        at += 16;
        ut_td(t, at, (uint32_t)at + 16, 0, in, 0, MIN(8u, len - n), DATA + n);
    }
    at += 16;
    ut_td(t, at, 1, IOC, len && type & 0x80 ? USB_PID_OUT : USB_PID_IN, 0, 0, 0);
    ut_poke(t, QUEUE + 4, TDS);
    bench_run_ns(t->b, 3000000);
    for (GuestPhys a = TDS; a <= at; a += 16) {
        uint32_t st = ut_peek(t, a + 4);

        if (st & (ACTIVE | STALLED)) {
            return st & STALLED ? st : 0;
        }
    }
    EXPECT_EQ(ut_peek(t, QUEUE + 4), 1);
    return ut_peek(t, at + 4);
}

/* The packets of a transfer, one by one, with a save and a load between them. */
TEST(uhci, stages_apart)
{
    static const struct {
        unsigned pid, bytes, at;
    } packets[] = {
        { USB_PID_SETUP, 8, SETUP },  { USB_PID_IN, 8, DATA }, { USB_PID_IN, 8, DATA + 8 },
        { USB_PID_IN, 2, DATA + 16 }, { USB_PID_OUT, 0, 0 },
    };
    Ut t;

    ut_begin(&t);
    ut_poke(&t, SETUP, 0x80 | USB_REQ_GET_DESCRIPTOR << 8 | USB_DT_DEVICE << 24);
    ut_poke(&t, SETUP + 4, 18 << 16);
    for (unsigned i = 0; i < ARRAY_SIZE(packets); i++) {
        ut_td(&t, TDS, 1, IOC, packets[i].pid, 0, packets[i].bytes, packets[i].at);
        ut_poke(&t, QUEUE + 4, TDS);
        bench_run_ns(t.b, 3000000);
        EXPECT_EQ(ut_peek(&t, TDS + 4) & (ACTIVE | STALLED), 0);
        EXPECT_EQ(ut_peek(&t, TDS + 4) & NO_BYTES, (packets[i].bytes - 1) & NO_BYTES);
    }
    EXPECT_EQ(ut_peek(&t, DATA) & 0xff, 18);
    EXPECT_EQ(ut_peek(&t, DATA + 8), 0x00010627);
    bench_end(t.b);
}

TEST(uhci, enumerates_a_keyboard)
{
    Ut t;

    ut_begin(&t);
    EXPECT_EQ(ut_control(&t, 0x80, USB_REQ_GET_DESCRIPTOR, USB_DT_DEVICE << 8, 18) & NO_BYTES,
              NO_BYTES);
    EXPECT_EQ(ut_peek(&t, DATA) & 0xff, 18);
    EXPECT_EQ(ut_peek(&t, DATA + 8), 0x00010627);
    EXPECT_EQ(ut_peek(&t, TDS + 16 * 3 + 4) & NO_BYTES, 1); /* two bytes in the last packet */
    EXPECT_EQ(ut_get(&t, USBSTS), UHCI_INT);
    ut_reg(&t, USBSTS, 2, UHCI_INT);
    EXPECT_EQ(ut_get(&t, USBSTS), 0);
    EXPECT(ut_control(&t, 0x80, USB_REQ_GET_DESCRIPTOR, 0x7700, 64) & STALLED);
    EXPECT_EQ(ut_get(&t, USBSTS), UHCI_ERRINT);
    ut_reg(&t, USBSTS, 2, UHCI_ERRINT);
    EXPECT(ut_control(&t, 0, USB_REQ_SET_CONFIGURATION, 1, 0));
    EXPECT_EQ(ut_control(&t, 0x80, USB_REQ_GET_CONFIGURATION, 0, 1) & STALLED, 0);
    EXPECT_EQ(ut_peek(&t, DATA) & 0xff, 1);
    bench_end(t.b);
}

TEST(uhci, keys_and_short_packets)
{
    InputEvent e = { INPUT_KEY, KEY_A, true, 0 };
    Ut t;

    ut_begin(&t);
    EXPECT(ut_control(&t, 0, USB_REQ_SET_CONFIGURATION, 1, 0));
    ut_reg(&t, USBSTS, 2, 0x1f);
    ut_td(&t, KEY_TD, 1, IOC, USB_PID_IN, 1, 8, REPORT);
    for (unsigned i = 0; i < 1024; i += 8) { /* in front of the queue */
        ut_poke(&t, FRAMES + 4 * i, KEY_TD);
    }
    bench_run_ns(t.b, 20000000);
    EXPECT_EQ(ut_peek(&t, KEY_TD + 4) & (ACTIVE | NAK), ACTIVE | NAK); /* no key yet */
    EXPECT(input_send(bench_machine(t.b), &e));
    bench_run_loop(t.b);
    bench_run_ns(t.b, 20000000);
    EXPECT_EQ(ut_peek(&t, KEY_TD + 4) & (ACTIVE | STALLED | NO_BYTES), 7);
    EXPECT_EQ(ut_peek(&t, REPORT) >> 16 & 0xff, 4); /* usage of A */
    EXPECT(ut_get(&t, FRNUM) >= 40);
    /* 64 bytes are asked for, and 18 come: the queue stops there, and USBINTR's bit 3 counts. */
    ut_reg(&t, USBSTS, 2, 0x1f);
    ut_poke(&t, SETUP, 0x80 | USB_REQ_GET_DESCRIPTOR << 8 | USB_DT_DEVICE << 24);
    ut_poke(&t, SETUP + 4, 64 << 16);
    ut_td(&t, TDS, TDS + 16, 0, USB_PID_SETUP, 0, 8, SETUP);
    ut_td(&t, TDS + 16, TDS + 32, SPD, USB_PID_IN, 0, 64, DATA);
    ut_td(&t, TDS + 32, 1, IOC, USB_PID_OUT, 0, 0, 0);
    ut_poke(&t, QUEUE + 4, TDS);
    bench_run_ns(t.b, 3000000);
    EXPECT_EQ(ut_peek(&t, TDS + 16 + 4) & (ACTIVE | NO_BYTES), 17);
    EXPECT(ut_peek(&t, TDS + 32 + 4) & ACTIVE);
    EXPECT_EQ(ut_peek(&t, QUEUE + 4), TDS + 16);
    EXPECT_EQ(ut_get(&t, USBSTS), UHCI_INT);
    bench_end(t.b);
}

TEST(uhci, resets)
{
    Ut t;

    ut_begin(&t);
    ut_reg(&t, USBCMD, 2, UHCI_HCRESET);
    EXPECT_EQ(ut_get(&t, USBCMD), 0);
    EXPECT_EQ(ut_get(&t, USBSTS), UHCI_HALTED);
    EXPECT_EQ(ut_get(&t, PORT1) & 5, 1);
    ut_reg(&t, USBCMD, 2, UHCI_GRESET);
    EXPECT_EQ(ut_get(&t, USBCMD), UHCI_GRESET);
    ut_reg(&t, USBCMD, 2, 0);
    EXPECT_EQ(ut_get(&t, USBCMD), 0);
    bench_end(t.b);
}

TEST(uhci, harm)
{
    Ut t;

    ut_begin(&t);
    /* Elements and queues in rings; no device at the address; data without a setup stage. */
    ut_td(&t, TDS, TDS, IOC, USB_PID_IN, 0, 8, DATA);
    ut_poke(&t, QUEUE + 4, TDS);
    for (unsigned i = 0; i < 1024; i++) {
        ut_poke(&t, FRAMES + 4 * i, TDS + 16);
    }
    ut_td(&t, TDS + 16, TDS + 16, 0, USB_PID_OUT, 3, 1280, RAM + 0x3fff0);
    bench_run_ns(t.b, 3000000);
    EXPECT(ut_peek(&t, TDS + 16 + 4) & STALLED);
    ut_poke(&t, FRAMES, QUEUE | 2);
    for (unsigned i = 0; i < 1024; i++) {
        ut_poke(&t, FRAMES + 4 * i, QUEUE | 2);
    }
    bench_run_ns(t.b, 3000000);
    EXPECT(ut_peek(&t, TDS + 4) & STALLED);
    /* Longer than an element may be: the controller stops. */
    ut_td(&t, TDS, 1, 0, USB_PID_IN, 1, 0x600, DATA);
    ut_poke(&t, QUEUE + 4, TDS);
    bench_run_ns(t.b, 3000000);
    EXPECT_EQ(ut_get(&t, USBSTS) & (UHCI_HCPE | UHCI_HALTED), UHCI_HCPE | UHCI_HALTED);
    /* A list where no memory is. */
    ut_reg(&t, USBSTS, 2, 0x1f);
    ut_reg(&t, FLBASE, 4, 0xf0000000);
    ut_reg(&t, USBCMD, 2, UHCI_RS);
    bench_run_ns(t.b, 3000000);
    EXPECT_EQ(ut_get(&t, USBSTS), UHCI_HSE | UHCI_HALTED);
    bench_end(t.b);
}
