/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pointer authentication.
 * Spec: Arm ARM DDI 0487, D8.10 and J1 (AddPAC, Auth, Strip, ComputePAC); R. Avanzi, "The QARMA
 * Block Cipher Family", IACR ToSC 2017(1).
 */
#include "target/arm/pauth.h"

#include "target/arm/a64.h"
#include "target/arm/helper.h"
#include "target/arm/mmu.h"

/* ---- QARMA-64: a state is 16 cells of 4 bits, cell 0 in the top bits ---- */

enum { QARMA_CELLS = 16, QARMA_ROUNDS_MAX = 8 };

#define QARMA_ALPHA 0xc0ac29b7c97c50ddull

static const uint64_t qarma_constant[QARMA_ROUNDS_MAX] = {
    0x0000000000000000, 0x13198a2e03707344, 0xa4093822299f31d0, 0x082efa98ec4e6c89,
    0x452821e638d01377, 0xbe5466cf34e90c6c, 0x3f84d5b5b5470917, 0x9216d5d98979fb1b,
};

static const uint8_t qarma_sigma[16] = {
    11, 6, 8, 15, 12, 0, 9, 14, 3, 7, 4, 5, 13, 2, 1, 10,
};
static const uint8_t qarma_tau[16] = { 0, 11, 6, 13, 10, 1, 12, 7, 5, 14, 3, 8, 15, 4, 9, 2 };
static const uint8_t qarma_h[16] = { 6, 5, 14, 15, 0, 1, 2, 3, 7, 12, 13, 4, 8, 9, 10, 11 };

/* Inverses of the first two. */
static const uint8_t qarma_sigma_back[16] = {
    5, 14, 13, 8, 10, 11, 1, 9, 2, 6, 15, 0, 4, 12, 7, 3,
};
static const uint8_t qarma_tau_back[16] = {
    0, 5, 15, 10, 13, 8, 2, 7, 11, 14, 4, 1, 6, 3, 9, 12,
};

static uint64_t qarma_sub(uint64_t s, const uint8_t *box)
{
    uint64_t r = 0;

#pragma GCC unroll 16
    for (unsigned i = 0; i < 64; i += 4) {
        r |= (uint64_t)box[s >> i & 15] << i;
    }
    return r;
}

/* Cell i of the result is cell perm[i] of @s. */
static inline __attribute__((always_inline)) uint64_t qarma_permute(uint64_t s, const uint8_t *perm)
{
    uint64_t r = 0;

#pragma GCC unroll 16
    for (unsigned i = 0; i < QARMA_CELLS; i++) {
        r |= (s >> (60 - 4 * perm[i]) & 15) << (60 - 4 * i);
    }
    return r;
}

static uint64_t qarma_rows(uint64_t s, unsigned n) /* row i := row i + n */
{
    return s << (16 * n) | s >> (64 - 16 * n);
}

/* Columns times the matrix circ(0, rho, rho^2, rho), its own inverse; rho turns a cell left. */
static uint64_t qarma_mix(uint64_t s)
{
    uint64_t once = qarma_rows(s, 1) ^ qarma_rows(s, 3), twice = qarma_rows(s, 2);

    once = (once << 1 & 0xeeeeeeeeeeeeeeee) | (once >> 3 & 0x1111111111111111);
    twice = (twice << 2 & 0xcccccccccccccccc) | (twice >> 2 & 0x3333333333333333);
    return once ^ twice;
}

/* Cells 0, 1, 3, 4, 8, 11, 13 of the tweak step through a 4-bit shift register. */
static uint64_t qarma_tweak_next(uint64_t t)
{
    const uint64_t steps = 0xff0ff000f00f0f00;
    uint64_t p = qarma_permute(t, qarma_h), v = p & steps;

    v = (v >> 1 & 0x7777777777777777) | ((v ^ v >> 1) & 0x1111111111111111) << 3;
    return (p & ~steps) | (v & steps);
}

static uint64_t qarma_forward(uint64_t s, uint64_t key, bool full)
{
    s ^= key;
    if (full) {
        s = qarma_mix(qarma_permute(s, qarma_tau));
    }
    return qarma_sub(s, qarma_sigma);
}

static uint64_t qarma_backward(uint64_t s, uint64_t key, bool full)
{
    s = qarma_sub(s, qarma_sigma_back);
    if (full) {
        s = qarma_permute(qarma_mix(s), qarma_tau_back);
    }
    return s ^ key;
}

uint64_t arm_qarma64(uint64_t data, uint64_t tweak, uint64_t hi, uint64_t lo, unsigned rounds)
{
    uint64_t w0 = hi, k0 = lo, tweaks[QARMA_ROUNDS_MAX];
    uint64_t w1 = (w0 >> 1 | w0 << 63) ^ w0 >> 63;
    uint64_t s = data ^ w0;

    DCHECK(rounds <= QARMA_ROUNDS_MAX);
    for (unsigned i = 0; i < rounds; i++) {
        tweaks[i] = tweak;
        s = qarma_forward(s, k0 ^ tweak ^ qarma_constant[i], i != 0);
        tweak = qarma_tweak_next(tweak);
    }
    s = qarma_forward(s, w1 ^ tweak, true);
    s = qarma_permute(s, qarma_tau);
    s = qarma_mix(s) ^ k0;
    s = qarma_permute(s, qarma_tau_back);
    s = qarma_backward(s, w0 ^ tweak, true);
    for (unsigned i = rounds; i-- > 0;) {
        s = qarma_backward(s, k0 ^ tweaks[i] ^ qarma_constant[i] ^ QARMA_ALPHA, i != 0);
    }
    return s ^ w1;
}

/* ---- the cheap one: two rounds of multiply and fold over the keyed inputs ---- */

static uint64_t pauth_fold(uint64_t v)
{
    return v ^ v >> 32;
}

uint64_t arm_pac_mix(uint64_t data, uint64_t modifier, uint64_t hi, uint64_t lo)
{
    uint64_t a = pauth_fold((data ^ lo) * 0x9e3779b97f4a7c15ull);
    uint64_t b = pauth_fold((modifier ^ hi) * 0xd6e8feb86659fd93ull);

    a = pauth_fold((a + (b << 23 | b >> 41)) * 0xff51afd7ed558ccdull);
    return pauth_fold((a ^ hi) * 0xc4ceb9fe1a85ec53ull);
}

static uint64_t pauth_compute(const ArmCpu *c, uint64_t data, uint64_t modifier, unsigned key)
{
    uint64_t lo = c->sys.apkey[key * 2], hi = c->sys.apkey[key * 2 + 1];

    return c->prop_pauth_impdef ? arm_pac_mix(data, modifier, hi, lo)
                                : arm_qarma64(data, modifier, hi, lo, 5);
}

/* ---- pointers ---- */

enum { PAUTH_KEY_GENERIC = 4 };

static uint64_t pauth_mask(unsigned hi, unsigned lo) /* bits hi..lo */
{
    return hi < lo ? 0 : (~0ull >> (63 - hi)) & (~0ull << lo);
}

/* Which bits hold the code of a pointer: those of the address beyond its range, without bit 55
 * and, where tags are ignored, without the tag. */
static uint64_t pauth_field(bool tbi, unsigned bottom)
{
    return pauth_mask(54, bottom) | (tbi ? 0 : pauth_mask(63, 56));
}

/* @ptr with the bits above its range copies of @sel; a tag stays. */
static uint64_t pauth_extend(uint64_t ptr, bool sel, bool tbi, unsigned bottom)
{
    uint64_t mask = pauth_mask(tbi ? 55 : 63, bottom);

    return sel ? ptr | mask : ptr & ~mask;
}

static bool pauth_is_data(uint64_t key)
{
    return key == A64_KEY_DA || key == A64_KEY_DB;
}

uint64_t arm_helper_pac(Cpu *cpu, uint64_t ptr, uint64_t modifier, uint64_t key)
{
    ArmCpu *c = arm_cpu(cpu);
    bool fetch = !pauth_is_data(key);
    bool tbi = arm_tbi(c, ptr, fetch);
    /* Where either range ignores tags bit 55 chooses the range, else bit 63. */
    bool any_tbi = arm_tbi(c, 0, fetch) || arm_tbi(c, 1ull << 55, fetch);
    bool sel = ptr >> (any_tbi ? 55 : 63) & 1;
    unsigned bottom = arm_va_bits(c, sel), top = tbi ? 55 : 63;
    uint64_t ext = pauth_extend(ptr, sel, tbi, bottom);
    uint64_t pac = pauth_compute(c, ext, modifier, (unsigned)key);
    uint64_t field = pauth_field(tbi, bottom), upper = pauth_mask(top, bottom);

    /* A pointer that is no canonical address gets a code that does not authenticate. */
    if ((ptr & upper) != 0 && (ptr & upper) != upper) {
        pac ^= 1ull << (top - 1);
    }
    ext = sel ? ext | 1ull << 55 : ext & ~(1ull << 55);
    return (ext & ~field) | (pac & field);
}

uint64_t arm_helper_aut(Cpu *cpu, uint64_t ptr, uint64_t modifier, uint64_t key)
{
    ArmCpu *c = arm_cpu(cpu);
    bool tbi = arm_tbi(c, ptr, !pauth_is_data(key));
    bool sel = ptr >> 55 & 1;
    unsigned bottom = arm_va_bits(c, sel);
    uint64_t original = pauth_extend(ptr, sel, tbi, bottom);
    uint64_t field = pauth_field(tbi, bottom);
    uint64_t pac = pauth_compute(c, original, modifier, (unsigned)key);
    unsigned shift = tbi ? 53 : 61;
    uint64_t error = key == A64_KEY_IB || key == A64_KEY_DB ? 2 : 1;

    if (((pac ^ ptr) & field) == 0) {
        return original;
    }
    return (original & ~(3ull << shift)) | error << shift;
}

uint64_t arm_helper_xpac(Cpu *cpu, uint64_t ptr, uint64_t is_data)
{
    ArmCpu *c = arm_cpu(cpu);
    bool sel = ptr >> 55 & 1;

    return pauth_extend(ptr, sel, arm_tbi(c, ptr, !is_data), arm_va_bits(c, sel));
}

uint64_t arm_helper_pacga(Cpu *cpu, uint64_t x, uint64_t y)
{
    return pauth_compute(arm_cpu(cpu), x, y, PAUTH_KEY_GENERIC) & 0xffffffff00000000ull;
}
