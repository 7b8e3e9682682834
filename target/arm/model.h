/* SPDX-License-Identifier: Apache-2.0 */
/* CPU models: what they have and how they name themselves. */
#ifndef TARGET_ARM_MODEL_H
#define TARGET_ARM_MODEL_H

#include "target/arm/cpu.h"

struct ArmModel {
    const char *name;
    const char *doc;
    ArmIdRegs id;
    uint64_t features;
    bool has_pauth_props; /* pauth and pauth-impdef may be set */
};

/* DeviceType.start of every model (cpu.c). */
bool arm_cpu_start(Device *dev, GError **err);

extern const ArmModel *const arm_models[]; /* NULL-terminated */

#endif
