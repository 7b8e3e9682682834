/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Actions: commands on disks that are done all or not at all. Those of a transaction are prepared
 * in order with every node that they name drained; then all are committed, or, if one could not be
 * prepared, those before it are taken back, the last first. A command alone is a transaction of
 * one.
 */
#ifndef MONITOR_BLOCK_TXN_H
#define MONITOR_BLOCK_TXN_H

#include "monitor/block-call.h"

typedef struct BlkItem BlkItem;

typedef struct BlkAction {
    const char *name;
    bool alone; /* takes no completion-mode=grouped */
    /* May fail, and has changed nothing then. What it changed is seen by the actions after it. */
    bool (*prepare)(BlkItem *i, GError **err);
    void (*commit)(BlkItem *i);
    void (*abort)(BlkItem *i);
} BlkAction;

struct BlkItem {
    BlkCall call; /* its arguments */
    const BlkAction *action;
    GPtrArray *drained; /* the transaction's */
    /* What prepare leaves for commit and abort. */
    BlockNode *node, *overlay;
    BlockBitmap *bitmap;
    DirtyBits *saved;
    char *made; /* a file that was not there before; a snapshot's id */
    bool was;
    BlockJob *job;
};

/* Nothing reaches @n until the transaction has ended. */
void blk_item_drain(BlkItem *i, BlockNode *n);

/* Of cmd-block-bitmap.c, cmd-block-snapshot.c, cmd-block-drive.c; each ends with a NULL name. */
extern const BlkAction blk_bitmap_actions[], blk_snapshot_actions[], blk_copy_actions[];

#endif
