/* SPDX-License-Identifier: Apache-2.0 */
/* Goes on where registers of devices are, from which KVM does not take instructions. */
#include "guest.h"
    MODE32
main:
    mov eax, IOAPIC
    jmp eax
