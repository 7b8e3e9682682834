/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tinamou io`: what its main part and its commands share.
 */
#ifndef CLI_IMG_IO_PRIV_H
#define CLI_IMG_IO_PRIV_H

#include "cli/img/img-priv.h"

typedef struct IoTool IoTool;
typedef struct IoCommand {
    const char *name, *alias;
    const char *args, *doc; /* args NULL: none is told of */
    const char *letters;    /* for getopt; NULL: no options */
    int min, max;           /* what is no option; -1: no limit */
    bool no_file;           /* does without an open image */
    /* argv[optind] is the first that is no option: call getopt first. 0 or -errno, told. FIBER */
    int (*run)(IoTool *t, int argc, char **argv);
    bool one_length; /* of those that move data: no list of them */
} IoCommand;

struct IoTool {
    ImgTool tool;
    const IoCommand *command; /* that runs */
    BlockNode *node;          /* NULL: none is open */
    bool copy_on_read, quit;
    unsigned in_flight; /* aio_* */
    FiberQueue idle;
    unsigned failed;
};

/* Without options: each write is stable when it ends, and discards are done. */
enum { IO_OPEN_FLAGS = BLOCK_OPEN_WRITE | BLOCK_OPEN_WRITETHROUGH | BLOCK_OPEN_DISCARD };

extern const IoCommand io_commands[];

/* Opens @filename (NULL: by @options alone) as the image; false: told. */
NODISCARD bool io_open(IoTool *t, const char *filename, Options *options, unsigned flags);
/* Waits for what is under way. FIBER */
void io_drain(IoTool *t);
void io_close(IoTool *t);
/* One line of commands and arguments. FIBER; 0 or -errno. */
int io_command(IoTool *t, const char *line);
/* @as: under this name of it; NULL: its first. */
/* What more there is to say of the command; NULL: nothing. */
void io_help_more(const char *name);
void io_usage_of(const IoCommand *c, const char *as);

/* A size that a command takes; false: told. */
NODISCARD bool io_number(const char *text, uint64_t *value);
/* What -t, -d say into *flags; false: told. */
NODISCARD bool io_cache_mode(const char *mode, unsigned *flags);
NODISCARD bool io_aio_mode(const char *mode, unsigned *flags);
NODISCARD bool io_discard_mode(const char *mode, unsigned *flags);

/* io-data.c: those that move data. */
int io_read_run(IoTool *t, int argc, char **argv);
int io_readv_run(IoTool *t, int argc, char **argv);
int io_write_run(IoTool *t, int argc, char **argv);
int io_writev_run(IoTool *t, int argc, char **argv);
int io_discard_run(IoTool *t, int argc, char **argv);
int io_aio_read_run(IoTool *t, int argc, char **argv);
int io_aio_write_run(IoTool *t, int argc, char **argv);

#endif
