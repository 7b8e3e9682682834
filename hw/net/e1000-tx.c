/* SPDX-License-Identifier: Apache-2.0 */
/* Transmitting: 8254x "3.3 Transmit Descriptor Formats" to "3.6 TCP Segmentation". */
#include "hw/net/e1000.h"

#include "util/bytes.h"

enum {
    CMD_EOP = 1 << 0,
    CMD_IC = 1 << 2,  /* legacy: put in the checksum */
    CMD_TSE = 1 << 2, /* data: cut into segments */
    CMD_RS = 1 << 3,
    CMD_DEXT = 1 << 5,
    CMD_VLE = 1 << 6,
    DTYP_CONTEXT = 0,
    DTYP_DATA = 1,
    TUCMD_TCP = 1 << 0,
    TUCMD_IP = 1 << 1, /* IPv4 */
    POPTS_IXSM = 1 << 0,
    POPTS_TXSM = 1 << 1,
    STA_DD = 1 << 0,
    VLAN_AT = 12,
    ETHER_HEADER = 14,
    IP4_LENGTH = 2, /* where it lies in the header */
    IP6_PAYLOAD = 4,
    IP6_HEADER = 40,
    TX_RINGS_AT_ONCE = 2,
};

void e1000_tx_forget(E1000 *s)
{
    g_clear_pointer(&s->frame, g_free);
    s->frame_len = 0;
    s->frame_skip = s->frame_cmd = 0;
}

/* ---- Frames ---- */

/* The sum of [css, cse] to @cso; cse 0: to the end. */
static void tx_sum(uint8_t *f, uint32_t len, unsigned css, unsigned cso, unsigned cse)
{
    uint32_t end = cse && cse + 1u < len ? cse + 1u : len;

    if (css < end && cso + 2u <= len) {
        put_be16(f + cso, net_sum_fold(net_sum(f + css, end - css, 0)));
    }
}

/*
 * A large segment as net/offload.h has it: with its lengths, and the pseudo header's sum with the
 * length, which this card's drivers leave out.
 */
static bool tx_segment(E1000 *s, const E1000Context *c, NetOffload *o)
{
    uint8_t *f = s->frame;
    uint32_t len = s->frame_len, sum;

    if (!(c->tucmd & TUCMD_TCP) || !c->mss || c->ipcss + IP6_HEADER > len || c->tucss + 20u > len ||
        c->tucso + 2u > len || c->tucso < c->tucss || c->tucss < c->ipcss) {
        guest_error(&s->pci.dev, "a large segment of %u bytes with headers at %u, %u, %u", len,
                    c->ipcss, c->tucss, c->tucso);
        return false;
    }
    if (c->tucmd & TUCMD_IP) {
        put_be16(f + c->ipcss + IP4_LENGTH, (uint16_t)MIN(len - c->ipcss, 65535u));
    } else {
        put_be16(f + c->ipcss + IP6_PAYLOAD, (uint16_t)MIN(len - c->ipcss - IP6_HEADER, 65535u));
    }
    sum = (uint32_t)get_be16(f + c->tucso) + (len - c->tucss);
    put_be16(f + c->tucso, (uint16_t)~net_sum_fold(sum));
    *o = (NetOffload){ .flags = OFFLOAD_NEEDS_CSUM,
                       .gso_type = c->tucmd & TUCMD_IP ? OFFLOAD_GSO_TCPV4 : OFFLOAD_GSO_TCPV6,
                       .hdr_len = c->hdrlen,
                       .gso_size = c->mss,
                       .csum_start = c->tucss,
                       .csum_offset = (uint16_t)(c->tucso - c->tucss) };
    return true;
}

/* Checksums of a frame of data descriptors. */
static void tx_offload(E1000 *s, NetOffload *o)
{
    const E1000Context *c = &s->ctx;

    if (s->frame_popts & POPTS_IXSM) {
        tx_sum(s->frame, s->frame_len, c->ipcss, c->ipcso, c->ipcse);
    }
    if (!(s->frame_popts & POPTS_TXSM)) {
        return;
    }
    if (!c->tucse && c->tucso >= c->tucss && c->tucso + 2u <= s->frame_len) {
        *o = (NetOffload){ .flags = OFFLOAD_NEEDS_CSUM,
                           .csum_start = c->tucss,
                           .csum_offset = (uint16_t)(c->tucso - c->tucss) };
    } else {
        tx_sum(s->frame, s->frame_len, c->tucss, c->tucso, c->tucse);
    }
}

static void tx_statistics(E1000 *s, uint32_t len)
{
    const uint8_t *f = s->frame;

    e1000_count(s, 0x4080, 1); /* GPTC */
    e1000_count(s, 0x40d4, 1); /* TPT */
    e1000_count64(s, 0x4090, len + 4);
    e1000_count64(s, 0x40c8, len + 4);
    if (f[0] & 1) {
        e1000_count(s, memcmp(f, "\xff\xff\xff\xff\xff\xff", MAC_BYTES) ? 0x40f0 : 0x40f4, 1);
    }
}

/* The frame is whole. */
static void tx_send(E1000 *s)
{
    NetOffload o = { 0 };
    struct iovec iov[3];
    uint8_t tag[VLAN_BYTES];
    unsigned n = 0;
    bool tse = !s->frame_legacy && s->frame_cmd & CMD_TSE, ok = s->frame_len >= ETHER_HEADER;

    if (ok && tse) {
        ok = tx_segment(s, &s->tso_ctx, &o);
    } else if (ok && s->frame_legacy && s->frame_cmd & CMD_IC) {
        tx_sum(s->frame, s->frame_len, s->frame_css, s->frame_cso, 0);
    } else if (ok && !s->frame_legacy) {
        tx_offload(s, &o);
    }
    if (!ok) {
        return;
    }
    tx_statistics(s, s->frame_len);
    if (s->frame_cmd & CMD_VLE && s->ctrl & CTRL_VME) {
        put_be16(tag, (uint16_t)s->vet);
        put_be16(tag + 2, s->frame_vlan);
        iov[n++] = (struct iovec){ s->frame, VLAN_AT };
        iov[n++] = (struct iovec){ tag, sizeof(tag) };
        iov[n++] = (struct iovec){ s->frame + VLAN_AT, s->frame_len - VLAN_AT };
        o.csum_start = (uint16_t)(o.csum_start + (o.flags ? VLAN_BYTES : 0));
        o.hdr_len = (uint16_t)(o.hdr_len + (o.flags ? VLAN_BYTES : 0));
    } else {
        iov[n++] = (struct iovec){ s->frame, s->frame_len };
    }
    if (s->link_up && s->netdev) {
        net_send(s->netdev, iov, n, &o);
    }
}

/* ---- Descriptors ---- */

static void tx_add(E1000 *s, uint64_t addr, uint32_t len)
{
    if (s->frame_skip || !len) {
        return;
    }
    if (len > E1000_TX_MAX - s->frame_len) {
        guest_error(&s->pci.dev, "a frame of more than %u bytes", E1000_TX_MAX);
        s->frame_skip = 1;
        return;
    }
    if (!s->frame) {
        s->frame = g_malloc(E1000_TX_MAX);
    }
    if (device_dma_read(&s->pci.dev, addr, s->frame + s->frame_len, len) != MEM_OK) {
        guest_error(&s->pci.dev, "a frame cannot be read");
        s->frame_skip = 1;
        return;
    }
    s->frame_len += len;
}

/* 8254x "3.3.6 TCP/IP Context Transmit Descriptor" */
static void tx_context(E1000 *s, const uint8_t *d)
{
    E1000Context c = { .ipcss = d[0],
                       .ipcso = d[1],
                       .ipcse = get_le16(d + 2),
                       .tucss = d[4],
                       .tucso = d[5],
                       .tucse = get_le16(d + 6),
                       .tucmd = d[11],
                       .hdrlen = d[13],
                       .mss = get_le16(d + 14) };

    if (c.tucmd & CMD_TSE) {
        s->tso_ctx = c;
    }
    s->ctx = c; /* its offsets hold for frames that are not cut, too */
}

static void tx_descriptor(E1000 *s, const uint8_t *d)
{
    uint8_t cmd = d[11];
    bool legacy = !(cmd & CMD_DEXT);

    if (!legacy && d[10] >> 4 == DTYP_CONTEXT) {
        tx_context(s, d);
        return;
    }
    if (!s->frame_len) { /* the first descriptor says what is to be done */
        s->frame_legacy = legacy;
        s->frame_popts = legacy ? 0 : d[13];
        s->frame_cso = d[10];
        s->frame_css = d[13];
        s->frame_cmd = cmd;
    }
    tx_add(s, get_le64(d), legacy ? get_le16(d + 8) : get_le32(d + 8) & 0xfffff);
    if (cmd & CMD_EOP) {
        s->frame_cmd |= cmd & (CMD_VLE | CMD_IC);
        s->frame_vlan = get_le16(d + 14);
        if (s->frame && !s->frame_skip) {
            tx_send(s);
        }
        s->frame_len = 0;
        s->frame_skip = s->frame_cmd = 0;
    }
}

/* What lies between head and tail goes out. */
void e1000_transmit(E1000 *s, unsigned queue)
{
    E1000Ring *r = &s->tx[queue];
    uint32_t n = e1000_ring_size(r), cause = 0;

    if (!(s->tctl & TCTL_EN) || !pci_is_master(&s->pci)) {
        return;
    }
    if (!n) {
        if (r->len) {
            guest_error(&s->pci.dev, "transmit ring of %u bytes, head %u, tail %u", r->len, r->head,
                        r->tail);
        }
        return;
    }
    for (uint32_t i = 0; i < n && r->head != r->tail; i++) {
        uint64_t at = e1000_ring_at(r, r->head);
        uint8_t d[E1000_DESC];

        if (device_dma_read(&s->pci.dev, at, d, sizeof(d)) != MEM_OK) {
            guest_error(&s->pci.dev, "transmit ring cannot be read");
            return;
        }
        tx_descriptor(s, d);
        if (d[11] & CMD_RS) {
            d[12] |= STA_DD;
            if (device_dma_write(&s->pci.dev, at + 12, d + 12, 1) != MEM_OK) {
                guest_error(&s->pci.dev, "transmit ring cannot be written");
                return;
            }
            cause |= ICR_TXDW | (queue ? ICR_TXQ1 : ICR_TXQ0);
        }
        r->head = (r->head + 1) % n;
    }
    e1000_cause(s, cause | ICR_TXQE);
}
