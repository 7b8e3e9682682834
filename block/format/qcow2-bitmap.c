/* SPDX-License-Identifier: Apache-2.0 */
/* Section "Bitmaps": the directory, and the bits of each. */
#include "block/format/qcow2.h"

#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { BITMAP_FIXED = 24, BITMAP_MIN_BITS = 9, BITMAP_MAX_BITS = 31 };
enum { BITMAP_IN_USE = 1, BITMAP_AUTO = 2, BITMAP_EXTRA_OK = 4, BITMAP_KNOWN = 7 };

void qcow2_bitmaps_free(Qcow2 *s)
{
    for (unsigned i = 0; i < s->bitmaps_n; i++) {
        g_free(s->bitmaps[i].name);
        g_free(s->bitmaps[i].extra);
    }
    g_clear_pointer(&s->bitmaps, g_free);
    s->bitmaps_n = 0;
}

static bool qcow2_bitmap_parse(Qcow2 *s, Qcow2Bitmap *b, const uint8_t *p, uint64_t left,
                               uint64_t *used, GError **err)
{
    uint16_t name;

    if (left < BITMAP_FIXED) {
        return block_error(err, s->node, "the bitmap directory ends within an entry");
    }
    b->table_off = get_be64(p);
    b->table_n = get_be32(p + 8);
    b->flags = get_be32(p + 12);
    b->type = p[16];
    b->granularity_bits = p[17];
    name = get_be16(p + 18);
    b->extra_len = get_be32(p + 20);
    *used = qcow2_round_up((uint64_t)BITMAP_FIXED + b->extra_len + name, 8);
    if (!name || name > QCOW2_BITMAP_NAME_MAX || *used > left) {
        return block_error(err, s->node,
                           "a bitmap's name_size is %u, extra_data_size %" PRIu32 ": %" PRIu64
                           " bytes of the directory are left",
                           name, b->extra_len, left);
    }
    b->extra = g_memdup2(p + BITMAP_FIXED, b->extra_len);
    b->name = g_strndup((const char *)p + BITMAP_FIXED + b->extra_len, name);
    if (b->flags & ~(uint32_t)BITMAP_KNOWN || b->type != 1 ||
        b->granularity_bits < BITMAP_MIN_BITS || b->granularity_bits > BITMAP_MAX_BITS) {
        return block_error(err, s->node,
                           "bitmap '%s': flags %#" PRIx32 ", type %u, "
                           "granularity_bits %u; known are flags up to 7, type 1, 9 to 31 bits",
                           b->name, b->flags, b->type, b->granularity_bits);
    }
    uint64_t bytes = (((s->h.size >> b->granularity_bits) + 1) + 7) / 8;
    if (b->table_off & (s->cluster - 1) || b->table_off >= QCOW2_HOST_MAX ||
        b->table_n > qcow2_clusters(s, bytes) + 1) {
        return block_error(err, s->node,
                           "bitmap '%s': bitmap_table_offset is %#" PRIx64
                           ", bitmap_table_size %" PRIu32 "; a multiple of the cluster, and at "
                           "most %" PRIu64 " entries, would be right",
                           b->name, b->table_off, b->table_n, qcow2_clusters(s, bytes) + 1);
    }
    return true;
}

bool qcow2_bitmaps_load(Qcow2 *s, GError **err)
{
    g_autofree uint8_t *dir = NULL;
    uint64_t at = 0, used = 0;

    if (!s->x.has_bitmaps) {
        return true;
    }
    dir = g_try_malloc(s->x.bitmap_dir_len);
    if (!dir || !block_read_all(s->node, s->x.bitmap_dir_off, dir, s->x.bitmap_dir_len, err)) {
        return dir ? false : block_error(err, s->node, "no memory for its bitmap directory");
    }
    s->bitmaps = g_new0(Qcow2Bitmap, s->x.bitmaps_n);
    while (s->bitmaps_n < s->x.bitmaps_n) {
        Qcow2Bitmap *b = &s->bitmaps[s->bitmaps_n++];

        if (!qcow2_bitmap_parse(s, b, dir + at, s->x.bitmap_dir_len - at, &used, err)) {
            return false;
        }
        at += used;
    }
    return at == s->x.bitmap_dir_len || block_error(err, s->node,
                                                    "bitmap_directory_size is %" PRIu64
                                                    "; its %" PRIu32 " entries take %" PRIu64,
                                                    s->x.bitmap_dir_len, s->x.bitmaps_n, at);
}

GVariant *qcow2_bitmaps_tell(const Qcow2 *s)
{
    GVariantBuilder list;

    g_variant_builder_init(&list, G_VARIANT_TYPE("av"));
    for (unsigned i = 0; i < s->bitmaps_n; i++) {
        const Qcow2Bitmap *b = &s->bitmaps[i];
        GVariantBuilder one, flags;

        g_variant_builder_init(&one, G_VARIANT_TYPE("a{sv}"));
        g_variant_builder_init(&flags, G_VARIANT_TYPE("av"));
        if (b->flags & BITMAP_IN_USE) {
            g_variant_builder_add(&flags, "v", g_variant_new_string("in-use"));
        }
        if (b->flags & BITMAP_AUTO) {
            g_variant_builder_add(&flags, "v", g_variant_new_string("auto"));
        }
        g_variant_builder_add(&one, "{sv}", "flags", g_variant_builder_end(&flags));
        g_variant_builder_add(&one, "{sv}", "name", g_variant_new_string(b->name));
        g_variant_builder_add(&one, "{sv}", "granularity",
                              g_variant_new_int64(1ll << b->granularity_bits));
        g_variant_builder_add(&list, "v", g_variant_builder_end(&one));
    }
    return g_variant_builder_end(&list);
}
