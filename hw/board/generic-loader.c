/* SPDX-License-Identifier: Apache-2.0 */
/*
 * -device loader: bytes or a file in memory at each reset, and where a CPU begins.
 */
#include "hw/board/elf.h"
#include "hw/board/loader.h"

#include "core/cpu.h"
#include "core/device.h"
#include "core/target.h"
#include "util/bytes.h"

#include <inttypes.h>
#include <string.h>

enum { NO_CPU = UINT32_MAX, DATA_MAX = 8 };

typedef struct GenericLoader {
    Device dev;
    /* properties */
    char *file;
    uint64_t addr, data;
    uint8_t data_len;
    bool data_be, force_raw;
    uint32_t cpu_num;
    /* where the CPU begins */
    bool sets_pc;
    uint64_t pc;
} GenericLoader;

#define loader_of(dev_) device_as(dev_, GenericLoader)

static bool loader_put(GenericLoader *s, GuestPhys at, GBytes *bytes, const uint8_t *data,
                       uint64_t len, GError **err)
{
    Machine *m = s->dev.machine;

    return !len || rom_add_bytes(m, machine_memory(m), at, bytes, data, len,
                                 s->file ? s->file : "loader", err);
}

static bool loader_data(GenericLoader *s, GError **err)
{
    uint8_t le[DATA_MAX], be[DATA_MAX];
    g_autoptr(GBytes) bytes = NULL;

    if (!s->data_len || s->data_len > DATA_MAX || s->data_len & (s->data_len - 1)) {
        return error_set(err, "data-len=%u: give data-len=1, 2, 4 or 8 with data=", s->data_len);
    }
    if (s->data_len < DATA_MAX && s->data >> (8 * s->data_len)) {
        return error_set(err, "data=0x%" PRIx64 " has more than data-len=%u bytes", s->data,
                         s->data_len);
    }
    put_le64(le, s->data);
    put_be64(be, s->data);
    bytes = g_bytes_new(s->data_be ? be + DATA_MAX - s->data_len : le, s->data_len);
    return loader_put(s, s->addr, bytes, g_bytes_get_data(bytes, NULL), s->data_len, err);
}

static bool loader_elf(GenericLoader *s, GBytes *bytes, GError **err)
{
    bool any = false;
    ElfSegment seg;
    ElfFile e;

    if (!elf_open(&e, bytes, "-device loader: file", s->file, err)) {
        return false;
    }
    for (unsigned i = 0; i < e.n_segments; i++) {
        if (!elf_segment(&e, i, &seg, err)) {
            return false;
        }
        if (seg.type == PT_LOAD && seg.memsz) {
            any = true;
            if (!loader_put(s, seg.paddr, bytes, e.data + seg.off, seg.filesz, err)) {
                return false;
            }
        }
    }
    s->pc = e.entry;
    return any || error_set(err, "file=%s: an ELF file with nothing to load", s->file);
}

static bool loader_file(GenericLoader *s, GError **err)
{
    g_autoptr(GBytes) bytes = loader_read("-device loader: file", s->file, LOADER_MAX_BYTES, err);
    const uint8_t *data;
    gsize len;

    if (!bytes) {
        return false;
    }
    data = g_bytes_get_data(bytes, &len);
    if (!s->force_raw && file_kind(data, len) == FILE_ELF) {
        return loader_elf(s, bytes, err);
    }
    s->pc = s->addr;
    return loader_put(s, s->addr, bytes, data, len, err);
}

static bool loader_start(Device *dev, GError **err)
{
    GenericLoader *s = loader_of(dev);
    bool has_data = s->data || s->data_len;

    if (machine_has_started(dev->machine)) {
        return error_set(err, "a loader is there from the start: it is not hot-pluggable");
    }
    if (s->file && has_data) {
        return error_set(err, "file= and data= are two loaders");
    }
    if (s->force_raw && !s->file) {
        return error_set(err, "force-raw=on is for file=");
    }
    if (s->cpu_num != NO_CPU && s->cpu_num >= machine_n_cpus(dev->machine)) {
        return error_set(err, "cpu-num=%u: the machine has CPUs 0 to %u", s->cpu_num,
                         machine_n_cpus(dev->machine) - 1);
    }
    s->sets_pc = s->cpu_num != NO_CPU && !has_data;
    if (has_data) {
        return loader_data(s, err);
    }
    if (s->file) {
        return loader_file(s, err);
    }
    s->pc = s->addr;
    return s->sets_pc || error_set(err, "give file=, data= with data-len=, or addr= with cpu-num=");
}

/* Behind the reset of the CPU itself. */
static void loader_reset_exit(Device *dev, ResetType type)
{
    GenericLoader *s = loader_of(dev);
    Cpu *cpu;

    if (!s->sets_pc) {
        return;
    }
    cpu = machine_cpu(dev->machine, s->cpu_num);
    if (cpu->target_ops && cpu->target_ops->set_pc) {
        cpu->target_ops->set_pc(cpu, s->pc);
    } else {
        memcpy((uint8_t *)cpu + cpu->target->pc_offset, &s->pc, sizeof(s->pc));
    }
}

static const Field loader_fields[] = {
    PROP_STR(GenericLoader, file, NULL, .doc = "what goes into memory: an ELF file, or bytes"),
    PROP_U64(GenericLoader, addr, 0, .doc = "where: a physical address; of a CPU alone, its PC"),
    PROP_U64(GenericLoader, data, 0, .doc = "a number that goes into memory"),
    { "data-len", FIELD_PROP, TYPE_U8, FIELD_AT(GenericLoader, data_len, 1),
      .doc = "its bytes: 1, 2, 4 or 8" },
    { "data-be", FIELD_PROP, TYPE_BOOL, FIELD_AT(GenericLoader, data_be, 1),
      .doc = "it is big-endian" },
    { "force-raw", FIELD_PROP, TYPE_BOOL, FIELD_AT(GenericLoader, force_raw, 1),
      .doc = "an ELF file as bytes, at addr" },
    { "cpu-num", FIELD_PROP, TYPE_U32, FIELD_AT(GenericLoader, cpu_num, 4), .def = NO_CPU,
      .doc = "the CPU that begins at the file's entry, or at addr" },
    SCRATCH(GenericLoader, sets_pc),
    SCRATCH(GenericLoader, pc),
};

const DeviceType device_loader = {
    .name = "loader",
    .doc = "bytes or a file in memory at reset, and where a CPU begins",
    .size = sizeof(GenericLoader),
    .fields = TABLE(loader_fields),
    .user_creatable = true,
    .start = loader_start,
    .reset_exit = loader_reset_exit,
};
