/* SPDX-License-Identifier: Apache-2.0 */
/*
 * -sandbox: system calls that this process has no use for end it (seccomp, Linux's
 * Documentation/userspace-api/seccomp_filter.rst), so that who gains it by a guest gains little.
 */
#include "cli/confine.h"

#include "util/options.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)
#define SANDBOX_ARCH AUDIT_ARCH_X86_64
#define SANDBOX_X32  0x40000000u /* numbers from here on are x32's: other lists, refused whole */
#elif defined(__aarch64__)
#define SANDBOX_ARCH AUDIT_ARCH_AARCH64
#endif

/* What no machine needs, and what is of other times; the rest is asked for by name. */
static const int sandbox_always[] = {
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_syslog,
    SYS_acct,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_clock_adjtime,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_vhangup,
    SYS_quotactl,
    SYS_nfsservctl,
    SYS_add_key,
    SYS_request_key,
    SYS_keyctl,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_ptrace,
    SYS_name_to_handle_at,
    SYS_open_by_handle_at,
    SYS_userfaultfd,
    SYS_unshare,
    SYS_setns,
    SYS_lookup_dcookie,
};

static const int sandbox_obsolete[] = {
#ifdef SYS__sysctl
    SYS__sysctl,
#endif
#ifdef SYS_uselib
    SYS_uselib,           SYS_create_module, SYS_get_kernel_syms,
    SYS_query_module,     SYS_ustat,         SYS_sysfs,
    SYS_modify_ldt,       SYS_iopl,          SYS_ioperm,
#endif
    SYS_remap_file_pages,
};

static const int sandbox_elevate[] = {
    SYS_setuid,    SYS_setgid,   SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid,
    SYS_setgroups, SYS_setfsuid, SYS_setfsgid, SYS_setpgid,  SYS_setsid,    SYS_capset,
};

static const int sandbox_spawn[] = {
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
    SYS_execve,
    SYS_execveat,
};

static const int sandbox_resource[] = {
    SYS_setpriority,
    SYS_sched_setparam,
    SYS_sched_setscheduler,
    SYS_sched_setaffinity,
    SYS_sched_setattr,
    SYS_ioprio_set,
    SYS_mbind,
    SYS_set_mempolicy,
    SYS_migrate_pages,
    SYS_move_pages,
};

typedef struct Sandbox {
    bool on, obsolete, elevate, children, spawn, resource;
} Sandbox;

/* @valid: allow, deny and perhaps a third; *out: its number. */
static bool sandbox_word(Options *o, const char *key, const char *third, unsigned *out,
                         GError **err)
{
    const char *value = options_get(o, key);

    if (!value) {
        return true;
    }
    *out = !strcmp(value, "allow") ? 0 : !strcmp(value, "deny") ? 1 : 2;
    return *out < 2 || (third && !strcmp(value, third)) ||
           error_set(err, "-sandbox: %s=%s: valid: allow, deny%s%s", key, value, third ? ", " : "",
                     third ? third : "");
}

static bool sandbox_parse(const char *text, Sandbox *s, GError **err)
{
    static const char *const keys[] = { "enable", "obsolete", "elevateprivileges", "spawn",
                                        "resourcecontrol" };
    unsigned obsolete = 1, elevate = 0, spawn = 0, resource = 0;
    Options o;
    bool ok;

    if (!options_parse(&o, text, "enable", err)) {
        return false;
    }
    ok = options_get_bool(&o, "enable", false, &s->on, err) &&
         sandbox_word(&o, "obsolete", NULL, &obsolete, err) &&
         sandbox_word(&o, "elevateprivileges", "children", &elevate, err) &&
         sandbox_word(&o, "spawn", NULL, &spawn, err) &&
         sandbox_word(&o, "resourcecontrol", NULL, &resource, err) &&
         options_all_used(&o, keys, G_N_ELEMENTS(keys), err);
    s->obsolete = obsolete;
    s->elevate = elevate == 1;
    s->children = elevate == 2;
    s->spawn = spawn;
    s->resource = resource;
    options_deinit(&o);
    return ok;
}

bool sandbox_check(const char *text, GError **err)
{
    Sandbox s = { 0 };

    return sandbox_parse(text, &s, err);
}

static void sandbox_op(GArray *p, uint16_t code, uint32_t k, uint8_t yes, uint8_t no)
{
    struct sock_filter f = { code, yes, no, k };

    g_array_append_val(p, f);
}

static void sandbox_deny(GArray *p, const int *list, size_t n, uint32_t what)
{
    for (size_t i = 0; i < n; i++) {
        sandbox_op(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)list[i], 0, 1);
        sandbox_op(p, BPF_RET | BPF_K, what, 0, 0);
    }
}

/* A thread may be made, a process not. clone3's flags are behind a pointer, which a filter cannot
 * see: the C library then takes clone. */
static void sandbox_deny_clone(GArray *p)
{
    sandbox_op(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1);
    sandbox_op(p, BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS, 0, 0);
    sandbox_op(p, BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 4);
    sandbox_op(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]), 0, 0);
    sandbox_op(p, BPF_JMP | BPF_JSET | BPF_K, CLONE_THREAD, 1, 0);
    sandbox_op(p, BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS, 0, 0);
    sandbox_op(p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
}

bool sandbox_enter(const char *text, GError **err)
{
    g_autoptr(GArray) p = g_array_new(FALSE, FALSE, sizeof(struct sock_filter));
    const uint32_t kill = SECCOMP_RET_KILL_PROCESS;
    struct sock_fprog prog;
    Sandbox s = { 0 };

    if (!sandbox_parse(text, &s, err) || !s.on) {
        return !*err;
    }
    sandbox_op(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
    sandbox_op(p, BPF_JMP | BPF_JEQ | BPF_K, SANDBOX_ARCH, 1, 0);
    sandbox_op(p, BPF_RET | BPF_K, kill, 0, 0);
    sandbox_op(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
#ifdef SANDBOX_X32
    sandbox_op(p, BPF_JMP | BPF_JGE | BPF_K, SANDBOX_X32, 0, 1);
    sandbox_op(p, BPF_RET | BPF_K, kill, 0, 0);
#endif
    sandbox_deny(p, sandbox_always, G_N_ELEMENTS(sandbox_always), kill);
    sandbox_deny(p, sandbox_obsolete, s.obsolete ? G_N_ELEMENTS(sandbox_obsolete) : 0, kill);
    sandbox_deny(p, sandbox_elevate, s.elevate ? G_N_ELEMENTS(sandbox_elevate) : 0, kill);
    /* Libraries try for a better place and go on without. */
    sandbox_deny(p, sandbox_resource, s.resource ? G_N_ELEMENTS(sandbox_resource) : 0,
                 SECCOMP_RET_ERRNO | EPERM);
    if (s.spawn) {
        sandbox_deny(p, sandbox_spawn, G_N_ELEMENTS(sandbox_spawn), kill);
        sandbox_deny_clone(p);
    }
    sandbox_op(p, BPF_RET | BPF_K, SECCOMP_RET_ALLOW, 0, 0);
    prog.len = (unsigned short)p->len;
    prog.filter = (struct sock_filter *)(void *)p->data;
    /* Without that only root may filter; it also keeps children from set-user-ID programs. */
    if ((s.elevate || s.children || geteuid()) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
        return error_set(err, "-sandbox: no_new_privs: %s", g_strerror(errno));
    }
    return !syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &prog) ||
           error_set(err, "-sandbox: the kernel takes no filter: %s", g_strerror(errno));
}
