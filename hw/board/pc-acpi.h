/* SPDX-License-Identifier: Apache-2.0 */
/* ACPI's tables of PCs: with the 440FX and PIIX, or with the Q35 and ICH9. */
#ifndef HW_BOARD_PC_ACPI_H
#define HW_BOARD_PC_ACPI_H

#include "core/device.h"

enum { PC_ACPI_MAX_USER = 32 };

/* What the tables are to say of the machine. */
typedef struct PcAcpi {
    bool express;             /* Q35: PCI Express, ICH9 */
    unsigned n_cpus;          /* there are */
    const uint32_t *apic_ids; /* of each */
    uint64_t below_4g;        /* RAM there; PCI's window begins behind it */
    uint64_t ram_end;         /* above 4 GiB; 0: none */
    uint64_t ecam, ecam_bytes;
    uint8_t serials;   /* bit n: COM(n+1) is there */
    uint8_t parallels; /* bit n: LPT(n+1) */
    uint8_t floppies;  /* bit n: drive n; 0: no controller */
    bool keyboard, hpet;
    bool no_links;                    /* lines of ISA are by edge, all of them */
    bool no_pic;                      /* no 8259s */
    bool has_s3, has_s4;              /* sleep states beside S5 */
    uint8_t s4_type;                  /* what SLP_TYP says for S4 */
    const struct BoardMemory *memory; /* with its nodes; NULL: none are told */
    const char *oem_id, *oem_table_id;
    const char *const *user; /* -acpitable, as given */
    unsigned n_user;
} PcAcpi;

/* As files of @fw_cfg. Errors: of -acpitable. */
NODISCARD bool pc_acpi(const PcAcpi *p, Device *fw_cfg, GError **err);

#endif
