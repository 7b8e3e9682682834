/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counters by name that generated code adds to (`-accel tcg,count=on`): calls of helpers and slow
 * paths. Their addresses are stable, so that code may hold them.
 */
#ifndef ACCEL_TCG_COUNTERS_H
#define ACCEL_TCG_COUNTERS_H

#include <glib.h>
#include <stdint.h>

typedef struct TcgCounters TcgCounters;

typedef struct TcgCounter {
    const char *group, *name; /* static strings */
    uint64_t n;               /* atomic */
} TcgCounter;

TcgCounters *tcg_counters_new(void);
void tcg_counters_free(TcgCounters *c);
/* The counter of that name, made when there is none. Context: any thread. */
uint64_t *tcg_counter(TcgCounters *c, const char *group, const char *name);
/* All of them, copied, the greatest first; free with g_array_free. */
GArray *tcg_counters_list(TcgCounters *c);

#endif
