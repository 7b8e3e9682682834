/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every PCI function that -device can make and that needs no network and no folder: firmware
 * finds it, gives it addresses, and what it then shows outlives a saved state and goes by a reset.
 */
#include "block/block.h"
#include "hw/board/board.h"
#include "hw/pci/bench.h"
#include "hw/pci/host.h"
#include "tests/unit.h"

#include <sys/mman.h>
#include <unistd.h>

enum { DISKS = 64 };

typedef struct Host {
    int disk;
    BlockBackend *open[DISKS];
    unsigned n_open;
} Host;

/* The backend that the type, its bases or the function in it cannot do without; NULL: none. */
static const char *ev_needs(const DeviceType *t)
{
    const char *inner = t->inner ? ev_needs(t->inner) : NULL;

    for (; t; t = t->base) {
        for (size_t i = 0; i < t->fields.n; i++) {
            if (t->fields.rows[i].required) {
                return t->fields.rows[i].of;
            }
        }
    }
    return inner;
}

static void ev_plug(Device *dev, void *arg)
{
    g_autoptr(GError) err = NULL;
    Host *h = arg;

    pci_bench_host(dev, NULL);
    if (h->disk >= 0) {
        BlockBackend *b = block_open_fd(dev->machine, "d0", dup(h->disk), 0, &err);

        CHECK(b && h->n_open < DISKS);
        h->open[h->n_open++] = b;
        CHECK(machine_add_backend(dev->machine, "drive", "d0", b, &err));
        CHECK(device_set_prop(dev, "drive", "d0", &err));
    }
}

static void ev_one(const DeviceType *t, bool disk)
{
    Host h = { .disk = disk ? memfd_create("disk", MFD_CLOEXEC) : -1 };
    uint32_t first[64], on[64];
    Bench *b;

    if (disk) {
        CHECK(ftruncate(h.disk, 1 << 20) == 0);
    }
    b = bench_device_setup(t, strcmp(t->name, "nvme") ? NULL : "serial=1", ev_plug, &h);
    for (unsigned i = 0; i < 64; i++) {
        first[i] = pci_bench_config(b, 4 * i, 4);
    }
    EXPECT((first[0] & 0xffff) != 0xffff);
    if (!(first[PCI_HEADER_TYPE / 4] >> 16 & 0x7f)) {
        pci_bench_enable(b);
    }
    for (unsigned i = 0; i < 64; i++) {
        on[i] = pci_bench_config(b, 4 * i, 4);
    }
    bench_run_loop(b);
    for (unsigned i = 0; i < 64; i++) {
        EXPECT_EQ(pci_bench_config(b, 4 * i, 4), on[i]);
    }
    bench_reset(b);
    for (unsigned i = 0; i < 64; i++) {
        EXPECT_EQ(pci_bench_config(b, 4 * i, 4), first[i]);
    }
    bench_end(b);
    for (unsigned i = 0; i < h.n_open; i++) {
        block_close(h.open[i]);
    }
    if (disk) {
        close(h.disk);
    }
}

TEST(pci_every, saved_loaded_and_reset)
{
    unsigned n = 0;

    for (const DeviceType *const *t = device_types; *t; t++) {
        const DeviceType *base = (*t)->base;
        const char *needs;

        while (base && base != &device_pci) {
            base = base->base;
        }
        needs = base && (*t)->user_creatable ? ev_needs(*t) : "";
        if (!needs || !strcmp(needs, "drive")) {
            ev_one(*t, needs != NULL);
            n++;
        }
    }
    EXPECT(n >= 20);
}
