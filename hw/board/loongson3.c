/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `loongson3-virt`: Loongson 3 packages of four cores, with a generic PCI Express host bridge
 * instead of a chipset, as Linux' device tree loongson64v_4core_virtio has it.
 * Spec: Loongson 3A1000 Processor User Manual; the map as QEMU's machine of that name shows it.
 */
#include "hw/board/loongson3-priv.h"

#include "chardev/chardev.h"
#include "hw/board/fw-files.h"
#include "hw/misc/fw_cfg.h"
#include "hw/pci/host.h"

#include <string.h>

enum {
    CPU_IRQ_LIO = 0, /* pins 0 to 3 of the router: IP2 to IP5 */
    CPU_IRQ_IPI = 4,
    LIO_PINS = 4,
    LIO_UART = 0,
    LIO_RTC = 1,
    LIO_INTX = 2, /* four */
    FW_CFG_DATA_AT = 8,
    FW_CFG_SELECTOR_BYTES = 2,
    FW_CFG_DATA_BYTES = 8,
    BACKGROUND = -1000,
};

static void loongson3_stop(Device *dev)
{
    board_plug_stop(&device_as(dev, Loongson3Board)->plug);
}

static const DeviceType device_loongson3 = {
    .name = "loongson3-board",
    .doc = "devices of the loongson3-virt board",
    .size = sizeof(Loongson3Board),
    .stop = loongson3_stop,
};

static MemRegion *loongson3_root(Loongson3Board *b)
{
    return machine_memory_root(b->machine);
}

static uint64_t loongson3_node(unsigned n)
{
    return (uint64_t)n << LOONGSON3_NODE_SHIFT;
}

static Device *loongson3_make(Loongson3Board *b, const char *type, const char *id, GError **err)
{
    Device *dev = device_new(b->machine, type, &b->dev, id, err);

    return dev && device_realize(dev, err) ? dev : NULL;
}

/* RAM is whole at 2 GiB; its first 256 MiB are at 0, too. */
static bool loongson3_make_ram(Loongson3Board *b, GError **err)
{
    uint64_t want = b->cfg->ram_bytes ? b->cfg->ram_bytes : board_loongson3.default_ram_bytes;
    MemRegion *all;
    RamBlock *ram;

    b->ram_bytes = bits_align_up(want, GUEST_PAGE_SIZE);
    if (b->ram_bytes < LOONGSON3_LOW_RAM || b->ram_bytes > LOONGSON3_RAM_MAX) {
        return error_set(err, "-m: loongson3-virt has 256 MiB to 64 GiB of RAM");
    }
    ram = ram_new(b->machine, "loongson3.highram", b->ram_bytes, 0, err);
    if (!ram) {
        return false;
    }
    all = region_new_ram(b->machine, "loongson3.highram", ram, 0, b->ram_bytes);
    region_add(loongson3_root(b), all, LOONGSON3_RAM, 0);
    region_add(loongson3_root(b),
               region_new_alias(b->machine, "loongson3.lowmem", all, 0, LOONGSON3_LOW_RAM), 0, 0);
    b->rom = ram_new(b->machine, "loongson3.bios", LOONGSON3_ROM_BYTES, RAM_ROM, err);
    if (!b->rom) {
        return false;
    }
    region_add(loongson3_root(b),
               region_new_rom(b->machine, "loongson3.bios", b->rom, 0, LOONGSON3_ROM_BYTES),
               LOONGSON3_ROM, 0);
    return true;
}

static bool loongson3_make_cpu(Loongson3Board *b, const DeviceType *type, const char *props,
                               unsigned i, GError **err)
{
    g_autofree char *id = g_strdup_printf("cpu%u", i);
    Device *dev = &cpu_new(b->machine, type, &b->dev, id)->dev;

    device_set_u64(dev, "count-frequency", LOONGSON3_COUNT_HZ);
    device_set_bool(dev, "csr", true);
    if (props && !device_set_props(dev, props, err)) {
        g_prefix_error(err, "-cpu: ");
        return false;
    }
    return device_realize(dev, err);
}

static bool loongson3_make_cpus(Loongson3Board *b, GError **err)
{
    const char *text = b->cfg->cpu ? b->cfg->cpu : board_loongson3.default_cpu;
    const char *comma = strchr(text, ',');
    g_autofree char *model = comma ? g_strndup(text, (gsize)(comma - text)) : g_strdup(text);
    g_autofree char *name = g_strconcat(model, board_loongson3.cpu_suffix, NULL);
    const DeviceType *type = machine_find_type(b->machine, name);

    if (!type) {
        return error_set(err, "-cpu %s: no such model; -cpu help lists them", model);
    }
    if (!g_str_has_prefix(model, "Loongson-3")) {
        return error_set(err, "-cpu %s: loongson3-virt has Loongson-3A1000 and Loongson-3A4000",
                         model);
    }
    b->n_cpus = MAX(b->cfg->n_cpus, 1);
    for (unsigned i = 0; i < b->n_cpus; i++) {
        if (!loongson3_make_cpu(b, type, comma ? comma + 1 : NULL, i, err)) {
            return false;
        }
    }
    return true;
}

/* One device a package, whose cores' pins are wired from it. */
static Device *loongson3_make_intc(Loongson3Board *b, unsigned node, const char *type,
                                   const char *stem, uint64_t at, GError **err)
{
    g_autofree char *id = g_strdup_printf("%s%u", stem, node);
    Device *dev = loongson3_make(b, type, id, err);

    if (dev) {
        device_map(dev, 0, loongson3_root(b), loongson3_node(node) + at);
    }
    return dev;
}

/* Lines of devices are those of the first package. */
static bool loongson3_make_intcs(Loongson3Board *b, GError **err)
{
    for (unsigned i = 0; i < b->n_cpus; i += LOONGSON3_CORES) {
        unsigned node = i / LOONGSON3_CORES, last = MIN(i + LOONGSON3_CORES, b->n_cpus);
        Device *ipi = loongson3_make_intc(b, node, "loongson_ipi", "ipi", LOONGSON3_IPI, err);
        Device *lio = ipi ? loongson3_make_intc(b, node, "loongson.liointc", "liointc",
                                                LOONGSON3_LIOINTC, err)
                          : NULL;

        if (!lio) {
            return false;
        }
        b->intc = node ? b->intc : lio;
        for (unsigned cpu = i; cpu < last; cpu++) {
            Device *dev = &machine_cpu(b->machine, cpu)->dev;

            irq_connect(ipi, "irq", cpu - i, dev, "irq", CPU_IRQ_IPI);
            for (unsigned pin = 0; pin < LIO_PINS; pin++) {
                irq_connect(lio, "irq", (cpu - i) * LIO_PINS + pin, dev, "irq", CPU_IRQ_LIO + pin);
            }
        }
    }
    return true;
}

/* Packages of a 3A4000 have registers that say what they are. */
static bool loongson3_make_csrs(Loongson3Board *b, GError **err)
{
    bool has = g_str_has_prefix(machine_cpu(b->machine, 0)->dev.type->name, "Loongson-3A4000");

    for (unsigned i = 0; has && i < b->n_cpus; i += LOONGSON3_CORES) {
        if (!loongson3_make_intc(b, i / LOONGSON3_CORES, "loongson_csr", "csr", LOONGSON3_CSR,
                                 err)) {
            return false;
        }
    }
    return true;
}

static bool loongson3_make_uart(Loongson3Board *b, GError **err)
{
    Device *dev = device_new(b->machine, "serial-mm", &b->dev, "serial0", err);

    if (!dev) {
        return false;
    }
    device_set_u64(dev, "regshift", 0);
    if (b->cfg->n_serials && b->cfg->serials[0]) {
        device_set_backend(dev, "chardev", b->cfg->serials[0]);
    }
    if (!device_realize(dev, err)) {
        return false;
    }
    device_map(dev, 0, loongson3_root(b), LOONGSON3_UART);
    irq_connect(dev, "irq", 0, b->intc, "irq", LIO_UART);
    return true;
}

/* Selector and data are the other way round than the device has them: two windows. */
static bool loongson3_make_fw_cfg(Loongson3Board *b, GError **err)
{
    const BoardConfig *cfg = b->cfg;
    Device *fw = loongson3_make(b, "fw_cfg_mem", "fw_cfg", err);
    MemRegion *regs;

    if (!fw) {
        return false;
    }
    regs = device_region(fw, 0);
    region_add(
        loongson3_root(b),
        region_new_alias(b->machine, "fwcfg.ctl", regs, FW_CFG_DATA_BYTES, FW_CFG_SELECTOR_BYTES),
        LOONGSON3_FW_CFG, 0);
    region_add(loongson3_root(b),
               region_new_alias(b->machine, "fwcfg.data", regs, 0, FW_CFG_DATA_BYTES),
               LOONGSON3_FW_CFG + FW_CFG_DATA_AT, 0);
    fw_cfg_set_le(fw, FW_CFG_ID, 4, 1); /* no DMA: there is no place for its registers */
    fw_cfg_set_le(fw, FW_CFG_RAM_SIZE, 8, b->ram_bytes);
    fw_cfg_set_le(fw, FW_CFG_NOGRAPHIC, 2, cfg->no_graphic);
    fw_cfg_set_le(fw, FW_CFG_NB_CPUS, 2, b->n_cpus);
    fw_cfg_set_le(fw, FW_CFG_MAX_CPUS, 2, max_u64(cfg->max_cpus, b->n_cpus));
    fw_cfg_set_le(fw, FW_CFG_BOOT_MENU, 2, cfg->boot_menu);
    return board_fw_files(cfg, fw, err);
}

/* Registers of the packages that nobody models read as 0: Linux looks at sensors and clocks. */
static void loongson3_make_background(Loongson3Board *b)
{
    for (unsigned node = 0; node * LOONGSON3_CORES < b->n_cpus; node++) {
        for (unsigned i = 1; i <= 2; i++) {
            MemRegion *all = device_region(b->pm, i);
            uint64_t at = i == 1 ? 0x10000000 : 0x30000000;

            region_add(loongson3_root(b), region_new_alias(b->machine, "chip", all, 0, 0x10000000),
                       loongson3_node(node) + at, BACKGROUND);
        }
    }
}

static bool loongson3_make_small(Loongson3Board *b, GError **err)
{
    Device *rtc = loongson3_make(b, "goldfish_rtc", "rtc", err);

    b->pm = rtc ? loongson3_make(b, "loongson3_pm", "pm", err) : NULL;
    if (!b->pm) {
        return false;
    }
    device_map(rtc, 0, loongson3_root(b), LOONGSON3_RTC);
    irq_connect(rtc, "irq", 0, b->intc, "irq", LIO_RTC);
    device_map(b->pm, 0, loongson3_root(b), LOONGSON3_PM);
    loongson3_make_background(b);
    return true;
}

static bool loongson3_make_pci(Loongson3Board *b, GError **err)
{
    PciBus *bus;

    b->pci = device_new(b->machine, "gpex-pcihost", &b->dev, "pcihost", err);
    if (!b->pci) {
        return false;
    }
    device_set_u64(b->pci, "buses", LOONGSON3_BUSES);
    if (!device_realize(b->pci, err) || !gpex_populate(b->pci, err)) {
        return false;
    }
    bus = &device_as(b->pci, PciHost)->bus;
    device_map(b->pci, GPEX_ECAM, loongson3_root(b), LOONGSON3_ECAM);
    region_add(loongson3_root(b),
               region_new_alias(b->machine, "pcie-mmio", bus->mem, LOONGSON3_PCI_MEM,
                                LOONGSON3_PCI_MEM_BYTES),
               LOONGSON3_PCI_MEM, 0);
    region_add(loongson3_root(b),
               region_new_alias(b->machine, "pcie-pio", bus->io, 0, LOONGSON3_PIO_BYTES),
               LOONGSON3_PIO, 0);
    for (unsigned i = 0; i < PCI_N_INTX; i++) {
        irq_connect(b->pci, "irq", i, b->intc, "irq", LIO_INTX + i);
    }
    return true;
}

static bool loongson3_make_disk(Loongson3Board *b, const BoardDrive *d, const char *id,
                                GError **err)
{
    if (d->interface == DRIVE_NONE || !d->file) {
        return true;
    }
    if (d->interface != DRIVE_VIRTIO && d->interface != DRIVE_DEFAULT) {
        return error_set(err,
                         "-drive %s: loongson3-virt has virtio disks; say if=virtio, or if=none "
                         "with a -device",
                         d->file);
    }
    if (!board_make_virtio(&b->plug, "virtio-blk-pci", d, id, err)) {
        g_prefix_error(err, "-drive file=%s: ", d->file);
        return false;
    }
    return true;
}

/* The order gives the slots of PCI. */
static bool loongson3_make_plugged(Loongson3Board *b, GError **err)
{
    const BoardConfig *cfg = b->cfg;

    if (!board_plug_devices(&b->plug, 0, cfg->n_nics, err) || !board_open_drives(&b->plug, err) ||
        !board_make_vga(&b->plug, "none", err) ||
        !board_plug_devices(&b->plug, cfg->n_nics, cfg->n_devices, err)) {
        return false;
    }
    for (unsigned i = 0; i < cfg->n_drives; i++) {
        g_autofree char *id = board_drive_id(&cfg->drives[i], i);

        if (!loongson3_make_disk(b, &cfg->drives[i], id, err)) {
            return false;
        }
    }
    return true;
}

static bool loongson3_add_device(Machine *m, Options *o, GError **err)
{
    return board_plug_device(&device_as(device_find(m, "/loongson3"), Loongson3Board)->plug, o,
                             err);
}

static bool loongson3_init(Machine *m, const BoardConfig *cfg, GError **err)
{
    Loongson3Board *b =
        device_as(device_make(m, &device_loongson3, NULL, "loongson3"), Loongson3Board);

    if (!device_realize(&b->dev, err)) {
        return false;
    }
    b->machine = m;
    b->cfg = cfg;
    board_plug_init(&b->plug, &b->dev, cfg);
    return loongson3_make_ram(b, err) && loongson3_make_cpus(b, err) &&
           loongson3_make_intcs(b, err) && loongson3_make_csrs(b, err) &&
           loongson3_make_uart(b, err) && loongson3_make_small(b, err) &&
           loongson3_make_fw_cfg(b, err) && loongson3_make_pci(b, err) &&
           loongson3_make_plugged(b, err) && loongson3_boot(b, err);
}

const Board board_loongson3 = {
    .name = "loongson3-virt",
    .doc = "Loongson-3 Virtualization Platform",
    .target = "mips64el",
    .default_cpu = "Loongson-3A1000",
    .cpu_suffix = "-mips-cpu",
    .max_cpus = LOONGSON3_MAX_CPUS,
    .default_ram_bytes = 1 << 30,
    .init = loongson3_init,
    .add_device = loongson3_add_device,
};
