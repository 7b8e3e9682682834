/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translated blocks: where they lie, how they are found, linked and dropped.
 *
 * Code is put into chunks, each filled by one vCPU. When none is left the chunk that was filled
 * longest ago is retired: its blocks leave the registry and the links to them are cut; it is used
 * again once every vCPU has been out of generated code since.
 */
#include "accel/tcg/tcg-priv.h"

#include <errno.h>
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_READ /* Linux 5.14 */
#define MADV_POPULATE_READ  22
#define MADV_POPULATE_WRITE 23
#endif

enum {
    CACHE_QUIET = 32, /* stores to a page without blocks until it counts as data */
    /*
     * Watched stores to a page cost more than checks from a heat of CACHE_HOT on; one that hits a
     * block is dearer. While blocks were made CACHE_COLD times elsewhere nothing of the page
     * changed: what happened before does not count, and a page that is checked is watched again.
     */
    CACHE_HOT = 2048,
    CACHE_HEAT_HIT = 64,
    CACHE_COLD = 20000,
};

static uint64_t cache_page_key(const RamBlock *ram, uint64_t page_off)
{
    return (uint64_t)ram->id << 40 | page_off >> GUEST_PAGE_BITS;
}

static unsigned cache_hash(const RamBlock *ram, uint64_t page_off, unsigned delta, uint64_t mode)
{
    uint64_t h = cache_page_key(ram, page_off) << 12 | delta;

    h = (h ^ mode * 0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd;
    return (unsigned)(h >> 40) % TCG_HASH_SIZE;
}

/* Map @fd at a multiple of the size of huge pages, which both views then share. */
static void *cache_view(int fd, uint64_t bytes, int prot)
{
    enum { HUGE = 2 << 20 };
    uint8_t *p =
        mmap(NULL, bytes + HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    size_t head;
    void *view;

    if (p == MAP_FAILED) {
        return p;
    }
    head = -(uintptr_t)p % HUGE;
    if (head) {
        munmap(p, head);
    }
    munmap(p + head + bytes, HUGE - head);
    view = mmap(p + head, bytes, prot, MAP_FIXED | MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (view != MAP_FAILED) {
        (void)madvise(view, bytes, MADV_HUGEPAGE); /* a wish */
    }
    return view;
}

/*
 * Both views of shared memory without a name: perf looks into its map of names only for code that
 * lies in no file. @old_size 0 makes mremap map shared memory once more.
 */
static void cache_map_nameless(uint64_t bytes, void **rw, void **rx)
{
    *rw = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    *rx = *rw == MAP_FAILED ? MAP_FAILED : mremap(*rw, 0, bytes, MREMAP_MAYMOVE);
    if (*rx != MAP_FAILED && mprotect(*rx, bytes, PROT_READ | PROT_EXEC)) {
        *rx = MAP_FAILED;
    }
}

static bool cache_map_file(uint64_t bytes, void **rw, void **rx, GError **err)
{
    int fd = memfd_create("tinamou-code", MFD_CLOEXEC);

    if (fd < 0 || ftruncate(fd, (off_t)bytes)) {
        error_set(err, "cannot make the code cache of %" G_GUINT64_FORMAT " MiB: %s", bytes >> 20,
                  g_strerror(errno));
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    *rw = cache_view(fd, bytes, PROT_READ | PROT_WRITE);
    *rx = cache_view(fd, bytes, PROT_READ | PROT_EXEC);
    close(fd);
    return true;
}

static bool cache_map(Tcg *t, uint64_t bytes, GError **err)
{
    void *rw, *rx;

    if (t->perf) {
        cache_map_nameless(bytes, &rw, &rx);
    } else if (!cache_map_file(bytes, &rw, &rx, err)) {
        return false;
    }
    if (rw == MAP_FAILED || rx == MAP_FAILED) {
        return error_set(err,
                         "cannot map the code cache executable: %s (is it forbidden here? "
                         "-accel tcg,backend=interp needs none)",
                         g_strerror(errno));
    }
    t->cache.rw = rw;
    t->cache.rx = rx;
    t->cache.size = bytes;
    return true;
}

bool tcg_cache_init(Tcg *t, uint64_t bytes, GError **err)
{
    uint64_t first;

    mutex_init(&t->lock);
    tcg_entries_init(t);
    t->cache.host = t->host;
    t->cache.priv = t;
    t->epoch = 1;
    if (t->host->needs_code && !cache_map(t, bytes, err)) {
        return false;
    }
    t->n_chunks = (uint32_t)(bytes / TCG_CHUNK_BYTES);
    t->chunks = g_new0(TcgChunk, t->n_chunks);
    first = 1; /* chunk 0 is the prologue's */
    for (uint64_t i = t->n_chunks; i-- > first;) {
        TcgChunk *c = &t->chunks[i];

        c->cache = &t->cache;
        c->index = (uint32_t)i;
        c->code_start = t->cache.rw ? t->cache.rw + i * TCG_CHUNK_BYTES : NULL;
        c->next = t->free_chunks;
        t->free_chunks = c;
    }
    return true;
}

void tcg_cache_free(Tcg *t)
{
    for (uint32_t i = 0; t->chunks && i < t->n_chunks; i++) {
        if (t->chunks[i].meta) {
            g_ptr_array_free(t->chunks[i].meta, TRUE);
        }
    }
    g_free(t->chunks);
    tcg_entries_free(t);
    for (RamBlock *ram = ram_first(t->machine); ram; ram = ram->next) {
        g_clear_pointer(&ram->code, g_free);
    }
    if (t->cache.rw) {
        munmap(t->cache.rw, t->cache.size);
        munmap(t->cache.rx, t->cache.size);
    }
    mutex_deinit(&t->lock);
}

static void *cache_slab_alloc(TcgChunk *chunk, size_t bytes)
{
    enum { SLAB = 64 * 1024 };
    void *p;

    if (!chunk->meta) {
        chunk->meta = g_ptr_array_new_with_free_func(g_free);
    }
    if ((size_t)(chunk->meta_end - chunk->meta_ptr) < bytes) {
        size_t size = MAX(bytes, SLAB);

        chunk->meta_ptr = g_malloc0(size);
        chunk->meta_end = chunk->meta_ptr + size;
        chunk->meta_bytes += size;
        g_ptr_array_add(chunk->meta, chunk->meta_ptr);
    }
    p = chunk->meta_ptr;
    chunk->meta_ptr += bytes;
    return p;
}

/* What belongs to the blocks grows down from the chunk's end, towards their code. */
void *tcg_chunk_alloc(TcgChunk *chunk, size_t bytes)
{
    bytes = (bytes + 15) & ~(size_t)15;
    if (!chunk->code_start) {
        return cache_slab_alloc(chunk, bytes);
    }
    if ((size_t)(chunk->code_end - chunk->code) < bytes) {
        return NULL;
    }
    chunk->code_end -= bytes;
    return memset(chunk->code_end, 0, bytes);
}

/* ---- the registry ---- */

TcgBlock *tcg_block_find(Tcg *t, RamBlock *ram, uint64_t page_off, unsigned delta, uint64_t mode,
                         const Target *target)
{
    TcgBlock **head = &t->hash[cache_hash(ram, page_off, delta, mode)];

    for (TcgBlock *b = __atomic_load_n(head, __ATOMIC_ACQUIRE); b;
         b = __atomic_load_n(&b->hash_next, __ATOMIC_ACQUIRE)) {
        if (b->page_off == page_off && b->start_delta == delta && b->mode_word == mode &&
            b->ram == ram && b->target == target && !__atomic_load_n(&b->dead, __ATOMIC_ACQUIRE)) {
            return b;
        }
    }
    return NULL;
}

/* NULL: no code was ever there. */
static TcgPage *cache_page_if(const RamBlock *ram, uint64_t page_off)
{
    TcgPage *pages = __atomic_load_n(&ram->code, __ATOMIC_ACQUIRE);

    return pages ? &pages[page_off / GUEST_PAGE_SIZE] : NULL;
}

/* Context: the lock is held. */
static TcgPage *cache_page(RamBlock *ram, uint64_t page_off)
{
    if (!ram->code) {
        __atomic_store_n(&ram->code, g_new0(TcgPage, ram->size / GUEST_PAGE_SIZE + 1),
                         __ATOMIC_RELEASE);
    }
    return cache_page_if(ram, page_off);
}

TcgBlock *tcg_page_blocks(RamBlock *ram, uint64_t page_off)
{
    return cache_page(ram, page_off)->blocks;
}

enum { GRANULE = 64 };

/* Every byte once; the guest may be writing them. */
static bool cache_run_holds(const uint8_t *host, const uint8_t *source, unsigned len)
{
    for (; len && ((uintptr_t)host & 7 || len < 8); host++, source++, len--) {
        if (__atomic_load_n(host, __ATOMIC_RELAXED) != *source) {
            return false;
        }
    }
    for (; len >= 8; host += 8, source += 8, len -= 8) {
        uint64_t want;

        memcpy(&want, source, 8);
        if (tcg_guest_word(host) != want) {
            return false;
        }
    }
    return !len || cache_run_holds(host, source, len);
}

bool tcg_block_holds(const TcgBlock *b)
{
    const uint8_t *page = b->ram->host + b->page_off, *source = b->source;

    for (uint32_t i = 0; i < b->n_runs; i++) {
        if (!cache_run_holds(page + b->runs[i].from, source + b->runs[i].at, b->runs[i].len)) {
            return false;
        }
    }
    if (b->n_runs) {
        return true;
    }
    for (uint64_t g = b->granules; g; g &= g - 1) {
        const uint8_t *host = page + (size_t)__builtin_ctzll(g) * GRANULE;

        for (unsigned i = 0; i < GRANULE; i += 8) {
            if (tcg_guest_word(host + i) != *(const uint64_t *)(const void *)(source + i)) {
                return false;
            }
        }
        source += GRANULE;
    }
    return true;
}

bool tcg_page_is_checked(const RamBlock *ram, uint64_t page_off)
{
    const TcgPage *p = cache_page_if(ram, page_off);

    return p && __atomic_load_n(&p->checked, __ATOMIC_RELAXED);
}

/* From here on stores to the block's source are seen. Context: the lock is held. */
static void cache_watch(TcgPage *page, const TcgBlock *b)
{
    if (page->checked) {
        return;
    }
    /* The last block of the page may have died since the translation began, and stores that were
     * trapped since have found no block to drop. */
    if (!ram_has_code(b->ram, b->page_off, GUEST_PAGE_SIZE)) {
        ram_code_set(b->ram, b->page_off, GUEST_PAGE_SIZE);
    }
    __atomic_fetch_or(&page->granules, b->granules, __ATOMIC_SEQ_CST);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/*
 * Is the page checked though it has not changed for long? Then it is watched from now on; the
 * blocks that it has still check themselves.
 */
static bool cache_page_cools(Tcg *t, TcgPage *page, const TcgBlock *b)
{
    if (t->inserted - page->changed < CACHE_COLD) {
        return false;
    }
    page->changed = t->inserted;
    __atomic_store_n(&page->heat, 0, __ATOMIC_RELAXED);
    if (!page->checked) {
        return false;
    }
    __atomic_store_n(&page->checked, false, __ATOMIC_RELAXED);
    t->from_checked++;
    return true;
}

TcgBlock *tcg_block_insert(Tcg *t, TcgBlock *b)
{
    TcgBlock **head = &t->hash[cache_hash(b->ram, b->page_off, b->start_delta, b->mode_word)];
    TcgBlock *other;
    TcgPage *page;

    mutex_lock(&t->lock);
    other = tcg_block_find(t, b->ram, b->page_off, b->start_delta, b->mode_word, b->target);
    if (other) {
        mutex_unlock(&t->lock);
        return other;
    }
    page = cache_page(b->ram, b->page_off);
    if (!cache_page_cools(t, page, b) && page->checked == (b->n_runs > 0)) {
        cache_watch(page, b);
    } else {
        b->dead = true;
    }
    if (b->dead || !tcg_block_holds(b)) {
        b->dead = true;
        mutex_unlock(&t->lock);
        return NULL;
    }
    t->inserted++;
    page->quiet = 0;
    b->page_next = page->blocks;
    page->blocks = b;
    b->chunk_next = b->chunk->blocks;
    b->chunk->blocks = b;
    b->hash_next = *head;
    __atomic_store_n(head, b, __ATOMIC_RELEASE);
    tcg_entries_add(t, b);
    mutex_unlock(&t->lock);
    return b;
}

void tcg_block_link(Tcg *t, TcgExit *exit, TcgBlock *to)
{
    mutex_lock(&t->lock);
    /* An interrupt or fault may have led elsewhere than to the exit's target. */
    if (!exit->to && !exit->owner->dead && !to->dead && exit->owner->mode_word == to->mode_word &&
        exit->owner->ram == to->ram && exit->owner->page_off == to->page_off &&
        exit->delta == to->start_delta && !(to->mode_word & (TCG_MODE_DEBUG | TCG_MODE_TRACE))) {
        exit->to = to;
        exit->next_in = to->incoming;
        to->incoming = exit;
        t->host->link(&t->cache, exit, to);
    }
    mutex_unlock(&t->lock);
}

/*
 * Context: the lock is held. The page stays one of code, though it may have no block any more: what
 * is written once is often code again. Revoking write tags costs more than a few slow stores.
 */
static void cache_kill(Tcg *t, TcgBlock *b) REQUIRES(t->lock)
{
    TcgBlock **p = &t->hash[cache_hash(b->ram, b->page_off, b->start_delta, b->mode_word)];
    TcgPage *page = cache_page(b->ram, b->page_off);
    TcgBlock **in_page = &page->blocks;

    __atomic_store_n(&b->dead, true, __ATOMIC_RELEASE);
    tcg_entries_remove(t, b);
    for (; *p; p = &(*p)->hash_next) {
        if (*p == b) {
            __atomic_store_n(p, b->hash_next, __ATOMIC_RELEASE); /* readers may still pass b */
            break;
        }
    }
    while (*in_page && *in_page != b) {
        in_page = &(*in_page)->page_next;
    }
    if (*in_page) {
        *in_page = b->page_next;
    }
    if (!page->blocks) {
        __atomic_store_n(&page->granules, 0, __ATOMIC_SEQ_CST);
    }
    for (TcgExit *e = b->incoming; e; e = e->next_in) {
        t->host->unlink(&t->cache, e);
        e->to = NULL;
    }
    b->incoming = NULL;
    for (uint32_t i = 0; i < b->n_exits; i++) {
        TcgExit *e = &b->exits[i], **in = e->to ? &e->to->incoming : NULL;

        while (in && *in && *in != e) {
            in = &(*in)->next_in;
        }
        if (in && *in) {
            *in = e->next_in;
        }
        e->to = NULL;
    }
}

void tcg_pass(Cpu *cpu)
{
    TcgCpu *tc = tcg_cpu(cpu);
    uint64_t epoch = __atomic_load_n(&tc->tcg->epoch, __ATOMIC_SEQ_CST);

    if (epoch != tc->view_epoch) {
        tcg_views_flush(cpu); /* no name of a table that was taken away may stay */
        tc->view_epoch = epoch;
    }
    __atomic_store_n(&tc->passed, epoch, __ATOMIC_SEQ_CST);
}

void tcg_call_others(Tcg *t)
{
    for (unsigned i = 0; i < machine_n_cpus(t->machine); i++) {
        Cpu *cpu = machine_cpu(t->machine, i);

        if (cpu != cpu_current()) {
            cpu_request(cpu, REQ_TCG_VIEWS);
        }
    }
}

/* Context: the lock is held. */
static void cache_invalidate(Tcg *t, TcgBlock *b) REQUIRES(t->lock)
{
    cache_kill(t, b);
    __atomic_fetch_add(&t->invalidations, 1, __ATOMIC_RELAXED);
}

/*
 * Stores of generated code come to the next two: the libraries they reach compute in floating point
 * (GLib's hash tables do), which may not show in the guest's flags.
 */
static uint32_t cache_fp_suspend(const Tcg *t)
{
    return t->host && t->host->fp_suspend ? t->host->fp_suspend() : 0;
}

static void cache_fp_resume(const Tcg *t, uint32_t fp)
{
    if (t->host && t->host->fp_resume) {
        t->host->fp_resume(fp);
    }
}

static uint64_t cache_granules(uint64_t from, uint64_t last) /* offsets in the page */
{
    return UINT64_MAX << (from / 64) & UINT64_MAX >> (63 - last / 64);
}

/* Data beside code needs no lock: a block that is inserted meanwhile compares its source, and says
 * where it lies before it does. */
bool tcg_code_beside(Tcg *t, const RamBlock *ram, uint64_t off, uint64_t len)
{
    TcgPage *p = cache_page_if(ram, off);
    uint64_t from = off % GUEST_PAGE_SIZE, others;
    uint32_t heat;

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    others = p ? __atomic_load_n(&p->granules, __ATOMIC_SEQ_CST) : 0;
    if (!others || from + len > GUEST_PAGE_SIZE ||
        (others & cache_granules(from, from + len - 1))) {
        return false;
    }
    heat = __atomic_load_n(&p->heat, __ATOMIC_RELAXED) + 1;
    __atomic_store_n(&p->heat, heat, __ATOMIC_RELAXED); /* some may be lost */
    __atomic_store_n(&t->filtered, t->filtered + 1, __ATOMIC_RELAXED);
    return heat < CACHE_HOT;
}

/* From now on the page's blocks check themselves. Context: the lock is held. */
static void cache_check_page(Tcg *t, RamBlock *ram, uint64_t page_off, TcgPage *p) REQUIRES(t->lock)
{
    while (p->blocks) {
        cache_invalidate(t, p->blocks);
    }
    __atomic_store_n(&p->checked, true, __ATOMIC_RELAXED);
    __atomic_store_n(&p->heat, 0, __ATOMIC_RELAXED);
    p->changed = t->inserted;
    p->quiet = 0;
    t->to_checked++;
    ram_code_clear(ram, page_off, GUEST_PAGE_SIZE);
}

/* A store to @hit of a watched page. */
static void cache_page_written(Tcg *t, RamBlock *ram, uint64_t page_off, uint64_t hit)
    REQUIRES(t->lock)
{
    TcgPage *p = cache_page(ram, page_off);
    bool any = false;

    if (!p->blocks && ++p->quiet >= CACHE_QUIET) {
        p->quiet = 0;
        ram_code_clear(ram, page_off, GUEST_PAGE_SIZE);
    }
    for (TcgBlock *b = p->blocks, *next; b; b = next) {
        next = b->page_next;
        if (b->granules & hit) {
            cache_invalidate(t, b);
            any = true;
        }
    }
    if (any) {
        if (t->inserted - p->changed > CACHE_COLD) {
            __atomic_store_n(&p->heat, 0, __ATOMIC_RELAXED);
        }
        p->changed = t->inserted;
        __atomic_fetch_add(&p->heat, CACHE_HEAT_HIT, __ATOMIC_RELAXED);
    }
    if (!p->checked && __atomic_load_n(&p->heat, __ATOMIC_RELAXED) >= CACHE_HOT) {
        cache_check_page(t, ram, page_off, p);
    }
}

void tcg_code_written(Tcg *t, RamBlock *ram, uint64_t off, uint64_t len)
{
    uint32_t fp;

    if (tcg_code_beside(t, ram, off, len)) {
        return;
    }
    fp = cache_fp_suspend(t);
    mutex_lock(&t->lock);
    for (uint64_t page = off & ~(uint64_t)(GUEST_PAGE_SIZE - 1); page < off + len;
         page += GUEST_PAGE_SIZE) {
        uint64_t lo = MAX(off, page) - page;
        uint64_t last = MIN(off + len - page, GUEST_PAGE_SIZE) - 1;

        cache_page_written(t, ram, page, cache_granules(lo, last));
    }
    mutex_unlock(&t->lock);
    cache_fp_resume(t, fp);
}

void tcg_block_stale(Tcg *t, TcgBlock *b)
{
    uint32_t fp = cache_fp_suspend(t);

    mutex_lock(&t->lock);
    if (!b->dead && !tcg_block_holds(b)) {
        TcgPage *p = cache_page(b->ram, b->page_off);

        p->changed = t->inserted - p->changed < CACHE_COLD ? t->inserted : p->changed;
        cache_invalidate(t, b);
        t->failed_checks++;
    }
    mutex_unlock(&t->lock);
    cache_fp_resume(t, fp);
}

void tcg_code_check(Tcg *t, RamBlock *ram, uint64_t off, uint64_t len)
{
    uint32_t fp = cache_fp_suspend(t);

    mutex_lock(&t->lock);
    for (uint64_t page = off & ~(uint64_t)(GUEST_PAGE_SIZE - 1); page < off + len;
         page += GUEST_PAGE_SIZE) {
        for (TcgBlock *b = cache_page(ram, page)->blocks, *next; b; b = next) {
            next = b->page_next;
            if (!tcg_block_holds(b)) {
                cache_invalidate(t, b);
            }
        }
    }
    mutex_unlock(&t->lock);
    cache_fp_resume(t, fp);
}

/* ---- chunks ---- */

/* Context: the lock is held. */
static void cache_retire(Tcg *t) REQUIRES(t->lock)
{
    TcgChunk *c = t->full_first;

    if (!c) {
        return;
    }
    t->full_first = c->next;
    if (!t->full_first) {
        t->full_last = NULL;
    }
    for (TcgBlock *b = c->blocks; b; b = b->chunk_next) {
        if (!b->dead) {
            cache_kill(t, b);
            TcgPage *p = cache_page(b->ram, b->page_off);

            if (!p->blocks) {
                __atomic_store_n(&p->checked, false, __ATOMIC_RELAXED);
                __atomic_store_n(&p->heat, 0, __ATOMIC_RELAXED);
                ram_code_clear(b->ram, b->page_off, GUEST_PAGE_SIZE);
            }
        }
    }
    c->retired_at = __atomic_add_fetch(&t->epoch, 1, __ATOMIC_SEQ_CST);
    c->next = t->retired;
    t->retired = c;
    t->evictions++;
}

bool tcg_all_passed(Tcg *t, uint64_t epoch)
{
    for (unsigned i = 0; i < machine_n_cpus(t->machine); i++) {
        uint64_t p =
            __atomic_load_n(&tcg_cpu(machine_cpu(t->machine, i))->passed, __ATOMIC_SEQ_CST);

        if (p && p < epoch) {
            return false;
        }
    }
    return true;
}

/* Context: the lock is held. */
static void cache_reclaim(Tcg *t) REQUIRES(t->lock)
{
    TcgChunk **p = &t->retired;

    while (*p) {
        TcgChunk *c = *p;

        if (!tcg_all_passed(t, c->retired_at)) {
            p = &c->next;
            continue;
        }
        *p = c->next;
        if (c->meta) {
            g_ptr_array_free(c->meta, TRUE);
        }
        c->meta = NULL;
        c->meta_ptr = c->meta_end = NULL;
        c->meta_bytes = 0;
        c->blocks = NULL;
        c->next = t->free_chunks;
        t->free_chunks = c;
    }
}

TcgChunk *tcg_chunk_new(Cpu *cpu)
{
    TcgCpu *tc = tcg_cpu(cpu);
    Tcg *t = tc->tcg;
    bool retired = false;
    TcgChunk *c;

    __atomic_store_n(&tc->passed, 0, __ATOMIC_SEQ_CST); /* we are in no generated code */
    mutex_lock(&t->lock);
    if (tc->chunk) {
        tc->chunk->next = NULL;
        if (t->full_last) {
            t->full_last->next = tc->chunk;
        } else {
            t->full_first = tc->chunk;
        }
        t->full_last = tc->chunk;
    }
    while (!t->free_chunks) {
        cache_retire(t);
        retired = true;
        cache_reclaim(t);
        if (!t->free_chunks) {
            mutex_unlock(&t->lock);
            tcg_call_others(t);
            if (cpu_take_requests(cpu, REQ_TCG)) {
                tcg_messages(cpu); /* those whom we wait for may wait for this */
            }
            sched_yield();
            mutex_lock(&t->lock);
        }
    }
    c = t->free_chunks;
    t->free_chunks = c->next;
    c->next = NULL;
    c->code = c->code_start;
    c->code_end = c->code_start ? c->code_start + t->chunk_bytes : NULL;
    tc->chunk = c;
    tc->leave_exit = NULL; /* its chunk may be gone */
    mutex_unlock(&t->lock);
    if (c->code_start && !c->populated) {
        c->populated = true; /* one call each in place of hundreds of faults; only a wish */
        (void)madvise(c->code, t->chunk_bytes, MADV_POPULATE_WRITE);
        (void)madvise(tcg_rx(&t->cache, c->code), t->chunk_bytes, MADV_POPULATE_READ);
    }
    if (retired) {
        tcg_call_others(t);
    }
    tcg_pass(cpu);
    return c;
}
