/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New VMDK images. A sparse extent: header, room for the descriptor, the redundant directory with
 * its tables, the directory with its tables, and then grains, from a multiple of the grain on.
 */
#include "block/format/vmdk.h"
#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>

enum { VMDK_CREATE_DESC_AT = 1, VMDK_CREATE_DESC_SECTORS = 20 };

typedef struct VmdkCreate {
    const char *adapter, *subformat, *hwversion, *toolsversion, *backing;
    bool flat, split, compressed, zeroed;
    uint64_t sectors;
    uint32_t parent_cid;
} VmdkCreate;

static bool vmdk_create_options_read(VmdkCreate *c, Options *o, GError **err)
{
    static const char *const adapters[] = { "ide", "lsilogic", "buslogic", "legacyESX" };
    static const char *const subformats[] = { "monolithicSparse", "monolithicFlat",
                                              "twoGbMaxExtentSparse", "twoGbMaxExtentFlat",
                                              "streamOptimized" };
    const char *backing_fmt = options_get(o, "backing_fmt");
    bool compat6, known = false;

    c->adapter = options_get(o, "adapter_type");
    c->adapter = c->adapter ? c->adapter : adapters[0];
    for (unsigned i = 0; i < G_N_ELEMENTS(adapters); i++) {
        known |= !strcmp(c->adapter, adapters[i]);
    }
    if (!known) {
        return error_set(err, "Unknown adapter type: '%s' (ide, lsilogic, buslogic or legacyESX)",
                         c->adapter);
    }
    c->subformat = options_get(o, "subformat");
    c->subformat = c->subformat ? c->subformat : subformats[0];
    known = false;
    for (unsigned i = 0; i < G_N_ELEMENTS(subformats); i++) {
        known |= !strcmp(c->subformat, subformats[i]);
    }
    if (!known) {
        return error_set(err, "Invalid subformat '%s'", c->subformat);
    }
    if (!options_get_bool(o, "compat6", false, &compat6, err) ||
        !options_get_bool(o, "zeroed_grain", false, &c->zeroed, err)) {
        return false;
    }
    c->hwversion = options_get(o, "hwversion");
    bool given = c->hwversion && strcmp(c->hwversion, "undefined");
    if (compat6 && given) {
        return error_set(err, "compat6 cannot be enabled with hwversion set");
    }
    c->hwversion = given ? c->hwversion : compat6 ? "6" : "4";
    c->toolsversion = options_get(o, "toolsversion");
    c->toolsversion = c->toolsversion ? c->toolsversion : "2147483647";
    c->split = g_str_has_prefix(c->subformat, "twoGb");
    c->flat = g_str_has_suffix(c->subformat, "Flat");
    c->compressed = !strcmp(c->subformat, "streamOptimized");
    c->backing = options_get(o, "backing_file");
    if (c->flat && c->zeroed) {
        return error_set(err, "Flat image can't enable zeroed grain");
    }
    if (c->flat && c->backing) {
        return error_set(err, "Flat image can't have backing file");
    }
    if (backing_fmt && strcmp(backing_fmt, "vmdk")) {
        return error_set(err, "backing_file must be a vmdk image");
    }
    if (strpbrk(c->hwversion, "\"\n") || strpbrk(c->toolsversion, "\"\n") ||
        (c->backing && strpbrk(c->backing, "\"\n"))) {
        return error_set(err, "hwversion, toolsversion and backing_file may have no quotes or "
                              "newlines: they stand in the descriptor");
    }
    return true;
}

/* The CID of the backing image goes into the new one. */
static bool vmdk_create_parent(VmdkCreate *c, BlockGraph *g, const char *filename, GError **err)
{
    c->parent_cid = VMDK_NO_PARENT;
    if (!c->backing) {
        return true;
    }
    g_autofree char *folder = g_path_get_dirname(filename);
    g_autofree char *path = g_path_is_absolute(c->backing) || strchr(c->backing, ':')
                                ? g_strdup(c->backing)
                                : g_build_filename(folder, c->backing, NULL);
    BlockNode *n = block_node_open_name(g, path, NULL, BLOCK_OPEN_NO_BACKING, err);
    if (!n) {
        return false;
    }
    bool ok = !strcmp(block_node_format(n), "vmdk");
    if (ok) {
        const Vmdk *parent = block_priv(n);

        c->parent_cid = parent->desc.cid;
    } else {
        error_set(err, "Invalid backing file format: %s (must be vmdk)", block_node_format(n));
    }
    block_node_unref(n);
    return ok;
}

/* Sectors of one directory with its tables. */
static uint64_t vmdk_create_tables(uint64_t n_gt)
{
    return (n_gt * 4 + 511) / 512 + n_gt * (VMDK_DEFAULT_GTES * 4 / 512);
}

static void vmdk_create_directory(uint8_t *gd, uint64_t at, uint64_t n_gt)
{
    uint64_t first = at + (n_gt * 4 + 511) / 512;

    for (uint64_t i = 0; i < n_gt; i++) {
        put_le32(gd + i * 4, first + i * (VMDK_DEFAULT_GTES * 4 / 512));
    }
}

static bool vmdk_create_sparse(const VmdkCreate *c, BlockNode *file, uint64_t sectors, GError **err)
{
    uint64_t grain = VMDK_DEFAULT_GRAIN / 512, per_gt = grain * VMDK_DEFAULT_GTES;
    uint64_t n_gt = (sectors + per_gt - 1) / per_gt, tables = vmdk_create_tables(n_gt);
    uint64_t rgd = VMDK_CREATE_DESC_AT + VMDK_CREATE_DESC_SECTORS, gd = rgd + tables;
    uint64_t overhead = (gd + tables + grain - 1) / grain * grain;
    uint8_t h[VMDK_HEADER_LEN] = "KDMV";

    /* Entries count sectors in 32 bits: beyond 2 TiB only what is thin fits. */
    if (overhead > UINT32_MAX / 2) {
        return error_set(err,
                         "%s: a sparse extent of %" PRIu64 " sectors is too large: choose a "
                         "flat or a split subformat",
                         block_node_filename(file), sectors);
    }
    put_le32(h + VMDK_VERSION, c->compressed ? 3 : c->zeroed ? 2 : 1);
    put_le32(h + VMDK_FLAGS, VMDK_F_NEWLINES | VMDK_F_RGD |
                                 (c->compressed ? VMDK_F_COMPRESSED | VMDK_F_MARKERS : 0) |
                                 (c->zeroed ? VMDK_F_ZEROED : 0));
    put_le64(h + VMDK_CAPACITY, sectors);
    put_le64(h + VMDK_GRAIN, grain);
    put_le64(h + VMDK_DESC_OFF, VMDK_CREATE_DESC_AT);
    put_le64(h + VMDK_DESC_SIZE, VMDK_CREATE_DESC_SECTORS);
    put_le32(h + VMDK_N_GTE, VMDK_DEFAULT_GTES);
    put_le64(h + VMDK_RGD_OFF, rgd);
    put_le64(h + VMDK_GD_OFF, gd);
    put_le64(h + VMDK_OVERHEAD, overhead);
    memcpy(h + VMDK_NEWLINES, "\n \r\n", 4);
    put_le16(h + VMDK_COMPRESS, c->compressed ? 1 : 0);

    g_autofree uint8_t *directory = g_malloc0(n_gt * 4 + 4); /* 256 KiB for 2 TiB */
    int ret = block_node_write(file, 0, h, sizeof(h), 0);
    if (ret == 0) {
        ret = block_node_write_zeroes(file, 512, overhead * 512 - 512, 0);
    }
    vmdk_create_directory(directory, rgd, n_gt);
    if (ret == 0 && n_gt) {
        ret = block_node_write(file, rgd * 512, directory, n_gt * 4, 0);
    }
    vmdk_create_directory(directory, gd, n_gt);
    if (ret == 0 && n_gt) {
        ret = block_node_write(file, gd * 512, directory, n_gt * 4, 0);
    }
    return ret == 0 || block_error(err, file, "cannot write the header: %s", g_strerror(-ret));
}

static char *vmdk_create_text(const VmdkCreate *c, const char *lines)
{
    unsigned heads = strcmp(c->adapter, "ide") ? 255 : 16;
    g_autofree char *hint =
        c->backing ? g_strdup_printf("parentFileNameHint=\"%s\"\n", c->backing) : g_strdup("");

    return g_strdup_printf("# Disk DescriptorFile\n"
                           "version=1\n"
                           "CID=%08" PRIx32 "\n"
                           "parentCID=%08" PRIx32 "\n"
                           "createType=\"%s\"\n"
                           "%s\n"
                           "# Extent description\n"
                           "%s\n"
                           "# The Disk Data Base\n"
                           "#DDB\n"
                           "\n"
                           "ddb.virtualHWVersion = \"%s\"\n"
                           "ddb.geometry.cylinders = \"%" PRIu64 "\"\n"
                           "ddb.geometry.heads = \"%u\"\n"
                           "ddb.geometry.sectors = \"63\"\n"
                           "ddb.adapterType = \"%s\"\n"
                           "ddb.toolsVersion = \"%s\"\n",
                           g_random_int() & 0x7fffffff, c->parent_cid, c->subformat, hint, lines,
                           c->hwversion, c->sectors / heads / 63, heads, c->adapter,
                           c->toolsversion);
}

/* An extent in a file of its own, @path. */
static bool vmdk_create_extent(const VmdkCreate *c, BlockGraph *g, const char *path,
                               uint64_t sectors, GError **err)
{
    Options none = { 0 };

    if (!block_image_create(g, block_driver_find("file"), path, c->flat ? sectors * 512 : 0, &none,
                            0, err)) {
        return false;
    }
    if (c->flat) {
        return true;
    }
    BlockNode *file =
        block_node_open_name(g, path, "file", BLOCK_OPEN_WRITE | BLOCK_OPEN_INTERNAL, err);
    if (!file) {
        return false;
    }
    bool ok = vmdk_create_sparse(c, file, sectors, err);
    block_node_unref(file);
    return ok;
}

bool vmdk_create(BlockGraph *g, const char *filename, BlockNode *file, uint64_t size, Options *o,
                 GError **err)
{
    VmdkCreate c = { .sectors = size / 512 + (size % 512 != 0) };
    g_autofree char *base = g_path_get_basename(filename), *folder = g_path_get_dirname(filename);
    g_autoptr(GString) lines = g_string_new(NULL);
    const char *dot = strrchr(base, '.');
    int stem = dot ? dot - base : (int)strlen(base);

    if (!vmdk_create_options_read(&c, o, err) || !vmdk_create_parent(&c, g, filename, err)) {
        return false;
    }
    if (strpbrk(base, "\"\n")) {
        return error_set(err, "%s: a VMDK's name may have no quotes or newlines", filename);
    }
    if (!c.split && !c.flat) {
        g_string_printf(lines, "RW %" PRIu64 " SPARSE \"%s\"\n", c.sectors, base);
        if (!vmdk_create_sparse(&c, file, c.sectors, err)) {
            return false;
        }
    }
    uint64_t done = 0, most = c.split ? VMDK_SPLIT_SIZE / 512 : c.sectors;
    for (unsigned i = 1; (c.split || c.flat) && done < c.sectors; i++) {
        uint64_t part = MIN(c.sectors - done, most);
        g_autofree char *suffix =
            c.split ? g_strdup_printf("-%c%03u", c.flat ? 'f' : 's', i) : g_strdup("-flat");
        g_autofree char *name = g_strdup_printf("%.*s%s%s", stem, base, suffix, dot ? dot : "");
        g_autofree char *path = g_build_filename(folder, name, NULL);

        if (i > VMDK_EXTENTS_MAX) {
            return error_set(err, "%s: more than %d extents of 2 GiB", filename, VMDK_EXTENTS_MAX);
        }
        if (!vmdk_create_extent(&c, g, path, part, err)) {
            return false;
        }
        g_string_append_printf(lines, "RW %" PRIu64 " %s \"%s\"%s\n", part,
                               c.flat ? "FLAT" : "SPARSE", name, c.flat ? " 0" : "");
        done += part;
    }
    g_autofree char *text = vmdk_create_text(&c, lines->str);
    bool inside = !c.split && !c.flat;
    if (inside && strlen(text) > VMDK_CREATE_DESC_SECTORS * 512) {
        return error_set(err, "%s: the descriptor is longer than %d bytes: the names are too long",
                         filename, VMDK_CREATE_DESC_SECTORS * 512);
    }
    int ret = block_node_write(file, inside ? VMDK_CREATE_DESC_AT * 512 : 0, text, strlen(text), 0);
    return ret == 0 || block_error(err, file, "cannot write the descriptor: %s", g_strerror(-ret));
}
