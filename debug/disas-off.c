/* SPDX-License-Identifier: Apache-2.0 */
/* Built without capstone. */
#include "debug/disas.h"

bool disas_is_built_in(void)
{
    return false;
}

bool disas_is_available(void)
{
    return false;
}

size_t disas_one(const Cpu *cpu, GuestVirt addr, const uint8_t *bytes, size_t len, GString *out)
{
    g_string_append_printf(out, "0x%08llx: (no disassembler)\n", (unsigned long long)addr);
    return 4;
}

size_t disas_host(unsigned elf_machine, uint64_t addr, const uint8_t *bytes, size_t len,
                  GString *out)
{
    g_string_append_printf(out, "0x%08llx: (no disassembler)\n", (unsigned long long)addr);
    return len;
}
