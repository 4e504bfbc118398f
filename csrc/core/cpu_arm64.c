/* 64-bit ARM: the kernel's word for it on Linux; on Apple silicon every model has the first four. */
#if defined(__aarch64__)

#include "core/cpu.h"

const char *const lv_cpu_names[] = {"aes", "pmull", "sha2", "crc32", "sha512", "sha3"};
const size_t lv_cpu_names_count = sizeof lv_cpu_names / sizeof lv_cpu_names[0];

#if defined(__linux__)

#include <sys/auxv.h>

/* Bits of AT_HWCAP, arch/arm64/include/uapi/asm/hwcap.h, in the order of lv_cpu_names. */
static const uint32_t hwcap_bits[] = {3, 4, 6, 7, 21, 17};

uint64_t lv_cpu_detect(void)
{
    const unsigned long capabilities = getauxval(AT_HWCAP);
    uint64_t found = 0;
    for (size_t i = 0; i < lv_cpu_names_count; i++) {
        found |= (uint64_t)((capabilities >> hwcap_bits[i]) & 1u) << i;
    }
    return found;
}

#elif defined(__APPLE__)

uint64_t lv_cpu_detect(void)
{
    return 0xf;
}

#else

uint64_t lv_cpu_detect(void)
{
    return 0;
}

#endif

#else
typedef int lv_cpu_arm64_is_empty_here;
#endif
