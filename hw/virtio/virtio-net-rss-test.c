/* SPDX-License-Identifier: Apache-2.0 */
/* The examples that Microsoft's "RSS hashing functions" gives, and commands that are not sound. */
#include "hw/virtio/virtio-net-rss.h"

#include "tests/unit.h"
#include "util/bytes.h"

#include <glib.h>
#include <string.h>

static const uint8_t example_key[RSS_KEY_BYTES] = {
    0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
    0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
    0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa
};

/* 66.9.149.187:2794 to 161.142.100.80:1766 */
static size_t rt_ip4(uint8_t *f, unsigned proto, unsigned fragment)
{
    memset(f, 0, 60);
    put_be16(f + 12, 0x0800);
    f[14] = 0x45;
    put_be16(f + 20, (uint16_t)fragment);
    f[23] = (uint8_t)proto;
    put_be32(f + 26, 0x420995bb);
    put_be32(f + 30, 0xa18e6450);
    put_be16(f + 34, 2794);
    put_be16(f + 36, 1766);
    return 54;
}

/* 3ffe:2501:200:1fff::7 port 2794 to 3ffe:2501:200:3::1 port 1766 */
static size_t rt_ip6(uint8_t *f, bool extended)
{
    size_t at = 14 + 40;

    memset(f, 0, 100);
    put_be16(f + 12, 0x86dd);
    f[14] = 0x60;
    f[20] = extended ? 60 : 6;
    put_be64(f + 22, 0x3ffe250102001fff);
    put_be64(f + 30, 7);
    put_be64(f + 38, 0x3ffe250102000003);
    put_be64(f + 46, 1);
    if (extended) {
        f[at] = 6;
        at += 8;
    }
    put_be16(f + at, 2794);
    put_be16(f + at + 2, 1766);
    return at + 20;
}

TEST(net_rss, known_hashes)
{
    NetRss r = { .types = RSS_TYPES };
    uint8_t f[100];
    unsigned report;

    memcpy(r.key, example_key, sizeof(r.key));
    EXPECT_EQ(rss_hash(&r, f, rt_ip4(f, 6, 0), &report), 0x51ccc178);
    EXPECT_EQ(report, 2);
    EXPECT_EQ(rss_hash(&r, f, rt_ip4(f, 17, 0), &report), 0x51ccc178);
    EXPECT_EQ(report, 3);
    EXPECT_EQ(rss_hash(&r, f, rt_ip4(f, 6, 0x2000), &report), 0x323e8fc2);
    EXPECT_EQ(report, 1);
    EXPECT_EQ(rss_hash(&r, f, rt_ip6(f, false), &report), 0x40207d3d);
    EXPECT_EQ(report, 5);
    EXPECT_EQ(rss_hash(&r, f, rt_ip6(f, true), &report), 0x40207d3d);
    r.types = RSS_IPV6;
    EXPECT_EQ(rss_hash(&r, f, rt_ip6(f, false), &report), 0x2cc18cd5);
    EXPECT_EQ(report, 4);
    EXPECT_EQ(rss_hash(&r, f, rt_ip4(f, 6, 0), &report), 0);
    EXPECT_EQ(report, RSS_REPORT_NONE);
    for (size_t len = 0; len < 62; len++) { /* nothing behind the end is looked at */
        g_autofree uint8_t *cut = NULL;

        rt_ip6(f, true);
        cut = g_memdup2(f, len);
        (void)rss_hash(&r, cut, len, &report);
    }
}

static size_t rt_command(uint8_t *b, unsigned mask, unsigned entry, unsigned pairs, unsigned key)
{
    size_t at = 8;

    put_le32(b, RSS_TCPV4);
    put_le16(b + 4, (uint16_t)mask);
    put_le16(b + 6, 1);
    for (unsigned i = 0; i <= mask; i++, at += 2) {
        put_le16(b + at, (uint16_t)entry);
    }
    put_le16(b + at, (uint16_t)pairs);
    b[at + 2] = (uint8_t)key;
    memcpy(b + at + 3, example_key, sizeof(example_key));
    return at + 3 + key;
}

TEST(net_rss, commands)
{
    uint8_t b[1024];
    unsigned pairs = 0;
    NetRss r = { 0 }, before;
    size_t len = rt_command(b, 127, 3, 4, 40);

    EXPECT(rss_configure(&r, b, len, true, 4, &pairs));
    EXPECT(r.on && r.steers && pairs == 4);
    EXPECT_EQ(rss_queue(&r, 77, 2), 3);
    EXPECT_EQ(rss_queue(&r, 77, RSS_REPORT_NONE), 1);
    before = r;
    EXPECT(!rss_configure(&r, b, len - 1, true, 4, &pairs));
    EXPECT(!rss_configure(&r, b, len, true, 3, &pairs)); /* an entry leads to no queue */
    EXPECT(!rss_configure(&r, b, rt_command(b, 255, 0, 4, 40), true, 4, &pairs));
    EXPECT(!rss_configure(&r, b, rt_command(b, 2, 0, 4, 40), true, 4, &pairs));
    EXPECT(!rss_configure(&r, b, rt_command(b, 1, 0, 0, 40), true, 4, &pairs));
    EXPECT(!rss_configure(&r, b, rt_command(b, 1, 0, 4, 41), true, 4, &pairs));
    EXPECT(!memcmp(&r, &before, sizeof(r)));
    EXPECT(rss_configure(&r, b, rt_command(b, 0, 99, 99, 40), false, 4, &pairs));
    EXPECT(r.on && !r.steers && !pairs);
}
