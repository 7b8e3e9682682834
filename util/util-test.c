/* SPDX-License-Identifier: Apache-2.0 */
#include "util/bits.h"
#include "util/bytes.h"
#include "util/log.h"
#include "util/options.h"
#include "util/size.h"
#include "util/suggest.h"
#include "tests/unit.h"

TEST(suggest, near_names_and_nothing_else)
{
    static const char *const cpus[] = { "Haswell", "Haswell-noTSX", "Skylake", "cortex-a57" };
    g_autofree char *near = suggest_text("haswell", cpus, 4);
    g_autofree char *far = suggest_text("zzz", cpus, 4);
    g_autofree char *list = suggest_or_list("zzz", cpus, 4, 2);
    g_autofree char *swapped = suggest_text("cortxe-a57", cpus, 4);

    EXPECT_STR(near, ", did you mean Haswell, Haswell-noTSX?");
    EXPECT_STR(far, "");
    EXPECT_STR(list, ", valid: Haswell, Haswell-noTSX, ...");
    EXPECT_STR(swapped, ", did you mean cortex-a57?");
}

static void size_is(const char *text, uint64_t unit, uint64_t want)
{
    g_autoptr(GError) err = NULL;
    uint64_t got = 0;

    EXPECT(size_parse(text, unit, &got, &err));
    EXPECT_EQ(got, want);
}

TEST(size, forms)
{
    static const char *const bad[] = { "", "G", "4X", "4GBB", "-1", "16E", "99999999999999999999" };
    uint64_t v;

    size_is("4G", 1, 4ull << 30);
    size_is("4GB", 1, 4ull << 30);
    size_is("4GiB", 1, 4ull << 30);
    size_is("512M", 1, 512ull << 20);
    size_is("1.5G", 1, 3ull << 29);
    size_is("64k", 1, 65536);
    size_is("0x1000", 1, 4096);
    size_is("512", 1 << 20, 512ull << 20);
    size_is("10B", 1 << 20, 10);
    for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
        g_autoptr(GError) err = NULL;

        EXPECT(!size_parse(bad[i], 1, &v, &err));
        EXPECT(err != NULL);
    }
}

TEST(size, numbers_and_bools)
{
    g_autoptr(GError) err = NULL, err2 = NULL;
    uint64_t v;
    bool b = false;

    EXPECT(number_parse("0x20", 0, 32, &v, &err) && v == 32);
    EXPECT(number_parse("0b101", 0, 32, &v, &err) && v == 5);
    EXPECT(!number_parse("33", 0, 32, &v, &err));
    EXPECT(!number_parse("3f", 0, 32, &v, &err2));
    EXPECT(bool_parse("yes", &b, &err2) && b);
}

TEST(options, parse)
{
    static const char *const valid[] = { "cpus", "accel" };
    g_autoptr(GError) err = NULL;
    Options o;
    uint64_t n;
    bool on;

    EXPECT(options_parse(&o, "virt,accel=t,,cg,cpus=2,gic_version=3,nousb", "type", &err));
    EXPECT_STR(options_get(&o, "type"), "virt");
    EXPECT_STR(options_get(&o, "accel"), "t,cg");
    EXPECT_STR(options_get(&o, "gic-version"), "3");
    EXPECT(options_get_bool(&o, "usb", true, &on, &err) && !on);
    EXPECT(!options_all_used(&o, valid, 2, &err));
    EXPECT_STR(err->message, "'cpus' is not a known option here, did you mean cpus?");
    EXPECT(options_get_number(&o, "cpus", 1, &n, &err) && n == 2);
    options_deinit(&o);
    g_clear_error(&err);
    EXPECT(!options_parse(&o, "a=1,=2", NULL, &err));
}

TEST(log, items_and_patterns)
{
    g_autoptr(GError) err = NULL;
    LogSink *log = log_sink_new();

    EXPECT(!log_on(log, LOG_INT | LOG_TRACE));
    EXPECT(log_set_items(log, "int,guest_errors,trace:uart*", &err));
    EXPECT(log_on(log, LOG_INT) && log_on(log, LOG_GUEST_ERROR) && !log_on(log, LOG_EXEC));
    EXPECT(log_trace_wanted(log, NULL, "uart_rx") && !log_trace_wanted(log, NULL, "gic"));
    log_trace_pattern(log, "-uart_rx");
    EXPECT(!log_trace_wanted(log, NULL, "uart_rx") && log_trace_wanted(log, NULL, "uart_tx"));
    EXPECT(!log_set_items(log, "in_asn", &err));
    EXPECT_STR(err->message, "no log item 'in_asn', did you mean in_asm? (-d help lists them)");
    log_sink_free(log);
}

TEST(bits, fields)
{
    uint8_t buf[8];

    EXPECT_EQ(bits_extract(0xabcd, 4, 8), 0xbc);
    EXPECT_EQ(bits_sextract(0xf0, 4, 4), UINT64_MAX);
    EXPECT_EQ(bits_deposit(0xffff, 4, 8, 0), 0xf00f);
    EXPECT_EQ(bits_pow2_ceil(65), 128);
    EXPECT_EQ(muldiv_u64(UINT64_MAX, 1000, 2000), UINT64_MAX / 2);
    put_be32(buf, 0x12345678);
    EXPECT_EQ(get_le32(buf), 0x78563412);
    EXPECT_EQ(bytes_swap(0x1234, 2), 0x3412);
}
