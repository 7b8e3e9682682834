/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-net: a network card with as many pairs of queues as its network has, and a control queue.
 * Checksums and the cutting
 * of large segments are left to the network's end (net/offload.h): what they cost there is native
 * code's price.
 * Spec: VIRTIO 1.2, "5.1 Network Device".
 */
#include "hw/net/mac.h"
#include "hw/virtio/virtio-net-rss.h"
#include "hw/virtio/virtio-net-vhost.h"
#include "hw/virtio/virtqueue.h"
#include "net/net.h"
#include "util/bytes.h"

enum {
    NET_F_CSUM = 0,
    NET_F_GUEST_CSUM = 1,
    NET_F_CTRL_GUEST_OFFLOADS = 2,
    NET_F_MTU = 3,
    NET_F_MAC = 5,
    NET_F_GUEST_TSO4 = 7,
    NET_F_GUEST_TSO6 = 8,
    NET_F_GUEST_ECN = 9,
    NET_F_GUEST_UFO = 10,
    NET_F_HOST_TSO4 = 11,
    NET_F_HOST_TSO6 = 12,
    NET_F_HOST_ECN = 13,
    NET_F_HOST_UFO = 14,
    NET_F_MRG_RXBUF = 15,
    NET_F_STATUS = 16,
    NET_F_CTRL_VQ = 17,
    NET_F_CTRL_RX = 18,
    NET_F_CTRL_VLAN = 19,
    NET_F_CTRL_RX_EXTRA = 20,
    NET_F_GUEST_ANNOUNCE = 21,
    NET_F_MQ = 22,
    NET_F_CTRL_MAC_ADDR = 23,
    NET_F_HASH_REPORT = 57,
    NET_F_RSS = 60,
    NET_F_SPEED_DUPLEX = 63,
    NET_PAIRS_MAX = (VIRTIO_QUEUES_MAX - 1) / 2,
    NET_FLOWS = 256,
    NET_FLOW_HEAD = 128, /* what a flow is known by lies in these first bytes */
    NET_CTRL_SIZE = 64,
    NET_HEADER = 12, /* with num_buffers */
    NET_HEADER_OLD = 10,
    NET_HEADER_HASH = 20, /* with the hash and its report */
    NET_HEADER_HASH_VALUE = 12,
    NET_HEADER_BUFFERS = 10, /* where num_buffers lies */
    NET_STATUS_LINK_UP = 1,
    NET_STATUS_ANNOUNCE = 2,
    NET_CONFIG_BYTES = 24, /* mac, status, max_virtqueue_pairs, mtu, speed, duplex, rss_* */
    NET_CONFIG_PAIRS = 8,
    NET_CONFIG_MTU = 10,
    NET_CONFIG_SPEED = 12,
    NET_CONFIG_DUPLEX = 16,
    NET_CONFIG_RSS_KEY = 17,
    NET_CONFIG_RSS_TABLE = 18,
    NET_CONFIG_RSS_TYPES = 20,
    NET_MTU_MIN = 68,
    NET_MACS_MAX = NET_RX_MACS,
    NET_TX_BATCH = 256,
    NET_RX_CHAINS_MAX = 64, /* buffers that one frame may take */
    MAC_BYTES = 6,
    VLANS = 4096,
    VLAN_TAG = 0x8100,
};

/* "5.1.6.5 Control Virtqueue" */
enum {
    CTRL_RX,
    CTRL_MAC,
    CTRL_VLAN,
    CTRL_ANNOUNCE,
    CTRL_MQ,
    CTRL_GUEST_OFFLOADS = 5,
    CTRL_RX_MODES = 6,
    CTRL_MAC_TABLE = 0,
    CTRL_MAC_ADDR = 1,
    CTRL_VLAN_ADD = 0,
    CTRL_VLAN_DEL = 1,
    CTRL_ANNOUNCE_ACK = 0,
    CTRL_MQ_PAIRS_SET = 0,
    CTRL_MQ_RSS = 1,
    CTRL_MQ_HASH = 2,
    CTRL_GUEST_OFFLOADS_SET = 0,
    CTRL_OK = 0,
    CTRL_ERR = 1,
};

/* The receive modes, as their commands number them. */
enum { RX_PROMISC, RX_ALLMULTI, RX_ALLUNI, RX_NOMULTI, RX_NOUNI, RX_NOBCAST };

typedef struct VirtioNet {
    VirtioDevice v;
    NetBackend *netdev;
    char *mac_text;
    uint16_t rx_queue_size, tx_queue_size, host_mtu;
    uint32_t speed, bootindex;
    char *duplex;
    bool failover;
    NetVhost *vhost;  /* NULL: none */
    unsigned pairs;   /* as many as the network has */
    bool offered[64]; /* properties: by number of the feature */
    uint8_t first_mac[MAC_BYTES];
    /* state */
    uint8_t mac[MAC_BYTES];
    uint8_t link_up, rx_wanted; /* rx_wanted: the backend waits for room */
    uint8_t mode[CTRL_RX_MODES];
    uint8_t macs[NET_MACS_MAX * MAC_BYTES];
    uint32_t n_macs, n_unicast; /* unicast ones first */
    uint8_t macs_overflow;      /* more than the table holds: all pass */
    uint32_t vlans[VLANS / 32];
    uint8_t announce; /* the driver is asked to say where the card is now */
    uint8_t started;
    bool filter_told;
    uint16_t pairs_on;       /* the driver uses them */
    uint8_t flow[NET_FLOWS]; /* where a flow was sent from last: it is received there */
    NetRss rss;
    uint64_t offloads; /* GUEST_* features in force; atomic: the loop reads it */
} VirtioNet;

#define NET_GUEST_OFFLOADS                                                   \
    (BIT(NET_F_GUEST_CSUM) | BIT(NET_F_GUEST_TSO4) | BIT(NET_F_GUEST_TSO6) | \
     BIT(NET_F_GUEST_ECN) | BIT(NET_F_GUEST_UFO))

static VirtioNet *vnet_of(VirtioDevice *v)
{
    return device_as(&v->dev, VirtioNet);
}

/* ---- Configuration ---- */

/* Features that need another ("5.1.3.1 Feature bit requirements"). */
static const struct {
    uint8_t feature, needs;
} vnet_needs[] = {
    { NET_F_GUEST_TSO4, NET_F_GUEST_CSUM },
    { NET_F_GUEST_TSO6, NET_F_GUEST_CSUM },
    { NET_F_GUEST_ECN, NET_F_GUEST_TSO4 },
    { NET_F_GUEST_UFO, NET_F_GUEST_CSUM },
    { NET_F_HOST_TSO4, NET_F_CSUM },
    { NET_F_HOST_TSO6, NET_F_CSUM },
    { NET_F_HOST_ECN, NET_F_HOST_TSO4 },
    { NET_F_HOST_UFO, NET_F_CSUM },
    { NET_F_CTRL_RX, NET_F_CTRL_VQ },
    { NET_F_CTRL_VLAN, NET_F_CTRL_VQ },
    { NET_F_CTRL_RX_EXTRA, NET_F_CTRL_VQ },
    { NET_F_CTRL_MAC_ADDR, NET_F_CTRL_VQ },
    { NET_F_GUEST_ANNOUNCE, NET_F_CTRL_VQ },
    { NET_F_CTRL_GUEST_OFFLOADS, NET_F_CTRL_VQ },
    { NET_F_MQ, NET_F_CTRL_VQ },
    { NET_F_RSS, NET_F_CTRL_VQ },
    { NET_F_HASH_REPORT, NET_F_CTRL_VQ },
};

/* "5.1.2 Virtqueues": receiving and transmitting in turn, then control; without
 * VIRTIO_NET_F_MQ the control queue is behind the first pair. */
static unsigned vnet_rx(unsigned pair)
{
    return 2 * pair;
}

static unsigned vnet_tx(unsigned pair)
{
    return 2 * pair + 1;
}

static unsigned vnet_ctrl_queue(const VirtioNet *s)
{
    return virtio_has(&s->v, BIT(NET_F_MQ) | BIT(NET_F_RSS)) ? 2 * s->pairs : 2;
}

static uint64_t vnet_features(VirtioDevice *v)
{
    VirtioNet *s = vnet_of(v);
    uint64_t f = BIT(NET_F_MAC);

    for (unsigned i = 0; i < G_N_ELEMENTS(s->offered); i++) {
        f |= s->offered[i] ? BIT(i) : 0;
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(vnet_needs); i++) {
        if (!(f & BIT(vnet_needs[i].needs))) {
            f &= ~BIT(vnet_needs[i].feature);
        }
    }
    f |= s->host_mtu ? BIT(NET_F_MTU) : 0;
    return f | (s->speed != UINT32_MAX || s->duplex ? BIT(NET_F_SPEED_DUPLEX) : 0);
}

static void vnet_config_read(VirtioDevice *v, uint8_t *config)
{
    VirtioNet *s = vnet_of(v);

    memcpy(config, s->mac, MAC_BYTES);
    put_le16(config + MAC_BYTES, (uint16_t)((s->link_up ? NET_STATUS_LINK_UP : 0) |
                                            (s->announce ? NET_STATUS_ANNOUNCE : 0)));
    put_le16(config + NET_CONFIG_PAIRS, (uint16_t)s->pairs);
    put_le16(config + NET_CONFIG_MTU, s->host_mtu);
    put_le32(config + NET_CONFIG_SPEED, s->speed);
    config[NET_CONFIG_RSS_KEY] = RSS_KEY_BYTES;
    put_le16(config + NET_CONFIG_RSS_TABLE, s->offered[NET_F_RSS] ? RSS_TABLE_MAX : 1);
    put_le32(config + NET_CONFIG_RSS_TYPES, RSS_TYPES);
    config[NET_CONFIG_DUPLEX] = !s->duplex ? 0xff : !strcmp(s->duplex, "full");
}

/* Drivers of before 1.0 set the address so. */
static void vnet_config_wrote(VirtioDevice *v, const uint8_t *config, unsigned off, unsigned len)
{
    if (!virtio_has(v, VIRTIO_F_VERSION_1)) {
        memcpy(vnet_of(v)->mac, config, MAC_BYTES);
    }
}

static unsigned vnet_header(const VirtioDevice *v)
{
    if (virtio_has(v, BIT(NET_F_HASH_REPORT))) {
        return NET_HEADER_HASH;
    }
    return virtio_has(v, VIRTIO_F_VERSION_1) || virtio_has(v, BIT(NET_F_MRG_RXBUF))
               ? NET_HEADER
               : NET_HEADER_OLD;
}

/* ---- Transmitting ---- */

/* "struct virtio_net_hdr"; legacy devices of these guests are little-endian, too. */
static void vnet_offload(const uint8_t *h, NetOffload *o)
{
    *o = (NetOffload){ h[0] & OFFLOAD_NEEDS_CSUM, h[1],           get_le16(h + 2), get_le16(h + 4),
                       get_le16(h + 6),           get_le16(h + 8) };
}

/* "5.1.6.5.6.1": a flow is received on the pair that it was sent from last. */
static void vnet_learn_flow(VirtioNet *s, const struct iovec *iov, unsigned n, unsigned pair)
{
    uint8_t head[NET_FLOW_HEAD];
    size_t len = 0;

    for (unsigned i = 0; i < n && len < sizeof(head); i++) {
        size_t part = min_u64(iov[i].iov_len, sizeof(head) - len);

        memcpy(head + len, iov[i].iov_base, part);
        len += part;
    }
    s->flow[net_flow_hash(head, len) % NET_FLOWS] = (uint8_t)pair;
}

static void vnet_transmit(VirtioDevice *v, unsigned pair)
{
    VirtioNet *s = vnet_of(v);
    struct iovec iov[VIRTQ_SEGMENTS_MAX];
    uint8_t h[NET_HEADER_HASH];
    NetOffload o;
    unsigned header = vnet_header(v);
    VirtElem *e;

    while ((e = virtq_pop(v, vnet_tx(pair))) != NULL) {
        unsigned n;

        if (e->out_bytes < header) {
            virtio_error(v, "a frame of %u bytes is shorter than its header",
                         (unsigned)e->out_bytes);
            virtq_drop(e);
            return;
        }
        virtq_read(e, 0, h, header);
        vnet_offload(h, &o);
        o.queue = (uint16_t)pair;
        n = virtq_iov(e, false, header, e->out_bytes - header, iov);
        if (s->pairs_on > 1) {
            vnet_learn_flow(s, iov, n, pair);
        }
        net_send(s->netdev, iov, n, &o);
        virtq_push(v, e, 0);
    }
    virtq_notify(v, vnet_tx(pair));
}

/* ---- Receiving ---- */

static bool vnet_mac_matches(const VirtioNet *s, const uint8_t *dest)
{
    bool multicast = dest[0] & 1;
    unsigned from = multicast ? s->n_unicast : 0, to = multicast ? s->n_macs : s->n_unicast;

    if (s->mode[RX_PROMISC]) {
        return true;
    }
    if (!memcmp(dest, "\xff\xff\xff\xff\xff\xff", MAC_BYTES)) {
        return !s->mode[RX_NOBCAST];
    }
    if (multicast ? s->mode[RX_NOMULTI] : s->mode[RX_NOUNI]) {
        return false;
    }
    if ((multicast ? s->mode[RX_ALLMULTI] : s->mode[RX_ALLUNI]) || s->macs_overflow ||
        (!multicast && !memcmp(dest, s->mac, MAC_BYTES))) {
        return true;
    }
    for (unsigned i = from; i < to; i++) {
        if (!memcmp(dest, s->macs + i * MAC_BYTES, MAC_BYTES)) {
            return true;
        }
    }
    return false;
}

static bool vnet_wants(const VirtioNet *s, const uint8_t *frame, size_t len)
{
    if (virtio_has(&s->v, BIT(NET_F_CTRL_VLAN)) && len >= 16 && get_be16(frame + 12) == VLAN_TAG) {
        unsigned vlan = get_be16(frame + 14) & (VLANS - 1);

        if (!(s->vlans[vlan / 32] >> (vlan % 32) & 1)) {
            return false;
        }
    }
    return vnet_mac_matches(s, frame);
}

/* The buffers for @len bytes with their headers; 0: not enough, none is taken. */
static unsigned vnet_take_buffers(VirtioDevice *v, unsigned q, size_t len, VirtElem **e)
{
    bool merge = virtio_has(v, BIT(NET_F_MRG_RXBUF));
    uint64_t room = 0;
    unsigned n = 0;

    while (room < len && n < (merge ? NET_RX_CHAINS_MAX : 1)) {
        e[n] = virtq_pop(v, q);
        if (!e[n]) {
            break;
        }
        room += e[n++]->in_bytes;
    }
    if (room >= len) {
        return n;
    }
    while (n) {
        virtq_unpop(v, e[--n]);
    }
    return 0;
}

/* Where a frame goes, and what its header says of that. */
typedef struct NetTarget {
    unsigned queue, report;
    uint32_t hash;
} NetTarget;

/* Under the lock. False: no room. */
static bool vnet_put(VirtioDevice *v, const NetTarget *to, const uint8_t *frame, size_t len,
                     const NetOffload *o)
{
    VirtElem *e[NET_RX_CHAINS_MAX];
    uint8_t header[NET_HEADER_HASH] = { 0 };
    unsigned q = to->queue, header_len = vnet_header(v),
             n = vnet_take_buffers(v, q, header_len + len, e);
    unsigned filled = 0;
    size_t at = 0;

    if (!n) {
        return false;
    }
    header[0] = o->flags;
    header[1] = o->gso_type;
    put_le16(header + 2, o->hdr_len);
    put_le16(header + 4, o->gso_size);
    put_le16(header + 6, o->csum_start);
    put_le16(header + 8, o->csum_offset);
    put_le16(header + NET_HEADER_BUFFERS, (uint16_t)n);
    put_le32(header + NET_HEADER_HASH_VALUE, to->hash);
    put_le16(header + NET_HEADER_HASH_VALUE + 4, (uint16_t)to->report);
    for (unsigned i = 0; i < n; i++) {
        size_t done = i ? 0 : virtq_write(e[0], 0, header, header_len);
        size_t part = virtq_write(e[i], done, frame + at, len - at);

        at += part;
        filled += virtq_fill(v, e[i], filled, (uint32_t)(done + part));
    }
    /* A driver that polls takes a frame whose num_buffers are not all there for a broken one. */
    virtq_flush(v, q, filled);
    virtq_notify(v, q);
    return true;
}

static unsigned vnet_takes(void *opaque)
{
    uint64_t f = __atomic_load_n(&((VirtioNet *)opaque)->offloads, __ATOMIC_RELAXED);

    return (f & BIT(NET_F_GUEST_CSUM) ? NET_TAKES_CSUM : 0) |
           (f & BIT(NET_F_GUEST_TSO4) ? NET_TAKES_TSO4 : 0) |
           (f & BIT(NET_F_GUEST_TSO6) ? NET_TAKES_TSO6 : 0);
}

static unsigned vnet_choose_pair(const VirtioNet *s, const uint8_t *frame, size_t len,
                                 NetTarget *to)
{
    unsigned pair;

    if (s->rss.on) {
        to->hash = rss_hash(&s->rss, frame, len, &to->report);
    }
    if (s->rss.steers) {
        return rss_queue(&s->rss, to->hash, to->report);
    }
    if (s->pairs_on < 2) {
        return 0;
    }
    pair = s->flow[net_flow_hash(frame, len) % NET_FLOWS];
    return pair < s->pairs_on ? pair : 0;
}

/* ---- Rings in the kernel's hands ---- */

/* They are served here again, until the driver's next kick. */
static void vnet_local(VirtioNet *s)
{
    if (net_vhost_stop(s->vhost, true)) {
        s->rx_wanted = 0;
        for (unsigned i = 0; i < s->pairs && virtio_is_running(&s->v); i++) {
            vnet_transmit(&s->v, i);
        }
    }
}

/* They are in the kernel's hands, or are from now on. Hashes, and the choice of queues by them, are
 * ours alone. */
static bool vnet_kernel(VirtioNet *s)
{
    const VirtioDevice *v = &s->v;

    if (!s->vhost || net_vhost_is_on(s->vhost)) {
        return s->vhost != NULL;
    }
    if (v->draining || !s->link_up || s->rss.on || virtio_has(v, BIT(NET_F_HASH_REPORT)) ||
        vnet_header(v) != NET_HEADER) {
        return false;
    }
    if (!net_vhost_start(s->vhost, s->pairs_on, vnet_takes(s))) {
        vnet_local(s); /* it may have some of them */
        return false;
    }
    return true;
}

static void vnet_drain(VirtioDevice *v)
{
    vnet_local(vnet_of(v));
}

static bool vnet_receive(void *opaque, const uint8_t *frame, size_t len, const NetOffload *o)
{
    VirtioNet *s = opaque;
    VirtioDevice *v = &s->v;
    NetTarget to = { 0 };
    bool taken = true;

    virtio_enter(v);
    if (net_vhost_is_on(s->vhost)) { /* read before the kernel took over */
        virtio_leave(v);
        return true;
    }
    to.queue = vnet_rx(vnet_choose_pair(s, frame, len, &to));
    if (virtio_is_running(v) && v->vq[to.queue].ready && s->link_up && vnet_wants(s, frame, len)) {
        taken = vnet_put(v, &to, frame, len, o) || v->broken;
        s->rx_wanted |= !taken;
    }
    virtio_leave(v);
    return taken;
}

/* ---- Control ---- */

/* On PCI the card is the function's parent. */
static const Device *vnet_card(const VirtioNet *s)
{
    const Device *card = &s->v.dev;

    while (card->parent && card->parent->type->inner == card->type) {
        card = card->parent;
    }
    return card;
}

/* The monitors hear of it once, until they ask. */
static unsigned vnet_filter_changed(VirtioNet *s)
{
    if (!s->filter_told) {
        g_autofree char *text =
            g_strdup_printf("NIC_RX_FILTER_CHANGED {\"name\": \"%s\", \"path\": \"/machine%s\"}",
                            vnet_card(s)->id, device_path(&s->v.dev));

        s->filter_told = true;
        machine_post_event(s->v.dev.machine, EVENT_DEVICE, text);
    }
    return CTRL_OK;
}

static unsigned vnet_ctrl_table(VirtioNet *s, const VirtElem *e)
{
    uint64_t at = 2;
    unsigned n = 0, n_unicast = 0;
    bool overflow = false;

    for (unsigned part = 0; part < 2; part++) {
        uint8_t count[4];
        uint32_t entries;

        if (virtq_read(e, at, count, 4) != 4) {
            return CTRL_ERR;
        }
        at += 4;
        entries = get_le32(count);
        if (entries > (e->out_bytes - at) / MAC_BYTES) {
            return CTRL_ERR;
        }
        for (uint32_t i = 0; i < entries && n < NET_MACS_MAX; i++) {
            virtq_read(e, at + i * (uint64_t)MAC_BYTES, s->macs + n++ * MAC_BYTES, MAC_BYTES);
        }
        overflow |= n == NET_MACS_MAX;
        at += entries * (uint64_t)MAC_BYTES;
        n_unicast = part ? n_unicast : n;
    }
    s->n_macs = n;
    s->n_unicast = n_unicast;
    s->macs_overflow = overflow;
    return vnet_filter_changed(s);
}

static unsigned vnet_ctrl_offloads(VirtioNet *s, const VirtElem *e)
{
    uint8_t b[8];
    uint64_t want;

    if (virtq_read(e, 2, b, 8) != 8 || !virtio_has(&s->v, BIT(NET_F_CTRL_GUEST_OFFLOADS))) {
        return CTRL_ERR;
    }
    want = get_le64(b);
    if (want & ~(s->v.features & NET_GUEST_OFFLOADS)) {
        return CTRL_ERR;
    }
    vnet_local(s);
    __atomic_store_n(&s->offloads, want, __ATOMIC_RELAXED);
    return CTRL_OK;
}

static unsigned vnet_ctrl_pairs(VirtioNet *s, const uint8_t *b, size_t len)
{
    unsigned pairs = len >= 4 ? get_le16(b + 2) : 0;

    if (!virtio_has(&s->v, BIT(NET_F_MQ) | BIT(NET_F_RSS)) || !pairs || pairs > s->pairs) {
        return CTRL_ERR;
    }
    vnet_local(s);
    s->pairs_on = (uint16_t)pairs;
    s->rss.steers = 0; /* the last command decides */
    return CTRL_OK;
}

static unsigned vnet_ctrl_rss(VirtioNet *s, const VirtElem *e, bool steers)
{
    uint8_t b[RSS_COMMAND_MAX];
    size_t len = virtq_read(e, 2, b, sizeof(b));
    unsigned pairs;

    vnet_local(s);
    if (!virtio_has(&s->v, BIT(steers ? NET_F_RSS : NET_F_HASH_REPORT)) ||
        !rss_configure(&s->rss, b, len, steers, s->pairs, &pairs)) {
        return CTRL_ERR;
    }
    if (pairs) {
        s->pairs_on = (uint16_t)pairs;
    }
    return CTRL_OK;
}

static unsigned vnet_ctrl(VirtioNet *s, const VirtElem *e)
{
    uint8_t b[2 + MAC_BYTES];
    size_t len = virtq_read(e, 0, b, sizeof(b));
    unsigned vlan;

    if (len >= 2 && b[0] == CTRL_ANNOUNCE && b[1] == CTRL_ANNOUNCE_ACK) {
        s->announce = 0;
        return CTRL_OK;
    }
    if (len < 3) {
        return CTRL_ERR;
    }
    if (b[0] == CTRL_RX && b[1] < CTRL_RX_MODES) {
        s->mode[b[1]] = b[2] != 0;
        return vnet_filter_changed(s);
    }
    if (b[0] == CTRL_MAC && b[1] == CTRL_MAC_ADDR && len == sizeof(b)) {
        memcpy(s->mac, b + 2, MAC_BYTES);
        return vnet_filter_changed(s);
    }
    if (b[0] == CTRL_MAC && b[1] == CTRL_MAC_TABLE) {
        return vnet_ctrl_table(s, e);
    }
    if (b[0] == CTRL_GUEST_OFFLOADS && b[1] == CTRL_GUEST_OFFLOADS_SET) {
        return vnet_ctrl_offloads(s, e);
    }
    if (b[0] == CTRL_MQ && b[1] == CTRL_MQ_PAIRS_SET) {
        return vnet_ctrl_pairs(s, b, len);
    }
    if (b[0] == CTRL_MQ && (b[1] == CTRL_MQ_RSS || b[1] == CTRL_MQ_HASH)) {
        return vnet_ctrl_rss(s, e, b[1] == CTRL_MQ_RSS);
    }
    if (b[0] == CTRL_VLAN && b[1] <= CTRL_VLAN_DEL && len >= 4) {
        vlan = get_le16(b + 2) & (VLANS - 1);
        s->vlans[vlan / 32] &= ~(1u << (vlan % 32));
        s->vlans[vlan / 32] |= b[1] == CTRL_VLAN_ADD ? 1u << (vlan % 32) : 0;
        return vnet_filter_changed(s);
    }
    return CTRL_ERR;
}

static void vnet_control(VirtioDevice *v, unsigned q)
{
    VirtElem *e;

    while ((e = virtq_pop(v, q)) != NULL) {
        uint8_t ack = (uint8_t)vnet_ctrl(vnet_of(v), e);

        virtq_push(v, e, (uint32_t)virtq_write(e, 0, &ack, 1));
    }
    virtq_notify(v, q);
}

static void vnet_notify(VirtioDevice *v, unsigned q)
{
    VirtioNet *s = vnet_of(v);

    if (q == vnet_ctrl_queue(s)) {
        vnet_control(v, q);
    } else if (vnet_kernel(s)) {
        net_vhost_kick(s->vhost, q);
    } else if (q % 2) {
        vnet_transmit(v, q / 2);
    } else if (s->rx_wanted) {
        s->rx_wanted = 0;
        net_more(s->netdev);
    }
}

/* ---- Life ---- */

static void vnet_forget(VirtioDevice *v)
{
    VirtioNet *s = vnet_of(v);

    net_vhost_stop(s->vhost, false);
    memcpy(s->mac, s->first_mac, MAC_BYTES);
    memset(s->mode, 0, sizeof(s->mode));
    s->mode[RX_PROMISC] = 1; /* until the driver says otherwise */
    s->n_macs = s->n_unicast = 0;
    s->macs_overflow = 0;
    memset(s->vlans, 0, sizeof(s->vlans));
    s->announce = 0;
    s->started = 0;
    s->pairs_on = 1;
    memset(s->flow, 0, sizeof(s->flow));
    s->rss = (NetRss){ 0 };
    __atomic_store_n(&s->offloads, 0, __ATOMIC_RELAXED);
    if (s->rx_wanted) {
        s->rx_wanted = 0;
        net_more(s->netdev); /* nobody takes it now: it is dropped */
    }
}

/* What the driver has taken is in force from when it runs. */
static void vnet_status_changed(VirtioDevice *v)
{
    if (!(v->status & VIRTIO_STATUS_DRIVER_OK)) {
        net_vhost_stop(vnet_of(v)->vhost, true);
    } else if (!(vnet_of(v)->started)) {
        vnet_of(v)->started = 1;
        __atomic_store_n(&vnet_of(v)->offloads, v->features & NET_GUEST_OFFLOADS, __ATOMIC_RELAXED);
    }
}

static void vnet_dev_reset(Device *dev, ResetType type)
{
    vnet_forget(virtio_of(dev));
}

static bool vnet_loaded(Device *dev, GError **err)
{
    VirtioNet *s = vnet_of(virtio_of(dev));

    s->offloads &= NET_GUEST_OFFLOADS;
    if (!s->pairs_on || s->pairs_on > s->pairs) {
        return error_set(err, "%s: %u pairs of queues are in use, netdev= has %u", device_path(dev),
                         s->pairs_on, s->pairs);
    }
    for (unsigned i = 0; i < RSS_TABLE_MAX; i++) {
        if (s->rss.table[i] >= s->pairs || s->rss.unclassified >= s->pairs ||
            s->rss.mask >= RSS_TABLE_MAX) {
            return error_set(err, "%s: its table of receive queues leads to one that is not there",
                             device_path(dev));
        }
    }
    if (s->n_macs > NET_MACS_MAX || s->n_unicast > s->n_macs) {
        return error_set(err, "%s: %u addresses, %u of them unicast: at most %d are possible",
                         device_path(dev), s->n_macs, s->n_unicast, NET_MACS_MAX);
    }
    return true;
}

/* set_link, from the monitor: the driver reads it in the configuration. */
static void vnet_link(void *opaque, bool up)
{
    VirtioNet *s = opaque;

    virtio_enter(&s->v);
    vnet_local(s);
    s->link_up = up;
    virtio_config_changed(&s->v);
    virtio_leave(&s->v);
    net_more(s->netdev);
}

static void vnet_describe(void *opaque, GString *name, GString *text)
{
    const VirtioNet *s = opaque;
    const Device *card = vnet_card(s);
    const uint8_t *m = s->mac;

    g_string_append(name, card->id);
    g_string_append_printf(text, "model=%s,macaddr=%02x:%02x:%02x:%02x:%02x:%02x", card->type->name,
                           m[0], m[1], m[2], m[3], m[4], m[5]);
}

static void vnet_rx_filter(void *opaque, NetRxFilter *out)
{
    VirtioNet *s = opaque;
    const uint8_t *mode = s->mode;
    bool any_vlan = false;

    virtio_enter(&s->v);
    s->filter_told = false;
    out->promiscuous = mode[RX_PROMISC];
    out->broadcast = !mode[RX_NOBCAST];
    out->overflow = s->macs_overflow;
    out->unicast = mode[RX_NOUNI] ? NET_RX_NONE : mode[RX_ALLUNI] ? NET_RX_ALL : NET_RX_NORMAL;
    out->multicast = mode[RX_NOMULTI]    ? NET_RX_NONE
                     : mode[RX_ALLMULTI] ? NET_RX_ALL
                                         : NET_RX_NORMAL;
    memcpy(out->mac, s->mac, sizeof(out->mac));
    memcpy(out->macs, s->macs, sizeof(out->macs));
    out->n_macs = s->n_macs;
    out->n_unicast = s->n_unicast;
    memcpy(out->vlans, s->vlans, sizeof(out->vlans));
    for (unsigned i = 0; i < VLANS / 32; i++) {
        any_vlan |= s->vlans[i] != 0;
    }
    out->vlan = !virtio_has(&s->v, BIT(NET_F_CTRL_VLAN)) ? NET_RX_ALL
                : any_vlan                               ? NET_RX_NORMAL
                                                         : NET_RX_NONE;
    virtio_leave(&s->v);
}

/* "5.1.6.5.4 Gratuitous Packet Sending" */
static void vnet_announce(void *opaque)
{
    VirtioNet *s = opaque;

    virtio_enter(&s->v);
    if (virtio_is_running(&s->v) && virtio_has(&s->v, BIT(NET_F_GUEST_ANNOUNCE))) {
        s->announce = 1;
        virtio_config_changed(&s->v);
    }
    virtio_leave(&s->v);
}

static const NetClient vnet_client = {
    .receive = vnet_receive,
    .takes = vnet_takes,
    .link = vnet_link,
    .describe = vnet_describe,
    .rx_filter = vnet_rx_filter,
    .announce = vnet_announce,
};

static bool vnet_start(Device *dev, GError **err)
{
    VirtioNet *s = vnet_of(virtio_of(dev));

    if (!bits_is_pow2(s->rx_queue_size) || !bits_is_pow2(s->tx_queue_size)) {
        return error_set(err, "virtio-net: rx_queue_size and tx_queue_size must be powers of 2");
    }
    if (s->host_mtu && s->host_mtu < NET_MTU_MIN) {
        return error_set(err, "host_mtu=%u: must be %d at least", s->host_mtu, NET_MTU_MIN);
    }
    if (s->failover) {
        return error_set(err,
                         "failover=on: no other card can be kept back for this one to stand in "
                         "for (failover_pair_id= is not supported); leave it out");
    }
    if (s->duplex && strcmp(s->duplex, "half") && strcmp(s->duplex, "full")) {
        return error_set(err, "duplex=%s: must be half or full", s->duplex);
    }
    s->pairs = net_queues(s->netdev);
    if (s->pairs > NET_PAIRS_MAX) {
        return error_set(err, "netdev= has %u pairs of queues: the card takes %d at most", s->pairs,
                         NET_PAIRS_MAX);
    }
    s->pairs_on = 1;
    if (!net_mac_of_card(dev, s->mac_text, s->first_mac, err)) {
        return false;
    }
    if (!net_claim(s->netdev, &vnet_client, s, device_path(dev), err)) {
        return false;
    }
    for (unsigned i = 0; i < s->pairs; i++) {
        virtio_add_queue(&s->v, s->rx_queue_size);
        virtio_add_queue(&s->v, s->tx_queue_size);
    }
    virtio_add_queue(&s->v, NET_CTRL_SIZE);
    if (!virtio_plug(&s->v, err)) {
        net_release(s->netdev);
        return false;
    }
    s->vhost = net_vhost_new(&s->v, s->netdev);
    return true;
}

static void vnet_stop(Device *dev)
{
    net_vhost_free(vnet_of(virtio_of(dev))->vhost);
    vnet_of(virtio_of(dev))->vhost = NULL;
    net_release(vnet_of(virtio_of(dev))->netdev);
}

static const VirtioType vnet_type = {
    .id = 1,
    .features = vnet_features,
    .config_size = NET_CONFIG_BYTES,
    .config_read = vnet_config_read,
    .config_wrote = vnet_config_wrote,
    .notify = vnet_notify,
    .reset = vnet_forget,
    .status_changed = vnet_status_changed,
    .drain = vnet_drain,
};

#define OFFER(feature, name_, doc_)                                                     \
    {                                                                                   \
        name_, FIELD_PROP, TYPE_BOOL, FIELD_AT(VirtioNet, offered[NET_F_##feature], 1), \
            .def = 1, .doc = doc_                                                       \
    }

#define RSS_STATE(name_, member_, type_, size_, count_)                                     \
    {                                                                                       \
        name_, FIELD_STATE, type_, .at = offsetof(VirtioNet, rss.member_), .size = (size_), \
                                   .count = (count_), .no_reset = true, .optional = true    \
    }

static char *vnet_boot_node(Device *dev, Device **on)
{
    *on = virtio_of(dev)->bus->dev;
    return g_strdup("ethernet-phy@0");
}

static const Field vnet_fields[] = {
    PROP_BACKEND(VirtioNet, netdev, "netdev", .required = true, .doc = "the network"),
    { "mac", FIELD_PROP, TYPE_STR, .at = offsetof(VirtioNet, mac_text), .size = sizeof(char *),
      .doc = "hardware address" },
    PROP_BOOTINDEX(VirtioNet, bootindex),
    PROP_U16(VirtioNet, rx_queue_size, 256, .min = 64, .max = VIRTIO_QUEUE_SIZE_MAX),
    PROP_U16(VirtioNet, tx_queue_size, 256, .min = 64, .max = VIRTIO_QUEUE_SIZE_MAX),
    PROP_U16(VirtioNet, host_mtu, 0, .doc = "largest frame that the driver is told; 0: not told"),
    PROP_U32(VirtioNet, speed, UINT32_MAX, .doc = "Mbit/s that the driver is told"),
    PROP_STR(VirtioNet, duplex, NULL, .doc = "half or full"),
    OFFER(CSUM, "csum", "take frames without their checksum"),
    OFFER(GUEST_CSUM, "guest_csum", "give frames without their checksum"),
    OFFER(HOST_TSO4, "host_tso4", "take large TCP segments, IPv4"),
    OFFER(HOST_TSO6, "host_tso6", "take large TCP segments, IPv6"),
    OFFER(HOST_ECN, "host_ecn", "take them with congestion notification"),
    OFFER(HOST_UFO, "host_ufo", "take large UDP datagrams"),
    OFFER(GUEST_TSO4, "guest_tso4", "give large TCP segments, IPv4"),
    OFFER(GUEST_TSO6, "guest_tso6", "give large TCP segments, IPv6"),
    OFFER(GUEST_ECN, "guest_ecn", "give them with congestion notification"),
    OFFER(GUEST_UFO, "guest_ufo", "give large UDP datagrams"),
    OFFER(MRG_RXBUF, "mrg_rxbuf", "a frame may fill several buffers"),
    OFFER(STATUS, "status", "the link's state"),
    OFFER(CTRL_VQ, "ctrl_vq", "the control queue"),
    OFFER(CTRL_RX, "ctrl_rx", "modes of receiving"),
    OFFER(CTRL_RX_EXTRA, "ctrl_rx_extra", "more modes of receiving"),
    OFFER(CTRL_VLAN, "ctrl_vlan", "filter by VLAN"),
    OFFER(CTRL_MAC_ADDR, "ctrl_mac_addr", "set the hardware address"),
    OFFER(CTRL_GUEST_OFFLOADS, "ctrl_guest_offloads", "switch what is given large"),
    OFFER(GUEST_ANNOUNCE, "guest_announce", "ask the driver to announce itself"),
    { "mq", FIELD_PROP, TYPE_BOOL, FIELD_AT(VirtioNet, offered[NET_F_MQ], 1),
      .doc = "several pairs of queues, where the network has them (tap,queues=N)" },
    PROP_BOOL(VirtioNet, failover, false,
              .doc = "refused: there is no pair of cards to stand in for"),
    { "rss", FIELD_PROP, TYPE_BOOL, FIELD_AT(VirtioNet, offered[NET_F_RSS], 1),
      .doc = "the driver chooses queues by a hash (with mq=on)" },
    { "hash", FIELD_PROP, TYPE_BOOL, FIELD_AT(VirtioNet, offered[NET_F_HASH_REPORT], 1),
      .doc = "frames come with their hash" },
    SCRATCH(VirtioNet, first_mac),
    SCRATCH(VirtioNet, pairs),
    SCRATCH(VirtioNet, vhost),
    SCRATCH(VirtioNet, filter_told),
    SCRATCH(VirtioNet, flow),
    { "address", FIELD_STATE, TYPE_U8, .at = offsetof(VirtioNet, mac), .size = 1,
      .count = MAC_BYTES, .no_reset = true },
    STATE_U8(VirtioNet, link_up, .def = 1, .max = 1),
    STATE_U8(VirtioNet, rx_wanted, .max = 1, .no_reset = true),
    STATE_ARRAY(VirtioNet, mode, .max = 1, .no_reset = true),
    STATE_ARRAY(VirtioNet, macs),
    STATE_U32(VirtioNet, n_macs, .no_reset = true),
    STATE_U32(VirtioNet, n_unicast, .no_reset = true),
    STATE_U8(VirtioNet, macs_overflow, .max = 1, .no_reset = true),
    STATE_ARRAY(VirtioNet, vlans, .no_reset = true),
    STATE_U8(VirtioNet, announce, .max = 1, .no_reset = true, .optional = true),
    STATE_U8(VirtioNet, started, .max = 1, .no_reset = true, .optional = true),
    STATE_U16(VirtioNet, pairs_on, .def = 1, .min = 1, .max = NET_PAIRS_MAX, .no_reset = true,
              .optional = true),
    RSS_STATE("rss-on", on, TYPE_U8, 1, 0),
    RSS_STATE("rss-steers", steers, TYPE_U8, 1, 0),
    RSS_STATE("rss-types", types, TYPE_U32, 4, 0),
    RSS_STATE("rss-mask", mask, TYPE_U16, 2, 0),
    RSS_STATE("rss-unclassified", unclassified, TYPE_U16, 2, 0),
    RSS_STATE("rss-table", table, TYPE_U16, 2, RSS_TABLE_MAX),
    RSS_STATE("rss-key", key, TYPE_U8, 1, RSS_KEY_BYTES),
    STATE_U64(VirtioNet, offloads, .no_reset = true, .optional = true),
};

const DeviceType device_virtio_net = {
    .name = "virtio-net-device",
    .doc = "virtio network card",
    .base = &device_virtio,
    .size = sizeof(VirtioNet),
    .fields = TABLE(vnet_fields),
    .user_creatable = true,
    .start = vnet_start,
    .stop = vnet_stop,
    .reset = vnet_dev_reset,
    .loaded = vnet_loaded,
    .boot_node = vnet_boot_node,
    .extra = &vnet_type,
};
