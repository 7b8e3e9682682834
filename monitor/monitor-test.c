/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/monitor-priv.h"

#include "monitor/json-frame.h"
#include "monitor/readline.h"
#include "tests/unit.h"

#include <stdio.h>
#include <string.h>

static Machine *test_machine(MonHost **h)
{
    static const MonHostConfig config = { .arch = "aarch64", .board = "none" };
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);

    *h = mon_host_new(m, &config);
    return m;
}

/* Answers to @text, without the greeting; NULL without QMP. */
static char *qmp(const char *text)
{
    MonHost *h;
    Machine *m = test_machine(&h);
    char *all = qmp_execute_text(h, text), *cut = NULL;

    if (all) {
        cut = g_strdup(strchr(all, '\n') + 1);
    }
    g_free(all);
    mon_host_free(h);
    machine_free(m);
    return cut;
}

static void expect_qmp(const char *request, const char *answer)
{
    g_autofree char *text = g_strconcat("{\"execute\": \"qmp_capabilities\"}\n", request, NULL);
    g_autofree char *all = qmp(text);
    g_autofree char *want = g_strconcat("{\"return\": {}}\n", answer, NULL);

    if (!all) {
        test_skip("built without jansson");
        return;
    }
    EXPECT_STR(all, want);
}

#define GENERIC(text)    "{\"error\": {\"class\": \"GenericError\", \"desc\": \"" text "\"}}\n"
#define NO_COMMAND(text) "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": \"" text "\"}}\n"

TEST(monitor, qmp_answers)
{
    expect_qmp("{\"execute\": \"query-name\"}", "{\"return\": {}}\n");
    expect_qmp("{\"execute\": \"query-kvm\", \"id\": {\"a\": [1, 2.5, null]}}",
               "{\"return\": {\"enabled\": false, \"present\": true}, "
               "\"id\": {\"a\": [1, 2.5, null]}}\n");
    /* no white space between, single quotes, parts of a value over several lines */
    expect_qmp("{'execute':'query-target'}{\n'execute'\n:'query-target'}",
               "{\"return\": {\"arch\": \"aarch64\"}}\n{\"return\": {\"arch\": \"aarch64\"}}\n");
    expect_qmp("{\"execute\": \"human-monitor-command\", \"arguments\": "
               "{\"command-line\": \"nonsense\"}}",
               "{\"return\": \"unknown command: 'nonsense'\\r\\n\"}\n");
}

TEST(monitor, qmp_errors)
{
    expect_qmp("{\"execute\": \"nosuch\"}", NO_COMMAND("The command nosuch has not been found"));
    expect_qmp("{\"execute\": 1}", GENERIC("QMP input member 'execute' must be a string"));
    expect_qmp("{\"exec\": 1}", GENERIC("QMP input member 'exec' is unexpected"));
    expect_qmp("{}", GENERIC("QMP input lacks member 'execute'"));
    expect_qmp("[1]", GENERIC("QMP input must be a JSON object"));
    expect_qmp("17 ", GENERIC("QMP input must be a JSON object"));
    expect_qmp("{\"execute\": \"cont\", \"arguments\": []}",
               GENERIC("QMP input member 'arguments' must be an object"));
    expect_qmp("{\"execute\": \"memsave\"}", GENERIC("Parameter 'val' is missing"));
    expect_qmp("{\"execute\": \"stop\", \"arguments\": {\"x\": 1}}",
               GENERIC("Parameter 'x' is unexpected"));
    expect_qmp("{\"execute\": \"pmemsave\", \"arguments\": {\"val\": \"a\"}}",
               GENERIC("Invalid parameter type for 'val', expected: integer"));
    expect_qmp("{\"execute\": \"qmp_capabilities\"}",
               NO_COMMAND("Capabilities negotiation is already complete, command ignored"));
    /* an error costs the rest of its line, no more */
    expect_qmp("!x\n{\"execute\": \"query-name\"}",
               GENERIC("JSON parse error, stray '!'") "{\"return\": {}}\n");
}

TEST(monitor, qmp_wants_negotiation)
{
    g_autofree char *all = qmp("{\"execute\": \"query-name\"}");

    if (!all) {
        test_skip("built without jansson");
        return;
    }
    EXPECT(strstr(all, "CommandNotFound") && strstr(all, "qmp_capabilities"));
}

/* Every name that the schema points to is there, once. */
TEST(monitor, schema_is_closed)
{
    g_autofree char *all =
        qmp("{\"execute\": \"qmp_capabilities\"}{\"execute\": \"query-qmp-schema\"}");
    static const char *const points[] = { "\"ret-type\": \"", "\"arg-type\": \"", "\"type\": \"",
                                          "\"element-type\": \"" };

    for (size_t i = 0; all && i < G_N_ELEMENTS(points); i++) {
        for (const char *p = all; (p = strstr(p, points[i]));) {
            g_autofree char *name = NULL, *entity = NULL;

            p += strlen(points[i]);
            name = g_strndup(p, strcspn(p, "\""));
            entity = g_strdup_printf("{\"name\": \"%s\", ", name);
            if (!strstr(all, entity)) {
                test_fail(__FILE__, __LINE__, "the schema has no %s", name);
            }
        }
    }
    if (!all) {
        test_skip("built without jansson");
    }
}

TEST(monitor, rows_have_what_they_promise)
{
    MonHost *h;
    Machine *m = test_machine(&h);

    for (unsigned i = 0; i < mon_n_commands; i++) {
        const MonCommand *c = &mon_commands[i];

        EXPECT(c->doc && *c->doc);
        EXPECT(!c->name == !c->qmp);
        EXPECT(!c->hmp == !c->hmp_fn);
        EXPECT(c->name || c->hmp);
        EXPECT(!c->name || mon_find_qmp(h, c->name) == c);
    }
    mon_host_free(h);
    machine_free(m);
}

TEST(monitor, what_works_without_a_guest)
{
    static const MonHostConfig config = { .no_guest = true };
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    MonHost *h = mon_host_new(m, &config);

    EXPECT(mon_find_qmp(h, "blockdev-add") && mon_find_qmp(h, "quit"));
    EXPECT(!mon_find_qmp(h, "stop") && !mon_find_qmp(h, "x-query-jit"));
    mon_host_free(h);
    machine_free(m);
}

static void expect_hmp(const char *line, const char *want)
{
    MonHost *h;
    Machine *m = test_machine(&h);
    g_autofree char *text = mon_hmp_execute(h, line, -1);

    if (strcmp(text, want)) {
        test_fail(__FILE__, __LINE__, "%s: \"%s\", not \"%s\"", line, text, want);
    }
    mon_host_free(h);
    machine_free(m);
}

TEST(monitor, hmp_expressions)
{
    expect_hmp("p 1+2*3", "0x7\n");
    expect_hmp("print/d (1+2)*-3", "-9\n");
    expect_hmp("p/x 255", "0xff\n");
    expect_hmp("p/u ~0", "18446744073709551615\n");
    expect_hmp("p/o 8", "010\n");
    expect_hmp("p/c 0x41", " 'A'\n");
    expect_hmp("p 1/0", "Error: division by zero\nTry \"help print\" for more information\n");
    expect_hmp("p -0x8000000000000000/-1", "0x8000000000000000\n");
    expect_hmp("p zz",
               "Error: invalid char 'z' in expression\nTry \"help print\" for more information\n");
    expect_hmp("x", "Error: No CPU\nTry \"help x\" for more information\n");
    expect_hmp("p ((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((1",
               "Error: the expression is nested too deeply\n"
               "Try \"help print\" for more information\n");
}

TEST(monitor, hmp_commands)
{
    expect_hmp("foo", "unknown command: 'foo'\n");
    expect_hmp("info foo", "unknown command: 'info foo'\n");
    expect_hmp("", "");
    expect_hmp("help stop", "stop|s -- stop emulation\n");
    expect_hmp("info uuid", "00000000-0000-0000-0000-000000000000\n");
    expect_hmp("xp/2x 0x1000", "0000000000001000: Cannot access memory\n");
    expect_hmp("migrate nowhere",
               "Error: Parameter 'uri' expects a valid migration protocol (file:PATH, fd:NAME)\n"
               "Try \"help migrate\" for more information\n");
}

/* ---- the line editor ---- */

typedef struct Typed {
    GString *lines, *out;
} Typed;

static void typed_write(void *opaque, const char *text, size_t len)
{
    g_string_append_len(((Typed *)opaque)->out, text, (gssize)len);
}

static void typed_execute(void *opaque, const char *line)
{
    g_string_append_printf(((Typed *)opaque)->lines, "%s;", line);
}

static void typed_complete(void *opaque, const char *before, GPtrArray *out)
{
    g_ptr_array_add(out, g_strdup("system_reset"));
    g_ptr_array_add(out, g_strdup("system_powerdown"));
}

static void expect_typed(const char *keys, const char *want)
{
    Typed t = { g_string_new(""), g_string_new("") };
    Readline r;

    readline_init(&r, "> ");
    r.write = typed_write;
    r.execute = typed_execute;
    r.complete = typed_complete;
    r.opaque = &t;
    for (; *keys; keys++) {
        readline_byte(&r, (uint8_t)*keys);
    }
    EXPECT_STR(t.lines->str, want);
    readline_deinit(&r);
    g_string_free(t.lines, TRUE);
    g_string_free(t.out, TRUE);
}

TEST(monitor, line_editor)
{
    expect_typed("abc\r", "abc;");
    expect_typed("abc\r\ndef\n", "abc;def;");
    expect_typed("acc\x7f\x7f"
                 "bc\r",
                 "abc;");
    expect_typed("bc\033[Ha\033[F!\r", "abc!;");
    expect_typed("ac\033[Db\r", "abc;");
    expect_typed("one\rtwo\r\033[A\033[A\r", "one;two;one;");
    expect_typed("one\rtw\033[A\033[Bo\r", "one;two;");
    expect_typed("\033[A\033[B\033[3~\x7f\x04x\r", "x;");
    expect_typed("foo bar\x17"
                 "baz\r",
                 "foo baz;");
    expect_typed("xyz\x15"
                 "a\r",
                 "a;");
    expect_typed("sys\t"
                 "r\r",
                 "system_r;");
}

TEST(monitor, frames)
{
    JsonFrame f;

    json_frame_init(&f);
    for (unsigned i = 0; i < JSON_FRAME_DEPTH; i++) {
        EXPECT_EQ(json_frame_byte(&f, '['), JSON_FRAME_MORE);
    }
    EXPECT_EQ(json_frame_byte(&f, '['), JSON_FRAME_ERROR);
    json_frame_next(&f);
    EXPECT_EQ(json_frame_byte(&f, '\n'), JSON_FRAME_MORE);
    EXPECT_EQ(json_frame_byte(&f, '"'), JSON_FRAME_MORE);
    EXPECT_EQ(json_frame_byte(&f, '}'), JSON_FRAME_MORE);
    EXPECT_EQ(json_frame_byte(&f, '"'), JSON_FRAME_VALUE);
    EXPECT_STR(f.text->str, "\"}\"");
    json_frame_deinit(&f);
}

/* What clients look for: blockdev-add/arg-type/+file/aio/^io_uring and the like. */
TEST(monitor, schema_of_blockdev_add)
{
    g_autofree char *all =
        qmp("{\"execute\": \"qmp_capabilities\"}{\"execute\": \"query-qmp-schema\"}");
    static const char *const parts[] = {
        "{\"name\": \"blockdev-add\", \"ret-type\": \"0\", \"arg-type\": \"blockdev\"",
        "{\"case\": \"file\", \"type\": \"blockdev.file\"}",
        "{\"name\": \"aio\", \"default\": null, \"type\": \"blockdev-aio\"}",
        "\"values\": [\"threads\", \"native\", \"io_uring\"]",
        "{\"name\": \"drop-cache\", \"default\": null, \"type\": \"bool\"}",
        "{\"case\": \"nbd\", \"type\": \"blockdev.nbd\"}",
        "{\"name\": \"tls-hostname\", \"default\": null, \"type\": \"str\"}",
    };

    for (size_t i = 0; all && i < G_N_ELEMENTS(parts); i++) {
        if (!strstr(all, parts[i])) {
            test_fail(__FILE__, __LINE__, "the schema has no %s", parts[i]);
        }
    }
    if (!all) {
        test_skip("built without jansson");
    }
}
