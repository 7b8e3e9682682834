/* SPDX-License-Identifier: Apache-2.0 */
/* The bus: places of units, their life, and what is common to all commands. */
#include "hw/ide/ide-priv.h"

/* ---- The monitor ---- */

void ide_enter(IdeBus *b) NO_LOCK_ANALYSIS
{
    if (!b->quiet) {
        device_enter(b->dev);
    }
}

void ide_leave(IdeBus *b) NO_LOCK_ANALYSIS
{
    if (!b->quiet) {
        device_leave(b->dev);
    }
}

/* ---- Life of the bus ---- */

static BlockBackend *bus_disk(const IdeBus *b, unsigned n)
{
    return b->unit[n] ? ide_type(b->unit[n])->disk(b->unit[n]) : NULL;
}

/* What an error has held goes on with the machine. */
static void bus_resume(IdeBus *b)
{
    ide_enter(b);
    b->quiet = true;
    for (unsigned n = 0; n < IDE_UNITS; n++) {
        IdeUnit *u = b->unit[n];

        if (bus_disk(b, n)) {
            block_retry_wanted(bus_disk(b, n));
        }
        if (u && u->held) {
            u->held = 0;
            ide_type(u)->again(u);
        }
    }
    if (b->ops->resumed) {
        b->ops->resumed(b);
    }
    b->quiet = false;
    ide_leave(b);
}

static void bus_machine_event(void *opaque, const MachineEvent *event)
{
    IdeBus *b = opaque;

    if (event->kind == EVENT_RESUME) {
        bus_resume(b);
        return;
    }
    for (unsigned n = 0; n < IDE_UNITS; n++) {
        if (!bus_disk(b, n)) {
            continue;
        }
        if (event->kind == EVENT_STOP) {
            block_drain(bus_disk(b, n));
        } else if (event->kind == EVENT_RESET) {
            block_end_held(bus_disk(b, n));
        }
    }
}

bool ide_bus_init(IdeBus *b, Device *adapter, unsigned channel, unsigned max_units,
                  const IdeBusOps *ops, GError **err)
{
    Machine *m = adapter->machine;

    *b = (IdeBus){
        .dev = adapter, .host = adapter, .ops = ops, .channel = channel, .max_units = max_units
    };
    if (adapter->named) {
        b->name = g_strdup_printf("%s.%u", adapter->id, channel);
    }
    for (unsigned i = 0; !b->name; i++) {
        g_autofree char *name = g_strdup_printf("ide.%u", i);

        b->name = machine_find_backend(m, "ide-bus", name) ? NULL : g_steal_pointer(&name);
    }
    if (!machine_add_backend(m, "ide-bus", b->name, b, err)) {
        g_clear_pointer(&b->name, g_free);
        return false;
    }
    machine_listen(m, bus_machine_event, b);
    return true;
}

void ide_bus_deinit(IdeBus *b)
{
    if (!b->name) {
        return;
    }
    machine_unlisten(b->dev->machine, bus_machine_event, b);
    b->quiet = true;
    for (unsigned n = 0; n < IDE_UNITS; n++) {
        if (b->unit[n]) {
            ide_unplug(b->unit[n]);
        }
    }
    machine_remove_backend(b->dev->machine, "ide-bus", b->name);
    g_clear_pointer(&b->name, g_free);
}

void ide_bus_saving(IdeBus *b)
{
    b->quiet = true;
    for (unsigned n = 0; n < IDE_UNITS; n++) {
        if (bus_disk(b, n)) {
            block_drain(bus_disk(b, n));
            b->holding = true;
            block_end_held(bus_disk(b, n));
            b->holding = false;
        } else if (b->unit[n] && ide_type(b->unit[n])->saving) {
            ide_type(b->unit[n])->saving(b->unit[n]);
        }
    }
    b->quiet = false;
}

IdeBus *ide_bus_of(Device *dev, unsigned n)
{
    Machine *m = dev->machine;
    g_autofree const char **ids = machine_backend_ids(m, "ide-bus");

    for (unsigned i = 0; ids[i]; i++) {
        IdeBus *b = machine_find_backend(m, "ide-bus", ids[i]);

        if (b->dev == dev && b->channel == n) {
            return b;
        }
    }
    return NULL;
}

/* ---- Units ---- */

static bool unit_fits(const IdeUnit *u, const IdeBus *b)
{
    for (unsigned n = 0; n < b->max_units; n++) {
        if (!b->unit[n] && (u->unit == UINT32_MAX || u->unit == n)) {
            return true;
        }
    }
    return false;
}

/* The bus by its name, or the first one with room. */
static IdeBus *unit_find_bus(const IdeUnit *u, GError **err)
{
    Machine *m = u->dev.machine;
    g_autofree const char **ids = machine_backend_ids(m, "ide-bus");
    g_autoptr(GString) names = g_string_new("");
    IdeBus *b = u->bus_name ? machine_find_backend(m, "ide-bus", u->bus_name) : NULL;

    for (unsigned i = 0; !b && ids[i]; i++) {
        IdeBus *other = machine_find_backend(m, "ide-bus", ids[i]);

        if (!u->bus_name && unit_fits(u, other)) {
            b = other;
        }
        g_string_append_printf(names, "%s%s", i ? ", " : "", ids[i]);
    }
    if (!b && u->bus_name) {
        error_set(err, "bus=%s: there is no such IDE bus; there is: %s", u->bus_name,
                  names->len ? names->str : "none (put -device ich9-ahci before it)");
    } else if (!b) {
        error_set(err, ids[0] ? "no IDE bus has room for it: -device ich9-ahci brings more"
                              : "there is no IDE bus: put -device ich9-ahci before it");
    }
    return b;
}

bool ide_plug(IdeUnit *u, GError **err)
{
    IdeBus *b = unit_find_bus(u, err);
    unsigned n = 0;

    if (!b) {
        return false;
    }
    if (u->unit != UINT32_MAX && u->unit >= b->max_units) {
        return error_set(err, "unit=%u: bus=%s has units up to %u", u->unit, b->name,
                         b->max_units - 1);
    }
    if (!unit_fits(u, b)) {
        return error_set(err,
                         u->unit == UINT32_MAX ? "bus=%s is full" : "bus=%s has that unit already",
                         b->name);
    }
    if (u->unit != UINT32_MAX) {
        n = u->unit;
    } else {
        while (b->unit[n]) {
            n++;
        }
    }
    u->unit = n;
    u->data = u->data ? u->data : g_malloc0(IDE_DATA_MAX);
    ide_enter(b);
    u->bus = b;
    b->unit[n] = u;
    ide_leave(b);
    return true;
}

void ide_unplug(IdeUnit *u)
{
    IdeBus *b = u->bus;
    BlockBackend *disk;

    if (!b) {
        return;
    }
    disk = ide_type(u)->disk(u);
    ide_enter(b);
    ide_abort(u);
    ide_leave(b);
    if (disk) {
        block_drain(disk);
        block_end_held(disk);
    }
    ide_enter(b);
    b->unit[u->unit] = NULL;
    u->bus = NULL;
    ide_leave(b);
}

char *ide_boot_node(Device *dev, Device **on)
{
    const IdeUnit *u = device_as(dev, IdeUnit);

    *on = u->bus ? u->bus->host : dev;
    return g_strdup_printf("drive@%x/disk@%x", u->bus ? u->bus->channel : 0, u->unit);
}

/* ---- Commands ---- */

void ide_end(IdeUnit *u)
{
    u->step = IDE_IDLE;
    u->task.status = IDE_DRDY | IDE_DSC;
    u->task.error = 0;
    u->bus->ops->ended(u->bus, u, false);
}

void ide_end_error(IdeUnit *u, uint8_t error)
{
    u->step = IDE_IDLE;
    u->task.status = IDE_DRDY | IDE_DSC | IDE_ERR;
    u->task.error = error;
    u->bus->ops->ended(u->bus, u, false);
}

void ide_end_short(IdeUnit *u)
{
    u->step = IDE_IDLE;
    u->task.status = IDE_DRDY | IDE_DSC;
    u->task.error = 0;
    u->bus->ops->ended(u->bus, u, true);
}

uint8_t *ide_data(IdeUnit *u, uint32_t len)
{
    CHECK(len <= IDE_DATA_MAX);
    memset(u->data, 0, len);
    u->data_have = u->data_end = len;
    u->data_at = 0;
    return u->data;
}

void ide_pio(IdeUnit *u, uint32_t at, uint32_t end, bool quiet)
{
    u->task.status = IDE_DRDY | IDE_DSC | IDE_DRQ;
    u->data_at = at;
    u->data_end = MIN(end, u->data_have);
    u->bus->ops->pio(u->bus, u, quiet);
}

void ide_answer(IdeUnit *u)
{
    u->step = IDE_ANSWER;
    ide_pio(u, 0, u->data_have, false);
}

void ide_command(IdeUnit *u)
{
    u->task.status = IDE_DRDY | IDE_DSC | IDE_BSY;
    u->task.error = 0;
    ide_type(u)->command(u);
}

void ide_pio_done(IdeUnit *u)
{
    u->data_at = u->data_end;
    if (u->step == IDE_ANSWER) { /* the end of data in brings no interrupt */
        u->step = IDE_IDLE;
        u->task.status = IDE_DRDY | IDE_DSC;
        return;
    }
    u->task.status = IDE_DRDY | IDE_DSC | IDE_BSY;
    ide_type(u)->go_on(u);
}

void ide_dma_go(IdeUnit *u)
{
    if (!u->requests && (u->step == IDE_DMA || u->step == IDE_TRIM || u->step == IDE_ANSWER_DMA ||
                         u->step == IDE_PACKET_WORK)) {
        ide_type(u)->go_on(u);
    }
}

void ide_abort(IdeUnit *u)
{
    BlockBackend *disk = ide_type(u)->disk(u);
    bool any = u->requests;

    while (u->requests) {
        ide_request_forget(u->requests);
    }
    if (ide_type(u)->abort) {
        ide_type(u)->abort(u);
    }
    if (disk && any) {
        block_wait(disk);
    }
    u->step = IDE_IDLE;
    u->held = 0;
}

/* ATA8-ACS, "9.1 Software reset", table "signatures". */
static void unit_signature(IdeUnit *u)
{
    bool packet = ide_type(u)->packet;
    IdeTask *t = &u->task;

    *t = (IdeTask){ .count = { 1 },
                    .lba_low = { 1 },
                    .lba_mid = { packet ? 0x14 : 0 },
                    .lba_high = { packet ? 0xeb : 0 },
                    .error = 1, /* passed */
                    .status = packet ? 0 : IDE_DRDY | IDE_DSC };
}

void ide_set_signature(IdeUnit *u)
{
    unit_signature(u);
}

void ide_reset_unit(IdeUnit *u, bool hard)
{
    ide_abort(u);
    u->data_have = u->data_at = u->data_end = 0;
    ide_type(u)->reset(u, hard);
    unit_signature(u);
}

/* By the machine, whose CPUs stand still. */
static void ide_dev_reset(Device *dev, ResetType type)
{
    IdeUnit *u = device_as(dev, IdeUnit);

    if (u->bus) {
        ide_reset_unit(u, true);
    }
}

static bool ide_dev_loaded(Device *dev, GError **err)
{
    IdeUnit *u = device_as(dev, IdeUnit);

    return (u->data_at <= u->data_end && u->data_end <= u->data_have) ||
           error_set(err, "%s: its block does not hold together", device_path(dev));
}

#define TASK2(m) STATE_ARRAY(IdeUnit, task.m, .no_reset = true)
#define TASK(m)  STATE_U8(IdeUnit, task.m, .no_reset = true)

static const Field ide_fields[] = {
    { "bus", FIELD_PROP, TYPE_STR, .at = offsetof(IdeUnit, bus_name), .size = sizeof(char *),
      .doc = "ide.0 and on, or ID.0 of an adapter; the first with room without it" },
    PROP_U32(IdeUnit, unit, UINT32_MAX, .doc = "of the bus: 0 or 1"),
    SCRATCH(IdeUnit, bus),
    TASK2(feature),
    TASK2(count),
    TASK2(lba_low),
    TASK2(lba_mid),
    TASK2(lba_high),
    TASK(device),
    TASK(command),
    TASK(status),
    TASK(error),
    STATE_U8(IdeUnit, step, .max = IDE_STEPS - 1, .no_reset = true),
    STATE_U8(IdeUnit, held, .max = 1, .no_reset = true),
    STATE_U64(IdeUnit, lba, .no_reset = true),
    STATE_U32(IdeUnit, left, .no_reset = true),
    STATE_U32(IdeUnit, data_at, .max = IDE_DATA_MAX, .no_reset = true),
    STATE_U32(IdeUnit, data_end, .max = IDE_DATA_MAX, .no_reset = true),
    STATE_BYTES(IdeUnit, data, data_have, IDE_DATA_MAX, .no_reset = true),
    SCRATCH(IdeUnit, requests),
};

const DeviceType device_ide = {
    .name = "ide-device",
    .doc = "what every unit of ATA has",
    .size = sizeof(IdeUnit),
    .fields = TABLE(ide_fields),
    .reset = ide_dev_reset,
    .loaded = ide_dev_loaded,
};
