/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/confine.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

void confine_begin(const SystemConfig *c)
{
    if (c->process) {
        prctl(PR_SET_NAME, c->process);
    }
}

static bool confine_lock(GError **err)
{
    return !mlockall(MCL_CURRENT | MCL_FUTURE) ||
           error_set(
               err,
               "-overcommit mem-lock=on: memory cannot be locked: %s (ulimit -l says how much "
               "may be; systemd: LimitMEMLOCK=infinity)",
               g_strerror(errno));
}

/* ---- A second process for the memory ---- */

enum { TEARDOWN_STACK = 16384 };

/*
 * It shares the memory, and keeps it when this process is gone: giving much memory back takes
 * seconds, which whoever waits for us need not wait. Its thread pointer is ours as well: system
 * calls alone, and none that can fail.
 */
static int teardown_main(void *opaque)
{
    sigset_t hup;

    sigemptyset(&hup);
    sigaddset(&hup, SIGHUP);
    syscall(SYS_close_range, 0, ~0u, 0);
    syscall(SYS_prctl, PR_SET_NAME, "teardown", 0, 0, 0);
    syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGHUP, 0, 0, 0);
    if (syscall(SYS_getppid) == GPOINTER_TO_INT(opaque)) {
        syscall(SYS_rt_sigtimedwait, &hup, NULL, NULL, _NSIG / 8);
    }
    syscall(SYS_exit_group, 0);
    return 0;
}

static bool confine_teardown(GError **err)
{
    uint8_t *stack = mmap(NULL, TEARDOWN_STACK, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    sigset_t all, old;
    int pid, error;

    if (stack == MAP_FAILED) {
        return error_set(err, "-async-teardown: %s", g_strerror(errno));
    }
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old); /* it waits for one signal, and ends by no other */
    pid = clone(teardown_main, stack + TEARDOWN_STACK, CLONE_VM, GINT_TO_POINTER(getpid()));
    error = errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return pid > 0 || error_set(err, "-async-teardown: no second process: %s", g_strerror(error));
}

/* ---- Root and user ---- */

typedef struct ConfineUser {
    char *name; /* NULL: numbers */
    uid_t uid;
    gid_t gid;
} ConfineUser;

static bool confine_number(const char *text, char stop, const char **rest, unsigned *out)
{
    char *end;
    guint64 v = g_ascii_strtoull(text, &end, 10);

    *rest = end;
    *out = (unsigned)v;
    return g_ascii_isdigit(*text) && *end == stop && v < UINT32_MAX;
}

static bool confine_find_user(const char *text, ConfineUser *u, GError **err)
{
    const struct passwd *pw = getpwnam(text);
    const char *rest;

    if (pw) {
        u->name = g_strdup(text);
        u->uid = pw->pw_uid;
        u->gid = pw->pw_gid;
        return true;
    }
    return (confine_number(text, ':', &rest, &u->uid) &&
            confine_number(rest + 1, 0, &rest, &u->gid)) ||
           error_set(err,
                     "-runas %s: there is no such user; valid: a name of /etc/passwd, or "
                     "UID:GID",
                     text);
}

static bool confine_root(const char *folder, GError **err)
{
    return (!chdir(folder) && !chroot(".") && !chdir("/")) ||
           error_set(err, "-chroot %s: %s%s", folder, g_strerror(errno),
                     errno == EPERM ? " (only root may)" : "");
}

static bool confine_become(const char *text, const ConfineUser *u, GError **err)
{
    bool same = getuid() == u->uid && geteuid() == u->uid && getgid() == u->gid;
    bool ok = same ||
              (!setgid(u->gid) &&
               !(u->name ? initgroups(u->name, u->gid) : setgroups(1, &u->gid)) && !setuid(u->uid));

    if (!ok) {
        return error_set(err, "-runas %s: %s%s", text, g_strerror(errno),
                         errno == EPERM ? " (only root may)" : "");
    }
    return !u->uid || setuid(0) || error_set(err, "-runas %s: root came back", text);
}

bool confine(const SystemConfig *c, GError **err)
{
    ConfineUser user = { 0 };
    bool ok = (!c->runas || confine_find_user(c->runas, &user, err)) &&
              (!c->mem_lock || confine_lock(err)) &&
              (!c->async_teardown || confine_teardown(err)) &&
              (!c->chroot || confine_root(c->chroot, err)) &&
              (!c->runas || confine_become(c->runas, &user, err)) &&
              (!c->sandbox || sandbox_enter(c->sandbox, err));

    g_free(user.name);
    return ok;
}
