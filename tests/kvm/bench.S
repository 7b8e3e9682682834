/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time-stamp ticks of 2000 exits of each kind, as lines of hexadecimal digits on port E9h: port
 * writes, port reads, MMIO reads, writes to a virtio queue's doorbell. On microvm, with a virtio
 * device in one of its transports (tests/bench/kvm.py).
 */
#include "guest.h"
    MODE32
.set TRANSPORTS, 0xfeb00000
.set COUNT, 2000
.set QUEUE, 0x10000
main:
    call ticks
    mov ecx, COUNT
1:  out 0x80, al
    dec ecx
    jnz 1b
    call tell
    call ticks
    mov ecx, COUNT
1:  in al, 0x71
    dec ecx
    jnz 1b
    call tell
    call ticks
    mov ecx, COUNT
    mov esi, TRANSPORTS
1:  mov eax, [esi]
    dec ecx
    jnz 1b
    call tell
    call device
    call ticks
    mov ecx, COUNT
    xor eax, eax
1:  mov [esi + 0x50], eax
    dec ecx
    jnz 1b
    call tell
    PASS

/* esi: a transport that has a device, with queue 0 running and empty. */
device:
    mov esi, TRANSPORTS
1:  cmp dword ptr [esi + 8], 0
    jne 2f
    add esi, 0x200
    cmp esi, TRANSPORTS + 0x3000
    jb 1b
    FAIL 1
2:  mov dword ptr [esi + 0x70], 0
    mov dword ptr [esi + 0x70], 3 /* acknowledge, driver */
    cmp dword ptr [esi + 4], 2
    je modern
    mov dword ptr [esi + 0x28], 0x1000 /* page size */
    mov dword ptr [esi + 0x30], 0      /* queue */
    mov dword ptr [esi + 0x38], 8
    mov dword ptr [esi + 0x3c], 0x1000
    mov dword ptr [esi + 0x40], 0x10 /* page of QUEUE */
    mov dword ptr [esi + 0x70], 7
    ret
modern:
    mov dword ptr [esi + 0x24], 1
    mov dword ptr [esi + 0x20], 1 /* VERSION_1 */
    mov dword ptr [esi + 0x70], 0xb
    mov dword ptr [esi + 0x30], 0
    mov dword ptr [esi + 0x38], 8
    mov dword ptr [esi + 0x80], QUEUE
    mov dword ptr [esi + 0x84], 0
    mov dword ptr [esi + 0x90], QUEUE + 0x1000
    mov dword ptr [esi + 0x94], 0
    mov dword ptr [esi + 0xa0], QUEUE + 0x2000
    mov dword ptr [esi + 0xa4], 0
    mov dword ptr [esi + 0x44], 1
    mov dword ptr [esi + 0x70], 0xf
    ret

ticks:
    rdtsc
    mov edi, eax
    ret

/* The ticks since, as eight digits. */
tell:
    rdtsc
    sub eax, edi
    mov ebx, eax
    mov ecx, 8
1:  rol ebx, 4
    mov al, bl
    and al, 15
    add al, 0x30
    cmp al, 0x3a
    jb 2f
    add al, 0x27
2:  out 0xe9, al
    dec ecx
    jnz 1b
    mov al, 10
    out 0xe9, al
    ret
