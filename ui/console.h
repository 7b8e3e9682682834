/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Graphic consoles: what a display device shows, and who looks at it.
 *
 * A device makes a console for each of its heads. Its picture is of 32-bit pixels 0x00RRGGBB in
 * the host's order, and the device's to draw whenever it is asked to (`refresh`); nobody looking
 * costs nothing. Who looks (a screenshot, VNC, a window) pulls: console_refresh, then what has
 * changed since the last time, from a thread of its own. There are no callbacks into viewers.
 *
 * Locks: a refresh holds the console's `call` lock and takes the device's within; drawing holds
 * the picture's lock alone, which is the last one of any thread.
 */
#ifndef UI_CONSOLE_H
#define UI_CONSOLE_H

#include "core/types.h"
#include "util/error.h"
#include "util/lock.h"

#include <stddef.h>

typedef struct Console Console;
typedef struct ConsoleViewer ConsoleViewer;

enum { CONSOLE_SIDE_MAX = 16384, CONSOLE_PIXELS_MAX = 64 << 20, CONSOLE_CURSOR_MAX = 512 };

/* What a device gives. */
typedef struct ConsoleOps {
    /* Draw what has changed. Context: ANY_THREAD, no device lock held; the console is there. */
    void (*refresh)(void *opaque);
    /* Somebody looks from now on, or nobody any more; may be NULL. Context: as refresh. */
    void (*watched)(void *opaque, bool on);
} ConsoleOps;

/* ---- For devices ---- */

/* @device is its path, @head the number among the device's. LOOP_THREAD. */
Console *console_new(Machine *m, const char *device, unsigned head, const ConsoleOps *ops,
                     void *opaque);
/* The device goes away: waits for a refresh under way. NULL is nothing. LOOP_THREAD, no device
 * lock held. */
void console_free(Console *c);
/* Is anybody looking? Context: ANY_THREAD. */
bool console_is_watched(const Console *c);

/*
 * Draw: between begin and end the picture is the caller's, and has the size asked for. True: all
 * of it must be drawn (its size has changed, or console_invalidate was called). A size that is 0
 * or too large is made to fit. Context: ANY_THREAD, the device's lock may be held.
 */
bool console_begin(Console *c, unsigned width, unsigned height);
void console_end(Console *c);
/* Row @y of the picture, to be written by the caller, who then says what it wrote. */
uint32_t *console_row(Console *c, unsigned y);
void console_touch(Console *c, unsigned x, unsigned y, unsigned width, unsigned height);
/* Replace row @y by @pixels where they differ, and tell of the difference alone. */
void console_put_row(Console *c, unsigned y, const uint32_t *pixels);
/* The next console_begin is to draw everything. */
void console_invalidate(Console *c);
/* The picture is one of text, of so many characters; 0: it is not. Within begin and end. */
void console_set_text(Console *c, unsigned columns, unsigned rows);

/* The shape of the hardware's pointer, 0xAARRGGBB, and the point in it that points; 0 by 0: none.
 */
void console_set_cursor(Console *c, unsigned width, unsigned height, unsigned hot_x, unsigned hot_y,
                        const uint32_t *argb);
void console_move_cursor(Console *c, int x, int y, bool on);

/* ---- For viewers ---- */

unsigned console_count(Machine *m);
/* By number in the order of making; NULL: there is none. LOOP_THREAD; console_ref keeps it. */
Console *console_get(Machine *m, unsigned index);
/* By a device's path and a head; NULL. */
Console *console_find(Machine *m, const char *device, unsigned head);
const char *console_device(const Console *c);
unsigned console_head(const Console *c);
Console *console_ref(Console *c);
void console_unref(Console *c);

/* Look at @c, which is held meanwhile. The first look is at all of it. Context: ANY_THREAD. */
ConsoleViewer *console_watch(Console *c);
void console_unwatch(ConsoleViewer *v);

/* The device draws what is new. False: the device is gone. Context: ANY_THREAD, no lock held. */
bool console_refresh(Console *c);

/* Columns [first, end) of a row have changed; none where first >= end. */
typedef struct ConsoleSpan {
    uint32_t first, end;
} ConsoleSpan;

typedef struct ConsoleView {
    unsigned width, height; /* 0 by 0: nothing was shown yet */
    size_t stride;          /* pixels */
    const uint32_t *pixels;
    bool resized;             /* since the last look */
    bool changed;             /* some span is not empty */
    const ConsoleSpan *spans; /* one a row */
    unsigned text_columns, text_rows;
    /* the pointer */
    bool cursor_on, cursor_moved, cursor_reshaped;
    int cursor_x, cursor_y;
    unsigned cursor_width, cursor_height, hot_x, hot_y;
    const uint32_t *cursor;
} ConsoleView;

/* See what is there and what is new; it stays as it is until console_look_end. Short. */
void console_look(ConsoleViewer *v, ConsoleView *view);
void console_look_end(ConsoleViewer *v);

#endif
