/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the commands on disks share. A command runs in a fiber of the block graph's loop while the
 * main loop waits; its arguments are options by name. An action of a transaction is such a call
 * too, with the arguments of its own.
 */
#ifndef MONITOR_BLOCK_CALL_H
#define MONITOR_BLOCK_CALL_H

#include "monitor/commands.h"

#include "block/block.h"
#include "block/core/bitmap.h"
#include "block/core/driver.h"
#include "block/job/jobs.h"

typedef struct BlkCall BlkCall;
typedef bool BlkFn(BlkCall *b, GError **err);

struct BlkCall {
    MonCall *c;
    const char *name; /* of the command or action */
    BlockGraph *g;
    Options o;
    BlkFn *fn;
    void *opaque; /* of blk_call_with */
    JobTxn *txn;  /* jobs join it; NULL: none */
    bool held;    /* jobs do not begin: whoever made them starts them later */
    GError *err;
};

/* Run @fn in a fiber of the graph's loop. LOOP_THREAD */
bool blk_call(MonCall *c, BlkFn *fn, GError **err);

/* The same for a command of several steps, which share @opaque. */
bool blk_call_with(MonCall *c, BlkFn *fn, void *opaque, GError **err);

#define BLK_COMMAND(name, fn)           \
    bool name(MonCall *c, GError **err) \
    {                                   \
        return blk_call(c, fn, err);    \
    }

/* ---- Arguments ---- */

void blk_set(Options *o, const char *key, const char *value);
/* The members of the object at @path ("0.data") of @v, the argument @name; they are to be @args. */
bool blk_options_at(Options *out, const MonValue *v, const char *name, const char *path,
                    const MonArg *args, GError **err);
const char *blk_str(BlkCall *b, const char *key);
uint64_t blk_num(BlkCall *b, const char *key, uint64_t def);
bool blk_flag(BlkCall *b, const char *key, bool def);

/* A device's drive, by its id; NULL: none, or a NULL id. */
BlockBackend *blk_drive(BlkCall *b, const char *id);
/* The id of the drive that has the node, whichever way it was found; NULL: none. */
const char *blk_drive_name(BlkCall *b, BlockNode *n);
/* A device's node, or one by its name. NULL for a NULL name. */
BlockNode *blk_node_named(BlkCall *b, const char *name, GError **err);
BlockNode *blk_node(BlkCall *b, const char *key, GError **err);
/* By the arguments "device" or "node-name", whichever there is. */
BlockNode *blk_device_or_node(BlkCall *b, GError **err);
/* BLOCK_OPEN_* as a node's options say. */
unsigned blk_open_flags(Options *o);

/* ---- Jobs ---- */

bool blk_policy(BlkCall *b, const char *key, JobOnError *out, GError **err);
bool blk_job_options(BlkCall *b, JobOptions *o, BlockNode *n, GError **err);
bool blk_sync(BlkCall *b, JobSync *out, GError **err);
/* Starts it, or keeps it for a transaction. False for NULL. */
bool blk_start(BlkCall *b, BlockJob *j);
/* The jobs of blockdev-backup and blockdev-mirror by their arguments, not begun. */
BlockJob *blk_backup_make(BlkCall *b, BlockNode *n, BlockNode *target, GError **err);
BlockJob *blk_mirror_make(BlkCall *b, BlockNode *n, BlockNode *target, JobSync sync, bool is_new,
                          GError **err);

/* ---- Images by file name ---- */

const BlockDriver *blk_format(const char *name, GError **err);
/* The argument mode: an image is to be made, else one that is there is taken. */
bool blk_new_image_mode(BlkCall *b, bool *create, GError **err);
bool blk_image_create(BlockGraph *g, const BlockDriver *format, const char *file, uint64_t size,
                      const char *backing, const char *backing_format, GError **err);
bool blk_image_create_with(BlockGraph *g, const BlockDriver *format, const char *file,
                           uint64_t size, Options *o, GError **err);
BlockNode *blk_open_image(BlockGraph *g, Options *o, const char *file, unsigned flags,
                          GError **err);

/* ---- Events ---- */

/* On the graph's loop: @take_json goes to the monitors by the main loop. */
void blk_event(MonHost *h, const char *name, char *take_json);
/* Those that have come go out now. LOOP_THREAD */
void blk_events_send(void *host);
/* Jobs, nodes and exports of @g tell the monitors of @h. */
void blk_events_on(BlockGraph *g, MonHost *h);

/* ---- Answers ---- */

/* The members of a node's answer, and the line for people (nothing without limits). */
void blk_limits_json(JsonOut *j, BlockBackend *drive);
void blk_limits_text(GString *s, BlockBackend *drive);
/* @drive: whose node it is, for its limits; NULL: a node by itself. */
void blk_node_json(JsonOut *j, const char *key, BlockNode *n, BlockBackend *drive);
/* Where the name of its backing image leads from where the image is; the caller frees. */
char *blk_backing_path(BlockNode *n);
/* The drives in order that a name or a device has; the caller frees. */
GPtrArray *blk_drives(MonCall *c);
/* As commands call the device: its id or path; NULL: none. The caller frees. */
char *blk_qdev(BlockBackend *drive);
/* The drive by its id, or by that of its device. */
BlockBackend *blk_drive_or_device(BlkCall *b, const char *device, const char *id, GError **err);

#endif
