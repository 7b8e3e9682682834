/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of devices with disks: a disk whose requests fail and are held until the machine goes
 * on, which a saved state must know of. */
#ifndef TESTS_HELD_H
#define TESTS_HELD_H

#include "block/block.h"
#include "block/core/node.h"
#include "core/event/loop.h"
#include "core/machine.h"
#include "util/error.h"

#include <glib.h>

/* The file of @fd through blkdebug, as the machines of a bench are of one process, which locks of
 * files do not mind. @broken: the event at which it fails ("read_aio", "pwritev"); NULL: never. */
static inline BlockBackend *held_open(Machine *m, int fd, const char *broken)
{
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    g_autoptr(GError) err = NULL;
    Options o = { 0 };
    BlockBackend *b;

    options_add(&o, "driver", "blkdebug");
    options_add(&o, "image.driver", "file");
    options_add(&o, "image.filename", path);
    options_add(&o, "image.locking", "off");
    if (broken) {
        options_add(&o, "inject-error.0.event", broken);
        options_add(&o, "inject-error.0.errno", "28");
    }
    b = block_open_options(m, "d0", &o, BLOCK_OPEN_WRITE, &err);
    options_deinit(&o);
    CHECK(b);
    block_on_error(b, BLOCK_ERROR_STOP, BLOCK_ERROR_STOP, NULL, NULL);
    return b;
}

/* The machine goes on until all has ended or is held again, and stops. */
static inline void held_resume(Machine *m)
{
    BlockBackend *disk = machine_find_backend(m, "drive", "d0");
    g_autoptr(GError) err = NULL;

    CHECK(machine_resume(m, &err));
    while (block_in_flight(disk)) {
        loop_iterate(m, true);
    }
    machine_pause(m, RUN_PAUSED);
}

/* Until what was begun has ended or is held. */
static inline void held_await(Machine *m)
{
    BlockBackend *disk = machine_find_backend(m, "drive", "d0");

    while (block_in_flight(disk)) {
        loop_iterate(m, true);
    }
}

#endif
