/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qcow version 1, read only: two levels of tables, compressed clusters, AES, backing images.
 *
 * Big-endian. A table entry is the offset of the next table or of a cluster, 0 for none. Bit 63:
 * the cluster is compressed (raw deflate); then the offset has 63 - cluster_bits bits and the bits
 * above it are the length in bytes. Compressed clusters are not encrypted.
 */
#include "block/core/driver.h"
#include "block/crypto.h"
#include "block/format/deflate.h"
#include "util/bytes.h"

#include <errno.h>
#include <inttypes.h>

enum {
    QCOW_HEADER_LEN = 48,
    QCOW_BACKING_OFF = 8,
    QCOW_BACKING_LEN = 16,
    QCOW_SIZE = 24,
    QCOW_CLUSTER_BITS = 32,
    QCOW_L2_BITS = 33,
    QCOW_CRYPT = 36,
    QCOW_L1_OFF = 40,
    QCOW_BACKING_MAX = 1023,
    QCOW_L1_MAX = 1 << 27, /* entries: 1 GiB */
};

#define QCOW_PACKED (1ull << 63)

typedef struct Qcow {
    uint8_t cluster_bits, l2_bits;
    uint64_t n_l1;
    uint64_t *l1;  /* big-endian, as in the file */
    uint64_t **l2; /* those that were read; the table of pointers is as long as l1 */
    uint64_t file_size;
    BlockCipher *cipher;
} Qcow;

static int qcow_probe(const uint8_t *buf, size_t len, const char *filename)
{
    return len >= QCOW_HEADER_LEN && !memcmp(buf, "QFI\xfb", 4) && get_be32(buf + 4) == 1 ? 100 : 0;
}

static bool qcow_check_header(BlockNode *n, Qcow *s, const uint8_t *h, GError **err)
{
    uint64_t size = get_be64(h + QCOW_SIZE);

    if (memcmp(h, "QFI\xfb", 4) || get_be32(h + 4) != 1) {
        return block_error(err, n,
                           "not a qcow image of version 1: magic 0x%08" PRIx32 ", version %" PRIu32,
                           get_be32(h), get_be32(h + 4));
    }
    s->cluster_bits = h[QCOW_CLUSTER_BITS];
    s->l2_bits = h[QCOW_L2_BITS];
    if (s->cluster_bits < 9 || s->cluster_bits > 16) {
        return block_error(err, n, "qcow cluster_bits %u is not from 9 to 16", s->cluster_bits);
    }
    if (s->l2_bits < 6 || s->l2_bits > 13) {
        return block_error(err, n, "qcow l2_bits %u is not from 6 to 13", s->l2_bits);
    }
    if (size <= 1) {
        return block_error(err, n, "qcow size %" PRIu64 " is too small, 2 bytes are the least",
                           size);
    }
    if (size > BLOCK_SIZE_MAX) {
        return block_error(err, n, "qcow size %" PRIu64 " is above the limit of %" PRIu64, size,
                           (uint64_t)BLOCK_SIZE_MAX);
    }
    if (get_be32(h + QCOW_CRYPT) > 1) {
        return block_error(err, n, "qcow crypt_method %" PRIu32 " is not 0 (none) or 1 (AES)",
                           get_be32(h + QCOW_CRYPT));
    }
    unsigned shift = s->cluster_bits + s->l2_bits;
    s->n_l1 = (size + (1ull << shift) - 1) >> shift;
    if (s->n_l1 > QCOW_L1_MAX) {
        return block_error(err, n,
                           "qcow size %" PRIu64 " needs %" PRIu64 " entries of L1, the "
                           "limit is %d",
                           size, s->n_l1, QCOW_L1_MAX);
    }
    if (get_be64(h + QCOW_L1_OFF) > INT64_MAX - s->n_l1 * 8) {
        return block_error(err, n, "qcow L1 table offset 0x%" PRIx64 " is beyond any file",
                           get_be64(h + QCOW_L1_OFF));
    }
    return true;
}

static bool qcow_read_backing(BlockNode *n, const uint8_t *h, GError **err)
{
    uint64_t off = get_be64(h + QCOW_BACKING_OFF);
    uint32_t len = get_be32(h + QCOW_BACKING_LEN);
    char name[QCOW_BACKING_MAX + 1];

    if (off == 0) {
        return true;
    }
    if (len > QCOW_BACKING_MAX) {
        return block_error(err, n,
                           "qcow backing file name of %" PRIu32 " bytes is above the limit "
                           "of %d",
                           len, QCOW_BACKING_MAX);
    }
    if (off > INT64_MAX - len || !block_read_all(n, off, name, len, err)) {
        return *err ? false
                    : block_error(err, n,
                                  "qcow backing_file_offset 0x%" PRIx64 " is beyond any file", off);
    }
    name[len] = '\0';
    block_set_backing_name(n, name, NULL);
    return true;
}

static bool qcow_open_key(BlockNode *n, Qcow *s, Options *o, GError **err)
{
    const char *format = options_get(o, "encrypt.format");
    const char *id = options_get(o, "encrypt.key-secret");
    size_t len;

    block_set_encrypted(n, true);
    if (format && strcmp(format, "aes")) {
        return block_error(err, n, "encrypt.format=%s: the image has aes", format);
    }
    if (block_node_flags(n) & BLOCK_OPEN_NO_IO) {
        return true;
    }
    if (!id) {
        return block_error(err, n, "Parameter 'encrypt.key-secret' is required for cipher");
    }
    const uint8_t *password = block_secret_find(block_node_graph(n), id, &len, err);
    s->cipher = password ? block_cipher_new_qcow(password, len, err) : NULL;
    return s->cipher != NULL;
}

static bool qcow_open(BlockNode *n, Options *o, GError **err)
{
    Qcow *s = block_priv(n);
    uint8_t h[QCOW_HEADER_LEN];

    if (block_node_flags(n) & BLOCK_OPEN_WRITE) {
        return block_error(err, n,
                           "images of qcow version 1 can only be read: convert it to "
                           "qcow2");
    }
    if (!block_read_all(n, 0, h, sizeof(h), err) || !qcow_check_header(n, s, h, err)) {
        return false;
    }
    s->file_size = block_node_size(block_file(n));
    s->l1 = block_try_array(n, s->n_l1, 8);
    s->l2 = block_try_array(n, s->n_l1, sizeof(*s->l2));
    if (!s->l1 || !s->l2) {
        return block_error(err, n, "no memory for %" PRIu64 " entries of L1", s->n_l1);
    }
    if (!block_read_all(n, get_be64(h + QCOW_L1_OFF), s->l1, s->n_l1 * 8, err) ||
        !qcow_read_backing(n, h, err)) {
        return false;
    }
    block_set_unit(n, 1ull << s->cluster_bits);
    if (!block_set_size(n, (get_be64(h + QCOW_SIZE) + 511) / 512 * 512, err)) {
        return false;
    }
    return get_be32(h + QCOW_CRYPT) == 0 || qcow_open_key(n, s, o, err);
}

static void qcow_close(BlockNode *n)
{
    Qcow *s = block_priv(n);

    block_cipher_free(s->cipher);
}

/* The entry for a cluster, 0 for none. Tables stay in memory once they were read. */
static int qcow_entry(BlockNode *n, uint64_t cluster, uint64_t *entry)
{
    Qcow *s = block_priv(n);
    uint64_t i = cluster >> s->l2_bits, n_l2 = 1ull << s->l2_bits;
    uint64_t at = be64toh(s->l1[i]);

    *entry = 0;
    if (at == 0) {
        return 0;
    }
    if (!s->l2[i]) {
        if (at > s->file_size || n_l2 * 8 > s->file_size - at) {
            block_corrupt(n, false, at, n_l2 * 8,
                          "qcow L1 entry %" PRIu64 " (0x%" PRIx64
                          ") gives a table beyond the file's end",
                          i, at);
            return -EIO;
        }
        uint64_t *table = block_try_array(n, n_l2, 8);
        if (!table) {
            return -ENOMEM;
        }
        int ret = block_node_read(block_file(n), at, table, n_l2 * 8);
        if (ret < 0 || s->l2[i]) { /* another fiber was faster */
            block_free_array(n, table);
            if (ret < 0) {
                return ret;
            }
        } else {
            s->l2[i] = table;
        }
    }
    *entry = be64toh(s->l2[i][cluster & (n_l2 - 1)]);
    return 0;
}

static int qcow_map(BlockNode *n, uint64_t off, uint64_t len, Extent *out)
{
    Qcow *s = block_priv(n);
    uint64_t size = 1ull << s->cluster_bits, in = off & (size - 1), entry;
    int ret = qcow_entry(n, off >> s->cluster_bits, &entry);

    out->len = MIN(len, size - in);
    if (ret < 0) {
        return ret;
    }
    if (entry == 0) {
        out->kind = EXTENT_HOLE;
        return 0;
    }
    if (entry & QCOW_PACKED) {
        unsigned bits = 63 - s->cluster_bits;

        out->kind = EXTENT_PACKED;
        out->off = entry & ((1ull << bits) - 1);
        out->packed_len = entry >> bits & (size - 1);
        return out->off < s->file_size ? 0 : -EIO;
    }
    out->kind = EXTENT_DATA;
    out->off = entry + in;
    if (entry > s->file_size) {
        block_corrupt(n, false, entry, size,
                      "qcow L2 entry gives a cluster at 0x%" PRIx64 ", beyond the file's end",
                      entry);
        return -EIO;
    }
    while (out->len < len) {
        uint64_t next;

        ret = qcow_entry(n, (off + out->len) >> s->cluster_bits, &next);
        if (ret < 0 || next != entry + size || next > s->file_size) {
            break;
        }
        out->len = MIN(len, out->len + size);
        entry = next;
    }
    return 0;
}

static int qcow_unpack(BlockNode *n, uint64_t off, const Extent *x, void *buf)
{
    Qcow *s = block_priv(n);
    uint64_t size = 1ull << s->cluster_bits, len = MIN(x->packed_len, s->file_size - x->off);
    g_autofree void *packed = g_try_malloc(len ? len : 1);
    size_t got;

    if (!packed) {
        return -ENOMEM;
    }
    int ret = block_node_read(block_file(n), x->off, packed, len);
    if (ret == 0) {
        ret = deflate_unpack_work(true, packed, len, buf, size, &got);
    }
    return ret < 0 ? ret : got == size ? 0 : -EIO;
}

static int qcow_decrypt(BlockNode *n, uint64_t off, const Extent *x, void *buf, uint64_t len)
{
    Qcow *s = block_priv(n);

    if (!s->cipher) {
        return -EACCES;
    }
    block_cipher_run(s->cipher, false, off, buf, len);
    return 0;
}

static const BlockOption qcow_options[] = {
    { "encrypt.format", BLOCK_OPT_STR, "Encrypt the image, format choices: 'aes'" },
    { "encrypt.key-secret", BLOCK_OPT_STR,
      "ID of the secret that provides the AES encryption key" },
    { NULL },
};

const BlockDriver block_qcow_driver = {
    .name = "qcow",
    .doc = "QEMU's first copy-on-write image, read only",
    .kind = BLOCK_FORMAT,
    .size = sizeof(Qcow),
    .options = qcow_options,
    .backing = true,
    .probe = qcow_probe,
    .open = qcow_open,
    .close = qcow_close,
    .map = qcow_map,
    .unpack = qcow_unpack,
    .decrypt = qcow_decrypt,
};
