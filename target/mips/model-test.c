/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each model's registers are after reset, and what is left of ones that are written to them.
 * docs/dev/mips.md says where that is not what QEMU's models have, and why.
 */
#include "core/machine.h"
#include "target/mips/cp0.h"
#include "target/mips/cpu.h"
#include "target/mips/model.h"
#include "tests/unit.h"

#include <string.h>

enum { WRITTEN = 6 };

static const struct ModelRow {
    const char *name;
    uint32_t prid, config[6];
    uint64_t written[WRITTEN]; /* Status, EntryHi, EntryLo0, PageGrain, HWREna, Wired */
} rows[] = {
    { "4Kc",
      0x18000,
      { 0x80000082, 0x1e63318a, 0, 0, 0, 0 },
      { 0x1058ff00, 0xffffe0ff, 0x3ffffff, 0, 0, 0xf } },
    { "24Kc",
      0x19300,
      { 0x80000482, 0x9e63318e, 0x80000000, 0x20, 0, 0 },
      { 0x1058ff00, 0xffffe0ff, 0x3ffffff, 0, 0xf, 0xf } },
    { "24Kf",
      0x19300,
      { 0x80000482, 0x9e63318f, 0x80000000, 0x20, 0, 0 },
      { 0x3458ff00, 0xffffe0ff, 0x3ffffff, 0, 0xf, 0xf } },
    { "34Kf",
      0x19500,
      { 0x80000482, 0x9e63318f, 0x80000000, 0x2420, 0, 0 },
      { 0x3558ff00, 0xffffe0ff, 0x3ffffff, 0, 0x2000000f, 0xf } },
    { "74Kf",
      0x19700,
      { 0x80000482, 0x9e63318f, 0x80000000, 0x2c20, 0, 0 },
      { 0x3558ff00, 0xffffe0ff, 0x3ffffff, 0, 0x2000000f, 0xf } },
    { "5Kc",
      0x18100,
      { 0x80004082, 0x3e63318a, 0, 0, 0, 0 },
      { 0x10d8ffe0, 0xc00003ffffffe0ff, 0x3fffffff, 0, 0, 0x1f } },
    { "5Kf",
      0x18100,
      { 0x80004082, 0x3e63318b, 0, 0, 0, 0 },
      { 0x34d8ffe0, 0xc00003ffffffe0ff, 0x3fffffff, 0, 0, 0x1f } },
    { "20Kc",
      0x182a0,
      { 0x80004082, 0x5e633183, 0, 0, 0, 0 },
      { 0x34d8ffe0, 0xc00000ffffffe0ff, 0x3fffffff, 0, 0, 0x2f } },
    { "5KEf",
      0x18900,
      { 0x80004482, 0xbe63318b, 0x80000000, 0x2000, 0, 0 },
      { 0x34d8ffe0, 0xc00003ffffffe0ff, 0x3fffffff, 0, 0x2000000f, 0x1f } },
    { "MIPS64R2-generic",
      0x10000,
      { 0x80004482, 0xfe633183, 0x80000000, 0x2000, 0, 0 },
      { 0x34d8ffe0, 0xc00003ffffffe0ff, 0x3fffffff, 0, 0x2000000f, 0x3f } },
    { "R4000",
      0x400,
      { 0x20272, 0, 0, 0, 0, 0 },
      { 0x34d8ffe0, 0xc00000ffffffe0ff, 0x3fffffff, 0, 0, 0x2f } },
    { "24KEc",
      0x19600,
      { 0x80000482, 0x9e63318e, 0x80000000, 0x420, 0, 0 },
      { 0x1158ff00, 0xffffe0ff, 0x3ffffff, 0, 0xf, 0xf } },
    { "P5600",
      0x1a800,
      { 0x80000482, 0xfe63318b, 0x80000000, 0x9e0030a0, 0xc0fc0000, 0x10000039 },
      { 0x3458ff00, 0xffffe4ff, 0x3fffffff, 0xe8000000, 0x2000000f, 0x3f } },
    { "Loongson-3A1000",
      0x6305,
      { 0x80004482, 0xfee37181, 0x80000743, 0x80, 0, 0 },
      { 0x74d8ffe0, 0xc000ffffffffe0ff, 0x3ffffffffff, 0, 0xc000000f, 0x3f } },
    { "Loongson-3A4000",
      0x14c000,
      { 0x80004482, 0xfee37181, 0x80000743, 0x90002080, 0x801c0000, 0 },
      { 0x74d8ffe0, 0xc000ffffffffe0ff, 0x3ffffffffff, 0, 0xe000000f, 0x3f } },
    { "M14K",
      0x19b00,
      { 0xa4000582, 0x80633182, 0x80000000, 0xa020, 0, 0 },
      { 0x1058ff00, 0xffffe0ff, 0x3ffffff, 0, 0x2000000f, 0 } },
    { "M14Kc",
      0x19c00,
      { 0x80000482, 0x9e633182, 0x80000000, 0xa020, 0, 0 },
      { 0x1058ff00, 0xffffe0ff, 0x3ffffff, 0, 0x2000000f, 0xf } },
    { "mips32r6-generic",
      0x10000,
      { 0x80000882, 0x9e633183, 0x80000000, 0x8c003020, 0xc0fc0000, 0x2010 },
      { 0x3458ff00, 0xffffe4ff, 0xc3ffffff, 0xc8000000, 0x2000000f, 0xf } },
    { "I6400",
      0x1a900,
      { 0x80004882, 0xfe63318b, 0x80000000, 0x9c0030a0, 0xc0fc0000, 0x2018 },
      { 0x34d8ffe0, 0xc000ffffffffe4ff, 0xc00003ffffffffff, 0xc8000000, 0x2000000f, 0x3f } },
};

static MipsCpu *row_cpu(Machine *m, const char *model)
{
    g_autofree char *name = g_strdup_printf("%s-mips-cpu", model);
    g_autoptr(GError) err = NULL;
    MipsCpu *c;

    for (const DeviceType *const *t = mips_cpu_types; *t; t++) {
        if (!strcmp((*t)->name, name)) {
            c = mips_cpu(cpu_new(m, *t, NULL, "cpu0"));
            EXPECT(device_realize(&c->cpu.dev, &err));
            mips_cp0_reset(c);
            return c;
        }
    }
    return NULL;
}

static void row_test(const struct ModelRow *row)
{
    static const unsigned written[WRITTEN] = { CP0_STATUS,    CP0_ENTRYHI, CP0_ENTRYLO0,
                                               CP0_PAGEGRAIN, CP0_HWRENA,  CP0_WIRED };
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    MipsCpu *c;

    machine_add_types(m, mips_cpu_types);
    c = row_cpu(m, row->name);
    EXPECT(c != NULL);
    EXPECT_EQ(mips_cp0_read(c, CP0_PRID), row->prid);
    for (unsigned i = 0; i < G_N_ELEMENTS(row->config); i++) {
        EXPECT_EQ(mips_cp0_read(c, CP0_CONFIG + i), row->config[i]);
    }
    for (unsigned i = 0; i < WRITTEN; i++) {
        /* Interrupts and modes stay as they are. */
        uint64_t ones = written[i] == CP0_STATUS ? ~0x1full : ~0ull;

        mips_cp0_write(c, written[i], ones);
        EXPECT_EQ(mips_cp0_read(c, written[i]), row->written[i]);
    }
    machine_free(m);
}

TEST(mips_model, registers_after_reset_and_of_ones_that_are_written)
{
    unsigned n = 0;

    for (; mips_models[n]; n++) {
    }
    EXPECT_EQ(n, G_N_ELEMENTS(rows)); /* each has its row */
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        row_test(&rows[i]);
    }
}
