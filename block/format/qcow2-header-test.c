/* SPDX-License-Identifier: Apache-2.0 */
#include "block/format/qcow2.h"

#include "tests/unit.h"
#include "util/bytes.h"

static void header_of(Qcow2Header *h)
{
    *h = (Qcow2Header){ .version = 3,
                        .cluster_bits = 16,
                        .size = 1 << 30,
                        .l1_n = 2,
                        .l1_off = 3 << 16,
                        .rt_off = 1 << 16,
                        .rt_clusters = 1,
                        .refcount_order = 4 };
}

TEST(qcow2_header, round_trip)
{
    uint8_t buf[4096];
    Qcow2Header h, back;
    Qcow2Exts x = { .backing_name = g_strdup("base.img"), .backing_fmt = g_strdup("raw") }, y;
    GError *err = NULL;

    header_of(&h);
    EXPECT(qcow2_header_build(buf, sizeof(buf), &h, &x, &err));
    EXPECT(qcow2_header_parse(buf, sizeof(buf), &back, &err));
    EXPECT(qcow2_exts_parse(buf, sizeof(buf), &back, &y, &err));
    EXPECT_EQ(back.l1_off, h.l1_off);
    EXPECT_EQ(back.len, 112);
    EXPECT(!strcmp(y.backing_name, "base.img"));
    EXPECT(!strcmp(y.backing_fmt, "raw"));
    g_autofree char *names = qcow2_feature_names(&y, 0, 1 | 1ull << 40);
    EXPECT(!strcmp(names, "dirty bit, bit mask 0x10000000000"));
    qcow2_exts_deinit(&x);
    qcow2_exts_deinit(&y);
}

/* No byte of a header, whatever its value, does more than give an error. */
TEST(qcow2_header, hostile_bytes)
{
    static const uint8_t values[] = { 0, 1, 0x7f, 0x80, 0xff };
    uint8_t good[1024], buf[1024];
    Qcow2Header h;
    Qcow2Exts x = { .backing_name = (char *)"base.img" }, y;
    unsigned failed = 0;
    GError *err = NULL;

    header_of(&h);
    EXPECT(qcow2_header_build(good, sizeof(good), &h, &x, &err));
    for (unsigned at = 0; at < sizeof(good); at++) {
        for (unsigned v = 0; v < sizeof(values); v++) {
            memcpy(buf, good, sizeof(buf));
            buf[at] = values[v];
            if (!qcow2_header_parse(buf, sizeof(buf), &h, &err)) {
                failed++;
                g_clear_error(&err);
                continue;
            }
            if (!qcow2_exts_parse(buf, sizeof(buf), &h, &y, &err)) {
                failed++;
                g_clear_error(&err);
            }
            qcow2_exts_deinit(&y);
        }
    }
    EXPECT(failed > 50);
}

TEST(qcow2_header, refcount_widths)
{
    for (unsigned order = 0; order <= 6; order++) {
        uint8_t table[64] = { 0 };
        uint64_t max = order == 6 ? UINT64_MAX : (1ull << (1 << order)) - 1;

        qcow2_refcount_write(table, 5, order, max);
        EXPECT_EQ(qcow2_refcount_read(table, 5, order), max);
        EXPECT_EQ(qcow2_refcount_read(table, 4, order), 0);
        EXPECT_EQ(qcow2_refcount_read(table, 6, order), 0);
        qcow2_refcount_write(table, 5, order, 1);
        EXPECT_EQ(qcow2_refcount_read(table, 5, order), 1);
    }
}
