/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PL031: Arm's PrimeCell real-time clock.
 * Spec: PrimeCell Real Time Clock (PL031) Technical Reference Manual, DDI 0224C, ch. 3.
 */
#include "core/device.h"

typedef struct Pl031 {
    Device dev;
    uint32_t lr;     /* as loaded last */
    uint32_t offset; /* counter minus the machine's wall clock in seconds, modulo 2^32 */
    uint32_t mr, imsc, ris;
    Timer match; /* armed while MR can still be met */
    Irq irq;
} Pl031;

static uint32_t pl031_now(Pl031 *s)
{
    return (uint32_t)(clock_now_ns(s->dev.machine, CLOCK_RTC) / NS_PER_S) + s->offset;
}

static void pl031_arm(Pl031 *s)
{
    uint32_t ticks = s->mr - pl031_now(s);
    int64_t part = clock_now_ns(s->dev.machine, CLOCK_RTC) % NS_PER_S;

    if (ticks == 0) {
        timer_cancel(&s->match);
        s->ris = 1;
    } else {
        timer_arm_in(&s->match, ticks * NS_PER_S - part);
    }
}

static void pl031_matched(Device *dev)
{
    Pl031 *s = device_as(dev, Pl031);

    if (pl031_now(s) == s->mr) {
        s->ris = 1;
    } else {
        pl031_arm(s); /* the wall clock was moved meanwhile */
    }
}

static uint64_t pl031_dr_read(Device *dev)
{
    return pl031_now(device_as(dev, Pl031));
}

static void pl031_lr_wrote(Device *dev, uint64_t old)
{
    Pl031 *s = device_as(dev, Pl031);

    s->offset += s->lr - pl031_now(s);
    pl031_arm(s);
}

static void pl031_mr_wrote(Device *dev, uint64_t old)
{
    pl031_arm(device_as(dev, Pl031));
}

static uint64_t pl031_mis_read(Device *dev)
{
    Pl031 *s = device_as(dev, Pl031);

    return s->ris & s->imsc;
}

static void pl031_icr_write(Device *dev, uint64_t val)
{
    device_as(dev, Pl031)->ris &= ~val;
}

static void pl031_settle(Device *dev)
{
    Pl031 *s = device_as(dev, Pl031);

    irq_set(&s->irq, s->ris & s->imsc);
}

/* The clock goes on through every reset but that of power. */
static const Reg pl031_regs[] = {
    { 0x000, "RTCDR", .size = 4, .read = pl031_dr_read, .silent_write = true, .doc = "seconds" },
    { 0x004, "RTCMR", AT(Pl031, mr), .rw = UINT32_MAX, .wrote = pl031_mr_wrote,
      .doc = "seconds at which to interrupt" },
    { 0x008, "RTCLR", AT(Pl031, lr), .rw = UINT32_MAX, .wrote = pl031_lr_wrote, .keep_warm = true,
      .doc = "sets the seconds" },
    { 0x00c, "RTCCR", .size = 4, .reset = 1, .silent_write = true,
      .doc = "0: enable; always on here" },
    { 0x010, "RTCIMSC", AT(Pl031, imsc), .rw = 1, .doc = "interrupt mask" },
    { 0x014, "RTCRIS", AT(Pl031, ris), .silent_write = true, .doc = "raw interrupt" },
    { 0x018, "RTCMIS", .size = 4, .read = pl031_mis_read, .silent_write = true,
      .doc = "masked interrupt" },
    { 0x01c, "RTCICR", .size = 4, .write = pl031_icr_write, .doc = "interrupt clear" },
    { 0xfe0, "RTCPeriphID0", .size = 4, .reset = 0x31, .silent_write = true },
    { 0xfe4, "RTCPeriphID1", .size = 4, .reset = 0x10, .silent_write = true },
    { 0xfe8, "RTCPeriphID2", .size = 4, .reset = 0x04, .silent_write = true },
    { 0xfec, "RTCPeriphID3", .size = 4, .reset = 0x00, .silent_write = true },
    { 0xff0, "RTCPCellID0", .size = 4, .reset = 0x0d, .silent_write = true },
    { 0xff4, "RTCPCellID1", .size = 4, .reset = 0xf0, .silent_write = true },
    { 0xff8, "RTCPCellID2", .size = 4, .reset = 0x05, .silent_write = true },
    { 0xffc, "RTCPCellID3", .size = 4, .reset = 0xb1, .silent_write = true },
};

static const Field pl031_fields[] = {
    STATE_U32(Pl031, offset, .keep_warm = true),
    STATE_TIMER(Pl031, match, pl031_matched),
    PIN_OUT(Pl031, irq),
};

const DeviceType device_pl031 = {
    .name = "pl031",
    .doc = "Arm PrimeCell real-time clock",
    .size = sizeof(Pl031),
    .mmio_size = 0x1000,
    .regs = TABLE(pl031_regs),
    .fields = TABLE(pl031_fields),
    .settle = pl031_settle,
};
