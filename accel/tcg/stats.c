/* SPDX-License-Identifier: Apache-2.0 */
/* What the translator knows of its own work: one table for `info jit` and for x-query-jit. */
#include "accel/tcg/tcg-priv.h"

#include "core/cpu.h"

#include <inttypes.h>
#include <time.h>

typedef struct StatRow {
    const char *group, *name;
    size_t offset; /* in TcgStats */
} StatRow;

#define STAT(group, name, member)                   \
    {                                               \
        (group), (name), offsetof(TcgStats, member) \
    }

static const StatRow stat_rows[] = {
    STAT("translation", "blocks translated", translations),
    STAT("translation", "guest instructions", guest_insns),
    STAT("translation", "host bytes", host_bytes),
    STAT("translation", "translation cycles", translate_cycles),
    STAT("run loop", "entries", enters),
    STAT("run loop", "went on in place", went_on),
    STAT("run loop", "left: no such address", left[TCG_LEAVE_NEXT]),
    STAT("run loop", "left: not linked", left[TCG_LEAVE_LINK]),
    STAT("run loop", "left: poll", left[TCG_LEAVE_REQUEST]),
    STAT("run loop", "left: exception", left[TCG_LEAVE_RAISED]),
    STAT("run loop", "left: mode", left[TCG_LEAVE_LOOP]),
    STAT("run loop", "lookups", lookups),
    STAT("run loop", "links made", links),
    STAT("run loop", "views emptied", view_clears),
    STAT("run loop", "code pages found", code_fills),
    STAT("run loop", "code pages flushed", code_flushes),
    STAT("run loop", "exceptions", exceptions),
    STAT("run loop", "interrupts", interrupts),
    STAT("memory", "TLB fills", tlb_fills),
    STAT("memory", "TLB refills", tlb_kept_hits),
    STAT("memory", "TLB fills of large mappings", tlb_large_hits),
    STAT("memory", "TLB resizes", tlb_resizes),
    STAT("memory", "TLB flushes", tlb_flushes),
    STAT("memory", "TLB page flushes", page_flushes),
    STAT("memory", "TLB scans", tlb_scans),
    STAT("memory", "descriptors read", walk_reads),
    STAT("memory", "space switches", space_switches),
    STAT("memory", "spaces settled", tlb_settles),
    STAT("memory", "spaces back untouched", tlb_unparks),
    STAT("memory", "slow accesses", slow),
    STAT("memory", "device accesses", mmio),
    STAT("memory", "stores to code", smc),
    STAT("memory", "retries", retries),
    STAT("walks", "to 4 to 64 KiB", walks_small),
    STAT("walks", "to less than 1 GiB", walks_large),
    STAT("walks", "to 1 GiB and more", walks_giant),
    STAT("slow accesses", "miss", slow_why[TCG_SLOW_MISS]),
    STAT("slow accesses", "two pages", slow_why[TCG_SLOW_CROSSING]),
    STAT("slow accesses", "device", slow_why[TCG_SLOW_DEVICE]),
    STAT("slow accesses", "watched page", slow_why[TCG_SLOW_WATCHED]),
    STAT("slow accesses", "alignment fault", slow_why[TCG_SLOW_UNALIGNED]),
    STAT("slow accesses", "other fault", slow_why[TCG_SLOW_FAULT]),
    STAT("slow accesses", "other", slow_why[TCG_SLOW_OTHER]),
};

/* With count=on. */
static const StatRow stat_count_rows[] = {
    STAT("cycles", "run loop", cycles[TCG_PHASE_LOOP]),
    STAT("cycles", "decode and build", cycles[TCG_PHASE_LIFT]),
    STAT("cycles", "emit", cycles[TCG_PHASE_EMIT]),
    STAT("cycles", "keep", cycles[TCG_PHASE_KEEP]),
    STAT("cycles", "generated code and C", cycles[TCG_PHASE_CODE]),
};

/* Only with count=on. */
static const char *const count_names[TCG_COUNT_C_CYCLES] = {
    [TCG_COUNT_GUEST] = "guest instructions", [TCG_COUNT_HOST] = "host instructions",
    [TCG_COUNT_STUB] = "host in slow paths",  [TCG_COUNT_READ] = "TLB reads",
    [TCG_COUNT_WRITE] = "TLB writes",
};

static uint64_t stat_load(const uint64_t *p)
{
    return __atomic_load_n(p, __ATOMIC_RELAXED);
}

static void stat_add(GArray *out, const char *group, const char *name, uint64_t value)
{
    AccelCounter c = { group, name, value };

    g_array_append_val(out, c);
}

static void stat_add_rows(Tcg *t, const StatRow *rows, size_t n_rows, GArray *out)
{
    for (size_t k = 0; k < n_rows; k++) {
        uint64_t sum = 0;

        for (unsigned i = 0; i < machine_n_cpus(t->machine); i++) {
            const TcgCpu *tc = tcg_cpu(machine_cpu(t->machine, i));

            sum += stat_load((const uint64_t *)((const char *)&tc->stats + rows[k].offset));
        }
        stat_add(out, rows[k].group, rows[k].name, sum);
    }
}

static uint64_t stat_count(Tcg *t, unsigned k)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < machine_n_cpus(t->machine); i++) {
        sum += stat_load(&tcg_cpu(machine_cpu(t->machine, i))->count[k]);
    }
    return sum;
}

void tcg_phase_begin(TcgCpu *tc, TcgPhase phase)
{
    uint64_t now = tc->tcg->host->cycles();

    if (tc->phase_start) {
        tc->stats.cycles[tc->phase] += now - tc->phase_start;
    }
    tc->phase_start = now;
    tc->phase = phase;
}

static uint64_t stat_clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void tcg_clock_start(Tcg *t)
{
    t->clock_ns = stat_clock_ns();
    t->clock_cycles = t->host->cycles();
}

/* Cycles of the host's clock as time: how fast it runs is seen since the start. */
static uint64_t stat_cycles_ns(const Tcg *t, uint64_t cycles)
{
    uint64_t ns = stat_clock_ns() - t->clock_ns, all = t->host->cycles() - t->clock_cycles;

    return t->clock_ns && all ? (uint64_t)((double)cycles * (double)ns / (double)all) : 0;
}

void tcg_stats(void *state, GArray *out)
{
    Tcg *t = state;
    uint64_t cycles = 0;

    stat_add_rows(t, stat_rows, G_N_ELEMENTS(stat_rows), out);
    for (unsigned i = 0; i < machine_n_cpus(t->machine); i++) {
        cycles += stat_load(&tcg_cpu(machine_cpu(t->machine, i))->stats.translate_cycles);
    }
    stat_add(out, "translation", "translation time ns", stat_cycles_ns(t, cycles));
    stat_add(out, "cache", "blocks invalidated", stat_load(&t->invalidations));
    stat_add(out, "cache", "stores beside code", stat_load(&t->filtered));
    stat_add(out, "cache", "pages to be checked", stat_load(&t->to_checked));
    stat_add(out, "cache", "pages watched again", stat_load(&t->from_checked));
    stat_add(out, "cache", "failed checks", stat_load(&t->failed_checks));
    stat_add(out, "cache", "chunks evicted", stat_load(&t->evictions));
    if (!t->cache.counters) {
        return;
    }
    stat_add_rows(t, stat_count_rows, G_N_ELEMENTS(stat_count_rows), out);
    stat_add(out, "cycles", "C code of these", stat_count(t, TCG_COUNT_C_CYCLES));
    for (unsigned k = 0; k < TCG_COUNT_C_CYCLES; k++) {
        stat_add(out, "executed", count_names[k], stat_count(t, k));
    }

    GArray *named = tcg_counters_list(t->cache.counters);

    for (guint i = 0; i < named->len; i++) {
        const TcgCounter *c = &g_array_index(named, TcgCounter, i);

        stat_add(out, c->group, c->name, c->n);
    }
    g_array_free(named, TRUE);
}

static uint64_t stat_of(const GArray *all, const char *group, const char *name)
{
    for (guint i = 0; i < all->len; i++) {
        const AccelCounter *c = &g_array_index(all, AccelCounter, i);

        if (!strcmp(c->group, group) && !strcmp(c->name, name)) {
            return c->value;
        }
    }
    return 0;
}

static void stat_ratio(GString *out, const char *what, uint64_t a, uint64_t b)
{
    if (b) {
        g_string_append_printf(out, "%-24s %.3f\n", what, (double)a / (double)b);
    }
}

void tcg_info(void *state, GString *out)
{
    Tcg *t = state;
    GArray *all = g_array_new(FALSE, FALSE, sizeof(AccelCounter));
    const char *group = "";

    tcg_stats(state, all);
    g_string_append_printf(out, "%-24s %s\n", "back end", t->host->name);
    for (guint i = 0; i < all->len; i++) {
        const AccelCounter *c = &g_array_index(all, AccelCounter, i);

        if (strcmp(group, c->group)) {
            group = c->group;
            g_string_append_printf(out, "[%s]\n", group);
        }
        g_string_append_printf(out, "%-24s %" PRIu64 "\n", c->name, c->value);
    }
    g_string_append(out, "[ratios]\n");
    stat_ratio(out, "host bytes per guest", stat_of(all, "translation", "host bytes"),
               stat_of(all, "translation", "guest instructions"));
    stat_ratio(out, "ns to translate a guest", stat_of(all, "translation", "translation time ns"),
               stat_of(all, "translation", "guest instructions"));
    stat_ratio(out, "TLB misses per 1000", 1000 * stat_of(all, "slow accesses", "miss"),
               stat_of(all, "executed", "TLB reads") + stat_of(all, "executed", "TLB writes"));
    stat_ratio(out, "cycles to translate", stat_of(all, "translation", "translation cycles"),
               stat_of(all, "translation", "guest instructions"));
    stat_ratio(out, "host per guest executed", stat_of(all, "executed", "host instructions"),
               stat_of(all, "executed", "guest instructions"));
    g_array_free(all, TRUE);
}
