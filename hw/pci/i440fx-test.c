/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/pci/i440fx.h"

#include "hw/board/board.h"
#include "hw/isa/isa.h"
#include "target/i386/cpu.h"
#include "tests/unit.h"

#include <glib/gstdio.h>
#include <string.h>

/* A PC with 64 KiB of firmware that is all F4h (HLT). */
static Machine *pc_machine(GError **err)
{
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "tinamou-XXXXXX", NULL);
    g_autofree char *rom = g_malloc(64 << 10);
    int fd = g_mkstemp(path);
    Machine *m = machine_new(err);
    BoardConfig cfg = { .ram_bytes = 64 << 20, .bios = path, .cpu = "host", .vga = "none" };
    bool ok;

    memset(rom, 0xf4, 64 << 10);
    ok = fd >= 0 && g_file_set_contents(path, rom, 64 << 10, err);
    machine_add_types(m, device_types);
    machine_add_types(m, x86_cpu_types);
    ok = ok && board_pc.init(m, &cfg, err);
    g_close(fd, NULL);
    g_unlink(path);
    if (!ok) {
        machine_free(m);
        return NULL;
    }
    machine_reset(m, RESET_COLD, CAUSE_NONE);
    return m;
}

static uint64_t in(Machine *m, unsigned port, unsigned size)
{
    uint64_t val = 0;

    EXPECT_EQ(aspace_load(isa_ports(m), port, size, &val, (MemAttrs){ 0 }), MEM_OK);
    return val;
}

static void out(Machine *m, unsigned port, unsigned size, uint64_t val)
{
    EXPECT_EQ(aspace_store(isa_ports(m), port, size, val, (MemAttrs){ 0 }), MEM_OK);
}

static uint8_t byte_at(Machine *m, GuestPhys at)
{
    uint8_t v = 0;

    (void)aspace_read(machine_memory(m), at, &v, 1, (MemAttrs){ 0 });
    return v;
}

TEST(i440fx, configuration_by_ports)
{
    g_autoptr(GError) err = NULL;
    Machine *m = pc_machine(&err);

    EXPECT(m != NULL);
    if (!m) {
        return;
    }
    out(m, 0xcf8, 4, 0x80000000);
    EXPECT_EQ(in(m, 0xcfc, 4), 0x12378086);
    EXPECT_EQ(in(m, 0xcfe, 2), 0x1237);
    out(m, 0xcf8, 4, 0x80000800);
    EXPECT_EQ(in(m, 0xcfc, 4), 0x70008086);
    out(m, 0xcf8, 4, 0x80001000); /* nobody there */
    EXPECT_EQ(in(m, 0xcfc, 4), 0xffffffff);
    out(m, 0xcf8, 4, 0); /* not enabled */
    EXPECT_EQ(in(m, 0xcfc, 4), 0xffffffff);
    EXPECT_EQ(in(m, 0x1234, 1), 0xff);
    machine_free(m);
}

TEST(i440fx, shadow_ram)
{
    g_autoptr(GError) err = NULL;
    Machine *m = pc_machine(&err);
    uint8_t v = 0x11;

    EXPECT(m != NULL);
    if (!m) {
        return;
    }
    EXPECT_EQ(byte_at(m, 0xf0000), 0xf4); /* the ROM */
    EXPECT_EQ(byte_at(m, 0xffffffff), 0xf4);
    out(m, 0xcf8, 4, 0x80000058);
    out(m, 0xcfd, 1, 0x30); /* F0000h: RAM, both ways */
    (void)aspace_write(machine_memory(m), 0xf0000, &v, 1, (MemAttrs){ 0 });
    EXPECT_EQ(byte_at(m, 0xf0000), 0x11);
    out(m, 0xcfd, 1, 0x10); /* read only */
    v = 0x22;
    (void)aspace_write(machine_memory(m), 0xf0000, &v, 1, (MemAttrs){ 0 });
    EXPECT_EQ(byte_at(m, 0xf0000), 0x11);
    machine_reset(m, RESET_WARM, CAUSE_NONE);
    EXPECT_EQ(byte_at(m, 0xf0000), 0xf4);
    machine_free(m);
}
