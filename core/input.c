/* SPDX-License-Identifier: Apache-2.0 */
#include "core/input.h"

#include "core/core-priv.h"

typedef struct InputTaker {
    const InputHandler *h;
    void *opaque;
    unsigned number;
    bool touched; /* has had events since the last sync */
} InputTaker;

/* Keys that input_type holds, or will. */
typedef struct InputTyping {
    uint16_t keys[INPUT_KEYS_MAX];
    unsigned n, hold_ms;
} InputTyping;

struct Input {
    Machine *m;
    GArray *takers; /* of InputTaker; the last one of a kind gets it */
    unsigned next_number;
    GQueue typing; /* the first is down */
    Timer release;
};

static void input_release(void *opaque);

static Input *input_of(Machine *m)
{
    if (!m->input) {
        m->input = g_new0(Input, 1);
        m->input->m = m;
        m->input->takers = g_array_new(FALSE, FALSE, sizeof(InputTaker));
        g_queue_init(&m->input->typing);
        timer_init(&m->input->release, m, CLOCK_HOST, input_release, m->input);
    }
    return m->input;
}

void input_free(Machine *m)
{
    Input *in = m->input;

    if (in) {
        timer_deinit(&in->release);
        g_queue_clear_full(&in->typing, g_free);
        g_array_free(in->takers, TRUE);
        g_free(in);
        m->input = NULL;
    }
}

static InputTaker *input_taker(Input *in, unsigned i)
{
    return &g_array_index(in->takers, InputTaker, i);
}

void input_add(Machine *m, const InputHandler *h, void *opaque)
{
    Input *in = input_of(m);
    InputTaker t = { h, opaque, ++in->next_number, false };

    g_array_append_val(in->takers, t);
}

void input_remove(Machine *m, const InputHandler *h, void *opaque)
{
    Input *in = input_of(m);

    for (unsigned i = in->takers->len; i--;) {
        if (input_taker(in, i)->h == h && input_taker(in, i)->opaque == opaque) {
            g_array_remove_index(in->takers, i);
        }
    }
}

bool input_send(Machine *m, const InputEvent *e)
{
    Input *in = input_of(m);

    if (e->down && (e->kind == INPUT_KEY || e->kind == INPUT_BUTTON)) {
        machine_wakeup_request(m, WAKE_OTHER);
    }
    for (unsigned i = in->takers->len; i--;) {
        InputTaker *t = input_taker(in, i);

        if (t->h->kinds >> e->kind & 1) {
            t->touched = true;
            t->h->event(t->opaque, e);
            return true;
        }
    }
    return false;
}

void input_sync(Machine *m)
{
    Input *in = input_of(m);

    for (unsigned i = 0; i < in->takers->len; i++) {
        InputTaker *t = input_taker(in, i);

        if (t->touched) {
            t->touched = false;
            t->h->sync(t->opaque);
        }
    }
}

/* ---- Typing ---- */

static void input_press(Input *in, const InputTyping *t, bool down)
{
    for (unsigned i = 0; i < t->n; i++) {
        InputEvent e = { INPUT_KEY, t->keys[down ? i : t->n - 1 - i], down, 0 };

        input_send(in->m, &e);
        input_sync(in->m);
    }
}

static void input_press_next(Input *in)
{
    InputTyping *t = g_queue_peek_head(&in->typing);

    if (t) {
        input_press(in, t, true);
        timer_arm_in(&in->release, t->hold_ms * NS_PER_MS);
    }
}

static void input_release(void *opaque)
{
    Input *in = opaque;
    g_autofree InputTyping *t = g_queue_pop_head(&in->typing);

    if (t) {
        input_press(in, t, false);
    }
    input_press_next(in);
}

void input_type(Machine *m, const uint16_t *keys, unsigned n, unsigned hold_ms)
{
    Input *in = input_of(m);
    InputTyping *t = g_new0(InputTyping, 1);

    t->n = MIN(n, INPUT_KEYS_MAX);
    t->hold_ms = hold_ms;
    memcpy(t->keys, keys, t->n * sizeof(keys[0]));
    g_queue_push_tail(&in->typing, t);
    if (g_queue_get_length(&in->typing) == 1) {
        input_press_next(in);
    }
}

/* ---- Pointers ---- */

enum { INPUT_POINTER = 1 << INPUT_REL | 1 << INPUT_ABS };

static InputTaker *input_current_pointer(Input *in)
{
    for (unsigned i = in->takers->len; i--;) {
        if (input_taker(in, i)->h->kinds & INPUT_POINTER) {
            return input_taker(in, i);
        }
    }
    return NULL;
}

/* Its place in the list of takers; -1: none. They are numbered in order of being added. */
static int input_find_pointer(Input *in, unsigned number)
{
    unsigned last = 0;

    for (unsigned k = 0; k < number; k++) {
        unsigned best = UINT32_MAX;

        for (unsigned i = 0; i < in->takers->len; i++) {
            const InputTaker *t = input_taker(in, i);

            if (t->h->kinds & INPUT_POINTER && t->number > last && t->number < best) {
                best = t->number;
            }
        }
        last = best;
    }
    for (unsigned i = 0; number && i < in->takers->len; i++) {
        if (input_taker(in, i)->number == last) {
            return (int)i;
        }
    }
    return -1;
}

const InputHandler *input_pointer(Machine *m, unsigned number, bool *current)
{
    Input *in = input_of(m);
    int i = input_find_pointer(in, number);

    *current = i >= 0 && input_taker(in, (unsigned)i) == input_current_pointer(in);
    return i < 0 ? NULL : input_taker(in, (unsigned)i)->h;
}

bool input_choose_pointer(Machine *m, unsigned number)
{
    Input *in = input_of(m);
    int i = input_find_pointer(in, number);
    InputTaker t;

    if (i < 0) {
        return false;
    }
    t = *input_taker(in, (unsigned)i);
    g_array_remove_index(in->takers, (unsigned)i);
    g_array_append_val(in->takers, t);
    return true;
}
