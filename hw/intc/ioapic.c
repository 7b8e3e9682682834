/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The I/O APIC: 24 inputs, each with a message to local APICs.
 * Spec: Intel 82093AA datasheet, 290566-001; the EOI register of version 20h: Intel ICH10
 * datasheet, 319973, 13.5.
 */
#include "hw/intc/ioapic.h"

#include <inttypes.h>

enum {
    IOAPIC_PINS = 24,
    IOAPIC_VERSION = 0x20,

    REG_SELECT = 0x00,
    REG_WINDOW = 0x10,
    REG_EOI = 0x40,
    IND_ID = 0x00,
    IND_VERSION = 0x01,
    IND_ARBITRATION = 0x02,
    IND_TABLE = 0x10,
    ID_MASK = 0x0f000000,

    E_VECTOR = 0xff,
    E_MODE_SHIFT = 8,
    E_LOGICAL = 1 << 11,
    E_STATUS = 1 << 12,
    E_LOW = 1 << 13, /* polarity: nothing here is inverted, software's choice is of no effect */
    E_REMOTE = 1 << 14,
    E_LEVEL = 1 << 15,
    E_MASK = 1 << 16,
    MODE_FIXED = 0,
    MODE_LOWEST = 1,

    MSI_LOGICAL = 1 << 2,
    MSI_REDIRECT = 1 << 3,
    MSI_LEVEL = 1 << 15,
    MSI_ASSERT = 1 << 14,
};

#define MSI_BASE    0xfee00000u
#define E_READ_ONLY ((uint64_t)(E_STATUS | E_REMOTE))
#define E_WRITABLE  (0xff00000000000000ull | 0x1afff)

typedef struct Ioapic {
    Device dev;
    uint32_t id, select;
    uint32_t lines; /* levels of the inputs */
    uint32_t irr;   /* requests not sent yet; of edges alone */
    uint64_t table[IOAPIC_PINS];
} Ioapic;

static unsigned ioapic_mode(uint64_t e)
{
    return e >> E_MODE_SHIFT & 7;
}

/* ---- Messages ---- */

static uint64_t ioapic_address(uint64_t e)
{
    return MSI_BASE | (e >> 56) << 12 | (e & E_LOGICAL ? MSI_LOGICAL : 0) |
           (ioapic_mode(e) == MODE_LOWEST ? MSI_REDIRECT : 0);
}

static uint32_t ioapic_data(uint64_t e)
{
    return (uint32_t)((e & E_VECTOR) | (uint64_t)ioapic_mode(e) << E_MODE_SHIFT |
                      (e & E_LEVEL ? MSI_LEVEL | MSI_ASSERT : 0));
}

static bool ioapic_is_wanted(const Ioapic *s, unsigned n)
{
    uint64_t e = s->table[n];

    if (e & E_MASK) {
        return false;
    }
    return e & E_LEVEL ? s->lines >> n & 1 && !(e & E_REMOTE) : s->irr >> n & 1;
}

static void ioapic_send(Ioapic *s, unsigned n)
{
    uint64_t e = s->table[n];
    unsigned mode = ioapic_mode(e);

    s->irr &= ~(1u << n);
    if (e & E_LEVEL && (mode == MODE_FIXED || mode == MODE_LOWEST)) {
        s->table[n] |= E_REMOTE;
    }
    trace(&s->dev, "send", "pin %u vector 0x%x", n, (unsigned)(e & E_VECTOR));
    device_dma_store(&s->dev, ioapic_address(e), 4, ioapic_data(e));
}

static void ioapic_serve(Ioapic *s)
{
    for (unsigned n = 0; n < IOAPIC_PINS; n++) {
        if (ioapic_is_wanted(s, n)) {
            ioapic_send(s, n);
        }
    }
}

static void ioapic_line(Device *dev, unsigned n, bool level)
{
    Ioapic *s = device_as(dev, Ioapic);
    uint32_t bit = 1u << n;

    if (level && !(s->lines & bit) && !(s->table[n] & (E_LEVEL | E_MASK))) {
        s->irr |= bit;
    }
    s->lines = level ? s->lines | bit : s->lines & ~bit;
    ioapic_serve(s);
}

static void ioapic_ended(Ioapic *s, uint8_t vector)
{
    for (unsigned n = 0; n < IOAPIC_PINS; n++) {
        uint64_t e = s->table[n];

        if (e & E_LEVEL && (e & E_VECTOR) == vector) {
            s->table[n] &= ~(uint64_t)E_REMOTE;
        }
    }
    ioapic_serve(s);
}

static void ioapic_end_posted(Device *dev, void *arg)
{
    ioapic_ended(device_as(dev, Ioapic), (uint8_t)(uintptr_t)arg);
}

void ioapic_end(Device *dev, uint8_t vector)
{
    device_post(dev, ioapic_end_posted, (void *)(uintptr_t)vector);
}

/* ---- Where local APICs are in the kernel: it must know whose end to tell of ---- */

static void ioapic_tell_kernel(Ioapic *s, unsigned n)
{
    const MachineIrqchip *chip = machine_irqchip(s->dev.machine);

    if (chip && chip->set_pin_message) {
        chip->set_pin_message(s->dev.machine, n, ioapic_address(s->table[n]),
                              ioapic_data(s->table[n]));
    }
}

/* ---- Registers ---- */

static uint32_t ioapic_indirect_read(const Ioapic *s)
{
    unsigned i = s->select;

    switch (i) {
    case IND_ID:
    case IND_ARBITRATION:
        return s->id;
    case IND_VERSION:
        return (IOAPIC_PINS - 1) << 16 | IOAPIC_VERSION;
    default:
        if (i >= IND_TABLE && i < IND_TABLE + 2 * IOAPIC_PINS) {
            return (uint32_t)(s->table[(i - IND_TABLE) / 2] >> (i & 1 ? 32 : 0));
        }
        return 0;
    }
}

static void ioapic_entry_write(Ioapic *s, unsigned n, bool high, uint32_t val)
{
    uint64_t old = s->table[n];
    uint64_t wanted = high ? (uint64_t)val << 32 | (uint32_t)old : (old >> 32) << 32 | val;

    s->table[n] = (wanted & E_WRITABLE) | (old & E_READ_ONLY);
    if (!(s->table[n] & E_LEVEL)) {
        s->table[n] &= ~(uint64_t)E_REMOTE; /* as 82093AA and what followed it do */
    }
    if (s->table[n] != old) {
        ioapic_tell_kernel(s, n);
    }
    ioapic_serve(s);
}

static void ioapic_indirect_write(Ioapic *s, uint32_t val)
{
    unsigned i = s->select;

    if (i == IND_ID) {
        s->id = val & ID_MASK;
    } else if (i >= IND_TABLE && i < IND_TABLE + 2 * IOAPIC_PINS) {
        ioapic_entry_write(s, (i - IND_TABLE) / 2, i & 1, val);
    } else {
        guest_error(&s->dev, "writes register 0x%x", i);
    }
}

static MemResult ioapic_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                             uint64_t *val)
{
    Ioapic *s = device_as(dev, Ioapic);

    switch (off & 0xff) {
    case REG_SELECT:
        *val = s->select;
        break;
    case REG_WINDOW:
        *val = ioapic_indirect_read(s);
        break;
    default:
        *val = 0;
        break;
    }
    return MEM_OK;
}

static MemResult ioapic_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                              uint64_t val)
{
    Ioapic *s = device_as(dev, Ioapic);

    switch (off & 0xff) {
    case REG_SELECT:
        s->select = val & 0xff;
        break;
    case REG_WINDOW:
        ioapic_indirect_write(s, (uint32_t)val);
        break;
    case REG_EOI:
        ioapic_ended(s, (uint8_t)val);
        break;
    default:
        guest_error(dev, "writes offset 0x%" PRIx64, off);
        break;
    }
    return MEM_OK;
}

static void ioapic_reset(Device *dev, ResetType type)
{
    Ioapic *s = device_as(dev, Ioapic);

    s->id = s->select = s->irr = 0;
    for (unsigned n = 0; n < IOAPIC_PINS; n++) {
        s->table[n] = E_MASK;
    }
}

static bool ioapic_loaded(Device *dev, GError **err)
{
    for (unsigned n = 0; n < IOAPIC_PINS; n++) {
        ioapic_tell_kernel(device_as(dev, Ioapic), n);
    }
    return true;
}

static const Field ioapic_fields[] = {
    STATE_U32(Ioapic, id, .no_reset = true),
    STATE_U32(Ioapic, select, .no_reset = true, .max = 0xff),
    STATE_U32(Ioapic, lines, .no_reset = true, .max = (1u << IOAPIC_PINS) - 1),
    STATE_U32(Ioapic, irr, .no_reset = true, .max = (1u << IOAPIC_PINS) - 1),
    STATE_ARRAY(Ioapic, table, .no_reset = true),
    PIN_IN("irq", ioapic_line, .count = IOAPIC_PINS),
};

const DeviceType device_ioapic = {
    .name = "ioapic",
    .doc = "I/O APIC (82093AA)",
    .size = sizeof(Ioapic),
    .mmio_size = 0x1000,
    .access_min = 4,
    .access_max = 4,
    .read = ioapic_read,
    .write = ioapic_write,
    .fields = TABLE(ioapic_fields),
    .reset = ioapic_reset,
    .loaded = ioapic_loaded,
};
