/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HW_INTC_I8259_H
#define HW_INTC_I8259_H

#include "core/device.h"

extern const DeviceType device_i8259;

/* The two INTA cycles: the vector of the request that is served from now on. Without a request it
 * is IRQ 7's (a spurious interrupt). Context: ANY_THREAD, no device lock held. */
uint8_t i8259_acknowledge(Device *dev);

#endif
