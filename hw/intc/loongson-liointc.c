/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The interrupt router of a Loongson 3 package: 32 lines, each to some of four pins of some of four
 * cores.
 * Spec: Loongson 3A1000 Processor User Manual, "Interrupt routing" (3ff01400h to 3ff0145fh).
 */
#include "core/device.h"

enum { LIO_LINES = 32, LIO_CORES = 4, LIO_PINS = 4, ENTRY_PINS_SHIFT = 4 };

typedef struct LioIntc {
    Device dev;
    uint8_t entry[LIO_LINES]; /* low half: cores; high half: pins */
    uint32_t level;           /* of the lines */
    uint32_t latch;           /* rising edges of lines in `edge`, until INTENCLR names them */
    uint32_t enable;
    uint32_t pol; /* kept, without effect: of other chips */
    uint32_t edge;
    Irq irq[LIO_CORES * LIO_PINS];
} LioIntc;

static uint32_t lio_pending(const LioIntc *s)
{
    return ((s->level & ~s->edge) | (s->latch & s->edge)) & s->enable;
}

/* Those that are routed to core @n. */
static uint32_t lio_core(const LioIntc *s, unsigned n)
{
    uint32_t pending = lio_pending(s), mine = 0;

    for (; pending; pending &= pending - 1) {
        unsigned i = (unsigned)__builtin_ctz(pending);

        mine |= (s->entry[i] >> n & 1u) << i;
    }
    return mine;
}

static uint64_t lio_isr_read(Device *dev)
{
    return lio_pending(device_as(dev, LioIntc));
}

static uint64_t lio_core_read(Device *dev, unsigned n)
{
    return lio_core(device_as(dev, LioIntc), n);
}

static void lio_set_write(Device *dev, uint64_t val)
{
    device_as(dev, LioIntc)->enable |= (uint32_t)val;
}

static void lio_clear_write(Device *dev, uint64_t val)
{
    LioIntc *s = device_as(dev, LioIntc);

    s->enable &= ~(uint32_t)val;
    s->latch &= ~(uint32_t)val;
}

static void lio_irq(Device *dev, unsigned n, bool level)
{
    LioIntc *s = device_as(dev, LioIntc);

    if (level && !(s->level >> n & 1)) {
        s->latch |= 1u << n & s->edge;
    }
    s->level = (s->level & ~(1u << n)) | (uint32_t)level << n;
}

static void lio_settle(Device *dev)
{
    LioIntc *s = device_as(dev, LioIntc);

    for (unsigned core = 0; core < LIO_CORES; core++) {
        uint32_t mine = lio_core(s, core);
        unsigned pins = 0;

        for (; mine; mine &= mine - 1) {
            pins |= s->entry[__builtin_ctz(mine)] >> ENTRY_PINS_SHIFT;
        }
        for (unsigned pin = 0; pin < LIO_PINS; pin++) {
            irq_set(&s->irq[core * LIO_PINS + pin], pins >> pin & 1);
        }
    }
}

static const Reg lio_regs[] = {
    { 0x00, "ENTRY", AT(LioIntc, entry), .size = 1, .count = LIO_LINES, .rw = 0xff,
      .doc = "where the line goes: cores (3:0), pins (7:4)" },
    { 0x20, "INTISR", .size = 4, .read = lio_isr_read, .silent_write = true,
      .doc = "enabled lines that ask" },
    { 0x24, "INTEN", AT(LioIntc, enable), .silent_write = true, .doc = "enabled lines" },
    { 0x28, "INTENSET", .size = 4, .write = lio_set_write, .doc = "enables lines" },
    { 0x2c, "INTENCLR", .size = 4, .write = lio_clear_write,
      .doc = "disables lines, and forgets their edges" },
    { 0x30, "INTPOL", AT(LioIntc, pol), .rw = UINT32_MAX, .doc = "polarity; without effect" },
    { 0x34, "INTEDGE", AT(LioIntc, edge), .rw = UINT32_MAX, .doc = "lines that ask by an edge" },
    { 0x40, "CORE_INTISR", .size = 4, .count = LIO_CORES, .stride = 8, .read_n = lio_core_read,
      .silent_write = true, .doc = "enabled lines of this core that ask" },
};

static const Field lio_fields[] = {
    STATE_U32(LioIntc, level, .no_reset = true),
    STATE_U32(LioIntc, latch),
    PIN_IN("irq", lio_irq, .count = LIO_LINES),
    PIN_OUT(LioIntc, irq, .doc = "pin p of core c is c * 4 + p"),
};

const DeviceType device_loongson_liointc = {
    .name = "loongson.liointc",
    .doc = "interrupt router of a Loongson 3 package",
    .size = sizeof(LioIntc),
    .mmio_size = 0x60,
    .regs = TABLE(lio_regs),
    .fields = TABLE(lio_fields),
    .settle = lio_settle,
};
