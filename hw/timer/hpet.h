/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HW_TIMER_HPET_H
#define HW_TIMER_HPET_H

#include "core/device.h"

extern const DeviceType device_hpet;

#endif
