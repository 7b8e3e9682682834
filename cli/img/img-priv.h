/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `tinamou img`: what its subcommands share. A subcommand is one ImgCommand: its options stand once
 * in its table, from which come parsing, --help and the manual page. It runs in a fiber of the
 * tool's loop, as straight-line code.
 */
#ifndef CLI_IMG_IMG_PRIV_H
#define CLI_IMG_IMG_PRIV_H

#include "block/core/node.h"
#include "util/error.h"

#include <stdio.h>

/* Keys of options: the letter, or for those without one, from here. */
enum {
    IMG_OPT_OUTPUT = 256,
    IMG_OPT_OBJECT,
    IMG_OPT_IMAGE_OPTS,
    IMG_OPT_TARGET_IMAGE_OPTS,
    IMG_OPT_BACKING_CHAIN,
    IMG_OPT_OWN, /* a subcommand's own: IMG_OPT_OWN + 0, 1, ... */
};

typedef struct ImgOption {
    int key;
    const char *name; /* the long one; NULL: a letter alone */
    const char *arg;  /* what the argument is called; NULL: none */
    const char *doc;
} ImgOption;

typedef struct ImgArg {
    int key;
    const char *value;
} ImgArg;

typedef struct ImgTool ImgTool;
typedef struct ImgCommand ImgCommand;

typedef struct ImgArgs {
    const ImgCommand *command;
    ImgArg *list; /* in the order given */
    unsigned n;
    char **words; /* what is no option */
    unsigned n_words;
    const char *last; /* of commands with .last_word */
} ImgArgs;

struct ImgCommand {
    const char *name;
    const char *words; /* "filename [size]" */
    const char *doc;
    const ImgOption *options; /* ends with key 0 */
    bool last_word;           /* the last argument is none even if it begins with '-' */
    int (*run)(ImgTool *t, const ImgArgs *a); /* FIBER; the exit status */
};

struct ImgTool {
    const char *prog; /* for messages */
    IoLoop *loop;
    BlockGraph *graph;
    bool quiet;
};

extern const ImgCommand img_amend, img_bench, img_bitmap, img_check, img_commit, img_compare,
    img_convert, img_create, img_dd, img_info, img_map, img_measure, img_rebase, img_resize,
    img_snapshot;

/* Rows that mean the same everywhere. */
#define IMG_FORMAT                                                                 \
    {                                                                              \
        'f', "format", "fmt", "format of the image; guessed where it is not given" \
    }
#define IMG_CACHE                                                     \
    {                                                                 \
        't', NULL, "cache", "cache mode of the image that is written" \
    }
#define IMG_SOURCE_CACHE                                               \
    {                                                                  \
        'T', NULL, "src_cache", "cache mode of the image that is read" \
    }
#define IMG_PROGRESS                         \
    {                                        \
        'p', NULL, NULL, "show the progress" \
    }
#define IMG_QUIET                                      \
    {                                                  \
        'q', "quiet", NULL, "print nothing but errors" \
    }
#define IMG_SHARE                                                             \
    {                                                                         \
        'U', "force-share", NULL, "open also what another program is writing" \
    }
#define IMG_OUTPUT                                        \
    {                                                     \
        IMG_OPT_OUTPUT, "output", "ofmt", "human or json" \
    }
#define IMG_OBJECT                                                                 \
    {                                                                              \
        IMG_OPT_OBJECT, "object", "objectdef", "secret,id=ID,data=... or file=..." \
    }
#define IMG_IMAGE_OPTS                                                            \
    {                                                                             \
        IMG_OPT_IMAGE_OPTS, "image-opts", NULL, "file names are lists of options" \
    }

/* ---- Arguments ---- */

/* The last one given; NULL: not given. Without argument: "". */
const char *img_arg(const ImgArgs *a, int key);
bool img_has(const ImgArgs *a, int key);
/* All -o together, joined by commas; NULL: none. The caller frees. */
char *img_arg_joined(const ImgArgs *a, int key);
/* False (told) where --output is neither human nor json. */
NODISCARD bool img_arg_json(ImgTool *t, const ImgArgs *a, bool *json);
/* Sizes as the tools have always taken them; false (told, as option @what) else. */
NODISCARD bool img_parse_size(ImgTool *t, const char *what, const char *text, uint64_t max,
                              uint64_t *value);
/* Text is "help" or "?", or a list with it. */
bool img_is_help(const char *text);

/* ---- Messages ---- */

/* Warnings of the block layer, as people read them. */
void img_on_event(void *tool, BlockNode *n, BlockEvent event, const char *text);
/* "PROG: ..." on stderr; returns 1, for `return img_fail(...)`. */
int img_fail(ImgTool *t, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/* The same, and where to find help. */
int img_usage(ImgTool *t, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/* "PROG: " and @take_err's message, freed. */
int img_fail_err(ImgTool *t, GError *take_err);

/* A bar, or, without one, a line whenever SIGUSR1 comes. */
typedef struct ImgProgress {
    bool on, listens;
    double last;
    int fd; /* of the signal, if .listens */
} ImgProgress;

void img_progress_start(ImgProgress *p, bool on);
void img_progress(ImgProgress *p, double percent);
void img_progress_end(ImgProgress *p);

/* ---- Images ---- */

typedef struct ImgOpen {
    const char *format; /* NULL: probe */
    const char *cache;  /* NULL: writeback */
    bool image_opts;
    unsigned flags;   /* BLOCK_OPEN_* */
    Options *options; /* more, or NULL */
} ImgOpen;

/* What -f, -t, --image-opts and -U say. */
ImgOpen img_open_args(const ImgArgs *a, unsigned flags);
/* What a range is, through backing images, as qemu-img tells it: of a vhdx nothing but that it is
 * there. FIBER */
int img_status(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out);
/* What nobody tells, has no status: all of it counts. */
bool img_tells_status(const BlockNode *n);
/* NULL: told. */
BlockNode *img_open(ImgTool *t, const char *filename, const ImgOpen *o);
/* The same, of a disk as it was at an internal snapshot: "snapshot.name=X", "snapshot.id=X", or a
 * name or id (NULL: as it is). */
BlockNode *img_open_snapshot(ImgTool *t, const char *filename, const ImgOpen *o,
                             const char *snapshot);
/* --object; false: told. */
NODISCARD bool img_objects(ImgTool *t, const ImgArgs *a);
/* Where the backing image of @n lies, as opened from here; NULL: has none. The caller frees. */
char *img_backing_path(const BlockNode *n);
/* The same for a name @backing in the header of @image. */
char *img_backing_path_of(const char *image, const char *backing);
/* Size of the backing image named from @filename; false: told. */
BlockNode *img_open_backing(ImgTool *t, const char *filename, const char *backing,
                            const char *format, unsigned flags, GError **err);
const BlockDriver *img_driver(ImgTool *t, const char *name);

/* "196 KiB", as info and snapshot -l print sizes; the caller frees. */
char *img_size_text(uint64_t bytes);
/* "97.656 KiB": the form of `tinamou io`; the caller frees. */
char *img_size_long(double bytes);

/* Creates an image and, unless quiet, says what of. 0 or an exit status (told). */
typedef struct ImgCreate {
    const char *filename, *backing, *backing_format, *options;
    const BlockDriver *format;
    uint64_t size; /* UINT64_MAX: of the backing image or -o size= */
    bool unsafe;   /* the backing image is not looked at */
    bool quiet;
} ImgCreate;
NODISCARD bool img_create_image(ImgTool *t, const ImgCreate *c, GError **err);
/* The table of -o help for a format and the protocol of a file name (NULL: not known). */
void img_print_options(const BlockDriver *format, const BlockDriver *protocol, const char *title,
                       bool amend);
/* -o help of create and convert; the exit status. */
int img_option_help(ImgTool *t, const char *format, const char *filename);
/* What files of that name are made by: "file", "nbd", ... */
const BlockDriver *img_protocol(const char *filename);
/* Checks the values of @o against the tables of both; unknown names too. */
NODISCARD bool img_check_options(const BlockDriver *format, const BlockDriver *protocol,
                                 const Options *o, bool amend, GError **err);
void img_options_set(Options *o, const char *key, const char *value);
/* The value, without marking it used; NULL. */
const char *img_options_peek(const Options *o, const char *key);

/* "Snapshot list:" and its lines. */
void img_print_snapshots(FILE *out, const BlockSnapshot *list, unsigned n);

/* convert --bitmaps: the source has some that can be copied; they are in the target. False: told.
 */
NODISCARD bool img_bitmaps_check(ImgTool *t, BlockNode *from, bool skip_broken);
NODISCARD bool img_bitmaps_copy(ImgTool *t, BlockNode *from, BlockNode *to);

/* Runs @fn @n times at once, each in a fiber of its own, and waits for all. FIBER */
void img_fibers(unsigned n, FiberFn *fn, void *arg);

/* Are @len bytes (a multiple of 1) at @buf zeros? */
bool img_is_zero(const void *buf, size_t len);
/* Is it of files that the host's page cache has? */
bool img_is_cached(const BlockNode *n);

#endif
