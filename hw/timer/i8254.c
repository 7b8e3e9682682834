/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The 8254 of a PC: timer 0 interrupts, timer 2 drives the speaker; with the system control port
 * 61h that gates and shows it.
 * Spec: Intel 82C54 datasheet, 231244-006; Intel 82371AB (PIIX4) datasheet, 290562, 4.2.4 and
 * 4.2.7.
 *
 * A counter's state is a function of the machine's clock: `start_ns` is when it began with `count`.
 */
#include "hw/timer/i8254.h"

#include <inttypes.h>

enum {
    PIT_HZ = 1193182,
    PIT_N = 3,
    PIT_CONTROL = 3, /* port */

    CW_BCD = 1 << 0,
    CW_LATCH = 0,
    CW_LOW = 1,
    CW_HIGH = 2,
    CW_WORD = 3,
    CW_READ_BACK = 3, /* as counter number */
    RB_NOT_COUNT = 1 << 5,
    RB_NOT_STATUS = 1 << 4,

    PORT61_GATE2 = 1 << 0,
    PORT61_SPEAKER = 1 << 1,
    PORT61_REFRESH = 1 << 4,
    PORT61_OUT2 = 1 << 5,
    REFRESH_NS = 15085, /* half a period of the toggle that old software times by */
};

typedef struct PitTimer {
    int64_t start_ns;
    uint32_t count;   /* 1 to 10000h; the initial count that runs */
    uint16_t latched; /* count, by a latch or read-back command */
    uint8_t control;  /* as written: bits 5-0 */
    uint8_t gate;
    uint8_t running;   /* a count was written, and what must trigger it came */
    uint8_t null;      /* no count since the control word */
    uint8_t write_low; /* the low half, while the high one is to come */
    uint8_t half_written, half_read;
    uint8_t count_latched; /* halves still to be read: bit 0 low, bit 1 high */
    uint8_t status_latched, status;
} PitTimer;

typedef struct I8254 {
    Device dev;
    PitTimer t[PIT_N];
    uint8_t speaker;  /* PORT61_SPEAKER */
    uint8_t disabled; /* the HPET has taken the interrupt's line */
    uint8_t blink;    /* the output is shown low that was so, unseen, a moment ago */
    Timer edge;       /* timer 0's output changes next */
    Irq irq;
} I8254;

/* ---- One counter ---- */

static unsigned pit_mode(const PitTimer *t)
{
    unsigned mode = t->control >> 1 & 7;

    return mode > 5 ? mode & 3 : mode;
}

static unsigned pit_access(const PitTimer *t)
{
    return t->control >> 4 & 3;
}

static uint64_t pit_ticks(int64_t ns)
{
    return ns > 0 ? (uint64_t)((unsigned __int128)(uint64_t)ns * PIT_HZ / (uint64_t)NS_PER_S) : 0;
}

/* When @ticks have gone by: rounded up, so that pit_ticks of it has them. */
static int64_t pit_ns(uint64_t ticks)
{
    return (int64_t)(((unsigned __int128)ticks * (uint64_t)NS_PER_S + PIT_HZ - 1) / PIT_HZ);
}

static bool pit_is_periodic(const PitTimer *t)
{
    return pit_mode(t) == 2 || pit_mode(t) == 3;
}

static uint64_t pit_elapsed(const PitTimer *t, int64_t now)
{
    return pit_ticks(now - t->start_ns);
}

/* How many ticks of a period mode 3's output is high. */
static uint32_t pit_high_part(const PitTimer *t)
{
    return (t->count + 1) / 2;
}

static bool pit_output(const PitTimer *t, int64_t now)
{
    uint64_t n;

    if (!t->running) {
        return pit_mode(t) != 0; /* "OUT goes low" by control word 0; else it is high */
    }
    n = pit_elapsed(t, now);
    switch (pit_mode(t)) {
    case 0:
    case 1:
        return n >= t->count;
    case 2:
        return n % t->count != t->count - 1;
    case 3:
        return n % t->count < pit_high_part(t);
    default:
        return n != t->count; /* one tick low */
    }
}

static uint16_t pit_to_bcd(uint32_t v)
{
    v %= 10000;
    return (uint16_t)(v / 1000 << 12 | v / 100 % 10 << 8 | v / 10 % 10 << 4 | v % 10);
}

static uint32_t pit_from_bcd(uint16_t v)
{
    return (v >> 12) * 1000u + (v >> 8 & 15) * 100u + (v >> 4 & 15) * 10u + (v & 15);
}

static uint16_t pit_value(const PitTimer *t, int64_t now)
{
    uint64_t n;
    uint32_t v;

    if (!t->running) {
        v = t->count;
    } else {
        n = pit_elapsed(t, now);
        switch (pit_mode(t)) {
        case 2:
            v = (uint32_t)(t->count - n % t->count);
            break;
        case 3: { /* counts by two, each half of the period from the start */
            uint32_t at = (uint32_t)(n % t->count), high = pit_high_part(t);

            v = t->count - 2 * (at < high ? at : at - high);
            v &= ~1u;
            break;
        }
        default: /* goes on from FFFFh after it has reached 0 */
            v = (uint32_t)(t->count - n) & 0xffff;
            break;
        }
    }
    return t->control & CW_BCD ? pit_to_bcd(v) : (uint16_t)v;
}

/* When the output changes next after @now; INT64_MAX: never. */
static int64_t pit_next_change(const PitTimer *t, int64_t now)
{
    uint64_t n = pit_elapsed(t, now), period, at;

    if (!t->running) {
        return INT64_MAX;
    }
    switch (pit_mode(t)) {
    case 0:
    case 1:
        return n < t->count ? t->start_ns + pit_ns(t->count) : INT64_MAX;
    case 2:
    case 3:
        period = n / t->count;
        at = n % t->count;
        if (pit_mode(t) == 2) {
            at = at < t->count - 1 ? t->count - 1 : t->count;
        } else {
            at = at < pit_high_part(t) ? pit_high_part(t) : t->count;
        }
        return t->start_ns + pit_ns(period * t->count + at);
    default:
        at = n < t->count ? t->count : t->count + 1;
        return n > t->count ? INT64_MAX : t->start_ns + pit_ns(at);
    }
}

/* ---- Commands ---- */

static int64_t pit_now(I8254 *s)
{
    return machine_now_ns(s->dev.machine);
}

static void pit_start(I8254 *s, PitTimer *t)
{
    t->start_ns = pit_now(s);
    t->running = 1;
}

static void pit_load(I8254 *s, PitTimer *t, uint16_t written)
{
    uint32_t v = t->control & CW_BCD ? pit_from_bcd(written) : written;
    unsigned mode = pit_mode(t);

    t->count = v ? v : t->control & CW_BCD ? 10000 : 0x10000;
    if (pit_is_periodic(t) && t->count == 1) {
        t->count = 2; /* "1 is not allowed" */
    }
    t->null = 0;
    if (mode == 1 || mode == 5) {
        return; /* the gate's edge begins it */
    }
    if (pit_is_periodic(t) && t->running) {
        /* The new count serves from the next period on: near enough is from now. */
        pit_start(s, t);
        return;
    }
    if (t->gate) {
        pit_start(s, t);
    } else {
        t->running = 0;
    }
}

static void pit_latch_count(I8254 *s, PitTimer *t)
{
    if (!t->count_latched) {
        t->latched = pit_value(t, pit_now(s));
        t->count_latched = pit_access(t);
    }
}

static void pit_read_back(I8254 *s, uint8_t command)
{
    for (unsigned i = 0; i < PIT_N; i++) {
        PitTimer *t = &s->t[i];

        if (!(command >> (i + 1) & 1)) {
            continue;
        }
        if (!(command & RB_NOT_COUNT)) {
            pit_latch_count(s, t);
        }
        if (!(command & RB_NOT_STATUS) && !t->status_latched) {
            t->status = (uint8_t)(pit_output(t, pit_now(s)) << 7 | t->null << 6 | t->control);
            t->status_latched = 1;
        }
    }
}

static void pit_control(I8254 *s, uint8_t val)
{
    PitTimer *t;

    if (val >> 6 == CW_READ_BACK) {
        pit_read_back(s, val);
        return;
    }
    t = &s->t[val >> 6];
    if ((val >> 4 & 3) == CW_LATCH) {
        pit_latch_count(s, t);
        return;
    }
    *t = (PitTimer){ .control = val & 0x3f, .gate = t->gate, .null = 1, .count = 0x10000 };
}

static void pit_write(I8254 *s, PitTimer *t, uint8_t val)
{
    switch (pit_access(t)) {
    case CW_LOW:
        pit_load(s, t, val);
        break;
    case CW_HIGH:
        pit_load(s, t, (uint16_t)(val << 8));
        break;
    default:
        if (!t->half_written) {
            t->write_low = val;
            t->half_written = 1;
            if (pit_mode(t) == 0) {
                t->running = 0; /* "writing the first byte disables counting" */
            }
        } else {
            t->half_written = 0;
            pit_load(s, t, (uint16_t)(val << 8 | t->write_low));
        }
        break;
    }
}

static uint8_t pit_read(I8254 *s, PitTimer *t)
{
    uint16_t v;

    if (t->status_latched) {
        t->status_latched = 0;
        return t->status;
    }
    if (t->count_latched) {
        bool low = t->count_latched & CW_LOW;

        t->count_latched &= (uint8_t) ~(low ? CW_LOW : CW_HIGH);
        return (uint8_t)(low ? t->latched : t->latched >> 8);
    }
    v = pit_value(t, pit_now(s));
    if (pit_access(t) == CW_WORD) {
        t->half_read ^= 1;
        return (uint8_t)(t->half_read ? v : v >> 8);
    }
    return (uint8_t)(pit_access(t) == CW_HIGH ? v >> 8 : v);
}

static void pit_set_gate(I8254 *s, PitTimer *t, bool gate)
{
    unsigned mode = pit_mode(t);
    bool rises = gate && !t->gate;

    if (!gate && t->gate && t->running && (mode == 0 || mode == 4)) {
        /* It stands: what is left is the count that goes on later. */
        uint64_t n = pit_elapsed(t, pit_now(s));

        if (n < t->count) {
            t->count -= (uint32_t)n;
            t->running = 0;
        }
    } else if (!gate && pit_is_periodic(t)) {
        t->running = 0; /* output high */
    }
    t->gate = gate;
    if (rises && !t->null && (!t->running || mode == 1 || mode == 5)) {
        pit_start(s, t);
    }
}

/* ---- The device ---- */

static MemResult i8254_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    I8254 *s = device_as(dev, I8254);

    *val = off < PIT_N ? pit_read(s, &s->t[off]) : 0;
    return MEM_OK;
}

static MemResult i8254_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    I8254 *s = device_as(dev, I8254);

    if (off == PIT_CONTROL) {
        pit_control(s, (uint8_t)val);
    } else {
        pit_write(s, &s->t[off], (uint8_t)val);
    }
    return MEM_OK;
}

static MemResult i8254_port61_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                   uint64_t *val)
{
    I8254 *s = device_as(dev, I8254);
    int64_t now = pit_now(s);

    *val = s->t[2].gate | s->speaker | (now / REFRESH_NS & 1 ? PORT61_REFRESH : 0) |
           (pit_output(&s->t[2], now) ? PORT61_OUT2 : 0);
    return MEM_OK;
}

static MemResult i8254_port61_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                    uint64_t val)
{
    I8254 *s = device_as(dev, I8254);

    s->speaker = val & PORT61_SPEAKER;
    pit_set_gate(s, &s->t[2], val & PORT61_GATE2);
    return MEM_OK;
}

static void i8254_settle(Device *dev)
{
    I8254 *s = device_as(dev, I8254);
    int64_t now = pit_now(s), next = pit_next_change(&s->t[0], now);

    irq_set(&s->irq, !s->disabled && !s->blink && pit_output(&s->t[0], now));
    if (s->blink) {
        timer_arm_at_ns(&s->edge, now);
    } else if (next == INT64_MAX || s->disabled) {
        timer_cancel(&s->edge);
    } else if (!timer_is_armed(&s->edge) || timer_deadline_ns(&s->edge) != next) {
        timer_arm_at_ns(&s->edge, next);
    }
}

/*
 * The loop may come late. An interrupt is a rising edge: where a low part has gone by unseen, it is
 * shown now, until the loop comes again.
 */
static void i8254_edge(Device *dev)
{
    I8254 *s = device_as(dev, I8254);

    s->blink = !s->blink && pit_output(&s->t[0], pit_now(s)) && irq_is_high(&s->irq);
}

static void i8254_disable(Device *dev, unsigned n, bool level)
{
    device_as(dev, I8254)->disabled = level;
}

static void i8254_reset(Device *dev, ResetType type)
{
    I8254 *s = device_as(dev, I8254);

    for (unsigned i = 0; i < PIT_N; i++) {
        s->t[i] = (PitTimer){
            .control = CW_WORD << 4 | 3 << 1, .gate = i != 2, .null = 1, .count = 0x10000
        };
    }
    s->speaker = 0;
}

static bool i8254_loaded(Device *dev, GError **err)
{
    I8254 *s = device_as(dev, I8254);

    for (unsigned i = 0; i < PIT_N; i++) {
        const PitTimer *t = &s->t[i];

        if (!t->count || t->count > 0x10000 || (pit_is_periodic(t) && t->count < 2)) {
            return error_set(err, "%s: timer %u counts from %u", device_path(dev), i, t->count);
        }
    }
    return true;
}

static const RegionType i8254_regions[] = {
    { .name = "timers", .size = 4, .read = i8254_read, .write = i8254_write, .access_max = 1 },
    { .name = "port61",
      .size = 1,
      .read = i8254_port61_read,
      .write = i8254_port61_write,
      .access_max = 1 },
};

#define PIT_STATE(m) STATE_BANK(I8254, t, m, .no_reset = true)
#define PIT_FLAG(m)  STATE_BANK(I8254, t, m, .no_reset = true, .max = 1)

static const Field i8254_fields[] = {
    PIT_STATE(start_ns),
    PIT_STATE(count),
    PIT_STATE(latched),
    STATE_BANK(I8254, t, control, .no_reset = true, .max = 0x3f),
    PIT_FLAG(gate),
    PIT_FLAG(running),
    PIT_FLAG(null),
    PIT_STATE(write_low),
    PIT_FLAG(half_written),
    PIT_FLAG(half_read),
    STATE_BANK(I8254, t, count_latched, .no_reset = true, .max = 3),
    PIT_FLAG(status_latched),
    PIT_STATE(status),
    STATE_U8(I8254, speaker, .max = PORT61_SPEAKER),
    STATE_U8(I8254, disabled, .max = 1),
    STATE_U8(I8254, blink, .max = 1),
    STATE_TIMER(I8254, edge, i8254_edge),
    PIN_IN("disable", i8254_disable),
    PIN_OUT(I8254, irq),
};

const DeviceType device_i8254 = {
    .name = "isa-pit",
    .doc = "8254 interval timer and port 61h of a PC",
    .size = sizeof(I8254),
    .regions = i8254_regions,
    .n_regions = ARRAY_SIZE(i8254_regions),
    .fields = TABLE(i8254_fields),
    .reset = i8254_reset,
    .settle = i8254_settle,
    .loaded = i8254_loaded,
};
