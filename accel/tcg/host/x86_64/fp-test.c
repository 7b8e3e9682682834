/* SPDX-License-Identifier: Apache-2.0 */
/* Where the host's unit answers, the reference function gives the same result and no other flag. */
#include "accel/tcg/host/x86_64/x64-fp.h"

#include "tests/unit.h"

static uint64_t fp_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed ^ *seed >> 29;
}

/* Values near the limits of the format, zeros, infinities and NaNs among them. */
static uint64_t fp_operand(uint64_t *seed, unsigned esize)
{
    static const uint64_t special[] = {
        0x0000000000000000, 0x0000000000000001, 0x000fffffffffffff, 0x0010000000000000,
        0x0010000000000001, 0x3ff0000000000000, 0x4008000000000000, 0x41dfffffffc00000,
        0x43e0000000000000, 0x7fefffffffffffff, 0x7ff0000000000000, 0x7ff8000000000000,
        0x7ff0000000000001, 0x1ff0000000000000, 0x5ff0000000000000
    };
    static const uint32_t special32[] = { 0x00000000, 0x00000001, 0x007fffff, 0x00800000,
                                          0x00800001, 0x3f800000, 0x40400000, 0x4effffff,
                                          0x5f000000, 0x7f7fffff, 0x7f800000, 0x7fc00000,
                                          0x7f800001, 0x1f800000, 0x5f800000 };
    uint64_t r = fp_random(seed), sign = r >> 40 & 1;

    switch (r % 3) {
    case 0:
        return esize == 3 ? special[r / 3 % 15] ^ sign << 63 : special32[r / 3 % 15] ^ sign << 31;
    case 1: /* moderate */
        return esize == 3 ? (r & 0x800fffffffffffff) | (0x3f0 + (r >> 52 & 31)) << 52
                          : (r & 0x807fffff) | (120 + (r >> 32 & 15)) << 23;
    default:
        return fp_random(seed);
    }
}

TEST(x64_fp, agrees_with_the_reference)
{
    static const uint16_t ops[] = { IR_VFADD, IR_VFSUB, IR_VFMUL, IR_VFDIV, IR_VFSQRT,
                                    IR_VFMA,  IR_VFTOI, IR_VITOF, IR_VFCVT };
    uint64_t seed = 3;
    unsigned fast = 0, wrong = 0;

    for (unsigned n = 0; n < 90000; n++) {
        unsigned op = ops[n % 9], esize = 2 + (n / 9 & 1), variant = 0;
        IrWidth width = n / 18 & 1 ? IR_W128 : IR_SCALAR;
        IrFpState st = { .env = { .flags = FP_INEXACT } };
        IrV128 arg[4] = { 0 }, quick, exact;

        for (unsigned k = 0; k < 3; k++) {
            for (unsigned i = 0; i < 2; i++) {
                arg[k].u64[i] = esize == 3 || op == IR_VFCVT
                                    ? fp_operand(&seed, op == IR_VFCVT ? 5 - esize : esize)
                                    : fp_operand(&seed, 2) | fp_operand(&seed, 2) << 32;
            }
        }
        if (op == IR_VFMA) {
            variant = fp_random(&seed) & 3;
        } else if (op == IR_VFTOI || op == IR_VITOF) {
            variant = 1 | (width == IR_SCALAR ? 2 + (n / 36 & 1) : esize) << 1;
        } else if (op == IR_VFCVT) {
            variant = 5 - esize;
        }

        IrDesc d = ir_desc_with_variant(ir_desc(esize, width), variant);

        d = op == IR_VFTOI ? ir_desc_with_round(d, FP_RTZ) : d;
        if (!x64_fp_fast(op, d, &quick, arg, &st)) {
            continue;
        }
        fast++;
        ir_ref_fn[op](&exact, arg, d, &st);
        if (quick.u64[0] != exact.u64[0] || quick.u64[1] != exact.u64[1] ||
            st.env.flags != FP_INEXACT) {
            wrong++;
        }
    }
    EXPECT_EQ(wrong, 0);
    EXPECT(fast > 20000);
}

TEST(x64_fp, compares_as_the_reference)
{
    uint64_t seed = 5;
    unsigned fast = 0;

    for (unsigned n = 0; n < 5000; n++) {
        unsigned esize = 2 + (n & 1);
        IrV128 a = { .u64 = { fp_operand(&seed, esize) } };
        IrV128 b = { .u64 = { n % 5 ? fp_operand(&seed, esize) : a.u64[0] } };
        IrFpState st = { 0 };
        int nzcv = x64_fp_fast_compare(&a, &b, esize, &st);

        if (nzcv >= 0) {
            fast++;
            EXPECT_EQ(nzcv, ir_ref_fcmp(&a, &b, esize, true, &st));
            EXPECT_EQ(st.env.flags, 0);
        }
    }
    EXPECT(fast > 2000);
}

/* Modes in which the host's unit must not be asked. */
TEST(x64_fp, leaves_other_modes_alone)
{
    IrV128 arg[2] = { { .u64 = { 0x3ff0000000000000 } }, { .u64 = { 0x3ff0000000000000 } } }, d;
    IrFpState st = { .env = { .flags = FP_INEXACT } };
    IrDesc desc = ir_desc(3, IR_SCALAR);

    EXPECT(x64_fp_fast(IR_VFADD, desc, &d, arg, &st));
    EXPECT_EQ(d.u64[0], 0x4000000000000000);
    st.env.round = FP_RUP;
    EXPECT(!x64_fp_fast(IR_VFADD, desc, &d, arg, &st));
    st.env.round = FP_RNE;
    st.env.flush_inputs = true;
    EXPECT(!x64_fp_fast(IR_VFADD, desc, &d, arg, &st));
    EXPECT_EQ(x64_fp_fast_compare(&arg[0], &arg[1], 3, &st), -1);
    st.env.flush_inputs = false;
    st.env.flags = 0;
    EXPECT(!x64_fp_fast(IR_VFADD, desc, &d, arg, &st));
}
