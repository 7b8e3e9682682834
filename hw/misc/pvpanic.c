/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pvpanic-pci, and pvpanic at a port of the ISA bus: the guest tells that it has panicked, or that
 * it runs its crash kernel.
 * Spec: QEMU documentation, "PVPANIC DEVICE".
 */
#include "hw/isa/isa.h"
#include "hw/misc/fw_cfg.h"
#include "hw/pci/pci.h"
#include "util/bytes.h"

enum { PVPANIC_PANICKED = 1, PVPANIC_CRASH_LOADED = 2, PVPANIC_BAR_SIZE = 16 };

typedef struct Pvpanic {
    PciDevice pci;
    uint8_t events; /* property */
} Pvpanic;

static uint64_t pvpanic_read(Device *dev)
{
    return device_as(dev, Pvpanic)->events;
}

static void pvpanic_tell(Device *dev, uint64_t val)
{
    if (val & PVPANIC_PANICKED) {
        machine_panic_request(dev->machine, "the guest has panicked");
    } else if (val & PVPANIC_CRASH_LOADED) {
        machine_post_event(dev->machine, EVENT_DEVICE, "GUEST_CRASHLOADED {\"action\": \"run\"}");
    }
}

static void pvpanic_write(Device *dev, uint64_t val)
{
    pvpanic_tell(dev, val & device_as(dev, Pvpanic)->events);
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

/* ---- On the ISA bus ---- */

typedef struct PvpanicIsa {
    Device dev;
    uint16_t ioport;
    uint8_t events;
} PvpanicIsa;

static uint64_t pvpanic_isa_read(Device *dev)
{
    return device_as(dev, PvpanicIsa)->events;
}

static void pvpanic_isa_write(Device *dev, uint64_t val)
{
    pvpanic_tell(dev, val & device_as(dev, PvpanicIsa)->events);
}

/* Firmware and drivers that know no ACPI find the port by fw_cfg. */
static bool pvpanic_isa_start(Device *dev, GError **err)
{
    Device *fw = fw_cfg_find(dev->machine);
    uint8_t port[2];

    put_le16(port, device_as(dev, PvpanicIsa)->ioport);
    return !fw || machine_has_started(dev->machine) ||
           fw_cfg_add_file(fw, "etc/pvpanic-port", port, sizeof(port), err);
}

static void pvpanic_isa_ready(Device *dev)
{
    isa_map(dev, 0, device_as(dev, PvpanicIsa)->ioport);
}

static const Reg pvpanic_isa_regs[] = {
    { 0x00, "EVENTS", .size = 1, .read = pvpanic_isa_read, .write = pvpanic_isa_write,
      .doc = "0: panicked; 1: a crash kernel runs. Reads as what can be told" },
};

static const RegionType pvpanic_isa_regions[] = {
    { .name = "pvpanic", .size = 1, .regs = TABLE(pvpanic_isa_regs) },
};

static const Field pvpanic_isa_fields[] = {
    PROP_U16(PvpanicIsa, ioport, 0x505, .doc = "port"),
    PROP_U8(PvpanicIsa, events, PVPANIC_PANICKED | PVPANIC_CRASH_LOADED,
            .max = PVPANIC_PANICKED | PVPANIC_CRASH_LOADED,
            .doc = "what the guest may tell: 1, that it panicked; 2, that its crash kernel runs"),
};

const DeviceType device_pvpanic_isa = {
    .name = "pvpanic",
    .doc = "the guest tells of its panic, at a port",
    .size = sizeof(PvpanicIsa),
    .regions = pvpanic_isa_regions,
    .n_regions = ARRAY_SIZE(pvpanic_isa_regions),
    .fields = TABLE(pvpanic_isa_fields),
    .start = pvpanic_isa_start,
    .ready = pvpanic_isa_ready,
    .user_creatable = true,
    .on_isa = true,
};
