/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pci-bridge, and pcie-pci-bridge that leads from PCI Express to it: 32 slots of conventional PCI,
 * filled before the machine starts.
 * Spec: "PCI-to-PCI Bridge Architecture Specification" 1.2; "PCI Express to PCI/PCI-X Bridge
 * Specification" 1.0.
 */
#include "hw/pci/bridge.h"

typedef struct OldBridge {
    PciBridge bridge;
    uint8_t chassis;
    bool msi, shpc;
} OldBridge;

static bool old_bridge_start(Device *dev, GError **err)
{
    OldBridge *s = device_as(dev, OldBridge);
    PciDevice *p = pci_of(dev);

    if (s->shpc) {
        return error_set(err, "shpc=on: this bridge has no hotplug controller; pcie-root-port has "
                              "slots that devices come into while the machine runs");
    }
    if (!pci_bridge_start(p, false, err)) {
        return false;
    }
    if (s->msi) {
        pci_add_msi(p, 1, true);
    }
    return true;
}

static bool express_bridge_start(Device *dev, GError **err)
{
    PciDevice *p = pci_of(dev);

    if (!old_bridge_start(dev, err)) {
        return false;
    }
    if (!p->bus->express) {
        error_set(err, "bus=%s is no bus of PCI Express; pci-bridge is for it", p->bus->name);
        pci_bridge_abandon(p);
        return false;
    }
    pcie_add_cap(p, PCI_EXP_TYPE_PCI_BRIDGE, 0);
    pci_add_pm(p);
    return true;
}

static const PciType old_bridge_type = {
    .vendor = PCI_VENDOR_REDHAT,
    .device = 0x0001,
    .class_code = 0x060400,
    .bridge = true,
    .config_wrote = pci_bridge_config_wrote,
};

static const PciType express_bridge_type = {
    .vendor = PCI_VENDOR_REDHAT,
    .device = 0x000e,
    .class_code = 0x060400,
    .bridge = true,
    .config_wrote = pci_bridge_config_wrote,
};

static const Field old_bridge_fields[] = {
    { "chassis_nr", FIELD_PROP, TYPE_U8, FIELD_AT(OldBridge, chassis, 1),
      .doc = "number of the chassis" },
    PROP_BOOL(OldBridge, msi, true, .doc = "the bridge has MSI"),
    PROP_BOOL(OldBridge, shpc, false, .doc = "refused: there is no hotplug controller"),
};

static const Field express_bridge_fields[] = {
    PROP_BOOL(OldBridge, msi, true, .doc = "the bridge has MSI"),
    SCRATCH(OldBridge, chassis),
    SCRATCH(OldBridge, shpc),
};

const DeviceType device_pci_old_bridge = {
    .name = "pci-bridge",
    .doc = "bridge to a bus of conventional PCI",
    .base = &device_pci_bridge,
    .size = sizeof(OldBridge),
    .fields = TABLE(old_bridge_fields),
    .user_creatable = true,
    .start = old_bridge_start,
    .extra = &old_bridge_type,
};

const DeviceType device_pcie_pci_bridge = {
    .name = "pcie-pci-bridge",
    .doc = "bridge from PCI Express to a bus of conventional PCI",
    .base = &device_pci_bridge,
    .size = sizeof(OldBridge),
    .fields = TABLE(express_bridge_fields),
    .user_creatable = true,
    .start = express_bridge_start,
    .extra = &express_bridge_type,
};
