/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spec: QEMU Firmware Configuration (fw_cfg) Device and the files that SeaBIOS documents
 * (docs/Runtime_config.md); Ralf Brown's CMOS.LST for the layout of the CMOS RAM; Intel SDM
 * volume 3, 9.9 (APIC identifiers by topology).
 */
#include "hw/board/pc-fw.h"

#include "hw/acpi/smbios.h"
#include "hw/board/fw-files.h"
#include "hw/board/loader.h"
#include "hw/board/order.h"
#include "hw/board/pc-cpu.h"
#include "hw/board/pc-kernel.h"
#include "hw/isa/isa.h"
#include "hw/misc/fw_cfg.h"
#include "hw/timer/mc146818.h"
#include "util/bytes.h"

#include <string.h>

enum {
    FW_CFG_PORT = 0x510,
    E820_ENTRY = 20,
    E820_RAM = 1,
    E820_RESERVED = 2,
    KVM_PAGES = 0xfeffc000, /* what KVM needs for real mode on some hosts */
    KVM_PAGES_BYTES = 0x4000,
    BOOT_LETTERS = 3, /* that the CMOS RAM has room for */
    SYSTEM_STATE_ON = 0x80,
};

/* ---- CPUs ---- */

static void fw_cpus(PcFw *f)
{
    unsigned n = MAX(f->cfg->n_cpus, 1);
    uint32_t limit = 0;

    f->apic_ids = device_alloc(f->container, n * sizeof(uint32_t));
    for (unsigned i = 0; i < n; i++) {
        f->apic_ids[i] = pc_apic_id(f->cfg, i);
        limit = MAX(limit, f->apic_ids[i] + 1);
    }
    fw_cfg_set_le(f->fw_cfg, FW_CFG_NB_CPUS, 2, n);
    fw_cfg_set_le(f->fw_cfg, FW_CFG_MAX_CPUS, 2, limit); /* of APIC identifiers */
    f->acpi.n_cpus = n;
    f->acpi.apic_ids = f->apic_ids;
}

/* ---- Memory ---- */

static void fw_put_e820(GByteArray *out, uint64_t start, uint64_t len, uint32_t type)
{
    uint8_t e[E820_ENTRY];

    if (len) {
        put_le64(e, start);
        put_le64(e + 8, len);
        put_le32(e + 16, type);
        g_byte_array_append(out, e, sizeof(e));
    }
}

static bool fw_e820(PcFw *f, GError **err)
{
    g_autoptr(GByteArray) e820 = g_byte_array_new();

    fw_put_e820(e820, KVM_PAGES, KVM_PAGES_BYTES, E820_RESERVED);
    fw_put_e820(e820, 0, f->below_4g, E820_RAM);
    fw_put_e820(e820, 1ull << 32, f->ram_bytes - f->below_4g, E820_RAM);
    fw_cfg_set_le(f->fw_cfg, FW_CFG_RAM_SIZE, 8, f->ram_bytes);
    return fw_cfg_add_file(f->fw_cfg, "etc/e820", e820->data, e820->len, err);
}

static void fw_cmos_word(PcFw *f, unsigned at, uint64_t val)
{
    mc146818_set(f->rtc, at, (uint8_t)val);
    mc146818_set(f->rtc, at + 1, (uint8_t)(val >> 8));
}

static void fw_cmos(PcFw *f)
{
    uint64_t kib = f->below_4g >> 10, high = (f->ram_bytes - f->below_4g) >> 16;
    uint64_t extended = min_u64(kib - min_u64(kib, 1024), 0xffff);

    if (!f->rtc) {
        return;
    }
    mc146818_set(f->rtc, 0x14, 0x06); /* coprocessor, mouse */
    fw_cmos_word(f, 0x15, min_u64(kib, 640));
    fw_cmos_word(f, 0x17, extended);
    fw_cmos_word(f, 0x30, extended);
    fw_cmos_word(f, 0x34, min_u64(kib > 16384 ? (kib - 16384) >> 6 : 0, 0xffff));
    fw_cmos_word(f, 0x5b, high);
    mc146818_set(f->rtc, 0x5d, (uint8_t)(high >> 16));
    mc146818_set(f->rtc, 0x5f, (uint8_t)(MAX(f->cfg->n_cpus, 1) - 1));
}

/* ---- -boot ---- */

/* What the CMOS RAM's reader calls the kinds: floppy, hard disk, CD-ROM, network. */
static bool fw_boot_letters(const char *text, uint8_t out[BOOT_LETTERS], GError **err)
{
    size_t n = strlen(text);

    if (n > BOOT_LETTERS) {
        return error_set(err, "-boot %s: at most %d letters", text, BOOT_LETTERS);
    }
    memset(out, 0, BOOT_LETTERS);
    for (size_t i = 0; i < n; i++) {
        char c = text[i];

        out[i] = c == 'a' || c == 'b' ? 1 : c == 'c' ? 2 : c == 'd' ? 3 : c == 'n' ? 4 : 0;
        if (!out[i]) {
            return error_set(err,
                             "-boot %s: '%c' is no drive of a PC: a and b are floppies, c is the "
                             "hard disk, d the CD-ROM, n the network",
                             text, c);
        }
        if (memchr(text, c, i)) {
            return error_set(err, "-boot %s: '%c' stands twice", text, c);
        }
    }
    return true;
}

typedef struct PcBootLetters {
    Device *rtc;
    uint8_t order[BOOT_LETTERS], once[BOOT_LETTERS];
    uint8_t no_floppy_check;
    unsigned resets; /* -boot once= is for the first */
} PcBootLetters;

static void fw_boot_cmos(PcBootLetters *l, const uint8_t *order)
{
    mc146818_set(l->rtc, 0x3d, (uint8_t)(order[1] << 4 | order[0]));
    mc146818_set(l->rtc, 0x38, (uint8_t)(order[2] << 4 | l->no_floppy_check));
}

static void fw_boot_reset(void *opaque, ResetType type)
{
    PcBootLetters *l = opaque;

    if (l->resets++ == 1) {
        fw_boot_cmos(l, l->order);
    }
}

static bool fw_boot_files(PcFw *f, Options *o, GError **err)
{
    const char *splash = options_get(o, "splash");
    uint64_t wait = 0, fail = UINT32_MAX;
    bool has_fail = options_get(o, "reboot-timeout"), has_wait = options_get(o, "splash-time");
    uint8_t word[4];

    if (!options_get_number(o, "splash-time", 0, &wait, err)) {
        return false;
    }
    if (has_fail && strcmp(options_get(o, "reboot-timeout"), "-1") &&
        !options_get_number(o, "reboot-timeout", 0, &fail, err)) {
        return false;
    }
    if (wait > 0xffff || (fail > 0xffff && fail != UINT32_MAX)) {
        return error_set(err, "-boot: splash-time and reboot-timeout are at most 65535 ms");
    }
    put_le32(word, (uint32_t)fail);
    if (!fw_cfg_add_file(f->fw_cfg, "etc/boot-fail-wait", word, 4, err)) {
        return false;
    }
    put_le16(word, (uint16_t)wait);
    if (has_wait && !fw_cfg_add_file(f->fw_cfg, "etc/boot-menu-wait", word, 2, err)) {
        return false;
    }
    if (splash) {
        g_autoptr(GBytes) file = loader_read("-boot splash=", splash, 16 << 20, err);
        const uint8_t *data = file ? g_bytes_get_data(file, NULL) : NULL;
        size_t len = file ? g_bytes_get_size(file) : 0;
        bool bmp = len > 2 && data[0] == 'B' && data[1] == 'M';

        if (!file) {
            return false;
        }
        if (!bmp && (len < 2 || data[0] != 0xff || data[1] != 0xd8)) {
            return error_set(err, "-boot splash=%s: is neither JPEG nor BMP", splash);
        }
        return fw_cfg_add_file(f->fw_cfg, bmp ? "bootsplash.bmp" : "bootsplash.jpg", data, len,
                               err);
    }
    return true;
}

/* The order of letters is in the CMOS RAM, the rest in fw_cfg. */
static bool fw_boot(PcFw *f, GError **err)
{
    PcBootLetters *l = device_alloc(f->container, sizeof(*l));
    Options o = { 0 };
    const char *order, *once;
    bool ok = options_parse(&o, f->cfg->boot ? f->cfg->boot : "", NULL, err);

    if (!ok) {
        return false;
    }
    order = options_get(&o, "order");
    once = options_get(&o, "once");
    order = order ? order : "cad";
    *l = (PcBootLetters){ .rtc = f->rtc, .no_floppy_check = f->cfg->no_fd_bootchk };
    ok = fw_boot_letters(order, l->order, err) &&
         fw_boot_letters(once ? once : order, l->once, err) && fw_boot_files(f, &o, err);
    options_deinit(&o);
    if (ok && f->rtc) {
        fw_boot_cmos(l, l->once);
        machine_on_reset(f->machine, fw_boot_reset, l);
    }
    return ok;
}

static bool fw_boot_strict(const PcFw *f)
{
    g_autoptr(GError) none = NULL; /* checked already */
    Options o = { 0 };
    bool strict = false;
    bool ok = options_parse(&o, f->cfg->boot ? f->cfg->boot : "", NULL, &none) &&
              options_get_bool(&o, "strict", false, &strict, &none);

    options_deinit(&o);
    return ok && strict;
}

/* ---- Tables ---- */

static bool fw_smbios(PcFw *f, GError **err)
{
    const BoardConfig *cfg = f->cfg;
    unsigned sockets = MAX(cfg->sockets, 1), threads = MAX(cfg->threads, 1);
    unsigned n = MAX(MAX(cfg->max_cpus, cfg->n_cpus), 1);
    SmbiosMachine m = {
        .product = f->product,
        .version = f->version,
        .uuid = cfg->uuid,
        .sockets = sockets,
        .threads = threads,
        .cores = MAX(n / (sockets * threads), 1),
        .ram_bytes = f->ram_bytes,
        .entry_32 = true,
        .areas = { { 0, f->below_4g }, { 1ull << 32, f->ram_bytes - f->below_4g } },
        .options = cfg->smbios,
        .n_options = cfg->n_smbios,
    };
    g_autoptr(GByteArray) tables = g_byte_array_new(), anchor = g_byte_array_new();

    return smbios_build(&m, tables, anchor, err) &&
           fw_cfg_add_file(f->fw_cfg, "etc/smbios/smbios-tables", tables->data, tables->len, err) &&
           fw_cfg_add_file(f->fw_cfg, "etc/smbios/smbios-anchor", anchor->data, anchor->len, err);
}

static bool fw_acpi(PcFw *f, GError **err)
{
    PcAcpi *a = &f->acpi;

    if (f->acpi_off) {
        return true;
    }
    a->below_4g = f->below_4g;
    a->ram_end = f->ram_bytes > f->below_4g ? (1ull << 32) + f->ram_bytes - f->below_4g : 0;
    a->ecam = f->ecam;
    a->ecam_bytes = f->ecam_bytes;
    a->user = f->cfg->acpi_tables;
    a->n_user = f->cfg->n_acpi_tables;
    return pc_acpi(a, f->fw_cfg, err);
}

/* Sleep states that there are, and the numbers of S3 to S5. */
static bool fw_states(PcFw *f, GError **err)
{
    const PcAcpi *a = &f->acpi;
    const uint8_t states[6] = {
        SYSTEM_STATE_ON,
        0,
        0,
        (a->has_s3 ? SYSTEM_STATE_ON : 0) | 1,
        (uint8_t)((a->has_s4 ? SYSTEM_STATE_ON : 0) | a->s4_type),
        SYSTEM_STATE_ON,
    };

    return fw_cfg_add_file(f->fw_cfg, "etc/system-states", states, sizeof(states), err);
}

/* ---- All together ---- */

/* In the order of the text. */
static void fw_uuid(PcFw *f)
{
    uint8_t uuid[16] = { 0 };
    unsigned n = 0;

    for (const char *p = f->cfg->uuid; p && *p && n < 2 * sizeof(uuid); p++) {
        if (g_ascii_isxdigit(*p)) {
            uuid[n / 2] |= g_ascii_xdigit_value(*p) << (n % 2 ? 0 : 4);
            n++;
        }
    }
    fw_cfg_set(f->fw_cfg, FW_CFG_UUID, uuid, sizeof(uuid));
}

static bool fw_make(PcFw *f, GError **err)
{
    if (!f->fw_cfg) {
        f->fw_cfg = device_new(f->machine, "fw_cfg_io", f->container, "fw_cfg", err);
        if (!f->fw_cfg || !device_realize(f->fw_cfg, err)) {
            return false;
        }
        isa_map(f->fw_cfg, 0, FW_CFG_PORT);
    }
    return true;
}

bool pc_fw_init(PcFw *f, GError **err)
{
    const BoardConfig *cfg = f->cfg;
    uint8_t port[8] = { 0xf8, 0x03 };

    if (!fw_make(f, err)) {
        return false;
    }
    fw_uuid(f);
    fw_cpus(f);
    fw_cmos(f);
    fw_cfg_set_le(f->fw_cfg, FW_CFG_NOGRAPHIC, 2, cfg->no_graphic);
    fw_cfg_set_le(f->fw_cfg, FW_CFG_BOOT_MENU, 2, cfg->boot_menu);
    fw_cfg_set_le(f->fw_cfg, FW_CFG_IRQ0_OVERRIDE, 4, 1);
    return fw_e820(f, err) && fw_states(f, err) && fw_smbios(f, err) && fw_boot(f, err) &&
           (!cfg->no_graphic ||
            fw_cfg_add_file(f->fw_cfg, "etc/sercon-port", port, sizeof(port), err)) &&
           board_fw_files(cfg, f->fw_cfg, err);
}

/* Its ROM is the first that firmware starts. */
static bool fw_kernel(PcFw *f, GArray *extras, GError **err)
{
    const BoardConfig *cfg = f->cfg;
    BootOrderExtra e;

    if (cfg->dtb) {
        return error_set(err, "-dtb: PCs have no device tree");
    }
    if (!cfg->kernel) {
        return !(cfg->initrd || cfg->append) || error_set(err, "-initrd, -append: need a -kernel");
    }
    if (!pc_kernel_fw(cfg, f->below_4g, f->fw_cfg, &e, err)) {
        return false;
    }
    g_array_append_val(extras, e);
    return true;
}

bool pc_fw_finish(PcFw *f, GError **err)
{
    g_autoptr(GArray) extras = g_array_new(FALSE, FALSE, sizeof(BootOrderExtra));
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    BootOrder o = {
        .container = f->container,
        .pci_root = f->pci_root ? f->pci_root : "/pci@i0cf8",
        .strict = fw_boot_strict(f),
    };

    if (!fw_kernel(f, extras, err) || !board_option_roms(f->cfg, f->fw_cfg, extras, names, err)) {
        return false;
    }
    o.extras = (const BootOrderExtra *)(void *)extras->data;
    o.n_extras = extras->len;
    return board_boot_order(&o, f->fw_cfg, err) && fw_acpi(f, err);
}
