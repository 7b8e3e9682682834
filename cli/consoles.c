/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where serial ports, monitors and the debugger go. Several of them may want the terminal: then
 * they share it through a mux, as -nographic does.
 */
#include "cli/build.h"

#include "util/options.h"

#include <stdio.h>
#include <string.h>

/* "stdio" and "mon:stdio", with or without options. */
static bool console_is_stdio(const char *text)
{
    text = g_str_has_prefix(text, "mon:") ? text + 4 : text;
    return !strcmp(text, "stdio") || g_str_has_prefix(text, "stdio,");
}

static void console_note(Build *b, const char *text)
{
    g_ptr_array_add(b->config->notes, g_strdup(text));
}

static void console_quit(void *opaque)
{
    Build *b = opaque;
    MachineActions a = machine_actions(b->m);

    a.shutdown = SHUTDOWN_POWEROFF; /* -no-shutdown is about the guest */
    machine_set_actions(b->m, a);
    machine_shutdown_request(b->m, CAUSE_HOST_UI);
}

static Chardev *console_add(Build *b, const char *id, Chardev *take_c, GError **err)
{
    if (!take_c) {
        return NULL;
    }
    if (!machine_add_backend(b->m, "chardev", id, take_c, err)) {
        chardev_free(take_c);
        return NULL;
    }
    chardev_mux_on_quit(take_c, console_quit, b);
    if (b->config->escape) {
        chardev_mux_set_key(take_c, b->config->escape);
    }
    g_ptr_array_add(b->chardevs, take_c);
    if (g_str_has_prefix(chardev_where(take_c), "pty:")) { /* the words that scripts look for */
        printf("char device redirected to %s (label %s)\n", chardev_where(take_c) + 4, id);
        fflush(stdout);
    }
    return take_c;
}

/* The terminal's: made once; every later user shares it. */
static Chardev *console_stdio(Build *b, const char *id, GError **err)
{
    Chardev *c;

    if (b->stdio && !b->stdio_is_mux) {
        error_set(err,
                  "the terminal is in use already by '%s'; only serial ports and human "
                  "monitors can share it",
                  chardev_id(b->stdio));
        return NULL;
    }
    if (b->stdio) {
        return b->stdio;
    }
    c = chardev_new(b->m, id, "stdio,signal=off", err);
    b->stdio = c ? console_add(b, id, chardev_new_mux(b->m, id, c), err) : NULL;
    b->stdio_is_mux = true;
    return b->stdio;
}

/* A backend by the text of -serial, -monitor, -qmp, -gdb. *out NULL: "none". */
static bool console_open(Build *b, const char *id, const char *text, bool shared, Chardev **out,
                         GError **err)
{
    *out = NULL;
    if (!strcmp(text, "none")) {
        return true;
    }
    if (g_str_has_prefix(text, "chardev:")) {
        *out = machine_find_backend(b->m, "chardev", text + 8);
        return *out || error_set(err, "there is no -chardev with id=%s", text + 8);
    }
    if (console_is_stdio(text) && shared) {
        *out = console_stdio(b, id, err);
        return *out != NULL;
    }
    if (console_is_stdio(text)) {
        if (b->stdio) {
            return error_set(err, "the terminal is in use already by '%s'", chardev_id(b->stdio));
        }
        *out = b->stdio = console_add(b, id, chardev_new(b->m, id, text, err), err);
        return *out != NULL;
    }
    *out = console_add(b, id, chardev_new(b->m, id, text, err), err);
    return *out != NULL;
}

/* -chardev KIND,id=ID,... */
static bool console_chardev(Build *b, const char *text, GError **err)
{
    bool is_stdio, mux, ok = false;
    Chardev *c;
    Options o;

    if (!options_parse(&o, text, "backend", err)) {
        return false;
    }
    is_stdio = options_get(&o, "backend") && console_is_stdio(options_get(&o, "backend"));
    if (is_stdio && b->stdio) {
        error_set(err, "the terminal is in use already by '%s'", chardev_id(b->stdio));
    } else {
        c = chardev_new_options(b->m, &o, &mux, err);
        if (c && is_stdio) {
            b->stdio = c;
            b->stdio_is_mux = mux;
        }
        ok = c && console_add(b, options_get(&o, "id"), c, err);
    }
    options_deinit(&o);
    return ok;
}

static unsigned console_count_stdio(const GPtrArray *texts)
{
    unsigned n = 0;

    for (unsigned i = 0; i < texts->len; i++) {
        n += console_is_stdio(g_ptr_array_index(texts, i));
    }
    return n;
}

/* Does a -chardev, -mon, -qmp or -gdb of the user's take the place of a default monitor? */
static bool console_wants_default(const SystemConfig *c, bool monitor)
{
    if (c->nodefaults) {
        return false;
    }
    return monitor ? !c->monitors->len && !c->mons->len && !c->qmps->len && !c->qmps_pretty->len
                   : !c->serials->len;
}

/* What -nographic, or the absence of a display, adds to what was asked for. */
static void console_defaults(Build *b)
{
    const SystemConfig *c = b->config;
    bool serial = console_wants_default(c, false), monitor = console_wants_default(c, true);
    bool stdio_taken = console_count_stdio(c->chardevs) || console_count_stdio(c->qmps) ||
                       console_count_stdio(c->qmps_pretty) || console_count_stdio(c->gdbs);

    if (stdio_taken || (c->display && !c->nographic)) {
        return;
    }
    if (!c->nographic && serial && monitor) {
        console_note(b, "there is no graphical display yet: serial port and monitor share this "
                        "terminal (Ctrl-A H helps; -display none leaves it alone)");
    } else if (!c->nographic) {
        return;
    }
    if (serial) {
        g_ptr_array_add(c->serials, g_strdup("stdio"));
    }
    if (monitor) {
        g_ptr_array_add(c->monitors, g_strdup("stdio"));
    }
}

static bool build_parallels(Build *b, GError **err)
{
    const GPtrArray *list = b->config->parallels;

    for (unsigned i = 0; i < list->len; i++) {
        const char *text = g_ptr_array_index(list, i);
        g_autofree char *id = g_strdup_printf("parallel%u", i);
        Chardev *port = NULL;

        if (strcmp(text, "none") && i >= b->board->max_parallels) {
            return error_set(err, "-parallel %s: machine %s has %u printer ports; valid: none",
                             text, b->board->name, b->board->max_parallels);
        }
        if (!console_open(b, id, text, false, &port, err)) {
            g_prefix_error(err, "-parallel %s: ", text);
            return false;
        }
        g_array_append_val(b->parallels, port);
    }
    return true;
}

static bool build_debugcon(Build *b, GError **err)
{
    const char *text = b->config->debugcon;
    Chardev *port = NULL;

    if (text && !console_open(b, "debugcon", text, false, &port, err)) {
        g_prefix_error(err, "-debugcon %s: ", text);
        return false;
    }
    if (port) {
        g_ptr_array_add(b->config->devices,
                        g_strdup_printf("isa-debugcon,chardev=%s", chardev_id(port)));
    }
    return true;
}

bool build_consoles(Build *b, GError **err)
{
    const SystemConfig *c = b->config;
    unsigned asked = console_count_stdio(c->serials) + console_count_stdio(c->monitors);
    bool shared;

    if (asked > 1 && !c->nographic) {
        console_note(b, "several ask for the terminal: they share it, Ctrl-A C switches between "
                        "them (Ctrl-A H helps)");
    }
    for (unsigned i = 0; i < c->chardevs->len; i++) {
        const char *text = g_ptr_array_index(c->chardevs, i);

        if (!console_chardev(b, text, err)) {
            g_prefix_error(err, "-chardev %s: ", text);
            return false;
        }
    }
    console_defaults(b);
    shared = c->nographic || console_count_stdio(c->serials) + console_count_stdio(c->monitors) > 1;
    for (unsigned i = 0; i < c->serials->len; i++) {
        const char *text = g_ptr_array_index(c->serials, i);
        g_autofree char *id = g_strdup_printf("serial%u", i);
        Chardev *port;

        if (!console_open(b, id, text, shared || g_str_has_prefix(text, "mon:stdio"), &port, err)) {
            g_prefix_error(err, "-serial %s: ", text);
            return false;
        }
        g_array_append_val(b->serials, port);
    }
    return build_parallels(b, err) && build_debugcon(b, err);
}

static bool console_monitor(Build *b, const char *option, const char *text, unsigned n,
                            MonMode mode, GError **err)
{
    g_autofree char *id = g_strdup_printf("compat_monitor%u", n);
    bool shared = mode == MON_HMP && b->stdio;
    Chardev *c;

    if (console_open(b, id, text, shared || (mode == MON_HMP && b->config->nographic), &c, err) &&
        (!c || monitor_new(b->monitors, c, mode, err))) {
        return true;
    }
    g_prefix_error(err, "%s %s: ", option, text);
    return false;
}

static bool console_mon(Build *b, const char *text, GError **err)
{
    static const char *const valid[] = { "chardev", "mode", "pretty", "id" };
    const char *id, *mode;
    bool pretty, ok = false;
    Chardev *c;
    Options o;

    if (!options_parse(&o, text, "chardev", err)) {
        return false;
    }
    id = options_get(&o, "chardev");
    mode = options_get(&o, "mode");
    (void)options_get(&o, "id"); /* a name for -set alone */
    c = id ? machine_find_backend(b->m, "chardev", id) : NULL;
    if (!options_get_bool(&o, "pretty", false, &pretty, err) ||
        !options_all_used(&o, valid, G_N_ELEMENTS(valid), err)) {
        ok = false;
    } else if (!c) {
        error_set(err, "there is no -chardev with id=%s", id ? id : "");
    } else if (mode && strcmp(mode, "readline") && strcmp(mode, "control")) {
        error_set(err, "mode=%s: valid are readline and control", mode);
    } else {
        bool control = mode && !strcmp(mode, "control");

        ok = monitor_new(b->monitors, c,
                         !control ? MON_HMP
                         : pretty ? MON_QMP_PRETTY
                                  : MON_QMP,
                         err) != NULL;
    }
    options_deinit(&o);
    if (!ok) {
        g_prefix_error(err, "-mon %s: ", text);
    }
    return ok;
}

bool build_monitors(Build *b, GError **err)
{
    const SystemConfig *c = b->config;
    unsigned n = 0;

    for (unsigned i = 0; i < c->mons->len; i++) {
        if (!console_mon(b, g_ptr_array_index(c->mons, i), err)) {
            return false;
        }
    }
    for (unsigned i = 0; i < c->monitors->len; i++) {
        const char *text = g_ptr_array_index(c->monitors, i);

        if (!console_monitor(b, "-monitor", text, n++, MON_HMP, err)) {
            return false;
        }
    }
    for (unsigned i = 0; i < c->qmps->len; i++) {
        if (!console_monitor(b, "-qmp", g_ptr_array_index(c->qmps, i), n++, MON_QMP, err)) {
            return false;
        }
    }
    for (unsigned i = 0; i < c->qmps_pretty->len; i++) {
        if (!console_monitor(b, "-qmp-pretty", g_ptr_array_index(c->qmps_pretty, i), n++,
                             MON_QMP_PRETTY, err)) {
            return false;
        }
    }
    return true;
}

static char *console_hmp(void *opaque, const char *line, int cpu_index)
{
    Build *b = opaque;

    return mon_hmp_execute(b->monitors, line, cpu_index);
}

/* A debugger comes by a socket that waits for it, unless the text says otherwise. */
bool build_gdb(Build *b, const char *where, GError **err)
{
    bool net = g_str_has_prefix(where, "tcp:") || g_str_has_prefix(where, "unix:");
    g_autofree char *text = net && !strstr(where, ",server")
                                ? g_strconcat(where, ",server=on,wait=off", NULL)
                                : g_strdup(where);
    g_autofree char *id = g_strdup_printf("gdb%u", b->gdbs->len);
    GdbServer *gdb;
    Chardev *c;

    if (!console_open(b, id, text, false, &c, err)) {
        return false;
    }
    if (!c) {
        return true;
    }
    gdb = gdb_server_new(b->m, c, console_hmp, b, err);
    if (gdb) {
        g_ptr_array_add(b->gdbs, gdb);
    }
    return gdb != NULL;
}
