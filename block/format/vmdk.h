/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMDK, VMware's virtual disk, among its own files.
 * Spec: VMware, "Virtual Disk Format 5.0" (technical note).
 */
#ifndef BLOCK_FORMAT_VMDK_H
#define BLOCK_FORMAT_VMDK_H

#include "block/core/driver.h"
#include "block/format/metawb.h"

enum {
    VMDK_HEADER_LEN = 512,
    VMDK_VERSION = 4,
    VMDK_FLAGS = 8,
    VMDK_CAPACITY = 12,
    VMDK_GRAIN = 20,
    VMDK_DESC_OFF = 28,
    VMDK_DESC_SIZE = 36,
    VMDK_N_GTE = 44,
    VMDK_RGD_OFF = 48,
    VMDK_GD_OFF = 56,
    VMDK_OVERHEAD = 64,
    VMDK_NEWLINES = 73,
    VMDK_COMPRESS = 77,

    VMDK_F_NEWLINES = 1 << 0,
    VMDK_F_RGD = 1 << 1,
    VMDK_F_ZEROED = 1 << 2,
    VMDK_F_COMPRESSED = 1 << 16,
    VMDK_F_MARKERS = 1 << 17,

    VMDK_MARKER_FOOTER = 3,
    VMDK_GRAIN_MARKER_LEN = 12,
    VMDK_GTE_ZEROED = 1,

    VMDK_DESC_MAX = 1 << 20,
    VMDK_EXTENTS_MAX = 4096,
    VMDK_NAME_MAX = 1024,
    VMDK_DEFAULT_GRAIN = 64 << 10,
    VMDK_GRAIN_MAX = 1 << 20,
    VMDK_DEFAULT_GTES = 512,
};

#define VMDK_GD_AT_END  UINT64_MAX
#define VMDK_NO_PARENT  UINT32_MAX
#define VMDK_SPLIT_SIZE (2ull << 30)

/* ---- The descriptor ---- */

typedef struct VmdkLine {
    bool writable;
    uint64_t sectors;
    char *type, *name; /* no name: ZERO */
    uint64_t off;      /* of FLAT and VMFS, sectors */
} VmdkLine;

typedef struct VmdkDesc {
    uint32_t cid, parent_cid;
    unsigned cid_at, cid_digits; /* where the digits of CID lie in the text */
    char *create_type, *parent_hint;
    VmdkLine *lines;
    unsigned n_lines;
} VmdkDesc;

/* @text: @len bytes, of which all or those before a NUL count. @err: without the file's name. */
NODISCARD bool vmdk_desc_parse(VmdkDesc *d, const char *text, size_t len, GError **err);
void vmdk_desc_clear(VmdkDesc *d);
/* Whether a text of a file's begin looks like one. */
bool vmdk_desc_probe(const uint8_t *buf, size_t len);
/* False: an extent of this name may lie outside of the descriptor's folder. */
bool vmdk_desc_name_is_safe(const char *name);

/* ---- Extents ---- */

typedef struct VmdkExtent {
    BlockNode *child;    /* NULL: zeros */
    const char *type;    /* FLAT, SPARSE, ...; "" for a file that is its own extent */
    uint64_t begin, end; /* on the disk, bytes */
    bool writable, sparse, compressed, markers, zeroed;
    uint64_t flat_off;

    /* Sparse: entries are little-endian, as in the file. */
    uint32_t grain; /* bytes */
    uint32_t n_gte, n_gd;
    uint64_t gd_off, rgd_off; /* rgd_off 0: none */
    uint32_t *gd, *rgd;
    uint32_t **gt;
    uint64_t next; /* where the next grain or table comes */
} VmdkExtent;

typedef struct Vmdk {
    VmdkDesc desc;
    uint64_t desc_off; /* of its text in "file" */
    bool cid_changed;  /* by this writer */
    bool parent_checked;
    bool has_backing;
    VmdkExtent *extents;
    unsigned n_extents;
    MetaWb wb;
} Vmdk;

/* The tables of the sparse extent @e, whose .child is set. @out_header: also there. FIBER */
NODISCARD bool vmdk_open_sparse(BlockNode *n, VmdkExtent *e, uint8_t *header, GError **err);
/* Table entry (sectors, 0 for none) of the grain at @off, bytes in the extent. FIBER */
int vmdk_grain(BlockNode *n, VmdkExtent *e, uint64_t off, uint32_t *entry);
/* Make @sector the entry's value, here and in the redundant table; makes the table if there is
 * none. FIBER */
int vmdk_set_grain(BlockNode *n, VmdkExtent *e, uint64_t off, uint32_t sector);

bool vmdk_create(BlockGraph *g, const char *filename, BlockNode *file, uint64_t size, Options *o,
                 GError **err);

#endif
