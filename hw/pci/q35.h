/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HW_PCI_Q35_H
#define HW_PCI_Q35_H

#include "hw/pci/host.h"

enum { Q35_PIRQS = 8, Q35_ECAM = 0xb0000000u, Q35_ECAM_BYTES = 256 << 20 };

/* Region 0 of the host bridge: ports CF8h to CFFh. Outputs "irq": PIRQA to PIRQH. */
extern const DeviceType device_q35;

/* For boards, after realize: the memory controller at 0.0; @ram as of i440fx_populate. */
NODISCARD bool q35_populate(Device *host, MemRegion *ram, GError **err);

#endif
