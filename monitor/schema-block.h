/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MONITOR_SCHEMA_BLOCK_H
#define MONITOR_SCHEMA_BLOCK_H

#include "monitor/json-out.h"

/* The type of blockdev-add's arguments. */
#define SCHEMA_BLOCKDEV "blockdev"

/* That type and all that it speaks of. */
void schema_blockdev(JsonOut *j);

#endif
