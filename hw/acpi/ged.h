/* SPDX-License-Identifier: Apache-2.0 */
/* What boards' tables say of the Generic Event Device's registers of power. */
#ifndef HW_ACPI_GED_H
#define HW_ACPI_GED_H

#include "core/device.h"

enum { GED_POWER_BYTES = 3, GED_S5_TYPE = 5, GED_RESET_VALUE = 0x42 };

#endif
