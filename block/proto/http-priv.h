/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the HTTP client share: transfers by libcurl, and the driver above them. */
#ifndef BLOCK_PROTO_HTTP_PRIV_H
#define BLOCK_PROTO_HTTP_PRIV_H

#include "block/core/driver.h"

#define CURL_DISABLE_TYPECHECK /* by macros of the functions' names */
#include <curl/curl.h>

/* What is used of libcurl, which is loaded by the first such node. */
typedef struct Curl {
    typeof(curl_easy_cleanup) *curl_easy_cleanup;
    typeof(curl_easy_getinfo) *curl_easy_getinfo;
    typeof(curl_easy_init) *curl_easy_init;
    typeof(curl_easy_setopt) *curl_easy_setopt;
    typeof(curl_easy_strerror) *curl_easy_strerror;
    typeof(curl_global_cleanup) *curl_global_cleanup;
    typeof(curl_global_init) *curl_global_init;
    typeof(curl_multi_add_handle) *curl_multi_add_handle;
    typeof(curl_multi_cleanup) *curl_multi_cleanup;
    typeof(curl_multi_info_read) *curl_multi_info_read;
    typeof(curl_multi_init) *curl_multi_init;
    typeof(curl_multi_remove_handle) *curl_multi_remove_handle;
    typeof(curl_multi_setopt) *curl_multi_setopt;
    typeof(curl_multi_socket_action) *curl_multi_socket_action;
    G_GNUC_BEGIN_IGNORE_DEPRECATIONS
    typeof(curl_multi_socket_all) *curl_multi_socket_all;
    G_GNUC_END_IGNORE_DEPRECATIONS
} Curl;

/* What the user said of a server. */
typedef struct HttpConfig {
    char *url, *cookie, *username, *password, *proxy_username, *proxy_password;
    bool sslverify;
    bool ftp;
    uint64_t readahead, timeout_s;
} HttpConfig;

typedef struct Http Http;

/* One request to the server, for a range of the file (or, .head, for what the file is). */
typedef struct HttpTransfer {
    struct HttpTransfer *next; /* of those under way */
    Http *http;
    CURL *easy; /* NULL: not under way */
    bool head;
    uint64_t off;       /* of buf[0] in the file */
    size_t len, got;    /* bytes wanted, and those that have come */
    size_t from, until; /* of buf: what this try asked for; what the reply promised */
    uint8_t *buf;
    FiberQueue waiters; /* for more bytes, or the end */
    bool moved;         /* something came, or it ended, since they were told */
    bool ended, failed; /* .failed: trying again makes no sense */
    unsigned tries;     /* without a byte of progress */

    /* The reply as far as it has come. */
    long status;
    bool checked; /* its header is one for what was asked */
    bool accepts, encoded, has_range, has_total;
    uint64_t first, last, total; /* Content-Range */
    int64_t size;                /* .head: of the file; -1: the server does not say */
    char error[CURL_ERROR_SIZE];
    char wrong[160]; /* what we mind in the reply */
} HttpTransfer;

/* A connection pool of libcurl on the node's loop. */
struct Http {
    BlockNode *node;
    HttpConfig config;
    uint64_t size; /* 0 until it is known: replies are held against it */
    bool size_known;
    Curl lib;
    CURLM *multi;
    int epoll_fd, event_fd;
    uint64_t due_ns; /* when libcurl wants to be called; 0: not by time */
    HttpTransfer *running;
    bool looping, closing;
    FiberQueue loop_ended;
    struct HttpCache *cache;
};

/* FIBER all. The multi interface, and the fiber that drives it. */
NODISCARD bool http_curl_open(Http *s, GError **err);
void http_curl_close(Http *s);
/* Ask for [off + got, off + len). False: @t has failed, and .error says why. */
bool http_start(Http *s, HttpTransfer *t);
/* Until @t ends. */
void http_finish(HttpTransfer *t);
void http_stop(HttpTransfer *t);
/* Why @t has failed, for people; free it. */
char *http_reason(const HttpTransfer *t);
/* 0 when @t has @need bytes; broken connections are made again where that goes on. */
int http_need(HttpTransfer *t, size_t need);

#endif
