/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/board/pc-priv.h"

#include "block/core/node.h"
#include "hw/isa/isa.h"
#include "hw/misc/fw_cfg.h"
#include "tests/unit.h"
#include "util/bytes.h"

#include <string.h>
#include <unistd.h>

extern const DeviceType *const x86_cpu_types[];

/* A pc of empty firmware, after its first reset; NULL with *err. */
static Machine *pc_machine(BoardConfig cfg, const char *options, GError **err)
{
    g_autofree char *bios = NULL, *blank = g_malloc0(64 << 10);
    Machine *m = machine_new(err);
    int fd = g_file_open_tmp("tinamou-XXXXXX", &bios, NULL);
    Options o;
    bool ok;

    close(fd);
    ok = g_file_set_contents(bios, blank, 64 << 10, err);
    cfg.bios = cfg.n_drives ? cfg.bios : bios; /* else it is in flash */
    cfg.machine = &o;
    cfg.cpu = "host";
    cfg.vga = "none";
    cfg.n_cpus = MAX(cfg.n_cpus, 1);
    machine_add_types(m, device_types);
    machine_add_types(m, x86_cpu_types);
    ok = ok && options_parse(&o, options, NULL, err);
    ok = ok && board_pc.init(m, &cfg, err);
    options_deinit(&o);
    unlink(bios);
    if (!ok) {
        machine_free(m);
        return NULL;
    }
    return m;
}

static uint8_t pc_cmos(Machine *m, unsigned at)
{
    uint8_t b = (uint8_t)at;
    AddressSpace *ports = isa_ports(m);

    (void)aspace_write(ports, 0x70, &b, 1, (MemAttrs){ 0 });
    (void)aspace_read(ports, 0x71, &b, 1, (MemAttrs){ 0 });
    return b;
}

TEST(pc, machine_where_none_is_named)
{
    EXPECT(board_default("x86_64") == &board_pc);
    EXPECT(board_default("mips64el") == &board_malta);
    EXPECT(board_default("aarch64") == NULL);
}

TEST(pc, tables_for_firmware)
{
    g_autoptr(GError) err = NULL;
    Machine *m = pc_machine((BoardConfig){ .n_cpus = 2, .ram_bytes = 5ull << 30 }, "", &err);
    size_t len = 0;
    const uint8_t *e820, *rsdp, *anchor;

    EXPECT(m != NULL);
    if (!m) {
        return;
    }
    e820 = fw_cfg_find_file(device_find(m, "fw_cfg"), "etc/e820", &len);
    EXPECT_EQ(len, 60);
    EXPECT_EQ(get_le32(e820 + 16), 2);
    EXPECT_EQ(get_le64(e820 + 28), 3ull << 30);
    EXPECT_EQ(get_le64(e820 + 40), 1ull << 32);
    EXPECT_EQ(get_le64(e820 + 48), 2ull << 30);
    EXPECT(fw_cfg_find_file(device_find(m, "fw_cfg"), "etc/acpi/tables", &len));
    EXPECT(len > 2048);
    rsdp = fw_cfg_find_file(device_find(m, "fw_cfg"), "etc/acpi/rsdp", &len);
    EXPECT_EQ(len, 20);
    EXPECT(rsdp && rsdp[15] == 0);
    anchor = fw_cfg_find_file(device_find(m, "fw_cfg"), "etc/smbios/smbios-anchor", &len);
    EXPECT_EQ(len, 31);
    EXPECT(anchor && get_le16(anchor + 28) >= 8);
    EXPECT_EQ(pc_cmos(m, 0x34) | pc_cmos(m, 0x35) << 8, ((3u << 30) - (16u << 20)) >> 16);
    EXPECT_EQ(pc_cmos(m, 0x5b) | pc_cmos(m, 0x5c) << 8, 0x8000);
    EXPECT_EQ(pc_cmos(m, 0x5f), 1);
    machine_free(m);
    m = pc_machine((BoardConfig){ 0 }, "acpi=off", &err);
    EXPECT(m && !fw_cfg_find_file(device_find(m, "fw_cfg"), "etc/acpi/tables", &len));
    machine_free(m);
}

/* Where table @signature begins in what firmware is given; NULL: there is none. */
static const uint8_t *pc_table(Machine *m, const char *signature, uint32_t *bytes)
{
    size_t len = 0;
    const uint8_t *blob = fw_cfg_find_file(device_find(m, "fw_cfg"), "etc/acpi/tables", &len);

    for (size_t at = 0; blob && at + 36 <= len; at += MAX(get_le32(blob + at + 4), 36)) {
        if (!memcmp(blob + at, signature, 4)) {
            *bytes = get_le32(blob + at + 4);
            return blob + at;
        }
    }
    return NULL;
}

TEST(pc, hpet)
{
    g_autoptr(GError) err = NULL;
    Machine *m = pc_machine((BoardConfig){ 0 }, "", &err);
    const uint8_t *table;
    uint32_t len = 0;
    uint8_t cap[8];

    EXPECT(m != NULL);
    if (m) {
        table = pc_table(m, "HPET", &len);
        EXPECT(table && len == 56 && get_le64(table + 44) == 0xfed00000);
        machine_reset(m, RESET_COLD, CAUSE_NONE);
        EXPECT_EQ(aspace_read(machine_memory(m), 0xfed00000, cap, 8, (MemAttrs){ 0 }), MEM_OK);
        EXPECT_EQ(get_le32(cap), 0x8086a201);
        EXPECT_EQ(aspace_read(machine_memory(m), 0xfed00104, cap, 4, (MemAttrs){ 0 }), MEM_OK);
        EXPECT_EQ(get_le32(cap), 1 << 2); /* the timer's input alone */
        machine_free(m);
    }
    m = pc_machine((BoardConfig){ 0 }, "hpet=off", &err);
    EXPECT(m && !pc_table(m, "HPET", &len) && !device_find(m, "/pc/hpet"));
    machine_free(m);
}

TEST(pc, nodes)
{
    static const char *const memdevs[] = { "memory-backend-ram,id=a,size=1G",
                                           "memory-backend-ram,id=b,size=3G" };
    static const char *const numa[] = { "node,memdev=a", "node,memdev=b,cpus=1,cpus=3",
                                        "cpu,node-id=1,socket-id=0,core-id=0",
                                        "dist,src=0,dst=1,val=30" };
    static const uint64_t ranges[][3] = { { 0, 0, 0xa0000 },
                                          { 0, 1 << 20, 1023 << 20 },
                                          { 1, 1 << 30, 2ull << 30 },
                                          { 1, 1ull << 32, 1ull << 30 } };
    static const uint8_t of_cpu[] = { 1, 1, 0, 1 };
    g_autoptr(GError) err = NULL;
    BoardConfig cfg = {
        .n_cpus = 4,
        .sockets = 2,
        .cores = 2,
        .threads = 1,
        .memdevs = memdevs,
        .n_memdevs = 2,
        .numa = numa,
        .n_numa = 4,
        .ram_bytes = 4ull << 30,
    };
    Machine *m = pc_machine(cfg, "", &err);
    const uint8_t *t;
    uint32_t len = 0;
    uint8_t byte = 0x5a;

    EXPECT(m != NULL);
    if (!m) {
        return;
    }
    t = pc_table(m, "SRAT", &len);
    EXPECT_EQ(len, 48 + 4 * 16 + 4 * 40);
    for (unsigned i = 0; t && i < 4; i++) {
        const uint8_t *cpu = t + 48 + 16 * i, *mem = t + 48 + 4 * 16 + 40 * i;

        EXPECT_EQ(cpu[3], i);
        EXPECT_EQ(cpu[2], of_cpu[i]);
        EXPECT_EQ(mem[0], 1);
        EXPECT_EQ(get_le32(mem + 2), ranges[i][0]);
        EXPECT_EQ(get_le64(mem + 8), ranges[i][1]);
        EXPECT_EQ(get_le64(mem + 16), ranges[i][2]);
    }
    t = pc_table(m, "SLIT", &len);
    EXPECT(t && len == 48 && !memcmp(t + 44, "\x0a\x1e\x1e\x0a", 4));
    /* the second backend is where its node is */
    (void)aspace_write(machine_memory(m), (1ull << 32) + 5, &byte, 1, (MemAttrs){ 0 });
    EXPECT_EQ(board_memory(m)->backends[1].ram->host[(2ull << 30) + 5], 0x5a);
    machine_free(m);
    m = pc_machine((BoardConfig){ 0 }, "", &err);
    EXPECT(m && !pc_table(m, "SRAT", &len) && !pc_table(m, "SLIT", &len));
    machine_free(m);
}

/* A machine with @paths in flash; NULL with *err. */
static Machine *pc_flash_machine(const char *const *paths, const char *bios, GError **err)
{
    Options node[2] = { { 0 }, { 0 } };
    BoardDrive drives[2];
    BoardConfig cfg = { .drives = drives };
    Machine *m;

    for (; cfg.n_drives < 2 && paths[cfg.n_drives]; cfg.n_drives++) {
        unsigned i = cfg.n_drives;

        options_add(&node[i], "driver", "raw");
        options_add(&node[i], "file.driver", "file");
        options_add(&node[i], "file.filename", paths[i]);
        drives[i] = (BoardDrive){ .interface = DRIVE_PFLASH,
                                  .file = paths[i],
                                  .index = (int)i,
                                  .bus = -1,
                                  .open_flags = BLOCK_OPEN_WRITE,
                                  .node = &node[i] };
    }
    cfg.bios = bios;
    m = pc_machine(cfg, "", err);
    options_deinit(&node[0]);
    options_deinit(&node[1]);
    return m;
}

static char *pc_flash_file(size_t bytes, uint8_t fill)
{
    g_autofree char *data = g_malloc(bytes);
    char *path = NULL;
    int fd = g_file_open_tmp("tinamou-flash-XXXXXX", &path, NULL);

    memset(data, fill, bytes);
    CHECK(fd >= 0 && write(fd, data, bytes) == (ssize_t)bytes);
    close(fd);
    return path;
}

static void pc_flash_command(Machine *m, uint64_t at, uint8_t a, uint8_t b)
{
    (void)aspace_write(machine_memory(m), at, &a, 1, (MemAttrs){ 0 });
    (void)aspace_write(machine_memory(m), at, &b, 1, (MemAttrs){ 0 });
}

TEST(pc, firmware_in_flash)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *code = pc_flash_file(192 << 10, 0xc0), *vars = pc_flash_file(68 << 10, 0xff);
    g_autofree char *odd = pc_flash_file(5000, 0), *saved = NULL;
    const char *const paths[3] = { code, vars }, *const odds[2] = { odd };
    const uint64_t at = (1ull << 32) - (192 << 10) - (68 << 10) + 0x5123;
    Machine *m = pc_flash_machine(paths, NULL, &err);
    uint8_t b = 0;
    gsize len = 0;

    EXPECT(m != NULL);
    if (m) {
        machine_reset(m, RESET_COLD, CAUSE_NONE);
        (void)aspace_read(machine_memory(m), 0xfffffff0, &b, 1, (MemAttrs){ 0 });
        EXPECT_EQ(b, 0xc0);
        b = 0;
        (void)aspace_read(machine_memory(m), 0xe0000, &b, 1, (MemAttrs){ 0 });
        EXPECT_EQ(b, 0xc0);
        pc_flash_command(m, at, 0x10, 0x5a); /* program */
        (void)aspace_read(machine_memory(m), at, &b, 1, (MemAttrs){ 0 });
        EXPECT_EQ(b, 0x80); /* ready */
        pc_flash_command(m, at, 0x50, 0xff);
        (void)aspace_read(machine_memory(m), at, &b, 1, (MemAttrs){ 0 });
        EXPECT_EQ(b, 0x5a);
        machine_free(m);
    }
    EXPECT(g_file_get_contents(vars, &saved, &len, &err));
    EXPECT_EQ(len, 68 << 10);
    EXPECT(saved && (uint8_t)saved[0x5123] == 0x5a && (uint8_t)saved[0x5124] == 0xff);
    EXPECT(!pc_flash_machine(paths, "bios.bin", &err));
    EXPECT(err && strstr(err->message, "one of the two"));
    g_clear_error(&err);
    EXPECT(!pc_flash_machine(odds, NULL, &err));
    EXPECT(err && strstr(err->message, "a multiple of 4 KiB"));
    unlink(code);
    unlink(vars);
    unlink(odd);
}

TEST(pc, hyperv_is_done_without)
{
    static const char *const log_item = "hv-relaxed, hv_spinlocks=0x1fff: the guest sees none";
    g_autoptr(GError) err = NULL;
    g_autofree char *path = NULL, *text = NULL;
    int fd = g_file_open_tmp("tinamou-log-XXXXXX", &path, NULL);
    Machine *m = machine_new(&err);
    BoardConfig cfg = { .cpu = "host,hv-relaxed,aes=off,hv-time=off,hv_spinlocks=0x1fff" };
    Device *box = device_make(m, &device_isa_bus, NULL, "isa"), *other;

    close(fd);
    machine_add_types(m, device_types);
    machine_add_types(m, x86_cpu_types);
    EXPECT(log_open(machine_log(m), path, &err) && device_realize(box, &err));
    EXPECT(pc_new_cpus(box, &cfg, &board_pc, NULL, NULL, &err));
    EXPECT(g_file_get_contents(path, &text, NULL, &err));
    EXPECT(text && strstr(text, log_item));
    cfg.cpu = "host,hv-nonsense";
    other = device_make(m, &device_isa_bus, NULL, "other");
    EXPECT(!pc_new_cpus(other, &cfg, &board_pc, NULL, NULL, &err));
    EXPECT(err && strstr(err->message, "hv-nonsense"));
    machine_free(m);
    unlink(path);
}

TEST(pc, order_of_letters)
{
    g_autoptr(GError) err = NULL;
    BoardConfig cfg = { .boot = "once=nd,order=dc,strict=on,reboot-timeout=5000" };
    Machine *m = pc_machine(cfg, "", &err);
    const uint8_t *file;
    size_t len = 0;

    EXPECT(m != NULL);
    if (m) {
        machine_reset(m, RESET_COLD, CAUSE_NONE);
        EXPECT_EQ(pc_cmos(m, 0x3d), 0x34);
        EXPECT_EQ(pc_cmos(m, 0x38), 0x00);
        machine_reset(m, RESET_COLD, CAUSE_GUEST_RESET);
        EXPECT_EQ(pc_cmos(m, 0x3d), 0x23);
        file = fw_cfg_find_file(device_find(m, "fw_cfg"), "etc/boot-fail-wait", &len);
        EXPECT(file && len == 4 && get_le32(file) == 5000);
        file = fw_cfg_find_file(device_find(m, "fw_cfg"), "bootorder", &len);
        EXPECT_STR((const char *)file, "HALT");
        EXPECT_EQ(len, 5);
        machine_free(m);
    }
    EXPECT(!pc_machine((BoardConfig){ .boot = "order=x" }, "", &err));
    EXPECT(err && strstr(err->message, "'x' is no drive"));
    g_clear_error(&err);
    EXPECT(!pc_machine((BoardConfig){ .boot = "order=cc" }, "", &err));
    EXPECT(err && strstr(err->message, "stands twice"));
}

TEST(pc, order_by_index)
{
    static const char *const devices[] = { "nvme,serial=a,bootindex=7", NULL };
    g_autoptr(GError) err = NULL;
    g_autofree char *rom = NULL;
    char text[128];
    const char *const roms[] = { text };
    int fd = g_file_open_tmp("tinamou-rom-XXXXXX", &rom, NULL);
    BoardConfig cfg = {
        .devices = devices, .n_devices = 1, .option_roms = roms, .n_option_roms = 1
    };
    g_autofree char *base = g_path_get_basename(rom), *want = NULL;
    const uint8_t *order;
    size_t len = 0;
    Machine *m;

    EXPECT_EQ(write(fd, text, 16), 16);
    close(fd);
    g_snprintf(text, sizeof(text), "%s,bootindex=2", rom);
    m = pc_machine(cfg, "", &err);
    EXPECT(m != NULL);
    if (m) {
        want = g_strdup_printf("/rom@genroms/%s\n/pci@i0cf8/pci1b36,0010@2/namespace@1,0", base);
        order = fw_cfg_find_file(device_find(m, "fw_cfg"), "bootorder", &len);
        EXPECT_STR((const char *)order, want);
        machine_free(m);
    }
    unlink(rom);
}

TEST(pc, identifiers_by_topology)
{
    static const uint32_t three[] = { 0, 1, 2, 4, 5, 6 };
    static const uint32_t threads[] = { 0, 1, 2, 3, 4, 5, 8, 9 };
    BoardConfig a = { .n_cpus = 6, .sockets = 2, .cores = 3, .threads = 1 };
    BoardConfig b = { .n_cpus = 12, .sockets = 2, .cores = 3, .threads = 2 };
    BoardConfig c = { .n_cpus = 4 };

    for (unsigned i = 0; i < ARRAY_SIZE(three); i++) {
        EXPECT_EQ(pc_apic_id(&a, i), three[i]);
    }
    for (unsigned i = 0; i < ARRAY_SIZE(threads); i++) {
        EXPECT_EQ(pc_apic_id(&b, i), threads[i]);
    }
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ(pc_apic_id(&c, i), i);
    }
}

TEST(pc, tables_of_the_user)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *path = NULL;
    char text[160];
    const char *const tables[] = { text };
    BoardConfig cfg = { .acpi_tables = tables, .n_acpi_tables = 1 };
    int fd = g_file_open_tmp("tinamou-table-XXXXXX", &path, NULL);
    const uint8_t *blob;
    size_t len = 0;
    bool found = false;
    Machine *m;

    EXPECT_EQ(write(fd, "0123456789", 10), 10);
    close(fd);
    g_snprintf(text, sizeof(text), "sig=SSDT,rev=2,oem_id=TINA,data=%s", path);
    m = pc_machine(cfg, "", &err);
    EXPECT(m != NULL);
    if (m) {
        blob = fw_cfg_find_file(device_find(m, "fw_cfg"), "etc/acpi/tables", &len);
        for (size_t i = 0; i + 46 <= len; i++) {
            found = found ||
                    (!memcmp(blob + i, "SSDT\x2e\0\0\0\2", 9) &&
                     !memcmp(blob + i + 10, "TINA", 4) && !memcmp(blob + i + 36, "0123456789", 10));
        }
        EXPECT(found);
        machine_free(m);
    }
    g_snprintf(text, sizeof(text), "sig=TOOLONG,data=%s", path);
    EXPECT(!pc_machine(cfg, "", &err));
    EXPECT(err && strstr(err->message, "at most 4 characters"));
    g_clear_error(&err);
    g_snprintf(text, sizeof(text), "file=%s", path);
    EXPECT(!pc_machine(cfg, "", &err));
    EXPECT(err && strstr(err->message, "shorter than"));
    unlink(path);
}

TEST(pc, says_what_is_missing)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *path = NULL, *text = NULL;
    int fd = g_file_open_tmp("tinamou-log-XXXXXX", &path, NULL);
    Machine *m = pc_machine((BoardConfig){ 0 }, "", &err);
    uint8_t b = 0;

    close(fd);
    EXPECT(m != NULL);
    if (m) {
        EXPECT(log_open(machine_log(m), path, &err));
        EXPECT(log_set_items(machine_log(m), "unimp", &err));
        (void)aspace_read(isa_ports(m), 0x388, &b, 1, (MemAttrs){ 0 });
        (void)aspace_write(isa_ports(m), 0x999, &b, 1, (MemAttrs){ 0 });
        machine_free(m);
    }
    EXPECT_EQ(b, 0xff);
    EXPECT(g_file_get_contents(path, &text, NULL, &err));
    EXPECT(text && strstr(text, "read of 1 bytes at port 0388 (AdLib): nothing is there"));
    EXPECT(text && strstr(text, "write of 1 bytes at port 0999: nothing is there"));
    unlink(path);
}

/* A microvm as the options say; NULL with *err. */
static Machine *microvm_machine(BoardConfig cfg, const char *options, GError **err)
{
    Machine *m = machine_new(err);
    Options o;
    bool ok;

    cfg.machine = &o;
    cfg.cpu = "host";
    cfg.n_cpus = 1;
    machine_add_types(m, device_types);
    machine_add_types(m, x86_cpu_types);
    ok = options_parse(&o, options, NULL, err);
    ok = ok && board_microvm.init(m, &cfg, err);
    options_deinit(&o);
    if (!ok) {
        machine_free(m);
        return NULL;
    }
    return m;
}

static uint8_t microvm_sum(Machine *m, uint64_t at, uint32_t len)
{
    uint8_t sum = 0, byte;

    while (len--) {
        (void)aspace_read(machine_memory(m), at++, &byte, 1, (MemAttrs){ 0 });
        sum += byte;
    }
    return sum;
}

/* A kernel that is entered without firmware, with its zero page at @zero, finds the tables. */
static void microvm_acpi_in_memory(Machine *m, uint32_t zero)
{
    static const char *const names[] = { "FACP", "APIC" };
    AddressSpace *as = machine_memory(m);
    uint8_t head[64];
    uint64_t rsdp, xsdt, at;

    machine_reset(m, RESET_COLD, CAUSE_NONE);
    EXPECT(machine_wants_timer(m));
    (void)aspace_load(as, zero + 0x70, 8, &rsdp, (MemAttrs){ 0 });
    (void)aspace_read(as, rsdp, head, 36, (MemAttrs){ 0 });
    EXPECT(!memcmp(head, "RSD PTR ", 8));
    EXPECT_EQ(microvm_sum(m, rsdp, 20) | microvm_sum(m, rsdp, 36), 0);
    xsdt = get_le64(head + 24);
    (void)aspace_read(as, xsdt, head, 52, (MemAttrs){ 0 });
    EXPECT(!memcmp(head, "XSDT", 4));
    EXPECT_EQ(get_le32(head + 4), 52);
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++) {
        uint8_t table[8];

        at = get_le64(head + 36 + 8 * i);
        (void)aspace_read(as, at, table, 8, (MemAttrs){ 0 });
        EXPECT(!memcmp(table, names[i], 4));
        EXPECT_EQ(microvm_sum(m, at, get_le32(table + 4)), 0);
    }
}

TEST(pc, microvm)
{
    static const char *const devices[] = { "virtio-rng-device", NULL };
    g_autoptr(GError) err = NULL;
    g_autofree char *path = NULL;
    uint8_t file[4096] = { 0 }, got[16];
    int fd = g_file_open_tmp("tinamou-kernel-XXXXXX", &path, NULL);
    BoardConfig cfg = { .kernel = path, .append = "quiet", .devices = devices, .n_devices = 1 };
    uint32_t at = 0;
    char text[64] = { 0 };
    Machine *m;

    file[0x1f1] = 3;
    memcpy(file + 0x202, "HdrS", 4);
    put_le16(file + 0x206, 0x020c);
    file[0x211] = 1;
    file[0x236] = 1;    /* an entry of 64 bits */
    file[0x201] = 0x66; /* a jump over the header */
    EXPECT_EQ(write(fd, file, sizeof(file)), (ssize_t)sizeof(file));
    close(fd);
    m = microvm_machine(cfg, "acpi=off,x-option-roms=off,pit=off,pic=off,rtc=off", &err);
    EXPECT(m != NULL);
    if (m) {
        machine_reset(m, RESET_COLD, CAUSE_NONE);
        (void)aspace_read(machine_memory(m), 0xfffff000, got, 16, (MemAttrs){ 0 });
        EXPECT_EQ(get_le32(got), 1);
        at = get_le32(got + 12); /* the zero page */
        (void)aspace_read(machine_memory(m), at + 0x228, got, 4, (MemAttrs){ 0 });
        (void)aspace_read(machine_memory(m), get_le32(got), text, 63, (MemAttrs){ 0 });
        EXPECT_STR(text, "quiet virtio_mmio.device=512@0xfeb00e00:12");
        (void)aspace_read(machine_memory(m), at + 0x1e8, got, 1, (MemAttrs){ 0 });
        EXPECT_EQ(got[0], 4);
        machine_free(m);
    }
    m = microvm_machine(cfg, "", &err);
    EXPECT(m != NULL);
    if (m) {
        microvm_acpi_in_memory(m, at);
        machine_free(m);
    }
    EXPECT(!microvm_machine(cfg, "ioapic2=on", &err));
    EXPECT(err && strstr(err->message, "one I/O APIC"));
    g_clear_error(&err);
    EXPECT(!microvm_machine(cfg, "pcie=on", &err));
    EXPECT(err && strstr(err->message, "pcie=on"));
    g_clear_error(&err);
    cfg.kernel = NULL;
    EXPECT(!microvm_machine(cfg, "", &err));
    EXPECT(err && strstr(err->message, "nothing to start"));
    unlink(path);
}
