/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a machine owns: making and freeing it, types, backends, randomness, names of enums.
 */
#include "core/core-priv.h"
#include "util/fdsets.h"

#include <sys/random.h>
#include <unistd.h>

static void machine_init_memory(Machine *m)
{
    g_rec_mutex_init(&m->map_lock);
    epoch_init(&m->epochs);
    m->regions = g_ptr_array_new();
    m->spaces = g_ptr_array_new();
    m->mem_listeners = g_ptr_array_new();
    m->roms = g_array_new(FALSE, FALSE, sizeof(RomBlob));
    m->memory_root = region_new_container(m, "system", 0);
    m->memory = aspace_new(m, "memory", m->memory_root);
    m->no_memory = aspace_new(m, "no memory", region_new_container(m, "no memory", 0));
}

Machine *machine_new(GError **err)
{
    Machine *m = g_try_malloc0(sizeof(Machine));

    if (!m) {
        error_set(err, "no memory for a machine");
        return NULL;
    }
    if (!clock_init(m, err)) {
        g_free(m);
        return NULL;
    }
    m->name = g_strdup("");
    m->log = log_sink_new();
    m->fdsets = fdsets_new();
    m->type_lists = g_ptr_array_new();
    m->data_folders = g_ptr_array_new_with_free_func(g_free);
    mutex_init(&m->index_lock);
    m->indices = g_hash_table_new_full(NULL, NULL, NULL, type_index_free);
    m->backends = g_array_new(FALSE, FALSE, sizeof(Backend));
    m->cpus = g_ptr_array_new();
    mutex_init(&m->random_lock);
    m->run_state = RUN_PRELAUNCH;
    m->listeners = g_array_new(FALSE, FALSE, sizeof(MachineListener));
    m->powerdown_hooks = g_array_new(FALSE, FALSE, sizeof(MachineHook));
    m->reset_hooks = g_array_new(FALSE, FALSE, sizeof(MachineHook));
    mutex_init(&m->stop_lock);
    cond_init(&m->stop_cond);
    loop_init(m);
    clock_start_sources(m);
    doorbell_init(m);
    machine_init_memory(m);
    m->root = device_new_container(m, NULL, "");
    return m;
}

static void machine_free_memory(Machine *m)
{
    rom_free_all(m);
    g_ptr_array_foreach(m->spaces, (GFunc)(void (*)(void))aspace_free, NULL);
    g_ptr_array_free(m->spaces, TRUE);
    g_ptr_array_foreach(m->regions, (GFunc)(void (*)(void))region_free, NULL);
    g_ptr_array_free(m->regions, TRUE);
    g_ptr_array_free(m->mem_listeners, TRUE);
    epoch_deinit(&m->epochs);
    ram_free_all(m);
    g_rec_mutex_clear(&m->map_lock);
}

void machine_free(Machine *m)
{
    loop_adopt_thread(m);
    cpu_quit_all(m);
    turns_deinit(m);
    loop_stop_workers(m);
    device_stop_tree(m->root);
    cpu_free_accel(m);
    device_free_tree(m->root);
    input_free(m);
    machine_free_memory(m);
    loop_deinit(m);
    doorbell_deinit(m);
    clock_deinit(m);
    g_ptr_array_free(m->cpus, TRUE);
    for (unsigned i = 0; i < m->backends->len; i++) {
        g_free(g_array_index(m->backends, Backend, i).kind);
        g_free(g_array_index(m->backends, Backend, i).id);
    }
    g_array_free(m->backends, TRUE);
    g_array_free(m->listeners, TRUE);
    g_array_free(m->powerdown_hooks, TRUE);
    g_array_free(m->reset_hooks, TRUE);
    g_ptr_array_free(m->type_lists, TRUE);
    g_hash_table_destroy(m->indices);
    mutex_deinit(&m->index_lock);
    mutex_deinit(&m->random_lock);
    mutex_deinit(&m->stop_lock);
    cond_deinit(&m->stop_cond);
    log_sink_free(m->log);
    fdsets_unref(m->fdsets);
    g_ptr_array_free(m->data_folders, TRUE);
    g_free(m->name);
    g_free(m);
}

void machine_add_data_folder(Machine *m, const char *path)
{
    g_ptr_array_add(m->data_folders, g_strdup(path));
}

static char *machine_find_in(const char *folder, const char *name)
{
    char *path = g_build_filename(folder, name, NULL);

    if (access(path, R_OK)) {
        g_free(path);
        return NULL;
    }
    return path;
}

char *machine_find_data(const Machine *m, const char *name, const char *const *folders, size_t n)
{
    char *path = access(name, R_OK) ? NULL : g_strdup(name);

    if (strchr(name, '/')) {
        return path;
    }

    for (unsigned i = 0; !path && i < m->data_folders->len; i++) {
        path = machine_find_in(g_ptr_array_index(m->data_folders, i), name);
    }
    for (size_t i = 0; !path && i < n; i++) {
        path = machine_find_in(folders[i], name);
    }
    return path;
}

void machine_set_name(Machine *m, const char *name)
{
    g_free(m->name);
    m->name = g_strdup(name);
}

const char *machine_name(const Machine *m)
{
    return m->name;
}

struct FdSets *machine_fdsets(const Machine *m)
{
    return m->fdsets;
}

LogSink *machine_log(Machine *m)
{
    return m->log;
}

Device *machine_root(Machine *m)
{
    return m->root;
}

AddressSpace *machine_no_memory(Machine *m)
{
    return m->no_memory;
}

AddressSpace *machine_memory(Machine *m)
{
    return m->memory;
}

MemRegion *machine_memory_root(Machine *m)
{
    return m->memory_root;
}

void machine_set_endian(Machine *m, Endian e)
{
    m->endian = e;
}

/* ---- Types and backends ---- */

void machine_add_types(Machine *m, const DeviceType *const *types)
{
    g_ptr_array_add(m->type_lists, (void *)types);
}

const DeviceType *machine_find_type(Machine *m, const char *name)
{
    for (unsigned i = 0; i < m->type_lists->len; i++) {
        for (const DeviceType *const *t = g_ptr_array_index(m->type_lists, i); *t; t++) {
            if (!strcmp((*t)->name, name)) {
                return *t;
            }
        }
    }
    return NULL;
}

static int machine_backend_index(Machine *m, const char *kind, const char *id)
{
    for (unsigned i = 0; i < m->backends->len; i++) {
        const Backend *b = &g_array_index(m->backends, Backend, i);

        if (!strcmp(b->kind, kind) && !strcmp(b->id, id)) {
            return (int)i;
        }
    }
    return -1;
}

bool machine_add_backend(Machine *m, const char *kind, const char *id, void *ptr, GError **err)
{
    Backend b = { NULL, NULL, ptr };

    if (machine_backend_index(m, kind, id) >= 0) {
        return error_set(err, "there is a %s '%s' already", kind, id);
    }
    b.kind = g_strdup(kind);
    b.id = g_strdup(id);
    g_array_append_val(m->backends, b);
    return true;
}

void *machine_find_backend(Machine *m, const char *kind, const char *id)
{
    int i = machine_backend_index(m, kind, id);

    return i < 0 ? NULL : g_array_index(m->backends, Backend, i).ptr;
}

void machine_remove_backend(Machine *m, const char *kind, const char *id)
{
    int i = machine_backend_index(m, kind, id);

    if (i >= 0) {
        g_free(g_array_index(m->backends, Backend, i).kind);
        g_free(g_array_index(m->backends, Backend, i).id);
        g_array_remove_index(m->backends, (guint)i);
    }
}

const char **machine_backend_ids(Machine *m, const char *kind)
{
    const char **ids = g_new0(const char *, m->backends->len + 1);
    unsigned n = 0;

    for (unsigned i = 0; i < m->backends->len; i++) {
        const Backend *b = &g_array_index(m->backends, Backend, i);

        if (!strcmp(b->kind, kind)) {
            ids[n++] = b->id;
        }
    }
    return ids;
}

unsigned machine_n_cpus(const Machine *m)
{
    return m->cpus->len;
}

Cpu *machine_cpu(const Machine *m, unsigned index)
{
    return index < m->cpus->len ? g_ptr_array_index(m->cpus, index) : NULL;
}

void machine_add_cpu(Machine *m, Cpu *cpu)
{
    CHECK(!m->started);
    cpu->index = (int32_t)m->cpus->len;
    g_ptr_array_add(m->cpus, cpu);
}

void machine_set_disas(Machine *m, MachineDisasFn *fn)
{
    m->disas = fn;
}

void machine_set_host_disas(Machine *m, MachineHostDisasFn *fn)
{
    m->host_disas = fn;
}

MachineHostDisasFn *machine_host_disas(const Machine *m)
{
    return m->host_disas;
}

MachineDisasFn *machine_disas(const Machine *m)
{
    return m->disas;
}

void machine_set_accel(Machine *m, const Accel *accel, void *state, void (*free_state)(void *state))
{
    CHECK(!m->accel);
    m->accel = accel;
    m->accel_state = state;
    m->accel_free = free_state;
}

void machine_leave_out_timer(Machine *m)
{
    m->no_timer = true;
}

bool machine_wants_timer(const Machine *m)
{
    return !m->no_timer;
}

void machine_set_irqchip(Machine *m, const MachineIrqchip *chip)
{
    m->irqchip = chip;
}

const MachineIrqchip *machine_irqchip(const Machine *m)
{
    return m->irqchip;
}

const Accel *machine_accel(const Machine *m)
{
    return m->accel;
}

void *machine_accel_state(const Machine *m)
{
    return m->accel_state;
}

/* ---- Randomness: xoshiro256** when seeded (Blackman and Vigna) ---- */

static uint64_t machine_rotl(uint64_t v, unsigned n)
{
    return v << n | v >> (64 - n);
}

static uint64_t machine_seeded_u64(Machine *m)
{
    uint64_t *s = m->random, out = machine_rotl(s[1] * 5, 7) * 9, t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = machine_rotl(s[3], 45);
    return out;
}

void machine_set_seed(Machine *m, uint64_t seed)
{
    mutex_lock(&m->random_lock);
    m->seeded = true;
    for (unsigned i = 0; i < 4; i++) {
        /* splitmix64 */
        uint64_t z = seed += 0x9e3779b97f4a7c15;

        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        m->random[i] = z ^ z >> 31;
    }
    mutex_unlock(&m->random_lock);
}

void machine_random(Machine *m, void *buf, size_t len)
{
    uint8_t *p = buf;

    while (len) {
        size_t n = len < 8 ? len : 8;
        uint64_t v;

        if (m->seeded) {
            mutex_lock(&m->random_lock);
            v = machine_seeded_u64(m);
            mutex_unlock(&m->random_lock);
            memcpy(p, &v, n);
        } else {
            ssize_t got = getrandom(p, len < 256 ? len : 256, 0);

            CHECK(got > 0);
            n = (size_t)got;
        }
        p += n;
        len -= n;
    }
}

uint64_t machine_random_u64(Machine *m)
{
    uint64_t v;

    machine_random(m, &v, sizeof(v));
    return v;
}

/* ---- Names ---- */

const char *run_state_name(RunState s)
{
    static const char *const names[RUN_STATES] = {
        [RUN_DEBUG] = "debug",
        [RUN_INMIGRATE] = "inmigrate",
        [RUN_INTERNAL_ERROR] = "internal-error",
        [RUN_IO_ERROR] = "io-error",
        [RUN_PAUSED] = "paused",
        [RUN_POSTMIGRATE] = "postmigrate",
        [RUN_PRELAUNCH] = "prelaunch",
        [RUN_FINISH_MIGRATE] = "finish-migrate",
        [RUN_RESTORE_VM] = "restore-vm",
        [RUN_RUNNING] = "running",
        [RUN_SAVE_VM] = "save-vm",
        [RUN_SHUTDOWN] = "shutdown",
        [RUN_SUSPENDED] = "suspended",
        [RUN_WATCHDOG] = "watchdog",
        [RUN_GUEST_PANICKED] = "guest-panicked",
        [RUN_COLO] = "colo",
    };

    return s < RUN_STATES ? names[s] : "internal-error";
}

const char *shutdown_cause_name(ShutdownCause c)
{
    static const char *const names[CAUSES] = {
        [CAUSE_NONE] = "none",
        [CAUSE_HOST_ERROR] = "host-error",
        [CAUSE_HOST_QMP_QUIT] = "host-qmp-quit",
        [CAUSE_HOST_QMP_SYSTEM_RESET] = "host-qmp-system-reset",
        [CAUSE_HOST_SIGNAL] = "host-signal",
        [CAUSE_HOST_UI] = "host-ui",
        [CAUSE_GUEST_SHUTDOWN] = "guest-shutdown",
        [CAUSE_GUEST_RESET] = "guest-reset",
        [CAUSE_GUEST_PANIC] = "guest-panic",
        [CAUSE_SUBSYSTEM_RESET] = "subsystem-reset",
        [CAUSE_SNAPSHOT_LOAD] = "snapshot-load",
    };

    return c < CAUSES ? names[c] : "none";
}
