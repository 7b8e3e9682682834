/* SPDX-License-Identifier: Apache-2.0 */
/* The NBD server, exports of nodes, and the objects that they name. */
#include "monitor/block-call.h"
#include "monitor/hmp-args.h"

#include "block/core/secret.h"
#include "block/core/throttle.h"
#include "block/export/exports.h"
#include "block/net/authz.h"
#include "block/net/tls-store.h"

#include <string.h>

/* ---- The server ---- */

static const char *blk_addr(BlkCall *b, const char *key)
{
    g_autofree char *path = g_strdup_printf("addr.%s", key);

    return blk_str(b, path);
}

/* The monitor's form of addresses: addr.type, and all else in addr.data. */
static bool blk_check_addr(BlkCall *b, GError **err)
{
    static const struct {
        const char *type, *keys[2];
    } kinds[] = { { "inet", { "data.host", "data.port" } },
                  { "unix", { "data.path" } },
                  { "vsock", { "data.cid", "data.port" } },
                  { "fd", { "data.str" } } };
    const char *type = blk_addr(b, "type");
    bool data = false;
    unsigned k = 0;

    for (unsigned i = 0; i < b->o.n; i++) {
        data = data || g_str_has_prefix(b->o.list[i].key, "addr.data.");
    }
    if (!type || !data) {
        return error_set(err, "Parameter 'addr.%s' is missing", type ? "data" : "type");
    }
    while (k < G_N_ELEMENTS(kinds) && strcmp(kinds[k].type, type)) {
        k++;
    }
    if (k == G_N_ELEMENTS(kinds)) {
        return error_set(err, "Parameter 'type' does not accept value '%s'", type);
    }
    for (unsigned i = 0; i < 2 && kinds[k].keys[i]; i++) {
        if (!blk_addr(b, kinds[k].keys[i])) {
            return error_set(err, "Parameter 'addr.%s' is missing", kinds[k].keys[i]);
        }
    }
    return true;
}

static bool blk_nbd_start(BlkCall *b, GError **err)
{
    if (!blk_check_addr(b, err)) {
        return false;
    }
    return block_exports_nbd_options(block_exports(b->g), &b->o, false, err);
}

static bool blk_nbd_stop(BlkCall *b, GError **err)
{
    return block_exports_nbd_stop(block_exports(b->g), err);
}

/* ---- Exports ---- */

static bool blk_export_add(BlkCall *b, GError **err)
{
    return block_export_add(block_exports(b->g), &b->o, err);
}

/* @device: a drive or a node. */
static bool blk_export_device(BlkCall *b, const char *device, Options *o, bool writable,
                              GError **err)
{
    BlockNode *n = blk_node_named(b, device, err);

    if (!n) {
        return false;
    }
    blk_set(o, "type", "nbd");
    blk_set(o, "id", options_get(o, "name") ? options_get(o, "name") : device);
    blk_set(o, "node-name", block_node_name(n));
    if (!options_get(o, "name")) {
        blk_set(o, "name", device);
    }
    blk_set(o, "writable", writable && !block_node_is_read_only(n) ? "on" : "off");
    return block_export_add(block_exports(b->g), o, err);
}

/* The old form: the name is the id, too. */
static bool blk_nbd_add(BlkCall *b, GError **err)
{
    static const char *const kept[] = { "name", "description", "bitmap" };
    Options o = { 0 };
    bool ok;

    if (!block_exports_nbd_runs(block_exports(b->g))) {
        return error_set(err, "NBD server not running");
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(kept); i++) {
        if (blk_str(b, kept[i])) {
            blk_set(&o, kept[i], blk_str(b, kept[i]));
        }
    }
    ok = blk_export_device(b, blk_str(b, "device"), &o, blk_flag(b, "writable", false), err);
    options_deinit(&o);
    return ok;
}

/* nbd-server-remove by name, block-export-del by id: ids that nbd-server-add makes are the names.
 */
static bool blk_export_del(BlkCall *b, GError **err)
{
    const char *id = blk_str(b, "id") ? blk_str(b, "id") : blk_str(b, "name");
    const char *mode = blk_str(b, "mode");
    bool hard = mode && !strcmp(mode, "hard");

    if (mode && !hard && strcmp(mode, "safe")) {
        return error_set(err, "Parameter 'mode' does not accept value '%s'", mode);
    }
    return block_export_del(block_exports(b->g), id, hard, err);
}

static bool blk_query_exports(BlkCall *b, GError **err)
{
    JsonOut *j = b->c->out;
    ExportInfo e;

    json_out_begin(j, NULL, '[');
    for (unsigned i = 0; block_export_info(block_exports(b->g), i, &e); i++) {
        json_out_begin(j, NULL, '{');
        json_out_str(j, "node-name", e.node_name);
        json_out_bool(j, "shutting-down", e.shutting_down);
        json_out_str(j, "type", e.type);
        json_out_str(j, "id", e.id);
        json_out_end(j, '}');
    }
    json_out_end(j, ']');
    return true;
}

/* ---- By people ---- */

/* "unix:PATH", "HOST:PORT", "[HOST]:PORT" */
static bool blk_parse_address(SocketName *s, const char *text, GError **err)
{
    const char *colon = strrchr(text, ':');
    bool bracket = *text == '[' && colon && colon > text + 1 && colon[-1] == ']';

    *s = (SocketName){ .fd = -1 };
    if (g_str_has_prefix(text, "unix:") && text[5]) {
        s->type = SOCKET_UNIX;
        s->path = g_strdup(text + 5);
        return true;
    }
    if (!colon || !colon[1]) {
        return error_set(err, "error parsing address '%s'", text);
    }
    s->type = SOCKET_INET;
    s->host = g_strndup(text + bracket, (gsize)(colon - text) - 2 * bracket);
    s->port = g_strdup(colon + 1);
    return true;
}

/* -a: every drive of the machine. */
static bool blk_export_drives(BlkCall *b, bool writable, GError **err)
{
    g_autoptr(GPtrArray) all = blk_drives(b->c);
    bool ok = true;

    for (unsigned i = 0; ok && i < all->len; i++) {
        Options o = { 0 };

        ok = !block_backend_node(all->pdata[i]) ||
             blk_export_device(b, block_id(all->pdata[i]), &o, writable, err);
        options_deinit(&o);
    }
    return ok;
}

static bool blk_hmp_nbd_start(BlkCall *b, GError **err)
{
    BlockExports *x = block_exports(b->g);
    g_autoptr(GError) ignored = NULL;
    g_auto(HmpArgs) a = { 0 };
    SocketName where;
    bool ok, all;

    if (!hmp_args(b->c, "all:-a,writable:-w,uri:s", &a)) {
        return true;
    }
    all = hmp_flag(&a, "all");
    if (hmp_flag(&a, "writable") && !all) {
        return error_set(err, "-w only valid together with -a");
    }
    if (!blk_parse_address(&where, hmp_str(&a, "uri"), err)) {
        return false;
    }
    ok = block_exports_nbd_start(x, &where, NULL, 0, err);
    socket_name_deinit(&where);
    if (ok && all && !blk_export_drives(b, hmp_flag(&a, "writable"), err)) {
        return !block_exports_nbd_stop(x, &ignored) && ok;
    }
    return ok;
}

static bool blk_hmp_nbd_add(BlkCall *b, GError **err)
{
    g_auto(HmpArgs) a = { 0 };
    Options o = { 0 };
    bool ok;

    if (!hmp_args(b->c, "writable:-w,device:B,name:s?", &a)) {
        return true;
    }
    if (!block_exports_nbd_runs(block_exports(b->g))) {
        return error_set(err, "NBD server not running");
    }
    if (hmp_str(&a, "name")) {
        blk_set(&o, "name", hmp_str(&a, "name"));
    }
    ok = blk_export_device(b, hmp_str(&a, "device"), &o, hmp_flag(&a, "writable"), err);
    options_deinit(&o);
    return ok;
}

static bool blk_hmp_nbd_remove(BlkCall *b, GError **err)
{
    g_auto(HmpArgs) a = { 0 };

    return !hmp_args(b->c, "force:-f,name:s", &a) ||
           block_export_del(block_exports(b->g), hmp_str(&a, "name"), hmp_flag(&a, "force"), err);
}

static bool blk_hmp_nbd_stop(BlkCall *b, GError **err)
{
    b->c->plain_error = true;
    return block_exports_nbd_stop(block_exports(b->g), err);
}

/* ---- Objects ---- */

static bool blk_tls_options(const Options *o, GError **err)
{
    static const char *const keys[] = { "qom-type",     "id",         "endpoint",
                                        "dir",          "priority",   "verify-peer",
                                        "sanity-check", "passwordid", "username" };

    for (unsigned i = 0; i < o->n; i++) {
        unsigned k = 0;

        while (k < G_N_ELEMENTS(keys) && strcmp(keys[k], o->list[i].key)) {
            k++;
        }
        if (k == G_N_ELEMENTS(keys)) {
            return error_set(err, "Parameter '%s' is unexpected", o->list[i].key);
        }
    }
    return true;
}

static bool blk_object_add(BlkCall *b, GError **err)
{
    const char *type = blk_str(b, "qom-type"), *id = blk_str(b, "id");
    const char *missing = !type ? "qom-type" : !id ? "id" : NULL;
    bool tls = type && (!strcmp(type, "tls-creds-x509") || !strcmp(type, "tls-creds-psk") ||
                        !strcmp(type, "tls-creds-anon"));
    g_autoptr(GError) ignored = NULL, more = NULL;
    size_t len;

    if (type && !tls && strcmp(type, "secret") && strcmp(type, "throttle-group") &&
        strcmp(type, "iothread") && !block_authz_is_type(type)) {
        return error_set(err, "Parameter 'qom-type' does not accept value '%s'", type);
    }
    if (missing) {
        return error_set(err, "Parameter '%s' is missing", missing);
    }
    if (!g_ascii_isalpha(*id)) {
        return error_set(err, "Parameter 'id' expects an identifier");
    }
    if (throttle_object_has(b->g, id) || block_authz_has(b->g, id) ||
        block_tls_find(b->g, id, &ignored) || block_secret_find(b->g, id, &len, &more) ||
        machine_find_backend(b->c->m, "iothread", id)) {
        return error_set(err, "attempt to add duplicate property '%s' to object (type 'container')",
                         id);
    }
    if (!strcmp(type, "iothread")) {
        IoThread *t = block_iothread_new(b->c->m, &b->o, err);

        return t && machine_add_backend(b->c->m, "iothread", block_iothread_info(t).id, t, err);
    }
    if (tls) {
        return blk_tls_options(&b->o, err) && block_tls_add(b->g, type, &b->o, err);
    }
    if (!strcmp(type, "throttle-group")) {
        return throttle_object_add(b->g, &b->o, err);
    }
    return block_authz_is_type(type) ? block_authz_add(b->g, type, &b->o, err)
                                     : block_secret_add(b->g, &b->o, err);
}

static bool blk_object_del(BlkCall *b, GError **err)
{
    const char *id = blk_str(b, "id");
    g_autoptr(GError) ignored = NULL, more = NULL, last = NULL;
    IoThread *thread;

    if (throttle_object_remove(b->g, id, err) || *err) {
        return !*err;
    }
    thread = machine_find_backend(b->c->m, "iothread", id);
    if (thread) {
        g_autofree char *name = g_strdup(id);

        if (!block_iothread_free(b->c->m, thread, err)) {
            return false;
        }
        machine_remove_backend(b->c->m, "iothread", name);
        return true;
    }
    return block_authz_remove(b->g, id, &last) || block_tls_remove(b->g, id, &ignored) ||
           block_secret_remove(b->g, id, &more) || error_set(err, "object '%s' not found", id);
}

/* ---- The commands ---- */

BLK_COMMAND(cmd_nbd_start, blk_nbd_start)
BLK_COMMAND(cmd_nbd_stop, blk_nbd_stop)
BLK_COMMAND(cmd_nbd_add, blk_nbd_add)
BLK_COMMAND(cmd_export_add, blk_export_add)
BLK_COMMAND(cmd_export_del, blk_export_del)
BLK_COMMAND(cmd_query_exports, blk_query_exports)
BLK_COMMAND(blk_add_object, blk_object_add)
BLK_COMMAND(blk_del_object, blk_object_del)
BLK_COMMAND(hmp_nbd_start, blk_hmp_nbd_start)
BLK_COMMAND(hmp_nbd_add, blk_hmp_nbd_add)
BLK_COMMAND(hmp_nbd_remove, blk_hmp_nbd_remove)
BLK_COMMAND(hmp_nbd_stop, blk_hmp_nbd_stop)
