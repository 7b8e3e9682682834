/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host bridges: a root bus and the ways of the CPUs to it. `gpex-pcihost` is the generic one of
 * PCI Express: configuration space in memory (ECAM), four interrupt pins.
 * Spec: PCI Express Base 5.0, 7.2.2.
 */
#ifndef HW_PCI_HOST_H
#define HW_PCI_HOST_H

#include "hw/pci/pci.h"

typedef struct PciHost {
    Device dev;
    PciBus bus;
} PciHost;

extern const DeviceType device_pci_host; /* base of host bridges */

/* Configuration space in memory, of any bridge of PCI Express: a region without a lock of ours. */
RegionRead pcie_ecam_read;
RegionWrite pcie_ecam_write;

enum { GPEX_ECAM, GPEX_UNMAPPED_MEM, GPEX_UNMAPPED_IO };

/*
 * For boards, after realize of a gpex-pcihost: its own function at 0.0, and background of the bus,
 * which reads as ones.
 */
NODISCARD bool gpex_populate(Device *gpex, GError **err);

#endif
