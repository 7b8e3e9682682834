/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-serial: a controller of ports, each with two queues, and what is plugged into it:
 * virtconsole (a terminal of the guest's) and virtserialport (a channel with a name). A driver that
 * knows of one port alone sees port 0.
 * Spec: VIRTIO 1.2, "5.3 Console Device".
 */
#include "chardev/chardev.h"
#include "hw/virtio/virtqueue.h"
#include "util/bytes.h"

enum {
    SERIAL_QUEUE_SIZE = 128,
    SERIAL_CONTROL_SIZE = 32,
    SERIAL_CHUNK = 4096,
    SERIAL_PORTS = VIRTIO_QUEUES_MAX / 2 - 1,
    SERIAL_NAME_MAX = 255,
    CONTROL_RX = 2,
    CONTROL_TX = 3,
    /* "5.3.3 Feature bits" */
    SERIAL_F_MULTIPORT = 1,
    SERIAL_F_EMERG_WRITE = 2,
    /* "5.3.4 Device configuration layout" */
    CONFIG_MAX_PORTS = 4,
    CONFIG_EMERG_WRITE = 8,
    CONFIG_BYTES = 12,
    CONTROL_BYTES = 8, /* of a message: id, event, value */
};

/* "5.3.6.2 Multiport Device Operation" */
enum {
    EVENT_DEVICE_READY,
    EVENT_DEVICE_ADD,
    EVENT_PORT_REMOVE,
    EVENT_PORT_READY,
    EVENT_CONSOLE_PORT,
    EVENT_RESIZE,
    EVENT_PORT_OPEN,
    EVENT_PORT_NAME,
};

typedef struct VirtPort VirtPort;

typedef struct VirtioSerial {
    VirtioDevice v;
    uint32_t max_ports;
    bool emergency_write;
    VirtPort *port[SERIAL_PORTS];
    char *name, *alias; /* of the bus */
} VirtioSerial;

/* What is plugged into a controller. */
struct VirtPort {
    Device dev;
    /* properties */
    char *bus_name, *name;
    uint32_t nr;
    Chardev *chardev;
    VirtioSerial *serial;
    bool is_console;
    /* state */
    uint8_t ready; /* the driver knows of it */
    uint8_t guest_open;
    uint8_t host_open; /* as the driver was told */
};

static const char serial_bus_kind[] = "virtio-serial-bus";

static VirtioSerial *serial_of(VirtioDevice *v)
{
    return device_as(&v->dev, VirtioSerial);
}

static unsigned serial_rx(unsigned nr)
{
    return nr ? 2 * nr + 2 : 0;
}

static unsigned serial_tx(unsigned nr)
{
    return serial_rx(nr) + 1;
}

static bool serial_is_multiport(const VirtioSerial *s)
{
    return virtio_has(&s->v, BIT(SERIAL_F_MULTIPORT));
}

/* ---- Control messages ---- */

/* One that the driver has no buffer for is lost, as on a line that nobody reads. */
static void serial_tell(VirtioSerial *s, unsigned nr, unsigned event, unsigned value,
                        const char *name)
{
    uint8_t m[CONTROL_BYTES + SERIAL_NAME_MAX];
    size_t len = CONTROL_BYTES;
    VirtElem *e;

    if (!virtio_is_running(&s->v) || !serial_is_multiport(s) ||
        !(e = virtq_pop(&s->v, CONTROL_RX))) {
        return;
    }
    put_le32(m, nr);
    put_le16(m + 4, (uint16_t)event);
    put_le16(m + 6, (uint16_t)value);
    if (name) {
        size_t n = min_u64(strlen(name), SERIAL_NAME_MAX);

        memcpy(m + len, name, n);
        len += n;
    }
    virtq_push(&s->v, e, (uint32_t)virtq_write(e, 0, m, len));
    virtq_notify(&s->v, CONTROL_RX);
}

static void serial_guest_open(VirtPort *p, bool open)
{
    if (p->guest_open != open) {
        g_autofree char *text = g_strdup_printf("VSERPORT_CHANGE {\"id\": \"%s\", \"open\": %s}",
                                                p->dev.id, open ? "true" : "false");

        p->guest_open = open;
        machine_post_event(p->dev.machine, EVENT_DEVICE, text);
    }
    if (open && p->chardev) {
        chardev_accept_input(p->chardev);
    }
}

/* A console is always there; the other end of a channel comes and goes. */
static bool serial_host_is_open(const VirtPort *p)
{
    return p->is_console || (p->chardev && chardev_is_open(p->chardev));
}

static void serial_tell_host_open(VirtPort *p)
{
    p->host_open = serial_host_is_open(p);
    serial_tell(p->serial, p->nr, EVENT_PORT_OPEN, p->host_open, NULL);
}

static void serial_port_ready(VirtPort *p)
{
    p->ready = 1;
    if (p->is_console) {
        serial_tell(p->serial, p->nr, EVENT_CONSOLE_PORT, 1, NULL);
    }
    if (p->name) {
        serial_tell(p->serial, p->nr, EVENT_PORT_NAME, 1, p->name);
    }
    if (serial_host_is_open(p)) {
        serial_tell_host_open(p);
    }
}

static void serial_message(VirtioSerial *s, const uint8_t *m)
{
    uint32_t nr = get_le32(m);
    unsigned event = get_le16(m + 4), value = get_le16(m + 6);
    VirtPort *p = nr < s->max_ports ? s->port[nr] : NULL;

    if (event == EVENT_DEVICE_READY) {
        for (unsigned i = 0; value && i < s->max_ports; i++) {
            if (s->port[i]) {
                serial_tell(s, i, EVENT_DEVICE_ADD, 1, NULL);
            }
        }
        return;
    }
    if (!p) {
        guest_error(&s->v.dev, "message %u for port %u, which is not there", event, nr);
        return;
    }
    if (event == EVENT_PORT_READY && value) {
        serial_port_ready(p);
    } else if (event == EVENT_PORT_OPEN) {
        serial_guest_open(p, value != 0);
    }
}

static void serial_control(VirtioSerial *s)
{
    uint8_t m[CONTROL_BYTES];
    VirtElem *e;

    while ((e = virtq_pop(&s->v, CONTROL_TX)) != NULL) {
        if (virtq_read(e, 0, m, sizeof(m)) == sizeof(m)) {
            serial_message(s, m);
        }
        virtq_push(&s->v, e, 0);
    }
    virtq_notify(&s->v, CONTROL_TX);
}

/* ---- Data ---- */

static void serial_transmit(VirtioSerial *s, unsigned nr)
{
    uint8_t buf[SERIAL_CHUNK];
    const VirtPort *p = s->port[nr];
    unsigned q = serial_tx(nr);
    VirtElem *e;

    while ((e = virtq_pop(&s->v, q)) != NULL) {
        for (uint64_t at = 0; at < e->out_bytes;) {
            size_t n = virtq_read(e, at, buf, sizeof(buf));

            if (!n) {
                break;
            }
            if (p && p->chardev) {
                chardev_write(p->chardev, buf, n);
            }
            at += n;
        }
        virtq_push(&s->v, e, 0);
    }
    virtq_notify(&s->v, q);
}

static void serial_notify(VirtioDevice *v, unsigned q)
{
    VirtioSerial *s = serial_of(v);
    unsigned nr = q < 2 ? 0 : q / 2 - 1;

    if (q == CONTROL_TX) {
        serial_control(s);
    } else if (q == CONTROL_RX || nr >= s->max_ports) {
        return;
    } else if (q % 2) {
        serial_transmit(s, nr);
    } else if (s->port[nr] && s->port[nr]->chardev) {
        chardev_accept_input(s->port[nr]->chardev);
    }
}

/* What the next buffer of the driver holds. */
static unsigned port_can_read(void *opaque)
{
    VirtPort *p = opaque;
    VirtioDevice *v = &p->serial->v;
    unsigned room = 0, q = serial_rx(p->nr);
    VirtElem *e;

    virtio_enter(v);
    if (virtio_is_running(v) && p->guest_open && v->vq[q].ready && (e = virtq_pop(v, q)) != NULL) {
        room = (unsigned)MIN(e->in_bytes, SERIAL_CHUNK);
        virtq_unpop(v, e);
    }
    virtio_leave(v);
    return room;
}

static void port_read(void *opaque, const uint8_t *buf, unsigned len)
{
    VirtPort *p = opaque;
    VirtioDevice *v = &p->serial->v;
    unsigned q = serial_rx(p->nr);
    VirtElem *e;

    virtio_enter(v);
    if (virtio_is_running(v) && v->vq[q].ready && (e = virtq_pop(v, q)) != NULL) {
        virtq_push(v, e, (uint32_t)virtq_write(e, 0, buf, len));
        virtq_notify(v, q);
    }
    virtio_leave(v);
}

static void port_check_host(VirtPort *p)
{
    virtio_enter(&p->serial->v);
    if (p->ready && virtio_is_running(&p->serial->v) && serial_host_is_open(p) != p->host_open) {
        serial_tell_host_open(p);
    }
    virtio_leave(&p->serial->v);
}

static void port_event(void *opaque, CharEvent event)
{
    if (event == CHAR_OPENED || event == CHAR_CLOSED) {
        port_check_host(opaque);
    }
}

/* What happened at the other end while the machine stood still, or was a file. */
static void port_machine_event(void *opaque, const MachineEvent *e)
{
    VirtPort *p = opaque;

    if (e->kind == EVENT_RESUME) {
        port_check_host(p);
        if (p->chardev) {
            chardev_accept_input(p->chardev);
        }
    }
}

/* ---- The controller ---- */

static uint64_t serial_features(VirtioDevice *v)
{
    const VirtioSerial *s = serial_of(v);

    return (s->max_ports > 1 ? BIT(SERIAL_F_MULTIPORT) : 0) |
           (s->emergency_write ? BIT(SERIAL_F_EMERG_WRITE) : 0);
}

static void serial_config_read(VirtioDevice *v, uint8_t *config)
{
    put_le32(config + CONFIG_MAX_PORTS, serial_of(v)->max_ports);
}

/* A character that a driver can write before it has set up anything. */
static void serial_config_wrote(VirtioDevice *v, const uint8_t *config, unsigned off, unsigned len)
{
    VirtioSerial *s = serial_of(v);

    if (!s->emergency_write || off > CONFIG_EMERG_WRITE || off + len <= CONFIG_EMERG_WRITE) {
        return;
    }
    for (unsigned i = 0; i < s->max_ports; i++) {
        if (s->port[i] && s->port[i]->is_console && s->port[i]->chardev) {
            chardev_write(s->port[i]->chardev, config + CONFIG_EMERG_WRITE, 1);
            return;
        }
    }
}

static void serial_status_changed(VirtioDevice *v)
{
    VirtioSerial *s = serial_of(v);

    if (v->status & VIRTIO_STATUS_DRIVER_OK && !serial_is_multiport(s) && s->port[0]) {
        serial_guest_open(s->port[0], true); /* such a driver does not say so */
    }
}

static void serial_reset(VirtioDevice *v)
{
    VirtioSerial *s = serial_of(v);

    for (unsigned i = 0; i < s->max_ports; i++) {
        if (s->port[i]) {
            serial_guest_open(s->port[i], false);
            s->port[i]->ready = s->port[i]->host_open = 0;
        }
    }
}

static const VirtioType serial_type = {
    .id = 3,
    .features = serial_features,
    .config_size = CONFIG_BYTES,
    .config_read = serial_config_read,
    .config_wrote = serial_config_wrote,
    .notify = serial_notify,
    .status_changed = serial_status_changed,
    .reset = serial_reset,
};

/* By the card's id where it is a part of one, and by number. */
static bool serial_name_bus(VirtioSerial *s, GError **err)
{
    Machine *m = s->v.dev.machine;
    const Device *card = &s->v.dev;

    while (card->parent && card->parent->type->inner == card->type) {
        card = card->parent;
    }
    s->name = g_strdup_printf("%s.0", card->id);
    if (!machine_add_backend(m, serial_bus_kind, s->name, s, err)) {
        g_clear_pointer(&s->name, g_free);
        return false;
    }
    for (unsigned i = 0; !s->alias; i++) {
        g_autofree char *alias = g_strdup_printf("%s.%u", serial_bus_kind, i);

        if (!machine_find_backend(m, serial_bus_kind, alias)) {
            s->alias = g_steal_pointer(&alias);
            return machine_add_backend(m, serial_bus_kind, s->alias, s, err);
        }
    }
    return true;
}

static void serial_stop(Device *dev)
{
    VirtioSerial *s = device_as(dev, VirtioSerial);

    if (s->name) {
        machine_remove_backend(dev->machine, serial_bus_kind, s->name);
    }
    if (s->alias) {
        machine_remove_backend(dev->machine, serial_bus_kind, s->alias);
    }
    g_clear_pointer(&s->name, g_free);
    g_clear_pointer(&s->alias, g_free);
    for (unsigned i = 0; i < SERIAL_PORTS; i++) {
        if (s->port[i]) {
            s->port[i]->serial = NULL;
        }
    }
}

static bool serial_start(Device *dev, GError **err)
{
    VirtioSerial *s = device_as(dev, VirtioSerial);

    if (!s->max_ports || s->max_ports > SERIAL_PORTS) {
        return error_set(err, "max_ports=%u: must be 1 to %d", s->max_ports, SERIAL_PORTS);
    }
    for (unsigned q = 0; q < (s->max_ports == 1 ? 2 : serial_rx(s->max_ports)); q++) {
        virtio_add_queue(&s->v, q == CONTROL_RX || q == CONTROL_TX ? SERIAL_CONTROL_SIZE
                                                                   : SERIAL_QUEUE_SIZE);
    }
    if (!virtio_plug(&s->v, err)) {
        return false;
    }
    if (!serial_name_bus(s, err)) {
        serial_stop(dev);
        return false;
    }
    return true;
}

static const Field serial_fields[] = {
    PROP_U32(VirtioSerial, max_ports, SERIAL_PORTS, .doc = "1 to 31"),
    { "emergency-write", FIELD_PROP, TYPE_BOOL, FIELD_AT(VirtioSerial, emergency_write, 1),
      .def = 1, .doc = "a character by the configuration, for drivers that have not begun" },
    SCRATCH(VirtioSerial, port),
    SCRATCH(VirtioSerial, name),
    SCRATCH(VirtioSerial, alias),
};

const DeviceType device_virtio_serial = {
    .name = "virtio-serial-device",
    .doc = "virtio console controller",
    .base = &device_virtio,
    .size = sizeof(VirtioSerial),
    .fields = TABLE(serial_fields),
    .user_creatable = true,
    .start = serial_start,
    .stop = serial_stop,
    .extra = &serial_type,
};

/* ---- Ports ---- */

extern const DeviceType device_virtconsole;

static const CharHandlers port_handlers = { port_can_read, port_read, port_event };

/* The first that is free; 0 is for a console, which old drivers look for there. */
static uint32_t port_free_nr(const VirtioSerial *s, bool console)
{
    uint32_t nr = console ? 0 : 1;

    while (nr < s->max_ports && s->port[nr]) {
        nr++;
    }
    return nr;
}

static VirtioSerial *port_find_bus(const VirtPort *p, GError **err)
{
    Machine *m = p->dev.machine;
    VirtioSerial *s = p->bus_name ? machine_find_backend(m, serial_bus_kind, p->bus_name) : NULL;

    for (unsigned i = 0; !p->bus_name; i++) {
        g_autofree char *alias = g_strdup_printf("%s.%u", serial_bus_kind, i);
        VirtioSerial *next = machine_find_backend(m, serial_bus_kind, alias);

        if (!next) {
            break;
        }
        s = next;
        if (port_free_nr(s, p->is_console) < s->max_ports) {
            break;
        }
    }
    if (!s) {
        error_set(err,
                  p->bus_name ? "there is no virtio-serial bus '%s': put -device "
                                "virtio-serial-pci,id=ID before it, whose bus is ID.0"
                              : "there is no virtio-serial bus: put -device virtio-serial-pci "
                                "before it",
                  p->bus_name);
    }
    return s;
}

static bool port_choose_nr(VirtPort *p, const VirtioSerial *s, GError **err)
{
    if (p->nr == UINT32_MAX) {
        p->nr = port_free_nr(s, p->is_console);
        return p->nr < s->max_ports ||
               error_set(err, "all of the controller's ports are taken (max_ports=%u)",
                         s->max_ports);
    }
    if (p->nr >= s->max_ports) {
        return error_set(err, "nr=%u: the controller has ports 0 to %u", p->nr, s->max_ports - 1);
    }
    if (!p->nr && !p->is_console) {
        return error_set(err, "nr=0: is for a virtconsole, which old drivers look for there");
    }
    return !s->port[p->nr] ||
           error_set(err, "nr=%u: is taken by %s", p->nr, s->port[p->nr]->dev.id);
}

NO_LOCK_ANALYSIS static bool port_start(Device *dev, GError **err)
{
    VirtPort *p = device_as(dev, VirtPort);
    VirtioSerial *s;

    p->is_console = dev->type == &device_virtconsole;
    if (p->name && (strlen(p->name) > SERIAL_NAME_MAX)) {
        return error_set(err, "name=%s: is longer than %d bytes", p->name, SERIAL_NAME_MAX);
    }
    s = port_find_bus(p, err);
    if (!s || !port_choose_nr(p, s, err)) {
        return false;
    }
    p->serial = s;
    dev->on = &s->v.dev; /* it goes with that */
    if (p->chardev && !chardev_attach(p->chardev, &port_handlers, p, err)) {
        p->serial = NULL;
        return false;
    }
    virtio_enter(&s->v);
    s->port[p->nr] = p;
    serial_tell(s, p->nr, EVENT_DEVICE_ADD, 1, NULL);
    virtio_leave(&s->v);
    machine_listen(dev->machine, port_machine_event, p);
    return true;
}

NO_LOCK_ANALYSIS static void port_stop(Device *dev)
{
    VirtPort *p = device_as(dev, VirtPort);
    VirtioSerial *s = p->serial;

    if (p->chardev) {
        chardev_detach(p->chardev, p);
    }
    machine_unlisten(dev->machine, port_machine_event, p);
    if (s) {
        virtio_enter(&s->v);
        p->chardev = NULL;
        serial_guest_open(p, false);
        serial_tell(s, p->nr, EVENT_PORT_REMOVE, 1, NULL);
        s->port[p->nr] = NULL;
        virtio_leave(&s->v);
        p->serial = NULL;
    }
}

/* Nobody is asked: the controller tells its driver that the port is gone. */
static bool port_pull(Device *dev, GError **err)
{
    device_delete(dev, true);
    return true;
}

static const Field port_fields[] = {
    { "bus", FIELD_PROP, TYPE_STR, FIELD_AT(VirtPort, bus_name, sizeof(char *)),
      .doc = "the controller's bus (ID.0); the first with room without it" },
    PROP_STR(VirtPort, name, NULL, .doc = "that the guest finds it by in /dev/virtio-ports"),
    PROP_U32(VirtPort, nr, UINT32_MAX, .doc = "number of the port; the first that is free"),
    PROP_BACKEND(VirtPort, chardev, "chardev", .doc = "where it leads"),
    SCRATCH(VirtPort, serial),
    SCRATCH(VirtPort, is_console),
    STATE_U8(VirtPort, ready, .max = 1, .no_reset = true),
    STATE_U8(VirtPort, guest_open, .max = 1, .no_reset = true),
    STATE_U8(VirtPort, host_open, .max = 1, .no_reset = true),
};

#define PORT_LIFE                                                                   \
    .size = sizeof(VirtPort), .fields = TABLE(port_fields), .user_creatable = true, \
    .start = port_start, .stop = port_stop, .unplug = port_pull

const DeviceType device_virtconsole = {
    .name = "virtconsole",
    .doc = "console port of virtio-serial",
    PORT_LIFE,
};

const DeviceType device_virtserialport = {
    .name = "virtserialport",
    .doc = "port of virtio-serial with a name, for programs",
    PORT_LIFE,
};
