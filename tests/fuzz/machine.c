/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/machine.h"

#include "hw/board/virt-priv.h"

#include <sys/mman.h>
#include <unistd.h>

extern const DeviceType *const arm_cpu_types[];

/* The smallest firmware, since a machine with nothing to start warns each time. */
static const char *machine_firmware(void)
{
    static char path[32];

    if (!*path) {
        int fd = memfd_create("firmware", MFD_CLOEXEC);

        (void)!write(fd, "\xdf\x3f\x03\xd5", 4);
        g_snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    }
    return path;
}

Machine *fuzz_machine(void (*fill)(BoardConfig *cfg, void *arg), void *arg, GError **err)
{
    Options o = { 0 };
    BoardConfig cfg = {
        .machine = &o, .cpu = "cortex-a57", .n_cpus = 1, .ram_bytes = 16 << 20, .nodefaults = true
    };
    Machine *m;

    (void)fuzz_loop(); /* sets what is done with messages */
    m = machine_new(err);
    machine_add_types(m, device_types);
    machine_add_types(m, arm_cpu_types);
    options_add(&o, "gic-version", "2");
    cfg.bios = machine_firmware();
    if (fill) {
        fill(&cfg, arg);
    }
    bool ok = board_virt.init(m, &cfg, err);
    options_deinit(&o);
    if (!ok) {
        machine_free(m);
        return NULL;
    }
    machine_reset(m, RESET_COLD, CAUSE_NONE);
    return m;
}
