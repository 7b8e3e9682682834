/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PS/2 keyboard and mouse: what they answer to commands and how they tell of events. Parts of the
 * controller that has them, under its lock.
 * Spec: IBM PS/2 Hardware Interface Technical Reference, "Keyboards" and "Auxiliary device".
 */
#ifndef HW_INPUT_PS2_H
#define HW_INPUT_PS2_H

#include "core/device.h"
#include "core/input.h"

enum { PS2_QUEUE = 32 };

typedef struct Ps2Queue {
    uint8_t data[PS2_QUEUE];
    uint8_t head, n;
} Ps2Queue;

typedef struct Ps2Keyboard {
    Ps2Queue q;
    uint8_t command; /* whose parameter comes next; 0: none */
    uint8_t set, leds, scans;
} Ps2Keyboard;

typedef struct Ps2Mouse {
    Ps2Queue q;
    uint8_t command, status, resolution, rate, type, knock, wrap, buttons;
    uint32_t dx, dy, dz; /* not told yet; two's complement */
} Ps2Mouse;

#define PS2_QUEUE_FIELDS(T, m)                                         \
    STATE_ARRAY(T, m.data), STATE_U8(T, m.head, .max = PS2_QUEUE - 1), \
        STATE_U8(T, m.n, .max = PS2_QUEUE)
#define PS2_KEYBOARD_FIELDS(T, m)                                                             \
    PS2_QUEUE_FIELDS(T, m.q), STATE_U8(T, m.command), STATE_U8(T, m.set, .def = 2, .max = 3), \
        STATE_U8(T, m.leds), STATE_U8(T, m.scans, .def = 1, .max = 1)
#define PS2_MOUSE_FIELDS(T, m)                                                                     \
    PS2_QUEUE_FIELDS(T, m.q), STATE_U8(T, m.command), STATE_U8(T, m.status),                       \
        STATE_U8(T, m.resolution, .def = 2), STATE_U8(T, m.rate, .def = 100), STATE_U8(T, m.type), \
        STATE_U8(T, m.knock), STATE_U8(T, m.wrap), STATE_U8(T, m.buttons), STATE_U32(T, m.dx),     \
        STATE_U32(T, m.dy), STATE_U32(T, m.dz)

/* The next byte; false: none. */
bool ps2_take(Ps2Queue *q, uint8_t *byte);
/* A byte from the host. */
void ps2_keyboard_write(Ps2Keyboard *k, uint8_t byte);
void ps2_mouse_write(Ps2Mouse *m, uint8_t byte);
/* Events. */
void ps2_keyboard_event(Ps2Keyboard *k, const InputEvent *e);
void ps2_mouse_event(Ps2Mouse *m, const InputEvent *e);
void ps2_mouse_sync(Ps2Mouse *m);
/* A byte of set 2 as the controller translates it to set 1. */
uint8_t ps2_translate(uint8_t byte);

#endif
