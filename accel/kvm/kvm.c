/* SPDX-License-Identifier: Apache-2.0 */
/*
 * KVM: the VM, its vCPUs, and the accelerator's contract. Nothing here knows an architecture.
 * Spec: Documentation/virt/kvm/api.rst.
 */
#include "accel/kvm/kvm.h"

#include "accel/kvm/kvm-priv.h"
#include "util/options.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- ioctls ---- */

static int kvm_ioctl(int fd, unsigned long request, void *arg)
{
    int rc = ioctl(fd, request, arg);

    return rc < 0 ? -errno : rc;
}

int kvm_device_ioctl(int fd, unsigned long request, void *arg)
{
    return kvm_ioctl(fd, request, arg);
}

int kvm_dev_ioctl(Machine *m, unsigned long request, void *arg)
{
    return kvm_ioctl(kvm_vm(m)->dev_fd, request, arg);
}

int kvm_vm_ioctl(Machine *m, unsigned long request, void *arg)
{
    return kvm_ioctl(kvm_vm(m)->vm_fd, request, arg);
}

int kvm_vcpu_ioctl(Cpu *cpu, unsigned long request, void *arg)
{
    return kvm_ioctl(kvm_cpu(cpu)->fd, request, arg);
}

int kvm_check(Machine *m, unsigned cap)
{
    KvmVm *vm = kvm_vm(m);
    int rc = kvm_ioctl(vm->vm_fd >= 0 ? vm->vm_fd : vm->dev_fd, KVM_CHECK_EXTENSION,
                       (void *)(uintptr_t)cap);

    return rc > 0 ? rc : 0;
}

struct kvm_run *kvm_run_of(Cpu *cpu)
{
    return kvm_cpu(cpu)->run;
}

KvmIrqchip kvm_irqchip(Machine *m)
{
    return kvm_vm(m)->irqchip;
}

void **kvm_vm_data(Machine *m)
{
    return &kvm_vm(m)->data;
}

void **kvm_vcpu_data(Cpu *cpu)
{
    return &kvm_cpu(cpu)->data;
}

bool kvm_is_on(const Machine *m)
{
    return machine_accel(m) == &accel_kvm;
}

/* ---- The VM ---- */

static bool kvm_open(KvmVm *vm, GError **err)
{
    vm->dev_fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (vm->dev_fd >= 0) {
        return true;
    }
    switch (errno) {
    case ENOENT:
        return error_set(err, "there is no /dev/kvm: load the module (modprobe kvm_intel or "
                              "kvm_amd), and turn virtualization on in the firmware's setup; "
                              "inside a VM, its host must allow nesting. Without KVM: -accel tcg");
    case EACCES:
    case EPERM:
        return error_set(err, "/dev/kvm may not be opened by this user: sudo usermod -aG kvm "
                              "$USER, then log in again. Without KVM: -accel tcg");
    default:
        return error_set(err, "/dev/kvm: %s", g_strerror(errno));
    }
}

enum { RING_LEAST = 1024, RING_MOST = 65536 };

static bool kvm_options(KvmVm *vm, const char *text, GError **err)
{
    static const char *const known[] = { "kernel-irqchip", "dirty-ring-size", "cpu-pm" };
    Options o = { 0 };
    const char *chip, *ring;
    bool ok = options_parse(&o, text ? text : "", NULL, err);

    vm->irqchip = KVM_IRQCHIP_ON;
    chip = ok ? options_get(&o, "kernel-irqchip") : NULL;
    if (chip && !strcmp(chip, "off")) {
        vm->irqchip = KVM_IRQCHIP_OFF;
    } else if (chip && !strcmp(chip, "split")) {
        vm->irqchip = KVM_IRQCHIP_SPLIT;
    } else if (chip && strcmp(chip, "on")) {
        ok = error_set(err, "kernel-irqchip=%s: valid: on, off, split", chip);
    }
    ring = ok ? options_get(&o, "dirty-ring-size") : NULL;
    vm->ring_entries = ring ? g_ascii_strtoull(ring, NULL, 10) : 0;
    if (ring && (vm->ring_entries < RING_LEAST || vm->ring_entries > RING_MOST ||
                 vm->ring_entries & (vm->ring_entries - 1))) {
        ok = error_set(err, "dirty-ring-size=%s: a power of two from %u to %u", ring, RING_LEAST,
                       RING_MOST);
    }
    ok = ok && options_get_bool(&o, "cpu-pm", false, &vm->cpu_pm, err) &&
         options_all_used(&o, known, G_N_ELEMENTS(known), err);
    options_deinit(&o);
    return ok;
}

/* HLT, PAUSE, MWAIT and C states do not leave the guest: the CPU is its own. */
static bool kvm_stay_in_guest(KvmVm *vm, GError **err)
{
    int can = kvm_ioctl(vm->vm_fd, KVM_CHECK_EXTENSION, (void *)KVM_CAP_X86_DISABLE_EXITS);
    struct kvm_enable_cap cap = { .cap = KVM_CAP_X86_DISABLE_EXITS,
                                  .args = { can > 0 ? (unsigned)can : 0 } };
    int rc = can > 0 ? kvm_ioctl(vm->vm_fd, KVM_ENABLE_CAP, &cap) : -ENOTTY;

    return rc >= 0 ||
           error_set(err, "cpu-pm=on: this host's KVM does not let idle CPUs stay in the guest");
}

static bool kvm_make_vm(KvmVm *vm, GError **err)
{
    int rc = kvm_ioctl(vm->dev_fd, KVM_GET_API_VERSION, NULL);

    if (rc != KVM_API_VERSION) {
        return error_set(err, "/dev/kvm speaks version %d of the interface, not %d", rc,
                         KVM_API_VERSION);
    }
    do {
        vm->vm_fd = kvm_ioctl(vm->dev_fd, KVM_CREATE_VM, NULL);
    } while (vm->vm_fd == -EINTR);
    if (vm->vm_fd < 0) {
        return error_set(err, "KVM makes no VM: %s", g_strerror(-vm->vm_fd));
    }
    rc = kvm_ioctl(vm->dev_fd, KVM_GET_VCPU_MMAP_SIZE, NULL);
    if (rc < (int)sizeof(struct kvm_run)) {
        return error_set(err, "KVM_GET_VCPU_MMAP_SIZE: %s", rc < 0 ? g_strerror(-rc) : "too small");
    }
    vm->run_bytes = (size_t)rc;
    rc = kvm_ioctl(vm->vm_fd, KVM_CHECK_EXTENSION, (void *)KVM_CAP_NR_MEMSLOTS);
    vm->max_slots = rc > 0 ? (unsigned)rc : 32;
    rc = kvm_ioctl(vm->vm_fd, KVM_CHECK_EXTENSION, (void *)KVM_CAP_IOEVENTFD);
    vm->has_ioeventfd = rc > 0;
    return !vm->cpu_pm || kvm_stay_in_guest(vm, err);
}

static void kvm_machine_free(void *state)
{
    KvmVm *vm = state;

    if (vm->data && vm->target->vm_free) {
        vm->target->vm_free(vm->machine);
    }
    kvm_slots_free(vm);
    kvm_bells_free(vm);
    kvm_routes_free(vm);
    if (vm->vm_fd >= 0) {
        close(vm->vm_fd);
    }
    if (vm->dev_fd >= 0) {
        close(vm->dev_fd);
    }
    g_free(vm->data);
    g_free(vm);
}

static void *kvm_machine_init(Machine *m, const char *options, GError **err)
{
    KvmVm *vm = g_new0(KvmVm, 1);

    vm->machine = m;
    vm->vm_fd = vm->dev_fd = -1;
    kvm_slots_init(vm);
    kvm_bells_init(vm);
    kvm_routes_init(vm);
    if (!kvm_options(vm, options, err) || !kvm_open(vm, err) || !kvm_make_vm(vm, err)) {
        kvm_machine_free(vm);
        return NULL;
    }
    return vm;
}

/* ---- vCPUs ---- */

/* A signal that nobody else uses; it only has to end KVM_RUN. */
static void kvm_signal(int sig)
{
}

static void kvm_catch_signal(void)
{
    struct sigaction sa = { .sa_handler = kvm_signal };

    sigemptyset(&sa.sa_mask);
    (void)sigaction(SIGUSR1, &sa, NULL);
}

static void kvm_kick(Cpu *cpu)
{
    __atomic_store_n(&kvm_cpu(cpu)->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
    pthread_kill(cpu->thread, SIGUSR1);
}

static void kvm_state_changed(Cpu *cpu)
{
    kvm_cpu(cpu)->changed = true;
}

static void kvm_cpu_free(Cpu *cpu)
{
    KvmCpu *k = kvm_cpu(cpu);

    if (!k) {
        return;
    }
    if (cpu->target->kvm->vcpu_free) {
        cpu->target->kvm->vcpu_free(cpu);
    }
    kvm_ring_unmap(kvm_vm(cpu->dev.machine), k);
    if (k->run) {
        munmap(k->run, kvm_vm(cpu->dev.machine)->run_bytes);
    }
    if (k->fd >= 0) {
        close(k->fd);
    }
    g_free(k->data);
    g_clear_pointer(&cpu->accel_state, g_free);
}

static bool kvm_thread_begin(Cpu *cpu, GError **err)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    return true;
}

static const CpuAccelOps kvm_cpu_ops = {
    .name = "kvm",
    .thread_begin = kvm_thread_begin,
    .run = kvm_cpu_run,
    .kick = kvm_kick,
    .state_changed = kvm_state_changed,
    .cpu_free = kvm_cpu_free,
};

/* With the first CPU it is known what guest this is. */
static bool kvm_first_cpu(KvmVm *vm, Cpu *cpu, GError **err)
{
    if (!cpu->target->kvm) {
        return error_set(err, "this host's CPU runs no guests of %s: use -accel tcg",
                         cpu->target->name);
    }
    vm->target = cpu->target->kvm;
    kvm_catch_signal();
    return kvm_log_init(vm, err) &&
           (!vm->target->vm_init || vm->target->vm_init(vm->machine, err)) &&
           kvm_irqchip_init(vm, err) && kvm_slots_update(vm, err);
}

static unsigned long kvm_vcpu_id(const KvmVm *vm, const Cpu *cpu)
{
    return vm->target->vcpu_id ? vm->target->vcpu_id(cpu) : (unsigned long)cpu->index;
}

static bool kvm_cpu_init(Cpu *cpu, GError **err)
{
    KvmVm *vm = kvm_vm(cpu->dev.machine);
    KvmCpu *k;

    if (cpu->index == 0 && !kvm_first_cpu(vm, cpu, err)) {
        return false;
    }
    k = g_new0(KvmCpu, 1);
    k->changed = true;
    cpu->accel_state = k;
    cpu->accel_ops = &kvm_cpu_ops;
    k->fd = kvm_ioctl(vm->vm_fd, KVM_CREATE_VCPU, (void *)(uintptr_t)kvm_vcpu_id(vm, cpu));
    if (k->fd < 0) {
        return error_set(err, "KVM makes no CPU %d: %s", cpu->index, g_strerror(-k->fd));
    }
    k->run = mmap(NULL, vm->run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, k->fd, 0);
    if (k->run == MAP_FAILED) {
        k->run = NULL;
        return error_set(err, "the shared area of CPU %d: %s", cpu->index, g_strerror(errno));
    }
    return kvm_ring_map(vm, k, err) &&
           (!cpu->target->kvm->vcpu_init || cpu->target->kvm->vcpu_init(cpu, err));
}

/* ---- What it tells ---- */

static void kvm_counters(void *state, GArray *out)
{
    KvmVm *vm = state;
    uint64_t exits = 0;

    for (unsigned i = 0; i < machine_n_cpus(vm->machine); i++) {
        const KvmCpu *k = kvm_cpu(machine_cpu(vm->machine, i));

        exits += k ? __atomic_load_n(&k->exits, __ATOMIC_RELAXED) : 0;
    }
    g_array_append_vals(out, &(AccelCounter){ "kvm", "exits", exits }, 1);
}

const Accel accel_kvm = {
    .name = "kvm",
    .doc = "the host's CPU runs the guest (Linux KVM)",
    .machine_init = kvm_machine_init,
    .machine_free = kvm_machine_free,
    .cpu_init = kvm_cpu_init,
    .counters = kvm_counters,
    .stats = kvm_stats,
    .watchpoints = true,
};
