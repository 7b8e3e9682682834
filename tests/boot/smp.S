/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two CPUs that share counters, a lock, code and interrupts, on the virt machine with GICv2.
 * Prints "smp ok" and powers off; what went wrong is printed as a letter.
 */
    .equ UART, 0x09000000
    .equ GICD, 0x08000000
    .equ GICC, 0x08010000
    .equ PSCI_CPU_ON, 0xc4000003
    .equ PSCI_SYSTEM_OFF, 0x84000008
    .equ ROUNDS, 20000
    .equ MESSAGES, 200
    .arch   armv8.1-a

    .text
    .global _start
_start:
    adr     x0, vectors
    msr     vbar_el1, x0
    ldr     x1, =UART
    mov     w2, #0x301
    str     w2, [x1, #0x30]
    ldr     x0, =GICD
    mov     w2, #1
    str     w2, [x0]
    ldr     x0, =PSCI_CPU_ON
    mov     x1, #1
    adr     x2, second
    mov     x3, #0
    hvc     #0
    cbnz    x0, fail_on
    mov     x20, #0
    b       work
second:
    adr     x0, vectors
    msr     vbar_el1, x0
    mov     x20, #1

/* x20: this CPU's number. The MMU: a GiB of devices, a GiB of memory, 39 bits, 4 KiB. */
work:
    adr     x0, tables
    msr     ttbr0_el1, x0
    ldr     x0, =0xff00         /* attribute 0: device, 1: normal, write-back */
    msr     mair_el1, x0
    ldr     x0, =(25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23)
    msr     tcr_el1, x0
    isb
    mrs     x0, sctlr_el1
    mov     x1, #0x1005         /* I, C, M */
    orr     x0, x0, x1
    msr     sctlr_el1, x0
    isb
    ldr     x0, =GICC
    mov     w2, #0xff
    str     w2, [x0, #4]        /* PMR */
    mov     w2, #1
    str     w2, [x0]
    adr     x21, shared
    mov     x2, #1
    ldr     w3, =ROUNDS
1:  ldadd   x2, x4, [x21]       /* a counter */
    add     x7, x21, #64
2:  ldaxr   w4, [x7]            /* a lock, and a counter under it */
    cbnz    w4, 2b
    stxr    w5, w2, [x7]
    cbnz    w5, 2b
    ldr     x6, [x21, #72]
    add     x6, x6, #1
    str     x6, [x21, #72]
    stlr    wzr, [x7]
    add     x7, x21, #128       /* a counter by compare and swap */
3:  ldr     x8, [x7]
    mov     x9, x8
    add     x10, x8, #1
    casal   x9, x10, [x7]
    cmp     x9, x8
    b.ne    3b
    subs    w3, w3, #1
    b.ne    1b

/* CPU 0 writes a function; CPU 1 calls it; interrupts tell each of the other. */
    mov     w19, #0
4:  cbnz    x20, 6f
    adr     x0, patch
    ldr     w1, =0xd2800000     /* movz x0, #n */
    orr     w1, w1, w19, lsl #5
    str     w1, [x0]
    dc      cvau, x0
    dsb     ish
    ic      ivau, x0
    dsb     ish
    isb
    ldr     x0, =GICD           /* SGI 1 to CPU 1 */
    ldr     w1, =0x00020001
    str     w1, [x0, #0xf00]
    add     x7, x21, #192
5:  msr     daifclr, #2
    msr     daifset, #2
    ldar    w8, [x7]            /* the answer */
    cmp     w8, w19
    b.gt    8f
    wfi
    b       5b
6:  add     x7, x21, #196
7:  msr     daifclr, #2
    msr     daifset, #2
    ldar    w8, [x7]            /* interrupts that came */
    cmp     w8, w19
    b.gt    9f
    wfi
    b       7b
9:  isb
    bl      patch
    cmp     w0, w19
    b.ne    fail_code
    add     x7, x21, #192
    add     w8, w19, #1
    stlr    w8, [x7]
    ldr     x0, =GICD           /* SGI 1 to CPU 0 */
    ldr     w1, =0x00010001
    str     w1, [x0, #0xf00]
8:  add     w19, w19, #1
    cmp     w19, #MESSAGES
    b.ne    4b
    add     x7, x21, #200
    mov     w2, #1
    ldaddal w2, w3, [x7]
    cbz     x20, 10f
11: wfi
    b       11b
10: ldar    w2, [x7]
    cmp     w2, #2
    b.ne    10b

    ldr     w3, =ROUNDS * 2
    ldr     x2, [x21]
    cmp     x2, x3
    b.ne    fail_add
    ldr     x2, [x21, #72]
    cmp     x2, x3
    b.ne    fail_lock
    ldr     x2, [x21, #128]
    cmp     x2, x3
    b.ne    fail_cas
    adr     x0, ok
    b       end
fail_on:
    adr     x0, text_on
    b       end
fail_code:
    adr     x0, text_code
    b       end
fail_add:
    adr     x0, text_add
    b       end
fail_lock:
    adr     x0, text_lock
    b       end
fail_cas:
    adr     x0, text_cas
end:
    ldr     x1, =UART
1:  ldrb    w2, [x0], #1
    cbz     w2, 2f
    str     w2, [x1]
    b       1b
2:  ldr     w0, =PSCI_SYSTEM_OFF
    hvc     #0
3:  wfi
    b       3b

    .balign 64
patch:
    mov     x0, #0x7fff
    ret

irq:
    ldr     x24, =GICC
    ldr     w25, [x24, #12]     /* IAR */
    str     w25, [x24, #16]     /* EOIR */
    cbz     x20, 1f
    add     x24, x21, #196
    ldr     w25, [x24]
    add     w25, w25, #1
    stlr    w25, [x24]
1:  eret

    .balign 0x800
vectors:
    .balign 0x80
    .space  0x200 + 0x80
    b       irq
    .balign 0x800

    .balign 4096
tables:
    .quad   0x0000000000000401 | 3 << 53    /* block, AF, never executed */
    .quad   0x0000000040000705 | 0 << 53    /* block, AF, shareable, attribute 1 */
    .space  4096 - 16

    .section .rodata
ok:         .asciz "smp ok\r\n"
text_on:    .asciz "CPU_ON failed\r\n"
text_code:  .asciz "old code ran\r\n"
text_add:   .asciz "LDADD lost one\r\n"
text_lock:  .asciz "the lock lost one\r\n"
text_cas:   .asciz "CAS lost one\r\n"

    .bss
    .balign 64
shared:
    .space  256
