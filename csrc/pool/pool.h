/* The threads that share the core's large calls. How many there may be is lv_threads_set's to say, in lv_core.h. */
#ifndef LV_POOL_H
#define LV_POOL_H

#include <stddef.h>

/* Calls task(context, i) once for every i below `tasks`, on the calling thread and on as many others as lv_threads allows,
 * in no particular order, and returns when all calls have. What the caller wrote before is seen by every task, and what the
 * tasks wrote is seen by the caller afterwards.
 *
 * Cannot fail: threads that cannot be had are done without. With one thread or one task it is a plain loop.
 *
 * Called from within a task that several threads share, it is a plain loop as well. Several threads may call at once: each
 * works on its own tasks, workers help the one that came first, and nobody waits for the tasks of another. A task must not
 * fork.
 *
 * To hand out a task takes nanoseconds, to wake workers the caller some microseconds, and they are at work some 30
 * microseconds later. So what one thread does in less than 100 microseconds had better be one task, and larger calls a few
 * tasks for every thread, so that a slow one leaves nobody waiting. */
void lv_pool_run(void (*task)(void *context, size_t index), void *context, size_t tasks);

#endif
