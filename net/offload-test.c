/* SPDX-License-Identifier: Apache-2.0 */
#include "net/offload.h"

#include "tests/unit.h"
#include "util/bytes.h"

#include <glib.h>
#include <string.h>

enum { ETHER = 14, IP4 = 20, IP6 = 40, TCP = 32, SEQ = 1000 };

/* A TCP segment with 12 bytes of options and @n bytes of data; its checksum field is the pseudo
 * header's sum, as a driver that leaves the rest to the card gives it. */
static size_t ot_frame(uint8_t *f, bool v6, size_t n, NetOffload *o)
{
    size_t ip = v6 ? IP6 : IP4, l4 = ETHER + ip, len = l4 + TCP + n;
    uint32_t pseudo;

    memset(f, 0, l4 + TCP);
    memset(f, 0x52, 12);
    put_be16(f + 12, v6 ? 0x86dd : 0x0800);
    if (v6) {
        f[ETHER] = 0x60;
        put_be16(f + ETHER + 4, (uint16_t)(TCP + n));
        f[ETHER + 6] = 6;
        f[ETHER + 7] = 64;
        memset(f + ETHER + 8, 0xfe, 32);
        pseudo = net_sum(f + ETHER + 8, 32, 0);
    } else {
        f[ETHER] = 0x45;
        put_be16(f + ETHER + 2, (uint16_t)(IP4 + TCP + n));
        put_be16(f + ETHER + 6, 0x4000);
        f[ETHER + 8] = 64;
        f[ETHER + 9] = 6;
        memset(f + ETHER + 12, 10, 8);
        put_be16(f + ETHER + 10, net_sum_fold(net_sum(f + ETHER, IP4, 0)));
        pseudo = net_sum(f + ETHER + 12, 8, 0);
    }
    put_be32(f + l4 + 4, SEQ);
    f[l4 + 12] = TCP / 4 << 4;
    f[l4 + 13] = 0x18; /* PSH, ACK */
    f[l4 + 20] = 1;
    put_be16(f + l4 + 16, (uint16_t)~net_sum_fold(pseudo + 6 + (uint32_t)(TCP + n)));
    for (size_t i = 0; i < n; i++) {
        f[l4 + TCP + i] = (uint8_t)(i * 7 + i / 256);
    }
    *o = (NetOffload){ OFFLOAD_NEEDS_CSUM,   v6 ? OFFLOAD_GSO_TCPV6 : OFFLOAD_GSO_TCPV4,
                       (uint16_t)(l4 + TCP), 1448,
                       (uint16_t)l4,         16 };
    return len;
}

/* The sum over a whole segment with its pseudo header is 0. */
static bool ot_is_sound(const uint8_t *f, size_t len)
{
    bool v6 = get_be16(f + 12) == 0x86dd;
    size_t ip = v6 ? IP6 : IP4, l4 = ETHER + ip;
    uint32_t sum = v6 ? net_sum(f + ETHER + 8, 32, 0) : net_sum(f + ETHER + 12, 8, 0);

    return (v6 || !net_sum_fold(net_sum(f + ETHER, IP4, 0))) &&
           !net_sum_fold(net_sum(f + l4, len - l4, sum + 6 + (uint32_t)(len - l4)));
}

typedef struct Pieces {
    NetMerge m;
    unsigned n, refused, unsound;
} Pieces;

static void ot_piece(void *opaque, const uint8_t *frame, size_t len)
{
    Pieces *p = opaque;

    p->n++;
    p->unsound += !ot_is_sound(frame, len);
    p->refused += !net_merge_add(&p->m, frame, len, true, true);
}

TEST(net, sums_are_those_of_rfc_1071)
{
    static const uint8_t words[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };
    g_autofree uint8_t *many = g_malloc(20001);
    uint32_t slow = 0;

    EXPECT_EQ(net_sum_fold(net_sum(words, sizeof(words), 0)), (uint16_t)~0xddf2);
    for (unsigned i = 0; i < 20001; i++) {
        many[i] = (uint8_t)(i * 31 + 255);
        slow += i % 2 ? many[i] : many[i] << 8;
        slow = (slow >> 16) + (slow & 0xffff);
    }
    EXPECT_EQ(net_sum_fold(net_sum(many, 20001, 0)), net_sum_fold(slow));
}

TEST(net, large_segments_are_cut_and_merged_again)
{
    g_autofree uint8_t *frame = g_malloc(NET_MERGE_MAX);
    g_autofree uint8_t *before = g_malloc(NET_MERGE_MAX);

    for (unsigned v6 = 0; v6 < 2; v6++) {
        Pieces p = { .m = { .frame = g_malloc(NET_MERGE_MAX) } };
        NetOffload o, back;
        size_t len = ot_frame(frame, v6, 10000, &o);

        memcpy(before, frame, len);
        EXPECT(net_finish_frame(frame, len, &o, false, ot_piece, &p));
        EXPECT_EQ(p.n, 7);
        EXPECT_EQ(p.unsound, 0);
        EXPECT_EQ(p.refused, 0);
        net_merge_end(&p.m, &back);
        EXPECT_EQ(p.m.len, len);
        EXPECT(!memcmp(p.m.frame, before, len));
        EXPECT(!memcmp(&o, &back, sizeof(o)));
        /* Left whole it has a checksum all the same. */
        memcpy(frame, before, len);
        p.n = p.m.len = 0;
        EXPECT(net_finish_frame(frame, len, &o, true, ot_piece, &p));
        EXPECT_EQ(p.n, 1);
        EXPECT_EQ(p.unsound, 0);
        g_free(p.m.frame);
    }
}

TEST(net, frames_that_do_not_hold_together_are_refused)
{
    g_autofree uint8_t *frame = g_malloc(NET_MERGE_MAX);
    Pieces p = { .m = { .frame = g_malloc(NET_MERGE_MAX) } };
    NetOffload o, bad;
    size_t len = ot_frame(frame, false, 3000, &o);

    bad = o;
    bad.gso_size = 0;
    EXPECT(!net_finish_frame(frame, len, &bad, false, ot_piece, &p));
    bad = o;
    bad.gso_type = OFFLOAD_GSO_TCPV6;
    EXPECT(!net_finish_frame(frame, len, &bad, false, ot_piece, &p));
    EXPECT(!net_finish_frame(frame, 40, &o, false, ot_piece, &p));
    bad = (NetOffload){ OFFLOAD_NEEDS_CSUM, 0, 0, 0, 3000, 65535 };
    EXPECT(!net_finish_frame(frame, len, &bad, false, ot_piece, &p));
    frame[ETHER + IP4 + 12] = 0xf0; /* a header longer than the frame */
    EXPECT(!net_finish_frame(frame, ETHER + IP4 + 40, &o, false, ot_piece, &p));
    EXPECT_EQ(p.n, 0);
    g_free(p.m.frame);
}

TEST(net, merging_ends_where_the_flow_does)
{
    g_autofree uint8_t *frame = g_malloc(NET_MERGE_MAX);
    NetMerge m = { .frame = g_malloc(NET_MERGE_MAX) };
    NetOffload o;
    size_t len = ot_frame(frame, false, 100, &o);

    frame[ETHER + IP4 + 13] = 0x10; /* ACK alone */
    EXPECT(net_merge_add(&m, frame, len, true, true));
    EXPECT(!net_merge_add(&m, frame, len, true, true)); /* the same once more */
    put_be32(frame + ETHER + IP4 + 4, SEQ + 100);
    frame[ETHER + IP4] = 1;
    EXPECT(!net_merge_add(&m, frame, len, true, true)); /* another port */
    frame[ETHER + IP4] = 0;
    frame[ETHER + IP4 + 13] = 0x11;
    EXPECT(!net_merge_add(&m, frame, len, true, true)); /* FIN */
    frame[ETHER + IP4 + 13] = 0x10;
    EXPECT(!net_merge_add(&m, frame, len, false, true)); /* the card does not take it */
    EXPECT(net_merge_add(&m, frame, len, true, true));
    EXPECT_EQ(m.n, 2);
    g_free(m.frame);
}

TEST(net, a_flow_is_the_same_in_both_directions)
{
    for (unsigned v6 = 0; v6 < 2; v6++) {
        uint8_t f[2048], back[2048];
        NetOffload o;
        size_t len = ot_frame(f, v6, 100, &o), ip = ETHER + (v6 ? 8 : 12), n = v6 ? 16 : 4,
               l4 = ETHER + (v6 ? IP6 : IP4);
        uint32_t hash;

        f[ip] = 0x99; /* another source */
        put_be16(f + l4, 40000);
        put_be16(f + l4 + 2, 80);
        hash = net_flow_hash(f, 128);
        memcpy(back, f, len);
        memcpy(back + ip, f + ip + n, n);
        memcpy(back + ip + n, f + ip, n);
        put_be16(back + l4, 80);
        put_be16(back + l4 + 2, 40000);
        EXPECT(hash != 0);
        EXPECT_EQ(net_flow_hash(back, len), hash);
        put_be16(back + l4, 81);
        EXPECT(net_flow_hash(back, len) != hash);
        put_be16(f + 12, 0x88b5);
        EXPECT_EQ(net_flow_hash(f, len), 0);
    }
}
