/* SPDX-License-Identifier: Apache-2.0 */
/* What the files that write PCs' tables share. */
#ifndef HW_BOARD_PC_ACPI_PRIV_H
#define HW_BOARD_PC_ACPI_PRIV_H

#include "hw/acpi/acpi.h"
#include "hw/board/pc-acpi.h"

/* The DSDT's place in the blob. */
unsigned pc_dsdt(AcpiTables *t, const PcAcpi *p);
void pc_madt(AcpiTables *t, const PcAcpi *p);
void pc_waet(AcpiTables *t);

#endif
