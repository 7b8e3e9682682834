/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time-stamp ticks of 100 exits of each kind, as lines of hexadecimal digits on port E9h: port
 * writes, port reads, MMIO reads, MMIO writes, writes to a virtio queue's doorbell. Each is the
 * best of 60 lots, which leaves out what else the host did. On microvm, with a virtio device in
 * one of its transports (tests/bench/kvm.py).
 */
#include "guest.h"
    MODE32
.set TRANSPORTS, 0xfeb00000
.set COUNT, 100
.set LOTS, 60
.set BEST, 0x8000
.set QUEUE, 0x10000

/* The best time of COUNT rounds of \what. */
.macro MEASURE what:vararg
    mov dword ptr [BEST], -1
    mov ebp, LOTS
1:  call ticks
    mov ecx, COUNT
2:  \what
    dec ecx
    jnz 2b
    call best
    dec ebp
    jnz 1b
    call tell
.endm

main:
    MEASURE out 0x80, al
    MEASURE in al, 0x71
    mov esi, TRANSPORTS
    MEASURE mov eax, [esi]
    xor eax, eax
    MEASURE mov [esi + 0x14], eax /* DeviceFeaturesSel */
    call device
    MEASURE mov dword ptr [esi + 0x50], 0
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

best:
    rdtsc
    sub eax, edi
    cmp eax, [BEST]
    jae 1f
    mov [BEST], eax
1:  ret

/* The best ticks, as eight digits. */
tell:
    mov ebx, [BEST]
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
