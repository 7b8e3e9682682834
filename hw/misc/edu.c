/* SPDX-License-Identifier: Apache-2.0 */
/*
 * edu: a PCI function to learn driver writing with: identification, a factorial, interrupts, DMA.
 * Spec: QEMU documentation, "EDU device".
 */
#include "hw/pci/pci.h"
#include "util/bytes.h"

#include <inttypes.h>

enum {
    EDU_BAR_SIZE = 1 << 20,
    EDU_BUFFER_AT = 0x40000,
    EDU_BUFFER_SIZE = 4096,
    EDU_COMPUTING = 0x01,
    EDU_STATUS_IRQ = 0x80,
    EDU_IRQ_FACTORIAL = 0x001,
    EDU_IRQ_DMA = 0x100,
    EDU_DMA_RUN = 1,
    EDU_DMA_FROM_BUFFER = 2,
    EDU_DMA_IRQ = 4,
    EDU_FACTORIAL_NS = 10000,
    EDU_DMA_NS = 1000000,
};

typedef struct Edu {
    PciDevice pci;
    uint64_t dma_mask; /* property */
    uint32_t live, factorial, status, irq_status;
    uint64_t dma_src, dma_dst, dma_count, dma_command;
    uint8_t buffer[EDU_BUFFER_SIZE];
    Timer factorial_timer, dma_timer;
} Edu;

static void edu_raise(Edu *s, uint32_t bits)
{
    s->irq_status |= bits;
    if (s->irq_status) {
        pci_set_intx(&s->pci, true);
        pci_msg_notify(&s->pci, 0);
    }
}

/* ---- Registers ---- */

static uint64_t edu_id_read(Device *dev)
{
    return 0x010000ed; /* version 1.0 */
}

static uint64_t edu_live_read(Device *dev)
{
    return ~device_as(dev, Edu)->live;
}

static void edu_factorial_write(Device *dev, uint64_t val)
{
    Edu *s = device_as(dev, Edu);

    if (!(s->status & EDU_COMPUTING)) {
        s->factorial = (uint32_t)val;
        s->status |= EDU_COMPUTING;
        timer_arm_in(&s->factorial_timer, EDU_FACTORIAL_NS);
    }
}

static void edu_factorial_done(Device *dev)
{
    Edu *s = device_as(dev, Edu);
    uint32_t product = 1;

    /* From 34 on the product is 0 modulo 2^32. */
    for (uint32_t n = s->factorial; n > 1 && product; n--) {
        product *= n;
    }
    s->factorial = product;
    s->status &= ~(uint32_t)EDU_COMPUTING;
    if (s->status & EDU_STATUS_IRQ) {
        edu_raise(s, EDU_IRQ_FACTORIAL);
    }
}

static void edu_raise_write(Device *dev, uint64_t val)
{
    edu_raise(device_as(dev, Edu), (uint32_t)val);
}

static void edu_ack_write(Device *dev, uint64_t val)
{
    Edu *s = device_as(dev, Edu);

    s->irq_status &= ~(uint32_t)val;
    pci_set_intx(&s->pci, s->irq_status != 0);
}

/* ---- DMA ---- */

static void edu_command_write(Device *dev, uint64_t val)
{
    Edu *s = device_as(dev, Edu);

    if (s->dma_command & EDU_DMA_RUN) {
        return;
    }
    s->dma_command = val & (EDU_DMA_RUN | EDU_DMA_FROM_BUFFER | EDU_DMA_IRQ);
    if (val & EDU_DMA_RUN) {
        timer_arm_in(&s->dma_timer, EDU_DMA_NS);
    }
}

/* The place in the buffer; NULL: not wholly in it. */
static uint8_t *edu_buffer(Edu *s, uint64_t addr)
{
    uint64_t at = addr - EDU_BUFFER_AT;

    if (at >= EDU_BUFFER_SIZE || s->dma_count > EDU_BUFFER_SIZE - at) {
        guest_error(&s->pci.dev,
                    "DMA of %" PRIu64 " bytes at 0x%" PRIx64 " of the device: its "
                    "buffer is 0x%x to 0x%x",
                    s->dma_count, addr, EDU_BUFFER_AT, EDU_BUFFER_AT + EDU_BUFFER_SIZE - 1);
        return NULL;
    }
    return s->buffer + at;
}

static void edu_dma_done(Device *dev)
{
    Edu *s = device_as(dev, Edu);
    bool out = s->dma_command & EDU_DMA_FROM_BUFFER;
    uint8_t *at = edu_buffer(s, out ? s->dma_src : s->dma_dst);
    uint64_t gpa = (out ? s->dma_dst : s->dma_src) & s->dma_mask;

    if (at && (out ? device_dma_write(dev, gpa, at, s->dma_count)
                   : device_dma_read(dev, gpa, at, s->dma_count)) != MEM_OK) {
        guest_error(dev, "DMA of %" PRIu64 " bytes at 0x%" PRIx64 " fails", s->dma_count, gpa);
    }
    s->dma_command &= ~(uint64_t)EDU_DMA_RUN;
    if (s->dma_command & EDU_DMA_IRQ) {
        edu_raise(s, EDU_IRQ_DMA);
    }
}

static const Reg edu_regs[] = {
    { 0x00, "id", .read = edu_id_read },
    { 0x04, "live", AT(Edu, live), .rw = ~0u, .read = edu_live_read },
    { 0x08, "factorial", AT(Edu, factorial), .write = edu_factorial_write },
    { 0x20, "status", AT(Edu, status), .rw = EDU_STATUS_IRQ },
    { 0x24, "irq_status", AT(Edu, irq_status) },
    { 0x60, "irq_raise", .write = edu_raise_write },
    { 0x64, "irq_ack", .write = edu_ack_write },
    { 0x80, "dma_src", AT(Edu, dma_src), .rw = ~0ull },
    { 0x88, "dma_dst", AT(Edu, dma_dst), .rw = ~0ull },
    { 0x90, "dma_count", AT(Edu, dma_count), .rw = ~0ull },
    { 0x98, "dma_command", AT(Edu, dma_command), .write = edu_command_write },
};

static const RegionType edu_regions[] = {
    { .name = "edu", .regs = TABLE(edu_regs), .access_min = 4, .access_max = 8 },
};

static const PciType edu_type = {
    .vendor = 0x1234,
    .device = 0x11e8,
    .revision = 0x10,
    .class_code = 0x00ff00,
    .intx = 1,
};

static bool edu_start(Device *dev, GError **err)
{
    PciDevice *p = pci_of(dev);

    if (!pci_plug(p, err)) {
        return false;
    }
    pci_add_bar_region(p, 0, PCI_BASE_ADDRESS_SPACE_MEMORY, 0, EDU_BAR_SIZE);
    pci_add_msi(p, 1, false);
    return true;
}

static const Field edu_fields[] = {
    { "dma_mask", FIELD_PROP, TYPE_U64, FIELD_AT(Edu, dma_mask, 8), .def = (1 << 28) - 1,
      .doc = "bits of memory addresses that it can use" },
    STATE_ARRAY(Edu, buffer),
    STATE_TIMER(Edu, factorial_timer, edu_factorial_done),
    STATE_TIMER(Edu, dma_timer, edu_dma_done),
};

const DeviceType device_edu = {
    .name = "edu",
    .doc = "PCI function to learn with",
    .base = &device_pci,
    .size = sizeof(Edu),
    .regions = edu_regions,
    .n_regions = ARRAY_SIZE(edu_regions),
    .fields = TABLE(edu_fields),
    .user_creatable = true,
    .start = edu_start,
    .extra = &edu_type,
};
