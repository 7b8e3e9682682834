/* SPDX-License-Identifier: Apache-2.0 */
/* Commands by their operation codes, and what they say of their data. */
#ifndef HW_SCSI_SCSI_PRIV_H
#define HW_SCSI_SCSI_PRIV_H

#include "hw/scsi/scsi.h"

enum { SCSI_TYPE_DISK = 0x00, SCSI_TYPE_CD = 0x05, SCSI_NO_UNIT = 0x7f };

enum {
    SCSI_TEST_UNIT_READY = 0x00,
    SCSI_REZERO_UNIT = 0x01,
    SCSI_REQUEST_SENSE = 0x03,
    SCSI_FORMAT_UNIT = 0x04,
    SCSI_REASSIGN_BLOCKS = 0x07,
    SCSI_READ_6 = 0x08,
    SCSI_WRITE_6 = 0x0a,
    SCSI_SEEK_6 = 0x0b,
    SCSI_INQUIRY = 0x12,
    SCSI_MODE_SELECT_6 = 0x15,
    SCSI_RESERVE_6 = 0x16,
    SCSI_RELEASE_6 = 0x17,
    SCSI_MODE_SENSE_6 = 0x1a,
    SCSI_START_STOP = 0x1b,
    SCSI_RECEIVE_DIAGNOSTIC = 0x1c,
    SCSI_SEND_DIAGNOSTIC = 0x1d,
    SCSI_PREVENT_ALLOW = 0x1e,
    SCSI_READ_FORMAT_CAPACITIES = 0x23,
    SCSI_READ_CAPACITY_10 = 0x25,
    SCSI_READ_10 = 0x28,
    SCSI_WRITE_10 = 0x2a,
    SCSI_SEEK_10 = 0x2b,
    SCSI_WRITE_VERIFY_10 = 0x2e,
    SCSI_VERIFY_10 = 0x2f,
    SCSI_PRE_FETCH_10 = 0x34,
    SCSI_SYNC_CACHE_10 = 0x35,
    SCSI_WRITE_BUFFER = 0x3b,
    SCSI_READ_BUFFER = 0x3c,
    SCSI_WRITE_SAME_10 = 0x41,
    SCSI_UNMAP = 0x42,
    SCSI_READ_TOC = 0x43,
    SCSI_GET_CONFIGURATION = 0x46,
    SCSI_GET_EVENT_STATUS = 0x4a,
    SCSI_LOG_SELECT = 0x4c,
    SCSI_READ_DISC_INFO = 0x51,
    SCSI_READ_TRACK_INFO = 0x52,
    SCSI_MODE_SELECT_10 = 0x55,
    SCSI_RESERVE_10 = 0x56,
    SCSI_RELEASE_10 = 0x57,
    SCSI_MODE_SENSE_10 = 0x5a,
    SCSI_PERSISTENT_RESERVE_OUT = 0x5f,
    SCSI_READ_16 = 0x88,
    SCSI_COMPARE_AND_WRITE = 0x89,
    SCSI_WRITE_16 = 0x8a,
    SCSI_WRITE_VERIFY_16 = 0x8e,
    SCSI_VERIFY_16 = 0x8f,
    SCSI_PRE_FETCH_16 = 0x90,
    SCSI_SYNC_CACHE_16 = 0x91,
    SCSI_WRITE_SAME_16 = 0x93,
    SCSI_SERVICE_ACTION_IN_16 = 0x9e,
    SCSI_REPORT_LUNS = 0xa0,
    SCSI_MAINTENANCE_IN = 0xa3,
    SCSI_MAINTENANCE_OUT = 0xa4,
    SCSI_LOAD_UNLOAD = 0xa6,
    SCSI_READ_12 = 0xa8,
    SCSI_WRITE_12 = 0xaa,
    SCSI_GET_PERFORMANCE = 0xac,
    SCSI_READ_DISC_STRUCTURE = 0xad,
    SCSI_WRITE_VERIFY_12 = 0xae,
    SCSI_VERIFY_12 = 0xaf,
    SCSI_SET_CD_SPEED = 0xbb,
    SCSI_MECHANISM_STATUS = 0xbd,
    SCSI_READ_CD = 0xbe,
};

/* Address and length, where the group of the operation code has them. */
uint64_t scsi_cdb_lba(const uint8_t *cdb);
uint32_t scsi_cdb_count(const uint8_t *cdb);
uint32_t scsi_cdb_blocks(const uint8_t *cdb);
void scsi_cdb_data(const ScsiDevice *d, const uint8_t *cdb, ScsiDirection *direction,
                   uint64_t *bytes);

/* A block request has ended that @r waited for: true (with the lock taken): go on; else the
 * request is gone. */
bool scsi_resume(ScsiRequest *r);

#endif
