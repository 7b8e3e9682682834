/* SPDX-License-Identifier: Apache-2.0 */
/*
 * virtio-pci: a virtio transport that is a PCI function. A function FOO has three types:
 * virtio-FOO-pci (which interfaces, its properties and its place say), -transitional (both), and
 * -non-transitional (the modern one alone); VIRTIO_PCI_TYPES declares them.
 * Spec: VIRTIO 1.2, "4.1 Virtio Over PCI Bus", with its legacy interface.
 */
#ifndef HW_VIRTIO_VIRTIO_PCI_H
#define HW_VIRTIO_VIRTIO_PCI_H

#include "hw/pci/pci.h"
#include "hw/virtio/virtio.h"

enum VirtioPciKind { VIRTIO_PCI_AUTO, VIRTIO_PCI_TRANSITIONAL, VIRTIO_PCI_MODERN };

/* DeviceType.extra. */
typedef struct VirtioPciType {
    PciType pci;              /* class_code alone */
    uint16_t transitional_id; /* PCI device id of the transitional interface */
    uint8_t kind;             /* VirtioPciKind */
    uint32_t vectors;         /* beside one a queue; 0: as many as 1 + queues */
} VirtioPciType;

typedef struct VirtioPci {
    PciDevice pci;
    VirtioBus bus;
    uint32_t disable_legacy; /* property: off, on, auto */
    bool disable_modern, ats, aer, page_per_vq, ioeventfd;
    uint32_t vectors;    /* property; UINT32_MAX: by the type */
    bool legacy, modern; /* which interfaces there are */
    uint16_t cfg_cap;    /* where the capability is that shows the BAR; 0: none */
    /* common configuration */
    uint32_t device_feature_select, driver_feature_select;
    uint32_t driver_feature[2];
    uint16_t config_vector, queue_select;
    uint16_t queue_vector[VIRTIO_QUEUES_MAX];
    uint8_t isr, config_generation;
} VirtioPci;

extern const DeviceType device_virtio_pci; /* base of all */
extern const RegionType virtio_pci_regions[];
enum { VPCI_LEGACY, VPCI_MSIX, VPCI_COMMON, VPCI_ISR, VPCI_CONFIG, VPCI_NOTIFY, VPCI_REGIONS };
bool virtio_pci_start(Device *dev, GError **err);
bool virtio_pci_config_read(PciDevice *p, unsigned off, unsigned len, uint32_t *val);
void virtio_pci_config_wrote(PciDevice *p, unsigned off, unsigned len);

#endif
