/* SPDX-License-Identifier: Apache-2.0 */
/* The accelerators that are built in. */
#include "accel/accel.h"

const Accel *const accel_types[] = {
    &accel_tcg,
#ifdef HAVE_KVM
    &accel_kvm,
#endif
    NULL,
};
