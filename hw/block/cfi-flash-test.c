/* SPDX-License-Identifier: Apache-2.0 */
#include "block/block.h"
#include "core/bench.h"
#include "hw/block/cfi-flash.h"
#include "tests/unit.h"

#include <unistd.h>

TEST(cfi_flash, query_program_erase)
{
    Bench *b = bench_device("cfi.pflash01", "size=1M");

    EXPECT_EQ(bench_read_at(b, 0, 0x100, 4), 0xffffffff);
    bench_write_at(b, 0, 0x55 * 4, 4, 0x00980098);
    EXPECT_EQ(bench_read_at(b, 0, 0x10 * 4, 4), 0x00510051);
    EXPECT_EQ(bench_read_at(b, 0, 0x27 * 4, 4), 0x00130013);
    EXPECT_EQ(bench_read_at(b, 0, 0x2d * 4, 4), 0x00030003);
    bench_write_at(b, 0, 0x100, 4, 0x00400040);
    bench_write_at(b, 0, 0x100, 4, 0x12345678);
    EXPECT_EQ(bench_read_at(b, 0, 0x100, 4), 0x00800080);
    bench_write_at(b, 0, 0, 4, 0x00ff00ff);
    EXPECT_EQ(bench_read_at(b, 0, 0x100, 4), 0x12345678);
    bench_write_at(b, 0, 0x100, 4, 0x00200020);
    bench_write_at(b, 0, 0x100, 4, 0x00d000d0);
    bench_write_at(b, 0, 0, 4, 0x00ff00ff);
    EXPECT_EQ(bench_read_at(b, 0, 0x100, 4), 0xffffffff);
    bench_end(b);
}

TEST(cfi_flash, one_chip_of_bytes)
{
    Bench *b = bench_device("cfi.pflash01", "size=0x37c000,width=1,sector-length=4K");

    bench_write_at(b, 0, 0x55, 1, 0x98);
    EXPECT_EQ(bench_read_at(b, 0, 0x10, 1), 'Q');
    EXPECT_EQ(bench_read_at(b, 0, 0x27, 1), 22);
    EXPECT_EQ(bench_read_at(b, 0, 0x28, 1), 0);
    EXPECT_EQ(bench_read_at(b, 0, 0x2d, 1) | bench_read_at(b, 0, 0x2e, 1) << 8, 0x37c - 1);
    EXPECT_EQ(bench_read_at(b, 0, 0x2f, 1) | bench_read_at(b, 0, 0x30, 1) << 8, 16);
    bench_write_at(b, 0, 0x2001, 1, 0x10);
    bench_write_at(b, 0, 0x2001, 1, 0x35);
    EXPECT_EQ(bench_read_at(b, 0, 0x2001, 1), 0x80);
    bench_write_at(b, 0, 0x2ffe, 1, 0x40);
    bench_write_at(b, 0, 0x2ffe, 2, 0x1234); /* all that the access brings */
    bench_write_at(b, 0, 0x3000, 1, 0xe8);
    bench_write_at(b, 0, 0x3000, 1, 1); /* two bytes */
    bench_write_at(b, 0, 0x3000, 1, 0x77);
    bench_write_at(b, 0, 0x3001, 1, 0x78);
    bench_write_at(b, 0, 0x3000, 1, 0xd0);
    bench_write_at(b, 0, 0, 1, 0xff);
    EXPECT_EQ(bench_read_at(b, 0, 0x2000, 4), 0xffff35ff);
    EXPECT_EQ(bench_read_at(b, 0, 0x2ffe, 4), 0x78771234);
    bench_write_at(b, 0, 0x2fff, 1, 0x20); /* erases 2000h to 2fffh */
    bench_write_at(b, 0, 0x2fff, 1, 0xd0);
    bench_write_at(b, 0, 0, 1, 0xff);
    EXPECT_EQ(bench_read_at(b, 0, 0x2000, 4), 0xffffffff);
    EXPECT_EQ(bench_read_at(b, 0, 0x2ffe, 4), 0x7877ffff);
    bench_end(b);
}

TEST(cfi_flash, buffered_program_clears_bits_only)
{
    Bench *b = bench_device("cfi.pflash01", "size=1M");

    bench_write_at(b, 0, 0x200, 4, 0x00e800e8);
    EXPECT_EQ(bench_read_at(b, 0, 0x200, 4), 0x00800080);
    bench_write_at(b, 0, 0x200, 4, 0x00010001); /* two words */
    bench_write_at(b, 0, 0x200, 4, 0xff00ff00);
    bench_write_at(b, 0, 0x204, 4, 2);
    bench_write_at(b, 0, 0x200, 4, 0x00d000d0);
    bench_write_at(b, 0, 0, 4, 0x00ff00ff);
    EXPECT_EQ(bench_read_at(b, 0, 0x200, 4), 0xff00ff00);
    EXPECT_EQ(bench_read_at(b, 0, 0x204, 4), 2);
    bench_end(b);
}

/* A big-endian CPU's words arrive here with their bytes the other way round. */
TEST(cfi_flash, words_of_a_big_endian_cpu)
{
    Bench *b = bench_device("cfi.pflash01", "size=1M,big_endian=on");

    bench_write_at(b, 0, 0x200, 4, 0x40004000); /* 00400040h */
    EXPECT_EQ(bench_read_at(b, 0, 0x200, 4), 0x80008000);
    bench_write_at(b, 0, 0x200, 4, 0x78563412); /* 12345678h */
    bench_write_at(b, 0, 0x204, 2, 0x4000);     /* 0040h to the chip of the upper half */
    bench_write_at(b, 0, 0x204, 2, 0xcdab);     /* abcdh */
    EXPECT_EQ(bench_read_at(b, 0, 0x204, 2), 0x8000);
    bench_write_at(b, 0, 0x204, 2, 0xff00);
    EXPECT_EQ(bench_read_at(b, 0, 0x200, 4), 0x78563412);
    EXPECT_EQ(bench_read_at(b, 0, 0x203, 1), 0x78);
    EXPECT_EQ(bench_read_at(b, 0, 0x204, 4), 0xffffcdab);
    bench_end(b);
}

static void flash_setup(Device *dev, void *arg)
{
    g_autoptr(GError) err = NULL;
    BlockBackend *b = block_open(dev->machine, "f0", arg, 0, &err);

    CHECK(b && machine_add_backend(dev->machine, "drive", "f0", b, &err));
    device_set_backend(dev, "drive", b);
}

TEST(cfi_flash, what_is_written_is_in_the_drive)
{
    extern const DeviceType device_cfi_pflash01;
    g_autofree char *path = NULL, *data = NULL;
    g_autoptr(GError) err = NULL;
    int fd = g_file_open_tmp("flash-XXXXXX", &path, &err);
    BlockBackend *drive;
    gsize len;
    Bench *b;

    CHECK(fd >= 0 && !ftruncate(fd, 1 << 20));
    close(fd);
    b = bench_device_setup(&device_cfi_pflash01, "size=1M", flash_setup, path);
    bench_no_reload(b);
    drive = machine_find_backend(bench_machine(b), "drive", "f0");
    bench_write_at(b, 0, 0x80100, 4, 0x00200020);
    bench_write_at(b, 0, 0x80100, 4, 0x00d000d0);
    bench_write_at(b, 0, 0x80100, 4, 0x00400040);
    bench_write_at(b, 0, 0x80100, 4, 0x12345678);
    while (block_in_flight(drive)) {
        block_drain(drive);
    }
    bench_end(b);
    block_close(drive);
    CHECK(g_file_get_contents(path, &data, &len, &err));
    EXPECT_EQ(len, 1 << 20);
    EXPECT_EQ((uint8_t)data[0x7ffff], 0);
    EXPECT_EQ((uint8_t)data[0x80000], 0xff);
    EXPECT_EQ((uint8_t)data[0x80100], 0x78);
    EXPECT_EQ((uint8_t)data[0x80103], 0x12);
    EXPECT_EQ((uint8_t)data[0xbffff], 0xff);
    EXPECT_EQ((uint8_t)data[0xc0000], 0);
    unlink(path);
}
