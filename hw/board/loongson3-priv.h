/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the `loongson3-virt` board share. */
#ifndef HW_BOARD_LOONGSON3_PRIV_H
#define HW_BOARD_LOONGSON3_PRIV_H

#include "core/cpu.h"
#include "hw/board/board.h"
#include "hw/board/plug.h"

enum {
    LOONGSON3_CORES = 4, /* of a package, which is a node */
    LOONGSON3_MAX_CPUS = 16,
    LOONGSON3_NODE_SHIFT = 44, /* in physical addresses */
    LOONGSON3_PM = 0x10080000,
    LOONGSON3_FW_CFG = 0x10080100,
    LOONGSON3_RTC = 0x10081000,
    LOONGSON3_PIO = 0x18000000,
    LOONGSON3_PIO_BYTES = 0x10000,
    LOONGSON3_ECAM = 0x1a000000,
    LOONGSON3_BUSES = 32,
    LOONGSON3_ROM = 0x1fc00000,
    LOONGSON3_ROM_BYTES = 2 << 20,
    LOONGSON3_CSR = 0x1fe00000,
    LOONGSON3_UART = 0x1fe001e0,
    LOONGSON3_IPI = 0x3ff01000,
    LOONGSON3_LIOINTC = 0x3ff01400,
    LOONGSON3_PCI_MEM = 0x40000000,
    LOONGSON3_PCI_MEM_BYTES = 0x40000000,
    LOONGSON3_LOW_RAM = 256 << 20,
    LOONGSON3_LOW_USED = 240 << 20, /* what kernels are told of it */
    LOONGSON3_COUNT_HZ = 400000000, /* half the clock */
};

#define LOONGSON3_RAM     0x80000000ull
#define LOONGSON3_RAM_MAX (64ull << 30)

typedef struct Loongson3Board {
    Device dev; /* first: the container of all it makes */
    Machine *machine;
    const BoardConfig *cfg; /* valid during init */
    Device *intc, *pci, *pm;
    RamBlock *rom;
    uint64_t ram_bytes;
    unsigned n_cpus;
    BoardPlug plug;
} Loongson3Board;

/* What the CPUs find at their reset vector: -bios, or what calls -kernel. */
NODISCARD bool loongson3_boot(Loongson3Board *b, GError **err);

#endif
