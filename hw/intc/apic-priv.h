/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HW_INTC_APIC_PRIV_H
#define HW_INTC_APIC_PRIV_H

#include "hw/intc/apic.h"

/* Registers by their offset / 16 in the window, which is their MSR - 800h (SDM volume 3, tables
 * 11-1 and 11-6). */
enum {
    APIC_ID = 0x02,
    APIC_VERSION = 0x03,
    APIC_TPR = 0x08,
    APIC_APR = 0x09,
    APIC_PPR = 0x0a,
    APIC_EOI = 0x0b,
    APIC_RRR = 0x0c,
    APIC_LDR = 0x0d,
    APIC_DFR = 0x0e,
    APIC_SVR = 0x0f,
    APIC_ISR = 0x10, /* eight each */
    APIC_TMR = 0x18,
    APIC_IRR = 0x20,
    APIC_ESR = 0x28,
    APIC_CMCI = 0x2f,
    APIC_ICR = 0x30,
    APIC_ICR_HIGH = 0x31,
    APIC_LVT = 0x32, /* timer, thermal, performance, LINT0, LINT1, error */
    APIC_INITIAL = 0x38,
    APIC_CURRENT = 0x39,
    APIC_DIVIDE = 0x3e,
    APIC_SELF_IPI = 0x3f,
};

enum { LVT_TIMER, LVT_THERMAL, LVT_PERFORMANCE, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_N };

enum {
    APIC_MODE_FIXED,
    APIC_MODE_LOWEST,
    APIC_MODE_SMI,
    APIC_MODE_NMI = 4,
    APIC_MODE_INIT,
    APIC_MODE_STARTUP,
    APIC_MODE_EXTINT,
};

enum {
    BASE_BSP = 1 << 8,
    BASE_X2 = 1 << 10,
    BASE_ON = 1 << 11,
    SVR_ON = 1 << 8,
    SVR_NO_BROADCAST = 1 << 12,
    LVT_MASK = 1 << 16,
    LVT_LEVEL = 1 << 15,
    LVT_REMOTE = 1 << 14,
    LVT_STATUS = 1 << 12,
    LVT_MODE_SHIFT = 8,
    TIMER_MODE_SHIFT = 17,
    TIMER_ONE_SHOT = 0,
    TIMER_PERIODIC,
    TIMER_DEADLINE,
    ERROR_SEND_VECTOR = 1 << 5,
    ERROR_VECTOR = 1 << 6,
    ERROR_REGISTER = 1 << 7,
};

typedef struct ApicBus ApicBus;

typedef struct Apic {
    Device dev;
    Cpu *cpu;
    ApicBus *bus;
    Device *pic, *ioapic;
    CpuIntc intc;
    uint64_t tsc_frequency; /* property */
    /* Read by senders on other threads: atomics, as `priority` is. */
    uint64_t base;
    uint32_t id, ldr, dfr, svr;
    uint32_t priority; /* PPR: whom a message of lowest priority prefers */

    uint32_t tpr, errors, esr; /* found since, and as shown */
    uint32_t icr_low, icr_high;
    uint32_t lvt[LVT_N];
    uint32_t isr[8], tmr[8], irr[8];
    uint8_t lint[2]; /* levels */
    uint8_t divide;
    uint32_t initial;
    int64_t timer_ns;  /* when the count began */
    uint64_t deadline; /* of the time-stamp counter; 0: none */
    Timer timer;
    Irq intr;
} Apic;

/* One message on the bus, as an argument of a posted call. */
typedef struct ApicMessage {
    uint8_t vector, mode;
    bool level, assert_;
} ApicMessage;

static inline bool apic_is_x2(const Apic *s)
{
    return (__atomic_load_n(&s->base, __ATOMIC_RELAXED) & (BASE_ON | BASE_X2)) ==
           (BASE_ON | BASE_X2);
}
static inline bool apic_is_on(const Apic *s)
{
    return __atomic_load_n(&s->base, __ATOMIC_RELAXED) & BASE_ON;
}

/* ---- The bus (apic-bus.c) ---- */

void apic_bus_add(ApicBus *b, Apic *s);
enum { DEST_FIELD, DEST_SELF, DEST_ALL, DEST_OTHERS };
/* @from (NULL: a device) sends to @dest as @shorthand says; @wide: destinations of 32 bits. Done
 * once no lock is held. */
void apic_bus_send(ApicBus *b, Apic *from, unsigned shorthand, uint32_t dest, bool logical,
                   bool wide, ApicMessage msg);

/* ---- One APIC (apic.c), under its lock ---- */

/* False: there is no such register. */
bool apic_reg_read(Apic *s, unsigned reg, uint32_t *val);
bool apic_reg_write(Apic *s, unsigned reg, uint32_t val);
/* The message of a sender. */
void apic_accept(Apic *s, ApicMessage msg);
void apic_raise(Apic *s, uint8_t vector, bool level);
void apic_local(Apic *s, unsigned lvt);

/* ---- The timer (apic-timer.c) ---- */

void apic_timer_start(Apic *s);
uint32_t apic_timer_current(const Apic *s);
void apic_timer_fired(Device *dev);
void apic_timer_mode(Apic *s, uint32_t old_lvt);
void apic_timer_divide(Apic *s, uint8_t divide);
void apic_deadline_write(Apic *s, uint64_t tsc);

#endif
