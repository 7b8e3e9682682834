/* SPDX-License-Identifier: Apache-2.0 */
/* Code and data segments with a base: interrupts of the timer come and IRET returns from them;
 * FNINIT and FWAIT are executed. KVM's emulator, which runs such code on some hosts, does not know
 * IRET there. The stack is flat: a KVM was seen that delivers interrupts without SS's base. */
#include "guest.h"
    MODE32
.set BASE, 0x200000
.set GDT, 0x9000
.set COUNT, 0x70000
main:
    mov dword ptr [GDT + 8], 0x0000ffff
    mov dword ptr [GDT + 12], 0x00cf9b20
    mov dword ptr [GDT + 16], 0x0000ffff
    mov dword ptr [GDT + 20], 0x00cf9320
    mov dword ptr [GDT + 24], 0x0000ffff
    mov dword ptr [GDT + 28], 0x00cf9300
    mov word ptr [GDT + 0x100], 0x1f
    mov dword ptr [GDT + 0x102], GDT
    mov esi, offset code
    mov edi, BASE
    mov ecx, offset CODE_BYTES
    rep movsb
    PICS 0xfe
    PIT 11932
    mov eax, offset HANDLER_AT
    mov [IDT + 8 * 0x20], ax
    mov word ptr [IDT + 8 * 0x20 + 2], 0x08
    mov dword ptr [IDT + 8 * 0x20 + 4], 0x00008e00
    lgdt [GDT + 0x100]
    mov ax, 0x10
    mov ds, ax
    mov es, ax
    mov ax, 0x18
    mov ss, ax
    mov esp, 0x80000
    .byte 0xea /* jmp 08:0 */
    .long 0
    .word 0x08
code:
    mov dword ptr [COUNT], 0
    fninit
    fwait
    fnstcw [COUNT + 8]
    cmp word ptr [COUNT + 8], 0x37f
    jne 2f
    mov ebx, 0x12345678
    sti
1:  stc
    mov eax, [COUNT] /* keeps CF, which the handler clears */
    jnc 2f
    cmp eax, 5
    jb 1b
    cli
    cmp esp, 0x80000
    jne 2f
    cmp ebx, 0x12345678
    jne 2f
    PASS
2:  FAIL 1
handler:
    push eax
    inc dword ptr [COUNT]
    mov al, 0x20
    out 0x20, al
    pop eax
    clc
    iretd
code_end:
/* Clang takes no difference in an operand. */
.set CODE_BYTES, code_end - code
.set HANDLER_AT, handler - code
