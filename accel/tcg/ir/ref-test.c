/* SPDX-License-Identifier: Apache-2.0 */
/* Reference functions of vector operations against published and computed values. */
#include "accel/tcg/ir/ir-ref.h"

#include "tests/unit.h"

static IrV128 call(IrOpcode op, IrDesc d, IrV128 a, IrV128 b, IrV128 c, IrFpState *st)
{
    IrFpState own = { 0 };
    IrV128 arg[4] = { a, b, c }, r;

    ir_ref_fn[op](&r, arg, d, st ? st : &own);
    return r;
}

static IrV128 v32(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
    return (IrV128){ .u32 = { a, b, c, d } };
}

static IrV128 v64(uint64_t lo, uint64_t hi)
{
    return (IrV128){ .u64 = { lo, hi } };
}

static IrV128 bytes(const char *hex)
{
    IrV128 v = { 0 };

    for (int i = 0; i < 32; i++) {
        int digit = hex[i] <= '9' ? hex[i] - '0' : hex[i] - 'a' + 10;
        v.u8[i / 2] = v.u8[i / 2] << 4 | digit;
    }
    return v;
}

#define EXPECT_V(v, lo, hi)       \
    do {                          \
        IrV128 v_ = (v);          \
        EXPECT_EQ(v_.u64[0], lo); \
        EXPECT_EQ(v_.u64[1], hi); \
    } while (0)

static const IrV128 none;

static uint64_t next_random(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed ^ *seed >> 29;
}

static bool is_crypto(unsigned op)
{
    return op >= IR_VAESE && op <= IR_VSM4EKEY;
}

TEST(ir_ref, every_vector_row_has_its_function)
{
    for (unsigned op = 1; op < IR_N_OPS; op++) {
#define IR_OP(name, result, args, effects, doc) \
    if (op == IR_##name) {                      \
        EXPECT(!ir_ref_fn[op]);                 \
    }
#define IR_VOP(name, reference, args, effects, doc) \
    if (op == IR_##name) {                          \
        EXPECT(ir_ref_fn[op] == reference);         \
    }
#include "accel/tcg/ir/ops.def"
#undef IR_OP
#undef IR_VOP
    }
}

/* The rule of ops.def: zeros beyond the width. */
TEST(ir_ref, results_end_at_their_width)
{
    uint64_t seed = 7;

    for (unsigned op = 1; op < IR_N_OPS; op++) {
        bool whole = op == IR_VINSLANE || op == IR_VMMLA || op == IR_VBFMMLA || is_crypto(op);

        if (!ir_ref_fn[op] || whole) {
            continue;
        }
        for (unsigned n = 0; n < 64; n++) {
            unsigned esize = op == IR_VPMULL ? 1 : 2;
            IrV128 a = v64(next_random(&seed), next_random(&seed));
            IrV128 b = v64(next_random(&seed), next_random(&seed));
            IrV128 c = v64(next_random(&seed), next_random(&seed));
            /* FTOI, ITOF: integers of 32 bits; FCVT: from half. */
            unsigned variant = op == IR_VFTOI || op == IR_VITOF ? 4 : op == IR_VFCVT ? 1 : 0;
            IrDesc d = ir_desc_with_variant(ir_desc_imm(esize, IR_W64, 1), variant);

            if (op != IR_VPMULL) {
                EXPECT_EQ(call(op, d, a, b, c, NULL).u64[1], 0);
                d = ir_desc_with_variant(ir_desc_imm(esize, IR_SCALAR, 1), variant);
            }
            if (op != IR_VFJCVTZS && op != IR_VPMULL) {
                IrV128 r = call(op, d, a, b, c, NULL);

                EXPECT_EQ(r.u64[1] | r.u64[0] >> 32, 0);
            }
        }
    }
}

TEST(ir_ref, integers)
{
    IrDesc d8 = ir_desc(0, IR_W128), d32 = ir_desc(2, IR_W128);
    IrFpState st = { 0 };
    IrV128 top = v64(0x7f80ff0001807fff, 0);

    EXPECT_V(call(IR_VADD, d8, top, v64(0x0101010101010101, 0), none, NULL), 0x8081000102818000, 0);
    EXPECT_V(call(IR_VCMP, ir_desc_with_variant(d8, IR_GTS), top, none, none, NULL),
             0xff000000ff00ff00, 0);
    EXPECT_V(call(IR_VCMP, ir_desc_with_variant(d8, IR_GTU), top, none, none, NULL),
             0xffffff00ffffffff, 0);
    EXPECT_V(call(IR_VQADD, ir_desc_with_variant(d8, 1), v64(0x01, 0), v64(0x02, 0), none, &st), 3,
             0);
    EXPECT(!st.saturated);
    EXPECT_V(call(IR_VQADD, ir_desc_with_variant(d8, 1), v64(0x807f, 0), v64(0xff01, 0), none, &st),
             0x807f, 0);
    EXPECT(st.saturated);
    EXPECT_V(call(IR_VQSUB, d8, v64(0x05, 0), v64(0x06, 0), none, NULL), 0, 0);
    EXPECT_V(
        call(IR_VHADD, ir_desc_with_variant(d8, 3), v64(0x80ff, 0), v64(0x8000, 0), none, NULL),
        0x8000, 0);
    EXPECT_V(call(IR_VABD, ir_desc_with_variant(d8, 1), v64(0x80, 0), v64(0x7f, 0), none, NULL),
             0xff, 0);
    EXPECT_V(call(IR_VQDMULH, ir_desc(1, IR_W128), v64(0x8000, 0), v64(0x8000, 0), none, NULL),
             0x7fff, 0);
    EXPECT_V(call(IR_VMULL, ir_desc_with_variant(ir_desc(3, IR_W128), 1), v32(-2, 3, 5, 7),
                  v32(4, -6, 0, 0), none, NULL),
             -8, -18);
    EXPECT_V(call(IR_VPMULL, ir_desc(3, IR_W128), v64(UINT64_MAX, 0), v64(3, 0), none, NULL), 1, 1);
    EXPECT_V(call(IR_VDOT, ir_desc_with_variant(d32, 2), v32(1, 0, 0, 0), v32(0xff, 0, 0, 0),
                  v32(0xff, 0, 0, 0), NULL),
             (uint32_t)(1 - 255), 0);
}

TEST(ir_ref, shifts)
{
    IrDesc d16 = ir_desc(1, IR_W64);
    IrFpState st = { 0 };

    EXPECT_V(call(IR_VSARI, d16 | 16 << 16, v64(0x80007fff, 0), none, none, NULL), 0xffff0000, 0);
    EXPECT_V(call(IR_VSHRI, d16 | 16 << 16, v64(0x80007fff, 0), none, none, NULL), 0, 0);
    EXPECT_V(call(IR_VRSHRI, d16 | 16 << 16, v64(0x80007fff, 0), none, none, NULL), 0x10000, 0);
    EXPECT_V(
        call(IR_VRSHRI, ir_desc_with_variant(d16, 1) | 1 << 16, v64(0x7fff, 0), none, none, NULL),
        0x4000, 0);
    EXPECT_V(call(IR_VSHLV, d16, v64(0xffff00ff, 0), v64(0xfff0ff04, 0), none, NULL), 0xff0, 0);
    EXPECT_V(call(IR_VQSHLV, ir_desc_with_variant(d16, 5), v64(0xffff, 0), v64(1, 0), none, &st), 0,
             0);
    EXPECT(st.saturated);
    EXPECT_V(call(IR_VQSHLV, ir_desc(3, IR_SCALAR), v64(1, 0), v64(63, 0), none, NULL), 1ull << 63,
             0);
    EXPECT_V(call(IR_VQSHLV, ir_desc(3, IR_SCALAR), v64(1, 0), v64(64, 0), none, NULL), UINT64_MAX,
             0);
    EXPECT_V(call(IR_VQNARROW, ir_desc_with_variant(ir_desc(0, IR_W64), 2),
                  v64(0x01007fff8000ffff, 0x00ff00fe00010000), none, none, NULL),
             0xfffe0100ffff0000, 0);
}

TEST(ir_ref, permutations)
{
    IrV128 a = v64(0x0706050403020100, 0x0f0e0d0c0b0a0908);
    IrV128 b = v64(0x1716151413121110, 0x1f1e1d1c1b1a1918);
    IrDesc d = ir_desc(0, IR_W128), d64 = ir_desc(0, IR_W64);

    EXPECT_V(call(IR_VZIP, d, a, b, none, NULL), 0x1303120211011000, 0x1707160615051404);
    EXPECT_V(call(IR_VZIP, ir_desc_with_variant(d64, 1), a, b, none, NULL), 0x1707160615051404, 0);
    EXPECT_V(call(IR_VUZP, ir_desc_with_variant(d, 1), a, b, none, NULL), 0x0f0d0b0907050301,
             0x1f1d1b1917151311);
    EXPECT_V(call(IR_VUZP, d64, a, b, none, NULL), 0x1614121006040200, 0);
    EXPECT_V(call(IR_VTRN, ir_desc(2, IR_W128), a, b, none, NULL), 0x1312111003020100,
             0x1b1a19180b0a0908);
    EXPECT_V(call(IR_VEXT, d64 | 3 << 16, a, b, none, NULL), 0x1211100706050403, 0);
    EXPECT_V(call(IR_VREV, ir_desc_with_variant(ir_desc(1, IR_W128), 3), a, none, none, NULL),
             0x0100030205040706, 0x09080b0a0d0c0f0e);
    EXPECT_V(call(IR_VTBX, d64 | 16 << 16, a, b, v64(0x1f10200f, 0), NULL), 0x070605041f100100, 0);
    EXPECT_V(call(IR_VINSLANE, ir_desc_imm(2, IR_W128, 1 | 2 << 8), a, b, none, NULL),
             0x1b1a191803020100, 0x0f0e0d0c0b0a0908);
}

TEST(ir_ref, floating_point)
{
    IrFpState st = { 0 };
    IrDesc s = ir_desc(2, IR_SCALAR), d = ir_desc(3, IR_SCALAR);

    EXPECT_V(call(IR_VFADD, s, v32(0x3f800000, 1, 1, 1), v32(0x40000000, 1, 1, 1), none, &st),
             0x40400000, 0);
    EXPECT_EQ(st.env.flags, 0);
    /* 2 - 3 * 1; the sign of the product, then of the addend */
    EXPECT_V(call(IR_VFMA, ir_desc_with_variant(s, 1), v32(0x40000000, 0, 0, 0),
                  v32(0x40400000, 0, 0, 0), v32(0x3f800000, 0, 0, 0), &st),
             0xbf800000, 0);
    EXPECT_V(call(IR_VFMA, ir_desc_with_variant(s, 2), v32(0x40000000, 0, 0, 0),
                  v32(0x40400000, 0, 0, 0), v32(0x3f800000, 0, 0, 0), &st),
             0x3f800000, 0);
    EXPECT_EQ(st.env.flags, 0);
    /* -1.5 to a 64-bit integer, by each rounding */
    EXPECT_V(call(IR_VFTOI, ir_desc_with_round(ir_desc_with_variant(s, 7), FP_RTZ),
                  v32(0xbfc00000, 0, 0, 0), none, none, &st),
             -1, 0);
    EXPECT_V(call(IR_VFTOI, ir_desc_with_round(ir_desc_with_variant(s, 7), FP_RDN),
                  v32(0xbfc00000, 0, 0, 0), none, none, &st),
             -2, 0);
    EXPECT_EQ(st.env.flags, FP_INEXACT);
    EXPECT_V(
        call(IR_VITOF, ir_desc_with_variant(d, 5) | 1 << 16, v32(-3, 9, 9, 9), none, none, NULL),
        0xbff8000000000000, 0);
    EXPECT_V(call(IR_VFCVT, ir_desc_with_variant(ir_desc(3, IR_W128), 2 | 4),
                  v32(0, 0, 0x3f800000, 0xc0000000), none, none, NULL),
             0x3ff0000000000000, 0xc000000000000000);
    st.env.flags = 0;
    EXPECT_EQ(ir_ref_fcmp(&(IrV128){ .u64 = { 0x7ff8000000000000 } }, &none, 3, false, &st), 3);
    EXPECT_EQ(st.env.flags, 0);
    EXPECT_EQ(ir_ref_fcmp(&(IrV128){ .u64 = { 0x7ff8000000000000 } }, &none, 3, true, &st), 3);
    EXPECT_EQ(st.env.flags, FP_INVALID);
    EXPECT_EQ(ir_ref_fcmp(&none, &(IrV128){ .u64 = { 1ull << 63 } }, 3, true, &st), 6);
}

/* FIPS 197, appendix B, round 1. */
TEST(ir_ref, aes)
{
    IrDesc d = ir_desc(3, IR_W128);
    IrV128 start = bytes("193de3bea0f4e22b9ac68d2ae9f84808");
    IrV128 shifted = bytes("d4bf5d30e0b452aeb84111f11e2798e5");
    IrV128 mixed = bytes("046681e5e0cb199a48f8d37a2806264c");

    EXPECT_V(call(IR_VAESE, d, start, none, none, NULL), shifted.u64[0], shifted.u64[1]);
    EXPECT_V(call(IR_VAESD, d, shifted, none, none, NULL), start.u64[0], start.u64[1]);
    EXPECT_V(call(IR_VAESMC, d, shifted, none, none, NULL), mixed.u64[0], mixed.u64[1]);
    EXPECT_V(call(IR_VAESIMC, d, mixed, none, none, NULL), shifted.u64[0], shifted.u64[1]);
}

/* FIPS 180-4: SHA-1 of "abc". */
TEST(ir_ref, sha1)
{
    static const uint32_t k[4] = { 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6 };
    static const uint32_t variant[4] = { 0, 1, 2, 1 };
    IrDesc d = ir_desc(2, IR_W128);
    IrV128 h = v32(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476), e = v32(0xc3d2e1f0, 0, 0, 0);
    IrV128 w[20] = { v32(0x61626380, 0, 0, 0), none, none, v32(0, 0, 0, 24) };
    IrV128 first = h, first_e = e;

    for (unsigned i = 0; i < 20; i++) {
        if (i >= 4) {
            IrV128 x = call(IR_VEXT, ir_desc_imm(0, IR_W128, 8), w[i - 4], w[i - 3], none, NULL);

            x = call(IR_VXOR, d, x, w[i - 4], none, NULL);
            x = call(IR_VXOR, d, x, w[i - 2], none, NULL);
            w[i] = call(IR_VSHA1SU1, d, x, w[i - 1], none, NULL);
        }

        IrV128 sum =
            call(IR_VADD, d, w[i], v32(k[i / 5], k[i / 5], k[i / 5], k[i / 5]), none, NULL);
        IrV128 next_e = call(IR_VRORI, ir_desc_imm(2, IR_SCALAR, 2), h, none, none, NULL);

        h = call(IR_VSHA1, ir_desc_with_variant(d, variant[i / 5]), h, e, sum, NULL);
        e = next_e;
    }
    h = call(IR_VADD, d, h, first, none, NULL);
    EXPECT_V(h, 0x4706816aa9993e36, 0x7850c26cba3e2571);
    EXPECT_EQ(e.u32[0] + first_e.u32[0], 0x9cd0d89d);
}

/* GB/T 32907, annex A.1. */
TEST(ir_ref, sm4)
{
    IrDesc d = ir_desc(2, IR_W128);
    IrV128 x = v32(0x01234567, 0x89abcdef, 0xfedcba98, 0x76543210), key = x;

    key = call(IR_VXOR, d, key, v32(0xa3b1bac6, 0x56aa3350, 0x677d9197, 0xb27022dc), none, NULL);
    for (unsigned i = 0; i < 8; i++) {
        IrV128 ck;

        for (unsigned j = 0; j < 16; j++) {
            ck.u8[j ^ 3] = (16 * i + j) * 7;
        }
        key = call(IR_VSM4EKEY, d, key, ck, none, NULL);
        x = call(IR_VSM4E, d, x, key, none, NULL);
    }
    EXPECT_EQ(x.u32[3], 0x681edf34);
    EXPECT_EQ(x.u32[2], 0xd206965e);
    EXPECT_EQ(x.u32[1], 0x86b3e94f);
    EXPECT_EQ(x.u32[0], 0x536e4246);
}
