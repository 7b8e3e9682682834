/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goldfish RTC: nanoseconds since 1970, with an alarm.
 * Spec: Android emulator, docs/GOLDFISH-VIRTUAL-HARDWARE.TXT, "Goldfish real-time clock".
 */
#include "core/device.h"

typedef struct GoldfishRtc {
    Device dev;
    uint64_t offset;  /* added to the machine's clock */
    uint32_t high;    /* of the time, as of the last read of the low half */
    uint32_t to_high; /* written for the next write of the low half */
    uint64_t alarm;
    uint32_t armed, pending, enabled;
    Timer match;
    Irq irq;
} GoldfishRtc;

static uint64_t goldfish_now(const GoldfishRtc *s)
{
    return (uint64_t)clock_now_ns(s->dev.machine, CLOCK_RTC) + s->offset;
}

static void goldfish_arm(GoldfishRtc *s)
{
    uint64_t now = goldfish_now(s);

    if (!s->armed) {
        timer_cancel(&s->match);
    } else if ((int64_t)(s->alarm - now) <= 0) {
        timer_cancel(&s->match);
        s->armed = 0;
        s->pending = 1;
    } else {
        timer_arm_in(&s->match, (int64_t)(s->alarm - now));
    }
}

static void goldfish_matched(Device *dev)
{
    goldfish_arm(device_as(dev, GoldfishRtc)); /* again where the clock was moved meanwhile */
}

static uint64_t goldfish_low_read(Device *dev)
{
    GoldfishRtc *s = device_as(dev, GoldfishRtc);
    uint64_t now = goldfish_now(s);

    s->high = (uint32_t)(now >> 32);
    return (uint32_t)now;
}

static void goldfish_low_write(Device *dev, uint64_t val)
{
    GoldfishRtc *s = device_as(dev, GoldfishRtc);

    s->offset += ((uint64_t)s->to_high << 32 | (uint32_t)val) - goldfish_now(s);
    goldfish_arm(s);
}

static uint64_t goldfish_high_read(Device *dev)
{
    return device_as(dev, GoldfishRtc)->high;
}

static void goldfish_high_write(Device *dev, uint64_t val)
{
    device_as(dev, GoldfishRtc)->to_high = (uint32_t)val;
}

static uint64_t goldfish_alarm_low_read(Device *dev)
{
    return (uint32_t)device_as(dev, GoldfishRtc)->alarm;
}

static void goldfish_alarm_low_write(Device *dev, uint64_t val)
{
    GoldfishRtc *s = device_as(dev, GoldfishRtc);

    s->alarm = (s->alarm >> 32 << 32) | (uint32_t)val;
    s->armed = 1;
    goldfish_arm(s);
}

static uint64_t goldfish_alarm_high_read(Device *dev)
{
    return device_as(dev, GoldfishRtc)->alarm >> 32;
}

static void goldfish_alarm_high_write(Device *dev, uint64_t val)
{
    GoldfishRtc *s = device_as(dev, GoldfishRtc);

    s->alarm = val << 32 | (uint32_t)s->alarm;
}

static void goldfish_clear_alarm(Device *dev, uint64_t val)
{
    GoldfishRtc *s = device_as(dev, GoldfishRtc);

    s->armed = 0;
    goldfish_arm(s);
}

static void goldfish_clear_interrupt(Device *dev, uint64_t val)
{
    device_as(dev, GoldfishRtc)->pending = 0;
}

static void goldfish_settle(Device *dev)
{
    GoldfishRtc *s = device_as(dev, GoldfishRtc);

    irq_set(&s->irq, s->pending & s->enabled);
}

static const Reg goldfish_regs[] = {
    { 0x00, "TIME_LOW", .size = 4, .read = goldfish_low_read, .write = goldfish_low_write,
      .doc = "low half of the time, keeps the high one; a write sets both" },
    { 0x04, "TIME_HIGH", .size = 4, .read = goldfish_high_read, .write = goldfish_high_write,
      .doc = "high half as of the last read of the low one" },
    { 0x08, "ALARM_LOW", .size = 4, .read = goldfish_alarm_low_read,
      .write = goldfish_alarm_low_write, .doc = "low half of the alarm, and sets it" },
    { 0x0c, "ALARM_HIGH", .size = 4, .read = goldfish_alarm_high_read,
      .write = goldfish_alarm_high_write, .doc = "high half of the alarm" },
    { 0x10, "IRQ_ENABLED", AT(GoldfishRtc, enabled), .rw = 1, .doc = "the alarm interrupts" },
    { 0x14, "CLEAR_ALARM", .size = 4, .write = goldfish_clear_alarm, .doc = "takes it back" },
    { 0x18, "ALARM_STATUS", AT(GoldfishRtc, armed), .silent_write = true, .doc = "one is set" },
    { 0x1c, "CLEAR_INTERRUPT", .size = 4, .write = goldfish_clear_interrupt,
      .doc = "ends the interrupt" },
};

/* The time outlives a reset. */
static const Field goldfish_fields[] = {
    STATE_U64(GoldfishRtc, offset, .keep_warm = true),
    STATE_U32(GoldfishRtc, high),
    STATE_U32(GoldfishRtc, to_high),
    STATE_U64(GoldfishRtc, alarm),
    STATE_U32(GoldfishRtc, pending, .max = 1),
    STATE_TIMER(GoldfishRtc, match, goldfish_matched),
    PIN_OUT(GoldfishRtc, irq),
};

const DeviceType device_goldfish_rtc = {
    .name = "goldfish_rtc",
    .doc = "Goldfish real-time clock",
    .size = sizeof(GoldfishRtc),
    .mmio_size = 0x24,
    .regs = TABLE(goldfish_regs),
    .fields = TABLE(goldfish_fields),
    .settle = goldfish_settle,
};
