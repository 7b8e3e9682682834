/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/isa/isa.h"

static MemResult isa_nobody_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                 uint64_t *val)
{
    *val = bits_mask(size * 8);
    return MEM_OK;
}

static MemResult isa_nobody_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                  uint64_t val)
{
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
