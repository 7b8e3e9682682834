/* SPDX-License-Identifier: Apache-2.0 */
#include "fsdev/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool fsdev_model(const char *text, FsModel *model, GError **err)
{
    static const char *const names[] = {
        [FS_NONE] = "none",
        [FS_PASSTHROUGH] = "passthrough",
        [FS_MAPPED_XATTR] = "mapped-xattr",
        [FS_MAPPED_FILE] = "mapped-file",
    };

    for (unsigned i = 0; text && i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(text, names[i]) || (i == FS_MAPPED_XATTR && !strcmp(text, "mapped"))) {
            *model = (FsModel)i;
            return true;
        }
    }
    return error_set(err,
                     "security_model=%s: must be mapped-xattr, mapped-file, passthrough or "
                     "none",
                     text ? text : "(missing)");
}

static bool fsdev_mode(Options *o, const char *key, mode_t def, mode_t *out, GError **err)
{
    const char *text = options_get(o, key);
    char *end = NULL;
    unsigned long v = text ? strtoul(text, &end, 8) : def;

    *out = (mode_t)v;
    return (text ? *text && !*end && v <= 0777 : true) ||
           error_set(err, "%s=%s: must be a mode like 0600", key, text);
}

static bool fsdev_parse(FsDev *f, Options *o, GError **err)
{
    static const char *const known[] = { "id",       "path",  "security_model", "security-model",
                                         "readonly", "fmode", "dmode",          "multidevs",
                                         "writeout" };
    const char *model = options_get(o, "security_model"), *devices = options_get(o, "multidevs");
    const char *writeout = options_get(o, "writeout");

    model = model ? model : options_get(o, "security-model");
    f->id = g_strdup(options_get(o, "id"));
    f->path = g_strdup(options_get(o, "path"));
    if (!f->id || !f->path) {
        return error_set(err, "%s= is missing", f->id ? "path" : "id");
    }
    if (devices && strcmp(devices, "remap") && strcmp(devices, "warn") &&
        strcmp(devices, "forbid")) {
        return error_set(err, "multidevs=%s: must be remap, forbid or warn", devices);
    }
    if (writeout && strcmp(writeout, "immediate")) {
        return error_set(err, "writeout=%s: must be immediate", writeout);
    }
    f->one_device = devices && !strcmp(devices, "forbid");
    return fsdev_model(model, &f->model, err) &&
           options_get_bool(o, "readonly", false, &f->readonly, err) &&
           fsdev_mode(o, "fmode", 0600, &f->fmode, err) &&
           fsdev_mode(o, "dmode", 0700, &f->dmode, err) &&
           options_all_used(o, known, G_N_ELEMENTS(known), err);
}

FsDev *fsdev_open(Options *o, GError **err)
{
    FsDev *f = g_new0(FsDev, 1);
    const char *driver = options_get(o, "fsdriver");
    struct stat st;

    f->root = -1;
    f->devices = g_array_new(FALSE, FALSE, sizeof(dev_t));
    mutex_init(&f->lock);
    if (!driver || strcmp(driver, "local")) {
        error_set(err, "%s is no kind of shared folder; valid: local", driver ? driver : "nothing");
    } else if (fsdev_parse(f, o, err)) {
        f->root = open(f->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (f->root < 0 || fstat(f->root, &st)) {
            error_set(err, "path=%s: %s", f->path, g_strerror(errno));
        } else {
            f->dev = st.st_dev;
            return f;
        }
    }
    fsdev_free(f);
    return NULL;
}

void fsdev_free(FsDev *f)
{
    if (f->root >= 0) {
        close(f->root);
    }
    g_array_free(f->devices, TRUE);
    mutex_deinit(&f->lock);
    g_free(f->id);
    g_free(f->path);
    g_free(f);
}

const char *fsdev_id(const FsDev *f)
{
    return f->id;
}
