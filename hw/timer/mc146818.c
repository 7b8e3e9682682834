/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MC146818: a PC's real-time clock with 128 bytes of CMOS RAM, at ports 70h and 71h.
 * Spec: Motorola MC146818A datasheet; the century at 32h is the convention of PC firmware.
 */
#include "hw/timer/mc146818.h"

#include "hw/isa/isa.h"

#include <time.h>

enum { YEARS = 10000 }; /* that two bytes of BCD hold */

enum {
    RTC_SECONDS,
    RTC_SECONDS_ALARM,
    RTC_MINUTES,
    RTC_MINUTES_ALARM,
    RTC_HOURS,
    RTC_HOURS_ALARM,
    RTC_WEEKDAY,
    RTC_DAY,
    RTC_MONTH,
    RTC_YEAR,
    RTC_A,
    RTC_B,
    RTC_C,
    RTC_D,
    RTC_CENTURY = 0x32,
    RTC_BYTES = 128,

    A_UIP = 1 << 7,
    A_DIVIDER = 7 << 4,
    A_DIVIDER_32KHZ = 2 << 4,
    A_RATE = 0xf,
    B_SET = 1 << 7,
    B_PIE = 1 << 6,
    B_AIE = 1 << 5,
    B_UIE = 1 << 4,
    B_DM = 1 << 2, /* binary */
    B_24H = 1 << 1,
    C_IRQF = 1 << 7,
    C_PF = 1 << 6,
    C_AF = 1 << 5,
    C_UF = 1 << 4,
    D_VRT = 1 << 7,

    ALARM_ANY = 0xc0, /* the two highest bits: every value */
    HOUR_PM = 1 << 7,
    UIP_NS = 244000, /* how long before the update UIP is set */
};

typedef struct Mc146818 {
    Device dev;
    uint8_t index, ram[RTC_BYTES];
    int64_t offset_s; /* guest's time - the machine's wall clock, seconds */
    int64_t held_s;   /* with SET: the time that it shows */
    int64_t polled_s; /* when UIP was read last, and what it was */
    bool polled_near;
    bool disabled; /* the HPET has taken the interrupt's line */
    Timer update, periodic;
    Irq irq;
    Irq alarm; /* for power management: the alarm has come, and is enabled */
} Mc146818;

static int64_t rtc_wall_ns(const Mc146818 *s)
{
    return clock_now_ns(s->dev.machine, CLOCK_RTC);
}

static bool rtc_runs(const Mc146818 *s)
{
    return !(s->ram[RTC_B] & B_SET) && (s->ram[RTC_A] & A_DIVIDER) == A_DIVIDER_32KHZ;
}

static int64_t rtc_now_s(const Mc146818 *s)
{
    return rtc_runs(s) ? rtc_wall_ns(s) / NS_PER_S + s->offset_s : s->held_s;
}

/* ---- Numbers as the guest wants them ---- */

static uint8_t rtc_number(const Mc146818 *s, int v)
{
    return (uint8_t)(s->ram[RTC_B] & B_DM ? v : v / 10 << 4 | v % 10);
}

static int rtc_value(const Mc146818 *s, uint8_t v)
{
    return s->ram[RTC_B] & B_DM ? v : (v >> 4) * 10 + (v & 15);
}

static uint8_t rtc_hour(const Mc146818 *s, int hour)
{
    if (s->ram[RTC_B] & B_24H) {
        return rtc_number(s, hour);
    }
    return rtc_number(s, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? HOUR_PM : 0);
}

static int rtc_hour_value(const Mc146818 *s, uint8_t v)
{
    if (s->ram[RTC_B] & B_24H) {
        return rtc_value(s, v);
    }
    return rtc_value(s, v & 0x7f) % 12 + (v & HOUR_PM ? 12 : 0);
}

/* The time into the bytes that show it. */
static void rtc_show(Mc146818 *s)
{
    time_t t = (time_t)rtc_now_s(s);
    struct tm tm;
    int year;

    gmtime_r(&t, &tm);
    year =
        ((tm.tm_year + 1900) % YEARS + YEARS) % YEARS; /* a guest may have set month 0 of year 0 */
    s->ram[RTC_SECONDS] = rtc_number(s, tm.tm_sec);
    s->ram[RTC_MINUTES] = rtc_number(s, tm.tm_min);
    s->ram[RTC_HOURS] = rtc_hour(s, tm.tm_hour);
    s->ram[RTC_WEEKDAY] = rtc_number(s, tm.tm_wday + 1);
    s->ram[RTC_DAY] = rtc_number(s, tm.tm_mday);
    s->ram[RTC_MONTH] = rtc_number(s, tm.tm_mon + 1);
    s->ram[RTC_YEAR] = rtc_number(s, year % 100);
    s->ram[RTC_CENTURY] = rtc_number(s, year / 100);
}

/* And back. */
static void rtc_take(Mc146818 *s)
{
    struct tm tm = {
        .tm_sec = rtc_value(s, s->ram[RTC_SECONDS]),
        .tm_min = rtc_value(s, s->ram[RTC_MINUTES]),
        .tm_hour = rtc_hour_value(s, s->ram[RTC_HOURS]),
        .tm_mday = rtc_value(s, s->ram[RTC_DAY]),
        .tm_mon = rtc_value(s, s->ram[RTC_MONTH]) - 1,
        .tm_year = rtc_value(s, s->ram[RTC_CENTURY]) * 100 + rtc_value(s, s->ram[RTC_YEAR]) - 1900,
    };

    s->held_s = timegm(&tm);
    s->offset_s = s->held_s - rtc_wall_ns(s) / NS_PER_S;
}

/* ---- Interrupts ---- */

static bool rtc_alarm_field(const Mc146818 *s, unsigned n)
{
    uint8_t v = s->ram[n + 1];

    return (v & ALARM_ANY) == ALARM_ANY || v == s->ram[n];
}

static void rtc_arm_update(Mc146818 *s)
{
    timer_arm_in(&s->update, NS_PER_S - rtc_wall_ns(s) % NS_PER_S);
}

/* Once a second while somebody can notice. */
static void rtc_updated(Device *dev)
{
    Mc146818 *s = device_as(dev, Mc146818);

    if (!rtc_runs(s)) {
        return;
    }
    rtc_show(s);
    s->ram[RTC_C] |= C_UF;
    if (rtc_alarm_field(s, RTC_SECONDS) && rtc_alarm_field(s, RTC_MINUTES) &&
        rtc_alarm_field(s, RTC_HOURS)) {
        s->ram[RTC_C] |= C_AF;
    }
    if (s->ram[RTC_B] & (B_UIE | B_AIE)) {
        rtc_arm_update(s);
    }
}

/* Table 5 of the datasheet at 32.768 kHz: rates 1 and 2 are those of 8 and 9. */
static int64_t rtc_period_ns(const Mc146818 *s)
{
    unsigned rate = s->ram[RTC_A] & A_RATE;

    if (!rate) {
        return 0;
    }
    rate = rate <= 2 ? rate + 7 : rate;
    return (int64_t)(1u << (rate - 1)) * NS_PER_S / 32768;
}

static void rtc_ticked(Device *dev)
{
    Mc146818 *s = device_as(dev, Mc146818);
    int64_t period = rtc_period_ns(s);

    s->ram[RTC_C] |= C_PF;
    if (period && s->ram[RTC_B] & B_PIE) {
        timer_arm_in(&s->periodic, period);
    }
}

static void rtc_arm(Mc146818 *s)
{
    int64_t period = rtc_period_ns(s);

    if (s->ram[RTC_B] & (B_UIE | B_AIE) && rtc_runs(s)) {
        rtc_arm_update(s);
    } else {
        timer_cancel(&s->update);
    }
    if (period && s->ram[RTC_B] & B_PIE) {
        timer_arm_in(&s->periodic, period);
    } else {
        timer_cancel(&s->periodic);
    }
}

static void rtc_settle(Device *dev)
{
    Mc146818 *s = device_as(dev, Mc146818);

    irq_set(&s->alarm, s->ram[RTC_C] & s->ram[RTC_B] & C_AF);
    irq_set(&s->irq, !s->disabled && s->ram[RTC_C] & s->ram[RTC_B] & (C_PF | C_AF | C_UF));
}

static void rtc_disable(Device *dev, unsigned n, bool level)
{
    device_as(dev, Mc146818)->disabled = level;
}

/* ---- Ports ---- */

/*
 * UIP: an update is near; firmware and kernels wait for its end. A guest that polls but slept over
 * the whole of it (the host's CPUs are busy) sees it once, late: else it would wait for hours.
 */
static bool rtc_update_is_near(Mc146818 *s)
{
    int64_t now = rtc_wall_ns(s), second = now / NS_PER_S;
    bool near = NS_PER_S - now % NS_PER_S <= UIP_NS, missed;

    if (!rtc_runs(s)) {
        return false;
    }
    missed = !near && second == s->polled_s + 1 && !s->polled_near;
    s->polled_s = second;
    s->polled_near = near;
    return near || missed;
}

static uint8_t rtc_read_byte(Mc146818 *s)
{
    uint8_t v;

    switch (s->index) {
    case RTC_A:
        return (rtc_update_is_near(s) ? A_UIP : 0) | (s->ram[RTC_A] & ~A_UIP);
    case RTC_C:
        v = s->ram[RTC_C];
        s->ram[RTC_C] = 0;
        return v & s->ram[RTC_B] & (C_PF | C_AF | C_UF) ? v | C_IRQF : v;
    case RTC_D:
        return D_VRT;
    case RTC_SECONDS_ALARM:
    case RTC_MINUTES_ALARM:
    case RTC_HOURS_ALARM:
        return s->ram[s->index];
    default:
        if ((s->index <= RTC_YEAR || s->index == RTC_CENTURY) && rtc_runs(s)) {
            rtc_show(s);
        }
        return s->ram[s->index];
    }
}

static void rtc_write_control(Mc146818 *s, uint8_t val)
{
    bool ran = rtc_runs(s);
    int64_t now = rtc_now_s(s);

    s->ram[s->index] = s->index == RTC_A ? val & ~A_UIP : val;
    if (ran && !rtc_runs(s)) {
        s->held_s = now;
        rtc_show(s);
        if (s->ram[RTC_B] & B_SET) {
            s->ram[RTC_B] &= ~B_UIE;
        }
    } else if (!ran && rtc_runs(s)) {
        rtc_take(s);
    }
    rtc_arm(s);
}

static void rtc_write_byte(Mc146818 *s, uint8_t val)
{
    switch (s->index) {
    case RTC_A:
    case RTC_B:
        rtc_write_control(s, val);
        break;
    case RTC_C:
    case RTC_D:
        break;
    case RTC_SECONDS_ALARM:
    case RTC_MINUTES_ALARM:
    case RTC_HOURS_ALARM:
        s->ram[s->index] = val;
        break;
    default:
        if (s->index <= RTC_YEAR || s->index == RTC_CENTURY) {
            if (rtc_runs(s)) {
                rtc_show(s);
            }
            s->ram[s->index] = val;
            rtc_take(s);
        } else {
            s->ram[s->index] = val;
        }
        break;
    }
}

static MemResult rtc_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    *val = off == 0 ? 0xff : rtc_read_byte(device_as(dev, Mc146818));
    return MEM_OK;
}

static MemResult rtc_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    Mc146818 *s = device_as(dev, Mc146818);

    if (off == 0) {
        s->index = val & 0x7f; /* bit 7 masks NMI */
    } else {
        rtc_write_byte(s, (uint8_t)val);
    }
    return MEM_OK;
}

void mc146818_set(Device *dev, unsigned at, uint8_t val)
{
    CHECK(at < RTC_BYTES);
    device_as(dev, Mc146818)->ram[at] = val;
}

static bool rtc_start(Device *dev, GError **err)
{
    Mc146818 *s = device_as(dev, Mc146818);

    s->ram[RTC_A] = A_DIVIDER_32KHZ | 6;
    s->ram[RTC_B] = B_24H;
    return true;
}

static void rtc_ready(Device *dev)
{
    isa_map(dev, 0, 0x70);
    isa_connect(dev, "irq", 8);
}

/* RESET# leaves time and RAM, but takes the interrupts' enables and flags. */
static void rtc_reset(Device *dev, ResetType type)
{
    Mc146818 *s = device_as(dev, Mc146818);

    s->ram[RTC_B] &= ~(B_PIE | B_AIE | B_UIE);
    s->ram[RTC_C] = 0;
    timer_cancel(&s->update);
    timer_cancel(&s->periodic);
}

static const Field rtc_fields[] = {
    STATE_U8(Mc146818, index, .max = 0x7f),
    STATE_ARRAY(Mc146818, ram, .no_reset = true),
    { "offset_s", FIELD_STATE, TYPE_U64, .at = offsetof(Mc146818, offset_s), .size = 8,
      .no_reset = true },
    { "held_s", FIELD_STATE, TYPE_U64, .at = offsetof(Mc146818, held_s), .size = 8,
      .no_reset = true },
    { "polled_s", FIELD_STATE, TYPE_U64, .at = offsetof(Mc146818, polled_s), .size = 8 },
    STATE_BOOL(Mc146818, polled_near),
    STATE_BOOL(Mc146818, disabled),
    STATE_TIMER(Mc146818, update, rtc_updated, .no_reset = true),
    STATE_TIMER(Mc146818, periodic, rtc_ticked, .no_reset = true),
    PIN_IN("disable", rtc_disable),
    PIN_OUT(Mc146818, irq),
    PIN_OUT(Mc146818, alarm),
};

const DeviceType device_mc146818 = {
    .name = "mc146818rtc",
    .doc = "real-time clock and CMOS RAM of a PC",
    .size = sizeof(Mc146818),
    .mmio_size = 2,
    .access_max = 1,
    .read = rtc_read,
    .write = rtc_write,
    .fields = TABLE(rtc_fields),
    .start = rtc_start,
    .ready = rtc_ready,
    .reset = rtc_reset,
    .settle = rtc_settle,
};
