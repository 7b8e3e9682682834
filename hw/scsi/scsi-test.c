/* SPDX-License-Identifier: Apache-2.0 */
/* Commands to a disk and a CD drive behind an adapter of the test's own; and any CDB at all. */
#include "hw/scsi/scsi-priv.h"

#include "block/core/node.h"
#include "core/bench.h"
#include "core/event/loop.h"
#include "tests/unit.h"
#include "util/bytes.h"

#include <sys/mman.h>
#include <unistd.h>

enum { BLOCKS = 2048, DATA = 1 << 16 };

/* What the machines of a bench share. */
typedef struct Host {
    int disk;
    bool empty;
    BlockBackend *open[2000];
    unsigned n_open;
    Bench *b;
    uint8_t data[DATA];
    /* Of the last request. */
    uint8_t status, sense[SCSI_SENSE_SIZE];
    unsigned ended, cancelled;
    uint64_t done;
} Host;

typedef struct Adapter {
    Device dev;
    ScsiBus bus;
} Adapter;

static void st_complete(ScsiRequest *r)
{
    Host *h = r->opaque;

    h->status = r->status;
    memcpy(h->sense, r->sense, SCSI_SENSE_SIZE);
    h->done = r->done;
    h->ended++;
    scsi_request_unref(r);
}

static void st_cancelled(ScsiRequest *r)
{
    ((Host *)r->opaque)->cancelled++;
    scsi_request_unref(r);
}

static bool st_adapter_start(Device *dev, GError **err)
{
    static const ScsiBusOps ops = { .complete = st_complete, .cancelled = st_cancelled };
    static const ScsiBusInfo info = { .max_target = 7, .max_lun = 7, .autosense = true };

    return scsi_bus_init(&device_as(dev, Adapter)->bus, dev, dev->id, &ops, &info, err);
}

static void st_adapter_stop(Device *dev)
{
    scsi_bus_deinit(&device_as(dev, Adapter)->bus);
}

static void st_adapter_saving(Device *dev)
{
    scsi_bus_drain(&device_as(dev, Adapter)->bus);
}

static const Field st_fields[] = { SCRATCH(Adapter, bus) };

static const DeviceType st_adapter = {
    .name = "scsi-test-adapter",
    .doc = "adapter of a test",
    .size = sizeof(Adapter),
    .fields = TABLE(st_fields),
    .start = st_adapter_start,
    .stop = st_adapter_stop,
    .saving = st_adapter_saving,
};

static void st_plug(Device *dev, void *arg)
{
    g_autoptr(GError) err = NULL;
    Host *h = arg;
    Device *adapter = device_make(dev->machine, &st_adapter, NULL, "a0");
    BlockBackend *b;

    CHECK(device_realize(adapter, &err));
    b = h->empty ? block_open_empty(dev->machine, "d0", &err)
                 : block_open_fd(dev->machine, "d0", dup(h->disk), 0, &err);
    CHECK(b && h->n_open < ARRAY_SIZE(h->open));
    h->open[h->n_open++] = b;
    CHECK(machine_add_backend(dev->machine, "drive", "d0", b, &err));
    device_set_backend(dev, "drive", b);
}

static Host *st_begin(const DeviceType *type, const char *props, bool empty)
{
    Host *h = g_new0(Host, 1);

    h->disk = memfd_create("disk", MFD_CLOEXEC);
    h->empty = empty;
    CHECK(h->disk >= 0 && !ftruncate(h->disk, BLOCKS * 512));
    h->b = bench_device_setup(type, props, st_plug, h);
    return h;
}

static void st_end(Host *h)
{
    bench_end(h->b);
    for (unsigned i = 0; i < h->n_open; i++) {
        block_close(h->open[i]);
    }
    close(h->disk);
    g_free(h);
}

static ScsiBus *st_bus(Host *h)
{
    return &device_as(device_find(bench_machine(h->b), "a0"), Adapter)->bus;
}

/* Submit without waiting; whether there is such a target. */
static bool st_submit(Host *h, unsigned target, unsigned lun, const void *cdb, unsigned cdb_len,
                      uint64_t room, bool out)
{
    ScsiBus *bus = st_bus(h);
    struct iovec iov[2] = { { h->data, room / 3 }, { h->data + room / 3, room - room / 3 } };
    ScsiRequest *r;

    scsi_enter(bus);
    r = scsi_request_new(bus, 0, target, lun, 7, cdb, cdb_len, h);
    if (r) {
        scsi_request_data(r, iov, out ? 2 : 0, iov, out ? 0 : 2);
        scsi_request_submit(r);
    }
    scsi_leave(bus);
    return r;
}

/* The status; 0xff: no target. The machine is saved and loaded after it. */
static unsigned st_do(Host *h, unsigned lun, const void *cdb, unsigned cdb_len, uint64_t room,
                      bool out)
{
    unsigned ended = h->ended;

    if (!st_submit(h, 0, lun, cdb, cdb_len, room, out)) {
        return 0xff;
    }
    while (h->ended == ended) {
        loop_iterate(bench_machine(h->b), true);
    }
    bench_run_loop(h->b);
    return h->status;
}

#define CDB(...)       (const uint8_t[16]){ __VA_ARGS__ }, 16
#define IN(room, ...)  st_do(h, 0, CDB(__VA_ARGS__), room, false)
#define OUT(room, ...) st_do(h, 0, CDB(__VA_ARGS__), room, true)

static uint32_t st_sense(const Host *h)
{
    return (uint32_t)(h->sense[2] << 16 | h->sense[12] << 8 | h->sense[13]);
}

/* CHECK CONDITION with this sense. */
#define EXPECT_SENSE(status, sense)                \
    do {                                           \
        EXPECT_EQ((status), SCSI_CHECK_CONDITION); \
        EXPECT_EQ(st_sense(h), (sense));           \
    } while (0)

TEST(scsi, disk_says_what_it_is)
{
    Host *h = st_begin(&device_scsi_hd, "serial=abc,wwn=0x5000c50015ea71ac,rotation_rate=1", false);

    EXPECT_SENSE(IN(0, 0x00), 0x62900); /* power on, told once */
    EXPECT_EQ(IN(0, 0x00), SCSI_GOOD);
    EXPECT_EQ(IN(96, 0x12, 0, 0, 0, 96), SCSI_GOOD);
    EXPECT_EQ(h->done, 36);
    EXPECT(!memcmp(h->data + 8, "QEMU    QEMU HARDDISK   2.5+", 28));
    EXPECT_EQ(h->data[0] | h->data[1], 0);
    EXPECT_EQ(IN(5, 0x12, 0, 0, 0, 5), SCSI_GOOD); /* room for less */
    EXPECT_EQ(h->done, 5);
    EXPECT_EQ(IN(255, 0x12, 1, 0x00, 0, 255), SCSI_GOOD);
    EXPECT_EQ(h->done, 10);
    EXPECT(!memcmp(h->data + 4, "\x00\x80\x83\xb0\xb1\xb2", 6));
    EXPECT_EQ(IN(255, 0x12, 1, 0x80, 0, 255), SCSI_GOOD);
    EXPECT(h->done == 7 && !memcmp(h->data + 4, "abc", 3));
    EXPECT_EQ(IN(255, 0x12, 1, 0x83, 0, 255), SCSI_GOOD);
    EXPECT_EQ(get_be64(h->data + 4 + 7 + 4), 0x5000c50015ea71ac);
    EXPECT_EQ(IN(255, 0x12, 1, 0xb0, 0, 255), SCSI_GOOD);
    EXPECT_EQ(get_be32(h->data + 28), 8); /* granularity of discard: 4 KiB */
    EXPECT_EQ(IN(255, 0x12, 1, 0xb1, 0, 255), SCSI_GOOD);
    EXPECT_EQ(get_be16(h->data + 4), 1);
    EXPECT_EQ(IN(255, 0x12, 1, 0xb2, 0, 255), SCSI_GOOD);
    EXPECT_EQ(h->data[5], 0xe0);
    EXPECT_SENSE(IN(255, 0x12, 1, 0x77, 0, 255), SENSE_INVALID_FIELD);
    EXPECT_SENSE(IN(255, 0x12, 0, 0x80, 0, 255), SENSE_INVALID_FIELD);
    EXPECT_EQ(IN(8, 0x25), SCSI_GOOD);
    EXPECT_EQ(get_be32(h->data), BLOCKS - 1);
    EXPECT_EQ(get_be32(h->data + 4), 512);
    EXPECT_EQ(IN(32, 0x9e, 0x10, [13] = 32), SCSI_GOOD);
    EXPECT_EQ(get_be64(h->data), BLOCKS - 1);
    EXPECT_EQ(h->data[14], 0x80);
    EXPECT_SENSE(IN(0, 0xc1), SENSE_INVALID_OPCODE);
    st_end(h);
}

TEST(scsi, units_of_a_target)
{
    Host *h = st_begin(&device_scsi_hd, "lun=3", false);

    EXPECT(!st_submit(h, 1, 0, CDB(0x12, 0, 0, 0, 36), 36, false));
    EXPECT_EQ(st_do(h, 0, CDB(0x12, 0, 0, 0, 36), 36, false), SCSI_GOOD);
    EXPECT_EQ(h->data[0], 0x7f);
    EXPECT_SENSE(st_do(h, 0, CDB(0x00), 0, false), SENSE_NO_SUCH_LUN);
    EXPECT_EQ(st_do(h, 0, CDB(0xa0, [9] = 64), 64, false), SCSI_GOOD);
    EXPECT_EQ(get_be32(h->data), 16);
    EXPECT_EQ(get_be64(h->data + 8), 0);
    EXPECT_EQ(get_be16(h->data + 16), 3);
    EXPECT_SENSE(st_do(h, 0, CDB(0xa0, [9] = 8), 8, false), SENSE_INVALID_FIELD);
    EXPECT_EQ(st_do(h, 3, CDB(0x12, 0, 0, 0, 36), 36, false), SCSI_GOOD);
    EXPECT_EQ(h->data[0], 0);
    /* Sense that was not told with a status: the attention that waits. */
    EXPECT_EQ(st_do(h, 3, CDB(0x03, 0, 0, 0, 18), 18, false), SCSI_GOOD);
    EXPECT_EQ(h->data[2] << 8 | h->data[12], 0x629);
    EXPECT_EQ(st_do(h, 3, CDB(0x00), 0, false), SCSI_GOOD);
    st_end(h);
}

TEST(scsi, disk_reads_and_writes)
{
    Host *h = st_begin(&device_scsi_hd, NULL, false);
    uint8_t sector[1024];

    IN(0, 0x00);
    for (unsigned i = 0; i < 1024; i++) {
        h->data[i] = (uint8_t)(i * 7);
    }
    EXPECT_EQ(OUT(1024, 0x2a, 0, 0, 0, 0, 5, 0, 0, 2), SCSI_GOOD);
    EXPECT_EQ(h->done, 1024);
    EXPECT(pread(h->disk, sector, 1024, 5 * 512) == 1024 && !memcmp(sector, h->data, 1024));
    EXPECT_EQ(OUT(1024, 0x2f, 2, 0, 0, 0, 5, 0, 0, 2), SCSI_GOOD); /* compare */
    h->data[700] ^= 1;
    EXPECT_SENSE(OUT(1024, 0x2f, 2, 0, 0, 0, 5, 0, 0, 2), SENSE_MISCOMPARE);
    memset(h->data, 0, 1024);
    EXPECT_EQ(IN(512, 0x08, 0, 0, 6, 1), SCSI_GOOD);
    EXPECT(!memcmp(h->data, sector + 512, 512));
    EXPECT_EQ(IN(512, 0xa8, 0, 0, 0, 0, 6, 0, 0, 0, 1), SCSI_GOOD);
    EXPECT_EQ(OUT(512, 0x8a, 8, [9] = 100, [13] = 1), SCSI_GOOD); /* to the medium */
    EXPECT_EQ(IN(512, 0x88, [9] = 100, [13] = 1), SCSI_GOOD);
    EXPECT(!memcmp(h->data, sector + 512, 512));
    EXPECT_EQ(IN(0, 0x35), SCSI_GOOD);
    /* The ends of the disk, memory that is too small, protection that is not there. */
    EXPECT_SENSE(IN(1024, 0x28, 0, 0, 0, 7, 255, 0, 0, 2), SENSE_LBA_RANGE);
    EXPECT_SENSE(IN(512, 0x88, 0, 255, 255, 255, 255, 255, 255, 255, 255, [13] = 1),
                 SENSE_LBA_RANGE);
    EXPECT_EQ(IN(0, 0x28, 0, 0, 0, 8, 0, 0, 0, 0), SCSI_GOOD);
    EXPECT_EQ(IN(100, 0x28, 0, 0, 0, 0, 5, 0, 0, 2), SCSI_GOOD);
    EXPECT_EQ(h->done, 100);
    EXPECT_SENSE(OUT(100, 0x2a, 0, 0, 0, 0, 5, 0, 0, 2), SENSE_DATA_PHASE);
    EXPECT_SENSE(IN(512, 0x28, 0x20, 0, 0, 0, 5, 0, 0, 1), SENSE_INVALID_FIELD);
    st_end(h);
}

TEST(scsi, disk_unmaps_and_writes_the_same)
{
    Host *h = st_begin(&device_scsi_hd, NULL, false);
    uint8_t sectors[16 * 512];

    IN(0, 0x00);
    memset(h->data, 0xab, 512);
    EXPECT_EQ(OUT(512, 0x93, 0, [9] = 8, [13] = 16), SCSI_GOOD);
    EXPECT(pread(h->disk, sectors, sizeof(sectors), 8 * 512) == sizeof(sectors));
    EXPECT(sectors[0] == 0xab && !memcmp(sectors, sectors + 1, sizeof(sectors) - 1));
    memset(h->data, 0, 512);
    EXPECT_EQ(OUT(512, 0x41, 8, 0, 0, 0, 8, 0, 0, 16), SCSI_GOOD);
    EXPECT(pread(h->disk, sectors, sizeof(sectors), 8 * 512) == sizeof(sectors));
    EXPECT(sectors[0] == 0 && !memcmp(sectors, sectors + 1, sizeof(sectors) - 1));
    EXPECT_EQ(IN(0, 0x93, 9, [9] = 8, [13] = 16), SCSI_GOOD); /* NDOB */
    EXPECT_SENSE(OUT(512, 0x41, 0, 0, 0, 0, 8, 0, 0, 0), SENSE_INVALID_FIELD);
    EXPECT_SENSE(OUT(512, 0x41, 0, 0, 0, 7, 255, 0, 0, 2), SENSE_LBA_RANGE);
    /* Two ranges, then one beyond the end, then a list that is cut. */
    memset(h->data, 0, 40);
    put_be16(h->data, 38);
    put_be16(h->data + 2, 32);
    put_be32(h->data + 16, 8);
    put_be64(h->data + 24, 100);
    put_be32(h->data + 32, 8);
    EXPECT_EQ(OUT(40, 0x42, [8] = 40), SCSI_GOOD);
    put_be64(h->data + 24, BLOCKS - 7);
    EXPECT_SENSE(OUT(40, 0x42, [8] = 40), SENSE_LBA_RANGE);
    EXPECT_SENSE(OUT(30, 0x42, [8] = 30), SENSE_PARAMETER_LENGTH);
    EXPECT_SENSE(OUT(40, 0x42, 1, [8] = 40), SENSE_INVALID_FIELD);
    EXPECT_EQ(OUT(0, 0x42), SCSI_GOOD);
    st_end(h);
}

TEST(scsi, mode_pages)
{
    Host *h = st_begin(&device_scsi_hd, NULL, false);

    IN(0, 0x00);
    EXPECT_EQ(IN(255, 0x1a, 0, 0x08, 0, 255), SCSI_GOOD);
    EXPECT_EQ(h->data[0] + 1u, h->done);
    EXPECT_EQ(h->data[3], 8);
    EXPECT_EQ(get_be32(h->data + 4), BLOCKS);
    EXPECT_EQ(h->data[12], 0x08);
    EXPECT_EQ(h->data[14], 4); /* a cache for writes */
    EXPECT_EQ(IN(255, 0x5a, 8, 0x3f, [7] = 0, [8] = 255), SCSI_GOOD);
    EXPECT_EQ(get_be16(h->data) + 2u, h->done);
    EXPECT_SENSE(IN(255, 0x1a, 0, 0xc8, 0, 255), SENSE_SAVING_UNSUPPORTED);
    EXPECT_SENSE(IN(255, 0x1a, 0, 0x2a, 0, 255), SENSE_INVALID_FIELD);
    EXPECT_EQ(IN(255, 0x1a, 8, 0x08, 0, 255), SCSI_GOOD);
    h->data[0] = 0;
    h->data[6] = 0; /* off with it */
    EXPECT_EQ(OUT(24, 0x15, 0x10, 0, 0, 24), SCSI_GOOD);
    EXPECT_EQ(IN(255, 0x1a, 8, 0x08, 0, 255), SCSI_GOOD);
    EXPECT_EQ(h->data[6], 0);
    EXPECT_EQ(IN(255, 0x1a, 8, 0x88, 0, 255), SCSI_GOOD); /* the default */
    EXPECT_EQ(h->data[6], 4);
    h->data[0] = 0;
    h->data[8] = 1; /* is not changeable */
    EXPECT_SENSE(OUT(24, 0x15, 0x10, 0, 0, 24), SENSE_INVALID_PARAMETER);
    EXPECT_SENSE(OUT(20, 0x15, 0x10, 0, 0, 20), SENSE_PARAMETER_LENGTH);
    EXPECT_SENSE(OUT(24, 0x15, 0x11, 0, 0, 24), SENSE_INVALID_FIELD);
    EXPECT_EQ(OUT(512, 0x2a, 0, 0, 0, 0, 5, 0, 0, 1), SCSI_GOOD); /* through */
    st_end(h);
}

TEST(scsi, cd_and_its_tray)
{
    Host *h = st_begin(&device_scsi_cd, NULL, false);

    EXPECT_EQ(IN(36, 0x12, 0, 0, 0, 36), SCSI_GOOD);
    EXPECT_EQ(h->data[0] << 8 | h->data[1], 0x580);
    IN(0, 0x00);
    EXPECT_EQ(IN(8, 0x25), SCSI_GOOD);
    EXPECT_EQ(get_be32(h->data), BLOCKS / 4 - 1);
    EXPECT_EQ(get_be32(h->data + 4), 2048);
    EXPECT_EQ(IN(2048, 0x28, 0, 0, 0, 0, 3, 0, 0, 1), SCSI_GOOD);
    EXPECT_SENSE(OUT(2048, 0x2a, 0, 0, 0, 0, 3, 0, 0, 1), SENSE_INVALID_OPCODE);
    EXPECT_EQ(IN(64, 0x43, [8] = 64), SCSI_GOOD);
    EXPECT_EQ(h->done, 20);
    EXPECT_EQ(h->data[14], 0xaa);
    EXPECT_EQ(get_be32(h->data + 16), BLOCKS / 4);
    EXPECT_EQ(IN(64, 0x43, 2, 2, [8] = 64), SCSI_GOOD);
    EXPECT_EQ(IN(255, 0x46, [8] = 255), SCSI_GOOD);
    EXPECT_EQ(get_be16(h->data + 6), 8);
    EXPECT_EQ(get_be32(h->data) + 4, h->done);
    EXPECT_EQ(IN(34, 0x51, [8] = 34), SCSI_GOOD);
    EXPECT_EQ(IN(36, 0x52, 1, [5] = 1, [8] = 36), SCSI_GOOD);
    EXPECT_EQ(get_be32(h->data + 24), BLOCKS / 4);
    EXPECT_EQ(IN(8, 0xbd, [9] = 8), SCSI_GOOD);
    EXPECT_EQ(IN(2048, 0xbe, 0, [8] = 1, [9] = 0x10), SCSI_GOOD);
    EXPECT_EQ(IN(255, 0x5a, 0, 0x2a, [8] = 255), SCSI_GOOD);
    /* A locked tray stays shut. */
    EXPECT_EQ(IN(0, 0x1e, [4] = 1), SCSI_GOOD);
    EXPECT_SENSE(IN(0, 0x1b, [4] = 2), SENSE_REMOVAL_PREVENTED);
    EXPECT_EQ(IN(0, 0x1e), SCSI_GOOD);
    EXPECT_EQ(IN(0, 0x1b, [4] = 2), SCSI_GOOD);
    EXPECT_SENSE(IN(0, 0x00), SENSE_NO_MEDIUM_OPEN);
    EXPECT_EQ(IN(8, 0x4a, 1, [4] = 0x10, [8] = 8), SCSI_GOOD);
    EXPECT_EQ(h->data[4] << 8 | h->data[5], 0x301);
    EXPECT_EQ(IN(0, 0x1b, [4] = 3), SCSI_GOOD);
    EXPECT_SENSE(IN(0, 0x00), 0x62800);
    EXPECT_EQ(IN(8, 0x4a, 1, [4] = 0x10, [8] = 8), SCSI_GOOD);
    EXPECT_EQ(h->data[4] << 8 | h->data[5], 0x202);
    EXPECT_EQ(IN(0, 0x00), SCSI_GOOD);
    st_end(h);
}

TEST(scsi, empty_cd)
{
    Host *h = st_begin(&device_scsi_cd, NULL, true);

    IN(0, 0x00);
    EXPECT_SENSE(IN(0, 0x00), SENSE_NO_MEDIUM);
    EXPECT_SENSE(IN(8, 0x25), SENSE_NO_MEDIUM);
    EXPECT_EQ(IN(255, 0x46, [8] = 255), SCSI_GOOD);
    EXPECT_EQ(get_be16(h->data + 6), 0);
    st_end(h);
}

/* What is cancelled never ends, and what is reset says so. */
TEST(scsi, cancels_and_resets)
{
    Host *h = st_begin(&device_scsi_hd, NULL, false);
    ScsiBus *bus = st_bus(h);
    ScsiDevice *d = scsi_find(bus, 0, 0, 0);

    bench_no_reload(h->b);
    IN(0, 0x00);
    h->ended = 0;
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(st_submit(h, 0, 0, CDB(0x28, 0, 0, 0, 0, 5, 0, 0, 8), 4096, false));
    }
    scsi_enter(bus);
    if (scsi_find_tag(d, 7)) {
        scsi_request_cancel(scsi_find_tag(d, 7));
    }
    scsi_reset_unit(d);
    EXPECT(!d->requests);
    scsi_leave(bus);
    EXPECT_EQ(h->ended + h->cancelled, 3);
    EXPECT(h->cancelled > 0);
    EXPECT_SENSE(IN(0, 0x00), 0x62903);
    EXPECT(st_submit(h, 0, 0, CDB(0x28, 0, 0, 0, 0, 5, 0, 0, 8), 4096, false));
    scsi_enter(bus);
    scsi_reset_bus(bus);
    scsi_leave(bus);
    EXPECT_SENSE(IN(0, 0x00), 0x62902);
    EXPECT_EQ(IN(0, 0x00), SCSI_GOOD);
    st_end(h);
}

/* Anything ends, once, and inside of its memory. */
static void st_any(const DeviceType *type, bool empty, uint32_t seed)
{
    Host *h = st_begin(type, NULL, empty);
    g_autoptr(GRand) rand = g_rand_new_with_seed(seed);

    bench_no_reload(h->b);
    for (unsigned i = 0; i < 6000; i++) {
        uint8_t cdb[SCSI_CDB_MAX] = { 0 };
        uint64_t room =
            (uint64_t)g_rand_int_range(rand, 0, 4) * (uint64_t)g_rand_int_range(rand, 0, DATA / 8);
        unsigned ended = h->ended;

        cdb[0] = (uint8_t)g_rand_int(rand);
        for (unsigned k = 1; k < sizeof(cdb); k++) {
            cdb[k] = (uint8_t)(g_rand_int(rand) & (g_rand_int_range(rand, 0, 3) ? 0 : 0xff));
        }
        for (unsigned k = 0; k < 64; k++) {
            h->data[k] = (uint8_t)(g_rand_int(rand) & (i & 1 ? 0xff : 0x1f));
        }
        memset(h->data + room, 0x5a, 16);
        st_do(h, g_rand_int_range(rand, 0, 9) == 0, cdb, (unsigned)g_rand_int_range(rand, 0, 40),
              room, g_rand_boolean(rand));
        EXPECT_EQ(h->ended, ended + 1);
        EXPECT(h->done <= room || h->status == SCSI_GOOD);
        EXPECT(h->data[room] == 0x5a && !memcmp(h->data + room, h->data + room + 1, 15));
    }
    st_end(h);
}

TEST(scsi, any_command_to_a_disk)
{
    st_any(&device_scsi_hd, false, 1);
}

TEST(scsi, any_command_to_a_cd)
{
    st_any(&device_scsi_cd, false, 2);
    st_any(&device_scsi_cd, true, 3);
}
