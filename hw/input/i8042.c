/* SPDX-License-Identifier: Apache-2.0 */
/*
 * i8042: a PC's keyboard controller with a PS/2 keyboard and mouse, at ports 60h and 64h.
 * Spec: IBM PS/2 Hardware Interface Technical Reference, "Keyboard and auxiliary device
 * controller".
 */
#include "hw/input/ps2.h"
#include "hw/isa/isa.h"

enum {
    STATUS_OBF = 1 << 0,
    STATUS_SYS = 1 << 2,
    STATUS_COMMAND = 1 << 3,
    STATUS_UNLOCKED = 1 << 4,
    STATUS_AUX = 1 << 5,

    MODE_IRQ_KEYBOARD = 1 << 0,
    MODE_IRQ_AUX = 1 << 1,
    MODE_KEYBOARD_OFF = 1 << 4,
    MODE_AUX_OFF = 1 << 5,
    MODE_TRANSLATE = 1 << 6,

    OUTPUT_RESET = 1 << 0,
    OUTPUT_A20 = 1 << 1,
    OUTPUT_OBF = 1 << 4,
    OUTPUT_AUX_OBF = 1 << 5,

    FROM_KEYBOARD = 0,
    FROM_AUX = 1,
    FROM_CONTROLLER = 2,
    BYTE_NS = 20000, /* between two bytes, so that each is an edge of the interrupt */
};

typedef struct I8042 {
    Device dev;
    Ps2Keyboard keyboard;
    Ps2Mouse mouse;
    uint8_t status, mode, output, data;
    uint8_t command; /* whose data comes next; 0: none */
    uint8_t from;    /* whose byte is in the output buffer */
    uint8_t broken;  /* translation: the next code is a key's release */
    bool waits;      /* the buffer was read just now */
    Timer next;
    Irq irq_keyboard, irq_mouse;
} I8042;

/* ---- The output buffer ---- */

static void kbc_fill(I8042 *s, uint8_t from, uint8_t byte)
{
    s->data = byte;
    s->from = from;
    s->status |= STATUS_OBF;
    s->status = (uint8_t)(from == FROM_AUX ? s->status | STATUS_AUX : s->status & ~STATUS_AUX);
}

/* Next byte of the keyboard as the guest is to see it. */
static bool kbc_from_keyboard(I8042 *s, uint8_t *byte)
{
    while (ps2_take(&s->keyboard.q, byte)) {
        if (!(s->mode & MODE_TRANSLATE)) {
            return true;
        }
        if (*byte == 0xf0) {
            s->broken = 0x80;
            continue;
        }
        *byte = ps2_translate(*byte) | s->broken;
        s->broken = 0;
        return true;
    }
    return false;
}

static void kbc_next(I8042 *s)
{
    uint8_t byte;

    if (s->status & STATUS_OBF || s->waits) {
        return;
    }
    if (!(s->mode & MODE_KEYBOARD_OFF) && kbc_from_keyboard(s, &byte)) {
        kbc_fill(s, FROM_KEYBOARD, byte);
    } else if (!(s->mode & MODE_AUX_OFF) && ps2_take(&s->mouse.q, &byte)) {
        kbc_fill(s, FROM_AUX, byte);
    }
}

static void kbc_byte_time(Device *dev)
{
    I8042 *s = device_as(dev, I8042);

    s->waits = false;
    kbc_next(s);
}

static void kbc_settle(Device *dev)
{
    I8042 *s = device_as(dev, I8042);
    bool full = s->status & STATUS_OBF;

    irq_set(&s->irq_keyboard, full && s->from == FROM_KEYBOARD && s->mode & MODE_IRQ_KEYBOARD);
    irq_set(&s->irq_mouse, full && s->from == FROM_AUX && s->mode & MODE_IRQ_AUX);
}

/* ---- Ports ---- */

static void kbc_set_output(I8042 *s, uint8_t val)
{
    s->output = val;
    if (!(val & OUTPUT_RESET)) {
        machine_reset_request(s->dev.machine, CAUSE_GUEST_RESET);
    }
}

static uint8_t kbc_output(const I8042 *s)
{
    uint8_t v = s->output & ~(OUTPUT_OBF | OUTPUT_AUX_OBF);

    if (s->status & STATUS_OBF) {
        v |= s->status & STATUS_AUX ? OUTPUT_AUX_OBF : OUTPUT_OBF;
    }
    return v;
}

static void kbc_command(I8042 *s, uint8_t val)
{
    switch (val) {
    case 0x20:
        kbc_fill(s, FROM_CONTROLLER, s->mode);
        break;
    case 0x60:
    case 0xd1:
    case 0xd2:
    case 0xd3:
    case 0xd4:
        s->command = val;
        break;
    case 0xa7:
        s->mode |= MODE_AUX_OFF;
        break;
    case 0xa8:
        s->mode &= (uint8_t)~MODE_AUX_OFF;
        break;
    case 0xa9:
    case 0xab:
        kbc_fill(s, FROM_CONTROLLER, 0);
        break;
    case 0xaa:
        s->status |= STATUS_SYS;
        kbc_fill(s, FROM_CONTROLLER, 0x55);
        break;
    case 0xad:
        s->mode |= MODE_KEYBOARD_OFF;
        break;
    case 0xae:
        s->mode &= (uint8_t)~MODE_KEYBOARD_OFF;
        break;
    case 0xc0:
        kbc_fill(s, FROM_CONTROLLER, 0x80);
        break;
    case 0xd0:
        kbc_fill(s, FROM_CONTROLLER, kbc_output(s));
        break;
    case 0xdd:
        kbc_set_output(s, s->output & ~OUTPUT_A20);
        break;
    case 0xdf:
        kbc_set_output(s, s->output | OUTPUT_A20);
        break;
    default:
        if (val >= 0xf0 && !(val & OUTPUT_RESET)) { /* pulses the bits that are 0 */
            machine_reset_request(s->dev.machine, CAUSE_GUEST_RESET);
        } else if (val < 0xf0) {
            guest_error(&s->dev, "controller command 0x%02x is not known", val);
        }
        break;
    }
}

static void kbc_data(I8042 *s, uint8_t val)
{
    uint8_t command = s->command;

    s->command = 0;
    switch (command) {
    case 0:
        s->mode &= (uint8_t)~MODE_KEYBOARD_OFF;
        ps2_keyboard_write(&s->keyboard, val);
        break;
    case 0x60:
        s->mode = val;
        break;
    case 0xd1:
        kbc_set_output(s, val);
        break;
    case 0xd2:
        kbc_fill(s, FROM_KEYBOARD, val);
        break;
    case 0xd3:
        kbc_fill(s, FROM_AUX, val);
        break;
    default:
        ps2_mouse_write(&s->mouse, val);
        break;
    }
}

static MemResult kbc_read_data(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                               uint64_t *val)
{
    I8042 *s = device_as(dev, I8042);

    *val = s->data;
    if (s->status & STATUS_OBF) {
        s->status &= (uint8_t) ~(STATUS_OBF | STATUS_AUX);
        s->waits = true;
        timer_arm_in(&s->next, BYTE_NS);
    }
    return MEM_OK;
}

static MemResult kbc_write_data(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                uint64_t val)
{
    I8042 *s = device_as(dev, I8042);

    s->status &= (uint8_t)~STATUS_COMMAND;
    kbc_data(s, (uint8_t)val);
    kbc_next(s);
    return MEM_OK;
}

static MemResult kbc_read_status(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                 uint64_t *val)
{
    *val = device_as(dev, I8042)->status | STATUS_UNLOCKED;
    return MEM_OK;
}

static MemResult kbc_write_command(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                   uint64_t val)
{
    I8042 *s = device_as(dev, I8042);

    s->status |= STATUS_COMMAND;
    kbc_command(s, (uint8_t)val);
    kbc_next(s);
    return MEM_OK;
}

static const RegionType kbc_regions[] = {
    { .name = "data", .size = 1, .read = kbc_read_data, .write = kbc_write_data },
    { .name = "command", .size = 1, .read = kbc_read_status, .write = kbc_write_command },
};

/* ---- Events ---- */

static void kbc_key(void *opaque, const InputEvent *e)
{
    I8042 *s = opaque;

    device_enter(&s->dev);
    ps2_keyboard_event(&s->keyboard, e);
    device_leave(&s->dev);
}

static void kbc_pointer(void *opaque, const InputEvent *e)
{
    I8042 *s = opaque;

    device_enter(&s->dev);
    ps2_mouse_event(&s->mouse, e);
    device_leave(&s->dev);
}

static void kbc_sync(void *opaque)
{
    I8042 *s = opaque;

    device_enter(&s->dev);
    ps2_mouse_sync(&s->mouse);
    kbc_next(s);
    device_leave(&s->dev);
}

static const InputHandler kbc_keyboard = {
    .name = "QEMU PS/2 Keyboard",
    .kinds = 1 << INPUT_KEY,
    .event = kbc_key,
    .sync = kbc_sync,
};

static const InputHandler kbc_mouse = {
    .name = "QEMU PS/2 Mouse",
    .kinds = 1 << INPUT_BUTTON | 1 << INPUT_REL,
    .event = kbc_pointer,
    .sync = kbc_sync,
};

static void kbc_ready(Device *dev)
{
    isa_map(dev, 0, 0x60);
    isa_map(dev, 1, 0x64);
    isa_connect(dev, "irq_keyboard", 1);
    isa_connect(dev, "irq_mouse", 12);
    input_add(dev->machine, &kbc_keyboard, device_as(dev, I8042));
    input_add(dev->machine, &kbc_mouse, device_as(dev, I8042));
}

static void kbc_stop(Device *dev)
{
    input_remove(dev->machine, &kbc_keyboard, device_as(dev, I8042));
    input_remove(dev->machine, &kbc_mouse, device_as(dev, I8042));
}

static const Field kbc_fields[] = {
    PS2_KEYBOARD_FIELDS(I8042, keyboard),
    PS2_MOUSE_FIELDS(I8042, mouse),
    STATE_U8(I8042, status),
    STATE_U8(I8042, mode, .def = MODE_IRQ_KEYBOARD | MODE_IRQ_AUX),
    STATE_U8(I8042, output, .def = OUTPUT_RESET | OUTPUT_A20 | 0xcc),
    STATE_U8(I8042, data),
    STATE_U8(I8042, command),
    STATE_U8(I8042, from, .max = FROM_CONTROLLER),
    STATE_U8(I8042, broken),
    STATE_BOOL(I8042, waits),
    STATE_TIMER(I8042, next, kbc_byte_time),
    PIN_OUT(I8042, irq_keyboard),
    PIN_OUT(I8042, irq_mouse),
};

const DeviceType device_i8042 = {
    .name = "i8042",
    .doc = "keyboard controller of a PC, with keyboard and mouse",
    .size = sizeof(I8042),
    .regions = kbc_regions,
    .n_regions = ARRAY_SIZE(kbc_regions),
    .fields = TABLE(kbc_fields),
    .ready = kbc_ready,
    .stop = kbc_stop,
    .settle = kbc_settle,
};
