/* SPDX-License-Identifier: Apache-2.0 */
/* What a system's code does, in programs of fixed work: system NAME prints a checksum. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void must(int ok, const char *what)
{
    if (!ok) {
        perror(what);
        exit(1);
    }
}

static uint64_t sys_calls(void)
{
    uint64_t sum = 0;

    for (int i = 0; i < 80000; i++) {
        sum += (uint64_t)(syscall(SYS_getppid) >= 0);
    }
    return sum;
}

static uint64_t sys_fork(void)
{
    uint64_t sum = 0;

    for (int i = 0; i < 500; i++) {
        pid_t pid = fork();
        int status;

        must(pid >= 0, "fork");
        if (!pid) {
            _exit(i & 63);
        }
        waitpid(pid, &status, 0);
        sum += (uint64_t)WEXITSTATUS(status);
    }
    return sum;
}

static uint64_t sys_exec(void)
{
    uint64_t sum = 0;

    for (int i = 0; i < 150; i++) {
        pid_t pid = fork();
        int status;

        must(pid >= 0, "fork");
        if (!pid) {
            execl("/proc/self/exe", "system", "nothing", NULL);
            _exit(99);
        }
        waitpid(pid, &status, 0);
        sum += (uint64_t)WEXITSTATUS(status);
    }
    return sum;
}

static uint64_t sys_pipe(void)
{
    int there[2], back[2], status;
    uint64_t sum = 0;
    char c = 0;

    must(!pipe(there) && !pipe(back), "pipe");

    pid_t pid = fork();

    must(pid >= 0, "fork");
    for (int i = 0; i < 4000; i++) {
        if (!pid) {
            must(read(there[0], &c, 1) == 1, "read");
            c = (char)(c + 3);
            must(write(back[1], &c, 1) == 1, "write");
        } else {
            c = (char)i;
            must(write(there[1], &c, 1) == 1, "write");
            must(read(back[0], &c, 1) == 1, "read");
            sum += (uint8_t)c;
        }
    }
    if (!pid) {
        _exit(0);
    }
    waitpid(pid, &status, 0);
    return sum;
}

static uint64_t sys_faults(void)
{
    enum { BYTES = 16 << 20 };
    uint64_t sum = 0;
    char *p = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    must(p != MAP_FAILED, "mmap");
    madvise(p, BYTES, MADV_NOHUGEPAGE);
    for (int n = 0; n < 8; n++) {
        for (int i = 0; i < BYTES; i += 4096) {
            p[i] = (char)(i >> 12);
            sum += (uint8_t)p[i];
        }
        madvise(p, BYTES, MADV_DONTNEED);
    }
    return sum;
}

static uint64_t sys_mmap(void)
{
    uint64_t sum = 0;

    for (int i = 0; i < 7000; i++) {
        char *p = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        must(p != MAP_FAILED, "mmap");
        p[i & 4095] = 1;
        sum += (uint8_t)p[i & 4095];
        munmap(p, 16384);
    }
    return sum;
}

static volatile sig_atomic_t signals;

static void on_signal(int n)
{
    signals++;
}

static uint64_t sys_signals(void)
{
    struct sigaction a = { .sa_handler = on_signal };

    sigaction(SIGUSR1, &a, NULL);
    for (int i = 0; i < 12000; i++) {
        raise(SIGUSR1);
    }
    return (uint64_t)signals;
}

static uint64_t sys_files(void)
{
    uint64_t sum = 0;

    for (int i = 0; i < 3000; i++) {
        char name[64], text[64];
        int fd;

        snprintf(name, sizeof(name), "/tmp/f%d", i % 50);
        fd = open(name, O_CREAT | O_RDWR | O_TRUNC, 0600);
        must(fd >= 0, "open");
        must(write(fd, name, sizeof(name)) == sizeof(name), "write");
        must(pread(fd, text, sizeof(text), 0) == sizeof(text), "read");
        sum += (uint8_t)text[6];
        close(fd);
        unlink(name);
    }
    return sum;
}

/* Code that is written again and again, as by a compiler at run time. */
static uint64_t sys_smc(void)
{
    uint64_t sum = 0;
    uint32_t *code =
        mmap(NULL, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    must(code != MAP_FAILED, "mmap");
    for (unsigned i = 0; i < 40000; i++) {
        uint32_t *at = code + (i % 512) * 16;

        at[0] = 0x52800000 | (i & 0xffff) << 5; /* mov w0, #i */
        at[1] = 0x11000400;                     /* add w0, w0, #1 */
        at[2] = 0xd65f03c0;                     /* ret */
        __builtin___clear_cache((char *)at, (char *)(at + 3));
        for (int k = 0; k < 4; k++) {
            sum += ((unsigned (*)(void))at)();
        }
    }
    return sum;
}

/* A small compiler at run time: functions in a page with the data that they count in beside them,
 * one in eight calls of them is to a new one. */
static uint64_t sys_jit(void)
{
    enum { FUNCTIONS = 64, WORDS = 32 };
    uint64_t sum = 0;
    uint32_t *code =
        mmap(NULL, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    must(code != MAP_FAILED, "mmap");
    for (unsigned i = 0; i < 40000; i++) {
        uint32_t *at = code + i % FUNCTIONS * WORDS, made = i / FUNCTIONS + 1;

        at[0] = 0x100000c1 + i % 4 * 0x100;        /* adr x1, a word of data behind the code */
        at[1] = 0xb9400020;                        /* ldr w0, [x1] */
        at[2] = 0x11000000 | (made & 0xfff) << 10; /* add w0, w0, #made */
        at[3] = 0xb9000020;                        /* str w0, [x1] */
        at[4] = 0xd65f03c0;                        /* ret */
        __builtin___clear_cache((char *)at, (char *)(at + 5));
        for (unsigned k = 0; k < 8; k++) {
            unsigned n = made > 1 || !k ? (i + k * k * 5) % FUNCTIONS : 0;

            sum += ((unsigned (*)(void))(code + n * WORDS))();
        }
    }
    return sum;
}

/* Registers of a device: the PL031's, which no driver of this guest has claimed. */
static uint64_t sys_mmio(void)
{
    enum { RTC = 0x9010000, MATCH = 4 / 4, ID = 0xfe0 / 4 };
    uint64_t sum = 0;
    int fd = open("/dev/mem", O_RDWR | O_SYNC);
    volatile uint32_t *rtc =
        fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, RTC);

    must(rtc != MAP_FAILED, "/dev/mem");
    for (uint32_t i = 0; i < 400000; i++) {
        rtc[MATCH] = i;
        sum = sum * 3 + rtc[MATCH] + rtc[ID + 4 + i % 4] + rtc[ID];
    }
    return sum;
}

/* ---- two CPUs ---- */

static volatile uint64_t turn;

static void *sys_turns(void *arg)
{
    uint64_t me = (uint64_t)(uintptr_t)arg;

    for (int i = 0; i < 200000; i++) {
        while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != me) {
        }
        __atomic_store_n(&turn, 1 - me, __ATOMIC_RELEASE);
    }
    return NULL;
}

static void *sys_locks(void *arg)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    uint64_t *sum = arg;

    for (int i = 0; i < 1500000; i++) {
        pthread_mutex_lock(&lock);
        ++*sum;
        pthread_mutex_unlock(&lock);
        __atomic_fetch_add(sum + 1, 1, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void *sys_work(void *arg)
{
    static uint32_t table[2][4096];
    uint32_t *t = table[(uintptr_t)arg], s = 1;

    for (int n = 0; n < 12000; n++) {
        for (int i = 0; i < 4096; i++) {
            s = s * 1664525 + t[s >> 20];
            t[i] ^= s;
        }
    }
    return (void *)(uintptr_t)s;
}

static uint64_t sys_two(void *(*fn)(void *), void *a, void *b)
{
    pthread_t one, two;
    void *x, *y;

    must(!pthread_create(&one, NULL, fn, a) && !pthread_create(&two, NULL, fn, b), "pthread");
    pthread_join(one, &x);
    pthread_join(two, &y);
    return (uint64_t)(uintptr_t)x + (uint64_t)(uintptr_t)y;
}

static uint64_t sys_two_turns(void)
{
    return sys_two(sys_turns, (void *)0, (void *)1);
}

static uint64_t sys_two_locks(void)
{
    static uint64_t sum[2];

    sys_two(sys_locks, sum, sum);
    return sum[0] + sum[1];
}

static uint64_t sys_two_work(void)
{
    return sys_two(sys_work, (void *)0, (void *)1);
}

static uint64_t sys_nothing(void)
{
    exit(7);
}

static const struct {
    const char *name;
    uint64_t (*run)(void);
} programs[] = {
    { "syscall", sys_calls },    { "fork", sys_fork },      { "exec", sys_exec },
    { "pipe", sys_pipe },        { "fault", sys_faults },   { "mmap", sys_mmap },
    { "signal", sys_signals },   { "file", sys_files },     { "smc", sys_smc },
    { "jit", sys_jit },          { "mmio", sys_mmio },      { "turns2", sys_two_turns },
    { "locks2", sys_two_locks }, { "work2", sys_two_work }, { "pipe2", sys_pipe },
    { "nothing", sys_nothing },
};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        if (argc > 1 && !strcmp(argv[1], programs[i].name)) {
            printf("%llx\n", (unsigned long long)programs[i].run());
            return 0;
        }
    }
    fprintf(stderr, "system: which program?\n");
    return 1;
}
