/* SPDX-License-Identifier: Apache-2.0 */
/* 32 bits: in its legacy mode the HPET has the line of the 8254, which then is silent. */
#include "guest.h"
    .set HPET, 0xfed00000
    MODE32
main:
    GATE32 0x20, tick
    PICS 0xfe
    mov eax, [HPET]
    cmp eax, 0x8086a201
    jne fail
    xor ebx, ebx
    /* timer 0: periodic, of 32 bits, every 10 ms of 10 ns ticks */
    mov dword ptr [HPET + 0x100], 0x14c
    mov dword ptr [HPET + 0x108], 1000000
    mov dword ptr [HPET + 0x108], 1000000
    mov dword ptr [HPET + 0x10], 3
    PIT 1193 /* 1 kHz */
    call count
    mov eax, [HPET + 0xf0]
    cmp eax, 4000000 /* five of the 8254 would be early */
    jb fail
    /* and back again */
    mov dword ptr [HPET + 0x10], 0
    xor ebx, ebx
    call count
    PASS
fail:
    FAIL 1
count:
    sti
1:  hlt
    cmp ebx, 5
    jb 1b
    cli
    ret
tick:
    push eax
    inc ebx
    mov al, 0x20
    out 0x20, al
    pop eax
    RET32
