/* SPDX-License-Identifier: Apache-2.0 */
#include "net/offload.h"

#include "util/bytes.h"

#include <string.h>

enum {
    ETHER = 14,
    ETHER_TYPE = 12,
    TYPE_IP4 = 0x0800,
    TYPE_IP6 = 0x86dd,
    TYPE_VLAN = 0x8100,
    IP4_MIN = 20,
    IP4_LEN = 2,
    IP4_ID = 4,
    IP4_FRAG = 6,
    IP4_PROTO = 9,
    IP4_SUM = 10,
    IP4_ADDRS = 12,
    IP6_HEADER = 40,
    IP6_LEN = 4,
    IP6_NEXT = 6,
    IP6_ADDRS = 8,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    TCP_MIN = 20,
    TCP_SEQ = 4,
    TCP_ACK = 8,
    TCP_OFF = 12,
    TCP_FLAGS = 13,
    TCP_SUM = 16,
    UDP_HEADER = 8,
    UDP_LEN = 4,
    UDP_SUM = 6,
    F_FIN = 1,
    F_PSH = 8,
    F_ACK = 16,
    F_CWR = 128,
};

/* ---- Checksums ---- */

uint32_t net_sum(const uint8_t *bytes, size_t len, uint32_t sum)
{
    uint64_t s = sum;
    size_t i = 0;

    /* Words of the host's order add up alike: the sum's bytes are swapped at the end. */
    for (uint64_t part = 0; i + 4 <= len;) {
        size_t end = len - i > 4096 ? i + 4096 : len;

        for (part = 0; i + 4 <= end; i += 4) {
            uint32_t w;

            memcpy(&w, bytes + i, 4);
            part += w;
        }
        part = (part >> 32) + (part & UINT32_MAX);
        part = (part >> 32) + (part & UINT32_MAX);
        part = (part >> 16) + (part & 0xffff);
        part = (part >> 16) + (part & 0xffff);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        part = (part >> 16) + (part & 0xffff);
        s += __builtin_bswap16((uint16_t)part);
#else
        s += part;
#endif
    }
    for (; i + 2 <= len; i += 2) {
        s += get_be16(bytes + i);
    }
    if (i < len) {
        s += (uint32_t)bytes[i] << 8;
    }
    s = (s >> 32) + (s & UINT32_MAX);
    return (uint32_t)((s >> 32) + s);
}

uint16_t net_sum_fold(uint32_t sum)
{
    sum = (sum >> 16) + (sum & 0xffff);
    sum = (sum >> 16) + (sum & 0xffff);
    return (uint16_t)~sum;
}

bool net_fill_checksum(uint8_t *frame, size_t len, const NetOffload *o)
{
    size_t at = (size_t)o->csum_start + o->csum_offset;
    uint16_t sum;

    if (!(o->flags & OFFLOAD_NEEDS_CSUM)) {
        return true;
    }
    if (o->csum_start >= len || at + 2 > len) {
        return false;
    }
    sum = net_sum_fold(net_sum(frame + o->csum_start, len - o->csum_start, 0));
    /* RFC 768: a sum of 0 means "none" for UDP; the other zero is as good for TCP. */
    put_be16(frame + at, sum ? sum : 0xffff);
    return true;
}

/* ---- Headers ---- */

typedef struct Headers {
    uint16_t ip, l4, payload; /* offsets */
    bool v6;
    uint8_t proto;
} Headers;

/* Of TCP or UDP over IP, not a fragment. False: something else, or cut short. */
static bool headers_parse(const uint8_t *f, size_t len, Headers *h)
{
    size_t at = ETHER;
    uint16_t type;

    if (len < ETHER + IP4_MIN) {
        return false;
    }
    type = get_be16(f + ETHER_TYPE);
    if (type == TYPE_VLAN && len >= ETHER + 4 + IP4_MIN) {
        type = get_be16(f + ETHER + 2);
        at += 4;
    }
    h->ip = (uint16_t)at;
    h->v6 = type == TYPE_IP6;
    if (type == TYPE_IP4) {
        unsigned bytes = (f[at] & 15) * 4u;

        if (f[at] >> 4 != 4 || bytes < IP4_MIN || len < at + bytes ||
            get_be16(f + at + IP4_FRAG) & 0x3fff) {
            return false;
        }
        h->proto = f[at + IP4_PROTO];
        at += bytes;
    } else if (h->v6 && len >= at + IP6_HEADER && f[at] >> 4 == 6) {
        h->proto = f[at + IP6_NEXT];
        at += IP6_HEADER;
    } else {
        return false;
    }
    h->l4 = (uint16_t)at;
    if (h->proto == PROTO_UDP && len >= at + UDP_HEADER) {
        h->payload = (uint16_t)(at + UDP_HEADER);
        return true;
    }
    if (h->proto == PROTO_TCP && len >= at + TCP_MIN) {
        unsigned bytes = (f[at + TCP_OFF] >> 4) * 4u;

        h->payload = (uint16_t)(at + bytes);
        return bytes >= TCP_MIN && len >= at + bytes;
    }
    return false;
}

/* The lengths that a frame of @len bytes has, and IPv4's own checksum. */
static void headers_set_length(uint8_t *f, size_t len, const Headers *h)
{
    if (h->v6) {
        put_be16(f + h->ip + IP6_LEN, (uint16_t)(len - h->ip - IP6_HEADER));
    } else {
        put_be16(f + h->ip + IP4_LEN, (uint16_t)(len - h->ip));
        put_be16(f + h->ip + IP4_SUM, 0);
        put_be16(f + h->ip + IP4_SUM, net_sum_fold(net_sum(f + h->ip, h->l4 - h->ip, 0)));
    }
}

/* The sum of the pseudo header (RFC 9293, "3.1"; RFC 8200, "8.1") of a frame of @len bytes. */
static uint32_t headers_pseudo(const uint8_t *f, size_t len, const Headers *h)
{
    uint32_t sum =
        h->v6 ? net_sum(f + h->ip + IP6_ADDRS, 32, 0) : net_sum(f + h->ip + IP4_ADDRS, 8, 0);

    return sum + h->proto + (uint32_t)(len - h->l4);
}

static void headers_checksum(uint8_t *f, size_t len, const Headers *h)
{
    unsigned at = h->l4 + (h->proto == PROTO_TCP ? TCP_SUM : UDP_SUM);
    uint16_t sum;

    put_be16(f + at, 0);
    sum = net_sum_fold(net_sum(f + h->l4, len - h->l4, headers_pseudo(f, len, h)));
    put_be16(f + at, sum ? sum : 0xffff);
}

/* ---- Flows ---- */

uint32_t net_flow_hash(const uint8_t *frame, size_t len)
{
    Headers h;
    uint32_t hash;
    unsigned words, at;

    if (!headers_parse(frame, len, &h)) {
        return 0;
    }
    words = h.v6 ? 8 : 2; /* both addresses */
    at = h.ip + (h.v6 ? IP6_ADDRS : IP4_ADDRS);
    hash = h.proto ^ get_be16(frame + h.l4) ^ get_be16(frame + h.l4 + 2);
    for (unsigned i = 0; i < words; i++) {
        hash ^= get_be32(frame + at + 4 * i);
    }
    return hash * 0x9e3779b1u ^ hash >> 16;
}

/* ---- Cutting ---- */

static void cut_tcp(uint8_t *frame, size_t len, const Headers *h, unsigned size, NetFrameFn *emit,
                    void *opaque)
{
    uint8_t piece[NET_MERGE_MAX];
    uint32_t seq = get_be32(frame + h->l4 + TCP_SEQ);
    uint16_t id = h->v6 ? 0 : get_be16(frame + h->ip + IP4_ID);
    uint8_t flags = frame[h->l4 + TCP_FLAGS];

    for (size_t at = h->payload; at < len; at += size) {
        size_t n = len - at < size ? len - at : size;

        memcpy(piece, frame, h->payload);
        memcpy(piece + h->payload, frame + at, n);
        put_be32(piece + h->l4 + TCP_SEQ, seq + (uint32_t)(at - h->payload));
        if (!h->v6) {
            put_be16(piece + h->ip + IP4_ID, id++);
        }
        /* FIN and PSH are the last piece's, CWR the first's. */
        piece[h->l4 + TCP_FLAGS] =
            (uint8_t)(flags & ~(at + n < len ? F_FIN | F_PSH : 0) & ~(at > h->payload ? F_CWR : 0));
        headers_set_length(piece, h->payload + n, h);
        headers_checksum(piece, h->payload + n, h);
        emit(opaque, piece, h->payload + n);
    }
}

bool net_finish_frame(uint8_t *frame, size_t len, const NetOffload *o, bool whole, NetFrameFn *emit,
                      void *opaque)
{
    unsigned type = o->gso_type & ~OFFLOAD_GSO_ECN;
    Headers h;

    if (type == OFFLOAD_GSO_NONE) {
        if (!net_fill_checksum(frame, len, o)) {
            return false;
        }
        emit(opaque, frame, len);
        return true;
    }
    if (!headers_parse(frame, len, &h) || len > NET_MERGE_MAX ||
        (type == OFFLOAD_GSO_UDP
             ? h.proto != PROTO_UDP
             : h.proto != PROTO_TCP || h.v6 != (type == OFFLOAD_GSO_TCPV6) || !o->gso_size)) {
        return false;
    }
    if (type == OFFLOAD_GSO_UDP) {
        put_be16(frame + h.l4 + UDP_LEN, (uint16_t)(len - h.l4));
    }
    /* UDP would be cut into fragments of IP: who receives it here takes it whole. */
    if (whole || type == OFFLOAD_GSO_UDP || len - h.payload <= o->gso_size) {
        headers_set_length(frame, len, &h);
        headers_checksum(frame, len, &h);
        emit(opaque, frame, len);
    } else {
        cut_tcp(frame, len, &h, o->gso_size, emit, opaque);
    }
    return true;
}

/* ---- Merging ---- */

/* Of one flow, and one after the other? The headers but for lengths, sums, PSH and numbers. */
static bool merge_follows(const NetMerge *m, const uint8_t *f, const Headers *h)
{
    const uint8_t *g = m->frame;
    unsigned options = h->payload - h->l4 - TCP_MIN;

    return !m->closed && h->ip == m->ip && h->l4 == m->tcp && h->payload == m->payload &&
           h->v6 == m->v6 && get_be32(f + h->l4 + TCP_SEQ) == m->next_seq && !memcmp(f, g, ETHER) &&
           (h->v6 ? !memcmp(f + h->ip, g + h->ip, IP6_LEN) &&
                        !memcmp(f + h->ip + IP6_NEXT, g + h->ip + IP6_NEXT, IP6_HEADER - IP6_NEXT)
                  : f[h->ip + 1] == g[h->ip + 1] && f[h->ip + 8] == g[h->ip + 8] &&
                        !memcmp(f + h->ip + IP4_ADDRS, g + h->ip + IP4_ADDRS, 8)) &&
           !memcmp(f + h->l4, g + h->l4, TCP_SEQ) &&
           !memcmp(f + h->l4 + TCP_ACK, g + h->l4 + TCP_ACK, TCP_FLAGS - TCP_ACK) &&
           !memcmp(f + h->l4 + TCP_FLAGS + 1, g + h->l4 + TCP_FLAGS + 1, 2) &&
           !memcmp(f + h->l4 + TCP_MIN, g + h->l4 + TCP_MIN, options);
}

static size_t merge_ip_end(const uint8_t *f, const Headers *h)
{
    return h->ip + (h->v6 ? IP6_HEADER + (size_t)get_be16(f + h->ip + IP6_LEN)
                          : get_be16(f + h->ip + IP4_LEN));
}

bool net_merge_add(NetMerge *m, const uint8_t *frame, size_t len, bool v4, bool v6)
{
    Headers h;
    size_t bytes;
    uint8_t flags;

    if (!headers_parse(frame, len, &h) || h.proto != PROTO_TCP || !(h.v6 ? v6 : v4) ||
        h.ip != ETHER || (!h.v6 && h.l4 - h.ip != IP4_MIN) || merge_ip_end(frame, &h) != len) {
        return false;
    }
    bytes = len - h.payload;
    flags = frame[h.l4 + TCP_FLAGS];
    if (!bytes || (flags & ~F_PSH) != F_ACK) {
        return false;
    }
    if (!m->len) {
        memcpy(m->frame, frame, len);
        m->ip = h.ip;
        m->tcp = h.l4;
        m->payload = h.payload;
        m->v6 = h.v6;
        m->size = (uint16_t)bytes;
        m->n = 0;
        m->closed = false;
        m->len = h.payload;
        m->next_seq = get_be32(frame + h.l4 + TCP_SEQ);
    } else if (!merge_follows(m, frame, &h) || bytes > m->size ||
               m->len + bytes > NET_MERGE_MAX - ETHER) {
        return false;
    }
    memcpy(m->frame + m->len, frame + h.payload, bytes);
    m->frame[m->tcp + TCP_FLAGS] |= flags & F_PSH;
    m->len += bytes;
    m->next_seq += (uint32_t)bytes;
    m->n++;
    m->closed = bytes < m->size || flags & F_PSH;
    return true;
}

void net_merge_end(NetMerge *m, NetOffload *o)
{
    Headers h = {
        .ip = m->ip, .l4 = m->tcp, .payload = m->payload, .v6 = m->v6, .proto = PROTO_TCP
    };
    uint32_t pseudo;

    *o = (NetOffload){ 0 };
    if (m->n < 2) {
        o->flags = OFFLOAD_DATA_VALID;
        return;
    }
    headers_set_length(m->frame, m->len, &h);
    pseudo = headers_pseudo(m->frame, m->len, &h);
    put_be16(m->frame + m->tcp + TCP_SUM, (uint16_t)~net_sum_fold(pseudo));
    o->flags = OFFLOAD_NEEDS_CSUM;
    o->gso_type = m->v6 ? OFFLOAD_GSO_TCPV6 : OFFLOAD_GSO_TCPV4;
    o->hdr_len = m->payload;
    o->gso_size = m->size;
    o->csum_start = m->tcp;
    o->csum_offset = TCP_SUM;
}
