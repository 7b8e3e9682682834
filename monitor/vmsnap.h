/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots of the whole machine: its state in one disk image, and an internal snapshot of every
 * disk at the same point. LOOP_THREAD.
 */
#ifndef MONITOR_VMSNAP_H
#define MONITOR_VMSNAP_H

#include "block/job/job.h"
#include "monitor/monitor-priv.h"

typedef struct SnapCall {
    MonHost *h;
    const char *name;
    const char *vmstate;  /* node that keeps the machine's state; NULL: the first that can */
    char *const *devices; /* NULL-terminated names of nodes; NULL: all disks that are written */
    bool replace;         /* save: a snapshot of the same name goes when the new one is there */
    BlockJob *job;        /* hears of the progress; NULL: none */
} SnapCall;

/* Errors leave disks and their snapshots as they were. */
NODISCARD bool vmsnap_save(const SnapCall *c, GError **err);
/* Errors leave the disks as they were; from the moment at which the state is read, the machine must
 * be reset after one. */
NODISCARD bool vmsnap_load(const SnapCall *c, GError **err);
NODISCARD bool vmsnap_delete(const SnapCall *c, GError **err);
/* The text of `info snapshots`. */
NODISCARD bool vmsnap_info(MonHost *h, GString *out, GError **err);

#endif
