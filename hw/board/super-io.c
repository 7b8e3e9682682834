/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/board/super-io.h"

/* Number @i of ports of @type at @chardev, which may be NULL. */
static Device *super_io_port(BoardPlug *b, const char *type, const char *stem, unsigned i,
                             Chardev *chardev, GError **err)
{
    g_autofree char *id = g_strdup_printf("%s%u", stem, i);
    Device *dev = device_new(b->machine, type, b->parent, id, err);

    if (dev) {
        device_set_u64(dev, "index", i);
        if (chardev) {
            device_set_backend(dev, "chardev", chardev);
        }
    }
    return dev;
}

bool super_io_serials(BoardPlug *b, unsigned n, bool all, GError **err)
{
    for (unsigned i = 0; i < n; i++) {
        Chardev *chardev = i < b->cfg->n_serials ? b->cfg->serials[i] : NULL;
        Device *dev;

        if (!chardev && !all) {
            continue;
        }
        dev = super_io_port(b, "isa-serial", "serial", i, chardev, err);
        if (!dev || !device_realize(dev, err)) {
            return false;
        }
    }
    return true;
}

bool super_io_parallels(BoardPlug *b, unsigned n, bool all, GError **err)
{
    for (unsigned i = 0; i < n; i++) {
        Chardev *chardev = i < b->cfg->n_parallels ? b->cfg->parallels[i] : NULL;
        Device *dev;

        if (!chardev && !all) {
            continue;
        }
        dev = super_io_port(b, "isa-parallel", "parallel", i, chardev, err);
        if (!dev) {
            return false;
        }
        device_set_u64(dev, "irq", i == 1 ? 5 : 7);
        if (!device_realize(dev, err)) {
            return false;
        }
    }
    return true;
}

/* ---- Floppy disks ---- */

static bool floppy_place(Device *dev, const BoardDrive *d, const char *id, bool *taken,
                         unsigned *next, GError **err)
{
    static const char *const props[SUPER_IO_FLOPPIES] = { "driveA", "driveB" };
    unsigned n = d->index < 0 ? *next : (unsigned)d->index;

    if (n >= SUPER_IO_FLOPPIES || taken[n]) {
        return error_set(err, "-drive %s: there are two places for floppy disks, index=0 and 1",
                         d->file ? d->file : "if=floppy");
    }
    taken[n] = true;
    *next = n + 1;
    return device_set_prop(dev, props[n], id, err);
}

bool super_io_floppies(BoardPlug *b, bool always, Device **dev, GError **err)
{
    bool taken[SUPER_IO_FLOPPIES] = { false };
    unsigned next = 0;

    *dev = NULL;
    if (always && !(*dev = device_new(b->machine, "isa-fdc", b->parent, "fdc", err))) {
        return false;
    }
    for (unsigned i = 0; i < b->cfg->n_drives; i++) {
        const BoardDrive *d = &b->cfg->drives[i];
        g_autofree char *id = board_drive_id(d, i);

        if (d->interface != DRIVE_FLOPPY || !d->file) {
            continue;
        }
        if ((!*dev && !(*dev = device_new(b->machine, "isa-fdc", b->parent, "fdc", err))) ||
            !floppy_place(*dev, d, id, taken, &next, err)) {
            return false;
        }
    }
    return !*dev || device_realize(*dev, err);
}
