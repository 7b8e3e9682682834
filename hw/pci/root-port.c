/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcie-root-port: a port of the root complex with one slot below it.
 * Spec: PCI Express Base 5.0, 7.5.3.9 (slot registers).
 */
#include "hw/pci/aer.h"
#include "hw/pci/slot.h"

enum { ROOT_PORT_MSIX };

typedef struct RootPort {
    PciBridge bridge;
    uint8_t chassis;
    uint16_t slot;
    uint8_t port;
    bool hotplug, power;
    PciSlot hp;
    uint64_t bus_reserve, io_reserve, mem_reserve, pref32_reserve, pref64_reserve;
} RootPort;

static void root_port_plugged(PciBus *bus, PciDevice *p)
{
    RootPort *s = device_as(bus->owner, RootPort);

    pci_slot_plugged(&s->bridge, &s->hp);
}

static bool root_port_ask(PciBus *bus, PciDevice *p, GError **err)
{
    RootPort *s = device_as(bus->owner, RootPort);

    return pci_slot_ask(&s->bridge, &s->hp, p, err);
}

static void root_port_add_root(PciDevice *p)
{
    unsigned cap = p->exp_cap;

    pci_writable(p, cap + PCI_EXP_RTCTL, 2, 0xf);
    pci_changing(p, cap + PCI_EXP_RTSTA, 4, 0x3ffff);
    pci_write1_clears(p, cap + PCI_EXP_RTSTA, 4, 0x10000);
}

static bool root_port_start(Device *dev, GError **err)
{
    RootPort *s = device_as(dev, RootPort);
    PciDevice *p = pci_of(dev);

    if (!pci_bridge_start(p, true, err)) {
        return false;
    }
    s->bridge.bus.single_slot = true;
    s->bridge.bus.plugged = root_port_plugged;
    s->bridge.bus.ask = root_port_ask;
    pci_add_msix_bar(p, 1, 0, ROOT_PORT_MSIX);
    pcie_add_cap(p, PCI_EXP_TYPE_ROOT_PORT, s->port);
    pci_slot_add(&s->bridge, &s->hp, s->slot, s->hotplug, s->power);
    root_port_add_root(p);
    pcie_add_aer(p);
    pcie_add_acs(p);
    return true;
}

static void root_port_config_wrote(PciDevice *p, unsigned off, unsigned len)
{
    RootPort *s = device_as(&p->dev, RootPort);

    pci_bridge_config_wrote(p, off, len);
    pci_slot_config_wrote(&s->bridge, &s->hp, off, len);
    pcie_aer_config_wrote(p, off, len);
}

static void root_port_reset(Device *dev, ResetType type)
{
    RootPort *s = device_as(dev, RootPort);

    pci_slot_reset(&s->bridge, &s->hp);
    s->bridge.pci.aer_interrupts = false;
}

static bool root_port_loaded(Device *dev, GError **err)
{
    RootPort *s = device_as(dev, RootPort);

    pci_slot_loaded(&s->bridge, &s->hp);
    pcie_aer_look(&s->bridge.pci, true);
    return true;
}

static void root_port_settle(Device *dev)
{
    RootPort *s = device_as(dev, RootPort);

    pci_set_intx(&s->bridge.pci,
                 pci_slot_wants_intx(&s->bridge, &s->hp) || s->bridge.pci.aer_interrupts);
    pci_settle(&s->bridge.pci);
}

static const PciType root_port_type = {
    .vendor = PCI_VENDOR_REDHAT,
    .device = 0x000c,
    .class_code = 0x060400,
    .bridge = true,
    .intx = 1,
    .config_wrote = root_port_config_wrote,
};

static const RegionType root_port_regions[] = { PCI_MSIX_REGION };

static const Field root_port_fields[] = {
    PROP_U8(RootPort, chassis, 0, .doc = "number of the chassis"),
    PROP_U16(RootPort, slot, 0, .doc = "number of the slot below"),
    PROP_U8(RootPort, port, 0, .doc = "number of the port"),
    PROP_BOOL(RootPort, hotplug, true, .doc = "devices may be plugged while the machine runs"),
    { "power_controller_present", FIELD_PROP, TYPE_BOOL, FIELD_AT(RootPort, power, 1), .def = 1,
      .doc = "the guest switches the slot's power" },
    { "bus-reserve", FIELD_PROP, TYPE_U64, FIELD_AT(RootPort, bus_reserve, 8),
      .doc = "for firmware; buses to keep free" },
    { "io-reserve", FIELD_PROP, TYPE_SIZE, FIELD_AT(RootPort, io_reserve, 8),
      .doc = "for firmware; ports to keep free" },
    { "mem-reserve", FIELD_PROP, TYPE_SIZE, FIELD_AT(RootPort, mem_reserve, 8),
      .doc = "for firmware; memory to keep free" },
    { "pref32-reserve", FIELD_PROP, TYPE_SIZE, FIELD_AT(RootPort, pref32_reserve, 8),
      .doc = "for firmware; prefetchable memory below 4 GiB to keep free" },
    { "pref64-reserve", FIELD_PROP, TYPE_SIZE, FIELD_AT(RootPort, pref64_reserve, 8),
      .doc = "for firmware; prefetchable memory to keep free" },
    STATE_BOOL(RootPort, hp.leaving, .no_reset = true, .optional = true),
    STATE_BOOL(RootPort, hp.asked, .no_reset = true, .optional = true),
    SCRATCH(RootPort, hp.interrupts),
    SCRATCH(RootPort, hp.control),
};

const DeviceType device_pcie_root_port = {
    .name = "pcie-root-port",
    .doc = "PCI Express root port",
    .base = &device_pci_bridge,
    .size = sizeof(RootPort),
    .regions = root_port_regions,
    .n_regions = ARRAY_SIZE(root_port_regions),
    .fields = TABLE(root_port_fields),
    .user_creatable = true,
    .start = root_port_start,
    .reset = root_port_reset,
    .loaded = root_port_loaded,
    .settle = root_port_settle,
    .extra = &root_port_type,
};
