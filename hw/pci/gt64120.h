/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HW_PCI_GT64120_H
#define HW_PCI_GT64120_H

#include "hw/pci/host.h"

/* Host bridge. Property "booted": its windows are as boot loaders of the Malta board leave them,
 * and not as after reset. "big-endian": the bytes of PCI words are exchanged after reset. Inputs
 * "intx"; outputs "irq": the four pins of PCI. */
extern const DeviceType device_gt64120;

/* For boards, after realize: its windows appear in @root, and its own function at 0.0. */
NODISCARD bool gt64120_populate(Device *host, MemRegion *root, GError **err);

/* Who answers an interrupt acknowledge cycle on PCI: @fn(@pic) gives the vector. */
void gt64120_set_acknowledge(Device *host, uint8_t (*fn)(Device *pic), Device *pic);

#endif
