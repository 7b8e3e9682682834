/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a format, a protocol or a filter is: one const BlockDriver, one line in block/drivers.list.
 *
 * - A mapping format answers where a range lies (map) and makes room (alloc, then link or abort);
 *   the core moves all data, splits requests, copies on write, reads backing images, and keeps
 *   overlapping requests apart. It needs no locks but a FiberMutex over what yields in the middle
 *   of a change of its tables.
 * - A protocol (bytes in and out) and a filter get whole requests (readv, writev, ...). A filter
 * has one child in the role "file" and its size; what it leaves out goes to the child. All
 * functions run in a fiber of the graph's loop and may yield, except where it says otherwise.
 */
#ifndef BLOCK_CORE_DRIVER_H
#define BLOCK_CORE_DRIVER_H

#include "block/core/node.h"

#include <inttypes.h>

typedef enum BlockKind { BLOCK_FORMAT, BLOCK_PROTOCOL, BLOCK_FILTER } BlockKind;

/* One row of a table of options: parsing, -o help, docs and the QMP schema come from it. */
typedef enum BlockOptionType {
    BLOCK_OPT_STR,
    BLOCK_OPT_BOOL,
    BLOCK_OPT_SIZE,
    BLOCK_OPT_NUMBER
} BlockOptionType;

typedef struct BlockOption {
    const char *name;
    BlockOptionType type;
    const char *doc; /* as qemu-img -o help words it where it has the option */
    const char *def; /* "def" of the help; NULL: none */
    bool amend;      /* may be changed by amend */
} BlockOption;

/* ---- Extents: where a range of a mapping format lies ---- */

typedef enum ExtentKind {
    EXTENT_HOLE,   /* not in this image: the backing image's, else zeros */
    EXTENT_ZERO,   /* zeros, by this image's own word */
    EXTENT_DATA,   /* bytes at .off of .child */
    EXTENT_PACKED, /* compressed: .unpack gives the whole unit */
} ExtentKind;

/* May the child have holes of its own in DATA? What it says of them is looked at. */
typedef enum ExtentHoles {
    EXTENT_DENSE,  /* hardly: asking costs more than it tells */
    EXTENT_HOLLOW, /* yes: room was made for the whole disk at first */
    EXTENT_ASK,    /* where the child takes less of its host than its size says (preallocation) */
} ExtentHoles;

typedef struct Extent {
    ExtentKind kind;
    uint64_t len;     /* from the offset asked for: 1 to the length asked for */
    BlockNode *child; /* DATA, PACKED; NULL: the child "file" */
    uint64_t off;     /* in .child, of the first byte asked for; PACKED: of the packed bytes. ZERO:
                         of the space that is kept for it if .reserved */
    uint64_t packed_len;
    bool reserved; /* ZERO, HOLE: has space in the image (preallocated) */
    ExtentHoles holes;
    uint64_t cookie; /* the format's own */
} Extent;

/* Room for a write: out of alloc, into link or abort. */
typedef struct BlockAlloc {
    uint64_t off, len;  /* in: the guest range wanted (the core sets them). out: .len may be less */
    BlockNode *child;   /* out: NULL: "file" */
    uint64_t child_off; /* out: where the guest's byte .off goes */
    /* out: bytes directly before and after the range, in the new unit too, which the core fills
     * with what reads there now (it writes [child_off - head, child_off + len + tail)). */
    uint32_t head, tail;
    void *token;   /* out: NULL: in place, nothing to link */
    bool replaces; /* out: link frees what is mapped now: the core waits for its readers first */
} BlockAlloc;

/* What a format tells a filter below it before it does it: events of blkdebug. */
typedef enum BlockDebugEvent {
    BLOCK_DEBUG_NONE,
    BLOCK_DEBUG_L1_UPDATE,
    BLOCK_DEBUG_L1_GROW_ALLOC_TABLE,
    BLOCK_DEBUG_L1_GROW_WRITE_TABLE,
    BLOCK_DEBUG_L1_GROW_ACTIVATE_TABLE,
    BLOCK_DEBUG_L2_LOAD,
    BLOCK_DEBUG_L2_UPDATE,
    BLOCK_DEBUG_L2_UPDATE_COMPRESSED,
    BLOCK_DEBUG_L2_ALLOC_COW_READ,
    BLOCK_DEBUG_L2_ALLOC_WRITE,
    BLOCK_DEBUG_READ_AIO,
    BLOCK_DEBUG_READ_BACKING_AIO,
    BLOCK_DEBUG_READ_COMPRESSED,
    BLOCK_DEBUG_WRITE_AIO,
    BLOCK_DEBUG_WRITE_COMPRESSED,
    BLOCK_DEBUG_VMSTATE_LOAD,
    BLOCK_DEBUG_VMSTATE_SAVE,
    BLOCK_DEBUG_COW_READ,
    BLOCK_DEBUG_COW_WRITE,
    BLOCK_DEBUG_REFTABLE_LOAD,
    BLOCK_DEBUG_REFTABLE_GROW,
    BLOCK_DEBUG_REFTABLE_UPDATE,
    BLOCK_DEBUG_REFBLOCK_LOAD,
    BLOCK_DEBUG_REFBLOCK_UPDATE,
    BLOCK_DEBUG_REFBLOCK_UPDATE_PART,
    BLOCK_DEBUG_REFBLOCK_ALLOC,
    BLOCK_DEBUG_REFBLOCK_ALLOC_HOOKUP,
    BLOCK_DEBUG_REFBLOCK_ALLOC_WRITE,
    BLOCK_DEBUG_REFBLOCK_ALLOC_WRITE_BLOCKS,
    BLOCK_DEBUG_REFBLOCK_ALLOC_WRITE_TABLE,
    BLOCK_DEBUG_REFBLOCK_ALLOC_SWITCH_TABLE,
    BLOCK_DEBUG_CLUSTER_ALLOC,
    BLOCK_DEBUG_CLUSTER_ALLOC_BYTES,
    BLOCK_DEBUG_CLUSTER_FREE,
    BLOCK_DEBUG_FLUSH_TO_OS,
    BLOCK_DEBUG_FLUSH_TO_DISK,
    BLOCK_DEBUG_PWRITEV_RMW_HEAD,
    BLOCK_DEBUG_PWRITEV_RMW_AFTER_HEAD,
    BLOCK_DEBUG_PWRITEV_RMW_TAIL,
    BLOCK_DEBUG_PWRITEV_RMW_AFTER_TAIL,
    BLOCK_DEBUG_PWRITEV,
    BLOCK_DEBUG_PWRITEV_ZERO,
    BLOCK_DEBUG_PWRITEV_DONE,
    BLOCK_DEBUG_EMPTY_IMAGE_PREPARE,
    BLOCK_DEBUG_L1_SHRINK_WRITE_TABLE,
    BLOCK_DEBUG_L1_SHRINK_FREE_L2_CLUSTERS,
    BLOCK_DEBUG_COR_WRITE,
    BLOCK_DEBUG_CLUSTER_ALLOC_SPACE,
    BLOCK_DEBUG_EVENTS,
} BlockDebugEvent;

/* A filter that events and breakpoints are for. */
typedef struct BlockDebugOps {
    void (*event)(BlockNode *n, BlockDebugEvent e);
    int (*set_break)(BlockNode *n, const char *event, const char *tag);
    int (*remove_break)(BlockNode *n, const char *tag);
    int (*resume)(BlockNode *n, const char *tag);
    bool (*is_suspended)(BlockNode *n, const char *tag);
} BlockDebugOps;

struct BlockDriver {
    const char *name, *doc;
    BlockKind kind;
    size_t size;                /* of the private part, zeroed: block_priv */
    const BlockOption *options; /* of opening, beside the common ones; ends with a NULL name */
    const BlockOption *create_options; /* NULL: images cannot be created */
    const BlockOption *amend_options;  /* of amend alone, beside create options with .amend */
    const char *const *prefixes;       /* protocols: "nbd", "nbd+unix", ...: NAME: in file names */
    bool no_file;                      /* a format or filter without the child "file" */
    bool backing;                      /* has backing images */
    bool grows;                        /* writes beyond the end extend it (files) */
    bool host_block;                   /* a host's device */
    bool stays; /* has fibers of its own, or what is the graph's: on no iothread */
    bool
        zero_holes; /* what is not mapped is zeros by the format's own word, not for want of more */

    const char *file_alias;  /* another name of the child "file" in options */
    const char *name_option; /* filters, in PREFIX:VALUE:FILE: the option that VALUE is of */
    const BlockDebugOps *debug;

    /* How sure, 0 to 100, that this is the format, from the first @len (512 to 64 KiB) bytes.
     * Does not yield. */
    int (*probe)(const uint8_t *buf, size_t len, const char *filename);
    /* The child "file" (and "data-file", ... by block_open_child) is open. Checks everything that
     * the file says before use; sets the geometry. On failure .close is not called: memory from
     * block_alloc_* is freed by the core. */
    bool (*open)(BlockNode *n, Options *o, GError **err);
    void (*close)(BlockNode *n);
    /* Two phases, so that several nodes change together: prepare may fail, commit may not. */
    bool (*reopen_prepare)(BlockNode *n, Options *o, unsigned flags, GError **err);
    void (*reopen_commit)(BlockNode *n);
    void (*reopen_abort)(BlockNode *n);
    /* A protocol's node of its own with auto-read-only: somebody is going to write, or nobody any
     * more. The first write does the same. */
    bool (*auto_write)(BlockNode *n, bool write, GError **err);
    /* @file: the protocol node, empty (formats); NULL: by @filename (protocols). */
    bool (*create)(BlockGraph *g, const char *filename, BlockNode *file, uint64_t size, Options *o,
                   GError **err);

    /* Mapping formats. @off + @len lie within the size; the core checks what comes back. */
    int (*map)(BlockNode *n, uint64_t off, uint64_t len, Extent *out);
    /* -ENOSPC, -EIO, ...; -ENOTSUP: this range takes compressed units alone (write_packed). */
    int (*alloc)(BlockNode *n, BlockAlloc *a);
    int (*link)(BlockNode *n, BlockAlloc *a); /* the data is written (not yet stable) */
    void (*abort)(BlockNode *n, BlockAlloc *a);
    /* The whole unit of @x at @off (aligned to the unit) into @buf of block_unit() bytes. */
    int (*unpack)(BlockNode *n, uint64_t off, const Extent *x, void *buf);
    /* Write one unit compressed (less at the end of the image); -ENOTSUP: write it plain. */
    int (*write_packed)(BlockNode *n, uint64_t off, const void *buf, uint64_t len);
    /* Encrypted images: in place, whole sectors of 512; @x or @a says where they lie. */
    int (*decrypt)(BlockNode *n, uint64_t off, const Extent *x, void *buf, uint64_t len);
    int (*encrypt)(BlockNode *n, const BlockAlloc *a, uint64_t off, void *buf, uint64_t len);

    /* Protocols and filters: whole requests, aligned to block_node_align. */
    int (*readv)(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                 unsigned flags);
    int (*writev)(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                  unsigned flags);
    int (*status)(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out);
    int (*copy_from)(BlockNode *to, uint64_t to_off, BlockNode *from, uint64_t from_off,
                     uint64_t len);

    /* All kinds. Zero and discard get ranges aligned to zero_align of the geometry (formats: the
     * unit, or the image's end), with nothing else under way in them; -ENOTSUP: the core writes
     * bytes, or drops the discard. */
    int (*zero)(BlockNode *n, uint64_t off, uint64_t len, unsigned flags);
    int (*discard)(BlockNode *n, uint64_t off, uint64_t len);
    /* Formats: write cached metadata in safe order; the core flushes the children after. */
    int (*flush)(BlockNode *n);
    bool (*resize)(BlockNode *n, uint64_t size, bool exact, BlockPrealloc prealloc, GError **err);
    int64_t (*allocated)(BlockNode *n); /* NULL: the child's */
    void (*invalidate)(BlockNode *n);   /* drop clean caches: the file was changed by another */

    bool (*check)(BlockNode *n, BlockCheck *c, unsigned fix, GError **err);
    bool (*measure)(Options *create, BlockNode *from, uint64_t size, BlockMeasure *out,
                    GError **err);
    bool (*amend)(BlockNode *n, Options *o, bool force, BlockCheck *progress, GError **err);
    bool (*set_backing_name)(BlockNode *n, const char *filename, const char *format, GError **err);
    bool (*snapshot_list)(BlockNode *n, BlockSnapshot **list, unsigned *count, GError **err);
    bool (*snapshot_create)(BlockNode *n, BlockSnapshot *s, GError **err);
    bool (*snapshot_apply)(BlockNode *n, const char *id_or_name, GError **err);
    bool (*snapshot_delete)(BlockNode *n, const char *id_or_name, GError **err);
    /* Read-only nodes: shows the disk as it was at a snapshot from now on. */
    bool (*snapshot_view)(BlockNode *n, const char *id_or_name, GError **err);
    /* Forget all data: what reads afterwards is the backing image's. Drained. */
    bool (*make_empty)(BlockNode *n, GError **err);
    /* VM state lies in the map from here on, in guest offsets; 0: none can be kept. */
    uint64_t (*vmstate_base)(BlockNode *n);
    int (*vmstate_discard)(BlockNode *n);
    /* Maps as a snapshot (@id NULL: the disk again) would; nothing is written meanwhile. */
    bool (*snapshot_peek)(BlockNode *n, const char *id, GError **err);
    /* Why it has no snapshots after all; NULL: it has. The caller frees. */
    char *(*snapshot_why_not)(BlockNode *n);
    GVariant *(*specific)(BlockNode *n);
    GVariant *(*stats)(BlockNode *n);    /* what it alone counts: a{sv} */
    bool (*keeps_bitmaps)(BlockNode *n); /* may the image hold persistent bitmaps? NULL: no */
};

extern const BlockDriver *const block_drivers[]; /* block/drivers.list; ends with NULL */
const BlockDriver *block_driver_find(const char *name);

/* ---- For drivers ---- */

void *block_priv(const BlockNode *n);
/* Set *err to "FILE: what", and return false. For header fields, name the field and its value. */
bool block_error(GError **err, const BlockNode *n, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
/* The event BLOCK_IMAGE_CORRUPTED, once; from then on the node takes no writes (-EIO). */
void block_corrupt(BlockNode *n, bool fatal, int64_t off, int64_t len, const char *fmt, ...)
    G_GNUC_PRINTF(5, 6);

/* @n is about to be asked for what @e says. FIBER: may wait, as the request after it may. */
void block_debug_event(BlockNode *n, BlockDebugEvent e);
/* Something worth telling that fails nothing. */
void block_say(BlockNode *n, BlockEvent event, const char *fmt, ...) G_GNUC_PRINTF(3, 4);
/* In open: the file turned out to be for reading alone (see auto-read-only). */
void block_set_read_only(BlockNode *n);
/* In open: writes beyond the end extend it, as in a file below a format. */
void block_set_grows(BlockNode *n);
bool block_auto_read_only(const BlockNode *n);
/* The create option preallocation=. */
NODISCARD bool block_prealloc_option(Options *o, BlockPrealloc *out, GError **err);
/* Somebody waits for its requests: a filter that delays them lets them go. */
bool block_is_draining(const BlockNode *n);
/* In open, protocols: the name that block_node_filename gives. */
void block_set_filename(BlockNode *n, const char *filename);

/* In open: @unit is the granularity of alloc (the cluster), a power of two; map may answer smaller
 * ones. Errors: beyond BLOCK_SIZE_MAX. */
NODISCARD bool block_set_size(BlockNode *n, uint64_t size, GError **err);
void block_set_unit(BlockNode *n, uint64_t unit);
uint64_t block_unit(const BlockNode *n);
void block_set_align(BlockNode *n, uint32_t align);
/* Of zero and discard; default the unit, or the alignment. @max 0: no limit. */
void block_set_zero_limits(BlockNode *n, uint32_t align, uint64_t max);
void block_set_encrypted(BlockNode *n, bool yes);
void block_set_dirty(BlockNode *n, bool yes);
/* What the header says; the core opens it after .open (unless BLOCK_OPEN_NO_BACKING). */
void block_set_backing_name(BlockNode *n, const char *filename, const char *format);

/* In open: another child, from options "ROLE.*" or ROLE=node-name; @filename (relative to the
 * image) and @driver where there are none. Closed by the core. */
BlockNode *block_open_child(BlockNode *n, const char *role, Options *o, const char *filename,
                            const char *driver, GError **err);
BlockNode *block_file(const BlockNode *n); /* the child "file" */

/* In a request: the child @n ends at @size, more than now, and what is new reads as zeros. Unlike
 * block_node_resize it waits for no other request. -ENOTSUP: it cannot. */
int block_extend(BlockNode *n, uint64_t size);

/* Reads and writes of metadata in "file", with errors in words. Reading beyond the end fails. */
NODISCARD bool block_read_all(BlockNode *n, uint64_t off, void *buf, uint64_t len, GError **err);
NODISCARD bool block_write_all(BlockNode *n, uint64_t off, const void *buf, uint64_t len,
                               GError **err);

/* Memory of the node, zeroed, freed with it; NULL beyond a stated limit (1 GiB of tables in all)
 * or without memory: sizes come from files. */
void *block_try_array(BlockNode *n, uint64_t count, size_t size);
void block_free_array(BlockNode *n, void *p);

/* Around a node's work in a fiber of its own that one of its requests began: who drains the node,
 * or closes it, waits for that too. FIBER */
void block_work_begin(BlockNode *n);
void block_work_end(BlockNode *n);

#endif
