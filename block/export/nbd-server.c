/* SPDX-License-Identifier: Apache-2.0 */
#include "block/export/nbd-server.h"

#include "block/export/nbd-priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- Exports ---- */

NbdExport *nbd_server_find(NbdServer *s, const char *name, size_t len)
{
    for (unsigned i = 0; i < s->exports->len; i++) {
        NbdExport *e = s->exports->pdata[i];

        if (!e->gone && strlen(e->name) == len && !memcmp(e->name, name, len)) {
            return e;
        }
    }
    return NULL;
}

bool nbd_server_has(const NbdServer *s, const char *name)
{
    return nbd_server_find((NbdServer *)s, name, strlen(name)) != NULL;
}

static void nbd_export_free(NbdExport *e)
{
    for (unsigned i = 0; i < e->n_contexts; i++) {
        if (e->contexts[i].bitmap) {
            block_bitmap_set_flag(e->contexts[i].bitmap, BLOCK_BITMAP_BUSY, false);
        }
        g_free(e->contexts[i].name);
    }
    block_let_go(&e->hold);
    if (e->on_gone) {
        e->on_gone(e->opaque);
    }
    g_free(e->name);
    g_free(e->description);
    g_free(e);
}

static void nbd_export_context(NbdExport *e, NbdContextKind kind, BlockBitmap *bitmap, char *name)
{
    e->contexts[e->n_contexts++] = (NbdContext){ kind, bitmap, name };
}

/* A bitmap of the node, or of an image below it. */
static BlockBitmap *nbd_find_bitmap(BlockNode *node, const char *name)
{
    for (BlockNode *n = node; n; n = block_node_backing(block_node_skip_filters(n))) {
        BlockBitmap *b = block_bitmap_find(n, name);

        if (b) {
            return b;
        }
    }
    return NULL;
}

static bool nbd_export_bitmap(NbdExport *e, const char *name, BlockNode *of, GError **err)
{
    BlockNode *node = e->hold.node;
    BlockBitmap *b = of ? block_bitmap_find(of, name) : nbd_find_bitmap(node, name);

    if (!b) {
        return error_set(err, "Bitmap '%s' is not found", name);
    }
    for (unsigned i = 0; i < e->n_contexts; i++) {
        if (e->contexts[i].bitmap == b) {
            return true;
        }
    }
    if (block_bitmap_flags(b) & BLOCK_BITMAP_BUSY) {
        return error_set(
            err, "Bitmap '%s' is currently in use by another operation and cannot be used", name);
    }
    if (!block_bitmap_usable(b, BLOCK_BITMAP_USE_READ, err)) {
        return false;
    }
    /* Of a writable export its own writes are recorded as they come; of a read-only one somebody
     * else's would change what clients read while they read it. */
    if (!e->writable && !block_node_is_read_only(node) &&
        block_bitmap_flags(b) & BLOCK_BITMAP_ENABLED) {
        return error_set(err, "Enabled bitmap '%s' incompatible with readonly export", name);
    }
    if (e->n_contexts == NBD_CONTEXTS_MAX) {
        return error_set(err, "an export can show %u bitmaps", NBD_CONTEXTS_MAX - 2);
    }
    block_bitmap_set_flag(b, BLOCK_BITMAP_BUSY, true);
    nbd_export_context(e, NBD_BITMAP, b, g_strdup_printf("qemu:dirty-bitmap:%s", name));
    return true;
}

static bool nbd_export_bitmaps(NbdExport *e, const NbdExportOptions *o, GError **err)
{
    for (unsigned i = 0; o->bitmaps && o->bitmaps[i]; i++) {
        if (!nbd_export_bitmap(e, o->bitmaps[i], o->bitmap_nodes ? o->bitmap_nodes[i] : NULL,
                               err)) {
            return false;
        }
    }
    return true;
}

static bool nbd_export_check(const NbdServer *s, const NbdExportOptions *o, GError **err)
{
    const char *sole;

    if (strlen(o->name) > NBD_STRING_MAX) {
        return error_set(err, "export name '%s' too long", o->name);
    }
    if (o->description && strlen(o->description) > NBD_STRING_MAX) {
        return error_set(err, "description '%s' too long", o->description);
    }
    if (o->writable && block_node_is_read_only(o->node)) {
        return error_set(err, "Cannot export read-only node as writable");
    }
    sole = o->writable ? block_node_sole_writer(o->node) : NULL;
    if (sole) {
        return error_set(err,
                         "Permission conflict on node '%s': permissions 'write' are both "
                         "required by an unnamed block device (uses node '%s' as 'root' "
                         "child) and unshared by block device '%s' (uses node '%s' as 'root' "
                         "child).",
                         block_node_name(o->node), block_node_name(o->node), sole,
                         block_node_name(o->node));
    }
    if (nbd_server_has(s, o->name)) {
        return error_set(err, "NBD server already has export named '%s'", o->name);
    }
    return !o->writable || block_node_want_write(o->node, err);
}

bool nbd_server_add(NbdServer *s, const NbdExportOptions *o, GError **err)
{
    NbdExport *e;

    if (!nbd_export_check(s, o, err)) {
        return false;
    }
    e = g_new0(NbdExport, 1);
    e->server = s;
    e->name = g_strdup(o->name);
    e->description = g_strdup(o->description);
    block_hold(&e->hold, o->node);
    e->writable = o->writable;
    e->writethrough = o->writethrough;
    e->multi = o->multi;
    nbd_export_context(e, NBD_ALLOCATION, NULL, g_strdup("base:allocation"));
    if (o->allocation_depth) {
        nbd_export_context(e, NBD_DEPTH, NULL, g_strdup("qemu:allocation-depth"));
    }
    if (!nbd_export_bitmaps(e, o, err)) {
        nbd_export_free(e);
        return false;
    }
    e->on_gone = o->on_gone;
    e->opaque = o->opaque;
    g_ptr_array_add(s->exports, e);
    return true;
}

static void nbd_export_settle(NbdExport *e)
{
    if (e->gone && !e->n_clients) {
        g_ptr_array_remove(e->server->exports, e);
        nbd_export_free(e);
    }
}

unsigned nbd_server_users(const NbdServer *s, const char *name)
{
    const NbdExport *e = nbd_server_find((NbdServer *)s, name, strlen(name));

    return e ? e->n_clients : 0;
}

bool nbd_server_cut(NbdServer *s, const char *name)
{
    NbdExport *e = nbd_server_find(s, name, strlen(name));

    if (!e) {
        return false;
    }
    e->gone = true;
    for (unsigned i = 0; i < s->clients->len; i++) {
        NbdClient *c = s->clients->pdata[i];

        if (c->export == e) {
            stream_shutdown(c->stream);
        }
    }
    nbd_export_settle(e);
    return true;
}

bool nbd_server_remove(NbdServer *s, const char *name, bool hard, GError **err)
{
    NbdExport *e = nbd_server_find(s, name, strlen(name));

    if (!e) {
        return error_set(err, "the NBD server has no export '%s'", name);
    }
    if (!hard && e->n_clients) {
        return error_set(err, "the export '%s' has %u clients; mode=hard cuts them off", name,
                         e->n_clients);
    }
    nbd_server_cut(s, name);
    while (g_ptr_array_find(s->exports, e, NULL)) {
        fiber_queue_wait(&s->left);
    }
    return true;
}

/* ---- Clients ---- */

static void nbd_client_unref(NbdClient *c)
{
    if (--c->refs == 0) {
        g_free(c);
    }
}

static void nbd_client_leave(NbdClient *c)
{
    NbdServer *s = c->server;
    NbdExport *e = c->export;

    stream_shutdown(c->stream);
    stream_free(c->stream);
    c->stream = NULL;
    c->gone = true;
    g_ptr_array_remove_fast(s->clients, c);
    if (e) {
        e->n_clients--;
        nbd_export_settle(e);
    }
    nbd_client_unref(c);
    if (s->on_leave && !s->stopping) { /* later: it may free the server */
        ioloop_post(block_graph_loop(s->graph), s->on_leave, s->opaque);
    }
    fiber_queue_wake_all(&s->left);
}

static void nbd_client_run(void *arg)
{
    NbdClient *c = arg;

    if (c->export || !nbd_negotiate(c)) {
        c->transmission = true;
        nbd_transmit(c);
    }
    nbd_client_leave(c);
}

static void nbd_client_watch(void *arg)
{
    NbdClient *c = arg;

    for (unsigned i = 0; i < NBD_HANDSHAKE_S * 5 && !c->transmission && !c->gone; i++) {
        io_sleep_ns(200000000);
    }
    if (!c->transmission && !c->gone) {
        stream_shutdown(c->stream);
    }
    nbd_client_unref(c);
}

static NbdClient *nbd_client_new(NbdServer *s, BlockStream *stream)
{
    NbdClient *c = g_new0(NbdClient, 1);

    c->server = s;
    c->refs = 2;
    c->stream = stream;
    g_ptr_array_add(s->clients, c);
    return c;
}

static void nbd_client_start(NbdClient *c)
{
    IoLoop *loop = block_graph_loop(c->server->graph);

    ioloop_post(loop, nbd_client_run, c);
    ioloop_post(loop, nbd_client_watch, c);
}

bool nbd_server_attach(NbdServer *s, int take_fd, const char *name, uint64_t *size, uint16_t *flags,
                       GError **err)
{
    NbdExport *e = nbd_server_find(s, name, strlen(name));
    NbdClient *c;

    if (!e) {
        close(take_fd);
        return error_set(err, "the NBD server has no export '%s'", name);
    }
    c = nbd_client_new(s, stream_new(take_fd));
    c->transmission = true;
    c->export = e;
    e->n_clients++;
    *size = block_node_size(e->hold.node);
    *flags = nbd_export_flags(c, e);
    nbd_client_start(c);
    return true;
}

static void nbd_accept_all(void *arg)
{
    NbdServer *s = arg;
    int error = 0;

    while (!s->stopping) {
        BlockStream *stream;

        while (s->max_clients && s->clients->len >= s->max_clients && !s->stopping) {
            fiber_queue_wait(&s->left);
        }
        if (s->stopping ||
            !(stream = stream_accept(s->listener, s->lent ? &s->stopping : NULL, &error))) {
            break;
        }
        nbd_client_start(nbd_client_new(s, stream));
    }
    s->accepting = false;
    fiber_queue_wake_all(&s->left);
}

/* ---- Servers ---- */

NbdServer *nbd_server_new(BlockGraph *g, const SocketName *where, TlsCreds *creds,
                          unsigned max_clients, GError **err)
{
    NbdServer *s;
    int fd;

    if (creds && !tls_creds_is_server(creds)) {
        error_set(err, "Expected TLS credentials for a server endpoint");
        return NULL;
    }
    fd = stream_listen(where, 128, err);
    if (fd < 0) {
        return NULL;
    }
    s = g_new0(NbdServer, 1);
    s->graph = g;
    s->listener = fd;
    s->lent = where->type == SOCKET_FD;
    s->address = socket_name_text(where);
    s->path = where->type == SOCKET_UNIX ? g_strdup(where->path) : NULL;
    s->creds = creds ? tls_creds_ref(creds) : NULL;
    s->max_clients = max_clients;
    s->exports = g_ptr_array_new();
    s->clients = g_ptr_array_new();
    s->accepting = true;
    ioloop_post(block_graph_loop(g), nbd_accept_all, s);
    return s;
}

void nbd_server_set_authz(NbdServer *s, const char *id)
{
    g_free(s->authz);
    s->authz = g_strdup(id);
}

void nbd_server_free(NbdServer *s)
{
    s->stopping = true;
    if (!s->lent) {
        shutdown(s->listener, SHUT_RDWR);
    }
    for (unsigned i = 0; i < s->clients->len; i++) {
        stream_shutdown(((NbdClient *)s->clients->pdata[i])->stream);
    }
    fiber_queue_wake_all(&s->left);
    while (s->accepting || s->clients->len) {
        fiber_queue_wait(&s->left);
    }
    while (s->exports->len) {
        NbdExport *e = s->exports->pdata[0];

        e->gone = true;
        nbd_export_settle(e);
    }
    close(s->listener);
    if (s->path) {
        unlink(s->path);
    }
    tls_creds_unref(s->creds);
    g_ptr_array_unref(s->exports);
    g_ptr_array_unref(s->clients);
    g_free(s->address);
    g_free(s->authz);
    g_free(s->path);
    g_free(s);
}

const char *nbd_server_address(const NbdServer *s)
{
    return s->address;
}

unsigned nbd_server_port(const NbdServer *s)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof(a);

    if (getsockname(s->listener, (struct sockaddr *)&a, &len)) {
        return 0;
    }
    return a.ss_family == AF_INET    ? ntohs(((struct sockaddr_in *)&a)->sin_port)
           : a.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&a)->sin6_port)
                                     : 0;
}

unsigned nbd_server_clients(const NbdServer *s)
{
    return s->clients->len;
}

void nbd_server_on_leave(NbdServer *s, void (*fn)(void *opaque), void *opaque)
{
    s->on_leave = fn;
    s->opaque = opaque;
}
