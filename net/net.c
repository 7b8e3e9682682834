/* SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"

#include "core/event/loop.h"
#include "net/net-priv.h"
#include "util/suggest.h"

#include <string.h>

enum { NET_SENT_MAX = 1024, NET_KEPT_MAX = 1024 };

static const NetType *const net_types[] = { &net_type_user };

/* ---- Life ---- */

static const NetType *net_find_type(const char *name, GError **err)
{
    const char *names[G_N_ELEMENTS(net_types)];
    g_autofree char *near = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(net_types); i++) {
        names[i] = net_types[i]->name;
        if (!strcmp(name, names[i])) {
            return net_types[i];
        }
    }
    near = suggest_or_list(name, names, G_N_ELEMENTS(names), 12);
    error_set(err, "there is no type of network '%s'%s", name, near);
    return NULL;
}

NetBackend *net_open(Machine *m, const char *id, Options *o, GError **err)
{
    const char *name = options_get(o, "type");
    const NetType *type = name ? net_find_type(name, err) : NULL;
    NetBackend *b;

    if (!type) {
        if (!name) {
            error_set(err, "type= is missing");
        }
        return NULL;
    }
    b = g_malloc0(type->size);
    b->type = type;
    b->machine = m;
    b->id = g_strdup(id);
    b->link_up = true;
    mutex_init(&b->lock);
    b->sent = g_queue_new();
    b->kept = g_queue_new();
    if (!type->open(b, o, err)) {
        net_close(b);
        net_free(b);
        return NULL;
    }
    return b;
}

static void net_run_sent(void *arg);
static void net_run_kept(void *arg);

void net_close(NetBackend *b)
{
    net_set_link(b, false);
    loop_unpost(b->machine, net_run_sent, b);
    loop_unpost(b->machine, net_run_kept, b);
    b->type->close(b);
}

void net_free(NetBackend *b)
{
    g_queue_free_full(b->sent, (GDestroyNotify)(void (*)(void))g_bytes_unref);
    g_queue_free_full(b->kept, (GDestroyNotify)(void (*)(void))g_bytes_unref);
    mutex_deinit(&b->lock);
    g_free(b->who);
    g_free(b->id);
    g_free(b);
}

const char *net_id(const NetBackend *b)
{
    return b->id;
}

char *net_text(NetBackend *b)
{
    g_autofree char *more = b->type->text ? b->type->text(b) : g_strdup("");

    return g_strdup_printf("type=%s%s%s", b->type->name, *more ? "," : "", more);
}

char *net_help(void)
{
    GString *s = g_string_new("Types of -netdev:\n");

    for (size_t i = 0; i < G_N_ELEMENTS(net_types); i++) {
        g_string_append_printf(s, "  %-8s %s\n", net_types[i]->name, net_types[i]->doc);
    }
    return g_string_free(s, FALSE);
}

bool net_claim(NetBackend *b, const NetClient *client, void *opaque, const char *who, GError **err)
{
    if (b->client) {
        return error_set(err, "netdev '%s' is used by %s already", b->id, b->who);
    }
    b->client = client;
    b->opaque = opaque;
    b->who = g_strdup(who);
    return true;
}

void net_release(NetBackend *b)
{
    b->client = NULL;
    g_clear_pointer(&b->who, g_free);
}

void net_set_link(NetBackend *b, bool up)
{
    __atomic_store_n(&b->link_up, up, __ATOMIC_RELEASE);
}

static bool net_is_up(const NetBackend *b)
{
    return __atomic_load_n(&b->link_up, __ATOMIC_ACQUIRE);
}

/* ---- Frames of the guest ---- */

static void net_run_sent(void *arg)
{
    NetBackend *b = arg;

    for (;;) {
        g_autoptr(GBytes) frame = NULL;
        const uint8_t *bytes;
        gsize len;

        mutex_lock(&b->lock);
        frame = g_queue_pop_head(b->sent);
        b->posted = frame != NULL;
        mutex_unlock(&b->lock);
        if (!frame) {
            return;
        }
        bytes = g_bytes_get_data(frame, &len);
        b->type->send(b, bytes, len);
    }
}

void net_send(NetBackend *b, const struct iovec *iov, unsigned n)
{
    size_t len = 0, at = 0;
    uint8_t *frame;
    bool wake;

    for (unsigned i = 0; i < n; i++) {
        len += iov[i].iov_len;
    }
    if (len < NET_FRAME_MIN || len > NET_FRAME_MAX || !net_is_up(b)) {
        return;
    }
    frame = g_malloc(len);
    for (unsigned i = 0; i < n; at += iov[i++].iov_len) {
        memcpy(frame + at, iov[i].iov_base, iov[i].iov_len);
    }
    mutex_lock(&b->lock);
    if (g_queue_get_length(b->sent) >= NET_SENT_MAX) {
        mutex_unlock(&b->lock);
        g_free(frame);
        return;
    }
    g_queue_push_tail(b->sent, g_bytes_new_take(frame, len));
    wake = !b->posted;
    b->posted = true;
    mutex_unlock(&b->lock);
    if (wake) {
        loop_post(b->machine, net_run_sent, b);
    }
}

/* ---- Frames for the guest ---- */

static void net_run_kept(void *arg)
{
    NetBackend *b = arg;

    while (b->client && g_queue_get_length(b->kept)) {
        gsize len;
        const uint8_t *bytes = g_bytes_get_data(g_queue_peek_head(b->kept), &len);

        if (!b->client->receive(b->opaque, bytes, len)) {
            return;
        }
        g_bytes_unref(g_queue_pop_head(b->kept));
    }
}

void net_more(NetBackend *b)
{
    if (!net_is_up(b)) {
        return;
    }
    loop_post(b->machine, net_run_kept, b);
}

void net_deliver(NetBackend *b, const uint8_t *frame, size_t len)
{
    if (!b->client || !net_is_up(b) || len < NET_FRAME_MIN || len > NET_FRAME_MAX) {
        return;
    }
    net_run_kept(b);
    if (!g_queue_get_length(b->kept) && b->client->receive(b->opaque, frame, len)) {
        return;
    }
    if (g_queue_get_length(b->kept) < NET_KEPT_MAX) {
        g_queue_push_tail(b->kept, g_bytes_new(frame, len));
    }
}

/* ---- Forwarded ports ---- */

static bool net_forward(NetBackend *b, const char *text, bool add, GError **err)
{
    if (!b->type->forward) {
        return error_set(err, "netdev '%s' is of type %s: ports are forwarded by type=user", b->id,
                         b->type->name);
    }
    return b->type->forward(b, text, add, err);
}

bool net_add_forward(NetBackend *b, const char *text, GError **err)
{
    return net_forward(b, text, true, err);
}

bool net_remove_forward(NetBackend *b, const char *text, GError **err)
{
    return net_forward(b, text, false, err);
}
