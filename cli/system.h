/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SYSTEM_H
#define CLI_SYSTEM_H

/* Run a machine of @arch by QEMU's options; the exit status. @prog is named in messages. */
int system_main(const char *prog, const char *arch, int argc, char **argv);

#endif
