/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures of what graphic consoles show. */
#include "monitor/commands.h"
#include "ui/console.h"
#include "ui/picture.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* The console of @head of device @id, an id or a path; of none: the first. */
static Console *display_find(MonCall *c, const char *id, int64_t head, GError **err)
{
    Device *dev;
    Console *con;

    if (!id) {
        con = console_get(c->m, 0);
        if (!con) {
            error_set(err, "There is no console to take a screendump from");
        }
        return con;
    }
    dev = device_find(c->m, id);
    if (!dev) {
        c->error_class = "DeviceNotFound";
        error_set(err, "Device '%s' not found", id);
        return NULL;
    }
    con =
        head < 0 || head > UINT32_MAX ? NULL : console_find(c->m, device_path(dev), (unsigned)head);
    if (!con) {
        error_set(err, "Device %s (head %" PRId64 ") is not bound to a QemuConsole", id, head);
    }
    return con;
}

static bool display_dump(MonCall *c, const char *file, const char *id, int64_t head,
                         PictureFormat format, GError **err)
{
    Console *con = display_find(c, id, head, err);
    g_autoptr(GByteArray) bytes = NULL;
    ConsoleViewer *v;
    ConsoleView view;

    if (!con) {
        return false;
    }
    v = console_watch(con);
    console_refresh(con);
    console_look(v, &view);
    if (view.width) {
        bytes = picture_encode(format, view.pixels, view.width, view.height, view.stride);
    }
    console_look_end(v);
    console_unwatch(v);
    if (!bytes) {
        return error_set(err, "no surface");
    }
    return picture_save(file, bytes, err);
}

static bool display_format(const char *name, PictureFormat *format)
{
    *format = name && !strcmp(name, "png") ? PICTURE_PNG : PICTURE_PPM;
    return !name || !strcmp(name, "png") || !strcmp(name, "ppm");
}

bool cmd_screendump(MonCall *c, GError **err)
{
    PictureFormat format;

    if (!display_format(c->args[3].present ? c->args[3].str : NULL, &format)) {
        return error_set(err, "Parameter 'format' does not accept value '%s'", c->args[3].str);
    }
    if (c->args[2].present && !c->args[1].present) {
        return error_set(err, "'head' must be specified together with 'device'");
    }
    return display_dump(c, c->args[0].str, c->args[1].present ? c->args[1].str : NULL,
                        c->args[2].present ? c->args[2].num : 0, format, err);
}

/* screendump FILE [-f FORMAT] [DEVICE [HEAD]] */
bool hmp_screendump(MonCall *c, GError **err)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *format_name = NULL;
    PictureFormat format;
    char *word;

    while ((word = mon_call_word(c)) != NULL) {
        if (!strcmp(word, "-f") && !format_name) {
            g_free(word);
            format_name = mon_call_word(c);
            continue;
        }
        g_ptr_array_add(words, word);
    }
    c->plain_error = true;
    if (!words->len || words->len > 3) {
        g_string_append(c->text, words->len ? "screendump: extraneous characters at the end of line"
                                            : "screendump: filename expected");
        g_string_append(c->text, "\nTry \"help screendump\" for more information\n");
        return true;
    }
    if (!display_format(format_name, &format)) {
        return error_set(err, "invalid parameter value: %s", format_name);
    }
    return display_dump(c, words->pdata[0], words->len > 1 ? words->pdata[1] : NULL,
                        words->len > 2 ? strtoll(words->pdata[2], NULL, 0) : 0, format, err);
}

bool cmd_query_display_options(MonCall *c, GError **err)
{
    json_out_begin(c->out, NULL, '{');
    json_out_str(c->out, "type", "none");
    json_out_end(c->out, '}');
    return true;
}
