/* SPDX-License-Identifier: Apache-2.0 */
/* The bulk-only transport as hosts use it, and as they should not. */
#include "hw/usb/bench.h"

#include "block/block.h"
#include "hw/pci/bench.h"
#include "tests/held.h"
#include "tests/unit.h"
#include "util/bytes.h"

#include <sys/mman.h>
#include <unistd.h>

extern const DeviceType device_usb_storage, device_qemu_xhci;

enum { BLOCKS = 64, BULK_IN = 1, BULK_OUT = 2 };

typedef struct St {
    Bench *b;
    BlockBackend *disk;
    BlockBackend *open[50]; /* of all machines */
    unsigned n_open;
    bool holds;         /* what fails is held */
    const char *broken; /* how the disk fails; NULL: it does not */
    int fd;
    uint8_t data[64 * 1024];
    uint32_t actual;
    bool done;
    UsbStatus status;
} St;

static void st_host(Device *dev, void *arg)
{
    g_autoptr(GError) err = NULL;
    St *t = arg;
    Device *x;

    pci_bench_host(dev, NULL);
    x = device_new_type(dev->machine, &device_qemu_xhci, NULL, "xhci", &err);
    CHECK(x && device_realize(x, &err));
    t->disk = t->holds ? held_open(dev->machine, t->fd, t->broken)
                       : block_open_fd(dev->machine, "d0", dup(t->fd), 0, &err);
    CHECK(t->disk && t->n_open < ARRAY_SIZE(t->open));
    t->open[t->n_open++] = t->disk;
    CHECK(machine_add_backend(dev->machine, "drive", "d0", t->disk, &err));
    CHECK(device_set_prop(dev, "drive", "d0", &err));
}

static void st_done(UsbPacket *p)
{
    St *t = p->opaque;

    t->done = true;
    t->status = p->status;
    t->actual = p->actual;
}

/* A packet of @len bytes of t->data, to its end. */
static UsbStatus st_packet(St *t, unsigned pid, unsigned ep, const uint8_t *setup, uint32_t len)
{
    UsbDevice *u = usb_of(bench_dev(t->b));
    UsbPacket p = { .dev = u,
                    .pid = (uint8_t)pid,
                    .ep = (uint8_t)ep,
                    .buf = t->data,
                    .len = len,
                    .done = st_done,
                    .opaque = t };
    UsbStatus status;

    t->done = false;
    status = usb_bench_submit(&p, setup);
    if (status != USB_ASYNC) {
        t->actual = p.actual;
        return status;
    }
    for (unsigned i = 0; i < 1000 && !t->done; i++) {
        block_wait(t->disk);
        bench_run_loop(t->b);
    }
    EXPECT(t->done);
    return t->status;
}

static void st_begin_of(St *t, bool holds)
{
    static const uint8_t configure[8] = { 0, USB_REQ_SET_CONFIGURATION, 1 };

    *t = (St){ .fd = memfd_create("disk", MFD_CLOEXEC), .holds = holds };
    CHECK(t->fd >= 0 && !ftruncate(t->fd, BLOCKS * 512));
    t->b = bench_device_setup(&device_usb_storage, "port=1", st_host, t);
    if (!holds) {
        bench_no_reload(t->b);
    }
    EXPECT_EQ(usb_of(bench_dev(t->b))->speed, USB_SUPER);
    EXPECT_EQ(st_packet(t, USB_PID_SETUP, 0, configure, 0), USB_OK);
}

static void st_begin(St *t)
{
    st_begin_of(t, false);
}

static void st_end(St *t)
{
    bench_end(t->b);
    for (unsigned i = 0; i < t->n_open; i++) {
        block_close(t->open[i]);
    }
    close(t->fd);
}

static UsbStatus st_command(St *t, uint32_t length, bool in, const uint8_t *cdb, unsigned cdb_len)
{
    memset(t->data, 0, 31);
    put_le32(t->data, 0x43425355);
    put_le32(t->data + 4, 0x1234);
    put_le32(t->data + 8, length);
    t->data[12] = in ? 0x80 : 0;
    t->data[14] = (uint8_t)cdb_len;
    memcpy(t->data + 15, cdb, cdb_len);
    return st_packet(t, USB_PID_OUT, BULK_OUT, NULL, 31);
}

/* The status wrapper: its status; *residue of the data. */
static unsigned st_status(St *t, uint32_t *residue)
{
    EXPECT_EQ(st_packet(t, USB_PID_IN, BULK_IN, NULL, 13), USB_OK);
    EXPECT_EQ(t->actual, 13);
    EXPECT_EQ(get_le32(t->data), 0x53425355);
    EXPECT_EQ(get_le32(t->data + 4), 0x1234);
    *residue = get_le32(t->data + 8);
    return t->data[12];
}

/* The unit attentions that are to be told first. */
static void st_ready(St *t)
{
    static const uint8_t test_ready[6] = { 0 };
    uint32_t residue;

    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ(st_command(t, 0, false, test_ready, 6), USB_OK);
        if (!st_status(t, &residue)) {
            return;
        }
    }
    EXPECT(false);
}

TEST(usb_storage, reads_what_was_written)
{
    static const uint8_t inquiry[6] = { 0x12, 0, 0, 0, 36 };
    static const uint8_t write10[10] = { 0x2a, 0, 0, 0, 0, 3, 0, 0, 2 };
    static const uint8_t read10[10] = { 0x28, 0, 0, 0, 0, 3, 0, 0, 2 };
    static const uint8_t beyond[10] = { 0x28, 0, 0, 0, 1, 0, 0, 0, 1 };
    uint32_t residue;
    St t;

    st_begin(&t);
    st_ready(&t);
    EXPECT_EQ(st_command(&t, 64, true, inquiry, 6), USB_OK);
    EXPECT_EQ(st_packet(&t, USB_PID_IN, BULK_IN, NULL, 64), USB_OK); /* less than asked for */
    EXPECT_EQ(t.actual, 36);
    EXPECT_EQ(st_status(&t, &residue), 0);
    EXPECT_EQ(residue, 64 - 36);
    EXPECT_EQ(st_command(&t, 1024, false, write10, 10), USB_OK);
    memset(t.data, 0x5a, 1024);
    EXPECT_EQ(st_packet(&t, USB_PID_OUT, BULK_OUT, NULL, 512), USB_OK);
    EXPECT_EQ(st_packet(&t, USB_PID_OUT, BULK_OUT, NULL, 512), USB_OK);
    EXPECT_EQ(st_status(&t, &residue), 0);
    EXPECT_EQ(residue, 0);
    EXPECT_EQ(st_command(&t, 1024, true, read10, 10), USB_OK);
    memset(t.data, 0, 1024);
    EXPECT_EQ(st_packet(&t, USB_PID_IN, BULK_IN, NULL, 1024), USB_OK);
    EXPECT_EQ(t.actual, 1024);
    EXPECT_EQ(t.data[1023], 0x5a);
    EXPECT_EQ(st_status(&t, &residue), 0);
    EXPECT_EQ(st_command(&t, 512, true, beyond, 10), USB_OK);
    EXPECT_EQ(st_packet(&t, USB_PID_IN, BULK_IN, NULL, 512), USB_OK);
    EXPECT_EQ(t.actual, 0);
    EXPECT_EQ(st_status(&t, &residue), 1);
    EXPECT_EQ(residue, 512);
    st_end(&t);
}

TEST(usb_storage, refuses_what_makes_no_sense)
{
    static const uint8_t read10[10] = { 0x28, 0, 0, 0, 0, 0, 0, 0, 8 };
    static const uint8_t reset[8] = { 0x21, 0xff };
    static const uint8_t clear_in[8] = { 2, USB_REQ_CLEAR_FEATURE, 0, 0, 0x81 };
    static const uint8_t clear_out[8] = { 2, USB_REQ_CLEAR_FEATURE, 0, 0, 0x02 };
    uint32_t residue;
    St t;

    st_begin(&t);
    st_ready(&t);
    /* Less room than the command fills; the wrong way; far too much. */
    EXPECT_EQ(st_command(&t, 512, true, read10, 10), USB_OK);
    EXPECT_EQ(st_packet(&t, USB_PID_IN, BULK_IN, NULL, 512), USB_OK);
    EXPECT_EQ(st_status(&t, &residue), 2);
    EXPECT_EQ(st_command(&t, 4096, false, read10, 10), USB_OK);
    EXPECT_EQ(st_packet(&t, USB_PID_OUT, BULK_OUT, NULL, 4096), USB_OK);
    EXPECT_EQ(st_status(&t, &residue), 2);
    EXPECT_EQ(st_command(&t, 0xffffffff, true, read10, 10), USB_OK);
    EXPECT_EQ(st_packet(&t, USB_PID_IN, BULK_IN, NULL, 65536), USB_OK);
    EXPECT_EQ(t.actual, 4096);
    EXPECT_EQ(st_status(&t, &residue), 0);
    EXPECT_EQ(residue, 0xffffffff - 4096);
    /* No command at all: stalled until the host recovers. */
    memset(t.data, 0xff, 31);
    EXPECT_EQ(st_packet(&t, USB_PID_OUT, BULK_OUT, NULL, 31), USB_STALL);
    EXPECT_EQ(st_packet(&t, USB_PID_IN, BULK_IN, NULL, 13), USB_STALL);
    EXPECT_EQ(st_packet(&t, USB_PID_SETUP, 0, reset, 0), USB_OK);
    EXPECT_EQ(st_packet(&t, USB_PID_SETUP, 0, clear_in, 0), USB_OK);
    EXPECT_EQ(st_packet(&t, USB_PID_SETUP, 0, clear_out, 0), USB_OK);
    st_ready(&t);
    st_end(&t);
}

/* A command that an error holds is in the state, with its data: it goes on in another machine,
 * whose disk works, and the host's transfer finds it there. */
TEST(usb_storage, held_commands_are_saved)
{
    static const uint8_t write10[10] = { 0x2a, 0, 0, 0, 0, 9, 0, 0, 2 };
    static const uint8_t read10[10] = { 0x28, 0, 0, 0, 0, 7, 0, 0, 2 };
    uint8_t sectors[1024];
    uint32_t residue;
    St t;

    st_begin_of(&t, true);
    st_ready(&t);
    memset(sectors, 0x5a, sizeof(sectors));
    EXPECT(pwrite(t.fd, sectors, sizeof(sectors), 7 * 512) == sizeof(sectors));
    for (unsigned write = 0; write < 2; write++) {
        UsbPacket p = { .pid = USB_PID_IN, .ep = BULK_IN, .buf = t.data, .len = 13 };

        t.broken = write ? "pwritev" : "read_aio";
        bench_run_loop(t.b);
        EXPECT_EQ(st_command(&t, 1024, !write, write ? write10 : read10, 10), USB_OK);
        if (write) {
            memset(t.data, 0x77, 1024);
            EXPECT_EQ(st_packet(&t, USB_PID_OUT, BULK_OUT, NULL, 1024), USB_OK);
        }
        held_await(bench_machine(t.b));
        p.dev = usb_of(bench_dev(t.b));
        CHECK(usb_enter(p.dev));
        EXPECT_EQ(usb_submit(&p), USB_ASYNC);
        usb_cancel(&p);
        usb_leave(p.dev);
        bench_run_loop(t.b);
        held_resume(bench_machine(t.b)); /* in vain */
        t.broken = NULL;
        bench_run_loop(t.b);
        p.dev = usb_of(bench_dev(t.b));
        CHECK(usb_enter(p.dev));
        EXPECT_EQ(usb_submit(&p), USB_ASYNC);
        usb_cancel(&p);
        usb_leave(p.dev);
        held_resume(bench_machine(t.b));
        if (!write) {
            EXPECT_EQ(st_packet(&t, USB_PID_IN, BULK_IN, NULL, 1024), USB_OK);
            EXPECT_EQ(t.actual, 1024);
            EXPECT_EQ(t.data[1023], 0x5a);
        }
        EXPECT_EQ(st_status(&t, &residue), 0);
        EXPECT_EQ(residue, 0);
    }
    EXPECT(pread(t.fd, sectors, sizeof(sectors), 9 * 512) == sizeof(sectors));
    EXPECT_EQ(sectors[1023], 0x77);
    st_end(&t);
}
