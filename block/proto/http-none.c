/* SPDX-License-Identifier: Apache-2.0 */
/* A build without libcurl: the protocols are known by name, and say what they need. */
#include "block/core/driver.h"

static bool http_open(BlockNode *n, Options *o, GError **err)
{
    return error_set(err, "protocol %s is not in this build (configure it with libcurl)",
                     block_node_format(n));
}

static const char *const http_prefixes[] = { "http", NULL };
static const char *const https_prefixes[] = { "https", NULL };
static const char *const ftp_prefixes[] = { "ftp", NULL };
static const char *const ftps_prefixes[] = { "ftps", NULL };

#define HTTP_DRIVER(its_name, its_prefixes)                                   \
    {                                                                         \
        .name = its_name, .doc = "not in this build", .kind = BLOCK_PROTOCOL, \
        .prefixes = its_prefixes, .no_file = true, .open = http_open,         \
    }

const BlockDriver block_http_driver = HTTP_DRIVER("http", http_prefixes);
const BlockDriver block_https_driver = HTTP_DRIVER("https", https_prefixes);
const BlockDriver block_ftp_driver = HTTP_DRIVER("ftp", ftp_prefixes);
const BlockDriver block_ftps_driver = HTTP_DRIVER("ftps", ftps_prefixes);
