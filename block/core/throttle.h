/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of bytes and operations a second. A group's members share its limits: nodes of the driver
 * throttle, disks (-drive throttling.*, block_set_io_throttle), and the object throttle-group that
 * keeps it without any. Context of all: the graph's loop.
 */
#ifndef BLOCK_CORE_THROTTLE_H
#define BLOCK_CORE_THROTTLE_H

#include "block/core/node.h"

enum {
    LIMIT_BPS_TOTAL,
    LIMIT_BPS_READ,
    LIMIT_BPS_WRITE,
    LIMIT_IOPS_TOTAL,
    LIMIT_IOPS_READ,
    LIMIT_IOPS_WRITE,
    LIMITS
};
extern const char *const throttle_names[LIMITS]; /* "bps-total", ... */

typedef struct ThrottleLimit {
    uint64_t rate, max; /* a second, and so in bursts; 0: no limit, no bursts */
    uint64_t length;    /* seconds of a burst, 1.. */
} ThrottleLimit;

typedef struct ThrottleConfig {
    ThrottleLimit limits[LIMITS];
    uint64_t iops_size; /* a request counts once for each of so many bytes; 0: once */
} ThrottleConfig;

typedef struct ThrottleGroup ThrottleGroup;

void throttle_config_init(ThrottleConfig *c);
bool throttle_config_any(const ThrottleConfig *c);
/* Errors: in QEMU's words. */
NODISCARD bool throttle_config_check(const ThrottleConfig *c, GError **err);
/* @prefix and "bps-total", "bps-total-max", "bps-total-max-length", ..., "iops-size" of @o; the
 * others stay. */
NODISCARD bool throttle_config_parse(ThrottleConfig *c, Options *o, const char *prefix,
                                     GError **err);

/* The one of that name (NULL: of its own), made if there is none; one more member has it. */
ThrottleGroup *throttle_join(BlockGraph *g, const char *name);
void throttle_leave(BlockGraph *g, ThrottleGroup *t);
/* At the graph's end: those that objects keep. */
void throttle_free_all(BlockGraph *g);
/* NULL: none */
ThrottleGroup *throttle_find(BlockGraph *g, const char *name);
const char *throttle_name(const ThrottleGroup *t);
unsigned throttle_members(const ThrottleGroup *t);
const ThrottleConfig *throttle_config(const ThrottleGroup *t);
NODISCARD bool throttle_set(ThrottleGroup *t, const ThrottleConfig *c, GError **err);

/* Until a request may go, in order of coming, or @hurry says that nobody waits for limits. FIBER */
void throttle_enter(BlockGraph *g, ThrottleGroup *t, bool write, uint64_t bytes,
                    bool (*hurry)(void *), void *opaque);

/* ---- The object: qom-type=throttle-group,id=NAME,x-bps-total=N,... or limits.bps-total=N ---- */

NODISCARD bool throttle_object_add(BlockGraph *g, Options *o, GError **err);
bool throttle_object_has(BlockGraph *g, const char *id);
/* False without *err: there is none of that id; with: it has members. */
bool throttle_object_remove(BlockGraph *g, const char *id, GError **err);

#endif
