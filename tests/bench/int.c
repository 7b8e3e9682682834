/* SPDX-License-Identifier: Apache-2.0 */
/* Integer programs of fixed work: int NAME prints a checksum. */
#include "bare/extra.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A chain through 8 MiB in an order that no cache foresees. */
static uint64_t chase(void)
{
    enum { N = 1 << 17 };
    struct Node {
        struct Node *next;
        uint64_t value[7];
    } *node = calloc(N, sizeof(*node)), *p = node;
    uint64_t sum = 0;

    for (unsigned i = 0; i < N; i++) {
        node[i].next = &node[(i * 40501u + 12345u) % N];
        node[i].value[3] = i;
    }
    for (unsigned i = 0; i < 12000000; i++) {
        sum += p->value[3];
        p = p->next;
    }
    free(node);
    return sum;
}

static unsigned place(unsigned all, unsigned cols, unsigned left, unsigned right)
{
    unsigned found = cols == all;

    for (unsigned free = all & ~(cols | left | right); free; free &= free - 1) {
        unsigned bit = free & -free;

        found += place(all, cols | bit, (left | bit) << 1, (right | bit) >> 1);
    }
    return found;
}

/* Splitting, copying and comparing text with the C library. */
static uint64_t string(void)
{
    char text[4096], word[64];
    uint64_t sum = 0;

    for (unsigned n = 0; n < 20000; n++) {
        unsigned len = 0;

        for (unsigned i = 0; len < sizeof(text) - 64; i++) {
            len += (unsigned)snprintf(text + len, 64, "%u%s", i * 7919 % 10007, i % 5 ? " " : ",") *
                   (i < 40);
            if (i >= 40) {
                break;
            }
        }
        for (char *p = text, *end; *p; p = end + (*end != 0)) {
            end = p + strcspn(p, " ,");
            memcpy(word, p, (size_t)(end - p));
            word[end - p] = 0;
            sum += strtoul(word, NULL, 10) + strlen(word) + (strcmp(word, "5000") > 0);
            sum ^= strchr(word, '7') ? 1 : 0;
        }
    }
    return sum;
}

/* Copies of some KiB from and to anywhere in 2 * 16 MiB: more pages than a TLB holds. */
static uint64_t scatter(void)
{
    enum { BYTES = 1 << 24, MOST = 4096 };
    char *from = malloc(BYTES + MOST), *to = malloc(BYTES + MOST);
    uint32_t x = 12345;
    uint64_t sum = 0;

    for (unsigned i = 0; i < BYTES + MOST; i++) {
        from[i] = (char)(i * 7919 >> 5);
    }
    memset(to, 0, BYTES + MOST);
    for (unsigned n = 0; n < 150000; n++) {
        char *d, *s;

        x = x * 1664525 + 1013904223;
        s = from + (x >> 8);
        x = x * 1664525 + 1013904223;
        d = to + (x >> 8);
        memcpy(d, s, 64 + n % (MOST - 64));
        sum += (unsigned char)d[n % 64];
    }
    free(from);
    free(to);
    return sum;
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    uint64_t sum;

    if (!strcmp(name, "chase")) {
        sum = chase();
    } else if (!strcmp(name, "vm")) {
        sum = vm(80000000);
    } else if (!strcmp(name, "string")) {
        sum = string();
    } else if (!strcmp(name, "queens")) {
        sum = place((1 << 14) - 1, 0, 0, 0);
    } else if (!strcmp(name, "scatter")) {
        sum = scatter();
    } else {
        fprintf(stderr, "int: which program?\n");
        return 1;
    }
    printf("%llx\n", (unsigned long long)sum);
    return 0;
}
