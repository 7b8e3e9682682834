/* SPDX-License-Identifier: Apache-2.0 */
/* The `virt` board's PCI Express host bridge, its windows and its message interrupts. */
#include "hw/board/virt-priv.h"

#include "hw/pci/host.h"

enum { VIRT_PCI_FIRST_INTX = 3 };

const VirtMap *virt_ecam(const VirtBoard *b)
{
    return &virt_map[b->highmem && b->highmem_ecam ? VIRT_PCIE_ECAM_HIGH : VIRT_PCIE_ECAM];
}

bool virt_has_high_mmio(const VirtBoard *b)
{
    return b->highmem && b->highmem_mmio;
}

/* CPUs see part of the bus: @of at @off, at the place's address. */
static void virt_pci_window(VirtBoard *b, const char *name, MemRegion *of, uint64_t off,
                            VirtPlace p)
{
    region_add(machine_memory_root(b->machine),
               region_new_alias(b->machine, name, of, off, virt_map[p].size), virt_map[p].base, 0);
}

static bool virt_make_v2m(VirtBoard *b, GError **err)
{
    Device *v2m = device_new(b->machine, "arm-gicv2m", b->device, "gicv2m", err);

    if (!v2m) {
        return false;
    }
    device_set_u64(v2m, "base-spi", virt_map[VIRT_GIC_V2M].spi);
    device_set_u64(v2m, "num-spi", VIRT_V2M_SPIS);
    if (!device_realize(v2m, err)) {
        return false;
    }
    device_map(v2m, 0, machine_memory_root(b->machine), virt_map[VIRT_GIC_V2M].base);
    for (unsigned i = 0; i < VIRT_V2M_SPIS; i++) {
        irq_connect(v2m, "spi", i, b->gic, "spi", virt_map[VIRT_GIC_V2M].spi + i);
    }
    b->has_v2m = true;
    return true;
}

bool virt_make_pci(VirtBoard *b, GError **err)
{
    const VirtMap *ecam = virt_ecam(b);
    MemRegion *mem, *io;

    b->pci = device_new(b->machine, "gpex-pcihost", b->device, "pcihost", err);
    if (!b->pci) {
        return false;
    }
    device_set_u64(b->pci, "buses", ecam->size >> 20);
    if (!device_realize(b->pci, err) || !gpex_populate(b->pci, err) ||
        (b->gic_version == 2 && !virt_make_v2m(b, err))) {
        return false;
    }
    device_map(b->pci, GPEX_ECAM, machine_memory_root(b->machine), ecam->base);
    mem = device_as(b->pci, PciHost)->bus.mem;
    io = device_as(b->pci, PciHost)->bus.io;
    virt_pci_window(b, "pcie-mmio", mem, virt_map[VIRT_PCIE_MMIO].base, VIRT_PCIE_MMIO);
    virt_pci_window(b, "pcie-pio", io, 0, VIRT_PCIE_PIO);
    if (virt_has_high_mmio(b)) {
        virt_pci_window(b, "pcie-mmio-high", mem, virt_map[VIRT_PCIE_MMIO_HIGH].base,
                        VIRT_PCIE_MMIO_HIGH);
    }
    for (unsigned i = 0; i < PCI_N_INTX; i++) {
        irq_connect(b->pci, "irq", i, b->gic, "spi", VIRT_PCI_FIRST_INTX + i);
    }
    return true;
}

/*
 * They are functions of one slot, the last that is free, so that the addresses of everything else
 * are what they are without them. Numbers of slots are for the guest's names of them.
 */
bool virt_make_ports(VirtBoard *b, GError **err)
{
    enum { SLOTS = 32, FIRST_NUMBER = 0x40 };
    PciBus *bus = &device_as(b->pci, PciHost)->bus;
    unsigned slot = SLOTS - 1;

    while (slot && !pci_slot_is_free(bus, slot)) {
        slot--;
    }
    for (unsigned i = 0; slot && i < b->n_ports; i++) {
        g_autofree char *id = g_strdup_printf("hotplug%u", i);
        g_autofree char *addr = g_strdup_printf("%x.%u", slot, i);
        Device *port = device_new(b->machine, "pcie-root-port", b->device, id, err);

        if (!port) {
            return false;
        }
        device_set_str(port, "bus", bus->name);
        device_set_str(port, "addr", addr);
        device_set_bool(port, "multifunction", true);
        device_set_u64(port, "slot", FIRST_NUMBER + i);
        device_set_u64(port, "chassis", FIRST_NUMBER + i);
        device_set_u64(port, "port", FIRST_NUMBER + i);
        if (!device_realize(port, err)) {
            return false;
        }
    }
    return true;
}
