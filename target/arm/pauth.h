/* SPDX-License-Identifier: Apache-2.0 */
/* Pointer authentication codes. Spec: Arm ARM DDI 0487, D8.10, J1 (ComputePAC, AddPAC, Auth). */
#ifndef TARGET_ARM_PAUTH_H
#define TARGET_ARM_PAUTH_H

#include <stdint.h>

#include "target/arm/helper.h"

/* QARMA-64 with @rounds rounds (5), S-box sigma 2; the key is w0 (@hi) and k0 (@lo). */
IR_KEEPS uint64_t arm_qarma64(uint64_t data, uint64_t tweak, uint64_t hi, uint64_t lo,
                              unsigned rounds);
/* The cheap algorithm of our own. */
uint64_t arm_pac_mix(uint64_t data, uint64_t modifier, uint64_t hi, uint64_t lo);

#endif
