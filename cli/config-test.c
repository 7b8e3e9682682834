/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/config.h"
#include "tests/unit.h"

#include <string.h>

static bool parse(SystemConfig *c, const char *line, GError **err)
{
    g_auto(GStrv) words = g_strsplit(line, " ", -1);

    config_init(c, "aarch64");
    return config_parse(c, (int)g_strv_length(words), words, err);
}

/* The message must hold @want; an empty @want: no error. */
static void expect_message(const char *line, const char *want)
{
    g_autoptr(GError) err = NULL;
    SystemConfig c;
    bool ok = parse(&c, line, &err);

    if (ok != !*want || (!ok && !strstr(err->message, want))) {
        test_fail(__FILE__, __LINE__, "%s: \"%s\" (wanted \"%s\")", line, ok ? "" : err->message,
                  want);
    }
    config_deinit(&c);
}

TEST(cli, plain_options)
{
    g_autoptr(GError) err = NULL;
    SystemConfig c;

    EXPECT(parse(&c,
                 "-M virt,gic-version=3,accel=tcg -cpu max,pauth=off -m 4GB -smp 4 -nographic -S "
                 "--kernel Image -append console=ttyAMA0 -drive file=x,if=none,id=d -s",
                 &err));
    EXPECT_STR(c.machine, "virt");
    EXPECT_EQ(c.machine_props->len, 1);
    EXPECT_STR(g_ptr_array_index(c.machine_props, 0), "gic-version=3");
    EXPECT_STR(g_ptr_array_index(c.accels, 0), "tcg");
    EXPECT_STR(c.cpu, "max,pauth=off");
    EXPECT_EQ(c.ram_bytes, 4ull << 30);
    EXPECT_EQ(c.smp.cpus, 4);
    EXPECT(c.nographic && c.stopped);
    EXPECT_STR(c.kernel, "Image");
    EXPECT_EQ(c.drives->len, 1);
    EXPECT_STR(g_ptr_array_index(c.gdbs, 0), "tcp::1234");
    config_deinit(&c);
}

TEST(cli, graphics_of_the_machine)
{
    g_autoptr(GError) err = NULL;
    SystemConfig c;

    EXPECT(parse(&c, "-M pc,graphics=off -display none", &err));
    EXPECT(!c.graphics && !c.nographic);
    EXPECT_EQ(c.machine_props->len, 0);
    config_deinit(&c);
    EXPECT(parse(&c, "-M pc -display none", &err));
    EXPECT(c.graphics);
    config_deinit(&c);
    expect_message("-M pc,graphics=perhaps", "graphics");
}

TEST(cli, machine_may_be_given_twice)
{
    g_autoptr(GError) err = NULL;
    SystemConfig c;

    EXPECT(parse(&c, "-machine virt -machine gic-version=3 -accel kvm -accel tcg,backend=interp",
                 &err));
    EXPECT_STR(c.machine, "virt");
    /* without '=' the first word would be a type */
    EXPECT_STR(g_ptr_array_index(c.machine_props, 0), "gic-version=3");
    EXPECT_EQ(c.accels->len, 2);
    EXPECT_STR(g_ptr_array_index(c.accels, 1), "tcg,backend=interp");
    config_deinit(&c);
}

TEST(cli, accelerators_in_order)
{
    g_autoptr(GError) err = NULL;
    SystemConfig c;

    EXPECT(parse(&c, "-M virt -accel kvm:tcg", &err));
    EXPECT_EQ(c.accels->len, 2);
    EXPECT_STR(g_ptr_array_index(c.accels, 0), "kvm");
    EXPECT_STR(g_ptr_array_index(c.accels, 1), "tcg");
    config_deinit(&c);
    EXPECT(!parse(&c, "-M virt -accel kvm:tcg,tb-size=64", &err));
    EXPECT(err && strstr(err->message, "once for each"));
    config_deinit(&c);
}

TEST(cli, publish)
{
    static const char *const bad[] = { "80", "x,y:80", "8080:80/icmp", ":80", "80-81:80" };
    const char *argv[] = { "-netdev",  "tap,id=t", "-nic",     "user",
                           "-publish", "8080:80",  "-publish", "127.0.0.1:53:5353/udp" };
    g_autoptr(GError) err = NULL;
    SystemConfig c;

    config_init(&c, "aarch64");
    EXPECT(config_parse(&c, G_N_ELEMENTS(argv), (char **)argv, &err) && config_publish(&c, &err));
    EXPECT_STR(g_ptr_array_index(c.nets, 0), "tap,id=t");
    EXPECT(g_str_has_suffix(g_ptr_array_index(c.nets, 1),
                            ",hostfwd=tcp::8080-:80,hostfwd=udp:127.0.0.1:53-:5353"));
    for (unsigned i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_ptr_array_set_size(c.publish, 0);
        g_ptr_array_add(c.publish, g_strdup(bad[i]));
        EXPECT(!config_publish(&c, &err));
        g_clear_error(&err);
    }
    g_ptr_array_set_size(c.publish, 0);
    g_ptr_array_add(c.publish, g_strdup("8080:80"));
    g_ptr_array_remove_index(c.nets, 1);
    EXPECT(!config_publish(&c, &err) && strstr(err->message, "type user"));
    config_deinit(&c);
}

TEST(cli, messages)
{
    expect_message("-kernal Image", "did you mean -kernel");
    expect_message("-nograpic", "did you mean -nographic?");
    expect_message("-nic model=virtio", "the type of network is missing");
    expect_message("-kernel", "an argument is missing");
    expect_message("disk.img", "-drive file=disk.img");
    expect_message("-net none -vga none -display none -parallel none -debugcon none", "");
    expect_message("-net nic,model=ne3000", "no model of network card");
    expect_message("-vga std", "");
    expect_message("-vga cirrus", "valid: std, none");
    expect_message("-display gtk", "no graphical display");
    expect_message("-action reboot=never", "reboot=shutdown");
    expect_message("-uuid 123", "no UUID");
    expect_message("-rtc base=tomorrow", "base=2006-06-17");
    expect_message("-rtc base=2020-01-01T10:00:00", "");
    expect_message("-rtc base=2261-12-31T23:59:59", "");
    expect_message("-rtc base=2262-01-01", "the year must be from 1970 to 2261");
    expect_message("-rtc base=1969-12-31", "the year must be from 1970 to 2261");
    expect_message("-rtc base=utc,clock=vm", "");
    expect_message("-rtc clock=rt", "clock=host, clock=vm");
    expect_message("-rtc base=utc,driftfix=slew", "");
    expect_message("-rtc driftfix=fast", "valid: none, slew");
    expect_message("-icount 11", "0 to 10");
    expect_message("-icount shift=1,sleep=maybe", "sleep");
    expect_message("-icount auto,sleep=off", "shift=auto and sleep=off");
    expect_message("-icount align=on", "shift=auto and align=on");
    expect_message("-icount 2,align=on,sleep=off", "align=on and sleep=off");
    expect_message("-icount 2,rr=record,rrfile=x", "not supported yet");
    expect_message("-icount 2,slep=off", "sleep");
    expect_message("-icount 2,align=on", "");
    expect_message("-seed -1", "is no number");
    expect_message("-seed 0x1234", "");
    expect_message("-state-hash never", "number of milliseconds");
}

TEST(cli, memory_sizes)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } rows[] = {
        { "512", 512ull << 20 },
        { "4G", 4ull << 30 },
        { "4GB", 4ull << 30 },
        { "4GiB", 4ull << 30 },
        { "size=1g", 1ull << 30 },
        { "0.5G", 512ull << 20 },
        { "4X", 0 },
        { "", 0 },
        { "-1", 0 },
        { "1G,maxmem=4G", 0 },
        { "1G,sise=2", 0 },
        { "99999999999999999999G", 0 },
        { "1K", 0 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) err = NULL;
        uint64_t bytes = 0;
        bool ok = memory_size_parse(&bytes, rows[i].text, &err);

        if (ok != (rows[i].bytes != 0) || (ok && bytes != rows[i].bytes)) {
            test_fail(__FILE__, __LINE__, "-m %s: %s", rows[i].text, ok ? "taken" : err->message);
        }
    }
}

TEST(cli, smp_forms)
{
    static const struct {
        const char *text;
        unsigned cpus, sockets, cores, threads; /* cpus 0: refused */
    } rows[] = {
        { "1", 1, 1, 1, 1 },
        { "4", 4, 1, 4, 1 },
        { "cpus=8", 8, 1, 8, 1 },
        { "4,sockets=2", 4, 2, 2, 1 },
        { "8,sockets=2,cores=2,threads=2", 8, 2, 2, 2 },
        { "sockets=1,cores=2,threads=2", 4, 1, 2, 2 },
        { "cores=4", 4, 1, 4, 1 },
        { "2,maxcpus=4", 2, 1, 4, 1 },
        { "4,cores=2", 4, 2, 2, 1 },
        { "0", 0, 0, 0, 0 },
        { "513", 0, 0, 0, 0 },
        { "3,sockets=2", 0, 0, 0, 0 },
        { "4,maxcpus=2", 0, 0, 0, 0 },
        { "two", 0, 0, 0, 0 },
        { "2,core=2", 0, 0, 0, 0 },
        { "sockets=1024,cores=1024,threads=1024,dies=1024", 0, 0, 0, 0 },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GError) err = NULL;
        SmpConfig s = { 0 };
        bool ok = smp_parse(&s, rows[i].text, &err);

        if (ok != (rows[i].cpus != 0)) {
            test_fail(__FILE__, __LINE__, "-smp %s: %s", rows[i].text, ok ? "taken" : err->message);
        } else if (ok) {
            EXPECT_EQ(s.cpus, rows[i].cpus);
            EXPECT_EQ(s.sockets, rows[i].sockets);
            EXPECT_EQ(s.cores, rows[i].cores);
            EXPECT_EQ(s.threads, rows[i].threads);
        }
    }
}

TEST(cli, help_and_manual_come_from_the_table)
{
    g_autofree char *help = option_help("x"), *manual = option_manual();
    SystemConfig c;
    g_autoptr(GError) err = NULL;

    EXPECT(strstr(help, "-kernel FILE") != NULL);
    EXPECT(strstr(help, "-machine, -M ") != NULL);
    EXPECT(strstr(manual, "\\-kernel \\fIFILE") != NULL);
    EXPECT(parse(&c, "-device help", &err) && c.show == SHOW_DEVICES);
    config_deinit(&c);
    EXPECT(parse(&c, "-device virtio-rng-device,help", &err) && c.show == SHOW_DEVICE_PROPS);
    EXPECT_STR(c.show_name, "virtio-rng-device");
    config_deinit(&c);
    EXPECT(parse(&c, "-M help -cpu help", &err) && c.show == SHOW_MACHINES);
    config_deinit(&c);
}
