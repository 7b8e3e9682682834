/* SPDX-License-Identifier: Apache-2.0 */
/* Opening: options and file names into nodes. */
#include "block/core/core-priv.h"
#include "util/size.h"
#include "util/suggest.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* ---- Names ---- */

/* "proto:" at the start: letters, digits and +-. up to a colon that stands before any slash. */
static size_t open_prefix_len(const char *filename)
{
    size_t n = strcspn(filename, ":/");

    return filename[n] == ':' && n > 0 ? n : 0;
}

const BlockDriver *block_protocol_of(const char *filename, GError **err)
{
    size_t len = open_prefix_len(filename);
    g_autofree char *prefix = g_strndup(filename, len);

    if (!len) {
        return NULL;
    }
    for (const BlockDriver *const *d = block_drivers; *d; d++) {
        for (const char *const *p = (*d)->prefixes; p && *p; p++) {
            if (!strcmp(*p, prefix)) {
                return *d;
            }
        }
    }
    error_set(err, "%s: '%s' is not a protocol that is known (a path with a colon: ./%s)", filename,
              prefix, filename);
    return NULL;
}

/* @name as the image @image says it: beside the image, unless absolute or of a protocol. */
char *block_relative(const char *image, const char *name)
{
    const char *slash;

    if (*name == '/' || open_prefix_len(name)) {
        return g_strdup(name);
    }
    if (g_str_has_prefix(image, "json:")) {
        return NULL;
    }
    slash = strrchr(image, '/');
    if (!slash) {
        size_t prefix = open_prefix_len(image);

        return g_strdup_printf("%.*s%s", prefix ? (int)prefix + 1 : 0, image, name);
    }
    return g_strdup_printf("%.*s%s", (int)(slash + 1 - image), image, name);
}

/* ---- Options ---- */

static bool open_has_prefix(const char *key, const char *role, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if ((key[i] == '_' ? '-' : key[i]) != role[i]) {
            return false;
        }
    }
    return key[len] == '.';
}

bool block_options_sub(Options *o, const char *role, Options *sub)
{
    size_t len = strlen(role);

    *sub = (Options){ 0 };
    for (unsigned i = 0; i < o->n; i++) {
        Option *opt = &o->list[i];

        if (strlen(opt->key) > len + 1 && open_has_prefix(opt->key, role, len)) {
            opt->used = true;
            options_add_like(sub, opt->key + len + 1, opt);
        }
    }
    return sub->n;
}

static bool open_flag(Options *o, const char *key, unsigned bit, bool inverted, unsigned *flags,
                      GError **err)
{
    bool def = !(*flags & bit) == inverted, value;

    if (!options_get_bool(o, key, def, &value, err)) {
        return false;
    }
    *flags = value != inverted ? *flags | bit : *flags & ~bit;
    return true;
}

static bool open_detect_zeroes(Options *o, unsigned flags, DetectZeroes *out, GError **err)
{
    const char *text = options_get(o, "detect-zeroes");

    *out = DETECT_OFF;
    if (!text || !strcmp(text, "off")) {
        return true;
    }
    *out = !strcmp(text, "on") ? DETECT_ON : DETECT_UNMAP;
    if (*out == DETECT_UNMAP && strcmp(text, "unmap")) {
        return error_set(err, "detect-zeroes=%s is not known; valid: off, on, unmap", text);
    }
    if (*out == DETECT_UNMAP && !(flags & BLOCK_OPEN_DISCARD)) {
        return error_set(err, "setting detect-zeroes to unmap is not allowed without setting "
                              "discard operation to unmap");
    }
    return true;
}

bool block_options_common(Options *o, unsigned *flags, DetectZeroes *zeroes, GError **err)
{
    const char *discard = options_get(o, "discard");

    if (discard && (!strcmp(discard, "unmap") || !strcmp(discard, "on"))) {
        *flags |= BLOCK_OPEN_DISCARD;
    } else if (discard && (!strcmp(discard, "ignore") || !strcmp(discard, "off"))) {
        *flags &= ~(unsigned)BLOCK_OPEN_DISCARD;
    } else if (discard) {
        return error_set(err, "discard=%s is not known; valid: ignore, unmap", discard);
    }
    return open_flag(o, "read-only", BLOCK_OPEN_WRITE, true, flags, err) &&
           open_flag(o, "auto-read-only", BLOCK_OPEN_AUTO_RO, false, flags, err) &&
           open_flag(o, "cache.direct", BLOCK_OPEN_DIRECT, false, flags, err) &&
           open_flag(o, "cache.no-flush", BLOCK_OPEN_UNSAFE, false, flags, err) &&
           open_flag(o, "cache.writeback", BLOCK_OPEN_WRITETHROUGH, true, flags, err) &&
           open_flag(o, "force-share", BLOCK_OPEN_SHARE, false, flags, err) &&
           open_detect_zeroes(o, *flags, zeroes, err);
}

static bool open_all_used(Options *o, const BlockDriver *drv, GError **err)
{
    static const char *const common[] = { "driver",         "node-name",     "read-only",
                                          "auto-read-only", "cache.direct",  "cache.no-flush",
                                          "discard",        "detect-zeroes", "force-share" };
    g_autoptr(GPtrArray) names = g_ptr_array_new();

    for (unsigned i = 0; drv->options && drv->options[i].name; i++) {
        g_ptr_array_add(names, (char *)drv->options[i].name);
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(common); i++) {
        g_ptr_array_add(names, (char *)common[i]);
    }
    if (!drv->no_file && drv->kind != BLOCK_PROTOCOL) {
        g_ptr_array_add(names, "file");
    }
    if (drv->file_alias) {
        g_ptr_array_add(names, (char *)drv->file_alias);
    }
    if (drv->backing) {
        g_ptr_array_add(names, "backing");
    }
    if (!options_all_used(o, (const char *const *)names->pdata, names->len, err)) {
        g_prefix_error(err, "driver=%s: ", drv->name);
        return false;
    }
    return true;
}

static const BlockDriver *open_driver(const char *name, GError **err)
{
    /* Of QEMU, and not here. */
    static const char *const missing[] = {
        "blkreplay",   "bochs",           "cloop",  "copy-before-write",
        "dmg",         "gluster",         "iscsi",  "nfs",
        "nvme",        "preallocate",     "quorum", "rbd",
        "replication", "snapshot-access", "ssh",    "vvfat",
        NULL,
    };
    const BlockDriver *d = block_driver_find(name);
    g_autoptr(GPtrArray) names = NULL;
    g_autofree char *near = NULL;

    if (d) {
        return d;
    }
    if (g_strv_contains(missing, name)) {
        error_set(err, "driver '%s' is not there yet", name);
        return NULL;
    }
    names = g_ptr_array_new();
    for (const BlockDriver *const *all = block_drivers; *all; all++) {
        g_ptr_array_add(names, (char *)(*all)->name);
    }
    near = suggest_or_list(name, (const char *const *)names->pdata, names->len, 24);
    error_set(err, "driver '%s' is not known%s", name, near);
    return NULL;
}

/* ---- One node ---- */

static unsigned open_child_flags(unsigned flags)
{
    unsigned kept = BLOCK_OPEN_WRITE | BLOCK_OPEN_SHARE | BLOCK_OPEN_UNSAFE | BLOCK_OPEN_DIRECT |
                    BLOCK_OPEN_LOCK_OFF | BLOCK_OPEN_AUTO_RO | BLOCK_OPEN_AIO;

    return (flags & kept) | BLOCK_OPEN_INTERNAL | BLOCK_OPEN_DISCARD;
}

static BlockNode *open_reference(BlockGraph *g, const char *role, const char *name, GError **err)
{
    BlockNode *n = block_graph_find(g, name);

    if (!n) {
        error_set(err, "%s=%s: there is no node of this name", role, name);
        return NULL;
    }
    return block_node_ref(n);
}

/* ROLE=node-name, or ROLE.key=value. *@found says whether there was one. */
static BlockNode *open_role(BlockGraph *g, const char *role, Options *o, unsigned flags,
                            bool *found, GError **err)
{
    const char *name = options_get(o, role);
    BlockNode *n = NULL;
    Options sub;

    *found = true;
    if (block_options_sub(o, role, &sub)) {
        if (name) {
            error_set(err, "%s=%s and %s.%s are both given", role, name, role, sub.list[0].key);
        } else {
            n = block_node_open(g, &sub, flags, err);
            if (!n) {
                g_prefix_error(err, "%s: ", role);
            }
        }
        options_deinit(&sub);
        return n;
    }
    if (name) {
        return open_reference(g, role, name, err);
    }
    *found = false;
    return NULL;
}

/* A name beside options of the file that it names: file.locking=off. */
static bool open_file_of_name(Options *o, const char *filename, Options *sub)
{
    *sub = (Options){ 0 };
    if (!filename || options_get(o, "file") || !block_options_sub(o, "file", sub)) {
        return false;
    }
    if (options_get(sub, "filename")) {
        options_deinit(sub);
        return false;
    }
    options_add(sub, "filename", filename);
    return true;
}

static bool open_names_filter(const BlockDriver *drv, const char *filename)
{
    size_t n = strlen(drv->name);

    return !strncmp(filename, drv->name, n) && filename[n] == ':';
}

/* blkdebug:CONFIG:FILE, blkverify:RAW:FILE. */
static bool open_filter_name(const BlockDriver *drv, Options *o, const char **filename,
                             GError **err)
{
    const char *value = strchr(*filename, ':') + 1, *file = strchr(value, ':');
    g_autofree char *first = NULL;

    if (!file) {
        return error_set(err, "%s: %s:X:FILE is the form (X: what %s= takes)", *filename, drv->name,
                         drv->name_option);
    }
    first = g_strndup(value, (size_t)(file - value));
    options_add(o, drv->name_option, first);
    for (unsigned i = 0; i < o->n; i++) { /* the strings live as long as the options */
        if (!strcmp(o->list[i].key, "filename")) {
            char *rest = g_strdup(file + 1);

            g_free(o->list[i].value);
            o->list[i].value = rest;
            *filename = rest;
        }
    }
    return true;
}

/* Below a filter may be anything, below a format a protocol. @drv NULL: not known yet. */
static BlockNode *open_file_child(BlockGraph *g, Options *o, const char *filename, unsigned flags,
                                  const BlockDriver *drv, GError **err)
{
    bool below_filter = drv && drv->kind == BLOCK_FILTER;
    unsigned child_flags =
        open_child_flags(flags) |
        (below_filter && !(flags & BLOCK_OPEN_PROTOCOL) ? 0 : BLOCK_OPEN_PROTOCOL);
    bool found;
    BlockNode *n;
    Options sub = { 0 };

    if (drv && drv->file_alias) {
        n = open_role(g, drv->file_alias, o, child_flags, &found, err);
        if (found) {
            return n;
        }
    }
    if (open_file_of_name(o, filename, &sub)) {
        n = block_node_open(g, &sub, child_flags, err);
        options_deinit(&sub);
        return n;
    }
    n = open_role(g, "file", o, child_flags, &found, err);
    if (found && filename && n) {
        error_set(err, "filename=%s and file are both given", filename);
        block_node_unref(n);
        return NULL;
    }
    if (found) {
        return n;
    }
    if (!filename) {
        error_set(err, "a file is missing: file.filename=, or file=NODE-NAME");
        return NULL;
    }
    options_add(&sub, "filename", filename);
    n = block_node_open(g, &sub, child_flags, err);
    options_deinit(&sub);
    return n;
}

/* What the first bytes look like; raw for what nobody knows. */
static const BlockDriver *open_probe(BlockNode *file, GError **err)
{
    size_t len = (size_t)MIN(file->size, BLOCK_PROBE_LEN);
    g_autofree uint8_t *buf = g_malloc0(BLOCK_PROBE_LEN);
    const BlockDriver *best = block_driver_find("raw");
    int best_score = 0;
    int ret = len ? block_node_read(file, 0, buf, len) : 0;

    if (ret) {
        error_set(err, "%s: reading its first bytes to find its format: %s",
                  block_node_filename(file), g_strerror(-ret));
        return NULL;
    }
    len = MAX(len, 512);
    for (const BlockDriver *const *d = block_drivers; *d; d++) {
        int score = (*d)->probe ? (*d)->probe(buf, len, block_node_filename(file)) : 0;

        if (score > best_score) {
            best_score = score;
            best = *d;
        }
    }
    return best;
}

bool block_node_want_write(BlockNode *n, GError **err)
{
    while (n && (n->flags & BLOCK_OPEN_WRITE) && !n->drv->auto_write) {
        n = n->file;
    }
    return !n || !(n->flags & BLOCK_OPEN_WRITE) || n->drv->auto_write(n, true, err);
}

/* A child that cannot be written: nor can this, or it fails. */
static bool open_follow_child(BlockNode *n, GError **err)
{
    if (!n->file || !(n->flags & BLOCK_OPEN_WRITE)) {
        return true;
    }
    if (n->file->flags & BLOCK_OPEN_WRITE) {
        return block_node_want_write(n->file, err);
    }
    if (n->flags & BLOCK_OPEN_AUTO_RO) {
        n->flags &= ~(unsigned)BLOCK_OPEN_WRITE;
        return true;
    }
    return block_error(err, n,
                       "it is to be written, but the node below is read-only "
                       "(read-only=on opens it for reading alone)");
}

static BlockNode *open_node(BlockGraph *g, const BlockDriver *drv, BlockNode *take_file, Options *o,
                            unsigned flags, DetectZeroes zeroes, GError **err)
{
    BlockNode *n = block_node_new(g, drv, options_get(o, "node-name"), flags, err);

    if (!n) {
        block_node_unref(take_file);
        return NULL;
    }
    n->detect_zeroes = zeroes;
    n->grows = drv->grows && (flags & BLOCK_OPEN_INTERNAL);
    if (take_file) {
        block_node_attach(n, "file", take_file);
        if (drv->kind == BLOCK_FILTER) {
            n->size = take_file->size;
        } else {
            block_debug_event(take_file, BLOCK_DEBUG_NONE); /* a format is there */
        }
    }
    if (!open_follow_child(n, err) || (drv->open && !drv->open(n, o, err))) {
        block_node_delete(n);
        return NULL;
    }
    n->opened = true;
    block_options_keep(n, o);
    return n;
}

/* A path: a host's device, or a file. */
static const BlockDriver *open_path_driver(const char *filename, GError **err)
{
    const BlockDriver *d = block_protocol_of(filename, err);
    struct stat st;

    if (d || *err) {
        return d;
    }
    if (!stat(filename, &st) && S_ISBLK(st.st_mode)) {
        return block_driver_find("host_device");
    }
    return block_driver_find("file");
}

static BlockNode *open_one(BlockGraph *g, Options *o, unsigned flags, GError **err);

/* A format's name beside a name that describes a protocol: the format is above that. */
static void open_json_below(Options *in, const char *format)
{
    const char *name = options_get(in, "driver");
    const BlockDriver *drv = name ? block_driver_find(name) : NULL;
    Options below = { 0 };

    if (!format || !drv || drv->kind != BLOCK_PROTOCOL || !strcmp(format, name)) {
        return;
    }
    for (unsigned i = 0; i < in->n; i++) {
        g_autofree char *key = g_strdup_printf("file.%s", in->list[i].key);

        options_add(&below, key, in->list[i].value);
    }
    options_deinit(in);
    *in = below;
}

/* filename=json:{...}: what it says, and the other options beside it, which are the stronger. */
static BlockNode *open_json(BlockGraph *g, Options *o, const char *filename, unsigned flags,
                            GError **err)
{
    BlockNode *n = NULL;
    Options in;

    if (!options_parse_json(&in, filename + strlen("json:"), err)) {
        g_prefix_error(err, "%s: ", filename);
        return NULL;
    }
    options_relax(&in);
    open_json_below(&in, options_get(o, "driver"));
    for (unsigned i = 0; i < o->n; i++) {
        if (strcmp(o->list[i].key, "filename")) {
            options_add_like(&in, o->list[i].key, &o->list[i]);
            o->list[i].used = true;
        }
    }
    n = block_node_open(g, &in, flags, err);
    options_deinit(&in);
    return n;
}

/* All but the backing image. */
static BlockNode *open_one(BlockGraph *g, Options *o, unsigned flags, GError **err)
{
    const char *name = options_get(o, "driver"), *filename;
    const BlockDriver *drv = NULL;
    DetectZeroes zeroes = DETECT_OFF;
    BlockNode *file = NULL;

    if (fiber_stack_left() < 2 * BLOCK_STACK_SPARE) {
        error_set(err, "nodes are nested too deep");
        return NULL;
    }
    filename = options_get(o, "filename");
    if (filename && g_str_has_prefix(filename, "json:")) {
        return open_json(g, o, filename, flags, err);
    }
    if ((name && !(drv = open_driver(name, err))) ||
        !block_options_common(o, &flags, &zeroes, err)) {
        return NULL;
    }
    filename = !drv || drv->kind != BLOCK_PROTOCOL ? filename : NULL;
    if (!drv && filename && (flags & BLOCK_OPEN_PROTOCOL)) {
        drv = open_path_driver(filename, err);
        if (!drv) {
            return NULL;
        }
    }
    if (!drv || (drv->kind != BLOCK_PROTOCOL && !drv->no_file)) {
        if (drv && drv->name_option && filename && open_names_filter(drv, filename) &&
            !open_filter_name(drv, o, &filename, err)) {
            return NULL;
        }
        file = open_file_child(g, o, filename, flags, drv, err);
        if (!file) {
            return NULL;
        }
    }
    if (!drv) {
        drv = open_probe(file, err);
        if (!drv) {
            block_node_unref(file);
            return NULL;
        }
        if (!strcmp(drv->name, "raw")) {
            flags |= BLOCK_OPEN_PROBED;
        }
    }
    return open_node(g, drv, file, o, flags & ~(unsigned)BLOCK_OPEN_PROTOCOL, zeroes, err);
}

/* ---- Backing images ---- */

static unsigned open_backing_flags(unsigned flags)
{
    unsigned kept = BLOCK_OPEN_SHARE | BLOCK_OPEN_UNSAFE | BLOCK_OPEN_DIRECT | BLOCK_OPEN_LOCK_OFF |
                    BLOCK_OPEN_NO_IO | BLOCK_OPEN_AIO;

    return (flags & kept) | BLOCK_OPEN_INTERNAL;
}

static bool open_is_above(const BlockNode *top, const BlockNode *n, const char *filename)
{
    for (const BlockNode *a = top; a; a = a->backing) {
        if (!strcmp(block_node_filename(a), filename)) {
            return true;
        }
        if (a == n) {
            break;
        }
    }
    return false;
}

/* The image that @n's header names, without what lies under that one in turn. */
static BlockNode *open_named_backing(BlockNode *top, BlockNode *n, Options *extra, GError **err)
{
    g_autofree char *name = block_relative(block_node_filename(n), n->backing_name);
    Options none = { 0 }, *o = extra ? extra : &none;
    BlockNode *b = NULL;

    if (!name) {
        block_error(err, n, "its backing image '%s' is relative to what has no directory",
                    n->backing_name);
    } else if (open_is_above(top, n, name)) {
        block_error(err, n, "its chain of backing images comes back to %s", name);
    } else {
        options_add(o, "filename", name);
        if (n->backing_format && !options_get(o, "driver")) {
            options_add(o, "driver", n->backing_format);
        }
        b = open_one(n->graph, o, open_backing_flags(n->flags), err);
        if (b && !open_all_used(o, b->drv, err)) {
            block_node_unref(b);
            b = NULL;
        }
        if (!b) {
            g_prefix_error(err, "%s: its backing image: ", block_node_filename(n));
        }
    }
    options_deinit(&none);
    return b;
}

static bool open_has_file(Options *sub)
{
    for (unsigned i = 0; i < sub->n; i++) {
        const char *key = sub->list[i].key;

        if (!strcmp(key, "filename") || !strcmp(key, "file") || g_str_has_prefix(key, "file.")) {
            return true;
        }
    }
    return false;
}

/* As the options say; *@done: there is nothing more to open below. */
static bool open_backing_by_options(BlockNode *n, Options *o, bool *done, GError **err)
{
    const char *name = options_get(o, "backing");
    BlockNode *b = NULL;
    Options sub;

    *done = true;
    if (block_options_sub(o, "backing", &sub)) {
        if (open_has_file(&sub) || !n->backing_name) {
            b = block_node_open(n->graph, &sub, open_backing_flags(n->flags), err);
        } else {
            b = open_named_backing(n, n, &sub, err);
            *done = false;
        }
        options_deinit(&sub);
        if (!b) {
            g_prefix_error(err, "backing: ");
            return false;
        }
    } else if (name && *name) {
        b = open_reference(n->graph, "backing", name, err);
        if (!b) {
            return false;
        }
    } else {
        *done = name != NULL;
    }
    if (b) {
        block_node_attach(n, "backing", b);
    }
    return true;
}

bool block_open_backing(BlockNode *n, Options *o, GError **err)
{
    BlockNode *at = n;
    bool done = false;

    if (n->backing_done) {
        return true;
    }
    n->backing_done = true;
    if (!n->drv->backing || (n->flags & BLOCK_OPEN_NO_BACKING)) {
        Options sub;

        options_get(o, "backing"); /* whatever it says, there is none */
        if (n->drv->backing && block_options_sub(o, "backing", &sub)) {
            options_deinit(&sub);
        }
        return true;
    }
    if (!open_backing_by_options(n, o, &done, err) || done) {
        return !*err;
    }
    for (unsigned depth = 0;; depth++) {
        BlockNode *b = at->backing;

        if (!b) {
            if (!at->drv->backing || !at->backing_name || (at != n && at->backing_done)) {
                return true;
            }
            if (depth >= BLOCK_DEPTH_MAX) {
                return block_error(err, n, "more than %d backing images", BLOCK_DEPTH_MAX);
            }
            b = open_named_backing(n, at, NULL, err);
            if (!b) {
                return false;
            }
            block_node_attach(at, "backing", b);
            at->backing_done = true;
        }
        at = block_node_skip_filters(b);
    }
}

/* ---- The public doors ---- */

bool block_cache_flags(const char *text, unsigned *flags)
{
    static const struct {
        const char *name;
        unsigned flags;
    } modes[] = {
        { "none", BLOCK_OPEN_DIRECT },
        { "off", BLOCK_OPEN_DIRECT },
        { "writeback", 0 },
        { "writethrough", BLOCK_OPEN_WRITETHROUGH },
        { "directsync", BLOCK_OPEN_DIRECT | BLOCK_OPEN_WRITETHROUGH },
        { "unsafe", BLOCK_OPEN_UNSAFE },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(modes); i++) {
        if (!strcmp(text, modes[i].name)) {
            *flags |= modes[i].flags;
            return true;
        }
    }
    return false;
}

bool block_aio_flags(const char *text, unsigned *flags)
{
    static const char *const names[] = { "threads", "native", "io_uring" };

    for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(text, names[i])) {
            *flags = (*flags & ~(unsigned)BLOCK_OPEN_AIO) | BLOCK_OPEN_AIO_THREADS << i;
            return true;
        }
    }
    return false;
}

BlockNode *block_node_open(BlockGraph *g, Options *options, unsigned flags, GError **err)
{
    BlockNode *n = open_one(g, options, flags, err);

    if (n && (!block_open_backing(n, options, err) || !open_all_used(options, n->drv, err))) {
        block_node_unref(n);
        return NULL;
    }
    return n;
}

BlockNode *block_node_open_name(BlockGraph *g, const char *filename, const char *format,
                                unsigned flags, GError **err)
{
    Options o = { 0 };
    BlockNode *n;

    options_add(&o, "filename", filename);
    if (format) {
        options_add(&o, "driver", format);
    }
    n = block_node_open(g, &o, flags, err);
    options_deinit(&o);
    return n;
}

BlockNode *block_open_child(BlockNode *n, const char *role, Options *o, const char *filename,
                            const char *driver, GError **err)
{
    unsigned flags = open_child_flags(n->flags) | BLOCK_OPEN_PROTOCOL;
    g_autofree char *path = NULL;
    Options sub = { 0 };
    BlockNode *child;
    bool found;

    if (n->children->len >= BLOCK_ROLES_MAX) {
        block_error(err, n, "it names more than %d files", BLOCK_ROLES_MAX);
        return NULL;
    }
    child = open_role(n->graph, role, o, flags, &found, err);
    if (!found && filename) {
        path = block_relative(block_node_filename(n), filename);
        options_add(&sub, "filename", path ? path : filename);
        if (driver) {
            options_add(&sub, "driver", driver);
        }
        child = open_one(n->graph, &sub, flags, err);
        options_deinit(&sub);
    } else if (!found) {
        block_error(err, n, "%s is missing: %s.filename=, or %s=NODE-NAME", role, role, role);
    }
    if (child && (n->flags & BLOCK_OPEN_WRITE) && !block_node_want_write(child, err)) {
        block_node_unref(child);
        return NULL;
    }
    if (child) {
        block_node_attach(n, role, child);
    }
    return child;
}
