/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reset of a subtree in phases (rules.md 17).
 */
#include "core/core-priv.h"

typedef void ResetHook(Device *dev, ResetType type);

/* Bases' first. Under the device's lock. */
static void reset_hooks(Device *dev, const DeviceType *t, unsigned phase, ResetType type)
{
    ResetHook *const hooks[] = { t->reset_enter, t->reset, t->reset_exit };

    if (t->base) {
        reset_hooks(dev, t->base, phase, type);
    }
    if (hooks[phase]) {
        hooks[phase](dev, type);
    }
}

static void reset_enter(Device *dev, ResetType type)
{
    if (dev->realized) {
        device_enter(dev);
        reset_hooks(dev, dev->type, 0, type);
        device_leave_quiet(dev);
    }
    for (Device *c = dev->first_child; c; c = c->next) {
        reset_enter(c, type);
    }
}

static void reset_hold(Device *dev, ResetType type)
{
    if (dev->realized) {
        device_enter(dev);
        field_reset_all(dev, type);
        reset_hooks(dev, dev->type, 1, type);
        for (unsigned i = 0; i < dev->n_inputs; i++) {
            dev->inputs[i].seen = false;
        }
        device_leave_quiet(dev);
    }
    for (Device *c = dev->first_child; c; c = c->next) {
        reset_hold(c, type);
    }
}

static void reset_exit(Device *dev, ResetType type)
{
    for (Device *c = dev->first_child; c; c = c->next) {
        reset_exit(c, type);
    }
    if (dev->realized) {
        device_enter(dev);
        reset_hooks(dev, dev->type, 2, type);
        device_leave_quiet(dev);
    }
}

void device_settle_tree(Device *top, bool deliver)
{
    Machine *m = top->machine;

    __atomic_add_fetch(&m->no_edges, 1, __ATOMIC_SEQ_CST);
    for (Device *d = top; d; d = device_next(top, d)) {
        if (d->realized) {
            device_settle(d);
        }
    }
    /* Inputs that are high have been forgotten by what was reset. */
    for (Device *d = top; deliver && d; d = device_next(top, d)) {
        for (unsigned i = 0; d->realized && i < d->n_inputs; i++) {
            InputPin *pin = &d->inputs[i];

            if (pin->field->type == TYPE_PIN_DIRECT) {
                pin->field->pin(d, pin->n, pin_level(pin));
            } else {
                pin_deliver(pin, false);
            }
        }
    }
    thread_drain();
    __atomic_sub_fetch(&m->no_edges, 1, __ATOMIC_SEQ_CST);
}

void device_reset(Device *dev, ResetType type)
{
    DCHECK(!thread_held());
    reset_enter(dev, type);
    reset_hold(dev, type);
    reset_exit(dev, type);
    thread_drain();
    device_settle_tree(dev, true);
}

typedef struct ResetLater {
    Device *dev;
    ResetType type;
} ResetLater;

static void reset_later(void *arg)
{
    g_autofree ResetLater *r = arg;

    device_reset(r->dev, r->type);
}

void device_reset_request(Device *dev, ResetType type)
{
    ResetLater r = { dev, type };

    loop_post(dev->machine, reset_later, g_memdup2(&r, sizeof(r)));
}
