/* One processor family's part of the feature report; exactly one of cpu_x86.c, cpu_arm64.c, cpu_other.c is compiled to
 * something. */
#ifndef LV_CPU_H
#define LV_CPU_H

#include <stddef.h>
#include <stdint.h>

/* Bits of lv_cpu_features on x86-64, in the order of cpu_x86.c. */
#define LV_CPU_SSSE3 (UINT64_C(1) << 0)
#define LV_CPU_SSE41 (UINT64_C(1) << 1)
#define LV_CPU_PCLMULQDQ (UINT64_C(1) << 2)
#define LV_CPU_AES (UINT64_C(1) << 3)
#define LV_CPU_AVX (UINT64_C(1) << 4)
#define LV_CPU_AVX2 (UINT64_C(1) << 5)
#define LV_CPU_BMI2 (UINT64_C(1) << 6)
#define LV_CPU_SHA (UINT64_C(1) << 7)
#define LV_CPU_VAES (UINT64_C(1) << 8)
#define LV_CPU_VPCLMULQDQ (UINT64_C(1) << 9)
#define LV_CPU_AVX512F (UINT64_C(1) << 11)
#define LV_CPU_AVX512BW (UINT64_C(1) << 12)
#define LV_CPU_AVX512VL (UINT64_C(1) << 13)
#define LV_CPU_AVX512IFMA (UINT64_C(1) << 14)

/* And on 64-bit ARM, in the order of cpu_arm64.c. */
#define LV_CPU_ARM_AES (UINT64_C(1) << 0)
#define LV_CPU_ARM_PMULL (UINT64_C(1) << 1)
#define LV_CPU_ARM_SHA2 (UINT64_C(1) << 2)

/* The names of the bits, in order, and how many there are. */
extern const char *const lv_cpu_names[];
extern const size_t lv_cpu_names_count;

/* Asks the processor and the operating system. */
uint64_t lv_cpu_detect(void);

#endif
