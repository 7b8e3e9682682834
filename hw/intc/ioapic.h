/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HW_INTC_IOAPIC_H
#define HW_INTC_IOAPIC_H

#include "core/device.h"

extern const DeviceType device_ioapic;

/* A CPU has ended @vector: level-triggered inputs that sent it may send again. Context: ANY_THREAD;
 * done once no device lock is held. */
void ioapic_end(Device *dev, uint8_t vector);

#endif
