/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A floppy disk's boot sector: reads tracks by the firmware (INT 13h), writes one sector, tells
 * the sums on COM1 and ends the machine.
 */
    .code16
    .text
    .globl _start
_start:
    xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %ss
    movw $0x7000, %sp
    movw $0x1000, %ax
    movw %ax, %es
    movb %dl, drive
    cld
    movw $text, %si
    call print
    movw $0x0002, %cx /* cylinder 0 from sector 2, head 0: what is left of the track */
    movb $0, %dh
    movb $17, %al
    call track
    movw $0x0001, %cx /* head 1 */
    movb $1, %dh
    movb $18, %al
    call track
    movw $0x4f01, %cx /* the last cylinder */
    movb $1, %dh
    movb $18, %al
    call track
    /* What was read last goes to cylinder 3, head 0, sector 5. */
    xorw %bx, %bx
    movw $0x0305, %cx
    movb $0, %dh
    movb drive, %dl
    movw $0x0301, %ax
    int $0x13
    jc failed
    movw $done, %si
    call print
    movw $0x501, %dx
    movb $1, %al /* the program's status is 3 then */
    outb %al, %dx
stop:
    hlt
    jmp stop

/* %al sectors at %cx, head %dh; tells the sum of their bytes. */
track:
    movzbw %al, %bp
    xorw %bx, %bx
    movb drive, %dl
    movb $2, %ah
    int $0x13
    jc failed
    shlw $9, %bp
    xorw %bx, %bx
    xorw %di, %di
1:  movzbw %es:(%bx), %ax
    addw %ax, %di
    incw %bx
    decw %bp
    jnz 1b
    movw $4, %cx
2:  rolw $4, %di
    movw %di, %ax
    andb $15, %al
    addb $'0', %al
    cmpb $'9', %al
    jbe 3f
    addb $('a' - '0' - 10), %al
3:  call put
    loop 2b
    movb $' ', %al
put:
    movw $0x3f8, %dx
    outb %al, %dx
    ret

failed:
    movw $wrong, %si
    call print
    jmp stop

print:
    lodsb
    testb %al, %al
    jz 1f
    call put
    jmp print
1:  ret

drive:
    .byte 0
text:
    .asciz "floppy "
done:
    .asciz "written\n"
wrong:
    .asciz "failed\n"
    .org 510
    .byte 0x55, 0xaa
