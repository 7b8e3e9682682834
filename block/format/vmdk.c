/* SPDX-License-Identifier: Apache-2.0 */
/*
 * VMDK, VMware's virtual disk: a descriptor in text that names extents, flat or sparse, or one
 * sparse file with the descriptor inside.
 *
 * Extents are the children extents.N. Their names come from a file, so only those that stay below
 * the descriptor's folder are opened; others must be given as options (extents.0.file.filename=).
 */
#include "block/format/vmdk.h"
#include "block/format/deflate.h"
#include "block/format/inplace.h"
#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>

static int vmdk_probe(const uint8_t *buf, size_t len, const char *filename)
{
    return (len >= 4 && !memcmp(buf, "KDMV", 4)) || vmdk_desc_probe(buf, len) ? 100 : 0;
}

static bool vmdk_parse(BlockNode *n, const char *text, size_t len, GError **err)
{
    Vmdk *s = block_priv(n);

    if (vmdk_desc_parse(&s->desc, text, len, err)) {
        return true;
    }
    g_prefix_error(err, "%s: ", block_node_filename(n));
    return false;
}

/* One file: the sparse extent with the descriptor inside. */
static bool vmdk_open_monolithic(BlockNode *n, GError **err)
{
    Vmdk *s = block_priv(n);
    uint8_t h[VMDK_HEADER_LEN];
    VmdkExtent *e = block_try_array(n, 1, sizeof(*e));

    if (!e) {
        return block_error(err, n, "no memory");
    }
    *e = (VmdkExtent){ .child = block_file(n), .type = "", .writable = true };
    if (!vmdk_open_sparse(n, e, h, err)) {
        return false;
    }
    uint64_t off, len;
    if (__builtin_mul_overflow(get_le64(h + VMDK_DESC_OFF), 512, &off) ||
        __builtin_mul_overflow(get_le64(h + VMDK_DESC_SIZE), 512, &len) || len > VMDK_DESC_MAX) {
        return block_error(err, n,
                           "VMDK descriptor of %" PRIu64 " sectors at sector %" PRIu64
                           " is above the limit of %d bytes",
                           get_le64(h + VMDK_DESC_SIZE), get_le64(h + VMDK_DESC_OFF),
                           VMDK_DESC_MAX);
    }
    g_autofree char *text = g_malloc0(len + 1);
    if (off && (!block_read_all(n, off, text, len, err))) {
        return false;
    }
    s->desc_off = off;
    s->extents = e;
    s->n_extents = 1;
    return vmdk_parse(n, text, off ? len : 0, err);
}

static bool vmdk_open_extent(BlockNode *n, Options *o, unsigned i, GError **err)
{
    Vmdk *s = block_priv(n);
    VmdkExtent *e = &s->extents[i];
    const VmdkLine *line = &s->desc.lines[i];
    g_autofree char *role = g_strdup_printf("extents.%u", i);
    uint64_t len = line->sectors * 512;

    e->type = line->type;
    e->writable = line->writable;
    e->begin = i ? e[-1].end : 0;
    if (__builtin_add_overflow(e->begin, len, &e->end) || e->end > BLOCK_SIZE_MAX) {
        return block_error(err, n, "VMDK extents are larger together than any disk");
    }
    if (!strcmp(line->type, "ZERO")) {
        return true;
    }
    bool flat = !strcmp(line->type, "FLAT") || !strcmp(line->type, "VMFS");
    if (!flat && strcmp(line->type, "SPARSE")) {
        return block_error(err, n,
                           "VMDK extents of type %s are not supported: FLAT, VMFS, SPARSE "
                           "and ZERO are",
                           line->type);
    }
    g_autofree char *option = g_strdup_printf("%s.", role);
    bool given = false;
    for (unsigned k = 0; k < o->n; k++) {
        given |= g_str_has_prefix(o->list[k].key, option) || !strcmp(o->list[k].key, role);
    }
    if (!given && !vmdk_desc_name_is_safe(line->name)) {
        return block_error(err, n,
                           "VMDK extent \"%s\" may lie outside of the image's folder: if "
                           "you trust this image, give it as %s.filename=",
                           line->name, role);
    }
    e->child = block_open_child(n, role, o, line->name, "file", err);
    if (!e->child) {
        return false;
    }
    if (flat) {
        uint64_t size = block_node_size(e->child);

        e->flat_off = line->off * 512;
        if (e->flat_off > size || len > size - e->flat_off) {
            return block_error(
                err, n, "VMDK extent %s needs %" PRIu64 " bytes at %" PRIu64 ", but has %" PRIu64,
                line->name, len, e->flat_off, size);
        }
        return true;
    }
    uint8_t h[VMDK_HEADER_LEN];
    uint64_t end = e->end;
    if (!vmdk_open_sparse(n, e, h, err)) {
        return false;
    }
    if (e->end < end) {
        return block_error(err, n,
                           "VMDK extent %s has a capacity of %" PRIu64 " sectors, the "
                           "descriptor says %" PRIu64,
                           line->name, (e->end - e->begin) / 512, line->sectors);
    }
    e->end = end;
    return true;
}

/* A file of text that names the extents. */
static bool vmdk_open_desc(BlockNode *n, Options *o, GError **err)
{
    Vmdk *s = block_priv(n);
    uint64_t len = block_node_size(block_file(n));

    if (len > VMDK_DESC_MAX) {
        len = VMDK_DESC_MAX; /* the rest is no text of ours */
    }
    g_autofree char *text = g_malloc(len + 1);
    if (!block_read_all(n, 0, text, len, err)) {
        return false;
    }
    if (!vmdk_desc_probe((uint8_t *)text, len)) {
        return block_error(err, n, "not a VMDK image: neither a sparse extent nor a descriptor%s",
                           len >= 4 && !memcmp(text, "COWD", 4) ? " (COWD extents of ESX are not "
                                                                  "supported)"
                                                                : "");
    }
    if (!vmdk_parse(n, text, len, err)) {
        return false;
    }
    if (s->desc.n_lines == 0) {
        return block_error(err, n, "VMDK descriptor names no extents");
    }
    s->extents = block_try_array(n, s->desc.n_lines, sizeof(*s->extents));
    if (!s->extents) {
        return block_error(err, n, "no memory for %u extents", s->desc.n_lines);
    }
    s->n_extents = s->desc.n_lines;
    for (unsigned i = 0; i < s->n_extents; i++) {
        if (!vmdk_open_extent(n, o, i, err)) {
            return false;
        }
    }
    return true;
}

/* Unit and alignment of what all extents have; true if grains of all are on units of the disk. */
static bool vmdk_set_geometry(BlockNode *n, GError **err)
{
    Vmdk *s = block_priv(n);
    uint32_t unit = 0;
    bool fits = true, packed = false;

    for (unsigned i = 0; i < s->n_extents; i++) {
        const VmdkExtent *e = &s->extents[i];

        unit = e->sparse ? MAX(unit, e->grain) : unit;
        packed |= e->compressed;
    }
    for (unsigned i = 0; i < s->n_extents; i++) {
        const VmdkExtent *e = &s->extents[i];

        fits &= !e->sparse || e->begin % unit == 0;
        if (e->compressed && e->grain != unit) {
            return block_error(err, n,
                               "VMDK compressed extent %u has grains of %" PRIu32
                               " bytes, others of %" PRIu32,
                               i, e->grain, unit);
        }
    }
    if (!fits && (packed || block_node_flags(n) & BLOCK_OPEN_WRITE)) {
        return block_error(err, n,
                           "VMDK extents do not begin on grains of %" PRIu32
                           " bytes: the image can only be read",
                           unit);
    }
    if (unit) {
        block_set_unit(n, unit);
        block_set_zero_limits(n, s->has_backing ? unit : 512, 0);
    }
    return block_set_size(n, s->n_extents ? s->extents[s->n_extents - 1].end : 0, err);
}

static bool vmdk_open(BlockNode *n, Options *o, GError **err)
{
    Vmdk *s = block_priv(n);
    uint8_t magic[4] = { 0 };

    if (block_node_size(block_file(n)) >= 4 && !block_read_all(n, 0, magic, 4, err)) {
        return false;
    }
    bool ok = !memcmp(magic, "KDMV", 4) ? vmdk_open_monolithic(n, err) : vmdk_open_desc(n, o, err);
    if (ok && s->desc.parent_cid != VMDK_NO_PARENT && s->desc.parent_hint) {
        block_set_backing_name(n, s->desc.parent_hint, "vmdk");
        s->has_backing = true;
    }
    for (unsigned i = 0; ok && i < s->n_extents; i++) {
        if (!s->extents[i].writable && block_node_flags(n) & BLOCK_OPEN_WRITE) {
            ok = block_error(err, n, "VMDK extent %u is RDONLY: open the image read-only", i);
        }
    }
    if (!ok || !vmdk_set_geometry(n, err)) {
        vmdk_desc_clear(&s->desc);
        return false;
    }
    return true;
}

static void vmdk_close(BlockNode *n)
{
    Vmdk *s = block_priv(n);

    /* Also where flushes do nothing (cache=unsafe). */
    (void)!metawb_flush(&s->wb);
    metawb_deinit(&s->wb);
    vmdk_desc_clear(&s->desc);
}

/* A backing image that was written since (another CID) would give another disk's bytes. */
static int vmdk_check_parent(BlockNode *n)
{
    Vmdk *s = block_priv(n);
    BlockNode *backing = block_node_backing(n);

    backing = backing ? block_node_skip_filters(backing) : NULL;
    if (s->parent_checked || !backing || block_node_driver(backing)->open != vmdk_open) {
        return 0;
    }
    const Vmdk *parent = block_priv(backing);
    if (parent->desc.cid != s->desc.parent_cid) {
        block_corrupt(n, false, -1, -1,
                      "VMDK parent CID %08" PRIx32 " is not the CID %08" PRIx32
                      " of %s: the backing image was changed",
                      s->desc.parent_cid, parent->desc.cid, block_node_filename(backing));
        return -EINVAL;
    }
    s->parent_checked = true;
    return 0;
}

static VmdkExtent *vmdk_extent_at(Vmdk *s, uint64_t off)
{
    unsigned low = 0, high = s->n_extents - 1;

    while (low < high) {
        unsigned mid = (low + high) / 2;

        if (off < s->extents[mid].end) {
            high = mid;
        } else {
            low = mid + 1;
        }
    }
    return &s->extents[low];
}

static int vmdk_map_sparse(BlockNode *n, VmdkExtent *e, uint64_t off, uint64_t len, Extent *out)
{
    uint64_t in_extent = off - e->begin, in = in_extent % e->grain;
    uint32_t entry, next, step = e->grain / 512;
    int ret = vmdk_grain(n, e, in_extent, &entry);

    out->len = MIN(len, e->grain - in);
    if (ret < 0) {
        return ret;
    }
    if (entry == 0 || (e->zeroed && entry == VMDK_GTE_ZEROED)) {
        out->kind = entry ? EXTENT_ZERO : EXTENT_HOLE;
        return entry ? 0 : vmdk_check_parent(n);
    }
    if (entry * 512ull >= block_node_size(e->child)) {
        block_corrupt(n, false, off, e->grain,
                      "VMDK grain table gives sector %" PRIu32 ", beyond the end of the file",
                      entry);
        return -EIO;
    }
    out->child = e->child;
    if (e->compressed) {
        out->kind = EXTENT_PACKED;
        out->off = entry * 512ull;
        out->packed_len = 512; /* at least: its marker says */
        return 0;
    }
    out->kind = EXTENT_DATA;
    out->off = entry * 512ull + in;
    while (out->len < len) {
        ret = vmdk_grain(n, e, in_extent + out->len, &next);
        if (ret < 0 || next != entry + step || next * 512ull >= block_node_size(e->child)) {
            break;
        }
        out->len = MIN(len, out->len + e->grain);
        entry = next;
    }
    return 0;
}

static int vmdk_map(BlockNode *n, uint64_t off, uint64_t len, Extent *out)
{
    Vmdk *s = block_priv(n);
    VmdkExtent *e = vmdk_extent_at(s, off);

    len = MIN(len, e->end - off);
    if (e->sparse) {
        return vmdk_map_sparse(n, e, off, len, out);
    }
    out->kind = e->child ? EXTENT_DATA : EXTENT_ZERO;
    out->holes = EXTENT_HOLLOW;
    out->child = e->child;
    out->off = e->flat_off + off - e->begin;
    out->len = len;
    return 0;
}

/* Children of this image, and other software, see by a new CID that it was written. In place: it
 * has as many digits. */
static int vmdk_change_cid(BlockNode *n)
{
    Vmdk *s = block_priv(n);
    char digits[9];

    if (s->cid_changed || s->desc.cid_digits == 0 || s->desc.cid_digits > 8) {
        return 0;
    }
    s->cid_changed = true;
    unsigned bits = s->desc.cid_digits * 4;
    uint32_t cid;
    do {
        cid = g_random_int() & (bits == 32 ? UINT32_MAX : (1u << bits) - 1);
    } while (cid == VMDK_NO_PARENT || cid == s->desc.cid);
    g_snprintf(digits, sizeof(digits), "%0*" PRIx32, (int)s->desc.cid_digits, cid);
    s->desc.cid = cid;
    return block_node_write(block_file(n), s->desc_off + s->desc.cid_at, digits, s->desc.cid_digits,
                            0);
}

static int vmdk_alloc_sparse(BlockNode *n, VmdkExtent *e, BlockAlloc *a)
{
    Vmdk *s = block_priv(n);
    uint64_t in_extent = a->off - e->begin, in = in_extent % e->grain;
    uint64_t grain_len = MIN(e->grain, e->end - (a->off - in)); /* less at the extent's end */
    uint32_t entry;
    int ret = vmdk_grain(n, e, in_extent, &entry);

    if (ret < 0) {
        return ret;
    }
    if (e->compressed) {
        return -ENOTSUP;
    }
    a->len = MIN(a->len, grain_len - in);
    bool zeroed = e->zeroed && entry == VMDK_GTE_ZEROED;
    if (entry && !zeroed) {
        a->child_off = entry * 512ull + in;
        return a->child_off < block_node_size(e->child) ? 0 : -EIO;
    }
    fiber_lock(&s->wb.grow);
    uint64_t at = e->next;
    if ((at + e->grain) / 512 > UINT32_MAX) {
        fiber_unlock(&s->wb.grow);
        return -ENOSPC;
    }
    e->next = at + e->grain;
    bool zeros = metawb_grow(&s->wb, e->child, at, e->grain);
    fiber_unlock(&s->wb.grow);
    if (!zeros || (s->has_backing && !zeroed)) {
        a->head = in;
        a->tail = grain_len - in - a->len;
    }
    a->child_off = at + in;
    a->token = (void *)(uintptr_t)(at / 512);
    return 0;
}

static int vmdk_alloc(BlockNode *n, BlockAlloc *a)
{
    Vmdk *s = block_priv(n);
    VmdkExtent *e = vmdk_extent_at(s, a->off);
    int ret = vmdk_change_cid(n);

    a->len = MIN(a->len, e->end - a->off);
    a->child = e->child;
    if (ret < 0 || !e->child) {
        return ret < 0 ? ret : -EROFS; /* ZERO extents */
    }
    if (e->sparse) {
        return vmdk_alloc_sparse(n, e, a);
    }
    a->child_off = e->flat_off + a->off - e->begin;
    return 0;
}

static int vmdk_link(BlockNode *n, BlockAlloc *a)
{
    Vmdk *s = block_priv(n);
    VmdkExtent *e = vmdk_extent_at(s, a->off);

    return vmdk_set_grain(n, e, a->off - e->begin, (uintptr_t)a->token);
}

static void vmdk_abort(BlockNode *n, BlockAlloc *a)
{
    Vmdk *s = block_priv(n);
    VmdkExtent *e = vmdk_extent_at(s, a->off);
    uint64_t at = (uintptr_t)a->token * 512ull;

    if (at + e->grain == e->next) {
        e->next = at;
    }
}

/* Spec: a compressed grain has the marker (sector, bytes), its bytes, and padding to a sector;
 * without markers the bytes alone. */
static int vmdk_unpack(BlockNode *n, uint64_t off, const Extent *x, void *buf)
{
    Vmdk *s = block_priv(n);
    VmdkExtent *e = vmdk_extent_at(s, off);
    uint64_t size = block_node_size(e->child), room = size - x->off;
    uint64_t len = MIN(e->grain, room), at = x->off;
    size_t got = 0;

    if (e->markers) {
        uint8_t marker[VMDK_GRAIN_MARKER_LEN];
        int ret =
            room < sizeof(marker) ? -EIO : block_node_read(e->child, at, marker, sizeof(marker));

        if (ret < 0) {
            return ret;
        }
        at += sizeof(marker);
        len = get_le32(marker + 8);
        if (len == 0 || len > 2ull * e->grain || len > size - at) {
            block_corrupt(n, false, off, e->grain,
                          "VMDK compressed grain at 0x%" PRIx64 " has %" PRIu64 " bytes", x->off,
                          len);
            return -EIO;
        }
    }
    g_autofree void *packed = g_try_malloc(len);
    if (!packed) {
        return -ENOMEM;
    }
    int ret = block_node_read(e->child, at, packed, len);
    if (ret == 0) {
        ret = deflate_unpack_work(false, packed, len, buf, e->grain, &got);
    }
    /* Other writers end the last grain at the disk's end. */
    uint64_t want = MIN(e->grain, e->end - off);
    if (ret < 0 || got < want) {
        return ret < 0 ? ret : -EIO;
    }
    memset((uint8_t *)buf + got, 0, e->grain - got);
    return 0;
}

static int vmdk_write_packed(BlockNode *n, uint64_t off, const void *buf, uint64_t len)
{
    Vmdk *s = block_priv(n);
    VmdkExtent *e = vmdk_extent_at(s, off);

    if (!e->compressed) {
        return -ENOTSUP;
    }
    size_t room = VMDK_GRAIN_MARKER_LEN + e->grain + e->grain / 8 + 1024, got;
    g_autofree uint8_t *out = g_try_malloc0(room);
    g_autofree uint8_t *whole = len < e->grain ? g_try_malloc0(e->grain) : NULL;
    if (!out || (len < e->grain && !whole)) {
        return -ENOMEM;
    }
    if (whole) {
        memcpy(whole, buf, len);
    }
    uint8_t *bytes = e->markers ? out + VMDK_GRAIN_MARKER_LEN : out;
    int ret = deflate_pack_work(whole ? whole : buf, e->grain, bytes, room - 512, &got);
    if (ret < 0) {
        return ret;
    }
    if (e->markers) {
        put_le64(out, (off - e->begin) / 512);
        put_le32(out + 8, got);
    }
    uint64_t total = (got + (bytes - out) + 511) / 512 * 512, at = e->next;
    memset(bytes + got, 0, total - got - (bytes - out));
    if ((at + total) / 512 > UINT32_MAX) {
        return -ENOSPC;
    }
    e->next = at + total;
    ret = vmdk_change_cid(n);
    if (ret == 0) {
        ret = block_node_write(e->child, at, out, total, 0);
    }
    return ret < 0 ? ret : vmdk_set_grain(n, e, off - e->begin, at / 512);
}

static int vmdk_flush(BlockNode *n)
{
    Vmdk *s = block_priv(n);

    return metawb_flush(&s->wb);
}

/* Whole grains of an extent with zeroed-grain entries become such; else what is stored is zeroed
 * where it is, and a hole over a backing image takes bytes. */
static int vmdk_zero(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    Vmdk *s = block_priv(n);
    int ret = vmdk_change_cid(n);

    while (len > 0 && ret == 0) {
        VmdkExtent *e = vmdk_extent_at(s, off);
        Extent x = { 0 };

        ret = vmdk_map(n, off, e->sparse ? MIN(len, e->grain - (off - e->begin) % e->grain) : len,
                       &x);
        if (ret < 0) {
            break;
        }
        bool over_backing = x.kind == EXTENT_HOLE && s->has_backing;
        if (x.kind == EXTENT_PACKED || (over_backing && !e->zeroed)) {
            return -ENOTSUP;
        }
        if (x.kind == EXTENT_DATA) {
            ret = block_node_write_zeroes(x.child, x.off, x.len, flags);
        } else if (over_backing) {
            ret = vmdk_set_grain(n, e, off - e->begin, VMDK_GTE_ZEROED);
        }
        off += x.len;
        len -= x.len;
    }
    return ret;
}

static bool vmdk_check(BlockNode *n, BlockCheck *c, unsigned fix, GError **err)
{
    Vmdk *s = block_priv(n);

    if (fix) {
        return block_error(err, n,
                           "VMDK images are checked, not repaired: convert it to a new one");
    }
    for (unsigned i = 0; i < s->n_extents; i++) {
        VmdkExtent *e = &s->extents[i];

        for (uint64_t off = 0; e->sparse && off < e->end - e->begin; off += e->grain) {
            uint64_t sector = (e->begin + off) / 512;
            uint32_t entry = 0;
            uint64_t table = off / e->grain / e->n_gte;
            g_autofree char *line = NULL;
            int ret = e->gd[table] ? vmdk_grain(n, e, off, &entry) : 0;

            if (!e->gd[table] || ret < 0) { /* a disk of exabytes costs nothing: the next table */
                off = (table + 1) * e->n_gte * e->grain - e->grain;
            }
            if (ret < 0) {
                line = g_strdup_printf("ERROR: could not get cluster_offset for sector %" PRIu64,
                                       sector);
            } else if (entry > VMDK_GTE_ZEROED && entry * 512ull >= block_node_size(e->child)) {
                line = g_strdup_printf("ERROR: cluster offset after file size: sector %" PRIu64,
                                       sector);
            }
            if (line) {
                c->corruptions++;
                if (c->say) {
                    c->say(c->opaque, line);
                }
            }
        }
    }
    return true;
}

/* Texts of a stranger's file, and names of files, may be no UTF-8. */
static GVariant *vmdk_text(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text, -1);

    return g_variant_new_string(valid);
}

static GVariant *vmdk_specific(BlockNode *n)
{
    Vmdk *s = block_priv(n);
    GVariantBuilder b, list;

    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    g_variant_builder_init(&list, G_VARIANT_TYPE("av"));
    g_variant_builder_add(&b, "{sv}", "cid", g_variant_new_int64(s->desc.cid));
    g_variant_builder_add(&b, "{sv}", "parent-cid", g_variant_new_int64(s->desc.parent_cid));
    g_variant_builder_add(&b, "{sv}", "create-type", vmdk_text(s->desc.create_type));
    for (unsigned i = 0; i < s->n_extents; i++) {
        const VmdkExtent *e = &s->extents[i];
        GVariantBuilder x;

        g_variant_builder_init(&x, G_VARIANT_TYPE_VARDICT);
        if (e->compressed) {
            g_variant_builder_add(&x, "{sv}", "compressed", g_variant_new_boolean(true));
        }
        g_variant_builder_add(&x, "{sv}", "virtual-size", g_variant_new_int64(e->end - e->begin));
        g_variant_builder_add(&x, "{sv}", "filename",
                              vmdk_text(e->child ? block_node_filename(e->child) : ""));
        if (e->sparse) {
            g_variant_builder_add(&x, "{sv}", "cluster-size", g_variant_new_int64(e->grain));
        }
        g_variant_builder_add(&x, "{sv}", "format", vmdk_text(e->type));
        g_variant_builder_add(&list, "v", g_variant_builder_end(&x));
    }
    g_variant_builder_add(&b, "{sv}", "extents", g_variant_builder_end(&list));
    return g_variant_builder_end(&b);
}

static const BlockOption vmdk_create_options[] = {
    { "size", BLOCK_OPT_SIZE, "Virtual disk size" },
    { "adapter_type", BLOCK_OPT_STR,
      "Virtual adapter type, can be one of ide (default), lsilogic, buslogic or legacyESX" },
    { "backing_file", BLOCK_OPT_STR, "File name of a base image" },
    { "backing_fmt", BLOCK_OPT_STR, "Must be 'vmdk' if present" },
    { "compat6", BLOCK_OPT_BOOL, "VMDK version 6 image", "off" },
    { "hwversion", BLOCK_OPT_STR, "VMDK hardware version", "undefined" },
    { "toolsversion", BLOCK_OPT_STR, "VMware guest tools version" },
    { "subformat", BLOCK_OPT_STR,
      "VMDK flat extent format, can be one of {monolithicSparse (default) | monolithicFlat | "
      "twoGbMaxExtentSparse | twoGbMaxExtentFlat | streamOptimized} " },
    { "zeroed_grain", BLOCK_OPT_BOOL,
      "Enable efficient zero writes using the zeroed-grain GTE "
      "feature" },
    { NULL },
};

const BlockDriver block_vmdk_driver = {
    .name = "vmdk",
    .doc = "VMware's virtual disk",
    .kind = BLOCK_FORMAT,
    .size = sizeof(Vmdk),
    .create_options = vmdk_create_options,
    .backing = true,
    .probe = vmdk_probe,
    .open = vmdk_open,
    .close = vmdk_close,
    .create = vmdk_create,
    .map = vmdk_map,
    .alloc = vmdk_alloc,
    .link = vmdk_link,
    .abort = vmdk_abort,
    .unpack = vmdk_unpack,
    .write_packed = vmdk_write_packed,
    .zero = vmdk_zero,
    .flush = vmdk_flush,
    .check = vmdk_check,
    .specific = vmdk_specific,
};
