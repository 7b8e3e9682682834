/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metadata that is written late and in order: what a format changed in its tables since the last
 * flush. Formats keep their tables in memory and read them there; here lie copies of the pieces
 * that the file does not have yet.
 *
 * A flush writes the pieces of META_FIRST (counts that grow, footers, bitmaps of new blocks), makes
 * them and all data stable, then writes META_POINTER (what makes new blocks reachable). A cut at
 * any moment leaves pointers to stable data alone.
 */
#ifndef BLOCK_FORMAT_METAWB_H
#define BLOCK_FORMAT_METAWB_H

#include "block/core/driver.h"

typedef enum MetaOrder { META_FIRST, META_POINTER, META_ORDERS } MetaOrder;

enum {
    META_PIECE_MAX = 4096,
    META_PENDING_MAX = 16384, /* pieces; beyond it link flushes by itself */
};

/* Zero-initialised. */
typedef struct MetaWb {
    FiberMutex lock;
    GTree *pending[META_ORDERS];
    unsigned n_pending;
    FiberMutex grow;
} MetaWb;

/* Remember @len bytes for @off of @child. A place is always given with the same @off and @len. */
void metawb_put(MetaWb *m, MetaOrder order, BlockNode *child, uint64_t off, const void *buf,
                uint32_t len);
/* The piece of @size bytes (a power of two) around @at of a table that lies at @table_off. */
void metawb_put_piece(MetaWb *m, MetaOrder order, BlockNode *child, uint64_t table_off,
                      const void *table, uint64_t table_len, uint64_t at);
bool metawb_is_full(const MetaWb *m);
/* The pointers are written when it returns, not yet stable: the core flushes the children. After
 * an error everything is still pending. FIBER */
int metawb_flush(MetaWb *m);
void metawb_deinit(MetaWb *m);

/*
 * Make @file reach @off + @len without writing. True: the range reads as zeros, since it was beyond
 * the file's end. False: its content is not known, or the file cannot grow by itself. FIBER
 * Context: m->grow is held, so that growth is in the order of the offsets handed out.
 */
bool metawb_grow(MetaWb *m, BlockNode *file, uint64_t off, uint64_t len);

#endif
