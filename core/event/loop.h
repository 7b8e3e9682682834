/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The main loop of a machine: file descriptors, posted work, host timers and a worker pool, over
 * the machine's own GMainContext.
 */
#ifndef CORE_EVENT_LOOP_H
#define CORE_EVENT_LOOP_H

#include "core/types.h"

#include <glib.h>

typedef void LoopFn(void *arg);

typedef enum LoopEvents {
    LOOP_IN = G_IO_IN,
    LOOP_OUT = G_IO_OUT,
    LOOP_HUP = G_IO_HUP,
    LOOP_ERR = G_IO_ERR,
} LoopEvents;

/* Runs on the loop when @fd is ready; false removes the watch. */
typedef bool LoopFdFn(int fd, unsigned events, void *arg);
/* The GMainContext, for GSources and GIO of backends. */
GMainContext *loop_context(Machine *m);
/* The machine's log, for backends. ANY_THREAD. */
struct LogSink *loop_log(Machine *m);
/* A backend by its kind and id (machine_add_backend), for those of other kinds. LOOP_THREAD. */
void *loop_find_backend(Machine *m, const char *kind, const char *id);
/* For the monitors: "NAME {data}". Context: ANY_THREAD. */
void loop_tell_event(Machine *m, const char *text);
/* Is this the thread that runs (or would run) @m's loop? True before the loop has ever run. */
bool loop_is_current(Machine *m);

/* Run @fn on the loop, in the order of posting. Context: ANY_THREAD. */
void loop_post(Machine *m, LoopFn *fn, void *arg);
/* Post and wait until it has run; calls directly on the loop's own thread. */
void loop_post_wait(Machine *m, LoopFn *fn, void *arg);
/* Forget posted calls of @fn with @arg that have not begun. Context: LOOP_THREAD. */
void loop_unpost(Machine *m, LoopFn *fn, void *arg);

/* An id for loop_unwatch. Context: ANY_THREAD. */
unsigned loop_watch_fd(Machine *m, int fd, unsigned events, LoopFdFn *fn, void *arg);
void loop_unwatch(Machine *m, unsigned id);

/* Host-time timeout, for backends: @fn once after @ms; loop_unwatch cancels. */
unsigned loop_timeout_ms(Machine *m, unsigned ms, LoopFn *fn, void *arg);

/* Run @work on a worker thread, then @done (may be NULL) on the loop. Context: ANY_THREAD. */
void loop_work(Machine *m, LoopFn *work, LoopFn *done, void *arg);

/* Work elsewhere that will post its end: the machine is not torn down before loop_release. */
void loop_hold(Machine *m);
void loop_release(Machine *m);
/* Does the machine run in turns, so that loop_work alone keeps the order of what ends? */
bool loop_is_ordered(Machine *m);
/* Something that lives as long as the machine, freed with it (the block layer's graph). */
void loop_keep(Machine *m, void *data, void (*free_fn)(void *));
void *loop_kept(Machine *m);

/* One round: dispatches what is ready; waits for something if @may_block. LOOP_THREAD. */
bool loop_iterate(Machine *m, bool may_block);

/* The machine's: what `add-fd` and `getfd` have given: host backends open
 * names of files by it. ANY_THREAD. */
struct FdSets *machine_fdsets(const Machine *m);

#endif
