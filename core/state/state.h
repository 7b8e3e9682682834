/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a whole machine as a self-describing stream.
 *
 * Sections by device path, fields by name and type, RAM as pages by block (zero pages are not
 * stored). A newer version loads an older file: a missing field takes its declared default. A
 * field that is not known must equal the default that the file states for it, else the load is
 * refused with its name. Everything read is checked before use.
 * Spec: docs/spec/state.md.
 */
#ifndef CORE_STATE_STATE_H
#define CORE_STATE_STATE_H

#include "core/types.h"
#include "util/error.h"

/* Where state goes; block and migration implement their own. False if and only if *err is set. */
typedef struct StateSink {
    bool (*write)(struct StateSink *sink, const void *data, size_t len, GError **err);
    bool plain; /* memory is not compressed */
} StateSink;

typedef struct StateSource {
    /* Exactly @len bytes; an early end is an error. */
    bool (*read)(struct StateSource *src, void *data, size_t len, GError **err);
} StateSource;

/*
 * Save all of @m. The machine must be paused (machine_pause), or its vCPUs take turns on the loop's
 * thread (core/icount.h) and are between two; it stays as it was.
 * Load into a machine built by the same options that has not run, or is paused.
 * Errors of a load: what, in which device and field, and why; a machine that has failed to load
 * holds no state worth running (its devices are reset). Context: LOOP_THREAD.
 */
NODISCARD bool machine_save_to(Machine *m, StateSink *sink, GError **err);
NODISCARD bool machine_load_from(Machine *m, StateSource *src, GError **err);
NODISCARD bool machine_save(Machine *m, int fd, GError **err);
NODISCARD bool machine_load(Machine *m, int fd, GError **err);
/* To and from memory: tests, checkpoints. */
NODISCARD bool machine_save_bytes(Machine *m, GByteArray *out, GError **err);
NODISCARD bool machine_load_bytes(Machine *m, const void *data, size_t len, GError **err);

/* SHA-256 of all that machine_save would store, as text that the caller frees. */
char *machine_state_hash(Machine *m, GError **err);

/* What the state of each type of device consists of, as JSON (-dump-vmstate); the caller frees. */
char *machine_state_tables(Machine *m, const char *board);

/* The devices' state as text, a line a field, to compare two machines; the caller frees. */
char *machine_state_text(Machine *m);

#endif
