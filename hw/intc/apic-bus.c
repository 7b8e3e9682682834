/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where messages to local APICs go: who is meant, and the window of addresses.
 * Spec: Intel SDM volume 3, 11.6.2 (destinations), 11.11 (messages of devices).
 */
#include "hw/intc/apic-priv.h"

#include <string.h>

enum { DFR_FLAT = 0xf };

struct ApicBus {
    Device dev;
    GPtrArray *apics;
};

#define load(p) __atomic_load_n((p), __ATOMIC_RELAXED)

/* ---- Who is meant ---- */

static bool bus_is_physical(const Apic *s, uint32_t dest, bool wide)
{
    if (dest == (wide ? UINT32_MAX : 0xff)) {
        return true;
    }
    return load(&s->id) == dest;
}

static bool bus_is_logical(const Apic *s, uint32_t dest, bool wide)
{
    uint32_t ldr = load(&s->ldr);

    if (apic_is_x2(s)) {
        if (!wide) {
            dest = (dest & 0xf0) << 12 | (dest & 0xf);
        }
        return ldr >> 16 == dest >> 16 && ldr & dest & 0xffff;
    }
    if (dest == 0xff) {
        return true;
    }
    ldr >>= 24;
    if (load(&s->dfr) >> 28 == DFR_FLAT) {
        return ldr & dest;
    }
    return ldr >> 4 == (dest >> 4 & 0xf) && ldr & dest & 0xf;
}

static bool bus_is_meant(const Apic *s, const Apic *from, unsigned shorthand, uint32_t dest,
                         bool logical, bool wide)
{
    switch (shorthand) {
    case DEST_SELF:
        return s == from;
    case DEST_ALL:
        return true;
    case DEST_OTHERS:
        return s != from;
    default:
        if (!apic_is_on(s)) {
            return false;
        }
        return logical ? bus_is_logical(s, dest, wide) : bus_is_physical(s, dest, wide);
    }
}

/* ---- Sending ---- */

static void bus_deliver(Device *dev, void *arg)
{
    ApicMessage msg;
    uintptr_t packed = (uintptr_t)arg;

    memcpy(&msg, &packed, sizeof(msg));
    apic_accept(device_as(dev, Apic), msg);
}

static void bus_post(Apic *s, ApicMessage msg)
{
    uintptr_t packed = 0;

    memcpy(&packed, &msg, sizeof(msg));
    device_post(&s->dev, bus_deliver, (void *)packed);
}

void apic_bus_send(ApicBus *b, Apic *from, unsigned shorthand, uint32_t dest, bool logical,
                   bool wide, ApicMessage msg)
{
    Apic *best = NULL;

    for (unsigned i = 0; i < b->apics->len; i++) {
        Apic *s = g_ptr_array_index(b->apics, i);

        if (!bus_is_meant(s, from, shorthand, dest, logical, wide)) {
            continue;
        }
        if (msg.mode != APIC_MODE_LOWEST) {
            bus_post(s, msg);
        } else if (load(&s->svr) & SVR_ON &&
                   (!best || load(&s->priority) < load(&best->priority))) {
            best = s;
        }
    }
    if (best) {
        msg.mode = APIC_MODE_FIXED;
        bus_post(best, msg);
    }
}

void apic_bus_add(ApicBus *b, Apic *s)
{
    g_ptr_array_add(b->apics, s);
}

/* ---- The window ---- */

static Apic *bus_apic_of(ApicBus *b, const Cpu *cpu)
{
    for (unsigned i = 0; i < b->apics->len; i++) {
        Apic *s = g_ptr_array_index(b->apics, i);

        if (s->cpu == cpu) {
            return s;
        }
    }
    return NULL;
}

static void bus_message(ApicBus *b, uint64_t off, uint32_t data)
{
    ApicMessage msg = { .vector = (uint8_t)data,
                        .mode = data >> 8 & 7,
                        .level = data >> 15 & 1,
                        .assert_ = !(data >> 15 & 1) || data >> 14 & 1 };

    apic_bus_send(b, NULL, DEST_FIELD, (uint32_t)(off >> 12 & 0xff), off >> 2 & 1, false, msg);
}

static MemResult bus_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    Apic *s = attrs.cpu ? bus_apic_of(device_as(dev, ApicBus), cpu_current()) : NULL;
    uint32_t v = 0;

    *val = 0;
    if (s && off < 0x400 && !(off & 0xc)) {
        device_enter(&s->dev);
        if (!apic_is_x2(s) && !apic_reg_read(s, (unsigned)(off >> 4), &v)) {
            s->errors |= ERROR_REGISTER;
        }
        device_leave(&s->dev);
        *val = v;
    }
    return MEM_OK;
}

static MemResult bus_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    ApicBus *b = device_as(dev, ApicBus);
    Apic *s = attrs.cpu ? bus_apic_of(b, cpu_current()) : NULL;

    if (!attrs.cpu) {
        bus_message(b, off, (uint32_t)val);
    } else if (s && off < 0x400 && !(off & 0xc)) {
        device_enter(&s->dev);
        if (!apic_is_x2(s) && !apic_reg_write(s, (unsigned)(off >> 4), (uint32_t)val)) {
            s->errors |= ERROR_REGISTER;
        }
        device_leave(&s->dev);
    }
    return MEM_OK;
}

static bool bus_start(Device *dev, GError **err)
{
    device_as(dev, ApicBus)->apics = g_ptr_array_new();
    return true;
}

static void bus_stop(Device *dev)
{
    g_clear_pointer(&device_as(dev, ApicBus)->apics, g_ptr_array_unref);
}

static const RegionType bus_regions[] = {
    { .name = "apic",
      .size = APIC_WINDOW,
      .read = bus_read,
      .write = bus_write,
      .access_min = 4,
      .access_max = 4,
      .no_lock = true },
};

static const Field bus_fields[] = {
    SCRATCH(ApicBus, apics),
};

const DeviceType device_apic_bus = {
    .name = "apic-bus",
    .doc = "what local APICs are connected by",
    .size = sizeof(ApicBus),
    .regions = bus_regions,
    .n_regions = ARRAY_SIZE(bus_regions),
    .fields = TABLE(bus_fields),
    .start = bus_start,
    .stop = bus_stop,
};
