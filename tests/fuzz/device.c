/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices as a hostile driver uses them: any type of the list that can be realized by itself, with
 * its registers, configuration space, rings and memory. Input: { type:u8 how:u8 { op:u8 ... } };
 * bit 0 of `how` begins as a driver would (queues of virtio and NVMe that are on), so that chance
 * gets behind the handshake; bit 1 ends with a save and a load, whose states must be the same;
 * the bits above choose what is plugged behind it.
 *
 * FUZZ_DEVICE=NAME in the environment: that type alone.
 */
#include "block/block.h"
#include "core/core-priv.h"
#include "core/device.h"
#include "core/event/loop.h"
#include "core/memory/memory.h"
#include "core/state/state.h"
#include "hw/pci/host.h"
#include "hw/virtio/virtio-pci.h"
#include "net/net.h"
#include "tests/fuzz/device-driver.h"
#include "tests/fuzz/fuzz.h"
#include "ui/console.h"

#include <glib/gstdio.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern const DeviceType *const device_types[];
extern const DeviceType device_gpex, device_pci;

enum { TYPES_MAX = 256, OPS_MAX = 400, LOOPS_MAX = 200, WINDOW_STEP = 1 << 20 };

/* Properties that a type, by the end or beginning of its name, needs, and what is plugged behind
 * it, and behind that; of several rows of a type an input chooses one. */
static const struct {
    const char *type, *props, *child, *child_props, *grandchild;
} device_extras[] = {
    { "nvme", "serial=1,max_ioqpairs=4", "nvme-ns", "nsid=2" },
    { "virtio-scsi-pci", NULL, "scsi-hd", NULL },
    { "virtio-serial-pci", NULL, "virtconsole", NULL },
    { "virtio-serial-device", NULL, "virtserialport", "name=fuzz" },
    { "virtio-net-pci", "mq=on,rss=on,hash=on,host_mtu=1400,speed=100", NULL, NULL },
    { "virtio-9p-pci", "mount_tag=fuzz", NULL, NULL },
    { "virtio-9p-device", "mount_tag=fuzz", NULL, NULL },
    { "qemu-xhci", NULL, "usb-storage", NULL },
    { "qemu-xhci", NULL, "usb-tablet", NULL },
    { "qemu-xhci", NULL, "usb-uas", NULL, "scsi-hd" },
    { "nec-usb-xhci", NULL, "usb-hub", NULL, "usb-kbd" },
    { "nec-usb-xhci", NULL, "usb-bot", NULL, "scsi-cd" },
    { "ehci", NULL, "usb-storage", NULL },
    { "ehci", NULL, "usb-uas", NULL, "scsi-hd" },
    { "ehci", NULL, "usb-bot", NULL, "scsi-cd" },
    { "uhci", NULL, "usb-hub", NULL, "usb-storage" },
    { "uhci", NULL, "usb-storage", NULL },
    { "uhci", NULL, "usb-mouse", NULL },
    { "uhci", NULL, "usb-serial", NULL },
    { "uhci", NULL, "usb-kbd", NULL },
    { "pcie-root-port", "chassis=1,slot=1", "edu", NULL },
    { "pci-bridge", "chassis_nr=1", "edu", "bus=dut" },
    { "pcie-pci-bridge", NULL, "e1000", "bus=dut" },
    { "pcie-pci-bridge", NULL, "piix4-usb-uhci", "bus=dut", "usb-mouse" },
    { "ich9-ahci", NULL, "ide-hd", NULL },
    { "ich9-ahci", NULL, "ide-cd", NULL },
};

/* ---- A machine with one device ---- */

static void *fd_backend(FuzzDevice *d, const char *kind, GError **err)
{
    Options o = { 0 };
    void *b = NULL;

    if (!strcmp(kind, "drive")) {
        g_autofree char *id = g_strdup_printf("d%u", d->n_disks);

        options_add(&o, "driver", "null-co");
        options_add(&o, "size", "1M");
        options_add(&o, "read-zeroes", "on");
        b = block_open_options(d->m, id, &o, BLOCK_OPEN_WRITE, err);
        if (b) {
            d->disk[d->n_disks++] = b;
        }
    } else if (!strcmp(kind, "netdev")) {
        /* What is sent comes back. */
        options_add(&o, "type", "dgram");
        options_add(&o, "local.type", "unix");
        options_add(&o, "local.path", d->socket);
        options_add(&o, "remote.type", "unix");
        options_add(&o, "remote.path", d->socket);
        b = d->net = net_open(d->m, "n0", &o, err);
    }
    if (!strcmp(kind, "chardev") && d->n_chardevs < FUZZ_CHARDEVS) {
        b = d->chardev[d->n_chardevs] = chardev_new(d->m, NULL, "ringbuf,size=4096", err);
        d->n_chardevs += b != NULL;
    } else if (!strcmp(kind, "fsdev")) {
        g_mkdir(d->folder, 0700);
        options_add(&o, "fsdriver", "local");
        options_add(&o, "id", "f0");
        options_add(&o, "path", d->folder);
        options_add(&o, "security_model", "mapped-file");
        b = d->fs = fsdev_open(&o, err);
    }
    options_deinit(&o);
    return b;
}

static bool fd_give_backend(FuzzDevice *d, Device *dev, const char *name, GError **err)
{
    g_autofree char *id = g_strdup_printf("%s%u", name, d->n_disks + d->n_chardevs);
    void *b = fd_backend(d, name, err);

    return b && machine_add_backend(d->m, name, id, b, err) && device_set_prop(dev, name, id, err);
}

/* @type: the device's, or of the function inside. */
static bool fd_give_backends(FuzzDevice *d, Device *dev, const DeviceType *type, GError **err)
{
    for (unsigned i = 0; i < device_type_n_fields(type); i++) {
        const Field *f = device_type_field(type, i);
        bool mine = f->kind == FIELD_PROP && f->type == TYPE_BACKEND &&
                    (!strcmp(f->name, "drive") || !strcmp(f->name, "netdev") ||
                     !strcmp(f->name, "chardev") || !strcmp(f->name, "fsdev"));

        if (mine && d->n_disks < FUZZ_DISKS && !fd_give_backend(d, dev, f->name, err)) {
            return false;
        }
    }
    return !type->inner || fd_give_backends(d, dev, type->inner, err);
}

static bool fd_add(FuzzDevice *d, const DeviceType *type, const char *id, const char *props,
                   Device **out, GError **err)
{
    Device *dev = device_new_type(d->m, type, NULL, id, err);

    if (!dev || (props && !device_set_props(dev, props, err)) ||
        !fd_give_backends(d, dev, type, err) || !device_realize(dev, err)) {
        return false;
    }
    *out = dev;
    return true;
}

static void fd_map_regions(FuzzDevice *d)
{
    GuestPhys at = FUZZ_MMIO;

    for (unsigned i = 0; i < d->dev->n_regions && d->n_windows < FUZZ_WINDOWS; i++) {
        MemRegion *r = d->dev->regions[i];

        if (r && !d->is_pci && !r->parent) {
            device_map(d->dev, i, machine_memory_root(d->m), at);
            d->window[d->n_windows++] = (FuzzWindow){ at, region_size(r) };
            at += bits_align_up(region_size(r), WINDOW_STEP);
        }
    }
}

static bool fd_host(FuzzDevice *d, GError **err)
{
    MemRegion *root = machine_memory_root(d->m);
    Device *host = device_make(d->m, &device_gpex, NULL, "host");
    PciBus *bus = &device_as(host, PciHost)->bus;

    device_set_u64(host, "buses", 4);
    if (!device_realize(host, err) || !gpex_populate(host, err)) {
        return false;
    }
    device_map(host, GPEX_ECAM, root, FUZZ_ECAM);
    region_add(root, region_new_alias(d->m, "pci-mem", bus->mem, FUZZ_PCI, FUZZ_PCI_SIZE), FUZZ_PCI,
               0);
    region_add(root, region_new_alias(d->m, "pci-io", bus->io, 0, 0x10000), FUZZ_IO, 0);
    return true;
}

static const DeviceType *fd_find(const char *name)
{
    for (const DeviceType *const *t = device_types; *t; t++) {
        if (!strcmp((*t)->name, name)) {
            return *t;
        }
    }
    return NULL;
}

static bool fd_is_a(const DeviceType *type, const DeviceType *base)
{
    while (type && type != base) {
        type = type->base;
    }
    return type != NULL;
}

static bool fd_extra_is_of(size_t i, const DeviceType *type)
{
    return !strcmp(type->name, device_extras[i].type) ||
           (strstr(device_extras[i].type, "hci") == device_extras[i].type + 1 &&
            strstr(type->name, device_extras[i].type));
}

/* The one of the rows for @type that @choice says; -1: there is none. */
static int fd_choose(const DeviceType *type, unsigned choice)
{
    int rows[G_N_ELEMENTS(device_extras)];
    unsigned n = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(device_extras); i++) {
        if (fd_extra_is_of(i, type)) {
            rows[n++] = (int)i;
        }
    }
    return n ? rows[choice % n] : -1;
}

/* What does not fit there is left out. */
static bool fd_add_child(FuzzDevice *d, const char *name, const char *id, const char *props)
{
    g_autoptr(GError) ignored = NULL;
    Device *other;

    return name && fd_find(name) && fd_add(d, fd_find(name), id, props, &other, &ignored);
}

static bool fd_build(FuzzDevice *d, const DeviceType *type, unsigned choice, GError **err)
{
    int row = fd_choose(type, choice);
    RamBlock *ram;

    *d = (FuzzDevice){ .m = machine_new(err), .is_pci = fd_is_a(type, &device_pci) };
    snprintf(d->folder, sizeof(d->folder), "/tmp/fuzz-folder-%d", (int)getpid());
    snprintf(d->socket, sizeof(d->socket), "/tmp/fuzz-device-%d", (int)getpid());
    ram = d->m ? ram_new(d->m, "ram", FUZZ_RAM_SIZE, 0, err) : NULL;
    if (!ram) {
        return false;
    }
    clock_set_mode(d->m, CLOCK_MODE_VIRTUAL);
    machine_set_seed(d->m, 1);
    machine_add_types(d->m, device_types);
    region_add(machine_memory_root(d->m), region_new_ram(d->m, "ram", ram, 0, FUZZ_RAM_SIZE),
               FUZZ_RAM, 0);
    if ((d->is_pci && !fd_host(d, err)) ||
        (fd_is_a(type, &device_virtio) &&
         !fd_add(d, &device_virtio_mmio, "bus0", NULL, &d->transport, err)) ||
        !fd_add(d, type, "dut", row < 0 ? NULL : device_extras[row].props, &d->dev, err)) {
        return false;
    }
    if (row >= 0 &&
        fd_add_child(d, device_extras[row].child, "c", device_extras[row].child_props) &&
        device_extras[row].grandchild) {
        bool hub = !strcmp(device_extras[row].child, "usb-hub");

        fd_add_child(d, device_extras[row].grandchild, "g", hub ? "port=1.1" : NULL);
    }
    if (d->transport) {
        device_map(d->transport, 0, machine_memory_root(d->m), FUZZ_MMIO);
        d->window[d->n_windows++] = (FuzzWindow){ FUZZ_MMIO, 0x200 };
    } else {
        fd_map_regions(d);
    }
    return machine_start(d->m, err);
}

/* Requests end; frames arrive. */
static void fd_loop(FuzzDevice *d)
{
    for (unsigned i = 0; i < d->n_disks; i++) {
        block_wait(d->disk[i]);
    }
    for (unsigned i = 0; i < LOOPS_MAX && loop_iterate(d->m, false); i++) {
    }
}

static void fd_free(FuzzDevice *d)
{
    if (!d->m) {
        return;
    }
    fd_loop(d);
    for (unsigned i = 0; i < d->n_chardevs; i++) {
        chardev_close(d->chardev[i]);
    }
    if (d->net) {
        net_close(d->net);
    }
    machine_free(d->m);
    if (d->net) {
        net_free(d->net);
        unlink(d->socket);
    }
    for (unsigned i = 0; i < d->n_disks; i++) {
        block_close(d->disk[i]);
    }
    for (unsigned i = 0; i < d->n_chardevs; i++) {
        chardev_free(d->chardev[i]);
    }
    if (d->fs) {
        fsdev_free(d->fs);
    }
}

/* ---- What the driver does ---- */

static void fd_access(FuzzDevice *d, FuzzIn *in, bool store)
{
    const FuzzWindow *w = d->n_windows ? &d->window[fuzz_u8(in) % d->n_windows] : NULL;
    unsigned size = 1u << (fuzz_u8(in) % 4);
    uint64_t off = fuzz_u16(in), val;

    if (!w || !w->size) {
        return;
    }
    off = (off % w->size) & ~(uint64_t)(size - 1);
    if (store) {
        val = fuzz_u32(in);
        val |= size == 8 ? (uint64_t)fuzz_u32(in) << 32 : 0;
        fuzz_store(d, w->at + off, size, val);
    } else {
        fuzz_load(d, w->at + off, size);
    }
}

static void fd_memory(FuzzDevice *d, FuzzIn *in)
{
    GuestPhys at = FUZZ_RAM + (fuzz_u16(in) * 16ull) % FUZZ_RAM_SIZE;
    size_t len;
    const uint8_t *p = fuzz_bytes(in, fuzz_u8(in), &len);

    aspace_write(machine_memory(d->m), at, p, min_u64(len, FUZZ_RAM + FUZZ_RAM_SIZE - at),
                 (MemAttrs){ 0 });
}

static void fd_config(FuzzDevice *d, FuzzIn *in)
{
    unsigned size = 1u << (fuzz_u8(in) % 3), off = fuzz_u16(in) & 0xfff & ~(size - 1);

    fuzz_store(d, FUZZ_CONFIG + off, size, fuzz_u32(in));
    fuzz_find_bars(d);
}

/* Somebody looks at its displays. */
static void fd_look(FuzzDevice *d)
{
    Console *c;

    for (unsigned i = 0; (c = console_get(d->m, i)) != NULL; i++) {
        console_refresh(c);
    }
}

static void fd_op(FuzzDevice *d, FuzzIn *in)
{
    switch (fuzz_u8(in) % 12) {
    case 0:
    case 1:
    case 2:
        fd_access(d, in, true);
        break;
    case 3:
        fd_access(d, in, false);
        break;
    case 4:
        fd_memory(d, in);
        break;
    case 5:
        if (d->is_pci) {
            fd_config(d, in);
        }
        break;
    case 6:
        clock_advance_ns(d->m, (int64_t)fuzz_u16(in) << (fuzz_u8(in) % 24));
        break;
    case 7:
        if (!(fuzz_u8(in) % 8)) {
            machine_reset(d->m, RESET_WARM, CAUSE_NONE);
        } else {
            fd_look(d);
        }
        break;
    default:
        fuzz_drive(d, in);
        break;
    }
    fd_loop(d);
}

/* The state, loaded into a fresh machine, is the state. */
static void fd_reload(FuzzDevice *d, const DeviceType *type, unsigned choice)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    g_autoptr(GError) err = NULL;
    g_autofree char *before = NULL, *after = NULL;
    FuzzDevice e;

    if (d->net || d->fs) { /* its name is taken */
        return;
    }
    if (!machine_save_bytes(d->m, bytes, &err)) {
        g_critical("%s does not save: %s", type->name, err->message);
        return;
    }
    before = machine_state_text(d->m);
    if (!fd_build(&e, type, choice, &err) ||
        !machine_load_bytes(e.m, bytes->data, bytes->len, &err)) {
        g_critical("%s does not load: %s", type->name, err->message);
    }
    after = machine_state_text(e.m);
    if (strcmp(before, after)) {
        g_critical("%s loads as another state:\n%s---\n%s", type->name, before, after);
    }
    fd_free(&e);
}

/* ---- Inputs ---- */

/* Types that can be made by themselves. */
static unsigned fd_types(const DeviceType **out)
{
    const char *only = getenv("FUZZ_DEVICE");
    unsigned n = 0;

    for (const DeviceType *const *t = device_types; *t && n < TYPES_MAX; t++) {
        g_autoptr(GError) err = NULL;
        FuzzDevice d;

        if ((only && strcmp((*t)->name, only)) || *t == &device_gpex || !(*t)->size) {
            continue;
        }
        if (fd_build(&d, *t, 0, &err)) {
            out[n++] = *t;
        }
        fd_free(&d);
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const DeviceType *types[TYPES_MAX];
    static unsigned n_types;
    g_autoptr(GError) err = NULL;
    FuzzIn in = { data, size };
    const DeviceType *type;
    FuzzDevice d;
    uint8_t how;

    (void)fuzz_loop(); /* sets what is done with messages */
    n_types = n_types ? n_types : fd_types(types);
    if (!n_types) {
        return 0;
    }
    type = types[fuzz_u8(&in) % n_types];
    how = fuzz_u8(&in);
    if (!fd_build(&d, type, how >> 2, &err)) {
        fd_free(&d);
        return 0;
    }
    machine_reset(d.m, RESET_COLD, CAUSE_NONE);
    if (d.is_pci) {
        fuzz_enable_pci(&d);
    }
    if (how & 1) {
        fuzz_begin(&d, &in);
    }
    for (unsigned i = 0; in.len && i < OPS_MAX; i++) {
        fd_op(&d, &in);
    }
    if (how & 2) {
        fd_reload(&d, type, how >> 2);
    }
    fd_free(&d);
    return 0;
}
