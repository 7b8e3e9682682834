/* SPDX-License-Identifier: Apache-2.0 */
#include "debug/disas.h"

#include "core/target.h"
#include "util/library.h"

#include <capstone/capstone.h>
#include <elf.h>
#include <inttypes.h>

/* Loaded when something is disassembled. */
typedef struct Capstone {
    typeof(cs_open) *cs_open;
    typeof(cs_disasm) *cs_disasm;
    typeof(cs_free) *cs_free;
    typeof(cs_close) *cs_close;
} Capstone;

static bool disas_load(Capstone *c)
{
    static const LibrarySymbol symbols[] = {
        LIBRARY_SYMBOL(Capstone, cs_open),
        LIBRARY_SYMBOL(Capstone, cs_disasm),
        LIBRARY_SYMBOL(Capstone, cs_free),
        LIBRARY_SYMBOL(Capstone, cs_close),
    };
    g_autoptr(GError) err = NULL;

    return library_load(CAPSTONE_SONAME, symbols, G_N_ELEMENTS(symbols), c, &err);
}

bool disas_is_built_in(void)
{
    return true;
}

bool disas_is_available(void)
{
    Capstone c;

    return disas_load(&c);
}

/* Instruction bytes as a number of the guest's own width, when there is no text for them. */
static size_t disas_raw(uint64_t addr, const uint8_t *bytes, size_t len, GString *out)
{
    if (len < 4) {
        g_string_append_printf(out, "0x%08" PRIx64 ":  %02x        .byte    0x%02x\n", addr,
                               bytes[0], bytes[0]);
        return 1;
    }
    g_string_append_printf(out,
                           "0x%08" PRIx64 ":  %02x%02x%02x%02x  .byte    0x%02x, 0x%02x, "
                           "0x%02x, 0x%02x\n",
                           addr, bytes[3], bytes[2], bytes[1], bytes[0], bytes[0], bytes[1],
                           bytes[2], bytes[3]);
    return 4;
}

size_t disas_one(const Cpu *cpu, GuestVirt addr, const uint8_t *bytes, size_t len, GString *out)
{
    static const struct {
        cs_arch arch;
        cs_mode mode;
        bool words; /* of 4 bytes */
    } isas[] = {
        [DISAS_A64] = { CS_ARCH_ARM64, CS_MODE_LITTLE_ENDIAN, true },
        [DISAS_X86_16] = { CS_ARCH_X86, CS_MODE_16, false },
        [DISAS_X86_32] = { CS_ARCH_X86, CS_MODE_32, false },
        [DISAS_X86_64] = { CS_ARCH_X86, CS_MODE_64, false },
        [DISAS_MIPS_LE] = { CS_ARCH_MIPS, CS_MODE_MIPS64 | CS_MODE_LITTLE_ENDIAN, true },
        [DISAS_MIPS_BE] = { CS_ARCH_MIPS, CS_MODE_MIPS64 | CS_MODE_BIG_ENDIAN, true },
        [DISAS_MICROMIPS_LE] = { CS_ARCH_MIPS,
                                 CS_MODE_MIPS32 | CS_MODE_MICRO | CS_MODE_LITTLE_ENDIAN, false },
        [DISAS_MICROMIPS_BE] = { CS_ARCH_MIPS, CS_MODE_MIPS32 | CS_MODE_MICRO | CS_MODE_BIG_ENDIAN,
                                 false },
    };
    DisasIsa isa = cpu->target && cpu->target->disas_isa ? cpu->target->disas_isa(cpu) : DISAS_NONE;
    cs_insn *insn = NULL;
    Capstone c;
    size_t size;
    csh handle;

    if (isa == DISAS_NONE || !disas_load(&c) ||
        c.cs_open(isas[isa].arch, isas[isa].mode, &handle) != CS_ERR_OK) {
        return disas_raw(addr, bytes, len, out);
    }
    if (!c.cs_disasm(handle, bytes, len, addr, 1, &insn)) {
        c.cs_close(&handle);
        return disas_raw(addr, bytes, isas[isa].words ? len : 1, out);
    }
    size = insn->size;
    g_string_append_printf(out, "0x%08" PRIx64 ":  ", addr);
    for (size_t i = 0; i < size; i++) { /* little-endian words read as numbers */
        g_string_append_printf(out, "%02x", bytes[isas[isa].words ? size - 1 - i : i]);
    }
    g_string_append_printf(out, "  %*s%-8s %s\n", isas[isa].words ? 0 : (int)(20 - 2 * size), "",
                           insn->mnemonic, insn->op_str);
    c.cs_free(insn, 1);
    c.cs_close(&handle);
    return size;
}

size_t disas_host(unsigned elf_machine, uint64_t addr, const uint8_t *bytes, size_t len,
                  GString *out)
{
    cs_insn *insn = NULL;
    Capstone c;
    size_t size;
    csh handle;

    if (elf_machine != EM_X86_64 || !disas_load(&c) ||
        c.cs_open(CS_ARCH_X86, CS_MODE_64, &handle) != CS_ERR_OK) {
        return disas_raw(addr, bytes, len, out);
    }
    if (!c.cs_disasm(handle, bytes, len, addr, 1, &insn)) {
        c.cs_close(&handle);
        return disas_raw(addr, bytes, 1, out);
    }
    size = insn->size;
    g_string_append_printf(out, "0x%08" PRIx64 ":  %-8s %s\n", addr, insn->mnemonic, insn->op_str);
    c.cs_free(insn, 1);
    c.cs_close(&handle);
    return size;
}
