/* SPDX-License-Identifier: Apache-2.0 */
#include "net/net.h"

#include "core/event/loop.h"
#include "net/net-priv.h"
#include "util/suggest.h"

#include <string.h>

enum { NET_SENT_MAX = 1024, NET_KEPT_MAX = 1024 };

static const NetType *const net_types[] = {
    &net_type_user,   &net_type_tap,    &net_type_bridge,
    &net_type_socket, &net_type_stream, &net_type_dgram,
};

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
    b->filters = g_ptr_array_new_with_free_func((GDestroyNotify)(void (*)(void))net_filter_free);
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
    __atomic_store_n(&b->link_up, false, __ATOMIC_RELEASE);
    loop_unpost(b->machine, net_run_sent, b);
    loop_unpost(b->machine, net_run_kept, b);
    b->type->close(b);
}

void net_free(NetBackend *b)
{
    g_queue_free_full(b->sent, g_free);
    g_queue_free_full(b->kept, g_free);
    g_ptr_array_free(b->filters, TRUE);
    g_free(b->merge.frame);
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

const char *net_card(const NetBackend *b)
{
    return b->who;
}

bool net_describe_card(const NetBackend *b, GString *name, GString *text)
{
    if (!b->client) {
        return false;
    }
    if (b->client->describe) {
        b->client->describe(b->opaque, name, text);
    } else {
        g_string_append(name, b->who);
    }
    return true;
}

bool net_is_type(const NetBackend *b, const char *name)
{
    return !strcmp(b->type->name, name);
}

unsigned net_queues(const NetBackend *b)
{
    return b->n_queues ? b->n_queues : 1;
}

char *net_connections(NetBackend *b)
{
    return b->type->connections ? b->type->connections(b) : NULL;
}

uint64_t net_kernel_features(const NetBackend *b)
{
    return b->type->kernel_features ? b->type->kernel_features(b) : 0;
}

bool net_kernel_start(NetBackend *b, unsigned queue, const NetHandover *h, GError **err)
{
    return b->type->kernel_start(b, queue, h, err);
}

void net_kernel_stop(NetBackend *b, unsigned queue, uint16_t base[2])
{
    b->type->kernel_stop(b, queue, base);
    net_more(b);
}

void net_announce(NetBackend *b)
{
    if (b->client && b->client->announce) {
        b->client->announce(b->opaque);
    }
}

bool net_rx_filter(const NetBackend *b, NetRxFilter *out)
{
    if (!b->client || !b->client->rx_filter) {
        return false;
    }
    *out = (NetRxFilter){ 0 };
    b->client->rx_filter(b->opaque, out);
    return true;
}

void net_set_link(NetBackend *b, bool up)
{
    __atomic_store_n(&b->link_up, up, __ATOMIC_RELEASE);
    if (b->client && b->client->link) {
        b->client->link(b->opaque, up);
    }
}

bool net_link_is_up(const NetBackend *b)
{
    return __atomic_load_n(&b->link_up, __ATOMIC_ACQUIRE);
}

static NetFrame *net_frame(size_t len, const NetOffload *o)
{
    NetFrame *f = g_malloc(sizeof(*f) + len);

    f->o = o ? *o : (NetOffload){ 0 };
    f->len = len;
    return f;
}

/* ---- Frames of the guest ---- */

static void net_emit(void *opaque, const uint8_t *frame, size_t len)
{
    static const NetOffload none = { 0 };
    NetBackend *b = opaque;

    b->type->send(b, (uint8_t *)frame, len, &none);
}

static void net_run_sent(void *arg)
{
    NetBackend *b = arg;

    for (;;) {
        g_autofree NetFrame *f = NULL;

        mutex_lock(&b->lock);
        f = g_queue_pop_head(b->sent);
        b->posted = f != NULL;
        mutex_unlock(&b->lock);
        if (!f) {
            break;
        }
        net_filter_frame(b, NET_TO_NET, f->bytes, f->len);
        if (b->takes_offload) {
            b->type->send(b, f->bytes, f->len, &f->o);
        } else {
            net_finish_frame(f->bytes, f->len, &f->o, b->type->takes_large, net_emit, b);
        }
    }
    net_flush(b);
}

void net_send(NetBackend *b, const struct iovec *iov, unsigned n, const NetOffload *o)
{
    size_t len = 0, at = 0;
    NetFrame *f;
    bool wake;

    for (unsigned i = 0; i < n; i++) {
        len += iov[i].iov_len;
    }
    if (len < NET_FRAME_MIN || len > NET_FRAME_MAX || !net_link_is_up(b)) {
        return;
    }
    f = net_frame(len, o);
    for (unsigned i = 0; i < n; at += iov[i++].iov_len) {
        memcpy(f->bytes + at, iov[i].iov_base, iov[i].iov_len);
    }
    mutex_lock(&b->lock);
    if (g_queue_get_length(b->sent) >= NET_SENT_MAX) {
        mutex_unlock(&b->lock);
        g_free(f);
        return;
    }
    g_queue_push_tail(b->sent, f);
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
        NetFrame *f = g_queue_peek_head(b->kept);

        if (!b->client->receive(b->opaque, f->bytes, f->len, &f->o)) {
            return;
        }
        g_free(g_queue_pop_head(b->kept));
    }
    if (b->type->more) {
        b->type->more(b);
    }
}

void net_more(NetBackend *b)
{
    if (!net_link_is_up(b)) {
        return;
    }
    loop_post(b->machine, net_run_kept, b);
}

bool net_is_full(const NetBackend *b)
{
    return g_queue_get_length(b->kept) >= NET_KEPT_MAX / 2;
}

/* To the card, or kept for it. */
static void net_offer(NetBackend *b, const uint8_t *frame, size_t len, const NetOffload *o)
{
    NetFrame *f;

    if (!b->client) {
        return;
    }
    net_filter_frame(b, NET_TO_CARD, frame, len);
    net_run_kept(b);
    if (!g_queue_get_length(b->kept) && b->client->receive(b->opaque, frame, len, o)) {
        return;
    }
    if (g_queue_get_length(b->kept) < NET_KEPT_MAX) {
        f = net_frame(len, o);
        memcpy(f->bytes, frame, len);
        g_queue_push_tail(b->kept, f);
    }
}

void net_flush(NetBackend *b)
{
    NetOffload o;

    if (b->merge.len) {
        size_t len = b->merge.len;

        net_merge_end(&b->merge, &o);
        b->merge.len = 0;
        net_offer(b, b->merge.frame, len, &o);
    }
}

static unsigned net_takes(const NetBackend *b)
{
    return b->client && b->client->takes ? b->client->takes(b->opaque) : 0;
}

void net_deliver(NetBackend *b, const uint8_t *frame, size_t len)
{
    NetOffload o = { 0 };
    unsigned takes = net_takes(b);

    if (!b->client || !net_link_is_up(b) || len < NET_FRAME_MIN || len > NET_FRAME_MAX) {
        return;
    }
    if (b->type->merges && takes & (NET_TAKES_TSO4 | NET_TAKES_TSO6)) {
        bool v4 = takes & NET_TAKES_TSO4, v6 = takes & NET_TAKES_TSO6;

        if (!b->merge.frame) {
            b->merge.frame = g_malloc(NET_MERGE_MAX);
        }
        if (net_merge_add(&b->merge, frame, len, v4, v6)) {
            return;
        }
        net_flush(b);
        if (net_merge_add(&b->merge, frame, len, v4, v6)) {
            return;
        }
    }
    if (b->type->merges && takes & NET_TAKES_CSUM) {
        o.flags = OFFLOAD_DATA_VALID;
    }
    net_offer(b, frame, len, &o);
}

static void net_offer_done(void *opaque, const uint8_t *frame, size_t len)
{
    static const NetOffload none = { 0 };

    net_offer(opaque, frame, len, &none);
}

void net_deliver_offload(NetBackend *b, const uint8_t *frame, size_t len, const NetOffload *o)
{
    unsigned takes = net_takes(b), type = o->gso_type & ~OFFLOAD_GSO_ECN;
    bool taken =
        (!(o->flags & OFFLOAD_NEEDS_CSUM) || takes & NET_TAKES_CSUM) &&
        (type == OFFLOAD_GSO_NONE || (type == OFFLOAD_GSO_TCPV4 && takes & NET_TAKES_TSO4) ||
         (type == OFFLOAD_GSO_TCPV6 && takes & NET_TAKES_TSO6));
    g_autofree uint8_t *copy = NULL;

    if (!b->client || !net_link_is_up(b) || len < NET_FRAME_MIN || len > NET_FRAME_MAX) {
        return;
    }
    if (taken) {
        NetOffload left = *o;

        left.flags &= takes & NET_TAKES_CSUM ? 3 : 0;
        net_offer(b, frame, len, &left);
        return;
    }
    copy = g_memdup2(frame, len);
    net_finish_frame(copy, len, o, false, net_offer_done, b);
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
