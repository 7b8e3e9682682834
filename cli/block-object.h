/* SPDX-License-Identifier: Apache-2.0 */
/* --object of the tools for disks. */
#ifndef CLI_BLOCK_OBJECT_H
#define CLI_BLOCK_OBJECT_H

#include "block/core/node.h"

/* "secret,id=...", "tls-creds-x509,id=...": into @g. Errors: the types that there are. */
NODISCARD bool block_object_add(BlockGraph *g, const char *text, GError **err);

/* @text asks for help ("help", "secret,help"): printed, true. */
bool block_object_help(const char *text);

#endif
