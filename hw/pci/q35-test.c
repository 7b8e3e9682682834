/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/pci/q35.h"

#include "tests/pc-machine.h"

static Machine *q35_machine(void)
{
    g_autoptr(GError) err = NULL;
    Machine *m = pc_machine_new(&board_q35, &err);

    EXPECT(m != NULL);
    return m;
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
    pc_out(m, 0xcf8, 4, 0x80000000 | slot << 11 | fn << 8 | (off & 0xfc));
    pc_out(m, 0xcfc + (off & 3), size, val);
}

TEST(q35, configuration_by_ports_and_memory)
{
    Machine *m = q35_machine();

    if (!m) {
        return;
    }
    pc_out(m, 0xcf8, 4, 0x80000000);
    EXPECT_EQ(pc_in(m, 0xcfc, 4), 0x29c08086);
    pc_out(m, 0xcf8, 4, 0x8000f800);
    EXPECT_EQ(pc_in(m, 0xcfc, 4), 0x29188086);
    pc_out(m, 0xcf8, 4, 0x8000fa00);
    EXPECT_EQ(pc_in(m, 0xcfc, 4), 0x29228086);
    pc_out(m, 0xcf8, 4, 0x8000fb00);
    EXPECT_EQ(pc_in(m, 0xcfc, 4), 0x29308086);
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
    EXPECT_EQ(pc_in(m, 0xcfd, 1) & 0x50, 0x10);
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
    EXPECT_EQ(pc_in(m, 0x600, 2), 0xffff);
    config(m, 31, 0, 0x40, 4, 0x601);
    config(m, 31, 0, 0x44, 1, 0x80);
    EXPECT_EQ(pc_in(m, 0x604, 2) & 1, 0);
    pc_out(m, 0xb2, 1, 0xf1);
    EXPECT_EQ(pc_in(m, 0x604, 2) & 1, 1);
    EXPECT_EQ(pc_in(m, 0x630, 4) & 0x20, 0x20);
    pc_out(m, 0x628, 4, 0x1234);
    EXPECT_EQ(pc_in(m, 0x628, 4), 0x1234);
    pc_out(m, 0x602, 2, 0x100);
    device_set_input(device_find(m, "/pc/lpc"), "power-button", 0, true);
    EXPECT_EQ(pc_in(m, 0x600, 2) & 0x100, 0x100);
    EXPECT(irq_is_high(device_output(device_find(m, "/pc/lpc"), "sci", 0)));
    pc_out(m, 0x600, 2, 0x100);
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
    pc_out(m, 0x704, 1, 0x51 << 1); /* write byte 7 of the second EEPROM */
    pc_out(m, 0x703, 1, 7);
    pc_out(m, 0x705, 1, 0xa5);
    pc_out(m, 0x702, 1, 0x48);
    EXPECT_EQ(pc_in(m, 0x700, 1), 2);
    pc_out(m, 0x700, 1, 0xff);
    EXPECT_EQ(pc_in(m, 0x700, 1), 0);
    pc_out(m, 0x704, 1, 0x51 << 1 | 1);
    pc_out(m, 0x705, 1, 0);
    pc_out(m, 0x702, 1, 0x48);
    EXPECT_EQ(pc_in(m, 0x705, 1), 0xa5);
    pc_out(m, 0x700, 1, 0xff);
    pc_out(m, 0x704, 1, 0x30 << 1 | 1); /* nobody there */
    pc_out(m, 0x702, 1, 0x48);
    EXPECT_EQ(pc_in(m, 0x700, 1), 4);
    machine_free(m);
}
