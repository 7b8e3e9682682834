/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disk images of one format (FUZZ_FORMAT; "" probes). An input is
 *
 *   flags:u8  n:u8  n % 16 of OP {kind:u8 off:u16 len:u8 value:u8}
 *   RECORD {off:u32 len:u16 bytes}...      little-endian; a record of no bytes sets the file's size
 *
 * so that the zeros between a format's tables cost nothing (pack.py makes them out of images).
 */
#include "tests/fuzz/fuzz.h"

#include "block/core/bitmap.h"
#include "block/core/secret.h"
#include "util/bytes.h"

#include <string.h>

enum {
    IMAGE_LIMIT = 64 << 20, /* offsets in the file */
    IMAGE_MEMORY = 24 << 20,
    IMAGE_OPS = 16,
    OP_LEN = 5,
    READ_MAX = 128 << 10,
};

enum { FLAG_AS_IS = 7, FLAG_MODE = 0x30, FLAG_KEY = 0x40, FLAG_SNAPSHOT = 0x80 };

typedef enum Mode { MODE_READ, MODE_CHECK, MODE_WRITE, MODE_REPAIR } Mode;

typedef struct Op {
    uint8_t kind, len, value;
    uint16_t off;
} Op;

/* ---- Opening ---- */

static unsigned image_lines(BlockMemory *m)
{
    char text[2048];
    unsigned n = 0;

    block_memory_read(m, 0, text, sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    if (strncmp(text, "# Disk", 6)) {
        return 0;
    }
    for (const char *p = strchr(text, '\n'); p; p = strchr(p, '\n')) {
        p++;
        n += g_str_has_prefix(p, "RW ") || g_str_has_prefix(p, "RDONLY ") ||
             g_str_has_prefix(p, "NOACCESS ");
    }
    return MIN(n, 4);
}

/* All that an image may name is given, so that no file of the host is touched. */
static BlockNode *image_open(BlockGraph *g, uint8_t in_flags, unsigned flags)
{
    BlockMemory *m = block_memory_find(g, "img");
    g_autoptr(GString) o = g_string_new("file.driver=x-memory,file.filename=x-memory:img");
    uint8_t head[112];

    block_memory_read(m, 0, head, sizeof(head));
    if (*FUZZ_FORMAT) {
        g_string_append(o, ",driver=" FUZZ_FORMAT);
    }
    if (!memcmp(head, "QFI\xfb", 4)) {
        if (get_be32(head + 4) >= 3 && head[79] & 4) {
            g_string_append(o, ",data-file.driver=x-memory,data-file.filename=x-memory:ext");
        }
        if (in_flags & FLAG_KEY && get_be32(head + 32)) {
            g_string_append(o, get_be32(head + 32) == 2
                                   ? ",encrypt.key-secret=s"
                                   : ",encrypt.format=aes,encrypt.key-secret=s");
        }
    } else if (in_flags & FLAG_KEY && (!memcmp(head, "LUKS", 4) || !strcmp(FUZZ_FORMAT, "luks"))) {
        g_string_append(o, ",key-secret=s");
    }
    for (unsigned i = 0, n = image_lines(m); i < n; i++) {
        g_string_append_printf(o, ",extents.%u.driver=x-memory,extents.%u.filename=x-memory:ext", i,
                               i);
    }
    return fuzz_open(g, o->str, flags | BLOCK_OPEN_NO_BACKING);
}

/* ---- Work ---- */

static void image_read(BlockNode *n, const Op *op)
{
    uint64_t size = block_node_size(n), step = MAX(size / 7, 1);
    g_autofree uint8_t *buf = g_malloc(READ_MAX);
    BlockStatus st;

    for (uint64_t off = 0, i = 0; off < size && i < 24; i++) {
        if (block_node_status(n, off, size - off, &st)) {
            break;
        }
        g_assert(st.len && st.len <= size - off);
        (void)block_node_read(n, off, buf, MIN(MIN(READ_MAX, st.len), size - off));
        off += i % 3 == 2 ? MAX(step, 1) : st.len;
    }
    if (size) {
        uint64_t off = (uint64_t)op->off * 512 % size;

        (void)block_node_read(n, off, buf, MIN(READ_MAX, size - off));
    }
}

static void image_look(BlockNode *n)
{
    g_autoptr(GError) err = NULL;
    GVariant *told = block_node_specific(n);
    BlockSnapshot *list = NULL;
    unsigned count = 0;

    if (told) {
        g_variant_unref(g_variant_ref_sink(told));
    }
    if (block_snapshot_list(n, &list, &count, &err)) {
        block_snapshot_list_free(list, count);
    }
    for (BlockBitmap *b = block_bitmap_next(n, NULL); b; b = block_bitmap_next(n, b)) {
        (void)dirty_bits_get(block_bitmap_bits(b), 0);
    }
    (void)block_node_allocated(n);
}

static void image_snapshot(BlockNode *n, unsigned what, const Op *op)
{
    BlockSnapshot sn = { .name = (char *)"n", .icount = UINT64_MAX };
    g_autofree char *id = g_strdup_printf("%u", 1 + op->value % 3);
    g_autoptr(GError) err = NULL;

    if (what == 0 && block_snapshot_create(n, &sn, &err)) {
        g_free(sn.id);
    } else if (what == 1) {
        (void)!block_snapshot_apply(n, id, &err);
    } else if (what == 2) {
        (void)!block_snapshot_delete(n, id, &err);
    }
}

static void image_bitmap(BlockNode *n, const Op *op)
{
    g_autoptr(GError) err = NULL;
    BlockBitmap *b = block_bitmap_next(n, NULL);

    if (op->value & 1 && b) {
        block_bitmap_remove(b);
    } else {
        b = block_bitmap_new(n, op->value & 2 ? "x" : "y", 0, &err);
        if (b) {
            block_bitmap_set_flag(b, BLOCK_BITMAP_PERSISTENT, true);
        }
    }
}

static void image_data(BlockNode *n, unsigned what, const Op *op)
{
    uint64_t size = block_node_size(n), unit = MAX(block_node_cluster_size(n), 512);
    uint64_t off = (uint64_t)op->off * (op->value & 1 ? 512 : 4096), len = (1 + op->len) * 512;
    g_autofree uint8_t *buf = NULL;

    if (what == 1) {
        off = off / unit * unit;
        len = MIN(unit, 2 << 20);
    }
    if (off >= size) {
        off = size / 3 / unit * unit;
    }
    len = MIN(len, size - off);
    buf = g_malloc(len + 1);
    memset(buf, op->value, len);
    if (what < 2) {
        (void)block_node_write(n, off, buf, len, what ? BLOCK_REQ_COMPRESSED : 0);
    } else if (what == 2) {
        (void)block_node_write_zeroes(n, off, MIN(len * 64, size - off),
                                      op->value & 2 ? BLOCK_REQ_UNMAP : 0);
    } else if (what == 3) {
        (void)block_node_discard(n, off, MIN(len * 64, size - off));
    } else {
        (void)block_node_read(n, off, buf, len);
    }
}

static void image_resize(BlockNode *n, const Op *op)
{
    g_autoptr(GError) err = NULL;
    uint64_t size = (uint64_t)op->off * 4096 + (uint64_t)op->value * 512;
    BlockPrealloc p = op->len & 1 ? BLOCK_PREALLOC_METADATA : BLOCK_PREALLOC_OFF;

    (void)!block_node_resize(n, MIN(size, 16 << 20), true, p, &err);
}

static void image_op(BlockNode *n, const Op *op)
{
    g_autoptr(GError) err = NULL;
    BlockCheck c = { 0 };
    uint8_t buf[600] = { 1 };

    switch (op->kind % 16) {
    case 0 ... 4:
        image_data(n, op->kind % 16, op);
        break;
    case 5:
        (void)block_node_flush(n);
        break;
    case 6:
        image_resize(n, op);
        break;
    case 7 ... 9:
        image_snapshot(n, op->kind % 16 - 7, op);
        break;
    case 10:
        (void)!block_node_check(n, &c, op->value & 3, &err);
        break;
    case 11:
        image_bitmap(n, op);
        break;
    case 12:
        (void)block_vmstate_write(n, (uint64_t)op->off * 64, buf, sizeof(buf));
        (void)block_vmstate_read(n, op->value, buf, sizeof(buf));
        break;
    case 13:
        (void)!block_node_make_empty(n, &err);
        break;
    case 14:
        (void)!block_node_set_backing_name(n, op->value & 1 ? "base" : NULL,
                                           op->value & 1 ? "raw" : NULL, &err);
        break;
    default:
        image_data(n, 0, op);
        break;
    }
}

static void image_work(BlockGraph *g, uint8_t flags, Mode mode, const Op *ops, unsigned n_ops)
{
    g_autoptr(GError) err = NULL;
    unsigned open = mode == MODE_READ     ? 0
                    : mode == MODE_CHECK  ? BLOCK_OPEN_CHECK
                    : mode == MODE_REPAIR ? BLOCK_OPEN_CHECK | BLOCK_OPEN_WRITE
                                          : BLOCK_OPEN_WRITE | BLOCK_OPEN_DISCARD;
    BlockNode *n;
    BlockCheck c = { 0 };

    if (mode == MODE_READ && !(flags & FLAG_KEY)) {
        open |= flags & FLAG_SNAPSHOT ? BLOCK_OPEN_NO_IO : 0;
    }
    n = image_open(g, flags, open);
    if (!n) {
        return;
    }
    if (mode == MODE_CHECK || mode == MODE_REPAIR) {
        (void)!block_node_check(n, &c, mode == MODE_REPAIR ? 3 : 0, &err);
    }
    if (flags & FLAG_SNAPSHOT && mode == MODE_READ && !(open & BLOCK_OPEN_NO_IO)) {
        (void)!block_snapshot_view(n, "1", &err);
    }
    image_look(n);
    if (!(open & BLOCK_OPEN_NO_IO)) {
        image_read(n, &ops[0]);
    }
    for (unsigned i = 0; i < n_ops && mode == MODE_WRITE; i++) {
        image_op(n, &ops[i]);
    }
    block_node_unref(n);
}

static void image_fill(BlockMemory *m, FuzzIn *in)
{
    while (in->len >= 6) {
        uint32_t off = fuzz_u32(in) % IMAGE_LIMIT;
        uint16_t want = fuzz_u16(in);
        size_t len;
        const uint8_t *p = fuzz_bytes(in, want, &len);

        if (!want) {
            block_memory_set_size(m, off);
        } else {
            (void)block_memory_write(m, off, p, len);
        }
    }
}

static void image_input(BlockGraph *g, FuzzIn *in)
{
    g_autoptr(GError) err = NULL;
    uint8_t flags = fuzz_u8(in);
    unsigned n_ops = fuzz_u8(in) % IMAGE_OPS;
    Op ops[IMAGE_OPS] = { 0 };
    BlockMemory *m = block_memory_new(g, "img", IMAGE_MEMORY);
    BlockMemory *ext = block_memory_new(g, "ext", IMAGE_MEMORY);
    Mode mode = (flags & FLAG_MODE) >> 4;
    Options o;

    for (unsigned i = 0; i < n_ops; i++) {
        ops[i].kind = fuzz_u8(in);
        ops[i].off = fuzz_u16(in);
        ops[i].len = fuzz_u8(in);
        ops[i].value = fuzz_u8(in);
    }
    image_fill(m, in);
    if ((flags & FLAG_AS_IS) != FLAG_AS_IS) {
        fuzz_fix_image(m, FUZZ_FORMAT);
    }
    block_memory_set_size(ext, 16 << 20);
    if (flags & FLAG_KEY && options_parse(&o, "id=s,data=secret", NULL, &err)) {
        bool ok = block_secret_add(g, &o, &err);

        g_assert(ok);
        options_deinit(&o);
    }
    image_work(g, flags, mode, ops, n_ops);
    if (mode == MODE_REPAIR || mode == MODE_WRITE) { /* what was left opens or does not */
        image_work(g, flags, mode == MODE_WRITE ? MODE_CHECK : MODE_WRITE, ops, n_ops);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_in_graph(image_input, data, size);
    return 0;
}

/* ---- Mutations: of fields within records, which stay in place ---- */

static uint64_t mutator_value(GRand *r, uint64_t old)
{
    switch (g_rand_int_range(r, 0, 10)) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX << g_rand_int_range(r, 0, 64);
    case 2:
        return 1ull << g_rand_int_range(r, 0, 64);
    case 3:
        return old + 1;
    case 4:
        return old ^ 1ull << g_rand_int_range(r, 0, 64);
    case 5:
        return old - 1;
    case 6:
        return (uint64_t)g_rand_int_range(r, 0, 4096) << 9;
    case 7:
        return old + ((uint64_t)g_rand_int_range(r, 1, 256) << g_rand_int_range(r, 0, 40));
    case 8:
        return (uint64_t)g_rand_int_range(r, 0, 128) << 16 | (g_rand_boolean(r) ? 1ull << 63 : 0);
    default:
        return (uint64_t)g_rand_int(r) << 32 | g_rand_int(r);
    }
}

static void mutator_field(GRand *r, uint8_t *p, size_t len)
{
    size_t width = MIN((size_t)1 << g_rand_int_range(r, 0, 4), len);
    size_t at = (size_t)g_rand_int_range(r, 0, (int)MIN(len, INT32_MAX));
    uint8_t b[8] = { 0 };
    bool big = g_rand_boolean(r);
    uint64_t v = 0;

    if (g_rand_boolean(r)) {
        at = MIN(at, (size_t)g_rand_int_range(r, 0, 512)); /* headers are in front */
    }
    at = MIN(at / width * width, len - width);
    for (size_t i = 0; i < width; i++) {
        v |= (uint64_t)p[at + i] << 8 * (big ? width - 1 - i : i);
    }
    put_le64(b, mutator_value(r, v));
    for (size_t i = 0; i < width; i++) {
        p[at + i] = b[big ? width - 1 - i : i];
    }
}

/* The bytes of a record by chance; NULL: there are none. */
static uint8_t *mutator_record(GRand *r, uint8_t *data, size_t size, size_t *len)
{
    size_t at = 2 + (size_t)(data[1] % IMAGE_OPS) * OP_LEN, n = 0;
    uint8_t *found = NULL;

    for (; at + 6 < size; at += *len, n++) {
        size_t bytes = MIN((size_t)get_le16(data + at + 4), size - at - 6);

        if (bytes && g_rand_int_range(r, 0, (int)n + 1) == 0) {
            found = data + at;
        }
        *len = bytes + 6;
    }
    if (found) {
        *len = MIN((size_t)get_le16(found + 4), size - (size_t)(found + 6 - data));
        found += 6;
    }
    return found;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    g_autoptr(GRand) r = g_rand_new_with_seed(seed);
    int how = g_rand_int_range(r, 0, 16);
    size_t len, ops;
    uint8_t *p;

    if (size < 16 || how == 0) {
        return LLVMFuzzerMutate(data, size, max);
    }
    ops = MIN((size_t)(data[1] % IMAGE_OPS) * OP_LEN + 2, size);
    if (how < 3) {
        len = LLVMFuzzerMutate(data, ops, ops);
        memset(data + len, 0, ops - len);
        return size;
    }
    p = mutator_record(r, data, size, &len);
    if (!p) {
        return LLVMFuzzerMutate(data, size, max);
    }
    if (how < 6) {
        size_t now = LLVMFuzzerMutate(p, len, len);

        memset(p + now, 0, len - now);
        return size;
    }
    for (int i = g_rand_int_range(r, 1, 4); i; i--) {
        mutator_field(r, p, len);
    }
    return size;
}
