/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ACPI's tables of PCs. Ports and lines are those of the chip sets: where firmware is expected to
 * put the power management registers (600h), how PCI's pins lead to the bridge's links.
 * Spec: ACPI Specification 6.4, ch. 5.2; IA-PC HPET Specification 1.0a, 3.2.4; PCI Firmware
 * Specification 3.2, 4.1 (MCFG); Microsoft's Windows ACPI Emulated Devices Table.
 */
#include "hw/board/pc-acpi.h"

#include "hw/acpi/acpi.h"
#include "hw/acpi/srat.h"
#include "hw/board/numa.h"
#include "hw/board/pc-acpi-priv.h"

enum {
    SCI_LINE = 9,
    PM_BASE = 0x600,
    GPE_PIIX = 0xafe0,
    GPE_ICH9 = 0x620,
    APM_PORT = 0xb2,
    APM_ENABLE = 0xf1,
    APM_DISABLE = 0xf0,
    CENTURY = 0x32, /* in the CMOS RAM */
    LATENCY_NONE = 0xfff,
    BOOT_8042 = 1 << 1,
    FADT_WBINVD = 1 << 0,
    FADT_C1 = 1 << 2,
    FADT_SLEEP_BUTTON = 1 << 5, /* not by fixed registers: none */
    FADT_RTC_S4 = 1 << 7,
    FADT_RESET = 1 << 10,
    FADT_PLATFORM_CLOCK = 1 << 15,
    RESET_PORT = 0xcf9,
    RESET_VALUE = 0x0f,
    LAPIC_BASE = 0xfee00000,
    IOAPIC_BASE = 0xfec00000,
    HPET_BASE = 0xfed00000,
    LEVEL_HIGH = 0x0d, /* flags of an interrupt's override */
    PC_HOLE = 0xa0000,
    PC_HOLE_END = 0x100000,
    ALL_CPUS = 0xff,
    XAPIC_IDS = 255,
};

/* Registers as of PIIX4 and ICH9. Spec: 5.2.9; revision 3 has them as addresses as well. */
static void pc_fadt(AcpiTables *t, const PcAcpi *p, unsigned facs, unsigned dsdt)
{
    unsigned at = acpi_begin(t, "FACP", p->express ? 3 : 1);
    unsigned gpe = p->express ? GPE_ICH9 : GPE_PIIX, gpe_bytes = p->express ? 16 : 4;

    acpi_pointer32(t, facs);
    acpi_pointer32(t, dsdt);
    acpi_u8(t, 1); /* interrupt model: two 8259 */
    acpi_u8(t, 0);
    acpi_u16(t, SCI_LINE);
    acpi_u32(t, APM_PORT);
    acpi_u8(t, APM_ENABLE);
    acpi_u8(t, APM_DISABLE);
    acpi_u16(t, 0);
    acpi_u32(t, PM_BASE); /* events */
    acpi_u32(t, 0);
    acpi_u32(t, PM_BASE + 4); /* control */
    acpi_u32(t, 0);
    acpi_u32(t, 0);
    acpi_u32(t, PM_BASE + 8); /* timer */
    acpi_u32(t, gpe);
    acpi_u32(t, 0);
    acpi_u8(t, 4);
    acpi_u8(t, 2);
    acpi_u8(t, 0);
    acpi_u8(t, 4);
    acpi_u8(t, (uint8_t)gpe_bytes);
    acpi_zeros(t, 3);
    acpi_u16(t, LATENCY_NONE);
    acpi_u16(t, LATENCY_NONE);
    acpi_zeros(t, 8);
    acpi_u8(t, CENTURY);
    acpi_u16(t, p->express && p->keyboard ? BOOT_8042 : 0);
    acpi_u8(t, 0);
    acpi_u32(t, FADT_WBINVD | FADT_C1 | FADT_SLEEP_BUTTON | FADT_RTC_S4 | FADT_PLATFORM_CLOCK |
                    (p->express ? FADT_RESET : 0));
    if (p->express) {
        acpi_ports(t, 8, RESET_PORT);
        acpi_u8(t, RESET_VALUE);
        acpi_zeros(t, 3);
        acpi_u64(t, 0); /* the 32-bit address of the FACS stands */
        acpi_pointer(t, dsdt);
        acpi_ports(t, 32, PM_BASE);
        acpi_ports(t, 0, 0);
        acpi_ports(t, 16, PM_BASE + 4);
        acpi_ports(t, 0, 0);
        acpi_ports(t, 0, 0);
        acpi_ports(t, 32, PM_BASE + 8);
        acpi_ports(t, 8 * gpe_bytes, gpe);
        acpi_ports(t, 0, 0);
    }
    acpi_end(t, at, true);
}

static void madt_cpu(AcpiTables *t, unsigned uid, uint32_t apic_id)
{
    if (apic_id < XAPIC_IDS) {
        acpi_u8(t, 0); /* local APIC */
        acpi_u8(t, 8);
        acpi_u8(t, (uint8_t)uid);
        acpi_u8(t, (uint8_t)apic_id);
        acpi_u32(t, 1); /* enabled */
        return;
    }
    acpi_u8(t, 9); /* local x2APIC */
    acpi_u8(t, 16);
    acpi_u16(t, 0);
    acpi_u32(t, apic_id);
    acpi_u32(t, 1);
    acpi_u32(t, uid);
}

static void madt_override(AcpiTables *t, uint8_t irq, uint32_t gsi, uint16_t flags)
{
    acpi_u8(t, 2);
    acpi_u8(t, 10);
    acpi_u8(t, 0); /* ISA */
    acpi_u8(t, irq);
    acpi_u32(t, gsi);
    acpi_u16(t, flags);
}

/* Spec: 5.2.12. Lines that PCI's links use are by level, and so is the SCI. */
void pc_madt(AcpiTables *t, const PcAcpi *p)
{
    static const uint8_t by_level[] = { 5, SCI_LINE, 10, 11 };
    unsigned at = acpi_begin(t, "APIC", 1);
    bool wide = false;

    acpi_u32(t, LAPIC_BASE);
    acpi_u32(t, p->no_pic ? 0 : 1); /* with two 8259 */
    for (unsigned i = 0; i < p->n_cpus; i++) {
        madt_cpu(t, i, p->apic_ids[i]);
        wide = wide || p->apic_ids[i] >= XAPIC_IDS;
    }
    acpi_u8(t, 1); /* I/O APIC */
    acpi_u8(t, 12);
    acpi_u16(t, 0);
    acpi_u32(t, IOAPIC_BASE);
    acpi_u32(t, 0);
    madt_override(t, 0, 2, 0); /* the interval timer */
    for (unsigned i = 0; i < ARRAY_SIZE(by_level) && !p->no_links; i++) {
        madt_override(t, by_level[i], by_level[i], LEVEL_HIGH);
    }
    if (wide) {
        acpi_u8(t, 10); /* NMI of local x2APICs */
        acpi_u8(t, 12);
        acpi_u16(t, 0);
        acpi_u32(t, UINT32_MAX);
        acpi_u8(t, 1);
        acpi_zeros(t, 3);
    } else {
        acpi_u8(t, 4); /* NMI of local APICs: LINT1 */
        acpi_u8(t, 6);
        acpi_u8(t, ALL_CPUS);
        acpi_u16(t, 0);
        acpi_u8(t, 1);
    }
    acpi_end(t, at, true);
}

static void pc_hpet(AcpiTables *t)
{
    unsigned at = acpi_begin(t, "HPET", 1);

    acpi_u32(t, 0x8086a201); /* Intel; legacy routes, 64 bits, three timers, revision 1 */
    acpi_address(t, 0, 0, HPET_BASE);
    acpi_u8(t, 0);
    acpi_u16(t, 0);
    acpi_u8(t, 0);
    acpi_end(t, at, true);
}

static void pc_mcfg(AcpiTables *t, const PcAcpi *p)
{
    unsigned at = acpi_begin(t, "MCFG", 1);

    acpi_u64(t, 0);
    acpi_u64(t, p->ecam);
    acpi_u16(t, 0);
    acpi_u8(t, 0);
    acpi_u8(t, (uint8_t)((p->ecam_bytes >> 20) - 1));
    acpi_u32(t, 0);
    acpi_end(t, at, true);
}

/* A node's memory is a run of the board's; below 4 GiB it has a hole from 640 KiB to 1 MiB. */
static void pc_srat_memory(AcpiTables *t, const PcAcpi *p, unsigned node, uint64_t at, uint64_t end)
{
    const struct {
        uint64_t from, to; /* of the board's memory */
        uint64_t base;     /* where the guest sees it */
    } parts[] = {
        { 0, PC_HOLE, 0 },
        { PC_HOLE_END, p->below_4g, PC_HOLE_END },
        { p->below_4g, UINT64_MAX, 1ull << 32 },
    };

    for (unsigned i = 0; i < ARRAY_SIZE(parts); i++) {
        uint64_t from = max_u64(at, parts[i].from), to = min_u64(end, parts[i].to);

        if (from < to) {
            srat_memory(t, node, parts[i].base + from - parts[i].from, to - from);
        }
    }
}

/* Spec: 5.2.16, 5.2.17. */
static void pc_srat(AcpiTables *t, const PcAcpi *p)
{
    const BoardMemory *mem = p->memory;
    unsigned at = srat_begin(t);
    uint64_t base = 0;

    for (unsigned i = 0; i < p->n_cpus; i++) {
        srat_apic(t, numa_cpu_node(mem, i), p->apic_ids[i]);
    }
    for (unsigned i = 0; i < mem->n_nodes; base += mem->nodes[i++].bytes) {
        pc_srat_memory(t, p, i, base, base + mem->nodes[i].bytes);
    }
    acpi_end(t, at, true);
    if (mem->has_distance) {
        acpi_slit(t, mem->distance[0], mem->n_nodes, sizeof(mem->distance[0]));
    }
}

/* The timer of power management needs one read only. */
void pc_waet(AcpiTables *t)
{
    unsigned at = acpi_begin(t, "WAET", 1);

    acpi_u32(t, 1 << 1);
    acpi_end(t, at, true);
}

bool pc_acpi(const PcAcpi *p, Device *fw_cfg, GError **err)
{
    AcpiTables t;
    unsigned facs, dsdt;
    bool ok;

    acpi_init(&t, p->oem_id ? p->oem_id : "BOCHS", p->oem_table_id ? p->oem_table_id : "BXPC");
    facs = acpi_facs(&t);
    dsdt = pc_dsdt(&t, p);
    pc_fadt(&t, p, facs, dsdt);
    pc_madt(&t, p);
    if (p->hpet) {
        pc_hpet(&t);
    }
    if (p->memory && p->memory->n_nodes) {
        pc_srat(&t, p);
    }
    if (p->ecam_bytes) {
        pc_mcfg(&t, p);
    }
    pc_waet(&t);
    ok = acpi_user_tables(&t, p->user, p->n_user, err);
    if (ok) {
        acpi_finish_v1(&t);
        ok = acpi_publish(&t, fw_cfg, err);
    }
    acpi_deinit(&t);
    return ok;
}
