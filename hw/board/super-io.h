/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a super I/O chip of PCs has, behind ports of ISA: serial ports, printer ports, floppy disks.
 * LOOP_THREAD, in a board's init.
 */
#ifndef HW_BOARD_SUPER_IO_H
#define HW_BOARD_SUPER_IO_H

#include "hw/board/plug.h"

enum { SUPER_IO_FLOPPIES = 2 };

/* The first @n of -serial; with @all also those that go nowhere. */
NODISCARD bool super_io_serials(BoardPlug *b, unsigned n, bool all, GError **err);
/* The same of -parallel. */
NODISCARD bool super_io_parallels(BoardPlug *b, unsigned n, bool all, GError **err);
/* Drives of if=floppy and their controller, which is there without any where @always says so;
 * *@dev: it, NULL if it is not there. Drives are open. */
NODISCARD bool super_io_floppies(BoardPlug *b, bool always, Device **dev, GError **err);

#endif
