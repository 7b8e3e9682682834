/* SPDX-License-Identifier: Apache-2.0 */
/* What differs from one architecture to the next: NaNs, minima, conversions, flushing. */
#include "fpu/fpu.h"

#include "tests/unit.h"

enum { QNAN = 0x7fc00001, SNAN = 0x7f800001, ONE = 0x3f800000, INF = 0x7f800000, MINUS = 1u << 31 };

static FpEnv rules_env(FpNanRule rule)
{
    return (FpEnv){ .nan_rule = rule };
}

TEST(fpu_rules, propagation)
{
    FpEnv arm = rules_env(FP_NAN_ARM), x86 = rules_env(FP_NAN_X86);
    FpEnv riscv = rules_env(FP_NAN_RISCV), legacy = rules_env(FP_NAN_MIPS_LEGACY);

    EXPECT_EQ(fp32_add(QNAN, SNAN + 1, &arm), 0x7fc00002);
    EXPECT_EQ(arm.flags, FP_INVALID);
    EXPECT_EQ(fp32_add(QNAN, SNAN + 1, &x86), QNAN);
    EXPECT_EQ(x86.flags, FP_INVALID);
    EXPECT_EQ(fp32_add(QNAN, ONE, &riscv), 0x7fc00000);
    EXPECT_EQ(riscv.flags, 0);
    EXPECT_EQ(fp32_add(SNAN, ONE, &legacy), SNAN); /* quiet there */
    EXPECT_EQ(legacy.flags, 0);
    EXPECT_EQ(fp32_add(QNAN, ONE, &legacy), 0x7fbfffff);
    EXPECT_EQ(legacy.flags, FP_INVALID);
    arm.default_nan = true;
    EXPECT_EQ(fp32_add(QNAN, ONE, &arm), 0x7fc00000);
}

TEST(fpu_rules, default_nan)
{
    static const uint32_t expect[] = { 0x7fc00000, 0x7fc00000, 0x7fbfffff, 0x7fc00000, 0xffc00000 };

    for (unsigned rule = FP_NAN_ARM; rule <= FP_NAN_X86; rule++) {
        FpEnv env = rules_env(rule);
        EXPECT_EQ(fp32_div(0, 0, &env), expect[rule]);
        EXPECT_EQ(env.flags, FP_INVALID);
    }
}

TEST(fpu_rules, fma_inf_times_zero_plus_nan)
{
    FpEnv arm = rules_env(FP_NAN_ARM), x86 = rules_env(FP_NAN_X86);
    FpEnv mips = rules_env(FP_NAN_MIPS_2008), riscv = rules_env(FP_NAN_RISCV);

    EXPECT_EQ(fp32_fma(INF, 0, QNAN, &arm), 0x7fc00000);
    EXPECT_EQ(arm.flags, FP_INVALID);
    EXPECT_EQ(fp32_fma(INF, 0, QNAN, &x86), QNAN);
    EXPECT_EQ(x86.flags, 0);
    EXPECT_EQ(fp32_fma(INF, 0, QNAN, &mips), QNAN);
    EXPECT_EQ(mips.flags, FP_INVALID);
    EXPECT_EQ(fp32_fma(INF, 0, QNAN, &riscv), 0x7fc00000);
    EXPECT_EQ(riscv.flags, FP_INVALID);
}

TEST(fpu_rules, minima)
{
    FpEnv arm = rules_env(FP_NAN_ARM), x86 = rules_env(FP_NAN_X86);
    FpEnv riscv = rules_env(FP_NAN_RISCV);

    EXPECT_EQ(fp32_min(0, MINUS, &arm), MINUS);
    EXPECT_EQ(fp32_max(MINUS, 0, &arm), 0);
    EXPECT_EQ(fp32_minnum(QNAN, ONE, &arm), ONE);
    EXPECT_EQ(fp32_min(QNAN, ONE, &arm), QNAN);
    EXPECT_EQ(arm.flags, 0);
    EXPECT_EQ(fp32_minnum(SNAN, ONE, &arm), 0x7fc00001);
    EXPECT_EQ(arm.flags, FP_INVALID);
    EXPECT_EQ(fp32_min(MINUS, 0, &x86), 0); /* MINSS: the second of two zeros */
    EXPECT_EQ(x86.flags, 0);
    EXPECT_EQ(fp32_min(QNAN, ONE, &x86), ONE);
    EXPECT_EQ(fp32_min(ONE, SNAN, &x86), SNAN);
    EXPECT_EQ(x86.flags, FP_INVALID);
    EXPECT_EQ(fp32_minnum(SNAN, ONE, &riscv), ONE);
    EXPECT_EQ(riscv.flags, FP_INVALID);
    EXPECT_EQ(fp32_maxnum(SNAN, QNAN, &riscv), 0x7fc00000);
}

TEST(fpu_rules, invalid_to_int)
{
    static const struct {
        FpNanRule rule;
        uint64_t nan, low, high, nan_unsigned, low_unsigned;
    } expect[] = {
        { FP_NAN_ARM, 0, -1ull << 31, INT32_MAX, 0, 0 },
        { FP_NAN_MIPS_2008, 0, -1ull << 31, INT32_MAX, 0, 0 },
        { FP_NAN_RISCV, INT32_MAX, -1ull << 31, INT32_MAX, UINT32_MAX, 0 },
        { FP_NAN_MIPS_LEGACY, INT32_MAX, INT32_MAX, INT32_MAX, UINT32_MAX, UINT32_MAX },
        { FP_NAN_X86, -1ull << 31, -1ull << 31, -1ull << 31, UINT32_MAX, UINT32_MAX },
    };

    for (unsigned i = 0; i < sizeof(expect) / sizeof(expect[0]); i++) {
        FpEnv env = rules_env(expect[i].rule);
        EXPECT_EQ(fp32_to_sint(QNAN | MINUS, 32, 0, FP_RTZ, &env), expect[i].nan);
        EXPECT_EQ(fp32_to_sint(INF | MINUS, 32, 0, FP_RTZ, &env), expect[i].low);
        EXPECT_EQ(fp32_to_sint(0x4f000000, 32, 0, FP_RTZ, &env), expect[i].high);
        EXPECT_EQ(fp32_to_uint(QNAN, 32, 0, FP_RTZ, &env), expect[i].nan_unsigned);
        EXPECT_EQ(fp32_to_uint(ONE | MINUS, 32, 0, FP_RTZ, &env), expect[i].low_unsigned);
        EXPECT_EQ(env.flags, FP_INVALID);
    }
}

TEST(fpu_rules, flushing)
{
    FpEnv env = { .flush_inputs = true, .flush_outputs = true };
    FpEnv half = { .flush_inputs16 = true, .flush_outputs16 = true };

    EXPECT_EQ(fp32_add(1, ONE, &env), ONE);
    EXPECT_EQ(env.flags, FP_INPUT_DENORMAL);
    env.flags = 0;
    EXPECT_EQ(fp32_mul(0x80800001, 0x3f000000, &env), MINUS);
    EXPECT_EQ(env.flags, FP_UNDERFLOW);
    env.flush_inexact = true;
    EXPECT_EQ(fp32_mul(0x80800001, 0x3f000000, &env), MINUS);
    EXPECT_EQ(env.flags, FP_UNDERFLOW | FP_INEXACT);
    EXPECT_EQ(fp16_add(1, 0x3c00, &half), 0x3c00);
    EXPECT_EQ(half.flags, 0);
    EXPECT_EQ(fp16_to_fp32(1, &half), 0x33800000); /* FZ16 has no say in conversions */
}

TEST(fpu_rules, tininess)
{
    FpEnv before = { 0 }, after = { .tiny_after_rounding = true };

    /* The least normal times (1 - 2^-46): it rounds up to the least normal. */
    EXPECT_EQ(fp32_mul(0x3f7ffffe, 0x00800001, &before), 0x00800000);
    EXPECT_EQ(before.flags, FP_UNDERFLOW | FP_INEXACT);
    EXPECT_EQ(fp32_mul(0x3f7ffffe, 0x00800001, &after), 0x00800000);
    EXPECT_EQ(after.flags, FP_INEXACT);
}

TEST(fpu_rules, alternative_half)
{
    FpEnv env = { .alt_half = true };

    EXPECT_EQ(fp16_to_fp32(0x7c00, &env), 0x47800000); /* 65536 */
    EXPECT_EQ(env.flags, 0);
    EXPECT_EQ(fp32_to_fp16(INF | MINUS, &env), 0xffff);
    EXPECT_EQ(env.flags, FP_INVALID);
    EXPECT_EQ(fp32_to_fp16(QNAN, &env), 0);
}

TEST(fpu_rules, javascript)
{
    FpEnv env = { 0 };
    bool exact;

    EXPECT_EQ(fp64_to_int32_js(0x41f0000000100000, &exact, &env), 1); /* 2^32 + 1 */
    EXPECT(!exact);
    EXPECT_EQ(env.flags, FP_INVALID);
    EXPECT_EQ(fp64_to_int32_js(0xc008000000000000, &exact, &env), -3u);
    EXPECT(exact);
    EXPECT_EQ(fp64_to_int32_js(1ull << 63, &exact, &env), 0);
    EXPECT(!exact);
    env = (FpEnv){ .flush_inputs = true };
    EXPECT_EQ(fp64_to_int32_js(1, &exact, &env), 0); /* a flushed subnormal is not exact */
    EXPECT(!exact);
    EXPECT_EQ(env.flags, FP_INPUT_DENORMAL);
}

TEST(fpu_rules, estimates)
{
    FpEnv env = { 0 };

    EXPECT_EQ(fp32_recip_estimate(ONE, &env), 0x3f7f8000);
    EXPECT_EQ(fp32_rsqrt_estimate(ONE, &env), 0x3f7f8000);
    EXPECT_EQ(fp32_recpx(ONE, &env), 0x40000000);
    EXPECT_EQ(env.flags, 0);
    EXPECT_EQ(fp32_recip_estimate(MINUS, &env), INF | MINUS);
    EXPECT_EQ(env.flags, FP_DIVZERO);
    EXPECT_EQ(fp_urecpe(1u << 31), 0xff800000);
    EXPECT_EQ(fp_ursqrte(0), UINT32_MAX);
}

TEST(fpu_rules, bf16_dot)
{
    uint32_t acc[4] = { ONE, 0, 0, ONE }, a[4] = { 0x3f803f80, 0x3f803f80, 0x40004000, 0 };

    EXPECT_EQ(fp_bfdot(ONE, 0x40003f80, 0x40403f80), 0x41000000); /* 1 + (1 * 1 + 2 * 3) */
    EXPECT_EQ(fp_bfdot(ONE, 0x7f800000, 0), 0x7fc00000);
    fp_bfmmla(acc, a, a);
    EXPECT_EQ(acc[0], 0x40a00000); /* 1 + 4 */
    EXPECT_EQ(acc[1], 0x40800000);
    EXPECT_EQ(acc[3], 0x41100000); /* 1 + 8 */
}
