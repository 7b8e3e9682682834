/* SPDX-License-Identifier: Apache-2.0 */
/* Interrupt controllers and timers of PCs: in the host's kernel, here, or some of both. */
#ifndef HW_BOARD_PC_IRQ_H
#define HW_BOARD_PC_IRQ_H

#include "core/cpu.h"
#include "hw/board/board.h"
#include "hw/board/plug.h"

typedef struct PcIrq {
    Machine *machine;
    Device *container;
    IrqchipPlace place;
    Device *chip; /* kvm-irqchip; NULL where all is ours */
    Device *pic, *ioapic, *pit, *bus, *hpet;
} PcIrq;

/* Before the CPUs are made: all but local APICs; mapped, and the ISA lines connected. */
NODISCARD bool pc_irq_init(PcIrq *q, Device *container, IrqchipPlace place, GError **err);
/* A HPET whose timers can have @inputs (a bit for each) of the I/O APIC; @rtc is on line 8. */
NODISCARD bool pc_irq_add_hpet(PcIrq *q, BoardPlug *plug, uint32_t inputs, Device *rtc,
                               GError **err);
/* Before a CPU is realized: whether it waits for another's start-up message. */
void pc_irq_prepare_cpu(const PcIrq *q, Cpu *cpu);
/* After all CPUs are: their local APICs. */
NODISCARD bool pc_irq_add_cpus(PcIrq *q, GError **err);
/* Output @n of @from drives input @gsi (pin of the I/O APIC; below 16 of the 8259s as well). */
void pc_irq_connect(const PcIrq *q, Device *from, const char *pin, unsigned n, unsigned gsi);

#endif
