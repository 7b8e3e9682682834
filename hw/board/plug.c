/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/isa/isa.h"
#include "hw/board/plug.h"

#include "util/suggest.h"

#include <errno.h>
#include <inttypes.h>

void board_plug_init(BoardPlug *b, Device *parent, const BoardConfig *cfg)
{
    b->machine = parent->machine;
    b->parent = parent;
    b->cfg = cfg;
    b->disks = g_ptr_array_new();
}

void board_plug_stop(BoardPlug *b)
{
    for (unsigned i = 0; b->disks && i < b->disks->len; i++) {
        block_close(g_ptr_array_index(b->disks, i));
    }
    g_clear_pointer(&b->disks, g_ptr_array_unref);
}

static bool plug_set_options(Device *dev, const Options *o, GError **err)
{
    for (unsigned i = 0; i < o->n; i++) {
        const Option *opt = &o->list[i];

        if (!strcmp(opt->key, "driver") || !strcmp(opt->key, "id")) {
            continue;
        }
        if (!device_set_prop(dev, opt->key, opt->value, err)) {
            return false;
        }
    }
    return true;
}

static bool plug_no_such_device(Machine *m, const char *name, GError **err)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    g_autofree char *hint = NULL;
    size_t len = strlen(name);

    if (len > 4 && (g_str_has_suffix(name, "-pci"))) {
        g_autofree char *other = g_strdup_printf("%.*s-device", (int)len - 4, name);

        if (machine_find_type(m, other)) {
            return error_set(err, "-device %s: it is not modelled on PCI yet; use %s", name, other);
        }
    }
    for (const DeviceType *const *t = device_types; *t; t++) {
        if ((*t)->user_creatable) {
            g_ptr_array_add(names, (void *)(*t)->name);
        }
    }
    hint = suggest_or_list(name, (const char *const *)names->pdata, names->len, 12);
    return error_set(err, "-device %s: no such device%s", name, hint);
}

/* Names of before a function could sit on several buses: here that is PCI. */
static const char *plug_alias(const char *name)
{
    static const char *const old[][2] = {
        { "virtio-balloon", "virtio-balloon-pci" }, { "virtio-blk", "virtio-blk-pci" },
        { "virtio-net", "virtio-net-pci" },         { "virtio-rng", "virtio-rng-pci" },
        { "virtio-9p", "virtio-9p-pci" },           { "virtio-scsi", "virtio-scsi-pci" },
        { "virtio-serial", "virtio-serial-pci" },
    };

    for (size_t i = 0; name && i < G_N_ELEMENTS(old); i++) {
        if (!strcmp(name, old[i][0])) {
            return old[i][1];
        }
    }
    return name;
}

/* QMP's BLOCK_IO_ERROR, and the pause where that was asked for. */
static void plug_disk_error(void *opaque, BlockBackend *disk, bool write, int error,
                            BlockErrorAction action)
{
    BoardPlug *b = opaque;
    bool stop = action == BLOCK_ERROR_STOP;
    g_autofree char *node = block_current_node_name(disk);
    g_autofree char *data = g_strdup_printf(
        "{\"device\": \"%s\", \"node-name\": \"%s\", \"operation\": \"%s\", \"action\": \"%s\", "
        "\"nospace\": %s, "
        "\"reason\": \"%s\"}",
        block_is_nameless(disk) ? "" : block_id(disk), node, write ? "write" : "read",
        stop                           ? "stop"
        : action == BLOCK_ERROR_IGNORE ? "ignore"
                                       : "report",
        error == ENOSPC ? "true" : "false", g_strerror(error));

    machine_post_event(b->machine, EVENT_BLOCK_IO_ERROR, data);
    if (stop) {
        machine_pause_request(b->machine, RUN_IO_ERROR);
    }
}

/* What an error has held goes on with the machine; a reset ends it. */
static void plug_disks_event(void *opaque, const MachineEvent *e)
{
    BoardPlug *b = opaque;

    for (unsigned i = 0; b->disks && i < b->disks->len; i++) {
        if (e->kind == EVENT_RESUME) {
            block_retry(g_ptr_array_index(b->disks, i));
        } else if (e->kind == EVENT_RESET) {
            block_end_held(g_ptr_array_index(b->disks, i));
        }
    }
}

static bool plug_add_disk(BoardPlug *b, BlockBackend *take_disk, const char *id, GError **err)
{
    if (!machine_add_backend(b->machine, "drive", id, take_disk, err)) {
        block_close(take_disk);
        return false;
    }
    if (!b->listens) {
        machine_listen(b->machine, plug_disks_event, b);
        b->listens = true;
    }
    g_ptr_array_add(b->disks, take_disk);
    return true;
}

/*
 * A node of blockdev-add becomes a drive when a device wants it; one whose node was deleted is
 * none any more.
 */
static void plug_take_node(BoardPlug *b, const char *name)
{
    Machine *m = b->machine;
    BlockBackend *disk = machine_find_backend(m, "drive", name);
    g_autoptr(GError) none = NULL;

    if (disk && (block_backend_node(disk) || !block_is_nameless(disk) || block_owner(disk))) {
        return;
    }
    if (disk && g_ptr_array_remove(b->disks, disk)) {
        machine_remove_backend(m, "drive", name);
        block_close(disk);
    }
    disk = block_open_node(m, name, name, &none);
    if (disk && !plug_add_disk(b, disk, name, &none)) {
        return;
    }
    if (disk) {
        block_on_error(disk, BLOCK_ERROR_REPORT, BLOCK_ERROR_ENOSPC, plug_disk_error, b);
    }
}

bool board_take_node(BoardPlug *b, const char *name, GError **err)
{
    plug_take_node(b, name);
    return machine_find_backend(b->machine, "drive", name) ||
           error_set(err, "there is no such block node");
}

static bool plug_check_new(BoardPlug *b, const DeviceType *type, const char *id, GError **err)
{
    Machine *m = b->machine;

    if (id && device_child(b->parent, id)) {
        return error_set(err, "Duplicate device ID '%s'", id);
    }
    if (type->on_isa && !isa_bus(m)) {
        return error_set(err,
                         "this machine has no ISA bus, which '%s' sits on (pc, q35, microvm and "
                         "malta have one)",
                         type->name);
    }
    return !machine_has_started(m) || device_can_unplug(type) ||
           error_set(err, "Device '%s' does not support hotplugging", type->name);
}

bool board_plug_device(BoardPlug *b, Options *o, GError **err)
{
    Machine *m = b->machine;
    const char *name = plug_alias(options_get(o, "driver")), *id = options_get(o, "id");
    const char *drive = options_get(o, "drive");
    const DeviceType *type;
    Device *dev;

    if (!name) {
        return error_set(err, "-device %s: names no driver", o->text ? o->text : "");
    }
    type = machine_find_type(m, name);
    if (!strcmp(name, "scsi-block") || !strcmp(name, "scsi-generic")) {
        return error_set(err,
                         "-device %s: devices of the host are not passed through; scsi-hd with "
                         "-drive file=/dev/... uses such a disk",
                         name);
    }
    if (!type || !type->user_creatable) {
        return plug_no_such_device(m, name, err);
    }
    if (drive && machine_has_started(m)) {
        plug_take_node(b, drive);
    }
    dev = plug_check_new(b, type, id, err) ? device_new_type(m, type, b->parent, id, err) : NULL;
    if (!dev || !plug_set_options(dev, o, err) || !device_realize(dev, err)) {
        g_prefix_error(err, "-device %s: ", name);
        if (dev && machine_has_started(m)) {
            device_delete(dev, false);
        }
        return false;
    }
    return true;
}

static bool plug_parse(Options *o, const char *text, GError **err)
{
    return *text == '{' ? options_parse_json(o, text, err) : options_parse(o, text, "driver", err);
}

static bool plug_device_text(BoardPlug *b, const char *text, GError **err)
{
    Options o = { 0 };
    bool ok = plug_parse(&o, text, err) && board_plug_device(b, &o, err);

    options_deinit(&o);
    return ok;
}

/* -global virtio-mmio.force-legacy=false */
bool board_globals(BoardPlug *b, Device *dev, GError **err)
{
    size_t len = strlen(dev->type->name);

    for (unsigned i = 0; i < b->cfg->n_globals; i++) {
        const char *g = b->cfg->globals[i];
        const char *eq;
        g_autofree char *prop = NULL;

        if (strncmp(g, dev->type->name, len) || g[len] != '.') {
            continue;
        }
        eq = strchr(g, '=');
        prop = eq ? g_strndup(g + len + 1, eq - g - len - 1) : g_strdup(g + len + 1);
        if (!device_set_prop(dev, prop, eq ? eq + 1 : "on", err)) {
            g_prefix_error(err, "-global %s: ", g);
            return false;
        }
    }
    return true;
}

/* Opens the image and makes it a backend that devices can claim by @id. */
static bool plug_open_drive(BoardPlug *b, const BoardDrive *d, const char *id, GError **err)
{
    BlockBackend *disk = d->file ? block_open_options(b->machine, id, d->node, d->open_flags, err)
                                 : block_open_empty(b->machine, id, err);

    if (!disk) {
        return false;
    }
    if (block_is_guessed(disk)) {
        log_message(machine_log(b->machine), LOG_LEVEL_WARN, "board",
                    "drive '%s': %s has the beginning of no known format and is taken as raw; its "
                    "first sector takes no other format's header (format=raw says that it is, and "
                    "takes everything)",
                    id, block_path(disk));
    }
    block_on_error(disk, d->on_read_error, d->on_write_error, plug_disk_error, b);
    return plug_add_disk(b, disk, id, err);
}

bool board_add_empty_drive(BoardPlug *b, const char *id, GError **err)
{
    static const BoardDrive empty = { .on_write_error = BLOCK_ERROR_ENOSPC };

    return plug_open_drive(b, &empty, id, err);
}

bool board_make_virtio(BoardPlug *b, const char *type, const BoardDrive *d, const char *id,
                       GError **err)
{
    Device *dev = device_new(b->machine, type, b->parent, NULL, err);

    return dev && device_set_prop(dev, "drive", id, err) &&
           (!d->serial || device_set_prop(dev, "serial", d->serial, err)) &&
           device_realize(dev, err);
}

char *board_drive_id(const BoardDrive *d, unsigned i)
{
    return d->id ? g_strdup(d->id) : g_strdup_printf("drive%u", i);
}

bool board_open_drives(BoardPlug *b, GError **err)
{
    for (unsigned i = 0; i < b->cfg->n_drives; i++) {
        const BoardDrive *d = &b->cfg->drives[i];
        g_autofree char *id = board_drive_id(d, i);

        if ((d->file || d->interface == DRIVE_NONE || d->cdrom) &&
            !plug_open_drive(b, d, id, err)) {
            return false;
        }
    }
    return true;
}

bool board_plug_devices(BoardPlug *b, unsigned from, unsigned to, GError **err)
{
    for (unsigned i = from; i < to; i++) {
        const char *text = b->cfg->devices[i];
        g_autofree char *nic = *text == ',' ? g_strconcat(b->cfg->default_nic, text, NULL) : NULL;

        if (!plug_device_text(b, nic ? nic : text, err)) {
            return false;
        }
    }
    return true;
}

/* Is a display card among -device's that stands in for the default one? */
static bool plug_has_vga(const BoardPlug *b)
{
    static const char *const cards[] = { "VGA", "isa-vga", "cirrus-vga", "qxl-vga", "virtio-vga" };

    for (unsigned i = 0; i < b->cfg->n_devices; i++) {
        g_autoptr(GError) later = NULL; /* it is told when the device is made */
        Options o = { 0 };
        bool found = false;

        if (plug_parse(&o, b->cfg->devices[i], &later)) {
            for (size_t k = 0; k < G_N_ELEMENTS(cards); k++) {
                found |= !g_strcmp0(options_get(&o, "driver"), cards[k]);
            }
        }
        options_deinit(&o);
        if (found) {
            return true;
        }
    }
    return false;
}

bool board_make_vga(BoardPlug *b, const char *by_default, GError **err)
{
    const char *vga = b->cfg->vga ? b->cfg->vga : by_default;
    Device *dev;

    if (!strcmp(vga, "none") || (!b->cfg->vga && (b->cfg->nodefaults || plug_has_vga(b)))) {
        return true;
    }
    dev = device_new(b->machine, "VGA", b->parent, NULL, err);
    if (!dev || !board_globals(b, dev, err) || !device_realize(dev, err)) {
        g_prefix_error(err, "-vga %s: ", vga);
        return false;
    }
    return true;
}
