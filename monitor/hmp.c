/* SPDX-License-Identifier: Apache-2.0 */
/* The human monitor: lines in, text out. */
#include "monitor/monitor-priv.h"

#include "monitor/readline.h"

#include <string.h>

enum { HMP_LINE_MAX = 4096 };

struct Hmp {
    Monitor *mon;
    Readline line;
    int cpu_index;
    bool greeted;
};

static void hmp_failed(const MonCall *c, const char *message, GString *out)
{
    size_t len = strcspn(c->cmd->hmp, "|");

    g_string_append_printf(out, "Error: %s\n", message);
    if (!c->plain_error) {
        g_string_append_printf(out, "Try \"help %.*s\" for more information\n", (int)len,
                               c->cmd->hmp);
    }
}

void hmp_execute(MonHost *h, Monitor *mon, const char *line, int *cpu_index, GString *out)
{
    g_autofree char *copy = g_strstrip(g_strndup(line, HMP_LINE_MAX));
    const MonCommand *cmd;
    const char *rest;
    GError *err = NULL;
    MonCall c;

    if (!*copy || *copy == '#') {
        return;
    }
    cmd = mon_find_hmp(copy, &rest);
    if (!cmd) {
        g_string_append_printf(out, "unknown command: '%s'\n", copy);
        return;
    }
    c = (MonCall){ .host = h,
                   .m = h->machine,
                   .mon = mon,
                   .cmd = cmd,
                   .line = rest,
                   .text = out,
                   .cpu_index = cpu_index };
    if (!cmd->hmp_fn(&c, &err)) {
        hmp_failed(&c, err->message, out);
        g_error_free(err);
    }
}

static void hmp_write(void *opaque, const char *text, size_t len)
{
    Hmp *hmp = opaque;

    chardev_write(hmp->mon->chardev, text, len);
}

static void hmp_line(void *opaque, const char *line)
{
    Hmp *hmp = opaque;
    g_autoptr(GString) out = g_string_new(""), crlf = g_string_new("");

    hmp_execute(hmp->mon->host, hmp->mon, line, &hmp->cpu_index, out);
    for (gsize i = 0; i < out->len; i++) {
        if (out->str[i] == '\n') {
            g_string_append_c(crlf, '\r');
        }
        g_string_append_c(crlf, out->str[i]);
    }
    hmp_write(hmp, crlf->str, crlf->len);
    readline_show(&hmp->line);
}

/* Names of commands at the beginning, of subcommands after "info", of commands after "help". */
static void hmp_complete(void *opaque, const char *before, GPtrArray *out)
{
    bool info = g_str_has_prefix(before, "info "), help = g_str_has_prefix(before, "help ");
    const char *typed = info || help ? before + 5 : before;

    if (strchr(typed, ' ')) {
        return;
    }
    for (unsigned i = 0; i < mon_n_commands; i++) {
        const char *names = mon_commands[i].hmp;
        size_t len;

        if (!names || g_str_has_prefix(names, "info ") != info) {
            continue;
        }
        names += info ? 5 : 0;
        len = strcspn(names, "|");
        if (!strncmp(names, typed, strlen(typed))) {
            g_ptr_array_add(out, g_strndup(names, len));
        }
    }
}

static void hmp_read(void *opaque, const uint8_t *buf, unsigned len)
{
    Monitor *mon = opaque;

    for (unsigned i = 0; i < len; i++) {
        readline_byte(&mon->hmp->line, buf[i]);
    }
}

static void hmp_greet(Hmp *hmp)
{
    static const char text[] =
        "tinamou " TINAMOU_VERSION " monitor - type 'help' for more information\r\n";

    if (!hmp->greeted) {
        hmp_write(hmp, text, sizeof(text) - 1);
    }
    hmp->greeted = true;
    readline_show(&hmp->line);
}

/* On a mux the monitor greets when it is first looked at, not into the guest's output. */
static void hmp_char_event(void *opaque, CharEvent event)
{
    Monitor *mon = opaque;
    bool mux = chardev_is_mux(mon->chardev);

    if (event == CHAR_OPENED && !mux) {
        mon->hmp->greeted = false;
        hmp_greet(mon->hmp);
    } else if (event == CHAR_FOCUS && mux) {
        hmp_write(mon->hmp, "\r\n", 2);
        hmp_greet(mon->hmp);
    } else if (event == CHAR_UNFOCUS && mux && mon->hmp->greeted) {
        hmp_write(mon->hmp, "\r\n", 2);
    }
}

static const CharHandlers hmp_handlers = { NULL, hmp_read, hmp_char_event };

bool hmp_start(Monitor *mon, GError **err)
{
    Hmp *hmp = g_new0(Hmp, 1);

    mon->hmp = hmp;
    hmp->mon = mon;
    readline_init(&hmp->line, "(qemu) ");
    hmp->line.write = hmp_write;
    hmp->line.execute = hmp_line;
    hmp->line.complete = hmp_complete;
    hmp->line.opaque = hmp;
    if (!chardev_attach(mon->chardev, &hmp_handlers, mon, err)) {
        hmp_stop(mon);
        return false;
    }
    return true;
}

void hmp_stop(Monitor *mon)
{
    readline_deinit(&mon->hmp->line);
    g_free(mon->hmp);
    mon->hmp = NULL;
}
