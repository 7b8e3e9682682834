/* SPDX-License-Identifier: Apache-2.0 */
/*
 * isa-debugcon: a port whose bytes go to a character device; firmware logs there.
 * isa-debug-exit: a write ends the process with status 2 * value + 1.
 */
#include "chardev/chardev.h"
#include "core/device.h"
#include "hw/isa/isa.h"

typedef struct DebugCon {
    Device dev;
    Chardev *chardev;
    uint32_t iobase, readback;
} DebugCon;

static MemResult debugcon_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                               uint64_t *val)
{
    *val = device_as(dev, DebugCon)->readback;
    return MEM_OK;
}

static MemResult debugcon_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                uint64_t val)
{
    DebugCon *s = device_as(dev, DebugCon);
    uint8_t byte = (uint8_t)val;

    if (s->chardev) {
        chardev_write(s->chardev, &byte, 1);
    }
    return MEM_OK;
}

static void debugcon_ready(Device *dev)
{
    isa_map(dev, 0, device_as(dev, DebugCon)->iobase);
}

static const Field debugcon_fields[] = {
    PROP_U32(DebugCon, iobase, 0xe9, .max = 0xffff, .doc = "port"),
    PROP_U32(DebugCon, readback, 0xe9, .max = 0xff, .doc = "what the port reads as"),
    PROP_BACKEND(DebugCon, chardev, "chardev", .doc = "where the bytes go"),
};

const DeviceType device_isa_debugcon = {
    .name = "isa-debugcon",
    .doc = "debug console port",
    .size = sizeof(DebugCon),
    .mmio_size = 1,
    .access_max = 1,
    .read = debugcon_read,
    .write = debugcon_write,
    .fields = TABLE(debugcon_fields),
    .ready = debugcon_ready,
    .user_creatable = true,
    .on_isa = true,
};

/* ---- isa-debug-exit ---- */

typedef struct DebugExit {
    Device dev;
    uint32_t iobase, iosize;
} DebugExit;

static MemResult debug_exit_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                 uint64_t *val)
{
    *val = 0;
    return MEM_OK;
}

static MemResult debug_exit_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                  uint64_t val)
{
    machine_quit(dev->machine, (int)((val << 1 | 1) & 0xff));
    return MEM_OK;
}

static bool debug_exit_start(Device *dev, GError **err)
{
    device_set_region_size(dev, 0, device_as(dev, DebugExit)->iosize);
    return true;
}

static void debug_exit_ready(Device *dev)
{
    isa_map(dev, 0, device_as(dev, DebugExit)->iobase);
}

static const RegionType debug_exit_regions[] = {
    { .name = "exit", .read = debug_exit_read, .write = debug_exit_write, .access_max = 4 },
};

static const Field debug_exit_fields[] = {
    PROP_U32(DebugExit, iobase, 0x501, .max = 0xffff, .doc = "port"),
    PROP_U32(DebugExit, iosize, 2, .min = 1, .max = 4, .doc = "bytes there"),
};

const DeviceType device_isa_debug_exit = {
    .name = "isa-debug-exit",
    .doc = "ends the process with status 2 * value + 1",
    .size = sizeof(DebugExit),
    .regions = debug_exit_regions,
    .n_regions = ARRAY_SIZE(debug_exit_regions),
    .fields = TABLE(debug_exit_fields),
    .start = debug_exit_start,
    .ready = debug_exit_ready,
    .user_creatable = true,
    .on_isa = true,
};
