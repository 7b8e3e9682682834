/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the `pc` board share. */
#ifndef HW_BOARD_PC_PRIV_H
#define HW_BOARD_PC_PRIV_H

#include "core/cpu.h"
#include "hw/board/board.h"
#include "hw/board/plug.h"

enum {
    PC_MAX_CPUS = 255,
    PC_ROM_MAX = 16 << 20,
    PC_ISA_BIOS = 128 << 10,       /* of the ROM's end, below 1 MiB */
    PC_LOWMEM = 0xe0000000u,       /* RAM below 4 GiB ends here at most ... */
    PC_LOWMEM_SPLIT = 0xc0000000u, /* ... and here where there is more than that */
    PC_N_SERIAL = 4,
};

typedef struct PcBoard {
    Device dev; /* first: the container of all it makes */
    Machine *machine;
    const BoardConfig *cfg; /* valid during init */
    Device *isa, *irqchip, *host, *piix3, *pm, *rtc, *fw_cfg;
    MemRegion *ram_low;
    uint64_t ram_bytes, below_4g;
    unsigned n_cpus;
    BoardPlug plug;
} PcBoard;

#endif
