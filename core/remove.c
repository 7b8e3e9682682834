/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that go while the machine is there (rules.md 15): vCPUs stand still, what is under way
 * ends, nobody reaches the device any more, and only then is it freed.
 */
#include "core/core-priv.h"

void device_stop_tree(Device *dev)
{
    for (Device *c = dev->first_child; c; c = c->next) {
        device_stop_tree(c);
    }
    for (const DeviceType *t = dev->type; dev->started && t; t = t->base) {
        if (t->stop) {
            t->stop(dev);
        }
    }
    for (const DeviceType *t = dev->type; !dev->started && t; t = t->base) {
        if (t->abandon) {
            t->abandon(dev);
        }
    }
    dev->started = false;
}

static void remove_from_map(Device *dev)
{
    Machine *m = dev->machine;

    for (unsigned i = 0; i < dev->n_regions; i++) {
        MemRegion *r = dev->regions[i];

        if (r) {
            region_remove(r);
            g_rec_mutex_lock(&m->map_lock);
            g_ptr_array_remove(m->regions, r);
            g_rec_mutex_unlock(&m->map_lock);
            epoch_retire(m, r, (void (*)(void *))(void (*)(void))region_free);
            dev->regions[i] = NULL;
        }
    }
}

static void remove_unlink(Device *dev)
{
    Device *up = dev->parent, *before = NULL;

    for (Device *c = up->first_child; c != dev; c = c->next) {
        before = c;
    }
    *(before ? &before->next : &up->first_child) = dev->next;
    if (up->last_child == dev) {
        up->last_child = before;
    }
    dev->next = NULL;
}

static void remove_one(Device *dev, bool tell);

/* Devices on the bus of @dev, or of one of its parts, go before it. */
static void remove_riders(Device *top, bool tell)
{
    Machine *m = top->machine;

    for (Device *d = m->root; d;) {
        bool rides = false;

        for (Device *on = d->on; on && d != top && !rides; on = on->parent) {
            rides = on == top;
        }
        if (rides) {
            remove_one(d, tell);
            d = m->root; /* the tree is another one now */
        } else {
            d = device_next(m->root, d);
        }
    }
}

/* CPUs stand still, and have left nothing behind that is still to be done. */
static void remove_stop_cpus(Machine *m)
{
    m->removing++;
    do {
        cpu_stop_all(m);
        loop_run_posted(m); /* it may be a reset, after which they run */
    } while (loop_has_posted(m));
    cpu_stop_all(m);
}

static void remove_let_cpus_go(Machine *m)
{
    if (!--m->removing && machine_is_running(m)) {
        cpu_go_all(m);
    }
}

/* QMP's event, of what has an id also with that; the function behind a transport first. */
static void remove_tell(Machine *m, const char *id, bool named, bool inner)
{
    g_autofree char *path = g_strdup_printf("/machine/peripheral%s/%s", named ? "" : "-anon", id);
    g_autofree char *of_inner =
        g_strdup_printf("DEVICE_DELETED {\"path\": \"%s/virtio-backend\"}", path);
    g_autofree char *member = named ? g_strdup_printf("\"device\": \"%s\", ", id) : g_strdup("");
    g_autofree char *text = g_strdup_printf("DEVICE_DELETED {%s\"path\": \"%s\"}", member, path);

    if (inner) {
        machine_post_event(m, EVENT_DEVICE, of_inner);
    }
    machine_post_event(m, EVENT_DEVICE, text);
}

static void remove_one(Device *dev, bool tell)
{
    Machine *m = dev->machine;
    g_autofree char *id = g_strdup(dev->id);
    bool named = dev->named, inner = dev->type->inner != NULL;

    remove_riders(dev, tell);
    device_stop_tree(dev);
    map_change_begin(m);
    for (Device *d = dev; d; d = device_next(dev, d)) {
        pin_disconnect_all(d);
        doorbell_drop(d);
        remove_from_map(d);
    }
    map_change_end(m);
    remove_unlink(dev);
    thread_drain();
    epoch_wait(m);
    device_free_tree(dev);
    if (tell) {
        remove_tell(m, id, named, inner);
    }
}

void device_delete(Device *dev, bool tell)
{
    Machine *m = dev->machine;

    CHECK(dev->parent && !cpu_current());
    DCHECK(!thread_held());
    if (m->started) {
        remove_stop_cpus(m);
    }
    remove_one(dev, tell);
    if (m->started) {
        remove_let_cpus_go(m);
    }
}

bool device_can_unplug(const DeviceType *type)
{
    while (type && !type->unplug) {
        type = type->base;
    }
    return type != NULL;
}

bool device_unplug(Device *dev, GError **err)
{
    for (const DeviceType *t = dev->type; t; t = t->base) {
        if (t->unplug) {
            return t->unplug(dev, err);
        }
    }
    return error_set(err, "Device '%s' does not support hotplugging", dev->type->name);
}
