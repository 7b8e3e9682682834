/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `pc`: a PC with the 440FX and PIIX3 chip set, as QEMU lays it out.
 */
#include "hw/board/pc-priv.h"

#include "hw/board/super-io.h"
#include "hw/isa/isa.h"
#include "hw/misc/fw_cfg.h"
#include "hw/pci/i440fx.h"
#include "hw/timer/mc146818.h"
#include "util/bits.h"

#include <stdlib.h>
#include <string.h>

enum { CMOS_RESET_CODE = 0x0f, CMOS_RESUME = 0xfe };

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

    b->memory = board_memory_new(&b->dev, b->cfg, board_pc.default_ram_bytes, err);
    if (!b->memory) {
        return false;
    }
    b->ram_bytes = b->memory->bytes;
    b->below_4g = b->ram_bytes >= b->chip->lowmem ? b->chip->lowmem_split : b->ram_bytes;
    if (b->ram_bytes < 1 << 20) {
        return error_set(err, "-m: a PC needs at least 1 MiB");
    }
    all = board_memory_make(b->memory, "pc.ram", pc_cpus_a_socket(b->cfg), err);
    if (!all) {
        return false;
    }
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

static void pc_prepare_cpu(void *opaque, Cpu *cpu)
{
    pc_irq_prepare_cpu(&((PcBoard *)opaque)->irq, cpu);
}

static bool pc_make_cpus(PcBoard *b, GError **err)
{
    b->n_cpus = MAX(b->cfg->n_cpus, 1);
    return pc_new_cpus(&b->dev, b->cfg, &board_pc, pc_prepare_cpu, b, err) &&
           pc_irq_add_cpus(&b->irq, err);
}

static bool pc_make_isa(PcBoard *b, GError **err)
{
    b->isa = device_make(b->machine, &device_isa_bus, &b->dev, "isa");
    return device_realize(b->isa, err) && pc_irq_init(&b->irq, &b->dev, b->cfg->irqchip, err);
}

static void pc_power_button(void *opaque)
{
    PcBoard *b = opaque;

    device_set_input(b->pm, "power-button", 0, true);
    device_set_input(b->pm, "power-button", 0, false);
}

/* A number among its properties. */
static uint8_t pc_pm_number(PcBoard *b, const char *name)
{
    g_autofree char *text = device_get_prop(b->pm, name, NULL);

    return text ? (uint8_t)strtoul(text, NULL, 0) : 0;
}

/* What firmware reads to learn that it is to go on, not to begin (CMOS.LST, 0Fh: SeaBIOS's FEh). */
static void pc_woken(void *opaque, ResetType type)
{
    PcBoard *b = opaque;

    if (type == RESET_WAKE) {
        mc146818_set(b->rtc, CMOS_RESET_CODE, CMOS_RESUME);
    }
}

static void pc_allow_sleep(PcBoard *b)
{
    b->fw.acpi.s4_type = pc_pm_number(b, "s4_val");
    b->fw.acpi.has_s3 = !pc_pm_number(b, "disable_s3");
    b->fw.acpi.has_s4 = !pc_pm_number(b, "disable_s4");
    irq_connect(b->rtc, "alarm", 0, b->pm, "rtc-alarm", 0);
    if (b->fw.acpi.has_s3) {
        machine_allow_suspend(b->machine);
        machine_on_reset(b->machine, pc_woken, b);
    }
}

void pc_take_power_button(PcBoard *b, Device *dev)
{
    b->pm = dev;
    machine_on_powerdown(b->machine, pc_power_button, b);
}

static bool pc_make_pm(PcBoard *b, GError **err)
{
    Device *pm = device_new(b->machine, "PIIX4_PM", &b->dev, "pm", err);

    if (!pm || !device_set_props(pm, "addr=1.3", err) || !board_globals(&b->plug, pm, err) ||
        !device_realize(pm, err)) {
        return false;
    }
    pc_take_power_button(b, pm);
    return true;
}

void pc_map_host(PcBoard *b)
{
    MemRegion *ports = aspace_root(isa_ports(b->machine));

    region_add(ports, device_as(b->host, PciHost)->bus.io, 0, -1);
    device_map(b->host, 0, ports, 0xcf8);
}

static bool pc_make_pci(PcBoard *b, GError **err)
{
    b->host = device_make(b->machine, &device_i440fx, &b->dev, "host");
    if (!device_realize(b->host, err) || !i440fx_populate(b->host, b->ram_low, err)) {
        return false;
    }
    pc_map_host(b);
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
    return pc_make_ide(b, err) && pc_make_pm(b, err);
}

static const PcChip pc_chip = {
    .product = "Standard PC (i440FX + PIIX, 1996)",
    .version = "pc-i440fx-7.2",
    .hpet_inputs = 1 << 2,
    .lowmem = 0xe0000000u,
    .lowmem_split = 0xc0000000u,
    .make_pci = pc_make_pci,
};

/* ---- What firmware reads ---- */

static bool pc_make_fw_cfg(PcBoard *b, GError **err)
{
    b->fw = (PcFw){
        .machine = b->machine,
        .container = &b->dev,
        .cfg = b->cfg,
        .rtc = b->rtc,
        .below_4g = b->below_4g,
        .ram_bytes = b->ram_bytes,
        .product = b->chip->product,
        .version = b->chip->version,
        .ecam = b->chip->ecam,
        .ecam_bytes = b->chip->ecam_bytes,
        .acpi = { .express = b->chip->ecam_bytes != 0,
                  .keyboard = true,
                  .hpet = b->hpet,
                  .memory = b->memory,
                  .oem_id = b->oem_id,
                  .oem_table_id = b->oem_table_id },
        .acpi_off = !b->acpi,
    };
    pc_allow_sleep(b);
    return pc_fw_init(&b->fw, err);
}

static bool pc_finish_fw(PcBoard *b, GError **err)
{
    for (unsigned i = 0; i < b->cfg->n_serials && i < PC_N_SERIAL; i++) {
        b->fw.acpi.serials |= (b->cfg->serials[i] != NULL) << i;
    }
    for (unsigned i = 0; i < b->cfg->n_parallels && i < PC_N_PARALLEL; i++) {
        b->fw.acpi.parallels |= (b->cfg->parallels[i] != NULL) << i;
    }
    b->fw.acpi.floppies = b->floppies;
    return pc_fw_finish(&b->fw, err);
}

/* ---- Keyboard and clock ---- */

static bool pc_make_keyboard(PcBoard *b, GError **err)
{
    Device *dev = device_new(b->machine, "i8042", &b->dev, "i8042", err);
    Device *port = device_new(b->machine, "port92", &b->dev, "port92", err);

    return dev && port && device_realize(dev, err) && device_realize(port, err);
}

static bool pc_make_rtc(PcBoard *b, GError **err)
{
    b->rtc = device_make(b->machine, &device_mc146818, &b->dev, "rtc");
    return device_realize(b->rtc, err) &&
           (!b->hpet || pc_irq_add_hpet(&b->irq, &b->plug, b->chip->hpet_inputs, b->rtc, err));
}

/* ---- What is plugged in ---- */

static bool pc_make_plugged(PcBoard *b, GError **err)
{
    return pc_make_drives(b, err) && board_plug_devices(&b->plug, 0, b->cfg->n_devices, err) &&
           (!b->chip->make_ports || b->chip->make_ports(b, err));
}

bool pc_add_device(Machine *m, Options *o, GError **err)
{
    return board_plug_device(&device_as(device_find(m, "/pc"), PcBoard)->plug, o, err);
}

static bool pc_only_off(Options *o, const char *key, GError **err)
{
    const char *text = options_get(o, key);
    bool on = false;

    if (text && strcmp(text, "auto") && !options_get_bool(o, key, false, &on, err)) {
        return false;
    }
    return !on || error_set(err, "-M %s=on: it is not modelled; say off or auto", key);
}

static bool pc_options(PcBoard *b, GError **err)
{
    Options none = { 0 }, *o = b->cfg->machine ? b->cfg->machine : &none;
    const char *acpi = options_get(o, "acpi"), *id = options_get(o, "x-oem-id");
    const char *table = options_get(o, "x-oem-table-id");

    b->acpi = true;
    if (acpi && strcmp(acpi, "auto") && !options_get_bool(o, "acpi", true, &b->acpi, err)) {
        return false;
    }
    if ((id && strlen(id) > 6) || (table && strlen(table) > 8)) {
        return error_set(err, "-M x-oem-id=, x-oem-table-id=: at most 6 and 8 characters");
    }
    g_strlcpy(b->oem_id, id ? id : "BOCHS", sizeof(b->oem_id));
    g_strlcpy(b->oem_table_id, table ? table : "BXPC", sizeof(b->oem_table_id));
    return pc_only_off(o, "vmport", err) && pc_only_off(o, "smm", err) &&
           options_get_bool(o, "hpet", true, &b->hpet, err);
}

bool pc_init_with(Machine *m, const BoardConfig *cfg, const PcChip *chip, GError **err)
{
    PcBoard *b = device_as(device_make(m, &device_pc, NULL, "pc"), PcBoard);

    if (!device_realize(&b->dev, err)) {
        return false;
    }
    b->machine = m;
    b->cfg = cfg;
    b->chip = chip;
    board_plug_init(&b->plug, &b->dev, cfg);
    return pc_options(b, err) && pc_make_ram(b, err) && pc_make_isa(b, err) &&
           pc_make_cpus(b, err) && chip->make_pci(b, err) && pc_make_rtc(b, err) &&
           super_io_serials(&b->plug, PC_N_SERIAL, false, err) &&
           super_io_parallels(&b->plug, PC_N_PARALLEL, false, err) && pc_make_dma(b, err) &&
           pc_make_keyboard(b, err) && pc_make_fw_cfg(b, err) &&
           board_make_vga(&b->plug, "std", err) && pc_make_plugged(b, err) && pc_make_rom(b, err) &&
           pc_finish_fw(b, err);
}

const BoardProp pc_props[PC_N_PROPS] = {
    { "acpi", "OnOffAuto", "auto", "ACPI tables for firmware" },
    { "x-oem-id", "string", "BOCHS", "ACPI tables: who made them, 6 characters at most" },
    { "x-oem-table-id", "string", "BXPC", "ACPI tables: for what, 8 characters at most" },
    { "hpet", "bool", "on", "high precision event timer" },
    { "memory-backend", "string", "", "id of an -object memory-backend-* that is the RAM" },
    { "pflash0", "string", "", "block node of firmware in flash" },
    { "pflash1", "string", "", "block node of its variables" },
    { "vmport", "OnOffAuto", "auto", "VMware's port; only off is modelled" },
    { "smm", "OnOffAuto", "auto", "system management mode; only off is modelled" },
};

static bool pc_init(Machine *m, const BoardConfig *cfg, GError **err)
{
    return pc_init_with(m, cfg, &pc_chip, err);
}

/* All mean the same board. */
static const char *const pc_aliases[] = {
    "pc-i440fx-7.2",  "pc-i440fx-7.1", "pc-i440fx-7.0",  "pc-i440fx-6.2",
    "pc-i440fx-6.1",  "pc-i440fx-6.0", "pc-i440fx-5.2",  "pc-i440fx-5.1",
    "pc-i440fx-5.0",  "pc-i440fx-4.2", "pc-i440fx-4.1",  "pc-i440fx-4.0",
    "pc-i440fx-3.1",  "pc-i440fx-3.0", "pc-i440fx-2.12", "pc-i440fx-2.11",
    "pc-i440fx-2.10", "pc-i440fx-2.9", "pc-i440fx-2.8",  "pc-i440fx-2.7",
    "pc-i440fx-2.6",  "pc-i440fx-2.5", "pc-i440fx-2.4",  "pc-i440fx-2.3",
    "pc-i440fx-2.2",  "pc-i440fx-2.1", "pc-i440fx-2.0",  NULL,
};

const Board board_pc = {
    .name = "pc",
    .aliases = pc_aliases,
    .doc = "Standard PC (i440FX + PIIX)",
    .target = "x86_64",
    .is_default = true,
    .default_cpu = "host",
    .cpu_suffix = "-x86_64-cpu",
    .default_nic = "e1000",
    .max_cpus = PC_MAX_CPUS,
    .default_ram_bytes = 128 << 20,
    .max_parallels = PC_N_PARALLEL,
    .has_numa = true,
    .props = pc_props,
    .n_props = ARRAY_SIZE(pc_props),
    .init = pc_init,
    .add_device = pc_add_device,
};
