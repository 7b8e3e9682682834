/* SPDX-License-Identifier: Apache-2.0 */
/* Expansion ROMs: what the guest sees of a file, and files that are none. */
#include "hw/pci/bench.h"

#include "hw/pci/host.h"
#include "tests/unit.h"
#include "util/bytes.h"

#include <glib/gstdio.h>
#include <unistd.h>

extern const DeviceType device_edu;

enum { IMAGE = 1024, ROM_AT = PCI_BENCH_MEM + 0x800000 };

/* One image of a BIOS with a structure at 0x20, of a length that is no power of two. */
static char *romt_file(size_t len)
{
    g_autofree uint8_t *b = g_malloc0(MAX(len, 64));
    g_autoptr(GError) err = NULL;
    char *path = NULL;
    int fd = g_file_open_tmp("rom-XXXXXX", &path, &err);

    CHECK(fd >= 0);
    put_le16(b, 0xaa55);
    b[2] = IMAGE / 512;
    put_le16(b + 0x18, 0x20);
    put_le32(b + 0x20, 0x52494350);
    put_le16(b + 0x20 + 16, IMAGE / 512);
    b[0x20 + 21] = 0x80;
    b[len - 1] = 0x5a;
    CHECK(write(fd, b, len) == (ssize_t)len);
    close(fd);
    return path;
}

static uint32_t romt_load(Bench *b, uint64_t off)
{
    uint64_t val = 0;

    aspace_load(machine_memory(bench_machine(b)), ROM_AT + off, 4, &val, (MemAttrs){ 0 });
    return (uint32_t)val;
}

TEST(pci_rom, file_behind_the_register)
{
    g_autofree char *path = romt_file(5000), *props = g_strconcat("romfile=", path, NULL);
    Bench *b = pci_bench(&device_edu, props);

    pci_bench_set_config(b, PCI_ROM_ADDRESS, 4, 0xfffff800);
    EXPECT_EQ(pci_bench_config(b, PCI_ROM_ADDRESS, 4), 0xffffe000); /* 8 KiB */
    pci_bench_set_config(b, PCI_ROM_ADDRESS, 4, ROM_AT | 1);
    EXPECT_EQ(romt_load(b, 0), ~0u); /* memory is not on */
    pci_bench_set_config(b, PCI_COMMAND, 2, PCI_COMMAND_MEMORY);
    EXPECT_EQ(romt_load(b, 0), 0x0002aa55);
    EXPECT_EQ(romt_load(b, 4996), 0x5a000000);
    EXPECT_EQ(romt_load(b, 5000), 0);
    /* It is read alone. */
    aspace_store(machine_memory(bench_machine(b)), ROM_AT, 4, 0, (MemAttrs){ 0 });
    EXPECT_EQ(romt_load(b, 0), 0x0002aa55);
    bench_run_loop(b); /* saved and loaded: it is still there */
    EXPECT_EQ(romt_load(b, 0), 0x0002aa55);
    pci_bench_set_config(b, PCI_ROM_ADDRESS, 4, ROM_AT);
    EXPECT_EQ(romt_load(b, 0), ~0u);
    bench_end(b);
    g_unlink(path);
}

TEST(pci_rom, of_a_size_and_none)
{
    g_autofree char *path = romt_file(5000);
    g_autofree char *large = g_strconcat("romsize=65536,romfile=", path, NULL);
    g_autofree char *off = g_strconcat("rombar=0,romfile=", path, NULL);
    Bench *b = pci_bench(&device_edu, large);

    pci_bench_set_config(b, PCI_ROM_ADDRESS, 4, ~0u);
    EXPECT_EQ(pci_bench_config(b, PCI_ROM_ADDRESS, 4), 0xffff0001);
    bench_end(b);
    b = pci_bench(&device_edu, off);
    pci_bench_set_config(b, PCI_ROM_ADDRESS, 4, ~0u);
    EXPECT_EQ(pci_bench_config(b, PCI_ROM_ADDRESS, 4), 0);
    bench_end(b);
    g_unlink(path);
}

/* The device's name is the text looked for, too. */
static void romt_refused(Bench *b, const char *path, const char *more, const char *want)
{
    g_autofree char *props = g_strconcat(more, "romfile=", path, NULL);
    Device *dev = device_make(bench_machine(b), &device_edu, NULL, want);
    g_autoptr(GError) err = NULL;

    EXPECT(device_set_props(dev, props, &err));
    EXPECT(!device_realize(dev, &err));
    EXPECT(err && strstr(err->message, want));
}

TEST(pci_rom, refuses_what_is_none)
{
    g_autofree char *path = romt_file(5000), *stub = romt_file(100), *text = NULL;
    Bench *b = pci_bench(&device_edu, NULL);

    romt_refused(b, "/nonexistent.rom", "", "no such file");
    romt_refused(b, stub, "", "100 bytes");
    romt_refused(b, path, "romsize=4096,", "5000 bytes");
    romt_refused(b, path, "romsize=10000,", "power of two");
    romt_refused(b, path, "rombar=0,", "rombar=1"); /* the machine runs */
    text = g_strnfill(512, '#');
    CHECK(g_file_set_contents(path, text, 512, NULL));
    romt_refused(b, path, "", "23 23");
    bench_end(b);
    g_unlink(path);
    g_unlink(stub);
}
