/* SPDX-License-Identifier: Apache-2.0 */
/* The debugger's protocol: lines of an input become packets with right checksums, or all is raw. */
#include "tests/fuzz/machine.h"

#include "chardev/chardev.h"
#include "debug/gdb-priv.h"

#include <string.h>

static char *gdb_monitor(void *opaque, const char *line, int cpu_index)
{
    return g_strdup(line);
}

static void gdb_lines(Chardev *c, const char *p, size_t len)
{
    for (unsigned i = 0; len && i < 64; i++) {
        const char *end = memchr(p, '\n', len);
        size_t n = end ? (size_t)(end - p) : len, framed;
        g_autofree char *text = gdb_frame(p, n, &framed);

        chardev_feed(c, text, framed);
        n += end ? 1 : 0;
        p += n;
        len -= n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FuzzIn in = { data, size };
    g_autoptr(GError) err = NULL;
    uint8_t how = fuzz_u8(&in);
    Machine *m = fuzz_machine(NULL, NULL, &err);
    Chardev *c = chardev_new(m, "g", "ringbuf", &err);
    GdbServer *s = gdb_server_new(m, c, gdb_monitor, NULL, &err);

    g_assert(s);
    if (how & 1) {
        chardev_feed(c, in.p, in.len);
    } else {
        gdb_lines(c, (const char *)in.p, in.len);
    }
    gdb_server_free(s);
    chardev_free(c);
    machine_free(m);
    return 0;
}
