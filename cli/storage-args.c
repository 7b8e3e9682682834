/* SPDX-License-Identifier: Apache-2.0 */
/* The options of `tinamou storage`: one table for parsing, --help and the manual page. */
#include "cli/storage.h"

#include "util/suggest.h"

#include <string.h>

typedef struct StorageOption {
    const char *name;
    char letter; /* 0: none */
    const char *arg, *doc;
    bool is_step;
    StorageStepKind kind;
} StorageOption;

static const StorageOption storage_options[] = {
    { "blockdev", 0, "[driver=]DRIVER,node-name=N[,OPTION=VALUE...]",
      "open a node, by dotted keys or JSON, as blockdev-add does", true, STORAGE_BLOCKDEV },
    { "chardev", 0, "BACKEND,id=ID[,OPTION=VALUE...]",
      "a character device for a monitor: stdio, socket, pipe, file, null, ...", true,
      STORAGE_CHARDEV },
    { "daemonize", 0, NULL, "go into the background when everything is set up", false, 0 },
    { "export", 0,
      "[type=]nbd,id=ID,node-name=N[,name=NAME][,description=TEXT][,writable=on|off]"
      "[,writethrough=on|off][,bitmaps.N=NAME][,allocation-depth=on|off]",
      "let NBD clients use a node (after --nbd-server)", true, STORAGE_EXPORT },
    { "help", 'h', NULL, "show this help and exit", false, 0 },
    { "monitor", 0, "[chardev=]ID[,mode=control][,pretty=on|off]", "a QMP monitor", true,
      STORAGE_MONITOR },
    { "nbd-server", 0,
      "addr.type=inet,addr.host=HOST,addr.port=PORT | addr.type=unix,addr.path=PATH | "
      "addr.type=fd,addr.str=NUMBER | addr.type=vsock,addr.cid=CID,addr.port=PORT"
      "[,tls-creds=ID][,max-connections=N]",
      "start the NBD server", true, STORAGE_NBD_SERVER },
    { "object", 0, "TYPE,id=ID[,OPTION=VALUE...]",
      "make an object that options name: secret, tls-creds-x509, ... (help lists the types)", true,
      STORAGE_OBJECT },
    { "pidfile", 0, "PATH", "write the process's number to a file when everything is set up", false,
      0 },
    { "trace", 'T', "[enable=]PATTERN[,events=FILE][,file=FILE]",
      "accepted; there are no trace events here", true, STORAGE_TRACE },
    { "version", 'V', NULL, "show the version and exit", false, 0 },
};

/* "--name", "-name", "--name=value", "-T". */
static const StorageOption *storage_find(const char *arg, const char **value, GError **err)
{
    const char *names[G_N_ELEMENTS(storage_options)];
    const char *word = arg + strspn(arg, "-");
    size_t len = strcspn(word, "=");
    g_autofree char *name = g_strndup(word, len), *near = NULL;

    *value = word[len] ? word + len + 1 : NULL;
    for (unsigned i = 0; i < G_N_ELEMENTS(storage_options); i++) {
        const StorageOption *o = &storage_options[i];

        if (!strcmp(o->name, name) || (o->letter && name[0] == o->letter && !name[1])) {
            return o;
        }
        names[i] = o->name;
    }
    near = suggest_text(name, names, G_N_ELEMENTS(names));
    error_set(err, "unrecognized option '%s'%s", arg, near);
    return NULL;
}

static void storage_set(StorageArgs *a, const StorageOption *o, const char *value)
{
    if (o->is_step) {
        StorageStep s = { o->kind, o->name, value };

        g_array_append_val(a->steps, s);
    } else if (!strcmp(o->name, "pidfile")) {
        a->pidfile = value;
    } else if (!strcmp(o->name, "daemonize")) {
        a->daemonize = true;
    } else {
        a->show = o->letter == 'h' ? STORAGE_HELP : STORAGE_VERSION;
    }
}

bool storage_args_parse(StorageArgs *a, int argc, char **argv, GError **err)
{
    *a = (StorageArgs){ .steps = g_array_new(FALSE, FALSE, sizeof(StorageStep)) };
    for (int i = 1; i < argc && !a->show; i++) {
        const StorageOption *o;
        const char *value;

        if (argv[i][0] != '-' || !argv[i][1]) {
            return error_set(err, "%s: Unexpected argument", argv[i]);
        }
        o = storage_find(argv[i], &value, err);
        if (!o) {
            return false;
        }
        if (!o->arg && value) {
            return error_set(err, "option '--%s' doesn't allow an argument", o->name);
        }
        if (o->arg && !value) {
            if (i + 1 == argc) {
                return error_set(err, "option '--%s' requires an argument", o->name);
            }
            value = argv[++i];
        }
        storage_set(a, o, value);
    }
    return true;
}

void storage_args_deinit(StorageArgs *a)
{
    g_array_free(a->steps, TRUE);
    *a = (StorageArgs){ 0 };
}

/* ---- What people read ---- */

char *storage_help(const char *prog)
{
    GString *s = g_string_new(NULL);

    g_string_printf(s,
                    "Usage: %s [OPTIONS]\n"
                    "Disk images, jobs on them and exports without a guest, driven by QMP.\n\n",
                    prog);
    for (unsigned i = 0; i < G_N_ELEMENTS(storage_options); i++) {
        const StorageOption *o = &storage_options[i];

        if (o->letter) {
            g_string_append_printf(s, "  -%c, ", o->letter);
        } else {
            g_string_append(s, "  ");
        }
        g_string_append_printf(s, "--%s%s%s\n            %s\n", o->name, o->arg ? " " : "",
                               o->arg ? o->arg : "", o->doc);
    }
    g_string_append(s, "\nOptions are done in the order in which they stand: a node comes before "
                       "its export.\n");
    return g_string_free(s, FALSE);
}

char *storage_manual(void)
{
    GString *s = g_string_new(
        ".SH DISKS WITHOUT A GUEST: tinamou storage\n"
        "Nodes, jobs and exports, driven by QMP. Also called as qemu\\-storage\\-daemon. Options "
        "are done in the order in which they stand.\n");

    for (unsigned i = 0; i < G_N_ELEMENTS(storage_options); i++) {
        const StorageOption *o = &storage_options[i];

        g_string_append(s, ".TP\n.B ");
        if (o->letter) {
            g_string_append_printf(s, "\\-%c, ", o->letter);
        }
        g_string_append_printf(s, "\\-\\-%s%s%s\n%s\n", o->name, o->arg ? " " : "",
                               o->arg ? o->arg : "", o->doc);
    }
    return g_string_free(s, FALSE);
}
