/* SPDX-License-Identifier: Apache-2.0 */
#include "block/export/exports.h"

#include "block/net/tls-store.h"

#include <string.h>

typedef struct BlockExport {
    BlockExports *exports;
    char *id, *name; /* name: in the NBD server */
    BlockHolder hold;
    bool closing;
} BlockExport;

struct BlockExports {
    BlockGraph *graph;
    NbdServer *nbd;      /* NULL: none runs */
    bool multi;          /* it lets several clients in at a time */
    GPtrArray *list;     /* of BlockExport */
    ExportDeletedFn *fn; /* or NULL */
    void *opaque;
};

/* ---- The list ---- */

static void exports_free(void *p)
{
    BlockExports *x = p;

    g_ptr_array_unref(x->list);
    g_free(x);
}

static void exports_end(void *opaque)
{
    BlockExports *x = opaque;
    g_autoptr(GError) ignored = NULL;

    if (x->nbd && !block_exports_nbd_stop(x, &ignored)) {
        return; /* it has stopped meanwhile */
    }
}

BlockExports *block_exports(BlockGraph *g)
{
    BlockExports *x = block_graph_find_object(g, "exports", "");
    g_autoptr(GError) err = NULL;

    if (!x) {
        x = g_new0(BlockExports, 1);
        x->graph = g;
        x->list = g_ptr_array_new();
        CHECK(block_graph_add_object(g, "exports", "", x, exports_free, &err));
        block_graph_on_end(g, exports_end, x);
    }
    return x;
}

void block_exports_on_deleted(BlockExports *x, ExportDeletedFn *fn, void *opaque)
{
    x->fn = fn;
    x->opaque = opaque;
}

static BlockExport *export_find(const BlockExports *x, const char *id)
{
    for (unsigned i = 0; i < x->list->len; i++) {
        BlockExport *e = x->list->pdata[i];

        if (!strcmp(e->id, id)) {
            return e;
        }
    }
    return NULL;
}

bool block_export_info(const BlockExports *x, unsigned index, ExportInfo *info)
{
    const BlockExport *e;

    if (index >= x->list->len) {
        return false;
    }
    e = x->list->pdata[x->list->len - 1 - index];
    *info = (ExportInfo){ e->id, "nbd", block_node_name(e->hold.node), e->closing };
    return true;
}

static void export_gone(void *opaque)
{
    BlockExport *e = opaque;
    BlockExports *x = e->exports;

    g_ptr_array_remove(x->list, e);
    block_let_go(&e->hold);
    if (x->fn) {
        x->fn(x->opaque, e->id);
    }
    g_free(e->id);
    g_free(e->name);
    g_free(e);
}

/* ---- The NBD server ---- */

bool block_exports_nbd_runs(const BlockExports *x)
{
    return x->nbd != NULL;
}

bool block_exports_nbd_start(BlockExports *x, const SocketName *where, TlsCreds *creds,
                             unsigned max_clients, GError **err)
{
    if (x->nbd) {
        return error_set(err, "NBD server already running");
    }
    x->nbd = nbd_server_new(x->graph, where, creds, max_clients, err);
    x->multi = max_clients != 1;
    return x->nbd != NULL;
}

static const char *export_unused(const Options *o)
{
    for (unsigned i = 0; i < o->n; i++) {
        if (!o->list[i].used) {
            return o->list[i].key;
        }
    }
    return NULL;
}

bool block_exports_nbd_options(BlockExports *x, Options *o, bool take_fds, GError **err)
{
    const char *creds = options_get(o, "tls-creds"), *type = options_get(o, "addr.type"), *unused;
    const char *fd = options_get(o, "addr.data.str") ? options_get(o, "addr.data.str")
                                                     : options_get(o, "addr.str");
    const char *authz = options_get(o, "tls-authz");
    TlsCreds *tls = NULL;
    SocketName where = { .fd = -1 };
    uint64_t max;
    bool ok, only_named;

    if (x->nbd) {
        return error_set(err, "NBD server already running");
    }
    if (authz && !creds) { /* it would say nothing */
        return error_set(err, "tls-authz is not permitted without tls-creds");
    }
    if (!options_get_number(o, "max-connections", 0, &max, err) || max > UINT32_MAX) {
        g_clear_error(err);
        return error_set(err, "Parameter 'max-connections' expects uint32_t");
    }
    /* Numbers are for who started us; a client of QMP names what it has sent. */
    only_named = type && !strcmp(type, "fd") && !take_fds;
    if ((only_named && fd && g_ascii_isdigit(*fd)) ||
        !socket_name_parse(&where, block_graph_fdsets(x->graph), o, "addr", NULL, err)) {
        if (only_named) {
            g_clear_error(err);
            error_set(err, "File descriptor named '%s' has not been found", fd ? fd : "");
        }
        socket_name_deinit(&where);
        return false;
    }
    unused = export_unused(o);
    ok = !unused || g_str_has_prefix(unused, "addr.") || /* to=, ipv4=, keep-alive= */
         error_set(err, "Parameter '%s' is unexpected", unused);
    if (ok && creds && !(tls = block_tls_find(x->graph, creds, err))) {
        g_clear_error(err);
        ok = error_set(err, "No TLS credentials with id '%s'", creds);
    }
    ok = ok && block_exports_nbd_start(x, &where, tls, (unsigned)max, err);
    if (ok) {
        nbd_server_set_authz(x->nbd, authz);
    }
    socket_name_deinit(&where);
    return ok;
}

bool block_exports_nbd_stop(BlockExports *x, GError **err)
{
    NbdServer *nbd = x->nbd;

    if (!nbd) {
        return error_set(err, "NBD server not running");
    }
    x->nbd = NULL;
    for (unsigned i = 0; i < x->list->len; i++) {
        ((BlockExport *)x->list->pdata[i])->closing = true;
    }
    nbd_server_free(nbd);
    return true;
}

/* ---- Adding ---- */

/* A letter, then letters, digits, '-', '.', '_'. */
static bool export_id_is_good(const char *id)
{
    if (!g_ascii_isalpha(*id)) {
        return false;
    }
    for (; *id; id++) {
        if (!g_ascii_isalnum(*id) && !strchr("-._", *id)) {
            return false;
        }
    }
    return true;
}

static bool export_type(Options *o, GError **err)
{
    static const char *const absent[] = { "vhost-user-blk", "fuse", "vduse-blk" };
    const char *type = options_get(o, "type");

    if (!type) {
        return error_set(err, "Parameter 'type' is missing");
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(absent); i++) {
        if (!strcmp(type, absent[i])) {
            return error_set(err, "exports of type '%s' are not there; nbd is", type);
        }
    }
    return !strcmp(type, "nbd") ||
           error_set(err, "Parameter 'type' does not accept value '%s'", type);
}

/* What is common to all types; *id and *node. */
static bool export_common(BlockExports *x, Options *o, const char **id, BlockNode **node,
                          GError **err)
{
    const char *name = options_get(o, "node-name"), *iothread = options_get(o, "iothread");
    bool fixed;

    *id = options_get(o, "id");
    if (!export_type(o, err)) {
        return false;
    }
    if (!*id || !name) {
        return error_set(err, "Parameter '%s' is missing", *id ? "node-name" : "id");
    }
    if (!export_id_is_good(*id)) {
        return error_set(err, "Invalid block export id");
    }
    if (export_find(x, *id)) {
        return error_set(err, "Block export id '%s' is already in use", *id);
    }
    *node = block_graph_find(x->graph, name);
    if (!*node) {
        return error_set(err, "Cannot find device='' nor node-name='%s'", name);
    }
    if (iothread) { /* the whole graph has one thread */
        return error_set(err, "iothread \"%s\" not found", iothread);
    }
    return options_get_bool(o, "fixed-iothread", false, &fixed, err);
}

/* bitmaps.N=NAME, or bitmaps.N.node= and .name=; bitmap=NAME is one of the first kind. */
static bool export_bitmaps(BlockExports *x, Options *o, GPtrArray *names, GPtrArray *nodes,
                           GError **err)
{
    const char *one = options_get(o, "bitmap");

    for (unsigned i = 0;; i++) {
        g_autofree char *plain = g_strdup_printf("bitmaps.%u", i);
        g_autofree char *of = g_strdup_printf("bitmaps.%u.node", i);
        g_autofree char *in = g_strdup_printf("bitmaps.%u.name", i);
        const char *name = options_get(o, plain), *node = options_get(o, of);
        BlockNode *n = NULL;

        if (!name && !(name = options_get(o, in))) {
            break;
        }
        if (node && !(n = block_graph_find(x->graph, node))) {
            return error_set(err, "Cannot find device='' nor node-name='%s'", node);
        }
        g_ptr_array_add(names, (char *)name);
        g_ptr_array_add(nodes, n);
    }
    if (one) {
        g_ptr_array_add(names, (char *)one);
        g_ptr_array_add(nodes, NULL);
    }
    g_ptr_array_add(names, NULL);
    return true;
}

static bool export_add(BlockExports *x, Options *o, GPtrArray *names, GPtrArray *nodes,
                       GError **err)
{
    NbdExportOptions e = { .multi = x->multi };
    const char *id, *unused;
    BlockExport *made;

    if (!export_common(x, o, &id, &e.node, err) ||
        !options_get_bool(o, "writable", false, &e.writable, err) ||
        !options_get_bool(o, "writethrough", false, &e.writethrough, err) ||
        !options_get_bool(o, "allocation-depth", false, &e.allocation_depth, err) ||
        !export_bitmaps(x, o, names, nodes, err)) {
        return false;
    }
    e.name = options_get(o, "name") ? options_get(o, "name") : options_get(o, "node-name");
    e.description = options_get(o, "description");
    unused = export_unused(o);
    if (unused) {
        return error_set(err, "Parameter '%s' is unexpected", unused);
    }
    if (!x->nbd) {
        return error_set(err, "NBD server not running");
    }
    made = g_new0(BlockExport, 1);
    *made = (BlockExport){ .exports = x, .id = g_strdup(id), .name = g_strdup(e.name) };
    e.bitmaps = (const char *const *)names->pdata;
    e.bitmap_nodes = (BlockNode *const *)nodes->pdata;
    e.on_gone = export_gone;
    e.opaque = made;
    if (!nbd_server_add(x->nbd, &e, err)) {
        g_free(made->id);
        g_free(made->name);
        g_free(made);
        return false;
    }
    block_hold(&made->hold, e.node);
    g_ptr_array_add(x->list, made);
    return true;
}

bool block_export_add(BlockExports *x, Options *o, GError **err)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new(), nodes = g_ptr_array_new();

    return export_add(x, o, names, nodes, err);
}

bool block_export_del(BlockExports *x, const char *id, bool hard, GError **err)
{
    BlockExport *e = export_find(x, id);

    if (!e) {
        return error_set(err, "Export '%s' is not found", id);
    }
    if (e->closing) {
        return error_set(err, "Export '%s' is already shutting down", id);
    }
    if (!hard && nbd_server_users(x->nbd, e->name)) {
        return error_set(err, "export '%s' still in use", id);
    }
    e->closing = true;
    CHECK(nbd_server_cut(x->nbd, e->name));
    return true;
}
