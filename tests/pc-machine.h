/* SPDX-License-Identifier: Apache-2.0 */
/* For tests of PCs' chip sets: a machine that has halted, and its ports. */
#ifndef TESTS_PC_MACHINE_H
#define TESTS_PC_MACHINE_H

#include "hw/board/board.h"
#include "hw/isa/isa.h"
#include "target/i386/cpu.h"
#include "tests/unit.h"

#include <glib/gstdio.h>
#include <string.h>

/* With 64 KiB of firmware that is all F4h (HLT). */
static inline Machine *pc_machine_new(const Board *board, GError **err)
{
    g_autofree char *path = g_build_filename(g_get_tmp_dir(), "tinamou-XXXXXX", NULL);
    g_autofree char *rom = g_malloc(64 << 10);
    int fd = g_mkstemp(path);
    Machine *m = machine_new(err);
    BoardConfig cfg = { .ram_bytes = 64 << 20, .bios = path, .cpu = "host", .vga = "none" };
    bool ok;

    memset(rom, 0xf4, 64 << 10);
    ok = fd >= 0 && g_file_set_contents(path, rom, 64 << 10, err);
    machine_add_types(m, device_types);
    machine_add_types(m, x86_cpu_types);
    ok = ok && board->init(m, &cfg, err);
    g_close(fd, NULL);
    g_unlink(path);
    if (!ok) {
        machine_free(m);
        return NULL;
    }
    machine_reset(m, RESET_COLD, CAUSE_NONE);
    return m;
}

static inline uint64_t pc_in(Machine *m, unsigned port, unsigned size)
{
    uint64_t val = 0;

    EXPECT_EQ(aspace_load(isa_ports(m), port, size, &val, (MemAttrs){ 0 }), MEM_OK);
    return val;
}

static inline void pc_out(Machine *m, unsigned port, unsigned size, uint64_t val)
{
    EXPECT_EQ(aspace_store(isa_ports(m), port, size, val, (MemAttrs){ 0 }), MEM_OK);
}

#endif
