/* SPDX-License-Identifier: Apache-2.0 */
/* A bzImage: set-up code of four sectors, then `linux32.bin`. Documentation/x86/boot.rst */
    .code16
    .text
    .globl _start
_start:
    .org 0x1f1
    .byte 3                     /* sectors of set-up code behind the first */
    .word 0
    .long (end - protected + 15) / 16
    .word 0, 0, 0
    .word 0xaa55
    .byte 0xeb, setup - . - 1
    .ascii "HdrS"
    .word 0x020c
    .long 0
    .word 0, 0
    .byte 0, 1                  /* loaded high */
    .word 0
    .long 0x100000
    .long 0, 0                  /* initial RAM disk */
    .long 0
    .word 0
    .byte 0, 0
    .long 0                     /* command line */
    .long 0x7fffffff
    .long 0x1000
    .byte 1, 0
    .word 1                     /* has an entry of 64 bits */
    .long 2047
    .org 0x268
setup:
    cli
    xorl %eax, %eax
    movw %ds, %ax
    shll $4, %eax
    addl $gdt, %eax
    movl %eax, gdtr + 2
    lgdtl gdtr
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl $0x10, $(0x100000 + flat - protected)
gdtr:
    .word 31
    .long 0
    .balign 8
gdt:
    .quad 0, 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
    .org 0x800
protected:
    .incbin "linux32.bin"
    .balign 16
    .code32
flat:
    movw $0x18, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    xorl %esi, %esi
    movl $0x100000, %eax
    jmp *%eax
end:
