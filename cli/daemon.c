/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int daemon_fork(GError **err)
{
    unsigned char status = 1;
    int fds[2];
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) || (pid = fork()) < 0) {
        error_set(err, "no process for the background: %s", g_strerror(errno));
        return -1;
    }
    if (pid) {
        close(fds[1]);
        _exit(read(fds[0], &status, 1) == 1 ? status : 1);
    }
    close(fds[0]);
    setsid();
    return fds[1];
}

void daemon_ready(int fd, bool keep_stderr)
{
    unsigned char ok = 0;
    int null;

    if (fd < 0) {
        return;
    }
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = 0; i < (keep_stderr ? 2 : 3) && null >= 0; i++) {
        dup2(null, i);
    }
    if (null > 2) {
        close(null);
    }
    if (write(fd, &ok, 1) != 1) {
        _exit(1);
    }
    close(fd);
}

/* The lock, by which a second process with the same file is refused, lasts as long as we do: the
 * descriptor is never closed. */
static int daemon_lock(const char *path, GError **err)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        struct stat ours, there;

        if (fd < 0) {
            error_set(err, "Could not create '%s': %s", path, g_strerror(errno));
            return -1;
        }
        if (fstat(fd, &ours) < 0 || fcntl(fd, F_SETLK, &lock) < 0) {
            error_set(err, "Cannot lock pid file: %s ('%s' is of a process that runs)",
                      g_strerror(errno), path);
            close(fd);
            return -1;
        }
        /* Whoever had it may have removed the file before it let go of the lock. */
        if (stat(path, &there) == 0 && there.st_ino == ours.st_ino && there.st_dev == ours.st_dev) {
            return fd;
        }
        close(fd);
    }
}

bool daemon_write_pid(const char *path, GError **err)
{
    g_autofree char *text = g_strdup_printf("%ld\n", (long)getpid());
    ssize_t len = (ssize_t)strlen(text);
    int fd;

    if (!path) {
        return true;
    }
    fd = daemon_lock(path, err);
    if (fd >= 0 && (ftruncate(fd, 0) < 0 || write(fd, text, (size_t)len) != len)) {
        error_set(err, "Failed to write PID file '%s': %s", path, g_strerror(errno));
        close(fd);
        fd = -1;
    }
    if (fd < 0) {
        g_prefix_error(err, "cannot create PID file: ");
    }
    return fd >= 0;
}

/* sd_listen_fds(3): descriptors from 3 on, for the process of $LISTEN_PID alone. */
bool daemon_take_listener(int *fd, GError **err)
{
    const char *pid = g_getenv("LISTEN_PID"), *count = g_getenv("LISTEN_FDS");
    guint64 n;

    *fd = -1;
    if (!pid || !count || !g_ascii_string_to_unsigned(pid, 10, 1, INT_MAX, &n, NULL) ||
        n != (guint64)getpid()) {
        return true;
    }
    if (!g_ascii_string_to_unsigned(count, 10, 0, INT_MAX, &n, NULL) || n > 1) {
        return error_set(err, "LISTEN_FDS=%s: socket activation is supported with one socket",
                         count);
    }
    g_unsetenv("LISTEN_PID");
    g_unsetenv("LISTEN_FDS");
    if (n) {
        *fd = 3;
        fcntl(*fd, F_SETFD, FD_CLOEXEC);
    }
    return true;
}
