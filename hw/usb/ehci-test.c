/* SPDX-License-Identifier: Apache-2.0 */
/* A driver of EHCI, small: queues of both schedules, a keyboard; and one that means harm. */
#include "hw/usb/ehci.h"

#include "core/input.h"
#include "hw/pci/bench.h"
#include "tests/unit.h"

#include <linux/input-event-codes.h>

extern const DeviceType device_usb_kbd, device_usb_ehci;

enum {
    RAM = BENCH_RAM_BASE,
    FRAMES = RAM,
    HEAD = RAM + 0x1000, /* of the asynchronous list */
    KEYS = RAM + 0x1100, /* the keyboard's interrupt queue */
    QTDS = RAM + 0x2000,
    SETUP = RAM + 0x3000,
    DATA = RAM + 0x3ff8, /* over the end of a page */
    REPORT = RAM + 0x6000,
    USBCMD = 0x20,
    USBSTS = 0x24,
    USBINTR = 0x28,
    FRINDEX = 0x2c,
    PERIODIC = 0x34,
    ASYNC = 0x38,
    CONFIGFLAG = 0x60,
    PORT1 = 0x64,
    ACTIVE = 0x80,
    HALTED = 0x40,
    IOC = 1 << 15,
    OUT = 0,
    IN = 1 << 8,
    SET_UP = 2 << 8,
    RUN = EHCI_RS | EHCI_PSE | EHCI_ASE,
};

typedef struct Et {
    Bench *b;
} Et;

static void et_host(Device *dev, void *arg)
{
    g_autoptr(GError) err = NULL;
    Device *x;

    pci_bench_host(dev, NULL);
    x = device_new_type(dev->machine, &device_usb_ehci, NULL, "ehci", &err);
    CHECK(x && device_realize(x, &err));
}

static void et_poke(Et *t, GuestPhys at, uint32_t val)
{
    aspace_store(machine_memory(bench_machine(t->b)), at, 4, val, (MemAttrs){ 0 });
}

static uint32_t et_peek(Et *t, GuestPhys at)
{
    uint64_t val = 0;

    aspace_load(machine_memory(bench_machine(t->b)), at, 4, &val, (MemAttrs){ 0 });
    return (uint32_t)val;
}

static void et_reg(Et *t, unsigned off, uint32_t val)
{
    pci_bench_write(t->b, 0, off, 4, val);
}

static uint32_t et_get(Et *t, unsigned off)
{
    return (uint32_t)pci_bench_read(t->b, 0, off, 4);
}

/* A queue head without elements. */
static void et_queue(Et *t, GuestPhys at, uint32_t link, uint32_t chars, uint32_t caps)
{
    const uint32_t w[12] = { link, chars, caps, 0, 1, 1, 0 };

    for (unsigned i = 0; i < 12; i++) {
        et_poke(t, at + 4 * i, w[i]);
    }
}

static void et_qtd(Et *t, unsigned n, bool last, uint32_t token, unsigned bytes, GuestPhys buf)
{
    GuestPhys at = QTDS + 64 * n;

    et_poke(t, at, last ? 1 : (uint32_t)at + 64);
    et_poke(t, at + 4, 1);
    et_poke(t, at + 8, token | ACTIVE | bytes << 16 | 3 << 10);
    et_poke(t, at + 12, (uint32_t)buf);
    for (unsigned i = 1; i < 5; i++) {
        et_poke(t, at + 12 + 4 * i, (uint32_t)(buf & ~0xfffull) + 0x1000 * i);
    }
}

static uint32_t et_token(Et *t, unsigned n)
{
    return et_peek(t, QTDS + 64 * n + 8);
}

/* The port's reset, and the lists: nothing in them but a head. */
static void et_begin(Et *t)
{
    *t = (Et){ .b = bench_device_setup(&device_usb_kbd, "port=1,serial=42", et_host, NULL) };
    pci_bench_enable(t->b);
    EXPECT_EQ(et_get(t, 0), 0x01000020);
    EXPECT_EQ(et_get(t, USBSTS) & EHCI_HALTED, EHCI_HALTED);
    EXPECT_EQ(et_get(t, PORT1) & 0xfff, 0x803); /* plugged in, and it was not */
    et_reg(t, PORT1, 0x1102);
    EXPECT_EQ(et_get(t, PORT1) & 0x1ff, 0x101);
    et_reg(t, PORT1, 0x1000);
    EXPECT_EQ(et_get(t, PORT1) & 0x1ff, 5);
    for (unsigned i = 0; i < 1024; i++) {
        et_poke(t, FRAMES + 4 * i, i % 8 ? 1 : KEYS | 2);
    }
    et_queue(t, HEAD, HEAD | 2, 1 << 15 | 1 << 14 | 2 << 12 | 64 << 16, 1u << 30);
    et_queue(t, KEYS, 1, 1 << 8 | 1 << 14 | 2 << 12 | 8 << 16, 1u << 30 | 1);
    et_reg(t, PERIODIC, FRAMES);
    et_reg(t, ASYNC, HEAD);
    et_reg(t, USBINTR, 0x3f);
    et_reg(t, CONFIGFLAG, 1);
    et_reg(t, USBCMD, RUN);
    EXPECT_EQ(et_get(t, USBSTS) & (EHCI_HALTED | EHCI_PSS | EHCI_ASS), EHCI_PSS | EHCI_ASS);
}

/* A control transfer: the last stage's token, 0: it does not end. */
static uint32_t et_control(Et *t, unsigned type, unsigned request, unsigned value, unsigned len)
{
    unsigned n = 0, stages = len ? 3 : 2;

    et_poke(t, SETUP, type | request << 8 | value << 16);
    et_poke(t, SETUP + 4, len << 16);
    et_qtd(t, n++, false, SET_UP, 8, SETUP);
    if (len) {
        et_qtd(t, n++, false, type & 0x80 ? IN : OUT, len, DATA);
    }
    et_qtd(t, n, true, IOC | (type & 0x80 && len ? OUT : IN), 0, 0);
    et_poke(t, HEAD + 20, 1);
    et_poke(t, HEAD + 24, 0);
    et_poke(t, HEAD + 16, QTDS);
    bench_run_ns(t->b, 3000000);
    for (unsigned i = 0; i < stages; i++) {
        if (et_token(t, i) & (ACTIVE | HALTED)) {
            return et_token(t, i) & HALTED ? et_token(t, i) : 0;
        }
    }
    return et_token(t, stages - 1);
}

TEST(ehci, enumerates_a_keyboard)
{
    Et t;

    et_begin(&t);
    EXPECT_EQ(pci_bench_config(t.b, PCI_VENDOR_ID, 4), 0x24cd8086);
    et_reg(&t, USBSTS, 0x3f);
    EXPECT_EQ(et_control(&t, 0x80, USB_REQ_GET_DESCRIPTOR, USB_DT_DEVICE << 8, 64) & 0xff, 0);
    EXPECT_EQ(et_token(&t, 1) >> 16 & 0x7fff, 64 - 18);
    EXPECT_EQ(et_peek(&t, DATA) & 0xff, 18);
    EXPECT_EQ(et_peek(&t, DATA + 8), 0x00010627);
    EXPECT(et_get(&t, USBSTS) & EHCI_INT);
    et_reg(&t, USBSTS, 0x3f);
    EXPECT_EQ(et_get(&t, USBSTS) & 0x3f & ~EHCI_FLR, 0);
    /* What is refused halts the queue; it goes on when the driver says so. */
    EXPECT(et_control(&t, 0x80, USB_REQ_GET_DESCRIPTOR, 0x7700, 64) & HALTED);
    EXPECT(et_get(&t, USBSTS) & EHCI_ERRINT);
    EXPECT_EQ(et_control(&t, 0, USB_REQ_SET_ADDRESS, 0, 0) & 0xff, 0);
    EXPECT_EQ(et_control(&t, 0, USB_REQ_SET_CONFIGURATION, 1, 0) & 0xff, 0);
    bench_end(t.b);
}

/* The stages of a transfer, one by one, with a save and a load between them. */
TEST(ehci, stages_apart)
{
    Et t;

    et_begin(&t);
    et_poke(&t, SETUP, 0x80 | USB_REQ_GET_DESCRIPTOR << 8 | USB_DT_DEVICE << 24);
    et_poke(&t, SETUP + 4, 18 << 16);
    et_qtd(&t, 0, true, SET_UP, 8, SETUP);
    et_qtd(&t, 1, true, IN, 8, DATA);
    et_qtd(&t, 2, true, IN, 10, DATA + 8);
    et_qtd(&t, 3, true, IOC | OUT, 0, 0);
    for (unsigned i = 0; i < 4; i++) {
        et_poke(&t, HEAD + 20, 1);
        et_poke(&t, HEAD + 24, 0);
        et_poke(&t, HEAD + 16, QTDS + 64 * i);
        bench_run_ns(t.b, 3000000);
        EXPECT_EQ(et_token(&t, i) & (ACTIVE | HALTED), 0);
        EXPECT_EQ(et_token(&t, i) >> 16 & 0x7fff, 0);
    }
    EXPECT_EQ(et_peek(&t, DATA) & 0xff, 18);
    EXPECT_EQ(et_peek(&t, DATA + 8), 0x00010627);
    bench_end(t.b);
}

TEST(ehci, keys_come_by_the_periodic_list)
{
    InputEvent e = { INPUT_KEY, KEY_A, true, 0 };
    Et t;

    et_begin(&t);
    EXPECT_EQ(et_control(&t, 0, USB_REQ_SET_CONFIGURATION, 1, 0) & 0xff, 0);
    et_qtd(&t, 8, true, IN | IOC, 8, REPORT);
    et_poke(&t, KEYS + 16, QTDS + 64 * 8);
    bench_run_ns(t.b, 20000000);
    EXPECT(et_token(&t, 8) & ACTIVE); /* no key yet */
    EXPECT(input_send(bench_machine(t.b), &e));
    bench_run_loop(t.b);
    bench_run_ns(t.b, 20000000);
    EXPECT_EQ(et_token(&t, 8) & (ACTIVE | HALTED), 0);
    EXPECT_EQ(et_peek(&t, REPORT) >> 16 & 0xff, 4); /* usage of A */
    EXPECT(et_get(&t, FRINDEX) >= 8 * 40);
    bench_end(t.b);
}

TEST(ehci, queue_heads_that_leave)
{
    Et t;

    et_begin(&t);
    et_reg(&t, USBSTS, 0x3f);
    et_reg(&t, USBCMD, RUN | EHCI_IAAD);
    EXPECT(et_get(&t, USBSTS) & EHCI_IAA);
    EXPECT_EQ(et_get(&t, USBCMD) & EHCI_IAAD, 0);
    et_reg(&t, USBCMD, 0);
    EXPECT_EQ(et_get(&t, USBSTS) & (EHCI_HALTED | EHCI_PSS | EHCI_ASS), EHCI_HALTED);
    et_reg(&t, USBCMD, EHCI_HCRESET);
    EXPECT_EQ(et_get(&t, USBCMD), 0x80000);
    EXPECT_EQ(et_get(&t, PORT1) & 5, 1);
    bench_end(t.b);
}

TEST(ehci, harm)
{
    Et t;

    et_begin(&t);
    /* Rings that never end, of elements and of queue heads; a transfer without a setup stage. */
    et_qtd(&t, 0, false, IN | IOC, 0x5000, DATA);
    et_poke(&t, QTDS, QTDS);
    et_poke(&t, HEAD + 16, QTDS);
    for (unsigned i = 0; i < 1024; i++) {
        et_poke(&t, FRAMES + 4 * i, KEYS | 2);
    }
    et_poke(&t, KEYS, KEYS | 2);
    bench_run_ns(t.b, 5000000);
    EXPECT(et_token(&t, 0) & HALTED);
    /* More bytes than pages hold. */
    et_qtd(&t, 0, true, SET_UP, 8, DATA);
    et_poke(&t, QTDS + 8, 8 << 16 | ACTIVE | SET_UP | 7 << 12);
    et_poke(&t, HEAD + 24, 0);
    et_poke(&t, HEAD + 16, QTDS);
    bench_run_ns(t.b, 5000000);
    EXPECT(et_token(&t, 0) & HALTED);
    /* Lists where no memory is. */
    et_reg(&t, ASYNC, 0xf0000000);
    et_reg(&t, PERIODIC, 0xf0000000);
    bench_run_ns(t.b, 5000000);
    EXPECT(et_get(&t, USBSTS) & EHCI_HSE);
    EXPECT(et_get(&t, USBSTS) & EHCI_HALTED);
    bench_end(t.b);
}
