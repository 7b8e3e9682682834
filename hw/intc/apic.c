/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local APIC of a CPU: xAPIC and x2APIC.
 * Spec: Intel SDM volume 3, chapter 11 (registers: tables 11-1 and 11-6).
 */
#include "hw/intc/apic-priv.h"

#include "core/intc.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"

enum {
    VERSION = 0x14 | (LVT_N - 1) << 16 | 1 << 24, /* ends may be kept from I/O APICs */
    SVR_WRITABLE = 0x13ff,
    ICR_STATUS = 1 << 12,
    ICR_LOGICAL = 1 << 11,
    ICR_ASSERT = 1 << 14,
    ICR_LEVEL = 1 << 15,
    MSR_APIC_BASE = 0x1b,
    MSR_DEADLINE = 0x6e0,
    MSR_X2APIC = 0x800,
    BASE_WRITABLE = BASE_BSP | BASE_X2 | BASE_ON,
};

#define MSI_WINDOW  0xfee00000ull
#define store(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)

static const uint32_t apic_lvt_writable[LVT_N] = {
    [LVT_TIMER] = 0x700ff, [LVT_THERMAL] = 0x107ff, [LVT_PERFORMANCE] = 0x107ff,
    [LVT_LINT0] = 0x1a7ff, [LVT_LINT1] = 0x1a7ff,   [LVT_ERROR] = 0x100ff,
};

/* ---- Sets of vectors ---- */

static bool set_has(const uint32_t *set, unsigned v)
{
    return set[v / 32] >> (v % 32) & 1;
}

static void set_add(uint32_t *set, unsigned v)
{
    set[v / 32] |= 1u << (v % 32);
}

static void set_drop(uint32_t *set, unsigned v)
{
    set[v / 32] &= ~(1u << (v % 32));
}

static int set_highest(const uint32_t *set)
{
    for (int i = 7; i >= 0; i--) {
        if (set[i]) {
            return i * 32 + 31 - __builtin_clz(set[i]);
        }
    }
    return -1;
}

/* ---- Priorities (11.8.3) ---- */

static uint32_t apic_ppr(const Apic *s)
{
    int served = set_highest(s->isr);
    uint32_t isrv = served < 0 ? 0 : (uint32_t)served;

    return (s->tpr & 0xf0) >= (isrv & 0xf0) ? s->tpr : isrv & 0xf0;
}

static bool apic_works(const Apic *s)
{
    return s->svr & SVR_ON && apic_is_on(s);
}

/* The vector to be delivered now; -1: none. */
static int apic_next(const Apic *s)
{
    int v = set_highest(s->irr);

    return apic_works(s) && v >= 0 && (uint32_t)(v & 0xf0) > (apic_ppr(s) & 0xf0) ? v : -1;
}

static unsigned lvt_mode(uint32_t lvt)
{
    return lvt >> LVT_MODE_SHIFT & 7;
}

/* Do the 8259s reach the CPU? Without an APIC they are at its pin. */
static bool apic_extint(const Apic *s)
{
    uint32_t lvt = s->lvt[LVT_LINT0];

    return s->lint[0] &&
           (!apic_is_on(s) || (!(lvt & LVT_MASK) && lvt_mode(lvt) == APIC_MODE_EXTINT));
}

static void apic_settle(Device *dev)
{
    Apic *s = device_as(dev, Apic);

    store(&s->priority, apic_ppr(s));
    irq_set(&s->intr, apic_next(s) >= 0 || apic_extint(s));
}

/* ---- What arrives ---- */

static void apic_error(Apic *s, uint32_t error)
{
    s->errors |= error;
    if (!(s->lvt[LVT_ERROR] & LVT_MASK)) {
        set_add(s->irr, s->lvt[LVT_ERROR] & 0xff);
    }
}

void apic_raise(Apic *s, uint8_t vector, bool level)
{
    if (!(s->svr & SVR_ON) || !apic_is_on(s)) {
        return;
    }
    if (vector < 16) {
        apic_error(s, ERROR_VECTOR);
        return;
    }
    set_add(s->irr, vector);
    if (level) {
        set_add(s->tmr, vector);
    } else {
        set_drop(s->tmr, vector);
    }
}

static void apic_nmi(Apic *s)
{
    if (s->cpu->target_ops && s->cpu->target_ops->nmi) {
        s->cpu->target_ops->nmi(s->cpu);
    }
}

static void apic_reset_state(Apic *s)
{
    for (unsigned i = 0; i < 8; i++) {
        s->isr[i] = s->tmr[i] = s->irr[i] = 0;
    }
    for (unsigned i = 0; i < LVT_N; i++) {
        s->lvt[i] = LVT_MASK;
    }
    if (s->cpu->index == 0) {
        /* "Virtual wire mode", which firmware of a PC starts in. */
        s->lvt[LVT_LINT0] = APIC_MODE_EXTINT << LVT_MODE_SHIFT;
    }
    s->tpr = s->errors = s->esr = s->icr_low = s->icr_high = s->initial = 0;
    s->divide = 0;
    s->deadline = 0;
    store(&s->ldr, 0);
    store(&s->dfr, UINT32_MAX);
    store(&s->svr, 0xff);
    timer_cancel(&s->timer);
}

/* All but the identifier and the base address (11.4.7.3). */
static void apic_init(Apic *s)
{
    apic_reset_state(s);
    if (s->cpu->target_ops && s->cpu->target_ops->init) {
        s->cpu->target_ops->init(s->cpu);
    }
}

void apic_accept(Apic *s, ApicMessage msg)
{
    trace(&s->dev, "accept", "mode %u vector 0x%x", msg.mode, msg.vector);
    switch (msg.mode) {
    case APIC_MODE_FIXED:
    case APIC_MODE_LOWEST:
        apic_raise(s, msg.vector, msg.level);
        break;
    case APIC_MODE_NMI:
        apic_nmi(s);
        break;
    case APIC_MODE_INIT:
        if (msg.assert_) {
            apic_init(s);
        }
        break;
    case APIC_MODE_STARTUP:
        if (s->cpu->target_ops && s->cpu->target_ops->startup) {
            s->cpu->target_ops->startup(s->cpu, msg.vector);
        }
        break;
    case APIC_MODE_EXTINT: /* as the 8259s' wire: its vector is asked for when it is taken */
        break;
    default:
        guest_unimp(&s->dev, "message of mode %u", msg.mode);
        break;
    }
}

/* An interrupt of the APIC's own. */
void apic_local(Apic *s, unsigned n)
{
    uint32_t lvt = s->lvt[n];

    if (lvt & LVT_MASK) {
        return;
    }
    switch (n == LVT_TIMER || n == LVT_ERROR ? APIC_MODE_FIXED : lvt_mode(lvt)) {
    case APIC_MODE_FIXED:
        if (lvt & LVT_LEVEL && n >= LVT_LINT0 && n <= LVT_LINT1) {
            if (lvt & LVT_REMOTE) {
                return;
            }
            s->lvt[n] |= LVT_REMOTE;
            apic_raise(s, (uint8_t)lvt, true);
        } else {
            apic_raise(s, (uint8_t)lvt, false);
        }
        break;
    case APIC_MODE_NMI:
        apic_nmi(s);
        break;
    default:
        break;
    }
}

static void apic_lint(Device *dev, unsigned n, bool level)
{
    Apic *s = device_as(dev, Apic);

    if (level && !s->lint[n]) {
        apic_local(s, LVT_LINT0 + n);
    }
    s->lint[n] = level;
}

/* ---- Ends ---- */

static void apic_end(Apic *s)
{
    int v = set_highest(s->isr);

    if (v < 0) {
        return;
    }
    set_drop(s->isr, (unsigned)v);
    if (!set_has(s->tmr, (unsigned)v)) {
        return;
    }
    for (unsigned n = 0; n < 2; n++) {
        uint32_t *lvt = &s->lvt[LVT_LINT0 + n];

        if ((*lvt & 0xff) == (uint32_t)v) {
            *lvt &= ~(uint32_t)LVT_REMOTE;
            if (s->lint[n]) {
                apic_local(s, LVT_LINT0 + n);
            }
        }
    }
    if (s->ioapic && !(s->svr & SVR_NO_BROADCAST)) {
        ioapic_end(s->ioapic, (uint8_t)v);
    }
}

static int apic_take(Apic *s)
{
    int v = apic_next(s);

    if (v >= 0) {
        set_drop(s->irr, (unsigned)v);
        set_add(s->isr, (unsigned)v);
    }
    return v;
}

static int apic_acknowledge(CpuIntc *intc, Cpu *cpu)
{
    Apic *s = device_as(intc->dev, Apic);
    bool extint;
    int v;

    device_enter(&s->dev);
    v = apic_take(s);
    extint = apic_extint(s);
    device_leave(&s->dev);
    return v < 0 && extint && s->pic ? i8259_acknowledge(s->pic) : v;
}

/* ---- Registers ---- */

static void apic_send(Apic *s, uint32_t low, uint32_t dest)
{
    ApicMessage msg = { .vector = (uint8_t)low,
                        .mode = low >> 8 & 7,
                        .level = low & ICR_LEVEL && low & ICR_ASSERT,
                        .assert_ = low & ICR_ASSERT };

    if (msg.mode == APIC_MODE_FIXED && msg.vector < 16) {
        apic_error(s, ERROR_SEND_VECTOR);
        return;
    }
    if (msg.mode == APIC_MODE_FIXED || msg.mode == APIC_MODE_LOWEST) {
        msg.level = false; /* "for all other modes the trigger mode is ignored": an edge */
    }
    apic_bus_send(s->bus, s, low >> 18 & 3, dest, low & ICR_LOGICAL, apic_is_x2(s), msg);
}

static uint32_t apic_shown_id(const Apic *s)
{
    return apic_is_x2(s) ? s->id : s->id << 24;
}

bool apic_reg_read(Apic *s, unsigned reg, uint32_t *val)
{
    *val = 0;
    if (reg >= APIC_ISR && reg < APIC_ISR + 8) {
        *val = s->isr[reg - APIC_ISR];
        return true;
    }
    if (reg >= APIC_TMR && reg < APIC_TMR + 8) {
        *val = s->tmr[reg - APIC_TMR];
        return true;
    }
    if (reg >= APIC_IRR && reg < APIC_IRR + 8) {
        *val = s->irr[reg - APIC_IRR];
        return true;
    }
    if (reg >= APIC_LVT && reg < APIC_LVT + LVT_N) {
        *val = s->lvt[reg - APIC_LVT];
        return true;
    }
    switch (reg) {
    case APIC_ID:
        *val = apic_shown_id(s);
        return true;
    case APIC_VERSION:
        *val = VERSION;
        return true;
    case APIC_TPR:
        *val = s->tpr;
        return true;
    case APIC_PPR:
        *val = apic_ppr(s);
        return true;
    case APIC_LDR:
        *val = s->ldr;
        return true;
    case APIC_DFR:
        *val = s->dfr;
        return !apic_is_x2(s);
    case APIC_SVR:
        *val = s->svr;
        return true;
    case APIC_ESR:
        *val = s->esr;
        return true;
    case APIC_ICR:
        *val = s->icr_low;
        return true;
    case APIC_ICR_HIGH:
        *val = s->icr_high;
        return !apic_is_x2(s);
    case APIC_INITIAL:
        *val = s->initial;
        return true;
    case APIC_CURRENT:
        *val = apic_timer_current(s);
        return true;
    case APIC_DIVIDE:
        *val = s->divide;
        return true;
    case APIC_APR:
    case APIC_RRR:
    case APIC_EOI:
        return !apic_is_x2(s);
    default:
        return false;
    }
}

static void apic_lvt_write(Apic *s, unsigned n, uint32_t val)
{
    uint32_t old = s->lvt[n];

    val &= apic_lvt_writable[n];
    if (!(s->svr & SVR_ON)) {
        val |= LVT_MASK; /* 11.4.7.2 */
    }
    s->lvt[n] = val | (old & LVT_REMOTE && val & LVT_LEVEL ? LVT_REMOTE : 0);
    if (n == LVT_TIMER) {
        apic_timer_mode(s, old);
    } else if ((n == LVT_LINT0 || n == LVT_LINT1) && val & LVT_LEVEL && s->lint[n - LVT_LINT0]) {
        apic_local(s, n);
    }
}

static void apic_svr_write(Apic *s, uint32_t val)
{
    store(&s->svr, val & SVR_WRITABLE);
    for (unsigned i = 0; !(s->svr & SVR_ON) && i < LVT_N; i++) {
        s->lvt[i] |= LVT_MASK;
    }
}

bool apic_reg_write(Apic *s, unsigned reg, uint32_t val)
{
    if (reg >= APIC_LVT && reg < APIC_LVT + LVT_N) {
        apic_lvt_write(s, reg - APIC_LVT, val);
        return true;
    }
    switch (reg) {
    case APIC_ID: /* as in hardware since the Pentium 4: it stays */
        return !apic_is_x2(s);
    case APIC_TPR:
        s->tpr = val & 0xff;
        return true;
    case APIC_EOI:
        apic_end(s);
        return true;
    case APIC_LDR:
        store(&s->ldr, val & 0xff000000);
        return true;
    case APIC_DFR:
        store(&s->dfr, val | 0x0fffffff);
        return true;
    case APIC_SVR:
        apic_svr_write(s, val);
        return true;
    case APIC_ESR:
        s->esr = s->errors;
        s->errors = 0;
        return true;
    case APIC_ICR:
        s->icr_low = val & ~(uint32_t)ICR_STATUS;
        apic_send(s, val, apic_is_x2(s) ? s->icr_high : s->icr_high >> 24);
        return true;
    case APIC_ICR_HIGH:
        s->icr_high = val;
        return true;
    case APIC_INITIAL:
        s->initial = s->lvt[LVT_TIMER] >> TIMER_MODE_SHIFT == TIMER_DEADLINE ? 0 : val;
        apic_timer_start(s);
        return true;
    case APIC_DIVIDE:
        apic_timer_divide(s, val & 0xb);
        return true;
    case APIC_VERSION:
    case APIC_PPR:
    case APIC_CURRENT:
    case APIC_APR:
    case APIC_RRR:
        return true; /* read-only */
    default:
        return false;
    }
}

/* ---- Registers as MSRs ---- */

static uint64_t apic_x2_ldr(uint32_t id)
{
    return (uint64_t)(id >> 4) << 16 | 1u << (id & 15);
}

/* 11.12.1 and table 11-5: x2APIC is left only by switching off. */
static bool apic_base_write(Apic *s, uint64_t val)
{
    bool was_x2 = apic_is_x2(s), was_on = apic_is_on(s);
    bool on = val & BASE_ON, x2 = val & BASE_X2;

    if ((x2 && !on) || (was_x2 && on && !x2) || (!was_on && on && x2)) {
        return false;
    }
    store(&s->base, (val & ~(uint64_t)0xfff) | (val & BASE_WRITABLE));
    if (x2 && !was_x2) {
        store(&s->ldr, (uint32_t)apic_x2_ldr(s->id));
    }
    if (!on && was_on) {
        apic_reset_state(s);
    }
    return true;
}

static bool apic_x2_read(Apic *s, unsigned reg, uint64_t *val)
{
    uint32_t v = 0;

    if (!apic_is_x2(s) || reg == APIC_EOI || reg == APIC_SELF_IPI || !apic_reg_read(s, reg, &v)) {
        return false;
    }
    *val = reg == APIC_ICR ? (uint64_t)s->icr_high << 32 | v : v;
    return true;
}

static bool apic_x2_write(Apic *s, unsigned reg, uint64_t val)
{
    if (!apic_is_x2(s)) {
        return false;
    }
    switch (reg) {
    case APIC_ICR:
        s->icr_high = (uint32_t)(val >> 32);
        return apic_reg_write(s, reg, (uint32_t)val);
    case APIC_SELF_IPI:
        apic_raise(s, (uint8_t)val, false);
        return true;
    case APIC_EOI:
    case APIC_ESR:
        return !val && apic_reg_write(s, reg, 0);
    case APIC_ID:
    case APIC_VERSION:
    case APIC_PPR:
    case APIC_LDR:
    case APIC_DFR:
    case APIC_ICR_HIGH:
    case APIC_CURRENT:
    case APIC_APR:
    case APIC_RRR:
        return false;
    default:
        return !(val >> 32) && apic_reg_write(s, reg, (uint32_t)val);
    }
}

static bool apic_msr_read(CpuIntc *intc, Cpu *cpu, uint32_t msr, uint64_t *val)
{
    Apic *s = device_as(intc->dev, Apic);
    bool ok = true;

    *val = 0;
    device_enter(&s->dev);
    if (msr == MSR_APIC_BASE) {
        *val = s->base;
    } else if (msr == MSR_DEADLINE) {
        *val = s->deadline;
    } else if (msr == INTC_X86_CR8) {
        *val = s->tpr >> 4;
    } else {
        ok = msr - MSR_X2APIC < 0x40 && apic_x2_read(s, msr - MSR_X2APIC, val);
    }
    device_leave(&s->dev);
    return ok;
}

static bool apic_msr_write(CpuIntc *intc, Cpu *cpu, uint32_t msr, uint64_t val)
{
    Apic *s = device_as(intc->dev, Apic);
    bool ok = true;

    device_enter(&s->dev);
    if (msr == MSR_APIC_BASE) {
        ok = apic_base_write(s, val);
    } else if (msr == MSR_DEADLINE) {
        apic_deadline_write(s, val);
    } else if (msr == INTC_X86_CR8) {
        s->tpr = (uint32_t)(val << 4 & 0xf0);
    } else {
        ok = msr - MSR_X2APIC < 0x40 && apic_x2_write(s, msr - MSR_X2APIC, val);
    }
    device_leave(&s->dev);
    return ok;
}

static const CpuIntcOps apic_ops = {
    .name = "apic",
    .sysreg_read = apic_msr_read,
    .sysreg_write = apic_msr_write,
    .acknowledge = apic_acknowledge,
};

/* ---- The device ---- */

void apic_wire(Device *apic, Cpu *cpu, Device *bus, Device *pic, Device *ioapic)
{
    Apic *s = device_as(apic, Apic);

    s->cpu = cpu;
    s->bus = device_as(bus, ApicBus);
    s->pic = pic;
    s->ioapic = ioapic;
}

static bool apic_start(Device *dev, GError **err)
{
    Apic *s = device_as(dev, Apic);

    if (!s->cpu || !s->bus || !s->tsc_frequency) {
        return error_set(err, "%s belongs to no CPU", device_path(dev));
    }
    s->intc = (CpuIntc){ &apic_ops, dev };
    cpu_intc_attach(s->cpu, &s->intc);
    apic_bus_add(s->bus, s);
    return true;
}

static void apic_reset(Device *dev, ResetType type)
{
    Apic *s = device_as(dev, Apic);

    store(&s->base, MSI_WINDOW | BASE_ON | (s->cpu->index ? 0 : BASE_BSP));
    apic_reset_state(s);
}

#define APIC_U32(m) STATE_U32(Apic, m, .no_reset = true)

static const Field apic_fields[] = {
    { "id", FIELD_PROP, TYPE_U32, FIELD_AT(Apic, id, 4), .doc = "identifier" },
    { "tsc-frequency", FIELD_PROP, TYPE_U64, FIELD_AT(Apic, tsc_frequency, 8), .def = 1000000000,
      .min = 1, .doc = "of the counter that deadlines are in, Hz" },
    STATE_U64(Apic, base, .no_reset = true),
    APIC_U32(ldr),
    APIC_U32(dfr),
    STATE_U32(Apic, svr, .no_reset = true, .max = SVR_WRITABLE),
    STATE_U32(Apic, tpr, .no_reset = true, .max = 0xff),
    APIC_U32(errors),
    APIC_U32(esr),
    APIC_U32(icr_low),
    APIC_U32(icr_high),
    STATE_ARRAY(Apic, lvt, .no_reset = true),
    STATE_ARRAY(Apic, isr, .no_reset = true),
    STATE_ARRAY(Apic, tmr, .no_reset = true),
    STATE_ARRAY(Apic, irr, .no_reset = true),
    STATE_ARRAY(Apic, lint, .no_reset = true, .max = 1),
    STATE_U8(Apic, divide, .no_reset = true, .max = 0xb),
    APIC_U32(initial),
    STATE_U64(Apic, timer_ns, .no_reset = true),
    STATE_U64(Apic, deadline, .no_reset = true),
    STATE_TIMER(Apic, timer, apic_timer_fired),
    SCRATCH(Apic, cpu),
    SCRATCH(Apic, bus),
    SCRATCH(Apic, pic),
    SCRATCH(Apic, ioapic),
    SCRATCH(Apic, intc),
    SCRATCH(Apic, priority),
    PIN_IN("lint", apic_lint, .count = 2),
    PIN_OUT(Apic, intr),
};

const DeviceType device_apic = {
    .name = "apic",
    .doc = "local APIC of a CPU",
    .size = sizeof(Apic),
    .fields = TABLE(apic_fields),
    .start = apic_start,
    .reset = apic_reset,
    .settle = apic_settle,
};
