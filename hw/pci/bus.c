/* SPDX-License-Identifier: Apache-2.0 */
/* Buses: places for functions, and the tree of them. */
#include "hw/pci/pci.h"

#include "hw/pci/bridge.h"
#include "hw/pci/host.h"
#include "hw/pci/pci-priv.h"

#include <inttypes.h>

void pci_bus_init(PciBus *b, Device *owner, PciDevice *bridge, const char *name, bool express)
{
    g_autofree char *mem = g_strconcat(name, ".mem", NULL), *io = g_strconcat(name, ".io", NULL);

    b->owner = owner;
    b->bridge = bridge;
    b->name = g_strdup(name);
    b->express = express;
    b->mem = region_new_container(owner->machine, mem, 0);
    b->io = region_new_container(owner->machine, io, 0x10000);
}

void pci_bus_deinit(PciBus *b)
{
    g_clear_pointer(&b->name, g_free);
}

uint8_t pci_bus_number(const PciBus *b)
{
    return b->bridge ? __atomic_load_n(&b->bridge->config[PCI_SECONDARY_BUS], __ATOMIC_RELAXED) : 0;
}

static uint16_t pci_bdf(const PciDevice *p)
{
    return (uint16_t)(pci_bus_number(p->bus) << 8 | p->devfn);
}

/* Conventional PCI has no such ids: a bridge speaks for what is behind it, by its own, or where it
 * leads from PCI Express by its bus's number. Spec: "PCI Express to PCI/PCI-X Bridge" 1.0, 2.3 */
uint16_t pci_requester_id(const PciDevice *p)
{
    uint16_t id = pci_bdf(p);

    for (const PciDevice *b = p->bus->bridge; b; b = b->bus->bridge) {
        unsigned type = b->exp_cap ? pci_get16(b, b->exp_cap + PCI_EXP_FLAGS) >> 4 & 15 : 0;

        if (!b->exp_cap) {
            id = pci_bdf(b);
        } else if (type == PCI_EXP_TYPE_PCI_BRIDGE) {
            id = (uint16_t)(b->config[PCI_SECONDARY_BUS] << 8);
        }
    }
    return id;
}

PciBus *pci_bus_of(Device *dev)
{
    if (device_is_a(dev, &device_pci_bridge)) {
        return &device_as(dev, PciBridge)->bus;
    }
    return device_is_a(dev, &device_pci_host) ? &device_as(dev, PciHost)->bus : NULL;
}

PciBus *pci_bus_find(Machine *m, const char *name)
{
    for (Device *d = machine_root(m); d; d = device_next(machine_root(m), d)) {
        PciBus *b = d->started ? pci_bus_of(d) : NULL;

        if (b && !strcmp(b->name, name)) {
            return b;
        }
    }
    return NULL;
}

PciBus *pci_root(Machine *m)
{
    Device *host = device_find_type(m, &device_pci_host);

    return host && host->started ? &device_as(host, PciHost)->bus : NULL;
}

static PciBus *pci_bus_below(PciDevice *p)
{
    return pci_type(p)->bridge ? pci_bus_of(&p->dev) : NULL;
}

PciDevice *pci_find_function(PciBus *b, uint8_t number, uint8_t devfn)
{
    for (unsigned depth = 0; b && depth < PCI_DEVFN_MAX; depth++) {
        PciBus *next = NULL;

        if (__atomic_load_n(&b->off, __ATOMIC_ACQUIRE)) {
            return NULL;
        }
        if (pci_bus_number(b) == number) {
            return __atomic_load_n(&b->functions[devfn], __ATOMIC_ACQUIRE);
        }
        /* The bridge whose buses include it; a bus that is 0 has no number yet. */
        for (unsigned i = 0; i < PCI_DEVFN_MAX && !next; i++) {
            PciDevice *p = __atomic_load_n(&b->functions[i], __ATOMIC_ACQUIRE);

            if (p && pci_type(p)->bridge && p->config[PCI_SECONDARY_BUS] &&
                p->config[PCI_SECONDARY_BUS] <= number &&
                number <= p->config[PCI_SUBORDINATE_BUS]) {
                next = pci_bus_below(p);
            }
        }
        b = next;
    }
    return NULL;
}

void pci_for_each(PciBus *b, void (*fn)(PciDevice *p, void *arg), void *arg)
{
    for (unsigned i = 0; i < PCI_DEVFN_MAX; i++) {
        PciDevice *p = __atomic_load_n(&b->functions[i], __ATOMIC_ACQUIRE);

        if (p) {
            fn(p, arg);
            if (pci_bus_below(p)) {
                pci_for_each(pci_bus_below(p), fn, arg);
            }
        }
    }
}

/* ---- Taking a place ---- */

static bool pci_parse_addr(const char *text, unsigned *slot, unsigned *function, GError **err)
{
    char *end;
    gulong s = strtoul(text, &end, 16), f = 0;

    if (end != text && *end == '.') {
        const char *from = end + 1;

        f = strtoul(from, &end, 16);
        end = end == from ? (char *)text : end;
    }
    if (end == text || *end || s > 31 || f > 7) {
        return error_set(err, "addr=%s: must be SLOT or SLOT.FUNCTION in hexadecimal, up to 1f.7",
                         text);
    }
    *slot = (unsigned)s;
    *function = (unsigned)f;
    return true;
}

bool pci_slot_is_free(const PciBus *b, unsigned slot)
{
    for (unsigned f = 0; f < 8; f++) {
        if (b->functions[slot * 8 + f]) {
            return false;
        }
    }
    return true;
}

/* For a function that does not say its own; false: there is none. */
static bool pci_bus_free_slot(const PciBus *b, unsigned last, unsigned *slot)
{
    for (*slot = b->first_slot; *slot <= last; (*slot)++) {
        if (pci_slot_is_free(b, *slot)) {
            return true;
        }
    }
    for (*slot = b->spare_slot; b->spare_slot && *slot < b->first_slot; (*slot)++) {
        if (pci_slot_is_free(b, *slot)) {
            return true;
        }
    }
    return false;
}

static bool pci_bus_place(PciDevice *p, PciBus *b, GError **err)
{
    unsigned slot = 0, function = 0, last = b->single_slot ? 0 : 31;
    const PciDevice *there;

    if (!p->addr_text) {
        if (!pci_bus_free_slot(b, b->last_slot ? b->last_slot : last, &slot)) {
            return error_set(err, "PCI bus '%s' has no free slot%s", b->name,
                             b->single_slot ? ": a port takes one device" : "");
        }
    } else if (!pci_parse_addr(p->addr_text, &slot, &function, err)) {
        return false;
    }
    if (slot > last) {
        return error_set(err, "addr=%s: bus '%s' is a port: it has slot 0 alone", p->addr_text,
                         b->name);
    }
    there = b->functions[slot * 8 + function];
    if (there) {
        return error_set(err, "addr=%x.%u of bus '%s' is taken by %s", slot, function, b->name,
                         device_path((Device *)&there->dev));
    }
    there = b->functions[slot * 8];
    if (function && there && !there->multifunction) {
        return error_set(err, "addr=%x.%u: function 0 there (%s) needs multifunction=on", slot,
                         function, device_path((Device *)&there->dev));
    }
    if (!function && !p->multifunction && !pci_slot_is_free(b, slot)) {
        return error_set(err,
                         "addr=%x.0: there are other functions in the slot: it needs "
                         "multifunction=on",
                         slot);
    }
    p->devfn = (uint8_t)(slot * 8 + function);
    return true;
}

static void pci_bus_names(Machine *m, GString *s)
{
    for (Device *d = machine_root(m); d; d = device_next(machine_root(m), d)) {
        PciBus *b = d->started ? pci_bus_of(d) : NULL;

        if (b) {
            g_string_append_printf(s, "%s%s", s->len ? ", " : "", b->name);
        }
    }
}

/* The first bus, or port with room, for what comes while the machine runs; NULL: there is none. */
static PciBus *pci_bus_hotplug(Machine *m)
{
    for (Device *d = machine_root(m); d; d = device_next(machine_root(m), d)) {
        PciBus *b = d->started ? pci_bus_of(d) : NULL;

        if (b && b->hotplug && (!b->single_slot || pci_slot_is_free(b, 0))) {
            return b;
        }
    }
    return NULL;
}

/* Errors: what comes while the machine runs finds no place here. */
static bool pci_bus_may_plug(PciDevice *p, PciBus *b, GError **err)
{
    const PciDevice *first = b->functions[p->devfn & ~7u];

    if (!machine_has_started(p->dev.machine)) {
        return true;
    }
    if (!b->hotplug) {
        return error_set(err, "Bus '%s' does not support hotplugging", b->name);
    }
    return !first || error_set(err,
                               "PCI: slot %u function 0 already occupied by %s, new func cannot be "
                               "exposed to guest",
                               pci_slot(p->devfn), first->dev.id);
}

static bool pci_ask(PciBus *b, PciDevice *p, GError **err)
{
    return b && b->hotplug && b->ask
               ? b->ask(b, p, err)
               : error_set(err, "Bus '%s' does not support hotplugging", b ? b->name : "");
}

bool pci_ask_unplug(Device *dev, GError **err)
{
    return pci_ask(pci_of(dev)->bus, pci_of(dev), err);
}

bool pci_bus_take(PciDevice *p, GError **err)
{
    Machine *m = p->dev.machine;
    bool hot = machine_has_started(m) && pci_root(m);
    PciBus *b = p->bus_name ? pci_bus_find(m, p->bus_name) : hot ? pci_bus_hotplug(m) : pci_root(m);

    if (!b && hot && !p->bus_name) {
        return error_set(err,
                         "no hotplug-capable PCI port is free: add -device pcie-root-port,id=ID "
                         "for each device that is to come");
    }
    if (!b) {
        g_autoptr(GString) names = g_string_new(NULL);

        pci_bus_names(m, names);
        return names->len && p->bus_name
                   ? error_set(err, "no PCI bus '%s': there is %s", p->bus_name, names->str)
                   : error_set(err, "this machine has no PCI bus");
    }
    if (!pci_bus_place(p, b, err) || !pci_bus_may_plug(p, b, err)) {
        return false;
    }
    p->bus = b;
    return true;
}

void pci_bus_leave(PciDevice *p)
{
    if (p->plugged) {
        __atomic_store_n(&p->bus->functions[p->devfn], NULL, __ATOMIC_RELEASE);
        p->plugged = false;
    }
}
