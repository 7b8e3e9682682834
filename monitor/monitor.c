/* SPDX-License-Identifier: Apache-2.0 */
/* The host of monitors: sessions, events, look-up of commands. */
#include "core/event/loop.h"
#include "hw/virtio/virtio-balloon.h"
#include "monitor/monitor-priv.h"
#include "monitor/migrate-send.h"

#include <inttypes.h>
#include <string.h>

static void mon_machine_event(void *opaque, const MachineEvent *e);

MonHost *mon_host_new(Machine *m, const MonHostConfig *config)
{
    MonHost *h = g_new0(MonHost, 1);

    h->machine = m;
    h->config = *config;
    h->autostart = true;
    h->incoming_wanted = config->incoming_defer;
    h->monitors = g_ptr_array_new();
    h->block_events = g_async_queue_new();
    h->chardevs = g_ptr_array_new_with_free_func((GDestroyNotify)chardev_free);
    machine_listen(m, mon_machine_event, h);
    return h;
}

void mon_host_free(MonHost *h)
{
    machine_unlisten(h->machine, mon_machine_event, h);
    mon_announce_end(h);
    migrate_send_free(h->migrate_send);
    if (h->balloon_watch) {
        loop_unwatch(h->machine, h->balloon_watch);
    }
    blk_host_end(h);
    while (h->monitors->len) {
        monitor_free(g_ptr_array_index(h->monitors, 0));
    }
    g_ptr_array_free(h->monitors, TRUE);
    for (unsigned i = 0; i < h->chardevs->len; i++) {
        machine_remove_backend(h->machine, "chardev",
                               chardev_id(g_ptr_array_index(h->chardevs, i)));
    }
    g_ptr_array_free(h->chardevs, TRUE);
    g_free(h->migrate_error);
    if (h->migrate_params) {
        g_hash_table_unref(h->migrate_params);
    }
    g_free(h);
}

void mon_set_autostart(MonHost *h, bool autostart)
{
    h->autostart = autostart;
}

Monitor *monitor_new(MonHost *h, Chardev *c, MonMode mode, GError **err)
{
    Monitor *mon = g_new0(Monitor, 1);
    bool ok;

    mon->host = h;
    mon->chardev = c;
    mon->mode = mode;
    g_ptr_array_add(h->monitors, mon);
    ok = mode == MON_HMP ? hmp_start(mon, err) : qmp_start(mon, err);
    if (!ok) {
        g_ptr_array_remove(h->monitors, mon);
        g_free(mon);
        return NULL;
    }
    return mon;
}

void monitor_free(Monitor *mon)
{
    chardev_detach(mon->chardev, mon);
    if (mon->mode == MON_HMP) {
        hmp_stop(mon);
    } else {
        qmp_stop(mon);
    }
    g_ptr_array_remove(mon->host->monitors, mon);
    g_free(mon);
}

void mon_emit(MonHost *h, const char *name, const char *data_json)
{
    for (unsigned i = 0; i < h->monitors->len; i++) {
        Monitor *mon = g_ptr_array_index(h->monitors, i);

        if (mon->qmp) {
            qmp_event(mon, name, data_json);
        }
    }
}

/* With what is done about it: -action panic=. */
static void mon_panicked(MonHost *h)
{
    MachineActions a = machine_actions(h->machine);
    bool pause =
        a.panic == PANIC_PAUSE || (a.panic == PANIC_SHUTDOWN && a.shutdown == SHUTDOWN_PAUSE);

    mon_emit(h, "GUEST_PANICKED",
             a.panic == PANIC_NONE ? "{\"action\": \"run\"}"
             : pause               ? "{\"action\": \"pause\"}"
                                   : "{\"action\": \"poweroff\"}");
}

/* @text: NAME, or NAME and its data. */
static void mon_device_event(MonHost *h, const char *text)
{
    const char *blank = strchr(text, ' ');
    g_autofree char *name = blank ? g_strndup(text, (gsize)(blank - text)) : g_strdup(text);

    if (!strcmp(name, BALLOON_CHANGE)) {
        mon_balloon_changed(h);
    } else {
        mon_emit(h, name, blank ? blank + 1 : NULL);
    }
}

static void mon_machine_event(void *opaque, const MachineEvent *e)
{
    MonHost *h = opaque;
    g_autofree char *cause =
        g_strdup_printf("{\"guest\": %s, \"reason\": \"%s\"}", e->guest ? "true" : "false",
                        shutdown_cause_name(e->cause));

    switch (e->kind) {
    case EVENT_STOP:
        mon_emit(h, "STOP", NULL);
        break;
    case EVENT_RESUME:
        mon_emit(h, "RESUME", NULL);
        break;
    case EVENT_RESET:
        mon_emit(h, "RESET", cause);
        break;
    case EVENT_SHUTDOWN:
        mon_emit(h, "SHUTDOWN", cause);
        break;
    case EVENT_POWERDOWN:
        mon_emit(h, "POWERDOWN", NULL);
        break;
    case EVENT_GUEST_PANICKED:
        mon_panicked(h);
        break;
    case EVENT_SUSPEND:
        mon_emit(h, "SUSPEND", NULL);
        break;
    case EVENT_BLOCK_IO_ERROR:
        mon_emit(h, "BLOCK_IO_ERROR", e->text);
        break;
    case EVENT_DEVICE:
        mon_device_event(h, e->text);
        break;
    case EVENT_TRAY_MOVED:
        mon_emit(h, "DEVICE_TRAY_MOVED", e->text);
        break;
    case EVENT_WAKEUP:
        mon_emit(h, "WAKEUP", NULL);
        break;
    default:
        break;
    }
}

unsigned mon_command_n_args(const MonCommand *c)
{
    unsigned n = 0;

    while (n < MON_MAX_ARGS && c->args[n].name) {
        n++;
    }
    return n;
}

bool mon_offers(const MonHost *h, const MonCommand *c)
{
    return c->name && c->qmp && (c->anywhere || !h->config.no_guest);
}

const MonCommand *mon_find_qmp(const MonHost *h, const char *name)
{
    for (unsigned i = 0; i < mon_n_commands; i++) {
        if (mon_offers(h, &mon_commands[i]) && !strcmp(mon_commands[i].name, name)) {
            return &mon_commands[i];
        }
    }
    return NULL;
}

/* @names as in a row: "print|p", "info status". */
bool mon_hmp_name_matches(const char *names, const char *word)
{
    size_t len = strlen(word);

    while (*names) {
        size_t n = strcspn(names, "|");

        if (n == len && !strncmp(names, word, n)) {
            return true;
        }
        names += n + (names[n] == '|');
    }
    return false;
}

const MonCommand *mon_find_hmp(const char *line, const char **rest)
{
    const char *p = line + strspn(line, " \t");
    /* "x/4i" and "p/x": the name ends at the slash, too. */
    size_t len = strcspn(p, " \t/");
    g_autofree char *word = g_strndup(p, len);

    p += len;
    p += strspn(p, " \t");
    if (!strcmp(word, "info") && *p) {
        size_t sub = strcspn(p, " \t");
        g_autofree char *two = g_strdup_printf("info %.*s", (int)sub, p);

        g_free(word);
        word = g_steal_pointer(&two);
        p += sub;
        p += strspn(p, " \t");
    }
    for (unsigned i = 0; i < mon_n_commands; i++) {
        if (mon_commands[i].hmp && mon_hmp_name_matches(mon_commands[i].hmp, word)) {
            *rest = p;
            return &mon_commands[i];
        }
    }
    return NULL;
}

char *mon_call_word(MonCall *c)
{
    GString *s;
    const char *p = c->line + strspn(c->line, " \t");
    bool quoted = false;

    if (!*p) {
        c->line = p;
        return NULL;
    }
    s = g_string_new("");
    for (; *p && (quoted || (*p != ' ' && *p != '\t')); p++) {
        if (*p == '"') {
            quoted = !quoted;
        } else if (*p == '\\' && quoted && p[1]) {
            g_string_append_c(s, *++p);
        } else {
            g_string_append_c(s, *p);
        }
    }
    c->line = p + strspn(p, " \t");
    return g_string_free(s, FALSE);
}

bool mon_call_flag(MonCall *c, char flag)
{
    const char *p = c->line;

    if (p[0] == '-' && p[1] == flag && (!p[2] || p[2] == ' ')) {
        c->line = p + 2 + strspn(p + 2, " \t");
        return true;
    }
    return false;
}

const char *mon_leaf(const MonValue *v, const char *path)
{
    return v->leaves ? g_hash_table_lookup(v->leaves, path) : NULL;
}

MonArgType mon_leaf_kind(const MonValue *v, const char *path)
{
    guint kind = v->kinds ? GPOINTER_TO_UINT(g_hash_table_lookup(v->kinds, path)) : 0;

    return kind ? (MonArgType)(kind - 1) : MON_ABSENT;
}

bool mon_run_options(MonHost *h, const char *command, const Options *o, GError **err)
{
    const MonCommand *cmd = mon_find_qmp(h, command);
    MonCall c = { .host = h, .m = h->machine, .cmd = cmd };
    bool ok;

    CHECK(cmd && cmd->open_args && !cmd->returns);
    c.args[0].present = true;
    c.args[0].leaves = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (unsigned i = 0; i < o->n; i++) {
        g_hash_table_replace(c.args[0].leaves, g_strdup(o->list[i].key),
                             g_strdup(o->list[i].value));
    }
    ok = cmd->qmp(&c, err);
    g_hash_table_unref(c.args[0].leaves);
    return ok;
}

char *mon_hmp_execute(MonHost *h, const char *line, int cpu_index)
{
    GString *out = g_string_new("");
    int cpu = cpu_index < 0 ? 0 : cpu_index;

    hmp_execute(h, NULL, line, &cpu, out);
    return g_string_free(out, FALSE);
}

char *mon_reference(void)
{
    GString *s = g_string_new("# Monitor commands\n\n## QMP\n\n");

    for (unsigned i = 0; i < mon_n_commands; i++) {
        const MonCommand *c = &mon_commands[i];

        if (!c->name) {
            continue;
        }
        g_string_append_printf(s, "- `%s`", c->name);
        for (unsigned k = 0; k < mon_command_n_args(c); k++) {
            g_string_append_printf(s, " %s`%s`%s", c->args[k].optional ? "[" : "", c->args[k].name,
                                   c->args[k].optional ? "]" : "");
        }
        g_string_append_printf(s, ": %s\n", c->doc);
    }
    g_string_append(s, "\n## HMP\n\n");
    for (unsigned i = 0; i < mon_n_commands; i++) {
        const MonCommand *c = &mon_commands[i];

        if (c->hmp) {
            g_string_append_printf(s, "- `%s%s%s`: %s\n", c->hmp, c->hmp_args ? " " : "",
                                   c->hmp_args ? c->hmp_args : "", c->doc);
        }
    }
    g_string_append(s, "\n## Events\n\n");
    for (unsigned i = 0; i < mon_n_events; i++) {
        g_string_append_printf(s, "- `%s`: %s\n", mon_events[i].name, mon_events[i].doc);
    }
    return g_string_free(s, FALSE);
}
