/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/board/x86-kernel.h"

#include "hw/board/pc-kernel.h"
#include "tests/unit.h"
#include "util/bytes.h"

#include <elf.h>
#include <string.h>
#include <unistd.h>

enum { TEST_TOP = 64 << 20 };

/* Load what @data holds as -kernel. */
static bool kernel_try(X86Kernel *k, const void *data, size_t len, const char *initrd,
                       const char *append, GError **err)
{
    g_autofree char *path = NULL;
    int fd = g_file_open_tmp("tinamou-kernel-XXXXXX", &path, NULL);
    BoardConfig cfg = { .kernel = path, .initrd = initrd, .append = append };
    bool ok;

    close(fd);
    ok = g_file_set_contents(path, data, (gssize)len, err) &&
         x86_kernel_load(k, &cfg, TEST_TOP, err);
    unlink(path);
    return ok;
}

static void kernel_refused(const void *data, size_t len, const char *why)
{
    g_autoptr(GError) err = NULL;
    X86Kernel k;

    EXPECT(!kernel_try(&k, data, len, NULL, NULL, &err));
    EXPECT(err && strstr(err->message, why));
}

static void linux_file(uint8_t file[8192])
{
    memset(file, 0, 8192);
    file[0x1f1] = 3;
    memcpy(file + 0x202, "HdrS", 4);
    put_le16(file + 0x206, 0x020c);
    file[0x211] = 1;
    put_le32(file + 0x22c, 0x01ffffff);
    memcpy(file + 2048, "protected", 9);
}

TEST(x86_kernel, linux_image)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *initrd = NULL;
    uint8_t file[8192];
    X86Kernel k;
    int fd = g_file_open_tmp("tinamou-initrd-XXXXXX", &initrd, NULL);

    EXPECT_EQ(write(fd, "0123456789", 10), 10);
    close(fd);
    linux_file(file);
    EXPECT(kernel_try(&k, file, sizeof(file), initrd, "root=/dev/vda vga=0x317", &err));
    if (!err) {
        EXPECT_EQ(k.kind, X86_LINUX);
        EXPECT_EQ(k.load, 0x100000);
        EXPECT_EQ(g_bytes_get_size(k.image), 8192 - 2048);
        EXPECT_EQ(k.info->len, 2048);
        EXPECT_EQ(k.info->data[0x210], 0xb0);
        EXPECT_EQ(k.info->data[0x211], 0x81);
        EXPECT_EQ(get_le16(k.info->data + 0x1fa), 0x317);
        EXPECT_EQ(get_le32(k.info->data + 0x228), k.cmdline_at);
        EXPECT_EQ(k.modules_at, 0x01fff000);
        EXPECT_EQ(get_le32(k.info->data + 0x218), 0x01fff000);
        EXPECT_EQ(get_le32(k.info->data + 0x21c), 10);
        x86_kernel_free(&k);
    }
    file[0x211] = 0; /* a zImage */
    EXPECT(kernel_try(&k, file, sizeof(file), NULL, NULL, &err));
    EXPECT_EQ(k.load, 0x10000);
    EXPECT_EQ(k.info_at, 0x90000);
    x86_kernel_free(&k);
    unlink(initrd);
}

TEST(x86_kernel, broken_linux_images)
{
    uint8_t file[8192];
    g_autoptr(GError) err = NULL;
    X86Kernel k;

    linux_file(file);
    kernel_refused(file, 0x280, "ends before its set-up code");
    file[0x1f1] = 255;
    kernel_refused(file, sizeof(file), "ends before its set-up code");
    linux_file(file);
    EXPECT(!kernel_try(&k, file, sizeof(file), NULL, "vga=what", &err));
    EXPECT(err && strstr(err->message, "vga= wants"));
    g_clear_error(&err);
    put_le32(file + 0x22c, 0x00100000); /* no room for an initial RAM disk */
    EXPECT(!kernel_try(&k, file, sizeof(file), "/proc/self/cmdline", NULL, &err));
    EXPECT(err && strstr(err->message, "-initrd"));
    kernel_refused("#!/bin/sh\nexit 0\n", 18, "a script");
    kernel_refused("", 0, "empty");
}

static void multiboot_header(uint8_t *at, uint32_t flags, uint32_t header, uint32_t load,
                             uint32_t load_end, uint32_t bss_end, uint32_t entry)
{
    put_le32(at, 0x1badb002);
    put_le32(at + 4, flags);
    put_le32(at + 8, 0u - 0x1badb002u - flags);
    put_le32(at + 12, header);
    put_le32(at + 16, load);
    put_le32(at + 20, load_end);
    put_le32(at + 24, bss_end);
    put_le32(at + 28, entry);
}

TEST(x86_kernel, multiboot_by_addresses)
{
    g_autoptr(GError) err = NULL;
    uint8_t file[4096] = { 0 };
    X86Kernel k;

    memset(file + 256, 0xaa, sizeof(file) - 256);
    multiboot_header(file + 256, 0x10003, 0x200010, 0x200000, 0x200100, 0x200200, 0x200030);
    EXPECT(kernel_try(&k, file, sizeof(file), NULL, "x y", &err));
    if (!err) {
        EXPECT_EQ(k.kind, X86_MULTIBOOT);
        EXPECT_EQ(k.load, 0x200000);
        EXPECT_EQ(k.end, 0x200200);
        EXPECT_EQ(k.entry, 0x200030);
        EXPECT_EQ(((const uint8_t *)g_bytes_get_data(k.image, NULL))[0x10], 0x02);
        EXPECT_EQ(((const uint8_t *)g_bytes_get_data(k.image, NULL))[0x100], 0);
        x86_kernel_free(&k);
    }
    multiboot_header(file + 256, 0x10003, 0x1fffff, 0x200000, 0, 0, 0);
    kernel_refused(file, sizeof(file), "impossible addresses");
    multiboot_header(file + 256, 0x10003, 0x300000, 0x200000, 0, 0, 0);
    kernel_refused(file, sizeof(file), "impossible addresses");
    multiboot_header(file + 256, 0x10003, 0x200010, 0x200000, 0x900000, 0, 0);
    kernel_refused(file, sizeof(file), "wants more than the file has");
    multiboot_header(file + 256, 0x10003, 0x200010, 0x200000, 0, 0xffffffff, 0);
    kernel_refused(file, sizeof(file), "no RAM above 1 MiB");
    multiboot_header(file + 256, 0x10003, 0x200010, 0x200000, 0x100, 0, 0);
    kernel_refused(file, sizeof(file), "wants more than the file has");
    multiboot_header(file + 256, 0x8, 0, 0, 0, 0, 0);
    kernel_refused(file, sizeof(file), "features of Multiboot that are unknown: 0x8");
    multiboot_header(file + 256, 0x3, 0, 0, 0, 0, 0);
    kernel_refused(file, sizeof(file), "must be a 32-bit ELF");
    multiboot_header(file + 256, 0x10003, 0, 0, 0, 0, 0); /* its addresses cut off */
    memmove(file + sizeof(file) - 12, file + 256, 12);
    put_le32(file + 256, 0);
    kernel_refused(file, sizeof(file), "cut off");
}

/* One segment to load and one note. */
static void pvh_file(uint8_t file[1024], bool wide)
{
    Elf64_Ehdr e = { .e_type = ET_EXEC,
                     .e_machine = EM_X86_64,
                     .e_phoff = sizeof(e),
                     .e_phentsize = sizeof(Elf64_Phdr),
                     .e_phnum = 2 };
    Elf64_Phdr p[2] = {
        { .p_type = PT_LOAD, .p_offset = 512, .p_paddr = 0x100000, .p_filesz = 16, .p_memsz = 64 },
        { .p_type = PT_NOTE, .p_offset = 600, .p_filesz = 24 },
    };

    memset(file, 0, 1024);
    memcpy(e.e_ident, ELFMAG, SELFMAG);
    e.e_ident[EI_CLASS] = wide ? ELFCLASS64 : ELFCLASS32;
    e.e_ident[EI_DATA] = ELFDATA2LSB;
    memcpy(file, &e, sizeof(e));
    memcpy(file + sizeof(e), p, sizeof(p));
    memset(file + 512, 0x90, 16);
    put_le32(file + 600, 4);
    put_le32(file + 604, 8);
    put_le32(file + 608, 18);
    memcpy(file + 612, "Xen", 4);
    put_le64(file + 616, 0x100008);
}

TEST(x86_kernel, pvh)
{
    g_autoptr(GError) err = NULL;
    uint8_t file[1024];
    X86Kernel k;

    pvh_file(file, true);
    EXPECT(kernel_try(&k, file, sizeof(file), NULL, "quiet", &err));
    if (!err) {
        uint32_t text = get_le32(k.info->data + 24);

        EXPECT_EQ(k.kind, X86_PVH);
        EXPECT_EQ(k.entry, 0x100008);
        EXPECT_EQ(k.end, 0x100040);
        EXPECT_EQ(get_le32(k.info->data), 0x336ec578);
        EXPECT_STR((const char *)k.info->data + (text - k.info_at), "quiet");
        x86_kernel_free(&k);
    }
    put_le32(file + 604, 0xfffffff0); /* a note that is longer than its segment */
    kernel_refused(file, sizeof(file), "without PVH's note");
    pvh_file(file, true);
    put_le64(file + sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_memsz), 1ull << 40);
    kernel_refused(file, sizeof(file), "outside of RAM");
    pvh_file(file, true);
    put_le64(file + sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_offset), 1 << 20);
    kernel_refused(file, sizeof(file), "outside of the file");
    pvh_file(file, true);
    put_le64(file + sizeof(Elf64_Ehdr) + offsetof(Elf64_Phdr, p_paddr), 0x1000);
    kernel_refused(file, sizeof(file), "nothing to load above 1 MiB");
    pvh_file(file, true);
    put_le64(file + offsetof(Elf64_Ehdr, e_phoff), 1 << 20);
    kernel_refused(file, sizeof(file), "table of segments lies outside");
    pvh_file(file, true);
    put_le16(file + offsetof(Elf64_Ehdr, e_machine), EM_AARCH64);
    kernel_refused(file, sizeof(file), "not for x86");
}
