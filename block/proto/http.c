/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of HTTP and FTP servers, for reading. What is fetched goes into one of a few buffers, with
 * some readahead; requests take what they want from there as it comes.
 */
#include "block/proto/http-priv.h"

#include "block/core/secret.h"
#include "util/bits.h"

#include <errno.h>
#include <string.h>

enum {
    HTTP_SLOTS = 8,
    HTTP_FETCH_MAX = 4 << 20, /* of a request in one transfer; more come after it */
    HTTP_READAHEAD_MAX = 64 << 20,
};

typedef struct HttpSlot {
    HttpTransfer t;
    size_t room;    /* of t.buf */
    unsigned users; /* requests that wait for it or copy from it */
    uint64_t age;   /* when it was last used */
    bool valid;
} HttpSlot;

typedef struct HttpCache {
    HttpSlot slots[HTTP_SLOTS];
    uint64_t clock;
    FiberQueue free;
} HttpCache;

/* ---- Buffers ---- */

/* What it has, or what will come. */
static uint64_t http_slot_end(const HttpSlot *k)
{
    return k->t.off + (k->t.failed ? k->t.got : k->t.len);
}

static HttpSlot *http_find(HttpCache *c, uint64_t off)
{
    for (int i = 0; i < HTTP_SLOTS; i++) {
        HttpSlot *k = &c->slots[i];

        if (k->valid && off >= k->t.off && off < http_slot_end(k)) {
            return k;
        }
    }
    return NULL;
}

/* The oldest that nobody wants, rather one whose transfer has ended. */
static HttpSlot *http_slot_free(HttpCache *c)
{
    HttpSlot *best = NULL;

    for (int i = 0; i < HTTP_SLOTS; i++) {
        HttpSlot *k = &c->slots[i];
        bool idle = k->valid && !k->t.easy;

        if (!k->valid) {
            return k;
        }
        if (k->users) {
            continue;
        }
        if (!best || (idle && best->t.easy) || (idle == !best->t.easy && k->age < best->age)) {
            best = k;
        }
    }
    return best;
}

static int http_fetch(Http *s, HttpSlot *k, uint64_t off, uint64_t len)
{
    uint64_t end = off + min_u64(len, HTTP_FETCH_MAX) + s->config.readahead;
    size_t bytes;

    for (int i = 0; i < HTTP_SLOTS; i++) { /* not what is there, or comes */
        const HttpSlot *other = &s->cache->slots[i];

        if (other->valid && other != k && other->t.off > off) {
            end = min_u64(end, other->t.off);
        }
    }
    bytes = (size_t)(min_u64(end, s->size) - off);
    if (k->t.http) {
        http_stop(&k->t);
    }
    if (bytes > k->room) {
        g_free(k->t.buf);
        k->t.buf = g_try_malloc(bytes);
        k->room = k->t.buf ? bytes : 0;
    }
    k->valid = k->t.buf != NULL;
    if (!k->valid) {
        return -ENOMEM;
    }
    k->t = (HttpTransfer){ .buf = k->t.buf, .off = off, .len = bytes };
    http_start(s, &k->t);
    return 0;
}

/* A slot that has, or gets, the byte at @off. */
static int http_slot(Http *s, uint64_t off, uint64_t len, HttpSlot **out)
{
    HttpCache *c = s->cache;
    HttpSlot *k;
    int ret = 0;

    while (!(k = http_find(c, off))) {
        k = http_slot_free(c);
        if (k) {
            ret = http_fetch(s, k, off, len);
            break;
        }
        fiber_queue_wait(&c->free);
    }
    *out = k;
    return ret;
}

static void http_failed(const Http *s, const HttpTransfer *t)
{
    g_autofree char *why = http_reason(t);

    block_say(s->node, BLOCK_EVENT_WARNING, "%s: bytes %" PRIu64 " to %" PRIu64 ": %s",
              block_node_filename(s->node), t->off + t->got, t->off + t->len - 1, why);
}

/* As much of [@off, @off + @len) as one slot has. */
static int http_read_some(Http *s, uint64_t off, uint8_t *to, size_t len, size_t *done)
{
    HttpSlot *k;
    size_t at, n;
    int ret = http_slot(s, off, len, &k);

    if (ret) {
        return ret;
    }
    at = (size_t)(off - k->t.off);
    n = (size_t)min_u64(len, k->t.len - at);
    k->users++;
    k->age = ++s->cache->clock;
    ret = http_need(&k->t, at + n);
    if (ret && k->t.got > at) { /* a part that came before it broke */
        n = (size_t)min_u64(n, k->t.got - at);
        ret = 0;
    }
    if (!ret) {
        memcpy(to, k->t.buf + at, n);
        *done = n;
    } else if (k->valid) {
        http_failed(s, &k->t);
        k->valid = k->t.got > 0; /* the next request tries again */
    }
    if (!--k->users) {
        fiber_queue_wake(&s->cache->free);
    }
    return ret;
}

static int http_readv(BlockNode *n, uint64_t off, const struct iovec *iov, unsigned n_iov,
                      unsigned flags)
{
    Http *s = block_priv(n);

    for (unsigned i = 0; i < n_iov; i++) {
        uint8_t *to = iov[i].iov_base;
        size_t left = iov[i].iov_len, done = 0;

        for (; left; left -= done, to += done, off += done) {
            int ret = http_read_some(s, off, to, left, &done);

            if (ret) {
                return ret;
            }
        }
    }
    return 0;
}

static int http_status(BlockNode *n, uint64_t off, uint64_t len, BlockStatus *out)
{
    *out = (BlockStatus){ .bits = BLOCK_STATUS_DATA | BLOCK_STATUS_ALLOCATED | BLOCK_STATUS_OFFSET,
                          .len = len,
                          .file = n,
                          .offset = off };
    return 0;
}

/* ---- Opening ---- */

static bool http_secret(BlockNode *n, Options *o, const char *key, char **out, GError **err)
{
    const char *id = options_get(o, key);
    const uint8_t *data;
    size_t len;

    if (!id) {
        return true;
    }
    data = block_secret_find(block_node_graph(n), id, &len, err);
    if (!data) {
        g_prefix_error(err, "%s=%s: ", key, id);
        return false;
    }
    if (memchr(data, 0, len)) {
        return error_set(err, "%s=%s: the secret has a zero byte in it", key, id);
    }
    *out = g_strndup((const char *)data, len);
    return true;
}

static bool http_parse_url(BlockNode *n, Options *o, HttpConfig *c, GError **err)
{
    const char *name = options_get(o, "filename"), *url = options_get(o, "url");
    const char *driver = block_node_format(n);
    g_autofree char *start = g_strconcat(driver, "://", NULL);

    if (name && url) {
        return error_set(err, "filename=%s and url=%s are both given", name, url);
    }
    url = url ? url : name;
    if (!url) {
        return error_set(err, "driver=%s: url= is missing", driver);
    }
    if (!g_str_has_prefix(url, start)) {
        return error_set(err, "%s: driver=%s takes addresses that start with %s", url, driver,
                         start);
    }
    for (const char *p = url; *p; p++) {
        if ((unsigned char)*p <= ' ' || *p == 0x7f) {
            return error_set(err,
                             "%s: byte %zu is a blank or control character; in an address it is "
                             "written as %%%02X",
                             url, (size_t)(p - url), (unsigned char)*p);
        }
    }
    c->url = g_strdup(url);
    block_set_filename(n, url);
    return true;
}

static bool http_parse(BlockNode *n, Options *o, HttpConfig *c, GError **err)
{
    const char *cookie = options_get(o, "cookie");

    if (!http_parse_url(n, o, c, err) ||
        !options_get_size(o, "readahead", 256 << 10, &c->readahead, err) ||
        !options_get_bool(o, "sslverify", true, &c->sslverify, err) ||
        !options_get_number(o, "timeout", 5, &c->timeout_s, err)) {
        return false;
    }
    if (c->readahead % 512 || c->readahead > HTTP_READAHEAD_MAX) {
        return error_set(err, "readahead=%" PRIu64 " is no multiple of 512 up to 64 MiB",
                         c->readahead);
    }
    if (c->timeout_s > 10000) {
        return error_set(err, "timeout=%" PRIu64 " is beyond 10000 seconds", c->timeout_s);
    }
    if (cookie && options_get(o, "cookie-secret")) {
        return error_set(err, "cookie= and cookie-secret= are both given");
    }
    c->ftp = g_str_has_prefix(c->url, "ftp");
    c->cookie = g_strdup(cookie);
    c->username = g_strdup(options_get(o, "username"));
    c->proxy_username = g_strdup(options_get(o, "proxy-username"));
    return http_secret(n, o, "cookie-secret", &c->cookie, err) &&
           http_secret(n, o, "password-secret", &c->password, err) &&
           http_secret(n, o, "proxy-password-secret", &c->proxy_password, err);
}

static void http_wipe(char *secret)
{
    if (secret) {
        explicit_bzero(secret, strlen(secret));
        g_free(secret);
    }
}

static void http_forget(Http *s)
{
    HttpConfig *c = &s->config;

    for (int i = 0; s->cache && i < HTTP_SLOTS; i++) {
        g_free(s->cache->slots[i].t.buf);
    }
    g_free(s->cache);
    g_free(c->url);
    g_free(c->username);
    g_free(c->proxy_username);
    http_wipe(c->cookie);
    http_wipe(c->password);
    http_wipe(c->proxy_password);
}

static bool http_open_error(Http *s, const HttpTransfer *t, GError **err)
{
    g_autofree char *why = http_reason(t);

    return block_error(err, s->node, "%s", why);
}

/* One byte by range: for servers that do not answer HEAD, or do not say that they have ranges. */
static bool http_try_range(Http *s, GError **err)
{
    uint8_t byte;
    HttpTransfer t = { .buf = &byte, .len = 1 };
    int ret;

    http_start(s, &t);
    ret = http_need(&t, 1);
    http_finish(&t);
    http_stop(&t);
    if (ret && t.status == 416 && t.has_total && !t.total) {
        s->size_known = true; /* nothing is in it */
        return true;
    }
    if (ret) {
        return http_open_error(s, &t, err);
    }
    if (!s->size_known && !t.has_total) {
        return block_error(err, s->node, "the server does not say how long the file is");
    }
    s->size = t.has_total ? t.total : s->size;
    s->size_known = true;
    return true;
}

/* The size, and whether there are ranges. */
static bool http_look(Http *s, GError **err)
{
    HttpTransfer t = { .head = true };
    bool answers;

    http_start(s, &t);
    http_finish(&t);
    http_stop(&t);
    answers = !t.failed && (s->config.ftp || (t.status >= 200 && t.status < 300));
    if (!answers && (s->config.ftp || (t.status != 403 && t.status != 405 && t.status != 501))) {
        return http_open_error(s, &t, err);
    }
    if (answers && t.encoded) {
        return block_error(err, s->node, "the server sends the file in another encoding");
    }
    if (answers && t.size >= 0) {
        s->size = (uint64_t)t.size;
        s->size_known = true;
    }
    if (s->config.ftp) {
        return s->size_known ||
               block_error(err, s->node, "the server does not say how long the file is");
    }
    return (s->size_known && (t.accepts || !s->size)) || http_try_range(s, err);
}

static bool http_open(BlockNode *n, Options *o, GError **err)
{
    Http *s = block_priv(n);

    s->node = n;
    s->epoll_fd = s->event_fd = -1;
    if (!http_parse(n, o, &s->config, err)) {
        http_forget(s);
        return false;
    }
    if (block_node_flags(n) & BLOCK_OPEN_WRITE) {
        if (!block_auto_read_only(n)) {
            block_error(err, n, "protocol %s is for reading alone: open it with read-only=on",
                        block_node_format(n));
            http_forget(s);
            return false;
        }
        block_set_read_only(n);
    }
    s->cache = g_new0(HttpCache, 1);
    if (!http_curl_open(s, err)) {
        http_forget(s);
        return false;
    }
    if (!http_look(s, err) || !block_set_size(n, s->size, err)) {
        http_curl_close(s);
        http_forget(s);
        return false;
    }
    return true;
}

static void http_close(BlockNode *n)
{
    Http *s = block_priv(n);

    http_curl_close(s);
    http_forget(s);
}

static const BlockOption http_options[] = {
    { "url", BLOCK_OPT_STR, "address of the file", NULL, false },
    { "readahead", BLOCK_OPT_SIZE, "what is fetched beyond each request", "262144", false },
    { "sslverify", BLOCK_OPT_BOOL, "the server's certificate is checked", "on", false },
    { "timeout", BLOCK_OPT_NUMBER, "seconds without an answer that end a request", "5", false },
    { "cookie", BLOCK_OPT_STR, "cookies to send", NULL, false },
    { "cookie-secret", BLOCK_OPT_STR, "id of a secret with the cookies", NULL, false },
    { "username", BLOCK_OPT_STR, "who asks", NULL, false },
    { "password-secret", BLOCK_OPT_STR, "id of the secret with the password", NULL, false },
    { "proxy-username", BLOCK_OPT_STR, "who asks the proxy", NULL, false },
    { "proxy-password-secret", BLOCK_OPT_STR, "id of the secret with its password", NULL, false },
    { 0 },
};

static const char *const http_prefixes[] = { "http", NULL };
static const char *const https_prefixes[] = { "https", NULL };
static const char *const ftp_prefixes[] = { "ftp", NULL };
static const char *const ftps_prefixes[] = { "ftps", NULL };

#define HTTP_DRIVER(its_name, its_prefixes, its_doc)                                        \
    {                                                                                       \
        .name = its_name, .doc = its_doc, .kind = BLOCK_PROTOCOL, .size = sizeof(Http),     \
        .options = http_options, .prefixes = its_prefixes, .no_file = true, .stays = true,  \
        .open = http_open, .close = http_close, .readv = http_readv, .status = http_status, \
    }

const BlockDriver block_http_driver =
    HTTP_DRIVER("http", http_prefixes, "a file of an HTTP server, for reading");
const BlockDriver block_https_driver =
    HTTP_DRIVER("https", https_prefixes, "a file of an HTTP server by TLS, for reading");
const BlockDriver block_ftp_driver =
    HTTP_DRIVER("ftp", ftp_prefixes, "a file of an FTP server, for reading");
const BlockDriver block_ftps_driver =
    HTTP_DRIVER("ftps", ftps_prefixes, "a file of an FTP server by TLS, for reading");
