/* SPDX-License-Identifier: Apache-2.0 */
/*
 * -object filter-*: what looks at the frames of a network. filter-dump alone: those that hold back
 * or lead elsewhere are refused by name.
 */
#include "net/net-priv.h"
#include "util/suggest.h"

#include <inttypes.h>
#include <string.h>

enum { FILTER_MAXLEN = 65536 };

/* As users name a network's queues: rx is what is sent to it, tx what it sends. */
static const struct {
    const char *name;
    unsigned ways;
} filter_queues[] = {
    { "all", NET_TO_NET | NET_TO_CARD },
    { "rx", NET_TO_NET },
    { "tx", NET_TO_CARD },
};

struct NetFilter {
    char *id;
    char *path;
    unsigned queue; /* of filter_queues */
    uint32_t maxlen;
    bool on;
    NetDump *dump;
};

void net_filter_free(NetFilter *f)
{
    net_dump_close(f->dump);
    g_free(f->path);
    g_free(f->id);
    g_free(f);
}

static NetFilter *filter_find(const NetBackend *b, const char *id)
{
    for (guint i = 0; i < b->filters->len; i++) {
        NetFilter *f = g_ptr_array_index(b->filters, i);

        if (!strcmp(f->id, id)) {
            return f;
        }
    }
    return NULL;
}

void net_filter_frame(const NetBackend *b, unsigned way, const uint8_t *frame, size_t len)
{
    for (guint i = 0; i < b->filters->len; i++) {
        const NetFilter *f = g_ptr_array_index(b->filters, i);

        if (f->on && filter_queues[f->queue].ways & way) {
            net_dump_frame(f->dump, frame, len);
        }
    }
}

bool net_is_filter(const char *type)
{
    return type && g_str_has_prefix(type, "filter-");
}

/* ---- Making one ---- */

static bool filter_type(const char *type, GError **err)
{
    static const char *const other[] = { "buffer",     "mirror",   "replay",
                                         "redirector", "rewriter", "colo-compare" };

    if (!strcmp(type, "filter-dump")) {
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(other); i++) {
        if (!strcmp(type + strlen("filter-"), other[i])) {
            return error_set(err, "%s: is not supported; filter-dump is the only filter", type);
        }
    }
    return error_set(err, "there is no filter '%s', only filter-dump", type);
}

static bool filter_queue(NetFilter *f, const char *text, GError **err)
{
    const char *names[G_N_ELEMENTS(filter_queues)];
    g_autofree char *near = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(filter_queues); i++) {
        names[i] = filter_queues[i].name;
        if (!text || !strcmp(text, names[i])) {
            f->queue = i;
            return true;
        }
    }
    near = suggest_or_list(text, names, G_N_ELEMENTS(names), 4);
    return error_set(err, "queue=%s: must be all, rx or tx%s", text, near);
}

/* Where among the filters; those that only look see the same wherever they stand. */
static bool filter_place(const NetBackend *b, const char *position, const char *insert,
                         unsigned *at, GError **err)
{
    bool before = insert && !strcmp(insert, "before");
    guint i = 0;

    if (insert && !before && strcmp(insert, "behind")) {
        return error_set(err, "insert=%s: must be before or behind", insert);
    }
    *at = position && !strcmp(position, "head") ? 0 : b->filters->len;
    if (!position || !strcmp(position, "head") || !strcmp(position, "tail")) {
        return true;
    }
    if (!g_str_has_prefix(position, "id=")) {
        return error_set(err, "position=%s: must be head, tail or id=FILTER", position);
    }
    while (i < b->filters->len &&
           strcmp(((NetFilter *)g_ptr_array_index(b->filters, i))->id, position + 3)) {
        i++;
    }
    *at = before ? i : i + 1;
    return i < b->filters->len ||
           error_set(err, "position=%s: netdev '%s' has no such filter", position, b->id);
}

bool net_filter_set_status(NetBackend *b, const char *id, const char *status, GError **err)
{
    NetFilter *f = filter_find(b, id);

    if (!f || (strcmp(status, "on") && strcmp(status, "off"))) {
        return error_set(err, "status=%s: must be on or off", status);
    }
    f->on = !strcmp(status, "on");
    return true;
}

static bool filter_read(NetBackend *b, NetFilter *f, Options *o, unsigned *at, GError **err)
{
    const char *status = options_get(o, "status"), *path = options_get(o, "file");
    uint64_t maxlen;

    if (!filter_queue(f, options_get(o, "queue"), err) ||
        !filter_place(b, options_get(o, "position"), options_get(o, "insert"), at, err) ||
        !options_get_size(o, "maxlen", FILTER_MAXLEN, &maxlen, err)) {
        return false;
    }
    if (!path) {
        return error_set(err, "file= is missing: where to write the pcap file");
    }
    if (!maxlen || maxlen > UINT32_MAX) {
        return error_set(err, "maxlen=%" PRIu64 ": must be 1 to %" PRIu32, maxlen, UINT32_MAX);
    }
    if (status && strcmp(status, "on") && strcmp(status, "off")) {
        return error_set(err, "status=%s: must be on or off", status);
    }
    f->path = g_strdup(path);
    f->maxlen = (uint32_t)maxlen;
    f->on = !status || !strcmp(status, "on");
    return true;
}

bool net_add_filter(NetBackend *b, Options *o, GError **err)
{
    const char *type = options_get(o, "qom-type"), *id = options_get(o, "id");
    NetFilter *f;
    unsigned at = 0;

    options_get(o, "netdev");
    if (!type || !filter_type(type, err)) {
        return false;
    }
    if (!id) {
        return error_set(err, "id= is missing");
    }
    if (net_kernel_features(b)) {
        return error_set(err,
                         "netdev '%s' has vhost=on: frames do not pass through this process, "
                         "a filter would see none",
                         b->id);
    }
    f = g_new0(NetFilter, 1);
    f->id = g_strdup(id);
    if (filter_read(b, f, o, &at, err) && options_all_used(o, NULL, 0, err)) {
        f->dump = net_dump_open(f->path, f->maxlen, err);
    }
    if (!f->dump) {
        g_free(f->path);
        g_free(f->id);
        g_free(f);
        return false;
    }
    g_ptr_array_insert(b->filters, (gint)at, f);
    return true;
}

bool net_remove_filter(NetBackend *b, const char *id)
{
    return g_ptr_array_remove(b->filters, filter_find(b, id));
}

bool net_has_filter(const NetBackend *b, const char *id)
{
    return filter_find(b, id) != NULL;
}

/* ---- For the monitor ---- */

void net_filter_text(const NetBackend *b, GString *text)
{
    for (guint i = 0; i < b->filters->len; i++) {
        const NetFilter *f = g_ptr_array_index(b->filters, i);

        g_string_append_printf(text, "  - %s: type=filter-dump,netdev=%s,queue=%s,status=%s,",
                               f->id, b->id, filter_queues[f->queue].name, f->on ? "on" : "off");
        g_string_append_printf(text, "file=%s,maxlen=%" PRIu32 "\n", f->path, f->maxlen);
    }
}

char *net_filter_property(const NetBackend *b, const char *id, const char *name)
{
    const NetFilter *f = filter_find(b, id);

    return !f                        ? NULL
           : !strcmp(name, "type")   ? g_strdup("filter-dump")
           : !strcmp(name, "netdev") ? g_strdup(b->id)
           : !strcmp(name, "queue")  ? g_strdup(filter_queues[f->queue].name)
           : !strcmp(name, "status") ? g_strdup(f->on ? "on" : "off")
           : !strcmp(name, "file")   ? g_strdup(f->path)
           : !strcmp(name, "maxlen") ? g_strdup_printf("%" PRIu32, f->maxlen)
                                     : NULL;
}
