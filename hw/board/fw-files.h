/* SPDX-License-Identifier: Apache-2.0 */
/* Files that the user gives to firmware through fw_cfg. */
#ifndef HW_BOARD_FW_FILES_H
#define HW_BOARD_FW_FILES_H

#include "hw/board/board.h"
#include "hw/board/order.h"

/* Those of -fw_cfg. Errors: names the option. */
NODISCARD bool board_fw_files(const BoardConfig *cfg, Device *fw_cfg, GError **err);
/* Those of -option-rom: BootOrderExtra of @extras are what has a place in the order, and @names
 * owns their texts. */
NODISCARD bool board_option_roms(const BoardConfig *cfg, Device *fw_cfg, GArray *extras,
                                 GPtrArray *names, GError **err);

#endif
