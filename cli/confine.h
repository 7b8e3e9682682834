/* SPDX-License-Identifier: Apache-2.0 */
/* What the process gives up before the guest runs: -overcommit mem-lock=, -chroot, -runas,
 * -sandbox, -async-teardown. */
#ifndef CLI_CONFINE_H
#define CLI_CONFINE_H

#include "cli/config.h"

/* At the beginning, while there is one thread: the process's name. */
void confine_begin(const SystemConfig *c);
/* All files are open, the pid file is written. Errors name the option. */
NODISCARD bool confine(const SystemConfig *c, GError **err);

/* sandbox.c */
/* -sandbox TEXT: is it well-formed? */
NODISCARD bool sandbox_check(const char *text, GError **err);
/* From now on, for every thread. */
NODISCARD bool sandbox_enter(const char *text, GError **err);

#endif
