/* SPDX-License-Identifier: Apache-2.0 */
/* `tinamou img info`. */
#include "block/core/driver.h"
#include "cli/img/img-priv.h"
#include "util/json.h"

#include <inttypes.h>
#include <string.h>

enum { NS_PER_SEC = 1000000000 };

static GVariant *info_snapshots_json(const BlockSnapshot *list, unsigned n)
{
    GVariantBuilder all;

    g_variant_builder_init(&all, G_VARIANT_TYPE("aa{sv}"));
    for (unsigned i = 0; i < n; i++) {
        const BlockSnapshot *s = &list[i];
        GVariantBuilder b;

        g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
        json_add(&b, "id", json_string(s->id));
        json_add(&b, "name", json_string(s->name));
        json_add(&b, "vm-state-size", g_variant_new_uint64(s->vm_state_size));
        json_add(&b, "date-sec", g_variant_new_uint32(s->date_sec));
        json_add(&b, "date-nsec", g_variant_new_uint32(s->date_nsec));
        json_add(&b, "vm-clock-sec", g_variant_new_uint64(s->vm_clock_ns / NS_PER_SEC));
        json_add(&b, "vm-clock-nsec", g_variant_new_uint64(s->vm_clock_ns % NS_PER_SEC));
        if (s->icount != UINT64_MAX) {
            json_add(&b, "icount", g_variant_new_uint64(s->icount));
        }
        g_variant_builder_add_value(&all, g_variant_builder_end(&b));
    }
    return g_variant_builder_end(&all);
}

/* Formats of which no more is known than bytes say nothing of being dirty. */
static bool info_tells_dirty(BlockNode *n)
{
    const BlockDriver *d = block_node_driver(n);
    const BlockNode *file = block_node_child(n, "file");

    if (!strcmp(d->name, "raw") && file && block_node_driver(file)->kind == BLOCK_PROTOCOL &&
        !block_node_driver(file)->allocated) {
        return false; /* a server's file */
    }
    return strcmp(d->name, "parallels") && d->kind == BLOCK_FORMAT &&
           strncmp(block_node_filename(n), "null-", 5);
}

static bool info_tells_clusters(BlockNode *n)
{
    return block_node_cluster_size(n) && strcmp(block_node_format(n), "parallels");
}

/* Everything of one image, read once, printed in either form. */
typedef struct Info {
    BlockNode *node;
    BlockSnapshot *snapshots;
    unsigned n_snapshots;
    int64_t allocated;
    GVariant *specific; /* {type, data}, or NULL */
    char *backing_path;
} Info;

static void info_read(Info *i, BlockNode *n)
{
    g_autoptr(GError) ignored = NULL;

    *i = (Info){ .node = n, .allocated = block_node_allocated(n) };
    if (!block_snapshot_list(n, &i->snapshots, &i->n_snapshots, &ignored)) {
        i->n_snapshots = 0; /* a format without snapshots */
    }
    i->specific = block_node_specific(n);
    if (i->specific) {
        i->specific = g_variant_take_ref(i->specific);
    }
    i->backing_path = img_backing_path(n);
}

static void info_free(Info *i)
{
    block_snapshot_list_free(i->snapshots, i->n_snapshots);
    g_clear_pointer(&i->specific, g_variant_unref);
    g_free(i->backing_path);
}

static GVariant *info_json(const Info *i)
{
    BlockNode *n = i->node;
    const char *backing = block_node_backing_name(n);
    g_autofree char *name = block_node_image_name(n);
    GVariantBuilder b, specific;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    json_add(&b, "filename", json_string(name));
    json_add(&b, "format", g_variant_new_string(block_node_format(n)));
    json_add(&b, "virtual-size", g_variant_new_uint64(block_node_size(n)));
    if (i->allocated >= 0) {
        json_add(&b, "actual-size", g_variant_new_int64(i->allocated));
    }
    if (info_tells_dirty(n)) {
        json_add(&b, "dirty-flag", g_variant_new_boolean(block_node_is_dirty(n)));
    }
    if (info_tells_clusters(n)) {
        json_add(&b, "cluster-size", g_variant_new_uint64(block_node_cluster_size(n)));
    }
    if (block_node_is_encrypted(n)) {
        json_add(&b, "encrypted", g_variant_new_boolean(true));
    }
    if (backing && *backing) {
        json_add(&b, "backing-filename", json_string(backing));
        json_add(&b, "full-backing-filename", json_string(i->backing_path));
        if (block_node_backing_format(n)) {
            json_add(&b, "backing-filename-format", json_string(block_node_backing_format(n)));
        }
    }
    if (i->n_snapshots) {
        json_add(&b, "snapshots", info_snapshots_json(i->snapshots, i->n_snapshots));
    }
    if (i->specific) {
        g_variant_builder_init(&specific, G_VARIANT_TYPE_VARDICT);
        json_add(&specific, "type", g_variant_new_string(block_node_format(n)));
        json_add(&specific, "data", i->specific);
        json_add(&b, "format-specific", g_variant_builder_end(&specific));
    }
    return g_variant_ref_sink(g_variant_builder_end(&b));
}

static void info_text_sizes(const Info *i)
{
    g_autofree char *size = img_size_text(block_node_size(i->node));
    g_autofree char *name = block_node_image_name(i->node);

    printf("image: %s\nfile format: %s\nvirtual size: %s (%" PRIu64 " bytes)\n", name,
           block_node_format(i->node), size, block_node_size(i->node));
    if (i->allocated >= 0) {
        g_autofree char *disk = img_size_text((uint64_t)i->allocated);

        printf("disk size: %s\n", disk);
    } else {
        puts("disk size: unavailable");
    }
}

static void info_text(const Info *i)
{
    BlockNode *n = i->node;
    const char *backing = block_node_backing_name(n);

    info_text_sizes(i);
    if (block_node_is_encrypted(n)) {
        puts("encrypted: yes");
    }
    if (info_tells_clusters(n)) {
        printf("cluster_size: %" PRIu64 "\n", block_node_cluster_size(n));
    }
    if (block_node_is_dirty(n)) {
        puts("cleanly shut down: no");
    }
    if (backing && *backing) {
        printf("backing file: %s", backing);
        if (strcmp(backing, i->backing_path)) {
            printf(" (actual path: %s)", i->backing_path);
        }
        putchar('\n');
        if (block_node_backing_format(n)) {
            printf("backing file format: %s\n", block_node_backing_format(n));
        }
    }
    if (i->n_snapshots) {
        puts("Snapshot list:");
        img_print_snapshots(stdout, i->snapshots, i->n_snapshots);
    }
    if (i->specific && g_variant_n_children(i->specific)) {
        g_autoptr(GString) text = g_string_new(NULL);

        puts("Format specific information:");
        json_print_text(text, i->specific, 1);
        fputs(text->str, stdout);
    }
}

/* A chain must not come back to an image that was in it. */
static bool info_seen(ImgTool *t, GHashTable *seen, const char *filename)
{
    if (g_hash_table_contains(seen, filename)) {
        img_fail(t, "Backing file '%s' creates an infinite loop.", filename);
        return true;
    }
    g_hash_table_add(seen, g_strdup(filename));
    return false;
}

typedef struct InfoChain {
    bool json, chain;
    unsigned done;
    GVariantBuilder list;
} InfoChain;

static void info_one(InfoChain *c, BlockNode *n)
{
    Info info;

    info_read(&info, n);
    if (c->json) {
        g_autoptr(GVariant) value = info_json(&info);

        g_variant_builder_add_value(&c->list, value);
    } else {
        fputs(c->done ? "\n" : "", stdout);
        info_text(&info);
    }
    c->done++;
    info_free(&info);
}

static void info_print_json(InfoChain *c)
{
    g_autoptr(GVariant) all = g_variant_ref_sink(g_variant_builder_end(&c->list));
    g_autoptr(GString) text = g_string_new(NULL);

    if (c->chain) {
        json_print(text, all);
    } else if (g_variant_n_children(all)) {
        g_autoptr(GVariant) one = g_variant_get_child_value(all, 0);

        json_print(text, one);
    }
    puts(text->str);
}

static int info_run(ImgTool *t, const ImgArgs *a)
{
    ImgOpen open = img_open_args(a, BLOCK_OPEN_NO_BACKING | BLOCK_OPEN_NO_IO);
    InfoChain c = { .chain = img_has(a, IMG_OPT_BACKING_CHAIN) };
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autofree char *filename = NULL, *format = NULL;
    int ret = 0;

    if (a->n_words != 1) {
        return img_usage(t, "Expecting one image file name");
    }
    if (!img_arg_json(t, a, &c.json)) {
        return 1;
    }
    g_variant_builder_init(&c.list, G_VARIANT_TYPE("aa{sv}"));
    filename = g_strdup(a->words[0]);
    while (filename && !ret) {
        BlockNode *n = info_seen(t, seen, filename) ? NULL : img_open(t, filename, &open);

        g_clear_pointer(&filename, g_free);
        if (!n) {
            ret = 1;
            break;
        }
        info_one(&c, n);
        if (c.chain) {
            filename = img_backing_path(n);
            g_free(format);
            format = g_strdup(block_node_backing_format(n));
            open = (ImgOpen){ .format = format, .flags = open.flags };
        }
        block_node_unref(n);
    }
    if (c.json && !ret) {
        info_print_json(&c);
    } else {
        g_variant_builder_clear(&c.list);
    }
    return ret;
}

static const ImgOption info_options[] = {
    IMG_OBJECT,
    IMG_IMAGE_OPTS,
    IMG_FORMAT,
    IMG_OUTPUT,
    { IMG_OPT_BACKING_CHAIN, "backing-chain", NULL, "the backing images too" },
    IMG_SHARE,
    { 0 },
};

const ImgCommand img_info = {
    .name = "info",
    .words = "filename",
    .doc = "tell what an image is",
    .options = info_options,
    .run = info_run,
};
