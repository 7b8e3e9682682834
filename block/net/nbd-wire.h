/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The NBD protocol's numbers, for both sides. All integers are big-endian.
 * Spec: the NBD protocol, doc/proto.md of the NetworkBlockDevice project.
 */
#ifndef BLOCK_NET_NBD_WIRE_H
#define BLOCK_NET_NBD_WIRE_H

#include <stdint.h>

#define NBD_MAGIC            0x4e42444d41474943ull /* "NBDMAGIC" */
#define NBD_OPTION_MAGIC     0x49484156454f5054ull /* "IHAVEOPT" */
#define NBD_OLD_MAGIC        0x00420281861253ull
#define NBD_REPLY_MAGIC      0x0003e889045565a9ull /* of an option */
#define NBD_REQUEST_MAGIC    0x25609513u
#define NBD_SIMPLE_MAGIC     0x67446698u
#define NBD_STRUCTURED_MAGIC 0x668e33efu

enum {
    NBD_PORT = 10809,
    NBD_STRING_MAX = 4096,
    NBD_REQUEST_LEN = 28,
    NBD_PAYLOAD_MAX = 32 << 20, /* what every server must take if it says no other size */

    /* Handshake flags, of the server and of the client. */
    NBD_FIXED_NEWSTYLE = 1 << 0,
    NBD_NO_ZEROES = 1 << 1,

    NBD_OPT_EXPORT_NAME = 1,
    NBD_OPT_ABORT = 2,
    NBD_OPT_LIST = 3,
    NBD_OPT_STARTTLS = 5,
    NBD_OPT_INFO = 6,
    NBD_OPT_GO = 7,
    NBD_OPT_STRUCTURED_REPLY = 8,
    NBD_OPT_LIST_META_CONTEXT = 9,
    NBD_OPT_SET_META_CONTEXT = 10,

    NBD_REP_ACK = 1,
    NBD_REP_SERVER = 2,
    NBD_REP_INFO = 3,
    NBD_REP_META_CONTEXT = 4,

    NBD_INFO_EXPORT = 0,
    NBD_INFO_NAME = 1,
    NBD_INFO_DESCRIPTION = 2,
    NBD_INFO_BLOCK_SIZE = 3,

    /* Transmission flags. */
    NBD_HAS_FLAGS = 1 << 0,
    NBD_READ_ONLY = 1 << 1,
    NBD_SEND_FLUSH = 1 << 2,
    NBD_SEND_FUA = 1 << 3,
    NBD_ROTATIONAL = 1 << 4,
    NBD_SEND_TRIM = 1 << 5,
    NBD_SEND_WRITE_ZEROES = 1 << 6,
    NBD_SEND_DF = 1 << 7,
    NBD_CAN_MULTI_CONN = 1 << 8,
    NBD_SEND_RESIZE = 1 << 9,
    NBD_SEND_CACHE = 1 << 10,
    NBD_SEND_FAST_ZERO = 1 << 11,

    NBD_CMD_READ = 0,
    NBD_CMD_WRITE = 1,
    NBD_CMD_DISC = 2,
    NBD_CMD_FLUSH = 3,
    NBD_CMD_TRIM = 4,
    NBD_CMD_CACHE = 5,
    NBD_CMD_WRITE_ZEROES = 6,
    NBD_CMD_BLOCK_STATUS = 7,

    NBD_CMD_FLAG_FUA = 1 << 0,
    NBD_CMD_FLAG_NO_HOLE = 1 << 1,
    NBD_CMD_FLAG_DF = 1 << 2,
    NBD_CMD_FLAG_REQ_ONE = 1 << 3,
    NBD_CMD_FLAG_FAST_ZERO = 1 << 4,

    NBD_REPLY_DONE = 1 << 0,
    NBD_CHUNK_NONE = 0,
    NBD_CHUNK_DATA = 1,
    NBD_CHUNK_HOLE = 2,
    NBD_CHUNK_STATUS = 5,
    NBD_CHUNK_ERROR = 1 << 15 | 1,
    NBD_CHUNK_ERROR_OFFSET = 1 << 15 | 2,

    NBD_STATE_HOLE = 1 << 0, /* of base:allocation */
    NBD_STATE_ZERO = 1 << 1,
    NBD_STATE_DIRTY = 1 << 0, /* of qemu:dirty-bitmap:NAME */

    NBD_EPERM = 1,
    NBD_EIO = 5,
    NBD_ENOMEM = 12,
    NBD_EINVAL = 22,
    NBD_ENOSPC = 28,
    NBD_EOVERFLOW = 75,
    NBD_ENOTSUP = 95,
    NBD_ESHUTDOWN = 108,
};

#define NBD_REP_ERR(n)              (1u << 31 | (n))
#define NBD_REP_ERR_UNSUP           NBD_REP_ERR(1)
#define NBD_REP_ERR_POLICY          NBD_REP_ERR(2)
#define NBD_REP_ERR_INVALID         NBD_REP_ERR(3)
#define NBD_REP_ERR_PLATFORM        NBD_REP_ERR(4)
#define NBD_REP_ERR_TLS_REQD        NBD_REP_ERR(5)
#define NBD_REP_ERR_UNKNOWN         NBD_REP_ERR(6)
#define NBD_REP_ERR_SHUTDOWN        NBD_REP_ERR(7)
#define NBD_REP_ERR_BLOCK_SIZE_REQD NBD_REP_ERR(8)
#define NBD_REP_ERR_TOO_BIG         NBD_REP_ERR(9)

#endif
