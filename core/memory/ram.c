/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RAM blocks and their logs of written pages.
 */
#include "core/core-priv.h"
#include "util/size.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RAM_HUGE = 2 << 20 };

/* @size bytes of address space at a multiple of RAM_HUGE; NULL with errno. */
static uint8_t *ram_reserve(size_t size)
{
    uint8_t *p =
        mmap(NULL, size + RAM_HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    size_t head = p == MAP_FAILED ? 0 : -(uintptr_t)p % RAM_HUGE;

    if (p == MAP_FAILED) {
        return NULL;
    }
    if (head) {
        munmap(p, head);
    }
    munmap(p + head + size, RAM_HUGE - head);
    return p + head;
}

/* Address space for the RAM and a guard page behind; NULL with errno. */
static uint8_t *ram_map(RamBlock *ram)
{
    size_t all = bits_align_up(ram->size + GUEST_PAGE_SIZE, GUEST_PAGE_SIZE);
    uint8_t *p = ram_reserve(all);
    int flags = MAP_FIXED | MAP_NORESERVE | (ram->flags & RAM_PREALLOC ? MAP_POPULATE : 0);
    void *q;

    if (!p) {
        return NULL;
    }
    flags |= ram->flags & RAM_SHARED ? MAP_SHARED : MAP_PRIVATE;
    flags |= ram->fd < 0 ? MAP_ANONYMOUS : 0;
    q = mmap(p, ram->size, PROT_READ | PROT_WRITE, flags, ram->fd, 0);
    if (q == MAP_FAILED) {
        int saved = errno;

        munmap(p, all);
        errno = saved;
        return NULL;
    }
    if (ram->size >= RAM_HUGE && !(ram->flags & RAM_ROM)) {
        (void)madvise(p, ram->size, MADV_HUGEPAGE); /* a wish: far fewer faults */
    }
    return p;
}

bool ram_fill(RamBlock *ram, uint8_t byte)
{
    enum { PIECE = 1 << 20 };
    int fd = ram->fd < 0 && ram->size % PIECE == 0 ? memfd_create("fill", MFD_CLOEXEC) : -1;
    void *p = MAP_FAILED;
    bool ok;

    if (fd >= 0 && !ftruncate(fd, PIECE)) {
        p = mmap(NULL, PIECE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    ok = p != MAP_FAILED;
    if (ok) {
        memset(p, byte, PIECE);
        munmap(p, PIECE);
    }
    for (uint64_t at = 0; ok && at < ram->size; at += PIECE) {
        ok = mmap(ram->host + at, PIECE, PROT_READ | PROT_WRITE,
                  MAP_FIXED | MAP_PRIVATE | MAP_NORESERVE, fd, 0) != MAP_FAILED;
    }
    if (fd >= 0) {
        close(fd);
    }
    if (!ok) {
        memset(ram->host, byte, ram->size);
    }
    ram_wrote(ram, 0, ram->size);
    return ok;
}

static void ram_unmake(RamBlock *ram)
{
    for (unsigned c = 0; c < DIRTY_CLIENTS; c++) {
        g_free(ram->dirty[c]);
    }
    if (ram->host) {
        munmap(ram->host, ram->size + GUEST_PAGE_SIZE);
    }
    if (ram->fd >= 0) {
        close(ram->fd);
    }
    g_free(ram->name);
    g_free(ram);
}

static bool ram_open(RamBlock *ram)
{
    size_t words = (ram->n_pages + 63) / 64;

    if (ram->flags & RAM_SHARED && ram->fd < 0) {
        ram->fd = memfd_create(ram->name, MFD_CLOEXEC);
        if (ram->fd < 0 || ftruncate(ram->fd, (off_t)ram->size)) {
            return false;
        }
    }
    ram->host = ram_map(ram);
    if (!ram->host) {
        return false;
    }
    for (unsigned c = 0; c < DIRTY_CLIENTS; c++) {
        ram->dirty[c] = g_try_new0(uint64_t, words);
        if (!ram->dirty[c]) {
            errno = ENOMEM;
            return false;
        }
    }
    memset(ram->dirty[DIRTY_CODE], 0xff, words * sizeof(uint64_t));
    ram->log_clients = 1u << DIRTY_CODE;
    return true;
}

RamBlock *ram_new(Machine *m, const char *name, uint64_t size, unsigned flags, GError **err)
{
    return ram_new_fd(m, name, size, flags, -1, err);
}

static bool ram_may_be(Machine *m, const char *name, uint64_t size, const char *text, GError **err)
{
    if (!size || size > 1ull << 46) {
        return error_set(err, "RAM '%s' of %s: the size must be 1 byte to 64 TiB", name, text);
    }
    return !ram_find(m, name) || error_set(err, "there are two RAM blocks called '%s'", name);
}

RamBlock *ram_new_fd(Machine *m, const char *name, uint64_t size, unsigned flags, int take_fd,
                     GError **err)
{
    RamBlock *ram, **tail = &m->rams;
    g_autofree char *text = size_text(size);

    if (!ram_may_be(m, name, size, text, err)) {
        if (take_fd >= 0) {
            close(take_fd);
        }
        return NULL;
    }
    ram = g_new0(RamBlock, 1);
    ram->machine = m;
    ram->name = g_strdup(name);
    ram->size = bits_align_up(size, GUEST_PAGE_SIZE);
    ram->n_pages = ram->size / GUEST_PAGE_SIZE;
    ram->flags = flags;
    ram->fd = take_fd;
    if (!ram_open(ram)) {
        error_set(err, "cannot get %s for RAM '%s': %s; ask for less with -m", text, name,
                  strerror(errno));
        ram_unmake(ram);
        return NULL;
    }
    ram->id = m->n_rams++;
    while (*tail) {
        tail = &(*tail)->next;
    }
    *tail = ram;
    return ram;
}

void ram_free_all(Machine *m)
{
    while (m->rams) {
        RamBlock *ram = m->rams;

        m->rams = ram->next;
        ram_unmake(ram);
    }
}

RamBlock *ram_first(Machine *m)
{
    return m->rams;
}

RamBlock *ram_find(Machine *m, const char *name)
{
    for (RamBlock *ram = m->rams; ram; ram = ram->next) {
        if (!strcmp(ram->name, name)) {
            return ram;
        }
    }
    return NULL;
}

RamBlock *ram_from_host(Machine *m, const void *host, uint64_t *offset)
{
    for (RamBlock *ram = m->rams; ram; ram = ram->next) {
        if ((const uint8_t *)host >= ram->host && (const uint8_t *)host < ram->host + ram->size) {
            *offset = (const uint8_t *)host - ram->host;
            return ram;
        }
    }
    return NULL;
}

/* Bits of word @w that lie in pages [first, last]. */
static uint64_t ram_word_mask(uint64_t w, uint64_t first, uint64_t last)
{
    uint64_t mask = UINT64_MAX;

    if (w == first / 64) {
        mask &= UINT64_MAX << (first % 64);
    }
    if (w == last / 64) {
        mask &= UINT64_MAX >> (63 - last % 64);
    }
    return mask;
}

/* Pages of [off, off + len), clipped to the block; false when none. */
static bool ram_pages(const RamBlock *ram, uint64_t off, uint64_t len, uint64_t *first,
                      uint64_t *last)
{
    if (!len || off >= ram->size) {
        return false;
    }
    len = min_u64(len, ram->size - off);
    *first = off / GUEST_PAGE_SIZE;
    *last = (off + len - 1) / GUEST_PAGE_SIZE;
    return true;
}

static void ram_set_bits(uint64_t *bits, uint64_t first, uint64_t last)
{
    for (uint64_t w = first / 64; w <= last / 64; w++) {
        uint64_t mask = ram_word_mask(w, first, last);

        if ((__atomic_load_n(&bits[w], __ATOMIC_SEQ_CST) & mask) != mask) {
            __atomic_fetch_or(&bits[w], mask, __ATOMIC_SEQ_CST);
        }
    }
}

static bool ram_clear_bits(uint64_t *bits, uint64_t first, uint64_t last)
{
    bool any = false;

    for (uint64_t w = first / 64; w <= last / 64; w++) {
        uint64_t mask = ram_word_mask(w, first, last);

        any |= (__atomic_fetch_and(&bits[w], ~mask, __ATOMIC_SEQ_CST) & mask) != 0;
    }
    return any;
}

/* Is any bit of [first, last] @set? */
static bool ram_test_bits(const uint64_t *bits, uint64_t first, uint64_t last, bool set)
{
    for (uint64_t w = first / 64; w <= last / 64; w++) {
        uint64_t v = __atomic_load_n(&bits[w], __ATOMIC_SEQ_CST);

        if ((set ? v : ~v) & ram_word_mask(w, first, last)) {
            return true;
        }
    }
    return false;
}

void ram_dirty_set(RamBlock *ram, uint64_t off, uint64_t len)
{
    uint32_t on = __atomic_load_n(&ram->log_clients, __ATOMIC_ACQUIRE);
    uint64_t first, last;

    on &= ~(1u << DIRTY_CODE); /* code goes away only by ram_code_clear */
    if (!on || !ram_pages(ram, off, len, &first, &last)) {
        return;
    }
    for (unsigned c = 0; c < DIRTY_CLIENTS; c++) {
        if (on & 1u << c) {
            ram_set_bits(ram->dirty[c], first, last);
        }
    }
}

bool ram_dirty_test(const RamBlock *ram, DirtyClient c, uint64_t off, uint64_t len)
{
    uint64_t first, last;

    return ram_pages(ram, off, len, &first, &last) &&
           ram_test_bits(ram->dirty[c], first, last, true);
}

static void ram_revoke(RamBlock *ram, uint64_t off, uint64_t len)
{
    GPtrArray *ls = ram->machine->mem_listeners;

    for (unsigned i = 0; i < ls->len; i++) {
        const MemListener *l = g_ptr_array_index(ls, i);

        if (l->write_revoked) {
            l->write_revoked(l->opaque, ram, off, len);
        }
    }
}

bool ram_dirty_clear(RamBlock *ram, DirtyClient c, uint64_t off, uint64_t len)
{
    uint64_t first, last;
    bool any =
        ram_pages(ram, off, len, &first, &last) && ram_clear_bits(ram->dirty[c], first, last);

    if (any) {
        ram_revoke(ram, off, len);
    }
    return any;
}

bool ram_log_sync(RamBlock *ram)
{
    GPtrArray *ls = ram->machine->mem_listeners;
    bool exact = true;

    for (unsigned i = 0; i < ls->len; i++) {
        const MemListener *l = g_ptr_array_index(ls, i);

        exact &= !l->log_sync || l->log_sync(l->opaque, ram);
    }
    return exact;
}

void ram_log_start(RamBlock *ram, DirtyClient c)
{
    __atomic_fetch_or(&ram->log_clients, 1u << c, __ATOMIC_SEQ_CST);
    ram_clear_bits(ram->dirty[c], 0, ram->n_pages - 1);
    ram_revoke(ram, 0, ram->size);
}

void ram_log_stop(RamBlock *ram, DirtyClient c)
{
    CHECK(c != DIRTY_CODE);
    __atomic_fetch_and(&ram->log_clients, ~(1u << c), __ATOMIC_SEQ_CST);
}

bool ram_write_is_free(const RamBlock *ram, uint64_t off)
{
    uint32_t on = __atomic_load_n(&ram->log_clients, __ATOMIC_SEQ_CST);
    uint64_t page = off / GUEST_PAGE_SIZE;

    for (unsigned c = 0; c < DIRTY_CLIENTS; c++) {
        if (on & 1u << c && ram_test_bits(ram->dirty[c], page, page, false)) {
            return false;
        }
    }
    return true;
}

void ram_code_set(RamBlock *ram, uint64_t off, uint64_t len)
{
    ram_dirty_clear(ram, DIRTY_CODE, off, len);
}

void ram_code_clear(RamBlock *ram, uint64_t off, uint64_t len)
{
    uint64_t first, last;

    if (ram_pages(ram, off, len, &first, &last)) {
        ram_set_bits(ram->dirty[DIRTY_CODE], first, last);
    }
}

bool ram_has_code(const RamBlock *ram, uint64_t off, uint64_t len)
{
    uint64_t first, last;

    return ram_pages(ram, off, len, &first, &last) &&
           ram_test_bits(ram->dirty[DIRTY_CODE], first, last, false);
}

void ram_tell_code_write(RamBlock *ram, uint64_t off, uint64_t len)
{
    GPtrArray *ls = ram->machine->mem_listeners;

    for (unsigned i = 0; i < ls->len; i++) {
        const MemListener *l = g_ptr_array_index(ls, i);

        if (l->code_write) {
            l->code_write(l->opaque, ram, off, len);
        }
    }
}

void ram_wrote(RamBlock *ram, uint64_t off, uint64_t len)
{
    /* A full barrier: whoever clears a bit, then reads, sees the bytes, or we see the bit. */
    __atomic_fetch_or(&ram->log_clients, 0, __ATOMIC_SEQ_CST);
    if (ram_has_code(ram, off, len)) {
        ram_tell_code_write(ram, off, len);
    }
    ram_dirty_set(ram, off, len);
}

void ram_discard(RamBlock *ram, uint64_t off, uint64_t len)
{
    if (off >= ram->size) {
        return;
    }
    len = min_u64(len, ram->size - off);
    if (ram->fd >= 0 && !(ram->flags & RAM_SHARED)) {
        memset(ram->host + off, 0, len); /* what is dropped would be the file's again */
    } else if (ram->fd >= 0) {
        if (fallocate(ram->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
                      (off_t)len)) {
            memset(ram->host + off, 0, len);
        }
    } else if (madvise(ram->host + off, len, MADV_DONTNEED)) {
        memset(ram->host + off, 0, len);
    }
    ram_wrote(ram, off, len);
}
