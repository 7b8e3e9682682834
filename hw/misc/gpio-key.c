/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A push button on a GPIO line: pressed by an edge, held as long as a finger would, so that
 * drivers that wait for the line to settle see it.
 */
#include "core/device.h"

#define HOLD_NS 100000000 /* drivers look again after 5 to 50 ms */

typedef struct GpioKey {
    Device dev;
    uint8_t pressed;
    Timer release;
    Irq out;
} GpioKey;

static void gpio_key_press(Device *dev, unsigned n, bool level)
{
    GpioKey *s = device_as(dev, GpioKey);

    s->pressed = 1;
    timer_arm_in(&s->release, HOLD_NS);
}

static void gpio_key_release(Device *dev)
{
    device_as(dev, GpioKey)->pressed = 0;
}

static void gpio_key_settle(Device *dev)
{
    GpioKey *s = device_as(dev, GpioKey);

    irq_set(&s->out, s->pressed);
}

static const Field gpio_key_fields[] = {
    STATE_U8(GpioKey, pressed, .max = 1),
    STATE_TIMER(GpioKey, release, gpio_key_release),
    PIN_IN_EDGE("press", gpio_key_press, .count = 1, .doc = "somebody presses it"),
    PIN_OUT(GpioKey, out),
};

const DeviceType device_gpio_key = {
    .name = "gpio-key",
    .doc = "push button on a GPIO line",
    .size = sizeof(GpioKey),
    .fields = TABLE(gpio_key_fields),
    .settle = gpio_key_settle,
};
