/* SPDX-License-Identifier: Apache-2.0 */
#include "hw/board/fw-files.h"

#include "hw/board/loader.h"
#include "hw/misc/fw_cfg.h"

#include <string.h>

enum { FW_CFG_FILE_MAX = 64 << 20 };

/* "[name=]NAME,file=PATH" or "[name=]NAME,string=TEXT" */
static bool fw_user_file(Device *fw, Options *o, GError **err)
{
    const char *name = options_get(o, "name"), *path = options_get(o, "file");
    const char *text = options_get(o, "string");
    g_autoptr(GBytes) file = NULL;

    if (!name || !path == !text) {
        return error_set(err, "-fw_cfg %s: wants name=NAME and either file=PATH or string=TEXT",
                         o->text);
    }
    if (text) {
        return fw_cfg_add_file(fw, name, text, strlen(text), err);
    }
    file = loader_read("-fw_cfg", path, FW_CFG_FILE_MAX, err);
    return file &&
           fw_cfg_add_file(fw, name, g_bytes_get_data(file, NULL), g_bytes_get_size(file), err);
}

bool board_fw_files(const BoardConfig *cfg, Device *fw_cfg, GError **err)
{
    for (unsigned i = 0; i < cfg->n_fw_cfg; i++) {
        Options o = { 0 };
        bool ok = options_parse(&o, cfg->fw_cfg[i], "name", err) && fw_user_file(fw_cfg, &o, err);

        options_deinit(&o);
        if (!ok) {
            return false;
        }
    }
    return true;
}

/* "FILE[,bootindex=N]": the file's name without its folder is the ROM's. */
static bool fw_option_rom(const char *text, Device *fw_cfg, GArray *extras, GPtrArray *names,
                          GError **err)
{
    static const char *const valid[] = { "romfile", "bootindex" };
    Options o = { 0 };
    uint64_t index = 0;
    bool ok = options_parse(&o, text, "romfile", err);
    const char *path = ok ? options_get(&o, "romfile") : NULL;
    const char *has_index = ok ? options_get(&o, "bootindex") : NULL;
    g_autoptr(GBytes) file = NULL;

    ok = ok && options_get_number(&o, "bootindex", 0, &index, err) &&
         options_all_used(&o, valid, G_N_ELEMENTS(valid), err) &&
         (path || error_set(err, "it wants a file"));
    file = ok ? loader_read("-option-rom", path, FW_CFG_FILE_MAX, err) : NULL;
    if (file) {
        g_autofree char *base = g_path_get_basename(path);
        g_autofree char *name = g_strconcat("genroms/", base, NULL);
        BootOrderExtra e = { (uint32_t)index, g_strconcat("/rom@", name, NULL) };

        g_ptr_array_add(names, (char *)e.path);
        if (has_index) {
            g_array_append_val(extras, e);
        }
        ok = fw_cfg_add_file(fw_cfg, name, g_bytes_get_data(file, NULL), g_bytes_get_size(file),
                             err);
    }
    options_deinit(&o);
    return ok && file;
}

bool board_option_roms(const BoardConfig *cfg, Device *fw_cfg, GArray *extras, GPtrArray *names,
                       GError **err)
{
    for (unsigned i = 0; i < cfg->n_option_roms; i++) {
        if (!fw_option_rom(cfg->option_roms[i], fw_cfg, extras, names, err)) {
            g_prefix_error(err, "-option-rom %s: ", cfg->option_roms[i]);
            return false;
        }
    }
    return true;
}
