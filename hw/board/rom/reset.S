/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last 4 KiB below 4 GiB where there is no firmware: from the reset vector to a kernel in 32 or
 * 64-bit mode. The board fills in the block at 0; page tables are in RAM.
 * Spec: Intel SDM volume 3, 9.1.4 (first instruction), 9.8.5 (IA-32e mode).
 */
    .set BASE, 0xfffff000
    .set OFFSET, 0xf000         /* of this in the segment that reset gives */

    .code16
    .text
    .globl _start
_start:                         /* PcResetBlock of hw/board/pc-kernel.c */
wide:    .long 0                /* 1: 64-bit mode */
reg_eax: .long 0
reg_ebx: .long 0
reg_esi: .long 0
tables:  .long 0                /* CR3 */
entry:   .long 0

    .org 0x20
gdt:                            /* accessed already: this memory is read only */
    .quad 0
    .quad 0x00cf9b000000ffff    /* 08h: code, 32 bits */
    .quad 0x00af9b000000ffff    /* 10h: code, 64 bits */
    .quad 0x00cf93000000ffff    /* 18h: data */
    .quad 0x00008b0000000067    /* 20h: a task */
gdt_end:
gdtr:
    .word gdt_end - gdt - 1
    .long BASE + gdt - _start

    .org 0x80
real:
    cli
    cld
    lgdtl %cs:(OFFSET + gdtr - _start)
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl $8, $(BASE + flat - _start)

    .code32
flat:
    movw $0x18, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movw %ax, %ss
    movl BASE + wide - _start, %ecx
    movl BASE + reg_esi - _start, %esi
    movl BASE + reg_ebx - _start, %ebx
    movl BASE + entry - _start, %edi
    testl %ecx, %ecx
    jnz 1f
    movl BASE + reg_eax - _start, %eax
    jmp *%edi

1:  movl BASE + tables - _start, %eax
    movl %eax, %cr3
    movl %cr4, %eax
    orl $0x20, %eax             /* PAE */
    movl %eax, %cr4
    movl $0xc0000080, %ecx      /* EFER: LME */
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl %cr0, %eax
    orl $0x80000000, %eax
    movl %eax, %cr0
    ljmpl $0x10, $(BASE + long - _start)

    .code64
long:
    movl %esi, %esi             /* what is above 32 bits is undefined so far */
    movl %edi, %edi
    jmp *%rdi

    .org 0xff0
    .code16
    jmp real
    .org 0x1000
