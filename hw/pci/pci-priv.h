/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HW_PCI_PCI_PRIV_H
#define HW_PCI_PCI_PRIV_H

#include "hw/pci/pci.h"

/* @name is the bus's, or NULL for any; errors as pci_plug's. */
NODISCARD bool pci_bus_take(PciDevice *p, GError **err);
void pci_bus_leave(PciDevice *p);
/* DeviceType.unplug of functions. */
bool pci_ask_unplug(Device *dev, GError **err);
/* The expansion ROM: read the file (errors: not there, no ROM), then, ids being final, map it. */
NODISCARD bool pci_rom_open(PciDevice *p, GError **err);
void pci_rom_add(PciDevice *p);
/* Map and unmap by command and BARs. */
void pci_bars_update(PciDevice *p);
/* Parts of a configuration write. */
void pci_msi_config_wrote(PciDevice *p, unsigned off, unsigned len);
void pci_msix_config_wrote(PciDevice *p, unsigned off, unsigned len);
void pci_msi_reset(PciDevice *p);
void pci_msix_unroute(PciDevice *p);

static inline bool pci_touches(unsigned off, unsigned len, unsigned at, unsigned size)
{
    return off < at + size && at < off + len;
}

#endif
