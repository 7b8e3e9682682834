/* SPDX-License-Identifier: Apache-2.0 */
/* `tinamou system ARCH OPTIONS`: from the command line to the end of the machine. */
#include "cli/system.h"

#include "cli/build.h"
#include "core/event/loop.h"

#include <errno.h>
#include <fcntl.h>
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

static gboolean system_signal(gpointer opaque)
{
    SystemRun *r = opaque;
    MachineActions a = machine_actions(r->build.m);

    a.shutdown = SHUTDOWN_POWEROFF; /* -no-shutdown is about the guest */
    machine_set_actions(r->build.m, a);
    fprintf(stderr, "%s: terminating on a signal\n", r->prog);
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

/*
 * The parent of a daemon waits for the child's word: a byte, the exit status. Returns the
 * descriptor to write it to in the child, -1 where there is no parent; does not return in the
 * parent.
 */
static int system_daemonize(const SystemConfig *c, GError **err)
{
    unsigned char status = 1;
    int fds[2];
    pid_t pid;

    if (!c->daemonize) {
        return -1;
    }
    if (pipe2(fds, O_CLOEXEC) || (pid = fork()) < 0) {
        error_set(err, "-daemonize: %s", g_strerror(errno));
        return -1;
    }
    if (pid) {
        close(fds[1]);
        _exit(read(fds[0], &status, 1) == 1 ? status : 1);
    }
    close(fds[0]);
    setsid();
    return fds[1];
}

static void system_daemon_ready(int fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    unsigned char ok = 0;

    if (fd < 0) {
        return;
    }
    for (int i = 0; i < 3 && null >= 0; i++) {
        dup2(null, i);
    }
    if (null > 2) {
        close(null);
    }
    if (write(fd, &ok, 1) != 1) {
        _exit(1);
    }
    close(fd);
}

static bool system_write_pid(const char *path, GError **err)
{
    g_autofree char *text = g_strdup_printf("%ld\n", (long)getpid());

    if (!path || g_file_set_contents(path, text, -1, err)) {
        return true;
    }
    g_prefix_error(err, "-pidfile %s: ", path);
    return false;
}

static void system_notes(const SystemConfig *c, const char *prog)
{
    for (unsigned i = 0; i < c->notes->len; i++) {
        fprintf(stderr, "%s: note: %s\n", prog, (char *)g_ptr_array_index(c->notes, i));
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
    int daemon_fd = system_daemonize(c, err);
    const char *dtb;
    bool ok;

    if (*err) {
        return false;
    }
    ok = build_machine(&r->build, err);
    system_notes(c, r->prog);
    if (ok && (dtb = options_get(&r->build.machine_options, "dumpdtb"))) {
        printf("The device tree is in %s; the machine is not started.\n", dtb);
        *status = 0;
        return true;
    }
    if (!ok || !build_run(&r->build, err) || !system_write_pid(c->pidfile, err)) {
        return false;
    }
    system_watch_signals(r);
    system_daemon_ready(daemon_fd);
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
        } else {
            system_run(&r, &c, &status, &err);
        }
    }
    build_deinit(&r.build);
    if (err) {
        fprintf(stderr, "%s: %s\n", prog, err->message);
        g_clear_error(&err);
        status = 1;
    }
    config_deinit(&c);
    return status;
}
