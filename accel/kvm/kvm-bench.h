/* SPDX-License-Identifier: Apache-2.0 */
/* For tests: PCs under KVM whose firmware is a few instructions. */
#ifndef ACCEL_KVM_KVM_BENCH_H
#define ACCEL_KVM_KVM_BENCH_H

#include "core/machine.h"

/* Says so, and true, where this host has none. */
bool kvm_is_missing(void);
/*
 * A `pc` whose ROM has @code at F000:0000, where it begins; with isa-debug-exit, 16 MiB. @setup
 * (may be NULL) adds devices before KVM is attached. NULL with *err.
 */
Machine *kvm_machine_setup(const uint8_t *code, size_t len, const char *options,
                           void (*setup)(Machine *m), GError **err);
/* The same with -cpu @cpu instead of "host". */
Machine *kvm_machine_cpu(const uint8_t *code, size_t len, const char *cpu, GError **err);
static inline Machine *kvm_machine(const uint8_t *code, size_t len, const char *options,
                                   GError **err)
{
    return kvm_machine_setup(code, len, options, NULL, err);
}

#endif
