/* SPDX-License-Identifier: Apache-2.0 */
/* What the `virt` board tells its firmware through fw_cfg. */
#include "hw/board/virt-priv.h"

#include "hw/acpi/smbios.h"
#include "hw/board/fw-files.h"
#include "hw/board/order.h"
#include "hw/misc/fw_cfg.h"

#include <inttypes.h>

static bool fw_blob(VirtBoard *b, const char *what, const char *path, uint16_t size_key,
                    uint16_t data_key, GError **err)
{
    g_autoptr(GBytes) file = loader_read(what, path, LOADER_MAX_BYTES, err);

    if (!file) {
        return false;
    }
    if (data_key == FW_CFG_KERNEL_DATA &&
        file_kind(g_bytes_get_data(file, NULL), g_bytes_get_size(file)) == FILE_GZIP) {
        GBytes *plain = loader_gunzip(file, path, LOADER_MAX_BYTES, err);

        if (!plain) {
            return false;
        }
        g_bytes_unref(file);
        file = plain;
    }
    fw_cfg_set_le(b->fw_cfg, size_key, 4, g_bytes_get_size(file));
    fw_cfg_set(b->fw_cfg, data_key, g_bytes_get_data(file, NULL), g_bytes_get_size(file));
    return true;
}

bool virt_fw_kernel(VirtBoard *b, GError **err)
{
    const BoardConfig *cfg = b->cfg;

    if (!fw_blob(b, "-kernel", cfg->kernel, FW_CFG_KERNEL_SIZE, FW_CFG_KERNEL_DATA, err) ||
        (cfg->initrd &&
         !fw_blob(b, "-initrd", cfg->initrd, FW_CFG_INITRD_SIZE, FW_CFG_INITRD_DATA, err))) {
        return false;
    }
    if (cfg->append) {
        size_t len = strlen(cfg->append) + 1;

        fw_cfg_set_le(b->fw_cfg, FW_CFG_CMDLINE_SIZE, 4, len);
        fw_cfg_set(b->fw_cfg, FW_CFG_CMDLINE_DATA, cfg->append, len);
    }
    return true;
}

static bool virt_smbios(VirtBoard *b, GError **err)
{
    const BoardConfig *cfg = b->cfg;
    unsigned sockets = MAX(cfg->sockets, 1), threads = MAX(cfg->threads, 1);
    SmbiosMachine m = {
        .product = "QEMU Virtual Machine",
        .version = "virt-7.2",
        .uuid = cfg->uuid,
        .sockets = sockets,
        .threads = threads,
        .cores = MAX(b->n_cpus / (sockets * threads), 1),
        .ram_bytes = b->ram_bytes,
        .options = cfg->smbios,
        .n_options = cfg->n_smbios,
    };
    g_autoptr(GByteArray) tables = g_byte_array_new(), anchor = g_byte_array_new();

    return smbios_build(&m, tables, anchor, err) &&
           fw_cfg_add_file(b->fw_cfg, "etc/smbios/smbios-tables", tables->data, tables->len, err) &&
           fw_cfg_add_file(b->fw_cfg, "etc/smbios/smbios-anchor", anchor->data, anchor->len, err);
}

/* Where a virtio-mmio is. */
static bool fw_place(void *opaque, Device *on, GString *path)
{
    const VirtBoard *b = opaque;
    const VirtMap *map = &virt_map[VIRT_VIRTIO];

    for (unsigned i = 0; i < VIRT_N_VIRTIO; i++) {
        if (b->virtio[i] == on) {
            g_string_append_printf(path, "/virtio-mmio@%016" PRIx64, map->base + i * map->size);
            return true;
        }
    }
    return false;
}

bool virt_boot_order(VirtBoard *b, GError **err)
{
    BootOrder o = {
        .container = b->device,
        .pci_root = "/pci@ffffffffffffffff",
        .place = fw_place,
        .opaque = b,
    };

    return board_boot_order(&o, b->fw_cfg, err);
}

bool virt_make_fw_cfg(VirtBoard *b, GError **err)
{
    const BoardConfig *cfg = b->cfg;
    Device *fw = device_new(b->machine, "fw_cfg_mem", b->device, "fw_cfg", err);

    if (!fw || !device_realize(fw, err)) {
        return false;
    }
    b->fw_cfg = fw;
    device_map(fw, 0, machine_memory_root(b->machine), virt_map[VIRT_FW_CFG].base);
    fw_cfg_set_le(fw, FW_CFG_RAM_SIZE, 8, b->ram_bytes);
    fw_cfg_set_le(fw, FW_CFG_NOGRAPHIC, 2, cfg->no_graphic);
    fw_cfg_set_le(fw, FW_CFG_NB_CPUS, 2, b->n_cpus);
    fw_cfg_set_le(fw, FW_CFG_MAX_CPUS, 2, max_u64(cfg->max_cpus, b->n_cpus));
    fw_cfg_set_le(fw, FW_CFG_BOOT_MENU, 2, cfg->boot_menu);
    return virt_smbios(b, err) && board_fw_files(cfg, fw, err);
}
