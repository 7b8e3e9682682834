/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secrets: passphrases and keys that options name (key-secret=ID), so that none stands in an
 * image's options or in a list of processes.
 */
#ifndef BLOCK_CORE_SECRET_H
#define BLOCK_CORE_SECRET_H

#include "block/core/node.h"

/*
 * "id=ID,data=TEXT" or "id=ID,file=PATH", with format=raw (the default) or base64. They live as
 * long as the graph, or until they are removed, and are wiped then.
 * Errors: name the option, and what would be right.
 */
NODISCARD bool block_secret_add(BlockGraph *g, Options *options, GError **err);
NODISCARD bool block_secret_remove(BlockGraph *g, const char *id, GError **err);
/* The bytes, with a zero after them that *@len does not count. NULL: there is none of that id. */
const uint8_t *block_secret_find(BlockGraph *g, const char *id, size_t *len, GError **err);

#endif
