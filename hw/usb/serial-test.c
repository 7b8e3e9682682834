/* SPDX-License-Identifier: Apache-2.0 */
/* usb-serial as FTDI's driver uses it: status before the data of each packet, a full buffer. */
#include "hw/usb/bench.h"

#include "chardev/chardev.h"
#include "hw/pci/bench.h"
#include "tests/unit.h"

extern const DeviceType device_usb_serial, device_qemu_xhci;

enum { BULK_IN = 1, BULK_OUT = 2, ENDS_MAX = 64 };

typedef struct Ft {
    Bench *b;
    Chardev *end[ENDS_MAX]; /* of all machines */
    unsigned n_ends;
    uint8_t data[1024];
    uint32_t actual;
} Ft;

/* The other end goes with its machine. */
typedef struct End {
    Device dev;
    Chardev *chardev;
} End;

static void end_stop(Device *dev)
{
    chardev_close(device_as(dev, End)->chardev);
}

static const Field end_fields[] = { SCRATCH(End, chardev) };

static const DeviceType device_end = {
    .name = "end",
    .doc = "the other end",
    .size = sizeof(End),
    .fields = TABLE(end_fields),
    .stop = end_stop,
};

static void ft_host(Device *dev, void *arg)
{
    g_autoptr(GError) err = NULL;
    Machine *m = dev->machine;
    Ft *t = arg;
    Device *x;

    pci_bench_host(dev, NULL);
    x = device_new_type(m, &device_qemu_xhci, NULL, "xhci", &err);
    CHECK(x && device_realize(x, &err) && t->n_ends < ENDS_MAX);
    t->end[t->n_ends] = chardev_new(m, "c0", "ringbuf,size=4096", &err);
    CHECK(t->end[t->n_ends] && machine_add_backend(m, "chardev", "c0", t->end[t->n_ends], &err));
    x = device_make(m, &device_end, NULL, "end");
    device_as(x, End)->chardev = t->end[t->n_ends++];
    CHECK(device_realize(x, &err));
    CHECK(device_set_prop(dev, "chardev", "c0", &err));
}

static Chardev *ft_end(Ft *t)
{
    return t->end[t->n_ends - 1];
}

static UsbStatus ft_packet(Ft *t, unsigned pid, unsigned ep, const uint8_t *setup, uint32_t len)
{
    UsbDevice *u = usb_of(bench_dev(t->b));
    UsbPacket p = { .dev = u, .pid = (uint8_t)pid, .ep = (uint8_t)ep, .buf = t->data, .len = len };
    UsbStatus status;

    status = usb_bench_submit(&p, setup);
    t->actual = p.actual;
    return status;
}

static UsbStatus ft_vendor(Ft *t, unsigned type, unsigned request, unsigned value, unsigned len)
{
    uint8_t setup[8] = {
        (uint8_t)type, (uint8_t)request, (uint8_t)value, (uint8_t)(value >> 8), 0, 0, (uint8_t)len
    };

    return ft_packet(t, USB_PID_SETUP, 0, setup, len);
}

static void ft_begin(Ft *t)
{
    *t = (Ft){ 0 };
    t->b = bench_device_setup(&device_usb_serial, "port=1", ft_host, t);
    EXPECT_EQ(usb_of(bench_dev(t->b))->speed, USB_FULL);
    EXPECT_EQ(ft_vendor(t, 0, USB_REQ_SET_CONFIGURATION, 1, 0), USB_OK);
}

static void ft_finish(Ft *t)
{
    bench_end(t->b);
    for (unsigned i = 0; i < t->n_ends; i++) {
        chardev_free(t->end[i]);
    }
}

TEST(usb_serial, both_ways)
{
    g_autoptr(GString) out = g_string_new("");
    Ft t;

    ft_begin(&t);
    memcpy(t.data, "hello", 5);
    EXPECT_EQ(ft_packet(&t, USB_PID_OUT, BULK_OUT, NULL, 5), USB_OK);
    EXPECT(chardev_ring_read(ft_end(&t), out, 100));
    EXPECT_STR(out->str, "hello");
    ft_packet(&t, USB_PID_IN, BULK_IN, NULL, 64); /* the lines' state, at most */
    EXPECT_EQ(ft_packet(&t, USB_PID_IN, BULK_IN, NULL, 64), USB_NAK);
    chardev_feed(ft_end(&t), "abc", 3);
    bench_run_loop(t.b); /* saved and loaded with it */
    EXPECT_EQ(ft_packet(&t, USB_PID_IN, BULK_IN, NULL, 64), USB_OK);
    EXPECT_EQ(t.actual, 5);
    EXPECT_EQ(t.data[0] & 1, 1);
    EXPECT_EQ(t.data[1], 0x60);
    EXPECT(!memcmp(t.data + 2, "abc", 3));
    ft_finish(&t);
}

/* A transfer of several packets; more than the buffer takes. */
TEST(usb_serial, full_buffer)
{
    uint8_t bytes[600];
    Ft t;

    ft_begin(&t);
    for (unsigned i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)i;
    }
    chardev_feed(ft_end(&t), bytes, sizeof(bytes));
    EXPECT_EQ(ft_packet(&t, USB_PID_IN, BULK_IN, NULL, 130), USB_OK);
    EXPECT_EQ(t.actual, 130);
    EXPECT_EQ(t.data[2], 0);
    EXPECT_EQ(t.data[63], 61);
    EXPECT_EQ(t.data[65], 0x60);
    EXPECT_EQ(t.data[66], 62);
    EXPECT_EQ(t.data[128] & 1, 1); /* the third packet's status, and no room for more */
    EXPECT_EQ(ft_packet(&t, USB_PID_IN, BULK_IN, NULL, 512), USB_OK);
    EXPECT_EQ(t.data[2], 124);
    EXPECT_EQ(t.actual, 384 - 124 + 2 * 5);
    ft_finish(&t);
}

TEST(usb_serial, requests)
{
    Ft t;

    ft_begin(&t);
    EXPECT_EQ(ft_vendor(&t, 0xc0, 10, 0, 1), USB_OK);
    EXPECT_EQ(t.data[0], 16);
    EXPECT_EQ(ft_vendor(&t, 0x40, 9, 1, 0), USB_OK);
    bench_run_loop(t.b);
    EXPECT_EQ(ft_vendor(&t, 0xc0, 10, 0, 1), USB_OK);
    EXPECT_EQ(t.data[0], 1);
    EXPECT_EQ(ft_vendor(&t, 0xc0, 5, 0, 2), USB_OK);
    EXPECT_EQ(t.actual, 2);
    EXPECT_EQ(ft_vendor(&t, 0x40, 3, 0x1a, 0), USB_OK);
    chardev_feed(ft_end(&t), "abc", 3);
    EXPECT_EQ(ft_vendor(&t, 0x40, 0, 1, 0), USB_OK); /* drops what came */
    ft_packet(&t, USB_PID_IN, BULK_IN, NULL, 64);
    EXPECT(t.actual <= 2);
    EXPECT_EQ(ft_vendor(&t, 0x40, 0x77, 0, 0), USB_STALL);
    EXPECT_EQ(ft_packet(&t, USB_PID_IN, 3, NULL, 64), USB_ERROR);
    EXPECT_EQ(ft_packet(&t, USB_PID_IN, BULK_IN, NULL, 1) == USB_STALL, false);
    ft_finish(&t);
}
