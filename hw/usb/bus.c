/* SPDX-License-Identifier: Apache-2.0 */
/* Buses and ports. */
#include "hw/usb/usb.h"

#include <stdlib.h>

static const char usb_bus_kind[] = "usb-bus";

static void usb_port_free(void *p)
{
    UsbPort *port = p;

    if (port->dev) {
        port->dev->port = NULL;
    }
    g_free(port->path);
    g_free(port);
}

bool usb_bus_init(UsbBus *b, Device *owner, const UsbBusOps *ops, GError **err)
{
    b->owner = owner;
    b->ops = ops;
    b->name = g_strdup_printf("%s.0", owner->id);
    b->ports = g_ptr_array_new_with_free_func(usb_port_free);
    if (machine_add_backend(owner->machine, usb_bus_kind, b->name, b, err)) {
        return true;
    }
    usb_bus_deinit(b);
    return false;
}

void usb_bus_deinit(UsbBus *b)
{
    if (b->name && machine_find_backend(b->owner->machine, usb_bus_kind, b->name) == b) {
        machine_remove_backend(b->owner->machine, usb_bus_kind, b->name);
    }
    g_clear_pointer(&b->ports, g_ptr_array_unref);
    g_clear_pointer(&b->name, g_free);
}

UsbPort *usb_bus_add_port(UsbBus *b, UsbDevice *hub, unsigned number, unsigned speeds)
{
    UsbPort *p = g_new0(UsbPort, 1);

    p->bus = b;
    p->hub = hub;
    p->number = (uint8_t)number;
    p->speeds = (uint8_t)speeds;
    p->path =
        hub ? g_strdup_printf("%s.%u", hub->port->path, number) : g_strdup_printf("%u", number);
    g_ptr_array_add(b->ports, p);
    return p;
}

void usb_bus_remove_ports(UsbBus *b, UsbDevice *hub)
{
    for (unsigned i = b->ports->len; i--;) {
        if (((UsbPort *)g_ptr_array_index(b->ports, i))->hub == hub) {
            g_ptr_array_remove_index(b->ports, i);
        }
    }
}

/* The controllers' buses in the order of the tree. */
static UsbBus *usb_bus_nth(Machine *m, unsigned n)
{
    for (Device *d = machine_root(m); d; d = device_next(machine_root(m), d)) {
        g_autofree char *name = g_strdup_printf("%s.0", d->id ? d->id : "");
        UsbBus *b = machine_find_backend(m, usb_bus_kind, name);

        if (b && b->owner == d && !n--) {
            return b;
        }
    }
    return NULL;
}

UsbBus *usb_bus_find(Machine *m, const char *name)
{
    UsbBus *b = name ? machine_find_backend(m, usb_bus_kind, name) : usb_bus_nth(m, 0);
    char *end;

    if (!b && name && g_str_has_prefix(name, "usb-bus.")) {
        gulong n = strtoul(name + strlen("usb-bus."), &end, 10);

        b = *end || n > UINT32_MAX ? NULL : usb_bus_nth(m, (unsigned)n);
    }
    return b;
}

static UsbPort *usb_port_find(UsbBus *b, const UsbDevice *hub, unsigned number)
{
    for (unsigned i = 0; i < b->ports->len; i++) {
        UsbPort *p = g_ptr_array_index(b->ports, i);

        if (p->hub == hub && p->number == number) {
            return p;
        }
    }
    return NULL;
}

UsbDevice *usb_bus_at(UsbBus *b, unsigned number, uint32_t route)
{
    UsbPort *p = usb_port_find(b, NULL, number);

    for (unsigned i = 0; p && p->dev && i < USB_DEPTH_MAX && route; i++, route >>= 4) {
        p = usb_type(p->dev)->port_changed ? usb_port_find(b, p->dev, route & 15) : NULL;
    }
    return p ? p->dev : NULL;
}

NO_LOCK_ANALYSIS bool usb_enter(UsbDevice *u)
{
    if (!u->port) {
        return false;
    }
    if (!u->port->bus->draining) {
        device_enter(u->port->bus->owner);
    }
    return true;
}

NO_LOCK_ANALYSIS void usb_leave(UsbDevice *u)
{
    if (!u->port->bus->draining) {
        device_leave(u->port->bus->owner);
    }
}

void usb_wakeup(UsbDevice *u, uint8_t address)
{
    if (u->port) {
        u->port->bus->ops->wakeup(u->port->bus, u, address);
    }
}

void usb_drain(UsbBus *b)
{
    b->draining = true;
    for (unsigned i = 0; i < b->ports->len; i++) {
        UsbDevice *u = ((UsbPort *)g_ptr_array_index(b->ports, i))->dev;

        if (u && usb_type(u)->drain) {
            usb_type(u)->drain(u);
        }
    }
    b->draining = false;
}

NO_LOCK_ANALYSIS void usb_info_text(Machine *m, GString *text)
{
    static const char *const speeds[USB_SPEEDS] = { "1.5", "12", "480", "5000" };
    UsbBus *b;

    if (!usb_bus_nth(m, 0)) {
        g_string_append(text, "USB support not enabled\n");
    }
    for (unsigned n = 0; (b = usb_bus_nth(m, n)) != NULL; n++) {
        device_enter(b->owner);
        for (unsigned i = 0; i < b->ports->len; i++) {
            UsbPort *p = g_ptr_array_index(b->ports, i);

            if (p->dev) {
                g_string_append_printf(
                    text, "  Device %u.%u, Port %s, Speed %s Mb/s, Product %s, ID: %s\n", n,
                    p->dev->address, p->path, speeds[p->dev->speed], usb_product(p->dev),
                    p->dev->dev.id);
            }
        }
        device_leave(b->owner);
    }
}
