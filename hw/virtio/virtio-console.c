/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-serial with one port, and the virtconsole that plugs a character device into it.
 * Spec: VIRTIO 1.2, "5.3 Console Device", without VIRTIO_CONSOLE_F_MULTIPORT.
 */
#include "chardev/chardev.h"
#include "hw/virtio/virtqueue.h"

enum { RX_QUEUE, TX_QUEUE, SERIAL_QUEUE_SIZE = 128, SERIAL_CHUNK = 4096 };

typedef struct VirtioSerial {
    VirtioDevice v;
    Chardev *chardev; /* the console's */
} VirtioSerial;

/* A console: only says which character device. */
typedef struct VirtConsole {
    Device dev;
    Chardev *chardev;
} VirtConsole;

static void vserial_transmit(VirtioSerial *s)
{
    uint8_t buf[SERIAL_CHUNK];
    VirtElem *e;

    while ((e = virtq_pop(&s->v, TX_QUEUE)) != NULL) {
        for (uint64_t at = 0; at < e->out_bytes;) {
            size_t n = virtq_read(e, at, buf, sizeof(buf));

            if (!n) {
                break;
            }
            if (s->chardev) {
                chardev_write(s->chardev, buf, n);
            }
            at += n;
        }
        virtq_push(&s->v, e, 0);
    }
    virtq_notify(&s->v, TX_QUEUE);
}

static void vserial_notify(VirtioDevice *v, unsigned q)
{
    VirtioSerial *s = (VirtioSerial *)v;

    if (q == TX_QUEUE) {
        vserial_transmit(s);
    } else if (q == RX_QUEUE && s->chardev) {
        chardev_accept_input(s->chardev);
    }
}

/* What the next buffer of the driver holds. */
static unsigned vserial_can_read(void *opaque)
{
    VirtioSerial *s = opaque;
    unsigned room = 0;
    VirtElem *e;

    virtio_enter(&s->v);
    if (virtio_is_running(&s->v) && (e = virtq_pop(&s->v, RX_QUEUE)) != NULL) {
        room = (unsigned)MIN(e->in_bytes, SERIAL_CHUNK);
        virtq_unpop(&s->v, e);
    }
    virtio_leave(&s->v);
    return room;
}

static void vserial_read(void *opaque, const uint8_t *buf, unsigned len)
{
    VirtioSerial *s = opaque;
    VirtElem *e;

    virtio_enter(&s->v);
    if (virtio_is_running(&s->v) && (e = virtq_pop(&s->v, RX_QUEUE)) != NULL) {
        virtq_push(&s->v, e, (uint32_t)virtq_write(e, 0, buf, len));
        virtq_notify(&s->v, RX_QUEUE);
    }
    virtio_leave(&s->v);
}

static const VirtioType vserial_type = { .id = 3, .notify = vserial_notify };

static bool vserial_start(Device *dev, GError **err)
{
    virtio_add_queue(virtio_of(dev), SERIAL_QUEUE_SIZE);
    virtio_add_queue(virtio_of(dev), SERIAL_QUEUE_SIZE);
    return virtio_plug(virtio_of(dev), err);
}

static const Field vserial_fields[] = { SCRATCH(VirtioSerial, chardev) };

const DeviceType device_virtio_serial = {
    .name = "virtio-serial-device",
    .doc = "virtio console controller with one port",
    .base = &device_virtio,
    .size = sizeof(VirtioSerial),
    .fields = TABLE(vserial_fields),
    .user_creatable = true,
    .start = vserial_start,
    .extra = &vserial_type,
};

static bool virtconsole_start(Device *dev, GError **err)
{
    static const CharHandlers handlers = { vserial_can_read, vserial_read, NULL };
    VirtConsole *c = device_as(dev, VirtConsole);
    VirtioSerial *s = NULL;

    for (Device *d = machine_root(dev->machine); d;
         d = device_next(machine_root(dev->machine), d)) {
        if (d->type == &device_virtio_serial && !((VirtioSerial *)d)->chardev) {
            s = (VirtioSerial *)d;
        }
    }
    if (!s) {
        return error_set(err, "virtconsole: there is no virtio-serial-device with a free port; put "
                              "-device virtio-serial-device before each -device virtconsole");
    }
    if (!chardev_attach(c->chardev, &handlers, s, err)) {
        return false;
    }
    s->chardev = c->chardev;
    dev->on = &s->v.dev;
    return true;
}

static void virtconsole_stop(Device *dev)
{
    chardev_detach(device_as(dev, VirtConsole)->chardev, dev->on);
    ((VirtioSerial *)dev->on)->chardev = NULL;
}

static const Field virtconsole_fields[] = {
    PROP_BACKEND(VirtConsole, chardev, "chardev", .required = true, .doc = "where it leads"),
};

const DeviceType device_virtconsole = {
    .name = "virtconsole",
    .doc = "console port of a virtio-serial-device",
    .size = sizeof(VirtConsole),
    .fields = TABLE(virtconsole_fields),
    .user_creatable = true,
    .start = virtconsole_start,
    .stop = virtconsole_stop,
};
