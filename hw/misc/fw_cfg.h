/* SPDX-License-Identifier: Apache-2.0 */
/* What a board puts into the firmware configuration device, before the machine starts. */
#ifndef HW_MISC_FW_CFG_H
#define HW_MISC_FW_CFG_H

#include "core/device.h"

/* Fixed keys. Spec: QEMU Firmware Configuration (fw_cfg) Device. */
enum {
    FW_CFG_SIGNATURE = 0x00,
    FW_CFG_ID = 0x01,
    FW_CFG_UUID = 0x02,
    FW_CFG_RAM_SIZE = 0x03,
    FW_CFG_NOGRAPHIC = 0x04,
    FW_CFG_NB_CPUS = 0x05,
    FW_CFG_KERNEL_ADDR = 0x07,
    FW_CFG_KERNEL_SIZE = 0x08,
    FW_CFG_INITRD_ADDR = 0x0a,
    FW_CFG_INITRD_SIZE = 0x0b,
    FW_CFG_BOOT_MENU = 0x0e,
    FW_CFG_MAX_CPUS = 0x0f,
    FW_CFG_KERNEL_ENTRY = 0x10,
    FW_CFG_KERNEL_DATA = 0x11,
    FW_CFG_INITRD_DATA = 0x12,
    FW_CFG_CMDLINE_ADDR = 0x13,
    FW_CFG_CMDLINE_SIZE = 0x14,
    FW_CFG_CMDLINE_DATA = 0x15,
    FW_CFG_SETUP_ADDR = 0x16,
    FW_CFG_SETUP_SIZE = 0x17,
    FW_CFG_SETUP_DATA = 0x18,
    FW_CFG_FILE_DIR = 0x19,
    FW_CFG_FILE_FIRST = 0x20,
    FW_CFG_NAME_MAX = 55,
    FW_CFG_KEYS = 0x120,
    FW_CFG_ARCH_KEYS = 16,
    FW_CFG_IRQ0_OVERRIDE = 0x8002, /* x86: the timer is on pin 2 of the I/O APIC */
};

/* Copies @len bytes; replaces what the key had. @dev is realized. LOOP_THREAD. */
void fw_cfg_set(Device *dev, uint16_t key, const void *data, size_t len);
void fw_cfg_set_le(Device *dev, uint16_t key, unsigned size, uint64_t val);
/* Errors: name empty, too long or taken; no key left. */
NODISCARD bool fw_cfg_add_file(Device *dev, const char *name, const void *data, size_t len,
                               GError **err);
/* The guest has written to a file. Context: under fw_cfg's lock; may only post. */
typedef void FwCfgWrote(void *opaque, const uint8_t *data, size_t len);
/* A file of @len zeros that the guest may write, by DMA. The bytes are the owner's to save. */
NODISCARD bool fw_cfg_add_writable(Device *dev, const char *name, size_t len, FwCfgWrote *wrote,
                                   void *opaque, GError **err);
/*
 * The BIOS of a display that has no ROM of its own, for SeaBIOS: from where package seabios (or -L)
 * has it. Where there is none, or no fw_cfg, the display shows nothing until somebody drives it: no
 * error. Before the firmware's start.
 */
NODISCARD bool fw_cfg_add_display_bios(Machine *m, const char *name, GError **err);
/* What the file has after a reset or a load, as its owner knows. */
void fw_cfg_fill(Device *dev, const char *name, const void *data, size_t len);
/* The machine's; NULL: it has none. */
Device *fw_cfg_find(Machine *m);
/* NULL: none of that name. Valid until the file is added again. */
const uint8_t *fw_cfg_find_file(Device *dev, const char *name, size_t *len);

#endif
