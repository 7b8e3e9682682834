/* SPDX-License-Identifier: Apache-2.0 */
/* tls-creds= of character devices: credentials of --object. */
#ifndef CLI_CHARDEV_TLS_H
#define CLI_CHARDEV_TLS_H

#include "core/types.h"
#include "util/error.h"

NODISCARD bool chardev_tls_offer(Machine *m, GError **err);

#endif
