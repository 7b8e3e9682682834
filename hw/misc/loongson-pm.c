/* SPDX-License-Identifier: Apache-2.0 */
/* The power registers of the loongson3-virt board: its firmware's ways to reset and to switch off.
 */
#include "core/device.h"

enum { PM_CONTROL = 0x10, PM_RESET = 0x00, PM_OFF = 0xff };

static MemResult pm_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    *val = 0;
    return MEM_OK;
}

static MemResult pm_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    if (off != PM_CONTROL) {
        return MEM_OK;
    }
    if ((val & 0xff) == PM_RESET) {
        machine_reset_request(dev->machine, CAUSE_GUEST_RESET);
    } else if ((val & 0xff) == PM_OFF) {
        machine_shutdown_request(dev->machine, CAUSE_GUEST_SHUTDOWN);
    } else {
        guest_error(dev, "control 0x%x is neither reset (00h) nor off (ffh)", (unsigned)val);
    }
    return MEM_OK;
}

static MemResult pm_unmodelled_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                    uint64_t *val)
{
    *val = 0;
    return MEM_OK;
}

static MemResult pm_unmodelled_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                     uint64_t val)
{
    return MEM_OK;
}

enum { PM_CHIP_BYTES = 0x10000000 };

typedef struct LoongsonPm {
    Device dev;
} LoongsonPm;

/* Behind it, what the board puts under all else: registers of the packages read as 0. */
static const RegionType pm_regions[] = {
    { .name = "loongson3_pm", .size = 0x100, .read = pm_read, .write = pm_write },
    { .name = "chip-0",
      .size = PM_CHIP_BYTES,
      .read = pm_unmodelled_read,
      .write = pm_unmodelled_write,
      .no_lock = true },
    { .name = "chip-1",
      .size = PM_CHIP_BYTES,
      .read = pm_unmodelled_read,
      .write = pm_unmodelled_write,
      .no_lock = true },
};

const DeviceType device_loongson_pm = {
    .name = "loongson3_pm",
    .doc = "power control of the loongson3-virt board",
    .size = sizeof(LoongsonPm),
    .regions = pm_regions,
    .n_regions = ARRAY_SIZE(pm_regions),
};
