/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DSDT of PCs: PCI's bridge with its windows and interrupts, what is on the ISA bus, sleep
 * states, CPUs.
 * Spec: ACPI Specification 6.4, ch. 6 (device objects), 9.9 and 9.13 (devices), 7.4 (sleep states).
 */
#include "hw/board/pc-acpi-priv.h"

enum {
    PCI_SLOTS = 32,
    PCI_PINS = 4,
    PCI_CONFIG_PORT = 0xcf8,
    IOAPIC_BASE = 0xfec00000, /* PCI's window below 4 GiB ends here */
    HPET_BASE = 0xfed00000,
    HPET_BYTES = 0x400,
    FW_CFG_PORT = 0x510,
    FW_CFG_BYTES = 12,
    GPE_PIIX = 0xafe0,
    GPE_ICH9 = 0x620,
    LINK_OFF = 0x80,
    STA_ALL = 0x0f,
    STA_HIDDEN = 0x0b,   /* present, enabled, not shown, works */
    STA_DISABLED = 0x09, /* present, works */
    SCI_LINE = 9,
    ICH9_FIRST_GSI = 16,
};

/* ---- Small pieces ---- */

static unsigned dsdt_device(Aml *a, const char *name, const char *eisa)
{
    unsigned mark = aml_device_begin(a, name);

    aml_name_eisa(a, "_HID", eisa);
    return mark;
}

static void dsdt_return_int(Aml *a, uint64_t val)
{
    aml_return(a);
    aml_int(a, val);
}

/* A package of small numbers. */
static void dsdt_numbers(Aml *a, const char *name, const uint8_t *values, unsigned n)
{
    unsigned mark;

    aml_name(a, name);
    mark = aml_package_begin(a, n);
    for (unsigned i = 0; i < n; i++) {
        aml_int(a, values[i]);
    }
    aml_end(a, mark);
}

/* A device that only keeps ports from others. */
static void dsdt_reserved(Aml *a, const char *name, const char *uid, uint16_t port, uint8_t len)
{
    unsigned mark = aml_device_begin(a, name), crs;

    aml_name_str(a, "_HID", "PNP0A06");
    aml_name_str(a, "_UID", uid);
    aml_name_int(a, "_STA", STA_HIDDEN);
    aml_name(a, "_CRS");
    crs = aml_resources_begin(a);
    aml_io(a, port, len);
    aml_resources_end(a, crs);
    aml_end(a, mark);
}

/* ---- Interrupts of PCI ---- */

/* 0 to 7: the link of @pin of @slot, as the boards are wired. */
static unsigned dsdt_link(const PcAcpi *p, unsigned slot, unsigned pin)
{
    if (!p->express) {
        return (slot + pin + PCI_PINS - 1) % PCI_PINS; /* A to D */
    }
    if (slot < 25) {
        return 4 + (slot + pin) % PCI_PINS; /* E to H */
    }
    return pin + (slot == 30 ? 4 : 0);
}

/* @prefix: "LNK", or "GSI" for lines of the I/O APIC. */
static void dsdt_route(Aml *a, const PcAcpi *p, const char *prefix)
{
    unsigned table = aml_package_begin(a, PCI_SLOTS * PCI_PINS), row;

    for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
        for (unsigned pin = 0; pin < PCI_PINS; pin++) {
            g_autofree char *link = g_strdup_printf("%s%c", prefix, 'A' + dsdt_link(p, slot, pin));
            bool pm = !p->express && slot == 1 && pin == 0; /* the SCI's pin of PIIX4 */

            row = aml_package_begin(a, 4);
            aml_int(a, slot << 16 | 0xffff);
            aml_int(a, pin);
            aml_ref(a, pm ? "LNKS" : link);
            aml_int(a, 0);
            aml_end(a, row);
        }
    }
    aml_end(a, table);
}

/* The routing table; on ICH9 another one when the guest has said that it uses the I/O APIC. */
static void dsdt_prt(Aml *a, const PcAcpi *p)
{
    unsigned method, cond;

    if (!p->express) {
        aml_name(a, "_PRT");
        dsdt_route(a, p, "LNK");
        return;
    }
    aml_name(a, "PRTP");
    dsdt_route(a, p, "LNK");
    aml_name(a, "PRTA");
    dsdt_route(a, p, "GSI");
    method = aml_method_begin(a, "_PRT", 0, false);
    cond = aml_if_begin(a);
    aml_ref(a, "PICF");
    aml_return(a);
    aml_ref(a, "PRTA");
    aml_end(a, cond);
    aml_return(a);
    aml_ref(a, "PRTP");
    aml_end(a, method);
}

static void dsdt_pic(Aml *a)
{
    unsigned method;

    aml_name_int(a, "PICF", 0);
    method = aml_method_begin(a, "_PIC", 1, false);
    aml_store(a);
    aml_arg(a, 0);
    aml_ref(a, "PICF");
    aml_end(a, method);
}

/* What links make of their register: a status, and resources. */
static void dsdt_link_methods(Aml *a)
{
    static const uint8_t none[] = { 0 };
    unsigned method = aml_method_begin(a, "IQST", 1, false), part;

    part = aml_if_begin(a);
    aml_and(a);
    aml_arg(a, 0);
    aml_int(a, LINK_OFF);
    aml_nowhere(a);
    dsdt_return_int(a, STA_DISABLED);
    aml_end(a, part);
    dsdt_return_int(a, STA_HIDDEN);
    aml_end(a, method);

    method = aml_method_begin(a, "IQCR", 1, true);
    aml_name(a, "PRR0");
    part = aml_resources_begin(a);
    aml_interrupts(a, none, 1);
    aml_resources_end(a, part);
    aml_dword_field_of(a, "PRR0", 5, "PRRI");
    part = aml_if_begin(a);
    aml_less(a);
    aml_arg(a, 0);
    aml_int(a, LINK_OFF);
    aml_store(a);
    aml_arg(a, 0);
    aml_ref(a, "PRRI");
    aml_end(a, part);
    aml_return(a);
    aml_ref(a, "PRR0");
    aml_end(a, method);
}

/* Return (@method (@reg)) */
static void dsdt_return_call(Aml *a, const char *method, const char *reg)
{
    aml_return(a);
    aml_ref(a, method);
    aml_ref(a, reg);
}

/* A link to one of ISA's lines, by register @reg of the bridge. */
static void dsdt_isa_link(Aml *a, unsigned n, const char *reg)
{
    static const uint8_t lines[] = { 5, 10, 11 };
    g_autofree char *name = g_strdup_printf("LNK%c", 'A' + n);
    unsigned mark = dsdt_device(a, name, "PNP0C0F"), part;

    aml_name_int(a, "_UID", n);
    aml_name(a, "_PRS");
    part = aml_resources_begin(a);
    aml_interrupts(a, lines, sizeof(lines));
    aml_resources_end(a, part);
    part = aml_method_begin(a, "_STA", 0, false);
    dsdt_return_call(a, "IQST", reg);
    aml_end(a, part);
    part = aml_method_begin(a, "_DIS", 0, false);
    aml_set_bits(a, reg, LINK_OFF);
    aml_end(a, part);
    part = aml_method_begin(a, "_CRS", 0, false);
    dsdt_return_call(a, "IQCR", reg);
    aml_end(a, part);
    part = aml_method_begin(a, "_SRS", 1, false);
    aml_dword_field(a, 0, 5, "PRRI");
    aml_store(a);
    aml_ref(a, "PRRI");
    aml_ref(a, reg);
    aml_end(a, part);
    aml_end(a, mark);
}

/* A link that leads to line @gsi and nowhere else. */
static void dsdt_fixed_link(Aml *a, const char *name, unsigned uid, uint8_t gsi)
{
    unsigned mark = dsdt_device(a, name, "PNP0C0F"), part;

    aml_name_int(a, "_UID", uid);
    for (unsigned k = 0; k < 2; k++) {
        aml_name(a, k ? "_CRS" : "_PRS");
        part = aml_resources_begin(a);
        aml_interrupts(a, &gsi, 1);
        aml_resources_end(a, part);
    }
    part = aml_method_begin(a, "_DIS", 0, false);
    aml_end(a, part);
    part = aml_method_begin(a, "_SRS", 1, false);
    aml_end(a, part);
    aml_end(a, mark);
}

static void dsdt_links(Aml *a, const PcAcpi *p)
{
    static const char *const piix[] = { "PRQ0", "PRQ1", "PRQ2", "PRQ3" };
    static const char *const ich9[] = { "PRQA", "PRQB", "PRQC", "PRQD",
                                        "PRQE", "PRQF", "PRQG", "PRQH" };

    dsdt_link_methods(a);
    for (unsigned i = 0; i < (p->express ? 8 : PCI_PINS); i++) {
        dsdt_isa_link(a, i, p->express ? ich9[i] : piix[i]);
    }
    if (!p->express) {
        dsdt_fixed_link(a, "LNKS", PCI_PINS, SCI_LINE);
        return;
    }
    for (unsigned i = 0; i < 8; i++) {
        g_autofree char *name = g_strdup_printf("GSI%c", 'A' + i);

        dsdt_fixed_link(a, name, ICH9_FIRST_GSI + i, (uint8_t)(ICH9_FIRST_GSI + i));
    }
}

/* The bridge's registers of the links, under names of \_SB. */
static void dsdt_link_registers(Aml *a, const PcAcpi *p)
{
    static const char *const ich9[] = { "PRQA", "PRQB", "PRQC", "PRQD", NULL,
                                        "PRQE", "PRQF", "PRQG", "PRQH" };
    static const char *const piix[] = { "PRQ0", "PRQ1", "PRQ2", "PRQ3" };
    const char *const *names = p->express ? ich9 : piix;
    unsigned scope, field;

    aml_region(a, "PIRQ", AML_SPACE_PCI_CONFIG, 0x60, p->express ? 12 : 4);
    scope = aml_scope_begin(a, "\\_SB");
    field = aml_field_begin(a, "PCI0.ISA.PIRQ", 1);
    for (unsigned i = 0; i < (p->express ? ARRAY_SIZE(ich9) : ARRAY_SIZE(piix)); i++) {
        aml_field(a, names[i], names[i] ? 8 : 32);
    }
    aml_end(a, field);
    aml_end(a, scope);
}

/* ---- The ISA bus ---- */

typedef struct IsaEntry {
    const char *name, *eisa;
    unsigned uid; /* 0: none */
    uint16_t port[2];
    uint8_t len, irq;
} IsaEntry;

static void dsdt_isa_entry(Aml *a, const IsaEntry *e)
{
    unsigned mark = dsdt_device(a, e->name, e->eisa), crs;

    if (e->uid) {
        aml_name_int(a, "_UID", e->uid);
    }
    aml_name_int(a, "_STA", STA_ALL);
    aml_name(a, "_CRS");
    crs = aml_resources_begin(a);
    for (unsigned i = 0; i < 2 && e->port[i]; i++) {
        aml_io(a, e->port[i], e->len);
    }
    aml_irq(a, e->irq);
    aml_resources_end(a, crs);
    aml_end(a, mark);
}

/* Spec: 9.9 (_FDE); _FDI says the same of every drive: 2.88 MB. */
static void dsdt_floppy(Aml *a, uint8_t drives)
{
    static const uint8_t info[] = { 0,    5,  0x4f, 0x30, 1,    0xaf, 2,    0x25,
                                    0x02, 18, 0x1b, 0xff, 0x6c, 0xf6, 0x0f, 8 };
    unsigned mark = dsdt_device(a, "FDC0", "PNP0700"), part;
    uint8_t enumerate[20] = { drives & 1, [4] = drives >> 1 & 1, [16] = 2 /* no tape told */ };

    aml_name(a, "_CRS");
    part = aml_resources_begin(a);
    aml_io(a, 0x3f2, 4);
    aml_io(a, 0x3f7, 1);
    aml_irq(a, 6);
    aml_dma(a, 2);
    aml_resources_end(a, part);
    for (unsigned i = 0; i < 2; i++) {
        uint8_t own[sizeof(info)];

        if (!(drives >> i & 1)) {
            continue;
        }
        memcpy(own, info, sizeof(own));
        own[0] = (uint8_t)i;
        part = aml_device_begin(a, i ? "FLPB" : "FLPA");
        aml_name_int(a, "_ADR", i);
        dsdt_numbers(a, "_FDI", own, sizeof(own));
        aml_end(a, part);
    }
    aml_name(a, "_FDE");
    aml_buffer(a, enumerate, sizeof(enumerate));
    aml_end(a, mark);
}

static void dsdt_isa(Aml *a, const PcAcpi *p)
{
    static const IsaEntry keyboard = { "KBD", "PNP0303", 0, { 0x60, 0x64 }, 1, 1 };
    static const IsaEntry mouse = { "MOU", "PNP0F13", 0, { 0 }, 0, 12 };
    static const IsaEntry clock = { "RTC", "PNP0B00", 0, { 0x70 }, 8, 8 };
    static const IsaEntry serial[] = {
        { "COM1", "PNP0501", 1, { 0x3f8 }, 8, 4 },
        { "COM2", "PNP0501", 2, { 0x2f8 }, 8, 3 },
        { "COM3", "PNP0501", 3, { 0x3e8 }, 8, 4 },
        { "COM4", "PNP0501", 4, { 0x2e8 }, 8, 3 },
    };
    static const IsaEntry parallel[] = {
        { "LPT1", "PNP0400", 1, { 0x378 }, 8, 7 },
        { "LPT2", "PNP0400", 2, { 0x278 }, 8, 5 },
        { "LPT3", "PNP0400", 3, { 0x3bc }, 4, 7 },
    };
    unsigned mark = aml_device_begin(a, "ISA");

    aml_name_int(a, "_ADR", p->express ? 0x1f0000 : 0x10000);
    dsdt_link_registers(a, p);
    if (p->keyboard) {
        dsdt_isa_entry(a, &keyboard);
        dsdt_isa_entry(a, &mouse);
    }
    if (p->floppies) {
        dsdt_floppy(a, p->floppies);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(parallel); i++) {
        if (p->parallels >> i & 1) {
            dsdt_isa_entry(a, &parallel[i]);
        }
    }
    for (unsigned i = 0; i < ARRAY_SIZE(serial); i++) {
        if (p->serials >> i & 1) {
            dsdt_isa_entry(a, &serial[i]);
        }
    }
    dsdt_isa_entry(a, &clock);
    aml_end(a, mark);
}

/* ---- PCI's host bridge ---- */

/* Behind RAM to the I/O APIC, without the configuration space; and behind all RAM. */
static void dsdt_windows(Aml *a, const PcAcpi *p)
{
    uint64_t high = p->ram_end ? bits_align_up(p->ram_end, 1 << 30) : 1ull << 32;
    uint64_t low = p->below_4g;
    unsigned mark;

    aml_name(a, "_CRS");
    mark = aml_resources_begin(a);
    aml_bus_numbers(a, 0, 0xff);
    aml_io(a, PCI_CONFIG_PORT, 8);
    aml_window_ports(a, 0, PCI_CONFIG_PORT);
    aml_window_ports(a, PCI_CONFIG_PORT + 8, 0x10000 - PCI_CONFIG_PORT - 8);
    aml_window_memory(a, 0xa0000, 0x20000, false, true);
    if (p->ecam_bytes) {
        if (low < p->ecam) {
            aml_window_memory(a, low, p->ecam - low, false, false);
        }
        low = p->ecam + p->ecam_bytes;
    }
    aml_window_memory(a, low, IOAPIC_BASE - low, false, false);
    aml_window_memory(a, high, p->express ? 32ull << 30 : 2ull << 30, true, true);
    aml_resources_end(a, mark);
}

/* All but hotplug by its own registers is the guest's. PCI Firmware Specification 3.2, 4.5.1 */
static void dsdt_osc(Aml *a)
{
    enum { GRANTED = 0x1f, BAD_REVISION = 8, MASKED = 0x10, BAD_UUID = 4 };
    unsigned method = aml_method_begin(a, "_OSC", 4, false), cond, inner;

    aml_dword_field(a, 3, 0, "CDW1");
    cond = aml_if_begin(a);
    aml_equal(a);
    aml_arg(a, 0);
    aml_uuid(a, "33db4d5b-1ff7-401c-9657-7441c03dd766");
    aml_dword_field(a, 3, 8, "CDW3");
    aml_and(a);
    aml_ref(a, "CDW3");
    aml_int(a, GRANTED);
    aml_local(a, 0);
    inner = aml_if_begin(a);
    aml_not(a);
    aml_equal(a);
    aml_arg(a, 1);
    aml_int(a, 1);
    aml_set_bits(a, "CDW1", BAD_REVISION);
    aml_end(a, inner);
    inner = aml_if_begin(a);
    aml_not(a);
    aml_equal(a);
    aml_ref(a, "CDW3");
    aml_local(a, 0);
    aml_set_bits(a, "CDW1", MASKED);
    aml_end(a, inner);
    aml_store(a);
    aml_local(a, 0);
    aml_ref(a, "CDW3");
    aml_end(a, cond);
    cond = aml_else_begin(a);
    aml_set_bits(a, "CDW1", BAD_UUID);
    aml_end(a, cond);
    aml_return(a);
    aml_arg(a, 3);
    aml_end(a, method);
}

static void dsdt_fw_cfg(Aml *a)
{
    unsigned mark = aml_device_begin(a, "FWCF"), crs;

    aml_name_str(a, "_HID", "QEMU0002");
    aml_name_int(a, "_STA", STA_HIDDEN);
    aml_name(a, "_CRS");
    crs = aml_resources_begin(a);
    aml_io(a, FW_CFG_PORT, FW_CFG_BYTES);
    aml_resources_end(a, crs);
    aml_end(a, mark);
}

static void dsdt_pci(Aml *a, const PcAcpi *p)
{
    unsigned mark = dsdt_device(a, "PCI0", p->express ? "PNP0A08" : "PNP0A03");

    if (p->express) {
        aml_name_eisa(a, "_CID", "PNP0A03");
        dsdt_osc(a);
    }
    aml_name_int(a, "_UID", 0);
    dsdt_prt(a, p);
    dsdt_windows(a, p);
    dsdt_isa(a, p);
    dsdt_reserved(a, "GPE0", "GPE0 resources", p->express ? GPE_ICH9 : GPE_PIIX,
                  p->express ? 16 : 4);
    dsdt_fw_cfg(a);
    aml_end(a, mark);
}

/* ---- The rest ---- */

/* Nobody else may have the configuration space. */
static void dsdt_ecam(Aml *a, const PcAcpi *p)
{
    unsigned mark = aml_device_begin(a, "DRAC"), crs;

    aml_name_str(a, "_HID", "PNP0C01");
    aml_name(a, "_CRS");
    crs = aml_resources_begin(a);
    aml_window_memory(a, p->ecam, p->ecam_bytes, p->ecam >> 32, false);
    aml_resources_end(a, crs);
    aml_end(a, mark);
}

static void dsdt_hpet(Aml *a)
{
    unsigned mark = dsdt_device(a, "HPET", "PNP0103"), crs;

    aml_name_int(a, "_UID", 0);
    aml_name_int(a, "_STA", STA_ALL);
    aml_name(a, "_CRS");
    crs = aml_resources_begin(a);
    aml_memory32(a, HPET_BASE, HPET_BYTES);
    aml_resources_end(a, crs);
    aml_end(a, mark);
}

static void dsdt_cpus(Aml *a, const PcAcpi *p)
{
    for (unsigned i = 0; i < p->n_cpus; i++) {
        g_autofree char *name = g_strdup_printf("C%03X", i);
        unsigned mark;

        if (i < 255) {
            mark = aml_processor_begin(a, name, (uint8_t)i);
        } else {
            mark = aml_device_begin(a, name);
            aml_name_str(a, "_HID", "ACPI0007");
            aml_name_int(a, "_UID", i);
        }
        aml_end(a, mark);
    }
}

/* What to write to SLP_TYP: PM1a and PM1b. */
static void dsdt_sleep(Aml *a, const PcAcpi *p)
{
    static const uint8_t s3[] = { 1, 1, 0, 0 }, s5[] = { 0, 0, 0, 0 };
    const uint8_t s4[] = { p->s4_type, p->s4_type, 0, 0 };

    if (p->has_s3) {
        dsdt_numbers(a, "\\_S3", s3, sizeof(s3));
    }
    if (p->has_s4) {
        dsdt_numbers(a, "\\_S4", s4, sizeof(s4));
    }
    dsdt_numbers(a, "\\_S5", s5, sizeof(s5));
}

unsigned pc_dsdt(AcpiTables *t, const PcAcpi *p)
{
    Aml *a = t->blob;
    unsigned at = acpi_begin(t, "DSDT", 1), scope;

    if (p->express) {
        dsdt_pic(a);
    }
    scope = aml_scope_begin(a, "\\_SB");
    dsdt_pci(a, p);
    dsdt_links(a, p);
    if (p->ecam_bytes) {
        dsdt_ecam(a, p);
    }
    if (p->hpet) {
        dsdt_hpet(a);
    }
    dsdt_cpus(a, p);
    aml_end(a, scope);
    scope = aml_scope_begin(a, "\\_GPE");
    aml_name_str(a, "_HID", "ACPI0006");
    aml_end(a, scope);
    dsdt_sleep(a, p);
    acpi_end(t, at, false);
    return at;
}
