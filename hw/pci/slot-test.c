/* SPDX-License-Identifier: Apache-2.0 */
/* A driver of a port's slot: what comes and goes while the machine runs. */
#include "core/event/loop.h"
#include "hw/pci/bench.h"
#include "tests/unit.h"

extern const DeviceType device_pcie_root_port, device_edu;

enum {
    CHILD = PCI_BENCH_ECAM + (1 << 20), /* bus 1, 0.0 */
    EDU_ID = 0x11e81234,
    PRESENT = PCI_EXP_SLTSTA_PDS,
    ON = PCI_EXP_SLTCTL_PWR_IND_ON | PCI_EXP_SLTCTL_ATTN_IND_OFF,
    BLINK = PCI_EXP_SLTCTL_PWR_IND_BLINK | PCI_EXP_SLTCTL_ATTN_IND_OFF,
    OFF = PCI_EXP_SLTCTL_PWR_IND_OFF | PCI_EXP_SLTCTL_ATTN_IND_OFF | PCI_EXP_SLTCTL_PCC,
    LISTEN = PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_ABPE | PCI_EXP_SLTCTL_CCIE,
};

static unsigned slt(Bench *b, unsigned reg)
{
    return pci_bench_cap(b, PCI_CAP_ID_EXP) + reg;
}

static unsigned slt_status(Bench *b)
{
    return pci_bench_config(b, slt(b, PCI_EXP_SLTSTA), 2);
}

static void slt_control(Bench *b, unsigned control)
{
    pci_bench_set_config(b, slt(b, PCI_EXP_SLTCTL), 2, control);
    bench_run_loop(b);
}

static void slt_clear(Bench *b)
{
    pci_bench_set_config(b, slt(b, PCI_EXP_SLTSTA), 2, 0xffff);
    bench_run_loop(b);
}

static uint32_t slt_child(Bench *b)
{
    uint64_t val = 0;

    aspace_load(machine_memory(bench_machine(b)), CHILD, 4, &val, (MemAttrs){ 0 });
    return (uint32_t)val;
}

static void slt_event(void *opaque, const MachineEvent *e)
{
    if (e->kind == EVENT_DEVICE) {
        g_string_append_printf(opaque, "%s\n", e->text);
    }
}

static Device *slt_plug(Bench *b)
{
    g_autoptr(GError) err = NULL;
    Device *edu = device_make(bench_machine(b), &device_edu, NULL, "edu7");

    EXPECT(device_realize(edu, &err)); /* finds the port */
    bench_run_loop(b);
    return edu;
}

static Bench *slt_bench(GString *said)
{
    Bench *b = bench_device_setup(&device_pcie_root_port, "slot=5", pci_bench_host, NULL);

    bench_no_reload(b); /* what comes is none of the bench's */
    machine_listen(bench_machine(b), slt_event, said);
    pci_bench_set_config(b, PCI_PRIMARY_BUS, 4, 0x010100);
    EXPECT_EQ(pci_bench_config(b, slt(b, PCI_EXP_SLTCAP), 4) >> 19, 5);
    EXPECT_EQ(slt_status(b) & PRESENT, 0);
    EXPECT_EQ(pci_bench_config(b, slt(b, PCI_EXP_SLTCTL), 2), OFF);
    slt_control(b, OFF | LISTEN);
    EXPECT(bench_pin(b, "intx")); /* the command is completed */
    slt_clear(b);
    EXPECT(!bench_pin(b, "intx"));
    return b;
}

TEST(pci_slot, comes_and_goes)
{
    g_autoptr(GString) said = g_string_new("");
    g_autoptr(GError) err = NULL;
    Bench *b = slt_bench(said);
    Device *edu = slt_plug(b);

    EXPECT_EQ(slt_status(b), PRESENT | PCI_EXP_SLTSTA_ABP | PCI_EXP_SLTSTA_PDC);
    EXPECT(bench_pin(b, "intx"));
    EXPECT_EQ(slt_child(b), ~0u); /* it has no power yet */
    slt_control(b, ON | LISTEN);
    EXPECT_EQ(slt_child(b), EDU_ID);
    EXPECT(pci_bench_config(b, slt(b, PCI_EXP_LNKSTA), 2) & PCI_EXP_LNKSTA_DLLLA);
    EXPECT(slt_status(b) & PCI_EXP_SLTSTA_DLLSC);
    slt_clear(b);
    EXPECT(device_unplug(edu, &err));
    bench_run_loop(b);
    EXPECT_EQ(slt_status(b), PRESENT | PCI_EXP_SLTSTA_ABP);
    EXPECT(!device_unplug(edu, &err));
    EXPECT(err && strstr(err->message, "already in the process of unplug"));
    g_clear_error(&err);
    slt_control(b, BLINK | LISTEN);
    slt_control(b, BLINK | LISTEN | PCI_EXP_SLTCTL_PCC);
    EXPECT_EQ(slt_child(b), ~0u);
    EXPECT_EQ(said->len, 0);
    slt_control(b, OFF | LISTEN);
    EXPECT_STR(said->str, "DEVICE_DELETED {\"device\": \"edu7\", \"path\": "
                          "\"/machine/peripheral/edu7\"}\n");
    EXPECT_EQ(slt_status(b) & (PRESENT | PCI_EXP_SLTSTA_PDC), PCI_EXP_SLTSTA_PDC);
    EXPECT(!device_find(bench_machine(b), "edu7"));
    /* And another one. */
    edu = slt_plug(b);
    slt_control(b, ON | LISTEN);
    EXPECT_EQ(slt_child(b), EDU_ID);
    bench_end(b);
}

TEST(pci_slot, guest_does_not_let_go)
{
    g_autoptr(GString) said = g_string_new("");
    g_autoptr(GError) err = NULL;
    Bench *b = slt_bench(said);
    Device *edu = slt_plug(b);

    slt_control(b, ON | LISTEN);
    EXPECT(device_unplug(edu, &err));
    bench_run_loop(b);
    slt_control(b, BLINK | LISTEN);
    slt_control(b, ON | LISTEN); /* the button again, within five seconds */
    EXPECT_STR(said->str, "DEVICE_UNPLUG_GUEST_ERROR {\"device\": \"edu7\", \"path\": "
                          "\"/machine/peripheral/edu7\"}\n");
    EXPECT_EQ(slt_child(b), EDU_ID);
    /* Off and on without having been asked: it is still there. */
    slt_control(b, OFF | LISTEN);
    slt_control(b, ON | LISTEN);
    EXPECT_EQ(slt_child(b), EDU_ID);
    /* A reset takes what was asked for. */
    EXPECT(device_unplug(edu, &err));
    bench_run_loop(b);
    bench_reset(b);
    bench_run_loop(b);
    EXPECT(!device_find(bench_machine(b), "edu7"));
    bench_end(b);
}

TEST(pci_slot, without_power_it_goes_at_once)
{
    g_autoptr(GString) said = g_string_new("");
    g_autoptr(GError) err = NULL;
    Bench *b = slt_bench(said);
    Device *edu = slt_plug(b), *other;

    EXPECT(device_unplug(edu, &err));
    bench_run_loop(b);
    EXPECT(!device_find(bench_machine(b), "edu7"));
    EXPECT(strstr(said->str, "DEVICE_DELETED"));
    slt_plug(b);
    /* There is no other port, and the root bus takes nothing now. */
    other = device_make(bench_machine(b), &device_edu, NULL, "edu8");
    EXPECT(!device_realize(other, &err));
    EXPECT(err && strstr(err->message, "no hotplug-capable PCI port is free"));
    g_clear_error(&err);
    device_delete(other, false);
    other = device_make(bench_machine(b), &device_edu, NULL, "edu8");
    device_set_str(other, "bus", "pcie.0");
    EXPECT(!device_realize(other, &err));
    EXPECT(err && strstr(err->message, "does not support hotplugging"));
    bench_end(b);
}

/* Error reporting, then access control, of which the bits that are there can be set. */
TEST(pci_slot, extended_capabilities)
{
    Bench *b = bench_device_setup(&device_pcie_root_port, NULL, pci_bench_host, NULL);
    uint32_t aer = pci_bench_config(b, 0x100, 4);
    unsigned acs = aer >> 20;

    EXPECT_EQ(aer & 0xffff, PCI_EXT_CAP_ID_ERR);
    EXPECT_EQ(pci_bench_config(b, acs, 4), 0x0001000d);
    pci_bench_set_config(b, acs + PCI_ACS_CTRL, 2, 0xffff);
    EXPECT_EQ(pci_bench_config(b, acs + PCI_ACS_CTRL, 2),
              pci_bench_config(b, acs + PCI_ACS_CAP, 2));
    EXPECT_EQ(pci_bench_config(b, acs + PCI_ACS_CAP, 2), 0x1f);
    bench_end(b);
}
