/* SPDX-License-Identifier: Apache-2.0 */
/* A driver of AHCI: commands in slots, queued and not; the machine is saved and loaded after each.
 */
#include "hw/ide/ahci.h"

#include "core/event/loop.h"
#include "hw/pci/bench.h"
#include "tests/held.h"
#include "tests/unit.h"
#include "util/bytes.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern const DeviceType device_ich9_ahci;

enum {
    SECTORS = 4096,
    LIST = BENCH_RAM_BASE,
    FISES = BENCH_RAM_BASE + 0x400,
    TABLES = BENCH_RAM_BASE + 0x1000, /* 256 bytes a slot */
    DATA = BENCH_RAM_BASE + 0x10000,
    PORT0 = 0x100,
};

typedef struct At {
    Bench *b;
    int disk;
    BlockBackend *open[3000];
    unsigned n_open;
    bool holds;         /* what fails is held */
    const char *broken; /* how the disk fails; NULL: it does not */
} At;

static void at_plug(Device *dev, void *arg)
{
    g_autoptr(GError) err = NULL;
    Machine *m = dev->machine;
    At *t = arg;
    BlockBackend *b;
    Device *ahci;

    pci_bench_host(dev, NULL);
    ahci = device_make(m, &device_ich9_ahci, NULL, "ahci");
    CHECK(device_realize(ahci, &err));
    b = t->holds ? held_open(m, t->disk, t->broken) : block_open_fd(m, "d0", dup(t->disk), 0, &err);
    CHECK(b && t->n_open < ARRAY_SIZE(t->open));
    t->open[t->n_open++] = b;
    CHECK(machine_add_backend(m, "drive", "d0", b, &err));
    CHECK(device_set_prop(dev, "drive", "d0", &err));
}

static uint32_t at_reg(At *t, unsigned off)
{
    return (uint32_t)pci_bench_read(t->b, 5, off, 4);
}

static void at_set(At *t, unsigned off, uint32_t val)
{
    pci_bench_write(t->b, 5, off, 4, val);
}

static void at_ram(At *t, GuestPhys at, const void *buf, uint64_t len)
{
    EXPECT_EQ(aspace_write(machine_memory(bench_machine(t->b)), at, buf, len, (MemAttrs){ 0 }),
              MEM_OK);
}

static void at_peek(At *t, GuestPhys at, void *buf, uint64_t len)
{
    EXPECT_EQ(aspace_read(machine_memory(bench_machine(t->b)), at, buf, len, (MemAttrs){ 0 }),
              MEM_OK);
}

static At *at_begin_with(const DeviceType *type, bool holds)
{
    At *t = g_new0(At, 1);
    uint8_t sector[512];

    t->holds = holds;
    t->disk = memfd_create("disk", MFD_CLOEXEC);
    CHECK(t->disk >= 0 && !ftruncate(t->disk, SECTORS * 512));
    for (unsigned i = 0; i < SECTORS; i++) {
        memset(sector, (int)(i * 5 + 1), sizeof(sector));
        CHECK(pwrite(t->disk, sector, sizeof(sector), i * 512) == sizeof(sector));
    }
    t->b = bench_device_setup(type, NULL, at_plug, t);
    pci_bench_enable(t->b);
    machine_reset(bench_machine(t->b), RESET_COLD, CAUSE_NONE);
    pci_bench_enable(t->b);
    at_set(t, 0x04, 2); /* GHC: interrupts */
    at_set(t, PORT0 + 0x00, LIST);
    at_set(t, PORT0 + 0x08, FISES);
    at_set(t, PORT0 + 0x14, 0x7fc000ff);
    at_set(t, PORT0 + 0x18, PORT_FRE | PORT_SUD | PORT_POD);
    at_set(t, PORT0 + 0x18, PORT_FRE | PORT_SUD | PORT_POD | PORT_ST);
    at_set(t, PORT0 + 0x30, ~0u);
    at_set(t, PORT0 + 0x10, ~0u);
    at_set(t, 0x08, ~0u);
    return t;
}

static At *at_begin(const DeviceType *type)
{
    return at_begin_with(type, false);
}

static void at_end(At *t)
{
    bench_end(t->b);
    for (unsigned i = 0; i < t->n_open; i++) {
        block_close(t->open[i]);
    }
    close(t->disk);
    g_free(t);
}

/* Slot @slot: a command FIS of @fis, data of @bytes at @data in two regions. */
static void at_slot(At *t, unsigned slot, const uint8_t *fis, unsigned flags, GuestPhys data,
                    uint32_t bytes)
{
    uint8_t header[32] = { 0 }, table[0x80 + 32] = { 0 };
    uint32_t first = bytes > 1000 ? 1000 : bytes;

    put_le16(header, (uint16_t)(5 | flags));
    put_le16(header + 2, bytes > first ? 2 : bytes ? 1 : 0);
    put_le64(header + 8, TABLES + 256 * slot);
    memcpy(table, fis, 20);
    put_le64(table + 0x80, data);
    put_le32(table + 0x8c, first - 1);
    put_le64(table + 0x90, data + first);
    put_le32(table + 0x9c, bytes - first - 1);
    at_ram(t, LIST + 32 * slot, header, sizeof(header));
    at_ram(t, TABLES + 256 * slot, table, sizeof(table));
}

#define FIS(...)                \
    (const uint8_t[20])         \
    {                           \
        0x27, 0x80, __VA_ARGS__ \
    }

/* Without saving and loading. */
static uint32_t at_look(At *t, unsigned off)
{
    uint64_t val = 0;

    aspace_load(machine_memory(bench_machine(t->b)), pci_bench_bar(t->b, 5) + off, 4, &val,
                (MemAttrs){ 0 });
    return (uint32_t)val;
}

static void at_wait(At *t)
{
    for (unsigned i = 0; i < 1000 && (at_look(t, PORT0 + 0x38) | at_look(t, PORT0 + 0x34)) &&
                         !(at_look(t, PORT0 + 0x10) & PORT_TFES);
         i++) {
        loop_iterate(bench_machine(t->b), false);
    }
    bench_run_loop(t->b);
}

/* Issue slot 0; PxTFD. */
static uint32_t at_do(At *t, const uint8_t *fis, unsigned flags, uint32_t bytes)
{
    at_slot(t, 0, fis, flags, DATA, bytes);
    at_set(t, PORT0 + 0x10, ~0u);
    at_set(t, PORT0 + 0x38, 1);
    at_wait(t);
    return at_reg(t, PORT0 + 0x20);
}

static bool at_is_sector(At *t, GuestPhys at, unsigned lba)
{
    uint8_t s[512];

    at_peek(t, at, s, sizeof(s));
    return s[0] == (uint8_t)(lba * 5 + 1) && !memcmp(s, s + 1, 511);
}

TEST(ahci, registers)
{
    At *t = at_begin(&device_ide_hd);
    uint8_t fis[20];

    EXPECT_EQ(pci_bench_config(t->b, 0, 4), 0x29228086);
    EXPECT_EQ(at_reg(t, 0x00) & 0xc0041f1f, 0xc0041f05);
    EXPECT_EQ(at_reg(t, 0x0c), 0x3f);
    EXPECT_EQ(at_reg(t, PORT0 + 0x28), 0x113);
    EXPECT_EQ(at_reg(t, PORT0 + 0x24), 0x00000101);
    EXPECT_EQ(at_reg(t, PORT0 + 0x20), 0x0150);
    EXPECT_EQ(at_reg(t, PORT0 + 0x80 + 0x28), 0);
    EXPECT_EQ(at_reg(t, PORT0 + 0x80 + 0x20), 0x7f);
    at_peek(t, FISES + 0x40, fis, sizeof(fis));
    EXPECT_EQ(fis[0] << 8 | fis[2], 0x3450);
    /* The same through index and data. */
    pci_bench_write(t->b, 4, 0x10, 4, PORT0 + 0x28);
    EXPECT_EQ(pci_bench_read(t->b, 4, 0x14, 4), 0x113);
    /* A reset of the link. */
    at_set(t, PORT0 + 0x18, PORT_FRE);
    at_set(t, PORT0 + 0x2c, 0x301);
    EXPECT_EQ(at_reg(t, PORT0 + 0x28), 0);
    at_set(t, PORT0 + 0x2c, 0x300);
    EXPECT_EQ(at_reg(t, PORT0 + 0x28), 0x113);
    EXPECT_EQ(at_reg(t, PORT0 + 0x10) & PORT_PCS, PORT_PCS);
    EXPECT_EQ(at_reg(t, 0x08), 1);
    at_set(t, PORT0 + 0x30, ~0u);
    EXPECT_EQ(at_reg(t, PORT0 + 0x10) & PORT_PCS, 0);
    at_set(t, 0x04, 1);
    EXPECT_EQ(at_reg(t, 0x04), 1u << 31);
    EXPECT_EQ(at_reg(t, PORT0), 0);
    at_end(t);
}

TEST(ahci, commands)
{
    At *t = at_begin(&device_ide_hd);
    uint8_t id[512], header[8], fis[24];

    EXPECT_EQ(at_do(t, FIS(0xec), 0, 512), 0x50);
    at_peek(t, DATA, id, sizeof(id));
    EXPECT_EQ(get_le64(id + 200), SECTORS);
    EXPECT_EQ(get_le16(id + 2 * 75), 31);
    at_peek(t, LIST, header, sizeof(header));
    EXPECT_EQ(get_le32(header + 4), 512);
    at_peek(t, FISES + 0x20, fis, sizeof(fis));
    EXPECT_EQ(fis[0] << 16 | fis[1] << 8 | fis[15], 0x5f6050);
    EXPECT(at_reg(t, PORT0 + 0x10) & PORT_PSS);
    EXPECT_EQ(at_reg(t, 0x08), 1);
    /* READ DMA EXT of more than a piece, READ SECTORS, WRITE DMA. */
    EXPECT_EQ(at_do(t, FIS(0x25, 0, 100, 0, 0, 0x40, 0, 0, 0, 0, 0x58, 2), 0, 600 * 512), 0x50);
    EXPECT(at_reg(t, PORT0 + 0x10) & PORT_DHRS);
    EXPECT(at_is_sector(t, DATA, 100) && at_is_sector(t, DATA + 599 * 512, 699));
    EXPECT_EQ(at_do(t, FIS(0x24, 0, 9, 0, 0, 0x40, 0, 0, 0, 0, 5), 0, 5 * 512), 0x50);
    EXPECT(at_is_sector(t, DATA, 9) && at_is_sector(t, DATA + 4 * 512, 13));
    EXPECT_EQ(at_do(t, FIS(0xca, 0, 50, 0, 0, 0x40, 0, 0, 0, 0, 5), 1 << 6, 5 * 512), 0x50);
    EXPECT_EQ(at_do(t, FIS(0x34, 0, 60, 0, 0, 0x40, 0, 0, 0, 0, 2), 1 << 6, 2 * 512), 0x50);
    EXPECT_EQ(at_do(t, FIS(0xc8, 0, 51, 0, 0, 0x40, 0, 0, 0, 0, 1), 0, 512), 0x50);
    EXPECT(at_is_sector(t, DATA, 10));
    EXPECT_EQ(at_do(t, FIS(0xc8, 0, 61, 0, 0, 0x40, 0, 0, 0, 0, 1), 0, 512), 0x50);
    EXPECT(at_is_sector(t, DATA, 10)); /* what was second there */
    /* An error stops the port until ST was cleared. */
    EXPECT_EQ(at_do(t, FIS(0x25, 0, 255, 255, 0, 0x40, 0, 0, 0, 0, 1), 0, 512), 0x1051);
    EXPECT(at_reg(t, PORT0 + 0x10) & PORT_TFES);
    EXPECT_EQ(at_reg(t, PORT0 + 0x38), 1);
    at_set(t, PORT0 + 0x18, PORT_FRE);
    EXPECT_EQ(at_reg(t, PORT0 + 0x38), 0);
    at_set(t, PORT0 + 0x18, PORT_FRE | PORT_ST);
    EXPECT_EQ(at_do(t, FIS(0xe7), 0, 0), 0x50);
    /* Regions with less room than the data. */
    EXPECT_EQ(at_do(t, FIS(0xc8, 0, 1, 0, 0, 0x40, 0, 0, 0, 0, 4), 0, 512) & 0x81, 0);
    EXPECT(at_reg(t, PORT0 + 0x10) & PORT_OFS);
    at_end(t);
}

static void at_queue(At *t, unsigned slot, bool write, unsigned lba, unsigned n)
{
    at_slot(t, slot,
            FIS(write ? 0x61 : 0x60, (uint8_t)n, (uint8_t)lba, (uint8_t)(lba >> 8), 0, 0x40, 0, 0,
                0, (uint8_t)(n >> 8), (uint8_t)(slot << 3)),
            write ? 1 << 6 : 0, DATA + 0x8000 * slot, n * 512);
}

TEST(ahci, queued_commands)
{
    At *t = at_begin(&device_ide_hd);
    uint8_t log[512];

    for (unsigned i = 0; i < 8; i++) {
        at_queue(t, i, false, 100 * i, i + 1);
    }
    at_set(t, PORT0 + 0x34, 0xff);
    at_set(t, PORT0 + 0x38, 0xff);
    at_wait(t);
    EXPECT_EQ(at_reg(t, PORT0 + 0x34) | at_reg(t, PORT0 + 0x38), 0);
    EXPECT(at_reg(t, PORT0 + 0x10) & PORT_SDBS);
    for (unsigned i = 0; i < 8; i++) {
        EXPECT(at_is_sector(t, DATA + 0x8000 * i + 512 * i, 101 * i));
    }
    at_queue(t, 3, true, 2000, 2);
    at_queue(t, 4, false, SECTORS, 1);
    at_set(t, PORT0 + 0x34, 0x8);
    at_set(t, PORT0 + 0x38, 0x8);
    at_wait(t);
    EXPECT(pread(t->disk, log, 512, 2000 * 512) == 512 && log[0] == (uint8_t)(300 * 5 + 1));
    /* What is beyond the end is in the log. */
    at_set(t, PORT0 + 0x34, 0x10);
    at_set(t, PORT0 + 0x38, 0x10);
    at_wait(t);
    EXPECT_EQ(at_reg(t, PORT0 + 0x34), 0x10);
    EXPECT_EQ(at_reg(t, PORT0 + 0x20) & 1, 1);
    at_set(t, PORT0 + 0x18, PORT_FRE);
    at_set(t, PORT0 + 0x18, PORT_FRE | PORT_ST);
    EXPECT_EQ(at_reg(t, PORT0 + 0x34), 0);
    EXPECT_EQ(at_do(t, FIS(0x2f, 0, 0x10, 0, 0, 0x40, 0, 0, 0, 0, 1), 0, 512), 0x50);
    at_peek(t, DATA, log, sizeof(log));
    EXPECT_EQ(log[0], 4);
    EXPECT_EQ(log[2] & 1, 1);
    at_end(t);
}

/* Commands that an error holds are in the state: they go on in another machine, whose disk works.
 */
TEST(ahci, held_commands_are_saved)
{
    At *t = at_begin_with(&device_ide_hd, true);
    uint8_t sector[512];

    t->broken = "read_aio";
    bench_run_loop(t->b);
    at_queue(t, 2, false, 100, 1);
    at_queue(t, 5, false, 200, 2);
    at_set(t, PORT0 + 0x34, 0x24);
    at_set(t, PORT0 + 0x38, 0x24);
    held_await(bench_machine(t->b));
    EXPECT_EQ(at_reg(t, PORT0 + 0x34), 0x24);
    held_resume(bench_machine(t->b)); /* in vain */
    EXPECT_EQ(at_reg(t, PORT0 + 0x34), 0x24);
    EXPECT(!at_is_sector(t, DATA + 0x8000 * 2, 100));
    t->broken = NULL;
    bench_run_loop(t->b);
    held_resume(bench_machine(t->b));
    EXPECT_EQ(at_reg(t, PORT0 + 0x34) | at_reg(t, PORT0 + 0x38), 0);
    EXPECT(at_is_sector(t, DATA + 0x8000 * 2, 100));
    EXPECT(at_is_sector(t, DATA + 0x8000 * 5 + 512, 201));
    EXPECT_EQ(at_reg(t, PORT0 + 0x10) & PORT_TFES, 0);
    /* One that is not queued, out. */
    t->broken = "pwritev";
    bench_run_loop(t->b);
    at_slot(t, 0, FIS(0xca, 0, 50, 0, 0, 0x40, 0, 0, 0, 0, 1), 1 << 6, DATA + 0x8000 * 2, 512);
    at_set(t, PORT0 + 0x38, 1);
    held_await(bench_machine(t->b));
    EXPECT_EQ(at_reg(t, PORT0 + 0x38), 1);
    t->broken = NULL;
    bench_run_loop(t->b);
    held_resume(bench_machine(t->b));
    EXPECT_EQ(at_reg(t, PORT0 + 0x38), 0);
    EXPECT_EQ(at_reg(t, PORT0 + 0x20), 0x50);
    EXPECT(pread(t->disk, sector, 512, 50 * 512) == 512 && sector[0] == (uint8_t)(100 * 5 + 1));
    at_end(t);
}

TEST(ahci, cd)
{
    At *t = at_begin(&device_ide_cd);
    uint8_t acmd[12] = { 0x00 }, data[36];

    EXPECT_EQ(at_reg(t, PORT0 + 0x24), 0xeb140101);
    EXPECT(at_reg(t, PORT0 + 0x18) & PORT_ATAPI);
    at_ram(t, TABLES + 0x40, acmd, 12);
    at_slot(t, 0, FIS(0xa0), 1 << 5, DATA, 0);
    at_set(t, PORT0 + 0x38, 1);
    at_wait(t);
    EXPECT_EQ(at_reg(t, PORT0 + 0x20) >> 12, 6); /* power on */
    at_set(t, PORT0 + 0x18, PORT_FRE);
    at_set(t, PORT0 + 0x18, PORT_FRE | PORT_ST);
    for (unsigned dma = 0; dma < 2; dma++) {
        uint8_t inquiry[12] = { 0x12, 0, 0, 0, 36 };
        uint8_t read[12] = { 0xa8, [5] = 5, [9] = 70 };

        at_slot(t, 0, FIS(0xa0, (uint8_t)dma), 1 << 5, DATA, 36);
        at_ram(t, TABLES + 0x40, inquiry, 12);
        at_set(t, PORT0 + 0x38, 1);
        at_wait(t);
        EXPECT_EQ(at_reg(t, PORT0 + 0x20), 0x50);
        at_peek(t, DATA, data, sizeof(data));
        EXPECT(!memcmp(data + 8, "QEMU    QEMU DVD-ROM", 20));
        at_slot(t, 0, FIS(0xa0, (uint8_t)dma), 1 << 5, DATA, 70 * 2048);
        at_ram(t, TABLES + 0x40, read, 12);
        at_set(t, PORT0 + 0x38, 1);
        at_wait(t);
        EXPECT_EQ(at_reg(t, PORT0 + 0x20), 0x50);
        EXPECT(at_is_sector(t, DATA, 20) && at_is_sector(t, DATA + 70 * 2048 - 512, 299));
    }
    at_end(t);
}

/* Commands at random in memory at random. */
TEST(ahci, any_commands)
{
    At *t = at_begin(&device_ide_hd);
    uint32_t x = 4711;

    bench_no_reload(t->b);
    for (unsigned i = 0; i < 3000; i++) {
        uint8_t bytes[64];

        for (unsigned k = 0; k < sizeof(bytes); k++) {
            x = x * 1664525 + 1013904223;
            bytes[k] = (uint8_t)(x >> 24);
        }
        bytes[0] = 0x27;
        bytes[1] = bytes[1] & 1 ? 0x80 : 0;
        at_slot(t, i & 31, bytes, bytes[21] & 0x60, DATA + (uint64_t)(bytes[22] << 12),
                get_le32(bytes + 24) & 0x3ffff);
        at_set(t, PORT0 + 0x34, 1u << (i & 31) & get_le32(bytes + 28));
        at_set(t, PORT0 + 0x38, 1u << (i & 31));
        if (bytes[32] < 40) {
            at_set(t, bytes[33] & 1 ? 4 : PORT0 + (bytes[33] & 0x7c), get_le32(bytes + 36));
            at_set(t, PORT0, LIST);
            at_set(t, PORT0 + 0x18, PORT_FRE);
            at_set(t, PORT0 + 0x18, PORT_FRE | PORT_ST);
        }
        loop_iterate(bench_machine(t->b), false);
    }
    at_end(t);
}
