/* SPDX-License-Identifier: Apache-2.0 */
#include "chardev/chardev.h"

#include "core/machine.h"
#include "tests/unit.h"

#include <glib.h>
#include <glib/gstdio.h>

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
