/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/pci/bench.h"
#include "tests/unit.h"

extern const DeviceType device_pvpanic_pci, device_pvpanic_isa;

static void pvp_event(void *opaque, const MachineEvent *e)
{
    if (e->kind == EVENT_GUEST_PANICKED) {
        g_string_append(opaque, "panicked ");
    } else if (e->kind == EVENT_DEVICE) {
        g_string_append(opaque, e->text);
    }
}

static Bench *pvp_bench(const char *props, GString *said)
{
    Bench *b = pci_bench(&device_pvpanic_pci, props);

    bench_no_reload(b); /* who listens does so in this machine alone */
    machine_set_actions(bench_machine(b), (MachineActions){ .panic = PANIC_NONE });
    machine_listen(bench_machine(b), pvp_event, said);
    EXPECT_EQ(pci_bench_config(b, PCI_VENDOR_ID, 4), 0x00111b36);
    pci_bench_enable(b);
    return b;
}

TEST(pvpanic, tells)
{
    g_autoptr(GString) said = g_string_new("");
    Bench *b = pvp_bench(NULL, said);

    EXPECT_EQ(pci_bench_read(b, 0, 0, 1), 3);
    pci_bench_write(b, 0, 0, 1, 0xfc);
    EXPECT_STR(said->str, "");
    pci_bench_write(b, 0, 0, 1, 2);
    EXPECT_STR(said->str, "GUEST_CRASHLOADED {\"action\": \"run\"}");
    g_string_truncate(said, 0);
    pci_bench_write(b, 0, 0, 1, 1);
    EXPECT_STR(said->str, "panicked ");
    bench_end(b);
}

TEST(pvpanic, tells_what_it_may)
{
    g_autoptr(GString) said = g_string_new("");
    Bench *b = pvp_bench("events=2", said);

    EXPECT_EQ(pci_bench_read(b, 0, 0, 1), 2);
    pci_bench_write(b, 0, 0, 1, 1);
    EXPECT_STR(said->str, "");
    bench_end(b);
}

TEST(pvpanic, at_a_port)
{
    g_autoptr(GString) said = g_string_new("");
    Bench *b = bench_device_type(&device_pvpanic_isa, NULL);

    bench_no_reload(b);
    machine_set_actions(bench_machine(b), (MachineActions){ .panic = PANIC_NONE });
    machine_listen(bench_machine(b), pvp_event, said);
    EXPECT_EQ(bench_read(b, "EVENTS"), 3);
    bench_write(b, "EVENTS", 1);
    EXPECT_STR(said->str, "panicked ");
    bench_end(b);
}
