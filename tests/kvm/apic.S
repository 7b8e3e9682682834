/* SPDX-License-Identifier: Apache-2.0 */
/* Protected mode: local APIC's timer, a message to itself, priorities, the timer by the I/O APIC. */
#include "guest.h"
    MODE32
.set COUNT, 0x10000
main:
    GATE32 0x40, on_timer
    GATE32 0x51, on_self
    GATE32 0x62, on_pit
    GATE32 0xff, on_spurious
    PICS 0xff
    mov dword ptr [COUNT], 0
    mov dword ptr [COUNT + 4], 0
    mov dword ptr [COUNT + 8], 0
    mov dword ptr [APIC + 0xf0], 0x1ff
    mov eax, [APIC + 0x30]
    and eax, 0xf0
    cmp eax, 0x10
    jne bad_version
    /* the timer, three times */
    mov dword ptr [APIC + 0x3e0], 0xb
    mov dword ptr [APIC + 0x320], 0x20040
    mov dword ptr [APIC + 0x380], 1000000
    sti
1:  hlt
    cmp dword ptr [COUNT], 3
    jb 1b
    cli
    mov dword ptr [APIC + 0x320], 0x10040
    mov dword ptr [APIC + 0x380], 0
    /* a message to itself waits for the priority */
    mov dword ptr [APIC + 0x80], 0x60
    mov dword ptr [APIC + 0x300], 0x44051
    sti
    mov ecx, 2000
3:  loop 3b
    cmp dword ptr [COUNT + 4], 0
    jne bad_priority
    mov dword ptr [APIC + 0x80], 0
    mov ecx, 2000
4:  loop 4b
    cmp dword ptr [COUNT + 4], 1
    jne bad_self
    /* the 8254 at pin 2, as an edge */
    cli
    mov dword ptr [IOAPIC], 0x15
    mov dword ptr [IOAPIC + 0x10], 0
    mov dword ptr [IOAPIC], 0x14
    mov dword ptr [IOAPIC + 0x10], 0x62
    PIT 2000
    sti
2:  hlt
    cmp dword ptr [COUNT + 8], 3
    jb 2b
    cli
    PASS
bad_version:
    FAIL 1
bad_priority:
    FAIL 2
bad_self:
    FAIL 3
on_timer:
    inc dword ptr [COUNT]
    mov dword ptr [APIC + 0xb0], 0
    RET32
on_self:
    inc dword ptr [COUNT + 4]
    mov dword ptr [APIC + 0xb0], 0
    RET32
on_pit:
    inc dword ptr [COUNT + 8]
    mov dword ptr [APIC + 0xb0], 0
    RET32
on_spurious:
    RET32
