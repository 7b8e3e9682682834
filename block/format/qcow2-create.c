/* SPDX-License-Identifier: Apache-2.0 */
/* New images, and how large they become. */
#include "block/format/qcow2.h"

#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* In the order in which qemu-img tells what it makes. */
const BlockOption qcow2_create_options[] = {
    { "encryption", BLOCK_OPT_BOOL,
      "Encrypt the image with format 'aes'. (Deprecated in favor of encrypt.format=aes)" },
    { "encrypt.format", BLOCK_OPT_STR, "Encrypt the image, format choices: 'aes', 'luks'" },
    { "encrypt.key-secret", BLOCK_OPT_STR,
      "ID of secret providing qcow AES key or LUKS passphrase" },
    { "encrypt.cipher-alg", BLOCK_OPT_STR, "Name of encryption cipher algorithm" },
    { "encrypt.cipher-mode", BLOCK_OPT_STR, "Name of encryption cipher mode" },
    { "encrypt.ivgen-alg", BLOCK_OPT_STR, "Name of IV generator algorithm" },
    { "encrypt.ivgen-hash-alg", BLOCK_OPT_STR, "Name of IV generator hash algorithm" },
    { "encrypt.hash-alg", BLOCK_OPT_STR, "Name of encryption hash algorithm" },
    { "encrypt.iter-time", BLOCK_OPT_NUMBER, "Time to spend in PBKDF in milliseconds",
      .amend = true },
    { "cluster_size", BLOCK_OPT_SIZE, "qcow2 cluster size", "65536" },
    { "extended_l2", BLOCK_OPT_BOOL, "Extended L2 tables", "off" },
    { "preallocation", BLOCK_OPT_STR,
      "Preallocation mode (allowed values: off, metadata, falloc, full)" },
    { "compression_type", BLOCK_OPT_STR, "Compression method used for image cluster compression",
      "zlib" },
    { "size", BLOCK_OPT_SIZE, "Virtual disk size", NULL, true },
    { "compat", BLOCK_OPT_STR, "Compatibility level (v2 [0.10] or v3 [1.1])", NULL, true },
    { "backing_file", BLOCK_OPT_STR, "File name of a base image", NULL, true },
    { "backing_fmt", BLOCK_OPT_STR, "Image format of the base image", NULL, true },
    { "data_file", BLOCK_OPT_STR, "File name of an external data file", NULL, true },
    { "data_file_raw", BLOCK_OPT_BOOL, "The external data file must stay valid as a raw image",
      NULL, true },
    { "lazy_refcounts", BLOCK_OPT_BOOL, "Postpone refcount updates", "off", true },
    { "refcount_bits", BLOCK_OPT_NUMBER, "Width of a reference count entry in bits", "16", true },
    { NULL },
};

/* What the options ask for. */
typedef struct Qcow2Wish {
    Qcow2Header h;
    const char *backing, *backing_fmt, *data_file;
    BlockPrealloc prealloc;
    uint64_t crypto; /* bytes of the encryption header */
} Qcow2Wish;

static bool qcow2_wish_compat(Qcow2Wish *w, Options *o, GError **err)
{
    const char *compat = options_get(o, "compat");

    w->h.version = 3;
    if (compat && (!strcmp(compat, "0.10") || !strcmp(compat, "v2"))) {
        w->h.version = 2;
    } else if (compat && strcmp(compat, "1.1") && strcmp(compat, "v3")) {
        return error_set(err, "compat=%s is not known; valid: 0.10 (v2), 1.1 (v3)", compat);
    }
    return true;
}

/* Of version 3 alone. */
static bool qcow2_wish_v3(Qcow2Wish *w, Options *o, GError **err)
{
    const char *method = options_get(o, "compression_type");
    static const char level[] = "compatibility level 1.1 and above (use compat=1.1 or greater)";
    bool lazy, extended, raw;
    uint64_t bits;

    if (!options_get_bool(o, "lazy_refcounts", false, &lazy, err) ||
        !options_get_bool(o, "extended_l2", false, &extended, err) ||
        !options_get_bool(o, "data_file_raw", false, &raw, err) ||
        !options_get_number(o, "refcount_bits", 16, &bits, err)) {
        return false;
    }
    if (!bits || bits > 64 || bits & (bits - 1)) {
        return error_set(err, "Refcount width must be a power of two and may not exceed 64 bits");
    }
    w->h.refcount_order = __builtin_ctz(bits);
    if (method && !strcmp(method, "zstd") && qcow2_has_zstd()) {
        w->h.compression = QCOW2_ZSTD;
        w->h.incompat |= QCOW2_INCOMPAT_COMPRESSION;
    } else if (method && strcmp(method, "zlib")) {
        return error_set(err, "compression_type=%s is not known; valid: zlib%s", method,
                         qcow2_has_zstd() ? ", zstd" : "");
    }
    w->h.compat = lazy ? QCOW2_COMPAT_LAZY : 0;
    w->h.incompat |= extended ? QCOW2_INCOMPAT_EXTL2 : 0;
    w->h.incompat |= w->data_file ? QCOW2_INCOMPAT_DATA_FILE : 0;
    w->h.autoclear = raw ? QCOW2_AUTOCLEAR_RAW : 0;
    if (raw && !w->data_file) {
        return error_set(err, "data_file_raw requires data_file");
    }
    if (raw && w->backing) {
        return error_set(err, "Backing file and data_file_raw cannot be used at the same time");
    }
    if (extended && w->h.cluster_bits < 14) {
        return error_set(err, "Extended L2 entries are only supported with cluster sizes of at "
                              "least 16384 bytes");
    }
    if (w->h.version >= 3) {
        return true;
    }
    if (bits != 16) {
        return error_set(err, "Different refcount widths than 16 bits require %s", level);
    }
    return !(w->h.incompat || lazy) || error_set(err, "%s only supported with %s",
                                                 lazy           ? "Lazy refcounts are"
                                                 : extended     ? "Extended L2 entries are"
                                                 : w->data_file ? "External data files are"
                                                                : "Non-zlib compression type is",
                                                 level);
}

static bool qcow2_wish_prealloc(Qcow2Wish *w, Options *o, GError **err)
{
    static const char *const modes[] = { "off", "metadata", "falloc", "full" };
    const char *mode = options_get(o, "preallocation");

    for (unsigned i = 0; mode && i < G_N_ELEMENTS(modes); i++) {
        if (!strcmp(mode, modes[i])) {
            w->prealloc = i;
            mode = NULL;
        }
    }
    if (mode) {
        return error_set(err, "preallocation=%s is not known; valid: off, metadata, falloc, full",
                         mode);
    }
    if (w->prealloc && w->backing && !(w->h.incompat & QCOW2_INCOMPAT_EXTL2)) {
        return error_set(err, "Backing file and preallocation can only be used at the same time "
                              "if extended_l2 is on");
    }
    if (w->h.autoclear & QCOW2_AUTOCLEAR_RAW && !w->prealloc) {
        w->prealloc = BLOCK_PREALLOC_METADATA; /* a raw file has all its clusters */
    }
    return true;
}

/* @g NULL: to measure. */
static bool qcow2_wish_parse(BlockGraph *g, Qcow2Wish *w, Options *o, uint64_t size, GError **err)
{
    uint64_t cluster;
    bool extended;

    *w = (Qcow2Wish){ .h.size = size };
    w->backing = options_get(o, "backing_file");
    w->backing_fmt = options_get(o, "backing_fmt");
    w->data_file = options_get(o, "data_file");
    (void)options_get(o, "size");
    if (!options_get_bool(o, "extended_l2", false, &extended, err) ||
        !options_get_size(o, "cluster_size", 65536, &cluster, err)) {
        return false;
    }
    if (cluster < 512 || cluster > 2 << 20 || cluster & (cluster - 1)) {
        return error_set(err, "Cluster size must be a power of two between 512 and 2048k");
    }
    w->h.cluster_bits = __builtin_ctzll(cluster);
    if (!qcow2_crypto_wish(g, o, !g, &w->h.crypt, &w->crypto, err)) {
        return false;
    }
    if (w->backing_fmt && !w->backing) {
        return error_set(err, "backing_fmt needs backing_file");
    }
    if (!qcow2_wish_compat(w, o, err) || !qcow2_wish_v3(w, o, err) ||
        !qcow2_wish_prealloc(w, o, err)) {
        return false;
    }
    unsigned l2_bits = w->h.cluster_bits - (extended ? 4 : 3);
    uint64_t reach = cluster << l2_bits, l1 = size / reach + (size % reach != 0);
    if (l1 > QCOW2_L1_MAX / 8) {
        return error_set(err, "The image size is too large for file format 'qcow2' (try using a "
                              "larger cluster size)");
    }
    w->h.l1_n = l1;
    return true;
}

/* Refcount blocks and table for @clusters of other things and themselves. */
static void qcow2_counts_for(uint64_t clusters, unsigned cluster_bits, unsigned order,
                             uint64_t *blocks, uint64_t *table)
{
    uint64_t per = 1ull << (cluster_bits + 3 - order), b = 0, t = 0, all;

    do {
        *blocks = b;
        *table = t;
        all = clusters + b + t;
        b = (all + per - 1) / per;
        t = (b * 8 + (1ull << cluster_bits) - 1) >> cluster_bits;
    } while (b != *blocks || t != *table);
}

/* The first clusters: header, refcount table, its blocks, L1 table. FIBER */
static bool qcow2_create_tables(BlockNode *file, Qcow2Wish *w, Qcow2Exts *x, GError **err)
{
    unsigned bits = w->h.cluster_bits;
    uint64_t cluster = 1ull << bits, l1 = (w->h.l1_n * 8ull + cluster - 1) >> bits, blocks, table;
    uint64_t crypto = (w->crypto + cluster - 1) >> bits;
    g_autofree uint8_t *head = g_malloc0(cluster), *counts = NULL, *rt = NULL;
    int ret;

    if (!l1) { /* a disk of no size has room for some, too */
        w->h.l1_n = 1;
        l1 = 1;
    }
    qcow2_counts_for(1 + l1 + crypto, bits, w->h.refcount_order, &blocks, &table);
    w->h.rt_off = cluster;
    w->h.rt_clusters = table;
    w->h.l1_off = (1 + table + blocks) << bits;
    x->has_crypto = crypto;
    x->crypto_off = w->h.l1_off + (l1 << bits);
    x->crypto_len = w->crypto;
    if (!qcow2_header_build(head, cluster, &w->h, x, err)) {
        return false;
    }
    counts = g_malloc0(blocks << bits);
    rt = g_malloc0(table << bits);
    for (uint64_t i = 0; i < 1 + table + blocks + l1 + crypto; i++) {
        qcow2_refcount_write(counts, i, w->h.refcount_order, 1);
    }
    for (uint64_t i = 0; i < blocks; i++) {
        put_be64(rt + i * 8, (1 + table + i) << bits);
    }
    ret = block_node_write(file, cluster, rt, table << bits, 0);
    ret = ret ? ret : block_node_write(file, (1 + table) << bits, counts, blocks << bits, 0);
    ret = ret ? ret : block_node_write_zeroes(file, w->h.l1_off, (l1 + crypto) << bits, 0);
    ret = ret ? ret : block_node_write(file, 0, head, cluster, 0);
    return ret == 0 || error_set(err, "cannot write the new image: %s", strerror(-ret));
}

static void qcow2_add_option(Options *o, const char *key, const char *value)
{
    o->list = g_renew(Option, o->list, o->n + 1);
    o->list[o->n++] = (Option){ .key = g_strdup(key), .value = g_strdup(value) };
}

static char *qcow2_data_path(const char *image, const Qcow2Wish *w)
{
    g_autofree char *dir = g_path_get_dirname(image);

    return g_path_is_absolute(w->data_file) || strchr(w->data_file, ':')
               ? g_strdup(w->data_file)
               : g_build_filename(dir, w->data_file, NULL);
}

/* A file that somebody has made and opened for it. */
static BlockNode *qcow2_find_data_file(BlockGraph *g, const char *path)
{
    g_autofree char *wanted = g_canonicalize_filename(path, NULL);

    for (BlockNode *n = NULL; (n = block_graph_next(g, n));) {
        g_autofree char *there = g_canonicalize_filename(block_node_filename(n), NULL);

        if (!strcmp(there, wanted) && !block_node_is_read_only(n) &&
            block_node_driver(n)->kind == BLOCK_PROTOCOL) {
            return n;
        }
    }
    return NULL;
}

/* Opens what was made, and gives it all its clusters. FIBER */
static bool qcow2_create_prealloc(BlockGraph *g, BlockNode *file, const Qcow2Wish *w, GError **err)
{
    Options o = { 0 };
    BlockNode *n;
    int ret;

    qcow2_add_option(&o, "driver", "qcow2");
    qcow2_add_option(&o, "file", block_node_name(file));
    if (w->data_file) {
        g_autofree char *path = qcow2_data_path(block_node_filename(file), w);
        BlockNode *made = qcow2_find_data_file(g, path);

        if (made) {
            qcow2_add_option(&o, "data-file", block_node_name(made));
        }
    }
    n = block_node_open(g, &o,
                        BLOCK_OPEN_WRITE | BLOCK_OPEN_NO_BACKING | BLOCK_OPEN_INTERNAL |
                            (w->h.crypt ? BLOCK_OPEN_CHECK : 0) |
                            (block_node_flags(file) & BLOCK_OPEN_UNSAFE),
                        err);
    options_deinit(&o);
    if (!n) {
        return false;
    }
    ret = qcow2_preallocate(block_priv(n), 0, w->h.size, w->prealloc);
    block_node_unref(n);
    return ret == 0 ||
           error_set(err, "cannot allocate the new image's clusters: %s", strerror(-ret));
}

/* FIBER */
static bool qcow2_create_data_file(BlockGraph *g, const char *image, const Qcow2Wish *w,
                                   GError **err)
{
    g_autofree char *path = qcow2_data_path(image, w);
    size_t prefix = strcspn(path, ":/");
    g_autofree char *proto = g_strndup(path, prefix);
    const BlockDriver *drv = path[prefix] == ':' ? block_driver_find(proto) : NULL;
    BlockNode *made;
    Options o = { 0 };
    bool ok;

    made = qcow2_find_data_file(g, path);
    if (made) {
        block_set_grows(made);
        return block_node_resize(made, w->h.size, false, BLOCK_PREALLOC_OFF, err);
    }
    if (drv && !drv->create) {
        return true; /* of another host: it is there, or opening will tell */
    }
    ok = block_image_create(g, drv ? drv : block_driver_find("file"), path, w->h.size, &o, 0, err);
    options_deinit(&o);
    return ok;
}

bool qcow2_create(BlockGraph *g, const char *filename, BlockNode *file, uint64_t size, Options *o,
                  GError **err)
{
    Qcow2Wish w;
    Qcow2Exts x = { 0 };

    size = qcow2_round_up(size, 512);
    if (!qcow2_wish_parse(g, &w, o, size, err)) {
        return false;
    }
    x.backing_name = (char *)w.backing;
    x.backing_fmt = (char *)w.backing_fmt;
    x.data_file = (char *)w.data_file;
    if (w.data_file && !qcow2_create_data_file(g, filename, &w, err)) {
        return false;
    }
    if (!qcow2_create_tables(file, &w, &x, err)) {
        return false;
    }
    if (w.crypto && !qcow2_crypto_create(g, file, filename, x.crypto_off, x.crypto_len, o, err)) {
        return false;
    }
    return !w.prealloc || !size || qcow2_create_prealloc(g, file, &w, err);
}

/* ---- How large ---- */

/* Bytes of clusters that hold something, all images of the chain together. FIBER */
static bool qcow2_measure_data(BlockNode *from, uint64_t size, uint64_t cluster, uint64_t *out,
                               GError **err)
{
    BlockStatus st;

    *out = 0;
    for (uint64_t off = 0; off < size;) {
        int ret = block_node_status_above(from, NULL, off, size - off, &st);
        uint64_t end;

        if (ret) {
            return block_error(err, from, "cannot tell what is allocated at %#" PRIx64 ": %s", off,
                               strerror(-ret));
        }
        end = off + st.len;
        if (!(st.bits & BLOCK_STATUS_ZERO) &&
            st.bits & (BLOCK_STATUS_DATA | BLOCK_STATUS_ALLOCATED)) {
            end = MIN(qcow2_round_up(end, cluster), qcow2_round_up(size, cluster));
            *out += end - (off & ~(cluster - 1));
        }
        off = end;
    }
    return true;
}

bool qcow2_measure(Options *create, BlockNode *from, uint64_t size, BlockMeasure *out, GError **err)
{
    uint64_t cluster, data, blocks, table, l2, l1, other;
    Qcow2Wish w;

    if (from) {
        size = block_node_size(from);
    }
    size = qcow2_round_up(size, 512);
    if (!qcow2_wish_parse(NULL, &w, create, size, err)) {
        return false;
    }
    cluster = 1ull << w.h.cluster_bits;
    l2 = w.h.l1_n;
    l1 = (l2 * 8 + cluster - 1) >> w.h.cluster_bits;
    data = qcow2_round_up(size, cluster);
    other = 1 + l1 + l2 + ((w.crypto + cluster - 1) >> w.h.cluster_bits);
    qcow2_counts_for(other + (data >> w.h.cluster_bits), w.h.cluster_bits, w.h.refcount_order,
                     &blocks, &table);
    other += blocks + table;
    out->fully_allocated = (other << w.h.cluster_bits) + data;
    out->bitmaps = UINT64_MAX;
    if (from && block_node_driver(from) == block_driver_find("qcow2") && w.h.version >= 3 &&
        ((Qcow2 *)block_priv(from))->h.version >= 3) {
        out->bitmaps = qcow2_bitmaps_measure(from, size, cluster);
    }
    if (w.prealloc == BLOCK_PREALLOC_FALLOC || w.prealloc == BLOCK_PREALLOC_FULL) {
        out->required = out->fully_allocated;
        return true;
    }
    data = 0;
    if (from && !qcow2_measure_data(from, size, cluster, &data, err)) {
        return false;
    }
    out->required = (other << w.h.cluster_bits) + data;
    return true;
}
