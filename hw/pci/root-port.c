/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcie-root-port: a port of the root complex with one slot below it.
 * Spec: PCI Express Base 5.0, 7.5.3.9 (slot registers).
 */
#include "hw/pci/bridge.h"

enum { ROOT_PORT_MSIX, ROOT_PORT_SLOT_POWER = 0x3c };

typedef struct RootPort {
    PciBridge bridge;
    uint8_t chassis;
    uint16_t slot;
    uint8_t port;
    bool hotplug;
    uint64_t bus_reserve, io_reserve, mem_reserve, pref32_reserve, pref64_reserve;
} RootPort;

static void root_port_add_slot(RootPort *s)
{
    PciDevice *p = &s->bridge.pci;
    unsigned cap = p->exp_cap;

    pci_set16(p, cap + PCI_EXP_FLAGS, pci_get16(p, cap + PCI_EXP_FLAGS) | PCI_EXP_FLAGS_SLOT);
    pci_set32(p, cap + PCI_EXP_SLTCAP, (uint32_t)s->slot << 19 | ROOT_PORT_SLOT_POWER << 7);
    pci_changing(p, cap + PCI_EXP_SLTSTA, 2, 0x1ff);
    pci_write1_clears(p, cap + PCI_EXP_SLTSTA, 2, 0x11f);
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
    s->bridge.bus.hotplug = s->hotplug;
    pci_add_msix_bar(p, 1, 0, ROOT_PORT_MSIX);
    pcie_add_cap(p, PCI_EXP_TYPE_ROOT_PORT, s->port);
    root_port_add_slot(s);
    pcie_add_aer(p);
    return true;
}

/* Presence is what the bus below says. */
static void root_port_settle(Device *dev)
{
    PciDevice *p = pci_of(dev);
    unsigned at = p->exp_cap + PCI_EXP_SLTSTA, link = p->exp_cap + PCI_EXP_LNKSTA;
    bool there = device_as(dev, PciBridge)->bus.functions[0] != NULL;
    uint16_t status = pci_get16(p, at) & ~PCI_EXP_SLTSTA_PDS;
    uint16_t up = pci_get16(p, link) & ~PCI_EXP_LNKSTA_DLLLA;

    pci_set16(p, at, status | (there ? PCI_EXP_SLTSTA_PDS : 0));
    pci_set16(p, link, up | (there ? PCI_EXP_LNKSTA_DLLLA : 0));
    pci_settle(p);
}

static const PciType root_port_type = {
    .vendor = PCI_VENDOR_REDHAT,
    .device = 0x000c,
    .class_code = 0x060400,
    .bridge = true,
    .intx = 1,
    .config_wrote = pci_bridge_config_wrote,
};

static const RegionType root_port_regions[] = { PCI_MSIX_REGION };

static const Field root_port_fields[] = {
    PROP_U8(RootPort, chassis, 0, .doc = "number of the chassis"),
    PROP_U16(RootPort, slot, 0, .doc = "number of the slot below"),
    PROP_U8(RootPort, port, 0, .doc = "number of the port"),
    PROP_BOOL(RootPort, hotplug, true, .doc = "devices may be plugged while the machine runs"),
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
    .settle = root_port_settle,
    .extra = &root_port_type,
};
