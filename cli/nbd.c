/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/nbd.h"

#include "block/core/driver.h"
#include "block/export/nbd-server.h"
#include "block/net/nbd-client.h"
#include "block/net/nbd-wire.h"
#include "block/net/tls-store.h"
#include "cli/block-object.h"
#include "cli/daemon.h"
#include "cli/nbd-kernel.h"
#include "util/size.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* The options stand once, here: parsing, --help and the manual page come from it. */
typedef struct NbdOption {
    const char *section; /* heading before it; NULL: none */
    int key;
    const char *name, *arg, *doc;
} NbdOption;

enum {
    OPT_TLS_CREDS = 256,
    OPT_TLS_AUTHZ,
    OPT_TLS_HOSTNAME,
    OPT_FORK,
    OPT_PID_FILE,
    OPT_CACHE,
    OPT_AIO,
    OPT_DISCARD,
    OPT_DETECT_ZEROES,
    OPT_IMAGE_OPTS,
    OPT_OBJECT,
    OPT_SELINUX,
    OPT_TRACE,
};

static const NbdOption nbd_options[] = {
    { "", 'h', "help", NULL, "display this help and exit" },
    { NULL, 'V', "version", NULL, "output version information and exit" },
    { "Connection properties", 'p', "port", "PORT", "port to listen on (default `10809')" },
    { NULL, 'b', "bind", "IFACE", "interface to bind to (default `0.0.0.0')" },
    { NULL, 'k', "socket", "PATH", "path to the unix socket" },
    { NULL, 'e', "shared", "NUM", "device can be shared by NUM clients (default '1')" },
    { NULL, 't', "persistent", NULL, "don't exit on the last connection" },
    { NULL, 'v', "verbose", NULL, "display extra debugging information" },
    { NULL, 'x', "export-name", "NAME", "expose export by name (default is empty string)" },
    { NULL, 'D', "description", "TEXT", "export a human-readable description" },
    { "Exposing part of the image", 'o', "offset", "OFFSET", "offset into the image" },
    { NULL, 'A', "allocation-depth", NULL, "expose the allocation depth" },
    { NULL, 'B', "bitmap", "NAME", "expose a persistent dirty bitmap" },
    { "General purpose options", 'L', "list", NULL,
      "list exports available from another NBD server" },
    { NULL, OPT_OBJECT, "object", "TYPE,id=ID,...",
      "define an object such as 'secret' or 'tls-creds-x509'" },
    { NULL, OPT_TLS_CREDS, "tls-creds", "ID", "use id of an earlier --object to provide TLS" },
    { NULL, OPT_TLS_AUTHZ, "tls-authz", "ID",
      "use id of an earlier --object, authz-simple or authz-list, to say who may connect" },
    { NULL, 'T', "trace", "[enable=]PATTERN", "accepted; there are no trace events here" },
    { NULL, OPT_SELINUX, "selinux-label", "LABEL", "refused: built without SELinux" },
    { NULL, OPT_TLS_HOSTNAME, "tls-hostname", "HOST",
      "with -L: the name in the server's certificate" },
    { NULL, OPT_FORK, "fork", NULL,
      "fork off the server process and exit the parent once the server is running" },
    { NULL, OPT_PID_FILE, "pid-file", "PATH", "store the server's process ID in the given file" },
    { "Kernel NBD client support", 'c', "connect", "DEV",
      "connect FILE to the local NBD device DEV" },
    { NULL, 'd', "disconnect", "DEV", "disconnect the specified device (/dev/nbd0, ...)" },
    { "Block device options", 'f', "format", "FORMAT", "set image format (raw, qcow2, ...)" },
    { NULL, 'r', "read-only", NULL, "export read-only" },
    { NULL, 's', "snapshot", NULL, "write into a temporary overlay of FILE, which stays as it is" },
    { NULL, 'l', "load-snapshot", "SNAPSHOT",
      "export an internal snapshot of FILE read-only: snapshot.id=ID, snapshot.name=NAME or "
      "[ID_OR_NAME]" },
    { NULL, 'n', "nocache", NULL, "disable host cache" },
    { NULL, OPT_CACHE, "cache", "MODE",
      "cache mode: 'none', 'writeback' (default), 'writethrough', 'directsync' and 'unsafe'" },
    { NULL, OPT_AIO, "aio", "MODE", "set AIO mode (native, io_uring or threads)" },
    { NULL, OPT_DISCARD, "discard", "MODE", "set discard mode (ignore, unmap; default unmap)" },
    { NULL, OPT_DETECT_ZEROES, "detect-zeroes", "MODE", "set detect-zeroes mode (off, on, unmap)" },
    { NULL, OPT_IMAGE_OPTS, "image-opts", NULL, "treat FILE as a full set of image options" },
};

typedef struct NbdTool {
    const char *prog;
    IoLoop *loop;
    BlockGraph *graph;
    const char *port, *bind, *socket, *name, *description, *tls_creds, *tls_authz, *tls_host;
    const char *format, *cache, *aio_name, *discard, *detect_zeroes, *snapshot, *file;
    const char *connect, *disconnect, *pid_file;
    uint64_t offset;
    int listener; /* what a service manager handed over; -1 */
    unsigned shared;
    unsigned aio; /* BLOCK_OPEN_AIO_* */
    bool persistent, verbose, read_only, overlay, depth, image_opts, list, fork;
    char *default_socket; /* of --connect; NULL */
    GPtrArray *bitmaps;
    int report; /* the parent waits for a byte on it; -1: none */
    NbdServer *server;
    NbdKernel *kernel;
    bool served;
    FiberQueue done;
    bool stop;
    int status;
} NbdTool;

static int nbd_fail(NbdTool *t, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

static int nbd_fail(NbdTool *t, const char *fmt, ...)
{
    va_list ap;

    fprintf(stderr, "%s: ", t->prog);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    t->status = 1;
    return 1;
}

/* ---- Help ---- */

static char *nbd_option_head(const NbdOption *o)
{
    g_autofree char *letter = o->key < 256 ? g_strdup_printf("-%c, ", o->key) : g_strdup("    ");

    return g_strdup_printf("  %s--%s%s%s", letter, o->name, o->arg ? "=" : "",
                           o->arg ? o->arg : "");
}

static int nbd_help(const char *prog)
{
    printf("Usage: %s [OPTIONS] FILE\n"
           "  or:  %s -L [OPTIONS]\n"
           "Serves a disk image to clients of the NBD protocol.\n",
           prog, prog);
    for (size_t i = 0; i < G_N_ELEMENTS(nbd_options); i++) {
        const NbdOption *o = &nbd_options[i];
        g_autofree char *head = nbd_option_head(o);

        if (o->section) {
            printf("%s%s%s", *o->section ? "\n" : "\n", o->section, *o->section ? ":\n" : "");
        }
        if (strlen(head) < 27) {
            printf("%-28s%s\n", head, o->doc);
        } else {
            printf("%s\n%28s%s\n", head, "", o->doc);
        }
    }
    return 0;
}

char *nbd_manual(void)
{
    GString *s = g_string_new(".SH DISKS FOR OTHERS: tinamou nbd\n"
                              "Serves a disk image to NBD clients. Also called as qemu-nbd.\n");

    for (size_t i = 0; i < G_N_ELEMENTS(nbd_options); i++) {
        const NbdOption *o = &nbd_options[i];

        g_string_append(s, ".TP\n.B ");
        if (o->key < 256) {
            g_string_append_printf(s, "\\-%c, ", o->key);
        }
        g_string_append_printf(s, "\\-\\-%s%s%s\n%s\n", o->name, o->arg ? "=" : "",
                               o->arg ? o->arg : "", o->doc);
    }
    return g_string_free(s, FALSE);
}

/* ---- Listing another server ---- */

static void nbd_print_flags(unsigned flags)
{
    static const char *const names[] = { NULL,         "readonly", "flush",  "fua",
                                         "rotational", "trim",     "zeroes", "df",
                                         "multi",      "resize",   "cache",  "fast-zero" };

    printf("  flags: 0x%x (", flags);
    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (names[i] && flags >> i & 1) {
            printf(" %s", names[i]);
        }
    }
    puts(" )");
}

static void nbd_print_export(const NbdInfo *i)
{
    unsigned n = i->contexts ? g_strv_length(i->contexts) : 0;

    printf(" export: '%s'\n", i->name);
    if (i->description && *i->description) {
        printf("  description: %s\n", i->description);
    }
    if (i->flags & NBD_HAS_FLAGS) {
        printf("  size:  %" G_GUINT64_FORMAT "\n", i->size);
        nbd_print_flags(i->flags);
    }
    if (i->min_block) {
        printf("  min block: %u\n  opt block: %u\n  max block: %u\n", i->min_block,
               i->preferred_block, i->max_block);
    }
    if (n) {
        printf("  available meta contexts: %u\n", n);
        for (unsigned k = 0; k < n; k++) {
            printf("   %s\n", i->contexts[k]);
        }
    }
}

static SocketName nbd_where(const NbdTool *t)
{
    SocketName w = { .fd = t->listener };

    if (t->listener >= 0) {
        w.type = SOCKET_FD;
    } else if (t->socket) {
        w.type = SOCKET_UNIX;
        w.path = g_strdup(t->socket);
    } else {
        w.type = SOCKET_INET;
        w.host = g_strdup(t->bind ? t->bind : t->list ? "localhost" : "0.0.0.0");
        w.port = g_strdup(t->port ? t->port : "10809");
    }
    return w;
}

static void nbd_list(NbdTool *t)
{
    g_autoptr(GError) err = NULL;
    SocketName where = nbd_where(t);
    TlsCreds *creds = t->tls_creds ? block_tls_find(t->graph, t->tls_creds, &err) : NULL;
    const StreamLimit limit = { .until_us = g_get_monotonic_time() + 60 * G_USEC_PER_SEC };
    BlockStream *s = t->tls_creds && !creds ? NULL : stream_connect(&where, &limit, &err);
    const char *host = t->tls_host ? t->tls_host : where.host;
    NbdInfo *list = NULL;
    unsigned n = 0;

    if (s) {
        stream_set_limit(s, &limit);
    }
    if (!s || !nbd_client_list(s, creds, host, &list, &n, &err)) {
        nbd_fail(t, "%s", err->message);
    } else {
        printf("exports available: %u\n", n);
    }
    for (unsigned i = 0; i < n; i++) {
        nbd_print_export(&list[i]);
        nbd_info_deinit(&list[i]);
    }
    g_free(list);
    stream_free(s);
    socket_name_deinit(&where);
}

/* ---- Serving ---- */

static BlockNode *nbd_open_file(NbdTool *t, unsigned flags, GError **err)
{
    Options o = { 0 };
    BlockNode *n = NULL;

    if (t->image_opts) {
        if (!options_parse(&o, t->file, "file", err)) {
            return NULL;
        }
    } else {
        o.text = g_strdup(t->file);
        options_add(&o, "filename", t->file);
        if (t->format) {
            options_add(&o, "driver", t->format);
        }
    }
    if (t->detect_zeroes) {
        options_add(&o, "detect-zeroes", t->detect_zeroes);
    }
    n = block_node_open(t->graph, &o, flags, err);
    options_deinit(&o);
    return n;
}

/* A part of the image, from --offset on. */
static BlockNode *nbd_window(NbdTool *t, BlockNode *take, GError **err)
{
    Options o = { 0 };
    BlockNode *n;
    g_autofree char *off = g_strdup_printf("%" G_GUINT64_FORMAT, t->offset);

    if (t->offset >= block_node_size(take)) {
        error_set(err, "--offset=%s lies beyond the image's %" G_GUINT64_FORMAT " bytes", off,
                  block_node_size(take));
        block_node_unref(take);
        return NULL;
    }
    options_add(&o, "driver", "raw");
    options_add(&o, "offset", off);
    options_add(&o, "file", block_node_name(take));
    n = block_node_open(t->graph, &o,
                        block_node_is_read_only(take) ? 0 : BLOCK_OPEN_WRITE | BLOCK_OPEN_DISCARD,
                        err);
    options_deinit(&o);
    block_node_unref(take);
    return n;
}

static void nbd_left(void *opaque)
{
    NbdTool *t = opaque;

    t->served = true;
    if (!t->persistent && t->server && !nbd_server_clients(t->server)) {
        t->stop = true;
        fiber_queue_wake_all(&t->done);
    }
}

static void nbd_wait_signal(void *arg)
{
    NbdTool *t = arg;
    struct signalfd_siginfo info;
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    while (!t->stop && read(fd, &info, sizeof(info)) != sizeof(info)) {
        io_wait_fd(fd, 1 /* POLLIN */, 200000000);
    }
    close(fd);
    t->stop = true;
    fiber_queue_wake_all(&t->done);
}

static bool nbd_report(NbdTool *t, GError **err)
{
    if (!daemon_write_pid(t->pid_file, err)) {
        return false;
    }
    daemon_ready(t->report, t->verbose);
    t->report = -1;
    return true;
}

static bool nbd_connect(NbdTool *t, const NbdExportOptions *e, GError **err)
{
    t->kernel = t->connect ? nbd_kernel_connect(t->server, t->connect, e->name, err) : NULL;
    return !t->connect || t->kernel;
}

static bool nbd_serve(NbdTool *t, BlockNode *n, GError **err)
{
    SocketName where = nbd_where(t);
    TlsCreds *creds = t->tls_creds ? block_tls_find(t->graph, t->tls_creds, err) : NULL;
    NbdExportOptions e = { .name = t->name ? t->name : "",
                           .description = t->description,
                           .node = n,
                           .writable = !t->read_only && !block_node_is_read_only(n),
                           .multi = t->shared != 1,
                           .allocation_depth = t->depth,
                           .bitmaps = (const char *const *)t->bitmaps->pdata };

    if (!t->tls_creds || creds) {
        t->server = nbd_server_new(t->graph, &where, creds, t->shared, err);
    }
    socket_name_deinit(&where);
    if (!t->server) {
        return false;
    }
    nbd_server_set_authz(t->server, t->tls_authz);
    nbd_server_on_leave(t->server, nbd_left, t);
    if (nbd_server_add(t->server, &e, err) && nbd_connect(t, &e, err) && nbd_report(t, err)) {
        if (t->verbose) {
            fprintf(stderr, "NBD device %s is now served at %s\n", t->file,
                    nbd_server_address(t->server));
        }
        ioloop_post(t->loop, nbd_wait_signal, t);
        while (!t->stop) {
            fiber_queue_wait(&t->done);
        }
    }
    nbd_kernel_free(t->kernel);
    t->kernel = NULL;
    nbd_server_free(t->server);
    t->server = NULL;
    if (t->socket) {
        unlink(t->socket);
    }
    return !*err;
}

/* "snapshot.id=ID,snapshot.name=NAME" (both, where both are there), or an id or name. */
static bool nbd_view_snapshot(NbdTool *t, BlockNode *n, GError **err)
{
    Options o = { 0 };
    const char *id, *name;
    BlockSnapshot *list = NULL;
    unsigned count = 0, i;
    bool ok = false;

    if (!g_str_has_prefix(t->snapshot, "snapshot.")) {
        return block_snapshot_view(n, t->snapshot, err);
    }
    if (!options_parse(&o, t->snapshot, NULL, err)) {
        return false;
    }
    id = options_get(&o, "snapshot.id");
    name = options_get(&o, "snapshot.name");
    if (options_all_used(&o, NULL, 0, err) && block_snapshot_list(n, &list, &count, err)) {
        for (i = 0;
             i < count && ((id && strcmp(list[i].id, id)) || (name && strcmp(list[i].name, name)));
             i++) {
        }
        ok = i < count ? block_snapshot_view(n, list[i].id, err)
                       : error_set(err, "Can't find snapshot");
    }
    block_snapshot_list_free(list, count);
    options_deinit(&o);
    return ok;
}

static void nbd_run(void *arg)
{
    NbdTool *t = arg;
    g_autoptr(GError) err = NULL;
    bool writes = !t->read_only && !t->snapshot && !t->overlay;
    unsigned flags = (writes ? BLOCK_OPEN_WRITE : 0) | BLOCK_OPEN_DISCARD;
    BlockNode *n;

    if (t->list) {
        nbd_list(t);
        return;
    }
    if (t->cache && !block_cache_flags(t->cache, &flags)) {
        nbd_fail(t, "Invalid cache mode `%s'", t->cache);
        return;
    }
    if (t->discard && (!strcmp(t->discard, "ignore") || !strcmp(t->discard, "off"))) {
        flags &= ~(unsigned)BLOCK_OPEN_DISCARD;
    }
    n = nbd_open_file(t, flags | t->aio, &err);
    if (n && t->overlay) {
        n = block_node_overlay(t->graph, n, flags & ~(unsigned)BLOCK_OPEN_WRITE, &err);
    }
    if (n && t->snapshot && !nbd_view_snapshot(t, n, &err)) {
        g_prefix_error(&err, "Failed to load snapshot: ");
        block_node_unref(n);
        n = NULL;
    }
    if (n && t->offset) {
        n = nbd_window(t, n, &err);
    }
    if (!n || !nbd_serve(t, n, &err)) {
        nbd_fail(t, "%s", err->message);
    }
    block_node_unref(n);
}

/* ---- Arguments ---- */

/* For options that are a fact about the image: it has one. */
static int nbd_once(NbdTool *t, const char **field, const char *arg, const char *name)
{
    if (*field) {
        return nbd_fail(t, "%s can only be specified once", name);
    }
    *field = arg;
    return 0;
}

static int nbd_set_option(NbdTool *t, int key, const char *arg)
{
    g_autoptr(GError) err = NULL;
    uint64_t n;

    switch (key) {
    case 'p':
        t->port = arg;
        return 0;
    case 'b':
        t->bind = arg;
        return 0;
    case 'k':
        t->socket = arg;
        return 0;
    case 'e':
        if (!number_parse(arg, 0, INT32_MAX, &n, &err)) {
            return nbd_fail(t, "Invalid shared device number '%s'", arg);
        }
        t->shared = (unsigned)n;
        return 0;
    case 't':
        t->persistent = true;
        return 0;
    case 'v':
        t->verbose = true;
        return 0;
    case 'x':
        t->name = arg;
        return 0;
    case 'D':
        t->description = arg;
        return 0;
    case 'o':
        return size_parse(arg, 1, &t->offset, &err) ? 0 : nbd_fail(t, "Invalid offset '%s'", arg);
    case 'A':
        t->depth = true;
        return 0;
    case 'B':
        g_ptr_array_add(t->bitmaps, (char *)arg);
        return 0;
    case 'L':
        t->list = true;
        return 0;
    case 'c':
        t->connect = arg;
        t->fork = true; /* the device stays when the command has ended */
        return 0;
    case 'd':
        t->disconnect = arg;
        return 0;
    case 'f':
        t->format = arg;
        return block_driver_find(arg) ? 0 : nbd_fail(t, "Unknown file format '%s'", arg);
    case 'r':
        t->read_only = true;
        return 0;
    case 's':
        t->overlay = true;
        return 0;
    case 'l':
        t->snapshot = arg;
        return 0;
    case 'n':
        return nbd_once(t, &t->cache, "none", "-n and --cache");
    case OPT_CACHE:
        return nbd_once(t, &t->cache, arg, "-n and --cache");
    case OPT_DISCARD:
        if (!strcmp(arg, "ignore") || !strcmp(arg, "off") || !strcmp(arg, "unmap") ||
            !strcmp(arg, "on")) {
            return nbd_once(t, &t->discard, arg, "--discard");
        }
        return nbd_fail(t, "Invalid discard mode `%s'", arg);
    case OPT_DETECT_ZEROES:
        return nbd_once(t, &t->detect_zeroes, arg, "--detect-zeroes");
    case OPT_AIO:
        return !block_aio_flags(arg, &t->aio) ? nbd_fail(t, "Invalid aio mode '%s'", arg)
                                              : nbd_once(t, &t->aio_name, arg, "--aio");
    case OPT_IMAGE_OPTS:
        t->image_opts = true;
        return 0;
    case OPT_OBJECT:
        return block_object_add(t->graph, arg, &err) ? 0 : nbd_fail(t, "%s", err->message);
    case OPT_TLS_CREDS:
        t->tls_creds = arg;
        return 0;
    case OPT_TLS_HOSTNAME:
        t->tls_host = arg;
        return 0;
    case OPT_FORK:
        t->fork = true;
        return 0;
    case OPT_PID_FILE:
        t->pid_file = arg;
        return 0;
    case 'T':
        return 0;
    case OPT_TLS_AUTHZ:
        t->tls_authz = arg;
        return 0;
    case OPT_SELINUX:
        return nbd_fail(t, "--selinux-label=%s: this build has no SELinux", arg);
    default:
        return nbd_fail(t, "Try `%s --help' for more information.", t->prog);
    }
}

/* What the forms of the command exclude. */
static const char *nbd_conflict(const NbdTool *t)
{
    const char *host_device = t->connect || t->disconnect ? "a host device" : NULL;

    if (t->listener >= 0 && !t->list) {
        return t->socket     ? "Unix socket can't be set when using socket activation"
               : t->port     ? "TCP port number can't be set when using socket activation"
               : t->bind     ? "The interface can't be set when using socket activation"
               : host_device ? "NBD device can't be set when using socket activation"
                             : NULL;
    }
    if (t->list && (t->name || t->description || t->offset || t->disconnect || t->depth ||
                    t->bitmaps->len || t->connect || t->snapshot || t->overlay || t->fork)) {
        return "List mode is incompatible with per-device settings";
    }
    if (t->tls_creds && host_device) {
        return "TLS is not supported with a host device";
    }
    if (t->tls_authz && !t->tls_creds) {
        return "--tls-authz is not permitted without --tls-creds";
    }
    if (t->tls_host && !t->tls_creds) {
        return "--tls-hostname is not permitted without --tls-creds";
    }
    if (t->tls_host && !t->list) {
        return "TLS hostname is only supported in list mode";
    }
    if (t->socket && (t->port || t->bind)) {
        return "--socket goes without --port and --bind";
    }
    return t->image_opts && t->format ? "--image-opts and -f are mutually exclusive" : NULL;
}

static int nbd_check(NbdTool *t, int argc, char **argv, int first)
{
    const char *conflict;

    if (t->list && first != argc) {
        return nbd_fail(t, "List mode is incompatible with a file name");
    }
    if (argc - first != (t->list || t->disconnect ? 0 : 1)) {
        return nbd_fail(t, "Invalid number of arguments\nTry `%s --help' for more information.",
                        t->prog);
    }
    conflict = nbd_conflict(t);
    if (conflict) {
        return nbd_fail(t, "%s", conflict);
    }
    t->file = t->list || t->disconnect ? NULL : argv[first];
    if (t->connect && !t->socket && !t->port && !t->bind) { /* as its users know it */
        g_autofree char *name = g_path_get_basename(t->connect);

        t->socket = t->default_socket = g_strdup_printf("/var/lock/qemu-nbd-%s", name);
    }
    return 0;
}

/* Less than 0: done. */
static int nbd_disconnect(NbdTool *t)
{
    g_autoptr(GError) err = NULL;

    if (!nbd_kernel_disconnect(t->disconnect, &err)) {
        return nbd_fail(t, "%s", err->message);
    }
    printf("%s disconnected\n", t->disconnect);
    return -1;
}

static int nbd_parse(NbdTool *t, int argc, char **argv)
{
    struct option longs[G_N_ELEMENTS(nbd_options) + 1] = { 0 };
    GString *shorts = g_string_new(NULL);
    GArray *objects = g_array_new(FALSE, FALSE, sizeof(char *));
    int key, ret = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(nbd_options); i++) {
        const NbdOption *o = &nbd_options[i];

        longs[i] =
            (struct option){ o->name, o->arg ? required_argument : no_argument, NULL, o->key };
        if (o->key < 256) {
            g_string_append_printf(shorts, "%c%s", o->key, o->arg ? ":" : "");
        }
    }
    optind = 1;
    while (!ret && (key = getopt_long(argc, argv, shorts->str, longs, NULL)) != -1) {
        if (key == 'h') {
            nbd_help(t->prog);
            ret = -1;
        } else if (key == 'V') {
            puts("tinamou nbd " TINAMOU_VERSION);
            ret = -1;
        } else if (key == OPT_OBJECT && block_object_help(optarg)) {
            ret = -1;
        } else if (key != OPT_OBJECT) {
            ret = nbd_set_option(t, key, optarg);
        } else {
            g_array_append_val(objects, optarg);
        }
    }
    g_string_free(shorts, TRUE);
    if (!ret) {
        ret = nbd_check(t, argc, argv, optind);
    }
    if (!ret && t->disconnect) {
        ret = nbd_disconnect(t);
    }
    /* A fork leaves threads behind: the loop is made after it, objects live in its graph. */
    if (!ret) {
        g_autoptr(GError) err = NULL;

        t->report = t->fork ? daemon_fork(&err) : -1;
        if (err) {
            ret = nbd_fail(t, "--fork: %s", err->message);
        }
        if (!ret && !(t->loop = ioloop_new("nbd", IO_ENGINE_AUTO, &err))) {
            ret = nbd_fail(t, "%s", err->message);
        }
        t->graph = ret ? NULL : block_graph_new(t->loop);
    }
    for (unsigned i = 0; !ret && i < objects->len; i++) {
        ret = nbd_set_option(t, OPT_OBJECT, g_array_index(objects, char *, i));
    }
    g_array_free(objects, TRUE);
    return ret;
}

int nbd_main(const char *prog, int argc, char **argv)
{
    NbdTool t = {
        .prog = prog, .shared = 1, .report = -1, .listener = -1, .bitmaps = g_ptr_array_new()
    };
    g_autoptr(GError) err = NULL;
    sigset_t set;
    int ret;

    if (!daemon_take_listener(&t.listener, &err)) {
        return nbd_fail(&t, "%s", err->message);
    }
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL); /* before there are threads, which inherit it */
    ret = nbd_parse(&t, argc, argv);
    g_ptr_array_add(t.bitmaps, NULL);
    if (!ret) {
        ioloop_run(t.loop, nbd_run, &t);
        ret = t.status;
    }
    if (t.graph) {
        block_graph_free(t.graph);
    }
    if (t.loop) {
        ioloop_free(t.loop);
    }
    g_ptr_array_free(t.bitmaps, TRUE);
    g_free(t.default_socket);
    return ret < 0 ? 0 : ret;
}
