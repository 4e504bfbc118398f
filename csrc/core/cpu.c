/* The feature report: what the processor and the system allow, asked once at the first call. */
#include "core/cpu.h"
#include "lv_core.h"

#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint64_t features;

static void detect(void)
{
    features = lv_cpu_detect();
}

uint64_t lv_cpu_features(void)
{
    (void)pthread_once(&once, detect);
    return features;
}

const char *lv_cpu_feature_name(uint32_t bit)
{
    return bit < lv_cpu_names_count ? lv_cpu_names[bit] : NULL;
}
