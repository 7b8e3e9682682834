/* SPDX-License-Identifier: Apache-2.0 */
/* Start-up and vectors of the bare-metal tests: C code at EL1, MMU off; a fault is recorded and
 * its instruction skipped. */
    .text
    .global _start
_start:
    ldr     x0, =stack_top
    mov     sp, x0
    ldr     x0, =vectors
    msr     vbar_el1, x0
    mov     x0, #3 << 20
    msr     cpacr_el1, x0
    isb
    bl      test_main
    ldr     w0, =0x84000008     /* PSCI SYSTEM_OFF */
    hvc     #0
1:  wfi
    b       1b

    .macro vector
    .balign 0x80
    b       on_exception
    .endm

    .balign 0x800
vectors:
    .rept 16
    vector
    .endr

on_exception:
    stp     x0, x1, [sp, #-32]!
    stp     x2, x3, [sp, #16]
    ldr     x0, =fault
    mrs     x1, esr_el1
    mrs     x2, far_el1
    stp     x1, x2, [x0]
    ldr     x2, [x0, #16]
    add     x2, x2, #1
    str     x2, [x0, #16]
    mrs     x1, elr_el1
    str     x1, [x0, #24]
    /* An instruction abort cannot skip: it returns to the link register. */
    ldr     x2, [x0]
    lsr     x2, x2, #26
    cmp     x2, #0x15
    b.eq    4f
    cmp     x2, #0x21
    b.eq    2f
    add     x1, x1, #4
    b       3f
2:  mov     x1, x30
    b       3f
    /* SVC: go on behind it, at EL1. */
4:  mov     x2, #0x3c5
    msr     spsr_el1, x2
3:  msr     elr_el1, x1
    ldp     x2, x3, [sp, #16]
    ldp     x0, x1, [sp], #32
    eret

/* void el0_call(void (*fn)(void)): call a function at EL0, on a stack of its own. */
    .global el0_call
el0_call:
    stp     x29, x30, [sp, #-16]!
    ldr     x2, =el0_stack_top
    msr     sp_el0, x2
    msr     elr_el1, x0
    mov     x3, #0x3c0
    msr     spsr_el1, x3
    adr     x30, 1f
    eret
1:  svc     #0x77
    ldp     x29, x30, [sp], #16
    ret

    .bss
    .balign 16
    .skip 16384
el0_stack_top:
    .skip 16384
stack_top:
    .global fault
fault:
    .skip 32
