/* SPDX-License-Identifier: Apache-2.0 */
/* Spec: fcntl(2), "Open file description locks"; proc(5), /proc/PID/fdinfo. */
#include "block/proto/file-lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOCK_PERMS = 4, LOCK_HELD = 100, LOCK_UNSHARED = 200 };

static const char *const lock_names[LOCK_PERMS] = { "consistent read", "write", "write unchanged",
                                                    "resize" };

static int lock_byte(int fd, off_t byte, short type)
{
    struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

    return fcntl(fd, F_OFD_SETLK, &l) ? -errno : 0;
}

/* Does another description hold @byte? */
static int lock_is_held(int fd, off_t byte)
{
    struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

    if (fcntl(fd, F_OFD_GETLK, &l)) {
        return -errno;
    }
    return l.l_type != F_UNLCK;
}

/* ---- Who has it ---- */

/* Has the fdinfo file @path a lock of this file over @byte? */
static bool lock_in_fdinfo(const char *path, const struct stat *st, off_t byte)
{
    g_autofree char *text = NULL;
    bool found = false;

    if (!g_file_get_contents(path, &text, NULL, NULL)) {
        return false;
    }
    for (char *line = strstr(text, "lock:"); line && !found; line = strstr(line + 1, "lock:")) {
        unsigned long long inode, start, end;
        char *range = strstr(line, "OFDLCK");

        /* lock: 1: OFDLCK  ADVISORY  READ -1 fe:00:1234 100 100 */
        if (range &&
            sscanf(range, "%*s %*s %*s %*s %*x:%*x:%llu %llu %llu", &inode, &start, &end) == 3) {
            found = inode == st->st_ino && start <= (uint64_t)byte && (uint64_t)byte <= end;
        }
    }
    return found;
}

static bool lock_in_process(const char *pid, const struct stat *st, off_t byte)
{
    g_autofree char *path = g_strdup_printf("/proc/%s/fdinfo", pid);
    GDir *dir = g_dir_open(path, 0, NULL);
    const char *fd;
    bool found = false;

    while (dir && !found && (fd = g_dir_read_name(dir))) {
        g_autofree char *info = g_strdup_printf("%s/%s", path, fd);

        found = lock_in_fdinfo(info, st, byte);
    }
    if (dir) {
        g_dir_close(dir);
    }
    return found;
}

/* "process 123 (qemu-io)"; NULL: none is seen. The caller frees. */
static char *lock_holder(int fd, off_t byte)
{
    GDir *proc = g_dir_open("/proc", 0, NULL);
    char *holder = NULL;
    struct stat st;
    const char *pid;

    while (proc && !fstat(fd, &st) && !holder && (pid = g_dir_read_name(proc))) {
        g_autofree char *path = g_strdup_printf("/proc/%s/comm", pid);
        g_autofree char *comm = NULL;

        if (!g_ascii_isdigit(*pid) || !lock_in_process(pid, &st, byte)) {
            continue;
        }
        if (!g_file_get_contents(path, &comm, NULL, NULL)) {
            comm = g_strdup("?");
        }
        holder = atoi(pid) == getpid() ? g_strdup("this process, by another node")
                                       : g_strdup_printf("process %s (%s)", pid, g_strstrip(comm));
    }
    if (proc) {
        g_dir_close(proc);
    }
    return holder;
}

static bool lock_error(int fd, const char *path, int perm, bool ours_shared, off_t byte,
                       GError **err)
{
    g_autofree char *who = lock_holder(fd, byte);

    error_set(err, "%s: Failed to get %s\"%s\" lock: %s uses the image", path,
              ours_shared ? "shared " : "", lock_names[perm], who ? who : "another process");
    (*err)->code = who ? 0 : FILE_LOCK_UNSEEN;
    return false;
}

/* ---- Taking ---- */

/* Locks of readers, which exclude nobody by themselves: the bytes that others hold are looked at
 * after one's own are taken, so that of two who come at once at most one succeeds. */
bool file_lock(int fd, const char *path, unsigned held, unsigned unshared, bool may_lack,
               GError **err)
{
    for (int i = 0; i < LOCK_PERMS; i++) {
        int ret = held & 1u << i ? lock_byte(fd, LOCK_HELD + i, F_RDLCK) : 0;

        if (!ret && (unshared & 1u << i)) {
            ret = lock_byte(fd, LOCK_UNSHARED + i, F_RDLCK);
        }
        if (ret) {
            file_unlock(fd);
            if (ret != -EAGAIN && ret != -EACCES) {
                return may_lack || error_set(err, "%s: locks: %s (locking=off does without)", path,
                                             g_strerror(-ret));
            }
            return lock_error(fd, path, i, false, LOCK_HELD + i, err);
        }
    }
    for (int i = 0; i < LOCK_PERMS; i++) {
        if ((held & 1u << i) && lock_is_held(fd, LOCK_UNSHARED + i) > 0) {
            file_unlock(fd);
            return lock_error(fd, path, i, false, LOCK_UNSHARED + i, err);
        }
        if ((unshared & 1u << i) && lock_is_held(fd, LOCK_HELD + i) > 0) {
            file_unlock(fd);
            return lock_error(fd, path, i, true, LOCK_HELD + i, err);
        }
    }
    return true;
}

void file_unlock(int fd)
{
    for (int i = 0; i < LOCK_PERMS; i++) {
        lock_byte(fd, LOCK_HELD + i, F_UNLCK);
        lock_byte(fd, LOCK_UNSHARED + i, F_UNLCK);
    }
}
