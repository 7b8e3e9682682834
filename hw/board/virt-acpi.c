/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `virt` board's ACPI tables, from the map by which it is wired: what the device tree says,
 * for guests that start by UEFI.
 * Spec: ACPI Specification 6.4, ch. 5.2; Arm IORT (DEN0049) revision E; PCI Firmware Specification
 * 3.2, 4.1 (MCFG) and 4.5 (_OSC); Microsoft's SPCR and DBG2.
 */
#include "hw/board/virt-priv.h"

#include "hw/acpi/acpi.h"
#include "hw/acpi/ged.h"
#include "hw/acpi/srat.h"

enum {
    GSI_SPI = 32, /* number of the first shared interrupt */
    GSI_PPI = 16,
    PCI_SLOTS = 32,
    PCI_PINS = 4,
    PSCI_COMPLIANT = 1 << 0,
    PSCI_HVC = 1 << 1,
    HW_REDUCED = 1 << 20,
    GTDT_ALWAYS_ON = 1 << 2,
    PPTT_PACKAGE = 1 << 0,
    PPTT_ID_VALID = 1 << 1,
    PPTT_THREAD = 1 << 2,
    PPTT_LEAF = 1 << 3,
    IORT_ITS = 0,
    IORT_ROOT_COMPLEX = 2,
    DBG2_SERIAL = 0x8000,
    PL011 = 0x0003,
};

static uint32_t virt_gsi(VirtPlace p, unsigned n)
{
    return GSI_SPI + (uint32_t)virt_map[p].spi + n;
}

static unsigned virt_mpidr(const VirtBoard *b, unsigned cpu)
{
    unsigned per = b->gic_version == 2 ? 8 : 16;

    return (cpu / per) << 8 | cpu % per;
}

/* ---- DSDT ---- */

static void dsdt_crs(Aml *a, VirtPlace p, unsigned n)
{
    const VirtMap *map = &virt_map[p];
    unsigned mark;

    aml_name(a, "_CRS");
    mark = aml_resources_begin(a);
    aml_memory32(a, (uint32_t)(map->base + n * map->size), (uint32_t)map->size);
    if (map->spi >= 0) {
        aml_interrupt(a, virt_gsi(p, n));
    }
    aml_resources_end(a, mark);
}

static void dsdt_cpus(Aml *a, const VirtBoard *b)
{
    for (unsigned i = 0; i < b->n_cpus; i++) {
        g_autofree char *name = g_strdup_printf("C%.03X", i);
        unsigned mark = aml_device_begin(a, name);

        aml_name_str(a, "_HID", "ACPI0007");
        aml_name_int(a, "_UID", i);
        aml_end(a, mark);
    }
}

static void dsdt_simple(Aml *a, const VirtBoard *b)
{
    unsigned mark = aml_device_begin(a, "COM0");

    aml_name_str(a, "_HID", "ARMH0011");
    aml_name_int(a, "_UID", 0);
    dsdt_crs(a, VIRT_UART, 0);
    aml_end(a, mark);

    mark = aml_device_begin(a, "FWCF");
    aml_name_str(a, "_HID", "QEMU0002");
    aml_name_int(a, "_STA", 0xb); /* present, enabled, not shown, works */
    aml_name_int(a, "_CCA", 1);
    dsdt_crs(a, VIRT_FW_CFG, 0);
    aml_end(a, mark);

    for (unsigned i = 0; i < VIRT_N_VIRTIO && b->virtio[i]; i++) {
        g_autofree char *name = g_strdup_printf("VR%02u", i);

        mark = aml_device_begin(a, name);
        aml_name_str(a, "_HID", "LNRO0005");
        aml_name_int(a, "_UID", i);
        aml_name_int(a, "_CCA", 1);
        dsdt_crs(a, VIRT_VIRTIO, i);
        aml_end(a, mark);
    }
}

/* Pin @pin of a slot leads to link (slot + pin) mod 4. */
static void dsdt_prt(Aml *a)
{
    unsigned table, row;

    aml_name(a, "_PRT");
    table = aml_package_begin(a, PCI_SLOTS * PCI_PINS);
    for (unsigned slot = 0; slot < PCI_SLOTS; slot++) {
        for (unsigned pin = 0; pin < PCI_PINS; pin++) {
            char link[] = { 'G', 'S', 'I', (char)('0' + (slot + pin) % PCI_PINS), 0 };

            row = aml_package_begin(a, 4);
            aml_int(a, slot << 16 | 0xffff);
            aml_int(a, pin);
            aml_ref(a, link);
            aml_int(a, 0);
            aml_end(a, row);
        }
    }
    aml_end(a, table);
}

static void dsdt_links(Aml *a)
{
    for (unsigned i = 0; i < PCI_PINS; i++) {
        char link[] = { 'G', 'S', 'I', (char)('0' + i), 0 };
        unsigned mark = aml_device_begin(a, link), part;

        aml_name_str(a, "_HID", "PNP0C0F");
        aml_name_int(a, "_UID", i);
        for (unsigned k = 0; k < 2; k++) {
            aml_name(a, k ? "_CRS" : "_PRS");
            part = aml_resources_begin(a);
            aml_interrupt(a, virt_gsi(VIRT_PCIE_ECAM, i));
            aml_resources_end(a, part);
        }
        part = aml_method_begin(a, "_SRS", 1, false);
        aml_end(a, part);
        aml_end(a, mark);
    }
}

static void dsdt_pci_windows(Aml *a, const VirtBoard *b)
{
    const VirtMap *mmio = &virt_map[VIRT_PCIE_MMIO], *pio = &virt_map[VIRT_PCIE_PIO];
    const VirtMap *high = &virt_map[VIRT_PCIE_MMIO_HIGH];
    unsigned mark;

    aml_name(a, "_CRS");
    mark = aml_resources_begin(a);
    aml_bus_numbers(a, 0, (uint16_t)((virt_ecam(b)->size >> 20) - 1));
    aml_window_memory32(a, (uint32_t)mmio->base, (uint32_t)mmio->size);
    aml_window_io(a, (uint32_t)pio->base, (uint32_t)pio->size);
    if (virt_has_high_mmio(b)) {
        aml_window_memory64(a, high->base, high->size);
    }
    aml_resources_end(a, mark);
}

/* The guest may have all it asks for: native hotplug, PME, AER, capability structure. */
static void dsdt_osc(Aml *a)
{
    enum { GRANTED = 0x1f, BAD_REVISION = 8, MASKED = 0x10, BAD_UUID = 4 };
    unsigned method, cond, inner;

    aml_name_int(a, "SUPP", 0);
    aml_name_int(a, "CTRL", 0);
    method = aml_method_begin(a, "_OSC", 4, false);
    aml_dword_field(a, 3, 0, "CDW1");
    cond = aml_if_begin(a);
    aml_equal(a);
    aml_arg(a, 0);
    aml_uuid(a, "33db4d5b-1ff7-401c-9657-7441c03dd766");
    aml_dword_field(a, 3, 4, "CDW2");
    aml_dword_field(a, 3, 8, "CDW3");
    aml_store(a);
    aml_ref(a, "CDW2");
    aml_ref(a, "SUPP");
    aml_and(a);
    aml_ref(a, "CDW3");
    aml_int(a, GRANTED);
    aml_ref(a, "CTRL");
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
    aml_ref(a, "CTRL");
    aml_set_bits(a, "CDW1", MASKED);
    aml_end(a, inner);
    aml_store(a);
    aml_ref(a, "CTRL");
    aml_ref(a, "CDW3");
    aml_end(a, cond);
    cond = aml_else_begin(a);
    aml_set_bits(a, "CDW1", BAD_UUID);
    aml_end(a, cond);
    aml_return(a);
    aml_arg(a, 3);
    aml_end(a, method);
}

/* Device labels: that there is no function beyond the query. */
static void dsdt_dsm(Aml *a)
{
    static const uint8_t query[1] = { 1 }, none[1] = { 0 };
    unsigned method = aml_method_begin(a, "_DSM", 4, false), cond, inner;

    cond = aml_if_begin(a);
    aml_equal(a);
    aml_arg(a, 0);
    aml_uuid(a, "e5c937d0-3553-4d7a-9117-ea4d19c3434d");
    inner = aml_if_begin(a);
    aml_equal(a);
    aml_arg(a, 2);
    aml_int(a, 0);
    aml_return(a);
    aml_buffer(a, query, sizeof(query));
    aml_end(a, inner);
    aml_end(a, cond);
    aml_return(a);
    aml_buffer(a, none, sizeof(none));
    aml_end(a, method);
}

static void dsdt_pci(Aml *a, const VirtBoard *b)
{
    const VirtMap *ecam = virt_ecam(b);
    unsigned mark = aml_device_begin(a, "PCI0"), part, inner;

    aml_name_str(a, "_HID", "PNP0A08");
    aml_name_str(a, "_CID", "PNP0A03");
    aml_name_int(a, "_SEG", 0);
    aml_name_int(a, "_BBN", 0);
    aml_name_int(a, "_UID", 0);
    aml_name(a, "_STR");
    aml_unicode(a, "PCIe 0 Device");
    aml_name_int(a, "_CCA", 1);
    dsdt_prt(a);
    dsdt_links(a);
    part = aml_method_begin(a, "_CBA", 0, false);
    aml_return(a);
    aml_int(a, ecam->base);
    aml_end(a, part);
    dsdt_pci_windows(a, b);
    dsdt_osc(a);
    dsdt_dsm(a);
    part = aml_device_begin(a, "RES0"); /* nobody else may have the configuration space */
    aml_name_str(a, "_HID", "PNP0C02");
    aml_name(a, "_CRS");
    inner = aml_resources_begin(a);
    aml_window_memory64(a, ecam->base, ecam->size);
    aml_resources_end(a, inner);
    aml_end(a, part);
    aml_end(a, mark);
}

/* Without firmware the power button is a pin of the PL061. */
static void dsdt_gpio(Aml *a)
{
    unsigned mark = aml_device_begin(a, "GPO0"), part;

    aml_name_str(a, "_HID", "ARMH0061");
    aml_name_int(a, "_UID", 0);
    dsdt_crs(a, VIRT_GPIO, 0);
    aml_name(a, "_AEI");
    part = aml_resources_begin(a);
    aml_gpio_interrupt(a, "GPO0", 3);
    aml_resources_end(a, part);
    part = aml_method_begin(a, "_E03", 0, false);
    aml_notify(a, "PWRB", 0x80);
    aml_end(a, part);
    aml_end(a, mark);
}

static void dsdt_button(Aml *a)
{
    unsigned mark = aml_device_begin(a, "PWRB");

    aml_name_str(a, "_HID", "PNP0C0C");
    aml_name_int(a, "_UID", 0);
    aml_end(a, mark);
}

static unsigned virt_dsdt(AcpiTables *t, const VirtBoard *b)
{
    unsigned at = acpi_begin(t, "DSDT", 2), scope = aml_scope_begin(t->blob, "\\_SB");

    dsdt_cpus(t->blob, b);
    dsdt_simple(t->blob, b);
    dsdt_pci(t->blob, b);
    if (b->ged) {
        aml_ged(t->blob, "\\_SB.GED", virt_gsi(VIRT_GED, 0), (uint32_t)virt_map[VIRT_GED].base);
    } else {
        dsdt_gpio(t->blob);
    }
    dsdt_button(t->blob);
    aml_end(t->blob, scope);
    acpi_end(t, at, false);
    return at;
}

/* ---- The other tables ---- */

/* Hardware-reduced: power and sleep are PSCI's. Spec: 5.2.9 */
static void virt_fadt(AcpiTables *t, const VirtBoard *b, unsigned dsdt)
{
    unsigned at = acpi_begin(t, "FACP", 6);

    acpi_zeros(t, 112 - 36);
    acpi_u32(t, HW_REDUCED);
    acpi_zeros(t, 129 - 116);
    acpi_u16(t, PSCI_COMPLIANT | (b->virtualization ? 0 : PSCI_HVC));
    acpi_zeros(t, 140 - 131);
    acpi_pointer(t, dsdt);
    acpi_zeros(t, 268 - 148);
    g_byte_array_append(t->blob, (const uint8_t *)"QEMU\0\0\0\0", 8); /* hypervisor's vendor */
    acpi_end(t, at, true);
}

static void madt_cpu(AcpiTables *t, const VirtBoard *b, unsigned cpu)
{
    bool v2 = b->gic_version == 2;

    acpi_u8(t, 11); /* GICC */
    acpi_u8(t, 80);
    acpi_u16(t, 0);
    acpi_u32(t, cpu); /* number of its interface */
    acpi_u32(t, cpu); /* _UID in the DSDT */
    acpi_u32(t, 1);   /* enabled */
    acpi_u32(t, 0);
    acpi_u32(t, b->has_pmu ? GSI_PPI + VIRT_PPI_PMU : 0);
    acpi_u64(t, 0);
    acpi_u64(t, v2 ? virt_map[VIRT_GIC_CPU].base : 0);
    acpi_u64(t, 0);
    acpi_u64(t, 0);
    acpi_u32(t, b->virtualization && !v2 ? GSI_PPI + 9 : 0);
    acpi_u64(t, 0); /* redistributors have a region of their own */
    acpi_u64(t, virt_mpidr(b, cpu));
    acpi_u32(t, 0);
}

static void madt_redistributors(AcpiTables *t, VirtPlace p)
{
    acpi_u8(t, 14);
    acpi_u8(t, 16);
    acpi_u16(t, 0);
    acpi_u64(t, virt_map[p].base);
    acpi_u32(t, (uint32_t)virt_map[p].size);
}

/* Spec: 5.2.12.14 to 5.2.12.18 */
static void virt_madt(AcpiTables *t, const VirtBoard *b)
{
    unsigned at = acpi_begin(t, "APIC", 4);

    acpi_u32(t, 0);
    acpi_u32(t, 0);
    acpi_u8(t, 12); /* distributor */
    acpi_u8(t, 24);
    acpi_u16(t, 0);
    acpi_u32(t, 0);
    acpi_u64(t, virt_map[VIRT_GIC_DIST].base);
    acpi_u32(t, 0);
    acpi_u8(t, b->gic_version);
    acpi_zeros(t, 3);
    for (unsigned i = 0; i < b->n_cpus; i++) {
        madt_cpu(t, b, i);
    }
    if (b->gic_version == 3) {
        madt_redistributors(t, VIRT_GIC_REDIST);
    }
    if (virt_has_high_redist(b)) {
        madt_redistributors(t, VIRT_GIC_REDIST_HIGH);
    }
    if (b->has_its) {
        acpi_u8(t, 15);
        acpi_u8(t, 20);
        acpi_u16(t, 0);
        acpi_u32(t, 0); /* its number in the IORT */
        acpi_u64(t, virt_map[VIRT_GIC_ITS].base);
        acpi_u32(t, 0);
    }
    if (b->has_v2m) {
        acpi_u8(t, 13); /* frame of messages */
        acpi_u8(t, 24);
        acpi_u16(t, 0);
        acpi_u32(t, 0);
        acpi_u64(t, virt_map[VIRT_GIC_V2M].base);
        acpi_u32(t, 1); /* base and count below hold */
        acpi_u16(t, VIRT_V2M_SPIS);
        acpi_u16(t, (uint16_t)virt_gsi(VIRT_GIC_V2M, 0));
    }
    acpi_end(t, at, true);
}

static unsigned pptt_node(AcpiTables *t, unsigned table, uint32_t flags, unsigned parent,
                          uint32_t id)
{
    unsigned at = t->blob->len - table;

    acpi_u8(t, 0);
    acpi_u8(t, 20);
    acpi_u16(t, 0);
    acpi_u32(t, flags);
    acpi_u32(t, parent);
    acpi_u32(t, id);
    acpi_u32(t, 0);
    return at;
}

/* Sockets, clusters, cores and threads as -smp has them; the rest are cores. Spec: 5.2.30 */
static void virt_pptt(AcpiTables *t, const VirtBoard *b)
{
    VirtTopology top = virt_topology(b);
    unsigned at = acpi_begin(t, "PPTT", 2), cpu = 0;
    unsigned clusters = top.clusters, threads = top.threads, cores = top.cores;

    for (unsigned socket = 0; cpu < b->n_cpus; socket++) {
        unsigned package = pptt_node(t, at, PPTT_PACKAGE, 0, socket);

        for (unsigned c = 0; c < clusters && cpu < b->n_cpus; c++) {
            unsigned cluster = pptt_node(t, at, 0, package, c);

            for (unsigned k = 0; k < cores && cpu < b->n_cpus; k++) {
                unsigned core;

                if (threads == 1) {
                    pptt_node(t, at, PPTT_ID_VALID | PPTT_LEAF, cluster, cpu++);
                    continue;
                }
                core = pptt_node(t, at, 0, cluster, k);
                for (unsigned n = 0; n < threads && cpu < b->n_cpus; n++) {
                    pptt_node(t, at, PPTT_ID_VALID | PPTT_THREAD | PPTT_LEAF, core, cpu++);
                }
            }
        }
    }
    acpi_end(t, at, true);
}

/* Spec: 5.2.25; all by level, active high. */
static void virt_gtdt(AcpiTables *t)
{
    unsigned at = acpi_begin(t, "GTDT", 2);

    acpi_u64(t, UINT64_MAX); /* no counter in memory */
    acpi_u32(t, 0);
    acpi_u32(t, GSI_PPI + VIRT_PPI_SEC);
    acpi_u32(t, 0);
    acpi_u32(t, GSI_PPI + VIRT_PPI_PHYS);
    acpi_u32(t, GTDT_ALWAYS_ON);
    acpi_u32(t, GSI_PPI + VIRT_PPI_VIRT);
    acpi_u32(t, 0);
    acpi_u32(t, GSI_PPI + VIRT_PPI_HYP);
    acpi_u32(t, 0);
    acpi_u64(t, UINT64_MAX);
    acpi_u32(t, 0);
    acpi_u32(t, 0);
    acpi_end(t, at, true);
}

static void virt_mcfg(AcpiTables *t, const VirtBoard *b)
{
    const VirtMap *ecam = virt_ecam(b);
    unsigned at = acpi_begin(t, "MCFG", 1);

    acpi_u64(t, 0);
    acpi_u64(t, ecam->base);
    acpi_u16(t, 0);
    acpi_u8(t, 0);
    acpi_u8(t, (uint8_t)((ecam->size >> 20) - 1));
    acpi_u32(t, 0);
    acpi_end(t, at, true);
}

static void virt_spcr(AcpiTables *t)
{
    unsigned at = acpi_begin(t, "SPCR", 2);

    acpi_u8(t, PL011);
    acpi_zeros(t, 3);
    acpi_address(t, 8, 1, virt_map[VIRT_UART].base);
    acpi_u8(t, 8); /* interrupt of a GIC */
    acpi_u8(t, 0);
    acpi_u32(t, virt_gsi(VIRT_UART, 0));
    acpi_u8(t, 3); /* 9600 baud */
    acpi_u8(t, 0);
    acpi_u8(t, 1); /* stop bit */
    acpi_u8(t, 2); /* flow control by RTS and CTS */
    acpi_u16(t, 0);
    acpi_u16(t, 0xffff); /* no PCI function */
    acpi_u16(t, 0xffff);
    acpi_zeros(t, 12);
    acpi_end(t, at, true);
}

static void virt_dbg2(AcpiTables *t)
{
    static const char name[] = "COM0";
    enum { ADDRESS_AT = 22, SIZE_AT = 34, NAME_AT = 38 };
    unsigned at = acpi_begin(t, "DBG2", 0);

    acpi_u32(t, 44);
    acpi_u32(t, 1);
    acpi_u8(t, 0);
    acpi_u16(t, NAME_AT + sizeof(name));
    acpi_u8(t, 1);
    acpi_u16(t, sizeof(name));
    acpi_u16(t, NAME_AT);
    acpi_u16(t, 0);
    acpi_u16(t, 0);
    acpi_u16(t, DBG2_SERIAL);
    acpi_u16(t, PL011);
    acpi_u16(t, 0);
    acpi_u16(t, ADDRESS_AT);
    acpi_u16(t, SIZE_AT);
    acpi_address(t, 8, 1, virt_map[VIRT_UART].base);
    acpi_u32(t, (uint32_t)virt_map[VIRT_UART].size);
    g_byte_array_append(t->blob, (const uint8_t *)name, sizeof(name));
    acpi_end(t, at, true);
}

static void virt_srat(AcpiTables *t, const VirtBoard *b)
{
    const BoardMemory *mem = b->memory;
    GuestPhys base = virt_map[VIRT_RAM].base;
    unsigned at = srat_begin(t);

    for (unsigned i = 0; i < b->n_cpus; i++) {
        srat_gicc(t, numa_cpu_node(mem, i), i);
    }
    for (unsigned i = 0; i < mem->n_nodes; base += mem->nodes[i++].bytes) {
        if (mem->nodes[i].bytes) {
            srat_memory(t, i, base, mem->nodes[i].bytes);
        }
    }
    acpi_end(t, at, true);
    if (mem->has_distance) {
        acpi_slit(t, mem->distance[0], mem->n_nodes, sizeof(mem->distance[0]));
    }
}

/* Requester ids of PCI are the ITS's device ids. Spec: DEN0049 */
static void virt_iort(AcpiTables *t)
{
    enum { ITS_AT = 48, ITS_LEN = 24, ROOT_LEN = 56, MAPPING_AT = 36 };
    unsigned at = acpi_begin(t, "IORT", 3);

    acpi_u32(t, 2);
    acpi_u32(t, ITS_AT);
    acpi_u32(t, 0);

    acpi_u8(t, IORT_ITS);
    acpi_u16(t, ITS_LEN);
    acpi_u8(t, 1);
    acpi_zeros(t, 12); /* number of the node, no mappings */
    acpi_u32(t, 1);
    acpi_u32(t, 0); /* its number in the MADT */

    acpi_u8(t, IORT_ROOT_COMPLEX);
    acpi_u16(t, ROOT_LEN);
    acpi_u8(t, 3);
    acpi_u32(t, 1);
    acpi_u32(t, 1);
    acpi_u32(t, MAPPING_AT);
    acpi_u32(t, 1); /* memory: coherent */
    acpi_zeros(t, 3);
    acpi_u8(t, 3);
    acpi_u32(t, 0);
    acpi_u32(t, 0); /* segment */
    acpi_u8(t, 64); /* bits of an address */
    acpi_zeros(t, 3);
    acpi_u32(t, 0); /* ids 0 to 0xffff */
    acpi_u32(t, 0xffff);
    acpi_u32(t, 0);
    acpi_u32(t, ITS_AT);
    acpi_u32(t, 0);
    acpi_end(t, at, true);
}

bool virt_acpi(VirtBoard *b, GError **err)
{
    AcpiTables t;
    unsigned dsdt;
    bool ok;

    if (!b->acpi) {
        return true;
    }
    acpi_init(&t, b->oem_id, b->oem_table_id);
    dsdt = virt_dsdt(&t, b);
    virt_fadt(&t, b, dsdt);
    virt_madt(&t, b);
    virt_pptt(&t, b);
    virt_gtdt(&t);
    virt_mcfg(&t, b);
    virt_spcr(&t);
    virt_dbg2(&t);
    if (b->memory->n_nodes) {
        virt_srat(&t, b);
    }
    if (b->has_its) {
        virt_iort(&t);
    }
    acpi_finish(&t);
    ok = acpi_publish(&t, b->fw_cfg, err);
    acpi_deinit(&t);
    return ok;
}
