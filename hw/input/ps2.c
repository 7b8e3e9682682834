/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/input/ps2.h"

enum {
    ACK = 0xfa,
    RESEND = 0xfe,
    SELF_TEST_OK = 0xaa,
    BREAK = 0xf0,
    EXTENDED = 0xe0,
    KEYS_SET_1 = 0x59,

    STATUS_REMOTE = 1 << 6,
    STATUS_ENABLED = 1 << 5,
    STATUS_SCALING = 1 << 4,
    MOUSE_PLAIN = 0,
    MOUSE_WHEEL = 3,
    MOUSE_5_BUTTONS = 4,
};

/* The make code in set 2 of the key with that number in set 1. */
static const uint8_t ps2_set_2[KEYS_SET_1] = {
    0x00, 0x76, 0x16, 0x1e, 0x26, 0x25, 0x2e, 0x36, 0x3d, 0x3e, 0x46, 0x45, 0x4e, 0x55, 0x66,
    0x0d, 0x15, 0x1d, 0x24, 0x2d, 0x2c, 0x35, 0x3c, 0x43, 0x44, 0x4d, 0x54, 0x5b, 0x5a, 0x14,
    0x1c, 0x1b, 0x23, 0x2b, 0x34, 0x33, 0x3b, 0x42, 0x4b, 0x4c, 0x52, 0x0e, 0x12, 0x5d, 0x1a,
    0x22, 0x21, 0x2a, 0x32, 0x31, 0x3a, 0x41, 0x49, 0x4a, 0x59, 0x7c, 0x11, 0x29, 0x58, 0x05,
    0x06, 0x04, 0x0c, 0x03, 0x0b, 0x83, 0x0a, 0x01, 0x09, 0x77, 0x7e, 0x6c, 0x75, 0x7d, 0x7b,
    0x6b, 0x73, 0x74, 0x79, 0x69, 0x72, 0x7a, 0x70, 0x71, 0x84, 0x00, 0x61, 0x78, 0x07,
};

/* Keys after E0h that have no twin without it: the two logo keys, menu, power, sleep, wake. */
static const uint8_t ps2_extended[][2] = {
    { 0x5b, 0x1f }, { 0x5c, 0x27 }, { 0x5d, 0x2f }, { 0x5e, 0x37 }, { 0x5f, 0x3f }, { 0x63, 0x5e },
};

uint8_t ps2_translate(uint8_t byte)
{
    for (unsigned i = 1; i < KEYS_SET_1; i++) {
        if (ps2_set_2[i] == byte) {
            return (uint8_t)i;
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(ps2_extended); i++) {
        if (ps2_extended[i][1] == byte) {
            return ps2_extended[i][0];
        }
    }
    return byte;
}

static uint8_t ps2_code(unsigned number)
{
    for (size_t i = 0; i < ARRAY_SIZE(ps2_extended); i++) {
        if (ps2_extended[i][0] == number) {
            return ps2_extended[i][1];
        }
    }
    return number < KEYS_SET_1 ? ps2_set_2[number] : 0;
}

/* ---- Queues ---- */

bool ps2_take(Ps2Queue *q, uint8_t *byte)
{
    if (!q->n) {
        return false;
    }
    *byte = q->data[q->head];
    q->head = (q->head + 1) % PS2_QUEUE;
    q->n--;
    return true;
}

/* All or nothing: half a report would shift all that follow. */
static bool ps2_put(Ps2Queue *q, const uint8_t *bytes, unsigned n)
{
    if (q->n + n > PS2_QUEUE) {
        return false;
    }
    for (unsigned i = 0; i < n; i++) {
        q->data[(q->head + q->n++) % PS2_QUEUE] = bytes[i];
    }
    return true;
}

static void ps2_answer(Ps2Queue *q, const uint8_t *bytes, unsigned n)
{
    q->n = 0; /* an answer comes before anything else */
    (void)ps2_put(q, bytes, n);
}

#define ANSWER(q, ...) \
    ps2_answer((q), (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/* ---- Keyboard ---- */

static void keyboard_defaults(Ps2Keyboard *k)
{
    k->set = 2;
    k->leds = 0;
}

static void keyboard_parameter(Ps2Keyboard *k, uint8_t byte)
{
    uint8_t command = k->command;

    k->command = 0;
    if (command == 0xf0 && byte == 0) {
        ANSWER(&k->q, ACK, k->set);
        return;
    }
    if (command == 0xf0 && byte > 3) {
        ANSWER(&k->q, RESEND);
        return;
    }
    if (command == 0xf0) {
        k->set = byte;
    } else if (command == 0xed) {
        k->leds = byte & 7;
    }
    ANSWER(&k->q, ACK);
}

void ps2_keyboard_write(Ps2Keyboard *k, uint8_t byte)
{
    if (k->command && byte < 0xed) {
        keyboard_parameter(k, byte);
        return;
    }
    k->command = 0;
    switch (byte) {
    case 0xed: /* indicators */
    case 0xf0: /* scan code set */
    case 0xf3: /* typematic rate */
        k->command = byte;
        ANSWER(&k->q, ACK);
        break;
    case 0xee: /* echo */
        ANSWER(&k->q, 0xee);
        break;
    case 0xf2: /* identify */
        ANSWER(&k->q, ACK, 0xab, 0x83);
        break;
    case 0xf4:
        k->scans = 1;
        ANSWER(&k->q, ACK);
        break;
    case 0xf5:
    case 0xf6:
        keyboard_defaults(k);
        k->scans = byte == 0xf6;
        ANSWER(&k->q, ACK);
        break;
    case 0xff:
        keyboard_defaults(k);
        k->scans = 1;
        ANSWER(&k->q, ACK, SELF_TEST_OK);
        break;
    case 0x00: /* sent by drivers that look for mice */
        ANSWER(&k->q, ACK);
        break;
    default:
        ANSWER(&k->q, RESEND);
        break;
    }
}

/* The key's number on a PC keyboard; 0x80 more: it has the prefix. */
static unsigned keyboard_number(uint16_t code)
{
    for (unsigned n = 1; n < 0x100; n++) {
        if (input_key_by_number(n) == code) {
            return n;
        }
    }
    return 0;
}

void ps2_keyboard_event(Ps2Keyboard *k, const InputEvent *e)
{
    unsigned number = keyboard_number(e->code), n = 0;
    uint8_t bytes[3], code = ps2_code(number & 0x7f);

    if (!k->scans || !number || !code) {
        return;
    }
    if (number & 0x80) {
        bytes[n++] = EXTENDED;
    }
    if (k->set == 1) {
        bytes[n++] = (uint8_t)((number & 0x7f) | (e->down ? 0 : 0x80));
    } else {
        if (!e->down) {
            bytes[n++] = BREAK;
        }
        bytes[n++] = code;
    }
    (void)ps2_put(&k->q, bytes, n);
}

/* ---- Mouse ---- */

static void mouse_defaults(Ps2Mouse *m)
{
    m->rate = 100;
    m->resolution = 2;
    m->status = 0;
}

/* Three rates in a row ask for the wheel, three others for five buttons. */
static void mouse_rate(Ps2Mouse *m, uint8_t rate)
{
    m->rate = rate;
    if (rate == 200) {
        m->knock = m->knock == 1 ? 3 : 1;
    } else if (rate == 100 && m->knock == 1) {
        m->knock = 2;
    } else {
        if (rate == 80 && m->knock == 2) {
            m->type = MOUSE_WHEEL;
        } else if (rate == 80 && m->knock == 3) {
            m->type = MOUSE_5_BUTTONS;
        }
        m->knock = 0;
    }
}

static int mouse_clip(uint32_t *left, int most)
{
    int v = (int32_t)*left, out = v > most ? most : v < -most ? -most : v;

    *left -= (uint32_t)out;
    return out;
}

static bool mouse_report(Ps2Mouse *m)
{
    Ps2Mouse was = *m;
    int dx = mouse_clip(&m->dx, 255), dy = -mouse_clip(&m->dy, 255), dz = mouse_clip(&m->dz, 7);
    uint8_t bytes[4] = { (uint8_t)((m->buttons & 7) | 1 << 3 | (dx < 0) << 4 | (dy < 0) << 5),
                         (uint8_t)dx, (uint8_t)dy, (uint8_t)dz };

    if (m->type == MOUSE_5_BUTTONS) {
        bytes[3] = (uint8_t)((dz & 0xf) | (m->buttons & 0x18) << 1);
    }
    if (!ps2_put(&m->q, bytes, m->type == MOUSE_PLAIN ? 3 : 4)) {
        *m = was;
        return false;
    }
    return true;
}

static void mouse_parameter(Ps2Mouse *m, uint8_t byte)
{
    if (m->command == 0xf3) {
        mouse_rate(m, byte);
    } else {
        m->resolution = byte & 3;
    }
    m->command = 0;
    ANSWER(&m->q, ACK);
}

static void mouse_command(Ps2Mouse *m, uint8_t byte)
{
    switch (byte) {
    case 0xe6:
    case 0xe7:
        m->status = (uint8_t)((m->status & ~STATUS_SCALING) | (byte & 1 ? STATUS_SCALING : 0));
        break;
    case 0xea:
        m->status &= (uint8_t)~STATUS_REMOTE;
        break;
    case 0xee:
        m->wrap = 1;
        break;
    case 0xf0:
        m->status |= STATUS_REMOTE;
        break;
    case 0xf4:
        m->status |= STATUS_ENABLED;
        break;
    case 0xf5:
        m->status &= (uint8_t)~STATUS_ENABLED;
        break;
    case 0xf6:
        mouse_defaults(m);
        break;
    case 0xe8:
    case 0xf3:
        m->command = byte;
        break;
    default:
        ANSWER(&m->q, RESEND);
        return;
    }
    ANSWER(&m->q, ACK);
}

void ps2_mouse_write(Ps2Mouse *m, uint8_t byte)
{
    if (m->wrap && byte != 0xff && byte != 0xec) {
        ANSWER(&m->q, byte);
        return;
    }
    if (m->command) {
        mouse_parameter(m, byte);
        return;
    }
    switch (byte) {
    case 0xe9:
        ANSWER(&m->q, ACK, m->status | (m->buttons & 7), m->resolution, m->rate);
        break;
    case 0xeb:
        ANSWER(&m->q, ACK);
        (void)mouse_report(m);
        break;
    case 0xec:
        m->wrap = 0;
        ANSWER(&m->q, ACK);
        break;
    case 0xf2:
        ANSWER(&m->q, ACK, m->type);
        break;
    case 0xff:
        mouse_defaults(m);
        m->type = m->wrap = 0;
        ANSWER(&m->q, ACK, SELF_TEST_OK, 0);
        break;
    default:
        mouse_command(m, byte);
        break;
    }
}

void ps2_mouse_event(Ps2Mouse *m, const InputEvent *e)
{
    static const uint8_t bit[INPUT_BUTTONS] = {
        [INPUT_LEFT] = 1, [INPUT_RIGHT] = 2,  [INPUT_MIDDLE] = 4,
        [INPUT_SIDE] = 8, [INPUT_EXTRA] = 16,
    };

    if (e->kind == INPUT_REL && e->code == INPUT_X) {
        m->dx += (uint32_t)e->value;
    } else if (e->kind == INPUT_REL) {
        m->dy += (uint32_t)e->value;
    } else if (e->kind == INPUT_BUTTON && e->down && e->code == INPUT_WHEEL_UP) {
        m->dz--;
    } else if (e->kind == INPUT_BUTTON && e->down && e->code == INPUT_WHEEL_DOWN) {
        m->dz++;
    } else if (e->kind == INPUT_BUTTON && e->code < INPUT_BUTTONS) {
        m->buttons = (uint8_t)(e->down ? m->buttons | bit[e->code] : m->buttons & ~bit[e->code]);
    }
}

void ps2_mouse_sync(Ps2Mouse *m)
{
    if (!(m->status & STATUS_ENABLED) || m->status & STATUS_REMOTE) {
        return;
    }
    while (mouse_report(m) && (m->dx || m->dy || m->dz)) {
    }
}
