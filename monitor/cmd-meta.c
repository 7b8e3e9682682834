/* SPDX-License-Identifier: Apache-2.0 */
/* Commands about commands: names, schema, help, and the human monitor by QMP. */
#include "monitor/commands.h"
#include "monitor/schema-block.h"

#include <string.h>

/* The session counts its own negotiation; a second one is refused there. */
bool cmd_capabilities(MonCall *c, GError **err)
{
    return !c->args[0].present || !c->args[0].leaves || !g_hash_table_size(c->args[0].leaves) ||
           error_set(err, "Capability oob is not available");
}

bool cmd_query_commands(MonCall *c, GError **err)
{
    json_out_begin(c->out, NULL, '[');
    for (unsigned i = 0; i < mon_n_commands; i++) {
        if (mon_offers(c->host, &mon_commands[i])) {
            json_out_begin(c->out, NULL, '{');
            json_out_str(c->out, "name", mon_commands[i].name);
            json_out_end(c->out, '}');
        }
    }
    json_out_end(c->out, ']');
    return true;
}

bool cmd_query_events(MonCall *c, GError **err)
{
    json_out_begin(c->out, NULL, '[');
    for (unsigned i = 0; i < mon_n_events; i++) {
        json_out_begin(c->out, NULL, '{');
        json_out_str(c->out, "name", mon_events[i].name);
        json_out_end(c->out, '}');
    }
    json_out_end(c->out, ']');
    return true;
}

/* ---- query-qmp-schema ---- */

static const struct {
    const char *name, *json;
} schema_builtins[] = {
    { "str", "string" },   { "int", "int" },   { "number", "number" },
    { "bool", "boolean" }, { "null", "null" }, { "any", "value" },
};

/*
 * Named types go by numbers, as clients expect: "0" is the object without members, the table's
 * row i is i + 1, and the arguments of command k follow after those. [T] is an array of T.
 */
static char *schema_type_name(const char *name)
{
    if (!name) {
        return g_strdup("0");
    }
    if (*name == '[') {
        g_autofree char *element = g_strndup(name + 1, strlen(name) - 2);
        g_autofree char *inner = schema_type_name(element);

        return g_strdup_printf("[%s]", inner);
    }
    for (unsigned i = 0; i < mon_n_types; i++) {
        if (!strcmp(mon_types[i].name, name)) {
            return g_strdup_printf("%u", i + 1);
        }
    }
    return g_strdup(name);
}

static const char *schema_arg_type(const MonArg *a)
{
    static const char *const names[] = { "str", "int", "bool", "any" };

    return a->schema ? a->schema : names[a->type];
}

/* The arrays that the schema speaks of, each once. */
static void schema_note_array(GHashTable *arrays, const char *name)
{
    if (name && *name == '[') {
        g_hash_table_add(arrays, schema_type_name(name));
    }
}

static void schema_member(JsonOut *j, const char *name, const char *type, bool optional)
{
    g_autofree char *number = schema_type_name(type);

    json_out_begin(j, NULL, '{');
    json_out_str(j, "name", name);
    if (optional) {
        json_out_null(j, "default");
    }
    json_out_str(j, "type", number);
    json_out_end(j, '}');
}

static void schema_open(JsonOut *j, const char *name)
{
    json_out_begin(j, NULL, '{');
    json_out_str(j, "name", name);
}

static void schema_close(JsonOut *j, const char *meta)
{
    json_out_str(j, "meta-type", meta);
    json_out_end(j, '}');
}

static void schema_type(JsonOut *j, unsigned index, GHashTable *arrays)
{
    const MonType *t = &mon_types[index];
    g_autofree char *name = g_strdup_printf("%u", index + 1);

    schema_open(j, name);
    json_out_begin(j, "members", '[');
    for (const MonMember *m = t->members; m && m->name; m++) {
        schema_member(j, m->name, m->type, m->optional);
        schema_note_array(arrays, m->type);
    }
    for (const char *const *v = t->values; v && *v; v++) {
        json_out_begin(j, NULL, '{');
        json_out_str(j, "name", *v);
        json_out_end(j, '}');
    }
    json_out_end(j, ']');
    if (t->values) {
        json_out_begin(j, "values", '[');
        for (const char *const *v = t->values; *v; v++) {
            json_out_str(j, NULL, *v);
        }
        json_out_end(j, ']');
    }
    schema_close(j, t->values ? "enum" : "object");
}

static void schema_command(JsonOut *j, unsigned index, GHashTable *arrays)
{
    const MonCommand *c = &mon_commands[index];
    unsigned n = mon_command_n_args(c);
    g_autofree char *ret = schema_type_name(c->returns);
    bool blockdev = !strcmp(c->name, "blockdev-add");
    g_autofree char *args = blockdev ? g_strdup(SCHEMA_BLOCKDEV)
                                     : g_strdup_printf("%u", n ? mon_n_types + 1 + index : 0);

    schema_open(j, c->name);
    json_out_str(j, "ret-type", ret);
    json_out_str(j, "arg-type", args);
    schema_close(j, "command");
    schema_note_array(arrays, c->returns);
    if (blockdev) {
        schema_blockdev(j);
    }
    if (!n || blockdev) {
        return;
    }
    schema_open(j, args);
    json_out_begin(j, "members", '[');
    for (unsigned i = 0; i < n; i++) {
        schema_member(j, c->args[i].name, schema_arg_type(&c->args[i]), c->args[i].optional);
        schema_note_array(arrays, c->args[i].schema);
    }
    json_out_end(j, ']');
    schema_close(j, "object");
}

bool cmd_query_schema(MonCall *c, GError **err)
{
    g_autoptr(GHashTable) arrays = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GHashTableIter it;
    JsonOut *j = c->out;
    gpointer key;

    json_out_begin(j, NULL, '[');
    for (unsigned i = 0; i < mon_n_commands; i++) {
        if (mon_offers(c->host, &mon_commands[i])) {
            schema_command(j, i, arrays);
        }
    }
    for (unsigned i = 0; i < mon_n_events; i++) {
        g_autofree char *data = schema_type_name(mon_events[i].data);

        schema_open(j, mon_events[i].name);
        json_out_str(j, "arg-type", data);
        schema_close(j, "event");
    }
    schema_open(j, "0");
    json_out_begin(j, "members", '[');
    json_out_end(j, ']');
    schema_close(j, "object");
    for (unsigned i = 0; i < mon_n_types; i++) {
        schema_type(j, i, arrays);
    }
    g_hash_table_iter_init(&it, arrays);
    while (g_hash_table_iter_next(&it, &key, NULL)) {
        g_autofree char *element = g_strndup((char *)key + 1, strlen(key) - 2);

        schema_open(j, key);
        json_out_str(j, "element-type", element);
        schema_close(j, "array");
    }
    for (size_t i = 0; i < G_N_ELEMENTS(schema_builtins); i++) {
        schema_open(j, schema_builtins[i].name);
        json_out_str(j, "json-type", schema_builtins[i].json);
        schema_close(j, "builtin");
    }
    json_out_end(j, ']');
    return true;
}

/* ---- people ---- */

bool cmd_human_monitor_command(MonCall *c, GError **err)
{
    g_autoptr(GString) out = g_string_new("");
    GString *crlf;
    int cpu = c->args[1].present ? (int)CLAMP(c->args[1].num, -1, INT16_MAX) : 0;

    if (cpu < 0 || (c->args[1].present && (unsigned)cpu >= machine_n_cpus(c->m))) {
        return error_set(err, "Parameter 'cpu-index' expects a CPU number");
    }
    hmp_execute(c->host, NULL, c->args[0].str, &cpu, out);
    crlf = g_string_new("");
    for (gsize i = 0; i < out->len; i++) {
        g_string_append(crlf, out->str[i] == '\n' ? "\r\n" : "");
        if (out->str[i] != '\n') {
            g_string_append_c(crlf, out->str[i]);
        }
    }
    json_out_str_len(c->out, NULL, crlf->str, crlf->len);
    g_string_free(crlf, TRUE);
    return true;
}

static void help_line(GString *s, const MonCommand *c)
{
    g_string_append_printf(s, "%s %s%s-- %s\n", c->hmp, c->hmp_args ? c->hmp_args : "",
                           c->hmp_args ? " " : "", c->doc);
}

static gint help_compare(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Rows in the order of their names, those of `info` (or all others). */
static void help_list(GString *s, bool info)
{
    g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);

    for (unsigned i = 0; i < mon_n_commands; i++) {
        const MonCommand *c = &mon_commands[i];

        if (c->hmp && g_str_has_prefix(c->hmp, "info ") == info) {
            GString *line = g_string_new("");

            help_line(line, c);
            g_ptr_array_add(lines, g_string_free(line, FALSE));
        }
    }
    g_ptr_array_sort(lines, help_compare);
    for (unsigned i = 0; i < lines->len; i++) {
        g_string_append(s, g_ptr_array_index(lines, i));
    }
}

bool hmp_help(MonCall *c, GError **err)
{
    const MonCommand *row;
    const char *rest;

    if (!*c->line) {
        help_list(c->text, false);
        return true;
    }
    if (!strcmp(c->line, "info")) {
        help_list(c->text, true);
        return true;
    }
    row = mon_find_hmp(c->line, &rest);
    if (row) {
        help_line(c->text, row);
    } else {
        g_string_append_printf(c->text, "unknown command: '%s'\n", c->line);
    }
    return true;
}

bool hmp_info(MonCall *c, GError **err)
{
    help_list(c->text, true);
    return true;
}
