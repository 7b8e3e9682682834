/* SPDX-License-Identifier: Apache-2.0 */
/* No handler for a division by zero, nor for what follows. */
#include "guest.h"
    MODE32
main:
    lidt [nothing]
    xor ecx, ecx
    xor edx, edx
    div ecx
    FAIL 1
nothing:
    .word 0
    .long 0
