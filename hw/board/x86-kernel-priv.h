/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels of x86 by their kinds. */
#ifndef HW_BOARD_X86_KERNEL_PRIV_H
#define HW_BOARD_X86_KERNEL_PRIV_H

#include "hw/board/x86-kernel.h"

/* Where Multiboot's header is. */
bool x86_multiboot_header(const uint8_t *data, size_t len, size_t *at);
NODISCARD bool x86_multiboot_load(X86Kernel *k, GBytes *file, size_t header, const BoardConfig *cfg,
                                  uint64_t top, GError **err);
NODISCARD bool x86_pvh_load(X86Kernel *k, GBytes *file, const BoardConfig *cfg, uint64_t top,
                            GError **err);

#endif
