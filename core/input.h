/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What people do to a machine: keys, buttons, pointers. Displays and the monitor send events,
 * devices take them. Context of all: LOOP_THREAD, with no device lock held.
 */
#ifndef CORE_INPUT_H
#define CORE_INPUT_H

#include "core/types.h"

typedef enum InputKind { INPUT_KEY, INPUT_BUTTON, INPUT_REL, INPUT_ABS, INPUT_KINDS } InputKind;

typedef enum InputButton {
    INPUT_LEFT,
    INPUT_MIDDLE,
    INPUT_RIGHT,
    INPUT_WHEEL_UP, /* a press and a release: one step */
    INPUT_WHEEL_DOWN,
    INPUT_SIDE,
    INPUT_EXTRA,
    INPUT_WHEEL_LEFT,
    INPUT_WHEEL_RIGHT,
    INPUT_BUTTONS,
} InputButton;

typedef enum InputAxis { INPUT_X, INPUT_Y, INPUT_AXES } InputAxis;

enum { INPUT_ABS_MAX = 0x7fff, INPUT_HOLD_MS = 100, INPUT_KEYS_MAX = 16 };

typedef struct InputEvent {
    InputKind kind;
    uint16_t code; /* key: KEY_* of <linux/input-event-codes.h>; InputButton; InputAxis */
    bool down;
    int32_t value; /* of an axis: the way, or the place of 0 to INPUT_ABS_MAX */
} InputEvent;

/* What takes events: of each kind the one that was added or chosen last. */
typedef struct InputHandler {
    const char *name; /* "QEMU HID Mouse" */
    unsigned kinds;   /* bit per InputKind */
    void (*event)(void *opaque, const InputEvent *e);
    void (*sync)(void *opaque); /* the events since the last one belong together */
} InputHandler;

void input_add(Machine *m, const InputHandler *h, void *opaque);
void input_remove(Machine *m, const InputHandler *h, void *opaque);

/* To who takes its kind; false: nobody does. */
bool input_send(Machine *m, const InputEvent *e);
void input_sync(Machine *m);

/* The keys go down one after another and, after @hold_ms, up; a following call waits for that. */
void input_type(Machine *m, const uint16_t *keys, unsigned n, unsigned hold_ms);

/* Pointers (kinds REL, ABS) by number from 1, in order of their being added; NULL: no more. */
const InputHandler *input_pointer(Machine *m, unsigned number, bool *current);
/* Make it the one that gets events. False: there is none of that number. */
bool input_choose_pointer(Machine *m, unsigned number);

/* A key by its name in QMP ("ret", "ctrl") ; 0: unknown. Its name; NULL. */
uint16_t input_key_by_name(const char *name, size_t len);
/* A key by the number it has on a PC keyboard, 0x80 more with the prefix; 0: unknown. */
uint16_t input_key_by_number(unsigned number);
int input_button_by_name(const char *name); /* -1: unknown */

#endif
