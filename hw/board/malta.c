/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `malta`: MIPS Malta with a CoreLV card: GT-64120, PIIX4, as QEMU lays it out.
 * Spec: MIPS Malta User's Manual, MD00048.
 */
#include "hw/board/malta-priv.h"

#include "hw/board/super-io.h"
#include "hw/intc/i8259.h"
#include "hw/isa/isa.h"
#include "hw/pci/gt64120.h"
#include "hw/timer/mc146818.h"
#include "util/bits.h"

#include <string.h>

enum {
    CPU_IRQ_8259 = 0,
    CPU_IRQ_CBUS = 2,
    MALTA_ISA_SERIALS = 2,
    MALTA_PARALLELS = 1,
    MALTA_NIC_SLOT = 11
};

static void malta_stop(Device *dev)
{
    board_plug_stop(&device_as(dev, MaltaBoard)->plug);
}

static const DeviceType device_malta = {
    .name = "malta-board",
    .doc = "devices of the malta board",
    .size = sizeof(MaltaBoard),
    .stop = malta_stop,
};

/* RAM is whole at 2 GiB; its first 256 MiB are at 0, too, and the rest behind the devices. */
static bool malta_make_ram(MaltaBoard *b, GError **err)
{
    MemRegion *root = machine_memory_root(b->machine), *all;
    uint64_t low;
    RamBlock *ram;

    b->ram_bytes = b->cfg->ram_bytes ? b->cfg->ram_bytes : board_malta.default_ram_bytes;
    b->ram_bytes = bits_align_up(b->ram_bytes, GUEST_PAGE_SIZE);
    if (b->ram_bytes > MALTA_RAM_MAX) {
        return error_set(err, "-m: malta has room for 2048 MiB");
    }
    ram = ram_new(b->machine, "mips_malta.ram", b->ram_bytes, 0, err);
    if (!ram) {
        return false;
    }
    all = region_new_ram(b->machine, "mips_malta.ram", ram, 0, b->ram_bytes);
    region_add(root, all, MALTA_RAM, 0);
    low = min_u64(b->ram_bytes, MALTA_RAM_LOW);
    region_add(root, region_new_alias(b->machine, "mips_malta_low_preio.ram", all, 0, low), 0, 0);
    if (b->ram_bytes > 2 * MALTA_RAM_LOW) {
        region_add(root,
                   region_new_alias(b->machine, "mips_malta_low_postio.ram", all, 2 * MALTA_RAM_LOW,
                                    b->ram_bytes - 2 * MALTA_RAM_LOW),
                   2 * MALTA_RAM_LOW, 0);
    }
    b->rom = ram_new(b->machine, "mips_malta.bios", MALTA_BOOT_BYTES, RAM_ROM, err);
    if (!b->rom) {
        return false;
    }
    region_add(root, region_new_rom(b->machine, "mips_malta.bios", b->rom, 0, MALTA_BOOT_BYTES),
               MALTA_BOOT, 0);
    return true;
}

static bool malta_make_cpus(MaltaBoard *b, GError **err)
{
    const char *text = b->cfg->cpu    ? b->cfg->cpu
                       : b->cfg->wide ? board_malta.wide_cpu
                                      : board_malta.default_cpu;
    const char *comma = strchr(text, ',');
    g_autofree char *model = comma ? g_strndup(text, (gsize)(comma - text)) : g_strdup(text);
    g_autofree char *name = g_strconcat(model, board_malta.cpu_suffix, NULL);
    const DeviceType *type = machine_find_type(b->machine, name);
    Cpu *cpu;

    if (!type) {
        return error_set(err, "-cpu %s: no such model; -cpu help lists them", model);
    }
    cpu = cpu_new(b->machine, type, &b->dev, "cpu0");
    if (comma && !device_set_props(&cpu->dev, comma + 1, err)) {
        g_prefix_error(err, "-cpu: ");
        return false;
    }
    device_set_bool(&cpu->dev, "big-endian", b->cfg->other_order);
    return device_realize(&cpu->dev, err);
}

static Device *malta_make(MaltaBoard *b, const char *type, const char *id, const char *props,
                          GError **err)
{
    Device *dev = device_new(b->machine, type, &b->dev, id, err);

    return dev && (!props || device_set_props(dev, props, err)) && device_realize(dev, err) ? dev
                                                                                            : NULL;
}

static bool malta_make_isa(MaltaBoard *b, GError **err)
{
    b->isa = device_make(b->machine, &device_isa_bus, &b->dev, "isa");
    if (!device_realize(b->isa, err)) {
        return false;
    }
    b->pic = malta_make(b, "isa-i8259", "pic", NULL, err);
    b->pit = b->pic ? malta_make(b, "isa-pit", "pit", NULL, err) : NULL;
    if (!b->pit) {
        return false;
    }
    isa_map(b->pic, 0, 0x20);
    isa_map(b->pic, 1, 0xa0);
    isa_map(b->pic, 2, 0x4d0);
    isa_map(b->pit, 0, 0x40);
    for (unsigned n = 0; n < ISA_N_IRQS; n++) {
        if (n != 0 && n != 2) {
            irq_connect(b->isa, "irq", n, b->pic, "irq", n);
        }
    }
    irq_connect(b->pit, "irq", 0, b->pic, "irq", 0);
    irq_connect(b->pic, "intr", 0, &machine_cpu(b->machine, 0)->dev, "irq", CPU_IRQ_8259);
    return true;
}

static void malta_power_button(void *opaque)
{
    MaltaBoard *b = opaque;

    device_set_input(b->pm, "power-button", 0, true);
    device_set_input(b->pm, "power-button", 0, false);
}

static bool malta_make_pci(MaltaBoard *b, GError **err)
{
    MemRegion *root = machine_memory_root(b->machine);
    Device *ide;

    b->host = device_make(b->machine, &device_gt64120, &b->dev, "host");
    if (!b->cfg->bios) {
        device_set_bool(b->host, "booted", true);
    }
    device_set_bool(b->host, "big-endian", b->cfg->other_order);
    if (!device_realize(b->host, err) || !gt64120_populate(b->host, root, err)) {
        return false;
    }
    gt64120_set_acknowledge(b->host, i8259_acknowledge, b->pic);
    /* Ports of ISA and of PCI are one space: whatever is no ISA port is on the bus. */
    region_add(device_as(b->host, PciHost)->bus.io, aspace_root(isa_ports(b->machine)), 0, -1);
    /* YAMON leaves PCI's interrupts at ISA's 10 and 11. */
    b->piix4 = malta_make(b, "PIIX4", "piix4",
                          b->cfg->bios ? "addr=a.0,multifunction=on"
                                       : "addr=a.0,multifunction=on,routes=0x0b0b0a0a",
                          err);
    ide = b->piix4 ? malta_make(b, "piix4-ide", NULL, "addr=a.1", err) : NULL;
    if (!ide || !malta_make(b, "piix4-usb-uhci", "usb", "addr=a.2", err)) {
        return false;
    }
    b->pm = malta_make(b, "PIIX4_PM", "pm", "addr=a.3", err);
    if (!b->pm) {
        return false;
    }
    for (unsigned i = 0; i < PCI_N_INTX; i++) {
        irq_connect(b->host, "irq", i, b->piix4, "pirq", i);
    }
    for (unsigned i = 0; i < ISA_N_IRQS; i++) {
        irq_connect(b->piix4, "irq", i, b->isa, "line", i);
    }
    ide_drives_init(&b->ide, &b->plug, ide, 2, 2);
    machine_on_powerdown(b->machine, malta_power_button, b);
    return true;
}

/* The board's own UART, the third. */
static bool malta_make_cbus_serial(MaltaBoard *b, GError **err)
{
    unsigned i = MALTA_ISA_SERIALS;
    Device *dev = device_new(b->machine, "serial-mm", &b->dev, "serial2", err);

    if (!dev) {
        return false;
    }
    device_set_bool(dev, "big-endian", b->cfg->other_order);
    if (i < b->cfg->n_serials && b->cfg->serials[i]) {
        device_set_backend(dev, "chardev", b->cfg->serials[i]);
    }
    if (!device_realize(dev, err)) {
        return false;
    }
    device_map(dev, 0, machine_memory_root(b->machine), MALTA_CBUS_UART);
    irq_connect(dev, "irq", 0, &machine_cpu(b->machine, 0)->dev, "irq", CPU_IRQ_CBUS);
    return true;
}

/* What the super I/O chip has is there with nothing behind it, too: guests look for it. */
static bool malta_make_ports(MaltaBoard *b, GError **err)
{
    return super_io_serials(&b->plug, MALTA_ISA_SERIALS, true, err) &&
           super_io_parallels(&b->plug, MALTA_PARALLELS, true, err) &&
           malta_make_cbus_serial(b, err) && malta_make(b, "i8257", "dma", NULL, err);
}

/* Before the serial ports: the FPGA's space is around that of one. */
static bool malta_make_small(MaltaBoard *b, GError **err)
{
    b->fpga =
        malta_make(b, "malta-fpga", "fpga", b->cfg->other_order ? "big_endian=on" : NULL, err);
    b->rtc = b->fpga ? malta_make(b, "mc146818rtc", "rtc", NULL, err) : NULL;
    if (!b->rtc || !malta_make(b, "i8042", "i8042", NULL, err)) {
        return false;
    }
    device_map(b->fpga, 0, machine_memory_root(b->machine), MALTA_FPGA);
    return true;
}

static bool malta_make_drive(MaltaBoard *b, const BoardDrive *d, const char *id, GError **err)
{
    switch (d->interface) {
    case DRIVE_NONE:
    case DRIVE_PFLASH: /* made already */
    case DRIVE_FLOPPY:
        return true;
    case DRIVE_IDE:
        return ide_drives_make(&b->ide, d, id, err);
    case DRIVE_VIRTIO:
        return board_make_virtio(&b->plug, "virtio-blk-pci", d, id, err);
    default:
        return error_set(err, "malta has drives of if=ide, virtio, floppy, pflash and none");
    }
}

static bool malta_make_drives(MaltaBoard *b, GError **err)
{
    Device *floppies;

    if (!ide_drives_place(&b->ide, err) || !board_open_drives(&b->plug, err) ||
        !malta_make_flash(b, err) || !super_io_floppies(&b->plug, true, &floppies, err)) {
        return false;
    }
    for (unsigned i = 0; i < b->cfg->n_drives; i++) {
        const BoardDrive *d = &b->cfg->drives[i];
        g_autofree char *id = board_drive_id(d, i);

        if (!malta_make_drive(b, d, id, err)) {
            g_prefix_error(err, "-drive file=%s: ", d->file ? d->file : "");
            return false;
        }
    }
    return ide_drives_make_cd(&b->ide, err);
}

/* The first card of -nic is the one that is soldered on, if it is of that kind. */
static bool malta_make_nics(MaltaBoard *b, GError **err)
{
    PciBus *bus = &device_as(b->host, PciHost)->bus;
    const BoardConfig *cfg = b->cfg;
    uint8_t first = bus->first_slot;
    bool ok;

    if (!cfg->n_nics) {
        return true;
    }
    if (cfg->devices[0][0] == ',' || g_str_has_prefix(cfg->devices[0], "pcnet,")) {
        bus->first_slot = MALTA_NIC_SLOT;
    }
    ok = board_plug_devices(&b->plug, 0, 1, err);
    bus->first_slot = first;
    return ok && board_plug_devices(&b->plug, 1, cfg->n_nics, err);
}

static bool malta_make_plugged(MaltaBoard *b, GError **err)
{
    const BoardConfig *cfg = b->cfg;

    return malta_make_nics(b, err) && board_make_vga(&b->plug, "std", err) &&
           board_plug_devices(&b->plug, cfg->n_nics, cfg->n_devices, err);
}

static bool malta_add_device(Machine *m, Options *o, GError **err)
{
    return board_plug_device(&device_as(device_find(m, "/malta"), MaltaBoard)->plug, o, err);
}

static bool malta_init(Machine *m, const BoardConfig *cfg, GError **err)
{
    MaltaBoard *b = device_as(device_make(m, &device_malta, NULL, "malta"), MaltaBoard);

    if (!device_realize(&b->dev, err)) {
        return false;
    }
    b->machine = m;
    b->cfg = cfg;
    board_plug_init(&b->plug, &b->dev, cfg);
    return malta_make_ram(b, err) && malta_make_cpus(b, err) && malta_make_isa(b, err) &&
           malta_make_pci(b, err) && malta_make_small(b, err) && malta_make_ports(b, err) &&
           malta_make_drives(b, err) && malta_make_plugged(b, err) && malta_boot(b, err);
}

const Board board_malta = {
    .name = "malta",
    .doc = "MIPS Malta Core LV",
    .target = "mipsel",
    .is_default = true,
    .other_target = "mips",
    .wide_target = "mips64el",
    .wide_other_target = "mips64",
    .default_cpu = "24Kf",
    .wide_cpu = "20Kc",
    .cpu_suffix = "-mips-cpu",
    .default_nic = "pcnet",
    .max_cpus = 1,
    .max_parallels = MALTA_PARALLELS,
    .default_ram_bytes = 128 << 20,
    .init = malta_init,
    .add_device = malta_add_device,
};
