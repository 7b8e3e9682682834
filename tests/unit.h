/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests: TEST(suite, name) { ... EXPECT(x); } in any x-test.c beside its source.
 * scripts/gen-tests.py finds them; `tinamou-tests [suite[.name]]...` runs them.
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>

/* Defines the function that scripts/gen-tests.py lists in the table of tests. */
#define TEST(suite, name)              \
    void test_##suite##__##name(void); \
    void test_##suite##__##name(void)

void test_fail(const char *file, int line, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Mark the running test as skipped; the caller returns afterwards. */
void test_skip(const char *why);

#define EXPECT(x)                                    \
    do {                                             \
        if (!(x)) {                                  \
            test_fail(__FILE__, __LINE__, "%s", #x); \
        }                                            \
    } while (0)

#define EXPECT_EQ(a, b)                                                                        \
    do {                                                                                       \
        uint64_t a_ = (uint64_t)(a), b_ = (uint64_t)(b);                                       \
        if (a_ != b_) {                                                                        \
            test_fail(__FILE__, __LINE__, "%s == %s: 0x%" PRIx64 " != 0x%" PRIx64, #a, #b, a_, \
                      b_);                                                                     \
        }                                                                                      \
    } while (0)

#define EXPECT_STR(a, b)                                                                  \
    do {                                                                                  \
        const char *a_ = (a), *b_ = (b);                                                  \
        if (!a_ || !b_ || __builtin_strcmp(a_, b_)) {                                     \
            test_fail(__FILE__, __LINE__, "%s: \"%s\" != \"%s\"", #a, a_ ? a_ : "(null)", \
                      b_ ? b_ : "(null)");                                                \
        }                                                                                 \
    } while (0)

#endif
