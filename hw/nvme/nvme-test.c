/* SPDX-License-Identifier: Apache-2.0 */
/* A driver of NVMe: queues, PRPs, SGLs; the machine is saved and loaded after each command. */
#include "hw/nvme/nvme.h"

#include "hw/pci/bench.h"
#include "tests/held.h"
#include "tests/unit.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

extern const DeviceType device_nvme;

enum {
    ASQ = BENCH_RAM_BASE,
    ACQ = ASQ + 0x1000,
    SQ = ASQ + 0x2000,
    CQ = ASQ + 0x3000,
    LIST = ASQ + 0x4000,
    DATA = ASQ + 0x10000,
    BLOCKS = 1024,
    ENTRIES = 8,
};

typedef struct Drive {
    int fd;
    BlockBackend *open[600];
    unsigned n_open;
    bool holds;         /* what fails is held */
    const char *broken; /* how the disk's file fails; NULL: it does not */
} Drive;

typedef struct Nt {
    Bench *b;
    Drive drive;
    unsigned tail[2], head[2], phase[2], cid;
    uint32_t result;
} Nt;

static void nt_plug(Device *dev, void *arg)
{
    g_autoptr(GError) err = NULL;
    Drive *d = arg;
    BlockBackend *b = d->holds ? held_open(dev->machine, d->fd, d->broken)
                               : block_open_fd(dev->machine, "d0", dup(d->fd), 0, &err);

    CHECK(b && d->n_open < ARRAY_SIZE(d->open));
    d->open[d->n_open++] = b;
    CHECK(machine_add_backend(dev->machine, "drive", "d0", b, &err));
    device_set_backend(dev, "drive", b);
    pci_bench_host(dev, NULL);
}

static void nt_poke(Nt *t, GuestPhys at, unsigned size, uint64_t val)
{
    aspace_store(machine_memory(bench_machine(t->b)), at, size, val, (MemAttrs){ 0 });
}

static uint64_t nt_peek(Nt *t, GuestPhys at, unsigned size)
{
    uint64_t val = 0;

    aspace_load(machine_memory(bench_machine(t->b)), at, size, &val, (MemAttrs){ 0 });
    return val;
}

static void nt_reg(Nt *t, unsigned off, unsigned size, uint64_t val)
{
    pci_bench_write(t->b, 0, off, size, val);
}

static void nt_begin_with(Nt *t, bool holds)
{
    *t = (Nt){ .drive = { .fd = memfd_create("disk", MFD_CLOEXEC), .holds = holds },
               .phase = { 1, 1 } };
    CHECK(t->drive.fd >= 0 && !ftruncate(t->drive.fd, BLOCKS * 512));
    t->b = bench_device_setup(&device_nvme, "serial=s1,mdts=4", nt_plug, &t->drive);
    pci_bench_enable(t->b);
    nt_reg(t, 0x24, 4, (ENTRIES - 1) << 16 | (ENTRIES - 1));
    nt_reg(t, 0x28, 8, ASQ);
    nt_reg(t, 0x30, 8, ACQ);
    nt_reg(t, 0x14, 4, 0x00460001);
}

static void nt_begin(Nt *t)
{
    nt_begin_with(t, false);
}

static void nt_end(Nt *t)
{
    bench_end(t->b);
    for (unsigned i = 0; i < t->drive.n_open; i++) {
        block_close(t->drive.open[i]);
    }
    close(t->drive.fd);
}

/* A command through pair @q with its data where @prp1, @prp2 say. */
static void nt_submit(Nt *t, unsigned q, unsigned op, uint32_t nsid, uint64_t prp1, uint64_t prp2,
                      uint32_t dw10, uint32_t dw11, uint32_t dw12)
{
    GuestPhys e = (q ? SQ : ASQ) + 64 * t->tail[q];

    for (unsigned i = 0; i < 64; i += 8) {
        nt_poke(t, e + i, 8, 0);
    }
    nt_poke(t, e, 4, op | ++t->cid << 16);
    nt_poke(t, e + 4, 4, nsid);
    nt_poke(t, e + 24, 8, prp1);
    nt_poke(t, e + 32, 8, prp2);
    nt_poke(t, e + 40, 4, dw10);
    nt_poke(t, e + 44, 4, dw11);
    nt_poke(t, e + 48, 4, dw12);
    t->tail[q] = (t->tail[q] + 1) % ENTRIES;
    nt_reg(t, 0x1000 + 8 * q, 4, t->tail[q]);
}

/* Its status. */
static unsigned nt_do(Nt *t, unsigned q, unsigned op, uint32_t nsid, uint64_t prp1, uint64_t prp2,
                      uint32_t dw10, uint32_t dw11, uint32_t dw12)
{
    GuestPhys c = (q ? CQ : ACQ) + 16 * t->head[q];

    nt_submit(t, q, op, nsid, prp1, prp2, dw10, dw11, dw12);
    for (unsigned i = 0; i < 100 && (nt_peek(t, c + 14, 2) & 1) != t->phase[q]; i++) {
        block_wait(machine_find_backend(bench_machine(t->b), "drive", "d0"));
        bench_run_loop(t->b);
    }
    EXPECT_EQ(nt_peek(t, c + 14, 2) & 1, t->phase[q]);
    EXPECT_EQ(nt_peek(t, c + 12, 2), t->cid & 0xffff);
    t->result = (uint32_t)nt_peek(t, c, 4);
    if (++t->head[q] == ENTRIES) {
        t->head[q] = 0;
        t->phase[q] ^= 1;
    }
    nt_reg(t, 0x1004 + 8 * q, 4, t->head[q]);
    return (unsigned)nt_peek(t, c + 14, 2) >> 1;
}

static void nt_queues(Nt *t)
{
    EXPECT_EQ(nt_do(t, 0, 5, 0, CQ, 0, (ENTRIES - 1) << 16 | 1, 3, 0), NVME_OK);
    EXPECT_EQ(nt_do(t, 0, 1, 0, SQ, 0, (ENTRIES - 1) << 16 | 1, 1 << 16 | 1, 0), NVME_OK);
}

TEST(nvme, identifies_itself_and_counts_queues)
{
    Nt t;

    nt_begin(&t);
    EXPECT_EQ(pci_bench_config(t.b, PCI_VENDOR_ID, 4), 0x00101b36);
    EXPECT_EQ(pci_bench_config(t.b, PCI_CLASS_REVISION, 4) >> 8, 0x010802);
    EXPECT_EQ(pci_bench_read(t.b, 0, 0x1c, 4), 1);
    EXPECT_EQ(pci_bench_read(t.b, 0, 0x08, 4), 0x00010400);
    EXPECT_EQ(nt_do(&t, 0, 6, 0, DATA, 0, 1, 0, 0), NVME_OK);
    EXPECT_EQ(nt_peek(&t, DATA, 2), 0x1b36);
    EXPECT_EQ(nt_peek(&t, DATA + 4, 2), 's' | '1' << 8);
    EXPECT_EQ(nt_peek(&t, DATA + 77, 1), 4);
    EXPECT_EQ(nt_do(&t, 0, 6, 1, DATA, 0, 0, 0, 0), NVME_OK);
    EXPECT_EQ(nt_peek(&t, DATA, 8), BLOCKS);
    EXPECT_EQ(nt_do(&t, 0, 6, 0, DATA, 0, 2, 0, 0), NVME_OK);
    EXPECT_EQ(nt_peek(&t, DATA, 8), 1);
    EXPECT_EQ(nt_do(&t, 0, 6, 2, DATA, 0, 3, 0, 0), NVME_INVALID_NS);
    EXPECT_EQ(nt_do(&t, 0, 6, 0, DATA, 0, 0x77, 0, 0), NVME_INVALID_FIELD);
    EXPECT_EQ(nt_do(&t, 0, 9, 0, 0, 0, 7, 0x000f000f, 0), NVME_OK);
    EXPECT_EQ(t.result, 63 << 16 | 63);
    EXPECT_EQ(nt_do(&t, 0, 0x0a, 0, 0, 0, 6, 0, 0), NVME_OK);
    EXPECT_EQ(t.result, 1);
    EXPECT_EQ(nt_do(&t, 0, 2, 0xffffffff, DATA, 0, 127 << 16 | 2, 0, 0), NVME_OK);
    EXPECT_EQ(nt_peek(&t, DATA + 1, 2), 323);
    EXPECT_EQ(nt_do(&t, 0, 0x55, 0, 0, 0, 0, 0, 0), NVME_INVALID_OPCODE);
    EXPECT_EQ(nt_do(&t, 0, 1, 0, SQ, 0, 7 << 16 | 1, 1 << 16 | 1, 0), NVME_INVALID_CQ);
    EXPECT_EQ(nt_do(&t, 0, 5, 0, CQ + 8, 0, 7 << 16 | 1, 1, 0), NVME_PRP_OFFSET);
    EXPECT_EQ(nt_do(&t, 0, 5, 0, CQ, 0, 7 << 16 | 99, 1, 0), NVME_INVALID_QID);
    nt_end(&t);
}

TEST(nvme, data_by_prps)
{
    Nt t;

    nt_begin(&t);
    nt_queues(&t);
    /* 20 blocks from the middle of a page: the rest of it, and a list of two more. */
    for (unsigned i = 0; i < 20 * 512; i += 8) {
        nt_poke(&t, DATA + 0x800 + i, 8, i * 3);
    }
    nt_poke(&t, LIST + 0xf00, 8, DATA + 0x1000);
    nt_poke(&t, LIST + 0xf08, 8, DATA + 0x2000);
    EXPECT_EQ(nt_do(&t, 1, 1, 1, DATA + 0x800, LIST + 0xf00, 5, 0, 19), NVME_OK);
    EXPECT_EQ(nt_do(&t, 1, 2, 1, DATA + 0x8000, DATA + 0x9000, 5, 0, 15), NVME_OK);
    EXPECT_EQ(nt_peek(&t, DATA + 0x8000 + 8184, 8), 8184 * 3);
    EXPECT_EQ(nt_do(&t, 1, 5, 1, DATA + 0x8000, DATA + 0x9000, 5, 0, 15), NVME_OK);
    nt_poke(&t, DATA + 0x8010, 8, 1);
    EXPECT_EQ(nt_do(&t, 1, 5, 1, DATA + 0x8000, DATA + 0x9000, 5, 0, 15), NVME_COMPARE_FAILED);
    EXPECT_EQ(nt_do(&t, 1, 8, 1, 0, 0, 6, 0, 0), NVME_OK);
    EXPECT_EQ(nt_do(&t, 1, 2, 1, DATA + 0x8000, 0, 6, 0, 0), NVME_OK);
    EXPECT_EQ(nt_peek(&t, DATA + 0x8000, 8), 0);
    EXPECT_EQ(nt_do(&t, 1, 0, 1, 0, 0, 0, 0, 0), NVME_OK);
    EXPECT_EQ(nt_do(&t, 1, 0, 0xffffffff, 0, 0, 0, 0, 0), NVME_OK);
    /* Beyond the disk, the limit of a command, the namespaces; lists that are none. */
    EXPECT_EQ(nt_do(&t, 1, 2, 1, DATA, 0, BLOCKS - 1, 0, 1), NVME_LBA_RANGE);
    EXPECT_EQ(nt_do(&t, 1, 2, 1, DATA, 0, 0, 1, 0), NVME_LBA_RANGE);
    EXPECT_EQ(nt_do(&t, 1, 2, 1, DATA, LIST, 0, 0, 128), NVME_INVALID_FIELD);
    EXPECT_EQ(nt_do(&t, 1, 2, 9, DATA, 0, 0, 0, 0), NVME_INVALID_NS);
    EXPECT_EQ(nt_do(&t, 1, 2, 1, DATA, DATA + 8, 0, 0, 15), NVME_PRP_OFFSET);
    EXPECT_EQ(nt_do(&t, 1, 1, 1, 0xffff0000, 0, 0, 0, 0), NVME_DATA_ERROR);
    nt_end(&t);
}

static void nt_sgl(Nt *t, GuestPhys at, uint64_t addr, uint32_t len, unsigned type)
{
    nt_poke(t, at, 8, addr);
    nt_poke(t, at + 8, 8, len | (uint64_t)type << 60);
}

TEST(nvme, data_by_sgls)
{
    enum { SGL = 1 << 6 << 8 };
    Nt t;

    nt_begin(&t);
    nt_queues(&t);
    for (unsigned i = 0; i < 2048; i += 8) {
        nt_poke(&t, DATA + i, 8, i + 1);
    }
    EXPECT_EQ(nt_do(&t, 1, 1 | SGL, 1, DATA, 2048, 0, 0, 3), NVME_OK);
    /* Two segments: 100 and 924 bytes, then 512 that are dropped, then the last 512. */
    nt_sgl(&t, LIST, DATA + 0x4000, 100, 0);
    nt_sgl(&t, LIST + 16, DATA + 0x5000, 924, 0);
    nt_sgl(&t, LIST + 32, LIST + 0x100, 32, 3);
    nt_sgl(&t, LIST + 0x100, 0, 512, 1);
    nt_sgl(&t, LIST + 0x110, DATA + 0x6000, 512, 0);
    EXPECT_EQ(nt_do(&t, 1, 2 | SGL, 1, LIST, 48 | 2ull << 60, 0, 0, 3), NVME_OK);
    EXPECT_EQ(nt_peek(&t, DATA + 0x4008, 8), 9);
    EXPECT_EQ(nt_peek(&t, DATA + 0x5000 + 924 - 8, 8), 1024 - 8 + 1);
    EXPECT_EQ(nt_peek(&t, DATA + 0x6000, 8), 1536 + 1);
    /* Too short; a segment that is not the last entry; a type there is not. */
    EXPECT_EQ(nt_do(&t, 1, 2 | SGL, 1, DATA, 512, 0, 0, 3), NVME_SGL_LENGTH);
    nt_sgl(&t, LIST, LIST, 16, 2);
    EXPECT_EQ(nt_do(&t, 1, 2 | SGL, 1, LIST, 32 | 2ull << 60, 0, 0, 3), NVME_SGL_SEGMENT);
    EXPECT_EQ(nt_do(&t, 1, 2 | SGL, 1, LIST, 16 | 2ull << 60, 0, 0, 3), NVME_SGL_SEGMENT);
    EXPECT_EQ(nt_do(&t, 1, 2 | SGL, 1, LIST, 16 | 9ull << 60, 0, 0, 3), NVME_SGL_TYPE);
    EXPECT_EQ(nt_do(&t, 1, 2 | SGL, 1, LIST, 17 | 2ull << 60, 0, 0, 3), NVME_SGL_SEGMENT);
    nt_end(&t);
}

TEST(nvme, ranges_are_discarded_and_the_controller_is_switched_off)
{
    Nt t;

    nt_begin(&t);
    nt_queues(&t);
    nt_poke(&t, LIST + 4, 4, 8);
    nt_poke(&t, LIST + 8, 8, 16);
    nt_poke(&t, LIST + 16 + 4, 4, 8);
    nt_poke(&t, LIST + 16 + 8, 8, 100);
    EXPECT_EQ(nt_do(&t, 1, 9, 1, LIST, 0, 1, 4, 0), NVME_OK);
    nt_poke(&t, LIST + 16 + 8, 8, BLOCKS);
    EXPECT_EQ(nt_do(&t, 1, 9, 1, LIST, 0, 1, 4, 0), NVME_LBA_RANGE);
    EXPECT_EQ(nt_do(&t, 0, 4, 0, 0, 0, 1, 0, 0), NVME_QUEUE_DELETION);
    EXPECT_EQ(nt_do(&t, 0, 0, 0, 0, 0, 1, 0, 0), NVME_OK);
    EXPECT_EQ(nt_do(&t, 0, 4, 0, 0, 0, 1, 0, 0), NVME_OK);
    EXPECT_EQ(nt_do(&t, 0, 4, 0, 0, 0, 1, 0, 0), NVME_INVALID_QID);
    nt_reg(&t, 0x14, 4, 0x00464001);
    for (unsigned i = 0; i < 100 && (pci_bench_read(t.b, 0, 0x1c, 4) & 12) != 8; i++) {
        block_wait(machine_find_backend(bench_machine(t.b), "drive", "d0"));
        bench_run_loop(t.b);
    }
    EXPECT_EQ(pci_bench_read(t.b, 0, 0x1c, 4), 9);
    nt_reg(&t, 0x14, 4, 0);
    EXPECT_EQ(pci_bench_read(t.b, 0, 0x1c, 4), 0);
    nt_reg(&t, 0x1000, 4, 1); /* no queue any more: nothing happens */
    nt_reg(&t, 0x28, 8, 0xffff0000);
    nt_reg(&t, 0x14, 4, 0x00460001);
    nt_reg(&t, 0x1000, 4, 1);
    EXPECT_EQ(pci_bench_read(t.b, 0, 0x1c, 4) & 2, 2); /* fatal: no memory there */
    nt_end(&t);
}

/* Let what is under way end, or be held. */
static void nt_settle(Nt *t, unsigned held)
{
    for (unsigned i = 0; i < 100; i++) {
        block_wait(machine_find_backend(bench_machine(t->b), "drive", "d0"));
        bench_run_loop(t->b); /* saved, and loaded elsewhere */
    }
    EXPECT_EQ(t->drive.broken ? held : 0,
              nvme_of(bench_dev(t->b))->held_len / NVME_HELD +
                  block_held(machine_find_backend(bench_machine(t->b), "drive", "d0")));
}

/* Commands that an error holds are in the state: they go on in another machine, whose disk works.
 */
TEST(nvme, held_commands_are_saved)
{
    uint8_t sector[512];
    Nt t;

    nt_begin_with(&t, true);
    nt_queues(&t);
    memset(sector, 0x5a, sizeof(sector));
    EXPECT(pwrite(t.drive.fd, sector, 512, 3 * 512) == 512);
    for (unsigned i = 0; i < 512; i += 8) {
        nt_poke(&t, DATA + i, 8, 0x1122334455667788);
    }
    t.drive.broken = "pwritev";
    bench_run_loop(t.b);
    nt_submit(&t, 1, 1, 1, DATA, 0, 7, 0, 0);
    nt_settle(&t, 1);
    EXPECT_EQ(nt_peek(&t, CQ + 14, 2) & 1, 0);
    t.drive.broken = "read_aio";
    bench_run_loop(t.b);
    nt_submit(&t, 1, 2, 1, DATA + 0x1000, 0, 3, 0, 0);
    nt_settle(&t, 2);
    EXPECT_EQ(nt_peek(&t, CQ + 14, 2) & 1, 0);
    held_resume(bench_machine(t.b)); /* in vain for one of them */
    EXPECT_EQ(nt_peek(&t, CQ + 14, 2), 1);
    EXPECT_EQ(nt_peek(&t, CQ + 30, 2) & 1, 0);
    t.drive.broken = NULL;
    bench_run_loop(t.b);
    held_resume(bench_machine(t.b));
    EXPECT_EQ(nt_peek(&t, CQ + 30, 2), 1);
    EXPECT_EQ(nt_peek(&t, CQ + 28, 2), t.cid);
    EXPECT_EQ(nt_peek(&t, DATA + 0x1000, 8), 0x5a5a5a5a5a5a5a5aull);
    EXPECT(pread(t.drive.fd, sector, 512, 7 * 512) == 512);
    EXPECT_EQ(sector[0], 0x88);
    held_resume(bench_machine(t.b)); /* once */
    EXPECT_EQ(nt_peek(&t, CQ + 46, 2) & 1, 0);
    /* A controller that is switched off forgets them. */
    t.drive.broken = "pwritev";
    bench_run_loop(t.b);
    nt_submit(&t, 1, 1, 1, DATA + 0x1000, 0, 9, 0, 0);
    nt_settle(&t, 1);
    nt_reg(&t, 0x14, 4, 0x00460000);
    t.drive.broken = NULL;
    bench_run_loop(t.b);
    held_resume(bench_machine(t.b));
    EXPECT(pread(t.drive.fd, sector, 512, 9 * 512) == 512);
    EXPECT_EQ(sector[0], 0);
    nt_end(&t);
}
