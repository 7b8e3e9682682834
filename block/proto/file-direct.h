/* SPDX-License-Identifier: Apache-2.0 */
/* What O_DIRECT wants of requests. */
#ifndef BLOCK_PROTO_FILE_DIRECT_H
#define BLOCK_PROTO_FILE_DIRECT_H

#include <stdint.h>

typedef struct FileAlign {
    uint32_t memory; /* of a buffer's address */
    uint32_t range;  /* of offsets and lengths */
} FileAlign;

/* Powers of two up to 4096, as the host tells, or as a few reads show; 4096 where nothing does.
 * Context: may block. */
FileAlign file_direct_align(int fd);

#endif
