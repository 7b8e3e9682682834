/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device tree of the `virt` board, from the map by which it is wired.
 * Spec: Devicetree Specification 0.4; Linux Documentation/devicetree/bindings.
 */
#include "hw/board/virt-priv.h"

#include "util/bytes.h"

#include <inttypes.h>
#include <libfdt.h>
#include <stdarg.h>

enum {
    FDT_BYTES = 1 << 20,
    PHANDLE_GIC = 1,
    PHANDLE_CLOCK = 2,
    PHANDLE_MSI = 3,
    PHANDLE_GPIO = 4,
    PHANDLE_CPU = 16, /* and following */
    IRQ_SPI = 0,
    IRQ_PPI = 1,
    IRQ_EDGE = 1,
    IRQ_LEVEL = 4,
    KEY_POWER = 116,
};

/* A tree in the making: the first error stays. */
typedef struct Tree {
    void *fdt;
    int rc;
} Tree;

static int tree_node(Tree *t, const char *path)
{
    const char *slash = strrchr(path, '/');
    int parent = slash == path ? 0 : fdt_path_offset_namelen(t->fdt, path, slash - path);
    int node = parent < 0 ? parent : fdt_subnode_offset(t->fdt, parent, slash + 1);

    if (node == -FDT_ERR_NOTFOUND) {
        node = fdt_add_subnode(t->fdt, parent, slash + 1);
    }
    if (node < 0 && !t->rc) {
        t->rc = node;
    }
    return node;
}

static void tree_bytes(Tree *t, const char *path, const char *name, const void *val, int len)
{
    int node = fdt_path_offset(t->fdt, path);
    int rc = node < 0 ? node : fdt_setprop(t->fdt, node, name, val, len);

    if (rc < 0 && !t->rc) {
        t->rc = rc;
    }
}

static void tree_str(Tree *t, const char *path, const char *name, const char *val)
{
    tree_bytes(t, path, name, val, strlen(val) + 1);
}

/* @n cells follow, as uint32_t. */
static void tree_cells(Tree *t, const char *path, const char *name, unsigned n, ...)
{
    uint8_t buf[64 * 4];
    va_list ap;

    CHECK(n <= 64);
    va_start(ap, n);
    for (unsigned i = 0; i < n; i++) {
        put_be32(buf + 4 * i, va_arg(ap, uint32_t));
    }
    va_end(ap);
    tree_bytes(t, path, name, buf, n * 4);
}

static void tree_u64(Tree *t, const char *path, const char *name, uint64_t val)
{
    tree_cells(t, path, name, 2, (uint32_t)(val >> 32), (uint32_t)val);
}

static void tree_reg(Tree *t, const char *path, GuestPhys base, uint64_t size)
{
    tree_cells(t, path, "reg", 4, (uint32_t)(base >> 32), (uint32_t)base, (uint32_t)(size >> 32),
               (uint32_t)size);
}

/* A node for what lies at place @p; its path is the caller's to free. */
static char *tree_place(Tree *t, const char *name, VirtPlace p, unsigned n, const char *compatible,
                        int compatible_len)
{
    const VirtMap *map = &virt_map[p];
    GuestPhys base = map->base + n * map->size;
    char *path = g_strdup_printf("/%s@%" PRIx64, name, base);

    tree_node(t, path);
    tree_bytes(t, path, "compatible", compatible, compatible_len);
    tree_reg(t, path, base, map->size);
    if (map->spi >= 0) {
        tree_cells(t, path, "interrupts", 3, IRQ_SPI, map->spi + n,
                   p == VIRT_VIRTIO ? IRQ_EDGE : IRQ_LEVEL);
    }
    return path;
}

/* The primecell's bus clock. */
static void tree_pclk(Tree *t, const char *path)
{
    tree_cells(t, path, "clocks", 1, PHANDLE_CLOCK);
    tree_str(t, path, "clock-names", "apb_pclk");
}

/* The node NAME<n> of @path, which becomes its. */
static void tree_below(Tree *t, GString *path, const char *name, unsigned n)
{
    g_string_append_printf(path, "/%s%u", name, n);
    tree_node(t, path->str);
}

/* Sockets, clusters, cores and threads. Spec: Linux bindings, cpu/cpu-topology.txt */
static void fdt_cpu_map(Tree *t, const VirtBoard *b)
{
    VirtTopology top = virt_topology(b);
    g_autoptr(GString) path = g_string_new("/cpus/cpu-map");

    tree_node(t, path->str);
    for (unsigned i = 0; i < b->n_cpus; i++) {
        unsigned core = i / top.threads, cluster = core / top.cores;

        g_string_assign(path, "/cpus/cpu-map");
        tree_below(t, path, "socket", cluster / top.clusters);
        tree_below(t, path, "cluster", cluster % top.clusters);
        tree_below(t, path, "core", core % top.cores);
        if (top.threads > 1) {
            tree_below(t, path, "thread", i % top.threads);
        }
        tree_cells(t, path->str, "cpu", 1, PHANDLE_CPU + i);
    }
}

static void fdt_cpus(Tree *t, VirtBoard *b)
{
    g_autofree char *compatible = g_strdup_printf("arm,%s", b->cpu_model);
    bool is_max = !strcmp(b->cpu_model, "max");

    tree_node(t, "/cpus");
    tree_cells(t, "/cpus", "#address-cells", 1, 1);
    tree_cells(t, "/cpus", "#size-cells", 1, 0);
    for (int i = (int)b->n_cpus - 1; i >= 0; i--) {
        /* 8 (GICv2) or 16 (GICv3) CPUs to a cluster */
        unsigned per = b->gic_version == 2 ? 8 : 16, mpidr = (i / per) << 8 | i % per;
        g_autofree char *path = g_strdup_printf("/cpus/cpu@%x", mpidr);

        tree_node(t, path);
        tree_str(t, path, "device_type", "cpu");
        tree_str(t, path, "compatible", is_max ? "arm,armv8" : compatible);
        tree_cells(t, path, "reg", 1, mpidr);
        tree_str(t, path, "enable-method", "psci");
        tree_cells(t, path, "phandle", 1, PHANDLE_CPU + i);
        if (b->memory->n_nodes) {
            tree_cells(t, path, "numa-node-id", 1, numa_cpu_node(b->memory, (unsigned)i));
        }
    }
    fdt_cpu_map(t, b);
}

static void fdt_psci(Tree *t, const VirtBoard *b)
{
    static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2\0arm,psci";

    tree_node(t, "/psci");
    tree_bytes(t, "/psci", "compatible", compatible, sizeof(compatible));
    tree_str(t, "/psci", "method", b->virtualization ? "smc" : "hvc");
    tree_cells(t, "/psci", "cpu_suspend", 1, 0xc4000001);
    tree_cells(t, "/psci", "cpu_off", 1, 0x84000002);
    tree_cells(t, "/psci", "cpu_on", 1, 0xc4000003);
    tree_cells(t, "/psci", "migrate", 1, 0xc4000005);
}

static void fdt_timer_and_clock(Tree *t, const VirtBoard *b)
{
    static const char compatible[] = "arm,armv8-timer\0arm,armv7-timer";
    uint32_t how = IRQ_LEVEL;

    if (b->gic_version == 2) { /* PPIs of GICv2 name their CPUs */
        how |= (uint32_t)bits_mask(b->n_cpus) << 8;
    }
    tree_node(t, "/timer");
    tree_bytes(t, "/timer", "compatible", compatible, sizeof(compatible));
    tree_bytes(t, "/timer", "always-on", NULL, 0);
    tree_cells(t, "/timer", "interrupts", 12, IRQ_PPI, VIRT_PPI_SEC, how, IRQ_PPI, VIRT_PPI_PHYS,
               how, IRQ_PPI, VIRT_PPI_VIRT, how, IRQ_PPI, VIRT_PPI_HYP, how);
    if (b->has_pmu) {
        tree_node(t, "/pmu");
        tree_str(t, "/pmu", "compatible", "arm,armv8-pmuv3");
        tree_cells(t, "/pmu", "interrupts", 3, IRQ_PPI, VIRT_PPI_PMU, how);
    }
    tree_node(t, "/apb-pclk");
    tree_str(t, "/apb-pclk", "compatible", "fixed-clock");
    tree_cells(t, "/apb-pclk", "#clock-cells", 1, 0);
    tree_cells(t, "/apb-pclk", "clock-frequency", 1, 24000000);
    tree_str(t, "/apb-pclk", "clock-output-names", "clk24mhz");
    tree_cells(t, "/apb-pclk", "phandle", 1, PHANDLE_CLOCK);
}

static void fdt_v2m(Tree *t, const VirtBoard *b, const char *gic)
{
    const VirtMap *map = &virt_map[VIRT_GIC_V2M];
    g_autofree char *path = g_strdup_printf("%s/v2m@%" PRIx64, gic, map->base);

    if (b->has_v2m) {
        tree_node(t, path);
        tree_str(t, path, "compatible", "arm,gic-v2m-frame");
        tree_bytes(t, path, "msi-controller", NULL, 0);
        tree_reg(t, path, map->base, map->size);
        tree_cells(t, path, "phandle", 1, PHANDLE_MSI);
    }
}

static void fdt_its(Tree *t, const VirtBoard *b, const char *gic)
{
    const VirtMap *map = &virt_map[VIRT_GIC_ITS];
    g_autofree char *path = g_strdup_printf("%s/its@%" PRIx64, gic, map->base);

    if (b->has_its) {
        tree_node(t, path);
        tree_str(t, path, "compatible", "arm,gic-v3-its");
        tree_bytes(t, path, "msi-controller", NULL, 0);
        tree_cells(t, path, "#msi-cells", 1, 1);
        tree_reg(t, path, map->base, map->size);
        tree_cells(t, path, "phandle", 1, PHANDLE_MSI);
    }
}

static void fdt_gic(Tree *t, const VirtBoard *b)
{
    const VirtMap *dist = &virt_map[VIRT_GIC_DIST];
    const VirtMap *second = &virt_map[b->gic_version == 2 ? VIRT_GIC_CPU : VIRT_GIC_REDIST];
    const VirtMap *high = &virt_map[VIRT_GIC_REDIST_HIGH];
    g_autofree char *path = g_strdup_printf("/intc@%" PRIx64, dist->base);

    tree_node(t, path);
    tree_str(t, path, "compatible", b->gic_version == 2 ? "arm,cortex-a15-gic" : "arm,gic-v3");
    tree_bytes(t, path, "interrupt-controller", NULL, 0);
    tree_cells(t, path, "#interrupt-cells", 1, 3);
    tree_cells(t, path, "#address-cells", 1, 2);
    tree_cells(t, path, "#size-cells", 1, 2);
    tree_bytes(t, path, "ranges", NULL, 0);
    /* The cells of the third count only where it is there. */
    tree_cells(t, path, "reg", virt_has_high_redist(b) ? 12 : 8, 0, (uint32_t)dist->base, 0,
               (uint32_t)dist->size, 0, (uint32_t)second->base, 0, (uint32_t)second->size,
               (uint32_t)(high->base >> 32), (uint32_t)high->base, 0, (uint32_t)high->size);
    if (b->gic_version == 3) {
        tree_cells(t, path, "#redistributor-regions", 1, virt_has_high_redist(b) ? 2 : 1);
    }
    if (b->virtualization && b->gic_version == 3) {
        tree_cells(t, path, "interrupts", 3, IRQ_PPI, 9, IRQ_LEVEL);
    }
    tree_cells(t, path, "phandle", 1, PHANDLE_GIC);
    fdt_v2m(t, b, path);
    fdt_its(t, b, path);
    tree_cells(t, "/", "interrupt-parent", 1, PHANDLE_GIC);
}

static void fdt_devices(Tree *t, const VirtBoard *b)
{
    static const char uart[] = "arm,pl011\0arm,primecell", rtc[] = "arm,pl031\0arm,primecell";
    static const char gpio[] = "arm,pl061\0arm,primecell";
    static const char flash[] = "cfi-flash", fw_cfg[] = "qemu,fw-cfg-mmio", mmio[] = "virtio,mmio";
    const VirtMap *f = &virt_map[VIRT_FLASH];
    g_autofree char *p = tree_place(t, "pl011", VIRT_UART, 0, uart, sizeof(uart));

    tree_cells(t, p, "clocks", 2, PHANDLE_CLOCK, PHANDLE_CLOCK);
    tree_bytes(t, p, "clock-names", "uartclk\0apb_pclk", 17);
    tree_str(t, "/chosen", "stdout-path", p);

    g_free(p);
    p = tree_place(t, "pl031", VIRT_RTC, 0, rtc, sizeof(rtc));
    tree_pclk(t, p);
    if (b->gpio) {
        g_free(p);
        p = tree_place(t, "pl061", VIRT_GPIO, 0, gpio, sizeof(gpio));
        tree_pclk(t, p);
        tree_cells(t, p, "#gpio-cells", 1, 2);
        tree_bytes(t, p, "gpio-controller", NULL, 0);
        tree_cells(t, p, "phandle", 1, PHANDLE_GPIO);
        tree_node(t, "/gpio-keys");
        tree_str(t, "/gpio-keys", "compatible", "gpio-keys");
        tree_node(t, "/gpio-keys/poweroff");
        tree_str(t, "/gpio-keys/poweroff", "label", "GPIO Key Poweroff");
        tree_cells(t, "/gpio-keys/poweroff", "linux,code", 1, KEY_POWER);
        tree_cells(t, "/gpio-keys/poweroff", "gpios", 3, PHANDLE_GPIO, 3, 0);
    }
    if (b->fw_cfg) {
        g_free(p);
        p = tree_place(t, "fw-cfg", VIRT_FW_CFG, 0, fw_cfg, sizeof(fw_cfg));
        tree_bytes(t, p, "dma-coherent", NULL, 0);
    }
    for (int i = VIRT_N_VIRTIO - 1; i >= 0 && b->virtio[0]; i--) {
        g_free(p);
        p = tree_place(t, "virtio_mmio", VIRT_VIRTIO, i, mmio, sizeof(mmio));
        tree_bytes(t, p, "dma-coherent", NULL, 0);
    }
    g_free(p);
    p = g_strdup_printf("/flash@%" PRIx64, f->base);
    tree_node(t, p);
    tree_bytes(t, p, "compatible", flash, sizeof(flash));
    tree_cells(t, p, "reg", 8, 0, (uint32_t)f->base, 0, (uint32_t)f->size, 0,
               (uint32_t)(f->base + f->size), 0, (uint32_t)f->size);
    tree_cells(t, p, "bank-width", 1, 4);
}

/* 3 cells of PCI address, 2 of the CPUs' and 2 of size, as "ranges" wants them. */
static void fdt_pci_range(GArray *a, uint32_t kind, uint64_t bus, uint64_t cpu, uint64_t size)
{
    uint32_t cells[] = { kind,          (uint32_t)(bus >> 32),
                         (uint32_t)bus, (uint32_t)(cpu >> 32),
                         (uint32_t)cpu, (uint32_t)(size >> 32),
                         (uint32_t)size };

    g_array_append_vals(a, cells, ARRAY_SIZE(cells));
}

static void tree_array(Tree *t, const char *path, const char *name, GArray *a)
{
    for (unsigned i = 0; i < a->len; i++) {
        uint32_t *cell = &g_array_index(a, uint32_t, i);

        put_be32((uint8_t *)cell, *cell);
    }
    tree_bytes(t, path, name, a->data, (int)(a->len * 4));
    g_array_set_size(a, 0);
}

/* Pins of four slots in turn: what holds for all by the swizzle. */
static void fdt_pci_interrupts(Tree *t, const char *path, GArray *a)
{
    uint32_t first = (uint32_t)virt_map[VIRT_PCIE_ECAM].spi;

    for (uint32_t slot = 0; slot < 4; slot++) {
        for (uint32_t pin = 0; pin < 4; pin++) {
            uint32_t cells[] = { slot << 11, 0,           0,
                                 pin + 1,    PHANDLE_GIC, 0,
                                 0,          IRQ_SPI,     first + (slot + pin) % 4,
                                 IRQ_LEVEL };

            g_array_append_vals(a, cells, ARRAY_SIZE(cells));
        }
    }
    tree_array(t, path, "interrupt-map", a);
    tree_cells(t, path, "interrupt-map-mask", 4, 3 << 11, 0, 0, 7);
    tree_cells(t, path, "#interrupt-cells", 1, 1);
}

static void fdt_pci(Tree *t, const VirtBoard *b)
{
    enum { SPACE_IO = 0x01000000, SPACE_MEM = 0x02000000, SPACE_MEM64 = 0x03000000 };
    const VirtMap *ecam = virt_ecam(b), *mmio = &virt_map[VIRT_PCIE_MMIO];
    const VirtMap *pio = &virt_map[VIRT_PCIE_PIO], *high = &virt_map[VIRT_PCIE_MMIO_HIGH];
    g_autofree char *path = g_strdup_printf("/pcie@%" PRIx64, mmio->base);
    g_autoptr(GArray) a = g_array_new(FALSE, FALSE, sizeof(uint32_t));

    tree_node(t, path);
    tree_str(t, path, "compatible", "pci-host-ecam-generic");
    tree_str(t, path, "device_type", "pci");
    tree_cells(t, path, "#address-cells", 1, 3);
    tree_cells(t, path, "#size-cells", 1, 2);
    tree_cells(t, path, "linux,pci-domain", 1, 0);
    tree_cells(t, path, "bus-range", 2, 0, (uint32_t)(ecam->size >> 20) - 1);
    tree_bytes(t, path, "dma-coherent", NULL, 0);
    if (b->has_v2m || b->has_its) {
        tree_cells(t, path, "msi-map", 4, 0, PHANDLE_MSI, 0, 0x10000);
    }
    tree_reg(t, path, ecam->base, ecam->size);
    fdt_pci_range(a, SPACE_IO, 0, pio->base, pio->size);
    fdt_pci_range(a, SPACE_MEM, mmio->base, mmio->base, mmio->size);
    if (virt_has_high_mmio(b)) {
        fdt_pci_range(a, SPACE_MEM64, high->base, high->base, high->size);
    }
    tree_array(t, path, "ranges", a);
    fdt_pci_interrupts(t, path, a);
}

/* A node of the tree for the memory of NUMA node @node (-1: there is no NUMA). */
static void fdt_memory_part(Tree *t, GuestPhys base, uint64_t size, int node)
{
    g_autofree char *path = g_strdup_printf("/memory@%" PRIx64, base);

    tree_node(t, path);
    tree_str(t, path, "device_type", "memory");
    tree_reg(t, path, base, size);
    if (node >= 0) {
        tree_cells(t, path, "numa-node-id", 1, node);
    }
}

/* Spec: Linux bindings, numa.txt */
static void fdt_distances(Tree *t, const BoardMemory *mem)
{
    g_autofree uint8_t *m = g_malloc((size_t)mem->n_nodes * mem->n_nodes * 12);
    uint8_t *to = m;

    for (unsigned i = 0; i < mem->n_nodes; i++) {
        for (unsigned k = 0; k < mem->n_nodes; k++, to += 12) {
            put_be32(to, i);
            put_be32(to + 4, k);
            put_be32(to + 8, mem->distance[i][k]);
        }
    }
    tree_node(t, "/distance-map");
    tree_str(t, "/distance-map", "compatible", "numa-distance-map-v1");
    tree_bytes(t, "/distance-map", "distance-matrix", m, (int)(to - m));
}

static void fdt_memory(Tree *t, const VirtBoard *b)
{
    const BoardMemory *mem = b->memory;
    GuestPhys at = virt_map[VIRT_RAM].base;

    if (!mem->n_nodes) {
        fdt_memory_part(t, at, b->ram_bytes, -1);
    }
    for (unsigned i = 0; i < mem->n_nodes; at += mem->nodes[i++].bytes) {
        if (mem->nodes[i].bytes) {
            fdt_memory_part(t, at, mem->nodes[i].bytes, (int)i);
        }
    }
    if (mem->has_distance) {
        fdt_distances(t, mem);
    }
}

/* What the boot loader tells the kernel. */
static void fdt_chosen(Tree *t, const VirtBoard *b)
{
    tree_node(t, "/chosen");
    if (b->dtb_randomness) {
        uint64_t kaslr = machine_random_u64(b->machine);
        uint8_t seed[32];

        machine_random(b->machine, seed, sizeof(seed));
        tree_u64(t, "/chosen", "kaslr-seed", kaslr);
        tree_bytes(t, "/chosen", "rng-seed", seed, sizeof(seed));
    }
    if (b->cfg->append) {
        tree_str(t, "/chosen", "bootargs", b->cfg->append);
    }
    if (b->initrd_end > b->initrd_start) {
        tree_u64(t, "/chosen", "linux,initrd-start", b->initrd_start);
        tree_u64(t, "/chosen", "linux,initrd-end", b->initrd_end);
    }
}

/* -dtb: the user's tree, with what only we know. */
static bool fdt_load(Tree *t, const VirtBoard *b, GError **err)
{
    g_autoptr(GBytes) file = loader_read("-dtb", b->cfg->dtb, FDT_BYTES / 2, err);
    gsize len;
    const void *data;
    int rc;

    if (!file) {
        return false;
    }
    data = g_bytes_get_data(file, &len);
    /* The library trusts what it copies: structure and strings are gone through first. */
    if (len < sizeof(struct fdt_header) || fdt_check_full(data, len)) {
        return error_set(err, "-dtb %s: is no device tree blob", b->cfg->dtb);
    }
    rc = fdt_open_into(data, t->fdt, FDT_BYTES);
    if (rc) {
        return error_set(err, "-dtb %s: %s", b->cfg->dtb, fdt_strerror(rc));
    }
    fdt_chosen(t, b);
    return true;
}

void *virt_fdt(VirtBoard *b, uint64_t *len, GError **err)
{
    Tree t = { g_malloc0(FDT_BYTES), 0 };

    if (b->cfg->dtb) {
        if (!fdt_load(&t, b, err)) {
            g_free(t.fdt);
            return NULL;
        }
    } else {
        t.rc = fdt_create_empty_tree(t.fdt, FDT_BYTES);
        tree_str(&t, "/", "compatible", "linux,dummy-virt");
        tree_str(&t, "/", "model", "linux,dummy-virt");
        tree_cells(&t, "/", "#address-cells", 1, 2);
        tree_cells(&t, "/", "#size-cells", 1, 2);
        fdt_chosen(&t, b);
        fdt_gic(&t, b);
        fdt_timer_and_clock(&t, b);
        fdt_cpus(&t, b);
        fdt_devices(&t, b);
        fdt_pci(&t, b);
        fdt_memory(&t, b);
        fdt_psci(&t, b);
    }
    if (!t.rc) {
        t.rc = fdt_pack(t.fdt);
    }
    if (t.rc) {
        g_free(t.fdt);
        error_set(err, "device tree: %s", fdt_strerror(t.rc));
        return NULL;
    }
    *len = fdt_totalsize(t.fdt);
    return t.fdt;
}
