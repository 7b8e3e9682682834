/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_DIFF_A64_RUN_H
#define TESTS_DIFF_A64_RUN_H

#include "tests/diff/a64-case.h"

#include <glib.h>
#include <stdbool.h>

/* Make the machine that runs cases, on @backend of the translator (NULL: its default), with @more
 * of -accel tcg's options (or NULL). */
bool a64_run_init(const char *backend, const char *more);
void a64_run(const A64Case *c, A64Result *r);
/* Map memory for programs at EL0, before the first case; where it is. */
void a64_run_map(uint64_t va, uint64_t bytes);
void *a64_run_memory(uint64_t va);

/* A machine that is not the one in use. */
typedef struct A64Machine {
    void *machine, *cpu;
    uint8_t *ram;
} A64Machine;

/* Exchange them; so several machines can be made and used in turn. */
void a64_run_swap(A64Machine *other);
/* The translator's counters (AccelCounter), with count=on those of calls too. */
GArray *a64_run_counters(void);
/* Run the test rows of the instruction tables: 0 when all hold. */
int a64_rows(void);

#endif
