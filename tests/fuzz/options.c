/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Option strings, JSON options, command lines, and nodes opened from what they say. Names of
 * files are in memory; what could reach the host's files or network is left out by words.
 */
#include "tests/fuzz/fuzz.h"

#include "block/net/stream.h"
#include "cli/config.h"
#include "util/size.h"

#include <string.h>

static bool options_are_harmless(const char *text)
{
    static const char *const words[] = {
        "/",           "\\u",      "nbd",   "http", "ftp", "host", "driver\":\"file",
        "driver=file", "snapshot", "secret"
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        if (strcasestr(text, words[i])) {
            return false;
        }
    }
    return true;
}

static void options_use(Options *o)
{
    g_autoptr(GError) err = NULL;
    uint64_t v;
    bool b;
    SocketName s;

    (void)options_get(o, "driver");
    (void)!options_get_size(o, "size", 0, &v, &err);
    g_clear_error(&err);
    (void)!options_get_number(o, "number", 0, &v, &err);
    g_clear_error(&err);
    (void)!options_get_bool(o, "read-only", false, &b, &err);
    g_clear_error(&err);
    if (socket_name_parse(&s, NULL, o, "server", "1", &err)) {
        g_free(socket_name_text(&s));
    }
    socket_name_deinit(&s);
    g_clear_error(&err);
    (void)!options_all_used(o, (const char *const[]){ "driver", "size" }, 2, &err);
}

static void options_open(BlockGraph *g, Options *o)
{
    g_autoptr(GError) err = NULL;
    uint8_t buf[512] = { 0 };
    BlockNode *n;

    block_memory_set_size(block_memory_new(g, "img", 4 << 20), 1 << 20);
    n = block_node_open(g, o, BLOCK_OPEN_NO_BACKING, &err);
    if (n) {
        GVariant *told = block_node_specific(n);

        if (told) {
            g_variant_unref(g_variant_ref_sink(told));
        }
        (void)block_node_write(n, 0, buf, 512, 0);
        (void)block_node_read(n, 0, buf, MIN(block_node_size(n), 512));
        block_node_unref(n);
    }
}

static void options_values(const char *text)
{
    g_autoptr(GError) err = NULL;
    SmpConfig smp;
    MachineActions a;
    RtcConfig rtc;
    IcountConfig ic;
    uint8_t uuid[16];
    uint64_t v;

    (void)!smp_parse(&smp, text, &err);
    g_clear_error(&err);
    (void)!memory_size_parse(&v, text, &err);
    g_clear_error(&err);
    (void)!actions_parse(&a, text, &err);
    g_clear_error(&err);
    (void)!rtc_parse(&rtc, text, &err);
    g_clear_error(&err);
    (void)!icount_parse(&ic, text, &err);
    g_clear_error(&err);
    (void)!uuid_parse(text, uuid, &err);
}

static void options_command_line(char *text)
{
    g_autoptr(GError) err = NULL;
    g_auto(GStrv) argv = g_strsplit(text, "\n", 16);
    SystemConfig c;

    config_init(&c, "aarch64");
    (void)!config_parse(&c, (int)g_strv_length(argv), argv, &err);
    config_deinit(&c);
}

static void options_input(BlockGraph *g, FuzzIn *in)
{
    g_autoptr(GError) err = NULL;
    uint8_t how = fuzz_u8(in) % 6;
    g_autofree char *text = g_strndup((const char *)in->p, in->len);
    Options o;

    if (how == 4) {
        options_values(text);
    } else if (how == 5) {
        options_command_line(text);
    } else if ((how < 2 ? options_parse(&o, text, how ? "driver" : NULL, &err)
                        : options_parse_json(&o, text, &err))) {
        if (how == 0 || how == 2 || !options_are_harmless(text)) {
            options_use(&o);
        } else {
            options_open(g, &o);
        }
        options_deinit(&o);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_in_graph(options_input, data, size);
    return 0;
}
