/* SPDX-License-Identifier: Apache-2.0 */
/* What a controller says of itself: NVMe "5.15 Identify command", "5.14 Get Log Page command". */
#ifndef HW_NVME_NVME_ID_H
#define HW_NVME_NVME_ID_H

#include "hw/nvme/nvme.h"

enum { NVME_TEMPERATURE = 323, NVME_TEMPERATURE_WARNING = 343, NVME_TEMPERATURE_CRITICAL = 373 };

/* Fills @page (zeros before); a status. */
uint16_t nvme_identify(Nvme *s, unsigned cns, uint32_t nsid, uint8_t *page);
/* Fills @log (zeros before, 4096 bytes); its size, 0: there is no such log. */
unsigned nvme_log(Nvme *s, unsigned id, uint8_t *log);

#endif
