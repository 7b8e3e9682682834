/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/board/loader.h"

#include "tests/unit.h"

#include <gio/gio.h>

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
