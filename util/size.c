/* SPDX-License-Identifier: Apache-2.0 */
#include "util/size.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

static const char size_units[] = "BKMGTPE";

/* Bytes of the unit that @s names wholly ("", "G", "GB", "GiB"); 0: none. */
static uint64_t size_unit(const char *s, uint64_t plain)
{
    const char *u;

    if (!*s) {
        return plain;
    }
    u = strchr(size_units, g_ascii_toupper(*s));
    if (!u || !*u) {
        return 0;
    }
    s++;
    if (u != size_units) {
        s += (*s == 'i' || *s == 'I') && (s[1] == 'B' || s[1] == 'b');
        s += *s == 'B' || *s == 'b';
    }
    return *s ? 0 : 1ull << (10 * (u - size_units));
}

bool size_parse(const char *text, uint64_t unit, uint64_t *bytes, GError **err)
{
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    uint64_t whole, mul, low = 0;
    double fraction = 0;
    char *end;

    if (!g_ascii_isdigit(text[0])) {
        return error_set(err, "'%s' is not a size: give a number like 512M, 4G or 1.5G", text);
    }
    errno = 0;
    whole = g_ascii_strtoull(text, &end, hex ? 16 : 10);
    if (errno == ERANGE) {
        *bytes = UINT64_MAX;
        return error_set(err, "size '%s' is too large: the limit is 16 EiB", text);
    }
    if (*end == '.' && !hex) {
        double scale = 0.1;

        for (end++; g_ascii_isdigit(*end); end++, scale /= 10) {
            fraction += (*end - '0') * scale;
        }
    }
    mul = size_unit(end, unit);
    if (!mul) {
        return error_set(err, "'%s' has no valid unit: use K, M, G, T, P or E (powers of 1024)",
                         text);
    }
    low = (uint64_t)(fraction * (double)mul);
    if (__builtin_mul_overflow(whole, mul, bytes) || __builtin_add_overflow(*bytes, low, bytes)) {
        *bytes = UINT64_MAX;
        return error_set(err, "size '%s' is too large: the limit is 16 EiB", text);
    }
    return true;
}

bool number_parse(const char *text, uint64_t min, uint64_t max, uint64_t *value, GError **err)
{
    int base = 10;
    const char *digits = text;
    char *end;

    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        digits += 2;
    } else if (text[0] == '0' && (text[1] == 'b' || text[1] == 'B')) {
        base = 2;
        digits += 2;
    }
    errno = 0;
    *value = g_ascii_isxdigit(*digits) ? g_ascii_strtoull(digits, &end, base) : 0;
    if (!g_ascii_isxdigit(*digits) || *end || end == digits) {
        return error_set(err, "'%s' is not a number", text);
    }
    if (errno == ERANGE || *value < min || *value > max) {
        return error_set(err, "%s is out of range: %" PRIu64 " to %" PRIu64, text, min, max);
    }
    return true;
}

bool bool_parse(const char *text, bool *value, GError **err)
{
    static const char *const words[] = { "off",  "on", "no", "yes", "false",
                                         "true", "n",  "y",  "0",   "1" };

    for (unsigned i = 0; i < G_N_ELEMENTS(words); i++) {
        if (!g_ascii_strcasecmp(text, words[i])) {
            *value = i & 1;
            return true;
        }
    }
    return error_set(err, "'%s' is neither on nor off", text);
}

char *size_text(uint64_t bytes)
{
    unsigned u = 0;
    double v = (double)bytes;

    while (v >= 1024 && u + 2 < sizeof(size_units)) {
        v /= 1024;
        u++;
    }
    if (!u) {
        return g_strdup_printf("%" PRIu64 " B", bytes);
    }
    if (v == floor(v)) {
        return g_strdup_printf("%.0f %ciB", v, size_units[u]);
    }
    return g_strdup_printf("%.1f %ciB", v, size_units[u]);
}

char *size_text_short(uint64_t bytes)
{
    static const char *const units[] = { "", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei" };
    double value = (double)bytes;
    unsigned i = 0;

    while (i + 1 < G_N_ELEMENTS(units) && value >= 1000) {
        value /= 1024;
        i++;
    }
    return g_strdup_printf("%0.3g %sB", value, units[i]);
}
