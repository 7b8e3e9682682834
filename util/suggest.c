/* SPDX-License-Identifier: Apache-2.0 */
#include "util/suggest.h"
#include "util/error.h"

#include <string.h>

enum { COST_EDIT = 4, COST_CASE = 1, MAX_WORD = 64, MAX_SHOWN = 3 };

static unsigned suggest_min(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static unsigned suggest_cost(char a, char b)
{
    if (a == b || ((a == '-' || a == '_') && (b == '-' || b == '_'))) {
        return 0;
    }
    return g_ascii_tolower(a) == g_ascii_tolower(b) ? COST_CASE : COST_EDIT;
}

unsigned suggest_distance(const char *a, const char *b)
{
    size_t la = strlen(a), lb = strlen(b);
    unsigned rows[3][MAX_WORD + 1];
    unsigned *two = rows[0], *prev = rows[1], *cur = rows[2];

    if (la > MAX_WORD || lb > MAX_WORD) {
        return MAX_WORD * COST_EDIT;
    }
    for (size_t j = 0; j <= lb; j++) {
        prev[j] = j * COST_EDIT;
    }
    for (size_t i = 1; i <= la; i++) {
        unsigned *spare = two;

        cur[0] = i * COST_EDIT;
        for (size_t j = 1; j <= lb; j++) {
            unsigned d = prev[j - 1] + suggest_cost(a[i - 1], b[j - 1]);

            d = suggest_min(d, suggest_min(prev[j], cur[j - 1]) + COST_EDIT);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                d = suggest_min(d, two[j - 2] + COST_EDIT);
            }
            cur[j] = d;
        }
        two = prev;
        prev = cur;
        cur = spare;
    }
    return prev[lb];
}

/* Lower is nearer; UINT_MAX is not near at all. */
static unsigned suggest_rank(const char *word, const char *name)
{
    size_t len = strlen(word);
    unsigned d = suggest_distance(word, name);
    unsigned limit = COST_EDIT * (len <= 3 ? 1 : len <= 8 ? 2 : 3);

    if (d <= limit) {
        return d;
    }
    if (len >= 3 && !g_ascii_strncasecmp(name, word, len)) {
        return limit + 1 + (unsigned)(strlen(name) - len);
    }
    return UINT_MAX;
}

char *suggest_text(const char *word, const char *const *names, size_t n)
{
    const char *best[MAX_SHOWN] = { NULL };
    unsigned rank[MAX_SHOWN];
    GString *s = g_string_new("");
    size_t n_best = 0;

    for (size_t i = 0; i < n; i++) {
        unsigned r = suggest_rank(word, names[i]);
        size_t at = n_best;

        if (r == UINT_MAX) {
            continue;
        }
        while (at > 0 && r < rank[at - 1]) {
            at--;
        }
        if (at == MAX_SHOWN) {
            continue;
        }
        n_best = n_best < MAX_SHOWN ? n_best + 1 : n_best;
        for (size_t k = n_best - 1; k > at; k--) {
            best[k] = best[k - 1];
            rank[k] = rank[k - 1];
        }
        best[at] = names[i];
        rank[at] = r;
    }
    for (size_t i = 0; i < n_best; i++) {
        g_string_append_printf(s, "%s%s", i ? ", " : ", did you mean ", best[i]);
    }
    if (n_best) {
        g_string_append_c(s, '?');
    }
    return g_string_free(s, FALSE);
}

char *suggest_or_list(const char *word, const char *const *names, size_t n, size_t max_list)
{
    char *near = suggest_text(word, names, n);
    GString *s;

    if (*near || !n) {
        return near;
    }
    g_free(near);
    s = g_string_new(", valid: ");
    for (size_t i = 0; i < n && i < max_list; i++) {
        g_string_append_printf(s, "%s%s", i ? ", " : "", names[i]);
    }
    if (n > max_list) {
        g_string_append(s, ", ...");
    }
    return g_string_free(s, FALSE);
}
