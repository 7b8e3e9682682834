/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernels of x86 as files: Linux (bzImage, zImage), Multiboot 1, ELF with PVH's note; and what goes
 * into memory beside them. Spec: Linux Documentation/x86/boot.rst; Multiboot Specification 0.6.96;
 * Xen's x86/HVM direct boot ABI (docs/misc/pvh.pandoc).
 */
#ifndef HW_BOARD_X86_KERNEL_H
#define HW_BOARD_X86_KERNEL_H

#include "hw/board/board.h"

typedef enum X86KernelKind { X86_LINUX, X86_MULTIBOOT, X86_PVH } X86KernelKind;

enum {
    X86_INFO_AT = 0x10000, /* set-up code or information for the kernel: 64 KiB */
    X86_CMDLINE_AT = 0x20000,
    X86_MAP_OFF = 0x200, /* of the memory map in the information: entries of 24 bytes */
    X86_MAP_MAX = 42,
    X86_MAP_ENTRY = 24,
    X86_HIGH = 0x100000,
    X86_FIRMWARE_TOP = 0x28000, /* of RAM below 4 GiB may be firmware's */
    MULTIBOOT_MAGIC = 0x2badb002,
};

typedef struct X86Kernel {
    X86KernelKind kind;
    GBytes *image; /* what lies at @load */
    uint32_t load, end, entry;
    GByteArray *info;    /* at @info_at */
    GByteArray *modules; /* the initial RAM disk, or Multiboot's modules, at @modules_at */
    char *cmdline;       /* Linux: at @cmdline_at */
    uint32_t info_at, modules_at, cmdline_at;
    unsigned count_at, count_unit; /* of the map's entries, in the information */
    uint16_t version;              /* Linux: of the protocol */
    uint16_t xloadflags;
} X86Kernel;

/* -kernel, -initrd and -append; @top: the end of RAM that may be used. Errors: name the option. */
NODISCARD bool x86_kernel_load(X86Kernel *k, const BoardConfig *cfg, uint64_t top, GError **err);
void x86_kernel_free(X86Kernel *k);

#endif
