/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HW_PCI_I440FX_H
#define HW_PCI_I440FX_H

#include "hw/pci/host.h"

/* Region 0 of the host bridge: ports CF8h to CFFh. Outputs "irq": PIRQA to PIRQD. */
extern const DeviceType device_i440fx;

/*
 * For boards, after realize: the memory controller at 0.0. @ram is what lies below 4 GiB, whose
 * part from 768 KiB to 1 MiB the controller shows or hides.
 */
NODISCARD bool i440fx_populate(Device *host, MemRegion *ram, GError **err);

#endif
