/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A boot sector that asks firmware to be woken at `woken` (FACS's waking vector) and suspends to
 * RAM. It ends the machine by isa-debug-exit: status 67 where it was woken with RAM as it was.
 * Spec: ACPI 6.4, 5.2.5 (RSDP), 5.2.9 (FADT), 5.2.10 (FACS).
 */
.intel_syntax noprefix
.code16
.globl _start
_start:
    cli
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x7000
    /* flat data segments while in real mode */
    lgdt [gdtr]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    jmp 1f
1:  mov bx, 8
    mov ds, bx
    mov es, bx
    and al, 0xfe
    mov cr0, eax
    jmp 2f
2:  xor bx, bx
    mov ds, bx
    mov es, bx
    /* RSDP */
    mov esi, 0xe0000
3:  cmp dword ptr [esi], 0x20445352
    jne 4f
    cmp dword ptr [esi + 4], 0x20525450
    je 5f
4:  add esi, 16
    cmp esi, 0x100000
    jb 3b
    mov al, 5
    jmp out
5:  mov esi, [esi + 16]
    mov ecx, [esi + 4]
    add ecx, esi
    lea edi, [esi + 36]
6:  mov ebx, [edi]
    cmp dword ptr [ebx], 0x50434146
    je 7f
    add edi, 4
    cmp edi, ecx
    jb 6b
    mov al, 6
    jmp out
7:  mov esi, [ebx + 36] /* FACS */
    mov dword ptr [esi + 12], offset woken
    mov dword ptr [0x9000], 0x53334f4b
    mov dx, 0x604
    mov ax, 0x2401
    out dx, ax
    mov al, 7
    jmp out
woken:
    /* CS:IP of the vector: flat addresses are not to be relied on */
    xor ax, ax
    mov ds, ax
    mov al, 8
    cmp dword ptr [0x9000], 0x53334f4b
    jne out
    mov al, 0x21 /* status 43h */
out:
    mov dx, 0x501
    out dx, al
    hlt
gdt: .quad 0
    .quad 0x00cf93000000ffff
gdtr: .word 15
    .long gdt
.org 510
.word 0xaa55
