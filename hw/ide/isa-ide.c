/* SPDX-License-Identifier: Apache-2.0 */
/* isa-ide: one channel at ports of the ISA bus, by PIO alone. */
#include "hw/ide/channel.h"
#include "hw/isa/isa.h"

typedef struct IsaIde {
    Device dev;
    uint32_t iobase, iobase2, line;
    IdeChannel ch[1];
    Irq irq;
} IsaIde;

static MemResult isa_ide_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                              uint64_t *val)
{
    *val = ide_channel_read(device_as(dev, IsaIde)->ch, (unsigned)off, size);
    return MEM_OK;
}

static MemResult isa_ide_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                               uint64_t val)
{
    ide_channel_write(device_as(dev, IsaIde)->ch, (unsigned)off, size, val);
    return MEM_OK;
}

static MemResult isa_ide_control_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                      uint64_t *val)
{
    *val = ide_channel_status(device_as(dev, IsaIde)->ch);
    return MEM_OK;
}

static MemResult isa_ide_control_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                       uint64_t val)
{
    ide_channel_control(device_as(dev, IsaIde)->ch, (uint8_t)val);
    return MEM_OK;
}

static const RegionType isa_ide_regions[] = {
    { .name = "ide", .size = 8, .read = isa_ide_read, .write = isa_ide_write, .access_max = 4 },
    { .name = "ide-control",
      .size = 1,
      .read = isa_ide_control_read,
      .write = isa_ide_control_write,
      .access_max = 1 },
};

static void isa_ide_settle(Device *dev)
{
    IsaIde *s = device_as(dev, IsaIde);

    irq_set(&s->irq, ide_channel_irq(s->ch));
}

static bool isa_ide_start(Device *dev, GError **err)
{
    IsaIde *s = device_as(dev, IsaIde);

    if (s->iobase > 0xfff8 || s->iobase % 8 || s->iobase2 > 0xffff || s->line >= ISA_N_IRQS) {
        return error_set(err, "iobase=0x%x,iobase2=0x%x,irq=%u: ports end at 0xffff, lines at 15",
                         s->iobase, s->iobase2, s->line);
    }
    return ide_channel_init(s->ch, dev, 0, false, err);
}

static void isa_ide_ready(Device *dev)
{
    const IsaIde *s = device_as(dev, IsaIde);

    isa_map(dev, 0, s->iobase);
    isa_map(dev, 1, s->iobase2);
    isa_connect(dev, "irq-out", s->line);
}

static void isa_ide_stop(Device *dev)
{
    ide_bus_deinit(&device_as(dev, IsaIde)->ch->bus);
}

static void isa_ide_saving(Device *dev)
{
    ide_bus_saving(&device_as(dev, IsaIde)->ch->bus);
}

static const Field isa_ide_fields[] = {
    PROP_U32(IsaIde, iobase, 0x1f0, .doc = "port of the command block"),
    PROP_U32(IsaIde, iobase2, 0x3f6, .doc = "port of the control block"),
    { "irq", FIELD_PROP, TYPE_U32, FIELD_AT(IsaIde, line, 4), .def = 14, .doc = "line" },
    CHANNEL_FIELDS(IsaIde, ch),
    { "irq-out", FIELD_PIN_OUT, TYPE_PIN, .at = offsetof(IsaIde, irq), .size = sizeof(Irq),
      .count = 1 },
};

const DeviceType device_isa_ide = {
    .name = "isa-ide",
    .doc = "IDE channel on the ISA bus",
    .size = sizeof(IsaIde),
    .regions = isa_ide_regions,
    .n_regions = ARRAY_SIZE(isa_ide_regions),
    .fields = TABLE(isa_ide_fields),
    .user_creatable = true,
    .on_isa = true,
    .start = isa_ide_start,
    .ready = isa_ide_ready,
    .stop = isa_ide_stop,
    .saving = isa_ide_saving,
    .settle = isa_ide_settle,
};
