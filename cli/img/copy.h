/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Copying within the tool: ranges are classified in order, read and written by several fibers at
 * once. Memory: .chunk bytes (or the target's cluster, if that is larger) a fiber.
 */
#ifndef CLI_IMG_COPY_H
#define CLI_IMG_COPY_H

#include "cli/img/img-priv.h"

/* Between files in the page cache pieces that stay in a processor's own cache from reading to
 * writing; where each request takes long, larger ones. */
enum { IMG_COPY_CHUNK = 1 << 20, IMG_COPY_CACHED = 256 << 10 };

typedef enum ImgPartKind { IMG_PART_SKIP, IMG_PART_ZERO, IMG_PART_DATA } ImgPartKind;

typedef struct ImgCopy ImgCopy;
struct ImgCopy {
    ImgTool *tool;
    BlockNode *to;
    uint64_t size;
    /* What the range at @off is, and how far (at most *len). 0 or -errno. */
    int (*next)(ImgCopy *c, uint64_t off, uint64_t *len, ImgPartKind *kind);
    int (*read)(ImgCopy *c, uint64_t off, void *buf, uint64_t len);
    /* Copies within the host; NULL: through memory. */
    int (*offload)(ImgCopy *c, uint64_t off, uint64_t len);
    void *opaque;
    uint32_t sparse;   /* runs of zeros in data of this many bytes are zeros; 0: not looked for */
    bool zeros;        /* zeros must be written: the target may have something else there */
    bool compressed;   /* whole clusters */
    bool ordered;      /* writes begin in the order of offsets */
    bool strict_order; /* and one after the other */
    bool cached;       /* both sides are files in the page cache: img_is_cached */
    unsigned fibers;
    uint64_t rate; /* bytes a second; 0: no limit */
    ImgProgress *progress;

    /* Its own. */
    uint64_t at, unit, chunk;
    uint64_t known_end; /* up to there .next has said .known */
    ImgPartKind known;
    uint64_t tickets, turn;
    FiberQueue turns;
    FiberMutex lock;
    int64_t begun_us;
    uint64_t copied;
    int error;
    uint64_t error_at;
    bool error_writing;
};

/* FIBER. False: told ("error while reading at byte ..."). */
NODISCARD bool img_copy(ImgCopy *c);

#endif
