/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which firmware tries devices: fw_cfg's file `bootorder`, a path as of Open Firmware
 * a line, by the devices' bootindex.
 */
#ifndef HW_BOARD_ORDER_H
#define HW_BOARD_ORDER_H

#include "core/device.h"

/* A thing to start from that is no device: an option ROM of fw_cfg. */
typedef struct BootOrderExtra {
    uint32_t index;
    const char *path;
} BootOrderExtra;

typedef struct BootOrder {
    Device *container;    /* of the devices */
    const char *pci_root; /* "/pci@i0cf8" */
    /* Appends the path of @on, which is no PCI function; false: it is none of the board's. NULL. */
    bool (*place)(void *opaque, Device *on, GString *path);
    void *opaque;
    const BootOrderExtra *extras;
    unsigned n_extras;
    bool strict; /* nothing but what is in the list */
} BootOrder;

/* Errors: an index that two have. */
NODISCARD bool board_boot_order(const BootOrder *o, Device *fw_cfg, GError **err);

#endif
