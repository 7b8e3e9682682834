/* SPDX-License-Identifier: Apache-2.0 */
/* A process that goes into the background when it is ready. */
#ifndef CLI_DAEMON_H
#define CLI_DAEMON_H

#include "util/error.h"

/*
 * Returns in a child alone, before it has threads: the parent stays until daemon_ready and ends
 * with status 0, or with 1 if the child ends before. The descriptor for daemon_ready; -1 with *err.
 */
int daemon_fork(GError **err);
/* Standard input, output and errors are given up. @fd -1: nothing to do. */
void daemon_ready(int fd, bool keep_stderr);
/* The socket that a service manager listens on for us; -1: there is none. Errors: there are more.
 */
NODISCARD bool daemon_take_listener(int *fd, GError **err);
/* Our number into the file @path (NULL: nothing to do), locked as long as we live. */
NODISCARD bool daemon_write_pid(const char *path, GError **err);

#endif
