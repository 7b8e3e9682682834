/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the `virt` board holds at reset: kernel, initial RAM disk, device tree, boot stub.
 * Spec: Linux Documentation/arm64/booting.rst.
 */
#include "hw/board/virt-priv.h"

#include "util/bytes.h"

enum {
    FDT_ALIGN = 2 << 20, /* the tree may not cross a 2 MiB boundary */
    INITRD_DISTANCE = 128 << 20,
    STUB_BYTES = 40,
};

/* x0 = device tree, x1 to x3 = 0, then the kernel: the state booting.rst asks for. */
static void boot_stub(uint8_t stub[STUB_BYTES], GuestPhys fdt, GuestPhys entry)
{
    static const uint32_t code[6] = {
        0x580000c0, /* ldr x0, 0x18 */
        0xaa1f03e1, /* mov x1, xzr */
        0xaa1f03e2, /* mov x2, xzr */
        0xaa1f03e3, /* mov x3, xzr */
        0x58000084, /* ldr x4, 0x20 */
        0xd61f0080, /* br x4 */
    };

    for (unsigned i = 0; i < ARRAY_SIZE(code); i++) {
        put_le32(stub + 4 * i, code[i]);
    }
    put_le64(stub + 24, fdt);
    put_le64(stub + 32, entry);
}

static void boot_reset(void *opaque, ResetType type)
{
    VirtBoard *b = opaque;
    Cpu *cpu = machine_cpu(b->machine, 0);

    cpu->target_ops->set_pc(cpu, b->boot_pc);
}

static bool boot_initrd(VirtBoard *b, const LoadedKernel *k, GError **err)
{
    GuestPhys ram = virt_map[VIRT_RAM].base, at;
    g_autoptr(GBytes) file = loader_read("-initrd", b->cfg->initrd, LOADER_MAX_BYTES, err);
    const void *data;
    gsize len;

    if (!file) {
        return false;
    }
    data = g_bytes_get_data(file, &len);
    at = ram + min_u64(b->ram_bytes / 2, INITRD_DISTANCE);
    at = bits_align_up(max_u64(at, k->end), GUEST_PAGE_SIZE);
    if (at - ram > b->ram_bytes || len > b->ram_bytes - (at - ram)) {
        return error_set(err,
                         "-initrd %s: %zu bytes do not fit behind the kernel; give more than "
                         "%" G_GUINT64_FORMAT " MiB with -m",
                         b->cfg->initrd, len, b->ram_bytes >> 20);
    }
    b->initrd_start = at;
    b->initrd_end = at + len;
    return len == 0 || rom_add_bytes(b->machine, machine_memory(b->machine), at, file, data, len,
                                     "initrd", err);
}

/* Puts the tree at @at; checks that it fits in front of @limit. */
static bool boot_put_fdt(VirtBoard *b, GuestPhys at, GuestPhys limit, GError **err)
{
    const char *dump = b->cfg->machine ? options_get(b->cfg->machine, "dumpdtb") : NULL;
    uint64_t len;
    g_autofree void *fdt = virt_fdt(b, &len, err);

    dump = dump ? dump : b->cfg->dumpdtb;
    if (!fdt) {
        return false;
    }
    if (dump && !g_file_set_contents(dump, fdt, len, err)) {
        g_prefix_error(err, "-M dumpdtb: ");
        return false;
    }
    if (at > limit || len > limit - at) {
        return error_set(err,
                         "no room for the device tree in RAM; give more than %" G_GUINT64_FORMAT
                         " MiB with -m",
                         b->ram_bytes >> 20);
    }
    return rom_add(b->machine, machine_memory(b->machine), at, fdt, len, "dtb", err);
}

/* -kernel: RAM holds the stub, the kernel, the initial RAM disk and behind it the tree. */
static bool boot_kernel(VirtBoard *b, GError **err)
{
    GuestPhys ram = virt_map[VIRT_RAM].base, end = ram + b->ram_bytes, fdt;
    uint8_t stub[STUB_BYTES];
    LoadedKernel k;

    if (!loader_kernel_arm64(b->machine, b->cfg->kernel, ram, b->ram_bytes, &k, err) ||
        (b->cfg->initrd && !boot_initrd(b, &k, err))) {
        return false;
    }
    if (k.kind == FILE_ELF) { /* an ELF program finds the tree at the start of RAM, if it fits */
        b->boot_pc = k.entry;
        return k.low - ram < FDT_ALIGN / 4 ? true : boot_put_fdt(b, ram, k.low, err);
    }
    fdt = bits_align_up(
        max_u64(b->initrd_end, max_u64(k.end, ram + min_u64(b->ram_bytes / 2, INITRD_DISTANCE))),
        FDT_ALIGN);
    if (fdt >= end) { /* little RAM: directly behind the kernel */
        fdt = bits_align_up(max_u64(b->initrd_end, k.end), 1 << 16);
    }
    boot_stub(stub, fdt, k.entry);
    b->boot_pc = ram;
    return boot_put_fdt(b, fdt, end, err) && rom_add(b->machine, machine_memory(b->machine), ram,
                                                     stub, sizeof(stub), "boot stub", err);
}

bool virt_boot(VirtBoard *b, GError **err)
{
    GuestPhys ram = virt_map[VIRT_RAM].base;

    if (!b->cfg->kernel && b->cfg->initrd) {
        return error_set(err, "-initrd %s: needs a -kernel", b->cfg->initrd);
    }
    if (!b->cfg->kernel && b->cfg->append) {
        return error_set(err, "-append: needs a -kernel");
    }
    machine_on_reset(b->machine, boot_reset, b);
    if (b->cfg->kernel && !b->has_firmware) {
        return boot_kernel(b, err);
    }
    if (b->cfg->kernel && !virt_fw_kernel(b, err)) {
        return false;
    }
    if (!b->has_firmware && !(b->cfg->machine && options_get(b->cfg->machine, "dumpdtb"))) {
        log_message(machine_log(b->machine), LOG_LEVEL_WARN, "virt",
                    "there is nothing to start: give a -kernel or a -bios");
    }
    b->boot_pc = 0; /* flash; firmware finds the tree at the start of RAM */
    return boot_put_fdt(b, ram, ram + b->ram_bytes, err);
}
