/* SPDX-License-Identifier: Apache-2.0 */
/* Real mode on the others: INIT and start-up messages; each counts, then waits for an NMI. */
#include "guest.h"
    MODE32
.set COUNT, 0x7f00
.set NMIS, 0x7f04
.set OTHERS_SIZE, 64 /* a number of its own: clang takes no difference of symbols here */
main:
    mov dword ptr [COUNT], 0
    mov dword ptr [NMIS], 0
    mov dword ptr [APIC + 0xf0], 0x1ff
    /* what they begin with, at 9000h */
    mov esi, offset others
    mov edi, 0x9000
    mov ecx, OTHERS_SIZE
    rep movsb
    mov word ptr [8], offset on_nmi - ROM
    mov word ptr [10], 0xf000
    mov dword ptr [APIC + 0x300], 0xc4500
    mov dword ptr [APIC + 0x300], 0xc4609
    mov ecx, 50000000
1:  pause
    cmp dword ptr [COUNT], 3
    je 2f
    loop 1b
    FAIL 1
2:  mov dword ptr [APIC + 0x300], 0xc4609 /* a second one is of no effect */
    mov dword ptr [APIC + 0x300], 0xc4400
    mov ecx, 50000000
3:  pause
    cmp dword ptr [NMIS], 3
    je 4f
    loop 3b
    FAIL 2
4:  cmp dword ptr [COUNT], 3
    je 5f
    FAIL 3
5:  PASS
    .code16
others:
    cli
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov bx, 0x100
    mov eax, 1
    lock xadd dword ptr [COUNT], eax
    mul bx
    mov sp, 0x8800
    add sp, ax
6:  hlt
    jmp 6b
    .fill OTHERS_SIZE - (. - others), 1, 0x90
on_nmi:
    lock inc dword ptr [NMIS]
    iret
