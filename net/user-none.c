/* SPDX-License-Identifier: Apache-2.0 */
#include "net/net-priv.h"

static bool user_none_open(NetBackend *b, Options *o, GError **err)
{
    return error_set(err, "this build has no libslirp: type=user is not there");
}

static void user_none_close(NetBackend *b)
{
}

bool net_has_user(void)
{
    return false;
}

const NetType net_type_user = {
    .name = "user",
    .doc = "not in this build (libslirp)",
    .size = sizeof(NetBackend),
    .open = user_none_open,
    .close = user_none_close,
};
