/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Folders of the host that a guest sees (-fsdev), and the 9P server over them. A device carries
 * messages between its driver and a session; the files are reached by worker threads.
 * Spec: "9P2000.L protocol"; the manual of Plan 9, section 5.
 */
#ifndef FSDEV_FSDEV_H
#define FSDEV_FSDEV_H

#include "core/types.h"
#include "util/error.h"
#include "util/options.h"

#include <glib.h>
#include <sys/uio.h>

typedef struct FsDev FsDev;
typedef struct FsSession FsSession;

enum { FS_HEAD = 7, FS_MSIZE_MIN = 4096, FS_MSIZE_MAX = 1 << 20 };

/* "local,id=f0,path=/share,security_model=mapped-xattr" in @o. Errors: what is wrong with it. */
FsDev *fsdev_open(Options *o, GError **err);
void fsdev_free(FsDev *f);
const char *fsdev_id(const FsDev *f);

/* One driver's connection. */
FsSession *fs_session_new(Machine *m, FsDev *f);
void fs_session_free(FsSession *s);

/*
 * A message and room for its answer; both stay until @done was called on the LOOP_THREAD, with the
 * length of the answer (0: the message does not hold together, or has no room). ANY_THREAD.
 */
typedef void FsDoneFn(void *opaque, uint32_t answer);
void fs_session_request(FsSession *s, const struct iovec *out, unsigned n_out,
                        const struct iovec *in, unsigned n_in, FsDoneFn *done, void *opaque);
/* Until no worker touches a message: completions may be still to come. ANY_THREAD. */
void fs_session_wait(FsSession *s);
/* fs_session_wait, and run the completions here. LOOP_THREAD. */
void fs_session_drain(FsSession *s);
/* Forget all files, as a new connection does. Nothing is under way. */
void fs_session_reset(FsSession *s);
/* What files the driver has, as bytes; and back. Nothing is under way. */
GBytes *fs_session_save(FsSession *s);
NODISCARD bool fs_session_load(FsSession *s, const uint8_t *data, size_t len, GError **err);

#endif
