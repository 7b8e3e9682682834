/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/pci/slot.h"

#include "core/event/loop.h"
#include "hw/pci/pci-priv.h"

enum {
    SLOT_CAPS = PCI_EXP_SLTCAP_ABP | PCI_EXP_SLTCAP_AIP | PCI_EXP_SLTCAP_PIP | PCI_EXP_SLTCAP_HPS |
                PCI_EXP_SLTCAP_HPC | PCI_EXP_SLTCAP_EIP,
    SLOT_NUMBER_SHIFT = 19,
    /* In control each has its enabling bit at the same place, but the last. */
    SLOT_EVENTS = PCI_EXP_SLTSTA_ABP | PCI_EXP_SLTSTA_PFD | PCI_EXP_SLTSTA_MRLSC |
                  PCI_EXP_SLTSTA_PDC | PCI_EXP_SLTSTA_CC | PCI_EXP_SLTSTA_DLLSC,
    SLOT_ENABLES = PCI_EXP_SLTCTL_ABPE | PCI_EXP_SLTCTL_PFDE | PCI_EXP_SLTCTL_MRLSCE |
                   PCI_EXP_SLTCTL_PDCE | PCI_EXP_SLTCTL_CCIE | PCI_EXP_SLTCTL_DLLSCE,
};

static unsigned slot_at(const PciBridge *b, unsigned reg)
{
    return b->pci.exp_cap + reg;
}

static uint16_t slot_get(const PciBridge *b, unsigned reg)
{
    return pci_get16(&b->pci, slot_at(b, reg));
}

static void slot_set(PciBridge *b, unsigned reg, uint16_t val)
{
    pci_set16(&b->pci, slot_at(b, reg), val);
}

static bool slot_can(const PciBridge *b, unsigned cap)
{
    return pci_get32(&b->pci, slot_at(b, PCI_EXP_SLTCAP)) & cap;
}

static bool slot_is_taken(const PciBridge *b)
{
    return __atomic_load_n(&b->bus.functions[0], __ATOMIC_ACQUIRE) != NULL;
}

/* ---- Events ---- */

static bool slot_condition(const PciBridge *b)
{
    uint16_t control = slot_get(b, PCI_EXP_SLTCTL), status = slot_get(b, PCI_EXP_SLTSTA);
    uint16_t on = status & control & SLOT_EVENTS & SLOT_ENABLES & ~PCI_EXP_SLTSTA_DLLSC;
    bool link = status & PCI_EXP_SLTSTA_DLLSC && control & PCI_EXP_SLTCTL_DLLSCE;

    return control & PCI_EXP_SLTCTL_HPIE && (on || link);
}

/* "6.7.3.4": a message at the moment when the condition becomes true. */
static void slot_look(PciBridge *b, PciSlot *s)
{
    bool now = slot_condition(b);

    if (now && !s->interrupts) {
        pci_msg_notify(&b->pci, slot_get(b, PCI_EXP_FLAGS) >> 9 & 31);
    }
    s->interrupts = now;
}

static void slot_event(PciBridge *b, PciSlot *s, uint16_t events)
{
    slot_set(b, PCI_EXP_SLTSTA, slot_get(b, PCI_EXP_SLTSTA) | events);
    slot_look(b, s);
}

bool pci_slot_wants_intx(PciBridge *b, PciSlot *s)
{
    return s->interrupts;
}

/* Presence and link are what the bus and the power say; the events that their change is. */
static uint16_t slot_update(PciBridge *b)
{
    bool there = slot_is_taken(b), was_up = slot_get(b, PCI_EXP_LNKSTA) & PCI_EXP_LNKSTA_DLLLA;
    bool power =
        !slot_can(b, PCI_EXP_SLTCAP_PCP) || !(slot_get(b, PCI_EXP_SLTCTL) & PCI_EXP_SLTCTL_PCC);
    bool up = there && power && !(slot_get(b, PCI_EXP_LNKCTL) & PCI_EXP_LNKCTL_LD);
    uint16_t status = slot_get(b, PCI_EXP_SLTSTA), events = 0;

    if (there != ((status & PCI_EXP_SLTSTA_PDS) != 0)) {
        slot_set(b, PCI_EXP_SLTSTA, status ^ PCI_EXP_SLTSTA_PDS);
        events |= PCI_EXP_SLTSTA_PDC;
    }
    if (up != was_up) {
        slot_set(b, PCI_EXP_LNKSTA, slot_get(b, PCI_EXP_LNKSTA) ^ PCI_EXP_LNKSTA_DLLLA);
        events |= PCI_EXP_SLTSTA_DLLSC;
    }
    __atomic_store_n(&b->bus.off, !power, __ATOMIC_RELEASE);
    return events;
}

/* ---- Coming and going ---- */

static void slot_pressed(Device *dev, void *arg)
{
    PciBridge *b = device_as(dev, PciBridge);

    slot_event(b, arg, slot_update(b) | PCI_EXP_SLTSTA_ABP);
}

typedef struct SlotJob {
    PciBridge *b;
    PciSlot *s;
} SlotJob;

static void slot_post(PciBridge *b, PciSlot *s, LoopFn *fn)
{
    SlotJob *job = g_new(SlotJob, 1);

    *job = (SlotJob){ b, s };
    loop_post(b->pci.dev.machine, fn, job);
}

static void slot_plugged_later(void *arg)
{
    g_autofree SlotJob *job = arg;

    device_post(&job->b->pci.dev, slot_pressed, job->s);
}

/* The guest hears of it when the function has been reset as well. */
void pci_slot_plugged(PciBridge *b, PciSlot *s)
{
    slot_post(b, s, slot_plugged_later);
}

static void slot_emptied(Device *dev, void *arg)
{
    PciBridge *b = device_as(dev, PciBridge);

    slot_event(b, arg, slot_update(b));
}

/* On the loop, no lock held. */
static void slot_empty(void *arg)
{
    g_autofree SlotJob *job = arg;

    for (unsigned i = PCI_DEVFN_MAX; i-- > 0;) {
        if (job->b->bus.functions[i]) {
            device_delete(&job->b->bus.functions[i]->dev, true);
        }
    }
    device_post(&job->b->pci.dev, slot_emptied, job->s);
}

/* On the loop. */
static void slot_refused(void *arg)
{
    g_autofree SlotJob *job = arg;
    const PciDevice *p = job->b->bus.functions[0];
    g_autofree char *text = NULL;

    if (p) {
        text = g_strdup_printf("DEVICE_UNPLUG_GUEST_ERROR {\"device\": \"%s\", \"path\": "
                               "\"/machine/peripheral%s/%s\"}",
                               p->dev.id, p->dev.named ? "" : "-anon", p->dev.id);
        machine_post_event(p->dev.machine, EVENT_DEVICE, text);
    }
}

static void slot_let_go(PciBridge *b, PciSlot *s)
{
    s->leaving = s->asked = false;
    slot_post(b, s, slot_empty);
}

static bool slot_ask(PciBridge *b, PciSlot *s, PciDevice *p, GError **err)
{
    if (s->leaving) {
        return error_set(err, "Device %s is already in the process of unplug", p->dev.id);
    }
    if ((slot_get(b, PCI_EXP_SLTCTL) & PCI_EXP_SLTCTL_PIC) == PCI_EXP_SLTCTL_PWR_IND_BLINK) {
        return error_set(err, "Hot-unplug failed: guest is busy (power indicator blinking)");
    }
    s->leaving = true;
    s->asked = false;
    /* Nobody uses what has no power. */
    if (b->bus.off) {
        slot_let_go(b, s);
    } else {
        slot_event(b, s, PCI_EXP_SLTSTA_ABP);
    }
    return true;
}

bool pci_slot_ask(PciBridge *b, PciSlot *s, PciDevice *p, GError **err)
{
    bool ok;

    device_enter(&b->pci.dev);
    ok = slot_ask(b, s, p, err);
    device_leave(&b->pci.dev);
    return ok;
}

/* ---- The guest's side ---- */

static void slot_reset_child(PciDevice *p, void *arg)
{
    if (p->bus == arg) {
        device_reset_request(&p->dev, RESET_BUS);
    }
}

/* The guest answers what it was asked with its power indicator: blinking, then off or on again. */
static void slot_follow_indicator(PciBridge *b, PciSlot *s, uint16_t control)
{
    unsigned pic = control & PCI_EXP_SLTCTL_PIC;
    bool off = !slot_can(b, PCI_EXP_SLTCAP_PCP) || control & PCI_EXP_SLTCTL_PCC;

    if (!s->leaving) {
        return;
    }
    if (pic == PCI_EXP_SLTCTL_PWR_IND_OFF && off) {
        slot_let_go(b, s);
    } else if (pic == PCI_EXP_SLTCTL_PWR_IND_BLINK) {
        s->asked = true;
    } else if (pic == PCI_EXP_SLTCTL_PWR_IND_ON && s->asked) {
        s->leaving = s->asked = false;
        slot_post(b, s, slot_refused);
    }
}

static void slot_control_wrote(PciBridge *b, PciSlot *s)
{
    uint16_t control = slot_get(b, PCI_EXP_SLTCTL), old = s->control, events;

    if (control & PCI_EXP_SLTCTL_EIC) { /* writing 1 turns it; it reads as 0 */
        slot_set(b, PCI_EXP_SLTCTL, control & ~PCI_EXP_SLTCTL_EIC);
        slot_set(b, PCI_EXP_SLTSTA, slot_get(b, PCI_EXP_SLTSTA) ^ PCI_EXP_SLTSTA_EIS);
    }
    if (control & ~old & PCI_EXP_SLTCTL_PCC) {
        pci_for_each(&b->bus, slot_reset_child, &b->bus);
    }
    s->control = slot_get(b, PCI_EXP_SLTCTL);
    events = slot_update(b);
    slot_follow_indicator(b, s, control);
    slot_event(b, s, events | PCI_EXP_SLTSTA_CC);
}

void pci_slot_config_wrote(PciBridge *b, PciSlot *s, unsigned off, unsigned len)
{
    if (!slot_can(b, PCI_EXP_SLTCAP_HPC)) {
        return;
    }
    if (pci_touches(off, len, slot_at(b, PCI_EXP_SLTCTL), 2)) {
        slot_control_wrote(b, s);
    } else if (pci_touches(off, len, slot_at(b, PCI_EXP_LNKCTL), 2)) {
        slot_event(b, s, slot_update(b));
    } else if (pci_touches(off, len, slot_at(b, PCI_EXP_SLTSTA), 2)) {
        slot_look(b, s);
    }
}

/* What is there has power from the beginning; a slot that was being emptied is empty now. */
void pci_slot_reset(PciBridge *b, PciSlot *s)
{
    bool there = slot_is_taken(b);

    if (s->leaving) {
        slot_let_go(b, s);
    }
    if (slot_can(b, PCI_EXP_SLTCAP_HPC)) {
        uint16_t indicators = PCI_EXP_SLTCTL_ATTN_IND_OFF;

        indicators |= there ? PCI_EXP_SLTCTL_PWR_IND_ON : PCI_EXP_SLTCTL_PWR_IND_OFF;
        slot_set(b, PCI_EXP_SLTCTL,
                 indicators | (!there && slot_can(b, PCI_EXP_SLTCAP_PCP) ? PCI_EXP_SLTCTL_PCC : 0));
    }
    slot_update(b);
    s->control = slot_get(b, PCI_EXP_SLTCTL);
    s->asked = s->interrupts = false;
}

void pci_slot_loaded(PciBridge *b, PciSlot *s)
{
    slot_update(b);
    s->control = slot_get(b, PCI_EXP_SLTCTL);
    s->interrupts = slot_condition(b);
}

void pci_slot_add(PciBridge *b, PciSlot *s, unsigned number, bool hotplug, bool power)
{
    PciDevice *p = &b->pci;
    unsigned cap = p->exp_cap;
    uint32_t can = hotplug ? SLOT_CAPS | (power ? PCI_EXP_SLTCAP_PCP : 0) : 0;

    b->bus.hotplug = hotplug;
    pci_set16(p, cap + PCI_EXP_FLAGS, pci_get16(p, cap + PCI_EXP_FLAGS) | PCI_EXP_FLAGS_SLOT);
    pci_set32(p, cap + PCI_EXP_SLTCAP, number << SLOT_NUMBER_SHIFT | can);
    pci_changing(p, cap + PCI_EXP_SLTSTA, 2, 0x1ff);
    pci_write1_clears(p, cap + PCI_EXP_SLTSTA, 2, 0x11f);
    if (hotplug) {
        pci_writable(p, cap + PCI_EXP_SLTCTL, 2,
                     SLOT_ENABLES | PCI_EXP_SLTCTL_HPIE | PCI_EXP_SLTCTL_AIC | PCI_EXP_SLTCTL_PIC |
                         PCI_EXP_SLTCTL_EIC | (power ? PCI_EXP_SLTCTL_PCC : 0));
    }
}
