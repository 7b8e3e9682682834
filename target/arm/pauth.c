/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pointer authentication. Generated code calls this with its own values in registers
 * (IR_HELPER_KEEPS, helper.h), so it calls nothing else: it is compiled for general registers only.
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

IR_KEEPS uint64_t arm_qarma64(uint64_t data, uint64_t tweak, uint64_t hi, uint64_t lo,
                              unsigned rounds)
{
    uint64_t w0 = hi, k0 = lo, tweaks[QARMA_ROUNDS_MAX];
    uint64_t w1 = (w0 >> 1 | w0 << 63) ^ w0 >> 63;
    uint64_t s = data ^ w0;

    rounds = rounds < QARMA_ROUNDS_MAX ? rounds : QARMA_ROUNDS_MAX;
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

static inline uint64_t pauth_mix(uint64_t data, uint64_t modifier, uint64_t hi, uint64_t lo)
{
    uint64_t a = pauth_fold((data ^ lo) * 0x9e3779b97f4a7c15ull);
    uint64_t b = pauth_fold((modifier ^ hi) * 0xd6e8feb86659fd93ull);

    a = pauth_fold((a + (b << 23 | b >> 41)) * 0xff51afd7ed558ccdull);
    return pauth_fold((a ^ hi) * 0xc4ceb9fe1a85ec53ull);
}

uint64_t arm_pac_mix(uint64_t data, uint64_t modifier, uint64_t hi, uint64_t lo)
{
    return pauth_mix(data, modifier, hi, lo);
}

/* What is signed is authenticated soon: codes are remembered with all that they follow from. */
static inline uint64_t pauth_qarma(ArmCpu *c, uint64_t data, uint64_t modifier, uint64_t hi,
                                   uint64_t lo)
{
    uint64_t h = (data ^ (modifier << 29 | modifier >> 35)) * 0x9e3779b97f4a7c15ull;
    ArmPacEntry *e = &c->pac[h >> (64 - ARM_PAC_BITS)];

    if (__builtin_expect(e->data != data || e->modifier != modifier || e->lo != lo || e->hi != hi ||
                             !e->used,
                         0)) {
        *e = (ArmPacEntry){ data, modifier, hi, lo, arm_qarma64(data, modifier, hi, lo, 5), 1 };
    }
    return e->pac;
}

static inline uint64_t pauth_compute(ArmCpu *c, uint64_t data, uint64_t modifier, unsigned key)
{
    uint64_t lo = c->sys.apkey[key * 2], hi = c->sys.apkey[key * 2 + 1];

    return c->prop_pauth_impdef ? pauth_mix(data, modifier, hi, lo)
                                : pauth_qarma(c, data, modifier, hi, lo);
}

/* ---- pointers ---- */

enum { PAUTH_KEY_GENERIC = 4 };

static uint64_t pauth_mask(unsigned hi, unsigned lo) /* bits hi..lo */
{
    return hi < lo ? 0 : (~0ull >> (63 - hi)) & (~0ull << lo);
}

/* What TCR_ELx says of the tag and of the size of addresses (D8.2, D8.10.1). */
static bool pauth_tbi(uint64_t tcr, unsigned el, bool upper, bool fetch)
{
    if (el != 1) {
        return tcr >> 20 & 1 && !(fetch && tcr >> 29 & 1);
    }
    return tcr >> (upper ? 38 : 37) & 1 && !(fetch && tcr >> (upper ? 52 : 51) & 1);
}

static unsigned pauth_va_bits(const ArmCpu *c, unsigned el, bool upper)
{
    uint64_t tcr = c->sys.tcr[el];
    bool high = upper && el == 1, bad;

    return 64 - arm_clamp_tsz(c, tcr >> (high ? 16 : 0) & 63, arm_page_bits(tcr, high), &bad);
}

/* The bits above the range (bits 63..56 left out where they are a tag); those of them that hold the
 * code are all but bit 55. */
static IR_KEEPS __attribute__((noinline)) void pauth_layout_make(ArmCpu *c, unsigned el)
{
    ArmPauthLayout *l = &c->pauth;

    for (unsigned fetch = 0; fetch < 2; fetch++) {
        l->any_tbi[fetch] = false;
        for (unsigned upper = 0; upper < 2; upper++) {
            bool tbi = pauth_tbi(c->sys.tcr[el], el, upper, fetch);

            l->any_tbi[fetch] |= tbi;
            l->upper[fetch][upper] = pauth_mask(tbi ? 55 : 63, pauth_va_bits(c, el, upper));
        }
    }
    l->tcr = c->sys.tcr[el];
    l->el = (uint8_t)el;
}

/* What the registers say of pointers at this EL; computed again when they have changed. */
static inline const ArmPauthLayout *pauth_layout(ArmCpu *c)
{
    unsigned el = c->el ? c->el : 1;

    if (__builtin_expect(c->pauth.el != el || c->pauth.tcr != c->sys.tcr[el], 0)) {
        pauth_layout_make(c, el);
    }
    return &c->pauth;
}

/* @ptr with the bits above its range copies of @sel; a tag stays. */
static inline uint64_t pauth_extend(uint64_t ptr, bool sel, uint64_t upper)
{
    return sel ? ptr | upper : ptr & ~upper;
}

static bool pauth_is_data(unsigned key)
{
    return key == A64_KEY_DA || key == A64_KEY_DB;
}

#define PAUTH_SEL (1ull << 55)

static inline __attribute__((always_inline)) uint64_t pauth_add(ArmCpu *c, uint64_t ptr,
                                                                uint64_t modifier, unsigned key)
{
    const ArmPauthLayout *l = pauth_layout(c);
    bool fetch = !pauth_is_data(key);
    /* Where either range ignores tags bit 55 chooses the range, else bit 63. */
    bool sel = ptr >> (l->any_tbi[fetch] ? 55 : 63) & 1;
    /* Whether there is a tag is asked of the range that bit 55 names, the width of the other. */
    bool tbi = !(l->upper[fetch][ptr >> 55 & 1] >> 63);
    uint64_t upper =
        tbi ? l->upper[fetch][sel] & pauth_mask(55, 0) : l->upper[fetch][sel] | pauth_mask(63, 56);
    uint64_t ext = pauth_extend(ptr, sel, upper);
    uint64_t pac = pauth_compute(c, ext, modifier, key);
    uint64_t field = upper & ~PAUTH_SEL;

    /* A pointer that is no canonical address gets a code that does not authenticate. */
    if ((ptr & upper) != 0 && (ptr & upper) != upper) {
        pac ^= 1ull << (tbi ? 54 : 62);
    }
    ext = sel ? ext | PAUTH_SEL : ext & ~PAUTH_SEL;
    return (ext & ~field) | (pac & field);
}

static inline __attribute__((always_inline)) uint64_t pauth_auth(ArmCpu *c, uint64_t ptr,
                                                                 uint64_t modifier, unsigned key)
{
    bool sel = ptr >> 55 & 1;
    uint64_t upper = pauth_layout(c)->upper[!pauth_is_data(key)][sel];
    uint64_t original = pauth_extend(ptr, sel, upper);
    uint64_t pac = pauth_compute(c, original, modifier, key);
    unsigned shift = upper >> 63 ? 61 : 53;
    uint64_t error = key == A64_KEY_IB || key == A64_KEY_DB ? 2 : 1;

    if (((pac ^ ptr) & upper & ~PAUTH_SEL) == 0) {
        return original;
    }
    return (original & ~(3ull << shift)) | error << shift;
}

/* One function for each key: generated code passes two operands. */
#define PAUTH_OF_KEY(name, key)                                                       \
    IR_KEEPS uint64_t arm_helper_pac##name(Cpu *cpu, uint64_t ptr, uint64_t modifier) \
    {                                                                                 \
        return pauth_add(arm_cpu(cpu), ptr, modifier, key);                           \
    }                                                                                 \
    IR_KEEPS uint64_t arm_helper_aut##name(Cpu *cpu, uint64_t ptr, uint64_t modifier) \
    {                                                                                 \
        return pauth_auth(arm_cpu(cpu), ptr, modifier, key);                          \
    }

PAUTH_OF_KEY(ia, A64_KEY_IA)
PAUTH_OF_KEY(ib, A64_KEY_IB)
PAUTH_OF_KEY(da, A64_KEY_DA)
PAUTH_OF_KEY(db, A64_KEY_DB)

IR_KEEPS uint64_t arm_helper_xpac(Cpu *cpu, uint64_t ptr, uint64_t is_data)
{
    bool sel = ptr >> 55 & 1;

    return pauth_extend(ptr, sel, pauth_layout(arm_cpu(cpu))->upper[!is_data][sel]);
}

IR_KEEPS uint64_t arm_helper_pacga(Cpu *cpu, uint64_t x, uint64_t y)
{
    return pauth_compute(arm_cpu(cpu), x, y, PAUTH_KEY_GENERIC) & 0xffffffff00000000ull;
}
