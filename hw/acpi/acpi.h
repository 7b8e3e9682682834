/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI tables as a blob, and the commands by which firmware places it, fills in addresses and sums
 * it up.
 * Spec: ACPI Specification 6.4, ch. 5.2; the loader's commands as QEMU's firmware interface
 * (fw_cfg file etc/table-loader) has them.
 */
#ifndef HW_ACPI_ACPI_H
#define HW_ACPI_ACPI_H

#include "core/device.h"
#include "hw/acpi/aml.h"
#include "util/options.h"

typedef struct AcpiTables {
    Aml *blob;          /* tables one after another; a table's terms are appended to it */
    GByteArray *loader; /* commands */
    GByteArray *rsdp;
    GArray *roots; /* uint32_t: what the XSDT lists */
    char oem_id[7], oem_table_id[9];
} AcpiTables;

void acpi_init(AcpiTables *t, const char *oem_id, const char *oem_table_id);
void acpi_deinit(AcpiTables *t);

/* A table with @signature; its place, for acpi_end. */
unsigned acpi_begin(AcpiTables *t, const char *signature, unsigned revision);
/* Length and sum. @root: the XSDT lists it. */
void acpi_end(AcpiTables *t, unsigned at, bool root);
/* XSDT and RSDP. */
void acpi_finish(AcpiTables *t);
/* RSDT and an RSDP of ACPI 1.0, which say the same to what knows 32-bit addresses alone. */
void acpi_finish_v1(AcpiTables *t);
/* The table that firmware and guest share; before any other, since it is aligned. */
unsigned acpi_facs(AcpiTables *t);
/* Bytes that are tables already: the loader sums them up again. @root: as acpi_end. */
void acpi_append(AcpiTables *t, const uint8_t *table, unsigned len, bool root);
/* Those of -acpitable, as given. Errors: which one, and why. */
NODISCARD bool acpi_user_tables(AcpiTables *t, const char *const *texts, unsigned n, GError **err);
/* As files of @fw_cfg. */
NODISCARD bool acpi_publish(AcpiTables *t, Device *fw_cfg, GError **err);

/* Carries out the loader's commands: tables at @base, the RSDP at @rsdp. For boards without
 * firmware, which put blob and rsdp there. */
void acpi_place(AcpiTables *t, uint64_t base, uint64_t rsdp);

void acpi_u8(AcpiTables *t, uint8_t val);
void acpi_u16(AcpiTables *t, uint16_t val);
void acpi_u32(AcpiTables *t, uint32_t val);
void acpi_u64(AcpiTables *t, uint64_t val);
void acpi_zeros(AcpiTables *t, unsigned n);
/* A Generic Address Structure of memory: @bits wide, reached by @access (1 byte ... 4 qword). */
void acpi_address(AcpiTables *t, unsigned bits, unsigned access, uint64_t at);
/* The same of ports; @bits 0: there is no such register. */
void acpi_ports(AcpiTables *t, unsigned bits, uint64_t at);
/* Four bytes that firmware makes the address of the table at @target. */
void acpi_pointer32(AcpiTables *t, unsigned target);
/* Eight bytes that firmware makes the address of the table at @target. */
void acpi_pointer(AcpiTables *t, unsigned target);

#endif
