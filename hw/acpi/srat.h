/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of NUMA for ACPI: which CPUs and which memory are near (SRAT), and how far apart (SLIT). */
#ifndef HW_ACPI_SRAT_H
#define HW_ACPI_SRAT_H

#include "hw/acpi/acpi.h"

/* The table, then its rows, then acpi_end. */
unsigned srat_begin(AcpiTables *t);
/* A CPU of a GIC by its ACPI number; of a local APIC by its id. */
void srat_gicc(AcpiTables *t, unsigned node, uint32_t uid);
void srat_apic(AcpiTables *t, unsigned node, uint32_t apic_id);
void srat_memory(AcpiTables *t, unsigned node, GuestPhys base, uint64_t len);
/* @n nodes, whose distances are rows of @stride bytes. */
void acpi_slit(AcpiTables *t, const uint8_t *distance, unsigned n, unsigned stride);

#endif
