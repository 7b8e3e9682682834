/* SPDX-License-Identifier: Apache-2.0 */
/* Temporary overlays: what is written is gone at the end. */
#include "block/core/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

BlockNode *block_node_overlay(BlockGraph *g, BlockNode *take_base, unsigned flags, GError **err)
{
    const BlockDriver *qcow2 = block_driver_find("qcow2");
    const char *dir = g_getenv("TMPDIR");
    int fd = open(dir ? dir : "/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", fd);
    Options none = { 0 };
    BlockNode *n = NULL;

    if (!qcow2 || fd < 0) {
        error_set(err, "a temporary overlay: %s",
                  qcow2 ? g_strerror(errno) : "this build has no qcow2");
    } else if (block_image_create(g, qcow2, path, block_node_size(take_base), &none, 0, err)) {
        n = block_node_open_name(g, path, "qcow2",
                                 flags | BLOCK_OPEN_WRITE | BLOCK_OPEN_UNSAFE |
                                     BLOCK_OPEN_NO_BACKING | BLOCK_OPEN_LOCK_OFF,
                                 err);
    }
    if (n && !block_node_set_backing(n, take_base, err)) {
        block_node_unref(n);
        n = NULL;
    }
    block_node_unref(take_base); /* the overlay has a reference of its own */
    if (fd >= 0) {
        close(fd);
    }
    return n;
}
