/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QMP text as a client sends it, and HMP lines, on a machine. What would write files, connect or
 * run programs is left out by words, since it is the host that it would work on.
 */
#include "tests/fuzz/machine.h"

#include "monitor/monitor-priv.h"

#include <string.h>

static bool monitor_is_harmless(const char *text)
{
    static const char *const words[] = {
        "/",      "\\u",    "file",   "exec",   "gdbserver", "migrate", "dump",  "save",  "chardev",
        "nbd",    "log",    "tcp",    "unix",   "socket",    "telnet",  "pty",   "http",  "ftp",
        "export", "create", "backup", "mirror", "snapshot",  "change",  "trace", "drive", "json:",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strcasestr(text, words[i])) {
            return false;
        }
    }
    return true;
}

static void monitor_expr(MonHost *h, const char *text)
{
    MonCall c = { .host = h, .m = h->machine };
    g_autoptr(GError) err = NULL;
    int64_t value;

    (void)!mon_expr_parse(&c, &text, &value, &err);
}

static void monitor_lines(MonHost *h, const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", 32);

    for (char **l = lines; *l; l++) {
        g_free(mon_hmp_execute(h, *l, -1));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const MonHostConfig config = { .arch = "aarch64", .board = "virt" };
    FuzzIn in = { data, size };
    g_autoptr(GError) err = NULL;
    uint8_t how = fuzz_u8(&in) % 3;
    g_autofree char *text = g_strndup((const char *)in.p, in.len);
    Machine *m;
    MonHost *h;

    if (!monitor_is_harmless(text)) {
        return -1;
    }
    m = fuzz_machine(NULL, NULL, &err);
    h = mon_host_new(m, &config);
    if (how == 0) {
        g_autofree char *all =
            g_strconcat("{\"execute\": \"qmp_capabilities\"}\n", text, "\n", NULL);

        g_free(qmp_execute_text(h, all));
    } else if (how == 1) {
        monitor_lines(h, text);
    } else {
        monitor_expr(h, text);
    }
    mon_host_free(h);
    machine_free(m);
    return 0;
}
