/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `q35`: a PC with PCI Express, the Q35 and ICH9 chip set, as QEMU lays it out.
 */
#include "hw/board/pc-priv.h"

#include "hw/isa/isa.h"
#include "hw/pci/q35.h"

enum { Q35_PORTS = 4, Q35_PORTS_SLOT = 0x1c, Q35_FIRST_NUMBER = 0x10, IOAPIC_FIRST_PIRQ = 16 };

/* Function @addr of the chip set; NULL: *err. */
static Device *q35_function(PcBoard *b, const char *type, const char *id, const char *addr,
                            GError **err)
{
    Device *dev = device_new(b->machine, type, &b->dev, id, err);

    if (!dev || !device_set_prop(dev, "addr", addr, err) ||
        !device_set_prop(dev, "multifunction", "on", err) || !board_globals(&b->plug, dev, err) ||
        !device_realize(dev, err)) {
        return NULL;
    }
    return dev;
}

static bool q35_make_pci(PcBoard *b, GError **err)
{
    Device *lpc;

    b->host = device_make(b->machine, &device_q35, &b->dev, "host");
    if (!device_realize(b->host, err) || !q35_populate(b->host, b->ram_low, err)) {
        return false;
    }
    pc_map_host(b);
    lpc = q35_function(b, "ICH9-LPC", "lpc", "1f.0", err);
    if (!lpc) {
        return false;
    }
    for (unsigned i = 0; i < Q35_PIRQS; i++) {
        irq_connect(b->host, "irq", i, lpc, "pirq", i);
        pc_irq_connect(&b->irq, lpc, "gsi", i, IOAPIC_FIRST_PIRQ + i);
    }
    for (unsigned i = 0; i < ISA_N_IRQS; i++) {
        irq_connect(lpc, "irq", i, b->isa, "line", i);
    }
    pc_take_power_button(b, lpc);
    return pc_make_ahci(b, err) && q35_function(b, "ICH9-SMB", "smb", "1f.3", err);
}

/* Spare ports for device_add, where ICH9 has its own. */
static bool q35_make_ports(PcBoard *b, GError **err)
{
    PciBus *bus = &device_as(b->host, PciHost)->bus;

    if (b->cfg->nodefaults || !pci_slot_is_free(bus, Q35_PORTS_SLOT)) {
        return true;
    }
    for (unsigned i = 0; i < Q35_PORTS; i++) {
        g_autofree char *id = g_strdup_printf("hotplug%u", i);
        g_autofree char *addr = g_strdup_printf("1c.%u", i);
        Device *port = device_new(b->machine, "pcie-root-port", &b->dev, id, err);

        if (!port || !device_set_prop(port, "addr", addr, err)) {
            return false;
        }
        device_set_bool(port, "multifunction", true);
        device_set_u64(port, "slot", Q35_FIRST_NUMBER + i);
        device_set_u64(port, "chassis", Q35_FIRST_NUMBER + i);
        device_set_u64(port, "port", Q35_FIRST_NUMBER + i);
        if (!device_realize(port, err)) {
            return false;
        }
    }
    return true;
}

static const PcChip q35_chip = {
    .product = "Standard PC (Q35 + ICH9, 2009)",
    .version = "pc-q35-7.2",
    .ecam = Q35_ECAM,
    .ecam_bytes = Q35_ECAM_BYTES,
    .hpet_inputs = 0xff0104,
    .lowmem = Q35_ECAM,
    .lowmem_split = 0x80000000u,
    .make_pci = q35_make_pci,
    .make_ports = q35_make_ports,
};

static bool q35_init(Machine *m, const BoardConfig *cfg, GError **err)
{
    return pc_init_with(m, cfg, &q35_chip, err);
}

/* All mean the same board. */
static const char *const q35_aliases[] = {
    "pc-q35-7.2",  "pc-q35-7.1",   "pc-q35-7.0",  "pc-q35-6.2", "pc-q35-6.1",
    "pc-q35-6.0",  "pc-q35-5.2",   "pc-q35-5.1",  "pc-q35-5.0", "pc-q35-4.2",
    "pc-q35-4.1",  "pc-q35-4.0.1", "pc-q35-4.0",  "pc-q35-3.1", "pc-q35-3.0",
    "pc-q35-2.12", "pc-q35-2.11",  "pc-q35-2.10", "pc-q35-2.9", "pc-q35-2.8",
    "pc-q35-2.7",  "pc-q35-2.6",   "pc-q35-2.5",  "pc-q35-2.4", NULL,
};

const Board board_q35 = {
    .name = "q35",
    .aliases = q35_aliases,
    .doc = "Standard PC (Q35 + ICH9)",
    .target = "x86_64",
    .default_cpu = "host",
    .cpu_suffix = "-x86_64-cpu",
    .default_nic = "e1000e",
    .max_cpus = PC_MAX_CPUS,
    .default_ram_bytes = 128 << 20,
    .max_parallels = PC_N_PARALLEL,
    .has_numa = true,
    .props = pc_props,
    .n_props = PC_N_PROPS,
    .init = q35_init,
    .add_device = pc_add_device,
};
