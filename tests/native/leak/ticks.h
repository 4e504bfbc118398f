/* The finest clock a program may read by itself, kept in order with what it measures. */
#ifndef LV_LEAK_TICKS_H
#define LV_LEAK_TICKS_H

#include <stdint.h>

#if defined(__x86_64__)

#include <x86intrin.h>

/* Runs of the function between two readings: a tick is about a cycle here. */
#define LEAK_REPEAT 1

static inline uint64_t leak_ticks(void)
{
    unsigned unused;
    _mm_lfence();
    const uint64_t ticks = __rdtscp(&unused);
    _mm_lfence();
    return ticks;
}

#elif defined(__aarch64__)

/* The counter may stand still for a hundred cycles: more runs make a reading of several ticks. */
#define LEAK_REPEAT 32

static inline uint64_t leak_ticks(void)
{
    uint64_t ticks;
    __asm__ __volatile__("isb\n\tmrs %0, cntvct_el0\n\tisb" : "=r"(ticks) : : "memory");
    return ticks;
}

#else
#error "no clock is known for this processor"
#endif

#endif
