/* SPDX-License-Identifier: Apache-2.0 */
/* `tinamou img compare`: do two images read the same? Several ranges are read at once. */
#include "cli/img/img-priv.h"

#include <inttypes.h>
#include <stdlib.h>

/* What the process ends with, as scripts know it. */
enum {
    COMPARE_SAME = 0,
    COMPARE_DIFFERS = 1,
    COMPARE_NOT_OPEN = 2,
    COMPARE_STATUS_FAILED = 3,
    COMPARE_READ_FAILED = 4,
};
enum { COMPARE_CHUNK = 1 << 20, COMPARE_CACHED = 256 << 10, COMPARE_FIBERS = 8 };

typedef enum CompareFinding {
    FINDING_NONE,
    FINDING_CONTENT,
    FINDING_STATUS, /* strict mode */
    FINDING_STATUS_ERROR,
    FINDING_READ_ERROR,
} CompareFinding;

typedef struct CompareSide {
    BlockNode *node;
    const char *filename;
    uint64_t size;
    uint64_t known_end; /* up to there its status is .known */
    unsigned known;
} CompareSide;

typedef struct Compare {
    CompareSide side[2];
    bool strict;
    uint64_t next, end; /* ranges are given out in order */
    uint64_t chunk;
    FiberMutex lock;
    ImgProgress progress;
    /* The first of what was found. */
    CompareFinding finding;
    uint64_t at;
    int error;
    unsigned error_side;
} Compare;

typedef struct ComparePart {
    uint64_t off, len;
    bool look[2]; /* has bytes to be read */
} ComparePart;

static void compare_found(Compare *c, CompareFinding finding, uint64_t at)
{
    if (!c->finding || at < c->at) {
        c->finding = finding;
        c->at = at;
    }
}

static void compare_error(Compare *c, CompareFinding finding, uint64_t at, unsigned side, int error)
{
    if (!c->finding || at < c->at) {
        c->error_side = side;
        c->error = error;
    }
    compare_found(c, finding, at);
}

/* What @side is at @off, and how far: it is asked once a range, however many pieces that has. */
static int compare_status(CompareSide *side, uint64_t off, uint64_t end, uint64_t *len,
                          unsigned *bits)
{
    BlockStatus s = { .bits = BLOCK_STATUS_ZERO, .len = end - off };
    int ret = 0;

    if (off < side->size && off >= side->known_end) {
        ret = img_status(side->node, off, MIN(end, side->size) - off, &s);
        side->known_end = off + (ret < 0 ? 0 : s.len);
        side->known = s.bits;
    } else if (off < side->size) {
        s.len = side->known_end - off;
        s.bits = side->known;
    }
    *len = s.len;
    *bits = s.bits;
    return ret;
}

/* The next range that has to be read; false: there is none. Under the lock. */
static bool compare_next(Compare *c, ComparePart *p)
{
    const unsigned bits =
        BLOCK_STATUS_DATA | BLOCK_STATUS_ZERO | BLOCK_STATUS_ALLOCATED | BLOCK_STATUS_EOF;

    while (c->next < c->end && !c->finding) {
        unsigned status[2] = { 0 };

        *p = (ComparePart){ .off = c->next, .len = c->end - c->next };
        for (unsigned i = 0; i < 2; i++) {
            uint64_t len;
            unsigned found;
            int ret = compare_status(&c->side[i], p->off, c->end, &len, &found);

            if (ret < 0) {
                compare_error(c, FINDING_STATUS_ERROR, p->off, i, ret);
                return false;
            }
            status[i] = found & bits;
            p->len = MIN(p->len, len);
            p->look[i] = !(found & BLOCK_STATUS_ZERO);
        }
        if (c->strict && status[0] != status[1]) {
            compare_found(c, FINDING_STATUS, p->off);
            return false;
        }
        if (p->look[0] || p->look[1]) {
            p->len = MIN(p->len, c->chunk);
        }
        c->next += p->len;
        img_progress(&c->progress, (double)c->next * 100 / (double)c->end);
        if (p->look[0] || p->look[1]) {
            return true;
        }
    }
    return false;
}

static void compare_part(Compare *c, const ComparePart *p, uint8_t *buf[2])
{
    for (unsigned i = 0; i < 2; i++) {
        int ret = p->look[i] ? block_node_read(c->side[i].node, p->off, buf[i], p->len) : 0;

        if (ret < 0) {
            compare_error(c, FINDING_READ_ERROR, p->off, i, ret);
            return;
        }
        if (!p->look[i]) {
            memset(buf[i], 0, p->len);
        }
    }
    if (!memcmp(buf[0], buf[1], p->len)) {
        return;
    }
    for (uint64_t i = 0; i < p->len; i++) {
        if (buf[0][i] != buf[1][i]) {
            /* The beginning of the sector, where it has always been told. */
            compare_found(c, FINDING_CONTENT, (p->off + i) & ~511ull);
            return;
        }
    }
}

static void compare_fiber(void *opaque)
{
    Compare *c = opaque;
    uint8_t *buf[2] = { 0 };
    ComparePart p;

    for (unsigned i = 0; i < 2; i++) {
        buf[i] = g_malloc(c->chunk);
    }
    for (;;) {
        bool more;

        fiber_lock(&c->lock);
        more = compare_next(c, &p);
        fiber_unlock(&c->lock);
        if (!more) {
            break;
        }
        compare_part(c, &p, buf);
    }
    g_free(buf[0]);
    g_free(buf[1]);
}

static int compare_verdict(ImgTool *t, const Compare *c)
{
    switch (c->finding) {
    case FINDING_CONTENT:
        if (!t->quiet) {
            printf("Content mismatch at offset %" PRIu64 "!\n", c->at);
        }
        return COMPARE_DIFFERS;
    case FINDING_STATUS:
        if (!t->quiet) {
            printf("Strict mode: Offset %" PRIu64 " block status mismatch!\n", c->at);
        }
        return COMPARE_DIFFERS;
    case FINDING_STATUS_ERROR:
        img_fail(t, "Sector allocation test failed for %s: %s", c->side[c->error_side].filename,
                 g_strerror(-c->error));
        return COMPARE_STATUS_FAILED;
    case FINDING_READ_ERROR:
        img_fail(t, "Error while reading offset %" PRIu64 " of %s: %s", c->at,
                 c->side[c->error_side].filename, g_strerror(-c->error));
        return COMPARE_READ_FAILED;
    default:
        if (!t->quiet) {
            puts("Images are identical.");
        }
        return COMPARE_SAME;
    }
}

static int compare_images(ImgTool *t, Compare *c, bool progress)
{
    bool same_size = c->side[0].size == c->side[1].size;
    int ret;

    img_progress_start(&c->progress, progress && !t->quiet);
    if (!same_size && c->strict) {
        if (!t->quiet) {
            puts("Strict mode: Image size mismatch!");
        }
        img_progress_end(&c->progress);
        return COMPARE_DIFFERS;
    }
    c->chunk = img_is_cached(c->side[0].node) && img_is_cached(c->side[1].node) ? COMPARE_CACHED
                                                                                : COMPARE_CHUNK;
    c->end = MIN(c->side[0].size, c->side[1].size);
    img_fibers(COMPARE_FIBERS, compare_fiber, c);
    if (!same_size && !c->finding) { /* zeros may be missing at the shorter one's end */
        if (!t->quiet) {
            puts("Warning: Image size mismatch!");
        }
        c->end = MAX(c->side[0].size, c->side[1].size);
        img_fibers(COMPARE_FIBERS, compare_fiber, c);
    }
    if (!c->finding) {
        img_progress(&c->progress, 100);
    }
    ret = compare_verdict(t, c);
    img_progress_end(&c->progress);
    return ret;
}

static int compare_run(ImgTool *t, const ImgArgs *a)
{
    ImgOpen open = img_open_args(a, 0);
    Compare c = { .strict = img_has(a, 's') };
    const char *formats[] = { img_arg(a, 'f'), img_arg(a, 'F') };
    unsigned ignored = 0;
    int ret = COMPARE_NOT_OPEN;

    open.cache = img_arg(a, 'T');
    if (a->n_words != 2) {
        return img_usage(t, "Expecting two image file names");
    }
    if (open.cache && !block_cache_flags(open.cache, &ignored)) {
        img_fail(t, "Invalid source cache option: %s", open.cache);
        return COMPARE_NOT_OPEN;
    }
    for (unsigned i = 0; i < 2; i++) {
        open.format = formats[i];
        c.side[i].filename = a->words[i];
        c.side[i].node = img_open(t, a->words[i], &open);
        if (!c.side[i].node) {
            goto out;
        }
        c.side[i].size = block_node_size(c.side[i].node);
    }
    ret = compare_images(t, &c, img_has(a, 'p'));
out:
    for (unsigned i = 0; i < 2; i++) {
        if (c.side[i].node) {
            block_node_unref(c.side[i].node);
        }
    }
    return ret;
}

static const ImgOption compare_options[] = {
    IMG_OBJECT,
    IMG_IMAGE_OPTS,
    { 'f', NULL, "fmt", "format of the first image" },
    { 'F', NULL, "fmt", "format of the second image" },
    IMG_SOURCE_CACHE,
    IMG_PROGRESS,
    IMG_QUIET,
    { 's', NULL, NULL, "strict: sizes and allocation count too" },
    IMG_SHARE,
    { 0 },
};

const ImgCommand img_compare = {
    .name = "compare",
    .words = "filename1 filename2",
    .doc = "do two images read the same? Ends with 0: yes; 1: no; 2 to 4: an error (opening, "
           "status, reading)",
    .options = compare_options,
    .run = compare_run,
};
