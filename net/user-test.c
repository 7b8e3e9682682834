/* SPDX-License-Identifier: Apache-2.0 */
#include "net/user-parse.h"

#include "tests/unit.h"

#include <arpa/inet.h>
#include <glib.h>
#include <string.h>

TEST(net, forwards)
{
    static const char *const bad[] = { "",
                                       "tcp",
                                       "tcp:22",
                                       "tcp::22",
                                       "tcp::22-",
                                       "tcp::22-22",
                                       "tcp::70000-:1",
                                       "icmp::1-:1",
                                       "tcp::0-:1",
                                       "tcp:a.b:1-:22",
                                       "tcp::1-:22x",
                                       "tcp:[::1]:1-:22",
                                       "tcp:1.2.3.4:1-[fe80::1]:22",
                                       "tcp:[::1]:1-[::]:22",
                                       "tcp:::1:1-[fec0::15]:22",
                                       "tcp:[]:1-:22" };
    g_autoptr(GError) err = NULL;
    UserForward f;

    EXPECT(user_parse_forward("tcp::2222-:22", true, &f, &err));
    EXPECT(!f.udp && f.host.in.sin_addr.s_addr == 0 && user_endpoint_port(&f.host) == 2222);
    EXPECT_EQ(user_endpoint_port(&f.guest), 22);
    EXPECT(user_parse_forward(":127.0.0.1:8080-10.0.2.16:80", true, &f, &err));
    EXPECT_EQ(ntohl(f.host.in.sin_addr.s_addr), INADDR_LOOPBACK);
    EXPECT_EQ(ntohl(f.guest.in.sin_addr.s_addr), 0x0a000210);
    EXPECT(user_parse_forward("udp::53", false, &f, &err) && f.udp);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        EXPECT(!user_parse_forward(bad[i], true, &f, &err));
        g_clear_error(&err);
    }
}

TEST(net, forwards_of_ipv6)
{
    g_autoptr(GError) err = NULL;
    struct in6_addr guest;
    UserForward f;

    inet_pton(AF_INET6, "fec0::15", &guest);
    EXPECT(user_parse_forward("tcp:[::1]:2222-[fec0::15]:22", true, &f, &err));
    EXPECT(IN6_IS_ADDR_LOOPBACK(&f.host.in6.sin6_addr));
    EXPECT(!memcmp(&f.guest.in6.sin6_addr, &guest, sizeof(guest)));
    EXPECT_EQ(user_endpoint_port(&f.guest), 22);
    EXPECT(user_parse_forward("udp::53-[fec0::15]:53", true, &f, &err) && f.udp);
    EXPECT(f.host.any.sa_family == AF_INET6 && user_endpoint_port(&f.host) == 53);
    EXPECT(user_parse_forward("tcp:[::1]:2222", false, &f, &err));
    EXPECT_EQ(user_endpoint_len(&f.host), sizeof(struct sockaddr_in6));
}

TEST(net, guest_forwards)
{
    static const char *const bad[] = { "tcp:10.0.2.100:80", "tcp:10.0.2.100:80-",
                                       "udp:10.0.2.100:80-cmd:cat", "tcp:[fec0::9]:80-cmd:cat" };
    g_autoptr(GError) err = NULL;
    UserGuestForward f;

    EXPECT(user_parse_guest_forward("tcp:10.0.2.100:80-cmd:cat -n", &f, &err) && f.is_command);
    EXPECT_STR(f.text, "cat -n");
    EXPECT_EQ(f.port, 80);
    g_free(f.text);
    EXPECT(user_parse_guest_forward(":10.0.2.100:80-chardev:x-y", &f, &err) && !f.is_command);
    EXPECT_STR(f.text, "chardev:x-y");
    g_free(f.text);
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        EXPECT(!user_parse_guest_forward(bad[i], &f, &err));
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
