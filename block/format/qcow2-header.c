/* SPDX-License-Identifier: Apache-2.0 */
#include "block/format/qcow2.h"

#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Section "Header": fields that both versions have. */
static bool qcow2_header_common(const Qcow2Header *h, GError **err)
{
    uint64_t cluster = 1ull << h->cluster_bits;

    if (h->crypt > QCOW2_CRYPT_LUKS) {
        return error_set(err, "crypt_method is %" PRIu32 "; known are 0 (none), 1 (AES), 2 (LUKS)",
                         h->crypt);
    }
    if (h->size > BLOCK_SIZE_MAX) {
        return error_set(err, "size is %" PRIu64 "; at most %" PRIu64 " can be", h->size,
                         (uint64_t)BLOCK_SIZE_MAX);
    }
    if (h->l1_n > QCOW2_L1_MAX / 8) {
        return error_set(err, "l1_size is %" PRIu32 " entries; at most %d can be", h->l1_n,
                         QCOW2_L1_MAX / 8);
    }
    if (h->l1_off % cluster || h->l1_off >= QCOW2_HOST_MAX) {
        return error_set(err,
                         "l1_table_offset is %#" PRIx64 "; it must be a multiple of the "
                         "cluster's %" PRIu64 " bytes below 2^56",
                         h->l1_off, cluster);
    }
    if (h->rt_off % cluster || h->rt_off >= QCOW2_HOST_MAX) {
        return error_set(err,
                         "refcount_table_offset is %#" PRIx64 "; it must be a multiple of "
                         "the cluster's %" PRIu64 " bytes below 2^56",
                         h->rt_off, cluster);
    }
    if (h->rt_clusters > (QCOW2_RT_MAX >> h->cluster_bits)) {
        return error_set(err, "refcount_table_clusters is %" PRIu32 "; at most %d (8 MiB) can be",
                         h->rt_clusters, QCOW2_RT_MAX >> h->cluster_bits);
    }
    if (h->snapshots_n > QCOW2_SNAPSHOTS_MAX) {
        return error_set(err, "nb_snapshots is %" PRIu32 "; at most %d can be", h->snapshots_n,
                         QCOW2_SNAPSHOTS_MAX);
    }
    if (h->snapshots_n && (h->snapshots_off % cluster || h->snapshots_off >= QCOW2_HOST_MAX)) {
        return error_set(err,
                         "snapshots_offset is %#" PRIx64 "; it must be a multiple of the "
                         "cluster's %" PRIu64 " bytes below 2^56",
                         h->snapshots_off, cluster);
    }
    if (h->backing_off && h->backing_len > QCOW2_NAME_MAX) {
        return error_set(err, "backing_file_size is %" PRIu32 "; at most %d can be", h->backing_len,
                         QCOW2_NAME_MAX);
    }
    if (h->backing_off && (h->backing_off > cluster || h->backing_len > cluster - h->backing_off)) {
        return error_set(err,
                         "backing_file_offset is %#" PRIx64 ", the name's length %" PRIu32
                         ": it must lie in the first cluster",
                         h->backing_off, h->backing_len);
    }
    return true;
}

/* Section "Header", version 3, and "Additional fields". */
static bool qcow2_header_v3(const uint8_t *buf, size_t len, Qcow2Header *h, GError **err)
{
    if (len < QCOW2_V3_LEN) {
        return error_set(err, "the file ends within the header");
    }
    h->incompat = get_be64(buf + 72);
    h->compat = get_be64(buf + 80);
    h->autoclear = get_be64(buf + 88);
    h->refcount_order = get_be32(buf + 96);
    h->len = get_be32(buf + 100);
    if (h->refcount_order > 6) {
        return error_set(err, "refcount_order is %" PRIu32 "; at most 6 (64 bits) can be",
                         h->refcount_order);
    }
    if (h->len < QCOW2_V3_LEN || h->len > 1ull << h->cluster_bits) {
        return error_set(err,
                         "header_length is %" PRIu32 "; it must be from 104 to the cluster's "
                         "%" PRIu64 " bytes",
                         h->len, (uint64_t)1 << h->cluster_bits);
    }
    if (h->len > QCOW2_V3_LEN && len > QCOW2_V3_LEN) {
        h->compression = buf[104];
    }
    if (!(h->incompat & QCOW2_INCOMPAT_COMPRESSION) != !h->compression) {
        return error_set(err,
                         "compression_type is %u, and the incompatible feature \"compression "
                         "type\" is %s: they contradict each other",
                         h->compression,
                         h->incompat & QCOW2_INCOMPAT_COMPRESSION ? "set" : "not set");
    }
    if (h->compression > QCOW2_ZSTD) {
        return error_set(err, "compression_type is %u; known are 0 (zlib) and 1 (zstd)",
                         h->compression);
    }
    if (h->incompat & QCOW2_INCOMPAT_EXTL2 && h->cluster_bits < 14) {
        return error_set(err,
                         "cluster_bits is %" PRIu32 "; with extended L2 entries at least 14 "
                         "must be",
                         h->cluster_bits);
    }
    return true;
}

bool qcow2_header_parse(const uint8_t *buf, size_t len, Qcow2Header *h, GError **err)
{
    *h = (Qcow2Header){ 0 };
    if (len < QCOW2_V2_LEN) {
        return error_set(err, "the file ends within the header");
    }
    if (get_be32(buf) != QCOW2_MAGIC) {
        return error_set(err, "not a qcow2 image: it begins with %08" PRIx32 ", not 514649fb",
                         get_be32(buf));
    }
    h->version = get_be32(buf + 4);
    if (h->version != 2 && h->version != 3) {
        return error_set(err, "unsupported qcow2 version %" PRIu32 "; known are 2 and 3",
                         h->version);
    }
    h->backing_off = get_be64(buf + 8);
    h->backing_len = get_be32(buf + 16);
    h->cluster_bits = get_be32(buf + 20);
    h->size = get_be64(buf + 24);
    h->crypt = get_be32(buf + 32);
    h->l1_n = get_be32(buf + 36);
    h->l1_off = get_be64(buf + 40);
    h->rt_off = get_be64(buf + 48);
    h->rt_clusters = get_be32(buf + 56);
    h->snapshots_n = get_be32(buf + 60);
    h->snapshots_off = get_be64(buf + 64);
    h->refcount_order = 4;
    h->len = QCOW2_V2_LEN;
    if (h->cluster_bits < QCOW2_MIN_BITS || h->cluster_bits > QCOW2_MAX_BITS) {
        return error_set(err,
                         "cluster_bits is %" PRIu32 "; it must be from 9 (512 bytes) to 21 "
                         "(2 MiB)",
                         h->cluster_bits);
    }
    if (h->version == 3 && !qcow2_header_v3(buf, len, h, err)) {
        return false;
    }
    return qcow2_header_common(h, err);
}

static char *qcow2_ext_string(const uint8_t *p, uint32_t len)
{
    return g_strndup((const char *)p, len);
}

/* Section "Bitmaps extension". */
static bool qcow2_ext_bitmaps(const uint8_t *p, uint32_t len, const Qcow2Header *h, Qcow2Exts *x,
                              GError **err)
{
    if (len != 24) {
        return error_set(err, "the bitmaps extension has %" PRIu32 " bytes; 24 are right", len);
    }
    x->bitmaps_n = get_be32(p);
    x->bitmap_dir_len = get_be64(p + 8);
    x->bitmap_dir_off = get_be64(p + 16);
    if (!(h->autoclear & QCOW2_AUTOCLEAR_BITMAPS)) {
        return true; /* inconsistent: not to be looked at */
    }
    x->has_bitmaps = true;
    if (get_be32(p + 4)) {
        return error_set(err, "the bitmaps extension's reserved field is %#" PRIx32 ", not 0",
                         get_be32(p + 4));
    }
    if (!x->bitmaps_n || x->bitmaps_n > QCOW2_BITMAPS_MAX) {
        return error_set(err, "nb_bitmaps is %" PRIu32 "; it must be from 1 to %d", x->bitmaps_n,
                         QCOW2_BITMAPS_MAX);
    }
    if (x->bitmap_dir_off % (1ull << h->cluster_bits) || !x->bitmap_dir_off ||
        x->bitmap_dir_off >= QCOW2_HOST_MAX) {
        return error_set(err,
                         "bitmap_directory_offset is %#" PRIx64 "; it must be a multiple of "
                         "the cluster",
                         x->bitmap_dir_off);
    }
    if (x->bitmap_dir_len > QCOW2_BITMAP_DIR_MAX || x->bitmap_dir_len < 24ull * x->bitmaps_n) {
        return error_set(err,
                         "bitmap_directory_size is %" PRIu64 "; for %" PRIu32 " bitmaps it "
                         "must be from %" PRIu64 " to %d",
                         x->bitmap_dir_len, x->bitmaps_n, (uint64_t)24 * x->bitmaps_n,
                         QCOW2_BITMAP_DIR_MAX);
    }
    return true;
}

static bool qcow2_ext_crypto(const uint8_t *p, uint32_t len, const Qcow2Header *h, Qcow2Exts *x,
                             GError **err)
{
    if (len != 16) {
        return error_set(err,
                         "the encryption header's pointer has %" PRIu32 " bytes; 16 are "
                         "right",
                         len);
    }
    if (h->crypt != QCOW2_CRYPT_LUKS) {
        return error_set(err,
                         "an encryption header with crypt_method %" PRIu32 "; only 2 (LUKS) "
                         "has one",
                         h->crypt);
    }
    x->has_crypto = true;
    x->crypto_off = get_be64(p);
    x->crypto_len = get_be64(p + 8);
    if (x->crypto_off % (1ull << h->cluster_bits) || x->crypto_off >= QCOW2_HOST_MAX ||
        x->crypto_len > 1 << 30) {
        return error_set(err,
                         "the encryption header is said to be at %#" PRIx64 ", of %" PRIu64
                         " bytes; it must be at a multiple of the cluster",
                         x->crypto_off, x->crypto_len);
    }
    return true;
}

static bool qcow2_ext_one(uint32_t type, const uint8_t *p, uint32_t len, const Qcow2Header *h,
                          Qcow2Exts *x, GError **err)
{
    switch (type) {
    case QCOW2_EXT_BACKING_FMT:
        if (len >= 16) {
            return error_set(err,
                             "the backing format's name has %" PRIu32 " bytes; less than 16 "
                             "can be",
                             len);
        }
        g_free(x->backing_fmt);
        x->backing_fmt = qcow2_ext_string(p, len);
        return true;
    case QCOW2_EXT_DATA_FILE:
        g_free(x->data_file);
        x->data_file = qcow2_ext_string(p, len);
        return true;
    case QCOW2_EXT_FEATURES:
        g_free(x->features);
        x->features = g_memdup2(p, len);
        x->features_len = len;
        return true;
    case QCOW2_EXT_BITMAPS:
        return qcow2_ext_bitmaps(p, len, h, x, err);
    case QCOW2_EXT_CRYPTO:
        return qcow2_ext_crypto(p, len, h, x, err);
    default:
        x->unknown = g_renew(Qcow2Ext, x->unknown, x->unknown_n + 1);
        x->unknown[x->unknown_n++] = (Qcow2Ext){ type, len, g_memdup2(p, len) };
        return true;
    }
}

bool qcow2_exts_parse(const uint8_t *buf, size_t len, const Qcow2Header *h, Qcow2Exts *x,
                      GError **err)
{
    size_t at = h->len, end = h->backing_off ? MIN(h->backing_off, len) : len;

    *x = (Qcow2Exts){ 0 };
    if (h->len > QCOW2_HEAD_LEN && len >= h->len) {
        x->fields_len = h->len - QCOW2_HEAD_LEN;
        x->fields = g_memdup2(buf + QCOW2_HEAD_LEN, x->fields_len);
    }
    while (at + 8 <= end) {
        uint32_t type = get_be32(buf + at), n = get_be32(buf + at + 4);

        at += 8;
        if (type == 0) {
            break;
        }
        if (n > end - at) {
            return error_set(err,
                             "header extension %#" PRIx32 " at %zu says %" PRIu32 " bytes; "
                             "%zu are left",
                             type, at - 8, n, end - at);
        }
        if (!qcow2_ext_one(type, buf + at, n, h, x, err)) {
            return false;
        }
        at += qcow2_round_up(n, 8);
    }
    if (h->backing_off && h->backing_len) {
        if (h->backing_off + h->backing_len > len) {
            return error_set(err,
                             "backing_file_offset is %#" PRIx64 ": the name lies beyond the "
                             "end of the file",
                             h->backing_off);
        }
        x->backing_name = qcow2_ext_string(buf + h->backing_off, h->backing_len);
    }
    if (h->autoclear & QCOW2_AUTOCLEAR_RAW && !(h->incompat & QCOW2_INCOMPAT_DATA_FILE)) {
        return error_set(err, "the autoclear feature \"raw external data\" is set without the "
                              "incompatible feature \"external data file\"");
    }
    if (h->crypt == QCOW2_CRYPT_LUKS && !x->has_crypto) {
        return error_set(err, "crypt_method is 2 (LUKS), but the header extension that says where "
                              "its header lies is missing");
    }
    return true;
}

void qcow2_exts_deinit(Qcow2Exts *x)
{
    g_free(x->backing_name);
    g_free(x->backing_fmt);
    g_free(x->data_file);
    g_free(x->features);
    g_free(x->fields);
    for (unsigned i = 0; i < x->unknown_n; i++) {
        g_free(x->unknown[i].data);
    }
    g_free(x->unknown);
    *x = (Qcow2Exts){ 0 };
}

char *qcow2_feature_names(const Qcow2Exts *x, unsigned type, uint64_t bits)
{
    GString *out = g_string_new(NULL);

    for (uint32_t at = 0; at + 48 <= x->features_len; at += 48) {
        const uint8_t *p = x->features + at;

        if (p[0] == type && p[1] < 64 && bits >> p[1] & 1) {
            char name[47];

            snprintf(name, sizeof(name), "%.46s", (const char *)p + 2);
            g_string_append_printf(out, "%s%s", out->len ? ", " : "", name);
            bits &= ~(1ull << p[1]);
        }
    }
    if (bits) {
        g_string_append_printf(out, "%sbit mask %#" PRIx64, out->len ? ", " : "", bits);
    }
    return g_string_free(out, FALSE);
}

/* ---- Building ---- */

static const struct {
    uint8_t type, bit;
    const char *name;
} qcow2_features[] = {
    { 0, 0, "dirty bit" },        { 0, 1, "corrupt bit" },         { 0, 2, "external data file" },
    { 0, 3, "compression type" }, { 0, 4, "extended L2 entries" }, { 1, 0, "lazy refcounts" },
    { 2, 0, "bitmaps" },          { 2, 1, "raw external data" },
};

/* Where the next extension goes; NULL: full. Leaves room for the end mark. */
static uint8_t *qcow2_ext_room(uint8_t *buf, size_t len, size_t *at, uint32_t type, uint32_t n)
{
    uint8_t *p = buf + *at;

    if (n > len || *at + 16 + qcow2_round_up(n, 8) > len) {
        return NULL;
    }
    put_be32(p, type);
    put_be32(p + 4, n);
    *at += 8 + qcow2_round_up(n, 8);
    return p + 8;
}

static bool qcow2_ext_put(uint8_t *buf, size_t len, size_t *at, uint32_t type, const void *data,
                          uint32_t n)
{
    uint8_t *p = qcow2_ext_room(buf, len, at, type, n);

    if (p && n) {
        memcpy(p, data, n);
    }
    return p;
}

static bool qcow2_ext_features_put(uint8_t *buf, size_t len, size_t *at)
{
    uint32_t n = G_N_ELEMENTS(qcow2_features) * 48;
    uint8_t *p = qcow2_ext_room(buf, len, at, QCOW2_EXT_FEATURES, n);

    for (unsigned i = 0; p && i < G_N_ELEMENTS(qcow2_features); i++, p += 48) {
        p[0] = qcow2_features[i].type;
        p[1] = qcow2_features[i].bit;
        g_strlcpy((char *)p + 2, qcow2_features[i].name, 46);
    }
    return p;
}

static void qcow2_header_fixed(uint8_t *buf, const Qcow2Header *h)
{
    put_be32(buf, QCOW2_MAGIC);
    put_be32(buf + 4, h->version);
    put_be64(buf + 8, h->backing_off);
    put_be32(buf + 16, h->backing_len);
    put_be32(buf + 20, h->cluster_bits);
    put_be64(buf + 24, h->size);
    put_be32(buf + 32, h->crypt);
    put_be32(buf + 36, h->l1_n);
    put_be64(buf + 40, h->l1_off);
    put_be64(buf + 48, h->rt_off);
    put_be32(buf + 56, h->rt_clusters);
    put_be32(buf + 60, h->snapshots_n);
    put_be64(buf + 64, h->snapshots_off);
    if (h->version >= 3) {
        put_be64(buf + 72, h->incompat);
        put_be64(buf + 80, h->compat);
        put_be64(buf + 88, h->autoclear);
        put_be32(buf + 96, h->refcount_order);
        put_be32(buf + 100, h->len);
        buf[104] = h->compression;
    }
}

/* All extensions in the customary order; false: no room. */
static bool qcow2_exts_build(uint8_t *buf, size_t len, size_t *at, const Qcow2Header *h,
                             const Qcow2Exts *x, bool features)
{
    uint8_t small[24] = { 0 };
    bool ok = true;

    if (x->backing_fmt) {
        ok = qcow2_ext_put(buf, len, at, QCOW2_EXT_BACKING_FMT, x->backing_fmt,
                           strlen(x->backing_fmt));
    }
    if (ok && x->data_file && h->incompat & QCOW2_INCOMPAT_DATA_FILE) {
        ok = qcow2_ext_put(buf, len, at, QCOW2_EXT_DATA_FILE, x->data_file, strlen(x->data_file));
    }
    if (ok && x->has_crypto) {
        put_be64(small, x->crypto_off);
        put_be64(small + 8, x->crypto_len);
        ok = qcow2_ext_put(buf, len, at, QCOW2_EXT_CRYPTO, small, 16);
    }
    if (ok && h->version >= 3 && features) {
        ok = qcow2_ext_features_put(buf, len, at);
    }
    if (ok && x->has_bitmaps && x->bitmaps_n) {
        memset(small, 0, sizeof(small));
        put_be32(small, x->bitmaps_n);
        put_be64(small + 8, x->bitmap_dir_len);
        put_be64(small + 16, x->bitmap_dir_off);
        ok = qcow2_ext_put(buf, len, at, QCOW2_EXT_BITMAPS, small, 24);
    }
    for (unsigned i = 0; ok && i < x->unknown_n; i++) {
        ok = qcow2_ext_put(buf, len, at, x->unknown[i].type, x->unknown[i].data, x->unknown[i].len);
    }
    return ok;
}

bool qcow2_header_build(uint8_t *buf, size_t len, Qcow2Header *h, const Qcow2Exts *x, GError **err)
{
    size_t at = QCOW2_V2_LEN, start, name = x->backing_name ? strlen(x->backing_name) : 0;

    memset(buf, 0, len);
    if (name > QCOW2_NAME_MAX || name > len / 2) {
        return error_set(err, "the backing file's name has %zu bytes; %zu at most can be", name,
                         MIN((size_t)QCOW2_NAME_MAX, len / 2));
    }
    if (h->version >= 3) {
        at = QCOW2_HEAD_LEN;
        if (x->fields) {
            if (at + x->fields_len > len) {
                return error_set(err, "header_length is too large for the cluster");
            }
            memcpy(buf + at, x->fields, x->fields_len);
            at += x->fields_len;
        }
    }
    h->len = at;
    start = at;
    if (!qcow2_exts_build(buf, len - name, &at, h, x, true)) {
        /* Names of features are for people: in small clusters there may be no room. */
        memset(buf + start, 0, len - start);
        at = start;
    }
    if (at == start && !qcow2_exts_build(buf, len - name, &at, h, x, false)) {
        return error_set(err,
                         "the header and its extensions do not fit the cluster's %zu bytes; "
                         "a larger cluster_size, or shorter names, would",
                         len);
    }
    at += 8; /* the end mark: zeros */
    h->backing_off = name ? at : 0;
    h->backing_len = name;
    if (at + name > len) {
        return error_set(err, "the backing file's name has %zu bytes; %zu are left in the cluster",
                         name, len - MIN(at, len));
    }
    memcpy(buf + at, x->backing_name ? x->backing_name : "", name);
    qcow2_header_fixed(buf, h);
    return true;
}

int qcow2_header_update(Qcow2 *s)
{
    g_autofree uint8_t *buf = g_malloc(s->cluster);
    g_autoptr(GError) err = NULL;
    Qcow2Header h = s->h;
    int ret;

    if (!qcow2_header_build(buf, s->cluster, &h, &s->x, &err)) {
        return -ENOSPC;
    }
    ret = qcow2_pwrite(s, 0, buf, s->cluster);
    if (ret == 0) {
        s->h = h;
    }
    return ret;
}

int qcow2_header_write_fixed(Qcow2 *s)
{
    uint8_t buf[QCOW2_HEAD_LEN] = { 0 };
    size_t len = s->h.version >= 3 ? MIN(s->h.len, QCOW2_HEAD_LEN) : QCOW2_V2_LEN;

    qcow2_header_fixed(buf, &s->h);
    return qcow2_pwrite(s, 0, buf, len);
}
