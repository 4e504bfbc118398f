/* One processor family's part of the feature report; exactly one of cpu_x86.c, cpu_arm64.c, cpu_other.c is compiled to
 * something. */
#ifndef LV_CPU_H
#define LV_CPU_H

#include <stddef.h>
#include <stdint.h>

/* The names of the bits, in order, and how many there are. */
extern const char *const lv_cpu_names[];
extern const size_t lv_cpu_names_count;

/* Asks the processor and the operating system. */
uint64_t lv_cpu_detect(void);

#endif
