/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bench.h"
#include "core/core-priv.h"
#include "core/state/state.h"

#include <stdio.h>
#include <stdlib.h>

struct Bench {
    const DeviceType *type;
    char *props;
    void (*setup)(Device *dev, void *arg);
    void *arg;
    Machine *m;
    Device *dev;
    bool no_reload;
};

/* The generated list of hw/; not there in a program without devices. */
extern const DeviceType *const device_types[] __attribute__((weak));

static void bench_fail(const char *what, const GError *err)
{
    fprintf(stderr, "bench: %s%s%s\n", what, err ? ": " : "", err ? err->message : "");
    abort();
}

static GuestPhys bench_region_addr(Device *dev, unsigned region)
{
    GuestPhys at = BENCH_MMIO_BASE;

    for (unsigned i = 0; i < region; i++) {
        if (dev->regions[i]) {
            at += bits_align_up(region_size(dev->regions[i]), 0x10000);
        }
    }
    return at;
}

static Machine *bench_build(Bench *b, Device **dev)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    RamBlock *ram = m ? ram_new(m, "bench.ram", BENCH_RAM_SIZE, 0, &err) : NULL;

    if (!ram) {
        bench_fail("no machine", err);
    }
    clock_set_mode(m, CLOCK_MODE_VIRTUAL);
    machine_set_seed(m, 1);
    if (device_types) {
        machine_add_types(m, device_types);
    }
    region_add(machine_memory_root(m), region_new_ram(m, "ram", ram, 0, BENCH_RAM_SIZE),
               BENCH_RAM_BASE, 0);
    *dev = device_new_type(m, b->type, NULL, "dut", &err);
    if (!*dev || (b->props && !device_set_props(*dev, b->props, &err))) {
        bench_fail("cannot make the device", err);
    }
    if (b->setup) {
        b->setup(*dev, b->arg);
    }
    if (!device_realize(*dev, &err)) {
        bench_fail("cannot realize the device", err);
    }
    for (unsigned i = 0; i < (*dev)->n_regions; i++) {
        if ((*dev)->regions[i] && !(*dev)->regions[i]->parent) { /* else its bus has it */
            device_map(*dev, i, machine_memory_root(m), bench_region_addr(*dev, i));
        }
    }
    if (!machine_start(m, &err)) {
        bench_fail("cannot start", err);
    }
    return m;
}

/* Save, load into a fresh machine, and go on in that one. */
static void bench_reload(Bench *b)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(GError) err = NULL;
    g_autofree char *before = NULL, *after = NULL;
    Machine *m;
    Device *dev;

    while (loop_iterate(b->m, false)) {
    }
    if (b->no_reload) {
        return;
    }
    m = bench_build(b, &dev);
    if (!machine_save_bytes(b->m, bytes, &err) ||
        !machine_load_bytes(m, bytes->data, bytes->len, &err)) {
        bench_fail("state", err);
    }
    before = machine_state_text(b->m);
    after = machine_state_text(m);
    if (strcmp(before, after)) {
        fprintf(stderr, "bench: state differs after a save and a load\n--- before\n%s--- after\n%s",
                before, after);
        abort();
    }
    machine_free(b->m);
    b->m = m;
    b->dev = dev;
}

Bench *bench_device_setup(const DeviceType *type, const char *props,
                          void (*setup)(Device *dev, void *arg), void *arg)
{
    Bench *b = g_new0(Bench, 1);

    b->type = type;
    b->props = g_strdup(props);
    b->setup = setup;
    b->arg = arg;
    b->m = bench_build(b, &b->dev);
    return b;
}

Bench *bench_device_type(const DeviceType *type, const char *props)
{
    return bench_device_setup(type, props, NULL, NULL);
}

Bench *bench_device(const char *type, const char *props)
{
    for (const DeviceType *const *t = device_types; t && *t; t++) {
        if (!strcmp((*t)->name, type)) {
            return bench_device_type(*t, props);
        }
    }
    bench_fail(type, NULL);
    return NULL;
}

void bench_end(Bench *b)
{
    machine_free(b->m);
    g_free(b->props);
    g_free(b);
}

void bench_no_reload(Bench *b)
{
    b->no_reload = true;
}

Device *bench_dev(Bench *b)
{
    return b->dev;
}

Machine *bench_machine(Bench *b)
{
    return b->m;
}

static const RegEntry *bench_find(Bench *b, const char *name, unsigned *region)
{
    unsigned n;
    const Reg *r = device_find_reg(b->dev, name, region, &n);

    if (r) {
        const RegionIndex *ri = &b->dev->index->regions[*region];

        for (unsigned i = 0; i < ri->n_entries; i++) {
            if (ri->entries[i].reg == r && ri->entries[i].n == n) {
                return &ri->entries[i];
            }
        }
    }
    fprintf(stderr, "bench: no register '%s'\n", name);
    abort();
}

MemResult bench_write_at(Bench *b, unsigned region, uint64_t off, unsigned size, uint64_t val)
{
    MemResult r = aspace_store(b->m->memory, bench_region_addr(b->dev, region) + off, size, val,
                               (MemAttrs){ .secure = 1 });

    bench_reload(b);
    return r;
}

uint64_t bench_read_at(Bench *b, unsigned region, uint64_t off, unsigned size)
{
    uint64_t val;

    aspace_load(b->m->memory, bench_region_addr(b->dev, region) + off, size, &val,
                (MemAttrs){ .secure = 1 });
    bench_reload(b);
    return val;
}

void bench_write(Bench *b, const char *reg, uint64_t val)
{
    unsigned region;
    const RegEntry *e = bench_find(b, reg, &region);

    bench_write_at(b, region, e->offset, e->size, val);
}

uint64_t bench_read(Bench *b, const char *reg)
{
    unsigned region;
    const RegEntry *e = bench_find(b, reg, &region);

    return bench_read_at(b, region, e->offset, e->size);
}

void bench_run_ns(Bench *b, int64_t ns)
{
    clock_advance_ns(b->m, ns);
    bench_reload(b);
}

void bench_run_loop(Bench *b)
{
    while (loop_iterate(b->m, false)) {
    }
    bench_reload(b);
}

void bench_reset(Bench *b)
{
    machine_reset(b->m, RESET_WARM, CAUSE_NONE);
    bench_reload(b);
}

/* "name" or "name[3]". */
static char *bench_pin_name(const char *pin, unsigned *n)
{
    const char *open = strchr(pin, '[');

    *n = open ? (unsigned)strtoul(open + 1, NULL, 10) : 0;
    return open ? g_strndup(pin, (gsize)(open - pin)) : g_strdup(pin);
}

bool bench_pin(Bench *b, const char *pin)
{
    unsigned n;
    g_autofree char *name = bench_pin_name(pin, &n);
    const Irq *irq = device_output(b->dev, name, n);

    if (!irq) {
        bench_fail(pin, NULL);
    }
    return irq_is_high(irq);
}

void bench_set_pin(Bench *b, const char *pin, bool level)
{
    unsigned n;
    g_autofree char *name = bench_pin_name(pin, &n);

    device_set_input(b->dev, name, n, level);
    bench_reload(b);
}
