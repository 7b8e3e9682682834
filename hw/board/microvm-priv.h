/* SPDX-License-Identifier: Apache-2.0 */
/* The `microvm` board's own. */
#ifndef HW_BOARD_MICROVM_PRIV_H
#define HW_BOARD_MICROVM_PRIV_H

#include "hw/board/board.h"
#include "hw/board/plug.h"

enum { MICROVM_N_VIRTIO = 8 };

/* Where things are: those of QEMU's microvm. */
enum {
    MICROVM_VIRTIO_STEP = 512,
    MICROVM_VIRTIO_IRQ = 5,       /* without ACPI: a line of ISA */
    MICROVM_VIRTIO_IRQ_ACPI = 16, /* with it: one that only the I/O APIC has */
    MICROVM_GED_IRQ = 9,
    MICROVM_GED_POWER = 0x200, /* from the event register */
};

#define MICROVM_VIRTIO 0xfeb00000u
#define MICROVM_GED    0xfea00000u

typedef struct Microvm {
    Device dev; /* first: the container of all it makes */
    Machine *machine;
    const BoardConfig *cfg; /* valid during init */
    Device *isa, *irqchip, *rtc, *fw_cfg, *ged;
    Device *virtio[MICROVM_N_VIRTIO];
    uint64_t ram_bytes, below_4g;
    unsigned n_cpus;
    uint64_t rsdp; /* what a kernel without firmware is told; 0: no tables */
    bool has_rtc, has_serial, auto_cmdline, has_acpi, has_pit, has_pic;
    bool serial; /* it is there */
    BoardPlug plug;
} Microvm;

static inline unsigned microvm_virtio_irq(const Microvm *b, unsigned slot)
{
    return (b->has_acpi ? MICROVM_VIRTIO_IRQ_ACPI : MICROVM_VIRTIO_IRQ) + slot;
}

/*
 * Tables (microvm-acpi.c): files of fw_cfg for firmware, or, where a kernel is entered without it,
 * in the hole below 1 MiB: then b->rsdp is told. Errors: of -acpitable.
 */
NODISCARD bool microvm_acpi(Microvm *b, unsigned n_cpus, const uint32_t *apic_ids, GError **err);

#endif
