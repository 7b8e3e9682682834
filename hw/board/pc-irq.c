/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/board/pc-irq.h"

#include "hw/intc/apic.h"
#include "hw/intc/kernel-irqchip.h"
#include "hw/isa/isa.h"

enum {
    PIC_PORT = 0x20,
    PIC2_PORT = 0xa0,
    ELCR_PORT = 0x4d0,
    PIT_PORT = 0x40,
    PORT61 = 0x61,
    GSIS = 24,
    TIMER_GSI = 2, /* of ISA line 0 at the I/O APIC */
};

#define IOAPIC_BASE 0xfec00000u
#define APIC_BASE   0xfee00000u
#define HPET_BASE   0xfed00000u

static Device *pc_irq_make(PcIrq *q, const char *type, const char *id, GError **err)
{
    Device *dev = device_new(q->machine, type, q->container, id, err);

    return dev && device_realize(dev, err) ? dev : NULL;
}

void pc_irq_connect(const PcIrq *q, Device *from, const char *pin, unsigned n, unsigned gsi)
{
    if (q->place == IRQCHIP_KERNEL) {
        /* Its inputs are by ISA's numbers: 0 is the timer's, whichever pin that is. */
        irq_connect(from, pin, n, q->chip, "gsi", gsi == TIMER_GSI ? 0 : gsi);
        return;
    }
    irq_connect(from, pin, n, q->ioapic, "irq", gsi ? gsi : TIMER_GSI);
    if (gsi < ISA_N_IRQS) {
        irq_connect(from, pin, n, q->pic, "irq", gsi == TIMER_GSI ? 0 : gsi);
    }
}

static bool pc_irq_make_own(PcIrq *q, GError **err)
{
    MemRegion *root = machine_memory_root(q->machine);

    q->pic = pc_irq_make(q, "isa-i8259", "pic", err);
    q->ioapic = q->pic ? pc_irq_make(q, "ioapic", "ioapic", err) : NULL;
    q->pit = q->ioapic ? pc_irq_make(q, "isa-pit", "pit", err) : NULL;
    if (!q->pit) {
        return false;
    }
    isa_map(q->pic, 0, PIC_PORT);
    isa_map(q->pic, 1, PIC2_PORT);
    isa_map(q->pic, 2, ELCR_PORT);
    isa_map(q->pit, 0, PIT_PORT);
    isa_map(q->pit, 1, PORT61);
    device_map(q->ioapic, 0, root, IOAPIC_BASE);
    pc_irq_connect(q, q->pit, "irq", 0, 0);
    return true;
}

bool pc_irq_add_hpet(PcIrq *q, BoardPlug *plug, uint32_t inputs, Device *rtc, GError **err)
{
    q->hpet = device_new(q->machine, "hpet", q->container, "hpet", err);
    if (!q->hpet) {
        return false;
    }
    device_set_u64(q->hpet, "hpet-intcap", inputs);
    if (!board_globals(plug, q->hpet, err) || !device_realize(q->hpet, err)) {
        return false;
    }
    device_map(q->hpet, 0, machine_memory_root(q->machine), HPET_BASE);
    for (unsigned n = 2; n < GSIS; n++) {
        pc_irq_connect(q, q->hpet, "irq", n, n);
    }
    /* "2.3.4.3": in legacy mode its first two timers have the lines of these. */
    if (q->pit) {
        irq_connect(q->hpet, "legacy", 0, q->pit, "disable", 0);
    } else {
        irq_connect(q->hpet, "legacy", 0, q->chip, "timer-off", 0);
    }
    irq_connect(q->hpet, "legacy", 0, rtc, "disable", 0);
    return true;
}

bool pc_irq_init(PcIrq *q, Device *container, IrqchipPlace place, GError **err)
{
    Device *isa = &isa_bus(container->machine)->dev;
    MemRegion *root = machine_memory_root(container->machine);

    *q = (PcIrq){ .machine = container->machine, .container = container, .place = place };
    if (place == IRQCHIP_OWN) {
        q->bus = pc_irq_make(q, "apic-bus", "apics", err);
    } else {
        q->chip = pc_irq_make(q, "kvm-irqchip", "irqchip", err);
    }
    if (!q->bus && !q->chip) {
        return false;
    }
    device_map(q->bus ? q->bus : q->chip, 0, root, APIC_BASE);
    if (place != IRQCHIP_KERNEL && !pc_irq_make_own(q, err)) {
        return false;
    }
    for (unsigned n = 0; n < ISA_N_IRQS; n++) {
        if (n != TIMER_GSI) {
            pc_irq_connect(q, isa, "irq", n, n);
        }
    }
    return true;
}

void pc_irq_prepare_cpu(const PcIrq *q, Cpu *cpu)
{
    if (q->place == IRQCHIP_OWN && cpu->index) {
        device_set_bool(&cpu->dev, "start-powered-off", true);
    }
}

static bool pc_irq_add_apic(PcIrq *q, Cpu *cpu, GError **err)
{
    g_autofree char *id = g_strdup_printf("apic%d", cpu->index);
    g_autofree char *number = device_get_prop(&cpu->dev, "apic-id", err);
    Device *dev = number ? device_new(q->machine, "apic", q->container, id, err) : NULL;

    if (!dev || !device_set_prop(dev, "id", number, err)) {
        return false;
    }
    apic_wire(dev, cpu, q->bus, q->pic, q->ioapic);
    if (!device_realize(dev, err)) {
        return false;
    }
    irq_connect(dev, "intr", 0, &cpu->dev, "intr", 0);
    irq_connect(q->pic, "intr", 0, dev, "lint", 0);
    return true;
}

bool pc_irq_add_cpus(PcIrq *q, GError **err)
{
    if (q->place == IRQCHIP_SPLIT) {
        kernel_irqchip_wire(q->chip, q->pic, q->ioapic);
        irq_connect(q->pic, "intr", 0, &machine_cpu(q->machine, 0)->dev, "intr", 0);
    }
    for (unsigned i = 0; q->place == IRQCHIP_OWN && i < machine_n_cpus(q->machine); i++) {
        if (!pc_irq_add_apic(q, machine_cpu(q->machine, i), err)) {
            return false;
        }
    }
    return true;
}
