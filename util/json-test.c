/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit.h"
#include "util/json.h"

static GVariant *json_sample(void)
{
    GVariantBuilder b, flags;

    g_variant_builder_init(&flags, G_VARIANT_TYPE("as"));
    g_variant_builder_add(&flags, "s", "auto");
    g_variant_builder_init(&b, G_VARIANT_TYPE_VARDICT);
    json_add(&b, "own", g_variant_new_string("a\"\n\xc3\xa9\x01"));
    json_add(&b, "extended-l2", g_variant_new_boolean(false));
    json_add(&b, "compat", g_variant_new_string("1.1"));
    json_add(&b, "flags", g_variant_builder_end(&flags));
    json_add(&b, "bitmaps", g_variant_new("as", NULL));
    json_add(&b, "offset", g_variant_new_int64(-5));
    return g_variant_ref_sink(g_variant_builder_end(&b));
}

TEST(json, order_and_escapes)
{
    g_autoptr(GVariant) v = json_sample();
    g_autoptr(GString) s = g_string_new(NULL);

    json_print(s, v);
    EXPECT_STR(s->str, "{\n"
                       "    \"compat\": \"1.1\",\n"
                       "    \"flags\": [\n        \"auto\"\n    ],\n"
                       "    \"bitmaps\": [\n    ],\n"
                       "    \"offset\": -5,\n"
                       "    \"extended-l2\": false,\n"
                       "    \"own\": \"a\\\"\\n\\u00E9\\u0001\"\n"
                       "}");
}

TEST(json, text)
{
    g_autoptr(GVariant) v = json_sample();
    g_autoptr(GString) s = g_string_new(NULL);

    json_print_text(s, v, 1);
    EXPECT_STR(s->str, "    compat: 1.1\n"
                       "    flags:\n"
                       "        [0]: auto\n"
                       "    bitmaps:\n"
                       "    offset: -5\n"
                       "    extended l2: false\n"
                       "    own: a\"\n\xc3\xa9\x01\n");
}

TEST(json, strings_that_are_no_utf8)
{
    g_autoptr(GVariant) v = g_variant_ref_sink(json_string("\xe9t\xc3\xa9"));

    EXPECT_STR(g_variant_get_string(v, NULL), "\xef\xbf\xbdt\xc3\xa9");
}
