/* SPDX-License-Identifier: Apache-2.0 */
/* Sending a state that is in a file to a pipe or a socket, beside the main loop. */
#ifndef MONITOR_MIGRATE_SEND_H
#define MONITOR_MIGRATE_SEND_H

#include "core/types.h"
#include "util/error.h"

typedef struct MigrateSend MigrateSend;
/* @error: 0, -ECANCELED or another -errno. Frees it. LOOP_THREAD */
typedef void MigrateSendFn(void *opaque, int error);

/* A file without a name, in the folder for temporary ones. -1: an error. */
int migrate_spool(GError **err);
/* Takes both descriptors, also where it fails. LOOP_THREAD */
MigrateSend *migrate_send_start(Machine *m, int take_spool, int take_to, MigrateSendFn *done,
                                void *opaque, GError **err);
/* It ends soon, and tells of it. */
void migrate_send_cancel(MigrateSend *s);
void migrate_send_progress(const MigrateSend *s, uint64_t *sent, uint64_t *total);
/* Ends it, if it has not: nothing is told then. */
void migrate_send_free(MigrateSend *s);

#endif
