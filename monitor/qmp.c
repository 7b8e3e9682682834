/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A QMP session: greeting, negotiation, commands, events. Requests are parsed by jansson.
 * Spec: QEMU Machine Protocol 1.0 (wire format; no out-of-band execution is offered).
 */
#include "monitor/json-frame.h"
#include "monitor/monitor-priv.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct Qmp {
    Monitor *mon; /* NULL: only text in and out (tests) */
    JsonFrame frame;
    bool negotiated;
    GString *sent; /* where answers go without a character device */
};

static void qmp_send(Qmp *q, const char *text, size_t len)
{
    if (q->sent) {
        g_string_append_len(q->sent, text, (gssize)len);
        g_string_append(q->sent, "\n");
    } else {
        g_autofree char *line = g_malloc(len + 2);

        memcpy(line, text, len);
        memcpy(line + len, "\r\n", 2);
        chardev_write(q->mon->chardev, line, len + 2);
    }
}

static bool qmp_is_pretty(const Qmp *q)
{
    return q->mon && q->mon->mode == MON_QMP_PRETTY;
}

static void qmp_greet(Qmp *q)
{
    g_autoptr(GString) text = g_string_new("");
    JsonOut j;

    json_out_init(&j, text, qmp_is_pretty(q));
    json_out_begin(&j, NULL, '{');
    json_out_begin(&j, "QMP", '{');
    mon_version_json(&j, "version");
    json_out_begin(&j, "capabilities", '[');
    json_out_end(&j, ']');
    json_out_end(&j, '}');
    json_out_end(&j, '}');
    qmp_send(q, text->str, text->len);
}

static void qmp_add_id(JsonOut *j, json_t *id)
{
    char *text = id ? json_dumps(id, JSON_ENCODE_ANY) : NULL;

    if (text) {
        json_out_raw(j, "id", text);
        free(text);
    }
}

static void qmp_send_error(Qmp *q, json_t *id, const char *class, const char *desc)
{
    g_autoptr(GString) text = g_string_new("");
    JsonOut j;

    json_out_init(&j, text, qmp_is_pretty(q));
    json_out_begin(&j, NULL, '{');
    json_out_begin(&j, "error", '{');
    json_out_str(&j, "class", class ? class : "GenericError");
    json_out_str(&j, "desc", desc);
    json_out_end(&j, '}');
    qmp_add_id(&j, id);
    json_out_end(&j, '}');
    qmp_send(q, text->str, text->len);
}

/* ---- Arguments ---- */

static void qmp_leaf(MonValue *out, const char *path, MonArgType kind, const char *text)
{
    g_hash_table_replace(out->kinds, g_strdup(path), GUINT_TO_POINTER((guint)kind + 1));
    if (text) {
        g_hash_table_replace(out->leaves, g_strdup(path), g_strdup(text));
    }
}

static void qmp_flatten(MonValue *out, const char *path, json_t *v)
{
    const char *key;
    json_t *member;
    size_t i;

    if (json_is_object(v) || json_is_array(v)) {
        qmp_leaf(out, path, MON_ANY, NULL);
    }
    if (json_is_object(v)) {
        json_object_foreach(v, key, member)
        {
            g_autofree char *sub = g_strdup_printf("%s%s%s", path, *path ? "." : "", key);

            qmp_flatten(out, sub, member);
        }
    } else if (json_is_array(v)) {
        json_array_foreach(v, i, member)
        {
            g_autofree char *sub = g_strdup_printf("%s%s%zu", path, *path ? "." : "", i);

            qmp_flatten(out, sub, member);
        }
    } else if (json_is_string(v)) {
        qmp_leaf(out, path, MON_STR, json_string_value(v));
    } else {
        char *text = json_dumps(v, JSON_ENCODE_ANY);

        qmp_leaf(out, path,
                 json_is_integer(v)   ? MON_INT
                 : json_is_boolean(v) ? MON_BOOL
                                      : MON_NULL,
                 text ? text : "");
        free(text);
    }
}

static bool qmp_arg(const MonArg *arg, json_t *v, MonValue *out, GError **err)
{
    static const char *const expected[] = { "string", "integer", "boolean", "object" };
    bool ok = true;

    out->present = true;
    switch (arg->type) {
    case MON_STR:
        ok = json_is_string(v);
        out->str = json_string_value(v);
        break;
    case MON_INT:
        ok = json_is_integer(v);
        out->num = json_integer_value(v);
        break;
    case MON_BOOL:
        ok = json_is_boolean(v);
        out->flag = json_is_true(v);
        break;
    case MON_ANY:
        ok = json_is_object(v) || json_is_array(v) || (arg->schema && !strcmp(arg->schema, "any"));
        out->str = json_string_value(v);
        out->leaves = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        out->kinds = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        qmp_flatten(out, "", v);
        break;
    case MON_NULL:
    case MON_ABSENT:
        break; /* of no argument */
    }
    if (arg->type == MON_ANY && arg->schema && *arg->schema == '[') {
        ok = json_is_array(v);
        return ok || error_set(err, "Invalid parameter type for '%s', expected: array", arg->name);
    }
    return ok || error_set(err, "Invalid parameter type for '%s', expected: %s", arg->name,
                           expected[arg->type]);
}

static bool qmp_args(MonCall *c, json_t *args, GError **err)
{
    unsigned n = mon_command_n_args(c->cmd);
    const char *key;
    json_t *value;

    if (c->cmd->open_args) {
        static const MonArg all = { "arguments", MON_ANY, false, NULL };

        return qmp_arg(&all, args, &c->args[0], err);
    }
    json_object_foreach(args, key, value)
    {
        unsigned i = 0;

        while (i < n && strcmp(c->cmd->args[i].name, key)) {
            i++;
        }
        if (i == n) {
            return error_set(err, "Parameter '%s' is unexpected", key);
        }
        if (!qmp_arg(&c->cmd->args[i], value, &c->args[i], err)) {
            return false;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        if (!c->args[i].present && !c->cmd->args[i].optional) {
            return error_set(err, "Parameter '%s' is missing", c->cmd->args[i].name);
        }
    }
    return true;
}

/* ---- Requests ---- */

static void qmp_call(Qmp *q, MonHost *h, const MonCommand *cmd, json_t *args, json_t *id)
{
    g_autoptr(GString) text = g_string_new("");
    MonCall c = { .host = h, .m = h->machine, .mon = q->mon, .cmd = cmd };
    GError *err = NULL;
    JsonOut j;
    bool ok;

    json_out_init(&j, text, qmp_is_pretty(q));
    json_out_begin(&j, NULL, '{');
    g_string_append(text, "\"return\": "); /* the command's value is the member's */
    if (qmp_is_pretty(q)) {
        g_string_truncate(text, 1);
        g_string_append(text, "\n    \"return\": ");
    }
    c.out = &j;
    j.bare = true;
    ok = qmp_args(&c, args, &err) && cmd->qmp(&c, &err);
    if (ok && !cmd->returns) {
        g_string_append(text, "{}");
    }
    if (ok) {
        j.bare = false;
        j.has_member[0] = true;
        qmp_add_id(&j, id);
        json_out_end(&j, '}');
        qmp_send(q, text->str, text->len);
    } else {
        qmp_send_error(q, id, c.error_class, err->message);
        g_error_free(err);
    }
    for (unsigned i = 0; i < MON_MAX_ARGS; i++) {
        if (c.args[i].leaves) {
            g_hash_table_unref(c.args[i].leaves);
            g_hash_table_unref(c.args[i].kinds);
        }
    }
}

/* The members a request may have, each of its type; false with the error sent. */
static bool qmp_check_request(Qmp *q, json_t *req, const char **name, json_t **args)
{
    json_t *id = json_object_get(req, "id"), *value;
    g_autofree char *desc = NULL;
    const char *key;

    *name = NULL;
    *args = NULL;
    json_object_foreach(req, key, value)
    {
        if (!strcmp(key, "execute")) {
            *name = json_string_value(value);
            desc = *name ? NULL : g_strdup("QMP input member 'execute' must be a string");
        } else if (!strcmp(key, "arguments")) {
            *args = value;
            desc = json_is_object(value)
                       ? NULL
                       : g_strdup("QMP input member 'arguments' must be an object");
        } else if (strcmp(key, "id")) {
            desc = g_strdup_printf("QMP input member '%s' is unexpected", key);
        }
        if (desc) {
            qmp_send_error(q, id, NULL, desc);
            return false;
        }
    }
    if (!*name) {
        qmp_send_error(q, id, NULL, "QMP input lacks member 'execute'");
        return false;
    }
    return true;
}

static void qmp_request(Qmp *q, MonHost *h, json_t *req)
{
    json_t *id = json_object_get(req, "id"), *args;
    const MonCommand *cmd;
    const char *name;

    if (!qmp_check_request(q, req, &name, &args)) {
        return;
    }
    cmd = mon_find_qmp(h, name);
    if (!cmd || (!q->negotiated && strcmp(name, "qmp_capabilities"))) {
        g_autofree char *desc =
            cmd ? g_strdup("Expecting capabilities negotiation with 'qmp_capabilities'")
                : g_strdup_printf("The command %s has not been found", name);

        qmp_send_error(q, id, "CommandNotFound", desc);
        return;
    }
    if (h->config.unstable_input && g_str_has_prefix(name, "x-")) {
        g_autofree char *desc = g_strdup_printf("Unstable command %s disabled by policy", name);

        if (h->config.unstable_input > 1) {
            abort(); /* -compat unstable-input=crash: somebody's test wants it */
        }
        qmp_send_error(q, id, "CommandNotFound", desc);
        return;
    }
    if (!strcmp(name, "qmp_capabilities")) {
        if (q->negotiated) {
            qmp_send_error(q, id, "CommandNotFound",
                           "Capabilities negotiation is already complete, command ignored");
            return;
        }
        q->negotiated = true;
    }
    qmp_call(q, h, cmd, args, id);
}

static void qmp_value(Qmp *q, MonHost *h)
{
    json_error_t at;
    json_t *v = json_loadb(q->frame.text->str, q->frame.text->len,
                           JSON_DECODE_ANY | JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &at);

    if (!v) {
        g_autofree char *desc = g_strdup_printf("JSON parse error, %s", at.text);

        qmp_send_error(q, NULL, NULL, desc);
    } else if (!json_is_object(v)) {
        qmp_send_error(q, NULL, NULL, "QMP input must be a JSON object");
    } else {
        qmp_request(q, h, v);
    }
    json_decref(v);
}

static void qmp_feed(Qmp *q, MonHost *h, const char *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        JsonFrameResult r = json_frame_byte(&q->frame, buf[i]);

        if (r == JSON_FRAME_ERROR) {
            qmp_send_error(q, NULL, NULL, q->frame.text->str);
            q->frame.skip &= buf[i] != '\n';
        } else if (r == JSON_FRAME_VALUE) {
            qmp_value(q, h);
        }
        if (r != JSON_FRAME_MORE) {
            json_frame_next(&q->frame);
        }
    }
}

void qmp_event(Monitor *mon, const char *name, const char *data_json)
{
    g_autoptr(GString) text = g_string_new("");
    int64_t now_us = g_get_real_time();
    JsonOut j;

    if (!mon->qmp->negotiated) {
        return;
    }
    json_out_init(&j, text, qmp_is_pretty(mon->qmp));
    json_out_begin(&j, NULL, '{');
    json_out_begin(&j, "timestamp", '{');
    json_out_int(&j, "seconds", now_us / 1000000);
    json_out_int(&j, "microseconds", now_us % 1000000);
    json_out_end(&j, '}');
    json_out_str(&j, "event", name);
    if (data_json) {
        json_out_raw(&j, "data", data_json);
    }
    json_out_end(&j, '}');
    qmp_send(mon->qmp, text->str, text->len);
}

/* ---- The session ---- */

static void qmp_read(void *opaque, const uint8_t *buf, unsigned len)
{
    Monitor *mon = opaque;

    qmp_feed(mon->qmp, mon->host, (const char *)buf, len);
}

static void qmp_char_event(void *opaque, CharEvent event)
{
    Monitor *mon = opaque;

    if (event == CHAR_OPENED) {
        json_frame_next(&mon->qmp->frame);
        mon->qmp->frame.skip = false;
        mon->qmp->negotiated = false;
        qmp_greet(mon->qmp);
    }
}

static const CharHandlers qmp_handlers = { NULL, qmp_read, qmp_char_event };

bool qmp_start(Monitor *mon, GError **err)
{
    mon->qmp = g_new0(Qmp, 1);
    mon->qmp->mon = mon;
    json_frame_init(&mon->qmp->frame);
    if (!chardev_attach(mon->chardev, &qmp_handlers, mon, err)) {
        qmp_stop(mon);
        return false;
    }
    return true;
}

void qmp_stop(Monitor *mon)
{
    json_frame_deinit(&mon->qmp->frame);
    g_free(mon->qmp);
    mon->qmp = NULL;
}

char *qmp_execute_text(MonHost *h, const char *text)
{
    Qmp q = { .sent = g_string_new("") };

    json_frame_init(&q.frame);
    qmp_greet(&q);
    qmp_feed(&q, h, text, strlen(text));
    json_frame_deinit(&q.frame);
    return g_string_free(q.sent, FALSE);
}
