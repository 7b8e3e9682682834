/* SPDX-License-Identifier: Apache-2.0 */
/* Networks at run time: their list, what is added and removed, forwarded ports, cables. */
#include "core/event/loop.h"
#include "monitor/commands.h"
#include "net/net.h"
#include "util/options.h"

#include <string.h>

static GPtrArray *net_all(const MonCall *c)
{
    return c->host->config.nets;
}

static NetBackend *net_nth(const MonCall *c, guint i)
{
    return net_all(c) && i < net_all(c)->len ? g_ptr_array_index(net_all(c), i) : NULL;
}

/* By its own id. */
static NetBackend *net_find(MonCall *c, const char *id, GError **err)
{
    NetBackend *b;

    for (guint i = 0; (b = net_nth(c, i)) != NULL; i++) {
        if (!strcmp(net_id(b), id)) {
            return b;
        }
    }
    c->error_class = "DeviceNotFound";
    error_set(err, "Device '%s' not found", id);
    return NULL;
}

/* By its own id or its card's. */
static NetBackend *net_find_any(MonCall *c, const char *name, GError **err)
{
    NetBackend *b;

    for (guint i = 0; (b = net_nth(c, i)) != NULL; i++) {
        g_autoptr(GString) card = g_string_new("");
        g_autoptr(GString) text = g_string_new("");

        if (net_describe_card(b, card, text) && !strcmp(card->str, name)) {
            return b;
        }
    }
    return net_find(c, name, err);
}

bool hmp_info_network(MonCall *c, GError **err)
{
    NetBackend *b;

    for (guint i = 0; (b = net_nth(c, i)) != NULL; i++) {
        g_autofree char *text = net_text(b);
        g_autoptr(GString) card = g_string_new("");
        g_autoptr(GString) what = g_string_new("");

        if (net_describe_card(b, card, what)) {
            g_string_append_printf(c->text, "%s: index=0,type=nic,%s%s\n \\ ", card->str, what->str,
                                   net_link_is_up(b) ? "" : ",link=down");
        }
        g_string_append_printf(c->text, "%s: index=0,%s\n", net_id(b), text);
        g_string_truncate(what, 0);
        net_filter_text(b, what);
        g_string_append_printf(c->text, "%s%s", what->len ? "filters:\n" : "", what->str);
    }
    return true;
}

/* ---- Filters, which are objects ---- */

static NetBackend *filter_owner(const MonCall *c, const char *id)
{
    NetBackend *b;

    for (guint i = 0; (b = net_nth(c, i)) != NULL && !net_has_filter(b, id); i++) {
    }
    return b;
}

static bool filter_add(MonCall *c, GError **err)
{
    Options o = { 0 };
    GHashTableIter at;
    gpointer key, value;
    const char *id, *netdev;
    NetBackend *b;
    bool ok;

    g_hash_table_iter_init(&at, c->args[0].leaves);
    while (g_hash_table_iter_next(&at, &key, &value)) {
        options_add(&o, key, value);
    }
    id = options_get(&o, "id");
    netdev = options_get(&o, "netdev");
    if (!id || !netdev) {
        ok = error_set(err, "Parameter '%s' is missing", id ? "netdev" : "id");
    } else if (filter_owner(c, id)) {
        ok = error_set(err, "attempt to add duplicate property '%s' to object (type 'container')",
                       id);
    } else {
        b = net_find(c, netdev, err);
        ok = b && net_add_filter(b, &o, err);
    }
    options_deinit(&o);
    return ok;
}

bool cmd_object_add(MonCall *c, GError **err)
{
    const char *type = g_hash_table_lookup(c->args[0].leaves, "qom-type");

    return net_is_filter(type) ? filter_add(c, err) : blk_add_object(c, err);
}

bool cmd_object_del(MonCall *c, GError **err)
{
    NetBackend *b = filter_owner(c, c->args[0].str);

    return b ? net_remove_filter(b, c->args[0].str) : blk_del_object(c, err);
}

static const char *filter_path(const MonCall *c)
{
    const char *path = c->args[0].str;

    return g_str_has_prefix(path, "/objects/") ? path + strlen("/objects/") : path;
}

bool net_qom_is_filter(const MonCall *c)
{
    return filter_owner(c, filter_path(c)) != NULL;
}

bool net_qom_get(MonCall *c, GError **err)
{
    const char *id = filter_path(c), *name = c->args[1].str;
    g_autofree char *value = net_filter_property(filter_owner(c, id), id, name);

    if (!value) {
        return error_set(err, "Property 'filter-dump.%s' not found", name);
    }
    if (!strcmp(name, "maxlen")) {
        json_out_uint(c->out, NULL, g_ascii_strtoull(value, NULL, 10));
    } else {
        json_out_str(c->out, NULL, value);
    }
    return true;
}

bool net_qom_set(MonCall *c, GError **err)
{
    const char *id = filter_path(c), *name = c->args[1].str;
    NetBackend *b = filter_owner(c, id);
    g_autofree char *value = net_filter_property(b, id, name);
    const char *status;

    if (!value) {
        return error_set(err, "Property 'filter-dump.%s' not found", name);
    }
    if (strcmp(name, "status")) {
        return error_set(err, "Property 'filter-dump.%s' is set when the filter is made", name);
    }
    status = g_hash_table_lookup(c->args[2].leaves, "");
    return net_filter_set_status(b, id, status ? status : "", err);
}

/* ---- Networks ---- */

static bool net_add(MonCall *c, Options *o, GError **err)
{
    const char *id = options_get(o, "id");
    NetBackend *b;

    if (!id) {
        return error_set(err, "Parameter 'id' is missing");
    }
    if (machine_find_backend(c->m, "netdev", id)) {
        return error_set(err, "Duplicate ID '%s' for netdev", id);
    }
    b = net_all(c) ? net_open(c->m, id, o, err) : NULL;
    if (b &&
        (!options_all_used(o, NULL, 0, err) || !machine_add_backend(c->m, "netdev", id, b, err))) {
        net_close(b);
        net_free(b);
        return false;
    }
    if (b) {
        g_ptr_array_add(net_all(c), b);
    }
    return b != NULL;
}

bool cmd_netdev_add(MonCall *c, GError **err)
{
    return mon_qmp_options(c, net_add, err);
}

bool hmp_netdev_add(MonCall *c, GError **err)
{
    return mon_hmp_options(c, "type", net_add, err);
}

static bool net_del(MonCall *c, const char *id, GError **err)
{
    NetBackend *b = net_find(c, id, err);

    if (!b) {
        return false;
    }
    if (net_card(b)) {
        return error_set(err, "netdev '%s' is used by %s: remove the card first", id, net_card(b));
    }
    machine_remove_backend(c->m, "netdev", id);
    net_close(b);
    g_ptr_array_remove(net_all(c), b); /* frees it */
    return true;
}

bool cmd_netdev_del(MonCall *c, GError **err)
{
    return net_del(c, c->args[0].str, err);
}

bool hmp_netdev_del(MonCall *c, GError **err)
{
    return net_del(c, c->line, err);
}

bool cmd_set_link(MonCall *c, GError **err)
{
    NetBackend *b = net_find_any(c, c->args[0].str, err);

    if (b) {
        net_set_link(b, c->args[1].flag);
    }
    return b != NULL;
}

bool hmp_set_link(MonCall *c, GError **err)
{
    g_autofree char *name = mon_call_word(c);
    NetBackend *b;
    bool up = !strcmp(c->line, "on");

    if (!name || (!up && strcmp(c->line, "off"))) {
        return error_set(err, "set_link takes a name and on or off");
    }
    b = net_find_any(c, name, err);
    if (b) {
        net_set_link(b, up);
    }
    return b != NULL;
}

/* "[ID] RULE": without an id the only network in user mode. */
static bool net_forward(MonCall *c, bool add, GError **err)
{
    g_autofree char *word = mon_call_word(c);
    NetBackend *b = NULL;

    if (!word) {
        return error_set(err, "a rule is missing: [ID] [tcp|udp]:[HOSTADDR]:HOSTPORT%s",
                         add ? "-[GUESTADDR]:GUESTPORT" : "");
    }
    if (*c->line) {
        b = net_find(c, word, err);
        if (!b) {
            return false;
        }
    }
    for (guint i = 0; !b && net_nth(c, i); i++) {
        b = net_is_type(net_nth(c, i), "user") ? net_nth(c, i) : NULL;
    }
    if (!b) {
        return error_set(err, "there is no network of type user (-nic user)");
    }
    return add ? net_add_forward(b, *c->line ? c->line : word, err)
               : net_remove_forward(b, *c->line ? c->line : word, err);
}

bool hmp_hostfwd_add(MonCall *c, GError **err)
{
    return net_forward(c, true, err);
}

bool hmp_hostfwd_remove(MonCall *c, GError **err)
{
    const char *rule = strrchr(c->line, ' ');
    g_autofree char *said = g_strdup(rule ? rule + 1 : c->line);

    if (!net_forward(c, false, err)) {
        return false;
    }
    g_string_append_printf(c->text, "host forwarding rule for %s removed\n", said);
    return true;
}

bool hmp_usernet(MonCall *c, GError **err)
{
    for (guint i = 0; net_nth(c, i); i++) {
        g_autofree char *text = net_connections(net_nth(c, i));

        if (text) {
            g_string_append_printf(c->text, "Hub -1 (%s):\n%s", net_id(net_nth(c, i)), text);
        }
    }
    return true;
}

/* ---- What cards receive ---- */

static void rx_mac(JsonOut *j, const char *key, const uint8_t *m)
{
    g_autofree char *text =
        g_strdup_printf("%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);

    json_out_str(j, key, text);
}

static void rx_macs(JsonOut *j, const char *key, const NetRxFilter *f, unsigned from, unsigned to)
{
    json_out_begin(j, key, '[');
    for (unsigned i = from; i < to; i++) {
        rx_mac(j, NULL, f->macs + i * NET_ADDR_BYTES);
    }
    json_out_end(j, ']');
}

static void rx_filter_json(JsonOut *j, const char *card, const NetRxFilter *f)
{
    static const char *const modes[] = { "normal", "none", "all" };

    json_out_begin(j, NULL, '{');
    json_out_str(j, "name", card);
    json_out_bool(j, "promiscuous", f->promiscuous);
    json_out_str(j, "multicast", modes[f->multicast]);
    json_out_str(j, "unicast", modes[f->unicast]);
    json_out_str(j, "vlan", modes[f->vlan]);
    json_out_bool(j, "broadcast-allowed", f->broadcast);
    json_out_bool(j, "multicast-overflow", f->overflow);
    json_out_bool(j, "unicast-overflow", f->overflow);
    rx_mac(j, "main-mac", f->mac);
    json_out_begin(j, "vlan-table", '[');
    for (unsigned i = 0; i < NET_RX_VLANS; i++) {
        if (f->vlans[i / 32] >> (i % 32) & 1) {
            json_out_uint(j, NULL, i);
        }
    }
    json_out_end(j, ']');
    rx_macs(j, "unicast-table", f, 0, f->n_unicast);
    rx_macs(j, "multicast-table", f, f->n_unicast, f->n_macs);
    json_out_end(j, '}');
}

bool cmd_query_rx_filter(MonCall *c, GError **err)
{
    const char *name = c->args[0].present ? c->args[0].str : NULL;
    NetBackend *only = NULL, *b;

    if (name) {
        only = net_find_any(c, name, err);
        if (!only) {
            c->error_class = NULL;
            g_clear_error(err);
            return error_set(err, "invalid net client name: %s", name);
        }
        if (!strcmp(net_id(only), name)) {
            return error_set(err, "net client(%s) isn't a NIC", name);
        }
    }
    json_out_begin(c->out, NULL, '[');
    for (guint i = 0; (b = net_nth(c, i)) != NULL; i++) {
        g_autoptr(GString) card = g_string_new("");
        g_autoptr(GString) text = g_string_new("");
        NetRxFilter f;

        if ((!only || b == only) && net_describe_card(b, card, text) && net_rx_filter(b, &f)) {
            rx_filter_json(c->out, card->str, &f);
        }
    }
    json_out_end(c->out, ']');
    return true;
}

/* ---- announce-self ---- */

enum { ANNOUNCE_MS_MAX = 100000, ANNOUNCE_ROUNDS_MAX = 1000 };

static void announce_round(void *arg)
{
    MonHost *h = arg;
    MonAnnounce *a = &h->announce;

    a->watch = 0;
    for (guint i = 0; i < h->config.nets->len; i++) {
        NetBackend *b = g_ptr_array_index(h->config.nets, i);
        g_autoptr(GString) card = g_string_new("");
        g_autoptr(GString) text = g_string_new("");

        if (net_describe_card(b, card, text) &&
            (!a->only || g_hash_table_contains(a->only, card->str))) {
            net_announce(b);
        }
    }
    if (--a->left) {
        a->watch = loop_timeout_ms(h->machine, MIN(a->ms, a->max_ms), announce_round, h);
        a->ms += a->step_ms;
    }
}

void mon_announce_end(MonHost *h)
{
    if (h->announce.watch) {
        loop_unwatch(h->machine, h->announce.watch);
    }
    g_clear_pointer(&h->announce.only, g_hash_table_unref);
    h->announce = (MonAnnounce){ 0 };
}

/* At once, then after @initial ms, and @step more each time up to @max. */
static void announce_begin(MonHost *h, unsigned initial, unsigned max, unsigned rounds,
                           unsigned step, GHashTable *take_only)
{
    mon_announce_end(h);
    h->announce = (MonAnnounce){
        .ms = initial, .max_ms = max, .step_ms = step, .left = rounds, .only = take_only
    };
    if (h->config.nets) {
        announce_round(h);
    }
}

bool cmd_announce(MonCall *c, GError **err)
{
    static const struct {
        const char *name;
        int64_t max;
    } limit[4] = { { "initial", ANNOUNCE_MS_MAX },
                   { "max", ANNOUNCE_MS_MAX },
                   { "rounds", ANNOUNCE_ROUNDS_MAX },
                   { "step", ANNOUNCE_MS_MAX } };
    GHashTable *only = NULL;
    GHashTableIter at;
    gpointer value;

    for (unsigned i = 0; i < 4; i++) {
        if (c->args[i].num < 1 || c->args[i].num > limit[i].max) {
            return error_set(err, "Parameter '%s' must be 1 to %d", limit[i].name,
                             (int)limit[i].max);
        }
    }
    if (c->args[4].present) {
        only = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_hash_table_iter_init(&at, c->args[4].leaves);
        while (g_hash_table_iter_next(&at, NULL, &value)) {
            g_hash_table_add(only, g_strdup(value));
        }
    }
    announce_begin(c->host, (unsigned)c->args[0].num, (unsigned)c->args[1].num,
                   (unsigned)c->args[2].num, (unsigned)c->args[3].num, only);
    return true;
}

bool hmp_announce(MonCall *c, GError **err)
{
    announce_begin(c->host, 50, 550, 5, 100, NULL);
    return true;
}
