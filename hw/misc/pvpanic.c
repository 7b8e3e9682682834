/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvpanic-pci: the guest tells that it has panicked, or that it runs its crash kernel.
 * Spec: QEMU documentation, "PVPANIC DEVICE".
 */
#include "hw/pci/pci.h"

enum { PVPANIC_PANICKED = 1, PVPANIC_CRASH_LOADED = 2, PVPANIC_BAR_SIZE = 16 };

typedef struct Pvpanic {
    PciDevice pci;
    uint8_t events; /* property */
} Pvpanic;

static uint64_t pvpanic_read(Device *dev)
{
    return device_as(dev, Pvpanic)->events;
}

static void pvpanic_write(Device *dev, uint64_t val)
{
    val &= device_as(dev, Pvpanic)->events;
    if (val & PVPANIC_PANICKED) {
        machine_panic_request(dev->machine, "the guest has panicked");
    } else if (val & PVPANIC_CRASH_LOADED) {
        machine_post_event(dev->machine, EVENT_DEVICE, "GUEST_CRASHLOADED {\"action\": \"run\"}");
    }
}

static bool pvpanic_start(Device *dev, GError **err)
{
    if (!pci_plug(pci_of(dev), err)) {
        return false;
    }
    pci_add_bar_region(pci_of(dev), 0, PCI_BASE_ADDRESS_SPACE_MEMORY, 0, PVPANIC_BAR_SIZE);
    return true;
}

static const PciType pvpanic_type = {
    .vendor = PCI_VENDOR_REDHAT,
    .device = 0x0011,
    .revision = 1,
    .class_code = 0x088000,
};

static const Reg pvpanic_regs[] = {
    { 0x00, "EVENTS", .size = 1, .read = pvpanic_read, .write = pvpanic_write,
      .doc = "0: panicked; 1: a crash kernel runs. Reads as what can be told" },
};

static const RegionType pvpanic_regions[] = {
    { .name = "pvpanic", .regs = TABLE(pvpanic_regs) },
};

static const Field pvpanic_fields[] = {
    PROP_U8(Pvpanic, events, PVPANIC_PANICKED | PVPANIC_CRASH_LOADED,
            .max = PVPANIC_PANICKED | PVPANIC_CRASH_LOADED,
            .doc = "what the guest may tell: 1, that it panicked; 2, that its crash kernel runs"),
};

const DeviceType device_pvpanic_pci = {
    .name = "pvpanic-pci",
    .doc = "the guest tells of its panic",
    .base = &device_pci,
    .size = sizeof(Pvpanic),
    .regions = pvpanic_regions,
    .n_regions = ARRAY_SIZE(pvpanic_regions),
    .fields = TABLE(pvpanic_fields),
    .user_creatable = true,
    .start = pvpanic_start,
    .extra = &pvpanic_type,
};
