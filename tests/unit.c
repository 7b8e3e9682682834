/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct TestCase {
    const char *name;
    void (*run)(void);
} TestCase;

extern const TestCase test_cases[];

static int unit_failures;
static bool unit_skipped;

void test_fail(const char *file, int line, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    fprintf(stderr, "%s:%d: ", file, line);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    unit_failures++;
}

void test_skip(const char *why)
{
    fprintf(stderr, "skipped: %s\n", why);
    unit_skipped = true;
}

static bool unit_wanted(const char *name, int argc, char **argv)
{
    if (argc < 2) {
        return true;
    }
    for (int i = 1; i < argc; i++) {
        size_t len = strlen(argv[i]);

        if (!strncmp(name, argv[i], len) && (name[len] == '.' || name[len] == 0)) {
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    int passed = 0, failed = 0, skipped = 0;

    for (const TestCase *t = test_cases; t->name; t++) {
        if (!unit_wanted(t->name, argc, argv)) {
            continue;
        }
        unit_failures = 0;
        unit_skipped = false;
        t->run();
        passed += !unit_failures && !unit_skipped;
        skipped += !unit_failures && unit_skipped;
        failed += unit_failures > 0;
        printf("%s %s\n", unit_failures ? "not ok" : unit_skipped ? "skip" : "ok", t->name);
        fflush(stdout);
    }
    printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
    return failed ? 1 : !passed && skipped ? 77 : 0;
}
