/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files that a board puts into guest memory: kernels, initial RAM disks, firmware.
 */
#ifndef HW_BOARD_LOADER_H
#define HW_BOARD_LOADER_H

#include "core/machine.h"
#include "core/memory/memory.h"

enum { LOADER_MAX_BYTES = 1 << 30 };

/* What a file is, by its first bytes. */
typedef enum FileKind {
    FILE_ARM64_IMAGE,
    FILE_ELF,
    FILE_GZIP,
    FILE_RAW,   /* nothing known: machine code, perhaps */
    FILE_OTHER, /* known, and no kernel: see file_describe */
} FileKind;

/* The whole file, at most @max bytes. Errors: names @what ("-kernel") and the path. */
GBytes *loader_read(const char *what, const char *path, uint64_t max, GError **err);
/* Decompress gzip, at most @max bytes. */
GBytes *loader_gunzip(GBytes *in, const char *what, uint64_t max, GError **err);

FileKind file_kind(const uint8_t *data, size_t len);
/* "a shell script", "a 32-bit ELF for MIPS", "unknown, first bytes 72 6f 6f 74"; caller frees. */
char *file_describe(const uint8_t *data, size_t len);

/* A kernel in memory. */
typedef struct LoadedKernel {
    FileKind kind;
    GuestPhys entry;
    GuestPhys low, end; /* what it occupies */
} LoadedKernel;

/*
 * Load the AArch64 kernel @path (Image, gzipped or not, ELF, raw code) into RAM of @ram_bytes at
 * @ram_base, as ROM blobs. Errors: what the file is instead, what does not fit.
 */
NODISCARD bool loader_kernel_arm64(Machine *m, const char *path, GuestPhys ram_base,
                                   uint64_t ram_bytes, LoadedKernel *out, GError **err);

#endif
