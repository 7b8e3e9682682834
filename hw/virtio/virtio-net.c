/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-net: a network card with one pair of queues and a control queue.
 * Spec: VIRTIO 1.2, "5.1 Network Device".
 */
#include "hw/virtio/virtqueue.h"
#include "net/net.h"
#include "util/bytes.h"

#include <stdio.h>

enum {
    NET_F_MAC = 5,
    NET_F_MRG_RXBUF = 15,
    NET_F_STATUS = 16,
    NET_F_CTRL_VQ = 17,
    NET_F_CTRL_RX = 18,
    NET_F_CTRL_VLAN = 19,
    NET_F_CTRL_RX_EXTRA = 20,
    NET_F_CTRL_MAC_ADDR = 23,
    NET_RX = 0,
    NET_TX = 1,
    NET_CTRL = 2,
    NET_CTRL_SIZE = 64,
    NET_HEADER = 12, /* with num_buffers */
    NET_HEADER_OLD = 10,
    NET_HEADER_BUFFERS = 10, /* where num_buffers lies */
    NET_STATUS_LINK_UP = 1,
    NET_CONFIG_BYTES = 8, /* mac, status */
    NET_MACS_MAX = 64,
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
    CTRL_RX_MODES = 6,
    CTRL_MAC_TABLE = 0,
    CTRL_MAC_ADDR = 1,
    CTRL_VLAN_ADD = 0,
    CTRL_VLAN_DEL = 1,
    CTRL_OK = 0,
    CTRL_ERR = 1,
};

/* The receive modes, as their commands number them. */
enum { RX_PROMISC, RX_ALLMULTI, RX_ALLUNI, RX_NOMULTI, RX_NOUNI, RX_NOBCAST };

typedef struct VirtioNet {
    VirtioDevice v;
    NetBackend *netdev;
    char *mac_text;
    uint16_t rx_queue_size, tx_queue_size;
    uint8_t first_mac[MAC_BYTES];
    /* state */
    uint8_t mac[MAC_BYTES];
    uint8_t link_up, rx_wanted; /* rx_wanted: the backend waits for room */
    uint8_t mode[CTRL_RX_MODES];
    uint8_t macs[NET_MACS_MAX * MAC_BYTES];
    uint32_t n_macs, n_unicast; /* unicast ones first */
    uint8_t macs_overflow;      /* more than the table holds: all pass */
    uint32_t vlans[VLANS / 32];
} VirtioNet;

static VirtioNet *vnet_of(VirtioDevice *v)
{
    return device_as(&v->dev, VirtioNet);
}

/* ---- Configuration ---- */

static uint64_t vnet_features(VirtioDevice *v)
{
    return BIT(NET_F_MAC) | BIT(NET_F_MRG_RXBUF) | BIT(NET_F_STATUS) | BIT(NET_F_CTRL_VQ) |
           BIT(NET_F_CTRL_RX) | BIT(NET_F_CTRL_VLAN) | BIT(NET_F_CTRL_RX_EXTRA) |
           BIT(NET_F_CTRL_MAC_ADDR);
}

static void vnet_config_read(VirtioDevice *v, uint8_t *config)
{
    memcpy(config, vnet_of(v)->mac, MAC_BYTES);
    put_le16(config + MAC_BYTES, vnet_of(v)->link_up ? NET_STATUS_LINK_UP : 0);
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
    return virtio_has(v, VIRTIO_F_VERSION_1) || virtio_has(v, BIT(NET_F_MRG_RXBUF))
               ? NET_HEADER
               : NET_HEADER_OLD;
}

/* ---- Transmitting ---- */

static void vnet_transmit(VirtioDevice *v)
{
    struct iovec iov[VIRTQ_SEGMENTS_MAX];
    unsigned header = vnet_header(v);
    VirtElem *e;

    while ((e = virtq_pop(v, NET_TX)) != NULL) {
        if (e->out_bytes < header) {
            virtio_error(v, "a frame of %u bytes is shorter than its header",
                         (unsigned)e->out_bytes);
            virtq_drop(e);
            return;
        }
        net_send(vnet_of(v)->netdev, iov, virtq_iov(e, false, header, e->out_bytes - header, iov));
        virtq_push(v, e, 0);
    }
    virtq_notify(v, NET_TX);
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
static unsigned vnet_take_buffers(VirtioDevice *v, size_t len, VirtElem **e)
{
    bool merge = virtio_has(v, BIT(NET_F_MRG_RXBUF));
    uint64_t room = 0;
    unsigned n = 0;

    while (room < len && n < (merge ? NET_RX_CHAINS_MAX : 1)) {
        e[n] = virtq_pop(v, NET_RX);
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

/* Under the lock. False: no room. */
static bool vnet_put(VirtioDevice *v, const uint8_t *frame, size_t len)
{
    VirtElem *e[NET_RX_CHAINS_MAX];
    uint8_t header[NET_HEADER] = { 0 };
    unsigned header_len = vnet_header(v), n = vnet_take_buffers(v, header_len + len, e);
    size_t at = 0;

    if (!n) {
        return false;
    }
    put_le16(header + NET_HEADER_BUFFERS, (uint16_t)n);
    for (unsigned i = 0; i < n; i++) {
        size_t done = i ? 0 : virtq_write(e[0], 0, header, header_len);
        size_t part = virtq_write(e[i], done, frame + at, len - at);

        at += part;
        virtq_push(v, e[i], (uint32_t)(done + part));
    }
    virtq_notify(v, NET_RX);
    return true;
}

static bool vnet_receive(void *opaque, const uint8_t *frame, size_t len)
{
    VirtioNet *s = opaque;
    VirtioDevice *v = &s->v;
    bool taken = true;

    virtio_enter(v);
    if (virtio_is_running(v) && v->vq[NET_RX].ready && s->link_up && vnet_wants(s, frame, len)) {
        taken = vnet_put(v, frame, len) || v->broken;
        s->rx_wanted |= !taken;
    }
    virtio_leave(v);
    return taken;
}

/* ---- Control ---- */

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
    return CTRL_OK;
}

static unsigned vnet_ctrl(VirtioNet *s, const VirtElem *e)
{
    uint8_t b[2 + MAC_BYTES];
    size_t len = virtq_read(e, 0, b, sizeof(b));
    unsigned vlan;

    if (len < 3) {
        return CTRL_ERR;
    }
    if (b[0] == CTRL_RX && b[1] < CTRL_RX_MODES) {
        s->mode[b[1]] = b[2] != 0;
        return CTRL_OK;
    }
    if (b[0] == CTRL_MAC && b[1] == CTRL_MAC_ADDR && len == sizeof(b)) {
        memcpy(s->mac, b + 2, MAC_BYTES);
        return CTRL_OK;
    }
    if (b[0] == CTRL_MAC && b[1] == CTRL_MAC_TABLE) {
        return vnet_ctrl_table(s, e);
    }
    if (b[0] == CTRL_VLAN && b[1] <= CTRL_VLAN_DEL && len >= 4) {
        vlan = get_le16(b + 2) & (VLANS - 1);
        s->vlans[vlan / 32] &= ~(1u << (vlan % 32));
        s->vlans[vlan / 32] |= b[1] == CTRL_VLAN_ADD ? 1u << (vlan % 32) : 0;
        return CTRL_OK;
    }
    return CTRL_ERR;
}

static void vnet_control(VirtioDevice *v)
{
    VirtElem *e;

    while ((e = virtq_pop(v, NET_CTRL)) != NULL) {
        uint8_t ack = (uint8_t)vnet_ctrl(vnet_of(v), e);

        virtq_push(v, e, (uint32_t)virtq_write(e, 0, &ack, 1));
    }
    virtq_notify(v, NET_CTRL);
}

static void vnet_notify(VirtioDevice *v, unsigned q)
{
    VirtioNet *s = vnet_of(v);

    if (q == NET_TX) {
        vnet_transmit(v);
    } else if (q == NET_CTRL) {
        vnet_control(v);
    } else if (s->rx_wanted) {
        s->rx_wanted = 0;
        net_more(s->netdev);
    }
}

/* ---- Life ---- */

static void vnet_forget(VirtioDevice *v)
{
    VirtioNet *s = vnet_of(v);

    memcpy(s->mac, s->first_mac, MAC_BYTES);
    memset(s->mode, 0, sizeof(s->mode));
    s->mode[RX_PROMISC] = 1; /* until the driver says otherwise */
    s->n_macs = s->n_unicast = 0;
    s->macs_overflow = 0;
    memset(s->vlans, 0, sizeof(s->vlans));
    if (s->rx_wanted) {
        s->rx_wanted = 0;
        net_more(s->netdev); /* nobody takes it now: it is dropped */
    }
}

static void vnet_dev_reset(Device *dev, ResetType type)
{
    vnet_forget(virtio_of(dev));
}

static bool vnet_loaded(Device *dev, GError **err)
{
    VirtioNet *s = vnet_of(virtio_of(dev));

    if (s->n_macs > NET_MACS_MAX || s->n_unicast > s->n_macs) {
        return error_set(err, "%s: %u addresses, %u of them unicast: at most %d are possible",
                         device_path(dev), s->n_macs, s->n_unicast, NET_MACS_MAX);
    }
    return true;
}

/* 52:54:00:12:34:56 for the first card without mac=, and on. */
static void vnet_default_mac(Device *dev, uint8_t *mac)
{
    static const uint8_t first[MAC_BYTES] = { 0x52, 0x54, 0x00, 0x12, 0x34, 0x56 };
    Device *root = machine_root(dev->machine);

    memcpy(mac, first, MAC_BYTES);
    for (Device *d = root; d && d != dev; d = device_next(root, d)) {
        mac[5] += d->started && d->type == dev->type;
    }
}

static bool vnet_parse_mac(const char *text, uint8_t *mac, GError **err)
{
    int end = 0;

    if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3],
               &mac[4], &mac[5], &end) != MAC_BYTES ||
        text[end]) {
        return error_set(err, "mac=%s: must be six bytes like 52:54:00:12:34:56", text);
    }
    return !(mac[0] & 1) || error_set(err, "mac=%s: is the address of a group", text);
}

static const NetClient vnet_client = { vnet_receive };

static bool vnet_start(Device *dev, GError **err)
{
    VirtioNet *s = vnet_of(virtio_of(dev));

    if (!bits_is_pow2(s->rx_queue_size) || !bits_is_pow2(s->tx_queue_size)) {
        return error_set(err, "virtio-net: rx_queue_size and tx_queue_size must be powers of 2");
    }
    vnet_default_mac(dev, s->first_mac);
    if (s->mac_text && !vnet_parse_mac(s->mac_text, s->first_mac, err)) {
        return false;
    }
    if (!net_claim(s->netdev, &vnet_client, s, device_path(dev), err)) {
        return false;
    }
    virtio_add_queue(&s->v, s->rx_queue_size);
    virtio_add_queue(&s->v, s->tx_queue_size);
    virtio_add_queue(&s->v, NET_CTRL_SIZE);
    if (!virtio_plug(&s->v, err)) {
        net_release(s->netdev);
        return false;
    }
    return true;
}

static void vnet_stop(Device *dev)
{
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
};

static const Field vnet_fields[] = {
    PROP_BACKEND(VirtioNet, netdev, "netdev", .required = true, .doc = "the network"),
    { "mac", FIELD_PROP, TYPE_STR, .at = offsetof(VirtioNet, mac_text), .size = sizeof(char *),
      .doc = "hardware address" },
    PROP_U16(VirtioNet, rx_queue_size, 256, .min = 64, .max = VIRTIO_QUEUE_SIZE_MAX),
    PROP_U16(VirtioNet, tx_queue_size, 256, .min = 64, .max = VIRTIO_QUEUE_SIZE_MAX),
    SCRATCH(VirtioNet, first_mac),
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
    .extra = &vnet_type,
};
