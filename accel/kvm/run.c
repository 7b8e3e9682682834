/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of a vCPU under KVM: run, and serve the exit.
 * Spec: Documentation/virt/kvm/api.rst, section 5, "The kvm_run structure".
 */
#include "accel/kvm/kvm-priv.h"

#include "util/log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* One access of the guest to what is not in a slot. */
static void kvm_access(Cpu *cpu, AddressSpace *as, GuestPhys at, uint8_t *data, unsigned len,
                       bool write)
{
    const FlatRange *f = aspace_lookup(as, at);
    uint64_t val = 0;

    if (f && f->kind == FLAT_MMIO && (len == 1 || len == 2 || len == 4 || len == 8) &&
        len <= f->len - (at - f->start)) {
        uint64_t off = f->region_offset + (at - f->start);

        if (write) {
            memcpy(&val, data, len);
            (void)mmio_write(f, off, len, (MemAttrs){ .cpu = 1 }, val);
        } else {
            if (mmio_read(f, off, len, (MemAttrs){ .cpu = 1 }, &val) != MEM_OK) {
                val = UINT64_MAX;
            }
            memcpy(data, &val, len);
        }
    } else if (write) {
        (void)aspace_write(as, at, data, len, (MemAttrs){ .cpu = 1 });
    } else if (aspace_read(as, at, data, len, (MemAttrs){ .cpu = 1 }) != MEM_OK && !f) {
        memset(data, 0xff, len); /* nobody drives the bus */
    }
}

static void kvm_io(Cpu *cpu, struct kvm_run *run)
{
    uint8_t *data = (uint8_t *)run + run->io.data_offset;

    for (uint32_t i = 0; i < run->io.count; i++) {
        kvm_access(cpu, cpu->as_io, run->io.port, data, run->io.size,
                   run->io.direction == KVM_EXIT_IO_OUT);
        data += run->io.size;
        /* The device may have changed the map: look it up afresh. */
        cpu_quiescent(cpu);
    }
}

/* ---- What cannot go on ---- */

/* What a person needs to see why: reason, registers, instruction. */
static CpuExit kvm_fatal(Cpu *cpu, const char *why)
{
    g_autoptr(GString) s = g_string_new(NULL);
    g_autoptr(GError) err = NULL;

    g_string_append_printf(s, "CPU %d stopped: %s\n", cpu->index, why);
    if (cpu->target->kvm->get(cpu, &err)) {
        if (cpu->target->dump) {
            cpu->target->dump(cpu, s);
        }
        kvm_report_code(cpu, s);
        kvm_report_walk(cpu, s);
        kvm_report_exits(kvm_cpu(cpu), s);
    } else {
        g_string_append_printf(s, "  its registers cannot be read: %s\n", err->message);
    }
    log_message(machine_log(cpu->dev.machine), LOG_LEVEL_ERROR, "kvm", "%s", s->str);
    return CPU_EXIT_FATAL;
}

static CpuExit kvm_internal_error(Cpu *cpu, const struct kvm_run *run)
{
    static const char *const what[] = {
        [KVM_INTERNAL_ERROR_EMULATION] =
            "KVM met an instruction that it cannot emulate (an old host CPU, or KVM inside a VM "
            "without hardware help)",
        [KVM_INTERNAL_ERROR_SIMUL_EX] = "KVM met two exceptions at once",
        [KVM_INTERNAL_ERROR_DELIVERY_EV] = "KVM could not deliver an event",
        [KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON] = "KVM got an exit that it does not know",
    };
    uint32_t n = run->internal.suberror;
    g_autofree char *text =
        g_strdup_printf("KVM internal error %u: %s", n,
                        n < G_N_ELEMENTS(what) && what[n] ? what[n] : "unknown to us");

    return kvm_fatal(cpu, text);
}

static CpuExit kvm_entry_error(Cpu *cpu, uint64_t reason)
{
    const KvmTarget *t = cpu->target->kvm;
    const char *more = t->entry_failure ? t->entry_failure(reason) : NULL;
    g_autofree char *text =
        g_strdup_printf("the host's CPU refuses to enter the guest, reason 0x%" PRIx64 "%s%s",
                        reason, more ? ": " : "", more ? more : "");

    return kvm_fatal(cpu, text);
}

/* ---- The loop ---- */

/* True: run again; false: *@out is why not. */
static bool kvm_serve(Cpu *cpu, struct kvm_run *run, CpuExit *out)
{
    Machine *m = cpu->dev.machine;

    *out = CPU_EXIT_REQUEST;
    switch (run->exit_reason) {
    case KVM_EXIT_IO:
        kvm_io(cpu, run);
        return true;
    case KVM_EXIT_MMIO:
        kvm_access(cpu, cpu->as, run->mmio.phys_addr, run->mmio.data, run->mmio.len,
                   run->mmio.is_write);
        return true;
    case KVM_EXIT_INTR:
    case KVM_EXIT_IRQ_WINDOW_OPEN:
        return true;
    case KVM_EXIT_DIRTY_RING_FULL:
        kvm_rings_sync(kvm_vm(m));
        return true;
    case KVM_EXIT_HLT:
        cpu->halted = true;
        *out = CPU_EXIT_HALTED;
        return false;
    case KVM_EXIT_SHUTDOWN: /* a triple fault on x86 */
        kvm_report_triple(cpu);
        machine_reset_request_code(m, CAUSE_GUEST_RESET, STATUS_TRIPLE_FAULT);
        return true;
    case KVM_EXIT_SYSTEM_EVENT:
        if (run->system_event.type == KVM_SYSTEM_EVENT_RESET) {
            machine_reset_request(m, CAUSE_GUEST_RESET);
        } else {
            machine_shutdown_request(m, CAUSE_GUEST_SHUTDOWN);
        }
        return true;
    case KVM_EXIT_DEBUG:
        if (cpu->target->kvm->is_debug && cpu->target->kvm->is_debug(cpu, run)) {
            *out = CPU_EXIT_DEBUG;
            return false;
        }
        return true;
    case KVM_EXIT_FAIL_ENTRY:
        *out = kvm_entry_error(cpu, run->fail_entry.hardware_entry_failure_reason);
        return false;
    case KVM_EXIT_INTERNAL_ERROR:
        if (run->internal.suberror == KVM_INTERNAL_ERROR_EMULATION && cpu->target->kvm->emulate &&
            cpu->target->kvm->emulate(cpu)) {
            return true;
        }
        *out = kvm_internal_error(cpu, run);
        return false;
    default:
        break;
    }
    switch (cpu->target->kvm->exit ? cpu->target->kvm->exit(cpu, run) : KVM_UNKNOWN) {
    case KVM_GO_ON:
        return true;
    case KVM_HALT:
        cpu->halted = true;
        *out = CPU_EXIT_HALTED;
        return false;
    case KVM_SHUT_DOWN:
        return false;
    case KVM_UNKNOWN: {
        g_autofree char *text = g_strdup_printf("KVM exit %u is not known", run->exit_reason);

        *out = kvm_fatal(cpu, text);
        return false;
    }
    }
    return true;
}

/* Requests that are served here; false: the core must. */
static bool kvm_requests(Cpu *cpu)
{
    enum { OURS = REQ_INTERRUPT | REQ_TLB_FLUSH | REQ_DEBUG };
    uint32_t req = cpu_requests(cpu);

    cpu_take_requests(cpu, req & OURS);
    kvm_cpu(cpu)->debug_changed |= (req & REQ_DEBUG) != 0;
    cpu_quiescent(cpu);
    return !(req & ~(uint32_t)OURS);
}

static CpuExit kvm_loop(Cpu *cpu)
{
    KvmCpu *k = kvm_cpu(cpu);
    KvmVm *vm = kvm_vm(cpu->dev.machine);
    const KvmTarget *t = cpu->target->kvm;
    struct kvm_run *run = k->run;
    g_autoptr(GError) err = NULL;
    CpuExit why;
    int rc;

    for (;;) {
        /* A kick after this point makes KVM_RUN return at once. */
        __atomic_store_n(&run->immediate_exit, 0, __ATOMIC_SEQ_CST);
        if (!kvm_requests(cpu)) {
            return CPU_EXIT_REQUEST;
        }
        if (!kvm_slots_update(vm, &err)) {
            return kvm_fatal(cpu, err->message);
        }
        if (k->changed) {
            k->changed = false;
            if (!t->put(cpu, &err)) {
                return kvm_fatal(cpu, err->message);
            }
        }
        if (k->debug_changed && t->put_debug) {
            k->debug_changed = false;
            if (!t->put_debug(cpu, &err)) {
                return kvm_fatal(cpu, err->message);
            }
        }
        if (t->before_run) {
            t->before_run(cpu, run);
        }
        cpu_offline(cpu);
        rc = kvm_vcpu_ioctl(cpu, KVM_RUN, NULL);
        cpu_quiescent(cpu);
        k->exits++;
        if (t->after_run) {
            t->after_run(cpu, run);
        }
        if (rc == -EINTR || rc == -EAGAIN) {
            continue;
        }
        if (rc < 0) {
            g_autofree char *text = g_strdup_printf("KVM_RUN: %s", g_strerror(-rc));

            return kvm_fatal(cpu, text);
        }
        kvm_note_exit(k, run);
        if (!kvm_serve(cpu, run, &why)) {
            return why;
        }
    }
}

CpuExit kvm_cpu_run(Cpu *cpu)
{
    const KvmTarget *t = cpu->target->kvm;
    KvmCpu *k = kvm_cpu(cpu);
    g_autoptr(GError) err = NULL;
    CpuExit why;

    if (t->enter) {
        t->enter(cpu);
    }
    why = kvm_loop(cpu);
    if (t->leave) {
        t->leave(cpu);
    }
    /* An access that was answered is finished inside KVM by the next entry: let it, without
     * running the guest, before anybody looks at registers. */
    if (why == CPU_EXIT_REQUEST) {
        __atomic_store_n(&k->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
        (void)kvm_vcpu_ioctl(cpu, KVM_RUN, NULL);
    }
    if (why != CPU_EXIT_FATAL && !t->get(cpu, &err)) {
        return kvm_fatal(cpu, err->message);
    }
    return why;
}
