/* SPDX-License-Identifier: Apache-2.0 */
/*
 * type=tap and type=bridge: a network device of the host. Interface: Linux's
 * Documentation/networking/tuntap.rst; frames carry the header of linux/virtio_net.h where the
 * device gives it, so that checksums and large segments pass through untouched.
 */
#include "core/event/loop.h"
#include "net/net-priv.h"
#include "util/fdsets.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <limits.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define TAP_SCRIPT     "/etc/qemu-ifup"
#define TAP_DOWNSCRIPT "/etc/qemu-ifdown"
#define TAP_HELPER     "/usr/lib/qemu/qemu-bridge-helper"

enum { TAP_BURST = 64, TAP_HEADER = sizeof(struct virtio_net_hdr), TAP_QUEUES_MAX = 32 };

typedef struct Tap Tap;

/* One of the device's queues, which the kernel spreads flows over. */
typedef struct TapQueue {
    Tap *tap;
    int fd;
    unsigned watch;
} TapQueue;

struct Tap {
    NetBackend b;
    TapQueue queue[TAP_QUEUES_MAX];
    unsigned n;
    char ifname[IFNAMSIZ];
    char *downscript;
    char *bridge;
    bool vnet_hdr;
    uint8_t buf[NET_FRAME_MAX + TAP_HEADER];
};

static void tap_take_fd(Tap *t, int take_fd)
{
    t->queue[t->n++] = (TapQueue){ .tap = t, .fd = take_fd };
    t->b.n_queues = t->n;
}

/* ---- Frames ---- */

static void tap_send(NetBackend *b, uint8_t *frame, size_t len, const NetOffload *o)
{
    Tap *t = (Tap *)(void *)b;
    struct virtio_net_hdr h = { .flags = o->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                .gso_type = o->gso_type,
                                .hdr_len = o->hdr_len,
                                .gso_size = o->gso_size,
                                .csum_start = o->csum_start,
                                .csum_offset = o->csum_offset };
    struct iovec iov[2] = { { &h, TAP_HEADER }, { frame, len } };
    int fd = t->queue[o->queue % t->n].fd;
    ssize_t n;

    do {
        n = t->vnet_hdr ? writev(fd, iov, 2) : write(fd, frame, len);
    } while (n < 0 && errno == EINTR);
    /* A queue that is full drops, as a cable would. */
}

static bool tap_readable(int fd, unsigned events, void *arg)
{
    TapQueue *q = arg;
    Tap *t = q->tap;
    unsigned header = t->vnet_hdr ? TAP_HEADER : 0;

    for (unsigned i = 0; i < TAP_BURST; i++) {
        struct virtio_net_hdr h;
        NetOffload o = { 0 };
        ssize_t n;

        if (net_is_full(&t->b)) {
            q->watch = 0; /* the kernel keeps the rest until tap_more */
            return false;
        }
        n = read(fd, t->buf, sizeof(t->buf));
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        }
        if (n < 0) {
            log_message(loop_log(t->b.machine), LOG_LEVEL_ERROR, t->b.id, "%s: reading fails: %s",
                        t->ifname, g_strerror(errno));
            q->watch = 0;
            return false;
        }
        if ((size_t)n < header) {
            continue;
        }
        if (header) {
            memcpy(&h, t->buf, TAP_HEADER);
            o = (NetOffload){ .flags = h.flags,
                              .gso_type = h.gso_type,
                              .hdr_len = h.hdr_len,
                              .gso_size = h.gso_size,
                              .csum_start = h.csum_start,
                              .csum_offset = h.csum_offset };
        }
        net_deliver_offload(&t->b, t->buf + header, (size_t)n - header, &o);
    }
    return true;
}

static void tap_more(NetBackend *b)
{
    Tap *t = (Tap *)(void *)b;

    for (TapQueue *q = t->queue; q < t->queue + t->n; q++) {
        if (!q->watch) {
            q->watch = loop_watch_fd(b->machine, q->fd, LOOP_IN, tap_readable, q);
        }
    }
}

/* ---- Opening ---- */

static const char *tap_user(void)
{
    const struct passwd *p = getpwuid(getuid());

    return p ? p->pw_name : "USER";
}

/* The next queue of the device: the first makes it. */
static bool tap_make(Tap *t, const char *ifname, bool several, bool vnet_hdr, bool vnet_needed,
                     GError **err)
{
    struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | (several ? IFF_MULTI_QUEUE : 0) };
    int fd;
    unsigned features = 0;
    const char *name = ifname && *ifname ? ifname : "tap%d";

    if (strlen(name) >= IFNAMSIZ) {
        return error_set(err, "ifname=%s: is longer than the %d bytes of a network device's name",
                         name, IFNAMSIZ - 1);
    }
    fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return error_set(err, "/dev/net/tun: %s%s", g_strerror(errno),
                         errno == ENOENT || errno == ENODEV
                             ? " (the kernel's module is missing: modprobe tun)"
                             : "");
    }
    tap_take_fd(t, fd);
    if (!ioctl(fd, TUNGETFEATURES, &features) && features & IFF_VNET_HDR && vnet_hdr) {
        ifr.ifr_flags |= IFF_VNET_HDR;
    } else if (vnet_needed) {
        return error_set(err, "vnet_hdr=on: the kernel's tap has no such header; leave it out");
    }
    strcpy(ifr.ifr_name, name);
    if (ioctl(fd, TUNSETIFF, &ifr)) {
        bool forbidden = errno == EPERM || errno == EACCES;

        return error_set(err, "tap device '%s': %s%s%s%s%s%s%s", name, g_strerror(errno),
                         errno == EINVAL && several ? " (it was made without multi_queue)" : "",
                         forbidden ? "; a device for this user is made by root with: "
                                     "ip tuntap add dev "
                                   : "",
                         forbidden ? (strchr(name, '%') ? "tap0" : name) : "",
                         forbidden ? " mode tap user " : "", forbidden ? tap_user() : "",
                         forbidden ? " (then ifname= names it)" : "");
    }
    g_strlcpy(t->ifname, ifr.ifr_name, sizeof(t->ifname));
    return true;
}

/* The header and offloads of a device that is open, by its queue @fd. */
static void tap_probe(Tap *t, int fd)
{
    struct ifreq ifr = { 0 };
    int size = TAP_HEADER;

    if (!ioctl(fd, TUNGETIFF, &ifr)) {
        g_strlcpy(t->ifname, ifr.ifr_name, sizeof(t->ifname));
        t->vnet_hdr = ifr.ifr_flags & IFF_VNET_HDR;
    }
    if (t->vnet_hdr) {
        ioctl(fd, TUNSETVNETHDRSZ, &size);
        /* What a card does not take is finished here, natively. */
        ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN);
    }
    t->b.takes_offload = t->vnet_hdr;
}

static bool tap_run(const char *const *argv, int keep_fd, GError **err)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        if (keep_fd >= 0) {
            fcntl(keep_fd, F_SETFD, 0);
        }
        execv(argv[0], (char *const *)argv);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        return error_set(err, "%s: %s", argv[0], g_strerror(errno));
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
        return error_set(err, "%s: cannot be run", argv[0]);
    }
    return status == 0 ||
           error_set(err, "%s ends with status %d", argv[0],
                     WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* The script of @key; @def only where there is one. NULL: none. */
static const char *tap_script(Options *o, const char *key, const char *def)
{
    const char *text = options_get(o, key);

    if (!text) {
        return access(def, X_OK) ? NULL : def;
    }
    return !strcmp(text, "no") || !*text ? NULL : text;
}

/* The helper makes a device on the bridge and sends it through a socket. */
static bool tap_help(Tap *t, const char *helper, const char *bridge, GError **err)
{
    char control[CMSG_SPACE(sizeof(int))], byte;
    struct iovec iov = { &byte, 1 };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)
    };
    struct cmsghdr *c;
    int pair[2];
    bool ok;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) {
        return error_set(err, "a pair of sockets: %s", g_strerror(errno));
    }
    {
        g_autofree char *fd = g_strdup_printf("--fd=%d", pair[1]);
        g_autofree char *br = g_strdup_printf("--br=%s", bridge);
        const char *argv[] = { helper, "--use-vnet", fd, br, NULL };
        const char *shell[] = { "/bin/sh", "-c", helper, NULL };

        ok = tap_run(strpbrk(helper, " \t") ? shell : argv, pair[1], err);
    }
    close(pair[1]);
    if (ok) {
        ssize_t n = recvmsg(pair[0], &msg, MSG_CMSG_CLOEXEC);

        c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
        ok = c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
             c->cmsg_len == CMSG_LEN(sizeof(int));
        if (ok) {
            int fd;

            memcpy(&fd, CMSG_DATA(c), sizeof(int));
            tap_take_fd(t, fd);
        } else {
            error_set(err, "helper=%s: has sent no device", helper);
        }
    }
    close(pair[0]);
    return ok;
}

static bool tap_begin(Tap *t, GError **err)
{
    for (unsigned i = 0; i < t->n; i++) {
        int fd = t->queue[i].fd, flags = fcntl(fd, F_GETFL);

        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK)) {
            return error_set(err, "fd %d: %s", fd, g_strerror(errno));
        }
        tap_probe(t, fd);
    }
    tap_more(&t->b);
    return true;
}

/* The kernel's own path for frames: a wish that is given up with a warning, unless it is forced. */
static bool tap_no_vhost(Tap *t, Options *o, GError **err)
{
    bool vhost, force;

    if (!options_get_bool(o, "vhost", false, &vhost, err) ||
        !options_get_bool(o, "vhostforce", false, &force, err)) {
        return false;
    }
    if (force || options_get(o, "vhostfd") || options_get(o, "vhostfds")) {
        return error_set(err,
                         "vhostforce=, vhostfd=: vhost-net is not supported; without it frames "
                         "pass through this process");
    }
    if (vhost) {
        log_message(loop_log(t->b.machine), LOG_LEVEL_WARN, t->b.id,
                    "vhost=on: vhost-net is not supported, frames pass through this process "
                    "(vhostforce=on makes that an error)");
    }
    return true;
}

static bool tap_of_fd(Tap *t, const char *text, GError **err)
{
    int fd = fdsets_take_text(machine_fdsets(t->b.machine), "fd=", text, err);

    if (fd < 0) {
        return false;
    }
    tap_take_fd(t, fd);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return true;
}

/* "4:5:6", or names: a queue each. */
static bool tap_of_fds(Tap *t, const char *text, GError **err)
{
    g_auto(GStrv) list = g_strsplit(text, ":", -1);
    bool ok = true;

    if (g_strv_length(list) > TAP_QUEUES_MAX) {
        return error_set(err, "fds=: %d queues at most are possible", TAP_QUEUES_MAX);
    }
    for (char **fd = list; ok && *fd; fd++) {
        ok = tap_of_fd(t, *fd, err);
    }
    return ok;
}

/* Bytes that may lie in the device, not read by the host's network yet; 0 and none: no limit. */
static bool tap_limit(Tap *t, Options *o, GError **err)
{
    uint64_t bytes;
    int size;

    if (!options_get_size(o, "sndbuf", 0, &bytes, err)) {
        return false;
    }
    size = bytes && bytes < INT_MAX ? (int)bytes : INT_MAX;
    for (unsigned i = 0; i < t->n; i++) {
        if (ioctl(t->queue[i].fd, TUNSETSNDBUF, &size) && bytes) {
            return error_set(err, "sndbuf=%llu: %s", (unsigned long long)bytes, g_strerror(errno));
        }
    }
    return true;
}

static bool tap_open(NetBackend *b, Options *o, GError **err)
{
    Tap *t = (Tap *)(void *)b;
    const char *fd = options_get(o, "fd"), *helper = options_get(o, "helper");
    const char *ifname = options_get(o, "ifname"), *hdr = options_get(o, "vnet_hdr");
    const char *br = options_get(o, "br"), *fds = options_get(o, "fds"), *script;
    uint64_t queues;
    bool vnet_hdr;

    if (!options_get_bool(o, "vnet_hdr", true, &vnet_hdr, err) || !tap_no_vhost(t, o, err) ||
        !options_get_number(o, "queues", 1, &queues, err)) {
        return false;
    }
    if (!queues || queues > TAP_QUEUES_MAX) {
        return error_set(err, "queues=%llu: must be 1 to %d", (unsigned long long)queues,
                         TAP_QUEUES_MAX);
    }
    if (!!fd + !!fds + !!helper + !!ifname > 1) {
        return error_set(err, "fd=, fds=, helper= and ifname= exclude each other");
    }
    if (queues > 1 && (fd || fds || helper)) {
        return error_set(err, "queues=: is for a device that is opened by its name; fds= has a "
                              "queue each");
    }
    if (fds) {
        return tap_of_fds(t, fds, err) && tap_limit(t, o, err) && tap_begin(t, err);
    }
    if (br && !helper) {
        return error_set(err, "br=: is for helper=; a device goes on a bridge by its script=");
    }
    if (fd) {
        return tap_of_fd(t, fd, err) && tap_limit(t, o, err) && tap_begin(t, err);
    }
    if (helper) {
        return tap_help(t, helper, br ? br : "br0", err) && tap_limit(t, o, err) &&
               tap_begin(t, err);
    }
    script = tap_script(o, "script", TAP_SCRIPT);
    t->downscript = g_strdup(tap_script(o, "downscript", TAP_DOWNSCRIPT));
    for (unsigned i = 0; i < queues; i++) {
        if (!tap_make(t, i ? t->ifname : ifname, queues > 1, vnet_hdr, hdr && vnet_hdr, err)) {
            return false;
        }
    }
    if (script) {
        const char *argv[] = { script, t->ifname, NULL };

        if (!tap_run(argv, -1, err)) {
            return false;
        }
    }
    return tap_limit(t, o, err) && tap_begin(t, err);
}

static bool tap_open_bridge(NetBackend *b, Options *o, GError **err)
{
    Tap *t = (Tap *)(void *)b;
    const char *br = options_get(o, "br"), *helper = options_get(o, "helper");

    t->bridge = g_strdup(br ? br : "br0");
    helper = helper ? helper : TAP_HELPER;
    if (!strpbrk(helper, " \t") && access(helper, X_OK)) {
        return error_set(err,
                         "helper=%s: %s; it makes the device with root's rights (package "
                         "qemu-system-common, allowed by /etc/qemu/bridge.conf)",
                         helper, g_strerror(errno));
    }
    return tap_help(t, helper, t->bridge, err) && tap_begin(t, err);
}

static void tap_close(NetBackend *b)
{
    Tap *t = (Tap *)(void *)b;

    if (t->n && t->downscript && *t->ifname) {
        const char *argv[] = { t->downscript, t->ifname, NULL };
        g_autoptr(GError) err = NULL;

        if (!tap_run(argv, -1, &err)) {
            log_message(loop_log(b->machine), LOG_LEVEL_WARN, b->id, "%s", err->message);
        }
    }
    for (TapQueue *q = t->queue; q < t->queue + t->n; q++) {
        if (q->watch) {
            loop_unwatch(b->machine, q->watch);
        }
        close(q->fd);
    }
    t->n = 0;
    g_clear_pointer(&t->downscript, g_free);
    g_clear_pointer(&t->bridge, g_free);
}

static char *tap_text(NetBackend *b)
{
    Tap *t = (Tap *)(void *)b;

    g_autofree char *queues = t->n > 1 ? g_strdup_printf(",queues=%u", t->n) : g_strdup("");

    return t->bridge ? g_strdup_printf("br=%s,ifname=%s", t->bridge, t->ifname)
                     : g_strdup_printf("ifname=%s%s", t->ifname, queues);
}

const NetType net_type_tap = {
    .name = "tap",
    .doc = "a network device of the host (fd=, ifname=, script=, helper=, queues=)",
    .size = sizeof(Tap),
    .open = tap_open,
    .close = tap_close,
    .send = tap_send,
    .more = tap_more,
    .text = tap_text,
};

const NetType net_type_bridge = {
    .name = "bridge",
    .doc = "a device on a bridge of the host, made by a helper (br=, helper=)",
    .size = sizeof(Tap),
    .open = tap_open_bridge,
    .close = tap_close,
    .send = tap_send,
    .more = tap_more,
    .text = tap_text,
};
