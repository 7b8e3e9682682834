/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blobs that are in memory at every reset.
 */
#include "core/core-priv.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

static RomBlob *rom_at(Machine *m, unsigned i)
{
    return &g_array_index(m->roms, RomBlob, i);
}

static void rom_load(const RomBlob *rom)
{
    if (aspace_write_rom(rom->as, rom->addr, rom->data, rom->len)) {
        log_message(machine_log(rom->as->machine), LOG_LEVEL_WARN, NULL,
                    "'%s' does not fit into memory at 0x%" PRIx64, rom->name, rom->addr);
    }
}

bool rom_add_bytes(Machine *m, AddressSpace *as, GuestPhys addr, GBytes *bytes, const uint8_t *data,
                   uint64_t len, const char *name, GError **err)
{
    RomBlob rom = { as, addr, len, data, NULL, NULL };

    if (!len || addr + (len - 1) < addr) {
        return error_set(err, "'%s' is empty or does not fit at 0x%" PRIx64, name, addr);
    }

    for (unsigned i = 0; i < m->roms->len; i++) {
        const RomBlob *o = rom_at(m, i);

        if (o->as == as && addr < o->addr + o->len && o->addr < addr + len) {
            return error_set(err,
                             "'%s' at 0x%" PRIx64 "-0x%" PRIx64 " overlaps '%s' at 0x%" PRIx64
                             "-0x%" PRIx64,
                             name, addr, addr + len - 1, o->name, o->addr, o->addr + o->len - 1);
        }
    }
    for (uint64_t at = addr; at - addr < len;) {
        AspaceReader reader = aspace_enter(as);
        const FlatRange *f = aspace_lookup(as, at);
        uint64_t next = f && f->ram ? f->start + f->len : 0;

        aspace_leave(reader);
        if (!next) {
            return error_set(err,
                             "'%s' (%" PRIu64 " bytes at 0x%" PRIx64
                             ") does not fit: there is no RAM or ROM at 0x%" PRIx64,
                             name, len, addr, at);
        }
        at = next;
    }
    rom.name = g_strdup(name);
    rom.bytes = g_bytes_ref(bytes);
    g_array_append_val(m->roms, rom);
    rom_load(&rom);
    return true;
}

bool rom_add(Machine *m, AddressSpace *as, GuestPhys addr, const void *data, uint64_t len,
             const char *name, GError **err)
{
    uint8_t *copy = g_try_malloc(len);
    g_autoptr(GBytes) bytes = NULL;

    if (!copy && len) {
        return error_set(err, "no memory for the %" PRIu64 " bytes of '%s'", len, name);
    }
    if (len) {
        memcpy(copy, data, len);
    }
    bytes = g_bytes_new_take(copy, len);
    return rom_add_bytes(m, as, addr, bytes, copy, len, name, err);
}

bool rom_add_file(Machine *m, AddressSpace *as, GuestPhys addr, const char *path, uint64_t max_len,
                  uint64_t *len, GError **err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    uint8_t *data = NULL;
    uint64_t done = 0;
    g_autoptr(GBytes) bytes = NULL;

    if (fd < 0 || fstat(fd, &st)) {
        error_set(err, "cannot open '%s': %s", path, strerror(errno));
        goto fail;
    }
    if (st.st_size <= 0 || (uint64_t)st.st_size > max_len) {
        error_set(err, "'%s' has %" PRIu64 " bytes; 1 to %" PRIu64 " fit here", path,
                  (uint64_t)st.st_size, max_len);
        goto fail;
    }
    data = g_try_malloc((gsize)st.st_size);
    if (!data) {
        error_set(err, "no memory for the %" PRIu64 " bytes of '%s'", (uint64_t)st.st_size, path);
        goto fail;
    }
    while (done < (uint64_t)st.st_size) {
        ssize_t n = read(fd, data + done, (size_t)st.st_size - done);

        if (n <= 0) {
            error_set(err, "cannot read '%s': %s", path, n ? strerror(errno) : "it has shrunk");
            goto fail;
        }
        done += (uint64_t)n;
    }
    close(fd);
    *len = done;
    bytes = g_bytes_new_take(data, done);
    return rom_add_bytes(m, as, addr, bytes, data, done, path, err);
fail:
    g_free(data);
    if (fd >= 0) {
        close(fd);
    }
    return false;
}

void rom_load_all(Machine *m)
{
    for (unsigned i = 0; i < m->roms->len; i++) {
        rom_load(rom_at(m, i));
    }
}

void rom_free_all(Machine *m)
{
    for (unsigned i = 0; i < m->roms->len; i++) {
        g_bytes_unref(rom_at(m, i)->bytes);
        g_free(rom_at(m, i)->name);
    }
    g_array_free(m->roms, TRUE);
}

const char *rom_name_at(Machine *m, AddressSpace *as, GuestPhys addr)
{
    for (unsigned i = 0; i < m->roms->len; i++) {
        const RomBlob *r = rom_at(m, i);

        if (r->as == as && addr - r->addr < r->len) {
            return r->name;
        }
    }
    return NULL;
}

char *rom_text(Machine *m)
{
    GString *s = g_string_new("");

    for (unsigned i = 0; i < m->roms->len; i++) {
        const RomBlob *r = rom_at(m, i);

        g_string_append_printf(s, "addr=%016" PRIx64 " size=0x%06" PRIx64 " name=\"%s\"\n", r->addr,
                               r->len, r->name);
    }
    return g_string_free(s, FALSE);
}
