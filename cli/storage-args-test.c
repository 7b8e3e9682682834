/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/storage.h"

#include "tests/unit.h"

#include <string.h>

/* @text is cut at its blanks: the strings of steps are its parts. */
static bool parse(StorageArgs *a, GError **err, char *text)
{
    char *argv[20];
    int argc = 0;

    for (char *at = text, *word; (word = strsep(&at, " "));) {
        argv[argc++] = word;
    }
    return storage_args_parse(a, argc, argv, err);
}

static void expect_error(const char *text, const char *want)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *line = g_strdup(text);
    StorageArgs a;

    EXPECT(!parse(&a, &err, line));
    EXPECT_STR(err ? err->message : "", want);
    storage_args_deinit(&a);
}

TEST(storage, steps_keep_their_order)
{
    g_autoptr(GError) err = NULL;
    StorageArgs a;
    const StorageStep *s;
    char line[] = "storage --nbd-server addr.type=unix,addr.path=s --blockdev driver=null-co "
                  "--export=nbd,id=e --pidfile p --daemonize -T x";

    EXPECT(parse(&a, &err, line));
    s = (const StorageStep *)a.steps->data;
    EXPECT_EQ(a.steps->len, 4);
    EXPECT(s[0].kind == STORAGE_NBD_SERVER && s[1].kind == STORAGE_BLOCKDEV);
    EXPECT(s[2].kind == STORAGE_EXPORT && s[3].kind == STORAGE_TRACE);
    EXPECT_STR(s[2].text, "nbd,id=e");
    EXPECT_STR(a.pidfile, "p");
    EXPECT(a.daemonize && !a.show);
    storage_args_deinit(&a);
}

TEST(storage, what_is_wrong_is_named)
{
    expect_error("storage --nope", "unrecognized option '--nope'");
    expect_error("storage --blockdef x",
                 "unrecognized option '--blockdef', did you mean blockdev?");
    expect_error("storage disk.qcow2", "disk.qcow2: Unexpected argument");
    expect_error("storage --monitor", "option '--monitor' requires an argument");
    expect_error("storage --daemonize=on", "option '--daemonize' doesn't allow an argument");
}

TEST(storage, help_ends_the_line)
{
    g_autoptr(GError) err = NULL;
    char line[] = "storage -h --nope", version[] = "storage --version";
    StorageArgs a;
    g_autofree char *help = storage_help("storage"), *manual = storage_manual();

    EXPECT(parse(&a, &err, line));
    EXPECT_EQ(a.show, STORAGE_HELP);
    EXPECT(strstr(help, "--nbd-server") && strstr(manual, "nbd-server"));
    storage_args_deinit(&a);
    EXPECT(parse(&a, &err, version));
    EXPECT_EQ(a.show, STORAGE_VERSION);
    storage_args_deinit(&a);
}
