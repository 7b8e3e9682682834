/* SPDX-License-Identifier: Apache-2.0 */
#include "net/user-parse.h"

#include "tests/unit.h"

#include <arpa/inet.h>
#include <glib.h>
#include <string.h>

TEST(net, forwards)
{
    static const char *const bad[] = { "",          "tcp",           "tcp:22",        "tcp::22",
                                       "tcp::22-",  "tcp::22-22",    "tcp::70000-:1", "icmp::1-:1",
                                       "tcp::0-:1", "tcp:a.b:1-:22", "tcp::1-:22x" };
    g_autoptr(GError) err = NULL;
    UserForward f;

    EXPECT(user_parse_forward("tcp::2222-:22", true, &f, &err));
    EXPECT(!f.udp && f.host.s_addr == 0 && f.host_port == 2222 && f.guest_port == 22);
    EXPECT(user_parse_forward(":127.0.0.1:8080-10.0.2.16:80", true, &f, &err));
    EXPECT_EQ(ntohl(f.host.s_addr), INADDR_LOOPBACK);
    EXPECT_EQ(ntohl(f.guest.s_addr), 0x0a000210);
    EXPECT(user_parse_forward("udp::53", false, &f, &err) && f.udp);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        EXPECT(!user_parse_forward(bad[i], true, &f, &err));
        g_clear_error(&err);
    }
}

TEST(net, addresses_of_the_network)
{
    g_autoptr(GError) err = NULL;
    Options o;
    UserNet n;

    EXPECT(options_parse(&o, "user", "type", &err) && user_parse_net(&o, &n, &err));
    EXPECT_EQ(ntohl(n.network.s_addr), 0x0a000200);
    EXPECT_EQ(ntohl(n.dhcp_start.s_addr), 0x0a00020f);
    options_deinit(&o);
    EXPECT(options_parse(&o, "user,net=192.168.76.0/24,dhcpstart=192.168.76.9", "type", &err));
    EXPECT(user_parse_net(&o, &n, &err));
    EXPECT_EQ(ntohl(n.host.s_addr), 0xc0a84c02);
    EXPECT_EQ(ntohl(n.dhcp_start.s_addr), 0xc0a84c09);
    options_deinit(&o);
    EXPECT(options_parse(&o, "user,net=10.1.0.0/16,dns=10.2.0.3", "type", &err));
    EXPECT(!user_parse_net(&o, &n, &err) && strstr(err->message, "dns=10.2.0.3"));
    options_deinit(&o);
}
