/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a state stream. All integers are little-endian; strings are a u16 length and bytes.
 *
 *   magic[8] version:u32
 *   DEVICE  path type  FIELD* END
 *   FIELD   name  elem:u8  flags:u8  count:u32  count * elem bytes
 *   RAM     name size:u64  PAGES* END       PAGES: first:u64 n:u32 n * 4096 bytes
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
};

typedef enum StateTag {
    TAG_END = 0,
    TAG_MACHINE = 'M',
    TAG_DEVICE = 'D',
    TAG_FIELD = 'F',
    TAG_RAM = 'R',
    TAG_PAGES = 'P',
} StateTag;

enum { STATE_IS_DEFAULT = 1 << 0 };

/* Pins and timers are stored as fields of these names' prefixes. */
#define STATE_PIN_PREFIX     "pin:"
#define STATE_OUTSIDE_PREFIX "outside:"

/* A timer's element: the deadline, or this when not armed. */
#define STATE_NOT_ARMED INT64_MAX

bool state_field_is_saved(const Field *f);

#endif
