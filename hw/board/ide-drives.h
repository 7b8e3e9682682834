/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What -drive, -hda to -hdd and -cdrom put on a board's IDE controller, and the CD-ROM drive that
 * is there anyway. Part of a board's own struct. LOOP_THREAD.
 */
#ifndef HW_BOARD_IDE_DRIVES_H
#define HW_BOARD_IDE_DRIVES_H

#include "hw/board/plug.h"

enum { IDE_DRIVES_MAX = 6 };

typedef struct IdeDrives {
    BoardPlug *plug;
    Device *controller;
    unsigned buses, units; /* of the controller, of each bus */
    bool has_cd;           /* -drive put something where the CD drive would be */
} IdeDrives;

/* @controller has @buses buses of @units units each. */
void ide_drives_init(IdeDrives *s, BoardPlug *plug, Device *controller, unsigned buses,
                     unsigned units);
/*
 * Gives each drive of if=ide, and each that names no interface, its place: the one asked for, else
 * the first that is free. Before board_open_drives(). False with @err: there is no such place, or
 * it is taken.
 */
NODISCARD bool ide_drives_place(IdeDrives *s, GError **err);
/* The device of drive @d, which is open as @id. */
NODISCARD bool ide_drives_make(IdeDrives *s, const BoardDrive *d, const char *id, GError **err);
/* After all others: a drive without a disc, master of the second channel (third port), unless
 * something is there or -nodefaults was given. */
NODISCARD bool ide_drives_make_cd(IdeDrives *s, GError **err);

#endif
