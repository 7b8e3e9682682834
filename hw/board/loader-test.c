/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/board/loader.h"

#include "core/bench.h"
#include "core/device.h"
#include "tests/unit.h"

#include <elf.h>
#include <gio/gio.h>
#include <glib/gstdio.h>

extern const DeviceType device_loader;

static void expect_described(const void *bytes, size_t len, const char *want)
{
    g_autofree char *got = file_describe(bytes, len);

    EXPECT_STR(got, want);
}

TEST(loader, names_what_a_file_is)
{
    static const uint8_t elf_mips[64] = { 0x7f, 'E', 'L', 'F', 1, 2, 1, [18] = 0, [19] = 8 };

    expect_described("", 0, "empty");
    expect_described("#!/bin/sh\necho", 14, "a script");
    expect_described("root:x:0:0:root", 15, "text, first bytes 72 6f 6f 74 3a 78 3a 30");
    expect_described("QFI\xfb\0\0\0\3", 8, "a qcow2 disk image");
    expect_described(elf_mips, sizeof(elf_mips), "an ELF file for MIPS");
    EXPECT_EQ(file_kind(elf_mips, sizeof(elf_mips)), FILE_ELF);
    EXPECT_EQ(file_kind((const uint8_t *)"root:x:0:0:root", 15), FILE_OTHER);
}

TEST(loader, knows_an_image_by_its_magic)
{
    uint8_t image[64] = { 'M', 'Z', [56] = 'A', 'R', 'M', 0x64 };

    EXPECT_EQ(file_kind(image, sizeof(image)), FILE_ARM64_IMAGE);
    EXPECT_EQ(file_kind(image, 63), FILE_OTHER); /* an EFI program */
}

TEST(loader, gunzip_is_bounded)
{
    g_autoptr(GConverter) z = G_CONVERTER(g_zlib_compressor_new(G_ZLIB_COMPRESSOR_FORMAT_GZIP, 9));
    static const uint8_t zeros[4096];
    uint8_t gz[256];
    gsize ate, len;
    g_autoptr(GBytes) in = NULL;
    g_autoptr(GBytes) out = NULL;
    g_autoptr(GError) err = NULL;

    EXPECT_EQ(g_converter_convert(z, zeros, sizeof(zeros), gz, sizeof(gz), G_CONVERTER_INPUT_AT_END,
                                  &ate, &len, &err),
              G_CONVERTER_FINISHED);
    in = g_bytes_new(gz, len);
    out = loader_gunzip(in, "x", sizeof(zeros), &err);
    EXPECT(out && g_bytes_get_size(out) == sizeof(zeros));
    EXPECT(!loader_gunzip(in, "x", sizeof(zeros) - 1, &err));
    EXPECT(err && strstr(err->message, "larger than 4095 bytes"));
    for (gsize n = 0; n < len; n++) { /* cut off anywhere */
        g_autoptr(GBytes) part = g_bytes_new(gz, n);
        g_autoptr(GError) broken = NULL;

        EXPECT(!loader_gunzip(part, "x", sizeof(zeros), &broken));
        EXPECT(broken && strstr(broken->message, "broken gzip data at byte"));
    }
}

/* ---- -device loader ---- */

static uint64_t loaded(Bench *b, GuestPhys at)
{
    uint64_t v = 0;

    EXPECT_EQ(aspace_load(machine_memory(bench_machine(b)), at, 8, &v, (MemAttrs){ 0 }), MEM_OK);
    return v;
}

static Bench *loader_bench(const char *props)
{
    Bench *b = bench_device_setup(&device_loader, props, NULL, NULL);

    machine_reset(bench_machine(b), RESET_COLD, CAUSE_NONE);
    return b;
}

TEST(loader, data_in_memory)
{
    Bench *b = loader_bench("addr=0x40000100,data=0x11223344,data-len=4");

    EXPECT_EQ(loaded(b, BENCH_RAM_BASE + 0x100), 0x11223344);
    bench_end(b);
    b = loader_bench("addr=0x40000100,data=0x11223344,data-len=8,data-be=on");
    EXPECT_EQ(loaded(b, BENCH_RAM_BASE + 0x100), 0x4433221100000000);
    bench_end(b);
}

/* A big-endian ELF of 32 bits with one segment of 8 bytes for 40000200h. */
static char *loader_elf_file(unsigned filesz)
{
    static const uint8_t head[] = {
        0x7f, 'E', 'L', 'F', 1, 2, 1,    0, 0, 0,  0,    0,  0, 0, 0,    0, 0, 2,
        0,    8,   0,   0,   0, 1, 0x40, 0, 2, 0, /* entry */
        0,    0,   0,   52,                       /* table of segments */
        0,    0,   0,   0,   0, 0, 0,    0, 0, 52, 0,    32, 0, 1, 0,    0, 0, 0,
        0,    0,   0,   0,   0, 1, 0,    0, 0, 84, 0x80, 0,  0, 0, 0x40, 0, 2, 0, /* PT_LOAD */
    };
    uint8_t file[92] = { [71] = (uint8_t)filesz, [75] = 8, [84] = 1, 2, 3, 4, 5, 6, 7, 8 };
    char *path;
    int fd = g_file_open_tmp("tinamou-XXXXXX", &path, NULL);

    memcpy(file, head, sizeof(head));
    EXPECT(fd >= 0 && g_file_set_contents(path, (char *)file, sizeof(file), NULL));
    g_close(fd, NULL);
    return path;
}

TEST(loader, elf_in_memory)
{
    g_autofree char *path = loader_elf_file(8);
    g_autofree char *props = g_strdup_printf("file=%s", path);
    g_autofree char *raw = g_strdup_printf("file=%s,addr=0x40000300,force-raw=on", path);
    Bench *b = loader_bench(props);

    EXPECT_EQ(loaded(b, BENCH_RAM_BASE + 0x200), 0x0807060504030201);
    bench_end(b);
    b = loader_bench(raw);
    EXPECT_EQ(loaded(b, BENCH_RAM_BASE + 0x300) & UINT32_MAX, 0x464c457f);
    bench_end(b);
    g_unlink(path);
}

static void loader_refused(const char *props, const char *why)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    Device *dev = device_new_type(m, &device_loader, NULL, "l", &err);

    EXPECT(dev && device_set_props(dev, props, &err) && !device_realize(dev, &err));
    EXPECT(err && strstr(err->message, why));
    machine_free(m);
}

TEST(loader, says_what_is_missing)
{
    g_autofree char *path = loader_elf_file(200);
    g_autofree char *props = g_strdup_printf("file=%s", path);

    loader_refused("addr=1", "give file=");
    loader_refused("addr=1,data=5", "data-len=1, 2, 4 or 8");
    loader_refused("addr=1,data=256,data-len=1", "more than data-len=1");
    loader_refused("file=/dev/null,data=1,data-len=1", "two loaders");
    loader_refused("addr=1,cpu-num=3", "cpu-num=3");
    loader_refused(props, "lies outside of the file");
    g_unlink(path);
}
