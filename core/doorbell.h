/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Doorbells: registers whose write is nothing but an event ("there is something in queue 2"). A
 * device names them; an accelerator whose kernel takes such writes itself (KVM's ioeventfd) rings
 * them through a descriptor, and the guest goes on while the loop serves the device. Elsewhere the
 * write comes to the region's callback as any other.
 */
#ifndef CORE_DOORBELL_H
#define CORE_DOORBELL_H

#include "core/device.h"

/* Under the device's lock, on the loop. A ring may come late: after the guest has reset it. */
typedef void DoorbellFn(Device *dev, unsigned n);

typedef struct Doorbell {
    Device *dev; /* whose region it is in */
    unsigned region;
    uint64_t off;
    unsigned size; /* of the write; 0: any */
    bool match;    /* @value alone rings it */
    uint64_t value;
    DoorbellFn *fn;
    unsigned n;
    int fd;         /* eventfd */
    unsigned watch; /* the loop's, of one that is not in the set of the others */
    uint64_t id;    /* no other has had it */
} Doorbell;

/*
 * In start. Gone with the device. Nothing happens where the host gives no descriptor: the write
 * then comes the long way.
 */
void doorbell_add(Device *dev, unsigned region, uint64_t off, unsigned size, DoorbellFn *fn,
                  unsigned n);
/* The same for a write of @value alone. */
void doorbell_add_value(Device *dev, unsigned region, uint64_t off, unsigned size, uint64_t value,
                        DoorbellFn *fn, unsigned n);

/* For accelerators. Changes with every doorbell that comes or goes. Context: ANY_THREAD. */
uint64_t doorbell_generation(Machine *m);
/* Those of the region behind @f, under the list's lock: @fn may keep a dup of fd. ANY_THREAD. */
void doorbell_each(Machine *m, const FlatRange *f,
                   void (*fn)(const Doorbell *d, const FlatRange *f, void *arg), void *arg);

/* Serve what was rung. Context: LOOP_THREAD, no lock held. */
void doorbell_serve(Machine *m);

#endif
