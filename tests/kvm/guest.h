/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For test kernels of PCs: firmware that does one thing and ends the machine by isa-debug-exit
 * (port 501h): PASS is status 1, FAIL n is 2n + 1.
 *
 * MODE16, MODE32 or MODE64 come first, then `main:`, in that mode with interrupts off, a stack
 * below 7000h, and in the modes above 16 bits an IDT of zeros at 1000h (GATE fills it). Memory
 * from 10000h on is free.
 */
.intel_syntax noprefix

.set ROM, 0xf0000
.set IDT, 0x1000
.set APIC, 0xfee00000
.set IOAPIC, 0xfec00000

.macro PASS
    mov al, 0
    mov dx, 0x501
    out dx, al
    hlt
.endm

.macro FAIL n
    mov al, \n
    mov dx, 0x501
    out dx, al
    hlt
.endm

.macro OUTB port, value
    mov al, \value
    mov dx, \port
    out dx, al
.endm

/* The 8259s: vectors 20h and 28h, all masked but those of \mask. */
.macro PICS mask
    OUTB 0x20, 0x11
    OUTB 0xa0, 0x11
    OUTB 0x21, 0x20
    OUTB 0xa1, 0x28
    OUTB 0x21, 4
    OUTB 0xa1, 2
    OUTB 0x21, 1
    OUTB 0xa1, 1
    OUTB 0x21, \mask
    OUTB 0xa1, 0xff
.endm

/* Timer 0 of the 8254: a rate of 1193182 / \count Hz. */
.macro PIT count
    OUTB 0x43, 0x34
    OUTB 0x40, (\count & 0xff)
    OUTB 0x40, (\count >> 8)
.endm

.macro RESET_VECTOR
    .section .reset, "ax"
    .code16
    .byte 0xea
    .word start16 - ROM, 0xf000
    .text
.endm

.macro MODE16
    RESET_VECTOR
    .code16
start16:
    cli
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov sp, 0x7000
    jmp main
.endm

/* A real-mode vector; \n is known to the assembler. */
.macro VECTOR16 n, where
    mov word ptr [4 * \n], offset \where - ROM
    mov word ptr [4 * \n + 2], 0xf000
.endm

.macro TO_PROTECTED
    RESET_VECTOR
    .balign 8
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff /* 08: code, 32 bits */
    .quad 0x00cf93000000ffff /* 10: data */
    .quad 0x00af9b000000ffff /* 18: code, 64 bits */
gdt_end:
gdtr:
    .word gdt_end - gdt - 1
    .long gdt
idtr:
    .word 0xfff
    .long IDT
    .long 0
    .code16
start16:
    cli
    lgdt cs:[gdtr - ROM]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    .byte 0x66, 0xea /* jmp 08:start32 */
    .long start32
    .word 0x08
    .code32
start32:
    mov ax, 0x10
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov esp, 0x7000
    cld
    mov edi, IDT
    mov ecx, 0x400
    xor eax, eax
    rep stosd
.endm

.macro MODE32
    TO_PROTECTED
    lidt [idtr]
    jmp main
.endm

/* Pages of 2 MiB map the first 4 GiB at their own addresses. Tables from 20000h on. */
.macro MODE64
    TO_PROTECTED
    mov edi, 0x20000
    mov ecx, 0x1800
    rep stosd
    mov dword ptr [0x20000], 0x21003
    mov edi, 0x21000
    mov eax, 0x22003
    mov ecx, 4
1:  mov [edi], eax
    add edi, 8
    add eax, 0x1000
    loop 1b
    mov edi, 0x22000
    mov eax, 0x83
    mov ecx, 2048
2:  mov [edi], eax
    add edi, 8
    add eax, 0x200000
    loop 2b
    mov eax, 0x20000
    mov cr3, eax
    mov eax, cr4
    or eax, 0x620 /* PAE, OSFXSR, OSXMMEXCPT */
    mov cr4, eax
    mov ecx, 0xc0000080
    rdmsr
    or eax, 0x100
    wrmsr
    mov eax, cr0
    and eax, ~0x60000000
    or eax, 0x80000000
    mov cr0, eax
    .byte 0xea /* jmp 18:start64 */
    .long start64
    .word 0x18
    .code64
start64:
    mov ax, 0x10
    mov ds, ax
    mov es, ax
    mov ss, ax
    mov rsp, 0x7000
    lidt [idtr]
    jmp main
.endm

.macro GATE32 n, where
    mov eax, offset \where
    mov [IDT + 8 * \n], ax
    mov word ptr [IDT + 8 * \n + 2], 0x08
    mov word ptr [IDT + 8 * \n + 4], 0x8e00
    shr eax, 16
    mov [IDT + 8 * \n + 6], ax
.endm

.macro GATE64 n, where
    mov eax, offset \where
    mov [IDT + 16 * \n], ax
    mov word ptr [IDT + 16 * \n + 2], 0x18
    mov word ptr [IDT + 16 * \n + 4], 0x8e00
    shr eax, 16
    mov [IDT + 16 * \n + 6], ax
    mov qword ptr [IDT + 16 * \n + 8], 0
.endm

/* Returns from interrupts without IRET, which KVM's emulator (a host without hardware help for
 * nested guests) does in real mode alone. RET64 destroys rax. */
.macro RET32
    push dword ptr [esp + 8]
    popfd
    ret 8
.endm

.macro RET64
    pop rax
    add rsp, 8
    popfq
    pop rsp
    jmp rax
.endm
