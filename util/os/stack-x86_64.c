/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spec: System V ABI, AMD64, 3.2.1: rbx, rbp, r12-r15 belong to the caller, as do the control
 * bits of MXCSR and the x87 control word, which no fiber changes.
 */
#include "util/os/stack.h"

#include <stdint.h>

void stack_switch_asm(void **save, void *to);
void stack_begin_asm(void);

__asm__(".text\n"
        ".p2align 4\n"
        ".globl stack_switch_asm\n"
        ".hidden stack_switch_asm\n"
        ".type stack_switch_asm, @function\n"
        "stack_switch_asm:\n"
        "    .cfi_startproc\n"
        "    pushq %rbp\n"
        "    pushq %rbx\n"
        "    pushq %r12\n"
        "    pushq %r13\n"
        "    pushq %r14\n"
        "    pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15\n"
        "    popq %r14\n"
        "    popq %r13\n"
        "    popq %r12\n"
        "    popq %rbx\n"
        "    popq %rbp\n"
        "    ret\n"
        "    .cfi_endproc\n"
        ".size stack_switch_asm, .-stack_switch_asm\n"
        /* The first return of a new stack comes here: r12(r13), with nothing above it. */
        ".p2align 4\n"
        ".globl stack_begin_asm\n"
        ".hidden stack_begin_asm\n"
        ".type stack_begin_asm, @function\n"
        "stack_begin_asm:\n"
        "    .cfi_startproc\n"
        "    .cfi_undefined rip\n"
        "    movq %r13, %rdi\n"
        "    callq *%r12\n"
        "    ud2\n"
        "    .cfi_endproc\n"
        ".size stack_begin_asm, .-stack_begin_asm\n"
        ".section .note.GNU-stack,\"\",@progbits\n"
        ".text\n");

void stack_prepare(StackContext *c, StackFn *fn, void *arg)
{
    uint64_t top = ((uint64_t)(uintptr_t)c->low + c->size) & ~15ull;
    uint64_t *sp = (uint64_t *)(uintptr_t)top - 9;

    /* In the order of the pops; at the call of @fn the stack is aligned to 16. */
    sp[0] = sp[1] = 0;                /* r15, r14 */
    sp[2] = (uint64_t)(uintptr_t)arg; /* r13 */
    sp[3] = (uint64_t)(uintptr_t)fn;  /* r12 */
    sp[4] = sp[5] = 0;                /* rbx, rbp: the end of the chain of frames */
    sp[6] = (uint64_t)(uintptr_t)stack_begin_asm;
    sp[7] = sp[8] = 0;
    c->sp = sp;
}

void stack_release(StackContext *c)
{
}

void stack_switch(StackContext *from, StackContext *to)
{
    stack_switch_asm(&from->sp, to->sp);
}
