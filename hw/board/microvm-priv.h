/* SPDX-License-Identifier: Apache-2.0 */
/* The `microvm` board's own. */
#ifndef HW_BOARD_MICROVM_PRIV_H
#define HW_BOARD_MICROVM_PRIV_H

#include "hw/board/board.h"
#include "hw/board/plug.h"

enum { MICROVM_N_VIRTIO = 8 };

typedef struct Microvm {
    Device dev; /* first: the container of all it makes */
    Machine *machine;
    const BoardConfig *cfg; /* valid during init */
    Device *isa, *irqchip, *rtc, *fw_cfg;
    Device *virtio[MICROVM_N_VIRTIO];
    uint64_t ram_bytes, below_4g;
    unsigned n_cpus;
    bool has_rtc, has_serial, auto_cmdline;
    BoardPlug plug;
} Microvm;

#endif
