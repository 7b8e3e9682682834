/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every board does with -device, -drive and -global: opens drives as backends, makes devices
 * of their options, reports disks' errors. Part of a board's own struct. LOOP_THREAD.
 */
#ifndef HW_BOARD_PLUG_H
#define HW_BOARD_PLUG_H

#include "block/block.h"
#include "core/device.h"
#include "hw/board/board.h"

typedef struct BoardPlug {
    Machine *machine;
    Device *parent;         /* what is plugged becomes its child */
    const BoardConfig *cfg; /* valid during init */
    GPtrArray *disks;       /* BlockBackends, closed with the machine */
    bool listens;           /* to the machine's events, for the disks */
} BoardPlug;

void board_plug_init(BoardPlug *b, Device *parent, const BoardConfig *cfg);
/* In the board's `stop`: disks are closed when no device has them any more. */
void board_plug_stop(BoardPlug *b);
/* One -device, also after the start. Errors: as the command line is to show them. */
NODISCARD bool board_plug_device(BoardPlug *b, Options *o, GError **err);
/* Those of the command line from @from to before @to. */
NODISCARD bool board_plug_devices(BoardPlug *b, unsigned from, unsigned to, GError **err);
/* The display card that -vga asks for, or else @by_default ("std", "none"), unless one of -device's
 * is there instead. */
NODISCARD bool board_make_vga(BoardPlug *b, const char *by_default, GError **err);
/* Every -drive that has a file or waits for a device becomes a backend of its id. */
NODISCARD bool board_open_drives(BoardPlug *b, GError **err);
/* The block node @name becomes a backend "drive" of its name, if it is none yet. */
NODISCARD bool board_take_node(BoardPlug *b, const char *name, GError **err);
/* An empty drive @id, whose errors the guest sees. */
NODISCARD bool board_add_empty_drive(BoardPlug *b, const char *id, GError **err);
/* The disk of @d's backend @id as a device of @type, of virtio. */
NODISCARD bool board_make_virtio(BoardPlug *b, const char *type, const BoardDrive *d,
                                 const char *id, GError **err);
/* The id of drive number @i; the caller frees. */
char *board_drive_id(const BoardDrive *d, unsigned i);
/* Apply -global to a device of the board's own. */
NODISCARD bool board_globals(BoardPlug *b, Device *dev, GError **err);

#endif
