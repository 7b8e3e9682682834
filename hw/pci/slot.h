/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slot below a port: a hotplug controller with attention button, power controller and both
 * indicators. Functions that are plugged into it while the machine runs are shown to the guest as
 * if somebody had pressed the button; the same asks it to let one go.
 * Spec: PCI Express Base 5.0, 6.7 (hot-plug), 7.5.3.9 to 7.5.3.11 (slot registers).
 */
#ifndef HW_PCI_SLOT_H
#define HW_PCI_SLOT_H

#include "hw/pci/bridge.h"

typedef struct PciSlot {
    bool leaving; /* the guest was asked to let go what is plugged */
    bool asked;   /* and has been seen to think about it: its power indicator blinked */
    /* scratch: the condition was there when it was last looked at, and the control register */
    bool interrupts;
    uint16_t control;
} PciSlot;

/* For the start of a port, after pcie_add_cap. @number: of the slot; @power: it can be switched. */
void pci_slot_add(PciBridge *b, PciSlot *s, unsigned number, bool hotplug, bool power);
/* For the port's other callbacks, under its lock. */
void pci_slot_config_wrote(PciBridge *b, PciSlot *s, unsigned off, unsigned len);
void pci_slot_reset(PciBridge *b, PciSlot *s);
void pci_slot_loaded(PciBridge *b, PciSlot *s);
/* What INTx is to be. */
bool pci_slot_wants_intx(PciBridge *b, PciSlot *s);
/* For its bus. LOOP_THREAD, no lock held. */
void pci_slot_plugged(PciBridge *b, PciSlot *s);
NODISCARD bool pci_slot_ask(PciBridge *b, PciSlot *s, PciDevice *p, GError **err);

#endif
