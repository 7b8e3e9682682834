/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what, by name: what `--object authz-simple|authz-list,id=...` makes and tls-authz=ID
 * names. Beside TLS credentials, whose certificate authority says who somebody is.
 */
#ifndef BLOCK_NET_AUTHZ_H
#define BLOCK_NET_AUTHZ_H

#include "block/core/node.h"

/* @type is one of ours. */
bool block_authz_is_type(const char *type);
/*
 * authz-simple: identity=TEXT alone. authz-list: policy=deny|allow (deny) where none of
 * rules.N.match=TEXT, rules.N.policy=deny|allow, rules.N.format=exact|glob fits; the first counts.
 * @o has id= too. Errors: the option at fault.
 */
NODISCARD bool block_authz_add(BlockGraph *g, const char *type, Options *o, GError **err);
NODISCARD bool block_authz_remove(BlockGraph *g, const char *id, GError **err);
bool block_authz_has(BlockGraph *g, const char *id);
/* @identity: NULL is nobody. False where there is no such object either. */
bool block_authz_allows(BlockGraph *g, const char *id, const char *identity);

#endif
