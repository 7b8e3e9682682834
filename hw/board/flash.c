/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/board/flash.h"

#include "hw/block/cfi-flash.h"

#include <errno.h>

char *board_flash_drive(BoardPlug *b, unsigned unit, GError **err)
{
    const BoardConfig *cfg = b->cfg;
    const char *const keys[] = { "pflash0", "pflash1" };
    const char *node =
        cfg->machine && unit < ARRAY_SIZE(keys) ? options_get(cfg->machine, keys[unit]) : NULL;
    int next = 0;

    if (node) {
        if (!board_take_node(b, node, err)) {
            g_prefix_error(err, "-M pflash%u=%s: ", unit, node);
            return NULL;
        }
        return g_strdup(node);
    }
    for (unsigned i = 0; i < cfg->n_drives; i++) {
        const BoardDrive *d = &cfg->drives[i];

        if (d->interface == DRIVE_PFLASH && d->file) {
            int index = d->index >= 0 ? d->index : next;

            next = index + 1;
            if (index == (int)unit) {
                return board_drive_id(d, i);
            }
        }
    }
    return NULL;
}

static void flash_was_read(void *opaque, int result)
{
    *(int *)opaque = result;
}

bool board_flash_fill(Device *dev, const char *id, uint64_t max, GError **err)
{
    BlockBackend *disk = machine_find_backend(dev->machine, "drive", id);
    uint64_t len = disk ? block_size(disk) : 0;
    g_autofree uint8_t *buf = NULL;
    int result = -EIO;

    if (!disk || len > max) {
        return error_set(
            err, "-drive if=pflash: %s is larger than the flash of %" G_GUINT64_FORMAT " MiB",
            disk ? block_path(disk) : id, max >> 20);
    }
    buf = g_malloc(len + 1);
    block_read(disk, 0, &(struct iovec){ buf, len }, 1, flash_was_read, &result);
    block_drain(disk);
    if (result) {
        return error_set(err, "-drive if=pflash: %s: %s", block_path(disk), g_strerror(-result));
    }
    cfi_flash_load(dev, buf, len);
    return true;
}
