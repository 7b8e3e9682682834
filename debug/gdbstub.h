/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A debugger's remote end over a Chardev: breakpoints, watchpoints, stepping, registers, memory;
 * threads are vCPUs (thread n + 1 is CPU n).
 * Spec: "Debugging with GDB", appendix "Remote Serial Protocol".
 */
#ifndef DEBUG_GDBSTUB_H
#define DEBUG_GDBSTUB_H

#include "chardev/chardev.h"
#include "core/machine.h"
#include "util/error.h"

typedef struct GdbServer GdbServer;

/* Executes a line of `monitor`; the result is freed by g_free. */
typedef char *GdbMonitorFn(void *opaque, const char *line, int cpu_index);

/* On @c, which stays the caller's. The machine stops when a debugger comes. LOOP_THREAD. */
GdbServer *gdb_server_new(Machine *m, Chardev *c, GdbMonitorFn *monitor, void *opaque,
                          GError **err);
void gdb_server_free(GdbServer *s);

#endif
