/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reference functions: SHA-1, SHA-256, SHA-512.
 * Spec: FIPS 180-4; Arm ARM DDI 0487, the shared functions SHAchoose, SHAhashSIGMA0 and so on.
 */
#include "accel/tcg/ir/ref-priv.h"

static uint32_t ref_rol32(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

static uint32_t ref_ror32(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static uint64_t ref_ror64(uint64_t x, unsigned n)
{
    return x >> n | x << (64 - n);
}

static uint32_t ref_choose(uint32_t x, uint32_t y, uint32_t z)
{
    return ((y ^ z) & x) ^ z;
}

static uint32_t ref_majority(uint32_t x, uint32_t y, uint32_t z)
{
    return (x & y) | ((x | y) & z);
}

/* ---- SHA-1 ---- */

void ir_ref_vsha1(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    uint32_t a = arg[0].u32[0], b = arg[0].u32[1], c = arg[0].u32[2], w = arg[0].u32[3];
    uint32_t e = arg[1].u32[0];

    for (unsigned i = 0; i < 4; i++) {
        uint32_t f = ir_desc_variant(desc) == 0   ? ref_choose(b, c, w)
                     : ir_desc_variant(desc) == 1 ? b ^ c ^ w
                                                  : ref_majority(b, c, w);
        uint32_t next = e + ref_rol32(a, 5) + f + arg[2].u32[i];

        e = w;
        w = c;
        c = ref_rol32(b, 30);
        b = a;
        a = next;
    }
    *d = (IrV128){ .u32 = { a, b, c, w } };
}

void ir_ref_vsha1su1(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    const uint32_t *a = arg[0].u32, *b = arg[1].u32;

    d->u32[0] = ref_rol32(a[0] ^ b[1], 1);
    d->u32[1] = ref_rol32(a[1] ^ b[2], 1);
    d->u32[2] = ref_rol32(a[2] ^ b[3], 1);
    d->u32[3] = ref_rol32(a[3], 1) ^ ref_rol32(a[0] ^ b[1], 2);
}

/* ---- SHA-256 ---- */

void ir_ref_vsha256h(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    bool second = ir_desc_variant(desc) & 1;
    IrV128 x = second ? arg[1] : arg[0], y = second ? arg[0] : arg[1];

    for (unsigned i = 0; i < 4; i++) {
        uint32_t e = y.u32[0], a = x.u32[0];
        uint32_t t = y.u32[3] + ref_choose(e, y.u32[1], y.u32[2]) + arg[2].u32[i] +
                     (ref_ror32(e, 6) ^ ref_ror32(e, 11) ^ ref_ror32(e, 25));
        uint32_t new_e = x.u32[3] + t;
        uint32_t new_a = t + ref_majority(a, x.u32[1], x.u32[2]) +
                         (ref_ror32(a, 2) ^ ref_ror32(a, 13) ^ ref_ror32(a, 22));

        x = (IrV128){ .u32 = { new_a, a, x.u32[1], x.u32[2] } };
        y = (IrV128){ .u32 = { new_e, e, y.u32[1], y.u32[2] } };
    }
    *d = second ? y : x;
}

void ir_ref_vsha256su0(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    for (unsigned i = 0; i < 4; i++) {
        uint32_t x = i < 3 ? arg[0].u32[i + 1] : arg[1].u32[0];

        d->u32[i] = arg[0].u32[i] + (ref_ror32(x, 7) ^ ref_ror32(x, 18) ^ x >> 3);
    }
}

void ir_ref_vsha256su1(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    for (unsigned i = 0; i < 4; i++) {
        uint32_t x = i < 2 ? arg[2].u32[i + 2] : d->u32[i - 2];
        uint32_t w = i < 3 ? arg[1].u32[i + 1] : arg[2].u32[0];

        d->u32[i] = arg[0].u32[i] + w + (ref_ror32(x, 17) ^ ref_ror32(x, 19) ^ x >> 10);
    }
}

/* ---- SHA-512 ---- */

void ir_ref_vsha512h(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    const uint64_t *w = arg[0].u64, *x = arg[1].u64, *y = arg[2].u64;

    if (ir_desc_variant(desc) & 1) {
        uint64_t a = y[0], b = x[0], c = y[1];
        uint64_t sigma = ref_ror64(a, 28) ^ ref_ror64(a, 34) ^ ref_ror64(a, 39);
        uint64_t hi = ((b & c) ^ (b & a) ^ (a & c)) + sigma + w[1];

        sigma = ref_ror64(hi, 28) ^ ref_ror64(hi, 34) ^ ref_ror64(hi, 39);
        d->u64[0] = ((hi & a) ^ (hi & c) ^ (a & c)) + sigma + w[0];
        d->u64[1] = hi;
        return;
    }

    uint64_t sigma = ref_ror64(y[1], 14) ^ ref_ror64(y[1], 18) ^ ref_ror64(y[1], 41);
    uint64_t hi = ((y[1] & x[0]) ^ (~y[1] & x[1])) + sigma + w[1];
    uint64_t t = hi + y[0];

    sigma = ref_ror64(t, 14) ^ ref_ror64(t, 18) ^ ref_ror64(t, 41);
    d->u64[0] = ((t & y[1]) ^ (~t & x[0])) + sigma + w[0];
    d->u64[1] = hi;
}

void ir_ref_vsha512su0(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    for (unsigned i = 0; i < 2; i++) {
        uint64_t x = i == 0 ? arg[0].u64[1] : arg[1].u64[0];

        d->u64[i] = arg[0].u64[i] + (ref_ror64(x, 1) ^ ref_ror64(x, 8) ^ x >> 7);
    }
}

void ir_ref_vsha512su1(IrV128 *d, const IrV128 *arg, IrDesc desc, IrFpState *st)
{
    for (unsigned i = 0; i < 2; i++) {
        uint64_t x = arg[1].u64[i];

        d->u64[i] = arg[0].u64[i] + arg[2].u64[i] + (ref_ror64(x, 19) ^ ref_ror64(x, 61) ^ x >> 6);
    }
}
