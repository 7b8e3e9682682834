/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ACCEL_TCG_HOST_X86_64_SLOW_PATH_H
#define ACCEL_TCG_HOST_X86_64_SLOW_PATH_H

#include "accel/tcg/host/x86_64/x64-priv.h"

/*
 * What the thunks X64Thunks.slow and slow_xmm call. @back: where they return to; @frame: of the
 * block, with the registers; @env: the env pointer. True: an exception was raised, pc and
 * leave_restart are set.
 */
bool x64_slow_run(Cpu *cpu, const uint8_t *back, uint8_t *frame, const uint8_t *env);

#endif
