/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Accesses that generated code does not do itself: misses, devices, page crossings, misaligned and
 * big-endian ones, atomics, stores to pages that somebody watches.
 */
#include "accel/tcg/tcg-priv.h"

enum { PAGE_MASK_LOW = GUEST_PAGE_SIZE - 1 };

/* One access: at most two pages. */
typedef struct SlowAccess {
    Cpu *cpu;
    GuestVirt va;
    uint32_t memop;
    unsigned mode, bytes, element;
    MemAccess kind;
    TcgTlbFull page[2]; /* copies: filling the second may evict the first */
    unsigned first;     /* bytes in the first page */
} SlowAccess;

static bool slow_raise_unaligned(SlowAccess *a)
{
    a->cpu->target->unaligned(a->cpu, a->va, a->kind, a->mode, a->memop);
    return false;
}

static bool slow_is_misaligned(const SlowAccess *a)
{
    switch (a->memop & IR_MO_ALIGN) {
    case IR_MO_ALIGN_NATURAL:
        return (a->va & (a->element - 1)) != 0;
    case IR_MO_ALIGN_WHOLE:
        return (a->va & (a->bytes - 1)) != 0;
    case IR_MO_ALIGN_WITHIN_16:
        return (a->va & 15) + a->bytes > 16;
    default:
        return false;
    }
}

static uint64_t slow_fills(const TcgStats *s)
{
    return s->tlb_fills + s->tlb_large_hits + s->tlb_kept_hits;
}

/* Count why this access came here. */
static void slow_note(const SlowAccess *a, unsigned n_pages, uint64_t fills_before)
{
    TcgStats *s = &tcg_cpu(a->cpu)->stats;
    const TcgTlbFull *f = &a->page[0];
    TcgSlowWhy why = TCG_SLOW_OTHER;

    if (n_pages > 1) {
        why = TCG_SLOW_CROSSING;
    } else if (!f->ram || (f->device && !f->aligned)) {
        why = TCG_SLOW_DEVICE;
    } else if (a->kind == ACCESS_WRITE && !ram_write_is_free(f->ram, f->ram_off)) {
        why = TCG_SLOW_WATCHED;
    } else if (slow_fills(s) != fills_before) {
        why = TCG_SLOW_MISS;
    }
    s->slow_why[why]++;
}

/* A debugger's watchpoint among the @bytes: the instruction ends before the access. */
static bool slow_meets_watchpoint(Cpu *cpu, GuestVirt va, unsigned bytes, MemAccess kind)
{
    unsigned flag = kind == ACCESS_WRITE ? WATCH_WRITE : WATCH_READ;

    if (!tcg_cpu(cpu)->may_stop) {
        return false;
    }
    for (unsigned i = 0; i < cpu->watchpoints->len; i++) {
        const Watchpoint *w = &g_array_index(cpu->watchpoints, Watchpoint, i);

        if (w->flags & flag && w->addr < va + bytes && va < w->addr + w->len) {
            cpu->debug_addr = MAX(va, w->addr);
            cpu->raised = TCG_RAISED_WATCHPOINT;
            return true;
        }
    }
    return false;
}

/* Does the target, or a debugger, stop the access for its part in page @i? */
static bool slow_is_watched(const SlowAccess *a, const TcgTlbFull *f, unsigned i)
{
    const Target *t = a->cpu->target;
    GuestVirt va = i ? a->va + a->first : a->va;
    unsigned bytes = i ? a->bytes - a->first : a->first;

    return slow_meets_watchpoint(a->cpu, va, bytes, a->kind) ||
           (t->watch && t->watch(a->cpu, va, f->phys + (va & PAGE_MASK_LOW), bytes, a->kind));
}

/* Check alignment and both pages; false: cpu->raised. */
static bool slow_begin(SlowAccess *a, Cpu *cpu, GuestVirt va, uint32_t memop, unsigned elements,
                       MemAccess kind)
{
    unsigned n = 1;

    a->cpu = cpu;
    a->va = va;
    a->memop = memop;
    a->mode = ir_memop_mode(memop);
    a->element = ir_memop_bytes(memop);
    a->bytes = a->element * elements;
    a->kind = kind;
    TcgStats *s = &tcg_cpu(cpu)->stats;
    uint64_t fills = slow_fills(s);

    s->slow++;
    if (slow_is_misaligned(a)) {
        s->slow_why[TCG_SLOW_UNALIGNED]++;
        return slow_raise_unaligned(a);
    }
    a->first = MIN(a->bytes, GUEST_PAGE_SIZE - (unsigned)(va & PAGE_MASK_LOW));
    n += a->first < a->bytes;
    for (unsigned i = 0; i < n; i++) {
        TcgTlbFull *f = tcg_tlb_page(cpu, i ? va + a->first : va, kind, a->mode, memop);

        if (!f) {
            s->slow_why[TCG_SLOW_FAULT]++;
            return false;
        }
        a->page[i] = *f;
        if (f->watched && slow_is_watched(a, f, i)) {
            return false;
        }
        if (f->device && (va & (a->element - 1))) {
            s->slow_why[TCG_SLOW_UNALIGNED]++;
            return slow_raise_unaligned(a);
        }
    }
    slow_note(a, n, fills);
    return true;
}

/* The range that @phys of a page lies in. */
static const FlatRange *slow_range(const SlowAccess *a, const TcgTlbFull *f, GuestPhys phys)
{
    const FlatRange *r = f->flat;

    if (r && phys - r->start < r->len) {
        return r;
    }
    return tcg_flat(a->cpu, phys, f->secure);
}

static MemAttrs slow_attrs(const SlowAccess *a, const TcgTlbFull *f)
{
    return (MemAttrs){ .requester = (uint16_t)a->cpu->index, .secure = f->secure };
}

/* The bus refused; true: an exception was recorded. */
static bool slow_bus_error(SlowAccess *a, GuestPhys phys, GuestVirt va)
{
    return a->cpu->target->bus_error(a->cpu, va, phys, a->kind, a->mode, a->memop);
}

static MemResult slow_device(SlowAccess *a, const TcgTlbFull *f, const FlatRange *r, GuestPhys phys,
                             unsigned size, uint64_t *v)
{
    const TcgHost *host = tcg_cpu(a->cpu)->tcg->host;
    uint64_t at = r->region_offset + (phys - r->start);
    uint32_t fp = host && host->fp_suspend ? host->fp_suspend() : 0;
    MemResult res = a->kind == ACCESS_WRITE ? mmio_write(r, at, size, slow_attrs(a, f), *v)
                                            : mmio_read(r, at, size, slow_attrs(a, f), v);

    if (host && host->fp_resume) {
        host->fp_resume(fp);
    }
    return res;
}

/* Device accesses: the largest naturally aligned pieces. */
static bool slow_mmio(SlowAccess *a, const TcgTlbFull *f, GuestVirt va, uint8_t *buf, unsigned len)
{
    GuestPhys phys = f->phys + (va & PAGE_MASK_LOW);

    if (tcg_cpu(a->cpu)->icount && !tcg_cpu(a->cpu)->alone) {
        a->cpu->raised = TCG_RAISED_RETRY;
        return false;
    }
    tcg_cpu(a->cpu)->stats.mmio++;
    while (len) {
        const FlatRange *r = slow_range(a, f, phys);
        unsigned size = MIN(8u, 1u << (31 - __builtin_clz(len)));
        MemResult res = MEM_DECODE_ERROR;
        uint64_t v = 0;

        while (size > 1 && ((phys & (size - 1)) || (r && r->len - (phys - r->start) < size))) {
            size /= 2;
        }
        if (a->kind == ACCESS_WRITE) {
            memcpy(&v, buf, size);
        }
        if (r) {
            res = slow_device(a, f, r, phys, size, &v);
        }
        if (a->kind == ACCESS_READ) {
            memcpy(buf, &v, size);
        }
        if (res != MEM_OK && slow_bus_error(a, phys, va)) {
            return false;
        }
        phys += size;
        va += size;
        buf += size;
        len -= size;
    }
    return true;
}

/* RAM that is watched: tell who watches. */
static void slow_wrote(SlowAccess *a, RamBlock *ram, uint64_t off, unsigned len)
{
    if (!ram_write_is_free(ram, off)) {
        ram_dirty_set(ram, off, len);
        if (ram_has_code(ram, off, len)) {
            tcg_cpu(a->cpu)->stats.smc++;
            tcg_code_written(tcg_cpu(a->cpu)->tcg, ram, off, len);
        }
    }
}

/* One unit of a copy, at multiples of its size on both sides. */
#define COPY_UNIT(type, to, from)                                                           \
    __atomic_store_n((type *)(to), __atomic_load_n((const type *)(from), __ATOMIC_RELAXED), \
                     __ATOMIC_RELAXED)

/* 16 bytes as one access of the host. The guest's vCPUs may race, which is theirs to order; there
 * is no atomic of the language that says so. */
__attribute__((noinline, no_sanitize("thread"))) static void copy_whole(void *to, const void *from)
{
    typedef uint64_t Whole __attribute__((vector_size(16), may_alias));

    *(volatile Whole *)to = *(const volatile Whole *)from;
}

/* In the largest units that the addresses and the length allow. */
void tcg_copy(void *to, const void *from, unsigned len)
{
    uintptr_t all = (uintptr_t)to | (uintptr_t)from | len;
    uint8_t *d = to;
    const uint8_t *s = from;

    if (!(all & 15)) {
        for (unsigned i = 0; i < len; i += 16) {
            copy_whole(d + i, s + i);
        }
    } else if (!(all & 7)) {
        for (unsigned i = 0; i < len; i += 8) {
            COPY_UNIT(uint64_t, d + i, s + i);
        }
    } else if (!(all & 3)) {
        for (unsigned i = 0; i < len; i += 4) {
            COPY_UNIT(uint32_t, d + i, s + i);
        }
    } else if (!(all & 1)) {
        for (unsigned i = 0; i < len; i += 2) {
            COPY_UNIT(uint16_t, d + i, s + i);
        }
    } else {
        for (unsigned i = 0; i < len; i++) {
            COPY_UNIT(uint8_t, d + i, s + i);
        }
    }
}

static void slow_zero(uint8_t *host, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i += 8) {
        __atomic_store_n((uint64_t *)(void *)(host + i), 0, __ATOMIC_RELAXED);
    }
}

/* The part of the access in one page. */
static bool slow_part(SlowAccess *a, const TcgTlbFull *f, GuestVirt va, uint8_t *buf, unsigned len)
{
    GuestPhys phys = f->phys + (va & PAGE_MASK_LOW);
    const FlatRange *r = slow_range(a, f, phys);
    uint8_t *host;

    if (!r || !r->ram || r->len - (phys - r->start) < len ||
        (a->kind == ACCESS_WRITE && r->kind == FLAT_ROMD)) {
        return slow_mmio(a, f, va, buf, len);
    }
    host = flat_host(r, phys);
    if (a->kind == ACCESS_READ) {
        tcg_copy(buf, host, len);
    } else if (r->kind == FLAT_RAM) {
        tcg_copy(host, buf, len);
        slow_wrote(a, r->ram, r->offset + (phys - r->start), len);
    }
    return true;
}

static bool slow_bytes(SlowAccess *a, void *buf)
{
    if (!slow_part(a, &a->page[0], a->va, buf, a->first)) {
        return false;
    }
    return a->first == a->bytes || slow_part(a, &a->page[1], a->va + a->first,
                                             (uint8_t *)buf + a->first, a->bytes - a->first);
}

static void slow_swap(const SlowAccess *a, uint8_t *buf)
{
    if (!(a->memop & IR_MO_BE)) {
        return;
    }
    for (uint8_t *e = buf; e < buf + a->bytes; e += a->element) {
        for (unsigned i = 0; i < a->element / 2; i++) {
            uint8_t t = e[i];

            e[i] = e[a->element - 1 - i];
            e[a->element - 1 - i] = t;
        }
    }
}

/* Host address of an access in one page that the fast tables hold. NULL: take the long way. */
static uint8_t *slow_direct(Cpu *cpu, uint64_t va, unsigned mode, unsigned bytes, MemAccess kind)
{
    TcgCpu *tc = tcg_cpu(cpu);
    unsigned i = (unsigned)(va >> 8 & tc->tlb_mask[mode]) >> 4;
    const TcgTlbEntry *e = kind == ACCESS_WRITE ? &tc->write[mode][i] : &tc->read[mode][i];

    return (va ^ e->tag) <= GUEST_PAGE_SIZE - bytes ? tcg_tlb_host(e, va) : NULL;
}

/*
 * The same after a fill, where only the page was missing: what most accesses come here for. False:
 * cpu->raised. *@host NULL: the long way (devices, pages that are watched, page crossings).
 */
static bool slow_filled(Cpu *cpu, uint64_t va, uint32_t memop, unsigned bytes, MemAccess kind,
                        uint8_t **host)
{
    unsigned mode = ir_memop_mode(memop), align = memop & IR_MO_ALIGN;
    unsigned unit = align == IR_MO_ALIGN_WHOLE || align == IR_MO_ALIGN_WITHIN_16
                        ? bytes
                        : ir_memop_bytes(memop);

    *host = NULL;
    if ((va & (unit - 1)) || (memop & IR_MO_BE)) {
        return true;
    }
    *host = slow_direct(cpu, va, mode, bytes, kind);
    if (!*host) {
        TcgStats *st = &tcg_cpu(cpu)->stats;

        if (!tcg_tlb_page(cpu, va, kind, mode, memop)) {
            st->slow++;
            st->slow_why[TCG_SLOW_FAULT]++;
            return false;
        }
        *host = slow_direct(cpu, va, mode, bytes, kind);
        st->slow += *host != NULL;
        st->slow_why[TCG_SLOW_MISS] += *host != NULL;
    }
    return true;
}

/* What the slot of the fast tables knows of the page, if it is that page; NULL: a miss. */
static const TcgTlbFull *slow_known(Cpu *cpu, uint64_t va, unsigned mode, unsigned need)
{
    TcgCpu *tc = tcg_cpu(cpu);
    const TcgTlbFull *f = &tc->full[mode][(unsigned)(va >> 8 & tc->size_mask[mode]) >> 4];

    return f->page == (va & ~(uint64_t)PAGE_MASK_LOW) && !tc->park[mode].on && (f->prot & need)
               ? f
               : NULL;
}

/* An access in one page that needs nothing but to be done. */
static bool slow_is_plain(uint64_t va, uint32_t memop, unsigned bytes)
{
    unsigned align = memop & IR_MO_ALIGN;
    unsigned unit = align == IR_MO_ALIGN_WHOLE || align == IR_MO_ALIGN_WITHIN_16
                        ? bytes
                        : ir_memop_bytes(memop);

    return !(va & (unit - 1)) && !(memop & IR_MO_BE) &&
           (va & PAGE_MASK_LOW) + bytes <= GUEST_PAGE_SIZE;
}

/*
 * A store to a page of code that hits none, or may not: the whole way at once. False: another case,
 * nothing is done.
 */
static bool slow_beside(Cpu *cpu, const TcgTlbFull *f, uint64_t va, unsigned bytes, const void *buf)
{
    TcgCpu *tc = tcg_cpu(cpu);
    uint64_t off = f->ram_off + (va & PAGE_MASK_LOW);

    if (f->rom || (f->device && !f->aligned) ||
        f->flat->len - (f->phys - f->flat->start) < GUEST_PAGE_SIZE ||
        __atomic_load_n(&f->ram->log_clients, __ATOMIC_SEQ_CST) != 1u << DIRTY_CODE ||
        !ram_has_code(f->ram, off, 1)) {
        return false;
    }
    tc->stats.slow++;
    tc->stats.slow_why[TCG_SLOW_WATCHED]++;
    tcg_copy(f->ram->host + off, buf, bytes);
    if (!tcg_code_beside(tc->tcg, f->ram, off, bytes)) {
        tc->stats.smc++;
        tcg_code_written(tc->tcg, f->ram, off, bytes);
    }
    return true;
}

/*
 * One register of a device whose page and range were found before. False: another case, nothing is
 * done; else the access was, or cpu->raised.
 */
static bool slow_register(Cpu *cpu, const TcgTlbFull *f, uint64_t va, uint32_t memop,
                          MemAccess kind, uint64_t *v)
{
    TcgCpu *tc = tcg_cpu(cpu);
    unsigned bytes = ir_memop_bytes(memop);
    SlowAccess a = { cpu, va, memop, ir_memop_mode(memop), bytes, bytes, kind };
    GuestPhys phys = f->phys + (va & PAGE_MASK_LOW);
    const FlatRange *r = f->flat;

    if (!r || r->kind != FLAT_MMIO || phys < r->start || r->len < bytes ||
        phys - r->start > r->len - bytes || (va & (bytes - 1)) || (tc->icount && !tc->alone)) {
        return false;
    }
    tc->stats.slow++;
    tc->stats.slow_why[TCG_SLOW_DEVICE]++;
    tc->stats.mmio++;
    if (slow_device(&a, f, r, phys, bytes, v) != MEM_OK) {
        slow_bus_error(&a, phys, va);
    }
    return true;
}

/* An access to a page that is known, in one of the cases that come again and again; else false. */
static bool slow_short(Cpu *cpu, uint64_t va, uint32_t memop, unsigned elements, MemAccess kind,
                       void *buf)
{
    unsigned bytes = ir_memop_bytes(memop) * elements;
    const TcgTlbFull *f =
        slow_known(cpu, va, ir_memop_mode(memop), kind == ACCESS_WRITE ? TLB_WRITE : TLB_READ);
    uint64_t v = 0;

    if (!f || f->watched || !slow_is_plain(va, memop, bytes)) {
        return false;
    }
    if (f->ram) {
        return kind == ACCESS_WRITE && slow_beside(cpu, f, va, bytes, buf);
    }
    if (bytes > 8 || elements > 1) {
        return false;
    }
    if (kind == ACCESS_WRITE) {
        memcpy(&v, buf, bytes);
        return slow_register(cpu, f, va, memop, kind, &v);
    }
    if (!slow_register(cpu, f, va, memop, kind, &v)) {
        return false;
    }
    memcpy(buf, &v, bytes);
    return true;
}

static uint64_t slow_va(Cpu *cpu, uint64_t va)
{
    return va >> 32 && cpu->target->data_va ? cpu->target->data_va(cpu, va) : va;
}

static bool slow_load(Cpu *cpu, uint64_t va, uint32_t memop, unsigned elements, void *buf)
{
    _Alignas(16) uint8_t tmp[32] = { 0 };
    unsigned bytes = ir_memop_bytes(memop) * elements;
    uint8_t *host;
    SlowAccess a;

    va = slow_va(cpu, va);
    if (slow_short(cpu, va, memop, elements, ACCESS_READ, buf)) {
        host = NULL;
    } else if (!slow_filled(cpu, va, memop, bytes, ACCESS_READ, &host)) {
        return false;
    } else if (host) {
        tcg_copy(buf, host, bytes);
    } else {
        if (!slow_begin(&a, cpu, va, memop, elements, ACCESS_READ) || !slow_bytes(&a, tmp)) {
            return false;
        }
        slow_swap(&a, tmp);
        memcpy(buf, tmp, a.bytes);
    }
    if (memop & (IR_MO_ACQ | IR_MO_ACQPC)) {
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    }
    return true;
}

static void slow_store(Cpu *cpu, uint64_t va, uint32_t memop, unsigned elements, const void *buf)
{
    _Alignas(16) uint8_t tmp[32];
    unsigned bytes = ir_memop_bytes(memop) * elements;
    uint8_t *host;
    SlowAccess a;

    va = slow_va(cpu, va);
    if (slow_short(cpu, va, memop, elements, ACCESS_WRITE, (void *)(uintptr_t)buf)) {
        host = NULL;
    } else if (!slow_filled(cpu, va, memop, bytes, ACCESS_WRITE, &host)) {
        return;
    } else if (host) {
        tcg_copy(host, buf, bytes);
    } else {
        if (!slow_begin(&a, cpu, va, memop, elements, ACCESS_WRITE)) {
            return;
        }
        memcpy(tmp, buf, a.bytes);
        slow_swap(&a, tmp);
        slow_bytes(&a, tmp);
    }
    if (memop & IR_MO_REL) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
}

static uint64_t slow_extend(uint64_t v, uint32_t memop)
{
    unsigned shift = 64 - 8 * MIN(ir_memop_bytes(memop), 8u);

    return memop & IR_MO_SIGN ? (uint64_t)((int64_t)(v << shift) >> shift) : v << shift >> shift;
}

uint64_t tcg_ld_slow(Cpu *cpu, uint64_t va, uint32_t memop)
{
    uint64_t v = 0;

    slow_load(cpu, va, memop, 1, &v);
    return slow_extend(v, memop);
}

void tcg_st_slow(Cpu *cpu, uint64_t va, uint32_t memop, uint64_t value)
{
    slow_store(cpu, va, memop, 1, &value);
}

void tcg_ldv_slow(Cpu *cpu, uint64_t va, uint32_t memop, IrV128 *out)
{
    *out = (IrV128){ 0 };
    slow_load(cpu, va, memop, 1, out);
}

void tcg_stv_slow(Cpu *cpu, uint64_t va, uint32_t memop, const IrV128 *value)
{
    slow_store(cpu, va, memop, 1, value);
}

void tcg_ldp_slow(Cpu *cpu, uint64_t va, uint32_t memop, uint64_t out[2])
{
    unsigned bytes = ir_memop_bytes(memop);
    _Alignas(16) uint8_t buf[16] = { 0 };

    if (slow_load(cpu, va, memop, 2, buf)) {
        out[0] = out[1] = 0;
        memcpy(&out[0], buf, bytes);
        memcpy(&out[1], buf + bytes, bytes);
        out[0] = slow_extend(out[0], memop);
        out[1] = slow_extend(out[1], memop);
    }
}

void tcg_stp_slow(Cpu *cpu, uint64_t va, uint32_t memop, uint64_t a, uint64_t b)
{
    unsigned bytes = ir_memop_bytes(memop);
    _Alignas(16) uint8_t buf[16];

    memcpy(buf, &a, bytes);
    memcpy(buf + bytes, &b, bytes);
    slow_store(cpu, va, memop, 2, buf);
}

void tcg_ldpv_slow(Cpu *cpu, uint64_t va, uint32_t memop, IrV128 out[2])
{
    unsigned bytes = ir_memop_bytes(memop);
    _Alignas(16) uint8_t buf[32] = { 0 };

    if (slow_load(cpu, va, memop, 2, buf)) {
        out[0] = out[1] = (IrV128){ 0 };
        memcpy(&out[0], buf, bytes);
        memcpy(&out[1], buf + bytes, bytes);
    }
}

void tcg_stpv_slow(Cpu *cpu, uint64_t va, uint32_t memop, const IrV128 *a, const IrV128 *b)
{
    unsigned bytes = ir_memop_bytes(memop);
    _Alignas(16) uint8_t buf[32];

    memcpy(buf, a, bytes);
    memcpy(buf + bytes, b, bytes);
    slow_store(cpu, va, memop, 2, buf);
}

/* ---- atomics ---- */

/* Host address of an atomic access to RAM; NULL: cpu->raised, or it is no RAM (then *a is set up
 * and *is_ram false). */
static void *slow_atomic_host(SlowAccess *a, Cpu *cpu, uint64_t va, uint32_t memop, bool *is_ram,
                              RamBlock **ram, uint64_t *off)
{
    const FlatRange *r;
    GuestPhys phys;

    *is_ram = false;
    /* An atomic access needs both permissions; write permission implies the other here. */
    if (!slow_begin(a, cpu, va, memop, 1, ACCESS_WRITE)) {
        return NULL;
    }
    phys = a->page[0].phys + (va & PAGE_MASK_LOW);
    r = slow_range(a, &a->page[0], phys);
    if (!r || r->kind != FLAT_RAM || a->first < a->bytes) {
        return NULL;
    }
    *is_ram = true;
    *ram = r->ram;
    *off = r->offset + (phys - r->start);
    return flat_host(r, phys);
}

static uint64_t slow_rmw_value(uint32_t op, uint32_t memop, uint64_t old, uint64_t v)
{
    int64_t so = (int64_t)slow_extend(old, memop | IR_MO_SIGN);
    int64_t sv = (int64_t)slow_extend(v, memop | IR_MO_SIGN);

    memop &= ~(uint32_t)IR_MO_SIGN;
    old = slow_extend(old, memop);
    v = slow_extend(v, memop);
    switch (op) {
    case IR_RMW_ADD:
        return old + v;
    case IR_RMW_ANDC:
        return old & ~v;
    case IR_RMW_XOR:
        return old ^ v;
    case IR_RMW_OR:
        return old | v;
    case IR_RMW_AND:
        return old & v;
    case IR_RMW_SMAX:
        return so > sv ? old : v;
    case IR_RMW_SMIN:
        return so < sv ? old : v;
    case IR_RMW_UMAX:
        return old > v ? old : v;
    case IR_RMW_UMIN:
        return old < v ? old : v;
    default:
        return v;
    }
}

static uint64_t slow_host_cas(void *host, unsigned bytes, uint64_t expected, uint64_t desired)
{
    switch (bytes) {
    case 1:
        return __sync_val_compare_and_swap((uint8_t *)host, (uint8_t)expected, (uint8_t)desired);
    case 2:
        return __sync_val_compare_and_swap((uint16_t *)host, (uint16_t)expected, (uint16_t)desired);
    case 4:
        return __sync_val_compare_and_swap((uint32_t *)host, (uint32_t)expected, (uint32_t)desired);
    default:
        return __sync_val_compare_and_swap((uint64_t *)host, expected, desired);
    }
}

static uint64_t slow_order(uint64_t v, uint32_t memop)
{
    unsigned bytes = ir_memop_bytes(memop);

    return memop & IR_MO_BE ? __builtin_bswap64(v) >> (64 - 8 * bytes) : v;
}

/* Atomic operation on what is no RAM: a read and a write. */
static uint64_t slow_device_rmw(Cpu *cpu, uint64_t va, uint32_t memop, uint32_t op, uint64_t value,
                                const uint64_t *expected)
{
    uint64_t old = tcg_ld_slow(cpu, va, memop & ~(uint32_t)IR_MO_SIGN);

    if (!cpu->raised &&
        (!expected || old == slow_extend(*expected, memop & ~(uint32_t)IR_MO_SIGN))) {
        tcg_st_slow(cpu, va, memop, expected ? value : slow_rmw_value(op, memop, old, value));
    }
    return old;
}

/*
 * A load-exclusive and a store-exclusive as one: the load, with its faults and its monitor. True:
 * the store can be done with it. Else cpu->raised: an exception of the load, or the store has to
 * be done alone, by its own instruction, since it faults or reaches no RAM.
 */
static bool slow_llsc_begin(Cpu *cpu, uint64_t va, uint32_t memop)
{
    const TcgTlbFull *f;
    IrV128 none;

    if (ir_memop_bytes(memop) == 16) {
        tcg_llv_slow(cpu, va, memop & ~(uint32_t)IR_MO_LLSC, &none);
    } else {
        tcg_ll_slow(cpu, va, memop & ~(uint32_t)IR_MO_LLSC);
    }
    if (cpu->raised) {
        return false;
    }
    f = tcg_tlb_page(cpu, va, ACCESS_WRITE, ir_memop_mode(memop), memop);
    if (f && f->ram && !f->rom && !f->watched) {
        return true;
    }
    cpu->raised = TCG_RAISED_LOADED;
    tcg_cpu(cpu)->llsc_memop = memop;
    return false;
}

/* The store was done, and the monitor is open; or what was loaded, @lo and @hi, did not suit. */
static void slow_llsc_end(Cpu *cpu, bool stored, uint64_t lo, uint64_t hi)
{
    TcgCpu *tc = tcg_cpu(cpu);

    if (stored) {
        tc->excl_size = 0;
    } else {
        tc->excl_val[0] = lo;
        tc->excl_val[1] = hi;
    }
}

uint64_t tcg_rmw_slow(Cpu *cpu, uint64_t va, uint32_t memop, uint32_t op, uint64_t value)
{
    unsigned bytes = ir_memop_bytes(memop);
    uint64_t old = 0, off, seen;
    RamBlock *ram;
    SlowAccess a;
    bool is_ram;
    void *host;

    if (memop & IR_MO_LLSC && !slow_llsc_begin(cpu, va, memop)) {
        return 0;
    }
    host = slow_atomic_host(&a, cpu, va, memop, &is_ram, &ram, &off);
    if (!host) {
        return cpu->raised ? 0 : slow_device_rmw(cpu, va, memop, op, value, NULL);
    }
    memcpy(&old, host, bytes);
    for (;;) {
        uint64_t v = slow_order(slow_rmw_value(op, memop, slow_order(old, memop), value), memop);

        seen = slow_host_cas(host, bytes, old, v);
        if (seen == slow_extend(old, memop & IR_MO_SIZE)) {
            break;
        }
        old = seen;
    }
    slow_wrote(&a, ram, off, bytes);
    if (memop & IR_MO_LLSC) {
        slow_llsc_end(cpu, true, 0, 0);
    }
    return slow_order(seen, memop);
}

uint64_t tcg_cas_slow(Cpu *cpu, uint64_t va, uint32_t memop, uint64_t expected, uint64_t desired)
{
    unsigned bytes = ir_memop_bytes(memop);
    uint64_t off, seen;
    RamBlock *ram;
    SlowAccess a;
    bool is_ram;
    void *host;

    expected = slow_extend(expected, memop & IR_MO_SIZE);
    desired = slow_extend(desired, memop & IR_MO_SIZE);
    if (memop & IR_MO_LLSC && !slow_llsc_begin(cpu, va, memop)) {
        return 0;
    }
    host = slow_atomic_host(&a, cpu, va, memop, &is_ram, &ram, &off);
    if (!host) {
        return cpu->raised ? 0 : slow_device_rmw(cpu, va, memop, 0, desired, &expected);
    }
    seen = slow_host_cas(host, bytes, slow_order(expected, memop), slow_order(desired, memop));
    slow_wrote(&a, ram, off, bytes);
    seen = slow_order(seen, memop);
    if (memop & IR_MO_LLSC) {
        slow_llsc_end(cpu, seen == expected, seen, 0);
    }
    return seen;
}

static unsigned __int128 slow_u128(const IrV128 *v, uint32_t memop)
{
    uint64_t lo = v->u64[0], hi = v->u64[1];

    if (memop & IR_MO_BE) {
        return (unsigned __int128)__builtin_bswap64(lo) << 64 | __builtin_bswap64(hi);
    }
    return (unsigned __int128)hi << 64 | lo;
}

static void slow_to_v128(IrV128 *out, unsigned __int128 v, uint32_t memop)
{
    *out = (IrV128){ .u64 = { (uint64_t)v, (uint64_t)(v >> 64) } };
    v = slow_u128(out, memop);
    *out = (IrV128){ .u64 = { (uint64_t)v, (uint64_t)(v >> 64) } };
}

void tcg_casv_slow(Cpu *cpu, uint64_t va, uint32_t memop, IrV128 *expected, const IrV128 *desired)
{
    unsigned __int128 seen, wanted = slow_u128(expected, memop);
    RamBlock *ram;
    uint64_t off;
    SlowAccess a;
    bool is_ram;
    void *host;

    if (memop & IR_MO_LLSC && !slow_llsc_begin(cpu, va, memop)) {
        return;
    }
    host = slow_atomic_host(&a, cpu, va, memop, &is_ram, &ram, &off);
    if (!host || ((uintptr_t)host & 15)) {
        if (!cpu->raised) {
            cpu->target->unaligned(cpu, va, ACCESS_WRITE, ir_memop_mode(memop), memop);
        }
        return;
    }
    seen =
        __sync_val_compare_and_swap((unsigned __int128 *)host, wanted, slow_u128(desired, memop));
    slow_wrote(&a, ram, off, 16);
    slow_to_v128(expected, seen, memop);
    if (memop & IR_MO_LLSC) {
        slow_llsc_end(cpu, seen == wanted, expected->u64[0], expected->u64[1]);
    }
}

/* ---- the exclusive monitor ---- */

uint64_t tcg_ll_slow(Cpu *cpu, uint64_t va, uint32_t memop)
{
    TcgCpu *tc = tcg_cpu(cpu);
    uint64_t v = tcg_ld_slow(cpu, va, memop & ~(uint32_t)IR_MO_SIGN);

    tc->excl_addr = va;
    tc->excl_val[0] = v;
    tc->excl_size = cpu->raised ? 0 : ir_memop_bytes(memop);
    return slow_extend(v, memop);
}

void tcg_llv_slow(Cpu *cpu, uint64_t va, uint32_t memop, IrV128 *out)
{
    TcgCpu *tc = tcg_cpu(cpu);
    unsigned __int128 none = 0;
    SlowAccess a;

    *out = (IrV128){ 0 };
    tc->excl_size = 0;
    tcg_ldv_slow(cpu, va, memop, out);
    if (cpu->raised) {
        return;
    }
    /* The pair must be read as one, where it may be written at all. */
    if (slow_begin(&a, cpu, va, memop, 1, ACCESS_READ)) {
        GuestPhys phys = a.page[0].phys + (va & PAGE_MASK_LOW);
        const FlatRange *r = slow_range(&a, &a.page[0], phys);

        if (r && r->kind == FLAT_RAM && !(va & 15)) {
            slow_to_v128(
                out,
                __sync_val_compare_and_swap((unsigned __int128 *)flat_host(r, phys), none, none),
                memop);
        }
    }
    tc->excl_addr = va;
    tc->excl_size = 16;
    tc->excl_val[0] = out->u64[0];
    tc->excl_val[1] = out->u64[1];
}

uint64_t tcg_sc_slow(Cpu *cpu, uint64_t va, uint32_t memop, uint64_t value)
{
    TcgCpu *tc = tcg_cpu(cpu);
    bool armed = tc->excl_addr == va && tc->excl_size == ir_memop_bytes(memop);
    uint64_t expected = tc->excl_val[0], old;

    tc->excl_size = 0;
    if (!armed) {
        return 1;
    }
    old = tcg_cas_slow(cpu, va, memop & ~(uint32_t)IR_MO_SIGN, expected, value);
    return cpu->raised || old != expected;
}

uint64_t tcg_scv_slow(Cpu *cpu, uint64_t va, uint32_t memop, const IrV128 *value)
{
    TcgCpu *tc = tcg_cpu(cpu);
    bool armed = tc->excl_addr == va && tc->excl_size == 16;
    IrV128 old = { .u64 = { tc->excl_val[0], tc->excl_val[1] } }, expected = old;

    tc->excl_size = 0;
    if (!armed) {
        return 1;
    }
    tcg_casv_slow(cpu, va, memop, &old, value);
    return cpu->raised || memcmp(&old, &expected, sizeof(old)) != 0;
}

bool tcg_is_exclusive(const Cpu *cpu)
{
    return tcg_cpu((Cpu *)cpu)->excl_size != 0;
}

void tcg_clrex(Cpu *cpu)
{
    tcg_cpu(cpu)->excl_size = 0;
}

void tcg_zero_slow(Cpu *cpu, uint64_t va, uint32_t memop, uint32_t log2_bytes)
{
    uint64_t bytes = 1ull << log2_bytes;
    const FlatRange *r;
    GuestPhys phys;
    SlowAccess a;
    uint8_t *host;

    bool may_be_device = memop & IR_MO_ALIGN;

    va &= ~(bytes - 1);
    memop &= ~(uint32_t)(IR_MO_SIZE | IR_MO_ALIGN);
    if (!may_be_device && !slow_filled(cpu, va, memop, (unsigned)bytes, ACCESS_WRITE, &host)) {
        return;
    }
    if (!may_be_device && host) {
        slow_zero(host, bytes);
        return;
    }
    if (!slow_begin(&a, cpu, va, memop, 1, ACCESS_WRITE)) {
        return;
    }
    if (a.page[0].device) {
        slow_raise_unaligned(&a);
        return;
    }
    phys = a.page[0].phys + (va & PAGE_MASK_LOW);
    r = slow_range(&a, &a.page[0], phys);
    if (r && r->kind == FLAT_RAM && r->len - (phys - r->start) >= bytes) {
        slow_zero(flat_host(r, phys), bytes);
        slow_wrote(&a, r->ram, r->offset + (phys - r->start), (unsigned)bytes);
        return;
    }
    for (uint64_t i = 0; i < bytes && !cpu->raised; i += 8) {
        tcg_st_slow(cpu, va + i, memop | 3, 0);
    }
}

/* ---- for helpers ---- */

bool tcg_read(Cpu *cpu, GuestVirt va, unsigned mode, uint32_t memop, uint64_t *value)
{
    memop = (memop & ~(15u << IR_MO_MODE_SHIFT)) | mode << IR_MO_MODE_SHIFT;
    *value = tcg_ld_slow(cpu, va, memop);
    return !cpu->raised;
}

bool tcg_write_direct(Cpu *cpu, GuestVirt va, unsigned mode, unsigned n, uint64_t value)
{
    uint8_t *host = slow_direct(cpu, va, mode, n, ACCESS_WRITE);

    if (!host) {
        return false;
    }
    if (va & 1) {
        __atomic_store_n(host, (uint8_t)value, __ATOMIC_RELAXED);
        host++, va++, n--, value >>= 8;
    }
    if (n >= 2 && (va & 2)) {
        __atomic_store_n((uint16_t *)(void *)host, (uint16_t)value, __ATOMIC_RELAXED);
        host += 2, va += 2, n -= 2, value >>= 16;
    }
    if (n == 8) {
        __atomic_store_n((uint64_t *)(void *)host, value, __ATOMIC_RELAXED);
        return true;
    }
    if (n & 4) {
        __atomic_store_n((uint32_t *)(void *)host, (uint32_t)value, __ATOMIC_RELAXED);
        host += 4, value >>= 32;
    }
    if (n & 2) {
        __atomic_store_n((uint16_t *)(void *)host, (uint16_t)value, __ATOMIC_RELAXED);
        host += 2, value >>= 16;
    }
    if (n & 1) {
        __atomic_store_n(host, (uint8_t)value, __ATOMIC_RELAXED);
    }
    return true;
}

bool tcg_write(Cpu *cpu, GuestVirt va, unsigned mode, uint32_t memop, uint64_t value)
{
    memop = (memop & ~(15u << IR_MO_MODE_SHIFT)) | mode << IR_MO_MODE_SHIFT;
    tcg_st_slow(cpu, va, memop, value);
    return !cpu->raised;
}

bool tcg_phys_read(Cpu *cpu, GuestPhys pa, bool secure, unsigned bytes, uint64_t *value)
{
    const FlatRange *r = tcg_flat(cpu, pa, secure);

    *value = 0;
    tcg_cpu(cpu)->stats.walk_reads += cpu == cpu_current();
    if (r && r->ram && r->len - (pa - r->start) >= bytes && !(pa & (bytes - 1))) {
        tcg_copy(value, flat_host(r, pa), bytes);
        return true;
    }
    return aspace_load(secure ? cpu->as_secure : cpu->as, pa, bytes, value,
                       (MemAttrs){ .requester = (uint16_t)cpu->index, .secure = secure }) == MEM_OK;
}

bool tcg_phys_cas64(Cpu *cpu, GuestPhys pa, bool secure, uint64_t expected, uint64_t desired,
                    uint64_t *was)
{
    const FlatRange *r = aspace_lookup(secure ? cpu->as_secure : cpu->as, pa);
    SlowAccess a = { .cpu = cpu };

    if (!r || r->kind != FLAT_RAM || r->len - (pa - r->start) < 8 || (pa & 7)) {
        return false;
    }
    *was = __sync_val_compare_and_swap((uint64_t *)flat_host(r, pa), expected, desired);
    slow_wrote(&a, r->ram, r->offset + (pa - r->start), 8);
    return true;
}
