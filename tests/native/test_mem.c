/* Locked memory from C, to be run under sanitizers: one function a promise of lv_core.h, named on the command line. */
#define _GNU_SOURCE
#include "lv_core.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                      \
            exit(1);                                                                                                   \
        }                                                                                                              \
    } while (0)

static lv_locked *make(size_t size)
{
    lv_locked *handle = NULL;
    CHECK(lv_locked_new(size, &handle) == LV_OK);
    CHECK(lv_locked_size(handle) == size);
    return handle;
}

static int all_zero(const uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != 0) {
            return 0;
        }
    }
    return 1;
}

static struct lv_mem_report report(void)
{
    struct lv_mem_report sums;
    lv_mem_report(&sums);
    return sums;
}

/* Runs `act` in a child and returns how the child ended. */
static int status_of_child(void (*act)(lv_locked *), lv_locked *handle)
{
    int status = 0;
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        (void)freopen("/dev/null", "w", stderr);
        act(handle);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

static void every_size_is_zeroed_aligned_and_writable(void)
{
    for (size_t size = 0; size <= 5000; size++) {
        lv_locked *handle = make(size);
        uint8_t *bytes = lv_locked_bytes(handle);
        CHECK((uintptr_t)bytes % 16 == 0);
        CHECK(all_zero(bytes, size));
        (void)memset(bytes, 0xff, size);
        lv_locked_free(handle);
    }
    CHECK(report().handles == 0);
}

static void freed_bytes_are_wiped(void)
{
    /* Another handle of like size keeps the region mapped, so that the freed cell can be looked at. */
    lv_locked *stays = make(32), *goes = make(32);
    uint8_t *bytes = lv_locked_bytes(goes);
    CHECK(lv_locked_random(goes) == LV_OK && !all_zero(bytes, 32));
    lv_locked_free(goes);
    CHECK(all_zero(bytes, 32));
    lv_locked_free(stays);
}

static void handles_do_not_overlap(void)
{
    enum { COUNT = 3000 };
    static lv_locked *handles[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        handles[i] = make(i % 100);
        (void)memset(lv_locked_bytes(handles[i]), (int)(i % 251 + 1), i % 100);
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t k = 0; k < i % 100; k++) {
            CHECK(lv_locked_bytes(handles[i])[k] == i % 251 + 1);
        }
    }
    for (size_t i = 0; i < COUNT; i += 2) {
        lv_locked_free(handles[i]);
    }
    for (size_t i = 0; i < COUNT; i += 2) {
        handles[i] = make(i % 100);
        CHECK(all_zero(lv_locked_bytes(handles[i]), i % 100));
    }
    for (size_t i = 0; i < COUNT; i++) {
        lv_locked_free(handles[i]);
    }
    CHECK(report().handles == 0);
}

static void thousands_of_keys_fit_into_few_pages(void)
{
    enum { COUNT = 10000 };
    static lv_locked *handles[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        handles[i] = make(32);
    }
    CHECK(report().handles == COUNT);
    CHECK(report().bytes < (size_t)COUNT * 64);
    for (size_t i = 0; i < COUNT; i++) {
        lv_locked_free(handles[i]);
    }
    CHECK(report().regions <= 1);
}

static void write_behind(lv_locked *handle)
{
    lv_locked_bytes(handle)[lv_locked_size(handle)] ^= 1;
}

static void overrun_of_a_key_stops_the_process(void)
{
    /* Sizes that leave an end of the cell over, and those that fill it. */
    for (size_t step = 0; step <= 62; step++) {
        const size_t size = step < 56 ? step * 37 : (size_t)32 << (step - 56);
        const pid_t child = fork();
        if (child == 0) {
            (void)freopen("/dev/null", "w", stderr);
            lv_locked *handle = make(size);
            write_behind(handle);
            lv_locked_free(handle);
            _exit(0);
        }
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

static void underrun_of_a_key_stops_the_process(void)
{
    const size_t sizes[] = {1, 32, 33, 2048, 2049, 10000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const pid_t child = fork();
        if (child == 0) {
            (void)freopen("/dev/null", "w", stderr);
            lv_locked *handle = make(sizes[i]);
            lv_locked_bytes(handle)[-1] ^= 1;
            lv_locked_free(handle);
            _exit(0);
        }
        int status = 0;
        CHECK(waitpid(child, &status, 0) == child);
        CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

static void touch_guard_behind(lv_locked *unused)
{
    (void)unused;
    lv_locked *handle = make(8192);
    ((volatile uint8_t *)lv_locked_bytes(handle))[8192] = 1;
}

static void touch_guard_before(lv_locked *unused)
{
    (void)unused;
    lv_locked *handle = make(32);
    ((volatile uint8_t *)lv_locked_bytes(handle))[-17] = 1;
}

static void guard_pages_stop_the_process(void)
{
    CHECK(status_of_child(touch_guard_behind, NULL) != 0);
    CHECK(status_of_child(touch_guard_before, NULL) != 0);
}

static void look_at_inherited(lv_locked *handle)
{
    CHECK(lv_locked_is_forked(handle));
    CHECK(all_zero(lv_locked_bytes(handle), lv_locked_size(handle)));
    CHECK(lv_locked_random(handle) == LV_FORKED);
    lv_locked_free(handle);
    CHECK(report().handles == 0 && report().regions == 0);
    lv_locked *own = make(32);
    CHECK(!lv_locked_is_forked(own) && lv_locked_random(own) == LV_OK);
    lv_locked_free(own);
}

static void a_child_reads_zeros_and_is_told(void)
{
    const size_t sizes[] = {32, 2048, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        lv_locked *handle = make(sizes[i]);
        CHECK(lv_locked_random(handle) == LV_OK);
        CHECK(status_of_child(look_at_inherited, handle) == 0);
        CHECK(!lv_locked_is_forked(handle) && !all_zero(lv_locked_bytes(handle), sizes[i]));
        lv_locked_free(handle);
    }
}

static void *make_and_free(void *seed)
{
    unsigned state = (unsigned)(uintptr_t)seed;
    lv_locked *held[16] = {0};
    for (int i = 0; i < 4000; i++) {
        state = state * 1103515245u + 12345u;
        const size_t at = (state >> 8) % 16, size = (state >> 12) % 3000;
        lv_locked_free(held[at]);
        held[at] = make(size);
        CHECK(all_zero(lv_locked_bytes(held[at]), size));
        (void)memset(lv_locked_bytes(held[at]), 0xaa, size);
    }
    for (size_t i = 0; i < 16; i++) {
        lv_locked_free(held[i]);
    }
    return NULL;
}

static void threads_do_not_disturb_each_other(void)
{
    pthread_t threads[4];
    for (uintptr_t i = 0; i < 4; i++) {
        CHECK(pthread_create(&threads[i], NULL, make_and_free, (void *)(i + 1)) == 0);
    }
    for (size_t i = 0; i < 4; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(report().handles == 0);
}

/* Forks while other threads hold the lock most of the time: the child must still be able to make handles. */
static void a_fork_amid_threads_leaves_a_working_child(void)
{
    pthread_t threads[2];
    for (uintptr_t i = 0; i < 2; i++) {
        CHECK(pthread_create(&threads[i], NULL, make_and_free, (void *)(i + 1)) == 0);
    }
    for (int i = 0; i < 50; i++) {
        lv_locked *handle = make(32);
        CHECK(status_of_child(look_at_inherited, handle) == 0);
        lv_locked_free(handle);
    }
    for (size_t i = 0; i < 2; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
}

static void impossible_sizes_are_refused(void)
{
    lv_locked *handle = NULL;
    CHECK(lv_locked_new(SIZE_MAX, &handle) == LV_NO_MEMORY);
    CHECK(lv_locked_new(SIZE_MAX - 15, &handle) == LV_NO_MEMORY);
    CHECK(lv_locked_new(SIZE_MAX / 2, &handle) == LV_NO_MEMORY);
    CHECK(lv_locked_new((size_t)1 << 60, &handle) == LV_NO_MEMORY);
    CHECK(handle == NULL && report().handles == 0);
    lv_locked_free(NULL);
}

static void equal_agrees_with_memcmp_on_every_single_bit(void)
{
    uint8_t a[67], b[67];
    for (size_t i = 0; i < sizeof a; i++) {
        a[i] = b[i] = (uint8_t)(i * 7);
    }
    CHECK(lv_equal(a, b, 0) == 1 && lv_equal(NULL, NULL, 0) == 1);
    for (size_t length = 1; length <= sizeof a; length++) {
        CHECK(lv_equal(a, b, length) == 1);
        for (size_t bit = 0; bit < length * 8; bit++) {
            b[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            CHECK(lv_equal(a, b, length) == 0);
            b[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
    }
}

static void wipe_zeroes_exactly_what_it_is_given(void)
{
    uint8_t bytes[64];
    for (size_t length = 0; length <= 32; length++) {
        (void)memset(bytes, 0xff, sizeof bytes);
        lv_wipe(bytes + 16, length);
        CHECK(all_zero(bytes + 16, length) && bytes[15] == 0xff && bytes[16 + length] == 0xff);
    }
    lv_wipe(NULL, 0);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static void without_a_lock_limit_left_memory_still_works_and_says_so(void)
{
    const struct rlimit none = {0, 0};
    CHECK(setrlimit(RLIMIT_MEMLOCK, &none) == 0);
    /* The superuser may lock whatever the limit says. */
    if (geteuid() == 0) {
        CHECK(setgid(65534) == 0 && setuid(65534) == 0);
    }
    lv_locked *handle = make(100000);
    CHECK(!lv_locked_is_locked(handle));
    CHECK(lv_locked_random(handle) == LV_OK);
    lv_locked_free(handle);
}
#endif

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
#define TEST(name) {#name, name}
    TEST(every_size_is_zeroed_aligned_and_writable),
    TEST(freed_bytes_are_wiped),
    TEST(handles_do_not_overlap),
    TEST(thousands_of_keys_fit_into_few_pages),
    TEST(overrun_of_a_key_stops_the_process),
    TEST(underrun_of_a_key_stops_the_process),
    TEST(guard_pages_stop_the_process),
    TEST(a_child_reads_zeros_and_is_told),
    TEST(threads_do_not_disturb_each_other),
    TEST(a_fork_amid_threads_leaves_a_working_child),
    TEST(impossible_sizes_are_refused),
    TEST(equal_agrees_with_memcmp_on_every_single_bit),
    TEST(wipe_zeroes_exactly_what_it_is_given),
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* their mlock does nothing */
    TEST(without_a_lock_limit_left_memory_still_works_and_says_so),
#endif
};

/* Without an argument: prints the names. With one: runs that test. */
int main(int argc, char **argv)
{
    lv_locked *early = NULL;
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        if (argc < 2) {
            (void)puts(tests[i].name);
        } else if (strcmp(argv[1], tests[i].name) == 0) {
            CHECK(lv_locked_new(1, &early) == LV_NO_INIT && early == NULL);
            CHECK(lv_init() == LV_OK && lv_init() == LV_OK);
            tests[i].run();
            return 0;
        }
    }
    return argc < 2 ? 0 : 2;
}
