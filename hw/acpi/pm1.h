/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fixed hardware registers of ACPI that chip sets have: PM1 events and control, the power
 * management timer. Part of the device that has them; all under its lock.
 * Spec: ACPI 6.4, 4.8.3.
 */
#ifndef HW_ACPI_PM1_H
#define HW_ACPI_PM1_H

#include "core/device.h"

enum {
    PM1_STS = 0,
    PM1_EN = 2,
    PM1_CNT = 4,
    PM1_TMR = 8,
    PM1_BYTES = 12,

    PM1_TMR_STS = 1 << 0,
    PM1_GBL_STS = 1 << 5,
    PM1_PWRBTN_STS = 1 << 8,
    PM1_SLPBTN_STS = 1 << 9,
    PM1_RTC_STS = 1 << 10,
    PM1_WAK_STS = 1 << 15,
    PM1_SCI_EN = 1 << 0,
    PM1_SLP_EN = 1 << 13,
    PM1_SLP_TYP_SHIFT = 10,
};

typedef struct AcpiPm1 {
    uint16_t sts, en, cnt;
    Timer timer;     /* when bit 23 of the timer changes next */
    uint8_t s3_type; /* what SLP_TYP says in the board's \_S3; 0xff: no such state */
    uint8_t s4_type;
    uint8_t s5_type;
} AcpiPm1;

/* Rows of the device's field table, for member @m of @T; @fired is its callback of the timer. */
#define PM1_FIELDS(T, m, fired_)                                                                   \
    STATE_U16(T, m.sts), STATE_U16(T, m.en), STATE_U16(T, m.cnt), STATE_TIMER(T, m.timer, fired_), \
        SCRATCH(T, m.s3_type), SCRATCH(T, m.s4_type), SCRATCH(T, m.s5_type)

uint64_t acpi_pm1_read(Device *dev, AcpiPm1 *p, unsigned off, unsigned size);
void acpi_pm1_write(Device *dev, AcpiPm1 *p, unsigned off, unsigned size, uint64_t val);
/* The callback of the timer. */
void acpi_pm1_fired(Device *dev, AcpiPm1 *p);
/* An event: sets its bit of the status. */
void acpi_pm1_event(Device *dev, AcpiPm1 *p, uint16_t sts);
/* The level of the system control interrupt. */
bool acpi_pm1_sci(const AcpiPm1 *p);

#endif
