/* SPDX-License-Identifier: Apache-2.0 */
/* The generated A64 decoder against a plain search of the table it was generated from. */
#include "target/arm/translate.h"

#include "target/arm/a64-decode.h"
#include "tests/unit.h"

static uint32_t random_word(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*seed >> 32);
}

static bool pattern_accepts(const InsnPattern *p, uint32_t insn)
{
    return (insn & p->mask) == p->value && (!p->when || p->when(insn));
}

/* The table's order is the priority. */
static A64Id search(uint32_t insn)
{
    for (int id = 1; id < A64_ID_COUNT; id++) {
        if (pattern_accepts(&a64_patterns[id], insn)) {
            return (A64Id)id;
        }
    }
    return A64_UNALLOCATED;
}

TEST(a64_decode, finds_every_pattern)
{
    uint64_t seed = 1;

    for (int id = 1; id < A64_ID_COUNT; id++) {
        const InsnPattern *p = &a64_patterns[id];
        int reached = 0;

        for (int n = 0; n < 300; n++) {
            uint32_t insn = p->value | (random_word(&seed) & ~p->mask);
            A64Id want = search(insn);

            reached += want == (A64Id)id;
            EXPECT_EQ(a64_decode(NULL, insn), want);
        }
        if (!reached) {
            test_fail(__FILE__, __LINE__, "%s was never reached", p->name);
        }
    }
}

TEST(a64_decode, random_words)
{
    uint64_t seed = 2;
    int allocated = 0;

    for (int n = 0; n < 100000; n++) {
        uint32_t insn = random_word(&seed);
        A64Id want = search(insn);

        allocated += want != A64_UNALLOCATED;
        EXPECT_EQ(a64_decode(NULL, insn), want);
    }
    EXPECT(allocated > 10000);
}

TEST(a64_decode, test_rows_are_of_their_pattern)
{
    int rows = 0;

    for (int id = 1; id < A64_ID_COUNT; id++) {
        const InsnPattern *p = &a64_patterns[id];

        for (int n = 0; n < p->n_tests; n++) {
            EXPECT_EQ(a64_decode(NULL, p->tests[n].insn), id);
            rows++;
        }
    }
    EXPECT(rows > 100);
}

TEST(a64_decode, features_guard)
{
    Trans none = { .features = 0 };
    Trans lse = { .features = 1ull << ARM_FEAT_LSE };

    EXPECT_EQ(a64_decode(&none, 0xb8210041), A64_UNALLOCATED); /* ldadd w1, w1, [x2] */
    EXPECT_EQ(a64_decode(&lse, 0xb8210041), A64_LDADD);
    EXPECT_EQ(a64_decode(&none, 0xd503233f), A64_HINT); /* paciasp is a hint without it */
}

TEST(a64_decode, known_words)
{
    EXPECT_EQ(a64_decode(NULL, 0xd503201f), A64_HINT);
    EXPECT_EQ(a64_decode(NULL, 0x91000420), A64_ADD_I);
    EXPECT_EQ(a64_decode(NULL, 0xa9bf7bfd), A64_STP_WBX); /* stp x29, x30, [sp, #-16]! */
    EXPECT_EQ(a64_decode(NULL, 0xd65f03c0), A64_RET);
    EXPECT_EQ(a64_decode(NULL, 0xd5384240), A64_SYS_MRS); /* mrs x0, CurrentEL */
    EXPECT_EQ(a64_decode(NULL, 0x9360fc00), A64_SBFM);    /* asr x0, x0, #32 */
    EXPECT_EQ(a64_decode(NULL, 0x00000000), A64_UDF);
}
