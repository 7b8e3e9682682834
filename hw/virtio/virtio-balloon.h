/* SPDX-License-Identifier: Apache-2.0 */
/* The machine's balloon, for the monitor. */
#ifndef HW_VIRTIO_VIRTIO_BALLOON_H
#define HW_VIRTIO_VIRTIO_BALLOON_H

#include "core/types.h"

#include <stdbool.h>
#include <stdint.h>

enum { BALLOON_STATS = 10 }; /* tags 0 to 9 of "5.5.6.4 Memory Statistics Tags" */

typedef struct BalloonInfo {
    uint64_t taken; /* bytes that the guest has given back */
    bool stats_there;
    int64_t stats_at_s;            /* since 1970 */
    uint32_t poll_s;               /* 0: nobody asks for them of itself */
    uint64_t stats[BALLOON_STATS]; /* UINT64_MAX: not told */
} BalloonInfo;

extern const DeviceType device_virtio_balloon;

/* False: the machine has none. LOOP_THREAD. New statistics are asked for. */
bool balloon_get(Machine *m, BalloonInfo *info);
/* The guest is to give back @bytes in all. LOOP_THREAD. */
bool balloon_set(Machine *m, uint64_t bytes);

/* Ask the guest for statistics every @seconds; 0: no more. LOOP_THREAD. */
bool balloon_set_polling(Machine *m, uint32_t seconds);

/*
 * Begin a round of hints: the guest tells which pages it does not use, and they are given back. The
 * end of it: the guest may use them again. False: nobody there who would. LOOP_THREAD.
 */
bool balloon_hint(Machine *m, bool begin);
/* It has told all of them. */
bool balloon_hint_is_done(Machine *m);

/* EVENT_DEVICE's text when the guest has changed what it has given back; no data. */
#define BALLOON_CHANGE "BALLOON_CHANGE"

#endif
