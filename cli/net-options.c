/* SPDX-License-Identifier: Apache-2.0 */
/* -nic and -net: a network and a card, as one -netdev and one -device. */
#include "cli/config.h"

#include "util/options.h"
#include "util/suggest.h"

#include <string.h>

static const char *const nic_models[][2] = {
    { "virtio", "virtio-net-pci" },
    { "virtio-net", "virtio-net-pci" },
    { "virtio-net-pci", "virtio-net-pci" },
    { "virtio-net-pci-transitional", "virtio-net-pci-transitional" },
    { "virtio-net-pci-non-transitional", "virtio-net-pci-non-transitional" },
    { "virtio-net-device", "virtio-net-device" },
    { "e1000", "e1000" },
    { "e1000-82544gc", "e1000-82544gc" },
    { "e1000-82545em", "e1000-82545em" },
    { "e1000e", "e1000e" },
    { "pcnet", "pcnet" },
};

static const char *nic_device(const char *model, GError **err)
{
    const char *names[G_N_ELEMENTS(nic_models)];
    g_autofree char *near = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(nic_models); i++) {
        names[i] = nic_models[i][0];
        if (!strcmp(model, names[i])) {
            return nic_models[i][1];
        }
    }
    near = suggest_or_list(model, names, G_N_ELEMENTS(names), 12);
    error_set(err, "there is no model of network card '%s'%s", model, near);
    return NULL;
}

static void nic_append(GString *s, const char *key, const char *value)
{
    g_auto(GStrv) commas = g_strsplit(value, ",", -1);
    g_autofree char *quoted = g_strjoinv(",,", commas);

    g_string_append_printf(s, ",%s=%s", key, quoted);
}

/* The card's keys; false: the key is the network's. */
static bool nic_is_card_key(const char *key)
{
    static const char *const keys[] = { "mac", "macaddr", "addr", "bus", "vectors" };

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        if (!strcmp(key, keys[i])) {
            return true;
        }
    }
    return false;
}

static bool nic_add(SystemConfig *c, Options *o, const char *id, bool network, bool card,
                    GError **err)
{
    const char *type = options_get(o, "type"), *model = options_get(o, "model");
    const char *device = model ? nic_device(model, err) : ""; /* the board names it */
    g_autoptr(GString) net = g_string_new(type);
    g_autoptr(GString) dev = g_string_new(device);

    if (!device) {
        return false;
    }
    g_string_append_printf(net, ",id=%s", id);
    g_string_append_printf(dev, ",netdev=%s", id);
    for (unsigned i = 0; i < o->n; i++) {
        const char *key = o->list[i].key, *value = o->list[i].value;

        if (!strcmp(key, "type") || !strcmp(key, "model") || !strcmp(key, "id") ||
            !strcmp(key, "netdev")) {
            continue;
        }
        if (nic_is_card_key(key)) {
            nic_append(dev, !strcmp(key, "macaddr") ? "mac" : key, value);
        } else {
            nic_append(net, key, value);
        }
    }
    if (network) {
        g_ptr_array_add(c->nets, g_string_free(g_steal_pointer(&net), FALSE));
    }
    if (card) {
        g_ptr_array_insert(c->devices, (gint)c->n_nics++,
                           g_string_free(g_steal_pointer(&dev), FALSE));
    }
    return true;
}

bool config_add_nic(SystemConfig *c, const char *text, GError **err)
{
    g_autofree char *made = g_strdup_printf("#nic%u", c->nets->len);
    const char *type, *id;
    bool ok;
    Options o;

    if (!options_parse(&o, text, "type", err)) {
        return false;
    }
    c->has_net = true;
    type = options_get(&o, "type");
    id = options_get(&o, "id");
    ok = type != NULL || error_set(err, "the type of network is missing: user, none");
    if (ok && strcmp(type, "none")) {
        ok = nic_add(c, &o, id ? id : made, true, true, err);
    }
    options_deinit(&o);
    return ok;
}

bool config_add_net(SystemConfig *c, const char *text, GError **err)
{
    const char *type, *netdev;
    bool ok, card;
    Options o;

    if (!options_parse(&o, text, "type", err)) {
        return false;
    }
    c->has_net = true;
    type = options_get(&o, "type");
    netdev = options_get(&o, "netdev");
    card = !g_strcmp0(type, "nic");
    ok = type != NULL || error_set(err, "valid: none, nic, user");
    if (ok && strcmp(type, "none")) {
        /* All of -net meet in one network: here a card and what it leads to. */
        ok = nic_add(c, &o, netdev ? netdev : "#net", !card, card, err);
    }
    options_deinit(&o);
    return ok;
}

/* "[HOST:]PORT:PORT[/tcp|udp]" as a key of a network of type user. */
static char *publish_key(const char *text, GError **err)
{
    const char *slash = strrchr(text, '/'), *colon;
    g_autofree char *ports = g_strndup(text, slash ? (gsize)(slash - text) : strlen(text));
    char *guest = strrchr(ports, ':');

    if (slash && strcmp(slash, "/tcp") && strcmp(slash, "/udp")) {
        error_set(err, "'%s': behind the slash stands tcp or udp", slash);
        return NULL;
    }
    if (!guest || guest == ports || strchr(ports, '-') || strchr(ports, ',')) {
        error_set(err, "is not of the form [HOST:]PORT:PORT[/udp], as in 8080:80");
        return NULL;
    }
    *guest++ = 0;
    colon = strrchr(ports, ':');
    return g_strdup_printf(",hostfwd=%s:%s%s-:%s", slash ? slash + 1 : "tcp", colon ? "" : ":",
                           ports, guest);
}

static bool net_is_user(const char *text)
{
    return !strcmp(text, "user") || g_str_has_prefix(text, "user,") ||
           g_str_has_prefix(text, "type=user");
}

bool config_publish(SystemConfig *c, GError **err)
{
    for (guint i = 0; i < c->publish->len; i++) {
        const char *text = g_ptr_array_index(c->publish, i);
        g_autofree char *key = publish_key(text, err);
        guint n = 0;

        while (n < c->nets->len && !net_is_user(g_ptr_array_index(c->nets, n))) {
            n++;
        }
        if (key && n == c->nets->len) {
            error_set(err, "there is no network of type user to publish a port of (-nic user)");
        }
        if (!key || n == c->nets->len) {
            g_prefix_error(err, "-publish %s: ", text);
            return false;
        }
        {
            char *old = g_ptr_array_index(c->nets, n);

            g_ptr_array_index(c->nets, n) = g_strconcat(old, key, NULL);
            g_free(old);
        }
    }
    return true;
}

/* What comes from outside comes at another instruction each time: not where those are counted. */
bool config_default_net(SystemConfig *c, GError **err)
{
    return c->has_net || c->nets->len || c->nodefaults || c->has_icount ||
           config_add_nic(c, "user", err);
}
