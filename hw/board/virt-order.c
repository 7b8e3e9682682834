/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which firmware tries devices: fw_cfg's file `bootorder`, a path as of Open Firmware
 * a line.
 * Spec: IEEE 1275 (node names), its bindings to PCI; the paths that EDK2's QemuBootOrderLib knows.
 */
#include "hw/board/virt-priv.h"

#include "hw/misc/fw_cfg.h"
#include "hw/pci/pci.h"

#include <inttypes.h>

typedef struct BootEntry {
    uint32_t index;
    Device *dev;
} BootEntry;

static int order_compare(const void *a, const void *b)
{
    const BootEntry *x = a, *y = b;

    return (x->index > y->index) - (x->index < y->index);
}

/* By class; without a name, by vendor and device. */
static void order_pci_node(GString *path, PciDevice *p)
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
        order_pci_node(path, p->bus->bridge);
    } else {
        g_string_append_printf(path, "/pci@%" PRIx64, UINT64_MAX);
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
static bool order_place(VirtBoard *b, GString *path, Device *on)
{
    const VirtMap *map = &virt_map[VIRT_VIRTIO];

    for (; on; on = on->parent) {
        if (device_is_a(on, &device_pci)) {
            order_pci_node(path, pci_of(on));
            return true;
        }
        for (unsigned i = 0; i < VIRT_N_VIRTIO; i++) {
            if (b->virtio[i] == on) {
                g_string_append_printf(path, "/virtio-mmio@%016" PRIx64, map->base + i * map->size);
                return true;
            }
        }
    }
    return false;
}

static bool order_collect(VirtBoard *b, GArray *list, GError **err)
{
    for (Device *dev = device_next(b->device, b->device); dev; dev = device_next(b->device, dev)) {
        g_autofree char *text =
            dev->type->boot_node ? device_get_prop(dev, "bootindex", err) : NULL;
        BootEntry e = { text ? (uint32_t)g_ascii_strtoull(text, NULL, 0) : UINT32_MAX, dev };

        for (unsigned i = 0; e.index != UINT32_MAX && i < list->len; i++) {
            if (g_array_index(list, BootEntry, i).index == e.index) {
                return error_set(err, "%s: bootindex=%u is taken by %s", device_path(dev), e.index,
                                 device_path(g_array_index(list, BootEntry, i).dev));
            }
        }
        if (e.index != UINT32_MAX) {
            g_array_append_val(list, e);
        }
    }
    g_array_sort(list, order_compare);
    return true;
}

bool virt_boot_order(VirtBoard *b, GError **err)
{
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(BootEntry));
    g_autoptr(GString) lines = g_string_new(NULL);

    if (!order_collect(b, list, err)) {
        return false;
    }
    for (unsigned i = 0; i < list->len; i++) {
        Device *dev = g_array_index(list, BootEntry, i).dev, *on = NULL;
        g_autofree char *node = dev->type->boot_node(dev, &on);
        g_autoptr(GString) path = g_string_new(NULL);

        if (order_place(b, path, on)) {
            g_string_append_printf(lines, "%s%s/%s", lines->len ? "\n" : "", path->str, node);
        }
    }
    /* its end counts */
    return fw_cfg_add_file(b->fw_cfg, "bootorder", lines->str, lines->len ? lines->len + 1 : 0,
                           err);
}
