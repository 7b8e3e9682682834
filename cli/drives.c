/* SPDX-License-Identifier: Apache-2.0 */
/* -drive and -blockdev into the drives of a board. */
#include "cli/build.h"

#include "util/size.h"
#include "util/suggest.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const struct {
    const char *name;
    DriveInterface interface;
} drive_interfaces[] = {
    { "none", DRIVE_NONE },
    { "virtio", DRIVE_VIRTIO },
    { "pflash", DRIVE_PFLASH },
};

static bool drive_interface(const char *text, DriveInterface *out, GError **err)
{
    const char *names[G_N_ELEMENTS(drive_interfaces)];
    g_autofree char *near = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(drive_interfaces); i++) {
        names[i] = drive_interfaces[i].name;
        if (!strcmp(text, names[i])) {
            *out = drive_interfaces[i].interface;
            return true;
        }
    }
    near = suggest_or_list(text, names, G_N_ELEMENTS(names), 8);
    return error_set(err, "if=%s is not supported%s", text, near);
}

static bool drive_file(const BoardDrive *d, GError **err)
{
    struct stat st;

    if (stat(d->file, &st)) {
        return error_set(err, "cannot open '%s': %s", d->file, g_strerror(errno));
    }
    if (S_ISDIR(st.st_mode)) {
        return error_set(err, "'%s' is a directory, not a disk image", d->file);
    }
    if (d->format && strcmp(d->format, "raw")) {
        return error_set(err, "format=%s is not supported yet; valid: raw", d->format);
    }
    return true;
}

/* Values that mean what is done anyway are taken; every other one is refused. */
static bool drive_plain(Options *o, const char *key, const char *const *values, GError **err)
{
    const char *text = options_get(o, key);

    for (const char *const *v = values; text && *v; v++) {
        if (!strcmp(text, *v)) {
            return true;
        }
    }
    return !text ||
           error_set(err, "%s=%s is not supported yet; valid: %s=%s", key, text, key, values[0]);
}

static bool drive_parse(BoardDrive *d, Options *o, GError **err)
{
    static const char *const valid[] = { "file",   "format",  "if",      "id",    "readonly",
                                         "serial", "index",   "unit",    "media", "cache",
                                         "aio",    "discard", "snapshot" };
    static const char *const media[] = { "disk", NULL };
    /* unsafe promises less than writeback, which is what is done. */
    static const char *const cache[] = { "writeback", "unsafe", NULL };
    static const char *const aio[] = { "threads", NULL };
    static const char *const discard[] = { "ignore", "off", NULL };
    const char *interface = options_get(o, "if");
    uint64_t index;
    bool off = false;

    *d = (BoardDrive){ .interface = DRIVE_DEFAULT, .index = -1 };
    d->file = options_get(o, "file");
    d->format = options_get(o, "format");
    d->id = options_get(o, "id");
    d->serial = options_get(o, "serial");
    if ((interface && !drive_interface(interface, &d->interface, err)) ||
        !options_get_bool(o, "readonly", false, &d->readonly, err) ||
        !options_get_bool(o, "read-only", d->readonly, &d->readonly, err) ||
        !options_get_bool(o, "snapshot", false, &off, err) ||
        !options_get_number(o, "index", 0, &index, err) || !drive_plain(o, "media", media, err) ||
        !drive_plain(o, "cache", cache, err) || !drive_plain(o, "aio", aio, err) ||
        !drive_plain(o, "discard", discard, err) ||
        !options_all_used(o, valid, G_N_ELEMENTS(valid), err)) {
        return false;
    }
    if (off) {
        return error_set(err, "snapshot=on is not supported yet");
    }
    if (options_get(o, "index")) {
        d->index = index < 1024 ? (int)index : -1;
    }
    if (!d->file) {
        return error_set(err, "file= is missing");
    }
    return drive_file(d, err);
}

/* driver=raw,file.driver=file,file.filename=F and driver=file,filename=F. */
static bool blockdev_parse(BoardDrive *d, Options *o, GError **err)
{
    static const char *const valid[] = { "driver",         "node-name",    "filename",
                                         "read-only",      "file.driver",  "file.filename",
                                         "auto-read-only", "cache.direct", "discard" };
    static const char *const off[] = { "off", NULL };
    static const char *const discard[] = { "ignore", "off", NULL };
    const char *driver = options_get(o, "driver"), *below = options_get(o, "file.driver");
    const char *file = options_get(o, "file.filename");

    *d = (BoardDrive){ .interface = DRIVE_NONE, .format = "raw", .index = -1 };
    d->id = options_get(o, "node-name");
    d->file = file ? file : options_get(o, "filename");
    options_get(o, "auto-read-only"); /* a file that cannot be written is refused either way */
    if (!drive_plain(o, "cache.direct", off, err) || !drive_plain(o, "discard", discard, err)) {
        return false;
    }
    if (!driver || (strcmp(driver, "raw") && strcmp(driver, "file"))) {
        return error_set(err, "driver=%s is not supported yet; valid: raw, file",
                         driver ? driver : "(missing)");
    }
    if (below && strcmp(below, "file")) {
        return error_set(err, "file.driver=%s is not supported yet; valid: file", below);
    }
    if (!options_get_bool(o, "read-only", false, &d->readonly, err) ||
        !options_all_used(o, valid, G_N_ELEMENTS(valid), err)) {
        return false;
    }
    if (!d->id || !d->file) {
        return error_set(err, "%s= is missing", d->id ? "filename" : "node-name");
    }
    return drive_file(d, err);
}

static bool drives_add(Build *b, const GPtrArray *texts, const char *option,
                       bool (*parse)(BoardDrive *, Options *, GError **), const char *first_key,
                       GError **err)
{
    for (unsigned i = 0; i < texts->len; i++) {
        const char *text = g_ptr_array_index(texts, i);
        Options *o = g_new0(Options, 1);
        BoardDrive d;

        g_ptr_array_add(b->parsed, o); /* its strings live as long as the machine */
        if (*text == '{') {
            return error_set(err, "%s: JSON is not supported yet; write key=value,...", option);
        }
        if (!options_parse(o, text, first_key, err) || !parse(&d, o, err)) {
            g_prefix_error(err, "%s %s: ", option, text);
            return false;
        }
        for (unsigned k = 0; d.id && k < b->drives->len; k++) {
            if (!g_strcmp0(g_array_index(b->drives, BoardDrive, k).id, d.id)) {
                return error_set(err, "%s %s: there is a drive with id=%s already", option, text,
                                 d.id);
            }
        }
        g_array_append_val(b->drives, d);
    }
    return true;
}

bool build_drives(Build *b, GError **err)
{
    return drives_add(b, b->config->drives, "-drive", drive_parse, NULL, err) &&
           drives_add(b, b->config->blockdevs, "-blockdev", blockdev_parse, NULL, err);
}
