/* SPDX-License-Identifier: Apache-2.0 */
/* Keys, pointers, and what is on USB. */
#include "core/input.h"
#include "hw/usb/usb.h"
#include "monitor/commands.h"
#include "monitor/hmp-args.h"

#include <stdlib.h>
#include <string.h>

enum { INPUT_EVENTS_MAX = 256 };

/* A KeyValue at @path of the argument: {"type": "qcode"|"number", "data": ...}. */
static uint16_t input_key(const MonValue *v, const char *path, GError **err)
{
    g_autofree char *type_path = g_strdup_printf("%s.type", path);
    g_autofree char *data_path = g_strdup_printf("%s.data", path);
    const char *type = mon_leaf(v, type_path), *data = mon_leaf(v, data_path);
    uint16_t key = 0;

    if (!type || !data) {
        error_set(err, "Parameter '%s' is missing", type ? "data" : "type");
    } else if (!strcmp(type, "qcode")) {
        key = input_key_by_name(data, strlen(data));
        if (!key && strcmp(data, "unmapped")) {
            error_set(err, "Invalid parameter '%s'", data);
        }
    } else if (!strcmp(type, "number")) {
        key = input_key_by_number((unsigned)strtoul(data, NULL, 10));
    } else {
        error_set(err, "Invalid parameter '%s'", type);
    }
    return key;
}

bool cmd_send_key(MonCall *c, GError **err)
{
    int64_t hold = c->args[1].present ? c->args[1].num : INPUT_HOLD_MS;
    uint16_t keys[INPUT_KEYS_MAX];
    unsigned n = 0;

    for (;; n++) {
        g_autofree char *path = g_strdup_printf("%u", n);
        GError *bad = NULL;

        if (mon_leaf_kind(&c->args[0], path) == MON_ABSENT) {
            break;
        }
        if (n == INPUT_KEYS_MAX) {
            return error_set(err, "at most %d keys at once", INPUT_KEYS_MAX);
        }
        keys[n] = input_key(&c->args[0], path, &bad);
        if (bad) {
            g_propagate_error(err, bad);
            return false;
        }
    }
    input_type(c->m, keys, n, (unsigned)CLAMP(hold, 1, 60000));
    return true;
}

/* "ctrl-alt-f1", "0x1d" */
bool hmp_sendkey(MonCall *c, GError **err)
{
    g_auto(HmpArgs) a = { 0 };
    uint16_t keys[INPUT_KEYS_MAX];
    unsigned n = 0;
    const char *p;

    if (!hmp_args(c, "keys:s,hold:l?", &a)) {
        return true;
    }
    p = hmp_str(&a, "keys");
    while (*p) {
        size_t len = strcspn(p, "-");
        g_autofree char *word = NULL;
        uint16_t key;

        len = len ? len : 1;
        word = g_strndup(p, len);
        key = len == 1 && *p == '<' ? input_key_by_name("less", 4)
              : g_str_has_prefix(word, "0x")
                  ? input_key_by_number((unsigned)strtoul(word, NULL, 16))
                  : input_key_by_name(p, len);
        if (!key || n == INPUT_KEYS_MAX) {
            g_string_append_printf(c->text, key ? "too many keys\n" : "invalid parameter: %s\n",
                                   word);
            return true;
        }
        keys[n++] = key;
        p += len;
        p += *p == '-';
    }
    input_type(
        c->m, keys, n,
        (unsigned)CLAMP(hmp_num(&a, "hold") > 0 ? hmp_num(&a, "hold") : INPUT_HOLD_MS, 1, 60000));
    return true;
}

/* An InputEvent of QMP's at @path. */
static bool input_parse(const MonValue *v, const char *path, InputEvent *e, GError **err)
{
    g_autofree char *type_path = g_strdup_printf("%s.type", path);
    g_autofree char *down_path = g_strdup_printf("%s.data.down", path);
    g_autofree char *key_path = g_strdup_printf("%s.data.key", path);
    g_autofree char *button_path = g_strdup_printf("%s.data.button", path);
    g_autofree char *axis_path = g_strdup_printf("%s.data.axis", path);
    g_autofree char *value_path = g_strdup_printf("%s.data.value", path);
    const char *type = mon_leaf(v, type_path), *down = mon_leaf(v, down_path);
    const char *button = mon_leaf(v, button_path), *axis = mon_leaf(v, axis_path);
    const char *value = mon_leaf(v, value_path);
    GError *bad = NULL;

    *e = (InputEvent){ 0 };
    e->down = down && !strcmp(down, "true");
    if (type && !strcmp(type, "key") && down) {
        e->kind = INPUT_KEY;
        e->code = input_key(v, key_path, &bad);
    } else if (type && !strcmp(type, "btn") && down && button) {
        int n = input_button_by_name(button);

        e->kind = INPUT_BUTTON;
        e->code = (uint16_t)n;
        if (n < 0) {
            error_set(&bad, "Invalid parameter '%s'", button);
        }
    } else if (type && (!strcmp(type, "rel") || !strcmp(type, "abs")) && axis && value &&
               (!strcmp(axis, "x") || !strcmp(axis, "y"))) {
        e->kind = *type == 'r' ? INPUT_REL : INPUT_ABS;
        e->code = *axis == 'x' ? INPUT_X : INPUT_Y;
        e->value = (int32_t)CLAMP(strtoll(value, NULL, 10), INT16_MIN, INT16_MAX);
    } else {
        error_set(&bad, "Parameter 'events' has an event of a wrong form: type key, btn, rel or "
                        "abs, with its data");
    }
    if (bad) {
        g_propagate_error(err, bad);
    }
    return !bad;
}

bool cmd_send_event(MonCall *c, GError **err)
{
    InputEvent events[INPUT_EVENTS_MAX];
    unsigned n = 0;

    for (;; n++) {
        g_autofree char *path = g_strdup_printf("%u", n);

        if (mon_leaf_kind(&c->args[0], path) == MON_ABSENT) {
            break;
        }
        if (n == INPUT_EVENTS_MAX) {
            return error_set(err, "at most %d events at once", INPUT_EVENTS_MAX);
        }
        if (!input_parse(&c->args[0], path, &events[n], err)) {
            return false;
        }
    }
    for (unsigned i = 0; i < n; i++) {
        input_send(c->m, &events[i]);
    }
    input_sync(c->m);
    return true;
}

/* ---- Pointers ---- */

static void input_move(Machine *m, InputAxis axis, int64_t value)
{
    InputEvent e = { INPUT_REL, (uint16_t)axis, false,
                     (int32_t)CLAMP(value, INT16_MIN, INT16_MAX) };

    input_send(m, &e);
}

static void input_click(Machine *m, InputButton b, bool down)
{
    InputEvent e = { INPUT_BUTTON, (uint16_t)b, down, 0 };

    input_send(m, &e);
}

bool hmp_mouse_move(MonCall *c, GError **err)
{
    g_autofree char *x = mon_call_word(c), *y = mon_call_word(c), *z = mon_call_word(c);

    if (!x || !y) {
        g_string_append(c->text, "mouse_move: DX and DY are wanted\n");
        return true;
    }
    input_move(c->m, INPUT_X, strtoll(x, NULL, 0));
    input_move(c->m, INPUT_Y, strtoll(y, NULL, 0));
    if (z && strtoll(z, NULL, 0)) {
        InputButton b = strtoll(z, NULL, 0) > 0 ? INPUT_WHEEL_UP : INPUT_WHEEL_DOWN;

        input_click(c->m, b, true);
        input_click(c->m, b, false);
    }
    input_sync(c->m);
    return true;
}

/* 1 left, 2 middle, 4 right: all that are down. */
bool hmp_mouse_button(MonCall *c, GError **err)
{
    g_autofree char *word = mon_call_word(c);
    long state = word ? strtol(word, NULL, 0) : 0;

    if (!word) {
        g_string_append(c->text, "mouse_button: the buttons are wanted: 1 left, 2 middle, 4 "
                                 "right\n");
        return true;
    }
    input_click(c->m, INPUT_LEFT, state & 1);
    input_click(c->m, INPUT_MIDDLE, state & 2);
    input_click(c->m, INPUT_RIGHT, state & 4);
    input_sync(c->m);
    return true;
}

bool hmp_mouse_set(MonCall *c, GError **err)
{
    g_autofree char *word = mon_call_word(c);
    unsigned long n = word ? strtoul(word, NULL, 0) : 0;

    if (n > UINT32_MAX || !input_choose_pointer(c->m, (unsigned)n)) {
        g_string_append(c->text, "Mouse at given index not found\n");
    }
    return true;
}

bool cmd_query_mice(MonCall *c, GError **err)
{
    const InputHandler *h;
    bool current;

    json_out_begin(c->out, NULL, '[');
    for (unsigned n = 1; (h = input_pointer(c->m, n, &current)) != NULL; n++) {
        json_out_begin(c->out, NULL, '{');
        json_out_str(c->out, "name", h->name);
        json_out_int(c->out, "index", n);
        json_out_bool(c->out, "current", current);
        json_out_bool(c->out, "absolute", h->kinds >> INPUT_ABS & 1);
        json_out_end(c->out, '}');
    }
    json_out_end(c->out, ']');
    return true;
}

bool hmp_mice(MonCall *c, GError **err)
{
    const InputHandler *h;
    bool current;

    for (unsigned n = 1; (h = input_pointer(c->m, n, &current)) != NULL; n++) {
        g_string_append_printf(c->text, "%c Mouse #%u: %s%s\n", current ? '*' : ' ', n, h->name,
                               h->kinds >> INPUT_ABS & 1 ? " (absolute)" : "");
    }
    if (!c->text->len) {
        g_string_append(c->text, "No mouse devices connected\n");
    }
    return true;
}

bool hmp_usb(MonCall *c, GError **err)
{
    usb_info_text(c->m, c->text);
    return true;
}
