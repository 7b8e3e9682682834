/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts that run no x86 guest themselves. */
#include "target/i386/features.h"

bool x86_host_model(Machine *m, bool migratable, X86HostModel *out)
{
    return false;
}
