/* SPDX-License-Identifier: Apache-2.0 */
/* `tinamou img create`, and the options of creating, which convert, measure and amend take too. */
#include "block/core/driver.h"
#include "cli/img/img-priv.h"
#include "util/size.h"

#include <inttypes.h>
#include <string.h>

/* ---- Options of creating ---- */

const BlockDriver *img_protocol(const char *filename)
{
    const char *colon = strchr(filename, ':');
    const char *slash = strchr(filename, '/');

    if (colon && (!slash || colon < slash)) {
        for (const BlockDriver *const *d = block_drivers; *d; d++) {
            for (const char *const *p = (*d)->prefixes; p && *p; p++) {
                if (strlen(*p) == (size_t)(colon - filename) &&
                    !strncmp(*p, filename, strlen(*p))) {
                    return *d;
                }
            }
        }
    }
    return block_driver_find("file");
}

static const BlockOption *img_option_row(const BlockOption *table, const char *key)
{
    for (; table && table->name; table++) {
        if (!strcmp(table->name, key)) {
            return table;
        }
    }
    return NULL;
}

/* Both tables after each other, what stands twice once. Ends with NULL; the caller frees. */
static const BlockOption **img_option_rows(const BlockDriver *format, const BlockDriver *protocol,
                                           bool amend)
{
    GPtrArray *rows = g_ptr_array_new();

    for (const BlockOption *o = format->create_options; o && o->name; o++) {
        g_ptr_array_add(rows, (void *)o);
    }
    for (const BlockOption *o = protocol ? protocol->create_options : NULL; o && o->name; o++) {
        if (!img_option_row(format->create_options, o->name)) {
            g_ptr_array_add(rows, (void *)o);
        }
    }
    for (unsigned i = rows->len; amend && i-- > 0;) {
        if (!((const BlockOption *)rows->pdata[i])->amend) {
            g_ptr_array_remove_index(rows, i);
        }
    }
    for (const BlockOption *o = amend ? format->amend_options : NULL; o && o->name; o++) {
        g_ptr_array_add(rows, (void *)o);
    }
    g_ptr_array_add(rows, NULL);
    return (const BlockOption **)g_ptr_array_free(rows, FALSE);
}

static int img_option_compare(const void *a, const void *b)
{
    return strcmp((*(const BlockOption *const *)a)->name, (*(const BlockOption *const *)b)->name);
}

void img_print_options(const BlockDriver *format, const BlockDriver *protocol, const char *title,
                       bool amend)
{
    static const char *const types[] = { [BLOCK_OPT_STR] = "str",
                                         [BLOCK_OPT_BOOL] = "bool (on/off)",
                                         [BLOCK_OPT_SIZE] = "size",
                                         [BLOCK_OPT_NUMBER] = "num" };
    g_autofree const BlockOption **rows = img_option_rows(format, protocol, amend);
    size_t n = 0;

    while (rows[n]) {
        n++;
    }
    qsort(rows, n, sizeof(rows[0]), img_option_compare);
    puts(title);
    for (size_t i = 0; i < n; i++) {
        g_autofree char *left = g_strdup_printf("%s=<%s>", rows[i]->name, types[rows[i]->type]);

        printf("  %-22s - %s\n", left, rows[i]->doc);
    }
}

void img_options_set(Options *o, const char *key, const char *value)
{
    for (unsigned i = 0; i < o->n; i++) {
        if (!strcmp(o->list[i].key, key)) {
            g_free(o->list[i].value);
            o->list[i].value = g_strdup(value);
            return;
        }
    }
    o->list = g_renew(Option, o->list, o->n + 1);
    o->list[o->n++] = (Option){ .key = g_strdup(key), .value = g_strdup(value) };
}

const char *img_options_peek(const Options *o, const char *key)
{
    for (unsigned i = o->n; i-- > 0;) {
        if (!strcmp(o->list[i].key, key)) {
            return o->list[i].value;
        }
    }
    return NULL;
}

static bool img_check_value(const BlockOption *row, const char *value, GError **err)
{
    g_autoptr(GError) ignored = NULL;
    uint64_t number;
    bool yes;

    switch (row->type) {
    case BLOCK_OPT_BOOL:
        return bool_parse(value, &yes, &ignored) ||
               error_set(err, "Parameter '%s' expects 'on' or 'off'", row->name);
    case BLOCK_OPT_NUMBER:
        return number_parse(value, 0, UINT64_MAX, &number, &ignored) ||
               error_set(err, "Parameter '%s' expects a number", row->name);
    case BLOCK_OPT_SIZE:
        return size_parse(value, 1, &number, &ignored) ||
               error_set(err,
                         "Parameter '%s' expects a non-negative number below 2^64\n"
                         "Optional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, "
                         "peta-\nand exabytes, respectively.",
                         row->name);
    default:
        return true;
    }
}

bool img_check_options(const BlockDriver *format, const BlockDriver *protocol, const Options *o,
                       bool amend, GError **err)
{
    g_autofree const BlockOption **rows = img_option_rows(format, protocol, amend);

    for (unsigned i = 0; i < o->n; i++) {
        const BlockOption *row = NULL;

        for (const BlockOption **r = rows; *r && !row; r++) {
            row = !strcmp((*r)->name, o->list[i].key) ? *r : NULL;
        }
        if (!row) {
            return error_set(err, "Invalid parameter '%s'", o->list[i].key);
        }
        if (!img_check_value(row, o->list[i].value, err)) {
            return false;
        }
    }
    return true;
}

/* What the summary says of one option: its value in the form of its type. */
static char *img_option_value(const BlockOption *row, const char *value)
{
    g_autoptr(GError) ignored = NULL;
    g_auto(GStrv) words = NULL;
    uint64_t number;
    bool yes;

    if (row->type == BLOCK_OPT_BOOL && bool_parse(value, &yes, &ignored)) {
        return g_strdup(yes ? "on" : "off");
    }
    if ((row->type == BLOCK_OPT_SIZE && size_parse(value, 1, &number, &ignored)) ||
        (row->type == BLOCK_OPT_NUMBER && number_parse(value, 0, UINT64_MAX, &number, &ignored))) {
        return g_strdup_printf("%" PRIu64, number);
    }
    words = g_strsplit(value, ",", -1); /* as options are written */
    return g_strjoinv(",,", words);
}

static void img_print_formatting(const ImgCreate *c, const BlockDriver *protocol, const Options *o)
{
    g_autofree const BlockOption **rows = img_option_rows(c->format, protocol, false);

    printf("Formatting '%s', fmt=%s", c->filename, c->format->name);
    for (const BlockOption **r = rows; *r; r++) {
        const char *value = img_options_peek(o, (*r)->name);
        g_autofree char *text = NULL;

        value = value ? value : (*r)->def;
        if (value) {
            text = img_option_value(*r, value);
            printf(" %s=%s", (*r)->name, text);
        }
    }
    putchar('\n');
    fflush(stdout);
}

/* ---- Creating ---- */

/* Looks at the backing image: it must open, and gives the size where none is known. */
static bool img_create_backing(ImgTool *t, const ImgCreate *c, Options *o, uint64_t *size,
                               GError **err)
{
    const char *backing = img_options_peek(o, "backing_file");
    const char *format = img_options_peek(o, "backing_fmt");
    BlockNode *n;

    if (!backing || !*backing) {
        return true;
    }
    if (!strcmp(backing, c->filename)) {
        return error_set(err, "Error: Trying to create an image with the same filename as the "
                              "backing file");
    }
    if (c->unsafe && *size != UINT64_MAX) {
        return format || error_set(err, "Backing file specified without backing format");
    }
    n = img_open_backing(t, c->filename, backing, format, BLOCK_OPEN_SHARE, err);
    if (!n) {
        g_autofree char *why = g_strdup((*err)->message);

        g_clear_error(err);
        return error_set(err, "%s\nCould not open backing image.", why);
    }
    if (*size == UINT64_MAX) {
        *size = block_node_size(n);
    }
    if (!format) {
        error_set(err, "Backing file specified without backing format%s%s%s",
                  c->unsafe ? "" : "\nDetected format of ", c->unsafe ? "" : block_node_format(n),
                  c->unsafe ? "" : ".");
    }
    block_node_unref(n);
    return !*err;
}

static bool img_create_with(ImgTool *t, const ImgCreate *c, Options *o, GError **err)
{
    const BlockDriver *protocol =
        c->format->kind == BLOCK_FORMAT ? img_protocol(c->filename) : NULL;
    const char *text = img_options_peek(o, "size");
    uint64_t size = c->size;
    char number[24];
    bool lone;

    if ((c->backing || c->backing_format) &&
        !img_option_row(c->format->create_options, "backing_file")) {
        return error_set(err, "Backing file not supported for file format '%s'", c->format->name);
    }
    if (!img_check_options(c->format, protocol, o, false, err)) {
        return false;
    }
    if (c->backing) {
        img_options_set(o, "backing_file", c->backing);
    }
    if (c->backing_format) {
        if (!block_driver_find(c->backing_format)) {
            return error_set(err, "Unknown driver '%s'\nCould not open backing image.",
                             c->backing_format);
        }
        img_options_set(o, "backing_fmt", c->backing_format);
    }
    if (text && size != UINT64_MAX) {
        return error_set(err, "The image size must be specified only once");
    }
    if (text && !size_parse(text, 1, &size, err)) {
        return false;
    }
    if (!img_create_backing(t, c, o, &size, err)) {
        return false;
    }
    lone = !img_options_peek(o, "backing_file") && img_options_peek(o, "backing_fmt");
    if (size == UINT64_MAX) {
        return error_set(err, "Image creation needs a size parameter");
    }
    g_snprintf(number, sizeof(number), "%" PRIu64, size);
    img_options_set(o, "size", number);
    options_get(o, "size"); /* goes to the driver by itself */
    if (!c->quiet) {
        img_print_formatting(c, protocol, o);
    }
    if (lone) {
        return error_set(err, "Backing format cannot be used without backing file");
    }
    return block_image_create(t->graph, c->format, c->filename, size, o, 0, err);
}

bool img_create_image(ImgTool *t, const ImgCreate *c, GError **err)
{
    Options o = { 0 };
    bool ok = true;

    if (!c->format->create_options) {
        return error_set(err, "Format driver '%s' does not support image creation",
                         c->format->name);
    }
    if (c->options) {
        ok = options_parse(&o, c->options, NULL, err);
    }
    ok = ok && img_create_with(t, c, &o, err);
    options_deinit(&o);
    return ok;
}

int img_option_help(ImgTool *t, const char *format, const char *filename)
{
    const BlockDriver *d = img_driver(t, format ? format : "raw");
    g_autofree char *title = NULL;

    if (!d) {
        return 1;
    }
    title = g_strdup_printf("Supported %s options:", d->name);
    if (!d->create_options) {
        return img_fail(t, "Format driver '%s' does not support image creation", d->name);
    }
    if (filename) {
        img_print_options(d, img_protocol(filename), "Supported options:", false);
        return 0;
    }
    img_print_options(d, NULL, title, false);
    puts("\nThe protocol level may support further options.\n"
         "Specify the target filename to include those options.");
    return 0;
}

static const ImgOption img_create_options[] = {
    IMG_OBJECT,
    IMG_QUIET,
    { 'f', "format", "fmt", "format of the new image; raw where it is not given" },
    { 'b', NULL, "backing_file", "what reads there until it is written" },
    { 'F', NULL, "backing_fmt", "format of the backing image" },
    { 'u', NULL, NULL, "do not open the backing image (then the size must be given)" },
    { 'o', NULL, "options", "of the format: name=value,...; help lists them" },
    { 0 },
};

static int img_create_run(ImgTool *t, const ImgArgs *a)
{
    const char *format = img_arg(a, 'f');
    g_autofree char *options = img_arg_joined(a, 'o');
    g_autoptr(GError) err = NULL;
    ImgCreate c = { .backing = img_arg(a, 'b'),
                    .backing_format = img_arg(a, 'F'),
                    .options = options,
                    .size = UINT64_MAX,
                    .unsafe = img_has(a, 'u'),
                    .quiet = t->quiet };

    c.filename = a->n_words ? a->words[0] : NULL;
    if (options && img_is_help(options)) {
        return img_option_help(t, format, c.filename);
    }
    if (!c.filename) {
        return img_usage(t, "Expecting image file name");
    }
    if (a->n_words > 1 && !img_parse_size(t, "image size", a->words[1], INT64_MAX, &c.size)) {
        return 1;
    }
    if (a->n_words > 2) {
        return img_usage(t, "Unexpected argument: %s", a->words[2]);
    }
    c.format = block_driver_find(format ? format : "raw");
    if (!c.format) {
        return img_fail(t, "%s: Unknown file format '%s'", c.filename, format);
    }
    if (!img_create_image(t, &c, &err)) {
        bool named = g_str_has_prefix(err->message, c.filename);

        return img_fail(t, "%s%s%s", named ? "" : c.filename, named ? "" : ": ", err->message);
    }
    return 0;
}

const ImgCommand img_create = {
    .name = "create",
    .words = "filename [size]",
    .doc = "make a new image",
    .options = img_create_options,
    .run = img_create_run,
};
