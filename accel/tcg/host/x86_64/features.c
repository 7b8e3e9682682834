/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host CPU offers, and the tiers that hide part of it.
 * Spec: Intel SDM vol. 2A, CPUID (leaves 1, 7, 80000001H); vol. 1, 14.3 and 15.2 (XGETBV); the
 * tiers are the microarchitecture levels of the x86-64 psABI, 3.1.1.
 */
#include "accel/tcg/host/x86_64/x64-priv.h"

#include <cpuid.h>
#include <string.h>

/* State that the operating system must have enabled in XCR0 for an instruction to work. */
enum { XCR0_NONE = 0, XCR0_AVX = 0x6, XCR0_AVX512 = 0xe6 };

typedef enum X64Tier { TIER_V2, TIER_V3, TIER_V4, TIER_MAX } X64Tier;

typedef struct X64FeatureRow {
    const char *name;
    uint16_t offset; /* of the bool in X64Features */
    uint8_t tier;    /* hidden below it; TIER_V3 and TIER_V4 rows are what these tiers demand */
    uint8_t reg;     /* 'c': leaf 1 ECX; 'B', 'C': leaf 7 EBX, ECX; 'x': leaf 80000001H ECX */
    uint8_t xcr0;
    uint32_t mask;
} X64FeatureRow;

#define ROW(field, tier, reg, xcr0, mask)                           \
    {                                                               \
#field, offsetof(X64Features, field), tier, reg, xcr0, mask \
    }

static const X64FeatureRow x64_feature[] = {
    ROW(aes, TIER_V2, 'c', XCR0_NONE, bit_AES),
    ROW(pclmul, TIER_V2, 'c', XCR0_NONE, bit_PCLMUL),
    ROW(sha, TIER_V2, 'B', XCR0_NONE, bit_SHA),
    ROW(avx, TIER_V3, 'c', XCR0_AVX, bit_AVX),
    ROW(avx2, TIER_V3, 'B', XCR0_AVX, bit_AVX2),
    /* VEX-coded, so they need what AVX needs */
    ROW(bmi1, TIER_V3, 'B', XCR0_AVX, bit_BMI),
    ROW(bmi2, TIER_V3, 'B', XCR0_AVX, bit_BMI2),
    ROW(f16c, TIER_V3, 'c', XCR0_AVX, bit_F16C),
    ROW(fma, TIER_V3, 'c', XCR0_AVX, bit_FMA),
    ROW(lzcnt, TIER_V3, 'x', XCR0_NONE, bit_LZCNT),
    ROW(movbe, TIER_V3, 'c', XCR0_NONE, bit_MOVBE),
    ROW(avx512f, TIER_V4, 'B', XCR0_AVX512, bit_AVX512F),
    ROW(avx512bw, TIER_V4, 'B', XCR0_AVX512, bit_AVX512BW),
    ROW(avx512cd, TIER_V4, 'B', XCR0_AVX512, bit_AVX512CD),
    ROW(avx512dq, TIER_V4, 'B', XCR0_AVX512, bit_AVX512DQ),
    ROW(avx512vl, TIER_V4, 'B', XCR0_AVX512, bit_AVX512VL),
    ROW(gfni, TIER_MAX, 'C', XCR0_AVX, bit_GFNI),
    ROW(vbmi, TIER_MAX, 'C', XCR0_AVX512, bit_AVX512VBMI),
    ROW(vbmi2, TIER_MAX, 'C', XCR0_AVX512, bit_AVX512VBMI2),
    ROW(vnni, TIER_MAX, 'C', XCR0_AVX512, bit_AVX512VNNI),
    ROW(bitalg, TIER_MAX, 'C', XCR0_AVX512, bit_AVX512BITALG),
};

#undef ROW

static bool *x64_feature_at(X64Features *f, const X64FeatureRow *row)
{
    return (bool *)((char *)f + row->offset);
}

static uint64_t x64_xcr0(void)
{
    uint32_t lo, hi;

    __asm__("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
    return lo | (uint64_t)hi << 32;
}

void x64_features_read(X64Features *f, bool *usable)
{
    unsigned a, b, c, d, leaf1, ebx7 = 0, ecx7 = 0, ext = 0;
    uint64_t xcr0 = 0;

    *f = (X64Features){ 0 };
    *usable = false;
    if (!__get_cpuid(1, &a, &b, &leaf1, &d)) {
        return;
    }
    *usable = (leaf1 & bit_SSE4_2) && (leaf1 & bit_POPCNT) && (leaf1 & bit_CMPXCHG16B);
    if (leaf1 & bit_OSXSAVE) {
        xcr0 = x64_xcr0();
    }
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        ebx7 = b;
        ecx7 = c;
    }
    if (__get_cpuid(0x80000001, &a, &b, &c, &d)) {
        ext = c;
    }
    for (size_t n = 0; n < G_N_ELEMENTS(x64_feature); n++) {
        const X64FeatureRow *row = &x64_feature[n];
        unsigned bits = row->reg == 'c'   ? leaf1
                        : row->reg == 'B' ? ebx7
                        : row->reg == 'C' ? ecx7
                                          : ext;

        *x64_feature_at(f, row) = (bits & row->mask) && (xcr0 & row->xcr0) == row->xcr0;
    }
    x64_features_derive(f);
}

void x64_features_derive(X64Features *f)
{
    f->avx512 = f->avx2 && f->avx512f && f->avx512bw && f->avx512dq && f->avx512vl && f->avx512cd;
    /* 128-bit EVEX forms of these need VL too; one word tells */
    f->vbmi = f->vbmi && f->avx512;
    f->vbmi2 = f->vbmi2 && f->avx512;
    f->vnni = f->vnni && f->avx512;
    f->bitalg = f->bitalg && f->avx512;
}

bool x64_features_limit(X64Features *f, const char *tier, GError **err)
{
    static const char *const names[] = { "v2", "v3", "v4", "max" };
    unsigned want = TIER_V2;

    if (!tier) {
        return true;
    }
    while (want <= TIER_MAX && strcmp(tier, names[want])) {
        want++;
    }
    if (want > TIER_MAX) {
        g_set_error(err, g_quark_from_static_string("tcg"), 0,
                    "-accel tcg: host-cpu=%s is not known; valid: v2, v3, v4, max", tier);
        return false;
    }
    for (size_t n = 0; n < G_N_ELEMENTS(x64_feature); n++) {
        const X64FeatureRow *row = &x64_feature[n];
        bool *have = x64_feature_at(f, row);

        if (want < TIER_MAX && row->tier > TIER_V2 && row->tier <= want && !*have) {
            g_set_error(err, g_quark_from_static_string("tcg"), 0,
                        "-accel tcg: host-cpu=%s needs %s, which this host lacks; "
                        "host-cpu=max uses what there is",
                        tier, row->name);
            return false;
        }
        *have = *have && row->tier <= want;
    }
    x64_features_derive(f);
    return true;
}
