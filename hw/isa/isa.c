/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/isa/isa.h"

/* What is by custom where: named for people who read the log. */
static const struct {
    uint16_t first, last;
    const char *name;
} isa_customs[] = {
    { 0x0000, 0x000f, "DMA controller 1" },
    { 0x0020, 0x0021, "8259, first" },
    { 0x0040, 0x0043, "8254 timer" },
    { 0x0060, 0x0064, "8042 keyboard controller" },
    { 0x0070, 0x0071, "CMOS clock" },
    { 0x0080, 0x008f, "DMA page registers, POST code" },
    { 0x0092, 0x0092, "system control port A" },
    { 0x00a0, 0x00a1, "8259, second" },
    { 0x00b2, 0x00b3, "APM control" },
    { 0x00c0, 0x00df, "DMA controller 2" },
    { 0x00f0, 0x00ff, "coprocessor" },
    { 0x0170, 0x0177, "IDE, second channel" },
    { 0x01ce, 0x01d0, "Bochs display" },
    { 0x01f0, 0x01f7, "IDE, first channel" },
    { 0x0200, 0x0207, "game port" },
    { 0x0220, 0x022f, "Sound Blaster" },
    { 0x0278, 0x027f, "LPT2" },
    { 0x02e8, 0x02ef, "COM4" },
    { 0x02f8, 0x02ff, "COM2" },
    { 0x0300, 0x031f, "NE2000" },
    { 0x0330, 0x0331, "MPU-401" },
    { 0x0376, 0x0376, "IDE, second channel, control" },
    { 0x0378, 0x037f, "LPT1" },
    { 0x0388, 0x038b, "AdLib" },
    { 0x03b0, 0x03df, "VGA" },
    { 0x03e8, 0x03ef, "COM3" },
    { 0x03f0, 0x03f5, "floppy controller" },
    { 0x03f6, 0x03f6, "IDE, first channel, control" },
    { 0x03f7, 0x03f7, "floppy controller" },
    { 0x03f8, 0x03ff, "COM1" },
    { 0x0402, 0x0402, "SeaBIOS's debug console" },
    { 0x04d0, 0x04d1, "edge or level of the 8259s" },
    { 0x0505, 0x0505, "pvpanic" },
    { 0x0510, 0x051b, "fw_cfg" },
    { 0x0cf8, 0x0cff, "PCI configuration" },
    { 0x5658, 0x5659, "VMware's port" },
    { 0xae00, 0xae17, "ACPI hot-plug of PCI" },
    { 0xaf00, 0xaf1f, "ACPI hot-plug of CPUs" },
};

const char *isa_port_name(unsigned port)
{
    for (size_t i = 0; i < ARRAY_SIZE(isa_customs); i++) {
        if (port >= isa_customs[i].first && port <= isa_customs[i].last) {
            return isa_customs[i].name;
        }
    }
    return NULL;
}

static void isa_nobody(Device *dev, const char *what, uint64_t port, unsigned size)
{
    const char *name;

    if (log_on(machine_log(dev->machine), LOG_UNIMP)) {
        name = isa_port_name((unsigned)port);
        guest_unimp(dev, "%s of %u bytes at port %04x%s%s%s: nothing is there", what, size,
                    (unsigned)port, name ? " (" : "", name ? name : "", name ? ")" : "");
    }
}

static MemResult isa_nobody_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                 uint64_t *val)
{
    *val = bits_mask(size * 8);
    isa_nobody(dev, "read", off, size);
    return MEM_OK;
}

static MemResult isa_nobody_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                  uint64_t val)
{
    isa_nobody(dev, "write", off, size);
    return MEM_OK;
}

static const RegionType isa_regions[] = {
    { .name = "ports",
      .size = 0x10000,
      .read = isa_nobody_read,
      .write = isa_nobody_write,
      .no_lock = true,
      .unaligned = true },
};

static void isa_line(Device *dev, unsigned n, bool level)
{
    IsaBus *b = device_as(dev, IsaBus);

    b->levels = (uint16_t)((b->levels & ~(1u << n)) | (unsigned)level << n);
}

static void isa_settle(Device *dev)
{
    IsaBus *b = device_as(dev, IsaBus);

    for (unsigned n = 0; n < ISA_N_IRQS; n++) {
        irq_set(&b->irq[n], b->levels >> n & 1);
    }
}

static bool isa_start(Device *dev, GError **err)
{
    IsaBus *b = device_as(dev, IsaBus);

    b->ports = aspace_new(dev->machine, "io", region_new_container(dev->machine, "io", 0x10000));
    return true;
}

static void isa_ready(Device *dev)
{
    region_add(aspace_root(device_as(dev, IsaBus)->ports), device_region(dev, 0), 0, -2);
}

static const Field isa_fields[] = {
    SCRATCH(IsaBus, ports),
    STATE_U16(IsaBus, levels),
    PIN_IN("line", isa_line, .count = ISA_N_IRQS),
    PIN_OUT(IsaBus, irq),
};

const DeviceType device_isa_bus = {
    .name = "isa-bus",
    .doc = "ports and interrupt lines of a PC",
    .size = sizeof(IsaBus),
    .regions = isa_regions,
    .n_regions = ARRAY_SIZE(isa_regions),
    .fields = TABLE(isa_fields),
    .start = isa_start,
    .ready = isa_ready,
    .settle = isa_settle,
};

IsaBus *isa_bus(Machine *m)
{
    Device *dev = device_find_type(m, &device_isa_bus);

    return dev ? device_as(dev, IsaBus) : NULL;
}

AddressSpace *isa_ports(Machine *m)
{
    IsaBus *b = isa_bus(m);

    return b ? b->ports : NULL;
}

void isa_map(Device *dev, unsigned region, unsigned port)
{
    IsaBus *b = isa_bus(dev->machine);

    if (b) {
        device_map(dev, region, aspace_root(b->ports), port);
    }
}

void isa_connect(Device *dev, const char *name, unsigned irq)
{
    IsaBus *b = isa_bus(dev->machine);

    if (b && irq < ISA_N_IRQS) {
        irq_connect(dev, name, 0, &b->dev, "line", irq);
    }
}
