/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pins: outputs store their level and put the inputs behind them on the work list.
 */
#include "core/core-priv.h"
#include "util/suggest.h"

enum { MAX_PINS = 1 << 16 };

static unsigned pin_count(const Device *dev, const Field *f)
{
    return field_count(dev, f);
}

static void pin_make_outputs(Device *dev, const Field *f)
{
    unsigned n = pin_count(dev, f);

    if (f->n_at) {
        *(void **)((uint8_t *)dev + f->at) = device_alloc(dev, (n ? n : 1) * sizeof(Irq));
    }
    for (unsigned i = 0; i < n; i++) {
        Irq *irq = field_element(dev, f, i);

        *irq = (Irq){ .dev = dev };
    }
}

bool pin_make_all(Device *dev, GError **err)
{
    unsigned at = 0;

    for (unsigned i = 0; i < dev->index->n_fields; i++) {
        const Field *f = dev->index->fields[i];

        if (f->kind != FIELD_PIN_IN && f->kind != FIELD_PIN_OUT) {
            continue;
        }
        if (pin_count(dev, f) > MAX_PINS) {
            return error_set(err, "%u pins '%s' are too many", pin_count(dev, f), f->name);
        }
        if (f->kind == FIELD_PIN_IN) {
            dev->n_inputs += pin_count(dev, f);
        } else {
            pin_make_outputs(dev, f);
        }
    }
    dev->inputs = g_new0(InputPin, dev->n_inputs);
    for (unsigned i = 0; i < dev->index->n_fields; i++) {
        const Field *f = dev->index->fields[i];

        for (unsigned n = 0; f->kind == FIELD_PIN_IN && n < pin_count(dev, f); n++) {
            dev->inputs[at++] = (InputPin){ .dev = dev, .field = f, .n = n };
        }
    }
    return true;
}

void pin_free_all(Device *dev)
{
    for (unsigned i = 0; dev->realized && i < dev->index->n_fields; i++) {
        const Field *f = dev->index->fields[i];

        for (unsigned n = 0; f->kind == FIELD_PIN_OUT && n < pin_count(dev, f); n++) {
            Irq *irq = field_element(dev, f, n);

            while (irq->links) {
                IrqLink *l = irq->links;

                irq->links = l->next;
                g_free(l);
            }
        }
    }
    g_free(dev->inputs);
}

/* Links of @dev's outputs that lead to a pin of @to, or (NULL) anywhere. */
static void pin_unlink(Device *dev, const Device *to)
{
    for (unsigned i = 0; dev->realized && i < dev->index->n_fields; i++) {
        const Field *f = dev->index->fields[i];

        for (unsigned n = 0; f->kind == FIELD_PIN_OUT && n < pin_count(dev, f); n++) {
            Irq *irq = field_element(dev, f, n);

            for (IrqLink **at = &irq->links; *at;) {
                IrqLink *l = *at;

                if (to && l->pin->dev != to) {
                    at = &l->next;
                } else {
                    *at = l->next;
                    g_free(l);
                }
            }
        }
    }
}

void pin_disconnect_all(Device *dev)
{
    for (unsigned i = 0; dev->realized && i < dev->index->n_fields; i++) {
        const Field *f = dev->index->fields[i];

        for (unsigned n = 0; f->kind == FIELD_PIN_OUT && n < pin_count(dev, f); n++) {
            irq_set(field_element(dev, f, n), false);
        }
    }
    pin_unlink(dev, NULL);
    for (Device *d = dev->n_inputs ? dev->machine->root : NULL; d;
         d = device_next(dev->machine->root, d)) {
        pin_unlink(d, dev);
    }
}

InputPin *pin_find_input(Device *dev, const char *name, unsigned n)
{
    unsigned i = 0;

    while (i < dev->n_inputs) { /* those of a field lie together, in order */
        unsigned count = pin_count(dev, dev->inputs[i].field);

        if (type_same_name(dev->inputs[i].field->name, name)) {
            return n < count ? &dev->inputs[i + n] : NULL;
        }
        i += count ? count : 1;
    }
    return NULL;
}

void pin_drive(InputPin *pin, bool high)
{
    PinState was = pin_state(pin), now;

    do {
        now = was;
        now.drivers += high ? 1 : -1;
        now.rises += high && was.drivers == 0;
    } while (!__atomic_compare_exchange_n(&pin->state, &was.bits, now.bits, true, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
}

void pin_restart(InputPin *pin)
{
    PinState s = { .drivers = pin->outside, .rises = pin->outside };

    __atomic_store_n(&pin->state, s.bits, __ATOMIC_SEQ_CST);
}

/* Under the device's lock: it hears @level. */
static void pin_tell(InputPin *pin, bool level)
{
    Device *dev = pin->dev;
    bool edge = pin->field->type == TYPE_PIN_EDGE;

    trace(dev, "pin", "%s[%u] %d", pin->field->name, pin->n, level);
    pin->seen = level;
    if (!edge || (level && !__atomic_load_n(&dev->machine->no_edges, __ATOMIC_SEQ_CST))) {
        pin->field->pin(dev, pin->n, level);
    }
}

/*
 * Whoever drives the pin may be faster than the work lists of two threads. A level that is high as
 * before, but has fallen since, is told as low and, when that has had its effect, as high: or an
 * edge would be lost.
 */
static bool pin_has_fallen(const InputPin *pin)
{
    PinState now = pin_state(pin);

    return pin->seen && now.drivers > 0 && now.rises != pin->rises &&
           !__atomic_load_n(&pin->dev->machine->no_edges, __ATOMIC_SEQ_CST);
}

/* Tell the device of the pin's level if it does not know it. Takes the device's lock. */
void pin_deliver(InputPin *pin, bool pulse)
{
    Device *dev = pin->dev;
    PinState now;

    device_enter(dev);
    if (pin_has_fallen(pin)) {
        pin_tell(pin, false);
        device_leave(dev);
        device_enter(dev);
    }
    now = pin_state(pin);
    pin->rises = now.rises;
    if (pulse && now.drivers <= 0) {
        trace(dev, "pin", "%s[%u] pulse", pin->field->name, pin->n);
        pin->field->pin(dev, pin->n, true);
        if (pin->field->type != TYPE_PIN_EDGE) {
            pin->field->pin(dev, pin->n, false);
        }
    } else if ((now.drivers > 0) != pin->seen) {
        pin_tell(pin, now.drivers > 0);
    }
    device_leave(dev);
}

/* Two setters may race: whoever comes last has seen the last level. */
static void pin_deliver_direct(InputPin *pin)
{
    bool level;

    do {
        level = pin_level(pin);
        pin->field->pin(pin->dev, pin->n, level);
    } while (level != pin_level(pin));
}

static void pin_notify(InputPin *pin, bool pulse)
{
    Work w = { pulse ? WORK_PULSE : WORK_PIN, .pin = pin };

    if (pin->field->type == TYPE_PIN_DIRECT) {
        if (pulse && !pin_level(pin)) {
            pin->field->pin(pin->dev, pin->n, true);
        }
        pin_deliver_direct(pin);
    } else {
        thread_post_work(&w);
    }
}

void irq_set(Irq *irq, bool level)
{
    if (__atomic_exchange_n(&irq->level, level, __ATOMIC_SEQ_CST) == level) {
        return;
    }
    if (irq->dev && log_on(machine_log(irq->dev->machine), LOG_TRACE)) {
        device_trace(irq->dev, "irq_set", "%d", level);
    }
    for (const IrqLink *l = irq->links; l; l = l->next) {
        pin_drive(l->pin, level);
        pin_notify(l->pin, false);
    }
}

void irq_pulse(Irq *irq)
{
    for (const IrqLink *l = irq->links; l; l = l->next) {
        pin_notify(l->pin, true);
    }
}

bool irq_is_connected(const Irq *irq)
{
    return irq->links != NULL;
}

Irq *device_output(Device *dev, const char *out, unsigned n)
{
    for (unsigned i = 0; dev->realized && i < dev->index->n_fields; i++) {
        const Field *f = dev->index->fields[i];

        if (f->kind == FIELD_PIN_OUT && type_same_name(f->name, out) && n < pin_count(dev, f)) {
            return field_element(dev, f, n);
        }
    }
    return NULL;
}

static bool pin_unknown(Device *dev, unsigned kind, const char *what, const char *name, unsigned n,
                        GError **err)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree char *near = NULL;

    for (unsigned i = 0; i < dev->index->n_fields; i++) {
        const Field *f = dev->index->fields[i];

        if (f->kind == kind && type_same_name(f->name, name)) {
            return error_set(err, "%s has %u %ss '%s': there is no number %u", device_path(dev),
                             dev->realized ? pin_count(dev, f) : 0, what, name, n);
        }
        if (f->kind == kind) {
            g_ptr_array_add(names, (void *)f->name);
        }
    }
    near = suggest_or_list(name, (const char *const *)names->pdata, names->len, 8);
    return error_set(err, "%s has no %s '%s'%s", device_path(dev), what, name, near);
}

bool irq_try_connect(Device *dev, const char *out, unsigned n, Device *to, const char *in,
                     unsigned m, GError **err)
{
    Irq *irq = device_output(dev, out, n);
    InputPin *pin = pin_find_input(to, in, m);
    IrqLink *l;

    if (!irq) {
        return pin_unknown(dev, FIELD_PIN_OUT, "output", out, n, err);
    }
    if (!pin) {
        return pin_unknown(to, FIELD_PIN_IN, "input", in, m, err);
    }
    l = g_new0(IrqLink, 1);
    l->pin = pin;
    l->next = irq->links;
    irq->links = l;
    if (irq_is_high(irq)) {
        pin_drive(pin, true);
        pin_notify(pin, false);
    }
    return true;
}

void irq_connect(Device *dev, const char *out, unsigned n, Device *to, const char *in, unsigned m)
{
    g_autoptr(GError) err = NULL;

    if (!irq_try_connect(dev, out, n, to, in, m, &err)) {
        check_failed(err->message, __FILE__, __LINE__);
    }
}

void device_set_input(Device *dev, const char *in, unsigned n, bool level)
{
    InputPin *pin = pin_find_input(dev, in, n);

    CHECK(pin);
    if (pin->outside != level) {
        pin->outside = level;
        pin_drive(pin, level);
        pin_notify(pin, false);
    }
}

bool device_input_level(Device *dev, const char *in, unsigned n)
{
    InputPin *pin = pin_find_input(dev, in, n);

    return pin && pin_level(pin);
}
