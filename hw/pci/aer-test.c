/* SPDX-License-Identifier: Apache-2.0 */
/* Errors of a function below a root port, as the port's driver sees them. */
#include "hw/pci/aer.h"

#include "core/event/loop.h"
#include "hw/pci/bench.h"
#include "tests/unit.h"

extern const DeviceType device_pcie_root_port, device_e1000e;

enum {
    AER = 0x100, /* the first extended capability, of the port and of the card */
    CHILD = PCI_BENCH_ECAM + (1 << 20),
    CHILD_ID = 0x100, /* bus 1, 0.0 */
    ENABLE_ALL = PCI_ERR_ROOT_CMD_COR_EN | PCI_ERR_ROOT_CMD_NONFATAL_EN | PCI_ERR_ROOT_CMD_FATAL_EN,
    REPORT_ALL = PCI_EXP_DEVCTL_CERE | PCI_EXP_DEVCTL_NFERE | PCI_EXP_DEVCTL_FERE,
    SLOT_ON = PCI_EXP_SLTCTL_PWR_IND_ON | PCI_EXP_SLTCTL_ATTN_IND_OFF,
};

typedef struct AerBench {
    Bench *b;
    PciDevice *port, *card;
    unsigned exp; /* the card's PCI Express capability */
} AerBench;

static uint32_t aer_child(AerBench *a, unsigned off, unsigned size)
{
    uint64_t val = 0;

    aspace_load(machine_memory(bench_machine(a->b)), CHILD + off, size, &val, (MemAttrs){ 0 });
    return (uint32_t)val;
}

static void aer_set_child(AerBench *a, unsigned off, unsigned size, uint32_t val)
{
    aspace_store(machine_memory(bench_machine(a->b)), CHILD + off, size, val, (MemAttrs){ 0 });
}

static uint32_t aer_port(AerBench *a, unsigned reg)
{
    return pci_bench_config(a->b, AER + reg, 4);
}

static AerBench aer_bench(void)
{
    g_autoptr(GError) err = NULL;
    AerBench a = { .b =
                       bench_device_setup(&device_pcie_root_port, "slot=5", pci_bench_host, NULL) };
    Machine *m = bench_machine(a.b);
    Device *card;

    bench_no_reload(a.b); /* what comes is none of the bench's */
    a.port = pci_find_function(pci_root(m), 0, 1 << 3);
    EXPECT(a.port != NULL);
    pci_bench_set_config(a.b, PCI_PRIMARY_BUS, 4, 0x010100);
    card = device_make(m, &device_e1000e, NULL, "card");
    EXPECT(device_realize(card, &err));
    bench_run_loop(a.b);
    pci_bench_set_config(a.b, pci_bench_cap(a.b, PCI_CAP_ID_EXP) + PCI_EXP_SLTCTL, 2, SLOT_ON);
    bench_run_loop(a.b);
    a.card = pci_of(card);
    a.exp = a.card->exp_cap;
    EXPECT_EQ(aer_child(&a, AER, 2), PCI_EXT_CAP_ID_ERR);
    EXPECT_EQ(pci_bench_config(a.b, AER, 2), PCI_EXT_CAP_ID_ERR);
    return a;
}

static void aer_listen(AerBench *a)
{
    pci_bench_set_config(a->b, PCI_BRIDGE_CONTROL, 2, PCI_BRIDGE_CTL_SERR);
    pci_bench_set_config(a->b, AER + PCI_ERR_ROOT_COMMAND, 4, ENABLE_ALL);
    aer_set_child(a, a->exp + PCI_EXP_DEVCTL, 2, REPORT_ALL);
}

static void aer_inject(PciDevice *p, uint32_t status, bool correctable, bool advisory)
{
    PcieError e = { status, correctable, advisory, { 1, 2, 3, 4 } };
    g_autoptr(GError) err = NULL;

    EXPECT(pcie_inject_error(p, &e, &err));
}

TEST(pcie_aer, correctable)
{
    AerBench a = aer_bench();

    /* Noted, but nobody wants to be told. */
    aer_inject(a.card, PCI_ERR_COR_BAD_TLP, true, false);
    EXPECT_EQ(aer_child(&a, AER + PCI_ERR_COR_STATUS, 4), PCI_ERR_COR_BAD_TLP);
    EXPECT_EQ(aer_child(&a, a.exp + PCI_EXP_DEVSTA, 2) & 15, PCI_EXP_DEVSTA_CED);
    EXPECT_EQ(aer_port(&a, PCI_ERR_ROOT_STATUS), 0);
    aer_listen(&a);
    aer_inject(a.card, PCI_ERR_COR_RCVR, true, false);
    EXPECT_EQ(aer_port(&a, PCI_ERR_ROOT_STATUS), PCI_ERR_ROOT_COR_RCV);
    EXPECT_EQ(aer_port(&a, PCI_ERR_ROOT_ERR_SRC), CHILD_ID);
    EXPECT(bench_pin(a.b, "intx"));
    aer_inject(a.card, PCI_ERR_COR_RCVR, true, false);
    EXPECT_EQ(aer_port(&a, PCI_ERR_ROOT_STATUS), PCI_ERR_ROOT_COR_RCV | PCI_ERR_ROOT_MULTI_COR_RCV);
    pci_bench_set_config(a.b, AER + PCI_ERR_ROOT_STATUS, 4, ~0u);
    EXPECT_EQ(aer_port(&a, PCI_ERR_ROOT_STATUS), 0);
    EXPECT(!bench_pin(a.b, "intx"));
    /* Masked: it is noted alone. Internal errors are so from the beginning. */
    aer_inject(a.card, PCI_ERR_COR_INTERNAL, true, false);
    EXPECT_EQ(aer_child(&a, AER + PCI_ERR_COR_STATUS, 4),
              PCI_ERR_COR_BAD_TLP | PCI_ERR_COR_RCVR | PCI_ERR_COR_INTERNAL);
    EXPECT_EQ(aer_port(&a, PCI_ERR_ROOT_STATUS), 0);
    bench_end(a.b);
}

TEST(pcie_aer, uncorrectable)
{
    AerBench a = aer_bench();

    aer_listen(&a);
    aer_inject(a.card, PCI_ERR_UNC_COMP_TIME, false, false);
    EXPECT_EQ(aer_child(&a, AER + PCI_ERR_UNCOR_STATUS, 4), PCI_ERR_UNC_COMP_TIME);
    EXPECT_EQ(aer_child(&a, AER + PCI_ERR_CAP, 4) & 0x1f, 14);
    EXPECT_EQ(aer_child(&a, AER + PCI_ERR_HEADER_LOG + 12, 4), 4);
    EXPECT_EQ(aer_child(&a, a.exp + PCI_EXP_DEVSTA, 2) & 15, PCI_EXP_DEVSTA_NFED);
    EXPECT_EQ(aer_port(&a, PCI_ERR_ROOT_STATUS),
              PCI_ERR_ROOT_UNCOR_RCV | PCI_ERR_ROOT_NONFATAL_RCV);
    EXPECT_EQ(aer_port(&a, PCI_ERR_ROOT_ERR_SRC), CHILD_ID << 16);
    EXPECT(pci_bench_config(a.b, PCI_SEC_STATUS, 2) & PCIE_SEC_SYSTEM_ERROR);
    EXPECT(bench_pin(a.b, "intx"));
    /* A second one, fatal: the first one's number stays. */
    aer_inject(a.card, PCI_ERR_UNC_MALF_TLP, false, false);
    EXPECT_EQ(aer_child(&a, AER + PCI_ERR_CAP, 4) & 0x1f, 14);
    EXPECT_EQ(aer_port(&a, PCI_ERR_ROOT_STATUS),
              PCI_ERR_ROOT_UNCOR_RCV | PCI_ERR_ROOT_MULTI_UNCOR_RCV | PCI_ERR_ROOT_NONFATAL_RCV |
                  PCI_ERR_ROOT_FATAL_RCV);
    pci_bench_set_config(a.b, AER + PCI_ERR_ROOT_STATUS, 4, ~0u);
    aer_set_child(&a, AER + PCI_ERR_UNCOR_STATUS, 4, ~0u);
    EXPECT_EQ(aer_child(&a, AER + PCI_ERR_UNCOR_STATUS, 4), 0);
    aer_inject(a.card, PCI_ERR_UNC_DLP, false, false);
    EXPECT_EQ(aer_port(&a, PCI_ERR_ROOT_STATUS),
              PCI_ERR_ROOT_UNCOR_RCV | PCI_ERR_ROOT_FIRST_FATAL | PCI_ERR_ROOT_FATAL_RCV);
    pci_bench_set_config(a.b, AER + PCI_ERR_ROOT_STATUS, 4, ~0u);
    /* Advisory: told as a correctable one, once the driver has taken the mask away. */
    aer_inject(a.card, PCI_ERR_UNC_COMP_TIME, false, true);
    EXPECT_EQ(aer_port(&a, PCI_ERR_ROOT_STATUS), 0);
    aer_set_child(&a, AER + PCI_ERR_COR_MASK, 4, 0);
    aer_inject(a.card, PCI_ERR_UNC_COMP_TIME, false, true);
    EXPECT_EQ(aer_port(&a, PCI_ERR_ROOT_STATUS), PCI_ERR_ROOT_COR_RCV);
    bench_end(a.b);
}

TEST(pcie_aer, port_that_does_not_forward)
{
    AerBench a = aer_bench();

    aer_listen(&a);
    pci_bench_set_config(a.b, PCI_BRIDGE_CONTROL, 2, 0);
    aer_inject(a.card, PCI_ERR_UNC_DLP, false, false);
    EXPECT_EQ(aer_port(&a, PCI_ERR_ROOT_STATUS), 0);
    EXPECT(pci_bench_config(a.b, PCI_SEC_STATUS, 2) & PCIE_SEC_SYSTEM_ERROR);
    /* Its own errors need nobody's leave. */
    pci_bench_set_config(a.b, pci_bench_cap(a.b, PCI_CAP_ID_EXP) + PCI_EXP_DEVCTL, 2, REPORT_ALL);
    aer_inject(a.port, PCI_ERR_COR_RCVR, true, false);
    EXPECT_EQ(aer_port(&a, PCI_ERR_ROOT_STATUS), PCI_ERR_ROOT_COR_RCV);
    EXPECT_EQ(aer_port(&a, PCI_ERR_ROOT_ERR_SRC), 1 << 3);
    bench_end(a.b);
}

TEST(pcie_aer, errors_that_are_none)
{
    AerBench a = aer_bench();
    const PcieError none[] = { { .status = 0 },
                               { .status = 3 << 4 },
                               { .status = 1 },
                               { .status = PCI_ERR_UNC_DLP, .correctable = true } };

    for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
        g_autoptr(GError) err = NULL;

        EXPECT(!pcie_inject_error(a.card, &none[i], &err));
    }
    bench_end(a.b);
}
