/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `virt`: the board without a model in hardware that QEMU defined for Arm guests: GIC, PL011,
 * PL031, PL061, flash, 32 virtio-mmio slots, RAM from 1 GiB. Guests learn it from the device tree.
 * Spec: QEMU's documentation of the `virt` generic virtual platform; the map as its device tree
 * shows it.
 */
#include "hw/board/board.h"

#include "block/block.h"
#include "chardev/chardev.h"
#include "hw/board/virt-priv.h"

#include <inttypes.h>

const VirtMap virt_map[VIRT_PLACES] = {
    [VIRT_FLASH] = { 0x00000000, 64 << 20, -1 }, /* two of them */
    [VIRT_GIC_DIST] = { 0x08000000, 0x10000, -1 },
    [VIRT_GIC_CPU] = { 0x08010000, 0x10000, -1 },
    [VIRT_GIC_V2M] = { 0x08020000, 0x1000, 48 },
    [VIRT_GIC_ITS] = { 0x08080000, 0x20000, -1 },
    [VIRT_GIC_REDIST] = { 0x080a0000, 0xf60000, -1 },
    [VIRT_GIC_REDIST_HIGH] = { 0x4000000000, 64 << 20, -1 }, /* by QEMU's map: 512 */
    [VIRT_UART] = { 0x09000000, 0x1000, 1 },
    [VIRT_RTC] = { 0x09010000, 0x1000, 2 },
    [VIRT_FW_CFG] = { 0x09020000, 0x18, -1 },
    [VIRT_GPIO] = { 0x09030000, 0x1000, 7 },
    [VIRT_GED] = { 0x09080000, 4, 9 },
    [VIRT_VIRTIO] = { 0x0a000000, 0x200, 16 },
    [VIRT_PCIE_MMIO] = { 0x10000000, 0x2eff0000, -1 },
    [VIRT_PCIE_PIO] = { 0x3eff0000, 0x10000, -1 },
    [VIRT_PCIE_ECAM] = { 0x3f000000, 16 << 20, 3 },
    [VIRT_PCIE_ECAM_HIGH] = { 0x4010000000, 256 << 20, 3 },
    [VIRT_PCIE_MMIO_HIGH] = { 0x8000000000, 512ull << 30, -1 },
    [VIRT_RAM] = { 0x40000000, 0, -1 },
};

static void virt_map_device(VirtBoard *b, Device *dev, unsigned region, VirtPlace p, unsigned n)
{
    device_map(dev, region, machine_memory_root(b->machine),
               virt_map[p].base + n * virt_map[p].size);
}

static void virt_connect_spi(VirtBoard *b, Device *dev, const char *out, VirtPlace p, unsigned n)
{
    irq_connect(dev, out, 0, b->gic, "spi", virt_map[p].spi + n);
}

static Device *virt_new(VirtBoard *b, const char *type, const char *id, GError **err)
{
    return device_new(b->machine, type, b->device, id, err);
}

static bool virt_has_type(VirtBoard *b, const char *type)
{
    return machine_find_type(b->machine, type) != NULL;
}

/* ---- Options ---- */

static bool virt_gic_option(VirtBoard *b, const char *text, GError **err)
{
    if (!text) { /* GICv2 serves eight */
        b->gic_version = b->cfg->n_cpus > VIRT_MAX_CPUS ? 3 : 2;
    } else if (!strcmp(text, "2")) {
        b->gic_version = 2;
    } else if (!strcmp(text, "3")) {
        b->gic_version = 3;
    } else if (!strcmp(text, "max") || !strcmp(text, "host")) {
        b->gic_version = 3;
    } else {
        return error_set(err, "-M virt,gic-version=%s: valid: 2, 3, max, host", text);
    }
    if (b->gic_version == 3 && !virt_has_type(b, "arm-gicv3")) {
        return error_set(err, "-M virt,gic-version=%s: GICv3 is not modelled yet; use 2", text);
    }
    return true;
}

static bool virt_acpi_options(VirtBoard *b, Options *o, GError **err)
{
    const char *acpi = options_get(o, "acpi"), *id = options_get(o, "x-oem-id");
    const char *table = options_get(o, "x-oem-table-id");

    if (id && strlen(id) > 6) {
        return error_set(err, "-M virt,x-oem-id=%s: at most 6 characters", id);
    }
    if (table && strlen(table) > 8) {
        return error_set(err, "-M virt,x-oem-table-id=%s: at most 8 characters", table);
    }
    g_strlcpy(b->oem_id, id ? id : "BOCHS", sizeof(b->oem_id));
    g_strlcpy(b->oem_table_id, table ? table : "BXPC", sizeof(b->oem_table_id));
    b->acpi = true;
    return (acpi && !strcmp(acpi, "auto")) || options_get_bool(o, "acpi", true, &b->acpi, err);
}

static bool virt_options(VirtBoard *b, const BoardConfig *cfg, GError **err)
{
    Options none = { 0 }, *o = cfg->machine ? cfg->machine : &none;
    bool secure = false, mte = false;

    if (!virt_gic_option(b, options_get(o, "gic-version"), err) ||
        !options_get_bool(o, "virtualization", false, &b->virtualization, err) ||
        !options_get_bool(o, "secure", false, &secure, err) ||
        !options_get_bool(o, "mte", false, &mte, err) ||
        !options_get_bool(o, "highmem", true, &b->highmem, err) ||
        !options_get_bool(o, "highmem-ecam", true, &b->highmem_ecam, err) ||
        !options_get_bool(o, "highmem-mmio", true, &b->highmem_mmio, err) ||
        !options_get_bool(o, "its", true, &b->has_its, err) || !virt_acpi_options(b, o, err) ||
        !options_get_number(o, "hotplug-ports", cfg->nodefaults ? 0 : VIRT_SPARE_PORTS, &b->n_ports,
                            err) ||
        !options_get_bool(o, "dtb-randomness", true, &b->dtb_randomness, err)) {
        return false;
    }
    if (options_get(o, "dtb-kaslr-seed") &&
        !options_get_bool(o, "dtb-kaslr-seed", true, &b->dtb_randomness, err)) {
        return false;
    }
    b->has_its &= b->gic_version == 3;
    if (b->n_ports > VIRT_SPARE_PORTS_MAX) {
        return error_set(err, "-M virt,hotplug-ports=%" PRIu64 ": 0 to %d", b->n_ports,
                         VIRT_SPARE_PORTS_MAX);
    }
    if (secure) {
        return error_set(err, "-M virt,secure=on: EL3 is not modelled yet; use secure=off");
    }
    if (mte) {
        return error_set(err, "-M virt,mte=on: memory tagging is not modelled yet; use mte=off");
    }
    return true;
}

static bool virt_sizes(VirtBoard *b, const BoardConfig *cfg, GError **err)
{
    unsigned max = b->gic_version == 2 ? VIRT_MAX_CPUS : VIRT_MAX_CPUS_V3;
    uint64_t limit = b->highmem ? 255ull << 30 : 3ull << 30;

    b->n_cpus = cfg->n_cpus ? cfg->n_cpus : 1;
    b->memory = board_memory_new(b->device, cfg, board_virt.default_ram_bytes, err);
    if (!b->memory) {
        return false;
    }
    b->ram_bytes = b->memory->bytes;
    if (b->n_cpus > max) {
        return error_set(err, "-smp %u: GICv%u serves at most %u CPUs%s", b->n_cpus, b->gic_version,
                         max, b->gic_version == 2 ? "; try -M virt,gic-version=3" : "");
    }
    if (b->ram_bytes > limit) {
        return error_set(err, "-m: the board has room for %" G_GUINT64_FORMAT " GiB of RAM%s",
                         limit >> 30, b->highmem ? "" : " with highmem=off");
    }
    return true;
}

VirtTopology virt_topology(const VirtBoard *b)
{
    const BoardConfig *cfg = b->cfg;
    unsigned clusters = MAX(cfg->clusters, 1), threads = MAX(cfg->threads, 1);
    unsigned above = MAX(cfg->sockets, 1) * clusters * threads;

    return (VirtTopology){ clusters, MAX(cfg->cores, (b->n_cpus + above - 1) / above), threads };
}

/* ---- Wiring ---- */

static bool virt_make_ram(VirtBoard *b, GError **err)
{
    VirtTopology top = virt_topology(b);
    /* Private where nothing else is said: huge pages come with anonymous memory alone on most
     * hosts. */
    MemRegion *ram =
        board_memory_make(b->memory, "mach-virt.ram", top.clusters * top.cores * top.threads, err);

    if (!ram) {
        return false;
    }
    region_add(machine_memory_root(b->machine), ram, virt_map[VIRT_RAM].base, 0);
    return true;
}

/* "cortex-a57,pmu=off": the type is the model and the board's suffix, the rest are properties. */
static bool virt_make_cpu(VirtBoard *b, const DeviceType *type, const char *props, unsigned i,
                          GError **err)
{
    g_autofree char *id = g_strdup_printf("cpu%u", i);
    unsigned per = b->gic_version == 2 ? 8 : 16;
    Device *dev = &cpu_new(b->machine, type, b->device, id)->dev;

    device_set_u64(dev, "mp-affinity", (i / per) << 8 | i % per);
    if (b->virtualization && !device_set_prop(dev, "has_el2", "on", err)) {
        return false;
    }
    if (!device_set_prop(dev, "psci-conduit", b->virtualization ? "smc" : "hvc", err)) {
        return false;
    }
    if (i > 0) {
        device_set_bool(dev, "start-powered-off", true);
    }
    if (props && !device_set_props(dev, props, err)) {
        g_prefix_error(err, "-cpu: ");
        return false;
    }
    return device_realize(dev, err);
}

static bool virt_make_cpus(VirtBoard *b, const BoardConfig *cfg, GError **err)
{
    const char *text = cfg->cpu ? cfg->cpu : board_virt.default_cpu;
    const char *comma = strchr(text, ',');
    g_autofree char *model = comma ? g_strndup(text, comma - text) : g_strdup(text);
    g_autofree char *name = g_strconcat(model, board_virt.cpu_suffix, NULL);
    const DeviceType *type = machine_find_type(b->machine, name);
    char *copy;

    if (!type) {
        return error_set(err, "-cpu %s: no such model; -cpu help lists them", model);
    }
    copy = device_alloc(b->device, strlen(model) + 1);
    strcpy(copy, model);
    b->cpu_model = copy;
    for (unsigned i = 0; i < b->n_cpus; i++) {
        if (!virt_make_cpu(b, type, comma ? comma + 1 : NULL, i, err)) {
            return false;
        }
    }
    return true;
}

static void virt_connect_cpu(VirtBoard *b, unsigned i)
{
    /* in the order of the CPU's pins */
    static const uint8_t ppi[] = { VIRT_PPI_PHYS, VIRT_PPI_VIRT, VIRT_PPI_HYP, VIRT_PPI_SEC };
    Device *cpu = &machine_cpu(b->machine, i)->dev;

    irq_connect(b->gic, "irq", i, cpu, "irq", 0);
    irq_connect(b->gic, "fiq", i, cpu, "fiq", 0);
    for (unsigned t = 0; t < ARRAY_SIZE(ppi); t++) {
        if (device_output(cpu, "timer_irq", t)) {
            irq_connect(cpu, "timer_irq", t, b->gic, "ppi", i * 16 + ppi[t]);
        }
    }
}

static bool virt_make_gic(VirtBoard *b, GError **err)
{
    b->gic = virt_new(b, b->gic_version == 2 ? "arm_gic" : "arm-gicv3", "gic", err);
    if (!b->gic) {
        return false;
    }
    device_set_u64(b->gic, "num-cpu", b->n_cpus);
    device_set_u64(b->gic, "num-irq", VIRT_N_IRQS);
    if (b->gic_version == 3) {
        device_set_bool(b->gic, "has-lpi", b->has_its);
    }
    if (!device_realize(b->gic, err)) {
        return false;
    }
    if (b->has_its) {
        virt_map_device(b, b->gic, 2, VIRT_GIC_ITS, 0);
    }
    virt_map_device(b, b->gic, 0, VIRT_GIC_DIST, 0);
    virt_map_device(b, b->gic, 1, b->gic_version == 2 ? VIRT_GIC_CPU : VIRT_GIC_REDIST, 0);
    if (virt_has_high_redist(b)) {
        virt_map_device(b, b->gic, 3, VIRT_GIC_REDIST_HIGH, 0);
    }
    for (unsigned i = 0; i < b->n_cpus; i++) {
        virt_connect_cpu(b, i);
    }
    return true;
}

static bool virt_make_uart(VirtBoard *b, const BoardConfig *cfg, GError **err)
{
    Device *uart = virt_new(b, "pl011", "uart0", err);

    if (!uart) {
        return false;
    }
    if (cfg->n_serials && cfg->serials[0]) {
        device_set_backend(uart, "chardev", cfg->serials[0]);
    }
    if (!device_realize(uart, err)) {
        return false;
    }
    virt_map_device(b, uart, 0, VIRT_UART, 0);
    virt_connect_spi(b, uart, "irq", VIRT_UART, 0);
    return true;
}

static void virt_power_button(void *opaque)
{
    VirtBoard *b = opaque;

    device_set_input(b->key, "press", 0, true);
    device_set_input(b->key, "press", 0, false);
    if (b->ged) {
        device_set_input(b->ged, "power", 0, true);
        device_set_input(b->ged, "power", 0, false);
    }
}

/* What firmware hands on by ACPI has its power button here; what it starts by the device tree has
 * it at the GPIO controller, as without firmware. */
static bool virt_make_ged(VirtBoard *b, GError **err)
{
    if (!b->has_firmware || !b->acpi) {
        return true;
    }
    b->ged = virt_new(b, "acpi-ged", "ged", err);
    if (!b->ged || !device_realize(b->ged, err)) {
        return false;
    }
    virt_map_device(b, b->ged, 0, VIRT_GED, 0);
    virt_connect_spi(b, b->ged, "out", VIRT_GED, 0);
    return true;
}

static bool virt_make_simple(VirtBoard *b, GError **err)
{
    Device *rtc = virt_new(b, "pl031", "rtc", err);

    if (!rtc || !device_realize(rtc, err)) {
        return false;
    }
    virt_map_device(b, rtc, 0, VIRT_RTC, 0);
    virt_connect_spi(b, rtc, "irq", VIRT_RTC, 0);
    b->gpio = virt_new(b, "pl061", "gpio", err);
    if (!b->gpio || !device_realize(b->gpio, err)) {
        return false;
    }
    virt_map_device(b, b->gpio, 0, VIRT_GPIO, 0);
    virt_connect_spi(b, b->gpio, "irq", VIRT_GPIO, 0);
    b->key = virt_new(b, "gpio-key", "power-key", err);
    if (!b->key || !device_realize(b->key, err)) {
        return false;
    }
    irq_connect(b->key, "out", 0, b->gpio, "in", 3);
    machine_on_powerdown(b->machine, virt_power_button, b);
    return true;
}

/* Disks are closed when no device has them any more. */
static void virt_stop(Device *dev)
{
    VirtBoard *b = device_as(dev, VirtBoard);

    board_plug_stop(&b->plug);
}

/* What holds the board's own devices; nothing of it is guest-visible. */
static const DeviceType device_virt = {
    .name = "virt-board",
    .doc = "devices of the virt board",
    .size = sizeof(VirtBoard),
    .stop = virt_stop,
};

static bool virt_init(Machine *m, const BoardConfig *cfg, GError **err)
{
    Device *dev = device_make(m, &device_virt, NULL, "virt");
    VirtBoard *b = device_as(dev, VirtBoard);

    if (!device_realize(dev, err)) {
        return false;
    }
    b->machine = m;
    b->device = dev;
    b->cfg = cfg;
    board_plug_init(&b->plug, dev, cfg);
    return virt_options(b, cfg, err) && virt_sizes(b, cfg, err) && virt_make_ram(b, err) &&
           virt_make_cpus(b, cfg, err) && virt_make_gic(b, err) && virt_make_uart(b, cfg, err) &&
           virt_make_simple(b, err) && virt_make_pci(b, err) && virt_make_fw_cfg(b, err) &&
           virt_make_plugged(b, err) && virt_make_firmware(b, err) && virt_make_ged(b, err) &&
           virt_acpi(b, err) && virt_boot_order(b, err) && virt_boot(b, err);
}

static const char *const virt_aliases[] = {
    "virt-7.2", "virt-7.1", "virt-7.0",  "virt-6.2",  "virt-6.1",  "virt-6.0",
    "virt-5.2", "virt-5.1", "virt-5.0",  "virt-4.2",  "virt-4.1",  "virt-4.0",
    "virt-3.1", "virt-3.0", "virt-2.12", "virt-2.11", "virt-2.10", "virt-2.9",
    "virt-2.8", "virt-2.7", "virt-2.6",  NULL,
};

static const BoardProp virt_props[] = {
    { "gic-version", "string", "2",
      "interrupt controller: 2, 3, max, host; 3 for more than 8 CPUs" },
    { "virtualization", "bool", "off", "CPUs have EL2" },
    { "secure", "bool", "off", "CPUs have EL3; only off is modelled" },
    { "mte", "bool", "off", "memory tagging; only off is modelled" },
    { "highmem", "bool", "on", "room for more than 3 GiB of RAM" },
    { "highmem-ecam", "bool", "on", "configuration space of 256 PCI buses, above the RAM" },
    { "highmem-mmio", "bool", "on", "window of 512 GiB for PCI above the RAM" },
    { "its", "bool", "on", "GICv3 has an ITS: interrupts of PCI by message" },
    { "acpi", "OnOffAuto", "auto", "ACPI tables for firmware, beside the device tree" },
    { "x-oem-id", "string", "BOCHS", "ACPI tables: who made them, 6 characters at most" },
    { "x-oem-table-id", "string", "BXPC", "ACPI tables: for what, 8 characters at most" },
    { "memory-backend", "string", "", "id of an -object memory-backend-* that is the RAM" },
    { "pflash0", "string", "", "block node that the first flash bank is kept in: firmware" },
    { "pflash1", "string", "", "the same of the second bank: its variables" },
    { "hotplug-ports", "uint8", "4",
      "spare ports for device_add, at the end of the root bus; 0 with -nodefaults" },
    { "dtb-randomness", "bool", "on", "random seeds in the device tree" },
    { "dtb-kaslr-seed", "bool", "on", "older name of dtb-randomness" },
};

const Board board_virt = {
    .name = "virt",
    .aliases = virt_aliases,
    .doc = "generic Arm machine for virtual guests",
    .target = "aarch64",
    .default_cpu = "cortex-a57",
    .cpu_suffix = "-arm-cpu",
    .max_cpus = VIRT_MAX_CPUS_V3,
    .default_ram_bytes = 128 << 20,
    .has_numa = true,
    .props = virt_props,
    .n_props = ARRAY_SIZE(virt_props),
    .init = virt_init,
    .add_device = virt_add_device,
};
