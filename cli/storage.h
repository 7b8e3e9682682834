/* SPDX-License-Identifier: Apache-2.0 */
/* `tinamou storage` (qemu-storage-daemon): nodes, jobs and exports without a guest. */
#ifndef CLI_STORAGE_H
#define CLI_STORAGE_H

#include "util/error.h"

typedef enum StorageStepKind {
    STORAGE_BLOCKDEV,
    STORAGE_CHARDEV,
    STORAGE_EXPORT,
    STORAGE_MONITOR,
    STORAGE_NBD_SERVER,
    STORAGE_OBJECT,
    STORAGE_TRACE,
} StorageStepKind;

typedef struct StorageStep {
    StorageStepKind kind;
    const char *option, *text; /* "blockdev", "driver=..." */
} StorageStep;

typedef enum StorageShow { STORAGE_SHOW_NOTHING, STORAGE_HELP, STORAGE_VERSION } StorageShow;

/* A command line; strings are the caller's. */
typedef struct StorageArgs {
    GArray *steps; /* of StorageStep: done in the order in which they stand */
    const char *pidfile;
    bool daemonize;
    StorageShow show;
} StorageArgs;

NODISCARD bool storage_args_parse(StorageArgs *a, int argc, char **argv, GError **err);
void storage_args_deinit(StorageArgs *a);
/* The text of --help; the section of the manual page, as troff. The caller frees. */
char *storage_help(const char *prog);
char *storage_manual(void);

/* @prog is named in messages; argv[0] is the tool's own name. The exit status. */
int storage_main(const char *prog, int argc, char **argv);

#endif
