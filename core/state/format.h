/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a state stream. All integers are little-endian; strings are a u16 length and bytes.
 *
 *   magic[8] version:u32
 *   DEVICE  path type  FIELD* END
 *   FIELD   name  elem:u8  flags:u8  count:u32  count * elem bytes
 *   RAM     name size:u64  PAGES* END       PAGES: first:u64 n:u32 n * 4096 bytes, or
 *                                           ZPAGES: first:u64 n:u32 len:u32 len bytes
 *   END
 */
#ifndef CORE_STATE_FORMAT_H
#define CORE_STATE_FORMAT_H

#include "core/core-priv.h"
#include "core/state/state.h"

#define STATE_MAGIC "TNMSTATE"

enum {
    STATE_VERSION = 1,
    STATE_NAME_MAX = 1024,
    STATE_FIELD_MAX = 256 << 20, /* bytes of one field */
    STATE_RUN_MAX = 256,         /* pages of one run */
    STATE_BUFFER = 1 << 20,
    STATE_ROOM_MAX = 1 << 20, /* a STATE_BYTES up to this limit is loaded with room for all of it */
};

typedef enum StateTag {
    TAG_END = 0,
    TAG_MACHINE = 'M',
    TAG_TURNS = 'T', /* where vCPUs take turns (core/icount.h) */
    TAG_DEVICE = 'D',
    TAG_FIELD = 'F',
    TAG_RAM = 'R',
    TAG_PAGES = 'P',
    TAG_ZPAGES = 'Z',
} StateTag;

enum { STATE_IS_DEFAULT = 1 << 0 };

/* Pins and timers are stored as fields of these names' prefixes. */
#define STATE_PIN_PREFIX     "pin:"
#define STATE_OUTSIDE_PREFIX "outside:"

/* A timer's element: the deadline, or this when not armed. */
#define STATE_NOT_ARMED INT64_MAX

/* zstd: bytes written to @to, 0 when it does not fit in @room or cannot be done. */
size_t state_compress(void *to, size_t room, const void *from, size_t len);
/* Exactly @len bytes, or false. */
bool state_decompress(void *to, size_t len, const void *from, size_t n);

bool state_field_is_saved(const Field *f);

#endif
