/* SPDX-License-Identifier: Apache-2.0 */
/* `tinamou img`: the table of subcommands, their options, help and the manual page. */
#include "cli/img/img.h"

#include "block/core/driver.h"
#include "cli/img/img-priv.h"
#include "util/suggest.h"

#include <getopt.h>
#include <signal.h>
#include <string.h>

static const ImgCommand *const img_commands[] = {
    &img_amend,   &img_bench,   &img_bitmap, &img_check,  &img_commit,
    &img_compare, &img_convert, &img_create, &img_dd,     &img_info,
    &img_map,     &img_measure, &img_rebase, &img_resize, &img_snapshot,
};

/* ---- Help ---- */

/* "[-f fmt]", "[--output ofmt]": one option as the summary shows it. */
static void img_option_summary(GString *s, const ImgOption *o)
{
    if (o->key < 256) {
        g_string_append_printf(s, " [-%c%s%s]", o->key, o->arg ? " " : "", o->arg ? o->arg : "");
    } else {
        g_string_append_printf(s, " [--%s%s%s]", o->name, o->arg ? "=" : "", o->arg ? o->arg : "");
    }
}

static void img_command_summary(GString *s, const ImgCommand *c)
{
    g_string_append(s, c->name);
    for (const ImgOption *o = c->options; o->key; o++) {
        img_option_summary(s, o);
    }
    g_string_append_printf(s, " %s", c->words);
}

static void img_option_text(GString *s, const ImgOption *o)
{
    g_autoptr(GString) left = g_string_new(NULL);

    if (o->key < 256) {
        g_string_append_printf(left, "-%c", o->key);
    }
    if (o->name) {
        g_string_append_printf(left, "%s--%s", o->key < 256 ? ", " : "", o->name);
    }
    if (o->arg) {
        g_string_append_printf(left, "%s%s", o->name ? "=" : " ", o->arg);
    }
    g_string_append_printf(s, "    %-28s %s\n", left->str, o->doc);
}

static void img_version(const char *prog)
{
    printf("%s version " TINAMOU_VERSION "\nbuilt " TINAMOU_FEATURES "\n", prog);
}

static void img_supported(GString *s)
{
    g_string_append(s, "Supported formats:");
    for (const BlockDriver *const *d = block_drivers; *d; d++) {
        g_string_append_printf(s, " %s", (*d)->name);
    }
    g_string_append_c(s, '\n');
}

static void img_help(const char *prog, const ImgCommand *only)
{
    g_autoptr(GString) s = g_string_new(NULL);

    g_string_append_printf(s,
                           "usage: %s [standard options] command [command options]\n"
                           "Disk images: create, convert, look into, repair\n\n"
                           "    '-h', '--help'       display this help and exit\n"
                           "    '-V', '--version'    output version information and exit\n"
                           "    '-T', '--trace' PATTERN   taken for scripts; does nothing\n\n"
                           "Command syntax:\n",
                           prog);
    for (size_t i = 0; i < G_N_ELEMENTS(img_commands); i++) {
        if (!only || img_commands[i] == only) {
            g_string_append(s, "  ");
            img_command_summary(s, img_commands[i]);
            g_string_append_c(s, '\n');
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(img_commands); i++) {
        if (!only || img_commands[i] == only) {
            g_string_append_printf(s, "\n%s: %s\n", img_commands[i]->name, img_commands[i]->doc);
            for (const ImgOption *o = img_commands[i]->options; o->key; o++) {
                img_option_text(s, o);
            }
        }
    }
    g_string_append(s, "\nSizes are bytes, or end in k, M, G, T, P or E (powers of 1024).\n"
                       "Cache modes: none, writeback, writethrough, directsync, unsafe.\n\n");
    img_supported(s);
    img_version(prog);
    fputs(s->str, stdout);
}

/* A minus sign and a backslash as troff wants them. */
static void img_troff(GString *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '-' || *p == '\\') {
            g_string_append_c(out, '\\');
        }
        g_string_append_c(out, *p);
    }
}

char *img_manual(void)
{
    GString *s = g_string_new(".SH TINAMOU IMG\nAlso as qemu\\-img.\n");

    for (size_t i = 0; i < G_N_ELEMENTS(img_commands); i++) {
        g_autoptr(GString) line = g_string_new(NULL);

        img_command_summary(line, img_commands[i]);
        g_string_append(s, ".SS ");
        img_troff(s, line->str);
        g_string_append_c(s, '\n');
        img_troff(s, img_commands[i]->doc);
        g_string_append(s, ".\n");
        for (const ImgOption *o = img_commands[i]->options; o->key; o++) {
            g_autoptr(GString) option = g_string_new(NULL);

            img_option_text(option, o);
            g_string_append(s, ".PP\n");
            img_troff(s, g_strstrip(option->str));
            g_string_append_c(s, '\n');
        }
    }
    return g_string_free(s, FALSE);
}

/* ---- Arguments ---- */

/* getopt's tables, out of @options. */
typedef struct ImgGetopt {
    GString *letters;
    struct option longs[40];
} ImgGetopt;

static void img_getopt_init(ImgGetopt *g, const ImgOption *options)
{
    unsigned n = 0;

    g->letters = g_string_new(":h");
    g->longs[n++] = (struct option){ "help", no_argument, NULL, 'h' };
    for (const ImgOption *o = options; o->key; o++) {
        if (o->key < 256) {
            g_string_append_printf(g->letters, "%c%s", o->key, o->arg ? ":" : "");
        }
        if (o->name) {
            CHECK(n + 1 < G_N_ELEMENTS(g->longs));
            g->longs[n++] =
                (struct option){ o->name, o->arg ? required_argument : no_argument, NULL, o->key };
        }
    }
    g->longs[n] = (struct option){ NULL, 0, NULL, 0 };
}

/* 0, or what the process ends with, told. *@help: it was asked for. */
static int img_args_parse(ImgTool *t, ImgArgs *a, int argc, char **argv, bool *help)
{
    ImgGetopt g;
    int key, ret = 0;

    if (a->command->last_word && argc < 3 && (argc < 2 || argv[1][0] != '-')) {
        return img_usage(t, "Not enough arguments");
    }
    if (a->command->last_word && argc > 2) {
        a->last = argv[--argc];
    }
    img_getopt_init(&g, a->command->options);
    a->list = g_new0(ImgArg, argc + 1);
    optind = 0;
    opterr = 0;
    while (!ret && !*help && (key = getopt_long(argc, argv, g.letters->str, g.longs, NULL)) != -1) {
        if (key == ':') {
            ret = img_usage(t, "missing argument for option '%s'", argv[optind - 1]);
        } else if (key == '?') {
            ret = img_usage(t, "unrecognized option '%s'", argv[optind - 1]);
        } else if (key == 'h') {
            *help = true;
        } else {
            a->list[a->n++] = (ImgArg){ key, optarg ? optarg : "" };
        }
    }
    a->words = argv + optind;
    a->n_words = (unsigned)(argc - optind);
    g_string_free(g.letters, TRUE);
    return ret;
}

/* ---- Running ---- */

typedef struct ImgRun {
    ImgTool *tool;
    ImgArgs *args;
    int ret;
} ImgRun;

static void img_run_fiber(void *opaque)
{
    ImgRun *r = opaque;

    if (!img_objects(r->tool, r->args)) {
        r->ret = 1;
        return;
    }
    r->ret = r->args->command->run(r->tool, r->args);
}

void img_on_event(void *tool, BlockNode *n, BlockEvent event, const char *text)
{
    const ImgTool *t = tool;

    if (event == BLOCK_EVENT_DEBUG) { /* in its turn among what the commands print */
        puts(text);
        return;
    }
    fflush(stdout);
    fprintf(stderr, "%s: warning: %s\n", t->prog, text);
}

static int img_run(ImgTool *t, ImgArgs *a)
{
    g_autoptr(GError) err = NULL;
    ImgRun run = { t, a, 1 };

    t->loop = ioloop_new("img", IO_ENGINE_AUTO, &err);
    if (!t->loop) {
        return img_fail(t, "%s", err->message);
    }
    t->graph = block_graph_new(t->loop);
    block_graph_on_event(t->graph, img_on_event, t);
    t->quiet = img_has(a, 'q');
    ioloop_run(t->loop, img_run_fiber, &run);
    block_graph_free(t->graph);
    ioloop_free(t->loop);
    if (fflush(stdout) && !run.ret) {
        run.ret = 1; /* nobody has got the answer */
    }
    return run.ret;
}

static int img_command_main(ImgTool *t, const ImgCommand *c, int argc, char **argv)
{
    ImgArgs args = { .command = c };
    bool help = false;
    int ret = img_args_parse(t, &args, argc, argv, &help);

    if (help) {
        img_help(t->prog, c);
    } else if (!ret) {
        ret = img_run(t, &args);
    }
    g_free(args.list);
    return ret;
}

/* -T before the command: taken for scripts, since there are no trace events. How many words. */
static int img_trace_words(int argc, char **argv)
{
    int n = 0;

    while (n + 1 < argc) {
        const char *word = argv[n + 1];

        if (!strcmp(word, "-T") || !strcmp(word, "--trace")) {
            n += n + 2 < argc ? 2 : 1;
        } else if (g_str_has_prefix(word, "-T") || g_str_has_prefix(word, "--trace=")) {
            n++;
        } else {
            break;
        }
    }
    return n;
}

int img_main(const char *prog, int argc, char **argv)
{
    ImgTool tool = { .prog = prog };
    int skip = img_trace_words(argc, argv);
    const char *word = argc > skip + 1 ? argv[skip + 1] : NULL;
    sigset_t set;

    argc -= skip;
    argv += skip;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1); /* asks for the progress; before there are threads */
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (!word) {
        return img_usage(&tool, "Not enough arguments");
    }
    if (!strcmp(word, "-h") || !strcmp(word, "--help")) {
        img_help(prog, NULL);
        return 0;
    }
    if (!strcmp(word, "-V") || !strcmp(word, "--version")) {
        img_version(prog);
        return 0;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(img_commands); i++) {
        if (!strcmp(word, img_commands[i]->name)) {
            return img_command_main(&tool, img_commands[i], argc - 1, argv + 1);
        }
    }
    if (word[0] == '-') {
        return img_usage(&tool, "unrecognized option '%s'", word);
    }
    return img_usage(&tool, "Command not found: %s", word);
}
