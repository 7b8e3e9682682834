/* SPDX-License-Identifier: Apache-2.0 */
/* Filling a flash bank before the machine starts. */
#ifndef HW_BLOCK_CFI_FLASH_H
#define HW_BLOCK_CFI_FLASH_H

#include "core/device.h"

/* The bank's content from its start; the rest is erased (ones). @len fits. @dev is realized. */
void cfi_flash_load(Device *dev, const void *data, uint64_t len);
/* All of its bytes, while it lives. */
const void *cfi_flash_content(Device *dev);

#endif
