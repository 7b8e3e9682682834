/* SPDX-License-Identifier: Apache-2.0 */
/* The bus: places of units, what all of them answer, management of tasks, life. */
#include "hw/scsi/scsi-priv.h"

#include "core/event/loop.h"
#include "util/bytes.h"

/* ---- The monitor ---- */

/* On an iothread completions run within the monitor. */
static bool bus_is_entered(const ScsiBus *bus)
{
    return bus->ops->entered && bus->ops->entered(bus);
}

void scsi_enter(ScsiBus *bus) NO_LOCK_ANALYSIS
{
    if (bus_is_entered(bus)) {
        bus->nested++;
        return;
    }
    if (bus->quiet) {
        return;
    }
    if (bus->ops->enter) {
        bus->ops->enter(bus);
    } else {
        device_enter(bus->dev);
    }
}

void scsi_leave(ScsiBus *bus) NO_LOCK_ANALYSIS
{
    if (bus_is_entered(bus) && bus->nested) {
        bus->nested--;
        return;
    }
    if (bus->quiet) {
        return;
    }
    if (bus->ops->leave) {
        bus->ops->leave(bus);
    } else {
        device_leave(bus->dev);
    }
}

static ScsiDevice *bus_unit(const ScsiBus *bus, unsigned i)
{
    return g_ptr_array_index(bus->units, i);
}

static BlockBackend *bus_disk(const ScsiBus *bus, unsigned i)
{
    const ScsiDevice *d = bus_unit(bus, i);

    return scsi_type(d)->disk(d);
}

/* ---- Places ---- */

ScsiDevice *scsi_find(ScsiBus *bus, unsigned channel, unsigned target, unsigned lun)
{
    for (unsigned i = 0; i < bus->units->len; i++) {
        ScsiDevice *d = bus_unit(bus, i);

        if (d->channel == channel && d->scsi_id == target && d->lun == lun) {
            return d;
        }
    }
    return NULL;
}

static ScsiDevice *bus_any_of(ScsiBus *bus, unsigned channel, unsigned target)
{
    for (unsigned i = 0; i < bus->units->len; i++) {
        ScsiDevice *d = bus_unit(bus, i);

        if (d->channel == channel && d->scsi_id == target) {
            return d;
        }
    }
    return NULL;
}

bool scsi_has_target(ScsiBus *bus, unsigned channel, unsigned target)
{
    return bus_any_of(bus, channel, target) != NULL;
}

/* ---- Life of the bus ---- */

/* What is cancelled, its disk may still have. */
static void bus_let_go(ScsiDevice *d, const ScsiBus *bus)
{
    BlockBackend *disk = scsi_type(d)->disk(d);

    if (disk) {
        block_drain(disk);
        block_end_held(disk);
        if (bus->iothread) {
            block_set_iothread(disk, NULL, NULL, NULL);
        }
    }
}

/* What an error has held goes on with the machine. */
static void bus_resume(ScsiBus *bus)
{
    scsi_enter(bus);
    bus->quiet = true;
    for (unsigned i = 0; i < bus->units->len; i++) {
        if (bus_disk(bus, i)) {
            block_retry_wanted(bus_disk(bus, i));
        }
    }
    if (bus->ops->resumed) {
        bus->ops->resumed(bus);
    }
    bus->quiet = false;
    scsi_leave(bus);
}

static void bus_machine_event(void *opaque, const MachineEvent *event)
{
    ScsiBus *bus = opaque;

    if (event->kind == EVENT_RESUME) {
        bus_resume(bus);
        return;
    }
    if (event->kind == EVENT_STOP && bus->ops->stopping) {
        bus->ops->stopping(bus);
    }
    for (unsigned i = 0; i < bus->units->len; i++) {
        if (!bus_disk(bus, i)) {
            continue;
        }
        if (event->kind == EVENT_STOP) {
            block_drain(bus_disk(bus, i));
        } else if (event->kind == EVENT_RESET) {
            block_end_held(bus_disk(bus, i));
        }
    }
}

bool scsi_bus_init(ScsiBus *bus, Device *adapter, const char *id, const ScsiBusOps *ops,
                   const ScsiBusInfo *info, GError **err)
{
    Machine *m = adapter->machine;
    g_autofree char *name = g_strdup_printf("%s.0", id);

    *bus = (ScsiBus){ .dev = adapter, .host = adapter, .ops = ops, .info = *info };
    if (!info->private && !machine_add_backend(m, "scsi-bus", name, bus, err)) {
        return false;
    }
    bus->name = g_steal_pointer(&name);
    /* The names of buses of adapters without an id. */
    for (unsigned i = 0; !info->private && !bus->alias; i++) {
        g_autofree char *alias = g_strdup_printf("scsi.%u", i);

        if (!machine_find_backend(m, "scsi-bus", alias)) {
            bus->alias = g_strdup(alias);
            if (!machine_add_backend(m, "scsi-bus", alias, bus, err)) {
                return false;
            }
        }
    }
    bus->units = g_ptr_array_new();
    machine_listen(m, bus_machine_event, bus);
    return true;
}

void scsi_bus_deinit(ScsiBus *bus)
{
    Machine *m = bus->dev->machine;

    if (!bus->units) {
        return;
    }
    machine_unlisten(m, bus_machine_event, bus);
    bus->quiet = !bus->iothread; /* where requests may still end */
    for (unsigned i = 0; i < bus->units->len; i++) {
        scsi_enter(bus);
        scsi_abort_all(bus_unit(bus, i));
        scsi_leave(bus);
        bus_let_go(bus_unit(bus, i), bus);
        bus_unit(bus, i)->bus = NULL;
    }
    if (bus->alias) {
        machine_remove_backend(m, "scsi-bus", bus->name);
        machine_remove_backend(m, "scsi-bus", bus->alias);
    }
    g_clear_pointer(&bus->units, g_ptr_array_unref);
    g_clear_pointer(&bus->name, g_free);
    g_clear_pointer(&bus->alias, g_free);
}

Device *scsi_bus_make(ScsiBus *bus, const DeviceType *type, Device *parent, const char *id,
                      unsigned target, unsigned lun, GError **err)
{
    Device *dev = device_new_type(bus->dev->machine, type, parent, id, err);
    ScsiDevice *d;

    if (!dev) {
        return NULL;
    }
    d = device_as(dev, ScsiDevice);
    d->bus = bus;
    d->scsi_id = target;
    d->lun = lun;
    return dev;
}

void scsi_bus_drain(ScsiBus *bus)
{
    bus->quiet = true;
    for (unsigned i = 0; i < bus->units->len; i++) {
        if (bus_disk(bus, i)) {
            block_drain(bus_disk(bus, i));
        }
    }
    bus->quiet = false;
}

void scsi_bus_hold(ScsiBus *bus)
{
    bus->quiet = true;
    bus->holding = bus->ops->hold != NULL;
    for (unsigned i = 0; i < bus->units->len; i++) {
        if (bus_disk(bus, i)) {
            block_end_held(bus_disk(bus, i));
        }
    }
    bus->quiet = bus->holding = false;
}

/* ---- Units ---- */

/* The bus by its name, or the first one with room. */
static ScsiBus *unit_find_bus(const ScsiDevice *d, GError **err)
{
    Machine *m = d->dev.machine;
    g_autofree const char **ids = machine_backend_ids(m, "scsi-bus");
    g_autoptr(GString) names = g_string_new("");
    ScsiBus *bus;

    if (!d->bus_name) {
        if (ids[0]) {
            return machine_find_backend(m, "scsi-bus", ids[0]);
        }
        error_set(err, "there is no SCSI bus: put -device virtio-scsi-pci before it");
        return NULL;
    }
    bus = machine_find_backend(m, "scsi-bus", d->bus_name);
    for (unsigned i = 0; !bus && ids[i]; i++) {
        g_string_append_printf(names, "%s%s", i ? ", " : "", ids[i]);
    }
    if (!bus) {
        error_set(err, "bus=%s: there is no such SCSI bus; there is: %s", d->bus_name,
                  names->len ? names->str : "none (put -device virtio-scsi-pci before it)");
    }
    return bus;
}

/* scsi-id and lun as given, or the first that are free. */
static bool unit_place(ScsiDevice *d, ScsiBus *bus, GError **err)
{
    const ScsiBusInfo *info = &bus->info;

    if (d->channel > info->max_channel ||
        (d->scsi_id != UINT32_MAX && d->scsi_id > info->max_target) ||
        (d->lun != UINT32_MAX && d->lun > info->max_lun)) {
        return error_set(err,
                         "channel=%u,scsi-id=%d,lun=%d: the bus goes to channel=%u,scsi-id=%u,"
                         "lun=%u",
                         d->channel, (int)d->scsi_id, (int)d->lun, info->max_channel,
                         info->max_target, info->max_lun);
    }
    if (d->scsi_id == UINT32_MAX) {
        d->lun = d->lun == UINT32_MAX ? 0 : d->lun;
        d->scsi_id = 0;
        while (scsi_find(bus, d->channel, d->scsi_id, d->lun) && d->scsi_id < info->max_target) {
            d->scsi_id++;
        }
    } else if (d->lun == UINT32_MAX) {
        d->lun = 0;
        while (scsi_find(bus, d->channel, d->scsi_id, d->lun) && d->lun < info->max_lun) {
            d->lun++;
        }
    }
    return !scsi_find(bus, d->channel, d->scsi_id, d->lun) ||
           error_set(err, "bus=%s has a unit at channel=%u,scsi-id=%u,lun=%u already", bus->name,
                     d->channel, d->scsi_id, d->lun);
}

bool scsi_plug(ScsiDevice *d, GError **err)
{
    bool other = !d->bus;
    ScsiBus *bus = other ? unit_find_bus(d, err) : d->bus;
    BlockBackend *disk = scsi_type(d)->disk(d);

    if (!bus || !unit_place(d, bus, err)) {
        d->bus = NULL;
        return false;
    }
    if (bus->iothread && disk) {
        block_set_iothread(disk, bus->iothread, bus->monitor, bus);
    }
    scsi_enter(bus);
    d->bus = bus;
    g_ptr_array_add(bus->units, d);
    scsi_leave(bus);
    d->dev.on = other ? bus->dev : NULL; /* it goes with that */
    return true;
}

static void scsi_ready_now(void *arg)
{
    ScsiDevice *d = arg;

    if (d->bus) {
        scsi_enter(d->bus);
        scsi_changed(d, SCSI_ATTACHED);
        scsi_leave(d->bus);
    }
}

void scsi_ready(ScsiDevice *d)
{
    if (machine_has_started(d->dev.machine)) {
        loop_post(d->dev.machine, scsi_ready_now, d); /* the core resets it yet */
    }
}

void scsi_unplug(ScsiDevice *d)
{
    ScsiBus *bus = d->bus;

    if (!bus) {
        return;
    }
    loop_unpost(d->dev.machine, scsi_ready_now, d);
    scsi_enter(bus);
    g_ptr_array_remove(bus->units, d); /* nothing new comes to it */
    scsi_abort_all(d);
    scsi_changed(d, SCSI_DETACHED);
    scsi_leave(bus);
    bus_let_go(d, bus);
    d->bus = NULL;
}

void scsi_changed(ScsiDevice *d, ScsiChange change)
{
    if (d->bus && d->bus->ops->changed) {
        d->bus->ops->changed(d->bus, d, change);
    }
}

void scsi_attention(ScsiDevice *d, unsigned ua)
{
    d->attention |= 1u << ua;
}

/* ---- Resets ---- */

/* All that was to be told gives way to the reset. */
static void unit_reset(ScsiDevice *d, unsigned ua)
{
    d->attention = 1u << ua;
    d->held_sense_len = 0;
    scsi_type(d)->reset(d);
}

void scsi_reset_unit(ScsiDevice *d)
{
    scsi_abort_all(d);
    unit_reset(d, SCSI_UA_DEVICE_RESET);
}

void scsi_reset_target(ScsiBus *bus, unsigned channel, unsigned target)
{
    for (unsigned i = 0; i < bus->units->len; i++) {
        ScsiDevice *d = bus_unit(bus, i);

        if (d->channel == channel && d->scsi_id == target) {
            scsi_reset_unit(d);
        }
    }
}

void scsi_reset_bus(ScsiBus *bus)
{
    scsi_abort_bus(bus);
    for (unsigned i = 0; i < bus->units->len; i++) {
        unit_reset(bus_unit(bus, i), SCSI_UA_BUS_RESET);
    }
}

void scsi_abort_bus(ScsiBus *bus)
{
    for (unsigned i = 0; i < bus->units->len; i++) {
        scsi_abort_all(bus_unit(bus, i));
    }
}

static void scsi_dev_reset(Device *dev, ResetType type)
{
    ScsiDevice *d = device_as(dev, ScsiDevice);

    unit_reset(d, SCSI_UA_POWER_ON);
}

static const Field scsi_fields[] = {
    { "bus", FIELD_PROP, TYPE_STR, .at = offsetof(ScsiDevice, bus_name), .size = sizeof(char *),
      .doc = "ID.0 of the adapter; the first without it" },
    PROP_U32(ScsiDevice, channel, 0, .doc = "of the bus"),
    { "scsi-id", FIELD_PROP, TYPE_U32, FIELD_AT(ScsiDevice, scsi_id, 4), .def = UINT32_MAX,
      .doc = "number of the target; the first that is free without it" },
    PROP_U32(ScsiDevice, lun, UINT32_MAX, .doc = "logical unit of the target"),
    STATE_U32(ScsiDevice, attention, .no_reset = true),
    STATE_ARRAY(ScsiDevice, held_sense),
    STATE_U32(ScsiDevice, held_sense_len, .max = SCSI_SENSE_SIZE),
    SCRATCH(ScsiDevice, bus),
    SCRATCH(ScsiDevice, requests),
};

const DeviceType device_scsi = {
    .name = "scsi-device",
    .doc = "what every SCSI unit has",
    .size = sizeof(ScsiDevice),
    .fields = TABLE(scsi_fields),
    .reset = scsi_dev_reset,
};
