/* SPDX-License-Identifier: Apache-2.0 */
#include "block/net/authz.h"
#include "core/event/ioloop.h"
#include "tests/unit.h"

#include <string.h>

typedef struct AuthzRow {
    const char *options, *who;
    bool allowed;
} AuthzRow;

/* NULL: made; else why not. */
static char *authz_make(BlockGraph *g, const char *text)
{
    g_autoptr(GError) err = NULL;
    Options o = { 0 };
    bool ok = options_parse(&o, text, "qom-type", &err);

    ok = ok && block_authz_add(g, options_get(&o, "qom-type"), &o, &err);
    options_deinit(&o);
    return ok ? NULL : g_strdup(err->message);
}

#define LIST                                                                                       \
    "authz-list,id=a,rules.0.match=eve,rules.0.policy=deny,rules.1.match=e*,rules.1.policy=allow," \
    "rules.1.format=glob,rules.2.match=c?,rules.2.policy=allow"

TEST(authz, who_is_allowed)
{
    static const AuthzRow rows[] = {
        { "authz-simple,id=a,identity=CN=a,,O=b", "CN=a,O=b", true },
        { "authz-simple,id=a,identity=CN=a,,O=b", "CN=a", false },
        { "authz-simple,id=a,identity=CN=a", NULL, false },
        { "authz-simple,id=a,identity=*", "x", false },
        { "authz-list,id=a", "x", false },
        { "authz-list,id=a,policy=allow", "x", true },
        { "authz-list,id=a,policy=allow", NULL, false },
        { LIST, "eve", false },
        { LIST, "emil", true },
        { LIST, "cc", false }, /* not a pattern, but these two letters */
        { LIST, "c?", true },
        { LIST, "zoe", false },
        { LIST ",policy=allow", "zoe", true },
        { LIST ",policy=allow", "eve", false },
    };
    IoLoop *l = ioloop_new("t", IO_ENGINE_THREADS, NULL);
    BlockGraph *g = block_graph_new(l);

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *why = authz_make(g, rows[i].options);

        EXPECT(!why && block_authz_has(g, "a"));
        if (block_authz_allows(g, "a", rows[i].who) != rows[i].allowed) {
            test_fail(__FILE__, __LINE__, "%s: %s", rows[i].options, rows[i].who);
        }
        EXPECT(block_authz_remove(g, "a", NULL));
    }
    EXPECT(!block_authz_allows(g, "a", "x"));
    block_graph_free(g);
    ioloop_free(l);
}

TEST(authz, refused)
{
    static const char *const rows[][2] = {
        { "authz-simple,id=a", "Parameter 'identity' is missing" },
        { "authz-simple,identity=x", "Parameter 'id' is missing" },
        { "authz-simple,id=a,identity=x,foo=y", "Parameter 'foo' is unexpected" },
        { "authz-simple,id=a,identity=x,policy=allow", "Parameter 'policy' is unexpected" },
        { "authz-list,id=a,identity=x", "Parameter 'identity' is unexpected" },
        { "authz-list,id=a,policy=x", "Parameter 'policy' does not accept value 'x'" },
        { "authz-list,id=a,rules.0.match=x", "Parameter 'rules[0].policy' is missing" },
        { "authz-list,id=a,rules.0.policy=deny", "Parameter 'rules[0].match' is missing" },
        { "authz-list,id=a,rules.0.match=x,rules.0.policy=deny,rules.0.format=y",
          "Parameter 'format' does not accept value 'y'" },
        { "authz-list,id=a,rules.1.match=x,rules.1.policy=allow",
          "Parameter 'rules.1.match' is unexpected" },
    };
    IoLoop *l = ioloop_new("t", IO_ENGINE_THREADS, NULL);
    BlockGraph *g = block_graph_new(l);

    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *why = authz_make(g, rows[i][0]);

        EXPECT_STR(why, rows[i][1]);
        EXPECT(!block_authz_has(g, "a"));
    }
    block_graph_free(g);
    ioloop_free(l);
}
