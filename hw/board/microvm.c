/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `microvm`: a PC without PCI, for guests that start at once: virtio on memory-mapped slots, the
 * interrupt controllers, a serial port. A kernel is entered from the reset vector, without
 * firmware. Places are those of QEMU's microvm (docs/system/i386/microvm.rst).
 */
#include "hw/board/microvm-priv.h"

#include "hw/board/fw-files.h"
#include "hw/board/loader.h"
#include "hw/board/pc-cpu.h"
#include "hw/board/pc-fw.h"
#include "hw/board/pc-kernel.h"
#include "hw/isa/isa.h"
#include "hw/misc/fw_cfg.h"
#include "hw/timer/mc146818.h"
#include "util/bits.h"

#include <inttypes.h>
#include <string.h>

enum {
    MICROVM_MAX_CPUS = 255,
    MICROVM_ROM_MAX = 16 << 20,
    MICROVM_ISA_BIOS = 128 << 10,
    FW_CFG_PORT = 0x510,
    RESET_ROM_BYTES = 4096,
};

static const uint64_t MICROVM_LOWMEM = 0xc0000000; /* RAM below 4 GiB ends here */

static void microvm_stop(Device *dev)
{
    board_plug_stop(&device_as(dev, Microvm)->plug);
}

static const DeviceType device_microvm = {
    .name = "microvm-board",
    .doc = "devices of the microvm board",
    .size = sizeof(Microvm),
    .stop = microvm_stop,
};

/* "on", "off" or "auto", which is @automatic. */
static bool microvm_switch(Options *o, const char *key, bool automatic, bool *value, GError **err)
{
    const char *text = options_get(o, key);

    *value = automatic;
    return !text || !strcmp(text, "auto") || options_get_bool(o, key, automatic, value, err);
}

static bool microvm_options(Microvm *b, GError **err)
{
    Options none = { 0 }, *o = b->cfg->machine ? b->cfg->machine : &none;
    bool pcie, ioapic2, roms;

    if (!microvm_switch(o, "rtc", false, &b->has_rtc, err) ||
        !microvm_switch(o, "isa-serial", true, &b->has_serial, err) ||
        !microvm_switch(o, "auto-kernel-cmdline", true, &b->auto_cmdline, err) ||
        !microvm_switch(o, "x-option-roms", true, &roms, err) ||
        !microvm_switch(o, "pcie", false, &pcie, err) ||
        !microvm_switch(o, "acpi", true, &b->has_acpi, err) ||
        !microvm_switch(o, "pit", true, &b->has_pit, err) ||
        !microvm_switch(o, "pic", true, &b->has_pic, err) ||
        !microvm_switch(o, "ioapic2", false, &ioapic2, err)) {
        return false;
    }
    if (!b->has_pit) {
        machine_leave_out_timer(b->machine);
    }
    if (b->cfg->irqchip != IRQCHIP_KERNEL) {
        return error_set(err, "-accel kvm,kernel-irqchip: microvm has its interrupt controllers in "
                              "the kernel alone: on");
    }
    if (!roms && b->cfg->bios) {
        return error_set(err, "-M microvm: x-option-roms=off: firmware of -bios gets them always");
    }
    if (ioapic2) {
        return error_set(err, "-M microvm: ioapic2=on: interrupt controllers are the kernel's, "
                              "which has one I/O APIC; say auto");
    }
    return !pcie || error_set(err, "-M microvm: pcie=on: there is no PCI Express here yet");
}

static bool microvm_make_ram(Microvm *b, GError **err)
{
    MemRegion *root = machine_memory_root(b->machine), *all;
    uint64_t want = b->cfg->ram_bytes;
    RamBlock *ram;

    b->ram_bytes = bits_align_up(want ? want : 128 << 20, GUEST_PAGE_SIZE);
    b->below_4g = min_u64(b->ram_bytes, MICROVM_LOWMEM);
    if (b->ram_bytes < 2 << 20) {
        return error_set(err, "-m: microvm needs at least 2 MiB");
    }
    ram = ram_new(b->machine, "microvm.ram", b->ram_bytes, 0, err);
    if (!ram) {
        return false;
    }
    all = region_new_ram(b->machine, "microvm.ram", ram, 0, b->ram_bytes);
    region_add(root, region_new_alias(b->machine, "ram-below-4g", all, 0, b->below_4g), 0, 0);
    if (b->ram_bytes > b->below_4g) {
        region_add(root,
                   region_new_alias(b->machine, "ram-above-4g", all, b->below_4g,
                                    b->ram_bytes - b->below_4g),
                   1ull << 32, 0);
    }
    return true;
}

static bool microvm_make_isa(Microvm *b, GError **err)
{
    b->isa = device_make(b->machine, &device_isa_bus, &b->dev, "isa");
    b->irqchip = device_new(b->machine, "kvm-irqchip", &b->dev, "irqchip", err);
    if (!b->irqchip || !device_realize(b->isa, err) || !device_realize(b->irqchip, err)) {
        return false;
    }
    device_map(b->irqchip, 0, machine_memory_root(b->machine), 0xfee00000);
    for (unsigned i = 0; i < ISA_N_IRQS; i++) {
        unsigned first = microvm_virtio_irq(b, 0);

        if ((i < first || i >= first + MICROVM_N_VIRTIO) &&
            !(b->has_acpi && i == MICROVM_GED_IRQ)) {
            irq_connect(b->isa, "irq", i, b->irqchip, "gsi", i);
        }
    }
    return true;
}

static bool microvm_make_cpus(Microvm *b, GError **err)
{
    b->n_cpus = MAX(b->cfg->n_cpus, 1);
    return pc_new_cpus(&b->dev, b->cfg, &board_microvm, NULL, NULL, err);
}

static bool microvm_make_serial(Microvm *b, GError **err)
{
    Device *dev;

    if (!b->has_serial || !b->cfg->n_serials || !b->cfg->serials[0]) {
        return true;
    }
    dev = device_new(b->machine, "isa-serial", &b->dev, "serial0", err);
    if (!dev) {
        return false;
    }
    device_set_u64(dev, "index", 0);
    device_set_backend(dev, "chardev", b->cfg->serials[0]);
    b->serial = true;
    return device_realize(dev, err);
}

static bool microvm_make_rtc(Microvm *b, GError **err)
{
    if (!b->has_rtc) {
        return true;
    }
    b->rtc = device_make(b->machine, &device_mc146818, &b->dev, "rtc");
    return device_realize(b->rtc, err);
}

static bool microvm_make_virtio(Microvm *b, GError **err)
{
    for (unsigned i = 0; i < MICROVM_N_VIRTIO; i++) {
        g_autofree char *id = g_strdup_printf("virtio-mmio%u", i);
        Device *dev = device_new(b->machine, "virtio-mmio", &b->dev, id, err);

        if (!dev || !board_globals(&b->plug, dev, err) || !device_realize(dev, err)) {
            return false;
        }
        device_map(dev, 0, machine_memory_root(b->machine),
                   MICROVM_VIRTIO + i * MICROVM_VIRTIO_STEP);
        irq_connect(dev, "irq", 0, b->irqchip, "gsi", microvm_virtio_irq(b, i));
        b->virtio[i] = dev;
    }
    return true;
}

static void microvm_power_button(void *opaque)
{
    Microvm *b = opaque;

    device_set_input(b->ged, "power", 0, true);
    device_set_input(b->ged, "power", 0, false);
}

static bool microvm_make_ged(Microvm *b, GError **err)
{
    MemRegion *root = machine_memory_root(b->machine);

    if (!b->has_acpi) {
        return true;
    }
    b->ged = device_new(b->machine, "acpi-ged", &b->dev, "ged", err);
    if (!b->ged || !device_realize(b->ged, err)) {
        return false;
    }
    device_map(b->ged, 0, root, MICROVM_GED);
    device_map(b->ged, 1, root, MICROVM_GED + MICROVM_GED_POWER);
    irq_connect(b->ged, "out", 0, b->irqchip, "gsi", MICROVM_GED_IRQ);
    machine_on_powerdown(b->machine, microvm_power_button, b);
    return true;
}

/* ---- What is plugged in ---- */

static bool microvm_make_disk(Microvm *b, const BoardDrive *d, const char *id, GError **err)
{
    if (d->interface == DRIVE_NONE || !d->file) {
        return true;
    }
    if (d->interface != DRIVE_VIRTIO && d->interface != DRIVE_DEFAULT) {
        return error_set(err, "-drive %s: microvm has virtio disks alone; say if=virtio", d->file);
    }
    if (!board_make_virtio(&b->plug, "virtio-blk-device", d, id, err)) {
        g_prefix_error(err, "-drive file=%s: ", d->file);
        return false;
    }
    return true;
}

static bool microvm_make_plugged(Microvm *b, GError **err)
{
    if (!board_open_drives(&b->plug, err)) {
        return false;
    }
    for (unsigned i = 0; i < b->cfg->n_drives; i++) {
        g_autofree char *id = board_drive_id(&b->cfg->drives[i], i);

        if (!microvm_make_disk(b, &b->cfg->drives[i], id, err)) {
            return false;
        }
    }
    return board_plug_devices(&b->plug, 0, b->cfg->n_devices, err);
}

/* ---- Start ---- */

static bool microvm_rom(Microvm *b, const void *data, uint64_t size, GError **err)
{
    MemRegion *root = machine_memory_root(b->machine), *rom;
    RamBlock *ram = ram_new(b->machine, "microvm.bios", size, RAM_ROM, err);
    uint64_t low = min_u64(size, MICROVM_ISA_BIOS);

    if (!ram) {
        return false;
    }
    memcpy(ram->host, data, size);
    rom = region_new_rom(b->machine, "microvm.bios", ram, 0, size);
    region_add(root, rom, (1ull << 32) - size, 1);
    if (size > RESET_ROM_BYTES) {
        region_add(root, region_new_alias(b->machine, "isa-bios", rom, size - low, low),
                   (1 << 20) - low, 1);
    }
    return true;
}

static bool microvm_bios(Microvm *b, GError **err)
{
    g_autoptr(GBytes) file = loader_read("-bios", b->cfg->bios, MICROVM_ROM_MAX, err);
    uint64_t size = file ? g_bytes_get_size(file) : 0;

    if (!file) {
        return false;
    }
    if (!size || size % (64 << 10)) {
        return error_set(err, "-bios %s: firmware has a multiple of 64 KiB", b->cfg->bios);
    }
    return microvm_rom(b, g_bytes_get_data(file, NULL), size, err);
}

/* The kernel's own way to be told of devices that nothing else lists: ACPI's tables do. */
static char *microvm_cmdline(Microvm *b)
{
    GString *s = g_string_new(b->cfg->append ? b->cfg->append : "");

    for (unsigned i = 0; b->auto_cmdline && !b->has_acpi && i < MICROVM_N_VIRTIO; i++) {
        uint8_t id[4] = { 0 };
        uint64_t at = MICROVM_VIRTIO + (uint64_t)i * MICROVM_VIRTIO_STEP;

        (void)aspace_read(machine_memory(b->machine), at + 8, id, 4, (MemAttrs){ 0 });
        if (id[0]) { /* DeviceID: a function sits in the slot */
            g_string_append_printf(s, "%svirtio_mmio.device=%d@0x%" PRIx64 ":%u", s->len ? " " : "",
                                   MICROVM_VIRTIO_STEP, at, microvm_virtio_irq(b, i));
        }
    }
    return g_string_free(s, FALSE);
}

static bool microvm_kernel(Microvm *b, GError **err)
{
    const PcMapEntry map[] = {
        { 0, 0x9fc00, 1 },
        { 0x9fc00, 0x400, 2 },
        { 0x100000, b->below_4g - 0x100000, 1 },
        { 0xfeffc000, 0x4000, 2 },
        { 1ull << 32, b->ram_bytes - b->below_4g, 1 },
    };
    g_autofree uint8_t *rom = g_malloc0(RESET_ROM_BYTES);
    g_autofree char *cmdline = microvm_cmdline(b);
    BoardConfig cfg = *b->cfg;

    cfg.append = cmdline;
    return pc_kernel_direct(b->machine, &cfg, b->below_4g, map,
                            ARRAY_SIZE(map) - (b->ram_bytes == b->below_4g), b->rsdp, rom, err) &&
           microvm_rom(b, rom, RESET_ROM_BYTES, err);
}

static bool microvm_start(Microvm *b, GError **err)
{
    const BoardConfig *cfg = b->cfg;

    if (cfg->dtb) {
        return error_set(err, "-dtb: microvm has no device tree");
    }
    if (cfg->kernel && !cfg->bios) {
        return microvm_kernel(b, err);
    }
    if (!cfg->bios) {
        return error_set(err, "-M microvm: there is nothing to start: give a -kernel, or firmware "
                              "with -bios (Debian's package seabios has bios-microvm.bin)");
    }
    return microvm_bios(b, err);
}

/* fw_cfg for firmware, with the kernel it may start. */
static bool microvm_make_fw_cfg(Microvm *b, GError **err)
{
    const BoardConfig *cfg = b->cfg;
    PcFw fw = {
        .machine = b->machine,
        .container = &b->dev,
        .cfg = cfg,
        .rtc = b->rtc,
        .below_4g = b->below_4g,
        .ram_bytes = b->ram_bytes,
        .product = "microvm (i386)",
        .version = "microvm",
        .acpi_off = true,
    };
    BoardConfig direct = *cfg;

    if (!cfg->bios) { /* the kernel is in memory already: -fw_cfg's files are left */
        direct.kernel = direct.initrd = direct.append = NULL;
        fw.cfg = &direct;
    }
    if (!pc_fw_init(&fw, err) || !pc_fw_finish(&fw, err)) {
        return false;
    }
    b->fw_cfg = fw.fw_cfg;
    return !b->has_acpi || microvm_acpi(b, fw.acpi.n_cpus, fw.acpi.apic_ids, err);
}

static bool microvm_init(Machine *m, const BoardConfig *cfg, GError **err)
{
    Microvm *b = device_as(device_make(m, &device_microvm, NULL, "microvm"), Microvm);

    if (!device_realize(&b->dev, err)) {
        return false;
    }
    b->machine = m;
    b->cfg = cfg;
    board_plug_init(&b->plug, &b->dev, cfg);
    return microvm_options(b, err) && microvm_make_ram(b, err) && microvm_make_isa(b, err) &&
           microvm_make_cpus(b, err) && microvm_make_rtc(b, err) && microvm_make_serial(b, err) &&
           microvm_make_virtio(b, err) && microvm_make_ged(b, err) &&
           microvm_make_plugged(b, err) && microvm_make_fw_cfg(b, err) && microvm_start(b, err);
}

static bool microvm_add_device(Machine *m, Options *o, GError **err)
{
    return board_plug_device(&device_as(device_find(m, "/microvm"), Microvm)->plug, o, err);
}

static const BoardProp microvm_props[] = {
    { "rtc", "OnOffAuto", "auto", "a clock with CMOS RAM (auto: none)" },
    { "isa-serial", "bool", "on", "a serial port at 3F8h" },
    { "auto-kernel-cmdline", "bool", "on",
      "tell the kernel of virtio devices: virtio_mmio.device=" },
    { "x-option-roms", "bool", "on", "option ROMs for firmware of -bios" },
    { "pcie", "OnOffAuto", "auto", "PCI Express; none yet" },
    { "acpi", "OnOffAuto", "auto", "ACPI tables, power button, lines from 16 on (auto: on)" },
    { "pit", "OnOffAuto", "auto", "interval timer (auto: on)" },
    { "pic", "OnOffAuto", "auto", "tell the guest of the 8259s (auto: on)" },
    { "ioapic2", "OnOffAuto", "auto", "a second I/O APIC; only off" },
};

const Board board_microvm = {
    .name = "microvm",
    .doc = "microvm (i386)",
    .target = "x86_64",
    .default_cpu = "host",
    .cpu_suffix = "-x86_64-cpu",
    .max_cpus = MICROVM_MAX_CPUS,
    .default_ram_bytes = 128 << 20,
    .no_default_net = true,
    .props = microvm_props,
    .n_props = ARRAY_SIZE(microvm_props),
    .init = microvm_init,
    .add_device = microvm_add_device,
};
