/* SPDX-License-Identifier: Apache-2.0 */
/* What perf reads about translated code. */
#include "accel/tcg/tcg-priv.h"
#include "tests/unit.h"

#include <elf.h>
#include <unistd.h>

static const TcgHost perf_host = { .name = "test", .needs_code = true, .elf_machine = EM_X86_64 };

static char *perf_written(bool map, const char *path, gsize *len)
{
    static uint8_t code[64];
    static TcgHostMark mark[2] = { { 0, 0, TCG_MARK_LINE }, { 8, 1, TCG_MARK_LINE } };
    static IrGuestInsn guest[2] = { { .delta = 0x10 }, { .delta = 0x14 } };
    TcgBlock b = { .n_guest = 2,
                   .guest = guest,
                   .host_entry = code,
                   .host_size = sizeof(code),
                   .marks = mark,
                   .n_marks = 2 };
    g_autoptr(GError) err = NULL;
    Tcg *t = g_new0(Tcg, 1);
    char *text = NULL;

    t->host = &perf_host;
    t->cache.rx = code;
    t->cache.n_prologue = 16;
    EXPECT(tcg_perf_open(t, map, !map, &err));
    tcg_perf_block(t, &b, 0x400010);
    tcg_perf_close(t);
    EXPECT(!t->perf);
    EXPECT(g_file_get_contents(path, &text, len, NULL));
    unlink(path);
    g_free(t);
    return text;
}

TEST(perf, map_has_a_line_for_each_block)
{
    g_autofree char *path = g_strdup_printf("/tmp/perf-%d.map", (int)getpid());
    gsize len = 0;
    g_autofree char *text = perf_written(true, path, &len);

    EXPECT(text && strstr(text, " 10 tinamou-thunks\n"));
    EXPECT(text && strstr(text, " 40 guest-400010+2\n"));
}

TEST(perf, jitdump_is_as_long_as_its_records_say)
{
    g_autofree char *path = g_strdup_printf("jit-%d.dump", (int)getpid());
    gsize len = 0;
    g_autofree char *text = perf_written(false, path, &len);
    uint32_t word[2], n[3] = { 0 };
    gsize at = 40;

    EXPECT(len > 40 && !memcmp(text, "DTiJ", 4));
    while (at + 8 <= len) {
        memcpy(word, text + at, 8);
        n[MIN(word[0], 2u)]++;
        at += MAX(word[1], 8u);
    }
    EXPECT_EQ(at, len);
    EXPECT_EQ(n[0], 2); /* code: the thunks, the block */
    EXPECT_EQ(n[2], 1); /* lines of the block */
}

TEST(perf, interpreter_is_refused)
{
    g_autoptr(GError) err = NULL;
    Tcg *t = g_new0(Tcg, 1);

    t->host = &tcg_host_interp;
    EXPECT(!tcg_perf_open(t, true, false, &err) && err);
    g_free(t);
}
