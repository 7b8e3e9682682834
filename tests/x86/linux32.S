/* SPDX-License-Identifier: Apache-2.0 */
/* Protected-mode part of a test kernel in Linux's form: entries of 32 and, at 200h, of 64 bits. */
    .code32
    .section .head, "ax"
    .globl _start
_start:
    movl $0x8ff00, %esp
    pushl %esi
    pushl $32
    call info_main

    .org 0x200
    .code64
    movl $0x8ff00, %esp
    movl %esi, %ebx
    pushq $0x08                 /* code of 32 bits in the loader's table */
    leaq compatible(%rip), %rax
    pushq %rax
    lretq
    .code32
compatible:
    pushl %ebx
    pushl $64
    call info_main
    .section .note.GNU-stack, "", @progbits
