/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ISA bus of a PC: 64 KiB of ports and interrupt lines 0 to 15. The board makes one IsaBus
 * device; what sits on the bus finds it through its machine.
 */
#ifndef HW_ISA_ISA_H
#define HW_ISA_ISA_H

#include "core/device.h"

enum { ISA_N_IRQS = 16 };

typedef struct IsaBus {
    Device dev;
    AddressSpace *ports;
    uint16_t levels;
    Irq irq[ISA_N_IRQS]; /* to the interrupt controllers */
} IsaBus;

extern const DeviceType device_isa_bus;

/* NULL: the machine has none. */
IsaBus *isa_bus(Machine *m);
/* In the `ready` of a device: its region @region appears at @port; nothing without a bus. */
void isa_map(Device *dev, unsigned region, unsigned port);
/* Connect output @name of @dev to line @irq. */
void isa_connect(Device *dev, const char *name, unsigned irq);
/* What is there by custom, for messages; NULL. */
const char *isa_port_name(unsigned port);
/* For the CPUs of a board with ports. */
AddressSpace *isa_ports(Machine *m);

#endif
