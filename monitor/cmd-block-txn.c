/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/block-txn.h"

#include <string.h>

enum { TXN_MAX = 4096 };

static bool txn_abort_prepare(BlkItem *i, GError **err)
{
    return error_set(err, "Transaction aborted using Abort action");
}

static const BlkAction txn_actions[] = {
    { .name = "abort", .prepare = txn_abort_prepare },
    { .name = NULL },
};

static const BlkAction *txn_find(const char *name)
{
    const BlkAction *const all[] = { txn_actions, blk_bitmap_actions, blk_snapshot_actions,
                                     blk_copy_actions };

    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        for (const BlkAction *a = all[i]; a->name; a++) {
            if (!strcmp(a->name, name)) {
                return a;
            }
        }
    }
    return NULL;
}

void blk_item_drain(BlkItem *i, BlockNode *n)
{
    block_node_drain(n);
    g_ptr_array_add(i->drained, n);
}

/* The nodes that it is about, before any action changes something: the moment is one. */
static void txn_drain(BlkItem *i)
{
    static const char *const keys[] = { "device", "node", "node-name" };
    g_autoptr(GError) ignored = NULL;

    for (size_t k = 0; k < G_N_ELEMENTS(keys); k++) {
        BlockNode *n = ignored ? NULL : blk_node(&i->call, keys[k], &ignored);

        if (n) {
            blk_item_drain(i, n);
        }
    }
}

static bool txn_run(BlkItem *items, unsigned n, GError **err)
{
    g_autoptr(GPtrArray) drained = g_ptr_array_new();
    unsigned done;

    for (unsigned k = 0; k < n; k++) {
        items[k].drained = drained;
        txn_drain(&items[k]);
    }
    for (done = 0; done < n; done++) {
        if (!items[done].action->prepare(&items[done], err)) {
            break;
        }
    }
    for (unsigned k = 0; done == n && k < n; k++) {
        if (items[k].action->commit) {
            items[k].action->commit(&items[k]);
        }
    }
    for (unsigned k = done; done < n && k--;) {
        if (items[k].action->abort) {
            items[k].action->abort(&items[k]);
        }
    }
    while (drained->len) {
        block_node_undrain(g_ptr_array_steal_index(drained, drained->len - 1));
    }
    return done == n;
}

static void txn_item_deinit(BlkItem *i)
{
    dirty_bits_free(i->saved);
    g_free(i->made);
}

/* A command that is an action too. */
static bool blk_action(BlkCall *b, GError **err)
{
    BlkItem i = { .call = *b, .action = txn_find(b->name) };
    bool ok = txn_run(&i, 1, err);

    b->o = i.call.o; /* which were read are marked */
    txn_item_deinit(&i);
    return ok;
}

/* ---- Many ---- */

static const MonArg *txn_args(const MonHost *h, const char *name)
{
    static const MonArg none[MON_MAX_ARGS];
    const MonCommand *c = mon_find_qmp(h, name);

    return c ? c->args : none;
}

/* What is said of each before anything is done. */
static bool txn_parse(BlkCall *b, const MonValue *v, unsigned k, BlkItem *i, GError **err)
{
    g_autofree char *type = g_strdup_printf("%u.type", k), *data = g_strdup_printf("%u.data", k);
    const char *name = mon_leaf(v, type);

    i->call = (BlkCall){ .c = b->c, .name = name, .g = b->g, .held = true };
    if (!name || mon_leaf_kind(v, type) != MON_STR) {
        return error_set(err, "Parameter 'actions[%u].type' is missing", k);
    }
    i->action = txn_find(name);
    if (!i->action || !(mon_find_qmp(b->c->host, name) || i->action == txn_actions)) {
        return error_set(err, "Parameter 'type' does not accept value '%s'", name);
    }
    if (mon_leaf_kind(v, data) != MON_ANY) {
        return error_set(err, "Parameter 'actions[%u].data' is missing", k);
    }
    return blk_options_at(&i->call.o, v, "actions", data, txn_args(b->c->host, name), err);
}

static bool txn_count(const MonValue *v, unsigned *n, GError **err)
{
    for (*n = 0;; (*n)++) {
        g_autofree char *path = g_strdup_printf("%u", *n);

        if (mon_leaf_kind(v, path) == MON_ABSENT) {
            return true;
        }
        if (*n == TXN_MAX) {
            return error_set(err, "a transaction has at most %d actions", TXN_MAX);
        }
    }
}

static bool txn_mode(BlkCall *b, bool *grouped, GError **err)
{
    const char *mode = blk_str(b, "properties.completion-mode");

    *grouped = mode && !strcmp(mode, "grouped");
    return !mode || *grouped || !strcmp(mode, "individual") ||
           error_set(err, "Parameter 'completion-mode' does not accept value '%s'", mode);
}

static bool txn_all(BlkCall *b, BlkItem *items, unsigned n, bool grouped, GError **err)
{
    JobTxn *txn = grouped ? block_txn_new() : NULL;
    bool ok = true;

    for (unsigned k = 0; k < n && ok; k++) {
        items[k].call.txn = txn;
        ok = !grouped || !items[k].action->alone ||
             error_set(err,
                       "Action '%s' does not support Transaction property completion-mode = "
                       "grouped",
                       items[k].action->name);
    }
    ok = ok && txn_run(items, n, err);
    block_txn_unref(txn);
    return ok;
}

static bool blk_transaction(BlkCall *b, GError **err)
{
    const MonValue *v = &b->c->args[0];
    g_autofree BlkItem *items = NULL;
    unsigned n, made = 0;
    bool grouped, ok;

    if (!txn_count(v, &n, err)) {
        return false;
    }
    items = g_new0(BlkItem, n + 1);
    ok = true;
    while (ok && made < n) {
        ok = txn_parse(b, v, made, &items[made], err);
        made++;
    }
    ok = ok && txn_mode(b, &grouped, err) && txn_all(b, items, n, grouped, err);
    for (unsigned k = 0; k < made; k++) {
        options_deinit(&items[k].call.o);
        txn_item_deinit(&items[k]);
    }
    return ok;
}

BLK_COMMAND(cmd_transaction, blk_transaction)
BLK_COMMAND(cmd_block_action, blk_action)
