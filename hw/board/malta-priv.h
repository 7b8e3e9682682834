/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the `malta` board share. */
#ifndef HW_BOARD_MALTA_PRIV_H
#define HW_BOARD_MALTA_PRIV_H

#include "core/cpu.h"
#include "hw/board/board.h"
#include "hw/board/ide-drives.h"

enum {
    MALTA_FLASH = 0x1e000000,
    MALTA_FLASH_BYTES = 4 << 20,
    MALTA_FLASH_SECTOR = 64 << 10,
    MALTA_FPGA = 0x1f000000,
    MALTA_CBUS_UART = 0x1f000900,
    MALTA_BOOT = 0x1fc00000,
    MALTA_BOOT_BYTES = 4 << 20,
    MALTA_REVISION_AT = 0x10,
    MALTA_REVISION = 0x420, /* CoreLV: a GT-64120 */
    MALTA_RAM_LOW = 256 << 20,
};

#define MALTA_RAM     0x80000000ull
#define MALTA_RAM_MAX (2ull << 30)

typedef struct MaltaBoard {
    Device dev; /* first: the container of all it makes */
    Machine *machine;
    const BoardConfig *cfg; /* valid during init */
    Device *isa, *host, *piix4, *pm, *pic, *pit, *rtc, *fpga;
    Device *flash;
    bool has_firmware; /* in the flash, by -bios or -drive if=pflash */
    RamBlock *rom;
    uint64_t ram_bytes;
    BoardPlug plug;
    IdeDrives ide;
} MaltaBoard;

/* The flash at 1e000000h, with what -bios or -drive if=pflash put there. */
NODISCARD bool malta_make_flash(MaltaBoard *b, GError **err);
/* -kernel, -initrd, -append or -bios: what the CPU finds at its reset vector. */
NODISCARD bool malta_boot(MaltaBoard *b, GError **err);

#endif
