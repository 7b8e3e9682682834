/* SPDX-License-Identifier: Apache-2.0 */
/*
 * High precision event timer: a counter of 100 MHz, 3 to 32 timers, messages (FSB) as an option.
 * Spec: IA-PC HPET Specification 1.0a, ch. 2.
 */
#include "hw/timer/hpet.h"

#include <inttypes.h>

enum {
    HPET_MAX_TIMERS = 32,
    HPET_PINS = 24,
    HPET_SIZE = 0x400,
    PERIOD_NS = 10,
    PERIOD_FS = PERIOD_NS * 1000000,

    REG_CAP = 0x000,
    REG_CONFIG = 0x010,
    REG_STATUS = 0x020,
    REG_COUNTER = 0x0f0,
    REG_TIMER = 0x100, /* 20h bytes each: configuration, comparator, message */
    TIMER_CONFIG = 0x00,
    TIMER_COMPARATOR = 0x08,
    TIMER_ROUTE = 0x10,

    CONFIG_ON = 1 << 0,
    CONFIG_LEGACY = 1 << 1,

    T_LEVEL = 1 << 1,
    T_ENABLE = 1 << 2,
    T_PERIODIC = 1 << 3,
    T_CAN_PERIODIC = 1 << 4,
    T_CAN_64 = 1 << 5,
    T_SET_VALUE = 1 << 6,
    T_32BIT = 1 << 8,
    T_ROUTE_SHIFT = 9,
    T_FSB = 1 << 14,
    T_CAN_FSB = 1 << 15,
    T_WRITABLE = 0x3f4e,
};

typedef struct HpetTimer {
    uint64_t config; /* bits 63-32: which inputs it can have */
    uint64_t comparator, period;
    uint64_t route; /* data and address of the message */
} HpetTimer;

typedef struct Hpet {
    Device dev;
    uint32_t timers; /* property */
    bool msi;        /* property */
    uint32_t intcap; /* property: inputs of the I/O APIC that timers can have */
    uint32_t config, status;
    uint32_t high;     /* by edge: timers whose line stands still */
    int64_t offset_ns; /* on: machine time when the counter was 0; off: not used */
    uint64_t stopped;  /* off: the counter */
    HpetTimer t[HPET_MAX_TIMERS];
    Timer match[HPET_MAX_TIMERS], fall[HPET_MAX_TIMERS];
    Irq irq[HPET_PINS];
    Irq legacy; /* the 8254 and the clock give up their lines */
} Hpet;

static bool hpet_is_on(const Hpet *s)
{
    return s->config & CONFIG_ON;
}

static uint64_t hpet_count(const Hpet *s)
{
    if (!hpet_is_on(s)) {
        return s->stopped;
    }
    return (uint64_t)(machine_now_ns(s->dev.machine) - s->offset_ns) / PERIOD_NS;
}

static bool hpet_is_32(const HpetTimer *t)
{
    return t->config & T_32BIT;
}

static unsigned hpet_pin(const Hpet *s, unsigned n)
{
    if (s->config & CONFIG_LEGACY && n < 2) {
        return n ? 8 : 2; /* "2.3.4.3": the clock's and the 8254's */
    }
    return s->t[n].config >> T_ROUTE_SHIFT & 31;
}

/* ---- Timers ---- */

static uint64_t hpet_ticks_left(const Hpet *s, unsigned n)
{
    const HpetTimer *t = &s->t[n];
    uint64_t now = hpet_count(s), left;

    left = t->comparator - now;
    if (hpet_is_32(t)) {
        left = (uint32_t)left;
    }
    /* Passed already, or just now: after the counter has wrapped. */
    return left ? left : hpet_is_32(t) ? 1ull << 32 : UINT64_MAX;
}

static void hpet_arm(Hpet *s, unsigned n)
{
    const HpetTimer *t = &s->t[n];
    uint64_t left;

    if (n >= s->timers) {
        return;
    }
    if (!hpet_is_on(s) || !(t->config & (T_ENABLE | T_PERIODIC))) {
        timer_cancel(&s->match[n]);
        timer_cancel(&s->fall[n]);
        s->high &= ~(1u << n);
        return;
    }
    left = min_u64(hpet_ticks_left(s, n), INT64_MAX / PERIOD_NS);
    timer_arm_in(&s->match[n], (int64_t)left * PERIOD_NS);
    /* An 8259 wants an edge's line to stand until it is acknowledged: half of the way, as the
     * 8254's square wave does. */
    if (s->high >> n & 1) {
        timer_arm_in(&s->fall[n], (int64_t)left * PERIOD_NS / 2);
    } else {
        timer_cancel(&s->fall[n]);
    }
}

static void hpet_arm_all(Hpet *s)
{
    for (unsigned n = 0; n < s->timers; n++) {
        hpet_arm(s, n);
    }
}

static void hpet_next_period(Hpet *s, HpetTimer *t)
{
    uint64_t now = hpet_count(s), behind;

    if (!(t->config & T_PERIODIC) || !t->period) {
        return;
    }
    behind = hpet_is_32(t) ? (uint32_t)(now - t->comparator) : now - t->comparator;
    t->comparator += (behind / t->period + 1) * t->period;
    if (hpet_is_32(t)) {
        t->comparator = (uint32_t)t->comparator;
    }
}

static void hpet_fire(Hpet *s, unsigned n)
{
    HpetTimer *t = &s->t[n];

    if (t->config & T_LEVEL) {
        s->status |= 1u << n;
    }
    if (!(t->config & T_ENABLE)) {
        return;
    }
    if (t->config & T_FSB) {
        device_dma_store(&s->dev, t->route >> 32, 4, (uint32_t)t->route);
    } else if (!(t->config & T_LEVEL)) {
        s->high |= 1u << n;
    }
}

static void hpet_matched(Device *dev, unsigned n)
{
    Hpet *s = device_as(dev, Hpet);

    hpet_fire(s, n);
    hpet_next_period(s, &s->t[n]);
    hpet_arm(s, n);
}

static void hpet_fallen(Device *dev, unsigned n)
{
    device_as(dev, Hpet)->high &= ~(1u << n);
}

static void hpet_settle(Device *dev)
{
    Hpet *s = device_as(dev, Hpet);
    uint32_t levels = 0;

    for (unsigned n = 0; n < s->timers; n++) {
        const HpetTimer *t = &s->t[n];

        if ((t->config & T_LEVEL ? s->status : s->high) >> n & 1 &&
            (t->config & (T_ENABLE | T_FSB)) == T_ENABLE && hpet_is_on(s) &&
            hpet_pin(s, n) < HPET_PINS) {
            levels |= 1u << hpet_pin(s, n);
        }
    }
    for (unsigned i = 0; i < HPET_PINS; i++) {
        irq_set(&s->irq[i], levels >> i & 1);
    }
    irq_set(&s->legacy, (s->config & (CONFIG_ON | CONFIG_LEGACY)) == (CONFIG_ON | CONFIG_LEGACY));
}

/* ---- Registers ---- */

static uint64_t hpet_reg_read(Hpet *s, uint64_t off)
{
    unsigned n = (unsigned)((off - REG_TIMER) / 0x20);

    switch (off) {
    case REG_CAP:
        return (uint64_t)PERIOD_FS << 32 | 0x8086u << 16 | 1u << 15 | 1u << 13 |
               (s->timers - 1) << 8 | 1;
    case REG_CONFIG:
        return s->config;
    case REG_STATUS:
        return s->status;
    case REG_COUNTER:
        return hpet_count(s);
    default:
        break;
    }
    if (off < REG_TIMER || n >= s->timers) {
        return 0;
    }
    switch ((off - REG_TIMER) % 0x20) {
    case TIMER_CONFIG:
        return s->t[n].config;
    case TIMER_COMPARATOR:
        return s->t[n].comparator;
    case TIMER_ROUTE:
        return s->t[n].route;
    default:
        return 0;
    }
}

static void hpet_config_write(Hpet *s, uint64_t val)
{
    uint64_t now = hpet_count(s);
    bool was = hpet_is_on(s);

    s->config = (uint32_t)val & (CONFIG_ON | CONFIG_LEGACY);
    if (was != hpet_is_on(s)) {
        s->stopped = now;
        s->offset_ns = machine_now_ns(s->dev.machine) - (int64_t)(now * PERIOD_NS);
    }
    hpet_arm_all(s);
}

static void hpet_timer_config_write(Hpet *s, unsigned n, uint64_t val)
{
    HpetTimer *t = &s->t[n];

    val &= T_WRITABLE | (s->msi ? T_FSB : 0);
    t->config = (t->config & ~(uint64_t)(T_WRITABLE | T_FSB)) | val;
    if (hpet_is_32(t)) {
        t->comparator = (uint32_t)t->comparator;
        t->period = (uint32_t)t->period;
    }
    if (!(t->config & T_LEVEL)) {
        s->status &= ~(1u << n);
    }
    s->high &= ~(1u << n);
    hpet_arm(s, n);
}

/* "2.3.9.2.2": of a periodic timer a write is the period, and with the value-set bit also the
 * next match. @mask: what of the register is written. */
static void hpet_comparator_write(Hpet *s, unsigned n, uint64_t val, uint64_t mask)
{
    HpetTimer *t = &s->t[n];

    if (hpet_is_32(t)) {
        if (!(mask & UINT32_MAX)) {
            return;
        }
        val = (uint32_t)val;
    }
    if (!(t->config & T_PERIODIC) || t->config & T_SET_VALUE) {
        t->comparator = (t->comparator & ~mask) | (val & mask);
    }
    if (t->config & T_PERIODIC) {
        t->period = (t->period & ~mask) | (val & mask);
    }
    t->config &= ~(uint64_t)T_SET_VALUE;
    s->high &= ~(1u << n);
    hpet_arm(s, n);
}

static void hpet_reg_write(Hpet *s, uint64_t off, uint64_t val, uint64_t mask)
{
    unsigned n = (unsigned)((off - REG_TIMER) / 0x20);
    uint64_t whole = (hpet_reg_read(s, off) & ~mask) | (val & mask);

    switch (off) {
    case REG_CONFIG:
        hpet_config_write(s, whole);
        return;
    case REG_STATUS:
        s->status &= ~(uint32_t)(val & mask);
        return;
    case REG_COUNTER:
        if (hpet_is_on(s)) {
            guest_error(&s->dev, "sets the counter while it runs");
            s->offset_ns = machine_now_ns(s->dev.machine) - (int64_t)(whole * PERIOD_NS);
        }
        s->stopped = whole;
        hpet_arm_all(s);
        return;
    default:
        break;
    }
    if (off < REG_TIMER || n >= s->timers) {
        return;
    }
    switch ((off - REG_TIMER) % 0x20) {
    case TIMER_CONFIG:
        hpet_timer_config_write(s, n, whole);
        break;
    case TIMER_COMPARATOR:
        hpet_comparator_write(s, n, val, mask);
        break;
    case TIMER_ROUTE:
        s->t[n].route = whole;
        break;
    default:
        break;
    }
}

static MemResult hpet_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    *val =
        hpet_reg_read(device_as(dev, Hpet), off & ~7ull) >> (8 * (off & 7)) & bits_mask(size * 8);
    return MEM_OK;
}

static MemResult hpet_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    unsigned shift = 8 * (off & 7);

    hpet_reg_write(device_as(dev, Hpet), off & ~7ull, val << shift, bits_mask(size * 8) << shift);
    return MEM_OK;
}

static void hpet_reset(Device *dev, ResetType type)
{
    Hpet *s = device_as(dev, Hpet);

    s->config = s->status = s->high = 0;
    s->stopped = 0;
    for (unsigned n = 0; n < HPET_MAX_TIMERS; n++) {
        s->t[n] = (HpetTimer){
            .config =
                T_CAN_PERIODIC | T_CAN_64 | (s->msi ? T_CAN_FSB : 0) | (uint64_t)s->intcap << 32,
            .comparator = UINT64_MAX,
        };
        timer_cancel(&s->match[n]);
        timer_cancel(&s->fall[n]);
    }
}

static const Field hpet_fields[] = {
    PROP_U32(Hpet, timers, 3, .min = 3, .max = HPET_MAX_TIMERS, .doc = "how many, 3 to 32"),
    PROP_BOOL(Hpet, msi, false, .doc = "timers can send messages"),
    { "hpet-intcap", FIELD_PROP, TYPE_U32, FIELD_AT(Hpet, intcap, 4), .def = 0xff0104,
      .doc = "a bit for each input of the I/O APIC that timers can have" },
    STATE_U32(Hpet, config, .max = 3, .no_reset = true),
    STATE_U32(Hpet, status, .no_reset = true),
    STATE_U32(Hpet, high, .no_reset = true),
    STATE_U64(Hpet, offset_ns, .no_reset = true),
    STATE_U64(Hpet, stopped, .no_reset = true),
    STATE_BANK(Hpet, t, config, .no_reset = true),
    STATE_BANK(Hpet, t, comparator, .no_reset = true),
    STATE_BANK(Hpet, t, period, .no_reset = true),
    STATE_BANK(Hpet, t, route, .no_reset = true),
    STATE_TIMERS(Hpet, match, hpet_matched),
    STATE_TIMERS(Hpet, fall, hpet_fallen),
    PIN_OUT(Hpet, irq),
    PIN_OUT(Hpet, legacy),
};

const DeviceType device_hpet = {
    .name = "hpet",
    .doc = "high precision event timer",
    .size = sizeof(Hpet),
    .mmio_size = HPET_SIZE,
    .access_min = 1,
    .access_max = 8,
    .read = hpet_read,
    .write = hpet_write,
    .fields = TABLE(hpet_fields),
    .reset = hpet_reset,
    .settle = hpet_settle,
};
