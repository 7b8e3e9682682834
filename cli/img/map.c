/* SPDX-License-Identifier: Apache-2.0 */
/* `tinamou img map`: where the parts of an image lie. */
#include "block/core/driver.h"
#include "cli/img/img-priv.h"

#include <inttypes.h>
#include <string.h>

enum { MAP_START = 's', MAP_LENGTH = 'l' };

typedef struct MapPrinter {
    ImgTool *tool;
    bool json, any;
    uint64_t start; /* of the range that is not printed yet */
    BlockStatus range;
} MapPrinter;

static const char *map_bool(bool yes)
{
    return yes ? "true" : "false";
}

static int map_print(MapPrinter *p)
{
    const BlockStatus *r = &p->range;
    bool data = r->bits & BLOCK_STATUS_DATA, zero = r->bits & BLOCK_STATUS_ZERO;

    if (p->json) {
        printf("%s{ \"start\": %" PRIu64 ", \"length\": %" PRIu64 ", \"depth\": %u, "
               "\"present\": %s, \"zero\": %s, \"data\": %s",
               p->any ? ",\n" : "", p->start, r->len, r->depth,
               map_bool(r->bits & BLOCK_STATUS_ALLOCATED), map_bool(zero), map_bool(data));
        if (r->bits & BLOCK_STATUS_OFFSET) {
            printf(", \"offset\": %" PRIu64, r->offset);
        }
        putchar('}');
        p->any = true;
        return 0;
    }
    if (!data || zero) {
        return 0;
    }
    if (!(r->bits & BLOCK_STATUS_OFFSET)) {
        return img_fail(p->tool, "File contains external, encrypted or compressed clusters.");
    }
    printf("%#-16" PRIx64 "%#-16" PRIx64 "%#-16" PRIx64 "%s\n", p->start, r->len, r->offset,
           block_node_filename(r->file));
    return 0;
}

static bool map_joins(const BlockStatus *a, const BlockStatus *b)
{
    const unsigned bits =
        BLOCK_STATUS_DATA | BLOCK_STATUS_ZERO | BLOCK_STATUS_ALLOCATED | BLOCK_STATUS_OFFSET;

    if ((a->bits & bits) != (b->bits & bits) || a->depth != b->depth) {
        return false;
    }
    return !(a->bits & BLOCK_STATUS_OFFSET) ||
           (a->file == b->file && a->offset + a->len == b->offset);
}

/* Zeros after the end of a short backing image are told of the image above it. */
static void map_short(BlockNode *n, uint64_t off, BlockStatus *s)
{
    for (unsigned i = 0; i < s->depth; i++) {
        n = block_node_backing(block_node_skip_filters(n));
        if (n && off >= block_node_size(n)) {
            s->depth = i;
            s->bits &= ~(unsigned)(BLOCK_STATUS_ALLOCATED | BLOCK_STATUS_OFFSET);
            return;
        }
    }
}

static int map_ranges(ImgTool *t, BlockNode *n, MapPrinter *p, uint64_t start, uint64_t end)
{
    int ret = 0;

    for (uint64_t off = start; off < end && !ret;) {
        BlockStatus s = { 0 };

        ret = img_status(n, off, end - off, &s);
        if (ret >= 0) {
            map_short(n, off, &s);
        }
        if (ret < 0) {
            return img_fail(t, "Failed to read image metadata: %s", g_strerror(-ret));
        }
        if (p->range.len && map_joins(&p->range, &s)) {
            p->range.len += s.len;
        } else {
            ret = p->range.len ? map_print(p) : 0;
            p->start = off;
            p->range = s;
        }
        off += s.len;
    }
    return ret;
}

static int map_run(ImgTool *t, const ImgArgs *a)
{
    ImgOpen open = img_open_args(a, 0);
    const char *start_text = img_arg(a, MAP_START), *length_text = img_arg(a, MAP_LENGTH);
    uint64_t start = 0, length = INT64_MAX, size;
    MapPrinter p = { .tool = t };
    BlockNode *n;
    int ret;

    if (!img_arg_json(t, a, &p.json) ||
        (start_text && !img_parse_size(t, "start offset", start_text, INT64_MAX, &start)) ||
        (length_text && !img_parse_size(t, "max length", length_text, INT64_MAX, &length))) {
        return 1;
    }
    if (a->n_words != 1) {
        return img_usage(t, "Expecting one image file name");
    }
    n = img_open(t, a->words[0], &open);
    if (!n) {
        return 1;
    }
    if (p.json) {
        putchar('[');
    } else {
        printf("%-16s%-16s%-16s%s\n", "Offset", "Length", "Mapped to", "File");
    }
    size = block_node_size(n);
    ret = start < size ? map_ranges(t, n, &p, start, start + MIN(length, size - start)) : 0;
    if (!ret && !p.range.len) {
        p.start = start; /* nothing: one range of nothing says so */
    }
    if (!ret) {
        ret = map_print(&p);
    }
    if (p.json && !ret) {
        puts("]");
    }
    block_node_unref(n);
    return ret;
}

static const ImgOption map_options[] = {
    IMG_OBJECT,
    IMG_IMAGE_OPTS,
    IMG_FORMAT,
    { MAP_START, "start-offset", "offset", "where to begin" },
    { MAP_LENGTH, "max-length", "len", "how much to look at" },
    IMG_OUTPUT,
    IMG_SHARE,
    { 0 },
};

const ImgCommand img_map = {
    .name = "map",
    .words = "filename",
    .doc = "tell where the parts of an image lie, through its backing images",
    .options = map_options,
    .run = map_run,
};
