/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local APICs and the bus between them. An "apic" belongs to one CPU; the "apic-bus" is the window
 * at FEE00000h: a CPU that accesses it sees its own APIC, a device's write there is a message.
 */
#ifndef HW_INTC_APIC_H
#define HW_INTC_APIC_H

#include "core/cpu.h"

extern const DeviceType device_apic, device_apic_bus;

enum { APIC_WINDOW = 1 << 20 };

/* Before realize: the CPU it serves, the bus, the 8259s at LINT0 and whoever hears of ends (an
 * I/O APIC); the last two may be NULL. */
void apic_wire(Device *apic, Cpu *cpu, Device *bus, Device *pic, Device *ioapic);

#endif
