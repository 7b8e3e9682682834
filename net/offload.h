/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work on frames that one side leaves to the other: checksums, and the cutting of large TCP
 * segments. In the terms of the header of VIRTIO 1.2, "5.1.6 Device Operation".
 */
#ifndef NET_OFFLOAD_H
#define NET_OFFLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OFFLOAD_NEEDS_CSUM = 1, OFFLOAD_DATA_VALID = 2 };
enum {
    OFFLOAD_GSO_NONE = 0,
    OFFLOAD_GSO_TCPV4 = 1,
    OFFLOAD_GSO_UDP = 3,
    OFFLOAD_GSO_TCPV6 = 4,
    OFFLOAD_GSO_ECN = 0x80,
};

typedef struct NetOffload {
    uint8_t flags;
    uint8_t gso_type;
    uint16_t hdr_len; /* a hint: not trusted */
    uint16_t gso_size;
    uint16_t csum_start, csum_offset;
    uint16_t queue; /* the pair of queues of the card that it comes from */
} NetOffload;

/* The Internet checksum's sum (RFC 1071) of @len bytes, on top of @sum; fold before use. */
uint32_t net_sum(const uint8_t *bytes, size_t len, uint32_t sum);
uint16_t net_sum_fold(uint32_t sum);

/* The same for both directions of a TCP or UDP flow; 0 for anything else. */
uint32_t net_flow_hash(const uint8_t *frame, size_t len);

/* Put the checksum that @o leaves open into @frame. False: @o does not fit the frame. */
bool net_fill_checksum(uint8_t *frame, size_t len, const NetOffload *o);

typedef void NetFrameFn(void *opaque, const uint8_t *frame, size_t len);

/*
 * Do all that @o leaves open: @emit gets the frames, cut to @o's gso_size and with checksums; a
 * large one is left whole, with its checksum, where @whole. @frame is written to. False: the frame
 * does not hold together, nothing was emitted.
 */
bool net_finish_frame(uint8_t *frame, size_t len, const NetOffload *o, bool whole, NetFrameFn *emit,
                      void *opaque);

/*
 * TCP segments that follow each other become one large frame: for a card that takes them. The
 * frame, headers with the pseudo header's sum in its checksum field.
 */
typedef struct NetMerge {
    uint8_t *frame; /* of NET_MERGE_MAX bytes */
    size_t len;     /* 0: empty */
    uint32_t next_seq;
    uint16_t ip, tcp, payload, size; /* offsets in frame; payload bytes of the first segment */
    unsigned n;
    bool v6, closed;
} NetMerge;

enum { NET_MERGE_MAX = 65535 + 14 };

/* Is @frame taken? False: not of a kind that is merged, or of another flow: emit what there is. */
bool net_merge_add(NetMerge *m, const uint8_t *frame, size_t len, bool v4, bool v6);
/* Make the frame ready (lengths, sums) and say in @o what it leaves open. The caller sets len 0. */
void net_merge_end(NetMerge *m, NetOffload *o);

#endif
