/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/build.h"

#include "cli/chardev-tls.h"
#include "cli/img/img.h"

#include "accel/accel.h"
#include "core/clock.h"
#include "core/cpu.h"
#include "core/event/loop.h"
#include "core/icount.h"
#include "core/memory/memory.h"
#include "core/machine.h"
#include "core/state/state.h"
#include "debug/disas.h"
#include "fsdev/fsdev.h"
#include "net/net.h"
#include "target/arm/cpu.h"
#include "target/i386/cpu.h"
#include "target/mips/cpu.h"
#include "util/fdsets.h"
#include "util/suggest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void build_free_options(gpointer p)
{
    options_deinit(p);
    g_free(p);
}

void build_init(Build *b, const SystemConfig *c)
{
    *b = (Build){ .config = c };
    b->gdbs = g_ptr_array_new_with_free_func((GDestroyNotify)gdb_server_free);
    b->chardevs = g_ptr_array_new_with_free_func((GDestroyNotify)chardev_free);
    b->serials = g_array_new(FALSE, TRUE, sizeof(Chardev *));
    b->parallels = g_array_new(FALSE, TRUE, sizeof(Chardev *));
    b->drives = g_array_new(FALSE, TRUE, sizeof(BoardDrive));
    b->nets = g_ptr_array_new_with_free_func((GDestroyNotify)net_free);
    b->fsdevs = g_ptr_array_new_with_free_func((GDestroyNotify)fsdev_free);
    b->parsed = g_ptr_array_new_with_free_func(build_free_options);
    b->mon_boards = g_array_new(TRUE, TRUE, sizeof(MonBoard));
    b->strings = g_ptr_array_new_with_free_func(g_free);
    b->cpu_models = g_ptr_array_new_with_free_func(g_free);
}

void build_deinit(Build *b)
{
    /*
     * Devices point to character devices until the machine is gone, and those watch files on
     * the machine's loop: so they are closed first (which gives the terminal back) and freed last.
     */
    if (b->m && machine_is_running(b->m)) {
        machine_pause(b->m, RUN_SHUTDOWN);
    }
    timer_deinit(&b->hash_timer);
    g_ptr_array_free(b->gdbs, TRUE);
    if (b->monitors) {
        mon_host_free(b->monitors);
    }
    for (unsigned i = 0; i < b->chardevs->len; i++) {
        chardev_close(g_ptr_array_index(b->chardevs, i));
    }
    build_close_nets(b);
    build_drives_end(b);
    if (b->m) {
        machine_free(b->m);
    }
    g_ptr_array_free(b->nets, TRUE);
    g_ptr_array_free(b->fsdevs, TRUE);
    g_ptr_array_free(b->chardevs, TRUE);
    g_array_free(b->serials, TRUE);
    g_array_free(b->parallels, TRUE);
    g_array_free(b->drives, TRUE);
    g_ptr_array_free(b->parsed, TRUE);
    options_deinit(&b->machine_options);
    g_array_free(b->mon_boards, TRUE);
    g_ptr_array_free(b->strings, TRUE);
    g_ptr_array_free(b->cpu_models, TRUE);
    g_free(b->cpu);
    *b = (Build){ 0 };
}

/* @text, which others point to, until the end. */
static const char *build_keep(Build *b, char *text)
{
    g_ptr_array_add(b->strings, text);
    return text;
}

static bool build_find_board(Build *b, GError **err)
{
    const SystemConfig *c = b->config;
    GString *props = g_string_new("");
    bool ok;

    for (unsigned i = 0; i < c->machine_props->len; i++) {
        g_auto(GStrv) commas = g_strsplit(g_ptr_array_index(c->machine_props, i), ",", -1);
        g_autofree char *prop = g_strjoinv(",,", commas);

        g_string_append_printf(props, "%s%s", i ? "," : "", prop);
    }
    ok = options_parse(&b->machine_options, props->str, NULL, err);
    g_string_free(props, TRUE);
    if (!ok) {
        return false;
    }
    b->board = c->machine ? board_find(c->machine, err) : board_default(c->arch);
    if (!b->board && !c->machine) {
        return error_set(err, "no machine is chosen: say -M virt (-M help lists them all)");
    }
    if (!b->board) { /* board_find's message names the option */
        return false;
    }
    if (!board_is_of(b->board, c->arch)) {
        return error_set(err, "-M %s is a machine of %s; run `tinamou system %s` for it",
                         c->machine, b->board->target, b->board->target);
    }
    return true;
}

static bool build_log(Build *b, GError **err)
{
    const SystemConfig *c = b->config;
    LogSink *log = machine_log(b->m);

    log_set_heading(log, c->msg_time, c->msg_guest ? c->name : NULL);
    if (c->dfilter && !log_set_ranges(log, c->dfilter, err)) {
        g_prefix_error(err, "-dfilter %s: ", c->dfilter);
        return false;
    }
    if (c->log_file && !log_open(log, c->log_file, err)) {
        g_prefix_error(err, "-D %s: ", c->log_file);
        return false;
    }
    if (c->log_items && !log_set_items(log, c->log_items, err)) {
        g_prefix_error(err, "-d %s: ", c->log_items);
        return false;
    }
    for (unsigned i = 0; i < c->traces->len; i++) {
        log_trace_pattern(log, g_ptr_array_index(c->traces, i));
    }
    return true;
}

static const Accel *build_find_accel(const char *name)
{
    for (const Accel *const *a = accel_types; *a; a++) {
        if (!strcmp((*a)->name, name)) {
            return *a;
        }
    }
    return NULL;
}

static bool build_no_accel(const char *text, GError **err)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree char *name = g_strndup(text, strcspn(text, ","));
    g_autofree char *near = NULL;

    for (const Accel *const *a = accel_types; *a; a++) {
        g_ptr_array_add(names, (void *)(*a)->name);
    }
    near = suggest_or_list(name, (const char *const *)names->pdata, names->len, 8);
    return error_set(err, "-accel %s: there is no such accelerator%s", name, near);
}

/* Try one, as "name,option=value"; false: it cannot be had here, or its options are wrong. */
static bool build_try_accel(Build *b, const char *text, GError **err)
{
    const SystemConfig *c = b->config;
    size_t len = strcspn(text, ",");
    g_autofree char *name = g_strndup(text, len);
    g_autoptr(GString) options = g_string_new(text[len] ? text + len + 1 : "");
    const Accel *a = build_find_accel(name);

    if (!a) {
        return build_no_accel(text, err);
    }
    if (!strcmp(name, "tcg")) {
        g_string_append(options, c->perfmap ? ",perfmap=on" : "");
        g_string_append(options, c->jitdump ? ",jitdump=on" : "");
        g_string_append(options, c->singlestep ? ",one-insn-per-tb=on" : "");
    } else if (c->singlestep) {
        return error_set(err, "-singlestep is for -accel tcg");
    } else if (!strcmp(name, "kvm") && c->kernel_irqchip) {
        g_string_append_printf(options, ",kernel-irqchip=%s", c->kernel_irqchip);
    }
    if (c->cpu_pm) {
        if (strcmp(name, "kvm")) {
            return error_set(err, "-overcommit cpu-pm=on is for -accel kvm");
        }
        g_string_append(options, ",cpu-pm=on");
    }
    if (!accel_attach(b->m, a, options->str + (options->str[0] == ','), err)) {
        g_prefix_error(err, "-accel %s: ", text);
        return false;
    }
    b->accel = a;
    return true;
}

/* One of -accel (or -M accel=): the first that works here. */
static bool build_accel(Build *b, GError **err)
{
    const SystemConfig *c = b->config;
    bool translated = strcmp(c->arch, "x86_64") != 0 || !b->board->target;

    machine_set_disas(b->m, disas_is_built_in() ? disas_one : NULL);
    machine_set_host_disas(b->m, disas_is_built_in() ? disas_host : NULL);
    if (!c->accels->len && !translated) {
        g_ptr_array_add(c->notes, g_strdup_printf("guests of %s are not translated yet: the host's "
                                                  "CPU runs this one (-accel kvm)",
                                                  c->arch));
        return build_try_accel(b, "kvm", err);
    }
    if (!c->accels->len) {
        return build_try_accel(b, "tcg", err);
    }
    for (unsigned i = 0; i < c->accels->len; i++) {
        const char *text = g_ptr_array_index(c->accels, i);
        g_autoptr(GError) why = NULL;

        if (build_try_accel(b, text, &why)) {
            return true;
        }
        if (i + 1 == c->accels->len || machine_accel(b->m)) {
            g_propagate_error(err, g_steal_pointer(&why));
            return false;
        }
        g_ptr_array_add(c->notes, g_strdup_printf("%s; taking -accel %s", why->message,
                                                  (char *)g_ptr_array_index(c->accels, i + 1)));
    }
    return false;
}

/* The CPU's name as the list has it, whatever its case; features stay as they are. */
static bool build_cpu(Build *b, GError **err)
{
    const char *text = b->config->cpu;
    size_t len = text ? strcspn(text, ",") : 0;
    g_autofree char *model = g_strndup(text ? text : "", len);
    int i;

    if (!text) {
        return true;
    }
    i = name_find("CPU model", model, (const char *const *)b->cpu_models->pdata,
                  b->cpu_models->len - 1, "-cpu help", err);
    if (i < 0) {
        g_prefix_error(err, "-cpu %s: ", text);
        return false;
    }
    b->cpu = g_strconcat(g_ptr_array_index(b->cpu_models, (unsigned)i), text + len, NULL);
    return true;
}

/* The board is made before the accelerator is, whose options say where controllers are. */
static IrqchipPlace build_irqchip(const SystemConfig *c)
{
    const char *accel = c->accels->len ? g_ptr_array_index(c->accels, 0) : "kvm";
    g_auto(GStrv) parts = g_strsplit(accel, ",", -1);
    const char *place = c->kernel_irqchip ? c->kernel_irqchip : "on";

    if (strcmp(parts[0], "kvm")) {
        return IRQCHIP_OWN;
    }
    for (unsigned i = 1; parts[i]; i++) {
        if (g_str_has_prefix(parts[i], "kernel-irqchip=")) {
            place = strchr(parts[i], '=') + 1;
        }
    }
    return !strcmp(place, "off")     ? IRQCHIP_OWN
           : !strcmp(place, "split") ? IRQCHIP_SPLIT
                                     : IRQCHIP_KERNEL;
}

static bool build_board(Build *b, GError **err)
{
    const SystemConfig *c = b->config;
    const char *bios = c->bios ? build_keep(b, machine_find_data(b->m, c->bios, NULL, 0)) : NULL;
    g_autoptr(GPtrArray) memdevs = g_ptr_array_new();
    g_autofree const char **props = g_new0(const char *, b->board->n_props + 1);
    BoardConfig cfg = {
        .machine = &b->machine_options,
        .cpu = b->cpu,
        .n_cpus = c->smp.cpus,
        .max_cpus = c->smp.max_cpus,
        .sockets = c->smp.sockets,
        .dies = c->smp.dies,
        .clusters = c->smp.clusters,
        .cores = c->smp.cores,
        .threads = c->smp.threads,
        .ram_bytes = c->ram_bytes,
        .kernel = c->kernel,
        .initrd = c->initrd,
        .append = c->append,
        .dtb = c->dtb,
        .bios = bios ? bios : c->bios,
        .serials = (Chardev *const *)(void *)b->serials->data,
        .n_serials = b->serials->len,
        .parallels = (Chardev *const *)(void *)b->parallels->data,
        .n_parallels = b->parallels->len,
        .drives = (BoardDrive *)(void *)b->drives->data,
        .n_drives = b->drives->len,
        .devices = (const char *const *)c->devices->pdata,
        .n_devices = c->devices->len,
        .n_nics = c->n_nics,
        .other_order = !g_strcmp0(b->board->other_target, c->arch) ||
                       !g_strcmp0(b->board->wide_other_target, c->arch),
        .wide = board_is_wide(b->board, c->arch),
        .default_nic = b->board->default_nic ? b->board->default_nic : "virtio-net-pci",
        .globals = (const char *const *)c->globals->pdata,
        .n_globals = c->globals->len,
        .fw_cfg = (const char *const *)c->fw_cfgs->pdata,
        .n_fw_cfg = c->fw_cfgs->len,
        .numa = (const char *const *)c->numa->pdata,
        .n_numa = c->numa->len,
        .mem_path = c->mem_path,
        .mem_prealloc = c->mem_prealloc,
        .smbios = (const char *const *)c->smbios->pdata,
        .n_smbios = c->smbios->len,
        .option_roms = (const char *const *)c->option_roms->pdata,
        .n_option_roms = c->option_roms->len,
        .acpi_tables = (const char *const *)c->acpi_tables->pdata,
        .n_acpi_tables = c->acpi_tables->len,
        .boot = c->boot,
        .vga = c->vga,
        .boot_menu = c->boot_menu,
        .no_fd_bootchk = c->no_fd_bootchk,
        .uuid = c->uuid,
        .irqchip = build_irqchip(c),
        .nodefaults = c->nodefaults,
        .no_graphic = c->nographic || !c->graphics || !c->display,
    };

    if (c->smp.max_cpus > b->board->max_cpus) {
        return error_set(err, "-smp %u: machine %s takes up to %u CPUs", c->smp.max_cpus,
                         b->board->name, b->board->max_cpus);
    }
    for (unsigned i = 0; i < c->objects->len; i++) {
        if (object_is_memory(g_ptr_array_index(c->objects, i))) {
            g_ptr_array_add(memdevs, g_ptr_array_index(c->objects, i));
        }
    }
    if (!b->board->has_numa && (memdevs->len || c->numa->len || c->mem_path || c->mem_prealloc)) {
        return error_set(err, "-%s: machine %s does not take it yet",
                         c->numa->len   ? "numa"
                         : memdevs->len ? "object memory-backend-..."
                         : c->mem_path  ? "mem-path"
                                        : "mem-prealloc",
                         b->board->name);
    }
    cfg.memdevs = (const char *const *)memdevs->pdata;
    cfg.n_memdevs = memdevs->len;
    if (!b->board->init(b->m, &cfg, err)) {
        return false;
    }
    for (size_t i = 0; i < b->board->n_props; i++) {
        props[i] = b->board->props[i].name;
    }
    if (!options_all_used(&b->machine_options, props, (unsigned)b->board->n_props, err)) {
        g_prefix_error(err, "-M %s: ", b->board->name);
        return false;
    }
    return true;
}

/* -machine mem-merge=on, dump-guest-core=off: of all memory, whoever has made it. */
static void build_advise_ram(Build *b)
{
    for (RamBlock *ram = ram_first(b->m); ram; ram = ram->next) {
        if (b->config->ram_merge) {
            (void)madvise(ram->host, ram->size, MADV_MERGEABLE);
        }
        if (!b->config->ram_dump) {
            (void)madvise(ram->host, ram->size, MADV_DONTDUMP);
        }
    }
}

static const char *build_prop_names(Build *b, const Board *of)
{
    GString *s = g_string_new("");

    for (size_t i = 0; i < of->n_props; i++) {
        g_string_append_printf(s, "%s%s:%s", i ? " " : "", of->props[i].name, of->props[i].type);
    }
    return build_keep(b, g_string_free(s, FALSE));
}

/* The names that managers pass for the object. */
static const char *build_ram_id(const Board *b)
{
    return !g_strcmp0(b->target, "aarch64")  ? "mach-virt.ram"
           : !g_strcmp0(b->target, "x86_64") ? "pc.ram"
                                             : NULL;
}

static void build_monitor_lists(Build *b)
{
    const char *suffix = board_cpu_suffix(b->config->arch);
    g_autofree const DeviceType **cpus = build_cpu_types(b->config->arch);

    for (const Board *const *p = board_types; *p; p++) {
        MonBoard row = {
            .name = (*p)->name,
            .default_cpu = board_is_wide(*p, b->config->arch) ? (*p)->wide_cpu : (*p)->default_cpu,
            .doc = (*p)->doc,
            .max_cpus = (*p)->max_cpus,
            .props = build_prop_names(b, *p),
            .is_default = (*p)->is_default,
            .ram_id = (*p)->has_numa ? build_ram_id(*p) : NULL,
        };

        if (!board_is_of(*p, b->config->arch)) {
            continue;
        }
        if ((*p)->aliases) {
            row.name = (*p)->aliases[0];
            row.alias = (*p)->name;
        }
        g_array_append_val(b->mon_boards, row);
        for (const char *const *a = row.alias ? (*p)->aliases + 1 : NULL; a && *a; a++) {
            row.name = *a;
            row.alias = NULL;
            row.is_default = false;
            g_array_append_val(b->mon_boards, row);
        }
    }
    for (const DeviceType **t = cpus; *t; t++) {
        size_t len = strlen((*t)->name) - strlen(suffix);

        g_ptr_array_add(b->cpu_models, g_strndup((*t)->name, len));
    }
    g_ptr_array_add(b->cpu_models, NULL);
}

void build_state_hash(Build *b)
{
    g_autoptr(GError) err = NULL;
    g_autofree char *hash = machine_state_hash(b->m, &err);

    fprintf(stderr, "state-hash %s at %" PRId64 " ns, %" PRIu64 " instructions\n",
            hash ? hash : err->message, machine_now_ns(b->m), icount_total(b->m));
}

static void build_hash_tick(void *opaque)
{
    Build *b = opaque;

    build_state_hash(b);
    timer_arm_in(&b->hash_timer, (int64_t)b->config->state_hash_ms * NS_PER_MS);
}

static bool build_state_hash_every(Build *b, GError **err)
{
    if (!b->config->state_hash_ms) {
        return true;
    }
    if (!b->config->has_icount) {
        return error_set(err, "-state-hash MS needs -icount; valid without: -state-hash end");
    }
    timer_init(&b->hash_timer, b->m, CLOCK_MACHINE, build_hash_tick, b);
    timer_arm_in(&b->hash_timer, (int64_t)b->config->state_hash_ms * NS_PER_MS);
    return true;
}

static bool build_gdbserver(void *opaque, const char *where, GError **err)
{
    return build_gdb(opaque, where, err);
}

/* -add-fd: the set has a copy, so that several can have the same one. */
static bool build_add_fd(Build *b, Options *o, GError **err)
{
    static const char *const valid[] = { "fd", "set", "opaque" };
    uint64_t fd, set;
    int copy;

    if (!options_get(o, "fd") || !options_get(o, "set")) {
        return error_set(err, "%s= is missing: fd=N,set=ID[,opaque=TEXT]",
                         options_get(o, "fd") ? "set" : "fd");
    }
    if (!options_get_number(o, "fd", 0, &fd, err) || !options_get_number(o, "set", 0, &set, err)) {
        return false;
    }
    if (fd < 3 || fd > INT_MAX) {
        return error_set(err, "fd=%s: 0 to 2 are standard input and output; valid: 3 and above",
                         options_get(o, "fd"));
    }
    if (set > INT64_MAX) {
        return error_set(err, "set=%s is too large", options_get(o, "set"));
    }
    copy = fcntl((int)fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
        return error_set(err, "fd=%s is no descriptor that this process was started with: %s",
                         options_get(o, "fd"), g_strerror(errno));
    }
    if (fdsets_add(machine_fdsets(b->m), (int64_t)set, copy, options_get(o, "opaque"), err) < 0) {
        close(copy);
        return false;
    }
    return options_all_used(o, valid, G_N_ELEMENTS(valid), err);
}

static bool build_fdsets(Build *b, GError **err)
{
    const GPtrArray *list = b->config->add_fds;

    for (unsigned i = 0; i < list->len; i++) {
        const char *text = g_ptr_array_index(list, i);
        Options o = { 0 };
        bool ok = options_parse(&o, text, NULL, err) && build_add_fd(b, &o, err);

        options_deinit(&o);
        if (!ok) {
            g_prefix_error(err, "-add-fd %s: ", text);
            return false;
        }
    }
    return true;
}

bool build_machine(Build *b, GError **err)
{
    const SystemConfig *c = b->config;
    RtcConfig rtc = { 0 };

    if (!build_find_board(b, err)) {
        return false;
    }
    build_monitor_lists(b);
    b->m = machine_new(err);
    if (!b->m) {
        return false;
    }
    if (c->name) {
        machine_set_name(b->m, c->name);
    }
    for (unsigned i = 0; i < c->data_folders->len; i++) {
        machine_add_data_folder(b->m, g_ptr_array_index(c->data_folders, i));
    }
    machine_set_actions(b->m, c->actions);
    machine_add_types(b->m, device_types);
    machine_add_types(b->m, arm_cpu_types);
    machine_add_types(b->m, x86_cpu_types);
    machine_add_types(b->m, mips_cpu_types);
    if (c->has_icount) {
        icount_set(b->m, &c->icount);
    }
    if (c->has_seed || c->has_icount) {
        machine_set_seed(b->m, c->seed);
    }
    if (c->rtc && !rtc_parse(&rtc, c->rtc, err)) {
        return false;
    }
    if (rtc.machine) {
        clock_set_rtc_machine(b->m);
    }
    if (rtc.has_base) {
        clock_set_rtc_ns(b->m, rtc.base_ns);
    } else if (c->has_icount) {
        clock_set_rtc_ns(b->m, g_get_real_time() * 1000);
    }
    if (!build_fdsets(b, err) || !build_log(b, err) || !chardev_tls_offer(b->m, err) ||
        !build_objects(b, err) || !build_consoles(b, err) || !build_drives(b, err) ||
        !build_nets(b, err) || !build_fsdevs(b, err) || !build_filters(b, err) ||
        !build_cpu(b, err) || !build_board(b, err) || !build_accel(b, err) ||
        !build_state_hash_every(b, err)) {
        return false;
    }
    build_advise_ram(b);
    return machine_start(b->m, err);
}

bool build_run(Build *b, GError **err)
{
    const SystemConfig *c = b->config;
    MonHostConfig mon = {
        .arch = c->arch,
        .board = b->board->name,
        .uuid = c->uuid,
        .unstable_input = c->unstable_input,
        .incoming_defer = c->incoming && !strcmp(c->incoming, "defer"),
        .boards = (const MonBoard *)(void *)b->mon_boards->data,
        .cpu_suffix = board_cpu_suffix(c->arch),
        .cpu_models = (const char *const *)b->cpu_models->pdata,
        .device_types = device_types,
        .nets = b->nets,
        .gdbserver = build_gdbserver,
        .drive_add = build_drive_add,
        .io_command = io_line_on,
        .opaque = b,
    };

    b->monitors = mon_host_new(b->m, &mon);
    mon_set_autostart(b->monitors, !c->stopped);
    if (!build_monitors(b, err)) {
        return false;
    }
    for (unsigned i = 0; i < c->gdbs->len; i++) {
        const char *where = g_ptr_array_index(c->gdbs, i);

        if (!build_gdb(b, where, err)) {
            g_prefix_error(err, "-gdb %s: ", where);
            return false;
        }
    }
    if (c->incoming) {
        machine_set_run_state(b->m, RUN_INMIGRATE);
        if (!mon.incoming_defer && !mon_incoming(b->monitors, c->incoming, err)) {
            g_prefix_error(err, "-incoming %s: ", c->incoming);
            return false;
        }
        return true;
    }
    if (c->loadvm && !mon_loadvm(b->monitors, c->loadvm, err)) {
        g_prefix_error(err, "-loadvm %s: ", c->loadvm);
        return false;
    }
    return true;
}

bool build_go(Build *b, GError **err)
{
    return b->config->incoming || b->config->stopped || machine_resume(b->m, err);
}
