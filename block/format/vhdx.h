/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VHDX, Hyper-V's virtual disk, among its own files.
 * Spec: [MS-VHDX], Virtual Hard Disk v2 File Format. Little-endian.
 */
#ifndef BLOCK_FORMAT_VHDX_H
#define BLOCK_FORMAT_VHDX_H

#include "block/core/driver.h"
#include "block/format/metawb.h"

enum {
    VHDX_MIB = 1 << 20,
    VHDX_HEADER_1 = 64 << 10,
    VHDX_HEADER_2 = 128 << 10,
    VHDX_HEADER_LEN = 4096,
    VHDX_H_CHECKSUM = 4,
    VHDX_H_SEQUENCE = 8,
    VHDX_H_FILE_GUID = 16,
    VHDX_H_DATA_GUID = 32,
    VHDX_H_LOG_GUID = 48,
    VHDX_H_LOG_VERSION = 64,
    VHDX_H_VERSION = 66,
    VHDX_H_LOG_LEN = 68,
    VHDX_H_LOG_OFF = 72,

    VHDX_REGION_1 = 192 << 10,
    VHDX_REGION_2 = 256 << 10,
    VHDX_TABLE_LEN = 64 << 10, /* of regions and of metadata */
    VHDX_TABLE_ENTRIES = 2047,
    VHDX_ENTRY_LEN = 32,

    VHDX_BLOCK_NOT_PRESENT = 0,
    VHDX_BLOCK_UNDEFINED = 1,
    VHDX_BLOCK_ZERO = 2,
    VHDX_BLOCK_UNMAPPED = 3,
    VHDX_BLOCK_PRESENT = 6,
    VHDX_BLOCK_PARTIAL = 7,
    VHDX_BLOCK_STATE = 7, /* mask */

    VHDX_LOG_SECTOR = 4096,
    VHDX_LOG_HEADER = 64,
    VHDX_LOG_DESC = 32,
    VHDX_LOG_DATA = 4084, /* of a sector, between its marks */

    VHDX_BLOCK_MIN = 1 << 20,
    VHDX_BLOCK_MAX = 256 << 20,
    VHDX_LOG_MAX = 128 << 20,
};

#define VHDX_OFFSET_MASK   (~0ull << 20)
#define VHDX_SIZE_MAX      (64ull << 40)
#define VHDX_CHUNK_SECTORS (1ull << 23)

extern const uint8_t vhdx_guid_bat[16], vhdx_guid_metadata[16], vhdx_guid_file_parameters[16],
    vhdx_guid_size[16], vhdx_guid_disk_id[16], vhdx_guid_logical_sector[16],
    vhdx_guid_physical_sector[16], vhdx_guid_parent[16];

typedef struct VhdxRegion {
    uint64_t off;
    uint32_t len;
} VhdxRegion;

typedef struct Vhdx {
    uint8_t header[VHDX_HEADER_LEN]; /* the current one */
    unsigned header_at;              /* where it lies */
    VhdxRegion bat_region, metadata_region, log_region;
    uint32_t block_size, logical_sector;
    uint64_t size;
    uint64_t *bat; /* little-endian, as in the file */
    uint64_t n_bat, chunk_ratio;
    uint64_t next; /* where the next block comes */
    bool replayed; /* the log, at this opening */

    bool in_session; /* the header has a log GUID of ours */
    uint64_t log_sequence;
    uint32_t log_at;      /* in the log, of the next entry */
    unsigned long *dirty; /* a bit for each 4 KiB of the table that the file does not have yet */
    uint64_t n_dirty;
    FiberMutex flushing;
    MetaWb wb; /* its lock of growth alone */
} Vhdx;

uint32_t vhdx_crc32c(uint32_t crc, const void *buf, size_t len);
/* Of @len bytes whose 32 bits at @field count as zero. */
uint32_t vhdx_checksum(const uint8_t *p, size_t len, size_t field);
void vhdx_make_guid(uint8_t *guid);
/* Write s->header with the next sequence number over the other one. FIBER */
int vhdx_write_header(BlockNode *n);

/* Apply the log that the header names, if there is one; read-only images with one are refused.
 * FIBER */
NODISCARD bool vhdx_log_replay(BlockNode *n, GError **err);
/* Before the first write: new GUIDs of file, data and log. FIBER */
int vhdx_log_open(BlockNode *n);
/* The dirty pieces of the table through the log into their place: data, log, table, each stable
 * before the next. FIBER */
int vhdx_log_write(BlockNode *n);
/* A log of ours becomes empty. FIBER */
int vhdx_log_close(BlockNode *n);

bool vhdx_create(BlockGraph *g, const char *filename, BlockNode *file, uint64_t size, Options *o,
                 GError **err);

#endif
