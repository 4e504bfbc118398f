/* Any other processor: nothing to report, portable code throughout. */
#if !defined(__x86_64__) && !defined(__aarch64__)

#include "core/cpu.h"

const char *const lv_cpu_names[] = {"none"};
const size_t lv_cpu_names_count = 0;

uint64_t lv_cpu_detect(void)
{
    return 0;
}

#else
typedef int lv_cpu_other_is_empty_here;
#endif
