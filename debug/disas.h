/* SPDX-License-Identifier: Apache-2.0 */
/* Disassembly of guest code, by capstone where it is built in. */
#ifndef DEBUG_DISAS_H
#define DEBUG_DISAS_H

#include "core/cpu.h"

#include <glib.h>

/* It was built with capstone; that its library is there, only loading it shows. */
bool disas_is_built_in(void);
bool disas_is_available(void);
/*
 * Append the line of the instruction at @bytes (of @len bytes) as it stands at @addr, in the
 * mode @cpu is in; the number of bytes it has, at least 1.
 */
size_t disas_one(const Cpu *cpu, GuestVirt addr, const uint8_t *bytes, size_t len, GString *out);
/* The same of host code, of the machine that an ELF header would name. */
size_t disas_host(unsigned elf_machine, uint64_t addr, const uint8_t *bytes, size_t len,
                  GString *out);

#endif
