/* SPDX-License-Identifier: Apache-2.0 */
/* Each virtio function as a PCI function. */
#include "hw/virtio/virtio-pci.h"

#define VIRTIO_PCI_TYPE(var, name_, doc_, inner_, kind_, class_, id_, vectors_) \
    static const VirtioPciType var##_type = {                                   \
        .pci = { .vendor = PCI_VENDOR_QUMRANET,                                 \
                 .class_code = (class_),                                        \
                 .intx = 1,                                                     \
                 .romfile = (class_) == 0x020000 ? "efi-virtio.rom" : NULL,     \
                 .config_read = virtio_pci_config_read,                         \
                 .config_wrote = virtio_pci_config_wrote },                     \
        .transitional_id = (id_),                                               \
        .kind = (kind_),                                                        \
        .vectors = (vectors_),                                                  \
    };                                                                          \
    const DeviceType device_##var = {                                           \
        .name = (name_),                                                        \
        .doc = (doc_),                                                          \
        .base = &device_virtio_pci,                                             \
        .inner = &(inner_),                                                     \
        .size = sizeof(VirtioPci),                                              \
        .user_creatable = true,                                                 \
        .start = virtio_pci_start,                                              \
        .extra = &var##_type,                                                   \
    }

/* @id is 0x1000 + ...: "4.1.2.1 Device Requirements: PCI Device Discovery". */
#define VIRTIO_PCI_TYPES(foo, name, doc, class_code, id, vectors)                               \
    extern const DeviceType device_virtio_##foo;                                                \
    VIRTIO_PCI_TYPE(virtio_##foo##_pci, name "-pci", doc, device_virtio_##foo, VIRTIO_PCI_AUTO, \
                    class_code, id, vectors);                                                   \
    VIRTIO_PCI_TYPE(virtio_##foo##_pci_transitional, name "-pci-transitional", doc,             \
                    device_virtio_##foo, VIRTIO_PCI_TRANSITIONAL, class_code, id, vectors);     \
    VIRTIO_PCI_TYPE(virtio_##foo##_pci_modern, name "-pci-non-transitional", doc,               \
                    device_virtio_##foo, VIRTIO_PCI_MODERN, class_code, id, vectors)

VIRTIO_PCI_TYPES(blk, "virtio-blk", "virtio disk on PCI", 0x010000, 0x1001, 0);
VIRTIO_PCI_TYPES(net, "virtio-net", "virtio network card on PCI", 0x020000, 0x1000, 0);
VIRTIO_PCI_TYPES(rng, "virtio-rng", "virtio source of randomness on PCI", 0x00ff00, 0x1005, 2);
VIRTIO_PCI_TYPES(balloon, "virtio-balloon", "virtio memory balloon on PCI", 0x00ff00, 0x1002, 0);
VIRTIO_PCI_TYPES(scsi, "virtio-scsi", "virtio SCSI adapter on PCI", 0x010000, 0x1004, 0);
VIRTIO_PCI_TYPES(9p, "virtio-9p", "virtio 9P transport on PCI", 0x000200, 0x1009, 2);
VIRTIO_PCI_TYPES(serial, "virtio-serial", "virtio console controller on PCI", 0x078000, 0x1003, 2);

/* No legacy interface ("5.7 GPU Device" came with version 1.0's successors): one type. */
extern const DeviceType device_virtio_gpu;
VIRTIO_PCI_TYPE(virtio_gpu_pci, "virtio-gpu-pci", "virtio display on PCI", device_virtio_gpu,
                VIRTIO_PCI_MODERN, 0x038000, 0, 3);
