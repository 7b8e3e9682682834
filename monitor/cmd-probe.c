/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What managers ask to learn what there is: features that a machine has or has not, and what is
 * done at a reset, a shutdown, a panic.
 */
#include "chardev/chardev.h"
#include "core/machine.h"
#include "monitor/commands.h"

#include <string.h>

/* There is nothing of the kind. */
bool cmd_query_nothing(MonCall *c, GError **err)
{
    json_out_begin(c->out, NULL, '[');
    json_out_end(c->out, ']');
    return true;
}

bool cmd_query_current_machine(MonCall *c, GError **err)
{
    json_out_begin(c->out, NULL, '{');
    json_out_bool(c->out, "wakeup-suspend-support", machine_can_suspend(c->m));
    json_out_end(c->out, '}');
    return true;
}

/* The models of interrupt controller that ARM machines may have; KVM runs no ARM guest yet. */
bool cmd_query_gic(MonCall *c, GError **err)
{
    if (strcmp(c->host->config.arch, "aarch64")) {
        c->error_class = "CommandNotFound";
        return error_set(err, "a machine of %s has no GIC", c->host->config.arch);
    }
    json_out_begin(c->out, NULL, '[');
    for (int version = 2; version <= 3; version++) {
        json_out_begin(c->out, NULL, '{');
        json_out_bool(c->out, "emulated", true);
        json_out_int(c->out, "version", version);
        json_out_bool(c->out, "kernel", false);
        json_out_end(c->out, '}');
    }
    json_out_end(c->out, ']');
    return true;
}

bool cmd_query_hotpluggable_cpus(MonCall *c, GError **err)
{
    return error_set(err, "machine does not support hot-plugging CPUs");
}

bool cmd_query_sev(MonCall *c, GError **err)
{
    return error_set(err, "SEV is not available: guests' memory is not encrypted");
}

bool cmd_query_sgx(MonCall *c, GError **err)
{
    return error_set(err, "No SGX device: there are no enclaves");
}

/* "Available character devices:", a kind a line. */
bool cmd_query_chardev_backends(MonCall *c, GError **err)
{
    g_autofree char *text = chardev_help();
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    json_out_begin(c->out, NULL, '[');
    for (unsigned i = 0; lines[i]; i++) {
        g_auto(GStrv) words = g_strsplit(g_strstrip(lines[i]), " ", 2);

        if (!words[0] || !*words[0] || g_str_has_suffix(lines[i], ":")) {
            continue;
        }
        json_out_begin(c->out, NULL, '{');
        json_out_str(c->out, "name", words[0]);
        json_out_end(c->out, '}');
    }
    json_out_end(c->out, ']');
    return true;
}

/* ---- set-action ---- */

static bool probe_action(MonCall *c, unsigned arg, const char *name, const char *const *values,
                         unsigned *out, GError **err)
{
    if (!c->args[arg].present) {
        return true;
    }
    for (unsigned i = 0; values[i]; i++) {
        if (!strcmp(values[i], c->args[arg].str)) {
            *out = i;
            return true;
        }
    }
    return error_set(err, "Parameter '%s' does not accept value '%s'", name, c->args[arg].str);
}

bool cmd_set_action(MonCall *c, GError **err)
{
    static const char *const reboots[] = { "reset", "shutdown", NULL };
    static const char *const shutdowns[] = { "poweroff", "pause", NULL };
    static const char *const panics[] = { "shutdown", "pause", "none", "exit-failure", NULL };
    static const char *const watchdogs[] = { "reset", "shutdown", "poweroff",   "pause",
                                             "debug", "none",     "inject-nmi", NULL };
    MachineActions a = machine_actions(c->m);
    unsigned reboot = a.reboot, shutdown = a.shutdown, panic = a.panic, watchdog = 0;

    if (!probe_action(c, 0, "reboot", reboots, &reboot, err) ||
        !probe_action(c, 1, "shutdown", shutdowns, &shutdown, err) ||
        !probe_action(c, 2, "panic", panics, &panic, err) ||
        !probe_action(c, 3, "watchdog", watchdogs, &watchdog, err)) { /* no machine has one yet */
        return false;
    }
    a.reboot = reboot;
    a.shutdown = shutdown;
    a.panic = panic;
    machine_set_actions(c->m, a);
    return true;
}
