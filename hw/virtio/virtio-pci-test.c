/* SPDX-License-Identifier: Apache-2.0 */
/* A driver of virtio-pci: the modern interface with MSI-X, the legacy one with INTx. */
#include "hw/pci/bench.h"
#include "hw/virtio/virtio-pci.h"
#include "tests/unit.h"

#include <linux/virtio_pci.h>

extern const DeviceType device_virtio_rng_pci;

enum {
    RING = BENCH_RAM_BASE, /* a page each: descriptors and available, used, data */
    USED = RING + 0x1000,
    DATA = RING + 0x2000,
    MESSAGE = RING + 0x3000,
    QUEUE = 8,
};

static void vp_store(Bench *b, GuestPhys at, unsigned size, uint64_t val)
{
    aspace_store(machine_memory(bench_machine(b)), at, size, val, (MemAttrs){ 0 });
}

static uint64_t vp_load(Bench *b, GuestPhys at, unsigned size)
{
    uint64_t val = 0;

    aspace_load(machine_memory(bench_machine(b)), at, size, &val, (MemAttrs){ 0 });
    return val;
}

/* One buffer of 64 bytes to be written by the device. */
static void vp_offer(Bench *b)
{
    vp_store(b, RING, 8, DATA);
    vp_store(b, RING + 8, 4, 64);
    vp_store(b, RING + 12, 2, 2);
    vp_store(b, RING + 16 * QUEUE + 4, 2, 0);
    vp_store(b, RING + 16 * QUEUE + 2, 2, 1);
}

/* The first capability of @kind: BAR and offset. */
static uint64_t vp_part(Bench *b, unsigned kind, unsigned *bar)
{
    unsigned at = pci_bench_config(b, PCI_CAPABILITY_LIST, 1);

    for (; at; at = pci_bench_config(b, at + 1, 1)) {
        if (pci_bench_config(b, at, 1) == PCI_CAP_ID_VNDR &&
            pci_bench_config(b, at + VIRTIO_PCI_CAP_CFG_TYPE, 1) == kind) {
            *bar = pci_bench_config(b, at + VIRTIO_PCI_CAP_BAR, 1);
            return pci_bench_config(b, at + VIRTIO_PCI_CAP_OFFSET, 4);
        }
    }
    CHECK(!"no such part");
    return 0;
}

TEST(virtio_pci, modern_with_msix)
{
    Bench *b = pci_bench(&device_virtio_rng_pci, "disable-legacy=on");
    unsigned bar = 0, cap = pci_bench_cap(b, PCI_CAP_ID_MSIX);
    uint64_t common = vp_part(b, VIRTIO_PCI_CAP_COMMON_CFG, &bar);
    uint64_t notify = vp_part(b, VIRTIO_PCI_CAP_NOTIFY_CFG, &bar);

    EXPECT_EQ(pci_bench_config(b, PCI_VENDOR_ID, 4), 0x10441af4);
    EXPECT_EQ(pci_bench_config(b, PCI_REVISION_ID, 1), 1);
    pci_bench_enable(b);
    pci_bench_set_config(b, cap + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
    pci_bench_write(b, 1, 16, 4, MESSAGE); /* vector 1 */
    pci_bench_write(b, 1, 24, 4, 0x77);
    pci_bench_write(b, bar, common + VIRTIO_PCI_COMMON_STATUS, 1, 3);
    pci_bench_write(b, bar, common + VIRTIO_PCI_COMMON_GFSELECT, 4, 1);
    pci_bench_write(b, bar, common + VIRTIO_PCI_COMMON_GF, 4, 1); /* VIRTIO_F_VERSION_1 */
    pci_bench_write(b, bar, common + VIRTIO_PCI_COMMON_STATUS, 1, 11);
    EXPECT_EQ(pci_bench_read(b, bar, common + VIRTIO_PCI_COMMON_STATUS, 1), 11);
    EXPECT_EQ(pci_bench_read(b, bar, common + VIRTIO_PCI_COMMON_NUMQ, 2), 1);
    pci_bench_write(b, bar, common + VIRTIO_PCI_COMMON_Q_MSIX, 2, 9); /* there is none */
    EXPECT_EQ(pci_bench_read(b, bar, common + VIRTIO_PCI_COMMON_Q_MSIX, 2), 0xffff);
    pci_bench_write(b, bar, common + VIRTIO_PCI_COMMON_Q_MSIX, 2, 1);
    pci_bench_write(b, bar, common + VIRTIO_PCI_COMMON_Q_DESCLO, 8, RING);
    pci_bench_write(b, bar, common + VIRTIO_PCI_COMMON_Q_AVAILLO, 4, RING + 16 * QUEUE);
    pci_bench_write(b, bar, common + VIRTIO_PCI_COMMON_Q_USEDLO, 4, USED);
    pci_bench_write(b, bar, common + VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
    pci_bench_write(b, bar, common + VIRTIO_PCI_COMMON_STATUS, 1, 15);
    vp_offer(b);
    pci_bench_write(b, bar, notify, 2, 0);
    EXPECT_EQ(vp_load(b, USED + 2, 2), 1);
    EXPECT_EQ(vp_load(b, USED + 8, 4), 64);
    EXPECT(vp_load(b, DATA, 8) != 0);
    EXPECT_EQ(vp_load(b, MESSAGE, 8), 0); /* the vector is masked */
    pci_bench_write(b, 1, 28, 4, 0);
    EXPECT_EQ(vp_load(b, MESSAGE, 8), 0x77);
    EXPECT(!bench_pin(b, "intx"));
    pci_bench_write(b, bar, common + VIRTIO_PCI_COMMON_STATUS, 1, 0);
    EXPECT_EQ(pci_bench_read(b, bar, common + VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
    bench_end(b);
}

TEST(virtio_pci, legacy_with_a_pin)
{
    Bench *b = pci_bench(&device_virtio_rng_pci, "disable-modern=on,vectors=0");

    EXPECT_EQ(pci_bench_config(b, PCI_VENDOR_ID, 4), 0x10051af4);
    EXPECT_EQ(pci_bench_config(b, PCI_SUBSYSTEM_ID, 2), 4);
    pci_bench_enable(b);
    EXPECT_EQ(pci_bench_read(b, 0, VIRTIO_PCI_QUEUE_NUM, 2), QUEUE);
    pci_bench_write(b, 0, VIRTIO_PCI_QUEUE_PFN, 4, RING >> 12);
    pci_bench_write(b, 0, VIRTIO_PCI_STATUS, 1, 7);
    vp_offer(b);
    pci_bench_write(b, 0, VIRTIO_PCI_QUEUE_NOTIFY, 2, 0);
    EXPECT_EQ(vp_load(b, USED + 2, 2), 1);
    EXPECT(bench_pin(b, "intx"));
    EXPECT_EQ(pci_bench_read(b, 0, VIRTIO_PCI_ISR, 1), 1);
    EXPECT(!bench_pin(b, "intx"));
    pci_bench_write(b, 0, VIRTIO_PCI_STATUS, 1, 0);
    EXPECT_EQ(pci_bench_read(b, 0, VIRTIO_PCI_QUEUE_PFN, 4), 0);
    bench_end(b);
}

TEST(virtio_pci, no_dma_without_bus_master)
{
    Bench *b = pci_bench(&device_virtio_rng_pci, "disable-modern=on");

    pci_bench_enable(b);
    pci_bench_write(b, 0, VIRTIO_PCI_QUEUE_PFN, 4, RING >> 12);
    pci_bench_write(b, 0, VIRTIO_PCI_STATUS, 1, 7);
    pci_bench_set_config(b, PCI_COMMAND, 2, PCI_COMMAND_IO);
    vp_offer(b);
    pci_bench_write(b, 0, VIRTIO_PCI_QUEUE_NOTIFY, 2, 0);
    EXPECT_EQ(vp_load(b, USED + 2, 2), 0);
    EXPECT_EQ(vp_load(b, DATA, 8), 0);
    bench_end(b);
}

/* Firmware reaches the BAR before it has an address. */
TEST(virtio_pci, window_in_configuration_space)
{
    Bench *b = pci_bench(&device_virtio_rng_pci, "disable-legacy=on");
    unsigned bar = 0, cap = pci_bench_cap(b, PCI_CAP_ID_VNDR), at = 0;

    for (; cap; cap = pci_bench_config(b, cap + 1, 1)) {
        if (pci_bench_config(b, cap, 1) == PCI_CAP_ID_VNDR &&
            pci_bench_config(b, cap + VIRTIO_PCI_CAP_CFG_TYPE, 1) == VIRTIO_PCI_CAP_PCI_CFG) {
            at = cap;
        }
    }
    EXPECT(at != 0);
    EXPECT_EQ(pci_bench_config(b, at + 16, 4), 0);
    EXPECT_EQ(vp_part(b, VIRTIO_PCI_CAP_COMMON_CFG, &bar), 0);
    pci_bench_set_config(b, at + VIRTIO_PCI_CAP_BAR, 1, bar);
    pci_bench_set_config(b, at + VIRTIO_PCI_CAP_OFFSET, 4, VIRTIO_PCI_COMMON_NUMQ);
    pci_bench_set_config(b, at + VIRTIO_PCI_CAP_LENGTH, 4, 2);
    EXPECT_EQ(pci_bench_config(b, at + 16, 2), 1);
    pci_bench_set_config(b, at + VIRTIO_PCI_CAP_OFFSET, 4, VIRTIO_PCI_COMMON_STATUS);
    pci_bench_set_config(b, at + VIRTIO_PCI_CAP_LENGTH, 4, 1);
    pci_bench_set_config(b, at + 16, 1, 3);
    EXPECT_EQ(pci_bench_config(b, at + 16, 1), 3);
    pci_bench_set_config(b, at + 16, 1, 0);
    EXPECT_EQ(pci_bench_config(b, at + 16, 1), 0);
    /* Nothing of what makes no sense. */
    pci_bench_set_config(b, at + VIRTIO_PCI_CAP_LENGTH, 4, 3);
    pci_bench_set_config(b, at + 16, 4, 3);
    pci_bench_set_config(b, at + VIRTIO_PCI_CAP_LENGTH, 4, 4);
    pci_bench_set_config(b, at + VIRTIO_PCI_CAP_OFFSET, 4, 0xfffffffd);
    pci_bench_set_config(b, at + 16, 4, 3);
    pci_bench_set_config(b, at + VIRTIO_PCI_CAP_OFFSET, 4, VIRTIO_PCI_COMMON_STATUS);
    pci_bench_set_config(b, at + VIRTIO_PCI_CAP_LENGTH, 4, 1);
    EXPECT_EQ(pci_bench_config(b, at + 16, 1), 0);
    bench_end(b);
}
