/* SPDX-License-Identifier: Apache-2.0 */
/* A small machine for parsers that work on one: board virt, one CPU, no accelerator. */
#ifndef TESTS_FUZZ_MACHINE_H
#define TESTS_FUZZ_MACHINE_H

#include "hw/board/board.h"
#include "tests/fuzz/fuzz.h"

/* After its first reset. @fill may set more of the configuration. NULL with *err. */
Machine *fuzz_machine(void (*fill)(BoardConfig *cfg, void *arg), void *arg, GError **err);

#endif
