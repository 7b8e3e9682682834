/* SPDX-License-Identifier: Apache-2.0 */
#include "block/net/nbd-client.h"

#include "block/net/nbd-wire.h"
#include "util/bytes.h"

#include <string.h>

enum { NBD_REPLY_MAX = 64 << 10, NBD_LIST_MAX = 100000 };

void nbd_info_deinit(NbdInfo *i)
{
    g_free(i->name);
    g_free(i->description);
    g_strfreev(i->contexts);
    *i = (NbdInfo){ 0 };
}

static bool nbd_io(int ret, GError **err)
{
    return !ret || error_set(err, "the NBD server has ended the connection in the handshake (%s)",
                             g_strerror(-ret));
}

/* One option; @len bytes of @data. */
static bool nbd_send(BlockStream *s, uint32_t option, const void *data, uint32_t len, GError **err)
{
    uint8_t head[16];
    struct iovec iov[2] = { { head, sizeof(head) }, { (void *)data, len } };

    put_be64(head, NBD_OPTION_MAGIC);
    put_be32(head + 8, option);
    put_be32(head + 12, len);
    return nbd_io(stream_writev(s, iov, 2), err);
}

typedef struct NbdReply {
    bool zeroes; /* the server sends 124 zeros after its answer to EXPORT_NAME */
    uint32_t type, len;
    uint8_t data[NBD_REPLY_MAX + 1]; /* with a zero after the last */
} NbdReply;

static bool nbd_receive(BlockStream *s, uint32_t option, NbdReply *r, GError **err)
{
    uint8_t head[20];

    if (!nbd_io(stream_read(s, head, sizeof(head)), err)) {
        return false;
    }
    if (get_be64(head) != NBD_REPLY_MAGIC || get_be32(head + 8) != option) {
        return error_set(err,
                         "the NBD server answers option %u with magic %#" G_GINT64_MODIFIER
                         "x for option %u",
                         option, get_be64(head), get_be32(head + 8));
    }
    r->type = get_be32(head + 12);
    r->len = get_be32(head + 16);
    if (r->len > NBD_REPLY_MAX) {
        return error_set(err,
                         "the NBD server's reply to option %u has %u bytes; at most %u are "
                         "sensible",
                         option, r->len, NBD_REPLY_MAX);
    }
    r->data[r->len] = 0;
    return nbd_io(stream_read(s, r->data, r->len), err);
}

/* An error reply in words; the server's own are shown where it gives some. */
static bool nbd_refused(const NbdReply *r, const char *what, GError **err)
{
    static const char *const text[] = {
        [1] = "it does not know the request",
        [2] = "its policy forbids it",
        [3] = "it finds the request malformed",
        [4] = "its platform cannot",
        [5] = "it requires TLS: give tls-creds=",
        [6] = "it has no export of that name",
        [7] = "it is shutting down",
        [8] = "it requires that block sizes are asked for",
        [9] = "the request is too big for it",
    };
    uint32_t n = r->type & 0x7fffffff;
    const char *why = n < G_N_ELEMENTS(text) && text[n] ? text[n] : NULL;
    g_autofree char *said = g_utf8_make_valid((const char *)r->data, r->len);

    if (!(r->type >> 31)) {
        return error_set(err, "the NBD server answers %s with a reply of type %u", what, r->type);
    }
    if (!why) {
        return error_set(err, "the NBD server refuses %s with error %u%s%s", what, n,
                         *said ? ": " : "", said);
    }
    return error_set(err, "the NBD server refuses %s: %s%s%s%s", what, why, *said ? " (" : "", said,
                     *said ? ")" : "");
}

static bool nbd_hello(BlockStream *s, bool *zeroes, GError **err)
{
    uint8_t head[18], flags[4];
    uint32_t answer;

    if (!nbd_io(stream_read(s, head, 16), err)) {
        return false;
    }
    if (get_be64(head) != NBD_MAGIC) {
        return error_set(err, "this is not an NBD server: it begins with %#" G_GINT64_MODIFIER "x",
                         get_be64(head));
    }
    if (get_be64(head + 8) != NBD_OPTION_MAGIC) {
        return error_set(err, get_be64(head + 8) == NBD_OLD_MAGIC
                                  ? "the NBD server speaks the oldstyle handshake, which ended in "
                                    "2011: it must be started with export names"
                                  : "the NBD server's second magic is unknown");
    }
    if (!nbd_io(stream_read(s, head + 16, 2), err)) {
        return false;
    }
    if (!(get_be16(head + 16) & NBD_FIXED_NEWSTYLE)) {
        return error_set(err, "the NBD server does not speak the fixed newstyle handshake");
    }
    *zeroes = !(get_be16(head + 16) & NBD_NO_ZEROES);
    answer = NBD_FIXED_NEWSTYLE | (get_be16(head + 16) & NBD_NO_ZEROES);
    put_be32(flags, answer);
    return nbd_io(stream_write(s, flags, 4), err);
}

static bool nbd_hello_tls(BlockStream *s, TlsCreds *creds, const char *host, NbdReply *r,
                          GError **err)
{
    if (!nbd_hello(s, &r->zeroes, err)) {
        return false;
    }
    if (!creds) {
        return true;
    }
    if (!nbd_send(s, NBD_OPT_STARTTLS, NULL, 0, err) || !nbd_receive(s, NBD_OPT_STARTTLS, r, err)) {
        return false;
    }
    if (r->type != NBD_REP_ACK || r->len) {
        return nbd_refused(r, "TLS (tls-creds= is given)", err);
    }
    return stream_start_tls(s, creds, false, host, err);
}

static bool nbd_structured(BlockStream *s, NbdReply *r, bool *agreed, GError **err)
{
    if (!nbd_send(s, NBD_OPT_STRUCTURED_REPLY, NULL, 0, err) ||
        !nbd_receive(s, NBD_OPT_STRUCTURED_REPLY, r, err)) {
        return false;
    }
    *agreed = r->type == NBD_REP_ACK;
    if (r->type == NBD_REP_ERR_TLS_REQD) {
        return nbd_refused(r, "structured replies", err);
    }
    return true;
}

/* Strings with their lengths: export, number of queries, queries. */
static GByteArray *nbd_context_query(const char *name, const char *context)
{
    GByteArray *b = g_byte_array_new();
    uint8_t be[4];

    put_be32(be, (uint32_t)strlen(name));
    g_byte_array_append(b, be, 4);
    g_byte_array_append(b, (const uint8_t *)name, (unsigned)strlen(name));
    put_be32(be, context ? 1 : 0);
    g_byte_array_append(b, be, 4);
    if (context) {
        put_be32(be, (uint32_t)strlen(context));
        g_byte_array_append(b, be, 4);
        g_byte_array_append(b, (const uint8_t *)context, (unsigned)strlen(context));
    }
    return b;
}

static bool nbd_contexts(BlockStream *s, uint32_t option, const char *name, const char *context,
                         NbdInfo *out, NbdReply *r, GError **err)
{
    GByteArray *q = nbd_context_query(name, context);
    bool ok = nbd_send(s, option, q->data, q->len, err);
    GPtrArray *all = g_ptr_array_new();

    g_byte_array_unref(q);
    while (ok && (ok = nbd_receive(s, option, r, err)) && r->type == NBD_REP_META_CONTEXT) {
        if (r->len < 4) {
            ok = error_set(err, "the NBD server names a context in %u bytes", r->len);
        } else if (option == NBD_OPT_LIST_META_CONTEXT && all->len < 1000) {
            g_ptr_array_add(all, g_utf8_make_valid((const char *)r->data + 4, r->len - 4));
        } else if (context && r->len == 4 + strlen(context) &&
                   !memcmp(r->data + 4, context, strlen(context))) {
            out->has_context = true;
            out->context = get_be32(r->data);
        }
    }
    g_ptr_array_add(all, NULL);
    if (option == NBD_OPT_LIST_META_CONTEXT) {
        out->contexts = (char **)g_ptr_array_free(all, FALSE);
    } else {
        g_strfreev((char **)g_ptr_array_free(all, FALSE));
    }
    /* Servers without contexts say so: nothing is lost. */
    return ok && (r->type == NBD_REP_ACK || r->type >> 31 ||
                  nbd_refused(r, "the list of meta contexts", err));
}

static bool nbd_info_take(NbdInfo *out, const NbdReply *r, GError **err)
{
    uint32_t min, max;

    if (r->len < 2) {
        return error_set(err, "the NBD server's information has %u bytes", r->len);
    }
    switch (get_be16(r->data)) {
    case NBD_INFO_EXPORT:
        if (r->len != 12) {
            return error_set(err, "the NBD server tells size and flags in %u bytes, not 12",
                             r->len);
        }
        out->size = get_be64(r->data + 2);
        out->flags = get_be16(r->data + 10);
        break;
    case NBD_INFO_DESCRIPTION:
        g_free(out->description);
        out->description = g_utf8_make_valid((const char *)r->data + 2, r->len - 2);
        break;
    case NBD_INFO_BLOCK_SIZE:
        if (r->len != 14) {
            return error_set(err, "the NBD server tells block sizes in %u bytes, not 14", r->len);
        }
        min = get_be32(r->data + 2);
        max = get_be32(r->data + 10);
        if (!min || min & (min - 1) || min > 64 << 10) {
            return error_set(err,
                             "the NBD server's minimum block size is %u: not a power of two "
                             "from 1 to 65536",
                             min);
        }
        if (max < min) {
            return error_set(err, "the NBD server's maximum block size %u is below the minimum %u",
                             max, min);
        }
        out->min_block = min;
        out->preferred_block = get_be32(r->data + 6);
        out->max_block = max;
        break;
    default:
        break;
    }
    return true;
}

/* INFO or GO. *@known false: the server does not know the option. */
static bool nbd_go(BlockStream *s, uint32_t option, const char *name, NbdInfo *out, NbdReply *r,
                   bool *known, GError **err)
{
    size_t len = strlen(name);
    g_autofree uint8_t *data = g_malloc(len + 8);

    put_be32(data, (uint32_t)len);
    memcpy(data + 4, name, len);
    put_be16(data + 4 + len, 1);
    put_be16(data + 6 + len, NBD_INFO_BLOCK_SIZE);
    *known = true;
    out->min_block = 1;
    out->preferred_block = 4096;
    out->max_block = NBD_PAYLOAD_MAX;
    if (!nbd_send(s, option, data, (uint32_t)len + 8, err)) {
        return false;
    }
    for (;;) {
        if (!nbd_receive(s, option, r, err)) {
            return false;
        }
        if (r->type == NBD_REP_INFO) {
            if (!nbd_info_take(out, r, err)) {
                return false;
            }
        } else if (r->type == NBD_REP_ACK) {
            return true;
        } else if (r->type == NBD_REP_ERR_UNSUP) {
            *known = false;
            return true;
        } else {
            g_autofree char *what = g_strdup_printf("the export '%s'", name);

            return nbd_refused(r, what, err);
        }
    }
}

/* What servers older than GO know: no answer but the data, or the end of the connection. */
static bool nbd_export_name(BlockStream *s, const char *name, bool zeroes, NbdInfo *out,
                            GError **err)
{
    uint8_t data[10];

    if (!nbd_send(s, NBD_OPT_EXPORT_NAME, name, (uint32_t)strlen(name), err)) {
        return false;
    }
    if (stream_read(s, data, sizeof(data))) {
        return error_set(err, "the NBD server has no export '%s'", name);
    }
    out->size = get_be64(data);
    out->flags = get_be16(data + 8);
    return !zeroes || nbd_io(stream_skip(s, 124), err);
}

static bool nbd_check_info(NbdInfo *i, GError **err)
{
    if (i->size > INT64_MAX) {
        return error_set(err, "the NBD server's export has a size of %" G_GUINT64_FORMAT " bytes",
                         i->size);
    }
    if (i->size % i->min_block) {
        return error_set(err,
                         "the NBD server's size %" G_GUINT64_FORMAT " is not a multiple of its "
                         "minimum block size %u",
                         i->size, i->min_block);
    }
    if (!(i->flags & NBD_HAS_FLAGS)) {
        i->flags = 0;
    }
    return true;
}

bool nbd_client_start(BlockStream *s, TlsCreds *creds, const char *host, const char *export_name,
                      const char *context, NbdInfo *out, GError **err)
{
    g_autofree NbdReply *r = g_new(NbdReply, 1);
    bool known;

    *out = (NbdInfo){ 0 };
    if (strlen(export_name) > NBD_STRING_MAX || (context && strlen(context) > NBD_STRING_MAX)) {
        return error_set(err, "an export's or context's name is longer than %u bytes",
                         NBD_STRING_MAX);
    }
    if (!nbd_hello_tls(s, creds, host, r, err) || !nbd_structured(s, r, &out->structured, err) ||
        (out->structured && context &&
         !nbd_contexts(s, NBD_OPT_SET_META_CONTEXT, export_name, context, out, r, err)) ||
        !nbd_go(s, NBD_OPT_GO, export_name, out, r, &known, err) ||
        (!known && !nbd_export_name(s, export_name, r->zeroes, out, err)) ||
        !nbd_check_info(out, err)) {
        nbd_info_deinit(out);
        return false;
    }
    out->name = g_strdup(export_name);
    return true;
}

static bool nbd_names(BlockStream *s, NbdReply *r, GArray *list, GError **err)
{
    if (!nbd_send(s, NBD_OPT_LIST, NULL, 0, err)) {
        return false;
    }
    for (;;) {
        NbdInfo i = { 0 };
        uint32_t len;

        if (!nbd_receive(s, NBD_OPT_LIST, r, err)) {
            return false;
        }
        if (r->type == NBD_REP_ACK) {
            return true;
        }
        if (r->type != NBD_REP_SERVER) {
            return nbd_refused(r, "a list of its exports", err);
        }
        len = r->len >= 4 ? get_be32(r->data) : UINT32_MAX;
        if (len > r->len - 4 || r->len < 4 || list->len >= NBD_LIST_MAX) {
            return error_set(err, "the NBD server's list of exports is malformed");
        }
        i.name = g_strndup((const char *)r->data + 4, len);
        if (r->len > 4 + len) {
            i.description = g_utf8_make_valid((const char *)r->data + 4 + len, r->len - 4 - len);
        }
        g_array_append_val(list, i);
    }
}

/* The server need not answer, nor live on. */
static void nbd_bye(BlockStream *s)
{
    g_autoptr(GError) ignored = NULL;

    if (!nbd_send(s, NBD_OPT_ABORT, NULL, 0, &ignored)) {
        stream_shutdown(s);
    }
}

bool nbd_client_list(BlockStream *s, TlsCreds *creds, const char *host, NbdInfo **list, unsigned *n,
                     GError **err)
{
    g_autofree NbdReply *r = g_new(NbdReply, 1);
    GArray *all = g_array_new(FALSE, TRUE, sizeof(NbdInfo));
    bool structured = false;
    bool ok = nbd_hello_tls(s, creds, host, r, err) && nbd_structured(s, r, &structured, err) &&
              nbd_names(s, r, all, err);

    for (unsigned k = 0; ok && k < all->len; k++) {
        NbdInfo *i = &g_array_index(all, NbdInfo, k);
        bool known;

        i->structured = structured;
        ok = nbd_go(s, NBD_OPT_INFO, i->name, i, r, &known, err) &&
             (!structured || !known ||
              nbd_contexts(s, NBD_OPT_LIST_META_CONTEXT, i->name, NULL, i, r, err));
    }
    if (!ok) {
        for (unsigned k = 0; k < all->len; k++) {
            nbd_info_deinit(&g_array_index(all, NbdInfo, k));
        }
        g_array_free(all, TRUE);
        return false;
    }
    nbd_bye(s);
    *n = all->len;
    *list = (NbdInfo *)g_array_free(all, FALSE);
    return true;
}
