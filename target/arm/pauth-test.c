/* SPDX-License-Identifier: Apache-2.0 */
/* QARMA by the vectors of the paper (appendix, S-box sigma 2); signing and authenticating. */
#include "target/arm/pauth.h"

#include "target/arm/a64.h"
#include "target/arm/helper.h"
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

static void pauth_identities(const char *cpu)
{
    static const uint64_t pointers[] = { 0x0000ffffdeadbee0, 0xffff800012345678, 0x1000, 0 };
    ArmCpu *c = test_cpu_new(cpu);

    if (!c) {
        return;
    }
    c->sys.tcr[1] = 16 | 16 << 16; /* 48 bits in both halves */
    for (unsigned i = 0; i < 10; i++) {
        c->sys.apkey[i] = 0x0123456789abcdefull * (i + 1);
    }
    for (unsigned i = 0; i < 4; i++) {
        for (unsigned key = A64_KEY_IA; key <= A64_KEY_DB; key++) {
            uint64_t p = pointers[i], s = arm_helper_pac(&c->cpu, p, 42, key);
            uint64_t bad = arm_helper_aut(&c->cpu, s, 43, key);

            EXPECT(s != p);
            EXPECT_EQ(s & 0x0080ffffffffffff, p & 0x0080ffffffffffff);
            EXPECT_EQ(arm_helper_aut(&c->cpu, s, 42, key), p);
            EXPECT_EQ(arm_helper_xpac(&c->cpu, s, key >= A64_KEY_DA), p);
            /* A wrong modifier leaves the key's error code in bits 62..61. */
            EXPECT_EQ(bad ^ p, (key & 1 ? 2ull ^ (p >> 61 & 3) : 1ull ^ (p >> 61 & 3)) << 61);
        }
    }
    EXPECT_EQ(arm_helper_pacga(&c->cpu, 1, 2) & 0xffffffff, 0);
    EXPECT(arm_helper_pacga(&c->cpu, 1, 2) != arm_helper_pacga(&c->cpu, 1, 3));
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
    s = arm_helper_pac(&c->cpu, p, 1, A64_KEY_DA);
    EXPECT_EQ(s >> 56, 0xa5);
    EXPECT_EQ(arm_helper_aut(&c->cpu, s, 1, A64_KEY_DA), p);
    EXPECT_EQ(arm_helper_aut(&c->cpu, s, 2, A64_KEY_DA), p | 1ull << 53);
    test_cpu_free(c);
}
