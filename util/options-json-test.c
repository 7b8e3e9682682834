/* SPDX-License-Identifier: Apache-2.0 */
#include "util/options.h"
#include "tests/unit.h"

#include <string.h>

static char *flat(const char *text)
{
    GError *err = NULL;
    GString *s = g_string_new("");
    Options o;

    if (!options_parse_json(&o, text, &err)) {
        g_string_append(s, err->message);
        g_error_free(err);
        return g_string_free(s, FALSE);
    }
    for (unsigned i = 0; i < o.n; i++) {
        g_string_append_printf(s, "%s%s=%s", i ? "," : "", o.list[i].key, o.list[i].value);
    }
    options_deinit(&o);
    return g_string_free(s, FALSE);
}

TEST(options_json, flattens)
{
    static const struct {
        const char *text, *flat;
    } t[] = {
        { "{}", "" },
        { " { \"driver\" : \"qcow2\", \"file\":{\"driver\":\"file\",\"filename\":\"a b\"} } ",
          "driver=qcow2,file.driver=file,file.filename=a b" },
        { "{\"a\":[1,{\"b\":true},false],\"c\":null,\"d\":-1.5e3}",
          "a.0=1,a.1.b=on,a.2=off,c=,d=-1.5e3" },
        { "{\"a\":\"\\u00e9\\n\\\"\\ud83d\\ude00\"}", "a=\303\251\n\"\360\237\230\200" },
        { "[]", "JSON: '{' is missing at character 1" },
        { "{\"a\":1} x", "JSON: something stands after the object at character 9" },
        { "{\"a\"}", "JSON: ':' is missing after a key at character 5" },
        { "{\"a\":tru}", "JSON: a word that is neither true, false nor null at character 6" },
        { "{\"a\":\"x}", "JSON: a string has no end at character 9" },
        { "{\"a\":\"\\u0000\"}", "JSON: a character that no option can hold at character 13" },
        { "{\"a\":1", "JSON: ',' or '}' is missing at character 7" },
    };

    for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
        char *s = flat(t[i].text);

        EXPECT_STR(s, t[i].flat);
        g_free(s);
    }
}

TEST(options_json, depth_is_limited)
{
    GString *deep = g_string_new("{\"a\":");
    char *s;

    for (int i = 0; i < 100000; i++) {
        g_string_append_c(deep, '[');
    }
    s = flat(deep->str);
    EXPECT(strstr(s, "nested too deep") != NULL);
    g_free(s);
    g_string_free(deep, TRUE);
}

TEST(options_json, a_string_is_no_boolean)
{
    GError *err = NULL;
    Options o;
    uint64_t n;
    bool on;

    EXPECT(options_parse_json(&o, "{\"a\":\"on\",\"b\":true,\"c\":\"1\"}", &err));
    EXPECT(!options_get_bool(&o, "a", false, &on, &err));
    EXPECT_STR(err->message, "Invalid parameter type for 'a', expected: boolean");
    g_clear_error(&err);
    EXPECT(options_get_bool(&o, "b", false, &on, &err) && on);
    EXPECT(!options_get_size(&o, "c", 0, &n, &err));
    g_clear_error(&err);
    options_relax(&o);
    EXPECT(options_get_bool(&o, "a", false, &on, &err) && on);
    options_deinit(&o);
}
