/* SPDX-License-Identifier: Apache-2.0 */
/* The one command: picks the tool by subcommand, or by the name it is called by. */
#include "cli/config.h"
#include "cli/img/img.h"
#include "cli/nbd.h"
#include "cli/storage.h"
#include "cli/system.h"
#include "monitor/monitor.h"
#include "util/suggest.h"

#include <stdio.h>
#include <string.h>

static const char *const main_archs[] = { "aarch64", "x86_64", "i386",    "mips",
                                          "mipsel",  "mips64", "mips64el" };
static const char *const main_tools[] = { "system", "img",       "io",   "nbd",    "storage",
                                          "manual", "reference", "help", "version" };

static int main_help(void)
{
    puts("usage: tinamou system ARCH [OPTIONS]   run a machine (aarch64); --help lists options\n"
         "       tinamou img COMMAND [OPTIONS]   disk images: create, convert, check, ...\n"
         "       tinamou io [-c COMMAND] [FILE]  single requests on a disk image\n"
         "       tinamou nbd FILE                serve a disk image to NBD clients\n"
         "       tinamou storage [OPTIONS]       disks, jobs and exports without a guest, by QMP\n"
         "       tinamou version                 show the version\n"
         "       tinamou manual                  the manual page, as troff\n"
         "       tinamou reference               the monitor's commands, as Markdown\n"
         "\n"
         "Called as qemu-system-aarch64, qemu-img, qemu-io, qemu-nbd or "
         "qemu-storage-daemon it takes\nthat program's options.");
    return 0;
}

static int main_unknown(const char *what, const char *word, const char *const *names, size_t n)
{
    g_autofree char *near = suggest_or_list(word, names, n, 8);

    fprintf(stderr, "tinamou: there is no %s '%s'%s\n", what, word, near);
    return 1;
}

static int main_system(const char *prog, const char *arch, int argc, char **argv)
{
    for (size_t i = 0; i < G_N_ELEMENTS(main_archs); i++) {
        if (!strcmp(arch, main_archs[i])) {
            return system_main(prog, main_archs[i], argc, argv);
        }
    }
    return main_unknown("architecture", arch, main_archs, G_N_ELEMENTS(main_archs));
}

static int main_print(char *take_text)
{
    fputs(take_text, stdout);
    g_free(take_text);
    return 0;
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0] ? argv[0] : "tinamou", '/');
    const char *name = slash ? slash + 1 : argv[0] ? argv[0] : "tinamou";
    const char *tool = argc > 1 ? argv[1] : "help";

    if (g_str_has_prefix(name, "qemu-system-")) {
        return main_system(name, name + strlen("qemu-system-"), argc - 1, argv + 1);
    }
    if (!strcmp(name, "qemu-img")) {
        return img_main(name, argc, argv);
    }
    if (!strcmp(name, "qemu-io")) {
        return io_main(name, argc, argv);
    }
    if (!strcmp(name, "qemu-nbd")) {
        return nbd_main(name, argc, argv);
    }
    if (!strcmp(name, "qemu-storage-daemon")) {
        return storage_main(name, argc, argv);
    }
    tool += strspn(tool, "-");
    if (!strcmp(tool, "img")) {
        return img_main("tinamou img", argc - 1, argv + 1);
    }
    if (!strcmp(tool, "io")) {
        return io_main("tinamou io", argc - 1, argv + 1);
    }
    if (!strcmp(tool, "nbd")) {
        return nbd_main("tinamou nbd", argc - 1, argv + 1);
    }
    if (!strcmp(tool, "storage")) {
        return storage_main("tinamou storage", argc - 1, argv + 1);
    }
    if (!strcmp(tool, "system") && argc == 2) {
        fputs("tinamou: an architecture is missing: tinamou system aarch64 ...\n", stderr);
        return 1;
    }
    if (!strcmp(tool, "system")) {
        return main_system("tinamou", argv[2], argc - 3, argv + 3);
    }
    if (!strcmp(tool, "help") || !strcmp(tool, "h")) {
        return main_help();
    }
    if (!strcmp(tool, "version")) {
        return main_print(g_strdup("tinamou " TINAMOU_VERSION "\nbuilt " TINAMOU_FEATURES "\n"));
    }
    if (!strcmp(tool, "manual")) {
        return main_print(option_manual()) || main_print(img_manual()) || main_print(io_manual()) ||
               main_print(nbd_manual()) || main_print(storage_manual());
    }
    if (!strcmp(tool, "reference")) {
        return main_print(mon_reference());
    }
    return main_unknown("tool", argv[1], main_tools, G_N_ELEMENTS(main_tools));
}
