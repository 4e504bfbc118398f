/* The threads of the core from C, to be run under sanitizers: one function a promise of pool.h or lv_core.h, named on the
 * command line. What tasks and callers share is plain memory, so that the thread sanitizer sees every order that is missing. */
#define _GNU_SOURCE
#include "lv_core.h"
#include "pool/pool.h"

#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHECK(condition)                                                                                               \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                      \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

enum { MOST = 1000 };

/* gcc says it with a macro, clang with a feature. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define __SANITIZE_THREAD__ 1
#endif
#endif

#if defined(__SANITIZE_THREAD__)
enum { IN_CHILD = 1 }; /* the sanitizer knows no new threads in a child */

/* Otherwise every child that ends waits for a second. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "atexit_sleep_ms=0";
}
#else
enum { IN_CHILD = 3 };
#endif

static void allow(uint32_t threads)
{
    CHECK(lv_threads_set(threads) == LV_OK);
}

static void pause_for(long microseconds)
{
    const struct timespec length = {0, microseconds * 1000};
    (void)nanosleep(&length, NULL);
}

static void *do_nothing(void *unused)
{
    return unused;
}

/* How many threads the process has; the thread sanitizer has one of its own, which comes with the first. */
static int threads_now(void)
{
    int count = 0;
    DIR *folder = opendir("/proc/self/task");
    CHECK(folder != NULL);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(folder);
    return count;
}

/* Waits for it up to ten seconds: a thread that has been told to end, or has ended, is still seen for a moment. */
static int becomes(int threads)
{
    for (int i = 0; i < 10000 && threads_now() != threads; i++) {
        pause_for(1000);
    }
    return threads_now() == threads;
}

/* What one call reads and writes. */
struct sums {
    uint32_t in[MOST];
    uint32_t out[MOST];
    uint32_t seed;
};

static void add(void *context, size_t index)
{
    struct sums *sums = context;
    sums->out[index] += sums->in[index] + 1;
}

/* One call over `tasks` tasks, and whether each ran once and none beyond them. */
static void run_and_look(struct sums *sums, size_t tasks)
{
    sums->seed++;
    for (size_t i = 0; i < MOST; i++) {
        sums->in[i] = sums->seed + (uint32_t)i;
        sums->out[i] = 5;
    }
    lv_pool_run(add, sums, tasks);
    for (size_t i = 0; i < MOST; i++) {
        CHECK(sums->out[i] == (i < tasks ? 6 + sums->in[i] : 5));
    }
}

static void every_task_runs_once_and_is_seen(void)
{
    static struct sums sums;
    for (uint32_t threads = 1; threads <= 9; threads++) {
        allow(threads);
        for (size_t tasks = 0; tasks <= MOST; tasks += tasks < 40 ? 1 : 37) {
            run_and_look(&sums, tasks);
        }
        run_and_look(&sums, MOST);
    }
}

struct order {
    pthread_t caller;
    size_t next;
};

static void follow(void *context, size_t index)
{
    struct order *order = context;
    CHECK(pthread_equal(pthread_self(), order->caller));
    CHECK(order->next == index);
    order->next++;
}

static void one_thread_or_one_task_is_a_plain_loop(void)
{
    const int before = threads_now();
    struct order order = {pthread_self(), 0};
    lv_pool_run(follow, &order, MOST);
    CHECK(order.next == MOST);
    allow(9);
    order.next = 0;
    lv_pool_run(follow, &order, 1);
    lv_pool_run(follow, &order, 0);
    CHECK(order.next == 1);
    CHECK(threads_now() == before);
}

/* A task that ends only when as many threads as the barrier counts are at one. */
static void meet(void *barrier, size_t index)
{
    (void)index;
    (void)pthread_barrier_wait(barrier);
}

static void call_together(unsigned threads)
{
    pthread_barrier_t barrier;
    CHECK(pthread_barrier_init(&barrier, NULL, threads) == 0);
    lv_pool_run(meet, &barrier, threads);
    CHECK(pthread_barrier_destroy(&barrier) == 0);
}

static void workers_come_whenever_they_are_needed(void)
{
    for (int round = 0; round < 300; round++) {
        for (uint32_t threads = 2; threads <= 6; threads++) {
            allow(threads);
            call_together(threads);
            call_together(2);
        }
    }
}

static void there_are_never_more_workers_than_allowed(void)
{
    const int before = threads_now();
    allow(5);
    CHECK(threads_now() == before);
    call_together(5);
    CHECK(threads_now() == before + 4);
    call_together(3);
    CHECK(threads_now() == before + 4);
    allow(2);
    CHECK(becomes(before + 1));
    call_together(2);
    CHECK(threads_now() == before + 1);
    allow(LV_THREADS_MAX);
    call_together(LV_THREADS_MAX);
    CHECK(threads_now() == before + LV_THREADS_MAX - 1);
    allow(1);
    CHECK(becomes(before));
}

/* Threads that call again and again; none begins or ends while this one does something else, because what an address
 * sanitizer locks in a thread that ends stays locked in a child. */
struct callers {
    pthread_barrier_t barrier;
    atomic_int may_end;
};

static void *call_many_times(void *context)
{
    struct callers *callers = context;
    struct sums sums = {.seed = (uint32_t)(uintptr_t)&sums};
    (void)pthread_barrier_wait(&callers->barrier);
    for (size_t i = 0; i < 300 || !atomic_load(&callers->may_end); i++) {
        run_and_look(&sums, (i * 7) % 100);
    }
    return NULL;
}

static void with_callers(void (*meanwhile)(void))
{
    enum { COUNT = 5 };
    pthread_t threads[COUNT];
    struct callers callers = {.may_end = 0};
    CHECK(pthread_barrier_init(&callers.barrier, NULL, COUNT + 1) == 0);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK(pthread_create(&threads[i], NULL, call_many_times, &callers) == 0);
    }
    (void)pthread_barrier_wait(&callers.barrier);
    meanwhile();
    atomic_store(&callers.may_end, 1);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    CHECK(pthread_barrier_destroy(&callers.barrier) == 0);
}

static void call_too(void)
{
    static struct sums sums;
    for (size_t i = 0; i < 300; i++) {
        run_and_look(&sums, i);
    }
}

static void callers_do_not_disturb_each_other(void)
{
    allow(4);
    with_callers(call_too);
    call_together(4);
}

static void change_the_number(void)
{
    for (uint32_t i = 0; i < 3000; i++) {
        const uint32_t threads = i * i % 9 + 1;
        allow(threads);
        CHECK(lv_threads() == threads);
        if (i % 16 == 0) {
            pause_for(100);
        }
    }
}

static void the_number_may_change_while_calls_run(void)
{
    const int before = threads_now();
    with_callers(change_the_number);
    allow(6);
    call_together(6);
    CHECK(becomes(before + 5));
}

/* Threads that each call once: they gather in their first task, and the one with the fewest tasks leaves the others. */
enum { GATHERING, CROWDED, ROOMY, PHASES };

struct crowd {
    pthread_barrier_t barrier;
    atomic_int phase;
    atomic_int helped[PHASES]; /* tasks that began in this phase on a thread that is no caller */
};

struct member {
    struct crowd *crowd;
    size_t tasks;
    pthread_t self;
    int has_met;
};

static void work_in_crowd(void *context, size_t index)
{
    struct member *member = context;
    struct crowd *crowd = member->crowd;
    if (!pthread_equal(pthread_self(), member->self)) {
        (void)atomic_fetch_add(&crowd->helped[atomic_load(&crowd->phase)], 1);
    } else if (!member->has_met) {
        member->has_met = 1;
        (void)pthread_barrier_wait(&crowd->barrier);
        atomic_store(&crowd->phase, CROWDED);
    }
    pause_for(1000);
    if (index + 1 == member->tasks) {
        atomic_store(&crowd->phase, ROOMY);
    }
}

static void *join_crowd(void *context)
{
    struct member *member = context;
    member->self = pthread_self();
    lv_pool_run(work_in_crowd, member, member->tasks);
    return NULL;
}

static void workers_step_back_for_callers_and_return(void)
{
    pthread_t callers[3];
    struct crowd crowd = {.phase = GATHERING};
    struct member members[3] = {{.tasks = 200}, {.tasks = 600}, {.tasks = 600}};
    const clock_t before = clock();
    CHECK(pthread_barrier_init(&crowd.barrier, NULL, 3) == 0);
    allow(3);
    for (size_t i = 0; i < 3; i++) {
        members[i].crowd = &crowd;
        CHECK(pthread_create(&callers[i], NULL, join_crowd, &members[i]) == 0);
    }
    for (size_t i = 0; i < 3; i++) {
        CHECK(pthread_join(callers[i], NULL) == 0);
    }
    /* Each of the two workers may have been about to begin one. */
    CHECK(atomic_load(&crowd.helped[CROWDED]) <= 2);
    CHECK(atomic_load(&crowd.helped[ROOMY]) > 10);
    CHECK(clock() - before < CLOCKS_PER_SEC / 10); /* all sleep, also those who wait for room */
    CHECK(pthread_barrier_destroy(&crowd.barrier) == 0);
}

static void look_within(void *context, size_t index)
{
    (void)context, (void)index;
    struct order order = {pthread_self(), 0};
    lv_pool_run(follow, &order, 20);
    CHECK(order.next == 20);
}

static void a_call_within_a_task_is_a_plain_loop(void)
{
    allow(4);
    for (int i = 0; i < 100; i++) {
        lv_pool_run(look_within, NULL, 50);
    }
    call_together(4);
}

static void be_a_child(void)
{
    static struct sums sums;
    const int before = threads_now();
    CHECK(IN_CHILD == 1 || before == 1);
    allow(IN_CHILD);
    for (size_t i = 0; i < 5; i++) {
        run_and_look(&sums, 1 + 30 * i);
    }
    call_together(IN_CHILD);
    CHECK(IN_CHILD == 1 || threads_now() == IN_CHILD);
}

static void fork_and_wait(void)
{
    int status = 0;
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        be_a_child();
        exit(0); /* with all that is done at the end of a process */
    }
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(status == 0);
}

static void fork_many_times(void)
{
    for (int i = 0; i < 30; i++) {
        fork_and_wait();
    }
}

static void a_child_begins_without_workers_and_has_its_own(void)
{
    allow(5);
    call_together(5);
    fork_and_wait();
    call_together(5);
}

static void a_fork_amid_calls_leaves_a_working_child(void)
{
    allow(4);
    call_together(4);
    with_callers(fork_many_times);
    call_together(4);
}

/* A call whose tasks end when they are told to. */
struct held {
    atomic_int inside;
    atomic_int may_end;
};

static void hold(void *context, size_t index)
{
    struct held *held = context;
    (void)index;
    (void)atomic_fetch_add(&held->inside, 1);
    while (!atomic_load(&held->may_end)) {
        pause_for(100);
    }
}

static void *call_held(void *held)
{
    lv_pool_run(hold, held, 100);
    return NULL;
}

static void a_call_that_the_parent_is_in_is_none_of_the_childs(void)
{
    pthread_t caller;
    struct held held = {.inside = 0};
    allow(5);
    CHECK(pthread_create(&caller, NULL, call_held, &held) == 0);
    while (atomic_load(&held.inside) < 5) {
        pause_for(100);
    }
    fork_and_wait();
    atomic_store(&held.may_end, 1);
    CHECK(pthread_join(caller, NULL) == 0);
    CHECK(atomic_load(&held.inside) == 100);
    call_together(5);
}

static void look_at_worker(void *context, size_t index)
{
    pthread_attr_t attributes;
    sigset_t blocked;
    size_t stack = 0;
    char name[17] = "";
    meet(((void **)context)[0], index);
    if (pthread_equal(pthread_self(), *(pthread_t *)((void **)context)[1])) {
        return;
    }
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &blocked) == 0);
    const int foreign[] = {SIGINT, SIGTERM, SIGHUP, SIGALRM, SIGUSR1, SIGCHLD, SIGPIPE, SIGRTMAX};
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        CHECK(sigismember(&blocked, foreign[i]) == 1);
    }
    CHECK(sigismember(&blocked, SIGSEGV) == 0 && sigismember(&blocked, SIGBUS) == 0);
    CHECK(prctl(PR_GET_NAME, name) == 0 && strcmp(name, "localvault") == 0);
    CHECK(pthread_getattr_np(pthread_self(), &attributes) == 0);
    CHECK(pthread_attr_getstacksize(&attributes, &stack) == 0 && stack < 1024 * 1024);
    CHECK(pthread_attr_destroy(&attributes) == 0);
}

static void workers_are_named_small_and_take_no_signals(void)
{
    sigset_t before, after;
    pthread_t self = pthread_self();
    pthread_barrier_t barrier;
    void *context[] = {&barrier, &self};
    CHECK(pthread_barrier_init(&barrier, NULL, 3) == 0);
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &before) == 0);
    allow(3);
    lv_pool_run(look_at_worker, context, 3);
    CHECK(pthread_sigmask(SIG_BLOCK, NULL, &after) == 0);
    for (int number = 1; number < 32; number++) {
        CHECK(sigismember(&before, number) == sigismember(&after, number));
    }
    CHECK(pthread_barrier_destroy(&barrier) == 0);
}

static void without_more_threads_the_caller_works_alone(void)
{
    static struct sums sums;
    struct rlimit limit;
    const int before = threads_now();
    CHECK(getrlimit(RLIMIT_NPROC, &limit) == 0);
    const struct rlimit none = {0, limit.rlim_max};
    CHECK(setrlimit(RLIMIT_NPROC, &none) == 0);
    /* The superuser may start whatever the limit says. */
    if (geteuid() == 0) {
        CHECK(setgid(65534) == 0 && setuid(65534) == 0);
        CHECK(prctl(PR_SET_DUMPABLE, 1) == 0); /* or the leak sanitizer may not look */
    }
    allow(4);
    for (size_t tasks = 0; tasks <= MOST; tasks += 50) {
        run_and_look(&sums, tasks);
    }
    CHECK(lv_threads() == 4 && threads_now() == before);
    CHECK(setrlimit(RLIMIT_NPROC, &limit) == 0);
    call_together(4);
    CHECK(threads_now() == before + 3);
}

static void numbers_out_of_range_change_nothing(void)
{
    CHECK(lv_threads() == 1);
    allow(LV_THREADS_MAX);
    const uint32_t numbers[] = {0, LV_THREADS_MAX + 1, UINT32_MAX};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        CHECK(lv_threads_set(numbers[i]) == LV_OUT_OF_RANGE);
        CHECK(lv_threads() == LV_THREADS_MAX);
    }
}

static void *call_for_ever(void *unused)
{
    static struct sums sums;
    (void)unused;
    while (lv_threads() > 0) {
        run_and_look(&sums, 100);
    }
    return NULL;
}

static void the_process_may_end_while_a_call_runs(void)
{
    pthread_t caller;
    allow(6);
    CHECK(pthread_create(&caller, NULL, call_for_ever, NULL) == 0);
    CHECK(pthread_detach(caller) == 0);
    pause_for(20000);
}

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
#define TEST(name) {#name, name}
    TEST(every_task_runs_once_and_is_seen),
    TEST(one_thread_or_one_task_is_a_plain_loop),
    TEST(workers_come_whenever_they_are_needed),
    TEST(there_are_never_more_workers_than_allowed),
    TEST(callers_do_not_disturb_each_other),
    TEST(the_number_may_change_while_calls_run),
    TEST(workers_step_back_for_callers_and_return),
    TEST(a_call_within_a_task_is_a_plain_loop),
    TEST(a_child_begins_without_workers_and_has_its_own),
    TEST(a_fork_amid_calls_leaves_a_working_child),
    TEST(a_call_that_the_parent_is_in_is_none_of_the_childs),
    TEST(workers_are_named_small_and_take_no_signals),
    TEST(without_more_threads_the_caller_works_alone),
    TEST(numbers_out_of_range_change_nothing),
    TEST(the_process_may_end_while_a_call_runs),
};

/* Without an argument: prints the names. With one: runs that test. */
int main(int argc, char **argv)
{
    pthread_t first;
    CHECK(pthread_create(&first, NULL, do_nothing, NULL) == 0 && pthread_join(first, NULL) == 0);
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        if (argc < 2) {
            (void)puts(tests[i].name);
        } else if (strcmp(argv[1], tests[i].name) == 0) {
            tests[i].run();
            return 0;
        }
    }
    return argc < 2 ? 0 : 2;
}
