/* SPDX-License-Identifier: Apache-2.0 */
/* The registers of power of microvm's event device: the first run resets, which comes back here
 * with the same memory; the second one ends the machine by S5. */
#include "guest.h"
    MODE32
.set POWER, 0xfea00200
.set SEEN, 0x10000
main:
    mov esi, POWER
    cmp byte ptr [esi], 0
    jne bad
    cmp dword ptr [SEEN], 0x52455345
    je again
    mov dword ptr [SEEN], 0x52455345
    mov byte ptr [esi + 2], 0x41 /* not the value */
    mov byte ptr [esi], 0x14     /* S5, but not now */
    mov byte ptr [esi + 2], 0x42
1:  pause
    jmp 1b
again:
    mov byte ptr [esi], 0x34
1:  pause
    jmp 1b
bad:
    FAIL 1
