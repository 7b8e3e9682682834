/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/img/img-priv.h"
#include "tests/unit.h"

static bool size_is(uint64_t bytes, const char *text)
{
    g_autofree char *got = img_size_text(bytes);

    return !strcmp(got, text);
}

static bool long_is(uint64_t bytes, const char *text)
{
    g_autofree char *got = img_size_long((double)bytes);

    return !strcmp(got, text);
}

TEST(img, sizes)
{
    EXPECT(size_is(0, "0 B"));
    EXPECT(size_is(512, "512 B"));
    EXPECT(size_is(1024, "1 KiB"));
    EXPECT(size_is(1000448, "977 KiB"));
    EXPECT(size_is(1023488, "1e+03 KiB"));
    EXPECT(size_is(1024000, "0.977 MiB"));
    EXPECT(size_is(1610612736, "1.5 GiB"));
    EXPECT(long_is(3, "3 bytes"));
    EXPECT(long_is(1536, "1.500 KiB"));
    EXPECT(long_is(100000, "97.656 KiB"));
    EXPECT(long_is(1023488, "999.500 KiB"));
    EXPECT(long_is(1 << 20, "1 MiB"));
}

TEST(img, backing_paths)
{
    static const char *const rows[][3] = {
        { "a.qcow2", "b.raw", "b.raw" },       { "dir/a.qcow2", "b.raw", "dir/b.raw" },
        { "dir/a.qcow2", "/b.raw", "/b.raw" }, { "dir/a.qcow2", "nbd://h/x", "nbd://h/x" },
        { "/x/a:b/c.qcow2", "d", "/x/a:b/d" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *got = img_backing_path_of(rows[i][0], rows[i][1]);

        EXPECT_STR(got, rows[i][2]);
    }
}

TEST(img, zeros)
{
    unsigned char buf[100] = { 0 };

    for (unsigned i = 0; i < sizeof(buf); i++) {
        EXPECT(img_is_zero(buf, i));
        buf[i] = 1;
        EXPECT(img_is_zero(buf, i));
        EXPECT(!img_is_zero(buf, i + 1));
        buf[i] = 0;
    }
}
