/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/misc/fw_cfg.h"

#include "core/bench.h"
#include "tests/unit.h"
#include "util/bytes.h"

#include <unistd.h>

extern const DeviceType device_fw_cfg;

static Bench *fw_cfg_bench(void)
{
    Bench *b = bench_device_type(&device_fw_cfg, "");
    g_autoptr(GError) err = NULL;

    bench_no_reload(b); /* the files are the board's, not the state's */
    EXPECT(fw_cfg_add_file(bench_dev(b), "opt/a", "hello", 5, &err));
    EXPECT(!fw_cfg_add_file(bench_dev(b), "opt/a", "x", 1, &err));
    return b;
}

TEST(fw_cfg, signature_and_directory)
{
    Bench *b = fw_cfg_bench();

    EXPECT_EQ(bench_read_at(b, 0, 0, 4), get_le32("QEMU"));
    bench_write_at(b, 0, 8, 2, 0x1900); /* big-endian key 0x19 */
    EXPECT_EQ(bench_read_at(b, 0, 0, 4), 0x01000000);
    EXPECT_EQ(bench_read_at(b, 0, 0, 4), 0x05000000);
    EXPECT_EQ(bench_read_at(b, 0, 0, 4), 0x2000);
    EXPECT_EQ(bench_read_at(b, 0, 0, 8), get_le64("opt/a\0\0\0"));
    EXPECT_EQ(bench_read_at(b, 0, 16, 8), get_le64("QEMU CFG"));
    bench_end(b);
}

TEST(fw_cfg, dma_reads_and_pads)
{
    Bench *b = fw_cfg_bench();
    AddressSpace *as = machine_memory(bench_machine(b));
    uint8_t desc[16], out[8] = "xxxxxxx";

    put_be32(desc, 0x20 << 16 | 8 | 2);
    put_be32(desc + 4, 7);
    put_be64(desc + 8, BENCH_RAM_BASE + 0x100);
    aspace_write(as, BENCH_RAM_BASE, desc, sizeof(desc), (MemAttrs){ 0 });
    bench_write_at(b, 0, 16, 4, 0);
    bench_write_at(b, 0, 20, 4, bytes_swap(BENCH_RAM_BASE, 4));
    aspace_read(as, BENCH_RAM_BASE + 0x100, out, sizeof(out), (MemAttrs){ 0 });
    EXPECT(!memcmp(out, "hello\0\0", 7));
    aspace_read(as, BENCH_RAM_BASE, desc, 4, (MemAttrs){ 0 });
    EXPECT_EQ(get_be32(desc), 0);
    bench_end(b);
}

/* From -L's folder before that of the package. */
TEST(fw_cfg, bios_of_a_display)
{
    Bench *b = bench_device_type(&device_fw_cfg, "");
    g_autofree char *dir = g_dir_make_tmp("tinamou-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "vgabios-test.bin", NULL);
    g_autoptr(GError) err = NULL;
    const uint8_t *bytes;
    size_t len;

    bench_no_reload(b);
    EXPECT(g_file_set_contents(path, "bios!", 5, NULL));
    machine_add_data_folder(bench_machine(b), dir);
    EXPECT(fw_cfg_add_display_bios(bench_machine(b), "vgabios-none.bin", &err));
    EXPECT(!fw_cfg_find_file(bench_dev(b), "vgaroms/vgabios-none.bin", &len));
    EXPECT(fw_cfg_add_display_bios(bench_machine(b), "vgabios-test.bin", &err));
    bytes = fw_cfg_find_file(bench_dev(b), "vgaroms/vgabios-test.bin", &len);
    EXPECT(bytes && len == 5 && !memcmp(bytes, "bios!", 5));
    EXPECT(!fw_cfg_add_display_bios(bench_machine(b), "vgabios-test.bin", &err));
    unlink(path);
    rmdir(dir);
    bench_end(b);
}
