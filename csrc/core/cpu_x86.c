/* x86-64: what cpuid says, less what the operating system does not save on a context switch. */
#if defined(__x86_64__)

#include "core/cpu.h"

#include <cpuid.h>

/* The registers of one cpuid leaf, by position. */
enum { EAX, EBX, ECX, EDX };

/* Which vector registers a feature needs the operating system to save. */
enum { NEEDS_NONE, NEEDS_AVX, NEEDS_AVX512 };

struct feature {
    uint32_t leaf;
    uint32_t reg;
    uint32_t bit;
    uint32_t needs;
};

/* Intel SDM volume 2A, CPUID. The order is that of lv_cpu_names below. */
static const struct feature table[] = {
    {1, ECX, 9, NEEDS_NONE},    {1, ECX, 19, NEEDS_NONE},   {1, ECX, 1, NEEDS_NONE},    {1, ECX, 25, NEEDS_NONE},
    {1, ECX, 28, NEEDS_AVX},    {7, EBX, 5, NEEDS_AVX},     {7, EBX, 8, NEEDS_NONE},    {7, EBX, 29, NEEDS_NONE},
    {7, ECX, 9, NEEDS_AVX},     {7, ECX, 10, NEEDS_AVX},    {7, ECX, 8, NEEDS_NONE},    {7, EBX, 16, NEEDS_AVX512},
    {7, EBX, 30, NEEDS_AVX512}, {7, EBX, 31, NEEDS_AVX512}, {7, EBX, 21, NEEDS_AVX512}, {7, ECX, 1, NEEDS_AVX512},
};

const char *const lv_cpu_names[] = {
    "ssse3", "sse4.1",     "pclmulqdq", "aes",      "avx",      "avx2",     "bmi2",       "sha",
    "vaes",  "vpclmulqdq", "gfni",      "avx512f",  "avx512bw", "avx512vl", "avx512ifma", "avx512vbmi",
};
const size_t lv_cpu_names_count = sizeof lv_cpu_names / sizeof lv_cpu_names[0];

_Static_assert(sizeof lv_cpu_names / sizeof lv_cpu_names[0] == sizeof table / sizeof table[0], "one name a feature");

/* XCR0: which registers the operating system saves. Only to be called when cpuid reports OSXSAVE. */
static uint64_t saved_state(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return ((uint64_t)high << 32) | low;
}

static uint32_t vector_support(const uint32_t leaf1[4])
{
    const uint32_t osxsave = 1u << 27;
    const uint64_t avx = 0x6, avx512 = 0xe6; /* XMM and YMM; and opmask, ZMM halves */
    if ((leaf1[ECX] & osxsave) == 0) {
        return NEEDS_NONE;
    }
    const uint64_t saved = saved_state();
    if ((saved & avx512) == avx512) {
        return NEEDS_AVX512;
    }
    return (saved & avx) == avx ? NEEDS_AVX : NEEDS_NONE;
}

uint64_t lv_cpu_detect(void)
{
    uint32_t leaf1[4] = {0}, leaf7[4] = {0};
    uint64_t found = 0;
    if (!__get_cpuid(1, &leaf1[EAX], &leaf1[EBX], &leaf1[ECX], &leaf1[EDX])) {
        return 0;
    }
    (void)__get_cpuid_count(7, 0, &leaf7[EAX], &leaf7[EBX], &leaf7[ECX], &leaf7[EDX]);
    const uint32_t supported = vector_support(leaf1);
    for (size_t i = 0; i < lv_cpu_names_count; i++) {
        const uint32_t *regs = table[i].leaf == 1 ? leaf1 : leaf7;
        const uint64_t present = (regs[table[i].reg] >> table[i].bit) & 1u;
        found |= (table[i].needs <= supported ? present : 0) << i;
    }
    return found;
}

#else
typedef int lv_cpu_x86_is_empty_here;
#endif
