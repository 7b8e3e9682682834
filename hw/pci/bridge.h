/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI-to-PCI bridges: root ports, and whatever else has a bus below it. A bridge's `start` calls
 * pci_bridge_start first; its `config_wrote` calls pci_bridge_config_wrote.
 * Spec: "PCI-to-PCI Bridge Architecture Specification" 1.2; PCI Express Base 5.0, 7.5.1.3.
 */
#ifndef HW_PCI_BRIDGE_H
#define HW_PCI_BRIDGE_H

#include "hw/pci/pci.h"

typedef struct PciBridge {
    PciDevice pci;
    PciBus bus;
    MemRegion *io, *mem, *pref; /* windows of the bus above into the one below */
} PciBridge;

extern const DeviceType device_pci_bridge; /* base of bridges */

/* pci_plug, the header's second half, and the bus below: named as the device's id. */
NODISCARD bool pci_bridge_start(PciDevice *p, bool express, GError **err);
/* The end of what it made, where something later in `start` fails. */
void pci_bridge_abandon(PciDevice *p);
void pci_bridge_config_wrote(PciDevice *p, unsigned off, unsigned len);

#endif
