/* SPDX-License-Identifier: Apache-2.0 */
/* Options about the process and about other options: what option-table.c's rows call. */
#ifndef CLI_MORE_OPTIONS_H
#define CLI_MORE_OPTIONS_H

#include "cli/config.h"

bool option_audiodev(SystemConfig *c, const char *arg, GError **err);
bool option_compat(SystemConfig *c, const char *arg, GError **err);
bool option_echr(SystemConfig *c, const char *arg, GError **err);
bool option_keymap(SystemConfig *c, const char *arg, GError **err);
bool option_msg(SystemConfig *c, const char *arg, GError **err);
bool option_overcommit(SystemConfig *c, const char *arg, GError **err);
bool option_readconfig(SystemConfig *c, const char *arg, GError **err);
bool option_run_with(SystemConfig *c, const char *arg, GError **err);
bool option_set(SystemConfig *c, const char *arg, GError **err);
bool option_watchdog_action(SystemConfig *c, const char *arg, GError **err);
bool option_vnc(SystemConfig *c, const char *arg, GError **err);
bool option_win2k(SystemConfig *c, const char *arg, GError **err);

/* Add @arg to @list; an object of JSON as FIRST,KEY=VALUE... of it, @first_key's value first. */
NODISCARD bool option_add(GPtrArray *list, const char *arg, const char *first_key, GError **err);

/* Why an option of QEMU's is refused, and what does the same; NULL: it is none of those. */
const char *option_why_not(const char *name);

/* option-table.c: "-NAME ARG"; @arg NULL: without one. */
NODISCARD bool config_apply(SystemConfig *c, const char *name, const char *arg, GError **err);

#endif
