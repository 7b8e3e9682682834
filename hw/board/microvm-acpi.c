/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI's tables of `microvm`: hardware-reduced, virtio's transports, power by the Generic Event
 * Device.
 * Spec: ACPI Specification 6.4, ch. 5.2, 4.1 (hardware-reduced), 5.6.9; the Linux kernel's
 * Documentation/x86/boot.rst (acpi_rsdp_addr).
 */
#include "hw/acpi/acpi.h"
#include "hw/acpi/ged.h"
#include "hw/board/loader.h"
#include "hw/board/microvm-priv.h"
#include "hw/board/pc-acpi-priv.h"

enum {
    RSDP_AT = 0xe0000, /* where systems look for it that are not told */
    TABLES_AT = 0xe1000,
    TABLES_END = 0xf0000,
    COM1_PORT = 0x3f8,
    COM1_IRQ = 4,
    RTC_PORT = 0x70,
    RTC_IRQ = 8,
    FW_CFG_PORT = 0x510,
    FW_CFG_BYTES = 12,
    HW_REDUCED = 1 << 20,
    RESET_REG = 1 << 10,
    BOOT_NO_VGA = 1 << 2,
    BOOT_NO_RTC = 1 << 5,
};

static unsigned dsdt_begin(Aml *a, const char *name, const char *hid, unsigned uid)
{
    unsigned mark = aml_device_begin(a, name);

    aml_name_str(a, "_HID", hid);
    aml_name_int(a, "_UID", uid);
    return mark;
}

/* Ports, and a line of ISA; 0: none. */
static void dsdt_ports(Aml *a, uint16_t port, uint8_t len, unsigned irq)
{
    unsigned part;

    aml_name(a, "_CRS");
    part = aml_resources_begin(a);
    aml_io(a, port, len);
    if (irq) {
        aml_irq(a, irq);
    }
    aml_resources_end(a, part);
}

static void dsdt_isa(Aml *a, const Microvm *b)
{
    unsigned mark;

    if (b->serial) {
        mark = aml_device_begin(a, "COM1");
        aml_name_eisa(a, "_HID", "PNP0501");
        aml_name_int(a, "_UID", 1);
        dsdt_ports(a, COM1_PORT, 8, COM1_IRQ);
        aml_end(a, mark);
    }
    if (b->has_rtc) {
        mark = aml_device_begin(a, "RTC");
        aml_name_eisa(a, "_HID", "PNP0B00");
        dsdt_ports(a, RTC_PORT, 8, RTC_IRQ);
        aml_end(a, mark);
    }
    mark = dsdt_begin(a, "FWCF", "QEMU0002", 0);
    aml_name_int(a, "_STA", 0xb); /* present, enabled, not shown, works */
    dsdt_ports(a, FW_CFG_PORT, FW_CFG_BYTES, 0);
    aml_end(a, mark);
}

static void dsdt_virtio(Aml *a, const Microvm *b)
{
    for (unsigned i = 0; i < MICROVM_N_VIRTIO; i++) {
        g_autofree char *name = g_strdup_printf("VR%02u", i);
        unsigned mark = dsdt_begin(a, name, "LNRO0005", i), part;

        aml_name_int(a, "_CCA", 1);
        aml_name(a, "_CRS");
        part = aml_resources_begin(a);
        aml_memory32(a, MICROVM_VIRTIO + i * MICROVM_VIRTIO_STEP, MICROVM_VIRTIO_STEP);
        aml_interrupt(a, microvm_virtio_irq(b, i));
        aml_resources_end(a, part);
        aml_end(a, mark);
    }
}

static void dsdt_events(Aml *a)
{
    unsigned mark;

    aml_ged(a, "GED", MICROVM_GED_IRQ, MICROVM_GED);
    mark = dsdt_begin(a, "PWRB", "PNP0C0C", 0);
    aml_end(a, mark);
}

static unsigned microvm_dsdt(AcpiTables *t, const Microvm *b)
{
    unsigned at = acpi_begin(t, "DSDT", 2), scope = aml_scope_begin(t->blob, "\\_SB"), part;

    dsdt_isa(t->blob, b);
    dsdt_virtio(t->blob, b);
    dsdt_events(t->blob);
    aml_end(t->blob, scope);
    aml_name(t->blob, "\\_S5"); /* what the sleep control register takes */
    part = aml_package_begin(t->blob, 4);
    aml_int(t->blob, GED_S5_TYPE);
    for (unsigned i = 0; i < 3; i++) {
        aml_int(t->blob, 0);
    }
    aml_end(t->blob, part);
    acpi_end(t, at, false);
    return at;
}

/* Spec: 5.2.9, revision 6.0 */
static void microvm_fadt(AcpiTables *t, const Microvm *b, unsigned dsdt)
{
    enum { BOOT_AT = 109, FLAGS_AT = 112, X_DSDT_AT = 140, SLEEP_AT = 244, END = 268 };
    unsigned at = acpi_begin(t, "FACP", 6);

    acpi_zeros(t, BOOT_AT - 36);
    acpi_u16(t, BOOT_NO_VGA | (b->has_rtc ? 0 : BOOT_NO_RTC));
    acpi_zeros(t, FLAGS_AT - BOOT_AT - 2);
    acpi_u32(t, HW_REDUCED | RESET_REG);
    acpi_address(t, 8, 1, MICROVM_GED + MICROVM_GED_POWER + 2);
    acpi_u8(t, GED_RESET_VALUE);
    acpi_zeros(t, X_DSDT_AT - 129);
    acpi_pointer(t, dsdt);
    acpi_zeros(t, SLEEP_AT - X_DSDT_AT - 8);
    acpi_address(t, 8, 1, MICROVM_GED + MICROVM_GED_POWER);
    acpi_address(t, 8, 1, MICROVM_GED + MICROVM_GED_POWER + 1);
    acpi_zeros(t, END - SLEEP_AT - 24);
    g_byte_array_append(t->blob, (const uint8_t *)"QEMU\0\0\0\0", 8); /* hypervisor's vendor */
    acpi_end(t, at, true);
}

/* In the hole that no map calls RAM. */
static bool acpi_in_memory(Microvm *b, AcpiTables *t, GError **err)
{
    AddressSpace *as = machine_memory(b->machine);

    if (t->blob->len > TABLES_END - TABLES_AT) {
        return error_set(err,
                         "-acpitable: %u bytes of tables, and without firmware there is room for "
                         "%u",
                         t->blob->len, TABLES_END - TABLES_AT);
    }
    acpi_place(t, TABLES_AT, RSDP_AT);
    b->rsdp = RSDP_AT;
    return rom_add(b->machine, as, RSDP_AT, t->rsdp->data, t->rsdp->len, "ACPI's root", err) &&
           rom_add(b->machine, as, TABLES_AT, t->blob->data, t->blob->len, "ACPI tables", err);
}

bool microvm_acpi(Microvm *b, unsigned n_cpus, const uint32_t *apic_ids, GError **err)
{
    const PcAcpi cpus = {
        .n_cpus = n_cpus, .apic_ids = apic_ids, .no_links = true, .no_pic = !b->has_pic
    };
    AcpiTables t;
    bool ok;

    acpi_init(&t, "BOCHS", "BXPC");
    microvm_fadt(&t, b, microvm_dsdt(&t, b));
    pc_madt(&t, &cpus);
    ok = acpi_user_tables(&t, b->cfg->acpi_tables, b->cfg->n_acpi_tables, err);
    if (ok) {
        acpi_finish(&t);
        ok = b->cfg->bios ? acpi_publish(&t, b->fw_cfg, err) : acpi_in_memory(b, &t, err);
    }
    acpi_deinit(&t);
    return ok;
}
