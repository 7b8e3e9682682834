/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that has disk images and no guest. Its machine is never started: it lends its loop,
 * the names of character devices, and the block graph.
 */
#include "cli/storage.h"

#include "block/block.h"
#include "block/export/exports.h"
#include "chardev/chardev.h"
#include "cli/block-object.h"
#include "cli/chardev-tls.h"
#include "cli/daemon.h"
#include "core/event/loop.h"
#include "monitor/monitor.h"

#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct Storage {
    const char *prog;
    Machine *m;
    MonHost *monitors;
    BlockGraph *graph;
    GPtrArray *chardevs; /* of Chardev */
    GSource *signals[3];
} Storage;

static const int storage_signals[] = { SIGINT, SIGTERM, SIGHUP };

/* ---- Steps ---- */

static bool storage_chardev(Storage *s, Options *o, GError **err)
{
    Chardev *c = chardev_new_options(s->m, o, NULL, err);

    if (c && !machine_add_backend(s->m, "chardev", chardev_id(c), c, err)) {
        chardev_free(c);
        return false;
    }
    if (c) {
        g_ptr_array_add(s->chardevs, c);
    }
    return c != NULL;
}

static bool storage_monitor(Storage *s, Options *o, GError **err)
{
    const char *id = options_get(o, "chardev"), *mode = options_get(o, "mode");
    Chardev *c = id ? machine_find_backend(s->m, "chardev", id) : NULL;
    bool pretty;

    if (!options_get_bool(o, "pretty", false, &pretty, err)) {
        g_clear_error(err);
        return error_set(err, "Parameter 'pretty' expects 'on' or 'off'");
    }
    options_get(o, "id");
    for (unsigned i = 0; i < o->n; i++) {
        if (!o->list[i].used) {
            return error_set(err, "Parameter '%s' is unexpected", o->list[i].key);
        }
    }
    if (mode && strcmp(mode, "control")) {
        return error_set(err, "Only QMP is supported");
    }
    if (!c) {
        return error_set(err, "chardev \"%s\" not found", id ? id : "");
    }
    return monitor_new(s->monitors, c, pretty ? MON_QMP_PRETTY : MON_QMP, err) != NULL;
}

typedef struct StorageCall {
    Storage *s;
    Options *o;
    StorageStepKind kind;
    GError *err;
    bool ok;
} StorageCall;

static void storage_in_fiber(void *arg)
{
    StorageCall *c = arg;
    BlockExports *x = block_exports(c->s->graph);

    c->ok = c->kind == STORAGE_EXPORT ? block_export_add(x, c->o, &c->err)
                                      : block_exports_nbd_options(x, c->o, true, &c->err);
}

static bool storage_export(Storage *s, StorageStepKind kind, Options *o, GError **err)
{
    StorageCall c = { .s = s, .o = o, .kind = kind };

    block_graph_run(s->graph, storage_in_fiber, &c);
    if (!c.ok) {
        g_propagate_error(err, c.err);
    }
    return c.ok;
}

static bool storage_step(Storage *s, const StorageStep *step, GError **err)
{
    static const char *const first_keys[] = {
        [STORAGE_BLOCKDEV] = "driver", [STORAGE_CHARDEV] = "backend", [STORAGE_EXPORT] = "type",
        [STORAGE_MONITOR] = "chardev", [STORAGE_OBJECT] = "qom-type",
    };
    const char *first = step->kind == STORAGE_NBD_SERVER ? NULL : first_keys[step->kind];
    Options o = { 0 };
    bool ok = *step->text == '{' ? options_parse_json(&o, step->text, err)
                                 : options_parse(&o, step->text, first, err);

    switch (ok ? step->kind : STORAGE_TRACE) {
    case STORAGE_BLOCKDEV:
        ok = mon_run_options(s->monitors, "blockdev-add", &o, err);
        break;
    case STORAGE_OBJECT:
        ok = mon_run_options(s->monitors, "object-add", &o, err);
        break;
    case STORAGE_CHARDEV:
        ok = storage_chardev(s, &o, err);
        break;
    case STORAGE_MONITOR:
        ok = storage_monitor(s, &o, err);
        break;
    case STORAGE_EXPORT:
    case STORAGE_NBD_SERVER:
        ok = storage_export(s, step->kind, &o, err);
        break;
    case STORAGE_TRACE:
        break;
    }
    options_deinit(&o);
    if (!ok) {
        g_prefix_error(err, "--%s %s: ", step->option, step->text);
    }
    return ok;
}

/* "--object help": true where there is one. */
static bool storage_lists(const StorageArgs *a)
{
    for (unsigned i = 0; i < a->steps->len; i++) {
        const StorageStep *s = &g_array_index(a->steps, StorageStep, i);

        if (s->kind == STORAGE_OBJECT && block_object_help(s->text)) {
            return true;
        }
        if (s->kind == STORAGE_CHARDEV && !strcmp(s->text, "help")) {
            g_autofree char *text = chardev_help();

            fputs(text, stdout);
            return true;
        }
    }
    return false;
}

/* ---- Running ---- */

static gboolean storage_signal(gpointer opaque)
{
    Storage *s = opaque;

    machine_quit(s->m, 0);
    return G_SOURCE_CONTINUE;
}

static void storage_watch_signals(Storage *s)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(storage_signals); i++) {
        s->signals[i] = g_unix_signal_source_new(storage_signals[i]);
        g_source_set_callback(s->signals[i], storage_signal, s, NULL);
        g_source_attach(s->signals[i], loop_context(s->m));
    }
}

static bool storage_init(Storage *s, GError **err)
{
    static const MonHostConfig config = { .no_guest = true };

    s->chardevs = g_ptr_array_new_with_free_func((GDestroyNotify)chardev_free);
    s->m = machine_new(err);
    if (!s->m || !chardev_tls_offer(s->m, err)) {
        return false;
    }
    s->monitors = mon_host_new(s->m, &config);
    s->graph = block_machine_graph(s->m, err);
    return s->graph && mon_watch_disks(s->monitors, err);
}

/* Exports and jobs end first, while there are monitors that tell of it. */
static void storage_deinit(Storage *s)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(s->signals); i++) {
        if (s->signals[i]) {
            g_source_destroy(s->signals[i]);
            g_source_unref(s->signals[i]);
        }
    }
    if (s->monitors) {
        mon_host_free(s->monitors);
    }
    for (unsigned i = 0; i < s->chardevs->len; i++) {
        chardev_close(g_ptr_array_index(s->chardevs, i));
    }
    if (s->m) {
        machine_free(s->m);
    }
    g_ptr_array_free(s->chardevs, TRUE);
}

static bool storage_run(Storage *s, const StorageArgs *a, int *status, GError **err)
{
    int daemon_fd = a->daemonize ? daemon_fork(err) : -1;
    bool ok;

    if (*err) {
        return false;
    }
    ok = storage_init(s, err);
    if (ok) {
        storage_watch_signals(s);
    }
    for (unsigned i = 0; ok && i < a->steps->len; i++) {
        ok = storage_step(s, &g_array_index(a->steps, StorageStep, i), err);
    }
    ok = ok && daemon_write_pid(a->pidfile, err);
    if (ok) {
        daemon_ready(daemon_fd, false);
        *status = machine_run_main_loop(s->m);
        if (a->pidfile) {
            unlink(a->pidfile);
        }
    }
    storage_deinit(s);
    return ok;
}

int storage_main(const char *prog, int argc, char **argv)
{
    Storage s = { .prog = prog };
    GError *err = NULL;
    StorageArgs a;
    int status = 1;

    signal(SIGPIPE, SIG_IGN);
    if (storage_args_parse(&a, argc, argv, &err)) {
        if (a.show == STORAGE_HELP) {
            g_autofree char *text = storage_help(prog);

            fputs(text, stdout);
            status = 0;
        } else if (a.show == STORAGE_VERSION) {
            puts("tinamou storage " TINAMOU_VERSION);
            status = 0;
        } else if (storage_lists(&a)) {
            status = 0;
        } else {
            storage_run(&s, &a, &status, &err);
        }
    }
    if (err) {
        fprintf(stderr, "%s: %s\n", prog, err->message);
        g_clear_error(&err);
        status = 1;
    }
    storage_args_deinit(&a);
    return status;
}
