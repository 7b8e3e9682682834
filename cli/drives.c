/* SPDX-License-Identifier: Apache-2.0 */
/* -drive and -blockdev into the drives of a board. */
#include "cli/build.h"
#include "block/block.h"
#include "block/core/node.h"
#include "cli/block-object.h"

#include "util/size.h"
#include "util/suggest.h"

#include <inttypes.h>
#include <string.h>

static const struct {
    const char *name;
    DriveInterface interface;
} drive_interfaces[] = {
    { "none", DRIVE_NONE }, { "virtio", DRIVE_VIRTIO }, { "pflash", DRIVE_PFLASH },
    { "ide", DRIVE_IDE },   { "floppy", DRIVE_FLOPPY },
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
    if (!strcmp(text, "scsi")) {
        return error_set(err, "if=scsi is not supported; valid: if=none,id=ID with -device "
                              "virtio-scsi-pci -device scsi-hd,drive=ID (or scsi-cd)");
    }
    near = suggest_or_list(text, names, G_N_ELEMENTS(names), 8);
    return error_set(err, "if=%s is not supported%s", text, near);
}

/* cache=MODE as the flags of a node. */
static bool drive_cache(const char *text, unsigned *flags, GError **err)
{
    static const char *const names[] = { "writeback", "none", "writethrough", "directsync",
                                         "unsafe" };
    g_autofree char *near = NULL;

    if (!text || block_cache_flags(text, flags)) {
        return true;
    }
    near = suggest_or_list(text, names, G_N_ELEMENTS(names), 8);
    return error_set(err, "cache=%s is not known%s", text, near);
}

static bool drive_on_error(Options *o, const char *key, BlockErrorAction def, BlockErrorAction *out,
                           GError **err)
{
    static const char *const names[] = { "report", "ignore", "stop", "enospc" };
    const char *text = options_get(o, key);

    *out = def;
    for (unsigned i = 0; text && i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(text, names[i]) && !(i == BLOCK_ERROR_ENOSPC && *key == 'r')) {
            *out = (BlockErrorAction)i;
            return true;
        }
    }
    return !text || error_set(err, "%s=%s is not known; valid: report, ignore, stop%s", key, text,
                              *key == 'w' ? ", enospc" : "");
}

/* -drive's throttling.* (iops=, bps=, ... by their old names) and copy-on-read: filters over what
 * @node says, whose options go one level down. */
static bool drive_is_limit(const char *key, char **limit)
{
    static const char *const old[][2] = {
        { "bps", "bps-total" },      { "bps-rd", "bps-read" },     { "bps-wr", "bps-write" },
        { "iops", "iops-total" },    { "iops-rd", "iops-read" },   { "iops-wr", "iops-write" },
        { "bps_rd", "bps-read" },    { "bps_wr", "bps-write" },    { "iops_rd", "iops-read" },
        { "iops_wr", "iops-write" }, { "iops-size", "iops-size" }, { "iops_size", "iops-size" },
    };

    if (!strcmp(key, "throttling.group")) {
        *limit = g_strdup("throttle-group");
        return true;
    }
    if (g_str_has_prefix(key, "throttling.")) {
        *limit = g_strdup_printf("limits.%s", key + strlen("throttling."));
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(old); i++) {
        size_t len = strlen(old[i][0]);

        if (!strncmp(key, old[i][0], len) &&
            (!key[len] || !strcmp(key + len, "_max") || !strcmp(key + len, "-max") ||
             !strcmp(key + len, "_max_length") || !strcmp(key + len, "-max-length"))) {
            *limit = g_strdup_printf("limits.%s%s", old[i][1], key + len);
            return true;
        }
    }
    return false;
}

/* @o moves into a new Options below the filter @driver. */
static void drive_wrap(Options *o, const char *driver, Options *own)
{
    Options all = { 0 };

    options_add(&all, "driver", driver);
    for (unsigned i = 0; own && i < own->n; i++) {
        options_add(&all, own->list[i].key, own->list[i].value);
    }
    for (unsigned i = 0; i < o->n; i++) {
        g_autofree char *key = g_strdup_printf("file.%s", o->list[i].key);

        options_add_like(&all, key, &o->list[i]);
    }
    options_deinit(o);
    *o = all;
}

static bool drive_is_id(const char *id)
{
    if (!g_ascii_isalpha(*id)) {
        return false;
    }
    while (*id && (g_ascii_isalnum(*id) || strchr("-._", *id))) {
        id++;
    }
    return !*id;
}

/* What the limits are called below is not what was written. */
static bool drive_check_limit(const char *key, const char *limit, GError **err)
{
    static const char *const limits[] = { "bps-total",  "bps-read",  "bps-write",
                                          "iops-total", "iops-read", "iops-write" };
    const char *name = g_str_has_prefix(limit, "limits.") ? limit + strlen("limits.") : NULL;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *near = NULL;

    if (!name || !strcmp(name, "iops-size")) {
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(limits); i++) {
        size_t len = strlen(limits[i]);

        if (!strncmp(name, limits[i], len) &&
            (!name[len] || !strcmp(name + len, "-max") || !strcmp(name + len, "_max") ||
             !strcmp(name + len, "-max-length") || !strcmp(name + len, "_max_length"))) {
            return true;
        }
        g_ptr_array_add(names, g_strdup_printf("throttling.%s", limits[i]));
    }
    near = suggest_or_list(key, (const char *const *)names->pdata, names->len, 8);
    return error_set(err, "'%s' is not known%s", key, near);
}

/* The disk's own, not of a node. */
static void drive_limits(Options *node, const Options *limits)
{
    for (unsigned i = 0; i < limits->n; i++) {
        const char *key = limits->list[i].key;
        g_autofree char *own = !strcmp(key, "throttle-group")
                                   ? g_strdup("throttling.group")
                                   : g_strdup_printf("throttling.%s", key + strlen("limits."));

        for (char *p = own; *p; p++) {
            *p = *p == '_' ? '-' : *p; /* iops_max is iops-total-max */
        }
        options_add(node, own, limits->list[i].value);
    }
}

static bool drive_filters(Build *b, const BoardDrive *d, Options *node, GError **err)
{
    Options limits = { 0 }, rest = { 0 };
    bool copy_on_read;

    if (!options_get_bool(node, "copy-on-read", false, &copy_on_read, err)) {
        return false;
    }
    for (unsigned i = 0; i < node->n; i++) {
        g_autofree char *limit = NULL;
        const char *key = node->list[i].key;

        if (drive_is_limit(key, &limit)) {
            if (!drive_check_limit(key, limit, err)) {
                options_deinit(&limits);
                options_deinit(&rest);
                return false;
            }
            options_add(&limits, limit, node->list[i].value);
        } else if (strcmp(key, "copy-on-read") && strcmp(key, "copy_on_read")) {
            options_add(&rest, key, node->list[i].value);
        }
    }
    options_deinit(node);
    *node = rest;
    if (copy_on_read && d->readonly) {
        g_ptr_array_add(b->config->notes,
                        g_strdup_printf("-drive file=%s: it is read only: copy-on-read=on does "
                                        "nothing",
                                        d->file));
    } else if (copy_on_read) {
        drive_wrap(node, "copy-on-read", NULL);
    }
    if (limits.n) {
        drive_limits(node, &limits);
    }
    options_deinit(&limits);
    return true;
}

/* What is left over describes the node. */
static void drive_rest(Build *b, BoardDrive *d, Options *o)
{
    Options *node = g_new0(Options, 1);

    g_ptr_array_add(b->parsed, node);
    for (unsigned i = 0; i < o->n; i++) {
        if (!o->list[i].used) {
            options_add_like(node, o->list[i].key, &o->list[i]);
            o->list[i].used = true;
        }
    }
    d->node = node;
}

static const char *drive_node_file(Options *node)
{
    static const char *const keys[] = { "filename", "file.filename", "file" };

    for (unsigned k = 0; k < G_N_ELEMENTS(keys); k++) {
        for (unsigned i = 0; i < node->n; i++) {
            if (!strcmp(node->list[i].key, keys[k])) {
                return node->list[i].value;
            }
        }
    }
    return node->n ? "(node)" : NULL;
}

static bool drive_flags(const Build *b, BoardDrive *d, Options *o, GError **err)
{
    bool unmap = true, snapshot, cdrom;
    const char *discard = options_get(o, "discard"), *aio = options_get(o, "aio");
    const char *media = options_get(o, "media");

    cdrom = d->cdrom = media && !strcmp(media, "cdrom");
    if (media && !cdrom && strcmp(media, "disk")) {
        return error_set(err, "media=%s is not known; valid: disk, cdrom", media);
    }
    if (aio && !block_aio_flags(aio, &d->open_flags)) {
        return error_set(err, "aio=%s is not known; valid: threads, native, io_uring", aio);
    }
    if (discard && (!strcmp(discard, "ignore") || !strcmp(discard, "off"))) {
        unmap = false;
    } else if (discard && strcmp(discard, "unmap") && strcmp(discard, "on")) {
        return error_set(err, "discard=%s is not known; valid: unmap, ignore", discard);
    }
    if (!options_get_bool(o, "readonly", cdrom, &d->readonly, err) ||
        !options_get_bool(o, "read-only", d->readonly, &d->readonly, err) ||
        (cdrom && !d->readonly &&
         !error_set(err, "media=cdrom is for reading alone: leave readonly=off out")) ||
        !options_get_bool(o, "snapshot", b->config->snapshot, &snapshot, err) ||
        !drive_cache(options_get(o, "cache"), &d->open_flags, err)) {
        return false;
    }
    d->open_flags |= (d->readonly ? 0 : BLOCK_OPEN_WRITE) | (unmap ? BLOCK_OPEN_DISCARD : 0) |
                     (snapshot && !d->readonly ? BLOCK_OPEN_SNAPSHOT : 0);
    return true;
}

/* index=N, or bus=0,unit=N: the boards have one bus of each kind, but of IDE.
 */
static bool drive_place(BoardDrive *d, Options *o, GError **err)
{
    const char *unit_text = options_get(o, "unit");
    uint64_t index, bus, unit;

    if (!options_get_number(o, "index", 0, &index, err) ||
        !options_get_number(o, "bus", 0, &bus, err) ||
        !options_get_number(o, "unit", 0, &unit, err)) {
        return false;
    }
    if (options_get(o, "index") && (unit_text || options_get(o, "bus"))) {
        return error_set(err, "index cannot be used with bus and unit");
    }
    if (bus && d->interface != DRIVE_IDE && d->interface != DRIVE_DEFAULT) {
        return error_set(err, "bus=%" PRIu64 ": there is bus=0 alone", bus);
    }
    if (bus > 511) {
        return error_set(err, "bus=%" PRIu64 " is beyond 511", bus);
    }
    index = unit_text || bus ? unit : index;
    if (index >= 1024) {
        return error_set(err, "%s=%" PRIu64 " is beyond 1023", unit_text ? "unit" : "index", index);
    }
    if (unit_text || bus || options_get(o, "index")) {
        d->index = (int)index;
        d->bus = unit_text || bus ? (int)bus : -1;
    }
    return true;
}

static bool drive_names(BoardDrive *d, Options *o, GError **err)
{
    d->id = options_get(o, "id");
    d->serial = options_get(o, "serial");
    return !d->id || drive_is_id(d->id) ||
           error_set(err, "id=%s is no identifier: a letter, then letters, digits and -._", d->id);
}

static bool drive_parse(Build *b, BoardDrive *d, Options *o, GError **err)
{
    const char *interface = options_get(o, "if"), *file, *format;

    *d = (BoardDrive){ .interface = DRIVE_DEFAULT, .index = -1, .bus = -1 };
    file = options_get(o, "file");
    format = options_get(o, "format");
    if (!drive_names(d, o, err) || (interface && !drive_interface(interface, &d->interface, err)) ||
        !drive_place(d, o, err) || !drive_flags(b, d, o, err) ||
        !drive_on_error(o, "rerror", BLOCK_ERROR_REPORT, &d->on_read_error, err) ||
        !drive_on_error(o, "werror", BLOCK_ERROR_ENOSPC, &d->on_write_error, err)) {
        return false;
    }
    drive_rest(b, d, o);
    if (format && options_get(d->node, "driver")) {
        return error_set(err, "format=%s and driver=%s are both given", format,
                         options_get(d->node, "driver"));
    }
    if (format) {
        options_add(d->node, "driver", format);
    }
    if (file && *file) {
        options_add(d->node, "filename", file);
    }
    d->file = drive_node_file(d->node);
    if (d->file && strcmp(d->file, "(node)")) {
        d->file = drive_node_file(o); /* which lives as long as the machine */
    }
    if (!d->file && d->interface == DRIVE_NONE && d->id && !d->node->n) {
        return true; /* an empty one, for a device that takes media */
    }
    return d->file ? drive_filters(b, d, d->node, err) : error_set(err, "file= is missing");
}

/* A node, by dotted keys or JSON. */
static bool blockdev_parse(Build *b, BoardDrive *d, Options *o, GError **err)
{
    *d = (BoardDrive){ .interface = DRIVE_NONE, .index = -1, .open_flags = BLOCK_OPEN_WRITE };
    d->on_write_error = BLOCK_ERROR_ENOSPC; /* a device's werror=auto */
    d->id = options_get(o, "node-name");
    if (!d->id || !options_get(o, "driver")) {
        return error_set(err, "%s= is missing", d->id ? "driver" : "node-name");
    }
    for (unsigned i = 0; i < o->n; i++) {
        o->list[i].used = false;
    }
    drive_rest(b, d, o);
    d->file = drive_node_file(d->node);
    return true;
}

static bool drives_add(Build *b, const GPtrArray *texts, const char *option,
                       bool (*parse)(Build *, BoardDrive *, Options *, GError **),
                       const char *first_key, GError **err)
{
    for (unsigned i = 0; i < texts->len; i++) {
        const char *text = g_ptr_array_index(texts, i);
        Options *o = g_new0(Options, 1);
        BoardDrive d;

        g_ptr_array_add(b->parsed, o); /* its strings live as long as the machine */
        if (!(*text == '{' ? options_parse_json(o, text, err)
                           : options_parse(o, text, first_key, err)) ||
            !parse(b, &d, o, err)) {
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

/* ---- -object ---- */

static bool object_iothread(Build *b, const char *text, GError **err)
{
    Options o = { 0 };
    IoThread *t = NULL;

    if (*text == '{' ? options_parse_json(&o, text, err)
                     : options_parse(&o, text, "qom-type", err)) {
        t = block_iothread_new(b->m, &o, err);
    }
    options_deinit(&o);
    return t && machine_add_backend(b->m, "iothread", block_iothread_info(t).id, t, err);
}

static bool object_main_loop(Build *b, const char *text, GError **err)
{
    Options o = { 0 };
    bool ok = (*text == '{' ? options_parse_json(&o, text, err)
                            : options_parse(&o, text, "qom-type", err)) &&
              block_main_loop_set(b->m, &o, err);

    options_deinit(&o);
    return ok;
}

/* What the host's kernel gives, of which the machine's randomness is (or follows from -seed). */
static bool object_rng(Build *b, const char *text, GError **err)
{
    static const char *const valid[] = { "qom-type", "id", "filename" };
    static const char kind[] = "rng";
    const char *type, *id, *file;
    Options o = { 0 };
    bool ok = options_parse(&o, text, "qom-type", err);

    if (!ok) {
        return false;
    }
    type = options_get(&o, "qom-type");
    id = options_get(&o, "id");
    file = strcmp(type, "rng-random") ? NULL : options_get(&o, "filename");
    if (strcmp(type, "rng-random") && strcmp(type, "rng-builtin")) {
        ok = error_set(err, "there is no such source; valid: rng-random, rng-builtin");
    } else if (!id) {
        ok = error_set(err, "id= is missing");
    } else if (file && strcmp(file, "/dev/urandom") && strcmp(file, "/dev/random")) {
        ok = error_set(err, "filename=%s: valid: /dev/urandom, /dev/random", file);
    }
    ok = ok && options_all_used(&o, valid, G_N_ELEMENTS(valid), err) &&
         machine_add_backend(b->m, kind, id, (void *)kind, err);
    options_deinit(&o);
    return ok;
}

/* Does the type of -object @text begin with @type? */
static bool object_is(const char *text, const char *type)
{
    g_autoptr(GError) ignored = NULL;
    Options o = { 0 };
    const char *is = NULL;
    bool hit;

    if (*text == '{' ? options_parse_json(&o, text, &ignored)
                     : options_parse(&o, text, "qom-type", &ignored)) {
        is = options_get(&o, "qom-type");
    }
    hit = is && g_str_has_prefix(is, type);
    options_deinit(&o);
    return hit;
}

bool object_is_memory(const char *text)
{
    return object_is(text, "memory-backend-");
}

typedef struct ObjectCall {
    BlockGraph *g;
    const char *text;
    GError *err;
} ObjectCall;

static void object_fiber(void *arg)
{
    ObjectCall *c = arg;

    (void)!block_object_add(c->g, c->text, &c->err);
}

bool build_objects(Build *b, GError **err)
{
    const GPtrArray *texts = b->config->objects;

    for (unsigned i = 0; i < texts->len; i++) {
        ObjectCall c = { .text = g_ptr_array_index(texts, i) };

        bool thread = object_is(c.text, "iothread");

        if (object_is(c.text, "rng-")) {
            if (!object_rng(b, c.text, err)) {
                g_prefix_error(err, "-object %s: ", c.text);
                return false;
            }
            continue;
        }
        if (thread || object_is(c.text, "main-loop")) {
            if (!(thread ? object_iothread : object_main_loop)(b, c.text, err)) {
                g_prefix_error(err, "-object %s: ", c.text);
                return false;
            }
            continue;
        }
        if (nets_is_filter(c.text) || object_is_memory(c.text)) {
            continue;
        }
        c.g = block_machine_graph(b->m, err);
        if (!c.g) {
            return false;
        }
        block_graph_run(c.g, object_fiber, &c);
        if (c.err) {
            g_propagate_error(err, c.err);
            return false;
        }
    }
    return true;
}

bool build_drives(Build *b, GError **err)
{
    return drives_add(b, b->config->drives, "-drive", drive_parse, NULL, err) &&
           drives_add(b, b->config->blockdevs, "-blockdev", blockdev_parse, NULL, err);
}

/* ---- drive_add ---- */

static bool drive_open(Build *b, const BoardDrive *d, GError **err)
{
    BlockBackend *disk;

    if (d->interface != DRIVE_NONE) {
        return error_set(err, "Can't hot-add drive to type %d: if=none alone", (int)d->interface);
    }
    if (!d->id) {
        return error_set(err, "drive_add: id= is missing");
    }
    if (machine_find_backend(b->m, "drive", d->id)) {
        return error_set(err, "Duplicate ID '%s' for drive", d->id);
    }
    disk = block_open_options(b->m, d->id, d->node, d->open_flags, err);
    if (!disk) {
        return false;
    }
    if (!machine_add_backend(b->m, "drive", d->id, disk, err)) {
        block_close(disk);
        return false;
    }
    b->added = b->added ? b->added : g_ptr_array_new();
    g_ptr_array_add(b->added, disk);
    return true;
}

bool build_drive_add(void *build, const char *text, GError **err)
{
    Build *b = build;
    Options *o = g_new0(Options, 1);
    BoardDrive d;

    g_ptr_array_add(b->parsed, o);
    return options_parse(o, text, NULL, err) && drive_parse(b, &d, o, err) &&
           drive_open(b, &d, err);
}

void build_drives_end(Build *b)
{
    for (unsigned i = 0; b->added && i < b->added->len; i++) {
        block_close(b->added->pdata[i]);
    }
    g_clear_pointer(&b->added, g_ptr_array_unref);
}
