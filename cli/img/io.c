/* SPDX-License-Identifier: Apache-2.0 */
/* `tinamou io`: single requests on a disk image, for tests and scripts. */
#include "block/core/driver.h"
#include "cli/block-object.h"
#include "cli/img/img.h"
#include "cli/img/io-priv.h"
#include "util/size.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { IO_OPT_OBJECT = 256, IO_OPT_IMAGE_OPTS };

/* ---- The image ---- */

/* At most one letter after a number, and a fraction needs one that makes it whole. */
static bool io_number_form(const char *text)
{
    const char *end = text + strspn(text, "0123456789"), *dot = *end == '.' ? end : NULL;
    char unit;

    if (g_ascii_strncasecmp(text, "0x", 2) == 0) {
        return true;
    }
    if (dot) {
        end += 1 + strspn(end + 1, "0123456789");
    }
    unit = g_ascii_toupper(*end);
    return (!*end || !end[1]) && (!dot || end == dot + 1 || (unit && unit != 'B'));
}

bool io_number(const char *text, uint64_t *value)
{
    g_autoptr(GError) err = NULL;
    const char *digits = *text == '+' ? text + 1 : text;

    if (io_number_form(digits) && size_parse(digits, 1, value, &err) && *value <= INT64_MAX) {
        return true;
    }
    if (io_number_form(digits) && (!err || strstr(err->message, "too large"))) {
        printf("Parsing error: argument too large -- %s\n", text);
    } else {
        printf("Parsing error: non-numeric argument, or extraneous/unrecognized suffix -- %s\n",
               text);
    }
    return false;
}

bool io_cache_mode(const char *mode, unsigned *flags)
{
    *flags &= ~(unsigned)(BLOCK_OPEN_DIRECT | BLOCK_OPEN_WRITETHROUGH | BLOCK_OPEN_UNSAFE);
    if (!block_cache_flags(mode, flags)) {
        fprintf(stderr, "invalid cache option: %s\n", mode);
        return false;
    }
    return true;
}

bool io_aio_mode(const char *mode, unsigned *flags)
{
    if (!block_aio_flags(mode, flags)) {
        fprintf(stderr, "Invalid aio option: %s\n", mode);
        return false;
    }
    return true;
}

bool io_discard_mode(const char *mode, unsigned *flags)
{
    if (!strcmp(mode, "unmap") || !strcmp(mode, "on")) {
        *flags |= BLOCK_OPEN_DISCARD;
    } else if (!strcmp(mode, "ignore") || !strcmp(mode, "off")) {
        *flags &= ~(unsigned)BLOCK_OPEN_DISCARD;
    } else {
        fprintf(stderr, "Invalid discard option: %s\n", mode);
        return false;
    }
    return true;
}

/* A path beside options goes where the driver that they name looks for it. */
static void io_place_filename(Options *options, const char *filename)
{
    const char *name = img_options_peek(options, "driver");
    const BlockDriver *d = name ? block_driver_find(name) : NULL;

    bool below = d && d->kind != BLOCK_PROTOCOL && !g_str_has_prefix(filename, "json:");

    img_options_set(options, below ? "file.filename" : "filename", filename);
}

bool io_open(IoTool *t, const char *filename, Options *options, unsigned flags)
{
    unsigned below = flags & ~(unsigned)BLOCK_OPEN_SNAPSHOT;
    g_autoptr(GError) err = NULL;

    if (t->node) {
        img_fail(&t->tool, "file open already, try 'help close'");
        return false;
    }
    if ((flags & BLOCK_OPEN_SHARE) && (flags & BLOCK_OPEN_WRITE)) {
        img_fail(&t->tool, "can't open%s%s: force-share=on can only be used with read-only images",
                 filename ? " device " : "", filename ? filename : "");
        return false;
    }
    if ((flags & BLOCK_OPEN_SNAPSHOT) && (flags & BLOCK_OPEN_WRITE)) {
        below &= ~(unsigned)BLOCK_OPEN_WRITE;
    }
    if (filename) {
        io_place_filename(options, filename);
    }
    t->node = block_node_open(t->tool.graph, options, below, &err);
    if (t->node && (flags & BLOCK_OPEN_SNAPSHOT) && (flags & BLOCK_OPEN_WRITE)) {
        t->node = block_node_overlay(t->tool.graph, t->node, below, &err);
    }
    if (!t->node) {
        if (filename) {
            img_fail(&t->tool, "can't open device %s: Could not open '%s': %s", filename, filename,
                     err->message);
        } else {
            img_fail(&t->tool, "can't open: %s", err->message);
        }
    }
    return t->node;
}

void io_drain(IoTool *t)
{
    while (t->in_flight) {
        fiber_queue_wait(&t->idle);
    }
}

void io_close(IoTool *t)
{
    io_drain(t);
    if (t->node) {
        block_node_unref(t->node);
    }
    t->node = NULL;
}

/* ---- Commands ---- */

static const IoCommand *io_find(const char *name)
{
    for (const IoCommand *c = io_commands; c->name; c++) {
        if (!strcmp(c->name, name) || (c->alias && !strcmp(c->alias, name))) {
            return c;
        }
    }
    return NULL;
}

void io_usage_of(const IoCommand *c, const char *as)
{
    printf("%s %s%s-- %s\n", as ? as : c->name, c->args ? c->args : "", c->args ? " " : "", c->doc);
}

/* The same words as ever for a wrong number of arguments, since tests compare them. */
static bool io_count_args(const IoCommand *c, int n)
{
    if (n < c->min && c->max < 0) {
        fprintf(stderr, "bad argument count %d to %s, expected at least %d arguments\n", n, c->name,
                c->min);
    } else if (c->max >= 0 && c->min == c->max && n != c->min) {
        fprintf(stderr, "bad argument count %d to %s, expected %d arguments\n", n, c->name, c->min);
    } else if (n < c->min || (c->max >= 0 && n > c->max)) {
        fprintf(stderr, "bad argument count %d to %s, expected between %d and %d arguments\n", n,
                c->name, c->min, c->max);
    } else {
        return true;
    }
    return false;
}

int io_command(IoTool *t, const char *line)
{
    g_auto(GStrv) all = g_strsplit_set(line, " \t\r\n", -1);
    g_autofree char **words = NULL;
    const IoCommand *c;
    int n = 0;

    words = g_new0(char *, g_strv_length(all) + 1);
    for (char **w = all; *w; w++) {
        if (**w) {
            words[n++] = *w;
        }
    }
    if (!n) {
        return 0;
    }
    fflush(stdout);
    c = io_find(words[0]);
    if (!c) {
        fprintf(stderr, "command \"%s\" not found\n", words[0]);
        return -EINVAL;
    }
    if (!t->node && !c->no_file) {
        fprintf(stderr, "no file open, try 'help open'\n");
        return -EINVAL;
    }
    if (!io_count_args(c, n - 1)) {
        return -EINVAL;
    }
    t->command = c;
    optind = 0;
    opterr = 1;
    return c->run(t, n, words);
}

/* ---- Reading commands ---- */

/* A line of stdin without its end; NULL: no more. Others run meanwhile. */
static char *io_line(GString *rest)
{
    for (;;) {
        char *end = memchr(rest->str, '\n', rest->len);
        char buf[4096];
        ssize_t n;

        if (end) {
            char *line = g_strndup(rest->str, (gsize)(end - rest->str));

            g_string_erase(rest, 0, end + 1 - rest->str);
            return line;
        }
        io_wait_fd(STDIN_FILENO, POLLIN, 0);
        n = read(STDIN_FILENO, buf, sizeof(buf));
        if (n <= 0) {
            char *line = rest->len ? g_strdup(rest->str) : NULL;

            g_string_truncate(rest, 0);
            return line;
        }
        g_string_append_len(rest, buf, n);
    }
}

static void io_interactive(IoTool *t)
{
    g_autoptr(GString) rest = g_string_new(NULL);

    while (!t->quit) {
        g_autofree char *line = NULL;

        printf("%s> ", t->tool.prog);
        fflush(stdout);
        line = io_line(rest);
        if (!line) {
            putchar('\n');
            return;
        }
        t->failed += io_command(t, line) < 0;
    }
}

/* ---- The program ---- */

typedef struct IoMain {
    IoTool tool;
    GPtrArray *commands, *objects;
    const char *filename, *format;
    bool image_opts;
    unsigned flags;
    int ret;
} IoMain;

static const char io_help_text[] =
    "Usage: %s [OPTIONS]... [-c STRING]... [file]\n"
    "Single requests on disk images\n"
    "\n"
    "  --object OBJECTDEF   secret,id=ID,data=... or file=...; tls-creds-...\n"
    "  --image-opts         file is a list of options\n"
    "  -c, --cmd STRING     execute a command; without any they are read from stdin\n"
    "  -f, --format FMT     format of the image\n"
    "  -r, --read-only      open for reading alone\n"
    "  -s, --snapshot       write into a temporary overlay of file, which stays as it is\n"
    "  -n, --nocache        bypass the host's cache: -t none\n"
    "  -C, --copy-on-read   reads allocate what comes from the backing image\n"
    "  -m, --misalign       taken for scripts; buffers are bounced where needed\n"
    "  -T, --trace=PATTERN  taken for scripts; there are no trace events here\n"
    "  -k, --native-aio     -i native\n"
    "  -i, --aio=MODE       threads, native (with -n) or io_uring\n"
    "  -t, --cache=MODE     none, writeback, writethrough, directsync, unsafe\n"
    "  -d, --discard=MODE   unmap or ignore\n"
    "  -U, --force-share    open also what another program is writing\n"
    "  -h, --help           display this help and exit\n"
    "  -V, --version        output version information and exit\n"
    "\n"
    "See '%s -c help' for the commands.\n";

char *io_manual(void)
{
    GString *s = g_string_new(".SH TINAMOU IO\nAlso as qemu\\-io: single requests on disk "
                              "images, given by \\-c or on standard input. Its commands:\n");

    for (const IoCommand *c = io_commands; c->name; c++) {
        g_autofree char *line = g_strdup_printf("%s %s", c->name, c->args ? c->args : "");
        g_auto(GStrv) parts = g_strsplit(line, "-", -1);
        g_autofree char *escaped = g_strjoinv("\\-", parts);

        g_string_append_printf(s, ".TP\n.B %s\n%s\n", escaped, c->doc);
    }
    return g_string_free(s, FALSE);
}

static bool io_main_open(IoMain *m)
{
    g_autoptr(GError) err = NULL;
    Options o = { 0 };
    bool ok = true;

    if (m->image_opts) {
        ok = options_parse(&o, m->filename, "file", &err);
        if (!ok) {
            img_fail(&m->tool.tool, "%s", err->message);
        }
    } else if (m->format) {
        img_options_set(&o, "driver", m->format);
    }
    ok = ok && io_open(&m->tool, m->image_opts ? NULL : m->filename, &o, m->flags);
    options_deinit(&o);
    return ok;
}

static void io_main_fiber(void *opaque)
{
    IoMain *m = opaque;
    IoTool *t = &m->tool;

    m->ret = 1;
    for (unsigned i = 0; i < m->objects->len; i++) {
        g_autoptr(GError) err = NULL;

        if (!block_object_add(t->tool.graph, m->objects->pdata[i], &err)) {
            img_fail(&t->tool, "%s", err->message);
            return;
        }
    }
    if (m->filename && !io_main_open(m)) {
        return;
    }
    for (unsigned i = 0; i < m->commands->len && !t->quit; i++) {
        t->failed += io_command(t, m->commands->pdata[i]) < 0;
    }
    if (!m->commands->len) {
        io_interactive(t);
    }
    io_close(t);
    m->ret = t->failed ? 1 : 0;
}

/* One option; false: the process ends with m->ret. */
static bool io_main_option(IoMain *m, int key)
{
    const char *prog = m->tool.tool.prog;

    m->ret = 1;
    switch (key) {
    case 'c':
        g_ptr_array_add(m->commands, optarg);
        return true;
    case 'f':
        m->format = optarg;
        return true;
    case 'r':
        m->flags &= ~(unsigned)BLOCK_OPEN_WRITE;
        return true;
    case 's':
        m->flags |= BLOCK_OPEN_SNAPSHOT;
        return true;
    case 'n':
        return io_cache_mode("none", &m->flags);
    case 't':
        return io_cache_mode(optarg, &m->flags);
    case 'd':
        return io_discard_mode(optarg, &m->flags);
    case 'C':
        m->tool.copy_on_read = true;
        return true;
    case 'U':
        m->flags |= BLOCK_OPEN_SHARE;
        return true;
    case 'k':
        return io_aio_mode("native", &m->flags);
    case 'i':
        return io_aio_mode(optarg, &m->flags);
    case 'T':
    case 'm':
        return true;
    case IO_OPT_OBJECT:
        g_ptr_array_add(m->objects, optarg);
        return true;
    case IO_OPT_IMAGE_OPTS:
        m->image_opts = true;
        return true;
    case 'V':
        printf("%s version " TINAMOU_VERSION "\nbuilt " TINAMOU_FEATURES "\n", prog);
        m->ret = 0;
        return false;
    case 'h':
        m->ret = 0;
        /* fall through */
    default:
        printf(io_help_text, prog, prog);
        return false;
    }
}

static void io_main_run(IoMain *m)
{
    ImgTool *t = &m->tool.tool;
    g_autoptr(GError) err = NULL;

    t->loop = ioloop_new("io", IO_ENGINE_AUTO, &err);
    if (!t->loop) {
        m->ret = img_fail(t, "%s", err->message);
        return;
    }
    t->graph = block_graph_new(t->loop);
    block_graph_on_event(t->graph, img_on_event, t);
    ioloop_run(t->loop, io_main_fiber, m);
    block_graph_free(t->graph);
    ioloop_free(t->loop);
}

void io_line_on(BlockNode *n, const char *line)
{
    IoTool t = { .tool = { .prog = "io", .graph = block_node_graph(n) },
                 .node = block_node_ref(n) };

    t.tool.loop = block_graph_loop(t.tool.graph);
    io_command(&t, line);
    io_close(&t);
    fflush(stdout);
}

int io_main(const char *prog, int argc, char **argv)
{
    static const struct option longs[] = {
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { "cmd", required_argument, NULL, 'c' },
        { "format", required_argument, NULL, 'f' },
        { "read-only", no_argument, NULL, 'r' },
        { "snapshot", no_argument, NULL, 's' },
        { "nocache", no_argument, NULL, 'n' },
        { "copy-on-read", no_argument, NULL, 'C' },
        { "misalign", no_argument, NULL, 'm' },
        { "trace", required_argument, NULL, 'T' },
        { "native-aio", no_argument, NULL, 'k' },
        { "aio", required_argument, NULL, 'i' },
        { "cache", required_argument, NULL, 't' },
        { "discard", required_argument, NULL, 'd' },
        { "force-share", no_argument, NULL, 'U' },
        { "object", required_argument, NULL, IO_OPT_OBJECT },
        { "image-opts", no_argument, NULL, IO_OPT_IMAGE_OPTS },
        { 0 },
    };
    IoMain m = { .tool = { .tool = { .prog = prog } }, .flags = IO_OPEN_FLAGS };
    bool go = true;
    int key;

    m.commands = g_ptr_array_new();
    m.objects = g_ptr_array_new();
    while (go && (key = getopt_long(argc, argv, "hVc:d:f:rsnCmki:t:T:U", longs, NULL)) != -1) {
        go = io_main_option(&m, key);
    }
    if (go && argc - optind > 1) {
        printf(io_help_text, prog, prog);
        go = false;
    }
    if (go) {
        m.filename = optind < argc ? argv[optind] : NULL;
        if (m.format && m.image_opts) {
            m.ret = img_fail(&m.tool.tool, "--image-opts and -f are mutually exclusive");
        } else {
            io_main_run(&m);
        }
    }
    g_ptr_array_free(m.commands, TRUE);
    g_ptr_array_free(m.objects, TRUE);
    return m.ret;
}
