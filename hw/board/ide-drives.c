/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/board/ide-drives.h"

#include "hw/ide/ide.h"

enum { IDE_CD = 2 }; /* the index of -cdrom, and of the drive that is there anyway */

void ide_drives_init(IdeDrives *s, BoardPlug *plug, Device *controller, unsigned buses,
                     unsigned units)
{
    s->plug = plug;
    s->controller = controller;
    s->buses = buses;
    s->units = units;
}

static bool drive_is_ide(const BoardDrive *d)
{
    return d->interface == DRIVE_IDE || d->interface == DRIVE_DEFAULT;
}

/* Names as those who write scripts expect them; they live as long as the board. */
static const char *drive_id(IdeDrives *s, const BoardDrive *d)
{
    enum { ID_MAX = 32 };
    char *id = device_alloc(s->plug->parent, ID_MAX);

    g_snprintf(id, ID_MAX, "ide%u-%s%u", (unsigned)d->index / s->units, d->cdrom ? "cd" : "hd",
               (unsigned)d->index % s->units);
    return id;
}

static bool drive_take(IdeDrives *s, BoardDrive *d, const BoardDrive **at, GError **err)
{
    unsigned max = s->buses * s->units;
    const char *file = d->file ? d->file : "if=ide";

    if (d->index >= (int)max) {
        return error_set(err, "-drive %s: there is place for %u IDE drives; say if=virtio", file,
                         max);
    }
    if (at[d->index]) {
        return error_set(err, "-drive %s: its place is taken by %s", file,
                         at[d->index]->file ? at[d->index]->file : "another drive");
    }
    at[d->index] = d;
    d->interface = DRIVE_IDE;
    d->id = d->id ? d->id : drive_id(s, d);
    return true;
}

bool ide_drives_place(IdeDrives *s, GError **err)
{
    const BoardDrive *at[IDE_DRIVES_MAX] = { NULL };
    const BoardConfig *cfg = s->plug->cfg;

    for (unsigned i = 0; i < cfg->n_drives; i++) {
        BoardDrive *d = &cfg->drives[i];

        if (!drive_is_ide(d) || d->index < 0) {
            continue;
        }
        if (d->bus >= 0 && d->index >= (int)s->units) {
            return error_set(err, "-drive unit=%d: an IDE bus of this board has units up to %u",
                             d->index, s->units - 1);
        }
        d->index += d->bus > 0 ? d->bus * (int)s->units : 0;
        if (!drive_take(s, d, at, err)) {
            return false;
        }
    }
    for (unsigned i = 0; i < cfg->n_drives; i++) {
        BoardDrive *d = &cfg->drives[i];

        if (!drive_is_ide(d) || d->index >= 0) {
            continue;
        }
        for (d->index = 0; d->index < IDE_DRIVES_MAX && at[d->index];) {
            d->index++;
        }
        if (!drive_take(s, d, at, err)) {
            return false;
        }
    }
    s->has_cd = at[IDE_CD] != NULL;
    return true;
}

static bool drive_make(IdeDrives *s, int index, bool cdrom, const char *id, const char *serial,
                       GError **err)
{
    Device *dev =
        device_new(s->plug->machine, cdrom ? "ide-cd" : "ide-hd", s->plug->parent, NULL, err);
    IdeBus *bus = ide_bus_of(s->controller, (unsigned)index / s->units);

    if (!dev) {
        return false;
    }
    device_set_str(dev, "bus", bus->name);
    device_set_u64(dev, "unit", (unsigned)index % s->units);
    return device_set_prop(dev, "drive", id, err) &&
           (!serial || device_set_prop(dev, "serial", serial, err)) && device_realize(dev, err);
}

bool ide_drives_make(IdeDrives *s, const BoardDrive *d, const char *id, GError **err)
{
    if (!d->file && !d->cdrom) {
        return error_set(err, "-drive if=ide: file= is missing");
    }
    return drive_make(s, d->index, d->cdrom, id, d->serial, err);
}

bool ide_drives_make_cd(IdeDrives *s, GError **err)
{
    const char *id;

    if (s->has_cd || s->plug->cfg->nodefaults) {
        return true;
    }
    id = drive_id(s, &(BoardDrive){ .index = IDE_CD, .cdrom = true });
    return board_add_empty_drive(s->plug, id, err) && drive_make(s, IDE_CD, true, id, NULL, err);
}
