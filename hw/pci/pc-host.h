/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host bridges of PCs have in common: configuration mechanism 1 with the reset control
 * register, and the attributes of the memory from 768 KiB to 1 MiB with the window at A0000h.
 * Spec: PCI Local Bus Specification 3.0, 3.2.2.3.2; Intel 440FX PCIset datasheet, 290549, and
 * Intel 3 Series Express Chipset datasheet, 316966, for the registers PAM and SMRAM.
 */
#ifndef HW_PCI_PC_HOST_H
#define HW_PCI_PC_HOST_H

#include "hw/pci/host.h"

typedef struct PcHost {
    PciHost host;
    uint32_t address;
    uint8_t reset_control;
} PcHost;

extern const DeviceType device_pc_host; /* base */
RegionRead pc_host_read;
RegionWrite pc_host_write;

/* No lock of ours: CONFIG_ADDRESS is one word, and drivers serialise the pair of accesses. */
#define PC_HOST_REGION                                                               \
    {                                                                                \
        .name = "pci-conf", .size = 8, .read = pc_host_read, .write = pc_host_write, \
        .access_max = 4, .no_lock = true                                             \
    }

enum { PAM_REGISTERS = 7, PAM_SEGMENTS = 13 };
enum { SMRAM_DOPEN = 1 << 6, SMRAM_DCLOSE = 1 << 5, SMRAM_DLOCK = 1 << 4, SMRAM_G_SMRAME = 1 << 3 };

typedef struct PcPam {
    MemRegion *segment[PAM_SEGMENTS]; /* RAM over what is on the bus */
    MemRegion *smram;                 /* the bus over RAM at A0000h */
} PcPam;

/* @ram is what lies below 4 GiB; the bus shows wherever there is none. */
void pc_pam_init(PcPam *p, Machine *m, PciBus *bus, MemRegion *ram);
/* As the seven registers at @pam and SMRAM say; nothing before pc_pam_init. */
void pc_pam_update(PcPam *p, Machine *m, const uint8_t *pam, uint8_t smram);

#endif
