/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/acpi/pm1.h"

enum { PM_TIMER_HZ = 3579545, PM_TIMER_BITS = 24 };

static uint64_t pm1_ticks(const Device *dev)
{
    int64_t ns = clock_now_ns(dev->machine, CLOCK_MACHINE);

    return (uint64_t)((unsigned __int128)ns * PM_TIMER_HZ / NS_PER_S);
}

/* TMR_STS is set whenever the highest bit of the timer changes (4.8.3.3). */
static void pm1_arm(Device *dev, AcpiPm1 *p)
{
    uint64_t half = 1ull << (PM_TIMER_BITS - 1), next = (pm1_ticks(dev) / half + 1) * half;

    if (p->en & PM1_TMR_STS) {
        timer_arm_at_ns(&p->timer, (int64_t)((unsigned __int128)next * NS_PER_S / PM_TIMER_HZ + 1));
    } else {
        timer_cancel(&p->timer);
    }
}

void acpi_pm1_fired(Device *dev, AcpiPm1 *p)
{
    p->sts |= PM1_TMR_STS;
    pm1_arm(dev, p);
}

static uint16_t pm1_word(const AcpiPm1 *p, unsigned off)
{
    switch (off) {
    case PM1_STS:
        return p->sts;
    case PM1_EN:
        return p->en;
    case PM1_CNT:
        return p->cnt;
    default:
        return 0;
    }
}

uint64_t acpi_pm1_read(Device *dev, AcpiPm1 *p, unsigned off, unsigned size)
{
    uint64_t all;

    if (off >= PM1_TMR) {
        all = pm1_ticks(dev) & ((1u << PM_TIMER_BITS) - 1);
        return all >> (8 * (off - PM1_TMR)) & bits_mask(size * 8);
    }
    all = pm1_word(p, off & ~1u) | (uint64_t)pm1_word(p, (off & ~1u) + 2) << 16;
    return all >> (8 * (off & 1)) & bits_mask(size * 8);
}

static void pm1_sleep(Device *dev, const AcpiPm1 *p, unsigned type)
{
    if (type == PM1_S5_TYPE || (type == p->s4_type && !p->disable_s4)) {
        machine_shutdown_request(dev->machine, CAUSE_GUEST_SHUTDOWN);
    } else if (type == PM1_S3_TYPE && !p->disable_s3 && machine_can_suspend(dev->machine)) {
        machine_suspend_request(dev->machine);
    } else {
        guest_error(dev, "sleep type %u is none that the firmware's tables name", type);
    }
}

static void pm1_write_word(Device *dev, AcpiPm1 *p, unsigned off, uint16_t val)
{
    switch (off) {
    case PM1_STS:
        p->sts &= ~val;
        break;
    case PM1_EN:
        p->en = val;
        pm1_arm(dev, p);
        break;
    case PM1_CNT:
        p->cnt = val & ~PM1_SLP_EN;
        if (val & PM1_SLP_EN) {
            pm1_sleep(dev, p, val >> PM1_SLP_TYP_SHIFT & 7);
        }
        break;
    default:
        break;
    }
}

/* A byte leaves the word's other one, but clears none of its status. */
static void pm1_write_byte(Device *dev, AcpiPm1 *p, unsigned off, uint8_t val)
{
    unsigned shift = 8 * (off & 1), word = off & ~1u;
    uint16_t old = word == PM1_STS ? 0 : pm1_word(p, word);

    pm1_write_word(dev, p, word, (uint16_t)((old & ~(0xff << shift)) | val << shift));
}

void acpi_pm1_write(Device *dev, AcpiPm1 *p, unsigned off, unsigned size, uint64_t val)
{
    if (size == 1) {
        pm1_write_byte(dev, p, off, (uint8_t)val);
        return;
    }
    for (unsigned i = 0; i < size; i += 2) {
        pm1_write_word(dev, p, off + i, (uint16_t)(val >> (8 * i)));
    }
}

void acpi_pm1_event(Device *dev, AcpiPm1 *p, uint16_t sts)
{
    p->sts |= sts;
    if (sts & PM1_PWRBTN_STS) {
        machine_wakeup_request(dev->machine, WAKE_BUTTON);
    } else if (sts & p->en & PM1_RTC_STS) {
        machine_wakeup_request(dev->machine, WAKE_RTC);
    }
}

/* Spec: 4.8.3.1: WAK_STS, and what woke the machine; SCI_EN stays as it was (PM1_CNT is kept). */
void acpi_pm1_reset(Device *dev, AcpiPm1 *p, ResetType type)
{
    uint32_t why = machine_wake_reason(dev->machine);

    if (type == RESET_WAKE) {
        p->sts = PM1_WAK_STS;
        p->sts |= why & WAKE_BUTTON ? PM1_PWRBTN_STS : 0;
        p->sts |= why & WAKE_RTC ? PM1_RTC_STS : 0;
    }
}

bool acpi_pm1_sci(const AcpiPm1 *p)
{
    enum { EVENTS = PM1_TMR_STS | PM1_GBL_STS | PM1_PWRBTN_STS | PM1_SLPBTN_STS | PM1_RTC_STS };

    return p->cnt & PM1_SCI_EN && p->sts & p->en & EVENTS;
}
