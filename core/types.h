/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types that every header of a machine uses.
 */
#ifndef CORE_TYPES_H
#define CORE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t GuestPhys;
typedef uint64_t GuestVirt;

#define NS_PER_US 1000ll
#define NS_PER_MS 1000000ll
#define NS_PER_S  1000000000ll

#define GUEST_PAGE_BITS 12
#define GUEST_PAGE_SIZE 4096u

typedef enum Endian { ENDIAN_LITTLE, ENDIAN_BIG, ENDIAN_BOARD } Endian;

typedef struct Accel Accel;
typedef struct AddressSpace AddressSpace;
typedef struct Cpu Cpu;
typedef struct CpuIntc CpuIntc;
typedef struct Device Device;
typedef struct DeviceType DeviceType;
typedef struct FlatRange FlatRange;
typedef struct KvmTarget KvmTarget;
typedef struct Machine Machine;
typedef struct MemRegion MemRegion;
typedef struct MsiRoute MsiRoute; /* the accelerator's */
typedef struct RamBlock RamBlock;
typedef struct Target Target;
typedef struct Timer Timer;

/* What a reset is; a part may be reset alone by any of the later ones. */
typedef enum ResetType {
    RESET_COLD,     /* power on: everything */
    RESET_WARM,     /* the machine's reset line; fields with .keep_warm stay */
    RESET_BUS,      /* a bus resets what is on it */
    RESET_FUNCTION, /* one function by its own register */
    RESET_WAKE,     /* leaving suspend to RAM; fields with .keep_wake stay */
} ResetType;

/* Who asks for an access. Zero is a plain access by the machine itself. */
typedef struct MemAttrs {
    uint16_t requester; /* PCI requester id, stream id, or CPU index */
    uint8_t secure : 1;
    uint8_t user : 1;  /* unprivileged */
    uint8_t debug : 1; /* no side effects: never reaches a device */
    uint8_t fetch : 1; /* instruction */
    uint8_t cpu : 1;   /* by the vCPU whose thread this is, where a device must know */
} MemAttrs;

typedef enum MemResult {
    MEM_OK,
    MEM_DECODE_ERROR, /* nothing there */
    MEM_DEVICE_ERROR, /* the device refuses this access */
} MemResult;

#endif
