/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/virtio/virtio-net-rss.h"

#include "util/bits.h"
#include "util/bytes.h"

#include <string.h>

enum {
    ETHER_BYTES = 14,
    VLAN_BYTES = 4,
    TYPE_IP4 = 0x0800,
    TYPE_IP6 = 0x86dd,
    TYPE_VLAN = 0x8100,
    IP4_BYTES = 20,
    IP6_BYTES = 40,
    IP4_FRAGMENT = 0x3fff, /* more to come, or an offset */
    PROTO_HOP = 0,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_ROUTING = 43,
    PROTO_FRAGMENT = 44,
    PROTO_DESTINATION = 60,
    INPUT_MAX = 36, /* addresses of IPv6, ports */
};

/* ---- Commands ---- */

bool rss_configure(NetRss *r, const uint8_t *b, size_t len, bool steers, unsigned max_pairs,
                   unsigned *pairs)
{
    NetRss n = { .on = 1, .steers = steers };
    size_t entries, at = 8;
    unsigned key_len;

    if (len < at) {
        return false;
    }
    n.types = get_le32(b);
    n.mask = steers ? get_le16(b + 4) : 0;
    n.unclassified = steers ? get_le16(b + 6) : 0;
    entries = n.mask + 1u;
    if (n.types & ~(uint32_t)RSS_TYPES || entries > RSS_TABLE_MAX || !bits_is_pow2(entries) ||
        n.unclassified >= max_pairs || len < at + 2 * entries + 2 + 1) {
        return false;
    }
    for (size_t i = 0; i < entries; i++, at += 2) {
        n.table[i] = steers ? get_le16(b + at) : 0;
        if (n.table[i] >= max_pairs) {
            return false;
        }
    }
    *pairs = steers ? get_le16(b + at) : 0;
    key_len = b[at + 2];
    at += 3;
    if ((steers && (!*pairs || *pairs > max_pairs)) || key_len > RSS_KEY_BYTES ||
        len < at + key_len || (n.types && !key_len)) {
        return false;
    }
    memcpy(n.key, b + at, key_len);
    n.on = n.types != 0;
    *r = n;
    return true;
}

/* ---- Hashing ---- */

/* Toeplitz: for each bit of the input that is set, 32 bits of the key from there on. */
static uint32_t rss_toeplitz(const uint8_t *key, const uint8_t *input, size_t len)
{
    uint32_t window = get_be32(key), hash = 0;

    for (size_t i = 0; i < len; i++) {
        uint8_t next = key[i + 4];

        for (unsigned bit = 0; bit < 8; bit++) {
            hash ^= input[i] & 0x80 >> bit ? window : 0;
            window = window << 1 | (next >> (7 - bit) & 1);
        }
    }
    return hash;
}

/* Past the extension headers: the protocol behind them, *at its offset in @ip; fragments have none
 * that is looked at (59, "no next header"). */
static unsigned rss_skip_extensions(const uint8_t *ip, size_t len, size_t *at)
{
    unsigned proto = ip[6];

    *at = IP6_BYTES;
    while (proto == PROTO_HOP || proto == PROTO_ROUTING || proto == PROTO_DESTINATION) {
        if (len < *at + 8) {
            return 59;
        }
        proto = ip[*at];
        *at += (ip[*at + 1] + 1u) * 8;
    }
    return proto == PROTO_FRAGMENT ? 59 : proto;
}

static bool rss_has_ports(unsigned proto, size_t at, size_t len)
{
    return (proto == PROTO_TCP || proto == PROTO_UDP) && len >= at + 4;
}

uint32_t rss_hash(const NetRss *r, const uint8_t *frame, size_t len, unsigned *report)
{
    size_t head = ETHER_BYTES, at, addresses, n;
    uint8_t input[INPUT_MAX];
    unsigned type, proto, plain, with_ports;
    const uint8_t *ip;
    bool ports;

    *report = RSS_REPORT_NONE;
    if (len >= ETHER_BYTES + VLAN_BYTES && get_be16(frame + 12) == TYPE_VLAN) {
        head += VLAN_BYTES;
    }
    if (len < head + IP4_BYTES) {
        return 0;
    }
    type = get_be16(frame + head - 2);
    ip = frame + head;
    len -= head;
    if (type == TYPE_IP4 && ip[0] >> 4 == 4) {
        at = (ip[0] & 15) * 4u;
        proto = get_be16(ip + 6) & IP4_FRAGMENT || at < IP4_BYTES ? 59 : ip[9];
        n = 8;
        addresses = 12;
        plain = RSS_IPV4;
        with_ports = proto == PROTO_TCP ? RSS_TCPV4 : RSS_UDPV4;
    } else if (type == TYPE_IP6 && ip[0] >> 4 == 6 && len >= IP6_BYTES) {
        proto = rss_skip_extensions(ip, len, &at);
        n = 32;
        addresses = 8;
        plain = RSS_IPV6;
        with_ports = proto == PROTO_TCP ? RSS_TCPV6 : RSS_UDPV6;
    } else {
        return 0;
    }
    ports = rss_has_ports(proto, at, len) && r->types & with_ports;
    if (!ports && !(r->types & plain)) {
        return 0;
    }
    memcpy(input, ip + addresses, n);
    if (ports) {
        memcpy(input + n, ip + at, 4);
        n += 4;
    }
    *report = (unsigned)__builtin_ctz(ports ? with_ports : plain) + 1;
    return rss_toeplitz(r->key, input, n);
}

unsigned rss_queue(const NetRss *r, uint32_t hash, unsigned report)
{
    return report == RSS_REPORT_NONE ? r->unclassified : r->table[hash & r->mask];
}
