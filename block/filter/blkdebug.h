/* SPDX-License-Identifier: Apache-2.0 */
/* blkdebug among its own files: the options, and what they become. */
#ifndef BLOCK_FILTER_BLKDEBUG_H
#define BLOCK_FILTER_BLKDEBUG_H

#include "block/core/driver.h"

enum { DEBUG_RULES = 64 };

typedef enum DebugIo { DEBUG_READ, DEBUG_WRITE, DEBUG_ZEROES, DEBUG_DISCARD, DEBUG_FLUSH } DebugIo;

typedef struct DebugRule {
    bool sets; /* set-state, else inject-error */
    BlockDebugEvent event;
    unsigned io; /* bits of DebugIo: the requests that fail */
    uint64_t state, new_state;
    int error;
    int64_t sector; /* -1: any */
    bool once, armed, gone;
} DebugRule;

typedef struct DebugBreak {
    struct DebugBreak *next;
    BlockDebugEvent event;
    char *tag;
    bool held; /* a request waits in .queue */
    FiberQueue queue;
} DebugBreak;

typedef struct Blkdebug {
    DebugRule rules[DEBUG_RULES];
    unsigned n;
    uint64_t state;
    DebugBreak *breaks; /* those to come, and those that hold a request */
    bool format;        /* one is above, and raises events */
    uint64_t max_transfer;
} Blkdebug;

/* Rules, and the lines of config= as more of them. */
NODISCARD bool debug_parse(BlockNode *n, Options *o, GError **err);
/* False: there is none of that name. */
NODISCARD bool debug_event_find(const char *name, BlockDebugEvent *out);

#endif
