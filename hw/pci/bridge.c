/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/pci/bridge.h"

#include "hw/pci/pci-priv.h"

enum {
    BRIDGE_CONTROL_BITS =
        PCI_BRIDGE_CTL_PARITY | PCI_BRIDGE_CTL_SERR | PCI_BRIDGE_CTL_ISA | PCI_BRIDGE_CTL_BUS_RESET
};

#define bridge_of(p_) device_as(&(p_)->dev, PciBridge)

/* ---- Windows ---- */

static void bridge_window(MemRegion *w, bool on, uint64_t base, uint64_t last)
{
    on = on && base <= last;
    if (on) {
        region_set_window(w, base, base, last - base + 1);
    }
    region_set_enabled(w, on);
}

static void bridge_windows(PciDevice *p)
{
    PciBridge *b = bridge_of(p);
    unsigned command = pci_get16(p, PCI_COMMAND);
    bool mem = command & PCI_COMMAND_MEMORY, io = command & PCI_COMMAND_IO;
    uint64_t high_base = pci_get32(p, PCI_PREF_BASE_UPPER32);
    uint64_t high_limit = pci_get32(p, PCI_PREF_LIMIT_UPPER32);

    map_change_begin(p->dev.machine);
    bridge_window(b->io, io, (p->config[PCI_IO_BASE] & 0xf0u) << 8,
                  (p->config[PCI_IO_LIMIT] & 0xf0u) << 8 | 0xfff);
    bridge_window(b->mem, mem, (pci_get16(p, PCI_MEMORY_BASE) & 0xfff0u) << 16,
                  (pci_get16(p, PCI_MEMORY_LIMIT) & 0xfff0u) << 16 | 0xfffff);
    bridge_window(
        b->pref, mem, (pci_get16(p, PCI_PREF_MEMORY_BASE) & 0xfff0u) << 16 | high_base << 32,
        (pci_get16(p, PCI_PREF_MEMORY_LIMIT) & 0xfff0u) << 16 | 0xfffff | high_limit << 32);
    map_change_end(p->dev.machine);
}

static MemRegion *bridge_new_window(PciBridge *b, const char *kind, MemRegion *below,
                                    MemRegion *above)
{
    g_autofree char *name = g_strdup_printf("%s.%s-window", b->bus.name, kind);
    MemRegion *w = region_new_alias(b->pci.dev.machine, name, below, 0, 0x1000);

    region_set_enabled(w, false);
    region_add(above, w, 0, 1);
    return w;
}

/* ---- Configuration ---- */

static void bridge_reset_child(PciDevice *p, void *arg)
{
    if (p->bus == arg) {
        device_reset_request(&p->dev, RESET_BUS);
    }
}

void pci_bridge_config_wrote(PciDevice *p, unsigned off, unsigned len)
{
    PciBridge *b = bridge_of(p);

    if (pci_touches(off, len, PCI_COMMAND, 2) || pci_touches(off, len, PCI_IO_BASE, 2) ||
        pci_touches(off, len, PCI_MEMORY_BASE, 16)) {
        bridge_windows(p);
    }
    if (pci_touches(off, len, PCI_BRIDGE_CONTROL, 2) &&
        pci_get16(p, PCI_BRIDGE_CONTROL) & PCI_BRIDGE_CTL_BUS_RESET) {
        pci_for_each(&b->bus, bridge_reset_child, &b->bus);
    }
}

static void bridge_fill_header(PciDevice *p)
{
    pci_writable(p, PCI_PRIMARY_BUS, 4, 0xffffff);
    pci_writable(p, PCI_IO_BASE, 2, 0xf0f0);
    pci_write1_clears(p, PCI_SEC_STATUS, 2, 0xf900);
    pci_changing(p, PCI_SEC_STATUS, 2, 0xf900);
    pci_writable(p, PCI_MEMORY_BASE, 4, 0xfff0fff0);
    pci_set32(p, PCI_PREF_MEMORY_BASE, PCI_PREF_RANGE_TYPE_64 | PCI_PREF_RANGE_TYPE_64 << 16);
    pci_writable(p, PCI_PREF_MEMORY_BASE, 4, 0xfff0fff0);
    pci_writable(p, PCI_PREF_BASE_UPPER32, 4, ~0u);
    pci_writable(p, PCI_PREF_LIMIT_UPPER32, 4, ~0u);
    pci_writable(p, PCI_BRIDGE_CONTROL, 2, BRIDGE_CONTROL_BITS);
}

bool pci_bridge_start(PciDevice *p, bool express, GError **err)
{
    PciBridge *b = bridge_of(p);

    if (!pci_plug(p, err)) {
        return false;
    }
    bridge_fill_header(p);
    pci_bus_init(&b->bus, &p->dev, p, p->dev.id, express);
    b->io = bridge_new_window(b, "io", b->bus.io, p->bus->io);
    b->mem = bridge_new_window(b, "mem", b->bus.mem, p->bus->mem);
    b->pref = bridge_new_window(b, "pref", b->bus.mem, p->bus->mem);
    return true;
}

void pci_bridge_abandon(PciDevice *p)
{
    PciBridge *b = bridge_of(p);

    if (b->pref) {
        region_remove(b->io);
        region_remove(b->mem);
        region_remove(b->pref);
        b->pref = NULL;
    }
    pci_unplug(&b->pci);
    pci_bus_deinit(&b->bus);
}

static void bridge_stop(Device *dev)
{
    pci_bridge_abandon(pci_of(dev));
}

static void bridge_reset(Device *dev, ResetType type)
{
    bridge_windows(pci_of(dev));
}

static bool bridge_loaded(Device *dev, GError **err)
{
    bridge_windows(pci_of(dev));
    return true;
}

static const Field bridge_fields[] = {
    SCRATCH(PciBridge, bus),
    SCRATCH(PciBridge, io),
    SCRATCH(PciBridge, mem),
    SCRATCH(PciBridge, pref),
};

const DeviceType device_pci_bridge = {
    .name = "pci-to-pci-bridge",
    .doc = "what every bridge has",
    .base = &device_pci,
    .size = sizeof(PciBridge),
    .fields = TABLE(bridge_fields),
    .stop = bridge_stop,
    .reset = bridge_reset,
    .loaded = bridge_loaded,
};
