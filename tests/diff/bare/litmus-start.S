/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start-up of the memory order tests: every CPU comes to litmus_cpu(id) with the MMU on, the first
 * GiB Device, the second Normal, inner shareable.
 */
    .text
    .global _start
_start:
    mov     x19, #0
    b       1f
/* void cpu_entry(uint64_t id): where PSCI CPU_ON sends a CPU. */
    .global cpu_entry
cpu_entry:
    mov     x19, x0
1:  ldr     x0, =stacks
    add     x1, x19, #1
    add     x0, x0, x1, lsl #14
    mov     sp, x0
    ldr     x0, =0xff00         /* attribute 1 Normal write-back, 0 Device-nGnRnE */
    msr     mair_el1, x0
    ldr     x0, =25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23
    msr     tcr_el1, x0
    ldr     x0, =table
    msr     ttbr0_el1, x0
    isb
    tlbi    vmalle1
    dsb     sy
    isb
    mrs     x0, sctlr_el1
    orr     x0, x0, #1
    orr     x0, x0, #1 << 2
    msr     sctlr_el1, x0
    isb
    mov     x0, x19
    bl      litmus_cpu
2:  wfi
    b       2b

/* uint64_t psci(uint64_t fn, uint64_t a, uint64_t b, uint64_t c) */
    .global psci
psci:
    hvc     #0
    ret

    .data
    .balign 4096
table:
    .quad   1 | 1 << 10
    .quad   0x40000000 | 1 | 1 << 2 | 3 << 8 | 1 << 10
    .skip   4096 - 16

    .bss
    .balign 16384
stacks:
    .skip   16384 * 4
