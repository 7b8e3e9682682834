/* SPDX-License-Identifier: Apache-2.0 */
/* Run control, and what the machine is. */
#include "monitor/commands.h"

#include "accel/accel.h"

#include <string.h>

bool cmd_stop(MonCall *c, GError **err)
{
    if (machine_run_state(c->m) == RUN_INMIGRATE) {
        c->host->autostart = false;
        return true;
    }
    machine_pause(c->m, RUN_PAUSED);
    return true;
}

bool cmd_cont(MonCall *c, GError **err)
{
    if (machine_run_state(c->m) == RUN_INMIGRATE) {
        c->host->autostart = true; /* runs when the state is there */
        return true;
    }
    if (machine_is_running(c->m)) {
        return true;
    }
    return machine_resume(c->m, err);
}

bool cmd_quit(MonCall *c, GError **err)
{
    MachineActions a = machine_actions(c->m);

    if (c->host->config.no_guest) {
        machine_quit(c->m, 0);
        return true;
    }
    a.shutdown = SHUTDOWN_POWEROFF; /* -no-shutdown is about the guest */
    machine_set_actions(c->m, a);
    machine_shutdown_request(c->m, CAUSE_HOST_QMP_QUIT);
    return true;
}

bool cmd_reset(MonCall *c, GError **err)
{
    machine_reset_request(c->m, CAUSE_HOST_QMP_SYSTEM_RESET);
    return true;
}

bool cmd_powerdown(MonCall *c, GError **err)
{
    machine_powerdown_request(c->m);
    return true;
}

bool cmd_wakeup(MonCall *c, GError **err)
{
    if (!machine_can_suspend(c->m)) {
        return error_set(err, "wake-up from suspend is not supported by this guest");
    }
    if (machine_run_state(c->m) != RUN_SUSPENDED) {
        return error_set(err, "Unable to wake up: guest is not in suspended state");
    }
    machine_wakeup_request(c->m, WAKE_OTHER);
    return true;
}

bool cmd_query_status(MonCall *c, GError **err)
{
    json_out_begin(c->out, NULL, '{');
    json_out_str(c->out, "status", run_state_name(machine_run_state(c->m)));
    json_out_bool(c->out, "singlestep", false);
    json_out_bool(c->out, "running", machine_is_running(c->m));
    json_out_end(c->out, '}');
    return true;
}

bool hmp_status(MonCall *c, GError **err)
{
    RunState s = machine_run_state(c->m);
    bool runs = machine_is_running(c->m);

    g_string_append_printf(c->text, "VM status: %s", runs ? "running" : "paused");
    if (!runs && s != RUN_PAUSED) {
        g_string_append_printf(c->text, " (%s)", run_state_name(s));
    }
    g_string_append_c(c->text, '\n');
    return true;
}

bool cmd_query_version(MonCall *c, GError **err)
{
    mon_version_json(c->out, NULL);
    return true;
}

void mon_version_json(JsonOut *out, const char *key)
{
    json_out_begin(out, key, '{');
    json_out_begin(out, "qemu", '{');
    json_out_int(out, "micro", MON_QEMU_MICRO);
    json_out_int(out, "minor", MON_QEMU_MINOR);
    json_out_int(out, "major", MON_QEMU_MAJOR);
    json_out_end(out, '}');
    json_out_str(out, "package", "tinamou " TINAMOU_VERSION);
    json_out_end(out, '}');
}

bool hmp_version(MonCall *c, GError **err)
{
    g_string_append_printf(c->text, "tinamou " TINAMOU_VERSION " (as QEMU %d.%d.%d)\n",
                           MON_QEMU_MAJOR, MON_QEMU_MINOR, MON_QEMU_MICRO);
    return true;
}

bool cmd_query_name(MonCall *c, GError **err)
{
    const char *name = machine_name(c->m);

    json_out_begin(c->out, NULL, '{');
    if (name && *name) {
        json_out_str(c->out, "name", name);
    }
    json_out_end(c->out, '}');
    return true;
}

bool hmp_name(MonCall *c, GError **err)
{
    const char *name = machine_name(c->m);

    if (name && *name) {
        g_string_append_printf(c->text, "%s\n", name);
    }
    return true;
}

static const char *cmd_uuid_text(MonCall *c)
{
    return c->host->config.uuid ? c->host->config.uuid : "00000000-0000-0000-0000-000000000000";
}

bool cmd_query_uuid(MonCall *c, GError **err)
{
    json_out_begin(c->out, NULL, '{');
    json_out_str(c->out, "UUID", cmd_uuid_text(c));
    json_out_end(c->out, '}');
    return true;
}

bool hmp_uuid(MonCall *c, GError **err)
{
    g_string_append_printf(c->text, "%s\n", cmd_uuid_text(c));
    return true;
}

static bool cmd_kvm_is_on(MonCall *c)
{
    const Accel *a = machine_accel(c->m);

    return a && !strcmp(a->name, "kvm");
}

static bool cmd_has_kvm(void)
{
    for (const Accel *const *a = accel_types; *a; a++) {
        if (!strcmp((*a)->name, "kvm")) {
            return true;
        }
    }
    return false;
}

bool cmd_query_kvm(MonCall *c, GError **err)
{
    json_out_begin(c->out, NULL, '{');
    json_out_bool(c->out, "enabled", cmd_kvm_is_on(c));
    json_out_bool(c->out, "present", cmd_has_kvm());
    json_out_end(c->out, '}');
    return true;
}

bool hmp_kvm(MonCall *c, GError **err)
{
    g_string_append_printf(c->text, "kvm support: %s\n", cmd_kvm_is_on(c) ? "enabled" : "disabled");
    return true;
}

bool cmd_query_target(MonCall *c, GError **err)
{
    json_out_begin(c->out, NULL, '{');
    json_out_str(c->out, "arch", c->host->config.arch);
    json_out_end(c->out, '}');
    return true;
}
