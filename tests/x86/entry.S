/* SPDX-License-Identifier: Apache-2.0 */
/* Entry of a test kernel by Multiboot or, with PVH defined, by PVH's note; both in 32-bit mode. */
    .code32
    .section .head, "ax"
    .globl _start
#ifndef PVH
    .balign 4
    .long 0x1badb002, 3, -(0x1badb002 + 3)
#endif
_start:
    movl $stack_end, %esp
    pushl %ebx
    pushl %eax
    call info_main

#ifdef PVH
    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 4, 18
    .asciz "Xen"
    .long _start
#endif

    .bss
    .space 8192
stack_end:
    .section .note.GNU-stack, "", @progbits
