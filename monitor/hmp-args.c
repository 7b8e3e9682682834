/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/hmp-args.h"

#include "util/size.h"

#include <string.h>

/* ---- The line ---- */

static const char *hmp_name(const MonCall *c)
{
    return g_str_has_prefix(c->cmd->hmp, "info ") ? c->cmd->hmp + 5 : c->cmd->hmp;
}

static bool hmp_wrong(MonCall *c, const char *fmt, ...) G_GNUC_PRINTF(2, 3);

/* Commands go by their first name; "info block" is "block" to itself. */
static bool hmp_wrong(MonCall *c, const char *fmt, ...)
{
    int len = (int)strcspn(c->cmd->hmp, "|");
    va_list ap;

    va_start(ap, fmt);
    g_string_append_vprintf(c->text, fmt, ap);
    va_end(ap);
    g_string_append_printf(c->text, "\nTry \"help %.*s\" for more information\n", len, c->cmd->hmp);
    return false;
}

static bool hmp_take_flag(MonCall *c, const char *spec, char flag, HmpArg *a)
{
    const char *p = c->line;

    if (mon_call_flag(c, flag)) {
        a->present = true;
        return true;
    }
    /* A flag of another of the command's letters has its turn yet, or had it: it is a word then. */
    if (p[0] == '-' && g_ascii_isalpha(p[1]) && (!p[2] || p[2] == ' ')) {
        const char key[] = { ':', '-', p[1], 0 };

        if (!strstr(spec, key)) {
            return hmp_wrong(c, "%s: unsupported option -%c", hmp_name(c), p[1]);
        }
    }
    return true;
}

static bool hmp_take_size(MonCall *c, HmpArg *a)
{
    g_autofree char *word = mon_call_word(c);
    g_autoptr(GError) ignored = NULL;
    uint64_t bytes;

    if (!word || !size_parse(word, 1 << 20, &bytes, &ignored) || bytes > INT64_MAX) {
        return hmp_wrong(c, "invalid size");
    }
    a->num = (int64_t)bytes;
    return true;
}

static bool hmp_take_number(MonCall *c, HmpArg *a)
{
    g_autoptr(GError) wrong = NULL;
    const char *p = c->line;

    if (!*p) {
        return hmp_wrong(c, "unexpected end of expression");
    }
    if (!mon_expr_parse(c, &p, &a->num, &wrong)) {
        return hmp_wrong(c, "%s", wrong->message);
    }
    c->line = p + strspn(p, " \t");
    return true;
}

static bool hmp_take(MonCall *c, char type, HmpArg *a)
{
    a->present = true;
    switch (type) {
    case 'o':
        return hmp_take_size(c, a);
    case 'l':
        return hmp_take_number(c, a);
    case 'S':
        a->str = g_strdup(c->line);
        c->line += strlen(c->line);
        return true;
    default:
        a->str = mon_call_word(c);
        break;
    }
    return a->str || hmp_wrong(c, "%s: %s expected", hmp_name(c),
                               type == 'B'   ? "block device name"
                               : type == 'F' ? "filename"
                                             : "string");
}

bool hmp_args(MonCall *c, const char *spec, HmpArgs *a)
{
    g_auto(GStrv) parts = g_strsplit(spec, ",", -1);

    *a = (HmpArgs){ 0 };
    c->plain_error = true;
    for (char **p = parts; *p && **p; p++) {
        HmpArg *arg = &a->list[a->n++];
        size_t len = strcspn(*p, ":");
        const char *type = *p + len + 1;

        arg->name = g_strndup(*p, len);
        if (*type == '-' ? !hmp_take_flag(c, spec, type[1], arg)
                         : (*c->line || type[1] != '?') && !hmp_take(c, *type, arg)) {
            hmp_args_free(a);
            return false;
        }
    }
    if (*c->line) {
        hmp_args_free(a);
        return hmp_wrong(c, "%s: extraneous characters at the end of line", hmp_name(c));
    }
    return true;
}

void hmp_args_free(HmpArgs *a)
{
    for (unsigned i = 0; i < a->n; i++) {
        g_free(a->list[i].name);
        g_free(a->list[i].str);
    }
    a->n = 0;
}

static const HmpArg *hmp_find(const HmpArgs *a, const char *name)
{
    for (unsigned i = 0; i < a->n; i++) {
        if (!strcmp(a->list[i].name, name)) {
            return &a->list[i];
        }
    }
    return NULL;
}

const char *hmp_str(const HmpArgs *a, const char *name)
{
    const HmpArg *arg = hmp_find(a, name);

    return arg ? arg->str : NULL;
}

int64_t hmp_num(const HmpArgs *a, const char *name)
{
    const HmpArg *arg = hmp_find(a, name);

    return arg ? arg->num : 0;
}

bool hmp_flag(const HmpArgs *a, const char *name)
{
    const HmpArg *arg = hmp_find(a, name);

    return arg && arg->present;
}

/* ---- The call ---- */

static MonValue *hmp_value(HmpCall *h, const char *name)
{
    for (unsigned i = 0; i < mon_command_n_args(h->q.cmd); i++) {
        if (!strcmp(h->q.cmd->args[i].name, name)) {
            h->q.args[i].present = true;
            return &h->q.args[i];
        }
    }
    return NULL;
}

void hmp_set_str(HmpCall *h, const char *name, const char *value)
{
    MonValue *v = value ? hmp_value(h, name) : NULL;

    if (v) {
        v->str = value;
    }
}

void hmp_set_num(HmpCall *h, const char *name, int64_t value)
{
    MonValue *v = hmp_value(h, name);

    if (v) {
        v->num = value;
    }
}

void hmp_set_flag(HmpCall *h, const char *name, bool value)
{
    MonValue *v = hmp_value(h, name);

    if (v) {
        v->flag = value;
    }
}

void hmp_call(HmpCall *h, MonCall *c, const char *command, const HmpArgs *a)
{
    *h =
        (HmpCall){ .q = { .host = c->host, .m = c->m, .mon = c->mon }, .answer = g_string_new("") };
    h->q.cmd = mon_find_qmp(c->host, command);
    h->q.out = &h->out;
    json_out_init(&h->out, h->answer, false);
    c->plain_error = true;
    for (unsigned i = 0; a && h->q.cmd && i < a->n; i++) {
        const HmpArg *arg = &a->list[i];
        MonValue *v = arg->present ? hmp_value(h, arg->name) : NULL;

        if (v) {
            v->str = arg->str;
            v->num = arg->num;
            v->flag = true;
        }
    }
}

bool hmp_call_run(HmpCall *h, GError **err)
{
    bool ok =
        h->q.cmd ? h->q.cmd->qmp(&h->q, err) : error_set(err, "the command is not known here");

    g_string_free(h->answer, TRUE);
    return ok;
}
