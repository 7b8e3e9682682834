/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved machines. Either the input is the stream, or changes of a good one:
 * { how:u8 at:u24 len:u8 bytes }, which replace, insert or take out.
 */
#include "tests/fuzz/machine.h"

#include "core/state/state.h"

static GByteArray *state_good(void)
{
    static GByteArray *good;
    g_autoptr(GError) err = NULL;

    if (!good) {
        Machine *m = fuzz_machine(NULL, NULL, &err);
        bool ok;

        good = g_byte_array_new();
        ok = machine_save_bytes(m, good, &err);
        g_assert(ok);
        machine_free(m);
    }
    return good;
}

static void state_change(GByteArray *s, FuzzIn *in)
{
    uint8_t how = fuzz_u8(in);
    unsigned at = fuzz_u16(in) | (unsigned)fuzz_u8(in) << 16;
    size_t len;
    const uint8_t *p = fuzz_bytes(in, fuzz_u8(in), &len);

    at %= s->len;
    if (how % 4 < 2) {
        memcpy(s->data + at, p, MIN(len, s->len - at));
    } else if (how % 4 == 2) {
        unsigned old = s->len;

        g_byte_array_set_size(s, old + (guint)len);
        memmove(s->data + at + len, s->data + at, old - at);
        memcpy(s->data + at, p, len);
    } else if (s->len > 1) {
        g_byte_array_remove_range(s, at, MIN((guint)(how >> 2) + 1, s->len - at));
    }
    if (!s->len) {
        g_byte_array_append(s, (const guint8 *)"", 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GByteArray) s = g_byte_array_new();
    g_autoptr(GError) err = NULL;
    FuzzIn in = { data, size };
    Machine *m;

    if (fuzz_u8(&in) & 1) {
        g_byte_array_append(s, in.p, (guint)in.len);
    } else {
        g_byte_array_append(s, state_good()->data, state_good()->len);
        for (unsigned i = 0; in.len && i < 8; i++) {
            state_change(s, &in);
        }
    }
    m = fuzz_machine(NULL, NULL, &err);
    if (machine_load_bytes(m, s->data, s->len, &err)) {
        g_free(machine_state_text(m));
    }
    machine_free(m);
    return 0;
}
