/* SPDX-License-Identifier: Apache-2.0 */
/* The disks of one command on the machine's snapshots. */
#ifndef MONITOR_VMSNAP_PRIV_H
#define MONITOR_VMSNAP_PRIV_H

#include "block/block.h"
#include "block/core/driver.h"
#include "monitor/vmsnap.h"

typedef struct SnapDisk {
    char *name;      /* of the device, or of the node */
    BlockNode *top;  /* referenced */
    BlockNode *node; /* the one below filters that has the snapshots; NULL: it cannot have any */
    char *why;       /* it cannot */
    char *id;        /* of the snapshot that is meant, or was made; NULL: none */
    char *old_id;    /* of the one that the new one replaces */
} SnapDisk;

typedef struct SnapSet {
    const SnapCall *call;
    Machine *m;
    BlockGraph *g;
    GArray *disks; /* of SnapDisk */
    SnapDisk *vm;  /* keeps the machine's state */
    GError *err;
} SnapSet;

/* FIBER of the graph's loop, all. False: s->err. */
NODISCARD bool snap_collect(SnapSet *s);
/* Every one of them can have snapshots. */
NODISCARD bool snap_check_all(SnapSet *s);
/* The one named, or the first that can. */
NODISCARD bool snap_find_vm(SnapSet *s);
/* The disks of an existing snapshot; of several sets of that name the newest that is whole. */
NODISCARD bool snap_find(SnapSet *s);
void snap_deinit(SnapSet *s);

static inline SnapDisk *snap_disk(const SnapSet *s, unsigned i)
{
    return &g_array_index(s->disks, SnapDisk, i);
}

/* Runs @fn, which gets the SnapSet, in a fiber of the graph's loop. LOOP_THREAD */
bool snap_run(SnapSet *s, FiberFn *fn);

#endif
