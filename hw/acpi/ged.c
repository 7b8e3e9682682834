/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Generic Event Device (ACPI0013): an interrupt, and a register that tells which events it was
 * for and forgets them when it is read.
 * A second window has the registers of hardware-reduced ACPI for boards that name them in their
 * FADT: sleep control, sleep status, reset.
 * Spec: ACPI Specification 6.4, ch. 5.6.9, 4.8.3.6 (reset), 4.8.3.7 (sleep); the register as the
 * tables of QEMU's `virt` have it (_EVT reads ESEL and looks at its bits).
 */
#include "hw/acpi/ged.h"

enum {
    GED_POWER_BUTTON = 1 << 1,
    GED_SLEEP_CONTROL = 0,
    GED_RESET = 2,
    SLP_EN = 1 << 5,
    SLP_TYP_SHIFT = 2,
    SLP_TYP_MASK = 7,
};

typedef struct Ged {
    Device dev;
    uint32_t pending;
    Irq out;
} Ged;

static uint64_t ged_sel_read(Device *dev)
{
    Ged *s = device_as(dev, Ged);
    uint32_t pending = s->pending;

    s->pending = 0;
    return pending;
}

static void ged_power(Device *dev, unsigned n, bool level)
{
    device_as(dev, Ged)->pending |= GED_POWER_BUTTON;
}

/* The tables say that an edge counts: one more event before the register is read is read with the
 * first. */
static void ged_settle(Device *dev)
{
    Ged *s = device_as(dev, Ged);

    irq_set(&s->out, s->pending != 0);
}

static const Reg ged_regs[] = {
    { 0x0, "ESEL", .size = 4, .read = ged_sel_read, .silent_write = true,
      .doc = "events since it was read last; 1: power button" },
};

static MemResult ged_power_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                uint64_t *val)
{
    *val = 0; /* no sleep that it wakes from: WAK_STS is never set */
    return MEM_OK;
}

static MemResult ged_power_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                 uint64_t val)
{
    unsigned type = val >> SLP_TYP_SHIFT & SLP_TYP_MASK;

    if (off == GED_RESET && val == GED_RESET_VALUE) {
        machine_reset_request(dev->machine, CAUSE_GUEST_RESET);
    } else if (off == GED_SLEEP_CONTROL && val & SLP_EN) {
        if (type == GED_S5_TYPE) {
            machine_shutdown_request(dev->machine, CAUSE_GUEST_SHUTDOWN);
        } else {
            guest_error(dev, "sleep type %u is none of the tables'", type);
        }
    }
    return MEM_OK;
}

static const RegionType ged_regions[] = {
    { .name = "sel", .size = 4, .regs = TABLE(ged_regs) },
    { .name = "power",
      .size = GED_POWER_BYTES,
      .read = ged_power_read,
      .write = ged_power_write,
      .access_max = 1 },
};

static const Field ged_fields[] = {
    STATE_U32(Ged, pending),
    PIN_IN_EDGE("power", ged_power, .count = 1, .doc = "somebody presses the power button"),
    PIN_OUT(Ged, out),
};

const DeviceType device_acpi_ged = {
    .name = "acpi-ged",
    .doc = "ACPI's generic event device",
    .size = sizeof(Ged),
    .regions = ged_regions,
    .n_regions = ARRAY_SIZE(ged_regions),
    .fields = TABLE(ged_fields),
    .settle = ged_settle,
};

void aml_ged(Aml *a, const char *name, uint32_t gsi, uint32_t base)
{
    unsigned mark = aml_device_begin(a, name), part, cond;

    aml_name_str(a, "_HID", "ACPI0013");
    aml_name_str(a, "_UID", "GED");
    aml_name(a, "_CRS");
    part = aml_resources_begin(a);
    aml_interrupt_edge(a, gsi);
    aml_resources_end(a, part);
    aml_memory_dword(a, "EREG", "ESEL", base);
    part = aml_method_begin(a, "_EVT", 1, true);
    aml_store(a);
    aml_ref(a, "ESEL");
    aml_local(a, 0);
    cond = aml_if_begin(a);
    aml_equal(a);
    aml_and(a);
    aml_local(a, 0);
    aml_int(a, GED_POWER_BUTTON);
    aml_nowhere(a);
    aml_int(a, GED_POWER_BUTTON);
    aml_notify(a, "PWRB", 0x80);
    aml_end(a, cond);
    aml_end(a, part);
    aml_end(a, mark);
}
