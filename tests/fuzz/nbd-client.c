/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The NBD client and a hostile server. The server talks without listening: it knows what the
 * client asks for, and which handles its requests have (one at a time, 32 apart).
 */
#include "tests/fuzz/peer.h"

#include "block/net/nbd-client.h"
#include "block/net/nbd-wire.h"

#include <errno.h>
#include <unistd.h>

enum { HANDLES = 32 };

static void server_option_reply(FuzzPeer *p, FuzzIn *in)
{
    static const uint8_t options[] = { NBD_OPT_STRUCTURED_REPLY,
                                       NBD_OPT_SET_META_CONTEXT,
                                       NBD_OPT_GO,
                                       NBD_OPT_LIST,
                                       NBD_OPT_INFO,
                                       NBD_OPT_STARTTLS,
                                       NBD_OPT_EXPORT_NAME,
                                       NBD_OPT_LIST_META_CONTEXT };
    uint8_t which = fuzz_u8(in), type = fuzz_u8(in);
    size_t len;
    const uint8_t *data = fuzz_bytes(in, fuzz_u8(in), &len);

    fuzz_peer_be(p, NBD_REPLY_MAGIC, 8);
    fuzz_peer_be(p, options[which % 8], 4);
    fuzz_peer_be(p, type & 0x80 ? NBD_REP_ERR(type & 0x7fu) : type, 4);
    fuzz_peer_be(p, len, 4);
    fuzz_peer_bytes(p, data, len);
}

static void server_info(FuzzPeer *p, FuzzIn *in)
{
    fuzz_peer_be(p, NBD_REPLY_MAGIC, 8);
    fuzz_peer_be(p, NBD_OPT_GO, 4);
    fuzz_peer_be(p, NBD_REP_INFO, 4);
    if (fuzz_u8(in) & 1) {
        uint8_t shift = fuzz_u8(in);

        fuzz_peer_be(p, 14, 4);
        fuzz_peer_be(p, NBD_INFO_BLOCK_SIZE, 2);
        fuzz_peer_be(p, 1ull << (shift & 15), 4);
        fuzz_peer_be(p, 4096, 4);
        fuzz_peer_be(p, 1ull << (shift >> 4) << 10, 4);
    } else {
        fuzz_peer_be(p, 12, 4);
        fuzz_peer_be(p, NBD_INFO_EXPORT, 2);
        fuzz_peer_be(p, (uint64_t)fuzz_u16(in) << (fuzz_u8(in) & 47), 8);
        fuzz_peer_be(p, fuzz_u16(in), 2);
    }
}

static void server_reply(FuzzPeer *p, FuzzIn *in, bool structured, uint64_t *handle)
{
    uint8_t how = fuzz_u8(in), type = fuzz_u8(in);
    size_t len;
    const uint8_t *data = fuzz_bytes(in, (size_t)fuzz_u8(in) * (how & 4 ? 8 : 1), &len);

    fuzz_peer_be(p, structured ? NBD_STRUCTURED_MAGIC : NBD_SIMPLE_MAGIC, 4);
    if (structured) {
        fuzz_peer_be(p, how & 1, 2);
        fuzz_peer_be(p, type & 0x80 ? (type & 0x7fu) | 1u << 15 : type, 2);
        fuzz_peer_be(p, *handle, 8);
        fuzz_peer_be(p, how & 8 ? how << 8 : len, 4);
    } else {
        fuzz_peer_be(p, type, 4);
        fuzz_peer_be(p, *handle, 8);
    }
    fuzz_peer_bytes(p, data, len);
    *handle += !structured || how & 1 ? HANDLES : 0;
}

static void server_says(FuzzPeer *p, FuzzIn *in)
{
    uint64_t handle = HANDLES;

    fuzz_peer_be(p, NBD_MAGIC, 8);
    if (fuzz_u8(in) & 1) {
        fuzz_peer_be(p, NBD_OLD_MAGIC, 8);
    } else {
        fuzz_peer_be(p, NBD_OPTION_MAGIC, 8);
        fuzz_peer_be(p, fuzz_u8(in), 2);
    }
    for (unsigned i = 0; in->len && i < 64; i++) {
        uint8_t kind = fuzz_u8(in) % 8;
        size_t len;

        if (kind == 0) {
            const uint8_t *raw = fuzz_bytes(in, fuzz_u8(in), &len);

            fuzz_peer_bytes(p, raw, len);
        } else if (kind < 3) {
            server_option_reply(p, in);
        } else if (kind == 3) {
            server_info(p, in);
        } else {
            server_reply(p, in, kind < 7, &handle);
        }
    }
}

static void client_work(BlockNode *n)
{
    uint64_t size = MIN(block_node_size(n), 1 << 20);
    g_autofree uint8_t *buf = g_malloc0(8192);
    uint64_t part = MIN(size, 1024);
    BlockStatus st;

    for (unsigned i = 0; i < 3 && size; i++) {
        if (!block_node_status(n, 0, size, &st)) {
            g_assert(st.len && st.len <= size);
        }
        (void)block_node_read(n, size - part, buf, part);
        (void)block_node_write(n, 0, buf, part, i & 1 ? BLOCK_REQ_FUA : 0);
        (void)block_node_write_zeroes(n, 0, part, BLOCK_REQ_UNMAP);
        (void)block_node_discard(n, 0, part);
        (void)block_node_flush(n);
        (void)block_node_read(n, 0, buf, MIN(size, 8192));
    }
}

static void client_list(int fd)
{
    BlockStream *s = stream_new(fd);
    g_autoptr(GError) err = NULL;
    NbdInfo *list = NULL;
    unsigned n = 0;

    if (nbd_client_list(s, NULL, NULL, &list, &n, &err)) {
        for (unsigned i = 0; i < n; i++) {
            nbd_info_deinit(&list[i]);
        }
        g_free(list);
    }
    stream_shutdown(s);
    stream_free(s);
}

static void client_input(BlockGraph *g, FuzzIn *in)
{
    uint8_t how = fuzz_u8(in);
    FuzzPeer *p = fuzz_peer_new();
    g_autofree char *o = g_strdup_printf("driver=nbd,server.type=fd,server.str=%d%s", p->theirs,
                                         how & 2 ? ",x-dirty-bitmap=qemu:dirty-bitmap:b" : "");
    BlockNode *n;

    server_says(p, in);
    fuzz_peer_start(p);
    if (how & 1) {
        client_list(p->theirs);
    } else {
        n = fuzz_open(g, o, how & 4 ? BLOCK_OPEN_WRITE | BLOCK_OPEN_DISCARD : 0);
        if (n) {
            client_work(n);
            block_node_unref(n);
        }
    }
    fuzz_peer_free(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_in_graph(client_input, data, size);
    return 0;
}
