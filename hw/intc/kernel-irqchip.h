/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HW_INTC_KERNEL_IRQCHIP_H
#define HW_INTC_KERNEL_IRQCHIP_H

#include "core/cpu.h"

extern const DeviceType device_kernel_irqchip;

/* The kernel has the local APICs alone: @pic interrupts CPU 0 (its pin is wired elsewhere) and is
 * acknowledged by it, and @ioapic hears of ends. After the CPUs are made. */
void kernel_irqchip_wire(Device *dev, Device *pic, Device *ioapic);

#endif
