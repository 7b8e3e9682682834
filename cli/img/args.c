/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments, messages, progress and numbers of `tinamou img`. */
#include "cli/img/img-priv.h"

#include "util/size.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

const char *img_arg(const ImgArgs *a, int key)
{
    for (unsigned i = a->n; i-- > 0;) {
        if (a->list[i].key == key) {
            return a->list[i].value;
        }
    }
    return NULL;
}

bool img_has(const ImgArgs *a, int key)
{
    return img_arg(a, key) != NULL;
}

char *img_arg_joined(const ImgArgs *a, int key)
{
    GString *s = NULL;

    for (unsigned i = 0; i < a->n; i++) {
        if (a->list[i].key == key) {
            s = s ? g_string_append_c(s, ',') : g_string_new(NULL);
            g_string_append(s, a->list[i].value);
        }
    }
    return s ? g_string_free(s, FALSE) : NULL;
}

bool img_arg_json(ImgTool *t, const ImgArgs *a, bool *json)
{
    const char *text = img_arg(a, IMG_OPT_OUTPUT);

    *json = text && !strcmp(text, "json");
    if (text && !*json && strcmp(text, "human")) {
        img_fail(t, "--output must be used with human or json as argument.");
        return false;
    }
    return true;
}

bool img_is_help(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);

    for (char **p = parts; *p; p++) {
        if (!strcmp(*p, "help") || !strcmp(*p, "?")) {
            return true;
        }
    }
    return false;
}

bool img_parse_size(ImgTool *t, const char *what, const char *text, uint64_t max, uint64_t *value)
{
    g_autoptr(GError) err = NULL;

    *value = 0;
    if (!size_parse(text, 1, value, &err) && *value != UINT64_MAX) {
        img_fail(t,
                 "Invalid %s specified. You may use k, M, G, T, P or E suffixes for\n"
                 "%s: kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.",
                 what, t->prog);
        return false;
    }
    if (err || *value > max) {
        img_fail(t, "Invalid %s specified. Must be between 0 and %" G_GUINT64_FORMAT ".", what,
                 max);
        return false;
    }
    return true;
}

int img_fail(ImgTool *t, const char *fmt, ...)
{
    va_list ap;

    fflush(stdout);
    fprintf(stderr, "%s: ", t->prog);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    return 1;
}

int img_usage(ImgTool *t, const char *fmt, ...)
{
    g_autofree char *text = NULL;
    va_list ap;

    va_start(ap, fmt);
    text = g_strdup_vprintf(fmt, ap);
    va_end(ap);
    img_fail(t, "%s\nTry '%s --help' for more information", text, t->prog);
    return 1;
}

int img_fail_err(ImgTool *t, GError *take_err)
{
    img_fail(t, "%s", take_err->message);
    g_error_free(take_err);
    return 1;
}

/* ---- Progress: "    (12.34/100%)" and a carriage return ---- */

void img_progress_start(ImgProgress *p, bool on)
{
    sigset_t set;

    *p = (ImgProgress){ .on = on };
    if (!on) {
        sigemptyset(&set);
        sigaddset(&set, SIGUSR1);
        p->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC); /* blocked since the start */
        p->listens = p->fd >= 0;
    }
    img_progress(p, 0);
}

void img_progress(ImgProgress *p, double percent)
{
    struct signalfd_siginfo info;

    if (p->listens && read(p->fd, &info, sizeof(info)) == sizeof(info)) {
        fprintf(stderr, "    (%3.2f/100%%)\n", percent);
    }
    /* Each hundredth of what a terminal can show is enough. */
    if (!p->on || (percent > 0 && percent < 100 && percent < p->last + 0.5)) {
        return;
    }
    p->last = percent;
    printf("    (%3.2f/100%%)\r", percent);
    fflush(stdout);
}

void img_progress_end(ImgProgress *p)
{
    if (p->on) {
        putchar('\n');
        fflush(stdout);
    }
    if (p->listens) {
        close(p->fd);
    }
    p->on = p->listens = false;
}

/* ---- Numbers ---- */

char *img_size_text(uint64_t bytes)
{
    return size_text_short(bytes);
}

char *img_size_long(double bytes)
{
    static const char *const units[] = { " bytes", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB" };
    char number[40];
    char *zeros;
    unsigned i = 0;

    while (i + 1 < G_N_ELEMENTS(units) && bytes >= 1024) {
        bytes /= 1024;
        i++;
    }
    g_snprintf(number, sizeof(number), "%.3f", bytes);
    zeros = strstr(number, ".000");
    if (zeros) {
        *zeros = 0;
    }
    return g_strconcat(number, units[i], NULL);
}

bool img_is_zero(const void *buf, size_t len)
{
    const unsigned char *p = buf;

    /* The first 16 bytes, then the rest against itself, 16 bytes apart: memcmp is vector code. */
    for (size_t i = 0; i < len && i < 16; i++) {
        if (p[i]) {
            return false;
        }
    }
    return len <= 16 || !memcmp(p, p + 16, len - 16);
}
