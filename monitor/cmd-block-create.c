/* SPDX-License-Identifier: Apache-2.0 */
/* blockdev-create: an image over a node, as a job, with the options' names of QMP. */
#include "monitor/block-call.h"

#include <errno.h>
#include <string.h>

typedef struct CreateKey {
    const char *name; /* in QMP; the driver's has '_' for '-', or is .own */
    MonArgType type;  /* MON_ANY: a node, by name or by its options */
    bool needed;
    const char *own;
    const char *const *values; /* NULL: any */
} CreateKey;

typedef struct CreateKind {
    const char *driver;
    const CreateKey *keys;
} CreateKind;

static const char *const create_prealloc[] = { "off", "metadata", "falloc", "full", NULL };
static const char *const create_versions[] = { "v2", "v3", NULL };

#define CREATE_FILE                      \
    { "file", MON_ANY, .needed = true }, \
    {                                    \
        "size", MON_INT, .needed = true  \
    }
#define CREATE_CIPHER(prefix)                                                 \
    { prefix "key-secret", MON_STR, .own = prefix "key-secret" },             \
        { prefix "cipher-alg", MON_STR, .own = prefix "cipher-alg" },         \
        { prefix "cipher-mode", MON_STR, .own = prefix "cipher-mode" },       \
        { prefix "ivgen-alg", MON_STR, .own = prefix "ivgen-alg" },           \
        { prefix "ivgen-hash-alg", MON_STR, .own = prefix "ivgen-hash-alg" }, \
        { prefix "hash-alg", MON_STR, .own = prefix "hash-alg" },             \
    {                                                                         \
        prefix "iter-time", MON_INT, .own = prefix "iter-time"                \
    }

static const CreateKey create_file_keys[] = {
    { "filename", MON_STR, .needed = true },
    { "size", MON_INT, .needed = true },
    { "preallocation", MON_STR, .values = create_prealloc },
    { "nocow", MON_BOOL },
    { "extent-size-hint", MON_INT },
    { NULL },
};
static const CreateKey create_qcow2_keys[] = {
    CREATE_FILE,
    { "data-file", MON_ANY },
    { "data-file-raw", MON_BOOL },
    { "extended-l2", MON_BOOL },
    { "version", MON_STR, .own = "compat", .values = create_versions },
    { "backing-file", MON_STR },
    { "backing-fmt", MON_STR },
    { "encrypt.format", MON_STR },
    CREATE_CIPHER("encrypt."),
    { "cluster-size", MON_INT },
    { "preallocation", MON_STR, .values = create_prealloc },
    { "lazy-refcounts", MON_BOOL },
    { "refcount-bits", MON_INT },
    { "compression-type", MON_STR },
    { NULL },
};
static const CreateKey create_luks_keys[] = { CREATE_FILE, CREATE_CIPHER(""), { NULL } };
static const CreateKey create_vdi_keys[] = {
    CREATE_FILE,
    { "preallocation", MON_STR, .own = "static", .values = create_prealloc },
    { NULL },
};
static const CreateKey create_vhdx_keys[] = {
    CREATE_FILE,
    { "log-size", MON_INT },
    { "block-size", MON_INT },
    { "subformat", MON_STR },
    { "block-state-zero", MON_BOOL },
    { NULL },
};
static const CreateKey create_vpc_keys[] = {
    CREATE_FILE,
    { "subformat", MON_STR },
    { "force-size", MON_BOOL },
    { NULL },
};
static const CreateKey create_vmdk_keys[] = {
    CREATE_FILE,
    { "subformat", MON_STR },
    { "backing-file", MON_STR },
    { "adapter-type", MON_STR },
    { "hwversion", MON_STR },
    { "toolsversion", MON_STR },
    { "zeroed-grain", MON_BOOL },
    { NULL },
};
static const CreateKey create_parallels_keys[] = {
    CREATE_FILE,
    { "cluster-size", MON_INT },
    { NULL },
};

static const CreateKind create_kinds[] = {
    { "file", create_file_keys }, { "qcow2", create_qcow2_keys },
    { "luks", create_luks_keys }, { "vdi", create_vdi_keys },
    { "vhdx", create_vhdx_keys }, { "vpc", create_vpc_keys },
    { "vmdk", create_vmdk_keys }, { "parallels", create_parallels_keys },
};

/* ---- The options ---- */

static const CreateKey *create_key(const CreateKind *kind, const char *key)
{
    for (const CreateKey *k = kind->keys; k->name; k++) {
        size_t len = strlen(k->name);

        if (!strcmp(k->name, key) ||
            (k->type == MON_ANY && !strncmp(k->name, key, len) && key[len] == '.')) {
            return k;
        }
    }
    return NULL;
}

static bool create_check_value(const CreateKey *k, const char *value, GError **err)
{
    if (!k->values || g_strv_contains(k->values, value)) {
        return true;
    }
    return error_set(err, "Parameter '%s' does not accept value '%s'", k->name, value);
}

static bool create_check(const MonValue *v, const CreateKind *kind, GError **err)
{
    static const char *const expected[] = { "string", "integer", "boolean" };
    GHashTableIter at;
    void *key, *value;

    g_hash_table_iter_init(&at, v->leaves);
    while (g_hash_table_iter_next(&at, &key, &value)) {
        const CreateKey *k = create_key(kind, key);
        MonArgType is = mon_leaf_kind(v, key);

        if (!strcmp(key, "driver")) {
            continue;
        }
        if (!k) {
            return error_set(err, "Parameter 'options.%s' is unexpected", (char *)key);
        }
        if (k->type != MON_ANY && k->type != is) {
            return error_set(err, "Invalid parameter type for 'options.%s', expected: %s",
                             (char *)key, expected[k->type]);
        }
        if (!create_check_value(k, value, err)) {
            return false;
        }
    }
    for (const CreateKey *k = kind->keys; k->name; k++) {
        if (k->needed && mon_leaf_kind(v, k->name) == MON_ABSENT) {
            return error_set(err, "Parameter 'options.%s' is missing", k->name);
        }
    }
    return true;
}

/* ---- The job ---- */

typedef struct Create {
    const CreateKind *kind;
    Options given, o; /* by QMP's names; the driver's */
} Create;

static BlockNode *create_node(BlockGraph *g, Options *given, const char *role, GError **err)
{
    g_autofree char *prefix = g_strconcat(role, ".", NULL);
    const char *name = options_get(given, role);
    BlockNode *n = NULL;
    Options sub = { 0 };

    for (unsigned i = 0; i < given->n; i++) {
        if (g_str_has_prefix(given->list[i].key, prefix)) {
            options_add(&sub, given->list[i].key + strlen(prefix), given->list[i].value);
        }
    }
    if (name) {
        n = block_graph_find(g, name);
        if (n) {
            block_node_ref(n);
        } else {
            error_set(err, "Cannot find device='%s' nor node-name='%s'", name, name);
        }
    } else {
        n = block_node_open(g, &sub, BLOCK_OPEN_WRITE | BLOCK_OPEN_DISCARD, err);
    }
    options_deinit(&sub);
    return n;
}

/* Nothing of what was there before. */
static bool create_empty(BlockNode *n, GError **err)
{
    g_autoptr(GError) fixed = NULL;
    int ret;

    if (!block_node_size(n) || block_node_resize(n, 0, false, BLOCK_PREALLOC_OFF, &fixed)) {
        return true;
    }
    ret = block_node_write_zeroes(n, 0, block_node_size(n), BLOCK_REQ_UNMAP);
    return !ret || error_set(err, "%s: clearing it: %s", block_node_filename(n), g_strerror(-ret));
}

static bool create_translate(BlockGraph *g, Create *c, GError **err)
{
    for (unsigned i = 0; i < c->given.n; i++) {
        const char *key = c->given.list[i].key, *value = c->given.list[i].value;
        const CreateKey *k = create_key(c->kind, key);
        g_autofree char *own = NULL;

        if (!k || k->type == MON_ANY || !strcmp(key, "size") || !strcmp(key, "filename")) {
            continue;
        }
        own = k->own ? g_strdup(k->own) : g_strdelimit(g_strdup(key), "-", '_');
        if (!strcmp(own, "compat")) {
            value = !strcmp(value, "v2") ? "0.10" : "1.1";
        } else if (!strcmp(own, "static")) {
            if (strcmp(value, "off") && strcmp(value, "metadata")) {
                return error_set(err, "Preallocation mode '%s' is not supported for VDI images",
                                 value);
            }
            value = strcmp(value, "off") ? "on" : "off";
        } else if (!strcmp(value, "true") || !strcmp(value, "false")) {
            value = *value == 't' ? "on" : "off";
        }
        options_add(&c->o, own, value);
    }
    if (options_get(&c->given, "data-file") || options_get(&c->given, "data-file.driver")) {
        BlockNode *data = create_node(g, &c->given, "data-file", err);

        if (!data) {
            return false;
        }
        options_add(&c->o, "data_file", block_node_filename(data));
        block_node_unref(data);
    }
    return true;
}

static bool create_image(BlockGraph *g, Create *c, GError **err)
{
    const BlockDriver *drv = block_driver_find(c->kind->driver);
    const char *text = options_get(&c->given, "size"), *name = options_get(&c->given, "filename");
    uint64_t size = g_ascii_strtoull(text, NULL, 10);
    BlockNode *file;
    bool ok;

    if (!drv || !drv->create) {
        return error_set(err, "Driver does not support blockdev-create");
    }
    if (*text == '-' || size > BLOCK_SIZE_MAX) {
        return error_set(err, "Image size '%s' is beyond 0 to %" PRIu64, text, BLOCK_SIZE_MAX);
    }
    if (drv->kind == BLOCK_PROTOCOL) {
        return create_translate(g, c, err) && blk_image_create_with(g, drv, name, size, &c->o, err);
    }
    file = create_node(g, &c->given, "file", err);
    if (!file) {
        return false;
    }
    if (size % 512) {
        ok = error_set(err, "Image size must be a multiple of 512 bytes");
    } else if (block_node_parent(file, NULL)) {
        ok = error_set(err, "Node '%s' is in use", block_node_name(file));
    } else {
        block_set_grows(file);
        ok = create_translate(g, c, err) && create_empty(file, err) &&
             drv->create(g, block_node_filename(file), file, size, &c->o, err);
    }
    block_node_unref(file);
    return ok;
}

static int create_run(BlockJob *j)
{
    g_autoptr(GError) err = NULL;

    job_set_total(j, 1);
    create_image(job_graph(j), block_job_priv(j), &err);
    job_done(j, 1);
    return err ? job_fail(j, -EIO, "%s", err->message) : 0;
}

static void create_clean(BlockJob *j)
{
    Create *c = block_job_priv(j);

    options_deinit(&c->given);
    options_deinit(&c->o);
}

static const BlockJobType create_type = {
    .name = "create",
    .size = sizeof(Create),
    .run = create_run,
    .clean = create_clean,
};

static bool blk_create(BlkCall *b, GError **err)
{
    const MonValue *v = &b->c->args[1];
    const char *driver = mon_leaf(v, "driver");
    JobOptions o = { .id = blk_str(b, "job-id"), .flags = JOB_NOT_BLOCK | JOB_MANUAL_DISMISS };
    const CreateKind *kind = NULL;
    GHashTableIter at;
    void *key, *value;
    BlockJob *j;
    Create *c;

    for (size_t i = 0; driver && i < G_N_ELEMENTS(create_kinds); i++) {
        kind = strcmp(create_kinds[i].driver, driver) ? kind : &create_kinds[i];
    }
    if (!kind) {
        return driver ? error_set(err, "Parameter 'driver' does not accept value '%s'", driver)
                      : error_set(err, "Parameter 'options.driver' is missing");
    }
    if (!create_check(v, kind, err) || !(j = block_job_new(b->g, &create_type, &o, err))) {
        return false;
    }
    c = block_job_priv(j);
    c->kind = kind;
    g_hash_table_iter_init(&at, v->leaves);
    while (g_hash_table_iter_next(&at, &key, &value)) {
        options_add(&c->given, key, value);
    }
    return blk_start(b, j);
}

BLK_COMMAND(cmd_blockdev_create, blk_create)
