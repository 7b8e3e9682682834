/* SPDX-License-Identifier: Apache-2.0 */
/* How a kernel of -kernel is started: by an option ROM after firmware, or from the reset vector. */
#ifndef HW_BOARD_PC_KERNEL_H
#define HW_BOARD_PC_KERNEL_H

#include "hw/board/order.h"
#include "hw/board/x86-kernel.h"

/*
 * Through firmware: its parts and an option ROM that fetches them, as files and keys of fw_cfg.
 * *first: where the ROM is in the order of boot, its path static.
 */
NODISCARD bool pc_kernel_fw(const BoardConfig *cfg, uint64_t below_4g, Device *fw_cfg,
                            BootOrderExtra *first, GError **err);

/* What the guest is told of memory: start, length, and 1 for RAM, 2 for what is none. */
typedef struct PcMapEntry {
    uint64_t start, len;
    uint32_t type;
} PcMapEntry;

/*
 * Without firmware: the kernel with its parts in RAM, and the 4 KiB below 4 GiB that enter it, in
 * @rom. @rsdp: ACPI's, 0: none.
 */
NODISCARD bool pc_kernel_direct(Machine *m, const BoardConfig *cfg, uint64_t below_4g,
                                const PcMapEntry *map, unsigned n_map, uint64_t rsdp,
                                uint8_t rom[4096], GError **err);

#endif
