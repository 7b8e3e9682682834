/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The small guest: prints a greeting on the virt machine's PL011, echoes what is typed, and
 * powers off through PSCI at 'q' or end of transmission (Ctrl-D).
 */
    .equ UART, 0x09000000
    .equ PSCI_SYSTEM_OFF, 0x84000008

    .text
    .global _start
_start:
    ldr     x1, =UART
    mov     w2, #0x301          /* UARTCR: enable, transmit, receive */
    str     w2, [x1, #0x30]
    adr     x0, greeting
    bl      puts
loop:
    ldr     w2, [x1, #0x18]     /* UARTFR: RXFE is bit 4 */
    tbz     w2, #4, 1f
    yield
    b       loop
1:  ldr     w0, [x1]
    and     w0, w0, #0xff
    cmp     w0, #'q'
    b.eq    off
    cmp     w0, #4
    b.eq    off
    str     w0, [x1]
    b       loop
off:
    adr     x0, bye
    bl      puts
    ldr     w0, =PSCI_SYSTEM_OFF
    hvc     #0
2:  wfi
    b       2b

puts:
    ldrb    w2, [x0], #1
    cbz     w2, 3f
    str     w2, [x1]
    b       puts
3:  ret

    .section .rodata
greeting:
    .asciz  "\r\nHello from the small AArch64 guest. Type; q powers off.\r\n"
bye:
    .asciz  "\r\nbye\r\n"
