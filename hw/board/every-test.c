/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every type that -device can make, on what it sits on, with the backends that it cannot do
 * without: saved, loaded into another machine and run on there (which the bench does after each
 * step), reset, and saved and loaded again.
 */
#include "block/block.h"
#include "chardev/chardev.h"
#include "fsdev/fsdev.h"
#include "hw/board/board.h"
#include "hw/pci/bench.h"
#include "hw/scsi/scsi.h"
#include "hw/usb/usb.h"
#include "hw/virtio/virtio.h"
#include "net/net.h"
#include "tests/unit.h"

#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/mman.h>
#include <unistd.h>

enum { BACKENDS = 64, TYPES_LEAST = 75 };

/* What a type needs beside its bus and its backends. */
static const struct {
    const char *type, *props, *on, *on_props;
} every_needs[] = {
    { "nvme", "serial=1" },
    { "nvme-ns", NULL, "nvme", "serial=1" },
    { "virtconsole", NULL, "virtio-serial-pci" },
    { "virtserialport", "name=org.test", "virtio-serial-pci" },
    { "ide-hd", NULL, "ich9-ahci" },
    { "ide-cd", NULL, "ich9-ahci" },
    { "pcie-root-port", "chassis=1" },
    { "pci-bridge", "chassis_nr=1" },
    { "ramfb", NULL, "fw_cfg_mem" },
    { "loader", "addr=0x40000000,data=1,data-len=4" },
};

/* Those that are on ISA's ports. */
static const char *const every_isa[] = { "isa-debugcon", "isa-debug-exit", "isa-serial", "isa-ide",
                                         "isa-parallel", "isa-vga",        "pvpanic" };

typedef struct Host {
    int disk;
    char *folder;
    BlockBackend *disks[BACKENDS];
    Chardev *chardevs[BACKENDS];
    FsDev *folders[BACKENDS];
    NetBackend *nets[BACKENDS];
    unsigned n_disks, n_chardevs, n_folders, n_nets;
} Host;

/* The end of a network or of a character device that goes with its machine. */
typedef struct Line {
    Device dev;
    NetBackend *net;
    Chardev *chardev;
    int peer;
} Line;

static void line_stop(Device *dev)
{
    Line *l = device_as(dev, Line);

    if (l->net) {
        net_close(l->net);
        close(l->peer);
    }
    if (l->chardev) {
        chardev_close(l->chardev);
    }
}

static const Field line_fields[] = { SCRATCH(Line, net), SCRATCH(Line, chardev),
                                     SCRATCH(Line, peer) };

static const DeviceType device_line = {
    .name = "line",
    .doc = "end of a network or of a character device",
    .size = sizeof(Line),
    .fields = TABLE(line_fields),
    .stop = line_stop,
};

static NetBackend *every_net(Machine *m, GError **err)
{
    g_autofree char *text = NULL;
    Device *line = device_make(m, &device_line, NULL, "line");
    NetBackend *b;
    Options o;
    int pair[2];

    CHECK(!socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair));
    text = g_strdup_printf("tap,fd=%d", pair[0]);
    CHECK(options_parse(&o, text, "type", err));
    b = net_open(m, "b0", &o, err);
    options_deinit(&o);
    device_as(line, Line)->net = b;
    device_as(line, Line)->peer = pair[1];
    CHECK(b && device_realize(line, err));
    return b;
}

static bool every_is_a(const DeviceType *t, const DeviceType *base)
{
    while (t && t != base) {
        t = t->base;
    }
    return t != NULL;
}

/* The kind of the backend that the type, its bases or the function in it want; NULL: none. */
static const char *every_backend(const DeviceType *t)
{
    const char *inner = t->inner ? every_backend(t->inner) : NULL;

    for (; t; t = t->base) {
        for (size_t i = 0; i < t->fields.n; i++) {
            const Field *f = &t->fields.rows[i];

            if (f->of && (f->required || !strcmp(f->of, "drive") || !strcmp(f->of, "netdev"))) {
                return f->of;
            }
        }
    }
    return inner;
}

static Chardev *every_chardev(Machine *m, GError **err)
{
    Device *line = device_make(m, &device_line, NULL, "line");
    Chardev *c = chardev_new(m, NULL, "null", err);

    device_as(line, Line)->chardev = c;
    CHECK(c && device_realize(line, err));
    return c;
}

static void every_give_backend(Device *dev, Host *h, const char *kind)
{
    Machine *m = dev->machine;
    g_autoptr(GError) err = NULL;
    Options o = { 0 };
    void *b = NULL;

    if (!strcmp(kind, "drive")) {
        CHECK(h->n_disks < BACKENDS);
        b = h->disks[h->n_disks++] = block_open_fd(m, "b0", dup(h->disk), 0, &err);
    } else if (!strcmp(kind, "chardev")) {
        CHECK(h->n_chardevs < BACKENDS);
        b = h->chardevs[h->n_chardevs++] = every_chardev(m, &err);
    } else if (!strcmp(kind, "netdev")) {
        CHECK(h->n_nets < BACKENDS);
        b = h->nets[h->n_nets++] = every_net(m, &err);
    } else if (!strcmp(kind, "fsdev")) {
        options_add(&o, "fsdriver", "local");
        options_add(&o, "id", "b0");
        options_add(&o, "path", h->folder);
        options_add(&o, "security_model", "none");
        CHECK(h->n_folders < BACKENDS);
        b = h->folders[h->n_folders++] = fsdev_open(&o, &err);
        CHECK(device_set_prop(dev, "mount_tag", "tag", &err));
    }
    options_deinit(&o);
    CHECK(b && machine_add_backend(m, kind, "b0", b, &err));
    CHECK(device_set_prop(dev, kind, "b0", &err));
}

static void every_make(Machine *m, const char *type, const char *id, const char *props)
{
    g_autoptr(GError) err = NULL;

    for (const DeviceType *const *t = device_types; *t; t++) {
        if (!strcmp((*t)->name, type)) {
            Device *d = device_new_type(m, *t, NULL, id, &err);

            CHECK(d && (!props || device_set_props(d, props, &err)) && device_realize(d, &err));
            return;
        }
    }
    CHECK(false);
}

static void every_host(Device *dev, void *arg)
{
    const DeviceType *t = dev->type;
    const char *kind = every_backend(t);
    Host *h = arg;

    pci_bench_host(dev, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(every_isa); i++) {
        if (!strcmp(t->name, every_isa[i])) {
            every_make(dev->machine, "isa-bus", "isa", NULL);
        }
    }
    for (size_t i = 0; i < ARRAY_SIZE(every_needs); i++) {
        if (!strcmp(t->name, every_needs[i].type) && every_needs[i].on) {
            every_make(dev->machine, every_needs[i].on, "on", every_needs[i].on_props);
        }
    }
    if (every_is_a(t, &device_usb)) {
        every_make(dev->machine, "qemu-xhci", "xhci", NULL);
    } else if (every_is_a(t, &device_virtio)) {
        every_make(dev->machine, "virtio-mmio", "bus0", NULL);
    } else if (every_is_a(t, &device_scsi)) {
        every_make(dev->machine, "virtio-scsi-pci", "s0", NULL);
    }
    if (kind) {
        every_give_backend(dev, h, kind);
    }
}

static const char *every_props(const DeviceType *t)
{
    for (size_t i = 0; i < ARRAY_SIZE(every_needs); i++) {
        if (!strcmp(t->name, every_needs[i].type)) {
            return every_needs[i].props;
        }
    }
    return NULL;
}

static void every_one(const DeviceType *t)
{
    Host h = { .disk = memfd_create("disk", MFD_CLOEXEC),
               .folder = g_dir_make_tmp("every-XXXXXX", NULL) };
    Bench *b;

    CHECK(h.disk >= 0 && !ftruncate(h.disk, 1 << 20) && h.folder);
    b = bench_device_setup(t, every_props(t), every_host, &h);
    bench_run_loop(b);
    bench_run_ns(b, 20000000);
    bench_reset(b);
    bench_run_ns(b, 20000000);
    bench_end(b);
    for (unsigned i = 0; i < h.n_disks; i++) {
        block_close(h.disks[i]);
    }
    for (unsigned i = 0; i < h.n_chardevs; i++) {
        chardev_free(h.chardevs[i]);
    }
    for (unsigned i = 0; i < h.n_folders; i++) {
        fsdev_free(h.folders[i]);
    }
    for (unsigned i = 0; i < h.n_nets; i++) {
        net_free(h.nets[i]);
    }
    close(h.disk);
    g_rmdir(h.folder);
    g_free(h.folder);
}

TEST(devices, every_type_saved_loaded_and_rerun)
{
    const char *only = getenv("EVERY_DEVICE");
    unsigned n = 0;

    for (const DeviceType *const *t = device_types; *t; t++) {
        if ((*t)->user_creatable && (!only || !strcmp(only, (*t)->name))) {
            if (only) {
                printf("%s\n", (*t)->name);
            }
            every_one(*t);
            n++;
        }
    }
    EXPECT(only || n >= TYPES_LEAST);
}
