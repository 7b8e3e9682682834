/* SPDX-License-Identifier: Apache-2.0 */
/* QARMA by the vectors of the paper (appendix, S-box sigma 2); signing and authenticating. */
#include "target/arm/pauth.h"

#include "target/arm/a64.h"
#include "target/arm/helper.h"
#include "target/arm/mmu.h"
#include "tests/arm-cpu.h"

TEST(arm_pauth, qarma_vectors)
{
    static const uint64_t want[] = { 0xc003b93999b33765, 0x270a787275c48d10, 0x5c06a7501b63b2fd };

    for (unsigned i = 0; i < 3; i++) {
        EXPECT_EQ(arm_qarma64(0xfb623599da6e8127, 0x477d469dec0b8762, 0x84be85ce9804e94b,
                              0xec2802d4e0a488e9, 5 + i),
                  want[i]);
    }
}

static uint64_t pauth_sign(Cpu *cpu, uint64_t ptr, uint64_t modifier, unsigned key)
{
    return key == A64_KEY_IA   ? arm_helper_pacia(cpu, ptr, modifier)
           : key == A64_KEY_IB ? arm_helper_pacib(cpu, ptr, modifier)
           : key == A64_KEY_DA ? arm_helper_pacda(cpu, ptr, modifier)
                               : arm_helper_pacdb(cpu, ptr, modifier);
}

static uint64_t pauth_auth(Cpu *cpu, uint64_t ptr, uint64_t modifier, unsigned key)
{
    return key == A64_KEY_IA   ? arm_helper_autia(cpu, ptr, modifier)
           : key == A64_KEY_IB ? arm_helper_autib(cpu, ptr, modifier)
           : key == A64_KEY_DA ? arm_helper_autda(cpu, ptr, modifier)
                               : arm_helper_autdb(cpu, ptr, modifier);
}

static void pauth_identities(const char *cpu)
{
    static const uint64_t pointers[] = { 0x0000ffffdeadbee0, 0xffff800012345678, 0x1000, 0 };
    ArmCpu *c = test_cpu_new(cpu);
    uint64_t code;

    if (!c) {
        return;
    }
    c->sys.tcr[1] = 16 | 16 << 16; /* 48 bits in both halves */
    for (unsigned i = 0; i < 10; i++) {
        c->sys.apkey[i] = 0x0123456789abcdefull * (i + 1);
    }
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned key = A64_KEY_IA; key <= A64_KEY_DB; key++) {
            uint64_t p = pointers[i], s = pauth_sign(&c->cpu, p, 42, key);
            uint64_t bad = pauth_auth(&c->cpu, s, 43, key);

            EXPECT(s != p);
            EXPECT_EQ(s & 0x0080ffffffffffff, p & 0x0080ffffffffffff);
            EXPECT_EQ(pauth_auth(&c->cpu, s, 42, key), p);
            EXPECT_EQ(arm_helper_xpac(&c->cpu, s, key >= A64_KEY_DA), p);
            /* A wrong modifier leaves the key's error code in bits 62..61. */
            EXPECT_EQ(bad ^ p, (key & 1 ? 2ull ^ (p >> 61 & 3) : 1ull ^ (p >> 61 & 3)) << 61);
        }
    }
    EXPECT_EQ(arm_helper_pacga(&c->cpu, 1, 2) & 0xffffffff, 0);
    EXPECT(arm_helper_pacga(&c->cpu, 1, 2) != arm_helper_pacga(&c->cpu, 1, 3));
    /* Codes are remembered; not beyond a change of what they follow from. */
    EXPECT_EQ(pauth_auth(&c->cpu, pauth_sign(&c->cpu, 0x1000, 1, 0), 1, 0), 0x1000);
    code = pauth_sign(&c->cpu, 0x1000, 1, 0);
    c->sys.apkey[1]++;
    EXPECT(pauth_sign(&c->cpu, 0x1000, 1, 0) != code);
    c->sys.apkey[1]--;
    EXPECT_EQ(pauth_sign(&c->cpu, 0x1000, 1, 0), code);
    test_cpu_free(c);
}

TEST(arm_pauth, identities_impdef)
{
    pauth_identities("max");
}

TEST(arm_pauth, identities_qarma)
{
    pauth_identities("max,pauth-impdef=off");
}

/* Saved machines hold signed pointers: the algorithm never changes. */
TEST(arm_pauth, impdef_golden)
{
    EXPECT_EQ(arm_pac_mix(0, 0, 0, 0), 0);
    EXPECT_EQ(arm_pac_mix(0x0000ffffdeadbee0, 42, 0x84be85ce9804e94b, 0xec2802d4e0a488e9),
              0xfebecf8bb984e494);
}

TEST(arm_pauth, tag_is_kept)
{
    ArmCpu *c = test_cpu_new("max");
    uint64_t p = 0xa5000000deadbee0, s;

    if (!c) {
        return;
    }
    c->sys.tcr[1] = 16 | 16 << 16 | 1ull << 37; /* TBI0 */
    c->sys.apkey[4] = 7;
    s = pauth_sign(&c->cpu, p, 1, A64_KEY_DA);
    EXPECT_EQ(s >> 56, 0xa5);
    EXPECT_EQ(pauth_auth(&c->cpu, s, 1, A64_KEY_DA), p);
    EXPECT_EQ(pauth_auth(&c->cpu, s, 2, A64_KEY_DA), p | 1ull << 53);
    test_cpu_free(c);
}

/* Which bits hold no address is what the MMU says, whatever TCR_EL1 holds. */
TEST(arm_pauth, layout_is_the_mmus)
{
    ArmCpu *c = test_cpu_new("max");
    uint64_t tcr = 0x123456789abcdef1;

    for (unsigned i = 0; c && i < 2000; i++) {
        tcr ^= tcr << 13;
        tcr ^= tcr >> 7;
        tcr ^= tcr << 17;
        c->sys.tcr[1] = tcr;
        for (unsigned k = 0; k < 4; k++) {
            bool upper = k & 1, fetch = k >> 1;
            unsigned top = arm_tbi(c, (uint64_t)upper << 55, fetch) ? 55 : 63;
            uint64_t high = ~0ull >> (63 - top) & ~0ull << arm_va_bits(c, upper);
            uint64_t p = (tcr * 7 & ~(1ull << 55)) | (uint64_t)upper << 55;

            EXPECT_EQ(arm_helper_xpac(&c->cpu, p, !fetch), upper ? p | high : p & ~high);
        }
    }
    test_cpu_free(c);
}
