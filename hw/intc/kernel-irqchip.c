/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands for the interrupt controllers of a PC (two 8259, I/O APIC, local APICs) where they are in
 * the host's kernel: lines and messages go there.
 */
#include "hw/intc/kernel-irqchip.h"

#include "core/intc.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"

enum { CHIP_GSIS = 24, CHIP_MSI_BYTES = 1 << 20, CHIP_STATE_MAX = 1 << 20 };

typedef struct KernelIrqchip {
    Device dev;
    uint8_t *state; /* while it is saved or loaded */
    uint32_t state_len;
    uint8_t *fresh;       /* as the kernel made it: what a reset gives */
    Device *pic, *ioapic; /* which are ours; NULL: the kernel's */
    CpuIntc intc;
} KernelIrqchip;

/* ---- Local APICs there, the rest here ---- */

static int chip_acknowledge(CpuIntc *intc, Cpu *cpu)
{
    KernelIrqchip *s = device_as(intc->dev, KernelIrqchip);

    return cpu->index == 0 ? i8259_acknowledge(s->pic) : -1;
}

static void chip_end(CpuIntc *intc, Cpu *cpu, int vector)
{
    ioapic_end(device_as(intc->dev, KernelIrqchip)->ioapic, (uint8_t)vector);
}

static const CpuIntcOps chip_intc_ops = {
    .name = "kvm-irqchip",
    .acknowledge = chip_acknowledge,
    .end = chip_end,
};

void kernel_irqchip_wire(Device *dev, Device *pic, Device *ioapic)
{
    KernelIrqchip *s = device_as(dev, KernelIrqchip);

    s->pic = pic;
    s->ioapic = ioapic;
    s->intc = (CpuIntc){ &chip_intc_ops, dev };
    for (unsigned i = 0; i < machine_n_cpus(dev->machine); i++) {
        cpu_intc_attach(machine_cpu(dev->machine, i), &s->intc);
    }
}

/* ---- State ---- */

static bool chip_keep(KernelIrqchip *s, uint8_t **to, GError **err)
{
    const MachineIrqchip *chip = machine_irqchip(s->dev.machine);

    *to = g_malloc0(chip->state_bytes(s->dev.machine));
    return chip->get(s->dev.machine, *to, err);
}

static void chip_failed(KernelIrqchip *s, const GError *err)
{
    log_message(machine_log(s->dev.machine), LOG_LEVEL_ERROR, device_path(&s->dev), "%s",
                err->message);
}

static void chip_reset_exit(Device *dev, ResetType type)
{
    KernelIrqchip *s = device_as(dev, KernelIrqchip);
    const MachineIrqchip *chip = machine_irqchip(dev->machine);
    g_autoptr(GError) err = NULL;
    bool ok;

    if (!chip) {
        return;
    }
    ok = s->fresh ? chip->set(dev->machine, s->fresh, &err) : chip_keep(s, &s->fresh, &err);
    if (!ok) {
        chip_failed(s, err);
    }
}

static void chip_saving(Device *dev)
{
    KernelIrqchip *s = device_as(dev, KernelIrqchip);
    g_autoptr(GError) err = NULL;

    g_clear_pointer(&s->state, g_free);
    s->state_len = 0;
    if (!machine_irqchip(dev->machine)) {
        return;
    }
    if (chip_keep(s, &s->state, &err)) {
        s->state_len = machine_irqchip(dev->machine)->state_bytes(dev->machine);
    } else {
        chip_failed(s, err);
    }
}

static bool chip_loaded(Device *dev, GError **err)
{
    KernelIrqchip *s = device_as(dev, KernelIrqchip);
    const MachineIrqchip *chip = machine_irqchip(dev->machine);
    uint32_t want = chip ? chip->state_bytes(dev->machine) : 0;

    if (s->state_len != want) {
        return error_set(err,
                         "%s: the state has %u bytes of interrupt controllers, and %u are "
                         "needed here: it is of another accelerator or number of CPUs",
                         device_path(dev), s->state_len, want);
    }
    return !want || chip->set(dev->machine, s->state, err);
}

static void chip_stop(Device *dev)
{
    g_clear_pointer(&device_as(dev, KernelIrqchip)->fresh, g_free);
}

static void chip_gsi(Device *dev, unsigned n, bool level)
{
    const MachineIrqchip *chip = machine_irqchip(dev->machine);

    if (chip) {
        chip->set_gsi(dev->machine, n, level);
    }
}

static void chip_timer_off(Device *dev, unsigned n, bool level)
{
    const MachineIrqchip *chip = machine_irqchip(dev->machine);

    if (chip && chip->set_timer_line) {
        chip->set_timer_line(dev->machine, !level);
    }
}

/* What a device writes to the APICs' page is a message; CPUs' own accesses never come here. */
static MemResult chip_msi_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                uint64_t val)
{
    const MachineIrqchip *chip = machine_irqchip(dev->machine);

    if (chip) {
        chip->send_msi(dev->machine, 0xfee00000 + off, (uint32_t)val);
    }
    return MEM_OK;
}

static MemResult chip_msi_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                               uint64_t *val)
{
    *val = 0;
    return MEM_OK;
}

static const RegionType chip_regions[] = {
    { .name = "apic-msi",
      .size = CHIP_MSI_BYTES,
      .read = chip_msi_read,
      .write = chip_msi_write,
      .access_min = 4,
      .access_max = 4,
      .no_lock = true },
};

static const Field chip_fields[] = {
    PIN_IN_DIRECT("gsi", chip_gsi, .count = CHIP_GSIS),
    PIN_IN("timer-off", chip_timer_off),
    STATE_BYTES(KernelIrqchip, state, state_len, CHIP_STATE_MAX, .no_reset = true),
    SCRATCH(KernelIrqchip, fresh),
    SCRATCH(KernelIrqchip, pic),
    SCRATCH(KernelIrqchip, ioapic),
    SCRATCH(KernelIrqchip, intc),
};

const DeviceType device_kernel_irqchip = {
    .name = "kvm-irqchip",
    .doc = "the interrupt controllers in the host's kernel",
    .size = sizeof(KernelIrqchip),
    .regions = chip_regions,
    .n_regions = ARRAY_SIZE(chip_regions),
    .fields = TABLE(chip_fields),
    .stop = chip_stop,
    .reset_exit = chip_reset_exit,
    .saving = chip_saving,
    .loaded = chip_loaded,
};
