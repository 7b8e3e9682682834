/* SPDX-License-Identifier: Apache-2.0 */
/*
 * type=tap and type=bridge: a network device of the host. Interface: Linux's
 * Documentation/networking/tuntap.rst; frames carry the header of linux/virtio_net.h where the
 * device gives it, so that checksums and large segments pass through untouched.
 */
#include "core/event/loop.h"
#include "net/net-priv.h"
#include "net/vhost.h"
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

enum {
    TAP_BURST = 64,
    TAP_HEADER = sizeof(struct virtio_net_hdr),
    TAP_HEADER_LONG = sizeof(struct virtio_net_hdr_mrg_rxbuf), /* of the kernel's path */
    TAP_QUEUES_MAX = 32,
    TAP_OFFLOADS = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN,
};

typedef struct Tap Tap;

/* One of the device's queues, which the kernel spreads flows over. */
typedef struct TapQueue {
    Tap *tap;
    int fd;
    unsigned watch;
    Vhost *vhost; /* NULL: none */
} TapQueue;

struct Tap {
    NetBackend b;
    TapQueue queue[TAP_QUEUES_MAX];
    unsigned n;
    char ifname[IFNAMSIZ];
    char *downscript;
    char *bridge;
    unsigned header; /* bytes in front of a frame; 0: none */
    uint8_t buf[NET_FRAME_MAX + TAP_HEADER_LONG];
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
    struct virtio_net_hdr_mrg_rxbuf h = {
        .hdr = { .flags = o->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM,
                 .gso_type = o->gso_type,
                 .hdr_len = o->hdr_len,
                 .gso_size = o->gso_size,
                 .csum_start = o->csum_start,
                 .csum_offset = o->csum_offset },
    };
    struct iovec iov[2] = { { &h, t->header }, { frame, len } };
    int fd = t->queue[o->queue % t->n].fd;
    ssize_t n;

    do {
        n = t->header ? writev(fd, iov, 2) : write(fd, frame, len);
    } while (n < 0 && errno == EINTR);
    /* A queue that is full drops, as a cable would. */
}

static bool tap_readable(int fd, unsigned events, void *arg)
{
    TapQueue *q = arg;
    Tap *t = q->tap;
    unsigned header = t->header;

    for (unsigned i = 0; i < TAP_BURST; i++) {
        struct virtio_net_hdr h;
        NetOffload o = { 0 };
        ssize_t n;

        if (net_is_full(&t->b) || (q->vhost && vhost_is_on(q->vhost))) {
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
        if (!q->watch && !(q->vhost && vhost_is_on(q->vhost))) {
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
        t->header = ifr.ifr_flags & IFF_VNET_HDR ? TAP_HEADER : 0;
    }
    if (t->header) {
        ioctl(fd, TUNSETVNETHDRSZ, &size);
        /* What a card does not take is finished here, natively. */
        ioctl(fd, TUNSETOFFLOAD, TAP_OFFLOADS);
    }
    t->b.takes_offload = t->header;
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

/* A number, or a name of getfd's; -1: an error. */
static int tap_parse_fd(const Tap *t, const char *key, const char *text, GError **err)
{
    g_autofree char *what = g_strdup_printf("%s=", key);
    int fd = fdsets_take_text(machine_fdsets(t->b.machine), what, text, err);

    if (fd >= 0) {
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    return fd;
}

/* ---- The kernel's path ---- */

static bool tap_get_vhost(TapQueue *q, int take_fd, GError **err)
{
    int size = TAP_HEADER_LONG;

    if (!q->tap->header) {
        if (take_fd >= 0) {
            close(take_fd);
        }
        return error_set(err, "the device has no header of virtio; leave out "
                              "vnet_hdr=off (fd=: open it with IFF_VNET_HDR)");
    }
    q->vhost = vhost_open(take_fd, NULL, NULL, err);
    return q->vhost &&
           (!ioctl(q->fd, TUNSETVNETHDRSZ, &size) ||
            error_set(err, "the device takes no header of %d bytes: %s", size, g_strerror(errno)));
}

/* All queues or none: they are of one device. */
static void tap_drop_vhost(Tap *t)
{
    int size = TAP_HEADER;

    for (TapQueue *q = t->queue; q < t->queue + t->n; q++) {
        g_clear_pointer(&q->vhost, vhost_close);
        if (t->header) {
            ioctl(q->fd, TUNSETVNETHDRSZ, &size);
        }
    }
}

/* "4:5": descriptors of /dev/vhost-net, one a queue. */
static bool tap_vhost_fds(const Tap *t, const char *text, int fds[TAP_QUEUES_MAX], GError **err)
{
    g_auto(GStrv) list = text ? g_strsplit(text, ":", -1) : NULL;

    for (unsigned i = 0; i < t->n; i++) {
        fds[i] = -1;
    }
    if (!text) {
        return true;
    }
    if (g_strv_length(list) != t->n) {
        return error_set(err, "vhostfd=, vhostfds=%s: has %u descriptors, the device %u queues",
                         text, g_strv_length(list), t->n);
    }
    for (unsigned i = 0; i < t->n; i++) {
        fds[i] = tap_parse_fd(t, "vhostfd", list[i], err);
        if (fds[i] < 0) {
            return false;
        }
    }
    return true;
}

/* A wish that is given up with a warning, unless it is forced. */
static bool tap_want_vhost(Tap *t, Options *o, GError **err)
{
    const char *one = options_get(o, "vhostfd"), *several = options_get(o, "vhostfds");
    const char *text = one ? one : several;
    int fds[TAP_QUEUES_MAX];
    g_autoptr(GError) why = NULL;
    bool vhost, force;

    if (!options_get_bool(o, "vhostforce", false, &force, err) ||
        !options_get_bool(o, "vhost", force || text, &vhost, err)) {
        return false;
    }
    if (!vhost) {
        return !text || error_set(err, "vhostfd=, vhostfds=: are for vhost=on");
    }
    if (!tap_vhost_fds(t, text, fds, err)) {
        return false;
    }
    for (unsigned i = 0; i < t->n; i++) {
        if (!tap_get_vhost(&t->queue[i], fds[i], &why)) {
            tap_drop_vhost(t);
            if (force || text) {
                return error_set(err, "vhost=on: %s", why->message);
            }
            log_message(loop_log(t->b.machine), LOG_LEVEL_WARN, t->b.id,
                        "vhost=on: %s; without it frames pass through this process "
                        "(vhostforce=on makes that an error)",
                        why->message);
            return true;
        }
    }
    t->header = TAP_HEADER_LONG;
    return true;
}

static uint64_t tap_kernel_features(const NetBackend *b)
{
    const Tap *t = (const Tap *)(const void *)b;

    return t->n && t->queue[0].vhost ? vhost_features(t->queue[0].vhost) : 0;
}

static bool tap_kernel_start(NetBackend *b, unsigned queue, const NetHandover *h, GError **err)
{
    TapQueue *q = &((Tap *)(void *)b)->queue[queue];
    unsigned offloads = h->takes & NET_TAKES_CSUM ? TUN_F_CSUM : 0;

    offloads |= h->takes & NET_TAKES_TSO4 ? TUN_F_TSO4 : 0;
    offloads |= h->takes & NET_TAKES_TSO6 ? TUN_F_TSO6 : 0;
    if (!q->vhost) {
        return error_set(err, "the network is closed");
    }
    if (!vhost_start(q->vhost, q->fd, h, err)) {
        return false;
    }
    ioctl(q->fd, TUNSETOFFLOAD, offloads);
    return true;
}

static void tap_kernel_stop(NetBackend *b, unsigned queue, uint16_t base[2])
{
    TapQueue *q = &((Tap *)(void *)b)->queue[queue];

    if (q->vhost) { /* else the network is closed already */
        vhost_stop(q->vhost, base);
        ioctl(q->fd, TUNSETOFFLOAD, TAP_OFFLOADS);
    }
}

void net_tap_take_vhost(NetBackend *b, unsigned queue, Vhost *take_v)
{
    ((Tap *)(void *)b)->queue[queue].vhost = take_v;
}

static bool tap_begin(Tap *t, Options *o, GError **err)
{
    for (unsigned i = 0; i < t->n; i++) {
        int fd = t->queue[i].fd, flags = fcntl(fd, F_GETFL);

        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK)) {
            return error_set(err, "fd %d: %s", fd, g_strerror(errno));
        }
        tap_probe(t, fd);
    }
    if (o && !tap_want_vhost(t, o, err)) {
        return false;
    }
    tap_more(&t->b);
    return true;
}

static bool tap_of_fd(Tap *t, const char *text, GError **err)
{
    int fd = tap_parse_fd(t, "fd", text, err);

    if (fd < 0) {
        return false;
    }
    tap_take_fd(t, fd);
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

    if (!options_get_bool(o, "vnet_hdr", true, &vnet_hdr, err) ||
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
        return tap_of_fds(t, fds, err) && tap_limit(t, o, err) && tap_begin(t, o, err);
    }
    if (br && !helper) {
        return error_set(err, "br=: is for helper=; a device goes on a bridge by its script=");
    }
    if (fd) {
        return tap_of_fd(t, fd, err) && tap_limit(t, o, err) && tap_begin(t, o, err);
    }
    if (helper) {
        return tap_help(t, helper, br ? br : "br0", err) && tap_limit(t, o, err) &&
               tap_begin(t, o, err);
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
    return tap_limit(t, o, err) && tap_begin(t, o, err);
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
    return tap_help(t, helper, t->bridge, err) && tap_begin(t, NULL, err);
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
        if (q->vhost) {
            vhost_close(g_steal_pointer(&q->vhost));
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
    .kernel_features = tap_kernel_features,
    .kernel_start = tap_kernel_start,
    .kernel_stop = tap_kernel_stop,
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
