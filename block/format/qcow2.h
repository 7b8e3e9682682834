/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qcow2: what its files share. Spec: "Qcow2 Image File Format" (docs/interop/qcow2 of QEMU's
 * documentation); section names in comments are that page's.
 *
 * Threads and waiting: everything runs in fibers of the graph's loop. `lock` is held while room is
 * made or tables change shape; lookups take no lock. A pointer into a cached table is valid until
 * the next thing that may wait. At every point where a fiber waits, the tables in memory are
 * consistent: counts are raised before a cluster is pointed to, and lowered only after what
 * pointed to it has gone from stable storage. So writing out (qcow2_flush_meta) may take its
 * picture at any such point.
 */
#ifndef BLOCK_FORMAT_QCOW2_H
#define BLOCK_FORMAT_QCOW2_H

#include "block/core/driver.h"

enum {
    QCOW2_MAGIC = 0x514649fb,
    QCOW2_V2_LEN = 72,
    QCOW2_V3_LEN = 104,
    QCOW2_HEAD_LEN = 112, /* what we write: up to compression_type and its padding */
    QCOW2_MIN_BITS = 9,
    QCOW2_MAX_BITS = 21,
    QCOW2_SUBCLUSTERS = 32,
    QCOW2_NAME_MAX = 1023,               /* of the backing file */
    QCOW2_L1_MAX = 32 << 20,             /* bytes, as QEMU's limit */
    QCOW2_RT_MAX = 8 << 20,              /* bytes of the refcount table, as QEMU's limit */
    QCOW2_SNAPSHOTS_MAX = 65536,         /* as QEMU's limit */
    QCOW2_SNAPSHOT_TABLE_MAX = 64 << 20, /* bytes */
    QCOW2_EXTRA_MAX = 1024,              /* extra data of a snapshot */
    QCOW2_BITMAPS_MAX = 65535,
    QCOW2_BITMAP_DIR_MAX = 64 << 20, /* bytes */
    QCOW2_BITMAP_NAME_MAX = 1023,
};

/* incompatible_features, compatible_features, autoclear_features */
enum {
    QCOW2_INCOMPAT_DIRTY = 1 << 0,
    QCOW2_INCOMPAT_CORRUPT = 1 << 1,
    QCOW2_INCOMPAT_DATA_FILE = 1 << 2,
    QCOW2_INCOMPAT_COMPRESSION = 1 << 3,
    QCOW2_INCOMPAT_EXTL2 = 1 << 4,
    QCOW2_INCOMPAT_KNOWN = (1 << 5) - 1,
    QCOW2_COMPAT_LAZY = 1 << 0,
    QCOW2_AUTOCLEAR_BITMAPS = 1 << 0,
    QCOW2_AUTOCLEAR_RAW = 1 << 1,
    QCOW2_AUTOCLEAR_KNOWN = (1 << 2) - 1,
};

enum { QCOW2_CRYPT_NONE, QCOW2_CRYPT_AES, QCOW2_CRYPT_LUKS };
enum { QCOW2_ZLIB, QCOW2_ZSTD };

#define QCOW2_EXT_BACKING_FMT 0xe2792acau
#define QCOW2_EXT_FEATURES    0x6803f857u
#define QCOW2_EXT_BITMAPS     0x23852875u
#define QCOW2_EXT_CRYPTO      0x0537be77u
#define QCOW2_EXT_DATA_FILE   0x44415441u

/* L1 and L2 entries */
#define QCOW2_COPIED   (1ull << 63)
#define QCOW2_PACKED   (1ull << 62)
#define QCOW2_ZERO     (1ull << 0)
#define QCOW2_OFF_MASK 0x00fffffffffffe00ull
/* Bits that must be 0: of an L1 entry, of a standard L2 entry, of a refcount table's entry. */
#define QCOW2_L1_RESERVED 0x7f000000000001ffull
#define QCOW2_L2_RESERVED 0x3f000000000001feull
#define QCOW2_RT_RESERVED 0x00000000000001ffull
#define QCOW2_HOST_MAX    (1ull << 56)

typedef struct Qcow2Header {
    uint32_t version;
    uint64_t backing_off;
    uint32_t backing_len;
    uint32_t cluster_bits;
    uint64_t size;
    uint32_t crypt;
    uint32_t l1_n;
    uint64_t l1_off;
    uint64_t rt_off;
    uint32_t rt_clusters;
    uint32_t snapshots_n;
    uint64_t snapshots_off;
    uint64_t incompat, compat, autoclear;
    uint32_t refcount_order;
    uint32_t len;
    uint8_t compression;
} Qcow2Header;

/* A header extension that we do not know: kept. */
typedef struct Qcow2Ext {
    uint32_t type, len;
    uint8_t *data;
} Qcow2Ext;

/* What follows the fixed header. Strings and arrays are the owner's (qcow2_exts_deinit). */
typedef struct Qcow2Exts {
    char *backing_name, *backing_fmt, *data_file;
    uint64_t crypto_off, crypto_len;
    bool has_crypto, has_bitmaps;
    uint32_t bitmaps_n;
    uint64_t bitmap_dir_len, bitmap_dir_off;
    uint8_t *features; /* the feature name table as it stands */
    uint32_t features_len;
    Qcow2Ext *unknown;
    unsigned unknown_n;
    uint8_t *fields; /* additional header fields beyond those we know */
    uint32_t fields_len;
} Qcow2Exts;

/* A piece of a table in memory. */
typedef struct Qcow2Slice Qcow2Slice;
struct Qcow2Slice {
    uint64_t off; /* in the image; 0: unused */
    uint8_t *buf; /* big-endian, as on disk */
    bool dirty, loading;
    bool writing;      /* a write of it is under way */
    bool shared;       /* ... from this buf: qcow2_modify makes a copy */
    unsigned dirty_at; /* in the cache's list */
    uint64_t used;     /* the cache's clock when it was last asked for */
    FiberQueue waiting;
    Qcow2Slice *chain, *prev, *next; /* hash; order of use */
};

typedef struct Qcow2Cache {
    uint32_t slice_size;
    unsigned limit, n, dirty; /* slices: at most; there are; that are dirty */
    Qcow2Slice **dirty_list;
    unsigned dirty_room;
    unsigned mask;
    Qcow2Slice **hash;
    Qcow2Slice lru; /* .next the most recent */
    uint64_t clock;
    uint64_t limit_bytes;
} Qcow2Cache;

/* Clusters by number, in pages that come as needed. */
typedef struct Qcow2Set {
    GHashTable *pages;
    uint64_t limit;
} Qcow2Set;

typedef struct Qcow2Range {
    uint64_t off, len; /* bytes of host clusters, whole */
    uint8_t why;       /* Qcow2Why */
} Qcow2Range;

typedef struct Qcow2Ranges {
    Qcow2Range *list;
    unsigned n, room;
} Qcow2Ranges;

/* For whose sake clusters were freed: pass-discard-*. */
typedef enum Qcow2Why { QCOW2_FREE_OTHER, QCOW2_FREE_SNAPSHOT, QCOW2_FREE_REQUEST } Qcow2Why;

typedef struct Qcow2Snapshot {
    uint64_t l1_off;
    uint32_t l1_n;
    char *id, *name;
    uint32_t date_sec, date_nsec;
    uint64_t vm_clock_ns, vm_state_size, disk_size, icount;
    bool has_icount;
    uint32_t extra_len;
    uint8_t *extra; /* what we do not know: beyond byte 24 of the extra data */
    uint32_t extra_more;
} Qcow2Snapshot;

typedef struct Qcow2Bitmap {
    uint64_t table_off;
    uint32_t table_n, flags;
    uint8_t type, granularity_bits;
    char *name;
    uint32_t extra_len;
    uint8_t *extra;
} Qcow2Bitmap;

/* Where the encryption header lies. */
typedef struct Qcow2Luks {
    BlockNode *file;
    uint64_t off, len;
} Qcow2Luks;

typedef struct Qcow2 {
    BlockNode *node;
    BlockNode *data; /* where guest data lies: "file" or "data-file" */
    bool external;   /* data != file */
    Qcow2Header h;
    Qcow2Exts x;
    uint64_t cluster;      /* bytes */
    uint64_t sub;          /* bytes of a subcluster; the cluster without them */
    uint32_t l2_entry;     /* bytes: 8 or 16 */
    uint32_t l2_bits;      /* log2 of the entries in an L2 table */
    uint32_t rb_bits;      /* log2 of the entries in a refcount block */
    uint64_t packed_mask;  /* host offset of a compressed descriptor */
    unsigned packed_shift; /* of its sectors */

    FiberMutex lock;        /* making room, changes of shape */
    FiberMutex flush_lock;  /* one writes out at a time */
    unsigned single_writes; /* of pieces put out of the cache, under way */
    FiberQueue single_queue;

    uint64_t *l1; /* host order */
    uint32_t l1_n, l1_room;
    uint8_t *l1_dirty; /* a byte for each 512 bytes of the table */
    bool l1_any_dirty;
    uint64_t *rt;
    uint32_t rt_n;
    uint8_t *rt_dirty;
    bool rt_any_dirty;
    Qcow2Cache l2, rb;

    uint64_t free_hint;       /* clusters below are in use */
    uint64_t max_refcount;    /* of the width */
    uint64_t packed_at;       /* where the next compressed bytes may go; 0: nowhere */
    Qcow2Ranges freed;        /* until the tables that pointed to them are written */
    Qcow2Ranges freed_stable; /* until the next barrier */
    uint64_t freed_bytes;
    bool unstable; /* data or counts were written since the last barrier, and links need them */
    bool lazy, dirty_on_disk, writable, unsafe;
    bool discard_request, discard_snapshot, discard_other;
    struct {
        bool lazy, request, snapshot, other;
    } next; /* while it is reopened */
    bool closing;
    uint64_t clean_interval_ns, cleaned_ns, cleaned_l2, cleaned_rb;
    Qcow2Set meta; /* L2 tables, refcount blocks and what else takes whole clusters */

    struct BlockLuks *luks; /* at most one of these; without a key it only tells of itself */
    struct BlockCipher *aes;
    Qcow2Luks luks_at;

    Qcow2Snapshot *snapshots;
    unsigned snapshots_n;
    uint64_t snapshots_len; /* of the table, bytes */
    uint64_t *peek_l1;      /* the disk's own table while a snapshot is mapped; NULL: it is not */
    uint32_t peek_l1_n;
    uint64_t peek_size;
    Qcow2Bitmap *bitmaps;
    unsigned bitmaps_n;
    bool bitmaps_live; /* the node has them */
} Qcow2;

static inline uint64_t qcow2_round_up(uint64_t v, uint64_t unit)
{
    return (v + unit - 1) & ~(unit - 1);
}

static inline uint64_t qcow2_clusters(const Qcow2 *s, uint64_t bytes)
{
    return (bytes >> s->h.cluster_bits) + ((bytes & (s->cluster - 1)) != 0);
}

static inline bool qcow2_has_subclusters(const Qcow2 *s)
{
    return s->h.incompat & QCOW2_INCOMPAT_EXTL2;
}

/* ---- qcow2-header.c: pure, but for update ---- */

/* The fixed part. Errors name field and value, without the file's name. */
NODISCARD bool qcow2_header_parse(const uint8_t *buf, size_t len, Qcow2Header *h, GError **err);
/* The first cluster: extensions, backing name. After qcow2_header_parse. */
NODISCARD bool qcow2_exts_parse(const uint8_t *buf, size_t len, const Qcow2Header *h, Qcow2Exts *x,
                                GError **err);
void qcow2_exts_deinit(Qcow2Exts *x);
/* "dirty bit, ..." of the bits in @bits; the caller frees. */
char *qcow2_feature_names(const Qcow2Exts *x, unsigned type, uint64_t bits);
/* The first @len bytes of the image. False: no room for all. */
NODISCARD bool qcow2_header_build(uint8_t *buf, size_t len, Qcow2Header *h, const Qcow2Exts *x,
                                  GError **err);
/* Writes the first cluster from s->h and s->x. FIBER */
int qcow2_header_update(Qcow2 *s);
/* The fixed fields alone, from s->h: one sector, so all of them or none. FIBER */
int qcow2_header_write_fixed(Qcow2 *s);

/* ---- qcow2-cache.c ---- */

NODISCARD bool qcow2_cache_init(Qcow2Cache *c, uint64_t bytes, uint32_t slice_size);
void qcow2_cache_deinit(Qcow2Cache *c);
/* The piece at @off (aligned to slice_size), read if need be. FIBER */
int qcow2_cache_get(Qcow2 *s, Qcow2Cache *c, uint64_t off, Qcow2Slice **out);
/* The same, but if it is absent it is all zeros and is not read (a new table). FIBER */
int qcow2_cache_new(Qcow2 *s, Qcow2Cache *c, uint64_t off, Qcow2Slice **out);
/* Its bytes, to write: it is dirty from here on. Does not wait. */
uint8_t *qcow2_modify(Qcow2Cache *c, Qcow2Slice *e);
/* Forget what lies in [@off, @off + @len): the table is gone. FIBER: waits for writes of them */
void qcow2_cache_drop(Qcow2 *s, Qcow2Cache *c, uint64_t off, uint64_t len);
/* Forget all that is clean and older than @clock. */
void qcow2_cache_trim(Qcow2Cache *c, uint64_t clock);

/* What has changed goes to the file, in an order in which a cut at any point leaves an image that
 * opens. What it leads to is not stable yet, but any order of later writes is safe. FIBER */
int qcow2_flush_meta(Qcow2 *s);
/* The same, made stable, with everything freed and its count lowered. FIBER */
int qcow2_flush_all(Qcow2 *s);
/* Lazy counts too: for what relies on them in the file. FIBER */
int qcow2_flush_everything(Qcow2 *s);
int qcow2_barrier(Qcow2 *s);
/* Before the first change of tables: the dirty bit where counts are lazy. FIBER */
int qcow2_begin_change(Qcow2 *s);
/* Reads @len bytes of the image file; what is beyond its end is zeros. FIBER */
int qcow2_pread(Qcow2 *s, uint64_t off, void *buf, uint64_t len);
int qcow2_pwrite(Qcow2 *s, uint64_t off, const void *buf, uint64_t len);
int qcow2_pzero(Qcow2 *s, uint64_t off, uint64_t len);

/* ---- qcow2-refcount.c ---- */

uint64_t qcow2_refcount_read(const uint8_t *table, uint64_t i, unsigned order);
void qcow2_refcount_write(uint8_t *table, uint64_t i, unsigned order, uint64_t v);
/* Of host cluster number @i. FIBER */
int qcow2_refcount_get(Qcow2 *s, uint64_t i, uint64_t *out);
/* Up by one for whole clusters. The lock is held. FIBER */
int qcow2_refcount_raise(Qcow2 *s, uint64_t off, uint64_t len);
/* Up to @want clusters in a row; at least one: *got. Their counts are 1. The lock is held. FIBER */
int qcow2_alloc_clusters(Qcow2 *s, uint64_t want, uint64_t *off, uint64_t *got);
/* Exactly @bytes, rounded up to clusters, in a row. FIBER */
int qcow2_alloc_table(Qcow2 *s, uint64_t bytes, uint64_t *off);
/* Once more pointer to them is gone from the tables in memory: lowered when that is stable. */
void qcow2_free(Qcow2 *s, uint64_t off, uint64_t len, Qcow2Why why);
/* Nothing ever pointed to them: lowered at once. FIBER */
void qcow2_free_now(Qcow2 *s, uint64_t off, uint64_t len);
/* Lower the counts of what is listed; the list is empty after. FIBER */
int qcow2_free_apply(Qcow2 *s, Qcow2Ranges *r);
/* What an L2 entry points to. */
void qcow2_free_entry(Qcow2 *s, uint64_t entry, Qcow2Why why);
void qcow2_packed_range(const Qcow2 *s, uint64_t entry, uint64_t *off, uint64_t *len);

void qcow2_set_init(Qcow2Set *m);
void qcow2_set_deinit(Qcow2Set *m);
bool qcow2_set_has(const Qcow2Set *m, uint64_t cluster);
bool qcow2_set_add(Qcow2Set *m, uint64_t cluster);
void qcow2_set_del(Qcow2Set *m, uint64_t cluster);
/* What of the metadata a write of guest data would hit; NULL: nothing. */
const char *qcow2_overlap(const Qcow2 *s, uint64_t off, uint64_t len);
/* The same, as an error: marks the image corrupt. 0 or -EIO. */
int qcow2_check_overlap(Qcow2 *s, uint64_t off, uint64_t len);
/* A table that says what cannot be: from here on no writes; v3 images say so. */
void qcow2_corrupt(Qcow2 *s, uint64_t off, uint64_t len, const char *fmt, ...) G_GNUC_PRINTF(4, 5);

/* ---- qcow2-map.c ---- */

/* The L2 entry of the guest's byte @off; *bitmap of its subclusters. 0: no table. FIBER */
int qcow2_entry_get(Qcow2 *s, uint64_t off, uint64_t *entry, uint64_t *bitmap);
/* The piece of an L2 table that holds @off's entry, alone ours: made, or copied from what a
 * snapshot shares. *index of the entry in it. The lock is held. FIBER */
int qcow2_l2_for_write(Qcow2 *s, uint64_t off, Qcow2Slice **e, unsigned *index);
void qcow2_l2_put(Qcow2 *s, Qcow2Slice *e, unsigned i, uint64_t entry, uint64_t bitmap);
int qcow2_map(BlockNode *n, uint64_t off, uint64_t len, Extent *out);
int qcow2_alloc(BlockNode *n, BlockAlloc *a);
int qcow2_link(BlockNode *n, BlockAlloc *a);
void qcow2_abort(BlockNode *n, BlockAlloc *a);
int qcow2_zero(BlockNode *n, uint64_t off, uint64_t len, unsigned flags);
int qcow2_discard(BlockNode *n, uint64_t off, uint64_t len);
/* Take out what is mapped from @off on: entries become holes. The lock is held. FIBER */
int qcow2_unmap(Qcow2 *s, uint64_t off, uint64_t len);
/* Entries with room for all of [@off, @off + @len), reading as zeros or what is there. FIBER */
int qcow2_preallocate(Qcow2 *s, uint64_t off, uint64_t len, BlockPrealloc how);
/* A larger L1 table. The lock is held. FIBER */
int qcow2_grow_l1(Qcow2 *s, uint64_t entries);
uint64_t qcow2_l1_entries(const Qcow2 *s, uint64_t size);

/* ---- qcow2-packed.c ---- */

bool qcow2_has_zstd(void);
int qcow2_zstd_unpack(const uint8_t *from, size_t from_len, uint8_t *to, size_t len);
/* *len: room, then what came out. */
int qcow2_zstd_pack(const uint8_t *from, size_t from_len, uint8_t *to, size_t *len);
int qcow2_unpack(BlockNode *n, uint64_t off, const Extent *x, void *buf);
int qcow2_write_packed(BlockNode *n, uint64_t off, const void *buf, uint64_t len);

/* ---- qcow2-crypto.c ---- */

NODISCARD bool qcow2_crypto_open(Qcow2 *s, Options *o, GError **err);
void qcow2_crypto_close(Qcow2 *s);
int qcow2_decrypt(BlockNode *n, uint64_t off, const Extent *x, void *buf, uint64_t len);
int qcow2_encrypt(BlockNode *n, const BlockAlloc *a, uint64_t off, void *buf, uint64_t len);
GVariant *qcow2_crypto_tell(const Qcow2 *s);
/* What the encrypt.* options ask for; *header: bytes of the LUKS header, 0 without one. */
NODISCARD bool qcow2_crypto_wish(BlockGraph *g, Options *o, bool measure, uint32_t *crypt,
                                 uint64_t *header, GError **err);
NODISCARD bool qcow2_crypto_create(BlockGraph *g, BlockNode *file, const char *name, uint64_t off,
                                   uint64_t len, Options *o, GError **err);

/* ---- qcow2-create.c, -resize.c, -check.c, -snapshot.c, -bitmap.c, -amend.c ---- */

extern const BlockOption qcow2_create_options[];
extern const BlockOption qcow2_amend_options[];
/* Key slots of LUKS: encrypt.state and what goes with it. */
NODISCARD bool qcow2_crypto_amend(Qcow2 *s, Options *o, bool force, GError **err);
bool qcow2_create(BlockGraph *g, const char *filename, BlockNode *file, uint64_t size, Options *o,
                  GError **err);
bool qcow2_measure(Options *create, BlockNode *from, uint64_t size, BlockMeasure *out,
                   GError **err);
bool qcow2_resize(BlockNode *n, uint64_t size, bool exact, BlockPrealloc prealloc, GError **err);
bool qcow2_check(BlockNode *n, BlockCheck *c, unsigned fix, GError **err);
bool qcow2_amend(BlockNode *n, Options *o, bool force, BlockCheck *progress, GError **err);
bool qcow2_set_backing_name(BlockNode *n, const char *filename, const char *format, GError **err);

/* The directory; bits are not read. FIBER */
bool qcow2_bitmaps_load(Qcow2 *s, GError **err);
void qcow2_bitmaps_free(Qcow2 *s);
/* The node's bitmaps from the directory. FIBER */
bool qcow2_bitmaps_attach(Qcow2 *s, GError **err);
/* The stored ones are in use: a cut leaves them inconsistent. FIBER */
int qcow2_bitmaps_mark(Qcow2 *s);
/* The node's persistent bitmaps, and no others, into the image. FIBER */
int qcow2_bitmaps_store(Qcow2 *s);
/* Bytes that @from's persistent bitmaps take in a new image. */
uint64_t qcow2_bitmaps_measure(BlockNode *from, uint64_t size, uint64_t cluster);
GVariant *qcow2_bitmaps_tell(const Qcow2 *s);

/* A new table of s->snapshots; nothing points to it yet. FIBER */
int qcow2_snapshots_put(Qcow2 *s, uint64_t *off, uint64_t *len);
/* Version 2: in one step to s->snapshots and to a copy of the active table @l1 (@n entries in host
 * order), of a disk of @size bytes. All was flushed; the lock is held. FIBER */
int qcow2_old_switch(Qcow2 *s, const uint64_t *l1, uint32_t n, uint64_t size);
bool qcow2_snapshots_load(Qcow2 *s, GError **err);
void qcow2_snapshots_free(Qcow2 *s);
bool qcow2_snapshot_list(BlockNode *n, BlockSnapshot **list, unsigned *count, GError **err);
bool qcow2_snapshot_create(BlockNode *n, BlockSnapshot *snap, GError **err);
bool qcow2_snapshot_apply(BlockNode *n, const char *id_or_name, GError **err);
bool qcow2_snapshot_view(BlockNode *n, const char *id_or_name, GError **err);
bool qcow2_make_empty(BlockNode *n, GError **err);
bool qcow2_snapshot_delete(BlockNode *n, const char *id_or_name, GError **err);
uint64_t qcow2_vmstate_base(BlockNode *n);
int qcow2_vmstate_discard(BlockNode *n);
bool qcow2_snapshot_peek(BlockNode *n, const char *id, GError **err);
char *qcow2_snapshot_why_not(BlockNode *n);

#endif
