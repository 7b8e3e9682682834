/* SPDX-License-Identifier: Apache-2.0 */
/* What the sectors of a disk may hold after a power cut. */
#ifndef TESTS_IMAGE_CUT_MODEL_H
#define TESTS_IMAGE_CUT_MODEL_H

#include "block/core/driver.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

enum { CUT_SECTOR = 512 };

/* A sector's tag is its first 8 bytes, repeated; 0 is zeros. */
typedef struct CutSector {
    uint64_t now;
    GArray *may; /* of uint64_t: what a cut may leave besides .now */
} CutSector;

void cut_set(CutSector *s, uint64_t tag);
/* Of @n sectors, only what they are now may be. */
void cut_flushed(CutSector *s, unsigned n);
bool cut_allows(const CutSector *s, uint64_t tag);
/* The tag that a sector's bytes show; false: it is torn. */
bool cut_tag(const uint8_t *p, uint64_t *tag);
/* @n sectors with tags from @first on. Free it with g_free. */
uint8_t *cut_bytes(uint64_t first, uint64_t n);
/* The first of @n sectors in @buf that is not as it may be; @n: all are. */
uint64_t cut_compare(const CutSector *s, const uint8_t *buf, uint64_t n);

/* What every case of a test of cuts has. */
typedef struct CutCase {
    GRand *rand;
    uint32_t seed;
    const char *create, *open; /* the image, for messages too */
    bool cut, failed;
} CutCase;

void cut_fail(CutCase *c, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
/* By chance, from 0 to @n - 1; 0 for none. */
uint32_t cut_below(GRand *rand, uint64_t n);

/* Work of many fibers at once: what the caller gives, and what it takes back. */
typedef struct CutMany {
    BlockNode *n;
    GRand *rand;
    CutSector *s;
    uint64_t sectors, tag;
    bool cut;
    /* for cut_many alone */
    bool *busy;        /* sectors of which a write is under way */
    uint64_t *started; /* numbers of their last writes */
    uint64_t writes;
    unsigned running;
    FiberQueue done;
} CutMany;

/* Writes of sectors that nobody else writes meanwhile, and flushes: what had been written when one
 * began is sure when it ends. FIBER */
void cut_many(CutMany *m);

#endif
