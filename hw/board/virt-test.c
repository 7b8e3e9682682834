/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/board/virt-priv.h"

#include "hw/misc/fw_cfg.h"
#include "tests/unit.h"
#include "util/bytes.h"

#include <inttypes.h>
#include <libfdt.h>

extern const DeviceType *const arm_cpu_types[];

/* A virt machine without a kernel, after its first reset. NULL with *err. */
static Machine *virt_machine_with(const char *options, unsigned n_cpus, const char *const *devices,
                                  GError **err)
{
    Machine *m = machine_new(err);
    Options o;
    BoardConfig cfg = {
        .machine = &o,
        .cpu = "cortex-a57",
        .n_cpus = n_cpus,
        .ram_bytes = 64 << 20,
        .devices = devices,
        .n_devices = devices ? g_strv_length((char **)devices) : 0,
    };
    bool ok;

    machine_add_types(m, device_types);
    machine_add_types(m, arm_cpu_types);
    ok = options_parse(&o, options, NULL, err);
    ok = ok && board_virt.init(m, &cfg, err);
    options_deinit(&o);
    if (!ok) {
        machine_free(m);
        return NULL;
    }
    machine_reset(m, RESET_COLD, CAUSE_NONE);
    return m;
}

static Machine *virt_machine(const char *options, unsigned n_cpus, GError **err)
{
    return virt_machine_with(options, n_cpus, NULL, err);
}

static uint32_t fdt_cell(const void *fdt, const char *path, const char *prop, unsigned n)
{
    int len;
    const void *val = fdt_getprop(fdt, fdt_path_offset(fdt, path), prop, &len);

    return val && (int)n * 4 + 4 <= len ? get_be32((const char *)val + 4 * n) : 0xdeadbeef;
}

TEST(virt, device_tree_at_the_start_of_ram)
{
    g_autoptr(GError) err = NULL;
    g_autofree uint8_t *fdt = g_malloc(64 << 10);
    Machine *m = virt_machine("gic-version=2", 2, &err);

    EXPECT(m != NULL);
    if (!m) {
        return;
    }
    EXPECT_EQ(aspace_read(machine_memory(m), 0x40000000, fdt, 64 << 10, (MemAttrs){ 0 }), MEM_OK);
    EXPECT_EQ(fdt_check_full(fdt, 64 << 10), 0);
    EXPECT_EQ(fdt_cell(fdt, "/memory@40000000", "reg", 3), 64 << 20);
    EXPECT_EQ(fdt_cell(fdt, "/pl011@9000000", "interrupts", 1), 1);
    if (machine_find_type(m, "virtio-mmio")) {
        EXPECT_EQ(fdt_cell(fdt, "/virtio_mmio@a003e00", "interrupts", 1), 47);
        EXPECT_EQ(fdt_cell(fdt, "/virtio_mmio@a003e00", "reg", 1), 0x0a003e00);
    }
    EXPECT_EQ(fdt_cell(fdt, "/timer", "interrupts", 4), 14);
    EXPECT_EQ(fdt_cell(fdt, "/timer", "interrupts", 5), 0x304);
    EXPECT_EQ(fdt_cell(fdt, "/cpus/cpu@1", "reg", 0), 1);
    EXPECT(fdt_path_offset(fdt, "/cpus/cpu@2") < 0);
    EXPECT_STR(fdt_getprop(fdt, fdt_path_offset(fdt, "/psci"), "method", NULL), "hvc");
    EXPECT_STR(fdt_getprop(fdt, fdt_path_offset(fdt, "/chosen"), "stdout-path", NULL),
               "/pl011@9000000");
    EXPECT_EQ(fdt_cell(fdt, "/intc@8000000", "phandle", 0),
              fdt_cell(fdt, "/", "interrupt-parent", 0));
    machine_free(m);
}

static bool virt_add(Machine *m, const char *text, GError **err)
{
    Options o = { 0 };
    bool ok = options_parse(&o, text, "driver", err) && board_virt.add_device(m, &o, err);

    options_deinit(&o);
    return ok;
}

TEST(virt, explains_devices_it_has_not)
{
    g_autoptr(GError) err = NULL;
    Machine *m = virt_machine("", 1, &err);

    EXPECT(m != NULL);
    EXPECT(!virt_add(m, "virtio-blk-devise,drive=x", &err));
    EXPECT(err && strstr(err->message, "no such device"));
    machine_free(m);
}

TEST(virt, refuses_what_it_has_not)
{
    g_autoptr(GError) err = NULL;

    EXPECT(!virt_machine("secure=on", 1, &err));
    EXPECT(err && strstr(err->message, "secure=on"));
    g_clear_error(&err);
    EXPECT(!virt_machine("gic-version=2", 9, &err));
    EXPECT(err && strstr(err->message, "at most 8 CPUs"));
}

TEST(virt, found_by_alias_and_any_case)
{
    g_autoptr(GError) err = NULL;

    EXPECT(board_find("VIRT-7.2", &err) == &board_virt);
    EXPECT(!board_find("vrit", &err));
    EXPECT(err && strstr(err->message, "virt"));
}

TEST(virt, order_of_boot)
{
    static const char *const devices[] = { "nvme,serial=a,bootindex=7", "pcie-root-port,id=rp",
                                           "nvme,serial=b,bootindex=0x2,bus=rp", "nvme,serial=c",
                                           NULL };
    static const char *const twice[] = { "nvme,serial=a,bootindex=1", "nvme,serial=b,bootindex=1",
                                         NULL };
    g_autoptr(GError) err = NULL;
    Machine *m = virt_machine_with("", 1, devices, &err);
    const uint8_t *order = NULL;
    size_t len = 0;

    EXPECT(m != NULL);
    if (m) {
        order = fw_cfg_find_file(device_find(m, "fw_cfg"), "bootorder", &len);
        EXPECT(order != NULL);
        EXPECT_STR((const char *)order,
                   "/pci@ffffffffffffffff/pci-bridge@2/pci1b36,0010@0/namespace@1,0\n"
                   "/pci@ffffffffffffffff/pci1b36,0010@1/namespace@1,0");
        EXPECT_EQ(len, strlen((const char *)order) + 1);
        machine_free(m);
    }
    EXPECT(!virt_machine_with("", 1, twice, &err));
    EXPECT(err && strstr(err->message, "bootindex=1 is taken"));
}

TEST(virt, order_of_boot_on_usb)
{
    static const char *const devices[] = { "qemu-xhci,id=x", "usb-hub,port=1",
                                           "usb-bot,id=u,port=1.2", "scsi-cd,bus=u.0,bootindex=3",
                                           NULL };
    g_autoptr(GError) err = NULL;
    Machine *m = virt_machine_with("", 1, devices, &err);
    const uint8_t *order = NULL;
    size_t len = 0;

    EXPECT(m != NULL);
    if (m) {
        order = fw_cfg_find_file(device_find(m, "fw_cfg"), "bootorder", &len);
        EXPECT_STR((const char *)order,
                   "/pci@ffffffffffffffff/usb@1/hub@1/storage@2/channel@0/disk@0,0");
        machine_free(m);
    }
}

TEST(virt, tables_for_firmware)
{
    g_autoptr(GError) err = NULL;
    Machine *m = virt_machine("gic-version=3", 2, &err);
    size_t len = 0;

    EXPECT(m && fw_cfg_find_file(device_find(m, "fw_cfg"), "etc/acpi/tables", &len));
    EXPECT(len > 4096);
    EXPECT(m && fw_cfg_find_file(device_find(m, "fw_cfg"), "etc/smbios/smbios-anchor", &len));
    EXPECT_EQ(len, 24);
    machine_free(m);
    m = virt_machine("acpi=off", 2, &err);
    EXPECT(m && !fw_cfg_find_file(device_find(m, "fw_cfg"), "etc/acpi/tables", &len));
    machine_free(m);
}
