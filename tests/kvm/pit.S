/* SPDX-License-Identifier: Apache-2.0 */
/* Real mode: the timer interrupts by the 8259s; five times, out of HLT. */
#include "guest.h"
    MODE16
main:
    VECTOR16 0x20, tick
    PICS 0xfe
    PIT 2000
    xor bx, bx
    sti
1:  hlt
    cmp bx, 5
    jb 1b
    cli
    PASS
tick:
    inc bx
    mov al, 0x20
    out 0x20, al
    iret
