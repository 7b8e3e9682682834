/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Monitors: QMP (JSON) and HMP (lines for people), over one table of commands. A MonHost is what
 * the commands of one machine work on; any number of monitors are sessions of it.
 */
#ifndef MONITOR_MONITOR_H
#define MONITOR_MONITOR_H

#include "chardev/chardev.h"
#include "core/machine.h"
#include "util/error.h"
#include "util/options.h"

struct BlockNode;
typedef struct Monitor Monitor;
typedef struct MonHost MonHost;

/* What monitors tell about, and do, that the machine does not know itself. */
typedef struct MonHostConfig {
    const char *arch;  /* "aarch64" */
    const char *board; /* its name */
    const char *uuid;  /* NULL: none */
    /* There is no guest (`tinamou storage`): the machine is never started, and lends its loop, its
     * backends and its log; only commands that work without one are offered. */
    bool no_guest;
    unsigned unstable_input; /* of commands x-...: 0 take them, 1 refuse, 2 end the process */
    bool incoming_defer;     /* -incoming defer: migrate-incoming is awaited */
    /* NULL-terminated arrays */
    const struct MonBoard *boards;
    const char *const *cpu_models;
    const char *cpu_suffix; /* of the names of their types: "-arm-cpu" */
    const DeviceType *const *device_types;
    GPtrArray *nets; /* of NetBackend: -netdev's, and netdev_add's from then on; NULL: none */
    /* Start a debugger's server, as -gdb does; NULL: not possible here. */
    bool (*gdbserver)(void *opaque, const char *where, GError **err);
    /* A drive by -drive's options; NULL: not possible here. */
    bool (*drive_add)(void *opaque, const char *options, GError **err);
    /* A line of `tinamou io` on a node, which prints to standard output; NULL: not there. FIBER of
     * the node's graph. */
    void (*io_command)(struct BlockNode *n, const char *line);
    void *opaque;
} MonHostConfig;

typedef struct MonBoard {
    const char *name, *alias, *default_cpu, *doc;
    const char *props;  /* of -machine: NAME:TYPE, blanks between */
    const char *ram_id; /* its memory's name with -object memory-backend-*; NULL: it takes none */
    unsigned max_cpus;
    bool is_default;
} MonBoard;

/* @config's strings and arrays must outlive it. Context of all: LOOP_THREAD. */
MonHost *mon_host_new(Machine *m, const MonHostConfig *config);
/* Frees its monitors. */
void mon_host_free(MonHost *h);

typedef enum MonMode { MON_HMP, MON_QMP, MON_QMP_PRETTY } MonMode;

/* A session on @c, which stays the caller's. Errors: taken already, QMP is not built in. */
Monitor *monitor_new(MonHost *h, Chardev *c, MonMode mode, GError **err);
void monitor_free(Monitor *mon);

/* Execute one HMP line, as QMP's human-monitor-command and the debugger's `monitor` do; the
 * caller frees the text. @cpu_index: the CPU of `info registers`, `x`; -1: the first. */
char *mon_hmp_execute(MonHost *h, const char *line, int cpu_index);

/* A QMP command that takes any arguments (blockdev-add, object-add) with @o for them, as options of
 * a command line give them. */
NODISCARD bool mon_run_options(MonHost *h, const char *command, const Options *o, GError **err);
/* The disks' events go to the monitors from now on, not only after the first command on them. */
NODISCARD bool mon_watch_disks(MonHost *h, GError **err);

/* Load the state of `-incoming file:PATH` or migrate-incoming, then run unless told not to. */
NODISCARD bool mon_incoming(MonHost *h, const char *uri, GError **err);
/* Go back to a snapshot of the machine, of all disks: loadvm. */
NODISCARD bool mon_loadvm(MonHost *h, const char *name, GError **err);
/* Whether the machine begins to run when an incoming state is there (no -S). */
void mon_set_autostart(MonHost *h, bool autostart);

/* Names, arguments and meaning of every command, as Markdown, for the reference pages. */
char *mon_reference(void);

#endif
