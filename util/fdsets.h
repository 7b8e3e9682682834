/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors that somebody has given the process: sets of them, which file names of the form
 * /dev/fdset/ID stand for, and single ones by name. Context: ANY_THREAD.
 */
#ifndef UTIL_FDSETS_H
#define UTIL_FDSETS_H

#include "util/error.h"

typedef struct FdSets FdSets;

FdSets *fdsets_new(void);
FdSets *fdsets_ref(FdSets *f);
void fdsets_unref(FdSets *f);

/* @set below 0: one that there is not yet. The set's number, or -1; @take_fd is taken then alone.
 */
int64_t fdsets_add(FdSets *f, int64_t set, int take_fd, const char *opaque, GError **err);
/* @fd below 0: all of the set. What was opened by the name stays open. */
bool fdsets_remove(FdSets *f, int64_t set, int fd, GError **err);
typedef void FdSetsFn(void *arg, int64_t set, int fd, const char *opaque);
/* In the order of sets; @fn calls nothing of this. */
void fdsets_each(FdSets *f, FdSetsFn *fn, void *arg);

bool fdsets_is_path(const char *path);
/*
 * As open(2): a copy of the set's descriptor whose access mode is that of @flags (and which gets
 * O_APPEND, O_DIRECT and O_NONBLOCK of them); -errno: EACCES where none has that mode.
 */
int fdsets_open(FdSets *f, const char *path, int flags);
/* open(2), of such a path too; @f may be NULL. A descriptor or -errno. */
int fdsets_open_any(FdSets *f, const char *path, int flags, unsigned mode);

/* One that had the name is closed. */
void fdsets_name(FdSets *f, const char *name, int take_fd);
/* The caller has it from then on; -1: none has the name. */
int fdsets_take(FdSets *f, const char *name);
/* @text is the number of an open one, or a name, which is used up; the caller has it. -1: an error
 * that begins with @what ("fd=") and @text. */
int fdsets_take_text(FdSets *f, const char *what, const char *text, GError **err);

#endif
