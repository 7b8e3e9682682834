/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HW_BLOCK_FDC_H
#define HW_BLOCK_FDC_H

#include "core/device.h"

/* What firmware reads in the CMOS RAM of drive @n: 0 none, 2 1.2 MB, 4 1.44 MB, 5 2.88 MB. */
uint8_t fdc_drive_type(Device *dev, unsigned n);

#endif
