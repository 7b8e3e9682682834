/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command descriptor block says of its data.
 * Spec: SPC-4, "4.2.5"; SBC-3, "5"; MMC-6, "6".
 */
#include "hw/scsi/scsi-priv.h"

#include "util/bytes.h"

unsigned scsi_cdb_length(uint8_t opcode)
{
    static const uint8_t of_group[8] = { 6, 10, 10, 0, 16, 12, 0, 0 };

    return of_group[opcode >> 5];
}

uint64_t scsi_cdb_lba(const uint8_t *cdb)
{
    switch (scsi_cdb_length(cdb[0])) {
    case 6:
        return get_be32(cdb) & 0x1fffff;
    case 16:
        return get_be64(cdb + 2);
    default:
        return get_be32(cdb + 2);
    }
}

uint32_t scsi_cdb_count(const uint8_t *cdb)
{
    switch (scsi_cdb_length(cdb[0])) {
    case 6:
        return cdb[4];
    case 10:
        return get_be16(cdb + 7);
    case 12:
        return get_be32(cdb + 6);
    case 16:
        return get_be32(cdb + 10);
    default:
        return 0;
    }
}

/* The blocks of a READ or WRITE: 0 of six bytes is 256 (SBC-3, "5.8"). */
uint32_t scsi_cdb_blocks(const uint8_t *cdb)
{
    uint32_t n = scsi_cdb_count(cdb);

    return !n && (cdb[0] == SCSI_READ_6 || cdb[0] == SCSI_WRITE_6) ? 256 : n;
}

static ScsiDirection cdb_direction(const uint8_t *cdb, bool cd)
{
    switch (cdb[0]) {
    case SCSI_TEST_UNIT_READY:
    case SCSI_REZERO_UNIT:
    case SCSI_SEEK_6:
    case SCSI_RESERVE_6:
    case SCSI_RELEASE_6:
    case SCSI_START_STOP:
    case SCSI_PREVENT_ALLOW:
    case SCSI_SEEK_10:
    case SCSI_PRE_FETCH_10:
    case SCSI_PRE_FETCH_16:
    case SCSI_SYNC_CACHE_10:
    case SCSI_SYNC_CACHE_16:
    case SCSI_RESERVE_10:
    case SCSI_RELEASE_10:
    case SCSI_LOAD_UNLOAD:
    case SCSI_SET_CD_SPEED:
        return SCSI_DATA_NONE;
    case SCSI_VERIFY_10:
    case SCSI_VERIFY_12:
    case SCSI_VERIFY_16:
        return cdb[1] & 6 ? SCSI_DATA_OUT : SCSI_DATA_NONE;
    case SCSI_WRITE_SAME_16:
        return cdb[1] & 1 ? SCSI_DATA_NONE : SCSI_DATA_OUT;
    case SCSI_UNMAP: /* READ SUB-CHANNEL of a CD */
    case SCSI_MAINTENANCE_OUT:
        return cd ? SCSI_DATA_IN : SCSI_DATA_OUT;
    case SCSI_MAINTENANCE_IN: /* SEND KEY */
        return cd ? SCSI_DATA_OUT : SCSI_DATA_IN;
    case SCSI_FORMAT_UNIT:
    case SCSI_REASSIGN_BLOCKS:
    case SCSI_WRITE_6:
    case SCSI_WRITE_10:
    case SCSI_WRITE_12:
    case SCSI_WRITE_16:
    case SCSI_WRITE_VERIFY_10:
    case SCSI_WRITE_VERIFY_12:
    case SCSI_WRITE_VERIFY_16:
    case SCSI_COMPARE_AND_WRITE:
    case SCSI_MODE_SELECT_6:
    case SCSI_MODE_SELECT_10:
    case SCSI_SEND_DIAGNOSTIC:
    case SCSI_WRITE_BUFFER:
    case SCSI_LOG_SELECT:
    case SCSI_WRITE_SAME_10:
    case SCSI_PERSISTENT_RESERVE_OUT:
        return SCSI_DATA_OUT;
    default:
        return SCSI_DATA_IN;
    }
}

static uint64_t cdb_bytes(const uint8_t *cdb, uint32_t block)
{
    switch (cdb[0]) {
    case SCSI_READ_6:
    case SCSI_READ_10:
    case SCSI_READ_12:
    case SCSI_READ_16:
    case SCSI_WRITE_6:
    case SCSI_WRITE_10:
    case SCSI_WRITE_12:
    case SCSI_WRITE_16:
    case SCSI_WRITE_VERIFY_10:
    case SCSI_WRITE_VERIFY_12:
    case SCSI_WRITE_VERIFY_16:
        return (uint64_t)scsi_cdb_blocks(cdb) * block;
    case SCSI_VERIFY_10:
    case SCSI_VERIFY_12:
    case SCSI_VERIFY_16:
        return (cdb[1] & 6) == 6 ? block : (uint64_t)scsi_cdb_count(cdb) * block;
    case SCSI_COMPARE_AND_WRITE:
        return 2ull * cdb[13] * block;
    case SCSI_WRITE_SAME_10:
    case SCSI_WRITE_SAME_16:
        return block;
    case SCSI_READ_CD: /* without headers and the like */
        return (uint64_t)(get_be32(cdb + 5) & 0xffffff) * block;
    case SCSI_READ_CAPACITY_10:
        return 8;
    case SCSI_INQUIRY:
    case SCSI_RECEIVE_DIAGNOSTIC:
    case SCSI_SEND_DIAGNOSTIC:
        return get_be16(cdb + 3);
    case SCSI_READ_BUFFER:
    case SCSI_WRITE_BUFFER:
        return get_be32(cdb + 5) & 0xffffff;
    case SCSI_READ_DISC_STRUCTURE:
    case SCSI_MECHANISM_STATUS:
    case SCSI_MAINTENANCE_OUT:
        return cdb[0] == SCSI_MAINTENANCE_OUT && !cdb[8] && !cdb[9] ? get_be32(cdb + 6)
                                                                    : get_be16(cdb + 8);
    case SCSI_GET_PERFORMANCE:
        return 8 + 16ull * get_be16(cdb + 8);
    case SCSI_PERSISTENT_RESERVE_OUT:
        return get_be32(cdb + 5);
    case SCSI_FORMAT_UNIT:
    case SCSI_REASSIGN_BLOCKS:
        return 0;
    default:
        return scsi_cdb_count(cdb);
    }
}

void scsi_cdb_data(const ScsiDevice *d, const uint8_t *cdb, ScsiDirection *direction,
                   uint64_t *bytes)
{
    *direction = cdb_direction(cdb, scsi_type(d)->peripheral == SCSI_TYPE_CD);
    *bytes = *direction == SCSI_DATA_NONE ? 0 : cdb_bytes(cdb, scsi_type(d)->block_size(d));
    if (!*bytes) {
        *direction = SCSI_DATA_NONE;
    }
}
