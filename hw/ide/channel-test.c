/* SPDX-License-Identifier: Apache-2.0 */
/* Drivers of parallel ATA by registers: a disk and a CD drive behind piix3-ide. The machine is
 * saved and loaded after each step. */
#include "hw/ide/channel.h"

#include "core/event/loop.h"
#include "hw/ide/ide-priv.h"
#include "hw/isa/isa.h"
#include "hw/pci/bench.h"
#include "tests/held.h"
#include "tests/unit.h"
#include "util/bytes.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern const DeviceType device_piix3_ide;

enum {
    SECTORS = 4096,
    PORT = 0x1f0,
    CONTROL = 0x3f6,
    PRD = BENCH_RAM_BASE,
    DATA = BENCH_RAM_BASE + 0x10000,
    OK = IDE_DRDY | IDE_DSC,
};

typedef struct Ct {
    Bench *b;
    int disk;
    bool empty;
    bool holds;         /* what fails is held */
    const char *broken; /* how the disk fails; NULL: it does not */
    BlockBackend *open[4000];
    unsigned n_open;
    uint8_t buf[65536];
} Ct;

static void ct_plug(Device *dev, void *arg)
{
    g_autoptr(GError) err = NULL;
    Machine *m = dev->machine;
    Ct *t = arg;
    BlockBackend *b;
    Device *ide, *isa = device_make(m, &device_isa_bus, NULL, "isa");

    CHECK(device_realize(isa, &err));
    pci_bench_host(dev, NULL);
    ide = device_make(m, &device_piix3_ide, NULL, "ide");
    CHECK(device_realize(ide, &err));
    b = t->empty   ? block_open_empty(m, "d0", &err)
        : t->holds ? held_open(m, t->disk, t->broken)
                   : block_open_fd(m, "d0", dup(t->disk), 0, &err);
    CHECK(b && t->n_open < ARRAY_SIZE(t->open));
    t->open[t->n_open++] = b;
    CHECK(machine_add_backend(m, "drive", "d0", b, &err));
    CHECK(device_set_prop(dev, "drive", "d0", &err));
}

static Ct *ct_begin(const DeviceType *type, const char *props, bool empty)
{
    Ct *t = g_new0(Ct, 1);
    uint8_t sector[512];

    t->disk = memfd_create("disk", MFD_CLOEXEC);
    t->empty = empty;
    CHECK(t->disk >= 0 && !ftruncate(t->disk, SECTORS * 512));
    for (unsigned i = 0; i < SECTORS; i++) {
        memset(sector, (int)(i * 5 + 1), sizeof(sector));
        CHECK(pwrite(t->disk, sector, sizeof(sector), i * 512) == sizeof(sector));
    }
    t->b = bench_device_setup(type, props, ct_plug, t);
    pci_bench_enable(t->b);
    return t;
}

static void ct_end(Ct *t)
{
    bench_end(t->b);
    for (unsigned i = 0; i < t->n_open; i++) {
        block_close(t->open[i]);
    }
    close(t->disk);
    g_free(t);
}

static uint64_t in(Ct *t, unsigned port, unsigned size)
{
    uint64_t val = 0;

    EXPECT_EQ(aspace_load(isa_ports(bench_machine(t->b)), port, size, &val, (MemAttrs){ 0 }),
              MEM_OK);
    return val;
}

static void out(Ct *t, unsigned port, unsigned size, uint64_t val)
{
    EXPECT_EQ(aspace_store(isa_ports(bench_machine(t->b)), port, size, val, (MemAttrs){ 0 }),
              MEM_OK);
}

/* Until the unit is not busy; the status by the register that leaves the interrupt. */
static unsigned ct_wait(Ct *t)
{
    for (unsigned i = 0; i < 1000 && in(t, CONTROL, 1) & IDE_BSY; i++) {
        loop_iterate(bench_machine(t->b), true);
    }
    bench_run_loop(t->b);
    return (unsigned)in(t, CONTROL, 1);
}

static bool ct_irq(Ct *t)
{
    return irq_is_high(device_output(device_find(bench_machine(t->b), "ide"), "irq", 0));
}

/* A command with 48 bits of address, or 28 where @ext is not set. */
static void ct_command(Ct *t, uint8_t command, uint64_t lba, unsigned count, bool ext)
{
    out(t, PORT + 6, 1, ext ? 0x40 : 0x40 | (lba >> 24 & 15));
    for (unsigned half = ext ? 2 : 1; half--;) {
        out(t, PORT + 2, 1, count >> (8 * half) & 0xff);
        out(t, PORT + 3, 1, lba >> (24 * half) & 0xff);
        out(t, PORT + 4, 1, lba >> (24 * half + 8) & 0xff);
        out(t, PORT + 5, 1, lba >> (24 * half + 16) & 0xff);
    }
    out(t, PORT + 7, 1, command);
}

static void ct_read_data(Ct *t, unsigned at, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i += 4) {
        put_le32(t->buf + at + i, (uint32_t)in(t, PORT, 4));
    }
}

static bool ct_is_sector(const uint8_t *p, unsigned lba)
{
    return p[0] == (uint8_t)(lba * 5 + 1) && !memcmp(p, p + 1, 511);
}

static void ct_text(const uint8_t *id, unsigned word, unsigned n, char *to)
{
    for (unsigned i = 0; i < n; i++) {
        to[i] = (char)id[2 * word + (i ^ 1)];
    }
    to[n] = 0;
}

TEST(ide, disk_says_what_it_is)
{
    Ct *t = ct_begin(&device_ide_hd, "serial=abc,wwn=0x5000c50015ea71ac", false);
    char text[41];
    uint8_t sum = 0;

    EXPECT_EQ(in(t, PORT + 7, 1), OK);
    EXPECT_EQ(in(t, PORT + 1, 1), 1);
    EXPECT_EQ(in(t, PORT + 2, 1) << 8 | in(t, PORT + 3, 1), 0x101);
    EXPECT_EQ(in(t, PORT + 4, 1) | in(t, PORT + 5, 1), 0);
    out(t, PORT + 7, 1, 0xec);
    EXPECT_EQ(ct_wait(t), OK | IDE_DRQ);
    EXPECT(ct_irq(t));
    in(t, PORT + 7, 1);
    EXPECT(!ct_irq(t));
    ct_read_data(t, 0, 512);
    EXPECT_EQ(in(t, PORT + 7, 1), OK);
    EXPECT(!ct_irq(t));
    ct_text(t->buf, 27, 40, text);
    EXPECT_STR(g_strchomp(text), "QEMU HARDDISK");
    ct_text(t->buf, 10, 20, text);
    EXPECT_STR(g_strchomp(text), "abc");
    EXPECT_EQ(get_le32(t->buf + 120), SECTORS);
    EXPECT_EQ(get_le64(t->buf + 200), SECTORS);
    EXPECT_EQ(get_le16(t->buf + 216), 0x5000);
    EXPECT_EQ(get_le16(t->buf + 222), 0x71ac);
    EXPECT_EQ(get_le16(t->buf + 338), 1); /* TRIM */
    for (unsigned i = 0; i < 512; i++) {
        sum = (uint8_t)(sum + t->buf[i]);
    }
    EXPECT_EQ(sum, 0);
    /* The other unit is not there. */
    out(t, PORT + 6, 1, 0xb0);
    EXPECT_EQ(in(t, PORT + 7, 1), 0);
    out(t, PORT + 7, 1, 0xec);
    EXPECT_EQ(in(t, PORT + 7, 1), 0);
    /* Nor is anybody on the other channel. */
    EXPECT_EQ(in(t, 0x177, 1), 0);
    out(t, PORT + 6, 1, 0xa0);
    out(t, PORT + 7, 1, 0xa1); /* IDENTIFY PACKET DEVICE */
    EXPECT_EQ(ct_wait(t), OK | IDE_ERR);
    EXPECT_EQ(in(t, PORT + 1, 1), IDE_ABRT);
    out(t, PORT + 7, 1, 0xfe);
    EXPECT_EQ(ct_wait(t), OK | IDE_ERR);
    ct_end(t);
}

TEST(ide, disk_reads_by_pio)
{
    Ct *t = ct_begin(&device_ide_hd, NULL, false);

    ct_command(t, 0x20, 7, 3, false);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_EQ(ct_wait(t), OK | IDE_DRQ);
        EXPECT(ct_irq(t));
        in(t, PORT + 7, 1);
        ct_read_data(t, 512 * i, 512);
        EXPECT(ct_is_sector(t->buf + 512 * i, 7 + i));
    }
    EXPECT_EQ(in(t, PORT + 7, 1), OK);
    EXPECT(!ct_irq(t));
    /* More than a piece, in blocks of 16 sectors. */
    ct_command(t, 0x29, 1000, 300, true);
    for (unsigned at = 0; at < 300; at += 16) {
        unsigned n = MIN(16, 300 - at);

        EXPECT_EQ(ct_wait(t), OK | IDE_DRQ);
        ct_read_data(t, 0, 512 * n);
        EXPECT(ct_is_sector(t->buf, 1000 + at) &&
               ct_is_sector(t->buf + 512 * (n - 1), 1000 + at + n - 1));
    }
    EXPECT_EQ(in(t, PORT + 7, 1), OK);
    /* By cylinder, head and sector: 1, 2, 3 of 16 heads of 63 sectors. */
    out(t, PORT + 2, 1, 1);
    out(t, PORT + 3, 1, 3);
    out(t, PORT + 4, 1, 1);
    out(t, PORT + 5, 1, 0);
    out(t, PORT + 6, 1, 0xa2);
    out(t, PORT + 7, 1, 0x20);
    EXPECT_EQ(ct_wait(t), OK | IDE_DRQ);
    ct_read_data(t, 0, 512);
    EXPECT(ct_is_sector(t->buf, (1 * 16 + 2) * 63 + 2));
    ct_command(t, 0x20, SECTORS - 1, 2, false);
    EXPECT_EQ(ct_wait(t), OK | IDE_ERR);
    EXPECT_EQ(in(t, PORT + 1, 1), IDE_IDNF);
    ct_command(t, 0x24, 1ull << 40, 1, true);
    EXPECT_EQ(ct_wait(t), OK | IDE_ERR);
    /* A reset amid the data. */
    ct_command(t, 0x20, 0, 2, false);
    EXPECT_EQ(ct_wait(t), OK | IDE_DRQ);
    out(t, CONTROL, 1, 4);
    EXPECT_EQ(in(t, CONTROL, 1), IDE_BSY);
    out(t, CONTROL, 1, 2); /* no interrupts */
    EXPECT_EQ(ct_wait(t), OK);
    EXPECT_EQ(in(t, PORT, 4), 0);
    ct_command(t, 0x20, 0, 1, false);
    EXPECT_EQ(ct_wait(t), OK | IDE_DRQ);
    EXPECT(!ct_irq(t));
    ct_end(t);
}

TEST(ide, disk_writes_by_pio)
{
    Ct *t = ct_begin(&device_ide_hd, NULL, false);
    uint8_t sector[1024];

    ct_command(t, 0x30, 9, 2, false);
    for (unsigned i = 0; i < 2; i++) {
        EXPECT_EQ(ct_wait(t), OK | IDE_DRQ);
        EXPECT_EQ(ct_irq(t), i == 1); /* not for the first block */
        in(t, PORT + 7, 1);
        for (unsigned k = 0; k < 256; k++) {
            out(t, PORT, 2, i << 12 | k);
        }
    }
    EXPECT_EQ(ct_wait(t), OK);
    EXPECT(ct_irq(t));
    EXPECT(pread(t->disk, sector, 1024, 9 * 512) == 1024);
    EXPECT(get_le16(sector + 20) == 10 && get_le16(sector + 512 + 100) == (1 << 12 | 50));
    ct_command(t, 0xe7, 0, 0, false);
    EXPECT_EQ(ct_wait(t), OK);
    ct_command(t, 0xf8, 0, 0, false);
    EXPECT_EQ(in(t, PORT + 3, 1) | in(t, PORT + 4, 1) << 8, SECTORS - 1);
    out(t, PORT + 1, 1, 0x82); /* no write cache */
    out(t, PORT + 7, 1, 0xef);
    EXPECT_EQ(ct_wait(t), OK);
    ct_command(t, 0x30, 11, 1, false);
    EXPECT_EQ(ct_wait(t), OK | IDE_DRQ);
    for (unsigned k = 0; k < 128; k++) {
        out(t, PORT, 4, k);
    }
    EXPECT_EQ(ct_wait(t), OK);
    EXPECT(pread(t->disk, sector, 512, 11 * 512) == 512 && get_le32(sector + 40) == 10);
    ct_end(t);
}

static void ct_prd(Ct *t, unsigned n, uint32_t at, uint32_t bytes, bool last)
{
    aspace_store(machine_memory(bench_machine(t->b)), PRD + 8 * n, 8,
                 at | (uint64_t)(bytes | (last ? 1u << 31 : 0)) << 32, (MemAttrs){ 0 });
}

static unsigned ct_bm(Ct *t, unsigned off)
{
    return (unsigned)pci_bench_read(t->b, 4, off, 1);
}

static void ct_bm_start(Ct *t, bool to_memory)
{
    pci_bench_write(t->b, 4, 0, 1, 0);
    pci_bench_write(t->b, 4, 4, 4, PRD);
    pci_bench_write(t->b, 4, 2, 1, 6);
    pci_bench_write(t->b, 4, 0, 1, to_memory ? 9 : 1);
}

static void ct_ram(Ct *t, GuestPhys at, void *buf, uint64_t len)
{
    EXPECT_EQ(aspace_read(machine_memory(bench_machine(t->b)), at, buf, len, (MemAttrs){ 0 }),
              MEM_OK);
}

static unsigned ct_dma_wait(Ct *t)
{
    for (unsigned i = 0; i < 1000 && !(ct_bm(t, 2) & 4) && in(t, CONTROL, 1) & IDE_DRQ; i++) {
        loop_iterate(bench_machine(t->b), false);
    }
    return ct_wait(t);
}

TEST(ide, disk_by_dma)
{
    Ct *t = ct_begin(&device_ide_hd, NULL, false);
    uint8_t sector[512];

    /* 1000 sectors: several pieces; entries that end amid sectors. */
    ct_prd(t, 0, DATA, 1000, false);
    ct_prd(t, 1, DATA + 1000, 0, false); /* 64 KiB */
    for (unsigned i = 0; i < 7; i++) {
        ct_prd(t, 2 + i, DATA + 1000 + 65536 * (i + 1), i == 6 ? 512 * 1000 - 1000 - 7 * 65536 : 0,
               i == 6);
    }
    ct_command(t, 0x25, 50, 1000, true);
    EXPECT_EQ(ct_wait(t), OK | IDE_DRQ); /* waits for the bus master */
    EXPECT(!ct_irq(t));
    ct_bm_start(t, true);
    EXPECT_EQ(ct_dma_wait(t), OK);
    EXPECT(ct_irq(t));
    EXPECT_EQ(ct_bm(t, 2) & 7, 4);
    for (unsigned i = 0; i < 1000; i += 37) {
        ct_ram(t, DATA + 512 * i, sector, 512);
        EXPECT(ct_is_sector(sector, 50 + i));
    }
    in(t, PORT + 7, 1);
    /* Out, where the bus master is there first. */
    ct_prd(t, 0, DATA, 1024, true);
    ct_bm_start(t, false);
    ct_command(t, 0xca, 3000, 2, false);
    EXPECT_EQ(ct_dma_wait(t), OK);
    EXPECT(pread(t->disk, sector, 512, 3001 * 512) == 512 && ct_is_sector(sector, 51));
    /* Memory that is too small: no interrupt; too large: still active. */
    in(t, PORT + 7, 1);
    ct_bm_start(t, true);
    ct_command(t, 0xc8, 0, 3, false);
    EXPECT_EQ(ct_dma_wait(t), OK);
    EXPECT(!ct_irq(t) && (ct_bm(t, 2) & 7) == 0);
    ct_bm_start(t, true);
    ct_command(t, 0xc8, 0, 1, false);
    EXPECT_EQ(ct_dma_wait(t), OK);
    EXPECT(ct_irq(t) && (ct_bm(t, 2) & 7) == 5);
    /* Memory that is not there. */
    ct_prd(t, 0, 0xf0000000, 1024, true);
    ct_bm_start(t, true);
    ct_command(t, 0xc8, 0, 2, false);
    ct_dma_wait(t);
    EXPECT_EQ(ct_bm(t, 2) & 2, 2);
    ct_end(t);
}

/* Commands that an error holds are in the state: they go on in another machine, whose disk works.
 */
TEST(ide, held_commands_are_saved)
{
    Ct *t = ct_begin(&device_ide_hd, NULL, false);
    uint8_t sector[512];

    t->holds = true;
    for (unsigned write = 0; write < 2; write++) {
        t->broken = write ? "pwritev" : "read_aio";
        bench_run_loop(t->b);
        ct_prd(t, 0, DATA, 1024, true);
        ct_bm_start(t, !write);
        ct_command(t, write ? 0x35 : 0x25, write ? 3000 : 50, 2, true);
        held_await(bench_machine(t->b));
        bench_run_loop(t->b);
        held_await(bench_machine(t->b));
        EXPECT(in(t, CONTROL, 1) & (IDE_BSY | IDE_DRQ));
        EXPECT(!ct_irq(t));
        held_resume(bench_machine(t->b)); /* in vain */
        bench_run_loop(t->b);
        EXPECT(in(t, CONTROL, 1) & (IDE_BSY | IDE_DRQ));
        t->broken = NULL;
        bench_run_loop(t->b);
        held_resume(bench_machine(t->b));
        EXPECT_EQ(ct_dma_wait(t), OK);
        EXPECT(ct_irq(t));
        ct_ram(t, DATA + 512, sector, 512);
        EXPECT(ct_is_sector(sector, 51));
        in(t, PORT + 7, 1);
    }
    EXPECT(pread(t->disk, sector, 512, 3001 * 512) == 512 && ct_is_sector(sector, 51));
    ct_end(t);
}

TEST(ide, disk_trims_and_logs)
{
    Ct *t = ct_begin(&device_ide_hd, NULL, false);
    uint8_t sector[512];

    ct_prd(t, 0, DATA, 512, true);
    aspace_store(machine_memory(bench_machine(t->b)), DATA, 8, 64 | 16ull << 48, (MemAttrs){ 0 });
    aspace_store(machine_memory(bench_machine(t->b)), DATA + 8, 8, 160 | 8ull << 48,
                 (MemAttrs){ 0 });
    ct_bm_start(t, false);
    out(t, PORT + 1, 1, 1);
    ct_command(t, 0x06, 0, 1, true);
    EXPECT_EQ(ct_dma_wait(t), OK);
    EXPECT(pread(t->disk, sector, 512, 70 * 512) == 512);
    aspace_store(machine_memory(bench_machine(t->b)), DATA, 8, SECTORS | 1ull << 48,
                 (MemAttrs){ 0 });
    ct_bm_start(t, false);
    ct_command(t, 0x06, 0, 1, true);
    EXPECT_EQ(ct_dma_wait(t), OK | IDE_ERR);
    ct_bm_start(t, false);
    ct_command(t, 0x06, 0, 1000, true);
    EXPECT_EQ(ct_dma_wait(t), OK | IDE_ERR);
    /* SMART: status is good; its data. */
    out(t, PORT + 1, 1, 0xda);
    ct_command(t, 0xb0, 0xc24f00, 1, false);
    EXPECT_EQ(ct_wait(t), OK);
    EXPECT_EQ(in(t, PORT + 5, 1) << 8 | in(t, PORT + 4, 1), 0xc24f);
    out(t, PORT + 1, 1, 0xd0);
    ct_command(t, 0xb0, 0xc24f00, 1, false);
    EXPECT_EQ(ct_wait(t), OK | IDE_DRQ);
    ct_read_data(t, 0, 512);
    EXPECT_EQ(t->buf[2], 5);
    out(t, PORT + 1, 1, 0xd0);
    ct_command(t, 0xb0, 0, 1, false);
    EXPECT_EQ(ct_wait(t), OK | IDE_ERR);
    ct_end(t);
}

/* ---- The CD drive ---- */

/* PACKET with @cdb; the status after it. */
static unsigned ct_packet(Ct *t, const uint8_t *cdb, unsigned limit, bool dma)
{
    out(t, PORT + 6, 1, 0xa0);
    out(t, PORT + 1, 1, dma);
    out(t, PORT + 4, 1, limit & 0xff);
    out(t, PORT + 5, 1, limit >> 8);
    out(t, PORT + 7, 1, 0xa0);
    EXPECT_EQ(ct_wait(t), OK | IDE_DRQ);
    EXPECT_EQ(in(t, PORT + 2, 1) & 7, 1);
    EXPECT(!ct_irq(t));
    for (unsigned i = 0; i < 12; i += 2) {
        out(t, PORT, 2, get_le16(cdb + i));
    }
    return ct_wait(t);
}

#define CDB(...)        \
    (const uint8_t[12]) \
    {                   \
        __VA_ARGS__     \
    }

static void ct_start_cd(Ct *t)
{
    EXPECT_EQ(ct_packet(t, CDB(0x00), 0, false), OK | IDE_ERR); /* power on, told once */
    EXPECT_EQ(in(t, PORT + 1, 1) >> 4, 6);
}

TEST(ide, cd_says_what_it_is)
{
    Ct *t = ct_begin(&device_ide_cd, NULL, false);
    char text[41];

    EXPECT_EQ(in(t, PORT + 7, 1), 0);
    EXPECT_EQ(in(t, PORT + 5, 1) << 8 | in(t, PORT + 4, 1), 0xeb14);
    out(t, PORT + 7, 1, 0xec);
    EXPECT_EQ(ct_wait(t), OK | IDE_ERR);
    EXPECT_EQ(in(t, PORT + 5, 1) << 8 | in(t, PORT + 4, 1), 0xeb14);
    out(t, PORT + 7, 1, 0xa1);
    EXPECT_EQ(ct_wait(t), OK | IDE_DRQ);
    ct_read_data(t, 0, 512);
    EXPECT_EQ(get_le16(t->buf), 0x85c0);
    ct_text(t->buf, 27, 40, text);
    EXPECT_STR(g_strchomp(text), "QEMU DVD-ROM");
    ct_start_cd(t);
    EXPECT_EQ(ct_packet(t, CDB(0x12, 0, 0, 0, 36), 0xfffe, false), OK | IDE_DRQ);
    EXPECT_EQ(in(t, PORT + 2, 1) & 7, 2);
    EXPECT_EQ(in(t, PORT + 5, 1) << 8 | in(t, PORT + 4, 1), 36);
    EXPECT(ct_irq(t));
    in(t, PORT + 7, 1);
    ct_read_data(t, 0, 36);
    EXPECT(!memcmp(t->buf + 8, "QEMU    QEMU DVD-ROM    ", 24));
    EXPECT_EQ(ct_wait(t), OK);
    EXPECT_EQ(in(t, PORT + 2, 1) & 7, 3);
    EXPECT(ct_irq(t));
    EXPECT_EQ(ct_packet(t, CDB(0xc1), 0, false), OK | IDE_ERR);
    EXPECT_EQ(in(t, PORT + 1, 1), 5 << 4 | IDE_ABRT);
    out(t, PORT + 7, 1, 0x08); /* DEVICE RESET */
    EXPECT_EQ(in(t, PORT + 7, 1), 0);
    ct_end(t);
}

TEST(ide, cd_reads)
{
    Ct *t = ct_begin(&device_ide_cd, NULL, false);
    unsigned at = 0;

    ct_start_cd(t);
    EXPECT_EQ(ct_packet(t, CDB(0x25), 8, false), OK | IDE_DRQ);
    ct_read_data(t, 0, 8);
    EXPECT_EQ(get_be32(t->buf), SECTORS / 4 - 1);
    /* 31 blocks in parts of 5000 bytes. */
    EXPECT_EQ(ct_packet(t, CDB(0x28, 0, 0, 0, 0, 100, 0, 0, 31), 5000, false), OK | IDE_DRQ);
    while (in(t, CONTROL, 1) & IDE_DRQ) {
        unsigned n = (unsigned)(in(t, PORT + 5, 1) << 8 | in(t, PORT + 4, 1));

        EXPECT_EQ(n, MIN(5000, 31 * 2048 - at));
        ct_read_data(t, at, n);
        at += n;
        ct_wait(t);
    }
    EXPECT_EQ(at, 31 * 2048);
    EXPECT(ct_is_sector(t->buf, 400) && ct_is_sector(t->buf + 30 * 2048 + 1536, 523));
    /* By DMA, more than a piece. */
    for (unsigned i = 0; i < 3; i++) {
        ct_prd(t, i, DATA + 65536 * i, i == 2 ? 72 * 2048 - 2 * 65536 : 0, i == 2);
    }
    ct_bm_start(t, true);
    EXPECT_EQ(ct_packet(t, CDB(0xa8, 0, 0, 0, 0, 8, 0, 0, 0, 72), 0, true), OK);
    EXPECT(ct_irq(t) && (ct_bm(t, 2) & 7) == 4);
    ct_ram(t, DATA + 71 * 2048, t->buf, 2048);
    EXPECT(ct_is_sector(t->buf, 79 * 4));
    EXPECT_EQ(ct_packet(t, CDB(0x28, 0, 0, 0, 3, 255, 0, 0, 2), 2048, false), OK | IDE_ERR);
    EXPECT_EQ(in(t, PORT + 1, 1) >> 4, 5);
    EXPECT_EQ(ct_packet(t, CDB(0x03, 0, 0, 0, 18), 18, false), OK | IDE_DRQ);
    ct_read_data(t, 0, 16);
    EXPECT_EQ(t->buf[12], 0x21);
    ct_end(t);
}

TEST(ide, cd_without_disc)
{
    Ct *t = ct_begin(&device_ide_cd, NULL, true);

    ct_start_cd(t);
    EXPECT_EQ(ct_packet(t, CDB(0x00), 0, false), OK | IDE_ERR);
    EXPECT_EQ(in(t, PORT + 1, 1) >> 4, 2);
    EXPECT_EQ(ct_packet(t, CDB(0x28, 0, 0, 0, 0, 0, 0, 0, 1), 2048, false), OK | IDE_ERR);
    ct_end(t);
}

/* Registers at random: nothing but the sanitizers look. */
TEST(ide, any_registers)
{
    for (unsigned kind = 0; kind < 2; kind++) {
        Ct *t = ct_begin(kind ? &device_ide_cd : &device_ide_hd, NULL, false);
        uint32_t x = 12345 + kind;

        bench_no_reload(t->b);
        for (unsigned i = 0; i < 20000; i++) {
            x = x * 1664525 + 1013904223;
            if (x >> 30 == 0) {
                in(t, PORT + (x >> 10 & 7), 1u << (x >> 8 & 1));
            } else if (x >> 28 == 15) {
                pci_bench_write(t->b, 4, x >> 8 & 15, 1, x & 0xff);
            } else if (x >> 28 == 14) {
                out(t, CONTROL, 1, x & 0x86);
            } else if (x >> 26 == 55) {
                loop_iterate(bench_machine(t->b), false);
            } else {
                out(t, PORT + (x >> 10 & 7), 1u << (x >> 8 & 1), x & 0xffff);
            }
        }
        ct_end(t);
    }
}
