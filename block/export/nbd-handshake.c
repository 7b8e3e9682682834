/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of the handshake: what a stranger says is checked before anything is done. */
#include "block/export/nbd-priv.h"
#include "block/net/authz.h"

#include "util/bits.h"
#include "util/bytes.h"

#include <errno.h>
#include <string.h>

typedef struct NbdOption {
    uint32_t type, len;
    uint8_t *data;
} NbdOption;

static int nbd_reply_iov(NbdClient *c, uint32_t option, uint32_t type, const void *a,
                         uint32_t a_len, const void *b, uint32_t b_len)
{
    uint8_t head[20];
    struct iovec iov[3] = { { head, sizeof(head) }, { (void *)a, a_len }, { (void *)b, b_len } };

    put_be64(head, NBD_REPLY_MAGIC);
    put_be32(head + 8, option);
    put_be32(head + 12, type);
    put_be32(head + 16, a_len + b_len);
    return stream_writev(c->stream, iov, 3);
}

static int nbd_answer(NbdClient *c, const NbdOption *o, uint32_t type, const char *text)
{
    return nbd_reply_iov(c, o->type, type, text, text ? (uint32_t)strlen(text) : 0, NULL, 0);
}

uint16_t nbd_export_flags(const NbdClient *c, const NbdExport *e)
{
    uint16_t flags = NBD_HAS_FLAGS | NBD_SEND_FLUSH | NBD_SEND_FUA | NBD_SEND_CACHE;

    flags |=
        e->writable ? NBD_SEND_TRIM | NBD_SEND_WRITE_ZEROES | NBD_SEND_FAST_ZERO : NBD_READ_ONLY;
    flags |= e->multi ? NBD_CAN_MULTI_CONN : 0;
    return flags | (c->structured ? NBD_SEND_DF : 0);
}

static void nbd_choose(NbdClient *c, NbdExport *e)
{
    c->export = e;
    e->n_clients++;
    if (c->context_export != e) {
        c->contexts = 0;
    }
}

static int nbd_option_list(NbdClient *c, const NbdOption *o)
{
    int ret = 0;

    if (o->len) {
        return nbd_answer(c, o, NBD_REP_ERR_INVALID, "a list takes no data");
    }
    for (unsigned i = 0; i < c->server->exports->len && !ret; i++) {
        NbdExport *e = c->server->exports->pdata[i];
        g_autofree char *text = g_strconcat(e->name, e->description, NULL);
        uint8_t len[4];

        if (!e->gone) {
            put_be32(len, (uint32_t)strlen(e->name));
            ret = nbd_reply_iov(c, o->type, NBD_REP_SERVER, len, 4, text, (uint32_t)strlen(text));
        }
    }
    return ret ? ret : nbd_answer(c, o, NBD_REP_ACK, NULL);
}

static int nbd_send_info(NbdClient *c, const NbdOption *o, NbdExport *e, bool wants_sizes,
                         bool wants_text)
{
    uint8_t data[14];
    int ret = 0;

    if (wants_text && e->description) {
        put_be16(data, NBD_INFO_DESCRIPTION);
        ret = nbd_reply_iov(c, o->type, NBD_REP_INFO, data, 2, e->description,
                            (uint32_t)strlen(e->description));
    }
    if (!ret) {
        /* Who does not ask must be served at any offset; the core pads for both. */
        put_be16(data, NBD_INFO_BLOCK_SIZE);
        put_be32(data + 2, wants_sizes ? block_node_align(e->hold.node) : 1);
        put_be32(data + 6, max_u64(4096, block_node_align(e->hold.node)));
        put_be32(data + 10, NBD_PAYLOAD_MAX);
        ret = nbd_reply_iov(c, o->type, NBD_REP_INFO, data, 14, NULL, 0);
    }
    if (!ret) {
        put_be16(data, NBD_INFO_EXPORT);
        put_be64(data + 2, block_node_size(e->hold.node));
        put_be16(data + 10, nbd_export_flags(c, e));
        ret = nbd_reply_iov(c, o->type, NBD_REP_INFO, data, 12, NULL, 0);
    }
    return ret;
}

/* INFO and GO. 1: the client has chosen. */
static int nbd_option_go(NbdClient *c, const NbdOption *o)
{
    uint32_t len = o->len >= 6 ? get_be32(o->data) : 0;
    bool sizes = false, text = false;
    NbdExport *e;
    int ret;

    if (o->len < 6 || len > o->len - 6 || o->len != 6 + len + 2ull * get_be16(o->data + 4 + len)) {
        return nbd_answer(c, o, NBD_REP_ERR_INVALID, "the lengths in the option do not add up");
    }
    for (uint32_t i = 6 + len; i < o->len; i += 2) {
        sizes |= get_be16(o->data + i) == NBD_INFO_BLOCK_SIZE;
        text |= get_be16(o->data + i) == NBD_INFO_DESCRIPTION;
    }
    e = nbd_server_find(c->server, (char *)o->data + 4, len);
    if (!e) {
        return nbd_answer(c, o, NBD_REP_ERR_UNKNOWN, "there is no export of that name");
    }
    ret = nbd_send_info(c, o, e, sizes, text);
    if (ret) {
        return ret;
    }
    /* It may have gone while we wrote. */
    if (e != nbd_server_find(c->server, (char *)o->data + 4, len)) {
        return nbd_answer(c, o, NBD_REP_ERR_UNKNOWN, "the export has just been removed");
    }
    if (o->type == NBD_OPT_GO) {
        nbd_choose(c, e);
    }
    ret = nbd_answer(c, o, NBD_REP_ACK, NULL);
    return ret ? ret : o->type == NBD_OPT_GO;
}

static int nbd_option_name(NbdClient *c, const NbdOption *o)
{
    uint8_t data[10 + 124] = { 0 };
    NbdExport *e = nbd_server_find(c->server, (char *)o->data, o->len);
    int ret;

    if (!e) {
        return -ENOENT; /* this option knows no other refusal than the end */
    }
    nbd_choose(c, e);
    put_be64(data, block_node_size(e->hold.node));
    put_be16(data + 8, nbd_export_flags(c, e));
    ret = stream_write(c->stream, data, c->no_zeroes ? 10 : sizeof(data));
    return ret ? ret : 1;
}

/* A query names a context, or, in a list, a namespace ("base:", "qemu:") or a leaf ("...:"). */
static bool nbd_query_matches(const char *context, const char *query, uint32_t len, bool list)
{
    if (strlen(context) == len && !memcmp(context, query, len)) {
        return true;
    }
    return list && len && query[len - 1] == ':' && !strncmp(context, query, len);
}

static int nbd_option_contexts(NbdClient *c, const NbdOption *o)
{
    bool list = o->type == NBD_OPT_LIST_META_CONTEXT;
    uint32_t len = o->len >= 8 ? get_be32(o->data) : 0, n, at;
    uint64_t chosen = 0;
    NbdExport *e;
    int ret = 0;

    if (o->len < 8 || len > o->len - 8) {
        return nbd_answer(c, o, NBD_REP_ERR_INVALID, "the lengths in the option do not add up");
    }
    if (!c->structured) {
        return nbd_answer(c, o, NBD_REP_ERR_INVALID, "structured replies must be agreed first");
    }
    e = nbd_server_find(c->server, (char *)o->data + 4, len);
    if (!e) {
        return nbd_answer(c, o, NBD_REP_ERR_UNKNOWN, "there is no export of that name");
    }
    n = get_be32(o->data + 4 + len);
    at = 8 + len;
    if (list && !n) {
        chosen = ~0ull;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t q;

        if (o->len - at < 4 || (q = get_be32(o->data + at)) > o->len - at - 4) {
            return nbd_answer(c, o, NBD_REP_ERR_INVALID,
                              "the lengths of the queries do not add up");
        }
        for (unsigned k = 0; k < e->n_contexts; k++) {
            if (nbd_query_matches(e->contexts[k].name, (char *)o->data + at + 4, q, list)) {
                chosen |= 1ull << k;
            }
        }
        at += 4 + q;
    }
    for (unsigned k = 0; k < e->n_contexts && !ret; k++) {
        uint8_t id[4];

        put_be32(id, k);
        if (chosen >> k & 1) {
            ret = nbd_reply_iov(c, o->type, NBD_REP_META_CONTEXT, id, 4, e->contexts[k].name,
                                (uint32_t)strlen(e->contexts[k].name));
        }
    }
    if (!list) {
        c->contexts = chosen;
        c->context_export = e; /* compared, never followed */
    }
    return ret ? ret : nbd_answer(c, o, NBD_REP_ACK, NULL);
}

static int nbd_option_tls(NbdClient *c, const NbdOption *o)
{
    g_autoptr(GError) err = NULL;
    int ret;

    if (o->len || c->secure) {
        return nbd_answer(c, o, NBD_REP_ERR_INVALID, "TLS is on already, or the option has data");
    }
    if (!c->server->creds) {
        return nbd_answer(c, o, NBD_REP_ERR_POLICY, "this server has no TLS credentials");
    }
    ret = nbd_answer(c, o, NBD_REP_ACK, NULL);
    if (ret || !stream_start_tls(c->stream, c->server->creds, true, NULL, &err)) {
        return ret ? ret : -EPROTO;
    }
    if (c->server->authz) {
        g_autofree char *who = stream_tls_peer(c->stream);

        if (!block_authz_allows(c->server->graph, c->server->authz, who)) {
            return -EPERM;
        }
    }
    c->secure = true;
    c->structured = false; /* what was said before TLS does not count */
    c->contexts = 0;
    return 0;
}

static int nbd_option(NbdClient *c, const NbdOption *o)
{
    if (c->server->creds && !c->secure && o->type != NBD_OPT_STARTTLS && o->type != NBD_OPT_ABORT) {
        return o->type == NBD_OPT_EXPORT_NAME
                   ? -EPERM
                   : nbd_answer(c, o, NBD_REP_ERR_TLS_REQD, "this server requires TLS");
    }
    switch (o->type) {
    case NBD_OPT_EXPORT_NAME:
        return nbd_option_name(c, o);
    case NBD_OPT_ABORT:
        nbd_answer(c, o, NBD_REP_ACK, NULL);
        return -ECONNABORTED;
    case NBD_OPT_LIST:
        return nbd_option_list(c, o);
    case NBD_OPT_STARTTLS:
        return nbd_option_tls(c, o);
    case NBD_OPT_INFO:
    case NBD_OPT_GO:
        return nbd_option_go(c, o);
    case NBD_OPT_STRUCTURED_REPLY:
        if (o->len) {
            return nbd_answer(c, o, NBD_REP_ERR_INVALID, "the option takes no data");
        }
        c->structured = true;
        return nbd_answer(c, o, NBD_REP_ACK, NULL);
    case NBD_OPT_LIST_META_CONTEXT:
    case NBD_OPT_SET_META_CONTEXT:
        return nbd_option_contexts(c, o);
    default:
        return nbd_answer(c, o, NBD_REP_ERR_UNSUP, "unknown option");
    }
}

static int nbd_option_read(NbdClient *c)
{
    uint8_t head[16];
    g_autofree uint8_t *data = NULL;
    NbdOption o;
    int ret = stream_read(c->stream, head, sizeof(head));

    if (ret) {
        return ret;
    }
    if (get_be64(head) != NBD_OPTION_MAGIC) {
        return -EPROTO;
    }
    o.type = get_be32(head + 8);
    o.len = get_be32(head + 12);
    if (o.len > NBD_OPTION_MAX) {
        ret = o.len > NBD_PAYLOAD_MAX ? -EPROTO : stream_skip(c->stream, o.len);
        return ret ? ret : nbd_answer(c, &o, NBD_REP_ERR_TOO_BIG, "the option is too long");
    }
    o.data = data = g_malloc0(o.len + 1);
    ret = stream_read(c->stream, o.data, o.len);
    return ret ? ret : nbd_option(c, &o);
}

int nbd_negotiate(NbdClient *c)
{
    uint8_t head[18], flags[4];
    int ret;

    put_be64(head, NBD_MAGIC);
    put_be64(head + 8, NBD_OPTION_MAGIC);
    put_be16(head + 16, NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES);
    ret = stream_write(c->stream, head, sizeof(head));
    if (!ret) {
        ret = stream_read(c->stream, flags, sizeof(flags));
    }
    if (ret) {
        return ret;
    }
    if (get_be32(flags) & ~(uint32_t)(NBD_FIXED_NEWSTYLE | NBD_NO_ZEROES)) {
        return -EPROTO;
    }
    c->no_zeroes = get_be32(flags) & NBD_NO_ZEROES;
    while (!ret) {
        ret = nbd_option_read(c);
    }
    return ret == 1 ? 0 : ret;
}
