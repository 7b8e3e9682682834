/* SPDX-License-Identifier: Apache-2.0 */
#include "chardev/chardev.h"

#include "core/event/loop.h"
#include "core/machine.h"
#include "tests/unit.h"
#include "util/options.h"

#include <glib.h>
#include <glib/gstdio.h>
#include <string.h>

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
