/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fw_cfg: configuration and files for firmware, by memory-mapped registers and by DMA.
 * Spec: QEMU Firmware Configuration (fw_cfg) Device, registers as on Arm.
 */
#include "hw/misc/fw_cfg.h"

#include "util/bytes.h"

enum {
    REG_DATA = 0,
    REG_SELECTOR = 8,
    REG_DMA_HIGH = 16,
    REG_DMA_LOW = 20,
    KEY_MASK = 0x3fff, /* bits 15 and 14: architecture, write */
    KEY_ARCH = 1 << 15,
    DIR_ENTRY = 64,
    DMA_ERROR = 1 << 0,
    DMA_READ = 1 << 1,
    DMA_SKIP = 1 << 2,
    DMA_SELECT = 1 << 3,
    DMA_WRITE = 1 << 4,
    ID_TRADITIONAL = 1 << 0,
    ID_DMA = 1 << 1,
};

/* "QEMU CFG", as the DMA register reads */
#define DMA_SIGNATURE 0x51454d5520434647ull

typedef struct FwCfgItem {
    uint8_t *data;
    uint32_t len;
    FwCfgWrote *wrote; /* the guest may write it; NULL: it may not */
    void *opaque;
} FwCfgItem;

typedef struct FwCfg {
    Device dev;
    FwCfgItem items[FW_CFG_KEYS + FW_CFG_ARCH_KEYS]; /* the architecture's own come last */
    uint32_t n_files;
    uint16_t key;
    uint32_t offset; /* of the next byte in the item */
    uint32_t dma_high;
} FwCfg;

/* Bit 15 is a space of the architecture's own keys. What there is not is an item never filled. */
static uint16_t fw_cfg_index(uint16_t key)
{
    if (key & KEY_ARCH) {
        key &= KEY_MASK;
        return key < FW_CFG_ARCH_KEYS ? FW_CFG_KEYS + key : FW_CFG_KEYS - 1;
    }
    key &= KEY_MASK;
    return key < FW_CFG_KEYS ? key : FW_CFG_KEYS - 1;
}

void fw_cfg_set(Device *dev, uint16_t key, const void *data, size_t len)
{
    FwCfg *s = device_as(dev, FwCfg);
    uint16_t index = fw_cfg_index(key);
    FwCfgItem *item = &s->items[index];

    CHECK(index != FW_CFG_KEYS - 1 && len <= UINT32_MAX);
    item->data = device_alloc(dev, len + 1);
    memcpy(item->data, data, len);
    item->len = len;
}

void fw_cfg_set_le(Device *dev, uint16_t key, unsigned size, uint64_t val)
{
    uint8_t buf[8];

    put_le(buf, size, val);
    fw_cfg_set(dev, key, buf, size);
}

bool fw_cfg_add_file(Device *dev, const char *name, const void *data, size_t len, GError **err)
{
    FwCfg *s = device_as(dev, FwCfg);
    FwCfgItem *dir = &s->items[FW_CFG_FILE_DIR];
    uint32_t n = s->n_files;
    g_autofree uint8_t *bytes = NULL;
    uint8_t *entry;

    if (!name[0] || strlen(name) > FW_CFG_NAME_MAX) {
        return error_set(err, "fw_cfg: a file's name has 1 to %d characters, '%s' has not",
                         FW_CFG_NAME_MAX, name);
    }
    if (n >= FW_CFG_KEYS - 1 - FW_CFG_FILE_FIRST || len > INT32_MAX) {
        return error_set(err, "fw_cfg: no room for %s", name);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (!strcmp((char *)dir->data + 4 + i * DIR_ENTRY + 8, name)) {
            return error_set(err, "fw_cfg: there is a file %s already", name);
        }
    }
    bytes = g_malloc0(4 + (n + 1) * DIR_ENTRY);
    memcpy(bytes, dir->data, dir->len);
    put_be32(bytes, n + 1);
    entry = bytes + 4 + n * DIR_ENTRY;
    put_be32(entry, len);
    put_be16(entry + 4, FW_CFG_FILE_FIRST + n);
    strcpy((char *)entry + 8, name);
    fw_cfg_set(dev, FW_CFG_FILE_FIRST + n, data, len);
    fw_cfg_set(dev, FW_CFG_FILE_DIR, bytes, 4 + (n + 1) * DIR_ENTRY);
    s->n_files = n + 1;
    return true;
}

const uint8_t *fw_cfg_find_file(Device *dev, const char *name, size_t *len)
{
    const FwCfg *s = device_as(dev, FwCfg);
    const uint8_t *entry = s->items[FW_CFG_FILE_DIR].data + 4;

    for (uint32_t i = 0; i < s->n_files; i++, entry += DIR_ENTRY) {
        if (!strcmp((const char *)entry + 8, name)) {
            *len = s->items[FW_CFG_FILE_FIRST + i].len;
            return s->items[FW_CFG_FILE_FIRST + i].data;
        }
    }
    return NULL;
}

bool fw_cfg_add_display_bios(Machine *m, const char *name, GError **err)
{
    static const char *const folders[] = { "/usr/share/seabios" };
    Device *fw = fw_cfg_find(m);
    g_autofree char *path = machine_find_data(m, name, folders, G_N_ELEMENTS(folders));
    g_autofree char *file = g_strconcat("vgaroms/", name, NULL), *bytes = NULL;
    gsize len;

    if (!fw || !path || !g_file_get_contents(path, &bytes, &len, NULL)) {
        return true;
    }
    return fw_cfg_add_file(fw, file, bytes, len, err);
}

bool fw_cfg_add_writable(Device *dev, const char *name, size_t len, FwCfgWrote *wrote, void *opaque,
                         GError **err)
{
    FwCfg *s = device_as(dev, FwCfg);
    g_autofree uint8_t *zeros = g_malloc0(len);

    if (!fw_cfg_add_file(dev, name, zeros, len, err)) {
        return false;
    }
    s->items[FW_CFG_FILE_FIRST + s->n_files - 1].wrote = wrote;
    s->items[FW_CFG_FILE_FIRST + s->n_files - 1].opaque = opaque;
    return true;
}

void fw_cfg_fill(Device *dev, const char *name, const void *data, size_t len)
{
    FwCfg *s = device_as(dev, FwCfg);
    size_t have;
    const uint8_t *old = fw_cfg_find_file(dev, name, &have);

    for (uint32_t i = 0; old && i < s->n_files; i++) {
        if (s->items[FW_CFG_FILE_FIRST + i].data == old) {
            memcpy(s->items[FW_CFG_FILE_FIRST + i].data, data, MIN(len, have));
        }
    }
}

static const FwCfgItem *fw_cfg_item(const FwCfg *s)
{
    return &s->items[s->key];
}

static void fw_cfg_select(FwCfg *s, uint16_t key)
{
    s->key = fw_cfg_index(key);
    s->offset = 0;
}

static uint8_t fw_cfg_next(FwCfg *s)
{
    const FwCfgItem *item = fw_cfg_item(s);

    return s->offset < item->len ? item->data[s->offset++] : 0;
}

/* The part of a transfer that the item has; the rest reads as zeros. False: DMA failed. */
static bool fw_cfg_dma_copy(FwCfg *s, GuestPhys to, uint32_t len)
{
    static const uint8_t zeros[4096];
    const FwCfgItem *item = fw_cfg_item(s);
    uint32_t have = min_u64(len, item->len - min_u64(item->len, s->offset));

    if (have && device_dma_write(&s->dev, to, item->data + s->offset, have) != MEM_OK) {
        return false;
    }
    s->offset += have;
    for (uint32_t done = have; done < len;) {
        uint32_t part = min_u64(len - done, sizeof(zeros));

        if (device_dma_write(&s->dev, to + done, zeros, part) != MEM_OK) {
            return false;
        }
        done += part;
    }
    return true;
}

/* Into the item as far as it goes; more than that is the guest's error. */
static bool fw_cfg_dma_take(FwCfg *s, GuestPhys from, uint32_t len)
{
    FwCfgItem *item = &s->items[s->key];
    uint32_t have = item->len - min_u64(item->len, s->offset);

    if (!item->wrote || len > have ||
        device_dma_read(&s->dev, from, item->data + s->offset, len) != MEM_OK) {
        return false;
    }
    s->offset += len;
    item->wrote(item->opaque, item->data, item->len);
    return true;
}

static void fw_cfg_dma(FwCfg *s, GuestPhys at)
{
    uint8_t desc[16], result[4];
    uint32_t control, len;
    bool ok = true;

    if (device_dma_read(&s->dev, at, desc, sizeof(desc)) != MEM_OK) {
        guest_error(&s->dev, "DMA descriptor at 0x%" G_GINT64_MODIFIER "x is not in RAM", at);
        return;
    }
    control = get_be32(desc);
    len = get_be32(desc + 4);
    if (control & DMA_SELECT) {
        fw_cfg_select(s, control >> 16);
    }
    if (control & DMA_READ) {
        ok = fw_cfg_dma_copy(s, get_be64(desc + 8), len);
    } else if (control & DMA_WRITE) {
        ok = fw_cfg_dma_take(s, get_be64(desc + 8), len);
    } else if (control & DMA_SKIP) {
        s->offset = min_u64((uint64_t)s->offset + len, fw_cfg_item(s)->len);
    }
    put_be32(result, ok ? 0 : DMA_ERROR);
    (void)device_dma_write(&s->dev, at, result, sizeof(result));
}

static MemResult fw_cfg_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                             uint64_t *val)
{
    FwCfg *s = device_as(dev, FwCfg);

    *val = 0;
    if (off < REG_SELECTOR) {
        for (unsigned i = 0; i < size; i++) {
            *val |= (uint64_t)fw_cfg_next(s) << (8 * i);
        }
    } else if (off >= REG_DMA_HIGH) {
        *val = bytes_swap(DMA_SIGNATURE, 8) >> ((off - REG_DMA_HIGH) * 8);
        *val &= bits_mask(size * 8);
    }
    return MEM_OK;
}

static MemResult fw_cfg_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                              uint64_t val)
{
    FwCfg *s = device_as(dev, FwCfg);

    if (off == REG_SELECTOR && size >= 2) {
        fw_cfg_select(s, bytes_swap(val & 0xffff, 2));
    } else if (off == REG_DMA_HIGH && size == 8) {
        fw_cfg_dma(s, bytes_swap(val, 8));
    } else if (off == REG_DMA_HIGH && size == 4) {
        s->dma_high = bytes_swap(val, 4);
    } else if (off == REG_DMA_LOW && size == 4) {
        GuestPhys at = (uint64_t)s->dma_high << 32 | bytes_swap(val, 4);

        s->dma_high = 0;
        fw_cfg_dma(s, at);
    }
    return MEM_OK;
}

/* ---- In ports: selector (word) at 0, data (bytes) at 1, DMA address at 4 ---- */

enum { IO_DATA = 1, IO_DMA_HIGH = 4, IO_DMA_LOW = 8 };

static MemResult fw_cfg_io_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                uint64_t *val)
{
    *val = 0;
    if (off == IO_DATA && size == 1) {
        *val = fw_cfg_next(device_as(dev, FwCfg));
    } else if (off >= IO_DMA_HIGH) {
        return fw_cfg_read(dev, off - IO_DMA_HIGH + REG_DMA_HIGH, size, attrs, val);
    }
    return MEM_OK;
}

static MemResult fw_cfg_io_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs,
                                 uint64_t val)
{
    if (off == 0 && size == 2) {
        fw_cfg_select(device_as(dev, FwCfg), val & 0xffff);
    } else if (off >= IO_DMA_HIGH) {
        return fw_cfg_write(dev, off - IO_DMA_HIGH + REG_DMA_HIGH, size, attrs, val);
    }
    return MEM_OK;
}

static bool fw_cfg_start(Device *dev, GError **err)
{
    static const uint8_t empty_dir[4];

    fw_cfg_set(dev, FW_CFG_SIGNATURE, "QEMU", 4);
    fw_cfg_set_le(dev, FW_CFG_ID, 4, ID_TRADITIONAL | ID_DMA);
    fw_cfg_set(dev, FW_CFG_FILE_DIR, empty_dir, sizeof(empty_dir));
    return true;
}

static const Field fw_cfg_fields[] = {
    SCRATCH(FwCfg, items),
    SCRATCH(FwCfg, n_files),
    STATE_U16(FwCfg, key, .max = FW_CFG_KEYS + FW_CFG_ARCH_KEYS - 1),
    STATE_U32(FwCfg, offset),
    STATE_U32(FwCfg, dma_high),
};

const DeviceType device_fw_cfg = {
    .name = "fw_cfg_mem",
    .doc = "configuration and files for firmware",
    .size = sizeof(FwCfg),
    .mmio_size = 0x18,
    .read = fw_cfg_read,
    .write = fw_cfg_write,
    .fields = TABLE(fw_cfg_fields),
    .start = fw_cfg_start,
};

const DeviceType device_fw_cfg_io = {
    .name = "fw_cfg_io",
    .doc = "configuration and files for firmware, in ports",
    .size = sizeof(FwCfg),
    .mmio_size = 12,
    .read = fw_cfg_io_read,
    .write = fw_cfg_io_write,
    .fields = TABLE(fw_cfg_fields),
    .start = fw_cfg_start,
};

Device *fw_cfg_find(Machine *m)
{
    Device *dev = device_find_type(m, &device_fw_cfg);

    return dev ? dev : device_find_type(m, &device_fw_cfg_io);
}
