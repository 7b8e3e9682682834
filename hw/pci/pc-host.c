/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/pci/pc-host.h"

enum {
    CONFIG_ADDRESS_ENABLE = 1u << 31,
    RESET_CONTROL_SYSTEM = 1 << 1, /* PIIX3, RC: hard reset */
    RESET_CONTROL_CPU = 1 << 2,
    PAM_WE = 2,
};

/* ---- Configuration mechanism 1 ---- */

static PciDevice *pc_host_function(PcHost *s)
{
    return s->address & CONFIG_ADDRESS_ENABLE
               ? pci_find_function(&s->host.bus, (uint8_t)(s->address >> 16),
                                   (uint8_t)(s->address >> 8))
               : NULL;
}

MemResult pc_host_read(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t *val)
{
    PcHost *s = device_as(dev, PcHost);
    PciDevice *p;

    *val = bits_mask(size * 8);
    if (off < 4) {
        *val &= size == 1 && off == 1 ? s->reset_control : s->address >> (8 * off);
        return MEM_OK;
    }
    p = pc_host_function(s);
    if (p) {
        device_enter(&p->dev);
        *val = pci_config_read(p, (s->address & 0xfc) + (off & 3), size);
        device_leave(&p->dev);
    }
    return MEM_OK;
}

/* Only a whole double word is the address; a byte at CF9h is the reset control register. */
static void pc_host_write_address(PcHost *s, uint64_t off, unsigned size, uint64_t val)
{
    if (off == 0 && size == 4) {
        s->address = (uint32_t)val & 0x80fffffc;
    } else if (off == 1 && size == 1) {
        if (val & RESET_CONTROL_CPU && !(s->reset_control & RESET_CONTROL_CPU)) {
            machine_reset_request(s->host.dev.machine, CAUSE_GUEST_RESET);
        }
        s->reset_control = val & (RESET_CONTROL_SYSTEM | RESET_CONTROL_CPU);
    }
}

MemResult pc_host_write(Device *dev, uint64_t off, unsigned size, MemAttrs attrs, uint64_t val)
{
    PcHost *s = device_as(dev, PcHost);
    PciDevice *p;

    if (off < 4) {
        pc_host_write_address(s, off, size, val);
        return MEM_OK;
    }
    p = pc_host_function(s);
    if (p) {
        device_enter(&p->dev);
        pci_config_write(p, (s->address & 0xfc) + (off & 3), size, (uint32_t)val);
        device_leave(&p->dev);
    }
    return MEM_OK;
}

static const Field pc_host_fields[] = {
    STATE_U32(PcHost, address),
    STATE_U8(PcHost, reset_control),
};

const DeviceType device_pc_host = {
    .name = "pc-pcihost",
    .doc = "what the host bridges of PCs have",
    .base = &device_pci_host,
    .size = sizeof(PcHost),
    .fields = TABLE(pc_host_fields),
};

/* ---- Memory from 768 KiB to 1 MiB ---- */

/* Attributes of segment @n: 64 KiB at F0000h, then twelve of 16 KiB from C0000h. */
static unsigned pam_attributes(const uint8_t *pam, unsigned n)
{
    unsigned reg = n == 0 ? 0 : 1 + (n - 1) / 2;
    bool high = n == 0 || (n - 1) % 2;

    return pam[reg] >> (high ? 4 : 0) & 3;
}

void pc_pam_update(PcPam *p, Machine *m, const uint8_t *pam, uint8_t smram)
{
    map_change_begin(m);
    for (unsigned n = 0; n < PAM_SEGMENTS && p->segment[n]; n++) {
        unsigned attr = pam_attributes(pam, n);

        /* RAM that is written but not read is met while firmware copies itself there: it is shown
         * for both, since copying in place leaves what was read. */
        region_set_enabled(p->segment[n], attr != 0);
        region_set_readonly(p->segment[n], !(attr & PAM_WE));
    }
    if (p->smram) {
        region_set_enabled(p->smram, !(smram & SMRAM_DOPEN));
    }
    map_change_end(m);
}

void pc_pam_init(PcPam *p, Machine *m, PciBus *bus, MemRegion *ram)
{
    MemRegion *root = machine_memory_root(m);

    /* Whatever is no RAM is on the bus; at A0000h and from C0000h the bus hides RAM. */
    region_add(root, bus->mem, 0, -1);
    p->smram = region_new_alias(m, "smram-region", bus->mem, 0xa0000, 0x20000);
    region_add(root, p->smram, 0xa0000, 1);
    region_add(root, region_new_alias(m, "pam-pci", bus->mem, 0xc0000, 0x40000), 0xc0000, 1);
    for (unsigned n = 0; n < PAM_SEGMENTS; n++) {
        GuestPhys at = n == 0 ? 0xf0000 : 0xc0000 + (n - 1) * 0x4000;
        g_autofree char *name = g_strdup_printf("pam-%05x", (unsigned)at);

        p->segment[n] = region_new_alias(m, name, ram, at, n == 0 ? 0x10000 : 0x4000);
        region_set_enabled(p->segment[n], false);
        region_add(root, p->segment[n], at, 2);
    }
}
