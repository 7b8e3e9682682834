/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suspend to RAM, as firmware sees it: woken it finds FEh in the CMOS RAM's reset code, RAM as it
 * was, and in PM1's status that it woke and why. What wakes it is the clock's alarm; with an
 * isa-debugcon it sets none, and tells the status there.
 * Spec: ACPI 6.4, 4.8.3 and 7.4.2; 82371AB, 7.1 (PMBA, PMREGMISC); ICH9, 13.1 (PMBASE, ACPI_CNTL).
 */
#include "guest.h"
    MODE16
.set PM, 0x600
.set MAGIC, 0x53334f4b
.set DEBUGCON, 0xe9
.set PLACE, 0x8000

.macro CONFIG address, value
    mov eax, \address
    mov dx, 0xcf8
    out dx, eax
    mov eax, \value
    mov dx, 0xcfc
    out dx, eax
.endm

.macro CMOS at, value
    OUTB 0x70, \at
    OUTB 0x71, \value
.endm

main:
    /* power management at 600h: of PIIX4 (1.3), or of ICH9 (1f.0) */
    CONFIG 0x80000b40, PM + 1
    CONFIG 0x80000b80, 1
    CONFIG 0x8000f840, PM + 1
    CONFIG 0x8000f844, 0x80
    OUTB 0x70, 0x0f
    mov dx, 0x71
    in al, dx
    cmp al, 0xfe
    je woken
    mov dword ptr [PLACE], MAGIC
    mov dx, PM
    mov ax, 0xffff
    out dx, ax
    mov dx, DEBUGCON
    in al, dx
    cmp al, DEBUGCON
    je sleep
    CMOS 1, 0xc0 /* the alarm: any second, minute, hour */
    CMOS 3, 0xc0
    CMOS 5, 0xc0
    CMOS 0x0b, 0x22
    mov dx, PM + 2
    mov ax, 0x400 /* RTC_EN */
    out dx, ax
sleep:
    mov dx, PM + 4
    mov ax, 0x2401 /* SLP_EN, S3, SCI_EN */
    out dx, ax
    FAIL 1 /* it goes on */

woken:
    cmp dword ptr [PLACE], MAGIC
    jne lost
    mov dx, PM + 4
    in ax, dx
    test al, 1 /* SCI_EN stays */
    jz control
    mov dx, PM
    in ax, dx
    mov bx, ax
    mov dx, DEBUGCON
    in al, dx
    cmp al, DEBUGCON
    je tell
    cmp bx, 0x8400 /* WAK_STS, RTC_STS */
    jne status
    PASS
tell:
    mov al, bh
    out dx, al
    PASS
lost:
    FAIL 2
status:
    FAIL 3
control:
    FAIL 4
