/* SPDX-License-Identifier: Apache-2.0 */
/* `tinamou system ARCH OPTIONS`: from the command line to the end of the machine. */
#include "cli/system.h"

#include "cli/build.h"
#include "cli/confine.h"
#include "cli/daemon.h"
#include "core/event/loop.h"
#include "core/state/state.h"
#include "net/net.h"
#include "util/log.h"

#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct SystemRun {
    Build build;
    const char *prog;
    GSource *signals[3];
} SystemRun;

static const int system_signals[] = { SIGINT, SIGTERM, SIGHUP };

/* To people, with the heading of -msg. */
static void system_say(const SystemConfig *c, const char *prog, const char *kind, const char *text)
{
    g_autofree char *heading = log_heading(c->msg_time, c->msg_guest ? c->name : NULL);

    fprintf(stderr, "%s%s: %s%s\n", heading, prog, kind, text);
}

static gboolean system_signal(gpointer opaque)
{
    SystemRun *r = opaque;
    MachineActions a = machine_actions(r->build.m);

    a.shutdown = SHUTDOWN_POWEROFF; /* -no-shutdown is about the guest */
    machine_set_actions(r->build.m, a);
    system_say(r->build.config, r->prog, "", "terminating on a signal");
    machine_shutdown_request(r->build.m, CAUSE_HOST_SIGNAL);
    return G_SOURCE_CONTINUE;
}

static void system_watch_signals(SystemRun *r)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(system_signals); i++) {
        r->signals[i] = g_unix_signal_source_new(system_signals[i]);
        g_source_set_callback(r->signals[i], system_signal, r, NULL);
        g_source_attach(r->signals[i], loop_context(r->build.m));
    }
}

static void system_unwatch_signals(SystemRun *r)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(r->signals); i++) {
        if (r->signals[i]) {
            g_source_destroy(r->signals[i]);
            g_source_unref(r->signals[i]);
        }
    }
}

static void system_notes(const SystemConfig *c, const char *prog)
{
    for (unsigned i = 0; i < c->notes->len; i++) {
        system_say(c, prog, "note: ", g_ptr_array_index(c->notes, i));
    }
}

static bool system_show(const SystemConfig *c, const char *prog, GError **err)
{
    g_autofree char *text = build_list(c, prog, err);

    if (text) {
        fputs(text, stdout);
    }
    return text != NULL;
}

static bool system_run(SystemRun *r, const SystemConfig *c, int *status, GError **err)
{
    int daemon_fd = c->daemonize ? daemon_fork(err) : -1;
    const char *dtb;
    bool ok;

    if (*err) {
        return false;
    }
    confine_begin(c);
    ok = build_machine(&r->build, err);
    system_notes(c, r->prog);
    if (ok && (dtb = options_get(&r->build.machine_options, "dumpdtb"))) {
        printf("The device tree is in %s; the machine is not started.\n", dtb);
        *status = 0;
        return true;
    }
    if (ok && c->dump_vmstate) {
        g_autofree char *text = machine_state_tables(r->build.m, r->build.board->name);

        *status = 0;
        return g_file_set_contents(c->dump_vmstate, text, -1, err);
    }
    if (!ok || !build_run(&r->build, err) || !daemon_write_pid(c->pidfile, err)) {
        return false;
    }
    if (!confine(c, err) || !build_go(&r->build, err)) {
        if (c->pidfile) {
            unlink(c->pidfile);
        }
        return false;
    }
    system_watch_signals(r);
    daemon_ready(daemon_fd, false);
    *status = machine_run_main_loop(r->build.m);
    if (c->state_hash) {
        build_state_hash(&r->build);
    }
    system_unwatch_signals(r);
    if (c->pidfile) {
        unlink(c->pidfile);
    }
    return true;
}

/* Unless the machine has no card by itself. */
static bool system_default_net(SystemConfig *c, GError **err)
{
    g_autoptr(GError) unknown = NULL; /* said later */
    const Board *board = c->machine ? board_find(c->machine, &unknown) : board_default(c->arch);

    return !net_has_user() || (board && board->no_default_net) || config_default_net(c, err);
}

int system_main(const char *prog, const char *arch, int argc, char **argv)
{
    SystemRun r = { .prog = prog };
    GError *err = NULL;
    SystemConfig c;
    int status = 1;

    signal(SIGPIPE, SIG_IGN);
    config_init(&c, arch);
    build_init(&r.build, &c);
    if (config_parse(&c, argc, argv, &err)) {
        if (c.show != SHOW_NOTHING) {
            status = system_show(&c, prog, &err) ? 0 : 1;
        } else if (system_default_net(&c, &err) && config_publish(&c, &err)) {
            system_run(&r, &c, &status, &err);
        }
    }
    build_deinit(&r.build);
    if (err) {
        system_say(&c, prog, "", err->message);
        g_clear_error(&err);
        status = 1;
    }
    config_deinit(&c);
    return status;
}
