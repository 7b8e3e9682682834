/* SPDX-License-Identifier: Apache-2.0 */
/* -netdev: networks, as backends that cards claim by their ids. */
#include "cli/build.h"

#include "net/net.h"

#include <string.h>

static bool net_add(Build *b, Options *o, GError **err)
{
    const char *id = options_get(o, "id");
    NetBackend *n;

    if (!id) {
        return error_set(err, "id= is missing");
    }
    n = net_open(b->m, id, o, err);
    if (!n) {
        return false;
    }
    g_ptr_array_add(b->nets, n);
    return options_all_used(o, NULL, 0, err) && machine_add_backend(b->m, "netdev", id, n, err);
}

bool build_nets(Build *b, GError **err)
{
    for (unsigned i = 0; i < b->config->nets->len; i++) {
        const char *text = g_ptr_array_index(b->config->nets, i);
        Options o;
        bool ok =
            *text == '{' ? options_parse_json(&o, text, err) : options_parse(&o, text, "type", err);

        if (ok) {
            ok = net_add(b, &o, err);
            options_deinit(&o);
        }
        if (!ok) {
            g_prefix_error(err, "-netdev %s: ", text);
            return false;
        }
    }
    return true;
}

static NetBackend *nets_find(const Build *b, const char *id)
{
    for (unsigned i = 0; id && i < b->nets->len; i++) {
        if (!strcmp(net_id(g_ptr_array_index(b->nets, i)), id)) {
            return g_ptr_array_index(b->nets, i);
        }
    }
    return NULL;
}

static bool filter_add(const Build *b, Options *o, GError **err)
{
    const char *id = options_get(o, "id"), *netdev = options_get(o, "netdev");
    NetBackend *n = nets_find(b, netdev);

    if (!n) {
        return error_set(err, netdev ? "there is no netdev '%s'" : "netdev= is missing", netdev);
    }
    for (unsigned i = 0; id && i < b->nets->len; i++) {
        if (net_has_filter(g_ptr_array_index(b->nets, i), id)) {
            return error_set(err, "id=%s is taken by another filter", id);
        }
    }
    return net_add_filter(n, o, err);
}

static bool filter_parse(Options *o, const char *text, GError **err)
{
    return *text == '{' ? options_parse_json(o, text, err)
                        : options_parse(o, text, "qom-type", err);
}

bool nets_is_filter(const char *text)
{
    g_autoptr(GError) err = NULL;
    Options o;
    bool is;

    if (!filter_parse(&o, text, &err)) {
        return false;
    }
    is = net_is_filter(options_get(&o, "qom-type"));
    options_deinit(&o);
    return is;
}

/* The -object of filters, when the networks are there. */
bool build_filters(Build *b, GError **err)
{
    for (unsigned i = 0; i < b->config->objects->len; i++) {
        const char *text = g_ptr_array_index(b->config->objects, i);
        Options o;
        bool ok;

        if (!nets_is_filter(text)) {
            continue;
        }
        ok = filter_parse(&o, text, err);
        if (ok) {
            ok = filter_add(b, &o, err);
            options_deinit(&o);
        }
        if (!ok) {
            g_prefix_error(err, "-object %s: ", text);
            return false;
        }
    }
    return true;
}

void build_close_nets(Build *b)
{
    for (unsigned i = 0; i < b->nets->len; i++) {
        net_close(g_ptr_array_index(b->nets, i));
    }
}
