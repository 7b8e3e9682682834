/* SPDX-License-Identifier: Apache-2.0 */
/* Logs, trace events and the debugger's server at run time. */
#include "monitor/commands.h"

#include "util/log.h"

#include <string.h>

bool hmp_log(MonCall *c, GError **err)
{
    if (!*c->line || !strcmp(c->line, "help")) {
        g_autofree char *help = log_items_help();

        g_string_append(c->text, help);
        return true;
    }
    return log_set_items(machine_log(c->m), c->line, err);
}

bool hmp_logfile(MonCall *c, GError **err)
{
    g_autofree char *path = mon_call_word(c);

    if (!path) {
        return error_set(err, "filename expected");
    }
    return log_open(machine_log(c->m), path, err);
}

static void log_set_trace(MonCall *c, const char *pattern, bool on)
{
    g_autofree char *text = g_strconcat(on ? "" : "-", pattern, NULL);

    log_trace_pattern(machine_log(c->m), text);
}

bool hmp_trace_event(MonCall *c, GError **err)
{
    g_autofree char *name = mon_call_word(c);
    g_autofree char *state = mon_call_word(c);

    if (!name || !state || (strcmp(state, "on") && strcmp(state, "off"))) {
        return error_set(err, "write: trace-event name on|off");
    }
    log_set_trace(c, name, !strcmp(state, "on"));
    return true;
}

bool cmd_trace_event_set_state(MonCall *c, GError **err)
{
    log_set_trace(c, c->args[0].str, c->args[1].flag);
    return true;
}

bool hmp_gdbserver(MonCall *c, GError **err)
{
    g_autofree char *word = mon_call_word(c);
    const char *where = word ? word : "tcp::1234";

    if (!c->host->config.gdbserver) {
        return error_set(err, "there is no debugger's server here");
    }
    if (!c->host->config.gdbserver(c->host->config.opaque, where, err)) {
        return false;
    }
    g_string_append_printf(c->text, "Waiting for gdb connection on device '%s'\n", where);
    return true;
}
