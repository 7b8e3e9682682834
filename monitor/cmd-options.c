/* SPDX-License-Identifier: Apache-2.0 */
/* query-command-line-options: options with parameters, as managers look for them. */
#include "monitor/commands.h"

#include <string.h>

/* NAME:TYPE, blanks between: s string, b boolean, n number, z size. */
static const struct {
    const char *option, *parameters;
} options_known[] = {
    { "machine", "type:s accel:s kernel:s initrd:s append:s acpi:s usb:b hpet:b smm:s vmport:s "
                 "memory-backend:s pflash0:s pflash1:s x-oem-id:s x-oem-table-id:s gic-version:s "
                 "virtualization:b secure:b its:b highmem:b rtc:s pcie:s isa-serial:b "
                 "auto-kernel-cmdline:b kernel-irqchip:s" },
    { "smp-opts", "cpus:n sockets:n dies:n clusters:n cores:n threads:n maxcpus:n" },
    { "boot-opts", "order:s once:s menu:b splash:s splash-time:n reboot-timeout:n strict:b" },
    { "memory", "size:z slots:n maxmem:z" },
    { "accel", "accel:s" },
    { "action", "reboot:s shutdown:s panic:s watchdog:s" },
    { "smbios", "" },
    { "acpi", "" },
    { "fw_cfg", "name:s file:s string:s gen_id:s" },
    { "icount", "shift:s align:b sleep:b" },
    { "numa", "" },
    { "name", "guest:s process:s debug-threads:b" },
    { "msg", "timestamp:b guest-name:b" },
    { "object", "" },
    { "overcommit", "mem-lock:b cpu-pm:b" },
    { "trace", "enable:s file:s" },
    { "sandbox", "enable:b obsolete:s elevateprivileges:s spawn:s resourcecontrol:s" },
    { "add-fd", "fd:n set:n opaque:s" },
    { "option-rom", "bootindex:n romfile:s" },
    { "mon", "mode:s chardev:s pretty:b" },
    { "global", "driver:s property:s value:s" },
    { "rtc", "base:s clock:s driftfix:s" },
    { "netdev", "" },
    { "nic", "" },
    { "net", "" },
    { "device", "" },
    { "fsdev", "fsdriver:s path:s security_model:s readonly:b multidevs:s fmode:n dmode:n" },
    { "virtfs", "fsdriver:s path:s mount_tag:s security_model:s readonly:b multidevs:s" },
    { "chardev", "backend:s path:s host:s port:s fd:s to:n ipv4:b ipv6:b wait:b server:b "
                 "reconnect:n telnet:b mux:b signal:b size:z chardev:s append:b logfile:s "
                 "logappend:b" },
    { "drive", "bus:n unit:n if:s index:n media:s snapshot:b cache:s format:s file:s id:s "
               "werror:s rerror:s aio:s discard:s readonly:b throttling.bps-total:n "
               "throttling.iops-total:n detect-zeroes:s copy-on-read:b" },
};

static void options_parameters(JsonOut *j, const char *p)
{
    json_out_begin(j, "parameters", '[');
    while (*p) {
        size_t n = strcspn(p, ":");
        g_autofree char *name = g_strndup(p, n);
        char t = p[n + 1];

        json_out_begin(j, NULL, '{');
        json_out_str(j, "name", name);
        json_out_str(j, "type",
                     t == 'b'   ? "boolean"
                     : t == 'n' ? "number"
                     : t == 'z' ? "size"
                                : "string");
        json_out_end(j, '}');
        p += n + 2;
        p += strspn(p, " ");
    }
    json_out_end(j, ']');
}

bool cmd_query_options(MonCall *c, GError **err)
{
    const char *only = c->args[0].present ? c->args[0].str : NULL;
    bool found = !only;

    for (size_t i = 0; only && i < G_N_ELEMENTS(options_known); i++) {
        found = found || !strcmp(only, options_known[i].option);
    }
    if (!found) {
        return error_set(err, "invalid option name: %s", only);
    }
    json_out_begin(c->out, NULL, '[');
    for (size_t i = 0; i < G_N_ELEMENTS(options_known); i++) {
        if (!only || !strcmp(only, options_known[i].option)) {
            json_out_begin(c->out, NULL, '{');
            options_parameters(c->out, options_known[i].parameters);
            json_out_str(c->out, "option", options_known[i].option);
            json_out_end(c->out, '}');
        }
    }
    json_out_end(c->out, ']');
    return true;
}
