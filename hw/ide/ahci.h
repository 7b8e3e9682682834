/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the AHCI controller share: registers of ports, command slots, FISes. */
#ifndef HW_IDE_AHCI_H
#define HW_IDE_AHCI_H

#include "hw/ide/ide-priv.h"
#include "hw/pci/pci.h"

enum { AHCI_PORTS = 6, AHCI_SLOTS = 32, AHCI_NO_SLOT = 0xff };

/* PxCMD */
enum {
    PORT_ST = 1 << 0,
    PORT_SUD = 1 << 1,
    PORT_POD = 1 << 2,
    PORT_CLO = 1 << 3,
    PORT_FRE = 1 << 4,
    PORT_FR = 1 << 14,
    PORT_CR = 1 << 15,
    PORT_ATAPI = 1 << 24,
};

/* PxIS */
enum {
    PORT_DHRS = 1 << 0,
    PORT_PSS = 1 << 1,
    PORT_SDBS = 1 << 3,
    PORT_PCS = 1 << 6,
    PORT_OFS = 1 << 24,
    PORT_HBFS = 1 << 29,
    PORT_TFES = 1 << 30,
};

enum { SERR_X = 1 << 26 };

/* Where the data of a command is in memory, and how far it went. */
typedef struct AhciSlot {
    uint64_t table; /* of regions */
    uint32_t entries, at, offset, done;
} AhciSlot;

typedef struct Ahci Ahci;

typedef struct AhciPort {
    IdeBus bus; /* first */
    Ahci *hba;
    bool running; /* commands are being taken */
    AhciSlot slot[AHCI_SLOTS];
    /* state */
    uint32_t clb, clbu, fb, fbu, is, ie, cmd, sig, ssts, sctl, serr, sact, ci;
    uint8_t status, error; /* PxTFD */
    uint8_t current;       /* slot of the command that is not queued; AHCI_NO_SLOT */
    uint8_t halted;        /* by an error, until ST is cleared */
    uint8_t resetting;     /* a FIS has set SRST */
    uint8_t greeted;       /* memory has the FIS of the device's signature */
    uint32_t held;         /* queued commands that an error on the host held */
} AhciPort;

struct Ahci {
    PciDevice pci;
    uint32_t ghc, is, index;
    uint32_t n_ports;
    AhciPort port[AHCI_PORTS];
};

extern const IdeBusOps ahci_port_ops;

/* Take what there is to do in PxCI. */
void ahci_port_run(AhciPort *p);
/* All of the port's commands are dropped. */
void ahci_port_stop(AhciPort *p);
/* By COMRESET (@link) or with the controller. */
void ahci_port_reset(AhciPort *p, bool link);
/* The FIS of the signature, where it has not been told yet. */
void ahci_port_greet(AhciPort *p);
/* After a port's PxIS or PxIE has changed. */
void ahci_update(Ahci *s);

#endif
