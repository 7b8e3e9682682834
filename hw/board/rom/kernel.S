/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Option ROM that starts what -kernel names, after a PC's firmware: fetches its parts through
 * fw_cfg's DMA, then enters a Linux kernel in real mode, or a Multiboot or PVH kernel in 32-bit
 * protected mode with the memory map that firmware tells. The board fills in the block at 40h.
 * Spec: BIOS Boot Specification 1.01, 3.3 (BEV); Plug and Play BIOS Specification 1.0a, 3.2; QEMU
 * Firmware Configuration Device (DMA interface); ACPI 6.4, 15.1 (INT 15h, E820h).
 */
    .code16
    .text
    .globl _start
_start:
    .byte 0x55, 0xaa
    .byte 0                     /* of 512 bytes: the board */
    lretw                       /* nothing to initialise */

    .org 0x1a
    .word pnp
    .org 0x20
pnp:
    .ascii "$PnP"
    .byte 1, 2                  /* revision; length in 16 bytes */
    .word 0
    .byte 0, 0                  /* sum: the board */
    .long 0
    .word maker, product
    .byte 0, 0, 0               /* class */
    .byte 0
    .word 0, 0                  /* no BCV, no disconnect vector */
    .word start
    .word 0, 0

    .org 0x40                   /* PcRomBlock of hw/board/pc-kernel.c */
protected:  .byte 0
n_ops:      .byte 0
segment:    .word 0             /* Linux: of its set-up code */
stack:      .word 0
map_seg:    .word 0             /* where the memory map goes: segment ... */
map_at:     .word 0             /* ... and offset of the first entry */
map_max:    .word 0             /* entries */
map_size:   .word 0             /* 4: a double word of its size is in front of each */
count_at:   .word 0             /* offset of their number ... */
count_unit: .word 0             /* ... times this */
    .word 0
reg_eax:    .long 0
reg_ebx:    .long 0
entry:      .long 0
    .org 0x60
ops:                            /* commands as fw_cfg's DMA takes them */

    .org 0xe0
start:
    cli
    cld
    pushw %cs
    popw %ds
    xorw %ax, %ax
    movw %ax, %ss
    movl $0x7c00, %esp
    movw %ax, %es

    movzbw n_ops, %bp
    movw $ops, %si
1:  testw %bp, %bp              /* each command from RAM, since the device writes its status there */
    jz 2f
    movw $0x7c00, %di
    movw $8, %cx
    rep movsw
    xorl %eax, %eax
    movw $0x514, %dx
    outl %eax, %dx
    movl $0x007c0000, %eax      /* 7c00h, big-endian */
    addw $4, %dx
    outl %eax, %dx
3:  movl %es:0x7c00, %eax       /* all but bit 0, an error, clear: done */
    andl $0xfeffffff, %eax
    jnz 3b
    decw %bp
    jmp 1b

2:  cmpb $0, protected
    jne map

    movw segment, %ax           /* Linux: Documentation/x86/boot.rst, "Running the kernel" */
    movw stack, %cx
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movw %ax, %ss
    movzwl %cx, %esp
    addw $0x20, %ax
    pushw %ax
    pushw $0
    lretw

map:
    movw map_seg, %ax
    movw %ax, %es
    movw map_at, %di
    xorl %ebx, %ebx
    xorw %bp, %bp
4:  cmpw map_max, %bp
    jae 5f
    movl $0xe820, %eax
    movl $0x534d4150, %edx
    movl $20, %ecx
    movl $20, %es:(%di)
    addw map_size, %di
    movl $0, %es:20(%di)
    int $0x15
    jc 5f
    cmpl $0x534d4150, %eax
    jne 5f
    incw %bp
    addw $24, %di
    subw map_size, %di
    testl %ebx, %ebx
    jnz 4b
5:  movw %bp, %ax
    mulw count_unit
    movw count_at, %di
    stosw
    movw %dx, %es:(%di)

    cli
    inb $0x92, %al              /* address line 20 */
    orb $2, %al
    andb $0xfe, %al
    outb %al, $0x92
    movl reg_eax, %esi
    movl reg_ebx, %ebx
    movl entry, %edi
    xorl %eax, %eax
    movw %cs, %ax
    shll $4, %eax
    leal flat(%eax), %ecx
    addl $gdt, %eax
    pushl %eax
    pushw $gdt_end - gdt - 1
    movw %sp, %bp
    lgdtl (%bp)
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    pushl $8
    pushl %ecx
    lretl

    .code32
flat:
    movw $0x10, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %fs
    movw %ax, %gs
    movw %ax, %ss
    movl %esi, %eax
    jmp *%edi

    .balign 8
gdt:                            /* accessed already: this memory is read only */
    .quad 0
    .quad 0x00cf9b000000ffff
    .quad 0x00cf93000000ffff
gdt_end:

maker:   .asciz "Tinamou"
product: .asciz "Kernel of -kernel"
