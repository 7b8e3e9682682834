/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ramfb: a frame buffer in the guest's RAM; firmware tells where it is through fw_cfg.
 * Spec: QEMU documentation, "ramfb" (file etc/ramfb of fw_cfg: address, format, flags, width,
 * height, stride, big-endian); <drm/drm_fourcc.h>.
 */
#include "core/device.h"
#include "hw/isa/isa.h"
#include "hw/misc/fw_cfg.h"
#include "ui/console.h"
#include "util/bytes.h"

#include <inttypes.h>
#include <string.h>

enum {
    RAMFB_CONFIG = 28,
    RAMFB_FORMAT = 8,
    RAMFB_WIDTH = 16,
    RAMFB_HEIGHT = 20,
    RAMFB_STRIDE = 24,
    RAMFB_LINE_MAX = CONSOLE_SIDE_MAX * 4,
};

#define RAMFB_FILE "etc/ramfb"

#define FOURCC(a, b, c, d) \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

typedef struct Ramfb {
    Device dev;
    Device *fw_cfg;
    Console *console;
    uint8_t config[RAMFB_CONFIG]; /* as the guest wrote it */
    uint8_t *line;
    uint32_t *pixels;
} Ramfb;

/* Bytes of a pixel; 0: not a format of ours. */
static unsigned ramfb_pixel_bytes(uint32_t format)
{
    switch (format) {
    case FOURCC('X', 'R', '2', '4'):
    case FOURCC('A', 'R', '2', '4'):
    case FOURCC('X', 'B', '2', '4'):
    case FOURCC('A', 'B', '2', '4'):
        return 4;
    case FOURCC('R', 'G', '2', '4'):
        return 3;
    case FOURCC('R', 'G', '1', '6'):
        return 2;
    default:
        return 0;
    }
}

static uint32_t ramfb_pixel(uint32_t format, const uint8_t *p)
{
    uint32_t v;

    switch (format) {
    case FOURCC('R', 'G', '2', '4'):
        return p[0] | p[1] << 8 | (uint32_t)p[2] << 16;
    case FOURCC('R', 'G', '1', '6'):
        v = get_le16(p);
        return (v >> 11) * 0x21 >> 2 << 16 | (v >> 5 & 63) * 0x41 >> 4 << 8 | (v & 31) * 0x21 >> 2;
    case FOURCC('X', 'B', '2', '4'):
    case FOURCC('A', 'B', '2', '4'):
        return (uint32_t)p[0] << 16 | p[1] << 8 | p[2];
    default:
        return get_le32(p) & 0xffffff;
    }
}

/* ---- The picture ---- */

static void ramfb_nothing(Ramfb *s)
{
    enum { WIDTH = 640, HEIGHT = 480 };

    memset(s->pixels, 0, WIDTH * sizeof(s->pixels[0]));
    console_begin(s->console, WIDTH, HEIGHT);
    for (unsigned y = 0; y < HEIGHT; y++) {
        console_put_row(s->console, y, s->pixels);
    }
    console_end(s->console);
}

static bool ramfb_is_on(const Ramfb *s)
{
    uint32_t width = get_be32(s->config + RAMFB_WIDTH), height = get_be32(s->config + RAMFB_HEIGHT);
    unsigned bytes = ramfb_pixel_bytes(get_be32(s->config + RAMFB_FORMAT));

    return bytes && width && height && width <= CONSOLE_SIDE_MAX && height <= CONSOLE_SIDE_MAX &&
           (uint64_t)width * height <= CONSOLE_PIXELS_MAX;
}

static void ramfb_draw(Ramfb *s)
{
    uint64_t addr = get_be64(s->config);
    uint32_t format = get_be32(s->config + RAMFB_FORMAT);
    uint32_t width = get_be32(s->config + RAMFB_WIDTH), height = get_be32(s->config + RAMFB_HEIGHT);
    uint32_t stride = get_be32(s->config + RAMFB_STRIDE), bytes = ramfb_pixel_bytes(format);

    stride = stride ? stride : width * bytes;
    console_begin(s->console, width, height);
    for (unsigned y = 0; y < height; y++) {
        /* what is no RAM reads as black */
        (void)device_dma_read(&s->dev, addr + (uint64_t)y * stride, s->line,
                              (uint64_t)width * bytes);
        for (unsigned x = 0; x < width; x++) {
            s->pixels[x] = ramfb_pixel(format, s->line + x * bytes);
        }
        console_put_row(s->console, y, s->pixels);
    }
    console_end(s->console);
}

static void ramfb_refresh(void *opaque)
{
    Ramfb *s = opaque;

    device_enter(&s->dev);
    if (ramfb_is_on(s)) {
        ramfb_draw(s);
    } else {
        ramfb_nothing(s);
    }
    device_leave(&s->dev);
}

static const ConsoleOps ramfb_ops = { ramfb_refresh, NULL };

/* ---- What firmware writes ---- */

static void ramfb_configure(Device *dev, void *arg)
{
    Ramfb *s = device_as(dev, Ramfb);
    g_autofree uint8_t *config = arg;

    memcpy(s->config, config, RAMFB_CONFIG);
    if (!ramfb_is_on(s)) {
        guest_error(dev, "a frame buffer of %" PRIu32 " by %" PRIu32 ", format 0x%08" PRIx32,
                    get_be32(config + RAMFB_WIDTH), get_be32(config + RAMFB_HEIGHT),
                    get_be32(config + RAMFB_FORMAT));
    }
}

static void ramfb_wrote(void *opaque, const uint8_t *data, size_t len)
{
    Ramfb *s = opaque;

    device_post(&s->dev, ramfb_configure, g_memdup2(data, RAMFB_CONFIG));
}

static bool ramfb_start(Device *dev, GError **err)
{
    Ramfb *s = device_as(dev, Ramfb);

    s->fw_cfg = fw_cfg_find(dev->machine);
    if (!s->fw_cfg || machine_has_started(dev->machine)) {
        return error_set(err, s->fw_cfg ? "ramfb cannot come while the machine runs"
                                        : "ramfb needs fw_cfg, which this machine has not");
    }
    if (!fw_cfg_add_writable(s->fw_cfg, RAMFB_FILE, RAMFB_CONFIG, ramfb_wrote, s, err) ||
        (isa_bus(dev->machine) &&
         !fw_cfg_add_display_bios(dev->machine, "vgabios-ramfb.bin", err))) {
        return false;
    }
    s->line = device_alloc(dev, RAMFB_LINE_MAX);
    s->pixels = device_alloc(dev, CONSOLE_SIDE_MAX * sizeof(s->pixels[0]));
    s->console = console_new(dev->machine, device_path(dev), 0, &ramfb_ops, s);
    return true;
}

static void ramfb_stop(Device *dev)
{
    console_free(device_as(dev, Ramfb)->console);
}

static void ramfb_reset(Device *dev, ResetType type)
{
    Ramfb *s = device_as(dev, Ramfb);

    fw_cfg_fill(s->fw_cfg, RAMFB_FILE, s->config, RAMFB_CONFIG);
}

static bool ramfb_loaded(Device *dev, GError **err)
{
    ramfb_reset(dev, RESET_COLD);
    return true;
}

static const Field ramfb_fields[] = {
    STATE_ARRAY(Ramfb, config), SCRATCH(Ramfb, fw_cfg), SCRATCH(Ramfb, console),
    SCRATCH(Ramfb, line),       SCRATCH(Ramfb, pixels),
};

const DeviceType device_ramfb = {
    .name = "ramfb",
    .doc = "frame buffer in RAM, where firmware puts it",
    .size = sizeof(Ramfb),
    .fields = TABLE(ramfb_fields),
    .user_creatable = true,
    .start = ramfb_start,
    .stop = ramfb_stop,
    .reset = ramfb_reset,
    .loaded = ramfb_loaded,
};
