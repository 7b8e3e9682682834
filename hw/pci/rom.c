/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expansion ROMs: a file behind the function's ROM BAR.
 *
 * The bytes lie in blocks of the machine's that hold the same for everybody: cards of a kind share
 * one, and a card that goes and comes again finds its own.
 * Spec: PCI 3.0, 6.2.5.2 (register), 6.3 (content); PCI Firmware 3.2, 5.1 (checksum).
 */
#include "hw/pci/pci.h"

#include "hw/pci/pci-priv.h"
#include "util/bytes.h"

#include <glib/gstdio.h>
#include <inttypes.h>

enum {
    ROM_MIN = 2 << 10, /* the register has address bits from 11 on */
    ROM_MAX = 16 << 20,
    ROM_UNIT = 512,
    ROM_SIGNATURE = 0xaa55,
    ROM_UNITS = 2,    /* images of BIOSes: length in units */
    ROM_CHECKSUM = 6, /* a byte that may be anything */
    ROM_PCIR = 0x18,
    PCIR_SIZE = 24,
    PCIR_VENDOR = 4,
    PCIR_DEVICE = 6,
    PCIR_LENGTH = 16,
    PCIR_CODE = 20,
    PCIR_LAST = 21, /* bit 7 */
    CODE_BIOS = 0,
};

#define PCIR_MAGIC 0x52494350u

/* As it stands, or where packages have such files. */
static char *rom_find(const Machine *m, const char *name)
{
    static const char *const folders[] = { "/usr/lib/ipxe/qemu", "/usr/share/qemu",
                                           "/usr/local/share/qemu", "/usr/share/seabios" };

    return machine_find_data(m, name, folders, G_N_ELEMENTS(folders));
}

static bool rom_check(PciDevice *p, const char *path, const uint8_t *data, size_t len,
                      uint64_t *size, GError **err)
{
    if (len < ROM_UNIT || len > ROM_MAX) {
        return error_set(err, "romfile=%s: %zu bytes; an expansion ROM has %d to %d", path, len,
                         ROM_UNIT, ROM_MAX);
    }
    if (get_le16(data) != ROM_SIGNATURE) {
        return error_set(err,
                         "romfile=%s: begins with %02x %02x, an expansion ROM with 55 aa: it is "
                         "another kind of file",
                         path, data[0], data[1]);
    }
    *size = ROM_MIN;
    while (*size < len) {
        *size *= 2;
    }
    if (p->romsize == UINT32_MAX) {
        return true;
    }
    if (!bits_is_pow2(p->romsize) || p->romsize < ROM_MIN || p->romsize > ROM_MAX) {
        return error_set(err, "romsize=%" PRIu32 ": must be a power of two from %d to %d",
                         p->romsize, ROM_MIN, ROM_MAX);
    }
    if (len > p->romsize) {
        return error_set(err, "romsize=%" PRIu32 ": '%s' has %zu bytes", p->romsize, path, len);
    }
    *size = p->romsize;
    return true;
}

bool pci_rom_open(PciDevice *p, GError **err)
{
    const char *name = p->romfile ? p->romfile : pci_type(p)->romfile;
    g_autofree char *path = NULL;
    g_autofree char *data = NULL;
    g_autoptr(GError) why = NULL;
    uint64_t size = 0;
    gsize len;

    if (!name || !*name || !p->rombar) {
        return !p->romfile || !*p->romfile || !machine_has_started(p->dev.machine) ||
               error_set(err,
                         "romfile=%s: what comes while the machine runs has no ROM without "
                         "its BAR: rombar=1",
                         p->romfile);
    }
    path = rom_find(p->dev.machine, name);
    if (!path) {
        /* What comes by itself is there where its package is. */
        return !p->romfile || error_set(err, "romfile=%s: there is no such file", name);
    }
    if (!g_file_get_contents(path, &data, &len, &why)) {
        return error_set(err, "romfile=%s: %s", name, why->message);
    }
    if (!rom_check(p, path, (const uint8_t *)data, len, &size, err)) {
        return false;
    }
    p->rom = g_malloc0(size);
    memcpy(p->rom, data, len);
    p->rom_size = (uint32_t)size;
    return true;
}

/* The sum of a BIOS's image is 0; of others there is none. */
static void rom_fix_sum(uint8_t *image, size_t left)
{
    size_t len = image[ROM_UNITS] * (size_t)ROM_UNIT;
    uint8_t sum = 0;

    for (size_t i = 0; i < len && len <= left; i++) {
        sum = (uint8_t)(sum + image[i]);
    }
    image[ROM_CHECKSUM] = (uint8_t)(image[ROM_CHECKSUM] - sum);
}

/* Firmware runs an image whose ids are the function's: one file serves a family of cards. */
static void rom_set_ids(PciDevice *p)
{
    size_t at = 0;

    while (at + ROM_PCIR + 2 <= p->rom_size && get_le16(p->rom + at) == ROM_SIGNATURE) {
        uint8_t *image = p->rom + at, *pcir;
        size_t left = p->rom_size - at, from = get_le16(image + ROM_PCIR), len;

        if (from < ROM_PCIR || from + PCIR_SIZE > left) {
            return;
        }
        pcir = image + from;
        len = get_le16(pcir + PCIR_LENGTH) * (size_t)ROM_UNIT;
        if (get_le32(pcir) != PCIR_MAGIC || !len || len > left) {
            return;
        }
        put_le16(pcir + PCIR_VENDOR, pci_get16(p, PCI_VENDOR_ID));
        put_le16(pcir + PCIR_DEVICE, pci_get16(p, PCI_DEVICE_ID));
        if (pcir[PCIR_CODE] == CODE_BIOS) {
            rom_fix_sum(image, left);
        }
        if (pcir[PCIR_LAST] & 0x80) {
            return;
        }
        at += len;
    }
}

/* The block with these bytes, or a new one. */
static RamBlock *rom_block(PciDevice *p, GError **err)
{
    Machine *m = p->dev.machine;

    for (unsigned n = 0;; n++) {
        g_autofree char *name = g_strdup_printf("pci-rom.%u", n);
        RamBlock *ram = ram_find(m, name);
        uint64_t size = bits_align_up(p->rom_size, GUEST_PAGE_SIZE);

        if (!ram) {
            ram = ram_new(m, name, size, RAM_ROM | RAM_NO_SAVE, err);
            if (ram) {
                memcpy(ram->host, p->rom, p->rom_size);
            }
            return ram;
        }
        if (ram->size == size && !memcmp(ram->host, p->rom, p->rom_size)) {
            return ram;
        }
    }
}

void pci_rom_add(PciDevice *p)
{
    g_autofree char *name = NULL;
    g_autoptr(GError) err = NULL;
    RamBlock *ram;

    if (!p->rom) {
        return;
    }
    if (!p->romfile) {
        rom_set_ids(p);
    }
    ram = rom_block(p, &err);
    if (ram) {
        name = g_strconcat(p->dev.id, ".rom", NULL);
        pci_add_bar(p, PCI_BAR_ROM, 0, region_new_rom(p->dev.machine, name, ram, 0, p->rom_size),
                    p->rom_size);
    } else {
        device_warn(&p->dev, "comes without its expansion ROM: %s", err->message);
        p->rom_size = 0;
    }
    p->rom_saved = p->rom_size;
    g_clear_pointer(&p->rom, g_free);
}
