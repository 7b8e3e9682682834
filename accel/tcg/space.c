/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address spaces of a vCPU, by number: a page that was found in a space counts while the number it
 * was kept with is its mode's. Leaving a space, coming back to it and forgetting all of it are
 * changes of a number; what was kept is looked at only when it is met.
 */
#include "accel/tcg/tcg-priv.h"

/* The target's state came from elsewhere (reset, load): the space has a name, but who knows which.
 */
#define SPACE_UNKNOWN UINT64_MAX

static unsigned space_index(uint64_t name)
{
    return (name ^ name >> 6 ^ name >> 12 ^ name >> 32) % TCG_SPACES;
}

static TcgSpace *space_slot(TcgCpu *tc, uint64_t name)
{
    return &tc->space[space_index(name)];
}

/* The modes of @modes whose space is @name, or may be. */
static uint32_t space_current(const TcgCpu *tc, uint32_t modes, uint64_t name)
{
    uint32_t in = 0;

    for (unsigned m = 0; m < TCG_MODES && modes >> m; m++) {
        if ((modes >> m & 1) && (tc->space_name[m] == name || tc->space_name[m] == SPACE_UNKNOWN)) {
            in |= 1u << m;
        }
    }
    return in;
}

static bool space_is(const TcgCpu *tc, uint32_t modes, uint64_t name)
{
    for (unsigned m = 0; m < TCG_MODES && modes >> m; m++) {
        if ((modes >> m & 1) && tc->space_name[m] != name) {
            return false;
        }
    }
    return true;
}

static void space_enter(TcgCpu *tc, uint32_t modes, uint64_t name, uint64_t id)
{
    for (unsigned m = 0; m < TCG_MODES && modes >> m; m++) {
        if (modes >> m & 1) {
            tc->space_name[m] = name;
            tc->space_id[m] = id;
        }
    }
}

void tcg_space_init(TcgCpu *tc)
{
    memset(tc->space, 0, sizeof(tc->space));
    tcg_space_renew_modes(tc, UINT32_MAX);
    for (unsigned m = 0; m < TCG_MODES; m++) {
        tc->space_name[m] = SPACE_UNKNOWN;
    }
}

bool tcg_space_select(TcgCpu *tc, uint32_t modes, uint64_t space)
{
    TcgSpace *s = space_slot(tc, space);

    if (space_is(tc, modes, space)) {
        return false;
    }
    if (s->modes != modes || s->name != space) {
        *s = (TcgSpace){ .name = space, .id = ++tc->last_space_id, .modes = modes };
    }
    space_enter(tc, modes, space, s->id);
    return true;
}

bool tcg_space_renew(TcgCpu *tc, uint32_t modes, uint64_t space)
{
    TcgSpace *s = space_slot(tc, space);
    uint32_t in = space_current(tc, modes, space);
    uint64_t id = ++tc->last_space_id;

    if (s->name == space && (s->modes & modes)) {
        s->id = id;
        /* Modes that were switched together keep one number, whichever were named here. */
        in |= space_current(tc, s->modes, space);
    }
    for (unsigned m = 0; m < TCG_MODES && in >> m; m++) {
        if (in >> m & 1) {
            tc->space_id[m] = id;
        }
    }
    return in != 0;
}

bool tcg_space_may_be(const TcgCpu *tc, unsigned mode, uint64_t space, uint64_t id)
{
    const TcgSpace *s = &tc->space[space_index(space)];
    uint64_t name = tc->space_name[mode];

    if (space == TCG_ANY_SPACE || name == SPACE_UNKNOWN) {
        return true;
    }
    /* A space whose number is remembered nowhere gets a new one when it comes back. */
    return (id == tc->space_id[mode] && name == space) ||
           (id == s->id && s->name == space && (s->modes >> mode & 1));
}

void tcg_space_renew_modes(TcgCpu *tc, uint32_t modes)
{
    for (unsigned i = 0; i < TCG_SPACES; i++) {
        if (tc->space[i].modes & modes) {
            tc->space[i].modes = 0;
        }
    }
    for (unsigned m = 0; m < TCG_MODES && modes >> m; m++) {
        if (modes >> m & 1) {
            tc->global_id[m] = ++tc->last_space_id;
            tc->space_id[m] = ++tc->last_space_id;
        }
    }
}
