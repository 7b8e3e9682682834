/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HW_TIMER_MC146818_H
#define HW_TIMER_MC146818_H

#include "core/device.h"

extern const DeviceType device_mc146818;

/* What firmware reads of the machine in the CMOS RAM; @at 0 to 127. LOOP_THREAD, before start. */
void mc146818_set(Device *dev, unsigned at, uint8_t val);

#endif
