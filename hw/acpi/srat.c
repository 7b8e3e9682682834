/* SPDX-License-Identifier: Apache-2.0 */
/* Spec: ACPI 6.4, 5.2.16 (SRAT), 5.2.17 (SLIT). */
#include "hw/acpi/srat.h"

enum {
    SRAT_APIC = 0,
    SRAT_MEMORY = 1,
    SRAT_X2APIC = 2,
    SRAT_GICC = 3,
    SRAT_ENABLED = 1,
    XAPIC_IDS = 255
};

unsigned srat_begin(AcpiTables *t)
{
    unsigned at = acpi_begin(t, "SRAT", 3);

    acpi_u32(t, 1); /* reserved, 1 for what is older */
    acpi_u64(t, 0);
    return at;
}

void srat_gicc(AcpiTables *t, unsigned node, uint32_t uid)
{
    acpi_u8(t, SRAT_GICC);
    acpi_u8(t, 18);
    acpi_u32(t, node);
    acpi_u32(t, uid);
    acpi_u32(t, SRAT_ENABLED);
    acpi_u32(t, 0); /* clock domain */
}

void srat_apic(AcpiTables *t, unsigned node, uint32_t apic_id)
{
    if (apic_id >= XAPIC_IDS) {
        acpi_u8(t, SRAT_X2APIC);
        acpi_u8(t, 24);
        acpi_u16(t, 0);
        acpi_u32(t, node);
        acpi_u32(t, apic_id);
        acpi_u32(t, SRAT_ENABLED);
        acpi_u64(t, 0); /* clock domain */
        return;
    }
    acpi_u8(t, SRAT_APIC);
    acpi_u8(t, 16);
    acpi_u8(t, (uint8_t)node);
    acpi_u8(t, (uint8_t)apic_id);
    acpi_u32(t, SRAT_ENABLED);
    acpi_u8(t, 0);
    acpi_zeros(t, 3); /* higher bytes of the node */
    acpi_u32(t, 0);
}

void srat_memory(AcpiTables *t, unsigned node, GuestPhys base, uint64_t len)
{
    acpi_u8(t, SRAT_MEMORY);
    acpi_u8(t, 40);
    acpi_u32(t, node);
    acpi_u16(t, 0);
    acpi_u64(t, base);
    acpi_u64(t, len);
    acpi_u32(t, 0);
    acpi_u32(t, SRAT_ENABLED);
    acpi_u64(t, 0);
}

void acpi_slit(AcpiTables *t, const uint8_t *distance, unsigned n, unsigned stride)
{
    unsigned at = acpi_begin(t, "SLIT", 1);

    acpi_u64(t, n);
    for (unsigned i = 0; i < n; i++) {
        for (unsigned k = 0; k < n; k++) {
            acpi_u8(t, distance[i * stride + k]);
        }
    }
    acpi_end(t, at, true);
}
