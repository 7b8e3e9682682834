/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public configuration and status registers of a Loongson 3A4000 that say what it is; RDCSR
 * reads them by their offset. Spec: Loongson 3A3000/3B3000 Processor User Manual, "Chip
 * configuration and control registers"; bits as Linux' mach-loongson64/loongson_regs.h has them.
 */
#include "core/device.h"

enum { CSR_BYTES = 0x100, CSR_FEATURE_IPI = 1 << 4 };

typedef struct LoongsonCsr {
    Device dev;
} LoongsonCsr;

static uint64_t csr_text(const char *text)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < 8 && text[i]; i++) {
        v |= (uint64_t)(uint8_t)text[i] << 8 * i;
    }
    return v;
}

/* Inter-core interrupts go by IPI_SEND and MAIL_SEND; no sensors, no extended router. */
static uint64_t csr_features(Device *dev)
{
    return CSR_FEATURE_IPI;
}

static uint64_t csr_vendor(Device *dev)
{
    return csr_text("Loongson");
}

static uint64_t csr_name(Device *dev)
{
    return csr_text("3A4000");
}

static const Reg csr_regs[] = {
    /* of the package, not of a core */
    { 0x08, "CSR_FEATURES", .read = csr_features, .silent_write = true },
    { 0x10, "CSR_VENDOR", .size = 8, .read = csr_vendor, .silent_write = true },
    { 0x20, "CSR_CPUNAME", .size = 8, .read = csr_name, .silent_write = true },
};

const DeviceType device_loongson_csr = {
    .name = "loongson_csr",
    .doc = "what a Loongson 3A4000 says of itself",
    .size = sizeof(LoongsonCsr),
    .mmio_size = CSR_BYTES,
    .regs = TABLE(csr_regs),
};
