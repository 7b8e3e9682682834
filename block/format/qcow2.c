/* SPDX-License-Identifier: Apache-2.0 */
#include "block/format/qcow2.h"

#include "util/bytes.h"
#include "util/json.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum {
    QCOW2_CACHE_DEFAULT = 32 << 20, /* bytes of L2 tables: 256 GiB of disk with 64 KiB clusters */
    QCOW2_RB_DEFAULT = 4 << 20,
    QCOW2_SLICE = 4096,
    QCOW2_CLEAN_S = 600,
};

static const BlockOption qcow2_options[] = {
    { "lazy-refcounts", BLOCK_OPT_BOOL, "Postpone refcount updates" },
    { "pass-discard-request", BLOCK_OPT_BOOL, "Pass guest discard requests to the layer below" },
    { "pass-discard-snapshot", BLOCK_OPT_BOOL,
      "Generate discard requests when snapshot related space is freed" },
    { "pass-discard-other", BLOCK_OPT_BOOL,
      "Generate discard requests when other clusters are freed" },
    { "overlap-check", BLOCK_OPT_STR, "Which overlap checks to do: all of them are done always" },
    { "overlap-check.template", BLOCK_OPT_STR, "The same" },
    { "cache-size", BLOCK_OPT_SIZE,
      "Maximum combined metadata (L2 tables and refcount blocks) cache size" },
    { "l2-cache-size", BLOCK_OPT_SIZE, "Maximum L2 table cache size" },
    { "l2-cache-entry-size", BLOCK_OPT_SIZE, "Size of each entry in the L2 cache" },
    { "refcount-cache-size", BLOCK_OPT_SIZE, "Maximum refcount block cache size" },
    { "cache-clean-interval", BLOCK_OPT_NUMBER,
      "Clean unused cache entries after this time (in seconds)" },
    { "encrypt.format", BLOCK_OPT_STR, "Encryption format: 'aes' or 'luks', as the header says" },
    { "encrypt.key-secret", BLOCK_OPT_STR, "ID of the secret that provides the key or passphrase" },
    { "data-file", BLOCK_OPT_STR, "The external data file's node" },
    { NULL },
};

static int qcow2_probe(const uint8_t *buf, size_t len, const char *filename)
{
    return len >= 8 && get_be32(buf) == QCOW2_MAGIC && get_be32(buf + 4) >= 2 ? 100 : 0;
}

/* ---- Opening ---- */

/* The header, and what its first cluster says. FIBER */
static bool qcow2_open_header(Qcow2 *s, GError **err)
{
    uint64_t size = block_node_size(block_file(s->node));
    uint8_t head[512] = { 0 };
    g_autofree uint8_t *all = NULL;
    g_autofree char *names = NULL;

    if (!block_read_all(s->node, 0, head, MIN(size, sizeof(head)), err) ||
        !qcow2_header_parse(head, MIN(size, sizeof(head)), &s->h, err)) {
        return false;
    }
    s->cluster = 1ull << s->h.cluster_bits;
    uint64_t len = MIN(size, s->cluster);
    all = g_malloc0(s->cluster);
    if (!block_read_all(s->node, 0, all, len, err) ||
        !qcow2_exts_parse(all, MAX(len, s->h.len), &s->h, &s->x, err)) {
        return false;
    }
    if (s->h.incompat & ~(uint64_t)QCOW2_INCOMPAT_KNOWN) {
        names = qcow2_feature_names(&s->x, 0, s->h.incompat & ~(uint64_t)QCOW2_INCOMPAT_KNOWN);
        return error_set(err, "Unsupported qcow2 feature(s): %s", names);
    }
    if (s->h.compression == QCOW2_ZSTD && !qcow2_has_zstd()) {
        return error_set(err, "compression_type is 1 (zstd): this program is built without it");
    }
    if (s->x.backing_name && s->h.autoclear & QCOW2_AUTOCLEAR_RAW) {
        return error_set(err, "a backing file and the autoclear feature \"raw external data\" "
                              "exclude each other");
    }
    return true;
}

static void qcow2_geometry(Qcow2 *s)
{
    unsigned bits = s->h.cluster_bits;

    s->l2_entry = qcow2_has_subclusters(s) ? 16 : 8;
    s->l2_bits = bits - (s->l2_entry == 16 ? 4 : 3);
    s->rb_bits = bits + 3 - s->h.refcount_order;
    s->sub = qcow2_has_subclusters(s) ? s->cluster / QCOW2_SUBCLUSTERS : s->cluster;
    s->packed_shift = 62 - (bits - 8);
    s->packed_mask = ((1ull << s->packed_shift) - 1) & (QCOW2_HOST_MAX - 1);
    s->max_refcount =
        s->h.refcount_order == 6 ? UINT64_MAX : (1ull << (1 << s->h.refcount_order)) - 1;
    /* A 2^64 - 1 would wrap in sums. */
    s->max_refcount = MIN(s->max_refcount, UINT64_MAX >> 1);
}

/* A table of 64-bit entries, in host order; and marks for what changes. FIBER */
static bool qcow2_open_table(Qcow2 *s, const char *name, uint64_t off, uint64_t n, uint64_t **table,
                             uint8_t **dirty, GError **err)
{
    uint64_t size = block_node_size(block_file(s->node));
    bool check = block_node_flags(s->node) & BLOCK_OPEN_CHECK;

    if (n && !check && (off >= size || !off)) {
        return error_set(err, "%s is %#" PRIx64 ": the file has %" PRIu64 " bytes", name, off,
                         size);
    }
    *table = g_try_new0(uint64_t, n + 1);
    *dirty = g_try_malloc0(n / 64 + 1);
    if (!*table || !*dirty) {
        return error_set(err, "%s: no memory for %" PRIu64 " entries", name, n);
    }
    int ret = qcow2_pread(s, off, *table, n * 8);
    if (ret) {
        return error_set(err, "cannot read the table at %s: %s", name, strerror(-ret));
    }
    for (uint64_t i = 0; i < n; i++) {
        (*table)[i] = be64toh((*table)[i]);
    }
    return true;
}

static bool qcow2_open_tables(Qcow2 *s, GError **err)
{
    uint64_t size = block_node_size(block_file(s->node)), need = qcow2_l1_entries(s, s->h.size);

    if (s->h.l1_n < need) {
        return error_set(err,
                         "l1_size is %" PRIu32 ": the L1 table is too small; a size of %" PRIu64
                         " bytes needs %" PRIu64 " entries",
                         s->h.l1_n, s->h.size, need);
    }
    if (!s->h.rt_clusters && !(block_node_flags(s->node) & BLOCK_OPEN_CHECK)) {
        return error_set(err, "refcount_table_clusters is 0: an image has a refcount table");
    }
    s->l1_n = s->h.l1_n;
    s->rt_n = (uint64_t)s->h.rt_clusters << s->h.cluster_bits >> 3;
    if (!qcow2_open_table(s, "l1_table_offset", s->h.l1_off, s->l1_n, &s->l1, &s->l1_dirty, err) ||
        !qcow2_open_table(s, "refcount_table_offset", s->h.rt_off, s->rt_n, &s->rt, &s->rt_dirty,
                          err)) {
        return false;
    }
    qcow2_set_init(&s->meta);
    for (uint32_t i = 0; i < s->l1_n; i++) {
        uint64_t off = s->l1[i] & QCOW2_OFF_MASK;

        if (off && off < size && !qcow2_set_add(&s->meta, off >> s->h.cluster_bits)) {
            return error_set(err, "the L1 table leads to too many places");
        }
    }
    for (uint32_t i = 0; i < s->rt_n; i++) {
        uint64_t off = s->rt[i] & ~QCOW2_RT_RESERVED;

        if (off && off < size && !qcow2_set_add(&s->meta, off >> s->h.cluster_bits)) {
            return error_set(err, "the refcount table leads to too many places");
        }
    }
    return true;
}

/* The limits of the caches from the options, as QEMU's documentation of them says. */
static bool qcow2_open_caches(Qcow2 *s, Options *o, GError **err)
{
    uint64_t all, l2, rb, entry, clean;
    bool has_all = options_get(o, "cache-size"), has_l2 = options_get(o, "l2-cache-size");
    bool has_rb = options_get(o, "refcount-cache-size");

    if (!options_get_size(o, "cache-size", 0, &all, err) ||
        !options_get_size(o, "l2-cache-size", QCOW2_CACHE_DEFAULT, &l2, err) ||
        !options_get_size(o, "refcount-cache-size", QCOW2_RB_DEFAULT, &rb, err) ||
        !options_get_size(o, "l2-cache-entry-size", MIN(s->cluster, QCOW2_SLICE), &entry, err) ||
        !options_get_number(o, "cache-clean-interval", QCOW2_CLEAN_S, &clean, err)) {
        return false;
    }
    if (has_all && has_l2 && has_rb) {
        return error_set(err, "cache-size, l2-cache-size and refcount-cache-size may not be set "
                              "at the same time");
    }
    if (has_all && ((has_l2 && l2 > all) || (has_rb && rb > all))) {
        return error_set(err, "l2-cache-size and refcount-cache-size may not exceed cache-size");
    }
    if (has_all) {
        l2 = has_l2 ? l2 : has_rb ? all - rb : all - MIN(all / 8, (uint64_t)QCOW2_RB_DEFAULT);
        rb = has_rb ? rb : all - l2;
    }
    if (entry < 512 || entry > s->cluster || entry & (entry - 1)) {
        return error_set(err,
                         "l2-cache-entry-size is %" PRIu64 "; it must be a power of two from "
                         "512 to the cluster's %" PRIu64 " bytes",
                         entry, s->cluster);
    }
    /* More than the whole disk's tables is of no use. */
    uint64_t disk = (uint64_t)s->l1_n << s->h.cluster_bits;
    l2 = MIN(l2, MAX(disk, 16 * entry));
    l2 = MIN(l2, 1ull << 30);
    rb = MIN(rb, 1ull << 30);
    s->clean_interval_ns = clean * 1000000000ull;
    if (!qcow2_cache_init(&s->l2, l2, entry) ||
        !qcow2_cache_init(&s->rb, rb, MIN(s->cluster, QCOW2_SLICE))) {
        return error_set(err, "no memory for the caches of tables");
    }
    return true;
}

static bool qcow2_open_runtime(Qcow2 *s, Options *o, unsigned flags, GError **err)
{
    bool lazy, discard = flags & BLOCK_OPEN_DISCARD;

    if (!options_get_bool(o, "lazy-refcounts", s->h.compat & QCOW2_COMPAT_LAZY, &lazy, err) ||
        !options_get_bool(o, "pass-discard-request", discard, &s->discard_request, err) ||
        !options_get_bool(o, "pass-discard-snapshot", true, &s->discard_snapshot, err) ||
        !options_get_bool(o, "pass-discard-other", false, &s->discard_other, err)) {
        return false;
    }
    if (lazy && s->h.version < 3) {
        return error_set(err, "lazy-refcounts needs an image of compat 1.1 or later");
    }
    (void)options_get(o, "overlap-check");
    (void)options_get(o, "overlap-check.template");
    s->lazy = lazy;
    s->writable = flags & BLOCK_OPEN_WRITE;
    s->unsafe = flags & BLOCK_OPEN_UNSAFE;
    return true;
}

static bool qcow2_open_data(Qcow2 *s, Options *o, GError **err)
{
    s->data = block_file(s->node);
    if (!(s->h.incompat & QCOW2_INCOMPAT_DATA_FILE)) {
        if (options_get(o, "data-file")) {
            return error_set(err, "'data-file' can only be set for images with an external data "
                                  "file");
        }
        return true;
    }
    s->external = true;
    if (block_node_flags(s->node) & BLOCK_OPEN_NO_IO) {
        return true;
    }
    if (!s->x.data_file && !options_get(o, "data-file") && !options_get(o, "data-file.filename")) {
        return error_set(err, "'data-file' is required for this image: its header names none");
    }
    s->data = block_open_child(s->node, "data-file", o, s->x.data_file, NULL, err);
    return s->data;
}

/* Before the first write of an image that some other program left in a state of its own. FIBER */
static bool qcow2_make_writable(Qcow2 *s, GError **err)
{
    unsigned flags = block_node_flags(s->node);
    int ret;

    if (flags & BLOCK_OPEN_CHECK) {
        return true;
    }
    if (s->h.incompat & QCOW2_INCOMPAT_CORRUPT) {
        return error_set(err, "Image is corrupt; cannot be opened read/write: its tables must be "
                              "repaired first (check -r all)");
    }
    if (s->h.autoclear & ~(uint64_t)QCOW2_AUTOCLEAR_KNOWN) {
        s->h.autoclear &= QCOW2_AUTOCLEAR_KNOWN;
        ret = qcow2_header_write_fixed(s);
        if (ret) {
            return error_set(err, "cannot update the header: %s", strerror(-ret));
        }
    }
    if (s->h.incompat & QCOW2_INCOMPAT_DIRTY) {
        BlockCheck c = { 0 };

        if (!qcow2_check(s->node, &c, BLOCK_FIX_LEAKS | BLOCK_FIX_ERRORS, err)) {
            g_prefix_error(err, "could not repair the dirty image: ");
            return false;
        }
        if (c.corruptions || c.errors) {
            return error_set(err,
                             "the image was not closed in order, and %" PRIu64 " errors are "
                             "left after its repair",
                             c.corruptions + c.errors);
        }
    }
    return true;
}

static bool qcow2_bitmaps_use(Qcow2 *s, GError **err)
{
    int ret = s->writable ? qcow2_bitmaps_mark(s) : 0;

    return ret == 0 || error_set(err, "cannot mark the bitmaps as in use: %s", strerror(-ret));
}

static void qcow2_free_tables(Qcow2 *s)
{
    qcow2_cache_deinit(&s->l2);
    qcow2_cache_deinit(&s->rb);
    qcow2_set_deinit(&s->meta);
    g_clear_pointer(&s->l1, g_free);
    g_clear_pointer(&s->l1_dirty, g_free);
    g_clear_pointer(&s->rt, g_free);
    g_clear_pointer(&s->rt_dirty, g_free);
    g_clear_pointer(&s->freed.list, g_free);
    g_clear_pointer(&s->freed_stable.list, g_free);
    qcow2_crypto_close(s);
    qcow2_snapshots_free(s);
    qcow2_bitmaps_free(s);
    qcow2_exts_deinit(&s->x);
}

static bool qcow2_open_all(Qcow2 *s, Options *o, GError **err)
{
    BlockNode *n = s->node;

    if (!qcow2_open_header(s, err)) {
        return false;
    }
    qcow2_geometry(s);
    if (!block_set_size(n, s->h.size, err) || !qcow2_open_tables(s, err) ||
        !qcow2_open_caches(s, o, err) || !qcow2_open_runtime(s, o, block_node_flags(n), err) ||
        !qcow2_open_data(s, o, err)) {
        return false;
    }
    block_set_unit(n, s->cluster);
    block_set_zero_limits(n, s->sub, 0);
    block_set_backing_name(n, s->x.backing_name, s->x.backing_fmt);
    block_set_encrypted(n, s->h.crypt != QCOW2_CRYPT_NONE);
    block_set_dirty(n, s->h.incompat & QCOW2_INCOMPAT_DIRTY);
    if (!qcow2_crypto_open(s, o, err)) {
        return false;
    }
    if (!qcow2_snapshots_load(s, err) || !qcow2_bitmaps_load(s, err)) {
        return false;
    }
    if (s->writable && !qcow2_make_writable(s, err)) {
        return false;
    }
    if (block_node_flags(n) & (BLOCK_OPEN_NO_IO | BLOCK_OPEN_CHECK)) {
        return true;
    }
    return qcow2_bitmaps_attach(s, err) && qcow2_bitmaps_use(s, err);
}

static bool qcow2_open(BlockNode *n, Options *o, GError **err)
{
    Qcow2 *s = block_priv(n);

    s->node = n;
    if (qcow2_open_all(s, o, err)) {
        return true;
    }
    if (!g_str_has_prefix((*err)->message, block_node_filename(n))) {
        g_prefix_error(err, "%s: ", block_node_filename(n));
    }
    qcow2_free_tables(s);
    return false;
}

/* ---- Closing, reopening ---- */

/* Nothing is in memory alone any more. FIBER */
static int qcow2_settle(Qcow2 *s)
{
    int ret;

    if (!s->writable) {
        return 0;
    }
    s->closing = true;
    ret = qcow2_bitmaps_store(s);
    if (ret) {
        g_warning("%s: its bitmaps could not be stored: %s", block_node_filename(s->node),
                  strerror(-ret));
    }
    ret = qcow2_flush_all(s);
    if (ret == 0 && s->dirty_on_disk) {
        s->h.incompat &= ~(uint64_t)QCOW2_INCOMPAT_DIRTY;
        ret = qcow2_header_write_fixed(s);
        if (ret == 0) {
            s->dirty_on_disk = false;
            block_set_dirty(s->node, false);
        }
    }
    s->closing = false;
    return ret;
}

static void qcow2_close(BlockNode *n)
{
    Qcow2 *s = block_priv(n);

    if (qcow2_settle(s)) {
        g_warning("%s: the image's tables could not be written", block_node_filename(n));
    }
    qcow2_free_tables(s);
}

static bool qcow2_reopen_prepare(BlockNode *n, Options *o, unsigned flags, GError **err)
{
    Qcow2 *s = block_priv(n);
    bool discard = flags & BLOCK_OPEN_DISCARD;

    if (!options_get_bool(o, "lazy-refcounts", s->h.compat & QCOW2_COMPAT_LAZY, &s->next.lazy,
                          err) ||
        !options_get_bool(o, "pass-discard-request", discard, &s->next.request, err) ||
        !options_get_bool(o, "pass-discard-snapshot", true, &s->next.snapshot, err) ||
        !options_get_bool(o, "pass-discard-other", false, &s->next.other, err)) {
        return false;
    }
    (void)options_get(o, "overlap-check");
    (void)options_get(o, "overlap-check.template");
    if (s->next.lazy && s->h.version < 3) {
        return error_set(err, "%s: lazy-refcounts needs an image of compat 1.1 or later",
                         block_node_filename(n));
    }
    if (flags & BLOCK_OPEN_WRITE && !s->writable &&
        s->h.incompat & (QCOW2_INCOMPAT_CORRUPT | QCOW2_INCOMPAT_DIRTY)) {
        return error_set(err, "%s: the image is %s: close it, and repair it (check -r all)",
                         block_node_filename(n),
                         s->h.incompat & QCOW2_INCOMPAT_CORRUPT ? "corrupt" : "dirty");
    }
    int ret = flags & BLOCK_OPEN_WRITE ? 0 : qcow2_settle(s);
    if (ret) {
        return error_set(err, "%s: cannot write the tables: %s", block_node_filename(n),
                         strerror(-ret));
    }
    if (flags & BLOCK_OPEN_WRITE && !s->writable && s->bitmaps_live) {
        ret = qcow2_bitmaps_mark(s);
        return ret == 0 || error_set(err, "%s: cannot mark the bitmaps as in use: %s",
                                     block_node_filename(n), strerror(-ret));
    }
    return true;
}

static void qcow2_reopen_commit(BlockNode *n)
{
    Qcow2 *s = block_priv(n);
    unsigned flags = block_node_flags(n);

    s->writable = flags & BLOCK_OPEN_WRITE;
    s->unsafe = flags & BLOCK_OPEN_UNSAFE;
    s->lazy = s->next.lazy;
    s->discard_request = s->next.request;
    s->discard_snapshot = s->next.snapshot;
    s->discard_other = s->next.other;
    if (!s->external) {
        s->data = block_file(n);
    }
}

static void qcow2_reopen_abort(BlockNode *n)
{
}

static bool qcow2_keeps_bitmaps(BlockNode *n)
{
    const Qcow2 *s = block_priv(n);

    return s->h.version >= 3 && s->writable;
}

static int qcow2_flush(BlockNode *n)
{
    Qcow2 *s = block_priv(n);
    int ret = qcow2_flush_meta(s);
    uint64_t now = g_get_monotonic_time() * 1000ull;

    /* Pieces that were not asked for during an interval go. */
    if (s->clean_interval_ns && now - s->cleaned_ns > s->clean_interval_ns) {
        qcow2_cache_trim(&s->l2, s->cleaned_l2);
        qcow2_cache_trim(&s->rb, s->cleaned_rb);
        s->cleaned_ns = now;
        s->cleaned_l2 = ++s->l2.clock;
        s->cleaned_rb = ++s->rb.clock;
    }
    return ret;
}

static void qcow2_invalidate(BlockNode *n)
{
    Qcow2 *s = block_priv(n);

    qcow2_cache_trim(&s->l2, UINT64_MAX);
    qcow2_cache_trim(&s->rb, UINT64_MAX);
}

/* ---- Telling ---- */

static void qcow2_tell(GVariantBuilder *b, const char *key, GVariant *v)
{
    g_variant_builder_add(b, "{sv}", key, v);
}

static GVariant *qcow2_specific(BlockNode *n)
{
    Qcow2 *s = block_priv(n);
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE("a{sv}"));
    qcow2_tell(&b, "compat", g_variant_new_string(s->h.version >= 3 ? "1.1" : "0.10"));
    qcow2_tell(&b, "compression-type",
               g_variant_new_string(s->h.compression == QCOW2_ZSTD ? "zstd" : "zlib"));
    if (s->h.version >= 3) {
        qcow2_tell(&b, "lazy-refcounts", g_variant_new_boolean(s->h.compat & QCOW2_COMPAT_LAZY));
    }
    if (s->bitmaps_n) {
        qcow2_tell(&b, "bitmaps", qcow2_bitmaps_tell(s));
    }
    qcow2_tell(&b, "refcount-bits", g_variant_new_int64(1 << s->h.refcount_order));
    if (s->h.crypt) {
        qcow2_tell(&b, "encrypt", qcow2_crypto_tell(s));
    }
    if (s->x.data_file && s->external) {
        qcow2_tell(&b, "data-file", json_string(s->x.data_file));
    }
    if (s->external) {
        qcow2_tell(&b, "data-file-raw",
                   g_variant_new_boolean(s->h.autoclear & QCOW2_AUTOCLEAR_RAW));
    }
    if (s->h.version >= 3) {
        qcow2_tell(&b, "corrupt", g_variant_new_boolean(s->h.incompat & QCOW2_INCOMPAT_CORRUPT));
        qcow2_tell(&b, "extended-l2", g_variant_new_boolean(qcow2_has_subclusters(s)));
    }
    return g_variant_builder_end(&b);
}

const BlockDriver block_qcow2_driver = {
    .name = "qcow2",
    .doc = "QEMU's copy-on-write image, versions 2 and 3",
    .kind = BLOCK_FORMAT,
    .size = sizeof(Qcow2),
    .options = qcow2_options,
    .create_options = qcow2_create_options,
    .amend_options = qcow2_amend_options,
    .backing = true,
    .probe = qcow2_probe,
    .open = qcow2_open,
    .close = qcow2_close,
    .keeps_bitmaps = qcow2_keeps_bitmaps,
    .reopen_prepare = qcow2_reopen_prepare,
    .reopen_commit = qcow2_reopen_commit,
    .reopen_abort = qcow2_reopen_abort,
    .create = qcow2_create,
    .map = qcow2_map,
    .alloc = qcow2_alloc,
    .link = qcow2_link,
    .abort = qcow2_abort,
    .unpack = qcow2_unpack,
    .write_packed = qcow2_write_packed,
    .decrypt = qcow2_decrypt,
    .encrypt = qcow2_encrypt,
    .zero = qcow2_zero,
    .discard = qcow2_discard,
    .flush = qcow2_flush,
    .invalidate = qcow2_invalidate,
    .resize = qcow2_resize,
    .check = qcow2_check,
    .measure = qcow2_measure,
    .amend = qcow2_amend,
    .set_backing_name = qcow2_set_backing_name,
    .snapshot_list = qcow2_snapshot_list,
    .snapshot_create = qcow2_snapshot_create,
    .snapshot_apply = qcow2_snapshot_apply,
    .snapshot_delete = qcow2_snapshot_delete,
    .snapshot_view = qcow2_snapshot_view,
    .make_empty = qcow2_make_empty,
    .vmstate_base = qcow2_vmstate_base,
    .vmstate_discard = qcow2_vmstate_discard,
    .snapshot_peek = qcow2_snapshot_peek,
    .snapshot_why_not = qcow2_snapshot_why_not,
    .specific = qcow2_specific,
};
