/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/more-options.h"

#include "util/options.h"
#include "util/suggest.h"

#include <errno.h>
#include <string.h>

/* ---- Options that are refused ---- */

#define NO_DISPLAY "there is no window yet, -display none runs without one"

static const struct {
    const char *name, *why;
} refused[] = {
    { "spice", "there is no SPICE server; `screendump` in a monitor shows the screen" },
    { "tpmdev", "no TPM can be given to a guest yet" },
    { "preconfig", "the machine is made at once: -S stops it before it runs, -numa says what "
                   "set-numa-node would" },
    { "iscsi", "there is no iSCSI client: log in with the host's iscsiadm (open-iscsi) and give "
               "the disk as -drive file=/dev/disk/by-path/..." },
    { "plugin", "programs that watch a guest cannot be loaded; -d in_asm,exec, -trace, -perfmap "
                "and `info jit` (-accel tcg,count=on) tell what it executes" },
    { "audio", "no device makes sound yet; -audiodev none,id=ID is accepted" },
    { "audio-help", "no device makes sound yet; -audiodev none,id=ID is accepted" },
    { "soundhw", "no device makes sound yet, and QEMU has removed it" },
    { "enable-sync-profile", "locks are not measured; `perf lock` and `perf record` measure them" },
    { "semihosting", "guests cannot call the host's files and terminal yet" },
    { "semihosting-config", "guests cannot call the host's files and terminal yet" },
    { "xen-attach", "there is no Xen" },
    { "xen-domid", "there is no Xen" },
    { "xen-domid-restrict", "there is no Xen" },
    { "full-screen", NO_DISPLAY },
    { "curses", NO_DISPLAY ", and text screens are shown by `screendump`" },
    { "sdl", NO_DISPLAY },
    { "no-frame", NO_DISPLAY },
    { "no-quit", NO_DISPLAY },
    { "alt-grab", NO_DISPLAY },
    { "ctrl-grab", NO_DISPLAY },
    { "portrait", "it is for PDAs with a turned screen, which are not emulated" },
    { "rotate", "it is for PDAs with a turned screen, which are not emulated" },
    { "g", "no machine here has a screen of a fixed size: its driver chooses" },
    { "prom-env", "it is for OpenBIOS, and no machine here starts by it" },
    { "old-param", "it is for Linux before 2.6 on 32-bit ARM" },
    { "tb-size", "it has become -accel tcg,tb-size=MIB" },
    { "writeconfig", "QEMU has removed it; -readconfig reads such files" },
    { "enable-fips", "QEMU has removed it; a VNC server, for which it was, is not there" },
    { "balloon", "QEMU has removed it; say -device virtio-balloon" },
    { "device-del", "there is no such option of QEMU's; `device_del ID` in a monitor" },
    { "watchdog", "QEMU has removed it (-device i6300esb), and no watchdog is there yet" },
    { "bt", "QEMU has removed it: there is no Bluetooth" },
    { "tdf", "QEMU has removed it: no clock drifts by it" },
    { "no-kvm", "QEMU has removed it; say -accel tcg" },
    { "enable-hax", "it is for other hosts; here: -accel kvm, -accel tcg" },
};

const char *option_why_not(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        if (!strcmp(refused[i].name, name)) {
            return refused[i].why;
        }
    }
    return NULL;
}

bool option_vnc(SystemConfig *c, const char *arg, GError **err)
{
    return !strcmp(arg, "none") ||
           error_set(err, "there is no VNC server yet; `screendump` in a monitor shows the screen, "
                          "`sendkey` types. Valid: none");
}

/* ---- Words from a list ---- */

static bool more_word(const char *what, const char *word, const char *const *valid, size_t n,
                      unsigned *out, GError **err)
{
    g_autofree char *list = NULL;

    for (size_t i = 0; i < n; i++) {
        if (!strcmp(word, valid[i])) {
            *out = (unsigned)i;
            return true;
        }
    }
    list = suggest_or_list(word, valid, n, 12);
    return error_set(err, "%s '%s' is not there%s", what, word, list);
}

bool option_audiodev(SystemConfig *c, const char *arg, GError **err)
{
    const char *driver, *id;
    bool ok = false;
    Options o;

    if (!strcmp(arg, "help") || !strcmp(arg, "?")) {
        c->show = c->show == SHOW_NOTHING ? SHOW_AUDIODEVS : c->show;
        return true;
    }
    if (!(*arg == '{' ? options_parse_json(&o, arg, err) : options_parse(&o, arg, "driver", err))) {
        return false;
    }
    driver = options_get(&o, "driver");
    id = options_get(&o, "id");
    if (!driver || !id) {
        error_set(err, "%s= is missing: none,id=ID", driver ? "id" : "driver");
    } else if (strcmp(driver, "none")) {
        error_set(err, "driver=%s: no device makes sound yet; valid: none", driver);
    } else {
        ok = true;
        for (unsigned i = 0; ok && i < c->audiodevs->len; i++) {
            if (!strcmp(g_ptr_array_index(c->audiodevs, i), id)) {
                ok = error_set(err, "there is an -audiodev with id=%s already", id);
            }
        }
    }
    for (unsigned i = 0; ok && i < o.n; i++) {
        const char *key = o.list[i].key;

        if (!o.list[i].used && strcmp(key, "timer-period") && !g_str_has_prefix(key, "in.") &&
            !g_str_has_prefix(key, "out.")) {
            ok = error_set(err, "'%s' is no option of it; valid: id, timer-period, in.*, out.*",
                           key);
        }
    }
    if (ok) {
        g_ptr_array_add(c->audiodevs, g_strdup(id));
    }
    options_deinit(&o);
    return ok;
}

bool option_watchdog_action(SystemConfig *c, const char *arg, GError **err)
{
    g_autofree char *text = g_strconcat("watchdog=", arg, NULL);

    return actions_parse(&c->actions, text, err);
}

/* Policies of interfaces that are deprecated (none of ours is) or unstable (commands x-...). */
bool option_compat(SystemConfig *c, const char *arg, GError **err)
{
    static const char *const inputs[] = { "accept", "reject", "crash" };
    static const char *const outputs[] = { "accept", "hide" };
    static const char *const keys[] = { "deprecated-input", "deprecated-output", "unstable-input",
                                        "unstable-output" };
    unsigned n = 0;
    bool ok = true;
    Options o;

    if (!(*arg == '{' ? options_parse_json(&o, arg, err) : options_parse(&o, arg, NULL, err))) {
        return false;
    }
    for (unsigned i = 0; ok && i < G_N_ELEMENTS(keys); i++) {
        const char *value = options_get(&o, keys[i]);
        bool in = g_str_has_suffix(keys[i], "input");

        ok = !value || more_word(keys[i], value, in ? inputs : outputs,
                                 in ? G_N_ELEMENTS(inputs) : G_N_ELEMENTS(outputs), &n, err);
        if (ok && value && !strcmp(keys[i], "unstable-input")) {
            c->unstable_input = n;
        }
    }
    ok = ok && options_all_used(&o, keys, G_N_ELEMENTS(keys), err);
    options_deinit(&o);
    return ok;
}

bool option_echr(SystemConfig *c, const char *arg, GError **err)
{
    char *end;
    long v = strtol(arg, &end, 0);

    if (!*arg || *end || v < 1 || v > 255) {
        return error_set(err, "a number from 1 to 255 is wanted: 1 is Ctrl-A, 0x14 Ctrl-T");
    }
    c->escape = (uint8_t)v;
    return true;
}

/* Only servers of displays turn characters into keys; monitors name keys. */
bool option_keymap(SystemConfig *c, const char *arg, GError **err)
{
    static const char *const layouts[] = {
        "ar", "bepo",  "cz",    "da",    "de",    "de-ch", "en-gb", "en-us", "es", "et", "fi", "fo",
        "fr", "fr-be", "fr-ca", "fr-ch", "hr",    "hu",    "is",    "it",    "ja", "lt", "lv", "mk",
        "nl", "no",    "pl",    "pt",    "pt-br", "ru",    "sl",    "sv",    "th", "tr",
    };
    unsigned n;

    if (!more_word("the layout", arg, layouts, G_N_ELEMENTS(layouts), &n, err)) {
        return false;
    }
    g_ptr_array_add(c->notes,
                    g_strdup_printf("-k %s: a layout is for displays that send characters (VNC), "
                                    "and none is there yet; sendkey names keys",
                                    arg));
    return true;
}

static bool more_bools(const char *arg, const char *first_key, const char *const *keys,
                       bool *const *out, unsigned n, GError **err)
{
    Options o;
    bool ok = true;

    if (!options_parse(&o, arg, first_key, err)) {
        return false;
    }
    for (unsigned i = 0; ok && i < n; i++) {
        ok = options_get_bool(&o, keys[i], *out[i], out[i], err);
    }
    ok = ok && options_all_used(&o, keys, n, err);
    options_deinit(&o);
    return ok;
}

bool option_msg(SystemConfig *c, const char *arg, GError **err)
{
    static const char *const keys[] = { "timestamp", "guest-name" };
    bool *const out[] = { &c->msg_time, &c->msg_guest };

    return more_bools(arg, NULL, keys, out, G_N_ELEMENTS(keys), err);
}

bool option_overcommit(SystemConfig *c, const char *arg, GError **err)
{
    static const char *const keys[] = { "mem-lock", "cpu-pm" };
    bool *const out[] = { &c->mem_lock, &c->cpu_pm };

    return more_bools(arg, NULL, keys, out, G_N_ELEMENTS(keys), err);
}

/* The later form of -async-teardown, -chroot and -runas. */
bool option_run_with(SystemConfig *c, const char *arg, GError **err)
{
    static const char *const keys[] = { "async-teardown", "chroot", "user" };
    const char *text;
    Options o;
    bool ok;

    if (!options_parse(&o, arg, NULL, err)) {
        return false;
    }
    ok = options_get_bool(&o, keys[0], c->async_teardown, &c->async_teardown, err);
    if ((text = options_get(&o, "chroot"))) {
        g_free(c->chroot);
        c->chroot = g_strdup(text);
    }
    if ((text = options_get(&o, "user"))) {
        g_free(c->runas);
        c->runas = g_strdup(text);
    }
    ok = ok && options_all_used(&o, keys, G_N_ELEMENTS(keys), err);
    options_deinit(&o);
    return ok;
}

/* The disk-full error of that system's setup comes of a drive that has written before it says so;
 * ours says so when it has. */
bool option_win2k(SystemConfig *c, const char *arg, GError **err)
{
    g_ptr_array_add(c->notes, g_strdup("-win2k-hack: IDE disks here need no delay for Windows "
                                       "2000; nothing is changed"));
    return true;
}

/* ---- Options of options ---- */

static GPtrArray *more_group(SystemConfig *c, const char *name)
{
    const struct {
        const char *name;
        GPtrArray *list;
    } groups[] = {
        { "drive", c->drives },     { "device", c->devices }, { "netdev", c->nets },
        { "chardev", c->chardevs }, { "object", c->objects }, { "fsdev", c->fsdevs },
        { "mon", c->mons },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(groups); i++) {
        if (!strcmp(groups[i].name, name)) {
            return groups[i].list;
        }
    }
    return NULL;
}

static bool more_has_id(const char *text, const char *id, GError **err)
{
    const char *found;
    bool same;
    Options o;

    if (!(*text == '{' ? options_parse_json(&o, text, err) : options_parse(&o, text, "-", err))) {
        return false;
    }
    found = options_get(&o, "id");
    same = found && !strcmp(found, id);
    options_deinit(&o);
    return same;
}

/* @value as it is written between commas. */
static void more_append(GString *s, const char *key, const char *value)
{
    g_auto(GStrv) parts = g_strsplit(value, ",", -1);
    g_autofree char *doubled = g_strjoinv(",,", parts);

    g_string_append_printf(s, "%s%s=%s", s->len ? "," : "", key, doubled);
}

bool option_add(GPtrArray *list, const char *arg, const char *first_key, GError **err)
{
    g_autoptr(GString) s = NULL;
    Options o;

    if (*arg != '{') {
        g_ptr_array_add(list, g_strdup(arg));
        return true;
    }
    if (!options_parse_json(&o, arg, err)) {
        return false;
    }
    s = g_string_new("");
    more_append(s, first_key, options_get(&o, first_key) ? options_get(&o, first_key) : "");
    for (unsigned i = 0; i < o.n; i++) {
        if (strcmp(o.list[i].key, first_key)) {
            more_append(s, o.list[i].key, o.list[i].value);
        }
    }
    options_deinit(&o);
    g_ptr_array_add(list, g_strdup(s->str));
    return true;
}

bool option_set(SystemConfig *c, const char *arg, GError **err)
{
    const char *eq = strchr(arg, '=');
    g_autofree char *place = g_strndup(arg, eq ? (size_t)(eq - arg) : 0);
    g_auto(GStrv) parts = g_strsplit(place, ".", 3);
    GPtrArray *list;

    if (g_strv_length(parts) != 3 || !*parts[1] || !*parts[2]) {
        return error_set(err, "it must be GROUP.ID.OPTION=VALUE, such as drive.d0.file=disk.img");
    }
    list = more_group(c, parts[0]);
    if (!list) {
        return error_set(err,
                         "there is no group '%s' of options with an id; valid: chardev, "
                         "device, drive, fsdev, mon, netdev, object",
                         parts[0]);
    }
    for (unsigned i = 0; i < list->len; i++) {
        const char *text = g_ptr_array_index(list, i);
        g_autoptr(GString) s = NULL;

        if (!more_has_id(text, parts[1], err)) {
            if (*err) {
                return false;
            }
            continue;
        }
        if (*text == '{') {
            return error_set(err, "-%s id=%s is written as JSON: set it there", parts[0], parts[1]);
        }
        s = g_string_new(text);
        more_append(s, parts[2], eq + 1);
        g_free(list->pdata[i]);
        list->pdata[i] = g_strdup(s->str);
        return true;
    }
    return error_set(err, "no -%s before it has id=%s", parts[0], parts[1]);
}

/* ---- Files of options ---- */

typedef struct ConfigFile {
    SystemConfig *c;
    char *group, *id;
    GString *options;
    unsigned line; /* of the group */
} ConfigFile;

/* What a group is called on the command line, and the option that its "id" is. */
static bool config_file_flush(ConfigFile *f, GError **err)
{
    static const char *const other[][2] = {
        { "memory", "m" },
        { "smp-opts", "smp" },
        { "boot-opts", "boot" },
    };
    static const char *const taken[] = {
        "accel",   "action",  "add-fd", "audiodev", "boot-opts",  "chardev",
        "device",  "drive",   "fsdev",  "fw_cfg",   "global",     "icount",
        "machine", "memory",  "mon",    "msg",      "name",       "net",
        "netdev",  "nic",     "numa",   "object",   "option-rom", "overcommit",
        "rtc",     "sandbox", "smbios", "smp-opts", "trace",      "virtfs",
    };
    const char *name = f->group;
    unsigned n;
    bool ok;

    if (!f->group) {
        return true;
    }
    if (!more_word("the group", name, taken, G_N_ELEMENTS(taken), &n, err)) {
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(other); i++) {
        name = strcmp(other[i][0], f->group) ? name : other[i][1];
    }
    if (f->id) {
        more_append(f->options, "id", f->id);
    }
    ok = config_apply(f->c, name, f->options->str, err);
    g_clear_pointer(&f->group, g_free);
    g_clear_pointer(&f->id, g_free);
    g_string_truncate(f->options, 0);
    return ok;
}

/* [group "id"], or [group] */
static bool config_file_head(ConfigFile *f, const char *line, GError **err)
{
    size_t len = strcspn(line + 1, " \t\"]");
    const char *rest = line + 1 + len;
    const char *quote;

    rest += strspn(rest, " \t");
    f->group = g_strndup(line + 1, len);
    if (*rest == '"' && (quote = strchr(rest + 1, '"'))) {
        f->id = g_strndup(rest + 1, (size_t)(quote - rest - 1));
        rest = quote + 1;
    }
    return (len && !strcmp(rest, "]")) ||
           error_set(err, "'%s': a group is written [NAME] or [NAME \"ID\"]", line);
}

static bool config_file_line(ConfigFile *f, char *line, GError **err)
{
    size_t key = strcspn(line, " \t=");
    char *value = line + key, *end;

    if (!*line || *line == '#') {
        return true;
    }
    if (*line == '[') {
        return config_file_flush(f, err) && config_file_head(f, line, err);
    }
    value += strspn(value, " \t");
    if (*value == '=') {
        value++;
        value += strspn(value, " \t");
    }
    end = *value == '"' ? strchr(value + 1, '"') : NULL;
    if (!key || !end || end[1]) {
        return error_set(err, "'%s': an option is written KEY = \"VALUE\"", line);
    }
    if (!f->group) {
        return error_set(err, "'%s': it stands before the first [GROUP]", line);
    }
    line[key] = *end = 0;
    more_append(f->options, line, value + 1);
    return true;
}

bool option_readconfig(SystemConfig *c, const char *arg, GError **err)
{
    ConfigFile f = { .c = c };
    g_auto(GStrv) lines = NULL;
    g_autofree char *text = NULL;
    unsigned line = 0;
    bool ok = true;

    if (!g_file_get_contents(arg, &text, NULL, err)) {
        return false;
    }
    f.options = g_string_new("");
    lines = g_strsplit(text, "\n", -1);
    for (; ok && lines[line]; line++) {
        ok = config_file_line(&f, g_strstrip(lines[line]), err);
        f.line = lines[line][0] == '[' ? line + 1 : f.line;
    }
    if (!ok) {
        g_prefix_error(err, "line %u: ", line);
    } else if (!config_file_flush(&f, err)) {
        g_prefix_error(err, "group of line %u: ", f.line);
        ok = false;
    }
    g_free(f.group);
    g_free(f.id);
    g_string_free(f.options, TRUE);
    return ok;
}
