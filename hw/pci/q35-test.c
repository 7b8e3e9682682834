/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/pci/q35.h"

#include "hw/board/board.h"
#include "hw/isa/isa.h"
#include "target/i386/cpu.h"
#include "tests/unit.h"

#include <glib/gstdio.h>
#include <string.h>

/* A PC with 64 KiB of firmware that is all F4h (HLT). */
static Machine *q35_machine(void)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "tinamou-XXXXXX", NULL);
    g_autofree char *rom = g_malloc(64 << 10);
    int fd = g_mkstemp(path);
    Machine *m = machine_new(&err);
    BoardConfig cfg = { .ram_bytes = 64 << 20, .bios = path, .cpu = "host" };
    bool ok;

    memset(rom, 0xf4, 64 << 10);
    ok = fd >= 0 && g_file_set_contents(path, rom, 64 << 10, &err);
    machine_add_types(m, device_types);
    machine_add_types(m, x86_cpu_types);
    ok = ok && board_q35.init(m, &cfg, &err);
    g_close(fd, NULL);
    g_unlink(path);
    EXPECT(ok);
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

static uint64_t mem(Machine *m, GuestPhys at, unsigned size)
{
    uint64_t val = 0;

    (void)aspace_load(machine_memory(m), at, size, &val, (MemAttrs){ 0 });
    return val;
}

static void config(Machine *m, unsigned slot, unsigned fn, unsigned off, unsigned size,
                   uint64_t val)
{
    out(m, 0xcf8, 4, 0x80000000 | slot << 11 | fn << 8 | (off & 0xfc));
    out(m, 0xcfc + (off & 3), size, val);
}

TEST(q35, configuration_by_ports_and_memory)
{
    Machine *m = q35_machine();

    if (!m) {
        return;
    }
    out(m, 0xcf8, 4, 0x80000000);
    EXPECT_EQ(in(m, 0xcfc, 4), 0x29c08086);
    out(m, 0xcf8, 4, 0x8000f800);
    EXPECT_EQ(in(m, 0xcfc, 4), 0x29188086);
    out(m, 0xcf8, 4, 0x8000fa00);
    EXPECT_EQ(in(m, 0xcfc, 4), 0x29228086);
    out(m, 0xcf8, 4, 0x8000fb00);
    EXPECT_EQ(in(m, 0xcfc, 4), 0x29308086);
    EXPECT(mem(m, Q35_ECAM, 4) != 0x29c08086);
    config(m, 0, 0, 0x60, 4, Q35_ECAM | 1);
    EXPECT_EQ(mem(m, Q35_ECAM, 4), 0x29c08086);
    EXPECT_EQ(mem(m, Q35_ECAM + 0xf8000, 4), 0x29188086);
    EXPECT_EQ(mem(m, Q35_ECAM + 0x10000, 4), 0xffffffff);
    config(m, 0, 0, 0x60, 4, 0xe0000001);
    EXPECT_EQ(mem(m, 0xe00f8000, 4), 0x29188086);
    config(m, 0, 0, 0x60, 4, 0xe0000000);
    EXPECT(mem(m, 0xe00f8000, 4) != 0x29188086);
    machine_free(m);
}

TEST(q35, shadow_ram_and_smram)
{
    Machine *m = q35_machine();
    uint8_t v = 0x11;

    if (!m) {
        return;
    }
    EXPECT_EQ(mem(m, 0xf0000, 1), 0xf4);
    config(m, 0, 0, 0x90, 1, 0x30);
    (void)aspace_write(machine_memory(m), 0xf0000, &v, 1, (MemAttrs){ 0 });
    EXPECT_EQ(mem(m, 0xf0000, 1), 0x11);
    config(m, 0, 0, 0x9d, 1, 0x4a); /* D_OPEN */
    (void)aspace_write(machine_memory(m), 0xa0000, &v, 1, (MemAttrs){ 0 });
    EXPECT_EQ(mem(m, 0xa0000, 1), 0x11);
    config(m, 0, 0, 0x9d, 1, 0x1a); /* D_LCK: not to be opened again */
    config(m, 0, 0, 0x9d, 1, 0x4a);
    EXPECT_EQ(in(m, 0xcfd, 1) & 0x50, 0x10);
    machine_reset(m, RESET_WARM, CAUSE_NONE);
    EXPECT_EQ(mem(m, 0xf0000, 1), 0xf4);
    config(m, 0, 0, 0x9d, 1, 0x4a);
    EXPECT_EQ(mem(m, 0xa0000, 1), 0x11);
    machine_free(m);
}

TEST(q35, power_management)
{
    Machine *m = q35_machine();

    if (!m) {
        return;
    }
    EXPECT_EQ(in(m, 0x600, 2), 0xffff);
    config(m, 31, 0, 0x40, 4, 0x601);
    config(m, 31, 0, 0x44, 1, 0x80);
    EXPECT_EQ(in(m, 0x604, 2) & 1, 0);
    out(m, 0xb2, 1, 0xf1);
    EXPECT_EQ(in(m, 0x604, 2) & 1, 1);
    EXPECT_EQ(in(m, 0x630, 4) & 0x20, 0x20);
    out(m, 0x628, 4, 0x1234);
    EXPECT_EQ(in(m, 0x628, 4), 0x1234);
    out(m, 0x602, 2, 0x100);
    device_set_input(device_find(m, "/pc/lpc"), "power-button", 0, true);
    EXPECT_EQ(in(m, 0x600, 2) & 0x100, 0x100);
    EXPECT(irq_is_high(device_output(device_find(m, "/pc/lpc"), "sci", 0)));
    out(m, 0x600, 2, 0x100);
    EXPECT(!irq_is_high(device_output(device_find(m, "/pc/lpc"), "sci", 0)));
    config(m, 31, 0, 0xf0, 4, 0xfed1c001);
    EXPECT_EQ(mem(m, 0xfed1c000 + 0x3140, 2), 0x3210);
    machine_free(m);
}

TEST(q35, smbus)
{
    Machine *m = q35_machine();

    if (!m) {
        return;
    }
    config(m, 31, 3, 0x20, 4, 0x700);
    config(m, 31, 3, 0x04, 2, 1);
    out(m, 0x704, 1, 0x51 << 1); /* write byte 7 of the second EEPROM */
    out(m, 0x703, 1, 7);
    out(m, 0x705, 1, 0xa5);
    out(m, 0x702, 1, 0x48);
    EXPECT_EQ(in(m, 0x700, 1), 2);
    out(m, 0x700, 1, 0xff);
    EXPECT_EQ(in(m, 0x700, 1), 0);
    out(m, 0x704, 1, 0x51 << 1 | 1);
    out(m, 0x705, 1, 0);
    out(m, 0x702, 1, 0x48);
    EXPECT_EQ(in(m, 0x705, 1), 0xa5);
    out(m, 0x700, 1, 0xff);
    out(m, 0x704, 1, 0x30 << 1 | 1); /* nobody there */
    out(m, 0x702, 1, 0x48);
    EXPECT_EQ(in(m, 0x700, 1), 4);
    machine_free(m);
}
