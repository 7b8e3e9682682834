/* SPDX-License-Identifier: Apache-2.0 */
/* Two networks that lead to each other, a card of the test's on each. */
#include "net/net.h"

#include "core/event/loop.h"
#include "core/machine.h"
#include "tests/unit.h"
#include "util/bytes.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Card {
    NetBackend *net;
    unsigned got, bad, takes;
    size_t last_len;
    NetOffload last;
    uint8_t last_frame[NET_FRAME_MAX];
    bool full;
    unsigned filters;
} Card;

enum { FRAME = 1514, LIMIT_MS = 3000 };

static bool lt_receive(void *opaque, const uint8_t *frame, size_t len, const NetOffload *o)
{
    Card *c = opaque;

    if (c->full) {
        return false;
    }
    c->got++;
    c->bad += len != FRAME || frame[20] != (uint8_t)(c->got - 1);
    c->last_len = len;
    c->last = *o;
    memcpy(c->last_frame, frame, len);
    return true;
}

static unsigned lt_takes(void *opaque)
{
    return ((Card *)opaque)->takes;
}

static const NetClient lt_client = { .receive = lt_receive, .takes = lt_takes };

static bool lt_open(Machine *m, Card *c, const char *text, GError **err)
{
    Options o;
    bool ok = options_parse(&o, text, "type", err);

    *c = (Card){ 0 };
    if (ok) {
        c->net = net_open(m, "n", &o, err);
        ok = c->net && options_all_used(&o, NULL, 0, err) &&
             net_claim(c->net, &lt_client, c, "test", err);
        options_deinit(&o);
    }
    return ok;
}

static void lt_close(Card *c)
{
    if (c->net) {
        net_close(c->net);
        net_release(c->net);
        net_free(c->net);
    }
}

static void lt_send(Card *c, unsigned i)
{
    uint8_t frame[FRAME] = { 0x52, 0x54, 0, 0, 0, 2, 0x52, 0x54, 0, 0, 0, 1, 0x88, 0xb5 };
    struct iovec iov[2] = { { frame, 14 }, { frame + 14, FRAME - 14 } };

    frame[20] = (uint8_t)i;
    net_send(c->net, iov, 2, NULL);
}

static void lt_wait(Machine *m, const unsigned *count, unsigned want)
{
    gint64 end = g_get_monotonic_time() + LIMIT_MS * 1000;

    while (*count < want && g_get_monotonic_time() < end) {
        if (!loop_iterate(m, false)) {
            g_usleep(200);
        }
    }
}

/* 50 frames each way. A stream's client may not be connected yet: the first is sent until seen. */
static void lt_exchange(const char *a_text, const char *b_text)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    Card *a = g_new0(Card, 1), *b = g_new0(Card, 1);

    EXPECT(m && lt_open(m, a, a_text, &err) && lt_open(m, b, b_text, &err));
    EXPECT_STR(err ? err->message : "", "");
    if (!err) {
        for (unsigned i = 0; i < 200; i++) {
            loop_iterate(m, false);
        }
        for (unsigned i = 0; i < 50; i++) {
            lt_send(a, i);
            lt_send(b, i);
            for (unsigned k = 0; k < 4; k++) {
                loop_iterate(m, false); /* a socket's queue may hold ten frames */
            }
            if (i == 20) {
                b->full = true;
            }
        }
        lt_wait(m, &a->got, 50);
        EXPECT(b->got <= 50);
        b->full = false;
        net_more(b->net);
        lt_wait(m, &b->got, 50);
        EXPECT_EQ(a->got, 50);
        EXPECT_EQ(b->got, 50);
        EXPECT_EQ(a->bad + b->bad, 0);
    }
    lt_close(a);
    lt_close(b);
    machine_free(m);
    g_free(a);
    g_free(b);
}

TEST(net, streams_and_datagrams_lead_from_machine_to_machine)
{
    g_autofree char *dir = g_dir_make_tmp("tinamou-net-XXXXXX", NULL);
    g_autofree char *s = g_strdup_printf("stream,server=on,addr.type=unix,addr.path=%s/s", dir);
    g_autofree char *c = g_strdup_printf("stream,addr.type=unix,addr.path=%s/s", dir);
    g_autofree char *d1 = g_strdup_printf("dgram,local.type=unix,local.path=%s/1,"
                                          "remote.type=unix,remote.path=%s/2",
                                          dir, dir);
    g_autofree char *d2 = g_strdup_printf("dgram,local.type=unix,local.path=%s/2,"
                                          "remote.type=unix,remote.path=%s/1",
                                          dir, dir);
    unsigned port = 20000 + (unsigned)getpid() % 20000;
    g_autofree char *u1 =
        g_strdup_printf("socket,udp=127.0.0.1:%u,localaddr=127.0.0.1:%u", port, port + 1);
    g_autofree char *u2 =
        g_strdup_printf("socket,udp=127.0.0.1:%u,localaddr=127.0.0.1:%u", port + 1, port);
    g_autofree char *l = g_strdup_printf("socket,listen=127.0.0.1:%u", port);
    g_autofree char *to = g_strdup_printf("socket,connect=127.0.0.1:%u", port);

    lt_exchange(s, c);
    lt_exchange(d1, d2);
    lt_exchange(u1, u2);
    lt_exchange(l, to);
    g_rmdir(dir);
}

typedef struct Heard {
    unsigned connected, disconnected;
    char *text;
} Heard;

static void lt_hear(void *opaque, const MachineEvent *e)
{
    Heard *h = opaque;

    if (e->kind == EVENT_DEVICE && g_str_has_prefix(e->text, "NETDEV_STREAM_")) {
        h->connected += g_str_has_prefix(e->text, "NETDEV_STREAM_CONNECTED {");
        h->disconnected += g_str_has_prefix(e->text, "NETDEV_STREAM_DISCONNECTED {");
        g_free(h->text);
        h->text = g_strdup(e->text);
    }
}

TEST(net, a_stream_tells_of_its_peer)
{
    g_autofree char *dir = g_dir_make_tmp("tinamou-net-XXXXXX", NULL);
    g_autofree char *s = g_strdup_printf("stream,server=on,addr.type=unix,addr.path=%s/s", dir);
    g_autofree char *c = g_strdup_printf("stream,addr.type=unix,addr.path=%s/s", dir);
    g_autofree char *want =
        g_strdup_printf("{\"netdev-id\": \"n\", \"addr\": {\"type\": \"unix\", \"path\": "
                        "\"%s/s\"}}",
                        dir);
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    Card *a = g_new0(Card, 1), *b = g_new0(Card, 1);
    Heard h = { 0 };

    machine_listen(m, lt_hear, &h);
    EXPECT(lt_open(m, a, s, &err) && lt_open(m, b, c, &err));
    lt_wait(m, &h.connected, 2);
    EXPECT_EQ(h.connected, 2);
    EXPECT(h.text && strstr(h.text, want));
    lt_close(b);
    lt_wait(m, &h.disconnected, 1);
    EXPECT_EQ(h.disconnected, 1);
    EXPECT_STR(h.text ? h.text : "", "NETDEV_STREAM_DISCONNECTED {\"netdev-id\": \"n\"}");
    lt_close(a);
    machine_unlisten(m, lt_hear, &h);
    machine_free(m);
    g_free(h.text);
    g_free(a);
    g_free(b);
    g_rmdir(dir);
}

TEST(net, options_of_sockets)
{
    const char *const bad[][2] = {
        { "socket", "exactly one of" },
        { "socket,listen=:1,connect=:2", "exactly one of" },
        { "socket,listen=1", "HOST:PORT" },
        { "socket,connect=:70000", "no number of 0 to 65535" },
        { "socket,udp=127.0.0.1:1", "localaddr=" },
        { "socket,mcast=10.0.0.1:1", "address of a group" },
        { "stream,addr.type=unix", "addr.path= is missing" },
        { "stream,addr.type=ipx", "inet, unix or fd" },
        { "stream,server=on", "addr.type= is missing" },
        { "stream,addr.type=fd,addr.str=999", "no open file descriptor" },
        { "dgram,local.type=inet,local.port=0", "must both be given" },
        { "tap,fd=999", "no open file descriptor" },
        { "tap,fd=1,ifname=x", "exclude each other" },
        { "tap,fds=999:998", "no open file descriptor" },
        { "tap,queues=33", "1 to 32" },
        { "tap,queues=2,fd=1", "is opened by its name" },
        { "bridge,helper=/nowhere/helper", "/nowhere/helper" },
        { "tup", "did you mean" },
        { net_has_user() ? "user,guestfwd=tcp:10.0.2.9:80-chardev:no" : "tup",
          net_has_user() ? "no -chardev with id=no" : "did you mean" },
    };
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    Card *c = g_new0(Card, 1);

    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        EXPECT(!lt_open(m, c, bad[i][0], &err));
        EXPECT(err && strstr(err->message, bad[i][1]));
        g_clear_error(&err);
        lt_close(c);
    }
    machine_free(m);
    g_free(c);
}

/* filter-dump f1, f2, ... with the keys of @keys, where @path stands for %s. */
static bool lt_filter(Card *c, const char *keys, const char *path, GError **err)
{
    g_auto(GStrv) part = g_strsplit(keys, "%s", 2);
    g_autofree char *text = g_strdup_printf("filter-dump,id=f%u,netdev=n,%s%s%s", ++c->filters,
                                            part[0], part[1] ? path : "", part[1] ? part[1] : "");
    Options o;
    bool ok = options_parse(&o, text, "qom-type", err);

    if (ok) {
        ok = net_add_filter(c->net, &o, err);
        options_deinit(&o);
    }
    return ok;
}

TEST(net, a_filter_that_does_not_hold_together_is_refused)
{
    static const char *const bad[][2] = {
        { "maxlen=64", "file= is missing" },     { "file=/tmp/x,queue=up", "queue=up" },
        { "file=/tmp/x,position=id=f7", "f7" },  { "file=/tmp/x,insert=above", "before or behind" },
        { "file=/tmp/x,maxlen=0", "maxlen=0" },  { "file=/tmp/x,status=maybe", "on or off" },
        { "file=/tmp/x,position=mid", "head" },  { "file=/tmp/x,size=1", "size" },
        { "file=/nowhere/x,id=f9", "/nowhere" },
    };
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    Card *c = g_new0(Card, 1);
    g_autofree char *dir = g_dir_make_tmp("tinamou-net-XXXXXX", NULL);
    g_autofree char *text = g_strdup_printf("dgram,local.type=unix,local.path=%s/1,"
                                            "remote.type=unix,remote.path=%s/1",
                                            dir, dir);
    Options o;

    EXPECT(lt_open(m, c, text, &err));
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        EXPECT(!lt_filter(c, bad[i][0], "", &err));
        EXPECT(err && strstr(err->message, bad[i][1]));
        g_clear_error(&err);
    }
    EXPECT(options_parse(&o, "filter-mirror,id=m,netdev=n,outdev=c", "qom-type", &err));
    EXPECT(!net_add_filter(c->net, &o, &err));
    EXPECT(err && strstr(err->message, "filter-mirror: is not supported"));
    options_deinit(&o);
    lt_close(c);
    machine_free(m);
    g_rmdir(dir);
    g_free(c);
}

TEST(net, what_passes_is_dumped)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *dir = g_dir_make_tmp("tinamou-net-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "f.pcap", NULL);
    g_autofree char *rx_path = g_build_filename(dir, "rx.pcap", NULL);
    g_autofree char *off_path = g_build_filename(dir, "off.pcap", NULL);
    g_autofree char *rest = NULL;
    g_autofree char *text = g_strdup_printf("dgram,local.type=unix,local.path=%s/1,"
                                            "remote.type=unix,remote.path=%s/1",
                                            dir, dir);
    g_autofree char *bytes = NULL;
    gsize len = 0;
    Machine *m = machine_new(&err);
    Card *c = g_new0(Card, 1);

    EXPECT(lt_open(m, c, text, &err));
    EXPECT(lt_filter(c, "file=%s,maxlen=64", path, &err));
    EXPECT(lt_filter(c, "file=%s,queue=rx,position=head", rx_path, &err));
    EXPECT(lt_filter(c, "file=%s,status=off,position=id=f2", off_path, &err));
    lt_send(c, 0); /* to itself */
    lt_wait(m, &c->got, 1);
    EXPECT(net_filter_set_status(c->net, "f3", "on", &err));
    lt_send(c, 1);
    lt_wait(m, &c->got, 2);
    EXPECT(net_remove_filter(c->net, "f2") && !net_remove_filter(c->net, "f2"));
    EXPECT(g_file_get_contents(rx_path, &rest, &len, NULL));
    EXPECT_EQ(len, 24 + 2 * (16 + FRAME));
    g_clear_pointer(&rest, g_free);
    EXPECT(net_remove_filter(c->net, "f3"));
    EXPECT(g_file_get_contents(off_path, &rest, &len, NULL));
    EXPECT_EQ(len, 24 + 2 * (16 + FRAME));
    EXPECT(net_remove_filter(c->net, "f1"));
    EXPECT(g_file_get_contents(path, &bytes, &len, NULL));
    EXPECT_EQ(len, 24 + 4 * (16 + 64));
    if (len == 24 + 4 * (16 + 64)) {
        EXPECT_EQ(get_le32((uint8_t *)bytes), 0xa1b2c3d4);
        EXPECT_EQ(get_le32((uint8_t *)bytes + 24 + 8), 64);
        EXPECT_EQ(get_le32((uint8_t *)bytes + 24 + 12), FRAME);
    }
    EXPECT(!lt_filter(c, "file=%s", "/nowhere/f.pcap", &err));
    EXPECT(err && strstr(err->message, "/nowhere/f.pcap"));
    lt_close(c);
    machine_free(m);
    g_unlink(path);
    g_unlink(rx_path);
    g_unlink(off_path);
    g_rmdir(dir);
    g_free(c);
}

TEST(net, a_tap_gives_what_the_kernel_sends)
{
    g_autoptr(GError) err = NULL;
    Machine *m = machine_new(&err);
    Card *c = g_new0(Card, 1);

    if (!lt_open(m, c, "tap,script=no,downscript=no", &err)) {
        test_skip(err->message);
    } else {
        g_autofree char *text = net_text(c->net);
        g_autofree char *up =
            g_strdup_printf("ip link set %s up 2>/dev/null", strstr(text, "ifname=") + 7);

        if (system(up)) {
            test_skip("no ip(8) to switch the device on");
        } else {
            lt_wait(m, &c->got, 1); /* the kernel looks for routers and duplicates of its address */
            EXPECT(c->got > 0);
            EXPECT_EQ(get_be16(c->last_frame + 12), 0x86dd);
        }
    }
    lt_close(c);
    machine_free(m);
    g_free(c);
}
