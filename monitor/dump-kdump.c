/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dump-guest-memory in the format of kdump, flattened so that it can go through a pipe: crash reads
 * it as it is, `makedumpfile -R` makes the plain one.
 * Spec: makedumpfile's IMPLEMENTATION (disk_dump_header, kdump_sub_header, bitmaps, page_desc; the
 * flattened form: "makedumpfile", then pieces with their places, numbers big-endian).
 */
#include "monitor/dump.h"

#include "core/memory/memory.h"
#include "util/bytes.h"

#include <string.h>
#include <zlib.h>

enum {
    KD_BLOCK = 4096,
    KD_VERSION = 6,
    /* disk_dump_header, of 64-bit machines */
    KD_HEAD_VERSION = 8,
    KD_HEAD_MACHINE = 12 + 4 * 65, /* utsname's */
    KD_HEAD_STATUS = 424,
    KD_HEAD_BLOCK = 428,
    KD_HEAD_SUB_BLOCKS = 432,
    KD_HEAD_BITMAP_BLOCKS = 436,
    KD_HEAD_MAX = 440,
    KD_HEAD_CPUS = 460,
    KD_ZLIB = 1,
    /* kdump_sub_header */
    KD_SUB_LEVEL = 8,
    KD_SUB_NOTE = 48,
    KD_SUB_NOTE_BYTES = 56,
    KD_SUB_MAX = 96,
    KD_SUB_BYTES = 104,
    KD_LEVEL_ZERO = 1, /* pages of zeroes are there once */
    KD_DESC_BYTES = 24,
    KD_PIECE = 1 << 20,
};

/* A piece of the file that grows. */
typedef struct KdPiece {
    uint64_t at; /* of its first byte */
    GByteArray *bytes;
} KdPiece;

typedef struct Kdump {
    Dump *d;
    MonHost *h;
    KdPiece descs, data;
    GByteArray *bitmap;
    uint64_t pages, zero_at; /* 0: no page of zeroes yet */
    GError **err;
} Kdump;

static bool kd_put(Kdump *k, uint64_t at, const uint8_t *p, size_t len)
{
    uint8_t head[16];

    put_be64(head, at);
    put_be64(head + 8, len);
    return dump_write(k->d, head, sizeof(head), k->err) && dump_write(k->d, p, len, k->err);
}

static bool kd_flush(Kdump *k, KdPiece *p)
{
    bool ok = !p->bytes->len || kd_put(k, p->at, p->bytes->data, p->bytes->len);

    p->at += p->bytes->len;
    g_byte_array_set_size(p->bytes, 0);
    return ok;
}

static bool kd_append(Kdump *k, KdPiece *p, const uint8_t *bytes, size_t len)
{
    g_byte_array_append(p->bytes, bytes, (guint)len);
    return p->bytes->len < KD_PIECE || kd_flush(k, p);
}

/* Calls @fn for each page that has memory, in order; false ends it. */
static bool kd_each(Kdump *k, bool (*fn)(Kdump *k, uint64_t pfn))
{
    uint64_t next = 0;

    for (unsigned i = 0; i < k->d->segments->len; i++) {
        const DumpSegment *s = &g_array_index(k->d->segments, DumpSegment, i);
        uint64_t last = (s->start + (s->len - 1)) / KD_BLOCK;

        for (uint64_t pfn = MAX(next, s->start / KD_BLOCK); pfn <= last; pfn++) {
            if (!fn(k, pfn)) {
                return false;
            }
        }
        next = last + 1;
    }
    return true;
}

static bool kd_mark(Kdump *k, uint64_t pfn)
{
    k->bitmap->data[pfn / 8] |= (uint8_t)(1 << pfn % 8);
    k->pages++;
    return true;
}

static bool kd_page(Kdump *k, uint64_t pfn)
{
    uint8_t page[KD_BLOCK] = { 0 }, packed[2 * KD_BLOCK], desc[KD_DESC_BYTES] = { 0 };
    static const uint8_t zero[KD_BLOCK];
    uint64_t at = k->data.at + k->data.bytes->len;
    uLongf len = sizeof(packed);
    bool is_zero, small;

    (void)aspace_read(machine_memory(k->d->m), pfn * KD_BLOCK, page, KD_BLOCK,
                      (MemAttrs){ .debug = 1 });
    k->h->dump_bytes = MIN(k->h->dump_bytes + KD_BLOCK, k->h->dump_total);
    is_zero = !memcmp(page, zero, KD_BLOCK);
    small = compress2(packed, &len, page, KD_BLOCK, Z_BEST_SPEED) == Z_OK && len < KD_BLOCK;
    if (is_zero && k->zero_at) {
        at = k->zero_at;
    } else if (!kd_append(k, &k->data, small ? packed : page, small ? len : KD_BLOCK)) {
        return false;
    } else if (is_zero) {
        k->zero_at = at;
    }
    put_le64(desc, at);
    put_le32(desc + 8, small ? (uint32_t)len : KD_BLOCK);
    put_le32(desc + 12, small ? KD_ZLIB : 0);
    return kd_append(k, &k->descs, desc, sizeof(desc));
}

static void kd_grow(GByteArray *a, size_t to)
{
    size_t was = a->len;

    g_byte_array_set_size(a, (guint)to);
    memset(a->data + was, 0, to - was);
}

/* The header, what belongs to it, and both bitmaps: of what is there, and of what is here. */
static bool kd_heads(Kdump *k, uint64_t frames)
{
    g_autoptr(GByteArray) sub = g_byte_array_sized_new(KD_BLOCK);
    uint8_t head[KD_BLOCK] = "KDUMP   ";
    uint64_t bitmap_at;
    uint32_t notes;

    kd_grow(sub, KD_SUB_BYTES);
    dump_notes(k->d, sub);
    notes = sub->len - KD_SUB_BYTES;
    kd_grow(sub, (sub->len + KD_BLOCK - 1) / KD_BLOCK * KD_BLOCK);
    put_le32(sub->data + KD_SUB_LEVEL, KD_LEVEL_ZERO);
    put_le64(sub->data + KD_SUB_NOTE, KD_BLOCK + KD_SUB_BYTES);
    put_le64(sub->data + KD_SUB_NOTE_BYTES, notes);
    put_le64(sub->data + KD_SUB_MAX, frames);
    put_le32(head + KD_HEAD_VERSION, KD_VERSION);
    g_strlcpy((char *)head + KD_HEAD_MACHINE, k->d->arch->name, 65);
    put_le32(head + KD_HEAD_STATUS, KD_ZLIB);
    put_le32(head + KD_HEAD_BLOCK, KD_BLOCK);
    put_le32(head + KD_HEAD_SUB_BLOCKS, sub->len / KD_BLOCK);
    put_le32(head + KD_HEAD_BITMAP_BLOCKS, 2 * (k->bitmap->len / KD_BLOCK));
    put_le32(head + KD_HEAD_MAX, (uint32_t)MIN(frames, UINT32_MAX));
    put_le32(head + KD_HEAD_CPUS, machine_n_cpus(k->d->m));
    bitmap_at = KD_BLOCK + sub->len;
    k->descs.at = bitmap_at + 2ull * k->bitmap->len;
    k->data.at = k->descs.at + k->pages * KD_DESC_BYTES;
    return kd_put(k, 0, head, sizeof(head)) && kd_put(k, KD_BLOCK, sub->data, sub->len) &&
           kd_put(k, bitmap_at, k->bitmap->data, k->bitmap->len) &&
           kd_put(k, bitmap_at + k->bitmap->len, k->bitmap->data, k->bitmap->len);
}

bool dump_kdump(Dump *d, MonHost *h, GError **err)
{
    const DumpSegment *last = &g_array_index(d->segments, DumpSegment, d->segments->len - 1);
    uint64_t frames = (last->start + (last->len - 1)) / KD_BLOCK + 1;
    uint8_t start[KD_BLOCK] = "makedumpfile", end[16];
    Kdump k = { .d = d, .h = h, .err = err };
    bool ok;

    if (frames / 8 > G_MAXINT32 - KD_BLOCK) {
        return error_set(err, "dump: too much memory for the format of kdump; elf takes it");
    }
    k.bitmap = g_byte_array_new();
    kd_grow(k.bitmap, (frames / 8 + KD_BLOCK) / KD_BLOCK * KD_BLOCK);
    k.descs.bytes = g_byte_array_new();
    k.data.bytes = g_byte_array_new();
    (void)kd_each(&k, kd_mark);
    put_be64(start + 16, 1); /* type and version of the flattened form */
    put_be64(start + 24, 1);
    memset(end, 0xff, sizeof(end));
    ok = dump_write(d, start, sizeof(start), err) && kd_heads(&k, frames) && kd_each(&k, kd_page) &&
         kd_flush(&k, &k.descs) && kd_flush(&k, &k.data) && dump_write(d, end, sizeof(end), err);
    g_byte_array_free(k.bitmap, TRUE);
    g_byte_array_free(k.descs.bytes, TRUE);
    g_byte_array_free(k.data.bytes, TRUE);
    return ok;
}
