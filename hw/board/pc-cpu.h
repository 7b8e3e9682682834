/* SPDX-License-Identifier: Apache-2.0 */
/* CPUs of PCs: model, features, topology. */
#ifndef HW_BOARD_PC_CPU_H
#define HW_BOARD_PC_CPU_H

#include "core/cpu.h"
#include "hw/board/board.h"

/* As -cpu and -smp say; @prepare (NULL: nothing) sees each before it is realized. */
NODISCARD bool pc_new_cpus(Device *container, const BoardConfig *cfg, const Board *board,
                           void (*prepare)(void *opaque, Cpu *cpu), void *opaque, GError **err);
/* The identifier of CPU @index's local APIC, by -smp's topology. */
uint32_t pc_apic_id(const BoardConfig *cfg, unsigned index);
unsigned pc_cpus_a_socket(const BoardConfig *cfg);

#endif
