/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bench for device tests: one device in a machine of its own, on a virtual clock. After every
 * step the machine is saved, loaded into a fresh one, and the test continues there, so every test
 * of a device is also a test of its state tables (and what bench_dev and bench_machine return is
 * another thing after each step). A test ends with bench_end.
 */
#ifndef CORE_BENCH_H
#define CORE_BENCH_H

#include "core/machine.h"
#include "core/memory/memory.h"

typedef struct Bench Bench;

enum { BENCH_MMIO_BASE = 0x10000000, BENCH_RAM_BASE = 0x40000000, BENCH_RAM_SIZE = 1 << 20 };

/* By name from the list of types, with properties "a=1,b=on". Fails the test and aborts it on an
 * error. The device's regions lie one after another from BENCH_MMIO_BASE. */
Bench *bench_device(const char *type, const char *props);
/* The same for a type that is in no list. */
Bench *bench_device_type(const DeviceType *type, const char *props);
/* Run @setup(device, arg) before realize, in every machine the bench makes (backends, links). */
Bench *bench_device_setup(const DeviceType *type, const char *props,
                          void (*setup)(Device *dev, void *arg), void *arg);
void bench_end(Bench *b);

/* Stop saving and loading after each step (devices whose peer is outside of the machine). */
void bench_no_reload(Bench *b);
Device *bench_dev(Bench *b);
Machine *bench_machine(Bench *b);

/* A register by its name ("CTRL", "FIFO3" for bank entry 3), with its own size. */
void bench_write(Bench *b, const char *reg, uint64_t val);
uint64_t bench_read(Bench *b, const char *reg);
/* Anything else: an offset in region @region. */
MemResult bench_write_at(Bench *b, unsigned region, uint64_t off, unsigned size, uint64_t val);
uint64_t bench_read_at(Bench *b, unsigned region, uint64_t off, unsigned size);

/* Let machine time pass; timers fire on the way. */
void bench_run_ns(Bench *b, int64_t ns);
/* Dispatch what the loop has. */
void bench_run_loop(Bench *b);
void bench_reset(Bench *b);

/* Level of output pin "irq" or "irq[2]". */
bool bench_pin(Bench *b, const char *pin);
/* Drive input pin "in" or "in[2]". */
void bench_set_pin(Bench *b, const char *pin, bool level);

#endif
