/* SPDX-License-Identifier: Apache-2.0 */
/* What a board loads: kernel (Image, ELF, gzip, code), device tree, initial RAM disk, firmware. */
#include "tests/fuzz/machine.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FILES = 3 };

typedef struct Files {
    uint8_t which; /* bits: 0, 1 kernel; 2 device tree; 3 initial RAM disk; 4 command line; 5
                      firmware */
    int fd[FILES];
    char path[FILES][32];
} Files;

static void files_fill(BoardConfig *cfg, void *arg)
{
    Files *f = arg;

    cfg->kernel = f->which & 3 ? f->path[0] : NULL;
    cfg->dtb = f->which & 4 ? f->path[1] : NULL;
    cfg->initrd = f->which & 8 && cfg->kernel ? f->path[2] : NULL;
    cfg->bios = f->which & 3 ? NULL : f->which & 32 ? f->path[0] : cfg->bios;
    cfg->append = f->which & 16 && cfg->kernel ? "console=ttyAMA0" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzIn in = { data, size };
    g_autoptr(GError) err = NULL;
    Files f = { fuzz_u8(&in) };
    size_t dtb = f.which & 4 ? fuzz_u16(&in) : 0;
    Machine *m;

    for (unsigned i = 0; i < FILES; i++) {
        size_t len;
        const uint8_t *p = fuzz_bytes(&in, i == 0 ? in.len - MIN(dtb, in.len) : in.len, &len);

        f.fd[i] = memfd_create("fuzz", MFD_CLOEXEC);
        bool ok = write(f.fd[i], p, len) == (ssize_t)len;
        g_assert(ok);
        snprintf(f.path[i], sizeof(f.path[i]), "/proc/self/fd/%d", f.fd[i]);
    }
    m = fuzz_machine(files_fill, &f, &err);
    if (m) {
        machine_free(m);
    }
    for (unsigned i = 0; i < FILES; i++) {
        close(f.fd[i]);
    }
    return 0;
}
