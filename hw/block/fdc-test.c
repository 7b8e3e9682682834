/* SPDX-License-Identifier: Apache-2.0 */
/* A driver of the floppy disk controller by registers and DMA. */
#include "hw/block/fdc.h"

#include "block/block.h"
#include "core/bench.h"
#include "core/event/loop.h"
#include "hw/dma/i8257.h"
#include "hw/isa/isa.h"
#include "tests/unit.h"

#include <glib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern const DeviceType device_isa_fdc;

enum { SECTORS = 2880, RAM = 0x20000 };

typedef struct Ft {
    Bench *b;
    int disk;
    unsigned flags;
    BlockBackend *open[3000];
    unsigned n_open;
    uint8_t result[16];
} Ft;

static void ft_plug(Device *dev, void *arg)
{
    g_autoptr(GError) err = NULL;
    Machine *m = dev->machine;
    Ft *t = arg;
    Device *isa = device_make(m, &device_isa_bus, NULL, "isa");
    Device *dma = device_make(m, &device_i8257, NULL, "dma");
    RamBlock *ram = ram_new(m, "low", 1 << 20, 0, &err);
    BlockBackend *b;

    CHECK(ram && device_realize(isa, &err) && device_realize(dma, &err));
    region_add(machine_memory_root(m), region_new_ram(m, "low", ram, 0, 1 << 20), 0, 0);
    b = block_open_fd(m, "d0", dup(t->disk), t->flags, &err);
    CHECK(b && t->n_open < ARRAY_SIZE(t->open));
    t->open[t->n_open++] = b;
    CHECK(machine_add_backend(m, "drive", "d0", b, &err));
    CHECK(device_set_prop(dev, "driveA", "d0", &err));
}

static uint8_t in(Ft *t, unsigned port)
{
    uint64_t val = 0;

    EXPECT_EQ(aspace_load(isa_ports(bench_machine(t->b)), port, 1, &val, (MemAttrs){ 0 }), MEM_OK);
    return (uint8_t)val;
}

static void out(Ft *t, unsigned port, uint8_t val)
{
    EXPECT_EQ(aspace_store(isa_ports(bench_machine(t->b)), port, 1, val, (MemAttrs){ 0 }), MEM_OK);
}

static bool ft_irq(Ft *t)
{
    return irq_is_high(device_output(bench_dev(t->b), "irq-out", 0));
}

static Ft *ft_begin(unsigned flags)
{
    Ft *t = g_new0(Ft, 1);
    uint8_t sector[512];

    t->flags = flags;
    t->disk = memfd_create("disk", MFD_CLOEXEC);
    CHECK(t->disk >= 0 && !ftruncate(t->disk, SECTORS * 512));
    for (unsigned i = 0; i < SECTORS; i++) {
        memset(sector, (int)(i * 5 + 1), sizeof(sector));
        CHECK(pwrite(t->disk, sector, sizeof(sector), i * 512) == sizeof(sector));
    }
    t->b = bench_device_setup(&device_isa_fdc, NULL, ft_plug, t);
    bench_reset(t->b);
    out(t, 0x3f2, 0x00);
    out(t, 0x3f2, 0x1c); /* run, DMA and interrupts, motor A */
    EXPECT(ft_irq(t));
    return t;
}

static void ft_end(Ft *t)
{
    bench_end(t->b);
    for (unsigned i = 0; i < t->n_open; i++) {
        block_close(t->open[i]);
    }
    close(t->disk);
    g_free(t);
}

/* Until the controller asks for something; not saved meanwhile. */
static void ft_wait(Ft *t)
{
    for (unsigned i = 0; i < 20000 && !(in(t, 0x3f4) & 0x80); i++) {
        loop_iterate(bench_machine(t->b), false);
        g_usleep(50);
    }
    EXPECT_EQ(in(t, 0x3f4) & 0x80, 0x80);
}

/* Bytes to the controller; then, where it has any, those of the result. */
static unsigned ft_command(Ft *t, const uint8_t *bytes, unsigned len)
{
    unsigned n = 0;

    for (unsigned i = 0; i < len; i++) {
        EXPECT_EQ(in(t, 0x3f4) & 0xc0, 0x80);
        out(t, 0x3f5, bytes[i]);
    }
    ft_wait(t);
    while ((in(t, 0x3f4) & 0xc0) == 0xc0 && n < sizeof(t->result)) {
        t->result[n++] = in(t, 0x3f5);
    }
    bench_run_loop(t->b);
    return n;
}

#define COMMAND(...) \
    ft_command(t, (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* Channel 2: @len bytes at RAM. */
static void ft_dma(Ft *t, bool to_memory, unsigned len)
{
    out(t, 0x0a, 6);
    out(t, 0x0c, 0);
    out(t, 0x0b, to_memory ? 0x46 : 0x4a);
    out(t, 0x04, RAM & 0xff);
    out(t, 0x04, RAM >> 8 & 0xff);
    out(t, 0x81, RAM >> 16);
    out(t, 0x05, (len - 1) & 0xff);
    out(t, 0x05, (len - 1) >> 8);
    out(t, 0x0a, 2);
}

static bool ft_is_sector(Ft *t, unsigned at, unsigned lba)
{
    uint8_t s[512];

    (void)aspace_read(machine_memory(bench_machine(t->b)), RAM + at, s, sizeof(s), (MemAttrs){ 0 });
    return s[0] == (uint8_t)(lba * 5 + 1) && !memcmp(s, s + 1, 511);
}

static void ft_start(Ft *t)
{
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ(COMMAND(0x08), 2);
        EXPECT_EQ(t->result[0], 0xc0 | i);
    }
    EXPECT(!ft_irq(t));
    out(t, 0x3f7, 0); /* 500 kb/s */
    COMMAND(0x03, 0xaf, 0x02);
}

TEST(fdc, seeks_and_status)
{
    Ft *t = ft_begin(0);

    EXPECT_EQ(fdc_drive_type(bench_dev(t->b), 0), 4);
    EXPECT_EQ(fdc_drive_type(bench_dev(t->b), 1), 0);
    ft_start(t);
    EXPECT_EQ(in(t, 0x3f7) & 0x80, 0x80); /* changed */
    EXPECT_EQ(COMMAND(0x0f, 0, 12), 0);
    EXPECT(ft_irq(t));
    EXPECT_EQ(COMMAND(0x08), 2);
    EXPECT_EQ(t->result[0] << 8 | t->result[1], 0x200c);
    EXPECT(!ft_irq(t));
    EXPECT_EQ(in(t, 0x3f7) & 0x80, 0);
    EXPECT_EQ(COMMAND(0x04, 0), 1);
    EXPECT_EQ(t->result[0], 0x28);
    COMMAND(0x07, 0);
    COMMAND(0x08);
    EXPECT_EQ(t->result[1], 0);
    EXPECT_EQ(COMMAND(0x4a, 0), 7);
    EXPECT_EQ(t->result[0] | t->result[1], 0);
    out(t, 0x3f7, 2); /* 250 kb/s: not this disk's */
    EXPECT_EQ(COMMAND(0x4a, 0), 7);
    EXPECT_EQ(t->result[0] << 8 | t->result[1], 0x4001);
    EXPECT_EQ(COMMAND(0x10), 1);
    EXPECT_EQ(t->result[0], 0x90);
    EXPECT_EQ(COMMAND(0x08), 1); /* nothing to tell */
    EXPECT_EQ(t->result[0], 0x80);
    EXPECT_EQ(COMMAND(0x1f), 1);
    EXPECT_EQ(t->result[0], 0x80);
    ft_end(t);
}

TEST(fdc, reads)
{
    Ft *t = ft_begin(0);

    ft_start(t);
    COMMAND(0x0f, 0, 3);
    ft_dma(t, true, 5 * 512);
    /* Both heads: sectors 16 to 18 of head 0, then 1 and 2 of head 1. */
    EXPECT_EQ(COMMAND(0xe6, 0, 3, 0, 16, 2, 18, 0x1b, 0xff), 7);
    EXPECT_EQ(t->result[0] | t->result[1] | t->result[2], 0);
    EXPECT(ft_is_sector(t, 0, 3 * 36 + 15) && ft_is_sector(t, 4 * 512, 3 * 36 + 19));
    EXPECT_EQ(in(t, 0x08) & 4, 4); /* terminal count */
    /* More than the track has. */
    ft_dma(t, true, 8 * 512);
    EXPECT_EQ(COMMAND(0x46, 0, 3, 0, 17, 2, 18, 0x1b, 0xff), 7);
    EXPECT_EQ(t->result[0] << 8 | t->result[1], 0x4080);
    ft_dma(t, true, 512);
    EXPECT_EQ(COMMAND(0x46, 0, 3, 0, 19, 2, 19, 0x1b, 0xff), 7);
    EXPECT_EQ(t->result[0] << 8 | t->result[1], 0x4004);
    EXPECT_EQ(COMMAND(0x46, 0, 4, 0, 1, 2, 18, 0x1b, 0xff), 7); /* another cylinder */
    EXPECT_EQ(t->result[0] >> 6, 1);
    ft_end(t);
}

TEST(fdc, waits_for_its_channel)
{
    Ft *t = ft_begin(0);
    static const uint8_t read[] = { 0x46, 0, 0, 0, 1, 2, 18, 0x1b, 0xff };

    ft_start(t);
    ft_dma(t, true, 512);
    out(t, 0x0a, 6); /* off */
    for (unsigned i = 0; i < sizeof(read); i++) {
        out(t, 0x3f5, read[i]);
    }
    bench_run_loop(t->b); /* saved amid the transfer */
    bench_no_reload(t->b);
    EXPECT_EQ(in(t, 0x3f4), 0x10);
    bench_run_ns(t->b, 5 * NS_PER_MS);
    EXPECT_EQ(in(t, 0x3f4), 0x10);
    out(t, 0x0a, 2);
    for (unsigned i = 0; i < 100 && !(in(t, 0x3f4) & 0x80); i++) {
        bench_run_ns(t->b, NS_PER_MS);
        g_usleep(1000);
    }
    EXPECT_EQ(in(t, 0x3f5), 0);
    EXPECT(ft_is_sector(t, 0, 0));
    ft_end(t);
}

TEST(fdc, writes_and_formats)
{
    Ft *t = ft_begin(0);
    uint8_t sector[512], ids[4 * 18];

    ft_start(t);
    memset(sector, 0xa5, sizeof(sector));
    (void)aspace_write(machine_memory(bench_machine(t->b)), RAM, sector, 512, (MemAttrs){ 0 });
    ft_dma(t, false, 512);
    EXPECT_EQ(COMMAND(0x45, 4, 0, 1, 2, 2, 18, 0x1b, 0xff), 7);
    EXPECT_EQ(t->result[0], 4);
    EXPECT(pread(t->disk, sector, 512, 19 * 512) == 512 && sector[511] == 0xa5);
    for (unsigned i = 0; i < 18; i++) {
        memcpy(ids + 4 * i, (uint8_t[]){ 0, 0, (uint8_t)(i + 1), 2 }, 4);
    }
    (void)aspace_write(machine_memory(bench_machine(t->b)), RAM, ids, sizeof(ids), (MemAttrs){ 0 });
    ft_dma(t, false, sizeof(ids));
    EXPECT_EQ(COMMAND(0x4d, 0, 2, 18, 0x54, 0xf6), 7);
    EXPECT_EQ(t->result[0] | t->result[1], 0);
    EXPECT(pread(t->disk, sector, 512, 17 * 512) == 512 && sector[0] == 0xf6);
    EXPECT(pread(t->disk, sector, 512, 18 * 512) == 512 && sector[0] != 0xf6);
    ft_end(t);
    t = ft_begin(BLOCK_READ_ONLY);
    ft_start(t);
    ft_dma(t, false, 512);
    EXPECT_EQ(COMMAND(0x45, 0, 0, 0, 1, 2, 18, 0x1b, 0xff), 7);
    EXPECT_EQ(t->result[0] << 8 | t->result[1], 0x4002);
    ft_end(t);
}

/* Registers at random: nothing but the sanitizers look. */
TEST(fdc, any_registers)
{
    Ft *t = ft_begin(0);
    uint32_t x = 99;

    bench_no_reload(t->b);
    for (unsigned i = 0; i < 20000; i++) {
        x = x * 1664525 + 1013904223;
        if (x >> 30 == 0) {
            in(t, 0x3f0 + (x >> 8) % 6);
        } else if (x >> 28 == 4) {
            out(t, (x >> 8) & 15, x & 0xff);
        } else if (x >> 27 == 10) {
            loop_iterate(bench_machine(t->b), false);
        } else if (x >> 26 == 63) {
            out(t, 0x3f0 + (x >> 8) % 6, x & 0xff);
        } else {
            out(t, 0x3f5, x >> 12 & 1 ? x & 0xff : x & 0x4f);
        }
    }
    ft_end(t);
}
