/* SPDX-License-Identifier: Apache-2.0 */
/* Long mode: registers of devices by accesses of several forms, strings of ports, debug registers. */
#include "guest.h"
    MODE64
.set HITS, 0x10000
.set SEEN, 0x10008
.set BYTES, 0x11000
main:
    mov rsp, 0x7000
    /* the I/O APIC's version by a move, an or and a compare with memory */
    mov rsi, IOAPIC
    mov dword ptr [rsi], 1
    mov eax, [rsi + 0x10]
    mov ebx, eax
    and eax, 0xff00ff
    cmp eax, 0x170011
    je 1f
    cmp eax, 0x170020
    jne bad_mmio
1:  cmp [rsi + 0x10], ebx
    jne bad_mmio
    mov dword ptr [rsi], 0x20
    mov dword ptr [rsi + 0x10], 0x10031
    or dword ptr [rsi + 0x10], 0x2000
    mov eax, [rsi + 0x10]
    cmp eax, 0x12031
    jne bad_rmw
    /* strings of ports: bytes of CMOS RAM out and in */
    OUTB 0x70, 0x8f
    mov byte ptr [BYTES], 0x11
    mov byte ptr [BYTES + 1], 0x22
    mov byte ptr [BYTES + 2], 0x33
    mov rsi, BYTES
    mov edx, 0x71
    mov ecx, 3
    cld
    rep outsb
    cmp rsi, BYTES + 3
    jne bad_string
    OUTB 0x70, 0x8f
    mov rdi, BYTES + 16
    mov edx, 0x71
    mov ecx, 4
    rep insb
    cmp byte ptr [BYTES + 19], 0x33
    jne bad_string
    /* a breakpoint of the guest's own */
    GATE64 1, on_debug
    mov dword ptr [HITS], 0
    mov eax, offset here
    mov dr0, rax
    mov eax, 0x402 /* dr0: execution; global */
    mov dr7, rax
    nop
here:
    nop
    cmp dword ptr [HITS], 1
    jne bad_debug
    test dword ptr [SEEN], 1
    jz bad_debug
    PASS
bad_mmio:
    FAIL 1
bad_rmw:
    FAIL 2
bad_string:
    FAIL 3
bad_debug:
    FAIL 4
on_debug:
    inc dword ptr [HITS]
    mov rax, dr6
    mov [SEEN], eax
    xor eax, eax
    mov dr6, rax
    mov eax, 0x400
    mov dr7, rax
    RET64
