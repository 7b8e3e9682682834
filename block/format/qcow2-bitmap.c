/* SPDX-License-Identifier: Apache-2.0 */
/* Section "Bitmaps": the directory, and the bits of each. */
#include "block/format/qcow2.h"

#include "block/core/bitmap.h"
#include "util/bytes.h"
#include "util/json.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { BITMAP_FIXED = 24, BITMAP_MIN_BITS = 9, BITMAP_MAX_BITS = 31 };
enum { QCOW2_BITMAP_TABLE_MAX = 8 << 20 }; /* entries */
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
    if (b->table_off & (s->cluster - 1) || b->table_off >= QCOW2_HOST_MAX ||
        b->table_n > QCOW2_BITMAP_TABLE_MAX) {
        return block_error(err, s->node,
                           "bitmap '%s': bitmap_table_offset is %#" PRIx64
                           ", bitmap_table_size %" PRIu32 "; a multiple of the cluster, and at "
                           "most %d entries, would be right",
                           b->name, b->table_off, b->table_n, QCOW2_BITMAP_TABLE_MAX);
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
        g_variant_builder_add(&one, "{sv}", "name", json_string(b->name));
        g_variant_builder_add(&one, "{sv}", "granularity",
                              g_variant_new_int64(1ll << b->granularity_bits));
        g_variant_builder_add(&list, "v", g_variant_builder_end(&one));
    }
    return g_variant_builder_end(&list);
}

/* ---- Bits ---- */

/* Bytes of the disk that one cluster of bits stands for. */
static uint64_t qcow2_bitmap_reach(const Qcow2 *s, unsigned granularity_bits)
{
    return s->cluster * 8 << granularity_bits;
}

/* FIBER */
static int qcow2_bitmap_read(Qcow2 *s, const Qcow2Bitmap *b, DirtyBits *bits)
{
    uint64_t reach = qcow2_bitmap_reach(s, b->granularity_bits);
    g_autofree uint64_t *table = g_try_new(uint64_t, (uint64_t)b->table_n + 1);
    g_autofree uint8_t *buf = g_try_malloc(s->cluster);
    int ret = table && buf ? qcow2_pread(s, b->table_off, table, b->table_n * 8ull) : -ENOMEM;

    for (uint32_t i = 0; ret == 0 && i < b->table_n && i * reach < s->h.size; i++) {
        uint64_t entry = be64toh(table[i]), off = entry & QCOW2_OFF_MASK;
        uint64_t len = MIN(reach, s->h.size - i * reach);

        if (off & (s->cluster - 1)) {
            return -EINVAL;
        }
        if (!off && entry & 1) {
            dirty_bits_set(bits, i * reach, len);
        } else if (off) {
            uint64_t steps = ((len - 1) >> b->granularity_bits) + 1;

            ret = qcow2_pread(s, off, buf, s->cluster);
            if (ret == 0) {
                dirty_bits_unpack(bits, i * reach, buf, (steps + 7) / 8);
            }
        }
    }
    return ret;
}

/* The node's bitmap of an entry. FIBER */
static bool qcow2_bitmap_attach(Qcow2 *s, const Qcow2Bitmap *b, GError **err)
{
    BlockBitmap *bm = block_bitmap_new(s->node, b->name, 1ull << b->granularity_bits, err);
    bool usable = !(b->flags & BITMAP_IN_USE) && (!b->extra_len || b->flags & BITMAP_EXTRA_OK);
    uint64_t reach = qcow2_bitmap_reach(s, b->granularity_bits);
    int ret;

    if (!bm) {
        return false;
    }
    /* One of another size was cut off in the middle of a resize. */
    usable &= b->table_n == s->h.size / reach + (s->h.size % reach != 0);
    block_bitmap_set_flag(bm, BLOCK_BITMAP_PERSISTENT, true);
    block_bitmap_set_flag(bm, BLOCK_BITMAP_ENABLED, b->flags & BITMAP_AUTO);
    if (!usable) {
        block_bitmap_set_flag(bm, BLOCK_BITMAP_INCONSISTENT, true);
        block_bitmap_set_flag(bm, BLOCK_BITMAP_ENABLED, false);
        return true;
    }
    ret = qcow2_bitmap_read(s, b, block_bitmap_bits(bm));
    return ret == 0 ||
           block_error(err, s->node, "cannot read its bitmap '%s': %s", b->name, strerror(-ret));
}

bool qcow2_bitmaps_attach(Qcow2 *s, GError **err)
{
    s->bitmaps_live = true;
    for (unsigned i = 0; i < s->bitmaps_n; i++) {
        if (!qcow2_bitmap_attach(s, &s->bitmaps[i], err)) {
            return false;
        }
    }
    return true;
}

static void qcow2_bitmap_put(GByteArray *out, const Qcow2Bitmap *b)
{
    uint8_t p[BITMAP_FIXED];
    static const uint8_t zeros[8];
    size_t name = strlen(b->name);

    put_be64(p, b->table_off);
    put_be32(p + 8, b->table_n);
    put_be32(p + 12, b->flags);
    p[16] = b->type;
    p[17] = b->granularity_bits;
    put_be16(p + 18, name);
    put_be32(p + 20, b->extra_len);
    g_byte_array_append(out, p, sizeof(p));
    g_byte_array_append(out, b->extra ? b->extra : zeros, b->extra_len);
    g_byte_array_append(out, (const uint8_t *)b->name, name);
    g_byte_array_append(out, zeros, -out->len & 7);
}

int qcow2_bitmaps_mark(Qcow2 *s)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    bool changed = false;
    int ret;

    for (unsigned i = 0; i < s->bitmaps_n; i++) {
        changed |= !(s->bitmaps[i].flags & BITMAP_IN_USE);
        s->bitmaps[i].flags |= BITMAP_IN_USE;
        qcow2_bitmap_put(out, &s->bitmaps[i]);
    }
    if (!changed || out->len != s->x.bitmap_dir_len) {
        return 0;
    }
    ret = qcow2_pwrite(s, s->x.bitmap_dir_off, out->data, out->len);
    return ret ? ret : qcow2_barrier(s);
}

/* ---- Storing ---- */

/* 0: all clean, 1: all dirty, 2: mixed. */
static int qcow2_bits_kind(const DirtyBits *bits, uint64_t off, uint64_t len)
{
    uint64_t start, n;

    if (!dirty_bits_next(bits, off, off + len, UINT64_MAX, &start, &n)) {
        return 0;
    }
    return dirty_bits_next_clean(bits, off, off + len, &start) ? 2 : 1;
}

/* New clusters for the bits and their table. The lock is held. FIBER */
static int qcow2_bitmap_write(Qcow2 *s, const DirtyBits *bits, Qcow2Bitmap *b)
{
    uint64_t reach = qcow2_bitmap_reach(s, b->granularity_bits), got;
    g_autofree uint8_t *buf = g_try_malloc0(s->cluster), *table = NULL;
    int ret;

    b->table_n = s->h.size / reach + (s->h.size % reach != 0);
    table = g_try_malloc0(b->table_n * 8ull + 8);
    ret = buf && table ? 0 : -ENOMEM;
    for (uint32_t i = 0; ret == 0 && i < b->table_n; i++) {
        uint64_t len = MIN(reach, s->h.size - i * reach), off = 0;
        uint64_t steps = ((len - 1) >> b->granularity_bits) + 1;
        int kind = qcow2_bits_kind(bits, i * reach, len);

        if (kind == 2) {
            memset(buf, 0, s->cluster);
            dirty_bits_pack(bits, i * reach, buf, (steps + 7) / 8);
            ret = qcow2_alloc_clusters(s, 1, &off, &got);
            ret = ret ? ret : qcow2_pwrite(s, off, buf, s->cluster);
        }
        put_be64(table + i * 8ull, kind == 2 ? off : (uint64_t)kind);
    }
    ret = ret ? ret : qcow2_alloc_table(s, MAX(b->table_n * 8ull, 1), &b->table_off);
    return ret ? ret : qcow2_pwrite(s, b->table_off, table, b->table_n * 8ull);
}

static void qcow2_bitmap_free_clusters(Qcow2 *s, const Qcow2Bitmap *b)
{
    g_autofree uint64_t *table = g_try_new(uint64_t, (uint64_t)b->table_n + 1);

    if (!table || qcow2_pread(s, b->table_off, table, b->table_n * 8ull)) {
        return; /* leaked */
    }
    for (uint32_t i = 0; i < b->table_n; i++) {
        uint64_t off = be64toh(table[i]) & QCOW2_OFF_MASK;

        if (off && !(off & (s->cluster - 1))) {
            qcow2_free_now(s, off, s->cluster);
        }
    }
    qcow2_free_now(s, b->table_off, MAX(b->table_n * 8ull, 1));
}

static Qcow2Bitmap *qcow2_bitmap_stored(Qcow2 *s, const char *name)
{
    for (unsigned i = 0; i < s->bitmaps_n; i++) {
        if (!strcmp(s->bitmaps[i].name, name)) {
            return &s->bitmaps[i];
        }
    }
    return NULL;
}

/* The new entries: what is inconsistent stays as it is stored. FIBER */
static int qcow2_bitmaps_collect(Qcow2 *s, GArray *list)
{
    int ret = 0;

    for (BlockBitmap *bm = block_bitmap_next(s->node, NULL); bm && ret == 0;
         bm = block_bitmap_next(s->node, bm)) {
        unsigned flags = block_bitmap_flags(bm);
        const DirtyBits *bits = block_bitmap_bits(bm);
        Qcow2Bitmap *old = qcow2_bitmap_stored(s, block_bitmap_name(bm)), b = { .type = 1 };

        if (!(flags & BLOCK_BITMAP_PERSISTENT)) {
            continue;
        }
        if (flags & BLOCK_BITMAP_INCONSISTENT && !old) {
            continue;
        }
        if (flags & BLOCK_BITMAP_INCONSISTENT) {
            b = *old;
            b.extra = g_memdup2(old->extra, old->extra_len);
        } else {
            b.granularity_bits = __builtin_ctzll(dirty_bits_granularity(bits));
            b.flags = flags & BLOCK_BITMAP_ENABLED ? BITMAP_AUTO : 0;
            ret = qcow2_bitmap_write(s, bits, &b);
        }
        b.name = g_strdup(block_bitmap_name(bm));
        g_array_append_val(list, b);
    }
    return ret;
}

/* The header leads to the new directory. In between its bit says that there is none. FIBER */
static int qcow2_bitmaps_switch(Qcow2 *s, uint64_t off, uint64_t len, uint32_t n)
{
    int ret = qcow2_flush_everything(s);

    s->h.autoclear &= ~(uint64_t)QCOW2_AUTOCLEAR_BITMAPS;
    ret = ret ? ret : qcow2_header_write_fixed(s);
    ret = ret ? ret : qcow2_barrier(s);
    s->x.has_bitmaps = n > 0;
    s->x.bitmaps_n = n;
    s->x.bitmap_dir_off = off;
    s->x.bitmap_dir_len = len;
    ret = ret ? ret : qcow2_header_update(s);
    ret = ret ? ret : qcow2_barrier(s);
    if (ret == 0 && n) {
        s->h.autoclear |= QCOW2_AUTOCLEAR_BITMAPS;
        ret = qcow2_header_write_fixed(s);
        ret = ret ? ret : qcow2_barrier(s);
    }
    return ret;
}

static bool qcow2_bitmaps_any(Qcow2 *s)
{
    for (BlockBitmap *b = block_bitmap_next(s->node, NULL); b; b = block_bitmap_next(s->node, b)) {
        if (block_bitmap_flags(b) & BLOCK_BITMAP_PERSISTENT) {
            return true;
        }
    }
    return s->bitmaps_n;
}

int qcow2_bitmaps_store(Qcow2 *s)
{
    g_autoptr(GArray) list = g_array_new(FALSE, FALSE, sizeof(Qcow2Bitmap));
    g_autoptr(GByteArray) dir = g_byte_array_new();
    uint64_t off = 0, old_off = s->x.bitmap_dir_off, old_len = s->x.bitmap_dir_len;
    int ret;

    if (!s->bitmaps_live || !qcow2_bitmaps_any(s)) {
        return 0;
    }
    if (s->h.version < 3) {
        return -ENOTSUP;
    }
    fiber_lock(&s->lock);
    ret = qcow2_bitmaps_collect(s, list);
    for (unsigned i = 0; i < list->len; i++) {
        qcow2_bitmap_put(dir, &g_array_index(list, Qcow2Bitmap, i));
    }
    if (ret == 0 && list->len) {
        ret = qcow2_alloc_table(s, dir->len, &off);
        ret = ret ? ret : qcow2_pwrite(s, off, dir->data, dir->len);
    }
    ret = ret ? ret : qcow2_bitmaps_switch(s, off, dir->len, list->len);
    if (ret == 0) {
        for (unsigned i = 0; i < s->bitmaps_n; i++) {
            bool kept = false;

            for (unsigned k = 0; k < list->len; k++) {
                kept |= g_array_index(list, Qcow2Bitmap, k).table_off == s->bitmaps[i].table_off;
            }
            if (!kept) {
                qcow2_bitmap_free_clusters(s, &s->bitmaps[i]);
            }
        }
        if (s->bitmaps_n) {
            qcow2_free_now(s, old_off, old_len);
        }
    }
    qcow2_bitmaps_free(s);
    s->bitmaps_n = list->len;
    s->bitmaps = g_memdup2(list->data, list->len * sizeof(Qcow2Bitmap));
    fiber_unlock(&s->lock);
    return ret;
}

uint64_t qcow2_bitmaps_measure(BlockNode *from, uint64_t size, uint64_t cluster)
{
    uint64_t dir = 0, all = 0;

    for (BlockBitmap *b = block_bitmap_next(from, NULL); b; b = block_bitmap_next(from, b)) {
        uint64_t granularity = dirty_bits_granularity(block_bitmap_bits(b)), bytes, n;

        if (!(block_bitmap_flags(b) & BLOCK_BITMAP_PERSISTENT)) {
            continue;
        }
        bytes = ((size / granularity + (size % granularity != 0)) + 7) / 8;
        n = bytes / cluster + (bytes % cluster != 0);
        all += n * cluster + qcow2_round_up(n * 8, cluster);
        dir += qcow2_round_up(BITMAP_FIXED + strlen(block_bitmap_name(b)), 8);
    }
    return all + qcow2_round_up(dir, cluster);
}
