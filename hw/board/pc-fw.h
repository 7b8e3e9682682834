/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a PC's board tells its firmware: memory map, files of fw_cfg, CMOS RAM, ACPI's and SMBIOS's
 * tables, the order of boot.
 */
#ifndef HW_BOARD_PC_FW_H
#define HW_BOARD_PC_FW_H

#include "hw/board/board.h"
#include "hw/board/pc-acpi.h"

typedef struct PcFw {
    Machine *machine;
    Device *container; /* of the board's devices */
    const BoardConfig *cfg;
    Device *fw_cfg, *rtc; /* rtc: NULL: there is none */
    uint64_t below_4g, ram_bytes;
    const char *product, *version; /* of SMBIOS */
    const char *pci_root;          /* path in the order of boot; NULL: "/pci@i0cf8" */
    uint64_t ecam, ecam_bytes;     /* 0: none; kept from the guest by E820 */
    PcAcpi acpi;                   /* sizes, CPUs and user's tables are filled in */
    uint32_t *apic_ids;            /* the container's */
    bool acpi_off;
} PcFw;

/* fw_cfg (made here if there is none), CMOS RAM, SMBIOS, -fw_cfg, -boot. */
NODISCARD bool pc_fw_init(PcFw *f, GError **err);
/* When all devices are there: -kernel, -option-rom, order of boot, ACPI. */
NODISCARD bool pc_fw_finish(PcFw *f, GError **err);

#endif
