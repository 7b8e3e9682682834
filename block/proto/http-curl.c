/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transfers by libcurl's multi interface. Its sockets are in an epoll set, whose descriptor one
 * fiber waits for: nothing blocks the loop. Names are resolved on threads of libcurl's.
 * Spec: libcurl-multi(3), curl_multi_socket_action(3); RFC 9110, 14 (range requests).
 */
#include "block/proto/http-priv.h"

#include "util/library.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    HTTP_TRIES = 3,
    HTTP_REDIRECTS = 10,
    HTTP_EVENTS = 16,
    HTTP_RECEIVE_BUFFER = 128 << 10,
    HTTP_FTP_LOOK_NS = 20000000,
};

static uint64_t http_now_ns(void)
{
    return (uint64_t)g_get_monotonic_time() * 1000;
}

/* ---- What libcurl calls: never waits, and wakes nobody ---- */

static int http_on_socket(CURL *easy, curl_socket_t fd, int what, void *opaque, void *socket)
{
    Http *s = opaque;
    struct epoll_event e = { .data.fd = fd };

    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(s->epoll_fd, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    e.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, fd, &e) && errno == ENOENT &&
        epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &e)) {
        return -1;
    }
    return 0;
}

static void http_kick(Http *s)
{
    uint64_t one = 1;
    ssize_t n = write(s->event_fd, &one, sizeof(one));

    CHECK(n == sizeof(one) || errno == EAGAIN);
}

static int http_on_timer(CURLM *multi, long timeout_ms, void *opaque)
{
    Http *s = opaque;

    s->due_ns = timeout_ms < 0 ? 0 : http_now_ns() + (uint64_t)timeout_ms * 1000000;
    http_kick(s);
    return 0;
}

/* "bytes FIRST-LAST/TOTAL", TOTAL "*" where the server does not know. */
static void http_parse_range(HttpTransfer *t, const char *text)
{
    guint64 *numbers[] = { &t->first, &t->last };

    t->has_range = t->has_total = false;
    if (g_ascii_strncasecmp(text, "bytes", 5)) {
        return;
    }
    text += 5;
    text += strspn(text, " =");
    if (*text == '*') { /* of an answer that nothing of the range is there */
        text++;
    } else {
        for (int i = 0; i < 2; i++) {
            char *end;

            if (!g_ascii_isdigit(*text)) {
                return;
            }
            *numbers[i] = g_ascii_strtoull(text, &end, 10);
            text = end + (i == 0 && *end == '-');
        }
        t->has_range = t->first <= t->last;
    }
    if (*text == '/' && g_ascii_isdigit(text[1])) {
        t->total = g_ascii_strtoull(text + 1, NULL, 10);
        t->has_total = true;
    }
}

static size_t http_on_header(char *data, size_t size, size_t n, void *opaque)
{
    HttpTransfer *t = opaque;
    g_autofree char *line = g_strndup(data, size * n);
    char *value = strchr(line, ':');

    if (g_str_has_prefix(line, "HTTP/")) { /* of a redirection before, too */
        t->accepts = t->encoded = t->has_range = t->has_total = false;
        return size * n;
    }
    if (!value || t->http->config.ftp) {
        return size * n;
    }
    *value++ = 0;
    g_strstrip(value);
    if (!g_ascii_strcasecmp(line, "Content-Range")) {
        http_parse_range(t, value);
    } else if (!g_ascii_strcasecmp(line, "Accept-Ranges")) {
        t->accepts = !g_ascii_strcasecmp(value, "bytes");
    } else if (!g_ascii_strcasecmp(line, "Content-Encoding")) {
        t->encoded = g_ascii_strcasecmp(value, "identity") != 0;
    }
    return size * n;
}

static bool http_mind(HttpTransfer *t, const char *fmt, ...) G_GNUC_PRINTF(2, 3);
static bool http_mind(HttpTransfer *t, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    g_vsnprintf(t->wrong, sizeof(t->wrong), fmt, ap);
    va_end(ap);
    t->failed = true;
    return false;
}

/* Before its first byte is taken: is this a reply to what was asked? */
static bool http_check(HttpTransfer *t)
{
    const Http *s = t->http;
    uint64_t first = t->off + t->from;

    t->until = t->len;
    if (s->config.ftp) {
        return true;
    }
    t->http->lib.curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->status);
    if (t->encoded) {
        return http_mind(t, "it sends the file in another encoding");
    }
    if (t->status == 200) {
        return (first == 0 && s->size_known && t->len == s->size) ||
               http_mind(t, "it has no byte ranges (it sends the whole file)");
    }
    if (t->status != 206 || !t->has_range) {
        return http_mind(t, "it answers %ld without Content-Range to a request for a range",
                         t->status);
    }
    if (t->first != first || t->last >= t->off + t->len) {
        return http_mind(
            t, "it sends bytes %" PRIu64 " to %" PRIu64 " for bytes %" PRIu64 " to %" PRIu64,
            t->first, t->last, first, t->off + t->len - 1);
    }
    if (s->size_known && t->has_total && t->total != s->size) {
        return http_mind(t, "the file has %" PRIu64 " bytes now, and had %" PRIu64, t->total,
                         s->size);
    }
    t->until = (size_t)(t->last + 1 - t->off);
    return true;
}

static size_t http_on_data(char *data, size_t size, size_t n, void *opaque)
{
    HttpTransfer *t = opaque;
    size_t len = size * n;

    if (t->head) { /* of FTP: what libcurl says of the file, as headers would */
        return len;
    }
    if (!t->checked && !http_check(t)) {
        return 0;
    }
    t->checked = true;
    if (len > t->until - t->got) {
        http_mind(t, "it sends more than the %zu bytes that were asked for", t->until - t->from);
        return 0;
    }
    memcpy(t->buf + t->got, data, len);
    t->got += len;
    t->moved = true;
    return len;
}

/* ---- Transfers ---- */

static void http_unlink(HttpTransfer *t)
{
    HttpTransfer **p = &t->http->running;

    while (*p && *p != t) {
        p = &(*p)->next;
    }
    if (*p) {
        *p = t->next;
    }
}

static bool http_again(CURLcode code)
{
    return code == CURLE_OK || code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR ||
           code == CURLE_SEND_ERROR || code == CURLE_GOT_NOTHING || code == CURLE_HTTP2_STREAM ||
           code == CURLE_HTTP2;
}

static void http_end(HttpTransfer *t, CURLcode code)
{
    curl_off_t size = -1;

    t->http->lib.curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->status);
    t->http->lib.curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &size);
    t->size = size;
    t->failed = t->failed || !http_again(code);
    if (code != CURLE_OK && !*t->error) {
        g_strlcpy(t->error, t->http->lib.curl_easy_strerror(code), sizeof(t->error));
    }
    t->http->lib.curl_multi_remove_handle(t->http->multi, t->easy);
    t->http->lib.curl_easy_cleanup(t->easy);
    t->easy = NULL;
    t->ended = t->moved = true;
}

static CURLcode http_set_server(const Http *s, CURL *e)
{
    const HttpConfig *c = &s->config;
    bool tls = g_str_has_prefix(c->url, "https:") || g_str_has_prefix(c->url, "ftps:");
    /* A redirection does not leave TLS unseen. */
    const char *redirect = tls ? "https" : "http,https";
    CURLcode ret = CURLE_OK;

#define SET(option, value) ret = ret ? ret : s->lib.curl_easy_setopt(e, option, value)
    SET(CURLOPT_URL, c->url);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROTOCOLS_STR, "http,https,ftp,ftps");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, redirect);
    SET(CURLOPT_FOLLOWLOCATION, 1L);
    SET(CURLOPT_MAXREDIRS, (long)HTTP_REDIRECTS);
    SET(CURLOPT_FAILONERROR, 1L);
    SET(CURLOPT_SSL_VERIFYPEER, c->sslverify ? 1L : 0L);
    SET(CURLOPT_SSL_VERIFYHOST, c->sslverify ? 2L : 0L);
    if (c->timeout_s) {
        SET(CURLOPT_CONNECTTIMEOUT, (long)c->timeout_s);
        SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
        SET(CURLOPT_LOW_SPEED_TIME, (long)c->timeout_s);
    }
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_USERAGENT, "tinamou");
    if (c->cookie) {
        SET(CURLOPT_COOKIE, c->cookie);
    }
    if (c->username) {
        SET(CURLOPT_USERNAME, c->username);
        SET(CURLOPT_HTTPAUTH, CURLAUTH_ANY);
    }
    if (c->password) {
        SET(CURLOPT_PASSWORD, c->password);
    }
    if (c->proxy_username) {
        SET(CURLOPT_PROXYUSERNAME, c->proxy_username);
        SET(CURLOPT_PROXYAUTH, CURLAUTH_ANY);
    }
    if (c->proxy_password) {
        SET(CURLOPT_PROXYPASSWORD, c->proxy_password);
    }
    return ret;
}

static CURLcode http_set_request(HttpTransfer *t, CURL *e)
{
    const Http *s = t->http;
    char range[64];
    CURLcode ret = CURLE_OK;

    SET(CURLOPT_PRIVATE, t);
    SET(CURLOPT_ERRORBUFFER, t->error);
    SET(CURLOPT_HEADERFUNCTION, http_on_header);
    SET(CURLOPT_HEADERDATA, t);
    SET(CURLOPT_WRITEFUNCTION, http_on_data);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_BUFFERSIZE, (long)HTTP_RECEIVE_BUFFER);
    if (t->head) {
        SET(CURLOPT_NOBODY, 1L);
    } else {
        g_snprintf(range, sizeof(range), "%" PRIu64 "-%" PRIu64, t->off + t->from,
                   t->off + t->len - 1);
        SET(CURLOPT_RANGE, range);
    }
#undef SET
    return ret;
}

bool http_start(Http *s, HttpTransfer *t)
{
    CURL *e = s->lib.curl_easy_init();
    CURLcode ret = e ? http_set_server(s, e) : CURLE_OUT_OF_MEMORY;

    t->http = s;
    t->from = t->got;
    t->ended = t->failed = t->checked = false;
    t->encoded = t->has_range = t->accepts = t->has_total = false;
    t->until = t->len;
    t->status = 0;
    t->error[0] = t->wrong[0] = 0;
    t->tries++;
    ret = ret ? ret : http_set_request(t, e);
    if (!ret && s->lib.curl_multi_add_handle(s->multi, e) != CURLM_OK) {
        ret = CURLE_FAILED_INIT;
    }
    if (ret) {
        g_strlcpy(t->error, s->lib.curl_easy_strerror(ret), sizeof(t->error));
        s->lib.curl_easy_cleanup(e);
        t->ended = t->failed = true;
        return false;
    }
    t->easy = e;
    t->next = s->running;
    s->running = t;
    return true;
}

void http_stop(HttpTransfer *t)
{
    if (t->easy) {
        t->http->lib.curl_multi_remove_handle(t->http->multi, t->easy);
        t->http->lib.curl_easy_cleanup(t->easy);
        t->easy = NULL;
        t->ended = t->failed = true;
    }
    if (t->http) {
        http_unlink(t);
    }
}

void http_finish(HttpTransfer *t)
{
    while (!t->ended) {
        fiber_queue_wait(&t->waiters);
    }
}

int http_need(HttpTransfer *t, size_t need)
{
    while (t->got < need) {
        if (!t->ended) {
            fiber_queue_wait(&t->waiters);
            continue;
        }
        t->tries = t->got > t->from ? 0 : t->tries;
        if (t->failed || t->tries >= HTTP_TRIES || !http_start(t->http, t)) {
            t->failed = true;
            return -EIO;
        }
    }
    return 0;
}

static const char *http_status_text(long status)
{
    static const struct {
        long status;
        const char *text;
    } known[] = {
        { 401, "Unauthorized: username= and password-secret= name who asks" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 407, "Proxy Authentication Required: proxy-username=, proxy-password-secret=" },
        { 410, "Gone" },
        { 416, "Range Not Satisfiable" },
        { 429, "Too Many Requests" },
        { 500, "Internal Server Error" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        if (known[i].status == status) {
            return known[i].text;
        }
    }
    return NULL;
}

char *http_reason(const HttpTransfer *t)
{
    const char *text = http_status_text(t->status);

    if (*t->wrong) {
        return g_strdup_printf("the server's reply is not right: %s", t->wrong);
    }
    if (t->status >= 400 && !t->http->config.ftp) {
        return g_strdup_printf("the server answers %ld%s%s%s", t->status, text ? " (" : "",
                               text ? text : "", text ? ")" : "");
    }
    if (*t->error) {
        return g_strdup(t->error);
    }
    return g_strdup_printf("the server sends %zu of the %zu bytes that were asked for",
                           t->got - t->from, t->len - t->from);
}

/* ---- The fiber that drives libcurl ---- */

static void http_act(Http *s, curl_socket_t fd, int bits)
{
    int running;

    (void)s->lib.curl_multi_socket_action(s->multi, fd, bits, &running);
}

/*
 * libcurl 7.88 forgets to ask for its next turn when the reply to EPSV or PASV is there at once:
 * the transfer waits for nothing until a timeout ends it. Only this call looks at all transfers and
 * tells the sockets that they wait for; what replaces it, curl_multi_socket_action(), looks at one.
 */
static void http_look_at_all(Http *s)
{
    int running;

    (void)s->lib.curl_multi_socket_all(s->multi, &running);
}

static void http_reap(Http *s)
{
    CURLMsg *m;
    int left;

    while ((m = s->lib.curl_multi_info_read(s->multi, &left))) {
        char *private = NULL;

        if (m->msg == CURLMSG_DONE) {
            CURLcode code = m->data.result;

            s->lib.curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private);
            http_end((HttpTransfer *)(void *)private, code);
        }
    }
}

/* Whoever runs may start, stop and free transfers. */
static void http_wake(Http *s)
{
    HttpTransfer *t = s->running;

    while (t) {
        if (!t->moved) {
            t = t->next;
            continue;
        }
        t->moved = false;
        if (t->ended) {
            http_unlink(t);
        }
        fiber_queue_wake_all(&t->waiters);
        t = s->running;
    }
}

static void http_turn(Http *s)
{
    struct epoll_event events[HTTP_EVENTS];
    uint64_t now = http_now_ns(), wait_ns = s->due_ns > now ? s->due_ns - now : 0;
    int n;

    if (s->config.ftp && s->running) {
        wait_ns = s->due_ns ? MIN(wait_ns, HTTP_FTP_LOOK_NS) : HTTP_FTP_LOOK_NS;
    }
    if (!s->due_ns || wait_ns) {
        (void)io_wait_fd(s->epoll_fd, POLLIN, wait_ns);
    } else {
        io_pause();
    }
    n = epoll_wait(s->epoll_fd, events, HTTP_EVENTS, 0);
    for (int i = 0; i < n; i++) {
        uint64_t count;

        if (events[i].data.fd == s->event_fd) {
            (void)!read(s->event_fd, &count, sizeof(count));
            continue;
        }
        http_act(s, events[i].data.fd,
                 (events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
                     (events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
                     (events[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0));
    }
    if (s->due_ns && http_now_ns() >= s->due_ns) {
        s->due_ns = 0;
        http_act(s, CURL_SOCKET_TIMEOUT, 0);
    }
    if (s->config.ftp && s->running) {
        http_look_at_all(s);
    }
    http_reap(s);
    http_wake(s);
}

static void http_loop(void *arg)
{
    Http *s = arg;

    while (!s->closing) {
        http_turn(s);
    }
    s->looping = false;
    fiber_queue_wake_all(&s->loop_ended);
}

static bool http_load(Http *s, GError **err)
{
    static const LibrarySymbol symbols[] = {
        LIBRARY_SYMBOL(Curl, curl_easy_cleanup),     LIBRARY_SYMBOL(Curl, curl_easy_getinfo),
        LIBRARY_SYMBOL(Curl, curl_easy_init),        LIBRARY_SYMBOL(Curl, curl_easy_setopt),
        LIBRARY_SYMBOL(Curl, curl_easy_strerror),    LIBRARY_SYMBOL(Curl, curl_global_cleanup),
        LIBRARY_SYMBOL(Curl, curl_global_init),      LIBRARY_SYMBOL(Curl, curl_multi_add_handle),
        LIBRARY_SYMBOL(Curl, curl_multi_cleanup),    LIBRARY_SYMBOL(Curl, curl_multi_info_read),
        LIBRARY_SYMBOL(Curl, curl_multi_init),       LIBRARY_SYMBOL(Curl, curl_multi_remove_handle),
        LIBRARY_SYMBOL(Curl, curl_multi_setopt),     LIBRARY_SYMBOL(Curl, curl_multi_socket_action),
        LIBRARY_SYMBOL(Curl, curl_multi_socket_all),
    };

    return library_load(LIBCURL_SONAME, symbols, G_N_ELEMENTS(symbols), &s->lib, err);
}

static bool http_add_event(Http *s)
{
    struct epoll_event e = { .events = EPOLLIN, .data.fd = s->event_fd };

    return !epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->event_fd, &e);
}

bool http_curl_open(Http *s, GError **err)
{
    if (!http_load(s, err)) {
        return false;
    }
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    s->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->epoll_fd < 0 || s->event_fd < 0 || !http_add_event(s)) {
        error_set(err, "cannot make a descriptor for events: %s", g_strerror(errno));
    } else if (s->lib.curl_global_init(CURL_GLOBAL_ALL)) {
        error_set(err, "libcurl cannot be started");
    } else {
        s->multi = s->lib.curl_multi_init();
        s->lib.curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, http_on_socket);
        s->lib.curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s);
        s->lib.curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, http_on_timer);
        s->lib.curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s);
        s->looping = true;
        ioloop_post(block_graph_loop(block_node_graph(s->node)), http_loop, s);
        return true;
    }
    http_curl_close(s);
    return false;
}

void http_curl_close(Http *s)
{
    while (s->running) {
        http_stop(s->running);
    }
    s->closing = true;
    if (s->looping) {
        http_kick(s);
    }
    while (s->looping) {
        fiber_queue_wait(&s->loop_ended);
    }
    if (s->multi) {
        s->lib.curl_multi_cleanup(s->multi);
        s->lib.curl_global_cleanup();
        s->multi = NULL;
    }
    if (s->epoll_fd >= 0) {
        close(s->epoll_fd);
    }
    if (s->event_fd >= 0) {
        close(s->event_fd);
    }
}
