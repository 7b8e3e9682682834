/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's NBD devices, /dev/nbdN, as clients of an export of ours. */
#ifndef CLI_NBD_KERNEL_H
#define CLI_NBD_KERNEL_H

#include "block/export/nbd-server.h"

typedef struct NbdKernel NbdKernel;

/*
 * @dev shows the export @name of @s from now on. FIBER
 * Errors: there is no such device (the module is not loaded), another has it, what the kernel said.
 */
NbdKernel *nbd_kernel_connect(NbdServer *s, const char *dev, const char *name, GError **err);
/* The device is free again. FIBER */
void nbd_kernel_free(NbdKernel *k);
/* Whoever has connected @dev ends. */
NODISCARD bool nbd_kernel_disconnect(const char *dev, GError **err);

#endif
