/* SPDX-License-Identifier: Apache-2.0 */
/* Flash banks of boards, by -drive if=pflash, -pflash, or -M pflash0=, pflash1= of a block node. */
#ifndef HW_BOARD_FLASH_H
#define HW_BOARD_FLASH_H

#include "hw/board/plug.h"

/*
 * The backend "drive" that bank @unit is kept in; the caller frees. NULL: none, or with *err. After
 * board_open_drives.
 */
char *board_flash_drive(BoardPlug *b, unsigned unit, GError **err);
/* All of it into the bank @dev, which has room for @max bytes, before anything runs. */
NODISCARD bool board_flash_fill(Device *dev, const char *id, uint64_t max, GError **err);

#endif
