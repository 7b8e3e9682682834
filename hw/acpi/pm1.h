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
    uint8_t s4_type; /* what SLP_TYP says in the board's \_S4; S3 is 1, S5 is 0 */
    uint8_t disable_s3, disable_s4;
} AcpiPm1;

/* SLP_TYP of S3 and S5. */
enum { PM1_S3_TYPE = 1, PM1_S5_TYPE = 0 };

/* Rows of the device's field table, for member @m of @T; @fired is its callback of the timer. */
#define PM1_FIELDS(T, m, fired_)                                                          \
    STATE_U16(T, m.sts), STATE_U16(T, m.en), STATE_U16(T, m.cnt, .keep_wake = true),      \
        STATE_TIMER(T, m.timer, fired_), { "disable_s3", FIELD_PROP,                      \
                                           TYPE_U8,      FIELD_AT(T, m.disable_s3, 1),    \
                                           .max = 1,     .doc = "1: no suspend to RAM" }, \
        { "disable_s4", FIELD_PROP,                                                       \
          TYPE_U8,      FIELD_AT(T, m.disable_s4, 1),                                     \
          .max = 1,     .doc = "1: no suspend to disk" },                                 \
    {                                                                                     \
        "s4_val", FIELD_PROP, TYPE_U8, FIELD_AT(T, m.s4_type, 1),                         \
            .def = 2, .max = 7, .doc = "what SLP_TYP says for S4"                         \
    }

uint64_t acpi_pm1_read(Device *dev, AcpiPm1 *p, unsigned off, unsigned size);
void acpi_pm1_write(Device *dev, AcpiPm1 *p, unsigned off, unsigned size, uint64_t val);
/* The callback of the timer. */
void acpi_pm1_fired(Device *dev, AcpiPm1 *p);
/* The device's reset: leaving S3 tells why. */
void acpi_pm1_reset(Device *dev, AcpiPm1 *p, ResetType type);
/* An event: sets its bit of the status, and wakes the machine if it is one that does. */
void acpi_pm1_event(Device *dev, AcpiPm1 *p, uint16_t sts);
/* The level of the system control interrupt. */
bool acpi_pm1_sci(const AcpiPm1 *p);

#endif
