/* SPDX-License-Identifier: Apache-2.0 */
/* Exceptions of an Arm CPU. Spec: Arm ARM DDI 0487, D1.3 and D24.2 (ESR_ELx). */
#ifndef TARGET_ARM_EXCEPTION_H
#define TARGET_ARM_EXCEPTION_H

/* ArmException.kind */
enum { ARM_EXC_SYNC, ARM_EXC_IRQ, ARM_EXC_FIQ, ARM_EXC_SERROR };

#endif
