/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Receive-side scaling of virtio-net: which queue a frame goes to by a hash that the driver has
 * chosen, and the hash itself for drivers that want it.
 * Spec: VIRTIO 1.2, "5.1.6.4.3 Hash calculation for incoming packets", "5.1.6.5.7 Receive-side
 * scaling (RSS)".
 */
#ifndef HW_VIRTIO_VIRTIO_NET_RSS_H
#define HW_VIRTIO_VIRTIO_NET_RSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    RSS_KEY_BYTES = 40,
    RSS_TABLE_MAX = 128,
    /* "5.1.6.4.3.1 Supported/enabled hash types" */
    RSS_IPV4 = 1 << 0,
    RSS_TCPV4 = 1 << 1,
    RSS_UDPV4 = 1 << 2,
    RSS_IPV6 = 1 << 3,
    RSS_TCPV6 = 1 << 4,
    RSS_UDPV6 = 1 << 5,
    RSS_TYPES = 0x3f,
    /* "5.1.6.4.3.4 Hash reporting for incoming packets": of type bit N it is N + 1 */
    RSS_REPORT_NONE = 0,
    RSS_COMMAND_MAX = 4 + 2 + 2 + 2 * RSS_TABLE_MAX + 2 + 1 + RSS_KEY_BYTES,
};

typedef struct NetRss {
    uint8_t on;     /* a hash is calculated */
    uint8_t steers; /* and chooses the queue */
    uint32_t types; /* RSS_* */
    uint16_t mask;  /* of the table's index */
    uint16_t unclassified;
    uint16_t table[RSS_TABLE_MAX];
    uint8_t key[RSS_KEY_BYTES];
} NetRss;

/*
 * The bytes of VIRTIO_NET_CTRL_MQ_RSS_CONFIG (@steers) or _HASH_CONFIG, as they come behind the
 * command. *pairs: how many transmit queues the driver uses, 0: nothing is said of that. False: not
 * valid for a card of @max_pairs; @r is as it was.
 */
bool rss_configure(NetRss *r, const uint8_t *b, size_t len, bool steers, unsigned max_pairs,
                   unsigned *pairs);
/* The hash of @frame by the enabled types; its report in *report (RSS_REPORT_NONE: 0). */
uint32_t rss_hash(const NetRss *r, const uint8_t *frame, size_t len, unsigned *report);
/* The receive queue, as a pair's number. */
unsigned rss_queue(const NetRss *r, uint32_t hash, unsigned report);

#endif
