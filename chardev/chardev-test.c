/* SPDX-License-Identifier: Apache-2.0 */
#include "chardev/chardev.h"

#include "core/event/loop.h"
#include "core/machine.h"
#include "tests/unit.h"
#include "util/options.h"

#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* "file:" takes what follows for a path, whatever characters it has. */
TEST(chardev, path_with_an_equals_sign)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    g_autofree char *folder = g_dir_make_tmp("tinamou=XXXXXX", &err);
    g_autofree char *path = g_build_filename(folder, "a=b.log", NULL);
    g_autofree char *text = g_strconcat("file:", path, NULL);
    g_autofree char *seen = NULL;
    Chardev *c = chardev_new(m, NULL, text, &err);

    EXPECT(c != NULL);
    if (c) {
        chardev_write(c, "line\n", 5);
        chardev_free(c);
        EXPECT(g_file_get_contents(path, &seen, NULL, &err));
        EXPECT_STR(seen, "line\n");
    }
    g_unlink(path);
    g_rmdir(folder);
    machine_free(m);
}

TEST(chardev, messages)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);

    EXPECT(!chardev_new(m, NULL, "file:", &err));
    EXPECT(err != NULL);
    g_clear_error(&err);
    EXPECT(!chardev_new(m, NULL, "fiel:/tmp/x", &err));
    EXPECT(err && g_strrstr(err->message, "file"));
    machine_free(m);
}

static Chardev *ct_new(Machine *m, const char *text, GError **err)
{
    Chardev *c = NULL;
    Options o;

    g_clear_error(err);
    if (options_parse(&o, text, "backend", err)) {
        c = chardev_new_options(m, &o, NULL, err);
        options_deinit(&o);
    }
    return c;
}

TEST(chardev, options)
{
    const char *const bad[][2] = {
        { "null", "no id specified" },
        { "null,id=c,colour=red", "colour=red" },
        { "pty,id=c,colour=red", "colour=red" },
        { "null,id=c,logfile=/nowhere/x", "logfile=/nowhere/x: cannot be written" },
        { "socket,id=c", "neither path=" },
        { "socket,id=c,path=/tmp/x,reconnect=1,server=on", "for a client" },
        { "socket,id=c,port=5,to=7", "to=7: is for a server" },
        { "socket,id=c,port=5,to=4,server=on", "to=4" },
        { "socket,id=c,path=/nowhere/x", "cannot connect to '/nowhere/x'" },
        { "socket,id=c,path=/nowhere/x,reconect=1", "did you mean reconnect" },
        { "udp,id=c", "port= is missing" },
        { "udp,id=c,port=x", "port 'x'" },
        { "udp,id=c,host=127.0.0.1,port=9,localport=99999", "port '99999'" },
        { "udp,id=c,udp=9", "expected [HOST]:PORT" },
        { "serial,id=c", "path= is missing" },
        { "tty,id=c,path=/nowhere/x", "cannot open '/nowhere/x'" },
        { "serial,id=c,path=/dev/null", "'/dev/null' is no serial line" },
    };
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    Chardev *c;

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        EXPECT(!ct_new(m, bad[i][0], &err));
        EXPECT(err && strstr(err->message, bad[i][1]));
    }
    c = ct_new(m, "null,id=c,mux=on", &err);
    EXPECT(c && chardev_is_mux(c) && !strcmp(chardev_id(c), "c"));
    chardev_free(c);
    machine_free(m);
}

TEST(chardev, a_copy_in_a_file)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    g_autofree char *folder = g_dir_make_tmp("tinamou-XXXXXX", &err);
    g_autofree char *path = g_build_filename(folder, "log", NULL);
    g_autofree char *first = g_strconcat("null,id=c,logfile=", path, NULL);
    g_autofree char *more = g_strconcat(first, ",logappend=on", NULL);
    const char *const texts[] = { first, first, more };
    g_autofree char *seen = NULL;

    for (unsigned i = 0; i < G_N_ELEMENTS(texts); i++) {
        Chardev *c = ct_new(m, texts[i], &err);

        EXPECT(c != NULL);
        if (c) {
            chardev_write(c, "line\n", 5);
            chardev_free(c);
        }
    }
    EXPECT(g_file_get_contents(path, &seen, NULL, &err));
    EXPECT_STR(seen, "line\nline\n");
    g_unlink(path);
    g_rmdir(folder);
    machine_free(m);
}

/* The client is there before its server, and after it. */
static void ct_reconnect(const char *at, const char *more)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    g_autofree char *client = g_strdup_printf("socket,id=c,%s,reconnect=1", at);
    g_autofree char *server = g_strdup_printf("socket,id=s,%s,server,nowait%s", at, more);
    Chardev *c = ct_new(m, client, &err);

    EXPECT(c && !chardev_is_open(c));
    for (unsigned round = 0; c && round < 2; round++) {
        Chardev *s = ct_new(m, server, &err);

        EXPECT(s != NULL);
        for (unsigned i = 0; s && i < 4000 && !chardev_is_open(s); i++) {
            loop_iterate(m, false);
            g_usleep(1000);
        }
        EXPECT(s && chardev_is_open(s) && chardev_is_open(c));
        chardev_free(s);
        chardev_disconnect(c);
        EXPECT(!chardev_is_open(c));
    }
    chardev_free(c);
    machine_free(m);
}

TEST(chardev, client_that_tries_again)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *folder = g_dir_make_tmp("tinamou-XXXXXX", &err);
    g_autofree char *path = g_strdup_printf("path=%s/s", folder);
    g_autofree char *name = g_strdup_printf("path=%s,abstract=on", folder);

    ct_reconnect(path, "");
    ct_reconnect(name, ",delay=off");
    g_rmdir(folder);
}

TEST(chardev, first_free_port)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    const char *text = "socket,id=a,host=127.0.0.1,port=0,ipv6=off,server=on,wait=off";
    const char *again = "socket,id=a,host=127.0.0.1,port=40000,to=40040,ipv4=on,server=on,wait=off";
    Chardev *c[2];

    c[0] = ct_new(m, again, &err);
    c[1] = ct_new(m, again, &err); /* the next one */
    EXPECT(c[0] && c[1]);
    chardev_free(c[0]);
    chardev_free(c[1]);
    c[0] = ct_new(m, text, &err);
    EXPECT(c[0] != NULL);
    chardev_free(c[0]);
    machine_free(m);
}

/* A front end that takes three bytes at a time. */
typedef struct Slow {
    GString *got;
    unsigned room;
} Slow;

static unsigned slow_room(void *opaque)
{
    return ((Slow *)opaque)->room;
}

static void slow_read(void *opaque, const uint8_t *buf, unsigned len)
{
    Slow *s = opaque;

    g_string_append_len(s->got, (const char *)buf, len);
    s->room -= len;
}

static const CharHandlers slow_handlers = { slow_room, slow_read, NULL };

static void ct_read(Machine *m, Chardev *c, Slow *s, const char *expected)
{
    for (unsigned i = 0; i < 4000 && strcmp(s->got->str, expected); i++) {
        loop_iterate(m, false);
        if (!s->room) {
            s->room = 3;
            chardev_accept_input(c);
        }
        g_usleep(100);
    }
    EXPECT_STR(s->got->str, expected);
    g_string_truncate(s->got, 0);
}

TEST(chardev, datagrams)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    Slow s = { g_string_new(""), 3 };
    Chardev *a = NULL, *b = NULL;

    for (unsigned port = 41000; port < 41100 && !b; port += 2) {
        g_autofree char *one = g_strdup_printf(
            "udp,id=a,host=127.0.0.1,port=%u,localaddr=127.0.0.1,localport=%u", port, port + 1);
        g_autofree char *other = g_strdup_printf("udp:127.0.0.1:%u@127.0.0.1:%u", port + 1, port);

        chardev_free(a);
        a = ct_new(m, one, &err);
        b = a ? chardev_new(m, "b", other, &err) : NULL;
    }
    EXPECT(a && b && chardev_is_open(b) && g_str_has_prefix(chardev_where(b), "udp:127.0.0.1:"));
    if (a && b) {
        EXPECT(chardev_attach(b, &slow_handlers, &s, &err));
        chardev_write(a, "", 0);
        chardev_write(a, "0123456789", 10);
        chardev_write(a, "abcd", 4);
        ct_read(m, b, &s, "0123456789abcd");
        chardev_free(b);
        chardev_write(a, "lost", 4); /* nobody is there */
        chardev_write(a, "lost", 4);
        EXPECT(chardev_is_open(a));
    }
    chardev_free(a);
    machine_free(m);
    g_string_free(s.got, TRUE);
}

TEST(chardev, line_of_the_host)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    Slow s = { g_string_new(""), 3 };
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    char name[64], buf[8] = "";
    g_autofree char *text = NULL;
    Chardev *c;

    EXPECT(master >= 0 && !grantpt(master) && !unlockpt(master) &&
           !ptsname_r(master, name, sizeof(name)));
    text = g_strdup_printf("tty:%s", name);
    c = chardev_new(m, "c", text, &err);
    EXPECT(c && !strcmp(chardev_kind(c), "serial") && chardev_attach(c, &slow_handlers, &s, &err));
    if (c) {
        chardev_write(c, "x\ny", 3); /* raw: no carriage return, no echo */
        EXPECT(read(master, buf, sizeof(buf)) == 3 && !memcmp(buf, "x\ny", 3));
        EXPECT(write(master, "a\rb", 3) == 3);
        ct_read(m, c, &s, "a\rb");
    }
    chardev_free(c);
    close(master);
    machine_free(m);
    g_string_free(s.got, TRUE);
}
