/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the GICv3 share. */
#ifndef HW_INTC_GICV3_PRIV_H
#define HW_INTC_GICV3_PRIV_H

#include "core/cpu.h"
#include "core/device.h"
#include "core/intc.h"

enum {
    MAX_CPUS = 512,
    LOW_CPUS = 123, /* redistributors in the first region; the others are in the second */
    MAX_IRQS = 1020,
    WORDS = 32, /* of 32 interrupts; word 0 of a CPU lies behind them */
    ALL_WORDS = WORDS + MAX_CPUS,
    ID_SPECIAL = 1020,
    ID_SPURIOUS = 1023,
    PRIO_IDLE = 0xff,
    PRIO_MASK = 0xf8, /* 32 levels */
    BPR0_MIN = 2,
    BPR1_MIN = 3,
    REDIST_BYTES = 0x20000,
    ITS_BYTES = 0x20000,
    LPI_FIRST = 8192,
    LPI_END = 65536, /* ids have 16 bits */
    LPI_WORDS = (LPI_END - LPI_FIRST) / 64,
    N_ITS_TABLES = 2, /* devices, collections */
    SGI_FRAME = 0x10000,

    GICD_CTLR = 0x0000,
    GICD_TYPER = 0x0004,
    GICD_IIDR = 0x0008,
    GICD_IGROUPR = 0x0080,
    GICD_ISENABLER = 0x0100,
    GICD_ICENABLER = 0x0180,
    GICD_ISPENDR = 0x0200,
    GICD_ICPENDR = 0x0280,
    GICD_ISACTIVER = 0x0300,
    GICD_ICACTIVER = 0x0380,
    GICD_IPRIORITYR = 0x0400,
    GICD_ITARGETSR = 0x0800, /* RES0 with affinity routing */
    GICD_ICFGR = 0x0c00,
    GICD_IROUTER = 0x6000,
    GIC_PIDR = 0xffd0, /* PIDR4 to CIDR3 */

    GICR_CTLR = 0x0000,
    GICR_IIDR = 0x0004,
    GICR_TYPER = 0x0008,
    GICR_WAKER = 0x0014,
    GICR_PROPBASER = 0x0070,
    GICR_PENDBASER = 0x0078,
    GICR_SYNCR = 0x00c0,
    GICR_CTLR_LPIS = 1 << 0,
    GICR_TYPER_PLPIS = 1 << 0,
    GICR_TYPER_LAST = 1 << 4,
    GICD_TYPER_LPIS = 1 << 17,

    GITS_CTLR = 0x0000,
    GITS_IIDR = 0x0004,
    GITS_TYPER = 0x0008,
    GITS_CBASER = 0x0080,
    GITS_CWRITER = 0x0088,
    GITS_CREADR = 0x0090,
    GITS_BASER = 0x0100,
    GITS_TRANSLATER = 0x10040,

    CTLR_GRP0 = 1 << 0,
    CTLR_GRP1 = 1 << 1,
    CTLR_ARE = 1 << 4,
    CTLR_DS = 1 << 6,
    WAKER_SLEEP = 1 << 1,
    WAKER_ASLEEP = 1 << 2,
    ICC_CTLR_CBPR = 1 << 0,
    ICC_CTLR_EOIMODE = 1 << 1,
};

#define ROUTE_ANY BIT(31)

/* The most urgent pending interrupt of a CPU. */
typedef struct GicBest {
    unsigned id, prio, group;
} GicBest;

/* What a redistributor remembers of its pending LPIs. */
typedef struct GicLpis {
    uint64_t some[LPI_WORDS / 64]; /* bit per word that is not 0 */
    bool stale;                    /* `best` must be sought again */
    GicBest best;
} GicLpis;

typedef struct Gicv3 {
    Device dev;
    uint32_t num_cpu, num_irq;
    uint32_t ctlr;
    /* Bit per interrupt; gicv3_word finds the word. */
    uint32_t enabled[ALL_WORDS], pending[ALL_WORDS], active[ALL_WORDS], level[ALL_WORDS];
    uint32_t group[ALL_WORDS], edge[ALL_WORDS];
    uint8_t prio[MAX_CPUS * 32 + MAX_IRQS]; /* banked ones first, by CPU */
    uint64_t route[MAX_IRQS];
    uint32_t waker[MAX_CPUS];
    uint32_t pmr[MAX_CPUS], bpr0[MAX_CPUS], bpr1[MAX_CPUS], icc_ctlr[MAX_CPUS];
    uint32_t igrpen0[MAX_CPUS], igrpen1[MAX_CPUS];
    uint32_t ap0r[MAX_CPUS], ap1r[MAX_CPUS]; /* bit per active priority level */
    /* Interrupts by message: gicv3-lpi.c and gicv3-its.c */
    bool has_lpi;
    uint32_t redist_ctlr[MAX_CPUS];
    uint64_t propbaser[MAX_CPUS], pendbaser[MAX_CPUS];
    uint64_t *lpi_pending; /* LPI_WORDS a CPU */
    uint32_t n_lpi_words;
    GicLpis *lpis; /* one a CPU; derived from the bits and from the guest's table */
    uint32_t its_ctlr, its_cwriter, its_creadr;
    uint64_t its_cbaser, its_baser[N_ITS_TABLES];
    CpuIntc intc;
    Irq irq[MAX_CPUS], fiq[MAX_CPUS];
} Gicv3;

static inline unsigned gicv3_word(unsigned cpu, unsigned w)
{
    return w ? w : WORDS + cpu;
}

/* Aff3.Aff2.Aff1.Aff0 of a CPU: sixteen to a cluster, as SGIs can address them. */
static inline uint32_t gicv3_affinity(unsigned cpu)
{
    return (cpu / 16) << 8 | cpu % 16;
}

bool gicv3_bit(const uint32_t *words, unsigned cpu, unsigned id);
void gicv3_bit_put(uint32_t *words, unsigned cpu, unsigned id, bool on);
uint8_t *gicv3_prio(Gicv3 *s, unsigned cpu, unsigned id);
uint32_t gicv3_pending_word(const Gicv3 *s, unsigned i);
GicBest gicv3_best(Gicv3 *s, unsigned cpu);
unsigned gicv3_group_mask(const Gicv3 *s, unsigned cpu, unsigned group);
unsigned gicv3_running(const Gicv3 *s, unsigned cpu);
bool gicv3_can_signal(const Gicv3 *s, unsigned cpu, const GicBest *b);

/* LPIs of a redistributor: gicv3-lpi.c */
void gicv3_lpi_init(Gicv3 *s);
void gicv3_lpi_reset(Gicv3 *s);
/* The bits have changed behind our back (a load). */
void gicv3_lpi_rebuild(Gicv3 *s);
/* The guest's table may have changed. */
void gicv3_lpi_invalidate(Gicv3 *s, unsigned cpu);
void gicv3_lpi_put(Gicv3 *s, unsigned cpu, unsigned id, bool pending);
bool gicv3_lpi_is_pending(const Gicv3 *s, unsigned cpu, unsigned id);
void gicv3_lpi_move_all(Gicv3 *s, unsigned from, unsigned to);
/* Puts the best LPI into *best where it is more urgent. */
void gicv3_lpi_consider(Gicv3 *s, unsigned cpu, GicBest *best);
uint64_t gicv3_lpi_read(const Gicv3 *s, unsigned cpu, unsigned off, unsigned size);
void gicv3_lpi_write(Gicv3 *s, unsigned cpu, unsigned off, unsigned size, uint64_t val);

/* The translation service: gicv3-its.c */
RegionRead gicv3_its_read;
RegionWrite gicv3_its_write;

/* ICC_* registers: gicv3-cpu.c */
extern const CpuIntcOps gicv3_intc_ops;

#endif
