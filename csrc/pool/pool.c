/* Workers that sleep until a call is large enough to share: who helps whom, when they start and end, what a fork does.
 *
 * One mutex guards the jobs and the table of workers. It is not held while tasks run: an atomic counter hands them out. A
 * job lies on the stack of its caller, who counts the workers that help and stays until the last of them has let go.
 *
 * No more threads work at once than the limit says, callers included: a worker helps only while there is room, and steps
 * back after its task when more callers have come. Only callers themselves can be more, being somebody else's threads.
 *
 * Rejected: a job of its own for every worker (needs a queue each, and stealing, for tasks that are alike anyway), and
 * workers that spin between calls (measured: no gain beyond noise, and other processes miss the core). */
#define _POSIX_C_SOURCE 200809L
#include "pool/pool.h"
#include "lv_core.h"
#include "mem/platform.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#define WORKERS_MAX (LV_THREADS_MAX - 1)

/* Kernels keep their buffers in locked memory, so a worker's stack holds a few frames. */
#define STACK_SIZE ((size_t)256 * 1024)

/* Some ten microseconds on an x86-64. */
#define LOOKS 500

#if defined(__x86_64__)
#define PAUSE() __builtin_ia32_pause()
#else
#define PAUSE() ((void)0)
#endif

struct job {
    struct job *next;
    void (*task)(void *context, size_t index);
    void *context;
    size_t tasks;
    atomic_size_t taken; /* how often somebody asked for a task: beyond `tasks` in the end */
    atomic_uint helpers; /* workers at it; written by whoever holds the mutex */
};

/* Where a place in the table of workers stands. ENDED: its thread has left or is about to, and is to be joined. */
enum { EMPTY, ALIVE, ENDED };

struct worker {
    pthread_t thread;
    int state;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static int is_fork_safe;

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t work = PTHREAD_COND_INITIALIZER; /* there may be a job to help with, or a worker too many */
static pthread_cond_t done = PTHREAD_COND_INITIALIZER; /* some job has lost its last helper */
static struct job *jobs;                               /* oldest first; by mutex */
static struct worker workers[WORKERS_MAX];             /* by mutex */
static int is_closed;                                  /* the process ends; by mutex */

/* Written by whoever holds the mutex, read by anyone: as hints they need no order. */
static atomic_uint limit = 1; /* threads that may work at once */
static atomic_uint running;   /* threads that do: callers and workers */

static _Thread_local int is_inside; /* this thread runs tasks of a job that is shared */

static unsigned now(const atomic_uint *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* ---- jobs, all with the mutex held but take ------------------------------------------------------------------------ */

/* The number of a task that nobody else has; none is left if it is not below job->tasks. The order of other memory is the
 * mutex's work: it is taken before the first task of every thread and after the last. */
static size_t take(struct job *job)
{
    return atomic_fetch_add_explicit(&job->taken, 1, memory_order_relaxed);
}

static unsigned room(void)
{
    return now(&limit) > now(&running) ? now(&limit) - now(&running) : 0;
}

static struct job *job_to_help(void)
{
    struct job *job = room() > 0 ? jobs : NULL;
    while (job != NULL && atomic_load_explicit(&job->taken, memory_order_relaxed) >= job->tasks) {
        job = job->next;
    }
    return job;
}

static void link_job(struct job *job)
{
    struct job **at = &jobs;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = job;
}

static void unlink_job(const struct job *job)
{
    struct job **at = &jobs;
    while (*at != job) {
        at = &(*at)->next;
    }
    *at = job->next;
}

static void enter(void)
{
    (void)atomic_fetch_add_explicit(&running, 1, memory_order_relaxed);
}

/* Whoever leaves makes room for one other. */
static void leave(void)
{
    (void)atomic_fetch_sub_explicit(&running, 1, memory_order_relaxed);
    if (job_to_help() != NULL) {
        (void)pthread_cond_signal(&work);
    }
}

/* ---- workers ------------------------------------------------------------------------------------------------------- */

static int is_wanted(size_t index)
{
    return index + 1 < now(&limit);
}

/* Runs tasks until there are none, or too many threads work. The mutex is held on entry and return, not meanwhile. */
static void help(struct job *job, size_t index)
{
    enter();
    (void)atomic_fetch_add_explicit(&job->helpers, 1, memory_order_relaxed);
    (void)pthread_mutex_unlock(&mutex);
    while (is_wanted(index) && now(&running) <= now(&limit)) {
        const size_t task = take(job);
        if (task >= job->tasks) {
            break;
        }
        job->task(job->context, task);
    }
    (void)pthread_mutex_lock(&mutex);
    if (atomic_fetch_sub_explicit(&job->helpers, 1, memory_order_relaxed) == 1) {
        (void)pthread_cond_broadcast(&done);
    }
    leave();
}

static void *serve(void *argument)
{
    struct worker *worker = argument;
    const size_t index = (size_t)(worker - workers);
    lv_os_name_thread("localvault");
    is_inside = 1;
    (void)pthread_mutex_lock(&mutex);
    while (is_wanted(index)) {
        struct job *job = job_to_help();
        if (job == NULL) {
            (void)pthread_cond_wait(&work, &mutex);
        } else {
            help(job, index);
        }
    }
    worker->state = ENDED;
    (void)pthread_mutex_unlock(&mutex);
    return NULL;
}

/* The signals a worker is not to be chosen for: all, since their handlers belong to the threads of the program, but not
 * those that a fault raises in the very thread: blocked, they would kill the process without its handler's report. */
static void fill_with_foreign_signals(sigset_t *signals)
{
    (void)sigfillset(signals);
    (void)sigdelset(signals, SIGSEGV);
    (void)sigdelset(signals, SIGBUS);
    (void)sigdelset(signals, SIGFPE);
    (void)sigdelset(signals, SIGILL);
}

/* A new thread inherits the signal mask, so it is the starting one's for a moment. 1 if there is a thread now, else 0. */
static int start_thread(struct worker *worker)
{
    sigset_t foreign, before;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) {
        return 0;
    }
    /* Where this is too small for the system, the stack is as large as the system's default. */
    (void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
    fill_with_foreign_signals(&foreign);
    (void)pthread_sigmask(SIG_BLOCK, &foreign, &before);
    const int failure = pthread_create(&worker->thread, &attributes, serve, worker);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return failure == 0;
}

/* With the mutex held, which a thread that has ended will not ask for again. */
static void start_missing(void)
{
    for (size_t i = 0; is_wanted(i); i++) {
        if (workers[i].state == ENDED) {
            (void)pthread_join(workers[i].thread, NULL);
            workers[i].state = EMPTY;
        }
        if (workers[i].state == EMPTY && !start_thread(&workers[i])) {
            return; /* the next call tries again */
        }
        workers[i].state = ALIVE;
    }
}

/* So that neither the code of a worker is unmapped under it nor a leak is reported. Who is in a call finishes it alone. */
__attribute__((destructor)) static void end_workers(void)
{
    int is_to_join[WORKERS_MAX];
    (void)pthread_mutex_lock(&mutex);
    is_closed = 1;
    atomic_store_explicit(&limit, 1, memory_order_relaxed);
    for (size_t i = 0; i < WORKERS_MAX; i++) {
        is_to_join[i] = workers[i].state != EMPTY;
    }
    (void)pthread_cond_broadcast(&work);
    (void)pthread_mutex_unlock(&mutex);
    for (size_t i = 0; i < WORKERS_MAX; i++) {
        if (is_to_join[i]) {
            (void)pthread_join(workers[i].thread, NULL);
        }
    }
}

/* ---- calls --------------------------------------------------------------------------------------------------------- */

static void open_job(struct job *job)
{
    (void)pthread_mutex_lock(&mutex);
    link_job(job);
    enter();
    start_missing();
    const size_t helpers = room() < job->tasks - 1 ? room() : job->tasks - 1;
    (void)pthread_mutex_unlock(&mutex);
    for (size_t i = 0; i < helpers; i++) {
        (void)pthread_cond_signal(&work);
    }
}

/* A helper's last task mostly ends within microseconds of the caller's, while to fall asleep and be woken takes twenty. */
static void look_out_for_helpers(const struct job *job)
{
    for (int i = 0; i < LOOKS && now(&job->helpers) > 0; i++) {
        PAUSE();
    }
}

static void close_job(struct job *job)
{
    look_out_for_helpers(job);
    (void)pthread_mutex_lock(&mutex);
    unlink_job(job);
    leave();
    while (now(&job->helpers) > 0) {
        (void)pthread_cond_wait(&done, &mutex);
    }
    (void)pthread_mutex_unlock(&mutex);
}

static void run_shared(void (*task)(void *context, size_t index), void *context, size_t tasks)
{
    struct job job = {.task = task, .context = context, .tasks = tasks};
    open_job(&job);
    is_inside = 1;
    for (size_t i = take(&job); i < tasks; i = take(&job)) {
        task(context, i);
    }
    is_inside = 0;
    close_job(&job);
}

void lv_pool_run(void (*task)(void *context, size_t index), void *context, size_t tasks)
{
    if (tasks > 1 && now(&limit) > 1 && !is_inside) {
        run_shared(task, context, tasks);
        return;
    }
    for (size_t i = 0; i < tasks; i++) {
        task(context, i);
    }
}

/* ---- forks and the limit ------------------------------------------------------------------------------------------- */

/* The mutex is held while the process forks, so no child inherits it from a thread that is not there to open it. */
static void before_fork(void)
{
    (void)pthread_mutex_lock(&mutex);
}

static void after_fork_in_parent(void)
{
    (void)pthread_mutex_unlock(&mutex);
}

/* Of all threads the child has the one that forked, which is in no call: no worker, no job, nobody waiting. */
static void after_fork_in_child(void)
{
    jobs = NULL;
    for (size_t i = 0; i < WORKERS_MAX; i++) {
        workers[i].state = EMPTY;
    }
    atomic_store_explicit(&running, 0, memory_order_relaxed);
    work = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    done = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    (void)pthread_mutex_unlock(&mutex);
}

static void prepare(void)
{
    is_fork_safe = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
}

/* The only way to more than one thread, so nothing locks the mutex before the handlers are there. */
int lv_threads_set(uint32_t count)
{
    if (count < 1 || count > LV_THREADS_MAX) {
        return LV_OUT_OF_RANGE;
    }
    (void)pthread_once(&once, prepare);
    if (!is_fork_safe) {
        return LV_NO_MEMORY;
    }
    (void)pthread_mutex_lock(&mutex);
    atomic_store_explicit(&limit, is_closed ? 1 : count, memory_order_relaxed);
    (void)pthread_cond_broadcast(&work);
    (void)pthread_mutex_unlock(&mutex);
    return LV_OK;
}

uint32_t lv_threads(void)
{
    return now(&limit);
}
