/* SPDX-License-Identifier: Apache-2.0 */
/* Built without zstd: images that use it are refused when they are opened. */
#include "block/format/qcow2.h"

#include <errno.h>

int qcow2_zstd_unpack(const uint8_t *from, size_t from_len, uint8_t *to, size_t len)
{
    return -ENOTSUP;
}

int qcow2_zstd_pack(const uint8_t *from, size_t from_len, uint8_t *to, size_t *len)
{
    return -ENOTSUP;
}

bool qcow2_has_zstd(void)
{
    return false;
}
