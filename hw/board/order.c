/* SPDX-License-Identifier: Apache-2.0 */
/* Spec: IEEE 1275 (node names), its bindings to PCI; the paths that EDK2's QemuBootOrderLib and
 * SeaBIOS know. */
#include "hw/board/order.h"

#include "hw/misc/fw_cfg.h"
#include "hw/pci/pci.h"
#include "hw/usb/usb.h"

typedef struct BootEntry {
    uint32_t index;
    Device *dev;      /* NULL: */
    const char *path; /* of an extra */
} BootEntry;

static int order_compare(const void *a, const void *b)
{
    const BootEntry *x = a, *y = b;

    return (x->index > y->index) - (x->index < y->index);
}

/* By class; without a name, by vendor and device. */
static void order_pci_node(const BootOrder *o, GString *path, PciDevice *p)
{
    static const struct {
        uint16_t class_code;
        const char *name;
    } names[] = {
        { 0x0100, "scsi" }, { 0x0200, "ethernet" }, { 0x0604, "pci-bridge" }, { 0x0c03, "usb" }
    };
    uint32_t id = pci_get32(p, PCI_VENDOR_ID);
    unsigned class_code = pci_get16(p, PCI_CLASS_DEVICE);
    const char *name = NULL;

    if (p->bus->bridge) {
        order_pci_node(o, path, p->bus->bridge);
    } else {
        g_string_append(path, o->pci_root);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        name = names[i].class_code == class_code ? names[i].name : name;
    }
    if (name) {
        g_string_append_printf(path, "/%s@%x", name, pci_slot(p->devfn));
    } else {
        g_string_append_printf(path, "/pci%04x,%04x@%x", id & 0xffff, id >> 16, pci_slot(p->devfn));
    }
    if (pci_function(p->devfn)) {
        g_string_append_printf(path, ",%x", pci_function(p->devfn));
    }
}

/* False: it is nowhere that firmware would find. */
static bool order_place(const BootOrder *o, GString *path, Device *on)
{
    for (; on; on = on->parent) {
        if (device_is_a(on, &device_usb)) {
            UsbDevice *u = device_as(on, UsbDevice);
            g_autofree char *below = usb_boot_path(u);
            bool found = u->port && order_place(o, path, u->port->bus->owner);

            g_string_append(path, found ? below : "");
            return found;
        }
        if (device_is_a(on, &device_pci)) {
            order_pci_node(o, path, pci_of(on));
            return true;
        }
        if (o->place && o->place(o->opaque, on, path)) {
            return true;
        }
    }
    return false;
}

static bool order_add(GArray *list, const BootEntry *e, GError **err)
{
    for (unsigned i = 0; i < list->len; i++) {
        const BootEntry *other = &g_array_index(list, BootEntry, i);

        if (other->index == e->index) {
            return error_set(err, "%s: bootindex=%u is taken by %s",
                             e->dev ? device_path(e->dev) : e->path, e->index,
                             other->dev ? device_path(other->dev) : other->path);
        }
    }
    g_array_append_val(list, *e);
    return true;
}

static bool order_collect(const BootOrder *o, GArray *list, GError **err)
{
    Device *top = o->container;

    for (unsigned i = 0; i < o->n_extras; i++) {
        BootEntry e = { o->extras[i].index, NULL, o->extras[i].path };

        if (!order_add(list, &e, err)) {
            return false;
        }
    }
    for (Device *dev = device_next(top, top); dev; dev = device_next(top, dev)) {
        g_autofree char *text =
            dev->type->boot_node ? device_get_prop(dev, "bootindex", err) : NULL;
        BootEntry e = { text ? (uint32_t)g_ascii_strtoull(text, NULL, 0) : UINT32_MAX, dev, NULL };

        if (e.index != UINT32_MAX && !order_add(list, &e, err)) {
            return false;
        }
    }
    g_array_sort(list, order_compare);
    return true;
}

bool board_boot_order(const BootOrder *o, Device *fw_cfg, GError **err)
{
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(BootEntry));
    g_autoptr(GString) lines = g_string_new(NULL);

    if (!order_collect(o, list, err)) {
        return false;
    }
    for (unsigned i = 0; i < list->len; i++) {
        const BootEntry *e = &g_array_index(list, BootEntry, i);
        Device *on = NULL;
        g_autofree char *node = e->dev ? e->dev->type->boot_node(e->dev, &on) : NULL;
        g_autoptr(GString) path = g_string_new(e->path);

        if (e->path || order_place(o, path, on)) {
            g_string_append_printf(lines, "%s%s%s%s", lines->len ? "\n" : "", path->str,
                                   node ? "/" : "", node ? node : "");
        }
    }
    if (o->strict) {
        g_string_append_printf(lines, "%sHALT", lines->len ? "\n" : "");
    }
    /* its end counts */
    return fw_cfg_add_file(fw_cfg, "bootorder", lines->str, lines->len ? lines->len + 1 : 0, err);
}
