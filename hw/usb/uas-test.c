/* SPDX-License-Identifier: Apache-2.0 */
/* USB Attached SCSI as a host without streams uses it: several commands at once, tasks, nonsense.
 */
#include "hw/usb/bench.h"

#include "block/block.h"
#include "hw/pci/bench.h"
#include "tests/held.h"
#include "tests/unit.h"
#include "util/bytes.h"

#include <sys/mman.h>
#include <unistd.h>

extern const DeviceType device_usb_uas, device_qemu_xhci, device_scsi_hd;

enum { BLOCKS = 64, COMMAND = 1, STATUS = 2, DATA_IN = 3, DATA_OUT = 4 };

typedef struct Ut {
    Bench *b;
    UsbDevice *usb; /* of the machine that is there now, as is the disk */
    BlockBackend *disk;
    BlockBackend *open[50]; /* of all machines */
    unsigned n_open;
    bool holds;         /* what fails is held */
    const char *broken; /* how the disk fails; NULL: it does not */
    int fd;
    uint8_t data[64 * 1024];
    uint32_t actual;
} Ut;

/* The bench's device is the unit. */
static void ut_host(Device *dev, void *arg)
{
    g_autoptr(GError) err = NULL;
    Machine *m = dev->machine;
    Ut *t = arg;
    Device *x, *u;

    pci_bench_host(dev, NULL);
    x = device_new_type(m, &device_qemu_xhci, NULL, "xhci", &err);
    CHECK(x && device_realize(x, &err));
    u = device_new_type(m, &device_usb_uas, NULL, "uas", &err);
    CHECK(u && device_set_prop(u, "port", "1", &err) && device_realize(u, &err));
    t->usb = usb_of(u);
    t->disk =
        t->holds ? held_open(m, t->fd, t->broken) : block_open_fd(m, "d0", dup(t->fd), 0, &err);
    CHECK(t->disk && t->n_open < ARRAY_SIZE(t->open));
    t->open[t->n_open++] = t->disk;
    CHECK(machine_add_backend(m, "drive", "d0", t->disk, &err));
    CHECK(device_set_prop(dev, "drive", "d0", &err));
}

static UsbStatus ut_packet(Ut *t, unsigned pid, unsigned ep, const uint8_t *setup, uint32_t len)
{
    UsbDevice *u = t->usb;
    UsbPacket p = { .dev = u, .pid = (uint8_t)pid, .ep = (uint8_t)ep, .buf = t->data, .len = len };
    UsbStatus status;

    status = usb_bench_submit(&p, setup);
    t->actual = p.actual;
    EXPECT(status != USB_ASYNC); /* it says NAK until there is something */
    return status;
}

static void ut_begin_of(Ut *t, bool holds)
{
    static const uint8_t configure[8] = { 0, USB_REQ_SET_CONFIGURATION, 1 };

    *t = (Ut){ .fd = memfd_create("disk", MFD_CLOEXEC), .holds = holds };
    CHECK(t->fd >= 0 && !ftruncate(t->fd, BLOCKS * 512));
    t->b = bench_device_setup(&device_scsi_hd, "bus=uas.0", ut_host, t);
    if (!holds) {
        bench_no_reload(t->b);
    }
    EXPECT_EQ(t->usb->speed, USB_HIGH);
    EXPECT_EQ(ut_packet(t, USB_PID_SETUP, 0, configure, 0), USB_OK);
}

static void ut_begin(Ut *t)
{
    ut_begin_of(t, false);
}

static void ut_end(Ut *t)
{
    bench_end(t->b);
    for (unsigned i = 0; i < t->n_open; i++) {
        block_close(t->open[i]);
    }
    close(t->fd);
}

static void ut_settle(Ut *t)
{
    for (unsigned i = 0; i < 20; i++) {
        block_wait(t->disk);
        if (t->holds) { /* in this machine */
            while (loop_iterate(bench_machine(t->b), false)) {
            }
        } else {
            bench_run_loop(t->b);
        }
    }
}

static void ut_command(Ut *t, unsigned tag, unsigned lun, const uint8_t *cdb, unsigned cdb_len)
{
    memset(t->data, 0, 32);
    t->data[0] = 1;
    put_be16(t->data + 2, (uint16_t)tag);
    t->data[9] = (uint8_t)lun;
    memcpy(t->data + 16, cdb, cdb_len);
    EXPECT_EQ(ut_packet(t, USB_PID_OUT, COMMAND, NULL, 32), USB_OK);
    ut_settle(t);
}

/* The next information unit, as id << 16 | tag; 0: there is none. */
static unsigned ut_iu(Ut *t)
{
    UsbStatus status = ut_packet(t, USB_PID_IN, STATUS, NULL, 512);

    EXPECT(status == USB_OK || status == USB_NAK);
    return status == USB_OK ? (unsigned)t->data[0] << 16 | get_be16(t->data + 2) : 0;
}

static void ut_ready(Ut *t)
{
    static const uint8_t test_ready[6] = { 0 };

    for (unsigned i = 0; i < 4; i++) {
        ut_command(t, 9, 0, test_ready, 6);
        EXPECT_EQ(ut_iu(t), 3 << 16 | 9);
        if (!t->data[6]) {
            return;
        }
        EXPECT_EQ(t->data[6], 2);
        EXPECT_EQ(get_be16(t->data + 14), 18); /* with its sense */
    }
    EXPECT(false);
}

TEST(usb_uas, several_commands)
{
    static const uint8_t write10[10] = { 0x2a, 0, 0, 0, 0, 3, 0, 0, 2 };
    static const uint8_t read10[10] = { 0x28, 0, 0, 0, 0, 3, 0, 0, 2 };
    static const uint8_t beyond[10] = { 0x28, 0, 0, 0, 1, 0, 0, 0, 1 };
    Ut t;

    ut_begin(&t);
    ut_ready(&t);
    ut_command(&t, 1, 0, write10, 10);
    ut_command(&t, 2, 0, write10, 10);
    EXPECT_EQ(ut_iu(&t), 7 << 16 | 1);
    EXPECT_EQ(ut_iu(&t), 0); /* the second's turn comes when the first has all */
    memset(t.data, 0x5a, 1024);
    EXPECT_EQ(ut_packet(&t, USB_PID_OUT, DATA_OUT, NULL, 512), USB_OK);
    EXPECT_EQ(ut_packet(&t, USB_PID_OUT, DATA_OUT, NULL, 512), USB_OK);
    EXPECT_EQ(ut_packet(&t, USB_PID_OUT, DATA_OUT, NULL, 512), USB_NAK);
    ut_settle(&t);
    EXPECT_EQ(ut_iu(&t), 3 << 16 | 1);
    EXPECT_EQ(t.data[6], 0);
    EXPECT_EQ(ut_iu(&t), 7 << 16 | 2);
    memset(t.data, 0x77, 1024);
    EXPECT_EQ(ut_packet(&t, USB_PID_OUT, DATA_OUT, NULL, 1024), USB_OK);
    ut_settle(&t);
    EXPECT_EQ(ut_iu(&t), 3 << 16 | 2);
    ut_command(&t, 3, 0, read10, 10);
    ut_command(&t, 4, 0, beyond, 10);
    EXPECT_EQ(ut_iu(&t), 3 << 16 | 4); /* what has ended is told first */
    EXPECT_EQ(t.data[6], 2);
    EXPECT_EQ(ut_iu(&t), 6 << 16 | 3);
    EXPECT_EQ(ut_packet(&t, USB_PID_IN, DATA_IN, NULL, 1024), USB_OK);
    EXPECT_EQ(t.actual, 1024);
    EXPECT_EQ(t.data[1023], 0x77);
    EXPECT_EQ(ut_iu(&t), 3 << 16 | 3);
    EXPECT_EQ(ut_iu(&t), 0);
    ut_end(&t);
}

static void ut_task(Ut *t, unsigned tag, unsigned function, unsigned managed, unsigned lun)
{
    memset(t->data, 0, 16);
    t->data[0] = 5;
    put_be16(t->data + 2, (uint16_t)tag);
    t->data[4] = (uint8_t)function;
    put_be16(t->data + 6, (uint16_t)managed);
    t->data[9] = (uint8_t)lun;
    EXPECT_EQ(ut_packet(t, USB_PID_OUT, COMMAND, NULL, 16), USB_OK);
}

TEST(usb_uas, tasks_and_nonsense)
{
    static const uint8_t write10[10] = { 0x2a, 0, 0, 0, 0, 3, 0, 0, 2 };
    static const uint8_t read10[10] = { 0x28, 0, 0, 0, 0, 3, 0, 0, 2 };
    Ut t;

    ut_begin(&t);
    ut_ready(&t);
    ut_command(&t, 1, 0, write10, 10);
    ut_command(&t, 2, 0, read10, 10);
    ut_command(&t, 2, 0, read10, 10); /* a tag that is in use */
    EXPECT_EQ(ut_iu(&t), 4 << 16 | 2);
    EXPECT_EQ(t.data[7], 10);
    ut_task(&t, 5, 1, 1, 0);
    EXPECT_EQ(ut_iu(&t), 4 << 16 | 5);
    EXPECT_EQ(t.data[7], 0);
    EXPECT_EQ(ut_iu(&t), 6 << 16 | 2); /* the other goes on */
    ut_task(&t, 6, 8, 0, 0);           /* till its unit is reset */
    EXPECT_EQ(ut_iu(&t), 4 << 16 | 6);
    EXPECT_EQ(ut_packet(&t, USB_PID_IN, DATA_IN, NULL, 1024), USB_NAK);
    ut_task(&t, 7, 99, 0, 0);
    EXPECT_EQ(ut_iu(&t), 4 << 16 | 7);
    EXPECT_EQ(t.data[7], 4);
    ut_task(&t, 8, 8, 0, 3);
    EXPECT_EQ(ut_iu(&t), 4 << 16 | 8);
    EXPECT_EQ(t.data[7], 9);
    /* No unit at all, of any kind, too short; more commands than are taken. */
    memset(t.data, 0xff, 32);
    EXPECT_EQ(ut_packet(&t, USB_PID_OUT, COMMAND, NULL, 32), USB_OK);
    EXPECT_EQ(ut_iu(&t), 4 << 16 | 0xffff);
    EXPECT_EQ(t.data[7], 2);
    EXPECT_EQ(ut_packet(&t, USB_PID_OUT, COMMAND, NULL, 3), USB_STALL);
    ut_end(&t);

    ut_begin(&t);
    for (unsigned i = 0; i < 64; i++) {
        ut_command(&t, i, 0, write10, 10);
    }
    ut_command(&t, 64, 0, write10, 10);
    for (unsigned i = 0; i < 200 && ut_iu(&t) != (3 << 16 | 64); i++) {
    }
    EXPECT_EQ(t.data[6], 0x28);
    ut_end(&t);
}

/* Whatever comes through the pipes, in any order; a reset now and then. */
TEST(usb_uas, any_packets)
{
    static const uint8_t operations[] = { 0x00, 0x03, 0x08, 0x0a, 0x12, 0x1a, 0x25,
                                          0x28, 0x2a, 0x35, 0x5a, 0x9e, 0xa0, 0xff };
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);
    Ut t;

    ut_begin(&t);
    for (unsigned i = 0; i < 3000; i++) {
        unsigned ep = g_rand_int(rand) % 5;
        uint32_t len = ep == COMMAND ? 32 : g_rand_int(rand) % 2048;

        for (uint32_t k = 0; k < MIN(len, 64); k++) {
            t.data[k] = (uint8_t)(g_rand_int(rand) >> (g_rand_int(rand) % 24));
        }
        if (ep == COMMAND && i % 4) {
            t.data[0] = i % 16 == 1 ? 5 : 1;
            t.data[6] = t.data[8] = t.data[9] = 0;
            t.data[16] = operations[g_rand_int(rand) % sizeof(operations)];
        }
        ut_packet(&t, ep == STATUS || ep == DATA_IN ? USB_PID_IN : USB_PID_OUT, ep, NULL, len);
        if (i % 8 == 0) {
            ut_settle(&t);
        }
        if (i % 500 == 499) {
            static const uint8_t configure[8] = { 0, USB_REQ_SET_CONFIGURATION, 1 };

            usb_reset(t.usb);
            ut_packet(&t, USB_PID_SETUP, 0, configure, 0);
        }
    }
    ut_settle(&t);
    ut_end(&t);
}

/* Commands that an error holds are in the state: they go on in another machine, whose disk works.
 */
TEST(usb_uas, held_commands_are_saved)
{
    static const uint8_t write10[10] = { 0x2a, 0, 0, 0, 0, 9, 0, 0, 2 };
    static const uint8_t read10[10] = { 0x28, 0, 0, 0, 0, 7, 0, 0, 2 };
    uint8_t sectors[1024];
    Ut t;

    ut_begin_of(&t, true);
    ut_ready(&t);
    memset(sectors, 0x5a, sizeof(sectors));
    EXPECT(pwrite(t.fd, sectors, sizeof(sectors), 7 * 512) == sizeof(sectors));
    t.broken = "read_aio";
    bench_run_loop(t.b);
    ut_command(&t, 1, 0, read10, 10);
    ut_command(&t, 2, 0, read10, 10);
    EXPECT_EQ(ut_iu(&t), 0);
    t.broken = "pwritev";
    bench_run_loop(t.b);
    EXPECT_EQ(ut_iu(&t), 0);
    held_resume(bench_machine(t.b)); /* the first machine to have them that can read */
    ut_settle(&t);
    for (unsigned tag = 1; tag <= 2; tag++) {
        EXPECT_EQ(ut_iu(&t), 6 << 16 | tag);
        EXPECT_EQ(ut_packet(&t, USB_PID_IN, DATA_IN, NULL, 1024), USB_OK);
        EXPECT_EQ(t.data[1023], 0x5a);
        EXPECT_EQ(ut_iu(&t), 3 << 16 | tag);
        EXPECT_EQ(t.data[6], 0);
    }
    ut_command(&t, 3, 0, write10, 10);
    EXPECT_EQ(ut_iu(&t), 7 << 16 | 3);
    memset(t.data, 0x77, 1024);
    EXPECT_EQ(ut_packet(&t, USB_PID_OUT, DATA_OUT, NULL, 1024), USB_OK);
    ut_settle(&t);
    EXPECT_EQ(ut_iu(&t), 0);
    t.broken = NULL;
    bench_run_loop(t.b);
    held_resume(bench_machine(t.b));
    ut_settle(&t);
    EXPECT_EQ(ut_iu(&t), 3 << 16 | 3);
    EXPECT_EQ(t.data[6], 0);
    EXPECT(pread(t.fd, sectors, sizeof(sectors), 9 * 512) == sizeof(sectors));
    EXPECT_EQ(sectors[1023], 0x77);
    ut_end(&t);
}
