/* SPDX-License-Identifier: Apache-2.0 */
/* The grammar of option values that are more than one word. */
#include "cli/config.h"

#include "util/options.h"
#include "util/size.h"
#include "util/suggest.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

static GPtrArray *config_list(void)
{
    return g_ptr_array_new_with_free_func(g_free);
}

/* Every member of SystemConfig that is a list of strings, or a string of its own. */
static const size_t config_lists[] = {
    offsetof(SystemConfig, machine_props), offsetof(SystemConfig, accels),
    offsetof(SystemConfig, drives),        offsetof(SystemConfig, blockdevs),
    offsetof(SystemConfig, devices),       offsetof(SystemConfig, globals),
    offsetof(SystemConfig, chardevs),      offsetof(SystemConfig, serials),
    offsetof(SystemConfig, monitors),      offsetof(SystemConfig, mons),
    offsetof(SystemConfig, qmps),          offsetof(SystemConfig, qmps_pretty),
    offsetof(SystemConfig, gdbs),          offsetof(SystemConfig, traces),
    offsetof(SystemConfig, nets),          offsetof(SystemConfig, notes),
    offsetof(SystemConfig, publish),       offsetof(SystemConfig, fw_cfgs),
    offsetof(SystemConfig, numa),          offsetof(SystemConfig, objects),
    offsetof(SystemConfig, smbios),        offsetof(SystemConfig, fsdevs),
    offsetof(SystemConfig, option_roms),   offsetof(SystemConfig, acpi_tables),
    offsetof(SystemConfig, parallels),     offsetof(SystemConfig, add_fds),
    offsetof(SystemConfig, audiodevs),     offsetof(SystemConfig, data_folders),
};

static const size_t config_strings[] = {
    offsetof(SystemConfig, machine),  offsetof(SystemConfig, cpu),
    offsetof(SystemConfig, kernel),   offsetof(SystemConfig, initrd),
    offsetof(SystemConfig, append),   offsetof(SystemConfig, dtb),
    offsetof(SystemConfig, bios),     offsetof(SystemConfig, name),
    offsetof(SystemConfig, uuid),     offsetof(SystemConfig, rtc),
    offsetof(SystemConfig, incoming), offsetof(SystemConfig, pidfile),
    offsetof(SystemConfig, log_file), offsetof(SystemConfig, log_items),
    offsetof(SystemConfig, display),  offsetof(SystemConfig, show_name),
    offsetof(SystemConfig, loadvm),   offsetof(SystemConfig, kernel_irqchip),
    offsetof(SystemConfig, boot),     offsetof(SystemConfig, vga),
    offsetof(SystemConfig, mem_path), offsetof(SystemConfig, debugcon),
    offsetof(SystemConfig, process),  offsetof(SystemConfig, dump_vmstate),
    offsetof(SystemConfig, chroot),   offsetof(SystemConfig, runas),
    offsetof(SystemConfig, dfilter),  offsetof(SystemConfig, sandbox),
};

void config_init(SystemConfig *c, const char *arch)
{
    *c = (SystemConfig){ .arch = arch };
    c->ram_dump = c->graphics = true;
    c->smp = (SmpConfig){ 1, 1, 1, 1, 1, 1, 1 };
    for (size_t i = 0; i < G_N_ELEMENTS(config_lists); i++) {
        *(GPtrArray **)(void *)((char *)c + config_lists[i]) = config_list();
    }
}

void config_deinit(SystemConfig *c)
{
    for (size_t i = 0; i < G_N_ELEMENTS(config_lists); i++) {
        g_ptr_array_free(*(GPtrArray **)(void *)((char *)c + config_lists[i]), TRUE);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(config_strings); i++) {
        g_free(*(char **)(void *)((char *)c + config_strings[i]));
    }
    *c = (SystemConfig){ 0 };
}

static bool smp_number(Options *o, const char *key, unsigned *out, GError **err)
{
    uint64_t v;

    if (!options_get_number(o, key, 0, &v, err)) {
        return false;
    }
    if (options_get(o, key) && (v < 1 || v > MAX_CPUS)) {
        return error_set(err, "%s=%s: a number from 1 to %d is wanted", key, options_get(o, key),
                         MAX_CPUS);
    }
    *out = (unsigned)v;
    return true;
}

/* What was not given follows from what was: cores take the rest, then sockets are 1. */
static bool smp_complete(SmpConfig *s, GError **err)
{
    unsigned sockets = s->sockets ? s->sockets : 1, threads = s->threads ? s->threads : 1;
    unsigned dies = s->dies ? s->dies : 1, clusters = s->clusters ? s->clusters : 1;
    uint64_t rest = (uint64_t)sockets * dies * clusters * threads, total;

    total = s->max_cpus ? s->max_cpus : s->cpus;
    if (!s->cores) {
        s->cores = total ? (unsigned)MAX(1, total / rest) : 1;
    } else if (!s->sockets && total) {
        sockets = (unsigned)MAX(1, total / ((uint64_t)dies * clusters * s->cores * threads));
    }
    *s = (SmpConfig){ s->cpus, s->max_cpus, sockets, dies, clusters, s->cores, threads };
    rest = (uint64_t)sockets * dies * clusters * threads;
    rest = MIN(rest, UINT32_MAX) * s->cores;
    rest = MIN(rest, UINT32_MAX);
    s->max_cpus = (unsigned)(s->max_cpus ? s->max_cpus : total ? total : rest);
    s->cpus = s->cpus ? s->cpus : s->max_cpus;
    if (rest != s->max_cpus) {
        return error_set(err,
                         "sockets (%u) * dies (%u) * clusters (%u) * cores (%u) * threads (%u) is "
                         "%" PRIu64 ", but there are %u CPUs (maxcpus)",
                         sockets, dies, clusters, s->cores, threads, rest, s->max_cpus);
    }
    if (s->cpus > s->max_cpus) {
        return error_set(err, "cpus=%u is more than maxcpus=%u", s->cpus, s->max_cpus);
    }
    if (s->max_cpus > MAX_CPUS) {
        return error_set(err, "%u CPUs are wanted; this machine takes up to %d", s->max_cpus,
                         MAX_CPUS);
    }
    return true;
}

bool smp_parse(SmpConfig *smp, const char *text, GError **err)
{
    static const char *const valid[] = { "cpus",     "maxcpus", "sockets", "dies",
                                         "clusters", "cores",   "threads" };
    SmpConfig s = { 0 };
    Options o;
    bool ok;

    if (!options_parse(&o, text, "cpus", err)) {
        return false;
    }
    ok = smp_number(&o, "cpus", &s.cpus, err) && smp_number(&o, "maxcpus", &s.max_cpus, err) &&
         smp_number(&o, "sockets", &s.sockets, err) && smp_number(&o, "dies", &s.dies, err) &&
         smp_number(&o, "clusters", &s.clusters, err) && smp_number(&o, "cores", &s.cores, err) &&
         smp_number(&o, "threads", &s.threads, err) &&
         options_all_used(&o, valid, G_N_ELEMENTS(valid), err) && smp_complete(&s, err);
    options_deinit(&o);
    if (ok) {
        *smp = s;
    }
    return ok;
}

bool memory_size_parse(uint64_t *bytes, const char *text, GError **err)
{
    static const char *const valid[] = { "size" };
    const char *size;
    Options o;
    bool ok = false;

    if (!options_parse(&o, text, "size", err)) {
        return false;
    }
    size = options_get(&o, "size");
    if (options_get(&o, "slots") || options_get(&o, "maxmem")) {
        error_set(err, "slots= and maxmem= (memory hotplug) are not supported yet");
    } else if (!size) {
        error_set(err, "no size; write -m 512M, -m 4G");
    } else if (size_parse(size, 1 << 20, bytes, err) &&
               options_all_used(&o, valid, G_N_ELEMENTS(valid), err)) {
        ok = true;
        if (*bytes < 1 << 20 || *bytes > 1ull << 40) {
            ok = error_set(err, "%s: memory of 1M to 1T is possible", size);
        }
    }
    options_deinit(&o);
    return ok;
}

bool actions_parse(MachineActions *a, const char *text, GError **err)
{
    static const struct {
        const char *key, *value;
        unsigned number;
    } rows[] = {
        { "reboot", "reset", REBOOT_RESET },
        { "reboot", "shutdown", REBOOT_SHUTDOWN },
        { "shutdown", "poweroff", SHUTDOWN_POWEROFF },
        { "shutdown", "pause", SHUTDOWN_PAUSE },
        { "panic", "shutdown", PANIC_SHUTDOWN },
        { "panic", "pause", PANIC_PAUSE },
        { "panic", "none", PANIC_NONE },
        { "panic", "exit-failure", PANIC_EXIT_FAILURE },
        { "watchdog", "reset", 0 },
        { "watchdog", "shutdown", 0 },
        { "watchdog", "poweroff", 0 },
        { "watchdog", "inject-nmi", 0 },
        { "watchdog", "pause", 0 },
        { "watchdog", "debug", 0 },
        { "watchdog", "none", 0 },
    };
    Options o;
    bool ok = true;

    if (!options_parse(&o, text, NULL, err)) {
        return false;
    }
    for (unsigned i = 0; ok && i < o.n; i++) {
        GString *valid = g_string_new("");
        size_t r;

        for (r = 0; r < G_N_ELEMENTS(rows); r++) {
            if (!strcmp(rows[r].key, o.list[i].key) && !strcmp(rows[r].value, o.list[i].value)) {
                break;
            }
            g_string_append_printf(valid, "%s%s=%s", r ? ", " : "", rows[r].key, rows[r].value);
        }
        if (r == G_N_ELEMENTS(rows)) {
            ok = error_set(err, "'%s=%s' is no action; valid: %s", o.list[i].key, o.list[i].value,
                           valid->str);
        } else if (!strcmp(rows[r].key, "reboot")) {
            a->reboot = rows[r].number;
        } else if (!strcmp(rows[r].key, "shutdown")) {
            a->shutdown = rows[r].number;
        } else if (!strcmp(rows[r].key, "panic")) {
            a->panic = rows[r].number;
        } /* no machine has a watchdog yet */
        g_string_free(valid, TRUE);
    }
    options_deinit(&o);
    return ok;
}

/* "2006-06-17T16:01:21", "2006-06-17" or seconds since 1970, in UTC. */
static bool rtc_parse_date(const char *text, int64_t *base_ns, GError **err)
{
    struct tm tm = { 0 };
    const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

    if (!end || *end) {
        tm = (struct tm){ 0 };
        end = strptime(text, "%Y-%m-%d", &tm);
    }
    if (end && !*end && (tm.tm_year < 70 || tm.tm_year > 361)) { /* 64 bits of nanoseconds */
        return error_set(err, "base=%s: the year must be from 1970 to 2261", text);
    }
    if (!end || *end) {
        return error_set(err,
                         "base=%s: write base=utc, base=localtime, base=2006-06-17T16:01:21 "
                         "or base=2006-06-17",
                         text);
    }
    *base_ns = (int64_t)timegm(&tm) * NS_PER_S;
    return true;
}

bool rtc_parse(RtcConfig *r, const char *text, GError **err)
{
    static const char *const valid[] = { "base", "clock", "driftfix" };
    const char *base, *clock, *drift;
    Options o;
    bool ok = false;

    if (!options_parse(&o, text, NULL, err)) {
        return false;
    }
    base = options_get(&o, "base");
    clock = options_get(&o, "clock");
    drift = options_get(&o, "driftfix");
    *r = (RtcConfig){ .machine = clock && !strcmp(clock, "vm"),
                      .slew = drift && !strcmp(drift, "slew") };
    if (!options_all_used(&o, valid, G_N_ELEMENTS(valid), err)) {
        ok = false;
    } else if (drift && !r->slew && strcmp(drift, "none")) {
        error_set(err, "driftfix=%s: valid: none, slew", drift);
    } else if (clock && strcmp(clock, "host") && strcmp(clock, "vm")) {
        error_set(err, "clock=%s is not supported yet; valid: clock=host, clock=vm", clock);
    } else if (base && !strcmp(base, "localtime")) {
        time_t t = time(NULL);
        struct tm tm;

        localtime_r(&t, &tm);
        r->base_ns = ((int64_t)t + tm.tm_gmtoff) * NS_PER_S;
        r->has_base = true;
        ok = true;
    } else if (base && strcmp(base, "utc")) {
        r->has_base = true;
        ok = rtc_parse_date(base, &r->base_ns, err);
    } else {
        ok = true;
    }
    options_deinit(&o);
    return ok;
}

/* What contradicts itself; NULL: nothing. */
static const char *icount_conflict(const IcountConfig *c)
{
    if (c->align && c->automatic) {
        return "shift=auto and align=on cannot go together: give a number for shift";
    }
    if (c->align && !c->sleep) {
        return "align=on and sleep=off cannot go together";
    }
    if (c->automatic && !c->sleep) {
        return "shift=auto and sleep=off cannot go together: give a number for shift";
    }
    return NULL;
}

bool icount_parse(IcountConfig *c, const char *text, GError **err)
{
    static const char *const valid[] = { "shift", "align", "sleep", "rr", "rrfile", "rrsnapshot" };
    const char *shift, *conflict = NULL;
    uint64_t n = ICOUNT_SHIFT_AUTO;
    bool ok, replay;
    Options o;

    if (!options_parse(&o, text, "shift", err)) {
        return false;
    }
    *c = (IcountConfig){ .time = true };
    shift = options_get(&o, "shift");
    c->automatic = !shift || !strcmp(shift, "auto");
    replay = options_get(&o, "rr");
    replay |= options_get(&o, "rrfile") || options_get(&o, "rrsnapshot");
    ok = options_get_bool(&o, "align", false, &c->align, err) &&
         options_get_bool(&o, "sleep", true, &c->sleep, err) &&
         (c->automatic || options_get_number(&o, "shift", 0, &n, err));
    if (ok && replay) {
        ok = error_set(err, "record and replay (rr=, rrfile=, rrsnapshot=) is not supported yet; "
                            "a run without outside input repeats itself: see shift=N,sleep=off");
    } else if (ok && n > ICOUNT_SHIFT_MAX) {
        ok = error_set(err, "shift=%s must be 0 to %d, or auto", shift, ICOUNT_SHIFT_MAX);
    } else if (ok && (conflict = icount_conflict(c))) {
        ok = error_set(err, "%s", conflict);
    }
    ok = ok && options_all_used(&o, valid, G_N_ELEMENTS(valid), err);
    c->shift = (uint8_t)n;
    options_deinit(&o);
    return ok;
}

bool uuid_parse(const char *text, uint8_t out[16], GError **err)
{
    if (!g_uuid_string_is_valid(text)) {
        return error_set(err, "'%s' is no UUID; write 8-4-4-4-12 hexadecimal digits", text);
    }
    for (unsigned i = 0; i < 16; i++) {
        while (*text == '-') {
            text++;
        }
        out[i] = (uint8_t)(g_ascii_xdigit_value(text[0]) << 4 | g_ascii_xdigit_value(text[1]));
        text += 2;
    }
    return true;
}

int name_find(const char *what, const char *name, const char *const *names, size_t n,
              const char *how_to_list, GError **err)
{
    g_autofree char *near = NULL;

    for (size_t i = 0; i < n; i++) {
        if (!g_ascii_strcasecmp(name, names[i])) {
            return (int)i;
        }
    }
    near = suggest_or_list(name, names, n, 12);
    error_set(err, "no %s is called '%s'%s (%s lists them all)", what, name, near, how_to_list);
    return -1;
}
