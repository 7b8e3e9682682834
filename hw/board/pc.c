/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pc`: a PC with the 440FX and PIIX3 chip set, as QEMU lays it out.
 */
#include "hw/board/pc-priv.h"

#include "chardev/chardev.h"
#include "core/cpu.h"
#include "hw/board/loader.h"
#include "hw/isa/isa.h"
#include "hw/misc/fw_cfg.h"
#include "hw/pci/i440fx.h"
#include "hw/timer/mc146818.h"
#include "util/bits.h"

#include <string.h>
#include <unistd.h>

static void pc_stop(Device *dev)
{
    board_plug_stop(&device_as(dev, PcBoard)->plug);
}

static const DeviceType device_pc = {
    .name = "pc-board",
    .doc = "devices of the pc board",
    .size = sizeof(PcBoard),
    .stop = pc_stop,
};

static bool pc_make_ram(PcBoard *b, GError **err)
{
    MemRegion *root = machine_memory_root(b->machine), *all;
    RamBlock *ram;

    b->ram_bytes = b->cfg->ram_bytes ? b->cfg->ram_bytes : board_pc.default_ram_bytes;
    b->ram_bytes = bits_align_up(b->ram_bytes, GUEST_PAGE_SIZE);
    b->below_4g = b->ram_bytes >= PC_LOWMEM ? PC_LOWMEM_SPLIT : b->ram_bytes;
    if (b->ram_bytes < 1 << 20) {
        return error_set(err, "-m: a PC needs at least 1 MiB");
    }
    ram = ram_new(b->machine, "pc.ram", b->ram_bytes, 0, err);
    if (!ram) {
        return false;
    }
    all = region_new_ram(b->machine, "pc.ram", ram, 0, b->ram_bytes);
    b->ram_low = region_new_alias(b->machine, "ram-below-4g", all, 0, b->below_4g);
    region_add(root, b->ram_low, 0, 0);
    if (b->ram_bytes > b->below_4g) {
        region_add(root,
                   region_new_alias(b->machine, "ram-above-4g", all, b->below_4g,
                                    b->ram_bytes - b->below_4g),
                   1ull << 32, 0);
    }
    return true;
}

static bool pc_make_cpus(PcBoard *b, GError **err)
{
    const char *text = b->cfg->cpu ? b->cfg->cpu : board_pc.default_cpu;
    const char *comma = strchr(text, ',');
    g_autofree char *model = comma ? g_strndup(text, comma - text) : g_strdup(text);
    g_autofree char *name = g_strconcat(model, board_pc.cpu_suffix, NULL);
    const DeviceType *type = machine_find_type(b->machine, name);

    if (!type) {
        return error_set(err, "-cpu %s: no such model; -cpu help lists them", model);
    }
    b->n_cpus = b->cfg->n_cpus ? b->cfg->n_cpus : 1;
    for (unsigned i = 0; i < b->n_cpus; i++) {
        g_autofree char *id = g_strdup_printf("cpu%u", i);
        Cpu *cpu = cpu_new(b->machine, type, &b->dev, id);

        cpu->as_io = isa_ports(b->machine);
        if (comma && !device_set_props(&cpu->dev, comma + 1, err)) {
            g_prefix_error(err, "-cpu: ");
            return false;
        }
        if (!device_realize(&cpu->dev, err)) {
            return false;
        }
    }
    return true;
}

static bool pc_make_isa(PcBoard *b, GError **err)
{
    b->isa = device_make(b->machine, &device_isa_bus, &b->dev, "isa");
    b->irqchip = device_new(b->machine, "kvm-irqchip", &b->dev, "irqchip", err);
    if (!b->irqchip || !device_realize(b->isa, err) || !device_realize(b->irqchip, err)) {
        return false;
    }
    device_map(b->irqchip, 0, machine_memory_root(b->machine), 0xfee00000);
    for (unsigned i = 0; i < ISA_N_IRQS; i++) {
        irq_connect(b->isa, "irq", i, b->irqchip, "gsi", i);
    }
    return true;
}

static void pc_power_button(void *opaque)
{
    PcBoard *b = opaque;

    device_set_input(b->pm, "power-button", 0, true);
    device_set_input(b->pm, "power-button", 0, false);
}

static bool pc_make_pm(PcBoard *b, GError **err)
{
    b->pm = device_new(b->machine, "PIIX4_PM", &b->dev, "pm", err);
    if (!b->pm || !device_set_props(b->pm, "addr=1.3", err) || !device_realize(b->pm, err)) {
        return false;
    }
    machine_on_powerdown(b->machine, pc_power_button, b);
    return true;
}

static bool pc_make_pci(PcBoard *b, GError **err)
{
    MemRegion *ports = aspace_root(isa_ports(b->machine));

    b->host = device_make(b->machine, &device_i440fx, &b->dev, "host");
    if (!device_realize(b->host, err) || !i440fx_populate(b->host, b->ram_low, err)) {
        return false;
    }
    region_add(ports, device_as(b->host, PciHost)->bus.io, 0, -1);
    device_map(b->host, 0, ports, 0xcf8);
    b->piix3 = device_new(b->machine, "PIIX3", &b->dev, "piix3", err);
    if (!b->piix3 || !device_set_props(b->piix3, "addr=1.0,multifunction=on", err) ||
        !device_realize(b->piix3, err)) {
        return false;
    }
    for (unsigned i = 0; i < PCI_N_INTX; i++) {
        irq_connect(b->host, "irq", i, b->piix3, "pirq", i);
    }
    for (unsigned i = 0; i < ISA_N_IRQS; i++) {
        irq_connect(b->piix3, "irq", i, b->isa, "line", i);
    }
    return pc_make_pm(b, err);
}

/* ---- What firmware reads ---- */

static void pc_fill_cmos(PcBoard *b)
{
    uint64_t low_kib = min_u64(b->below_4g >> 10, 640);
    uint64_t ext_kib = min_u64((b->below_4g >> 10) - 1024, 0xfc00);
    uint64_t above_16m = b->below_4g > 16 << 20 ? (b->below_4g - (16 << 20)) >> 16 : 0;
    uint64_t above_4g = (b->ram_bytes - b->below_4g) >> 16;

    mc146818_set(b->rtc, 0x15, (uint8_t)low_kib);
    mc146818_set(b->rtc, 0x16, (uint8_t)(low_kib >> 8));
    mc146818_set(b->rtc, 0x17, (uint8_t)ext_kib);
    mc146818_set(b->rtc, 0x18, (uint8_t)(ext_kib >> 8));
    mc146818_set(b->rtc, 0x30, (uint8_t)ext_kib);
    mc146818_set(b->rtc, 0x31, (uint8_t)(ext_kib >> 8));
    mc146818_set(b->rtc, 0x34, (uint8_t)above_16m);
    mc146818_set(b->rtc, 0x35, (uint8_t)(above_16m >> 8));
    mc146818_set(b->rtc, 0x5b, (uint8_t)above_4g);
    mc146818_set(b->rtc, 0x5c, (uint8_t)(above_4g >> 8));
    mc146818_set(b->rtc, 0x5d, (uint8_t)(above_4g >> 16));
    mc146818_set(b->rtc, 0x5f, (uint8_t)(b->n_cpus - 1));
}

static void pc_put_e820(uint8_t *at, uint64_t start, uint64_t len)
{
    start = GUINT64_TO_LE(start);
    len = GUINT64_TO_LE(len);
    memcpy(at, &start, 8);
    memcpy(at + 8, &len, 8);
    at[16] = 1; /* RAM */
}

/* Entries of 20 bytes: address, length, type. */
static bool pc_add_e820(PcBoard *b, GError **err)
{
    uint8_t e820[40] = { 0 };
    unsigned n = 0;

    pc_put_e820(e820, 0, b->below_4g);
    n = 1;
    if (b->ram_bytes > b->below_4g) {
        pc_put_e820(e820 + 20, 1ull << 32, b->ram_bytes - b->below_4g);
        n = 2;
    }
    return fw_cfg_add_file(b->fw_cfg, "etc/e820", e820, n * 20, err);
}

static bool pc_make_fw_cfg(PcBoard *b, GError **err)
{
    uint8_t port[8] = { 0xf8, 0x03 };

    b->fw_cfg = device_new(b->machine, "fw_cfg_io", &b->dev, "fw_cfg", err);
    if (!b->fw_cfg || !device_realize(b->fw_cfg, err)) {
        return false;
    }
    isa_map(b->fw_cfg, 0, 0x510);
    fw_cfg_set_le(b->fw_cfg, FW_CFG_RAM_SIZE, 8, b->ram_bytes);
    fw_cfg_set_le(b->fw_cfg, FW_CFG_NB_CPUS, 2, b->n_cpus);
    fw_cfg_set_le(b->fw_cfg, FW_CFG_MAX_CPUS, 2, b->n_cpus);
    fw_cfg_set_le(b->fw_cfg, FW_CFG_NOGRAPHIC, 2, b->cfg->no_graphic);
    fw_cfg_set_le(b->fw_cfg, FW_CFG_BOOT_MENU, 2, b->cfg->boot_menu);
    return pc_add_e820(b, err) &&
           (!b->cfg->no_graphic ||
            fw_cfg_add_file(b->fw_cfg, "etc/sercon-port", port, sizeof(port), err));
}

static bool pc_make_serials(PcBoard *b, GError **err)
{
    for (unsigned i = 0; i < b->cfg->n_serials && i < PC_N_SERIAL; i++) {
        g_autofree char *id = g_strdup_printf("serial%u", i);
        Device *dev;

        if (!b->cfg->serials[i]) {
            continue;
        }
        dev = device_new(b->machine, "isa-serial", &b->dev, id, err);
        if (!dev) {
            return false;
        }
        device_set_u64(dev, "index", i);
        device_set_backend(dev, "chardev", b->cfg->serials[i]);
        if (!device_realize(dev, err)) {
            return false;
        }
    }
    return true;
}

/* ---- Firmware ---- */

static char *pc_find_bios(const char *name)
{
    static const char *const folders[] = { "/usr/share/seabios", "/usr/share/qemu",
                                           "/usr/local/share/seabios", "/usr/share/OVMF" };

    if (strchr(name, '/') || access(name, R_OK) == 0) {
        return g_strdup(name);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(folders); i++) {
        g_autofree char *path = g_build_filename(folders[i], name, NULL);

        if (access(path, R_OK) == 0) {
            return g_steal_pointer(&path);
        }
    }
    return NULL;
}

/* The ROM ends at 4 GiB; its last 128 KiB show below 1 MiB, too, until firmware puts RAM there. */
static bool pc_make_bios(PcBoard *b, GError **err)
{
    const char *name = b->cfg->bios ? b->cfg->bios : "bios-256k.bin";
    g_autofree char *path = pc_find_bios(name);
    g_autoptr(GBytes) file = NULL;
    MemRegion *rom, *bus = device_as(b->host, PciHost)->bus.mem;
    uint64_t size, low;
    RamBlock *ram;

    if (!path) {
        return error_set(err,
                         "-bios %s: it is not here; Debian's package seabios has it (apt "
                         "install seabios)",
                         name);
    }
    file = loader_read("-bios", path, PC_ROM_MAX, err);
    if (!file) {
        return false;
    }
    size = g_bytes_get_size(file);
    if (!size || size % (64 << 10)) {
        return error_set(err,
                         "-bios %s: %" G_GUINT64_FORMAT " bytes: a PC's firmware has a "
                         "multiple of 64 KiB",
                         path, size);
    }
    ram = ram_new(b->machine, "pc.bios", size, RAM_ROM, err);
    if (!ram) {
        return false;
    }
    memcpy(ram->host, g_bytes_get_data(file, NULL), size);
    rom = region_new_rom(b->machine, "pc.bios", ram, 0, size);
    region_add(bus, rom, (1ull << 32) - size, 1);
    low = min_u64(size, PC_ISA_BIOS);
    region_add(bus, region_new_alias(b->machine, "isa-bios", rom, size - low, low), (1 << 20) - low,
               1);
    return true;
}

static bool pc_make_keyboard(PcBoard *b, GError **err)
{
    Device *dev = device_new(b->machine, "i8042", &b->dev, "i8042", err);

    return dev && device_realize(dev, err);
}

static bool pc_make_rtc(PcBoard *b, GError **err)
{
    b->rtc = device_make(b->machine, &device_mc146818, &b->dev, "rtc");
    if (!device_realize(b->rtc, err)) {
        return false;
    }
    pc_fill_cmos(b);
    return true;
}

/* ---- What is plugged in ---- */

static bool pc_make_disk(PcBoard *b, const BoardDrive *d, const char *id, GError **err)
{
    Device *dev;

    if (d->interface == DRIVE_NONE || !d->file) {
        return true;
    }
    if (d->interface != DRIVE_VIRTIO) {
        return error_set(err,
                         "-drive %s: the pc board has no IDE, SCSI or floppy controller yet; "
                         "say if=virtio, or if=none and a -device",
                         d->file);
    }
    dev = device_new(b->machine, "virtio-blk-pci", &b->dev, NULL, err);
    if (!dev || !device_set_prop(dev, "drive", id, err) ||
        (d->serial && !device_set_prop(dev, "serial", d->serial, err)) ||
        !device_realize(dev, err)) {
        g_prefix_error(err, "-drive file=%s: ", d->file);
        return false;
    }
    return true;
}

static bool pc_make_plugged(PcBoard *b, GError **err)
{
    if (!board_open_drives(&b->plug, err)) {
        return false;
    }
    for (unsigned i = 0; i < b->cfg->n_drives; i++) {
        g_autofree char *id = board_drive_id(&b->cfg->drives[i], i);

        if (!pc_make_disk(b, &b->cfg->drives[i], id, err)) {
            return false;
        }
    }
    return board_plug_devices(&b->plug, 0, b->cfg->n_devices, err);
}

static bool pc_add_device(Machine *m, Options *o, GError **err)
{
    return board_plug_device(&device_as(device_find(m, "/pc"), PcBoard)->plug, o, err);
}

/* What the command line can ask for that this board has no place for yet. */
static bool pc_check(const BoardConfig *cfg, GError **err)
{
    if (cfg->kernel || cfg->initrd || cfg->dtb) {
        return error_set(err, "-kernel: the pc board starts firmware alone so far");
    }
    return true;
}

static bool pc_init(Machine *m, const BoardConfig *cfg, GError **err)
{
    PcBoard *b = device_as(device_make(m, &device_pc, NULL, "pc"), PcBoard);

    if (!device_realize(&b->dev, err)) {
        return false;
    }
    b->machine = m;
    b->cfg = cfg;
    board_plug_init(&b->plug, &b->dev, cfg);
    return pc_check(cfg, err) && pc_make_ram(b, err) && pc_make_isa(b, err) &&
           pc_make_cpus(b, err) && pc_make_pci(b, err) && pc_make_rtc(b, err) &&
           pc_make_serials(b, err) && pc_make_keyboard(b, err) && pc_make_fw_cfg(b, err) &&
           pc_make_bios(b, err) && pc_make_plugged(b, err);
}

static const char *const pc_aliases[] = { "pc-i440fx-7.2", NULL };

const Board board_pc = {
    .name = "pc",
    .aliases = pc_aliases,
    .doc = "Standard PC (i440FX + PIIX)",
    .target = "x86_64",
    .default_cpu = "host",
    .cpu_suffix = "-x86_64-cpu",
    .max_cpus = PC_MAX_CPUS,
    .default_ram_bytes = 128 << 20,
    .init = pc_init,
    .add_device = pc_add_device,
};
