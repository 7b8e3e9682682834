/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of options of `tinamou system`: names and meanings as users of QEMU know them.
 * Parsing, --help, the manual page and the messages about wrong options come from its rows.
 */
#include "cli/confine.h"
#include "cli/more-options.h"

#include "hw/acpi/smbios.h"
#include "util/log.h"
#include "util/options.h"
#include "util/size.h"
#include "util/suggest.h"

#include <errno.h>
#include <string.h>

typedef bool OptionFn(SystemConfig *c, const char *arg, GError **err);

typedef enum OptionSection {
    SECTION_STANDARD,
    SECTION_BLOCK,
    SECTION_CONSOLE,
    SECTION_BOOT,
    SECTION_DEBUG,
} OptionSection;

typedef struct CliOption {
    const char *name, *alias;
    const char *arg; /* how its argument is written; NULL: it takes none */
    OptionSection section;
    const char *doc;
    OptionFn *fn;
    /* or, with fn NULL, one of these: place in SystemConfig */
    size_t string, list, flag;
} CliOption;

#define STRING(m) .string = offsetof(SystemConfig, m)
#define LIST(m)   .list = offsetof(SystemConfig, m)
#define FLAG(m)   .flag = offsetof(SystemConfig, m)

static bool option_show(SystemConfig *c, unsigned what, const char *name)
{
    if (c->show == SHOW_NOTHING) {
        c->show = what;
        c->show_name = g_strdup(name);
    }
    return true;
}

static bool option_is_help(const char *arg)
{
    return !strcmp(arg, "help") || !strcmp(arg, "?");
}

/* @arg as a -drive; commas of a file's name are not the option's. */
static bool option_disk(SystemConfig *c, const char *arg, const char *rest)
{
    g_auto(GStrv) parts = g_strsplit(arg, ",", -1);
    g_autofree char *name = g_strjoinv(",,", parts);

    g_ptr_array_add(c->drives, g_strdup_printf("file=%s%s", name, rest));
    return true;
}

static bool option_hda(SystemConfig *c, const char *arg, GError **err)
{
    return option_disk(c, arg, ",index=0,media=disk");
}

static bool option_hdb(SystemConfig *c, const char *arg, GError **err)
{
    return option_disk(c, arg, ",index=1,media=disk");
}

static bool option_hdc(SystemConfig *c, const char *arg, GError **err)
{
    return option_disk(c, arg, ",index=2,media=disk");
}

static bool option_hdd(SystemConfig *c, const char *arg, GError **err)
{
    return option_disk(c, arg, ",index=3,media=disk");
}

static bool option_cdrom(SystemConfig *c, const char *arg, GError **err)
{
    return option_disk(c, arg, ",index=2,media=cdrom");
}

static bool option_fda(SystemConfig *c, const char *arg, GError **err)
{
    return option_disk(c, arg, ",if=floppy,index=0");
}

static bool option_fdb(SystemConfig *c, const char *arg, GError **err)
{
    return option_disk(c, arg, ",if=floppy,index=1");
}

static bool option_sd(SystemConfig *c, const char *arg, GError **err)
{
    return option_disk(c, arg, ",if=sd");
}

static bool option_mtdblock(SystemConfig *c, const char *arg, GError **err)
{
    return option_disk(c, arg, ",if=mtd");
}

static bool option_pflash(SystemConfig *c, const char *arg, GError **err)
{
    return option_disk(c, arg, ",if=pflash");
}

static bool option_help_fn(SystemConfig *c, const char *arg, GError **err)
{
    return option_show(c, SHOW_HELP, NULL);
}

static bool option_version(SystemConfig *c, const char *arg, GError **err)
{
    return option_show(c, SHOW_VERSION, NULL);
}

/* "kvm:tcg": the first that works. */
static void option_accel_names(SystemConfig *c, const char *text)
{
    g_auto(GStrv) names = g_strsplit(text, ":", -1);

    for (char **n = names; *n; n++) {
        g_ptr_array_add(c->accels, g_strdup(*n));
    }
}

/* -machine may be given several times: later properties are added, a later type wins. */
static bool option_usb(SystemConfig *c, const char *arg, GError **err);

static bool option_machine(SystemConfig *c, const char *arg, GError **err)
{
    Options o;

    if (option_is_help(arg)) {
        return option_show(c, SHOW_MACHINES, NULL);
    }
    if (!options_parse(&o, arg, "type", err)) {
        return false;
    }
    for (unsigned i = 0; i < o.n; i++) {
        const char *key = o.list[i].key;

        if (!strcmp(key, "type")) {
            g_free(c->machine);
            c->machine = g_strdup(o.list[i].value);
        } else if (!strcmp(key, "help")) {
            option_show(c, SHOW_MACHINE_PROPS, c->machine);
        } else if (!strcmp(key, "accel")) {
            option_accel_names(c, o.list[i].value);
        } else if (!strcmp(key, "kernel_irqchip") || !strcmp(key, "kernel-irqchip")) {
            g_free(c->kernel_irqchip);
            c->kernel_irqchip = g_strdup(o.list[i].value);
        } else if (!strcmp(key, "dump-guest-core") || !strcmp(key, "mem-merge")) {
            if (!options_get_bool(&o, key, true, *key == 'd' ? &c->ram_dump : &c->ram_merge, err)) {
                options_deinit(&o);
                return false;
            }
        } else if (!strcmp(key, "graphics")) {
            if (!options_get_bool(&o, key, true, &c->graphics, err)) {
                options_deinit(&o);
                return false;
            }
        } else if (!strcmp(key, "usb")) {
            bool on;

            if (!options_get_bool(&o, "usb", false, &on, err) ||
                (on && !option_usb(c, "on", err))) {
                options_deinit(&o);
                return false;
            }
        } else {
            g_ptr_array_add(c->machine_props, g_strdup_printf("%s=%s", key, o.list[i].value));
        }
    }
    options_deinit(&o);
    return true;
}

static bool option_cpu(SystemConfig *c, const char *arg, GError **err)
{
    if (option_is_help(arg)) {
        return option_show(c, SHOW_CPUS, NULL);
    }
    g_free(c->cpu);
    c->cpu = g_strdup(arg);
    return true;
}

static bool option_accel(SystemConfig *c, const char *arg, GError **err)
{
    if (option_is_help(arg)) {
        return option_show(c, SHOW_ACCELS, NULL);
    }
    arg += g_str_has_prefix(arg, "accel=") ? strlen("accel=") : 0;
    if (!memchr(arg, ':', strcspn(arg, ","))) {
        g_ptr_array_add(c->accels, g_strdup(arg));
        return true;
    }
    if (strchr(arg, ',')) {
        return error_set(err,
                         "-accel %s: options are of one accelerator: say -accel once for each, in "
                         "order of preference",
                         arg);
    }
    option_accel_names(c, arg);
    return true;
}

static bool option_enable_kvm(SystemConfig *c, const char *arg, GError **err)
{
    return option_accel(c, "kvm", err);
}

static bool option_smp(SystemConfig *c, const char *arg, GError **err)
{
    return smp_parse(&c->smp, arg, err);
}

static bool option_memory(SystemConfig *c, const char *arg, GError **err)
{
    return memory_size_parse(&c->ram_bytes, arg, err);
}

static bool option_device(SystemConfig *c, const char *arg, GError **err)
{
    const char *comma = strchr(arg, ',');

    if (option_is_help(arg)) {
        return option_show(c, SHOW_DEVICES, NULL);
    }
    if (comma && option_is_help(comma + 1)) {
        g_autofree char *name = g_strndup(arg, (gsize)(comma - arg));

        return option_show(c, SHOW_DEVICE_PROPS, name);
    }
    g_ptr_array_add(c->devices, g_strdup(arg));
    return true;
}

static bool option_object(SystemConfig *c, const char *arg, GError **err)
{
    return option_add(c->objects, arg, "qom-type", err);
}

/* A controller, in front of what sits on it; once. */
static bool option_usb(SystemConfig *c, const char *arg, GError **err)
{
    static const char controller[] = "qemu-xhci,id=usb";

    for (unsigned i = 0; i < c->devices->len; i++) {
        if (!strcmp(g_ptr_array_index(c->devices, i), controller)) {
            return true;
        }
    }
    g_ptr_array_insert(c->devices, (gint)c->n_nics, g_strdup(controller));
    return true;
}

static bool option_usbdevice(SystemConfig *c, const char *arg, GError **err)
{
    static const char *const old[][2] = { { "keyboard", "usb-kbd" },
                                          { "mouse", "usb-mouse" },
                                          { "tablet", "usb-tablet" } };

    for (size_t i = 0; i < G_N_ELEMENTS(old); i++) {
        if (!strcmp(arg, old[i][0])) {
            g_ptr_array_add(c->devices, g_strdup(old[i][1]));
            return option_usb(c, arg, err);
        }
    }
    return error_set(err, "it must be keyboard, mouse or tablet; -device usb-... has the others");
}

static bool option_global_long(SystemConfig *c, const char *arg, GError **err)
{
    static const char *const keys[] = { "driver", "property", "value" };
    const char *t, *p, *v;
    Options o;
    bool ok;

    if (!options_parse(&o, arg, NULL, err)) {
        return false;
    }
    t = options_get(&o, keys[0]);
    p = options_get(&o, keys[1]);
    v = options_get(&o, keys[2]);
    ok = options_all_used(&o, keys, G_N_ELEMENTS(keys), err) &&
         ((t && p && v) || error_set(err, "driver=, property= and value= belong together"));
    if (ok) {
        g_ptr_array_add(c->globals, g_strdup_printf("%s.%s=%s", t, p, v));
    }
    options_deinit(&o);
    return ok;
}

static bool option_global(SystemConfig *c, const char *arg, GError **err)
{
    if (g_str_has_prefix(arg, "driver=")) {
        return option_global_long(c, arg, err);
    }
    if (!strchr(arg, '.') || !strchr(arg, '=')) {
        return error_set(err, "it must be TYPE.PROPERTY=VALUE, such as "
                              "virtio-mmio.force-legacy=off");
    }
    g_ptr_array_add(c->globals, g_strdup(arg));
    return true;
}

/* All of them together, in the form of one option, for the board. */
static void option_boot_keep(SystemConfig *c, const Options *o)
{
    g_autoptr(GString) all = g_string_new(c->boot ? c->boot : "");

    for (unsigned i = 0; i < o->n; i++) {
        g_auto(GStrv) commas = g_strsplit(o->list[i].value, ",", -1);
        g_autofree char *value = g_strjoinv(",,", commas);

        g_string_append_printf(all, "%s%s=%s", all->len ? "," : "", o->list[i].key, value);
    }
    g_free(c->boot);
    c->boot = g_string_free(g_steal_pointer(&all), FALSE);
}

static bool option_boot(SystemConfig *c, const char *arg, GError **err)
{
    static const char *const valid[] = { "order",  "once",        "menu",          "strict",
                                         "splash", "splash-time", "reboot-timeout" };
    bool menu, strict, ok;
    unsigned letters = 0;
    Options o;

    if (!options_parse(&o, arg, "order", err)) {
        return false;
    }
    ok = options_get_bool(&o, "menu", false, &menu, err) &&
         options_get_bool(&o, "strict", false, &strict, err);
    for (unsigned i = 0; i < G_N_ELEMENTS(valid); i++) {
        letters += strcmp(valid[i], "menu") && options_get(&o, valid[i]);
    }
    if (ok && letters && strcmp(c->arch, "x86_64")) {
        g_ptr_array_add(c->notes, g_strdup("-boot: this machine's firmware chooses the drive by "
                                           "itself, whatever the order of letters says"));
    }
    ok = ok && options_all_used(&o, valid, G_N_ELEMENTS(valid), err);
    if (ok) {
        option_boot_keep(c, &o);
        c->boot_menu = menu;
    }
    options_deinit(&o);
    return ok;
}

static bool option_no_acpi(SystemConfig *c, const char *arg, GError **err)
{
    g_ptr_array_add(c->machine_props, g_strdup("acpi=off"));
    return true;
}

static bool option_no_hpet(SystemConfig *c, const char *arg, GError **err)
{
    g_ptr_array_add(c->machine_props, g_strdup("hpet=off"));
    return true;
}

static bool option_chardev(SystemConfig *c, const char *arg, GError **err)
{
    if (option_is_help(arg)) {
        return option_show(c, SHOW_CHARDEVS, NULL);
    }
    g_ptr_array_add(c->chardevs, g_strdup(arg));
    return true;
}

static bool option_display(SystemConfig *c, const char *arg, GError **err)
{
    if (strcmp(arg, "none")) {
        return error_set(err, "there is no graphical display yet; valid: none (-nographic puts "
                              "the serial port on the terminal)");
    }
    g_free(c->display);
    c->display = g_strdup(arg);
    return true;
}

static bool option_vga(SystemConfig *c, const char *arg, GError **err)
{
    static const char *const other[] = {
        "cirrus", "qxl", "virtio", "vmware", "xenfb", "tcx", "cg3"
    };

    if (!strcmp(arg, "none") || !strcmp(arg, "std")) {
        g_free(c->vga);
        c->vga = g_strdup(arg);
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(other); i++) {
        if (!strcmp(arg, other[i])) {
            return error_set(err, "the card '%s' is not there; valid: std, none", arg);
        }
    }
    return error_set(err, "there is no card '%s'; valid: std, none", arg);
}

static bool option_gdb_default(SystemConfig *c, const char *arg, GError **err)
{
    g_ptr_array_add(c->gdbs, g_strdup("tcp::1234"));
    return true;
}

static bool option_log(SystemConfig *c, const char *arg, GError **err)
{
    if (option_is_help(arg)) {
        return option_show(c, SHOW_LOG_ITEMS, NULL);
    }
    g_free(c->log_items);
    c->log_items = g_strdup(arg);
    return true;
}

static bool option_no_reboot(SystemConfig *c, const char *arg, GError **err)
{
    c->actions.reboot = REBOOT_SHUTDOWN;
    return true;
}

static bool option_no_shutdown(SystemConfig *c, const char *arg, GError **err)
{
    c->actions.shutdown = SHUTDOWN_PAUSE;
    return true;
}

static bool option_action(SystemConfig *c, const char *arg, GError **err)
{
    return actions_parse(&c->actions, arg, err);
}

static bool option_name(SystemConfig *c, const char *arg, GError **err)
{
    static const char *const valid[] = { "guest", "debug-threads", "process" };
    const char *guest, *process;
    Options o;
    bool ok;

    if (!options_parse(&o, arg, "guest", err)) {
        return false;
    }
    guest = options_get(&o, "guest");
    process = options_get(&o, "process");
    options_get(&o, "debug-threads"); /* threads have names in any case */
    ok = options_all_used(&o, valid, G_N_ELEMENTS(valid), err);
    if (process) {
        g_free(c->process);
        c->process = g_strdup(process);
    }
    if (guest) {
        g_free(c->name);
        c->name = g_strdup(guest);
    }
    options_deinit(&o);
    return ok;
}

static bool option_smbios(SystemConfig *c, const char *arg, GError **err)
{
    if (!smbios_check(arg, err)) {
        return false;
    }
    g_ptr_array_add(c->smbios, g_strdup(arg));
    return true;
}

static bool option_uuid(SystemConfig *c, const char *arg, GError **err)
{
    uint8_t bytes[16];

    if (!uuid_parse(arg, bytes, err)) {
        return false;
    }
    g_free(c->uuid);
    c->uuid = g_strdup(arg);
    return true;
}

static bool option_rtc(SystemConfig *c, const char *arg, GError **err)
{
    RtcConfig rtc;

    if (!rtc_parse(&rtc, arg, err)) {
        return false;
    }
    if (rtc.slew) {
        g_ptr_array_add(c->notes,
                        g_strdup("-rtc driftfix=slew: ticks of the RTC that a guest was too "
                                 "late for are not made up for"));
    }
    g_free(c->rtc);
    c->rtc = g_strdup(arg);
    return true;
}

static bool option_icount(SystemConfig *c, const char *arg, GError **err)
{
    c->has_icount = icount_parse(&c->icount, arg, err);
    return c->has_icount;
}

static bool option_seed(SystemConfig *c, const char *arg, GError **err)
{
    char *end;

    errno = 0;
    c->seed = g_ascii_strtoull(arg, &end, 0);
    c->has_seed = g_ascii_isdigit(*arg) && !*end && !errno;
    return c->has_seed || error_set(err, "'%s' is no number from 0 to 2^64 - 1", arg);
}

static bool option_state_hash(SystemConfig *c, const char *arg, GError **err)
{
    char *end;

    c->state_hash = true;
    c->state_hash_ms = strcmp(arg, "end") ? g_ascii_strtoull(arg, &end, 10) : 0;
    return !strcmp(arg, "end") || (c->state_hash_ms && c->state_hash_ms < 1u << 31 && !*end) ||
           error_set(err, "'%s': valid: end, or a number of milliseconds", arg);
}

static bool option_trace(SystemConfig *c, const char *arg, GError **err)
{
    Options o;
    bool ok = true;

    if (!options_parse(&o, arg, "enable", err)) {
        return false;
    }
    for (unsigned i = 0; ok && i < o.n; i++) {
        if (!strcmp(o.list[i].key, "enable")) {
            g_ptr_array_add(c->traces, g_strdup(o.list[i].value));
        } else if (!strcmp(o.list[i].key, "file")) {
            g_free(c->log_file);
            c->log_file = g_strdup(o.list[i].value);
        } else {
            ok = error_set(err, "'%s' is no option here; valid: enable=PATTERN, file=FILE",
                           o.list[i].key);
        }
    }
    options_deinit(&o);
    return ok;
}

static bool option_data_folder(SystemConfig *c, const char *arg, GError **err)
{
    if (option_is_help(arg)) {
        return option_show(c, SHOW_DATA_FOLDERS, NULL);
    }
    g_ptr_array_add(c->data_folders, g_strdup(arg));
    return true;
}

static bool option_nothing(SystemConfig *c, const char *arg, GError **err)
{
    return true;
}

static bool option_sandbox(SystemConfig *c, const char *arg, GError **err)
{
    if (!sandbox_check(arg, err)) {
        return false;
    }
    g_free(c->sandbox);
    c->sandbox = g_strdup(arg);
    return true;
}

static const CliOption options[] = {
    { "help", "h", NULL, SECTION_STANDARD, "show this list", option_help_fn },
    { "version", NULL, NULL, SECTION_STANDARD, "show the version", option_version },
    { "machine", "M", "[type=]NAME[,PROPERTY=VALUE...]", SECTION_STANDARD,
      "the machine to emulate and its properties; `-machine help` lists machines, `-machine "
      "NAME,help` a machine's properties. Capitals do not matter. Without it x86_64 runs pc and "
      "the "
      "MIPS targets malta; aarch64 has no default. graphics=off lets firmware speak on the serial "
      "port",
      option_machine },
    { "cpu", NULL, "MODEL[,FEATURE=on|off...]", SECTION_STANDARD,
      "the CPU model; `-cpu help` lists them", option_cpu },
    { "enable-kvm", NULL, NULL, SECTION_STANDARD, "the same as -accel kvm", option_enable_kvm },
    { "accel", NULL, "NAME[,PROPERTY=VALUE...]", SECTION_STANDARD,
      "how the guest is executed; `-accel help` lists what there is", option_accel },
    { "smp", NULL, "[cpus=]N[,maxcpus=N][,sockets=N][,dies=N][,clusters=N][,cores=N][,threads=N]",
      SECTION_STANDARD, "number of CPUs, and how they are arranged", option_smp },
    { "m", "memory", "[size=]SIZE", SECTION_STANDARD,
      "guest memory, in MiB, or with a unit: 512M, 4G, 4GB, 4GiB", option_memory },
    { "mem-path", NULL, "PATH", SECTION_STANDARD,
      "guest memory is this file, or one of no name in this folder (of hugetlbfs, say); the file "
      "stays as it is",
      STRING(mem_path) },
    { "mem-prealloc", NULL, NULL, SECTION_STANDARD, "touch every page of it at the start",
      FLAG(mem_prealloc) },
    { "device", NULL, "TYPE[,id=ID][,PROPERTY=VALUE...]", SECTION_STANDARD,
      "add a device; `-device help` lists types, `-device TYPE,help` a type's properties",
      option_device },
    { "usb", NULL, NULL, SECTION_STANDARD, "add a USB controller, as -device qemu-xhci,id=usb",
      option_usb },
    { "usbdevice", NULL, "keyboard|mouse|tablet", SECTION_STANDARD,
      "add a USB device, and a controller: the old form of -device usb-kbd, usb-mouse, usb-tablet",
      option_usbdevice },
    { "global", NULL, "TYPE.PROPERTY=VALUE", SECTION_STANDARD,
      "set a property of every device of that type", option_global },
    { "boot", NULL,
      "[order=DRIVES][,once=DRIVES][,menu=on|off][,splash=FILE][,splash-time=MS]"
      "[,reboot-timeout=MS][,strict=on|off]",
      SECTION_STANDARD,
      "what firmware is told: whether to show its menu, and of PCs the order of drives (a, b: "
      "floppies, c: disk, d: CD-ROM, n: network), once= for the first boot alone; strict: nothing "
      "without a bootindex; splash: a picture; reboot-timeout: try again after that time",
      option_boot },
    { "option-rom", NULL, "FILE[,bootindex=N]", SECTION_STANDARD,
      "an option ROM for a PC's firmware to run", LIST(option_roms) },
    { "acpitable", NULL, "file=FILE|sig=SIGN,data=FILE[,rev=N][,oem_id=ID]...", SECTION_STANDARD,
      "one more ACPI table for PCs: a file with its header, or a header of these options before "
      "files",
      LIST(acpi_tables) },
    { "no-acpi", NULL, NULL, SECTION_STANDARD, "the same as -machine acpi=off", option_no_acpi },
    { "no-hpet", NULL, NULL, SECTION_STANDARD, "the same as -machine hpet=off", option_no_hpet },
    { "win2k-hack", NULL, NULL, SECTION_STANDARD,
      "accepted: IDE disks here need nothing for Windows 2000", option_win2k },
    { "no-fd-bootchk", NULL, NULL, SECTION_STANDARD,
      "a PC's firmware starts floppies without the signature, too", FLAG(no_fd_bootchk) },
    { "fw_cfg", NULL, "[name=]NAME,file=FILE|string=TEXT", SECTION_STANDARD,
      "give firmware a file by fw_cfg; names of your own begin with opt/", LIST(fw_cfgs) },
    { "smbios", NULL, "file=FILE|type=N[,KEY=VALUE...]", SECTION_STANDARD,
      "what the SMBIOS tables say: of firmware (type 0), system (1), board (2), chassis (3), CPUs "
      "(4), memory (17), strings (11: value=, path=); or a structure of one's own",
      option_smbios },
    { "numa", NULL,
      "node[,nodeid=N][,cpus=A[-B]][,memdev=ID|,mem=SIZE]|dist,src=N,dst=N,val=N|cpu,node-id=N,...",
      SECTION_STANDARD,
      "nodes of NUMA: their CPUs and memory (an -object memory-backend-*), how far apart they are",
      LIST(numa) },
    { "name", NULL, "[guest=]NAME[,process=NAME]", SECTION_STANDARD,
      "name of the guest, for monitors; process: what ps calls the process", option_name },
    { "set", NULL, "GROUP.ID.OPTION=VALUE", SECTION_STANDARD,
      "add an option to a -drive, -device, -netdev, -chardev, -object, -fsdev or -mon before it, "
      "by its id",
      option_set },
    { "readconfig", NULL, "FILE", SECTION_STANDARD,
      "read options from a file: [GROUP \"ID\"] lines (device, drive, machine, memory, smp-opts, "
      "...), below each KEY = \"VALUE\" lines",
      option_readconfig },
    { "L", NULL, "FOLDER", SECTION_STANDARD,
      "look for firmware and option ROMs there, before the usual places; -L help lists those",
      option_data_folder },
    { "audiodev", NULL, "none,id=ID", SECTION_STANDARD,
      "where sound goes: nowhere, for no device makes any yet", option_audiodev },
    { "overcommit", NULL, "[mem-lock=on|off][,cpu-pm=on|off]", SECTION_STANDARD,
      "mem-lock: nothing of the process is paged out (needs ulimit -l); cpu-pm: a guest's HLT, "
      "PAUSE and MWAIT stay in it (-accel kvm; other processes get less of the CPU)",
      option_overcommit },
    { "uuid", NULL, "UUID", SECTION_STANDARD, "the machine's UUID", option_uuid },
    { "nodefaults", NULL, NULL, SECTION_STANDARD,
      "no default serial port, monitor and network, only what is asked for", FLAG(nodefaults) },
    { "no-user-config", NULL, NULL, SECTION_STANDARD,
      "accepted: no configuration file is ever read unasked", option_nothing },
    { "rtc", NULL, "base=utc|localtime|DATE[,clock=host|vm][,driftfix=none|slew]", SECTION_STANDARD,
      "the date the guest begins with, such as 2006-06-17T16:01:21; clock=vm: it goes on with "
      "machine time, which stands still while the machine does (so it is always with -icount)",
      option_rtc },
    { "icount", NULL, "[shift=]N|auto[,align=on|off][,sleep=on|off]", SECTION_STANDARD,
      "count instructions: each takes 2^N ns of machine time (N: 0 to 10; auto: about as fast as "
      "the host), all CPUs take turns on one thread, and a run depends on its input alone. "
      "sleep=off: an idle guest's time jumps to its next timer; align=on: do not run ahead of the "
      "host's clock",
      option_icount },
    { "seed", NULL, "NUMBER", SECTION_STANDARD,
      "what the guest gets of chance (seeds in the device tree, virtio-rng) follows from this "
      "number; with -icount and without -seed: from 0",
      option_seed },

    { "hda", NULL, "FILE", SECTION_BLOCK, "a disk: -drive file=FILE,index=0,media=disk",
      option_hda },
    { "hdb", NULL, "FILE", SECTION_BLOCK, "the same with index=1", option_hdb },
    { "hdc", NULL, "FILE", SECTION_BLOCK, "the same with index=2", option_hdc },
    { "hdd", NULL, "FILE", SECTION_BLOCK, "the same with index=3", option_hdd },
    { "cdrom", NULL, "FILE", SECTION_BLOCK, "a disk that is read only, with index=2",
      option_cdrom },
    { "fda", NULL, "FILE", SECTION_BLOCK, "a floppy disk: -drive file=FILE,if=floppy,index=0",
      option_fda },
    { "fdb", NULL, "FILE", SECTION_BLOCK, "the same with index=1", option_fdb },
    { "pflash", NULL, "FILE", SECTION_BLOCK, "flash memory: -drive file=FILE,if=pflash",
      option_pflash },
    { "sd", NULL, "FILE", SECTION_BLOCK,
      "an SD card: -drive file=FILE,if=sd, where a board has "
      "a slot for it",
      option_sd },
    { "mtdblock", NULL, "FILE", SECTION_BLOCK,
      "serial or NAND flash: -drive file=FILE,if=mtd, where a board has it", option_mtdblock },
    { "fsdev", NULL,
      "local,id=ID,path=FOLDER,security_model=mapped-xattr|mapped-file|passthrough|none"
      "[,readonly=on][,fmode=MODE][,dmode=MODE][,multidevs=remap|forbid]",
      SECTION_BLOCK, "a folder to share (-device virtio-9p-pci,fsdev=ID,mount_tag=TAG)",
      LIST(fsdevs) },
    { "virtfs", NULL, "local,path=FOLDER,mount_tag=TAG,security_model=MODEL[,...]", SECTION_BLOCK,
      "a folder to share and its device in one", config_add_virtfs },
    { "snapshot", NULL, NULL, SECTION_BLOCK,
      "every -drive has snapshot=on: writes go to temporary files; `commit` keeps them",
      FLAG(snapshot) },
    { "object", NULL, "TYPE,id=ID[,...]", SECTION_BLOCK,
      "iothread (a thread for the disks that name it; poll-max-ns=, poll-grow=, poll-shrink=, "
      "aio-max-batch=, thread-pool-min=, thread-pool-max=; the last three also for main-loop), "
      "memory-backend-ram, memory-backend-file, memory-backend-memfd (guest memory: size=, "
      "mem-path=, "
      "share=, prealloc=, merge=, dump=, host-nodes=, policy=), secret, tls-creds-x509, "
      "tls-creds-psk, tls-creds-anon, "
      "rng-random, rng-builtin (for -device virtio-rng-pci,rng=ID), filter-dump "
      "(netdev=ID,file=PCAP[,maxlen=BYTES])",
      option_object },
    { "drive", NULL,
      "file=FILE[,format=FORMAT][,if=virtio|pflash|none][,id=ID][,readonly=on][,snapshot=on]"
      "[,cache=MODE][,discard=unmap|ignore][,detect-zeroes=on|off|unmap][,rerror=ACTION]"
      "[,werror=ACTION][,throttling.LIMIT=N][,copy-on-read=on]",
      SECTION_BLOCK,
      "a disk image (if=none: for a -device with drive=ID). cache: writeback, none, writethrough, "
      "directsync, unsafe; on errors: report, ignore, stop, enospc (writes); limits a second: "
      "bps-total, bps-read, bps-write, iops-total, iops-read, iops-write, for bursts with -max and "
      "-max-length, shared in throttling.group; other options are those of a node: -blockdev",
      LIST(drives) },
    { "blockdev", NULL, "driver=DRIVER,node-name=ID[,read-only=on][,KEY.KEY=VALUE]", SECTION_BLOCK,
      "a node of disk images, also as JSON, for a -device with drive=ID or for other nodes: "
      "driver=qcow2,node-name=d,file.driver=file,file.filename=disk.qcow2",
      LIST(blockdevs) },

    { "nographic", NULL, NULL, SECTION_CONSOLE,
      "serial port and monitor share the terminal; Ctrl-A C switches, Ctrl-A X leaves",
      FLAG(nographic) },
    { "display", NULL, "none", SECTION_CONSOLE, "graphical display", option_display },
    { "vga", NULL, "std|none", SECTION_CONSOLE, "display card; std: a VGA with Bochs' extensions",
      option_vga },
    { "vnc", NULL, "none", SECTION_CONSOLE, "no VNC server", option_vnc },
    { "k", NULL, "LAYOUT", SECTION_CONSOLE,
      "the keyboard's layout (de, en-us, fr, ...), for displays that send characters: none does "
      "yet",
      option_keymap },
    { "echr", NULL, "NUMBER", SECTION_CONSOLE,
      "the key instead of Ctrl-A on a terminal shared with -nographic or mon:stdio: 0x14 is Ctrl-T",
      option_echr },
    { "serial", NULL, "stdio|mon:stdio|pty|null|none|file:F|unix:P,server=on|tcp:H:P|chardev:ID",
      SECTION_CONSOLE, "where a serial port goes; once for each port", LIST(serials) },
    { "parallel", NULL, "DEVICE", SECTION_CONSOLE,
      "where a printer port goes, on PCs and malta; once for each port (none without it)",
      LIST(parallels) },
    { "debugcon", NULL, "DEVICE", SECTION_CONSOLE,
      "where the debug port E9h of PCs goes: firmware logs there (-device isa-debugcon has its "
      "other ports: OVMF's is iobase=0x402)",
      STRING(debugcon) },
    { "monitor", NULL, "stdio|none|...", SECTION_CONSOLE,
      "where the human monitor goes; as -serial", LIST(monitors) },
    { "qmp", NULL, "unix:PATH,server=on,wait=off|stdio|...", SECTION_CONSOLE,
      "a QMP (JSON) monitor", LIST(qmps) },
    { "qmp-pretty", NULL, "...", SECTION_CONSOLE, "as -qmp, with indented answers",
      LIST(qmps_pretty) },
    { "mon", NULL, "[chardev=]ID[,mode=readline|control][,pretty=on]", SECTION_CONSOLE,
      "a monitor on a -chardev", LIST(mons) },
    { "chardev", NULL, "KIND,id=ID[,mux=on][,logfile=FILE[,logappend=on]][,...]", SECTION_CONSOLE,
      "a character device; `-chardev help` lists the kinds", option_chardev },
    { "netdev", NULL, "user,id=ID[,hostfwd=tcp::HOST-:GUEST][,...]", SECTION_CONSOLE,
      "a network for a card (-device virtio-net-pci,netdev=ID)", LIST(nets) },
    { "nic", NULL, "user|none[,model=CARD][,mac=MAC][,...]", SECTION_CONSOLE,
      "a network and its card in one; user without any of these, -nic none for no card",
      config_add_nic },
    { "publish", NULL, "[HOST:]PORT:PORT[/udp]", SECTION_CONSOLE,
      "a port of the host leads to one of the guest: hostfwd= of the first network of type user",
      LIST(publish) },
    { "net", NULL, "none|user[,...]|nic[,...]", SECTION_CONSOLE, "the older form of -nic",
      config_add_net },

    { "kernel", NULL, "FILE", SECTION_BOOT, "a kernel: ELF, Image, compressed Image",
      STRING(kernel) },
    { "initrd", NULL, "FILE", SECTION_BOOT, "its initial file system", STRING(initrd) },
    { "append", NULL, "TEXT", SECTION_BOOT, "its command line", STRING(append) },
    { "dtb", NULL, "FILE", SECTION_BOOT, "a device tree instead of the machine's own",
      STRING(dtb) },
    { "bios", NULL, "FILE", SECTION_BOOT, "firmware", STRING(bios) },

    { "S", NULL, NULL, SECTION_DEBUG, "do not start the CPUs (`cont` in a monitor does)",
      FLAG(stopped) },
    { "s", NULL, NULL, SECTION_DEBUG, "short for -gdb tcp::1234", option_gdb_default },
    { "gdb", NULL, "tcp::PORT|unix:PATH|stdio", SECTION_DEBUG, "wait for a debugger there",
      LIST(gdbs) },
    { "d", NULL, "ITEM[,ITEM...]", SECTION_DEBUG, "log items; `-d help` lists them", option_log },
    { "D", NULL, "FILE", SECTION_DEBUG, "where the log goes", STRING(log_file) },
    { "trace", NULL, "[enable=]PATTERN[,file=FILE]", SECTION_DEBUG,
      "trace events whose names match; -PATTERN takes away", option_trace },
    { "dfilter", NULL, "FIRST..LAST|START+SIZE|END-SIZE[,...]", SECTION_DEBUG,
      "log items of -d that list blocks (in_asm, op, out_asm, exec, cpu) only for these addresses",
      STRING(dfilter) },
    { "singlestep", NULL, NULL, SECTION_DEBUG, "the same as -accel tcg,one-insn-per-tb=on",
      FLAG(singlestep) },
    { "msg", NULL, "[timestamp=on|off][,guest-name=on|off]", SECTION_DEBUG,
      "messages begin with the time, or with the guest's -name", option_msg },
    { "dump-vmstate", NULL, "FILE", SECTION_DEBUG,
      "write what each device's state consists of as JSON, and leave", STRING(dump_vmstate) },
    { "only-migratable", NULL, NULL, SECTION_DEBUG,
      "refuse devices whose state cannot be saved: there are none", option_nothing },
    { "compat", NULL,
      "[deprecated-input=accept|reject|crash][,deprecated-output=accept|hide]"
      "[,unstable-input=accept|reject|crash][,unstable-output=accept|hide]",
      SECTION_DEBUG,
      "QMP commands whose names begin with x- are unstable: refuse them, or end (for managers' "
      "tests); nothing is deprecated",
      option_compat },
    { "state-hash", NULL, "end|MS", SECTION_DEBUG,
      "print a hash of the machine's whole state when it ends, or also every MS ms of its time "
      "(with -icount): equal runs give equal hashes",
      option_state_hash },
    { "no-reboot", NULL, NULL, SECTION_DEBUG, "leave instead of rebooting", option_no_reboot },
    { "no-shutdown", NULL, NULL, SECTION_DEBUG, "pause instead of leaving at power off",
      option_no_shutdown },
    { "action", NULL, "reboot=reset|shutdown,shutdown=poweroff|pause,panic=...,watchdog=...",
      SECTION_DEBUG, "what is done at these events", option_action },
    { "watchdog-action", NULL, "reset|shutdown|poweroff|inject-nmi|pause|debug|none", SECTION_DEBUG,
      "the same as -action watchdog=: no machine has a watchdog yet", option_watchdog_action },
    { "perfmap", NULL, NULL, SECTION_DEBUG,
      "name translated code for `perf report`, in /tmp/perf-PID.map", FLAG(perfmap) },
    { "jitdump", NULL, NULL, SECTION_DEBUG,
      "write translated code for `perf inject -j` to jit-PID.dump here", FLAG(jitdump) },
    { "incoming", NULL, "file:PATH|fd:NUMBER|defer", SECTION_DEBUG,
      "begin with the state that `migrate` has written", STRING(incoming) },
    { "loadvm", NULL, "TAG", SECTION_DEBUG,
      "begin with the machine and disks of a snapshot that `savevm` has made", STRING(loadvm) },
    { "add-fd", NULL, "fd=N,set=ID[,opaque=TEXT]", SECTION_DEBUG,
      "a descriptor that we were started with: /dev/fdset/ID is a file's name then",
      LIST(add_fds) },
    { "pidfile", NULL, "FILE", SECTION_DEBUG, "write the process id there", STRING(pidfile) },
    { "daemonize", NULL, NULL, SECTION_DEBUG, "go to the background once the machine is made",
      FLAG(daemonize) },
    { "chroot", NULL, "FOLDER", SECTION_DEBUG,
      "make it the root once all files are open, before the guest runs", STRING(chroot) },
    { "runas", NULL, "USER|UID:GID", SECTION_DEBUG, "become that user, at the same moment",
      STRING(runas) },
    { "async-teardown", NULL, NULL, SECTION_DEBUG,
      "a second process gives the guest's memory back at the end, so that this one ends at once",
      FLAG(async_teardown) },
    { "run-with", NULL, "[async-teardown=on|off][,chroot=FOLDER][,user=USER]", SECTION_DEBUG,
      "the later form of these three", option_run_with },
    { "sandbox", NULL,
      "on|off[,obsolete=allow|deny][,elevateprivileges=allow|deny|children][,spawn=allow|deny]"
      "[,resourcecontrol=allow|deny]",
      SECTION_DEBUG,
      "before the guest runs, give up system calls that a machine has no use for: such a call ends "
      "the process. obsolete: old ones too (deny unless said); elevateprivileges: other users "
      "(children: for them alone); spawn: other processes; resourcecontrol: priorities, which "
      "only fail",
      option_sandbox },
};

static const CliOption *option_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        if (!strcmp(options[i].name, name) ||
            (options[i].alias && !strcmp(options[i].alias, name))) {
            return &options[i];
        }
    }
    return NULL;
}

static bool option_unknown(const char *word, const char *name, GError **err)
{
    g_autofree char *near = NULL, *dashed = NULL;
    const char *why = option_why_not(name);
    g_autoptr(GPtrArray) list = NULL;

    if (why) {
        return error_set(err, "%s is not there: %s", word, why);
    }
    list = g_ptr_array_new_with_free_func(g_free);
    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        g_ptr_array_add(list, g_strconcat("-", options[i].name, NULL));
    }
    dashed = g_strconcat("-", name, NULL);
    near = suggest_text(dashed, (const char *const *)list->pdata, list->len);
    return error_set(err, "%s: there is no such option%s (--help lists them)", word, near);
}

static bool option_apply(SystemConfig *c, const CliOption *o, const char *arg, GError **err)
{
    if (o->fn) {
        return o->fn(c, arg, err);
    }
    if (o->flag) {
        *(bool *)((char *)c + o->flag) = true;
    } else if (o->list) {
        g_ptr_array_add(*(GPtrArray **)(void *)((char *)c + o->list), g_strdup(arg));
    } else {
        char **s = (char **)(void *)((char *)c + o->string);

        g_free(*s);
        *s = g_strdup(arg);
    }
    return true;
}

bool config_apply(SystemConfig *c, const char *name, const char *arg, GError **err)
{
    const CliOption *o = option_find(name);
    bool ok = o ? option_apply(c, o, arg, err) : option_unknown(name, name, err);

    if (!ok && o) {
        g_prefix_error(err, "-%s %s: ", name, arg ? arg : "");
    }
    return ok;
}

bool config_parse(SystemConfig *c, int argc, char **argv, GError **err)
{
    for (int i = 0; i < argc; i++) {
        const char *word = argv[i], *name, *arg = NULL;
        const CliOption *o;

        if (word[0] != '-' || !word[1]) {
            return error_set(err,
                             "'%s': an option was expected here; a disk is given as -drive "
                             "file=%s,format=raw,if=virtio",
                             word, word);
        }
        name = word + (word[1] == '-' ? 2 : 1);
        o = option_find(name);
        if (!o) {
            return option_unknown(word, name, err);
        }
        if (o->arg) {
            if (i + 1 == argc) {
                return error_set(err, "%s: an argument is missing: -%s %s", word, o->name, o->arg);
            }
            arg = argv[++i];
        }
        if (!option_apply(c, o, arg, err)) {
            g_prefix_error(err, "%s%s%s: ", word, arg ? " " : "", arg ? arg : "");
            return false;
        }
    }
    return true;
}

static const char *option_section_title(OptionSection s)
{
    static const char *const titles[] = { "Machine", "Disks", "Console and monitors", "Direct boot",
                                          "Debugging and running" };

    return titles[s];
}

char *option_help(const char *prog)
{
    GString *s = g_string_new("");

    g_string_append_printf(s, "usage: %s [OPTIONS]\n", prog);
    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        const CliOption *o = &options[i];

        if (!i || o->section != options[i - 1].section) {
            g_string_append_printf(s, "\n%s:\n", option_section_title(o->section));
        }
        g_string_append_printf(s, "-%s%s%s", o->name, o->alias ? ", -" : "",
                               o->alias ? o->alias : "");
        g_string_append_printf(s, "%s%s\n                %s\n", o->arg ? " " : "",
                               o->arg ? o->arg : "", o->doc);
    }
    g_string_append(s, "\nKeys on a terminal shared with -nographic or mon:stdio: Ctrl-A H lists "
                       "them, Ctrl-A X leaves.\n");
    return g_string_free(s, FALSE);
}

/* roff wants "-" as "\-" and no "'" or "." at the beginning of a line. */
static void manual_text(GString *s, const char *text)
{
    for (; *text; text++) {
        if (*text == '-') {
            g_string_append(s, "\\-");
        } else if (*text == '\\') {
            g_string_append(s, "\\e");
        } else {
            g_string_append_c(s, *text);
        }
    }
}

char *option_manual(void)
{
    GString *s = g_string_new(
        ".TH TINAMOU 1\n.SH NAME\ntinamou \\- emulator of whole machines\n.SH SYNOPSIS\n"
        ".B tinamou system\n.I ARCH\n.RI [ OPTIONS ]\n.br\n.B qemu\\-system\\-\\fIARCH\\fR\n"
        ".RI [ OPTIONS ]\n.SH DESCRIPTION\nRuns a machine of architecture ARCH (aarch64). "
        "Options are those of QEMU that are listed here; one dash or two. Whatever is not "
        "supported is refused with a message.\n.SH OPTIONS\n");

    for (size_t i = 0; i < G_N_ELEMENTS(options); i++) {
        const CliOption *o = &options[i];

        if (!i || o->section != options[i - 1].section) {
            g_string_append_printf(s, ".SS %s\n", option_section_title(o->section));
        }
        g_string_append(s, ".TP\n.B ");
        manual_text(s, "-");
        manual_text(s, o->name);
        if (o->alias) {
            g_string_append(s, ", \\-");
            manual_text(s, o->alias);
        }
        if (o->arg) {
            g_string_append(s, " \\fI");
            manual_text(s, o->arg);
            g_string_append(s, "\\fR");
        }
        g_string_append_c(s, '\n');
        manual_text(s, o->doc);
        g_string_append(s, ".\n");
    }
    g_string_append(s, ".SH EXAMPLE\n.nf\ntinamou system aarch64 \\-M virt \\-cpu max \\-m 512 "
                       "\\-nographic \\-kernel Image \\-initrd initrd.gz\n.fi\n");
    return g_string_free(s, FALSE);
}
