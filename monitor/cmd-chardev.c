/* SPDX-License-Identifier: Apache-2.0 */
/* Character devices at run time, and ring buffers. */
#include "monitor/commands.h"

#include <string.h>

enum { RING_READ_MAX = 16 << 20 };

static Chardev *chardev_find(MonCall *c, const char *id, GError **err)
{
    Chardev *found = machine_find_backend(c->m, "chardev", id);

    if (!found) {
        error_set(err, "Device '%s' not found", id);
    }
    return found;
}

static bool ring_is_base64(const MonValue *format, bool *yes, GError **err)
{
    *yes = format->present && !strcmp(format->str, "base64");
    return !format->present || *yes || !strcmp(format->str, "utf8") ||
           error_set(err, "Parameter 'format' does not accept value '%s'", format->str);
}

static bool ring_read(Chardev *c, const char *id, int64_t size, GString *out, GError **err)
{
    if (size <= 0 || size > RING_READ_MAX) {
        return error_set(err, "size must be greater than zero (and at most 16 MiB)");
    }
    return chardev_ring_read(c, out, (size_t)size) ||
           error_set(err, "%s is not a ringbuf device", id);
}

bool cmd_ringbuf_read(MonCall *c, GError **err)
{
    Chardev *ring = chardev_find(c, c->args[0].str, err);
    g_autoptr(GString) data = g_string_new("");
    bool base64;

    if (!ring || !ring_is_base64(&c->args[2], &base64, err) ||
        !ring_read(ring, c->args[0].str, c->args[1].num, data, err)) {
        return false;
    }
    if (base64) {
        g_autofree char *text = g_base64_encode((const guchar *)data->str, data->len);

        json_out_str(c->out, NULL, text);
    } else {
        json_out_str_len(c->out, NULL, data->str, data->len);
    }
    return true;
}

bool cmd_ringbuf_write(MonCall *c, GError **err)
{
    Chardev *ring = chardev_find(c, c->args[0].str, err);
    g_autofree guchar *bytes = NULL;
    gsize len = 0;
    bool base64, ok;

    if (!ring || !ring_is_base64(&c->args[2], &base64, err)) {
        return false;
    }
    if (base64) {
        bytes = g_base64_decode(c->args[1].str, &len);
        ok = chardev_ring_write(ring, bytes, len);
    } else {
        ok = chardev_ring_write(ring, c->args[1].str, strlen(c->args[1].str));
    }
    return ok || error_set(err, "%s is not a ringbuf device", c->args[0].str);
}

bool hmp_ringbuf_read(MonCall *c, GError **err)
{
    g_autofree char *id = mon_call_word(c);
    g_autoptr(GString) data = g_string_new("");
    Chardev *ring;
    int64_t size;

    if (!id) {
        return error_set(err, "a device is missing: ringbuf_read device size");
    }
    ring = chardev_find(c, id, err);
    if (!ring || !mon_expr_parse(c, &c->line, &size, err) ||
        !ring_read(ring, id, size, data, err)) {
        return false;
    }
    for (gsize i = 0; i < data->len; i++) {
        unsigned char b = (unsigned char)data->str[i];

        if (b == '\\') {
            g_string_append(c->text, "\\\\");
        } else if ((b < 0x20 && b != '\n') || b == 0x7f) {
            g_string_append_printf(c->text, "\\u%04X", b);
        } else {
            g_string_append_c(c->text, (char)b);
        }
    }
    g_string_append_c(c->text, '\n');
    return true;
}

bool hmp_ringbuf_write(MonCall *c, GError **err)
{
    g_autofree char *id = mon_call_word(c);
    Chardev *ring = id ? chardev_find(c, id, err) : NULL;

    if (!id) {
        return error_set(err, "a device is missing: ringbuf_write device data");
    }
    return ring && (chardev_ring_write(ring, c->line, strlen(c->line)) ||
                    error_set(err, "%s is not a ringbuf device", id));
}

static Chardev *chardev_make(MonCall *c, Options *o, GError **err)
{
    const char *id = options_get(o, "id");
    Chardev *made;

    if (!id) {
        error_set(err, "No ID specified");
        return NULL;
    }
    if (machine_find_backend(c->m, "chardev", id)) {
        error_set(err, "Chardev with id '%s' already exists", id);
        return NULL;
    }
    made = chardev_new_options(c->m, o, NULL, err);
    if (made && !machine_add_backend(c->m, "chardev", id, made, err)) {
        chardev_free(made);
        return NULL;
    }
    if (made) {
        g_ptr_array_add(c->host->chardevs, made);
    }
    return made;
}

/* The JSON of a backend as options of -chardev. */
static bool chardev_options(Options *o, const MonValue *v, GError **err)
{
    static const char *const keys[][2] = {
        { "type", "backend" },
        { "data.addr.data.path", "path" },
        { "data.addr.data.abstract", "abstract" },
        { "data.addr.data.tight", "tight" },
        { "data.addr.data.str", "fd" },
        { "data.addr.data.host", "host" },
        { "data.addr.data.port", "port" },
        { "data.addr.data.to", "to" },
        { "data.addr.data.ipv4", "ipv4" },
        { "data.addr.data.ipv6", "ipv6" },
        { "data.remote.data.host", "host" },
        { "data.remote.data.port", "port" },
        { "data.remote.data.ipv4", "ipv4" },
        { "data.remote.data.ipv6", "ipv6" },
        { "data.local.data.host", "localaddr" },
        { "data.local.data.port", "localport" },
        { "data.server", "server" },
        { "data.wait", "wait" },
        { "data.nodelay", "nodelay" },
        { "data.telnet", "telnet" },
        { "data.tls-creds", "tls-creds" },
        { "data.tls-authz", "tls-authz" },
        { "data.reconnect", "reconnect" },
        { "data.out", "path" },
        { "data.in", "input-path" },
        { "data.append", "append" },
        { "data.device", "path" },
        { "data.signal", "signal" },
        { "data.size", "size" },
        { "data.logfile", "logfile" },
        { "data.logappend", "logappend" },
    };
    const char *type = mon_leaf(v, "type");

    if (!type) {
        return error_set(err, "Parameter 'backend.type' is missing");
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++) {
        const char *value = mon_leaf(v, keys[i][0]);

        if (value) {
            options_add(o, keys[i][1],
                        !strcmp(value, "true")    ? "on"
                        : !strcmp(value, "false") ? "off"
                                                  : value);
        }
    }
    if (!strcmp(type, "socket")) { /* other defaults than the command line's */
        if (!mon_leaf(v, "data.server")) {
            options_add(o, "server", "on");
        }
        if (!mon_leaf(v, "data.wait")) {
            options_add(o, "wait", "off");
        }
    }
    return true;
}

bool cmd_chardev_add(MonCall *c, GError **err)
{
    Chardev *made = NULL;
    Options o = { 0 };

    options_add(&o, "id", c->args[0].str);
    if (chardev_options(&o, &c->args[1], err)) {
        made = chardev_make(c, &o, err);
    }
    options_deinit(&o);
    if (!made) {
        return false;
    }
    json_out_begin(c->out, NULL, '{');
    if (!strcmp(chardev_kind(made), "pty") && g_str_has_prefix(chardev_where(made), "pty:")) {
        json_out_str(c->out, "pty", chardev_where(made) + 4);
    }
    json_out_end(c->out, '}');
    return true;
}

static bool chardev_remove(MonCall *c, const char *id, GError **err)
{
    Chardev *old = machine_find_backend(c->m, "chardev", id);

    if (!old) {
        return error_set(err, "Chardev '%s' not found", id);
    }
    /* Only those made here: the others belong to ports and monitors of the command line. */
    if (chardev_is_attached(old) || !g_ptr_array_find(c->host->chardevs, old, NULL)) {
        return error_set(err, "Chardev '%s' is busy", id);
    }
    machine_remove_backend(c->m, "chardev", id);
    g_ptr_array_remove(c->host->chardevs, old); /* frees it */
    return true;
}

bool cmd_chardev_remove(MonCall *c, GError **err)
{
    return chardev_remove(c, c->args[0].str, err);
}

bool hmp_chardev_add(MonCall *c, GError **err)
{
    bool ok = false;
    Options o;

    if (options_parse(&o, c->line, "backend", err)) {
        ok = chardev_make(c, &o, err) != NULL;
        options_deinit(&o);
    }
    return ok;
}

bool hmp_chardev_remove(MonCall *c, GError **err)
{
    return chardev_remove(c, c->line, err);
}
