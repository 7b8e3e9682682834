/* SPDX-License-Identifier: Apache-2.0 */
/* The buses of PCI and what is on them, as firmware or the guest has set it up. */
#include "hw/pci/aer.h"
#include "hw/pci/bridge.h"
#include "hw/pci/host.h"
#include "monitor/commands.h"
#include "monitor/hmp-args.h"

#include <inttypes.h>

typedef struct PciBridgeSeen {
    unsigned bus, secondary, subordinate;
    uint64_t range[3][2]; /* of ports, memory, prefetchable memory: base and limit */
} PciBridgeSeen;

/* A function as it is now: its lock is held no longer than for this. */
typedef struct PciSeen {
    const PciDevice *p;
    unsigned irq, pin, class_code, vendor, device, subvendor, subdevice;
    uint64_t addr[PCI_N_BARS + 1];
    bool bridge;
    PciBridgeSeen b;
} PciSeen;

/* "PCI Code and ID Assignment Specification", class and subclass. */
static const char *pci_class_name(unsigned class_code)
{
    static const struct {
        unsigned class_code;
        const char *name;
    } names[] = {
        { 0x0001, "VGA controller" },     { 0x0100, "SCSI controller" },
        { 0x0101, "IDE controller" },     { 0x0102, "Floppy controller" },
        { 0x0103, "IPI controller" },     { 0x0104, "RAID controller" },
        { 0x0106, "SATA controller" },    { 0x0107, "SAS controller" },
        { 0x0180, "Storage controller" }, { 0x0200, "Ethernet controller" },
        { 0x0280, "Network controller" }, { 0x0300, "VGA controller" },
        { 0x0301, "XGA controller" },     { 0x0302, "3D controller" },
        { 0x0380, "Display controller" }, { 0x0400, "Video controller" },
        { 0x0401, "Audio controller" },   { 0x0403, "Audio controller" },
        { 0x0600, "Host bridge" },        { 0x0601, "ISA bridge" },
        { 0x0604, "PCI bridge" },         { 0x0680, "Bridge" },
        { 0x0700, "Serial port" },        { 0x0780, "Communication controller" },
        { 0x0c03, "USB controller" },     { 0x0c05, "SMBus" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (names[i].class_code == class_code) {
            return names[i].name;
        }
    }
    return NULL;
}

static void pci_see_bridge(const PciDevice *p, PciBridgeSeen *b)
{
    uint64_t high_base = pci_get32(p, PCI_PREF_BASE_UPPER32);
    uint64_t high_limit = pci_get32(p, PCI_PREF_LIMIT_UPPER32);

    b->bus = p->config[PCI_PRIMARY_BUS];
    b->secondary = p->config[PCI_SECONDARY_BUS];
    b->subordinate = p->config[PCI_SUBORDINATE_BUS];
    b->range[0][0] = (p->config[PCI_IO_BASE] & 0xf0u) << 8;
    b->range[0][1] = (p->config[PCI_IO_LIMIT] & 0xf0u) << 8 | 0xfff;
    b->range[1][0] = (uint64_t)(pci_get16(p, PCI_MEMORY_BASE) & 0xfff0u) << 16;
    b->range[1][1] = (uint64_t)(pci_get16(p, PCI_MEMORY_LIMIT) & 0xfff0u) << 16 | 0xfffff;
    b->range[2][0] = (uint64_t)(pci_get16(p, PCI_PREF_MEMORY_BASE) & 0xfff0u) << 16 | high_base
                                                                                          << 32;
    b->range[2][1] = (uint64_t)(pci_get16(p, PCI_PREF_MEMORY_LIMIT) & 0xfff0u) << 16 | 0xfffff |
                     high_limit << 32;
}

static void pci_see(PciDevice *p, PciSeen *s)
{
    *s = (PciSeen){ .p = p, .bridge = pci_type(p)->bridge };
    device_enter(&p->dev);
    s->irq = p->config[PCI_INTERRUPT_LINE];
    s->pin = p->config[PCI_INTERRUPT_PIN];
    s->class_code = pci_get16(p, PCI_CLASS_DEVICE);
    s->vendor = pci_get16(p, PCI_VENDOR_ID);
    s->device = pci_get16(p, PCI_DEVICE_ID);
    if (s->bridge) {
        pci_see_bridge(p, &s->b);
    } else {
        s->subvendor = pci_get16(p, PCI_SUBSYSTEM_VENDOR_ID);
        s->subdevice = pci_get16(p, PCI_SUBSYSTEM_ID);
    }
    for (unsigned i = 0; i <= PCI_BAR_ROM; i++) {
        s->addr[i] = p->bars[i].addr;
    }
    device_leave(&p->dev);
}

/* ---- QMP ---- */

static void pci_out_range(JsonOut *j, const char *name, const uint64_t range[2])
{
    json_out_begin(j, name, '{');
    json_out_uint(j, "base", range[0]);
    json_out_uint(j, "limit", range[1]);
    json_out_end(j, '}');
}

static void pci_out_regions(JsonOut *j, const PciSeen *s)
{
    json_out_begin(j, "regions", '[');
    for (unsigned i = 0; i <= PCI_BAR_ROM; i++) {
        const PciBar *bar = &s->p->bars[i];
        bool io = bar->flags & PCI_BASE_ADDRESS_SPACE_IO;

        if (!bar->size) {
            continue;
        }
        json_out_begin(j, NULL, '{');
        json_out_uint(j, "bar", i);
        json_out_str(j, "type", io ? "io" : "memory");
        json_out_int(j, "address", (int64_t)s->addr[i]);
        json_out_uint(j, "size", bar->size);
        if (!io) {
            json_out_bool(j, "prefetch", bar->flags & PCI_BASE_ADDRESS_MEM_PREFETCH);
            json_out_bool(j, "mem_type_64", bar->flags & PCI_BASE_ADDRESS_MEM_TYPE_64);
        }
        json_out_end(j, '}');
    }
    json_out_end(j, ']');
}

static void pci_out_ids(JsonOut *j, const PciSeen *s)
{
    const char *name = pci_class_name(s->class_code);

    json_out_begin(j, "class_info", '{');
    if (name) {
        json_out_str(j, "desc", name);
    }
    json_out_uint(j, "class", s->class_code);
    json_out_end(j, '}');
    json_out_begin(j, "id", '{');
    json_out_uint(j, "device", s->device);
    json_out_uint(j, "vendor", s->vendor);
    if (!s->bridge) {
        json_out_uint(j, "subsystem", s->subdevice);
        json_out_uint(j, "subsystem-vendor", s->subvendor);
    }
    json_out_end(j, '}');
}

static void pci_out_bus(JsonOut *j, PciBus *bus);

static void pci_out_function(JsonOut *j, const PciSeen *s, unsigned bus)
{
    static const char *const ranges[] = { "io_range", "memory_range", "prefetchable_range" };

    json_out_begin(j, NULL, '{');
    json_out_uint(j, "bus", bus);
    json_out_uint(j, "slot", pci_slot(s->p->devfn));
    json_out_uint(j, "function", pci_function(s->p->devfn));
    pci_out_ids(j, s);
    if (s->pin) {
        json_out_uint(j, "irq", s->irq);
    }
    json_out_uint(j, "irq_pin", s->pin);
    json_out_str(j, "qdev_id", s->p->dev.named ? s->p->dev.id : "");
    if (s->bridge) {
        json_out_begin(j, "pci_bridge", '{');
        json_out_begin(j, "bus", '{');
        json_out_uint(j, "number", s->b.bus);
        json_out_uint(j, "secondary", s->b.secondary);
        json_out_uint(j, "subordinate", s->b.subordinate);
        for (unsigned i = 0; i < G_N_ELEMENTS(ranges); i++) {
            pci_out_range(j, ranges[i], s->b.range[i]);
        }
        json_out_end(j, '}');
        if (s->b.secondary) {
            pci_out_bus(j, pci_bus_of((Device *)&s->p->dev));
        }
        json_out_end(j, '}');
    }
    pci_out_regions(j, s);
    json_out_end(j, '}');
}

static void pci_out_bus(JsonOut *j, PciBus *bus)
{
    json_out_begin(j, "devices", '[');
    for (unsigned i = 0; i < PCI_DEVFN_MAX; i++) {
        PciSeen s;

        if (bus->functions[i]) {
            pci_see(bus->functions[i], &s);
            pci_out_function(j, &s, pci_bus_number(bus));
        }
    }
    json_out_end(j, ']');
}

bool cmd_query_pci(MonCall *c, GError **err)
{
    PciBus *root = pci_root(c->m);

    json_out_begin(c->out, NULL, '[');
    if (root) {
        json_out_begin(c->out, NULL, '{');
        json_out_uint(c->out, "bus", pci_bus_number(root));
        pci_out_bus(c->out, root);
        json_out_end(c->out, '}');
    }
    json_out_end(c->out, ']');
    return true;
}

/* ---- HMP ---- */

static void pci_print_regions(GString *t, const PciSeen *s)
{
    for (unsigned i = 0; i <= PCI_BAR_ROM; i++) {
        const PciBar *bar = &s->p->bars[i];

        if (!bar->size) {
            continue;
        }
        if (bar->flags & PCI_BASE_ADDRESS_SPACE_IO) {
            g_string_append_printf(t, "      BAR%u: I/O at 0x%04" PRIx64 " [0x%04" PRIx64 "].\n", i,
                                   s->addr[i], s->addr[i] + bar->size - 1);
        } else {
            g_string_append_printf(
                t, "      BAR%u: %d bit%s memory at 0x%08" PRIx64 " [0x%08" PRIx64 "].\n", i,
                bar->flags & PCI_BASE_ADDRESS_MEM_TYPE_64 ? 64 : 32,
                bar->flags & PCI_BASE_ADDRESS_MEM_PREFETCH ? " prefetchable" : "", s->addr[i],
                s->addr[i] + bar->size - 1);
        }
    }
}

static void pci_print_bridge(GString *t, const PciBridgeSeen *b)
{
    g_string_append_printf(t, "      BUS %u.\n      secondary bus %u.\n      subordinate bus %u.\n",
                           b->bus, b->secondary, b->subordinate);
    g_string_append_printf(t, "      IO range [0x%04" PRIx64 ", 0x%04" PRIx64 "]\n", b->range[0][0],
                           b->range[0][1]);
    g_string_append_printf(t, "      memory range [0x%08" PRIx64 ", 0x%08" PRIx64 "]\n",
                           b->range[1][0], b->range[1][1]);
    g_string_append_printf(t,
                           "      prefetchable memory range [0x%08" PRIx64 ", 0x%08" PRIx64 "]\n",
                           b->range[2][0], b->range[2][1]);
}

static void pci_print_bus(GString *t, PciBus *bus)
{
    for (unsigned i = 0; i < PCI_DEVFN_MAX; i++) {
        const char *name;
        PciSeen s;

        if (!bus->functions[i]) {
            continue;
        }
        pci_see(bus->functions[i], &s);
        name = pci_class_name(s.class_code);
        g_string_append_printf(t, "  Bus %2u, device %3u, function %u:\n    ", pci_bus_number(bus),
                               pci_slot(i), pci_function(i));
        if (name) {
            g_string_append(t, name);
        } else {
            g_string_append_printf(t, "Class %04u", s.class_code);
        }
        g_string_append_printf(t, ": PCI device %04x:%04x\n", s.vendor, s.device);
        if (!s.bridge) {
            g_string_append_printf(t, "      PCI subsystem %04x:%04x\n", s.subvendor, s.subdevice);
        }
        if (s.pin) {
            g_string_append_printf(t, "      IRQ %u, pin %c\n", s.irq, (char)('A' + s.pin - 1));
        }
        if (s.bridge) {
            pci_print_bridge(t, &s.b);
        }
        pci_print_regions(t, &s);
        g_string_append_printf(t, "      id \"%s\"\n", s.p->dev.named ? s.p->dev.id : "");
        if (s.bridge && s.b.secondary) {
            pci_print_bus(t, pci_bus_of((Device *)&s.p->dev));
        }
    }
}

bool hmp_info_pci(MonCall *c, GError **err)
{
    PciBus *root = pci_root(c->m);

    if (root) {
        pci_print_bus(c->text, root);
    }
    return true;
}

/* ---- Errors ---- */

static bool aer_parse(const char *text, PcieError *e)
{
    static const struct {
        const char *name;
        bool correctable;
        uint32_t status;
    } names[] = {
        { "DLP", false, PCI_ERR_UNC_DLP },
        { "SDN", false, PCI_ERR_UNC_SURPDN },
        { "POISON_TLP", false, PCI_ERR_UNC_POISON_TLP },
        { "FCP", false, PCI_ERR_UNC_FCP },
        { "COMP_TIME", false, PCI_ERR_UNC_COMP_TIME },
        { "COMP_ABORT", false, PCI_ERR_UNC_COMP_ABORT },
        { "UNX_COMP", false, PCI_ERR_UNC_UNX_COMP },
        { "RX_OVER", false, PCI_ERR_UNC_RX_OVER },
        { "MALF_TLP", false, PCI_ERR_UNC_MALF_TLP },
        { "ECRC", false, PCI_ERR_UNC_ECRC },
        { "UNSUP", false, PCI_ERR_UNC_UNSUP },
        { "ACSV", false, PCI_ERR_UNC_ACSV },
        { "INTN", false, PCI_ERR_UNC_INTN },
        { "MCBTLP", false, PCI_ERR_UNC_MCBTLP },
        { "ATOP_EBLOCKED", false, PCI_ERR_UNC_ATOMEG },
        { "TLP_PRF_BLOCKED", false, PCI_ERR_UNC_TLPPRE },
        { "RCVR", true, PCI_ERR_COR_RCVR },
        { "BAD_TLP", true, PCI_ERR_COR_BAD_TLP },
        { "BAD_DLLP", true, PCI_ERR_COR_BAD_DLLP },
        { "REP_ROLL", true, PCI_ERR_COR_REP_ROLL },
        { "REP_TIMER", true, PCI_ERR_COR_REP_TIMER },
        { "ADV_NONFATAL", true, PCI_ERR_COR_ADV_NFAT },
        { "INTERNAL", true, PCI_ERR_COR_INTERNAL },
        { "HL_OVERFLOW", true, PCI_ERR_COR_LOG_OVER },
    };
    char *end;

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (!strcmp(text, names[i].name)) {
            e->status = names[i].status;
            e->correctable = names[i].correctable;
            return true;
        }
    }
    e->status = (uint32_t)strtoul(text, &end, 0);
    return end != text && !*end;
}

/* What goes wrong is text, not an error, as with QEMU. */
bool hmp_aer_inject(MonCall *c, GError **err)
{
    static const char *const words[] = { "header0", "header1", "header2", "header3" };
    g_autoptr(GError) why = NULL;
    g_auto(HmpArgs) a = { 0 };
    PcieError e = { 0 };
    const char *id;
    Device *dev;
    PciDevice *p;

    if (!hmp_args(c,
                  "advisory:-a,correctable:-c,id:s,status:s,header0:l?,header1:l?,header2:l?,"
                  "header3:l?,prefix0:l?,prefix1:l?,prefix2:l?,prefix3:l?",
                  &a)) {
        return true;
    }
    id = hmp_str(&a, "id");
    dev = device_find(c->m, id);
    if (!dev || !device_is_a(dev, &device_pci)) {
        g_string_append_printf(c->text,
                               "id or pci device path is invalid or device not found. %s\n", id);
        return true;
    }
    p = pci_of(dev);
    e.advisory = hmp_flag(&a, "advisory");
    e.correctable = hmp_flag(&a, "correctable");
    if (!aer_parse(hmp_str(&a, "status"), &e)) {
        g_string_append_printf(c->text, "invalid error status value. \"%s\"\n",
                               hmp_str(&a, "status"));
        return true;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        e.header[i] = (uint32_t)hmp_num(&a, words[i]);
    }
    if (!pcie_inject_error(p, &e, &why)) {
        g_string_append_printf(c->text, "%s%s\n", why->message, p->exp_cap ? "" : id);
        return true;
    }
    g_string_append_printf(c->text, "OK id: %s root bus: 0000:00, bus: %x devfn: %x.%x\n", id,
                           pci_bus_number(p->bus), pci_slot(p->devfn), pci_function(p->devfn));
    return true;
}
