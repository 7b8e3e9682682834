/* SPDX-License-Identifier: Apache-2.0 */
#include "block/net/authz.h"

#include <string.h>

typedef struct AuthzRule {
    char *match;
    bool allow, glob;
} AuthzRule;

typedef struct Authz {
    bool allow;    /* whom no rule fits */
    GArray *rules; /* of AuthzRule */
} Authz;

bool block_authz_is_type(const char *type)
{
    return !strcmp(type, "authz-simple") || !strcmp(type, "authz-list");
}

static void authz_rule_clear(void *p)
{
    g_free(((AuthzRule *)p)->match);
}

static void authz_free(void *p)
{
    Authz *a = p;

    g_array_unref(a->rules);
    g_free(a);
}

/* @text: one of two words, the first for false; NULL: false. */
static bool authz_choice(const char *key, const char *text, const char *no, const char *yes,
                         bool *out, GError **err)
{
    *out = text && !strcmp(text, yes);
    return !text || *out || !strcmp(text, no) ||
           error_set(err, "Parameter '%s' does not accept value '%s'", key, text);
}

/* False without an error in *@end: there is no rule of this number. */
static bool authz_rule(Authz *a, Options *o, unsigned i, bool *end, GError **err)
{
    g_autofree char *match = g_strdup_printf("rules.%u.match", i);
    g_autofree char *policy = g_strdup_printf("rules.%u.policy", i);
    g_autofree char *format = g_strdup_printf("rules.%u.format", i);
    const char *match_text = options_get(o, match), *policy_text = options_get(o, policy);
    const char *format_text = options_get(o, format);
    AuthzRule r = { 0 };

    *end = !match_text && !policy_text && !format_text;
    if (*end) {
        return true;
    }
    if (!match_text || !policy_text) {
        return error_set(err, "Parameter 'rules[%u].%s' is missing", i,
                         match_text ? "policy" : "match");
    }
    if (!authz_choice("policy", policy_text, "deny", "allow", &r.allow, err) ||
        !authz_choice("format", format_text, "exact", "glob", &r.glob, err)) {
        return false;
    }
    r.match = g_strdup(match_text);
    g_array_append_val(a->rules, r);
    return true;
}

static bool authz_parse(Authz *a, const char *type, Options *o, GError **err)
{
    const char *identity = options_get(o, "identity"), *policy = options_get(o, "policy");
    bool simple = !strcmp(type, "authz-simple"), end = simple;

    options_get(o, "qom-type");
    if (simple && !identity) {
        return error_set(err, "Parameter 'identity' is missing");
    }
    if (simple ? policy != NULL : identity != NULL) {
        return error_set(err, "Parameter '%s' is unexpected", simple ? "policy" : "identity");
    }
    if (!authz_choice("policy", policy, "deny", "allow", &a->allow, err)) {
        return false;
    }
    if (simple) {
        AuthzRule r = { g_strdup(identity), true, false };

        g_array_append_val(a->rules, r);
    }
    for (unsigned i = 0; !end; i++) {
        if (!authz_rule(a, o, i, &end, err)) {
            return false;
        }
    }
    for (unsigned i = 0; i < o->n; i++) {
        if (!o->list[i].used) {
            return error_set(err, "Parameter '%s' is unexpected", o->list[i].key);
        }
    }
    return true;
}

bool block_authz_add(BlockGraph *g, const char *type, Options *o, GError **err)
{
    const char *id = options_get(o, "id");
    Authz *a;

    if (!id) {
        return error_set(err, "Parameter 'id' is missing");
    }
    a = g_new0(Authz, 1);
    a->rules = g_array_new(FALSE, FALSE, sizeof(AuthzRule));
    g_array_set_clear_func(a->rules, authz_rule_clear);
    if (!authz_parse(a, type, o, err)) {
        authz_free(a);
        return false;
    }
    return block_graph_add_object(g, "authz", id, a, authz_free, err);
}

bool block_authz_remove(BlockGraph *g, const char *id, GError **err)
{
    return block_graph_remove_object(g, "authz", id) ||
           error_set(err, "there is no authorization object of id '%s'", id);
}

bool block_authz_has(BlockGraph *g, const char *id)
{
    return block_graph_find_object(g, "authz", id) != NULL;
}

bool block_authz_allows(BlockGraph *g, const char *id, const char *identity)
{
    const Authz *a = block_graph_find_object(g, "authz", id);

    for (unsigned i = 0; a && identity && i < a->rules->len; i++) {
        const AuthzRule *r = &g_array_index(a->rules, AuthzRule, i);

        if (r->glob ? g_pattern_match_simple(r->match, identity) : !strcmp(r->match, identity)) {
            return r->allow;
        }
    }
    return a && identity && a->allow;
}
