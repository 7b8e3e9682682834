/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LUKS: a header (block/crypto.h), then the disk, encrypted; vectors count from the disk's begin.
 */
#include "block/core/driver.h"
#include "block/crypto.h"

#include <errno.h>

typedef struct Luks {
    BlockLuks *luks;
    uint64_t payload;
} Luks;

static int luks_probe(const uint8_t *buf, size_t len, const char *filename)
{
    return len >= 8 && !memcmp(buf, "LUKS\xba\xbe\0\1", 8) ? 100 : 0;
}

static int luks_read(void *opaque, uint64_t off, void *buf, uint64_t len)
{
    return block_node_read(opaque, off, buf, len);
}

static int luks_write(void *opaque, uint64_t off, const void *buf, uint64_t len)
{
    int ret = block_node_write(opaque, off, buf, len, 0);

    /* The header that makes a slot active, or wipes one, comes after what it tells of. */
    return ret < 0 ? ret : block_node_flush(opaque);
}

static BlockLuksIo luks_io(BlockNode *file)
{
    return (BlockLuksIo){ luks_read, luks_write, file, block_node_filename(file) };
}

static bool luks_open(BlockNode *n, Options *o, GError **err)
{
    Luks *s = block_priv(n);
    const char *id = options_get(o, "key-secret");
    BlockLuksIo io = luks_io(block_file(n));
    const uint8_t *secret = NULL;
    size_t len = 0;

    block_set_encrypted(n, true);
    if (!(block_node_flags(n) & BLOCK_OPEN_NO_IO)) {
        if (!id) {
            return error_set(err, "Parameter 'key-secret' is required for cipher");
        }
        secret = block_secret_find(block_node_graph(n), id, &len, err);
        if (!secret) {
            return false;
        }
    }
    if (block_node_size(block_file(n)) < 592) {
        return block_error(err, n, "not a LUKS image: it is shorter than the header");
    }
    s->luks = block_luks_open(&io, secret, len, err);
    if (!s->luks) {
        return false;
    }
    s->payload = block_luks_payload(s->luks);
    uint64_t size = block_node_size(block_file(n));
    block_set_align(n, 512);
    /* A file that was cut in its key material has no disk. */
    bool ok = size >= s->payload
                  ? block_set_size(n, (size - s->payload) / 512 * 512, err)
                  : block_error(err, n,
                                "LUKS payload offset %" G_GUINT64_FORMAT
                                " is beyond the end of the file (%" G_GUINT64_FORMAT " bytes)",
                                s->payload, size);
    if (!ok) {
        g_clear_pointer(&s->luks, block_luks_free);
    }
    return ok;
}

static void luks_close(BlockNode *n)
{
    Luks *s = block_priv(n);

    block_luks_free(s->luks);
}

static int luks_map(BlockNode *n, uint64_t off, uint64_t len, Extent *out)
{
    const Luks *s = block_priv(n);

    *out = (Extent){ .kind = EXTENT_DATA, .off = s->payload + off, .len = len };
    return 0;
}

static int luks_alloc(BlockNode *n, BlockAlloc *a)
{
    const Luks *s = block_priv(n);

    a->child_off = s->payload + a->off;
    return 0;
}

static int luks_decrypt(BlockNode *n, uint64_t off, const Extent *x, void *buf, uint64_t len)
{
    const Luks *s = block_priv(n);

    if (!block_luks_cipher(s->luks)) {
        return -EACCES;
    }
    block_cipher_run(block_luks_cipher(s->luks), false, off, buf, len);
    return 0;
}

static int luks_encrypt(BlockNode *n, const BlockAlloc *a, uint64_t off, void *buf, uint64_t len)
{
    const Luks *s = block_priv(n);

    if (!block_luks_cipher(s->luks)) {
        return -EACCES;
    }
    block_cipher_run(block_luks_cipher(s->luks), true, off, buf, len);
    return 0;
}

/* Zeros in the file are not zeros on the disk. */
static int luks_zero(BlockNode *n, uint64_t off, uint64_t len, unsigned flags)
{
    return -ENOTSUP;
}

static bool luks_resize(BlockNode *n, uint64_t size, bool exact, BlockPrealloc prealloc,
                        GError **err)
{
    Luks *s = block_priv(n);

    if (size > BLOCK_SIZE_MAX - s->payload) {
        return block_error(err, n, "a size of %" G_GUINT64_FORMAT " is above the limit", size);
    }
    return block_node_resize(block_file(n), s->payload + size, exact, prealloc, err) &&
           block_set_size(n, size, err);
}

static bool luks_create(BlockGraph *g, const char *filename, BlockNode *file, uint64_t size,
                        Options *o, GError **err)
{
    BlockLuksIo io = luks_io(file);
    BlockLuksParams p;
    uint64_t header = 0;

    size = (size + 511) / 512 * 512;
    bool ok = block_luks_params(g, o, "", false, &p, err) &&
              block_luks_header_size(&p, &header, err) &&
              (size <= BLOCK_SIZE_MAX - header || error_set(err, "The requested file size is too "
                                                                 "large")) &&
              block_node_resize(file, header + size, false, BLOCK_PREALLOC_OFF, err) &&
              block_luks_create(&io, &p, err);
    block_luks_params_clear(&p);
    return ok;
}

static bool luks_measure(Options *create, BlockNode *from, uint64_t size, BlockMeasure *out,
                         GError **err)
{
    const char *id = options_get(create, "key-secret");
    BlockLuksParams p;
    uint64_t header = 0;

    if (!id) {
        return error_set(err, "Parameter 'key-secret' is required for cipher");
    }
    if (from) {
        size = block_node_size(from);
    }
    if (!block_luks_params(NULL, create, "", true, &p, err) ||
        !block_luks_header_size(&p, &header, err)) {
        return false;
    }
    size = (size + 511) / 512 * 512;
    *out = (BlockMeasure){ header + size, header + size, UINT64_MAX };
    return true;
}

static bool luks_amend(BlockNode *n, Options *o, bool force, BlockCheck *progress, GError **err)
{
    Luks *s = block_priv(n);
    BlockLuksIo io = luks_io(block_file(n));

    return block_luks_amend(s->luks, &io, block_node_graph(n), o, "", force, err);
}

static GVariant *luks_specific(BlockNode *n)
{
    Luks *s = block_priv(n);

    return block_luks_specific(s->luks);
}

static const BlockOption luks_options[] = {
    { "key-secret", BLOCK_OPT_STR, "ID of the secret that provides the keyslot passphrase" },
    { NULL },
};

static const BlockOption luks_create_options[] = {
    { "size", BLOCK_OPT_SIZE, "Virtual disk size" },
    { "key-secret", BLOCK_OPT_STR, "ID of the secret that provides the keyslot passphrase" },
    { "cipher-alg", BLOCK_OPT_STR, "Name of encryption cipher algorithm" },
    { "cipher-mode", BLOCK_OPT_STR, "Name of encryption cipher mode" },
    { "ivgen-alg", BLOCK_OPT_STR, "Name of IV generator algorithm" },
    { "ivgen-hash-alg", BLOCK_OPT_STR, "Name of IV generator hash algorithm" },
    { "hash-alg", BLOCK_OPT_STR, "Name of encryption hash algorithm" },
    { "iter-time", BLOCK_OPT_NUMBER, "Time to spend in PBKDF in milliseconds", .amend = true },
    { NULL },
};

static const BlockOption luks_amend_options[] = {
    { "keyslot", BLOCK_OPT_NUMBER, "Select a single keyslot to modify explicitly" },
    { "new-secret", BLOCK_OPT_STR,
      "New secret to set in the matching keyslots. Empty string to erase" },
    { "old-secret", BLOCK_OPT_STR, "Select all keyslots that match this password" },
    { "state", BLOCK_OPT_STR, "Select new state of affected keyslots (active/inactive)" },
    { NULL },
};

const BlockDriver block_luks_driver = {
    .name = "luks",
    .doc = "Linux Unified Key Setup, version 1",
    .kind = BLOCK_FORMAT,
    .size = sizeof(Luks),
    .options = luks_options,
    .create_options = luks_create_options,
    .amend_options = luks_amend_options,
    .probe = luks_probe,
    .open = luks_open,
    .close = luks_close,
    .create = luks_create,
    .map = luks_map,
    .alloc = luks_alloc,
    .decrypt = luks_decrypt,
    .encrypt = luks_encrypt,
    .zero = luks_zero,
    .resize = luks_resize,
    .measure = luks_measure,
    .amend = luks_amend,
    .specific = luks_specific,
};
