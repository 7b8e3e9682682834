/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sections "Full disk encryption header pointer" and "Data encryption": the sectors of guest data
 * are encrypted, tables and compressed clusters are not. LUKS counts its vectors by where a sector
 * lies in the file, the old AES by where it is on the disk.
 */
#include "block/format/qcow2.h"

#include "block/crypto.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* The clusters of the encryption header as a file of its own. */
static int qcow2_luks_read(void *opaque, uint64_t off, void *buf, uint64_t len)
{
    const Qcow2Luks *l = opaque;

    if (off > l->len || len > l->len - off) {
        return -EINVAL;
    }
    return block_node_read(l->file, l->off + off, buf, len);
}

static int qcow2_luks_write(void *opaque, uint64_t off, const void *buf, uint64_t len)
{
    const Qcow2Luks *l = opaque;

    int ret;

    if (off > l->len || len > l->len - off) {
        return -ENOSPC;
    }
    ret = block_node_write(l->file, l->off + off, buf, len, 0);

    /* The header that makes a slot active, or wipes one, comes after what it tells of. */
    return ret < 0 ? ret : block_node_flush(l->file);
}

static BlockLuksIo qcow2_luks_io(Qcow2Luks *l, const char *name)
{
    return (BlockLuksIo){ qcow2_luks_read, qcow2_luks_write, l, name };
}

bool qcow2_crypto_open(Qcow2 *s, Options *o, GError **err)
{
    const char *format = options_get(o, "encrypt.format"), *wanted;
    const char *id = options_get(o, "encrypt.key-secret");
    const uint8_t *secret = NULL;
    size_t len = 0;

    if (!s->h.crypt) {
        return !(format || id) || error_set(err, "the image is not encrypted: encrypt.* options "
                                                 "do not apply");
    }
    wanted = s->h.crypt == QCOW2_CRYPT_LUKS ? "luks" : "aes";
    if (format && strcmp(format, wanted)) {
        return error_set(err, "Header reported '%s' encryption format but options specify '%s'",
                         wanted, format);
    }
    if (id && !(secret = block_secret_find(block_node_graph(s->node), id, &len, err))) {
        return false;
    }
    if (!secret && !(block_node_flags(s->node) & (BLOCK_OPEN_NO_IO | BLOCK_OPEN_CHECK))) {
        return error_set(err, "Parameter 'encrypt.key-secret' is required for cipher");
    }
    block_set_align(s->node, 512);
    if (s->h.crypt == QCOW2_CRYPT_AES) {
        s->aes = secret ? block_cipher_new_qcow(secret, len, err) : NULL;
        return !secret || s->aes;
    }
    s->luks_at = (Qcow2Luks){ block_file(s->node), s->x.crypto_off, s->x.crypto_len };
    BlockLuksIo io = qcow2_luks_io(&s->luks_at, block_node_filename(s->node));
    s->luks = block_luks_open(&io, secret, len, err);
    return s->luks;
}

void qcow2_crypto_close(Qcow2 *s)
{
    g_clear_pointer(&s->luks, block_luks_free);
    g_clear_pointer(&s->aes, block_cipher_free);
}

/* NULL: it was opened without a key. */
static const BlockCipher *qcow2_cipher(const Qcow2 *s)
{
    return s->aes ? s->aes : s->luks ? block_luks_cipher(s->luks) : NULL;
}

int qcow2_decrypt(BlockNode *n, uint64_t off, const Extent *x, void *buf, uint64_t len)
{
    Qcow2 *s = block_priv(n);
    const BlockCipher *c = qcow2_cipher(s);

    if (!c) {
        return -EACCES;
    }
    block_cipher_run(c, false, s->aes ? off : x->off, buf, len);
    return 0;
}

int qcow2_encrypt(BlockNode *n, const BlockAlloc *a, uint64_t off, void *buf, uint64_t len)
{
    Qcow2 *s = block_priv(n);
    const BlockCipher *c = qcow2_cipher(s);

    if (!c) {
        return -EACCES;
    }
    block_cipher_run(c, true, s->aes ? off : a->child_off + (off - a->off), buf, len);
    return 0;
}

GVariant *qcow2_crypto_tell(const Qcow2 *s)
{
    GVariantBuilder b;

    g_variant_builder_init(&b, G_VARIANT_TYPE("a{sv}"));
    if (s->luks) {
        g_autoptr(GVariant) luks = g_variant_ref_sink(block_luks_specific(s->luks));
        GVariantIter it;
        const char *key;
        GVariant *v;

        g_variant_iter_init(&it, luks);
        while (g_variant_iter_next(&it, "{&sv}", &key, &v)) {
            g_variant_builder_add(&b, "{sv}", key, v);
            if (!strcmp(key, "uuid")) {
                g_variant_builder_add(&b, "{sv}", "format", g_variant_new_string("luks"));
            }
            g_variant_unref(v);
        }
    } else {
        g_variant_builder_add(&b, "{sv}", "format", g_variant_new_string("aes"));
    }
    return g_variant_builder_end(&b);
}

/* ---- New images ---- */

bool qcow2_crypto_wish(BlockGraph *g, Options *o, bool measure, uint32_t *crypt, uint64_t *header,
                       GError **err)
{
    const char *format = options_get(o, "encrypt.format");
    bool old;

    *crypt = QCOW2_CRYPT_NONE;
    *header = 0;
    if (!options_get_bool(o, "encryption", false, &old, err)) {
        return false;
    }
    if (old && format && strcmp(format, "aes")) {
        return error_set(err, "encryption and encrypt.format=%s exclude each other", format);
    }
    if (old || (format && !strcmp(format, "aes"))) {
        *crypt = QCOW2_CRYPT_AES;
        return options_get(o, "encrypt.key-secret") ||
               error_set(err, "Parameter 'encrypt.key-secret' is required for cipher");
    }
    if (!format) {
        return true;
    }
    if (strcmp(format, "luks")) {
        return error_set(err, "encrypt.format=%s is not known; valid: aes, luks", format);
    }
    BlockLuksParams p;
    bool ok = block_luks_params(g, o, "encrypt.", measure, &p, err) &&
              block_luks_header_size(&p, header, err);
    block_luks_params_clear(&p);
    *crypt = QCOW2_CRYPT_LUKS;
    return ok;
}

bool qcow2_crypto_create(BlockGraph *g, BlockNode *file, const char *name, uint64_t off,
                         uint64_t len, Options *o, GError **err)
{
    Qcow2Luks at = { file, off, len };
    BlockLuksIo io = qcow2_luks_io(&at, name);
    BlockLuksParams p;
    bool ok =
        block_luks_params(g, o, "encrypt.", false, &p, err) && block_luks_create(&io, &p, err);

    block_luks_params_clear(&p);
    return ok;
}

bool qcow2_crypto_amend(Qcow2 *s, Options *o, bool force, GError **err)
{
    BlockLuksIo io;

    if (!s->h.crypt) {
        return error_set(err, "Can't amend encryption options - encryption not present");
    }
    if (!s->luks) {
        return error_set(err, "Only LUKS encryption options can be amended");
    }
    io = qcow2_luks_io(&s->luks_at, block_node_filename(s->node));
    return block_luks_amend(s->luks, &io, block_node_graph(s->node), o, "encrypt.", force, err);
}
