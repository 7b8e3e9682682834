/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Locks of images against other processes, as QEMU takes them: a lock of one byte in the file says
 * what its holder does (100 + n), another what it bears no other to do (200 + n).
 */
#ifndef BLOCK_PROTO_FILE_LOCK_H
#define BLOCK_PROTO_FILE_LOCK_H

#include "util/error.h"

typedef enum FileLockPerm {
    FILE_LOCK_READ = 1 << 0, /* reads what must be consistent */
    FILE_LOCK_WRITE = 1 << 1,
    FILE_LOCK_WRITE_UNCHANGED = 1 << 2,
    FILE_LOCK_RESIZE = 1 << 3,
} FileLockPerm;

/* The code of an error: no process is seen to have the lock. One that was killed may be gone while
 * the kernel still ends what it had under way, and its locks with that. */
enum { FILE_LOCK_UNSEEN = 1 };

/* Take the locks on @fd for what is done (@held) and not borne (@unshared), of FileLockPerm.
 * Errors: name @path, and who has it by process and command. Without locks in the file system it
 * succeeds if @may_lack. Does not wait. */
NODISCARD bool file_lock(int fd, const char *path, unsigned held, unsigned unshared, bool may_lack,
                         GError **err);
void file_unlock(int fd);

#endif
