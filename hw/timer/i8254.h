/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HW_TIMER_I8254_H
#define HW_TIMER_I8254_H

#include "core/device.h"

extern const DeviceType device_i8254;

#endif
