/* SPDX-License-Identifier: Apache-2.0 */
/* Segments as the guest has made them (SegCtl0 to SegCtl2). Spec: Vol. III, 4.1. */
#ifndef TARGET_MIPS_EVA_H
#define TARGET_MIPS_EVA_H

#include "target/mips/cpu.h"

typedef enum MipsEvaKind { MIPS_EVA_ERROR, MIPS_EVA_MAPPED, MIPS_EVA_DIRECT } MipsEvaKind;

/* What @va is in MMU mode @mode; *@pa: where, if direct. */
MipsEvaKind mips_eva_segment(const MipsCpu *c, uint32_t va, unsigned mode, uint64_t *pa);
void mips_eva_reset(MipsCpu *c);
/* SegCtl has been written. */
void mips_eva_changed(MipsCpu *c);

#endif
