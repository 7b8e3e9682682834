/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/pci/i440fx.h"

#include "tests/pc-machine.h"

static uint8_t byte_at(Machine *m, GuestPhys at)
{
    uint8_t v = 0;

    (void)aspace_read(machine_memory(m), at, &v, 1, (MemAttrs){ 0 });
    return v;
}

TEST(i440fx, configuration_by_ports)
{
    g_autoptr(GError) err = NULL;
    Machine *m = pc_machine_new(&board_pc, &err);

    EXPECT(m != NULL);
    if (!m) {
        return;
    }
    pc_out(m, 0xcf8, 4, 0x80000000);
    EXPECT_EQ(pc_in(m, 0xcfc, 4), 0x12378086);
    EXPECT_EQ(pc_in(m, 0xcfe, 2), 0x1237);
    pc_out(m, 0xcf8, 4, 0x80000800);
    EXPECT_EQ(pc_in(m, 0xcfc, 4), 0x70008086);
    pc_out(m, 0xcf8, 4, 0x80001000); /* nobody there */
    EXPECT_EQ(pc_in(m, 0xcfc, 4), 0xffffffff);
    pc_out(m, 0xcf8, 4, 0); /* not enabled */
    EXPECT_EQ(pc_in(m, 0xcfc, 4), 0xffffffff);
    EXPECT_EQ(pc_in(m, 0x1234, 1), 0xff);
    machine_free(m);
}

TEST(i440fx, shadow_ram)
{
    g_autoptr(GError) err = NULL;
    Machine *m = pc_machine_new(&board_pc, &err);
    uint8_t v = 0x11;

    EXPECT(m != NULL);
    if (!m) {
        return;
    }
    EXPECT_EQ(byte_at(m, 0xf0000), 0xf4); /* the ROM */
    EXPECT_EQ(byte_at(m, 0xffffffff), 0xf4);
    pc_out(m, 0xcf8, 4, 0x80000058);
    pc_out(m, 0xcfd, 1, 0x30); /* F0000h: RAM, both ways */
    (void)aspace_write(machine_memory(m), 0xf0000, &v, 1, (MemAttrs){ 0 });
    EXPECT_EQ(byte_at(m, 0xf0000), 0x11);
    pc_out(m, 0xcfd, 1, 0x10); /* read only */
    v = 0x22;
    (void)aspace_write(machine_memory(m), 0xf0000, &v, 1, (MemAttrs){ 0 });
    EXPECT_EQ(byte_at(m, 0xf0000), 0x11);
    machine_reset(m, RESET_WARM, CAUSE_NONE);
    EXPECT_EQ(byte_at(m, 0xf0000), 0xf4);
    machine_free(m);
}
