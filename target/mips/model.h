/* SPDX-License-Identifier: Apache-2.0 */
/* CPU models: what they have and how they name themselves. */
#ifndef TARGET_MIPS_MODEL_H
#define TARGET_MIPS_MODEL_H

#include "target/mips/cpu.h"

struct MipsModel {
    const char *name;
    const char *doc;
    uint32_t prid;
    uint64_t config[8]; /* Config to Config7 */
    uint64_t features;
    uint8_t tlb_entries;
    uint8_t seg_bits, pa_bits;
    uint32_t fir;            /* FIR (floating-point control register 0) */
    uint32_t fcr31_writable; /* beside what every FPU has */
};

/* DeviceType.start of every model (cpu.c). */
bool mips_cpu_start(Device *dev, GError **err);

extern const MipsModel *const mips_models[]; /* NULL-terminated */

#endif
