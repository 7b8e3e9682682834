/* SPDX-License-Identifier: Apache-2.0 */
/* From a SystemConfig to a machine with its consoles, monitors and debugger. */
#ifndef CLI_BUILD_H
#define CLI_BUILD_H

#include "chardev/chardev.h"
#include "cli/config.h"
#include "core/clock.h"
#include "debug/gdbstub.h"
#include "hw/board/board.h"
#include "monitor/monitor.h"

typedef struct Build {
    const SystemConfig *config;
    Machine *m;
    const Board *board;
    const Accel *accel;
    MonHost *monitors;
    GPtrArray *gdbs;     /* of GdbServer */
    GPtrArray *chardevs; /* of Chardev, owned */
    GArray *serials;     /* of Chardev *; NULL: none */
    GArray *parallels;   /* the same */
    GArray *drives;      /* of BoardDrive */
    GPtrArray *nets;     /* of NetBackend, owned */
    GPtrArray *fsdevs;   /* of FsDev, owned */
    GPtrArray *added;    /* of BlockBackend: drive_add's; NULL: none */
    GPtrArray *parsed;   /* of Options: strings that drives and the board point to */
    Options machine_options;
    GArray *mon_boards;    /* of MonBoard, with a NULL row at the end */
    GPtrArray *cpu_models; /* NULL-terminated */
    GPtrArray *strings;    /* that others point to, owned */
    char *cpu;             /* -cpu with the model's own spelling; NULL: the default */
    Chardev *stdio;        /* the one on the terminal, if any */
    bool stdio_is_mux;
    Timer hash_timer; /* -state-hash MS */
} Build;

void build_init(Build *b, const SystemConfig *c);
/* Everything up to machine_start. Errors: with the option's name. */
NODISCARD bool build_machine(Build *b, GError **err);
/* Monitors and debugger, and the state to begin with. */
NODISCARD bool build_run(Build *b, GError **err);
/* Then run, unless -S says otherwise. */
NODISCARD bool build_go(Build *b, GError **err);
/* -state-hash: print it now. */
void build_state_hash(Build *b);
void build_deinit(Build *b);

/* drives.c */
/* What drives and character devices name: before them. */
NODISCARD bool build_objects(Build *b, GError **err);
NODISCARD bool build_drives(Build *b, GError **err);
/* drive_add: one more by -drive's options. */
bool build_drive_add(void *build, const char *text, GError **err);
void build_drives_end(Build *b);
/* nets.c */
NODISCARD bool build_nets(Build *b, GError **err);
bool build_filters(Build *b, GError **err);
/* Is this -object one of build_filters? */
bool nets_is_filter(const char *text);
/* -object memory-backend-*: the board makes it. */
bool object_is_memory(const char *text);
/* CPUs are stopped; the backends are freed after the machine. */
void build_close_nets(Build *b);
/* fsdevs.c */
NODISCARD bool build_fsdevs(Build *b, GError **err);
/* consoles.c */
NODISCARD bool build_consoles(Build *b, GError **err);
NODISCARD bool build_monitors(Build *b, GError **err);
NODISCARD bool build_gdb(Build *b, const char *where, GError **err);
/* lists.c: -machine help and the like; the caller frees. NULL with an error. */
char *build_list(const SystemConfig *c, const char *prog, GError **err);
/* DeviceTypes of CPUs of @arch, NULL-terminated; caller frees the array. */
const DeviceType **build_cpu_types(const char *arch);

#endif
