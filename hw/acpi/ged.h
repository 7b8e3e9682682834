/* SPDX-License-Identifier: Apache-2.0 */
/* What boards' tables say of the Generic Event Device: its registers of power, its object. */
#ifndef HW_ACPI_GED_H
#define HW_ACPI_GED_H

#include "core/device.h"
#include "hw/acpi/aml.h"

enum { GED_POWER_BYTES = 3, GED_S5_TYPE = 5, GED_RESET_VALUE = 0x42 };

/*
 * The device @name: its event register is memory at @base, its interrupt @gsi; the power button's
 * event notifies PWRB. Spec: ACPI Specification 6.4, 5.6.9.
 */
void aml_ged(Aml *a, const char *name, uint32_t gsi, uint32_t base);

#endif
