/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that come and go. */
#include "core/device.h"
#include "hw/board/board.h"
#include "monitor/commands.h"
#include "util/options.h"

#include <string.h>

static bool device_add(MonCall *c, Options *o, GError **err)
{
    const Board *board = board_find(c->host->config.board, err);

    if (!board) {
        return false;
    }
    if (!options_get(o, "driver")) {
        return error_set(err, "Parameter 'driver' is missing");
    }
    return board->add_device ? board->add_device(c->m, o, err)
                             : error_set(err, "machine '%s' takes no devices", board->name);
}

bool cmd_device_add(MonCall *c, GError **err)
{
    return mon_qmp_options(c, device_add, err);
}

bool hmp_device_add(MonCall *c, GError **err)
{
    return mon_hmp_options(c, "driver", device_add, err);
}

/* Parts of the board may have the same id as one that the user gave: they cannot go. */
static Device *device_find_user(Machine *m, const char *name)
{
    for (Device *d = machine_root(m); d; d = device_next(machine_root(m), d)) {
        if (d->named && device_can_unplug(d->type) && d->type->user_creatable &&
            !strcmp(d->id, name)) {
            return d;
        }
    }
    return device_find(m, name);
}

/* By its id, or its path as events and qom-list tell it. */
static bool device_del(MonCall *c, const char *id, GError **err)
{
    static const char peripheral[] = "/machine/peripheral/", machine[] = "/machine";
    const char *name = g_str_has_prefix(id, peripheral) ? id + strlen(peripheral)
                       : g_str_has_prefix(id, machine)  ? id + strlen(machine)
                                                        : id;
    Device *dev = *name ? device_find_user(c->m, name) : NULL;

    if (!dev || !dev->parent) {
        c->error_class = "DeviceNotFound";
        return error_set(err, "Device '%s' not found", id);
    }
    return device_unplug(dev, err);
}

bool cmd_device_del(MonCall *c, GError **err)
{
    return device_del(c, c->args[0].str, err);
}

bool hmp_device_del(MonCall *c, GError **err)
{
    return device_del(c, c->line, err);
}
