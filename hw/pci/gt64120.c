/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GT-64120: system controller with a PCI host bridge, as far as programs of the Malta board use
 * it: the CPU's windows to PCI and to its own registers, configuration accesses. DRAM, its DMA and
 * timers are registers that keep what is written.
 * Spec: Galileo (Marvell) GT-64120 datasheet, rev. 1.4: "CPU address decoding", "PCI interface".
 */
#include "hw/pci/gt64120.h"

enum {
    GT_BYTES = 0x1000,
    REG_CPU_CONFIG = 0x000,
    REG_PCI0_IO_LOW = 0x048,
    REG_PCI0_IO_HIGH = 0x050,
    REG_PCI0_MEM0_LOW = 0x058,
    REG_PCI0_MEM0_HIGH = 0x060,
    REG_ISD = 0x068,
    REG_PCI0_MEM1_LOW = 0x080,
    REG_PCI0_MEM1_HIGH = 0x088,
    REG_PCI0_IO_REMAP = 0x0f0,
    REG_PCI0_MEM0_REMAP = 0x0f8,
    REG_PCI0_MEM1_REMAP = 0x100,
    REG_PCI0_COMMAND = 0xc00,
    REG_INTERRUPT_CAUSE = 0xc18,
    REG_PCI0_INTERRUPT_ACK = 0xc34,
    REG_CONFIG_ADDRESS = 0xcf8,
    REG_CONFIG_DATA = 0xcfc,
    /* PCI0_CMD: MByteSwap and SByteSwap. 1: bytes stay as they are */
    COMMAND_NO_SWAP = 1 << 0 | 1 << 16,
    CONFIG_OTHERS = 0x00fff800, /* bus and device: 0 is the GT-64120 itself */
    CONFIG_ENABLE = 1u << 31,
    DECODE_SHIFT = 21, /* windows are of 2 MiB units */
    N_WINDOWS = 4,
    REGION_REGISTERS = 0,
};

/* A window of the CPU: registers of its bounds, where 0 that has one alone. */
typedef struct GtWindow {
    uint16_t low, high, remap;
} GtWindow;

static const GtWindow gt_windows[N_WINDOWS] = {
    { REG_ISD },
    { REG_PCI0_IO_LOW, REG_PCI0_IO_HIGH, REG_PCI0_IO_REMAP },
    { REG_PCI0_MEM0_LOW, REG_PCI0_MEM0_HIGH, REG_PCI0_MEM0_REMAP },
    { REG_PCI0_MEM1_LOW, REG_PCI0_MEM1_HIGH, REG_PCI0_MEM1_REMAP },
};

typedef struct Gt64120 {
    PciHost host;
    bool booted, big_endian;
    uint32_t regs[GT_BYTES / 4];
    MemRegion *window[N_WINDOWS];
    uint8_t (*acknowledge)(Device *pic);
    Device *pic;
    Irq irq[PCI_N_INTX];
    bool intx[PCI_N_INTX];
} Gt64120;

static uint32_t gt_reg(const Gt64120 *s, unsigned off)
{
    return s->regs[off / 4];
}

/* ---- Windows ---- */

/* Bits 35..21 of the first and 27..21 of the last address. */
static void gt_update(Gt64120 *s)
{
    map_change_begin(s->host.dev.machine);
    for (unsigned i = 0; i < N_WINDOWS && s->window[i]; i++) {
        const GtWindow *w = &gt_windows[i];
        uint64_t low = (uint64_t)(gt_reg(s, w->low) & 0x7fff), high = low;

        if (!w->high) {
            region_set_address(s->window[i], low << DECODE_SHIFT);
            continue;
        }
        high = (low & ~0x7full) | (gt_reg(s, w->high) & 0x7f);
        region_set_enabled(s->window[i], low <= high);
        if (low <= high) {
            uint64_t start = low << DECODE_SHIFT;
            uint64_t to = (uint64_t)(gt_reg(s, w->remap) & 0x7ff) << DECODE_SHIFT;

            region_set_window(s->window[i], start, i == 1 ? 0 : to,
                              (high - low + 1) << DECODE_SHIFT);
        }
    }
    map_change_end(s->host.dev.machine);
}

static bool gt_is_window(unsigned off)
{
    for (unsigned i = 0; i < N_WINDOWS; i++) {
        if (off == gt_windows[i].low ||
            (off && (off == gt_windows[i].high || off == gt_windows[i].remap))) {
            return true;
        }
    }
    return false;
}

/* What is written to a window's low bound is its first address on PCI, too. "Address Remapping" */
static void gt_set_remap(Gt64120 *s, unsigned off)
{
    for (unsigned i = 0; i < N_WINDOWS; i++) {
        if (off == gt_windows[i].low && gt_windows[i].remap) {
            s->regs[gt_windows[i].remap / 4] = gt_reg(s, off) & 0x7ff;
        }
    }
}

/* ---- Registers ---- */

static PciDevice *gt_function(Gt64120 *s)
{
    uint32_t a = gt_reg(s, REG_CONFIG_ADDRESS);

    return a & CONFIG_ENABLE
               ? pci_find_function(&s->host.bus, (uint8_t)(a >> 16), (uint8_t)(a >> 8))
               : NULL;
}

/*
 * The registers are little-endian whatever the CPU is; what goes to PCI passes the byte swapper
 * ("PCI Interface", Byte Swapping), so that a word of another device's configuration is one of a
 * big-endian CPU. Memory and I/O keep the addresses of bytes with it on, which is what a big-endian
 * CPU's accesses do here by themselves.
 */
static uint32_t gt_swapped(Gt64120 *s, uint32_t v)
{
    bool swap = !(gt_reg(s, REG_PCI0_COMMAND) & 1) && gt_reg(s, REG_CONFIG_ADDRESS) & CONFIG_OTHERS;

    return swap ? GUINT32_SWAP_LE_BE(v) : v;
}

static uint32_t gt_config_read(Gt64120 *s)
{
    PciDevice *p = gt_function(s);
    uint32_t v = UINT32_MAX;

    if (p) {
        device_enter(&p->dev);
        v = pci_config_read(p, gt_reg(s, REG_CONFIG_ADDRESS) & 0xfc, 4);
        device_leave(&p->dev);
    }
    return gt_swapped(s, v);
}

static void gt_config_write(Gt64120 *s, uint32_t val)
{
    PciDevice *p = gt_function(s);

    if (p) {
        device_enter(&p->dev);
        pci_config_write(p, gt_reg(s, REG_CONFIG_ADDRESS) & 0xfc, 4, gt_swapped(s, val));
        device_leave(&p->dev);
    }
}

static MemResult gt_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    Gt64120 *s = device_as(dev, Gt64120);

    switch (off) {
    case REG_CONFIG_DATA:
        *val = gt_config_read(s);
        break;
    case REG_PCI0_INTERRUPT_ACK:
        *val = s->acknowledge ? s->acknowledge(s->pic) : 0;
        break;
    default:
        *val = gt_reg(s, (unsigned)off);
        break;
    }
    return MEM_OK;
}

static MemResult gt_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    Gt64120 *s = device_as(dev, Gt64120);

    switch (off) {
    case REG_CONFIG_DATA:
        gt_config_write(s, (uint32_t)val);
        break;
    case REG_CONFIG_ADDRESS:
        s->regs[off / 4] = (uint32_t)val & 0x80fffffc;
        break;
    case REG_INTERRUPT_CAUSE: /* zeros clear */
        s->regs[off / 4] &= (uint32_t)val;
        break;
    default:
        s->regs[off / 4] = (uint32_t)val;
        if (gt_is_window((unsigned)off)) {
            gt_set_remap(s, (unsigned)off);
            gt_update(s);
        }
        break;
    }
    return MEM_OK;
}

/* No lock of ours: each register is one word, and configuration takes the function's. */
static const RegionType gt_regions[] = {
    [REGION_REGISTERS] = { .name = "gt64120",
                           .size = GT_BYTES,
                           .read = gt_read,
                           .write = gt_write,
                           .access_min = 4,
                           .access_max = 4,
                           .no_lock = true },
};

static void gt_intx(Device *dev, unsigned n, bool level)
{
    device_as(dev, Gt64120)->intx[n] = level;
}

/* Malta User's Manual, "PCI bus": slots 18 to 21 begin with INTA to INTD; the bus counts from 0. */
static void gt_settle(Device *dev)
{
    Gt64120 *s = device_as(dev, Gt64120);

    for (unsigned n = 0; n < PCI_N_INTX; n++) {
        irq_set(&s->irq[(n + 2) % PCI_N_INTX], s->intx[n]);
    }
}

static void gt_reset(Device *dev, ResetType type)
{
    static const struct {
        uint16_t off;
        uint32_t reset, booted;
    } values[] = {
        { REG_CPU_CONFIG, 0, 0 },
        { REG_PCI0_IO_LOW, 0x080, 0x0c0 }, /* 18000000h */
        { REG_PCI0_IO_HIGH, 0x00f, 0x040 },
        { REG_PCI0_MEM0_LOW, 0x090, 0x080 }, /* 10000000h to 17efffffh */
        { REG_PCI0_MEM0_HIGH, 0x01f, 0x03f },
        { REG_ISD, 0x0a0, 0x0df },           /* 1be00000h */
        { REG_PCI0_MEM1_LOW, 0x790, 0x0c1 }, /* 18200000h to 1bdfffffh */
        { REG_PCI0_MEM1_HIGH, 0x01f, 0x05e },
        { REG_PCI0_IO_REMAP, 0x080, 0x000 },
        { REG_PCI0_MEM0_REMAP, 0x090, 0x080 },
        { REG_PCI0_MEM1_REMAP, 0x790, 0x0c1 },
        { 0x08, 7, 7 },       /* SCS[1:0] */
        { 0x18, 0xf, 0xf },   /* SCS[3:2] */
        { 0x28, 0xe0, 0xe0 }, /* CS[2:0] */
        { 0x30, 0x70, 0x70 },
        { 0x38, 0xf8, 0xf8 }, /* CS[3] and boot */
        { 0x40, 0x7f, 0x7f },
    };
    Gt64120 *s = device_as(dev, Gt64120);

    for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
        s->regs[values[i].off / 4] = s->booted ? values[i].booted : values[i].reset;
    }
    s->regs[REG_PCI0_COMMAND / 4] = s->big_endian ? 0 : COMMAND_NO_SWAP; /* strapped */
    gt_update(s);
}

static bool gt_loaded(Device *dev, GError **err)
{
    gt_update(device_as(dev, Gt64120));
    return true;
}

static bool gt_start(Device *dev, GError **err)
{
    PciBus *b = &device_as(dev, Gt64120)->host.bus;

    pci_bus_init(b, dev, NULL, "pci", false);
    b->intx_pin = "intx";
    /* The board's connectors; Linux knows interrupts of these, of 11 and of 12 alone. */
    b->first_slot = 18;
    b->last_slot = 21;
    b->spare_slot = 11;
    b->hotplug = true; /* the guest finds it by another look at the bus */
    return true;
}

static void gt_stop(Device *dev)
{
    pci_bus_deinit(&device_as(dev, Gt64120)->host.bus);
}

static const Field gt_fields[] = {
    PROP_BOOL(Gt64120, booted, false, .doc = "windows as a boot loader leaves them"),
    PROP_BOOL(Gt64120, big_endian, false, .doc = "strapped for a big-endian CPU"),
    STATE_ARRAY(Gt64120, regs),
    STATE_ARRAY(Gt64120, intx, .max = 1),
    PIN_IN("intx", gt_intx, .count = PCI_N_INTX),
    PIN_OUT(Gt64120, irq),
    SCRATCH(Gt64120, window),
    SCRATCH(Gt64120, acknowledge),
    SCRATCH(Gt64120, pic),
};

const DeviceType device_gt64120 = {
    .name = "gt64120",
    .doc = "GT-64120 system controller",
    .base = &device_pci_host,
    .size = sizeof(Gt64120),
    .regions = gt_regions,
    .n_regions = ARRAY_SIZE(gt_regions),
    .fields = TABLE(gt_fields),
    .start = gt_start,
    .stop = gt_stop,
    .reset = gt_reset,
    .loaded = gt_loaded,
    .settle = gt_settle,
};

/* ---- Its own function ---- */

static const PciType gt_pci = {
    .vendor = 0x11ab,
    .device = 0x4620,
    .revision = 0x10,
    .class_code = 0x060000,
};

static bool gt_pci_start(Device *dev, GError **err)
{
    return pci_plug(pci_of(dev), err);
}

const DeviceType device_gt64120_pci = {
    .name = "gt64120-pci",
    .doc = "GT-64120 as seen from PCI",
    .base = &device_pci,
    .size = sizeof(PciDevice),
    .start = gt_pci_start,
    .extra = &gt_pci,
};

bool gt64120_populate(Device *host, MemRegion *root, GError **err)
{
    Machine *m = host->machine;
    Gt64120 *s = device_as(host, Gt64120);
    PciBus *b = &s->host.bus;
    Device *dev = device_make(m, &device_gt64120_pci, host, "self");
    MemRegion *targets[N_WINDOWS] = { NULL, b->io, b->mem, b->mem };
    static const char *const names[N_WINDOWS] = { "", "pci0-io", "pci0-mem0", "pci0-mem1" };

    s->window[0] = device_region(host, REGION_REGISTERS);
    region_add(root, s->window[0], 0, 1);
    for (unsigned i = 1; i < N_WINDOWS; i++) {
        s->window[i] = region_new_alias(m, names[i], targets[i], 0, 1ull << 31);
        region_add(root, s->window[i], 0, -1);
    }
    gt_update(s);
    device_set_str(dev, "bus", b->name);
    device_set_str(dev, "addr", "0");
    return device_realize(dev, err);
}

void gt64120_set_acknowledge(Device *host, uint8_t (*fn)(Device *pic), Device *pic)
{
    Gt64120 *s = device_as(host, Gt64120);

    s->acknowledge = fn;
    s->pic = pic;
}
