/* SPDX-License-Identifier: Apache-2.0 */
/* Is an interrupt's frame on the stack where SS has a base? Some KVM forgets the base (FAIL 1):
 * tests/x86/ipxe.sh asks before it tries. */
#include "guest.h"
    MODE32
.set BASE, 0x200000
.set GDT, 0x9000
main:
    mov dword ptr [GDT + 8], 0x0000ffff
    mov dword ptr [GDT + 12], 0x00cf9b00
    mov dword ptr [GDT + 16], 0x0000ffff
    mov dword ptr [GDT + 20], 0x00cf9320
    mov word ptr [GDT + 0x100], 0x17
    mov dword ptr [GDT + 0x102], GDT
    PICS 0xfe
    PIT 11932
    GATE32 0x20, tick
    lgdt [GDT + 0x100]
    mov ax, 0x10
    mov ss, ax
    mov esp, 0x80000
    mov dword ptr [BASE + 0x80000 - 8], 0
    sti
1:  jmp 1b
tick:
    cmp dword ptr [BASE + 0x80000 - 8], 8 /* CS */
    jne 1f
    PASS
1:  FAIL 1
