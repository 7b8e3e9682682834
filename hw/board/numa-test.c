/* SPDX-License-Identifier: Apache-2.0 */
/* Memory backends and nodes of NUMA, as the device tree of `virt` shows them. */
#include "hw/board/numa.h"

#include "core/device.h"
#include "hw/acpi/srat.h"
#include "tests/unit.h"
#include "util/bytes.h"

#include <glib/gstdio.h>
#include <libfdt.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern const DeviceType *const arm_cpu_types[];

enum { RAM = 0x40000000 };

typedef struct Setup {
    const char *machine; /* NULL: nothing */
    const char *memdevs[4], *numa[8], *mem_path;
    bool mem_prealloc;
    unsigned n_cpus;
    uint64_t ram_bytes;
} Setup;

/* NULL with *err. */
static Machine *nu_machine(const Setup *s, GError **err)
{
    Machine *m = machine_new(err);
    Options o = { 0 };
    BoardConfig cfg = {
        .machine = &o,
        .cpu = "cortex-a57",
        .n_cpus = s->n_cpus ? s->n_cpus : 4,
        .ram_bytes = s->ram_bytes,
        .memdevs = s->memdevs,
        .numa = s->numa,
        .mem_path = s->mem_path,
        .mem_prealloc = s->mem_prealloc,
        .nodefaults = true,
    };
    bool ok;

    while (cfg.n_memdevs < ARRAY_SIZE(s->memdevs) && s->memdevs[cfg.n_memdevs]) {
        cfg.n_memdevs++;
    }
    while (cfg.n_numa < ARRAY_SIZE(s->numa) && s->numa[cfg.n_numa]) {
        cfg.n_numa++;
    }
    machine_add_types(m, device_types);
    machine_add_types(m, arm_cpu_types);
    ok =
        options_parse(&o, s->machine ? s->machine : "", NULL, err) && board_virt.init(m, &cfg, err);
    options_deinit(&o);
    if (!ok) {
        machine_free(m);
        return NULL;
    }
    machine_reset(m, RESET_COLD, CAUSE_NONE);
    return m;
}

static uint32_t nu_cell(const void *fdt, const char *path, const char *prop, unsigned n)
{
    int len;
    const void *val = fdt_getprop(fdt, fdt_path_offset(fdt, path), prop, &len);

    return val && (int)n * 4 + 4 <= len ? get_be32((const char *)val + 4 * n) : 0xdeadbeef;
}

TEST(numa, nodes_in_the_device_tree)
{
    Setup s = {
        .memdevs = { "memory-backend-ram,id=m0,size=48M", "memory-backend-memfd,id=m1,size=16M" },
        .numa = { "node,nodeid=0,cpus=0,cpus=2-3,memdev=m0", "node,cpus=1,memdev=m1",
                  "dist,src=0,dst=1,val=30" },
        .ram_bytes = 64 << 20,
    };
    g_autoptr(GError) err = NULL;
    g_autofree uint8_t *fdt = g_malloc(64 << 10);
    Machine *m = nu_machine(&s, &err);
    uint64_t val = 0;

    EXPECT(m != NULL);
    if (!m) {
        return;
    }
    EXPECT_EQ(aspace_read(machine_memory(m), RAM, fdt, 64 << 10, (MemAttrs){ 0 }), MEM_OK);
    EXPECT_EQ(nu_cell(fdt, "/memory@40000000", "reg", 3), 48 << 20);
    EXPECT_EQ(nu_cell(fdt, "/memory@40000000", "numa-node-id", 0), 0);
    EXPECT_EQ(nu_cell(fdt, "/memory@43000000", "reg", 3), 16 << 20);
    EXPECT_EQ(nu_cell(fdt, "/memory@43000000", "numa-node-id", 0), 1);
    EXPECT_EQ(nu_cell(fdt, "/cpus/cpu@1", "numa-node-id", 0), 1);
    EXPECT_EQ(nu_cell(fdt, "/cpus/cpu@2", "numa-node-id", 0), 0);
    EXPECT_EQ(nu_cell(fdt, "/distance-map", "distance-matrix", 2), 10);
    EXPECT_EQ(nu_cell(fdt, "/distance-map", "distance-matrix", 5), 30);
    EXPECT_EQ(nu_cell(fdt, "/distance-map", "distance-matrix", 8), 30); /* as the other way */
    /* Both are one memory for the guest. */
    aspace_store(machine_memory(m), RAM + (48 << 20), 8, 0x1122334455667788, (MemAttrs){ 0 });
    memcpy(&val, ram_find(m, "m1")->host, 8);
    EXPECT_EQ(val, 0x1122334455667788);
    EXPECT_EQ(board_memory(m)->n_nodes, 2);
    machine_free(m);
}

TEST(numa, sockets_take_turns)
{
    Setup s = { .numa = { "node,mem=32M", "node,mem=32M" }, .ram_bytes = 64 << 20, .n_cpus = 2 };
    g_autoptr(GError) err = NULL;
    Machine *m = nu_machine(&s, &err);

    EXPECT(m != NULL);
    if (m) {
        EXPECT_EQ(numa_cpu_node(board_memory(m), 0), 0);
        EXPECT_EQ(numa_cpu_node(board_memory(m), 1), 0); /* of the same socket */
        EXPECT_EQ(board_memory(m)->nodes[1].bytes, 32 << 20);
        machine_free(m);
    }
}

TEST(numa, memory_is_a_file)
{
    for (unsigned share = 0; share < 2; share++) {
        g_autofree char *path = NULL;
        g_autofree char *object = NULL;
        g_autoptr(GError) err = NULL;
        int fd = g_file_open_tmp("mem-XXXXXX", &path, &err);
        Setup s = { .machine = "memory-backend=f" };
        uint64_t val = 0x55;
        Machine *m;

        CHECK(fd >= 0 && pwrite(fd, &val, 8, 0x100000) == 8);
        object = g_strdup_printf("memory-backend-file,id=f,size=32M,mem-path=%s,share=%s", path,
                                 share ? "on" : "off");
        s.memdevs[0] = object;
        m = nu_machine(&s, &err);
        EXPECT(m != NULL);
        if (m) {
            aspace_load(machine_memory(m), RAM + 0x100000, 8, &val, (MemAttrs){ 0 });
            EXPECT_EQ(val, 0x55);
            aspace_store(machine_memory(m), RAM + 0x100000, 8, 0x66, (MemAttrs){ 0 });
            EXPECT_EQ(pread(fd, &val, 8, 0x100000), 8);
            EXPECT_EQ(val, share ? 0x66 : 0x55);
            ram_discard(ram_find(m, "f"), 0x100000, GUEST_PAGE_SIZE);
            aspace_load(machine_memory(m), RAM + 0x100000, 8, &val, (MemAttrs){ 0 });
            EXPECT_EQ(val, 0);
            EXPECT_EQ(ram_find(m, "f")->size, 32 << 20);
            machine_free(m);
        }
        close(fd);
        g_unlink(path);
    }
}

/* How many pages of @bytes are there. */
static unsigned nu_resident(const RamBlock *ram, uint64_t bytes)
{
    unsigned char there[64] = { 0 };
    unsigned n = 0;

    CHECK(bytes <= sizeof(there) * GUEST_PAGE_SIZE && !mincore(ram->host, bytes, there));
    for (unsigned i = 0; i < bytes / GUEST_PAGE_SIZE; i++) {
        n += there[i] & 1;
    }
    return n;
}

TEST(numa, memory_on_nodes_of_the_host)
{
    static const char *const objects[] = {
        "memory-backend-ram,id=a,size=32M,policy=preferred,host-nodes=0,prealloc=on",
        "{\"qom-type\":\"memory-backend-memfd\",\"id\":\"a\",\"size\":33554432,"
        "\"policy\":\"bind\",\"host-nodes\":[0],\"prealloc\":true}",
    };

    for (size_t i = 0; i < ARRAY_SIZE(objects); i++) {
        g_autoptr(GError) err = NULL;
        Setup s = { .machine = "memory-backend=a", .memdevs = { objects[i] } };
        Machine *m = nu_machine(&s, &err);
        int mode = -1;
        uint64_t nodes[HOST_NODES_MAX / 64] = { 0 };

        if (!m) { /* a host without NUMA, or that lets nobody choose */
            EXPECT(strstr(err->message, "the host refuses it"));
            continue;
        }
        EXPECT_EQ(syscall(SYS_get_mempolicy, &mode, nodes, HOST_NODES_MAX + 1ul,
                          ram_find(m, "a")->host, MPOL_F_ADDR),
                  0);
        EXPECT_EQ(mode, i ? MPOL_BIND : MPOL_PREFERRED);
        EXPECT_EQ(nodes[0], 1);
        EXPECT_STR(memdev_policy(&board_memory(m)->backends[0]), i ? "bind" : "preferred");
        EXPECT_EQ(nu_resident(ram_find(m, "a"), 64 * GUEST_PAGE_SIZE), 64);
        machine_free(m);
    }
}

TEST(numa, memory_without_objects_of_a_file)
{
    g_autofree char *path = NULL;
    g_autoptr(GError) err = NULL;
    int fd = g_file_open_tmp("mem-XXXXXX", &path, &err);
    Setup s = { .mem_path = path, .mem_prealloc = true, .ram_bytes = 32 << 20 };
    uint64_t val = 0x55;
    Machine *m;

    CHECK(fd >= 0 && pwrite(fd, &val, 8, 0x100000) == 8);
    m = nu_machine(&s, &err);
    EXPECT(m != NULL);
    if (m) {
        aspace_load(machine_memory(m), RAM + 0x100000, 8, &val, (MemAttrs){ 0 });
        EXPECT_EQ(val, 0x55);
        aspace_store(machine_memory(m), RAM + 0x100000, 8, 0x66, (MemAttrs){ 0 });
        EXPECT_EQ(pread(fd, &val, 8, 0x100000), 8);
        EXPECT_EQ(val, 0x55);
        machine_free(m);
    }
    close(fd);
    g_unlink(path);
}

TEST(numa, refuses_what_does_not_fit)
{
    static const struct {
        Setup s;
        const char *want;
    } rows[] = {
        { { .numa = { "node,mem=32M" }, .ram_bytes = 64 << 20 }, "should equal RAM size" },
        { { .numa = { "node,memdev=x" } }, "no such object" },
        { { .numa = { "node,cpus=4" } }, "0 to 3" },
        { { .numa = { "node,cpus=0-1", "node,cpus=1" } }, "already" },
        { { .numa = { "node,cpus=3-1" } }, "0 to 3" },
        { { .numa = { "node,nodeid=128" } }, "0 to 127" },
        { { .numa = { "node,nodeid=1,mem=128M" } }, "number 0" },
        { { .numa = { "node,mem=64M", "node,mem=64M", "node", "dist,src=0,dst=1,val=20" } },
          "between nodes 0 and 2" },
        { { .numa = { "node", "dist,src=0,dst=0,val=20" } }, "10 within" },
        { { .numa = { "node", "dist,src=0,dst=3,val=20" } }, "no node 3" },
        { { .numa = { "hmat-lb" } }, "node, dist, cpu" },
        { { .numa = { "node,mem=1,color=red" } }, "color" },
        { { .numa = { "cpu,node-id=0" } }, "no such node" },
        { { .numa = { "node", "cpu,node-id=0,core-id=7" } }, "core-id" },
        { { .memdevs = { "memory-backend-ram,id=a" } }, "size" },
        { { .memdevs = { "memory-backend-ram,size=1M" } }, "id" },
        { { .memdevs = { "memory-backend-file,id=a,size=1M" } }, "mem-path" },
        { { .memdevs = { "memory-backend-ram,id=a,size=1M", "memory-backend-ram,id=a,size=1M" } },
          "two RAM blocks" },
        { { .memdevs = { "memory-backend-epc,id=a,size=1M" } }, "valid" },
        { { .memdevs = { "memory-backend-ram,id=a,size=1M,policy=near,host-nodes=0" } },
          "policy=near: valid: default" },
        { { .memdevs = { "memory-backend-ram,id=a,size=1M,policy=bind" } }, "needs host-nodes=" },
        { { .memdevs = { "memory-backend-ram,id=a,size=1M,host-nodes=0" } }, "needs policy=" },
        { { .memdevs = { "memory-backend-ram,id=a,size=1M,policy=bind,host-nodes=0-128" } },
          "0 to 127" },
        { { .memdevs = { "memory-backend-ram,id=a,size=1M,policy=bind,host-nodes=127" } },
          "policy=bind: the host refuses it" },
        { { .mem_path = "/nowhere/x", .ram_bytes = 32 << 20 }, "-mem-path=/nowhere/x" },
        { { .machine = "memory-backend=a",
            .memdevs = { "memory-backend-ram,id=a,size=32M" },
            .mem_prealloc = true },
          "-mem-prealloc: objects" },
        { { .machine = "memory-backend=a",
            .memdevs = { "memory-backend-ram,id=a,size=32M" },
            .ram_bytes = 64 << 20 },
          "-m says" },
        { { .memdevs = { "memory-backend-ram,id=a,size=32M" },
            .numa = { "node,memdev=a", "node,memdev=a" } },
          "used already" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        g_autoptr(GError) err = NULL;
        Machine *m = nu_machine(&rows[i].s, &err);

        if (m || !strstr(err->message, rows[i].want)) {
            test_fail(__FILE__, __LINE__, "row %zu: %s", i, m ? "taken" : err->message);
        }
    }
}

TEST(numa, tables_for_acpi)
{
    static const uint8_t distance[] = { 10, 20, 20, 10 };
    AcpiTables t;
    unsigned at;

    acpi_init(&t, "BOCHS", "BXPC");
    at = srat_begin(&t);
    srat_gicc(&t, 1, 5);
    srat_apic(&t, 1, 5);
    srat_memory(&t, 1, RAM, 64 << 20);
    acpi_end(&t, at, true);
    EXPECT_EQ(get_le32(t.blob->data + at + 4), 48 + 18 + 16 + 40);
    EXPECT_EQ(get_le32(t.blob->data + at + 48 + 2), 1);
    EXPECT_EQ(get_le64(t.blob->data + at + 48 + 18 + 16 + 8), RAM);
    at = t.blob->len;
    acpi_slit(&t, distance, 2, 2);
    EXPECT_EQ(get_le32(t.blob->data + at + 4), 36 + 8 + 4);
    EXPECT_EQ(t.blob->data[at + 36 + 8 + 1], 20);
    acpi_finish(&t);
    acpi_deinit(&t);
}
