/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors of PCI Express functions: their reporting up to the root port (PCI Express Base 5.0, 6.2).
 * The registers come with pcie_add_aer (pci.h).
 */
#ifndef HW_PCI_AER_H
#define HW_PCI_AER_H

#include "hw/pci/pci.h"

enum {
    PCIE_AER_SIZE = 0x48,
    /* Implemented bits, "7.8.4.2" and following: the initial values are the specification's. */
    PCIE_AER_UNCORRECTABLE = 0x0ffff030,
    PCIE_AER_SEVERITY = 0x00062030,
    PCIE_AER_CORRECTABLE = 0x0000f1c1,
    PCIE_AER_CORRECTABLE_MASK = 0x0000e000,
    PCIE_SEC_SYSTEM_ERROR = 1 << 14, /* of PCI_SEC_STATUS: an error was heard of from below */
};

typedef struct PcieError {
    uint32_t status; /* one bit of PCI_ERR_COR_STATUS or PCI_ERR_UNCOR_STATUS */
    bool correctable;
    bool advisory; /* not fatal, and told as a correctable one ("6.2.3.2.4") */
    uint32_t header[4];
} PcieError;

/* @p has had @e. Errors: no PCI Express function, no such error. LOOP_THREAD, no lock held. */
NODISCARD bool pcie_inject_error(PciDevice *p, const PcieError *e, GError **err);

/*
 * For a root port, under its lock: whether it wants to interrupt has changed or (@quiet) is to be
 * found out again, after loading; p->aer_interrupts says so.
 */
void pcie_aer_look(PciDevice *p, bool quiet);
void pcie_aer_config_wrote(PciDevice *p, unsigned off, unsigned len);

#endif
