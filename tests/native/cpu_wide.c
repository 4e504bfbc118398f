/* A processor that says it has AVX-512, which wide/immintrin.h stands in for: takes the place of csrc/core/cpu.c. */
#include "core/cpu.h"
#include "lv_core.h"

uint64_t lv_cpu_features(void)
{
    return lv_cpu_detect() | LV_CPU_AVX512F | LV_CPU_AVX512BW | LV_CPU_AVX512VL;
}

const char *lv_cpu_feature_name(uint32_t bit)
{
    return bit < lv_cpu_names_count ? lv_cpu_names[bit] : NULL;
}
